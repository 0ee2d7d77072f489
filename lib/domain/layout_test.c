/* SPDX-License-Identifier: MIT */
/*
 * The store's layout against what Debian's xl wrote for the same guest (tests/golden/store-guest.txt, from
 * xenstore-ls -fp without what backends and daemons add).
 */
#include "lib/domain/layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conf/spec.h"
#include "lib/domain/domain.h"
#include "lib/domain/nodes.h"
#include "tests/unit/unit.h"

enum { LEAVES_MAX = 400 };

/* A store small enough to be obviously right: a node is made with its parent's permissions. */
static struct leaf {
    char path[160], value[160];
    uint32_t owner, reader;
} leaves[LEAVES_MAX];
static unsigned int leaf_count;

static struct leaf *leaf_find(const char *path)
{
    for (unsigned int i = 0; i < leaf_count; i++) {
        if (!strcmp(leaves[i].path, path)) {
            return &leaves[i];
        }
    }
    return NULL;
}

static struct leaf *leaf_make(const char *path)
{
    struct leaf *found = leaf_find(path), *parent = NULL, *made;
    char up[160];

    if (found) {
        return found;
    }
    snprintf(up, sizeof(up), "%s", path);
    *strrchr(up, '/') = '\0';
    if (up[0]) {
        parent = leaf_make(up);
    }
    EXPECT(leaf_count < LEAVES_MAX);
    made = &leaves[leaf_count++];
    snprintf(made->path, sizeof(made->path), "%s", path);
    made->owner = parent ? parent->owner : 0;
    made->reader = parent ? parent->reader : 0;
    return made;
}

static void apply(const struct nodes *n)
{
    EXPECT(!n->failed);
    for (unsigned int i = 0; i < n->count; i++) {
        const struct node *node = &n->list[i];
        struct leaf *l;

        if (node->action == NODE_REMOVE) {
            size_t length = strlen(node->path);

            for (unsigned int k = 0; k < leaf_count; k++) {
                if (!strncmp(leaves[k].path, node->path, length) && strchr("/", leaves[k].path[length])) {
                    leaves[k--] = leaves[--leaf_count];
                }
            }
            continue;
        }
        l = leaf_make(node->path);
        if (node->action == NODE_WRITE) {
            snprintf(l->value, sizeof(l->value), "%s", node->value);
        } else {
            l->owner = node->owner;
            l->reader = node->reader;
        }
    }
}

static int by_path(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Empty nodes that only dom0 sees are folders: left out, as in the golden file. */
static unsigned int leaf_lines(char **lines)
{
    unsigned int count = 0;

    for (unsigned int i = 0; i < leaf_count; i++) {
        struct leaf *l = &leaves[i];
        char reader[16] = "";

        if (!l->value[0] && !l->owner && !l->reader) {
            continue;
        }
        if (l->reader != l->owner) {
            snprintf(reader, sizeof(reader), ",r%u", l->reader);
        }
        EXPECT(asprintf(&lines[count++], "%s = \"%s\" (n%u%s)", l->path, l->value, l->owner, reader) > 0);
    }
    qsort(lines, count, sizeof(*lines), by_path);
    return count;
}

static const struct layout_guest test_guest = {
    .domid = 7,
    .name = "guest",
    .type = "pv",
    .vcpus_max = 2,
    .vcpus_online = (const uint8_t *)"\x03",
    .uuid = { 0x29, 0x3a, 0xdc, 0x9b, 0x5c, 0xaf, 0x4a, 0x78, 0xa3, 0x80, 0xa6, 0xa9, 0x78, 0xae, 0xa8,
              0x94 },
    .static_max_kb = 262144,
    .target_kb = 196608,
    .os_type = "linux",
    .kernel = "/boot/vmlinuz",
    .ramdisk = "/boot/guest.cpio.gz",
    .command_line = "console=hvc0 quiet",
    .store_mfn = 456705,
    .console_mfn = 456706,
    .store_port = 1,
    .console_port = 2,
    .start_time = 179525769043,
};
static const struct layout_disk test_disk = {
    .domid = 7,
    .devid = 51712,
    .vdev = "xvda",
    .path = "/tmp/d.img",
    .device = "/dev/loop0",
    .major = 7,
    .script = "/etc/xen/scripts/block",
    .writable = true,
};
static const struct layout_nic test_nic = {
    .domid = 7,
    .mac = "00:16:3e:38:c1:d8",
    .script = "/etc/xen/scripts/vif-bridge",
    .bridge = "xenbr0",
};

TEST(layout_is_debians)
{
    static char *lines[LEAVES_MAX];
    FILE *f = fopen("tests/golden/store-guest.txt", "r");
    struct nodes n = { 0 };
    char wanted[400];
    unsigned int count, i = 0;

    EXPECT(f);
    layout_add_guest(&n, &test_guest);
    layout_add_disk(&n, &test_disk);
    layout_add_nic(&n, &test_nic);
    apply(&n);
    nodes_free(&n);
    count = leaf_lines(lines);
    while (fgets(wanted, sizeof(wanted), f)) {
        wanted[strcspn(wanted, "\n")] = '\0';
        EXPECT(i < count);
        EXPECT_STR(lines[i], wanted);
        free(lines[i++]);
    }
    EXPECT_EQ(i, count);
    fclose(f);
}

/* QEMU finds its disks below backend/qdisk; for the guest they are as any other. */
TEST(layout_qemu_disk)
{
    struct layout_disk d = test_disk;
    struct nodes n = { 0 };

    d.qemu_format = "qcow2";
    d.path = "/srv/x.qcow2";
    d.device = NULL;
    layout_add_guest(&n, &test_guest);
    layout_add_disk(&n, &d);
    apply(&n);
    nodes_free(&n);
    EXPECT_STR(leaf_find("/local/domain/7/device/vbd/51712/backend")->value, "/local/domain/0/backend/qdisk/7/51712");
    EXPECT_STR(leaf_find("/libxl/7/device/vbd/51712/backend")->value, "/local/domain/0/backend/qdisk/7/51712");
    EXPECT_STR(leaf_find("/local/domain/0/backend/qdisk/7/51712/params")->value, "qcow2:/srv/x.qcow2");
    EXPECT_STR(leaf_find("/local/domain/0/backend/qdisk/7/51712/type")->value, "qdisk");
    EXPECT(!leaf_find("/local/domain/0/backend/qdisk/7/51712/script"));
    EXPECT(!leaf_find("/local/domain/0/backend/vbd/7/51712"));
}

/* The guest's driver writes its ring and state; what the toolstack says it can only read. */
TEST(layout_channel)
{
    static const struct layout_channel pty = { 7, 1, "org.test", NULL }, sock = { 7, 2, "b", "/run/b" };
    struct nodes n = { 0 };

    layout_add_guest(&n, &test_guest);
    layout_add_channel(&n, &pty);
    layout_add_channel(&n, &sock);
    apply(&n);
    nodes_free(&n);
    EXPECT_EQ(leaf_find("/local/domain/7/device/console/1")->owner, 7);
    EXPECT_STR(leaf_find("/local/domain/7/device/console/1/state")->value, "1");
    EXPECT_EQ(leaf_find("/local/domain/7/device/console/1/tty")->owner, 0);
    EXPECT_EQ(leaf_find("/local/domain/7/device/console/1/tty")->reader, 7);
    EXPECT_STR(leaf_find("/local/domain/0/backend/console/7/1/connection")->value, "pty");
    EXPECT_EQ(leaf_find("/local/domain/0/backend/console/7/2/path")->owner, 0);
    EXPECT_STR(leaf_find("/local/domain/0/backend/console/7/2/path")->value, "/run/b");
    EXPECT_STR(leaf_find("/libxl/7/device/console/2/connection")->value, "socket");
}

TEST(layout_removal_leaves_nothing)
{
    static const struct layout_channel channel = { 7, 1, "org.test", NULL };
    struct nodes n = { 0 };

    layout_add_guest(&n, &test_guest);
    layout_add_channel(&n, &channel);
    layout_add_disk(&n, &test_disk);
    layout_add_nic(&n, &test_nic);
    layout_remove_device(&n, "vbd", 0, 7, 51712);
    layout_remove_device(&n, "vif", 0, 7, 0);
    layout_remove_guest(&n, 7, "/vm/293adc9b-5caf-4a78-a380-a6a978aea894");
    apply(&n);
    nodes_free(&n);
    for (unsigned int i = 0; i < leaf_count; i++) {
        EXPECT_STR(leaves[i].value, "");
        EXPECT_EQ(leaves[i].owner, 0);
    }
}
