/* SPDX-License-Identifier: MIT */
/* The guest type of a configuration that names none: see domain_type.h. */
#include "lib/conf/domain_type.h"

const enum domain_type domain_type_default = DOMAIN_PV;
const bool domain_has_vuart = false;
