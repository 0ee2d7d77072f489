/* SPDX-License-Identifier: MIT */
/*
 * What the exits of a PVH guest cost in retired instructions, as guest/bench does for PV: under -icount shift=0 the
 * TSC counts instructions. Prints "bench pvh_NAME MEDIAN MINIMUM" per figure; guest/bench.py compares hypervisors.
 * Without instruction counting it only shows that the calls work.
 */
#include "abi/event_channel.h"
#include "abi/grant_table.h"
#include "abi/sched.h"
#include "guest/libguest/events.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/pvh/pvh.h"
#include "guest/libguest/pvh/smp.h"
#include "guest/libguest/pvh/call.h"
#include "guest/libguest/test.h"
#include "guest/libguest/time.h"
#include "guest/libguest/x86/cpu.h"
#include "guest/libguest/x86/percpu.h"

enum { SAMPLES = 301, WARM = 20 };

typedef void case_fn(unsigned int round);

static uint64_t before, after, overhead;
static unsigned int port;

static inline long timed(unsigned long nr, unsigned long a, unsigned long b, unsigned long c)
{
    long answer = (long)nr;

    before = cpu_rdtsc();
    __asm__ volatile(HYPERCALL_INSTRUCTION : "+a"(answer), "+D"(a), "+S"(b), "+d"(c) : : "r10", "r8", "memory", "cc");
    after = cpu_rdtsc();
    return answer;
}

static uint64_t run(case_fn *fn, uint64_t *minimum)
{
    static uint64_t samples[SAMPLES];

    for (unsigned int i = 0; i < SAMPLES + WARM; i++) {
        uint64_t value;
        unsigned int j;

        fn(i);
        if (i < WARM) {
            continue;
        }
        value = after - before - overhead;
        for (j = i - WARM; j > 0 && samples[j - 1] > value; j--) {
            samples[j] = samples[j - 1];
        }
        samples[j] = value;
    }
    *minimum = samples[0];
    return samples[SAMPLES / 2];
}

static void measure(const char *name, case_fn *fn)
{
    uint64_t minimum;
    uint64_t median = run(fn, &minimum);

    print("bench pvh_%s %lu %lu\n", name, median, minimum);
}

static void case_nothing(unsigned int round)
{
    (void)round;
    before = cpu_rdtsc();
    after = cpu_rdtsc();
}

static void case_null(unsigned int round)
{
    (void)round;
    timed(__HYPERVISOR_xen_version, 0, 0, 0);
}

static void case_cpuid(unsigned int round)
{
    (void)round;
    before = cpu_rdtsc();
    cpu_cpuid_native(0, 0);
    after = cpu_rdtsc();
}

static void case_evtchn_send(unsigned int round)
{
    struct evtchn_send op = { .port = port };

    (void)round;
    events_clear(port);
    timed(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (unsigned long)&op, 0);
}

static void case_set_timer(unsigned int round)
{
    (void)round;
    timed(__HYPERVISOR_set_timer_op, ~0UL >> 16, 0, 0);
}

static void case_yield(unsigned int round)
{
    (void)round;
    timed(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
}

static void case_msr_read(unsigned int round)
{
    (void)round;
    before = cpu_rdtsc();
    pvh_rdmsr(0x1b);
    after = cpu_rdtsc();
}

/* Pages that come when they are touched first (pvhost's demand=512). */
static void case_touch(unsigned int round)
{
    volatile uint64_t *page = start_map_own_mfn(start_info->nr_pages - 512 + round);

    before = cpu_rdtsc();
    *page = round;
    after = cpu_rdtsc();
}

static void case_grant_copy(unsigned int round)
{
    static char pages[2][4096] __attribute__((aligned(4096)));
    struct gnttab_copy op = { .source = { .u.gmfn = memory_pfn(pages[0]), .domid = DOMID_SELF },
                              .dest = { .u.gmfn = memory_pfn(pages[1]), .domid = DOMID_SELF },
                              .len = 4096 };

    (void)round;
    timed(__HYPERVISOR_grant_table_op, GNTTABOP_copy, (unsigned long)&op, 1);
    if (op.status != GNTST_okay) {
        test_broken("grant copy refused");
    }
}

/* ---- From one vcpu to the other and into its handler ---- */
static unsigned int there, back;
static volatile unsigned int answered, ready;
static volatile uint64_t arrived;

static void on_ipi(unsigned int p)
{
    (void)p;
    arrived = cpu_rdtsc();
    events_send(back);
}

static void on_answer(unsigned int p)
{
    (void)p;
    answered = 1;
}

static void secondary(void)
{
    ready = 1;
    for (;;) {
        __asm__ volatile("sti; hlt; cli" : : : "memory");
    }
}

static void case_ipi(unsigned int round)
{
    struct evtchn_send op = { .port = there };
    uint64_t begin = cpu_rdtsc();

    (void)round;
    answered = 0;
    timed(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (unsigned long)&op, 0);
    before = begin;
    while (!answered) {
        __asm__ volatile("sti; hlt; cli" : : : "memory");
    }
    after = arrived;
}

static void measure_ipi(void)
{
    EXPECT(pvh_start_vcpu(1, secondary));
    EXPECT(time_wait_flag(&ready, 2000000000UL));
    EXPECT_EQ(events_bind_ipi(1, &there), 0);
    EXPECT_EQ(events_bind_ipi(0, &back), 0);
    events_hook(there, on_ipi);
    events_hook(back, on_answer);
    events_unmask(there);
    events_unmask(back);
    measure("ipi", case_ipi);
}

void test_main(void)
{
    overhead = run(case_nothing, &(uint64_t){ 0 });
    EXPECT_EQ(events_bind_ipi(0, &port), 0);
    events_mask(port);
    measure("null", case_null);
    measure("cpuid", case_cpuid);
    measure("evtchn_send", case_evtchn_send);
    measure("set_timer", case_set_timer);
    measure("yield", case_yield);
    measure("msr_read", case_msr_read);
    EXPECT_EQ(hypercall_set_timer_op(0), 0);
    measure("first_touch", case_touch);
    measure("grant_copy4096", case_grant_copy);
    measure_ipi();
}
