/* SPDX-License-Identifier: MIT */
/* The hypervisor's command line: any text gives a record whose strings end and whose lists fit. */
#include "hv/init/cmdline.h"

#include "hv/lib/string.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

void fuzz_init(void)
{
}

static void expect_text(const char *text, size_t size)
{
    EXPECT(strnlen(text, size) < size);
}

static void expect_amount(const struct cmdline_amount *a)
{
    EXPECT(cmdline_amount_bytes(a, 1ULL << 32) <= 1ULL << 32 || !a->negative);
}

void fuzz_one(const uint8_t *data, size_t size)
{
    static struct cmdline c;
    char *text = malloc(size + 1);

    EXPECT(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    memset(&c, 0xa5, sizeof(c));
    cmdline_parse(text, &c);
    expect_text(c.console, sizeof(c.console));
    expect_text(c.com[0], sizeof(c.com[0]));
    expect_text(c.com[1], sizeof(c.com[1]));
    expect_text(c.vga, sizeof(c.vga));
    expect_text(c.reboot, sizeof(c.reboot));
    expect_text(c.clocksource, sizeof(c.clocksource));
    expect_text(c.sched, sizeof(c.sched));
    EXPECT(c.complaint_count <= CMDLINE_COMPLAINTS_MAX);
    for (unsigned int i = 0; i < c.complaint_count; i++) {
        expect_text(c.complaints[i].name, sizeof(c.complaints[i].name));
    }
    EXPECT(c.dom0_denied_count <= CMDLINE_PORTS_MAX);
    for (unsigned int i = 0; i < c.dom0_denied_count; i++) {
        EXPECT(c.dom0_denied[i].first <= c.dom0_denied[i].last);
    }
    expect_amount(&c.dom0_mem);
    expect_amount(&c.dom0_mem_min);
    expect_amount(&c.dom0_mem_max);
    EXPECT(c.loglvl <= LOG_DEBUG && c.guest_loglvl <= LOG_DEBUG);
    free(text);
}
