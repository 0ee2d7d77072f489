/* SPDX-License-Identifier: MIT */
/*
 * Grant tables: a domain's list of pages that named others may map or copy.
 *
 * The granter writes entries (v1 or v2) in pages shared with the hypervisor; every use of one
 * is pinned in an `active` record (one for each ref), and each mapping has a handle in the
 * mapper's maptrack.
 *
 * A mapping holds: a reference on the granter, a pin of the entry, and for each of host and
 * device map a general reference on the frame plus role WRITABLE unless it is read-only. Those
 * of a PV host map belong to the page table entry: whoever clears the entry drops them, which
 * is this code when the guest unmaps, and the page-table code when the guest or its end
 * destroys the table behind our back.
 *
 * Locks: grant_table.lock for a domain's entries and active records; maptrack_lock for its free
 * handles.
 */
#ifndef HV_CORE_GRANT_H
#define HV_CORE_GRANT_H

#include "abi/grant_table.h"
#include "hv/core/domain.h"

MUST_CHECK int grant_domain_init(struct domain *d, unsigned int max_frames,
                                 unsigned int max_maptrack_frames, unsigned int max_version);
/* When the last reference on d is gone: nobody uses its grants any more. NULL d->grants is
 * fine. */
void grant_domain_exit(struct domain *d);
/* Unmaps everything the dying domain mapped of others; preemptible (-ERESTART). Before its page
 * tables are torn down or after, when it does not run any more. */
MUST_CHECK int grant_release_mappings(struct domain *d);
/* Builder: writes entries for the console and store rings (reserved refs 0 and 1). */
MUST_CHECK int grant_set_entry(struct domain *d, grant_ref_t ref, domid_t to, gfn_t gfn);
/* XENMEM_acquire_resource / add_to_physmap: the frame behind index idx (grows the table). */
MUST_CHECK int grant_get_frame(struct domain *d, bool status, unsigned int idx, mfn_t *mfn);
/* Most frames the table (or its status array) may grow to. */
unsigned int grant_max_frames(const struct domain *d, bool status);

/* The operations of the current domain on arrays already copied in; each op gets its own status
 * (GNTST_*). All mappings of one grant_unmap() call share one TLB flush. */
#define GRANT_UNMAP_BATCH 32
void grant_map(struct gnttab_map_grant_ref *op);
void grant_unmap(struct gnttab_unmap_grant_ref *ops, unsigned int count);
void grant_unmap_and_replace(struct gnttab_unmap_and_replace *ops, unsigned int count);
void grant_copy(struct gnttab_copy *ops, unsigned int count);

/* These return 0 or -E...; op->status where the ABI has one. */
MUST_CHECK int grant_setup_table(struct gnttab_setup_table *op);
MUST_CHECK int grant_query_size(struct gnttab_query_size *op);
MUST_CHECK int grant_set_version(struct gnttab_set_version *op);
MUST_CHECK int grant_get_status_frames(struct gnttab_get_status_frames *op);
MUST_CHECK int grant_get_version(struct gnttab_get_version *op);
void grant_swap_refs(struct gnttab_swap_grant_ref *op);
void grant_dump(struct domain *d);

#endif
