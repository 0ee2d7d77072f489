/* SPDX-License-Identifier: MIT */
/*
 * The random-hypercall guest: every hypercall number, sub-operation and argument, random and
 * near-valid, from all vcpus at once. It passes when it is still there at the end; what it
 * hunts is a hypervisor that is not. Command line: seed=N (default 1), calls=N over all vcpus
 * (default 100000), report=N to print the state every N calls of vcpu 0, only=NR for one
 * hypercall number. One seed and one vcpu give one sequence. Calls that would end or cripple
 * the caller itself are left out or tamed in tame.c.
 */
#include "guest/tests/random/random.h"

#include "abi/xen.h"
#include "guest/libguest/grant.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"
#include "guest/libguest/time.h"
#include "guest/libguest/x86/cpu.h"
#include "guest/libguest/x86/pagetable.h"
#include "guest/libguest/x86/percpu.h"
#include "guest/libguest/x86/smp.h"

struct random_state random_states[SMP_MAX];
unsigned long random_scratch_mfn[RANDOM_SCRATCH];
char *random_window[RANDOM_WINDOWS];
uint64_t *random_slot[RANDOM_WINDOWS];

enum { FENCES = SMP_MAX * (RANDOM_BUFFERS + 1) };

static char *fence_va[FENCES];
static unsigned long fence_mfn[FENCES];
static unsigned int fence_count;
static unsigned long calls_per_vcpu, report, only;
static unsigned int finished;

uint64_t random_next(struct random_state *s)
{
    s->seed ^= s->seed << 13;
    s->seed ^= s->seed >> 7;
    s->seed ^= s->seed << 17;
    return s->seed * 0x2545f4914f6cdd1dUL;
}

unsigned int random_below(struct random_state *s, unsigned int limit)
{
    return (random_next(s) >> 32) % limit;
}

/* Runs one call, perhaps inside a multicall with others. */
static void run_call(struct random_state *s, struct random_call *c)
{
    hypercall(c->nr, c->arg[0], c->arg[1], c->arg[2], c->arg[3], c->arg[4]);
    s->done++;
}

/*
 * Calls whose buffer was made harmless: later calls made, or earlier calls run, would change
 * it.
 */
static bool needs_its_buffer(unsigned long nr)
{
    switch (nr & 0xffffffff) {
    case __HYPERVISOR_mmu_update:
    case __HYPERVISOR_mmuext_op:
    case __HYPERVISOR_sched_op:
    case __HYPERVISOR_sched_op_compat:
    case __HYPERVISOR_callback_op:
    case __HYPERVISOR_nmi_op:
    case __HYPERVISOR_grant_table_op:
    case __HYPERVISOR_memory_op:
    case __HYPERVISOR_event_channel_op:
    case __HYPERVISOR_event_channel_op_compat:
    case __HYPERVISOR_physdev_op:
    case __HYPERVISOR_physdev_op_compat:
    case __HYPERVISOR_domctl:
    case __HYPERVISOR_sysctl:
    case __HYPERVISOR_platform_op:
        return true;
    default:
        return false;
    }
}

static void run_multicall(struct random_state *s)
{
    unsigned int count = 1 + random_below(s, 8);

    /* From the last to the first: the call that is made last runs first. */
    for (unsigned int i = count; i-- > 0;) {
        struct random_call c;

        do {
            random_make(s, &c);
        } while (!random_tame(s, &c) || (i > 0 && needs_its_buffer(c.nr)));
        s->multi[i].op = c.nr;
        memcpy(s->multi[i].args, c.arg, sizeof(c.arg));
    }
    hypercall_multicall(s->multi, count);
    s->done += count + 1;
}

static void step(struct random_state *s)
{
    struct random_call c;

    if (only == 0 && random_below(s, 16) == 0) {
        run_multicall(s);
        return;
    }
    random_make(s, &c);
    if (only != 0) {
        c.nr = only;
    }
    if (random_tame(s, &c)) {
        run_call(s, &c);
    }
    percpu()->info->evtchn_upcall_mask = 1;
}

static void work(void *arg)
{
    struct random_state *s = arg;
    unsigned long next = report;

    while (s->done < calls_per_vcpu) {
        step(s);
        if (s->vcpu == 0 && report != 0 && s->done >= next) {
            next += report;
            print("random: %lu calls, state %lx\n", s->done, s->seed);
        }
    }
    __atomic_add_fetch(&finished, 1, __ATOMIC_SEQ_CST);
}

static bool ignore_trap(struct trap_frame *frame)
{
    (void)frame;
    return true;
}

/*
 * A page with a hole behind it: arrays with a wild count run into the hole instead of the
 * kernel. The page shares its L1 table with the windows; entry 0 of that table, which calls may
 * name, is not used.
 */
static void *fenced_page(void)
{
    char *va = pagetable_reserve_va();

    pagetable_reserve_va();
    fence_mfn[fence_count] = memory_mfn(memory_alloc());
    fence_va[fence_count] = va;
    if (hypercall_update_va_mapping(
            (unsigned long)va, pte_make(fence_mfn[fence_count], PTE_DATA), UVMF_INVLPG) != 0) {
        test_broken("cannot map a buffer");
    }
    fence_count++;
    return va;
}

/* A call may have mapped something else over a buffer: put the buffer back and try again. */
static bool on_page_fault(struct trap_frame *frame)
{
    uint64_t page = percpu()->info->arch.cr2 & ~4095UL;

    (void)frame;
    for (unsigned int i = 0; i < fence_count; i++) {
        if ((uint64_t)fence_va[i] == page) {
            return hypercall_update_va_mapping(page, pte_make(fence_mfn[i], PTE_DATA),
                                               UVMF_INVLPG | UVMF_ALL) == 0;
        }
    }
    return false;
}

static void prepare(unsigned int vcpus, unsigned long seed)
{
    pagetable_reserve_va();
    for (unsigned int i = 0; i < RANDOM_SCRATCH; i++) {
        random_scratch_mfn[i] = memory_p2m()[memory_take_pfn()];
    }
    for (unsigned int i = 0; i < RANDOM_WINDOWS; i++) {
        random_window[i] = pagetable_reserve_va();
        random_slot[i] = pagetable_l1(random_window[i]);
    }
    for (unsigned int v = 0; v < vcpus; v++) {
        struct random_state *s = &random_states[v];

        s->vcpu = v;
        s->seed = (seed + v + 1) * 0x9e3779b97f4a7c15UL;
        s->multi = fenced_page();
        for (unsigned int i = 0; i < RANDOM_BUFFERS; i++) {
            s->buffer[i] = fenced_page();
        }
    }
    trap_hook(TRAP_NMI, ignore_trap);
    trap_hook(TRAP_PF, on_page_fault);
}

void test_main(void)
{
    unsigned long calls = string_option(start_cmdline(), "calls", 100000);
    unsigned long seed = string_option(start_cmdline(), "seed", 1);
    unsigned int vcpus = smp_count();
    uint64_t sum = 0;

    report = string_option(start_cmdline(), "report", 0);
    only = string_option(start_cmdline(), "only", 0);
    grant_init(1, 1);
    prepare(vcpus, seed);
    calls_per_vcpu = calls / vcpus;
    test_note("seed %lu, %u vcpus, %lu calls each", seed, vcpus, calls_per_vcpu);
    for (unsigned int v = 1; v < vcpus; v++) {
        EXPECT_EQ(smp_start(v, work, &random_states[v]), 0);
    }
    work(&random_states[0]);
    while (__atomic_load_n(&finished, __ATOMIC_SEQ_CST) < vcpus) {
        hypercall(__HYPERVISOR_sched_op, 0, 0, 0, 0, 0);
    }
    for (unsigned int v = 0; v < vcpus; v++) {
        sum += random_states[v].done;
    }
    test_note("%lu calls made", sum);
    EXPECT(hypercall_xen_version(0, NULL) >= 4 << 16);
}
