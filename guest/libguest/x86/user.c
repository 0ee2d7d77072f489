/* SPDX-License-Identifier: MIT */
/*
 * User mode of a test, what PV and PVH have alike: its code and data pages, the frame it begins with, and the way there
 * and back. user_pv.c and pvh/user_pvh.c make the address space and know the selectors and the stack of traps. See
 * user.h; one vcpu.
 */
#include "guest/libguest/memory.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"
#include "guest/libguest/x86/percpu.h"
#include "guest/libguest/x86/user.h"

enum { STACK_GAP = 2048 };

static struct user_space space;

void user_init(void)
{
    space.code = memory_alloc();
    space.data = memory_alloc();
    user_make_space(&space);
}

void user_load(struct trap_frame *frame, const char *code, const char *code_end)
{
    memcpy(space.code, code, (size_t)(code_end - code));
    *frame = (struct trap_frame){
        .rip = space.base,
        .cs = space.cs,
        .rflags = 0x2,
        .rsp = space.base + USER_PAGES * MEMORY_PAGE,
        .ss = space.ss,
    };
}

/* While user code runs, the stack of traps begins well below the frame that waits in user_run(), so that a trap does
 * not overwrite it. */
static void enter(void *frame)
{
    struct trap_frame copy = *(struct trap_frame *)frame;

    user_set_trap_stack(((unsigned long)&copy - STACK_GAP) & ~63UL);
    trap_return_to(&copy);
}

void user_run(struct trap_frame *frame)
{
    struct percpu *cpu = percpu();
    struct trap_recovery recovery = { .outer = cpu->recovery };

    cpu->recovery = &recovery;
    cpu->user_exit = frame;
    if (trap_try_call(&recovery, enter, frame) == 0 || cpu->user_exit != NULL) {
        test_broken("user mode was not entered");
    }
    cpu->recovery = recovery.outer;
}

void *user_data(void)
{
    return space.data;
}
