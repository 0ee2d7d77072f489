/* SPDX-License-Identifier: MIT */
/*
 * xenstore-ls, -read, -write, -rm, -list, -exists, -chmod, -watch and -control, with the options and output of
 * Debian's: one table of modes, chosen by the program's name or its first argument.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd/xenstore/ls.h"
#include "cmd/xenstore/text.h"
#include "lib/store/xenstore.h"

struct options {
    bool full_path, prefix, socket_only, raw, tidy, recurse, upto;
    int events; /* -1: no end */
    xs_transaction_t t;
};

struct mode {
    const char *name;
    const char *letters; /* getopt */
    const char *usage;
    int (*run)(struct xs_handle *h, int argc, char **argv, const struct options *o);
    int least;           /* arguments */
};

static const char *program, *called_as;

static int failed(const char *format, const char *path)
{
    fprintf(stderr, "%s: ", program);
    fprintf(stderr, format, path);
    fputc('\n', stderr);
    return 1;
}

static int mode_ls(struct xs_handle *h, int argc, char **argv, const struct options *o)
{
    struct ls_options l = { .full_path = o->full_path, .perms = o->prefix, .width = 80 };
    struct winsize size;
    const char *path = argc > 0 ? argv[0] : "/";

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 2) {
        l.width = size.ws_col - 2;
    }
    l.width = o->full_path ? 0 : l.width;
    errno = ls_tree(h, path, &l);
    if (errno != 0) {
        fprintf(stderr, "%s: xs_directory (%s): %s\n", program, path, strerror(errno));
    }
    return errno != 0;
}

static int mode_read(struct xs_handle *h, int argc, char **argv, const struct options *o)
{
    for (int i = 0; i < argc; i++) {
        unsigned int length;
        char *value = xs_read(h, XBT_NULL, argv[i], &length);
        if (value == NULL) {
            return failed("couldn't read path %s", argv[i]);
        }
        if (o->prefix) {
            printf("%s: ", argv[i]);
        }
        if (o->raw) {
            fwrite(value, 1, length, stdout);
        } else {
            struct buf text = BUF_INIT;
            text_escape(&text, value, length);
            puts(text.length > 0 ? text.text : "");
            buf_free(&text);
        }
        free(value);
    }
    return 0;
}

static int mode_write(struct xs_handle *h, int argc, char **argv, const struct options *o)
{
    for (int i = 0; i < argc; i += 2) {
        char *value = strdup(argv[i + 1]);
        size_t length = value == NULL ? 0 : o->raw ? strlen(value) : text_plain(value);
        bool ok = value != NULL && xs_write(h, o->t, argv[i], value, length);
        free(value);
        if (!ok) {
            return failed("could not write path %s", argv[i]);
        }
    }
    return 0;
}

/* The parents that are left with neither children nor value. */
static void tidy(struct xs_handle *h, const char *of, const struct options *o)
{
    char path[4096];
    char *slash;

    snprintf(path, sizeof(path), "%s", of);
    while ((slash = strrchr(path, '/')) != NULL && slash != path) {
        unsigned int count = 1;
        unsigned int length = 1;
        *slash = '\0';
        char **names = xs_directory(h, o->t, path, &count);
        char *value = xs_read(h, o->t, path, &length);
        bool empty = names != NULL && value != NULL && count == 0 && length == 0;
        free(names);
        free(value);
        if (!empty || !xs_rm(h, o->t, path)) {
            return;
        }
    }
}

static int mode_rm(struct xs_handle *h, int argc, char **argv, const struct options *o)
{
    for (int i = 0; i < argc; i++) {
        if (!xs_rm(h, o->t, argv[i])) {
            return failed("could not remove path %s", argv[i]);
        }
        if (o->tidy) {
            tidy(h, argv[i], o);
        }
    }
    return 0;
}

static int mode_list(struct xs_handle *h, int argc, char **argv, const struct options *o)
{
    for (int i = 0; i < argc; i++) {
        unsigned int count;
        char **names = xs_directory(h, o->t, argv[i], &count);
        if (names == NULL) {
            return failed("could not list path %s", argv[i]);
        }
        for (unsigned int n = 0; n < count; n++) {
            printf("%s%s%s\n", o->prefix ? argv[i] : "", o->prefix ? "/" : "", names[n]);
        }
        free(names);
    }
    return 0;
}

static int mode_exists(struct xs_handle *h, int argc, char **argv, const struct options *o)
{
    for (int i = 0; i < argc; i++) {
        char *value = xs_read(h, o->t, argv[i], NULL);
        if (value == NULL) {
            return 1;
        }
        free(value);
    }
    return 0;
}

/* ---- chmod ---- */
static struct xs_permissions *parse_perms(int count, char **texts)
{
    struct xs_permissions *perms = calloc(count + 1, sizeof(*perms));

    for (int i = 0; perms != NULL && i < count; i++) {
        static const char letters[] = "nrwb";
        const char *letter = strchr(letters, texts[i][0]);
        if (letter == NULL || *letter == '\0') {
            fprintf(stderr, "%s: Invalid permission specification: '%c'\n", program, texts[i][0]);
            free(perms);
            return NULL;
        }
        perms[i].perms = letter - letters;
        perms[i].id = strtoul(texts[i] + 1, NULL, 10);
    }
    return perms;
}

static int set_perms(struct xs_handle *h, const char *path, struct xs_permissions *perms, int count,
                     const struct options *o)
{
    if (!xs_set_permissions(h, o->t, path, perms, count)) {
        fprintf(stderr, "%s: Error occurred setting permissions on '%s': %s\n", program, path, strerror(errno));
        return 1;
    }
    return 0;
}

static int set_below(struct xs_handle *h, const char *path, struct xs_permissions *perms, int count,
                     const struct options *o)
{
    unsigned int names_count = 0;
    char **names = xs_directory(h, o->t, path, &names_count);
    int rc = set_perms(h, path, perms, count, o);

    for (unsigned int i = 0; names != NULL && rc == 0 && i < names_count; i++) {
        struct buf child = BUF_INIT;
        buf_printf(&child, "%s/%s", strcmp(path, "/") == 0 ? "" : path, names[i]);
        rc = set_below(h, child.text, perms, count, o);
        buf_free(&child);
    }
    free(names);
    return rc;
}

static int mode_chmod(struct xs_handle *h, int argc, char **argv, const struct options *o)
{
    struct xs_permissions *perms = parse_perms(argc - 1, argv + 1);
    char path[4096];
    char *slash;

    if (perms == NULL) {
        return 1;
    }
    snprintf(path, sizeof(path), "%s", argv[0]);
    int rc = o->recurse ? set_below(h, path, perms, argc - 1, o) : set_perms(h, path, perms, argc - 1, o);
    while (rc == 0 && o->upto && (slash = strrchr(path, '/')) != NULL && slash != path) {
        *slash = '\0';
        rc = set_perms(h, path, perms, argc - 1, o);
    }
    free(perms);
    return rc;
}

static int mode_watch(struct xs_handle *h, int argc, char **argv, const struct options *o)
{
    unsigned int count;

    for (int i = 0; i < argc; i++) {
        if (!xs_watch(h, argv[i], argv[i])) {
            return failed("Unable to add watch on %s", argv[i]);
        }
    }
    for (int n = 0; o->events < 0 || n < o->events; n++) {
        char **event = xs_read_watch(h, &count);
        if (event == NULL) {
            return failed("%s", "the connection to xenstored ended");
        }
        puts(event[XS_WATCH_PATH]);
        fflush(stdout);
        free(event);
    }
    return 0;
}

/* ---- control ---- */
static char *control(struct xs_handle *h, int argc, const char *const *argv)
{
    struct buf data = BUF_INIT;

    for (int i = 1; i < argc; i++) {
        buf_add(&data, argv[i], strlen(argv[i]) + 1);
    }
    char *answer = xs_control_command(h, argv[0], data.text, data.length);
    buf_free(&data);
    return answer;
}

/* One step of a live update; prints what is wrong. */
static bool step(struct xs_handle *h, int argc, const char *const *argv)
{
    char *answer = control(h, argc, argv);
    bool ok = answer != NULL && strcmp(answer, "OK") == 0;

    if (!ok) {
        fprintf(stderr, "%s: live update: %s\n", program, answer != NULL ? answer : strerror(errno));
    }
    free(answer);
    return ok;
}

/* live-update [-c <arguments>] [-F] [-t <seconds>] <program> */
static int live_update(struct xs_handle *h, int argc, char **argv)
{
    const char *file[] = { "live-update", "-f", NULL };
    const char *arguments[] = { "live-update", "-c", NULL };
    const char *start[6] = { "live-update", "-s" };
    int n = 2;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-F") == 0) {
            start[n++] = "-F";
        } else if (strcmp(argv[i], "-t") == 0 && i + 1 < argc && n < 4) {
            start[n++] = "-t";
            start[n++] = argv[++i];
        } else if (strcmp(argv[i], "-c") == 0 && i + 1 < argc) {
            arguments[2] = argv[++i];
        } else {
            file[2] = realpath(argv[i], NULL);
        }
        if (n > 5) {
            break;
        }
    }
    if (file[2] == NULL) {
        return failed("%s", "live-update needs the file of the new xenstored");
    }
    bool ok = step(h, 3, file) && (arguments[2] == NULL || step(h, 3, arguments)) && step(h, n, start);
    free((char *)file[2]);
    return !ok;
}

static int mode_control(struct xs_handle *h, int argc, char **argv, const struct options *o)
{
    if (strcmp(argv[0], "live-update") == 0) {
        return live_update(h, argc, argv);
    }
    char *answer = control(h, argc, (const char *const *)argv);
    if (answer == NULL) {
        fprintf(stderr, "Command failed: %s.\n", strerror(errno));
        return 3;
    }
    puts(answer);
    free(answer);
    return 0;
}

/* Several changes are made as one, until nobody else interferes. */
static int run_whole(struct xs_handle *h, const struct mode *m, int argc, char **argv, struct options *o)
{
    for (;;) {
        o->t = xs_transaction_start(h);
        int rc = m->run(h, argc, argv, o);
        if (xs_transaction_end(h, o->t, rc != 0)) {
            return rc;
        }
        if (errno != EAGAIN) {
            return failed("%s", strerror(errno));
        }
    }
}

static bool several(const struct mode *m, int argc, const struct options *o)
{
    return (m->run == mode_write && argc > 2) || (m->run == mode_rm && (argc > 1 || o->tidy)) ||
           (m->run == mode_chmod && (o->recurse || o->upto));
}

/* ---- which mode ---- */
static const struct mode modes[] = {
    { "ls", "+hfps", "[-h] [-f] [-p] [-s] [path]", mode_ls, 0 },
    { "read", "+hpsR", "[-h] [-p] [-s] [-R] key [...]", mode_read, 1 },
    { "write", "+hsR", "[-h] [-s] [-R] key value [...]", mode_write, 2 },
    { "rm", "+hst", "[-h] [-s] [-t] key [...]", mode_rm, 1 },
    { "list", "+hps", "[-h] [-p] [-s] key [...]", mode_list, 1 },
    { "exists", "+hps", "[-h] [-p] [-s] key [...]", mode_exists, 1 },
    { "chmod", "+hurs", "[-h] [-u] [-r] [-s] key <mode [modes...]>", mode_chmod, 1 },
    { "watch", "+hn:", "[-h] [-n NR] key", mode_watch, 1 },
    { "control", "+h", "<command> [<arg>...]", mode_control, 1 },
};

static const struct mode *mode_by_name(const char *name)
{
    for (unsigned int i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (strcmp(modes[i].name, name) == 0) {
            return &modes[i];
        }
    }
    return NULL;
}

static int usage(const struct mode *m, const char *word)
{
    fprintf(stderr, "%s: Usage: %s %s%s%s\n", program, called_as, word, *word != '\0' ? " " : "",
            m != NULL ? m->usage : "<mode> [-h] [...]");
    return 1;
}

static bool one_option(int letter, struct options *o)
{
    switch (letter) {
    case 'f': o->full_path = true; return true;
    case 'p': o->prefix = true; return true;
    case 's': o->socket_only = true; return true;
    case 'R': o->raw = true; return true;
    case 't': o->tidy = true; return true;
    case 'r': o->recurse = true; return true;
    case 'u': o->upto = true; return true;
    case 'n': o->events = atoi(optarg); return true;
    default: return false;
    }
}

int main(int argc, char **argv)
{
    struct options o = { .events = -1 };
    const char *word = "";
    int letter;

    program = strrchr(argv[0], '/') != NULL ? strrchr(argv[0], '/') + 1 : argv[0];
    called_as = argv[0];
    argv[0] = (char *)program;
    const struct mode *m = mode_by_name(strncmp(program, "xenstore-", 9) == 0 ? program + 9 : "");
    if (m == NULL && argc > 1) {
        m = mode_by_name(argv[1]);
        word = m != NULL ? argv[1] : word;
        argc--;
        argv++;
    }
    if (m == NULL) {
        return usage(NULL, "");
    }
    argv[0] = (char *)program;
    while ((letter = getopt(argc, argv, m->letters)) != -1) {
        if (!one_option(letter, &o)) {
            return usage(m, word);
        }
    }
    argc -= optind;
    argv += optind;
    if (argc < m->least || (m->run == mode_write && argc % 2 != 0)) {
        usage(m, word);
        return m->run == mode_control ? 2 : 1;
    }
    struct xs_handle *h = xs_open(o.socket_only ? XS_OPEN_SOCKETONLY : 0);
    if (h == NULL) {
        fprintf(stderr, "%s: xs_open: %s\n", program, strerror(errno));
        return 1;
    }
    int rc = several(m, argc, &o) ? run_whole(h, m, argc, argv, &o) : m->run(h, argc, argv, &o);
    xs_close(h);
    return rc;
}
