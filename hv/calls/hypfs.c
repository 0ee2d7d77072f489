/* SPDX-License-Identifier: MIT */
/*
 * The hypfs hypercall: a small read-only tree of facts about the hypervisor, read by path. Used by
 * `xenhypfs` and `xl set-parameters`; nothing in it can be written.
 *
 * The tree is a const table: each node names its parent directory; a node without a value is a directory.
 */
#include "abi/hypfs.h"

#include "hv/calls/hypercall.h"
#include "hv/core/rights.h"
#include "hv/core/version.h"
#include "hv/lib/string.h"

#define HYPFS_VERSION  1
#define NAME_SPACE     32U
#define OUTPUT_MAX     1024U

struct node {
    const char *path;      /* "" is the root */
    const char *value;     /* NULL for a directory */
};

static const struct node nodes[] = {
    { "", NULL },
    { "/buildinfo", NULL },
    { "/buildinfo/changeset", VERSION_CHANGESET },
    { "/buildinfo/compileinfo", NULL },
    { "/buildinfo/compileinfo/compiler", "gcc " __VERSION__ },
    { "/buildinfo/version", NULL },
    { "/buildinfo/version/extra", VERSION_EXTRA },
    { "/params", NULL },
};

struct output {
    guest_ptr_t to;
    size_t size;
};

static const struct node *find(const char *path)
{
    if (strcmp(path, "/") == 0) {
        return &nodes[0];
    }
    for (unsigned int i = 1; i < ARRAY_SIZE(nodes); i++) {
        if (strcmp(nodes[i].path, path) == 0) {
            return &nodes[i];
        }
    }
    return NULL;
}

/* The name of child in dir, NULL when it lies elsewhere. */
static const char *name_in(const struct node *dir, const struct node *child)
{
    size_t len = strlen(dir->path);

    if (child == dir || strncmp(dir->path, child->path, len) != 0 || child->path[len] != '/' ||
        strchr(child->path + len + 1, '/') != NULL) {
        return NULL;
    }
    return child->path + len + 1;
}

static void describe(const struct node *n, uint32_t content_len, struct xen_hypfs_direntry *e)
{
    *e = (struct xen_hypfs_direntry){
        .type = n->value != NULL ? XEN_HYPFS_TYPE_STRING : XEN_HYPFS_TYPE_DIR,
        .encoding = XEN_HYPFS_ENC_PLAIN,
        .content_len = content_len,
    };
}

static uint32_t content_length(const struct node *n);

static uint32_t entry_length(const char *name)
{
    return (uint32_t)ALIGN_UP(offsetof(struct xen_hypfs_dirlistentry, name) + strlen(name) + 1, 4UL);
}

static uint32_t dir_length(const struct node *dir)
{
    uint32_t length = 0;

    for (unsigned int i = 1; i < ARRAY_SIZE(nodes); i++) {
        const char *name = name_in(dir, &nodes[i]);

        length += name != NULL ? entry_length(name) : 0;
    }
    return length;
}

static uint32_t content_length(const struct node *n)
{
    return n->value != NULL ? (uint32_t)strlen(n->value) + 1 : dir_length(n);
}

static int write_dir(const struct node *dir, guest_ptr_t to)
{
    uint32_t left = dir_length(dir);
    uint32_t offset = 0;

    for (unsigned int i = 1; i < ARRAY_SIZE(nodes); i++) {
        const char *name = name_in(dir, &nodes[i]);
        struct {
            struct xen_hypfs_dirlistentry entry;
            char name_space[NAME_SPACE];
        } one = { 0 };
        uint32_t length;

        if (name == NULL) {
            continue;
        }
        length = entry_length(name);
        left -= length;
        describe(&nodes[i], content_length(&nodes[i]), &one.entry.e);
        one.entry.off_next = left != 0 ? (uint16_t)length : 0;
        (void)string_copy((char *)&one + offsetof(struct xen_hypfs_dirlistentry, name), name,
                          NAME_SPACE);
        if (copy_to_guest(guest_ptr_at(to, offset, 1), &one, length) != 0) {
            return -EFAULT;
        }
        offset += length;
    }
    return 0;
}

static int read_node(const struct node *n, guest_ptr_t to, unsigned long size)
{
    struct xen_hypfs_direntry e;
    uint32_t length = content_length(n);

    describe(n, length, &e);
    if (size < sizeof(e)) {
        return -ENOBUFS;
    }
    if (copy_to_guest(to, &e, sizeof(e)) != 0) {
        return -EFAULT;
    }
    if (size < sizeof(e) + length) {
        return -ENOBUFS;
    }
    to = guest_ptr_at(to, sizeof(e), 1);
    return n->value != NULL ? copy_to_guest(to, n->value, length) : write_dir(n, to);
}

long do_hypfs_op(unsigned int cmd, guest_ptr_t a1, unsigned long a2, guest_ptr_t a3,
                 unsigned long a4)
{
    char path[128];
    const struct node *n;

    if (!rights_is_control(current_domain())) {
        return -EPERM;
    }
    if (cmd == XEN_HYPFS_OP_get_version) {
        return guest_ptr_is_null(a1) && a2 == 0 && guest_ptr_is_null(a3) && a4 == 0 ? HYPFS_VERSION
                                                                                   : -EINVAL;
    }
    if (a2 == 0 || a2 > XEN_HYPFS_MAX_PATHLEN) {
        return -EINVAL;
    }
    if (a2 > sizeof(path)) {
        return -ENOENT;
    }
    if (copy_from_guest(path, a1, a2) != 0) {
        return -EFAULT;
    }
    if (memchr(path, 0, a2) != path + a2 - 1 || path[0] != '/') {
        return -EINVAL;
    }
    n = find(path);
    if (n == NULL) {
        return -ENOENT;
    }
    switch (cmd) {
    case XEN_HYPFS_OP_read:
        return read_node(n, a3, a4);
    case XEN_HYPFS_OP_write_contents:
        return n->value != NULL ? -EACCES : -EISDIR;
    default:
        return -EOPNOTSUPP;
    }
}
