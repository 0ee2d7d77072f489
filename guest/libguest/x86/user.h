/* SPDX-License-Identifier: MIT */
/*
 * Code in the guest's user mode: an address space of its own (one code page, one data page, one
 * stack page), entered by the iret hypercall and left by any trap or by the syscall
 * instruction.
 *   user_init();                               once
 *   user_load(&frame, code, code_end);         copies position-independent code, sets registers
 *   user_run(&frame);                          runs until a trap; frame then holds them
 */
#ifndef GUEST_LIBGUEST_X86_USER_H
#define GUEST_LIBGUEST_X86_USER_H

#include <stdint.h>

#include "guest/libguest/x86/traps.h"

#define USER_CODE      0x400000UL
#define USER_DATA      0x401000UL
#define USER_STACK_TOP 0x403000UL

#define USER_PAGES 3U /* code, data, stack, one behind the other */

struct user_space {
    unsigned long base;
    void *code;
    void *data;
    uint16_t cs;
    uint16_t ss;
};

void user_init(void);
void user_load(struct trap_frame *frame, const char *code, const char *code_end);
void user_run(struct trap_frame *frame);
void *user_data(void); /* the kernel's address of the data page */
uint64_t *user_root(void);
uint64_t *user_l1_slot(unsigned long va);
/* Of the kind of guest, for user.c: maps code, data and a stack, and says the rest; where traps find their stack. */
void user_make_space(struct user_space *space);
void user_set_trap_stack(unsigned long top);
#endif
