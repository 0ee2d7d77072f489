/* SPDX-License-Identifier: MIT */
/*
 * The random-hypercall guest: every number, sub-operation and argument, random and near-valid, in the manner of
 * guest/tests/random, whose arguments are those of PV guests. It passes when it is still there at the end; what it
 * hunts is a hypervisor that is not. Command line: calls=N (default 20000), seed=N,
 * from=N prints every call from the Nth on.
 *
 * Calls that would end or stop the caller, or that dom0 may really do to the machine, are left out or tamed. Buffers
 * lie in pages with nothing behind them: arrays of a wild length run into that.
 */
#include "abi/domctl.h"
#include "abi/event_channel.h"
#include "abi/grant_table.h"
#include "abi/memory.h"
#include "abi/platform.h"
#include "abi/sched.h"
#include "abi/sysctl.h"
#include "abi/vcpu.h"
#include "guest/arm64/guest.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/start.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"

#define SLOT    401UL           /* of the first level: the buffers */
#define NOWHERE 0x3000000000UL
#define BELOW   arm_random_below

enum { BUFFERS = 3, SCRATCH = 64, WORDS = 512 };

struct call {
    unsigned long nr;
    unsigned long arg[5];
};

static uint64_t l2[512] __attribute__((aligned(4096)));
static uint64_t l3[512] __attribute__((aligned(4096)));
static uint64_t buffer_page[BUFFERS][WORDS] __attribute__((aligned(4096)));
static uint64_t *buffer[BUFFERS];
static uint64_t scratch_gfn; /* pages the guest can do without, and so are those behind them */

static void map_buffers(void)
{
    for (unsigned int i = 0; i < BUFFERS; i++) {
        l3[2 * i] = arm_physical(buffer_page[i]) | 0x703;
        buffer[i] = (uint64_t *)(SLOT << 30 | (uint64_t)i * 8192);
    }
    l2[0] = arm_physical(l3) | 3;
    boot_l1[SLOT] = arm_physical(l2) | 3;
    __asm__ volatile("dsb ish; tlbi vmalle1; dsb ish; isb" ::: "memory");
    scratch_gfn = (arm_physical(buffer_page) >> 12) + 2048;
}

/* ---- values ------------------------------------------------------------------------------------ */

static uint64_t any_gfn(void)
{
    switch (BELOW(8)) {
    case 0:
        return (NOWHERE >> 12) + BELOW(64);
    case 1:
        return 1UL << (22 + BELOW(40));
    case 2:
        return ~0UL >> BELOW(16);
    default:
        return scratch_gfn + BELOW(SCRATCH);
    }
}

static uint64_t any_pointer(void)
{
    uint64_t b = (uint64_t)buffer[BELOW(BUFFERS)];

    switch (BELOW(16)) {
    case 0:
        return 0;
    case 1:
        return 0x0000200000000000UL + BELOW(4096);
    case 2:
        return 0xffff800000000000UL + (arm_random() >> 20);
    case 3:
        return (410UL << 30) + BELOW(4096);
    case 4:
        return ~0UL - BELOW(64);
    case 5:
        return b + 4096 - BELOW(64);
    case 6:
        return b + BELOW(256) * 8;
    default:
        return b;
    }
}

static uint64_t number(void)
{
    uint64_t value = 1UL << BELOW(33);

    switch (BELOW(6)) {
    case 0:
        return value - BELOW(2);
    case 1:
        return value + 1;
    case 2:
        return -(value & 0xff);
    default:
        return BELOW(40);
    }
}

static uint64_t any_domid(void)
{
    static const uint16_t ids[] = { DOMID_SELF, DOMID_SELF, DOMID_SELF,    0,          1,
                                    77,         DOMID_IO,   DOMID_INVALID, DOMID_IDLE, DOMID_XEN };

    return ids[BELOW(sizeof(ids) / sizeof(ids[0]))];
}

static uint64_t any_value(void)
{
    switch (BELOW(8)) {
    case 0:
        return any_gfn();
    case 1:
        return any_gfn() << 12 | BELOW(4096);
    case 2:
    case 3:
        return any_pointer();
    case 4:
        return any_domid() | any_domid() << 16 | (uint64_t)BELOW(9) << 32;
    case 5:
        return number() | (number() & 0xffff) << 32;
    default:
        return number();
    }
}

static void fill_buffers(void)
{
    for (unsigned int i = 0; i < BUFFERS; i++) {
        for (unsigned int w = 0; w < WORDS; w++) {
            buffer[i][w] = w < 16 ? any_value() : buffer[i][w - 16];
        }
    }
}

/* ---- calls, near-valid and tamed; false: better not made ---------------------------------------- */

static uint64_t mostly(uint64_t *b)
{
    return BELOW(10) == 0 ? any_pointer() : (uint64_t)b;
}

/* A number of sub-operation that the caller must not use is none at all. */
static uint64_t without(uint64_t op, uint64_t bad)
{
    return bad >> (op & 63) & 1 && op < 64 ? 1000 : op;
}

static bool make_sched(struct call *c)
{
    struct sched_poll *poll = (void *)buffer[0];

    c->arg[0] = without(BELOW(12), 1 << SCHEDOP_block | 1 << SCHEDOP_shutdown | 1 << SCHEDOP_shutdown_code |
                                       1 << SCHEDOP_remote_shutdown | 1 << SCHEDOP_watchdog);
    if (c->arg[0] == SCHEDOP_poll) {
        poll->timeout = 1;
        poll->nr_ports = BELOW(4);
        set_xen_guest_handle(poll->ports, (void *)buffer[1]);
        c->arg[1] = (uint64_t)poll;
    }
    return c->nr == __HYPERVISOR_sched_op;
}

static bool make_vcpu(struct call *c)
{
    c->arg[0] = without(BELOW(16), 1 << VCPUOP_down | 1 << VCPUOP_register_vcpu_info);
    c->arg[1] = BELOW(4) == 0 ? number() : BELOW(2);
    c->arg[2] = mostly(buffer[0]);
    return true;
}

static bool make_event(struct call *c)
{
    uint32_t *words = (uint32_t *)buffer[0];

    for (unsigned int i = 0; i < 6; i++) {
        words[i] = BELOW(3) == 0 ? (uint32_t)any_domid() : BELOW(64);
    }
    c->arg[0] = without(BELOW(16), 1 << 14); /* a continuation, hidden from guests */
    c->arg[1] = mostly(buffer[0]);
    return true;
}

static bool make_grant(struct call *c)
{
    struct gnttab_map_grant_ref *map = (void *)buffer[0];

    c->arg[0] = BELOW(16);
    if (c->arg[0] == GNTTABOP_map_grant_ref) {
        *map = (struct gnttab_map_grant_ref){ .host_addr = NOWHERE + BELOW(64) * 4096, .flags = BELOW(64),
                                              .ref = BELOW(70), .dom = (domid_t)any_domid() };
    } else if (BELOW(2) == 0) {
        buffer[0][0] = NOWHERE + BELOW(64) * 4096;
        buffer[0][1] = BELOW(2) == 0 ? 0 : arm_random();
        buffer[0][2] = BELOW(64);
    }
    c->arg[1] = mostly(buffer[0]);
    c->arg[2] = BELOW(100) == 0 ? number() : 1 + BELOW(3);
    return true;
}

static bool make_memory(struct call *c)
{
    struct xen_memory_reservation *r = (void *)buffer[0];
    struct xen_add_to_physmap *add = (void *)buffer[0];

    c->arg[0] = BELOW(34);
    for (unsigned int i = 0; i < 8; i++) {
        buffer[1][i] = any_gfn();
    }
    if (c->arg[0] == XENMEM_add_to_physmap && BELOW(4) != 0) {
        *add = (struct xen_add_to_physmap){ .domid = (domid_t)any_domid(), .size = (uint16_t)BELOW(4),
                                            .space = BELOW(7), .idx = BELOW(2) == 0 ? BELOW(8) : any_gfn(),
                                            .gpfn = any_gfn() };
    } else if (BELOW(3) != 0) {
        r->nr_extents = BELOW(10) == 0 ? number() : 1 + BELOW(4);
        r->extent_order = BELOW(6) == 0 ? (unsigned int)number() : 0;
        r->mem_flags = BELOW(4) == 0 ? (unsigned int)arm_random() : 0;
        r->domid = (domid_t)any_domid();
        set_xen_guest_handle(r->extent_start, (void *)buffer[1]);
        r[1] = *r;
        set_xen_guest_handle(r[1].extent_start, (void *)buffer[2]);
    }
    c->arg[1] = mostly(buffer[0]);
    return true;
}

static bool make_domctl(struct call *c)
{
    struct xen_domctl *op = (void *)buffer[0];

    op->cmd = BELOW(4) == 0 ? XEN_DOMCTL_createdomain : BELOW(90);
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op->domain = (domid_t)(1 + BELOW(4)); /* other domains only, and no end of their number */
    if (op->cmd == XEN_DOMCTL_createdomain && BELOW(4) != 0) {
        memset(&op->u, 0, sizeof(op->u));
        op->u.createdomain.flags = BELOW(4) == 0 ? (uint32_t)arm_random() : XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
        op->u.createdomain.max_vcpus = BELOW(4);
        op->u.createdomain.max_evtchn_port = (int32_t)BELOW(2000);
        op->u.createdomain.max_grant_frames = (int32_t)BELOW(20);
        op->u.createdomain.max_maptrack_frames = (int32_t)BELOW(20);
        op->u.createdomain.grant_opts = BELOW(4);
        op->u.createdomain.arch.nr_spis = BELOW(4) == 0 ? (uint32_t)number() : 32 * BELOW(4);
    }
    c->arg[0] = (uint64_t)op;
    return !start_is_dom0() || op->cmd != XEN_DOMCTL_pausedomain;
}

static bool make_sysctl(struct call *c)
{
    struct xen_sysctl *op = (void *)buffer[0];

    op->cmd = (uint32_t)without(BELOW(32), 1UL << XEN_SYSCTL_debug_keys | 1UL << XEN_SYSCTL_cpu_hotplug |
                                               1UL << XEN_SYSCTL_page_offline_op | 1UL << XEN_SYSCTL_cpupool_op |
                                               1UL << XEN_SYSCTL_scheduler_op | 1UL << XEN_SYSCTL_tbuf_op |
                                               1UL << XEN_SYSCTL_livepatch_op);
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    c->arg[0] = (uint64_t)op;
    return true;
}

static bool make_any(struct call *c)
{
    (void)c;
    return true;
}

static bool make_console(struct call *c)
{
    c->arg[1] = BELOW(64) == 0 ? c->arg[1] & 31 : 0;
    return true;
}

static const struct maker {
    unsigned long nr;
    bool (*make)(struct call *c);
    unsigned int weight;
} makers[] = {
    { __HYPERVISOR_sched_op, make_sched, 1 },
    { __HYPERVISOR_vcpu_op, make_vcpu, 2 },
    { __HYPERVISOR_event_channel_op, make_event, 3 },
    { __HYPERVISOR_grant_table_op, make_grant, 4 },
    { __HYPERVISOR_memory_op, make_memory, 4 },
    { __HYPERVISOR_domctl, make_domctl, 4 },
    { __HYPERVISOR_sysctl, make_sysctl, 2 },
    { __HYPERVISOR_console_io, make_console, 1 },
    { __HYPERVISOR_hvm_op, make_any, 2 },
    { __HYPERVISOR_physdev_op, make_any, 1 },
    { __HYPERVISOR_xen_version, make_any, 1 },
    { __HYPERVISOR_vm_assist, make_any, 1 },
};
#define MAKERS (sizeof(makers) / sizeof(makers[0]))

static bool make(struct call *c)
{
    unsigned int pick = BELOW(32);

    fill_buffers();
    c->nr = BELOW(50) == 0 ? arm_random() : BELOW(70);
    c->arg[0] = BELOW(32);
    for (unsigned int i = 1; i < 5; i++) {
        c->arg[i] = BELOW(3) == 0 ? any_value() : any_pointer();
    }
    for (unsigned int i = 0; i < MAKERS; i++) {
        if (pick < makers[i].weight || c->nr == makers[i].nr) {
            c->nr = makers[i].nr;
            return makers[i].make(c);
        }
        pick -= makers[i].weight;
    }
    switch (c->nr) {
    case __HYPERVISOR_sched_op_compat: /* the same operations under another number */
    case __HYPERVISOR_platform_op:     /* does to the machine what it is told */
    case __HYPERVISOR_kexec_op:
    case __HYPERVISOR_multicall:       /* test_multicall() */
        return !start_is_dom0() && c->nr == __HYPERVISOR_platform_op;
    default:
        return true;
    }
}

/* A list of calls that need no taming, and no list of anything else: it is the list that is tried. */
static void multicall(void)
{
    struct multicall_entry *e = (void *)buffer[2];
    struct call c = { .nr = __HYPERVISOR_event_channel_op };
    const uint64_t lists[] = { 0, 0x0000200000000000UL, 410UL << 30, ~0UL - 60, (uint64_t)e + 4096 - 64 };

    fill_buffers();
    (void)make_event(&c);
    for (unsigned int i = 0; i < 8; i++) {
        e[i] = (struct multicall_entry){ .op = BELOW(2) ? __HYPERVISOR_xen_version : __HYPERVISOR_event_channel_op,
                                         .args = { c.arg[0], (uint64_t)buffer[BELOW(2)] } };
    }
    for (unsigned int w = 8 * sizeof(*e) / 8; w < WORDS; w++) {
        buffer[2][w] = 63; /* behind the list: a number nobody has */
    }
    (void)hypercall(__HYPERVISOR_multicall, BELOW(10) == 0 ? lists[BELOW(5)] : (uint64_t)e,
                    BELOW(8) == 0 ? number() & 0xfff : BELOW(9), 0, 0, 0);
}

void test_main(void)
{
    unsigned long calls = string_option(start_cmdline(), "calls", 20000);
    unsigned long from = string_option(start_cmdline(), "from", ~0UL);
    unsigned long made = 0;
    unsigned long succeeded = 0;

    map_buffers();
    for (unsigned long i = 0; i < calls; i++) {
        struct call c;

        if (BELOW(16) == 0) {
            multicall();
        } else if (make(&c)) {
            if (i >= from) {
                print("call %lu: %lu(0x%lx, 0x%lx, 0x%lx, 0x%lx)\n", i, c.nr, c.arg[0], c.arg[1], c.arg[2], c.arg[3]);
            }
            made++;
            succeeded += hypercall(c.nr, c.arg[0], c.arg[1], c.arg[2], c.arg[3], c.arg[4]) >= 0;
        }
    }
    test_note("%lu calls made, %lu succeeded", made, succeeded);
    EXPECT(succeeded > made / 50);
    EXPECT(hypercall_xen_version(0, NULL) >= 4 << 16);
}
