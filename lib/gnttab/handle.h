/* SPDX-License-Identifier: MIT */
/*
 * What gnttab.c and gntshr.c share: a descriptor of /dev/xen/gntdev or /dev/xen/gntalloc. Private to this
 * folder.
 */
#ifndef LIB_GNTTAB_HANDLE_H
#define LIB_GNTTAB_HANDLE_H

#define GNTDEV_PAGE 4096UL
/* More grants in one mapping than any kernel allows. */
#define GNTDEV_COUNT_MAX (1u << 20)

struct xengntdev_handle {
    int fd;
};

struct xengntdev_handle *gntdev_open(const char *path);
int gntdev_close(struct xengntdev_handle *h);

#endif
