/* SPDX-License-Identifier: MIT */
/*
 * What the daemon needs of the hypervisor and the kernel's device nodes, as a table of functions: hw_xen.c is the
 * real one, tests and fuzzers bring their own.
 */
#ifndef CMD_XENSTORED_HW_H
#define CMD_XENSTORED_HW_H

#include <stdint.h>

struct xenstore_domain_interface;

enum hw_state {
    HW_GONE,     /* or dying */
    HW_ALIVE,
    HW_SHUT_DOWN,
};

struct hw_domain {
    uint16_t domid;
    enum hw_state state;
};

struct hw {
    /* The ring page of a domain; NULL when it cannot be had. */
    struct xenstore_domain_interface *(*map)(uint16_t domid, uint64_t frame);
    void (*unmap)(uint16_t domid, struct xenstore_domain_interface *page);
    /* Our own domain's page and the port its kernel made; NULL: there is none. */
    struct xenstore_domain_interface *(*map_own)(uint32_t *port);
    /* A port of ours joined to the domain's, or -1. */
    int (*bind)(uint16_t domid, uint32_t remote_port);
    void (*unbind)(uint32_t port);
    void (*notify)(uint32_t port);
    /* Domains from `first` on, in order; returns how many, less than max at the end, or -1. */
    int (*domains)(uint16_t first, struct hw_domain *list, unsigned int max);
};

extern const struct hw *hw;

#endif
