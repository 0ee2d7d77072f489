/* SPDX-License-Identifier: MIT */
/*
 * Debug keys: one letter makes the hypervisor print something about itself. Typed on the serial console
 * (after its escape) or sent by the toolstack (`xl debug-keys`). `h` lists them.
 */
#ifndef HV_CORE_KEYHANDLER_H
#define HV_CORE_KEYHANDLER_H

#include "hv/lib/types.h"

/* Runs the key's function now: not in interrupt context, no lock held. Unknown keys do nothing. */
void keyhandler_press(char key);
/* The same, soon, from any context. */
void keyhandler_press_later(char key);

#endif
