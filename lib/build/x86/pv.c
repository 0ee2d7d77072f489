/* SPDX-License-Identifier: MIT */
/*
 * The PV guest builder: see build.h and, for what it shares with PVH, guest.h. Written are the kernel, the
 * ramdisk, the P2M list, and start_info, rings and page tables.
 *
 * The mapping is gone before page tables are pinned: a page cannot be a table while somebody may write to it.
 */
#include "abi/xen.h"
#include "lib/build/build.h"
#include "lib/build/x86/guest_kernel.h"
#include "lib/build/x86/kernel_file.h"
#include "lib/build/x86/pv_layout.h"
#include "lib/ctrl/x86.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLACK_KIB    1024 /* over maxmem, for pages a guest makes transiently */
#define E820_RAM     1
#define LEGACY_VCPUS 32 /* with their vcpu_info in shared_info */
#define RFLAGS_IF    0x200
#define DR6_INIT     0xffff0ff0UL
#define DR7_INIT     0x400UL

struct pv_build {
    struct guest_build g;
    struct pv_layout layout;
    xen_pfn_t shared_info;
};

/* ---- before memory ---- */

static int check_image(struct pv_build *b)
{
    const struct kernel_image *k = &b->g.kernel->image;

    if (strstr(k->xen_version, "xen-3.0") == NULL) {
        return err_set(b->g.e, -EINVAL,
                       "kernel %s: made for another hypervisor interface (\"%s\", not xen-3.0)",
                       b->g.kernel->path, k->xen_version);
    }
    return 0;
}

static int lay_out(struct pv_build *b)
{
    struct err *e = b->g.e;
    struct err why = { 0 };
    int rc = pv_layout_make(&why, &b->g.kernel->image, b->g.pages, b->g.ramdisk_size, &b->layout);

    if (rc < 0) {
        return err_set(e, rc, "kernel %s: %s", b->g.kernel->path, why.text);
    }
    if (b->layout.needed > b->g.pages) {
        err_set(e, -ENOMEM, "kernel and ramdisk need %llu MiB, the guest has %llu MiB",
                (unsigned long long)(b->layout.needed >> 8) + 1, (unsigned long long)(b->g.pages >> 8));
        err_hint(e, "raise \"memory\"");
        return -ENOMEM;
    }
    return 0;
}

/* ---- memory ---- */

static int give_memory(struct pv_build *b)
{
    uint64_t bytes = ALIGN_UP(b->g.pages * sizeof(*b->g.p2m), PAGE_SIZE);
    struct ctrl_e820_entry map = { .start = 0, .size = b->g.config->maxmem_kib << 10, .type = E820_RAM };
    int rc = guest_limits(&b->g, b->g.config->maxmem_kib + SLACK_KIB);

    rc = rc < 0 ? rc : guest_set_map(&b->g, &map, 1);
    if (rc < 0) {
        return rc;
    }
    b->g.p2m = malloc(bytes);
    if (b->g.p2m == NULL) {
        return err_set(b->g.e, -ENOMEM, "out of memory");
    }
    memset(b->g.p2m, 0xff, bytes);
    rc = guest_populate(&b->g, (struct pfn_range){ 0, b->g.pages }, 0);
    guest_claim_end(&b->g);
    return rc;
}

static void choose_windows(struct pv_build *b)
{
    const struct kernel_image *k = &b->g.kernel->image;
    const struct pv_layout *l = &b->layout;

    guest_add_kernel(&b->g);
    if (!k->initrd_by_pfn) {
        guest_add_window(&b->g, l->ramdisk.first, l->ramdisk.end);
    }
    if (!k->wants_p2m) {
        guest_add_window(&b->g, l->p2m.first, l->p2m.end);
    }
    guest_add_window(&b->g, l->start_info, l->tables.end);
    if (k->initrd_by_pfn) {
        guest_add_window(&b->g, l->ramdisk.first, l->ramdisk.end);
    }
    if (k->wants_p2m) {
        guest_add_window(&b->g, l->p2m.first, l->p2m_tables.end);
    }
}

/* ---- contents ---- */

static int write_hypercall_page(struct pv_build *b)
{
    const struct kernel_image *k = &b->g.kernel->image;
    int rc;

    if (!k->wants_hypercall_page) {
        return 0;
    }
    rc = ctrl_hypercall_init(b->g.c, b->g.config->domid,
                             b->g.p2m[(k->hypercall_page - k->virt_base) >> PAGE_SHIFT]);
    return rc < 0 ? guest_failed(&b->g, rc, "cannot write the guest's hypercall page") : 0;
}

/* In place: the guest has not run, and nobody else knows of these pages. */
static void write_tables(struct pv_build *b)
{
    const struct pv_layout *l = &b->layout;
    uint64_t *tables = guest_page(&b->g, l->tables.first);
    uint64_t *p2m_tables = l->p2m_tables.end != l->p2m_tables.first ? guest_page(&b->g, l->p2m_tables.first) : NULL;

    guest_clear_pages(tables, l->tables.end - l->tables.first);
    guest_clear_pages(p2m_tables, l->p2m_tables.end - l->p2m_tables.first);
    pv_layout_tables(l, b->g.p2m, tables, p2m_tables);
}

static void write_start_info(struct pv_build *b, const struct build_result *r)
{
    const struct pv_layout *l = &b->layout;
    struct start_info *si = guest_page(&b->g, l->start_info);

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
    if (b->g.ramdisk_size != 0) {
        bool by_pfn = b->g.kernel->image.initrd_by_pfn;

        si->mod_len = b->g.ramdisk_size;
        si->mod_start = by_pfn ? l->ramdisk.first : pv_layout_address(l, l->ramdisk.first);
        si->flags |= by_pfn ? SIF_MOD_START_PFN : 0;
    }
    if (b->g.config->cmdline != NULL) {
        strcpy((char *)si->cmd_line, b->g.config->cmdline); /* guest_sizes() has checked its length */
    }
}

/* The other end may start before the guest asks: no events until it does. */
static void write_shared_info(struct pv_build *b)
{
    struct shared_info *s = (struct shared_info *)(b->g.map + ((b->g.map_pages - 1) << PAGE_SHIFT));

    for (unsigned int i = 0; i < b->g.config->vcpus && i < LEGACY_VCPUS; i++) {
        s->vcpu_info[i].evtchn_upcall_mask = 1;
    }
}

static int write_memory(struct pv_build *b, const struct build_result *r)
{
    char *console;
    int rc;

    choose_windows(b);
    rc = guest_map(&b->g, &b->shared_info);
    if (rc < 0) {
        return rc;
    }
    console = guest_page(&b->g, b->layout.console);
    guest_see_dirt(&b->g, console);
    rc = guest_load_kernel(&b->g);
    rc = rc < 0 ? rc : write_hypercall_page(b);
    if (rc == 0 && b->g.ramdisk_size != 0) {
        rc = guest_load_ramdisk(&b->g, b->layout.ramdisk.first);
    }
    if (rc == 0) {
        memcpy(guest_page(&b->g, b->layout.p2m.first), b->g.p2m,
               (b->layout.p2m.end - b->layout.p2m.first) << PAGE_SHIFT);
        guest_clear_pages(guest_page(&b->g, b->layout.start_info), 1);
        guest_clear_pages(guest_page(&b->g, b->layout.store), 1);
        guest_clear_pages(console, 1);
        write_start_info(b, r);
        write_shared_info(b);
        write_tables(b);
    }
    guest_unmap(&b->g);
    return rc;
}

/* ---- connections, the first vcpu ---- */

static int connect_rings(struct pv_build *b, struct build_result *r)
{
    struct xen_domctl_getdomaininfo info;
    int rc = ctrl_domain_info(b->g.c, b->g.config->domid, &info);

    if (rc < 0) {
        return guest_failed(&b->g, rc, "the new domain has gone");
    }
    b->shared_info = info.shared_info_frame;
    r->pages = b->layout.pages;
    r->console_mfn = b->g.p2m[b->layout.console];
    r->store_mfn = b->g.p2m[b->layout.store];
    return guest_ports(&b->g, r);
}

static int start_vcpu(struct pv_build *b)
{
    const struct pv_layout *l = &b->layout;
    uint64_t l4 = b->g.p2m[l->tables.first];
    struct mmuext_op pin = { .cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = l4 };
    struct vcpu_guest_context *v = calloc(1, sizeof(*v));
    int rc;

    if (v == NULL) {
        return err_set(b->g.e, -ENOMEM, "out of memory");
    }
    rc = ctrl_mmuext_op(b->g.c, b->g.config->domid, &pin, 1);
    if (rc < 0) {
        free(v);
        return guest_failed(&b->g, rc, "the hypervisor refuses the guest's page tables");
    }
    v->flags = VGCF_in_kernel | VGCF_online;
    v->user_regs.rip = b->g.kernel->image.entry;
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
    rc = ctrl_vcpu_context_set(b->g.c, b->g.config->domid, 0, v, sizeof(*v));
    free(v);
    return rc < 0 ? guest_failed(&b->g, rc, "the hypervisor refuses the guest's first vcpu") : 0;
}

int build_pv(struct err *e, struct ctrl *c, const struct build_config *config, struct build_result *result)
{
    struct pv_build b = {
        .g = { .e = e, .c = c, .config = config, .kernel = config->kernel, .ramdisk = -1 }
    };
    int rc = check_image(&b);

    *result = (struct build_result){ 0 };
    rc = rc < 0 ? rc : guest_sizes(&b.g);
    rc = rc < 0 ? rc : guest_check_cmdline(&b.g);
    rc = rc < 0 ? rc : lay_out(&b);
    rc = rc < 0 ? rc : give_memory(&b);
    rc = rc < 0 ? rc : connect_rings(&b, result);
    rc = rc < 0 ? rc : write_memory(&b, result);
    rc = rc < 0 ? rc : start_vcpu(&b);
    rc = rc < 0 ? rc : guest_grants(&b.g, result);
    guest_close(&b.g);
    return rc;
}
