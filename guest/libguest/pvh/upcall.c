/* SPDX-License-Identifier: MIT */
/* Opening and closing event upcalls: the interrupt flag. */
#include "guest/libguest/events.h"
#include "guest/libguest/pvh/pvh.h"

void events_enable(void)
{
    pvh_sti();
    __asm__ volatile("nop" : : : "memory"); /* what is pending comes behind the shadow of sti */
}

void events_disable(void)
{
    pvh_cli();
}

bool events_enabled(void)
{
    uint64_t flags;

    __asm__ volatile("pushfq; pop %0" : "=r"(flags) : : "memory");
    return (flags & 0x200) != 0;
}
