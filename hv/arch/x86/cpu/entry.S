/* SPDX-License-Identifier: MIT */
/*
 * Exceptions and interrupts: 256 entry stubs, saving registers as a struct cpu_user_regs, and the way
 * back into the hypervisor. The way back into a guest is exit_to_guest (arch/x86/guest).
 *
 * From a guest the frame lies in cpu_local.regs. #DF, NMI, #MC and #DB come in on stacks of their own
 * (IST), because they can hit between a syscall and its switch of stacks; from a guest their frame is
 * moved to the normal place first.
 */
#include <asm_offsets.h>

#include "hv/arch/x86/cpu/entry_macros.h"
#include "hv/arch/x86/cpu/traps.h"

    .text

/* Vectors whose exception pushes an error code. */
#define HAS_ERROR_CODE(v) \
    ((v) == 8 || ((v) >= 10 && (v) <= 14) || (v) == 17 || (v) == 21 || (v) == 29 || (v) == 30)
#define ON_IST(v) ((v) == 1 || (v) == 2 || (v) == 8 || (v) == 18)

    .balign 16
    .globl entry_stubs
entry_stubs:
    .set vector, 0
    .rept 256
    .balign 16
    .if !HAS_ERROR_CODE(vector)
    push $0
    .endif
    movl $vector, 4(%rsp)
    .if ON_IST(vector)
    jmp ist_entry
    .else
    jmp common_entry
    .endif
    .set vector, vector + 1
    .endr

    .balign 16
common_entry:
    SAVE_REGS
    mov %rsp, %rdi
    testb $3, UREGS_cs(%rsp)
    jz in_hypervisor
guest_entry:
    cmpl $0x20, UREGS_entry_vector(%rsp)
    jae 1f
2:  sti
    call upcall_guest_trap
    jmp exit_to_guest
1:  cmpl $VECTOR_INT80, UREGS_entry_vector(%rsp)
    je 2b
    call x86_interrupt
    jmp exit_to_guest

in_hypervisor:
    cmpl $0x20, UREGS_entry_vector(%rsp)
    jae 1f
    call x86_exception
    jmp return_to_hypervisor
1:  call x86_interrupt
return_to_hypervisor:
    RESTORE_REGS
    add $8, %rsp
    iretq

    .balign 16
ist_entry:
    SAVE_REGS
    testb $3, UREGS_cs(%rsp)
    jz 1f
    /* From a guest: move the 21 words to cpu_local.regs and go on there. */
    mov %rsp, %rsi
    mov %rsp, %rdi
    or $0x7fff, %rdi
    sub $(CPU_LOCAL_SIZE - CPU_REGS - 1), %rdi
    mov %rdi, %rax
    mov $21, %ecx
    rep movsq
    mov %rax, %rsp
1:  mov %rsp, %rdi
    mov UREGS_entry_vector(%rsp), %eax
    cmp $8, %eax
    je 4f
    cmp $18, %eax
    je 3f
    cmp $2, %eax
    je 2f
    testb $3, UREGS_cs(%rsp)
    jnz guest_entry
    call x86_exception
    jmp return_to_hypervisor
2:  call x86_nmi
    jmp ist_return
3:  call x86_machine_check
ist_return:
    testb $3, UREGS_cs(%rsp)
    jnz exit_to_guest
    jmp return_to_hypervisor
4:  call x86_double_fault
    ud2

/* size_t arch_copy_from_va(void *dst, unsigned long va, size_t bytes), and _to_: rdi, rsi, rdx. The
 * callers have checked that va lies outside the hypervisor's slice. */
    .globl raw_copy
raw_copy:
    mov %rdx, %rcx
    and $7, %edx
    shr $3, %rcx
1:  rep movsq
    mov %edx, %ecx
2:  rep movsb
3:  mov %rcx, %rax
    ret
4:  lea (%rdx, %rcx, 8), %rax
    ret
    EX_TABLE(1b, 4b)
    EX_TABLE(2b, 3b)

/* size_t raw_clear(unsigned long va, size_t bytes) */
    .globl raw_clear
raw_clear:
    mov %rsi, %rcx
    mov %esi, %edx
    and $7, %edx
    shr $3, %rcx
    xor %eax, %eax
1:  rep stosq
    mov %edx, %ecx
2:  rep stosb
3:  mov %rcx, %rax
    ret
4:  lea (%rdx, %rcx, 8), %rax
    ret
    EX_TABLE(1b, 4b)
    EX_TABLE(2b, 3b)

/* Copies of 8 and 4 bytes without a loop: 0, or the size when it faults. (dst, src) */
    .globl raw_copy8
raw_copy8:
1:  mov (%rsi), %rax
2:  mov %rax, (%rdi)
    xor %eax, %eax
    ret
3:  mov $8, %eax
    ret
    EX_TABLE(1b, 3b)
    EX_TABLE(2b, 3b)

    .globl raw_copy4
raw_copy4:
1:  mov (%rsi), %eax
2:  mov %eax, (%rdi)
    xor %eax, %eax
    ret
3:  mov $4, %eax
    ret
    EX_TABLE(1b, 3b)
    EX_TABLE(2b, 3b)

/* bool raw_rdmsr(uint32_t msr, uint64_t *value), raw_wrmsr(uint32_t msr, uint64_t value): false on #GP. */
    .globl raw_rdmsr, raw_wrmsr
raw_rdmsr:
    mov %edi, %ecx
1:  rdmsr
    shl $32, %rdx
    or %rdx, %rax
    mov %rax, (%rsi)
    mov $1, %eax
    ret
2:  xor %eax, %eax
    ret
    EX_TABLE(1b, 2b)
raw_wrmsr:
    mov %edi, %ecx
    mov %esi, %eax
    mov %rsi, %rdx
    shr $32, %rdx
1:  wrmsr
    mov $1, %eax
    ret
2:  xor %eax, %eax
    ret
    EX_TABLE(1b, 2b)

/* bool raw_load_fs(uint16_t sel), raw_load_gs ...: loads a guest's selector; false when it faults, and
 * the register is then null. gs by swapgs is for the inactive base. */
#define LOAD_SEGMENT(reg)                                                                        \
    .globl raw_load_##reg;                                                                       \
raw_load_##reg:                                                                                  \
1:  mov %edi, %reg;                                                                              \
    mov $1, %eax;                                                                                \
    ret;                                                                                         \
2:  xor %eax, %eax;                                                                              \
    mov %eax, %reg;                                                                              \
    ret;                                                                                         \
    EX_TABLE(1b, 2b)

LOAD_SEGMENT(ds)
LOAD_SEGMENT(es)
LOAD_SEGMENT(fs)
LOAD_SEGMENT(gs)

/* void arch_bytes_copy(void *dst, const void *src, size_t size) */
    .globl arch_bytes_copy
arch_bytes_copy:
    mov %rdx, %rcx
    shr $3, %rcx
    rep movsq
    mov %edx, %ecx
    and $7, %ecx
    rep movsb
    ret

/* void arch_page_clear(void *page), arch_page_copy(void *dst, const void *src): 4 KiB, aligned. */
    .globl arch_page_clear, arch_page_copy
arch_page_clear:
    mov $512, %ecx
    xor %eax, %eax
    rep stosq
    ret
arch_page_copy:
    mov $512, %ecx
    rep movsq
    ret
