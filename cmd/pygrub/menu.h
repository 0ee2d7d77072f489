/* SPDX-License-Identifier: MIT */
/*
 * What a boot loader's configuration offers: entries with kernel, arguments and ramdisks. Four forms are
 * read:
 *
 *   menu_parse_grub()      grub.cfg of GRUB 2: enough of its shell for what distributions generate
 *   menu_parse_legacy()    menu.lst, grub.conf of GRUB 0.9x
 *   menu_parse_extlinux()  extlinux.conf, syslinux.cfg, isolinux.cfg
 *   menu_parse_bls()       one file of loader/entries (Boot Loader Specification); called for each
 *
 * The text comes from a guest's disk and is not trusted. Pure; no file is read here. Paths in an entry begin
 * with / and name no device.
 */
#ifndef CMD_PYGRUB_MENU_H
#define CMD_PYGRUB_MENU_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"

#define MENU_ENTRIES_MAX  256
#define MENU_RAMDISKS_MAX 16
#define MENU_TEXT_MAX     (1 << 20) /* bytes of a configuration */

struct menu_entry {
    char *title; /* with those of its submenus: "Advanced>Linux 6.1" */
    char *index; /* as GRUB counts: "1>0" */
    char *id;    /* --id, or NULL */
    char *kernel, *args;
    char *ramdisks[MENU_RAMDISKS_MAX];
    unsigned int ramdisk_count;
};

struct menu {
    struct menu_entry entries[MENU_ENTRIES_MAX];
    unsigned int count;
    char *wanted; /* the default as the configuration names it, or NULL */
    int timeout;  /* seconds, -1 for ever */
};

#define MENU_INIT                                                                                            \
    {                                                                                                        \
        .timeout = 5                                                                                         \
    }

/* Entries without a kernel are left out. -EINVAL names the line; what was read before it stays. */
int menu_parse_grub(struct err *e, const char *text, size_t size, struct menu *m);
int menu_parse_legacy(struct err *e, const char *text, size_t size, struct menu *m);
int menu_parse_extlinux(struct err *e, const char *text, size_t size, struct menu *m);
/* name: the file's, which is the entry's id. */
int menu_parse_bls(struct err *e, const char *name, const char *text, size_t size, struct menu *m);
void menu_free(struct menu *m);

/* The entry called so (number, "1>0", id, title), or -1. NULL: the default, or else the first. */
int menu_find(const struct menu *m, const char *name);

/* ---- for the parsers ---- */
/* NULL when there is no room for more. */
struct menu_entry *menu_add(struct err *e, struct menu *m);
/* Takes the last one away again when it has no kernel. */
void menu_settle(struct menu *m);
/* A path of the guest's: a device in front, "(hd0,0)", is dropped; NULL when it is no absolute path. */
char *menu_path(const char *path);
void menu_entry_free(struct menu_entry *entry);

#endif
