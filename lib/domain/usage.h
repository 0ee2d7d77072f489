/* SPDX-License-Identifier: MIT */
/*
 * What domains have used: network bytes and disk requests of their backends in this domain's kernel, read
 * from /proc and /sys. CPU time and memory are in struct domain_info.
 */
#ifndef LIB_DOMAIN_USAGE_H
#define LIB_DOMAIN_USAGE_H

#include <stdint.h>

struct usage {
    uint32_t domid;
    unsigned int nics, disks;
    uint64_t sent, received; /* bytes, as the guest sees them */
    uint64_t overflows, reads, writes, sectors_read, sectors_written;
};

/* Sums for each domain of list[], whose domid is filled in; the rest is set here. One pass over all backends.
 */
void usage_read(struct usage *list, unsigned int count);

#endif
