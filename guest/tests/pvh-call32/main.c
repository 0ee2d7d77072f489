/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls of 32-bit code: in long mode's compatibility mode, without paging, with three and with two levels of
 * tables. Records with pointers, frame numbers and longs are narrower there. modes=N: only the
 * first N of these.
 */
#include "abi/event_channel.h"
#include "abi/grant_table.h"
#include "abi/memory.h"
#include "abi/sched.h"
#include "abi/vcpu.h"
#include "abi/version.h"
#include "guest/libguest/events.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/pvh/call32.h"
#include "guest/libguest/pvh/pvh.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"
#include "guest/libguest/time.h"
#include "guest/tests/pvh-call32/shared.h"

#define HOLE   0xe0000000U
#define GUARD  0xfeedfaceU
#define COUNT  1000U

/* The ABI's records as a 32-bit compiler lays them out. */
struct reservation32 { uint32_t extents, count, order, flags; uint16_t domid; };
struct add32 { uint16_t domid, size; uint32_t space, idx, gpfn; };
struct remove32 { uint16_t domid; uint32_t gpfn; };
struct map32 { uint32_t count, buffer; };
struct poll32 { uint32_t ports, count; uint64_t timeout; } __attribute__((packed));
struct runstate32 { int32_t state; uint64_t entry, time[4]; } __attribute__((packed));
struct end32 { uint32_t frame; uint16_t domid, offset; };
struct copy32 { struct end32 source, dest; uint16_t length, flags; int16_t status; };
struct call { uint32_t op, result, args[6]; };

static unsigned int mode;
static uint32_t frames[COUNT];

static int32_t call(uint32_t number, uint32_t a, const volatile void *b, uint32_t c)
{
    return call32(mode, number, a, call32_pointer(b), c);
}

static void test_version(void)
{
    static struct { uint32_t start, guard; } parameters;
    static struct xen_feature_info features, wide;
    static char extra[16], wide_extra[16];

    EXPECT_EQ(call32(mode, __HYPERVISOR_xen_version, XENVER_version, 0, 0) >> 16, 4);
    parameters.start = parameters.guard = GUARD;
    EXPECT_EQ(call(__HYPERVISOR_xen_version, XENVER_platform_parameters, &parameters, 0), 0);
    EXPECT(parameters.start != GUARD);
    EXPECT_EQ(parameters.guard, GUARD);
    EXPECT_EQ(call(__HYPERVISOR_xen_version, XENVER_get_features, &features, 0), 0);
    EXPECT_EQ(hypercall_xen_version(XENVER_get_features, &wide), 0);
    EXPECT_EQ(features.submap, wide.submap);
    EXPECT_EQ(call(__HYPERVISOR_xen_version, XENVER_extraversion, extra, 0), 0);
    EXPECT_EQ(hypercall_xen_version(XENVER_extraversion, wide_extra), 0);
    EXPECT_EQ(memcmp(extra, wide_extra, sizeof(extra)), 0);
    EXPECT_EQ(call32(mode, __HYPERVISOR_xen_version, XENVER_extraversion, HOLE, 0), -EFAULT);
}

static void test_refused(void)
{
    EXPECT_EQ(call32(mode, __HYPERVISOR_mmu_update, 0, 0, 0), -ENOSYS);
    EXPECT_EQ(call32(mode, __HYPERVISOR_set_trap_table, 0, 0, 0), -ENOSYS);
    EXPECT_EQ(call32(mode, 63, 0, 0, 0), -ENOSYS);
    EXPECT_EQ(call32(mode, 0xffffffff, 0, 0, 0), -ENOSYS);
    EXPECT_EQ(call32(mode, __HYPERVISOR_sched_op, 77, 0, 0), -ENOSYS);
    EXPECT_EQ(call32(mode, __HYPERVISOR_memory_op, XENMEM_add_to_physmap, HOLE, 0), -EFAULT);
    EXPECT_EQ(call32(mode, __HYPERVISOR_sched_op, SCHEDOP_poll, HOLE, 0), -EFAULT);
    EXPECT_EQ(call32(mode, __HYPERVISOR_grant_table_op, GNTTABOP_copy, HOLE, 1), -EFAULT);
}

static void test_events(void)
{
    static struct evtchn_bind_ipi bind;
    static struct evtchn_status status;
    static struct evtchn_send send;
    static struct poll32 poll;
    static uint32_t port;

    bind = (struct evtchn_bind_ipi){ .vcpu = 0 };
    EXPECT_EQ(call(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, &bind, 0), 0);
    port = bind.port;
    events_mask(port);
    status = (struct evtchn_status){ .dom = DOMID_SELF, .port = port };
    EXPECT_EQ(call(__HYPERVISOR_event_channel_op, EVTCHNOP_status, &status, 0), 0);
    EXPECT_EQ(status.status, EVTCHNSTAT_ipi);
    send.port = port;
    EXPECT(!events_pending(port));
    EXPECT_EQ(call(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &send, 0), 0);
    EXPECT(events_pending(port));
    poll = (struct poll32){ .ports = call32_pointer(&port), .count = 1, .timeout = time_now() + 2000000000UL };
    EXPECT_EQ(call(__HYPERVISOR_sched_op, SCHEDOP_poll, &poll, 0), 0);
    EXPECT(time_now() < poll.timeout); /* it was pending */
    events_clear(port);
    poll.timeout = time_now() + 3000000UL;
    EXPECT_EQ(call(__HYPERVISOR_sched_op, SCHEDOP_poll, &poll, 0), 0);
    EXPECT(time_now() >= poll.timeout);
    EXPECT_EQ(call32(mode, __HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0), 0);
    EXPECT_EQ(events_close(port), 0);
}

static void test_vcpu(void)
{
    static struct { struct runstate32 r; uint32_t guard; } __attribute__((packed)) now;
    static struct xen_hvm_param param;
    uint64_t later = time_now() + 1000000000UL;

    now.guard = GUARD;
    EXPECT_EQ(call32(mode, __HYPERVISOR_vcpu_op, VCPUOP_is_up, 0, 0), 1);
    EXPECT_EQ(call32(mode, __HYPERVISOR_vcpu_op, VCPUOP_is_up, 9, 0), -ENOENT);
    EXPECT_EQ(call32(mode, __HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, call32_pointer(&now)), 0);
    EXPECT_EQ(now.r.state, RUNSTATE_running);
    EXPECT(now.r.entry != 0 && now.r.time[RUNSTATE_running] != 0);
    EXPECT_EQ(now.guard, GUARD);
    EXPECT_EQ(call32(mode, __HYPERVISOR_set_timer_op, (uint32_t)later, later >> 32, 0), 0);
    EXPECT_EQ(call32(mode, __HYPERVISOR_set_timer_op, 0, 0, 0), 0);
    param = (struct xen_hvm_param){ .domid = DOMID_SELF, .index = HVM_PARAM_CONSOLE_PFN };
    EXPECT_EQ(call(__HYPERVISOR_hvm_op, HVMOP_get_param, &param, 0), 0);
    EXPECT_EQ(param.value, pvh_param(HVM_PARAM_CONSOLE_PFN));
}

static void test_space(void)
{
    static struct reservation32 r;
    static struct add32 add;
    static struct remove32 gone;
    uint32_t gfn = frames[0];
    uint32_t other = (uint32_t)start_info->nr_pages + 1024;
    volatile uint32_t *at = start_map_own_mfn(gfn);

    *at = 0x1234;
    r = (struct reservation32){ .extents = call32_pointer(frames), .count = COUNT, .domid = DOMID_SELF };
    EXPECT_EQ(call(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &r, 0), COUNT);
    EXPECT_EQ(call(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &r, 0), 0);
    EXPECT_EQ(*at, 0xffffffffU);
    EXPECT_EQ(*(volatile uint32_t *)start_map_own_mfn(frames[COUNT - 1]), 0xffffffffU);
    EXPECT_EQ(call(__HYPERVISOR_memory_op, XENMEM_populate_physmap, &r, 0), COUNT);
    EXPECT(*at != 0xffffffffU); /* what is in a page that was its own before is not promised */
    EXPECT(*(volatile uint32_t *)start_map_own_mfn(frames[COUNT - 1]) != 0xffffffffU);
    r.extents = HOLE;
    EXPECT_EQ(call(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &r, 0), 0);
    *at = 0x5678;
    add = (struct add32){ .domid = DOMID_SELF, .space = XENMAPSPACE_gmfn, .idx = gfn, .gpfn = other };
    EXPECT_EQ(call(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &add, 0), 0);
    EXPECT_EQ(*(volatile uint32_t *)start_map_own_mfn(other), 0x5678);
    EXPECT_EQ(*at, 0xffffffffU);
    add.idx = other;
    add.gpfn = gfn;
    EXPECT_EQ(call(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &add, 0), 0);
    EXPECT_EQ(*at, 0x5678);
    add = (struct add32){ .domid = DOMID_SELF, .space = XENMAPSPACE_grant_table, .gpfn = other };
    EXPECT_EQ(call(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &add, 0), 0);
    EXPECT(*(volatile uint32_t *)start_map_own_mfn(other) != 0xffffffffU);
    gone = (struct remove32){ .domid = DOMID_SELF, .gpfn = other };
    EXPECT_EQ(call(__HYPERVISOR_memory_op, XENMEM_remove_from_physmap, &gone, 0), 0);
    EXPECT_EQ(*(volatile uint32_t *)start_map_own_mfn(other), 0xffffffffU);
}

/* The memory map a toolstack may have set: as a 64-bit caller sees it. */
static void test_map(void)
{
    static uint8_t narrow_map[20 * 16], wide_map[20 * 16];
    static struct xen_memory_map wide;
    static struct map32 narrow;
    long rc;

    narrow = (struct map32){ .count = 16, .buffer = call32_pointer(narrow_map) };
    wide.nr_entries = 16;
    set_xen_guest_handle(wide.buffer, wide_map);
    rc = hypercall_memory_op(XENMEM_memory_map, &wide);
    EXPECT_EQ(call(__HYPERVISOR_memory_op, XENMEM_memory_map, &narrow, 0), rc);
    EXPECT_EQ(memcmp(narrow_map, wide_map, sizeof(wide_map)), 0);
    EXPECT(rc != 0 || narrow.count == wide.nr_entries);
}

static void test_grants(void)
{
    static uint8_t page[2][4096] __attribute__((aligned(4096)));
    static struct gnttab_query_size query;
    static struct copy32 c[2];

    query = (struct gnttab_query_size){ .dom = DOMID_SELF };
    EXPECT_EQ(call(__HYPERVISOR_grant_table_op, GNTTABOP_query_size, &query, 1), 0);
    EXPECT_EQ(query.status, GNTST_okay);
    memset(page, 0, sizeof(page));
    page[0][5] = 0x5a;
    c[0] = (struct copy32){ .source = { memory_pfn(page[0]), DOMID_SELF, 4 },
                            .dest = { memory_pfn(page[1]), DOMID_SELF, 100 },
                            .length = 8,
                            .status = 77 };
    c[1] = c[0];
    c[1].source = (struct end32){ memory_pfn(page[1]), DOMID_SELF, 100 };
    c[1].dest.offset = 200;
    EXPECT_EQ(call(__HYPERVISOR_grant_table_op, GNTTABOP_copy, c, 2), 0);
    EXPECT_EQ(c[0].status, GNTST_okay);
    EXPECT_EQ(c[1].status, GNTST_okay);
    EXPECT_EQ(page[1][101], 0x5a);
    EXPECT_EQ(page[1][201], 0x5a);
    c[0].length = 5000;
    EXPECT_EQ(call(__HYPERVISOR_grant_table_op, GNTTABOP_copy, c, 1), 0);
    EXPECT(c[0].status < 0);
}

static void test_multicall(void)
{
    static struct call list[3];

    list[0] = (struct call){ .op = __HYPERVISOR_xen_version, .args = { XENVER_version } };
    list[1] = (struct call){ .op = __HYPERVISOR_mmu_update };
    list[2] = (struct call){ .op = __HYPERVISOR_vcpu_op, .args = { VCPUOP_is_up, 0 } };
    EXPECT_EQ(call32(mode, __HYPERVISOR_multicall, call32_pointer(list), 3, 0), 0);
    EXPECT_EQ(list[0].result >> 16, 4);
    EXPECT_EQ((int32_t)list[1].result, -ENOSYS);
    EXPECT_EQ(list[2].result, 1);
    EXPECT_EQ(call32(mode, __HYPERVISOR_multicall, HOLE, 1, 0), -EFAULT);
}

void test_main(void)
{
    static const char *const names[CALL32_MODES] = { "compatibility", "unpaged", "three levels", "two levels" };

    unsigned long modes = string_option(start_cmdline(), "modes", CALL32_MODES);

    call32_init();
    for (unsigned int i = 0; i < COUNT; i++) {
        frames[i] = (uint32_t)memory_take_pfn();
    }
    for (mode = 0; mode < modes; mode++) {
        test_note("%s", names[mode]);
        test_version();
        test_refused();
        test_events();
        test_vcpu();
        test_space();
        test_map();
        test_grants();
        test_multicall();
        test_shared(mode, frames[0]);
    }
}
