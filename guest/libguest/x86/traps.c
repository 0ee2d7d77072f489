/* SPDX-License-Identifier: MIT */
/*
 * Dispatch of traps and recovery; see traps.h. How they come to traps_handle() is each kind of guest's own
 * (traps_pv.c, pvh/traps.c).
 */
#include "guest/libguest/x86/traps.h"

#include <stddef.h>

#include "abi/xen.h"
#include "guest/libguest/events.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/print.h"
#include "guest/libguest/test.h"
#include "guest/libguest/x86/percpu.h"

struct extable_entry {
    uint64_t from, to;
};

extern const struct extable_entry extable_start[], extable_end[];

enum { MAX_DEPTH = 8 };

static trap_hook_fn *hooks[TRAP_COUNT];

trap_hook_fn *trap_hook(unsigned int vector, trap_hook_fn *fn)
{
    trap_hook_fn *old = hooks[vector];

    hooks[vector] = fn;
    return old;
}

void traps_dump(const struct trap_frame *f)
{
    print("trap %u error %x at %04x:%016lx flags %lx cr2 %lx vcpu %u mask %u\n", f->vector,
          f->error, f->cs, f->rip, f->rflags, trap_cr2(),
          percpu()->vcpu, f->upcall_mask);
    print("rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", f->rax, f->rbx, f->rcx, f->rdx);
    print("rsi %016lx rdi %016lx rbp %016lx rsp %016lx\n", f->rsi, f->rdi, f->rbp, f->rsp);
    print("r8  %016lx r9  %016lx r10 %016lx r11 %016lx\n", f->r8, f->r9, f->r10, f->r11);
    print("r12 %016lx r13 %016lx r14 %016lx r15 %016lx ss %lx\n", f->r12, f->r13, f->r14,
          f->r15, f->ss);
}

static void remember(struct percpu *cpu, const struct trap_frame *f)
{
    cpu->caught++;
    cpu->last = (struct trap_note){
        .vector = f->vector,
        .error = f->error,
        .rip = f->rip,
        .cr2 = f->vector == TRAP_PF ? trap_cr2() : 0,
        .cs = f->cs,
        .rflags = f->rflags,
    };
}

static const struct extable_entry *extable_find(uint64_t rip)
{
    for (const struct extable_entry *e = extable_start; e < extable_end; e++) {
        if (e->from == rip) {
            return e;
        }
    }
    return NULL;
}

/* Continues behind the innermost trap_try_call(), with upcalls masked as they were. */
static void recover(struct percpu *cpu, struct trap_frame *f)
{
    f->rip = (uint64_t)trap_try_fault;
    f->rsp = cpu->recovery->rsp;
    f->cs = trap_kernel_cs;
    f->ss = trap_kernel_ss;
    f->rflags &= ~0x40500UL; /* no DF, no TF, no AC */
}

static void dispatch(struct percpu *cpu, struct trap_frame *f)
{
    unsigned int vector = f->vector < TRAP_COUNT ? f->vector : 0;
    const struct extable_entry *fixup;

    if (hooks[vector] != NULL && hooks[vector](f)) {
        return;
    }
    if ((f->cs & 3) == 3 && cpu->user_exit != NULL && vector != TRAP_EVENT) {
        *cpu->user_exit = *f;
        cpu->user_exit = NULL;
        remember(cpu, f);
        recover(cpu, f);
        return;
    }
    if (vector == TRAP_EVENT) {
        events_upcall(f);
        return;
    }
    fixup = extable_find(f->rip);
    if (fixup != NULL) {
        remember(cpu, f);
        f->rip = fixup->to;
        return;
    }
    if (cpu->recovery != NULL) {
        remember(cpu, f);
        recover(cpu, f);
        return;
    }
    traps_dump(f);
    test_broken("unexpected trap");
}

void traps_handle(struct trap_frame *f)
{
    struct percpu *cpu = percpu();

    if (++cpu->depth > MAX_DEPTH) {
        traps_dump(f);
        test_broken("traps inside traps");
    }
    dispatch(cpu, f);
    cpu->depth--;
}

bool trap_try(void (*fn)(void *arg), void *arg, struct trap_note *note)
{
    struct percpu *cpu = percpu();
    struct trap_recovery recovery = { .outer = cpu->recovery };
    bool trapped;

    cpu->recovery = &recovery;
    trapped = trap_try_call(&recovery, fn, arg) != 0;
    cpu->recovery = recovery.outer;
    if (trapped && note != NULL) {
        *note = cpu->last;
    }
    return trapped;
}
