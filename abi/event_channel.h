/* SPDX-License-Identifier: MIT */
/* The public <xen/event_channel.h>; only abi/ includes the headers of libxen-dev. */
#ifndef ABI_EVENT_CHANNEL_H
#define ABI_EVENT_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/event_channel.h>

#endif
