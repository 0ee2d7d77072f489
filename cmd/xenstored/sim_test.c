/* SPDX-License-Identifier: MIT */
/* The daemon within a test: its hypervisor, its domains, its privileged client. */
#include "cmd/xenstored/sim_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/xenstored/arena.h"
#include "cmd/xenstored/conn.h"
#include "cmd/xenstored/domain.h"
#include "cmd/xenstored/hw.h"
#include "cmd/xenstored/loop.h"
#include "cmd/xenstored/ring.h"
#include "cmd/xenstored/start.h"
#include "cmd/xenstored/trace.h"
#include "tests/unit/unit.h"

#define KEPT (256 * 1024)

static struct {
    struct xenstore_domain_interface page;
    enum hw_state state;
} domains[SIM_DOMAINS];

static struct conn *client;
static char kept[KEPT]; /* what the client was sent and has not looked at */
static size_t kept_size;
static struct {
    unsigned int count;
    struct sim_message message[64];
} events[SIM_DOMAINS];
struct sim_message sim_answer;

/* ---- the hypervisor: port 1000 + n of ours belongs to domain n ---- */
static struct xenstore_domain_interface *map(uint16_t domid, uint64_t frame)
{
    return domid < SIM_DOMAINS && domains[domid].state != HW_GONE ? &domains[domid].page : NULL;
}

static void unmap(uint16_t domid, struct xenstore_domain_interface *page)
{
}

static struct xenstore_domain_interface *map_own(uint32_t *port)
{
    *port = 1;
    return &domains[0].page;
}

static int bind_port(uint16_t domid, uint32_t remote_port)
{
    return 1000 + domid;
}

static void no_port(uint32_t port)
{
}

static int list_domains(uint16_t first, struct hw_domain *list, unsigned int max)
{
    unsigned int n = 0;
    for (unsigned int i = first; i < SIM_DOMAINS && n < max; i++) {
        if (domains[i].state != HW_GONE) {
            list[n++] = (struct hw_domain){ i, domains[i].state };
        }
    }
    return n;
}

static const struct hw sim_hw = { map, unmap, map_own, bind_port, no_port, no_port, list_domains };

/* ---- the client ---- */
static long client_send(struct conn *c, const void *data, size_t size, bool fresh)
{
    EXPECT(kept_size + size <= KEPT);
    memcpy(kept + kept_size, data, size);
    kept_size += size;
    return size;
}

static void client_want_room(struct conn *c, bool want)
{
}

static void client_close(struct conn *c)
{
    client = NULL;
}

static const struct conn_transport client_transport = { client_send, client_want_room, client_close };

static bool client_get(struct sim_message *m)
{
    if (kept_size < sizeof(m->head)) {
        return false;
    }
    memcpy(&m->head, kept, sizeof(m->head));
    size_t size = sizeof(m->head) + m->head.len;
    EXPECT(m->head.len <= XENSTORE_PAYLOAD_MAX && kept_size >= size);
    memcpy(m->data, kept + sizeof(m->head), m->head.len);
    m->data[m->head.len] = '\0';
    memmove(kept, kept + size, kept_size - size);
    kept_size -= size;
    return true;
}

/* ---- start and end ---- */
static void begin(const char *state)
{
    struct err e = { 0 };

    trace_init(true);
    EXPECT_EQ(loop_init(), 0);
    hw = &sim_hw;
    domains[0].state = HW_ALIVE;
    EXPECT_EQ(start_store(&e, state), 0);
    EXPECT_EQ(start_domains(&e, true), 0);
    client = conn_new(&client_transport, 0, true);
    EXPECT(client != NULL);
    kept_size = 0;
    sim_settle();
}

void sim_start(const char *state)
{
    memset(domains, 0, sizeof(domains));
    memset(events, 0, sizeof(events));
    begin(state);
}

void sim_stop(void)
{
    start_undo();
}

void sim_crash(const char *state)
{
    start_undo();
    begin(state);
}

void sim_settle(void)
{
    while (start_between()) {
        continue;
    }
}

struct xenstore_domain_interface *sim_page(unsigned int domid)
{
    return &domains[domid].page;
}

void sim_domain_is(unsigned int domid, unsigned int state)
{
    domains[domid].state = state;
    domain_check();
    sim_settle();
}

void sim_introduce(unsigned int domid)
{
    char text[64];

    memset(&domains[domid].page, 0, sizeof(domains[domid].page));
    domains[domid].state = HW_ALIVE;
    size_t size = snprintf(text, sizeof(text), "%u%c%u%c%u", domid, 0, 100 + domid, 0, 5) + 1;
    EXPECT_EQ(sim_call(0, XS_INTRODUCE, 0, text, size), XS_INTRODUCE);
}

/* ---- a domain's end of the ring ---- */
size_t sim_put(unsigned int domid, const void *data, size_t size)
{
    struct xenstore_domain_interface *p = &domains[domid].page;
    uint32_t room = XENSTORE_RING_SIZE - (p->req_prod - p->req_cons);
    uint32_t n = size < room ? size : room;

    for (uint32_t i = 0; i < n; i++) {
        p->req[MASK_XENSTORE_IDX(p->req_prod + i)] = ((const char *)data)[i];
    }
    p->req_prod += n;
    return n;
}

static void take(struct xenstore_domain_interface *p, void *to, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        ((char *)to)[i] = p->rsp[MASK_XENSTORE_IDX(p->rsp_cons + i)];
    }
    p->rsp_cons += size;
}

bool sim_get(unsigned int domid, struct sim_message *m)
{
    struct xenstore_domain_interface *p = &domains[domid].page;
    uint32_t got = 0;

    if (p->rsp_prod - p->rsp_cons < sizeof(m->head)) {
        return false;
    }
    take(p, &m->head, sizeof(m->head));
    EXPECT(m->head.len <= XENSTORE_PAYLOAD_MAX);
    while (got < m->head.len) {
        uint32_t n = p->rsp_prod - p->rsp_cons;
        n = n < m->head.len - got ? n : m->head.len - got;
        EXPECT(n > 0);
        take(p, m->data + got, n);
        got += n;
        sim_kick(domid);
    }
    m->data[got] = '\0';
    return true;
}

void sim_kick(unsigned int domid)
{
    ring_event(1000 + domid);
    sim_settle();
}

/* ---- calls ---- */
static void keep_event(unsigned int who, struct sim_message *m)
{
    char *nul = memchr(m->data, '\0', m->head.len);

    EXPECT(nul != NULL);
    if (events[who].count == 64) {
        return; /* more than any test looks at */
    }
    *nul = ' ';
    events[who].message[events[who].count++] = *m;
}

static bool get(unsigned int who, struct sim_message *m)
{
    return who == 0 ? client_get(m) : sim_get(who, m);
}

uint32_t sim_call(unsigned int who, uint32_t type, uint32_t tx, const char *data, size_t size)
{
    static uint32_t number;
    char buffer[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX + 1];
    struct xsd_sockmsg head = { type, ++number, tx, size };

    EXPECT(size <= XENSTORE_PAYLOAD_MAX);
    memcpy(buffer, &head, sizeof(head));
    memcpy(buffer + sizeof(head), data, size);
    size += sizeof(head);
    if (who == 0) {
        EXPECT_EQ(conn_feed(client, buffer, size), (long)size);
        sim_settle();
    } else {
        for (size_t done = 0; done < size;) {
            size_t n = sim_put(who, buffer + done, size - done);
            EXPECT(n > 0);
            done += n;
            sim_kick(who);
        }
    }
    for (;;) {
        EXPECT(get(who, &sim_answer));
        if (sim_answer.head.type != XS_WATCH_EVENT) {
            EXPECT_EQ(sim_answer.head.req_id, number);
            return sim_answer.head.type;
        }
        keep_event(who, &sim_answer);
    }
}

bool sim_event(unsigned int who)
{
    struct sim_message m;

    if (events[who].count == 0 && get(who, &m)) {
        EXPECT_EQ(m.head.type, XS_WATCH_EVENT);
        keep_event(who, &m);
    }
    if (events[who].count == 0) {
        return false;
    }
    sim_answer = events[who].message[0];
    events[who].count--;
    memmove(&events[who].message[0], &events[who].message[1], events[who].count * sizeof(struct sim_message));
    return true;
}
