/* SPDX-License-Identifier: MIT */
/*
 * Contract 3 and the upcalls of the architecture, in their simplest form that keeps every rule
 * about references.
 */
#include "hv/arch/fake/guest.h"

#include "hv/arch/fake/fake.h"
#include "hv/core/arch_guest.h"
#include "hv/core/grant.h"
#include "hv/mm/frame.h"
#include "hv/mm/heap.h"
#include "hv/upcalls.h"

#define M2P_SIZE 65536

static uint64_t m2p[M2P_SIZE];

/* ---- Birth and end ----------------------------------------------------------------------- */
int arch_domain_check_config(struct xen_domctl_createdomain *config)
{
    return 0;
}

int arch_domain_init(struct domain *d)
{
    d->arch = heap_alloc(sizeof(*d->arch));
    return d->arch != NULL ? 0 : -ENOMEM;
}

void arch_domain_exit(struct domain *d)
{
    heap_free(d->arch);
    d->arch = NULL;
}

/* Drops the page tables' references, then gives the pages back. */
int arch_domain_relinquish(struct domain *d)
{
    struct frame *f;

    for (unsigned int i = 0; d->arch != NULL && i < FAKE_SLOTS; i++) {
        fake_slot_clear(&d->arch->slots[i]);
    }
    spin_lock(&d->memory.lock);
    d->memory.dying = true;
    spin_unlock(&d->memory.lock);
    for (uint64_t n = READ_ONCE(d->memory.listed); n > 0; n--) {
        f = frame_owner_first(&d->memory);
        if (f == NULL) {
            break;
        }
        /* To the end of the list, where it stays if somebody else holds it. */
        frame_owner_next(&d->memory, f);
        if (frame_clear_allocated(f)) {
            frame_put(f);
        }
        frame_put(f);
    }
    return 0;
}

int arch_vcpu_init(struct vcpu *v)
{
    return 0;
}

void arch_vcpu_exit(struct vcpu *v)
{
}

void arch_vcpu_reset(struct vcpu *v)
{
}

/* ---- Running ----------------------------------------------------------------------------- */
void arch_switch(struct vcpu *prev, struct vcpu *next)
{
    arch_set_current(next);
}

void arch_sync_vcpu_state(struct vcpu *v)
{
}

int arch_vcpu_set_context(struct vcpu *v, guest_ptr_t context)
{
    return 0;
}

int arch_vcpu_initialise(struct vcpu *v, guest_ptr_t context)
{
    return 0;
}

int arch_vcpu_get_context(struct vcpu *v, guest_ptr_t context)
{
    return 0;
}

void arch_update_vcpu_time(struct vcpu *v)
{
}

int arch_vcpu_trigger(struct vcpu *v, unsigned int trigger)
{
    return -ENOSYS;
}

bool arch_interrupt_due(const struct vcpu *v)
{
    return false;
}

void arch_hypercall_restart(struct vcpu *v)
{
}

void arch_fill_hypercall_page(struct domain *d, void *page)
{
}

unsigned long arch_multicall_one(unsigned long op, const unsigned long args[6])
{
    return (unsigned long)-ENOSYS;
}

unsigned int fake_p2m_flushes;

void arch_p2m_flush(struct domain *d)
{
    fake_p2m_flushes++;
}

unsigned int fake_p2m_invalidations;

void arch_p2m_invalidate(const struct p2m *p)
{
    fake_p2m_invalidations++;
}

/* ---- Memory ------------------------------------------------------------------------------ */
/* Every fake domain counts machine frames, a translated one too. */
struct frame *arch_get_gfn(struct domain *d, gfn_t gfn, bool writable)
{
    struct frame *f = frame_get_mfn(_mfn(gfn_x(gfn)), d->id);

    if (f != NULL && writable && frame_get_role(f, ROLE_WRITABLE, false) != 0) {
        frame_put(f);
        f = NULL;
    }
    return f;
}

void arch_put_gfn(struct frame *f, bool writable)
{
    if (writable) {
        frame_put_with_role(f);
    } else {
        frame_put(f);
    }
}

int arch_p2m_add(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order)
{
    for (uint64_t i = 0; i < BIT(order); i++) {
        arch_set_m2p(mfn_add(mfn, i), gfn_x(gfn) + i);
    }
    return 0;
}

int arch_p2m_remove(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order)
{
    for (uint64_t i = 0; i < BIT(order); i++) {
        arch_set_m2p(mfn_add(mfn, i), ~0ULL);
    }
    return 0;
}

gfn_t arch_mfn_to_gfn(struct domain *d, mfn_t mfn)
{
    return _gfn(mfn_x(mfn));
}

void arch_set_m2p(mfn_t mfn, uint64_t pfn)
{
    if (mfn_x(mfn) < M2P_SIZE) {
        m2p[mfn_x(mfn)] = pfn;
    }
}

uint64_t fake_m2p(mfn_t mfn)
{
    return m2p[mfn_x(mfn)];
}

int arch_add_to_physmap(struct domain *d, unsigned int space, struct domain *foreign,
                        unsigned long idx, gfn_t gfn)
{
    mfn_t mfn;

    return space == XENMAPSPACE_grant_table ? grant_get_frame(d, false, (unsigned int)idx, &mfn)
                                            : -EINVAL;
}

int arch_memory_op(unsigned int cmd, guest_ptr_t arg)
{
    return -ENOSYS;
}

int arch_acquire_resource(struct domain *d, unsigned int type, unsigned int id,
                          unsigned int frame, mfn_t *mfn)
{
    return -EOPNOTSUPP;
}

/* ---- Grants ------------------------------------------------------------------------------ */
struct fake_slot *fake_slot(struct domain *d, uint64_t addr)
{
    uint64_t n = (addr - FAKE_SLOT_ADDRESS(0)) / 8;

    return addr % 8 == 0 && n < FAKE_SLOTS ? &d->arch->slots[n] : NULL;
}

void fake_slot_clear(struct fake_slot *s)
{
    if (s->full && s->counted) {
        if (s->writable) {
            frame_put_with_role(frame_of(s->mfn));
        } else {
            frame_put(frame_of(s->mfn));
        }
    }
    s->full = false;
}

int arch_grant_map(uint64_t addr, mfn_t mfn, unsigned int flags, unsigned int cache)
{
    struct fake_slot *s = fake_slot(current_domain(), addr);

    if (s == NULL) {
        return GNTST_bad_virt_addr;
    }
    fake_slot_clear(s);
    *s = (struct fake_slot){ true, !(flags & GNTMAP_readonly), frame_valid(mfn), mfn };
    return GNTST_okay;
}

int arch_grant_unmap(uint64_t addr, mfn_t mfn, unsigned int flags)
{
    struct fake_slot *s = fake_slot(current_domain(), addr);

    if (s == NULL) {
        return GNTST_bad_virt_addr;
    }
    if (!s->full || !mfn_eq(s->mfn, mfn) || s->writable != !(flags & GNTMAP_readonly)) {
        return GNTST_general_error;
    }
    s->full = false; /* the references go back to the grant code */
    return GNTST_okay;
}

int arch_grant_replace(uint64_t addr, mfn_t mfn, unsigned int flags, uint64_t new_addr)
{
    struct fake_slot *to = fake_slot(current_domain(), addr);
    struct fake_slot *from = fake_slot(current_domain(), new_addr);
    int status = from == NULL ? GNTST_bad_virt_addr : arch_grant_unmap(addr, mfn, flags);

    if (status == GNTST_okay) {
        *to = *from;
        from->full = false;
    }
    return status;
}

/* ---- Upcalls that are the architecture's ------------------------------------------------- */
int upcall_role_validate(struct frame *f, unsigned int role, bool preemptible)
{
    return 0;
}

int upcall_role_release(struct frame *f, unsigned int role, bool preemptible)
{
    return 0;
}

void upcall_role_abandon(struct frame *f)
{
}

void upcall_frame_flush(struct frame *f)
{
    fake_counts.frame_flushes++;
}

void upcall_frames_flush(const struct frame *first)
{
    fake_counts.frame_flushes++;
}

void upcall_guest_trap(struct cpu_user_regs *regs)
{
}

bool upcall_fault_fixup(struct cpu_user_regs *regs, unsigned long cr2)
{
    return false;
}

/* ---- The rest: answers of a machine that has nothing ------------------------------------- */
int arch_pirq_bind(struct vcpu *v, unsigned int pirq, evtchn_port_t port, bool share)
{
    return 0;
}

void arch_pirq_unbind(struct domain *d, unsigned int pirq)
{
}

unsigned int fake_pirq_cpu[FAKE_PIRQS];

void arch_pirq_set_cpu(struct domain *d, unsigned int pirq, unsigned int cpu)
{
    fake_pirq_cpu[pirq] = cpu;
}

unsigned int arch_pirq_count(struct domain *d)
{
    return FAKE_PIRQS;
}

void arch_pirq_eoi(struct domain *d, unsigned int pirq)
{
}

long arch_physdev_op(unsigned int cmd, guest_ptr_t arg)
{
    return -ENOSYS;
}

int arch_domctl(struct xen_domctl *op, struct domain *d, guest_ptr_t u_op, bool *copy_back)
{
    return -ENOSYS;
}

int arch_sysctl(struct xen_sysctl *op, guest_ptr_t u_op, bool *copy_back)
{
    return -ENOSYS;
}

int arch_platform_op(struct xen_platform_op *op, guest_ptr_t u_op, bool *copy_back)
{
    return -ENOSYS;
}

void arch_physinfo(struct xen_sysctl_physinfo *info)
{
}

void arch_get_domain_info(const struct domain *d, struct xen_domctl_getdomaininfo *info)
{
}

unsigned int arch_features(const struct domain *d)
{
    return 0;
}

void arch_capabilities(char *buf, size_t size)
{
    if (size > 0) {
        buf[0] = '\0';
    }
}

unsigned long arch_virt_start(void)
{
    return HV_VIRT_START;
}

unsigned long arch_vm_assist_valid(const struct domain *d)
{
    return 0;
}

long arch_hvm_op(unsigned long op, guest_ptr_t arg)
{
    return -ENOSYS;
}

bool arch_kernel_mapped(const struct vcpu *v)
{
    return true;
}

void arch_vcpu_dump(struct vcpu *v)
{
}

size_t arch_build_id(const void **id)
{
    *id = NULL;
    return 0;
}

unsigned int arch_node_count(void)
{
    return 1;
}

uint64_t arch_node_span(unsigned int node)
{
    return frame_max;
}

unsigned int arch_node_distance(unsigned int from, unsigned int to)
{
    return 10;
}

void arch_cpu_topology(unsigned int cpu, uint32_t *core, uint32_t *socket, uint32_t *node)
{
    *core = cpu;
    *socket = 0;
    *node = 0;
}
