/* SPDX-License-Identifier: MIT */
/* Registers of an Arm virtual CPU; memory is not read. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/xenctx/xenctx.h"

int vcpu_show(struct err *e, const struct view *v, unsigned int vcpu)
{
    struct vcpu_guest_context c;
    int rc = ctrl_vcpu_context_get(v->ctrl, v->info.domain, vcpu, &c, sizeof(c));
    if (rc < 0) {
        return err_set(e, rc, "no registers of vcpu %u: %s", vcpu, strerror(-rc));
    }
    /* The structure begins with the sixteen or thirty-one general registers, each 64 bits wide. */
    const struct vcpu_guest_core_regs *u = &c.user_regs;
    uint64_t x[31];
    memcpy(x, u, sizeof(x));
    printf("pc:   %016" PRIx64 "   cpsr: %08" PRIx64 "\n", (uint64_t)u->pc64, (uint64_t)u->cpsr);
    for (unsigned int i = 0; i < 31; i++) {
        printf("x%-2u:  %016" PRIx64 "%s", i, x[i], i % 3 == 2 || i == 30 ? "\n" : "   ");
    }
    printf("sctlr: %016" PRIx64 "   ttbr0: %016" PRIx64 "   ttbr1: %016" PRIx64 "\n", (uint64_t)c.sctlr,
           (uint64_t)c.ttbr0, (uint64_t)c.ttbr1);
    return 0;
}
