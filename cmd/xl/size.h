/* SPDX-License-Identifier: MIT */
/* Amounts of memory on the command line: a number and a unit, b k m g t; m when there is none. */
#ifndef CMD_XL_SIZE_H
#define CMD_XL_SIZE_H

#include <stdbool.h>
#include <stdint.h>

bool size_parse_kb(const char *text, uint64_t *kb);

#endif
