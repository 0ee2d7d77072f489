/* SPDX-License-Identifier: MIT */
/*
 * Manual pages, written by the programs themselves from the tables they work by: roff_title(), then roff_section(),
 * roff_line() and roff_item() in the order of the page. Text is given as it is to be read.
 */
#ifndef LIB_BASE_ROFF_H
#define LIB_BASE_ROFF_H

#include <stdio.h>

/* "xl", 1, "manage the guests": the heading, and the section NAME. */
void roff_title(FILE *f, const char *name, int section, const char *summary);
void roff_section(FILE *f, const char *title);
void roff_text(FILE *f, const char *text);
/* A paragraph's line. */
void roff_line(FILE *f, const char *text);
/* A name, what follows it (or NULL), and what it is for; the full stop is added where it is missing. */
void roff_item(FILE *f, const char *name, const char *more, const char *help);
void roff_see_also(FILE *f, const char *name, int section);

#endif
