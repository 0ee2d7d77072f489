/* SPDX-License-Identifier: MIT */
/*
 * The guest's grant table, version 1 or 2: grant_init() sets it up and maps its frames. Entries
 * are then written directly through grant_v1()/grant_v2(). The operation wrappers return the
 * status of the one operation (GNTST_*), or the hypercall's own error when that failed as a
 * whole.
 */
#ifndef GUEST_LIBGUEST_GRANT_H
#define GUEST_LIBGUEST_GRANT_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/grant_table.h"
#include "abi/xen.h"

void grant_init(unsigned int version, unsigned int frames);
/* Of the kind of kernel: shows the table's frames, or the status frames, at these places of the image. */
bool grant_show_frames(char (*places)[4096], unsigned int count, bool status);
struct grant_entry_v1 *grant_v1(unsigned int ref);
union grant_entry_v2 *grant_v2(unsigned int ref);
uint16_t *grant_status(unsigned int ref);

/* Grants a frame to a domain (version 1 layout); revokes an entry whatever its version. */
void grant_access(unsigned int ref, unsigned int dom, unsigned long mfn, unsigned int flags);

long grant_map(unsigned int dom, unsigned int ref, uint64_t host_addr, unsigned int flags,
               uint32_t *handle);
long grant_unmap(uint64_t host_addr, uint32_t handle);
long grant_set_version(unsigned int version);

/* The id of this domain, learnt from an event channel bound to itself. */
unsigned int grant_own_domid(void);
#endif
