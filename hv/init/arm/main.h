/* SPDX-License-Identifier: MIT */
/* The steps of the boot on Arm that have files of their own. */
#ifndef HV_INIT_ARM_MAIN_H
#define HV_INIT_ARM_MAIN_H

#include "hv/arch/arm/cpu/machine.h"
#include "hv/lib/types.h"

/* cpus.c: starts the other CPUs, one at a time. */
void cpus_start(void);
/* dom0.c: the hardware domain, if there is a kernel for it (false: there is not); returns with it paused. */
bool dom0_build(void);
/* dom0.c: lets it run, when no more domains are made here: creations come one at a time. */
void dom0_start(void);
/* dom0less.c: what of the machine's devices is theirs, before dom0 gets the rest. */
void dom0less_read_devices(void);
/* dom0less.c: guests described in the device tree; returns how many run. */
unsigned int dom0less_build(void);
/* dom0_fdt.c: dom0's device tree into a buffer of size bytes: its length, or a negative number of libfdt's. */
#define DOM0_BANKS_MAX 8
struct dom0_tree {
    unsigned int bank_count;
    struct machine_range banks[DOM0_BANKS_MAX]; /* the first holds kernel, initrd and device tree */
    uint64_t initrd_start;
    uint64_t initrd_end;    /* 0: none */
    uint64_t grant_start;   /* where it may map its grant table */
    uint64_t grant_size;
    unsigned int vcpus;
    unsigned int evtchn_irq; /* the local interrupt that tells of events */
    const char *command_line;
    int console_node;       /* in the machine's tree: ours, to be removed; negative for none */
};
int dom0_fdt_make(void *buffer, size_t size, const struct dom0_tree *t);

#endif
