/* SPDX-License-Identifier: MIT */
/* Running grub-fstest: see guest_disk.h. Its output is read with a limit; a helper that says more, or hangs,
 * is ended. */
#include "cmd/pygrub/guest_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/file.h"

#define HELPER       "/usr/bin/grub-fstest"
#define IDLE_MS      60000 /* a helper that says nothing for so long is ended */
#define CHUNK        65536
#define LISTING_MAX  (1 << 20)
#define ADDRESS_SIZE 4200

struct sink {
    struct buf *buf; /* or */
    int fd;
    size_t left;
};

static void run_helper(const char *image, const char *command, const char *argument, int out)
{
    int null = open("/dev/null", O_RDWR);

    dup2(null, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    execl(HELPER, HELPER, image, command, argument, (char *)NULL);
    _exit(127);
}

static int take(struct err *e, struct sink *s, const char *data, size_t size)
{
    if (size > s->left) {
        return err_set(e, -EFBIG, "is too large");
    }
    s->left -= size;
    if (s->buf == NULL) {
        return file_write_all(e, s->fd, data, size);
    }
    buf_add(s->buf, data, size);
    return s->buf->failed ? err_set(e, -ENOMEM, "out of memory") : 0;
}

static int drain(struct err *e, int fd, struct sink *s)
{
    static char chunk[CHUNK];

    for (;;) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int ready = poll(&p, 1, IDLE_MS);
        ssize_t n;

        if (ready == 0) {
            return err_set(e, -ETIMEDOUT, "cannot be read in time");
        }
        n = ready < 0 ? -1 : read(fd, chunk, sizeof(chunk));
        if (n < 0 && errno != EINTR) {
            return err_errno(e, "reading the disk");
        }
        if (n == 0) {
            return 0;
        }
        if (n > 0) {
            int rc = take(e, s, chunk, (size_t)n);

            if (rc < 0) {
                return rc;
            }
        }
    }
}

static int helper(struct err *e, const struct guest_disk *d, const char *command, const char *argument,
                  struct sink *s)
{
    int ends[2];
    int status = 0;
    pid_t pid;
    int rc;

    if (pipe2(ends, O_CLOEXEC) < 0) {
        return err_errno(e, "pipe");
    }
    pid = fork();
    if (pid == 0) {
        run_helper(d->path, command, argument, ends[1]);
    }
    close(ends[1]);
    rc = pid < 0 ? err_errno(e, "fork") : drain(e, ends[0], s);
    close(ends[0]);
    if (pid > 0) {
        if (rc < 0) {
            kill(pid, SIGKILL);
        }
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        }
    }
    if (rc == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 127) {
        rc = err_set(e, -ENOENT, "cannot run %s", HELPER);
        err_hint(e, "install grub-common");
    } else if (rc == 0 && status != 0) {
        rc = -ENOENT;
    }
    return rc;
}

int guest_disk_open(struct err *e, const char *path, struct guest_disk *d)
{
    struct buf text = BUF_INIT;
    struct sink s = { .buf = &text, .left = LISTING_MAX };
    char *save;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc;

    *d = (struct guest_disk){ .path = path };
    if (fd < 0) {
        return err_errno(e, "%s", path);
    }
    close(fd);
    rc = helper(e, d, "ls", NULL, &s);
    for (char *word = rc < 0 || text.text == NULL ? NULL : strtok_r(text.text, " \n", &save);
         word != NULL && d->count < DISK_PARTITIONS_MAX; word = strtok_r(NULL, " \n", &save)) {
        size_t size = strlen(word);

        if (strncmp(word, "(loop0", 6) == 0 && word[size - 1] == ')' && size - 2 < sizeof(d->partitions[0])) {
            memcpy(d->partitions[d->count], word + 1, size - 2);
            d->partitions[d->count++][size - 2] = '\0';
        }
    }
    buf_free(&text);
    if (rc == 0 && d->count == 0) {
        rc = err_set(e, -EINVAL, "%s: GRUB sees no disk in it", path);
    }
    return rc == -ENOENT ? err_set(e, -EINVAL, "%s: GRUB cannot read it", path) : rc;
}

static int address_of(struct err *e, const struct guest_disk *d, unsigned int partition, const char *path,
                      char *address)
{
    if (path[0] != '/' || strlen(path) + sizeof(d->partitions[0]) + 3 > ADDRESS_SIZE) {
        return err_set(e, -EINVAL, "\"%.100s\" is no path", path);
    }
    sprintf(address, "(%s)%s", d->partitions[partition], path);
    return 0;
}

static int fetch(struct err *e, const struct guest_disk *d, unsigned int partition, const char *command,
                 const char *path, struct sink *s)
{
    char address[ADDRESS_SIZE];
    struct err why = { 0 };
    int rc = address_of(e, d, partition, path, address);

    if (rc < 0) {
        return rc;
    }
    rc = helper(&why, d, command, address, s);
    if (rc < 0) {
        err_set(e, rc, "%s: %s", path, why.code != 0 ? why.text : "no such file on the disk");
        err_hint(e, "%s", why.hint);
    }
    return rc;
}

int guest_disk_read(struct err *e, const struct guest_disk *d, unsigned int partition, const char *path,
                    size_t limit, struct buf *out)
{
    struct sink s = { .buf = out, .left = limit };

    return fetch(e, d, partition, "cat", path, &s);
}

int guest_disk_copy(struct err *e, const struct guest_disk *d, unsigned int partition, const char *path,
                    size_t limit, int fd)
{
    struct sink s = { .fd = fd, .left = limit };

    return fetch(e, d, partition, "cat", path, &s);
}

int guest_disk_list(struct err *e, const struct guest_disk *d, unsigned int partition, const char *path,
                    struct buf *out)
{
    struct sink s = { .buf = out, .left = LISTING_MAX };
    int rc = fetch(e, d, partition, "ls", path, &s);

    for (size_t i = 0; rc == 0 && i < out->length; i++) {
        out->text[i] = out->text[i] == ' ' ? '\n' : out->text[i];
    }
    return rc;
}
