/* SPDX-License-Identifier: MIT */
/* Changes to the store, collected: see nodes.h. Sending them is in nodes_apply.c. */
#include "lib/domain/nodes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct node *next_node(struct nodes *n, enum node_action action)
{
    struct node *node;

    if (n->count == n->room) {
        unsigned int room = n->room ? 2 * n->room : 64;
        struct node *list = realloc(n->list, room * sizeof(*list));

        if (!list) {
            n->failed = true;
            return NULL;
        }
        n->list = list;
        n->room = room;
    }
    node = &n->list[n->count++];
    *node = (struct node){ .action = action };
    return node;
}

/* A value rarely needs more than a few words. */
static char *format_value(const char *format, va_list args)
{
    char text[128], *value;
    va_list again;
    int length;

    va_copy(again, args);
    length = vsnprintf(text, sizeof(text), format, args);
    if (length >= (int)sizeof(text)) {
        length = vasprintf(&value, format, again);
        value = length < 0 ? NULL : value;
    } else {
        value = length < 0 ? NULL : strdup(text);
    }
    va_end(again);
    return value;
}

static char *join(const char *folder, const char *name)
{
    size_t length = strlen(folder), more = name ? strlen(name) + 1 : 0;
    char *path = malloc(length + more + 1);

    if (path) {
        memcpy(path, folder, length + 1);
    }
    if (path && name) {
        path[length] = '/';
        memcpy(path + length + 1, name, more);
    }
    return path;
}

void nodes_write(struct nodes *n, const char *folder, const char *name, const char *format, ...)
{
    struct node *node = next_node(n, NODE_WRITE);
    va_list args;

    if (!node) {
        return;
    }
    va_start(args, format);
    node->value = format_value(format, args);
    va_end(args);
    node->path = join(folder, name);
    n->failed |= !node->path || !node->value;
}

void nodes_permit(struct nodes *n, const char *path, uint32_t owner, uint32_t reader)
{
    struct node *node = next_node(n, NODE_PERMISSIONS);

    if (node) {
        node->path = strdup(path);
        node->owner = owner;
        node->reader = reader;
        n->failed |= !node->path;
    }
}

void nodes_remove(struct nodes *n, const char *path)
{
    struct node *node = next_node(n, NODE_REMOVE);

    if (node) {
        node->path = strdup(path);
        n->failed |= !node->path;
    }
}

void nodes_free(struct nodes *n)
{
    for (unsigned int i = 0; i < n->count; i++) {
        free(n->list[i].path);
        free(n->list[i].value);
    }
    free(n->list);
    *n = (struct nodes){ 0 };
}
