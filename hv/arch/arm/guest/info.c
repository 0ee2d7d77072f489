/* SPDX-License-Identifier: MIT */
/*
 * What an Arm guest is told about the hypervisor and the machine, HVM parameters, time records, and the operations
 * of contract 3 that make no sense here.
 */
#include "abi/features.h"
#include "abi/hvm_op.h"
#include "abi/hvm_params.h"
#include "abi/physdev.h"
#include "hv/arch/arm/cpu/clock.h"
#include "hv/arch/arm/cpu/smp.h"
#include "hv/arch/arm/guest/vgic.h"
#include "hv/base/printk.h"
#include "hv/calls/hypercall.h"
#include "hv/core/arch_guest.h"
#include "hv/core/rights.h"
#include "hv/core/sched.h"
#include "hv/lib/string.h"
#include "hv/mm/frame.h"

unsigned int arch_features(const struct domain *d)
{
    unsigned int f = 1U << XENFEAT_writable_page_tables | 1U << XENFEAT_auto_translated_physmap |
                     1U << XENFEAT_memory_op_vnode_supported | 1U << XENFEAT_ARM_SMCCC_supported;

    f |= 1U << (d->arch->is_direct ? XENFEAT_direct_mapped : XENFEAT_not_direct_mapped);
    return d->is_hardware ? f | 1U << XENFEAT_dom0 : f;
}

void arch_capabilities(char *buf, size_t size)
{
    (void)string_copy(buf, "xen-3.0-aarch64 ", size);
}

/* An ELF note: sizes of name and contents, a type, the name ("GNU"), the contents. */
size_t arch_build_id(const void **id)
{
    extern const uint32_t build_id_note[];
    extern const char build_id_note_end[];
    const char *contents = (const char *)build_id_note + 3 * sizeof(uint32_t) + build_id_note[0];

    *id = contents;
    return (const char *)build_id_note == build_id_note_end ? 0 : build_id_note[1];
}

unsigned long arch_virt_start(void)
{
    return HV_VIRT_START;
}

unsigned long arch_vm_assist_valid(const struct domain *d)
{
    (void)d;
    return BIT(VMASST_TYPE_runstate_update_flag);
}

unsigned long arch_multicall_one(unsigned long op, const unsigned long args[6])
{
    if (op >= HYPERCALL_COUNT) {
        return (unsigned long)-ENOSYS;
    }
    return (unsigned long)hypercall_table[op](args[0], args[1], args[2], args[3], args[4], args[5]);
}

void arch_fill_hypercall_page(struct domain *d, void *page)
{
    (void)d;
    (void)page; /* guests use HVC by themselves */
}

void arch_get_domain_info(const struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    info->flags |= XEN_DOMINF_hap;
    info->arch_config.gic_version = d->config.arch.gic_version;
    info->gpaddr_bits = 40;
}

void arch_physinfo(struct xen_sysctl_physinfo *info)
{
    info->capabilities |= XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_hap;
}

int arch_vcpu_physid(const struct vcpu *v, uint64_t *id)
{
    (void)v;
    (void)id;
    return -EINVAL;
}

/* ---- HVM parameters ------------------------------------------------------------------------------ */

/* Only who may control the domain sets them; the guest itself reads those that lead it to its store and console. */
static int param_access(struct domain *d, struct xen_hvm_param *p, bool set)
{
    bool control = rights_may_control(current_domain(), d);

    if (p->index >= HVM_PARAMS) {
        return -EINVAL;
    }
    if (set && !control) {
        return -EPERM;
    }
    if (d != current_domain() && !control) {
        return -EPERM;
    }
    if (set) {
        d->arch->hvm_params[p->index] = p->value;
    } else if (p->index == HVM_PARAM_CALLBACK_IRQ) {
        p->value = (uint64_t)HVM_PARAM_CALLBACK_TYPE_PPI << 56 |
                   HVM_PARAM_CALLBACK_TYPE_PPI_FLAG_LOW_LEVEL << 8 | d->arch->evtchn_irq;
    } else {
        p->value = d->arch->hvm_params[p->index];
    }
    return 0;
}

long arch_hvm_op(unsigned long op, guest_ptr_t arg)
{
    struct xen_hvm_param p;
    struct domain *d;
    int rc;

    if (op != HVMOP_set_param && op != HVMOP_get_param) {
        return -ENOSYS;
    }
    if (copy_from_guest(&p, arg, sizeof(p)) != 0) {
        return -EFAULT;
    }
    d = domain_get_or_self(p.domid);
    if (d == NULL) {
        return -ESRCH;
    }
    rc = d->arch == NULL ? -EINVAL : param_access(d, &p, op == HVMOP_set_param);
    domain_put(d);
    if (rc == 0 && op == HVMOP_get_param) {
        rc = copy_to_guest(arg, &p, sizeof(p));
    }
    return rc;
}

/* ---- time ------------------------------------------------------------------------------------------ */

/* Guests count by the virtual timer: there is no record of it for them. */
void arch_update_vcpu_time(struct vcpu *v)
{
    (void)v;
}

int arch_register_vcpu_time(struct vcpu *v, guest_ptr_t va)
{
    (void)v;
    (void)va;
    return -ENOSYS;
}

/* ---- interrupts of devices: Arm guests get them by their GIC, not by event channels --------------- */

int arch_pirq_bind(struct vcpu *v, unsigned int pirq, evtchn_port_t port, bool share)
{
    (void)v;
    (void)pirq;
    (void)port;
    (void)share;
    return -ENOSYS;
}

void arch_pirq_unbind(struct domain *d, unsigned int pirq)
{
    (void)d;
    (void)pirq;
}

void arch_pirq_set_cpu(struct domain *d, unsigned int pirq, unsigned int cpu)
{
    (void)d;
    (void)pirq;
    (void)cpu;
}

unsigned int arch_pirq_count(struct domain *d)
{
    (void)d;
    return 0;
}

void arch_pirq_eoi(struct domain *d, unsigned int pirq)
{
    (void)d;
    (void)pirq;
}

long arch_physdev_op(unsigned int cmd, guest_ptr_t arg)
{
    (void)cmd;
    (void)arg;
    return -ENOSYS;
}

void arch_irq_dump(void)
{
    printk("GICv%u, %u interrupts\n", gic->version, gic_machine.irq_count);
}

void arch_irq_chip_dump(void)
{
    arch_irq_dump();
}

/* ---- the machine ------------------------------------------------------------------------------------ */

int arch_sysctl(struct xen_sysctl *op, guest_ptr_t u_op, bool *copy_back)
{
    (void)op;
    (void)u_op;
    (void)copy_back;
    return -ENOSYS;
}

int arch_platform_op(struct xen_platform_op *op, guest_ptr_t u_op, bool *copy_back)
{
    (void)op;
    (void)u_op;
    (void)copy_back;
    return -ENOSYS;
}

unsigned int arch_node_count(void)
{
    return 1;
}

uint64_t arch_node_span(unsigned int node)
{
    (void)node;
    return frame_max;
}

unsigned int arch_node_distance(unsigned int from, unsigned int to)
{
    (void)from;
    (void)to;
    return 10;
}

void arch_cpu_topology(unsigned int cpu, uint32_t *core, uint32_t *socket, uint32_t *node)
{
    *core = cpu;
    *socket = 0;
    *node = 0;
}

/* ---- hypercalls of x86 ------------------------------------------------------------------------------ */

long do_nmi_op(unsigned int cmd, guest_ptr_t arg)
{
    (void)cmd;
    (void)arg;
    return -ENOSYS;
}

long do_xenpmu_op(unsigned int cmd, guest_ptr_t arg)
{
    (void)cmd;
    (void)arg;
    return -ENOSYS;
}
