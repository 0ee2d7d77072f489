/* SPDX-License-Identifier: MIT */
/*
 * What the environment gives a test kernel: start_info, the command line, whether we are dom0,
 * the shared info page. start_main() is where the start file arrives; it brings up console,
 * traps, shared info and event delivery (masked), then runs test_main() of the test and ends in
 * test_end().
 */
#ifndef GUEST_LIBGUEST_START_H
#define GUEST_LIBGUEST_START_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/xen.h"

#define START_STACK_ORDER 14

extern struct start_info *start_info;
extern struct shared_info *shared_info;

void start_main(void);
bool start_is_dom0(void);
bool start_is_pv(void);         /* or PVH, or Arm */
bool start_has_old_calls(void); /* the calls of before each operation had a number of its own */
const char *start_cmdline(void);

/* A page of this guest given as a machine frame, at the address where it is mapped at boot. */
void *start_map_own_mfn(unsigned long mfn);
#endif
