/* SPDX-License-Identifier: MIT */
/*
 * Guests that the hypervisor starts by itself: each xen,domain node of /chosen says how many cpus and how much memory
 * (KiB), has its kernel and ramdisk as module nodes, and vpl011 for a serial port. They get the memory map and the
 * device tree that a toolstack would make, and devices of the machine as a partial device tree says (passthrough.c).
 * One that cannot be made is named in one line and left out.
 */
#include <libfdt.h>

#include "abi/domctl.h"
#include "hv/arch/arm/cpu/paging.h"
#include "hv/arch/arm/cpu/psci.h"
#include "hv/arch/arm/guest/serial_input.h"
#include "hv/arch/arm/guest/vgic.h"
#include "hv/arch/arm/guest/vpl011.h"
#include "hv/base/printk.h"
#include "hv/core/arch_guest.h"
#include "hv/core/p2m.h"
#include "hv/core/wallclock.h"
#include "hv/drivers/fdt.h"
#include "hv/init/arm/bootinfo.h"
#include "hv/init/arm/main.h"
#include "hv/init/arm/passthrough.h"
#include "hv/init/cmdline.h"
#include "hv/lib/printf.h"
#include "hv/mm/heap.h"
#include "hv/mm/page_alloc.h"

#define LARGE_SIZE   (PAGE_SIZE << 9)
#define LARGE_ORDER  9U
#define IMAGE_MAGIC  0x644d5241U
#define TREE_SIZE    PAGE_SIZE /* beside a partial one */
#define TABLES_LIMIT 4096U

struct guest {
    struct domain *d;
    int node;
    unsigned int vcpus;
    uint64_t size;        /* of its memory, bytes */
    bool has_vpl011;
    struct piece {
        uint64_t start;   /* in its space, whole pages */
        uint64_t end;
        const char *from;
    } kernel, initrd;     /* the latter's end 0: none */
    uint64_t tree_at;
    const void *partial;  /* device tree of what it has of the machine; NULL: nothing */
    uint32_t gic_phandle;
    const char *why;      /* what is wrong */
};

/* ---- memory ------------------------------------------------------------------------------------- */

/* The part of a piece that lies in [at, end): returns where it ends, in whole pages. */
static uint64_t load_part(const struct piece *p, uint64_t at, uint64_t end, char *page)
{
    const char *from = p->from + (at - p->start);
    uint64_t bytes = MIN(end, p->end) - at;
    uint64_t whole = ALIGN_DOWN(bytes, PAGE_SIZE);

    if (whole < bytes) {
        paging_clear_clean(page + whole, PAGE_SIZE);
    }
    paging_copy_clean(page, from, bytes);
    return at + ALIGN_UP(bytes, PAGE_SIZE);
}

/* What the guest finds there, with its caches off as well: its kernel, its ramdisk, or nothing. */
static void load_pages(const struct guest *g, uint64_t at, mfn_t mfn, unsigned int order)
{
    char *base = arch_direct_map(mfn);
    uint64_t start = at;
    uint64_t end = at + (PAGE_SIZE << order);

    while (at < end) {
        char *page = base + (at - start);

        if (at >= g->kernel.start && at < g->kernel.end) {
            at = load_part(&g->kernel, at, end, page);
        } else if (at >= g->initrd.start && at < g->initrd.end) {
            at = load_part(&g->initrd, at, end, page);
        } else {
            uint64_t stop = at < g->initrd.start ? MIN(end, g->initrd.start) : end; /* the kernel is not ahead */

            paging_clear_clean(page, stop - at);
            at = stop;
        }
    }
}

static int allocate(struct guest *g)
{
    uint64_t gfn = GUEST_RAM0_BASE >> PAGE_SHIFT;
    uint64_t left = g->size >> PAGE_SHIFT;
    unsigned int order = PAGE_MAX_ORDER;

    g->d->memory.max = left;
    while (left > 0) {
        mfn_t mfn = INVALID_MFN;
        int rc;

        if ((1UL << order) <= left && (gfn & ((1UL << order) - 1)) == 0) {
            mfn = page_alloc(order, PAGE_NO_SCRUB); /* load_pages() writes it all */
        }
        if (mfn_eq(mfn, INVALID_MFN)) {
            if (order == 0) {
                return -ENOMEM;
            }
            order--;
            continue;
        }
        load_pages(g, gfn << PAGE_SHIFT, mfn, order);
        rc = frame_assign(&g->d->memory, mfn, order, false);
        if (rc == 0) {
            rc = p2m_set(g->d, _gfn(gfn), mfn, order, P2M_RAM);
        }
        if (rc != 0) {
            return rc;
        }
        gfn += 1UL << order;
        left -= 1UL << order;
    }
    return 0;
}

/* ---- device tree -------------------------------------------------------------------------------- */

/* Errors of libfdt add up in *rc: the first stays. */
static void keep(int *rc, int result)
{
    if (*rc == 0 && result < 0) {
        *rc = result;
    }
}

static int add_node(void *fdt, int parent, const char *name, const char *compatible, int *rc)
{
    int node = *rc != 0 ? -1 : fdt_add_subnode(fdt, parent, name);

    keep(rc, node);
    if (compatible != NULL && *rc == 0) {
        keep(rc, fdt_setprop_string(fdt, node, "compatible", compatible));
    }
    return node;
}

static void add_reg(void *fdt, int node, uint64_t start, uint64_t size, int *rc)
{
    keep(rc, fdt_appendprop_u64(fdt, node, "reg", start));
    keep(rc, fdt_appendprop_u64(fdt, node, "reg", size));
}

static void add_irq(void *fdt, int node, unsigned int irq, unsigned int flags, int *rc)
{
    keep(rc, fdt_appendprop_u32(fdt, node, "interrupts", irq < 32 ? 1 : 0));
    keep(rc, fdt_appendprop_u32(fdt, node, "interrupts", irq < 32 ? irq - 16 : irq - 32));
    keep(rc, fdt_appendprop_u32(fdt, node, "interrupts", flags));
}

static void add_cpus(void *fdt, unsigned int count, int *rc)
{
    int cpus = add_node(fdt, 0, "cpus", NULL, rc);

    keep(rc, fdt_setprop_u32(fdt, cpus, "#address-cells", 1));
    keep(rc, fdt_setprop_u32(fdt, cpus, "#size-cells", 0));
    for (unsigned int i = count; i-- > 0;) { /* a new node comes first */
        char name[16];
        int node;

        (void)format_string(name, sizeof(name), "cpu@%x", i);
        node = add_node(fdt, cpus, name, "arm,armv8", rc);
        keep(rc, fdt_setprop_string(fdt, node, "device_type", "cpu"));
        keep(rc, fdt_setprop_string(fdt, node, "enable-method", "psci"));
        keep(rc, fdt_setprop_u32(fdt, node, "reg", (i & 15) | (i >> 4) << 8));
    }
}

static void add_gic(void *fdt, const struct vgic *g, uint32_t phandle, int *rc)
{
    int node = add_node(fdt, 0, "interrupt-controller", g->version == 3 ? "arm,gic-v3" : "arm,cortex-a15-gic", rc);

    keep(rc, fdt_setprop_u32(fdt, node, "#interrupt-cells", 3));
    keep(rc, fdt_setprop_empty(fdt, node, "interrupt-controller"));
    keep(rc, fdt_setprop_u32(fdt, node, "phandle", phandle));
    if (g->version == 3) {
        add_reg(fdt, node, GUEST_GICV3_GICD_BASE, GUEST_GICV3_GICD_SIZE, rc);
        add_reg(fdt, node, GUEST_GICV3_GICR0_BASE, GUEST_GICV3_GICR0_SIZE, rc);
    } else {
        add_reg(fdt, node, GUEST_GICD_BASE, GUEST_GICD_SIZE, rc);
        add_reg(fdt, node, GUEST_GICC_BASE, GUEST_GICC_SIZE, rc);
    }
}

static void add_platform(void *fdt, const struct guest *g, int *rc)
{
    static const char psci[] = "arm,psci-1.0\0arm,psci-0.2\0arm,psci";
    int node = add_node(fdt, 0, "psci", NULL, rc);

    keep(rc, fdt_setprop(fdt, node, "compatible", psci, sizeof(psci)));
    keep(rc, fdt_setprop_string(fdt, node, "method", "hvc"));
    keep(rc, fdt_setprop_u32(fdt, node, "cpu_off", PSCI_V01_CPU_OFF));
    keep(rc, fdt_setprop_u32(fdt, node, "cpu_on", PSCI_V01_CPU_ON));
    node = add_node(fdt, 0, "timer", "arm,armv8-timer", rc);
    add_irq(fdt, node, GUEST_TIMER_PHYS_S_PPI, 0xf08, rc);
    add_irq(fdt, node, GUEST_TIMER_PHYS_NS_PPI, 0xf08, rc);
    add_irq(fdt, node, GUEST_TIMER_VIRT_PPI, 0xf08, rc);
    node = add_node(fdt, 0, "hypervisor", "xen,xen", rc);
    add_reg(fdt, node, GUEST_GNTTAB_BASE, GUEST_GNTTAB_SIZE, rc);
    add_irq(fdt, node, GUEST_EVTCHN_PPI, 0xf08, rc);
    if (g->has_vpl011) {
        node = add_node(fdt, 0, "sbsa-uart", "arm,sbsa-uart", rc);
        add_reg(fdt, node, GUEST_PL011_BASE, GUEST_PL011_SIZE, rc);
        add_irq(fdt, node, GUEST_VPL011_SPI, 4, rc);
        keep(rc, fdt_setprop_u32(fdt, node, "current-speed", 115200));
    }
}

static int make_tree(void *fdt, size_t size, const struct guest *g, const char *args)
{
    int rc = fdt_create_empty_tree(fdt, (int)size);
    int node;

    keep(&rc, fdt_setprop_string(fdt, 0, "compatible", "xen,xenvm"));
    keep(&rc, fdt_setprop_u32(fdt, 0, "#address-cells", 2));
    keep(&rc, fdt_setprop_u32(fdt, 0, "#size-cells", 2));
    keep(&rc, fdt_setprop_u32(fdt, 0, "interrupt-parent", g->gic_phandle));
    node = add_node(fdt, 0, "chosen", NULL, &rc);
    keep(&rc, fdt_setprop_string(fdt, node, "bootargs", args != NULL ? args : ""));
    if (g->initrd.end != 0) {
        keep(&rc, fdt_setprop_u64(fdt, node, "linux,initrd-start", g->initrd.start));
        keep(&rc, fdt_setprop_u64(fdt, node, "linux,initrd-end", g->initrd.end));
    }
    node = add_node(fdt, 0, "memory@40000000", NULL, &rc);
    keep(&rc, fdt_setprop_string(fdt, node, "device_type", "memory"));
    add_reg(fdt, node, GUEST_RAM0_BASE, g->size, &rc);
    add_cpus(fdt, g->vcpus, &rc);
    add_gic(fdt, &g->d->arch->vgic, g->gic_phandle, &rc);
    add_platform(fdt, g, &rc);
    if (rc == 0 && g->partial != NULL) {
        rc = passthrough_copy(fdt, g->partial);
    }
    return rc;
}

/* ---- devices of the machine --------------------------------------------------------------------- */

static const void *at_module(const struct boot_module *m)
{
    return (const char *)arch_direct_map(_mfn(m->start >> PAGE_SHIFT)) + (m->start & ~PAGE_MASK);
}

/* What its emulated machine has where a device is to be: memory of any size, too. */
static bool hits_machine(const struct passthrough_range *r)
{
    static const struct {
        uint64_t start;
        uint64_t size;
    } parts[] = {
        { GUEST_GICD_BASE, GUEST_GICD_SIZE },             { GUEST_GICC_BASE, GUEST_GICC_SIZE },
        { GUEST_GICV3_GICD_BASE, GUEST_GICV3_GICD_SIZE }, { GUEST_GICV3_GICR0_BASE, GUEST_GICV3_GICR0_SIZE },
        { GUEST_PL011_BASE, GUEST_PL011_SIZE },           { GUEST_GNTTAB_BASE, GUEST_GNTTAB_SIZE },
        { GUEST_RAM0_BASE, GUEST_RAM0_SIZE },
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(parts); i++) {
        if (r->guest < parts[i].start + parts[i].size && parts[i].start < r->guest + r->size) {
            return true;
        }
    }
    return false;
}

static const char *wrong_devices(int node)
{
    bool has_vpl011 = fdt_getprop(fdt_machine, node, "vpl011", NULL) != NULL;

    for (unsigned int i = 0; i < passthrough.range_count; i++) {
        const struct passthrough_range *r = &passthrough.ranges[i];

        if (r->domain == node && hits_machine(r)) {
            return "xen,reg puts a device where the guest's memory or its emulated machine is";
        }
    }
    for (unsigned int i = 0; i < passthrough.irq_count && has_vpl011; i++) {
        if (passthrough.irqs[i].domain == node && passthrough.irqs[i].irq == GUEST_VPL011_SPI) {
            return "a device has the interrupt of its vpl011";
        }
    }
    return NULL;
}

/* Says why in one line; the guest is then left out. */
static bool read_devices(const struct boot_module *m)
{
    char why[160];
    const char *wrong = why;

    if (passthrough_parse(m->domain, at_module(m), m->end - m->start, why, sizeof(why)) == 0) {
        wrong = wrong_devices(m->domain);
        if (wrong == NULL) {
            return true;
        }
        passthrough_forget(m->domain);
    }
    log_error("guest %s is left out: %s\n", fdt_get_name(fdt_machine, m->domain, NULL), wrong);
    return false;
}

void dom0less_read_devices(void)
{
    passthrough.console = console_node;
    for (unsigned int i = 0; i < bootinfo.module_count; i++) {
        struct boot_module *m = &bootinfo.modules[i];

        if (m->kind == MODULE_DEVICE_TREE && m->domain != 0 && !read_devices(m)) {
            m->kind = MODULE_REFUSED;
        }
    }
}

/* Maps and routes what the partial tree asks for, which has been found in order. */
static int give_devices(const struct guest *g)
{
    int rc = 0;

    for (unsigned int i = 0; rc == 0 && i < passthrough.range_count; i++) {
        const struct passthrough_range *r = &passthrough.ranges[i];

        for (uint64_t at = 0; rc == 0 && r->domain == g->node && at < r->size; at += PAGE_SIZE) {
            rc = p2m_set(g->d, _gfn((r->guest + at) >> PAGE_SHIFT), _mfn((r->host + at) >> PAGE_SHIFT), 0, P2M_DEVICE);
        }
    }
    for (unsigned int i = 0; rc == 0 && i < passthrough.irq_count; i++) {
        if (passthrough.irqs[i].domain == g->node) {
            rc = vgic_route(g->d, passthrough.irqs[i].irq);
        }
    }
    return rc;
}

/* ---- the guest ---------------------------------------------------------------------------------- */

static int create(struct guest *g)
{
    struct xen_domctl_createdomain config = {
        .flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
        .max_vcpus = g->vcpus,
        .max_evtchn_port = 1023,
        .max_grant_frames = (int32_t)cmdline.gnttab_max_frames,
        .max_maptrack_frames = (int32_t)cmdline.gnttab_max_maptrack_frames,
        .grant_opts = XEN_DOMCTL_GRANT_version(cmdline.gnttab_max_version),
        .arch.nr_spis = g->partial == NULL ? 32 : gic_machine.irq_count - GIC_SPI_FIRST,
    };
    int rc = domain_create(DOMID_INVALID, &config, false, &g->d);

    if (rc == 0) {
        g->d->p2m->table_limit = TABLES_LIMIT;
        rc = domain_create_vcpus(g->d, g->vcpus);
    }
    if (rc == 0 && g->has_vpl011) {
        rc = vpl011_init(g->d);
    }
    rc = rc != 0 ? rc : allocate(g);
    return rc != 0 ? rc : give_devices(g);
}

static struct piece piece_at(uint64_t start, const struct boot_module *m)
{
    return (struct piece){ start, start + (m->end - m->start), at_module(m) };
}

/* Kernel at the start of memory, device tree in its last 2 MiB, ramdisk below. */
static int lay_out(struct guest *g, const struct boot_module *kernel, const struct boot_module *initrd)
{
    uint64_t size = initrd == NULL ? 0 : initrd->end - initrd->start;
    const uint32_t *header;
    uint64_t kernel_end;

    g->kernel = piece_at(GUEST_RAM0_BASE, kernel);
    g->tree_at = ALIGN_DOWN(GUEST_RAM0_BASE + g->size - LARGE_SIZE, LARGE_SIZE);
    header = (const uint32_t *)(const void *)g->kernel.from;
    if (kernel->end - kernel->start < 64 || header[14] != IMAGE_MAGIC) {
        g->why = "its kernel is not an uncompressed arm64 Image";
        return -EINVAL;
    }
    kernel_end = MAX(g->kernel.end, GUEST_RAM0_BASE + *(const uint64_t *)(header + 4));
    if (kernel_end >= g->tree_at || size >= g->tree_at - ALIGN_UP(kernel_end, PAGE_SIZE)) {
        g->why = "kernel and ramdisk do not fit in its memory";
        return -ENOMEM;
    }
    if (initrd != NULL) {
        g->initrd = piece_at(ALIGN_DOWN(g->tree_at - size, PAGE_SIZE), initrd);
    }
    return 0;
}

static int place_tree(const struct guest *g, const char *args)
{
    size_t size = TREE_SIZE + (g->partial == NULL ? 0 : ALIGN_UP(fdt_totalsize(g->partial), PAGE_SIZE));
    unsigned int order = 0;
    mfn_t room;
    char *fdt;
    int rc;

    while (PAGE_SIZE << order < size) {
        order++;
    }
    room = page_alloc(order, 0);
    if (mfn_eq(room, INVALID_MFN)) {
        return -ENOMEM;
    }
    fdt = arch_direct_map(room);
    rc = make_tree(fdt, size, g, args);
    for (size_t at = 0; rc == 0 && at < size; at += PAGE_SIZE) {
        char *page = arch_direct_map(p2m_lookup(g->d, _gfn((g->tree_at + at) >> PAGE_SHIFT), NULL));

        arch_page_copy(page, fdt + at);
        paging_clean_cache(page, PAGE_SIZE);
    }
    page_free(room, order, true);
    return rc;
}

/* False: it has been refused already. */
static bool find_partial(struct guest *g)
{
    const struct boot_module *m = bootinfo_module(g->node, MODULE_DEVICE_TREE);

    g->gic_phandle = 1;
    if (m != NULL) {
        g->partial = at_module(m);
        g->gic_phandle = passthrough_gic_phandle(g->partial);
    }
    return bootinfo_module(g->node, MODULE_REFUSED) == NULL;
}

/* What it had got is the next one's. */
static void give_up(struct domain *d)
{
    while (d != NULL && domain_kill(d) == -ERESTART) {
    }
}

static bool start(int node)
{
    const struct boot_module *kernel = bootinfo_module(node, MODULE_KERNEL);
    struct guest g = { .node = node, .vcpus = (unsigned int)fdt_number(node, "cpus", 0),
                       .size = ALIGN_DOWN(fdt_number(node, "memory", 0) << 10, LARGE_SIZE),
                       .has_vpl011 = fdt_getprop(fdt_machine, node, "vpl011", NULL) != NULL,
                       .why = "there is not enough memory, or a property makes no sense" };
    const char *name = fdt_get_name(fdt_machine, node, NULL);
    int rc = -EINVAL;

    if (!find_partial(&g)) {
        return false;
    }
    if (kernel == NULL) {
        g.why = "it has no kernel";
    } else if (g.vcpus == 0) {
        g.why = "its cpus are missing or none";
    } else if (g.size < 2 * LARGE_SIZE || g.size > GUEST_RAM0_SIZE) {
        g.why = "its memory is missing, too small or too large";
    } else {
        rc = lay_out(&g, kernel, bootinfo_module(node, MODULE_RAMDISK));
        if (rc == 0) {
            rc = create(&g);
        }
        if (rc == 0) {
            rc = place_tree(&g, kernel->args);
        }
    }
    if (rc == 0) {
        vcpu_start_at(g.d->vcpu[0], GUEST_RAM0_BASE, g.tree_at);
        wallclock_update(g.d);
        if (g.has_vpl011) {
            serial_input_add(g.d);
        }
        rc = domain_unpause_by_controller(g.d);
    }
    if (rc != 0) {
        log_error("guest %s is left out: %s (error %d)\n", name, g.why, -rc);
        give_up(g.d);
        return false;
    }
    log_info("%pd: guest %s of the device tree, %lu MiB, %u vcpus\n", g.d, name, (unsigned long)(g.size >> 20),
             g.vcpus);
    return true;
}

unsigned int dom0less_build(void)
{
    int chosen = fdt_chosen();
    unsigned int count = 0;
    int node;

    if (chosen < 0) {
        return 0;
    }
    fdt_for_each_subnode (node, fdt_machine, chosen) {
        if (fdt_is(node, "xen,domain") && start(node)) {
            count++;
        }
    }
    return count;
}
