/* SPDX-License-Identifier: MIT */
/*
 * measure [-s] N COMMAND ARGUMENT...: runs a command N times, its output thrown away, and prints the median and the
 * least of the nanoseconds from before fork to after wait. Under QEMU's instruction counting, where a nanosecond is an
 * instruction, that is what the command cost on the whole machine: daemons, kernel and hypervisor included.
 * Exit code 1 when a run fails. With -s a run ends when a domain has shut down by itself, which is looked for every
 * 20 microseconds after the command: with a kernel whose first instructions do so, its first instruction.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/ctrl/ctrl.h"

enum { LOOKS_MAX = 1000000, LOOK_NS = 20000, DOMAINS = 16 };
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

static bool has_shut_down(struct ctrl *c)
{
    struct xen_domctl_getdomaininfo list[DOMAINS];
    int count = ctrl_domain_list(c, 1, DOMAINS, list);

    for (int i = 0; i < count; i++) {
        if (list[i].flags & XEN_DOMINF_shutdown) {
            return true;
        }
    }
    return false;
}

static int wait_for_shutdown(struct ctrl *c)
{
    struct timespec pause = { .tv_nsec = LOOK_NS };

    for (int i = 0; i < LOOKS_MAX; i++) {
        if (has_shut_down(c)) {
            return 0;
        }
        nanosleep(&pause, NULL);
    }
    return -1;
}

int main(int argc, char **argv)
{
    static uint64_t took[RUNS_MAX];
    bool shutdown = argc > 1 && strcmp(argv[1], "-s") == 0;
    struct ctrl *c = NULL;
    int runs;

    argv += shutdown;
    argc -= shutdown;
    runs = argc > 2 ? atoi(argv[1]) : 0;
    if (shutdown && ctrl_open(NULL, &c) < 0) {
        return 1;
    }

    if (runs < 1 || runs > RUNS_MAX) {
        fprintf(stderr, "usage: measure [-s] 1..%d command...\n", RUNS_MAX);
        return 2;
    }
    for (int i = 0; i < runs; i++) {
        uint64_t begin = now();

        if (run(argv + 2) != 0 || (shutdown && wait_for_shutdown(c) < 0)) {
            fprintf(stderr, "measure: run %d of %s failed\n", i + 1, argv[2]);
            return 1;
        }
        took[i] = now() - begin;
    }
    qsort(took, runs, sizeof(took[0]), compare);
    printf("measured %llu %llu\n", (unsigned long long)took[runs / 2], (unsigned long long)took[0]);
    return 0;
}
