/* SPDX-License-Identifier: MIT */
/*
 * Reading the clocks; see time.h. A version that is odd or changed means that the hypervisor
 * was writing.
 */
#include "guest/libguest/time.h"

#include "abi/sched.h"
#include "abi/xen.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/start.h"
#include "guest/libguest/x86/cpu.h"
#include "guest/libguest/x86/percpu.h"

uint64_t time_scale(uint64_t ticks, uint32_t multiplier, int shift)
{
    ticks = shift < 0 ? ticks >> -shift : ticks << shift;
    return (uint64_t)((unsigned __int128)ticks * multiplier >> 32);
}

uint64_t time_now(void)
{
    const volatile struct vcpu_time_info *t = &percpu()->info->time;
    uint32_t version;
    uint64_t now;

    do {
        version = t->version;
        cpu_barrier();
        now = t->system_time +
              time_scale(cpu_rdtsc() - t->tsc_timestamp, t->tsc_to_system_mul, t->tsc_shift);
        cpu_barrier();
    } while ((version & 1) || version != t->version);
    return now;
}

uint64_t time_wallclock(void)
{
    uint32_t version;
    uint64_t seconds;

    do {
        version = *(volatile uint32_t *)&shared_info->wc_version;
        cpu_barrier();
        seconds = (uint64_t)shared_info->xen_wc_sec_hi << 32 | shared_info->wc_sec;
        cpu_barrier();
    } while ((version & 1) || version != *(volatile uint32_t *)&shared_info->wc_version);
    return seconds;
}

bool time_wait_flag(const volatile unsigned int *flag, uint64_t ns)
{
    uint64_t end = time_now() + ns;

    while (*flag == 0) {
        if (time_now() >= end) {
            return *flag != 0;
        }
        hypercall_sched_op(SCHEDOP_yield, NULL);
    }
    return true;
}
