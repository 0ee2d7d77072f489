/* SPDX-License-Identifier: MIT */
/* Lists of CPUs: what is meant, and what is refused. */
#include "lib/domain/cpulist.h"

#include <string.h>

#include "tests/unit/unit.h"

TEST(cpulist_accepts)
{
    static const struct {
        const char *text;
        uint8_t wanted[2];
    } cases[] = {
        { "0", { 0x01 } }, { "0-3", { 0x0f } }, { "0-3,^2", { 0x0b } }, { "all", { 0xff, 0x0f } }, { "1,5,8-9", { 0x22, 0x03 } },
        { "all,^0-7", { 0x00, 0x0f } }, { "11", { 0x00, 0x08 } }, { "^1,1", { 0x02 } },
    };
    uint8_t bytes[2];

    for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EXPECT_EQ(cpulist_parse(NULL, cases[i].text, bytes, 12), 0);
        EXPECT_EQ(memcmp(bytes, cases[i].wanted, 2), 0);
    }
}

TEST(cpulist_refuses)
{
    static const char *const bad[] = { "", ",", "12", "3-1", "0-12", "0 1", "x", "-1", "0,", "^", "1--2", "99999999999" };
    uint8_t bytes[2];

    for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct err e = { 0 };

        EXPECT(cpulist_parse(&e, bad[i], bytes, 12) < 0);
        EXPECT(e.text[0]);
    }
}
