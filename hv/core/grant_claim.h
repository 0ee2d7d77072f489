/* SPDX-License-Identifier: MIT */
/*
 * Claims: the only code that reads the flags of grant entries, which the granter may change at any moment.
 *
 * An entry is claimed by setting GTF_reading (and GTF_writing) where the granter looks before it reuses the
 * page: in the entry itself with compare and exchange (v1), or in the status word, after which the entry is
 * looked at again (v2). The table's lock is held. Private to grant_pin.c and grant_copy.c.
 */
#ifndef HV_CORE_GRANT_CLAIM_H
#define HV_CORE_GRANT_CLAIM_H

#include "hv/core/grant_table.h"

#define CLAIM_TRIES 5

/* Flags and domid as one word, which v1 exchanges and v2 reads at once. */
typedef uint32_t entry_word __attribute__((may_alias));

static inline uint16_t grant_word_flags(uint32_t word)
{
    return (uint16_t)word;
}

static inline domid_t grant_word_domid(uint32_t word)
{
    return (domid_t)(word >> 16);
}

/* Whether an entry with these flags may be used so by user. */
static inline int check_word(uint32_t word, unsigned int version, domid_t user, unsigned int use)
{
    uint16_t flags = grant_word_flags(word);
    unsigned int type = flags & GTF_type_mask;
    bool whole = !(flags & GTF_sub_page) || version == 1;

    if (type == GTF_transitive) {
        if (version == 1 || (use & GRANT_USE_MAP) || !domain_limits.grant_transitive) {
            return GNTST_bad_gntref;
        }
    } else if (type != GTF_permit_access || ((use & GRANT_USE_MAP) && !whole)) {
        return GNTST_bad_gntref;
    }
    if (grant_word_domid(word) != user) {
        return GNTST_bad_gntref;
    }
    return (use & GRANT_USE_WRITE) && (flags & GTF_readonly) ? GNTST_general_error : GNTST_okay;
}

static inline int grant_claim_v1(struct grant_entry_v1 *entry, domid_t user, unsigned int use)
{
    entry_word *shared = (entry_word *)entry;
    uint16_t mark = GTF_reading | (use & GRANT_USE_WRITE ? GTF_writing : 0);
    uint32_t word = READ_ONCE(*shared);

    for (unsigned int i = 0; i < CLAIM_TRIES; i++) {
        int status = check_word(word, 1, user, use);

        if (status != GNTST_okay) {
            return status;
        }
        /* Pairs with the granter's exchange that ends access: one of the two sees the other. */
        if (__atomic_compare_exchange_n(shared, &word, word | mark, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED)) {
            return GNTST_okay;
        }
    }
    return GNTST_general_error;
}

static inline int grant_claim_v2(const union grant_entry_v2 *entry, grant_status_t *status_word,
                    domid_t user, unsigned int use)
{
    const entry_word *shared = (const entry_word *)entry;
    uint16_t mark = GTF_reading | (use & GRANT_USE_WRITE ? GTF_writing : 0);
    uint16_t before;
    int status = check_word(READ_ONCE(*shared), 2, user, use);

    if (status != GNTST_okay) {
        return status;
    }
    /* Pairs with the granter, which invalidates the entry, then looks at the status word. */
    before = __atomic_fetch_or(status_word, mark, __ATOMIC_SEQ_CST);
    status = check_word(READ_ONCE(*shared), 2, user, use);
    if (status != GNTST_okay) {
        __atomic_fetch_and(status_word, (uint16_t) ~(mark & ~before), __ATOMIC_SEQ_CST);
    }
    return status;
}

static inline int grant_claim(const struct grant_table *gt, grant_ref_t ref, domid_t user, unsigned int use)
{
    if (likely(gt->version == 1)) {
        return grant_claim_v1(grant_v1(gt, ref), user, use);
    }
    return grant_claim_v2(grant_v2(gt, ref), grant_status_word(gt, ref), user, use);
}

static inline bool grant_is_pinned(const struct grant_active *a)
{
    return a->pins != 0;
}

static inline bool grant_is_write_pinned(const struct grant_active *a)
{
    return (a->pin[PIN_HOST_WRITE] | a->pin[PIN_DEVICE_WRITE]) != 0;
}

/* Takes back the marks the granter sees that no pin stands behind any more. */
static inline void grant_unclaim(const struct grant_table *gt, grant_ref_t ref, const struct grant_active *a)
{
    uint16_t clear = GTF_reading | GTF_writing;
    uint16_t *marks;

    if (unlikely(grant_is_pinned(a))) {
        clear = grant_is_write_pinned(a) ? 0 : GTF_writing;
    }
    if (clear != 0) {
        marks = gt->version == 1 ? &grant_v1(gt, ref)->flags : grant_status_word(gt, ref);
        /* Release: what we wrote to the page is seen before the granter sees it free. */
        __atomic_fetch_and(marks, (uint16_t)~clear, __ATOMIC_SEQ_CST);
    }
}

#endif
