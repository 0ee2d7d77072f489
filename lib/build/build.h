/* SPDX-License-Identifier: MIT */
/*
 * The domain builder: a domain that was just created (ctrl_domain_create(), ctrl_domain_max_vcpus()) gets
 * memory, a kernel, a ramdisk, page tables and its first vcpu state, and is left paused.
 *
 *   build_kernel_open()   reads, unpacks (through the cache) and understands a kernel file
 *   build_pvh_domain()    what a domain that is to be a PVH guest, or one on Arm, is created with
 *   build_pv(), build_pvh() make a guest of it
 *   build_kernel_close()
 *
 * Files are not trusted: every offset in them is checked, sizes are bounded. After an error the domain is to
 * be destroyed by who created it; nothing else is left behind. No store, no devices: the result has what
 * those need.
 */
#ifndef LIB_BUILD_BUILD_H
#define LIB_BUILD_BUILD_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/ctrl/ctrl.h"

struct build_kernel;

/* How a kernel is entered, which decides what is looked for in its file. */
enum build_type {
    BUILD_PV,
    BUILD_PVH,
};

/* cache_dir: KERNEL_CACHE_DIR, or NULL to unpack each time. */
int build_kernel_open(struct err *e, const char *path, const char *cache_dir, enum build_type type,
                      struct build_kernel **kernel);
void build_kernel_close(struct build_kernel *kernel);

struct build_config {
    domid_t domid;
    const struct build_kernel *kernel;
    const char *ramdisk; /* path, or NULL */
    const char *cmdline; /* or NULL */
    uint64_t memory_kib;
    uint64_t maxmem_kib; /* at least memory_kib */
    unsigned int vcpus;  /* all, as created */
    bool claim;          /* reserve the memory first, to fail early */
    bool acpi;           /* PVH: with tables */
    uint64_t paging_kib; /* PVH: for the hypervisor's tables of the guest; 0: as much as its size needs */
    const struct xen_domctl_createdomain *made; /* as the hypervisor took it */
    bool vuart;          /* Arm: with an emulated UART, served by who serves the console */
    /* Who serves console and store; ports of the guest, or 0 to have them allocated. */
    domid_t console_domid, store_domid;
    evtchn_port_t console_port, store_port;
};

struct build_result {
    uint64_t pages;
    xen_pfn_t console_mfn, store_mfn; /* what the store's nodes and INTRODUCE want; PVH: guest frames */
    evtchn_port_t console_port, store_port;
    xen_pfn_t vuart_gfn; /* 0: it has none */
    evtchn_port_t vuart_port;
};

int build_pv(struct err *e, struct ctrl *c, const struct build_config *config, struct build_result *result);

/* hap: the hardware walks the guest's memory; else the hypervisor's shadow tables, if it has any. On Arm all guests are
 * of this kind, and none is without hap. */
void build_pvh_domain(struct xen_domctl_createdomain *make, bool hap, bool vuart);
int build_pvh(struct err *e, struct ctrl *c, const struct build_config *config, struct build_result *result);

#endif
