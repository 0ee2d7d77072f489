/* SPDX-License-Identifier: MIT */
/*
 * Names by the word: up to eight bytes as one number, and how far two pieces of text are the same.
 *
 * word_of() is the same for the same bytes and differs for others of the same length; it never reads beyond them. The
 * bytes of a word are in the order of a little-endian machine.
 */
#ifndef CMD_XENSTORED_WORD_H
#define CMD_XENSTORED_WORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t word_at(const char *s)
{
    uint64_t word;
    memcpy(&word, s, sizeof(word));
    return word;
}

/* length: at most 8. */
static inline uint64_t word_of(const char *s, size_t length)
{
    const unsigned char *b = (const unsigned char *)s;
    uint32_t low;
    uint32_t high;

    if (length >= 4) {
        memcpy(&low, s, sizeof(low));
        memcpy(&high, s + length - sizeof(high), sizeof(high));
        return low | (uint64_t)high << 32;
    }
    return length == 0 ? 0 : b[0] | (uint32_t)b[length / 2] << 8 | (uint32_t)b[length - 1] << 16;
}

static inline bool word_equal(const char *a, const char *b, size_t length)
{
    for (; length > 8; a += 8, b += 8, length -= 8) {
        if (word_at(a) != word_at(b)) {
            return false;
        }
    }
    return word_of(a, length) == word_of(b, length);
}

/* How many bytes are the same from the beginning on, of `limit`. */
static inline size_t word_same(const char *a, const char *b, size_t limit)
{
    size_t n = 0;

    for (; limit - n >= 8; n += 8) {
        uint64_t differ = word_at(a + n) ^ word_at(b + n);
        if (differ != 0) {
            return n + (size_t)__builtin_ctzll(differ) / 8;
        }
    }
    while (n < limit && a[n] == b[n]) {
        n++;
    }
    return n;
}

#endif
