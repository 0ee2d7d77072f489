/* SPDX-License-Identifier: MIT */
/*
 * One connection to xenstored: see connection.h. The socket does not block: sending and receiving go on side
 * by side, so that a long batch cannot leave both ends waiting for the other to read.
 *
 * A handle opened with STORE_OPEN_LASTING outlives the daemon: when the connection breaks, the successor's takes
 * its place under the same descriptors, the watches are set again (which fires each once) and what was not
 * answered is asked again, unless it belongs to a transaction: that fails with EAGAIN, as one that lost against
 * another does.
 */
#include "lib/store/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/store/xenstore.h"

enum { RESTART_TRIES = 30, LASTING_TRIES = 100, RESTART_WAIT_US = 100000, RENEWALS = 5 };

struct event {
    struct event *next;
    unsigned int size;
    char payload[];
};

/* What a successor of the daemon is asked for first. */
struct watch {
    struct watch *next;
    char *path, *token;
};

struct xs_handle {
    bool lasting;
    struct watch *watches;
    int fd;
    int wake;      /* eventfd: readable while events are kept; made with the next, when somebody waits */
    int poll;      /* epoll over both: xs_fileno() */
    struct buf in; /* bytes of the message that is arriving */
    struct event *first, **last;
};

/* ---- opening ------------------------------------------------------------------------------------ */

static int open_socket(void)
{
    const char *path = getenv("XENSTORED_PATH"), *folder = getenv("XENSTORED_RUNDIR");
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (path) {
        snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    } else {
        snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", folder ? folder : "/run/xenstored");
    }
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address))) {
        int error = errno;

        close(fd);
        errno = error;
        fd = -1;
    }
    return fd;
}

/* Nobody listens, but the socket is there: the daemon is being started again. */
static int open_socket_patiently(int tries_max)
{
    int fd = open_socket();

    for (int tries = 0; fd < 0 && errno == ECONNREFUSED && tries < tries_max; tries++) {
        usleep(RESTART_WAIT_US);
        fd = open_socket();
    }
    return fd;
}

static int open_device(void)
{
    return open("/dev/xen/xenbus", O_RDWR | O_CLOEXEC);
}

static bool set_up_poll(struct xs_handle *h)
{
    struct epoll_event e = { .events = EPOLLIN };

    h->wake = eventfd(h->first != NULL, EFD_CLOEXEC | EFD_NONBLOCK);
    h->poll = epoll_create1(EPOLL_CLOEXEC);
    if (h->wake < 0 || h->poll < 0 || epoll_ctl(h->poll, EPOLL_CTL_ADD, h->wake, &e)) {
        return false;
    }
    return epoll_ctl(h->poll, EPOLL_CTL_ADD, h->fd, &e) == 0;
}

struct xs_handle *xs_open(unsigned long flags)
{
    struct xs_handle *h = calloc(1, sizeof(*h));

    if (!h) {
        return NULL;
    }
    h->wake = h->poll = -1;
    h->last = &h->first;
    h->fd = open_socket_patiently(RESTART_TRIES);
    h->lasting = h->fd >= 0 && (flags & STORE_OPEN_LASTING);
    /* Where a daemon should listen and does not, its kernel would wait for it without end. */
    if (h->fd < 0 && errno != ECONNREFUSED && !(flags & XS_OPEN_SOCKETONLY)) {
        h->fd = open_device();
    }
    if (h->fd < 0 || fcntl(h->fd, F_SETFL, O_NONBLOCK)) {
        int error = errno;

        xs_close(h);
        errno = error;
        return NULL;
    }
    return h;
}

static void drop_watch(struct watch **link)
{
    struct watch *w = *link;

    *link = w->next;
    free(w->path);
    free(w->token);
    free(w);
}

void xs_close(struct xs_handle *h)
{
    const int fds[] = { h ? h->fd : -1, h ? h->wake : -1, h ? h->poll : -1 };

    if (!h) {
        return;
    }
    for (unsigned int i = 0; i < 3; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    while (h->first) {
        struct event *e = h->first;

        h->first = e->next;
        free(e);
    }
    while (h->watches) {
        drop_watch(&h->watches);
    }
    buf_free(&h->in);
    free(h);
}

int xs_fileno(struct xs_handle *h)
{
    return h->poll >= 0 || set_up_poll(h) ? h->poll : -1;
}

/* ---- messages ----------------------------------------------------------------------------------- */

bool connection_request(struct buf *out, uint32_t type, uint32_t transaction, const struct part *parts,
                        unsigned int count)
{
    struct xsd_sockmsg m = { .type = type, .tx_id = transaction };

    for (unsigned int i = 0; i < count; i++) {
        m.len += (uint32_t)parts[i].size;
    }
    if (m.len > XENSTORE_PAYLOAD_MAX) {
        return false;
    }
    buf_add(out, &m, sizeof(m));
    for (unsigned int i = 0; i < count; i++) {
        buf_add(out, parts[i].data, parts[i].size);
    }
    return true;
}

int connection_errno(const char *text, size_t length)
{
    for (unsigned int i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++) {
        if (strlen(xsd_errors[i].errstring) == strnlen(text, length) &&
            !strncmp(xsd_errors[i].errstring, text, length)) {
            return xsd_errors[i].errnum;
        }
    }
    return EINVAL;
}

/* An event in the queue; the eventfd says that there is one. */
static int keep_event(struct xs_handle *h, const char *payload, uint32_t size)
{
    struct event *e = malloc(sizeof(*e) + size + 1);
    uint64_t one = 1;

    if (!e) {
        return -ENOMEM;
    }
    e->next = NULL;
    e->size = size;
    memcpy(e->payload, payload, size);
    e->payload[size] = '\0';
    if (!h->first && h->wake >= 0 && write(h->wake, &one, sizeof(one)) < 0) {
        free(e);
        return -errno;
    }
    *h->last = e;
    h->last = &e->next;
    return 0;
}

/* Whole messages out of what has arrived; `left` counts answers down. */
static int digest(struct xs_handle *h, unsigned int *left,
                  int (*take)(void *context, const struct xsd_sockmsg *m, const char *payload), void *context)
{
    size_t at = 0;
    int rc = 0;

    while (!rc && h->in.length - at >= sizeof(struct xsd_sockmsg)) {
        struct xsd_sockmsg m;

        memcpy(&m, h->in.text + at, sizeof(m));
        if (m.len > XENSTORE_PAYLOAD_MAX) {
            return -EIO;
        }
        if (h->in.length - at < sizeof(m) + m.len) {
            break;
        }
        if (m.type == XS_WATCH_EVENT) {
            rc = keep_event(h, h->in.text + at + sizeof(m), m.len);
        } else if (*left) {
            --*left;
            rc = take(context, &m, h->in.text + at + sizeof(m));
        } else {
            rc = -EIO;
        }
        at += sizeof(m) + m.len;
    }
    buf_drop(&h->in, at);
    return rc;
}

/* What can be read now: 0, -EAGAIN when nothing was there, -ECONNRESET at the end. */
static int receive(struct xs_handle *h)
{
    char bytes[8192];
    ssize_t got = read(h->fd, bytes, sizeof(bytes));

    if (got == 0) {
        return -ECONNRESET;
    }
    if (got < 0) {
        return errno == EINTR ? -EAGAIN : -errno;
    }
    buf_add(&h->in, bytes, (size_t)got);
    return h->in.failed ? -ENOMEM : 0;
}

/* A daemon that is gone is an error, not the end of this process by SIGPIPE. */
static ssize_t put(struct xs_handle *h, const char *bytes, size_t size)
{
    ssize_t done = send(h->fd, bytes, size, MSG_NOSIGNAL);

    return done < 0 && errno == ENOTSOCK ? write(h->fd, bytes, size) : done;
}

/* One conversation with one daemon; `left` counts answers down. */
static int converse(struct xs_handle *h, const char *out, size_t size, unsigned int *left,
                    int (*take)(void *context, const struct xsd_sockmsg *m, const char *payload), void *context)
{
    size_t sent = 0;

    while (*left || sent < size) {
        struct pollfd p = { .fd = h->fd, .events = (short)(POLLIN | (sent < size ? POLLOUT : 0)) };
        int rc;

        if (sent < size) {
            ssize_t done = put(h, out + sent, size - sent);

            if (done < 0 && errno != EAGAIN && errno != EINTR) {
                return -errno;
            }
            sent += done > 0 ? (size_t)done : 0;
        }
        if (poll(&p, 1, -1) < 0 && errno != EINTR) {
            return -errno;
        }
        rc = p.revents & (POLLIN | POLLHUP | POLLERR) ? receive(h) : 0;
        if (rc && rc != -EAGAIN) {
            return rc;
        }
        rc = digest(h, left, take, context);
        if (rc) {
            return rc;
        }
    }
    return 0;
}

/* ---- a daemon that went away -------------------------------------------------------------------- */

bool connection_watch(struct xs_handle *h, const char *path, const char *token)
{
    struct watch *w = calloc(1, sizeof(*w));

    if (!w) {
        return false;
    }
    *w = (struct watch){ .next = h->watches, .path = strdup(path), .token = strdup(token) };
    h->watches = w;
    if (!w->path || !w->token) {
        drop_watch(&h->watches);
        return false;
    }
    return true;
}

void connection_unwatch(struct xs_handle *h, const char *path, const char *token)
{
    for (struct watch **link = &h->watches; *link; link = &(*link)->next) {
        if (!strcmp((*link)->path, path) && !strcmp((*link)->token, token)) {
            drop_watch(link);
            return;
        }
    }
}

static bool is_lost(int rc)
{
    return rc == -ECONNRESET || rc == -EPIPE;
}

static int ignore_answer(void *context, const struct xsd_sockmsg *m, const char *payload)
{
    return 0;
}

static int set_watches(struct xs_handle *h)
{
    struct buf out = BUF_INIT;
    unsigned int left = 0;
    int rc;

    for (const struct watch *w = h->watches; w; w = w->next) {
        const struct part parts[2] = { { w->path, strlen(w->path) + 1 }, { w->token, strlen(w->token) + 1 } };

        left += connection_request(&out, XS_WATCH, 0, parts, 2);
    }
    rc = out.failed ? -ENOMEM : converse(h, out.text, out.length, &left, ignore_answer, NULL);
    buf_free(&out);
    return rc;
}

/* The successor's connection under the number of the old one. The poll set goes by open files, and a child may
 * have kept the old one open. */
static int renew(struct xs_handle *h)
{
    struct epoll_event e = { .events = EPOLLIN };
    int fd = open_socket_patiently(LASTING_TRIES);
    int rc = 0;

    if (fd < 0) {
        return -errno;
    }
    if (h->poll >= 0) {
        epoll_ctl(h->poll, EPOLL_CTL_DEL, h->fd, NULL);
    }
    if (dup3(fd, h->fd, O_CLOEXEC) < 0 || fcntl(h->fd, F_SETFL, O_NONBLOCK) ||
        (h->poll >= 0 && epoll_ctl(h->poll, EPOLL_CTL_ADD, h->fd, &e))) {
        rc = -errno;
    }
    close(fd);
    buf_reset(&h->in);
    return rc ? rc : set_watches(h);
}

/* 0 when there is a connection again. */
static int survive(struct xs_handle *h, int lost)
{
    int rc = lost;

    for (int tries = 0; h->lasting && is_lost(rc) && tries < RENEWALS; tries++) {
        rc = renew(h);
    }
    return rc;
}

/* The first `answered` of the requests are done with. */
static void skip_answered(const char **out, size_t *size, unsigned int answered)
{
    while (answered--) {
        struct xsd_sockmsg m;

        memcpy(&m, *out, sizeof(m));
        *out += sizeof(m) + m.len;
        *size -= sizeof(m) + m.len;
    }
}

static bool in_transaction(const char *out)
{
    struct xsd_sockmsg m;

    memcpy(&m, out, sizeof(m));
    return m.tx_id != 0;
}

int connection_exchange(struct xs_handle *h, const char *out, size_t size, unsigned int answers,
                        int (*take)(void *context, const struct xsd_sockmsg *m, const char *payload),
                        void *context)
{
    unsigned int left = answers;
    int rc = converse(h, out, size, &left, take, context);

    for (int tries = 0; is_lost(rc) && h->lasting && tries < RENEWALS; tries++) {
        rc = survive(h, rc);
        if (rc) {
            return rc;
        }
        skip_answered(&out, &size, answers - left);
        answers = left;
        if (left && in_transaction(out)) {
            return -EAGAIN;
        }
        rc = converse(h, out, size, &left, take, context);
    }
    return rc;
}

/* ---- events ------------------------------------------------------------------------------------- */

/* The strings and the pointers to them in one piece of memory. */
static char **make_vector(const struct event *e, unsigned int *count)
{
    const char *token = memchr(e->payload, '\0', e->size);
    char **vector = malloc(2 * sizeof(*vector) + e->size + 1);
    char *text = (char *)(vector + 2);

    if (!vector || !token) {
        free(vector);
        return NULL;
    }
    memcpy(text, e->payload, e->size + 1);
    vector[XS_WATCH_PATH] = text;
    vector[XS_WATCH_TOKEN] = text + (token - e->payload) + 1;
    *count = 2;
    return vector;
}

static char **next_event(struct xs_handle *h, unsigned int *count)
{
    struct event *e = h->first;
    char **vector = make_vector(e, count);
    uint64_t drained;

    h->first = e->next;
    if (!h->first) {
        h->last = &h->first;
        if (h->wake >= 0 && read(h->wake, &drained, sizeof(drained)) < 0) {
            errno = 0;
        }
    }
    free(e);
    return vector;
}

static int no_answer(void *context, const struct xsd_sockmsg *m, const char *payload)
{
    return -EIO;
}

static char **get_event(struct xs_handle *h, unsigned int *count, bool wait)
{
    while (!h->first) {
        struct pollfd p = { .fd = h->fd, .events = POLLIN };
        unsigned int none = 0;
        int rc = receive(h);

        rc = rc ? rc : digest(h, &none, no_answer, NULL);
        rc = is_lost(rc) ? survive(h, rc) : rc;
        if (rc == -EAGAIN && wait) {
            if (poll(&p, 1, -1) < 0 && errno != EINTR) {
                return NULL;
            }
        } else if (rc) {
            errno = -rc;
            return NULL;
        }
    }
    return next_event(h, count);
}

char **xs_read_watch(struct xs_handle *h, unsigned int *count)
{
    return get_event(h, count, true);
}

char **xs_check_watch(struct xs_handle *h)
{
    unsigned int count;

    return get_event(h, &count, false);
}
