/* SPDX-License-Identifier: MIT */
/* What is to be done when a domain stops: see actions.h. */
#include "lib/domain/actions.h"

#include <stdio.h>
#include <string.h>

#include "lib/domain/domain.h"

static bool parse_name(const char *text, enum domain_action *a)
{
    for (enum domain_action i = ACTION_DESTROY; i <= ACTION_SOFT_RESET; i++) {
        if (!strcmp(domain_action_name(i), text)) {
            *a = i;
            return true;
        }
    }
    return false;
}

enum domain_action actions_for(const struct actions *a, unsigned int reason)
{
    switch (reason) {
    case DOMAIN_POWEROFF:
        return a->poweroff;
    case DOMAIN_REBOOT:
        return a->reboot;
    case DOMAIN_CRASH:
        return a->crash;
    case DOMAIN_WATCHDOG:
        return a->watchdog;
    case DOMAIN_SOFT_RESET:
        return a->soft_reset;
    default:
        return ACTION_DESTROY;
    }
}

void actions_format(const struct actions *a, char *text, size_t size)
{
    snprintf(text, size, "on_poweroff=%s\non_reboot=%s\non_crash=%s\non_watchdog=%s\non_soft_reset=%s\n",
             domain_action_name(a->poweroff), domain_action_name(a->reboot), domain_action_name(a->crash),
             domain_action_name(a->watchdog), domain_action_name(a->soft_reset));
}

bool actions_parse(const char *text, struct actions *a)
{
    *a = (struct actions){ .reboot = ACTION_RESTART, .soft_reset = ACTION_SOFT_RESET };
    while (*text) {
        struct {
            const char *key;
            enum domain_action *to;
        } rows[] = {
            { "on_poweroff", &a->poweroff }, { "on_reboot", &a->reboot },         { "on_crash", &a->crash },
            { "on_watchdog", &a->watchdog }, { "on_soft_reset", &a->soft_reset },
        };
        char key[24], value[24];
        bool known = false;
        int used = 0;

        if (sscanf(text, "%23[a-z_]=%23[a-z-]\n%n", key, value, &used) != 2 || !used) {
            return false;
        }
        for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            known |= !strcmp(rows[i].key, key) && parse_name(value, rows[i].to);
        }
        if (!known) {
            return false;
        }
        text += used;
    }
    return true;
}
