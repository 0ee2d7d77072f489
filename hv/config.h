/* SPDX-License-Identifier: MIT */
/* What is chosen at build time. */
#ifndef HV_CONFIG_H
#define HV_CONFIG_H

#define PROXENOS_VERSION "0.1"

#endif
