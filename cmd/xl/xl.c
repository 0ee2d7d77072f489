/* SPDX-License-Identifier: MIT */
/*
 * What the commands of xl share: choice of the command, its options, help, and how errors are shown.
 *
 * The table of commands is in table.c. Exit codes: 0 done, 1 failed, 2 misuse.
 */
#include "cmd/xl/xl.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/xl/man.h"
#include "cmd/xl/output.h"
#include "lib/base/near.h"
#include "lib/ctrl/ctrl.h"
#include "lib/domain/domain.h"
#include "lib/store/xenstore.h"

enum { OPTIONS_MAX = 32, DYING_LOOK_MS = 50 };

static void print_stamp(const struct xl *xl)
{
    char text[32];
    time_t now = time(NULL);
    struct tm tm;

    if (xl->timestamps) {
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %Z", localtime_r(&now, &tm));
        fprintf(stderr, "%s: xl: [pid %d] ", text, (int)getpid());
    }
}

void xl_complain(struct xl *xl)
{
    fflush(stdout);
    print_stamp(xl);
    fprintf(stderr, "xl: %s%s%s\n", xl->command ? xl->command->name : "", xl->command ? ": " : "",
            xl->err.text);
    if (xl->err.hint[0]) {
        fprintf(stderr, "    %s\n", xl->err.hint);
    }
}

void xl_die(struct xl *xl)
{
    xl_complain(xl);
    exit(1);
}

void xl_warn(struct xl *xl, const char *format, ...)
{
    va_list args;

    fflush(stdout);
    print_stamp(xl);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

/* ---- choice of the command ---------------------------------------------------------------------- */

const struct xl_command *xl_find_command(const char *name, bool *ambiguous)
{
    const struct xl_command *found = NULL;
    size_t length = strlen(name);

    *ambiguous = false;
    for (unsigned int i = 0; i < xl_command_count; i++) {
        const struct xl_command *c = &xl_commands[i];

        if (!strcmp(c->name, name)) {
            *ambiguous = false;
            return c;
        }
        if (!strncmp(c->name, name, length)) {
            *ambiguous = found;
            found = c;
        }
    }
    return *ambiguous ? NULL : found;
}

const char *xl_command_meant(const char *name)
{
    struct near n;

    near_init(&n, name);
    for (unsigned int i = 0; i < xl_command_count; i++) {
        near_add(&n, xl_commands[i].name);
    }
    return n.word;
}

/* ---- help --------------------------------------------------------------------------------------- */

static void print_option(const struct xl_option *o)
{
    char names[80];
    bool letter = o->letter < XL_OPTION_JSON;

    snprintf(names, sizeof(names), "%c%c%s%s%s%s%s", letter ? '-' : ' ', letter ? o->letter : ' ',
             !o->name ? ""
             : letter ? ", --"
                      : "  --",
             o->name ? o->name : "", o->argument ? (o->name ? "=" : " ") : "", o->argument ? o->argument : "",
             "");
    printf("%-30s  %s\n", names, o->help);
}

static void print_command_help(const struct xl_command *c)
{
    printf("Usage: xl [-vfNtT] %s %s\n\n%s.\n\n", c->name, c->synopsis, c->summary);
    printf("Options:\n\n");
    for (const struct xl_option *o = c->options; o && o->letter; o++) {
        print_option(o);
    }
    printf("%-30s  %s\n", "    --json", "Print state as JSON.");
    printf("%-30s  %s\n", "-h, --help", "Print this help.");
}

void xl_print_help(bool everything)
{
    const char *group = "";

    printf("Usage xl [-vfNtT] <subcommand> [args]\n\nxl %s subcommands:\n\n",
           everything ? "full list of" : "common");
    for (unsigned int i = 0; i < xl_command_count; i++) {
        const struct xl_command *c = &xl_commands[i];

        if (everything && strcmp(group, c->group)) {
            group = c->group;
            printf("%s%s\n", i ? "\n" : "", group);
        }
        if (everything || c->common) {
            printf(" %-20s%s\n", c->name, c->summary);
        }
    }
    printf("\n%s'xl help <subcommand>' explains one.\n", everything ? "" : "'xl help' lists them all; ");
}

int xl_main_help(struct xl *xl, int argc, char **argv)
{
    const struct xl_command *c;
    bool ambiguous;

    if (argc < 2 || !strcmp(argv[1], "--long") || !strcmp(argv[1], "-l")) {
        xl_print_help(true);
        return 0;
    }
    if (!strncmp(argv[1], "--man=", 6)) {
        return man_print(argv[1] + 6) ? 1 : 0;
    }
    c = xl_find_command(argv[1], &ambiguous);
    if (!c) {
        fprintf(stderr, "xl: help: %s is %s\n", argv[1], ambiguous ? "ambiguous" : "not a subcommand");
        return 1;
    }
    print_command_help(c);
    return 0;
}

/* ---- options of a command ----------------------------------------------------------------------- */

static void misuse(const struct xl_command *c)
{
    fprintf(stderr, "Usage: xl %s %s\n'xl help %s' says more.\n", c->name, c->synopsis, c->name);
    exit(2);
}

/* The getopt tables of a command, made from its rows when the first option is asked for. */
static struct {
    const struct xl_command *command;
    char letters[2 * OPTIONS_MAX + 4];
    struct option names[OPTIONS_MAX + 3];
} parser;

static void prepare_parser(const struct xl_command *c)
{
    char *letter = parser.letters;
    struct option *name = parser.names;

    parser.command = c;
    for (const struct xl_option *o = c->options; o && o->letter; o++) {
        if (o->letter < XL_OPTION_JSON) {
            *letter++ = (char)o->letter;
            if (o->argument) {
                *letter++ = ':';
            }
        }
        if (o->name) {
            *name++ = (struct option){ o->name, o->argument ? required_argument : no_argument, NULL,
                                       o->letter };
        }
    }
    *letter++ = 'h';
    *letter = '\0';
    *name++ = (struct option){ "json", no_argument, NULL, XL_OPTION_JSON };
    *name++ = (struct option){ "help", no_argument, NULL, 'h' };
    *name = (struct option){ NULL, 0, NULL, 0 };
    /* 0, not 1: the order of xl's own options, which end at the command's name, is forgotten, so that a command's may
     * come after its arguments. */
    optind = 0;
}

int xl_options(struct xl *xl, int argc, char **argv)
{
    const struct xl_command *c = xl->command;
    int letter;

    if (parser.command != c) {
        prepare_parser(c);
    }
    do {
        letter = getopt_long(argc, argv, parser.letters, parser.names, NULL);
        xl->json |= letter == XL_OPTION_JSON;
    } while (letter == XL_OPTION_JSON);
    if (letter == 'h') {
        print_command_help(c);
        exit(0);
    }
    if (letter == '?') {
        misuse(c);
    }
    if (letter == -1 && argc - optind < c->arguments) {
        fprintf(stderr, "'xl %s' requires at least %d argument%s.\n\n", c->name, c->arguments,
                c->arguments > 1 ? "s" : "");
        misuse(c);
    }
    return letter;
}

/* ---- what commands ask for ---------------------------------------------------------------------- */

struct ctrl *xl_ctrl(struct xl *xl)
{
    if (!xl->ctrl) {
        if (ctrl_open(&xl->err, &xl->ctrl)) {
            xl_die(xl);
        }
    }
    return xl->ctrl;
}

struct xs_handle *xl_store(struct xl *xl)
{
    if (!xl->store) {
        xl->store = xs_open(STORE_OPEN_LASTING);
        if (!xl->store) {
            err_errno(&xl->err, "cannot reach xenstored");
            err_hint(&xl->err, "is xenstored running? (systemctl status xenstored)");
            xl_die(xl);
        }
    }
    return xl->store;
}

void xl_wait_release(struct xl *xl, bool dying)
{
    struct xs_handle *s = xl_store(xl);
    struct pollfd p = { .fd = xs_fileno(s), .events = POLLIN };
    char **event;
    int ready;

    do {
        ready = poll(&p, 1, dying ? DYING_LOOK_MS : -1);
    } while (ready < 0 && errno == EINTR);
    if (ready <= 0) {
        return;
    }
    event = xs_check_watch(s);
    if (!event && errno != EAGAIN) {
        err_errno(&xl->err, "xenstored went away");
        xl_die(xl);
    }
    free(event);
}

uint32_t xl_domain(struct xl *xl, const char *text)
{
    uint32_t domid;

    if (domain_find(&xl->err, xl_store(xl), text, &domid)) {
        xl_no_domain(text);
    }
    return domid;
}

long xl_number(struct xl *xl, const char *what, const char *text, long least, long most)
{
    char *end;
    long value;

    errno = 0;
    value = strtol(text, &end, 0);
    if (errno || end == text || *end || value < least || value > most) {
        err_set(&xl->err, -EINVAL, "%s '%s' is not a number from %ld to %ld", what, text, least, most);
        xl_die(xl);
    }
    return value;
}
