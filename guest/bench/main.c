/* SPDX-License-Identifier: MIT */
/*
 * What the hypervisor's paths cost in retired instructions: run under QEMU's -icount shift=0
 * the TSC counts instructions, so two readings around a call give its length (minus the
 * readings' own, which is measured and taken off). Prints "bench NAME MEDIAN MINIMUM" per
 * figure, and "bench kept KIB KIB": memory of the machine that is neither free nor dom0's.
 * guest/bench.py runs it and compares hypervisors.
 */
#include "abi/event_channel.h"
#include "abi/grant_table.h"
#include "abi/memory.h"
#include "abi/sched.h"
#include "abi/sysctl.h"
#include "abi/xen.h"
#include "guest/libguest/events.h"
#include "guest/libguest/grant.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/test.h"
#include "guest/libguest/x86/cpu.h"
#include "guest/libguest/x86/pagetable.h"
#include "guest/libguest/x86/traps.h"

enum { SAMPLES = 301, WARM = 20, REF = 20 };

extern char bench_fault_hypercall[], bench_fault_iretq[];

typedef void case_fn(unsigned int round);

static uint64_t before, after, overhead;
static char *page, *page2;
static unsigned int port;
static uint64_t now;
static char *hole;

/*
 * The call itself without a function call around it, counted between two readings of the TSC.
 */
static inline long timed(unsigned long nr, unsigned long a, unsigned long b, unsigned long c,
                         unsigned long d)
{
    register unsigned long r10 __asm__("r10") = d;
    long answer = (long)nr;

    before = cpu_rdtsc();
    __asm__ volatile("syscall"
                     : "+a"(answer), "+D"(a), "+S"(b), "+d"(c), "+r"(r10)
                     :
                     : "rcx", "r8", "r9", "r11", "memory", "cc");
    after = cpu_rdtsc();
    return answer;
}

static void measure(const char *name, case_fn *fn)
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
    print("bench %s %lu %lu\n", name, samples[SAMPLES / 2], samples[0]);
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
    timed(__HYPERVISOR_xen_version, 0, 0, 0, 0);
}

static void case_null_page(unsigned int round)
{
    register unsigned long r10 __asm__("r10") = 0;
    unsigned long a = 0, b = 0, c = 0;
    long answer = 0;

    (void)round;
    before = cpu_rdtsc();
    __asm__ volatile("call hypercall_page + %c5"
                     : "=a"(answer), "+D"(a), "+S"(b), "+d"(c), "+r"(r10)
                     : "i"(__HYPERVISOR_xen_version * 32)
                     : "rcx", "r8", "r9", "r11", "memory", "cc");
    after = cpu_rdtsc();
}

static void case_evtchn_send(unsigned int round)
{
    struct evtchn_send op = { .port = port };

    (void)round;
    events_clear(port);
    timed(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (unsigned long)&op, 0, 0);
}

static void case_multicall8(unsigned int round)
{
    struct multicall_entry calls[8];

    (void)round;
    for (unsigned int i = 0; i < 8; i++) {
        calls[i] = (struct multicall_entry){ .op = __HYPERVISOR_xen_version };
    }
    timed(__HYPERVISOR_multicall, (unsigned long)calls, 8, 0, 0);
}

static void case_set_timer(unsigned int round)
{
    timed(__HYPERVISOR_set_timer_op, now + 1000000000000UL + round * 1000UL, 0, 0, 0);
}

static void case_yield(unsigned int round)
{
    (void)round;
    timed(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0, 0);
}

static uint64_t toggled(unsigned int round)
{
    return pte_make(memory_mfn(page), round & 1 ? PTE_RO : PTE_DATA);
}

static void case_update_va(unsigned int round)
{
    timed(__HYPERVISOR_update_va_mapping, (unsigned long)page, toggled(round), UVMF_INVLPG, 0);
}

static void case_mmu_update(unsigned int round)
{
    struct mmu_update u = { .ptr = memory_maddr(pagetable_l1(page)), .val = toggled(round) };

    timed(__HYPERVISOR_mmu_update, (unsigned long)&u, 1, 0, DOMID_SELF);
}

static void case_ptwr(unsigned int round)
{
    volatile uint64_t *slot = pagetable_l1(page);
    uint64_t value = toggled(round);

    before = cpu_rdtsc();
    *slot = value;
    after = cpu_rdtsc();
}

static void case_grant_copy(unsigned int round)
{
    struct gnttab_copy op = {
        .source = { .u.ref = REF, .domid = 0, .offset = 64 },
        .dest = { .u.gmfn = memory_mfn(page2), .domid = DOMID_SELF },
        .len = 64,
        .flags = GNTCOPY_source_gref,
    };

    (void)round;
    timed(__HYPERVISOR_grant_table_op, GNTTABOP_copy, (unsigned long)&op, 1, 0);
    if (op.status != GNTST_okay) {
        test_broken("grant copy refused");
    }
}

static void case_page_fault(unsigned int round)
{
    (void)round;
    before = cpu_rdtsc();
    /* Three bytes, which the handler steps over. */
    __asm__ volatile(".byte 0x48, 0x8b, 0x00" : : "a"(hole) : "rcx", "r11", "memory", "cc");
    after = cpu_rdtsc();
}

static void case_cpuid(unsigned int round)
{
    (void)round;
    before = cpu_rdtsc();
    cpu_cpuid_forced(0x40000000, 0);
    after = cpu_rdtsc();
}

static void use_fault_handler(const char *entry)
{
    struct trap_info table[2] = {
        { .vector = TRAP_PF, .cs = FLAT_KERNEL_CS, .address = (unsigned long)entry },
    };

    hypercall_set_trap_table(table);
}

static void print_kept_memory(void)
{
    static struct xen_sysctl op;
    static struct {
        uint64_t addr, size;
        uint32_t type;
    } __attribute__((packed)) map[128];
    struct xen_memory_map query = { .nr_entries = 128 };
    uint64_t ram = 0;

    op.cmd = XEN_SYSCTL_physinfo;
    op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    set_xen_guest_handle(query.buffer, (void *)map);
    if (hypercall(__HYPERVISOR_sysctl, (unsigned long)&op, 0, 0, 0, 0) != 0 ||
        hypercall_memory_op(XENMEM_machine_memory_map, &query) != 0) {
        return;
    }
    for (unsigned int i = 0; i < query.nr_entries; i++) {
        ram += map[i].type == 1 ? map[i].size >> 12 : 0;
    }
    ram -= op.u.physinfo.free_pages + op.u.physinfo.scrub_pages + start_info->nr_pages;
    print("bench kept %lu %lu\n", ram * 4, ram * 4);
}

static void prepare(void)
{
    page = memory_alloc();
    page2 = memory_alloc();
    hole = pagetable_reserve_va();
    grant_init(1, 1);
    grant_access(REF, 0, memory_mfn(page2), GTF_permit_access);
    events_bind_ipi(0, &port);
    now = shared_info->vcpu_info[0].time.system_time;
}

void test_main(void)
{
    if (!start_is_dom0()) {
        test_skip("measured as dom0 only");
    }
    print_kept_memory();
    prepare();
    measure("overhead", case_nothing);
    overhead = after - before;
    measure("null", case_null);
    measure("null_page", case_null_page);
    measure("evtchn_send", case_evtchn_send);
    measure("multicall8", case_multicall8);
    measure("set_timer", case_set_timer);
    hypercall_set_timer_op(0);
    measure("yield", case_yield);
    measure("update_va", case_update_va);
    measure("mmu_update", case_mmu_update);
    measure("ptwr", case_ptwr);
    measure("grant_copy64", case_grant_copy);
    measure("cpuid", case_cpuid);
    use_fault_handler(bench_fault_hypercall);
    measure("page_fault", case_page_fault);
    use_fault_handler(bench_fault_iretq);
    measure("page_fault_iretq", case_page_fault);
    traps_init();
    EXPECT(true);
}
