/* SPDX-License-Identifier: MIT */
/*
 * The console ring with a hostile guest: the input sets indexes and interleaves the daemon's calls with the
 * guest's writes to the page. Nothing outside the page is touched, no more bytes come than the ring holds,
 * and a step of the daemon moves only its own index, forwards, by what it took or put.
 */
#include "lib/console/ring.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

void fuzz_init(void)
{
}

static uint32_t *index_of(struct xencons_interface *r, unsigned int which)
{
    uint32_t *all[] = { &r->in_cons, &r->in_prod, &r->out_cons, &r->out_prod };
    return all[which];
}

static void take(struct xencons_interface *r, size_t room)
{
    char *to = malloc(room ? room : 1);
    struct xencons_interface before = *r;
    bool bad;
    size_t size = console_ring_take(r, to, room, &bad);
    EXPECT(size <= room && size <= CONSOLE_OUT_SIZE);
    EXPECT_EQ(r->out_cons - before.out_cons, size);
    EXPECT(bad == (before.out_prod - before.out_cons > CONSOLE_OUT_SIZE));
    for (size_t i = 0; i < size; i++) {
        EXPECT_EQ(to[i], before.out[(before.out_cons + i) % CONSOLE_OUT_SIZE]);
    }
    before.out_cons = r->out_cons;
    EXPECT_EQ(memcmp(&before, r, sizeof(*r)), 0);
    free(to);
}

static void put(struct xencons_interface *r, struct fuzz_input *in, size_t size)
{
    char *from = malloc(size ? size : 1);
    memset(from, fuzz_u8(in), size);
    uint32_t before = r->in_prod;
    size_t space = console_ring_space(r);
    size_t done = console_ring_put(r, from, size);
    EXPECT(space <= CONSOLE_IN_SIZE);
    EXPECT_EQ(done, size < space ? size : space);
    EXPECT_EQ(r->in_prod - before, done);
    for (size_t i = 0; i < done; i++) {
        EXPECT_EQ(r->in[(before + i) % CONSOLE_IN_SIZE], from[i]);
    }
    free(from);
}

void fuzz_one(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { .data = data, .left = size };
    struct xencons_interface *r = calloc(1, sizeof(*r));
    EXPECT(r != NULL);
    while (in.left > 0) {
        switch (fuzz_below(&in, 4)) {
        case 0:
            *index_of(r, fuzz_below(&in, 4)) = (uint32_t)fuzz_number(&in);
            break;
        case 1:
            r->out_prod += (uint32_t)fuzz_number(&in);
            r->out[fuzz_u64(&in) % CONSOLE_OUT_SIZE] = (char)fuzz_u8(&in);
            break;
        case 2:
            take(r, fuzz_number(&in) % (2 * CONSOLE_OUT_SIZE));
            break;
        default:
            put(r, &in, fuzz_number(&in) % (2 * CONSOLE_IN_SIZE));
            break;
        }
    }
    free(r);
}
