/* SPDX-License-Identifier: MIT */
/* The menu on a terminal: shows the entries, counts down, lets one be chosen. */
#ifndef CMD_PYGRUB_CHOOSE_H
#define CMD_PYGRUB_CHOOSE_H

#include "cmd/pygrub/menu.h"

/* The entry chosen, starting from `first`; -1 when the user gives up (q). */
int choose_entry(const struct menu *m, int first);

#endif
