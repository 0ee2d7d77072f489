/* SPDX-License-Identifier: MIT */
/*
 * Building dom0: its memory at the machine's own addresses (its devices are not behind an IOMMU), kernel, initrd and
 * device tree in it, the machine's devices and their interrupts. What is wrong with any of it is said in one line, and
 * the boot ends.
 */
#include <libfdt.h>

#include "abi/domctl.h"
#include "hv/arch/arm/cpu/gic.h"
#include "hv/arch/arm/cpu/paging.h"
#include "hv/arch/arm/guest/vgic.h"
#include "hv/base/printk.h"
#include "hv/core/arch_guest.h"
#include "hv/core/p2m.h"
#include "hv/core/sched.h"
#include "hv/core/wallclock.h"
#include "hv/drivers/fdt.h"
#include "hv/init/arm/bootinfo.h"
#include "hv/init/arm/main.h"
#include "hv/init/arm/passthrough.h"
#include "hv/init/cmdline.h"
#include "hv/lib/bitmap.h"
#include "hv/lib/string.h"
#include "hv/mm/page_alloc.h"

#define DEFAULT_MEMORY (512UL << 20) /* what dom0 gets when dom0_mem= does not say */
#define TREE_ROOM      0x20000UL     /* beside the machine's device tree */
#define LARGE_ORDER    9U            /* 2 MiB */
#define LARGE_SIZE     (PAGE_SIZE << LARGE_ORDER)
#define IMAGE_MAGIC    0x644d5241U
#define GRANT_SIZE     (16UL << 20)
#define SPACE_END      (1ULL << 40)  /* of stage 2 */
#define TABLES_DOM0    (1U << 16)    /* pages its stage 2 tables may use */

#define fail(...) panic("dom0: " __VA_ARGS__)

/* The header of an arm64 Linux image. */
struct image_header {
    uint32_t code[2];
    uint64_t text_offset;
    uint64_t image_size;
    uint64_t flags;
    uint64_t reserved[3];
    uint32_t magic;
    uint32_t pe;
};

static struct domain *dom0;
static struct dom0_tree tree;
static uint64_t kernel_entry;
static uint64_t tree_start;

static void *at_machine(uint64_t address)
{
    return (char *)arch_direct_map(_mfn(address >> PAGE_SHIFT)) + (address & ~PAGE_MASK);
}

/* ---- the domain and its memory ------------------------------------------------------------------ */

static unsigned int choose_vcpus(void)
{
    unsigned int n = bitmap_weight(arch_cpus_online.bits, MAX_CPUS);

    if (cmdline.dom0_max_vcpus != 0) {
        n = MIN(MAX(n, cmdline.dom0_min_vcpus), cmdline.dom0_max_vcpus);
    }
    return MIN(n, gic_machine.version == 2 ? 8U : GUEST_VCPUS_MAX);
}

static void create_domain(void)
{
    struct xen_domctl_createdomain config = {
        .flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
        .max_vcpus = choose_vcpus(),
        .max_evtchn_port = -1,
        .max_grant_frames = (int32_t)cmdline.gnttab_max_frames,
        .max_maptrack_frames = (int32_t)cmdline.gnttab_max_maptrack_frames,
        .grant_opts = XEN_DOMCTL_GRANT_version(cmdline.gnttab_max_version),
        .arch.nr_spis = gic_machine.irq_count - GIC_SPI_FIRST,
    };
    int rc = domain_create(0, &config, true, &dom0);

    if (rc == 0) {
        dom0->arch->is_direct = true;
        dom0->p2m->table_limit = TABLES_DOM0;
        rc = domain_create_vcpus(dom0, config.max_vcpus);
    }
    if (rc != 0) {
        fail("it cannot be created (error %d)", -rc);
    }
    tree.vcpus = config.max_vcpus;
    tree.evtchn_irq = dom0->arch->evtchn_irq;
}

static void add_bank(mfn_t mfn, unsigned int order)
{
    struct machine_range *b = &tree.banks[tree.bank_count];
    uint64_t start = mfn_to_paddr(mfn).v;
    int rc = frame_assign(&dom0->memory, mfn, order, false);

    if (rc == 0) {
        rc = p2m_set(dom0, _gfn(mfn_x(mfn)), mfn, order, P2M_RAM); /* nobody's secrets are in memory behind it */
    }
    if (rc != 0) {
        fail("its memory cannot be mapped (error %d)", -rc);
    }
    if (tree.bank_count > 0 && b[-1].end == start) {
        b[-1].end += PAGE_SIZE << order;
    } else if (tree.bank_count > 0 && b[-1].start == start + (PAGE_SIZE << order)) {
        b[-1].start = start;
    } else {
        *b = (struct machine_range){ start, start + (PAGE_SIZE << order) };
        tree.bank_count++;
    }
}

/* Large blocks first, until the size is reached or there are as many banks as we describe. */
static void allocate_memory(void)
{
    uint64_t wanted = cmdline.dom0_mem.set ? cmdline_amount_bytes(&cmdline.dom0_mem,
                                                                  page_alloc_free_count() << PAGE_SHIFT)
                                           : DEFAULT_MEMORY;
    uint64_t left = ALIGN_DOWN(wanted, LARGE_SIZE) >> PAGE_SHIFT;
    unsigned int order = PAGE_MAX_ORDER;

    dom0->memory.max = left;
    while (left > 0 && tree.bank_count < DOM0_BANKS_MAX) {
        mfn_t mfn = (1UL << order) > left ? INVALID_MFN : page_alloc(order, PAGE_ZERO);

        if (!mfn_eq(mfn, INVALID_MFN)) {
            add_bank(mfn, order);
            left -= 1UL << order;
        } else if (order > LARGE_ORDER) {
            order--;
        } else {
            break;
        }
    }
    if (tree.bank_count == 0) {
        fail("there is not enough memory");
    }
    dom0->memory.max = dom0->memory.total;
    log_info("dom0: %lu MiB in %u banks, the first at 0x%lx, %u vcpus\n",
             (unsigned long)(dom0->memory.total >> 8), tree.bank_count, (unsigned long)tree.banks[0].start,
             tree.vcpus);
}

/* ---- what is loaded ------------------------------------------------------------------------------- */

static void copy_in(uint64_t to, const struct boot_module *m)
{
    paging_copy_clean(at_machine(to), at_machine(m->start), m->end - m->start);
}

/* The kernel at the start of the first bank, the initrd at its end, the device tree below that. */
static void load(const struct boot_module *kernel, const struct boot_module *initrd)
{
    const struct image_header *h = at_machine(kernel->start);
    const struct machine_range *bank = &tree.banks[0];
    uint64_t kernel_size = kernel->end - kernel->start;
    uint64_t top = bank->end;
    uint64_t end;

    if (kernel_size < sizeof(*h) || h->magic != IMAGE_MAGIC) {
        fail("its kernel is not an uncompressed arm64 Image");
    }
    if (h->text_offset >= LARGE_SIZE) {
        fail("its kernel's header makes no sense: it wants to be 0x%lx behind a multiple of 2 MiB",
             (unsigned long)h->text_offset);
    }
    if (h->image_size > bank->end - bank->start) {
        fail("its kernel needs %lu MiB, and the largest part of its memory has %lu",
             (unsigned long)(ALIGN_UP(h->image_size, 1UL << 20) >> 20),
             (unsigned long)((bank->end - bank->start) >> 20));
    }
    kernel_entry = ALIGN_UP(bank->start, LARGE_SIZE) + h->text_offset;
    end = kernel_entry + MAX(h->image_size, kernel_size);
    if (initrd != NULL) {
        uint64_t size = initrd->end - initrd->start;

        if (size > top - bank->start) {
            fail("its initrd is too large for its memory");
        }
        tree.initrd_start = ALIGN_DOWN(top - size, LARGE_SIZE);
        tree.initrd_end = tree.initrd_start + size;
        top = tree.initrd_start;
    }
    tree_start = ALIGN_DOWN(top - LARGE_SIZE, LARGE_SIZE);
    if (top < LARGE_SIZE || tree_start < end) {
        fail("kernel, initrd and device tree do not fit in its first %lu MiB",
             (unsigned long)((bank->end - bank->start) >> 20));
    }
    copy_in(kernel_entry, kernel);
    if (h->image_size > kernel_size) { /* what it writes before its caches are on */
        paging_clean_cache(at_machine(kernel_entry + kernel_size), h->image_size - kernel_size);
    }
    if (initrd != NULL) {
        copy_in(tree.initrd_start, initrd);
    }
}

static void make_tree(void)
{
    int size;

    tree.command_line = bootinfo.dom0_cmdline;
    tree.console_node = console_node;
    size = dom0_fdt_make(at_machine(tree_start), MIN(fdt_machine_size() + TREE_ROOM, LARGE_SIZE), &tree);
    if (size < 0) {
        fail("its device tree cannot be made (libfdt error %d)", -size);
    }
    paging_clean_cache(at_machine(tree_start), (size_t)size);
}

/* ---- devices ---------------------------------------------------------------------------------------- */

static bool overlaps_ram(uint64_t start, uint64_t end)
{
    for (unsigned int i = 0; i < machine.ram_count; i++) {
        if (start < machine.ram[i].end && machine.ram[i].start < end) {
            return true;
        }
    }
    return false;
}

/* Pages that another device has brought in already are fine. */
static void map_pages(uint64_t start, uint64_t end)
{
    while (start < end) {
        unsigned int order = start == 0 ? 18 : MIN(18U, (unsigned int)__builtin_ctzll(start) - PAGE_SHIFT);
        int rc;

        while ((PAGE_SIZE << order) > end - start) {
            order--;
        }
        rc = p2m_set(dom0, _gfn(start >> PAGE_SHIFT), _mfn(start >> PAGE_SHIFT), order, P2M_DEVICE);
        if (rc != 0 && rc != -EEXIST) {
            fail("device memory at 0x%lx cannot be mapped (error %d)", (unsigned long)start, -rc);
        }
        start += PAGE_SIZE << order;
    }
}

/* But for pages of devices that guests have, which others may share. */
static void map_device(uint64_t start, uint64_t end)
{
    uint64_t from;
    uint64_t to;

    start = ALIGN_DOWN(start, PAGE_SIZE);
    end = ALIGN_UP(end, PAGE_SIZE);
    if (start >= end || end > SPACE_END || overlaps_ram(start, end)) {
        return;
    }
    while (start < end && passthrough_overlaps(start, end, &from, &to)) {
        map_pages(start, from);
        start = to;
    }
    map_pages(start, end);
}

/* Not for dom0: what is ours, and what is no device. */
static bool is_withheld(int node)
{
    static const char *const ours[] = { "arm,gic-v3", "arm,cortex-a15-gic", "arm,gic-400", "arm,gic-v3-its",
                                        PASSTHROUGH_IOMMUS, "xen,multiboot-module", "multiboot,module" };
    const char *type = fdt_text(node, "device_type");

    if (node == console_node || !fdt_enabled(node) ||
        (type != NULL && (strcmp(type, "memory") == 0 || strcmp(type, "cpu") == 0))) {
        return true;
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(ours); i++) {
        if (fdt_is(node, ours[i])) {
            return true;
        }
    }
    return false;
}

/* A PCI host bridge's windows: PCI address of three cells, CPU address, size of two. */
static void map_pci_windows(int node)
{
    int length;
    const uint32_t *r = fdt_getprop(fdt_machine, node, "ranges", &length);

    for (int at = 0; r != NULL && at + 28 <= length; at += 28, r += 7) {
        uint64_t start = fdt_cells(r + 3, 2);
        uint64_t size = fdt_cells(r + 5, 2);
        int parent = fdt_parent(node);

        if (fdt_translate(fdt_machine, parent, &start) && start + size > start) {
            map_device(start, start + size);
        }
    }
}

static void map_devices(void)
{
    unsigned long withheld[BITMAP_LONGS(GIC_IRQ_MAX)] = { 0 };
    int node = -1;
    uint64_t start;
    uint64_t size;

    while ((node = fdt_next(node)) >= 0) {
        const char *type = fdt_text(node, "device_type");

        if (passthrough_has_node(node)) {
            passthrough_note_irqs(node, withheld);
            continue;
        }
        if (is_withheld(node)) {
            continue;
        }
        for (unsigned int i = 0; fdt_reg(node, i, &start, &size); i++) {
            if (start + size > start) {
                map_device(start, start + size);
            }
        }
        if (type != NULL && strcmp(type, "pci") == 0) {
            map_pci_windows(node);
        }
    }
    for (unsigned int irq = GIC_SPI_FIRST; irq < gic_machine.irq_count; irq++) {
        if (!passthrough_has_irq(irq) && !bit_test(withheld, irq)) {
            (void)!vgic_route(dom0, irq); /* those that are ours stay so */
        }
    }
}

static void place_gic(void)
{
    struct vgic *g = &dom0->arch->vgic;

    g->dist_base = gic_machine.dist_base;
    g->redist_base = gic_machine.redist_base;
    g->redist_size = gic_machine.redist_size;
    g->cpu_base = gic_machine.cpu_base;
    for (uint64_t at = 0; gic_machine.version == 2 && at < gic_machine.vcpu_size; at += PAGE_SIZE) {
        if (p2m_set(dom0, _gfn((gic_machine.cpu_base + at) >> PAGE_SHIFT),
                    _mfn((gic_machine.vcpu_base + at) >> PAGE_SHIFT), 0, P2M_DEVICE) != 0) {
            fail("its interrupt controller cannot be mapped");
        }
    }
}

/* Space for its grant table: machine addresses that are no RAM of anybody would do; ours lie where nothing is. */
static void choose_grant_space(void)
{
    uint64_t end = 0;

    for (unsigned int i = 0; i < machine.ram_count; i++) {
        end = MAX(end, machine.ram[i].end);
    }
    tree.grant_start = ALIGN_UP(end, 1UL << 30);
    tree.grant_size = GRANT_SIZE;
}

bool dom0_build(void)
{
    const struct boot_module *kernel = bootinfo_module(0, MODULE_KERNEL);

    if (kernel == NULL) {
        log_warning("no kernel for dom0 among the boot modules: there is none\n");
        return false;
    }
    create_domain();
    allocate_memory();
    load(kernel, bootinfo_module(0, MODULE_RAMDISK));
    place_gic();
    map_devices();
    choose_grant_space();
    make_tree();
    vcpu_start_at(dom0->vcpu[0], kernel_entry, tree_start);
    wallclock_update(dom0);
    domain_hardware = dom0;
    return true;
}

void dom0_start(void)
{
    if (domain_unpause_by_controller(dom0) != 0) {
        fail("it cannot be started");
    }
}
