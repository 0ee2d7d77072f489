/* SPDX-License-Identifier: MIT */
/*
 * Types and macros everything else is written in: typed addresses, sizes, attributes.
 *
 *   mfn  machine frame number: a page of the machine        paddr  machine byte address
 *   gfn  guest frame number: a page as the guest counts it  (gfn == mfn for x86 PV guests)
 *
 * Typed addresses are one-member structs in every build, so mixing them does not compile.
 */
#ifndef HV_LIB_TYPES_H
#define HV_LIB_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/errno.h"

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096UL
#define PAGE_MASK  (~(PAGE_SIZE - 1))

#define MUST_CHECK       __attribute__((warn_unused_result))
#define NORETURN         __attribute__((noreturn))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define ALIGNED(n)       __attribute__((aligned(n)))
#define PACKED           __attribute__((packed))
#define ALWAYS_INLINE    inline __attribute__((always_inline))
#define NOINLINE         __attribute__((noinline))
#define COLD             __attribute__((cold))
#define likely(x)        __builtin_expect(!!(x), 1)
#define unlikely(x)      __builtin_expect(!!(x), 0)

#define ARRAY_SIZE(a)         (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)             ((a) < (b) ? (a) : (b))
#define MAX(a, b)             ((a) > (b) ? (a) : (b))
#define DIV_ROUND_UP(n, d)    (((n) + (d) - 1) / (d))
#define ALIGN_UP(n, to)       (((n) + (to) - 1) & ~((__typeof__(n))(to) - 1))
#define ALIGN_DOWN(n, to)     ((n) & ~((__typeof__(n))(to) - 1))
#define BIT(n)                (1UL << (n))
#define container_of(p, t, m) ((t *)((char *)(p) - offsetof(t, m)))
#define READ_ONCE(x)          (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v)      (*(volatile __typeof__(x) *)&(x) = (v))
#define BUILD_ASSERT(cond)    _Static_assert(cond, #cond)
#define add_overflows(a, b, sum) __builtin_add_overflow(a, b, sum)
#define mul_overflows(a, b, product) __builtin_mul_overflow(a, b, product)

/* A compiler barrier and the two fences; pair each use with a comment that names the other side. */
#define barrier() __asm__ __volatile__("" ::: "memory")
#define smp_mb()  __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define smp_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)

/* Error values (ENOMEM ...) come from abi/errno.h; functions return 0 or one of these negated. */
/* Not finished, call again: never seen by a guest. */
#define ERESTART 85

typedef struct {
    uint64_t v;
} mfn_t;
typedef struct {
    uint64_t v;
} gfn_t;
typedef struct {
    uint64_t v;
} paddr_t;

#define INVALID_MFN ((mfn_t){ ~0ULL })
#define INVALID_GFN ((gfn_t){ ~0ULL })

static inline mfn_t _mfn(uint64_t n)
{
    return (mfn_t){ n };
}

static inline uint64_t mfn_x(mfn_t m)
{
    return m.v;
}

static inline mfn_t mfn_add(mfn_t m, uint64_t n)
{
    return (mfn_t){ m.v + n };
}

static inline bool mfn_eq(mfn_t a, mfn_t b)
{
    return a.v == b.v;
}

static inline gfn_t _gfn(uint64_t n)
{
    return (gfn_t){ n };
}

static inline uint64_t gfn_x(gfn_t g)
{
    return g.v;
}

static inline paddr_t _paddr(uint64_t a)
{
    return (paddr_t){ a };
}

static inline paddr_t mfn_to_paddr(mfn_t m)
{
    return (paddr_t){ m.v << PAGE_SHIFT };
}

static inline mfn_t paddr_to_mfn(paddr_t a)
{
    return (mfn_t){ a.v >> PAGE_SHIFT };
}

#endif
