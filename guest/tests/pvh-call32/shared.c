/* SPDX-License-Identifier: MIT */
/*
 * What is shared with a 32-bit kernel has its layout: a domain's width is that of the code which sets the callback
 * or the hypercall page. This kernel becomes a 32-bit one so, looks at ports, masks, selectors, the wall clock and its
 * runstate, and goes back.
 */
#include "guest/tests/pvh-call32/shared.h"

#include "abi/event_channel.h"
#include "abi/hvm_op.h"
#include "abi/hvm_params.h"
#include "abi/sched.h"
#include "abi/vcpu.h"
#include "abi/x86_32.h"
#include "abi/xen.h"
#include "guest/libguest/events.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/pvh/call32.h"
#include "guest/libguest/pvh/pvh.h"
#include "guest/libguest/start.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"
#include "guest/libguest/time.h"

#define HYPERCALL_PAGE_MSR 0x40000000U
#define GUARD      0xfeedfaceU
#define PORTS      48U /* more than one word of 32 */
/* Bytes that mean another thing in each layout, and neither's masks of the 64-bit one. */
#define MOVED      (sizeof(((struct shared_info *)0)->evtchn_pending) - sizeof(narrow->evtchn_pending))

struct runstate32 { int32_t state; uint64_t entry, time[4]; } __attribute__((packed));
struct poll32 { uint32_t ports, count; uint64_t timeout; } __attribute__((packed));

static volatile struct shared_info_x86_32 *narrow;
static volatile struct vcpu_info_x86_32 *info;
static unsigned int mode;

static int32_t call(uint32_t number, uint32_t a, const volatile void *b, uint32_t c)
{
    return call32(mode, number, a, call32_pointer(b), c);
}

static void forget(uint32_t port)
{
    narrow->evtchn_pending[port / 32] &= ~(1U << port % 32);
    info->evtchn_pending_sel = 0;
    info->evtchn_upcall_pending = 0;
}

static bool is_set(const volatile uint32_t *map, uint32_t port)
{
    return map[port / 32] >> port % 32 & 1;
}

static void send_and_unmask(uint32_t port)
{
    static struct evtchn_send send;
    static struct evtchn_unmask unmask;

    send.port = unmask.port = port;
    forget(port);
    EXPECT_EQ(call(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &send, 0), 0);
    EXPECT(is_set(narrow->evtchn_pending, port));
    EXPECT_EQ(info->evtchn_pending_sel, 0); /* masked */
    EXPECT_EQ(info->evtchn_upcall_pending, 0);
    EXPECT_EQ(call(__HYPERVISOR_event_channel_op, EVTCHNOP_unmask, &unmask, 0), 0);
    EXPECT(!is_set(narrow->evtchn_mask, port));
    EXPECT_EQ(info->evtchn_pending_sel, 1U << port / 32);
    EXPECT_EQ(info->evtchn_upcall_pending, 1);
    forget(port);
    EXPECT_EQ(call(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &send, 0), 0);
    EXPECT(is_set(narrow->evtchn_pending, port));
    EXPECT_EQ(info->evtchn_pending_sel, 1U << port / 32);
    EXPECT_EQ(info->evtchn_upcall_pending, 1);
    EXPECT_EQ(info->arch.cr2, 0); /* what is behind the selector */
    narrow->evtchn_mask[port / 32] |= 1U << port % 32;
    forget(port);
}

static void test_ports(void)
{
    static struct evtchn_bind_ipi bind;
    static struct evtchn_close close;
    static uint32_t ports[PORTS];
    unsigned int count = 0;

    for (unsigned int i = 0; i < 32; i++) {
        narrow->evtchn_mask[i] = ~0U;
    }
    do {
        bind = (struct evtchn_bind_ipi){ .vcpu = 0 };
        EXPECT_EQ(call(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, &bind, 0), 0);
        ports[count++] = bind.port;
    } while (count < PORTS && bind.port < 40);
    EXPECT(bind.port >= 40);
    send_and_unmask(ports[0]);
    send_and_unmask(bind.port);
    while (count-- > 0) {
        close.port = ports[count];
        EXPECT_EQ(call(__HYPERVISOR_event_channel_op, EVTCHNOP_close, &close, 0), 0);
    }
}

static void test_runstate(void)
{
    static struct { struct runstate32 r; uint32_t guard; } __attribute__((packed)) area;
    static struct { uint32_t at, pad; } place;
    static struct poll32 poll;
    bool is_peer = string_option(start_cmdline(), "peer", 0) != 0;
    uint64_t blocked;

    memset(&area, 0, sizeof(area));
    area.guard = GUARD;
    place.at = call32_pointer(&area);
    EXPECT_EQ(call32(mode, __HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area, 0, call32_pointer(&place)), 0);
    EXPECT_EQ(area.r.state, RUNSTATE_running);
    EXPECT(area.r.entry != 0);
    EXPECT_EQ(area.guard, GUARD);
    blocked = area.r.time[RUNSTATE_blocked];
    poll = (struct poll32){ .timeout = time_now() + 3000000UL };
    EXPECT_EQ(call(__HYPERVISOR_sched_op, SCHEDOP_poll, &poll, 0), 0);
    EXPECT(time_now() >= poll.timeout);
    EXPECT_EQ(area.r.state, RUNSTATE_running);
    /* Debian's Xen does not write it while the guest has paging off. */
    EXPECT((is_peer && mode == CALL32_UNPAGED) || area.r.time[RUNSTATE_blocked] > blocked);
    EXPECT(area.r.time[RUNSTATE_blocked] < blocked + 60000000000UL);
    EXPECT_EQ(area.guard, GUARD);
    place.at = 0;
    EXPECT_EQ(call32(mode, __HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area, 0, call32_pointer(&place)), 0);
}

/* Interrupts in 32-bit modes: an event that is there already, and one of a timer that ends a HLT. */
static void test_upcalls(void)
{
    static struct evtchn_bind_ipi bind;
    static struct evtchn_bind_virq timer;
    static struct evtchn_close close;
    static struct evtchn_send send;
    uint64_t later;
    uint32_t count;

    bind = (struct evtchn_bind_ipi){ .vcpu = 0 };
    timer = (struct evtchn_bind_virq){ .virq = VIRQ_TIMER, .vcpu = 0 };
    EXPECT_EQ(call(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, &bind, 0), 0);
    EXPECT_EQ(call(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, &timer, 0), 0);
    narrow->evtchn_mask[bind.port / 32] &= ~(1U << bind.port % 32);
    forget(bind.port);
    send.port = bind.port;
    EXPECT_EQ(call(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &send, 0), 0);
    count = call32_wait(mode);
    EXPECT(count > 0);
    EXPECT(is_set(narrow->evtchn_pending, bind.port));
    EXPECT_EQ(info->evtchn_upcall_pending, 0);
    forget(bind.port);
    narrow->evtchn_mask[timer.port / 32] &= ~(1U << timer.port % 32);
    forget(timer.port);
    later = time_now() + 5000000UL;
    EXPECT_EQ(call32(mode, __HYPERVISOR_set_timer_op, (uint32_t)later, later >> 32, 0), 0);
    EXPECT_EQ(call32_wait(mode), count + 1);
    EXPECT(time_now() >= later);
    EXPECT(is_set(narrow->evtchn_pending, timer.port));
    forget(timer.port);
    close.port = timer.port;
    EXPECT_EQ(call(__HYPERVISOR_event_channel_op, EVTCHNOP_close, &close, 0), 0);
    close.port = bind.port;
    EXPECT_EQ(call(__HYPERVISOR_event_channel_op, EVTCHNOP_close, &close, 0), 0);
}

static void become_32bit(void)
{
    static struct xen_hvm_param param;

    param = (struct xen_hvm_param){ .domid = DOMID_SELF, .index = HVM_PARAM_CALLBACK_IRQ,
                                    .value = pvh_param(HVM_PARAM_CALLBACK_IRQ) };
    EXPECT_EQ(call(__HYPERVISOR_hvm_op, HVMOP_set_param, &param, 0), 0);
}

/* By the one way or by the other. */
static void become_64bit(unsigned long spare)
{
    if (mode % 2 == 0) {
        EXPECT_EQ(pvh_set_param(HVM_PARAM_CALLBACK_IRQ, pvh_param(HVM_PARAM_CALLBACK_IRQ)), 0);
    } else {
        pvh_wrmsr(HYPERCALL_PAGE_MSR, spare << 12);
    }
}

void test_shared(unsigned int of_mode, unsigned long spare)
{
    static uint8_t moved[4096];
    uint8_t *from = (uint8_t *)shared_info->evtchn_pending + sizeof(narrow->evtchn_pending);
    bool enabled = events_enabled();
    uint32_t seconds = shared_info->wc_sec;

    mode = of_mode;
    narrow = (volatile void *)shared_info;
    info = &narrow->vcpu_info[0];
    events_disable();
    memcpy(moved, from, MOVED);
    become_32bit();
    EXPECT(narrow->wc_version != 0 && narrow->wc_version % 2 == 0);
    EXPECT(narrow->wc_sec - seconds + 1 <= 2);
    EXPECT_EQ(narrow->arch.wc_sec_hi, 0);
    test_ports();
    test_runstate();
    if (mode != CALL32_COMPATIBILITY) {
        test_upcalls();
    }
    become_64bit(spare);
    memcpy(from, moved, MOVED);
    shared_info->vcpu_info[0].evtchn_pending_sel = 0;
    shared_info->vcpu_info[0].evtchn_upcall_pending = 0;
    EXPECT(shared_info->wc_sec - seconds + 1 <= 2);
    if (enabled) {
        events_enable();
    }
}
