/* SPDX-License-Identifier: MIT */
/* Who we say we are: the version of the ABI that Debian's tools look for, our own name
 * behind it. */
#ifndef HV_CORE_VERSION_H
#define HV_CORE_VERSION_H

#define VERSION_ABI_MAJOR 4U
#define VERSION_ABI_MINOR 17U
#define VERSION_EXTRA     ".0-proxenos"
#define VERSION_CHANGESET "proxenos-" PROXENOS_VERSION

/* Who compiled it, and when, would make two builds of one source differ. */
#define VERSION_COMPILER       "gcc " __VERSION__
#define VERSION_COMPILE_BY     "proxenos"
#define VERSION_COMPILE_DOMAIN "proxenos"
#define VERSION_COMPILE_DATE   "reproducible build"

#ifndef PROXENOS_VERSION
#define PROXENOS_VERSION "0.1"
#endif

/* The hypervisor's command line; set once at boot, never NULL. */
extern const char *version_command_line;

#endif
