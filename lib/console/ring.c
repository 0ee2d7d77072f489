/* SPDX-License-Identifier: MIT */
/* The console ring: see ring.h. Loads acquire what the other side released, and the other way round. */
#include "lib/console/ring.h"

#include <string.h>

static uint32_t load(const XENCONS_RING_IDX *index)
{
    return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

static void store(XENCONS_RING_IDX *index, uint32_t value)
{
    __atomic_store_n(index, value, __ATOMIC_RELEASE);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t console_ring_peek(const struct xencons_interface *ring, char *to, size_t room, bool *bad)
{
    uint32_t cons = load(&ring->out_cons);
    uint32_t filled = load(&ring->out_prod) - cons;
    if (bad) {
        *bad = filled > CONSOLE_OUT_SIZE;
    }
    if (filled > CONSOLE_OUT_SIZE) {
        return 0;
    }
    size_t size = least(filled, room);
    size_t at = cons % CONSOLE_OUT_SIZE;
    size_t first = least(size, CONSOLE_OUT_SIZE - at);
    memcpy(to, ring->out + at, first);
    memcpy(to + first, ring->out, size - first);
    return size;
}

void console_ring_done(struct xencons_interface *ring, size_t size)
{
    store(&ring->out_cons, load(&ring->out_cons) + (uint32_t)size);
}

size_t console_ring_take(struct xencons_interface *ring, char *to, size_t room, bool *bad)
{
    size_t size = console_ring_peek(ring, to, room, bad);
    if (size > 0) {
        console_ring_done(ring, size);
    }
    return size;
}

/* The space behind `prod`, from one reading of the guest's index. */
static size_t space_from(const struct xencons_interface *ring, uint32_t prod)
{
    uint32_t filled = prod - load(&ring->in_cons);
    return filled > CONSOLE_IN_SIZE ? 0 : CONSOLE_IN_SIZE - filled;
}

size_t console_ring_space(const struct xencons_interface *ring)
{
    return space_from(ring, load(&ring->in_prod));
}

size_t console_ring_put(struct xencons_interface *ring, const char *from, size_t size)
{
    uint32_t prod = load(&ring->in_prod);
    size = least(size, space_from(ring, prod));
    size_t at = prod % CONSOLE_IN_SIZE;
    size_t first = least(size, CONSOLE_IN_SIZE - at);
    memcpy(ring->in + at, from, first);
    memcpy(ring->in, from + first, size - first);
    store(&ring->in_prod, prod + (uint32_t)size);
    return size;
}
