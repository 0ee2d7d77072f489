/* SPDX-License-Identifier: MIT */
/* QEMU as a backend: see qemu.h. */
#include "lib/domain/qemu.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/domain/domain.h"

enum { STOP_TRIES = 100, STOP_WAIT_US = 20000 };

static const char *program(void)
{
    static const char *const places[] = { "/usr/libexec/xen-qemu-system-i386",
                                          "/usr/lib/xen-4.17/bin/qemu-system-i386",
                                          "/usr/local/lib/xen/bin/qemu-system-i386" };

    for (unsigned int i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (!access(places[i], X_OK)) {
            return places[i];
        }
    }
    return NULL;
}

bool qemu_available(void)
{
    return program() != NULL;
}

const char *qemu_format(enum disk_format format)
{
    return format == DISK_FORMAT_RAW ? "aio" : disk_format_name(format);
}

static void pid_path(uint32_t domid, char path[64])
{
    snprintf(path, 64, "/run/xen/qemu-%u.pid", domid);
}

/* The words of a process have NULs between them: is it this domain's QEMU, and not one that got its number since? */
static bool serves(long pid, uint32_t domid)
{
    char path[64], words[4096], wanted[48];
    size_t length, wanted_length = 1 + (size_t)snprintf(wanted, sizeof(wanted), "-xen-domid%c%u", '\0', domid);
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%ld/cmdline", pid);
    f = fopen(path, "re");
    length = f ? fread(words, 1, sizeof(words), f) : 0;
    if (f) {
        fclose(f);
    }
    return memmem(words, length, wanted, wanted_length) != NULL;
}

/* The guest's QEMU, or 0. */
static long running(uint32_t domid)
{
    char path[64];
    long pid = 0;
    FILE *f;

    pid_path(domid, path);
    f = fopen(path, "re");
    if (f) {
        if (fscanf(f, "%ld", &pid) != 1) {
            pid = 0;
        }
        fclose(f);
    }
    return pid > 0 && serves(pid, domid) ? pid : 0;
}

static void __attribute__((noreturn)) become(const char *path, uint32_t domid, const char *name)
{
    char log[DOMAIN_NAME_MAX + 40], number[16];
    int in = open("/dev/null", O_RDONLY), out;

    mkdir("/var/log/xen", 0755);
    snprintf(log, sizeof(log), "/var/log/xen/qemu-dm-%s.log", name);
    out = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0640);
    snprintf(number, sizeof(number), "%u", domid);
    if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0) {
        _exit(126);
    }
    execl(path, path, "-xen-domid", number, "-xen-attach", "-name", name, "-M", "xenpv", "-m", "1",
          "-display", "none", "-nodefaults", "-no-user-config", "-monitor", "none", "-serial", "none", "-parallel",
          "none", (char *)NULL);
    _exit(127);
}

/* Known before anybody goes on, so that a creation which is killed leaves no process behind. */
static int write_pid(uint32_t domid, pid_t pid)
{
    char path[64];
    FILE *f;

    pid_path(domid, path);
    f = fopen(path, "we");
    if (!f) {
        return -1;
    }
    fprintf(f, "%ld\n", (long)pid);
    return fclose(f);
}

int qemu_start(struct err *e, uint32_t domid, const char *name)
{
    const char *path = program();
    int status = 0;
    pid_t pid;

    if (!path) {
        return err_set(e, -ENOENT, "there is no QEMU to serve the disk");
    }
    if (running(domid)) {
        return 0;
    }
    pid = fork();
    if (pid < 0) {
        return err_errno(e, "fork");
    }
    if (pid == 0) {
        /* It outlives us: nobody is to wait for it. */
        setsid();
        pid = fork();
        if (pid == 0) {
            become(path, domid, name);
        }
        _exit(pid < 0 || write_pid(domid, pid));
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status ? err_set(e, -EAGAIN, "QEMU cannot be started") : 0;
}

void qemu_stop(uint32_t domid)
{
    char path[64];
    long pid = running(domid);

    if (pid) {
        kill((pid_t)pid, SIGTERM);
        for (int i = 0; i < STOP_TRIES && serves(pid, domid); i++) {
            usleep(STOP_WAIT_US);
        }
        if (serves(pid, domid)) {
            kill((pid_t)pid, SIGKILL);
        }
    }
    pid_path(domid, path);
    unlink(path);
}
