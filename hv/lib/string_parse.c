/* SPDX-License-Identifier: MIT */
/* Bounded copies, numbers in text: the part of string.h that is not the C library. Tools share it. */
#include "hv/lib/string.h"

bool string_copy(char *dst, const char *src, size_t size)
{
    size_t n;

    if (size == 0) {
        return false;
    }
    n = strnlen(src, size);
    if (n == size) {
        memcpy(dst, src, size - 1);
        dst[size - 1] = '\0';
        return false;
    }
    memcpy(dst, src, n + 1);
    return true;
}

static unsigned int digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return (unsigned int)(c - '0');
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a') + 10 : 16;
}

uint64_t string_to_u64(const char *s, const char **end)
{
    unsigned int base = 10;
    uint64_t value = 0;

    if (s[0] == '0') {
        bool hex = (s[1] | 0x20) == 'x' && digit_value(s[2]) < 16;

        base = hex ? 16 : 8;
        s += hex ? 2 : 0;
    }
    for (; digit_value(*s) < base; s++) {
        value = value * base + digit_value(*s);
    }
    if (end != NULL) {
        *end = s;
    }
    return value;
}
