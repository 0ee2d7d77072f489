/* SPDX-License-Identifier: MIT */
/*
 * The operations on domains that a toolstack uses, on a domain of one vcpu that is built here and never runs:
 * what was set is read back, and each is refused a vcpu that is not there, a bad pointer, a number out of
 * range, and a domain that is not there. The cpu policy of a domain is set, and refused once it asks for more
 * than the machine has.
 */
#include "abi/domctl.h"
#include "abi/xen.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"

#define UNMAPPED 0x0000200000000000UL

enum { DOM = 77, NO_DOM = 78, NO_VCPU = 9, PAGES = 8 };

static struct xen_domctl op;
static vcpu_guest_context_t context;
static xen_pfn_t frames[PAGES];

static long call_on(unsigned int cmd, unsigned int dom)
{
    op.cmd = cmd;
    op.domain = dom;
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    return hypercall(__HYPERVISOR_domctl, (unsigned long)&op, 0, 0, 0, 0);
}

static long call(unsigned int cmd)
{
    return call_on(cmd, DOM);
}

static void clear(void)
{
    memset(&op, 0, sizeof(op));
}

static void build(void)
{
    clear();
    op.u.createdomain.max_vcpus = 2;
    op.u.createdomain.max_evtchn_port = 63;
    op.u.createdomain.max_grant_frames = 4;
    op.u.createdomain.max_maptrack_frames = 4;
    op.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(2);
    EXPECT_EQ(call(XEN_DOMCTL_createdomain), 0);
    clear();
    op.u.max_vcpus.max = 2;
    EXPECT_EQ(call(XEN_DOMCTL_max_vcpus), 0);
    clear();
    op.u.max_mem.max_memkb = 1024;
    EXPECT_EQ(call(XEN_DOMCTL_max_mem), 0);
}

static void destroy(void)
{
    clear();
    EXPECT_EQ(call(XEN_DOMCTL_destroydomain), 0);
    for (unsigned int i = 0; i < 1000 && call(XEN_DOMCTL_max_mem) == 0; i++) {
        hypercall(__HYPERVISOR_sched_op, 0, 0, 0, 0, 0);
    }
    EXPECT_EQ(call(XEN_DOMCTL_max_mem), -ESRCH);
}

/* ---- No such domain ------------------------------------------------------------------------- */

static void test_nobody(void)
{
    static const unsigned int commands[] = {
        XEN_DOMCTL_destroydomain, XEN_DOMCTL_pausedomain, XEN_DOMCTL_unpausedomain,
        XEN_DOMCTL_resumedomain, XEN_DOMCTL_max_vcpus, XEN_DOMCTL_max_mem, XEN_DOMCTL_setvcpucontext,
        XEN_DOMCTL_getvcpucontext, XEN_DOMCTL_getvcpuinfo, XEN_DOMCTL_setvcpuaffinity,
        XEN_DOMCTL_getvcpuaffinity, XEN_DOMCTL_setnodeaffinity, XEN_DOMCTL_getnodeaffinity,
        XEN_DOMCTL_scheduler_op, XEN_DOMCTL_setdomainhandle, XEN_DOMCTL_setdebugging,
        XEN_DOMCTL_irq_permission, XEN_DOMCTL_iomem_permission, XEN_DOMCTL_ioport_permission,
        XEN_DOMCTL_settimeoffset, XEN_DOMCTL_sendtrigger, XEN_DOMCTL_set_target,
        XEN_DOMCTL_set_virq_handler, XEN_DOMCTL_setvnumainfo, XEN_DOMCTL_shadow_op,
        XEN_DOMCTL_hypercall_init, XEN_DOMCTL_get_address_size, XEN_DOMCTL_set_address_size,
        XEN_DOMCTL_ioport_mapping, XEN_DOMCTL_memory_mapping, XEN_DOMCTL_get_ext_vcpucontext,
        XEN_DOMCTL_gettscinfo, XEN_DOMCTL_settscinfo, XEN_DOMCTL_getpageframeinfo3,
        XEN_DOMCTL_getvcpuextstate, XEN_DOMCTL_get_vcpu_msrs, XEN_DOMCTL_get_cpu_policy,
        XEN_DOMCTL_set_cpu_policy,
    };

    for (unsigned int i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        long rc;

        clear();
        rc = call_on(commands[i], NO_DOM);
        if (rc != -ESRCH) {
            test_fail("operation %u on nobody answers %ld", commands[i], rc);
        }
        EXPECT_EQ(call_on(commands[i], DOMID_IO), -ESRCH);
    }
}

/* ---- Life ----------------------------------------------------------------------------------- */

static unsigned int flags(void)
{
    clear();
    EXPECT_EQ(call(XEN_DOMCTL_getdomaininfo), 0);
    return op.u.getdomaininfo.flags;
}

static void test_pause(void)
{
    EXPECT(flags() & XEN_DOMINF_paused); /* it was born so */
    EXPECT_EQ(call(XEN_DOMCTL_pausedomain), 0);
    EXPECT_EQ(call(XEN_DOMCTL_unpausedomain), 0);
    EXPECT(flags() & XEN_DOMINF_paused);
    EXPECT_EQ(call(XEN_DOMCTL_resumedomain), 0);
}

static void test_vcpu_count(void)
{
    clear();
    op.u.max_vcpus.max = 0;
    EXPECT_EQ(call(XEN_DOMCTL_max_vcpus), -EINVAL);
    op.u.max_vcpus.max = 3; /* not what it was created with */
    EXPECT_EQ(call(XEN_DOMCTL_max_vcpus), -EINVAL);
    op.u.max_vcpus.max = 2;
    EXPECT_EQ(call(XEN_DOMCTL_max_vcpus), 0);
    EXPECT_EQ(call_on(XEN_DOMCTL_max_vcpus, 0), -EINVAL); /* the caller's own */
}

static void test_handle_and_flags(void)
{
    clear();
    memset(op.u.setdomainhandle.handle, 0x5a, sizeof(op.u.setdomainhandle.handle));
    EXPECT_EQ(call(XEN_DOMCTL_setdomainhandle), 0);
    (void)flags();
    EXPECT_EQ(op.u.getdomaininfo.handle[15], 0x5a);
    EXPECT_EQ(op.u.getdomaininfo.nr_online_vcpus, 0);
    EXPECT_EQ(op.u.getdomaininfo.max_vcpu_id, 1);
    EXPECT_EQ(op.u.getdomaininfo.max_pages, 256);
    clear();
    op.u.setdebugging.enable = 1;
    EXPECT_EQ(call(XEN_DOMCTL_setdebugging), 0);
    EXPECT(flags() & XEN_DOMINF_debugged);
    clear();
    EXPECT_EQ(call(XEN_DOMCTL_setdebugging), 0);
    EXPECT_EQ(call_on(XEN_DOMCTL_setdebugging, 0), -EINVAL);
}

static void test_target(void)
{
    clear();
    op.u.set_target.target = NO_DOM;
    EXPECT_EQ(call(XEN_DOMCTL_set_target), -ESRCH);
    op.u.set_target.target = DOM;
    EXPECT_EQ(call(XEN_DOMCTL_set_target), -EINVAL);
    clear();
    op.u.set_virq_handler.virq = 99;
    EXPECT_EQ(call(XEN_DOMCTL_set_virq_handler), -EINVAL);
    op.u.set_virq_handler.virq = VIRQ_TIMER; /* a vcpu's own */
    EXPECT_EQ(call(XEN_DOMCTL_set_virq_handler), -EINVAL);
}

/* ---- Memory --------------------------------------------------------------------------------- */

static void test_memory(void)
{
    struct xen_memory_reservation r = { .nr_extents = PAGES, .domid = DOM };
    domid_t dom = DOM;

    set_xen_guest_handle(r.extent_start, frames);
    for (unsigned int i = 0; i < PAGES; i++) {
        frames[i] = i;
    }
    EXPECT_EQ(hypercall_memory_op(XENMEM_populate_physmap, &r), PAGES);
    EXPECT_EQ(hypercall_memory_op(XENMEM_current_reservation, &dom), PAGES);
    EXPECT_EQ(hypercall_memory_op(XENMEM_maximum_reservation, &dom), 256);
    clear();
    op.u.max_mem.max_memkb = 8; /* less than it has: no more, but nothing is taken away */
    EXPECT_EQ(call(XEN_DOMCTL_max_mem), 0);
    EXPECT_EQ(hypercall_memory_op(XENMEM_current_reservation, &dom), PAGES);
    EXPECT_EQ(hypercall_memory_op(XENMEM_populate_physmap, &r), 0);
    clear();
    op.u.max_mem.max_memkb = 1024;
    EXPECT_EQ(call(XEN_DOMCTL_max_mem), 0);
    frames[0] = memory_mfn(&op); /* another domain's frame */
    r.nr_extents = 1;
    EXPECT_EQ(hypercall_memory_op(XENMEM_decrease_reservation, &r), 0);
}

static void test_frame_info(void)
{
    xen_pfn_t list[3] = { ~0UL >> 12, memory_mfn(&op), 0 };

    clear();
    op.u.getpageframeinfo3.num = 2;
    set_xen_guest_handle(op.u.getpageframeinfo3.array, list);
    EXPECT_EQ(call(XEN_DOMCTL_getpageframeinfo3), 0);
    EXPECT_EQ(list[0], XEN_DOMCTL_PFINFO_XTAB);
    EXPECT_EQ(list[1], XEN_DOMCTL_PFINFO_XTAB); /* not this domain's */
    op.u.getpageframeinfo3.num = 2;
    set_xen_guest_handle(op.u.getpageframeinfo3.array, (void *)UNMAPPED);
    EXPECT_EQ(call(XEN_DOMCTL_getpageframeinfo3), -EFAULT);
    op.u.getpageframeinfo3.num = 1UL << 40;
    EXPECT(call(XEN_DOMCTL_getpageframeinfo3) < 0);
}

static void test_claim(void)
{
    struct xen_memory_reservation r = { .nr_extents = 64, .domid = DOM };

    EXPECT_EQ(hypercall_memory_op(XENMEM_claim_pages, &r), 0);
    EXPECT_EQ(hypercall_memory_op(XENMEM_claim_pages, &r), -EINVAL); /* it has one */
    (void)flags();
    EXPECT_EQ(op.u.getdomaininfo.outstanding_pages, 64 - PAGES);
    r.nr_extents = 0;
    EXPECT_EQ(hypercall_memory_op(XENMEM_claim_pages, &r), 0);
    r.nr_extents = 257; /* more than its maximum */
    EXPECT_EQ(hypercall_memory_op(XENMEM_claim_pages, &r), -EINVAL);
    r.nr_extents = 1;
    r.extent_order = 1;
    EXPECT_EQ(hypercall_memory_op(XENMEM_claim_pages, &r), -EINVAL);
    r.extent_order = 0;
    r.domid = NO_DOM;
    EXPECT_EQ(hypercall_memory_op(XENMEM_claim_pages, &r), -EINVAL);
    EXPECT_EQ(hypercall_memory_op(XENMEM_claim_pages, (void *)UNMAPPED), -EFAULT);
}

static void test_resource(void)
{
    struct xen_mem_acquire_resource r = {
        .domid = DOM,
        .type = XENMEM_resource_grant_table,
        .id = XENMEM_resource_grant_table_id_shared,
    };

    EXPECT_EQ(hypercall_memory_op(XENMEM_acquire_resource, &r), 0); /* no list: how many */
    EXPECT(r.nr_frames >= 1);
    set_xen_guest_handle(r.frame_list, frames);
    r.nr_frames = 1;
    frames[0] = 0;
    EXPECT_EQ(hypercall_memory_op(XENMEM_acquire_resource, &r), 0);
    EXPECT(frames[0] != 0);
    r.frame = 1UL << 40;
    EXPECT_EQ(hypercall_memory_op(XENMEM_acquire_resource, &r), -EINVAL);
    r.frame = 0;
    r.pad = 1;
    EXPECT_EQ(hypercall_memory_op(XENMEM_acquire_resource, &r), -EINVAL);
    r.pad = 0;
    r.id = 99;
    EXPECT_EQ(hypercall_memory_op(XENMEM_acquire_resource, &r), -EINVAL);
    r.id = XENMEM_resource_grant_table_id_shared;
    r.type = 99;
    EXPECT_EQ(hypercall_memory_op(XENMEM_acquire_resource, &r), -EOPNOTSUPP);
    r.type = XENMEM_resource_grant_table;
    set_xen_guest_handle(r.frame_list, (void *)UNMAPPED);
    EXPECT_EQ(hypercall_memory_op(XENMEM_acquire_resource, &r), -EFAULT);
    r.domid = NO_DOM;
    EXPECT_EQ(hypercall_memory_op(XENMEM_acquire_resource, &r), -ESRCH);
}

/* ---- vcpus ---------------------------------------------------------------------------------- */

static void test_context(void)
{
    clear();
    set_xen_guest_handle(op.u.vcpucontext.ctxt, &context);
    EXPECT_EQ(call(XEN_DOMCTL_getvcpucontext), -ENODATA); /* never given one */
    op.u.vcpucontext.vcpu = NO_VCPU;
    EXPECT_EQ(call(XEN_DOMCTL_getvcpucontext), -EINVAL);
    EXPECT_EQ(call(XEN_DOMCTL_setvcpucontext), -EINVAL);
    op.u.vcpucontext.vcpu = 0;
    set_xen_guest_handle(op.u.vcpucontext.ctxt, (void *)UNMAPPED);
    EXPECT_EQ(call(XEN_DOMCTL_setvcpucontext), -EFAULT);
    set_xen_guest_handle(op.u.vcpucontext.ctxt, &context);
    context.ctrlreg[3] = 0x7ffffffUL << 12; /* no frame of its */
    EXPECT(call(XEN_DOMCTL_setvcpucontext) < 0);
    context.ctrlreg[3] = (unsigned long)memory_mfn(&op) << 12;
    EXPECT(call(XEN_DOMCTL_setvcpucontext) < 0);
    EXPECT_EQ(call_on(XEN_DOMCTL_getvcpucontext, 0), -EINVAL); /* the caller's own */
}

static void test_vcpu_info(void)
{
    clear();
    op.u.getvcpuinfo.vcpu = 1;
    EXPECT_EQ(call(XEN_DOMCTL_getvcpuinfo), 0);
    EXPECT(!op.u.getvcpuinfo.online && op.u.getvcpuinfo.cpu_time == 0);
    op.u.getvcpuinfo.vcpu = NO_VCPU;
    EXPECT_EQ(call(XEN_DOMCTL_getvcpuinfo), -EINVAL);
    op.u.getvcpuinfo.vcpu = ~0U;
    EXPECT_EQ(call(XEN_DOMCTL_getvcpuinfo), -EINVAL);
}

static void set_map(struct xenctl_bitmap *map, void *bytes, unsigned int bits)
{
    set_xen_guest_handle(map->bitmap, bytes);
    map->nr_bits = bits;
}

static void test_affinity(void)
{
    struct xen_domctl_vcpuaffinity *a = &op.u.vcpuaffinity;
    static uint8_t hard[16], soft[16];

    clear();
    hard[0] = 1;
    a->flags = XEN_VCPUAFFINITY_HARD;
    set_map(&a->cpumap_hard, hard, 8);
    EXPECT_EQ(call(XEN_DOMCTL_setvcpuaffinity), 0);
    hard[0] = 0;
    EXPECT_EQ(call(XEN_DOMCTL_getvcpuaffinity), 0);
    EXPECT_EQ(hard[0], 1);
    a->flags = XEN_VCPUAFFINITY_SOFT;
    soft[0] = 0xff;
    set_map(&a->cpumap_soft, soft, 8);
    EXPECT_EQ(call(XEN_DOMCTL_setvcpuaffinity), 0);
    a->flags = XEN_VCPUAFFINITY_HARD;
    hard[0] = 0; /* no CPU at all */
    EXPECT_EQ(call(XEN_DOMCTL_setvcpuaffinity), -EINVAL);
    set_map(&a->cpumap_hard, (void *)UNMAPPED, 8);
    EXPECT_EQ(call(XEN_DOMCTL_setvcpuaffinity), -EFAULT);
    EXPECT_EQ(call(XEN_DOMCTL_getvcpuaffinity), -EFAULT);
    a->flags = 0;
    EXPECT_EQ(call(XEN_DOMCTL_setvcpuaffinity), -EINVAL);
    EXPECT_EQ(call(XEN_DOMCTL_getvcpuaffinity), -EINVAL);
    a->flags = XEN_VCPUAFFINITY_HARD;
    a->vcpu = NO_VCPU;
    EXPECT_EQ(call(XEN_DOMCTL_setvcpuaffinity), -EINVAL);
    EXPECT_EQ(call(XEN_DOMCTL_getvcpuaffinity), -EINVAL);
    clear();
    hard[0] = 1;
    set_map(&op.u.nodeaffinity.nodemap, hard, 8);
    EXPECT_EQ(call(XEN_DOMCTL_setnodeaffinity), 0);
    EXPECT_EQ(call(XEN_DOMCTL_getnodeaffinity), 0);
    EXPECT_EQ(hard[0] & 1, 1);
    set_map(&op.u.nodeaffinity.nodemap, (void *)UNMAPPED, 8);
    EXPECT_EQ(call(XEN_DOMCTL_setnodeaffinity), -EFAULT);
    EXPECT_EQ(call(XEN_DOMCTL_getnodeaffinity), -EFAULT);
}

static void test_scheduler(void)
{
    struct xen_domctl_scheduler_op *s = &op.u.scheduler_op;

    clear();
    s->sched_id = XEN_SCHEDULER_CREDIT2;
    s->cmd = XEN_DOMCTL_SCHEDOP_putinfo;
    s->u.credit2.weight = 300;
    s->u.credit2.cap = 40;
    EXPECT_EQ(call(XEN_DOMCTL_scheduler_op), 0);
    s->u.credit2.weight = s->u.credit2.cap = 0;
    s->cmd = XEN_DOMCTL_SCHEDOP_getinfo;
    EXPECT_EQ(call(XEN_DOMCTL_scheduler_op), 0);
    EXPECT(s->u.credit2.weight == 300 && s->u.credit2.cap == 40);
    s->sched_id = XEN_SCHEDULER_CREDIT;
    EXPECT_EQ(call(XEN_DOMCTL_scheduler_op), -EINVAL);
    s->sched_id = XEN_SCHEDULER_CREDIT2;
    s->cmd = 99;
    EXPECT_EQ(call(XEN_DOMCTL_scheduler_op), -EINVAL);
}

static void test_trigger(void)
{
    clear();
    op.u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_NMI;
    op.u.sendtrigger.vcpu = NO_VCPU;
    EXPECT_EQ(call(XEN_DOMCTL_sendtrigger), -ESRCH);
    op.u.sendtrigger.vcpu = 0;
    op.u.sendtrigger.trigger = 99;
    EXPECT_EQ(call(XEN_DOMCTL_sendtrigger), -ENOSYS);
    op.u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_POWER; /* no buttons on PV */
    EXPECT(call(XEN_DOMCTL_sendtrigger) < 0);
}

/* ---- Rights --------------------------------------------------------------------------------- */

static void test_rights(void)
{
    clear();
    op.u.ioport_permission.first_port = 0x80;
    op.u.ioport_permission.nr_ports = 1;
    op.u.ioport_permission.allow_access = 1;
    EXPECT_EQ(call(XEN_DOMCTL_ioport_permission), 0);
    op.u.ioport_permission.first_port = 0xffff;
    op.u.ioport_permission.nr_ports = 2;
    EXPECT_EQ(call(XEN_DOMCTL_ioport_permission), -EINVAL);
    clear();
    op.u.iomem_permission.first_mfn = 0xfed00;
    op.u.iomem_permission.nr_mfns = 1;
    EXPECT_EQ(call(XEN_DOMCTL_iomem_permission), 0);
    op.u.iomem_permission.nr_mfns = ~0UL;
    EXPECT_EQ(call(XEN_DOMCTL_iomem_permission), -EINVAL);
    clear();
    op.u.irq_permission.pirq = ~0U;
    EXPECT_EQ(call(XEN_DOMCTL_irq_permission), -EINVAL);
    clear();
    op.u.memory_mapping.first_mfn = 0xfed00;
    op.u.memory_mapping.nr_mfns = ~0UL;
    EXPECT_EQ(call(XEN_DOMCTL_memory_mapping), -EINVAL);
}

/* ---- x86 ------------------------------------------------------------------------------------ */

static void test_time_and_size(void)
{
    clear();
    EXPECT_EQ(call(XEN_DOMCTL_get_address_size), 0);
    EXPECT_EQ(op.u.address_size.size, 64);
    op.u.address_size.size = 17;
    EXPECT(call(XEN_DOMCTL_set_address_size) < 0);
    clear();
    EXPECT_EQ(call(XEN_DOMCTL_gettscinfo), 0);
    EXPECT(op.u.tsc_info.gtsc_khz > 1000);
    EXPECT_EQ(call_on(XEN_DOMCTL_gettscinfo, 0), -EINVAL);
    clear();
    op.u.settimeoffset.time_offset_seconds = 3600;
    EXPECT_EQ(call(XEN_DOMCTL_settimeoffset), 0);
    clear();
    op.u.hypercall_init.gmfn = ~0UL >> 12;
    EXPECT_EQ(call(XEN_DOMCTL_hypercall_init), -EINVAL);
}

static void test_state(void)
{
    clear();
    op.u.ext_vcpucontext.vcpu = 0;
    EXPECT_EQ(call(XEN_DOMCTL_get_ext_vcpucontext), 0);
    op.u.ext_vcpucontext.vcpu = NO_VCPU;
    EXPECT_EQ(call(XEN_DOMCTL_get_ext_vcpucontext), -ESRCH);
    clear();
    op.u.vcpuextstate.vcpu = NO_VCPU;
    EXPECT_EQ(call(XEN_DOMCTL_getvcpuextstate), -ESRCH);
    clear();
    op.u.vcpuextstate.vcpu = 0;
    EXPECT_EQ(call(XEN_DOMCTL_getvcpuextstate), 0); /* no buffer: how large */
    EXPECT(op.u.vcpuextstate.size == 0 || op.u.vcpuextstate.size >= 576); /* may be none before it runs */
    clear();
    op.u.vcpu_msrs.vcpu = NO_VCPU;
    EXPECT_EQ(call(XEN_DOMCTL_get_vcpu_msrs), -ESRCH);
    op.u.vcpu_msrs.vcpu = 0;
    EXPECT_EQ(call(XEN_DOMCTL_get_vcpu_msrs), 0);
    EXPECT(op.u.vcpu_msrs.msr_count >= 1 && op.u.vcpu_msrs.msr_count < 100);
}

static xen_cpuid_leaf_t leaves[256];
static xen_msr_entry_t msrs[16];

static void set_policy_buffers(unsigned int leaf_count, unsigned int msr_count)
{
    clear();
    set_xen_guest_handle(op.u.cpu_policy.leaves, leaves);
    set_xen_guest_handle(op.u.cpu_policy.msrs, msrs);
    op.u.cpu_policy.nr_leaves = leaf_count;
    op.u.cpu_policy.nr_msrs = msr_count;
}

static const xen_cpuid_leaf_t *find_leaf(unsigned int count, uint32_t leaf, uint32_t subleaf)
{
    for (unsigned int i = 0; i < count; i++) {
        if (leaves[i].leaf == leaf && leaves[i].subleaf == subleaf) {
            return &leaves[i];
        }
    }
    return NULL;
}

/* A toolstack reads a policy and has room for as many leaves when it writes it: caches with the one that ends them,
 * states of XSAVE up to the last. */
static void test_policy_whole(unsigned int count)
{
    const xen_cpuid_leaf_t *cache = NULL;
    const xen_cpuid_leaf_t *state = find_leaf(count, 0xd, 0);
    uint64_t states = state == NULL ? 0 : state->a | (uint64_t)state->d << 32;

    for (uint32_t i = 0; i < 6 && (cache == NULL || (cache->a & 0x1f) != 0); i++) {
        cache = find_leaf(count, 4, i);
        EXPECT(cache != NULL);
        if (cache == NULL) {
            break;
        }
    }
    for (uint32_t i = 2; i < 63 && states >> i != 0; i++) {
        EXPECT(find_leaf(count, 0xd, i) != NULL);
    }
}

static void test_policy(void)
{
    unsigned int leaf_count;
    unsigned int msr_count;

    set_policy_buffers(256, 16);
    EXPECT_EQ(call(XEN_DOMCTL_get_cpu_policy), 0);
    leaf_count = op.u.cpu_policy.nr_leaves;
    msr_count = op.u.cpu_policy.nr_msrs;
    EXPECT(leaf_count > 4 && leaf_count <= 256);
    test_policy_whole(leaf_count);
    set_policy_buffers(1, 16);
    EXPECT_EQ(call(XEN_DOMCTL_get_cpu_policy), -ENOBUFS);
    set_policy_buffers(256, 16);
    set_xen_guest_handle(op.u.cpu_policy.leaves, (void *)UNMAPPED);
    EXPECT_EQ(call(XEN_DOMCTL_get_cpu_policy), -EFAULT);
    set_policy_buffers(leaf_count, msr_count);
    EXPECT_EQ(call(XEN_DOMCTL_set_cpu_policy), 0); /* what it has */
    set_policy_buffers(leaf_count, msr_count);
    set_xen_guest_handle(op.u.cpu_policy.leaves, (void *)UNMAPPED);
    EXPECT_EQ(call(XEN_DOMCTL_set_cpu_policy), -EFAULT);
    set_policy_buffers(10000, msr_count);
    EXPECT_EQ(call(XEN_DOMCTL_set_cpu_policy), -E2BIG);
    leaves[0].a = 0x7000; /* more basic leaves than there can be */
    set_policy_buffers(leaf_count, msr_count);
    EXPECT_EQ(call(XEN_DOMCTL_set_cpu_policy), -EINVAL);
    leaves[0].leaf = 0x30000000; /* no such range */
    set_policy_buffers(1, 0);
    EXPECT(call(XEN_DOMCTL_set_cpu_policy) < 0);
}

static void test_shadow(void)
{
    clear();
    op.u.shadow_op.op = 99;
    EXPECT_EQ(call(XEN_DOMCTL_shadow_op), -EINVAL);
    EXPECT_EQ(call_on(XEN_DOMCTL_shadow_op, 0), -EINVAL); /* not the caller */
}

void test_main(void)
{
    if (!start_is_dom0()) {
        test_skip("only dom0 may");
    }
    test_nobody();
    build();
    test_pause();
    test_vcpu_count();
    test_handle_and_flags();
    test_target();
    test_memory();
    test_frame_info();
    test_claim();
    test_resource();
    test_context();
    test_vcpu_info();
    test_affinity();
    test_scheduler();
    test_trigger();
    test_rights();
    test_time_and_size();
    test_state();
    test_policy();
    test_shadow();
    destroy();
}
