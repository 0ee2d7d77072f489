/* SPDX-License-Identifier: MIT */
/*
 * Grants through /dev/xen/gntdev (map what others granted) and /dev/xen/gntalloc (grant our own pages), under
 * the names and with the meaning of the public <xengnttab.h>.
 *
 * Mapping functions return NULL, the others -1, and set errno. Mappings must be given back by
 * xengnttab_unmap() with the count they were made with; a notification is carried out when they go, also when
 * the process dies.
 */
#ifndef LIB_GNTTAB_XENGNTTAB_H
#define LIB_GNTTAB_XENGNTTAB_H

#include <stdint.h>

#include "abi/event_channel.h"
#include "abi/grant_table.h"

struct xentoollog_logger;
struct xengntdev_handle;

struct xengntdev_handle *xengnttab_open(struct xentoollog_logger *logger, unsigned int open_flags);
int xengnttab_close(struct xengntdev_handle *xgt);
int xengnttab_fd(struct xengntdev_handle *xgt);

/* prot: PROT_READ, or PROT_READ | PROT_WRITE. */
void *xengnttab_map_grant_ref(struct xengntdev_handle *xgt, uint32_t domid, uint32_t ref, int prot);
void *xengnttab_map_grant_refs(struct xengntdev_handle *xgt, uint32_t count, uint32_t *domids, uint32_t *refs,
                               int prot);
void *xengnttab_map_domain_grant_refs(struct xengntdev_handle *xgt, uint32_t count, uint32_t domid,
                                      uint32_t *refs, int prot);
/* On unmap the byte at notify_offset is cleared (unless -1) and notify_port is sent to (unless -1). */
void *xengnttab_map_grant_ref_notify(struct xengntdev_handle *xgt, uint32_t domid, uint32_t ref, int prot,
                                     uint32_t notify_offset, evtchn_port_t notify_port);
int xengnttab_unmap(struct xengntdev_handle *xgt, void *start_address, uint32_t count);
/* Accepted and ignored by today's kernels. */
int xengnttab_set_max_grants(struct xengntdev_handle *xgt, uint32_t nr_grants);

struct xengnttab_grant_copy_segment {
    union xengnttab_copy_ptr {
        void *virt;
        struct {
            uint32_t ref;
            uint16_t offset;
            uint16_t domid;
        } foreign;
    } source, dest;
    uint16_t len;
    uint16_t flags; /* GNTCOPY_source_gref, GNTCOPY_dest_gref */
    int16_t status; /* out: GNTST_... */
};
/* 0 when the segments were tried; each has its own status. */
int xengnttab_grant_copy(struct xengntdev_handle *xgt, uint32_t count,
                         struct xengnttab_grant_copy_segment *segs);

struct xengntdev_handle *xengntshr_open(struct xentoollog_logger *logger, unsigned int open_flags);
int xengntshr_close(struct xengntdev_handle *xgs);
int xengntshr_fd(struct xengntdev_handle *xgs);
/* `count` zeroed pages that `domid` may map; refs[] gets one reference each. */
void *xengntshr_share_pages(struct xengntdev_handle *xgs, uint32_t domid, int count, uint32_t *refs,
                            int writable);
void *xengntshr_share_page_notify(struct xengntdev_handle *xgs, uint32_t domid, uint32_t *ref, int writable,
                                  uint32_t notify_offset, evtchn_port_t notify_port);
int xengntshr_unshare(struct xengntdev_handle *xgs, void *start_address, uint32_t count);

#endif
