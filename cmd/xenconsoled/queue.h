/* SPDX-License-Identifier: MIT */
/*
 * What a guest has said and nobody has read: a circle of bytes that grows up to a limit and then loses its
 * oldest. The limit bounds what a talkative guest costs.
 */
#ifndef CMD_XENCONSOLED_QUEUE_H
#define CMD_XENCONSOLED_QUEUE_H

#include <stddef.h>
#include <stdint.h>

struct queue {
    char *data;
    size_t room, start, length;
    size_t limit;
    uint64_t lost; /* bytes dropped so far */
};

void queue_init(struct queue *q, size_t limit);
void queue_free(struct queue *q);
void queue_add(struct queue *q, const char *data, size_t size);
/* The oldest bytes that lie together; *size says how many, 0 when empty. */
const char *queue_peek(const struct queue *q, size_t *size);
void queue_drop(struct queue *q, size_t size);

#endif
