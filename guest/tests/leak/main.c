/* SPDX-License-Identifier: MIT */
/*
 * PV domains with memory, vcpus, page tables, event channels, a page of them mapped here; created as far as every step
 * and destroyed, free memory compared exactly. See guest/libguest/leak.h for the command line; Debian's 4.17 loses
 * about one page in ten domains (slack=).
 */
#include "abi/xen.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/leak.h"
#include "guest/libguest/test.h"
#include "guest/libguest/x86/leak_pv.h"
#include "guest/libguest/x86/pagetable.h"

/* A mapping of the domain's memory by us, taken away before the domain goes. */
static long foreign_map(void)
{
    static char *window;
    long rc;

    window = window != NULL ? window : pagetable_reserve_va();
    rc = hypercall(__HYPERVISOR_update_va_mapping_otherdomain, (unsigned long)window,
                   pte_make(leak_frames[0], PTE_DATA), UVMF_INVLPG, LEAK_DOM, 0);
    if (rc == 0) {
        window[0] = 1;
        rc = hypercall_update_va_mapping((unsigned long)window, 0, UVMF_INVLPG);
    }
    return rc;
}

static long page_table(void)
{
    struct mmuext_op op = { .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = leak_frames[1] };

    return hypercall_mmuext_op(&op, 1, NULL, LEAK_DOM);
}

static long vcpu_context(void)
{
    struct mmuext_op pin = { .cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = leak_frames[2] };
    long rc = hypercall_mmuext_op(&pin, 1, NULL, LEAK_DOM);

    return rc != 0 ? rc : leak_pv_context(leak_frames[2]);
}

void test_main(void)
{
    static long (*const steps[])(void) = {
        leak_max_vcpus,      leak_max_mem, leak_populate, foreign_map,
        leak_event_channels, page_table,   vcpu_context,  leak_run,
    };
    static const struct leak_plan plan = { .steps = steps, .step_count = sizeof(steps) / sizeof(steps[0]) };

    leak_test(&plan);
}
