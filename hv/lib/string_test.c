/* SPDX-License-Identifier: MIT */
/* Our string functions against byte loops, over all small lengths, offsets and overlaps. */
#include "hv/lib/string.h"

#include "tests/unit/unit.h"

#define SPAN 96

static unsigned char a[2 * SPAN];
static unsigned char b[2 * SPAN];
static unsigned char expected[2 * SPAN];

static void fill(void)
{
    for (unsigned int i = 0; i < sizeof(a); i++) {
        a[i] = expected[i] = (unsigned char)unit_random();
        b[i] = (unsigned char)unit_random();
    }
}

static bool same(const unsigned char *x, const unsigned char *y, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++) {
        if (x[i] != y[i]) {
            return false;
        }
    }
    return true;
}

TEST(string_memcpy_copies_exactly)
{
    for (unsigned int n = 0; n < SPAN; n++) {
        for (unsigned int off = 0; off < 9; off++) {
            fill();
            for (unsigned int i = 0; i < n; i++) {
                expected[off + i] = b[3 + i];
            }
            EXPECT(memcpy(a + off, b + 3, n) == a + off);
            EXPECT(same(a, expected, sizeof(a)));
        }
    }
}

TEST(string_memmove_overlapping)
{
    for (unsigned int n = 0; n < SPAN; n++) {
        for (unsigned int to = 0; to < 40; to++) {
            unsigned char copy[2 * SPAN];

            fill();
            for (unsigned int i = 0; i < sizeof(a); i++) {
                copy[i] = a[i];
            }
            for (unsigned int i = 0; i < n; i++) {
                expected[to + i] = copy[20 + i];
            }
            EXPECT(memmove(a + to, a + 20, n) == a + to);
            EXPECT(same(a, expected, sizeof(a)));
        }
    }
}

TEST(string_memset_and_memcmp)
{
    for (unsigned int n = 0; n < SPAN; n++) {
        fill();
        for (unsigned int i = 0; i < n; i++) {
            expected[5 + i] = 0xa7;
        }
        memset(a + 5, 0x1a7, n);
        EXPECT(same(a, expected, sizeof(a)));
        EXPECT_EQ(memcmp(a, expected, sizeof(a)), 0);
        if (n > 0) {
            a[n - 1] = 10;
            expected[n - 1] = 200;
            EXPECT(memcmp(a, expected, n) < 0);
            EXPECT(memcmp(expected, a, n) > 0);
            EXPECT_EQ(memcmp(a, expected, n - 1), 0);
        }
    }
}

TEST(string_text_functions)
{
    const char *s = "hello world";
    char buf[6];

    EXPECT_EQ(strlen(s), 11);
    EXPECT_EQ(strnlen(s, 4), 4);
    EXPECT_EQ(strcmp("abc", "abc"), 0);
    EXPECT(strcmp("abc", "abd") < 0);
    EXPECT(strcmp("abc", "ab") > 0);
    EXPECT_EQ(strncmp("abcx", "abcy", 3), 0);
    EXPECT(strncmp("abcx", "abcy", 4) < 0);
    EXPECT(strchr(s, 'w') == s + 6);
    EXPECT(strchr(s, 'z') == NULL);
    EXPECT(strchr(s, 0) == s + 11);
    EXPECT(strstr(s, "wor") == s + 6);
    EXPECT(strstr(s, "") == s);
    EXPECT(strstr(s, "worlds") == NULL);
    EXPECT(memchr(s, 'o', 4) == NULL);
    EXPECT(memchr(s, 'o', 5) == s + 4);
    EXPECT(string_copy(buf, "12345", sizeof(buf)));
    EXPECT_EQ(strcmp(buf, "12345"), 0);
    EXPECT(!string_copy(buf, "123456", sizeof(buf)));
    EXPECT_EQ(strcmp(buf, "12345"), 0);
    EXPECT(!string_copy(buf, "x", 0));
}

TEST(string_numbers)
{
    const char *end;

    EXPECT_EQ(string_to_u64("123x", &end), 123);
    EXPECT_EQ(*end, 'x');
    EXPECT_EQ(string_to_u64("0x1Fg", &end), 0x1f);
    EXPECT_EQ(*end, 'g');
    EXPECT_EQ(string_to_u64("0xg", &end), 0);
    EXPECT_EQ(*end, 'x');
    EXPECT_EQ(string_to_u64("017", &end), 017);
    EXPECT_EQ(string_to_u64("", &end), 0);
    EXPECT_EQ(*end, 0);
    EXPECT_EQ(string_to_u64("18446744073709551615", NULL), ~0ULL);
}
