/* SPDX-License-Identifier: MIT */
/*
 * What both builders of dom0 begin and end with. See dom0.h.
 *
 * Runs once on the boot CPU before any guest exists; no locks.
 */
#include "hv/init/dom0.h"

#include "hv/base/printk.h"
#include "hv/core/arch_guest.h"
#include "hv/core/domain.h"
#include "hv/core/sched.h"
#include "hv/core/wallclock.h"
#include "hv/init/cmdline.h"
#include "hv/init/console_devices.h"
#include "hv/arch/x86/hvm/hvm.h"
#include "hv/lib/printf.h"
#include "hv/mm/map.h"
#include "hv/mm/page_alloc.h"

#define FAIL_DELAY_NS 5000000000ULL
#define RESERVE_MAX   ((128UL << 20) >> PAGE_SHIFT)

/* ---- failing ------------------------------------------------------------------------------- */

/* One line, then the end: a halt, or a reboot when reboot= asks for one. */
NORETURN void dom0_fail(const char *fmt, ...)
{
    bool reboot = cmdline.reboot[0] != '\0' && !cmdline.noreboot;
    uint64_t start = arch_clock_now();
    char text[256];
    va_list args;

    va_start(args, fmt);
    format_string_va(text, sizeof(text), fmt, args);
    va_end(args);
    printk("dom0 kernel: %s; %s\n", text, reboot ? "rebooting in five seconds" : "halted");
    while (reboot && arch_clock_now() - start < FAIL_DELAY_NS) {
        arch_relax();
    }
    arch_stop_others();
    arch_reset(reboot ? ARCH_RESET_REBOOT : ARCH_RESET_HALT);
}

unsigned long dom0_mib(uint64_t pages)
{
    return (unsigned long)DIV_ROUND_UP(pages << PAGE_SHIFT, 1UL << 20);
}

/* ---- the files ------------------------------------------------------------------------------ */

uint64_t dom0_module_pages(const struct boot_module *m)
{
    return m == NULL ? 0 : DIV_ROUND_UP(m->end - m->start, PAGE_SIZE);
}

const void *dom0_module_data(const struct boot_module *m)
{
    return (const char *)arch_direct_map(_mfn(m->start >> PAGE_SHIFT)) + (m->start & ~PAGE_MASK);
}

static unsigned int order_for(uint64_t pages)
{
    unsigned int order = 0;

    while (BIT(order) < pages) {
        order++;
    }
    return order;
}

/* Contiguous memory of at least so many pages, contents undefined. */
mfn_t dom0_block_alloc(uint64_t pages, unsigned int flags, unsigned int *order)
{
    *order = order_for(pages);
    return *order <= PAGE_MAX_ORDER ? page_alloc(*order, PAGE_NO_SCRUB | flags) : INVALID_MFN;
}

static void unpack(struct dom0_files *f, const struct kernel_payload *p)
{
    uint64_t pages = DIV_ROUND_UP(p->unpacked_size, PAGE_SIZE);
    unsigned long irqs;
    size_t size;
    void *out;
    int rc;

    f->elf_block = dom0_block_alloc(pages, 0, &f->elf_order);
    if (mfn_eq(f->elf_block, INVALID_MFN)) {
        dom0_fail("not enough memory to unpack it (%lu MiB)", dom0_mib(pages));
    }
    out = arch_direct_map(f->elf_block);
    /* The libraries are built for user space: they keep data below the stack pointer, where an interrupt
     * would write. */
    irqs = arch_irq_save();
    rc = decompress(p->kind, p->data, p->size, out, p->unpacked_size, &size);
    arch_irq_restore(irqs);
    if (rc == -EOPNOTSUPP) {
        dom0_fail("%s compression is not supported", decompress_name(p->kind));
    }
    if (rc == -ENOMEM) {
        dom0_fail("not enough memory to unpack it");
    }
    if (rc != 0 || size != p->unpacked_size) {
        dom0_fail("truncated or damaged: its %s data cannot be unpacked", decompress_name(p->kind));
    }
    f->elf = out;
}

/* dom0=pvh, unless the machine or the kernel cannot. */
static bool wants_pvh(struct dom0_files *f, uint64_t size)
{
    const char *why = "no hardware virtualisation with nested paging here";

    if (!cmdline.dom0_pvh) {
        return false;
    }
    if (hvm != NULL && kernel_image_parse_pvh(f->elf, size, &f->image, &why) == 0) {
        return true;
    }
    log_warning("dom0=pvh: %s: dom0 starts as PV guest\n", why);
    return false;
}

static void read_kernel(struct dom0_files *f)
{
    struct kernel_payload payload;
    const char *why = "";
    int rc;

    if (bootinfo.module_count == 0) {
        dom0_fail("missing: the boot loader gave no module");
    }
    f->kernel_module = &bootinfo.modules[0];
    f->initrd_module = bootinfo.module_count > 1 ? &bootinfo.modules[1] : NULL;
    if (f->initrd_module != NULL && f->initrd_module->start == f->initrd_module->end) {
        f->initrd_module = NULL;
    }
    rc = kernel_image_unwrap(dom0_module_data(f->kernel_module),
                             f->kernel_module->end - f->kernel_module->start, &payload, &why);
    if (rc != 0) {
        dom0_fail("%s", why);
    }
    f->elf_block = INVALID_MFN;
    f->elf = payload.data;
    if (payload.kind != COMPRESSION_NONE) {
        unpack(f, &payload);
    }
    f->pvh = wants_pvh(f, payload.unpacked_size);
    if (!f->pvh && kernel_image_parse(f->elf, payload.unpacked_size, &f->image, &why) != 0) {
        dom0_fail("%s", why);
    }
}

/* ---- how much memory ----------------------------------------------------------------------- */

/* Pages that dom0 can have at most, counting those its own files occupy now. */
static uint64_t pages_available(const struct dom0_files *f)
{
    uint64_t avail = page_alloc_free_count() + dom0_module_pages(f->kernel_module) +
                     dom0_module_pages(f->initrd_module);

    return avail + (mfn_eq(f->elf_block, INVALID_MFN) ? 0 : BIT(f->elf_order));
}

static uint64_t amount_pages(const struct cmdline_amount *a, uint64_t total)
{
    return cmdline_amount_bytes(a, total << PAGE_SHIFT) >> PAGE_SHIFT;
}

/* dom0_mem=; without it all but a sixteenth, or 128 MiB where that is less. */
uint64_t dom0_choose_size(const struct dom0_files *f)
{
    uint64_t avail = pages_available(f);
    uint64_t total = page_alloc_total_count();
    uint64_t pages = avail - MIN(avail / 16, RESERVE_MAX);

    if (cmdline.dom0_mem.set) {
        pages = amount_pages(&cmdline.dom0_mem, cmdline.dom0_mem.negative ? avail : total);
    }
    if (cmdline.dom0_mem_min.set) {
        pages = MAX(pages, amount_pages(&cmdline.dom0_mem_min, total));
    }
    if (cmdline.dom0_mem_max.set) {
        pages = MIN(pages, amount_pages(&cmdline.dom0_mem_max, total));
    }
    /* The list and the hypervisor's own records for dom0 need room too. */
    return MIN(pages, avail - MIN(avail, avail / 64 + 256));
}

uint64_t dom0_max_pages(uint64_t pages)
{
    if (!cmdline.dom0_mem_max.set) {
        return ~0U;
    }
    return MAX(amount_pages(&cmdline.dom0_mem_max, page_alloc_total_count()), pages);
}

/* Frees count pages that need not be an aligned block. */
void dom0_free_range(mfn_t mfn, uint64_t count)
{
    while (count > 0) {
        unsigned int order = MIN((unsigned int)__builtin_ctzll(mfn_x(mfn)), PAGE_MAX_ORDER);

        while (BIT(order) > count) {
            order--;
        }
        page_free(mfn, order, true);
        mfn = mfn_add(mfn, BIT(order));
        count -= BIT(order);
    }
}

/* Modules were kept from the page allocator so far; loaders start each on a page of its own. */
void dom0_add_free(uint64_t first, uint64_t end)
{
    if (end > first) {
        page_alloc_add_range(_mfn(first), end - first);
    }
}

void dom0_free_module(const struct boot_module *m)
{
    bool aligned = (m->start & ~PAGE_MASK) == 0;

    dom0_add_free(DIV_ROUND_UP(m->start, PAGE_SIZE),
                  aligned ? DIV_ROUND_UP(m->end, PAGE_SIZE) : m->end >> PAGE_SHIFT);
}

/* ---- the domain ---------------------------------------------------------------------------- */

static unsigned int choose_vcpus(void)
{
    unsigned int n = bitmap_weight(arch_cpus_online.bits, MAX_CPUS);

    n = MAX(n, cmdline.dom0_min_vcpus);
    if (cmdline.dom0_max_vcpus != 0) {
        n = MIN(MAX(n, cmdline.dom0_min_vcpus), cmdline.dom0_max_vcpus);
        if (cmdline.dom0_min_vcpus == cmdline.dom0_max_vcpus) {
            n = cmdline.dom0_max_vcpus;
        }
    }
    return MIN(MAX(n, 1U), (unsigned int)DOMAIN_MAX_VCPUS);
}

struct domain *dom0_create(uint32_t flags, uint32_t emulation_flags)
{
    struct xen_domctl_createdomain config = {
        .flags = flags,
        .arch.emulation_flags = emulation_flags,
        .max_vcpus = choose_vcpus(),
        .max_evtchn_port = -1,
        .max_grant_frames = (int32_t)cmdline.gnttab_max_frames,
        .max_maptrack_frames = (int32_t)cmdline.gnttab_max_maptrack_frames,
        .grant_opts = XEN_DOMCTL_GRANT_version(cmdline.gnttab_max_version),
    };
    struct domain *d = NULL;
    int rc = domain_create(0, &config, true, &d);

    if (rc == 0) {
        rc = dom0_rights_grant(d);
    }
    if (rc == 0) {
        rc = domain_create_vcpus(d, config.max_vcpus);
    }
    if (rc != 0) {
        dom0_fail("dom0 cannot be created (error %d)", -rc);
    }
    return d;
}

static void pin_vcpus(struct domain *d)
{
    struct vcpu *v;

    domain_for_each_vcpu (d, v) {
        unsigned int cpus = bitmap_weight(arch_cpus_online.bits, MAX_CPUS);
        struct cpumask one;

        cpumask_zero(&one);
        cpumask_set(&one, v->id % cpus);
        if (sched_set_affinity(v, &one, &one) != 0) {
            log_warning("dom0's vcpu %u cannot be pinned\n", v->id);
        }
    }
}

void dom0_start(struct domain *d)
{
    wallclock_update(d);
    if (cmdline.dom0_vcpus_pin) {
        pin_vcpus(d);
    }
    __atomic_fetch_and(&d->vcpu[0]->pause_flags, ~BIT(VCPU_DOWN), __ATOMIC_SEQ_CST);
    domain_hardware = d;
    console_devices_give_up_screen();
    if (domain_unpause_by_controller(d) != 0) {
        dom0_fail("dom0 cannot be started");
    }
}

void dom0_build(void)
{
    static struct dom0_files files;

    read_kernel(&files);
    if (files.pvh) {
        dom0_pvh_build(&files);
    } else {
        dom0_pv_build(&files);
    }
}
