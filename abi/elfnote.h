/* SPDX-License-Identifier: MIT */
/* The public <xen/elfnote.h>; only abi/ includes the headers of libxen-dev. */
#ifndef ABI_ELFNOTE_H
#define ABI_ELFNOTE_H

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/elfnote.h>

#endif
