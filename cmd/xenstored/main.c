/* SPDX-License-Identifier: MIT */
/*
 * xenstored: options, files, going to the background. Options are those of Debian's xenstored (options.c), so that
 * its init script starts this one unchanged; what they tune and we do not have is accepted.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmd/xenstored/account.h"
#include "cmd/xenstored/arena.h"
#include "cmd/xenstored/domain.h"
#include "cmd/xenstored/hw_xen.h"
#include "cmd/xenstored/loop.h"
#include "cmd/xenstored/options.h"
#include "cmd/xenstored/socket.h"
#include "cmd/xenstored/start.h"
#include "cmd/xenstored/trace.h"
#include "cmd/xenstored/update.h"
#include "lib/base/file.h"

static struct {
    bool no_domains, foreground, print_pid;
    const char *pid_file, *trace_file;
} options;

static void limit(const char *name, const char *text)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (*text == '\0' || *end != '\0' || n > UINT32_MAX || account_set(name, n) != 0) {
        fprintf(stderr, "xenstored: %s=%s is not a limit I know\n", name, text);
        exit(1);
    }
}

static void limit_by_name(char *text, const char *suffix)
{
    char name[64];
    char *equals = strchr(text, '=');

    if (equals == NULL) {
        fprintf(stderr, "xenstored: limits are given as <what>=<number>\n");
        exit(1);
    }
    *equals = '\0';
    snprintf(name, sizeof(name), "%s%s", text, suffix);
    limit(name, equals + 1);
    *equals = '=';
}

static void one_option(int o)
{
    switch (o) {
    case 'D': options.no_domains = true; break;
    case 'F': options.pid_file = optarg; break;
    case 'N': options.foreground = true; break;
    case 'P': options.print_pid = true; break;
    case 'T': options.trace_file = optarg; break;
    case 'V': options.trace_file = options.trace_file != NULL ? options.trace_file : "/dev/stderr"; break;
    case 'K': domain_keep_orphans = true; break;
    case 'E': limit("nodes", optarg); break;
    case 'S': limit("entry-size", optarg); break;
    case 'W': limit("watches", optarg); break;
    case 't': limit("transactions", optarg); break;
    case 'A': limit("permissions", optarg); break;
    case 'M': limit("path-length", optarg); break;
    case 'Q': limit_by_name(optarg, ""); break;
    case 'q': limit_by_name(optarg, "-soft"); break;
    case 'H':
        options_usage(stdout);
        exit(0);
    case OPTION_MAN:
        options_man(stdout);
        exit(0);
    case 'I': case 'R': case 'w': case 'p': case 'U':
        break;
    default:
        options_usage(stderr);
        exit(1);
    }
}

static void signal_ready(struct loop_source *s, uint32_t events)
{
    struct signalfd_siginfo info;

    if (read(s->fd, &info, sizeof(info)) != sizeof(info)) {
        return;
    }
    if (info.ssi_signo == SIGHUP) {
        trace_reopen();
    } else {
        loop_stop();
    }
}

static int watch_signals(struct err *e)
{
    static struct loop_source source = { .ready = signal_ready };
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0 || loop_add(&source, fd, EPOLLIN) != 0) {
        return err_errno(e, "cannot wait for signals");
    }
    return 0;
}

/* Tells a service manager that listens on $NOTIFY_SOCKET. */
static void notify_ready(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    char text[64];

    if (path == NULL || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(a.sun_path)) {
        return;
    }
    strcpy(a.sun_path, path);
    a.sun_path[0] = path[0] == '@' ? '\0' : '/';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int length = snprintf(text, sizeof(text), "READY=1\nMAINPID=%ld\n", (long)getpid());
    if (fd >= 0) {
        sendto(fd, text, length, MSG_NOSIGNAL, (struct sockaddr *)&a,
               offsetof(struct sockaddr_un, sun_path) + strlen(path));
        close(fd);
    }
}

static const char *run_dir(void)
{
    const char *dir = getenv("XENSTORED_RUNDIR");
    return dir != NULL ? dir : "/run/xenstored";
}

/* Everything up to the point where clients are answered. */
static int start(struct err *e, int *pid_fd)
{
    static char state[512], listen_on[512];
    int rc = file_make_dirs(e, run_dir(), 0755);

    snprintf(state, sizeof(state), "%s/state", run_dir());
    const char *path = getenv("XENSTORED_PATH");
    snprintf(listen_on, sizeof(listen_on), "%s%s", path != NULL ? path : run_dir(), path != NULL ? "" : "/socket");
    rc = rc == 0 ? loop_init() : rc;
    rc = rc == 0 ? watch_signals(e) : rc;
    rc = rc == 0 ? start_store(e, state) : rc;
    if (rc != 0) {
        return rc;
    }
    struct arena_head *h = arena_head();
    bool updated = h->update != 0 && getpid() == (pid_t)h->update;
    h->update = updated;
    if (updated && h->pid_fd != 0) {
        *pid_fd = h->pid_fd - 1;
    } else if (options.pid_file != NULL) {
        *pid_fd = file_pid_take(e, options.pid_file);
        rc = *pid_fd < 0 ? *pid_fd : file_pid_write(e, *pid_fd, options.pid_file);
    }
    if (rc == 0 && !options.no_domains) {
        rc = hw_xen_open(e);
    }
    rc = rc == 0 ? start_domains(e, !options.no_domains) : rc;
    if (rc != 0) {
        return rc;
    }
    return updated ? socket_listen_on(e, h->listen_fd - 1) : socket_listen(e, listen_on);
}

int main(int argc, char **argv)
{
    struct err e = { 0 };
    struct rlimit files = { 65536, 65536 };
    struct option long_options[OPTIONS_MAX];
    const char *letters = options_fill(long_options);
    int ready = -1;
    int pid_fd = -1;
    int o;

    while ((o = getopt_long(argc, argv, letters, long_options, NULL)) != -1) {
        one_option(o);
    }
    /* After a live update we are what was in the background already. */
    bool updated = getenv("XENSTORED_UPDATED") != NULL;
    setrlimit(RLIMIT_NOFILE, &files);
    if (!options.foreground && !updated && file_daemon_fork(&e, &ready) != 0) {
        fprintf(stderr, "xenstored: %s\n", e.text);
        return 1;
    }
    if (options.trace_file != NULL && trace_open(options.trace_file) != 0) {
        fprintf(stderr, "xenstored: cannot open %s\n", options.trace_file);
    }
    trace_init(options.foreground);
    if (start(&e, &pid_fd) != 0) {
        fprintf(stderr, "xenstored: %s\n", e.text);
        return 1;
    }
    update_init(argv, pid_fd);
    if (options.print_pid && !updated) {
        printf("%ld\n", (long)getpid());
        fflush(stdout);
    }
    notify_ready();
    if (ready >= 0) {
        file_daemon_ready(ready);
    }
    loop_run(start_between);
    return 0;
}
