/* SPDX-License-Identifier: MIT */
/*
 * The client of xenstored, under the names and with the meaning of the public <xenstore.h>, and batches of
 * requests that cost one round trip (store_batch_*).
 *
 * A handle is for one thread. Calls return false or NULL with errno set; what they return is the caller's to
 * free(). Watch events that arrive between an answer and its question are kept and come from xs_read_watch()
 * in order; xs_fileno() is readable exactly while there may be one.
 */
#ifndef LIB_STORE_XENSTORE_H
#define LIB_STORE_XENSTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"

#define XBT_NULL 0

#define XS_OPEN_READONLY   (1UL << 0)
#define XS_OPEN_SOCKETONLY (1UL << 1)
/* Ours: the handle outlives a daemon that dies and is started again within some seconds. What was under way is
 * done by the successor; a transaction fails with EAGAIN and is started again by whoever expects that one may
 * lose; each watch fires once more. */
#define STORE_OPEN_LASTING (1UL << 16)

/* What xs_read_watch() returns: [XS_WATCH_PATH], [XS_WATCH_TOKEN]. */
#define XS_WATCH_PATH  0
#define XS_WATCH_TOKEN 1

typedef uint32_t xs_transaction_t;
struct xs_handle;

enum xs_perm_type { XS_PERM_NONE = 0, XS_PERM_READ = 1, XS_PERM_WRITE = 2, XS_PERM_OWNER = 4 };

struct xs_permissions {
    unsigned int id;
    enum xs_perm_type perms;
};

struct xs_handle *xs_open(unsigned long flags);
void xs_close(struct xs_handle *h);

char **xs_directory(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *count);
/* With a NUL behind it that *length does not count; length may be NULL. */
void *xs_read(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *length);
bool xs_write(struct xs_handle *h, xs_transaction_t t, const char *path, const void *data,
              unsigned int length);
bool xs_mkdir(struct xs_handle *h, xs_transaction_t t, const char *path);
bool xs_rm(struct xs_handle *h, xs_transaction_t t, const char *path);
struct xs_permissions *xs_get_permissions(struct xs_handle *h, xs_transaction_t t, const char *path,
                                          unsigned int *count);
bool xs_set_permissions(struct xs_handle *h, xs_transaction_t t, const char *path,
                        struct xs_permissions *perms, unsigned int count);

bool xs_watch(struct xs_handle *h, const char *path, const char *token);
bool xs_unwatch(struct xs_handle *h, const char *path, const char *token);
int xs_fileno(struct xs_handle *h);
/* The next event; xs_check_watch() does not wait: NULL and EAGAIN. */
char **xs_read_watch(struct xs_handle *h, unsigned int *count);
char **xs_check_watch(struct xs_handle *h);

/* XBT_NULL on failure. An end that returns false with EAGAIN lost against another: start again. */
xs_transaction_t xs_transaction_start(struct xs_handle *h);
bool xs_transaction_end(struct xs_handle *h, xs_transaction_t t, bool abort);

bool xs_introduce_domain(struct xs_handle *h, unsigned int domid, unsigned long frame, unsigned int port);
bool xs_release_domain(struct xs_handle *h, unsigned int domid);
bool xs_resume_domain(struct xs_handle *h, unsigned int domid);
bool xs_set_target(struct xs_handle *h, unsigned int domid, unsigned int target);
bool xs_is_domain_introduced(struct xs_handle *h, unsigned int domid);
char *xs_get_domain_path(struct xs_handle *h, unsigned int domid);
char *xs_control_command(struct xs_handle *h, const char *command, void *data, unsigned int length);

/* ---- many requests, one round trip ---- */
/*
 *     struct store_batch b = STORE_BATCH_INIT;
 *     store_batch_read(&b, t, path); ...
 *     if (store_batch_run(h, &b)) ... store_batch_error(&b, 0), store_batch_text(&b, 0) ...
 *     store_batch_free(&b);
 *
 * Requests are done in their order, whatever becomes of those before. Adding does not fail; running does
 * (-ENOMEM, or the connection's errno), and then no answer counts.
 */
struct store_answer {
    int error;     /* 0 or errno */
    size_t offset; /* into answers.text */
    size_t length;
};

struct store_batch {
    struct buf requests, answers;
    struct store_answer *list;
    unsigned int count;
    unsigned int too_long; /* requests over the protocol's limit */
};

#define STORE_BATCH_INIT                                                                                     \
    {                                                                                                        \
        .count = 0                                                                                           \
    }

void store_batch_read(struct store_batch *b, xs_transaction_t t, const char *path);
void store_batch_directory(struct store_batch *b, xs_transaction_t t, const char *path);
void store_batch_write(struct store_batch *b, xs_transaction_t t, const char *path, const void *data,
                       size_t length);
void store_batch_remove(struct store_batch *b, xs_transaction_t t, const char *path);
/* Its answer's error is EAGAIN when the transaction conflicted. */
void store_batch_commit(struct store_batch *b, xs_transaction_t t);
void store_batch_release(struct store_batch *b, unsigned int domid);
void store_batch_permit(struct store_batch *b, xs_transaction_t t, const char *path,
                        const struct xs_permissions *perms, unsigned int count);

/* 0, or -E... when the conversation itself failed. */
int store_batch_run(struct xs_handle *h, struct store_batch *b);

/* Of the i-th request: 0 or errno; and its answer, NUL-terminated, valid until the batch is freed or NULL. */
int store_batch_error(const struct store_batch *b, unsigned int i);
const char *store_batch_text(const struct store_batch *b, unsigned int i);

/* Empties it for other requests. */
void store_batch_reset(struct store_batch *b);
void store_batch_free(struct store_batch *b);

#endif
