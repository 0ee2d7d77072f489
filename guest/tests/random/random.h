/* SPDX-License-Identifier: MIT */
/*
 * Parts of the random-hypercall guest: main.c runs, make.c invents a call, tame.c keeps it from
 * ending the caller. All state is per vcpu, so that vcpus do not wait for one another.
 */
#ifndef GUEST_TESTS_RANDOM_RANDOM_H
#define GUEST_TESTS_RANDOM_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/xen.h"
#include "guest/libguest/x86/smp.h"

enum { RANDOM_SCRATCH = 64, RANDOM_WINDOWS = 32, RANDOM_BUFFERS = 3, RANDOM_WORDS = 512 };

struct random_call {
    unsigned long nr;
    unsigned long arg[6];
};

struct random_state {
    uint64_t seed;
    unsigned long done;
    unsigned int vcpu;
    struct multicall_entry *multi;
    uint64_t *buffer[RANDOM_BUFFERS];
};

extern struct random_state random_states[SMP_MAX];
extern unsigned long random_scratch_mfn[RANDOM_SCRATCH]; /* frames the guest can do without */
extern char *random_window[RANDOM_WINDOWS]; /* addresses with tables, nothing behind */
extern uint64_t
    *random_slot[RANDOM_WINDOWS]; /* their entries; found once, as calls spoil m2p */

uint64_t random_next(struct random_state *s);
unsigned int random_below(struct random_state *s, unsigned int limit);

/* A new call; its pointers name buffers with near-valid contents, or nonsense. */
void random_make(struct random_state *s, struct random_call *c);

/* Changes what would hurt the caller; false when the call is better not made at all. */
bool random_tame(struct random_state *s, struct random_call *c);
#endif
