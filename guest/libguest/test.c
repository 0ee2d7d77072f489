/* SPDX-License-Identifier: MIT */
/*
 * The harness: counts expectations, prints the verdict and powers the guest off. See test.h for
 * the contract with the runner.
 */
#include "guest/libguest/test.h"

#include "abi/sched.h"
#include "guest/libguest/console.h"
#include "guest/libguest/hypercall.h"

static unsigned int checks;
static unsigned int failures;

void test_expect(bool ok, const char *what, int line)
{
    __atomic_add_fetch(&checks, 1, __ATOMIC_RELAXED);
    if (!ok) {
        __atomic_add_fetch(&failures, 1, __ATOMIC_RELAXED);
        print("not so: line %d: %s\n", line, what);
    }
}

void test_expect_eq(long got, long wanted, const char *what, int line)
{
    __atomic_add_fetch(&checks, 1, __ATOMIC_RELAXED);
    if (got != wanted) {
        __atomic_add_fetch(&failures, 1, __ATOMIC_RELAXED);
        print("not so: line %d: %s: got %ld (0x%lx), wanted %ld (0x%lx)\n", line, what, got,
              (unsigned long)got, wanted, (unsigned long)wanted);
    }
}

void test_note(const char *format, ...)
{
    char text[400];
    va_list args;

    va_start(args, format);
    print_format(text, sizeof(text), format, args);
    va_end(args);
    print("note: %s\n", text);
}

void test_fail(const char *format, ...)
{
    char text[400];
    va_list args;

    va_start(args, format);
    print_format(text, sizeof(text), format, args);
    va_end(args);
    __atomic_add_fetch(&failures, 1, __ATOMIC_RELAXED);
    print("not so: %s\n", text);
}

static void __attribute__((noreturn)) finish(const char *verdict)
{
    struct sched_shutdown off = { .reason = SHUTDOWN_poweroff };

    print("verdict: %s\n", verdict);
    console_drain();
    for (;;) {
        hypercall_sched_op(SCHEDOP_shutdown, &off);
    }
}

void test_skip(const char *why)
{
    print("note: %s\n", why);
    finish("skip");
}

void test_broken(const char *why)
{
    print("note: %s\n", why);
    finish("broken");
}

void test_end(void)
{
    print("note: %u checks, %u not so\n", checks, failures);
    finish(failures != 0 ? "fail" : checks != 0 ? "pass" : "broken");
}
