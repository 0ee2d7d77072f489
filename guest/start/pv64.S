/* SPDX-License-Identifier: MIT */
/*
 * First instructions and ELF notes of a 64-bit PV test kernel. The builder enters at _start in
 * ring 3, kernel mode, with %rsi = start_info and a stack it provides; we note the TSC (for the
 * boot-time figure), move to our own stack and call start_main(). With -DVARIANT_PAGE the notes
 * ask for a filled hypercall page; without it every call is a bare syscall instruction, as
 * current Linux does.
 */
#define __ASSEMBLY__
#define START_STACK_SIZE (1 << 14)
#include <xen/elfnote.h>
#include <xen/features.h>
#include <xen/xen.h>

    .macro ELFNOTE_STR type:req, text:req
    .pushsection .note.Xen, "a", @note
    .balign 4
    .long 4
    .long 2f - 1f
    .long \type
    .asciz "Xen"
1:  .asciz "\text"
2:  .balign 4
    .popsection
    .endm

    .macro ELFNOTE_NUM type:req, value:req
    .pushsection .note.Xen, "a", @note
    .balign 4
    .long 4
    .long 8
    .long \type
    .asciz "Xen"
    .quad \value
    .popsection
    .endm

    ELFNOTE_STR XEN_ELFNOTE_GUEST_OS, "proxenos-test"
    ELFNOTE_STR XEN_ELFNOTE_GUEST_VERSION, "1"
    ELFNOTE_STR XEN_ELFNOTE_XEN_VERSION, "xen-3.0"
    ELFNOTE_STR XEN_ELFNOTE_LOADER, "generic"
    ELFNOTE_STR XEN_ELFNOTE_FEATURES, "!writable_page_tables|pae_pgdir_above_4gb"
    ELFNOTE_STR XEN_ELFNOTE_PAE_MODE, "yes"
    ELFNOTE_NUM XEN_ELFNOTE_SUPPORTED_FEATURES, (1 << XENFEAT_dom0)
    ELFNOTE_NUM XEN_ELFNOTE_VIRT_BASE, guest_base
    ELFNOTE_NUM XEN_ELFNOTE_PADDR_OFFSET, 0
    ELFNOTE_NUM XEN_ELFNOTE_ENTRY, _start
#ifdef VARIANT_PAGE
    ELFNOTE_NUM XEN_ELFNOTE_HYPERCALL_PAGE, hypercall_page
#endif

    .section .text.start, "ax", @progbits
    .globl _start
_start:
    cld
    mov %rsi, start_info(%rip)
    lea start_stack + START_STACK_SIZE(%rip), %rsp
    xor %ebp, %ebp
    call start_main
1:  jmp 1b

#ifdef VARIANT_PAGE
    .section .text.hypercall_page, "ax", @progbits
    .balign 4096
    .globl hypercall_page
hypercall_page:
    .fill 4096, 1, 0xcc
#endif

    .section .note.GNU-stack, "", @progbits
