/* SPDX-License-Identifier: MIT */
/*
 * Frame ownership, references and roles: see frame.h for the rules.
 *
 * State machines: `count` and `role` change by compare-and-exchange only. Roles with contents (page tables)
 * are taken and dropped by one CPU at a time for each owner, who holds the lock of its page tables; all
 * others may be taken by anybody at any time.
 *
 *   role word:  count 0 --get--> count 1, neither VALIDATED nor PARTIAL (contents are being checked)
 *               --checked--> VALIDATED --last put--> being released --> count 0
 *   Either check or release may stop: PARTIAL, and aux entries from the start of the table hold references.
 *   A get of a PARTIAL table goes on checking, a put goes on releasing.
 *
 * A page whose last reference goes waits on its CPU's list until a TLB flush for the whole list, then
 * returns to the allocator (SOFTIRQ_FRAMES).
 *
 * Lock: frame_owner.lock for list and totals.
 */
#include "hv/mm/frame.h"

#include "hv/base/percpu.h"
#include "hv/base/printk.h"
#include "hv/base/softirq.h"
#include "hv/mm/page_alloc.h"
#include "hv/upcalls.h"

#define RANGES_MAX     128
#define SECTIONS       40960 /* 5 TiB */
#define LOW_FRAMES     0x100 /* the first MiB counts as device memory */
#define TABLE_ENTRIES  512
#define FREED_MAX      64    /* pages that wait for one flush */

uint64_t frame_max;
uint64_t frame_flush_clock = 1;
bool frame_flush_sampled;

/* set once at boot: */
struct frame_range frame_ranges[RANGES_MAX + 1]; /* [0] is empty */
uint8_t frame_sections[SECTIONS];
static unsigned int range_count = 1;

/* Pages this CPU freed that may still be in some TLB, linked by next. */
struct freed {
    uint32_t first;
    unsigned int count;
};
static PERCPU(struct freed, freed_frames);

/* ---- Which frames are RAM ------------------------------------------------------------------- */

bool frame_in_some_range(uint64_t mfn)
{
    for (unsigned int i = 1; i < range_count; i++) {
        if (mfn - frame_ranges[i].first < frame_ranges[i].count) {
            return true;
        }
    }
    return false;
}

static void mark_sections(uint64_t first, uint64_t end, unsigned int range)
{
    for (uint64_t s = first >> FRAME_SECTION_SHIFT; s << FRAME_SECTION_SHIFT < end; s++) {
        frame_sections[s] = (uint8_t)(frame_sections[s] == 0 ? range : FRAME_RANGES_SEVERAL);
    }
}

void frame_table_add_range(mfn_t first, uint64_t count)
{
    uint64_t start = mfn_x(first);
    uint64_t end = MIN(start + count, (uint64_t)SECTIONS << FRAME_SECTION_SHIFT);

    start = MAX(start, (uint64_t)LOW_FRAMES);
    if (start >= end) {
        return;
    }
    BUG_ON(range_count > RANGES_MAX);
    frame_ranges[range_count] = (struct frame_range){ start, end - start };
    mark_sections(start, end, range_count);
    range_count++;
    frame_max = MAX(frame_max, end);
}

/* ---- Owner lists ---------------------------------------------------------------------------- */

static struct frame *frame_at(uint32_t mfn)
{
    return frame_of(_mfn(mfn));
}

static uint32_t number_of(const struct frame *f)
{
    return (uint32_t)mfn_x(frame_mfn(f));
}

void frame_owner_init(struct frame_owner *o, domid_t domid)
{
    *o = (struct frame_owner){ .domid = domid, .first = FRAME_NONE, .last = FRAME_NONE };
    spin_init(&o->lock, LOCK_OWNER);
}

/* The frames `first` to `last`, whose links to each other the caller writes, come behind those there are. */
static void list_append(struct frame_owner *o, uint32_t first, uint32_t last)
{
    if (o->last == FRAME_NONE) {
        o->first = first;
    } else {
        frame_at(o->last)->next = first;
    }
    o->last = last;
}

static void list_remove(struct frame_owner *o, struct frame *f)
{
    if (f->prev == FRAME_NONE) {
        o->first = f->next;
    } else {
        frame_at(f->prev)->next = f->next;
    }
    if (f->next == FRAME_NONE) {
        o->last = f->prev;
    } else {
        frame_at(f->next)->prev = f->prev;
    }
    f->next = FRAME_NONE;
    f->prev = FRAME_NONE;
}

/* Takes a frame that nobody references off its owner's list. Returns true when the list is empty now: the
 * caller tells upcall_owner_empty() once it holds no lock. */
static bool disown(struct frame_owner *o, struct frame *f, bool counted)
{
    bool empty;

    spin_lock(&o->lock);
    list_remove(o, f);
    o->listed--;
    o->total -= counted ? 1 : 0;
    empty = o->listed == 0;
    spin_unlock(&o->lock);
    return empty;
}

/* Frames that follow each other. A guest of a gigabyte has 262,144 of them: it is one pass over the table. */
static void own_extent(struct frame_owner *o, mfn_t mfn, uint64_t pages, uint32_t flags)
{
    uint32_t n = (uint32_t)mfn_x(mfn), last = n + (uint32_t)pages - 1, prev = o->last;
    domid_t domid = o->domid;

    list_append(o, n, last);
    for (struct frame *f = frame_of(mfn); n <= last; f++) {
        f->role = 0;
        f->aux = 0;
        f->owner = domid;
        f->prev = prev;
        prev = n++;
        f->next = n;
        /* Readers look at the owner after they see a count. */
        __atomic_store_n(&f->count, FRAME_ALLOCATED | flags | 1, __ATOMIC_RELEASE);
    }
    frame_at(last)->next = FRAME_NONE;
}

static void consume_claim(struct frame_owner *o, uint64_t pages)
{
    uint64_t used = MIN(o->claimed, pages);

    if (used > 0) {
        o->claimed -= used;
        page_alloc_unclaim(used);
    }
}

int frame_assign(struct frame_owner *o, mfn_t mfn, unsigned int order, bool no_account)
{
    uint64_t pages = BIT(order);
    int rc = 0;

    spin_lock(&o->lock);
    if (o->dying) {
        rc = -EINVAL;
    } else if (!no_account && (o->total >= o->max || o->max - o->total < pages)) {
        rc = -E2BIG;
    }
    if (rc == 0) {
        if (o->listed == 0) {
            upcall_owner_filled(o->domid);
        }
        o->listed += pages;
        if (!no_account) {
            o->total += pages;
            consume_claim(o, pages);
        }
        own_extent(o, mfn, pages, no_account ? FRAME_UNCOUNTED : 0);
    }
    spin_unlock(&o->lock);
    return rc;
}

mfn_t frame_alloc_for(struct frame_owner *o, unsigned int order, unsigned int flags)
{
    mfn_t mfn;

    if (READ_ONCE(o->claimed) >= BIT(order)) {
        flags |= PAGE_FROM_CLAIM;
    }
    mfn = page_alloc(order, flags);
    if (!mfn_eq(mfn, INVALID_MFN) && frame_assign(o, mfn, order, false) != 0) {
        page_free(mfn, order, false);
        mfn = INVALID_MFN;
    }
    return mfn;
}

/* ---- Pages of the hypervisor that guests see -------------------------------------------------- */

static void share(struct frame *f, domid_t domid, enum frame_role role)
{
    f->aux = 0;
    f->owner = domid;
    /* The reference and the role that stay until frame_unshare(): never a page table. */
    f->role = (uint32_t)role << ROLE_SHIFT | ROLE_VALIDATED | 1;
    __atomic_store_n(&f->count, FRAME_HEAP | 1, __ATOMIC_RELEASE);
}

void frame_share(struct frame_owner *o, mfn_t mfn, bool writable)
{
    spin_lock(&o->lock);
    o->heap_total++;
    spin_unlock(&o->lock);
    share(frame_of(mfn), o->domid, writable ? ROLE_WRITABLE : ROLE_READ_ONLY);
}

void frame_share_boot_page(mfn_t mfn)
{
    share(frame_of(mfn), DOMID_XEN, ROLE_READ_ONLY);
}

bool frame_shared_in_use(mfn_t mfn)
{
    return (READ_ONCE(frame_of(mfn)->count) & ~FRAME_FOREIGN) != (FRAME_HEAP | 1);
}

int frame_unshare(mfn_t mfn)
{
    struct frame *f = frame_of(mfn);
    uint32_t old = READ_ONCE(f->count);
    struct frame_owner *o;

    do {
        if ((old & ~FRAME_FOREIGN) != (FRAME_HEAP | 1)) {
            return -EBUSY;
        }
    } while (!__atomic_compare_exchange_n(&f->count, &old, old & FRAME_FOREIGN, false,
                                          __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    f->next = FRAME_NONE;
    upcall_frames_flush(f);
    o = upcall_frame_owner(f->owner);
    if (o != NULL) {
        spin_lock(&o->lock);
        o->heap_total--;
        spin_unlock(&o->lock);
    }
    f->role = 0;
    f->aux = 0;
    f->count = 0;
    return 0;
}

/* ---- The last reference ---------------------------------------------------------------------- */

/* What is left of its owner's time goes. */
static void forget(struct frame *f)
{
    f->role = 0;
    f->aux = 0;
    f->count = 0;
    f->owner = DOMID_INVALID;
    f->next = FRAME_NONE;
}

/* Frees the first of a list and those behind it whose numbers go down by one: a domain's pages are freed in the order
 * they came in, each before the last. Returns what follows. */
static uint32_t free_run(uint32_t number)
{
    uint32_t last = number;
    uint32_t next = number;

    do {
        struct frame *f = frame_at(next);

        number = next;
        next = f->next;
        forget(f);
    } while (next == number - 1);
    page_free_run(_mfn(number), last - number + 1);
    return next;
}

/* Flushes once for all pages in this CPU's list and frees them. */
static void free_freed(void)
{
    struct freed *list = &this_cpu(freed_frames);
    uint32_t next = list->first;

    if (list->count == 0) {
        return;
    }
    list->count = 0;
    upcall_frames_flush(frame_at(next));
    while (next != FRAME_NONE) {
        next = free_run(next);
    }
}

static void freed_add(struct frame *f)
{
    struct freed *list = &this_cpu(freed_frames);

    f->next = list->count == 0 ? FRAME_NONE : list->first;
    list->first = number_of(f);
    if (list->count++ == 0) {
        softirq_raise(SOFTIRQ_FRAMES);
    }
    if (list->count >= FREED_MAX && arch_irq_enabled()) {
        free_freed();
    }
}

void frame_put_last(struct frame *f)
{
    uint32_t count = READ_ONCE(f->count);
    domid_t domid = f->owner;
    struct frame_owner *o;
    bool empty;

    BUG_ON(count & (FRAME_HEAP | FRAME_ALLOCATED | FRAME_FREE));
    ASSERT((f->role & (ROLE_COUNT_MASK | ROLE_PARTIAL)) == 0);
    o = upcall_frame_owner(domid);
    BUG_ON(o == NULL);
    empty = disown(o, f, !(count & FRAME_UNCOUNTED));
    freed_add(f);
    if (empty) {
        upcall_owner_empty(domid);
    }
}

void frame_init(void)
{
    softirq_register(SOFTIRQ_FRAMES, free_freed);
}

bool frame_clear_allocated(struct frame *f)
{
    return __atomic_fetch_and(&f->count, ~FRAME_ALLOCATED, __ATOMIC_ACQ_REL) & FRAME_ALLOCATED;
}

int frame_steal(struct frame_owner *o, struct frame *f)
{
    uint32_t old = READ_ONCE(f->count);

    if (f->owner != o->domid || (READ_ONCE(f->role) & (ROLE_COUNT_MASK | ROLE_PARTIAL))) {
        return -EBUSY;
    }
    do {
        if ((old & ~(FRAME_UNCOUNTED | FRAME_FOREIGN)) != (FRAME_ALLOCATED | 2)) {
            return -EBUSY;
        }
    } while (!__atomic_compare_exchange_n(&f->count, &old, old & FRAME_FOREIGN, false,
                                          __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    if (disown(o, f, !(old & FRAME_UNCOUNTED))) {
        upcall_owner_empty(o->domid);
    }
    upcall_frames_flush(f);
    f->role = 0;
    f->aux = 0;
    f->count = 0;
    f->owner = DOMID_INVALID;
    return 0;
}

/* ---- References ------------------------------------------------------------------------------ */

struct frame *frame_get_mfn(mfn_t mfn, domid_t domid)
{
    struct frame *f;

    if (!frame_valid(mfn)) {
        return NULL;
    }
    f = frame_of(mfn);
    return frame_get(f, domid) ? f : NULL;
}

struct frame *frame_get_any(mfn_t mfn)
{
    struct frame *f;
    domid_t owner;

    if (!frame_valid(mfn)) {
        return NULL;
    }
    f = frame_of(mfn);
    owner = READ_ONCE(f->owner);
    return owner != DOMID_XEN && frame_get(f, owner) ? f : NULL;
}

/* ---- Roles ----------------------------------------------------------------------------------- */

static bool is_table(enum frame_role role)
{
    return role >= ROLE_L1 && role <= ROLE_L4;
}

static uint32_t role_bits(enum frame_role role)
{
    return (uint32_t)role << ROLE_SHIFT;
}

static void role_set_flag(struct frame *f, uint32_t flag)
{
    __atomic_fetch_or(&f->role, flag, __ATOMIC_RELEASE);
}

/* The role ends with its last reference: what is in TLBs now was put there before this moment. */
static void role_clear(struct frame *f)
{
    f->aux = frame_flush_stamp();
    __atomic_store_n(&f->role, READ_ONCE(f->role) & role_bits(7), __ATOMIC_RELEASE);
}

/* Checking stopped: the table keeps what it has, and the reference asked for is not given. */
static int validate_suspend(struct frame *f, uint32_t old)
{
    if (!(old & (ROLE_COUNT_MASK | ROLE_PARTIAL))) {
        frame_get_more(f); /* the state's own */
    }
    __atomic_store_n(&f->role, (READ_ONCE(f->role) - 1) | ROLE_PARTIAL, __ATOMIC_RELEASE);
    return -ERESTART;
}

static void validate_undo(struct frame *f, uint32_t old)
{
    if (old & ROLE_COUNT_MASK) {
        /* Somebody's interrupted release goes on where we leave it. */
        __atomic_store_n(&f->role, (READ_ONCE(f->role) - 1) | ROLE_PARTIAL, __ATOMIC_RELEASE);
    } else if (f->aux == 0) {
        role_clear(f);
        if (old & ROLE_PARTIAL) {
            frame_put(f);
        }
    } else {
        if (!(old & ROLE_PARTIAL)) {
            frame_get_more(f);
        }
        role_set_flag(f, ROLE_PARTIAL);
        upcall_role_abandon(f);
    }
}

/* The caller has made the count go from old to one more, and no flag is set. */
static int validate(struct frame *f, enum frame_role role, uint32_t old, bool preemptible)
{
    int rc;

    if (!(old & ROLE_PARTIAL)) {
        if (old >> ROLE_SHIFT != (uint32_t)role && old != 0) {
            upcall_frame_flush(f);
        }
        f->aux = 0;
    }
    rc = upcall_role_validate(f, role, preemptible);
    if (rc == 0) {
        role_set_flag(f, ROLE_VALIDATED);
        if ((old & ROLE_PARTIAL) && !(old & ROLE_COUNT_MASK)) {
            frame_put(f);
        }
        return 0;
    }
    if (rc == -ERESTART) {
        return validate_suspend(f, old);
    }
    validate_undo(f, old);
    return rc;
}

/* Takes a role without contents for the first time since another role ended. */
static int change_plain_role(struct frame *f)
{
    upcall_frame_flush(f);
    role_set_flag(f, ROLE_VALIDATED);
    return 0;
}

int frame_get_role(struct frame *f, enum frame_role role, bool preemptible)
{
    bool checked = role == ROLE_WRITABLE || role == ROLE_READ_ONLY;
    uint32_t old = READ_ONCE(f->role);
    uint32_t new;

    do {
        if ((old & (ROLE_COUNT_MASK | ROLE_PARTIAL)) == 0) {
            bool same = old == 0 || old >> ROLE_SHIFT == (uint32_t)role;

            new = role_bits(role) | (checked && same ? ROLE_VALIDATED : 0) | 1;
        } else if (old >> ROLE_SHIFT != (uint32_t)role) {
            return -EINVAL;
        } else if ((old & ROLE_COUNT_MASK) >= ROLE_COUNT_MASK - 1) {
            return -EBUSY;
        } else if (old & ROLE_VALIDATED) {
            new = old + 1;
        } else if (old & ROLE_PARTIAL) {
            new = (old & ~ROLE_PARTIAL) + 1;
        } else if (is_table(role)) {
            return -EINVAL; /* being checked by ourselves: it refers to itself */
        } else {
            arch_relax();   /* another CPU checks or flushes */
            old = READ_ONCE(f->role);
            new = old;
        }
    } while (new == old || !__atomic_compare_exchange_n(&f->role, &old, new, false,
                                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
    if (likely(new & ROLE_VALIDATED)) {
        return 0;
    }
    return checked ? change_plain_role(f) : validate(f, role, old, preemptible);
}

/* The last reference to a page table goes: so do those its entries hold. */
static int release(struct frame *f, uint32_t old, bool preemptible)
{
    int rc;

    if (!(old & ROLE_PARTIAL)) {
        f->aux = TABLE_ENTRIES;
    }
    __atomic_store_n(&f->role, old & ~(ROLE_VALIDATED | ROLE_PARTIAL), __ATOMIC_RELAXED);
    rc = upcall_role_release(f, old >> ROLE_SHIFT, preemptible);
    if (rc != 0) {
        role_set_flag(f, ROLE_PARTIAL);
        return rc;
    }
    role_clear(f);
    return 0;
}

int frame_put_role(struct frame *f, bool preemptible)
{
    uint32_t old = READ_ONCE(f->role);
    uint32_t new;

    do {
        if (likely((old & ROLE_COUNT_MASK) > 1)) {
            new = old - 1;
        } else if (is_table(old >> ROLE_SHIFT)) {
            return release(f, old, preemptible);
        } else {
            /* Before the count is seen as 0: the next role reads it. */
            f->aux = frame_flush_stamp();
            new = old & role_bits(7);
        }
    } while (!__atomic_compare_exchange_n(&f->role, &old, new, false, __ATOMIC_ACQ_REL,
                                          __ATOMIC_RELAXED));
    return 0;
}

int frame_get_with_role(struct frame *f, domid_t domid, enum frame_role role)
{
    int rc;

    if (!frame_get(f, domid)) {
        return -EINVAL;
    }
    rc = frame_get_role(f, role, false);
    if (rc != 0) {
        frame_put(f);
    }
    return rc;
}

void frame_put_with_role(struct frame *f)
{
    (void)frame_put_role(f, false);
    frame_put(f);
}

int frame_pin(struct frame *f)
{
    return __atomic_fetch_or(&f->role, ROLE_PINNED, __ATOMIC_ACQ_REL) & ROLE_PINNED ? -EINVAL : 0;
}

int frame_unpin(struct frame *f, bool preemptible)
{
    uint32_t old = READ_ONCE(f->role);
    int rc;

    do {
        if (!(old & ROLE_PINNED)) {
            return -EINVAL;
        }
        if ((old & ROLE_COUNT_MASK) == 1) {
            /* The mark stays until the release is complete, so that asking again goes on with it. */
            rc = frame_put_role(f, preemptible);
            if (rc == 0) {
                frame_put(f);
            }
            return rc;
        }
    } while (!__atomic_compare_exchange_n(&f->role, &old, (old & ~ROLE_PINNED) - 1, false,
                                          __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    frame_put(f);
    return 0;
}

int frame_force_release(struct frame *f, bool preemptible)
{
    uint32_t old = READ_ONCE(f->role);
    uint32_t flags = old & (ROLE_VALIDATED | ROLE_PARTIAL);
    int rc;

    if (!is_table(old >> ROLE_SHIFT) || flags == 0) {
        return 0;
    }
    if (flags & ROLE_VALIDATED) {
        f->aux = TABLE_ENTRIES;
    }
    /* One more reference keeps the role while entries that lead back to this table are dropped. */
    __atomic_store_n(&f->role, (old & ~flags) + 1, __ATOMIC_RELAXED);
    rc = upcall_role_release(f, old >> ROLE_SHIFT, preemptible);
    role_set_flag(f, ROLE_PARTIAL);
    if (rc != 0) {
        __atomic_fetch_sub(&f->role, 1, __ATOMIC_RELEASE);
        return rc;
    }
    rc = frame_put_role(f, false);
    if (!(old & ROLE_COUNT_MASK) && (old & ROLE_PARTIAL)) {
        frame_put(f); /* the state's own */
    }
    return rc;
}

/* ---- The end of a domain ---------------------------------------------------------------------- */

struct frame *frame_owner_first(struct frame_owner *o)
{
    struct frame *f = NULL;

    spin_lock(&o->lock);
    for (uint32_t n = o->first; n != FRAME_NONE; n = frame_at(n)->next) {
        /* One whose last reference just went is about to leave the list. */
        if (frame_get(frame_at(n), o->domid)) {
            f = frame_at(n);
            break;
        }
    }
    spin_unlock(&o->lock);
    return f;
}

bool frame_put_if_last(struct frame *f)
{
    uint32_t old = READ_ONCE(f->count);

    while ((old & FRAME_COUNT_MASK) == 1) {
        if (__atomic_compare_exchange_n(&f->count, &old, old - 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
            frame_put_last(f);
            return true;
        }
    }
    return false;
}

void frame_owner_next(struct frame_owner *o, struct frame *f)
{
    spin_lock(&o->lock);
    if (o->last != number_of(f)) {
        list_remove(o, f);
        f->prev = o->last;
        list_append(o, number_of(f), number_of(f));
    }
    spin_unlock(&o->lock);
}
