/* SPDX-License-Identifier: MIT */
/*
 * Which domains there are: see daemon.h.
 *
 * A new domain costs one look at the numbers above the highest known one, since numbers are given out
 * upwards; only when that finds nothing (numbers wrapped round, or a domain was introduced late) everything
 * is looked at. What is written below a domain's console node comes by a watch of its own, so nothing else is
 * asked.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "cmd/xenconsoled/daemon.h"
#include "lib/store/xenstore.h"

#define RETRY_STORE_MS 500
#define SCAN_STEP      128
#define CONSOLE_TOKEN  "console"

static void console_path(domid_t domid, char *path, size_t size)
{
    snprintf(path, size, "/local/domain/%u/console", domid);
}

static bool watch_console(struct daemon *d, domid_t domid)
{
    char path[64];
    console_path(domid, path, sizeof(path));
    return xs_watch(d->xs, path, CONSOLE_TOKEN);
}

static void extra_path(domid_t domid, char *path, size_t size)
{
    snprintf(path, size, "/local/domain/%u/device/console", domid);
}

static void watch_extra(struct daemon *d, domid_t domid)
{
    char path[64];
    extra_path(domid, path, sizeof(path));
    xs_watch(d->xs, path, CONSOLE_TOKEN);
}

void domains_add_extra(struct daemon *d, struct guest *first, unsigned int numbers)
{
    bool watched = first->extra != NULL;
    struct guest *vuart = NULL;
    for (const struct guest *g = first->extra; g; g = g->extra) {
        numbers &= ~(1u << g->number);
    }
    for (unsigned int number = 1; number <= VUART_NUMBER; number++) {
        struct guest *g = numbers >> number & 1 ? guest_new(first->domid) : NULL;
        if (g) {
            g->number = number;
            g->extra = first->extra;
            first->extra = g;
            vuart = number == VUART_NUMBER ? g : vuart;
        }
    }
    if (vuart) {
        guest_look(d, vuart);
    }
    /* The watch's first event brings the look at them. */
    if (!watched && first->extra) {
        watch_extra(d, first->domid);
    }
}

static void add(struct daemon *d, domid_t domid)
{
    struct guest *g = guest_new(domid);
    if (!g) {
        return;
    }
    d->guests[domid] = g;
    /* The first event of the new watch comes at once, and with it the look at the nodes. */
    watch_console(d, domid);
}

static void begin_end(struct daemon *d, struct guest *g)
{
    char path[64];
    if (g->ended) {
        return;
    }
    guest_end(d, g);
    g->next_ended = d->ended;
    d->ended = g;
    if (d->xs) {
        console_path(g->domid, path, sizeof(path));
        xs_unwatch(d->xs, path, CONSOLE_TOKEN);
    }
    if (d->xs && g->extra) {
        extra_path(g->domid, path, sizeof(path));
        xs_unwatch(d->xs, path, CONSOLE_TOKEN);
    }
}

/* Looks at the domains from `first` on: adds new ones, returns how many; notes in seen[] which live. */
static int scan(struct daemon *d, domid_t first, uint8_t *seen)
{
    static struct xen_domctl_getdomaininfo list[SCAN_STEP];
    int added = 0;
    for (;;) {
        int count = ctrl_domain_list(d->ctrl, first, SCAN_STEP, list);
        for (int i = 0; i < count; i++) {
            domid_t domid = list[i].domain;
            if (domid >= DOMIDS || (list[i].flags & XEN_DOMINF_dying)) {
                continue;
            }
            if (seen) {
                seen[domid / 8] |= 1u << domid % 8;
            }
            if (!d->guests[domid]) {
                add(d, domid);
                added++;
            }
            d->next_domid = domid >= d->next_domid ? domid + 1 : d->next_domid;
        }
        if (count < SCAN_STEP) {
            return added;
        }
        first = list[count - 1].domain + 1;
    }
}

/* Domains that are gone or dying end. */
static void sweep(struct daemon *d)
{
    static uint8_t seen[(DOMIDS + 7) / 8];
    memset(seen, 0, sizeof(seen));
    scan(d, 0, seen);
    for (domid_t domid = 0; domid < d->next_domid; domid++) {
        struct guest *g = d->guests[domid];
        if (g && !(seen[domid / 8] & 1u << domid % 8)) {
            begin_end(d, g);
        }
    }
}

static void introduced(struct daemon *d)
{
    if (scan(d, d->next_domid, NULL) == 0) {
        scan(d, 0, NULL);
    }
}

/* Below device/console: one console's node, or all of them. */
static void extra_changed(struct daemon *d, domid_t domid, const char *below)
{
    struct guest *g = d->guests[domid] ? d->guests[domid]->extra : NULL;
    unsigned int number;
    char leaf[16] = "";
    bool one = sscanf(below, "/%u/%15s", &number, leaf) >= 1;
    for (; g && strcmp(leaf, "tty") != 0; g = g->extra) {
        if (!one || g->number == number) {
            guest_look(d, g);
        }
    }
}

static void console_changed(struct daemon *d, const char *path)
{
    unsigned int domid;
    int length = 0;
    if (sscanf(path, "/local/domain/%u/device/console%n", &domid, &length) == 1 && length > 0 && domid < DOMIDS) {
        extra_changed(d, domid, path + length);
        return;
    }
    if (sscanf(path, "/local/domain/%u/console%n", &domid, &length) != 1 || length == 0 || domid >= DOMIDS) {
        return;
    }
    /* The terminal's name is what we write there ourselves. */
    if (d->guests[domid] && strcmp(path + length, "/tty") != 0) {
        guest_look(d, d->guests[domid]);
    }
}

static void lose_store(struct daemon *d)
{
    daemon_note(d, "lost xenstored");
    xs_close(d->xs);
    d->xs = NULL;
    d->retry_store_at = d->now + RETRY_STORE_MS;
}

void domains_store_ready(struct daemon *d)
{
    while (d->xs) {
        errno = 0;
        char **event = xs_check_watch(d->xs);
        if (!event) {
            if (errno != EAGAIN && errno != EINTR && errno != ENOMEM) {
                lose_store(d);
            }
            return;
        }
        const char *path = event[XS_WATCH_PATH];
        if (strcmp(path, "@releaseDomain") == 0) {
            sweep(d);
        } else if (strcmp(path, "@introduceDomain") == 0) {
            introduced(d);
        } else {
            console_changed(d, path);
        }
        free(event);
    }
}

static int connect_store(struct daemon *d)
{
    d->xs = xs_open(0);
    if (!d->xs) {
        return -errno;
    }
    if (!xs_watch(d->xs, "@introduceDomain", "domains") || !xs_watch(d->xs, "@releaseDomain", "domains") ||
        daemon_watch_fd(d, xs_fileno(d->xs), SOURCE_STORE, 0, EPOLLIN, false) < 0) {
        int rc = -errno;
        xs_close(d->xs);
        d->xs = NULL;
        return rc;
    }
    return 0;
}

int domains_open(struct err *e, struct daemon *d)
{
    int rc = connect_store(d);
    if (rc < 0) {
        errno = -rc;
        err_errno(e, "cannot connect to xenstored");
        err_hint(e, "is xenstored running?");
    }
    return rc;
}

void domains_retry(struct daemon *d)
{
    if (connect_store(d) < 0) {
        d->retry_store_at = d->now + RETRY_STORE_MS;
        return;
    }
    daemon_note(d, "connected to xenstored again");
    for (domid_t domid = 0; domid < d->next_domid; domid++) {
        if (d->guests[domid] && !d->guests[domid]->ended) {
            watch_console(d, domid);
            if (d->guests[domid]->extra) {
                watch_extra(d, domid);
            }
        }
    }
}

void domains_close(struct daemon *d)
{
    for (domid_t domid = 0; domid < d->next_domid; domid++) {
        if (d->guests[domid]) {
            guest_free(d, d->guests[domid]);
            d->guests[domid] = NULL;
        }
    }
    if (d->xs) {
        xs_close(d->xs);
        d->xs = NULL;
    }
}
