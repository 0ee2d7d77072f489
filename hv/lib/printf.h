/* SPDX-License-Identifier: MIT */
/*
 * Formatting without allocation: the standard conversions d i u x X p s c % with l ll z h, width,
 * precision, 0, - and #; plus %pd for a struct domain (d0), %pv for a struct vcpu (d0v1) and %ps for a
 * hypervisor symbol (function+0xoff). No floating point.
 *
 * Returns the length the whole text would have, as snprintf does; always terminates when size > 0.
 */
#ifndef HV_LIB_PRINTF_H
#define HV_LIB_PRINTF_H

#include <stdarg.h>

#include "hv/lib/types.h"

int format_string(char *buf, size_t size, const char *fmt, ...) PRINTF_LIKE(3, 4);
int format_string_va(char *buf, size_t size, const char *fmt, va_list args);

/* Appends a name for *p to buf; set by the layers that know the types behind %pd, %pv and %ps. */
typedef int (*printf_pointer_fn)(char *buf, size_t size, const void *p);
void printf_set_pointer_format(char letter, printf_pointer_fn fn);

#endif
