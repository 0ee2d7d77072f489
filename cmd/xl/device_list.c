/* SPDX-License-Identifier: MIT */
/* xl block-list, network-list, channel-list, console-list; block-detach, network-detach. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cmd/xl/format.h"
#include "cmd/xl/output.h"
#include "cmd/xl/xl.h"
#include "lib/conf/spec.h"
#include "lib/ctrl/ctrl.h"
#include "lib/domain/device.h"
#include "lib/domain/domain.h"
#include "lib/store/xenstore.h"

enum { DETACH_SECONDS = 10 };

const struct xl_option xl_block_detach_options[] = {
    { XL_OPTION_LONG, "force", NULL, "Take it away even if the guest does not let go" },
    { 0 },
};

/* ---- lists -------------------------------------------------------------------------------------- */

typedef void put_device(struct xl *xl, const struct device *d, unsigned int index, struct json *j);

/* Every domain of the command line that exists. One that does not ends the list of networks and is passed
 * over in that of disks: so it always was. */
static void each_domain(struct xl *xl, int argc, char **argv, const char *kind, const char *complaint,
                        put_device *put, struct json *j)
{
    for (int i = optind; i < argc; i++) {
        struct device *list;
        struct domain_info info;
        unsigned int count;
        uint32_t domid;

        if (domain_find(NULL, xl_store(xl), argv[i], &domid) || domain_get(NULL, xl_ctrl(xl), domid, &info)) {
            xl_say_no_domain(argv[i], complaint);
            if (*complaint) {
                exit(1);
            }
            continue;
        }
        if (device_list(&xl->err, xl_store(xl), domid, kind, &list, &count)) {
            xl_die(xl);
        }
        for (unsigned int k = 0; k < count; k++) {
            put(xl, &list[k], k, j);
        }
        free(list);
    }
}

static int list_devices(struct xl *xl, int argc, char **argv, const char *kind, const char *complaint,
                        void (*heading)(FILE *), put_device *put)
{
    struct json json, *j = NULL;

    xl_options(xl, argc, argv);
    if (xl->json) {
        j = &json;
        output_begin(j);
        json_array_begin(j);
    } else {
        heading(stdout);
    }
    each_domain(xl, argc, argv, kind, complaint, put, j);
    if (j) {
        json_array_end(j);
        output_end(xl, j);
    }
    return 0;
}

static void fill_format(struct xl *xl, const struct device *d, struct format_device *f)
{
    *f = (struct format_device){
        .devid = (int)d->devid,
        .backend_id = d->backend_id,
        .frontend_id = d->domid,
        .backend = d->back,
        .state = (int)device_read_number(xl_store(xl), d->front, "state", -1),
        .evtch = (int)device_read_number(xl_store(xl), d->front, "event-channel", -1),
        .ring = -1,
        .ring2 = -1,
    };
}

static void put_common(struct xl *xl, const struct device *d, const struct format_device *f, struct json *j)
{
    json_object_begin(j);
    json_field_uint(j, "domid", d->domid);
    json_field_uint(j, "devid", d->devid);
    json_field_uint(j, "backend_domid", d->backend_id);
    json_field_int(j, "state", f->state);
    json_field_int(j, "backend_state", device_read_number(xl_store(xl), d->back, "state", -1));
    json_field_string(j, "frontend", d->front);
    json_field_string(j, "backend", d->back);
}

/* Values of the device's own copy of its backend's nodes, as strings. */
static void put_nodes(struct xl *xl, const struct device *d, const char *const *names, struct json *j)
{
    for (; *names; names++) {
        char *value = device_read(xl_store(xl), d->library, *names);

        if (value) {
            json_field_string(j, *names, value);
        }
        free(value);
    }
}

static void put_disk(struct xl *xl, const struct device *d, unsigned int index, struct json *j)
{
    static const char *const names[] = { "dev", "params", "mode", "device-type", "script", NULL };
    struct format_device f;

    fill_format(xl, d, &f);
    f.ring = (int)device_read_number(xl_store(xl), d->front, "ring-ref", -1);
    if (!j) {
        format_block_row(stdout, &f);
        return;
    }
    put_common(xl, d, &f, j);
    put_nodes(xl, d, names, j);
    json_object_end(j);
}

static void put_nic(struct xl *xl, const struct device *d, unsigned int index, struct json *j)
{
    static const char *const names[] = { "mac", "bridge", "ip", "script", "rate", "vifname", NULL };
    struct format_device f;
    char *mac;

    fill_format(xl, d, &f);
    f.ring = (int)device_read_number(xl_store(xl), d->front, "tx-ring-ref", -1);
    f.ring2 = (int)device_read_number(xl_store(xl), d->front, "rx-ring-ref", -1);
    if (!j) {
        mac = device_read(xl_store(xl), d->library, "mac");
        f.mac = mac ? mac : "?";
        format_network_row(stdout, index, &f);
        free(mac);
        return;
    }
    put_common(xl, d, &f, j);
    put_nodes(xl, d, names, j);
    json_object_end(j);
}

int xl_block_list(struct xl *xl, int argc, char **argv)
{
    return list_devices(xl, argc, argv, "vbd", "", format_block_heading, put_disk);
}

int xl_network_list(struct xl *xl, int argc, char **argv)
{
    return list_devices(xl, argc, argv, "vif", " (rc=-6)", format_network_heading, put_nic);
}

/* ---- consoles and channels ---------------------------------------------------------------------- */

/* The first console's frontend is not below device/. */
static void console_front(const struct device *d, char path[LAYOUT_PATH_MAX])
{
    if (d->devid) {
        snprintf(path, LAYOUT_PATH_MAX, "%s", d->front);
    } else {
        snprintf(path, LAYOUT_PATH_MAX, "/local/domain/%u/console", d->domid);
    }
}

static void put_console(struct xl *xl, const struct device *d, unsigned int index, struct json *j)
{
    char path[LAYOUT_PATH_MAX], *tty, *type;

    console_front(d, path);
    tty = device_read(xl_store(xl), path, "tty");
    type = device_read(xl_store(xl), path, "type");
    if (j) {
        json_object_begin(j);
        json_field_uint(j, "domid", d->domid);
        json_field_uint(j, "console", d->devid);
        json_field_string(j, "type", type);
        json_field_string(j, "tty", tty);
        json_object_end(j);
    } else {
        printf("%-3u %-2u %-12s %-20s %s\n", d->devid, d->backend_id, type ? type : "-",
               tty && *tty ? tty : "-", d->back);
    }
    free(tty);
    free(type);
}

static void console_heading(FILE *f)
{
    fprintf(f, "%-3s %-2s %-12s %-20s %s\n", "Idx", "BE", "type", "tty", "BE-path");
}

static void channel_heading(FILE *f)
{
    fprintf(f, "%-3s %-2s %-5s %-6s %8s %-10s %-30s\n", "Idx", "BE", "state", "evt-ch", "ring-ref",
            "connection", "");
}

/* A channel is a console with a name. */
static void put_channel(struct xl *xl, const struct device *d, unsigned int index, struct json *j)
{
    char path[LAYOUT_PATH_MAX], *name, *connection;
    struct format_device f;

    console_front(d, path);
    name = device_read(xl_store(xl), d->library, "name");
    if (!name || !d->devid) {
        free(name);
        return;
    }
    fill_format(xl, d, &f);
    f.evtch = (int)device_read_number(xl_store(xl), path, "port", -1);
    connection = device_read(xl_store(xl), d->library, "connection");
    if (j) {
        put_common(xl, d, &f, j);
        json_field_string(j, "name", name);
        json_field_string(j, "connection", connection);
        json_object_end(j);
    } else {
        bool is_socket = connection && !strcmp(connection, "socket");
        char *tty = is_socket ? device_read(xl_store(xl), d->library, "path")
                              : device_read(xl_store(xl), path, "tty");

        printf("%-3u %-2u %-5d %-6d %8ld %-10s %-30s\n", d->devid, d->backend_id, f.state, f.evtch,
               device_read_number(xl_store(xl), path, "ring-ref", -1), connection ? connection : "-",
               tty ? tty : "");
        free(tty);
    }
    free(name);
    free(connection);
}

int xl_console_list(struct xl *xl, int argc, char **argv)
{
    return list_devices(xl, argc, argv, "console", " (rc=-6)", console_heading, put_console);
}

int xl_channel_list(struct xl *xl, int argc, char **argv)
{
    return list_devices(xl, argc, argv, "console", " (rc=-6)", channel_heading, put_channel);
}

/* ---- detach ------------------------------------------------------------------------------------- */

static void detach(struct xl *xl, const struct device *d, bool force)
{
    if (device_remove(&xl->err, xl_store(xl), d, force, DETACH_SECONDS)) {
        xl_die(xl);
    }
}

int xl_block_detach(struct xl *xl, int argc, char **argv)
{
    struct device *list;
    unsigned int count;
    bool force = false;
    uint32_t domid;
    unsigned int number;
    int letter;

    while ((letter = xl_options(xl, argc, argv)) != -1) {
        force |= letter == XL_OPTION_LONG;
    }
    domid = xl_domain(xl, argv[optind]);
    if (disk_vdev_parse(argv[optind + 1], &number)) {
        fprintf(stderr, "Error: Device %s not connected.\n", argv[optind + 1]);
        return 1;
    }
    if (device_list(&xl->err, xl_store(xl), domid, "vbd", &list, &count)) {
        xl_die(xl);
    }
    for (unsigned int i = 0; i < count; i++) {
        if (list[i].devid == number) {
            detach(xl, &list[i], force);
            free(list);
            return 0;
        }
    }
    free(list);
    fprintf(stderr, "Error: Device %s not connected.\n", argv[optind + 1]);
    return 1;
}

static bool is_nic(struct xl *xl, const struct device *d, const char *text)
{
    char *end, *mac;
    unsigned long number = strtoul(text, &end, 10);
    bool same;

    if (*text && !*end) {
        return number == d->devid;
    }
    mac = device_read(xl_store(xl), d->library, "mac");
    same = mac && !strcasecmp(mac, text);
    free(mac);
    return same;
}

int xl_network_detach(struct xl *xl, int argc, char **argv)
{
    struct device *list;
    unsigned int count;
    uint32_t domid;

    xl_options(xl, argc, argv);
    domid = xl_domain(xl, argv[optind]);
    if (device_list(&xl->err, xl_store(xl), domid, "vif", &list, &count)) {
        xl_die(xl);
    }
    for (unsigned int i = 0; i < count; i++) {
        if (is_nic(xl, &list[i], argv[optind + 1])) {
            detach(xl, &list[i], false);
            free(list);
            return 0;
        }
    }
    free(list);
    fprintf(stderr, "Unknown device %s.\n", argv[optind + 1]);
    return 1;
}
