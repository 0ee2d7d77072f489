/* SPDX-License-Identifier: MIT */
/*
 * The frame table: who owns each page of RAM, how often it is referenced, and in which role it is used.
 *
 *   count  general references; the page goes back to the allocator when it drops to 0. A page assigned to
 *          a domain has FRAME_ALLOCATED set, which stands for one reference that freeing takes away.
 *   role   what the page may be used as right now, with its own count: page table of a level, descriptor
 *          page, writable. A role changes only when its count is 0, so a page is never a page table and
 *          writable at once. Each role reference holds no general reference of its own: take both with
 *          frame_get_with_role().
 *   Validation: the first reference to a page-table or descriptor role checks the page's contents through
 *   upcall_role_validate(); it may stop half way with -ERESTART (FRAME_PARTIAL, aux counts entries done).
 *
 * All state changes are atomic on `count` and `role`; links are under the owner's lock. 20 bytes a frame:
 * the table is most of what the hypervisor keeps, so every field earns its place.
 */
#ifndef HV_MM_FRAME_H
#define HV_MM_FRAME_H

#include "abi/xen.h"
#include "hv/arch_cpu.h"
#include "hv/base/lock.h"

struct frame {
    uint32_t count; /* atomic: FRAME_* flags and reference count */
    uint32_t role;  /* atomic: ROLE_* value and flags, and count of uses in that role */
    uint32_t next;  /* under the owner's lock, or the allocator's: frame numbers, FRAME_NONE at ends */
    uint32_t prev;
    uint16_t owner; /* domid; DOMID_XEN for the hypervisor's own; set while count is held */
    uint16_t aux;   /* partial validation: entries done; free block: order; role count 0: flush stamp */
};

#define FRAME_NONE       0xffffffffU
#define FRAME_ALLOCATED  0x80000000U /* in some domain's list; one reference belongs to this flag */
#define FRAME_HEAP       0x40000000U /* the hypervisor's memory shared with owner: never freed by refs */
#define FRAME_FREE       0x20000000U /* in the allocator */
#define FRAME_DIRTY      0x10000000U /* free and not scrubbed */
#define FRAME_BROKEN     0x08000000U
#define FRAME_UNCOUNTED  0x04000000U /* in its owner's list but not in total */
#define FRAME_FOREIGN    0x02000000U /* was mapped by others than its owner: flush all CPUs after use */
#define FRAME_COUNT_MASK 0x01ffffffU

enum frame_role {
    ROLE_NONE = 0,
    ROLE_L1 = 1,
    ROLE_L2 = 2,
    ROLE_L3 = 3,
    ROLE_L4 = 4,
    ROLE_DESCRIPTORS = 5, /* GDT or LDT page */
    ROLE_WRITABLE = 6,
    ROLE_READ_ONLY = 7 /* a hypervisor page that guests may only read; never changes */
};
#define ROLE_SHIFT      29
#define ROLE_PINNED     0x10000000U /* one role reference belongs to the guest's pin */
#define ROLE_VALIDATED  0x08000000U
#define ROLE_PARTIAL    0x04000000U /* aux entries hold references; with count 0 the state itself holds
                                      * one general reference, so that the frame stays */
#define ROLE_COUNT_MASK 0x01ffffffU

/* What a domain owns; embedded in struct domain. */
struct frame_owner {
    struct spinlock lock; /* LOCK_OWNER */
    uint16_t domid;
    /* under lock: */
    bool dying;           /* no more pages: assigning fails */
    uint32_t first;       /* list of FRAME_ALLOCATED frames (not FRAME_HEAP ones) */
    uint32_t last;
    uint64_t total;       /* pages in the list, uncounted ones excepted */
    uint64_t listed;      /* pages in the list */
    uint64_t max;         /* total may not pass this */
    uint64_t heap_total;  /* FRAME_HEAP pages shared with it */
    uint64_t claimed;     /* pages set aside and not yet assigned */
};

#define frame_table ((struct frame *)FRAME_TABLE_START)

/*
 * Frames 0 .. frame_max - 1 may have entries; frame_valid() says which really are RAM. A section of 128 MiB
 * names the one range of RAM that reaches into it, so that asking costs a subtraction.
 */
#define FRAME_SECTION_SHIFT  15
#define FRAME_RANGES_SEVERAL 255

struct frame_range {
    uint64_t first;
    uint64_t count;
};

extern uint64_t frame_max;
extern struct frame_range frame_ranges[];
extern uint8_t frame_sections[]; /* index into frame_ranges; 0: no RAM */
bool frame_in_some_range(uint64_t mfn);

static inline bool frame_valid(mfn_t mfn)
{
    uint64_t m = mfn_x(mfn);
    unsigned int range;

    if (unlikely(m >= frame_max)) {
        return false;
    }
    range = frame_sections[m >> FRAME_SECTION_SHIFT];
    if (unlikely(range == FRAME_RANGES_SEVERAL)) {
        return frame_in_some_range(m);
    }
    return m - frame_ranges[range].first < frame_ranges[range].count;
}

static inline struct frame *frame_of(mfn_t mfn)
{
    return &frame_table[mfn_x(mfn)];
}

static inline mfn_t frame_mfn(const struct frame *f)
{
    return _mfn((uint64_t)(f - frame_table));
}

static inline enum frame_role frame_role(const struct frame *f)
{
    return (enum frame_role)(READ_ONCE(f->role) >> ROLE_SHIFT);
}

/* ---- Ownership ----------------------------------------------------------------------------- */
void frame_owner_init(struct frame_owner *o, domid_t domid);
/* Gives 1 << order fresh frames (from page_alloc) to o: -E2BIG over max, -EINVAL when dying. Each starts
 * with FRAME_ALLOCATED and one reference. no_account: do not count against total and max. */
MUST_CHECK int frame_assign(struct frame_owner *o, mfn_t mfn, unsigned int order, bool no_account);
/* Makes a hypervisor page visible to o (shared info, grant frames): o may map it; frame_unshare() later.
 * writable false: role WRITABLE is refused. */
void frame_share(struct frame_owner *o, mfn_t mfn, bool writable);
/* Whether a shared page has references, a mapping say. */
bool frame_shared_in_use(mfn_t mfn);
/* Ends sharing: waits for nothing; returns -EBUSY while references remain. */
MUST_CHECK int frame_unshare(mfn_t mfn);
/* Allocates and assigns in one step (a guest page): INVALID_MFN on failure. flags of page_alloc. */
mfn_t frame_alloc_for(struct frame_owner *o, unsigned int order, unsigned int flags);
/* Drops the FRAME_ALLOCATED reference: true for the one caller that did it (then frame_put it). */
bool frame_clear_allocated(struct frame *f);
/* Takes a page away from its owner when the caller holds the only reference beside the allocated one
 * and no role is in use (exchange, decrease): 0 or -EBUSY. The page then belongs to nobody. */
MUST_CHECK int frame_steal(struct frame_owner *o, struct frame *f);

/* ---- References ---------------------------------------------------------------------------- */
/* A reference when the frame is owned by domid; false for anything else (free, foreign, overflow). */
static inline bool frame_get(struct frame *f, domid_t domid);
/* The same from a number a guest gave: NULL when not RAM or not owned by domid. */
struct frame *frame_get_mfn(mfn_t mfn, domid_t domid);
/* A reference whoever the owner is (not DOMID_XEN): the caller checks f->owner afterwards. */
struct frame *frame_get_any(mfn_t mfn);
static inline void frame_put(struct frame *f);
/* frame_put() of the last reference: out of line. */
void frame_put_last(struct frame *f);
/* One more reference for a caller that has one. */
static inline void frame_get_more(struct frame *f);

/* ---- Roles --------------------------------------------------------------------------------- */
/* 0, -EINVAL (in use in another role, or contents refused), -EBUSY (count overflow), -ERESTART or -EINTR
 * only when preemptible. The caller holds a general reference. */
MUST_CHECK int frame_get_role(struct frame *f, enum frame_role role, bool preemptible);
/* 0, or -ERESTART when preemptible and not finished (the reference is then still held). */
int frame_put_role(struct frame *f, bool preemptible);
/* The same for the role taken most, inline. */
MUST_CHECK static inline int frame_get_writable(struct frame *f);
static inline void frame_put_writable(struct frame *f);
MUST_CHECK int frame_get_with_role(struct frame *f, domid_t domid, enum frame_role role);
void frame_put_with_role(struct frame *f);

/* The guest's pin: one role and one general reference of the caller's become the pin's; -EINVAL when
 * pinned already (they stay the caller's). */
MUST_CHECK int frame_pin(struct frame *f);
/* Drops them; -EINVAL when not pinned, -ERESTART to be called again. */
MUST_CHECK int frame_unpin(struct frame *f, bool preemptible);
/* Empties a page table of a dying domain whoever uses it; its users' references become harmless. */
MUST_CHECK int frame_force_release(struct frame *f, bool preemptible);

/* ---- The end of a domain --------------------------------------------------------------------- */
/* The first frame of the list with a general reference, or NULL: for a walk over all frames together
 * with frame_owner_next(), which moves it to the end of the list. */
struct frame *frame_owner_first(struct frame_owner *o);
/* Drops the caller's reference when it is the only one, and with it the frame from the list; else false. */
bool frame_put_if_last(struct frame *f);
void frame_owner_next(struct frame_owner *o, struct frame *f);

/* ---- Stale translations ---------------------------------------------------------------------- */
/*
 * A clock of TLB flushes. frame_flush_stamp() is taken when a use of a frame ends; a CPU that calls
 * frame_flush_tick() and then flushes has no older translation of that frame when
 * tick > frame_flush_expand(stamp). The clock advances only when somebody took a stamp since the last tick.
 * An old stamp expands to a newer time than its own, which only flushes more.
 */
extern uint64_t frame_flush_clock;
extern bool frame_flush_sampled;

static inline uint16_t frame_flush_stamp(void)
{
    uint16_t stamp = (uint16_t)READ_ONCE(frame_flush_clock);

    if (!READ_ONCE(frame_flush_sampled)) {
        WRITE_ONCE(frame_flush_sampled, true);
    }
    return stamp;
}

static inline uint64_t frame_flush_tick(void)
{
    if (READ_ONCE(frame_flush_sampled)) {
        WRITE_ONCE(frame_flush_sampled, false);
        return __atomic_add_fetch(&frame_flush_clock, 1, __ATOMIC_SEQ_CST);
    }
    return READ_ONCE(frame_flush_clock);
}

static inline uint64_t frame_flush_expand(uint16_t stamp)
{
    uint64_t now = READ_ONCE(frame_flush_clock);

    return now - (uint16_t)((uint16_t)now - stamp);
}

/* Boot: backs the frame table (and M2P, by arch) for RAM; entries start as zero: owned by nobody. */
void frame_table_add_range(mfn_t first, uint64_t count);
/* Boot, once softirqs are there. */
void frame_init(void);
/* Makes a boot-time page of the hypervisor (M2P) readable for those who map DOMID_XEN's pages. */
void frame_share_boot_page(mfn_t mfn);

static inline bool frame_get(struct frame *f, domid_t domid)
{
    uint32_t old = READ_ONCE(f->count);

    do {
        /* 0: free, or the hypervisor's own. Near the top: too many; room is left for frame_get_more(). */
        if (unlikely((old & FRAME_COUNT_MASK) - 1 >= FRAME_COUNT_MASK - 0x1000) ||
            unlikely(READ_ONCE(f->owner) != domid)) {
            return false;
        }
    } while (!__atomic_compare_exchange_n(&f->count, &old, old + 1, false, __ATOMIC_ACQUIRE,
                                          __ATOMIC_RELAXED));
    /* Now that it is held the owner cannot change; it may have just before. */
    if (unlikely(READ_ONCE(f->owner) != domid)) {
        frame_put(f);
        return false;
    }
    return true;
}

static inline void frame_get_more(struct frame *f)
{
    __atomic_fetch_add(&f->count, 1, __ATOMIC_RELAXED);
}

static inline void frame_put(struct frame *f)
{
    if (unlikely((__atomic_fetch_sub(&f->count, 1, __ATOMIC_ACQ_REL) & FRAME_COUNT_MASK) == 1)) {
        frame_put_last(f);
    }
}

#define ROLE_WRITABLE_BITS ((uint32_t)ROLE_WRITABLE << ROLE_SHIFT)

static inline int frame_get_writable(struct frame *f)
{
    uint32_t old = READ_ONCE(f->role);

    /* In use, or unused and in no other role since the last flush. */
    if (likely((old & ~(ROLE_COUNT_MASK >> 1)) == (ROLE_WRITABLE_BITS | ROLE_VALIDATED) ||
               old == ROLE_WRITABLE_BITS || old == 0) &&
        likely(__atomic_compare_exchange_n(&f->role, &old,
                                           (old | ROLE_WRITABLE_BITS | ROLE_VALIDATED) + 1, false,
                                           __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))) {
        return 0;
    }
    return frame_get_role(f, ROLE_WRITABLE, false);
}

static inline void frame_put_writable(struct frame *f)
{
    uint32_t old = READ_ONCE(f->role);
    uint32_t new = old - 1;

    if ((old & ROLE_COUNT_MASK) == 1) {
        /* Before the count is seen as 0: the next role reads it. */
        f->aux = frame_flush_stamp();
        new = ROLE_WRITABLE_BITS;
    }
    if (unlikely(!__atomic_compare_exchange_n(&f->role, &old, new, false, __ATOMIC_ACQ_REL,
                                              __ATOMIC_RELAXED))) {
        (void)frame_put_role(f, false);
    }
}

#endif
