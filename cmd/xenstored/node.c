/* SPDX-License-Identifier: MIT */
/*
 * Nodes in the state file. Most are leaves with a short value and lie in one block. A node that gets a child, or
 * more than it has room for, gets a second block (struct node_far) and keeps its name and its place: the second
 * block is filled and published, then one store of node->gen makes it count, so a crash leaves the one or the other.
 *
 * The table is linear hashing: one bucket is split for each LOAD nodes added, so no operation pays for the growth
 * of the whole. Its memory is reserved address space, touched as it grows. Names are the guests' choice: the hash
 * is keyed with a random number.
 */
#include "cmd/xenstored/node.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "cmd/xenstored/account.h"
#include "cmd/xenstored/word.h"
#include "lib/base/buf.h"

#define BUCKETS_MAX ((size_t)1 << (sizeof(void *) == 8 ? 30 : 24))
#define BUCKETS_MIN 1024u /* a page of them */

#define LOAD 2u /* nodes for each bucket */

#define NODE_HEAD offsetof(struct node, data)
/* What `shape` can say. */
#define NEAR_NAME_MAX 63u
#define NEAR_VALUE_MAX 127u
#define NEAR_PERMS_MAX 3u
#define STAMP_MAX (NODE_FAR - 1)

uint32_t node_root, node_special;
static const struct perm dom0_only = { .domid = 0, .bits = PERM_NONE };
static uint32_t *buckets;
static uint32_t bucket_count; /* in use */
static uint32_t bucket_mask;  /* of the round that is under way: 2^n - 1 >= bucket_count - 1 */
static uint32_t count;
static uint32_t stamp;
static uint64_t seed;

/* ---- layout ---- */
/* Most nodes are the control domain's alone: those have no list of permissions. */
static unsigned int stored_count(const struct perm *perms, unsigned int perm_count)
{
    return perm_count == 1 && perms->domid == dom0_only.domid && perms->bits == dom0_only.bits ? 0 : perm_count;
}

static unsigned int name_length_of(const struct node *n)
{
    return n->shape & NODE_LONG ? n->shape & 0xfff : n->shape & NEAR_NAME_MAX;
}

static uint16_t near_shape(unsigned int name, unsigned int value, unsigned int perms)
{
    return name | value << 6 | perms << 13;
}

static uint32_t far_sizes(unsigned int value, unsigned int perms)
{
    return value | perms << 13;
}

static unsigned int value_length_of(const struct node *n)
{
    const struct node_far *far = node_far(n);
    return far != NULL ? far->sizes & 0x1fff : n->shape >> 6 & NEAR_VALUE_MAX;
}

static unsigned int perm_count_of(const struct node *n)
{
    const struct node_far *far = node_far(n);
    return far != NULL ? far->sizes >> 13 & 0x3f : n->shape >> 13 & NEAR_PERMS_MAX;
}

/* Where permissions and value begin in a node without a second block. */
static size_t near_offset(size_t name_length)
{
    return name_length + (name_length & 1);
}

static char *contents_of(struct node *n)
{
    struct node_far *far = node_far(n);
    return far != NULL ? far->data : n->data + near_offset(name_length_of(n));
}

const char *node_name(uint32_t n, size_t *length)
{
    *length = name_length_of(node_at(n));
    return node_at(n)->data;
}

const struct perm *node_perms(uint32_t n, unsigned int *perm_count)
{
    struct node *node = node_at(n);
    *perm_count = perm_count_of(node);
    if (*perm_count == 0) {
        *perm_count = 1;
        return &dom0_only;
    }
    return (const void *)contents_of(node);
}

const char *node_value(uint32_t n, size_t *length)
{
    struct node *node = node_at(n);
    *length = value_length_of(node);
    return contents_of(node) + perm_count_of(node) * sizeof(struct perm);
}

size_t node_path(uint32_t n, char *out)
{
    char reversed[4096];
    size_t at = sizeof(reversed);

    while (n != node_root && n != node_special) {
        size_t length;
        const char *name = node_name(n, &length);
        uint32_t parent = node_at(n)->parent;
        at -= length;
        memcpy(reversed + at, name, length);
        if (parent == node_special) {
            break;
        }
        reversed[--at] = '/';
        n = parent;
    }
    if (at == sizeof(reversed)) {
        reversed[--at] = '/';
    }
    memcpy(out, reversed + at, sizeof(reversed) - at);
    out[sizeof(reversed) - at] = '\0';
    return sizeof(reversed) - at;
}

/* ---- the table ---- */
static uint32_t hash(uint32_t parent, const char *name, size_t length)
{
    const uint64_t k = 0x9fb21c651e98df25ULL;
    uint64_t h = (seed ^ parent ^ (uint64_t)length << 32) * k;

    for (; length > 8; name += 8, length -= 8) {
        h = (h ^ (h >> 29) ^ word_at(name)) * k;
    }
    h = (h ^ (h >> 29) ^ word_of(name, length)) * k;
    h = (h ^ (h >> 32)) * (seed | 1);
    return h ^ (h >> 32);
}

static uint32_t bucket_of(uint32_t h)
{
    uint32_t b = h & bucket_mask;
    return b < bucket_count ? b : b & (bucket_mask >> 1);
}

static uint32_t hash_of(uint32_t n)
{
    size_t length;
    const char *name = node_name(n, &length);
    return hash(node_at(n)->parent, name, length);
}

static void split_bucket(void)
{
    if (bucket_count >= BUCKETS_MAX) {
        return;
    }
    if (bucket_count > bucket_mask) {
        bucket_mask = bucket_mask << 1 | 1;
    }
    uint32_t fresh = bucket_count++;
    uint32_t old = fresh & (bucket_mask >> 1);
    uint32_t n = buckets[old];
    buckets[old] = 0;
    buckets[fresh] = 0;
    while (n != 0) {
        uint32_t next = node_at(n)->hash_next;
        uint32_t b = hash_of(n) & bucket_mask;
        node_at(n)->hash_next = buckets[b];
        buckets[b] = n;
        n = next;
    }
}

static void table_add(uint32_t n)
{
    uint32_t b = bucket_of(hash_of(n));
    node_at(n)->hash_next = buckets[b];
    buckets[b] = n;
    count++;
    if (count > LOAD * bucket_count) {
        split_bucket();
    }
}

static void table_take(uint32_t n)
{
    uint32_t *link = &buckets[bucket_of(hash_of(n))];
    while (*link != n) {
        link = &node_at(*link)->hash_next;
    }
    *link = node_at(n)->hash_next;
    count--;
}

uint32_t node_child(uint32_t parent, const char *name, size_t length)
{
    uint32_t n = buckets[bucket_of(hash(parent, name, length))];

    while (n != 0) {
        struct node *node = node_at(n);
        if (node->parent == parent && name_length_of(node) == length && word_equal(node->data, name, length)) {
            return n;
        }
        n = node->hash_next;
    }
    return 0;
}

uint32_t node_find(const char *path, size_t length)
{
    const char *end = path + length;
    uint32_t n = node_root;

    if (length > 0 && *path == '@') {
        return node_child(node_special, path, length);
    }
    for (path++; n != 0 && path < end;) {
        const char *slash = memchr(path, '/', end - path);
        size_t part = (slash != NULL ? slash : end) - path;
        n = node_child(n, path, part);
        path += part + 1;
    }
    return n;
}

uint32_t node_count(void)
{
    return count;
}

uint32_t node_stamp(void)
{
    return stamp;
}

/* ---- listings ---- */
bool node_list_name(struct node_listing *l, const char *name, size_t length)
{
    if (l->skip > length) {
        l->skip -= length + 1;
        return true;
    }
    name += l->skip;
    length -= l->skip;
    l->skip = 0;
    if (l->used + length + 1 > l->room) {
        l->full = true;
        return false;
    }
    memcpy(l->out + l->used, name, length);
    l->out[l->used + length] = '\0';
    l->used += length + 1;
    return true;
}

bool node_list(struct node_listing *l, uint32_t n)
{
    enum { WORD = 16 }; /* short names are copied as one word or two, which may reach behind them */
    uint32_t near_end = (arena_bytes_total() - 512) / ARENA_UNIT;

    for (; n != 0; n = node_at(n)->next) {
        struct node *node = node_at(n);
        size_t length = name_length_of(node);
        if (length >= WORD || l->skip > 0 || l->used + WORD > l->room || n > near_end) {
            if (!node_list_name(l, node->data, length)) {
                return false;
            }
            continue;
        }
        memcpy(l->out + l->used, node->data, WORD);
        l->used += length;
        l->out[l->used++] = '\0';
    }
    return true;
}

/* ---- accounts ---- */
static void charge(const struct perm *perms, unsigned int perm_count, int sign)
{
    account_of(perms[0].domid)->nodes += sign;
    for (unsigned int i = 1; i < perm_count; i++) {
        account_of(perms[i].domid)->perm_refs += sign;
    }
}

static void charge_node(uint32_t n, int sign)
{
    unsigned int perm_count;
    const struct perm *perms = node_perms(n, &perm_count);
    charge(perms, perm_count, sign);
}

static uint32_t next_stamp(void)
{
    /* Transactions that saw stamps of two thousand million changes ago are gone. */
    stamp = stamp == STAMP_MAX ? NODE_NO_KIDS + 1 : stamp + 1;
    return stamp;
}

/* ---- links ---- */
static void link_child(uint32_t parent, uint32_t n)
{
    struct node_far *p = node_far(node_at(parent));
    struct node *node = node_at(n);

    node->next = 0;
    if (p->first == 0) {
        node->prev = n;
        p->first = n;
        return;
    }
    struct node *first = node_at(p->first);
    node->prev = first->prev;
    node_at(first->prev)->next = n;
    first->prev = n;
}

static void unlink_child(uint32_t n)
{
    struct node *node = node_at(n);
    struct node_far *p = node_far(node_at(node->parent));

    if (p->first == n) {
        p->first = node->next;
    } else {
        node_at(node->prev)->next = node->next;
    }
    if (node->next != 0) {
        node_at(node->next)->prev = node->prev;
    } else if (p->first != 0) {
        node_at(p->first)->prev = node->prev;
    }
}

/* ---- changes ---- */
size_t node_space(unsigned int perm_count, size_t name_length, size_t value_length)
{
    size_t near_max = NEAR_PERMS_MAX * sizeof(struct perm) + NEAR_VALUE_MAX;

    /* The node, its second block and its parent's; each may be rounded up. */
    return NODE_HEAD + name_length + near_max + sizeof(struct node_far) + perm_count * sizeof(struct perm) +
           value_length + sizeof(struct node_far) + near_max + 4 * ARENA_UNIT;
}

/* Both may lie there now, the value elsewhere if the number of permissions is another. */
static void put_contents(char *at, const struct perm *perms, unsigned int perm_count, const void *value,
                         size_t value_length)
{
    size_t perm_bytes = perm_count * sizeof(*perms);

    if (value_length > 0 && value != at + perm_bytes) {
        memmove(at + perm_bytes, value, value_length);
    }
    if (perms != (const void *)at) {
        memcpy(at, perms, perm_bytes);
    }
}

static bool fits_near(size_t name_length, unsigned int perm_count, size_t value_length)
{
    return name_length <= NEAR_NAME_MAX && perm_count <= NEAR_PERMS_MAX && value_length <= NEAR_VALUE_MAX;
}

/* A second block that counts from now on, in the place of the one that the node has. perm_count: as stored. */
static bool move_far(uint32_t n, const struct perm *perms, unsigned int perm_count, const void *value,
                     size_t value_length)
{
    uint32_t block = arena_alloc(sizeof(struct node_far) + perm_count * sizeof(*perms) + value_length);
    uint32_t old = node_at(n)->gen;

    if (block == 0) {
        return false;
    }
    struct node_far *far = arena_at(block);
    *far = (struct node_far){ .b = far->b, .owner = n, .first = node_first(n), .gen = node_gen(n),
                              .kids_gen = node_kids_gen(n), .sizes = far_sizes(value_length, perm_count) };
    put_contents(far->data, perms, perm_count, value, value_length);
    arena_publish(block, ARENA_EXT);
    node_at(n)->gen = NODE_FAR | block;
    arena_order();
    if (old & NODE_FAR) {
        arena_free(old & ~NODE_FAR);
    }
    return true;
}

/* Makes sure that the node can have children. */
static bool may_have_kids(uint32_t n)
{
    unsigned int perm_count = perm_count_of(node_at(n));
    unsigned int not_zero;
    size_t value_length;
    const char *value = node_value(n, &value_length);

    return node_at(n)->gen & NODE_FAR ||
           move_far(n, node_perms(n, &not_zero), perm_count, value, value_length);
}

uint32_t node_create(uint32_t parent, const char *name, size_t name_length, const struct perm *perms,
                     unsigned int perm_count, const void *value, size_t value_length)
{
    unsigned int stored = stored_count(perms, perm_count);
    bool is_near = fits_near(name_length, stored, value_length);
    size_t size = NODE_HEAD + near_offset(name_length) + (is_near ? stored * sizeof(*perms) + value_length : 0);
    uint32_t n = parent == 0 || may_have_kids(parent) ? arena_alloc(size) : 0;

    if (n == 0) {
        return 0;
    }
    struct node *node = node_at(n);
    node->parent = parent;
    node->gen = next_stamp();
    node->shape = name_length <= NEAR_NAME_MAX ? near_shape(name_length, 0, 0) : NODE_LONG | name_length;
    memcpy(node->data, name, name_length);
    if (is_near) {
        node->shape = near_shape(name_length, value_length, stored);
        put_contents(contents_of(node), perms, stored, value, value_length);
    } else if (!move_far(n, perms, stored, value, value_length)) {
        arena_free(n);
        return 0;
    }
    if (parent != 0) {
        link_child(parent, n);
        node_far(node_at(parent))->kids_gen = stamp;
    }
    table_add(n);
    charge(perms, perm_count, 1);
    arena_publish(n, ARENA_NODE);
    return n;
}

/* Whether a second block has room, and is not much larger than it must be. */
static bool fits_far(const struct node *node, size_t contents)
{
    size_t need = sizeof(struct node_far) + contents;
    size_t size = arena_size(node->gen & ~NODE_FAR);
    return need <= size && size <= 2 * need + 64;
}

static bool set_both(uint32_t n, const struct perm *perms, unsigned int perm_count, const void *value,
                     size_t value_length)
{
    struct node *node = node_at(n);
    struct node_far *far = node_far(node);
    size_t name_length = name_length_of(node);

    perm_count = stored_count(perms, perm_count);
    size_t contents = perm_count * sizeof(*perms) + value_length;
    if (far != NULL && fits_far(node, contents)) {
        put_contents(far->data, perms, perm_count, value, value_length);
        far->sizes = far_sizes(value_length, perm_count);
    } else if (far == NULL && fits_near(name_length, perm_count, value_length) &&
               NODE_HEAD + near_offset(name_length) + contents <= arena_size(n)) {
        put_contents(contents_of(node), perms, perm_count, value, value_length);
        node->shape = near_shape(name_length, value_length, perm_count);
    } else if (!move_far(n, perms, perm_count, value, value_length)) {
        return false;
    }
    far = node_far(node);
    *(far != NULL ? &far->gen : &node->gen) = next_stamp();
    return true;
}

bool node_set_value(uint32_t n, const void *value, size_t length)
{
    unsigned int perm_count;
    const struct perm *perms = node_perms(n, &perm_count);
    return set_both(n, perms, perm_count, length > 0 ? value : "", length);
}

bool node_set_perms(uint32_t n, const struct perm *perms, unsigned int perm_count)
{
    size_t length;
    const char *value = node_value(n, &length);
    unsigned int old_count;
    struct perm old[PERM_MAX];

    const struct perm *before = node_perms(n, &old_count);
    memcpy(old, before, old_count * sizeof(*old));
    if (!set_both(n, perms, perm_count, value, length)) {
        return false;
    }
    charge(old, old_count, -1);
    charge(perms, perm_count, 1);
    return true;
}

static void free_leaf(uint32_t n)
{
    uint32_t gen = node_at(n)->gen;

    charge_node(n, -1);
    table_take(n);
    unlink_child(n);
    node_far(node_at(node_at(n)->parent))->kids_gen = next_stamp();
    arena_free(n);
    if (gen & NODE_FAR) {
        arena_free(gen & ~NODE_FAR);
    }
}

void node_remove(uint32_t top)
{
    uint32_t n = top;

    for (;;) {
        while (node_first(n) != 0) {
            n = node_first(n);
        }
        uint32_t parent = node_at(n)->parent;
        free_leaf(n);
        if (n == top) {
            return;
        }
        n = parent;
    }
}

/* ---- what a dead domain leaves ---- */
/* The node without the dead domain's entries. */
static void forget_domain(uint32_t n, uint16_t domid)
{
    unsigned int perm_count;
    const struct perm *perms = node_perms(n, &perm_count);
    struct perm left[PERM_MAX];
    unsigned int kept = 1;

    left[0] = perms[0];
    for (unsigned int i = 1; i < perm_count; i++) {
        if (perms[i].domid != domid) {
            left[kept++] = perms[i];
        }
    }
    if (kept != perm_count) {
        node_set_perms(n, left, kept);
    }
}

/* The highest node from here up that is the domain's too, so that its subtree goes at once. */
static uint32_t topmost_owned(uint32_t n, uint16_t domid)
{
    unsigned int perm_count;
    uint32_t parent = node_at(n)->parent;

    while (parent != node_root && parent != 0 && node_perms(parent, &perm_count)->domid == domid) {
        n = parent;
        parent = node_at(n)->parent;
    }
    return n;
}

bool node_sweep(uint16_t domid, uint32_t *cursor, unsigned int step, void (*before_remove)(uint32_t n))
{
    const struct account *a = account_of(domid);

    for (; *cursor < bucket_count && step > 0 && a->nodes + a->perm_refs > 0; step--) {
        uint32_t n = buckets[*cursor];
        while (n != 0) {
            uint32_t next = node_at(n)->hash_next;
            unsigned int perm_count;
            bool special = node_at(n)->parent == node_special || node_at(n)->parent == 0;
            bool owned = node_perms(n, &perm_count)->domid == domid && !special;
            if (special && node_perms(n, &perm_count)->domid == domid) {
                node_set_perms(n, &dom0_only, 1); /* these stay whoever goes */
            }
            if (owned) {
                uint32_t top = topmost_owned(n, domid);
                before_remove(top);
                node_remove(top);
                next = buckets[*cursor]; /* the removal may have taken others of this bucket */
            } else if (perm_count > 1) {
                forget_domain(n, domid);
            }
            n = next;
        }
        ++*cursor;
    }
    return *cursor >= bucket_count || a->nodes + a->perm_refs == 0;
}

/* ---- taking over ---- */
/* A second block that is the node's. */
static bool far_plausible(uint32_t n)
{
    uint32_t block = node_at(n)->gen & ~NODE_FAR;
    const struct node_far *far = arena_at(block);

    return arena_inside(block, sizeof(*far)) && arena_kind(block) == ARENA_EXT && far->owner == n &&
           sizeof(*far) <= arena_size(block) &&
           perm_count_of(node_at(n)) * sizeof(struct perm) + value_length_of(node_at(n)) <=
               arena_size(block) - sizeof(*far);
}

static bool node_plausible(uint32_t n)
{
    const struct node *node = node_at(n);
    size_t size = arena_size(n);

    if (size < sizeof(*node) || NODE_HEAD + name_length_of(node) > size) {
        return false;
    }
    if (node->gen & NODE_FAR) {
        return far_plausible(n);
    }
    return !(node->shape & NODE_LONG) && NODE_HEAD + near_offset(name_length_of(node)) +
           perm_count_of(node) * sizeof(struct perm) + value_length_of(node) <= size;
}

static bool is_node(uint32_t n)
{
    return n != 0 && arena_inside(n, sizeof(struct node)) && arena_kind(n) == ARENA_NODE;
}

static bool is_parent(uint32_t n)
{
    return is_node(n) && node_at(n)->gen & NODE_FAR;
}

/* The walk of all children of all nodes by their links, as far as they can be trusted. */
static bool links_hold(uint32_t nodes)
{
    uint32_t seen = 0;

    for (uint32_t p = arena_first(); p != 0; p = arena_next(p)) {
        uint32_t last = 0;
        if (arena_kind(p) != ARENA_NODE) {
            continue;
        }
        for (uint32_t n = node_first(p); n != 0; last = n, n = node_at(n)->next) {
            if (!is_node(n) || node_at(n)->parent != p || ++seen > nodes ||
                (last != 0 && node_at(n)->prev != last)) {
                return false;
            }
        }
        if (last != 0 && node_at(node_first(p))->prev != last) {
            return false;
        }
    }
    return seen + 2 == nodes; /* the two roots are nobody's children */
}

long node_check(struct buf *out)
{
    uint32_t nodes = 0;
    uint32_t lost = 0;

    for (uint32_t n = arena_first(); n != 0; n = arena_next(n)) {
        if (arena_kind(n) == ARENA_NODE) {
            size_t length;
            const char *name = node_name(n, &length);
            nodes++;
            lost += !node_plausible(n) || node_child(node_at(n)->parent, name, length) != n;
        }
    }
    if (lost > 0 || nodes != count || !links_hold(nodes)) {
        buf_printf(out, "%u nodes, %u counted, %u not found by name, links %s\n", nodes, count, lost,
                   links_hold(nodes) ? "hold" : "broken");
        return -EIO;
    }
    return nodes;
}

static void relink(void)
{
    for (uint32_t n = arena_first(); n != 0; n = arena_next(n)) {
        if (arena_kind(n) == ARENA_NODE && node_at(n)->gen & NODE_FAR) {
            node_far(node_at(n))->first = 0;
        }
    }
    for (uint32_t n = arena_first(); n != 0; n = arena_next(n)) {
        if (arena_kind(n) == ARENA_NODE && n != node_root && n != node_special) {
            link_child(node_at(n)->parent, n);
        }
    }
}

/* Drops nodes that hang on nothing, until none does: a removal was cut short. Bounded by the depth. */
static void drop_orphans(void)
{
    bool again = true;

    while (again) {
        again = false;
        for (uint32_t n = arena_first(); n != 0; n = arena_next(n)) {
            if (arena_kind(n) != ARENA_NODE) {
                continue;
            }
            bool root = node_at(n)->parent == 0 && name_length_of(node_at(n)) == 1;
            if (!node_plausible(n) || (!root && !is_parent(node_at(n)->parent))) {
                arena_publish(n, ARENA_HELD);
                again = true;
            }
        }
    }
}

static long take_over(void)
{
    uint32_t nodes = 0;

    drop_orphans();
    for (uint32_t n = arena_first(); n != 0; n = arena_next(n)) {
        if (arena_kind(n) == ARENA_EXT) {
            uint32_t owner = ((struct node_far *)arena_at(n))->owner;
            if (!is_node(owner) || node_at(owner)->gen != (NODE_FAR | n)) {
                arena_publish(n, ARENA_HELD);
            }
        }
        if (arena_kind(n) != ARENA_NODE) {
            continue;
        }
        nodes++;
        stamp = node_gen(n) > stamp ? node_gen(n) : stamp;
        stamp = node_kids_gen(n) > stamp ? node_kids_gen(n) : stamp;
        if (node_at(n)->parent == 0) {
            *(node_at(n)->data[0] == '/' ? &node_root : &node_special) = n;
        }
    }
    if (node_root == 0 || node_special == 0) {
        return -EIO;
    }
    if (!links_hold(nodes)) {
        relink();
    }
    for (uint32_t n = arena_first(); n != 0; n = arena_next(n)) {
        if (arena_kind(n) == ARENA_NODE) {
            table_add(n);
            charge_node(n, 1);
        }
    }
    return count;
}

long node_init(void)
{
    buckets = mmap(NULL, BUCKETS_MAX * sizeof(*buckets), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (buckets == MAP_FAILED) {
        return -ENOMEM;
    }
    madvise(buckets, BUCKETS_MAX * sizeof(*buckets), MADV_NOHUGEPAGE);
    bucket_count = BUCKETS_MIN;
    bucket_mask = BUCKETS_MIN - 1;
    count = 0;
    stamp = NODE_NO_KIDS;
    node_root = node_special = 0;
    if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed)) {
        return -errno;
    }
    if (arena_found()) {
        return take_over();
    }
    node_root = node_create(0, "/", 1, &dom0_only, 1, "", 0);
    node_special = node_create(0, "@", 1, &dom0_only, 1, "", 0);
    if (node_special == 0 ||
        node_create(node_special, "@introduceDomain", 16, &dom0_only, 1, "", 0) == 0 ||
        node_create(node_special, "@releaseDomain", 14, &dom0_only, 1, "", 0) == 0) {
        return -ENOMEM;
    }
    return count;
}

void node_exit(void)
{
    munmap(buckets, BUCKETS_MAX * sizeof(*buckets));
    buckets = NULL;
}
