/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls of several domains on the fake machine: bytes choose who calls, what, and with which
 * arguments. Arguments come from small sets (domains, ports, grants, pages that exist or nearly
 * exist), so that most calls get past the first check.
 *
 * Domain 1 may use the control ABI; it and domains 2 and 3 exist at the start, others come and go.
 * Sometimes the heap has nothing more to give. After each call: it was continued a bounded number
 * of times, no lock is held and interrupts are on. At the end of an input all domains are killed,
 * and heap and free pages are exactly what they were.
 */
#include "hv/calls/hypercall.h"
#include "abi/memory.h"
#include "abi/sched.h"
#include "abi/sysctl.h"
#include "abi/vcpu.h"
#include "hv/core/grant.h"
#include "hv/core/sched.h"
#include "hv/lib/string.h"
#include "hv/mm/heap.h"
#include "hv/mm/map.h"
#include "hv/mm/page_alloc.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/world.h"

#define CALLS_MAX    64
#define CONTINUE_MAX 20000
#define CONTROL      1
#define DOMAINS      5 /* 1 to 3, and room for two more */
#define KNOWN_MAX    64
#define LIST_LENGTH  64

static struct fuzz_input *in;
static uint64_t known[KNOWN_MAX]; /* frames domains have been given */
static unsigned int known_count;

/* Guest memory: the argument, and lists it points at. */
static char *const argument = fake_guest_memory;
static uint64_t *const list = (void *)(fake_guest_memory + 4096);
static uint64_t *const list2 = (void *)(fake_guest_memory + 8192);

/* ---- Choices --------------------------------------------------------------------------------- */
static domid_t any_domid(void)
{
    static const domid_t ids[] = { DOMID_SELF,    1, 2,     3, 4, 5, 2, 3, DOMID_IO, DOMID_XEN,
                                   DOMID_INVALID, 0, 0x7fef };

    return ids[fuzz_below(in, ARRAY_SIZE(ids))];
}

static uint32_t any_port(void)
{
    uint8_t how = fuzz_u8(in);

    return how < 240 ? how % 12 : (uint32_t)fuzz_number(in);
}

static uint32_t any_small(unsigned int n)
{
    uint8_t how = fuzz_u8(in);

    return how < 250 ? how % n : (uint32_t)fuzz_number(in);
}

static uint64_t any_frame(void)
{
    uint8_t how = fuzz_u8(in);

    return how < 230 && known_count > 0 ? known[how % known_count] : fuzz_number(in);
}

static unsigned long any_pointer(void *usual)
{
    uint8_t how = fuzz_u8(in);

    if (how < 235) {
        return (unsigned long)usual;
    }
    return how < 245 ? (unsigned long)fake_guest_memory + FAKE_GUEST_BYTES - how % 11
                     : (unsigned long)fuzz_number(in);
}

static void know(uint64_t mfn)
{
    if (known_count < KNOWN_MAX && mfn != 0) {
        known[known_count++] = mfn;
    }
}

static void fill_list(uint64_t *to)
{
    for (unsigned int i = 0; i < 8; i++) {
        to[i] = any_frame();
    }
}

/*
 * ---- One call, continued until it is through ---------------------------------------------------
 */
static void call(unsigned int op, unsigned long a0, unsigned long a1, unsigned long a2)
{
    struct vcpu *v = current_vcpu();
    struct vcpu_restart *r = &v->restart;
    long rc = hypercall_table[op](a0, a1, a2, any_small(4), any_small(4), 0);

    for (unsigned int n = 0; r->pending; n++) {
        EXPECT(rc == -ERESTART && n < CONTINUE_MAX);
        r->pending = false;
        world_settle();
        if (domain_is_dying(v->domain)) {
            break;
        }
        rc = hypercall_table[r->op](r->args[0], r->args[1], r->args[2], r->args[3], r->args[4],
                                    r->args[5]);
    }
    EXPECT(rc != -ERESTART || domain_is_dying(v->domain));
    EXPECT(current_vcpu() == v && !r->in_multicall);
    EXPECT(arch_irq_enabled());
    EXPECT_EQ(lock_debug_held(), 0);
}

/*
 * ---- Event channels ----------------------------------------------------------------------------
 */
static void call_event_channel(void)
{
    unsigned int cmd = fuzz_below(in, EVTCHNOP_set_priority + 2);
    uint32_t *a = (void *)argument;

    memset(argument, 0, 64);
    switch (cmd) {
    case EVTCHNOP_alloc_unbound:
        *(struct evtchn_alloc_unbound *)a = (struct evtchn_alloc_unbound){
            .dom = any_domid(), .remote_dom = any_domid()
        };
        break;
    case EVTCHNOP_bind_interdomain:
        *(struct evtchn_bind_interdomain *)a = (struct evtchn_bind_interdomain){
            .remote_dom = any_domid(), .remote_port = any_port()
        };
        break;
    case EVTCHNOP_status:
        *(struct evtchn_status *)a = (struct evtchn_status){ .dom = any_domid(),
                                                             .port = any_port() };
        break;
    case EVTCHNOP_reset:
        *(struct evtchn_reset *)a = (struct evtchn_reset){ .dom = any_domid() };
        break;
    case EVTCHNOP_init_control:
        *(struct evtchn_init_control *)a = (struct evtchn_init_control){
            .control_gfn = any_frame(), .offset = fuzz_below(in, 32) * 8U, .vcpu = any_small(3)
        };
        break;
    case EVTCHNOP_expand_array:
        *(struct evtchn_expand_array *)a = (struct evtchn_expand_array){
            .array_gfn = any_frame()
        };
        break;
    case EVTCHNOP_bind_virq:
    case EVTCHNOP_bind_ipi:
    case EVTCHNOP_bind_pirq:
        a[0] = any_small(24);
        a[1] = any_small(3);
        break;
    default: /* close, send, unmask, bind_vcpu, set_priority: a port and a number */
        a[0] = any_port();
        a[1] = any_small(18);
        break;
    }
    call(__HYPERVISOR_event_channel_op, cmd, any_pointer(argument), 0);
}

/*
 * ---- Grants ------------------------------------------------------------------------------------
 */
/* The guest writes an entry of its own table, as far as it has one. */
static void write_grant(void)
{
    struct domain *d = current_domain();
    unsigned int ref = fuzz_below(in, 16);
    uint16_t flags = fuzz_u8(in);
    domid_t to = any_domid();
    uint64_t frame = any_frame();
    mfn_t mfn;
    char *table;

    if (grant_get_frame(d, false, 0, &mfn) != 0) {
        return;
    }
    table = map_frame(mfn);
    if (fuzz_u8(in) & 1) {
        struct grant_entry_v1 e = { .flags = flags, .domid = to, .frame = (uint32_t)frame };

        memcpy(table + ref * sizeof(e), &e, sizeof(e));
    } else {
        union grant_entry_v2 e = { .hdr = { .flags = flags, .domid = to } };

        e.full_page.frame = frame;
        if (fuzz_u8(in) & 1) {
            e.transitive.trans_domid = any_domid();
            e.transitive.gref = fuzz_below(in, 16);
        }
        memcpy(table + ref * sizeof(e), &e, sizeof(e));
    }
    unmap_frame(table);
}

static uint64_t any_slot(void)
{
    uint8_t how = fuzz_u8(in);

    return how < 245 ? FAKE_SLOT_ADDRESS(how % 8) : fuzz_number(in);
}

static void grant_copy_side(struct gnttab_copy *op)
{
    op->source.domid = any_domid();
    op->dest.domid = any_domid();
    op->flags = any_small(4);
    if (op->flags & GNTCOPY_source_gref) {
        op->source.u.ref = any_small(16);
    } else {
        op->source.u.gmfn = any_frame();
    }
    if (op->flags & GNTCOPY_dest_gref) {
        op->dest.u.ref = any_small(16);
    } else {
        op->dest.u.gmfn = any_frame();
    }
    op->source.offset = (uint16_t)(fuzz_u8(in) * 17U);
    op->dest.offset = (uint16_t)(fuzz_u8(in) * 17U);
    op->len = (uint16_t)(fuzz_u8(in) * 17U);
}

static unsigned long fill_grant_op(unsigned int cmd, char *at)
{
    switch (cmd) {
    case GNTTABOP_map_grant_ref:
        *(struct gnttab_map_grant_ref *)at = (struct gnttab_map_grant_ref){
            .host_addr = any_slot(),
            .flags = fuzz_u8(in) % 32,
            .ref = any_small(16),
            .dom = any_domid()
        };
        return sizeof(struct gnttab_map_grant_ref);
    case GNTTABOP_unmap_grant_ref:
        *(struct gnttab_unmap_grant_ref *)at = (struct gnttab_unmap_grant_ref){
            .host_addr = any_slot(),
            .handle = any_small(10),
            .dev_bus_addr = fuzz_u8(in) & 1 ? any_frame() << PAGE_SHIFT : 0
        };
        return sizeof(struct gnttab_unmap_grant_ref);
    case GNTTABOP_unmap_and_replace:
        *(struct gnttab_unmap_and_replace *)at = (struct gnttab_unmap_and_replace){
            .host_addr = any_slot(), .new_addr = any_slot(), .handle = any_small(10)
        };
        return sizeof(struct gnttab_unmap_and_replace);
    case GNTTABOP_copy:
        grant_copy_side((struct gnttab_copy *)at);
        return sizeof(struct gnttab_copy);
    case GNTTABOP_setup_table: {
        struct gnttab_setup_table op = { .dom = any_domid(), .nr_frames = any_small(6) };

        op.frame_list.p = (void *)any_pointer(list);
        memcpy(at, &op, sizeof(op));
        return sizeof(op);
    }
    case GNTTABOP_get_status_frames: {
        struct gnttab_get_status_frames op = { .dom = any_domid(), .nr_frames = any_small(6) };

        op.frame_list.p = (void *)any_pointer(list);
        memcpy(at, &op, sizeof(op));
        return sizeof(op);
    }
    case GNTTABOP_swap_grant_ref:
        *(struct gnttab_swap_grant_ref *)at = (struct gnttab_swap_grant_ref){
            .ref_a = any_small(16), .ref_b = any_small(16)
        };
        return sizeof(struct gnttab_swap_grant_ref);
    case GNTTABOP_set_version:
        *(struct gnttab_set_version *)at = (struct gnttab_set_version){ .version = any_small(
                                                                            4) };
        return sizeof(struct gnttab_set_version);
    default: /* query_size, get_version, transfer, cache_flush, dump_table ... */
        for (unsigned int i = 0; i < 4; i++) {
            ((uint64_t *)at)[i] = i == 0 ? any_domid() : fuzz_number(in);
        }
        return 32;
    }
}

static void call_grant(void)
{
    unsigned int cmd = fuzz_below(in, GNTTABOP_cache_flush + 2);
    unsigned int count = 1 + fuzz_below(in, 4);
    unsigned long at = 0;

    memset(argument, 0, 512);
    for (unsigned int i = 0; i < count; i++) {
        at += fill_grant_op(cmd, argument + at);
    }
    call(__HYPERVISOR_grant_table_op, cmd, any_pointer(argument),
         fuzz_u8(in) < 250 ? count : fuzz_number(in));
}

/*
 * ---- Memory ------------------------------------------------------------------------------------
 */
static void fill_reservation(struct xen_memory_reservation *r)
{
    *r = (struct xen_memory_reservation){ .nr_extents = any_small(8),
                                          .extent_order = any_small(4),
                                          .mem_flags = fuzz_u8(in) < 200
                                                           ? 0
                                                           : (unsigned int)fuzz_number(in) << 8,
                                          .domid = any_domid() };
    r->extent_start.p = (void *)any_pointer(list);
}

static void call_reservation(unsigned int cmd)
{
    struct xen_memory_reservation *r = (void *)argument;

    fill_reservation(r);
    fill_list(list);
    if (cmd == XENMEM_claim_pages) {
        r->extent_start.p = fuzz_u8(in) < 230 ? NULL : (void *)list;
    }
    call(__HYPERVISOR_memory_op, cmd, any_pointer(argument), 0);
    if (cmd != XENMEM_decrease_reservation) {
        for (unsigned int i = 0; i < 8; i++) {
            know(list[i]);
        }
    }
}

static void call_exchange(void)
{
    struct xen_memory_exchange *x = (void *)argument;

    memset(x, 0, sizeof(*x));
    fill_list(list);
    fill_list(list2);
    fill_reservation(&x->in);
    fill_reservation(&x->out);
    x->out.extent_start.p = (void *)any_pointer(list2);
    x->nr_exchanged = any_small(3);
    call(__HYPERVISOR_memory_op, XENMEM_exchange, any_pointer(argument), 0);
    for (unsigned int i = 0; i < 8; i++) {
        know(list2[i]);
    }
}

static void call_memory(void)
{
    unsigned int cmd = fuzz_below(in, XENMEM_get_vnumainfo + 4);

    memset(argument, 0, 256);
    switch (cmd) {
    case XENMEM_increase_reservation:
    case XENMEM_decrease_reservation:
    case XENMEM_populate_physmap:
    case XENMEM_claim_pages:
        call_reservation(cmd);
        return;
    case XENMEM_exchange:
        call_exchange();
        return;
    case XENMEM_add_to_physmap:
        *(struct xen_add_to_physmap *)argument = (struct xen_add_to_physmap){
            .domid = any_domid(),
            .size = (uint16_t)any_small(4),
            .space = any_small(6),
            .idx = fuzz_number(in),
            .gpfn = any_frame()
        };
        break;
    case XENMEM_remove_from_physmap:
        *(struct xen_remove_from_physmap *)argument = (struct xen_remove_from_physmap){
            .domid = any_domid(), .gpfn = any_frame()
        };
        break;
    case XENMEM_add_to_physmap_batch: {
        struct xen_add_to_physmap_batch b = { .domid = any_domid(),
                                              .space = (uint16_t)any_small(6),
                                              .size = (uint16_t)any_small(6) };

        b.u.foreign_domid = any_domid();
        b.idxs.p = (void *)any_pointer(list);
        b.gpfns.p = (void *)any_pointer(list2);
        b.errs.p = (void *)any_pointer(list2 + LIST_LENGTH);
        fill_list(list);
        fill_list(list2);
        memcpy(argument, &b, sizeof(b));
        break;
    }
    case XENMEM_acquire_resource: {
        struct xen_mem_acquire_resource r = { .domid = any_domid(),
                                              .type = (uint16_t)any_small(4),
                                              .id = any_small(4),
                                              .nr_frames = any_small(6),
                                              .frame = any_small(4) };

        r.frame_list.p = (void *)any_pointer(list);
        memcpy(argument, &r, sizeof(r));
        break;
    }
    default:
        *(domid_t *)argument = any_domid();
        break;
    }
    call(__HYPERVISOR_memory_op, cmd, any_pointer(argument), 0);
}

/*
 * ---- Control -----------------------------------------------------------------------------------
 */
static void fill_create(struct xen_domctl_createdomain *c)
{
    *c = world_config();
    c->max_vcpus = any_small(4);
    c->flags = fuzz_u8(in) < 200 ? 0 : (uint32_t)fuzz_number(in);
    c->max_evtchn_port = (int32_t)any_small(40);
    c->max_grant_frames = (int32_t)any_small(8);
    c->max_maptrack_frames = (int32_t)any_small(4);
    c->grant_opts = any_small(4);
}

static void fill_affinity(struct xen_domctl_vcpuaffinity *a)
{
    a->vcpu = any_small(3);
    a->flags = any_small(8);
    list[0] = fuzz_u8(in);
    a->cpumap_hard.nr_bits = any_small(70);
    a->cpumap_hard.bitmap.p = (void *)any_pointer(list);
    a->cpumap_soft = a->cpumap_hard;
}

static void call_domctl(void)
{
    struct xen_domctl *op = (void *)argument;

    memset(op, 0, sizeof(*op));
    op->cmd = fuzz_u8(in) % 90;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op->domain = any_domid();
    switch (op->cmd) {
    case XEN_DOMCTL_createdomain:
        fill_create(&op->u.createdomain);
        break;
    case XEN_DOMCTL_setvcpuaffinity:
    case XEN_DOMCTL_getvcpuaffinity:
        fill_affinity(&op->u.vcpuaffinity);
        break;
    case XEN_DOMCTL_max_mem:
        op->u.max_mem.max_memkb = fuzz_number(in) * 4;
        break;
    case XEN_DOMCTL_max_vcpus:
        op->u.max_vcpus.max = any_small(4);
        break;
    default:
        for (unsigned int i = 0; i < 6; i++) {
            ((uint64_t *)&op->u)[i] = i < 4 ? fuzz_number(in) : any_pointer(list);
        }
        break;
    }
    call(__HYPERVISOR_domctl, any_pointer(op), 0, 0);
}

static void call_sysctl(void)
{
    struct xen_sysctl *op = (void *)argument;

    memset(op, 0, sizeof(*op));
    op->cmd = fuzz_u8(in) % 32;
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    if (op->cmd == XEN_SYSCTL_getdomaininfolist) {
        op->u.getdomaininfolist.first_domain = any_domid();
        op->u.getdomaininfolist.max_domains = any_small(8);
        op->u.getdomaininfolist.buffer.p = (void *)any_pointer(list);
    } else {
        for (unsigned int i = 0; i < 6; i++) {
            ((uint64_t *)&op->u)[i] = fuzz_u8(in) & 1 ? fuzz_number(in) : any_pointer(list);
        }
    }
    call(__HYPERVISOR_sysctl, any_pointer(op), 0, 0);
}

/*
 * ---- The rest ----------------------------------------------------------------------------------
 */
static void call_sched(void)
{
    unsigned int cmd = fuzz_below(in, SCHEDOP_pin_override + 2);

    memset(argument, 0, 64);
    if (cmd == SCHEDOP_poll) {
        struct sched_poll p = { .nr_ports = any_small(4), .timeout = fuzz_number(in) };

        p.ports.p = (void *)any_pointer(list);
        for (unsigned int i = 0; i < 4; i++) {
            ((uint32_t *)list)[i] = any_port();
        }
        memcpy(argument, &p, sizeof(p));
    } else if (cmd == SCHEDOP_remote_shutdown) {
        *(struct sched_remote_shutdown *)argument = (struct sched_remote_shutdown){
            .domain_id = any_domid(), .reason = any_small(6)
        };
    } else {
        ((uint32_t *)argument)[0] = any_small(6);
        ((uint32_t *)argument)[1] = (uint32_t)fuzz_number(in);
    }
    call(__HYPERVISOR_sched_op, cmd, any_pointer(argument), 0);
}

static void call_vcpu(void)
{
    unsigned int cmd = fuzz_below(in, VCPUOP_register_vcpu_time_memory_area + 2);

    memset(argument, 0, 64);
    ((uint64_t *)argument)[0] = cmd == VCPUOP_register_runstate_memory_area ? any_pointer(list)
                                : cmd == VCPUOP_register_vcpu_info          ? any_frame()
                                                                            : fuzz_number(in);
    ((uint64_t *)argument)[1] = fuzz_number(in);
    call(__HYPERVISOR_vcpu_op, cmd, any_small(3), any_pointer(argument));
}

static void call_other(void)
{
    static const unsigned int ops[] = { __HYPERVISOR_xen_version, __HYPERVISOR_vm_assist,
                                        __HYPERVISOR_hypfs_op, __HYPERVISOR_console_io };

    for (unsigned int i = 0; i < 24; i++) {
        ((uint64_t *)argument)[i] = fuzz_u8(in) & 1 ? any_pointer(list) : fuzz_number(in);
    }
    switch (fuzz_below(in, 8)) {
    case 0:
        call(__HYPERVISOR_set_timer_op, fuzz_number(in), 0, 0);
        break;
    case 1:
        call(__HYPERVISOR_multicall, any_pointer(argument), any_small(4), 0);
        break;
    case 2:
        *(uint32_t *)argument = any_small(70);
        ((uint32_t *)argument)[1] = XENPF_INTERFACE_VERSION;
        call(__HYPERVISOR_platform_op, any_pointer(argument), 0, 0);
        break;
    default:
        call(ops[fuzz_below(in, ARRAY_SIZE(ops))], any_small(12), any_pointer(argument),
             any_pointer(list));
        break;
    }
}

/* Some vcpu of some domain runs on one of the CPUs; time goes on; what was put off is done. */
static void turn(void)
{
    struct domain *d;
    struct vcpu *v;

    fake_cpu_switch(fuzz_below(in, FAKE_CPUS));
    fake_clock_advance(fuzz_u8(in) * 100000ULL);
    world_settle();
    d = domain_get((domid_t)(1 + fuzz_below(in, DOMAINS)));
    v = d != NULL && !domain_is_dying(d) && d->max_vcpus > 0
            ? d->vcpu[fuzz_below(in, d->max_vcpus)]
            : NULL;
    arch_set_current(v != NULL ? v : sched_idle_vcpu[arch_cpu_id()]);
    if (d != NULL) {
        domain_put(d);
    }
}

static void step(void)
{
    static void (*const calls[])(void) = {
        call_event_channel, call_grant, write_grant, call_memory, call_domctl, call_sysctl,
        call_sched,         call_vcpu,  call_other,  turn,        turn,        call_grant
    };
    uint8_t how = fuzz_u8(in);

    if (current_domain() == domain_idle) {
        turn();
        return;
    }
    if (how >= 224) {
        heap_fail_after((int)fuzz_below(in, 12)); /* and every one after it, in this call */
    }
    calls[how % ARRAY_SIZE(calls)]();
    heap_fail_after(-1);
    if (domain_is_dying(current_domain())) {
        arch_set_current(sched_idle_vcpu[arch_cpu_id()]);
    }
}

void fuzz_init(void)
{
    world_init();
}

static void end_all(void)
{
    struct domain *d;

    for (unsigned int cpu = FAKE_CPUS; cpu-- > 0;) {
        fake_cpu_switch(cpu);
        arch_set_current(sched_idle_vcpu[cpu]);
    }
    for (domid_t id = 0; (d = domain_get_from(id)) != NULL; id++) {
        id = d->id;
        world_domain_end(d);
        domain_put(d);
    }
    world_settle();
    EXPECT(domain_get_from(0) == NULL);
    world_expect_clean();
}

void fuzz_one(const uint8_t *data, size_t size)
{
    struct fuzz_input input = { data, size };

    in = &input;
    known_count = 0;
    memset(fake_guest_memory, 0, 3 * 4096);
    fake_clock_set(0);
    for (domid_t id = 1; id <= 3; id++) {
        struct domain *d = world_domain(id, id == CONTROL);

        world_enter(d);
        for (unsigned int i = 0; i < 4; i++) {
            know(mfn_x(world_page(d)));
        }
    }
    domain_hardware = NULL;
    for (unsigned int i = 0; i < CALLS_MAX && input.left > 0; i++) {
        step();
    }
    end_all();
}
