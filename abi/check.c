/* SPDX-License-Identifier: MIT */
/*
 * Asserts the sizes and offsets of the ABI structures that guests and tools rely on (interface 4.17,
 * x86_64). Compiled, never linked into anything: a mismatch of the installed headers stops the build.
 */
#include <stddef.h>
#include <stdint.h>

#include "abi/domctl.h"
#include "abi/event_channel.h"
#include "abi/grant_table.h"
#include "abi/memory.h"
#include "abi/physdev.h"
#include "abi/platform.h"
#include "abi/sysctl.h"
#include "abi/vcpu.h"
#include "abi/xen.h"

#define SIZE_IS(type, size) _Static_assert(sizeof(type) == (size), #type)

_Static_assert(XEN_DOMCTL_INTERFACE_VERSION == 0x15, "domctl interface");
_Static_assert(XEN_SYSCTL_INTERFACE_VERSION == 0x15, "sysctl interface");
SIZE_IS(struct xen_domctl, 144);
SIZE_IS(struct xen_sysctl, 136);
SIZE_IS(struct xen_platform_op, 136);
SIZE_IS(struct xen_domctl_createdomain, 64);
SIZE_IS(struct xen_domctl_getdomaininfo, 112);
SIZE_IS(struct xen_sysctl_physinfo, 112);
SIZE_IS(struct vcpu_guest_context, 5168);
SIZE_IS(struct start_info, 1168);
SIZE_IS(struct shared_info, 3136);
SIZE_IS(struct vcpu_info, 64);
SIZE_IS(struct vcpu_time_info, 32);
SIZE_IS(struct vcpu_runstate_info, 48);
SIZE_IS(struct multicall_entry, 64);
SIZE_IS(struct mmuext_op, 24);
SIZE_IS(struct mmu_update, 16);
SIZE_IS(struct trap_info, 16);
SIZE_IS(struct cpu_user_regs, 200);
SIZE_IS(struct xen_memory_reservation, 32);
SIZE_IS(struct xen_memory_exchange, 72);
SIZE_IS(struct gnttab_map_grant_ref, 32);
SIZE_IS(struct gnttab_copy, 40);
SIZE_IS(struct physdev_map_pirq, 40);
_Static_assert(offsetof(struct start_info, first_p2m_pfn) == 1152, "start_info");
_Static_assert(offsetof(struct shared_info, evtchn_pending) == 2048, "shared_info");
