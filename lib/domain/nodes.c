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

void nodes_write(struct nodes *n, const char *folder, const char *name, const char *format, ...)
{
    struct node *node = next_node(n, NODE_WRITE);
    va_list args;

    if (!node) {
        return;
    }
    va_start(args, format);
    if (vasprintf(&node->value, format, args) < 0) {
        node->value = NULL;
        n->failed = true;
    }
    va_end(args);
    if (asprintf(&node->path, name ? "%s/%s" : "%s", folder, name) < 0) {
        node->path = NULL;
        n->failed = true;
    }
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
