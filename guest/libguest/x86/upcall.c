/* SPDX-License-Identifier: MIT */
/* Opening and closing event upcalls of a PV kernel: the mask of its vcpu_info. */
#include "guest/libguest/events.h"

#include <stddef.h>

#include "guest/libguest/hypercall.h"
#include "guest/libguest/x86/percpu.h"

void events_enable(void)
{
    struct vcpu_info *info = percpu()->info;

    __atomic_store_n(&info->evtchn_upcall_mask, 0, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&info->evtchn_upcall_pending, __ATOMIC_SEQ_CST)) {
        hypercall_xen_version(0, NULL); /* any hypercall delivers pending upcalls on return */
    }
}

void events_disable(void)
{
    __atomic_store_n(&percpu()->info->evtchn_upcall_mask, 1, __ATOMIC_SEQ_CST);
}

bool events_enabled(void)
{
    return percpu()->info->evtchn_upcall_mask == 0;
}
