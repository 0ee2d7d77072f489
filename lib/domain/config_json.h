/* SPDX-License-Identifier: MIT */
/* A configuration as the JSON that toolstacks exchange and keep (libxl's form): `xl create -n`, `xl list -l`.
 * Pure. */
#ifndef LIB_DOMAIN_CONFIG_JSON_H
#define LIB_DOMAIN_CONFIG_JSON_H

struct domain_config;

/* For the caller to free; NULL when memory runs out. */
char *config_json(const struct domain_config *d);

#endif
