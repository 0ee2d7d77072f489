/* SPDX-License-Identifier: MIT */
/*
 * Whom what is typed on the serial port goes to. Without guests of the device tree that is core/console.h's business
 * alone: dom0 or the debug keys. With them Ctrl-a (conswitch=) three times goes on to the next of dom0, each such guest
 * with a vpl011, the hypervisor, and dom0 again.
 *
 * serial_input() is called from a timer of the boot CPU only; serial_input_add() at boot.
 */
#ifndef HV_ARCH_ARM_GUEST_SERIAL_INPUT_H
#define HV_ARCH_ARM_GUEST_SERIAL_INPUT_H

#include "hv/core/domain.h"

/* The letter of the switch, 0 for none. */
void serial_input_set_switch(char letter);
/* A guest that takes part; the first one gets the input when there is no dom0. */
void serial_input_add(struct domain *d);
/* The boot is over: says who has the input, when a guest has it. */
void serial_input_start(void);
void serial_input(char c);
/* Whether what the guest writes shall be seen at once, not by lines. */
bool serial_input_has(const struct domain *d);

#endif
