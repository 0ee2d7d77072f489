/* SPDX-License-Identifier: MIT */
/*
 * Network descriptions: see spec.h and xl-network-configuration(5). One table of keys; each row says where
 * the string goes, or which function reads the value. Channels (xen-pv-channel(7)) are read here too: they
 * are the same kind of text.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conf/field.h"
#include "lib/conf/spec.h"

#define RATE_INTERVAL 50000u /* microseconds, when none is given */
#define RATE_MAX      (1ULL << 32)
#define DEVID_MAX     0xffffu
#define MTU_MIN       68
#define MTU_MAX       65535
#define VLAN_MAX      4094

/* ---- MAC addresses ---- */

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    const char *p = c == '\0' ? NULL : strchr(digits, c);

    return p == NULL ? -1 : p - digits < 16 ? (int)(p - digits) : (int)(p - digits) - 6;
}

int mac_parse(struct err *e, const char *text, const uint8_t random[6], uint8_t mac[6])
{
    const char *p = text;

    for (unsigned int i = 0; i < 6; i++, p += 2) {
        if (i != 0 && *p++ != ':') {
            break;
        }
        if (random != NULL && (p[0] == 'X' || p[0] == 'x') && p[1] == p[0]) {
            mac[i] = random[i];
        } else if (hex_digit(p[0]) >= 0 && hex_digit(p[1]) >= 0) {
            mac[i] = (uint8_t)(hex_digit(p[0]) << 4 | hex_digit(p[1]));
        } else {
            break;
        }
        if (i == 5 && p[2] == '\0') {
            return mac[0] & 1 ? err_set(e, -EINVAL, "%s is a multicast address", text) : 0;
        }
    }
    err_set(e, -EINVAL, "\"%.40s\" is no MAC address", text);
    err_hint(e, "six pairs of hexadecimal digits, as 00:16:3e:12:34:56, or XX for a pair chosen at random");
    return -EINVAL;
}

void mac_random(const uint8_t random[3], uint8_t mac[6])
{
    static const uint8_t prefix[3] = { 0x00, 0x16, 0x3e };

    memcpy(mac, prefix, 3);
    memcpy(mac + 3, random, 3);
    mac[3] &= 0x7f; /* the upper half is for addresses that are given out by hand */
}

void mac_format(const uint8_t mac[6], char text[18])
{
    snprintf(text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

/* ---- rates ---- */

static int wrong_rate(struct err *e, const char *text)
{
    err_set(e, -EINVAL, "\"%.40s\" is no rate", text);
    err_hint(e, "as 10MB/s, 250Kb/s or 1MB/s@20ms: bytes (B) or bits (b) a second, refilled every 50ms");
    return -EINVAL;
}

/* "20ms", "100us", "1s" */
static bool parse_interval(const char *at, const char *end, uint32_t *interval)
{
    uint64_t n;
    uint64_t unit = 1000000;

    if (!field_digits(&at, end, UINT32_MAX, &n)) {
        return false;
    }
    if (*at == 'm' || *at == 'u') {
        unit = *at++ == 'm' ? 1000 : 1;
    }
    if (strcmp(at, "s") != 0 || n == 0 || n * unit > UINT32_MAX) {
        return false;
    }
    *interval = (uint32_t)(n * unit);
    return true;
}

int vif_rate_parse(struct err *e, const char *text, uint64_t *bytes, uint32_t *interval)
{
    const char *at = text;
    const char *end = text + strlen(text);
    uint64_t rate;
    uint32_t period = RATE_INTERVAL;

    if (!field_digits(&at, end, RATE_MAX, &rate) || rate == 0) {
        return wrong_rate(e, text);
    }
    if (*at == 'K' || *at == 'M' || *at == 'G') {
        rate *= *at == 'K' ? 1000 : *at == 'M' ? 1000000 : 1000000000;
        at++;
    }
    if (*at == 'b') {
        rate /= 8;
    } else if (*at != 'B') {
        return wrong_rate(e, text);
    }
    at++;
    if (strncmp(at, "/s", 2) != 0 || (at[2] != '\0' && at[2] != '@') ||
        (at[2] == '@' && !parse_interval(at + 3, end, &period))) {
        return wrong_rate(e, text);
    }
    if (rate > UINT64_MAX / period || rate * period / 1000000 > UINT32_MAX) {
        return err_set(e, -ERANGE, "the rate %.40s is too large", text);
    }
    rate = rate * period / 1000000;
    if (rate == 0) {
        return err_set(e, -EINVAL, "the rate %.40s lets not one byte through in an interval", text);
    }
    *bytes = rate;
    *interval = period;
    return 0;
}

/* ---- networks ---- */

static int text_of(struct err *e, const struct field *f, char **text)
{
    *text = strndup(f->value, f->value_size);
    return *text == NULL ? err_set(e, -ENOMEM, "out of memory") : 0;
}

static int set_mac(struct err *e, struct vif_spec *v, const struct field *f)
{
    char *text;
    int rc = text_of(e, f, &text);

    if (rc == 0) {
        rc = mac_parse(e, text, v->mac, v->mac);
        v->has_mac = rc == 0;
        free(text);
    }
    return rc;
}

static int set_rate(struct err *e, struct vif_spec *v, const struct field *f)
{
    char *text;
    int rc = text_of(e, f, &text);

    if (rc == 0) {
        rc = vif_rate_parse(e, text, &v->rate_bytes, &v->rate_interval);
        free(text);
    }
    return rc;
}

static int set_vif_type(struct err *e, struct vif_spec *v, const struct field *f)
{
    v->ioemu = field_value_is(f, "ioemu");
    if (!v->ioemu && !field_value_is(f, "vif")) {
        return err_set(e, -EINVAL, "\"type\" is vif or ioemu, not \"%.*s\"", (int)f->value_size, f->value);
    }
    return 0;
}

static int set_devid(struct err *e, struct vif_spec *v, const struct field *f)
{
    uint64_t n = 0;
    int rc = field_number(e, f, DEVID_MAX, &n);

    v->devid = rc == 0 ? (int)n : -1;
    return rc;
}

static int set_mtu(struct err *e, struct vif_spec *v, const struct field *f)
{
    uint64_t n = 0;
    int rc = field_number(e, f, MTU_MAX, &n);

    if (rc == 0 && n < MTU_MIN) {
        return err_set(e, -ERANGE, "an MTU is %d to %d, not %llu", MTU_MIN, MTU_MAX, (unsigned long long)n);
    }
    v->mtu = (unsigned int)n;
    return rc;
}

static int set_vlan(struct err *e, struct vif_spec *v, const struct field *f)
{
    uint64_t n = 0;
    int rc = field_number(e, f, VLAN_MAX, &n);

    v->vlan = (unsigned int)n;
    return rc;
}

static int refuse(struct err *e, struct vif_spec *v, const struct field *f)
{
    return err_set(e, -EOPNOTSUPP, "\"%.*s\" is not built yet", (int)f->key_size, f->key);
}

#define VIF_STRING(key, member)                                                                              \
    {                                                                                                        \
        key, offsetof(struct vif_spec, member), NULL                                                         \
    }
#define VIF_FUNCTION(key, function)                                                                          \
    {                                                                                                        \
        key, 0, function                                                                                     \
    }

static const struct vif_key {
    const char *name;
    size_t offset; /* of a string */
    int (*set)(struct err *e, struct vif_spec *v, const struct field *f);
} vif_keys[] = {
    VIF_FUNCTION("type", set_vif_type), VIF_FUNCTION("mac", set_mac),
    VIF_STRING("bridge", bridge),       VIF_STRING("gatewaydev", gatewaydev),
    VIF_STRING("netdev", gatewaydev),   VIF_STRING("ip", ip),
    VIF_STRING("script", script),       VIF_STRING("backend", backend),
    VIF_STRING("vifname", vifname),     VIF_STRING("model", model),
    VIF_FUNCTION("rate", set_rate),     VIF_FUNCTION("devid", set_devid),
    VIF_FUNCTION("mtu", set_mtu),       VIF_FUNCTION("vlan", set_vlan),
    VIF_FUNCTION("forwarddev", refuse), VIF_FUNCTION("accel", refuse),
};

#define VIF_KNOWN                                                                                            \
    "mac bridge gatewaydev type model vifname script ip backend rate devid mtu vlan trusted untrusted"

static int read_vif_field(struct err *e, struct vif_spec *v, const struct field *f)
{
    if (field_flag_is(f, "trusted") || field_flag_is(f, "untrusted")) {
        v->untrusted = f->start[0] == 'u';
        return 0;
    }
    for (size_t i = 0; i < sizeof(vif_keys) / sizeof(vif_keys[0]); i++) {
        if (field_key_is(f, vif_keys[i].name)) {
            return vif_keys[i].set != NULL ? vif_keys[i].set(e, v, f)
                                           : field_take(e, f, (char **)((char *)v + vif_keys[i].offset));
        }
    }
    return field_unknown(e, f, VIF_KNOWN);
}

/* v->mac holds random bytes when this begins, for pairs that are left open. */
int vif_spec_parse(struct err *e, const char *text, struct vif_spec *v)
{
    struct vif_spec start = { .place = v->place, .devid = -1 };
    struct field f;
    int rc = 0;

    memcpy(start.mac, v->mac, sizeof(start.mac));
    *v = start;
    for (const char *at = text; rc == 0 && field_next(&at, &f);) {
        if (f.size != 0) {
            rc = read_vif_field(e, v, &f);
        }
    }
    return rc;
}

void vif_spec_free(struct vif_spec *v)
{
    for (size_t i = 0; i < sizeof(vif_keys) / sizeof(vif_keys[0]); i++) {
        char **text = (char **)((char *)v + vif_keys[i].offset);

        if (vif_keys[i].set == NULL) {
            free(*text);
            *text = NULL;
        }
    }
    *v = (struct vif_spec){ 0 };
}

/* ---- channels ---- */

static int read_channel_field(struct err *e, struct channel_spec *c, const struct field *f)
{
    if (field_key_is(f, "name")) {
        return field_take(e, f, &c->name);
    }
    if (field_key_is(f, "backend")) {
        return field_take(e, f, &c->backend);
    }
    if (field_key_is(f, "path")) {
        return field_take(e, f, &c->path);
    }
    if (!field_key_is(f, "connection")) {
        return field_unknown(e, f, "name connection path backend");
    }
    c->socket = field_value_is(f, "socket") || field_value_is(f, "SOCKET");
    if (!c->socket && !field_value_is(f, "pty") && !field_value_is(f, "PTY")) {
        return err_set(e, -EINVAL, "\"connection\" is pty or socket, not \"%.*s\"", (int)f->value_size,
                       f->value);
    }
    return 0;
}

int channel_spec_parse(struct err *e, const char *text, struct channel_spec *c)
{
    struct conf_place place = c->place;
    bool has_connection = false;
    struct field f;
    int rc = 0;

    *c = (struct channel_spec){ .place = place };
    for (const char *at = text; rc == 0 && field_next(&at, &f);) {
        if (f.size != 0) {
            rc = read_channel_field(e, c, &f);
            has_connection = has_connection || field_key_is(&f, "connection");
        }
    }
    if (rc == 0 && (c->name == NULL || !has_connection)) {
        err_set(e, -EINVAL, "a channel needs a name and a connection");
        err_hint(e, "as \"name=org.example.agent.0,connection=pty\"");
        rc = -EINVAL;
    }
    if (rc == 0 && c->socket != (c->path != NULL)) {
        rc = err_set(e, -EINVAL,
                     c->socket ? "connection=socket needs path=" : "path= is for connection=socket");
    }
    return rc;
}

void channel_spec_free(struct channel_spec *c)
{
    free(c->name);
    free(c->backend);
    free(c->path);
    *c = (struct channel_spec){ 0 };
}
