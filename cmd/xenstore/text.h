/* SPDX-License-Identifier: MIT */
/*
 * Values as text: printable characters stand for themselves, backslash and tab, newline, return are escaped by name,
 * low bytes in octal, high ones in hexadecimal. text_plain() undoes it.
 */
#ifndef CMD_XENSTORE_TEXT_H
#define CMD_XENSTORE_TEXT_H

#include <stddef.h>

#include "lib/base/buf.h"

void text_escape(struct buf *out, const char *value, size_t length);
/* In place; returns the length. A backslash before anything else is dropped. */
size_t text_plain(char *text);

#endif
