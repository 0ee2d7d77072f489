/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls of 32-bit code, made by a 64-bit kernel that leaves 64-bit code, or long mode altogether, for each.
 * Pointers are physical addresses: call32_pointer().
 */
#ifndef GUEST_LIBGUEST_PVH_CALL32_H
#define GUEST_LIBGUEST_PVH_CALL32_H

#include <stdint.h>

enum call32_mode {
    CALL32_COMPATIBILITY, /* 32-bit code in long mode */
    CALL32_UNPAGED,
    CALL32_PAE,           /* three levels of tables */
    CALL32_TWO_LEVELS,    /* large pages of 4 MiB */
    CALL32_MODES
};

struct call32_regs {
    uint32_t eax, ebx, ecx, edx, esi, edi, ebp;
};

/* Once, before the others. */
void call32_init(void);
/* The answer. regs is in the kernel's image. */
uint32_t call32_run(unsigned int mode, struct call32_regs *regs);
int32_t call32(unsigned int mode, uint32_t number, uint32_t a, uint32_t b, uint32_t c);
/* Sleeps in one of the modes without long mode until an upcall has come by its table: how many have so far. */
uint32_t call32_wait(unsigned int mode);
/* What a 32-bit call takes for an object in the kernel's image. */
uint32_t call32_pointer(const volatile void *object);

#endif
