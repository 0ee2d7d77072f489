/* SPDX-License-Identifier: MIT */
/*
 * Between libFuzzer and the targets: sets up the fake machine, reads choices out of bytes, and
 * ends the program when an expectation does not hold, so that libFuzzer keeps the input. See
 * fuzz.h.
 */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

/* Targets of the toolstack have no fake machine, and what they lose is told by the sanitizer. */
void fake_machine_init(void) __attribute__((weak));
const char *__asan_default_options(void);
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * Leaks are told by heap_used(), which a target compares. What a file makes a library ask for is
 * limited as on the machine: it gets no memory and must cope.
 */
const char *__asan_default_options(void)
{
    return fake_machine_init != NULL ? "detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=256"
                                     : "detect_leaks=1:allocator_may_return_null=1:max_allocation_size_mb=256";
}

void unit_fail(const char *file, int line, const char *what, long long got, long long wanted)
{
    fprintf(stderr, "%s:%d: %s: got %lld (%#llx), wanted %lld (%#llx)\n", file, line, what, got,
            (unsigned long long)got, wanted, (unsigned long long)wanted);
    abort();
}

void unit_fail_str(const char *file, int line, const char *got, const char *wanted)
{
    fprintf(stderr, "%s:%d: got \"%s\", wanted \"%s\"\n", file, line, got, wanted);
    abort();
}

uint8_t fuzz_u8(struct fuzz_input *in)
{
    if (in->left == 0) {
        return 0;
    }
    in->left--;
    return *in->data++;
}

uint64_t fuzz_u64(struct fuzz_input *in)
{
    uint64_t value = 0;

    for (unsigned int i = 0; i < 8; i++) {
        value |= (uint64_t)fuzz_u8(in) << (8 * i);
    }
    return value;
}

unsigned int fuzz_below(struct fuzz_input *in, unsigned int n)
{
    return fuzz_u8(in) % n;
}

uint64_t fuzz_number(struct fuzz_input *in)
{
    static const uint64_t edges[] = { 0x7f,
                                      0x80,
                                      0xff,
                                      0x100,
                                      0xfff,
                                      0x1000,
                                      0x7fff,
                                      0x8000,
                                      0xffff,
                                      0x7fffffff,
                                      0x80000000,
                                      0xffffffff,
                                      0x100000000,
                                      0xfffffffffffff,
                                      0x7fffffffffffffff,
                                      0x8000000000000000,
                                      ~0ULL };
    uint8_t how = fuzz_u8(in);

    if (how < 200) {
        return how % 40;
    }
    return how < 240 ? edges[how % (sizeof(edges) / sizeof(edges[0]))] : fuzz_u64(in);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    if (fake_machine_init != NULL) {
        fake_machine_init();
    }
    fuzz_init();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_one(data, size);
    return 0;
}
