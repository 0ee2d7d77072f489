/* SPDX-License-Identifier: MIT */
/*
 * What fuzz targets share. A target is one file tests/fuzz/NAME.c with fuzz_init(), called once on
 * a fresh fake machine, and fuzz_one(), called for each input; EXPECT of unit.h states what must
 * hold, and ends the program when it does not.
 *
 * The reader below turns bytes into choices: it never fails, an input that has ended reads as
 * zeroes.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "tests/unit/unit.h"

#include <stddef.h>

struct fuzz_input {
    const uint8_t *data;
    size_t left;
};

uint8_t fuzz_u8(struct fuzz_input *in);
uint64_t fuzz_u64(struct fuzz_input *in);
/* A number below n, which is at most 256. */
unsigned int fuzz_below(struct fuzz_input *in, unsigned int n);
/* Mostly small numbers, sometimes ones at the edges of 32 and 64 bits, sometimes any. */
uint64_t fuzz_number(struct fuzz_input *in);

void fuzz_init(void);
void fuzz_one(const uint8_t *data, size_t size);

#endif
