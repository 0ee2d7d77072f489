/* SPDX-License-Identifier: MIT */
/* One request, one answer: the xs_ functions of lib/store/xenstore.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/store/connection.h"
#include "lib/store/xenstore.h"

struct answer {
    char *text; /* NUL-terminated copy */
    unsigned int length;
    int error;
    uint32_t wanted; /* type of a good answer */
};

static int take_answer(void *context, const struct xsd_sockmsg *m, const char *payload)
{
    struct answer *a = context;

    if (m->type == XS_ERROR) {
        a->error = connection_errno(payload, m->len);
        return 0;
    }
    if (m->type != a->wanted) {
        return -EIO;
    }
    a->text = malloc(m->len + 1);
    if (!a->text) {
        return -ENOMEM;
    }
    memcpy(a->text, payload, m->len);
    a->text[m->len] = '\0';
    a->length = m->len;
    return 0;
}

/* The answer's text for the caller to free, or NULL and errno. */
static char *talk(struct xs_handle *h, uint32_t type, xs_transaction_t t, const struct part *parts,
                  unsigned int count, unsigned int *length)
{
    struct answer a = { .wanted = type };
    struct buf out = BUF_INIT;
    int rc;

    if (!connection_request(&out, type, t, parts, count)) {
        errno = E2BIG;
        return NULL;
    }
    rc = out.failed ? -ENOMEM : connection_exchange(h, out.text, out.length, 1, take_answer, &a);
    buf_free(&out);
    if (rc || a.error) {
        free(a.text);
        errno = rc ? -rc : a.error;
        return NULL;
    }
    if (length) {
        *length = a.length;
    }
    return a.text;
}

/* A request whose answer is nothing but OK. */
static bool order(struct xs_handle *h, uint32_t type, xs_transaction_t t, const struct part *parts,
                  unsigned int count)
{
    char *text = talk(h, type, t, parts, count, NULL);

    free(text);
    return text != NULL;
}

static struct part string(const char *text)
{
    return (struct part){ text, strlen(text) + 1 };
}

/* ---- nodes -------------------------------------------------------------------------------------- */

void *xs_read(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *length)
{
    struct part p = string(path);

    return talk(h, XS_READ, t, &p, 1, length);
}

/* Names end in NUL one after the other: pointers to them before them, in one piece. */
static char **split(const char *text, unsigned int length, unsigned int *count)
{
    char **list, *copy;
    unsigned int n = 0;

    for (unsigned int i = 0; i < length; i++) {
        n += !text[i];
    }
    list = malloc((n + 1) * sizeof(*list) + length + 1);
    if (!list) {
        return NULL;
    }
    copy = (char *)(list + n + 1);
    memcpy(copy, text, length);
    copy[length] = '\0';
    for (unsigned int i = 0; i < n; i++) {
        list[i] = copy;
        copy += strlen(copy) + 1;
    }
    list[n] = NULL;
    *count = n;
    return list;
}

struct parts_answer {
    struct buf text;
    int error;
    char generation[24];
    bool complete;
};

static int take_part(void *context, const struct xsd_sockmsg *m, const char *payload)
{
    struct parts_answer *a = context;
    const char *end = memchr(payload, '\0', m->len);

    if (m->type == XS_ERROR) {
        a->error = connection_errno(payload, m->len);
        return 0;
    }
    if (m->type != XS_DIRECTORY_PART || !end || (size_t)(end - payload) >= sizeof(a->generation)) {
        return -EIO;
    }
    /* The node changed since the last part: from the start again. */
    if (a->generation[0] && strcmp(a->generation, payload)) {
        buf_reset(&a->text);
        a->generation[0] = '\0';
        return 0;
    }
    snprintf(a->generation, sizeof(a->generation), "%s", payload);
    end++;
    if (m->len - (size_t)(end - payload) == 1 && !*end) {
        a->complete = true;
        return 0;
    }
    buf_add(&a->text, end, m->len - (size_t)(end - payload));
    /* The last part ends in an empty name. */
    if (a->text.length >= 2 && !a->text.text[a->text.length - 1] && !a->text.text[a->text.length - 2]) {
        a->text.length--;
        a->complete = true;
    }
    return 0;
}

/* A directory too large for one message, in parts. */
static char **directory_parts(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *count)
{
    struct parts_answer a = { .complete = false };
    char **list = NULL;
    int rc = 0;

    while (!a.complete && !a.error && !rc) {
        struct buf out = BUF_INIT;
        char offset[24];
        struct part parts[2] = { string(path), { offset, 0 } };

        parts[1].size = (size_t)snprintf(offset, sizeof(offset), "%zu", a.text.length) + 1;
        connection_request(&out, XS_DIRECTORY_PART, t, parts, 2);
        rc = out.failed ? -ENOMEM : connection_exchange(h, out.text, out.length, 1, take_part, &a);
        buf_free(&out);
    }
    if (!rc && !a.error) {
        list = split(a.text.text ? a.text.text : "", (unsigned int)a.text.length, count);
    }
    buf_free(&a.text);
    errno = rc ? -rc : a.error;
    return list;
}

char **xs_directory(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *count)
{
    struct part p = string(path);
    unsigned int length;
    char *text = talk(h, XS_DIRECTORY, t, &p, 1, &length);
    char **list;

    if (!text && errno == E2BIG) {
        return directory_parts(h, t, path, count);
    }
    list = text ? split(text, length, count) : NULL;
    free(text);
    return list;
}

bool xs_write(struct xs_handle *h, xs_transaction_t t, const char *path, const void *data,
              unsigned int length)
{
    struct part parts[2] = { string(path), { data, length } };

    return order(h, XS_WRITE, t, parts, 2);
}

bool xs_mkdir(struct xs_handle *h, xs_transaction_t t, const char *path)
{
    struct part p = string(path);

    return order(h, XS_MKDIR, t, &p, 1);
}

bool xs_rm(struct xs_handle *h, xs_transaction_t t, const char *path)
{
    struct part p = string(path);

    return order(h, XS_RM, t, &p, 1);
}

/* ---- permissions -------------------------------------------------------------------------------- */

static enum xs_perm_type perm_of(char letter)
{
    return letter == 'r'   ? XS_PERM_READ
           : letter == 'w' ? XS_PERM_WRITE
           : letter == 'b' ? XS_PERM_READ | XS_PERM_WRITE
                           : XS_PERM_NONE;
}

struct xs_permissions *xs_get_permissions(struct xs_handle *h, xs_transaction_t t, const char *path,
                                          unsigned int *count)
{
    struct part p = string(path);
    struct xs_permissions *perms = NULL;
    unsigned int length;
    char *text = talk(h, XS_GET_PERMS, t, &p, 1, &length);
    char **list = text ? split(text, length, count) : NULL;

    if (list) {
        perms = calloc(*count + 1, sizeof(*perms));
    }
    for (unsigned int i = 0; perms && i < *count; i++) {
        perms[i].perms = perm_of(list[i][0]);
        perms[i].id = list[i][0] ? (unsigned int)strtoul(list[i] + 1, NULL, 10) : 0;
    }
    free(list);
    free(text);
    return perms;
}

bool xs_set_permissions(struct xs_handle *h, xs_transaction_t t, const char *path,
                        struct xs_permissions *perms, unsigned int count)
{
    struct store_batch b = STORE_BATCH_INIT;
    int rc;

    store_batch_permit(&b, t, path, perms, count);
    rc = store_batch_run(h, &b);
    rc = rc ? -rc : store_batch_error(&b, 0);
    store_batch_free(&b);
    errno = rc;
    return rc == 0;
}

/* ---- watches, transactions ---------------------------------------------------------------------- */

bool xs_watch(struct xs_handle *h, const char *path, const char *token)
{
    struct part parts[2] = { string(path), string(token) };

    return order(h, XS_WATCH, 0, parts, 2) && connection_watch(h, path, token);
}

bool xs_unwatch(struct xs_handle *h, const char *path, const char *token)
{
    struct part parts[2] = { string(path), string(token) };

    bool done = order(h, XS_UNWATCH, 0, parts, 2);

    connection_unwatch(h, path, token);
    return done;
}

xs_transaction_t xs_transaction_start(struct xs_handle *h)
{
    struct part p = string("");
    char *text = talk(h, XS_TRANSACTION_START, 0, &p, 1, NULL);
    xs_transaction_t t = text ? (xs_transaction_t)strtoul(text, NULL, 0) : XBT_NULL;

    free(text);
    return t;
}

bool xs_transaction_end(struct xs_handle *h, xs_transaction_t t, bool abort)
{
    struct part p = string(abort ? "F" : "T");

    return order(h, XS_TRANSACTION_END, t, &p, 1);
}

/* ---- domains ------------------------------------------------------------------------------------ */

struct number {
    char text[24];
};

static struct part number(unsigned long value, struct number *n)
{
    return (struct part){ n->text, (size_t)snprintf(n->text, sizeof(n->text), "%lu", value) + 1 };
}

bool xs_introduce_domain(struct xs_handle *h, unsigned int domid, unsigned long frame, unsigned int port)
{
    struct number n[3];
    struct part parts[3] = { number(domid, &n[0]), number(frame, &n[1]), number(port, &n[2]) };

    return order(h, XS_INTRODUCE, 0, parts, 3);
}

static bool order_domain(struct xs_handle *h, uint32_t type, unsigned int domid)
{
    struct number n;
    struct part p = number(domid, &n);

    return order(h, type, 0, &p, 1);
}

bool xs_release_domain(struct xs_handle *h, unsigned int domid)
{
    return order_domain(h, XS_RELEASE, domid);
}

bool xs_resume_domain(struct xs_handle *h, unsigned int domid)
{
    return order_domain(h, XS_RESUME, domid);
}

bool xs_set_target(struct xs_handle *h, unsigned int domid, unsigned int target)
{
    struct number n[2];
    struct part parts[2] = { number(domid, &n[0]), number(target, &n[1]) };

    return order(h, XS_SET_TARGET, 0, parts, 2);
}

bool xs_is_domain_introduced(struct xs_handle *h, unsigned int domid)
{
    struct number n;
    struct part p = number(domid, &n);
    char *text = talk(h, XS_IS_DOMAIN_INTRODUCED, 0, &p, 1, NULL);
    bool yes = text && *text == 'T';

    free(text);
    return yes;
}

char *xs_get_domain_path(struct xs_handle *h, unsigned int domid)
{
    struct number n;
    struct part p = number(domid, &n);

    return talk(h, XS_GET_DOMAIN_PATH, 0, &p, 1, NULL);
}

char *xs_control_command(struct xs_handle *h, const char *command, void *data, unsigned int length)
{
    struct part parts[2] = { string(command), { data, length } };

    return talk(h, XS_CONTROL, 0, parts, 2, NULL);
}
