/* SPDX-License-Identifier: MIT */
/*
 * Files as the toolstack uses them: small ones read whole with a limit, written so that a crash leaves the
 * old or the new one, and the things every daemon does (pid file, going to the background). Partial reads and
 * writes and EINTR are handled here.
 */
#ifndef LIB_BASE_FILE_H
#define LIB_BASE_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"

/* Reads exactly / writes all of `size` bytes. A read that meets the end early is -EIO ("ends early"). */
int file_read_all(struct err *e, int fd, void *data, size_t size);
int file_write_all(struct err *e, int fd, const void *data, size_t size);
/* The whole file, at most `limit` bytes: -EFBIG beyond. */
int file_load(struct err *e, const char *path, size_t limit, struct buf *out);
/* Writes beside `path` and renames: readers see the old or the new file, whole. */
int file_save(struct err *e, const char *path, const void *data, size_t size, mode_t mode);
/* mkdir -p. */
int file_make_dirs(struct err *e, const char *path, mode_t mode);

/* Locks an open file for this process alone; waits up to two seconds for a predecessor that is just ending.
 * 0, or -1 and errno. */
int file_lock(int fd);
/*
 * Takes the pid file: locked for as long as the process lives, so a second daemon is refused (-EBUSY). The
 * descriptor is returned and stays open.
 */
int file_pid_take(struct err *e, const char *path);
/* Writes our pid into it, after the last fork. */
int file_pid_write(struct err *e, int fd, const char *path);

/*
 * Goes to the background in two steps: daemon_fork() returns in the child, while the parent waits until
 * daemon_ready() (the parent ends with 0) or the child's end (1). The text of an error is the child's to
 * print before.
 */
int file_daemon_fork(struct err *e, int *ready_fd);
void file_daemon_ready(int ready_fd);

#endif
