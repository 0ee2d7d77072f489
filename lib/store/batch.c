/* SPDX-License-Identifier: MIT */
/* Many requests in one round trip: see lib/store/xenstore.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/store/connection.h"
#include "lib/store/xenstore.h"

static void add(struct store_batch *b, uint32_t type, xs_transaction_t t, const struct part *parts,
                unsigned int count)
{
    if (connection_request(&b->requests, type, t, parts, count)) {
        b->count++;
    } else {
        b->too_long++;
    }
}

static struct part string(const char *text)
{
    return (struct part){ text, strlen(text) + 1 };
}

void store_batch_read(struct store_batch *b, xs_transaction_t t, const char *path)
{
    struct part p = string(path);

    add(b, XS_READ, t, &p, 1);
}

void store_batch_directory(struct store_batch *b, xs_transaction_t t, const char *path)
{
    struct part p = string(path);

    add(b, XS_DIRECTORY, t, &p, 1);
}

void store_batch_write(struct store_batch *b, xs_transaction_t t, const char *path, const void *data,
                       size_t length)
{
    struct part parts[2] = { string(path), { data, length } };

    add(b, XS_WRITE, t, parts, 2);
}

void store_batch_commit(struct store_batch *b, xs_transaction_t t)
{
    struct part p = string("T");

    add(b, XS_TRANSACTION_END, t, &p, 1);
}

void store_batch_release(struct store_batch *b, unsigned int domid)
{
    char text[16];
    struct part p = { text, 0 };

    p.size = (size_t)snprintf(text, sizeof(text), "%u", domid) + 1;
    add(b, XS_RELEASE, XBT_NULL, &p, 1);
}

void store_batch_remove(struct store_batch *b, xs_transaction_t t, const char *path)
{
    struct part p = string(path);

    add(b, XS_RM, t, &p, 1);
}

void store_batch_permit(struct store_batch *b, xs_transaction_t t, const char *path,
                        const struct xs_permissions *perms, unsigned int count)
{
    static const char letters[] = "nrwb";
    struct buf text = BUF_INIT;
    struct part parts[2] = { string(path), { NULL, 0 } };

    for (unsigned int i = 0; i < count; i++) {
        buf_printf(&text, "%c%u", letters[perms[i].perms & 3], perms[i].id);
        buf_putc(&text, '\0');
    }
    parts[1] = (struct part){ text.text, text.length };
    b->requests.failed |= text.failed;
    add(b, XS_SET_PERMS, t, parts, 2);
    buf_free(&text);
}

struct taking {
    struct store_batch *batch;
    unsigned int done;
};

static int take(void *context, const struct xsd_sockmsg *m, const char *payload)
{
    struct taking *k = context;
    struct store_answer *a = &k->batch->list[k->done++];

    *a = (struct store_answer){ .offset = k->batch->answers.length };
    if (m->type == XS_ERROR) {
        a->error = connection_errno(payload, m->len);
        return 0;
    }
    a->length = m->len;
    buf_add(&k->batch->answers, payload, m->len);
    buf_putc(&k->batch->answers, '\0');
    return k->batch->answers.failed ? -ENOMEM : 0;
}

int store_batch_run(struct xs_handle *h, struct store_batch *b)
{
    struct taking k = { .batch = b };

    if (b->too_long) {
        return -E2BIG;
    }
    free(b->list);
    b->list = calloc(b->count + 1, sizeof(*b->list));
    buf_reset(&b->answers);
    if (!b->list || b->requests.failed) {
        return -ENOMEM;
    }
    return b->count ? connection_exchange(h, b->requests.text, b->requests.length, b->count, take, &k) : 0;
}

int store_batch_error(const struct store_batch *b, unsigned int i)
{
    return b->list[i].error;
}

const char *store_batch_text(const struct store_batch *b, unsigned int i)
{
    return b->list[i].error ? NULL : b->answers.text + b->list[i].offset;
}

void store_batch_reset(struct store_batch *b)
{
    buf_reset(&b->requests);
    b->count = 0;
    b->too_long = 0;
}

void store_batch_free(struct store_batch *b)
{
    buf_free(&b->requests);
    buf_free(&b->answers);
    free(b->list);
    *b = (struct store_batch)STORE_BATCH_INIT;
}
