/* SPDX-License-Identifier: MIT */
/* See smp.h. One vcpu is started at a time. */
#include "guest/libguest/pvh/smp.h"

#include <stdint.h>

#include "abi/hvm_vcpu.h"
#include "abi/xen.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/pvh/pvh.h"
#include "guest/libguest/start.h"
#include "guest/libguest/string.h"
#include "guest/libguest/time.h"
#include "guest/libguest/x86/percpu.h"
#include "guest/libguest/x86/traps.h"

#define APIC ((volatile uint32_t *)0xfee00000UL)

enum { ICR = 0x300 / 4, ICR_HIGH = 0x310 / 4, INIT = 0x4500, STARTUP = 0x4600, MAX = 8 };

extern char pvh_ap_begin[], pvh_ap_end[], pvh_ap_wide[];

/* Read by ap.S. */
uint64_t pvh_ap_cr3, pvh_ap_stack, pvh_ap_entry;
void pvh_ap_main(void);

static char stacks[MAX][1 << START_STACK_ORDER] __attribute__((aligned(1 << START_STACK_ORDER)));
static volatile unsigned int arrived;
static unsigned int starting;
static void (*function)(void);

void pvh_ap_main(void)
{
    percpu()->vcpu = starting;
    percpu()->info = &shared_info->vcpu_info[starting];
    traps_init();
    arrived = 1;
    function();
    for (;;) {
        __asm__ volatile("cli; hlt");
    }
}

static void prepare(unsigned int vcpu, void (*fn)(void))
{
    __asm__ volatile("mov %%cr3, %0" : "=r"(pvh_ap_cr3));
    pvh_ap_stack = (uint64_t)stacks[vcpu] + sizeof(stacks[vcpu]) - 8;
    pvh_ap_entry = (uint64_t)pvh_ap_main;
    starting = vcpu;
    function = fn;
    arrived = 0;
}

void pvh_prepare_vcpu(unsigned int vcpu, void (*fn)(void), struct vcpu_hvm_context *context)
{
    prepare(vcpu, fn);
    *context = (struct vcpu_hvm_context){ .mode = VCPU_HVM_MODE_64B };
    context->cpu_regs.x86_64.rip = (uint64_t)pvh_ap_wide;
    context->cpu_regs.x86_64.cr0 = 0x80000033;
    context->cpu_regs.x86_64.cr3 = pvh_ap_cr3;
    context->cpu_regs.x86_64.cr4 = 0x6a0;
    context->cpu_regs.x86_64.efer = 0xd01;
}

bool pvh_wait_vcpu(void)
{
    return time_wait_flag(&arrived, 3000000000UL);
}

bool pvh_start_vcpu(unsigned int vcpu, void (*fn)(void))
{
    if (vcpu >= MAX) {
        return false;
    }
    memcpy(start_map_own_mfn(PVH_AP_PAGE), pvh_ap_begin, pvh_ap_end - pvh_ap_begin);
    prepare(vcpu, fn);
    APIC[ICR_HIGH] = vcpu * 2 << 24;
    APIC[ICR] = INIT;
    APIC[ICR_HIGH] = vcpu * 2 << 24;
    APIC[ICR] = STARTUP | PVH_AP_PAGE;
    return pvh_wait_vcpu();
}
