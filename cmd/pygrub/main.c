/* SPDX-License-Identifier: MIT */
/*
 * pygrub: finds kernel and ramdisk in a guest's disk, as its boot loader would, and hands them to who creates
 * the guest. Name, options and output are those of Xen's pygrub, which xl calls through bootloader =
 * "pygrub".
 *
 *     pygrub [OPTION...] DISK
 *
 * The output is opened first; then all rights but reading the disk and writing to the output directory are
 * given up.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/pygrub/choose.h"
#include "cmd/pygrub/guest_disk.h"
#include "cmd/pygrub/menu.h"
#include "cmd/pygrub/sandbox.h"
#include "lib/base/file.h"

#define DEFAULT_DIRECTORY "/var/run/xen/pygrub"
#define KERNEL_BYTES_MAX  (512UL << 20)
#define RAMDISK_BYTES_MAX (2UL << 30)

struct options {
    const char *disk, *directory, *format, *kernel, *ramdisk, *args, *entry;
    FILE *output;
    bool quiet, list, dry_run, is_config;
};

struct found {
    struct menu menu;
    struct guest_disk disk;
    unsigned int partition;
};

static const char usage[] =
    "usage: pygrub [OPTION...] DISK\n"
    "  -q, --quiet                 boot the default, show no menu\n"
    "  -i, --interactive           show the menu (this is the default)\n"
    "  -l, --list-entries          print the entries and end\n"
    "  -n, --not-really            print what would be used, copy nothing\n"
    "      --entry=NAME            number, id or title of the entry to boot\n"
    "      --kernel=PATH           a kernel on the disk, instead of an entry's; --ramdisk=PATH goes with it\n"
    "      --args=TEXT             added to the kernel's arguments\n"
    "      --output=FILE           where to write the result (else standard output)\n"
    "      --output-format=FORMAT  sxp, simple or simple0\n"
    "      --output-directory=DIR  where kernel and ramdisk are copied to\n"
    "      --isconfig              DISK is a boot loader's configuration, for trying\n";

static int complain(const struct err *e)
{
    fprintf(stderr, "pygrub: %s\n", e->text);
    if (e->hint[0] != '\0') {
        fprintf(stderr, "pygrub: %s\n", e->hint);
    }
    return 1;
}

/* ---- finding the menu ---- */

typedef int (*parse_fn)(struct err *e, const char *text, size_t size, struct menu *m);

static const struct {
    const char *path;
    parse_fn parse;
} places[] = {
    { "/boot/grub/grub.cfg", menu_parse_grub },
    { "/grub/grub.cfg", menu_parse_grub },
    { "/boot/grub2/grub.cfg", menu_parse_grub },
    { "/grub2/grub.cfg", menu_parse_grub },
    { "/@/boot/grub/grub.cfg", menu_parse_grub },
    { "/boot/grub/menu.lst", menu_parse_legacy },
    { "/grub/menu.lst", menu_parse_legacy },
    { "/boot/grub/grub.conf", menu_parse_legacy },
    { "/grub/grub.conf", menu_parse_legacy },
    { "/boot/extlinux/extlinux.conf", menu_parse_extlinux },
    { "/extlinux/extlinux.conf", menu_parse_extlinux },
    { "/boot/extlinux.conf", menu_parse_extlinux },
    { "/extlinux.conf", menu_parse_extlinux },
    { "/boot/isolinux/isolinux.cfg", menu_parse_extlinux },
    { "/isolinux/isolinux.cfg", menu_parse_extlinux },
    { "/syslinux/syslinux.cfg", menu_parse_extlinux },
};

static bool try_place(struct found *f, unsigned int partition, const char *path, parse_fn parse)
{
    struct buf text = BUF_INIT;
    struct err e = { 0 };
    int rc = guest_disk_read(&e, &f->disk, partition, path, MENU_TEXT_MAX, &text);

    if (rc == 0 && text.length != 0) {
        rc = parse(&e, text.text, text.length, &f->menu);
        if (rc < 0) {
            fprintf(stderr, "pygrub: %s: %s\n", path, e.text);
        }
    }
    buf_free(&text);
    f->partition = partition;
    return f->menu.count != 0;
}

static int newest_first(const void *a, const void *b)
{
    return -strverscmp(*(char *const *)a, *(char *const *)b);
}

/* loader/entries/NAME.conf, the newest kernel first. */
static bool try_entries(struct found *f, unsigned int partition, const char *directory)
{
    char *names[MENU_ENTRIES_MAX];
    struct buf list = BUF_INIT;
    unsigned int count = 0;
    char *save = NULL;

    if (guest_disk_list(NULL, &f->disk, partition, directory, &list) < 0 || list.text == NULL) {
        buf_free(&list);
        return false;
    }
    for (char *name = strtok_r(list.text, "\n", &save); name != NULL && count < MENU_ENTRIES_MAX;
         name = strtok_r(NULL, "\n", &save)) {
        size_t size = strlen(name);

        if (size > 5 && strcmp(name + size - 5, ".conf") == 0) {
            names[count++] = name;
        }
    }
    qsort(names, count, sizeof(names[0]), newest_first);
    for (unsigned int i = 0; i < count; i++) {
        struct buf text = BUF_INIT;
        char path[512];

        snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        names[i][strlen(names[i]) - 5] = '\0';
        if (guest_disk_read(NULL, &f->disk, partition, path, MENU_TEXT_MAX, &text) == 0 &&
            text.text != NULL) {
            menu_parse_bls(NULL, names[i], text.text, text.length, &f->menu);
        }
        buf_free(&text);
    }
    buf_free(&list);
    f->partition = partition;
    return f->menu.count != 0;
}

static int find_menu(struct err *e, struct found *f)
{
    for (unsigned int p = 0; p < f->disk.count; p++) {
        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
            if (try_place(f, p, places[i].path, places[i].parse)) {
                return 0;
            }
        }
        if (try_entries(f, p, "/boot/loader/entries") || try_entries(f, p, "/loader/entries")) {
            return 0;
        }
    }
    err_set(e, -ENOENT, "%s: no boot loader configuration with a kernel on any of its %u partitions",
            f->disk.path, f->disk.count);
    err_hint(e, "looked for grub.cfg, menu.lst, extlinux.conf and loader/entries");
    return -ENOENT;
}

/* ---- handing over ---- */

/* A file with all of paths[] one after the other; its name in *name. The partition of the menu comes first.
 */
static int copy_files(struct err *e, struct found *f, const char *directory, const char *what,
                      char *const paths[], unsigned int count, size_t limit, char **name)
{
    int rc = 0;
    int fd;

    if (asprintf(name, "%s/boot_%s.XXXXXX", directory, what) < 0) {
        *name = NULL;
        return err_set(e, -ENOMEM, "out of memory");
    }
    fd = mkostemp(*name, O_CLOEXEC);
    if (fd < 0) {
        rc = err_errno(e, "%s", *name);
        free(*name);
        *name = NULL;
        return rc;
    }
    for (unsigned int i = 0; rc == 0 && i < count; i++) {
        struct err why = { 0 };

        rc = guest_disk_copy(&why, &f->disk, f->partition, paths[i], limit, fd);
        for (unsigned int p = 0; rc == -ENOENT && p < f->disk.count; p++) {
            rc = p == f->partition ? rc : guest_disk_copy(NULL, &f->disk, p, paths[i], limit, fd);
        }
        if (rc < 0) {
            err_set(e, rc, "%s", why.text);
        }
    }
    close(fd);
    if (rc < 0) {
        unlink(*name);
    }
    return rc;
}

static void print_result(const struct options *o, const char *kernel, const char *ramdisk, const char *args)
{
    char end = strcmp(o->format, "simple0") == 0 ? '\0' : '\n';

    if (strcmp(o->format, "sxp") == 0) {
        fprintf(o->output, "linux (kernel %s)", kernel);
        if (ramdisk != NULL) {
            fprintf(o->output, "(ramdisk %s)", ramdisk);
        }
        if (args != NULL && args[0] != '\0') {
            fprintf(o->output, "(args \"%s\")", args);
        }
        return;
    }
    fprintf(o->output, "kernel %s%c", kernel, end);
    if (ramdisk != NULL) {
        fprintf(o->output, "ramdisk %s%c", ramdisk, end);
    }
    if (args != NULL && args[0] != '\0') {
        fprintf(o->output, "args %s%c", args, end);
    }
    fputc(end, o->output);
}

static char *all_args(const struct menu_entry *entry, const struct options *o)
{
    const char *own = entry->args != NULL ? entry->args : "";
    const char *more = o->args != NULL ? o->args : "";
    char *both;

    return asprintf(&both, "%s%s%s", own, own[0] != '\0' && more[0] != '\0' ? " " : "", more) < 0 ? NULL
                                                                                                  : both;
}

static int hand_over(struct err *e, struct found *f, const struct options *o, const struct menu_entry *entry)
{
    char *kernel = NULL;
    char *ramdisk = NULL;
    char *args = all_args(entry, o);
    int rc;

    if (o->dry_run || o->is_config) {
        print_result(o, entry->kernel, entry->ramdisk_count != 0 ? entry->ramdisks[0] : NULL, args);
        free(args);
        return 0;
    }
    rc = copy_files(e, f, o->directory, "kernel", &entry->kernel, 1, KERNEL_BYTES_MAX, &kernel);
    if (rc == 0 && entry->ramdisk_count != 0) {
        rc = copy_files(e, f, o->directory, "ramdisk", entry->ramdisks, entry->ramdisk_count,
                        RAMDISK_BYTES_MAX, &ramdisk);
        if (rc < 0) {
            unlink(kernel);
        }
    }
    if (rc == 0) {
        print_result(o, kernel, ramdisk, args);
    }
    free(kernel);
    free(ramdisk);
    free(args);
    return rc;
}

static int list_entries(const struct menu *m)
{
    for (unsigned int i = 0; i < m->count; i++) {
        const struct menu_entry *entry = &m->entries[i];

        printf("title: %s\n  kernel: %s\n", entry->title, entry->kernel);
        printf("  args: %s\n", entry->args != NULL ? entry->args : "");
        printf("  initrd: %s\n", entry->ramdisk_count != 0 ? entry->ramdisks[0] : "None");
    }
    return 0;
}

static int choose(struct err *e, const struct options *o, const struct menu *m)
{
    int chosen = menu_find(m, o->entry);

    if (chosen < 0) {
        return o->entry != NULL ? err_set(e, -ENOENT, "no entry \"%s\"", o->entry)
                                : err_set(e, -ENOENT, "no entry with a kernel");
    }
    if (o->quiet || o->entry != NULL || o->is_config || o->dry_run || !isatty(STDIN_FILENO)) {
        return chosen;
    }
    chosen = choose_entry(m, chosen);
    return chosen < 0 ? err_set(e, -ECANCELED, "no entry was chosen") : chosen;
}

static int boot(struct err *e, struct found *f, const struct options *o)
{
    struct menu_entry given = { .kernel = (char *)o->kernel };
    int chosen;

    if (o->kernel != NULL) {
        if (o->ramdisk != NULL) {
            given.ramdisks[given.ramdisk_count++] = (char *)o->ramdisk;
        }
        return hand_over(e, f, o, &given);
    }
    if (!o->is_config) {
        int rc = find_menu(e, f);

        if (rc < 0) {
            return rc;
        }
    }
    if (o->list) {
        return list_entries(&f->menu);
    }
    chosen = choose(e, o, &f->menu);
    return chosen < 0 ? chosen : hand_over(e, f, o, &f->menu.entries[chosen]);
}

static int read_config(struct err *e, const char *path, struct menu *m)
{
    struct buf text = BUF_INIT;
    int rc = file_load(e, path, MENU_TEXT_MAX, &text);
    const char *name = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
    parse_fn parse = strstr(name, "linux") != NULL  ? menu_parse_extlinux
                     : strstr(name, ".lst") != NULL ? menu_parse_legacy
                                                    : menu_parse_grub;

    if (rc == 0) {
        rc = parse(e, text.text != NULL ? text.text : "", text.length, m);
        err_prefix(e, "%s", path);
    }
    buf_free(&text);
    return rc;
}

static int run(struct err *e, struct options *o)
{
    struct found *f = calloc(1, sizeof(*f));
    int rc;

    if (f == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    f->menu = (struct menu)MENU_INIT;
    if (o->is_config) {
        rc = read_config(e, o->disk, &f->menu);
    } else {
        rc = o->dry_run || o->list ? 0 : file_make_dirs(e, o->directory, 0700);
        rc = rc < 0 ? rc : sandbox_enter(e, o->disk, o->dry_run || o->list ? NULL : o->directory);
        rc = rc < 0 ? rc : guest_disk_open(e, o->disk, &f->disk);
    }
    rc = rc < 0 ? rc : boot(e, f, o);
    menu_free(&f->menu);
    free(f);
    return rc;
}

static bool read_options(int argc, char **argv, struct options *o, const char **output)
{
    static const struct option longs[] = {
        { "quiet", no_argument, NULL, 'q' },
        { "interactive", no_argument, NULL, 'i' },
        { "list-entries", no_argument, NULL, 'l' },
        { "not-really", no_argument, NULL, 'n' },
        { "help", no_argument, NULL, 'h' },
        { "output", required_argument, NULL, 'o' },
        { "output-format", required_argument, NULL, 'F' },
        { "output-directory", required_argument, NULL, 'D' },
        { "entry", required_argument, NULL, 'e' },
        { "kernel", required_argument, NULL, 'K' },
        { "ramdisk", required_argument, NULL, 'R' },
        { "args", required_argument, NULL, 'A' },
        { "isconfig", no_argument, NULL, 'C' },
        { "debug", no_argument, NULL, 'd' },
        { NULL, 0, NULL, 0 },
    };
    int option;

    while ((option = getopt_long(argc, argv, "qilnh", longs, NULL)) != -1) {
        switch (option) {
        case 'q':
            o->quiet = true;
            break;
        case 'i':
        case 'd':
            break;
        case 'l':
            o->list = true;
            break;
        case 'n':
            o->dry_run = true;
            break;
        case 'o':
            *output = optarg;
            break;
        case 'F':
            o->format = optarg;
            break;
        case 'D':
            o->directory = optarg;
            break;
        case 'e':
            o->entry = optarg;
            break;
        case 'K':
            o->kernel = optarg[0] != '\0' ? optarg : NULL;
            break;
        case 'R':
            o->ramdisk = optarg[0] != '\0' ? optarg : NULL;
            break;
        case 'A':
            o->args = optarg;
            break;
        case 'C':
            o->is_config = true;
            break;
        default:
            fputs(usage, option == 'h' ? stdout : stderr);
            exit(option == 'h' ? 0 : 1);
        }
    }
    o->disk = optind + 1 == argc ? argv[optind] : NULL;
    return o->disk != NULL && (strcmp(o->format, "sxp") == 0 || strcmp(o->format, "simple") == 0 ||
                               strcmp(o->format, "simple0") == 0);
}

int main(int argc, char **argv)
{
    struct options o = { .directory = DEFAULT_DIRECTORY, .format = "sxp", .output = stdout };
    const char *output = NULL;
    struct err e = { 0 };

    if (!read_options(argc, argv, &o, &output)) {
        fputs(usage, stderr);
        return 1;
    }
    if (output != NULL && strcmp(output, "-") != 0) {
        o.output = fopen(output, "we");
        if (o.output == NULL) {
            err_errno(&e, "%s", output);
            return complain(&e);
        }
    }
    if (run(&e, &o) < 0) {
        return complain(&e);
    }
    return fflush(o.output) == 0 ? 0 : 1;
}
