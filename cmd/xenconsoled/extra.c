/* SPDX-License-Identifier: MIT */
/*
 * Consoles beyond a domain's first, which xl.cfg calls channels: see daemon.h.
 *
 * Such a console is a device like a disk: the guest's driver grants a ring, writes it and its port below
 * device/console/N and goes to Initialised; we connect and answer with Connected in the backend's folder. It is a
 * pseudo terminal, or a socket that one client at a time may connect to. The toolstack's words (what it is, and
 * where the socket lies) are read from the backend's folder, which is no guest's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "abi/xenbus.h"
#include "cmd/xenconsoled/daemon.h"
#include "lib/store/xenstore.h"

static void tell_state(struct daemon *d, const struct guest *g, unsigned int state)
{
    char path[80], text[4];

    snprintf(path, sizeof(path), "/local/domain/0/backend/console/%u/%u/state", g->domid, g->number);
    snprintf(text, sizeof(text), "%u", state);
    if (!xs_write(d->xs, XBT_NULL, path, text, strlen(text))) {
        daemon_note(d, "domain %u console %u: cannot tell its state: %s", g->domid, g->number, strerror(errno));
    }
}

bool extra_state(struct daemon *d, struct guest *g, unsigned int state)
{
    switch (state) {
    case XenbusStateInitialised:
    case XenbusStateConnected:
        return true;
    case XenbusStateClosing:
    case XenbusStateClosed:
        if (g->connected) {
            tell_state(d, g, XenbusStateClosed);
        }
        return false;
    default:
        return false;
    }
}

void extra_connected(struct daemon *d, struct guest *g)
{
    tell_state(d, g, XenbusStateConnected);
}

/* ---- the socket ------------------------------------------------------------------------------------ */

static int open_listener(const char *path)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    struct stat st;
    int fd;

    if (strlen(path) >= sizeof(a.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(a.sun_path, path);
    /* Of a daemon before us. */
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
        unlink(path);
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && (bind(fd, (struct sockaddr *)&a, sizeof(a)) || chmod(path, 0600) || listen(fd, 4))) {
        int saved = errno;
        close(fd);
        errno = saved;
        fd = -1;
    }
    return fd;
}

bool extra_listen(struct daemon *d, struct guest *g, const char *connection, const char *path)
{
    if (!connection || strcmp(connection, "socket") || !path || *path != '/') {
        return false;
    }
    if (g->listener >= 0) {
        return true;
    }
    g->listener = open_listener(path);
    g->socket_path = g->listener >= 0 ? strdup(path) : NULL;
    if (g->listener < 0 || daemon_watch_fd(d, g->listener, SOURCE_LISTENER, guest_id(g), EPOLLIN, false) < 0) {
        daemon_note(d, "domain %u console %u: cannot listen on %s: %s", g->domid, g->number, path,
                    strerror(errno));
        extra_close(g);
    }
    return true;
}

/* One client at a time: who comes second is turned away. */
void extra_accept(struct daemon *d, struct guest *g)
{
    int fd = accept4(g->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0) {
        return;
    }
    if (g->master >= 0 || daemon_watch_fd(d, fd, SOURCE_TERMINAL, guest_id(g), EPOLLIN, false) < 0) {
        close(fd);
        return;
    }
    g->master = fd;
    g->wants_read = true;
    g->wants_write = false;
    guest_write_terminal(d, g);
}

void extra_hang_up(struct guest *g)
{
    close(g->master);
    g->master = -1;
    g->wants_read = g->wants_write = false;
}

void extra_close(struct guest *g)
{
    if (g->listener >= 0) {
        close(g->listener);
        g->listener = -1;
        if (g->socket_path) {
            unlink(g->socket_path);
        }
    }
    free(g->socket_path);
    g->socket_path = NULL;
}
