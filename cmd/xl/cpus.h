/* SPDX-License-Identifier: MIT */
/* Lists of the host's CPUs on the command line. */
#ifndef CMD_XL_CPUS_H
#define CMD_XL_CPUS_H

#include <stdint.h>

struct xl;

enum { CPUS_MAX = 4096 };

/* How many bits a bitmap of CPUs has. */
unsigned int cpus_count(struct xl *xl);

/* "0-3,^2", "node:1", "all" into cpus_count() bits; 0 or -E... with xl->err filled. */
int cpus_parse(struct xl *xl, const char *text, uint8_t *bytes, unsigned int bits);

#endif
