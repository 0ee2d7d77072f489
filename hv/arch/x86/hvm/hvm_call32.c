/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls of 32-bit kernels under hardware virtualisation: GRUB, and what has not come to long mode yet.
 *
 * Most records of the ABI are the same for both widths. Those that hold pointers, frame numbers or longs are wider in
 * ours; rows[] says of what fields each consists. Such a record is widened into the vcpu's window, a page of the
 * hypervisor's that copies find at HVM_WINDOW while the call runs (hvm_copy.c), the call runs on that, and what it
 * answers is narrowed back. A guest cannot name the window: 32-bit calls pass 32 bits.
 *
 * What is shared with such a kernel for good has its layout by hvm_latch_width() (core/shared_narrow.h).
 */
#include "abi/grant_table.h"
#include "abi/memory.h"
#include "abi/sched.h"
#include "abi/vcpu.h"
#include "abi/version.h"
#include "abi/x86_32.h"
#include "hv/arch/x86/hvm/hvm.h"
#include "hv/base/printk.h"
#include "hv/calls/hypercall.h"
#include "hv/calls/memory_op.h"
#include "hv/core/shared_narrow.h"
#include "hv/mm/heap.h"

#define NARROW_MAX  64U
#define LIST_OFFSET 1024U /* in the window: before it records, behind it lists */
#define LIST_MAX    ((PAGE_SIZE - LIST_OFFSET) / sizeof(uint64_t))
#define BACK        true

/* Fields by letter: h 16 bits, i 32 bits, q 64 bits (aligned as 32 bits in a narrow record), l 32 bits that are 64
 * in a wide one. A space ends a structure within, which is as long as its alignment wants. */
struct row {
    uint8_t call;
    uint8_t cmd;
    uint8_t arg; /* which argument points to the record */
    bool back;
    const char *fields;
};

static const struct row rows[] = {
    { __HYPERVISOR_memory_op, XENMEM_add_to_physmap, 1, false, "hhill" },
    { __HYPERVISOR_memory_op, XENMEM_remove_from_physmap, 1, false, "hl" },
    { __HYPERVISOR_memory_op, XENMEM_memory_map, 1, BACK, "il" },
    { __HYPERVISOR_memory_op, XENMEM_increase_reservation, 1, false, "lliih" },
    { __HYPERVISOR_memory_op, XENMEM_decrease_reservation, 1, false, "lliih" },
    { __HYPERVISOR_memory_op, XENMEM_populate_physmap, 1, false, "lliih" },
    { __HYPERVISOR_sched_op, SCHEDOP_poll, 1, false, "liq" },
    { __HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 2, false, "qi" },
    { __HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area, 2, false, "l" },
    { __HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_time_memory_area, 2, false, "l" },
    { __HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 2, BACK, "iqqqqq" },
    { __HYPERVISOR_xen_version, XENVER_platform_parameters, 1, BACK, "l" },
    { __HYPERVISOR_grant_table_op, GNTTABOP_copy, 1, BACK, "lhh lhh hhh" },
    { __HYPERVISOR_grant_table_op, GNTTABOP_setup_table, 1, BACK, "hihl" },
    { __HYPERVISOR_grant_table_op, GNTTABOP_get_status_frames, 1, BACK, "ihhl" },
};

#define CALL(name) (1UL << __HYPERVISOR_##name)
#define CALLS32                                                                                    \
    (CALL(memory_op) | CALL(set_timer_op) | CALL(xen_version) | CALL(console_io) | CALL(grant_table_op) |           \
     CALL(vm_assist) | CALL(vcpu_op) | CALL(sched_op) | CALL(event_channel_op) | CALL(hvm_op))

struct call32 {
    unsigned long number;
    unsigned long args[6];
    bool again; /* runs again with these arguments */
};

/* ---- Records ------------------------------------------------------------------------------- */

static unsigned int narrow_size(char field)
{
    return field == 'h' ? 2 : field == 'q' ? 8 : 4;
}

static unsigned int wide_size(char field)
{
    return field == 'h' ? 2 : field == 'i' ? 4 : 8;
}

/* Copies a record of one width to the other (NULL: none, only its sizes are wanted). */
static void convert(const char *fields, uint8_t *narrow, uint8_t *wide, bool widen, unsigned int size[2])
{
    unsigned int n = 0;
    unsigned int w = 0;
    unsigned int align[2] = { 1, 1 };

    for (const char *f = fields; *f != 0; f++) {
        unsigned int ns = narrow_size(*f);
        unsigned int ws = wide_size(*f);

        if (*f == ' ') {
            n = ALIGN_UP(n, align[0]);
            w = ALIGN_UP(w, align[1]);
            continue;
        }
        n = ALIGN_UP(n, MIN(ns, 4U));
        w = ALIGN_UP(w, ws);
        for (unsigned int i = 0; narrow != NULL && i < (widen ? ws : ns); i++) {
            if (widen) {
                wide[w + i] = i < ns ? narrow[n + i] : 0;
            } else {
                narrow[n + i] = wide[w + i];
            }
        }
        align[0] = MAX(align[0], MIN(ns, 4U));
        align[1] = MAX(align[1], ws);
        n += ns;
        w += ws;
    }
    size[0] = ALIGN_UP(n, align[0]);
    size[1] = ALIGN_UP(w, align[1]);
}

static int widen_record(const char *fields, unsigned long from, char *to, unsigned int size[2])
{
    uint8_t narrow[NARROW_MAX];

    convert(fields, NULL, NULL, true, size);
    ASSERT(size[0] <= sizeof(narrow));
    if (hvm_copy_from(narrow, from, size[0]) != 0) {
        return -EFAULT;
    }
    convert(fields, narrow, (uint8_t *)to, true, size);
    return 0;
}

static int narrow_record(const char *fields, const char *from, unsigned long to)
{
    uint8_t narrow[NARROW_MAX] = { 0 };
    unsigned int size[2];

    convert(fields, narrow, (uint8_t *)from, false, size);
    return hvm_copy_to(to, narrow, size[0]) == 0 ? 0 : -EFAULT;
}

static unsigned long window_va(const struct vcpu *v, const void *place)
{
    return HVM_WINDOW + (unsigned long)((const char *)place - hvm_vcpu(v)->window);
}

/* ---- Calls --------------------------------------------------------------------------------- */

/* What the native call answered; a call that gave way left its arguments for the next time. */
static long run(struct vcpu *v, struct call32 *c)
{
    struct vcpu_restart *r = &v->restart;
    const unsigned long *a = c->args;
    long rc = hypercall_table[c->number](a[0], a[1], a[2], a[3], a[4], a[5]);

    c->again = rc == -ERESTART && r->pending;
    if (c->again) {
        r->pending = false;
        for (unsigned int i = 0; i < r->arg_count; i++) {
            c->args[i] = r->args[i];
        }
    }
    return rc;
}

static const struct row *row_of(const struct call32 *c)
{
    unsigned long cmd = c->number == __HYPERVISOR_memory_op ? c->args[0] & MEMOP_CMD_MASK : c->args[0];

    for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
        if (rows[i].call == c->number && rows[i].cmd == cmd) {
            return &rows[i];
        }
    }
    return NULL;
}

/* One record, widened, and narrowed again when it has an answer. */
static long run_record(struct vcpu *v, struct call32 *c, const struct row *row)
{
    char *window = hvm_vcpu(v)->window;
    unsigned long pointer = c->args[row->arg];
    unsigned int size[2];
    long rc = widen_record(row->fields, pointer, window, size);

    if (rc != 0) {
        return rc;
    }
    c->args[row->arg] = window_va(v, window);
    rc = run(v, c);
    c->args[row->arg] = pointer;
    if (row->back && !c->again && rc >= 0) {
        int copied = narrow_record(row->fields, window, pointer);

        rc = copied != 0 ? copied : rc;
    }
    return rc;
}

/* Extents are named by a list of frame numbers: so many of them at once as the window has room for. */
static long run_reservation(struct vcpu *v, struct call32 *c, const struct row *row)
{
    char *window = hvm_vcpu(v)->window;
    struct xen_memory_reservation *r = (void *)window;
    uint64_t *list = (void *)(window + LIST_OFFSET);
    unsigned long pointer = c->args[1];
    unsigned long start = c->args[0] >> MEMOP_EXTENT_SHIFT;
    unsigned long asked;
    unsigned int size[2];
    long rc = widen_record(row->fields, pointer, window, size);

    if (rc != 0) {
        return (long)start;
    }
    asked = r->nr_extents;
    r->nr_extents = MIN(asked, start + LIST_MAX);
    for (unsigned long i = start; i < r->nr_extents && !guest_ptr_is_null(guest_ptr(r->extent_start)); i++) {
        uint32_t frame;

        if (hvm_copy_from(&frame, guest_ptr_at(guest_ptr(r->extent_start), i, sizeof(frame)).va, sizeof(frame)) !=
            0) {
            r->nr_extents = asked = i;
        }
        list[i - start] = frame;
    }
    if (start >= r->nr_extents) {
        return (long)start;
    }
    r->extent_start.p = (xen_pfn_t *)(window_va(v, list) - start * sizeof(*list));
    c->args[1] = window_va(v, window);
    rc = run(v, c);
    c->args[1] = pointer;
    if (!c->again && rc == (long)r->nr_extents && r->nr_extents < asked) {
        c->args[0] = (c->args[0] & MEMOP_CMD_MASK) | r->nr_extents << MEMOP_EXTENT_SHIFT;
        c->again = true;
    }
    return rc;
}

/* Copies come in numbers, one at a time here: a kernel of that width is not in a hurry. */
static long run_grant_copies(struct vcpu *v, struct call32 *c, const struct row *row)
{
    unsigned long count = c->args[2];
    unsigned int size[2];
    long rc = 0;

    convert(row->fields, NULL, NULL, true, size);
    while (rc == 0 && count > 0) {
        c->args[2] = 1;
        rc = run_record(v, c, row);
        c->args[1] += size[0];
        c->args[2] = --count;
        if (rc == 0 && count > 0 && hypercall_preempt_check()) {
            c->again = true;
            break;
        }
    }
    return rc;
}

/* The frame list of setup_table has elements of 32 bits. */
static long run_setup_table(struct vcpu *v, struct call32 *c, const struct row *row)
{
    char *window = hvm_vcpu(v)->window;
    struct gnttab_setup_table *s = (void *)window;
    const uint64_t *list = (const void *)(window + LIST_OFFSET);
    unsigned long pointer = c->args[1];
    unsigned int size[2];
    unsigned long frames;
    long rc = widen_record(row->fields, pointer, window, size);

    if (rc != 0) {
        return rc;
    }
    if (s->nr_frames > LIST_MAX) {
        return -EINVAL;
    }
    frames = guest_ptr(s->frame_list).va;
    s->frame_list.p = (xen_pfn_t *)window_va(v, list);
    c->args[1] = window_va(v, window);
    rc = run(v, c);
    c->args[1] = pointer;
    for (unsigned int i = 0; rc == 0 && s->status == GNTST_okay && i < s->nr_frames; i++) {
        uint32_t frame = (uint32_t)list[i];

        if (hvm_copy_to(frames + i * sizeof(frame), &frame, sizeof(frame)) != 0) {
            rc = -EFAULT;
        }
    }
    s->frame_list.p = (xen_pfn_t *)frames;
    return rc != 0 ? rc : narrow_record(row->fields, window, pointer);
}

static bool same_in_both(const struct call32 *c)
{
    switch (c->number) {
    case __HYPERVISOR_memory_op:
        return c->args[0] == XENMEM_maximum_ram_page || c->args[0] == XENMEM_current_reservation ||
               c->args[0] == XENMEM_maximum_reservation || c->args[0] == XENMEM_maximum_gpfn;
    default:
        return true;
    }
}

static long dispatch(struct vcpu *v, struct call32 *c)
{
    const struct row *row = row_of(c);

    if (c->number == __HYPERVISOR_set_timer_op) { /* 64 bits in two registers */
        c->args[0] |= c->args[1] << 32;
    }
    if (row == NULL) {
        return same_in_both(c) ? run(v, c) : -ENOSYS;
    }
    if (c->number == __HYPERVISOR_memory_op && row->fields[1] == 'l' && row->fields[0] == 'l') {
        return run_reservation(v, c, row);
    }
    if (c->number == __HYPERVISOR_grant_table_op && row->cmd == GNTTABOP_copy) {
        return run_grant_copies(v, c, row);
    }
    if (c->number == __HYPERVISOR_grant_table_op && row->cmd == GNTTABOP_setup_table) {
        return run_setup_table(v, c, row);
    }
    return run_record(v, c, row);
}

static long one_call(struct vcpu *v, struct call32 *c)
{
    if (c->number >= HYPERCALL_COUNT || !(CALLS32 >> c->number & 1)) {
        return -ENOSYS;
    }
    return dispatch(v, c);
}

/* A multicall's entry. */
struct entry32 {
    uint32_t op;
    uint32_t result;
    uint32_t args[6];
};

static int run_entry(struct vcpu *v, unsigned long at, bool *again)
{
    struct entry32 e;
    struct call32 c;

    if (hvm_copy_from(&e, at, sizeof(e)) != 0) {
        return -EFAULT;
    }
    c = (struct call32){ .number = e.op };
    for (unsigned int i = 0; i < ARRAY_SIZE(e.args); i++) {
        c.args[i] = e.args[i];
    }
    e.result = (uint32_t)one_call(v, &c);
    *again = c.again;
    for (unsigned int i = 0; c.again && i < ARRAY_SIZE(e.args); i++) {
        e.args[i] = (uint32_t)c.args[i];
    }
    return hvm_copy_to(at, &e, sizeof(e)) == 0 ? 0 : -EFAULT;
}

static long multicall(struct vcpu *v, struct call32 *c)
{
    while ((uint32_t)c->args[1] > 0) {
        bool again;
        int rc = run_entry(v, c->args[0], &again);

        if (rc != 0) {
            return rc;
        }
        if (!again) {
            c->args[0] += sizeof(struct entry32);
            c->args[1]--;
        }
        c->again = again || (c->args[1] > 0 && hypercall_preempt_check());
        if (c->again) {
            return 0;
        }
    }
    return 0;
}

#define SAME_PLACE(of, member) \
    BUILD_ASSERT(offsetof(struct of##_narrow, member) == offsetof(struct of##_x86_32, member))

SAME_PLACE(shared_info, evtchn_pending);
SAME_PLACE(shared_info, evtchn_mask);
SAME_PLACE(shared_info, wc_version);
SAME_PLACE(shared_info, wc_nsec);
BUILD_ASSERT(offsetof(struct shared_info_narrow, wc_sec_hi) == offsetof(struct shared_info_x86_32, arch.wc_sec_hi));
SAME_PLACE(vcpu_info, evtchn_pending_sel);
BUILD_ASSERT(sizeof(struct vcpu_info) == sizeof(struct vcpu_info_x86_32));
BUILD_ASSERT(offsetof(struct vcpu_info, time) == offsetof(struct vcpu_info_x86_32, time));

void hvm_latch_width(struct vcpu *v)
{
    struct hvm_paging p;

    hvm->get_paging(v, &p);
    shared_set_narrow(v->domain, p.code_bits != 64);
}

bool hvm_call32(struct vcpu *v, struct cpu_user_regs *regs)
{
    struct hvm_vcpu *h = hvm_vcpu(v);
    uint64_t *const into[6] = { &regs->rbx, &regs->rcx, &regs->rdx, &regs->rsi, &regs->rdi, &regs->rbp };
    struct call32 c = { .number = (uint32_t)regs->rax };
    long rc = -ENOMEM;

    if (h->window == NULL) {
        h->window = heap_alloc_page();
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(into); i++) {
        c.args[i] = (uint32_t)*into[i];
    }
    if (h->window != NULL) {
        h->window_open = true;
        rc = c.number == __HYPERVISOR_multicall ? multicall(v, &c) : one_call(v, &c);
        h->window_open = false;
    }
    if (c.again) {
        for (unsigned int i = 0; i < ARRAY_SIZE(into); i++) {
            *into[i] = (uint32_t)c.args[i];
        }
        return false;
    }
    regs->rax = (uint32_t)rc;
    return true;
}
