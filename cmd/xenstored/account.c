/* SPDX-License-Identifier: MIT */
/* Use and limits of each domain, in one table: untouched pages of it cost nothing. */
#include "cmd/xenstored/account.h"

#include <string.h>
#include <time.h>

#include "cmd/xenstored/trace.h"

struct account_setting account_limits[LIMIT_COUNT] = {
    [LIMIT_NODES] = { "nodes", 1000 },
    [LIMIT_ENTRY_SIZE] = { "entry-size", 2048 },
    [LIMIT_WATCHES] = { "watches", 128 },
    [LIMIT_TRANSACTIONS] = { "transactions", 10 },
    [LIMIT_PERMS] = { "permissions", 5 },
    [LIMIT_PATH] = { "path-length", 3072 },
    [LIMIT_TX_NODES] = { "transaction-nodes", 1024 },
    [LIMIT_MEMORY] = { "memory", 2 * 1024 * 1024 + 512 * 1024 },
    [LIMIT_MEMORY_SOFT] = { "memory-soft", 2 * 1024 * 1024 },
    [LIMIT_OUTSTANDING] = { "outstanding", 20 },
};

static struct account table[ACCOUNT_DOMIDS];
/* Domain numbers above the real ones can stand in permissions; nobody connects by them. */
static struct account nobody;

struct account *account_of(uint16_t domid)
{
    return domid < ACCOUNT_DOMIDS ? &table[domid] : &nobody;
}

bool account_over(uint16_t domid, enum account_limit limit, uint64_t used_and_more)
{
    static struct {
        time_t when;
        uint16_t domid;
    } last[LIMIT_COUNT];

    if (used_and_more <= account_limits[limit].value) {
        return false;
    }
    account_of(domid)->hits++;
    time_t now = time(NULL);
    if (last[limit].domid != domid || now - last[limit].when >= 60) {
        last[limit].domid = domid;
        last[limit].when = now;
        trace_warn("domain %u is at its limit of %u %s", domid, account_limits[limit].value,
                   account_limits[limit].name);
    }
    return true;
}

int account_set(const char *name, uint32_t value)
{
    for (unsigned int i = 0; i < LIMIT_COUNT; i++) {
        if (strcmp(account_limits[i].name, name) == 0) {
            account_limits[i].value = value;
            return 0;
        }
    }
    return -1;
}

void account_reset(void)
{
    memset(table, 0, sizeof(table));
    memset(&nobody, 0, sizeof(nobody));
}
