/* SPDX-License-Identifier: MIT */
/*
 * The harness of unit tests: TEST(name) { ... EXPECT(...); } in any *_test.c is found and run
 * by main.c, each in a process of its own, on a fresh fake machine. A failed EXPECT ends its
 * test.
 */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <stdbool.h>
#include <stdint.h>

struct unit_test {
    const char *name;
    const char *file;
    void (*fn)(void);
    bool dies; /* passes when the hypervisor panics */
};

#define UNIT_TEST(id, must_die)                                                                \
    static void id(void);                                                                      \
    static const struct unit_test unit_##id = { #id, __FILE__, id, must_die };                 \
    static const struct unit_test *const unit_ptr_##id                                         \
        __attribute__((used, section("unit_tests"))) = &unit_##id;                             \
    static void id(void)
#define TEST(id)      UNIT_TEST(id, false)
#define TEST_DIES(id) UNIT_TEST(id, true)

void unit_fail(const char *file, int line, const char *what, long long got, long long wanted)
    __attribute__((noreturn));

#define EXPECT(cond)                                                                           \
    do {                                                                                       \
        if (!(cond)) {                                                                         \
            unit_fail(__FILE__, __LINE__, #cond, 0, 1);                                        \
        }                                                                                      \
    } while (0)
#define EXPECT_EQ(a, b)                                                                        \
    do {                                                                                       \
        long long got_ = (long long)(a);                                                       \
        long long wanted_ = (long long)(b);                                                    \
        if (got_ != wanted_) {                                                                 \
            unit_fail(__FILE__, __LINE__, #a " == " #b, got_, wanted_);                        \
        }                                                                                      \
    } while (0)
#define EXPECT_STR(a, b)                                                                       \
    do {                                                                                       \
        if (strcmp(a, b) != 0) {                                                               \
            unit_fail_str(__FILE__, __LINE__, a, b);                                           \
        }                                                                                      \
    } while (0)
void unit_fail_str(const char *file, int line, const char *got, const char *wanted)
    __attribute__((noreturn));

/* Repeatable randomness; the seed is printed when a test fails and taken from UNIT_SEED. */
uint64_t unit_random(void);
/* Random number below n. */
unsigned int unit_random_below(unsigned int n);

#endif
