/* SPDX-License-Identifier: MIT */
/*
 * Running a boot loader: see bootloader.h. It works in a directory of its own, which is removed with whatever
 * it holds. Its words on standard error become the error's text. The output says "kernel PATH", "ramdisk
 * PATH", "args TEXT", each ended by a NUL; paths outside the directory are refused.
 */
#include "lib/domain/bootloader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/file.h"

#define RUN_DIRECTORY "/run/proxenos"
#define SECONDS_MAX   120
#define OUTPUT_MAX    65536
#define WORDS_MAX     4096
#define ARGS_MAX      64

/* ---- the program ---- */

static const char *const directories[] = { "/usr/lib/proxenos/bin", "/usr/lib/xen-4.17/bin",
                                           "/usr/libexec/xen/bin", "/usr/bin", "/usr/local/bin" };

/* Beside this program, then where tools lie; a path that is not there is looked for by its last part. */
static char *find_program(const char *program)
{
    const char *name = strrchr(program, '/') != NULL ? strrchr(program, '/') + 1 : program;
    char self[512];
    ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *path;

    if (name != program && access(program, X_OK) == 0) {
        return strdup(program);
    }
    self[size > 0 ? size : 0] = '\0';
    if (strrchr(self, '/') != NULL) {
        *strrchr(self, '/') = '\0';
        if (asprintf(&path, "%s/%s", self, name) >= 0) {
            if (access(path, X_OK) == 0) {
                return path;
            }
            free(path);
        }
    }
    for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
        if (asprintf(&path, "%s/%s", directories[i], name) >= 0) {
            if (access(path, X_OK) == 0) {
                return path;
            }
            free(path);
        }
    }
    return NULL;
}

bool bootloader_exists(const char *program)
{
    char *path = find_program(program);

    free(path);
    return path != NULL;
}

struct arguments {
    char *list[ARGS_MAX + 1];
    unsigned int count;
    bool failed;
};

static void add_argument(struct arguments *a, const char *key, const char *value)
{
    char *text;

    if (a->count == ARGS_MAX || asprintf(&text, "%s%s", key, value) < 0) {
        a->failed = true;
        return;
    }
    a->list[a->count++] = text;
}

static void free_arguments(struct arguments *a)
{
    for (unsigned int i = 0; i < a->count; i++) {
        free(a->list[i]);
    }
}

static void make_arguments(struct arguments *a, const struct bootloader *b, const char *program,
                           const char *dir)
{
    char output[512];

    snprintf(output, sizeof(output), "%s/output", dir);
    add_argument(a, "", program);
    if (b->cmdline != NULL) {
        add_argument(a, "--args=", b->cmdline);
    }
    for (unsigned int i = 0; b->args != NULL && b->args[i] != NULL; i++) {
        add_argument(a, "", b->args[i]);
    }
    if (!b->interactive && strstr(program, "grub") != NULL) {
        add_argument(a, "", "--quiet");
    }
    add_argument(a, "--output=", output);
    add_argument(a, "", "--output-format=simple0");
    add_argument(a, "--output-directory=", dir);
    add_argument(a, "", b->disk);
}

static void run_child(const struct arguments *a, bool interactive, int words)
{
    if (!interactive) {
        int null = open("/dev/null", O_RDWR);

        setpgid(0, 0);
        dup2(null, STDIN_FILENO);
        dup2(words, STDOUT_FILENO);
    }
    dup2(words, STDERR_FILENO);
    execv(a->list[0], a->list);
    dprintf(STDERR_FILENO, "%s: %s\n", a->list[0], strerror(errno));
    _exit(127);
}

/* What it says, until it ends or its time is over. */
static int listen_to(struct err *e, const struct bootloader *b, int words, struct buf *said)
{
    time_t end = time(NULL) + SECONDS_MAX;
    char text[512];

    for (;;) {
        struct pollfd p = { .fd = words, .events = POLLIN };
        ssize_t n;

        if (!b->interactive && time(NULL) >= end) {
            return err_set(e, -ETIMEDOUT, "%s: not done after %d s", b->program, SECONDS_MAX);
        }
        if (poll(&p, 1, 1000) <= 0) {
            continue;
        }
        n = read(words, text, sizeof(text));
        if (n == 0) {
            return 0;
        }
        if (n > 0 && said->length < WORDS_MAX) {
            buf_add(said, text, (size_t)n);
        }
    }
}

/* The last line it said. */
static const char *last_words(struct buf *said)
{
    char *last;

    while (said->length != 0 && said->text[said->length - 1] == '\n') {
        said->text[--said->length] = '\0';
    }
    if (said->length == 0) {
        return "it failed and said nothing";
    }
    last = strrchr(said->text, '\n');
    return last != NULL ? last + 1 : said->text;
}

static int run_program(struct err *e, const struct bootloader *b, const struct arguments *a)
{
    struct buf said = BUF_INIT;
    int ends[2];
    int status = 0;
    pid_t pid;
    int rc;

    if (pipe2(ends, O_CLOEXEC) < 0) {
        return err_errno(e, "pipe");
    }
    pid = fork();
    if (pid == 0) {
        run_child(a, b->interactive, ends[1]);
    }
    close(ends[1]);
    rc = pid < 0 ? err_errno(e, "fork") : listen_to(e, b, ends[0], &said);
    close(ends[0]);
    if (pid > 0) {
        if (rc < 0) {
            kill(b->interactive ? pid : -pid, SIGKILL);
        }
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        }
    }
    if (rc == 0 && status != 0) {
        rc = err_set(e, -EIO, "boot loader: %s", last_words(&said));
    }
    buf_free(&said);
    return rc;
}

/* ---- its output ---- */

static int take_file(struct err *e, const char *dir, const char *path, int *fd, char **name)
{
    size_t size = strlen(dir);
    struct stat st;

    if (*fd >= 0 || strncmp(path, dir, size) != 0 || path[size] != '/' ||
        strchr(path + size + 1, '/') != NULL) {
        return err_set(e, -EINVAL, "boot loader: \"%.200s\" is not a file it was to make", path);
    }
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (*fd < 0 || fstat(*fd, &st) < 0) {
        return err_errno(e, "boot loader: %s", path);
    }
    if (!S_ISREG(st.st_mode)) {
        return err_set(e, -EINVAL, "boot loader: %s is not a regular file", path);
    }
    return asprintf(name, "/proc/self/fd/%d", *fd) < 0 ? err_set(e, -ENOMEM, "out of memory") : 0;
}

static int take_output(struct err *e, const char *dir, struct boot_files *files)
{
    struct buf output = BUF_INIT;
    char path[512];
    int rc;

    snprintf(path, sizeof(path), "%s/output", dir);
    rc = file_load(e, path, OUTPUT_MAX, &output);
    for (size_t at = 0; rc == 0 && at < output.length; at += strlen(output.text + at) + 1) {
        const char *line = output.text + at;

        if (strncmp(line, "kernel ", 7) == 0) {
            rc = take_file(e, dir, line + 7, &files->kernel_fd, &files->kernel);
        } else if (strncmp(line, "ramdisk ", 8) == 0) {
            rc = take_file(e, dir, line + 8, &files->ramdisk_fd, &files->ramdisk);
        } else if (strncmp(line, "args ", 5) == 0 && files->cmdline == NULL) {
            files->cmdline = strdup(line + 5);
        }
    }
    buf_free(&output);
    if (rc == 0 && files->kernel == NULL) {
        rc = err_set(e, -EIO, "boot loader: it named no kernel");
    }
    return rc;
}

/* ---- its directory ---- */

static void remove_directory(const char *dir)
{
    DIR *d = opendir(dir);
    struct dirent *entry;

    while (d != NULL && (entry = readdir(d)) != NULL) {
        unlinkat(dirfd(d), entry->d_name, 0); /* refused for . and .. */
    }
    if (d != NULL) {
        closedir(d);
    }
    rmdir(dir);
}

int bootloader_run(struct err *e, const struct bootloader *b, struct boot_files *files)
{
    char dir[] = RUN_DIRECTORY "/bootloader.XXXXXX";
    struct arguments a = { .count = 0 };
    char *program = find_program(b->program);
    int rc;

    *files = (struct boot_files){ .kernel_fd = -1, .ramdisk_fd = -1 };
    if (program == NULL) {
        return err_set(e, -ENOENT, "boot loader \"%s\" is not installed", b->program);
    }
    rc = file_make_dirs(e, RUN_DIRECTORY, 0755);
    if (rc == 0 && mkdtemp(dir) == NULL) {
        rc = err_errno(e, "%s", dir);
    }
    if (rc < 0) {
        free(program);
        return rc;
    }
    make_arguments(&a, b, program, dir);
    rc = a.failed ? err_set(e, -E2BIG, "boot loader: too many arguments") : run_program(e, b, &a);
    rc = rc < 0 ? rc : take_output(e, dir, files);
    remove_directory(dir);
    free_arguments(&a);
    free(program);
    if (rc < 0) {
        bootloader_free(files);
    }
    return rc;
}

void bootloader_free(struct boot_files *files)
{
    if (files->kernel_fd >= 0) {
        close(files->kernel_fd);
    }
    if (files->ramdisk_fd >= 0) {
        close(files->ramdisk_fd);
    }
    free(files->kernel);
    free(files->ramdisk);
    free(files->cmdline);
    *files = (struct boot_files){ .kernel_fd = -1, .ramdisk_fd = -1 };
}
