/* SPDX-License-Identifier: MIT */
/* xenconsoled: options (those of Debian's, and sizes of logs), going to the background, the daemon. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <syslog.h>
#include <unistd.h>

#include "cmd/xenconsoled/daemon.h"
#include "lib/base/file.h"

static const char usage_text[] =
    "usage: xenconsoled [options]\n"
    "  -i, --interactive              stay in the foreground\n"
    "  -v, --verbose                  say what happens\n"
    "  -V, --version\n"
    "      --log=none|guest|hv|all    what to log (default: none)\n"
    "      --log-dir=DIRECTORY        where (default: /var/log/xen/console)\n"
    "  -t, --timestamp=none|guest|hv|all   put the time before each line of these logs\n"
    "  -e, --replace-escape           escape characters become dots in guests' logs\n"
    "      --log-size=BYTES[K|M]      a log that is larger becomes NAME.1 (default: 64M, 0: never)\n"
    "      --log-keep=N               how many old ones are kept (default: 3)\n"
    "  -o, --overflow-data=discard|keep    when nobody reads: lose the oldest output, or stop the guest's\n"
    "      --pid-file=FILE\n"
    "SIGHUP opens the logs again.\n";

enum { OPT_LOG = 256, OPT_LOG_DIR, OPT_LOG_SIZE, OPT_LOG_KEEP, OPT_PID_FILE, OPT_HELP };

static const struct option long_options[] = {
    { "interactive", no_argument, NULL, 'i' },
    { "verbose", no_argument, NULL, 'v' },
    { "version", no_argument, NULL, 'V' },
    { "log", required_argument, NULL, OPT_LOG },
    { "log-dir", required_argument, NULL, OPT_LOG_DIR },
    { "timestamp", required_argument, NULL, 't' },
    { "replace-escape", no_argument, NULL, 'e' },
    { "log-size", required_argument, NULL, OPT_LOG_SIZE },
    { "log-keep", required_argument, NULL, OPT_LOG_KEEP },
    { "overflow-data", required_argument, NULL, 'o' },
    { "pid-file", required_argument, NULL, OPT_PID_FILE },
    { "help", no_argument, NULL, OPT_HELP },
    { 0 },
};

static void fail(const char *what, const char *value)
{
    fprintf(stderr, "xenconsoled: %s: %s\n%s", what, value, usage_text);
    exit(2);
}

/* none, guest, hv, all */
static void choose(const char *option, const char *value, bool *guest, bool *hypervisor)
{
    bool all = strcmp(value, "all") == 0;
    if (!all && strcmp(value, "none") != 0 && strcmp(value, "guest") != 0 && strcmp(value, "hv") != 0) {
        fail(option, value);
    }
    *guest = all || strcmp(value, "guest") == 0;
    *hypervisor = all || strcmp(value, "hv") == 0;
}

static uint64_t read_size(const char *option, const char *value)
{
    char *end;
    uint64_t size = strtoull(value, &end, 10);
    uint64_t unit = *end == 'K' ? 1024 : *end == 'M' ? 1024 * 1024 : 1;
    if (end == value || *(end + (unit > 1)) != '\0' || size > UINT64_MAX / unit) {
        fail(option, value);
    }
    return size * unit;
}

static void set_option(struct options *o, int option)
{
    switch (option) {
    case 'i':
        o->foreground = true;
        break;
    case 'v':
        o->verbose++;
        break;
    case 'e':
        o->guest_log.replace_escape = true;
        break;
    case 't':
        choose("--timestamp", optarg, &o->guest_log.timestamp, &o->hypervisor_log.timestamp);
        break;
    case 'o':
        if (strcmp(optarg, "keep") != 0 && strcmp(optarg, "discard") != 0) {
            fail("--overflow-data", optarg);
        }
        o->keep_overflow = strcmp(optarg, "keep") == 0;
        break;
    case OPT_LOG:
        choose("--log", optarg, &o->log_guests, &o->log_hypervisor);
        break;
    case OPT_LOG_DIR:
        o->log_dir = optarg;
        break;
    case OPT_LOG_SIZE:
        o->guest_log.max_size = o->hypervisor_log.max_size = read_size("--log-size", optarg);
        break;
    case OPT_LOG_KEEP:
        o->guest_log.keep = o->hypervisor_log.keep = (unsigned int)read_size("--log-keep", optarg);
        break;
    case OPT_PID_FILE:
        o->pid_file = optarg;
        break;
    case 'V':
        puts("xenconsoled (Proxenos)");
        exit(0);
    case OPT_HELP:
        fputs(usage_text, stdout);
        exit(0);
    default:
        fputs(usage_text, stderr);
        exit(2);
    }
}

static int fail_start(const struct err *e)
{
    fprintf(stderr, "xenconsoled: %s%s%s\n", e->text, e->hint[0] ? "; " : "", e->hint);
    return 1;
}

/* Three descriptors a guest. */
static void raise_limits(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv)
{
    static struct daemon daemon;
    struct options o = {
        .log_dir = "/var/log/xen/console",
        .pid_file = "/run/xenconsoled.pid",
        .guest_log = { .max_size = 64u << 20, .keep = 3 },
        .hypervisor_log = { .max_size = 64u << 20, .keep = 3 },
    };
    struct err e = { 0 };
    int option;
    while ((option = getopt_long(argc, argv, "ivVet:o:", long_options, NULL)) != -1) {
        set_option(&o, option);
    }
    if (optind < argc) {
        fail("unknown argument", argv[optind]);
    }
    raise_limits();
    openlog("xenconsoled", LOG_PID, LOG_DAEMON);
    int pid_fd = file_pid_take(&e, o.pid_file);
    int ready = -1;
    if (pid_fd < 0 || (!o.foreground && file_daemon_fork(&e, &ready) < 0) ||
        file_pid_write(&e, pid_fd, o.pid_file) < 0) {
        return fail_start(&e);
    }
    if (((o.log_guests || o.log_hypervisor) && file_make_dirs(&e, o.log_dir, 0755) < 0) ||
        daemon_open(&e, &daemon, &o) < 0) {
        return fail_start(&e);
    }
    if (ready >= 0) {
        file_daemon_ready(ready);
    }
    int rc = daemon_run(&daemon);
    daemon_close(&daemon);
    unlink(o.pid_file);
    return rc < 0;
}
