/* SPDX-License-Identifier: MIT */
/*
 * See hvm_event.h. The vectors are the architecture's numbers, which this file needs no other header for.
 */
#include "hv/arch/x86/hvm/hvm_event.h"

enum { DIVIDE = 0, DOUBLE_FAULT = 8, TSS = 10, PROTECTION = 13, PAGE_FAULT = 14 };

static bool is_contributory(unsigned int vector)
{
    return vector == DIVIDE || (vector >= TSS && vector <= PROTECTION);
}

enum hvm_merged hvm_event_merge(unsigned int first, unsigned int second)
{
    bool serious = is_contributory(second) || second == PAGE_FAULT;

    if (first == DOUBLE_FAULT && serious) {
        return HVM_MERGED_SHUTDOWN;
    }
    if ((first == PAGE_FAULT && serious) || (is_contributory(first) && is_contributory(second))) {
        return HVM_MERGED_DOUBLE_FAULT;
    }
    return HVM_MERGED_SECOND;
}
