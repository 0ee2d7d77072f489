/* SPDX-License-Identifier: MIT */
/* The part of the fake machine that talks to the host's C library, apart because its headers
 * and ours name the same things. */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

void *fake_host_map(unsigned long bytes);
void fake_host_stop(const char *why) __attribute__((noreturn));
void fake_host_yield(void);
unsigned long fake_host_thread(void (*fn)(void *arg), void *arg);
void fake_host_join(unsigned long thread);

void *fake_host_map(unsigned long bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED) {
        fake_host_stop("no address space");
    }
    return p;
}

void fake_host_stop(const char *why)
{
    printf("machine stopped: %s\n", why);
    fflush(stdout);
    abort();
}

void fake_host_yield(void)
{
    sched_yield();
}

struct start {
    void (*fn)(void *arg);
    void *arg;
};

static void *run_start(void *p)
{
    struct start start = *(struct start *)p;

    free(p);
    start.fn(start.arg);
    return NULL;
}

unsigned long fake_host_thread(void (*fn)(void *arg), void *arg)
{
    struct start *start = malloc(sizeof(*start));
    pthread_t thread;

    if (start == NULL) {
        fake_host_stop("no memory for a thread");
    }
    *start = (struct start){ fn, arg };
    if (pthread_create(&thread, NULL, run_start, start) != 0) {
        fake_host_stop("no thread");
    }
    return (unsigned long)thread;
}

void fake_host_join(unsigned long thread)
{
    pthread_join((pthread_t)thread, NULL);
}
