/* SPDX-License-Identifier: MIT */
/* See share.h in libguest/pvh: the backend's side, in steps that pvhost takes while it waits for the guest. */
#include "guest/host/share.h"

#include "guest/libguest/events.h"
#include "guest/libguest/grant.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/pvh/share.h"
#include "guest/libguest/test.h"
#include "guest/libguest/x86/pagetable.h"

enum { OUR_REF = 8 };

static uint64_t *windows[2];
static uint32_t handles[2];
static uint64_t *page;
static uint64_t *copy;
static unsigned int port;

static void copy_and_compare(unsigned int dom, const struct share *s)
{
    struct gnttab_copy c = {
        .source = { .u.ref = s->readable_ref, .domid = dom },
        .dest = { .u.gmfn = memory_mfn(copy), .domid = DOMID_SELF },
        .len = 4096,
        .flags = GNTCOPY_source_gref,
    };

    EXPECT_EQ(hypercall_grant_table_op(GNTTABOP_copy, &c, 1), 0);
    EXPECT_EQ(c.status, GNTST_okay);
    EXPECT_EQ(share_wrong(copy, 2), 0);
    /* And not the other way. */
    c = (struct gnttab_copy){
        .source = { .u.gmfn = memory_mfn(copy), .domid = DOMID_SELF },
        .dest = { .u.ref = s->readable_ref, .domid = dom },
        .len = 64,
        .flags = GNTCOPY_dest_gref,
    };
    EXPECT_EQ(hypercall_grant_table_op(GNTTABOP_copy, &c, 1), 0);
    EXPECT(c.status < 0);
}

static void use(unsigned int dom, struct share *s)
{
    windows[0] = pagetable_reserve_va();
    windows[1] = pagetable_reserve_va();
    page = memory_alloc();
    copy = memory_alloc();
    EXPECT(grant_map(dom, s->readable_ref, (uint64_t)windows[1], GNTMAP_host_map, NULL) < 0);
    EXPECT_EQ(grant_map(dom, s->writable_ref, (uint64_t)windows[0], GNTMAP_host_map, &handles[0]), GNTST_okay);
    EXPECT_EQ(grant_map(dom, s->readable_ref, (uint64_t)windows[1], GNTMAP_host_map | GNTMAP_readonly, &handles[1]),
              GNTST_okay);
    EXPECT_EQ(share_wrong(windows[0], 1), 0);
    EXPECT_EQ(share_wrong(windows[1], 2), 0);
    share_fill(windows[0], 4);
    copy_and_compare(dom, s);
    EXPECT_EQ(events_bind_interdomain(dom, s->port, &port), 0);
    grant_init(1, 1);
    share_fill(page, 3);
    grant_access(OUR_REF, dom, memory_mfn(page), GTF_permit_access);
    s->host_ref = OUR_REF;
    EXPECT_EQ(events_send(port), 0);
    __atomic_store_n(&s->state, SHARE_USED, __ATOMIC_SEQ_CST);
}

static void end(struct share *s)
{
    EXPECT_EQ(page[7], 77);
    EXPECT(events_pending(port));
    EXPECT_EQ(grant_v1(OUR_REF)->flags & (GTF_reading | GTF_writing), 0);
    EXPECT_EQ(grant_unmap((uint64_t)windows[0], handles[0]), GNTST_okay);
    EXPECT_EQ(grant_unmap((uint64_t)windows[1], handles[1]), GNTST_okay);
    EXPECT_EQ(events_close(port), 0);
    __atomic_store_n(&s->state, SHARE_ENDED, __ATOMIC_SEQ_CST);
}

void share_step(unsigned int dom, struct share *s)
{
    switch (s->state) {
    case SHARE_OFFERED:
        use(dom, s);
        break;
    case SHARE_ANSWERED:
        end(s);
        break;
    default:
        break;
    }
}
