/* SPDX-License-Identifier: MIT */
/*
 * measure N COMMAND ARGUMENT...: runs a command N times, its output thrown away, and prints the median and the least of
 * the nanoseconds from before fork to after wait. Under QEMU's instruction counting, where a nanosecond is an
 * instruction, that is what the command cost on the whole machine: daemons, kernel and hypervisor included.
 * Exit code 1 when a run fails.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RUNS_MAX = 1024 };

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static int run(char **command)
{
    int status, out;
    pid_t pid = vfork();

    if (pid == 0) {
        out = open("/dev/null", O_WRONLY);
        dup2(out, STDOUT_FILENO);
        execvp(command[0], command);
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid ? status : -1;
}

int main(int argc, char **argv)
{
    static uint64_t took[RUNS_MAX];
    int runs = argc > 2 ? atoi(argv[1]) : 0;

    if (runs < 1 || runs > RUNS_MAX) {
        fprintf(stderr, "usage: measure 1..%d command...\n", RUNS_MAX);
        return 2;
    }
    for (int i = 0; i < runs; i++) {
        uint64_t begin = now();

        if (run(argv + 2) != 0) {
            fprintf(stderr, "measure: run %d of %s failed\n", i + 1, argv[2]);
            return 1;
        }
        took[i] = now() - begin;
    }
    qsort(took, runs, sizeof(took[0]), compare);
    printf("measured %llu %llu\n", (unsigned long long)took[runs / 2], (unsigned long long)took[0]);
    return 0;
}
