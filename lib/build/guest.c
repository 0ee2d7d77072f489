/* SPDX-License-Identifier: MIT */
/*
 * What guests of all kinds share while they are built: see guest.h. Everything that is written is mapped at
 * once: the parts of the kernel that come from its file, the ramdisk (read straight into the guest) and what
 * the builders add. Bss and free memory are neither mapped nor touched, unless this hypervisor is found not to
 * clear pages.
 */
#include "lib/build/guest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/hvm_params.h"
#include "lib/foreignmemory/xenforeignmemory.h"

#define EXTENT_ORDER 9
#define EXTENT_PAGES (1ULL << EXTENT_ORDER)
#define BATCH        65536
#define PAGES_MAX    (1ULL << 30) /* 4 TiB */

int guest_failed(struct guest_build *b, int rc, const char *what)
{
    return err_set(b->e, rc, "%s: %s", what, strerror(-rc));
}

/* ---- before memory ---- */

static int open_ramdisk(struct guest_build *b)
{
    const char *path = b->config->ramdisk;
    struct stat st;

    if (path == NULL) {
        return 0;
    }
    b->ramdisk = open(path, O_RDONLY | O_CLOEXEC);
    if (b->ramdisk < 0 || fstat(b->ramdisk, &st) < 0) {
        return err_errno(b->e, "ramdisk %s", path);
    }
    if (!S_ISREG(st.st_mode)) {
        return err_set(b->e, -EINVAL, "ramdisk %s: not a regular file", path);
    }
    b->ramdisk_size = (uint64_t)st.st_size;
    return 0;
}

int guest_sizes(struct guest_build *b)
{
    uint64_t pages = b->config->memory_kib / (PAGE_SIZE / 1024);
    int rc = open_ramdisk(b);

    if (rc < 0) {
        return rc;
    }
    if (pages == 0 || pages > PAGES_MAX || b->ramdisk_size > pages << PAGE_SHIFT) {
        return err_set(b->e, -EINVAL, "%llu MiB of memory are too %s", (unsigned long long)(pages >> 8),
                       pages > PAGES_MAX ? "much" : "little for this ramdisk");
    }
    b->pages = pages;
    return 0;
}

/* ---- memory ---- */

int guest_limits(struct guest_build *b, uint64_t limit_kib)
{
    const struct build_config *p = b->config;
    int rc = ctrl_domain_max_mem(b->c, p->domid, limit_kib);

    if (rc < 0) {
        return guest_failed(b, rc, "cannot set the domain's memory limit");
    }
    if (p->claim && ctrl_claim_pages(b->c, p->domid, b->pages) < 0) {
        return err_set(b->e, -ENOMEM, "not enough free memory for a guest of %llu MiB",
                       (unsigned long long)(b->pages >> 8));
    }
    return 0;
}

/* The frames of extents that a PV guest got. */
static void note_frames(struct guest_build *b, uint64_t first, unsigned int order, const xen_pfn_t *frames,
                        long count)
{
    for (long i = 0; b->p2m != NULL && i < count; i++) {
        uint64_t *to = &b->p2m[first + ((uint64_t)i << order)];

        for (uint64_t page = 0; page < 1ULL << order; page++) {
            to[page] = frames[i] + page;
        }
    }
}

/* Extents of one size while they are given; how many pages that were. */
static uint64_t populate_extents(struct guest_build *b, struct pfn_range r, unsigned int order,
                                 unsigned int mem_flags, int *rc)
{
    uint64_t extents = (r.end - r.first) >> order;
    xen_pfn_t *frames = calloc(MIN(extents, (uint64_t)BATCH) + 1, sizeof(*frames));
    uint64_t done = 0;

    while (frames != NULL && done < extents) {
        size_t count = MIN(extents - done, (uint64_t)BATCH);
        long got;

        for (size_t i = 0; i < count; i++) {
            frames[i] = r.first + ((done + i) << order);
        }
        got = ctrl_populate(b->c, b->config->domid, order, mem_flags, count, frames);
        note_frames(b, r.first + (done << order), order, frames, got);
        done += got > 0 ? (uint64_t)got : 0;
        if (got != (long)count) {
            *rc = got < 0 ? (int)got : -ENOMEM;
            break;
        }
    }
    free(frames);
    return done << order;
}

int guest_populate(struct guest_build *b, struct pfn_range pfns, unsigned int mem_flags)
{
    int rc = -ENOMEM;

    pfns.first += populate_extents(b, pfns, EXTENT_ORDER, mem_flags, &rc);
    if (pfns.first < pfns.end) {
        rc = -ENOMEM;
        pfns.first += populate_extents(b, pfns, 0, mem_flags, &rc);
    }
    if (pfns.first < pfns.end) {
        return err_set(b->e, rc, "not enough memory: the guest got %llu of %llu MiB",
                       (unsigned long long)((b->pages - (pfns.end - pfns.first)) >> 8),
                       (unsigned long long)(b->pages >> 8));
    }
    return 0;
}

void guest_claim_end(struct guest_build *b)
{
    if (b->config->claim) {
        ctrl_claim_pages(b->c, b->config->domid, 0);
    }
}

/* ---- the mapping ---- */

void guest_add_window(struct guest_build *b, uint64_t first, uint64_t end)
{
    struct guest_window *last = b->window_count == 0 ? NULL : &b->windows[b->window_count - 1];

    if (last != NULL && first <= last->pfns.end && first >= last->pfns.first) {
        last->pfns.end = MAX(last->pfns.end, end);
    } else if (end > first) {
        b->windows[b->window_count++].pfns = (struct pfn_range){ first, end };
    }
}

void guest_put_frames(const struct guest_build *b, struct pfn_range r, xen_pfn_t *frames)
{
    for (uint64_t i = 0; i < r.end - r.first; i++) {
        frames[i] = b->p2m != NULL ? b->p2m[r.first + i] : r.first + i;
    }
}

int guest_map(struct guest_build *b, const xen_pfn_t *last)
{
    struct xenforeignmemory_handle *fmem = ctrl_foreignmemory(b->c);
    xen_pfn_t *frames;
    size_t count = last != NULL ? 1 : 0;
    size_t n = 0;

    for (unsigned int i = 0; i < b->window_count; i++) {
        count += b->windows[i].pfns.end - b->windows[i].pfns.first;
    }
    frames = malloc(count * sizeof(*frames));
    if (frames == NULL) {
        return err_set(b->e, -ENOMEM, "out of memory");
    }
    for (unsigned int i = 0; i < b->window_count; i++) {
        guest_put_frames(b, b->windows[i].pfns, frames + n);
        n += b->windows[i].pfns.end - b->windows[i].pfns.first;
    }
    if (last != NULL) {
        frames[n] = *last;
    }
    b->map = xenforeignmemory_map(fmem, b->config->domid, PROT_READ | PROT_WRITE, count, frames, NULL);
    free(frames);
    if (b->map == NULL) {
        return err_errno(b->e, "cannot map the guest's memory");
    }
    b->map_pages = count;
    n = 0;
    for (unsigned int i = 0; i < b->window_count; i++) {
        b->windows[i].at = b->map + (n << PAGE_SHIFT);
        n += b->windows[i].pfns.end - b->windows[i].pfns.first;
    }
    return 0;
}

void guest_unmap(struct guest_build *b)
{
    if (b->map != NULL) {
        xenforeignmemory_unmap(ctrl_foreignmemory(b->c), b->map, b->map_pages);
        b->map = NULL;
    }
}

void *guest_page(const struct guest_build *b, uint64_t pfn)
{
    for (unsigned int i = 0; i < b->window_count; i++) {
        const struct guest_window *w = &b->windows[i];

        if (pfn >= w->pfns.first && pfn < w->pfns.end) {
            return w->at + ((pfn - w->pfns.first) << PAGE_SHIFT);
        }
    }
    return NULL; /* the builders have added all that is asked for */
}

/* ---- contents ---- */

static bool is_zero(const char *page)
{
    uint64_t word;
    size_t at = 0;

    do {
        memcpy(&word, page + at, sizeof(word));
        at += sizeof(word);
    } while (word == 0 && at < PAGE_SIZE);
    return word == 0;
}

/* Nearly always they are zero already, which is cheaper to see than to write. */
void guest_clear_pages(void *pages, uint64_t count)
{
    char *page = pages;

    for (; count > 0; count--, page += PAGE_SIZE) {
        if (!is_zero(page)) {
            memset(page, 0, PAGE_SIZE);
        }
    }
}

/* An administrator may have told the hypervisor not to clear memory at boot. */
static bool hypervisor_skips_scrubbing(struct ctrl *c)
{
    static const char *const words[] = { "bootscrub=0", "bootscrub=no", "bootscrub=off", "bootscrub=false",
                                         "no-bootscrub" };
    xen_commandline_t line;

    if (ctrl_commandline(c, line) < 0) {
        return true;
    }
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (strstr(line, words[i]) != NULL) {
            return true;
        }
    }
    return false;
}

void guest_see_dirt(struct guest_build *b, const void *fresh)
{
    b->dirty = !is_zero(fresh) || hypervisor_skips_scrubbing(b->c);
}

int guest_load_ramdisk(struct guest_build *b, uint64_t pfn)
{
    char *to = guest_page(b, pfn);
    uint64_t done = 0;

    while (done < b->ramdisk_size) {
        ssize_t n = read(b->ramdisk, to + done, b->ramdisk_size - done);

        if (n < 0 && errno != EINTR) {
            return err_errno(b->e, "ramdisk %s", b->config->ramdisk);
        }
        if (n == 0) {
            return err_set(b->e, -EIO, "ramdisk %s: became shorter while it was read", b->config->ramdisk);
        }
        done += n > 0 ? (uint64_t)n : 0;
    }
    memset(to + done, 0, ALIGN_UP(done, PAGE_SIZE) - done);
    return 0;
}

/* ---- connections ---- */

static int allocate_port(struct guest_build *b, domid_t remote, evtchn_port_t given, evtchn_port_t *port)
{
    int rc;

    *port = given;
    if (given != 0) {
        return 0;
    }
    rc = ctrl_evtchn_alloc_unbound(b->c, b->config->domid, remote, port);
    return rc < 0 ? guest_failed(b, rc, "cannot make an event channel for the guest") : 0;
}

int guest_set_param(struct guest_build *b, uint32_t index, uint64_t value)
{
    int rc = ctrl_hvm_param_set(b->c, b->config->domid, index, value);

    return rc < 0 ? guest_failed(b, rc, "the hypervisor refuses one of the guest's parameters") : 0;
}

int guest_set_ring_params(struct guest_build *b, const struct build_result *r)
{
    int rc = guest_set_param(b, HVM_PARAM_STORE_PFN, r->store_mfn);

    rc = rc < 0 ? rc : guest_set_param(b, HVM_PARAM_STORE_EVTCHN, r->store_port);
    rc = rc < 0 ? rc : guest_set_param(b, HVM_PARAM_CONSOLE_PFN, r->console_mfn);
    return rc < 0 ? rc : guest_set_param(b, HVM_PARAM_CONSOLE_EVTCHN, r->console_port);
}

int guest_ports(struct guest_build *b, struct build_result *r)
{
    const struct build_config *p = b->config;
    int rc = allocate_port(b, p->console_domid, p->console_port, &r->console_port);

    return rc < 0 ? rc : allocate_port(b, p->store_domid, p->store_port, &r->store_port);
}

int guest_grants(struct guest_build *b, const struct build_result *r)
{
    const struct ctrl_grant_seed seeds[] = {
        { GNTTAB_RESERVED_CONSOLE, b->config->console_domid, r->console_mfn },
        { GNTTAB_RESERVED_XENSTORE, b->config->store_domid, r->store_mfn },
    };
    int rc = ctrl_grant_seed(b->c, b->config->domid, seeds, ARRAY_SIZE(seeds));

    return rc < 0 ? guest_failed(b, rc, "cannot grant the guest's rings") : 0;
}

void guest_close(struct guest_build *b)
{
    if (b->ramdisk >= 0) {
        close(b->ramdisk);
    }
    free(b->p2m);
}
