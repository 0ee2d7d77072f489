/* SPDX-License-Identifier: MIT */
/*
 * xenctx: shows what a guest's virtual CPUs are doing. main.c reads the command line, x86/ and arm/ know
 * registers and page tables, symbols.c turns addresses into names (a System.map).
 */
#ifndef CMD_XENCTX_XENCTX_H
#define CMD_XENCTX_XENCTX_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/ctrl/ctrl.h"

struct symbols;

struct view {
    struct ctrl *ctrl;
    struct xen_domctl_getdomaininfo info;
    const struct symbols *symbols; /* or NULL */
    bool all_registers, stack_trace;
    unsigned int stack_lines;
};

/* Prints one virtual CPU. */
int vcpu_show(struct err *e, const struct view *v, unsigned int vcpu);

int symbols_load(struct err *e, const char *path, struct symbols **symbols);
void symbols_free(struct symbols *symbols);
/* The symbol at or below, and how far above it the address is; NULL when there is none near. */
const char *symbols_find(const struct symbols *symbols, uint64_t address, uint64_t *offset);

#endif
