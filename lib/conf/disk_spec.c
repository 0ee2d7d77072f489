/* SPDX-License-Identifier: MIT */
/*
 * Disk descriptions: see spec.h and xl-disk-configuration(5). A field is a key with a value (by the table of
 * keys), a flag (by the table of flags), or the next positional parameter: target, format, vdev, access. The
 * old prefixes of the target ("phy:", "file:") are accepted; after one there is no positional format.
 *
 * Device numbers are those of xen-vbd-interface(7).
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conf/field.h"
#include "lib/conf/spec.h"

#define XVD_MAJOR     202
#define SD_MAJOR      8
#define HD_MAJOR_0    3
#define HD_MAJOR_1    22
#define EXTENDED      (1u << 28)
#define DISK_MAX      ((1u << 20) - 1)
#define PARTITION_MAX 255u

/* While a description is read: what was set, so that nothing is set twice. */
struct disk_reader {
    struct disk_spec *d;
    bool has_target, has_format, has_access, has_backend_type, has_old_prefix;
};

/* ---- device numbers ---- */

static int number_of(unsigned int disk, unsigned int partition, const char *kind, unsigned int *devid)
{
    if (strcmp(kind, "sd") == 0) {
        if (disk > 15 || partition > 15) {
            return -EINVAL;
        }
        *devid = SD_MAJOR << 8 | disk << 4 | partition;
    } else if (strcmp(kind, "hd") == 0) {
        if (disk > 3 || partition > 63) {
            return -EINVAL;
        }
        *devid = (disk < 2 ? HD_MAJOR_0 : HD_MAJOR_1) << 8 | (disk & 1) << 6 | partition;
    } else if (disk > DISK_MAX || partition > PARTITION_MAX) {
        return -EINVAL;
    } else if (disk > 15 || partition > 15) {
        *devid = EXTENDED | disk << 8 | partition;
    } else {
        *devid = XVD_MAJOR << 8 | disk << 4 | partition;
    }
    return 0;
}

/* "a" 0, "z" 25, "aa" 26 ... */
static bool letters_to_disk(const char **at, unsigned int *disk)
{
    const char *p = *at;
    unsigned int n = 0;

    while (*p >= 'a' && *p <= 'z') {
        if (n > DISK_MAX) {
            return false;
        }
        n = n * 26 + (unsigned int)(*p - 'a') + 1;
        p++;
    }
    if (p == *at) {
        return false;
    }
    *at = p;
    *disk = n - 1;
    return true;
}

static int parse_named(const char *vdev, const char *kind, unsigned int *devid)
{
    const char *at = vdev + strlen(kind);
    const char *end = vdev + strlen(vdev);
    unsigned int disk;
    uint64_t partition = 0;

    if (!letters_to_disk(&at, &disk)) {
        return -EINVAL;
    }
    if (*at != '\0' && (!field_digits(&at, end, PARTITION_MAX, &partition) || at != end)) {
        return -EINVAL;
    }
    return number_of(disk, (unsigned int)partition, kind, devid);
}

/* "d5p2" */
static int parse_dp(const char *vdev, unsigned int *devid)
{
    const char *at = vdev + 1;
    const char *end = vdev + strlen(vdev);
    uint64_t disk;
    uint64_t partition = 0;

    if (!field_digits(&at, end, DISK_MAX, &disk)) {
        return -EINVAL;
    }
    if (*at == 'p') {
        at++;
        if (!field_digits(&at, end, PARTITION_MAX, &partition)) {
            return -EINVAL;
        }
    }
    return at != end ? -EINVAL : number_of((unsigned int)disk, (unsigned int)partition, "xvd", devid);
}

int disk_vdev_parse(const char *vdev, unsigned int *devid)
{
    static const char *const kinds[] = { "xvd", "hd", "sd" };

    for (unsigned int i = 0; i < 3; i++) {
        if (strncmp(vdev, kinds[i], strlen(kinds[i])) == 0) {
            return parse_named(vdev, kinds[i], devid);
        }
    }
    if (vdev[0] == 'd') {
        return parse_dp(vdev, devid);
    }
    if (isdigit((unsigned char)vdev[0])) {
        char *end;
        unsigned long n = strtoul(vdev, &end, 0);

        if (*end == '\0' && n < 1u << 29) {
            *devid = (unsigned int)n;
            return 0;
        }
    }
    return -EINVAL;
}

void disk_vdev_format(unsigned int devid, char *text, size_t size)
{
    const char *kind = "xvd";
    unsigned int disk = devid >> 4 & 15;
    unsigned int partition = devid & 15;
    char letters[8];
    unsigned int n = sizeof(letters) - 1;

    if (devid & EXTENDED) {
        disk = devid >> 8 & DISK_MAX;
        partition = devid & 255;
    } else if (devid >> 8 == SD_MAJOR) {
        kind = "sd";
    } else if (devid >> 8 == HD_MAJOR_0 || devid >> 8 == HD_MAJOR_1) {
        kind = "hd";
        disk = (devid >> 6 & 1) + (devid >> 8 == HD_MAJOR_1 ? 2 : 0);
        partition = devid & 63;
    }
    letters[n] = '\0';
    disk++;
    while (disk != 0 && n != 0) {
        disk--;
        letters[--n] = (char)('a' + disk % 26);
        disk /= 26;
    }
    if (partition != 0) {
        snprintf(text, size, "%s%s%u", kind, letters + n, partition);
    } else {
        snprintf(text, size, "%s%s", kind, letters + n);
    }
}

/* ---- values ---- */

static const char *const format_names[] = { "raw", "qcow", "qcow2", "vhd", "qed" };
static const char *const backend_names[] = { "", "phy", "qdisk", "tap", "standalone" };

const char *disk_format_name(enum disk_format format)
{
    return format_names[format];
}

static int word_index(const struct field *f, const char *const *words, unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        if (field_value_is(f, words[i])) {
            return (int)i;
        }
    }
    return -1;
}

static int wrong_value(struct err *e, const struct field *f, const char *what, const char *right)
{
    return err_set(e, -EINVAL, "%s is %s, not \"%.*s\"", what, right, (int)f->value_size, f->value);
}

static int twice(struct err *e, const char *what)
{
    return err_set(e, -EINVAL, "%s is given twice", what);
}

static int set_format(struct err *e, struct disk_reader *r, const struct field *f)
{
    int i = word_index(f, format_names, 5);

    if (r->has_format) {
        return twice(e, "the format");
    }
    r->has_format = true;
    if (f->value_size == 0) {
        return 0;
    }
    if (i < 0) {
        return wrong_value(e, f, "the format", "raw, qcow, qcow2, vhd or qed");
    }
    r->d->format = (enum disk_format)i;
    return 0;
}

static int set_access(struct err *e, struct disk_reader *r, const struct field *f)
{
    if (r->has_access) {
        return twice(e, "the access");
    }
    r->has_access = true;
    if (field_value_is(f, "r") || field_value_is(f, "ro")) {
        r->d->readonly = true;
    } else if (f->value_size != 0 && !field_value_is(f, "w") && !field_value_is(f, "rw") &&
               !field_value_is(f, "w!") && !field_value_is(f, "!")) {
        return wrong_value(e, f, "the access", "r, ro, w or rw");
    }
    return 0;
}

static int set_vdev(struct err *e, struct disk_reader *r, const struct field *f)
{
    struct field name = *f;
    const char *colon = memchr(f->value, ':', f->value_size);

    if (colon != NULL) {
        size_t rest = f->value_size - (size_t)(colon - f->value);

        name.value_size = (size_t)(colon - f->value);
        if (rest == 6 && memcmp(colon, ":cdrom", 6) == 0) {
            r->d->cdrom = true;
        } else if (rest != 5 || memcmp(colon, ":disk", 5) != 0) {
            return err_set(e, -EINVAL, "after the device name comes :cdrom or nothing, not \"%.*s\"",
                           (int)rest, colon);
        }
    }
    return field_take(e, &name, &r->d->vdev);
}

static int set_devtype(struct err *e, struct disk_reader *r, const struct field *f)
{
    if (field_value_is(f, "cdrom")) {
        r->d->cdrom = true;
    } else if (!field_value_is(f, "disk")) {
        return wrong_value(e, f, "devtype", "cdrom");
    }
    return 0;
}

static int set_backend_type(struct err *e, struct disk_reader *r, const struct field *f)
{
    int i = word_index(f, backend_names, 5);

    if (i < 0) {
        return wrong_value(e, f, "backendtype", "phy, qdisk, tap or standalone");
    }
    if (r->has_backend_type) {
        return twice(e, "backendtype");
    }
    r->has_backend_type = i != 0;
    r->d->backend_type = (enum disk_backend)i;
    return 0;
}

static int set_specification(struct err *e, struct disk_reader *r, const struct field *f)
{
    r->d->virtio = field_value_is(f, "virtio");
    if (!r->d->virtio && !field_value_is(f, "xen") && f->value_size != 0) {
        return wrong_value(e, f, "the specification", "xen or virtio");
    }
    return 0;
}

static int set_backend(struct err *e, struct disk_reader *r, const struct field *f)
{
    return field_take(e, f, &r->d->backend);
}

static int set_script(struct err *e, struct disk_reader *r, const struct field *f)
{
    return field_take(e, f, &r->d->script);
}

static const struct disk_key {
    const char *name;
    int (*set)(struct err *e, struct disk_reader *r, const struct field *f);
} disk_keys[] = {
    { "format", set_format },   { "vdev", set_vdev },
    { "access", set_access },   { "devtype", set_devtype },
    { "backend", set_backend }, { "backendtype", set_backend_type },
    { "script", set_script },   { "specification", set_specification },
};

#define DISK_KNOWN                                                                                           \
    "target format vdev access devtype cdrom backend backendtype script direct-io-safe discard no-discard "  \
    "trusted untrusted specification"

/* ---- fields ---- */

static bool set_flag(struct disk_spec *d, const struct field *f)
{
    if (field_flag_is(f, "cdrom")) {
        d->cdrom = true;
    } else if (field_flag_is(f, "direct-io-safe")) {
        d->direct_io_safe = true;
    } else if (field_flag_is(f, "discard") || field_flag_is(f, "no-discard")) {
        d->no_discard = f->start[0] == 'n';
    } else if (field_flag_is(f, "trusted") || field_flag_is(f, "untrusted")) {
        d->untrusted = f->start[0] == 'u';
    } else {
        return false;
    }
    return true;
}

/* "phy:", "file:" and the like in front of the target. */
static int strip_prefix(struct err *e, struct disk_reader *r, struct field *f)
{
    static const char *const plain[] = { "phy:", "file:", "tap:", "tap2:", "aio:", "tapdisk:", "ioemu:" };
    static const char *const scripts[] = { "iscsi:", "nbd:", "enbd:", "drbd:" };

    for (;;) {
        const char *colon = memchr(f->value, ':', f->value_size);
        size_t size = colon == NULL ? 0 : (size_t)(colon - f->value) + 1;
        struct field word = { .value = f->value, .value_size = size };
        struct field format = { .value = f->value, .value_size = size == 0 ? 0 : size - 1 };
        int i;

        if (size == 0 || f->value[0] == '/' || f->value[0] == '.') {
            return 0;
        }
        i = word_index(&word, scripts, 4);
        if (i >= 0 && r->d->script == NULL) {
            if (asprintf(&r->d->script, "block-%.*s", (int)size - 1, f->value) < 0) {
                r->d->script = NULL;
                return err_set(e, -ENOMEM, "out of memory");
            }
            r->has_old_prefix = true;
            f->value += size; /* the rest is the script's */
            f->value_size -= size;
            return 0;
        } else if (word_index(&word, plain, 7) < 0) {
            if (word_index(&format, format_names, 5) < 0) {
                return err_set(e, -EINVAL, "unknown prefix \"%.*s\" of the target", (int)size, f->value);
            }
            i = set_format(e, r, &format);
            if (i < 0) {
                return i;
            }
        }
        r->has_old_prefix = true;
        f->value += size;
        f->value_size -= size;
    }
}

static int set_target(struct err *e, struct disk_reader *r, const struct field *f)
{
    r->has_target = true;
    return field_take(e, f, &r->d->target);
}

static int set_positional(struct err *e, struct disk_reader *r, struct field *f)
{
    int rc;

    if (!r->has_target) {
        rc = strip_prefix(e, r, f);
        r->has_format = r->has_format || r->has_old_prefix;
        return rc < 0 ? rc : set_target(e, r, f);
    }
    if (!r->has_format) {
        return set_format(e, r, f);
    }
    if (r->d->vdev == NULL) {
        return set_vdev(e, r, f);
    }
    if (!r->has_access) {
        return set_access(e, r, f);
    }
    return f->size == 0
               ? 0
               : err_set(e, -EINVAL, "\"%.*s\" is one part too many after target, format, device and access",
                         (int)f->size, f->start);
}

static int read_field(struct err *e, struct disk_reader *r, struct field *f)
{
    if (f->key == NULL) {
        return set_flag(r->d, f) ? 0 : set_positional(e, r, f);
    }
    for (size_t i = 0; i < sizeof(disk_keys) / sizeof(disk_keys[0]); i++) {
        if (field_key_is(f, disk_keys[i].name)) {
            return disk_keys[i].set(e, r, f);
        }
    }
    return field_unknown(e, f, DISK_KNOWN);
}

/* "target=" takes the rest of the text, commas and all. */
static int take_rest(struct err *e, struct disk_spec *d, const char *rest)
{
    if (d->target != NULL) {
        return twice(e, "the target");
    }
    d->target = *rest == '\0' ? NULL : strdup(rest);
    return *rest != '\0' && d->target == NULL ? err_set(e, -ENOMEM, "out of memory") : 0;
}

static int check_disk(struct err *e, struct disk_spec *d)
{
    char *path;

    if (d->vdev == NULL) {
        err_set(e, -EINVAL, "no device name");
        err_hint(e, "name it as the guest sees it: \"/dev/vg/disk,raw,xvda,rw\"");
        return -EINVAL;
    }
    if (disk_vdev_parse(d->vdev, &d->devid) < 0) {
        err_set(e, -EINVAL, "\"%.40s\" is no device name", d->vdev);
        err_hint(e, "xvda, xvdb1 ...; hda to hdd; sda to sdp");
        return -EINVAL;
    }
    if (d->cdrom) {
        d->readonly = true;
    } else if (d->target == NULL) {
        return err_set(e, -EINVAL, "no target: which block device or file?");
    }
    if (d->target != NULL && d->target[0] != '/' && d->script == NULL) {
        if (asprintf(&path, "/dev/%s", d->target) < 0) {
            return err_set(e, -ENOMEM, "out of memory");
        }
        free(d->target);
        d->target = path;
    }
    return 0;
}

int disk_spec_parse(struct err *e, const char *text, struct disk_spec *d)
{
    struct disk_reader r = { .d = d };
    struct conf_place place = d->place;
    struct field f;
    int rc = 0;

    *d = (struct disk_spec){ .place = place };
    for (const char *at = text; rc == 0 && field_next(&at, &f);) {
        if (field_key_is(&f, "target")) {
            rc = take_rest(e, d, strchr(f.start, '=') + 1);
            break;
        }
        if (at != NULL || f.size != 0) {
            rc = read_field(e, &r, &f);
        }
    }
    return rc < 0 ? rc : check_disk(e, d);
}

void disk_spec_free(struct disk_spec *d)
{
    free(d->target);
    free(d->vdev);
    free(d->backend);
    free(d->script);
    *d = (struct disk_spec){ 0 };
}
