/* SPDX-License-Identifier: MIT */
/* Offsets for assembly; compiled to text, never linked. */
#include "hv/arch/arm/arm64/sysreg_values.h"
#include "hv/arch/arm/guest/guest.h"
#include "hv/calls/hypercall.h"

#define DEFINE(name, value) __asm__ volatile("==>" #name " %0" ::"i"(value))
#define OFFSET(name, type, field) DEFINE(name, offsetof(struct type, field))

void offsets(void);

void offsets(void)
{
    BUILD_ASSERT(sizeof(struct cpu_local) == CPU_LOCAL_BYTES);
    BUILD_ASSERT(offsetof(struct cpu_local, regs) == 0);
    BUILD_ASSERT(HYPERCALL_COUNT == 64 && ENOSYS == 38 && ERESTART == 85);
    DEFINE(UREGS_SIZE, sizeof(struct cpu_user_regs));
    OFFSET(UREGS_sp, cpu_user_regs, sp);
    OFFSET(UREGS_pc, cpu_user_regs, pc);
    OFFSET(UREGS_esr, cpu_user_regs, esr);
    OFFSET(UREGS_vector, cpu_user_regs, vector);
    OFFSET(CPU_softirq, cpu_local, softirq);
    OFFSET(CPU_current, cpu_local, current);
    OFFSET(VCPU_arch, vcpu, arch);
    OFFSET(ARCH_exit_work, arch_vcpu, exit_work);
}
