/* SPDX-License-Identifier: MIT */
/* The host's side of PV unit tests: memory at a fixed address, and executable memory. */
#include "hv/core/vcpu.h"
#include <stdlib.h>
#include <sys/mman.h>

void pv_world_map_host(unsigned long va, void *code);

void pv_world_map_host(unsigned long va, void *code)
{
    void *p = mmap((void *)va, 4096, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

    if (p != (void *)va || mprotect(code, 4096, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) {
        abort();
    }
}

/* core/vcpu.c is not part of this program; nothing here registers areas. */
void vcpu_areas_refresh(struct vcpu *v)
{
    (void)v;
}

/* There are no guests under hardware virtualisation here. */
long hvm_pod_target(unsigned int cmd, guest_ptr_t arg);

long hvm_pod_target(unsigned int cmd, guest_ptr_t arg)
{
    (void)cmd;
    (void)arg;
    return -EINVAL;
}
