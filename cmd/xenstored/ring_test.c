/* SPDX-License-Identifier: MIT */
/* Rings: large and cut requests, a domain that does not read, hostile indexes, reconnecting. */
#include <stdio.h>
#include <string.h>

#include "cmd/xenstored/account.h"
#include "cmd/xenstored/conn.h"
#include "cmd/xenstored/domain.h"
#include "cmd/xenstored/sim_test.h"
#include "tests/unit/unit.h"

static void two_domains(void)
{
    sim_start(NULL);
    sim_introduce(1);
    sim_introduce(2);
    SIM_OK(0, XS_WRITE, 0, "/all\0x");
    SIM_OK(0, XS_SET_PERMS, 0, "/all\0b0\0");
}

TEST(ring_large_messages)
{
    char data[XENSTORE_PAYLOAD_MAX];

    two_domains();
    for (unsigned int size = 1; size < 2000; size += 37) {
        memcpy(data, "/all", 5);
        memset(data + 5, 'a' + size % 26, size);
        EXPECT_EQ(sim_call(1, XS_WRITE, 0, data, 5 + size), XS_WRITE);
        EXPECT_EQ(sim_call(2, XS_READ, 0, data, 5), XS_READ);
        EXPECT_EQ(sim_answer.head.len, size);
        EXPECT_EQ(sim_answer.data[size - 1], 'a' + size % 26);
    }
    sim_stop();
}

TEST(ring_bytes_in_drips)
{
    struct xsd_sockmsg head = { XS_READ, 7, 0, 5 };
    char bytes[sizeof(head) + 5];
    struct sim_message m;

    two_domains();
    memcpy(bytes, &head, sizeof(head));
    memcpy(bytes + sizeof(head), "/all", 5);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        EXPECT(!sim_get(1, &m));
        EXPECT_EQ(sim_put(1, bytes + i, 1), 1);
        sim_kick(1);
    }
    EXPECT(sim_get(1, &m));
    EXPECT_EQ(m.head.req_id, 7);
    EXPECT_STR(m.data, "x");
    sim_stop();
}

/* Linux puts a request into the ring in pieces, and tells of one only when it finds all before it taken. */
TEST(ring_told_as_linux_does)
{
    struct xsd_sockmsg head = { XS_READ, 7, 0, 5 };
    char bytes[2 * (sizeof(head) + 5)];
    struct sim_message m;
    size_t half = sizeof(head) + 5;

    two_domains();
    memcpy(bytes, &head, sizeof(head));
    memcpy(bytes + sizeof(head), "/all", 5);
    memcpy(bytes + half, bytes, half);
    for (size_t cut = 1; cut < sizeof(bytes); cut++) {
        size_t at[] = { 0, cut, sizeof(bytes) };

        for (unsigned int i = 0; i < 2; i++) {
            uint32_t before = sim_page(1)->req_prod;

            sim_put(1, bytes + at[i], at[i + 1] - at[i]);
            if ((int32_t)(before - sim_page(1)->req_cons) <= 0) {
                sim_kick(1);
            }
        }
        EXPECT(sim_get(1, &m));
        EXPECT(sim_get(1, &m));
        EXPECT_STR(m.data, "x");
    }
    sim_stop();
}

TEST(ring_many_at_once)
{
    struct xsd_sockmsg head = { XS_READ, 0, 0, 5 };
    struct sim_message m;

    two_domains();
    for (unsigned int round = 0; round < 100; round++) {
        unsigned int asked = 0;
        while (XENSTORE_RING_SIZE - (sim_page(1)->req_prod - sim_page(1)->req_cons) >= sizeof(head) + 5) {
            head.req_id = asked++;
            sim_put(1, &head, sizeof(head));
            sim_put(1, "/all", 5);
        }
        sim_kick(1);
        for (unsigned int i = 0; i < asked; i++) {
            EXPECT(sim_get(1, &m));
            EXPECT_EQ(m.head.req_id, i);
            sim_kick(1);
        }
    }
    sim_stop();
}

/* A domain that takes no event only loses its own; requests of others go on. */
TEST(ring_not_read)
{
    char data[2100];

    two_domains();
    SIM_OK(1, XS_WATCH, 0, "/all\0token\0");
    EXPECT(sim_event(1));
    for (unsigned int i = 0; i < 20000; i++) {
        size_t size = snprintf(data, sizeof(data), "/all/%0200u", i % 15000) + 1;
        EXPECT_EQ(sim_call(0, XS_WRITE, 0, data, size), XS_WRITE);
    }
    SIM_READ(2, 0, "/all", "x");
    EXPECT(account_of(1)->waiting_bytes <= account_limits[LIMIT_MEMORY].value);
    EXPECT(account_of(1)->waiting_bytes > 2000000);
    EXPECT(domain_conn(1)->events_lost > 0);
    EXPECT(account_of(1)->hits > 0);
    /* Its requests wait until it reads. */
    struct xsd_sockmsg head = { XS_READ, 9, 0, 5 };
    sim_put(1, &head, sizeof(head));
    sim_put(1, "/all", 5);
    sim_kick(1);
    struct sim_message m;
    do {
        EXPECT(sim_get(1, &m));
        sim_kick(1);
    } while (m.head.type == XS_WATCH_EVENT);
    EXPECT_EQ(m.head.req_id, 9);
    EXPECT_EQ(account_of(1)->waiting_bytes, 0);
    sim_stop();
}

/* The same event over and over is kept once. */
TEST(ring_equal_events)
{
    two_domains();
    SIM_OK(1, XS_WATCH, 0, "/all\0token\0");
    EXPECT(sim_event(1));
    for (unsigned int i = 0; i < 5000; i++) {
        SIM_OK(0, XS_WRITE, 0, "/all/one\0x");
    }
    EXPECT(account_of(1)->waiting_bytes < 4096);
    sim_stop();
}

TEST(ring_hostile_indexes)
{
    two_domains();
    sim_page(1)->req_prod = sim_page(1)->req_cons + XENSTORE_RING_SIZE + 1;
    sim_kick(1);
    EXPECT_EQ(sim_page(1)->error, XENSTORE_ERROR_RINGIDX);
    SIM_READ(2, 0, "/all", "x");
    /* It comes back by reconnecting, and by being introduced anew. */
    sim_page(1)->connection = XENSTORE_RECONNECT;
    sim_kick(1);
    EXPECT_EQ(sim_page(1)->connection, XENSTORE_CONNECTED);
    EXPECT_EQ(sim_page(1)->error, XENSTORE_ERROR_NONE);
    SIM_READ(1, 0, "/all", "x");
    sim_page(1)->rsp_cons = sim_page(1)->rsp_prod + 1;
    struct xsd_sockmsg head = { XS_READ, 9, 0, 5 };
    sim_put(1, &head, sizeof(head));
    sim_put(1, "/all", 5);
    sim_kick(1);
    EXPECT_EQ(sim_page(1)->error, XENSTORE_ERROR_RINGIDX);
    SIM_READ(2, 0, "/all", "x");
    sim_introduce(1);
    SIM_READ(1, 0, "/all", "x");
    head.len = XENSTORE_PAYLOAD_MAX + 1;
    sim_put(1, &head, sizeof(head));
    sim_kick(1);
    EXPECT_EQ(sim_page(1)->error, XENSTORE_ERROR_PROTO);
    sim_stop();
}

/* Our indexes in the page are only shown, never read. */
TEST(ring_our_indexes_overwritten)
{
    two_domains();
    for (unsigned int i = 0; i < 300; i++) {
        uint32_t cons = sim_page(1)->req_cons;
        uint32_t prod = sim_page(1)->rsp_prod;
        sim_page(1)->req_cons = unit_random();
        sim_page(1)->rsp_prod = unit_random();
        sim_kick(1);
        EXPECT_EQ(sim_page(1)->error, 0);
        sim_page(1)->req_cons = cons;
        sim_page(1)->rsp_prod = prod;
        SIM_READ(1, 0, "/all", "x");
    }
    sim_stop();
}

TEST(ring_garbage)
{
    two_domains();
    for (unsigned int i = 0; i < 20000; i++) {
        uint32_t word = unit_random();
        struct sim_message m;
        switch (unit_random_below(6)) {
        case 0:
            sim_put(1, &word, 4);
            break;
        case 1: {
            struct xsd_sockmsg head = { word % 24, word, word >> 8 & 1, (word >> 16) % 40 };
            sim_put(1, &head, sizeof(head));
            sim_put(1, "/all/x\0/y\0T\0F\0\0\0001\0002\0token\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", head.len);
            break;
        }
        case 2:
            sim_kick(1);
            break;
        case 3:
            sim_page(1)->rsp_cons = sim_page(1)->rsp_prod;
            break;
        case 4:
            if (sim_page(1)->error != 0) {
                sim_page(1)->connection = XENSTORE_RECONNECT;
            }
            break;
        default:
            if (sim_page(1)->rsp_prod - sim_page(1)->rsp_cons == 0) {
                EXPECT(!sim_get(1, &m));
            }
            break;
        }
    }
    SIM_READ(2, 0, "/all", "x");
    sim_stop();
}
