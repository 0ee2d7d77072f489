/* SPDX-License-Identifier: MIT */
/*
 * The client against a daemon of a few lines that answers READ with the path, DIRECTORY with two names,
 * errors for paths with "none" in them, and pours watch events between its answers, in pieces as small as a
 * socket may give. It can be made to hang up every few requests, as one that is killed and started again.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "abi/xs_wire.h"
#include "lib/store/xenstore.h"
#include "tests/unit/unit.h"

static int listener;
static char folder[] = "/tmp/storeXXXXXX";
static unsigned int hang_up_after, hang_ups; /* requests; how often, then it serves on */
static unsigned int watches_asked;

static bool read_whole(int fd, void *to, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = read(fd, (char *)to + done, size - done);

        if (got <= 0) {
            return false;
        }
        done += (size_t)got;
    }
    return true;
}

/* One byte at a time at first, so that headers arrive in pieces. */
static void say(int fd, uint32_t type, const void *data, uint32_t size)
{
    struct xsd_sockmsg m = { .type = type, .len = size };
    char all[sizeof(m) + XENSTORE_PAYLOAD_MAX];

    memcpy(all, &m, sizeof(m));
    memcpy(all + sizeof(m), data, size);
    for (size_t i = 0; i < sizeof(m) + size;) {
        size_t piece = i < 20 ? 1 : sizeof(m) + size - i;

        if (write(fd, all + i, piece) != (ssize_t)piece) {
            return;
        }
        i += piece;
    }
}

/* Until the client goes, or until it is time to hang up. */
static void serve_connection(int fd)
{
    struct xsd_sockmsg m;
    char payload[XENSTORE_PAYLOAD_MAX + 1];
    unsigned int asked = 0;

    while (read_whole(fd, &m, sizeof(m)) && read_whole(fd, payload, m.len)) {
        payload[m.len] = '\0';
        if (hang_ups && asked == hang_up_after) {
            hang_ups--;
            return;
        }
        if (asked++ % 3 == 1) {
            say(fd, XS_WATCH_EVENT, "/event\0token", 13);
        }
        watches_asked += m.type == XS_WATCH;
        if (strstr(payload, "none")) {
            say(fd, XS_ERROR, "ENOENT", 7);
        } else if (m.type == XS_READ) {
            say(fd, XS_READ, payload, (uint32_t)strlen(payload));
        } else if (m.type == XS_DIRECTORY) {
            say(fd, XS_DIRECTORY, "one\0two", 8);
        } else if (m.type == XS_TRANSACTION_START) {
            say(fd, m.type, "17", 3);
        } else {
            say(fd, m.type, "OK", 3);
        }
    }
    hang_ups = 0;
}

static void *serve(void *unused)
{
    bool more;

    do {
        int fd = accept(listener, NULL, NULL);

        more = hang_ups;
        serve_connection(fd);
        close(fd);
    } while (more);
    return NULL;
}

static struct xs_handle *connect_server(pthread_t *thread)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct xs_handle *h;

    EXPECT(mkdtemp(folder));
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", folder);
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0);
    EXPECT(listen(listener, 1) == 0);
    EXPECT(pthread_create(thread, NULL, serve, NULL) == 0);
    setenv("XENSTORED_RUNDIR", folder, 1);
    h = xs_open(XS_OPEN_SOCKETONLY | STORE_OPEN_LASTING);
    EXPECT(h);
    return h;
}

static void disconnect(struct xs_handle *h, pthread_t thread)
{
    char path[64];

    xs_close(h);
    pthread_join(thread, NULL);
    close(listener);
    snprintf(path, sizeof(path), "%s/socket", folder);
    unlink(path);
    rmdir(folder);
}

TEST(store_requests_and_answers)
{
    unsigned int length, count;
    pthread_t thread;
    struct xs_handle *h = connect_server(&thread);
    char *text = xs_read(h, XBT_NULL, "/a/b", &length), **names;

    EXPECT_STR(text, "/a/b");
    EXPECT_EQ(length, 4);
    free(text);
    EXPECT(!xs_read(h, XBT_NULL, "/none", NULL));
    EXPECT_EQ(errno, ENOENT);
    names = xs_directory(h, XBT_NULL, "/", &count);
    EXPECT_EQ(count, 2);
    EXPECT_STR(names[0], "one");
    EXPECT_STR(names[1], "two");
    free(names);
    EXPECT_EQ(xs_transaction_start(h), 17);
    EXPECT(xs_transaction_end(h, 17, false));
    EXPECT(xs_write(h, XBT_NULL, "/a", "b", 1));
    EXPECT(!xs_rm(h, XBT_NULL, "/none"));
    disconnect(h, thread);
}

TEST(store_events_are_kept)
{
    pthread_t thread;
    struct xs_handle *h = connect_server(&thread);
    struct pollfd p = { .fd = xs_fileno(h), .events = POLLIN };
    unsigned int count, events = 0;
    char **event;

    EXPECT_EQ(poll(&p, 1, 0), 0);
    for (unsigned int i = 0; i < 9; i++) {
        free(xs_read(h, XBT_NULL, "/x", NULL));
    }
    EXPECT_EQ(poll(&p, 1, 0), 1);
    while ((event = xs_check_watch(h))) {
        EXPECT_STR(event[XS_WATCH_PATH], "/event");
        EXPECT_STR(event[XS_WATCH_TOKEN], "token");
        free(event);
        events++;
    }
    EXPECT_EQ(errno, EAGAIN);
    EXPECT_EQ(events, 3);
    EXPECT_EQ(poll(&p, 1, 0), 0);
    free(xs_read(h, XBT_NULL, "/x", NULL));
    free(xs_read(h, XBT_NULL, "/x", NULL));
    event = xs_read_watch(h, &count);
    EXPECT(event && count == 2);
    free(event);
    disconnect(h, thread);
}

/* Far more than both sockets hold: neither end may wait for the other for ever. */
TEST(store_batch_larger_than_sockets)
{
    enum { COUNT = 3000 };
    struct store_batch b = STORE_BATCH_INIT;
    pthread_t thread;
    struct xs_handle *h = connect_server(&thread);
    char path[400];

    memset(path, 'x', sizeof(path));
    for (unsigned int i = 0; i < COUNT; i++) {
        snprintf(path + 300, 100, "/%s%u", i % 5 ? "" : "none", i);
        store_batch_read(&b, XBT_NULL, path);
    }
    EXPECT_EQ(store_batch_run(h, &b), 0);
    for (unsigned int i = 0; i < COUNT; i++) {
        snprintf(path + 300, 100, "/%s%u", i % 5 ? "" : "none", i);
        EXPECT_EQ(store_batch_error(&b, i), i % 5 ? 0 : ENOENT);
        if (i % 5) {
            EXPECT_STR(store_batch_text(&b, i), path);
        } else {
            EXPECT(!store_batch_text(&b, i));
        }
    }
    store_batch_free(&b);
    disconnect(h, thread);
}

TEST(store_batch_limits)
{
    struct store_batch b = STORE_BATCH_INIT;
    static char big[XENSTORE_PAYLOAD_MAX];
    pthread_t thread;
    struct xs_handle *h = connect_server(&thread);

    EXPECT_EQ(store_batch_run(h, &b), 0);
    store_batch_write(&b, XBT_NULL, "/a", big, sizeof(big));
    EXPECT_EQ(store_batch_run(h, &b), -E2BIG);
    store_batch_reset(&b);
    store_batch_write(&b, XBT_NULL, "/a", big, sizeof(big) - 3);
    EXPECT_EQ(store_batch_run(h, &b), 0);
    store_batch_free(&b);
    disconnect(h, thread);
}

/* The daemon dies under a batch: each answer comes once and in its place, and the watch is set with every successor. */
TEST(store_lasting_outlives_the_daemon)
{
    enum { COUNT = 40 };
    struct store_batch b = STORE_BATCH_INIT;
    struct xs_handle *h;
    pthread_t thread;
    char path[16];

    hang_up_after = 7;
    hang_ups = 4;
    h = connect_server(&thread);
    EXPECT(xs_watch(h, "/event", "token"));
    for (unsigned int i = 0; i < COUNT; i++) {
        snprintf(path, sizeof(path), "/%s%u", i % 5 ? "" : "none", i);
        store_batch_read(&b, XBT_NULL, path);
    }
    EXPECT_EQ(store_batch_run(h, &b), 0);
    for (unsigned int i = 0; i < COUNT; i++) {
        snprintf(path, sizeof(path), "/%s%u", i % 5 ? "" : "none", i);
        EXPECT_EQ(store_batch_error(&b, i), i % 5 ? 0 : ENOENT);
        if (i % 5) {
            EXPECT_STR(store_batch_text(&b, i), path);
        }
    }
    EXPECT_EQ(watches_asked, 5);
    store_batch_free(&b);
    disconnect(h, thread);
}

/* What the successor does not know of is started again by who began it, and fails as a conflict does. */
TEST(store_lasting_loses_transactions)
{
    struct xs_handle *h;
    pthread_t thread;
    xs_transaction_t t;

    hang_up_after = 2;
    hang_ups = 1;
    h = connect_server(&thread);
    t = xs_transaction_start(h);
    EXPECT_EQ(t, 17);
    EXPECT(xs_write(h, t, "/a", "b", 1));
    EXPECT(!xs_transaction_end(h, t, false));
    EXPECT_EQ(errno, EAGAIN);
    t = xs_transaction_start(h);
    EXPECT(xs_write(h, t, "/a", "b", 1));
    EXPECT(xs_transaction_end(h, t, false));
    disconnect(h, thread);
}

/* While nobody asks anything: the one who waits for events is not told that the daemon went. */
TEST(store_lasting_waits_on)
{
    struct xs_handle *h;
    unsigned int count;
    pthread_t thread;
    char **event;

    hang_up_after = 2;
    hang_ups = 1;
    h = connect_server(&thread);
    EXPECT(xs_watch(h, "/event", "token"));
    free(xs_read(h, XBT_NULL, "/x", NULL));
    free(xs_read_watch(h, &count));
    free(xs_read(h, XBT_NULL, "/x", NULL));
    free(xs_read(h, XBT_NULL, "/x", NULL));
    event = xs_read_watch(h, &count);
    EXPECT(event && count == 2);
    free(event);
    disconnect(h, thread);
}
