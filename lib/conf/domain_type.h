/* SPDX-License-Identifier: MIT */
/* What a configuration without type= means: the architectures differ. */
#ifndef LIB_CONF_DOMAIN_TYPE_H
#define LIB_CONF_DOMAIN_TYPE_H

#include "lib/conf/domain_config.h"

extern const enum domain_type domain_type_default;

#endif
