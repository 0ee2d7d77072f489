/* SPDX-License-Identifier: MIT */
/*
 * Control calls that only Arm has: width of a guest, caches, its emulated UART. Conventions are those of
 * lib/ctrl/ctrl.h. Include it from arm files only.
 */
#ifndef LIB_CTRL_ARM_H
#define LIB_CTRL_ARM_H

#include "lib/ctrl/ctrl.h"

/* 64 or 32 bits, before its vcpus get a context. */
int ctrl_guest_width_set(struct ctrl *c, domid_t domid, unsigned int bits);
/* What was written to guest frames through our caches is there for a guest whose own are off. */
int ctrl_cache_flush(struct ctrl *c, domid_t domid, xen_pfn_t first, uint64_t count);
/* A UART whose console ring is a frame of the guest's, served by `console`; *port is the guest's, for him to bind. */
int ctrl_vuart_init(struct ctrl *c, domid_t domid, domid_t console, xen_pfn_t gfn, evtchn_port_t *port);

#endif
