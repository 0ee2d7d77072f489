/* SPDX-License-Identifier: MIT */
/* Manual pages: see roff.h. */
#include "lib/base/roff.h"

#include <ctype.h>
#include <string.h>

/* Text in which roff finds no request, no escape and no hyphen of its own. */
void roff_text(FILE *f, const char *s)
{
    if (*s == '.' || *s == '\'') {
        fputs("\\&", f);
    }
    for (; *s; s++) {
        if (*s == '\\') {
            fputs("\\e", f);
        } else if (*s == '-') {
            fputs("\\-", f);
        } else {
            fputc(*s, f);
        }
    }
}

void roff_line(FILE *f, const char *s)
{
    roff_text(f, s);
    fputc('\n', f);
}

void roff_title(FILE *f, const char *name, int section, const char *summary)
{
    fputs(".TH ", f);
    for (const char *s = name; *s; s++) {
        fputc(toupper((unsigned char)*s), f);
    }
    fprintf(f, " %d \"\" Proxenos\n.SH NAME\n%s \\- ", section, name);
    roff_line(f, summary);
}

void roff_section(FILE *f, const char *title)
{
    fprintf(f, ".SH %s\n", title);
}

void roff_item(FILE *f, const char *name, const char *more, const char *help)
{
    fputs(".TP\n\\fB", f);
    roff_text(f, name);
    fputs("\\fR", f);
    if (more && *more) {
        fputc(' ', f);
        roff_text(f, more);
    }
    fputc('\n', f);
    roff_text(f, help);
    fputs(*help && help[strlen(help) - 1] == '.' ? "\n" : ".\n", f);
}

void roff_see_also(FILE *f, const char *name, int section)
{
    fprintf(f, ".BR %s (%d)\n", name, section);
}
