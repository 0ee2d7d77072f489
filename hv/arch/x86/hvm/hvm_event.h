/* SPDX-License-Identifier: MIT */
/*
 * What becomes of an exception that the hypervisor raises while the guest is on its way to another one: the CPU's
 * rules for two exceptions at once. (AMD APM volume 2, "double-fault exception".) Pure.
 */
#ifndef HV_ARCH_X86_HVM_HVM_EVENT_H
#define HV_ARCH_X86_HVM_HVM_EVENT_H

#include "hv/lib/types.h"

enum hvm_merged {
    HVM_MERGED_SECOND, /* the first comes again when its cause is met again */
    HVM_MERGED_DOUBLE_FAULT,
    HVM_MERGED_SHUTDOWN
};

/* first: the vector under delivery, second: the one raised meanwhile. */
enum hvm_merged hvm_event_merge(unsigned int first, unsigned int second);

#endif
