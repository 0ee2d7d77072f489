/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls through /dev/xen/privcmd, under the names and with the meaning of the public <xencall.h>.
 *
 * Calls return what the hypervisor returned when that is not negative, else -1 with errno set. Memory a
 * hypercall follows must come from xencall_alloc_buffer*(): it is resident, and the kernel does not move it
 * while a call uses it. A handle may be used by several threads; a few buffers are kept for reuse. Open with
 * logger NULL.
 */
#ifndef LIB_CALL_XENCALL_H
#define LIB_CALL_XENCALL_H

#include <stddef.h>
#include <stdint.h>

struct xentoollog_logger;
struct xencall_handle;

struct xencall_handle *xencall_open(struct xentoollog_logger *logger, unsigned int open_flags);
int xencall_close(struct xencall_handle *xcall);
/* The privcmd descriptor, close-on-exec. */
int xencall_fd(struct xencall_handle *xcall);

int xencall0(struct xencall_handle *xcall, unsigned int op);
int xencall1(struct xencall_handle *xcall, unsigned int op, uint64_t arg1);
int xencall2(struct xencall_handle *xcall, unsigned int op, uint64_t arg1, uint64_t arg2);
int xencall3(struct xencall_handle *xcall, unsigned int op, uint64_t arg1, uint64_t arg2, uint64_t arg3);
int xencall4(struct xencall_handle *xcall, unsigned int op, uint64_t arg1, uint64_t arg2, uint64_t arg3,
             uint64_t arg4);
int xencall5(struct xencall_handle *xcall, unsigned int op, uint64_t arg1, uint64_t arg2, uint64_t arg3,
             uint64_t arg4, uint64_t arg5);
/* For calls whose answer may be wider than an int. */
long xencall2L(struct xencall_handle *xcall, unsigned int op, uint64_t arg1, uint64_t arg2);

/* Zeroed memory for hypercalls; NULL and errno when there is none. */
void *xencall_alloc_buffer_pages(struct xencall_handle *xcall, size_t nr_pages);
void xencall_free_buffer_pages(struct xencall_handle *xcall, void *p, size_t nr_pages);
void *xencall_alloc_buffer(struct xencall_handle *xcall, size_t size);
void xencall_free_buffer(struct xencall_handle *xcall, void *p);
/* 1 when the kernel guarantees that a buffer never faults (memory of /dev/xen/hypercall), else 0. */
int xencall_buffers_never_fault(struct xencall_handle *xcall);

#endif
