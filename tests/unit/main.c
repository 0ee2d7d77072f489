/* SPDX-License-Identifier: MIT */
/*
 * Runs every TEST of the program, or those whose name contains an argument, each in a child
 * process with a time limit, so a crash or an endless loop is one failed test. Ends with "N
 * passed, N failed".
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIME_LIMIT_SECONDS 120

extern const struct unit_test *const __start_unit_tests[];
extern const struct unit_test *const __stop_unit_tests[];

/* The tests of the toolstack run without a fake machine, but look for leaks. */
void fake_machine_init(void) __attribute__((weak));
int __lsan_do_recoverable_leak_check(void);
const char *__asan_default_options(void);

static uint64_t random_state;

/* A panic is an abort and some tests want one; leaks are what heap_used() is for. */
const char *__asan_default_options(void)
{
    return fake_machine_init != NULL ? "handle_abort=0:detect_leaks=0:abort_on_error=0:allocator_may_return_null=1"
                                     : "handle_abort=0:detect_leaks=1:abort_on_error=0";
}

uint64_t unit_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

unsigned int unit_random_below(unsigned int n)
{
    return (unsigned int)(unit_random() >> 16) % n;
}

void unit_fail(const char *file, int line, const char *what, long long got, long long wanted)
{
    printf("%s:%d: %s: got %lld (%#llx), wanted %lld (%#llx)\n", file, line, what, got,
           (unsigned long long)got, wanted, (unsigned long long)wanted);
    fflush(stdout);
    _exit(1);
}

void unit_fail_str(const char *file, int line, const char *got, const char *wanted)
{
    printf("%s:%d: got \"%s\", wanted \"%s\"\n", file, line, got, wanted);
    fflush(stdout);
    _exit(1);
}

static bool run_child(const struct unit_test *t)
{
    int status = 0;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        alarm(TIME_LIMIT_SECONDS);
        if (t->dies && freopen("/dev/null", "w", stdout) == NULL) {
            _exit(2);
        }
        if (fake_machine_init != NULL) {
            fake_machine_init();
        }
        t->fn();
        fflush(stdout);
        _exit(fake_machine_init == NULL && __lsan_do_recoverable_leak_check() != 0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        return false;
    }
    if (t->dies) {
        return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
    }
    if (WIFSIGNALED(status)) {
        printf("killed by signal %d\n", WTERMSIG(status));
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool wanted(const struct unit_test *t, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strstr(t->name, argv[i]) != NULL || strstr(t->file, argv[i]) != NULL) {
            return true;
        }
    }
    return argc < 2;
}

int main(int argc, char **argv)
{
    const char *seed = getenv("UNIT_SEED");
    uint64_t start = seed != NULL ? strtoull(seed, NULL, 0) : 0x9e3779b97f4a7c15ULL;
    unsigned int passed = 0;
    unsigned int failed = 0;

    for (const struct unit_test *const *t = __start_unit_tests; t < __stop_unit_tests; t++) {
        if (!wanted(*t, argc, argv)) {
            continue;
        }
        random_state = start;
        if (run_child(*t)) {
            passed++;
            if (getenv("UNIT_VERBOSE") != NULL) {
                printf("ok   %s\n", (*t)->name);
            }
        } else {
            failed++;
            printf("FAIL %s (%s), UNIT_SEED=%#llx\n", (*t)->name, (*t)->file,
                   (unsigned long long)start);
        }
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed != 0;
}
