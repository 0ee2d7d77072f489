/* SPDX-License-Identifier: MIT */
/*
 * Grant table set-up for test kernels; see grant.h.
 */
#include "guest/libguest/grant.h"

#include "guest/libguest/events.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/test.h"

enum { MAX_FRAMES = 4, STATUS_FRAMES = 1 };

/* Places in the image whose own pages give way to the table's. */
static char table[MAX_FRAMES][4096] __attribute__((aligned(4096)));
static char status[STATUS_FRAMES][4096] __attribute__((aligned(4096)));

void grant_init(unsigned int version, unsigned int frames)
{
    if (grant_set_version(version) != 0) {
        test_skip("this grant table version is not there");
    }
    if (frames > MAX_FRAMES || !grant_show_frames(table, frames, false) ||
        (version == 2 && !grant_show_frames(status, STATUS_FRAMES, true))) {
        test_broken("grant table set-up refused");
    }
}

struct grant_entry_v1 *grant_v1(unsigned int ref)
{
    return (struct grant_entry_v1 *)table + ref;
}

union grant_entry_v2 *grant_v2(unsigned int ref)
{
    return (union grant_entry_v2 *)table + ref;
}

uint16_t *grant_status(unsigned int ref)
{
    return (uint16_t *)status + ref;
}

void grant_access(unsigned int ref, unsigned int dom, unsigned long mfn, unsigned int flags)
{
    struct grant_entry_v1 *e = grant_v1(ref);

    e->flags = 0;
    e->domid = dom;
    e->frame = mfn;
    __atomic_store_n(&e->flags, flags, __ATOMIC_SEQ_CST);
}

long grant_map(unsigned int dom, unsigned int ref, uint64_t host_addr, unsigned int flags,
               uint32_t *handle)
{
    struct gnttab_map_grant_ref op = {
        .host_addr = host_addr,
        .flags = flags,
        .ref = ref,
        .dom = dom,
        .handle = ~0U,
    };
    long rc = hypercall_grant_table_op(GNTTABOP_map_grant_ref, &op, 1);

    if (handle != NULL) {
        *handle = op.handle;
    }
    return rc != 0 ? rc : op.status;
}

long grant_unmap(uint64_t host_addr, uint32_t handle)
{
    struct gnttab_unmap_grant_ref op = { .host_addr = host_addr, .handle = handle };
    long rc = hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1);

    return rc != 0 ? rc : op.status;
}

long grant_set_version(unsigned int version)
{
    struct gnttab_set_version op = { .version = version };

    return hypercall_grant_table_op(GNTTABOP_set_version, &op, 1);
}

unsigned int grant_own_domid(void)
{
    struct evtchn_status st = { 0 };
    unsigned int a = 0;
    unsigned int b = 0;

    if (events_alloc_unbound(DOMID_SELF, DOMID_SELF, &a) != 0 ||
        events_bind_interdomain(DOMID_SELF, a, &b) != 0 || events_status(a, &st) != 0) {
        test_broken("cannot learn the own domain id");
    }
    events_close(a);
    events_close(b);
    return st.u.interdomain.dom;
}
