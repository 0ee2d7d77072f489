/* SPDX-License-Identifier: MIT */
/* Entering the hypervisor on arm64: HVC with the tag, number in x16. */
#ifndef GUEST_ARM64_HYPERCALL_RAW_H
#define GUEST_ARM64_HYPERCALL_RAW_H

#include "guest/arm64/guest.h"

#define hypercall_raw hypercall5

#endif
