/* SPDX-License-Identifier: MIT */
/*
 * The real hypervisor below: opens the device nodes, sets `hw`, and serves rings and dying domains from the loop.
 */
#ifndef CMD_XENSTORED_HW_XEN_H
#define CMD_XENSTORED_HW_XEN_H

#include "cmd/xenstored/hw.h"
#include "lib/base/err.h"

int hw_xen_open(struct err *e);

#endif
