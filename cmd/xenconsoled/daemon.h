/* SPDX-License-Identifier: MIT */
/*
 * The console daemon: one process, one thread, one epoll loop for every guest.
 *
 * A guest's console is a shared ring (lib/console/ring.h), an event channel and a pseudo terminal whose name
 * is written to console/tty in xenstore; `xl console` opens that. Nothing is kept on disk: a new daemon finds
 * the domains, connects to their rings where the old one stopped, and writes new terminal names.
 *
 *     domains.c   which domains there are: xenstore watches, one table by domain number
 *     guest.c     one console: connect, ring to terminal and log, terminal to ring, end
 *     extra.c     what consoles beyond the first have of their own: frontend and backend states, sockets
 *     daemon.c    the loop, signals, the hypervisor's own log
 */
#ifndef CMD_XENCONSOLED_DAEMON_H
#define CMD_XENCONSOLED_DAEMON_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "cmd/xenconsoled/log.h"
#include "cmd/xenconsoled/queue.h"
#include "lib/base/err.h"
#include "lib/console/ring.h"
#include "lib/ctrl/ctrl.h"
#include "lib/evtchn/xenevtchn.h"
#include "lib/gnttab/xengnttab.h"

/* More events in a period than this and a guest waits for the next one. */
#define PERIOD_MS        200
#define EVENTS_IN_PERIOD 30
/* A guest that ended leaves its last words for a reader this long. */
#define LAST_WORDS_MS 1000
#define DOMIDS        32752

struct options {
    const char *log_dir;
    const char *pid_file;
    bool log_guests, log_hypervisor;
    bool keep_overflow; /* a full queue stops the guest instead of losing the oldest output */
    bool foreground;
    unsigned int verbose;
    struct log_options guest_log, hypervisor_log;
};

/* One console of a domain. */
struct guest {
    domid_t domid;
    unsigned int number; /* 0: the first, which the table names; the others hang behind it */
    struct guest *extra; /* the same domain's next one */
    bool connected;  /* ring mapped, port bound */
    bool ended;      /* the domain is dying; `close_at` is set */
    bool throttled;  /* its port stays masked until the period ends */
    bool wants_read; /* EPOLLIN on the terminal: the ring has space */
    bool wants_write;
    bool bad_ring; /* said so once */
    struct xencons_interface *ring;
    bool ring_granted; /* mapped by grant, else as foreign memory */
    uint64_t ring_ref; /* as in xenstore, to notice a change */
    evtchn_port_t remote_port;
    int local_port; /* -1: none */
    unsigned int events;
    uint64_t period; /* the one `events` counts */
    int master, slave;
    int listener; /* an extra console that is a socket: its one client is the terminal; else -1 */
    char *socket_path;
    struct queue queue;
    struct log log;
    uint64_t close_at;
    struct guest *next_throttled, *next_ended;
};

struct xs_handle;

struct daemon {
    const struct options *options;
    struct ctrl *ctrl;
    struct xenevtchn_handle *evtchn;
    struct xengntdev_handle *gnttab; /* NULL: only foreign mappings */
    struct xs_handle *xs;            /* NULL while xenstored is away */
    int epoll, signals;
    struct guest *guests[DOMIDS];
    struct guest **by_port;
    unsigned int port_room;
    domid_t next_domid; /* domains below are known, but for late introductions */
    struct guest *throttled, *ended;
    uint64_t now; /* milliseconds, monotonic; set once a turn */
    uint64_t retry_store_at;
    int hypervisor_port; /* VIRQ_CON_RING, or -1 */
    uint32_t hypervisor_index;
    struct log hypervisor_log;
    bool stop;
};

/* What an epoll event is about: a kind, and the console for terminals and listeners. */
enum source { SOURCE_EVENTS, SOURCE_STORE, SOURCE_SIGNALS, SOURCE_TERMINAL, SOURCE_LISTENER };

enum {
    EXTRA_NUMBERS = 10,          /* Linux takes one digit */
    VUART_NUMBER = EXTRA_NUMBERS /* the emulated UART of a guest on Arm: the hypervisor is its ring's other end */
};

/* daemon.c */
int daemon_open(struct err *e, struct daemon *d, const struct options *options);
int daemon_run(struct daemon *d);
void daemon_close(struct daemon *d);
int daemon_watch_fd(struct daemon *d, int fd, enum source source, uint32_t console, uint32_t events,
                    bool again);
/* Prints when verbose, to standard error or the system log. */
void daemon_note(const struct daemon *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* domains.c */
int domains_open(struct err *e, struct daemon *d);
void domains_close(struct daemon *d);
/* Takes what xenstore has to say. */
void domains_store_ready(struct daemon *d);
/* xenstored came back or comes up: connect again, watch again, look at everything. */
void domains_retry(struct daemon *d);

/* Consoles beyond the first that the domain's devices name, a bit each: makes those that are new. */
void domains_add_extra(struct daemon *d, struct guest *first, unsigned int numbers);

/* guest.c */
struct guest *guest_new(domid_t domid);
/* What epoll and the table go by: domain and number. */
uint32_t guest_id(const struct guest *g);
/* Its folder in xenstore, with a name below it. */
void guest_path(const struct guest *g, const char *name, char *path, size_t size);
/* Frees everything; the table and lists must not name it any more. */
void guest_free(struct daemon *d, struct guest *g);
/* Reads the nodes and connects, or connects anew when they changed; quiet when they are not there yet. */
void guest_look(struct daemon *d, struct guest *g);
void guest_event(struct daemon *d, struct guest *g);
void guest_terminal(struct daemon *d, struct guest *g, uint32_t events);
void guest_period_ends(struct daemon *d, struct guest *g);
/* The domain is dying: last output, then only the terminal is left. */
void guest_end(struct daemon *d, struct guest *g);
/* All its output was read. */
bool guest_is_read(const struct guest *g);

bool guest_is_throttled(const struct guest *g);

/* extra.c */
/* Acts on the frontend's state; false: there is nothing to be connected. */
bool extra_state(struct daemon *d, struct guest *g, unsigned int state);
/* Tells the frontend that we are connected. */
void extra_connected(struct daemon *d, struct guest *g);
/* Listens where the toolstack says; `connection` and `path` are its nodes, or NULL. False: it is a terminal. */
bool extra_listen(struct daemon *d, struct guest *g, const char *connection, const char *path);
void extra_accept(struct daemon *d, struct guest *g);
void extra_hang_up(struct guest *g);
void extra_close(struct guest *g);

/* The two directions, for the tests: ring to queue and log; queue to terminal; terminal to ring. */
size_t guest_take_output(struct daemon *d, struct guest *g);
void guest_write_terminal(struct daemon *d, struct guest *g);
void guest_read_terminal(struct daemon *d, struct guest *g);

#endif
