/* SPDX-License-Identifier: MIT */
/*
 * What Debian's libfdt expects of a C library and hv/lib does not have: two string functions, a number parser that
 * only overlays need, and a stack guard.
 */
#include "hv/base/printk.h"
#include "hv/lib/string.h"

#pragma GCC visibility push(default)

char *strrchr(const char *s, int c);
unsigned long strtoul(const char *s, char **end, int base);
NORETURN void __stack_chk_fail(void);

unsigned long __stack_chk_guard = 0x9e3779b97f4a7c15UL;

char *strrchr(const char *s, int c)
{
    const char *found = NULL;

    do {
        if (*s == (char)c) {
            found = s;
        }
    } while (*s++ != '\0');
    return (char *)(uintptr_t)found;
}

unsigned long strtoul(const char *s, char **end, int base)
{
    const char *stop;
    unsigned long value = string_to_u64(s, &stop);

    (void)base;
    if (end != NULL) {
        *end = (char *)(uintptr_t)stop;
    }
    return value;
}

void __stack_chk_fail(void)
{
    panic("libfdt overran its stack");
}
