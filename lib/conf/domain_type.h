/* SPDX-License-Identifier: MIT */
/* What a configuration without type= means, and which keys mean something: the architectures differ. */
#ifndef LIB_CONF_DOMAIN_TYPE_H
#define LIB_CONF_DOMAIN_TYPE_H

#include "lib/conf/domain_config.h"

extern const enum domain_type domain_type_default;
extern const bool domain_has_vuart; /* vuart= means something */

#endif
