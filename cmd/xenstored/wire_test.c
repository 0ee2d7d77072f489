/* SPDX-License-Identifier: MIT */
/* What each operation answers, to the privileged client and to domains. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/xenstored/account.h"
#include "cmd/xenstored/hw.h"
#include "cmd/xenstored/node.h"
#include "cmd/xenstored/sim_test.h"
#include "lib/base/buf.h"
#include "tests/unit/unit.h"

static void check(void)
{
    struct buf out = BUF_INIT;
    EXPECT(node_check(&out) > 0);
    buf_free(&out);
}

TEST(xs_read_and_write)
{
    sim_start(NULL);
    SIM_ERROR(0, XS_READ, 0, "/a\0", "ENOENT");
    SIM_OK(0, XS_WRITE, 0, "/a/b/c\0hello");
    SIM_READ(0, 0, "/a/b/c", "hello");
    SIM_READ(0, 0, "/a", "");
    SIM_OK(0, XS_WRITE, 0, "/a/b/c\0");
    SIM_READ(0, 0, "/a/b/c", "");
    SIM_OK(0, XS_DIRECTORY, 0, "/a\0");
    EXPECT_EQ(sim_answer.head.len, 2);
    EXPECT_STR(sim_answer.data, "b");
    SIM_OK(0, XS_WRITE, 0, "rel/x\0y");
    SIM_READ(0, 0, "/local/domain/0/rel/x", "y");
    check();
    sim_stop();
}

TEST(xs_values_of_all_sizes)
{
    char data[XENSTORE_PAYLOAD_MAX];

    sim_start(NULL);
    for (unsigned int round = 0; round < 3000; round++) {
        unsigned int size = unit_random_below(round % 3 == 0 ? 4000 : 100);
        unsigned int node = unit_random_below(20);
        size_t path = snprintf(data, sizeof(data), "/v/%u", node) + 1;
        memset(data + path, 'a' + node, size);
        EXPECT_EQ(sim_call(0, XS_WRITE, 0, data, path + size), XS_WRITE);
        EXPECT_EQ(sim_call(0, XS_READ, 0, data, path), XS_READ);
        EXPECT_EQ(sim_answer.head.len, size);
        EXPECT(size == 0 || sim_answer.data[0] == (char)('a' + node));
        EXPECT(size == 0 || sim_answer.data[size - 1] == (char)('a' + node));
    }
    check();
    sim_stop();
}

TEST(xs_bad_paths)
{
    char long_path[XENSTORE_ABS_PATH_MAX + 8];

    sim_start(NULL);
    SIM_ERROR(0, XS_WRITE, 0, "//a\0x", "EINVAL");
    SIM_ERROR(0, XS_WRITE, 0, "/a/\0x", "EINVAL");
    SIM_ERROR(0, XS_WRITE, 0, "/a b\0x", "EINVAL");
    SIM_ERROR(0, XS_WRITE, 0, "\0x", "EINVAL");
    SIM_ERROR(0, XS_WRITE, 0, "@introduceDomain\0x", "EINVAL");
    SIM_ERROR(0, XS_READ, 0, "/a", "EINVAL");
    SIM_ERROR(0, XS_RM, 0, "/\0", "EINVAL");
    SIM_ERROR(0, 20, 0, "/\0", "ENOSYS");
    SIM_ERROR(0, 99, 0, "/\0", "ENOSYS");
    SIM_ERROR(0, XS_WATCH_EVENT, 0, "/\0x\0", "ENOSYS");
    memset(long_path, 'a', sizeof(long_path));
    long_path[0] = '/';
    long_path[XENSTORE_ABS_PATH_MAX] = '\0';
    EXPECT_EQ(sim_call(0, XS_WRITE, 0, long_path, XENSTORE_ABS_PATH_MAX + 1), XS_WRITE);
    long_path[XENSTORE_ABS_PATH_MAX] = 'a';
    long_path[XENSTORE_ABS_PATH_MAX + 1] = '\0';
    EXPECT_EQ(sim_call(0, XS_WRITE, 0, long_path, XENSTORE_ABS_PATH_MAX + 2), XS_ERROR);
    check();
    sim_stop();
}

TEST(xs_rm_and_mkdir)
{
    sim_start(NULL);
    SIM_OK(0, XS_WRITE, 0, "/d/1/x\0a");
    SIM_OK(0, XS_WRITE, 0, "/d/2/x\0a");
    SIM_OK(0, XS_MKDIR, 0, "/d/3\0");
    SIM_OK(0, XS_MKDIR, 0, "/d/1\0");
    SIM_READ(0, 0, "/d/1/x", "a");
    SIM_OK(0, XS_RM, 0, "/d/1\0");
    SIM_ERROR(0, XS_READ, 0, "/d/1/x\0", "ENOENT");
    SIM_OK(0, XS_RM, 0, "/d/1\0");
    SIM_ERROR(0, XS_RM, 0, "/e/1\0", "ENOENT");
    SIM_OK(0, XS_DIRECTORY, 0, "/d\0");
    EXPECT_EQ(sim_answer.head.len, 4);
    EXPECT_EQ(memcmp(sim_answer.data, "2\0003\0", 4), 0);
    SIM_OK(0, XS_RM, 0, "/d\0");
    check();
    EXPECT_EQ(node_count(), 6);
    sim_stop();
}

/* A listing that is asked for again is kept: it is that node's, and its children's as they are now. */
TEST(xs_directory_again)
{
    sim_start(NULL);
    SIM_OK(0, XS_MKDIR, 0, "/d/x\0");
    for (unsigned int round = 0; round < 2; round++) {
        SIM_OK(0, XS_DIRECTORY, 0, "/d\0");
        EXPECT_EQ(sim_answer.head.len, 2);
        EXPECT_STR(sim_answer.data, "x");
        SIM_OK(0, XS_DIRECTORY, 0, "/d/x\0");
        EXPECT_EQ(sim_answer.head.len, 0);
    }
    SIM_OK(0, XS_DIRECTORY, 0, "/d\0");
    SIM_OK(0, XS_MKDIR, 0, "/d/y\0");
    SIM_OK(0, XS_DIRECTORY, 0, "/d\0");
    EXPECT_EQ(sim_answer.head.len, 4);
    SIM_OK(0, XS_RM, 0, "/d/x\0");
    SIM_OK(0, XS_DIRECTORY, 0, "/d\0");
    EXPECT_STR(sim_answer.data, "y");
    SIM_OK(0, XS_RM, 0, "/d\0");
    SIM_ERROR(0, XS_DIRECTORY, 0, "/d\0", "ENOENT");
    sim_stop();
}

TEST(xs_permissions_of_domains)
{
    sim_start(NULL);
    sim_introduce(1);
    sim_introduce(2);
    SIM_OK(0, XS_WRITE, 0, "/local/domain/1/data\0x");
    SIM_ERROR(1, XS_READ, 0, "data\0", "EACCES");
    SIM_ERROR(1, XS_READ, 0, "nothing\0", "EACCES");
    SIM_ERROR(1, XS_WRITE, 0, "data\0y", "EACCES");
    SIM_OK(0, XS_SET_PERMS, 0, "/local/domain/1/data\0n1\0r2\0");
    SIM_OK(1, XS_WRITE, 0, "data\0y");
    SIM_READ(2, 0, "/local/domain/1/data", "y");
    SIM_ERROR(2, XS_WRITE, 0, "/local/domain/1/data\0z", "EACCES");
    SIM_OK(1, XS_WRITE, 0, "data/sub\0s");
    SIM_OK(1, XS_GET_PERMS, 0, "data/sub\0");
    EXPECT_EQ(memcmp(sim_answer.data, "n1\0r2\0", 6), 0);
    SIM_OK(1, XS_SET_PERMS, 0, "data/sub\0w1\0");
    SIM_OK(2, XS_WRITE, 0, "/local/domain/1/data/sub\0from2");
    SIM_OK(2, XS_WRITE, 0, "/local/domain/1/data/sub/mine\0x");
    SIM_OK(2, XS_GET_PERMS, 0, "/local/domain/1/data/sub/mine\0");
    EXPECT_STR(sim_answer.data, "w2");
    SIM_ERROR(1, XS_SET_PERMS, 0, "data/sub\0n2\0", "EPERM");
    SIM_ERROR(2, XS_SET_PERMS, 0, "/local/domain/1/data\0n2\0", "EACCES");
    SIM_ERROR(1, XS_SET_PERMS, 0, "data\0n1\0r2\0r3\0r4\0r5\0r6\0", "ENOSPC");
    SIM_ERROR(1, XS_SET_PERMS, 0, "data\0q1\0", "EINVAL");
    SIM_ERROR(1, XS_SET_PERMS, 0, "data\0", "EINVAL");
    SIM_ERROR(0, XS_SET_PERMS, 0, "/local/domain/1/data\0n\0", "EINVAL");
    SIM_ERROR(1, XS_INTRODUCE, 0, "3\0001\0005\0", "EACCES");
    SIM_ERROR(1, XS_CONTROL, 0, "help\0", "EACCES");
    SIM_OK(1, XS_GET_DOMAIN_PATH, 0, "7\0");
    EXPECT_STR(sim_answer.data, "/local/domain/7");
    check();
    sim_stop();
}

TEST(xs_permissions_grow_and_shrink)
{
    sim_start(NULL);
    SIM_OK(0, XS_WRITE, 0, "/p\0");
    SIM_OK(0, XS_SET_PERMS, 0, "/p\0n1\0r2\0w3\0b4\0r5\0r6\0r7\0r8\0r9\0");
    SIM_OK(0, XS_GET_PERMS, 0, "/p\0");
    EXPECT_EQ(sim_answer.head.len, 27);
    EXPECT_EQ(account_of(1)->nodes, 1);
    EXPECT_EQ(account_of(9)->perm_refs, 1);
    SIM_OK(0, XS_WRITE, 0, "/p\0value");
    SIM_OK(0, XS_SET_PERMS, 0, "/p\0b0\0");
    SIM_READ(0, 0, "/p", "value");
    EXPECT_EQ(account_of(1)->nodes, 0);
    EXPECT_EQ(account_of(9)->perm_refs, 0);
    check();
    sim_stop();
}

TEST(xs_directory_part)
{
    char request[64];
    unsigned int seen = 0;
    uint32_t offset = 0;

    sim_start(NULL);
    for (unsigned int i = 0; i < 2000; i++) {
        size_t size = snprintf(request, sizeof(request), "/many/child-%u", i) + 1;
        EXPECT_EQ(sim_call(0, XS_WRITE, 0, request, size), XS_WRITE);
    }
    SIM_ERROR(0, XS_DIRECTORY, 0, "/many\0", "E2BIG");
    for (bool last = false; !last;) {
        size_t size = snprintf(request, sizeof(request), "/many%c%u", 0, offset) + 1;
        EXPECT_EQ(sim_call(0, XS_DIRECTORY_PART, 0, request, size), XS_DIRECTORY_PART);
        const char *end = sim_answer.data + sim_answer.head.len;
        for (const char *name = sim_answer.data + strlen(sim_answer.data) + 1; name < end;) {
            if (*name == '\0') {
                EXPECT(name + 1 == end);
                last = true;
                break;
            }
            char wanted[32];
            snprintf(wanted, sizeof(wanted), "child-%u", seen++);
            EXPECT_STR(name, wanted);
            offset += strlen(name) + 1;
            name += strlen(name) + 1;
        }
    }
    EXPECT_EQ(seen, 2000);
    sim_stop();
}

TEST(xs_watches)
{
    sim_start(NULL);
    SIM_OK(0, XS_WATCH, 0, "/w\0token\0");
    EXPECT(sim_event(0));
    EXPECT_STR(sim_answer.data, "/w token");
    SIM_ERROR(0, XS_WATCH, 0, "/w\0token\0", "EEXIST");
    SIM_OK(0, XS_WRITE, 0, "/w/x/y\0z");
    EXPECT(sim_event(0));
    EXPECT_STR(sim_answer.data, "/w/x/y token");
    EXPECT(!sim_event(0));
    SIM_OK(0, XS_WRITE, 0, "/other\0z");
    EXPECT(!sim_event(0));
    SIM_OK(0, XS_WATCH, 0, "/w/x/y\0deep\0");
    EXPECT(sim_event(0));
    SIM_OK(0, XS_RM, 0, "/w/x\0");
    EXPECT(sim_event(0));
    EXPECT_STR(sim_answer.data, "/w/x token");
    EXPECT(sim_event(0));
    EXPECT_STR(sim_answer.data, "/w/x/y deep");
    EXPECT(!sim_event(0));
    SIM_OK(0, XS_UNWATCH, 0, "/w\0token\0");
    SIM_ERROR(0, XS_UNWATCH, 0, "/w\0token\0", "ENOENT");
    SIM_OK(0, XS_WRITE, 0, "/w/x\0z");
    EXPECT(!sim_event(0));
    SIM_OK(0, XS_WATCH, 0, "/w\0shallow\0001\0");
    EXPECT(sim_event(0));
    SIM_OK(0, XS_WRITE, 0, "/w/a/b\0z");
    EXPECT(!sim_event(0));
    SIM_OK(0, XS_WRITE, 0, "/w/a\0z");
    EXPECT(sim_event(0));
    sim_stop();
}

TEST(xs_watches_of_domains)
{
    sim_start(NULL);
    sim_introduce(1);
    SIM_OK(0, XS_MKDIR, 0, "/local/domain/1\0");
    SIM_OK(0, XS_SET_PERMS, 0, "/local/domain/1\0n1\0");
    SIM_OK(1, XS_WATCH, 0, "device\0t\0");
    EXPECT(sim_event(1));
    EXPECT_STR(sim_answer.data, "device t");
    SIM_OK(0, XS_WRITE, 0, "/local/domain/1/device/vbd\0x");
    EXPECT(sim_event(1));
    EXPECT_STR(sim_answer.data, "device/vbd t");
    SIM_OK(1, XS_WATCH, 0, "/secret\0t\0");
    EXPECT(sim_event(1));
    SIM_OK(0, XS_WRITE, 0, "/secret/x\0z");
    EXPECT(!sim_event(1));
    SIM_OK(0, XS_SET_PERMS, 0, "/secret/x\0n0\0r1\0");
    EXPECT(sim_event(1));
    SIM_OK(0, XS_SET_PERMS, 0, "/secret/x\0n0\0");
    EXPECT(sim_event(1));
    SIM_OK(0, XS_WRITE, 0, "/secret/x\0z");
    EXPECT(!sim_event(1));
    SIM_OK(1, XS_WATCH, 0, "@releaseDomain\0r\0");
    EXPECT(sim_event(1));
    sim_introduce(2);
    sim_domain_is(2, HW_GONE);
    EXPECT(!sim_event(1));
    SIM_OK(0, XS_SET_PERMS, 0, "@releaseDomain\0r0\0");
    EXPECT(sim_event(1));
    sim_introduce(2);
    sim_domain_is(2, HW_GONE);
    EXPECT(sim_event(1));
    EXPECT_STR(sim_answer.data, "@releaseDomain r");
    SIM_OK(1, XS_RESET_WATCHES, 0, "\0");
    EXPECT_EQ(account_of(1)->watches, 0);
    sim_stop();
}

TEST(xs_transactions)
{
    sim_start(NULL);
    SIM_OK(0, XS_WRITE, 0, "/t/a\0001");
    SIM_OK(0, XS_WATCH, 0, "/t\0w\0");
    EXPECT(sim_event(0));
    SIM_OK(0, XS_TRANSACTION_START, 0, "\0");
    EXPECT_STR(sim_answer.data, "1");
    SIM_OK(0, XS_WRITE, 1, "/t/a\0002");
    SIM_OK(0, XS_WRITE, 1, "/t/new/deep\0003");
    SIM_READ(0, 1, "/t/a", "2");
    SIM_READ(0, 0, "/t/a", "1");
    SIM_ERROR(0, XS_READ, 0, "/t/new\0", "ENOENT");
    SIM_OK(0, XS_DIRECTORY, 1, "/t\0");
    EXPECT_EQ(memcmp(sim_answer.data, "a\0new\0", 6), 0);
    EXPECT(!sim_event(0));
    SIM_OK(0, XS_TRANSACTION_END, 1, "T\0");
    SIM_READ(0, 0, "/t/new/deep", "3");
    EXPECT(sim_event(0) && sim_event(0) && !sim_event(0));
    SIM_ERROR(0, XS_READ, 1, "/t/a\0", "ENOENT");
    SIM_OK(0, XS_TRANSACTION_START, 0, "\0");
    SIM_OK(0, XS_RM, 2, "/t\0");
    SIM_ERROR(0, XS_READ, 2, "/t/a\0", "ENOENT");
    SIM_OK(0, XS_WRITE, 2, "/t/b\0004");
    SIM_OK(0, XS_DIRECTORY, 2, "/t\0");
    EXPECT_EQ(sim_answer.head.len, 2);
    SIM_OK(0, XS_TRANSACTION_END, 2, "F\0");
    SIM_READ(0, 0, "/t/a", "2");
    SIM_OK(0, XS_TRANSACTION_START, 0, "\0");
    SIM_OK(0, XS_RM, 3, "/t\0");
    SIM_OK(0, XS_WRITE, 3, "/t/b\0004");
    SIM_OK(0, XS_TRANSACTION_END, 3, "T\0");
    SIM_READ(0, 0, "/t/b", "4");
    SIM_ERROR(0, XS_READ, 0, "/t/a\0", "ENOENT");
    SIM_ERROR(0, XS_TRANSACTION_END, 0, "T\0", "ENOENT");
    SIM_ERROR(0, XS_TRANSACTION_END, 3, "T\0", "ENOENT");
    check();
    sim_stop();
}

/* A tree of two names a level, against what a transaction shows while it is changed in and beside it. */
enum { MODEL_NODES = 15 };

static const char *model_path(unsigned int n)
{
    static char path[16];
    char *p = stpcpy(path, "/t");

    for (unsigned int level = 3; level > 0; level--) {
        unsigned int at = (n + 1) >> (level - 1);
        if (at > 1) {
            p += sprintf(p, "/%c", 'a' + (at & 1));
        }
    }
    return path;
}

static void model_write(char *model, unsigned int n, char value)
{
    for (unsigned int up = n; up > 0;) {
        up = (up - 1) / 2;
        model[up] = model[up] == 0 ? '-' : model[up];
    }
    model[n] = value;
}

static void model_remove(char *model, unsigned int n)
{
    model[n] = 0;
    if (2 * n + 2 < MODEL_NODES) {
        model_remove(model, 2 * n + 1);
        model_remove(model, 2 * n + 2);
    }
}

static void model_compare(const char *model, uint32_t tx)
{
    for (unsigned int n = 0; n < MODEL_NODES; n++) {
        const char *path = model_path(n);
        uint32_t type = sim_call(0, XS_READ, tx, path, strlen(path) + 1);
        EXPECT_EQ(type, model[n] != 0 ? XS_READ : XS_ERROR);
        EXPECT(type == XS_ERROR || sim_answer.data[0] == (model[n] == '-' ? '\0' : model[n]));
    }
}

static void model_change(char *model, uint32_t tx)
{
    unsigned int n = unit_random_below(MODEL_NODES);
    char data[20];
    size_t size = sprintf(data, "%s", model_path(n)) + 1;

    if (unit_random_below(3) == 0) {
        unsigned int up = n > 0 ? (n - 1) / 2 : 0;
        bool known = n == 0 || model[up] != 0;
        EXPECT_EQ(sim_call(0, XS_RM, tx, data, size), known ? XS_RM : XS_ERROR);
        if (known) {
            model_remove(model, n);
        }
        return;
    }
    data[size] = 'A' + unit_random_below(26);
    EXPECT_EQ(sim_call(0, XS_WRITE, tx, data, size + 1), XS_WRITE);
    model_write(model, n, data[size]);
}

TEST(xs_transaction_against_model)
{
    char model[MODEL_NODES] = { 0 };
    char text[24];

    sim_start(NULL);
    for (unsigned int round = 1; round <= 400; round++) {
        char inside[MODEL_NODES];
        memcpy(inside, model, sizeof(inside));
        SIM_OK(0, XS_TRANSACTION_START, 0, "\0");
        uint32_t tx = strtoul(sim_answer.data, NULL, 10);
        for (unsigned int i = unit_random_below(12); i > 0; i--) {
            model_change(inside, tx);
            if (unit_random_below(4) == 0) {
                sim_call(0, XS_WRITE, 0, text, sprintf(text, "/beside/%u", unit_random_below(3)) + 1);
            }
        }
        model_compare(inside, tx);
        model_compare(model, 0);
        bool taken = unit_random_below(4) != 0;
        sim_call(0, XS_TRANSACTION_END, tx, taken ? "T\0" : "F\0", 2);
        EXPECT_EQ(sim_answer.head.type, XS_TRANSACTION_END);
        if (taken) {
            memcpy(model, inside, sizeof(model));
        }
        model_compare(model, 0);
    }
    check();
    sim_stop();
}

/* A guest's kernel unplugs a device when it hears of the device's own node, not of the folder that went with it. */
TEST(xs_transaction_tells_each_removal)
{
    sim_start(NULL);
    SIM_OK(0, XS_WRITE, 0, "/dev/vif/0/state\0001");
    SIM_OK(0, XS_WATCH, 0, "/dev\0t\0");
    EXPECT(sim_event(0) && !sim_event(0));
    SIM_OK(0, XS_TRANSACTION_START, 0, "\0");
    SIM_OK(0, XS_RM, 1, "/dev/vif/0\0");
    SIM_OK(0, XS_RM, 1, "/dev/vif\0");
    SIM_OK(0, XS_TRANSACTION_END, 1, "T\0");
    EXPECT(sim_event(0));
    EXPECT_STR(sim_answer.data, "/dev/vif/0 t");
    EXPECT(sim_event(0));
    EXPECT_STR(sim_answer.data, "/dev/vif t");
    EXPECT(!sim_event(0));
    check();
    sim_stop();
}

TEST(xs_transaction_conflicts)
{
    sim_start(NULL);
    SIM_OK(0, XS_WRITE, 0, "/t/a\0001");
    SIM_OK(0, XS_TRANSACTION_START, 0, "\0");
    SIM_READ(0, 1, "/t/a", "1");
    SIM_OK(0, XS_WRITE, 0, "/t/a\0002");
    SIM_READ(0, 1, "/t/a", "1");
    SIM_OK(0, XS_WRITE, 1, "/t/b\0x");
    SIM_ERROR(0, XS_TRANSACTION_END, 1, "T\0", "EAGAIN");
    SIM_ERROR(0, XS_READ, 0, "/t/b\0", "ENOENT");
    /* Two that add different children do not disturb each other; one that listed them is disturbed. */
    SIM_OK(0, XS_TRANSACTION_START, 0, "\0");
    SIM_OK(0, XS_TRANSACTION_START, 0, "\0");
    SIM_OK(0, XS_TRANSACTION_START, 0, "\0");
    SIM_OK(0, XS_WRITE, 2, "/t/c\0x");
    SIM_OK(0, XS_WRITE, 3, "/t/d\0x");
    SIM_OK(0, XS_DIRECTORY, 4, "/t\0");
    SIM_OK(0, XS_TRANSACTION_END, 2, "T\0");
    SIM_OK(0, XS_TRANSACTION_END, 3, "T\0");
    SIM_ERROR(0, XS_TRANSACTION_END, 4, "T\0", "EAGAIN");
    /* What was not there and was looked for. */
    SIM_OK(0, XS_TRANSACTION_START, 0, "\0");
    SIM_ERROR(0, XS_READ, 5, "/t/e\0", "ENOENT");
    SIM_OK(0, XS_WRITE, 0, "/t/e\0x");
    SIM_ERROR(0, XS_TRANSACTION_END, 5, "T\0", "EAGAIN");
    /* Elsewhere does not matter, and neither does what lies below a removed node. */
    SIM_OK(0, XS_TRANSACTION_START, 0, "\0");
    SIM_OK(0, XS_RM, 6, "/t\0");
    SIM_ERROR(0, XS_READ, 6, "/t/e\0", "ENOENT");
    SIM_OK(0, XS_WRITE, 6, "/t/e/f\0x");
    SIM_OK(0, XS_WRITE, 0, "/elsewhere\0x");
    SIM_OK(0, XS_TRANSACTION_END, 6, "T\0");
    SIM_READ(0, 0, "/t/e/f", "x");
    check();
    sim_stop();
}

TEST(xs_quotas)
{
    char text[4096];

    sim_start(NULL);
    sim_introduce(1);
    SIM_OK(0, XS_MKDIR, 0, "/local/domain/1\0");
    SIM_OK(0, XS_SET_PERMS, 0, "/local/domain/1\0n1\0");
    unsigned int made = 0;
    for (unsigned int i = 0; i < 2000; i++) {
        size_t size = snprintf(text, sizeof(text), "n/%u", i) + 1;
        made += sim_call(1, XS_WRITE, 0, text, size) == XS_WRITE;
    }
    EXPECT_STR(sim_answer.data, "ENOSPC");
    EXPECT_EQ(made, 1000 - 2);
    EXPECT_EQ(account_of(1)->nodes, 1000);
    EXPECT(account_of(1)->hits > 0);
    SIM_OK(1, XS_RM, 0, "n\0");
    EXPECT_EQ(account_of(1)->nodes, 1);
    memset(text, 'v', sizeof(text));
    memcpy(text, "big", 4);
    EXPECT_EQ(sim_call(1, XS_WRITE, 0, text, 4 + 2049), XS_ERROR);
    EXPECT_EQ(sim_call(1, XS_WRITE, 0, text, 4 + 2048), XS_WRITE);
    for (unsigned int i = 0; i < 128; i++) {
        size_t size = snprintf(text, sizeof(text), "x%ct%u", 0, i) + 1;
        EXPECT_EQ(sim_call(1, XS_WATCH, 0, text, size), XS_WATCH);
        EXPECT(sim_event(1));
    }
    SIM_ERROR(1, XS_WATCH, 0, "x\0more\0", "E2BIG");
    for (unsigned int i = 0; i < 10; i++) {
        SIM_OK(1, XS_TRANSACTION_START, 0, "\0");
    }
    SIM_ERROR(1, XS_TRANSACTION_START, 0, "\0", "ENOSPC");
    for (unsigned int i = 0; i < 1500; i++) {
        size_t size = snprintf(text, sizeof(text), "n/%u", i) + 1;
        sim_call(1, XS_WRITE, 1, text, size);
    }
    EXPECT_STR(sim_answer.data, "ENOSPC");
    SIM_ERROR(1, XS_TRANSACTION_END, 1, "T\0", "ENOSPC");
    EXPECT_EQ(account_of(1)->nodes, 2);
    check();
    sim_stop();
}

TEST(xs_death_of_a_domain)
{
    sim_start(NULL);
    sim_introduce(1);
    sim_introduce(2);
    SIM_OK(0, XS_WATCH, 0, "@releaseDomain\0r\0");
    SIM_OK(0, XS_WATCH, 0, "/shared/by1\0s\0");
    EXPECT(sim_event(0) && sim_event(0));
    SIM_OK(0, XS_MKDIR, 0, "/shared\0");
    SIM_OK(0, XS_SET_PERMS, 0, "/shared\0w0\0r1\0w1\0");
    SIM_OK(0, XS_SET_PERMS, 0, "/shared\0b0\0");
    SIM_OK(1, XS_WRITE, 0, "/shared/by1/x\0v");
    EXPECT(sim_event(0));
    SIM_OK(2, XS_WRITE, 0, "/shared/by2\0v");
    SIM_OK(2, XS_SET_PERMS, 0, "/shared/by2\0n2\0r1\0");
    sim_domain_is(1, HW_SHUT_DOWN);
    EXPECT(sim_event(0));
    EXPECT_STR(sim_answer.data, "@releaseDomain r");
    SIM_READ(0, 0, "/shared/by1/x", "v");
    sim_domain_is(1, HW_SHUT_DOWN);
    EXPECT(!sim_event(0));
    sim_domain_is(1, HW_GONE);
    EXPECT(sim_event(0));
    EXPECT(sim_event(0));
    EXPECT_STR(sim_answer.data, "/shared/by1 s");
    SIM_ERROR(0, XS_READ, 0, "/shared/by1/x\0", "ENOENT");
    SIM_OK(0, XS_GET_PERMS, 0, "/shared/by2\0");
    EXPECT_EQ(sim_answer.head.len, 3);
    EXPECT_EQ(account_of(1)->nodes + account_of(1)->perm_refs, 0);
    SIM_OK(0, XS_IS_DOMAIN_INTRODUCED, 0, "1\0");
    EXPECT_STR(sim_answer.data, "F");
    SIM_ERROR(0, XS_RELEASE, 0, "1\0", "ENOENT");
    SIM_OK(0, XS_RELEASE, 0, "2\0");
    check();
    sim_stop();
}

TEST(xs_target)
{
    sim_start(NULL);
    sim_introduce(1);
    sim_introduce(2);
    SIM_OK(0, XS_WRITE, 0, "/local/domain/1/x\0v");
    SIM_OK(0, XS_SET_PERMS, 0, "/local/domain/1/x\0n1\0");
    SIM_ERROR(2, XS_READ, 0, "/local/domain/1/x\0", "EACCES");
    SIM_OK(0, XS_SET_TARGET, 0, "2\0001\0");
    SIM_READ(2, 0, "/local/domain/1/x", "v");
    SIM_ERROR(0, XS_SET_TARGET, 0, "3\0001\0", "ENOENT");
    sim_stop();
}

TEST(xs_control)
{
    sim_start(NULL);
    SIM_OK(0, XS_CONTROL, 0, "check\0");
    EXPECT_STR(sim_answer.data, "OK");
    SIM_OK(0, XS_CONTROL, 0, "help\0");
    SIM_OK(0, XS_CONTROL, 0, "quota\0");
    SIM_OK(0, XS_CONTROL, 0, "quota\0001\0");
    SIM_OK(0, XS_CONTROL, 0, "quota\0set\0nodes\0002000\0");
    EXPECT_EQ(account_limits[LIMIT_NODES].value, 2000);
    SIM_ERROR(0, XS_CONTROL, 0, "quota\0set\0noodles\0002000\0", "EINVAL");
    SIM_OK(0, XS_CONTROL, 0, "memreport\0");
    SIM_ERROR(0, XS_CONTROL, 0, "nonsense\0", "EINVAL");
    SIM_ERROR(0, XS_CONTROL, 0, "log\0", "EINVAL");
    sim_stop();
}
