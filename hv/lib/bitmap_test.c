/* SPDX-License-Identifier: MIT */
/* Searching and counting bits against loops over single bits. */
#include "hv/lib/bitmap.h"

#include "tests/unit/unit.h"

TEST(bitmap_searches_match_loops)
{
    for (unsigned int round = 0; round < 300; round++) {
        unsigned long map[4];
        unsigned int size = 1 + unit_random_below(256);
        unsigned int weight = 0;

        for (unsigned int i = 0; i < 4; i++) {
            map[i] = unit_random() & unit_random() & unit_random();
        }
        for (unsigned int from = 0; from <= size; from++) {
            unsigned int set = from;
            unsigned int clear = from;

            while (set < size && !bit_test(map, set)) {
                set++;
            }
            while (clear < size && bit_test(map, clear)) {
                clear++;
            }
            EXPECT_EQ(bitmap_next_set(map, size, from), set);
            EXPECT_EQ(bitmap_next_clear(map, size, from), clear);
            weight += from < size && bit_test(map, from);
        }
        EXPECT_EQ(bitmap_weight(map, size), weight);
    }
}

TEST(bitmap_atomic_forms)
{
    unsigned long map[2] = { 0, 0 };

    EXPECT(!bit_test_and_set_atomic(map, 70));
    EXPECT(bit_test_and_set_atomic(map, 70));
    EXPECT(bit_test_and_clear_atomic(map, 70));
    EXPECT(!bit_test_and_clear_atomic(map, 70));
    EXPECT_EQ(map[1], 0);
}

TEST(bitmap_cpumask)
{
    struct cpumask m;
    struct cpumask n;
    unsigned int cpu;
    unsigned int seen = 0;

    cpumask_zero(&m);
    EXPECT(cpumask_empty(&m));
    EXPECT_EQ(cpumask_first(&m), MAX_CPUS);
    cpumask_set(&m, 3);
    cpumask_set(&m, 255);
    cpumask_for_each(cpu, &m) {
        seen += cpu;
    }
    EXPECT_EQ(seen, 258);
    cpumask_fill(&n);
    cpumask_clear(&n, 3);
    n = cpumask_and(&m, &n);
    EXPECT_EQ(cpumask_first(&n), 255);
}
