/* SPDX-License-Identifier: MIT */
/*
 * A domain's memory and vcpus in a file: the ELF form that crash(8) and gdb's Xen support read, with a note
 * that names the format and one section each for vcpu contexts, shared info, the guest-to-machine table and
 * the pages themselves.
 */
#ifndef LIB_DOMAIN_CORE_H
#define LIB_DOMAIN_CORE_H

#include <stdint.h>

#include "lib/base/err.h"

struct ctrl;

/* The domain is paused while it is written. */
int core_dump(struct err *e, struct ctrl *c, uint32_t domid, const char *path);

/* What core_dump() needs of an architecture: the guest's table of machine frames, one for each guest frame,
 * ~0 for none. */
int core_read_p2m(struct err *e, struct ctrl *c, uint32_t domid, uint64_t **p2m, uint64_t *count);

/* Bytes of a vcpu context as the hypervisor gives it. */
unsigned int core_context_size(void);

#endif
