/* SPDX-License-Identifier: MIT */
/*
 * The hypfs hypercall: a small tree of facts about the hypervisor, read by path, and of parameters that may be
 * written. Used by `xenhypfs` and `xl set-parameters`.
 *
 * The tree is a const table: each node names its parent directory. A fact has a value or a number, a parameter
 * a pair of functions, a directory none of these.
 */
#include "abi/hypfs.h"

#include "hv/base/printk.h"
#include "hv/calls/hypercall.h"
#include "hv/core/rights.h"
#include "hv/core/version.h"
#include "hv/lib/string.h"

#define HYPFS_VERSION  1
#define NAME_SPACE     32U
#define WRITE_MAX      16U

struct node {
    const char *path;         /* "" is the root */
    const char *value;        /* a fact that is text */
    const uint32_t *number;   /* a fact that is a number */
    const char *(*get)(void); /* a parameter: a constant string */
    int (*set)(const char *value);
};

static const uint32_t version_major = VERSION_ABI_MAJOR;
static const uint32_t version_minor = VERSION_ABI_MINOR;

static const char *get_loglvl(void)
{
    return printk_level_name(printk_level(false));
}

static int set_loglvl(const char *value)
{
    enum log_level always;
    enum log_level limited;

    if (!printk_parse_levels(value, &always, &limited)) {
        return -EINVAL;
    }
    printk_set_level(false, always);
    return 0;
}

static const char *get_guest_loglvl(void)
{
    return printk_level_name(printk_level(true));
}

/* All messages about guests are rate limited, so the second level is the one that counts. */
static int set_guest_loglvl(const char *value)
{
    enum log_level always;
    enum log_level limited;

    if (!printk_parse_levels(value, &always, &limited)) {
        return -EINVAL;
    }
    printk_set_level(true, limited);
    return 0;
}

#define DIR(p)          { .path = p }
#define FACT(p, text)   { .path = p, .value = text }
#define PARAM(p, name)  { .path = p, .get = get_##name, .set = set_##name }

static const struct node nodes[] = {
    DIR(""),
    DIR("/buildinfo"),
    FACT("/buildinfo/changeset", VERSION_CHANGESET),
    DIR("/buildinfo/compileinfo"),
    FACT("/buildinfo/compileinfo/compile_by", VERSION_COMPILE_BY),
    FACT("/buildinfo/compileinfo/compile_date", VERSION_COMPILE_DATE),
    FACT("/buildinfo/compileinfo/compile_domain", VERSION_COMPILE_DOMAIN),
    FACT("/buildinfo/compileinfo/compiler", VERSION_COMPILER),
    DIR("/buildinfo/version"),
    FACT("/buildinfo/version/extra", VERSION_EXTRA),
    { .path = "/buildinfo/version/major", .number = &version_major },
    { .path = "/buildinfo/version/minor", .number = &version_minor },
    DIR("/cpupool"),
    DIR("/cpupool/0"),
    FACT("/cpupool/0/sched-gran", "cpu"),
    DIR("/params"),
    PARAM("/params/guest_loglvl", guest_loglvl),
    PARAM("/params/loglvl", loglvl),
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

static bool is_dir(const struct node *n)
{
    return n->value == NULL && n->number == NULL && n->get == NULL;
}

static bool is_text(const struct node *n)
{
    return n->value != NULL || n->get != NULL;
}

/* What a node that is no directory holds, and its size. */
static const void *content_of(const struct node *n, uint32_t *length)
{
    const char *text = n->get != NULL ? n->get() : n->value;

    *length = n->number != NULL ? (uint32_t)sizeof(*n->number) : (uint32_t)strlen(text) + 1;
    return n->number != NULL ? (const void *)n->number : text;
}

static void describe(const struct node *n, uint32_t content_len, struct xen_hypfs_direntry *e)
{
    *e = (struct xen_hypfs_direntry){
        .type = is_dir(n) ? XEN_HYPFS_TYPE_DIR
                          : is_text(n) ? XEN_HYPFS_TYPE_STRING : XEN_HYPFS_TYPE_UINT,
        .encoding = XEN_HYPFS_ENC_PLAIN,
        .content_len = content_len,
        .max_write_len = n->set != NULL ? WRITE_MAX : 0,
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
    uint32_t length;

    if (is_dir(n)) {
        return dir_length(n);
    }
    (void)content_of(n, &length);
    return length;
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
    const void *content = NULL; /* got once: a parameter may change */
    uint32_t length;

    if (is_dir(n)) {
        length = dir_length(n);
    } else {
        content = content_of(n, &length);
    }

    describe(n, length, &e);
    if (size < sizeof(e)) {
        return -EINVAL;
    }
    if (copy_to_guest(to, &e, sizeof(e)) != 0) {
        return -EFAULT;
    }
    if (size < sizeof(e) + length) {
        return -ENOBUFS;
    }
    to = guest_ptr_at(to, sizeof(e), 1);
    return content != NULL ? copy_to_guest(to, content, length) : write_dir(n, to);
}

static int write_node(const struct node *n, guest_ptr_t from, unsigned long size)
{
    char value[WRITE_MAX];

    if (n->set == NULL) {
        return is_dir(n) ? -EISDIR : -EACCES;
    }
    if (size > sizeof(value)) {
        return -ENOSPC;
    }
    if (size == 0 || copy_from_guest(value, from, size) != 0) {
        return size == 0 ? -EINVAL : -EFAULT;
    }
    if (memchr(value, 0, size) != value + size - 1) {
        return -EINVAL;
    }
    return n->set(value);
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
        return write_node(n, a3, a4);
    default:
        return -EOPNOTSUPP;
    }
}
