/* SPDX-License-Identifier: MIT */
/*
 * HYPERVISOR_grant_table_op: arrays of grant operations. Those that come in numbers are copied
 * in chunks, done, and copied back with their status; between chunks the call may be
 * interrupted and goes on later with what is left of the array.
 */
#include "hv/calls/hypercall.h"
#include "hv/core/grant.h"
#include "hv/mm/guest_copy.h"

#define COPY_CHUNK 16

union chunk {
    struct gnttab_map_grant_ref map[COPY_CHUNK];
    struct gnttab_unmap_grant_ref unmap[GRANT_UNMAP_BATCH];
    struct gnttab_unmap_and_replace replace[GRANT_UNMAP_BATCH];
    struct gnttab_copy copy[COPY_CHUNK];
    struct gnttab_swap_grant_ref swap[COPY_CHUNK];
};

static void map_chunk(union chunk *c, unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        grant_map(&c->map[i]);
    }
}

static void unmap_chunk(union chunk *c, unsigned int count)
{
    grant_unmap(c->unmap, count);
}

static void replace_chunk(union chunk *c, unsigned int count)
{
    grant_unmap_and_replace(c->replace, count);
}

static void copy_chunk(union chunk *c, unsigned int count)
{
    grant_copy(c->copy, count);
}

static void swap_chunk(union chunk *c, unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        grant_swap_refs(&c->swap[i]);
    }
}

struct batch_row {
    void (*fn)(union chunk *c, unsigned int count);
    unsigned int chunk; /* 0: not a batched command */
    unsigned int size;
};

static const struct batch_row batch_rows[] = {
    [GNTTABOP_map_grant_ref] = { map_chunk, COPY_CHUNK, sizeof(struct gnttab_map_grant_ref) },
    [GNTTABOP_unmap_grant_ref] = { unmap_chunk, GRANT_UNMAP_BATCH,
                                   sizeof(struct gnttab_unmap_grant_ref) },
    [GNTTABOP_unmap_and_replace] = { replace_chunk, GRANT_UNMAP_BATCH,
                                     sizeof(struct gnttab_unmap_and_replace) },
    [GNTTABOP_copy] = { copy_chunk, COPY_CHUNK, sizeof(struct gnttab_copy) },
    [GNTTABOP_swap_grant_ref] = { swap_chunk, COPY_CHUNK,
                                  sizeof(struct gnttab_swap_grant_ref) },
};

static NOINLINE long run_batch(const struct batch_row *row, unsigned int cmd, guest_ptr_t at,
                               unsigned int count)
{
    union chunk c;

    while (count > 0) {
        unsigned int n = MIN(row->chunk, count);
        size_t size = (size_t)n * row->size;

        if (copy_from_guest(&c, at, size) != 0) {
            return -EFAULT;
        }
        row->fn(&c, n);
        if (copy_to_guest(at, &c, size) != 0) {
            return -EFAULT;
        }
        count -= n;
        at.va += size;
        if (count > 0 && hypercall_preempt_check()) {
            return hypercall_continue(__HYPERVISOR_grant_table_op, 3, (unsigned long)cmd,
                                      (unsigned long)at.va, (unsigned long)count);
        }
    }
    return 0;
}

/* ---- Commands on one structure ----------------------------------------------------------- */
union single {
    struct gnttab_setup_table setup;
    struct gnttab_query_size query;
    struct gnttab_set_version set_version;
    struct gnttab_get_status_frames status_frames;
    struct gnttab_get_version get_version;
};

static int setup_table(union single *s)
{
    return grant_setup_table(&s->setup);
}

static int query_size(union single *s)
{
    return grant_query_size(&s->query);
}

static int set_version(union single *s)
{
    return grant_set_version(&s->set_version);
}

static int get_status_frames(union single *s)
{
    return grant_get_status_frames(&s->status_frames);
}

static int get_version(union single *s)
{
    return grant_get_version(&s->get_version);
}

struct single_row {
    int (*fn)(union single *s);
    unsigned int size;
};

static const struct single_row single_rows[] = {
    [GNTTABOP_setup_table] = { setup_table, sizeof(struct gnttab_setup_table) },
    [GNTTABOP_query_size] = { query_size, sizeof(struct gnttab_query_size) },
    [GNTTABOP_set_version] = { set_version, sizeof(struct gnttab_set_version) },
    [GNTTABOP_get_status_frames] = { get_status_frames,
                                     sizeof(struct gnttab_get_status_frames) },
    [GNTTABOP_get_version] = { get_version, sizeof(struct gnttab_get_version) },
};

static NOINLINE long run_single(unsigned int cmd, guest_ptr_t arg, unsigned int count)
{
    const struct single_row *row = &single_rows[cmd];
    union single s;
    int rc;
    int copied;

    /* Changing and asking the version never looked at the count. */
    if (count != 1 && cmd != GNTTABOP_set_version && cmd != GNTTABOP_get_version) {
        return -EINVAL;
    }
    if (copy_from_guest(&s, arg, row->size) != 0) {
        return -EFAULT;
    }
    rc = row->fn(&s);
    /* The version in force comes back even when it could not be changed. */
    copied = rc == 0 || cmd == GNTTABOP_set_version ? copy_to_guest(arg, &s, row->size) : 0;
    return rc != 0 ? rc : copied;
}

long do_grant_table_op(unsigned int cmd, guest_ptr_t arg, unsigned int count)
{
    if ((int)count < 0) {
        return -EINVAL;
    }
    if (unlikely(current_domain()->grants == NULL)) {
        return -ENOSYS;
    }
    if (cmd < ARRAY_SIZE(batch_rows) && batch_rows[cmd].fn != NULL) {
        return run_batch(&batch_rows[cmd], cmd, arg, count);
    }
    if (cmd < ARRAY_SIZE(single_rows) && single_rows[cmd].fn != NULL) {
        return run_single(cmd, arg, count);
    }
    /* Cache maintenance means nothing here: caches are coherent. Transfers are not offered. */
    return cmd == GNTTABOP_cache_flush ? -EOPNOTSUPP : -ENOSYS;
}
