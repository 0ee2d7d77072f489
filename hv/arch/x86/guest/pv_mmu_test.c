/* SPDX-License-Identifier: MIT */
/*
 * PV page tables against a model: random hypercalls of two domains, legal and not, interrupted at random;
 * then every reference and role count of every frame is computed again from the tables themselves and
 * compared. At the end both domains die and nothing may be left.
 */
#include "hv/arch/fake/fake.h"
#include "hv/arch/x86/cpu/e820.h"
#include "hv/arch/x86/cpu/paging.h"
#include "hv/arch/x86/cpu/traps.h"
#include "hv/arch/x86/guest/pv_mmu.h"
#include "hv/base/softirq.h"
#include "hv/calls/hypercall.h"
#include "hv/calls/memory_op.h"
#include "hv/core/arch_guest.h"
#include "hv/core/grant.h"
#include "hv/core/rights.h"
#include "hv/lib/string.h"
#include "hv/mm/boot_alloc.h"
#include "hv/mm/heap.h"
#include "hv/mm/map.h"
#include "hv/mm/page_alloc.h"
#include "hv/upcalls.h"
#include "tests/unit/pv/hv/arch/x86/cpu/instr.h"
#include "tests/unit/pv/pv_world.h"
#include "tests/unit/unit.h"

#include <stdarg.h>

#define PAGES   48
#define DOMAINS 2
#define RAM_FIRST 256
#define RAM_COUNT 4096

/* ---- The machine around the code under test ------------------------------------------------------- */

char pv_test_m2p[(RAM_FIRST + RAM_COUNT) * 8];
unsigned long pv_test_cr3;
unsigned int pv_test_flushes;
uint64_t paging_idle_l4[512];
struct domain *domain_io;
struct domain *domain_xen;
struct e820_map machine_e820;

static struct domain *domains[DOMAINS];
static mfn_t pages[DOMAINS][PAGES];
static unsigned int preempt_percent;
static struct {
    unsigned int op;
    unsigned long args[6];
} restart;

long hypercall_continue(unsigned int op, unsigned int count, ...)
{
    va_list args;

    restart.op = op;
    va_start(args, count);
    for (unsigned int i = 0; i < count; i++) {
        restart.args[i] = va_arg(args, unsigned long);
    }
    va_end(args);
    return -ERESTART;
}

unsigned long *pv_test_softirq_word(void)
{
    unsigned long *word = &fake_this_cpu->softirq;

    if (unit_random_below(100) < preempt_percent) {
        *word |= BIT(SOFTIRQ_SCHEDULE);
    }
    return word;
}

struct domain *domain_get_or_self(domid_t id)
{
    struct domain *d = id == DOMID_SELF ? current_domain() : id < DOMAINS ? domains[id] : NULL;

    if (d != NULL) {
        d->refs++;
    }
    return d;
}

void domain_put(struct domain *d)
{
    d->refs--;
}

bool rights_may_control(const struct domain *caller, const struct domain *d)
{
    return caller->is_control;
}

bool rights_has(const struct domain *d, enum right what, uint64_t first, uint64_t last)
{
    return d->is_hardware;
}

struct frame_owner *upcall_frame_owner(uint16_t domid)
{
    return domid < DOMAINS ? &domains[domid]->memory : NULL;
}

void upcall_owner_filled(uint16_t domid)
{
    domains[domid]->refs++;
}

void upcall_owner_empty(uint16_t domid)
{
    domains[domid]->refs--;
}

struct domain *memory_op_domain_get(domid_t domid, int *rc)
{
    return domain_get_or_self(domid);
}

int grant_get_frame(struct domain *d, bool status, unsigned int idx, mfn_t *mfn)
{
    return -EINVAL;
}

void pv_inject_trap(unsigned int vector, uint32_t error_code)
{
}

void traps_set_ldt(unsigned long base, unsigned int entries)
{
}

paddr_t paging_virt_to_phys(const void *va)
{
    return _paddr(0);
}

mfn_t boot_alloc(unsigned long count)
{
    return INVALID_MFN;
}

void paging_map(unsigned long va, mfn_t mfn, unsigned long count, uint64_t flags)
{
}

static struct domain *make_domain(domid_t id)
{
    struct domain *d = heap_alloc(sizeof(*d));
    struct vcpu *v = heap_alloc(sizeof(*v));

    d->id = id;
    d->is_control = id == 0;
    d->is_hardware = id == 0;
    d->max_vcpus = 1;
    d->vcpu = heap_alloc(sizeof(*d->vcpu));
    d->vcpu[0] = v;
    d->refs = 1;
    d->arch = heap_alloc(sizeof(*d->arch));
    d->arch->is_pv = true;
    d->arch->perdomain_l3 = INVALID_MFN;
    spin_init(&d->arch->mmu_lock, LOCK_ARCH_DOMAIN);
    v->domain = d;
    v->info = heap_alloc(sizeof(*v->info));
    v->arch = heap_alloc(sizeof(*v->arch));
    v->arch->guest_table = INVALID_MFN;
    v->arch->guest_table_user = INVALID_MFN;
    v->arch->kernel_mode = true;
    frame_owner_init(&d->memory, id);
    d->memory.max = 1000;
    domains[id] = d;
    EXPECT_EQ(pv_perdomain_init(d), 0);
    EXPECT_EQ(pv_perdomain_prepare(d, 0), 0);
    for (unsigned int i = 0; i < PAGES; i++) {
        pages[id][i] = frame_alloc_for(&d->memory, 0, PAGE_ZERO);
        EXPECT(!mfn_eq(pages[id][i], INVALID_MFN));
    }
    return d;
}

static void world(void)
{
    fake_machine_add_ram(RAM_FIRST, RAM_COUNT);
    frame_init();
    for (domid_t id = 0; id < DOMAINS; id++) {
        make_domain(id);
    }
    arch_set_current(domains[0]->vcpu[0]);
}

static void enter(struct domain *d)
{
    arch_set_current(d->vcpu[0]);
}

/* ---- The model -------------------------------------------------------------------------------------- */

struct expected {
    int general;
    int role;
};

static struct expected expected[RAM_FIRST + RAM_COUNT];

static void expect_ref(uint64_t mfn, bool with_role)
{
    if (!frame_valid(_mfn(mfn))) {
        return;
    }
    expected[mfn].general++;
    expected[mfn].role += with_role;
}

static void expect_table(const struct frame *f)
{
    uint32_t role = f->role;
    unsigned int level = role >> ROLE_SHIFT;
    const uint64_t *t = map_frame(frame_mfn(f));
    unsigned int entries = role & ROLE_VALIDATED ? 512 : role & ROLE_PARTIAL ? f->aux : 0;

    if (level < ROLE_L1 || level > ROLE_L4) {
        return;
    }
    for (unsigned int i = 0; i < entries; i++) {
        if ((t[i] & PTE_PRESENT) && !(level == 4 && i >= 256 && i <= 271)) {
            expect_ref(mfn_x(pte_mfn(t[i])), level > 1 || (t[i] & PTE_RW));
        }
    }
}

static void expect_domain(const struct domain *d)
{
    const struct arch_vcpu *a = d->vcpu[0]->arch;

    for (uint32_t n = d->memory.first; n != FRAME_NONE; n = frame_of(_mfn(n))->next) {
        const struct frame *f = frame_of(_mfn(n));

        expected[n].general += (f->count & FRAME_ALLOCATED) != 0;
        if (f->role & ROLE_PINNED) {
            expect_ref(n, true);
        }
        if ((f->role & ROLE_PARTIAL) && !(f->role & ROLE_COUNT_MASK)) {
            expected[n].general++;
        }
        expect_table(f);
    }
    if (!mfn_eq(a->guest_table, INVALID_MFN)) {
        expect_ref(mfn_x(a->guest_table), true);
    }
    if (!mfn_eq(a->guest_table_user, INVALID_MFN)) {
        expect_ref(mfn_x(a->guest_table_user), true);
    }
    for (unsigned int i = 0; i < d->arch->stale_count; i++) {
        expect_ref(mfn_x(frame_mfn(d->arch->stale_tables[i])), true);
    }
    for (unsigned int i = 0; i < PV_GDT_FRAMES; i++) {
        if (a->gdt_frames[i] != NULL) {
            expect_ref(mfn_x(frame_mfn(a->gdt_frames[i])), true);
        }
    }
}

/* How often a validated table of each level was seen. */
static unsigned int reached[5];

static void check(void)
{
    memset(expected, 0, sizeof(expected));
    for (unsigned int id = 0; id < DOMAINS; id++) {
        expect_domain(domains[id]);
    }
    for (unsigned int id = 0; id < DOMAINS; id++) {
        uint64_t listed = 0;

        for (uint32_t n = domains[id]->memory.first; n != FRAME_NONE;
             n = frame_of(_mfn(n))->next) {
            const struct frame *f = frame_of(_mfn(n));

            EXPECT_EQ(f->count & FRAME_COUNT_MASK, expected[n].general);
            EXPECT_EQ(f->role & ROLE_COUNT_MASK, expected[n].role);
            EXPECT_EQ(f->owner, id);
            if (pv_table_role(f->role)) {
                reached[f->role >> ROLE_SHIFT]++;
            }
            listed++;
        }
        EXPECT_EQ(listed, domains[id]->memory.listed);
    }
}

/* ---- Hypercalls ---------------------------------------------------------------------------------------- */

/* Runs until it is no longer put off; or gives up, as a guest may. */
static long finish(long rc)
{
    while (rc == -ERESTART && unit_random_below(50) != 0) {
        guest_ptr_t p = { restart.args[0] };
        guest_ptr_t done = { restart.args[2] };

        fake_this_cpu->softirq &= ~BIT(SOFTIRQ_SCHEDULE);
        rc = restart.op == __HYPERVISOR_mmu_update
                 ? do_mmu_update(p, (unsigned int)restart.args[1], done,
                                 (unsigned int)restart.args[3])
                 : do_mmuext_op(p, (unsigned int)restart.args[1], done,
                                (unsigned int)restart.args[3]);
    }
    return rc;
}

static long mmu_update(uint64_t ptr, uint64_t val, unsigned int domid)
{
    struct mmu_update *u = (struct mmu_update *)fake_guest_memory;

    u->ptr = ptr;
    u->val = val;
    return finish(do_mmu_update(fake_guest_ptr(u), 1, (guest_ptr_t){ 0 }, domid));
}

static long mmuext(unsigned int cmd, uint64_t mfn, unsigned int domid)
{
    struct mmuext_op *op = (struct mmuext_op *)(fake_guest_memory + 4096);

    *op = (struct mmuext_op){ .cmd = cmd, .arg1.mfn = mfn };
    return finish(do_mmuext_op(fake_guest_ptr(op), 1, (guest_ptr_t){ 0 }, domid));
}

static uint64_t maddr(mfn_t mfn, unsigned int slot)
{
    return (mfn_x(mfn) << PAGE_SHIFT) + slot * 8;
}

static mfn_t own_table;

struct vcpu *pv_world_address_space(unsigned long va)
{
    mfn_t *p = pages[1];
    uint64_t *table;

    world();
    enter(domains[1]);
    for (unsigned int level = 4; level > 1; level--) {
        table = map_frame(p[level]);
        table[pte_index(va, level)] = pte_make(p[level - 1], PTE_PRESENT | PTE_RW);
    }
    own_table = p[1];
    table = map_frame(own_table);
    table[pte_index(va, 1)] = pte_make(own_table, PTE_PRESENT);
    EXPECT_EQ(mmuext(MMUEXT_NEW_BASEPTR, mfn_x(p[4]), DOMID_SELF), 0);
    check();
    return current_vcpu();
}

uint64_t *pv_world_table(void)
{
    return map_frame(own_table);
}

/* ---- Random operations ----------------------------------------------------------------------------------- */

static unsigned int random_slot(void)
{
    static const unsigned int slots[] = { 0, 1, 2, 3, 255, 256, 260, 271, 272, 511 };

    return slots[unit_random_below(ARRAY_SIZE(slots))];
}

static mfn_t random_page(unsigned int id)
{
    return pages[id][unit_random_below(PAGES)];
}

static uint64_t random_pte(unsigned int id)
{
    uint64_t pte = mfn_x(random_page(unit_random_below(8) == 0 ? !id : id)) << PAGE_SHIFT;

    switch (unit_random_below(16)) {
    case 0:
        return 0;
    case 1:
        return unit_random();
    case 2:
        return pte | PTE_PRESENT | PTE_LARGE;
    case 3:
        return 0xfee00000UL | PTE_PRESENT | PTE_RW;
    default:
        return pte | PTE_PRESENT | (unit_random_below(2) ? PTE_RW : 0) |
               (unit_random_below(2) ? PTE_ACCESSED : 0);
    }
}

static void random_call(unsigned int id)
{
    unsigned int domid = DOMID_SELF;
    unsigned int kind = unit_random_below(4);

    if (unit_random_below(8) == 0) {
        domid = unit_random_below(2);
    }
    switch (unit_random_below(10)) {
    case 0:
        (void)mmuext(MMUEXT_PIN_L1_TABLE + unit_random_below(4), mfn_x(random_page(id)), domid);
        break;
    case 1:
        (void)mmuext(MMUEXT_UNPIN_TABLE, mfn_x(random_page(id)), domid);
        break;
    case 2:
        (void)mmuext(unit_random_below(2) ? MMUEXT_NEW_BASEPTR : MMUEXT_NEW_USER_BASEPTR,
                     mfn_x(random_page(id)), domid);
        break;
    case 3: {
        uint64_t frame = mfn_x(random_page(id));

        if (pv_set_gdt(domains[id]->vcpu[0], &frame, unit_random_below(3) ? 512 : 0) != 0) {
            frame = 0;
        }
        break;
    }
    case 4:
        if (unit_random_below(2)) {
            (void)mmuext(MMUEXT_CLEAR_PAGE, mfn_x(random_page(id)), domid);
        } else {
            (void)do_update_descriptor(maddr(random_page(id), random_slot()), unit_random());
        }
        break;
    default:
        if (id == 0 && unit_random_below(8) == 0) {
            domid |= (unit_random_below(2) + 1) << 16;
        }
        (void)mmu_update(maddr(random_page(unit_random_below(6) == 0 ? !id : id), random_slot()) |
                             kind,
                         random_pte(id), domid);
        break;
    }
}

/* A whole address space of random shape, so that pins and base pointers often succeed. */
static void plant_tree(unsigned int id)
{
    mfn_t l4 = random_page(id), l3 = random_page(id), l2 = random_page(id), l1 = random_page(id);

    (void)mmu_update(maddr(l1, 1), maddr(random_page(id), 0) | PTE_PRESENT | PTE_RW, DOMID_SELF);
    (void)mmu_update(maddr(l2, 2), maddr(l1, 0) | PTE_PRESENT, DOMID_SELF);
    (void)mmu_update(maddr(l3, 3), maddr(l2, 0) | PTE_PRESENT, DOMID_SELF);
    (void)mmu_update(maddr(l4, 0), maddr(l3, 0) | PTE_PRESENT, DOMID_SELF);
    (void)mmuext(MMUEXT_PIN_L4_TABLE, mfn_x(l4), DOMID_SELF);
}

static void clear_some_page(unsigned int id)
{
    (void)mmuext(MMUEXT_UNPIN_TABLE, mfn_x(random_page(id)), DOMID_SELF);
    (void)mmuext(MMUEXT_CLEAR_PAGE, mfn_x(random_page(id)), DOMID_SELF);
}

/* Gives a page back, as a balloon does, and gets another once it is really gone. */
static void balloon(unsigned int id)
{
    mfn_t *page = &pages[id][unit_random_below(PAGES)];
    struct frame *f = frame_of(*page);

    if (f->owner == id && frame_clear_allocated(f)) {
        frame_put(f);
    }
    softirq_run();
    if (f->count == 0 || (f->count & FRAME_FREE)) {
        *page = frame_alloc_for(&domains[id]->memory, 0, PAGE_ZERO);
    }
}

static void end_domain(struct domain *d)
{
    long rc;

    enter(domains[0]);
    d->memory.dying = true;
    pv_mmu_drop_tables(d->vcpu[0]);
    pv_destroy_gdt(d->vcpu[0]);
    do {
        fake_this_cpu->softirq &= ~BIT(SOFTIRQ_SCHEDULE);
        rc = pv_mmu_relinquish(d);
    } while (rc == -ERESTART);
    EXPECT_EQ(rc, 0);
    check();
    preempt_percent = 0;
    softirq_run();
}

static void random_run(unsigned int percent, unsigned int rounds)
{
    world();
    preempt_percent = percent;
    for (unsigned int i = 0; i < rounds; i++) {
        unsigned int id = unit_random_below(DOMAINS);

        enter(domains[id]);
        if (unit_random_below(20) == 0) {
            plant_tree(id);
        } else if (unit_random_below(10) == 0) {
            clear_some_page(id);
        } else if (preempt_percent == 0 && unit_random_below(20) == 0) {
            balloon(id);
        } else {
            random_call(id);
        }
        check();
    }
    for (unsigned int l = 1; l <= 4; l++) {
        EXPECT(reached[l] > rounds / 20); /* or the run has shown nothing */
    }
    end_domain(domains[1]);
    preempt_percent = percent;
    end_domain(domains[0]);
    for (unsigned int id = 0; id < DOMAINS; id++) {
        EXPECT_EQ(domains[id]->memory.listed, 0);
        EXPECT_EQ(domains[id]->refs, 1);
    }
}

TEST(pv_mmu_random_uninterrupted)
{
    random_run(0, 20000);
}

TEST(pv_mmu_random_interrupted)
{
    random_run(30, 20000);
}

TEST(pv_mmu_random_always_interrupted)
{
    random_run(100, 10000);
}
