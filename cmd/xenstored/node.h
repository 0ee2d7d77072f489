/* SPDX-License-Identifier: MIT */
/*
 * The tree of nodes, in the state file. A node is named by its block's index, which it keeps for life.
 *
 * Children are found by one hash table over (parent, name) that grows a bucket at a time, so that every operation
 * costs the same in a store of a hundred nodes and of millions. Listings are in order of creation. Each node has
 * two stamps: node_gen() moves with value and permissions, node_kids_gen() with the list of children; transactions
 * compare them. Stamps are unique in the life of the store; a node that is not there has stamp 0, a node that never
 * had children has NODE_NO_KIDS for their list.
 * Changes made here are not atomic to a crash: callers write them to log.c before.
 */
#ifndef CMD_XENSTORED_NODE_H
#define CMD_XENSTORED_NODE_H

#include "cmd/xenstored/arena.h"
#include "cmd/xenstored/perm.h"

/* A leaf with a short value: 26 bytes and what it holds. */
struct node {
    struct arena_block b;
    uint32_t parent;    /* of the root: 0 */
    uint32_t hash_next; /* rebuilt by a successor, like the two below */
    uint32_t next;      /* sibling, 0 after the last */
    uint32_t prev;      /* sibling; the first child's is the last child */
    uint32_t gen;       /* or NODE_FAR and the index of the block that holds the stamp and all that follows */
    uint16_t shape;     /* name 6 bits, value 7, permissions 2; or NODE_LONG and a name of 12 bits */
    char data[];        /* name; then, at an even offset, permissions (none: dom0's alone) and value */
};

#define NODE_FAR (1u << 31)
#define NODE_LONG (1u << 15)

/* The other block of a node that has or had children, or holds more than `shape` or the node's block can take. */
struct node_far {
    struct arena_block b;
    uint32_t owner;
    uint32_t first;     /* child; rebuilt by a successor */
    uint32_t gen, kids_gen;
    uint32_t sizes;     /* value 13 bits, permissions 6 */
    char data[];        /* permissions, value */
};

enum { NODE_NO_KIDS = 1 };

extern uint32_t node_root;    /* "/" */
extern uint32_t node_special; /* parent of "@introduceDomain" and "@releaseDomain" */

/* Makes a root, or takes over what the state file holds. Returns the number of nodes, or -E.... */
long node_init(void);
void node_exit(void);
uint32_t node_count(void);
/* The latest stamp: the same as long as nothing in the store has changed. */
uint32_t node_stamp(void);

uint32_t node_child(uint32_t parent, const char *name, size_t length);
/* By absolute path without faults ("/a/b", "/", "@special"), or 0. */
uint32_t node_find(const char *path, size_t length);

/* Names of children, each with a NUL, as they go into an answer: those after the first `skip` bytes of the whole. */
struct node_listing {
    char *out;
    size_t used, room, skip;
    bool full; /* a name did not fit */
};
/* Both return false when the listing is full. node_list() takes `n` and its siblings after it. */
bool node_list_name(struct node_listing *l, const char *name, size_t length);
bool node_list(struct node_listing *l, uint32_t n);

/* A new child; 0 when there is no memory. */
uint32_t node_create(uint32_t parent, const char *name, size_t name_length, const struct perm *perms,
                     unsigned int perm_count, const void *value, size_t value_length);
/* Bytes of state file that making or setting a node may need. */
size_t node_space(unsigned int perm_count, size_t name_length, size_t value_length);
/* Both return false, with nothing changed, when there is no memory. */
bool node_set_value(uint32_t n, const void *value, size_t length);
bool node_set_perms(uint32_t n, const struct perm *perms, unsigned int count);
/* With everything below. Not the root. */
void node_remove(uint32_t n);

const struct perm *node_perms(uint32_t n, unsigned int *count);
const char *node_name(uint32_t n, size_t *length);
const char *node_value(uint32_t n, size_t *length);
/* The path into `out` (at least 4096 bytes), with a NUL; returns its length. */
size_t node_path(uint32_t n, char *out);

/* Looks at every link and sum; what is wrong goes to `out`. The number of nodes, or -EIO. */
struct buf;
long node_check(struct buf *out);

/* Removes what dead domain `domid` owns, and its entries in other nodes' permissions; `step` nodes at a time. */
bool node_sweep(uint16_t domid, uint32_t *cursor, unsigned int step, void (*before_remove)(uint32_t n));

static inline struct node *node_at(uint32_t n)
{
    return arena_at(n);
}

/* NULL: all is in the node. */
static inline struct node_far *node_far(const struct node *node)
{
    return node->gen & NODE_FAR ? arena_at(node->gen & ~NODE_FAR) : NULL;
}

static inline uint32_t node_gen(uint32_t n)
{
    const struct node_far *far = node_far(node_at(n));
    return far != NULL ? far->gen : node_at(n)->gen;
}

static inline uint32_t node_kids_gen(uint32_t n)
{
    const struct node_far *far = node_far(node_at(n));
    return far != NULL ? far->kids_gen : NODE_NO_KIDS;
}

/* The first child, or 0. */
static inline uint32_t node_first(uint32_t n)
{
    const struct node_far *far = node_far(node_at(n));
    return far != NULL ? far->first : 0;
}

#endif
