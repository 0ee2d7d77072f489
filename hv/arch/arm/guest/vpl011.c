/* SPDX-License-Identifier: MIT */
/*
 * See vpl011.h. To the log the transmitter is always empty, so its interrupt is due whenever the guest has it
 * unmasked: it is raised when the mask opens and after each byte. The receiver's is raised with each byte that comes in
 * and, as the level stays while there is more, with each one read that was not the last.
 *
 * With a ring in a page of the guest's both are as full as its indexes say, which run freely. The guest and the daemon
 * may write anything there at any time: an index is read once, and a half whose indexes are further apart than its
 * size has nothing to read and no room. The daemon's event says that indexes have moved.
 *
 * Lock: `lock` of the port for the mask, what was received, the unfinished line and the ring. Events are sent and
 * interrupts raised without it.
 */
#include "hv/arch/arm/guest/vpl011.h"

#include "abi/io_console.h"
#include "hv/arch/arm/guest/serial_input.h"
#include "hv/arch/arm/guest/vgic.h"
#include "hv/base/printk.h"
#include "hv/core/arch_guest.h"
#include "hv/core/evtchn.h"
#include "hv/core/p2m.h"
#include "hv/lib/printf.h"
#include "hv/mm/heap.h"

#define REG_DATA  0x00
#define REG_FLAGS 0x18
#define REG_MASK  0x38
#define REG_RAW   0x3c
#define REG_MASKED 0x40

#define FLAG_TX_EMPTY 0x80U
#define FLAG_RX_FULL  0x40U
#define FLAG_TX_FULL  0x20U
#define FLAG_RX_EMPTY 0x10U
#define INT_TX        0x20U
#define INT_RX        0x50U /* bytes are there; they have been for a while */
#define LINE_BYTES    160U
#define RING_BYTES    64U
#define SHARED_IN     ((uint32_t)sizeof(((struct xencons_interface *)0)->in))
#define SHARED_OUT    ((uint32_t)sizeof(((struct xencons_interface *)0)->out))

struct vpl011 {
    struct spinlock lock; /* LOCK_RIGHTS: a line is printed inside */
    uint32_t mask;
    unsigned int length;
    char line[LINE_BYTES];
    bool in_line;              /* shown byte by byte: the last one ended no line */
    unsigned int in, out;      /* of the ring, ever growing */
    char ring[RING_BYTES];
    /* dom0's daemon at the other end, instead of the log: */
    evtchn_port_t port;              /* constant */
    struct frame *frame;             /* writable; NULL: none, or the domain dies */
    struct xencons_interface *shared;
};

int vpl011_init(struct domain *d)
{
    struct vpl011 *u = heap_alloc(sizeof(*u));

    if (u == NULL) {
        return -ENOMEM;
    }
    spin_init(&u->lock, LOCK_RIGHTS);
    d->arch->vpl011 = u;
    return 0;
}

static void notify(struct domain *d);

/* A ring that holds what a daemon of before left there is as good as an empty one. */
int vpl011_init_ring(struct domain *d, domid_t console, gfn_t gfn, evtchn_port_t *port)
{
    struct frame *f;
    int rc;

    if (d->arch->vgic.spi_count <= GUEST_VPL011_SPI - VIRQ_LOCALS || d->creation_finished || d->arch->vpl011 != NULL) {
        return -EINVAL;
    }
    f = arch_get_gfn(d, gfn, true);
    rc = f == NULL ? -EINVAL : vpl011_init(d);
    if (rc == 0) {
        rc = evtchn_alloc_held(d, console, notify, &d->arch->vpl011->port);
        if (rc != 0) {
            vpl011_exit(d);
        }
    }
    if (rc != 0) {
        if (f != NULL) {
            arch_put_gfn(f, true);
        }
        return rc;
    }
    d->arch->vpl011->frame = f;
    d->arch->vpl011->shared = arch_direct_map(frame_mfn(f));
    *port = d->arch->vpl011->port;
    return 0;
}

void vpl011_relinquish(struct domain *d)
{
    struct vpl011 *u = d->arch->vpl011;
    struct frame *f;

    if (u == NULL) {
        return;
    }
    spin_lock(&u->lock);
    f = u->frame;
    u->frame = NULL;
    u->shared = NULL;
    spin_unlock(&u->lock);
    if (f != NULL) {
        arch_put_gfn(f, true);
    }
}

void vpl011_exit(struct domain *d)
{
    heap_free(d->arch->vpl011);
    d->arch->vpl011 = NULL;
}

/* What the operator, who types for this guest, sees: everything, with the guest's name before each line. */
static void put_raw(const struct domain *d, struct vpl011 *u, char c)
{
    char text[LINE_BYTES + 16];
    int n = 0;

    if (!u->in_line) {
        u->line[u->length] = '\0';
        n = format_string(text, sizeof(text), "%pd: %s", d, u->line); /* and what it had begun before */
        u->length = 0;
    }
    text[n++] = c;
    u->in_line = c != '\n';
    printk_write(text, (size_t)n);
}

/* No control characters but a tab: a guest that nobody types for shall not move the operator's cursor. */
static void put(const struct domain *d, struct vpl011 *u, char c)
{
    if (serial_input_has(d)) {
        if (c != '\r' || u->in_line) {
            put_raw(d, u, c);
        }
        return;
    }
    if (u->in_line) {
        printk_write("\n", 1);
        u->in_line = false;
    }
    if (c == '\n' || u->length == LINE_BYTES - 1) {
        u->line[u->length] = '\0';
        u->length = 0;
        printk("%pd: %s\n", d, u->line);
    }
    if ((c >= 0x20 && c != 0x7f) || c == '\t') {
        u->line[u->length++] = c;
    }
}

/* ---- the ring -------------------------------------------------------------------------------------------- */

static uint32_t shared_input(const struct xencons_interface *r)
{
    uint32_t count = READ_ONCE(r->in_prod) - READ_ONCE(r->in_cons);

    return count <= SHARED_IN ? count : 0;
}

static uint32_t shared_room(const struct xencons_interface *r)
{
    uint32_t count = READ_ONCE(r->out_prod) - READ_ONCE(r->out_cons);

    return count <= SHARED_OUT ? SHARED_OUT - count : 0;
}

static uint32_t shared_flags(const struct xencons_interface *r)
{
    uint32_t input = shared_input(r), room = shared_room(r);

    return (room == 0 ? FLAG_TX_FULL : room == SHARED_OUT ? FLAG_TX_EMPTY : 0) |
           (input == 0 ? FLAG_RX_EMPTY : input == SHARED_IN ? FLAG_RX_FULL : 0);
}

/* True when the daemon may be waiting for room. */
static bool shared_take(struct xencons_interface *r, uint64_t *value)
{
    uint32_t count = shared_input(r);
    uint32_t at = READ_ONCE(r->in_cons);

    if (count == 0) {
        *value = 0;
        return false;
    }
    smp_rmb(); /* the producer's index before what it put there */
    *value = (uint8_t)READ_ONCE(r->in[at % SHARED_IN]);
    smp_mb(); /* the byte is read before its place is given back */
    WRITE_ONCE(r->in_cons, at + 1);
    return count == SHARED_IN;
}

/* What comes when there is no room is lost, as with any port that is written too fast. */
static bool shared_put(struct xencons_interface *r, char c)
{
    uint32_t at = READ_ONCE(r->out_prod);

    if (shared_room(r) == 0) {
        return false;
    }
    WRITE_ONCE(r->out[at % SHARED_OUT], c);
    smp_wmb(); /* the byte before the index that shows it */
    WRITE_ONCE(r->out_prod, at + 1);
    return true;
}

/* ---- registers ------------------------------------------------------------------------------------------- */

static uint32_t interrupts(const struct vpl011 *u)
{
    if (unlikely(u->shared != NULL)) {
        return (shared_room(u->shared) != 0 ? INT_TX : 0) | (shared_input(u->shared) != 0 ? INT_RX : 0);
    }
    return INT_TX | (u->in != u->out ? INT_RX : 0);
}

static uint32_t flags(const struct vpl011 *u)
{
    if (unlikely(u->shared != NULL)) {
        return shared_flags(u->shared);
    }
    return FLAG_TX_EMPTY | (u->in == u->out ? FLAG_RX_EMPTY : 0) | (u->in - u->out == RING_BYTES ? FLAG_RX_FULL : 0);
}

static uint32_t take(struct vpl011 *u)
{
    return u->in != u->out ? (uint8_t)u->ring[u->out++ % RING_BYTES] : 0;
}

void vpl011_input(struct domain *d, char c)
{
    struct vpl011 *u = d->arch->vpl011;
    bool raise = false;

    if (u == NULL) {
        return;
    }
    spin_lock(&u->lock);
    if (u->shared == NULL && u->in - u->out < RING_BYTES) {
        u->ring[u->in++ % RING_BYTES] = c;
        raise = (u->mask & INT_RX) != 0;
    }
    spin_unlock(&u->lock);
    if (raise) {
        vgic_inject_spi(d, GUEST_VPL011_SPI);
    }
}

/* The daemon has moved an index. */
static void notify(struct domain *d)
{
    struct vpl011 *u = d->arch->vpl011;
    bool raise;

    spin_lock(&u->lock);
    raise = u->shared != NULL && (interrupts(u) & u->mask) != 0;
    spin_unlock(&u->lock);
    if (raise) {
        vgic_inject_spi(d, GUEST_VPL011_SPI);
    }
}

/* A byte out or in, by either way; true when the daemon is to hear of it. */
static bool send(const struct domain *d, struct vpl011 *u, char c)
{
    if (unlikely(u->shared != NULL)) {
        return shared_put(u->shared, c);
    }
    put(d, u, c);
    return false;
}

static bool receive(struct vpl011 *u, uint64_t *value)
{
    if (unlikely(u->shared != NULL)) {
        return shared_take(u->shared, value);
    }
    *value = take(u);
    return false;
}

bool vpl011_mmio(struct vcpu *v, uint64_t address, bool is_write, uint64_t *value)
{
    struct vpl011 *u = v->domain->arch->vpl011;
    unsigned int reg = (unsigned int)(address - GUEST_PL011_BASE);
    bool raise = false, tell = false;

    if (u == NULL) {
        return false;
    }
    spin_lock(&u->lock);
    if (is_write && reg == REG_DATA) {
        tell = send(v->domain, u, (char)*value);
        raise = (interrupts(u) & u->mask & INT_TX) != 0;
    } else if (is_write && reg == REG_MASK) {
        raise = (*value & ~(uint64_t)u->mask & interrupts(u)) != 0;
        u->mask = (uint32_t)*value & 0x7ff;
    } else if (!is_write && reg == REG_DATA) {
        tell = receive(u, value);
        raise = (interrupts(u) & u->mask & INT_RX) != 0;
    } else if (!is_write) {
        *value = reg == REG_FLAGS    ? flags(u) /* most reads are of these */
                 : reg == REG_MASK   ? u->mask
                 : reg == REG_RAW    ? interrupts(u)
                 : reg == REG_MASKED ? interrupts(u) & u->mask
                                     : 0;
    }
    spin_unlock(&u->lock);
    if (unlikely(tell)) {
        evtchn_send_held(v->domain, u->port);
    }
    if (raise) {
        vgic_inject_spi(v->domain, GUEST_VPL011_SPI);
    }
    return true;
}
