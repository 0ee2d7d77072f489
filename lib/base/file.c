/* SPDX-License-Identifier: MIT */
/* Files of the toolstack: see file.h. */
#include "lib/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOCK_TRIES = 100, LOCK_WAIT_US = 20000 };

int file_read_all(struct err *e, int fd, void *data, size_t size)
{
    char *p = data;
    while (size > 0) {
        ssize_t got = read(fd, p, size);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return err_errno(e, "cannot read");
        }
        if (got == 0) {
            return err_set(e, -EIO, "ends early");
        }
        p += got;
        size -= got;
    }
    return 0;
}

int file_write_all(struct err *e, int fd, const void *data, size_t size)
{
    const char *p = data;
    while (size > 0) {
        ssize_t put = write(fd, p, size);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return err_errno(e, "cannot write");
        }
        p += put;
        size -= put;
    }
    return 0;
}

static int load_fd(struct err *e, int fd, size_t limit, struct buf *out)
{
    char chunk[16384];
    size_t start = out->length;
    for (;;) {
        ssize_t got = read(fd, chunk, sizeof(chunk));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return err_errno(e, "cannot read");
        }
        if (got == 0) {
            break;
        }
        if (out->length - start + got > limit) {
            return err_set(e, -EFBIG, "is larger than %zu bytes", limit);
        }
        buf_add(out, chunk, got);
    }
    buf_add(out, "", 0);
    return out->failed ? err_set(e, -ENOMEM, "out of memory") : 0;
}

int file_load(struct err *e, const char *path, size_t limit, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return err_errno(e, "cannot open %s", path);
    }
    int rc = load_fd(e, fd, limit, out);
    close(fd);
    if (rc < 0) {
        err_prefix(e, "%s", path);
    }
    return rc;
}

static int save_fd(struct err *e, int fd, const void *data, size_t size, mode_t mode)
{
    int rc = file_write_all(e, fd, data, size);
    if (rc == 0 && (fchmod(fd, mode) != 0 || fsync(fd) != 0)) {
        rc = err_errno(e, "cannot write");
    }
    return rc;
}

int file_save(struct err *e, const char *path, const void *data, size_t size, mode_t mode)
{
    char beside[PATH_MAX];
    if (snprintf(beside, sizeof(beside), "%s.XXXXXX", path) >= (int)sizeof(beside)) {
        return err_set(e, -ENAMETOOLONG, "%s: name too long", path);
    }
    int fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0) {
        return err_errno(e, "cannot create %s", beside);
    }
    int rc = save_fd(e, fd, data, size, mode);
    if (close(fd) != 0 && rc == 0) {
        rc = err_errno(e, "cannot write");
    }
    if (rc == 0 && rename(beside, path) != 0) {
        rc = err_errno(e, "cannot rename");
    }
    if (rc < 0) {
        unlink(beside);
        err_prefix(e, "%s", path);
    }
    return rc;
}

int file_make_dirs(struct err *e, const char *path, mode_t mode)
{
    char part[PATH_MAX];
    size_t length = strlen(path);
    if (length >= sizeof(part)) {
        return err_set(e, -ENAMETOOLONG, "%s: name too long", path);
    }
    if (mkdir(path, mode) == 0 || errno == EEXIST) {
        return 0;
    }
    for (size_t i = 1; i <= length; i++) {
        if (path[i] != '/' && path[i] != '\0') {
            continue;
        }
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, mode) != 0 && errno != EEXIST) {
            return err_errno(e, "cannot make the directory %s", part);
        }
    }
    return 0;
}

int file_lock(int fd)
{
    int rc = flock(fd, LOCK_EX | LOCK_NB);

    for (int tries = 0; rc != 0 && errno == EWOULDBLOCK && tries < LOCK_TRIES; tries++) {
        usleep(LOCK_WAIT_US);
        rc = flock(fd, LOCK_EX | LOCK_NB);
    }
    return rc;
}

int file_pid_take(struct err *e, const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) {
        return err_errno(e, "cannot open the pid file %s", path);
    }
    if (file_lock(fd) != 0) {
        int rc = errno == EWOULDBLOCK ? err_set(e, -EBUSY, "already running (%s is locked)", path)
                                      : err_errno(e, "cannot lock %s", path);
        close(fd);
        return rc;
    }
    return fd;
}

int file_pid_write(struct err *e, int fd, const char *path)
{
    char text[24];
    int length = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, length, 0) != length) {
        return err_errno(e, "cannot write %s", path);
    }
    return 0;
}

/* The parent's end: 0 when a byte came before the pipe was closed. */
static int await(int fd)
{
    char byte;
    ssize_t got;
    do {
        got = read(fd, &byte, 1);
    } while (got < 0 && errno == EINTR);
    return got == 1 ? 0 : 1;
}

int file_daemon_fork(struct err *e, int *ready_fd)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return err_errno(e, "cannot make a pipe");
    }
    pid_t pid = fork();
    if (pid < 0) {
        int rc = err_errno(e, "cannot fork");
        close(ends[0]);
        close(ends[1]);
        return rc;
    }
    if (pid > 0) {
        close(ends[1]);
        _exit(await(ends[0]));
    }
    close(ends[0]);
    setsid();
    *ready_fd = ends[1];
    return 0;
}

void file_daemon_ready(int ready_fd)
{
    int null = open("/dev/null", O_RDWR);
    if (null >= 0) {
        dup2(null, 0);
        dup2(null, 1);
        dup2(null, 2);
        if (null > 2) {
            close(null);
        }
    }
    if (chdir("/") != 0 || write(ready_fd, "", 1) != 1) {
        _exit(1);
    }
    close(ready_fd);
}
