/* SPDX-License-Identifier: MIT */
/*
 * least SOCKET: the least a daemon can do that answers Debian's test-xenstore, to know what of a request's time is the
 * client's and the socket's. One client at a time; a blocking read and a write for each request, and no more of a store
 * than a short list of paths and values that the test reads back.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "abi/xs_wire.h"

enum { NODES = 256, BYTES = 8192 };

static struct node {
    char path[256], value[4096];
    unsigned int length;
} nodes[NODES];
static unsigned int node_count;
static unsigned int changes;      /* outside of transactions */
static unsigned int changes_seen; /* when the transaction began */
static struct node seen; /* the node it has read or written, as it sees it */
static bool written;

static struct node *find(const char *path)
{
    for (unsigned int i = 0; i < node_count; i++) {
        if (strcmp(nodes[i].path, path) == 0) {
            return &nodes[i];
        }
    }
    return NULL;
}

static void fill(struct node *n, const char *path, const char *value, unsigned int length)
{
    if (strlen(path) < sizeof(n->path) && length <= sizeof(n->value)) {
        strcpy(n->path, path);
        memcpy(n->value, value, length);
        n->length = length;
    }
}

static void put(const char *path, const char *value, unsigned int length)
{
    struct node *n = find(path);

    fill(n != NULL ? n : &nodes[node_count < NODES - 1 ? node_count++ : node_count], path, value, length);
}

/* The node and what is below it. */
static void drop(const char *path)
{
    size_t length = strlen(path);

    for (unsigned int i = 0; i < node_count;) {
        if (strncmp(nodes[i].path, path, length) == 0 && strchr("/", nodes[i].path[length]) != NULL) {
            nodes[i] = nodes[--node_count];
        } else {
            i++;
        }
    }
}

static unsigned int list(const char *path, char *out)
{
    size_t length = strlen(path);
    unsigned int used = 0;

    for (unsigned int i = 0; i < node_count; i++) {
        if (strncmp(nodes[i].path, path, length) == 0 && nodes[i].path[length] == '/') {
            used += (unsigned int)sprintf(out + used, "%s", nodes[i].path + length + 1) + 1;
        }
    }
    return used;
}

/* Answers the request in `m` and `in`; returns the answer's length. */
static unsigned int answer(struct xsd_sockmsg *m, const char *in, char *out)
{
    const struct node *n;

    switch (m->type) {
    case XS_READ:
        n = m->tx_id != 0 && strcmp(in, seen.path) == 0 ? &seen : find(in);
        if (n == NULL) {
            m->type = XS_ERROR;
            return (unsigned int)sprintf(out, "ENOENT") + 1;
        }
        if (m->tx_id != 0 && n != &seen) {
            fill(&seen, n->path, n->value, n->length);
        }
        memcpy(out, n->value, n->length);
        return n->length;
    case XS_DIRECTORY:
        return list(in, out);
    case XS_TRANSACTION_START:
        changes_seen = changes;
        seen.path[0] = '\0';
        written = false;
        return (unsigned int)sprintf(out, "1") + 1;
    case XS_TRANSACTION_END:
        if (*in == 'T' && changes != changes_seen) {
            m->type = XS_ERROR;
            return (unsigned int)sprintf(out, "EAGAIN") + 1;
        }
        if (*in == 'T' && written) {
            put(seen.path, seen.value, seen.length);
        }
        break;
    case XS_RM:
        drop(in);
        break;
    default:
        if (m->tx_id != 0) {
            written = true;
            fill(&seen, in, in + strlen(in) + 1, m->len - (unsigned int)strlen(in) - 1);
        } else {
            put(in, in + strlen(in) + 1, m->len - (unsigned int)strlen(in) - 1);
            changes++;
        }
        break;
    }
    return (unsigned int)sprintf(out, "OK") + 1;
}

static void serve(int fd)
{
    static char in[BYTES], out[BYTES];
    size_t have = 0;
    ssize_t got;

    while ((got = read(fd, in + have, sizeof(in) - have)) > 0) {
        struct xsd_sockmsg m;

        have += (size_t)got;
        memcpy(&m, in, sizeof(m));
        if (have < sizeof(m) || have < sizeof(m) + m.len) {
            continue;
        }
        m.len = answer(&m, in + sizeof(m), out + sizeof(m));
        memcpy(out, &m, sizeof(m));
        if (write(fd, out, sizeof(m) + m.len) < 0) {
            break;
        }
        have = 0;
    }
    close(fd);
}

int main(int argc, char **argv)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(a.sun_path, sizeof(a.sun_path), "%s", argc > 1 ? argv[1] : "");
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(fd, 8) != 0) {
        perror("least");
        return 1;
    }
    for (int client; (client = accept(fd, NULL, NULL)) >= 0;) {
        serve(client);
    }
    return 0;
}
