/* SPDX-License-Identifier: MIT */
/*
 * What PV and PVH guests have in common beyond lib/build/guest.h: the memory map they are told of, and a kernel in
 * segments. Private to lib/build.
 */
#ifndef LIB_BUILD_X86_GUEST_KERNEL_H
#define LIB_BUILD_X86_GUEST_KERNEL_H

#include "lib/build/guest.h"
#include "lib/ctrl/x86.h"

/* The start info and the start record have so much room. */
int guest_check_cmdline(struct guest_build *b);
int guest_set_map(struct guest_build *b, const struct ctrl_e820_entry *map, unsigned int count);
/* Windows for what of the kernel comes from its file. */
void guest_add_kernel(struct guest_build *b);
int guest_load_kernel(struct guest_build *b);

#endif
