/* SPDX-License-Identifier: MIT */
/* Names by the word against comparisons byte by byte; the sanitizer sees what is read beyond them. */
#include "cmd/xenstored/word.h"

#include <stdlib.h>

#include "tests/unit/unit.h"

/* Copies at the end of blocks of their own, so that a read beyond them is seen. */
static char *copy_of(const char *text, size_t length)
{
    char *copy = malloc(length + (length == 0));

    memcpy(copy, text, length);
    return copy;
}

TEST(word_of_tells_names_apart)
{
    static const char text[] = "abcdefgh";

    for (size_t length = 1; length <= 8; length++) {
        char *a = copy_of(text, length);
        char *b = copy_of(text, length);

        EXPECT_EQ(word_of(a, length), word_of(b, length));
        for (size_t i = 0; i < length; i++) {
            b[i] ^= 0x20;
            EXPECT(word_of(a, length) != word_of(b, length));
            b[i] ^= 0x20;
        }
        free(a);
        free(b);
    }
}

TEST(word_same_stops_at_the_first_difference)
{
    static const char text[] = "/local/domain/17/device/vbd/51712/state";

    for (size_t length = 0; length < sizeof(text); length++) {
        char *a = copy_of(text, length);
        char *b = copy_of(text, length);

        EXPECT_EQ(word_same(a, b, length), length);
        EXPECT(word_equal(a, b, length));
        for (size_t i = 0; i < length; i++) {
            b[i] ^= 0x80;
            EXPECT_EQ(word_same(a, b, length), i);
            EXPECT(!word_equal(a, b, length));
            b[i] ^= 0x80;
        }
        free(a);
        free(b);
    }
}
