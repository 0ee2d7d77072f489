/* SPDX-License-Identifier: MIT */
/*
 * From the start file to test_main() on a PVH guest. What libguest knows of a PV guest is made from what a PVH one
 * has: a start_info of our own, with frame numbers that are the guest's, and an identity table where PV guests have
 * the machine's (so memory.h holds for both).
 *
 * Page tables: 0 to 4 GiB as it is, in large pages; the kernel's GiB at -2 GiB in small ones as far as
 * LINEAR_PAGES.
 */
#include "guest/libguest/start.h"

#include <stddef.h>

#include "abi/memory.h"
#include "guest/libguest/console.h"
#include "guest/libguest/events.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/pvh/pvh.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"
#include "guest/libguest/x86/pagetable.h"
#include "guest/libguest/x86/percpu.h"
#include "guest/libguest/x86/traps.h"

enum { LINEAR_PAGES = 4096, TABLES = LINEAR_PAGES / 512, MAX_PAGES = 32768, E820_RAM = 1, MAP_ENTRIES = 64 };

struct start_info *start_info;
struct hvm_start_info *pvh_start_info;
char start_stack[1 << START_STACK_ORDER] __attribute__((aligned(1 << START_STACK_ORDER)));
static char shared_info_place[4096] __attribute__((aligned(4096)));
struct shared_info *shared_info = (struct shared_info *)shared_info_place;

static struct start_info record;
static uint64_t identity[MAX_PAGES] __attribute__((aligned(4096)));
static uint64_t l4[512] __attribute__((aligned(4096)));
static uint64_t l3_low[512] __attribute__((aligned(4096)));
static uint64_t l3_high[512] __attribute__((aligned(4096)));
static uint64_t l2_low[4][512] __attribute__((aligned(4096)));
static uint64_t l2_high[512] __attribute__((aligned(4096)));
static uint64_t l1_high[TABLES][512] __attribute__((aligned(4096)));
static uint64_t l3_m2p[512] __attribute__((aligned(4096)));
static uint64_t l2_m2p[512] __attribute__((aligned(4096)));
static uint64_t l1_m2p[512] __attribute__((aligned(4096)));

extern uint8_t *const hypercall_sites[], *const hypercall_sites_end[];

void pvh_start_main(uint32_t info);

/* On Intel's CPUs the other instruction, which differs in the last byte. All memory is writable as yet. */
static void choose_call(void)
{
    uint32_t a = 0, b, c = 0, d;

    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    if (b == 0x756e6547) { /* "Genu" */
        for (uint8_t *const *site = hypercall_sites; site < hypercall_sites_end; site++) {
            (*site)[2] = 0xc1;
        }
    }
}

bool start_is_dom0(void)
{
    return (start_info->flags & SIF_INITDOMAIN) != 0;
}

bool start_is_pv(void)
{
    return false;
}

bool start_has_old_calls(void)
{
    return false;
}

const char *start_cmdline(void)
{
    return (const char *)start_info->cmd_line;
}

void *start_map_own_mfn(unsigned long mfn)
{
    return (void *)(mfn << 12);
}

uint64_t pvh_param(unsigned int index)
{
    struct xen_hvm_param p = { .domid = DOMID_SELF, .index = index };

    return hypercall(__HYPERVISOR_hvm_op, HVMOP_get_param, (unsigned long)&p, 0, 0, 0) == 0 ? p.value : 0;
}

long pvh_set_param(unsigned int index, uint64_t value)
{
    struct xen_hvm_param p = { .domid = DOMID_SELF, .index = index, .value = value };

    return hypercall(__HYPERVISOR_hvm_op, HVMOP_set_param, (unsigned long)&p, 0, 0, 0);
}

long pvh_add_to_physmap(unsigned int space, unsigned long idx, unsigned long gfn)
{
    struct xen_add_to_physmap a = { .domid = DOMID_SELF, .space = space, .idx = idx, .gpfn = gfn };

    return hypercall_memory_op(XENMEM_add_to_physmap, &a);
}

static uint64_t entry(const void *va, uint64_t flags)
{
    return ((uint64_t)va - MEMORY_BASE) | flags;
}

static void make_tables(void)
{
    for (unsigned int i = 0; i < MAX_PAGES; i++) {
        identity[i] = i;
    }
    for (unsigned int i = 0; i < 4 * 512; i++) {
        l2_low[i / 512][i % 512] = (uint64_t)i << 21 | PTE_P | PTE_RW | PTE_A | PTE_D | PTE_PSE;
    }
    for (unsigned int i = 0; i < LINEAR_PAGES; i++) {
        l1_high[i / 512][i % 512] = (uint64_t)i << 12 | PTE_P | PTE_RW | PTE_A | PTE_D;
    }
    for (unsigned int i = 0; i < sizeof(identity) / 4096; i++) {
        l1_m2p[i] = entry(identity + i * 512, PTE_P | PTE_A);
    }
    for (unsigned int i = 0; i < 4; i++) {
        l3_low[i] = entry(l2_low[i], PTE_DATA);
    }
    for (unsigned int i = 0; i < TABLES; i++) {
        l2_high[i] = entry(l1_high[i], PTE_DATA);
    }
    l2_m2p[0] = entry(l1_m2p, PTE_DATA);
    l3_m2p[0] = entry(l2_m2p, PTE_DATA);
    l3_high[510] = entry(l2_high, PTE_DATA);
    l4[0] = entry(l3_low, PTE_DATA);
    l4[256] = entry(l3_m2p, PTE_DATA);
    l4[511] = entry(l3_high, PTE_DATA);
    __asm__ volatile("mov %0, %%cr3" : : "r"(entry(l4, 0)) : "memory");
}

static uint64_t end_of(uint64_t end, uint64_t addr, uint64_t size, uint32_t type)
{
    return type == E820_RAM && addr < 1UL << 31 && addr + size > end ? addr + size : end;
}

/* RAM from 0 on, up to the last of it that begins below 2 GiB: by the boot record, or, where that says nothing (dom0 of
 * Debian's Xen), by the hypercall. */
static unsigned long count_pages(const struct hvm_start_info *info)
{
    static struct {
        uint64_t addr, size;
        uint32_t type;
    } __attribute__((packed)) asked[MAP_ENTRIES];
    struct xen_memory_map m = { .nr_entries = MAP_ENTRIES };
    const struct hvm_memmap_table_entry *map = (const void *)info->memmap_paddr;
    uint64_t end = 0;

    for (unsigned int i = 0; i < info->memmap_entries; i++) {
        end = end_of(end, map[i].addr, map[i].size, map[i].type);
    }
    set_xen_guest_handle(m.buffer, (void *)asked);
    if (end == 0 && hypercall_memory_op(XENMEM_memory_map, &m) == 0) {
        for (unsigned int i = 0; i < m.nr_entries; i++) {
            end = end_of(end, asked[i].addr, asked[i].size, asked[i].type);
        }
    }
    return end >> 12;
}

static void make_record(void)
{
    struct hvm_start_info *info = pvh_start_info;

    memcpy(record.magic, "xen-3.0-x86_64", 15); /* what tests of PV guests look for */
    record.nr_pages = count_pages(info);
    record.flags = info->flags;
    record.shared_info = entry(shared_info_place, 0);
    record.pt_base = (unsigned long)l4;
    record.mfn_list = (unsigned long)identity;
    if (info->cmdline_paddr != 0) {
        const char *line = (const char *)info->cmdline_paddr;
        unsigned int i = 0;

        for (; line[i] != 0 && i < sizeof(record.cmd_line) - 1; i++) {
            record.cmd_line[i] = line[i];
        }
    }
    if (!(record.flags & SIF_INITDOMAIN)) {
        record.console.domU.mfn = pvh_param(HVM_PARAM_CONSOLE_PFN);
        record.console.domU.evtchn = pvh_param(HVM_PARAM_CONSOLE_EVTCHN);
        record.store_mfn = pvh_param(HVM_PARAM_STORE_PFN);
        record.store_evtchn = pvh_param(HVM_PARAM_STORE_EVTCHN);
    }
    start_info = &record;
}

static void map_shared_info(void)
{
    if (pvh_add_to_physmap(XENMAPSPACE_shared_info, 0, record.shared_info >> 12) != 0) {
        test_broken("cannot map the shared info page");
    }
    percpu()->info = &shared_info->vcpu_info[0];
    if (pvh_set_param(HVM_PARAM_CALLBACK_IRQ,
                      (uint64_t)HVM_PARAM_CALLBACK_TYPE_VECTOR << 56 | PVH_VECTOR_UPCALL) != 0) {
        test_broken("cannot set the callback vector");
    }
}

void pvh_start_main(uint32_t info)
{
    choose_call();
    make_tables();
    pvh_start_info = (struct hvm_start_info *)(uint64_t)info;
    make_record();
    console_init();
    traps_init();
    map_shared_info();
    events_init();
    print("kernel: PVH %s of %lu pages, arguments '%s'\n", start_is_dom0() ? "dom0" : "domU",
          start_info->nr_pages, start_cmdline());
    test_main();
    test_end();
}
