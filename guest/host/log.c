/* SPDX-License-Identifier: MIT */
/*
 * pvhost as the toolstack that saves pvh-log: has its writes logged, and finds in the bitmap what the guest says to
 * have written, what it only read, what the hypervisor wrote for it, and what pvhost itself wrote.
 */
#include "abi/domctl.h"
#include "guest/host/share.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/pvh/share.h"
#include "guest/libguest/start.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"
#include "guest/libguest/x86/pagetable.h"

enum { FRAMES = 12288 };

static uint8_t bitmap[FRAMES / 8 + 64];
static struct xen_domctl op;

static long shadow_op(unsigned int dom, uint32_t cmd, uint32_t mode, uint64_t pages)
{
    memset(&op, 0, sizeof(op));
    memset(bitmap, 0xff, sizeof(bitmap));
    op.cmd = XEN_DOMCTL_shadow_op;
    op.domain = (domid_t)dom;
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op.u.shadow_op.op = cmd;
    op.u.shadow_op.mode = mode;
    op.u.shadow_op.pages = pages;
    set_xen_guest_handle(op.u.shadow_op.dirty_bitmap, bitmap);
    return hypercall(__HYPERVISOR_domctl, (unsigned long)&op, 0, 0, 0, 0);
}

/* Which of the guest's pages were written, a bit each. */
static unsigned int written(unsigned int dom, const struct share *s, uint32_t cmd)
{
    unsigned int bits = 0;

    EXPECT_EQ(shadow_op(dom, cmd, 0, FRAMES), 0);
    EXPECT_EQ(op.u.shadow_op.pages, FRAMES);
    EXPECT_EQ(bitmap[FRAMES / 8], 0xff);
    for (unsigned int i = 0; i < SHARE_LOG_PAGES && s->first_gfn + i < FRAMES; i++) {
        bits |= (bitmap[(s->first_gfn + i) / 8] >> (s->first_gfn + i) % 8 & 1U) << i;
    }
    return bits;
}

static void start(unsigned int dom, const struct share *s)
{
    EXPECT_EQ(shadow_op(dom, XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, 0, 0), 0);
    EXPECT_EQ(shadow_op(dom, XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, 0, 0), -EINVAL);
    EXPECT_EQ(shadow_op(dom, XEN_DOMCTL_SHADOW_OP_PEEK, 2, FRAMES), -EINVAL);
    EXPECT_EQ(written(dom, s, XEN_DOMCTL_SHADOW_OP_PEEK), 0);
}

/* 3 and 5 by its CPU, 6 by a hypercall; 4 was read. */
static void look(unsigned int dom, const struct share *s)
{
    EXPECT_EQ(written(dom, s, XEN_DOMCTL_SHADOW_OP_PEEK), 1U << 3 | 1U << 5 | 1U << 6);
    EXPECT(op.u.shadow_op.stats.dirty_count >= 3);
    EXPECT_EQ(written(dom, s, XEN_DOMCTL_SHADOW_OP_CLEAN), 1U << 3 | 1U << 5 | 1U << 6);
    EXPECT(op.u.shadow_op.stats.dirty_count >= 3);
    EXPECT_EQ(written(dom, s, XEN_DOMCTL_SHADOW_OP_PEEK), 0);
}

/* A page that is mapped counts as long as it is; Debian's Xen does not see it (peer=1). */
static void map_and_write(unsigned int dom, const struct share *s)
{
    volatile uint64_t *window = pagetable_reserve_va();
    bool peer = string_option(start_cmdline(), "peer", 0) != 0;

    EXPECT_EQ(hypercall(__HYPERVISOR_update_va_mapping_otherdomain, (unsigned long)window,
                        pte_make(s->first_gfn + 8, PTE_DATA), UVMF_INVLPG, dom, 0),
              0);
    window[0] = 88;
    EXPECT_EQ(written(dom, s, XEN_DOMCTL_SHADOW_OP_CLEAN), peer ? 0 : 1U << 8);
    EXPECT_EQ(written(dom, s, XEN_DOMCTL_SHADOW_OP_CLEAN), peer ? 0 : 1U << 8);
    EXPECT_EQ(hypercall_update_va_mapping((unsigned long)window, 0, UVMF_INVLPG), 0);
    EXPECT_EQ(written(dom, s, XEN_DOMCTL_SHADOW_OP_CLEAN), peer ? 0 : 1U << 8);
    EXPECT_EQ(written(dom, s, XEN_DOMCTL_SHADOW_OP_CLEAN), 0);
}

static void stop(unsigned int dom, const struct share *s)
{
    EXPECT_EQ(shadow_op(dom, XEN_DOMCTL_SHADOW_OP_OFF, 0, 0), 0);
    EXPECT_EQ(written(dom, s, XEN_DOMCTL_SHADOW_OP_CLEAN), 0);
    /* And anew. */
    EXPECT_EQ(shadow_op(dom, XEN_DOMCTL_SHADOW_OP_ENABLE, XEN_DOMCTL_SHADOW_ENABLE_LOG_DIRTY, 0), 0);
    EXPECT_EQ(shadow_op(dom, XEN_DOMCTL_SHADOW_OP_OFF, 0, 0), 0);
}

void log_step(unsigned int dom, struct share *s)
{
    uint32_t turn = s->state;

    if (turn < SHARE_LOG_HOST) {
        return;
    }
    switch (turn - SHARE_LOG_HOST) {
    case SHARE_LOG_START:
        start(dom, s);
        break;
    case SHARE_LOG_WROTE:
        look(dom, s);
        break;
    case SHARE_LOG_AGAIN:
        EXPECT_EQ(written(dom, s, XEN_DOMCTL_SHADOW_OP_CLEAN), 1U << 5);
        break;
    case SHARE_LOG_MAPPED:
        map_and_write(dom, s);
        stop(dom, s);
        break;
    default:
        break;
    }
    __atomic_store_n(&s->state, turn - SHARE_LOG_HOST + 1, __ATOMIC_SEQ_CST);
}
