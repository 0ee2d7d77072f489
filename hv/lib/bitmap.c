/* SPDX-License-Identifier: MIT */
/* Searching and counting in arrays of bits, a word at a time. Bits past size are never looked
 * at. */
#include "hv/lib/bitmap.h"

static unsigned int next_bit(const unsigned long *map, unsigned int size, unsigned int from,
                             unsigned long invert)
{
    unsigned int word = from / BITS_PER_LONG;
    unsigned long bits;

    if (from >= size) {
        return size;
    }
    bits = (READ_ONCE(map[word]) ^ invert) & (~0UL << (from % BITS_PER_LONG));
    while (bits == 0) {
        word++;
        if (word * BITS_PER_LONG >= size) {
            return size;
        }
        bits = READ_ONCE(map[word]) ^ invert;
    }
    return MIN(size, (unsigned int)(word * BITS_PER_LONG) + (unsigned int)__builtin_ctzl(bits));
}

unsigned int bitmap_next_set(const unsigned long *map, unsigned int size, unsigned int from)
{
    return next_bit(map, size, from, 0);
}

unsigned int bitmap_next_clear(const unsigned long *map, unsigned int size, unsigned int from)
{
    return next_bit(map, size, from, ~0UL);
}

/* Counts in parallel within the word: no library call, which a freestanding program does not
 * have. */
static unsigned int word_weight(uint64_t w)
{
    w -= w >> 1 & 0x5555555555555555ULL;
    w = (w & 0x3333333333333333ULL) + (w >> 2 & 0x3333333333333333ULL);
    w = (w + (w >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
    return (unsigned int)(w * 0x0101010101010101ULL >> 56);
}

unsigned int bitmap_weight(const unsigned long *map, unsigned int size)
{
    unsigned int weight = 0;
    unsigned int word;

    for (word = 0; (word + 1) * BITS_PER_LONG <= size; word++) {
        weight += word_weight(map[word]);
    }
    if (size % BITS_PER_LONG != 0) {
        weight += word_weight(map[word] & ((1UL << (size % BITS_PER_LONG)) - 1));
    }
    return weight;
}
