/* SPDX-License-Identifier: MIT */
/*
 * A circular doubly linked list whose links live in the listed structures.
 *
 * list_init() a head and each entry that may be removed unlisted; iterate with list_for_each_entry or,
 * when the body may remove the entry, list_for_each_entry_safe.
 */
#ifndef HV_LIB_LIST_H
#define HV_LIB_LIST_H

#include "hv/lib/types.h"

struct list {
    struct list *next;
    struct list *prev;
};

#define LIST_INIT(name) { &(name), &(name) }

static inline void list_init(struct list *l)
{
    l->next = l;
    l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_insert_between(struct list *entry, struct list *prev, struct list *next)
{
    entry->next = next;
    entry->prev = prev;
    prev->next = entry;
    next->prev = entry;
}

static inline void list_add(struct list *entry, struct list *after)
{
    list_insert_between(entry, after, after->next);
}

static inline void list_add_tail(struct list *entry, struct list *before)
{
    list_insert_between(entry, before->prev, before);
}

/* Leaves the entry pointing at itself, so removing it twice is harmless. */
static inline void list_del(struct list *entry)
{
    entry->prev->next = entry->next;
    entry->next->prev = entry->prev;
    list_init(entry);
}

#define list_entry(link, type, member) container_of(link, type, member)
#define list_first_entry(head, type, member) list_entry((head)->next, type, member)
#define list_for_each_entry(pos, head, member)                                                   \
    for (pos = list_entry((head)->next, __typeof__(*pos), member); &pos->member != (head);       \
         pos = list_entry(pos->member.next, __typeof__(*pos), member))
#define list_for_each_entry_safe(pos, tmp, head, member)                                         \
    for (pos = list_entry((head)->next, __typeof__(*pos), member),                               \
        tmp = list_entry(pos->member.next, __typeof__(*pos), member);                            \
         &pos->member != (head);                                                                 \
         pos = tmp, tmp = list_entry(tmp->member.next, __typeof__(*tmp), member))

#endif
