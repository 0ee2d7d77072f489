/* SPDX-License-Identifier: MIT */
/*
 * The C library's memory and string functions. The compiler calls the first four by itself, so
 * they must not be turned into calls of themselves: NO_IDIOM keeps the optimiser from
 * recognising the loops.
 *
 * Copies go by eight bytes whatever the alignment: packed access lets each architecture choose
 * the instructions it may use for that.
 */
#include "hv/lib/string.h"

#ifdef __clang__
#define NO_IDIOM __attribute__((no_builtin))
#else
#define NO_IDIOM __attribute__((optimize("no-tree-loop-distribute-patterns")))
#endif

struct word {
    uint64_t v;
} __attribute__((packed, may_alias));

NO_IDIOM void *memcpy(void *dst, const void *src, size_t n)
{
    unsigned char *d = dst;
    const unsigned char *s = src;

    for (; n >= 4 * sizeof(uint64_t); n -= 4 * sizeof(uint64_t)) {
        const struct word *from = (const struct word *)s;
        struct word *to = (struct word *)d;
        uint64_t a = from[0].v;
        uint64_t b = from[1].v;
        uint64_t c = from[2].v;
        uint64_t e = from[3].v;

        to[0].v = a;
        to[1].v = b;
        to[2].v = c;
        to[3].v = e;
        s += 4 * sizeof(uint64_t);
        d += 4 * sizeof(uint64_t);
    }
    for (; n >= sizeof(uint64_t); n -= sizeof(uint64_t)) {
        ((struct word *)d)->v = ((const struct word *)s)->v;
        s += sizeof(uint64_t);
        d += sizeof(uint64_t);
    }
    while (n-- > 0) {
        *d++ = *s++;
    }
    return dst;
}

NO_IDIOM void *memmove(void *dst, const void *src, size_t n)
{
    unsigned char *d = dst;
    const unsigned char *s = src;

    /* Forward is right unless dst starts inside src; memcpy reads each block before it writes
     * it. */
    if ((uintptr_t)d - (uintptr_t)s >= n) {
        return memcpy(dst, src, n);
    }
    for (; n >= sizeof(uint64_t); n -= sizeof(uint64_t)) {
        ((struct word *)(d + n - sizeof(uint64_t)))->v =
            ((const struct word *)(s + n - sizeof(uint64_t)))->v;
    }
    while (n > 0) {
        n--;
        d[n] = s[n];
    }
    return dst;
}

NO_IDIOM void *memset(void *dst, int byte, size_t n)
{
    unsigned char *d = dst;
    uint64_t pattern = (uint8_t)byte * 0x0101010101010101ULL;

    for (; n >= 4 * sizeof(uint64_t); n -= 4 * sizeof(uint64_t)) {
        struct word *to = (struct word *)d;

        to[0].v = pattern;
        to[1].v = pattern;
        to[2].v = pattern;
        to[3].v = pattern;
        d += 4 * sizeof(uint64_t);
    }
    for (; n >= sizeof(uint64_t); n -= sizeof(uint64_t)) {
        ((struct word *)d)->v = pattern;
        d += sizeof(uint64_t);
    }
    while (n-- > 0) {
        *d++ = (uint8_t)byte;
    }
    return dst;
}

NO_IDIOM int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *x = a;
    const unsigned char *y = b;

    for (; n >= sizeof(uint64_t); n -= sizeof(uint64_t)) {
        if (((const struct word *)x)->v != ((const struct word *)y)->v) {
            break;
        }
        x += sizeof(uint64_t);
        y += sizeof(uint64_t);
    }
    for (; n > 0; n--, x++, y++) {
        if (*x != *y) {
            return *x < *y ? -1 : 1;
        }
    }
    return 0;
}

void *memchr(const void *s, int byte, size_t n)
{
    const unsigned char *p = s;

    for (; n > 0; n--, p++) {
        if (*p == (unsigned char)byte) {
            return (void *)(uintptr_t)p;
        }
    }
    return NULL;
}

NO_IDIOM size_t strlen(const char *s)
{
    size_t n = 0;

    while (s[n] != '\0') {
        n++;
    }
    return n;
}

size_t strnlen(const char *s, size_t max)
{
    size_t n = 0;

    while (n < max && s[n] != '\0') {
        n++;
    }
    return n;
}

int strcmp(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (; n > 0; n--, a++, b++) {
        if (*a != *b) {
            return (unsigned char)*a - (unsigned char)*b;
        }
        if (*a == '\0') {
            break;
        }
    }
    return 0;
}

char *strchr(const char *s, int c)
{
    for (; *s != (char)c; s++) {
        if (*s == '\0') {
            return NULL;
        }
    }
    return (char *)(uintptr_t)s;
}

char *strstr(const char *haystack, const char *needle)
{
    size_t n = strlen(needle);

    for (; n == 0 || *haystack != '\0'; haystack++) {
        if (strncmp(haystack, needle, n) == 0) {
            return (char *)(uintptr_t)haystack;
        }
    }
    return NULL;
}
