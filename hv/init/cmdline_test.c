/* SPDX-License-Identifier: MIT */
/* The command line: values, refusals, and text that means nothing. */
#include "hv/init/cmdline.h"

#include "hv/lib/string.h"
#include "tests/unit/unit.h"

#define GB (1ULL << 30)

static struct cmdline c;

static const struct cmdline_complaint *complaint(const char *name)
{
    for (unsigned int i = 0; i < c.complaint_count; i++) {
        if (strcmp(c.complaints[i].name, name) == 0) {
            return &c.complaints[i];
        }
    }
    return NULL;
}

TEST(cmdline_defaults)
{
    cmdline_parse("", &c);
    EXPECT_STR(c.console, "com1,vga");
    EXPECT(c.smp && c.acpi && !c.noreboot && !c.dom0_mem.set);
    EXPECT_EQ(c.gnttab_max_frames, 64);
    EXPECT_EQ(c.complaint_count, 0);
}

TEST(cmdline_typical)
{
    cmdline_parse("placeholder console=com1,vga com1=115200,8n1 dom0_mem=768M,max:768M "
                  "loglvl=all guest_loglvl=none/all noreboot cpufreq=none iommu=0 ucode=scan "
                  "no-real-mode edd=off sched=null dom0-iommu=none",
                  &c);
    EXPECT_EQ(c.complaint_count, 0);
    EXPECT_STR(c.com[0], "115200,8n1");
    EXPECT_EQ(c.dom0_mem.bytes, 768ULL << 20);
    EXPECT_EQ(c.dom0_mem_max.bytes, 768ULL << 20);
    EXPECT(!c.dom0_mem_min.set);
    EXPECT_EQ(c.loglvl, LOG_DEBUG);
    EXPECT_EQ(c.guest_loglvl, LOG_DEBUG);
    EXPECT(c.noreboot);
    EXPECT_STR(c.sched, "null");
}

/* An option that does something on some machines only is not lost where it does. */
TEST(cmdline_serial_port_of_the_device_tree)
{
    cmdline_parse("console=dtuart dtuart=/soc/serial@7e215040:115200 dom0_mem=1G", &c);
    EXPECT_STR(c.dtuart, "/soc/serial@7e215040:115200");
    EXPECT(c.complaint_count == 0);
}

TEST(cmdline_booleans)
{
    cmdline_parse("noreboot=no watchdog=true no-pv-linear-pt nosmp sync_console=0 no-x2apic "
                  "dom0-vcpus-pin=enable",
                  &c);
    EXPECT(!c.noreboot && c.watchdog && !c.pv_linear_pt && !c.smp && !c.sync_console && !c.x2apic);
    EXPECT(c.dom0_vcpus_pin);
    EXPECT_EQ(c.complaint_count, 0);
    cmdline_parse("nosmp=off noreboot=maybe", &c);
    EXPECT(c.smp);
    EXPECT(complaint("noreboot") != NULL && complaint("noreboot")->bad_value);
}

TEST(cmdline_sizes)
{
    cmdline_parse("mem=2G conring_size=32k", &c);
    EXPECT_EQ(c.mem, 2 * GB);
    EXPECT_EQ(c.conring_size, 32768);
    cmdline_parse("mem=4096", &c); /* KiB */
    EXPECT_EQ(c.mem, 4096 * 1024);
    cmdline_parse("mem=100B", &c);
    EXPECT_EQ(c.mem, 100);
    cmdline_parse("mem=18446744073709551615T", &c);
    EXPECT(complaint("mem") != NULL);
    EXPECT_EQ(c.mem, 0);
}

TEST(cmdline_dom0_mem)
{
    cmdline_parse("dom0_mem=25%,min:512M,max:1G+10%", &c);
    EXPECT_EQ(c.complaint_count, 0);
    EXPECT_EQ(cmdline_amount_bytes(&c.dom0_mem, 8 * GB), 2 * GB);
    EXPECT_EQ(cmdline_amount_bytes(&c.dom0_mem_min, 8 * GB), GB / 2);
    EXPECT_EQ(cmdline_amount_bytes(&c.dom0_mem_max, 10 * GB), 2 * GB);
    cmdline_parse("dom0_mem=-1G", &c);
    EXPECT_EQ(cmdline_amount_bytes(&c.dom0_mem, 8 * GB), 7 * GB);
    EXPECT_EQ(cmdline_amount_bytes(&c.dom0_mem, GB / 2), 0);
    cmdline_parse("dom0_mem=101%", &c);
    EXPECT(complaint("dom0_mem") != NULL);
    cmdline_parse("dom0_mem=1G,", &c);
    EXPECT(complaint("dom0_mem") != NULL);
}

TEST(cmdline_vcpus_and_ports)
{
    cmdline_parse("dom0_max_vcpus=4 dom0_ioports_disable=3f8-3ff,0x60", &c);
    EXPECT_EQ(c.dom0_min_vcpus, 4);
    EXPECT_EQ(c.dom0_max_vcpus, 4);
    EXPECT_EQ(c.dom0_denied_count, 2);
    EXPECT_EQ(c.dom0_denied[0].last, 0x3ff);
    EXPECT_EQ(c.dom0_denied[1].first, 0x60);
    cmdline_parse("dom0_max_vcpus=2-8", &c);
    EXPECT_EQ(c.dom0_min_vcpus, 2);
    EXPECT_EQ(c.dom0_max_vcpus, 8);
    cmdline_parse("dom0_max_vcpus=-3", &c);
    EXPECT_EQ(c.dom0_min_vcpus, 0);
    EXPECT_EQ(c.dom0_max_vcpus, 3);
    cmdline_parse("dom0_max_vcpus=8-2", &c);
    EXPECT(complaint("dom0_max_vcpus") != NULL);
}

TEST(cmdline_unknown_named_once)
{
    cmdline_parse("frobnicate=1 frobnicate bogus no-bogus", &c);
    EXPECT_EQ(c.complaint_count, 3); /* frobnicate, bogus, no-bogus */
    EXPECT(complaint("frobnicate") != NULL && !complaint("frobnicate")->bad_value);
}

TEST(cmdline_long_words)
{
    static char text[5000];

    memset(text, 'x', sizeof(text) - 1);
    cmdline_parse(text, &c);
    EXPECT_EQ(c.complaint_count, 1);
    memcpy(text, "console=", 8);
    cmdline_parse(text, &c);
    EXPECT_STR(c.console, "com1,vga");
}

TEST(cmdline_random_text)
{
    static const char letters[] = "dom0_mem=max:,-%+ 19GMKno-console/vcpu.";
    char text[200];

    for (unsigned int round = 0; round < 20000; round++) {
        unsigned int len = unit_random_below(sizeof(text));

        for (unsigned int i = 0; i < len; i++) {
            text[i] = letters[unit_random_below(sizeof(letters) - 1)];
        }
        text[len] = '\0';
        cmdline_parse(text, &c);
        EXPECT(c.complaint_count <= CMDLINE_COMPLAINTS_MAX);
        EXPECT(strnlen(c.console, sizeof(c.console)) < sizeof(c.console));
    }
}
