/* SPDX-License-Identifier: MIT */
/*
 * What the exits of a PVH guest cost in retired instructions, as guest/bench does for PV: under -icount shift=0 the
 * TSC counts instructions. Prints "bench pvh_NAME MEDIAN MINIMUM" per figure; guest/bench.py compares hypervisors.
 * Without instruction counting it only shows that the calls work.
 */
#include "abi/event_channel.h"
#include "abi/sched.h"
#include "guest/libguest/events.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/pvh/pvh.h"
#include "guest/libguest/test.h"
#include "guest/libguest/x86/cpu.h"

enum { SAMPLES = 301, WARM = 20 };

typedef void case_fn(unsigned int round);

static uint64_t before, after, overhead;
static unsigned int port;

static inline long timed(unsigned long nr, unsigned long a, unsigned long b, unsigned long c)
{
    long answer = (long)nr;

    before = cpu_rdtsc();
    __asm__ volatile("vmmcall" : "+a"(answer), "+D"(a), "+S"(b), "+d"(c) : : "r10", "r8", "memory", "cc");
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
}
