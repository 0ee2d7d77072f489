/* SPDX-License-Identifier: MIT */
/*
 * Traps of a PVH kernel come through an IDT of its own; the rest is libguest/x86/traps.c.
 */
#include "guest/libguest/x86/traps.h"

#include "abi/xen.h"
#include "guest/libguest/pvh/pvh.h"

struct gate {
    uint64_t low, high;
};

static struct gate idt[256] __attribute__((aligned(16)));

const uint16_t trap_kernel_cs = PVH_CS;
const uint16_t trap_kernel_ss = PVH_DS;

uint64_t trap_cr2(void)
{
    uint64_t cr2;

    __asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
    return cr2;
}

void traps_init(void)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) idtr = { sizeof(idt) - 1, (uint64_t)idt };

    for (unsigned int i = 0; i < 256; i++) {
        uint64_t entry = (uint64_t)trap_stubs + i * TRAP_STUB_SIZE;
        uint64_t dpl = i == TRAP_BP || i == TRAP_OF ? 3 : 0;

        idt[i].low = (entry & 0xffff) | (uint64_t)PVH_CS << 16 | (0x8e00UL | dpl << 13) << 32 |
                     (entry >> 16 & 0xffff) << 48;
        idt[i].high = entry >> 32;
    }
    __asm__ volatile("lidt %0" : : "m"(idtr));
}
