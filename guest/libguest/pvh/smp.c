/* SPDX-License-Identifier: MIT */
/* See smp.h. One vcpu is started at a time. */
#include "guest/libguest/pvh/smp.h"

#include <stdint.h>

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

extern char pvh_ap_begin[], pvh_ap_end[];

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

bool pvh_start_vcpu(unsigned int vcpu, void (*fn)(void))
{
    if (vcpu >= MAX) {
        return false;
    }
    memcpy(start_map_own_mfn(PVH_AP_PAGE), pvh_ap_begin, pvh_ap_end - pvh_ap_begin);
    __asm__ volatile("mov %%cr3, %0" : "=r"(pvh_ap_cr3));
    pvh_ap_stack = (uint64_t)stacks[vcpu] + sizeof(stacks[vcpu]) - 8;
    pvh_ap_entry = (uint64_t)pvh_ap_main;
    starting = vcpu;
    function = fn;
    arrived = 0;
    APIC[ICR_HIGH] = vcpu * 2 << 24;
    APIC[ICR] = INIT;
    APIC[ICR_HIGH] = vcpu * 2 << 24;
    APIC[ICR] = STARTUP | PVH_AP_PAGE;
    return time_wait_flag(&arrived, 3000000000UL);
}
