/* SPDX-License-Identifier: MIT */
/* The bounded circle of bytes: see queue.h. */
#include "cmd/xenconsoled/queue.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 4096

void queue_init(struct queue *q, size_t limit)
{
    *q = (struct queue){ .limit = limit };
}

void queue_free(struct queue *q)
{
    free(q->data);
    queue_init(q, q->limit);
}

const char *queue_peek(const struct queue *q, size_t *size)
{
    size_t together = q->room - q->start;
    *size = q->length < together ? q->length : together;
    return q->data ? q->data + q->start : NULL;
}

void queue_drop(struct queue *q, size_t size)
{
    size = size < q->length ? size : q->length;
    q->length -= size;
    q->start = q->length == 0 ? 0 : (q->start + size) % q->room;
}

/* Moves to a bigger circle, oldest byte first. Without memory the old one stays. */
static void grow(struct queue *q, size_t need)
{
    size_t room = q->room ? q->room : FIRST_ROOM;
    while (room < need) {
        room *= 2;
    }
    room = room < q->limit ? room : q->limit;
    char *data = malloc(room);
    if (!data) {
        return;
    }
    size_t together;
    const char *oldest = queue_peek(q, &together);
    if (q->length > 0) {
        memcpy(data, oldest, together);
        memcpy(data + together, q->data, q->length - together);
    }
    free(q->data);
    q->data = data;
    q->room = room;
    q->start = 0;
}

void queue_add(struct queue *q, const char *data, size_t size)
{
    if (q->length + size > q->room && q->room < q->limit) {
        grow(q, q->length + size);
    }
    if (size > q->room) {
        q->lost += size - q->room;
        data += size - q->room;
        size = q->room;
    }
    if (size == 0) {
        return;
    }
    if (q->length + size > q->room) {
        size_t oldest = q->length + size - q->room;
        q->lost += oldest;
        queue_drop(q, oldest);
    }
    size_t at = (q->start + q->length) % q->room;
    size_t first = q->room - at < size ? q->room - at : size;
    memcpy(q->data + at, data, first);
    memcpy(q->data, data + first, size - first);
    q->length += size;
}
