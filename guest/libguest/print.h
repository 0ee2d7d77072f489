/* SPDX-License-Identifier: MIT */
/*
 * Formatted output to the guest's console. Conversions: %d %i %u %x %c %s %p %%, with l/ll/z, a
 * zero flag and a width. print_line formats into one buffer and writes it in one console call,
 * so that lines of several vcpus do not mix within a line.
 */
#ifndef GUEST_LIBGUEST_PRINT_H
#define GUEST_LIBGUEST_PRINT_H

#include <stdarg.h>
#include <stddef.h>

#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

size_t print_format(char *out, size_t size, const char *format, va_list args);
size_t print_to(char *out, size_t size, const char *format, ...) PRINTF_LIKE(3, 4);
void print(const char *format, ...) PRINTF_LIKE(1, 2);
#endif
