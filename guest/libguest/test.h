/* SPDX-License-Identifier: MIT */
/*
 * What a test sees of the harness. A test defines test_main(), states expectations with
 * EXPECT*, and returns. The last line the kernel prints is exactly one of
 *     verdict: pass      every expectation held
 *     verdict: skip      the test does not apply here (test_skip)
 *     verdict: broken    the test could not do its work (test_broken, an unexpected trap)
 *     verdict: fail      at least one expectation did not hold
 * and then it asks for power-off. Expectations that do not hold print one line each and go on.
 */
#ifndef GUEST_LIBGUEST_TEST_H
#define GUEST_LIBGUEST_TEST_H

#include <stdbool.h>

#include "guest/libguest/print.h"

void test_main(void);

void test_expect(bool ok, const char *what, int line);
void test_expect_eq(long got, long wanted, const char *what, int line);
void test_note(const char *format, ...) PRINTF_LIKE(1, 2);
void test_fail(const char *format, ...) PRINTF_LIKE(1, 2);
void test_skip(const char *why) __attribute__((noreturn));
void test_broken(const char *why) __attribute__((noreturn));
void test_end(void) __attribute__((noreturn));

#define EXPECT(condition) test_expect((condition), #condition, __LINE__)
#define EXPECT_EQ(got, wanted)                                                                 \
    test_expect_eq((long)(got), (long)(wanted), #got " == " #wanted, __LINE__)
#endif
