/* SPDX-License-Identifier: MIT */
/*
 * Putting the daemon's parts together, for main() and for tests: the state file and all that is recovered from it.
 */
#ifndef CMD_XENSTORED_START_H
#define CMD_XENSTORED_START_H

#include <stdbool.h>

#include "lib/base/err.h"

/* path NULL: no file. After this requests can be served. */
int start_store(struct err *e, const char *path);
/* Rings of our own kernel and of all domains there were; socket clients after a live update. */
int start_domains(struct err *e, bool own);
/* What is done between rounds of the loop; true when there is more to do at once. */
bool start_between(void);
/* All of it gone again, connections included; for tests. */
void start_undo(void);

#endif
