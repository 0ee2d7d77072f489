/* SPDX-License-Identifier: MIT */
/* Our formatting against the host's, and what the host does not have. */
#include "hv/lib/printf.h"

#include "hv/lib/string.h"
#include "tests/unit/unit.h"

int snprintf(char *buf, size_t size, const char *fmt, ...) PRINTF_LIKE(3, 4);

#define SAME(...)                                                                              \
    do {                                                                                       \
        char ours[100];                                                                        \
        char theirs[100];                                                                      \
        int n = format_string(ours, sizeof(ours), __VA_ARGS__);                                \
        EXPECT_EQ(n, snprintf(theirs, sizeof(theirs), __VA_ARGS__));                           \
        EXPECT_STR(ours, theirs);                                                              \
    } while (0)

TEST(printf_numbers_as_the_host)
{
    SAME("%d %i %u", -5, 17, 4000000000U);
    SAME("%5d|%-5d|%05d|%+d", 42, 42, 42, 42);
    SAME("%ld %lld %lu %llu", -1L, -1LL, ~0UL, ~0ULL);
    SAME("%x %X %#x %#lx %08lx %#010x", 255, 255, 255, 255UL, 0xdeadUL, 77);
    SAME("%hd %hhd %hu %hhu", (short)-3, (signed char)-3, (unsigned short)65535,
         (unsigned char)255);
    SAME("%.3d %.0d %8.3x", 5, 7, 10);
    SAME("%zu %zd", (size_t)123, (long)-4);
    SAME("%d %lld", -2147483647 - 1, (long long)0x8000000000000000ULL);
    SAME("%o", 8);
    SAME("%#x", 0);
}

TEST(printf_text_as_the_host)
{
    SAME("%s|%10s|%-10s|%.2s|%c|%%", "abc", "abc", "abc", "abc", 'z');
    SAME("%*d %-*d|", 6, 1, 6, 2);
    SAME("%.*s", 3, "abcdef");
}

TEST(printf_cuts_and_counts)
{
    char buf[5];

    EXPECT_EQ(format_string(buf, sizeof(buf), "%s", "123456789"), 9);
    EXPECT_STR(buf, "1234");
    EXPECT_EQ(format_string(NULL, 0, "abc%d", 10), 5);
    buf[0] = 'x';
    EXPECT_EQ(format_string(buf, 1, "abc"), 3);
    EXPECT_STR(buf, "");
}

static int name_it(char *buf, size_t size, const void *p)
{
    return format_string(buf, size, "d%d", *(const int *)p);
}

TEST(printf_pointer_kinds)
{
    char buf[64];
    int number = 7;

    format_string(buf, sizeof(buf), "%pv|", (void *)0x1234);
    EXPECT_STR(buf, "0000000000001234|");
    printf_set_pointer_format('d', name_it);
    format_string(buf, sizeof(buf), "<%pd> <%5pd>", (void *)&number, (void *)&number);
    EXPECT_STR(buf, "<d7> <   d7>");
    format_string(buf, sizeof(buf), "%pd", (void *)0);
    EXPECT_STR(buf, "(null)");
    format_string(buf, sizeof(buf), "%p.", (void *)0x10);
    EXPECT_STR(buf, "0000000000000010.");
}
