/* SPDX-License-Identifier: MIT */
/* Numbers in a command line; see string.h. The same on every architecture, as the other string functions are not. */
#include "guest/libguest/string.h"

static unsigned long parse_number(const char *s)
{
    unsigned long base = 10;
    unsigned long value = 0;

    if (s[0] == '0' && (s[1] | 0x20) == 'x') {
        base = 16;
        s += 2;
    }
    for (;; s++) {
        char c = *s | 0x20;
        unsigned long digit;

        if (*s >= '0' && *s <= '9') {
            digit = *s - '0';
        } else if (base == 16 && c >= 'a' && c <= 'f') {
            digit = c - 'a' + 10;
        } else {
            return value;
        }
        value = value * base + digit;
    }
}

unsigned long string_option(const char *line, const char *name, unsigned long otherwise)
{
    size_t n = strlen(name);
    const char *s = line;

    while ((s = strstr(s, name)) != NULL) {
        if ((s == line || s[-1] == ' ') && s[n] == '=') {
            return parse_number(s + n + 1);
        }
        s += n;
    }
    return otherwise;
}
