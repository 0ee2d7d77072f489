/* SPDX-License-Identifier: MIT */
/* Names of the hypervisor's own functions, from the table that scripts/symbols.py links in. */
#ifndef HV_BASE_SYMBOLS_H
#define HV_BASE_SYMBOLS_H

#include "hv/lib/types.h"

/* Writes name+offset, or the number of an address outside our text; the form of printf's %ps. */
int symbols_format(char *buf, size_t size, const void *address);

#endif
