/* SPDX-License-Identifier: MIT */
/*
 * The console client between a user (at a terminal or a pipe), terminals of this process, and a store of a
 * few lines that knows the terminal's name and tells of its changes.
 */
#include "lib/console/client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "abi/xs_wire.h"
#include "lib/base/file.h"
#include "lib/store/xenstore.h"
#include "tests/unit/unit.h"

#define TTY_PATH "/local/domain/7/console/tty"

/* The store: what it says is under `lock`, its one client is `store_fd`. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char tty_name[64];
static bool guest_lives;
static int listener, store_fd = -1;

static void answer(uint32_t type, const char *data, size_t size)
{
    struct xsd_sockmsg m = { .type = type, .len = (uint32_t)size };
    file_write_all(NULL, store_fd, &m, sizeof(m));
    file_write_all(NULL, store_fd, data, size);
}

static void tell_change(void)
{
    static const char event[] = TTY_PATH "\0tty";
    answer(XS_WATCH_EVENT, event, sizeof(event));
}

static void answer_read(const char *path)
{
    bool tty = strcmp(path, TTY_PATH) == 0;
    if (guest_lives && (!tty || tty_name[0])) {
        answer(XS_READ, tty ? tty_name : "", tty ? strlen(tty_name) : 0);
    } else {
        answer(XS_ERROR, "ENOENT", 7);
    }
}

static void *serve(void *unused)
{
    struct xsd_sockmsg m;
    char payload[XENSTORE_PAYLOAD_MAX + 1];
    int fd = accept(listener, NULL, NULL);
    pthread_mutex_lock(&lock);
    store_fd = fd;
    pthread_mutex_unlock(&lock);
    while (file_read_all(NULL, fd, &m, sizeof(m)) == 0 && file_read_all(NULL, fd, payload, m.len) == 0) {
        payload[m.len] = '\0';
        pthread_mutex_lock(&lock);
        if (m.type == XS_READ) {
            answer_read(payload);
        } else {
            answer(m.type, "OK", 3);
        }
        if (m.type == XS_WATCH) {
            tell_change();
        }
        pthread_mutex_unlock(&lock);
    }
    close(fd);
    return NULL;
}

/* One run of the client in a thread of its own. */
struct run {
    pthread_t store, client;
    struct xs_handle *xs;
    struct console_client c;
    struct err e;
    int user; /* the user's end */
    int ready;
    int result;
};

static void *attach(void *arg)
{
    struct run *r = arg;
    r->result = console_attach(&r->e, r->xs, &r->c);
    return NULL;
}

static void set_tty(const char *name)
{
    pthread_mutex_lock(&lock);
    snprintf(tty_name, sizeof(tty_name), "%s", name);
    if (store_fd >= 0) {
        tell_change();
    }
    pthread_mutex_unlock(&lock);
}

/*
 * What the daemon does for a guest; it too holds the slave side open, so that nothing is lost when a client
 * leaves.
 */
static int slave = -1;

static int make_terminal(void)
{
    char name[64];
    struct termios raw;
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    EXPECT(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    EXPECT(ptsname_r(master, name, sizeof(name)) == 0 && tcgetattr(master, &raw) == 0);
    cfmakeraw(&raw);
    tcsetattr(master, TCSANOW, &raw);
    slave = open(name, O_RDWR | O_NOCTTY);
    EXPECT(slave >= 0);
    set_tty(name);
    return master;
}

static void close_terminal(int master)
{
    close(slave);
    close(master);
}

static void start_with(struct run *r, int input, unsigned int wait_ms)
{
    char folder[] = "/tmp/console-test-XXXXXX";
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int ends[2];
    int ready[2];
    EXPECT(mkdtemp(folder) != NULL);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", folder);
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(listener, 1) == 0);
    guest_lives = true;
    memset(r, 0, sizeof(*r));
    EXPECT_EQ(pthread_create(&r->store, NULL, serve, NULL), 0);
    setenv("XENSTORED_RUNDIR", folder, 1);
    r->xs = xs_open(XS_OPEN_SOCKETONLY);
    EXPECT(r->xs != NULL);
    unlink(address.sun_path);
    rmdir(folder);
    EXPECT(openpty(&ends[0], &ends[1], NULL, NULL, NULL) == 0 && pipe(ready) == 0);
    r->c = (struct console_client)CONSOLE_CLIENT_INIT;
    r->c.domid = 7;
    r->c.in_fd = input >= 0 ? input : ends[1];
    r->c.out_fd = ends[1];
    r->c.notify_fd = ready[1];
    r->c.wait_ms = wait_ms;
    r->user = ends[0];
    r->ready = ready[0];
    EXPECT_EQ(pthread_create(&r->client, NULL, attach, r), 0);
}

static void start(struct run *r, unsigned int wait_ms)
{
    start_with(r, -1, wait_ms);
}

static void wait_ready(struct run *r)
{
    char byte;
    EXPECT_EQ(read(r->ready, &byte, 1), 1);
}

static int finish(struct run *r)
{
    pthread_join(r->client, NULL);
    xs_close(r->xs);
    pthread_join(r->store, NULL);
    close(listener);
    close(r->user);
    close(r->c.out_fd);
    close(r->ready);
    close(r->c.notify_fd);
    return r->result;
}

static void expect_text(int fd, const char *text)
{
    char got[64] = { 0 };
    EXPECT_EQ(file_read_all(NULL, fd, got, strlen(text)), 0);
    EXPECT_STR(got, text);
}

static void write_text(int fd, const char *text)
{
    EXPECT_EQ(file_write_all(NULL, fd, text, strlen(text)), 0);
}

TEST(client_carries_both_ways_until_the_escape)
{
    struct run r;
    int master = make_terminal();
    start(&r, 5000);
    wait_ready(&r);
    write_text(master, "guest# ");
    expect_text(r.user, "guest# ");
    write_text(r.user, "ls\r");
    expect_text(master, "ls\r");
    write_text(r.user, "bye\x1dnot this");
    expect_text(master, "bye");
    EXPECT_EQ(finish(&r), CONSOLE_ESCAPED);
    close_terminal(master);
}

TEST(client_waits_for_a_late_terminal)
{
    struct run r;
    start(&r, 5000);
    struct pollfd p = { .fd = r.ready, .events = POLLIN };
    EXPECT_EQ(poll(&p, 1, 100), 0);
    int master = make_terminal();
    wait_ready(&r);
    write_text(r.user, "x\x1d");
    expect_text(master, "x");
    EXPECT_EQ(finish(&r), CONSOLE_ESCAPED);
    close_terminal(master);
}

TEST(client_says_when_no_terminal_comes)
{
    struct run r;
    start(&r, 150);
    EXPECT_EQ(finish(&r), -ETIMEDOUT);
    EXPECT(strstr(r.e.text, TTY_PATH) != NULL && strstr(r.e.hint, "xenconsoled") != NULL);
}

TEST(client_opens_pseudo_terminals_only)
{
    struct run r;
    set_tty("/etc/passwd");
    start(&r, 150);
    EXPECT_EQ(finish(&r), -ETIMEDOUT);
}

/* A daemon that was killed: its terminal hangs up; the next daemon's may have the same name. */
TEST(client_moves_to_the_new_daemon)
{
    struct run r;
    int master = make_terminal();
    start(&r, 5000);
    wait_ready(&r);
    for (int i = 0; i < 3; i++) {
        write_text(master, "old");
        expect_text(r.user, "old");
        close_terminal(master);
        usleep(i * 100000);
        master = make_terminal();
        /* The client opens it when it hears of it; the terminal keeps what comes before. */
        write_text(master, "new");
        expect_text(r.user, "new");
    }
    write_text(r.user, "still here\x1d");
    expect_text(master, "still here");
    EXPECT_EQ(finish(&r), CONSOLE_ESCAPED);
    close_terminal(master);
}

TEST(client_ends_with_the_guest)
{
    struct run r;
    int master = make_terminal();
    start(&r, 5000);
    wait_ready(&r);
    pthread_mutex_lock(&lock);
    guest_lives = false;
    pthread_mutex_unlock(&lock);
    close_terminal(master);
    EXPECT_EQ(finish(&r), CONSOLE_GUEST_ENDED);
}

/* `echo poweroff | xl console guest`: what the guest answers is still shown. */
TEST(client_goes_on_when_a_pipe_ends)
{
    struct run r;
    int master = make_terminal();
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    start_with(&r, ends[0], 5000);
    wait_ready(&r);
    write_text(ends[1], "all\x1d of it");
    expect_text(master, "all\x1d of it");
    close(ends[1]);
    usleep(50000);
    write_text(master, "goodbye");
    expect_text(r.user, "goodbye");
    pthread_mutex_lock(&lock);
    guest_lives = false;
    pthread_mutex_unlock(&lock);
    close_terminal(master);
    EXPECT_EQ(finish(&r), CONSOLE_GUEST_ENDED);
    close(ends[0]);
}

TEST(client_ends_when_the_terminal_goes)
{
    struct run r;
    int master = make_terminal();
    start(&r, 5000);
    wait_ready(&r);
    close(r.user);
    EXPECT_EQ(finish(&r), CONSOLE_INPUT_ENDED);
    close_terminal(master);
}
