/* SPDX-License-Identifier: MIT */
/*
 * The builder of guests on Arm: see build.h and, for what it shares with the others, guest.h. There is one kind: the
 * hypervisor translates its addresses, it has PV devices, and what it starts with is an Image, a device tree (tree.h),
 * HVM parameters that say where console and store are, and the state of its first vcpu: EL1, no MMU, no caches. The
 * others come up by PSCI.
 */
#include "abi/hvm_params.h"
#include "lib/base/file.h"
#include "lib/build/arm/tree.h"
#include "lib/build/arm_layout.h"
#include "lib/build/build.h"
#include "lib/build/guest.h"
#include "lib/ctrl/arm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX  (512UL << 20)
#define SLACK_KIB 1024 /* for pages beyond memory=: rings, grants */

/* The pages of GUEST_MAGIC_BASE, in the order every toolstack has them. */
enum { MAGIC_CONSOLE, MAGIC_STORE, MAGIC_MONITOR, MAGIC_VUART, MAGIC_PAGES };
#define MAGIC_PFN ((xen_pfn_t)(GUEST_MAGIC_BASE >> PAGE_SHIFT))

struct build_kernel {
    char *path; /* for errors */
    struct buf file;
    struct arm_image image;
};

struct arm_build {
    struct guest_build g;
    struct arm_layout layout;
};

/* ---- the kernel's file ---- */

int build_kernel_open(struct err *e, const char *path, const char *cache_dir, enum build_type type,
                      struct build_kernel **kernel)
{
    struct build_kernel *k = calloc(1, sizeof(*k));
    const char *why = "";
    int rc;

    *kernel = NULL;
    if (k == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    k->path = strdup(path);
    rc = k->path == NULL ? err_set(e, -ENOMEM, "out of memory") : file_load(e, path, FILE_MAX, &k->file);
    if (rc < 0) {
        err_prefix(e, "kernel");
    } else {
        rc = arm_image_parse(k->file.text, k->file.length, &k->image, &why);
        if (rc < 0) {
            err_set(e, rc, "kernel %s: %s", path, why);
        }
    }
    if (rc < 0) {
        build_kernel_close(k);
        return rc;
    }
    *kernel = k;
    return 0;
}

void build_kernel_close(struct build_kernel *k)
{
    if (k == NULL) {
        return;
    }
    buf_free(&k->file);
    free(k->path);
    free(k);
}

/* ---- before memory ---- */

void build_pvh_domain(struct xen_domctl_createdomain *make, bool hap, bool vuart)
{
    make->flags |= XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
    make->arch.gic_version = XEN_DOMCTL_CONFIG_GIC_NATIVE;
    make->arch.tee_type = XEN_DOMCTL_CONFIG_TEE_NONE;
    make->arch.nr_spis = vuart ? GUEST_VPL011_SPI - 32 + 1 : 0;
}

int build_pv(struct err *e, struct ctrl *c, const struct build_config *config, struct build_result *result)
{
    *result = (struct build_result){ 0 };
    return err_set(e, -EOPNOTSUPP, "PV guests are for x86");
}

static int lay_out(struct arm_build *b)
{
    static const struct pfn_range room[ARM_BANKS] = {
        { GUEST_RAM0_BASE >> PAGE_SHIFT, (GUEST_RAM0_BASE + GUEST_RAM0_SIZE) >> PAGE_SHIFT },
        { GUEST_RAM1_BASE >> PAGE_SHIFT, (GUEST_RAM1_BASE + GUEST_RAM1_SIZE) >> PAGE_SHIFT },
    };

    if (b->g.config->maxmem_kib > b->g.config->memory_kib) {
        return err_set(b->g.e, -EOPNOTSUPP,
                       "maxmem above memory is not for guests on Arm: nothing is populated on demand");
    }
    return arm_layout_make(b->g.e, room, &b->g.kernel->image, b->g.pages, b->g.ramdisk_size, &b->layout);
}

/* ---- memory ---- */

/* Tables of 8 bytes for each page, and as much again; 1 MiB for each vcpu: as xl.cfg(5) says. */
static uint64_t paging_kib(const struct build_config *p)
{
    return p->paging_kib != 0 ? p->paging_kib : 1024ULL * p->vcpus + 8 * DIV_ROUND_UP(p->maxmem_kib, 1024);
}

static int populate_magic(struct arm_build *b)
{
    xen_pfn_t frames[MAGIC_PAGES];
    long got;

    for (unsigned int i = 0; i < MAGIC_PAGES; i++) {
        frames[i] = MAGIC_PFN + i;
    }
    got = ctrl_populate(b->g.c, b->g.config->domid, 0, 0, MAGIC_PAGES, frames);
    return got == MAGIC_PAGES ? 0
                              : guest_failed(&b->g, got < 0 ? (int)got : -ENOMEM, "no memory for the guest's rings");
}

static int give_memory(struct arm_build *b)
{
    const struct build_config *p = b->g.config;
    int rc = ctrl_guest_width_set(b->g.c, p->domid, 64);

    rc = rc < 0 ? rc : ctrl_paging_pool_set(b->g.c, p->domid, paging_kib(p) << 10);
    if (rc < 0) {
        return guest_failed(&b->g, rc, "cannot set aside memory for the hypervisor's tables of the guest");
    }
    rc = guest_limits(&b->g, p->memory_kib + SLACK_KIB);
    for (unsigned int i = 0; i < ARM_BANKS && rc == 0; i++) {
        rc = b->layout.banks[i].first < b->layout.banks[i].end ? guest_populate(&b->g, b->layout.banks[i], 0) : 0;
    }
    rc = rc < 0 ? rc : populate_magic(b);
    guest_claim_end(&b->g);
    return rc;
}

/* ---- contents ---- */

static struct pfn_range file_pages(const struct arm_build *b)
{
    uint64_t first = b->layout.kernel.first;

    return (struct pfn_range){ first, first + DIV_ROUND_UP(b->g.kernel->file.length, PAGE_SIZE) };
}

static void load_kernel(struct arm_build *b)
{
    const struct buf *file = &b->g.kernel->file;
    char *to = guest_page(&b->g, b->layout.kernel.first);

    memcpy(to, file->text, file->length);
    memset(to + file->length, 0, ALIGN_UP(file->length, PAGE_SIZE) - file->length);
}

/* All that was written: the guest starts with its caches off. */
static int flush(struct arm_build *b)
{
    int rc = 0;

    for (unsigned int i = 0; i < b->g.window_count && rc == 0; i++) {
        const struct pfn_range *r = &b->g.windows[i].pfns;

        rc = ctrl_cache_flush(b->g.c, b->g.config->domid, r->first, r->end - r->first);
    }
    return rc < 0 ? guest_failed(&b->g, rc, "cannot flush the guest's memory from the caches") : 0;
}

static int write_memory(struct arm_build *b)
{
    const struct arm_layout *l = &b->layout;
    struct pfn_range file = file_pages(b);
    int rc;

    guest_add_window(&b->g, MAGIC_PFN, MAGIC_PFN + MAGIC_PAGES);
    guest_add_window(&b->g, file.first, file.end);
    guest_add_window(&b->g, l->ramdisk.first, l->tree.end);
    rc = guest_map(&b->g, NULL);
    if (rc < 0) {
        return rc;
    }
    guest_clear_pages(guest_page(&b->g, MAGIC_PFN), MAGIC_PAGES);
    load_kernel(b);
    if (b->g.ramdisk_size != 0) {
        rc = guest_load_ramdisk(&b->g, l->ramdisk.first);
    }
    if (rc == 0 && !tree_write(b->g.config, l, b->g.ramdisk_size, guest_page(&b->g, l->tree.first))) {
        rc = err_set(b->g.e, -E2BIG, "the guest's device tree does not fit into %lu KiB", ARM_TREE_SIZE >> 10);
    }
    guest_unmap(&b->g);
    return rc < 0 ? rc : flush(b);
}

/* ---- connections ---- */

static int set_params(struct arm_build *b, const struct build_result *r)
{
    int rc = guest_set_ring_params(&b->g, r);

    return rc < 0 ? rc : guest_set_param(&b->g, HVM_PARAM_MONITOR_RING_PFN, MAGIC_PFN + MAGIC_MONITOR);
}

static int connect_rings(struct arm_build *b, struct build_result *r)
{
    const struct build_config *p = b->g.config;
    int rc;

    r->pages = b->g.pages;
    r->store_mfn = MAGIC_PFN + MAGIC_STORE;
    r->console_mfn = MAGIC_PFN + MAGIC_CONSOLE;
    rc = guest_ports(&b->g, r);
    rc = rc < 0 ? rc : set_params(b, r);
    if (rc == 0 && p->vuart) {
        r->vuart_gfn = MAGIC_PFN + MAGIC_VUART;
        rc = ctrl_vuart_init(b->g.c, p->domid, p->console_domid, r->vuart_gfn, &r->vuart_port);
        rc = rc < 0 ? guest_failed(&b->g, rc, "the hypervisor gives the guest no emulated UART") : 0;
    }
    return rc;
}

/* ---- the first vcpu ---- */

static int start_vcpu(struct arm_build *b)
{
    struct vcpu_guest_context c = {
        .flags = VGCF_online,
        .sctlr = SCTLR_GUEST_INIT,
        .user_regs.x0 = b->layout.tree.first << PAGE_SHIFT,
        .user_regs.pc64 = b->layout.kernel.first << PAGE_SHIFT,
        .user_regs.cpsr = PSR_GUEST64_INIT,
    };
    int rc = ctrl_vcpu_context_set(b->g.c, b->g.config->domid, 0, &c, sizeof(c));

    return rc < 0 ? guest_failed(&b->g, rc, "the hypervisor refuses the guest's first vcpu") : 0;
}

int build_pvh(struct err *e, struct ctrl *c, const struct build_config *config, struct build_result *result)
{
    struct arm_build b = {
        .g = { .e = e, .c = c, .config = config, .kernel = config->kernel, .ramdisk = -1 }
    };
    int rc = guest_sizes(&b.g);

    *result = (struct build_result){ 0 };
    rc = rc < 0 ? rc : lay_out(&b);
    rc = rc < 0 ? rc : give_memory(&b);
    rc = rc < 0 ? rc : write_memory(&b);
    rc = rc < 0 ? rc : connect_rings(&b, result);
    rc = rc < 0 ? rc : start_vcpu(&b);
    rc = rc < 0 ? rc : guest_grants(&b.g, result);
    guest_close(&b.g);
    return rc;
}
