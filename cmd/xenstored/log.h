/* SPDX-License-Identifier: MIT */
/*
 * The redo log: what is about to be done to the nodes, in the state file, so that kill -9 leaves all of it or
 * nothing. log_begin(), log_set() and log_remove() for each change, log_commit(): from here on a successor does it
 * if we do not; then the changes themselves, in the same order, and log_end(). Doing a change twice is harmless.
 */
#ifndef CMD_XENSTORED_LOG_H
#define CMD_XENSTORED_LOG_H

#include "cmd/xenstored/perm.h"

/* 0 or -ENOMEM. After arena and nodes are there. */
int log_init(void);
void log_begin(void);
/* All return false when there is no memory; log_end() is then the way out. */
bool log_set(const char *path, size_t length, const struct perm *perms, unsigned int perm_count, const void *value,
             size_t value_length);
bool log_remove(const char *path, size_t length);
/* Transaction `tx` of the connection whose record is block `conn` has been carried out. */
bool log_transaction(uint32_t conn, uint32_t tx);
void log_commit(void);
void log_end(void);
/* Does what a predecessor had decided; returns the number of changes. done(conn, tx) is for log_transaction(). */
unsigned int log_replay(void (*done)(uint32_t conn, uint32_t tx));

#endif
