/* SPDX-License-Identifier: MIT */
/*
 * From the start file to test_main() on a PV guest: one call a line. The order matters: the
 * console works first (console_io), traps next so that a mistake shows, then the shared info
 * page.
 */
#include "guest/libguest/start.h"

#include <stddef.h>

#include "guest/libguest/console.h"
#include "guest/libguest/events.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/test.h"
#include "guest/libguest/x86/pagetable.h"
#include "guest/libguest/x86/percpu.h"
#include "guest/libguest/x86/traps.h"

struct start_info *start_info;
char start_stack[1 << START_STACK_ORDER] __attribute__((aligned(1 << START_STACK_ORDER)));

static char shared_info_place[4096] __attribute__((aligned(4096)));
struct shared_info *shared_info = (struct shared_info *)shared_info_place;

bool start_is_dom0(void)
{
    return (start_info->flags & SIF_INITDOMAIN) != 0;
}

bool start_is_pv(void)
{
    return true;
}

bool start_has_old_calls(void)
{
    return true;
}

const char *start_cmdline(void)
{
    return (const char *)start_info->cmd_line;
}

void *start_map_own_mfn(unsigned long mfn)
{
    return memory_va(machine_to_phys_mapping[mfn]);
}

static void map_shared_info(void)
{
    if (hypercall_update_va_mapping((unsigned long)shared_info_place,
                                    start_info->shared_info | PTE_P | PTE_RW | PTE_A | PTE_D,
                                    UVMF_INVLPG) != 0) {
        test_broken("cannot map the shared info page");
    }
    percpu()->info = &shared_info->vcpu_info[0];
}

void start_main(void)
{
    console_init();
    traps_init();
    map_shared_info();
    events_init();
    print("kernel: %s of %lu pages, magic %s, arguments '%s'\n",
          start_is_dom0() ? "dom0" : "domU", start_info->nr_pages, start_info->magic,
          start_cmdline());
    test_main();
    test_end();
}
