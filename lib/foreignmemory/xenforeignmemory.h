/* SPDX-License-Identifier: MIT */
/*
 * Mapping another domain's memory, and hypervisor resources, through /dev/xen/privcmd, under the names and
 * with the meaning of the public <xenforeignmemory.h>.
 *
 * With err[] a page that cannot be mapped has err[i] = -E... and the rest is mapped; without it any failure
 * unmaps all and returns NULL. Closing the handle leaves mappings alone. Needs the rights over the domain
 * that the caller's domain has.
 */
#ifndef LIB_FOREIGNMEMORY_XENFOREIGNMEMORY_H
#define LIB_FOREIGNMEMORY_XENFOREIGNMEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "abi/memory.h"

struct xentoollog_logger;
struct xenforeignmemory_handle;
struct xenforeignmemory_resource_handle;

struct xenforeignmemory_handle *xenforeignmemory_open(struct xentoollog_logger *logger,
                                                      unsigned int open_flags);
int xenforeignmemory_close(struct xenforeignmemory_handle *fmem);

/*
 * Frames arr[0..pages) of `dom` (machine frames for a PV domain seen from its builder) at consecutive
 * addresses.
 */
void *xenforeignmemory_map(struct xenforeignmemory_handle *fmem, uint32_t dom, int prot, size_t pages,
                           const xen_pfn_t arr[], int err[]);
/* As above, at `addr` if the mmap `flags` say so. */
void *xenforeignmemory_map2(struct xenforeignmemory_handle *fmem, uint32_t dom, void *addr, int prot,
                            int flags, size_t pages, const xen_pfn_t arr[], int err[]);
int xenforeignmemory_unmap(struct xenforeignmemory_handle *fmem, void *addr, size_t pages);
int xenforeignmemory_restrict(struct xenforeignmemory_handle *fmem, domid_t domid);

/* `nr_frames` of a resource (XENMEM_resource_...) from `frame` on; *paddr in and out as for mmap(). */
struct xenforeignmemory_resource_handle *xenforeignmemory_map_resource(struct xenforeignmemory_handle *fmem,
                                                                       domid_t domid, unsigned int type,
                                                                       unsigned int id, unsigned long frame,
                                                                       unsigned long nr_frames, void **paddr,
                                                                       int prot, int flags);
int xenforeignmemory_unmap_resource(struct xenforeignmemory_handle *fmem,
                                    struct xenforeignmemory_resource_handle *fres);
/* Size in bytes of the whole resource. */
int xenforeignmemory_resource_size(struct xenforeignmemory_handle *fmem, domid_t domid, unsigned int type,
                                   unsigned int id, size_t *size);

#endif
