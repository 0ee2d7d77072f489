/* SPDX-License-Identifier: MIT */
/*
 * Inside the grant code: the table's structure, and pins.
 *
 * A pin says "somebody uses this entry": grant_pin() checks the entry, marks it as read or
 * written where the granter sees it, takes frame references and counts the use in the active
 * record; grant_unpin() is its end, frame references excepted (grant_frame_put()).
 */
#ifndef HV_CORE_GRANT_TABLE_H
#define HV_CORE_GRANT_TABLE_H

#include "hv/core/grant.h"

#define GRANT_V1_PER_FRAME     (PAGE_SIZE / sizeof(struct grant_entry_v1))
#define GRANT_V2_PER_FRAME     (PAGE_SIZE / sizeof(union grant_entry_v2))
#define GRANT_STATUS_PER_FRAME (PAGE_SIZE / sizeof(grant_status_t))
#define GRANT_ACTIVE_PER_PAGE  (PAGE_SIZE / sizeof(struct grant_active))
#define MAPTRACK_PER_FRAME     (PAGE_SIZE / sizeof(struct maptrack))
#define MAPTRACK_NONE          0xffffffffU

/* What a use of an entry is for, and how. */
#define GRANT_USE_HOST   1U
#define GRANT_USE_DEVICE 2U
#define GRANT_USE_WRITE  4U
#define GRANT_USE_MAP                                                                          \
    8U /* whole pages only; a copy may also use sub-page and transitive entries */

enum grant_pin_kind {
    PIN_HOST_READ,
    PIN_HOST_WRITE,
    PIN_DEVICE_READ,
    PIN_DEVICE_WRITE,
    PIN_KINDS
};

/* In struct grant_active.flags: */
#define ACTIVE_SUB_PAGE   1U
#define ACTIVE_TRANSITIVE 2U /* mfn is not used; another domain's ref is */
#define ACTIVE_MMIO       4U /* a frame that has no references to take */

/* Uses of one ref. All zero while there is none; what it says of the entry is fixed by the
 * first use. */
struct grant_active {
    uint64_t mfn;
    union {
        uint16_t pin[PIN_KINDS];
        uint64_t pins; /* all at once: 0 while unused */
    };
    domid_t domid; /* who uses it */
    uint16_t flags;
    uint16_t start; /* bytes of the page it covers */
    uint16_t length;
    uint32_t other_ref; /* transitive: the ref in other_domid's table */
    domid_t other_domid;
    uint16_t cache; /* GTF_PAT, GTF_PCD, GTF_PWT of device memory */
};

/* In struct maptrack.flags beside the low GNTMAP_* bits, of which host and device say what is
 * mapped: */
#define MAPTRACK_GNTMAP_BITS 0x001fU
#define MAPTRACK_BUSY        0x0100U /* somebody is unmapping it */
#define MAPTRACK_MMIO        0x0200U

/* One mapping, by handle. */
struct maptrack {
    struct domain *granter; /* referenced */
    uint32_t ref;           /* on the free list: the next free handle */
    uint16_t flags;         /* atomic; 0: free */
    uint16_t unused;
};

struct grant_table {
    /* set once at creation: */
    unsigned int max_frames;
    unsigned int max_maptrack_frames;
    unsigned int max_version;

    struct spinlock lock; /* LOCK_GRANT */
    /* under lock: */
    unsigned int version;
    unsigned int frame_count;
    unsigned int status_count;
    unsigned int ref_count;       /* refs the frames have room for in this version */
    unsigned int pinned_count;    /* refs with a pin */
    void **shared;                /* max_frames pages */
    grant_status_t **status;      /* v2: pages of status words */
    struct grant_active **active; /* pages, made when a ref of theirs is first used */

    struct spinlock maptrack_lock; /* LOCK_GRANT_MAPTRACK */
    /* under maptrack_lock: */
    struct maptrack **maptrack;
    unsigned int maptrack_frames;
    uint32_t maptrack_free;
    uint32_t release_next; /* how far grant_release_mappings() got */
};

static inline struct grant_entry_v1 *grant_v1(const struct grant_table *gt, grant_ref_t ref)
{
    return (struct grant_entry_v1 *)gt->shared[ref / GRANT_V1_PER_FRAME] +
           ref % GRANT_V1_PER_FRAME;
}

static inline union grant_entry_v2 *grant_v2(const struct grant_table *gt, grant_ref_t ref)
{
    return (union grant_entry_v2 *)gt->shared[ref / GRANT_V2_PER_FRAME] +
           ref % GRANT_V2_PER_FRAME;
}

static inline grant_status_t *grant_status_word(const struct grant_table *gt, grant_ref_t ref)
{
    return gt->status[ref / GRANT_STATUS_PER_FRAME] + ref % GRANT_STATUS_PER_FRAME;
}

/* GNTST_*. For every use asked (host, device) one general reference, and role WRITABLE with
 * GRANT_USE_WRITE, is taken on the frame, unless that is device memory or transitive. *out is
 * the entry's record; what it says besides pin counts is fixed while the caller has its pin. */
MUST_CHECK int grant_pin(struct domain *granter, grant_ref_t ref, domid_t user,
                         unsigned int use, const struct grant_active **out);
void grant_unpin(struct domain *granter, grant_ref_t ref, unsigned int use);
/* A page of granter by its guest frame number, with the references of one use. */
MUST_CHECK int grant_frame_get(struct domain *granter, gfn_t gfn, bool write, mfn_t *mfn);
static inline void grant_frame_put(mfn_t mfn, bool write);
/* The mfn of a pinned ref: fixed while the caller has its pin, so no lock. */
mfn_t grant_pinned_mfn(const struct domain *granter, grant_ref_t ref);

/* The references of one use on a machine frame, which must belong to owner; NULL if not. */
static ALWAYS_INLINE struct frame *grant_machine_frame_get(domid_t owner, mfn_t mfn, bool write)
{
    struct frame *f;

    if (unlikely(!frame_valid(mfn))) {
        return NULL;
    }
    f = frame_of(mfn);
    if (unlikely(!frame_get(f, owner))) {
        return NULL;
    }
    if (write && unlikely(frame_get_writable(f) != 0)) {
        frame_put(f);
        return NULL;
    }
    return f;
}

static inline void grant_machine_frame_put(struct frame *f, bool write)
{
    if (write) {
        frame_put_writable(f);
    }
    frame_put(f);
}

static inline void grant_frame_put(mfn_t mfn, bool write)
{
    grant_machine_frame_put(frame_of(mfn), write);
}

#endif
