/* SPDX-License-Identifier: MIT */
/*
 * The Arm guest environment as one kernel sees it: hypercalls, the event upcall by its interrupt, timers, PSCI by HVC
 * and SMC, ID registers, the interrupt controller's registers, accesses that must come back as exceptions.
 * What some of it costs, guest/bench-arm64 measures.
 */
#include "abi/event_channel.h"
#include "abi/sched.h"
#include "abi/vcpu.h"
#include "abi/version.h"
#include "guest/arm64/guest.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/start.h"
#include "guest/libguest/test.h"

#define PSCI_VERSION  0x84000000UL
#define PSCI_FEATURES 0x8400000aUL
#define AFFINITY_INFO 0xc4000004UL
#define PSCI01_CPU_ON 2UL
#define NOTHING_THERE 0xf000000UL /* no device of the machine */

static unsigned int wait_irq(unsigned int irq, unsigned int before)
{
    for (unsigned int i = 0; i < 1000000 && irq_count[irq] == before; i++) {
        __asm__ volatile("" ::: "memory");
    }
    return irq_count[irq] - before;
}

static void test_hypercalls(void)
{
    EXPECT(hypercall_xen_version(XENVER_version, NULL) >= 4 << 16);
    EXPECT_EQ(hypercall5(63, 0, 0, 0, 0, 0), -ENOSYS);
    EXPECT_EQ(hypercall5(64, 0, 0, 0, 0, 0), -ENOSYS);
    EXPECT_EQ(hypercall5(~0UL, 0, 0, 0, 0, 0), -ENOSYS);
    EXPECT_EQ(hypercall5(__HYPERVISOR_mmu_update, 0, 0, 0, 0, 0), -ENOSYS);
    EXPECT_EQ(hypercall_xen_version(XENVER_extraversion, (void *)0x7000000000UL), -EFAULT);
    EXPECT_EQ(hypercall_xen_version(XENVER_extraversion, (void *)NOTHING_THERE), -EFAULT);
}

/* Vcpus start and stop by PSCI. */
static void test_vcpu_op(void)
{
    static const unsigned int others[] = { VCPUOP_initialise, VCPUOP_up, VCPUOP_down };

    for (unsigned int i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        EXPECT_EQ(hypercall_vcpu_op(others[i], 0, (void *)NOTHING_THERE), -EINVAL);
    }
}

static unsigned int event_port;

static void test_events(void)
{
    struct evtchn_bind_ipi bind = { .vcpu = 0 };
    struct evtchn_send send;
    unsigned int before = irq_count[31];

    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_bind_ipi, &bind), 0);
    event_port = bind.port;
    send.port = bind.port;
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_send, &send), 0);
    EXPECT(shared_info->evtchn_pending[0] >> event_port & 1);
    irqs_on();
    EXPECT_EQ(wait_irq(31, before), 0); /* masked: no upcall */
    shared_info->evtchn_pending[0] = 0;
    shared_info->evtchn_mask[0] &= ~(1UL << event_port);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_send, &send), 0);
    EXPECT_EQ(wait_irq(31, before), 1);
    EXPECT_EQ(shared_info->evtchn_pending[0] >> event_port & 1, 0); /* the upcall took it */
    irqs_off();
}

static void test_timer(void)
{
    unsigned int before = irq_count[27];
    uint64_t start = counter();

    gic_enable_local(27);
    __asm__ volatile("msr cntv_tval_el0, %0; msr cntv_ctl_el0, %1; isb" ::"r"(100000UL), "r"(1UL));
    /* Interrupts are off, so that it does not come between the look and the sleep; WFI ends all the same. */
    while (irq_count[27] == before && counter() - start < 62500000UL) {
        __asm__ volatile("wfi; msr daifclr, #2; isb; msr daifset, #2" ::: "memory");
    }
    EXPECT_EQ(irq_count[27] - before, 1);
    EXPECT(counter() - start >= 100000UL);
}

static void test_psci(void)
{
    EXPECT_EQ(firmware_call(PSCI_VERSION, 0, 0, 0), 0x10001);
    EXPECT_EQ(firmware_call_smc(PSCI_VERSION, 0, 0, 0), 0x10001);
    EXPECT_EQ(firmware_call(PSCI_FEATURES, AFFINITY_INFO, 0, 0), 0);
    EXPECT_EQ(firmware_call(PSCI_FEATURES, 0x12345678, 0, 0), -1);
    EXPECT_EQ(firmware_call(AFFINITY_INFO, 0, 0, 0), 0);
    EXPECT_EQ(firmware_call(AFFINITY_INFO, 0xff, 0, 0), -2);
    EXPECT_EQ(firmware_call(0xdeadbeef, 0, 0, 0), -1);
}

/* A vcpu's first instructions: x0 and a bit into psci01_seen, then CPU_OFF of PSCI 0.1. */
__asm__(".pushsection .text\n"
        ".globl psci01_entry\n"
        "psci01_entry:\n"
        "    adrp x1, psci01_seen\n"
        "    add x1, x1, :lo12:psci01_seen\n"
        "    add x2, x0, #0x100\n"
        "    str x2, [x1]\n"
        "    dsb sy\n"
        "    mov x0, #1\n"
        "    hvc #0\n"
        "1:  wfi\n"
        "    b 1b\n"
        ".popsection\n");

extern const char psci01_entry[];
extern uint64_t psci01_seen;
uint64_t psci01_seen __attribute__((aligned(64)));

static long wait_until_off(unsigned int vcpu)
{
    long state = firmware_call(AFFINITY_INFO, vcpu, 0, 0);

    for (unsigned int i = 0; i < 1000000 && state == 0; i++) {
        state = firmware_call(AFFINITY_INFO, vcpu, 0, 0);
    }
    return state;
}

/*
 * The first version, by the numbers that Xen's device trees give for it: a vcpu begins with 0 in x0, stops itself and
 * begins again. That version has one answer to whatever is wrong with a target.
 */
static void test_psci_01(void)
{
    EXPECT_EQ(firmware_call(PSCI01_CPU_ON, 0, arm_physical(psci01_entry), 0), -2); /* it runs */
    EXPECT_EQ(firmware_call_smc(PSCI01_CPU_ON, 0xff, arm_physical(psci01_entry), 0), -2);
    EXPECT_EQ(firmware_call(0, 0, 0, 0), -1); /* CPU_SUSPEND and MIGRATE are nobody's */
    EXPECT_EQ(firmware_call(3, 0, 0, 0), -1);
    if (firmware_call(AFFINITY_INFO, 1, 0, 0) != 1) {
        test_note("no second vcpu that is off: PSCI 0.1 starts nobody");
        return;
    }
    for (unsigned int i = 0; i < 2; i++) {
        long (*call)(uint64_t, uint64_t, uint64_t, uint64_t) = i == 0 ? firmware_call : firmware_call_smc;

        psci01_seen = 0;
        __asm__ volatile("dc civac, %0; dsb sy" ::"r"(&psci01_seen) : "memory");
        EXPECT_EQ(call(PSCI01_CPU_ON, 1, arm_physical(psci01_entry), 0x55), 0);
        EXPECT_EQ(wait_until_off(1), 1);
        __asm__ volatile("dc civac, %0; dsb sy" ::"r"(&psci01_seen) : "memory");
        EXPECT_EQ(psci01_seen, 0x100);
    }
}

static void test_refusals(void)
{
    uint64_t value;

    sync_expected = true;
    sync_count = 0;
    __asm__ volatile("ldr %w0, [%1]" : "=r"(value) : "r"(NOTHING_THERE) : "memory");
    EXPECT_EQ(sync_count, 1);
    EXPECT_EQ(sync_esr >> 26, 0x25); /* data abort at the same level */
    __asm__ volatile("str wzr, [%0]" ::"r"(NOTHING_THERE) : "memory");
    EXPECT_EQ(sync_count, 2);
    __asm__ volatile("hvc #0x123" ::: "memory");
    EXPECT_EQ(sync_count, 3);
    sync_count = 0;
    __asm__ volatile("mrs %0, S3_4_C1_C1_0" : "=r"(value)); /* HCR_EL2 */
    EXPECT_EQ(sync_count, 1);
    __asm__ volatile("mrs %0, S3_0_C15_C0_0" : "=r"(value)); /* implementation defined */
    EXPECT_EQ(sync_count, 2);
    sync_expected = false;
}

static void test_id_registers(void)
{
    uint64_t pfr0;
    uint64_t dfr0;

    __asm__("mrs %0, id_aa64pfr0_el1" : "=r"(pfr0));
    __asm__("mrs %0, id_aa64dfr0_el1" : "=r"(dfr0));
    EXPECT_EQ(pfr0 >> 8 & 0xff, 0);  /* neither EL2 nor EL3 */
    EXPECT_EQ(pfr0 >> 32 & 15, 0);   /* no SVE */
    EXPECT_EQ(dfr0 >> 8 & 15, 0);    /* no performance monitors */
    __asm__ volatile("msr pmcr_el0, %0" ::"r"(1UL)); /* ignored */
    __asm__ volatile("msr mdscr_el1, xzr");
}

static void test_distributor(void)
{
    uint32_t typer = read32(gic_dist + 4);
    unsigned int irq = 40;

    if (!start_is_dom0() && (typer & 31) == 0) {
        test_note("no shared interrupts: a guest of a toolstack that gives it no device");
        EXPECT_EQ(read32(gic_dist + 0x100 + irq / 32 * 4), 0);
        return;
    }
    EXPECT((typer & 31) >= 1);
    EXPECT_EQ(read32(gic_dist + 0x100 + irq / 32 * 4) >> irq % 32 & 1, 0);
    write32(gic_dist + 0x400 + irq, 0xa0);
    EXPECT_EQ(read32(gic_dist + 0x400 + irq) & 0xff, 0xa0);
    write32(gic_dist + 0xffc, 1);     /* reserved: ignored */
    EXPECT_EQ(read32(gic_dist + 0xf80), 0);
}

/* A pending bit that software sets comes as an interrupt; SGIs to oneself likewise. */
static void test_interrupts(void)
{
    unsigned int before = irq_count[5];
    unsigned int more = 0;

    irqs_on();
    for (unsigned int i = 0; i < 50; i++) {
        if (is_gicv3()) {
            __asm__ volatile("msr S3_0_C12_C11_5, %0; isb" ::"r"(5UL << 24 | 1));
        } else {
            write32(gic_dist + 0xf00, 2U << 24 | 5);
        }
        more += wait_irq(5, before);
        before = irq_count[5];
    }
    irqs_off();
    EXPECT_EQ(more, 50);
    /* More at once than there are list registers. */
    for (unsigned int sgi = 0; sgi < 16; sgi++) {
        if (is_gicv3()) {
            __asm__ volatile("msr S3_0_C12_C11_5, %0; isb" ::"r"((uint64_t)sgi << 24 | 1));
        } else {
            write32(gic_dist + 0xf00, 2U << 24 | sgi);
        }
    }
    more = 0;
    for (unsigned int sgi = 0; sgi < 16; sgi++) {
        more += irq_count[sgi];
    }
    irqs_on();
    for (unsigned int i = 0; i < 1000000; i++) {
        unsigned int now = 0;

        for (unsigned int sgi = 0; sgi < 16; sgi++) {
            now += irq_count[sgi];
        }
        if (now - more == 16) {
            break;
        }
    }
    irqs_off();
    for (unsigned int sgi = 0; sgi < 16; sgi++) {
        more -= irq_count[sgi];
    }
    EXPECT_EQ((int)more, -16);
}

void test_main(void)
{
    test_hypercalls();
    test_vcpu_op();
    test_events();
    test_timer();
    test_psci();
    test_psci_01();
    test_refusals();
    test_id_registers();
    test_distributor();
    test_interrupts();
}
