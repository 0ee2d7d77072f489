/* SPDX-License-Identifier: MIT */
/* Actions at a domain's end: text and back, and what is not of that form. */
#include "lib/domain/actions.h"

#include <string.h>

#include "lib/domain/domain.h"
#include "tests/unit/unit.h"

TEST(actions_text_and_back)
{
    struct actions a = { ACTION_PRESERVE, ACTION_RENAME_RESTART, ACTION_COREDUMP_RESTART, ACTION_RESTART,
                         ACTION_DESTROY };
    struct actions b;
    char text[256];

    actions_format(&a, text, sizeof(text));
    EXPECT(actions_parse(text, &b));
    EXPECT_EQ(memcmp(&a, &b, sizeof(a)), 0);
    EXPECT_EQ(actions_for(&b, DOMAIN_POWEROFF), ACTION_PRESERVE);
    EXPECT_EQ(actions_for(&b, DOMAIN_WATCHDOG), ACTION_RESTART);
    EXPECT_EQ(actions_for(&b, 77), ACTION_DESTROY);
}

TEST(actions_defaults_and_refusals)
{
    struct actions a;

    EXPECT(actions_parse("", &a));
    EXPECT_EQ(a.reboot, ACTION_RESTART);
    EXPECT_EQ(a.poweroff, ACTION_DESTROY);
    EXPECT(!actions_parse("on_poweroff=fly\n", &a));
    EXPECT(!actions_parse("on_fire=destroy\n", &a));
    EXPECT(!actions_parse("garbage", &a));
    EXPECT(!actions_parse("on_poweroff=\n", &a));
}
