/* SPDX-License-Identifier: MIT */
/*
 * xl: what its commands share.
 *
 * A command is one row of xl_commands (xl.c): name, function, usage, options; the options' rows also make `xl
 * help NAME`, so parser and help cannot differ. Each family of commands is one file. A command gets struct
 * xl, calls xl_options() until it returns -1, then works on argv[optind..]; it returns the exit code (0 or 1;
 * 2 for misuse). Where nothing is to be undone it may call xl_die(), which prints xl->err and exits with 1.
 * `--json` is accepted everywhere; a command that prints state looks at xl->json.
 */
#ifndef CMD_XL_XL_H
#define CMD_XL_XL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"

struct ctrl;
struct xs_handle;

struct xl;

struct xl_option {
    int letter;           /* what xl_options() returns; printed as -x when it is a character */
    const char *name;     /* long name, or NULL */
    const char *argument; /* its argument as the help names it, or NULL */
    const char *help;
};

struct xl_command {
    const char *name;
    int (*run)(struct xl *xl, int argc, char **argv);
    const char *synopsis;            /* what follows the name */
    const char *summary;             /* one line */
    const struct xl_option *options; /* ends with a row of zeros; may be NULL */
    const char *group;               /* heading in `xl help --long` */
    bool common;                     /* listed by plain `xl help` */
    int arguments;                   /* how many must follow the options */
};

struct xl {
    const struct xl_command *command;
    struct err err;
    int verbose;
    bool dry_run, force, json, timestamps;
    bool progress;           /* overwrite progress lines even off a terminal */
    struct ctrl *ctrl;       /* opened by xl_ctrl() */
    struct xs_handle *store; /* opened by xl_store() */
};

enum { XL_OPTION_JSON = 0x1000, XL_OPTION_LONG = 0x1001 }; /* options without a letter start above */

extern const struct xl_command xl_commands[];
extern const unsigned int xl_command_count;

/* Next option's letter, or -1 when options are done; prints usage and exits on -h, misuse and missing
 * arguments. */
int xl_options(struct xl *xl, int argc, char **argv);

/* Prints "xl: COMMAND: cause" and the hint to stderr and exits with 1. */
void xl_die(struct xl *xl) __attribute__((noreturn));
void xl_warn(struct xl *xl, const char *format, ...) __attribute__((format(printf, 2, 3)));
void xl_complain(struct xl *xl);

/* Exactly one command: an exact name or a unique beginning; NULL and *ambiguous otherwise. */
const struct xl_command *xl_find_command(const char *name, bool *ambiguous);
/* The command that a name which is none may have been meant for, or NULL. */
const char *xl_command_meant(const char *name);

struct ctrl *xl_ctrl(struct xl *xl);
struct xs_handle *xl_store(struct xl *xl);

/*
 * For who watches "@releaseDomain": until a domain was released. Of a dying domain's very end, when the last
 * who maps its memory lets go, the store says nothing: with `dying` this returns soon in any case. Dies if
 * xenstored went away.
 */
void xl_wait_release(struct xl *xl, bool dying);

/* A domain given by name or number; dies with the words scripts look for. */
uint32_t xl_domain(struct xl *xl, const char *text);

/* A number in the given range; dies otherwise. */
long xl_number(struct xl *xl, const char *what, const char *text, long least, long most);

void xl_print_help(bool everything);
int xl_main_help(struct xl *xl, int argc, char **argv);

#define XL_COMMAND(function) int function(struct xl *xl, int argc, char **argv)

/* list.c */
XL_COMMAND(xl_list);
XL_COMMAND(xl_vm_list);
XL_COMMAND(xl_domid);
XL_COMMAND(xl_domname);
XL_COMMAND(xl_uptime);
XL_COMMAND(xl_claims);
extern const struct xl_option xl_list_options[], xl_uptime_options[];
/* host.c */
XL_COMMAND(xl_info);
XL_COMMAND(xl_dmesg);
XL_COMMAND(xl_debug_keys);
XL_COMMAND(xl_set_parameters);
XL_COMMAND(xl_getenforce);
extern const struct xl_option xl_info_options[], xl_dmesg_options[];
/* vcpu.c */
XL_COMMAND(xl_vcpu_list);
XL_COMMAND(xl_vcpu_pin);
XL_COMMAND(xl_vcpu_set);
extern const struct xl_option xl_vcpu_pin_options[], xl_vcpu_set_options[];
/* sched.c */
XL_COMMAND(xl_sched_credit);
XL_COMMAND(xl_sched_credit2);
extern const struct xl_option xl_sched_credit_options[], xl_sched_credit2_options[];
/* cpupool.c */
XL_COMMAND(xl_cpupool_list);
XL_COMMAND(xl_cpupool_create);
XL_COMMAND(xl_cpupool_destroy);
XL_COMMAND(xl_cpupool_rename);
XL_COMMAND(xl_cpupool_cpu_add);
XL_COMMAND(xl_cpupool_cpu_remove);
XL_COMMAND(xl_cpupool_migrate);
extern const struct xl_option xl_cpupool_list_options[], xl_cpupool_create_options[];
/* control.c */
XL_COMMAND(xl_pause);
XL_COMMAND(xl_unpause);
XL_COMMAND(xl_destroy);
XL_COMMAND(xl_shutdown);
XL_COMMAND(xl_reboot);
XL_COMMAND(xl_rename);
XL_COMMAND(xl_trigger);
XL_COMMAND(xl_sysrq);
extern const struct xl_option xl_destroy_options[], xl_shutdown_options[], xl_reboot_options[];
/* memory.c */
XL_COMMAND(xl_mem_set);
XL_COMMAND(xl_mem_max);
/* create.c */
XL_COMMAND(xl_create);
XL_COMMAND(xl_config_update);
XL_COMMAND(xl_check);
extern const struct xl_option xl_create_options[], xl_config_update_options[], xl_check_options[];
/* console.c */
XL_COMMAND(xl_console);
XL_COMMAND(xl_console_list);
XL_COMMAND(xl_channel_list);
XL_COMMAND(xl_vncviewer);
extern const struct xl_option xl_console_options[], xl_vncviewer_options[];
/* block.c, network.c */
XL_COMMAND(xl_block_attach);
XL_COMMAND(xl_block_list);
XL_COMMAND(xl_block_detach);
XL_COMMAND(xl_network_attach);
XL_COMMAND(xl_network_list);
XL_COMMAND(xl_network_detach);
extern const struct xl_option xl_block_detach_options[];
/* monitor.c */
XL_COMMAND(xl_monitor);
XL_COMMAND(xl_devd);
extern const struct xl_option xl_monitor_options[], xl_devd_options[];
/* dump.c */
XL_COMMAND(xl_dump_core);
/* top.c */
XL_COMMAND(xl_top);
extern const struct xl_option xl_top_options[];
/* metrics.c */
XL_COMMAND(xl_metrics);

#endif
