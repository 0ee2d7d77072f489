/* SPDX-License-Identifier: MIT */
/* Offsets and sizes the assembly needs; compiled to text from which the build makes asm_offsets.h. */
#include "hv/arch/x86/guest/guest.h"

void asm_offsets(void);

#define DEFINE(name, value) __asm__ __volatile__("\n#==>" #name " %0" ::"i"((unsigned long)(value)))
#define REG(name)           DEFINE(UREGS_##name, offsetof(struct cpu_user_regs, name))
#define CPU(name) DEFINE(CPU_##name, offsetof(struct cpu_local, name) - offsetof(struct cpu_local, regs))

BUILD_ASSERT(offsetof(struct cpu_local, regs) % 16 == 8);
BUILD_ASSERT(sizeof(struct cpu_local) % 16 == 0);

void asm_offsets(void)
{
    REG(r15);
    REG(rax);
    REG(rcx);
    REG(r11);
    REG(error_code);
    REG(entry_vector);
    REG(rip);
    REG(cs);
    REG(rflags);
    REG(rsp);
    REG(es);
    DEFINE(CPU_LOCAL_SIZE, sizeof(struct cpu_local));
    DEFINE(CPU_REGS, offsetof(struct cpu_local, regs));
    CPU(current);
    CPU(softirq);
    CPU(vmcb);
    CPU(host_vmcb);
    CPU(vmcs_launched);
    DEFINE(VCPU_arch, offsetof(struct vcpu, arch));
    DEFINE(VCPU_info, offsetof(struct vcpu, info));
    DEFINE(VCPU_nmi_pending, offsetof(struct vcpu, nmi_pending));
    DEFINE(ARCH_kernel_mode, offsetof(struct arch_vcpu, kernel_mode));
}
