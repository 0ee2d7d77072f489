/* SPDX-License-Identifier: MIT */
/* See call32.h: the page tables of the paged modes, which map 4 GiB as they are. */
#include "guest/libguest/pvh/call32.h"

#include "guest/libguest/memory.h"
#include "guest/libguest/pvh/pvh.h"
#include "guest/libguest/x86/pagetable.h"
#include "guest/libguest/x86/percpu.h"

#define GATE32 0x8e00U /* present, an interrupt gate of 32 bits */

/* Read by call32.S. */
uint64_t call32_pae[4] __attribute__((aligned(32)));
uint32_t call32_two[1024] __attribute__((aligned(4096)));

uint32_t call32_idt[512] __attribute__((aligned(16)));
uint32_t call32_waits;
uint32_t call32_upcalls;
uint32_t call32_upcall_flag; /* where evtchn_upcall_pending is */
extern const char call32_upcall[];

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

uint32_t call32_wait(unsigned int mode)
{
    static struct call32_regs regs;
    uint32_t handler = call32_pointer(call32_upcall);

    call32_idt[2 * PVH_VECTOR_UPCALL] = PVH_CS32 << 16 | (handler & 0xffff);
    call32_idt[2 * PVH_VECTOR_UPCALL + 1] = (handler & 0xffff0000) | GATE32;
    call32_upcall_flag = call32_pointer(&percpu()->info->evtchn_upcall_pending);
    call32_waits = 1;
    call32_run(mode, &regs);
    call32_waits = 0;
    return call32_upcalls;
}

int32_t call32(unsigned int mode, uint32_t number, uint32_t a, uint32_t b, uint32_t c)
{
    static struct call32_regs regs;

    regs = (struct call32_regs){ .eax = number, .ebx = a, .ecx = b, .edx = c };
    return (int32_t)call32_run(mode, &regs);
}
