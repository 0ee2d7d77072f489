/* SPDX-License-Identifier: MIT */
/*
 * User mode of a PV kernel: iret to it in both forms, traps from it, the syscall callback,
 * software interrupts by privilege level, page protection, hypercalls refused, segment bases,
 * and NEW_USER_BASEPTR.
 */
#include "abi/xen.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/test.h"
#include "guest/libguest/x86/pagetable.h"
#include "guest/libguest/x86/percpu.h"
#include "guest/libguest/x86/user.h"

#define USER_PROGRAM(name, text)                                                               \
    extern char name[], name##_end[];                                                          \
    __asm__(".pushsection .text\n" #name ": " text "\n" #name "_end: .popsection")

USER_PROGRAM(user_syscall, "mov $0x1234, %eax; mov $0x77, %r15d; syscall; ud2");
USER_PROGRAM(user_ud, "ud2");
USER_PROGRAM(user_hlt, "hlt");
USER_PROGRAM(user_int3, "int3");
USER_PROGRAM(user_int80, "int $0x80; ud2");
USER_PROGRAM(user_int28, "int $0x28; ud2");
USER_PROGRAM(user_write_code, "movb $0, (%rip)");
USER_PROGRAM(user_read_kernel, "mov (%rdi), %rax; ud2");
USER_PROGRAM(user_push, "push %rbx; pop %rcx; mov %rcx, 0x401000; mov 0x401008, %rdx; ud2");
USER_PROGRAM(user_fs, "mov %fs:0, %rax; mov %gs:0, %rbx; ud2");
USER_PROGRAM(user_in, "in $0x80, %al; ud2");
USER_PROGRAM(user_cpuid, "xor %eax, %eax; ud2; .ascii \"xen\"; cpuid; ud2");
USER_PROGRAM(user_sysret_regs, "mov %rcx, %rsi; mov %r11, %rdi; ud2");

#define RUN(frame, program)                                                                    \
    do {                                                                                       \
        user_load(frame, program, program##_end);                                              \
        user_run(frame);                                                                       \
    } while (0)

static void test_syscall(void)
{
    struct trap_frame f;

    RUN(&f, user_syscall);
    EXPECT_EQ(f.vector, TRAP_SYSCALL);
    EXPECT_EQ(f.rax, 0x1234);
    EXPECT_EQ(f.r15, 0x77);
    EXPECT_EQ(f.rip, USER_CODE + (user_syscall_end - user_syscall) - 2);
    EXPECT_EQ(f.cs & 3, 3);
    EXPECT_EQ(f.rsp, USER_STACK_TOP);
}

static void test_traps(void)
{
    struct trap_frame f;

    RUN(&f, user_ud);
    EXPECT_EQ(f.vector, TRAP_UD);
    EXPECT_EQ(f.rip, USER_CODE);
    EXPECT_EQ(f.cs, FLAT_USER_CS64);
    EXPECT_EQ(f.ss, FLAT_USER_SS64);
    RUN(&f, user_hlt);
    EXPECT_EQ(f.vector, TRAP_GP);
    RUN(&f, user_int3);
    EXPECT_EQ(f.vector, TRAP_BP);
    EXPECT_EQ(f.rip, USER_CODE + 1);
    RUN(&f, user_in);
    EXPECT_EQ(f.vector, TRAP_GP);
    EXPECT_EQ(f.error, 0);
    RUN(&f, user_cpuid);
    EXPECT_EQ(f.vector, TRAP_UD);
    EXPECT_EQ(f.rip, USER_CODE + (user_cpuid_end - user_cpuid) - 2);
}

static void test_soft_interrupt(void)
{
    struct trap_info table[3] = {
        { .vector = 0x80,
          .flags = 3,
          .cs = FLAT_KERNEL_CS,
          .address = (unsigned long)trap_stubs + 0x80 * TRAP_STUB_SIZE },
        { .vector = 0x28,
          .flags = 1,
          .cs = FLAT_KERNEL_CS,
          .address = (unsigned long)trap_stubs + 0x28 * TRAP_STUB_SIZE },
    };
    struct trap_frame f;

    EXPECT_EQ(hypercall_set_trap_table(table), 0);
    RUN(&f, user_int80);
    EXPECT_EQ(f.vector, 0x80);
    EXPECT_EQ(f.rip, USER_CODE + 2);
    RUN(&f, user_int28);
    EXPECT_EQ(f.vector, TRAP_GP);
    EXPECT_EQ(f.rip, USER_CODE);
}

static void test_memory(void)
{
    struct trap_frame f;

    RUN(&f, user_write_code);
    EXPECT_EQ(f.vector, TRAP_PF);
    EXPECT_EQ(f.error & 7, PF_PRESENT | PF_WRITE | PF_USER);
    user_load(&f, user_read_kernel, user_read_kernel_end);
    f.rdi = (unsigned long)start_info;
    user_run(&f);
    EXPECT_EQ(f.vector, TRAP_PF);
    EXPECT_EQ(f.error & ~1U, PF_USER);
    EXPECT_EQ(percpu()->last.cr2, (long)start_info);
    user_load(&f, user_read_kernel, user_read_kernel_end);
    f.rdi = MACH2PHYS_VIRT_START;
    user_run(&f);
    EXPECT_EQ(f.vector, TRAP_PF);
    ((uint64_t *)user_data())[1] = 0xabcdef;
    user_load(&f, user_push, user_push_end);
    f.rbx = 0x1122334455667788;
    user_run(&f);
    EXPECT_EQ(f.vector, TRAP_UD);
    EXPECT_EQ(((uint64_t *)user_data())[0], 0x1122334455667788);
    EXPECT_EQ(f.rdx, 0xabcdef);
}

static void test_segment_bases(void)
{
    uint64_t *data = user_data();
    struct trap_frame f;

    data[2] = 0xf5;
    data[3] = 0x65;
    EXPECT_EQ(hypercall_set_segment_base(SEGBASE_FS, USER_DATA + 16), 0);
    EXPECT_EQ(hypercall_set_segment_base(SEGBASE_GS_USER, USER_DATA + 24), 0);
    RUN(&f, user_fs);
    EXPECT_EQ(f.vector, TRAP_UD);
    EXPECT_EQ(f.rax, 0xf5);
    EXPECT_EQ(f.rbx, 0x65);
    EXPECT_EQ(hypercall_set_segment_base(SEGBASE_GS_KERNEL, (unsigned long)&data[2]), 0);
    __asm__ volatile("mov %%gs:0, %0" : "=r"(f.rax));
    EXPECT_EQ(f.rax, 0xf5);
    EXPECT_EQ(hypercall_set_segment_base(SEGBASE_FS, 0x0001000000000000UL), -EINVAL);
    EXPECT_EQ(hypercall_set_segment_base(7, 0), -EINVAL);
    EXPECT_EQ(hypercall_set_segment_base(SEGBASE_GS_USER_SEL, 0), 0);
}

/* With VGCF_in_syscall the return may lose rcx and r11 but must keep rip, rsp and flags. */
static void test_iret_in_syscall(void)
{
    struct trap_frame f;

    user_load(&f, user_sysret_regs, user_sysret_regs_end);
    f.rcx = 0x1111;
    f.r11 = 0x2222;
    f.rflags = 0x202 | 0x8d5;
    user_run(&f);
    EXPECT_EQ(f.vector, TRAP_UD);
    EXPECT_EQ(f.rsi, 0x1111);
    EXPECT_EQ(f.rdi, 0x2222);
    EXPECT_EQ(f.rflags & 0x8d5, 0x8d5);
    EXPECT_EQ(f.rsp, USER_STACK_TOP);
}

static void test_refusals(void)
{
    struct mmuext_op op = { .cmd = MMUEXT_NEW_USER_BASEPTR, .arg1.mfn = ~0UL >> 12 };
    char *page = memory_alloc();

    EXPECT_EQ(hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF), -EINVAL);
    op.arg1.mfn = memory_mfn(page); /* mapped writable */
    EXPECT(hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF) < 0);
    EXPECT_EQ(hypercall_stack_switch(0, (unsigned long)page + 4096), 0);
    memory_free(page);
}

void test_main(void)
{
    user_init();
    test_syscall();
    test_traps();
    test_soft_interrupt();
    test_memory();
    test_segment_bases();
    test_iret_in_syscall();
    test_refusals();
}
