/* SPDX-License-Identifier: MIT */
/*
 * Tests of the console ring: order, wrapping, full and empty, and a guest that writes nonsense into the
 * indexes.
 */
#include "lib/console/ring.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

/* What the guest's driver does. */
static size_t guest_put(struct xencons_interface *r, const char *data, size_t size)
{
    size_t done = 0;
    while (done < size && r->out_prod - __atomic_load_n(&r->out_cons, __ATOMIC_ACQUIRE) < CONSOLE_OUT_SIZE) {
        r->out[r->out_prod % CONSOLE_OUT_SIZE] = data[done++];
        __atomic_store_n(&r->out_prod, r->out_prod + 1, __ATOMIC_RELEASE);
    }
    return done;
}

static size_t guest_take(struct xencons_interface *r, char *to, size_t room)
{
    size_t done = 0;
    while (done < room && r->in_cons != __atomic_load_n(&r->in_prod, __ATOMIC_ACQUIRE)) {
        to[done++] = r->in[r->in_cons % CONSOLE_IN_SIZE];
        __atomic_store_n(&r->in_cons, r->in_cons + 1, __ATOMIC_RELEASE);
    }
    return done;
}

TEST(ring_output_in_order_across_the_end)
{
    struct xencons_interface r = { .out_cons = UINT32_MAX - 1500, .out_prod = UINT32_MAX - 1500 };
    char got[CONSOLE_OUT_SIZE];
    unsigned char next_in = 0;
    unsigned char next_out = 0;
    for (int round = 0; round < 2000; round++) {
        char data[CONSOLE_OUT_SIZE];
        size_t size = unit_random_below(CONSOLE_OUT_SIZE);
        for (size_t i = 0; i < size; i++) {
            data[i] = (char)(next_in + i);
        }
        next_in += guest_put(&r, data, size);
        size = console_ring_take(&r, got, unit_random_below(CONSOLE_OUT_SIZE) + 1, NULL);
        for (size_t i = 0; i < size; i++) {
            EXPECT_EQ((unsigned char)got[i], next_out++);
        }
    }
}

TEST(ring_input_fills_and_empties)
{
    struct xencons_interface r = { .in_cons = UINT32_MAX - 10, .in_prod = UINT32_MAX - 10 };
    char data[CONSOLE_IN_SIZE + 10];
    char got[CONSOLE_IN_SIZE];
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (char)i;
    }
    EXPECT_EQ(console_ring_space(&r), CONSOLE_IN_SIZE);
    EXPECT_EQ(console_ring_put(&r, data, sizeof(data)), CONSOLE_IN_SIZE);
    EXPECT_EQ(console_ring_space(&r), 0);
    EXPECT_EQ(console_ring_put(&r, data, 1), 0);
    EXPECT_EQ(guest_take(&r, got, sizeof(got)), CONSOLE_IN_SIZE);
    EXPECT_EQ(memcmp(got, data, sizeof(got)), 0);
    EXPECT_EQ(console_ring_space(&r), CONSOLE_IN_SIZE);
}

TEST(ring_hostile_indexes_move_nothing)
{
    static const uint32_t distances[] = { CONSOLE_OUT_SIZE + 1, 0x80000000u, UINT32_MAX };
    for (unsigned int i = 0; i < 3; i++) {
        struct xencons_interface r = { .out_cons = 77, .out_prod = 77 + distances[i] };
        char got[CONSOLE_OUT_SIZE];
        bool bad = false;
        EXPECT_EQ(console_ring_take(&r, got, sizeof(got), &bad), 0);
        EXPECT(bad);
        EXPECT_EQ(r.out_cons, 77);
        r = (struct xencons_interface){ .in_cons = 77, .in_prod = 77 + distances[i] };
        EXPECT_EQ(console_ring_space(&r), 0);
        EXPECT_EQ(console_ring_put(&r, "x", 1), 0);
        EXPECT_EQ(r.in_prod, 77 + distances[i]);
    }
}

static volatile bool stop;

static void *scribble(void *arg)
{
    struct xencons_interface *r = arg;
    unsigned int seed = 1;
    while (!stop) {
        __atomic_store_n(&r->out_prod, rand_r(&seed), __ATOMIC_RELAXED);
        __atomic_store_n(&r->out_cons, rand_r(&seed), __ATOMIC_RELAXED);
        __atomic_store_n(&r->in_prod, rand_r(&seed), __ATOMIC_RELAXED);
        __atomic_store_n(&r->in_cons, rand_r(&seed), __ATOMIC_RELAXED);
        __atomic_store_n(&r->out_prod, r->out_cons + rand_r(&seed) % 4096, __ATOMIC_RELAXED);
        __atomic_store_n(&r->in_prod, r->in_cons + rand_r(&seed) % 2048, __ATOMIC_RELAXED);
    }
    return NULL;
}

/* A second thread writes the indexes while they are used: nothing leaves the page (the sanitizer watches). */
TEST(ring_guest_scribbles_while_we_work)
{
    struct xencons_interface *r = calloc(1, sizeof(*r));
    pthread_t thread;
    EXPECT_EQ(pthread_create(&thread, NULL, scribble, r), 0);
    char data[CONSOLE_OUT_SIZE] = { 0 };
    for (int i = 0; i < 200000; i++) {
        EXPECT(console_ring_take(r, data, sizeof(data), NULL) <= sizeof(data));
        EXPECT(console_ring_put(r, data, sizeof(data)) <= CONSOLE_IN_SIZE);
    }
    stop = true;
    pthread_join(thread, NULL);
    free(r);
}
