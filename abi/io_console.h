/* SPDX-License-Identifier: MIT */
/*
 * The public <xen/io/console.h>, the shared page of a PV console; only abi/ includes the headers of
 * libxen-dev.
 */
#ifndef ABI_IO_CONSOLE_H
#define ABI_IO_CONSOLE_H

#include <stddef.h>
#include <stdint.h>

#include <xen/io/console.h>

#endif
