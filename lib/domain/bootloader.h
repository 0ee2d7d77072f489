/* SPDX-License-Identifier: MIT */
/*
 * Boot loaders outside the guest (bootloader = "pygrub"): a program is run on the guest's disk and says which
 * kernel, ramdisk and arguments to start it with. Programs have the options of Xen's pygrub:
 *
 *     PROGRAM --args=TEXT [ARGUMENT...] --output=FILE --output-format=simple0 --output-directory=DIR DISK
 *
 * The files it made are open and have no names any more when bootloader_run() returns, so that nothing is
 * left behind whatever happens next; the paths given out are those of the descriptors.
 */
#ifndef LIB_DOMAIN_BOOTLOADER_H
#define LIB_DOMAIN_BOOTLOADER_H

#include <stdbool.h>

#include "lib/base/err.h"

struct boot_files {
    char *kernel, *ramdisk; /* paths for this process; ramdisk may be NULL */
    char *cmdline;          /* or NULL */
    int kernel_fd, ramdisk_fd;
};

struct bootloader {
    const char *program;     /* "pygrub", or a path */
    const char *const *args; /* NULL-terminated, or NULL */
    const char *cmdline;     /* the configuration's, or NULL */
    const char *disk;        /* a block device or image file */
    bool interactive;        /* a terminal is there to show its menu on; else it has 2 minutes and no input */
};

/* Is there such a program on this host? */
bool bootloader_exists(const char *program);
int bootloader_run(struct err *e, const struct bootloader *b, struct boot_files *files);
void bootloader_free(struct boot_files *files);

#endif
