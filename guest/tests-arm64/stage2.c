/* SPDX-License-Identifier: MIT */
/*
 * Memory that is not the guest's: all of the machine's RAM is read and written page by page, and exactly as many pages
 * as the domain has are there; the rest comes back as an abort, for loads, stores, pairs, exclusives, cache
 * instructions and jumps. The guest's own page tables may lie in nothing, in a device or in themselves.
 * The interrupt controller touched in ways that say nothing of the register is an abort, too.
 */
#include "abi/memory.h"
#include "guest/arm64/guest.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/start.h"
#include "guest/libguest/test.h"

#define RAM_START 0x40000000UL
#define RAM_SIZE  0x40000000UL /* of the machine the test runs on; a guest's lies in it as well */
#define NOWHERE   0x3000000000UL /* beyond all there is, within 40 bits */
#define DEVICE    0xa000000UL /* dom0's: reading it must not be left to the walker of page tables */
#define PAGE      4096UL

static bool aborted(unsigned int before)
{
    unsigned int class = (unsigned int)(sync_esr >> 26);

    return sync_count == before + 1 && (class == 0x25 || class == 0x21);
}

static bool load(const char *at)
{
    unsigned int before = sync_count;
    uint64_t value;

    __asm__ volatile("ldr %0, [%1]" : "=r"(value) : "r"(at) : "memory");
    return sync_count == before;
}

/* The word is written as it was read. */
static bool store(char *at)
{
    unsigned int before = sync_count;

    __asm__ volatile("ldr w9, [%0]; str w9, [%0]" ::"r"(at) : "x9", "memory");
    return sync_count == before;
}

static void test_all_memory(void)
{
    domid_t self = DOMID_SELF;
    long pages = hypercall_memory_op(XENMEM_current_reservation, &self);
    char *window = arm_map_gigabyte(RAM_START);
    long readable = 0;
    long writable = 0;

    for (uint64_t at = 0; at < RAM_SIZE; at += PAGE) {
        readable += load(window + at);
    }
    for (uint64_t at = 0; at < RAM_SIZE; at += PAGE) {
        writable += store(window + at);
    }
    test_note("%ld pages of memory, %ld readable, %ld writable", pages, readable, writable);
    EXPECT_EQ(readable, pages + 1); /* and the shared info page */
    EXPECT_EQ(writable, pages + 1);
}

#define TRY(code)                                                                                \
    do {                                                                                         \
        unsigned int try_before = sync_count;                                                    \
                                                                                                 \
        __asm__ volatile(code ::"r"(at) : "x9", "x10", "x11", "memory", "cc");                   \
        if (!aborted(try_before)) {                                                              \
            test_fail("%s at 0x%lx: %u exceptions, the last 0x%lx", code, (unsigned long)at,     \
                      sync_count - try_before, (unsigned long)sync_esr);                         \
        }                                                                                        \
    } while (0)

static void every_way(uint64_t at)
{
    TRY("ldrb w9, [%0]");
    TRY("ldrsw x9, [%0]");
    TRY("str xzr, [%0]");
    TRY("ldp x9, x10, [%0]");
    TRY("stp xzr, xzr, [%0]");
    TRY("mov x11, %0; ldr x9, [x11], #8");
    TRY("mov x11, %0; str xzr, [x11, #8]!");
    TRY("ldxr x9, [%0]");
    TRY("ldar x9, [%0]");
    TRY("stlr xzr, [%0]");
    TRY("ldr q0, [%0]");
    TRY("str q0, [%0]");
    TRY("ldtr x9, [%0]");
}

/* Stage 1 says memory, so that it is stage 2 that refuses. */
static void test_every_way(void)
{
    static const uint64_t places[] = { NOWHERE, 2 * NOWHERE + 0x3ffff000, 0x0f000000UL };

    for (unsigned int i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        uint64_t at = (uint64_t)arm_map_gigabyte(places[i]);

        every_way(at);
        TRY("mov x9, x30; blr %0; mov x30, x9");
        TRY("dc zva, %0");
        __asm__ volatile("dc civac, %0; dc cvac, %0; ic ivau, %0; prfm pldl1keep, [%0]" ::"r"(at) : "memory");
    }
}

/* Without an instruction syndrome, or not aligned, or of a size it has not. */
static void test_controller(void)
{
    uint64_t at = (uint64_t)arm_map_gigabyte(gic_dist);
    uint32_t typer = read32(gic_dist + 4);

    TRY("ldp w9, w10, [%0]");
    TRY("stp wzr, wzr, [%0]");
    TRY("mov x11, %0; str wzr, [x11], #4");
    TRY("ldr q0, [%0]");
    TRY("ldxr w9, [%0]");
    at += 2;
    TRY("ldr w9, [%0]");
    TRY("str wzr, [%0]");
    EXPECT_EQ(read32(gic_dist + 4), typer);
}

/* A table of the first stage at `where`, and an access through it: the second stage refuses the walk. */
static void bad_table(uint64_t where)
{
    unsigned int before = sync_count;
    uint64_t value;

    boot_l1[400] = where | 3;
    __asm__ volatile("dsb ish; tlbi vmalle1; dsb ish; isb" ::: "memory");
    __asm__ volatile("ldr %0, [%1]" : "=r"(value) : "r"(400UL << 30) : "memory");
    EXPECT_EQ(sync_count, before + 1);
    EXPECT_EQ(sync_esr & 0x3f, 0x10); /* no fault of the first stage: nothing was read there */
    before = sync_count;
    __asm__ volatile("str xzr, [%0]" ::"r"(400UL << 30) : "memory");
    EXPECT_EQ(sync_count, before + 1);
    __asm__ volatile("at s1e1r, %1; isb; mrs %0, par_el1" : "=r"(value) : "r"(400UL << 30) : "memory");
    EXPECT(hypercall_xen_version(1, (void *)(400UL << 30)) < 0);
    boot_l1[400] = 0;
    __asm__ volatile("dsb ish; tlbi vmalle1; dsb ish; isb" ::: "memory");
}

static void test_tables(void)
{
    bad_table(NOWHERE);
    bad_table(2 * NOWHERE);
    bad_table(gic_dist);
    bad_table(DEVICE);
    bad_table(RAM_START + (arm_physical(boot_l1) < RAM_START + 0x20000000UL ? 0x3f000000UL : 0)); /* not ours */
}

/* ---- large pages that are split while somebody uses them ------------------------------------------ */

#define BLOCK       0x200000UL
#define BLOCKS      16U
#define SPLIT_FROM  (8 * BLOCK) /* behind the test itself */

static volatile uint64_t block_at;
static volatile unsigned int rounds, refusals;
static volatile bool stop;

static void use_block(unsigned int vcpu)
{
    while (!stop) {
        char *page = (char *)block_at + (vcpu + rounds % 8) * PAGE;

        *(volatile uint64_t *)page = rounds;
        refusals += hypercall_xen_version(1, page) != 0;
        rounds++;
    }
    __atomic_store_n(&block_at, 0, __ATOMIC_SEQ_CST);
}

/* A page of each block is given back while another vcpu writes the others, and has hypercalls write them. */
static void test_splits(void)
{
    unsigned int before = sync_count;
    uint64_t start = (arm_physical(boot_l1) & ~(BLOCK - 1)) + SPLIT_FROM;

    block_at = start;
    if (arm_cpu_start(1, use_block) != 0) {
        test_note("one vcpu: nobody uses what is split");
        return;
    }
    for (unsigned int i = 0; i < BLOCKS; i++) {
        xen_pfn_t gfn = (start + i * BLOCK) / PAGE + 100;
        struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };
        unsigned int then;

        set_xen_guest_handle(r.extent_start, &gfn);
        block_at = start + i * BLOCK;
        then = rounds;
        for (unsigned int n = 0; n < 10000000 && rounds - then < 50; n++) {
            __asm__ volatile("yield" ::: "memory");
        }
        EXPECT_EQ(hypercall_memory_op(XENMEM_decrease_reservation, &r), 1);
    }
    stop = true;
    for (unsigned int n = 0; n < 100000000 && block_at != 0; n++) {
        __asm__ volatile("yield" ::: "memory");
    }
    EXPECT_EQ(block_at, 0);
    EXPECT_EQ(refusals, 0);
    EXPECT_EQ(sync_count, before);
    test_note("%u rounds beside %u splits", rounds, BLOCKS);
}

void test_main(void)
{
    if (!start_is_dom0()) {
        test_skip("the machine's memory is known for dom0");
    }
    sync_expected = true;
    test_all_memory();
    test_every_way();
    test_controller();
    test_tables();
    test_splits();
    sync_expected = false;
    test_note("%u exceptions", sync_count);
    EXPECT(hypercall_xen_version(0, NULL) >= 4 << 16);
}
