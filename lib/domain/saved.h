/* SPDX-License-Identifier: MIT */
/*
 * What is kept of a domain in /var/lib/xen/ for as long as it lives: the text of its configuration, from
 * which it is restarted, and the JSON that other toolstacks and `xl list -l` read. Names of files are
 * Debian's.
 */
#ifndef LIB_DOMAIN_SAVED_H
#define LIB_DOMAIN_SAVED_H

#include <stdint.h>

#include "lib/base/err.h"

#define SAVED_JSON    "libxl-json"
#define SAVED_TEXT    "xl"
#define SAVED_ACTIONS "xl-actions"

/* The file's text for the caller to free, or NULL. */
char *saved_read(struct err *e, uint32_t domid, const uint8_t uuid[16], const char *kind);
int saved_write(struct err *e, uint32_t domid, const uint8_t uuid[16], const char *kind, const char *text);

/* All files of the domain. */
void saved_remove(uint32_t domid, const uint8_t uuid[16]);

#endif
