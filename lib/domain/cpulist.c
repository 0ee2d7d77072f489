/* SPDX-License-Identifier: MIT */
/* Lists of CPUs: see cpulist.h. */
#include "lib/domain/cpulist.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static void set_range(uint8_t *bytes, unsigned int first, unsigned int last, bool value)
{
    for (unsigned int i = first; i <= last; i++) {
        if (value) {
            bytes[i / 8] |= (uint8_t)(1 << i % 8);
        } else {
            bytes[i / 8] &= (uint8_t)~(1 << i % 8);
        }
    }
}

/* A number at *text; -1 when there is none or it is too large. */
static long take_number(const char **text, unsigned int bits)
{
    char *end;
    unsigned long value;

    if (!isdigit((unsigned char)**text)) {
        return -1;
    }
    value = strtoul(*text, &end, 10);
    *text = end;
    return value < bits ? (long)value : -1;
}

/* One of "all", "N", "N-M", each perhaps after '^'. */
static int take_range(const char **text, uint8_t *bytes, unsigned int bits)
{
    bool value = **text != '^';
    long first, last;

    *text += !value;
    if (!strncmp(*text, "all", 3)) {
        *text += 3;
        set_range(bytes, 0, bits - 1, value);
        return 0;
    }
    first = take_number(text, bits);
    last = first;
    if (first >= 0 && **text == '-') {
        ++*text;
        last = take_number(text, bits);
    }
    if (first < 0 || last < first) {
        return -EINVAL;
    }
    set_range(bytes, (unsigned int)first, (unsigned int)last, value);
    return 0;
}

int cpulist_parse(struct err *e, const char *text, uint8_t *bytes, unsigned int bits)
{
    const char *p = text;

    memset(bytes, 0, (bits + 7) / 8);
    for (;;) {
        if (take_range(&p, bytes, bits)) {
            return err_set(e, -EINVAL, "'%s' is no list of CPUs from 0 to %u (such as 0-3,^2 or all)", text, bits - 1);
        }
        if (!*p) {
            return 0;
        }
        if (*p++ != ',') {
            return err_set(e, -EINVAL, "'%s' is no list of CPUs: a comma is missing at '%s'", text, p - 1);
        }
    }
}
