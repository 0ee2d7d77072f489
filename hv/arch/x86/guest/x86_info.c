/* SPDX-License-Identifier: MIT */
/*
 * What a guest on x86 is told about the hypervisor, and the hypercalls of this architecture that are
 * answered in a line: features, capabilities, machine checks, performance counters, HVM operations.
 */
#include "abi/features.h"
#include "abi/nmi.h"
#include "hv/arch/x86/cpu/smp.h"
#include "hv/arch/x86/cpu/traps.h"
#include "hv/arch/x86/guest/guest.h"
#include "hv/arch/x86/guest/pv_trap.h"
#include "hv/arch/x86/hvm/hvm.h"
#include "hv/calls/hypercall.h"
#include "hv/core/arch_guest.h"
#include "hv/core/rights.h"
#include "hv/core/sched.h"
#include "hv/lib/string.h"

unsigned int arch_features(const struct domain *d)
{
    unsigned int f = 1U << XENFEAT_memory_op_vnode_supported;

    if (d->is_translated) {
        f |= 1U << XENFEAT_writable_page_tables | 1U << XENFEAT_auto_translated_physmap |
             1U << XENFEAT_hvm_callback_vector | 1U << XENFEAT_hvm_safe_pvclock;
    } else {
        f |= 1U << XENFEAT_mmu_pt_update_preserve_ad | 1U << XENFEAT_highmem_assist |
             1U << XENFEAT_gnttab_map_avail_bits | 1U << XENFEAT_direct_mapped;
        if (d->vm_assist & BIT(VMASST_TYPE_pae_extended_cr3)) {
            f |= 1U << XENFEAT_pae_pgdir_above_4gb;
        }
    }
    if (d->is_hardware) {
        f |= 1U << XENFEAT_dom0;
    }
    return f;
}

void arch_capabilities(char *buf, size_t size)
{
    (void)string_copy(buf, hvm == NULL ? "xen-3.0-x86_64 "
                                       : "xen-3.0-x86_64 hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 ",
                      size);
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
    unsigned long any = BIT(VMASST_TYPE_runstate_update_flag);

    if (d->is_translated) {
        return any;
    }
    return any | BIT(VMASST_TYPE_4gb_segments) | BIT(VMASST_TYPE_4gb_segments_notify) |
           BIT(VMASST_TYPE_writable_pagetables) | BIT(VMASST_TYPE_pae_extended_cr3) |
           BIT(VMASST_TYPE_architectural_iopl);
}

void arch_get_domain_info(const struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    info->arch_config = d->config.arch;
}

/* APIC id in the low half, ACPI id in the high one, for a vcpu that has one CPU to run on. */
int arch_vcpu_physid(const struct vcpu *v, uint64_t *id)
{
    struct cpumask hard;
    unsigned int cpu;

    sched_get_affinity(v, &hard, NULL);
    cpu = cpumask_first(&hard);
    if (bitmap_weight(hard.bits, MAX_CPUS) != 1 || cpu >= arch_cpus_possible) {
        return -EINVAL;
    }
    *id = smp_apic_id(cpu) | (uint64_t)smp_acpi_id(cpu) << 32;
    return 0;
}

long do_nmi_op(unsigned int cmd, guest_ptr_t arg)
{
    struct xennmi_callback callback;
    struct vcpu *v = current_vcpu();

    if (v->domain->is_translated) {
        return -ENOSYS;
    }
    switch (cmd) {
    case XENNMI_register_callback:
        if (copy_from_guest(&callback, arg, sizeof(callback)) != 0) {
            return -EFAULT;
        }
        return pv_set_trap(v, &(struct trap_info){ .vector = EXC_NMI,
                                                   .cs = SEL_USER_CS64,
                                                   .address = callback.handler_address });
    case XENNMI_unregister_callback:
        v->arch->traps[EXC_NMI].address = 0;
        return 0;
    default:
        return -ENOSYS;
    }
}

long do_mca(guest_ptr_t op)
{
    (void)op;
    return rights_is_control(current_domain()) ? -ENODEV : -EPERM;
}

long do_xenpmu_op(unsigned int cmd, guest_ptr_t arg)
{
    (void)cmd;
    (void)arg;
    return -EOPNOTSUPP;
}
