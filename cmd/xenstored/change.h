/* SPDX-License-Identifier: MIT */
/*
 * Changes of the store: through the log, and told to watches. change_set() and change_remove() are one change that
 * is whole after a crash; the change_apply_ functions are the parts of one whose log is already committed.
 */
#ifndef CMD_XENSTORED_CHANGE_H
#define CMD_XENSTORED_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/xenstored/perm.h"

struct change {
    const char *path;
    size_t length;
    uint32_t node, parent;    /* in and out; both 0: not known. Only the parent: the node is not there */
    const struct perm *perms; /* NULL: as they are */
    unsigned int perm_count;
    const char *value;        /* NULL: as it is, or empty */
    size_t value_length;
};

/* 0, -ENOMEM, -ENOENT (no parent). Watches are not told. */
int change_set(struct change *c);
/* Watches are told, of this node and of those below. */
int change_remove(struct change *c);
void change_apply_set(struct change *c, bool tell);
void change_apply_remove(struct change *c);
/* Tells watches. old: permissions before, when they changed, or NULL. */
void change_tell(const char *path, size_t length, uint32_t n, const struct perm *old, unsigned int old_count);
/* A node that is about to go with its owner: watches are told. */
void change_tell_removal(uint32_t n);
/* "@introduceDomain", "@releaseDomain". */
void change_tell_special(const char *name);

#endif
