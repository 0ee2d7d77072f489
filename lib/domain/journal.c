/* SPDX-License-Identifier: MIT */
/*
 * The record of a create or a destroy in progress: see journal.h. The file is UUID, or UUID.end of a destroy. Lines:
 *   process PID | name NAME | uuid UUID | domain DOMID | disk DEVID LOOPDEVICE-or-- USERFILE-or--
 */
#include "lib/domain/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/conf/spec.h"
#include "lib/ctrl/ctrl.h"
#include "lib/domain/disk.h"
#include "lib/domain/domain.h"
#include "lib/domain/saved.h"
#include "lib/store/xenstore.h"

enum { NAME_LENGTH = 36, NAME_LENGTH_END = 40 };

static void __attribute__((format(printf, 2, 3))) note(struct journal *j, const char *format, ...)
{
    char line[DOMAIN_NAME_MAX + 128];
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (length > 0) {
        file_write_all(NULL, j->fd, line, (size_t)length < sizeof(line) ? (size_t)length : sizeof(line) - 1);
    }
}

/* One file a domain, and one more for its end. */
static int begin(struct err *e, struct journal *j, const char *name, const uint8_t uuid[16], const char *suffix)
{
    const int flags = O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC;
    char text[37], fresh[64];
    int rc;

    uuid_format(uuid, text);
    snprintf(j->path, sizeof(j->path), JOURNAL_FOLDER "/%s%s", text, suffix);
    /* It gets its name when it is locked: nobody may take it for a dead process's. */
    snprintf(fresh, sizeof(fresh), JOURNAL_FOLDER "/.%ld", (long)getpid());
    j->fd = open(fresh, flags, 0600);
    if (j->fd < 0 && errno == ENOENT) {
        rc = file_make_dirs(e, JOURNAL_FOLDER, 0700);
        if (rc) {
            return rc;
        }
        j->fd = open(fresh, flags, 0600);
    }
    if (j->fd < 0) {
        return err_errno(e, "cannot write %s", fresh);
    }
    note(j, "process %ld\nuuid %s\nname %s\n", (long)getpid(), text, name);
    rc = flock(j->fd, LOCK_EX | LOCK_NB) || link(fresh, j->path) ? err_errno(e, "cannot make %s", j->path) : 0;
    unlink(fresh);
    if (rc) {
        close(j->fd);
        j->fd = -1;
    }
    return rc;
}

int journal_begin(struct err *e, struct journal *j, const char *name, const uint8_t uuid[16])
{
    return begin(e, j, name, uuid, "");
}

int journal_begin_destroy(struct journal *j, const char *name, const uint8_t uuid[16], uint32_t domid)
{
    int rc = begin(NULL, j, name, uuid, ".end");

    if (!rc) {
        journal_domain(j, domid);
    }
    return rc;
}

void journal_domain(struct journal *j, uint32_t domid)
{
    note(j, "domain %u\n", domid);
}

void journal_disk(struct journal *j, unsigned int devid, const struct disk_backing *b)
{
    note(j, "disk %u %s %s\n", devid, b->loop ? b->device : "-", b->user[0] ? b->user : "-");
}

void journal_end(struct journal *j)
{
    unlink(j->path);
    close(j->fd);
    j->fd = -1;
}

struct remains {
    uint8_t uuid[16];
    char name[DOMAIN_NAME_MAX];
    uint32_t domid;
    long creator;
};

/* The number of the domain with this UUID, or DOMAIN_NONE. fresh: only one that was just made and has no memory yet;
 * another that has the UUID too is somebody's guest. */
static uint32_t find_uuid(struct ctrl *c, const uint8_t uuid[16], bool fresh)
{
    struct domain_info *list;
    uint32_t domid = DOMAIN_NONE;
    unsigned int count;

    if (domain_list(NULL, c, &list, &count)) {
        return DOMAIN_NONE;
    }
    for (unsigned int i = 0; i < count; i++) {
        if (!memcmp(list[i].uuid, uuid, 16) && !(fresh && list[i].memory_kb)) {
            domid = list[i].domid;
        }
    }
    free(list);
    return domid;
}

static void undo_disk(const char *line, uint32_t domid)
{
    struct disk_backing b = { 0 };
    char device[64], user[80];
    unsigned int devid;

    if (sscanf(line, "disk %u %63s %79s", &devid, device, user) == 3) {
        b.loop = strcmp(device, "-") != 0;
        snprintf(b.device, sizeof(b.device), "%s", device);
        snprintf(b.user, sizeof(b.user), "%s", strcmp(user, "-") ? user : "");
        disk_close(&b, domid, devid);
    }
}

static void undo_file(FILE *f, struct ctrl *c, struct xs_handle *s)
{
    struct remains r = { .domid = DOMAIN_NONE };
    struct domain_info info;
    char line[DOMAIN_NAME_MAX + 16], text[64];

    while (fgets(line, sizeof(line), f)) {
        if (sscanf(line, "uuid %63s", text) == 1) {
            uuid_parse(NULL, text, r.uuid);
        } else if (!strncmp(line, "name ", 5)) {
            line[strcspn(line, "\n")] = '\0';
            snprintf(r.name, sizeof(r.name), "%.255s", line + 5);
        } else if (sscanf(line, "process %ld", &r.creator) != 1) {
            sscanf(line, "domain %u", &r.domid);
        }
    }
    /* The domain may have been made a moment before its number could be noted. */
    if (r.domid == DOMAIN_NONE) {
        r.domid = find_uuid(c, r.uuid, true);
    }
    if (r.domid != DOMAIN_NONE) {
        int rc = domain_get(NULL, c, r.domid, &info);

        if (!rc && !memcmp(info.uuid, r.uuid, 16)) {
            domain_destroy(NULL, c, s, r.domid);
        } else if (rc == -ESRCH) {
            /* A domain that was restarted has the UUID, and what the store keeps under it, for its own. */
            domain_sweep(NULL, s, r.domid, r.uuid, find_uuid(c, r.uuid, false) != DOMAIN_NONE);
        }
    }
    rewind(f);
    while (fgets(line, sizeof(line), f)) {
        undo_disk(line, r.domid);
    }
    saved_remove(r.domid, r.uuid);
    domain_name_abandon(s, r.name, r.domid, r.creator);
}

/* What is to be undone may have come from the store's daemon going away: its successor is waited for, not for ever. */
static bool store_answers(struct xs_handle *s)
{
    unsigned int count;
    char **names = xs_directory(s, XBT_NULL, "/", &count);

    free(names);
    return names;
}

void journal_undo(struct journal *j, struct ctrl *c, struct xs_handle *s)
{
    FILE *f;

    if (!store_answers(s)) {
        close(j->fd);
        j->fd = -1;
        return;
    }
    f = fopen(j->path, "re");
    if (f) {
        undo_file(f, c, s);
        fclose(f);
    }
    journal_end(j);
}

unsigned int journal_recover(struct ctrl *c, struct xs_handle *s)
{
    DIR *folder = opendir(JOURNAL_FOLDER);
    struct dirent *entry;
    unsigned int left = 0;

    while (folder && (entry = readdir(folder))) {
        struct journal j;

        if (strlen(entry->d_name) != NAME_LENGTH && strlen(entry->d_name) != NAME_LENGTH_END) {
            continue;
        }
        snprintf(j.path, sizeof(j.path), JOURNAL_FOLDER "/%.40s", entry->d_name);
        /* Not for writing: closing it is nothing that wakes the monitor. */
        j.fd = open(j.path, O_RDONLY | O_CLOEXEC);
        if (j.fd < 0) {
            continue;
        }
        /* Removed between the look and the lock: its create has ended well. */
        if (!flock(j.fd, LOCK_EX | LOCK_NB) && !access(j.path, F_OK)) {
            journal_undo(&j, c, s);
        } else {
            close(j.fd);
        }
        left += !access(j.path, F_OK);
    }
    if (folder) {
        closedir(folder);
    }
    return left;
}
