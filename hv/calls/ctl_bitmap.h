/* SPDX-License-Identifier: MIT */
/*
 * struct xenctl_bitmap, the bitmap of any length that control operations carry, from and to arrays of
 * unsigned long.
 *
 * Bits the caller did not give read as 0; bits beyond ours are written as 0.
 */
#ifndef HV_CALLS_CTL_BITMAP_H
#define HV_CALLS_CTL_BITMAP_H

#include "abi/domctl.h"
#include "hv/lib/types.h"

MUST_CHECK int ctl_bitmap_read(unsigned long *bits, unsigned int count,
                               const struct xenctl_bitmap *from);
MUST_CHECK int ctl_bitmap_write(const struct xenctl_bitmap *to, const unsigned long *bits,
                                unsigned int count);

#endif
