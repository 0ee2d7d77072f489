/* SPDX-License-Identifier: MIT */
/*
 * SGIs among vcpus: tokens, each an SGI of its own, go from vcpu to vcpu. Who is sent one acknowledges it and
 * sends it to somebody else, so each is pending at one vcpu at most and every hop is to be seen exactly once;
 * one that is lost stops its token. Meanwhile vcpus sleep, poll, yield, switch an SGI or the whole
 * distributor off for a while; as dom0 they also pause each other and move from CPU to CPU. No other
 * interrupt wakes who sleeps. Command line: rounds=N hops of each token (default 5000), seed=N.
 */
#include "abi/domctl.h"
#include "abi/sched.h"
#include "guest/arm64/guest.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/start.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"

#define TOKENS     6U  /* SGIs 0 to 5 */
#define SGI_WAKE   8U
#define VCPUS_MAX  6U
#define TIMER      27U
#define STUCK      (10 * 62500000UL) /* 10 s of QEMU's counter */

static volatile unsigned int sent[TOKENS], seen[TOKENS];
static volatile int place[TOKENS]; /* the vcpu it was sent to; -1: it is done */
static unsigned int rounds, vcpus;
static volatile unsigned int done, wrong, up;
static volatile bool stuck;
static bool is_dom0;

static uint64_t random_of(uint64_t *state)
{
    *state = *state * 6364136223846793005UL + 1442695040888963407UL;
    return *state >> 33;
}

static uint64_t local_frame(unsigned int vcpu)
{
    return is_gicv3() ? gic_redist + vcpu * 0x20000UL + 0x10000 : gic_dist;
}

static void send_on(unsigned int token, uint64_t *state)
{
    unsigned int to = (unsigned int)random_of(state) % vcpus;

    if (sent[token] == rounds) {
        place[token] = -1;
        if (__atomic_add_fetch(&done, 1, __ATOMIC_SEQ_CST) == TOKENS) {
            arm_send_sgi(SGI_WAKE, 1);
        }
        return;
    }
    place[token] = (int)to;
    sent[token]++;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    arm_send_sgi(token, 1U << to);
}

/* Takes one interrupt; false when there is none. */
static bool take(unsigned int vcpu, uint64_t *state)
{
    uint64_t irq = gic_acknowledge();
    unsigned int number = (unsigned int)irq & 1023;

    if (number >= 1020) {
        return false;
    }
    if (number >= TOKENS) {
        gic_end(irq);
        return true;
    }
    seen[number]++;
    if (place[number] != (int)vcpu || seen[number] != sent[number]) {
        __atomic_add_fetch(&wrong, 1, __ATOMIC_SEQ_CST);
    }
    if (random_of(state) % 2 == 0) { /* on while it is still active, or when it has ended */
        send_on(number, state);
        gic_end(irq);
    } else {
        gic_end(irq);
        send_on(number, state);
    }
    return true;
}

static void poll_for(uint64_t ns)
{
    static evtchn_port_t port = 1;
    struct sched_poll poll = { .nr_ports = 1, .timeout = ns };

    set_xen_guest_handle(poll.ports, &port);
    (void)hypercall_sched_op(SCHEDOP_poll, &poll);
}

/* Of dom0 by itself: pauses another vcpu, or moves one. */
static void disturb(unsigned int vcpu, uint64_t *state)
{
    static struct xen_domctl ops[VCPUS_MAX];
    static struct vcpu_guest_context contexts[VCPUS_MAX];
    static uint64_t maps[VCPUS_MAX];
    struct xen_domctl *op = &ops[vcpu];
    unsigned int other = (unsigned int)random_of(state) % vcpus;

    memset(op, 0, sizeof(*op));
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op->domain = 0;
    if (random_of(state) % 2 == 0) {
        op->cmd = XEN_DOMCTL_getvcpucontext;
        op->u.vcpucontext.vcpu = other;
        set_xen_guest_handle(op->u.vcpucontext.ctxt, &contexts[vcpu]);
    } else {
        maps[vcpu] = 1 + random_of(state) % 3;
        op->cmd = XEN_DOMCTL_setvcpuaffinity;
        op->u.vcpuaffinity.vcpu = other;
        op->u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
        op->u.vcpuaffinity.cpumap_hard.nr_bits = 64;
        set_xen_guest_handle(op->u.vcpuaffinity.cpumap_hard.bitmap, (uint8_t *)&maps[vcpu]);
    }
    /* Oneself, or a CPU there is not: refused. */
    (void)hypercall(__HYPERVISOR_domctl, (unsigned long)op, 0, 0, 0, 0);
}

static void switch_off_for_a_while(unsigned int vcpu, uint64_t *state)
{
    uint32_t bit = 1U << random_of(state) % TOKENS;

    write32(local_frame(vcpu) + 0x180, bit);
    for (unsigned int i = (unsigned int)random_of(state) % 8; i > 0; i--) {
        (void)hypercall_sched_op(SCHEDOP_yield, NULL);
    }
    write32(local_frame(vcpu) + 0x100, bit);
}

static void something(unsigned int vcpu, uint64_t *state)
{
    switch (random_of(state) % 16) {
    case 0:
        poll_for(random_of(state) % 2000000);
        break;
    case 1:
        switch_off_for_a_while(vcpu, state);
        break;
    case 2:
        for (unsigned int i = (unsigned int)random_of(state) % 4; i > 0; i--) {
            (void)hypercall_sched_op(SCHEDOP_yield, NULL);
        }
        break;
    case 3:
        if (vcpu == 0) {
            uint32_t on = read32(gic_dist);

            write32(gic_dist, 0);
            (void)hypercall_sched_op(SCHEDOP_yield, NULL);
            write32(gic_dist, on & 0x1f);
        }
        break;
    case 4:
    case 5:
        if (is_dom0) {
            disturb(vcpu, state);
        }
        break;
    default:
        break;
    }
}

static unsigned int total(volatile unsigned int *counts)
{
    unsigned int sum = 0;

    for (unsigned int i = 0; i < TOKENS; i++) {
        sum += counts[i];
    }
    return sum;
}

/* Only vcpu 0 has a timer, which this starts anew: has no token moved while it ran? Before any is taken. */
static bool is_stuck(void)
{
    static unsigned int moved;
    uint64_t ctl;
    bool same;

    __asm__ volatile("mrs %0, cntv_ctl_el0" : "=r"(ctl));
    if ((ctl & 5) == 1) { /* runs, and is not due */
        return false;
    }
    same = (ctl & 1) != 0 && total(sent) == moved;
    moved = total(sent);
    __asm__ volatile("msr cntv_tval_el0, %0; msr cntv_ctl_el0, %1; isb" ::"r"(STUCK), "r"(1UL) : "memory");
    return same;
}

static void pass_on(unsigned int vcpu)
{
    uint64_t state = string_option(start_cmdline(), "seed", 1) * 1000003 + vcpu;

    while (done < TOKENS && !stuck) {
        if (vcpu == 0 && is_stuck()) {
            stuck = true;
        } else if (!take(vcpu, &state)) {
            something(vcpu, &state);
            __asm__ volatile("wfi" ::: "memory");
        }
    }
}

static void report(void)
{
    for (unsigned int i = 0; i < TOKENS; i++) {
        if (place[i] >= 0) {
            test_note("token %u: sent %u, seen %u, at vcpu %d", i, sent[i], seen[i], place[i]);
        }
    }
}

static void partner(unsigned int vcpu)
{
    __atomic_add_fetch(&up, 1, __ATOMIC_SEQ_CST);
    pass_on(vcpu);
}

void test_main(void)
{
    uint64_t state = string_option(start_cmdline(), "seed", 1);

    rounds = (unsigned int)string_option(start_cmdline(), "rounds", 5000);
    is_dom0 = start_is_dom0();
    irqs_off();
    vcpus = 1;
    while (vcpus < VCPUS_MAX && arm_cpu_start(vcpus, partner) == 0) {
        vcpus++;
    }
    while (up != vcpus - 1) { /* their interfaces are on */
        (void)hypercall_sched_op(SCHEDOP_yield, NULL);
    }
    gic_enable_local(TIMER);
    (void)is_stuck();
    for (unsigned int i = 0; i < TOKENS; i++) {
        send_on(i, &state);
    }
    pass_on(0);
    report();
    EXPECT(!stuck);
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(total(sent), TOKENS * rounds);
    EXPECT_EQ(total(seen), TOKENS * rounds);
    test_note("%u vcpus, %u SGIs", vcpus, total(seen));
}
