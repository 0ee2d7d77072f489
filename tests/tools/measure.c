/* SPDX-License-Identifier: MIT */
/*
 * measure [-s] N COMMAND ARGUMENT...: runs a command N times, its output thrown away, and prints the median and the
 * least of the nanoseconds from before fork to after wait. Under QEMU's instruction counting, where a nanosecond is an
 * instruction, that is what the command cost on the whole machine: daemons, kernel and hypervisor included.
 * Exit code 1 when a run fails. With -s a run ends at the first instruction of the PVH guest that the command makes:
 * its kernel reads the time stamp counter there, keeps it in EBP (low half) and ESI, and shuts down. The hypervisor
 * tells these registers with what the guest's counter reads now, so the difference is how long ago that was.
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

#include "abi/hvm_save.h"
#include "lib/ctrl/ctrl.h"
#include "lib/ctrl/x86.h"

enum { LOOKS_MAX = 1000000, LOOK_NS = 20000, DOMAINS = 16, CONTEXT_MAX = 65536, RUNS_MAX = 1024 };

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

static bool find_shut_down(struct ctrl *c, domid_t *domid)
{
    struct xen_domctl_getdomaininfo list[DOMAINS];
    int count = ctrl_domain_list(c, 1, DOMAINS, list);

    for (int i = 0; i < count; i++) {
        if (list[i].flags & XEN_DOMINF_shutdown) {
            *domid = list[i].domain;
            return true;
        }
    }
    return false;
}

/* The registers of the first vcpu, from all the records: of one alone Debian's Xen tells no counter. */
static int read_cpu(struct ctrl *c, domid_t domid, struct hvm_hw_cpu *cpu)
{
    static char context[CONTEXT_MAX];
    int size = ctrl_hvm_context_get(c, domid, context, sizeof(context));

    for (int at = 0; at + (int)sizeof(struct hvm_save_descriptor) <= size;) {
        struct hvm_save_descriptor d;

        memcpy(&d, context + at, sizeof(d));
        at += sizeof(d);
        if (d.typecode == HVM_SAVE_CODE(CPU) && d.length == sizeof(*cpu)) {
            memcpy(cpu, context + at, sizeof(*cpu));
            return 0;
        }
        at += d.length;
    }
    return -1;
}

/* When the first instruction of the guest ran that has shut down; 0: none has. */
static uint64_t first_instruction(struct ctrl *c)
{
    struct timespec pause = { .tv_nsec = LOOK_NS };
    struct xen_domctl_tsc_info info;
    struct hvm_hw_cpu cpu;
    domid_t domid;
    int looks = 0;
    uint64_t ticks;

    while (!find_shut_down(c, &domid)) {
        if (++looks == LOOKS_MAX) {
            return 0;
        }
        nanosleep(&pause, NULL);
    }
    if (read_cpu(c, domid, &cpu) < 0 || ctrl_tsc_info_get(c, domid, &info) < 0 || info.gtsc_khz == 0) {
        return 0;
    }
    ticks = cpu.tsc - ((uint64_t)(uint32_t)cpu.rsi << 32 | (uint32_t)cpu.rbp);
    return now() - ticks * 1000000 / info.gtsc_khz;
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
        uint64_t begin = now(), end = 0;

        if (run(argv + 2) == 0) {
            end = shutdown ? first_instruction(c) : now();
        }
        if (end == 0) {
            fprintf(stderr, "measure: run %d of %s failed\n", i + 1, argv[2]);
            return 1;
        }
        took[i] = end - begin;
    }
    qsort(took, runs, sizeof(took[0]), compare);
    printf("measured %llu %llu\n", (unsigned long long)took[runs / 2], (unsigned long long)took[0]);
    return 0;
}
