/* SPDX-License-Identifier: MIT */
/* Bits in arrays of unsigned long, and sets of CPUs. Atomic forms say so in their name. */
#ifndef HV_LIB_BITMAP_H
#define HV_LIB_BITMAP_H

#include "hv/lib/string.h"
#include "hv/lib/types.h"

#define BITS_PER_LONG      (8 * sizeof(unsigned long))
#define BITMAP_LONGS(bits) DIV_ROUND_UP(bits, BITS_PER_LONG)

static inline bool bit_test(const unsigned long *map, unsigned int bit)
{
    return map[bit / BITS_PER_LONG] >> (bit % BITS_PER_LONG) & 1;
}

static inline void bit_set(unsigned long *map, unsigned int bit)
{
    map[bit / BITS_PER_LONG] |= 1UL << (bit % BITS_PER_LONG);
}

static inline void bit_clear(unsigned long *map, unsigned int bit)
{
    map[bit / BITS_PER_LONG] &= ~(1UL << (bit % BITS_PER_LONG));
}

static inline void bit_set_atomic(unsigned long *map, unsigned int bit)
{
    __atomic_fetch_or(&map[bit / BITS_PER_LONG], 1UL << (bit % BITS_PER_LONG), __ATOMIC_SEQ_CST);
}

static inline void bit_clear_atomic(unsigned long *map, unsigned int bit)
{
    __atomic_fetch_and(&map[bit / BITS_PER_LONG], ~(1UL << (bit % BITS_PER_LONG)),
                       __ATOMIC_SEQ_CST);
}

static inline bool bit_test_and_set_atomic(unsigned long *map, unsigned int bit)
{
    unsigned long mask = 1UL << (bit % BITS_PER_LONG);

    return __atomic_fetch_or(&map[bit / BITS_PER_LONG], mask, __ATOMIC_SEQ_CST) & mask;
}

static inline bool bit_test_and_clear_atomic(unsigned long *map, unsigned int bit)
{
    unsigned long mask = 1UL << (bit % BITS_PER_LONG);

    return __atomic_fetch_and(&map[bit / BITS_PER_LONG], ~mask, __ATOMIC_SEQ_CST) & mask;
}

/* First set (or clear) bit at or after from, or size when there is none. */
unsigned int bitmap_next_set(const unsigned long *map, unsigned int size, unsigned int from);
unsigned int bitmap_next_clear(const unsigned long *map, unsigned int size, unsigned int from);
unsigned int bitmap_weight(const unsigned long *map, unsigned int size);

#define bitmap_for_each_set(bit, map, size)                                                      \
    for (bit = bitmap_next_set(map, size, 0); bit < (size);                                      \
         bit = bitmap_next_set(map, size, bit + 1))

#define MAX_CPUS 256

struct cpumask {
    unsigned long bits[BITMAP_LONGS(MAX_CPUS)];
};

#define cpumask_for_each(cpu, mask) bitmap_for_each_set(cpu, (mask)->bits, MAX_CPUS)

static inline bool cpumask_test(const struct cpumask *m, unsigned int cpu)
{
    return bit_test(m->bits, cpu);
}

static inline void cpumask_set(struct cpumask *m, unsigned int cpu)
{
    bit_set_atomic(m->bits, cpu);
}

static inline void cpumask_clear(struct cpumask *m, unsigned int cpu)
{
    bit_clear_atomic(m->bits, cpu);
}

static inline void cpumask_zero(struct cpumask *m)
{
    memset(m, 0, sizeof(*m));
}

static inline void cpumask_fill(struct cpumask *m)
{
    memset(m, 0xff, sizeof(*m));
}

static inline struct cpumask cpumask_and(const struct cpumask *a, const struct cpumask *b)
{
    struct cpumask r;

    for (unsigned int i = 0; i < ARRAY_SIZE(r.bits); i++) {
        r.bits[i] = a->bits[i] & b->bits[i];
    }
    return r;
}

static inline bool cpumask_empty(const struct cpumask *m)
{
    unsigned long any = 0;

    for (unsigned int i = 0; i < ARRAY_SIZE(m->bits); i++) {
        any |= m->bits[i];
    }
    return any == 0;
}

static inline unsigned int cpumask_first(const struct cpumask *m)
{
    return bitmap_next_set(m->bits, MAX_CPUS, 0);
}

#endif
