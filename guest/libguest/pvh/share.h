/* SPDX-License-Identifier: MIT */
/*
 * What pvhost (guest/host, share=1) and the kernel pvh-share tell each other about pages and event channels they
 * share: a record in the page of the boot record.
 *
 * The guest offers two pages and a port; the host uses them, offers a page and says so by an event; the guest uses that
 * and says so; the host lets go of everything, and the guest sees that.
 */
#ifndef GUEST_LIBGUEST_PVH_SHARE_H
#define GUEST_LIBGUEST_PVH_SHARE_H

#include <stdint.h>

#define SHARE_OFFSET 3072U
#define SHARE_MAGIC  0x73686172U
#define SHARE_MAGIC_LOG 0x6c6f6721U /* with log=1, for pvh-log: whose turn it is, and where its pages are */
#define SHARE_LOG_PAGES 16U

/* What the guest does before it gives its turn away, SHARE_LOG_HOST + n, and what it then waits for, n + 1. */
#define SHARE_LOG_HOST 0x100U
enum share_log_turn { SHARE_LOG_START, SHARE_LOG_WROTE, SHARE_LOG_AGAIN, SHARE_LOG_MAPPED, SHARE_LOG_END };

enum share_state { SHARE_NONE, SHARE_OFFERED, SHARE_USED, SHARE_ANSWERED, SHARE_ENDED };

struct share {
    uint32_t magic; /* the host's, at the start */
    volatile uint32_t state;
    uint32_t port;
    uint32_t writable_ref;
    uint32_t readable_ref;
    uint32_t host_ref;
    uint32_t host_domid;
    uint32_t first_gfn; /* of SHARE_LOG_PAGES pages */
};

/* What a page holds that one side has filled: word i of page n. */
static inline uint64_t share_word(unsigned int n, unsigned int i)
{
    return (uint64_t)n << 32 | (i * 2654435761U);
}

static inline void share_fill(uint64_t *page, unsigned int n)
{
    for (unsigned int i = 0; i < 512; i++) {
        page[i] = share_word(n, i);
    }
}

static inline unsigned int share_wrong(const volatile uint64_t *page, unsigned int n)
{
    unsigned int wrong = 0;

    for (unsigned int i = 0; i < 512; i++) {
        wrong += page[i] != share_word(n, i);
    }
    return wrong;
}

#endif
