/* SPDX-License-Identifier: MIT */
/*
 * PSCI 1.1 and the part of SMCCC 1.1 that announces it, for guests, by HVC or SMC; and PSCI 0.1, whose functions have
 * the numbers that a guest's device tree gives them, which are the ABI's. Starting and stopping vcpus is the guest's
 * own business; the end of the system is the end of the domain.
 */
#include "abi/sched.h"
#include "hv/arch/arm/cpu/psci.h"
#include "hv/arch/arm/guest/vgic.h"
#include "hv/base/softirq.h"
#include "hv/core/sched.h"
#include "hv/lib/string.h"

#define VERSION_1_1 0x10001

_Static_assert(PSCI_V01_CPU_OFF == PSCI_cpu_off && PSCI_V01_CPU_ON == PSCI_cpu_on, "the ABI's numbers");

static struct vcpu *vcpu_by_mpidr(const struct domain *d, uint64_t mpidr)
{
    struct vcpu *v;

    domain_for_each_vcpu (d, v) {
        if ((v->arch->vmpidr & 0xff00ffffffULL) == (mpidr & 0xff00ffffffULL)) {
            return v;
        }
    }
    return NULL;
}

void vcpu_start_at(struct vcpu *v, uint64_t pc, uint64_t context)
{
    struct arch_vcpu *a = v->arch;

    memset(&a->regs, 0, sizeof(a->regs));
    memset(&a->sys, 0, sizeof(a->sys));
    a->regs.pc = pc;
    a->regs.spsr = PSR_GUEST64_INIT | PSR_DBG_MASK;
    a->regs.x[0] = context;
    a->sys.sctlr = SCTLR_GUEST_INIT;
    vtimer_reset(v);
    v->is_initialised = true;
    __atomic_store_n(&a->online, true, __ATOMIC_RELEASE);
    __atomic_fetch_and(&v->pause_flags, ~BIT(VCPU_DOWN), __ATOMIC_SEQ_CST);
}

/* By PSCI, and gone from its CPU, so that it can be started. */
static bool is_off(const struct vcpu *v)
{
    return (READ_ONCE(v->pause_flags) & BIT(VCPU_DOWN)) && !READ_ONCE(v->is_running) && !v->is_initialising;
}

static long cpu_on(struct domain *d, uint64_t mpidr, uint64_t entry, uint64_t context)
{
    struct vcpu *v = vcpu_by_mpidr(d, mpidr);
    bool busy;

    if (v == NULL) {
        return PSCI_INVALID;
    }
    spin_lock(&d->lock);
    busy = !is_off(v);
    if (!busy) {
        v->is_initialising = true;
    }
    spin_unlock(&d->lock);
    if (busy) {
        return PSCI_ALREADY_ON;
    }
    vgic_vcpu_reset(v);
    vcpu_start_at(v, entry, context);
    v->is_initialising = false;
    sched_wake(v);
    return PSCI_OK;
}

/* Its second argument is all that the vcpu is told, and there is one error. */
static long cpu_on_v01(struct domain *d, uint32_t mpidr, uint64_t entry)
{
    return cpu_on(d, mpidr, entry, 0) == PSCI_OK ? PSCI_OK : PSCI_INVALID;
}

static long cpu_off(struct vcpu *v)
{
    unsigned long flags = arch_irq_save();

    __atomic_store_n(&v->arch->online, false, __ATOMIC_RELEASE);
    vgic_flush(v); /* what it had not begun goes where the guest sends it */
    arch_irq_restore(flags);
    __atomic_fetch_or(&v->pause_flags, BIT(VCPU_DOWN), __ATOMIC_SEQ_CST);
    softirq_raise(SOFTIRQ_SCHEDULE);
    return PSCI_OK;
}

static long affinity_info(const struct domain *d, uint64_t mpidr, uint64_t level)
{
    struct vcpu *v = vcpu_by_mpidr(d, mpidr);

    if (level > 3 || v == NULL) {
        return PSCI_INVALID;
    }
    return is_off(v) ? 1 : 0;
}

static long features(uint32_t function)
{
    switch (function & ~PSCI_64) {
    case PSCI_CPU_ON:
    case PSCI_AFFINITY_INFO:
    case PSCI_CPU_SUSPEND:
        return 0;
    default:
        break;
    }
    switch (function) {
    case PSCI_VERSION:
    case PSCI_CPU_OFF:
    case PSCI_MIGRATE_INFO_TYPE:
    case PSCI_SYSTEM_OFF:
    case PSCI_SYSTEM_RESET:
    case PSCI_FEATURES:
    case SMCCC_VERSION:
        return 0;
    default:
        return PSCI_NOT_SUPPORTED;
    }
}

static long suspend(struct vcpu *v)
{
    vcpu_block();
    (void)v;
    return PSCI_OK;
}

bool vpsci_call(struct vcpu *v, struct cpu_user_regs *regs)
{
    struct domain *d = v->domain;
    uint32_t function = (uint32_t)regs->x[0];
    bool wide = (function & PSCI_64) != 0;
    uint64_t a1 = wide ? regs->x[1] : (uint32_t)regs->x[1];
    uint64_t a2 = wide ? regs->x[2] : (uint32_t)regs->x[2];
    uint64_t a3 = wide ? regs->x[3] : (uint32_t)regs->x[3];
    long rc;

    switch (function) {
    case PSCI_VERSION:
    case SMCCC_VERSION:
        rc = VERSION_1_1;
        break;
    case SMCCC_ARCH_FEATURES:
        rc = a1 == SMCCC_VERSION || a1 == SMCCC_ARCH_FEATURES ? 0 : PSCI_NOT_SUPPORTED;
        break;
    case PSCI_CPU_ON:
    case PSCI_CPU_ON | PSCI_64:
        rc = cpu_on(d, a1, a2, a3);
        break;
    case PSCI_V01_CPU_ON:
        rc = cpu_on_v01(d, (uint32_t)a1, regs->x[2]);
        break;
    case PSCI_V01_CPU_OFF:
    case PSCI_CPU_OFF:
        rc = cpu_off(v);
        break;
    case PSCI_CPU_SUSPEND:
    case PSCI_CPU_SUSPEND | PSCI_64:
        rc = suspend(v);
        break;
    case PSCI_AFFINITY_INFO:
    case PSCI_AFFINITY_INFO | PSCI_64:
        rc = affinity_info(d, a1, a2);
        break;
    case PSCI_MIGRATE_INFO_TYPE:
        rc = 2; /* no trusted OS */
        break;
    case PSCI_SYSTEM_OFF:
        domain_shutdown(d, SHUTDOWN_poweroff);
        rc = PSCI_OK;
        break;
    case PSCI_SYSTEM_RESET:
        domain_shutdown(d, SHUTDOWN_reboot);
        rc = PSCI_OK;
        break;
    case PSCI_FEATURES:
        rc = features((uint32_t)a1);
        break;
    default:
        return false;
    }
    regs->x[0] = (uint64_t)rc;
    return true;
}
