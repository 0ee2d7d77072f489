/* SPDX-License-Identifier: MIT */
/*
 * What is shared with a domain of 32-bit words, where such a domain's layout is not that of 64 bits: the heads of
 * vcpu_info and of the shared info page, and the runstate. domain.is_narrow says which is meant; it changes
 * with what code of the domain asks for it (shared_set_narrow()), and nothing that was in the other layout is moved.
 *
 * The bits of pending ports begin at the same place in both, and so does all of vcpu_info but the selector.
 */
#ifndef HV_CORE_SHARED_NARROW_H
#define HV_CORE_SHARED_NARROW_H

#include <stdint.h>

#include "abi/xen.h"
#include "hv/core/domain.h"

#define NARROW_PORTS (32U * 32U)

struct vcpu_info_narrow {
    uint8_t evtchn_upcall_pending;
    uint8_t evtchn_upcall_mask;
    uint32_t evtchn_pending_sel;
};

struct shared_info_narrow {
    struct vcpu_info vcpu_info[XEN_LEGACY_MAX_VCPUS];
    uint32_t evtchn_pending[32];
    uint32_t evtchn_mask[32];
    uint32_t wc_version;
    uint32_t wc_sec;
    uint32_t wc_nsec;
    uint32_t arch[6];
    uint32_t wc_sec_hi;
};

/* A 64-bit word lies on the boundary of a 32-bit one. */
struct vcpu_runstate_info_narrow {
    int32_t state;
    uint64_t state_entry_time;
    uint64_t time[4];
} __attribute__((packed));

static inline struct shared_info_narrow *shared_narrow(const struct domain *d)
{
    return (struct shared_info_narrow *)d->shared_info;
}

/* The domain's records have the layout of 32-bit words from now on, or of 64-bit ones. */
void shared_set_narrow(struct domain *d, bool narrow);

#endif
