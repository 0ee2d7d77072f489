/* SPDX-License-Identifier: MIT */
/*
 * Restart of a domain: see restart.h. The saved text is read again with what is certain to have changed since
 * put in its place: UUID and name, and the disks and networks that are attached now.
 */
#include "lib/domain/restart.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "lib/base/buf.h"
#include "lib/conf/domain_config.h"
#include "lib/ctrl/ctrl.h"
#include "lib/domain/create.h"
#include "lib/domain/device.h"
#include "lib/domain/domain.h"
#include "lib/domain/hardware.h"
#include "lib/domain/saved.h"
#include "lib/store/xenstore.h"

static void add_value(struct buf *b, const char *key, const char *value)
{
    if (value && *value) {
        buf_printf(b, ", %s=%s", key, value);
    }
}

static void describe_disk(struct buf *b, struct xs_handle *s, const struct device *d)
{
    char *params = device_read(s, d->library, "params"), *mode = device_read(s, d->library, "mode");
    char *dev = device_read(s, d->library, "dev"), *type = device_read(s, d->library, "device-type");
    char *script = device_read(s, d->library, "script");

    buf_printf(b, "'format=raw, vdev=%s, access=%s%s", dev ? dev : "", mode && *mode == 'w' ? "rw" : "ro",
               type && !strcmp(type, "cdrom") ? ", devtype=cdrom" : "");
    if (d->backend_id) {
        buf_printf(b, ", backend=%u", d->backend_id);
    }
    if (script && strcmp(script, "/etc/xen/scripts/block")) {
        add_value(b, "script", script);
    }
    /* The target is last: it takes everything to the end. */
    add_value(b, "target", params);
    buf_puts(b, "', ");
    free(params);
    free(mode);
    free(dev);
    free(type);
    free(script);
}

static void describe_nic(struct buf *b, struct xs_handle *s, const struct device *d)
{
    static const char *const keys[] = { "bridge", "ip", "script", "vifname", "gatewaydev" };
    char *mac = device_read(s, d->library, "mac"), *rate = device_read(s, d->library, "rate");
    unsigned long long bytes;
    unsigned int interval;

    buf_printf(b, "'devid=%u, mac=%s", d->devid, mac ? mac : "");
    for (unsigned int i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        char *value = device_read(s, d->library, keys[i]);

        add_value(b, keys[i], value);
        free(value);
    }
    if (rate && sscanf(rate, "%llu,%u", &bytes, &interval) == 2 && interval) {
        buf_printf(b, ", rate=%lluB/s@%uus", bytes * 1000000 / interval, interval);
    }
    if (d->backend_id) {
        buf_printf(b, ", backend=%u", d->backend_id);
    }
    buf_puts(b, "', ");
    free(mac);
    free(rate);
}

/* KEY=[ ... ] of the devices of a kind that are there now. */
static int describe_devices(struct err *e, struct xs_handle *s, uint32_t domid, const char *kind,
                            const char *key, struct buf *b)
{
    struct device *list;
    unsigned int count;
    int rc = device_list(e, s, domid, kind, &list, &count);

    if (rc) {
        return rc;
    }
    buf_printf(b, "%s = [ ", key);
    for (unsigned int i = 0; i < count; i++) {
        if (!strcmp(kind, "vbd")) {
            describe_disk(b, s, &list[i]);
        } else {
            describe_nic(b, s, &list[i]);
        }
    }
    buf_puts(b, "]");
    free(list);
    return b->failed ? err_set(e, -ENOMEM, "out of memory") : 0;
}

/* The old domain goes out of the new one's way: its name gets the time, the new one gets another UUID. */
static int set_aside(struct err *e, struct ctrl *c, struct xs_handle *s, const struct domain_info *d)
{
    char name[DOMAIN_NAME_MAX + 24], stamp[24];
    time_t now = time(NULL);
    struct tm tm;

    strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
    snprintf(name, sizeof(name), "%s-%s", d->name, stamp);
    return domain_rename(e, c, s, d->domid, name);
}

static int create_again(struct err *e, struct ctrl *c, struct xs_handle *s, const char *text,
                        const char *const overrides[], unsigned int count, uint32_t *domid)
{
    struct create_options o = { .text = text };
    struct domain_config config;
    int rc = domain_config_from_text(e, "saved configuration", text, strlen(text), overrides, count, &config);

    if (rc) {
        return rc;
    }
    rc = hardware_choose_macs(e, &config);
    rc = rc ? rc : domain_create(e, c, s, &config, &o, domid);
    domain_config_free(&config);
    return rc;
}

int domain_restart(struct err *e, struct ctrl *c, struct xs_handle *s, const struct domain_info *d, bool keep,
                   uint32_t *domid)
{
    char *text = saved_read(e, d->domid, d->uuid, SAVED_TEXT);
    struct buf disks = BUF_INIT, nics = BUF_INIT, name = BUF_INIT, uuid = BUF_INIT;
    uint8_t id[16];
    char hex[37];
    int rc;

    if (!text) {
        return err_set(e, -ENOENT, "the configuration of domain %u is not kept: it cannot be restarted",
                       d->domid);
    }
    memcpy(id, d->uuid, sizeof(id));
    if (keep && getrandom(id, sizeof(id), 0) == sizeof(id)) {
        uuid_random(id);
    }
    uuid_format(id, hex);
    buf_printf(&uuid, "uuid=\"%s\"", hex);
    buf_printf(&name, "name=\"%s\"", d->name);
    rc = describe_devices(e, s, d->domid, "vbd", "disk", &disks);
    rc = rc ? rc : describe_devices(e, s, d->domid, "vif", "vif", &nics);
    if (!rc) {
        rc = keep ? set_aside(e, c, s, d) : domain_destroy(e, c, s, d->domid);
    }
    if (!rc) {
        const char *overrides[] = { disks.text, nics.text, name.text, uuid.text };

        rc = create_again(e, c, s, text, overrides, 4, domid);
    }
    buf_free(&disks);
    buf_free(&nics);
    buf_free(&name);
    buf_free(&uuid);
    free(text);
    return rc;
}
