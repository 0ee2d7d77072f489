/* SPDX-License-Identifier: MIT */
/*
 * Traps as a test sees them. traps_init() installs a handler for all 256 vectors; an unexpected
 * trap ends the test as broken with a register dump. A trap can be expected in three ways:
 *   trap_try(fn, arg, &note)   runs fn; true when it trapped, with what in note
 *   TRAP_PROBE(insn, ...)      one instruction with an entry in the exception table: on a fault
 *                              control goes on behind it; percpu()->last and ->caught tell
 *   trap_hook(vector, fn)      fn sees the frame and may change it; true = handled
 * For traps that are reported behind the instruction (#BP, #DB, software interrupts) use a
 * hook.
 */
#ifndef GUEST_LIBGUEST_X86_TRAPS_H
#define GUEST_LIBGUEST_X86_TRAPS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    TRAP_DE = 0,
    TRAP_DB = 1,
    TRAP_NMI = 2,
    TRAP_BP = 3,
    TRAP_OF = 4,
    TRAP_BR = 5,
    TRAP_UD = 6,
    TRAP_NM = 7,
    TRAP_DF = 8,
    TRAP_TS = 10,
    TRAP_NP = 11,
    TRAP_SS = 12,
    TRAP_GP = 13,
    TRAP_PF = 14,
    TRAP_MF = 16,
    TRAP_AC = 17,
    TRAP_MC = 18,
    TRAP_XM = 19,
    TRAP_EVENT = 0x100,
    TRAP_SYSCALL = 0x101,
    TRAP_SYSCALL32 = 0x102,
    TRAP_SYSENTER = 0x103,
    TRAP_FAILSAFE = 0x104,
    TRAP_COUNT
};

/* Page fault error code. */
enum { PF_PRESENT = 1, PF_WRITE = 2, PF_USER = 4, PF_RESERVED = 8, PF_FETCH = 16 };

/* The stack as libguest/x86/pv_entry.S leaves it. */
struct trap_frame {
    uint64_t r15, r14, r13, r12, rbp, rbx, r10, r9, r8, rdx, rsi, rdi, rax, r11, rcx;
    uint32_t error, vector;
    uint64_t rip;
    uint16_t cs, pad;
    uint8_t upcall_mask, pad2[3];
    uint64_t rflags, rsp, ss;
};

struct trap_note {
    uint32_t vector, error;
    uint64_t rip, cr2;
    uint16_t cs;
    uint64_t rflags;
};

struct trap_recovery {
    uint64_t rsp;
    struct trap_recovery *outer;
};

struct trap_info;

typedef bool trap_hook_fn(struct trap_frame *frame);

void traps_init(void);
void traps_handle(struct trap_frame *frame);
void traps_fill_table(struct trap_info *table, unsigned int count);
void traps_dump(const struct trap_frame *frame);

bool trap_try(void (*fn)(void *arg), void *arg, struct trap_note *note);
trap_hook_fn *trap_hook(unsigned int vector, trap_hook_fn *fn);
void trap_return_to(struct trap_frame *frame) __attribute__((noreturn));
int trap_try_call(struct trap_recovery *recovery, void (*fn)(void *arg), void *arg);

extern char trap_stubs[], entry_event[], entry_failsafe[], entry_syscall[], entry_syscall32[],
    entry_sysenter[], entry_nmi[], trap_try_fault[];
extern uint64_t failsafe_selectors[4]; /* ds es fs gs of the last failsafe callback */

enum { TRAP_STUB_SIZE = 32 };

/* Of the kind of guest: selectors a recovered trap goes on with, and where a page fault was. */
extern const uint16_t trap_kernel_cs, trap_kernel_ss;
uint64_t trap_cr2(void);

/*
 * Runs one instruction that may fault; evaluates to the vector, or -1. The operands come after
 * the instruction as usual for asm, all three lists in order.
 */
#define TRAP_PROBE(insn, outputs, inputs, clobbers...)                                         \
    ({                                                                                         \
        unsigned int caught_before_ = percpu()->caught;                                        \
        __asm__ volatile("1: " insn "\n2:\n"                                                   \
                         ".pushsection .extable, \"a\"\n.quad 1b, 2b\n.popsection"             \
                         : outputs:inputs                                                      \
                         : "memory", "cc", ##clobbers);                                        \
        __atomic_signal_fence(__ATOMIC_SEQ_CST);                                               \
        percpu()->caught == caught_before_ ? -1 : (int)percpu()->last.vector;                  \
    })
#define NOTHING
#define COMMA ,
#endif
