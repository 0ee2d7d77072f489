/* SPDX-License-Identifier: MIT */
/*
 * The instruction of a hypercall: vmmcall as it is assembled. start.c makes each one, which a list in .hypercall_sites
 * names, a vmcall on Intel's CPUs before the first is used.
 */
#ifndef GUEST_LIBGUEST_PVH_CALL_H
#define GUEST_LIBGUEST_PVH_CALL_H

#ifdef __ASSEMBLY__
.macro HYPERCALL_INSTRUCTION
777: vmmcall
    .pushsection .hypercall_sites, "a"
    .quad 777b
    .popsection
.endm
#else
#define HYPERCALL_INSTRUCTION \
    "777: vmmcall\n"           \
    ".pushsection .hypercall_sites, \"a\"\n.quad 777b\n.popsection\n"
#endif

#endif
