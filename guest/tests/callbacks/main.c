/* SPDX-License-Identifier: MIT */
/*
 * Callback registration and the forms of the iret hypercall: event callback from user and
 * kernel mode, the mask restored by iret, events pending at iret, syscall with and without
 * masking, bad returns to user mode, the old set_callbacks call, and refusals.
 */
#include "abi/callback.h"
#include "abi/xen.h"
#include "guest/libguest/events.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/test.h"
#include "guest/libguest/x86/cpu.h"
#include "guest/libguest/x86/percpu.h"
#include "guest/libguest/x86/user.h"

#define UNMAPPED 0x0000200000000000UL

extern char user_ud2[], user_ud2_end[], user_syscall[], user_syscall_end[];
__asm__(".pushsection .text\n"
        "user_ud2: mov %rax, %rax; ud2; user_ud2_end:\n"
        "user_syscall: syscall; user_syscall_end:\n"
        ".popsection");

static unsigned int hits, hit_from_user;
static struct trap_frame at_syscall;
static unsigned int mask_at_syscall;

static void on_event(unsigned int port)
{
    (void)port;
    hits++;
}

static bool on_upcall(struct trap_frame *frame)
{
    hit_from_user += (frame->cs & 3) == 3;
    return false;
}

static bool on_syscall(struct trap_frame *frame)
{
    at_syscall = *frame;
    mask_at_syscall = percpu()->info->evtchn_upcall_mask;
    return false;
}

static long reg(unsigned int type, unsigned int flags, unsigned long address)
{
    struct callback_register op = { .type = type, .flags = flags, .address = address };

    return hypercall_callback_op(CALLBACKOP_register, &op);
}

static long unreg(unsigned int type)
{
    struct callback_unregister op = { .type = type };

    return hypercall_callback_op(CALLBACKOP_unregister, &op);
}

static void test_register(void)
{
    EXPECT_EQ(reg(CALLBACKTYPE_event, 0, (unsigned long)entry_event), 0);
    EXPECT_EQ(reg(CALLBACKTYPE_failsafe, CALLBACKF_mask_events, (unsigned long)entry_failsafe),
              0);
    EXPECT_EQ(reg(CALLBACKTYPE_syscall, CALLBACKF_mask_events, (unsigned long)entry_syscall),
              0);
    EXPECT_EQ(
        reg(CALLBACKTYPE_syscall32, CALLBACKF_mask_events, (unsigned long)entry_syscall32), 0);
    EXPECT_EQ(reg(CALLBACKTYPE_sysenter, CALLBACKF_mask_events, (unsigned long)entry_sysenter),
              0);
    EXPECT(reg(77, 0, (unsigned long)entry_event) < 0);
    EXPECT_EQ(reg(CALLBACKTYPE_event, 0, 0x0001000000000000UL), -EINVAL);
    EXPECT(unreg(CALLBACKTYPE_event) < 0); /* a kernel cannot be without */
    EXPECT(unreg(CALLBACKTYPE_failsafe) < 0);
    EXPECT(unreg(77) < 0);
    EXPECT_EQ(hypercall_callback_op(CALLBACKOP_register, (void *)UNMAPPED), -EFAULT);
    EXPECT_EQ(hypercall_callback_op(99, NULL), -ENOSYS);
    EXPECT_EQ(hypercall(__HYPERVISOR_set_callbacks, (unsigned long)entry_event,
                        (unsigned long)entry_failsafe, (unsigned long)entry_syscall, 0, 0),
              0);
}

/*
 * An event that is pending when iret opens the mask arrives before the first user instruction.
 */
static void test_event_from_user(void)
{
    struct trap_frame f;
    unsigned int port;

    EXPECT_EQ(events_bind_ipi(0, &port), 0);
    events_hook(port, on_event);
    events_unmask(port);
    trap_hook(TRAP_EVENT, on_upcall);
    hits = 0;
    EXPECT_EQ(events_send(port), 0);
    EXPECT_EQ(hits, 0);
    user_load(&f, user_ud2, user_ud2_end);
    f.rflags |= 0x200;
    user_run(&f);
    EXPECT_EQ(f.vector, TRAP_UD);
    EXPECT_EQ(hits, 1);
    EXPECT_EQ(hit_from_user, 1);
    EXPECT_EQ(f.rflags & 0x200, 0x200);
    EXPECT_EQ(f.upcall_mask, 0);
    percpu()->info->evtchn_upcall_mask = 1;
    EXPECT_EQ(events_send(port), 0);
    user_load(&f, user_ud2, user_ud2_end); /* IF clear: stays masked in user mode */
    user_run(&f);
    EXPECT_EQ(hits, 1);
    EXPECT_EQ(f.upcall_mask, 1);
    events_enable();
    EXPECT_EQ(hits, 2);
    events_disable();
    trap_hook(TRAP_EVENT, NULL);
    EXPECT_EQ(events_close(port), 0);
}

static void test_syscall_mask(void)
{
    struct trap_frame f;

    trap_hook(TRAP_SYSCALL, on_syscall);
    EXPECT_EQ(reg(CALLBACKTYPE_syscall, CALLBACKF_mask_events, (unsigned long)entry_syscall),
              0);
    user_load(&f, user_syscall, user_syscall_end);
    f.rflags |= 0x200;
    user_run(&f);
    EXPECT_EQ(f.vector, TRAP_SYSCALL);
    EXPECT_EQ(mask_at_syscall, 1);
    EXPECT_EQ(at_syscall.upcall_mask, 0);
    EXPECT_EQ(reg(CALLBACKTYPE_syscall, 0, (unsigned long)entry_syscall), 0);
    user_load(&f, user_syscall, user_syscall_end);
    f.rflags |= 0x200;
    user_run(&f);
    EXPECT_EQ(mask_at_syscall, 0);
    events_disable();
    trap_hook(TRAP_SYSCALL, NULL);
}

/* Returns that the processor refuses come back to the kernel as a trap; the guest goes on. */
static void test_bad_returns(void)
{
    struct trap_frame f;

    user_load(&f, user_ud2, user_ud2_end);
    f.rip = 0x00007ffffffff000UL;
    user_run(&f);
    EXPECT_EQ(f.vector, TRAP_PF);
    user_load(&f, user_ud2, user_ud2_end);
    f.rsp = 0x123;
    user_run(&f);
    EXPECT_EQ(f.vector, TRAP_UD);
    EXPECT_EQ(f.rsp, 0x123);
    user_load(&f, user_ud2, user_ud2_end);
    f.rflags = 0x3202 | 0x4000 | 0x10000; /* iopl 3, NT, RF: not for the asking */
    user_run(&f);
    EXPECT_EQ(f.vector, TRAP_UD);
    EXPECT_EQ(f.rflags & 0x3000, 0);
    events_disable();
}

void test_main(void)
{
    user_init();
    test_register();
    test_event_from_user();
    test_syscall_mask();
    test_bad_returns();
}
