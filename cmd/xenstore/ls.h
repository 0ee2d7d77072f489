/* SPDX-License-Identifier: MIT */
/* The listing of xenstore-ls: a whole tree, a directory's names and values fetched together. */
#ifndef CMD_XENSTORE_LS_H
#define CMD_XENSTORE_LS_H

#include <stdbool.h>

struct xs_handle;

struct ls_options {
    bool full_path, perms;
    int width; /* of the terminal; 0: nothing is cut off */
};

/* 0, or errno when the first directory cannot be listed. */
int ls_tree(struct xs_handle *h, const char *path, const struct ls_options *options);
/* "n0,r5" */
char *ls_perms(struct xs_handle *h, const char *path, const char *between);

#endif
