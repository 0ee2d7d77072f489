/* SPDX-License-Identifier: MIT */
/* The table of options: see options.h. They are those of Debian's xenstored; what has no meaning here is accepted. */
#include "cmd/xenstored/options.h"

#include <string.h>

#include "lib/base/roff.h"

enum group { GENERAL, LIMITS, WITHOUT_EFFECT };

static const struct row {
    int letter;
    const char *name, *argument; /* "[...]": it may be left out */
    enum group group;
    const char *help;
} rows[] = {
    { 'D', "no-domain-init", NULL, GENERAL, "serve the socket only: no rings, no hypervisor" },
    { 'F', "pid-file", "<file>", GENERAL, "write the process number there" },
    { 'N', "no-fork", NULL, GENERAL, "stay in the foreground, warnings go to stderr" },
    { 'P', "output-pid", NULL, GENERAL, "print the process number" },
    { 'T', "trace-file", "<file>", GENERAL, "write requests, answers and events there" },
    { 'K', "keep-orphans", NULL, GENERAL, "keep the nodes of domains that died" },
    { 'V', "verbose", NULL, GENERAL, "as -T /dev/stderr in the foreground" },
    { 'H', "help", NULL, GENERAL, "print the options" },
    { OPTION_MAN, "man", NULL, GENERAL, "print the manual page" },
    { 'E', "entry-nb", "<n>", LIMITS, "nodes" },
    { 'S', "entry-size", "<n>", LIMITS, "bytes of a value" },
    { 'W', "watch-nb", "<n>", LIMITS, "watches" },
    { 't', "transaction", "<n>", LIMITS, "open transactions" },
    { 'A', "perm-nb", "<n>", LIMITS, "entries of a node's permissions" },
    { 'M', "path-max", "<n>", LIMITS, "length of a path" },
    { 'Q', "quota", "<what>=<n>", LIMITS, "transaction-nodes, memory, outstanding, or any name above" },
    { 'q', "quota-soft", "memory=<n>", LIMITS, "warn above" },
    { 'I', "internal-db", "[on|off]", WITHOUT_EFFECT, "" },
    { 'R', "no-recovery", NULL, WITHOUT_EFFECT, "" },
    { 'w', "timeout", "<what>=<n>", WITHOUT_EFFECT, "" },
    { 'p', "priv-domid", "<n>", WITHOUT_EFFECT, "" },
    { 'U', "live-update", NULL, WITHOUT_EFFECT, "" },
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };
_Static_assert(sizeof(rows) / sizeof(rows[0]) < (size_t)OPTIONS_MAX, "the list needs room for its end");

const char *options_fill(struct option list[OPTIONS_MAX])
{
    static char letters[3 * ROWS + 1];
    char *at = letters;

    memset(list, 0, OPTIONS_MAX * sizeof(*list));
    for (unsigned int i = 0; i < ROWS; i++) {
        const struct row *r = &rows[i];
        int has = r->argument == NULL ? no_argument : *r->argument == '[' ? optional_argument : required_argument;
        list[i] = (struct option){ r->name, has, NULL, r->letter };
        if (r->letter < OPTION_MAN) {
            *at++ = (char)r->letter;
            at += strlen(strcpy(at, has == no_argument ? "" : has == required_argument ? ":" : "::"));
        }
    }
    return letters;
}

/* "-D, --no-domain-init", or "--man" alone, after as many spaces as `indent` says. */
static void option_names(const struct row *r, const char *indent, char *out, size_t size)
{
    if (r->letter < OPTION_MAN) {
        snprintf(out, size, "-%c, --%s", r->letter, r->name);
    } else {
        snprintf(out, size, "%s--%s", indent, r->name);
    }
}

static void usage_group(FILE *f, enum group group)
{
    for (unsigned int i = 0; i < ROWS; i++) {
        const struct row *r = &rows[i];
        char names[32], synopsis[64];
        if (r->group == group) {
            option_names(r, "    ", names, sizeof(names));
            snprintf(synopsis, sizeof(synopsis), "%s %s", names, r->argument ? r->argument : "");
            fprintf(f, "  %-26s %s\n", synopsis, r->help);
        }
    }
}

static void ignored(FILE *f, void (*put)(FILE *f, const char *text))
{
    const char *comma = "";

    for (unsigned int i = 0; i < ROWS; i++) {
        if (rows[i].group == WITHOUT_EFFECT) {
            char text[8];
            snprintf(text, sizeof(text), "-%c", rows[i].letter);
            fputs(comma, f);
            put(f, text);
            comma = ", ";
        }
    }
    fputs(".\n", f);
}

static void plain(FILE *f, const char *text)
{
    fputs(text, f);
}

void options_usage(FILE *f)
{
    fputs("Usage: xenstored [options]\n", f);
    usage_group(f, GENERAL);
    fputs("Limits of each domain:\n", f);
    usage_group(f, LIMITS);
    fputs("Accepted without effect: ", f);
    ignored(f, plain);
}

static void man_group(FILE *f, enum group group)
{
    for (unsigned int i = 0; i < ROWS; i++) {
        const struct row *r = &rows[i];
        char names[32];
        if (r->group == group) {
            option_names(r, "", names, sizeof(names));
            roff_item(f, names, r->argument, r->help);
        }
    }
}

void options_man(FILE *f)
{
    roff_title(f, "xenstored", 8, "the store that dom0 and guests share");
    fputs(".SH SYNOPSIS\n.B xenstored\n[options]\n", f);
    roff_section(f, "DESCRIPTION");
    roff_line(f, "Keeps a tree of nodes with values, permissions and watches, for guests over shared rings and for "
                 "dom0 over a socket. What it keeps lies in one file of the run directory: a daemon that is killed at "
                 "any moment and started again goes on with the same nodes, domains and watches of domains.");
    roff_section(f, "OPTIONS");
    man_group(f, GENERAL);
    roff_section(f, "LIMITS OF EACH DOMAIN");
    man_group(f, LIMITS);
    roff_section(f, "OPTIONS WITHOUT EFFECT");
    roff_line(f, "They are accepted, for init scripts of other daemons of this name:");
    ignored(f, roff_text);
    roff_section(f, "ENVIRONMENT");
    roff_item(f, "XENSTORED_RUNDIR", NULL, "the run directory; /run/xenstored when not set");
    roff_item(f, "XENSTORED_PATH", NULL, "the socket; \"socket\" in the run directory when not set");
    roff_item(f, "NOTIFY_SOCKET", NULL, "is told when clients are answered");
    roff_section(f, "SIGNALS");
    roff_item(f, "SIGHUP", NULL, "opens the trace file again");
    roff_item(f, "SIGTERM", NULL, "ends it; a next one goes on from the state file");
    roff_section(f, "FILES");
    roff_item(f, "/run/xenstored/socket", NULL, "where clients of dom0 connect");
    roff_item(f, "/run/xenstored/state", NULL, "the store");
    roff_section(f, "SEE ALSO");
    roff_see_also(f, "xl", 1);
}
