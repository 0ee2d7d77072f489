/* SPDX-License-Identifier: MIT */
/* A domain's files in /var/lib/xen: see saved.h. */
#include "lib/domain/saved.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/conf/spec.h"
#include "lib/domain/domain.h"

enum { SAVED_MAX = 1 << 20, PATH_LENGTH = 160 };

static void saved_path(char path[PATH_LENGTH], uint32_t domid, const uint8_t uuid[16], const char *kind)
{
    char text[37];

    uuid_format(uuid, text);
    snprintf(path, PATH_LENGTH, "/var/lib/xen/userdata-d.%u.%s.%s", domid, text, kind);
}

char *saved_read(struct err *e, uint32_t domid, const uint8_t uuid[16], const char *kind)
{
    struct buf text = BUF_INIT;
    char path[PATH_LENGTH];

    saved_path(path, domid, uuid, kind);
    if (file_load(e, path, SAVED_MAX, &text)) {
        buf_free(&text);
        return NULL;
    }
    return buf_take(&text);
}

int saved_write(struct err *e, uint32_t domid, const uint8_t uuid[16], const char *kind, const char *text)
{
    char path[PATH_LENGTH];
    int rc, fd;

    saved_path(path, domid, uuid, kind);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == ENOENT && !file_make_dirs(e, "/var/lib/xen", 0755)) {
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    }
    if (fd < 0) {
        return file_save(e, path, text, strlen(text), 0600);
    }
    /* Of a domain that is being created, which is undone when this is cut short: the file needs not be whole, nor
     * to last longer than the domain does. */
    rc = file_write_all(e, fd, text, strlen(text));
    if (close(fd) && !rc) {
        rc = err_errno(e, "cannot write");
    }
    if (rc) {
        err_prefix(e, "%s", path);
    }
    return rc;
}

void saved_remove(uint32_t domid, const uint8_t uuid[16])
{
    static const char *const kinds[] = { SAVED_JSON, SAVED_TEXT, SAVED_ACTIONS, "domain-userdata-lock" };
    char path[PATH_LENGTH];

    for (unsigned int i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        saved_path(path, domid, uuid, kinds[i]);
        unlink(path);
    }
}
