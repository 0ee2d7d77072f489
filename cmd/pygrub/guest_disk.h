/* SPDX-License-Identifier: MIT */
/*
 * Files on a guest's disk. Partition tables and file systems (ext2 to ext4, XFS, Btrfs, FAT, ISO 9660 and
 * what else GRUB reads) are GRUB's, by its program grub-fstest, one process a file: nothing of a guest's file
 * system is parsed here. Paths are absolute and stay on this disk, since the device is put in front by us.
 */
#ifndef CMD_PYGRUB_GUEST_DISK_H
#define CMD_PYGRUB_GUEST_DISK_H

#include "lib/base/buf.h"
#include "lib/base/err.h"

#define DISK_PARTITIONS_MAX 128

struct guest_disk {
    const char *path;
    char partitions[DISK_PARTITIONS_MAX][32]; /* "loop0" for the whole, "loop0,gpt1" */
    unsigned int count;
};

int guest_disk_open(struct err *e, const char *path, struct guest_disk *d);
/* The file whole, at most `limit` bytes. -ENOENT when there is none. */
int guest_disk_read(struct err *e, const struct guest_disk *d, unsigned int partition, const char *path,
                    size_t limit, struct buf *out);
/* The same to a descriptor, behind what is there. */
int guest_disk_copy(struct err *e, const struct guest_disk *d, unsigned int partition, const char *path,
                    size_t limit, int fd);
/* Names in a directory, one a line. */
int guest_disk_list(struct err *e, const struct guest_disk *d, unsigned int partition, const char *path,
                    struct buf *out);

#endif
