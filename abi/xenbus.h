/* SPDX-License-Identifier: MIT */
/* States of a device's two ends in xenstore. */
#ifndef ABI_XENBUS_H
#define ABI_XENBUS_H

#include <xen/io/xenbus.h>

#endif
