/* SPDX-License-Identifier: MIT */
/*
 * The PV guest builder: see build.h. Pages are given out in extents of 2 MiB, then everything that is written
 * is mapped at once: the parts of the kernel that come from the file, the ramdisk (read straight into the
 * guest), the P2M list, and start_info, rings and page tables. Pages fresh from the hypervisor are zero, so
 * bss and the free part of the boot mapping are neither mapped nor touched, unless this hypervisor is found
 * not to clear them.
 *
 * The mapping is gone before page tables are pinned: a page cannot be a table while somebody may write to it.
 */
#include "abi/xen.h"
#include "lib/build/build.h"
#include "lib/build/x86/kernel_file.h"
#include "lib/build/x86/pv_layout.h"
#include "lib/ctrl/x86.h"
#include "lib/foreignmemory/xenforeignmemory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXTENT_ORDER 9
#define BATCH        65536
#define PAGES_MAX    (1ULL << 30) /* 4 TiB */
#define SLACK_KIB    1024         /* over maxmem, for pages a guest makes transiently */
#define E820_RAM     1
#define RANGES_MAX   (KERNEL_SEGMENTS_MAX + 8)
#define LEGACY_VCPUS 32 /* with their vcpu_info in shared_info */
#define RFLAGS_IF    0x200
#define DR6_INIT     0xffff0ff0UL
#define DR7_INIT     0x400UL

/* A run of guest pages in our mapping. */
struct window {
    struct pfn_range pfns;
    char *at;
};

struct pv_build {
    struct err *e;
    struct ctrl *c;
    const struct build_pv_config *config;
    const struct build_kernel *kernel;
    struct pv_layout layout;
    uint64_t *p2m;
    int ramdisk;
    uint64_t ramdisk_size;
    xen_pfn_t shared_info;
    struct window windows[RANGES_MAX];
    unsigned int window_count;
    char *map;
    size_t map_pages;
    bool dirty; /* pages were not zero when we got them */
};

static int failed(struct pv_build *b, int rc, const char *what)
{
    return err_set(b->e, rc, "%s: %s", what, strerror(-rc));
}

/* ---- before memory ---- */

static int open_ramdisk(struct pv_build *b)
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

static int check_image(struct pv_build *b)
{
    const struct kernel_image *k = &b->kernel->image;

    if (strstr(k->xen_version, "xen-3.0") == NULL) {
        return err_set(b->e, -EINVAL,
                       "kernel %s: made for another hypervisor interface (\"%s\", not xen-3.0)",
                       b->kernel->path, k->xen_version);
    }
    return 0;
}

static int lay_out(struct pv_build *b)
{
    uint64_t pages = b->config->memory_kib / (PAGE_SIZE / 1024);
    struct err why = { 0 };
    int rc;

    if (pages == 0 || pages > PAGES_MAX || b->ramdisk_size > pages << PAGE_SHIFT) {
        return err_set(b->e, -EINVAL, "%llu MiB of memory are too %s", (unsigned long long)(pages >> 8),
                       pages > PAGES_MAX ? "much" : "little for this ramdisk");
    }
    if (b->config->cmdline != NULL && strlen(b->config->cmdline) >= MAX_GUEST_CMDLINE) {
        return err_set(b->e, -E2BIG, "the kernel's command line is longer than %d bytes",
                       MAX_GUEST_CMDLINE - 1);
    }
    rc = pv_layout_make(&why, &b->kernel->image, pages, b->ramdisk_size, &b->layout);
    if (rc < 0) {
        return err_set(b->e, rc, "kernel %s: %s", b->kernel->path, why.text);
    }
    if (b->layout.needed > pages) {
        err_set(b->e, -ENOMEM, "kernel and ramdisk need %llu MiB, the guest has %llu MiB",
                (unsigned long long)(b->layout.needed >> 8) + 1, (unsigned long long)(pages >> 8));
        err_hint(b->e, "raise \"memory\"");
        return -ENOMEM;
    }
    return 0;
}

/* ---- memory ---- */

static int set_limits(struct pv_build *b)
{
    const struct build_pv_config *p = b->config;
    struct ctrl_e820_entry map = { .start = 0, .size = p->maxmem_kib << 10, .type = E820_RAM };
    int rc = ctrl_domain_max_mem(b->c, p->domid, p->maxmem_kib + SLACK_KIB);

    if (rc < 0) {
        return failed(b, rc, "cannot set the domain's memory limit");
    }
    rc = ctrl_memory_map_set(b->c, p->domid, &map, 1);
    if (rc < 0) {
        return failed(b, rc, "cannot set the domain's memory map");
    }
    if (p->claim && ctrl_claim_pages(b->c, p->domid, b->layout.pages) < 0) {
        return err_set(b->e, -ENOMEM, "not enough free memory for a guest of %llu MiB",
                       (unsigned long long)(b->layout.pages >> 8));
    }
    return 0;
}

/* Extents of 2 MiB while there are any; how many pages were given. */
static uint64_t populate_large(struct pv_build *b)
{
    uint64_t extents = b->layout.pages >> EXTENT_ORDER;
    xen_pfn_t *frames = calloc(MIN(extents, (uint64_t)BATCH) + 1, sizeof(*frames));
    uint64_t done = 0;

    while (frames != NULL && done < extents) {
        size_t count = MIN(extents - done, (uint64_t)BATCH);
        long got;

        for (size_t i = 0; i < count; i++) {
            frames[i] = (done + i) << EXTENT_ORDER;
        }
        got = ctrl_populate(b->c, b->config->domid, EXTENT_ORDER, 0, count, frames);
        for (long i = 0; i < got; i++) {
            uint64_t *to = &b->p2m[(done + (uint64_t)i) << EXTENT_ORDER];

            for (uint64_t page = 0; page < 1 << EXTENT_ORDER; page++) {
                to[page] = frames[i] + page;
            }
        }
        done += got > 0 ? (uint64_t)got : 0;
        if (got != (long)count) {
            break;
        }
    }
    free(frames);
    return done << EXTENT_ORDER;
}

static int populate(struct pv_build *b)
{
    uint64_t pages = b->layout.pages;
    uint64_t done;

    b->p2m = malloc(ALIGN_UP(pages * sizeof(*b->p2m), PAGE_SIZE));
    if (b->p2m == NULL) {
        return err_set(b->e, -ENOMEM, "out of memory");
    }
    memset(b->p2m, 0xff, ALIGN_UP(pages * sizeof(*b->p2m), PAGE_SIZE));
    done = populate_large(b);
    while (done < pages) {
        size_t count = MIN(pages - done, (uint64_t)BATCH);
        long got;

        for (size_t i = 0; i < count; i++) {
            b->p2m[done + i] = done + i;
        }
        got = ctrl_populate(b->c, b->config->domid, 0, 0, count, b->p2m + done);
        if (got != (long)count) {
            done += got > 0 ? (uint64_t)got : 0;
            return err_set(b->e, got < 0 && got != -ENOMEM ? (int)got : -ENOMEM,
                           "not enough memory: the guest got %llu of %llu MiB",
                           (unsigned long long)(done >> 8), (unsigned long long)(pages >> 8));
        }
        done += count;
    }
    if (b->config->claim) {
        ctrl_claim_pages(b->c, b->config->domid, 0);
    }
    return 0;
}

/* ---- the mapping ---- */

static void add_window(struct pv_build *b, uint64_t first, uint64_t end)
{
    struct window *last = b->window_count == 0 ? NULL : &b->windows[b->window_count - 1];

    if (last != NULL && first <= last->pfns.end && first >= last->pfns.first) {
        last->pfns.end = MAX(last->pfns.end, end);
    } else if (end > first) {
        b->windows[b->window_count++].pfns = (struct pfn_range){ first, end };
    }
}

static uint64_t segment_pfn(const struct pv_build *b, uint64_t address)
{
    return (address - b->kernel->image.virt_base) >> PAGE_SHIFT;
}

static void choose_windows(struct pv_build *b)
{
    const struct kernel_image *k = &b->kernel->image;
    const struct pv_layout *l = &b->layout;

    for (unsigned int i = 0; i < k->segment_count; i++) {
        const struct kernel_segment *s = &k->segments[i];

        if (s->file_size != 0) {
            add_window(b, segment_pfn(b, s->address), segment_pfn(b, s->address + s->file_size - 1) + 1);
        }
    }
    if (!k->initrd_by_pfn) {
        add_window(b, l->ramdisk.first, l->ramdisk.end);
    }
    if (!k->wants_p2m) {
        add_window(b, l->p2m.first, l->p2m.end);
    }
    add_window(b, l->start_info, l->tables.end);
    if (k->initrd_by_pfn) {
        add_window(b, l->ramdisk.first, l->ramdisk.end);
    }
    if (k->wants_p2m) {
        add_window(b, l->p2m.first, l->p2m_tables.end);
    }
}

/* All windows, and the page of shared_info behind them. */
static int map_windows(struct pv_build *b)
{
    struct xenforeignmemory_handle *fmem = ctrl_foreignmemory(b->c);
    xen_pfn_t *frames;
    size_t count = 1;
    size_t n = 0;

    for (unsigned int i = 0; i < b->window_count; i++) {
        count += b->windows[i].pfns.end - b->windows[i].pfns.first;
    }
    frames = malloc(count * sizeof(*frames));
    if (frames == NULL) {
        return err_set(b->e, -ENOMEM, "out of memory");
    }
    for (unsigned int i = 0; i < b->window_count; i++) {
        const struct pfn_range *r = &b->windows[i].pfns;

        memcpy(frames + n, b->p2m + r->first, (r->end - r->first) * sizeof(*frames));
        n += r->end - r->first;
    }
    frames[n] = b->shared_info;
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

static void unmap_windows(struct pv_build *b)
{
    if (b->map != NULL) {
        xenforeignmemory_unmap(ctrl_foreignmemory(b->c), b->map, b->map_pages);
        b->map = NULL;
    }
}

static void *page_at(const struct pv_build *b, uint64_t pfn)
{
    for (unsigned int i = 0; i < b->window_count; i++) {
        const struct window *w = &b->windows[i];

        if (pfn >= w->pfns.first && pfn < w->pfns.end) {
            return w->at + ((pfn - w->pfns.first) << PAGE_SHIFT);
        }
    }
    return NULL; /* choose_windows() has all that is asked for */
}

/* ---- contents ---- */

static bool is_zero(const char *page)
{
    return page[0] == 0 && memcmp(page, page + 1, PAGE_SIZE - 1) == 0;
}

/* Nearly always they are zero already, which is cheaper to see than to write. */
static void clear_pages(void *pages, uint64_t count)
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

/* The rest of the page a segment's data ends in belongs to its bss. */
static void load_segment(struct pv_build *b, const struct kernel_segment *s)
{
    uint64_t in_page = s->address & ~PAGE_MASK;
    uint64_t room = ALIGN_UP(in_page + s->file_size, PAGE_SIZE) - in_page;
    char *to;

    if (s->file_size == 0) {
        return;
    }
    to = (char *)page_at(b, segment_pfn(b, s->address)) + in_page;
    memcpy(to, b->kernel->elf + s->offset, s->file_size);
    memset(to + s->file_size, 0, MIN(room, s->size) - s->file_size);
}

/* Bss behind the page that load_segment() has filled, when pages cannot be trusted to be zero. */
static int clear_bss(struct pv_build *b, const struct kernel_segment *s)
{
    struct xenforeignmemory_handle *fmem = ctrl_foreignmemory(b->c);
    uint64_t from = s->file_size == 0 ? s->address : ALIGN_UP(s->address + s->file_size, PAGE_SIZE);
    uint64_t to = s->address + s->size;
    uint64_t first = segment_pfn(b, from);
    char *at;

    if (from >= to) {
        return 0;
    }
    to -= b->kernel->image.virt_base;
    from -= b->kernel->image.virt_base;
    at = xenforeignmemory_map(fmem, b->config->domid, PROT_READ | PROT_WRITE,
                              DIV_ROUND_UP(to, PAGE_SIZE) - first, b->p2m + first, NULL);
    if (at == NULL) {
        return err_errno(b->e, "cannot map the guest's memory");
    }
    memset(at + (from & ~PAGE_MASK), 0, to - from);
    xenforeignmemory_unmap(fmem, at, DIV_ROUND_UP(to, PAGE_SIZE) - first);
    return 0;
}

static int load_kernel(struct pv_build *b)
{
    const struct kernel_image *k = &b->kernel->image;
    int rc = 0;

    for (unsigned int i = 0; i < k->segment_count; i++) {
        load_segment(b, &k->segments[i]);
    }
    for (unsigned int i = 0; rc == 0 && b->dirty && i < k->segment_count; i++) {
        rc = clear_bss(b, &k->segments[i]);
    }
    if (rc == 0 && k->wants_hypercall_page) {
        rc = ctrl_hypercall_init(b->c, b->config->domid, b->p2m[segment_pfn(b, k->hypercall_page)]);
        if (rc < 0) {
            return failed(b, rc, "cannot write the guest's hypercall page");
        }
    }
    return rc;
}

static int load_ramdisk(struct pv_build *b)
{
    char *to = page_at(b, b->layout.ramdisk.first);
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

/* In place: the guest has not run, and nobody else knows of these pages. */
static void write_tables(struct pv_build *b)
{
    const struct pv_layout *l = &b->layout;
    uint64_t *tables = page_at(b, l->tables.first);
    uint64_t *p2m_tables = l->p2m_tables.end != l->p2m_tables.first ? page_at(b, l->p2m_tables.first) : NULL;

    clear_pages(tables, l->tables.end - l->tables.first);
    clear_pages(p2m_tables, l->p2m_tables.end - l->p2m_tables.first);
    pv_layout_tables(l, b->p2m, tables, p2m_tables);
}

static void write_start_info(struct pv_build *b, const struct build_result *r)
{
    const struct pv_layout *l = &b->layout;
    struct start_info *si = page_at(b, l->start_info);

    strcpy(si->magic, "xen-3.0-x86_64");
    si->nr_pages = l->pages;
    si->shared_info = (uint64_t)b->shared_info << PAGE_SHIFT;
    si->store_mfn = r->store_mfn;
    si->store_evtchn = r->store_port;
    si->console.domU.mfn = r->console_mfn;
    si->console.domU.evtchn = r->console_port;
    si->pt_base = pv_layout_address(l, l->tables.first);
    si->nr_pt_frames = l->tables.end - l->tables.first;
    si->mfn_list = pv_layout_p2m_address(l);
    si->first_p2m_pfn = l->p2m.first;
    si->nr_p2m_frames = l->p2m.end - l->p2m.first + l->p2m_tables.end - l->p2m_tables.first;
    if (b->ramdisk_size != 0) {
        bool by_pfn = b->kernel->image.initrd_by_pfn;

        si->mod_len = b->ramdisk_size;
        si->mod_start = by_pfn ? l->ramdisk.first : pv_layout_address(l, l->ramdisk.first);
        si->flags |= by_pfn ? SIF_MOD_START_PFN : 0;
    }
    if (b->config->cmdline != NULL) {
        strcpy((char *)si->cmd_line, b->config->cmdline); /* lay_out() has checked its length */
    }
}

/* The other end may start before the guest asks: no events until it does. */
static void write_shared_info(struct pv_build *b)
{
    struct shared_info *s = (struct shared_info *)(b->map + ((b->map_pages - 1) << PAGE_SHIFT));

    for (unsigned int i = 0; i < b->config->vcpus && i < LEGACY_VCPUS; i++) {
        s->vcpu_info[i].evtchn_upcall_mask = 1;
    }
}

static int write_memory(struct pv_build *b, const struct build_result *r)
{
    char *console;
    int rc;

    choose_windows(b);
    rc = map_windows(b);
    if (rc < 0) {
        return rc;
    }
    console = page_at(b, b->layout.console);
    b->dirty = !is_zero(console) || hypervisor_skips_scrubbing(b->c);
    rc = load_kernel(b);
    if (rc == 0 && b->ramdisk_size != 0) {
        rc = load_ramdisk(b);
    }
    if (rc == 0) {
        memcpy(page_at(b, b->layout.p2m.first), b->p2m,
               (b->layout.p2m.end - b->layout.p2m.first) << PAGE_SHIFT);
        clear_pages(page_at(b, b->layout.start_info), 1);
        clear_pages(page_at(b, b->layout.store), 1);
        clear_pages(console, 1);
        write_start_info(b, r);
        write_shared_info(b);
        write_tables(b);
    }
    unmap_windows(b);
    return rc;
}

/* ---- connections, the first vcpu ---- */

static int allocate_port(struct pv_build *b, domid_t remote, evtchn_port_t given, evtchn_port_t *port)
{
    int rc;

    *port = given;
    if (given != 0) {
        return 0;
    }
    rc = ctrl_evtchn_alloc_unbound(b->c, b->config->domid, remote, port);
    return rc < 0 ? failed(b, rc, "cannot make an event channel for the guest") : 0;
}

static int connect_rings(struct pv_build *b, struct build_result *r)
{
    const struct build_pv_config *p = b->config;
    struct xen_domctl_getdomaininfo info;
    int rc = ctrl_domain_info(b->c, p->domid, &info);

    if (rc < 0) {
        return failed(b, rc, "the new domain has gone");
    }
    b->shared_info = info.shared_info_frame;
    r->pages = b->layout.pages;
    r->console_mfn = b->p2m[b->layout.console];
    r->store_mfn = b->p2m[b->layout.store];
    rc = allocate_port(b, p->console_domid, p->console_port, &r->console_port);
    return rc < 0 ? rc : allocate_port(b, p->store_domid, p->store_port, &r->store_port);
}

static int seed_grants(struct pv_build *b, const struct build_result *r)
{
    const struct ctrl_grant_seed seeds[] = {
        { GNTTAB_RESERVED_CONSOLE, b->config->console_domid, r->console_mfn },
        { GNTTAB_RESERVED_XENSTORE, b->config->store_domid, r->store_mfn },
    };
    int rc = ctrl_grant_seed(b->c, b->config->domid, seeds, ARRAY_SIZE(seeds));

    return rc < 0 ? failed(b, rc, "cannot grant the guest's rings") : 0;
}

static int start_vcpu(struct pv_build *b)
{
    const struct pv_layout *l = &b->layout;
    uint64_t l4 = b->p2m[l->tables.first];
    struct mmuext_op pin = { .cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = l4 };
    struct vcpu_guest_context *v = calloc(1, sizeof(*v));
    int rc;

    if (v == NULL) {
        return err_set(b->e, -ENOMEM, "out of memory");
    }
    rc = ctrl_mmuext_op(b->c, b->config->domid, &pin, 1);
    if (rc < 0) {
        free(v);
        return failed(b, rc, "the hypervisor refuses the guest's page tables");
    }
    v->flags = VGCF_in_kernel | VGCF_online;
    v->user_regs.rip = b->kernel->image.entry;
    v->user_regs.rsp = pv_layout_address(l, l->stack + 1);
    v->user_regs.rsi = pv_layout_address(l, l->start_info);
    v->user_regs.rflags = RFLAGS_IF;
    v->user_regs.cs = FLAT_KERNEL_CS;
    v->user_regs.ss = FLAT_KERNEL_SS;
    v->user_regs.ds = FLAT_KERNEL_DS;
    v->user_regs.es = FLAT_KERNEL_DS;
    v->user_regs.fs = FLAT_KERNEL_DS;
    v->user_regs.gs = FLAT_KERNEL_DS;
    v->kernel_ss = FLAT_KERNEL_SS;
    v->kernel_sp = v->user_regs.rsp;
    v->debugreg[6] = DR6_INIT;
    v->debugreg[7] = DR7_INIT;
    v->ctrlreg[3] = xen_pfn_to_cr3(l4);
    rc = ctrl_vcpu_context_set(b->c, b->config->domid, 0, v, sizeof(*v));
    free(v);
    return rc < 0 ? failed(b, rc, "the hypervisor refuses the guest's first vcpu") : 0;
}

int build_pv(struct err *e, struct ctrl *c, const struct build_pv_config *config, struct build_result *result)
{
    struct pv_build b = { .e = e, .c = c, .config = config, .kernel = config->kernel, .ramdisk = -1 };
    int rc = check_image(&b);

    *result = (struct build_result){ 0 };
    rc = rc < 0 ? rc : open_ramdisk(&b);
    rc = rc < 0 ? rc : lay_out(&b);
    rc = rc < 0 ? rc : set_limits(&b);
    rc = rc < 0 ? rc : populate(&b);
    rc = rc < 0 ? rc : connect_rings(&b, result);
    rc = rc < 0 ? rc : write_memory(&b, result);
    rc = rc < 0 ? rc : start_vcpu(&b);
    rc = rc < 0 ? rc : seed_grants(&b, result);
    if (b.ramdisk >= 0) {
        close(b.ramdisk);
    }
    free(b.p2m);
    return rc;
}
