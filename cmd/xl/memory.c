/* SPDX-License-Identifier: MIT */
/* xl mem-set, mem-max. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/xl/size.h"
#include "cmd/xl/xl.h"
#include "lib/domain/domain.h"

bool size_parse_kb(const char *text, uint64_t *kb)
{
    static const struct {
        char letter;
        unsigned int shift; /* of bytes */
    } units[] = { { 'b', 0 }, { 'k', 10 }, { 'm', 20 }, { 'g', 30 }, { 't', 40 } };
    unsigned int shift = 20;
    char *end;
    unsigned long long value;

    if (*text < '0' || *text > '9') {
        return false;
    }
    errno = 0;
    value = strtoull(text, &end, 10);
    if (*end) {
        char letter = (char)(*end | 0x20);
        bool known = false;

        for (unsigned int i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
            if (units[i].letter == letter) {
                shift = units[i].shift;
                known = true;
            }
        }
        if (!known || end[1]) {
            return false;
        }
    }
    if (errno || (shift && value >> (63 - shift))) {
        return false;
    }
    *kb = (uint64_t)value << shift >> 10;
    return true;
}

static int set_memory(struct xl *xl, int argc, char **argv,
                      int (*set)(struct err *, struct ctrl *, struct xs_handle *, uint32_t, uint64_t),
                      const char *what)
{
    uint32_t domid;
    uint64_t kb;

    xl_options(xl, argc, argv);
    domid = xl_domain(xl, argv[optind]);
    if (!size_parse_kb(argv[optind + 1], &kb)) {
        fprintf(stderr, "invalid memory size: %s\n", argv[optind + 1]);
        return 1;
    }
    if (set(&xl->err, xl_ctrl(xl), xl_store(xl), domid, kb)) {
        err_prefix(&xl->err, "cannot set domid %u %s memory to %s", domid, what, argv[optind + 1]);
        xl_die(xl);
    }
    return 0;
}

int xl_mem_set(struct xl *xl, int argc, char **argv)
{
    return set_memory(xl, argc, argv, domain_set_memory_target, "dynamic max");
}

int xl_mem_max(struct xl *xl, int argc, char **argv)
{
    return set_memory(xl, argc, argv, domain_set_memory_max, "static max");
}
