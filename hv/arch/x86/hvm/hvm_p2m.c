/* SPDX-License-Identifier: MIT */
/*
 * Nested page tables: what core/p2m.c leaves to x86. A CPU's translations of a domain are dropped when it next
 * enters one of its vcpus and finds that p2m->generation has grown; who waits for that only has to make sure that
 * no CPU stays inside.
 */
#include <arch_p2m.h>

#include "hv/core/arch_guest.h"

uint64_t p2m_leaf_bits;
unsigned int p2m_leaf_level = 2;

/* An interrupt brings a CPU out of the guest, and one that reads or writes guest memory has interrupts off. */
void arch_p2m_flush(struct domain *d)
{
    struct cpumask cpus = { { 0 } };
    struct vcpu *v;

    domain_for_each_vcpu(d, v) {
        for (unsigned int i = 0; i < ARRAY_SIZE(cpus.bits); i++) {
            cpus.bits[i] |= READ_ONCE(v->dirty_cpus.bits[i]);
        }
    }
    cpumask_clear(&cpus, arch_cpu_id());
    arch_tlb_flush(&cpus, ARCH_FLUSH_ALL);
}
