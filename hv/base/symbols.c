/* SPDX-License-Identifier: MIT */
/* The table is sorted by address: offsets from the start of the text, and names in the same order. See symbols.h. */
#include "hv/base/symbols.h"

#include "hv/lib/printf.h"
#include "hv/lib/string.h"

extern const char text_begin[], text_end[];
extern const uint64_t symbol_count;
extern const uint32_t symbol_offsets[];
extern const char symbol_names[];

int symbols_format(char *buf, size_t size, const void *address)
{
    unsigned long a = (unsigned long)address;
    const char *name = symbol_names;
    uint64_t i = 0;

    if (a < (unsigned long)text_begin || a >= (unsigned long)text_end || symbol_count == 0) {
        return format_string(buf, size, "0x%lx", a);
    }
    a -= (unsigned long)text_begin;
    while (i + 1 < symbol_count && symbol_offsets[i + 1] <= a) {
        name += strlen(name) + 1;
        i++;
    }
    return format_string(buf, size, "%s+0x%lx", name, a - symbol_offsets[i]);
}
