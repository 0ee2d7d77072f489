/* SPDX-License-Identifier: MIT */
/* The block device behind a guest's disk: see disk.h. */
#include "lib/domain/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/conf/spec.h"
#include "lib/domain/domain.h"
#include "lib/domain/hotplug.h"
#include "lib/domain/layout.h"

#define USERS_FOLDER "/run/xen/disks"

/* ---- users of an image -------------------------------------------------------------------------- */

static void user_path(struct disk_backing *b, const struct stat *st)
{
    if (S_ISBLK(st->st_mode)) {
        snprintf(b->user, sizeof(b->user), USERS_FOLDER "/b-%u-%u", major(st->st_rdev), minor(st->st_rdev));
    } else {
        snprintf(b->user, sizeof(b->user), USERS_FOLDER "/f-%llx-%llx", (unsigned long long)st->st_dev,
                 (unsigned long long)st->st_ino);
    }
}

struct disk_user {
    unsigned int domid, devid;
    char mode, uuid[37];
};

static bool alive(struct ctrl *c, const struct disk_user *u)
{
    struct domain_info info;
    char uuid[37];

    if (domain_get(NULL, c, u->domid, &info)) {
        return false;
    }
    uuid_format(info.uuid, uuid);
    return !strcmp(uuid, u->uuid);
}

static int open_users(struct err *e, const char *path)
{
    int fd, rc = file_make_dirs(e, USERS_FOLDER, 0700);

    if (rc) {
        return rc;
    }
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || flock(fd, LOCK_EX)) {
        rc = err_errno(e, "cannot lock %s", path);
        if (fd >= 0) {
            close(fd);
        }
        return rc;
    }
    return fd;
}

/* Rewrites the list without the dead and without `leaving`; *clash is a living user that excludes another of
 * `mode`. */
static void filter_users(struct ctrl *c, int fd, char mode, const struct disk_user *leaving,
                         struct disk_user *clash, char *kept, size_t size)
{
    FILE *f = fdopen(dup(fd), "r");
    struct disk_user u;
    size_t used = 0;

    kept[0] = '\0';
    rewind(f);
    while (f && fscanf(f, "%u %u %c %36s", &u.domid, &u.devid, &u.mode, u.uuid) == 4) {
        if (leaving ? u.domid == leaving->domid && u.devid == leaving->devid : !alive(c, &u)) {
            continue;
        }
        if (clash && (mode == 'w' || u.mode == 'w')) {
            *clash = u;
        }
        if (used + 80 < size) {
            used += (size_t)snprintf(kept + used, size - used, "%u %u %c %s\n", u.domid, u.devid, u.mode,
                                     u.uuid);
        }
    }
    if (f) {
        fclose(f);
    }
}

static int store_users(struct err *e, int fd, const char *text)
{
    size_t length = strlen(text);

    if (ftruncate(fd, 0) || pwrite(fd, text, length, 0) != (ssize_t)length) {
        return err_errno(e, "cannot write " USERS_FOLDER);
    }
    return 0;
}

static int enter_user(struct err *e, struct ctrl *c, const struct layout_disk *d, struct disk_backing *b)
{
    struct disk_user clash = { .domid = DOMAIN_NONE };
    struct domain_info info;
    char kept[8192], uuid[37];
    int fd, rc = domain_get(e, c, d->domid, &info);
    size_t used;

    if (rc) {
        return rc;
    }
    fd = open_users(e, b->user);
    if (fd < 0) {
        return fd;
    }
    filter_users(c, fd, d->writable ? 'w' : 'r', NULL, &clash, kept, sizeof(kept) - 80);
    if (clash.domid != DOMAIN_NONE) {
        close(fd);
        err_set(e, -EBUSY, "%s is in use by domain %u%s", d->path, clash.domid,
                clash.mode == 'w' ? ", which may write it" : "; a writer would confuse it");
        err_hint(e, "detach it there first (xl block-detach), or attach it read-only in both");
        return -EBUSY;
    }
    uuid_format(info.uuid, uuid);
    used = strlen(kept);
    snprintf(kept + used, sizeof(kept) - used, "%u %u %c %s\n", d->domid, d->devid, d->writable ? 'w' : 'r',
             uuid);
    rc = store_users(e, fd, kept);
    close(fd);
    return rc;
}

static void leave_user(const struct disk_backing *b, uint32_t domid, unsigned int devid)
{
    struct disk_user leaving = { .domid = domid, .devid = devid };
    char kept[8192];
    int fd = open_users(NULL, b->user);

    if (fd < 0) {
        return;
    }
    filter_users(NULL, fd, 'r', &leaving, NULL, kept, sizeof(kept));
    if (kept[0]) {
        store_users(NULL, fd, kept);
    } else {
        unlink(b->user);
    }
    close(fd);
}

/* ---- the device --------------------------------------------------------------------------------- */

static int open_file(struct err *e, const struct layout_disk *d, struct disk_backing *b)
{
    struct stat st;
    char name[LOOP_NAME_MAX];
    int rc = loop_attach(e, d->path, !d->writable, name);

    if (rc) {
        return rc;
    }
    snprintf(b->device, sizeof(b->device), "%s", name);
    b->loop = true;
    if (stat(b->device, &st)) {
        rc = err_errno(e, "cannot look at %s", b->device);
        loop_detach(NULL, b->device);
        b->loop = false;
        return rc;
    }
    b->major = major(st.st_rdev);
    b->minor = minor(st.st_rdev);
    return 0;
}

int disk_open(struct err *e, struct ctrl *c, struct layout_disk *d, struct disk_backing *b)
{
    struct stat st;
    int rc;

    *b = (struct disk_backing){ 0 };
    if (!d->path[0] || d->backend_id || !hotplug_is_default("vbd", d->script)) {
        return 0;
    }
    if (stat(d->path, &st)) {
        err_errno(e, "disk %s: cannot find %s", d->vdev, d->path);
        err_hint(e, "the first word of a disk is the path of a block device or an image file");
        return -ENOENT;
    }
    if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode)) {
        return err_set(e, -ENOTBLK, "disk %s: %s is neither a block device nor a file", d->vdev, d->path);
    }
    user_path(b, &st);
    rc = enter_user(e, c, d, b);
    if (rc) {
        b->user[0] = '\0';
        return rc;
    }
    if (d->qemu_format) {
        return 0; /* QEMU opens it itself */
    }
    if (S_ISBLK(st.st_mode)) {
        snprintf(b->device, sizeof(b->device), "%s", d->path);
        b->major = major(st.st_rdev);
        b->minor = minor(st.st_rdev);
    } else {
        rc = open_file(e, d, b);
    }
    if (rc) {
        disk_close(b, d->domid, d->devid);
        *b = (struct disk_backing){ 0 };
        return rc;
    }
    d->device = b->device;
    d->major = b->major;
    d->minor = b->minor;
    return 0;
}

void disk_close(const struct disk_backing *b, uint32_t domid, unsigned int devid)
{
    if (b->loop) {
        loop_detach(NULL, b->device);
    }
    if (b->user[0]) {
        leave_user(b, domid, devid);
    }
}

void disk_backing_of(struct disk_backing *b, const char *node, const char *params)
{
    struct stat st;

    *b = (struct disk_backing){ 0 };
    snprintf(b->device, sizeof(b->device), "%s", node ? node : "");
    b->loop = !strncmp(b->device, "/dev/loop", 9) && params && strcmp(params, b->device);
    if (params && params[0] == '/' && !stat(params, &st)) {
        user_path(b, &st);
    }
}
