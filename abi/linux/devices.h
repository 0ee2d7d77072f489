/* SPDX-License-Identifier: MIT */
/*
 * The ioctls of the kernel's device nodes /dev/xen/{privcmd,evtchn,gntdev,gntalloc}; for the toolstack only.
 */
#ifndef ABI_LINUX_DEVICES_H
#define ABI_LINUX_DEVICES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

/* The kernel's headers do not include what they use: this order. */
#include <xen/xen.h>

#include <xen/grant_table.h>

#include <xen/evtchn.h>
#include <xen/gntalloc.h>
#include <xen/gntdev.h>
#include <xen/privcmd.h>

#endif
