/* SPDX-License-Identifier: MIT */
/*
 * The state file: one mapping of a file on tmpfs that holds everything a successor needs, cut into blocks.
 *
 * arena_open(), then arena_alloc() gives a block of kind ARENA_HELD, which a crash frees; arena_publish() turns
 * it into a record that a successor finds, by one store. Blocks are named by index (offset / 4), which stays true
 * in the next process and has its top bit clear; arena_at() is the address. Whoever looks at the file after kill -9
 * at any instruction can walk it block by block (arena_next()): a header is changed by one store and its contents
 * come first.
 * The lists of free blocks are memory of this process only, and are built by arena_recover().
 */
#ifndef CMD_XENSTORED_ARENA_H
#define CMD_XENSTORED_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

#define ARENA_UNIT 4u /* bytes: where blocks begin, and what their sizes are multiples of */

enum arena_kind {
    ARENA_FREE,
    ARENA_HELD,   /* in use by this process, nothing to its successor */
    ARENA_NODE,   /* node.c */
    ARENA_EXT,    /* node.c: what does not fit into a node */
    ARENA_WATCH,  /* watch.c: a watch of a connection that outlives us */
    ARENA_CONN,   /* persist.c */
    ARENA_OUT,    /* out.c: a message not yet sent */
    ARENA_LOG,    /* log.c */
};

/* Every block begins with this; a record's structure has it as its first member, and is aligned to a unit. */
struct arena_block {
    uint16_t tag;  /* kind in the top 3 bits, size in units below */
    uint16_t prev; /* size of the block before, in units; 0 for the first */
};

#define ARENA_BLOCK_MAX (8191u * ARENA_UNIT) /* bytes, header included */

/* First page of the file. */
struct arena_head {
    char magic[16];
    uint32_t top;        /* end of the last block, in units */
    uint32_t log;        /* log.c: first block of the log, or 0 */
    uint32_t log_active; /* log.c: changes that are decided and may be half made */
    uint32_t next_conn;  /* conn.c: number given last */
    /* update.c, while one program hands over to the next: descriptors, and who asked. */
    uint32_t update, listen_fd, pid_fd, update_conn, update_request;
    char boot[40];       /* which boot of the machine this is about */
};

extern char *arena_base;

/* path NULL: memory of this process only. fresh: forget what the file holds. */
int arena_open(struct err *e, const char *path, bool fresh);
void arena_close(void);
/* True when the file held a store that can be walked; its blocks are there for arena_first(). */
bool arena_found(void);
/* NULL, or in words why what the file held of this boot is not used. */
const char *arena_lost(void);
/* Once the records are taken over: what is not a record becomes free. */
void arena_recover(void);
struct arena_head *arena_head(void);

/* Index of a block with room for `bytes` (header included), or 0. Contents are undefined. */
uint32_t arena_alloc(size_t bytes);
/* Makes sure that blocks of `bytes` together can be had. */
bool arena_reserve(size_t bytes);
void arena_publish(uint32_t block, enum arena_kind kind);
void arena_free(uint32_t block);
/* Bytes in the block, header included. */
size_t arena_size(uint32_t block);
enum arena_kind arena_kind(uint32_t block);

/* Walk of all blocks in order of address; 0 ends it. */
uint32_t arena_first(void);
uint32_t arena_next(uint32_t block);
/* Whether `block` may be read as a header at all (a successor does not trust what it finds). */
bool arena_inside(uint32_t block, size_t bytes);

size_t arena_bytes_used(void);
size_t arena_bytes_total(void);

static inline void *arena_at(uint32_t block)
{
    return arena_base + (size_t)block * ARENA_UNIT;
}

/* Keeps the compiler from moving stores across: what a crash leaves is in program order. */
static inline void arena_order(void)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

#endif
