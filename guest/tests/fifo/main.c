/* SPDX-License-Identifier: MIT */
/*
 * FIFO event channels: control block and event array, queues by priority, linking and
 * consuming, mask and unmask, pending state carried over from the 2-level layout, ports beyond
 * 4096, and the refusals.
 */
#include "abi/event_channel.h"
#include "abi/xen.h"
#include "guest/libguest/events.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/test.h"
#include <percpu.h>

enum { WORDS = 4096 / sizeof(event_word_t), ARRAY_PAGES = 8 };

static struct evtchn_fifo_control_block *control;
static event_word_t *array[ARRAY_PAGES];

static event_word_t *word(unsigned int port)
{
    return &array[port / WORDS][port % WORDS];
}

static bool bit(unsigned int port, unsigned int n)
{
    return __atomic_load_n(word(port), __ATOMIC_SEQ_CST) >> n & 1;
}

static void clear_bit(unsigned int port, unsigned int n)
{
    __atomic_and_fetch(word(port), ~(1U << n), __ATOMIC_SEQ_CST);
}

static long expand_frame(unsigned long frame)
{
    struct evtchn_expand_array op = { .array_gfn = frame };

    return hypercall_event_channel_op(EVTCHNOP_expand_array, &op);
}

static long expand(void *page)
{
    return expand_frame(memory_mfn(page));
}

static long init_control(unsigned long frame, unsigned int offset, unsigned int vcpu)
{
    struct evtchn_init_control op = { .control_gfn = frame, .offset = offset, .vcpu = vcpu };
    long rc = hypercall_event_channel_op(EVTCHNOP_init_control, &op);

    if (rc == 0) {
        EXPECT_EQ(op.link_bits, EVTCHN_FIFO_LINK_BITS);
    }
    return rc;
}

static long set_priority(unsigned int port, unsigned int priority)
{
    struct evtchn_set_priority op = { .port = port, .priority = priority };

    return hypercall_event_channel_op(EVTCHNOP_set_priority, &op);
}

/*
 * Takes the first event of the most urgent queue that is ready, as a kernel does; 0 when none
 * is.
 */
static unsigned int consume(void)
{
    static uint32_t heads[EVTCHN_FIFO_MAX_QUEUES];
    uint32_t ready = __atomic_load_n(&control->ready, __ATOMIC_SEQ_CST);
    unsigned int q, port, next;

    if (ready == 0) {
        return 0;
    }
    q = __builtin_ctz(ready);
    port = heads[q] != 0 ? heads[q] : control->head[q];
    next = *word(port) & ((1U << EVTCHN_FIFO_LINK_BITS) - 1);
    __atomic_and_fetch(word(port),
                       ~(1U << EVTCHN_FIFO_LINKED | ((1U << EVTCHN_FIFO_LINK_BITS) - 1)),
                       __ATOMIC_SEQ_CST);
    heads[q] = next;
    if (next == 0) {
        __atomic_and_fetch(&control->ready, ~(1U << q), __ATOMIC_SEQ_CST);
    }
    clear_bit(port, EVTCHN_FIFO_PENDING);
    return port;
}

static void test_refused_first(void)
{
    char *page = memory_alloc();

    EXPECT(expand(page) < 0); /* no control block yet */
    EXPECT(init_control(memory_mfn(page), 4095, 0) < 0);
    EXPECT(init_control(memory_mfn(page), 4, 0) < 0);
    EXPECT(init_control(memory_mfn(page), 0, 500) < 0);
    EXPECT(init_control(~0UL >> 12, 0, 0) < 0);
    memory_free(page);
}

static unsigned int ipi[4];

static void test_switch(void)
{
    control = memory_alloc();
    array[0] = memory_alloc();
    for (unsigned int i = 0; i < 4; i++) {
        EXPECT_EQ(events_bind_ipi(0, &ipi[i]), 0);
    }
    EXPECT_EQ(events_send(ipi[3]), 0); /* pending in the old layout */
    EXPECT_EQ(init_control(memory_mfn(control), 0, 0), 0);
    EXPECT(init_control(memory_mfn(control), 0, 0) < 0); /* once a vcpu */
    EXPECT_EQ(expand(array[0]), 0);
    EXPECT(bit(ipi[3], EVTCHN_FIFO_PENDING));
    for (unsigned int i = 0; i < 4; i++) {
        clear_bit(ipi[i], EVTCHN_FIFO_MASKED);
        clear_bit(ipi[i], EVTCHN_FIFO_PENDING);
    }
    while (consume() != 0) {
    }
}

static void test_queues(void)
{
    EXPECT_EQ(set_priority(ipi[0], EVTCHN_FIFO_PRIORITY_MIN), 0);
    EXPECT_EQ(set_priority(ipi[1], EVTCHN_FIFO_PRIORITY_MAX), 0);
    EXPECT_EQ(set_priority(ipi[2], EVTCHN_FIFO_PRIORITY_MIN + 1), -EINVAL);
    EXPECT_EQ(set_priority(100, 3), -EINVAL);
    EXPECT_EQ(events_send(ipi[0]), 0);
    EXPECT_EQ(events_send(ipi[2]), 0);
    EXPECT_EQ(events_send(ipi[3]), 0);
    EXPECT_EQ(events_send(ipi[1]), 0);
    EXPECT_EQ(events_send(ipi[1]), 0);
    EXPECT(bit(ipi[0], EVTCHN_FIFO_PENDING) && bit(ipi[0], EVTCHN_FIFO_LINKED));
    EXPECT_EQ(consume(), ipi[1]);
    EXPECT_EQ(consume(), ipi[2]);
    EXPECT_EQ(consume(), ipi[3]);
    EXPECT_EQ(consume(), ipi[0]);
    EXPECT_EQ(consume(), 0);
}

static void test_mask(void)
{
    struct evtchn_unmask unmask = { .port = ipi[2] };

    __atomic_or_fetch(word(ipi[2]), 1U << EVTCHN_FIFO_MASKED, __ATOMIC_SEQ_CST);
    EXPECT_EQ(events_send(ipi[2]), 0);
    EXPECT(bit(ipi[2], EVTCHN_FIFO_PENDING) && !bit(ipi[2], EVTCHN_FIFO_LINKED));
    EXPECT_EQ(consume(), 0);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_unmask, &unmask), 0);
    EXPECT(!bit(ipi[2], EVTCHN_FIFO_MASKED));
    EXPECT_EQ(consume(), ipi[2]);
    EXPECT_EQ(consume(), 0);
}

static unsigned int upcall_port;

static void on_upcall(void)
{
    percpu()->info->evtchn_upcall_pending = 0;
    upcall_port = consume();
}

static void test_upcall(void)
{
    events_set_upcall(on_upcall);
    percpu()->info->evtchn_upcall_pending = 0;
    events_enable();
    EXPECT_EQ(events_send(ipi[0]), 0);
    EXPECT_EQ(upcall_port, ipi[0]);
    events_disable();
    EXPECT_EQ(events_send(ipi[1]), 0);
    EXPECT_EQ(upcall_port, ipi[0]);
    events_enable();
    EXPECT_EQ(upcall_port, ipi[1]);
    events_disable();
    events_set_upcall(NULL);
}

/* More ports than the first array page, and more than the 2-level layout has. */
static void test_many(void)
{
    unsigned int port = 0;
    unsigned int allocated = 0;

    for (unsigned int next = 1; next < ARRAY_PAGES; next++) {
        array[next] = memory_alloc();
        EXPECT_EQ(expand(array[next]), 0);
    }
    EXPECT(expand_frame(memory_not_plain()) < 0);
    while (allocated < 5000 && events_bind_ipi(0, &port) == 0) {
        allocated++;
    }
    EXPECT_EQ(allocated, 5000);
    EXPECT(port >= 4096);
    clear_bit(port, EVTCHN_FIFO_MASKED);
    clear_bit(port - 1, EVTCHN_FIFO_MASKED);
    EXPECT_EQ(events_send(port), 0);
    EXPECT_EQ(events_send(port - 1), 0);
    EXPECT_EQ(consume(), port);
    EXPECT_EQ(consume(), port - 1);
    EXPECT_EQ(events_close(port), 0);
    EXPECT_EQ(events_send(port), -EINVAL);
}

/* A guest that scribbles over its own words and control block hurts only itself. */
static void test_scribble(void)
{
    struct evtchn_reset reset = { .dom = DOMID_SELF };

    *word(ipi[0]) = 0x1ffff;
    control->head[7] = 0xffffffff;
    EXPECT_EQ(events_send(ipi[2]), 0);
    EXPECT_EQ(events_send(ipi[0]), 0);
    *word(ipi[2]) = 0xffffffff;
    EXPECT_EQ(events_send(ipi[2]), 0);
    EXPECT_EQ(events_send(ipi[3]), 0);
    EXPECT_EQ(hypercall_event_channel_op(EVTCHNOP_reset, &reset), 0);
    EXPECT_EQ(events_send(ipi[2]), -EINVAL);
}

void test_main(void)
{
    if (!start_is_dom0()) {
        test_skip("the layout cannot be switched under the console of a domU");
    }
    test_refused_first();
    test_switch();
    test_queues();
    test_mask();
    test_upcall();
    test_many();
    test_scribble();
}
