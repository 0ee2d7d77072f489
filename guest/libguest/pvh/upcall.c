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
