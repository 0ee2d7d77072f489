/* SPDX-License-Identifier: MIT */
/* See call32.h: the page tables of the paged modes, which map 4 GiB as they are. */
#include "guest/libguest/pvh/call32.h"

#include "guest/libguest/memory.h"
#include "guest/libguest/x86/pagetable.h"

/* Read by call32.S. */
uint64_t call32_pae[4] __attribute__((aligned(32)));
uint32_t call32_two[1024] __attribute__((aligned(4096)));

static uint64_t large[4][512] __attribute__((aligned(4096)));

uint32_t call32_pointer(const volatile void *object)
{
    return (uint32_t)((unsigned long)object - MEMORY_BASE);
}

void call32_init(void)
{
    for (unsigned int i = 0; i < 4 * 512; i++) {
        large[i / 512][i % 512] = (uint64_t)i << 21 | PTE_P | PTE_RW | PTE_A | PTE_D | PTE_PSE;
    }
    for (unsigned int i = 0; i < 4; i++) {
        call32_pae[i] = call32_pointer(large[i]) | PTE_P;
    }
    for (unsigned int i = 0; i < 1024; i++) {
        call32_two[i] = i << 22 | PTE_P | PTE_RW | PTE_A | PTE_D | PTE_PSE;
    }
}

int32_t call32(unsigned int mode, uint32_t number, uint32_t a, uint32_t b, uint32_t c)
{
    static struct call32_regs regs;

    regs = (struct call32_regs){ .eax = number, .ebx = a, .ecx = b, .edx = c };
    return (int32_t)call32_run(mode, &regs);
}
