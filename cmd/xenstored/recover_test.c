/* SPDX-License-Identifier: MIT */
/* What a successor finds in the state file: after an orderly stop, after kill -9, in a damaged file. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/xenstored/account.h"
#include "cmd/xenstored/arena.h"
#include "cmd/xenstored/hw.h"
#include "cmd/xenstored/node.h"
#include "cmd/xenstored/sim_test.h"
#include "lib/base/buf.h"
#include "tests/unit/unit.h"

static char state[64];

static void check(void)
{
    struct buf out = BUF_INIT;
    EXPECT(node_check(&out) > 0);
    buf_free(&out);
}

static void begin(void)
{
    snprintf(state, sizeof(state), "/tmp/xenstored-test-%ld", (long)getpid());
    unlink(state);
    sim_start(state);
}

static void end(void)
{
    sim_stop();
    unlink(state);
}

TEST(recover_nodes_in_order)
{
    begin();
    SIM_OK(0, XS_WRITE, 0, "/r/z\0001");
    SIM_OK(0, XS_WRITE, 0, "/r/a\0002");
    SIM_OK(0, XS_WRITE, 0, "/r/m\0003");
    SIM_OK(0, XS_SET_PERMS, 0, "/r/a\0n5\0r6\0b7\0");
    sim_crash(state);
    SIM_OK(0, XS_DIRECTORY, 0, "/r\0");
    EXPECT_EQ(memcmp(sim_answer.data, "z\0a\0m\0", 6), 0);
    SIM_READ(0, 0, "/r/a", "2");
    SIM_OK(0, XS_GET_PERMS, 0, "/r/a\0");
    EXPECT_EQ(memcmp(sim_answer.data, "n5\0r6\0b7\0", 9), 0);
    EXPECT_EQ(account_of(5)->nodes, 1);
    check();
    end();
}

static unsigned int length_of(unsigned int step)
{
    static const unsigned int lengths[] = { 1, 2, 62, 63, 64, 65, 126, 127, 128, 129, 255, 2000 };
    return lengths[step % (sizeof(lengths) / sizeof(lengths[0]))];
}

/* A node's name, value and permissions say `step`, in every combination of lengths as steps go on. */
static size_t shape_path(char *out, unsigned int step)
{
    unsigned int name = length_of(step / 12) < 256 ? length_of(step / 12) : 256;

    memcpy(out, "/s/", 3);
    memset(out + 3, 'n', name);
    out[3 + name] = '\0';
    return 3 + name + 1;
}

static void shape_set(unsigned int step, unsigned int change)
{
    char data[4096];
    size_t path = shape_path(data, step);

    memset(data + path, 'a' + step % 26, length_of(step + change));
    EXPECT_EQ(sim_call(0, XS_WRITE, 0, data, path + length_of(step + change)), XS_WRITE);
    size_t size = path;
    for (unsigned int i = 0; i <= (step + change) % 5; i++) {
        size += sprintf(data + size, "r%u", i) + 1;
    }
    EXPECT_EQ(sim_call(0, XS_SET_PERMS, 0, data, size), XS_SET_PERMS);
}

static void shape_expect(unsigned int step, unsigned int change)
{
    char data[4096];
    size_t path = shape_path(data, step);

    EXPECT_EQ(sim_call(0, XS_READ, 0, data, path), XS_READ);
    EXPECT_EQ(sim_answer.head.len, length_of(step + change));
    for (unsigned int i = 0; i < sim_answer.head.len; i++) {
        EXPECT_EQ(sim_answer.data[i], 'a' + step % 26);
    }
    EXPECT_EQ(sim_call(0, XS_GET_PERMS, 0, data, path), XS_GET_PERMS);
    EXPECT_EQ(sim_answer.head.len, 3 * ((step + change) % 5 + 1));
    EXPECT_EQ(memcmp(sim_answer.data, "r0\0r1\0r2\0r3\0r4", sim_answer.head.len), 0);
}

/* Set, set again to another size, a child made, taken over, the child removed, set smaller or larger. */
TEST(recover_nodes_of_every_shape)
{
    char data[4096];

    begin();
    for (unsigned int step = 0; step < 12 * 12; step++) {
        size_t path = shape_path(data, step);
        shape_set(step, 0);
        shape_expect(step, 0);
        shape_set(step, step % 7);
        memcpy(data + path - 1, "/child", 7);
        EXPECT_EQ(sim_call(0, XS_MKDIR, 0, data, path + 6), XS_MKDIR);
        shape_expect(step, step % 7);
        sim_crash(state);
        shape_expect(step, step % 7);
        EXPECT_EQ(sim_call(0, XS_RM, 0, data, path + 6), XS_RM);
        shape_set(step, step % 11);
        shape_expect(step, step % 11);
        check();
        EXPECT_EQ(sim_call(0, XS_RM, 0, data, shape_path(data, step)), XS_RM);
    }
    end();
}

TEST(recover_domains)
{
    begin();
    sim_introduce(1);
    sim_introduce(2);
    sim_introduce(3);
    SIM_OK(0, XS_WRITE, 0, "/r\0x");
    SIM_OK(0, XS_SET_PERMS, 0, "/r\0b0\0");
    SIM_OK(1, XS_WATCH, 0, "/r\0token\0");
    EXPECT(sim_event(1));
    SIM_OK(1, XS_WATCH, 0, "rel\0token2\0");
    EXPECT(sim_event(1));
    SIM_OK(0, XS_SET_TARGET, 0, "2\0001\0");
    SIM_OK(1, XS_TRANSACTION_START, 0, "\0");
    SIM_OK(1, XS_WRITE, 1, "/r/t\0y");
    sim_domain_is(3, HW_ALIVE);
    sim_crash(state);
    SIM_READ(1, 0, "/r", "x");
    SIM_OK(0, XS_WRITE, 0, "/r/new\0x");
    EXPECT(sim_event(1));
    EXPECT_STR(sim_answer.data, "/r/new token");
    SIM_OK(0, XS_WRITE, 0, "/local/domain/1/rel/x\0x");
    SIM_ERROR(1, XS_WATCH, 0, "/r\0token\0", "EEXIST");
    /* The transaction is gone, and ends as after a conflict. */
    SIM_ERROR(1, XS_READ, 1, "/r\0", "EAGAIN");
    SIM_ERROR(1, XS_TRANSACTION_END, 1, "T\0", "EAGAIN");
    SIM_OK(1, XS_TRANSACTION_START, 0, "\0");
    EXPECT_STR(sim_answer.data, "2");
    SIM_OK(1, XS_TRANSACTION_END, 2, "T\0");
    SIM_OK(0, XS_IS_DOMAIN_INTRODUCED, 0, "3\0");
    EXPECT_STR(sim_answer.data, "T");
    EXPECT_EQ(account_of(1)->watches, 2);
    check();
    end();
}

TEST(recover_death_meanwhile)
{
    begin();
    sim_introduce(1);
    SIM_OK(0, XS_WRITE, 0, "/of1\0x");
    SIM_OK(0, XS_SET_PERMS, 0, "/of1\0n1\0");
    sim_stop();
    sim_start(state); /* every domain but 0 is gone in the new world */
    SIM_OK(0, XS_IS_DOMAIN_INTRODUCED, 0, "1\0");
    EXPECT_STR(sim_answer.data, "F");
    sim_settle();
    SIM_ERROR(0, XS_READ, 0, "/of1\0", "ENOENT");
    check();
    end();
}

/* Requests and events on the way when the daemon dies arrive, once each, whole. */
TEST(recover_traffic)
{
    char data[3000];
    struct xsd_sockmsg head = { XS_WRITE, 77, 0, sizeof(data) };
    struct sim_message m;

    begin();
    sim_introduce(1);
    SIM_OK(0, XS_WRITE, 0, "/r\0x");
    SIM_OK(0, XS_SET_PERMS, 0, "/r\0b0\0");
    memset(data, 'v', sizeof(data));
    memcpy(data, "/r/big", 7);
    head.len = 7 + 2000;
    sim_put(1, &head, sizeof(head));
    for (size_t done = 0; done < head.len;) {
        done += sim_put(1, data + done, head.len - done < 700 ? head.len - done : 700);
        sim_crash(state);
        sim_kick(1);
    }
    EXPECT(sim_get(1, &m));
    EXPECT_EQ(m.head.type, XS_WRITE);
    EXPECT_EQ(m.head.req_id, 77);
    EXPECT_EQ(sim_call(1, XS_READ, 0, "/r/big", 7), XS_READ);
    EXPECT_EQ(sim_answer.head.len, 2000);
    SIM_OK(1, XS_WATCH, 0, "/r\0t\0");
    EXPECT(sim_event(1));
    for (unsigned int i = 0; i < 200; i++) {
        size_t size = snprintf(data, sizeof(data), "/r/%050u", i) + 1;
        EXPECT_EQ(sim_call(0, XS_WRITE, 0, data, size), XS_WRITE);
    }
    for (unsigned int i = 0; i < 200; i++) {
        char wanted[100];
        if (i % 10 == 0) {
            sim_crash(state);
        }
        snprintf(wanted, sizeof(wanted), "/r/%050u t", i);
        EXPECT(sim_event(1));
        EXPECT_STR(sim_answer.data, wanted);
        sim_kick(1);
    }
    EXPECT(!sim_event(1));
    check();
    end();
}

/* Two nodes always change together in one transaction, values have a length and a sum that hold. */
static void work(void)
{
    char data[4200];

    for (unsigned int i = 0;; i++) {
        SIM(0, XS_TRANSACTION_START, 0, "\0");
        uint32_t tx = atoi(sim_answer.data);
        unsigned int size = (i * 37) % 3000;
        size_t path = snprintf(data, sizeof(data), "/k/a") + 1;
        memset(data + path, 'a' + i % 26, size);
        sim_call(0, XS_WRITE, tx, data, path + size);
        data[3] = 'b';
        sim_call(0, XS_WRITE, tx, data, path + size);
        path = snprintf(data, sizeof(data), "/k/%u", i % 50) + 1;
        sim_call(0, i % 3 == 0 ? XS_RM : XS_MKDIR, tx, data, path);
        SIM(0, XS_SET_PERMS, tx, "/k/a\0n0\0r1\0r2\0");
        sim_call(0, XS_TRANSACTION_END, tx, "T", 2);
        SIM(0, XS_RM, 0, "/loose\0");
        SIM(0, XS_WRITE, 0, "/loose/1\0here before its children");
        SIM(0, XS_WRITE, 0, "/loose/1/2/3\0x");
    }
}

TEST(recover_kill_9)
{
    struct sim_message a;

    begin();
    SIM_OK(0, XS_MKDIR, 0, "/k/a\0");
    SIM_OK(0, XS_MKDIR, 0, "/k/b\0");
    sim_stop();
    for (unsigned int round = 0; round < 60; round++) {
        pid_t child = fork();
        if (child == 0) {
            sim_start(state);
            work();
        }
        usleep(20000 + unit_random_below(15000));
        kill(child, SIGKILL);
        EXPECT_EQ(waitpid(child, NULL, 0), child);
        sim_start(state);
        check();
        SIM_OK(0, XS_CONTROL, 0, "check\0");
        EXPECT_STR(sim_answer.data, "OK");
        SIM_OK(0, XS_READ, 0, "/k/a\0");
        a = sim_answer;
        SIM_OK(0, XS_READ, 0, "/k/b\0");
        EXPECT_EQ(a.head.len, sim_answer.head.len);
        EXPECT_EQ(memcmp(a.data, sim_answer.data, a.head.len), 0);
        for (unsigned int i = 0; i < a.head.len; i++) {
            EXPECT_EQ(a.data[i], a.data[0]);
        }
        if (SIM(0, XS_READ, 0, "/loose/1\0") == XS_READ) {
            EXPECT_STR(sim_answer.data, "here before its children");
        }
        sim_stop();
    }
    unlink(state);
}

/* Bytes of the file changed at random: a store that holds together, or an empty one, never a crash. */
TEST(recover_damaged_file)
{
    begin();
    for (unsigned int i = 0; i < 200; i++) {
        char data[100];
        size_t size = snprintf(data, sizeof(data), "/d/%u/x", i) + 1;
        sim_call(0, XS_WRITE, 0, data, size);
    }
    sim_introduce(1);
    SIM_OK(1, XS_WATCH, 0, "x\0y\0");
    for (unsigned int round = 0; round < 200; round++) {
        sim_stop();
        int fd = open(state, O_RDWR);
        EXPECT(fd >= 0);
        for (unsigned int i = 0; i < 1 + round / 20; i++) {
            uint32_t word = unit_random_below(3) == 0 ? unit_random_below(8) : unit_random();
            off_t where = (unit_random_below(10) == 0 ? 0 : 4096) + unit_random_below(6000) * 4;
            EXPECT_EQ(pwrite(fd, &word, sizeof(word), where), 4);
        }
        close(fd);
        sim_start(state);
        check();
        SIM_OK(0, XS_WRITE, 0, "/d/5/y\0z");
        SIM_READ(0, 0, "/d/5/y", "z");
    }
    end();
}
