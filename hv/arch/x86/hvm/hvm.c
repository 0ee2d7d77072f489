/* SPDX-License-Identifier: MIT */
/*
 * Domains and vcpus under hardware virtualisation: birth and end, the switch between vcpus, starting and stopping
 * of secondary vcpus, which interrupt comes next, and the parameters a toolstack and a guest share (hvm_op).
 *
 * A vcpu that gets INIT stops itself at its next entry and waits for a startup message; whoever sends only leaves a
 * note (h->init_pending, h->startup), so nobody waits for anybody.
 */
#include "hv/arch/x86/hvm/hvm.h"

#include "abi/hvm_op.h"
#include "abi/sched.h"
#include "hv/arch/x86/cpu/fpu.h"
#include "hv/arch/x86/cpu/instr.h"
#include "hv/arch/x86/cpu/paging.h"
#include "hv/arch/x86/hvm/vioapic.h"
#include "hv/arch/x86/hvm/vmsi.h"
#include "hv/base/printk.h"
#include "hv/core/arch_guest.h"
#include "hv/core/evtchn.h"
#include "hv/core/rights.h"
#include "hv/core/sched.h"
#include "hv/lib/string.h"
#include "hv/mm/heap.h"

#define PARAM_TYPE_SHIFT  56
#define VECTOR_FIRST_VALID 16U
#define STARTUP_VALID     0x100U
#define SHUTDOWN_MAX_CODE SHUTDOWN_MAX

const struct hvm_ops *hvm;

/* ---- The machine ---------------------------------------------------------------------------- */

void hvm_init_cpu(void)
{
    if (arch_cpu_id() == 0) {
        hvm = svm_init_cpu();
        hvm = hvm == NULL ? vmx_init_cpu() : hvm;
    } else if (hvm != NULL && hvm->init_cpu() == NULL) {
        panic("CPU %u lacks the hardware virtualisation of the others", arch_cpu_id());
    }
}

/* ---- Domains -------------------------------------------------------------------------------- */

int hvm_check_config(const struct xen_domctl_createdomain *config)
{
    if (hvm == NULL || !(config->flags & XEN_DOMCTL_CDF_hap)) {
        return -EINVAL; /* shadow page tables are not offered */
    }
    if (config->arch.misc_flags & ~(uint32_t)XEN_X86_MSR_RELAXED) {
        return -EINVAL;
    }
    /* A device model's guest needs more of a PC than there is. */
    return config->arch.emulation_flags == XEN_X86_EMU_LAPIC ? 0 : -EOPNOTSUPP;
}

int hvm_domain_init(struct domain *d)
{
    struct hvm_domain *h = heap_alloc(sizeof(*h));

    if (h == NULL) {
        return -ENOMEM;
    }
    h->params[HVM_PARAM_TRIPLE_FAULT_REASON] = SHUTDOWN_reboot;
    d->arch->hvm = h;
    return p2m_domain_init(d);
}

void hvm_domain_exit(struct domain *d)
{
    if (d->arch->hvm != NULL) {
        vmsi_exit(d);
        vioapic_exit(d);
    }
    p2m_domain_exit(d);
    heap_free(d->arch->hvm);
    d->arch->hvm = NULL;
}

int hvm_domain_relinquish(struct domain *d)
{
    return p2m_relinquish(d);
}

/* ---- Vcpus ---------------------------------------------------------------------------------- */

int hvm_vcpu_init(struct vcpu *v)
{
    struct hvm_vcpu *h = heap_alloc(sizeof(*h));
    struct hvm_hw_cpu *c = heap_alloc(sizeof(*c));
    int rc = h == NULL || c == NULL ? -ENOMEM : 0;

    if (h != NULL) {
        v->arch->hvm = h;
        v->own_info.evtchn_upcall_mask = 0; /* RFLAGS.IF is what holds events back */
        h->waits_for_startup = true;
        h->missing = ~0UL;
        vlapic_init(v);
    }
    if (rc == 0) {
        rc = hvm->vcpu_init(v);
    }
    if (rc == 0) {
        hvm_reset_state(c);
        rc = hvm->set_state(v, c);
        v->arch->regs.rip = c->rip;
        v->arch->regs.rflags = c->rflags;
    }
    heap_free(c);
    return rc;
}

void hvm_vcpu_exit(struct vcpu *v)
{
    if (v->arch->hvm != NULL) {
        vlapic_exit(v);
        hvm->vcpu_exit(v);
        if (v->arch->hvm->window != NULL) {
            heap_free_page(v->arch->hvm->window);
        }
        heap_free(v->arch->hvm);
        v->arch->hvm = NULL;
    }
}

void hvm_vcpu_reset(struct vcpu *v)
{
    struct hvm_vcpu *h = hvm_vcpu(v);

    vlapic_reset(v, true);
    h->upcall_vector = 0;
    h->waits_for_startup = true;
    h->startup = 0;
    h->init_pending = false;
}

/* ---- The switch ----------------------------------------------------------------------------- */

void hvm_sync_xcr0(struct vcpu *v)
{
    if (cpu_policy_xstates(v->domain) != 0) {
        v->arch->xcr0 = fpu_xcr0_now() & cpu_policy_xstates(v->domain);
    }
}

void hvm_leave(struct vcpu *v)
{
    uint64_t *dr = hvm_vcpu(v)->dr;

    dr[0] = read_dr0();
    dr[1] = read_dr1();
    dr[2] = read_dr2();
    dr[3] = read_dr3();
    hvm_sync_xcr0(v);
    cpu_local()->guest_limit = (long)HV_VIRT_END;
    hvm->leave(v);
}

/* The hypervisor's own tables, and its segments: VMRUN keeps what it finds. */
void hvm_enter(struct vcpu *v)
{
    const uint64_t *dr = hvm_vcpu(v)->dr;

    write_cr3(mfn_to_paddr(paging_idle_l4_mfn()).v);
    traps_load_plain_gdt();
    traps_set_ldt(0, 0);
    __asm__ __volatile__("mov %w0, %%ds; mov %w0, %%es; mov %w0, %%ss; mov %w1, %%fs; mov %w1, %%gs" ::"r"(
                             SEL_HV_DS),
                         "r"(0)
                         : "memory");
    write_dr0(dr[0]);
    write_dr1(dr[1]);
    write_dr2(dr[2]);
    write_dr3(dr[3]);
    cpu_local()->guest_limit = INT64_MAX; /* copies walk the guest's tables */
    hvm->enter(v);
}

NORETURN void hvm_run_guest(void)
{
    struct vcpu *v = current_vcpu();

    arch_update_vcpu_time(v);
    vcpu_runstate_publish(v);
    hvm->resume();
}

/* ---- INIT and startup ----------------------------------------------------------------------- */

static void kick(struct vcpu *v)
{
    if (v != current_vcpu() && READ_ONCE(v->is_running)) {
        arch_ipi_send(READ_ONCE(v->processor), ARCH_IPI_SOFTIRQ);
    }
    vcpu_unblock(v);
}

void hvm_vcpu_wait_for_startup(struct vcpu *v)
{
    struct hvm_vcpu *h = hvm_vcpu(v);

    WRITE_ONCE(h->startup, 0);
    WRITE_ONCE(h->waits_for_startup, true);
    __atomic_store_n(&h->init_pending, true, __ATOMIC_SEQ_CST);
    kick(v);
}

void hvm_vcpu_startup(struct vcpu *v, unsigned int page)
{
    struct hvm_vcpu *h = hvm_vcpu(v);

    /* The second message of the usual two finds the vcpu under way. */
    if (!__atomic_exchange_n(&h->waits_for_startup, false, __ATOMIC_SEQ_CST)) {
        return;
    }
    __atomic_store_n(&h->startup, (uint16_t)(STARTUP_VALID | page), __ATOMIC_SEQ_CST);
    v->is_initialised = true;
    __atomic_fetch_and(&v->pause_flags, ~BIT(VCPU_DOWN), __ATOMIC_SEQ_CST);
    sched_wake(v);
}

static void apply_startup(struct vcpu *v, unsigned int page)
{
    struct cpu_user_regs *regs = guest_regs();
    struct hvm_hw_cpu c;

    hvm_reset_state(&c);
    c.cs_sel = page << 8;
    c.cs_base = page << PAGE_SHIFT;
    c.rip = 0;
    if (hvm->set_state(v, &c) != 0) {
        domain_crash(v->domain, "startup");
    }
    memset(regs, 0, offsetof(struct cpu_user_regs, es));
    regs->rip = c.rip;
    regs->rflags = c.rflags;
}

/* What others left for v, which is current. */
void hvm_process_notes(struct vcpu *v)
{
    struct hvm_vcpu *h = hvm_vcpu(v);
    unsigned int startup;

    if (__atomic_exchange_n(&h->init_pending, false, __ATOMIC_SEQ_CST)) {
        vlapic_reset(v, false);
    }
    startup = __atomic_exchange_n(&h->startup, 0, __ATOMIC_SEQ_CST);
    if (startup != 0) {
        apply_startup(v, startup & 0xff);
        return;
    }
    __atomic_fetch_or(&v->pause_flags, BIT(VCPU_DOWN), __ATOMIC_SEQ_CST);
    if (READ_ONCE(h->startup) != 0) { /* it came in between */
        __atomic_fetch_and(&v->pause_flags, ~BIT(VCPU_DOWN), __ATOMIC_SEQ_CST);
    }
    softirq_raise(SOFTIRQ_SCHEDULE);
}

/* ---- Interrupts and exceptions --------------------------------------------------------------- */

void arch_event_raised(struct vcpu *v)
{
    if (v->arch->hvm != NULL && v->arch->hvm->upcall_vector != 0) {
        __atomic_store_n(&v->arch->hvm->upcall_edge, true, __ATOMIC_SEQ_CST);
    }
}

/* The callback's vector when it is due, else 0. */
static unsigned int due_callback(const struct vcpu *v)
{
    unsigned int vector = READ_ONCE(v->domain->arch->hvm->callback_vector);

    return v->arch->hvm->upcall_vector == 0 && READ_ONCE(v->info->evtchn_upcall_pending) ? vector : 0;
}

int hvm_next_interrupt(struct vcpu *v, bool *by_apic)
{
    struct hvm_vcpu *h = hvm_vcpu(v);
    unsigned int callback = due_callback(v); /* asked once: another CPU may change the answer at any moment */

    *by_apic = callback == 0;
    if (callback != 0) {
        return (int)callback;
    }
    if (h->upcall_vector != 0 && READ_ONCE(h->upcall_edge)) {
        WRITE_ONCE(h->upcall_edge, false);
        vlapic_set_irq(v, h->upcall_vector);
    }
    return vlapic_pending(v);
}

bool arch_interrupt_due(const struct vcpu *v)
{
    const struct hvm_vcpu *h = v->arch->hvm;

    if (h == NULL) {
        return false; /* a PV guest has events only */
    }
    return v->nmi_pending || due_callback(v) != 0 || READ_ONCE(h->upcall_edge) || READ_ONCE(h->init_pending) ||
           vlapic_pending(v) >= 0;
}

void hvm_inject_exception(struct vcpu *v, unsigned int vector)
{
    hvm->inject(v, vector, HVM_EVENT_EXCEPTION, hvm_exception_has_error(vector), 0);
}

void hvm_inject_gp(struct vcpu *v)
{
    hvm_inject_exception(v, EXC_GP);
}

void hvm_inject_page_fault(struct vcpu *v, uint64_t va, uint32_t error)
{
    hvm->set_cr2(v, va);
    hvm->inject(v, EXC_PF, HVM_EVENT_EXCEPTION, true, error);
}

/* ---- Parameters ------------------------------------------------------------------------------ */

enum {
    GUEST_READS = 1,
    GUEST_WRITES = 2,
    ONCE = 4,      /* keeps its first value */
    GONE = 8       /* no longer in the ABI */
};

static const uint8_t param_rights[HVM_NR_PARAMS] = {
    [HVM_PARAM_CALLBACK_IRQ] = GUEST_READS | GUEST_WRITES,
    [HVM_PARAM_STORE_PFN] = GUEST_READS,
    [HVM_PARAM_STORE_EVTCHN] = GUEST_READS | GUEST_WRITES,
    [HVM_PARAM_CONSOLE_PFN] = GUEST_READS,
    [HVM_PARAM_CONSOLE_EVTCHN] = GUEST_READS | GUEST_WRITES,
    [HVM_PARAM_VM86_TSS] = GUEST_READS | GUEST_WRITES,
    [HVM_PARAM_VM86_TSS_SIZED] = GUEST_READS | GUEST_WRITES,
    [HVM_PARAM_ACPI_IOPORTS_LOCATION] = GUEST_READS | GUEST_WRITES,
    [HVM_PARAM_VM_GENERATION_ID_ADDR] = GUEST_READS | GUEST_WRITES,
    [HVM_PARAM_X87_FIP_WIDTH] = GUEST_READS | GUEST_WRITES,
    [HVM_PARAM_VIRIDIAN] = ONCE,
    [HVM_PARAM_IOREQ_SERVER_PFN] = ONCE,
    [HVM_PARAM_NR_IOREQ_SERVER_PAGES] = ONCE,
    [HVM_PARAM_ALTP2M] = ONCE,
    [HVM_PARAM_MCA_CAP] = ONCE,
    [HVM_PARAM_PAE_ENABLED] = GONE,
    [HVM_PARAM_DM_DOMAIN] = GONE,
    [HVM_PARAM_MEMORY_EVENT_CR0] = GONE,
    [HVM_PARAM_MEMORY_EVENT_CR3] = GONE,
    [HVM_PARAM_MEMORY_EVENT_CR4] = GONE,
    [HVM_PARAM_MEMORY_EVENT_INT3] = GONE,
    [HVM_PARAM_NESTEDHVM] = GONE,
    [HVM_PARAM_MEMORY_EVENT_SINGLE_STEP] = GONE,
    [HVM_PARAM_BUFIOREQ_EVTCHN] = GONE,
    [HVM_PARAM_MEMORY_EVENT_MSR] = GONE,
};

/* Interrupts by wires of a PC do not exist here: such a callback never comes. */
static void set_callback(struct domain *d, uint64_t via)
{
    unsigned int vector = (unsigned int)via & 0xff;
    bool by_vector = via >> PARAM_TYPE_SHIFT == HVM_PARAM_CALLBACK_TYPE_VECTOR;

    WRITE_ONCE(d->arch->hvm->callback_vector, by_vector && vector >= VECTOR_FIRST_VALID ? vector : 0);
}

int hvm_param_set(struct domain *d, unsigned int index, uint64_t value)
{
    uint64_t *param = &d->arch->hvm->params[index];
    uint8_t rights = param_rights[index];

    if (rights & GONE) {
        return -EINVAL;
    }
    if ((rights & ONCE) && *param != 0 && *param != value) {
        return -EEXIST;
    }
    if (index == HVM_PARAM_TRIPLE_FAULT_REASON && value > SHUTDOWN_MAX_CODE) {
        return -EINVAL;
    }
    *param = value;
    if (index == HVM_PARAM_CALLBACK_IRQ) {
        set_callback(d, value);
        if (d == current_domain()) {
            hvm_latch_width(current_vcpu());
        }
    }
    return 0;
}

/* ---- hvm_op ---------------------------------------------------------------------------------- */

static long op_param(guest_ptr_t arg, bool set)
{
    struct xen_hvm_param p;
    struct domain *d;
    long rc = 0;

    if (copy_from_guest(&p, arg, sizeof(p)) != 0) {
        return -EFAULT;
    }
    if (p.index >= HVM_NR_PARAMS) {
        return -EINVAL;
    }
    d = domain_get_or_self(p.domid);
    if (d == NULL) {
        return -ESRCH;
    }
    if (!d->is_hvm) {
        rc = -EINVAL;
    } else if (!rights_may_control(current_domain(), d) &&
               (d != current_domain() ||
                !(param_rights[p.index] & (set ? GUEST_WRITES : GUEST_READS)))) {
        rc = -EPERM;
    } else if (set) {
        rc = hvm_param_set(d, p.index, p.value);
    } else if (param_rights[p.index] & GONE) {
        rc = -EINVAL;
    } else {
        p.value = d->arch->hvm->params[p.index];
        rc = copy_to_guest(arg, &p, sizeof(p));
    }
    domain_put(d);
    return rc;
}

static long op_upcall_vector(guest_ptr_t arg)
{
    struct xen_hvm_evtchn_upcall_vector op;
    struct domain *d = current_domain();
    struct vcpu *v;

    if (copy_from_guest(&op, arg, sizeof(op)) != 0) {
        return -EFAULT;
    }
    if (!d->is_hvm || op.vector < VECTOR_FIRST_VALID) {
        return -EINVAL;
    }
    v = vcpu_lookup(d, op.vcpu);
    if (v == NULL) {
        return -ENOENT;
    }
    WRITE_ONCE(hvm_vcpu(v)->upcall_vector, op.vector);
    if (READ_ONCE(v->info->evtchn_upcall_pending)) {
        vcpu_kick_for_event(v); /* what has come before counts */
    }
    return 0;
}

static long op_mem_type(guest_ptr_t arg)
{
    struct xen_hvm_get_mem_type op;
    enum p2m_type type;
    struct domain *d;
    long rc = -EINVAL;

    if (copy_from_guest(&op, arg, sizeof(op)) != 0) {
        return -EFAULT;
    }
    d = domain_get_or_self(op.domid);
    if (d == NULL) {
        return -ESRCH;
    }
    if (d != current_domain() && !rights_may_control(current_domain(), d)) {
        rc = -EPERM;
    } else if (d->is_hvm) {
        p2m_lookup(d, _gfn(op.pfn), &type);
        op.mem_type = type == P2M_NONE || type == P2M_DEVICE ? HVMMEM_mmio_dm
                      : type == P2M_RAM_RO || type == P2M_GRANT_RO || type == P2M_FOREIGN_RO
                          ? HVMMEM_ram_ro
                          : HVMMEM_ram_rw;
        rc = copy_to_guest(arg, &op, sizeof(op));
    }
    domain_put(d);
    return rc;
}

static long op_time(guest_ptr_t arg)
{
    struct xen_hvm_get_time now = { .now = arch_clock_now() };

    return copy_to_guest(arg, &now, sizeof(now));
}

static long op_flush_tlbs(guest_ptr_t arg)
{
    struct domain *d = current_domain();

    if (!d->is_hvm) {
        return -EINVAL;
    }
    if (!guest_ptr_is_null(arg)) {
        return -EINVAL;
    }
    __atomic_fetch_add(&d->p2m->generation, 1, __ATOMIC_SEQ_CST);
    arch_p2m_flush(d);
    return 0;
}

long arch_hvm_op(unsigned long op, guest_ptr_t arg)
{
    switch (op) {
    case HVMOP_set_param:
        return op_param(arg, true);
    case HVMOP_get_param:
        return op_param(arg, false);
    case HVMOP_set_evtchn_upcall_vector:
        return op_upcall_vector(arg);
    case HVMOP_get_mem_type:
        return op_mem_type(arg);
    case HVMOP_get_time:
        return op_time(arg);
    case HVMOP_flush_tlbs:
        return op_flush_tlbs(arg);
    case HVMOP_pagetable_dying:
        return 0; /* a hint for shadow page tables */
    default:
        return -ENOSYS;
    }
}
