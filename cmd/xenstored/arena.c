/* SPDX-License-Identifier: MIT */
/*
 * Blocks in the state file, with boundary tags. Free blocks hang in bins by size: exact up to 252 bytes, four
 * bins for each power of two above, so that allocation and freeing cost the same however many blocks there are.
 * A block is split and joined with its free neighbours at once. The file grows by fallocate(), so that a full
 * tmpfs is an error and not a SIGBUS.
 */
#include "cmd/xenstored/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"

#define UNITS_MAX 8191u
#define UNITS_MIN 3u
#define EXACT_BINS 64u
#define BINS (EXACT_BINS + 28u)
#define FIRST (4096u / ARENA_UNIT)
#define GROW (256u * 1024)
#define RESERVE (sizeof(void *) == 8 ? (size_t)8 << 30 : (size_t)256 << 20)

static const char magic[16] = "proxenos-xs-002";

struct free_block {
    struct arena_block b;
    uint32_t next, last;
};

char *arena_base;
static int file = -1;
static size_t backed; /* bytes of the file that are allocated */
static uint32_t bins[BINS];
static uint64_t bin_map[2];
static size_t used_units;
static bool found;
static const char *lost;

struct arena_head *arena_head(void)
{
    return (struct arena_head *)arena_base;
}

static struct arena_block *block_at(uint32_t i)
{
    return arena_at(i);
}

static unsigned int units_of(uint32_t i)
{
    return block_at(i)->tag & UNITS_MAX;
}

enum arena_kind arena_kind(uint32_t i)
{
    return block_at(i)->tag >> 13;
}

size_t arena_size(uint32_t i)
{
    return (size_t)units_of(i) * ARENA_UNIT;
}

static void set_tag(uint32_t i, enum arena_kind kind, unsigned int units)
{
    arena_order();
    __atomic_store_n(&block_at(i)->tag, (uint16_t)(kind << 13 | units), __ATOMIC_RELAXED);
    arena_order();
}

/* ---- bins ---- */
static unsigned int bin_of(unsigned int units)
{
    if (units < EXACT_BINS) {
        return units;
    }
    unsigned int power = 31 - __builtin_clz(units);
    return EXACT_BINS + (power - 6) * 4 + ((units >> (power - 2)) & 3);
}

/* The first bin all of whose blocks are large enough. */
static unsigned int bin_for(unsigned int units)
{
    if (units < EXACT_BINS) {
        return units;
    }
    unsigned int power = 31 - __builtin_clz(units);
    return bin_of(units + (1u << (power - 2)) - 1);
}

static void bin_add(uint32_t i)
{
    struct free_block *f = arena_at(i);
    unsigned int bin = bin_of(units_of(i));

    f->next = bins[bin];
    f->last = 0;
    if (f->next != 0) {
        ((struct free_block *)arena_at(f->next))->last = i;
    }
    bins[bin] = i;
    bin_map[bin / 64] |= 1ULL << (bin % 64);
}

static void bin_take(uint32_t i)
{
    struct free_block *f = arena_at(i);
    unsigned int bin = bin_of(units_of(i));

    if (f->next != 0) {
        ((struct free_block *)arena_at(f->next))->last = f->last;
    }
    if (f->last != 0) {
        ((struct free_block *)arena_at(f->last))->next = f->next;
        return;
    }
    bins[bin] = f->next;
    if (f->next == 0) {
        bin_map[bin / 64] &= ~(1ULL << (bin % 64));
    }
}

static uint32_t bin_find(unsigned int units)
{
    unsigned int bin = bin_for(units);
    uint64_t low = bin < 64 ? bin_map[0] & (~0ULL << bin) : 0;
    uint64_t high = bin < 64 ? bin_map[1] : bin < BINS ? bin_map[1] & (~0ULL << (bin - 64)) : 0;

    if (low != 0) {
        return bins[__builtin_ctzll(low)];
    }
    return high != 0 ? bins[64 + __builtin_ctzll(high)] : 0;
}

/* ---- allocation ---- */
static bool back(size_t end)
{
    if (end <= backed) {
        return true;
    }
    size_t want = (end + GROW - 1) / GROW * GROW;
    if (want > RESERVE || (file >= 0 && fallocate(file, 0, backed, want - backed) != 0)) {
        return false;
    }
    backed = want;
    return true;
}

static void set_prev_of_next(uint32_t i)
{
    uint32_t next = i + units_of(i);
    if (next < arena_head()->top) {
        block_at(next)->prev = units_of(i);
    }
}

static uint32_t last_block; /* the one that ends at top, 0 when there is none */

static uint32_t bump(unsigned int units)
{
    uint32_t i = arena_head()->top;

    if (!back(((size_t)i + units) * ARENA_UNIT)) {
        return 0;
    }
    block_at(i)->prev = last_block != 0 ? units_of(last_block) : 0;
    set_tag(i, ARENA_HELD, units);
    arena_head()->top = i + units;
    last_block = i;
    return i;
}

uint32_t arena_alloc(size_t bytes)
{
    unsigned int units = (bytes + ARENA_UNIT - 1) / ARENA_UNIT;

    units = units < UNITS_MIN ? UNITS_MIN : units;
    if (bytes > ARENA_BLOCK_MAX) {
        return 0;
    }
    uint32_t i = bin_find(units);
    if (i == 0) {
        i = bump(units);
        used_units += i != 0 ? units : 0;
        return i;
    }
    bin_take(i);
    unsigned int rest = units_of(i) - units;
    if (rest >= UNITS_MIN) {
        uint32_t second = i + units;
        block_at(second)->prev = units;
        set_tag(second, ARENA_FREE, rest);
        set_tag(i, ARENA_HELD, units);
        last_block = last_block == i ? second : last_block;
        set_prev_of_next(second);
        bin_add(second);
    } else {
        set_tag(i, ARENA_HELD, units_of(i));
    }
    used_units += units_of(i);
    return i;
}

bool arena_reserve(size_t bytes)
{
    return back((size_t)arena_head()->top * ARENA_UNIT + bytes);
}

void arena_publish(uint32_t i, enum arena_kind kind)
{
    set_tag(i, kind, units_of(i));
}

/* Makes one free block of two neighbours when that fits into a header; returns the one that is left. */
static uint32_t join(uint32_t first, uint32_t second)
{
    unsigned int units = units_of(first) + units_of(second);

    set_tag(first, ARENA_FREE, units);
    last_block = last_block == second ? first : last_block;
    return first;
}

void arena_free(uint32_t i)
{
    used_units -= units_of(i);
    set_tag(i, ARENA_FREE, units_of(i));
    uint32_t next = i + units_of(i);
    if (next < arena_head()->top && arena_kind(next) == ARENA_FREE && units_of(i) + units_of(next) <= UNITS_MAX) {
        bin_take(next);
        join(i, next);
    }
    uint32_t prev = block_at(i)->prev != 0 ? i - block_at(i)->prev : 0;
    if (prev != 0 && arena_kind(prev) == ARENA_FREE && units_of(i) + units_of(prev) <= UNITS_MAX) {
        bin_take(prev);
        i = join(prev, i);
    }
    set_prev_of_next(i);
    bin_add(i);
}

/* ---- the walk ---- */
uint32_t arena_first(void)
{
    return arena_head()->top > FIRST ? FIRST : 0;
}

uint32_t arena_next(uint32_t i)
{
    uint32_t next = i + units_of(i);
    return next < arena_head()->top ? next : 0;
}

bool arena_inside(uint32_t i, size_t bytes)
{
    return i >= FIRST && i < arena_head()->top && bytes <= ((size_t)arena_head()->top - i) * ARENA_UNIT;
}

size_t arena_bytes_used(void)
{
    return used_units * ARENA_UNIT;
}

size_t arena_bytes_total(void)
{
    return (size_t)arena_head()->top * ARENA_UNIT;
}

bool arena_found(void)
{
    return found;
}

/* What differs from one boot to the next: the domains of another boot are not there any more. */
static void boot_id(char *out)
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

    memset(out, 0, sizeof(arena_head()->boot));
    if (fd >= 0) {
        if (read(fd, out, sizeof(arena_head()->boot) - 1) < 0) {
            out[0] = '\0';
        }
        close(fd);
    }
}

static bool of_this_boot(void)
{
    char boot[sizeof(arena_head()->boot)];

    boot_id(boot);
    return memcmp(arena_head()->boot, boot, sizeof(boot)) == 0;
}

/* Whether the headers lead from the first block exactly to the end. */
static bool walkable(size_t file_size)
{
    const struct arena_head *h = arena_head();
    uint32_t i = FIRST;

    if (h->top < FIRST || (size_t)h->top * ARENA_UNIT > file_size) {
        return false;
    }
    while (i < h->top) {
        if (units_of(i) < UNITS_MIN || units_of(i) > h->top - i) {
            return false;
        }
        i += units_of(i);
    }
    return true;
}

void arena_recover(void)
{
    uint32_t before = 0;

    memset(bins, 0, sizeof(bins));
    memset(bin_map, 0, sizeof(bin_map));
    used_units = 0;
    last_block = 0;
    for (uint32_t i = arena_first(); i != 0; i = arena_next(i)) {
        bool is_free = arena_kind(i) == ARENA_FREE || arena_kind(i) == ARENA_HELD;
        if (is_free && before != 0 && arena_kind(before) == ARENA_FREE &&
            units_of(before) + units_of(i) <= UNITS_MAX) {
            i = join(before, i);
        } else if (is_free) {
            set_tag(i, ARENA_FREE, units_of(i));
        }
        if (i != before) {
            block_at(i)->prev = before != 0 ? units_of(before) : 0;
        }
        before = i;
    }
    last_block = before;
    for (uint32_t i = arena_first(); i != 0; i = arena_next(i)) {
        if (arena_kind(i) == ARENA_FREE) {
            bin_add(i);
        } else {
            used_units += units_of(i);
        }
    }
}

/* ---- the file ---- */
static int map_file(struct err *e, size_t size)
{
    int flags = file >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;

    if (file >= 0 && ftruncate(file, RESERVE) != 0) {
        return err_errno(e, "cannot size the state file");
    }
    arena_base = mmap(NULL, RESERVE, PROT_READ | PROT_WRITE, flags | MAP_NORESERVE, file, 0);
    if (arena_base == MAP_FAILED) {
        arena_base = NULL;
        return err_errno(e, "cannot map the state file");
    }
    madvise(arena_base, RESERVE, MADV_NOHUGEPAGE);
    backed = size;
    return back(4096) ? 0 : err_set(e, -ENOSPC, "no room for the state file");
}

/* Notes what is lost with a file of this boot that is not. */
static bool usable(size_t file_size)
{
    lost = NULL;
    if (memcmp(arena_head()->magic, magic, sizeof(magic)) != 0) {
        lost = "is of another version of xenstored";
    } else if (!of_this_boot()) {
        return false;
    } else if (!walkable(file_size)) {
        lost = "is damaged";
    }
    return lost == NULL;
}

const char *arena_lost(void)
{
    return lost;
}

int arena_open(struct err *e, const char *path, bool fresh)
{
    struct stat st = { 0 };

    if (path != NULL) {
        file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (file < 0 || fstat(file, &st) != 0) {
            return err_errno(e, "cannot open %s", path);
        }
        if (file_lock(file) != 0) {
            return err_set(e, -EBUSY, "another xenstored holds %s", path);
        }
    }
    int rc = map_file(e, 0);
    if (rc != 0) {
        return rc;
    }
    found = !fresh && st.st_size > 0 && usable(st.st_size);
    if (!found) {
        if (file >= 0 && st.st_size > 0) {
            fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, RESERVE);
            backed = 0;
        }
        if (!back(4096)) {
            return err_set(e, -ENOSPC, "no room for the state file");
        }
        memset(arena_head(), 0, sizeof(*arena_head()));
        arena_head()->top = FIRST;
        boot_id(arena_head()->boot);
        memcpy(arena_head()->magic, magic, sizeof(magic));
        arena_recover();
    }
    return 0;
}

void arena_close(void)
{
    if (arena_base != NULL) {
        munmap(arena_base, RESERVE);
        arena_base = NULL;
    }
    if (file >= 0) {
        close(file);
        file = -1;
    }
}
