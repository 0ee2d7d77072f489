/* SPDX-License-Identifier: MIT */
/*
 * What the files of lib/ctrl share: the handle, and bounce buffers, which carry the caller's memory through a
 * hypercall. Private to this folder.
 *
 *     struct bounce b = BOUNCE(array, size, BOUNCE_IN | BOUNCE_OUT);
 *     int rc = bounce_begin(c, &b);
 *     if (rc == 0) { set_xen_guest_handle(op.u.x.buffer, b.p); rc = ctrl_domctl(c, &op); }
 *     bounce_end(c, &b, rc);
 */
#ifndef LIB_CTRL_INTERNAL_H
#define LIB_CTRL_INTERNAL_H

#include "lib/call/xencall.h"
#include "lib/ctrl/ctrl.h"

struct ctrl {
    struct xencall_handle *call;
    struct xenforeignmemory_handle *foreign;
    int cpu_ids, node_ids; /* 0 until asked for */
};

#define BOUNCE_IN  1
#define BOUNCE_OUT 2

struct bounce {
    void *user;
    size_t size;
    int direction;
    void *p; /* what the hypercall gets; NULL when user is NULL */
    size_t pages;
};

#define BOUNCE(pointer, bytes, dir)                                                                          \
    {                                                                                                        \
        .user = (void *)(uintptr_t)(pointer), .size = (bytes), .direction = (dir)                            \
    }

/* 0 or -E...; afterwards bounce_end() must be called, whatever this returned. */
int bounce_begin(struct ctrl *c, struct bounce *b);
/* Copies back unless rc is an error, and gives the buffer up. */
void bounce_end(struct ctrl *c, struct bounce *b, int rc);

/* A hypercall; -E... instead of -1. */
int ctrl_hypercall(struct ctrl *c, unsigned int op, uint64_t a, uint64_t b, uint64_t c3, uint64_t d);
/* One whose argument is a structure, copied in and back (also when it fails: some report there). */
int ctrl_hypercall_struct(struct ctrl *c, unsigned int op, unsigned int cmd, void *arg, size_t size);

/* A domctl without data, and one with bitmaps. */
int ctrl_domctl_plain(struct ctrl *c, uint32_t cmd, domid_t domid);

#endif
