/* SPDX-License-Identifier: MIT */
/*
 * One guest's console: see daemon.h. The ring is the guest's, so every value read from it goes through
 * lib/console.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#include "abi/grant_table.h"
#include "cmd/xenconsoled/daemon.h"
#include "lib/foreignmemory/xenforeignmemory.h"
#include "lib/store/xenstore.h"

/* What a guest may leave unread when the toolstack says nothing, and the most it may say. */
#define DEFAULT_LIMIT (1u << 20)
#define LARGEST_LIMIT (16u << 20)

struct guest *guest_new(domid_t domid)
{
    struct guest *g = calloc(1, sizeof(*g));
    if (g) {
        g->domid = domid;
        g->local_port = -1;
        g->master = g->slave = g->listener = -1;
        g->log.fd = -1;
        queue_init(&g->queue, DEFAULT_LIMIT);
    }
    return g;
}

uint32_t guest_id(const struct guest *g)
{
    return g->number << 16 | g->domid;
}

/* A device with a frontend of the guest's, rather than a console the toolstack has made. */
static bool is_device(const struct guest *g)
{
    return g->number != 0 && g->number != VUART_NUMBER;
}

void guest_path(const struct guest *g, const char *name, char *path, size_t size)
{
    if (g->number == 0) {
        snprintf(path, size, "/local/domain/%u/console/%s", g->domid, name);
    } else if (g->number == VUART_NUMBER) {
        snprintf(path, size, "/local/domain/%u/vuart/0/%s", g->domid, name);
    } else {
        snprintf(path, size, "/local/domain/%u/device/console/%u/%s", g->domid, g->number, name);
    }
}

/* ---- connecting ------------------------------------------------------------------------------------ */

/* What xenstore says about the console; `there` when it can be connected. */
struct nodes {
    bool there;
    uint64_t ring_ref;
    evtchn_port_t port;
    size_t limit;
    char name[256];                    /* the domain's */
    unsigned int extra;                /* of the first console: the others' numbers, a bit each */
    unsigned int state;                /* of another: its frontend's */
    char connection[16], socket[108];  /* and what the toolstack wants it to be */
};

/* The nodes, in the order they are asked for, in one round trip. */
enum { NODE_RING_REF, NODE_PORT, NODE_TYPE, NODE_LIMIT, NODE_NAME, NODE_EXTRA, NODE_STATE = NODE_EXTRA, NODE_VUART,
       NODE_CONNECTION = NODE_VUART, NODE_SOCKET };
static const char *const node_names[NODE_NAME] = { "ring-ref", "port", "type", "limit" };

static bool number_of(const struct store_batch *b, unsigned int node, uint64_t *value)
{
    const char *text = store_batch_text(b, node);
    char *end = NULL;
    if (text) {
        *value = strtoull(text, &end, 10);
    }
    return text && end != text && *end == '\0';
}

static void take_text(const struct store_batch *b, unsigned int node, char *to, size_t size)
{
    const char *text = store_batch_text(b, node);
    snprintf(to, size, "%s", text ? text : "");
}

/* The names below device/console that are a digit. */
static unsigned int digits_of(const struct store_batch *b, unsigned int node)
{
    const char *names = store_batch_text(b, node);
    unsigned int found = 0;
    for (size_t i = 0; names && i < b->list[node].length; i += strlen(names + i) + 1) {
        if (names[i] > '0' && names[i] <= '9' && names[i + 1] == '\0') {
            found |= 1u << (names[i] - '0');
        }
    }
    return found;
}

static void take_nodes(const struct store_batch *b, const struct guest *g, struct nodes *n)
{
    uint64_t port = 0;
    uint64_t limit = 0;
    uint64_t state = 0;
    bool first = g->number == 0;
    if (first) {
        n->extra = digits_of(b, NODE_EXTRA) | (store_batch_text(b, NODE_VUART) ? 1u << VUART_NUMBER : 0);
    } else if (is_device(g) && number_of(b, NODE_STATE, &state)) {
        n->state = (unsigned int)state;
        take_text(b, NODE_CONNECTION, n->connection, sizeof(n->connection));
        take_text(b, NODE_SOCKET, n->socket, sizeof(n->socket));
    }
    if (!number_of(b, NODE_RING_REF, &n->ring_ref) || !number_of(b, NODE_PORT, &port)) {
        return;
    }
    /* A console of another type belongs to the guest's device model. */
    const char *type = store_batch_text(b, NODE_TYPE);
    n->there = port <= UINT32_MAX && (type ? strcmp(type, "xenconsoled") == 0 : first);
    n->port = (evtchn_port_t)port;
    n->limit = number_of(b, NODE_LIMIT, &limit) && limit > 0 ? limit : DEFAULT_LIMIT;
    n->limit = n->limit < LARGEST_LIMIT ? n->limit : LARGEST_LIMIT;
    take_text(b, NODE_NAME, n->name, sizeof(n->name));
}

static void read_nodes(struct daemon *d, const struct guest *g, struct nodes *n)
{
    struct store_batch b = STORE_BATCH_INIT;
    char path[80];
    memset(n, 0, sizeof(*n));
    for (unsigned int i = 0; i < NODE_NAME; i++) {
        guest_path(g, node_names[i], path, sizeof(path));
        store_batch_read(&b, XBT_NULL, path);
    }
    snprintf(path, sizeof(path), "/local/domain/%u/name", g->domid);
    store_batch_read(&b, XBT_NULL, path);
    if (g->number == 0) {
        snprintf(path, sizeof(path), "/local/domain/%u/device/console", g->domid);
        store_batch_directory(&b, XBT_NULL, path);
        snprintf(path, sizeof(path), "/local/domain/%u/vuart/0/type", g->domid);
        store_batch_read(&b, XBT_NULL, path);
    } else if (is_device(g)) {
        static const char *const wanted[] = { "connection", "path" };
        guest_path(g, "state", path, sizeof(path));
        store_batch_read(&b, XBT_NULL, path);
        for (unsigned int i = 0; i < 2; i++) {
            snprintf(path, sizeof(path), "/local/domain/0/backend/console/%u/%u/%s", g->domid, g->number, wanted[i]);
            store_batch_read(&b, XBT_NULL, path);
        }
    }
    if (store_batch_run(d->xs, &b) == 0) {
        take_nodes(&b, g, n);
    }
    store_batch_free(&b);
}

static bool map_ring(struct daemon *d, struct guest *g, uint64_t ring_ref)
{
    if (d->gnttab && g->number != VUART_NUMBER) {
        uint32_t ref = g->number == 0 ? GNTTAB_RESERVED_CONSOLE : (uint32_t)ring_ref;
        g->ring = xengnttab_map_grant_ref(d->gnttab, g->domid, ref, PROT_READ | PROT_WRITE);
        g->ring_granted = g->ring != NULL;
    }
    if (!g->ring && !is_device(g)) {
        /* The toolstack did not seed the grant, or the ring is nobody's to grant: then the node is the page's frame. */
        xen_pfn_t frame = ring_ref;
        g->ring = xenforeignmemory_map(ctrl_foreignmemory(d->ctrl), g->domid, PROT_READ | PROT_WRITE, 1,
                                       &frame, NULL);
    }
    return g->ring != NULL;
}

static void unmap_ring(struct daemon *d, struct guest *g)
{
    if (g->ring && g->ring_granted) {
        xengnttab_unmap(d->gnttab, g->ring, 1);
    } else if (g->ring) {
        xenforeignmemory_unmap(ctrl_foreignmemory(d->ctrl), g->ring, 1);
    }
    g->ring = NULL;
    g->ring_granted = false;
}

static bool remember_port(struct daemon *d, unsigned int port, struct guest *g)
{
    if (port >= d->port_room) {
        unsigned int room = (port + 1024) & ~1023u;
        struct guest **bigger = realloc(d->by_port, room * sizeof(*bigger));
        if (!bigger) {
            return false;
        }
        memset(bigger + d->port_room, 0, (room - d->port_room) * sizeof(*bigger));
        d->by_port = bigger;
        d->port_room = room;
    }
    d->by_port[port] = g;
    return true;
}

static void disconnect(struct daemon *d, struct guest *g)
{
    if (g->local_port >= 0) {
        d->by_port[g->local_port] = NULL;
        xenevtchn_unbind(d->evtchn, g->local_port);
        g->local_port = -1;
    }
    unmap_ring(d, g);
    g->connected = false;
}

static bool bind_port(struct daemon *d, struct guest *g, evtchn_port_t remote)
{
    g->remote_port = remote;
    int port = xenevtchn_bind_interdomain(d->evtchn, g->domid, remote);
    if (port < 0) {
        return false;
    }
    if (!remember_port(d, port, g)) {
        xenevtchn_unbind(d->evtchn, port);
        return false;
    }
    g->local_port = port;
    return true;
}

/* ---- the terminal ---------------------------------------------------------------------------------- */

/* Our own descriptor of the slave side keeps the terminal, and its settings, when a client leaves. */
static int open_slave(int master, char *name, size_t size)
{
    struct termios term;
    if (grantpt(master) != 0 || unlockpt(master) != 0 || ptsname_r(master, name, size) != 0) {
        return -1;
    }
    int slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave >= 0 && tcgetattr(slave, &term) == 0) {
        cfmakeraw(&term);
        tcsetattr(slave, TCSANOW, &term);
    }
    return slave;
}

static void close_terminal(struct guest *g)
{
    if (g->master >= 0) {
        close(g->master);
    }
    if (g->slave >= 0) {
        close(g->slave);
    }
    g->master = g->slave = -1;
    g->wants_read = g->wants_write = false;
}

static bool publish(struct daemon *d, struct guest *g, const char *name)
{
    char path[80];
    guest_path(g, "tty", path, sizeof(path));
    return xs_write(d->xs, XBT_NULL, path, name, strlen(name));
}

static bool open_terminal(struct daemon *d, struct guest *g)
{
    char name[64];
    if (g->master >= 0) {
        return true;
    }
    g->master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    g->slave = g->master >= 0 ? open_slave(g->master, name, sizeof(name)) : -1;
    if (g->slave < 0 || daemon_watch_fd(d, g->master, SOURCE_TERMINAL, guest_id(g), EPOLLIN, false) < 0 ||
        !publish(d, g, name)) {
        daemon_note(d, "domain %u: no terminal: %s", g->domid, strerror(errno));
        close_terminal(g);
        return false;
    }
    g->wants_read = true;
    return true;
}

static void open_log(struct daemon *d, struct guest *g, const char *name)
{
    char path[PATH_MAX];
    const char *which = g->number == VUART_NUMBER ? "-vuart0" : "";
    if (!d->options->log_guests || g->log.fd >= 0 || is_device(g)) {
        return;
    }
    /* The name is the administrator's, but a file of it must not leave the folder. */
    if (*name && !strchr(name, '/')) {
        snprintf(path, sizeof(path), "%s/guest-%s%s.log", d->options->log_dir, name, which);
    } else {
        snprintf(path, sizeof(path), "%s/guest-%u%s.log", d->options->log_dir, g->domid, which);
    }
    int rc = log_open(&g->log, path, &d->options->guest_log);
    if (rc < 0) {
        daemon_note(d, "domain %u: cannot log to %s: %s", g->domid, path, strerror(-rc));
    }
}

/* ---- both directions ------------------------------------------------------------------------------- */

static void want(struct daemon *d, struct guest *g, bool read, bool write)
{
    if (g->master < 0 || (read == g->wants_read && write == g->wants_write)) {
        return;
    }
    g->wants_read = read;
    g->wants_write = write;
    daemon_watch_fd(d, g->master, SOURCE_TERMINAL, guest_id(g), (read ? EPOLLIN : 0) | (write ? EPOLLOUT : 0),
                    true);
}

/* How much may be taken: all, unless nothing may be lost and the queue is nearly full. */
static size_t output_room(const struct daemon *d, const struct guest *g)
{
    if (!d->options->keep_overflow) {
        return CONSOLE_OUT_SIZE;
    }
    size_t room = g->queue.length < g->queue.limit ? g->queue.limit - g->queue.length : 0;
    return room < CONSOLE_OUT_SIZE ? room : CONSOLE_OUT_SIZE;
}

size_t guest_take_output(struct daemon *d, struct guest *g)
{
    char data[CONSOLE_OUT_SIZE];
    bool bad = false;
    if (!g->ring) {
        return 0;
    }
    size_t size = console_ring_peek(g->ring, data, output_room(d, g), &bad);
    if (bad && !g->bad_ring) {
        daemon_note(d, "domain %u: its console ring makes no sense", g->domid);
        g->bad_ring = true;
    }
    if (size > 0) {
        log_write(&g->log, data, size);
        queue_add(&g->queue, data, size);
        console_ring_done(g->ring, size);
        if (g->local_port >= 0) {
            xenevtchn_notify(d->evtchn, g->local_port);
        }
    }
    return size;
}

void guest_write_terminal(struct daemon *d, struct guest *g)
{
    size_t size;
    for (const char *data = queue_peek(&g->queue, &size); size > 0 && g->master >= 0;
         data = queue_peek(&g->queue, &size)) {
        ssize_t put = write(g->master, data, size);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            break;
        }
        queue_drop(&g->queue, put);
    }
    want(d, g, g->wants_read, size > 0);
}

void guest_read_terminal(struct daemon *d, struct guest *g)
{
    char data[CONSOLE_IN_SIZE];
    size_t space = g->ring ? console_ring_space(g->ring) : 0;
    if (space == 0) {
        /* The guest's next event says that there is room again. */
        want(d, g, false, g->wants_write);
        return;
    }
    ssize_t got = read(g->master, data, space);
    if (g->listener >= 0 && (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))) {
        extra_hang_up(g);
    }
    if (got <= 0) {
        return;
    }
    console_ring_put(g->ring, data, got);
    if (g->local_port >= 0) {
        xenevtchn_notify(d->evtchn, g->local_port);
    }
}

/* The port is unmasked first: what the guest writes after that sends a new event. */
static void serve(struct daemon *d, struct guest *g)
{
    xenevtchn_unmask(d->evtchn, g->local_port);
    guest_take_output(d, g);
    guest_write_terminal(d, g);
    if (!g->wants_read && console_ring_space(g->ring) > 0) {
        want(d, g, true, g->wants_write);
    }
}

void guest_event(struct daemon *d, struct guest *g)
{
    uint64_t period = d->now / PERIOD_MS;
    if (g->period != period) {
        g->period = period;
        g->events = 0;
    }
    if (++g->events <= EVENTS_IN_PERIOD) {
        serve(d, g);
    } else if (!g->throttled) {
        g->throttled = true;
        g->next_throttled = d->throttled;
        d->throttled = g;
    }
}

void guest_period_ends(struct daemon *d, struct guest *g)
{
    g->throttled = false;
    if (g->connected) {
        serve(d, g);
    }
}

void guest_terminal(struct daemon *d, struct guest *g, uint32_t events)
{
    if (events & EPOLLOUT) {
        guest_write_terminal(d, g);
        /* Room in a queue that may lose nothing: the rest may wait in the ring without a new event. */
        if (d->options->keep_overflow && guest_take_output(d, g) > 0) {
            guest_write_terminal(d, g);
        }
    }
    if (events & (EPOLLIN | EPOLLHUP) && g->master >= 0) {
        guest_read_terminal(d, g);
    }
    /* A client that left while the guest takes no input. */
    if (events & EPOLLHUP && g->listener >= 0 && g->master >= 0) {
        extra_hang_up(g);
    }
}

/* ---- beginning and end ----------------------------------------------------------------------------- */

static void connect_guest(struct daemon *d, struct guest *g, const struct nodes *n)
{
    disconnect(d, g);
    g->queue.limit = n->limit;
    g->ring_ref = n->ring_ref;
    g->bad_ring = false;
    if (!map_ring(d, g, n->ring_ref)) {
        daemon_note(d, "domain %u: cannot map the console ring: %s", g->domid, strerror(errno));
        return;
    }
    if (!bind_port(d, g, n->port)) {
        daemon_note(d, "domain %u: cannot bind its port %u: %s", g->domid, n->port, strerror(errno));
        unmap_ring(d, g);
        return;
    }
    g->connected = true;
    open_log(d, g, n->name);
    if (is_device(g)) {
        extra_connected(d, g);
    }
    if ((extra_listen(d, g, n->connection, n->socket) || open_terminal(d, g)) && d->options->verbose) {
        daemon_note(d, "domain %u: connected", g->domid); /* not worth a message to syslog */
    }
    /* What it said before we came, and whether it takes input. */
    serve(d, g);
}

void guest_look(struct daemon *d, struct guest *g)
{
    struct nodes n;
    if (g->ended) {
        return;
    }
    read_nodes(d, g, &n);
    if (n.extra) {
        domains_add_extra(d, g, n.extra);
    }
    if (is_device(g) && !extra_state(d, g, n.state)) {
        disconnect(d, g);
        return;
    }
    if (!n.there) {
        return;
    }
    if (!g->connected || g->ring_ref != n.ring_ref || g->remote_port != n.port) {
        connect_guest(d, g, &n);
    } else if (!extra_listen(d, g, n.connection, n.socket)) {
        open_terminal(d, g);
    }
}

void guest_end(struct daemon *d, struct guest *g)
{
    if (g->ended) {
        return;
    }
    g->ended = true;
    g->close_at = d->now + LAST_WORDS_MS;
    if (g->connected) {
        guest_take_output(d, g);
        guest_write_terminal(d, g);
    }
    disconnect(d, g);
    log_close(&g->log);
    if (g->extra) {
        guest_end(d, g->extra);
    }
}

bool guest_is_throttled(const struct guest *g)
{
    return g->throttled || (g->extra && guest_is_throttled(g->extra));
}

bool guest_is_read(const struct guest *g)
{
    int unread = 0;
    if (g->queue.length > 0 || (g->extra && !guest_is_read(g->extra))) {
        return false;
    }
    return g->slave < 0 || ioctl(g->slave, TIOCINQ, &unread) != 0 || unread == 0;
}

void guest_free(struct daemon *d, struct guest *g)
{
    if (g->extra) {
        guest_free(d, g->extra);
    }
    disconnect(d, g);
    close_terminal(g);
    extra_close(g);
    log_close(&g->log);
    queue_free(&g->queue);
    free(g);
}
