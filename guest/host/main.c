/* SPDX-License-Identifier: MIT */
/*
 * A PV dom0 that is nothing but a toolstack for one PVH test kernel: the kernel is dom0's initial ramdisk, its command
 * line is ours. Builds the domain with memory, boot record and register state as libxc would, runs it, prints its
 * console behind "guest: ", says how it ended, and destroys it.
 *
 * Command line: vcpus=N (default 1), rounds=N (default 1; with more, free memory is compared before and after, and
 * must be the same but for inexact=N pages), end=N (the shutdown reason to be expected, default 0: power-off; 255:
 * any), limit=N (the guest is destroyed after so many milliseconds, which is reason 255), demand=N (the last 512 pages
 * are populated when they are first touched, up to N of them), share=1 (is the backend of pvh-share), log=1 (logs what
 * pvh-log writes).
 */
#include "abi/domctl.h"
#include "abi/hvm_op.h"
#include "abi/hvm_params.h"
#include "abi/hvm_save.h"
#include "abi/memory.h"
#include "abi/sched.h"
#include "abi/sysctl.h"
#include "guest/host/share.h"
#include "guest/libguest/events.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/pvh/share.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"
#include "guest/libguest/time.h"
#include "guest/libguest/x86/pagetable.h"

#include <xen/arch-x86/hvm/start_info.h>
#include <xen/elfnote.h>
#include <xen/io/console.h>

enum { DOM = 33, EXTENT_ORDER = 9, EXTENTS = 24, PAGES = EXTENTS << EXTENT_ORDER };
enum { INFO_GFN = 1, RING_GFN = 2, CONTEXT_BYTES = 65536 };
enum { PT_LOAD = 1, PT_NOTE = 4, ANY_END = 255 };

struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum;
};

struct elf_segment {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

/* The boot record's page. */
struct info_page {
    struct hvm_start_info info;
    struct hvm_memmap_table_entry map[1];
    char cmdline[1024];
};

struct cpu_context {
    struct hvm_save_descriptor header_desc;
    struct hvm_save_header header;
    struct hvm_save_descriptor cpu_desc;
    struct hvm_hw_cpu cpu;
    struct hvm_save_descriptor end_desc;
} __attribute__((packed));

static struct xen_domctl op;
static xen_pfn_t extents[EXTENTS];
static uint8_t full[CONTEXT_BYTES] __attribute__((aligned(16)));
static struct cpu_context context;

static long call(unsigned int cmd)
{
    op.cmd = cmd;
    op.domain = DOM;
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    return hypercall(__HYPERVISOR_domctl, (unsigned long)&op, 0, 0, 0, 0);
}

static void must(long rc, const char *what)
{
    if (rc != 0) {
        test_note("%s: %ld", what, rc);
        test_broken("cannot build the guest");
    }
}

/* ---- Memory ---- */
static void map_page(void *va, unsigned long gfn)
{
    must(hypercall(__HYPERVISOR_update_va_mapping_otherdomain, (unsigned long)va, pte_make(gfn, PTE_DATA),
                   UVMF_INVLPG, DOM, 0),
         "map a page of the guest");
}

static void unmap_page(void *va)
{
    must(hypercall_update_va_mapping((unsigned long)va, 0, UVMF_INVLPG), "unmap it");
}

static void put_page(unsigned long gfn, unsigned int offset, const void *data, unsigned int bytes)
{
    static char *window;

    window = window != NULL ? window : pagetable_reserve_va();
    map_page(window, gfn);
    memcpy(window + offset, data, bytes);
    unmap_page(window);
}

static void put(uint64_t paddr, const uint8_t *data, uint64_t bytes)
{
    while (bytes > 0) {
        unsigned int offset = paddr & 4095;
        unsigned int part = 4096 - offset < bytes ? 4096 - offset : bytes;

        put_page(paddr >> 12, offset, data, part);
        paddr += part;
        data += part;
        bytes -= part;
    }
}

static uint32_t entry_of_notes(const uint8_t *notes, uint64_t bytes)
{
    for (uint64_t at = 0; at + 12 <= bytes;) {
        const uint32_t *n = (const uint32_t *)(notes + at);

        if (n[2] == XEN_ELFNOTE_PHYS32_ENTRY) {
            return *(const uint32_t *)(notes + at + 12 + ((n[0] + 3) & ~3U));
        }
        at += 12 + ((n[0] + 3) & ~3U) + ((n[1] + 3) & ~3U);
    }
    test_broken("the kernel has no PVH entry");
}

/* Loads the kernel: its entry. */
static uint32_t load(const uint8_t *image)
{
    const struct elf_header *h = (const void *)image;
    const struct elf_segment *s = (const void *)(image + h->phoff);
    uint32_t entry = 0;

    for (unsigned int i = 0; i < h->phnum; i++) {
        if (s[i].type == PT_LOAD) {
            put(s[i].paddr, image + s[i].offset, s[i].filesz);
        } else if (s[i].type == PT_NOTE) {
            entry = entry_of_notes(image + s[i].offset, s[i].filesz);
        }
    }
    return entry;
}

static void write_info(void)
{
    static struct info_page page;
    uint64_t base = (uint64_t)INFO_GFN << 12;

    memset(&page, 0, sizeof(page));
    page.info.magic = XEN_HVM_START_MAGIC_VALUE;
    page.info.version = 1;
    page.info.cmdline_paddr = base + offsetof(struct info_page, cmdline);
    page.info.memmap_paddr = base + offsetof(struct info_page, map);
    page.info.memmap_entries = 1;
    page.map[0].size = (uint64_t)PAGES << 12;
    page.map[0].type = XEN_HVM_MEMMAP_TYPE_RAM;
    memcpy(page.cmdline, start_cmdline(), sizeof(page.cmdline));
    page.cmdline[sizeof(page.cmdline) - 1] = 0;
    put(base, (const uint8_t *)&page, sizeof(page));
}

/* A few milliseconds in which the guest has the CPU for itself. */
static void nap(void)
{
    struct sched_poll poll = { .timeout = time_now() + 3000000UL };

    hypercall_sched_op(SCHEDOP_poll, &poll);
}

/* ---- Registers ---- */
static void get_context(void)
{
    memset(&op.u, 0, sizeof(op.u));
    op.u.hvmcontext.size = sizeof(full);
    set_xen_guest_handle(op.u.hvmcontext.buffer, full);
    must(call(XEN_DOMCTL_gethvmcontext), "gethvmcontext");
}

/* The time stamp counter that the first vcpu's record tells, behind the header's. */
static uint64_t told_counter(void)
{
    struct hvm_save_descriptor desc;
    struct hvm_hw_cpu cpu;
    unsigned int at = sizeof(desc) + sizeof(struct hvm_save_header);

    get_context();
    memcpy(&desc, full + at, sizeof(desc));
    memcpy(&cpu, full + at + sizeof(desc), sizeof(cpu));
    return desc.typecode == HVM_SAVE_CODE(CPU) && desc.instance == 0 ? cpu.tsc : 0;
}

/* It goes on when the guest has ended. */
static void expect_counter(void)
{
    uint64_t before = told_counter();

    nap();
    EXPECT(before != 0 && told_counter() > before);
}

static void set_context(uint32_t entry)
{
    static struct hvm_hw_cpu cpu;
    struct hvm_hw_cpu *c = &cpu;

    get_context();
    memset(&context, 0, sizeof(context));
    memcpy(&context.header_desc, full, sizeof(context.header_desc) + sizeof(context.header));
    context.cpu_desc.typecode = HVM_SAVE_CODE(CPU);
    context.cpu_desc.length = sizeof(*c);
    c->cs_limit = c->ds_limit = c->es_limit = c->ss_limit = ~0U;
    c->cs_arbytes = 0xc9b;
    c->ds_arbytes = c->es_arbytes = c->ss_arbytes = 0xc93;
    c->tr_limit = 0x67;
    c->tr_arbytes = 0x8b;
    c->cr0 = 0x11;
    c->rflags = 2;
    c->rip = entry;
    c->rbx = (uint64_t)INFO_GFN << 12;
    context.cpu = cpu;
    memset(&op.u, 0, sizeof(op.u));
    op.u.hvmcontext.size = sizeof(context);
    set_xen_guest_handle(op.u.hvmcontext.buffer, (uint8_t *)&context);
    must(call(XEN_DOMCTL_sethvmcontext), "sethvmcontext");
}

static struct vcpu_guest_context *vcpu_context(uint32_t cmd)
{
    static struct vcpu_guest_context c;

    memset(&op.u, 0, sizeof(op.u));
    set_xen_guest_handle(op.u.vcpucontext.ctxt, &c);
    must(call(cmd), "a vcpu's context");
    return &c;
}

/* Registers by the other record, which debuggers use: changed, seen, and changed back. */
static void try_vcpu_context(uint32_t entry)
{
    struct vcpu_guest_context *c = vcpu_context(XEN_DOMCTL_getvcpucontext);

    EXPECT_EQ(c->user_regs.rip, entry);
    EXPECT(c->flags & VGCF_online);
    c->user_regs.rsi = 0x123456789a;
    c->debugreg[1] = 0x4000;
    vcpu_context(XEN_DOMCTL_setvcpucontext);
    c->user_regs.rsi = c->debugreg[1] = 0;
    vcpu_context(XEN_DOMCTL_getvcpucontext);
    EXPECT_EQ(c->user_regs.rsi, 0x123456789a);
    EXPECT_EQ(c->debugreg[1], 0x4000);
    EXPECT_EQ(c->user_regs.rip, entry);
    EXPECT(c->flags & VGCF_online);
    c->user_regs.rsi = c->debugreg[1] = 0;
    vcpu_context(XEN_DOMCTL_setvcpucontext);
}

/* ---- Its console ---- */
static struct xencons_interface *ring;

static void set_param(unsigned int index, uint64_t value)
{
    struct xen_hvm_param p = { .domid = DOM, .index = index, .value = value };

    must(hypercall(__HYPERVISOR_hvm_op, HVMOP_set_param, (unsigned long)&p, 0, 0, 0), "set a parameter");
}

static void open_console(void)
{
    static char zero[4096];
    unsigned int port = 0;

    ring = ring != NULL ? ring : pagetable_reserve_va();
    put((uint64_t)RING_GFN << 12, (const uint8_t *)zero, sizeof(zero));
    map_page(ring, RING_GFN);
    must(events_alloc_unbound(DOM, DOMID_SELF, &port), "its console's event channel");
    set_param(HVM_PARAM_CONSOLE_PFN, RING_GFN);
    set_param(HVM_PARAM_CONSOLE_EVTCHN, port);
}

/* Prints what the guest wrote, by whole lines. */
static void read_console(void)
{
    static char line[256];
    static unsigned int used;
    XENCONS_RING_IDX cons = ring->out_cons;
    XENCONS_RING_IDX prod = __atomic_load_n(&ring->out_prod, __ATOMIC_ACQUIRE);

    if (prod - cons > sizeof(ring->out)) {
        return; /* the guest has lost its mind */
    }
    while (cons != prod) {
        char c = ring->out[MASK_XENCONS_IDX(cons, ring->out)];

        cons++;
        if (c == '\n' || used == sizeof(line) - 1) {
            line[used] = 0;
            print("guest: %s\n", line);
            used = 0;
        } else if (c != '\r') {
            line[used++] = c;
        }
    }
    __atomic_store_n(&ring->out_cons, cons, __ATOMIC_RELEASE);
}

/* ---- A guest's life ---- */
/* The last extent, page by page on demand, with so many pages set aside. */
static void populate_on_demand(uint64_t pages)
{
    static xen_pfn_t singles[1 << EXTENT_ORDER];
    struct xen_pod_target target = { .target_pages = pages, .domid = DOM };
    struct xen_memory_reservation r = { .nr_extents = 1 << EXTENT_ORDER,
                                        .mem_flags = XENMEMF_populate_on_demand,
                                        .domid = DOM };

    must(hypercall_memory_op(XENMEM_set_pod_target, &target), "set_pod_target");
    for (unsigned int i = 0; i < 1 << EXTENT_ORDER; i++) {
        singles[i] = PAGES - (1 << EXTENT_ORDER) + i;
    }
    set_xen_guest_handle(r.extent_start, singles);
    must(hypercall_memory_op(XENMEM_populate_physmap, &r) - r.nr_extents, "populate on demand");
}

static void build(unsigned int vcpus)
{
    unsigned long demand = string_option(start_cmdline(), "demand", 0);
    struct xen_memory_reservation r = { .nr_extents = demand != 0 ? EXTENTS - 1 : EXTENTS,
                                        .extent_order = EXTENT_ORDER,
                                        .domid = DOM };

    memset(&op.u, 0, sizeof(op.u));
    op.u.createdomain.flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
    op.u.createdomain.arch.emulation_flags = XEN_X86_EMU_LAPIC;
    op.u.createdomain.max_vcpus = vcpus;
    op.u.createdomain.max_evtchn_port = 1023;
    op.u.createdomain.max_grant_frames = 8;
    op.u.createdomain.max_maptrack_frames = 8;
    op.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(2);
    must(call(XEN_DOMCTL_createdomain), "createdomain");
    memset(&op.u, 0, sizeof(op.u));
    op.u.max_vcpus.max = vcpus;
    must(call(XEN_DOMCTL_max_vcpus), "max_vcpus");
    memset(&op.u, 0, sizeof(op.u));
    op.u.paging_mempool.size = 4UL << 20;
    must(call(XEN_DOMCTL_set_paging_mempool_size), "paging pool");
    memset(&op.u, 0, sizeof(op.u));
    op.u.max_mem.max_memkb = (PAGES + 64) * 4;
    must(call(XEN_DOMCTL_max_mem), "max_mem");
    for (unsigned int i = 0; i < EXTENTS; i++) {
        extents[i] = (xen_pfn_t)i << EXTENT_ORDER;
    }
    set_xen_guest_handle(r.extent_start, extents);
    if (demand != 0) {
        populate_on_demand(demand);
    }
    must(hypercall_memory_op(XENMEM_populate_physmap, &r) - r.nr_extents, "populate_physmap");
}

/* ---- What it shares with us ---- */
static struct share *share;
static void (*step)(unsigned int dom, struct share *s);

static void open_share(void)
{
    static struct share record;
    static char *window;
    bool logs = string_option(start_cmdline(), "log", 0) != 0;

    if (logs || string_option(start_cmdline(), "share", 0) != 0) {
        step = logs ? log_step : share_step;
        record = (struct share){ .magic = logs ? SHARE_MAGIC_LOG : SHARE_MAGIC };
        window = pagetable_reserve_va();
        put_page(INFO_GFN, SHARE_OFFSET, &record, sizeof(record));
        map_page(window, INFO_GFN);
        share = (struct share *)(window + SHARE_OFFSET);
    }
}

/* Until it has shut down: the reason. */
static unsigned int wait(void)
{
    uint64_t limit = string_option(start_cmdline(), "limit", 0) * 1000000UL;
    uint64_t end = limit == 0 ? ~0UL : time_now() + limit;

    while (time_now() < end) {
        memset(&op.u, 0, sizeof(op.u));
        must(call(XEN_DOMCTL_getdomaininfo), "getdomaininfo");
        read_console();
        if (share != NULL) {
            step(DOM, share);
        }
        if (op.u.getdomaininfo.flags & XEN_DOMINF_shutdown) {
            return op.u.getdomaininfo.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;
        }
        nap();
    }
    return ANY_END;
}

static void expect_end(unsigned int reason, unsigned int wanted)
{
    if (wanted != ANY_END) {
        EXPECT_EQ(reason, wanted);
    }
}

static void destroy(void)
{
    long rc;

    while ((rc = call(XEN_DOMCTL_destroydomain)) == -EAGAIN) {
    }
    must(rc, "destroydomain");
    while (call(XEN_DOMCTL_pausedomain) != -ESRCH) {
        hypercall_sched_op(SCHEDOP_yield, NULL);
    }
}

static unsigned int live(unsigned int vcpus)
{
    unsigned int reason;
    uint32_t entry;

    build(vcpus);
    entry = load((const uint8_t *)start_info->mod_start);
    set_context(entry);
    try_vcpu_context(entry);
    write_info();
    open_console();
    open_share();
    must(call(XEN_DOMCTL_unpausedomain), "unpause");
    reason = wait();
    if (reason == SHUTDOWN_poweroff) {
        expect_counter();
    }
    unmap_page(ring);
    if (share != NULL) {
        unmap_page((char *)share - SHARE_OFFSET);
        share = NULL;
    }
    destroy();
    return reason;
}

static uint64_t free_pages(void)
{
    static struct xen_sysctl s;

    s = (struct xen_sysctl){ .cmd = XEN_SYSCTL_physinfo, .interface_version = XEN_SYSCTL_INTERFACE_VERSION };
    must(hypercall(__HYPERVISOR_sysctl, (unsigned long)&s, 0, 0, 0, 0), "physinfo");
    return s.u.physinfo.free_pages + s.u.physinfo.scrub_pages;
}

/* The hypervisor may free with a delay. */
static uint64_t settled(uint64_t wanted)
{
    uint64_t end = time_now() + 3000000000UL;
    uint64_t now = free_pages();

    while (now != wanted && time_now() < end) {
        hypercall_sched_op(SCHEDOP_yield, NULL);
        now = free_pages();
    }
    return now;
}

void test_main(void)
{
    unsigned long vcpus = string_option(start_cmdline(), "vcpus", 1);
    unsigned long rounds = string_option(start_cmdline(), "rounds", 1);
    unsigned long end = string_option(start_cmdline(), "end", SHUTDOWN_poweroff);
    unsigned long inexact = string_option(start_cmdline(), "inexact", 0);
    uint64_t before, after;

    if (start_info->mod_len == 0) {
        test_broken("no kernel was given");
    }
    expect_end(live(vcpus), end);
    if (rounds == 1) {
        return;
    }
    expect_end(live(vcpus), end); /* the hypervisor's caches are full now */
    before = settled(0);
    for (unsigned long i = 2; i < rounds; i++) {
        expect_end(live(vcpus), end);
    }
    after = settled(before);
    EXPECT(after <= before + inexact && before <= after + inexact);
    test_note("%lu guests, free pages %lu before, %lu after", rounds, before, after);
}
