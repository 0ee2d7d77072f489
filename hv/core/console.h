/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's console shared with dom0: bytes typed on it go to dom0 or to the debug keys,
 * and what other domains write comes out as lines with their name.
 *
 * Ctrl- with the switch letter, typed three times, moves the input from one side to the other.
 */
#ifndef HV_CORE_CONSOLE_H
#define HV_CORE_CONSOLE_H

#include "hv/core/domain.h"

/* The letter of the switch (conswitch=), 0 for no switch. Ctrl-A when never called. */
void console_set_switch(char letter);
/* From here on input is taken; dom0 gets it once it exists. */
void console_init(void);
void console_domain_exit(struct domain *d);

/* Takes up to size bytes of what was typed for dom0. */
size_t console_read(char *buf, size_t size);
/* Text of a domain that does not own the console: printed by lines, as far as guest_loglvl
 * allows. */
void console_write_guest(struct domain *d, const char *text, size_t size);

#endif
