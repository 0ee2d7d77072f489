/* SPDX-License-Identifier: MIT */
/*
 * Segment descriptors: set_gdt, update_descriptor and the LDT. Good tables work (a data segment
 * with a base is read through %fs), and everything that would give a guest more than its ring
 * is refused: system descriptors, gates, privileged segments, writable tables, reserved slots.
 */
#include "abi/xen.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/test.h"
#include "guest/libguest/x86/pagetable.h"
#include "guest/libguest/x86/percpu.h"

#define UNMAPPED       0x0000200000000000UL
#define DATA_RING3     0x00cff3000000ffffUL
#define CODE64_RING3   0x00affb000000ffffUL
#define DATA_RING0     0x00cf93000000ffffUL
#define NOT_PRESENT    0x00cf73000000ffffUL
#define TSS_DESC       0x000089000000ffffUL
#define LDT_DESC       0x000082000000ffffUL
#define INTERRUPT_GATE 0x0000ee000000e033UL

enum { SLOT = 5 };

static uint64_t *gdt;
static unsigned long gdt_mfn;

static int load_fs(unsigned int selector)
{
    return TRAP_PROBE("mov %0, %%fs", NOTHING, "r"(selector));
}

static long update(const void *va, uint64_t descriptor)
{
    return hypercall_update_descriptor(memory_maddr(va), descriptor);
}

static void test_set_gdt(void)
{
    gdt[SLOT] = DATA_RING3;
    EXPECT(hypercall_set_gdt(&gdt_mfn, 512) < 0); /* mapped writable */
    EXPECT_EQ(pagetable_protect(gdt, PTE_RO), 0);
    EXPECT_EQ(hypercall_set_gdt(&gdt_mfn, 512), 0);
    EXPECT_EQ(load_fs(SLOT << 3 | 3), -1);
    EXPECT_EQ(load_fs((SLOT + 1) << 3 | 3), TRAP_GP);
    EXPECT_EQ(percpu()->last.error, (SLOT + 1) << 3);
    EXPECT_EQ(load_fs(0), -1);
    EXPECT(pagetable_protect(gdt, PTE_DATA) < 0); /* in use as a descriptor page */
    EXPECT(pagetable_pin(gdt_mfn, 1) < 0);
    EXPECT_EQ(TRAP_PROBE("movq $0, (%0)", NOTHING, "r"(&gdt[SLOT])), TRAP_PF);
}

static void test_update(void)
{
    uint64_t *plain = memory_alloc();

    EXPECT_EQ(update(&gdt[SLOT + 1], CODE64_RING3), 0);
    EXPECT_EQ(load_fs((SLOT + 1) << 3 | 3), -1);
    EXPECT_EQ(update(&gdt[SLOT + 1], NOT_PRESENT), 0);
    EXPECT_EQ(load_fs((SLOT + 1) << 3 | 3), TRAP_NP);
    EXPECT_EQ(percpu()->last.error, (SLOT + 1) << 3);
    EXPECT(update(&gdt[SLOT + 2], TSS_DESC) < 0);
    EXPECT(update(&gdt[SLOT + 2], LDT_DESC) < 0);
    EXPECT(update(&gdt[SLOT + 2], INTERRUPT_GATE) < 0);
    EXPECT_EQ(gdt[SLOT + 2], 0);
    EXPECT_EQ(update(&gdt[SLOT + 2], 0), 0);
    EXPECT_EQ(load_fs(0), -1);
    EXPECT(hypercall_update_descriptor(~0UL << 12, DATA_RING3) < 0);
    EXPECT(hypercall_update_descriptor(memory_maddr(&gdt[SLOT]) + 4, DATA_RING3) < 0);
    EXPECT(update(pagetable_root(), DATA_RING3) < 0);
    EXPECT_EQ(update(&plain[3], DATA_RING3), 0); /* a writable page may hold one, unused */
    EXPECT_EQ(plain[3], DATA_RING3);
    memory_free(plain);
}

/* A privileged descriptor is refused or made unprivileged, never taken as it is. */
static void test_privilege(void)
{
    if (update(&gdt[SLOT + 2], DATA_RING0) == 0) {
        EXPECT_EQ(gdt[SLOT + 2] >> 45 & 3, 3);
    }
    EXPECT_EQ(update(&gdt[SLOT + 2], 0), 0);
}

static void test_set_gdt_refused(void)
{
    unsigned long frames[16] = { 0 };
    uint64_t *bad = memory_alloc();

    EXPECT_EQ(hypercall_set_gdt(&gdt_mfn, FIRST_RESERVED_GDT_ENTRY + 1), -EINVAL);
    EXPECT_EQ(hypercall_set_gdt((void *)UNMAPPED, 512), -EFAULT);
    EXPECT_EQ(hypercall_set_gdt((void *)HYPERVISOR_VIRT_START, 512), -EFAULT);
    frames[0] = ~0UL >> 12;
    EXPECT(hypercall_set_gdt(frames, 512) < 0);
    frames[0] = memory_mfn(pagetable_root());
    EXPECT(hypercall_set_gdt(frames, 512) < 0);
    bad[3] = INTERRUPT_GATE;
    EXPECT_EQ(pagetable_protect(bad, PTE_RO), 0);
    frames[0] = memory_mfn(bad);
    EXPECT(hypercall_set_gdt(frames, 512) < 0);
    EXPECT_EQ(pagetable_protect(bad, PTE_DATA), 0);
    memory_free(bad);
    EXPECT_EQ(load_fs(SLOT << 3 | 3), -1); /* the old table is still there */
    EXPECT_EQ(load_fs(0), -1);
    EXPECT_EQ(hypercall_set_gdt(NULL, 0), 0);
    EXPECT_EQ(load_fs(SLOT << 3 | 3), TRAP_GP);
    EXPECT_EQ(pagetable_protect(gdt, PTE_DATA), 0);
}

static long set_ldt(const void *base, unsigned int entries)
{
    struct mmuext_op op = { .cmd = MMUEXT_SET_LDT,
                            .arg1.linear_addr = (unsigned long)base,
                            .arg2.nr_ents = entries };

    return hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static void test_ldt(void)
{
    uint64_t *ldt = memory_alloc();

    ldt[1] = DATA_RING3;
    ldt[2] = NOT_PRESENT;
    ldt[3] = INTERRUPT_GATE;
    EXPECT_EQ(load_fs(1 << 3 | 7), TRAP_GP); /* no LDT yet */
    EXPECT_EQ(pagetable_protect(ldt, PTE_RO), 0);
    EXPECT_EQ(set_ldt(ldt, 512), 0);
    EXPECT(load_fs(1 << 3 | 7) >= 0); /* the gate spoils the whole page */
    EXPECT_EQ(set_ldt(NULL, 0), 0);
    EXPECT_EQ(pagetable_protect(ldt, PTE_DATA), 0);
    ldt[3] = 0;
    EXPECT_EQ(pagetable_protect(ldt, PTE_RO), 0);
    EXPECT_EQ(set_ldt(ldt, 512), 0);
    EXPECT_EQ(load_fs(1 << 3 | 7), -1);
    EXPECT_EQ(load_fs(2 << 3 | 7), TRAP_NP);
    EXPECT_EQ(load_fs(4 << 3 | 7), TRAP_GP);
    EXPECT(pagetable_protect(ldt, PTE_DATA) < 0);
    EXPECT_EQ(update(&ldt[4], DATA_RING3), 0);
    EXPECT_EQ(load_fs(4 << 3 | 7), -1);
    EXPECT_EQ(load_fs(0), -1);
    EXPECT(set_ldt((char *)ldt + 8, 512) < 0); /* not at a page boundary */
    EXPECT(set_ldt(ldt, 8193) < 0);
    EXPECT(set_ldt((void *)HYPERVISOR_VIRT_START, 512) < 0);
    EXPECT_EQ(set_ldt((void *)UNMAPPED, 512), 0); /* found missing at first use */
    EXPECT(load_fs(1 << 3 | 7) >= 0);
    EXPECT_EQ(set_ldt(NULL, 0), 0);
    EXPECT_EQ(pagetable_protect(ldt, PTE_DATA), 0);
}

void test_main(void)
{
    gdt = memory_alloc();
    gdt_mfn = memory_mfn(gdt);
    test_set_gdt();
    test_update();
    test_privilege();
    test_set_gdt_refused();
    test_ldt();
}
