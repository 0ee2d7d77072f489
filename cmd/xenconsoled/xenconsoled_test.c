/* SPDX-License-Identifier: MIT */
/*
 * Tests of the daemon's parts: the bounded queue, rotating logs, and a console with a simulated ring and
 * terminal.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmd/xenconsoled/daemon.h"
#include "lib/base/buf.h"
#include "lib/base/file.h"
#include "tests/unit/unit.h"

TEST(queue_keeps_order_and_loses_the_oldest)
{
    struct queue q;
    queue_init(&q, 10000);
    unsigned char next = 0;
    unsigned char oldest = 0;
    for (int round = 0; round < 3000; round++) {
        char data[3000];
        size_t size = unit_random_below(sizeof(data));
        for (size_t i = 0; i < size; i++) {
            data[i] = (char)next++;
        }
        uint64_t lost = q.lost;
        queue_add(&q, data, size);
        oldest += q.lost - lost;
        EXPECT(q.length <= 10000 && q.room <= 10000);
        const char *p = queue_peek(&q, &size);
        size = size > 0 ? unit_random_below(size + 1) : 0;
        for (size_t i = 0; i < size; i++) {
            EXPECT_EQ((unsigned char)p[i], oldest++);
        }
        queue_drop(&q, size);
    }
    EXPECT(q.lost > 0);
    queue_free(&q);
}

TEST(queue_takes_more_than_its_limit)
{
    struct queue q;
    char data[100];
    for (int i = 0; i < 100; i++) {
        data[i] = (char)i;
    }
    queue_init(&q, 64);
    queue_add(&q, data, 100);
    EXPECT_EQ(q.lost, 36);
    size_t size;
    EXPECT_EQ(queue_peek(&q, &size)[0], 36);
    EXPECT_EQ(size, 64);
    queue_drop(&q, 1000);
    EXPECT_EQ(q.length, 0);
    queue_free(&q);
}

static char folder[32];
static char log_path[64];

static void make_folder(void)
{
    strcpy(folder, "/tmp/log-test-XXXXXX");
    EXPECT(mkdtemp(folder) != NULL);
    snprintf(log_path, sizeof(log_path), "%s/guest.log", folder);
}

static void expect_file(const char *suffix, const char *text)
{
    char path[96];
    struct buf b = BUF_INIT;
    snprintf(path, sizeof(path), "%s%s", log_path, suffix);
    EXPECT_EQ(file_load(NULL, path, 4096, &b), 0);
    EXPECT_STR(b.text, text);
    buf_free(&b);
    unlink(path);
}

TEST(log_rotates_and_keeps_some)
{
    struct log_options options = { .max_size = 10, .keep = 2 };
    struct log log;
    make_folder();
    EXPECT_EQ(log_open(&log, log_path, &options), 0);
    log_write(&log, "first\n", 6);
    log_write(&log, "second\n", 7);
    log_write(&log, "third\n", 6);
    log_write(&log, "4th\n", 4);
    log_write(&log, "fifth\n", 6);
    log_close(&log);
    expect_file("", "fifth\n");
    expect_file(".1", "third\n4th\n");
    expect_file(".2", "second\n");
    EXPECT_EQ(rmdir(folder), 0);
}

TEST(log_times_lines_and_hides_escapes)
{
    struct log_options options = { .timestamp = true, .replace_escape = true };
    struct log log;
    make_folder();
    EXPECT_EQ(log_open(&log, log_path, &options), 0);
    log_write(&log, "a\033[1mb", 6);
    log_write(&log, "c\nd\n", 4);
    log_close(&log);
    struct buf b = BUF_INIT;
    EXPECT_EQ(file_load(NULL, log_path, 4096, &b), 0);
    EXPECT_EQ(b.text[0], '[');
    EXPECT(strstr(b.text, "] a.[1mbc\n[") != NULL);
    EXPECT(strstr(b.text, "] d\n") != NULL);
    buf_free(&b);
    unlink(log_path);
    EXPECT_EQ(rmdir(folder), 0);
}

TEST(log_reopens_where_logrotate_moved_it)
{
    struct log_options options = { 0 };
    struct log log;
    char moved[96];
    make_folder();
    snprintf(moved, sizeof(moved), "%s.old", log_path);
    EXPECT_EQ(log_open(&log, log_path, &options), 0);
    log_write(&log, "a\n", 2);
    EXPECT_EQ(rename(log_path, moved), 0);
    log_reopen(&log);
    log_write(&log, "b\n", 2);
    log_close(&log);
    expect_file(".old", "a\n");
    expect_file("", "b\n");
    EXPECT_EQ(rmdir(folder), 0);
}

/* A connected guest: the ring is ordinary memory, the terminal a socket, `client` its other end. */
struct fixture {
    struct options options;
    struct daemon *daemon;
    struct guest *guest;
    struct xencons_interface *ring;
    int client;
};

static void setup(struct fixture *f)
{
    int ends[2];
    memset(f, 0, sizeof(*f));
    f->daemon = calloc(1, sizeof(*f->daemon));
    f->daemon->options = &f->options;
    f->options.foreground = true;
    f->daemon->epoll = epoll_create1(0);
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    f->guest = guest_new(7);
    f->ring = calloc(1, sizeof(*f->ring));
    f->guest->ring = f->ring;
    f->guest->master = ends[0];
    f->client = ends[1];
    EXPECT_EQ(daemon_watch_fd(f->daemon, ends[0], SOURCE_TERMINAL, 7, EPOLLIN, false), 0);
    f->guest->wants_read = true;
}

static void teardown(struct fixture *f)
{
    f->guest->ring = NULL;
    guest_free(f->daemon, f->guest);
    close(f->client);
    close(f->daemon->epoll);
    free(f->ring);
    free(f->daemon);
}

static void say(struct fixture *f, const char *text)
{
    for (; *text; text++) {
        f->ring->out[f->ring->out_prod++ % sizeof(f->ring->out)] = *text;
    }
}

TEST(guest_output_reaches_the_terminal)
{
    struct fixture f;
    char got[64] = { 0 };
    setup(&f);
    say(&f, "hello");
    EXPECT_EQ(guest_take_output(f.daemon, f.guest), 5);
    EXPECT_EQ(f.ring->out_cons, f.ring->out_prod);
    guest_write_terminal(f.daemon, f.guest);
    EXPECT_EQ(read(f.client, got, sizeof(got)), 5);
    EXPECT_STR(got, "hello");
    teardown(&f);
}

TEST(guest_input_waits_for_space_in_the_ring)
{
    struct fixture f;
    char typed[1500];
    setup(&f);
    memset(typed, 'k', sizeof(typed));
    EXPECT_EQ(write(f.client, typed, sizeof(typed)), sizeof(typed));
    guest_read_terminal(f.daemon, f.guest);
    EXPECT_EQ(f.ring->in_prod, CONSOLE_IN_SIZE);
    guest_read_terminal(f.daemon, f.guest);
    EXPECT(!f.guest->wants_read);
    f.ring->in_cons = f.ring->in_prod;
    guest_read_terminal(f.daemon, f.guest);
    EXPECT_EQ(f.ring->in_prod, sizeof(typed));
    teardown(&f);
}

TEST(guest_that_nobody_reads_loses_the_oldest)
{
    struct fixture f;
    char text[CONSOLE_OUT_SIZE + 1] = { 0 };
    setup(&f);
    f.guest->queue.limit = 8192;
    memset(text, 'x', CONSOLE_OUT_SIZE);
    for (int i = 0; i < 1000; i++) {
        say(&f, text);
        EXPECT_EQ(guest_take_output(f.daemon, f.guest), CONSOLE_OUT_SIZE);
        guest_write_terminal(f.daemon, f.guest);
    }
    EXPECT(f.guest->queue.length <= 8192 && f.guest->queue.lost > 0);
    EXPECT(f.guest->wants_write);
    teardown(&f);
}

TEST(guest_is_stopped_when_nothing_may_be_lost)
{
    struct fixture f;
    char text[CONSOLE_OUT_SIZE + 1] = { 0 };
    setup(&f);
    f.options.keep_overflow = true;
    f.guest->queue.limit = 3000;
    memset(text, 'x', CONSOLE_OUT_SIZE);
    say(&f, text);
    EXPECT_EQ(guest_take_output(f.daemon, f.guest), CONSOLE_OUT_SIZE);
    say(&f, text);
    EXPECT_EQ(guest_take_output(f.daemon, f.guest), 3000 - CONSOLE_OUT_SIZE);
    EXPECT_EQ(guest_take_output(f.daemon, f.guest), 0);
    EXPECT_EQ(f.guest->queue.lost, 0);
    teardown(&f);
}

TEST(guest_with_senseless_ring_is_ignored)
{
    struct fixture f;
    setup(&f);
    f.ring->out_prod = 100000;
    f.ring->in_prod = 100000;
    EXPECT_EQ(guest_take_output(f.daemon, f.guest), 0);
    EXPECT(f.guest->bad_ring);
    EXPECT_EQ(write(f.client, "x", 1), 1);
    guest_read_terminal(f.daemon, f.guest);
    EXPECT_EQ(f.ring->in_prod, 100000);
    f.ring->out_cons = f.ring->out_prod;
    say(&f, "ok");
    EXPECT_EQ(guest_take_output(f.daemon, f.guest), 2);
    teardown(&f);
}

static int call_socket(const char *path)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    strcpy(a.sun_path, path);
    EXPECT_EQ(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

/* An extra console that is a socket: what was said before somebody came, one client at a time, and the next. */
TEST(guest_console_is_a_socket)
{
    struct fixture f;
    char path[64], got[64] = { 0 };
    setup(&f);
    make_folder();
    snprintf(path, sizeof(path), "%s/channel", folder);
    close(f.guest->master);
    f.guest->master = -1;
    f.guest->number = 2;
    EXPECT(!extra_listen(f.daemon, f.guest, "pty", NULL));
    EXPECT(extra_listen(f.daemon, f.guest, "socket", path));
    EXPECT(f.guest->listener >= 0);
    say(&f, "early");
    EXPECT_EQ(guest_take_output(f.daemon, f.guest), 5);
    guest_write_terminal(f.daemon, f.guest);
    for (int round = 0; round < 2; round++) {
        int client = call_socket(path);
        extra_accept(f.daemon, f.guest);
        int second = call_socket(path);
        extra_accept(f.daemon, f.guest);
        EXPECT_EQ(read(second, got, sizeof(got)), 0);
        close(second);
        EXPECT_EQ(read(client, got, sizeof(got)), round == 0 ? 5 : -1);
        EXPECT_STR(got, "early");
        EXPECT_EQ(write(client, "in", 2), 2);
        guest_terminal(f.daemon, f.guest, EPOLLIN);
        EXPECT_EQ(f.ring->in_prod, 2 * (round + 1));
        close(client);
        guest_terminal(f.daemon, f.guest, EPOLLIN | EPOLLHUP);
        EXPECT_EQ(f.guest->master, -1);
    }
    teardown(&f);
    EXPECT_EQ(rmdir(folder), 0); /* the socket went with the console */
}
