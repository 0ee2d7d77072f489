/* SPDX-License-Identifier: MIT */
/* xl's start: global options, then the command. What commands share is in xl.c. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/xl/xl.h"

static void print_beginnings(const char *name)
{
    size_t length = strlen(name);

    for (unsigned int i = 0; i < xl_command_count; i++) {
        if (!strncmp(xl_commands[i].name, name, length)) {
            fprintf(stderr, " %s", xl_commands[i].name);
        }
    }
    fputc('\n', stderr);
}

static int run_command(struct xl *xl, int argc, char **argv)
{
    bool ambiguous;
    int code;

    xl->command = xl_find_command(argv[0], &ambiguous);
    if (!xl->command && ambiguous) {
        fprintf(stderr, "xl: %s may be any of:", argv[0]);
        print_beginnings(argv[0]);
        return 1;
    }
    if (!xl->command) {
        const char *meant = xl_command_meant(argv[0]);

        fprintf(stderr, "command not implemented\nxl: there is no subcommand %s%s%s%s ('xl help' lists them)\n",
                argv[0], meant ? ": did you mean " : "", meant ? meant : "", meant ? "?" : "");
        return 1;
    }
    code = xl->command->run(xl, argc, argv);
    if (fflush(stdout) || ferror(stdout)) {
        fprintf(stderr, "xl: cannot write the output: %s\n", strerror(errno));
        return 1;
    }
    return code;
}

int main(int argc, char **argv)
{
    static struct xl xl;
    int letter;

    while ((letter = getopt(argc, argv, "+vfNtTh")) != -1) {
        switch (letter) {
        case 'v':
            xl.verbose++;
            break;
        case 'f':
            xl.force = true;
            break;
        case 'N':
            xl.dry_run = true;
            break;
        case 't':
            xl.progress = true;
            break;
        case 'T':
            xl.timestamps = true;
            break;
        case 'h':
            xl_print_help(false);
            return 0;
        default:
            fprintf(stderr, "Usage: xl [-vfNtT] <subcommand> [args]\n");
            return 2;
        }
    }
    if (optind >= argc) {
        xl_print_help(false);
        return 1;
    }
    argc -= optind;
    argv += optind;
    optind = 1;
    return run_command(&xl, argc, argv);
}
