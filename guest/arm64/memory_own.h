/* SPDX-License-Identifier: MIT */
/*
 * Frames and addresses on arm64: a frame is what stage 1 makes of an address.
 */
#ifndef GUEST_ARM64_MEMORY_OWN_H
#define GUEST_ARM64_MEMORY_OWN_H

#include "guest/arm64/guest.h"

#define MEMORY_ARENA ".bss.arena"

enum { MEMORY_ARENA_PAGES = 64 };

static inline unsigned long memory_mfn(const void *va)
{
    return arm_physical(va) >> 12;
}

#endif
