/* SPDX-License-Identifier: MIT */
/*
 * Nodes in the state file. What does not fit into a node's block any more, permissions and value, moves together
 * to a block of its own (ARENA_EXT), whose index then stands before the name; the node stays where it is.
 *
 * The table is linear hashing: one bucket is split for each node added beyond the load, so no operation pays for
 * the growth of the whole. Its memory is reserved address space, touched as it grows. Names are the guests'
 * choice: the hash is keyed with a random number.
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
#define BUCKETS_MIN 64u

struct ext {
    struct arena_block b;
    uint32_t owner;
    char data[];
};

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
    return n->sizes & 0xfff;
}

static unsigned int value_length_of(const struct node *n)
{
    return n->sizes >> 12 & 0x1fff;
}

static unsigned int perm_count_of(const struct node *n)
{
    return n->sizes >> 25 & 0x3f;
}

static bool is_ext(const struct node *n)
{
    return n->sizes >> 31;
}

static uint32_t pack(unsigned int name, unsigned int value, unsigned int perms, bool ext)
{
    return name | value << 12 | perms << 25 | (uint32_t)ext << 31;
}

static uint32_t ext_of(const struct node *n)
{
    uint32_t block;
    memcpy(&block, n->data, sizeof(block));
    return block;
}

static char *name_of(struct node *n)
{
    return n->data + (is_ext(n) ? sizeof(uint32_t) : perm_count_of(n) * sizeof(struct perm));
}

const char *node_name(uint32_t n, size_t *length)
{
    *length = name_length_of(node_at(n));
    return name_of(node_at(n));
}

const struct perm *node_perms(uint32_t n, unsigned int *perm_count)
{
    struct node *node = node_at(n);
    *perm_count = perm_count_of(node);
    if (*perm_count == 0) {
        *perm_count = 1;
        return &dom0_only;
    }
    return (const void *)(is_ext(node) ? ((struct ext *)arena_at(ext_of(node)))->data : node->data);
}

const char *node_value(uint32_t n, size_t *length)
{
    struct node *node = node_at(n);
    *length = value_length_of(node);
    if (is_ext(node)) {
        return ((struct ext *)arena_at(ext_of(node)))->data + perm_count_of(node) * sizeof(struct perm);
    }
    return name_of(node) + name_length_of(node);
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
    if (count > bucket_count) {
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
        if (node->parent == parent && name_length_of(node) == length && memcmp(name_of(node), name, length) == 0) {
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
    uint32_t near_end = (arena_bytes_total() - 512) / 8;

    for (; n != 0; n = node_at(n)->next) {
        struct node *node = node_at(n);
        size_t length = name_length_of(node);
        if (length >= WORD || l->skip > 0 || l->used + WORD > l->room || n > near_end) {
            if (!node_list_name(l, name_of(node), length)) {
                return false;
            }
            continue;
        }
        memcpy(l->out + l->used, name_of(node), WORD);
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
    /* Zero means "is not there"; transactions that saw stamps of four thousand million changes ago are gone. */
    stamp = stamp == UINT32_MAX ? 1 : stamp + 1;
    return stamp;
}

/* ---- links ---- */
static void link_child(uint32_t parent, uint32_t n)
{
    struct node *p = node_at(parent);
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
    struct node *p = node_at(node->parent);

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
uint32_t node_create(uint32_t parent, const char *name, size_t name_length, const struct perm *perms,
                     unsigned int perm_count, const void *value, size_t value_length)
{
    unsigned int stored = stored_count(perms, perm_count);
    size_t perm_bytes = stored * sizeof(struct perm);
    size_t rest = perm_bytes + value_length;
    /* Room for the index of a block, should permissions and value move out. */
    uint32_t n = arena_alloc(sizeof(struct node) + name_length + (rest > sizeof(uint32_t) ? rest : sizeof(uint32_t)));

    if (n == 0) {
        return 0;
    }
    struct node *node = node_at(n);
    node->parent = parent;
    node->first = 0;
    node->gen = next_stamp();
    node->kids_gen = node->gen;
    node->sizes = pack(name_length, value_length, stored, false);
    memcpy(node->data, perms, perm_bytes);
    memcpy(node->data + perm_bytes, name, name_length);
    if (value_length > 0) {
        memcpy(node->data + perm_bytes + name_length, value, value_length);
    }
    if (parent != 0) {
        link_child(parent, n);
        node_at(parent)->kids_gen = node->gen;
    }
    table_add(n);
    charge(perms, perm_count, 1);
    arena_publish(n, ARENA_NODE);
    return n;
}

/* Permissions and value in a block of their own; either may lie in the node now. */
static bool set_outside(uint32_t n, const struct perm *perms, unsigned int perm_count, const void *value,
                        size_t value_length)
{
    struct node *node = node_at(n);
    size_t perm_bytes = perm_count * sizeof(struct perm);
    uint32_t old = is_ext(node) ? ext_of(node) : 0;
    uint32_t block = arena_alloc(sizeof(struct ext) + perm_bytes + value_length);

    if (block == 0) {
        return false;
    }
    struct ext *ext = arena_at(block);
    ext->owner = n;
    memcpy(ext->data, perms, perm_bytes);
    memcpy(ext->data + perm_bytes, value, value_length);
    memmove(node->data + sizeof(uint32_t), name_of(node), name_length_of(node));
    memcpy(node->data, &block, sizeof(block));
    node->sizes = pack(name_length_of(node), value_length, perm_count, true);
    arena_publish(block, ARENA_EXT);
    if (old != 0) {
        arena_free(old);
    }
    return true;
}

static bool set_both(uint32_t n, const struct perm *perms, unsigned int perm_count, const void *value,
                     size_t value_length)
{
    struct node *node = node_at(n);
    size_t name_length = name_length_of(node);

    perm_count = stored_count(perms, perm_count);
    size_t perm_bytes = perm_count * sizeof(struct perm);
    if (!is_ext(node) && sizeof(struct node) + perm_bytes + name_length + value_length <= arena_size(n)) {
        const char *old_value = name_of(node) + name_length;
        if (perm_count != perm_count_of(node)) {
            char copy[8192];
            memcpy(copy, value, value_length);
            memmove(node->data + perm_bytes, name_of(node), name_length);
            memcpy(node->data + perm_bytes + name_length, copy, value_length);
        } else if (value != old_value) {
            memcpy(node->data + perm_bytes + name_length, value, value_length);
        }
        memmove(node->data, perms, perm_bytes);
        node->sizes = pack(name_length, value_length, perm_count, false);
    } else if (!set_outside(n, perms, perm_count, value, value_length)) {
        return false;
    }
    node->gen = next_stamp();
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
    struct node *node = node_at(n);
    uint32_t ext = is_ext(node) ? ext_of(node) : 0;

    charge_node(n, -1);
    table_take(n);
    unlink_child(n);
    node_at(node->parent)->kids_gen = next_stamp();
    node->gen = 0;
    arena_free(n);
    if (ext != 0) {
        arena_free(ext);
    }
}

void node_remove(uint32_t top)
{
    uint32_t n = top;

    for (;;) {
        while (node_at(n)->first != 0) {
            n = node_at(n)->first;
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
static bool node_plausible(uint32_t n)
{
    const struct node *node = node_at(n);
    size_t size = arena_size(n);

    if (size < sizeof(*node) + sizeof(uint32_t)) {
        return false;
    }
    size_t room = size - sizeof(*node);
    if (!is_ext(node)) {
        return perm_count_of(node) * sizeof(struct perm) + name_length_of(node) + value_length_of(node) <= room;
    }
    uint32_t ext = ext_of(node);
    return sizeof(uint32_t) + name_length_of(node) <= room && arena_inside(ext, sizeof(struct ext)) &&
           arena_kind(ext) == ARENA_EXT && ((struct ext *)arena_at(ext))->owner == n &&
           sizeof(struct ext) + perm_count_of(node) * sizeof(struct perm) + value_length_of(node) <= arena_size(ext);
}

static bool is_node(uint32_t n)
{
    return n != 0 && arena_inside(n, sizeof(struct node)) && arena_kind(n) == ARENA_NODE;
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
        for (uint32_t n = node_at(p)->first; n != 0; last = n, n = node_at(n)->next) {
            if (!is_node(n) || node_at(n)->parent != p || ++seen > nodes ||
                (last != 0 && node_at(n)->prev != last)) {
                return false;
            }
        }
        if (last != 0 && node_at(node_at(p)->first)->prev != last) {
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
        if (arena_kind(n) == ARENA_NODE) {
            node_at(n)->first = 0;
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
            if (!node_plausible(n) || (!root && !is_node(node_at(n)->parent))) {
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
            uint32_t owner = ((struct ext *)arena_at(n))->owner;
            if (!is_node(owner) || !is_ext(node_at(owner)) || ext_of(node_at(owner)) != n) {
                arena_publish(n, ARENA_HELD);
            }
        }
        if (arena_kind(n) != ARENA_NODE) {
            continue;
        }
        nodes++;
        stamp = node_at(n)->gen > stamp ? node_at(n)->gen : stamp;
        stamp = node_at(n)->kids_gen > stamp ? node_at(n)->kids_gen : stamp;
        if (node_at(n)->parent == 0) {
            *(name_of(node_at(n))[0] == '/' ? &node_root : &node_special) = n;
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
    stamp = 0;
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
