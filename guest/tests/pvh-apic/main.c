/* SPDX-License-Identifier: MIT */
/*
 * The local APIC a PVH guest sees: xAPIC by its page, x2APIC by MSRs, interrupts to itself, priorities, the timer, and
 * event upcalls by a vector of the vcpu's own.
 */
#include "guest/libguest/events.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/pvh/pvh.h"
#include "guest/libguest/test.h"
#include "guest/libguest/time.h"
#include "guest/libguest/x86/cpu.h"
#include "guest/libguest/x86/percpu.h"
#include "guest/libguest/x86/traps.h"

#define APIC ((volatile uint32_t *)0xfee00000UL)
#define MSR_APIC_BASE 0x1bU
#define X2APIC 0x400UL

enum { ID = 2, VERSION = 3, TPR = 8, EOI = 11, SVR = 15, ISR = 16, IRR = 32, ICR = 48, ICR_HIGH = 49, LVT_TIMER = 50,
       INITIAL = 56, CURRENT = 57, DIVIDE = 62 };
enum { LOW = 0x50, HIGH = 0x90, TIMER = 0x70, UPCALL = 0xb0 };

static bool wide;
static volatile unsigned int hits[256];

static uint32_t reg_read(unsigned int reg)
{
    return wide ? (uint32_t)pvh_rdmsr(0x800 + reg) : APIC[reg * 4];
}

static void reg_write(unsigned int reg, uint32_t value)
{
    if (wide) {
        pvh_wrmsr(0x800 + reg, value);
    } else {
        APIC[reg * 4] = value;
    }
}

static void send_self(unsigned int vector)
{
    if (wide) {
        pvh_wrmsr(0x83f, vector);
    } else {
        reg_write(ICR, 0x40000 | vector);
    }
}

static bool on_interrupt(struct trap_frame *f)
{
    hits[f->vector]++;
    reg_write(EOI, 0);
    return true;
}

static void open(void)
{
    pvh_sti();
    __asm__ volatile("nop; nop" : : : "memory");
    pvh_cli();
}

static void test_registers(void)
{
    EXPECT_EQ(reg_read(VERSION) & 0xff, 0x14);
    EXPECT_EQ(reg_read(ID), 0);
    reg_write(SVR, 0x1ff);
    EXPECT_EQ(reg_read(SVR), 0x1ff);
    reg_write(TPR, 0x20);
    EXPECT_EQ(reg_read(TPR), 0x20);
    reg_write(TPR, 0);
}

static void test_self(void)
{
    hits[LOW] = hits[HIGH] = 0;
    send_self(LOW);
    EXPECT_EQ(reg_read(IRR + LOW / 32) >> LOW % 32 & 1, 1);
    EXPECT_EQ(hits[LOW], 0); /* interrupts are off */
    open();
    EXPECT_EQ(hits[LOW], 1);
    EXPECT_EQ(reg_read(IRR + LOW / 32), 0);
    EXPECT_EQ(reg_read(ISR + LOW / 32), 0);
    reg_write(TPR, 0x60); /* lower classes wait */
    send_self(LOW);
    send_self(HIGH);
    open();
    EXPECT_EQ(hits[LOW], 1);
    EXPECT_EQ(hits[HIGH], 1);
    reg_write(TPR, 0);
    open();
    EXPECT_EQ(hits[LOW], 2);
}

/* Halts until the timer has come that often. What comes before the halt must not be slept over. */
static void wait_hits(unsigned int count, uint64_t end)
{
    while (hits[TIMER] < count && time_now() < end) {
        __asm__ volatile("sti; hlt; cli" : : : "memory");
    }
}

static void test_timer(void)
{
    uint64_t end = time_now() + 2000000000UL;

    hits[TIMER] = 0;
    reg_write(DIVIDE, 0xb);
    reg_write(LVT_TIMER, TIMER);
    reg_write(INITIAL, 100000); /* one millisecond */
    EXPECT(reg_read(CURRENT) <= 100000);
    wait_hits(1, end);
    EXPECT_EQ(hits[TIMER], 1);
    reg_write(LVT_TIMER, 0x20000 | TIMER);
    reg_write(INITIAL, 200000);
    wait_hits(4, end);
    EXPECT(hits[TIMER] >= 4);
    reg_write(INITIAL, 0);
    reg_write(LVT_TIMER, 0x10000);
    open();
}

static void test_x2apic(void)
{
    uint64_t base = pvh_rdmsr(MSR_APIC_BASE);

    EXPECT_EQ(base, 0xfee00900UL);
    EXPECT_EQ(TRAP_PROBE("wrmsr", NOTHING, "c"(MSR_APIC_BASE) COMMA "a"(0xfee00500U) COMMA "d"(0)), TRAP_GP);
    EXPECT_EQ(TRAP_PROBE("rdmsr", NOTHING, "c"(0x802), "eax", "edx"), TRAP_GP); /* not on yet */
    pvh_wrmsr(MSR_APIC_BASE, base | X2APIC);
    wide = true;
    EXPECT_EQ(APIC[VERSION * 4], 0xffffffffU); /* the page has gone */
    EXPECT_EQ(TRAP_PROBE("wrmsr", NOTHING, "c"(MSR_APIC_BASE) COMMA "a"(0xfee00900U) COMMA "d"(0)), TRAP_GP);
    EXPECT_EQ(TRAP_PROBE("wrmsr", NOTHING, "c"(0x802) COMMA "a"(1) COMMA "d"(0)), TRAP_GP);
    EXPECT_EQ(TRAP_PROBE("wrmsr", NOTHING, "c"(0x80b) COMMA "a"(1) COMMA "d"(0)), TRAP_GP);
    EXPECT_EQ(TRAP_PROBE("rdmsr", NOTHING, "c"(0x8ff), "eax", "edx"), TRAP_GP);
    EXPECT_EQ(TRAP_PROBE("rdmsr", NOTHING, "c"(0x831), "eax", "edx"), TRAP_GP);
    EXPECT_EQ(pvh_rdmsr(0x80d), 1); /* cluster 0, its first */
}

static void test_upcall_vector(void)
{
    struct xen_hvm_evtchn_upcall_vector op = { .vcpu = 0, .vector = UPCALL };
    unsigned int port;

    EXPECT_EQ(events_bind_ipi(0, &port), 0);
    EXPECT_EQ(hypercall(__HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, (unsigned long)&op, 0, 0, 0), 0);
    hits[UPCALL] = 0;
    events_unmask(port);
    for (unsigned int i = 1; i <= 3; i++) {
        percpu()->info->evtchn_upcall_pending = 0;
        percpu()->info->evtchn_pending_sel = 0;
        events_clear(port);
        open();
        hits[UPCALL] = 0;
        EXPECT_EQ(events_send(port), 0);
        EXPECT_EQ(hits[UPCALL], 0);
        open();
        EXPECT_EQ(hits[UPCALL], 1);
        open();
        EXPECT_EQ(hits[UPCALL], 1); /* one edge, one interrupt */
    }
    op.vector = 5;
    EXPECT_EQ(hypercall(__HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, (unsigned long)&op, 0, 0, 0), -EINVAL);
    op = (struct xen_hvm_evtchn_upcall_vector){ .vcpu = 9, .vector = UPCALL };
    EXPECT_EQ(hypercall(__HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, (unsigned long)&op, 0, 0, 0), -ENOENT);
}

void test_main(void)
{
    for (unsigned int i = 32; i < 256; i++) {
        if (i != PVH_VECTOR_UPCALL) {
            trap_hook(i, on_interrupt);
        }
    }
    test_registers();
    test_self();
    test_timer();
    test_x2apic();
    test_registers();
    test_self();
    test_timer();
    test_upcall_vector();
}
