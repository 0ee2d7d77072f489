/* SPDX-License-Identifier: MIT */
/* Lists of CPUs as users write them: "all", "0-3,^2", "1,5,10-16"; into a bitmap, bit 0 first. Pure. */
#ifndef LIB_DOMAIN_CPULIST_H
#define LIB_DOMAIN_CPULIST_H

#include <stdint.h>

#include "lib/base/err.h"

enum { CPULIST_MAX = 4096 };

/* `bits` bits of bytes[] are set or cleared; a number at or above `bits` is an error, not a silent nothing. */
int cpulist_parse(struct err *e, const char *text, uint8_t *bytes, unsigned int bits);

#endif
