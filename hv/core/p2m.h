/* SPDX-License-Identifier: MIT */
/*
 * The physical space of a translated domain (PVH, HVM, Arm): a tree of tables that the hardware walks (NPT,
 * EPT, stage 2), from guest frame numbers to machine frames. d->p2m is NULL for a domain that has none.
 *
 * The tree is the same everywhere; what an entry looks like is the architecture's, in <arch_p2m.h>: entries of
 * 64 bits, 512 a table, P2M_ROOT_LEVEL levels. A leaf of level 1 covers a page, of level 2 512 pages, and so on.
 *
 * References: a P2M_RAM leaf holds none, the page is the domain's own. P2M_SHARED, P2M_FOREIGN and
 * P2M_FOREIGN_RO leaves hold what p2m_add_to_physmap() took, P2M_GRANT ones what the grant code took.
 *
 * Reading is without lock, but for what seems not to be there: a table is never freed before the domain. What
 * p2m_lookup() found may be gone at once, so a frame is used only with a reference (p2m_get_frame()), or with
 * interrupts off on a CPU that arch_p2m_flush() waits for.
 *
 * Lock: p2m.lock (LOCK_P2M) for changes. Removing flushes before it returns.
 */
#ifndef HV_CORE_P2M_H
#define HV_CORE_P2M_H

#include "hv/base/lock.h"
#include "hv/core/domain.h"
#include "hv/mm/frame.h"
#include "hv/mm/guest_copy.h"

/* Kept in a leaf's spare bits. */
enum p2m_type {
    P2M_NONE,
    P2M_RAM,
    P2M_RAM_RO,
    P2M_RAM_LOGGED, /* whose next write is to be noted: read-only until then */
    P2M_SHARED,     /* a page of the hypervisor's shown to the domain: shared info, grant table */
    P2M_GRANT,
    P2M_GRANT_RO,
    P2M_FOREIGN,    /* another domain's page, for a control domain */
    P2M_FOREIGN_RO,
    P2M_DEVICE,
    P2M_ON_DEMAND   /* nothing yet: p2m_populate() puts a page of the domain's cache there */
};

#define P2M_ENTRIES 512U

struct p2m {
    struct spinlock lock;
    mfn_t root;               /* 1 << P2M_ROOT_ORDER tables */
    uint64_t generation;      /* atomic: grows with every removal, before the flush */
    uint32_t table_count;     /* pages in tables, atomic */
    uint32_t table_limit;     /* and how many there may be (paging memory pool) */
    /* under lock: */
    void *spare;              /* tables to be used, linked by their first word */
    unsigned int spare_count;
    uint64_t relinquish_next; /* p2m_relinquish() goes on here */
    uint64_t pages_left;      /* and then with this many pages, less one */
    uint64_t end;             /* see p2m_end() */
    uint64_t on_demand;       /* pages marked P2M_ON_DEMAND */
    mfn_t cache;              /* pages of the domain's set aside for them, linked by their first word */
    uint64_t cache_count;
    bool cache_closed;        /* the domain dies: no more pages come */
    /* log-dirty, see below: */
    bool logging;             /* atomic */
    uint16_t hardware_id;     /* set once: what the hardware knows the translations by, if the tables do not tell */
    uint32_t log_faults;      /* under lock: first writes since the log was last cleared */
    /* where a walk of the log that gave way goes on: one at a time */
    unsigned int log_walk;
    uint64_t log_next;
    uint64_t log_found;
};

MUST_CHECK int p2m_domain_init(struct domain *d);
/* Frees the tables; nothing runs on them and p2m_relinquish() is through. */
void p2m_domain_exit(struct domain *d);
/* Empties the space of a dying domain, drops what its leaves hold and gives back its pages: -ERESTART until done. */
MUST_CHECK int p2m_relinquish(struct domain *d);

/* gfn's machine frame and type (NULL: not asked), INVALID_MFN and P2M_NONE where there is nothing. */
mfn_t p2m_lookup(const struct domain *d, gfn_t gfn, enum p2m_type *type);
/* The domain's own page behind gfn: arch_get_gfn() of a translated domain. Populates what is marked. */
struct frame *p2m_get_frame(struct domain *d, gfn_t gfn, bool writable);

/* Maps 1 << order frames where nothing is mapped: -EEXIST, -EINVAL (beyond the space), -ENOMEM. */
MUST_CHECK int p2m_set(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order, enum p2m_type type);
/* Unmaps 1 << order frames, each of which must be gfn's: -ENOENT for the first that is not. References stay the
 * caller's. */
MUST_CHECK int p2m_remove(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order);
/* XENMEM_remove_from_physmap: whatever one gfn shows goes, and what its leaf held. A page of RAM stays its domain's. */
MUST_CHECK int p2m_remove_any(struct domain *d, gfn_t gfn);
/* XENMEM_add_to_physmap(_batch) for one page; foreign for XENMAPSPACE_gmfn_foreign. */
MUST_CHECK int p2m_add_to_physmap(struct domain *d, unsigned int space, struct domain *foreign,
                                  unsigned long idx, gfn_t gfn);

/* XENMEM_acquire_resource: a page of the hypervisor's that is shared with owner, shown to a control domain. */
MUST_CHECK int p2m_add_resource(struct domain *d, gfn_t gfn, const struct domain *owner, mfn_t mfn);

/* Host mappings of grants, arch_grant_map() and its kin for a translated current domain. GNTST_*. */
MUST_CHECK int p2m_grant_map(uint64_t addr, mfn_t mfn, unsigned int flags);
MUST_CHECK int p2m_grant_unmap(uint64_t addr, mfn_t mfn, unsigned int flags);

/* ---- Populate on demand: a domain that believes to have more memory than it gets until its balloon is full ---- */
/* Marks 1 << order frames where nothing is: errors of p2m_set(), -EOPNOTSUPP where faults do not populate. */
MUST_CHECK int p2m_mark_on_demand(struct domain *d, gfn_t gfn, unsigned int order);
/* What is marked gets a page. 0 when something is there now, -ENOENT when nothing is meant to be, -ENOMEM when the
 * cache is empty. Interrupts are on. */
MUST_CHECK int p2m_populate(struct domain *d, gfn_t gfn);
/* The guest gives back a frame that it never had: false when gfn is not marked. */
bool p2m_unmark(struct domain *d, gfn_t gfn);
/* Makes the cache so large: -ERESTART to go on, -ENOMEM, -E2BIG. */
MUST_CHECK int p2m_cache_resize(struct domain *d, uint64_t wanted);
/* A page that was given back goes to the cache while that holds less than is marked. */
void p2m_cache_replace(struct domain *d);

/* ---- Log-dirty: which pages have been written, by the domain or by others for it ---- */
/*
 * No bitmap is kept: a P2M_RAM_LOGGED leaf is a page that was not written since the log was cleared, a P2M_RAM leaf one
 * that was. A page that somebody holds to write (role WRITABLE: a grant, a mapping of another domain, a vcpu's
 * record) counts as written each time, as nothing tells when that happens. What is not P2M_RAM is in no log.
 *
 * All three: -ERESTART to be called again with the same arguments; one caller at a time.
 */
/* From now on: -EINVAL when it does already. */
MUST_CHECK int p2m_log_start(struct domain *d);
MUST_CHECK int p2m_log_stop(struct domain *d);
/* A bit a page from frame 0 on, set for what was written; bitmap may be NULL, then all frames are looked at;
 * else *pages of them, or as many as there are, which is what it is then. clear: and the log starts anew.
 * Without a log nothing was written. -EFAULT. */
MUST_CHECK int p2m_log_read(struct domain *d, guest_ptr_t bitmap, uint64_t *pages, bool clear, uint64_t *written,
                            uint32_t *faults);
/* gfn is about to be written. Without tables to split a large leaf, all of that counts. Interrupts are on. */
void p2m_log_write(struct domain *d, gfn_t gfn);

/* One more than the highest gfn that has ever shown something; 0 for none. */
uint64_t p2m_end(const struct domain *d);

#endif
