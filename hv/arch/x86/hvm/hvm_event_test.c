/* SPDX-License-Identifier: MIT */
/* Two exceptions at once, as the manual's table has them. */
#include "hv/arch/x86/hvm/hvm_event.h"

#include "tests/unit/unit.h"

enum { DE = 0, DB = 1, UD = 6, DF = 8, GP = 13, PF = 14, AC = 17 };

TEST(hvm_events_merge)
{
    EXPECT_EQ(hvm_event_merge(GP, GP), HVM_MERGED_DOUBLE_FAULT);
    EXPECT_EQ(hvm_event_merge(DE, GP), HVM_MERGED_DOUBLE_FAULT);
    EXPECT_EQ(hvm_event_merge(GP, DE), HVM_MERGED_DOUBLE_FAULT);
    EXPECT_EQ(hvm_event_merge(GP, PF), HVM_MERGED_SECOND);
    EXPECT_EQ(hvm_event_merge(PF, PF), HVM_MERGED_DOUBLE_FAULT);
    EXPECT_EQ(hvm_event_merge(PF, GP), HVM_MERGED_DOUBLE_FAULT);
    EXPECT_EQ(hvm_event_merge(PF, AC), HVM_MERGED_SECOND);
    EXPECT_EQ(hvm_event_merge(UD, GP), HVM_MERGED_SECOND);
    EXPECT_EQ(hvm_event_merge(DB, PF), HVM_MERGED_SECOND);
    EXPECT_EQ(hvm_event_merge(DF, GP), HVM_MERGED_SHUTDOWN);
    EXPECT_EQ(hvm_event_merge(DF, PF), HVM_MERGED_SHUTDOWN);
    EXPECT_EQ(hvm_event_merge(DF, DB), HVM_MERGED_SECOND);
}
