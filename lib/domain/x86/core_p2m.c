/* SPDX-License-Identifier: MIT */
/*
 * The table of machine frames of a PV guest on x86: the linear list at arch.p2m_vaddr, whose pages are found
 * through the guest's page tables at p2m_cr3. The guest may write anything there: what cannot be mapped is
 * left out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/ctrl/ctrl.h"
#include "lib/domain/core.h"
#include "lib/foreignmemory/xenforeignmemory.h"

enum { ENTRIES = 512, LEVELS = 4, PRESENT = 1, LARGE = 0x80 };

static const uint64_t frame_mask = 0x000ffffffffff000;
/* More guest frames than any guest has: 16 TiB. */
static const uint64_t frames_most = 1ull << 32;

struct walk {
    struct ctrl *c;
    uint32_t domid;
    uint64_t frame[LEVELS]; /* of the table that is mapped; 0: none */
    uint64_t *table[LEVELS];
};

unsigned int core_context_size(void)
{
    return sizeof(vcpu_guest_context_t);
}

static void *map_frame(struct ctrl *c, uint32_t domid, uint64_t frame)
{
    xen_pfn_t pfn = frame;
    int error = 0;
    void *map = xenforeignmemory_map(ctrl_foreignmemory(c), domid, PROT_READ, 1, &pfn, &error);

    if (map && error) {
        xenforeignmemory_unmap(ctrl_foreignmemory(c), map, 1);
        map = NULL;
    }
    return map;
}

static const uint64_t *table_at(struct walk *w, unsigned int level, uint64_t frame)
{
    if (w->frame[level] != frame) {
        if (w->table[level]) {
            xenforeignmemory_unmap(ctrl_foreignmemory(w->c), w->table[level], 1);
        }
        w->table[level] = map_frame(w->c, w->domid, frame);
        w->frame[level] = w->table[level] ? frame : 0;
    }
    return w->table[level];
}

/* The frame behind a guest address; 0 when there is none. */
static uint64_t translate(struct walk *w, uint64_t root, uint64_t address)
{
    uint64_t frame = root;

    for (unsigned int level = 0; level < LEVELS; level++) {
        unsigned int shift = 39 - 9 * level;
        const uint64_t *table = table_at(w, level, frame);
        uint64_t entry = table ? table[address >> shift & (ENTRIES - 1)] : 0;

        if (!(entry & PRESENT)) {
            return 0;
        }
        frame = (entry & frame_mask) >> 12;
        if ((entry & LARGE) && level && level < LEVELS - 1) {
            return frame + (address >> 12 & ((1ull << (shift - 12)) - 1));
        }
    }
    return frame;
}

static void read_list(struct walk *w, uint64_t root, uint64_t address, uint64_t *p2m, uint64_t count)
{
    for (uint64_t i = 0; i < count; i += ENTRIES) {
        uint64_t frame = translate(w, root, address + i * sizeof(uint64_t));
        uint64_t *page = frame ? map_frame(w->c, w->domid, frame) : NULL;

        for (uint64_t k = i; k < i + ENTRIES && k < count; k++) {
            /* The two highest bits mark missing and foreign frames. */
            p2m[k] = page && !(page[k - i] >> 62) ? page[k - i] : UINT64_MAX;
        }
        if (page) {
            xenforeignmemory_unmap(ctrl_foreignmemory(w->c), page, 1);
        }
    }
}

int core_read_p2m(struct err *e, struct ctrl *c, uint32_t domid, uint64_t **p2m, uint64_t *count)
{
    struct walk w = { .c = c, .domid = domid };
    struct xen_domctl_getdomaininfo info;
    uint64_t cr3, address;
    shared_info_t *shared;
    int rc = ctrl_domain_info(c, (domid_t)domid, &info);

    shared = rc ? NULL : map_frame(c, domid, info.shared_info_frame);
    if (!shared) {
        return err_set(e, rc ? rc : -EFAULT, "cannot map the shared info of domain %u", domid);
    }
    cr3 = shared->arch.p2m_cr3;
    address = shared->arch.p2m_vaddr;
    *count = shared->arch.max_pfn;
    xenforeignmemory_unmap(ctrl_foreignmemory(c), shared, 1);
    if (!cr3 || !*count || *count > frames_most) {
        return err_set(e, -ENODATA,
                       "domain %u has not said where its table of frames is (has its kernel started?)",
                       domid);
    }
    *p2m = calloc(*count, sizeof(**p2m));
    if (!*p2m) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    read_list(&w, cr3 >> 12, address, *p2m, *count);
    for (unsigned int i = 0; i < LEVELS; i++) {
        if (w.table[i]) {
            xenforeignmemory_unmap(ctrl_foreignmemory(c), w.table[i], 1);
        }
    }
    return 0;
}
