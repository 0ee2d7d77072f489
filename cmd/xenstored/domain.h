/* SPDX-License-Identifier: MIT */
/*
 * The domains that are connected. domain_introduce() and domain_release() are the requests of the tools;
 * domain_check() finds those that shut down or died, after the hypervisor's event. What a dead domain owned, and
 * its entries in permissions, are removed in steps between requests, and before the same number is introduced again.
 */
#ifndef CMD_XENSTORED_DOMAIN_H
#define CMD_XENSTORED_DOMAIN_H

#include <stdbool.h>
#include <stdint.h>

struct conn;

extern bool domain_keep_orphans;

/* Our own kernel's ring. False: there is none. */
bool domain_own(void);
/* 0 or -E.... Known already: the event channel is bound anew and the ring starts anew. */
int domain_introduce(uint16_t domid, uint64_t frame, uint32_t port);
int domain_release(uint16_t domid);
struct conn *domain_conn(uint16_t domid);
/* The domain may be told of again when it shuts down the next time. */
int domain_resume(uint16_t domid);
int domain_set_target(uint16_t domid, uint16_t target);
void domain_check(void);
/* A record of a predecessor: its connection, or NULL. */
struct conn *domain_adopt(uint32_t record);
/* The connection goes and its record stays: as after a crash; for tests. */
void domain_disconnect(struct conn *c);
/* True when there is more to sweep. */
bool domain_between(void);
unsigned int domain_count(void);

#endif
