/* SPDX-License-Identifier: MIT */
/* Whether this CPU's VT-x is enough, and the control words that vmx.c uses on it: see vmx_check.c. */
#ifndef HV_ARCH_X86_HVM_VMX_CHECK_H
#define HV_ARCH_X86_HVM_VMX_CHECK_H

#include "hv/arch/x86/hvm/vmx.h"

enum vmx_word { VMX_PIN, VMX_CPU, VMX_EXIT, VMX_ENTRY, VMX_CPU2, VMX_WORDS };

struct vmx_machine {
    uint32_t revision;
    uint32_t controls[VMX_WORDS];
    unsigned int invept_kind;  /* 1: of one domain, 2: all */
    unsigned int leaf_level;   /* of EPT's largest pages */
    unsigned int address_bits;
    unsigned int timer_shift;  /* the preemption timer counts the TSC divided by 2 to this */
};

/* False: not an Intel CPU with VT-x, or one line says why it is not used. */
MUST_CHECK bool vmx_check(struct vmx_machine *m);

#endif
