/* SPDX-License-Identifier: MIT */
/* Entries of nested page tables, for the x86 code on the fake machine. */
#include "hv/arch/x86/inline/arch_p2m.h"
