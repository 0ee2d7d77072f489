/* SPDX-License-Identifier: MIT */
/* Register records that a CPU with VT-x enters a guest with, and one change each that makes it refuse. */
#include "hv/arch/x86/hvm/vmx_state.h"

#include <string.h>

#include "abi/hvm_save.h"
#include "hv/arch/x86/hvm/hvm.h"
#include "tests/unit/unit.h"

#define CR4_OFFERED 0x3707ffUL /* all that guests have, but UMIP */
#define ADDRESS_BITS 40U

/* As toolstacks enter a PVH kernel: flat 32-bit code, no paging. */
static struct hvm_hw_cpu pvh_entry(void)
{
    struct hvm_hw_cpu c;

    memset(&c, 0, sizeof(c));
    c.rip = 0x100000;
    c.rflags = 2;
    c.cr0 = CR0_PE | CR0_ET;
    c.cs_arbytes = 0xc9b;
    c.ds_arbytes = c.es_arbytes = c.ss_arbytes = 0xc93;
    c.cs_limit = c.ds_limit = c.es_limit = c.ss_limit = ~0U;
    c.tr_arbytes = 0x8b;
    c.tr_limit = 0x67;
    return c;
}

/* As a CPU wakes up: real mode. */
static struct hvm_hw_cpu real_mode(void)
{
    struct hvm_hw_cpu c = pvh_entry();

    c.cr0 = CR0_ET;
    c.cs_sel = 0x9000;
    c.cs_base = 0x90000;
    c.rip = 0;
    c.cs_limit = c.ds_limit = c.es_limit = c.ss_limit = 0xffff;
    c.cs_arbytes = 0x9b;
    c.ds_arbytes = c.es_arbytes = c.ss_arbytes = 0x93;
    return c;
}

/* A kernel in 64-bit mode. */
static struct hvm_hw_cpu long_mode(void)
{
    struct hvm_hw_cpu c = pvh_entry();

    c.cr0 |= CR0_PG;
    c.cr4 = CR4_PAE;
    c.msr_efer = EFER_LME | EFER_LMA | EFER_SCE | EFER_NXE;
    c.cs_arbytes = 0xa9b;
    c.rip = 0xffffffff81000000UL;
    c.gdtr_base = c.msr_lstar = 0xffffffff82000000UL;
    return c;
}

static bool valid(const struct hvm_hw_cpu *c)
{
    return vmx_state_valid(c, CR4_OFFERED, ADDRESS_BITS);
}

#define REFUSES(make, change)                                                                      \
    do {                                                                                           \
        struct hvm_hw_cpu c = make();                                                              \
                                                                                                   \
        change;                                                                                    \
        EXPECT(!valid(&c));                                                                        \
    } while (0)
#define TAKES(make, change)                                                                        \
    do {                                                                                           \
        struct hvm_hw_cpu c = make();                                                              \
                                                                                                   \
        change;                                                                                    \
        EXPECT(valid(&c));                                                                         \
    } while (0)

TEST(vmx_states_of_a_kernels_life)
{
    TAKES(pvh_entry, );
    TAKES(real_mode, );
    TAKES(long_mode, );
    TAKES(pvh_entry, c.ds_arbytes = c.fs_arbytes = 0);
    TAKES(real_mode, c.cs_arbytes = 0x93);
}

TEST(vmx_refuses_control_registers)
{
    REFUSES(pvh_entry, c.cr0 |= 1UL << 32);
    REFUSES(real_mode, c.cr0 |= CR0_PG);
    REFUSES(pvh_entry, c.cr0 |= CR0_NW);
    TAKES(pvh_entry, c.cr0 |= CR0_NW | CR0_CD);
    REFUSES(pvh_entry, c.cr4 = 0x2000); /* VMXE */
    REFUSES(pvh_entry, c.cr4 = 0x800);
    REFUSES(pvh_entry, c.cr4 = CR4_PCIDE);
    TAKES(long_mode, c.cr4 |= CR4_PCIDE);
    REFUSES(long_mode, c.cr4 = 0);
    REFUSES(long_mode, c.cr3 = 1UL << ADDRESS_BITS);
    REFUSES(long_mode, c.msr_efer &= ~EFER_LMA);
    REFUSES(pvh_entry, c.msr_efer = EFER_LMA);
    TAKES(pvh_entry, c.msr_efer = EFER_LME);
    REFUSES(pvh_entry, c.msr_efer = EFER_SVME);
    REFUSES(pvh_entry, c.dr7 = 1UL << 32);
}

TEST(vmx_refuses_msrs)
{
    REFUSES(long_mode, c.msr_lstar = 1UL << 63);
    REFUSES(long_mode, c.msr_cstar = 1UL << 47);
    REFUSES(long_mode, c.shadow_gs = 1UL << 63);
    REFUSES(long_mode, c.sysenter_esp = 1UL << 63);
    REFUSES(long_mode, c.sysenter_eip = 1UL << 47);
    REFUSES(long_mode, c.msr_syscall_mask = 1UL << 32);
}

TEST(vmx_refuses_segments)
{
    REFUSES(pvh_entry, c.cs_arbytes = 0xc9a);       /* not accessed */
    REFUSES(pvh_entry, c.cs_arbytes = 0xc1b);       /* not there */
    REFUSES(pvh_entry, c.cs_arbytes = 0xc8b);       /* a system segment */
    REFUSES(pvh_entry, c.cs_arbytes = 0xcfb);       /* ring 3, the stack's is 0 */
    REFUSES(pvh_entry, c.cs_base = 1UL << 32);
    REFUSES(pvh_entry, c.cs_limit = 0xfffffffe);    /* in pages */
    REFUSES(pvh_entry, c.cs_arbytes = 0x49b);       /* in bytes, and too many */
    REFUSES(long_mode, c.cs_arbytes = 0xe9b);       /* 64 and 32 bits */
    TAKES(pvh_entry, c.cs_arbytes = 0xcfb; c.ss_arbytes = 0xcf3);
    REFUSES(real_mode, c.ss_arbytes = 0xf3);
    REFUSES(pvh_entry, c.ss_arbytes = 0xc91);       /* not writable */
    REFUSES(pvh_entry, c.ds_arbytes = 0xc99);       /* code, not readable */
    REFUSES(pvh_entry, c.ds_arbytes = 0xc92);
    REFUSES(pvh_entry, c.es_base = 1UL << 40);
    REFUSES(long_mode, c.fs_base = 1UL << 50);
    TAKES(long_mode, c.fs_base = 1UL << 46);
    REFUSES(pvh_entry, c.tr_arbytes = 0);
    REFUSES(pvh_entry, c.tr_arbytes = 0x89);        /* not busy */
    TAKES(pvh_entry, c.tr_arbytes = 0x83);
    REFUSES(long_mode, c.tr_arbytes = 0x83);
    REFUSES(pvh_entry, c.tr_sel = 4);
    REFUSES(pvh_entry, c.ldtr_arbytes = 0x89);
    TAKES(pvh_entry, c.ldtr_arbytes = 0x82);
    REFUSES(pvh_entry, c.gdtr_limit = 0x10000);
    REFUSES(long_mode, c.idtr_base = 1UL << 60);
}

TEST(vmx_refuses_addresses_and_flags)
{
    REFUSES(pvh_entry, c.rip = 1UL << 32);
    REFUSES(long_mode, c.rip = 1UL << 47);
    TAKES(long_mode, c.cs_arbytes = 0xc9b; c.rip = 0x1000);
    REFUSES(pvh_entry, c.rflags |= 0x20000); /* virtual 8086 mode, with segments of another */
    REFUSES(real_mode, c.rflags |= 0x20000);
}

TEST(vmx_refuses_events)
{
    TAKES(pvh_entry, c.pending_event = 0x80000300U | EXC_UD);
    TAKES(pvh_entry, c.pending_event = 0x80000b00U | EXC_GP);
    REFUSES(pvh_entry, c.pending_event = 0x80000300U | EXC_GP);
    TAKES(real_mode, c.pending_event = 0x80000300U | EXC_GP);
    REFUSES(real_mode, c.pending_event = 0x80000b00U | EXC_GP);
    REFUSES(pvh_entry, c.pending_event = 0x80000b00U | EXC_UD);
    REFUSES(pvh_entry, c.pending_event = 0x80000030U);
    TAKES(pvh_entry, c.pending_event = 0x80000030U; c.rflags |= X86_EFLAGS_IF);
    TAKES(pvh_entry, c.pending_event = 0x80000202U);
    REFUSES(pvh_entry, c.pending_event = 0x80000203U);
    REFUSES(pvh_entry, c.pending_event = 0x80000403U); /* a software interrupt */
    REFUSES(pvh_entry, c.pending_event = 0x80000320U);
}
