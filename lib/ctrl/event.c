/* SPDX-License-Identifier: MIT */
/* Event channels and reserved grants of other domains; HVM parameters and the HVM context. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "abi/grant_table.h"
#include "abi/hvm_op.h"
#include "lib/ctrl/internal.h"
#include "lib/foreignmemory/xenforeignmemory.h"

int ctrl_evtchn_alloc_unbound(struct ctrl *c, domid_t domid, domid_t remote, evtchn_port_t *port)
{
    struct evtchn_alloc_unbound arg = { .dom = domid, .remote_dom = remote };
    int rc = ctrl_hypercall_struct(c, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &arg,
                                   sizeof(arg));
    if (rc == 0) {
        *port = arg.port;
    }
    return rc;
}

int ctrl_evtchn_status(struct ctrl *c, domid_t domid, evtchn_port_t port, struct evtchn_status *status)
{
    memset(status, 0, sizeof(*status));
    status->dom = domid;
    status->port = port;
    return ctrl_hypercall_struct(c, __HYPERVISOR_event_channel_op, EVTCHNOP_status, status, sizeof(*status));
}

int ctrl_evtchn_reset(struct ctrl *c, domid_t domid)
{
    struct evtchn_reset arg = { .dom = domid };
    return ctrl_hypercall_struct(c, __HYPERVISOR_event_channel_op, EVTCHNOP_reset, &arg, sizeof(arg));
}

static int seed_entries(struct grant_entry_v1 *table, const struct ctrl_grant_seed *seeds, unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        /* An entry is 32 bits of frame: what lies beyond cannot be granted in this format. */
        if (seeds[i].ref >= GNTTAB_NR_RESERVED_ENTRIES || seeds[i].frame > UINT32_MAX) {
            return -EINVAL;
        }
    }
    for (unsigned int i = 0; i < count; i++) {
        struct grant_entry_v1 *entry = &table[seeds[i].ref];
        entry->frame = (uint32_t)seeds[i].frame;
        entry->domid = seeds[i].remote;
        /* The flags make the entry valid: last. */
        __atomic_store_n(&entry->flags, GTF_permit_access, __ATOMIC_RELEASE);
    }
    return 0;
}

int ctrl_grant_seed(struct ctrl *c, domid_t domid, const struct ctrl_grant_seed *seeds, unsigned int count)
{
    void *table = NULL;
    struct xenforeignmemory_resource_handle *resource = xenforeignmemory_map_resource(
        ctrl_foreignmemory(c), domid, XENMEM_resource_grant_table, XENMEM_resource_grant_table_id_shared, 0, 1, &table,
        PROT_READ | PROT_WRITE, 0);
    if (!resource) {
        return -errno;
    }
    int rc = seed_entries(table, seeds, count);
    xenforeignmemory_unmap_resource(ctrl_foreignmemory(c), resource);
    return rc;
}

int ctrl_hvm_param_get(struct ctrl *c, domid_t domid, uint32_t index, uint64_t *value)
{
    struct xen_hvm_param arg = { .domid = domid, .index = index };
    int rc = ctrl_hypercall_struct(c, __HYPERVISOR_hvm_op, HVMOP_get_param, &arg, sizeof(arg));
    if (rc == 0) {
        *value = arg.value;
    }
    return rc;
}

int ctrl_hvm_param_set(struct ctrl *c, domid_t domid, uint32_t index, uint64_t value)
{
    struct xen_hvm_param arg = { .domid = domid, .index = index, .value = value };
    return ctrl_hypercall_struct(c, __HYPERVISOR_hvm_op, HVMOP_set_param, &arg, sizeof(arg));
}

static int hvm_context(struct ctrl *c, domid_t domid, uint32_t cmd, struct bounce *b, uint32_t *size)
{
    struct xen_domctl op = { .cmd = cmd, .domain = domid };
    int rc = bounce_begin(c, b);
    if (rc == 0) {
        op.u.hvmcontext.size = b->p ? *size : 0;
        set_xen_guest_handle(op.u.hvmcontext.buffer, b->p);
        rc = ctrl_domctl(c, &op);
        *size = op.u.hvmcontext.size;
    }
    bounce_end(c, b, rc);
    return rc;
}

int ctrl_hvm_context_get(struct ctrl *c, domid_t domid, void *context, uint32_t size)
{
    struct bounce b = BOUNCE(context, size, BOUNCE_OUT);
    int rc = hvm_context(c, domid, XEN_DOMCTL_gethvmcontext, &b, &size);
    return rc < 0 ? rc : (int)size;
}

int ctrl_hvm_context_set(struct ctrl *c, domid_t domid, const void *context, uint32_t size)
{
    struct bounce b = BOUNCE(context, size, BOUNCE_IN);
    return hvm_context(c, domid, XEN_DOMCTL_sethvmcontext, &b, &size);
}

int ctrl_hvm_context_get_partial(struct ctrl *c, domid_t domid, unsigned int type, unsigned int instance,
                                 void *record, uint32_t size)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_gethvmcontext_partial, .domain = domid };
    struct bounce b = BOUNCE(record, size, BOUNCE_OUT);
    int rc = bounce_begin(c, &b);
    if (rc == 0) {
        op.u.hvmcontext_partial.type = type;
        op.u.hvmcontext_partial.instance = instance;
        op.u.hvmcontext_partial.bufsz = size;
        set_xen_guest_handle(op.u.hvmcontext_partial.buffer, b.p);
        rc = ctrl_domctl(c, &op);
    }
    bounce_end(c, &b, rc);
    return rc;
}
