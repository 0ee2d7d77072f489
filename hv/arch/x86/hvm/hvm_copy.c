/* SPDX-License-Identifier: MIT */
/*
 * Memory of the current guest by the addresses it uses: a walk of its own page tables (none, 2, 3 or 4 levels), each
 * step through its physical space.
 *
 * From finding a page to the last byte copied interrupts are off: who takes a page away from the domain waits for
 * this CPU (arch_p2m_flush()), so no reference is needed. A vcpu remembers the last few pages; what it remembers is
 * good while the p2m's generation is the same.
 *
 * Access is checked as for the CPU at the guest's privilege level; a hypercall's arguments are the kernel's. Page
 * tables must lie in memory the guest may write, as the CPU demands too: the walk sets accessed and dirty bits in them.
 */
#include "hv/arch/x86/cpu/pte.h"
#include "hv/arch/x86/hvm/hvm.h"
#include "hv/lib/string.h"
#include "hv/mm/map.h"

#define CR0_WP      0x10000UL
#define PTE_LARGE_ADDRESS(bits) (PTE_ADDRESS & ~((1UL << (bits)) - 1))

static inline bool is_of(const struct hvm_translation *t, uint64_t gfn, uint64_t generation)
{
    return likely(t->gfn == gfn) && likely(t->generation == generation);
}

/* A page that was found read-only may have become writable with nothing removed. */
static NOINLINE char *page_to_write(struct vcpu *v, struct hvm_translation *t)
{
    enum p2m_type type;

    p2m_lookup(v->domain, _gfn(t->gfn), &type);
    t->writable = type == P2M_RAM;
    if (type == P2M_RAM_LOGGED) {
        v->arch->hvm->missing = t->gfn;
    }
    return t->writable ? t->page : NULL;
}

/* Interrupts are off. NULL: nothing there that can be read, or written. A page is in one of two places: a guest's code,
 * stack and tables are few, and any two of them may want the same one. */
static char *page_at(struct vcpu *v, uint64_t gfn, bool write)
{
    struct hvm_translation *all = v->arch->hvm->translations;
    struct hvm_translation *t = &all[gfn % HVM_TRANSLATIONS];
    struct hvm_translation *second = &all[(gfn % HVM_TRANSLATIONS) ^ (HVM_TRANSLATIONS / 2)];
    struct domain *d = v->domain;
    uint64_t generation = READ_ONCE(d->p2m->generation);
    enum p2m_type type;
    mfn_t mfn;

    if (unlikely(!is_of(t, gfn, generation)) && is_of(second, gfn, generation)) {
        t = second;
    } else if (unlikely(!is_of(t, gfn, generation))) {
        smp_rmb(); /* generation before the entry: pairs with its growing after the entry went */
        mfn = p2m_lookup(d, _gfn(gfn), &type);
        if (type == P2M_NONE || type == P2M_DEVICE || type == P2M_ON_DEMAND) {
            v->arch->hvm->missing = gfn;
            return NULL;
        }
        *second = *t;
        *t = (struct hvm_translation){
            .gfn = gfn,
            .generation = generation,
            .page = map_frame(mfn),
            .writable = type == P2M_RAM || type == P2M_SHARED || type == P2M_GRANT || type == P2M_FOREIGN,
        };
    }
    return unlikely(write && !t->writable) ? page_to_write(v, t) : t->page;
}

/* Sets what the CPU would have set on its way. */
static void note_use(uint64_t *entry, uint64_t seen, uint64_t bits)
{
    if ((seen & bits) != bits) {
        __atomic_fetch_or(entry, bits, __ATOMIC_RELAXED);
    }
}

static bool leaf_allows(const struct hvm_paging *p, uint64_t rights, uint64_t nx, unsigned int access)
{
    if ((access & HVM_ACCESS_USER) && !(rights & PTE_USER)) {
        return false;
    }
    if ((access & HVM_ACCESS_FETCH) && nx != 0 && (p->efer & EFER_NXE)) {
        return false;
    }
    return !(access & HVM_ACCESS_WRITE) || (rights & PTE_RW) ||
           (!(access & HVM_ACCESS_USER) && !(p->cr0 & CR0_WP));
}

/* Tables of 8-byte entries, levels of them. */
static bool walk_wide(struct vcpu *v, const struct hvm_paging *p, uint64_t va, unsigned int access,
                      unsigned int levels, uint64_t *gpa)
{
    uint64_t table = p->cr3 & (levels == 3 ? 0xffffffe0UL : PTE_ADDRESS);
    uint64_t rights = PTE_RW | PTE_USER;
    uint64_t nx = 0;

    for (unsigned int level = levels;; level--) {
        char *page = page_at(v, table >> PAGE_SHIFT, true);
        unsigned int shift = PAGE_SHIFT + 9 * (level - 1);
        uint64_t *slot;
        uint64_t e;

        if (page == NULL) {
            return false;
        }
        slot = (uint64_t *)(page + (table & ~PAGE_MASK)) + pte_index(va, level);
        e = READ_ONCE(*slot);
        if (!(e & PTE_PRESENT)) {
            return false;
        }
        if (level == 3 && levels == 3) {
            table = e & PTE_ADDRESS; /* four entries without rights */
            continue;
        }
        rights &= e;
        nx |= e & PTE_NX;
        if (level == 1 || ((e & PTE_LARGE) && level <= 3)) {
            if (!leaf_allows(p, rights, nx, access)) {
                return false;
            }
            note_use(slot, e, PTE_ACCESSED | (access & HVM_ACCESS_WRITE ? PTE_DIRTY : 0));
            *gpa = (e & PTE_LARGE_ADDRESS(shift)) | (va & ((1UL << shift) - 1));
            return true;
        }
        note_use(slot, e, PTE_ACCESSED);
        table = e & PTE_ADDRESS;
    }
}

/* Two levels of 4-byte entries. */
static bool walk_narrow(struct vcpu *v, const struct hvm_paging *p, uint64_t va, unsigned int access,
                        uint64_t *gpa)
{
    uint64_t table = p->cr3 & 0xfffff000UL;
    uint64_t rights = PTE_RW | PTE_USER;

    for (unsigned int level = 2; level > 0; level--) {
        unsigned int shift = level == 2 ? 22 : 12;
        char *page = page_at(v, table >> PAGE_SHIFT, true);
        uint32_t e;

        if (page == NULL) {
            return false;
        }
        e = READ_ONCE(((uint32_t *)page)[va >> shift & 1023]);
        rights &= e;
        if (!(e & PTE_PRESENT)) {
            return false;
        }
        if (level == 1 || ((e & PTE_LARGE) && (p->cr4 & CR4_PSE))) {
            uint64_t high = level == 2 ? (uint64_t)(e >> 13 & 0xff) << 32 : 0;

            *gpa = high | (e & ~((1UL << shift) - 1)) | (va & ((1UL << shift) - 1));
            return leaf_allows(p, rights, 0, access);
        }
        table = e & 0xfffff000UL;
    }
    return false;
}

static bool walk(struct vcpu *v, const struct hvm_paging *p, uint64_t va, unsigned int access, uint64_t *gpa)
{
    if (likely(p->efer & EFER_LMA)) {
        return (va + (1UL << 47)) >> 48 == 0 && walk_wide(v, p, va, access, 4, gpa);
    }
    if (va >> 32 != 0) {
        return false;
    }
    if (!(p->cr0 & CR0_PG)) {
        *gpa = va;
        return true;
    }
    return p->cr4 & CR4_PAE ? walk_wide(v, p, va, access, 3, gpa) : walk_narrow(v, p, va, access, gpa);
}

/* The records of a 32-bit call while it runs (hvm_call32.c). */
static NOINLINE char *in_window(const struct vcpu *v, uint64_t va)
{
    const struct hvm_vcpu *h = v->arch->hvm;

    return h->window_open && va - HVM_WINDOW < PAGE_SIZE ? h->window + (va - HVM_WINDOW) : NULL;
}

/* After a copy stopped, with interrupts on: true when what was missing is populated on demand, or noted as written, and
 * it may go on. */
static NOINLINE bool populated(struct vcpu *v)
{
    struct hvm_vcpu *h = v->arch->hvm;
    gfn_t gfn = _gfn(h->missing);
    enum p2m_type type = P2M_NONE;

    if (h->missing != ~0UL) {
        h->missing = ~0UL;
        p2m_lookup(v->domain, gfn, &type);
    }
    if (type == P2M_RAM_LOGGED) {
        p2m_log_write(v->domain, gfn);
        return true;
    }
    return type == P2M_ON_DEMAND && p2m_populate(v->domain, gfn) == 0;
}

/* Where the bytes at va are; interrupts are off. */
static char *reach(struct vcpu *v, const struct hvm_paging *p, uint64_t va, unsigned int access)
{
    uint64_t gpa;
    char *page;

    if (!walk(v, p, va, access, &gpa)) {
        return in_window(v, va);
    }
    page = page_at(v, gpa >> PAGE_SHIFT, access & HVM_ACCESS_WRITE);
    return page == NULL ? NULL : page + (gpa & ~PAGE_MASK);
}

static inline size_t up_to_page_end(uint64_t va, size_t bytes)
{
    return MIN(bytes, (size_t)(PAGE_SIZE - (va & ~PAGE_MASK)));
}

/* What is done to each part of a copy that lies in one page; ours is where it comes from or goes to. */
typedef void (*part_fn)(char *page, char *ours, size_t bytes);

static inline void part_get(char *page, char *ours, size_t bytes)
{
    arch_bytes_copy(ours, page, bytes);
}

static inline void part_put(char *page, char *ours, size_t bytes)
{
    arch_bytes_copy(page, ours, bytes);
}

static inline void part_clear(char *page, char *ours, size_t bytes)
{
    (void)ours;
    memset(page, 0, bytes);
}

static inline void part_look(char *page, char *ours, size_t bytes)
{
    (void)page;
    (void)ours;
    (void)bytes;
}

/* Bytes to which it was NOT done. */
static ALWAYS_INLINE size_t each_part(part_fn fn, uint64_t va, const void *ours, size_t bytes, unsigned int access)
{
    struct vcpu *v = current_vcpu();
    char *mine = (char *)(uintptr_t)ours;
    struct hvm_paging p;

    hvm->get_paging(v, &p);
    while (bytes > 0) {
        size_t part = up_to_page_end(va, bytes);
        unsigned long flags = arch_irq_save();
        char *page = reach(v, &p, va, access);

        if (likely(page != NULL)) {
            fn(page, mine, part);
        }
        arch_irq_restore(flags);
        if (unlikely(page == NULL)) {
            if (populated(v)) {
                continue;
            }
            break;
        }
        mine += part;
        va += part;
        bytes -= part;
    }
    return bytes;
}

static ALWAYS_INLINE size_t get(void *dst, uint64_t va, size_t bytes, unsigned int access)
{
    return each_part(part_get, va, dst, bytes, access);
}

static size_t put(uint64_t va, const void *src, size_t bytes, unsigned int access)
{
    return each_part(part_put, va, src, bytes, access | HVM_ACCESS_WRITE);
}

size_t hvm_copy_from(void *dst, uint64_t va, size_t bytes)
{
    return get(dst, va, bytes, 0);
}

size_t hvm_copy_from_as(unsigned int access, void *dst, uint64_t va, size_t bytes)
{
    return get(dst, va, bytes, access);
}

bool hvm_may_write_as(unsigned int access, uint64_t va, size_t bytes)
{
    return each_part(part_look, va, NULL, bytes, access | HVM_ACCESS_WRITE) == 0;
}

size_t hvm_copy_to(uint64_t va, const void *src, size_t bytes)
{
    return put(va, src, bytes, 0);
}

size_t hvm_copy_to_as(unsigned int access, uint64_t va, const void *src, size_t bytes)
{
    return put(va, src, bytes, access);
}

size_t hvm_clear(uint64_t va, size_t bytes)
{
    return each_part(part_clear, va, NULL, bytes, HVM_ACCESS_WRITE);
}

unsigned int hvm_fetch(struct vcpu *v, uint64_t rip, uint8_t *bytes, unsigned int count)
{
    unsigned int done = 0;
    struct hvm_paging p;
    uint64_t va;

    hvm->get_paging(v, &p);
    va = p.code_bits == 64 ? rip : (uint32_t)(p.cs_base + rip);
    while (done < count) {
        unsigned int part = (unsigned int)up_to_page_end(va + done, count - done);
        unsigned long flags = arch_irq_save();
        const char *from =
            reach(v, &p, va + done, HVM_ACCESS_FETCH | (p.cpl == 3 ? HVM_ACCESS_USER : 0));

        if (from != NULL) {
            memcpy(bytes + done, from, part);
            done += part;
        }
        arch_irq_restore(flags);
        if (from == NULL) {
            break;
        }
    }
    return done;
}
