/* SPDX-License-Identifier: MIT */
/*
 * A guest's timers. The virtual one is the hardware's while the vcpu runs: its interrupt comes to us, is masked in the
 * timer and handed on; while the vcpu sleeps, a timer of ours wakes it for that. The physical one is emulated.
 */
#include "hv/arch/arm/cpu/clock.h"
#include "hv/arch/arm/cpu/sysreg.h"
#include "hv/arch/arm/guest/vgic.h"
#include "hv/base/printk.h"

#define CTL_ENABLE 1U
#define CTL_MASK   2U
#define CTL_STATUS 4U
#define SECONDS_BITS 31 /* since the counter began: later than that is never */

/* dom0 has the machine's numbers, which its device tree says; others the ABI's. */
static unsigned int virtual_irq(const struct vcpu *v)
{
    return v->domain->arch->is_direct ? clock_irqs.virtual : GUEST_TIMER_VIRT_PPI;
}

static unsigned int physical_irq(const struct vcpu *v)
{
    return v->domain->arch->is_direct ? clock_irqs.physical : GUEST_TIMER_PHYS_NS_PPI;
}

/*
 * Only wakes it: its timer, due when it is restored, interrupts us then. Its registers are not touched here, as this
 * may be another CPU than the one on which it runs, or ran, or is about to.
 */
static void vtimer_expired(void *data)
{
    vcpu_unblock(data);
}

static void ptimer_expired(void *data)
{
    struct vcpu *v = data;

    if ((v->arch->cntp_ctl & (CTL_ENABLE | CTL_MASK)) == CTL_ENABLE) {
        vgic_inject(v, physical_irq(v));
    }
}

/* For when a guest's counter, which is the physical one less an offset, reaches a value: both are without sign. */
static void set_for(struct timer *t, uint64_t value, uint64_t offset)
{
    uint64_t ticks;

    if (!add_overflows(value, offset, &ticks) && ticks >> SECONDS_BITS < clock_hz()) {
        timer_set(t, clock_ticks_to_now(ticks));
    }
}

void vtimer_vcpu_init(struct vcpu *v)
{
    timer_init(&v->arch->vtimer, vtimer_expired, v, v->processor);
    timer_init(&v->arch->ptimer, ptimer_expired, v, v->processor);
}

void vtimer_vcpu_exit(struct vcpu *v)
{
    timer_kill(&v->arch->vtimer);
    timer_kill(&v->arch->ptimer);
}

/* The vcpu, which does not run, begins anew: nothing of before comes. */
void vtimer_reset(struct vcpu *v)
{
    v->arch->cntv_ctl = 0;
    v->arch->cntp_ctl = 0;
    timer_stop(&v->arch->vtimer);
    timer_stop(&v->arch->ptimer);
}

/* The vcpu leaves this CPU. */
void vtimer_save(struct vcpu *v)
{
    struct arch_vcpu *a = v->arch;

    a->cntv_ctl = SYSREG_READ("cntv_ctl_el0");
    a->cntv_cval = SYSREG_READ("cntv_cval_el0");
    SYSREG_WRITE("cntv_ctl_el0", 0);
    if ((a->cntv_ctl & (CTL_ENABLE | CTL_MASK)) == CTL_ENABLE) {
        set_for(&a->vtimer, a->cntv_cval, v->domain->arch->counter_offset);
    }
}

void vtimer_restore(struct vcpu *v)
{
    struct arch_vcpu *a = v->arch;

    if (timer_is_pending(&a->vtimer)) { /* nobody else sets it */
        timer_stop(&a->vtimer);
    }
    SYSREG_WRITE("cntvoff_el2", v->domain->arch->counter_offset);
    SYSREG_WRITE("cntv_cval_el0", a->cntv_cval);
    isb();
    SYSREG_WRITE("cntv_ctl_el0", a->cntv_ctl);
}

/* The hardware's virtual timer fired while v runs. Masked, it does not fire again before the guest sets it anew. */
void vtimer_interrupt(struct vcpu *v)
{
    uint64_t ctl = SYSREG_READ("cntv_ctl_el0");

    if ((ctl & (CTL_ENABLE | CTL_STATUS)) == (CTL_ENABLE | CTL_STATUS) && !vcpu_is_idle(v)) {
        SYSREG_WRITE("cntv_ctl_el0", ctl | CTL_MASK);
        isb();
        vgic_inject(v, virtual_irq(v));
    }
}

/* ---- the emulated physical timer -------------------------------------------------------------- */

static bool ptimer_due(const struct arch_vcpu *a)
{
    return (a->cntp_ctl & CTL_ENABLE) && clock_ticks() >= a->cntp_cval;
}

static void ptimer_set(struct vcpu *v)
{
    struct arch_vcpu *a = v->arch;

    timer_stop(&a->ptimer);
    if ((a->cntp_ctl & (CTL_ENABLE | CTL_MASK)) == CTL_ENABLE) {
        set_for(&a->ptimer, a->cntp_cval, 0);
    }
}

bool vtimer_sysreg(struct vcpu *v, unsigned int reg, bool is_write, uint64_t *value)
{
    struct arch_vcpu *a = v->arch;

    switch (reg) {
    case VTIMER_CTL:
        if (is_write) {
            a->cntp_ctl = *value & (CTL_ENABLE | CTL_MASK);
            ptimer_set(v);
        } else {
            *value = a->cntp_ctl | (ptimer_due(a) ? CTL_STATUS : 0);
        }
        return true;
    case VTIMER_CVAL:
    case VTIMER_TVAL:
        if (is_write) {
            a->cntp_cval = reg == VTIMER_CVAL ? *value : clock_ticks() + (uint64_t)(int32_t)*value;
            ptimer_set(v);
        } else {
            *value = reg == VTIMER_CVAL ? a->cntp_cval : (uint32_t)(a->cntp_cval - clock_ticks());
        }
        return true;
    default:
        return false;
    }
}
