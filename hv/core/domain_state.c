/* SPDX-License-Identifier: MIT */
/*
 * What a living domain does as a whole: pausing, shutting down and going on, and what the
 * control tools are told about it. See domain.h.
 *
 * A domain that shuts down keeps each of its vcpus paused; the controller is told by
 * VIRQ_DOM_EXC (or by the domain's suspend event channel) and either kills or resumes it. When
 * dom0 shuts down, so does the machine.
 *
 * Lock: domain.lock for the shutdown state; pause counts are atomic.
 */
#include "abi/sched.h"
#include "hv/base/printk.h"
#include "hv/core/arch_guest.h"
#include "hv/core/domain.h"
#include "hv/core/evtchn.h"
#include "hv/core/sched.h"
#include "hv/core/vcpu.h"
#include "hv/lib/string.h"

#define CONTROLLER_PAUSES_MAX 255U

static bool reboot_after_crash = true;

/* ---- Pausing ----------------------------------------------------------------------------- */

void domain_pause_nosync(struct domain *d)
{
    struct vcpu *v;

    __atomic_fetch_add(&d->pause_count, 1, __ATOMIC_SEQ_CST);
    domain_for_each_vcpu(d, v) {
        sched_sleep_nosync(v);
    }
}

void domain_pause(struct domain *d)
{
    struct vcpu *v;

    __atomic_fetch_add(&d->pause_count, 1, __ATOMIC_SEQ_CST);
    domain_for_each_vcpu(d, v) {
        sched_sleep_sync(v);
    }
}

void domain_unpause(struct domain *d)
{
    struct vcpu *v;

    if (__atomic_sub_fetch(&d->pause_count, 1, __ATOMIC_SEQ_CST) != 0) {
        return;
    }
    domain_for_each_vcpu(d, v) {
        sched_wake(v);
    }
}

int domain_pause_by_controller(struct domain *d)
{
    unsigned int old = READ_ONCE(d->controller_paused);

    do {
        if (old >= CONTROLLER_PAUSES_MAX) {
            return -EOVERFLOW;
        }
    } while (!__atomic_compare_exchange_n(&d->controller_paused, &old, old + 1, false,
                                          __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    domain_pause(d);
    return 0;
}

int domain_unpause_by_controller(struct domain *d)
{
    unsigned int old = READ_ONCE(d->controller_paused);

    do {
        if (old == 0) {
            return -EINVAL;
        }
    } while (!__atomic_compare_exchange_n(&d->controller_paused, &old, old - 1, false,
                                          __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    if (old == 1 && !d->creation_finished) {
        spin_lock(&d->lock);
        d->creation_finished = true;
        spin_unlock(&d->lock);
    }
    domain_unpause(d);
    return 0;
}

/* ---- Shutting down and going on ---------------------------------------------------------- */

void domain_set_reboot(bool on)
{
    reboot_after_crash = on;
}

static void dump_vcpus(struct domain *d)
{
    struct vcpu *v;

    domain_for_each_vcpu(d, v) {
        printk("%pv%s:\n", v, v == current_vcpu() ? " (current)" : "");
        arch_vcpu_dump(v);
    }
}

static NORETURN void machine_shutdown(unsigned int reason)
{
    switch (reason) {
    case SHUTDOWN_poweroff:
        printk("dom0 has shut down: turning the machine off\n");
        arch_reset(ARCH_RESET_POWEROFF);
    case SHUTDOWN_crash:
        dump_vcpus(domain_hardware);
        printk("dom0 has crashed: %s\n",
               reboot_after_crash ? "restarting the machine" : "the machine halts");
        arch_reset(reboot_after_crash ? ARCH_RESET_REBOOT : ARCH_RESET_HALT);
    default:
        printk("dom0 has shut down (reason %u): restarting the machine\n", reason);
        arch_reset(ARCH_RESET_REBOOT);
    }
}

/* Tells who waits for d. Its lock is held. */
static void announce_shutdown(struct domain *d)
{
    if (d->shutdown_code == SHUTDOWN_suspend && d->suspend_evtchn_set) {
        (void)!evtchn_send(d, d->suspend_evtchn);
    } else {
        evtchn_send_global_virq(NULL, VIRQ_DOM_EXC);
    }
}

void domain_shutdown(struct domain *d, unsigned int reason)
{
    struct vcpu *v;

    spin_lock(&d->lock);
    if (d->shutdown_code == DOMAIN_SHUTDOWN_NONE) {
        d->shutdown_code = reason;
    }
    if (d->is_hardware) {
        reason = d->shutdown_code;
        spin_unlock(&d->lock);
        machine_shutdown(reason);
    }
    if (d->is_shutting_down) {
        spin_unlock(&d->lock);
        return;
    }
    d->is_shutting_down = true;
    domain_for_each_vcpu(d, v) {
        vcpu_pause_nosync(v);
        v->paused_for_shutdown = true;
    }
    d->is_shut_down = true;
    announce_shutdown(d);
    spin_unlock(&d->lock);
}

void domain_resume(struct domain *d)
{
    struct vcpu *v;

    domain_pause(d);
    spin_lock(&d->lock);
    d->is_shutting_down = false;
    d->is_shut_down = false;
    d->shutdown_code = DOMAIN_SHUTDOWN_NONE;
    domain_for_each_vcpu(d, v) {
        if (v->paused_for_shutdown) {
            v->paused_for_shutdown = false;
            vcpu_unpause(v);
        }
    }
    spin_unlock(&d->lock);
    domain_unpause(d);
}

/* ---- What the control tools are told ----------------------------------------------------- */

static void count_vcpus(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    struct vcpu *v;
    bool all_blocked = true;

    info->max_vcpu_id = XEN_INVALID_MAX_VCPU_ID;
    domain_for_each_vcpu(d, v) {
        unsigned long flags = READ_ONCE(v->pause_flags);

        info->cpu_time += vcpu_cpu_time(v);
        info->max_vcpu_id = v->id;
        if (flags & BIT(VCPU_DOWN)) {
            continue;
        }
        info->nr_online_vcpus++;
        all_blocked = all_blocked && (flags & BIT(VCPU_BLOCKED));
        if (READ_ONCE(v->is_running)) {
            info->flags |= XEN_DOMINF_running;
        }
    }
    if (info->nr_online_vcpus != 0 && all_blocked) {
        info->flags |= XEN_DOMINF_blocked;
    }
}

static uint32_t state_flags(const struct domain *d)
{
    return (d->dying == DOMAIN_DEAD ? XEN_DOMINF_dying : 0) |
           (d->is_shut_down ? XEN_DOMINF_shutdown : 0) |
           (d->controller_paused != 0 ? XEN_DOMINF_paused : 0) |
           (d->debugger_attached ? XEN_DOMINF_debugged : 0) |
           (d->is_xenstore ? XEN_DOMINF_xs_domain : 0) |
           (d->is_hvm ? XEN_DOMINF_hvm_guest : 0) |
           (d->config.flags & XEN_DOMCTL_CDF_hap ? XEN_DOMINF_hap : 0) |
           (d->shutdown_code & XEN_DOMINF_shutdownmask) << XEN_DOMINF_shutdownshift;
}

void domain_get_info(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    memset(info, 0, sizeof(*info));
    info->domain = d->id;
    count_vcpus(d, info);
    spin_lock(&d->lock);
    info->flags |= state_flags(d);
    info->cpupool = d->cpupool;
    memcpy(info->handle, d->handle, sizeof(info->handle));
    spin_unlock(&d->lock);
    spin_lock(&d->memory.lock);
    info->tot_pages = d->memory.total;
    info->max_pages = d->memory.max;
    info->outstanding_pages = d->memory.claimed;
    spin_unlock(&d->memory.lock);
    info->shared_info_frame = gfn_x(arch_mfn_to_gfn(d, d->shared_info_mfn));
    arch_get_domain_info(d, info);
}
