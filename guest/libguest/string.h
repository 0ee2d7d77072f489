/* SPDX-License-Identifier: MIT */
/*
 * The few string and memory functions the test kernels need; the mem* names are also what the
 * compiler calls by itself in freestanding code. libguest/string.c.
 */
#ifndef GUEST_LIBGUEST_STRING_H
#define GUEST_LIBGUEST_STRING_H

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t limit);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t limit);
const char *strstr(const char *s, const char *what);

/* Value of the word "name=NUMBER" in a command line (decimal or 0x...), or the default. */
unsigned long string_option(const char *line, const char *name, unsigned long otherwise);
#endif
