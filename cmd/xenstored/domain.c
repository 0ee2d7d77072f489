/* SPDX-License-Identifier: MIT */
/* Connected domains, their coming and going. */
#include "cmd/xenstored/domain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/xenstored/account.h"
#include "cmd/xenstored/change.h"
#include "cmd/xenstored/conn.h"
#include "cmd/xenstored/hw.h"
#include "cmd/xenstored/node.h"
#include "cmd/xenstored/out.h"
#include "cmd/xenstored/persist.h"
#include "cmd/xenstored/ring.h"
#include "cmd/xenstored/trace.h"
#include "cmd/xenstored/watch.h"

#define SWEEP_STEP 512

static struct conn *conns[ACCOUNT_DOMIDS];
static unsigned int count, targets;
bool domain_keep_orphans;

/* Domains that died and may have left something; the first is being swept. */
static struct {
    uint16_t domid[64];
    unsigned int length;
    uint32_t cursor;
} sweep;

struct conn *domain_conn(uint16_t domid)
{
    return domid < ACCOUNT_DOMIDS ? conns[domid] : NULL;
}

unsigned int domain_count(void)
{
    return count;
}

/* ---- sweeping ---- */
static bool sweep_some(unsigned int step)
{
    if (sweep.length == 0) {
        return false;
    }
    if (node_sweep(sweep.domid[0], &sweep.cursor, step, change_tell_removal)) {
        sweep.length--;
        memmove(sweep.domid, sweep.domid + 1, sweep.length * sizeof(sweep.domid[0]));
        sweep.cursor = 0;
    }
    return sweep.length > 0;
}

static void sweep_later(uint16_t domid)
{
    const struct account *a = account_of(domid);

    if (domain_keep_orphans || a->nodes + a->perm_refs == 0) {
        return;
    }
    while (sweep.length == sizeof(sweep.domid) / sizeof(sweep.domid[0])) {
        sweep_some(UINT32_MAX);
    }
    sweep.domid[sweep.length++] = domid;
}

static void sweep_now(uint16_t domid)
{
    for (unsigned int i = 0; i < sweep.length; i++) {
        if (sweep.domid[i] == domid) {
            while (sweep_some(UINT32_MAX)) {
                continue;
            }
            return;
        }
    }
}

bool domain_between(void)
{
    return sweep_some(SWEEP_STEP);
}

/* ---- coming ---- */
static struct conn *new_conn(uint16_t domid, bool privileged)
{
    struct conn *c = conn_new(&ring_transport, domid, privileged);

    if (c != NULL) {
        c->persistent = true;
        conns[domid] = c;
        count++;
    }
    return c;
}

static void forget(struct conn *c)
{
    uint16_t domid = c->who.domid;

    conns[domid] = NULL;
    count--;
    for (struct conn *o = targets > 0 ? conn_list : NULL; o != NULL; o = o->next) {
        if (o != c && o->who.target == domid) {
            o->who.target = o->who.domid;
        }
    }
    uint32_t record = c->record;
    conn_free(c);
    if (record != 0) {
        arena_free(record);
    }
}

static int connect_ring(struct conn *c, struct xenstore_domain_interface *page, uint32_t port, bool fresh)
{
    uint16_t domid = c->who.domid;
    int local = hw->bind(domid, port);
    int rc = local >= 0 ? ring_attach(c, page, local, fresh) : -EINVAL;

    if (rc != 0) {
        if (local >= 0) {
            hw->unbind(local);
        }
        hw->unmap(domid, page);
    }
    return rc;
}

static int connect(uint16_t domid, bool privileged, struct xenstore_domain_interface *page, uint64_t frame,
                   uint32_t port)
{
    struct conn *c = new_conn(domid, privileged);

    if (c == NULL) {
        hw->unmap(domid, page);
        return -ENOMEM;
    }
    c->record = persist_conn_new(c);
    if (c->record == 0) {
        hw->unmap(domid, page);
        forget(c);
        return -ENOMEM;
    }
    persist_at(c->record)->frame = frame;
    persist_at(c->record)->port = port;
    int rc = connect_ring(c, page, port, true);
    if (rc != 0) {
        forget(c);
        return rc;
    }
    arena_publish(c->record, ARENA_CONN);
    return 0;
}

static int rebind(struct conn *c, uint64_t frame, uint32_t port)
{
    int local = hw->bind(c->who.domid, port);

    if (local < 0) {
        return -EINVAL;
    }
    uint32_t old = c->ring->port;
    ring_set_port(c->ring, local);
    hw->unbind(old);
    persist_at(c->record)->port = port;
    persist_at(c->record)->frame = frame;
    conn_reset(c);
    ring_restart(c->ring);
    return 0;
}

int domain_introduce(uint16_t domid, uint64_t frame, uint32_t port)
{
    struct conn *c = domain_conn(domid);

    if (domid >= ACCOUNT_DOMIDS || port == 0) {
        return -EINVAL;
    }
    if (c != NULL) {
        return c->ring != NULL ? rebind(c, frame, port) : -EINVAL;
    }
    sweep_now(domid);
    struct xenstore_domain_interface *page = hw->map(domid, frame);
    if (page == NULL) {
        return -EINVAL;
    }
    int rc = connect(domid, false, page, frame, port);
    if (rc == 0) {
        change_tell_special("@introduceDomain");
    }
    return rc;
}

bool domain_own(void)
{
    uint32_t port = 0;

    if (conns[0] != NULL) {
        return true;
    }
    struct xenstore_domain_interface *page = hw->map_own(&port);
    return page != NULL && connect(0, true, page, 0, port) == 0;
}

/* Our predecessor's domain cannot be reached. When that is because it died, its nodes go as if we had seen it. */
static struct conn *not_adopted(uint16_t domid, const char *what)
{
    struct hw_domain d;
    int got = hw->domains(domid, &d, 1);

    trace_warn("domain %u: its %s is gone", domid, what);
    if (got == 0 || (got > 0 && (d.domid != domid || d.state == HW_GONE))) {
        sweep_later(domid);
    }
    return NULL;
}

struct conn *domain_adopt(uint32_t record)
{
    struct persist_conn *p = persist_at(record);
    uint32_t port = p->port;

    if (p->fd != 0 || p->domid >= ACCOUNT_DOMIDS || conns[p->domid] != NULL) {
        return NULL;
    }
    struct xenstore_domain_interface *page = p->domid == 0 ? hw->map_own(&port) : hw->map(p->domid, p->frame);
    struct conn *c = page != NULL ? new_conn(p->domid, p->domid == 0) : NULL;
    if (c == NULL) {
        return not_adopted(p->domid, "ring");
    }
    c->record = record;
    if (connect_ring(c, page, port, false) != 0) {
        c->record = 0;
        forget(c);
        return not_adopted(p->domid, "event channel");
    }
    c->id = p->id;
    c->tx_last = c->tx_lost = p->tx_last;
    c->tx_done = p->tx_done;
    c->who.target = p->target;
    targets += p->target != p->domid;
    return c;
}

void domain_disconnect(struct conn *c)
{
    for (struct watch *w = c->watches; w != NULL; w = w->next_mine) {
        w->record = 0;
        w->pending = 0;
    }
    c->out_first = c->out_last = 0;
    c->record = 0;
    forget(c);
}

/* ---- going ---- */
static void gone(struct conn *c)
{
    uint16_t domid = c->who.domid;

    forget(c);
    sweep_later(domid);
    change_tell_special("@releaseDomain");
}

int domain_release(uint16_t domid)
{
    struct conn *c = domain_conn(domid);

    if (domid == 0 || c == NULL) {
        return domid == 0 ? -EINVAL : -ENOENT;
    }
    gone(c);
    return 0;
}

int domain_resume(uint16_t domid)
{
    struct conn *c = domain_conn(domid);

    if (domid == 0 || c == NULL) {
        return domid == 0 ? -EINVAL : -ENOENT;
    }
    persist_at(c->record)->shut_down = 0;
    return 0;
}

int domain_set_target(uint16_t domid, uint16_t target)
{
    struct conn *c = domain_conn(domid);

    if (c == NULL || domain_conn(target) == NULL) {
        return -ENOENT;
    }
    c->who.target = target;
    persist_at(c->record)->target = target;
    targets++;
    return 0;
}

/* All domains there are, in order, in memory the caller frees; -1 when they cannot be had. */
static int all_domains(struct hw_domain **list)
{
    int have = 0;
    int got;

    *list = NULL;
    do {
        struct hw_domain *more = realloc(*list, (have + 64) * sizeof(*more));
        if (more == NULL) {
            return -1;
        }
        *list = more;
        got = hw->domains(have > 0 ? more[have - 1].domid + 1 : 0, more + have, 64);
        have += got;
    } while (got == 64);
    return got < 0 ? -1 : have;
}

static int compare(const void *a, const void *b)
{
    return (int)((const struct hw_domain *)a)->domid - ((const struct hw_domain *)b)->domid;
}

void domain_check(void)
{
    struct hw_domain *list;
    int n = all_domains(&list);
    bool told = false;

    for (struct conn *c = n >= 0 ? conn_list : NULL, *next; c != NULL; c = next) {
        next = c->next;
        if (c->ring == NULL || c->who.domid == 0) {
            continue;
        }
        struct hw_domain key = { .domid = c->who.domid };
        const struct hw_domain *found = bsearch(&key, list, n, sizeof(key), compare);
        enum hw_state state = found != NULL ? found->state : HW_GONE;
        if (state == HW_GONE) {
            gone(c);
        } else if (state == HW_SHUT_DOWN && !persist_at(c->record)->shut_down) {
            persist_at(c->record)->shut_down = 1;
            told = true;
        }
    }
    free(list);
    if (told) {
        change_tell_special("@releaseDomain");
    }
}
