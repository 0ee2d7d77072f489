/* SPDX-License-Identifier: MIT */
/*
 * The PVH guest builder: see build.h and, for what it shares with PV, guest.h. The hypervisor translates the
 * guest's addresses, so there is no P2M list and there are no page tables; what the guest starts with are a
 * record (pvh_layout.h), ACPI tables (acpi.h), parameters that say where console and store are, and the state
 * of the first vcpu: 32 bits, flat segments, no paging. The others come up by INIT and SIPI.
 *
 * With less memory than maxmem all of it is populated on demand from as much as memory= says.
 */
#include "abi/hvm_params.h"
#include "abi/hvm_save.h"
#include "lib/build/build.h"
#include "lib/build/x86/acpi.h"
#include "lib/build/x86/cpu_topology.h"
#include "lib/build/x86/guest_kernel.h"
#include "lib/build/x86/kernel_file.h"
#include "lib/build/x86/pvh_layout.h"
#include "lib/ctrl/x86.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLACK_KIB 1024 /* for pages beyond memory=: tables, rings, grants */

#define CR0_PE        0x1
#define CR0_ET        0x10
#define RFLAGS_FIXED  0x2
#define FLAT_CODE     0xc9b /* 32 bits, present, accessed */
#define FLAT_DATA     0xc93
#define TSS_BUSY      0x8b
#define TSS_LIMIT     0x67
#define MTRR_ENABLE   0x800
#define MTRR_WRITE_BACK 6
#define DR6_INIT      0xffff0ff0U
#define DR7_INIT      0x400
#define IDENTITY_FLAGS  0xe7 /* 4 MiB, present, writable, user, accessed, dirty */
#define NO_MISSED_TICKS 1    /* of a virtual timer: one that comes late comes once */

struct pvh_build {
    struct guest_build g;
    uint64_t max_pages; /* of maxmem= */
    struct pvh_layout layout;
};

void build_pvh_domain(struct xen_domctl_createdomain *make, bool hap, bool vuart)
{
    make->flags |= XEN_DOMCTL_CDF_hvm | (hap ? XEN_DOMCTL_CDF_hap : 0);
    make->arch.emulation_flags = XEN_X86_EMU_LAPIC;
}

/* ---- before memory ---- */

static int lay_out(struct pvh_build *b)
{
    const struct build_config *p = b->g.config;

    if (p->acpi && p->vcpus > ACPI_VCPUS_MAX) {
        return err_set(b->g.e, -E2BIG, "%u vcpus are too many: ACPI tables are made for %d", p->vcpus, ACPI_VCPUS_MAX);
    }
    b->max_pages = p->maxmem_kib / (PAGE_SIZE / 1024);
    return pvh_layout_make(b->g.e, &b->g.kernel->image, b->max_pages, b->g.pages, b->g.ramdisk_size, p->cmdline,
                           p->acpi ? acpi_size(p->vcpus) : 0, &b->layout);
}

/* Tables of 8 bytes for each page, twice over, and 1 MiB for each vcpu: as much as xl.cfg(5) says. */
static uint64_t paging_kib(const struct build_config *p)
{
    return p->paging_kib != 0 ? p->paging_kib : 1024ULL * p->vcpus + 8 * DIV_ROUND_UP(p->maxmem_kib, 1024);
}

/* ---- memory ---- */

static int set_limits(struct pvh_build *b)
{
    struct hvm_memmap_table_entry map[PVH_MAP_ENTRIES];
    struct ctrl_e820_entry e820[PVH_MAP_ENTRIES];
    unsigned int count = pvh_layout_map(&b->layout, map);
    int rc = ctrl_paging_pool_set(b->g.c, b->g.config->domid, paging_kib(b->g.config) << 10);

    if (rc < 0) {
        return guest_failed(&b->g, rc, "cannot set aside memory for the hypervisor's tables of the guest");
    }
    for (unsigned int i = 0; i < count; i++) {
        e820[i] = (struct ctrl_e820_entry){ map[i].addr, map[i].size, map[i].type };
    }
    rc = guest_limits(&b->g, b->g.config->memory_kib + SLACK_KIB);
    return rc < 0 ? rc : guest_set_map(&b->g, e820, count);
}

static int populate_memory(struct pvh_build *b)
{
    bool demand = b->max_pages > b->g.pages;
    unsigned int flags = demand ? XENMEMF_populate_on_demand : 0;
    int rc = demand ? ctrl_pod_target_set(b->g.c, b->g.config->domid, b->g.pages, NULL) : 0;

    if (rc < 0) {
        return guest_failed(&b->g, rc, "not enough memory for populate on demand");
    }
    rc = guest_populate(&b->g, b->layout.low, flags);
    return rc < 0 || b->layout.high.first == b->layout.high.end ? rc : guest_populate(&b->g, b->layout.high, flags);
}

/* The pages beyond the guest's memory, in one call. */
static int populate_special(struct pvh_build *b)
{
    const struct pvh_layout *l = &b->layout;
    size_t count = l->acpi.end - l->acpi.first + l->special.end - l->special.first;
    xen_pfn_t *frames = calloc(count, sizeof(*frames));
    size_t n = 0;
    long got;

    if (frames == NULL) {
        return err_set(b->g.e, -ENOMEM, "out of memory");
    }
    for (uint64_t pfn = l->acpi.first; pfn < l->acpi.end; pfn++) {
        frames[n++] = pfn;
    }
    for (uint64_t pfn = l->special.first; pfn < l->special.end; pfn++) {
        frames[n++] = pfn;
    }
    got = ctrl_populate(b->g.c, b->g.config->domid, 0, 0, count, frames);
    free(frames);
    if (got != (long)count) {
        return guest_failed(&b->g, got < 0 ? (int)got : -ENOMEM, "no memory for the guest's rings");
    }
    return 0;
}

static int give_memory(struct pvh_build *b)
{
    int rc = set_limits(b);

    rc = rc < 0 ? rc : populate_memory(b);
    rc = rc < 0 ? rc : populate_special(b);
    guest_claim_end(&b->g);
    return rc;
}

/* ---- contents ---- */

/* What a processor without real mode needs while it stands in for it. */
static void write_identity(void *page)
{
    uint32_t *entries = page;

    for (uint32_t i = 0; i < PAGE_SIZE / sizeof(*entries); i++) {
        entries[i] = i << 22 | IDENTITY_FLAGS;
    }
}

static void choose_windows(struct pvh_build *b)
{
    const struct pvh_layout *l = &b->layout;

    guest_add_kernel(&b->g);
    guest_add_window(&b->g, l->ramdisk.first, l->start.end);
    guest_add_window(&b->g, l->acpi.first, l->acpi.end);
    guest_add_window(&b->g, l->special.first, l->special.end);
}

static int write_memory(struct pvh_build *b)
{
    const struct pvh_layout *l = &b->layout;
    int rc;

    choose_windows(b);
    rc = guest_map(&b->g, NULL);
    if (rc < 0) {
        return rc;
    }
    guest_see_dirt(&b->g, guest_page(&b->g, l->console));
    rc = guest_load_kernel(&b->g);
    if (rc == 0 && b->g.ramdisk_size != 0) {
        rc = guest_load_ramdisk(&b->g, l->ramdisk.first);
    }
    if (rc == 0) {
        guest_clear_pages(guest_page(&b->g, l->start.first), l->start.end - l->start.first);
        guest_clear_pages(guest_page(&b->g, l->special.first), l->special.end - l->special.first);
        pvh_layout_start(l, guest_page(&b->g, l->start.first));
        if (cpu_has_vmx()) {
            write_identity(guest_page(&b->g, l->identity));
        }
    }
    if (rc == 0 && b->g.config->acpi) {
        guest_clear_pages(guest_page(&b->g, l->acpi.first), l->acpi.end - l->acpi.first);
        acpi_write(l->acpi.first << PAGE_SHIFT, b->g.config->vcpus, guest_page(&b->g, l->acpi.first));
    }
    guest_unmap(&b->g);
    return rc;
}

/* ---- connections ---- */

static int set_params(struct pvh_build *b, const struct build_result *r)
{
    int rc = guest_set_ring_params(&b->g, r);

    rc = rc < 0 ? rc : guest_set_param(&b->g, HVM_PARAM_TIMER_MODE, NO_MISSED_TICKS);
    if (rc == 0 && cpu_has_vmx()) {
        rc = guest_set_param(&b->g, HVM_PARAM_IDENT_PT, b->layout.identity << PAGE_SHIFT);
    }
    return rc;
}

static int connect_rings(struct pvh_build *b, struct build_result *r)
{
    int rc;

    r->pages = b->g.pages;
    r->store_mfn = b->layout.store;
    r->console_mfn = b->layout.console;
    rc = guest_ports(&b->g, r);
    return rc < 0 ? rc : set_params(b, r);
}

/* ---- the first vcpu ---- */

static void fill_cpu(struct hvm_hw_cpu *c, const struct pvh_build *b)
{
    c->cr0 = CR0_PE | CR0_ET;
    c->rflags = RFLAGS_FIXED;
    c->rip = b->g.kernel->image.entry;
    c->rbx = b->layout.start.first << PAGE_SHIFT;
    c->cs_limit = c->ds_limit = c->es_limit = c->ss_limit = UINT32_MAX;
    c->cs_arbytes = FLAT_CODE;
    c->ds_arbytes = c->es_arbytes = c->ss_arbytes = FLAT_DATA;
    c->tr_limit = TSS_LIMIT;
    c->tr_arbytes = TSS_BUSY;
    c->dr6 = DR6_INIT;
    c->dr7 = DR7_INIT;
}

/* Appends a record. */
static char *put_record(char *to, unsigned int type, unsigned int instance, const void *data, uint32_t length)
{
    struct hvm_save_descriptor desc = { .typecode = (uint16_t)type, .instance = (uint16_t)instance, .length = length };

    memcpy(to, &desc, sizeof(desc));
    if (length != 0) {
        memcpy(to + sizeof(desc), data, length);
    }
    return to + sizeof(desc) + length;
}

/* The next record of a list; false at its end. */
static bool next_record(const char **at, const char *end, struct hvm_save_descriptor *desc, const char **data)
{
    if ((size_t)(end - *at) < sizeof(*desc)) {
        return false;
    }
    memcpy(desc, *at, sizeof(*desc));
    *data = *at + sizeof(*desc);
    if (desc->length > (size_t)(end - *data) || desc->typecode == HVM_SAVE_CODE(END)) {
        return false;
    }
    *at = *data + desc->length;
    return true;
}

/*
 * Of what the hypervisor has made of a new domain, `from`: the header as it is, each vcpu's MTRRs so that all of
 * memory is cached, and the first vcpu's registers, which are new. Returns the bytes written.
 */
static size_t make_context(const struct pvh_build *b, const char *from, size_t size, char *to)
{
    struct hvm_hw_cpu cpu = { 0 };
    struct hvm_save_descriptor desc;
    struct hvm_hw_mtrr mtrr;
    const char *end = from + size, *data;
    char *at = to;

    fill_cpu(&cpu, b);
    while (next_record(&from, end, &desc, &data)) {
        if (desc.typecode == HVM_SAVE_CODE(HEADER)) {
            at = put_record(at, desc.typecode, 0, data, desc.length);
            at = put_record(at, HVM_SAVE_CODE(CPU), 0, &cpu, sizeof(cpu));
        } else if (desc.typecode == HVM_SAVE_CODE(MTRR) && desc.length == sizeof(mtrr)) {
            memcpy(&mtrr, data, sizeof(mtrr));
            mtrr.msr_mtrr_def_type = MTRR_ENABLE | MTRR_WRITE_BACK;
            at = put_record(at, desc.typecode, desc.instance, &mtrr, sizeof(mtrr));
        }
    }
    return (size_t)(put_record(at, HVM_SAVE_CODE(END), 0, NULL, 0) - to);
}

static int start_vcpu(struct pvh_build *b)
{
    domid_t domid = b->g.config->domid;
    int size = ctrl_hvm_context_get(b->g.c, domid, NULL, 0);
    size_t room = sizeof(struct hvm_hw_cpu) + sizeof(struct hvm_save_descriptor) * 2;
    char *old, *new;
    int rc;

    if (size < 0) {
        return guest_failed(&b->g, size, "the hypervisor does not tell the guest's state");
    }
    old = malloc((size_t)size);
    new = malloc((size_t)size + room);
    rc = old == NULL || new == NULL ? -ENOMEM : ctrl_hvm_context_get(b->g.c, domid, old, (uint32_t)size);
    if (rc >= 0) {
        rc = ctrl_hvm_context_set(b->g.c, domid, new, (uint32_t)make_context(b, old, (size_t)rc, new));
    }
    free(old);
    free(new);
    return rc < 0 ? guest_failed(&b->g, rc, "the hypervisor refuses the guest's first vcpu") : 0;
}

int build_pvh(struct err *e, struct ctrl *c, const struct build_config *config, struct build_result *result)
{
    struct pvh_build b = {
        .g = { .e = e, .c = c, .config = config, .kernel = config->kernel, .ramdisk = -1 }
    };
    int rc = guest_sizes(&b.g);

    *result = (struct build_result){ 0 };
    rc = rc < 0 ? rc : guest_check_cmdline(&b.g);
    rc = rc < 0 ? rc : lay_out(&b);
    rc = rc < 0 ? rc : cpu_topology_set(e, c, config->domid, config->vcpus);
    rc = rc < 0 ? rc : give_memory(&b);
    rc = rc < 0 ? rc : connect_rings(&b, result);
    rc = rc < 0 ? rc : write_memory(&b);
    rc = rc < 0 ? rc : start_vcpu(&b);
    rc = rc < 0 ? rc : guest_grants(&b.g, result);
    guest_close(&b.g);
    return rc;
}
