/* SPDX-License-Identifier: MIT */
/*
 * The heap: slabs of one page for each size class from 16 to 2048 bytes, and runs of whole
 * pages above.
 *
 * What a heap page is stands in its frame, not in the page, so objects are aligned to their
 * size: slab   aux = AUX_SLAB | class | index of the first free object, or AUX_FULL; next and
 * prev link the slabs of a class that have free objects pages  aux = AUX_PAGES; next = how many
 * A free object names the next free one and counts those that follow, so the slab needs no
 * other counter.
 *
 * Debug builds fill freed objects with a pattern and check it when the object is handed out
 * again. Lock: heap_lock (LOCK_HEAP) for slabs and their counters; pages are got, returned and
 * counted outside it.
 */
#include "hv/mm/heap.h"

#include "hv/arch_cpu.h"
#include "hv/base/lock.h"
#include "hv/base/printk.h"
#include "hv/lib/rangeset.h"
#include "hv/lib/string.h"
#include "hv/mm/frame.h"
#include "hv/mm/page_alloc.h"

#define CLASS_MIN_SHIFT 4
#define CLASSES         8 /* 16, 32 ... 2048 */
#define AUX_SLAB        0x8000
#define AUX_PAGES       0x4000
#define AUX_FULL        0x1000
#define AUX_CLASS(aux)  ((aux) >> 8 & 0xf)
#define AUX_FIRST(aux)  ((aux)&0xff)
#define NO_OBJECT       0xffff
#define FREE_MAGIC      0x6672ee0b
#define POISON          0x6b

struct free_object {
    uint16_t next;  /* index, or NO_OBJECT */
    uint16_t after; /* how many free objects follow this one */
    uint32_t magic;
    uint64_t pattern; /* debug: the rest of the object is POISON */
};

static struct spinlock heap_lock = SPINLOCK_INIT(LOCK_HEAP);
/* under heap_lock: */
static uint32_t slabs[CLASSES] = { FRAME_NONE, FRAME_NONE, FRAME_NONE, FRAME_NONE,
                                   FRAME_NONE, FRAME_NONE, FRAME_NONE, FRAME_NONE };
static size_t slab_objects[CLASSES]; /* handed out */
static size_t slab_pages[CLASSES];

/* atomic: whole pages handed out */
static size_t run_pages;

/* atomic; below 0: never fail */
static int fail_after = -1;

void heap_fail_after(int count)
{
    __atomic_store_n(&fail_after, count, __ATOMIC_SEQ_CST);
}

static bool must_fail(void)
{
    if (likely(READ_ONCE(fail_after) < 0)) {
        return false;
    }
    if (READ_ONCE(fail_after) == 0) {
        return true;
    }
    __atomic_fetch_sub(&fail_after, 1, __ATOMIC_SEQ_CST);
    return false;
}

static size_t class_size(unsigned int class)
{
    return (size_t)1 << (class + CLASS_MIN_SHIFT);
}

static unsigned int class_for(size_t bytes)
{
    return bytes <= class_size(0)
               ? 0
               : 64 - (unsigned int)__builtin_clzll(bytes - 1) - CLASS_MIN_SHIFT;
}

static struct frame *frame_of_va(const void *p)
{
    return frame_of(arch_direct_mfn(p));
}

static struct free_object *object_at(const struct frame *f, unsigned int class,
                                     unsigned int index)
{
    return (struct free_object *)((char *)arch_direct_map(frame_mfn(f)) +
                                  index * class_size(class));
}

/* ---- Debug pattern ----------------------------------------------------------------------- */
static void object_poison(struct free_object *o, size_t size)
{
#ifdef DEBUG
    memset(&o->pattern, POISON, size - offsetof(struct free_object, pattern));
#endif
}

static void object_check(const struct free_object *o, size_t size)
{
#ifdef DEBUG
    const uint8_t *p = (const uint8_t *)&o->pattern;

    BUG_ON(o->magic != FREE_MAGIC);
    for (size_t i = 0; i < size - offsetof(struct free_object, pattern); i++) {
        BUG_ON(p[i] != POISON);
    }
#endif
}

/* ---- Slabs: all under heap_lock ---------------------------------------------------------- */
static void slab_link(struct frame *f, unsigned int class)
{
    f->prev = FRAME_NONE;
    f->next = slabs[class];
    if (f->next != FRAME_NONE) {
        frame_of(_mfn(f->next))->prev = (uint32_t)mfn_x(frame_mfn(f));
    }
    slabs[class] = (uint32_t)mfn_x(frame_mfn(f));
}

static void slab_unlink(struct frame *f, unsigned int class)
{
    if (f->prev != FRAME_NONE) {
        frame_of(_mfn(f->prev))->next = f->next;
    } else {
        slabs[class] = f->next;
    }
    if (f->next != FRAME_NONE) {
        frame_of(_mfn(f->next))->prev = f->prev;
    }
}

static void slab_set_first(struct frame *f, unsigned int class, unsigned int first)
{
    unsigned int state = first == NO_OBJECT ? AUX_FULL : first;

    f->aux = (uint16_t)(AUX_SLAB | class << 8 | state);
}

static void slab_init(struct frame *f, unsigned int class)
{
    unsigned int count = (unsigned int)(PAGE_SIZE / class_size(class));

    for (unsigned int i = 0; i < count; i++) {
        struct free_object *o = object_at(f, class, i);

        o->next = (uint16_t)(i + 1 < count ? i + 1 : NO_OBJECT);
        o->after = (uint16_t)(count - i - 1);
        o->magic = FREE_MAGIC;
        object_poison(o, class_size(class));
    }
    slab_set_first(f, class, 0);
    slab_link(f, class);
    slab_pages[class]++;
}

static void *slab_take(unsigned int class)
{
    struct frame *f = frame_of(_mfn(slabs[class]));
    struct free_object *o = object_at(f, class, AUX_FIRST(f->aux));

    object_check(o, class_size(class));
    slab_set_first(f, class, o->next);
    if (o->next == NO_OBJECT) {
        slab_unlink(f, class);
    }
    slab_objects[class]++;
    return o;
}

/* Returns true when the whole slab is free; it is then on no list. */
static bool slab_give_back(struct frame *f, void *p)
{
    unsigned int class = AUX_CLASS(f->aux);
    unsigned int index = (unsigned int)(((unsigned long)p & ~PAGE_MASK) / class_size(class));
    bool was_full = f->aux & AUX_FULL;
    unsigned int first = AUX_FIRST(f->aux);
    struct free_object *o = p;

    BUG_ON(((unsigned long)p & (class_size(class) - 1)) != 0);
#ifdef DEBUG
    BUG_ON(o->magic == FREE_MAGIC && o->pattern == 0x0101010101010101ULL * POISON);
#endif
    o->next = (uint16_t)(was_full ? NO_OBJECT : first);
    o->after = (uint16_t)(was_full ? 0 : object_at(f, class, first)->after + 1);
    o->magic = FREE_MAGIC;
    object_poison(o, class_size(class));
    slab_objects[class]--;
    slab_set_first(f, class, index);
    if (o->after + 1U == PAGE_SIZE / class_size(class)) {
        if (!was_full) {
            slab_unlink(f, class);
        }
        f->aux = 0;
        slab_pages[class]--;
        return true;
    }
    if (was_full) {
        slab_link(f, class);
    }
    return false;
}

static void *alloc_small(size_t bytes)
{
    unsigned int class = class_for(bytes);
    void *p;

    spin_lock(&heap_lock);
    if (slabs[class] == FRAME_NONE) {
        mfn_t mfn;

        spin_unlock(&heap_lock);
        mfn = page_alloc(0, PAGE_NO_SCRUB);
        if (mfn_eq(mfn, INVALID_MFN)) {
            return NULL;
        }
        spin_lock(&heap_lock);
        slab_init(frame_of(mfn), class);
    }
    p = slab_take(class);
    spin_unlock(&heap_lock);
    memset(p, 0, class_size(class));
    return p;
}

/* ---- Whole pages ------------------------------------------------------------------------- */
/* Frees count pages from mfn on in the largest aligned blocks. */
static void free_run(mfn_t mfn, uint64_t count)
{
    while (count > 0) {
        unsigned int order = MIN((unsigned int)__builtin_ctzll(mfn_x(mfn)), PAGE_MAX_ORDER);

        while (BIT(order) > count) {
            order--;
        }
        page_free(mfn, order, false);
        mfn = mfn_add(mfn, BIT(order));
        count -= BIT(order);
    }
}

static void *alloc_pages(size_t bytes)
{
    uint64_t count = DIV_ROUND_UP(bytes, PAGE_SIZE);
    unsigned int order = count == 1 ? 0 : 64 - (unsigned int)__builtin_clzll(count - 1);
    struct frame *f;
    mfn_t mfn;

    if (order > PAGE_MAX_ORDER) {
        return NULL;
    }
    mfn = page_alloc(order, PAGE_ZERO);
    if (mfn_eq(mfn, INVALID_MFN)) {
        return NULL;
    }
    free_run(mfn_add(mfn, count), BIT(order) - count);
    f = frame_of(mfn);
    f->aux = AUX_PAGES;
    f->next = (uint32_t)count;
    __atomic_fetch_add(&run_pages, count, __ATOMIC_RELAXED);
    return arch_direct_map(mfn);
}

static void free_pages(struct frame *f)
{
    uint64_t count = f->next;

    BUG_ON(f->aux != AUX_PAGES);
    f->aux = 0;
    f->next = FRAME_NONE;
    __atomic_fetch_sub(&run_pages, count, __ATOMIC_RELAXED);
    free_run(frame_mfn(f), count);
}

/* ---- Interface --------------------------------------------------------------------------- */
void *heap_alloc(size_t bytes)
{
    if (must_fail()) {
        return NULL;
    }
    return bytes <= class_size(CLASSES - 1) ? alloc_small(bytes) : alloc_pages(bytes);
}

void *heap_alloc_array(size_t count, size_t bytes)
{
    size_t total;

    return mul_overflows(count, bytes, &total) ? NULL : heap_alloc(total);
}

void heap_free(void *p)
{
    struct frame *f;
    bool empty;

    if (p == NULL) {
        return;
    }
    f = frame_of_va(p);
    if (!(f->aux & AUX_SLAB)) {
        BUG_ON((unsigned long)p & ~PAGE_MASK);
        free_pages(f);
        return;
    }
    spin_lock(&heap_lock);
    empty = slab_give_back(f, p);
    spin_unlock(&heap_lock);
    if (empty) {
        page_free(frame_mfn(f), 0, false);
    }
}

static size_t usable_size(const void *p)
{
    const struct frame *f = frame_of_va(p);

    return f->aux & AUX_SLAB ? class_size(AUX_CLASS(f->aux)) : f->next * PAGE_SIZE;
}

void *heap_realloc(void *p, size_t bytes)
{
    void *moved;
    size_t old;

    if (p == NULL) {
        return heap_alloc(bytes);
    }
    old = usable_size(p);
    if (bytes <= old && bytes > old / 2) {
        return p;
    }
    moved = heap_alloc(bytes);
    if (moved != NULL) {
        memcpy(moved, p, MIN(old, bytes));
        heap_free(p);
    }
    return moved;
}

size_t heap_used(void)
{
    size_t bytes = READ_ONCE(run_pages) * PAGE_SIZE;

    spin_lock(&heap_lock);
    for (unsigned int class = 0; class < CLASSES; class++) {
        bytes += slab_objects[class] * class_size(class);
    }
    spin_unlock(&heap_lock);
    return bytes;
}

void heap_dump(void)
{
    printk("heap: %zu bytes in use\n", heap_used());
    for (unsigned int class = 0; class < CLASSES; class++) {
        printk("heap: %4zu bytes: %zu objects in %zu pages\n", class_size(class),
               READ_ONCE(slab_objects[class]), READ_ONCE(slab_pages[class]));
    }
    printk("heap: whole pages: %zu\n", READ_ONCE(run_pages));
}

void *heap_alloc_page(void)
{
    mfn_t mfn;

    if (must_fail()) {
        return NULL;
    }
    mfn = page_alloc(0, PAGE_ZERO);
    if (mfn_eq(mfn, INVALID_MFN)) {
        return NULL;
    }
    __atomic_fetch_add(&run_pages, 1, __ATOMIC_RELAXED);
    return arch_direct_map(mfn);
}

void heap_free_page(void *page)
{
    if (page != NULL) {
        __atomic_fetch_sub(&run_pages, 1, __ATOMIC_RELAXED);
        page_free(arch_direct_mfn(page), 0, false);
    }
}

/* What rangesets grow through (hv/lib/rangeset.h). */
void *rangeset_memory(void *old, size_t bytes)
{
    if (bytes == 0) {
        heap_free(old);
        return NULL;
    }
    return heap_realloc(old, bytes);
}
