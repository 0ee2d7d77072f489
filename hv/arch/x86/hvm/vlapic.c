/* SPDX-License-Identifier: MIT */
/*
 * The virtual local APIC; see vlapic.h. Registers are kept by their MMIO offset divided by 16, which is also their
 * place among the x2APIC MSRs. (Intel SDM volume 3, chapter "APIC".)
 */
#include "hv/arch/x86/hvm/vlapic.h"

#include "hv/arch/x86/hvm/hvm.h"
#include "hv/arch/x86/hvm/vioapic.h"
#include "hv/core/arch_guest.h"
#include "hv/core/sched.h"
#include "hv/lib/bitmap.h"
#include "hv/lib/string.h"

enum {
    REG_ID = 0x02,
    REG_VERSION = 0x03,
    REG_TPR = 0x08,
    REG_PPR = 0x0a,
    REG_EOI = 0x0b,
    REG_LDR = 0x0d,
    REG_DFR = 0x0e,
    REG_SVR = 0x0f,
    REG_ISR = 0x10,
    REG_TMR = 0x18,
    REG_IRR = 0x20,
    REG_ESR = 0x28,
    REG_ICR = 0x30,
    REG_ICR_HIGH = 0x31,
    REG_LVT_TIMER = 0x32,
    REG_LVT_THERMAL = 0x33,
    REG_LVT_PERF = 0x34,
    REG_LVT_LINT0 = 0x35,
    REG_LVT_LINT1 = 0x36,
    REG_LVT_ERROR = 0x37,
    REG_TIMER_INITIAL = 0x38,
    REG_TIMER_CURRENT = 0x39,
    REG_TIMER_DIVIDE = 0x3e,
    REG_SELF_IPI = 0x3f
};

#define VERSION       0x00050014U /* integrated, six LVT entries */
#define BASE_BSP      0x100UL
#define BASE_X2APIC   0x400UL
#define BASE_ENABLE   0x800UL
#define SVR_ENABLE    0x100U
#define SVR_BITS      0x1ffU
#define LVT_MASKED    0x10000U
#define LVT_TIMER_PERIODIC 0x20000U
#define LVT_TIMER_BITS 0x300ffU /* vector, mask, periodic */
#define LVT_BITS      0x1f7ffU /* vector, mode, polarity, trigger, mask */
#define DFR_FLAT      0xffffffffU
#define ICR_MODE_SHIFT 8
#define ICR_LOGICAL   0x800UL
#define ICR_SHORTHAND_SHIFT 18
#define ICR_BITS      0xcdfffUL
#define BUS_CYCLE_NS  10U
#define TIMER_PERIOD_MIN_NS 50000U /* a guest cannot make the machine do nothing but ticks */
#define VECTOR_FIRST_VALID 16U

enum { MODE_FIXED, MODE_LOWEST, MODE_SMI, MODE_NMI = 4, MODE_INIT, MODE_STARTUP };
enum { TO_GIVEN, TO_SELF, TO_ALL, TO_OTHERS };

static struct vlapic *of(const struct vcpu *v)
{
    return &hvm_vcpu(v)->vlapic;
}

static bool x2apic(const struct vlapic *l)
{
    return (l->base & (BASE_ENABLE | BASE_X2APIC)) == (BASE_ENABLE | BASE_X2APIC);
}

static uint32_t apic_id_of(const struct vcpu *v)
{
    return v->id * 2;
}

bool vlapic_enabled(const struct vcpu *v)
{
    return (of(v)->base & BASE_ENABLE) && (of(v)->regs[REG_SVR] & SVR_ENABLE);
}

/* ---- Interrupts --------------------------------------------------------------------------- */
void vlapic_set_irq(struct vcpu *v, unsigned int vector)
{
    struct vlapic *l = of(v);

    if (vector < VECTOR_FIRST_VALID) {
        return;
    }
    bit_set_atomic(l->irr, vector);
    __atomic_store_n(&l->irr_maybe, true, __ATOMIC_SEQ_CST); /* after the bit: pairs with vlapic_pending() */
}

static int highest(const unsigned long *bits)
{
    for (int i = 3; i >= 0; i--) {
        unsigned long word = READ_ONCE(bits[i]);

        if (word != 0) {
            return i * 64 + 63 - __builtin_clzl(word);
        }
    }
    return -1;
}

static int highest_in_service(const struct vlapic *l)
{
    for (int i = 7; i >= 0; i--) {
        if (l->regs[REG_ISR + i] != 0) {
            return i * 32 + 31 - __builtin_clz(l->regs[REG_ISR + i]);
        }
    }
    return -1;
}

static unsigned int processor_priority(const struct vlapic *l)
{
    int isr = highest_in_service(l);
    unsigned int class = isr < 0 ? 0 : (unsigned int)isr & 0xf0;

    return (l->regs[REG_TPR] & 0xf0) >= class ? l->regs[REG_TPR] & 0xff : class;
}

int vlapic_pending(const struct vcpu *v)
{
    struct vlapic *l = of(v);
    int vector;

    if (!READ_ONCE(l->irr_maybe) || !vlapic_enabled(v)) {
        return -1;
    }
    __atomic_store_n(&l->irr_maybe, false, __ATOMIC_SEQ_CST);
    vector = highest(l->irr);
    if (vector < 0) {
        return -1;
    }
    WRITE_ONCE(l->irr_maybe, true);
    return ((unsigned int)vector & 0xf0) > (processor_priority(l) & 0xf0) ? vector : -1;
}

void vlapic_accept(struct vcpu *v, unsigned int vector)
{
    struct vlapic *l = of(v);

    bit_clear_atomic(l->irr, vector);
    l->regs[REG_ISR + vector / 32] |= 1U << vector % 32;
}

static void end_of_interrupt(const struct vcpu *v)
{
    struct vlapic *l = of(v);
    int vector = highest_in_service(l);

    if (vector < 0) {
        return;
    }
    l->regs[REG_ISR + vector / 32] &= ~(1U << vector % 32);
    if (unlikely(READ_ONCE(l->regs[REG_TMR + vector / 32]) >> vector % 32 & 1)) {
        vioapic_end_of_interrupt(v->domain, (unsigned int)vector);
    }
}

uint8_t vlapic_tpr(const struct vcpu *v)
{
    return (uint8_t)of(v)->regs[REG_TPR];
}

void vlapic_set_tpr(struct vcpu *v, uint8_t tpr)
{
    of(v)->regs[REG_TPR] = tpr;
}

/* ---- Messages between vcpus --------------------------------------------------------------- */
static bool matches_logical(const struct vcpu *v, uint32_t dest)
{
    const struct vlapic *l = of(v);
    uint32_t ldr = l->regs[REG_LDR];

    if (x2apic(l)) {
        return ldr >> 16 == dest >> 16 && (ldr & dest & 0xffff) != 0;
    }
    ldr >>= 24;
    if (l->regs[REG_DFR] == DFR_FLAT) {
        return (ldr & dest) != 0;
    }
    return ldr >> 4 == dest >> 4 && (ldr & dest & 0xf) != 0;
}

static bool is_target(const struct vcpu *from, const struct vcpu *v, uint64_t icr)
{
    uint32_t dest = (uint32_t)(icr >> 32);
    bool wide = x2apic(of(from));

    switch (icr >> ICR_SHORTHAND_SHIFT & 3) {
    case TO_SELF:
        return v == from;
    case TO_ALL:
        return true;
    case TO_OTHERS:
        return v != from;
    default:
        break;
    }
    dest = wide ? dest : dest >> 24;
    if (dest == (wide ? ~0U : 0xffU)) {
        return true;
    }
    return icr & ICR_LOGICAL ? matches_logical(v, dest) : apic_id_of(v) == dest;
}

static void kick(struct vcpu *v)
{
    if (v != current_vcpu() && READ_ONCE(v->is_running)) {
        arch_ipi_send(READ_ONCE(v->processor), ARCH_IPI_SOFTIRQ);
    }
    vcpu_unblock(v);
}

static void deliver(struct vcpu *v, unsigned int mode, unsigned int vector)
{
    switch (mode) {
    case MODE_FIXED:
    case MODE_LOWEST:
        if (vlapic_enabled(v)) {
            vlapic_set_irq(v, vector);
            kick(v);
        }
        break;
    case MODE_NMI:
        WRITE_ONCE(v->nmi_pending, true);
        kick(v);
        break;
    case MODE_INIT:
        hvm_vcpu_wait_for_startup(v);
        break;
    case MODE_STARTUP:
        hvm_vcpu_startup(v, vector);
        break;
    default:
        break;
    }
}

/* How a vector came last is what the guest reads, and what its end does. */
static void set_trigger(struct vcpu *v, unsigned int vector, bool level)
{
    uint32_t *word = &of(v)->regs[REG_TMR + vector / 32];
    uint32_t bit = 1U << vector % 32;

    if (level) {
        __atomic_fetch_or(word, bit, __ATOMIC_SEQ_CST);
    } else {
        __atomic_fetch_and(word, ~bit, __ATOMIC_SEQ_CST);
    }
}

void vlapic_message(struct domain *d, uint32_t dest, bool logical, unsigned int mode, unsigned int vector, bool level)
{
    struct vcpu *v;

    if ((mode != MODE_FIXED && mode != MODE_LOWEST && mode != MODE_NMI) || vector > 0xff) {
        return;
    }
    domain_for_each_vcpu(d, v) {
        if (dest == 0xff || (logical ? matches_logical(v, dest) : apic_id_of(v) == dest)) {
            if (mode != MODE_NMI) {
                set_trigger(v, vector, level);
            }
            deliver(v, mode, vector);
            if (mode == MODE_LOWEST) {
                break;
            }
        }
    }
}

static void send(struct vcpu *from, uint64_t icr)
{
    unsigned int mode = (unsigned int)(icr >> ICR_MODE_SHIFT) & 7;
    struct vcpu *v;

    of(from)->icr = icr & (ICR_BITS | ~0UL << 32);
    if (mode == MODE_INIT && (icr >> 14 & 3) == 2) {
        return; /* the level-triggered de-assert only old chips know */
    }
    domain_for_each_vcpu(from->domain, v) {
        if (is_target(from, v, icr)) {
            deliver(v, mode, (unsigned int)icr & 0xff);
            if (mode == MODE_LOWEST) {
                break;
            }
        }
    }
}

/* ---- Timer -------------------------------------------------------------------------------- */
static uint64_t tick_ns(const struct vlapic *l)
{
    unsigned int code = (l->regs[REG_TIMER_DIVIDE] & 3) | (l->regs[REG_TIMER_DIVIDE] & 8) >> 1;

    return (uint64_t)BUS_CYCLE_NS << ((code + 1) & 7);
}

static void timer_expired(void *data)
{
    struct vcpu *v = data;
    struct vlapic *l = of(v);
    uint32_t lvt = READ_ONCE(l->regs[REG_LVT_TIMER]);
    uint64_t period = READ_ONCE(l->timer_period);

    if (period == 0) {
        return;
    }
    if (!(lvt & LVT_MASKED)) {
        vlapic_set_irq(v, lvt & 0xff);
        kick(v);
    }
    if (lvt & LVT_TIMER_PERIODIC) {
        uint64_t now = arch_clock_now();

        l->timer_start += (now - l->timer_start) / period * period;
        timer_set(&l->timer, l->timer_start + MAX(period, (uint64_t)TIMER_PERIOD_MIN_NS));
    }
}

static void timer_start(struct vlapic *l, uint32_t count)
{
    timer_stop(&l->timer);
    l->regs[REG_TIMER_INITIAL] = count;
    l->timer_start = arch_clock_now();
    WRITE_ONCE(l->timer_period, count * tick_ns(l));
    if (count != 0) {
        timer_set(&l->timer, l->timer_start + l->timer_period);
    }
}

static uint32_t timer_count(const struct vlapic *l)
{
    uint64_t passed = (arch_clock_now() - l->timer_start) / tick_ns(l);
    uint32_t initial = l->regs[REG_TIMER_INITIAL];

    if (initial == 0) {
        return 0;
    }
    if (l->regs[REG_LVT_TIMER] & LVT_TIMER_PERIODIC) {
        return initial - (uint32_t)(passed % initial);
    }
    return passed >= initial ? 0 : initial - (uint32_t)passed;
}

/* ---- Registers ---------------------------------------------------------------------------- */
static uint32_t reg_read(struct vcpu *v, unsigned int reg)
{
    struct vlapic *l = of(v);

    switch (reg) {
    case REG_PPR:
        return processor_priority(l);
    case REG_IRR ... REG_IRR + 7:
        return (uint32_t)(l->irr[(reg - REG_IRR) / 2] >> 32 * ((reg - REG_IRR) % 2));
    case REG_ICR:
        return (uint32_t)l->icr;
    case REG_ICR_HIGH:
        return (uint32_t)(l->icr >> 32);
    case REG_TIMER_CURRENT:
        return timer_count(l);
    default:
        return l->regs[reg];
    }
}

static void svr_write(struct vlapic *l, uint32_t value)
{
    l->regs[REG_SVR] = value & SVR_BITS;
    if (!(value & SVR_ENABLE)) {
        for (unsigned int i = REG_LVT_TIMER; i <= REG_LVT_ERROR; i++) {
            l->regs[i] |= LVT_MASKED;
        }
    }
}

/* False for a register that cannot be written. */
static bool reg_write(struct vcpu *v, unsigned int reg, uint32_t value)
{
    struct vlapic *l = of(v);

    switch (reg) {
    case REG_TPR:
        l->regs[REG_TPR] = value & 0xff;
        return true;
    case REG_EOI:
        end_of_interrupt(v);
        return true;
    case REG_SVR:
        svr_write(l, value);
        return true;
    case REG_ESR:
        l->regs[REG_ESR] = 0;
        return true;
    case REG_ICR:
        send(v, (l->icr & ~0UL << 32) | value);
        return true;
    case REG_LVT_TIMER:
        l->regs[reg] = (value & LVT_TIMER_BITS) | (vlapic_enabled(v) ? 0 : LVT_MASKED);
        return true;
    case REG_LVT_THERMAL ... REG_LVT_ERROR:
        l->regs[reg] = (value & LVT_BITS) | (vlapic_enabled(v) ? 0 : LVT_MASKED);
        return true;
    case REG_TIMER_INITIAL:
        timer_start(l, value);
        return true;
    case REG_TIMER_DIVIDE:
        l->regs[reg] = value & 0xb;
        return true;
    default:
        return false;
    }
}

bool vlapic_mmio_at(const struct vcpu *v, uint64_t gpa)
{
    const struct vlapic *l = of(v);

    return (l->base & BASE_ENABLE) && !x2apic(l) && gpa >> PAGE_SHIFT == l->base >> PAGE_SHIFT;
}

uint32_t vlapic_mmio_read(struct vcpu *v, unsigned int offset)
{
    return offset >= VLAPIC_REGISTERS * 16 ? 0 : reg_read(v, offset / 16);
}

void vlapic_mmio_write(struct vcpu *v, unsigned int offset, uint32_t value)
{
    struct vlapic *l = of(v);

    switch (offset / 16) {
    case REG_ICR_HIGH:
        l->icr = (uint32_t)l->icr | (uint64_t)(value & 0xff000000U) << 32;
        break;
    case REG_LDR:
        l->regs[REG_LDR] = value & 0xff000000U;
        break;
    case REG_DFR:
        l->regs[REG_DFR] = value | 0x0fffffffU;
        break;
    case REG_SELF_IPI:
        break;
    default:
        if (offset / 16 < VLAPIC_REGISTERS) {
            (void)reg_write(v, offset / 16, value);
        }
        break;
    }
}

/* ---- x2APIC ------------------------------------------------------------------------------- */
/* Registers that exist there (Intel SDM volume 3, table "x2APIC Register Address Space"). */
static bool x2apic_readable(unsigned int reg)
{
    return reg == REG_ID || reg == REG_VERSION || reg == REG_TPR || reg == REG_PPR || reg == REG_LDR ||
           reg == REG_SVR || (reg >= REG_ISR && reg <= REG_ESR) || reg == REG_ICR ||
           (reg >= REG_LVT_TIMER && reg <= REG_TIMER_CURRENT) || reg == REG_TIMER_DIVIDE;
}

bool vlapic_msr_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    unsigned int reg = msr - VLAPIC_MSR_FIRST;

    if (!x2apic(of(v)) || reg >= VLAPIC_REGISTERS || !x2apic_readable(reg)) {
        return false;
    }
    *value = reg == REG_ICR ? of(v)->icr : reg_read(v, reg);
    return true;
}

bool vlapic_msr_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
    unsigned int reg = msr - VLAPIC_MSR_FIRST;
    struct vlapic *l = of(v);

    if (!x2apic(l) || reg >= VLAPIC_REGISTERS) {
        return false;
    }
    switch (reg) {
    case REG_ICR:
        if (value & ~(ICR_BITS | ~0UL << 32)) {
            return false;
        }
        send(v, value);
        return true;
    case REG_SELF_IPI:
        if (value > 0xff) {
            return false;
        }
        vlapic_set_irq(v, (unsigned int)value);
        return true;
    case REG_EOI:
    case REG_ESR:
        return value == 0 && reg_write(v, reg, 0);
    default:
        return value >> 32 == 0 && reg_write(v, reg, (uint32_t)value);
    }
}

/* x2APIC identity: the logical id is cluster and bit of the physical one. */
static void set_identity(const struct vcpu *v, struct vlapic *l)
{
    uint32_t id = apic_id_of(v);

    if (x2apic(l)) {
        l->regs[REG_ID] = id;
        l->regs[REG_LDR] = (id & ~0xfU) << 12 | 1U << (id & 0xf);
    } else {
        l->regs[REG_ID] = id << 24;
    }
}

bool vlapic_set_base(struct vcpu *v, uint64_t base)
{
    struct vlapic *l = of(v);
    uint64_t mode = base & (BASE_ENABLE | BASE_X2APIC);
    uint64_t old = l->base & (BASE_ENABLE | BASE_X2APIC);

    /* The page does not move, as nobody moves it; x2APIC is left only by disabling. */
    if ((base & ~(BASE_BSP | BASE_ENABLE | BASE_X2APIC)) != VLAPIC_BASE || mode == BASE_X2APIC ||
        (old == (BASE_ENABLE | BASE_X2APIC) && mode == BASE_ENABLE) ||
        (old == 0 && mode == (BASE_ENABLE | BASE_X2APIC))) {
        return false;
    }
    if (mode == 0 && old != 0) {
        vlapic_reset(v, false);
    }
    l->base = (l->base & BASE_BSP) | (base & ~BASE_BSP);
    set_identity(v, l);
    return true;
}

/* ---- Birth -------------------------------------------------------------------------------- */
void vlapic_reset(struct vcpu *v, bool reset)
{
    struct vlapic *l = of(v);

    timer_stop(&l->timer);
    l->timer_period = 0;
    memset(l->regs, 0, sizeof(l->regs));
    memset(l->irr, 0, sizeof(l->irr));
    l->icr = 0;
    if (reset) {
        l->base = VLAPIC_BASE | BASE_ENABLE | (v->id == 0 ? BASE_BSP : 0);
    }
    l->regs[REG_VERSION] = VERSION;
    l->regs[REG_DFR] = DFR_FLAT;
    l->regs[REG_SVR] = 0xff;
    for (unsigned int i = REG_LVT_TIMER; i <= REG_LVT_ERROR; i++) {
        l->regs[i] = LVT_MASKED;
    }
    set_identity(v, l);
}

void vlapic_load(struct vcpu *v, const uint8_t data[VLAPIC_REGISTERS * 16])
{
    struct vlapic *l = of(v);

    for (unsigned int i = 0; i < VLAPIC_REGISTERS; i++) {
        memcpy(&l->regs[i], &data[i * 16], sizeof(l->regs[i]));
    }
    for (unsigned int i = 0; i < 4; i++) {
        l->irr[i] = l->regs[REG_IRR + 2 * i] | (uint64_t)l->regs[REG_IRR + 2 * i + 1] << 32;
    }
    l->irr_maybe = true;
    l->icr = l->regs[REG_ICR] | (uint64_t)l->regs[REG_ICR_HIGH] << 32;
    timer_start(l, l->regs[REG_TIMER_INITIAL]);
}

void vlapic_init(struct vcpu *v)
{
    timer_init(&of(v)->timer, timer_expired, v, v->processor);
    vlapic_reset(v, true);
}

void vlapic_exit(struct vcpu *v)
{
    timer_kill(&of(v)->timer);
}
