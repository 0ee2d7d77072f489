/* SPDX-License-Identifier: MIT */
/* Between libFuzzer and the targets of the toolstack: see fuzz.h. There is no fake machine here. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

void unit_fail(const char *file, int line, const char *what, long long got, long long wanted)
{
    fprintf(stderr, "%s:%d: %s: got %lld, wanted %lld\n", file, line, what, got, wanted);
    abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_init();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_one(data, size);
    return 0;
}
