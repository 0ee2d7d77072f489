/* SPDX-License-Identifier: MIT */
/*
 * The options of xenstored, one row each: what getopt_long() takes, what --help says and the manual page xenstored(8)
 * (--man) are made of the same rows. main.c says what each does.
 */
#ifndef CMD_XENSTORED_OPTIONS_H
#define CMD_XENSTORED_OPTIONS_H

#include <getopt.h>
#include <stdio.h>

enum { OPTION_MAN = 256, OPTIONS_MAX = 40 };

/* Fills what getopt_long() wants; returns the short options. */
const char *options_fill(struct option list[OPTIONS_MAX]);
void options_usage(FILE *f);
void options_man(FILE *f);

#endif
