/* SPDX-License-Identifier: MIT */
/*
 * What a random call may not do to its own guest: shut it down, put its vcpus to sleep for
 * good, jump away, take its running page tables, or, with the rights of dom0, do to the machine
 * what dom0 is allowed to do. Everything else goes through as it was invented. One function per
 * hypercall that needs care.
 */
#include "abi/callback.h"
#include "abi/domctl.h"
#include "abi/event_channel.h"
#include "abi/nmi.h"
#include "abi/physdev.h"
#include "abi/platform.h"
#include "abi/sched.h"
#include "abi/sysctl.h"
#include "abi/vcpu.h"
#include "abi/xen.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/start.h"
#include "guest/libguest/time.h"
#include "guest/libguest/x86/pagetable.h"
#include "guest/libguest/x86/traps.h"
#include "guest/tests/random/random.h"

static bool own_buffer(const struct random_state *s, unsigned long address)
{
    for (unsigned int i = 0; i < RANDOM_BUFFERS; i++) {
        unsigned long start = (unsigned long)s->buffer[i];

        if (address >= start && address < start + 4096) {
            return true;
        }
    }
    return false;
}

static bool in_window(unsigned long address)
{
    return (address - (unsigned long)random_window[0]) >> 30 == 0;
}

static bool tame_sched(struct random_state *s, struct random_call *c)
{
    struct sched_poll *poll = (void *)s->buffer[0];

    switch (c->arg[0] & 0xffffffff) {
    case SCHEDOP_poll:
        poll->timeout = time_now() + 20000;
        poll->nr_ports = random_below(s, 4);
        set_xen_guest_handle(poll->ports, (void *)s->buffer[1]);
        c->arg[1] = (unsigned long)poll;
        return true;
    case SCHEDOP_block:
    case SCHEDOP_shutdown:
    case SCHEDOP_shutdown_code:
    case SCHEDOP_remote_shutdown:
    case SCHEDOP_watchdog:
        return false;
    default:
        return true;
    }
}

static bool tame_vcpu(const struct random_state *s, struct random_call *c)
{
    (void)s;
    switch (c->arg[0] & 0xffffffff) {
    case VCPUOP_down:
    case VCPUOP_register_vcpu_info: /* the kernel would lose its event mask */
        return false;
    default:
        return true;
    }
}

static bool tame_mmuext(struct random_state *s, struct random_call *c)
{
    struct mmuext_op *op = (void *)c->arg[0];
    unsigned long root = memory_mfn(pagetable_root());

    if (!own_buffer(s, c->arg[0])) {
        return !in_window(c->arg[0]);
    }
    for (unsigned int i = 0; i < 512; i++) {
        if ((unsigned long)(op + i + 1) > ((unsigned long)op | 4095) + 1) {
            break;
        }
        if (op[i].cmd == MMUEXT_NEW_BASEPTR) {
            op[i].arg1.mfn = random_below(s, 2) ? root : ~0UL >> 12;
        }
        if (op[i].cmd == MMUEXT_UNPIN_TABLE && op[i].arg1.mfn == root) {
            op[i].arg1.mfn = ~0UL >> 12;
        }
    }
    return true;
}

static bool tame_physdev(struct random_call *c)
{
    switch (c->arg[0] & 0xffffffff) {
    case PHYSDEVOP_apic_write:
    case PHYSDEVOP_pci_device_remove:
    case PHYSDEVOP_manage_pci_remove:
    case PHYSDEVOP_dbgp_op:
    case PHYSDEVOP_pci_device_add:
    case PHYSDEVOP_manage_pci_add:
    case PHYSDEVOP_manage_pci_add_ext:
    case PHYSDEVOP_pci_mmcfg_reserved:
        return !start_is_dom0();
    default:
        return true;
    }
}

static bool tame_sysctl(struct random_state *s, struct random_call *c)
{
    uint32_t *words = (uint32_t *)s->buffer[0];

    if (!start_is_dom0() || !own_buffer(s, c->arg[0])) {
        return !in_window(c->arg[0]);
    }
    words[1] = XEN_SYSCTL_INTERFACE_VERSION;
    c->arg[0] = (unsigned long)words;
    switch (words[0]) {
    case XEN_SYSCTL_debug_keys:
    case XEN_SYSCTL_cpu_hotplug:
    case XEN_SYSCTL_page_offline_op:
    case XEN_SYSCTL_cpupool_op:
    case XEN_SYSCTL_scheduler_op:
    case XEN_SYSCTL_tbuf_op:
    case XEN_SYSCTL_pm_op:
    case XEN_SYSCTL_livepatch_op:
    case XEN_SYSCTL_psr_alloc:
        return false;
    default:
        return true;
    }
}

static bool tame_platform(struct random_state *s, struct random_call *c)
{
    uint32_t *words = (uint32_t *)s->buffer[0];

    if (!start_is_dom0() || !own_buffer(s, c->arg[0])) {
        return !in_window(c->arg[0]);
    }
    c->arg[0] = (unsigned long)words;
    switch (words[0]) {
    case XENPF_add_memtype:
    case XENPF_del_memtype:
    case XENPF_microcode_update:
    case XENPF_platform_quirk:
    case XENPF_efi_runtime_call:
    case XENPF_enter_acpi_sleep:
    case XENPF_cpu_online:
    case XENPF_cpu_offline:
    case XENPF_cpu_hotadd:
    case XENPF_mem_hotadd:
    case XENPF_core_parking:
    case XENPF_resource_op:
    case XENPF_set_processor_pminfo:
        return false;
    default:
        return true;
    }
}

/*
 * As dom0: other domains only (there are none until a call makes one), and no end of their
 * number.
 */
static bool tame_domctl(struct random_state *s, struct random_call *c)
{
    uint32_t *words = (uint32_t *)s->buffer[0];

    if (!start_is_dom0() || !own_buffer(s, c->arg[0])) {
        return !in_window(c->arg[0]);
    }
    c->arg[0] = (unsigned long)words;
    ((uint16_t *)words)[4] = 1 + random_below(s, 4);
    if (words[0] == XEN_DOMCTL_createdomain && random_below(s, 2) == 0) {
        struct xen_domctl *op = (void *)words;

        op->u.createdomain.flags = random_below(s, 4) == 0 ? random_next(s) : 0;
        op->u.createdomain.iommu_opts = 0;
        op->u.createdomain.max_vcpus = random_below(s, 4);
        op->u.createdomain.max_evtchn_port = random_below(s, 2000);
        op->u.createdomain.max_grant_frames = random_below(s, 20);
        op->u.createdomain.max_maptrack_frames = random_below(s, 20);
        op->u.createdomain.grant_opts = random_below(s, 4);
        op->u.createdomain.vmtrace_size = 0;
        op->u.createdomain.cpupool_id = 0;
    }
    return words[0] != XEN_DOMCTL_pausedomain;
}

static bool tame_callback(struct random_state *s, struct random_call *c)
{
    struct callback_register *reg = (void *)s->buffer[0];

    if (own_buffer(s, c->arg[1]) || c->arg[0] == CALLBACKOP_register) {
        reg->type = random_below(s, 10);
        reg->flags = random_below(s, 2);
        reg->address = (unsigned long)(reg->type == CALLBACKTYPE_nmi ? entry_nmi : entry_event);
        c->arg[1] = (unsigned long)reg;
    }
    return true;
}

/* A domU must keep the event channel of its console, or nobody sees the verdict. */
static bool tame_event(struct random_state *s, struct random_call *c)
{
    uint32_t *words = (uint32_t *)s->buffer[0];
    uint32_t cmd = (uint32_t)c->arg[0];

    if (start_is_dom0()) {
        return true;
    }
    if (cmd == EVTCHNOP_close) {
        words[0] = 8 + random_below(s, 64);
        c->arg[1] = (unsigned long)words;
    }
    return cmd != EVTCHNOP_reset && cmd != 14; /* its continuation, hidden from guests */
}

static bool tame_nmi(struct random_state *s, struct random_call *c)
{
    struct xennmi_callback *cb = (void *)s->buffer[0];

    if ((c->arg[0] & 0xffffffff) == XENNMI_register_callback) {
        cb->handler_address = (unsigned long)entry_nmi;
        c->arg[1] = (unsigned long)cb;
    }
    return true;
}

static bool tame_debugreg(struct random_call *c)
{
    c->arg[0] = c->arg[0] & 15;
    if (c->arg[0] == 7 || c->arg[0] == 5) {
        c->arg[1] &= ~0xffUL;
    }
    return true;
}

bool random_tame(struct random_state *s, struct random_call *c)
{
    switch (c->nr & 0xffffffff) {
    case __HYPERVISOR_iret:
    case __HYPERVISOR_set_callbacks:
    case __HYPERVISOR_set_trap_table:
        return (c->nr >> 32) != 0;
    case __HYPERVISOR_kexec_op:
    case __HYPERVISOR_arch_0:
        return !start_is_dom0();
    case __HYPERVISOR_sched_op:
    case __HYPERVISOR_sched_op_compat:
        return tame_sched(s, c);
    case __HYPERVISOR_vcpu_op:
        return tame_vcpu(s, c);
    case __HYPERVISOR_mmuext_op:
        return tame_mmuext(s, c);
    case __HYPERVISOR_physdev_op:
    case __HYPERVISOR_physdev_op_compat:
        return tame_physdev(c);
    case __HYPERVISOR_sysctl:
        return tame_sysctl(s, c);
    case __HYPERVISOR_platform_op:
        return tame_platform(s, c);
    case __HYPERVISOR_domctl:
        return tame_domctl(s, c);
    case __HYPERVISOR_callback_op:
        return tame_callback(s, c);
    case __HYPERVISOR_nmi_op:
        return tame_nmi(s, c);
    case __HYPERVISOR_event_channel_op:
        return tame_event(s, c);
    case __HYPERVISOR_event_channel_op_compat:
        return start_is_dom0();
    case __HYPERVISOR_set_debugreg:
        return tame_debugreg(c);
    case __HYPERVISOR_set_segment_base: /* a bad selector ends in the failsafe callback */
        return (c->arg[0] & 0xffffffff) != SEGBASE_GS_USER_SEL;
    case __HYPERVISOR_console_io:
        c->arg[1] = random_below(s, 64) == 0 ? c->arg[1] & 31 : 0;
        return true;
    case __HYPERVISOR_multicall: /* lists only through run_multicall(), each call tamed */
        return !own_buffer(s, c->arg[0]) && !in_window(c->arg[0]);
    default:
        return true;
    }
}
