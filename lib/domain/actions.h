/* SPDX-License-Identifier: MIT */
/* What is to be done when a domain stops, by reason; its text form is kept with the domain (saved.h). Pure.
 */
#ifndef LIB_DOMAIN_ACTIONS_H
#define LIB_DOMAIN_ACTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/conf/domain_config.h"

struct actions {
    enum domain_action poweroff, reboot, crash, watchdog, soft_reset;
};

/* The action for enum domain_stop. */
enum domain_action actions_for(const struct actions *a, unsigned int reason);

void actions_format(const struct actions *a, char *text, size_t size);

/* What a text lacks stays as xl.cfg(5)'s default; false when it is not of this form. */
bool actions_parse(const char *text, struct actions *a);

#endif
