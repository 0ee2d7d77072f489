/* SPDX-License-Identifier: MIT */
/*
 * What each domain uses and how much it may use. Counts follow the objects, so that after a restart they are
 * what the recovered objects say. A limit that is hit is written to the log with the domain and the limit, once a
 * minute at most for each of them, and counted for `xenstore-control quota`.
 */
#ifndef CMD_XENSTORED_ACCOUNT_H
#define CMD_XENSTORED_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ACCOUNT_DOMIDS 32768u

enum account_limit {
    LIMIT_NODES,
    LIMIT_ENTRY_SIZE,
    LIMIT_WATCHES,
    LIMIT_TRANSACTIONS,
    LIMIT_PERMS,
    LIMIT_PATH,
    LIMIT_TX_NODES,
    LIMIT_MEMORY,      /* bytes of messages waiting for the domain */
    LIMIT_MEMORY_SOFT, /* warns only */
    LIMIT_OUTSTANDING, /* messages waiting before no request is taken */
    LIMIT_COUNT,
};

struct account {
    uint32_t nodes;
    uint32_t perm_refs; /* entries but the first, of any node, that name the domain */
    uint32_t watches;
    uint32_t transactions;
    uint32_t waiting_bytes;
    uint32_t hits;      /* times any limit was hit */
};

struct account_setting {
    const char *name;
    uint32_t value;
};

extern struct account_setting account_limits[LIMIT_COUNT];

struct account *account_of(uint16_t domid);
/* Whether `used + more` passes the limit; says so in the log. Privileged callers are not asked. */
bool account_over(uint16_t domid, enum account_limit limit, uint64_t used_and_more);
/* Sets a limit by name; -1 when there is none of that name. */
int account_set(const char *name, uint32_t value);
void account_reset(void);

#endif
