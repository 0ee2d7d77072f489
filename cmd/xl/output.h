/* SPDX-License-Identifier: MIT */
/*
 * JSON on stdout, and what several commands show of a domain, a pool, a scheduler.
 *
 * output_begin() prepares, the command writes values, output_end() prints them; when memory ran out it dies
 * instead of printing half a value.
 */
#ifndef CMD_XL_OUTPUT_H
#define CMD_XL_OUTPUT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/base/json.h"

struct domain_info;
struct xl;

void output_begin(struct json *j);
void output_end(struct xl *xl, struct json *j);

/* A domain as one object. */
void output_domain(struct json *j, const struct domain_info *d);

/* Scheduling of a domain; sched NULL: not known. */
struct output_sched {
    const char *sched;
    unsigned int weight, cap;
};

void xl_domain_sched(struct xl *xl, uint32_t domid, struct output_sched *sched);

/*
 * A saved configuration as a value inside another: its lines after the first are moved in, and scheduling,
 * which is saved only where it was asked for, is filled in. config NULL: what the domain itself says.
 */
void output_nested(FILE *f, const char *config, const struct domain_info *d, const struct output_sched *sched,
                   unsigned int indent);

const char *xl_sched_name(uint32_t sched);

/* The pool's name in the store, else its number. */
void xl_pool_name(struct xl *xl, uint32_t pool, char *text, size_t size);

/* A pool by name or number; dies when there is none. */
uint32_t xl_pool(struct xl *xl, const char *text);

/* "X is an invalid domain identifier", with the code that Debian's xl shows there (" (rc=-6)") or "". */
void xl_say_no_domain(const char *text, const char *code);
/* The same, and exit code 1. */
void xl_no_domain(const char *text) __attribute__((noreturn));

#endif
