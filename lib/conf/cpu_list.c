/* SPDX-License-Identifier: MIT */
/* Lists of CPUs: see spec.h. Parsing needs no machine; cpu_list_fill() applies a list to one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conf/field.h"
#include "lib/conf/spec.h"

#define NUMBER_MAX 65535u
#define RANGES_MAX 4096u

static bool skip_word(const char **at, const char *end, const char *word)
{
    size_t size = strlen(word);

    if ((size_t)(end - *at) < size || memcmp(*at, word, size) != 0) {
        return false;
    }
    *at += size;
    return true;
}

static bool parse_range(const char *at, const char *end, struct cpu_range *r)
{
    uint64_t first, last;

    *r = (struct cpu_range){ .exclude = skip_word(&at, end, "^") };
    r->node = skip_word(&at, end, "nodes:") || skip_word(&at, end, "node:");
    if (!r->node && !r->exclude) {
        r->exclude = skip_word(&at, end, "^");
    }
    if (skip_word(&at, end, "all")) {
        r->last = CPU_LAST;
        return at == end;
    }
    if (!field_digits(&at, end, NUMBER_MAX, &first)) {
        return false;
    }
    last = first;
    if (skip_word(&at, end, "-") && !field_digits(&at, end, NUMBER_MAX, &last)) {
        return false;
    }
    r->first = (unsigned int)first;
    r->last = (unsigned int)last;
    return at == end && first <= last;
}

int cpu_list_parse(struct err *e, const char *text, struct cpu_list *list)
{
    struct field f;

    *list = (struct cpu_list){ 0 };
    for (const char *at = text; field_next(&at, &f);) {
        struct cpu_range *ranges;

        if (f.size == 0 && at == NULL && list->count != 0) {
            break; /* a comma at the end */
        }
        if (list->count == RANGES_MAX) {
            return err_set(e, -E2BIG, "more than %u parts in a list of CPUs", RANGES_MAX);
        }
        ranges = realloc(list->ranges, (list->count + 1) * sizeof(*ranges));
        if (ranges == NULL) {
            return err_set(e, -ENOMEM, "out of memory");
        }
        list->ranges = ranges;
        if (!parse_range(f.start, f.start + f.size, &ranges[list->count])) {
            err_set(e, -EINVAL, "\"%.*s\" is no list of CPUs", (int)(f.size > 40 ? 40 : f.size), f.start);
            err_hint(e, "as 0-3,^1 or all,^0 or node:0");
            return -EINVAL;
        }
        list->count++;
    }
    return 0;
}

void cpu_list_free(struct cpu_list *list)
{
    free(list->ranges);
    *list = (struct cpu_list){ 0 };
}

/* Whether the range holds this CPU, by number or by its node. */
static bool range_has(const struct cpu_range *r, const unsigned int *node_of, unsigned int cpu)
{
    unsigned int n = !r->node ? cpu : node_of == NULL ? 0 : node_of[cpu];

    return n >= r->first && n <= r->last;
}

int cpu_list_fill(struct err *e, const struct cpu_list *list, const unsigned int *node_of, unsigned int cpus,
                  uint8_t *bitmap)
{
    unsigned int set = 0;

    memset(bitmap, 0, (cpus + 7) / 8);
    for (unsigned int i = 0; i < list->count; i++) {
        const struct cpu_range *r = &list->ranges[i];
        bool hit = false;

        for (unsigned int cpu = 0; cpu < cpus; cpu++) {
            if (range_has(r, node_of, cpu)) {
                uint8_t bit = (uint8_t)(1u << cpu % 8);

                hit = true;
                bitmap[cpu / 8] = r->exclude ? bitmap[cpu / 8] & (uint8_t)~bit : bitmap[cpu / 8] | bit;
            }
        }
        if (!hit && !r->exclude) {
            return err_set(e, -EINVAL, "this machine has no %s %u", r->node ? "node" : "CPU", r->first);
        }
    }
    for (unsigned int i = 0; i < (cpus + 7) / 8; i++) {
        set += (unsigned int)__builtin_popcount(bitmap[i]);
    }
    if (set == 0) {
        err_set(e, -EINVAL, "no CPU is left");
        err_hint(e, "to leave some out begin with all: all,^0");
        return -EINVAL;
    }
    return 0;
}

static bool bit_is_set(const uint8_t *bitmap, unsigned int cpu)
{
    return bitmap[cpu / 8] >> cpu % 8 & 1;
}

void cpu_list_format(const uint8_t *bitmap, unsigned int cpus, char *text, size_t size)
{
    unsigned int set = 0;
    size_t used = 0;

    for (unsigned int cpu = 0; cpu < cpus; cpu++) {
        set += bit_is_set(bitmap, cpu);
    }
    if (set == 0 || set == cpus) {
        snprintf(text, size, set == 0 ? "none" : "all");
        return;
    }
    for (unsigned int cpu = 0; cpu < cpus && used < size; cpu++) {
        unsigned int last = cpu;

        if (!bit_is_set(bitmap, cpu)) {
            continue;
        }
        while (last + 1 < cpus && bit_is_set(bitmap, last + 1)) {
            last++;
        }
        used += (size_t)snprintf(text + used, size - used, last == cpu ? "%s%u" : "%s%u-%u",
                                 used == 0 ? "" : ",", cpu, last);
        cpu = last;
    }
}
