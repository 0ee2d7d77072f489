/* SPDX-License-Identifier: MIT */
/* The heap under random use: zeroed, aligned, disjoint memory, and nothing left at the end. */
#include "hv/mm/heap.h"

#include "hv/arch/fake/fake.h"
#include "hv/lib/string.h"
#include "hv/mm/page_alloc.h"
#include "tests/unit/unit.h"

#define SLOTS 500

static unsigned char *objects[SLOTS];
static size_t sizes[SLOTS];
static unsigned char marks[SLOTS];

static bool filled(const unsigned char *p, size_t n, unsigned char byte)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] != byte) {
            return false;
        }
    }
    return true;
}

static size_t random_size(void)
{
    return unit_random_below(8) == 0 ? unit_random_below(20000) : unit_random_below(300);
}

static void drop(unsigned int i)
{
    EXPECT(filled(objects[i], sizes[i], marks[i]));
    heap_free(objects[i]);
    objects[i] = NULL;
}

static void use(unsigned int i)
{
    marks[i] = (unsigned char)(1 + unit_random_below(255));
    memset(objects[i], marks[i], sizes[i]);
}

static void step(unsigned int i)
{
    size_t size = random_size();

    if (objects[i] == NULL) {
        objects[i] = heap_alloc(size);
        EXPECT(objects[i] != NULL);
        EXPECT(filled(objects[i], size, 0));
        sizes[i] = size;
    } else if (unit_random_below(4) == 0) {
        objects[i] = heap_realloc(objects[i], size);
        EXPECT(objects[i] != NULL);
        EXPECT(filled(objects[i], MIN(size, sizes[i]), marks[i]));
        sizes[i] = size;
    } else {
        drop(i);
        return;
    }
    use(i);
}

TEST(heap_random_use)
{
    uint64_t free_before;

    fake_machine_add_ram(256, 4096);
    free_before = page_alloc_free_count();
    for (unsigned int i = 0; i < 40000; i++) {
        step(unit_random_below(SLOTS));
    }
    for (unsigned int i = 0; i < SLOTS; i++) {
        if (objects[i] != NULL) {
            drop(i);
        }
    }
    EXPECT_EQ(heap_used(), 0);
    EXPECT_EQ(page_alloc_free_count(), free_before);
}

TEST(heap_sizes_and_limits)
{
    void *p;

    fake_machine_add_ram(256, 64);
    for (unsigned int shift = 4; shift <= 12; shift++) {
        p = heap_alloc(1UL << shift);
        EXPECT_EQ((unsigned long)p & ((1UL << shift) - 1), 0);
        heap_free(p);
    }
    heap_free(NULL);
    EXPECT(heap_alloc_array(1UL << 40, 1UL << 40) == NULL);
    EXPECT(heap_alloc(1UL << 50) == NULL);
    p = heap_alloc(5 * PAGE_SIZE);
    EXPECT_EQ(page_alloc_free_count(), 64 - 5);
    heap_free(p);
    EXPECT_EQ(page_alloc_free_count(), 64);
}

TEST(heap_failure_injection)
{
    fake_machine_add_ram(256, 64);
    heap_fail_after(2);
    EXPECT(heap_alloc(10) != NULL);
    EXPECT(heap_alloc_page() != NULL);
    EXPECT(heap_alloc(10) == NULL);
    EXPECT(heap_alloc_page() == NULL);
    heap_fail_after(-1);
    EXPECT(heap_alloc(10) != NULL);
}

TEST(heap_exhaustion)
{
    fake_machine_add_ram(256, 8);
    for (unsigned int i = 0; i < 8; i++) {
        EXPECT(heap_alloc_page() != NULL);
    }
    EXPECT(heap_alloc(10) == NULL);
    EXPECT(heap_alloc(5000) == NULL);
}

#define RACE_ROUNDS 20000

static void pages_on_another_cpu(void *unused)
{
    fake_cpu_switch(1);
    for (unsigned int i = 0; i < RACE_ROUNDS; i++) {
        void *page = heap_alloc_page();
        void *run = heap_alloc(2 * PAGE_SIZE);

        EXPECT(page != NULL && run != NULL);
        heap_free_page(page);
        heap_free(run);
    }
}

/* The count of what is in use loses nothing when pages and small objects come and go at once. */
TEST(heap_used_is_exact_on_two_cpus)
{
    unsigned long thread;

    fake_machine_add_ram(256, 64);
    thread = fake_host_thread(pages_on_another_cpu, NULL);
    for (unsigned int i = 0; i < RACE_ROUNDS; i++) {
        void *p = heap_alloc(64);

        EXPECT(p != NULL);
        heap_free(p);
    }
    fake_host_join(thread);
    EXPECT_EQ(heap_used(), 0);
    EXPECT_EQ(page_alloc_free_count(), 64);
}

TEST_DIES(heap_double_free)
{
    void *p;

    fake_machine_add_ram(256, 8);
    EXPECT(heap_alloc(24) != NULL);
    p = heap_alloc(24);
    heap_free(p);
    heap_free(p);
}

TEST_DIES(heap_write_after_free)
{
    char *p;

    fake_machine_add_ram(256, 8);
    (void)!heap_alloc(100);
    p = heap_alloc(100);
    heap_free(p);
    p[50] = 1;
    (void)!heap_alloc(100);
}
