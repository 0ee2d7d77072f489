/* SPDX-License-Identifier: MIT */
/*
 * The Unix socket. A turn reads what there is, up to 64 KiB, answers each whole request, and sends all answers
 * together; so a client that sends many requests at once pays for one turn.
 */
#include "cmd/xenstored/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmd/xenstored/conn.h"
#include "cmd/xenstored/out.h"
#include "cmd/xenstored/persist.h"
#include "cmd/xenstored/watch.h"

#define TURN 65536

static struct loop_source listener = { .fd = -1 };

/* Answers of the client whose turn it is are collected here. */
static struct {
    struct conn *conn;
    size_t size;
    char data[TURN];
} batch;

static long send_now(int fd, const void *data, size_t size)
{
    ssize_t n = send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    }
    return n;
}

/* Sends the collected answers; what the peer does not take now is queued by the caller's message. */
static long flush(void)
{
    size_t size = batch.size;
    long sent = size > 0 ? send_now(batch.conn->fd, batch.data, size) : 0;

    batch.size = 0;
    if (sent >= 0 && (size_t)sent < size) {
        memmove(batch.data, batch.data + sent, size - sent);
        batch.size = size - sent;
    }
    return sent;
}

static long socket_send(struct conn *c, const void *data, size_t size, bool fresh)
{
    if (c != batch.conn || !fresh) {
        return send_now(c->fd, data, size);
    }
    if (batch.size + size > sizeof(batch.data) && flush() < 0) {
        return -1;
    }
    if (batch.size + size > sizeof(batch.data)) {
        return 0; /* the peer does not read; kept until the turn's end, see finish() */
    }
    memcpy(batch.data + batch.size, data, size);
    batch.size += size;
    return size;
}

static void socket_want_room(struct conn *c, bool want)
{
    uint32_t in = conn_may_ask(c) ? EPOLLIN : 0;
    loop_change(&c->source, want ? in | EPOLLOUT : EPOLLIN);
}

static void socket_close(struct conn *c)
{
    loop_forget(&c->source);
    close(c->fd);
}

static const struct conn_transport transport = { socket_send, socket_want_room, socket_close };

static struct conn *conn_of(struct loop_source *s)
{
    return (struct conn *)((char *)s - offsetof(struct conn, source));
}

/* The end of a turn: what was collected goes out, waiting for room if it must, before what was queued after it. */
static void finish(struct conn *c)
{
    while (!c->broken && batch.size > 0) {
        if (flush() < 0) {
            conn_break(c);
        } else if (batch.size > 0) {
            out_prepend(c, batch.data, batch.size);
            batch.size = 0;
        }
    }
    batch.size = 0;
    batch.conn = NULL;
}

static void keep_partial(struct conn *c, const char *data, size_t size)
{
    char *copy = size > 0 ? malloc(size) : NULL;

    if (size > 0 && copy == NULL) {
        conn_break(c);
        return;
    }
    if (size > 0) {
        memcpy(copy, data, size);
    }
    free(c->partial);
    c->partial = copy;
    c->partial_size = size;
}

static void turn(struct conn *c, bool more)
{
    static char buffer[TURN + 1];
    size_t have = c->partial_size;

    memcpy(buffer, c->partial != NULL ? c->partial : "", have);
    if (more) {
        ssize_t n = recv(c->fd, buffer + have, TURN - have, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
            conn_break(c);
            return;
        }
        have += n > 0 ? n : 0;
    }
    batch.conn = c;
    long used = conn_feed(c, buffer, have);
    finish(c);
    if (used < 0) {
        conn_break(c);
    } else if ((size_t)used < have || c->partial != NULL) {
        keep_partial(c, buffer + used, have - used);
    }
}

static void client_ready(struct loop_source *s, uint32_t events)
{
    struct conn *c = conn_of(s);

    if (c->broken) {
        return;
    }
    if ((events & EPOLLOUT) != 0) {
        out_push(c);
        if (!c->broken && c->partial_size > 0 && conn_may_ask(c)) {
            turn(c, false);
        }
    }
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && !c->broken && c->partial_size < TURN / 2) {
        turn(c, true);
    }
}

struct conn *socket_client(int fd)
{
    struct conn *c = conn_new(&transport, 0, true);

    if (c == NULL) {
        close(fd);
        return NULL;
    }
    c->fd = fd;
    c->source.ready = client_ready;
    if (loop_add(&c->source, fd, EPOLLIN) != 0) {
        conn_break(c);
    }
    return c;
}

static void accept_ready(struct loop_source *s, uint32_t events)
{
    int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
        socket_client(fd);
    }
}

int socket_listen_on(struct err *e, int fd)
{
    listener.ready = accept_ready;
    int rc = loop_add(&listener, fd, EPOLLIN);
    return rc == 0 ? 0 : err_set(e, rc, "cannot wait for clients");
}

/* Under another name first: the socket's own is there all the time, so that a client finds either us or our
 * predecessor's, which refuses it, and knows that it has to wait. */
int socket_listen(struct err *e, const char *path)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };

    if (snprintf(a.sun_path, sizeof(a.sun_path), "%s.new", path) >= (int)sizeof(a.sun_path)) {
        return err_set(e, -ENAMETOOLONG, "%s: name too long for a socket", path);
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return err_errno(e, "cannot make a socket");
    }
    unlink(a.sun_path);
    mode_t mask = umask(0177);
    int rc = bind(fd, (struct sockaddr *)&a, sizeof(a));
    umask(mask);
    if (rc != 0 || listen(fd, 128) != 0 || rename(a.sun_path, path) != 0) {
        rc = err_errno(e, "cannot listen on %s", path);
        close(fd);
        return rc;
    }
    return socket_listen_on(e, fd);
}

int socket_listen_fd(void)
{
    return listener.fd;
}

/* ---- live update ---- */
static bool hand_over(struct conn *c)
{
    uint32_t i = persist_conn_new(c);

    if (i == 0) {
        return false;
    }
    struct persist_conn *p = persist_at(i);
    c->record = i;
    c->persistent = true;
    p->fd = c->fd + 1;
    p->tx_last = c->tx_last;
    p->spill_size = c->partial_size;
    memcpy(p->spill, c->partial != NULL ? c->partial : "", c->partial_size);
    fcntl(c->fd, F_SETFD, 0);
    arena_publish(i, ARENA_CONN);
    for (struct watch *w = c->watches; w != NULL; w = w->next_mine) {
        if (!persist_watch(w)) {
            return false;
        }
    }
    for (uint32_t o = c->out_first; o != 0; o = out_at(o)->next) {
        out_at(o)->seq = ++c->out_seq; /* in the order they have now */
        arena_publish(o, ARENA_OUT);
    }
    return true;
}

bool socket_hand_over(void)
{
    for (struct conn *c = conn_list; c != NULL; c = c->next) {
        if (c->ring == NULL && !c->broken && c->fd >= 0) {
            if (c->partial_size > sizeof(persist_at(0)->spill) || !hand_over(c)) {
                return false;
            }
        }
    }
    return true;
}

void socket_take_back(void)
{
    for (struct conn *c = conn_list; c != NULL; c = c->next) {
        if (c->ring != NULL || c->record == 0) {
            continue;
        }
        fcntl(c->fd, F_SETFD, FD_CLOEXEC);
        arena_free(c->record);
        c->record = 0;
        c->persistent = false;
        for (struct watch *w = c->watches; w != NULL; w = w->next_mine) {
            if (w->record != 0) {
                arena_free(w->record);
                w->record = 0;
            }
        }
        for (uint32_t o = c->out_first; o != 0; o = out_at(o)->next) {
            arena_publish(o, ARENA_HELD);
        }
    }
}

struct conn *socket_adopt(uint32_t record)
{
    struct persist_conn *p = persist_at(record);
    int fd = p->fd - 1;
    bool ours = arena_head()->update != 0;

    if (!ours || p->fd == 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || p->spill_size > sizeof(p->spill)) {
        return NULL;
    }
    struct conn *c = socket_client(fd);
    if (c == NULL) {
        return NULL;
    }
    c->id = p->id;
    c->tx_last = c->tx_lost = p->tx_last;
    c->record = record;
    c->persistent = true;
    keep_partial(c, p->spill, p->spill_size);
    return c;
}

void socket_resume(struct conn *c)
{
    if (c->out_first != 0) {
        c->wants_room = true;
        socket_want_room(c, true);
    }
}
