/* SPDX-License-Identifier: MIT */
/*
 * The record of a create or of a destroy in progress, in /run/xen/creating: what has to be undone, or done to
 * its end, when it fails or when its process is killed. One undo for all cases, so it is the one that is tested.
 *
 * journal_begin() locks the file for the life of the process; each acquisition is noted before or, where its
 * name is known only then, right after it happens; journal_end() forgets it all. A journal whose lock is free
 * belongs to a dead process: journal_recover() undoes it, and leaves it when the store cannot be reached. The
 * monitor does that when it sees such a file closed and when the store is there again, and each create at start.
 */
#ifndef LIB_DOMAIN_JOURNAL_H
#define LIB_DOMAIN_JOURNAL_H

#include <stdint.h>

#include "lib/base/err.h"

#define JOURNAL_FOLDER "/run/xen/creating"

struct ctrl;
struct disk_backing;
struct xs_handle;

struct journal {
    int fd;
    char path[64];
};

int journal_begin(struct err *e, struct journal *j, const char *name, const uint8_t uuid[16]);
/* Of a destroy, which has all that a create could have noted. -EEXIST: another process is at it. */
int journal_begin_destroy(struct journal *j, const char *name, const uint8_t uuid[16], uint32_t domid);
void journal_domain(struct journal *j, uint32_t domid);
void journal_disk(struct journal *j, unsigned int devid, const struct disk_backing *b);

/* The creation, or the destruction, is complete. */
void journal_end(struct journal *j);

/* Undoes what the journal says and removes it. */
void journal_undo(struct journal *j, struct ctrl *c, struct xs_handle *s);

/* Undoes the journals of dead processes. Returns how many there are still: of living processes, of one that is just
 * dying (its file is closed a moment before its lock goes), or waiting for the store. */
unsigned int journal_recover(struct ctrl *c, struct xs_handle *s);

#endif
