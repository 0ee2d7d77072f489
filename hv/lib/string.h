/* SPDX-License-Identifier: MIT */
/* The few C library string functions the hypervisor uses, with their standard meaning. */
#ifndef HV_LIB_STRING_H
#define HV_LIB_STRING_H

#include "hv/lib/types.h"

void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int byte, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strstr(const char *haystack, const char *needle);
/* Copies at most size - 1 bytes and always terminates; returns false when it had to cut. */
bool string_copy(char *dst, const char *src, size_t size);
/* Parses an unsigned number (0x, 0 or decimal prefix); *end is the first byte not part of it. */
uint64_t string_to_u64(const char *s, const char **end);

#endif
