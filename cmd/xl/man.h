/* SPDX-License-Identifier: MIT */
/* Manual pages out of the tables of commands and of configuration keys; see man.c. */
#ifndef CMD_XL_MAN_H
#define CMD_XL_MAN_H

/* Prints a page as roff: "xl", "xl.cfg" or "xl.conf". -ENOENT: there is no such page. */
int man_print(const char *page);
/* What a key is for; NULL when that is not written. The keys that are described; NULL behind the last. */
const char *man_key_help(const char *key);
const char *man_key_at(unsigned int index);
/* The same of a key of xl.conf(5), and how its value is written. */
const char *man_host_help(const char *key, const char **value);

#endif
