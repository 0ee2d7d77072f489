/* SPDX-License-Identifier: MIT */
/*
 * A load like a large compilation, which checks itself: `load SECONDS WORKERS DIRECTORY [STUCK]`.
 *
 * Each worker repeats a unit until the time is up: writes a source file, starts this program again
 * as a "compiler" (fork, exec, private file mapping, an arena of fresh pages, a pipe to an
 * "assembler" process that writes the object file), reads the object back, and goes through copy
 * on write after fork, remapping and write protection with a signal handler, threads that unmap
 * under each other's feet, vector registers across system calls and
 * interrupts, and clocks. Every eighth unit links: a shared file mapping of all objects.
 *
 * Everything that is written is read back and compared. The first difference, a process that dies,
 * or a worker that finishes no unit for STUCK seconds (120) ends all with one line "load: FAIL
 * ..." and exit code 1. Otherwise the last line is "load: PASS units=... ".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE         4096UL
#define WORKERS_MAX  64
#define LINK_EVERY   8
#define SOURCE_MAX   (192 * 1024UL)
#define COW_PAGES    48
#define REMAP_PAGES  32
#define THREADS      3
#define THREAD_TURNS 40

struct counters {
    volatile uint64_t units, forks, execs, maps, faults, bytes, links;
    char pad[8];
};

static struct counters *all; /* one per worker, shared by all processes */
static struct counters *mine;
static char dir[200];
static uint64_t seed;
static char *volatile guarded; /* the page whose write protection fault is expected */

static void fail(const char *format, ...)
{
    char text[300];
    va_list args;
    int n = snprintf(text, sizeof(text), "load: FAIL pid %d: ", getpid());

    va_start(args, format);
    n += vsnprintf(text + n, sizeof(text) - (size_t)n, format, args);
    va_end(args);
    dprintf(2, "%s (errno %d)\n", text, errno);
    _exit(1);
}

/* ---- Numbers --------------------------------------------------------------------------------- */
static uint64_t next(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static uint64_t sum_of(const void *data, size_t size)
{
    const unsigned char *p = data;
    uint64_t sum = 14695981039346656037ULL;

    for (size_t i = 0; i < size; i++) {
        sum = (sum ^ p[i]) * 1099511628211ULL;
    }
    return sum;
}

/* What the "compiler" does; doing it twice gives the original. */
static void transform(uint64_t *data, size_t size)
{
    uint64_t key = 0x9e3779b97f4a7c15ULL;

    for (size_t i = 0; i < size / 8; i++) {
        data[i] ^= key;
        key = key * 6364136223846793005ULL + 1442695040888963407ULL;
    }
}

/* Ends the program with where data differ from what they should be. */
static void fail_difference(const char *what, const uint64_t *data, const uint64_t *wanted,
                            size_t size)
{
    size_t first = size / 8;
    size_t last = 0;
    size_t count = 0;

    for (size_t i = 0; i < size / 8; i++) {
        if (data[i] != wanted[i]) {
            first = count++ == 0 ? i : first;
            last = i;
        }
    }
    if (count == 0) {
        fail("%s: sums differ and contents do not", what);
    }
    fail("%s: %zu of %zu words differ, %zu to %zu at %p, first %#llx for %#llx", what, count,
         size / 8, first, last, (const void *)&data[first], (unsigned long long)data[first],
         (unsigned long long)wanted[first]);
}

static double now(clockid_t clock)
{
    struct timespec t;

    if (clock_gettime(clock, &t) != 0) {
        fail("clock_gettime");
    }
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- Files, pipes, processes ----------------------------------------------------------------- */
static void write_all(int fd, const void *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size > 10000 ? 10000 : size);

        if (n <= 0) {
            fail("write");
        }
        data = (const char *)data + n;
        size -= (size_t)n;
    }
}

static size_t read_all(int fd, void *data, size_t size)
{
    size_t got = 0;
    ssize_t n;

    while (got < size && (n = read(fd, (char *)data + got, size - got)) > 0) {
        got += (size_t)n;
    }
    return got;
}

static int file_open(const char *name, int flags)
{
    int fd = open(name, flags | O_CLOEXEC, 0600);

    if (fd < 0) {
        fail("open %s", name);
    }
    return fd;
}

static void *map(size_t size, int flags, int fd)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

    if (p == MAP_FAILED) {
        fail("mmap of %zu bytes", size);
    }
    if (mine != NULL) {
        mine->maps++;
    }
    return p;
}

static void unmap(void *p, size_t size)
{
    if (munmap(p, size) != 0) {
        fail("munmap");
    }
}

static pid_t start(void)
{
    pid_t pid = fork();

    if (pid < 0) {
        fail("fork");
    }
    if (pid != 0 && mine != NULL) {
        mine->forks++;
    }
    return pid;
}

static void expect_exit(pid_t pid, int code, const char *who)
{
    int status;

    if (waitpid(pid, &status, 0) != pid) {
        fail("waitpid for %s", who);
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != code) {
        fail("%s ended with status %#x", who, status);
    }
}

/* ---- The compiler and its assembler: a program of their own ---------------------------------- */
static int assemble(int in, const char *object)
{
    int out = file_open(object, O_CREAT | O_TRUNC | O_WRONLY);
    char buffer[3000];
    size_t n;

    while ((n = read_all(in, buffer, sizeof(buffer))) > 0) {
        write_all(out, buffer, n);
    }
    close(out);
    return 7;
}

/* compile SOURCE OBJECT SIZE SUM: prints the object's sum. */
static int compile(char **argv)
{
    size_t size = strtoul(argv[4], NULL, 0);
    int fd = file_open(argv[2], O_RDONLY);
    void *source = map(size, MAP_PRIVATE, fd);
    uint64_t *arena = map(size, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    uint64_t sum;
    int ends[2];
    pid_t pid;

    if (sum_of(source, size) != strtoull(argv[5], NULL, 0)) {
        fail("%s reads back differently in the compiler", argv[2]);
    }
    memcpy(arena, source, size);
    if (sum_of(arena, size) != strtoull(argv[5], NULL, 0)) {
        fail_difference("the arena", arena, source, size);
    }
    transform(arena, size);
    sum = sum_of(arena, size);
    if (pipe(ends) != 0) {
        fail("pipe");
    }
    pid = start();
    if (pid == 0) {
        close(ends[1]);
        _exit(assemble(ends[0], argv[3]));
    }
    close(ends[0]);
    write_all(ends[1], arena, size);
    close(ends[1]);
    expect_exit(pid, 7, "the assembler");
    if (sum_of(arena, size) != sum) {
        fail("the arena changed while it was written");
    }
    printf("%#llx\n", (unsigned long long)sum);
    return fflush(stdout) == 0 ? 5 : 1;
}

static uint64_t run_compiler(const char *source, const char *object, size_t size, uint64_t sum)
{
    char size_text[32];
    char sum_text[32];
    char answer[64];
    char *argv[] = { "load",   "compile", (char *)source, (char *)object, size_text,
                     sum_text, NULL };
    int ends[2];
    pid_t pid;

    snprintf(size_text, sizeof(size_text), "%zu", size);
    snprintf(sum_text, sizeof(sum_text), "%#llx", (unsigned long long)sum);
    if (pipe(ends) != 0) {
        fail("pipe");
    }
    pid = start();
    if (pid == 0) {
        dup2(ends[1], 1);
        close(ends[0]);
        close(ends[1]);
        execv("/proc/self/exe", argv);
        fail("exec");
    }
    close(ends[1]);
    answer[read_all(ends[0], answer, sizeof(answer) - 1)] = '\0';
    close(ends[0]);
    expect_exit(pid, 5, "the compiler");
    mine->execs++;
    return strtoull(answer, NULL, 0);
}

static void unit_compile(unsigned int slot)
{
    size_t size = (PAGE + next() % (SOURCE_MAX - PAGE)) & ~7UL;
    uint64_t *data = map(size, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    char source[260];
    char object[260];
    uint64_t sum;
    uint64_t object_sum;
    int fd;

    snprintf(source, sizeof(source), "%s/%u.c", dir, slot);
    snprintf(object, sizeof(object), "%s/%u.o", dir, slot);
    for (size_t i = 0; i < size / 8; i++) {
        data[i] = next();
    }
    sum = sum_of(data, size);
    fd = file_open(source, O_CREAT | O_TRUNC | O_WRONLY);
    write_all(fd, data, size);
    close(fd);
    object_sum = run_compiler(source, object, size, sum);
    memset(data, 0, size);
    fd = file_open(object, O_RDONLY);
    if (read_all(fd, data, size) != size || read(fd, &sum, 1) != 0) {
        fail("%s has another size than %zu", object, size);
    }
    close(fd);
    if (sum_of(data, size) != object_sum) {
        fail("%s differs from what was compiled", object);
    }
    transform(data, size);
    if (sum_of(data, size) != sum) {
        fd = file_open(source, O_RDONLY);
        fail_difference(object, data, map(size, MAP_PRIVATE, fd), size);
    }
    mine->bytes += size;
    unmap(data, size);
}

/* ---- Memory ---------------------------------------------------------------------------------- */
static void unit_copy_on_write(void)
{
    uint64_t *data = map(COW_PAGES * PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    uint64_t base = next();
    pid_t pid;

    for (size_t i = 0; i < COW_PAGES * PAGE / 8; i += 64) {
        data[i] = base + i;
    }
    pid = start();
    for (size_t i = 0; i < COW_PAGES * PAGE / 8; i += 64) {
        if (data[i] != base + i) {
            fail("page %zu changed under %s after fork", i / 512,
                 pid == 0 ? "the child" : "the parent");
        }
        data[i] = pid == 0 ? ~data[i] : data[i] ^ 0x5555;
    }
    for (size_t i = 0; i < COW_PAGES * PAGE / 8; i += 64) {
        if (data[i] != (pid == 0 ? ~(base + i) : (base + i) ^ 0x5555)) {
            fail("page %zu is not the writer's own after fork", i / 512);
        }
    }
    if (pid == 0) {
        _exit(9);
    }
    expect_exit(pid, 9, "the copying child");
    unmap(data, COW_PAGES * PAGE);
}

static void on_fault(int signal, siginfo_t *info, void *context __attribute__((unused)))
{
    char *page = guarded;

    if (page == NULL || (char *)info->si_addr < page || (char *)info->si_addr >= page + PAGE) {
        fail("signal %d at %p, expected at %p", signal, info->si_addr, page);
    }
    if (mprotect(page, PAGE, PROT_READ | PROT_WRITE) != 0) {
        fail("mprotect in the handler");
    }
    mine->faults++;
}

static void unit_remap(void)
{
    char *data = map(REMAP_PAGES * PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    uint64_t faults = mine->faults;

    for (size_t i = 0; i < REMAP_PAGES; i++) {
        data[i * PAGE] = (char)(i + 1);
    }
    data = mremap(data, REMAP_PAGES * PAGE, 4 * REMAP_PAGES * PAGE, MREMAP_MAYMOVE);
    if (data == MAP_FAILED || mprotect(data, REMAP_PAGES * PAGE, PROT_READ) != 0) {
        fail("mremap or mprotect");
    }
    for (size_t i = 0; i < REMAP_PAGES; i++) {
        guarded = data + i * PAGE;
        if (data[i * PAGE] != (char)(i + 1) || data[(i + REMAP_PAGES) * PAGE] != 0) {
            fail("page %zu wrong after mremap", i);
        }
        *(volatile char *)(data + i * PAGE + 8) = (char)(i + 2);
        if (data[i * PAGE + 8] != (char)(i + 2)) {
            fail("page %zu lost what was written after the fault", i);
        }
    }
    guarded = NULL;
    if (mine->faults - faults != REMAP_PAGES) {
        fail("%llu faults for %d protected pages", (unsigned long long)(mine->faults - faults),
             REMAP_PAGES);
    }
    unmap(data, 4 * REMAP_PAGES * PAGE);
}

/* ---- Threads: one address space on several CPUs ---------------------------------------------- */
static pthread_mutex_t thread_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t thread_sum; /* under thread_lock */
static double thread_clock; /* under thread_lock: the latest time any thread has seen */

/* Maps, fills, checks and unmaps: a stale translation of another CPU shows as foreign contents. */
static void *thread_main(void *arg)
{
    uint64_t id = (uint64_t)(uintptr_t)arg;

    for (uint64_t turn = 0; turn < THREAD_TURNS; turn++) {
        size_t pages = 1 + (id + turn) % 7;
        uint64_t *p = map(pages * PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
        double time;

        for (size_t i = 0; i < pages; i++) {
            if (p[i * 512] != 0) {
                fail("a fresh page has contents %#llx", (unsigned long long)p[i * 512]);
            }
            p[i * 512] = id << 32 | turn << 8 | i;
        }
        pthread_mutex_lock(&thread_lock);
        thread_sum += turn;
        time = now(CLOCK_MONOTONIC);
        if (time < thread_clock) {
            fail("the clock went back by %f s", thread_clock - time);
        }
        thread_clock = time;
        pthread_mutex_unlock(&thread_lock);
        for (size_t i = 0; i < pages; i++) {
            if (p[i * 512] != (id << 32 | turn << 8 | i)) {
                fail("a thread's page has contents %#llx", (unsigned long long)p[i * 512]);
            }
        }
        unmap(p, pages * PAGE);
    }
    return NULL;
}

static void unit_threads(void)
{
    pthread_t threads[THREADS];

    thread_sum = 0;
    for (uintptr_t i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, thread_main, (void *)(i + 1)) != 0) {
            fail("pthread_create");
        }
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    if (thread_sum != THREADS * THREAD_TURNS * (THREAD_TURNS - 1) / 2) {
        fail("threads counted to %llu", (unsigned long long)thread_sum);
    }
}

/* ---- Registers across system calls and interrupts: other processes use them meanwhile -------- */
/* Four registers of `kind` are loaded, then comes a sched_yield or a long loop, then they are stored. */
#define KEEP(move, kind, between)                                                              \
    __asm__ volatile(move " (%1), %%" kind "0\n" move " 32(%1), %%" kind "7\n" move            \
                          " 64(%1), %%" kind "8\n" move " 96(%1), %%" kind "15\n" between      \
                          "\n" move " %%" kind "0, (%2)\n" move " %%" kind "7, 32(%2)\n" move  \
                          " %%" kind "8, 64(%2)\n" move " %%" kind "15, 96(%2)"                \
                     : "+a"(rax)                                                               \
                     : "r"(in), "r"(out)                                                       \
                     : "rcx", "r11", "cc", "memory", "xmm0", "xmm7", "xmm8", "xmm15")
#define YIELD "syscall"
#define SPIN  "1: dec %0\n jnz 1b"

static void keep(uint64_t *in, uint64_t *out, bool wide, bool yield)
{
    unsigned long rax = yield ? 24 : 200000;

    if (wide && yield) {
        KEEP("vmovdqu", "ymm", YIELD);
    } else if (wide) {
        KEEP("vmovdqu", "ymm", SPIN);
    } else if (yield) {
        KEEP("movdqu", "xmm", YIELD);
    } else {
        KEEP("movdqu", "xmm", SPIN);
    }
}

static void unit_registers(void)
{
    bool wide = __builtin_cpu_supports("avx");

    for (int turn = 0; turn < 20; turn++) {
        uint64_t in[16];
        uint64_t out[16] = { 0 };

        for (int i = 0; i < 16; i++) {
            in[i] = wide || i % 4 < 2 ? next() : 0;
        }
        keep(in, out, wide, turn % 2 == 0);
        if (memcmp(in, out, sizeof(in)) != 0) {
            fail_difference("vector registers", out, in, sizeof(in));
        }
    }
}

/* ---- Linking --------------------------------------------------------------------------------- */
static void append(char **to, unsigned int slot)
{
    struct stat st;
    char name[260];
    int fd;

    snprintf(name, sizeof(name), "%s/%u.o", dir, slot);
    fd = file_open(name, O_RDONLY);
    if (fstat(fd, &st) != 0 || read_all(fd, *to, (size_t)st.st_size) != (size_t)st.st_size) {
        fail("reading %s", name);
    }
    *to += st.st_size;
    close(fd);
}

static void unit_link(void)
{
    char name[260];
    int fd;
    char *out;
    char *end;
    char *again;
    uint64_t sum;

    snprintf(name, sizeof(name), "%s/out", dir);
    fd = file_open(name, O_CREAT | O_TRUNC | O_RDWR);
    if (ftruncate(fd, LINK_EVERY * SOURCE_MAX) != 0) {
        fail("ftruncate");
    }
    out = map(LINK_EVERY * SOURCE_MAX, MAP_SHARED, fd);
    end = out;
    for (unsigned int slot = 0; slot < LINK_EVERY; slot++) {
        append(&end, slot);
    }
    sum = sum_of(out, (size_t)(end - out));
    again = map((size_t)(end - out), MAP_PRIVATE | MAP_ANONYMOUS, -1);
    if (read_all(fd, again, (size_t)(end - out)) != (size_t)(end - out) ||
        sum_of(again, (size_t)(end - out)) != sum) {
        fail("the linked file differs from its mapping");
    }
    unmap(again, (size_t)(end - out));
    unmap(out, LINK_EVERY * SOURCE_MAX);
    close(fd);
    unlink(name);
    mine->links++;
}

/* ---- Workers and their master ---------------------------------------------------------------- */
static void worker(unsigned int number, const char *where, double end)
{
    struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER };

    mine = &all[number];
    seed = 0x123456789abcdefULL * (number + 1) + (uint64_t)getpid();
    snprintf(dir, sizeof(dir), "%s/load%u", where, number);
    mkdir(dir, 0700);
    sigaction(SIGSEGV, &action, NULL);
    while (now(CLOCK_MONOTONIC) < end) {
        unit_compile((unsigned int)(mine->units % LINK_EVERY));
        unit_copy_on_write();
        unit_remap();
        unit_threads();
        unit_registers();
        if (mine->units % LINK_EVERY == LINK_EVERY - 1) {
            unit_link();
        }
        mine->units++;
    }
    _exit(0);
}

static struct counters total(unsigned int workers)
{
    struct counters t = { 0 };

    for (unsigned int i = 0; i < workers; i++) {
        t.units += all[i].units;
        t.forks += all[i].forks;
        t.execs += all[i].execs;
        t.maps += all[i].maps;
        t.faults += all[i].faults;
        t.bytes += all[i].bytes;
        t.links += all[i].links;
    }
    return t;
}

static void report(const char *how, unsigned int workers)
{
    struct counters t = total(workers);

    printf(
        "load: %s units=%llu forks=%llu execs=%llu maps=%llu faults=%llu KiB=%llu links=%llu\n",
        how, (unsigned long long)t.units, (unsigned long long)t.forks,
        (unsigned long long)t.execs, (unsigned long long)t.maps, (unsigned long long)t.faults,
        (unsigned long long)(t.bytes / 1024), (unsigned long long)t.links);
    fflush(stdout);
}

/* Fails when a worker that still runs has finished no unit for `stuck` seconds. */
static void watch(unsigned int workers, double stuck)
{
    static uint64_t units[WORKERS_MAX];
    static double since[WORKERS_MAX];
    double time = now(CLOCK_MONOTONIC);

    for (unsigned int i = 0; i < workers; i++) {
        if (since[i] == 0 || all[i].units != units[i]) {
            units[i] = all[i].units;
            since[i] = time;
        } else if (time - since[i] > stuck) {
            fail("worker %u has finished no unit for %.0f s", i, time - since[i]);
        }
    }
}

static int master(double seconds, unsigned int workers, const char *where, double stuck)
{
    double begin = now(CLOCK_MONOTONIC);
    unsigned int ended = 0;

    all = map(PAGE * 2, MAP_SHARED | MAP_ANONYMOUS, -1);
    for (unsigned int i = 0; i < workers; i++) {
        if (start() == 0) {
            worker(i, where, begin + seconds);
        }
    }
    for (int second = 0; ended < workers; second++) {
        int status;
        pid_t pid;

        while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
            if (status != 0) {
                kill(0, SIGTERM);
                fail("worker process %d ended with status %#x", pid, status);
            }
            ended++;
        }
        if (ended < workers) {
            watch(workers, stuck);
        }
        if (second % 5 == 0) {
            report("runs", workers);
        }
        sleep(1);
    }
    for (unsigned int i = 0; i < workers; i++) {
        if (all[i].units == 0) {
            fail("worker %u finished no unit", i);
        }
    }
    report("PASS", workers);
    return 0;
}

int main(int argc, char **argv)
{
    unsigned int workers = argc > 3 ? (unsigned int)atoi(argv[2]) : 0;

    if (argc == 6 && strcmp(argv[1], "compile") == 0) {
        return compile(argv);
    }
    if (workers == 0 || workers > WORKERS_MAX) {
        fprintf(stderr, "usage: load SECONDS WORKERS DIRECTORY [STUCK]\n");
        return 2;
    }
    signal(SIGTERM, SIG_DFL);
    setpgid(0, 0);
    return master(atof(argv[1]), workers, argv[3], argc > 4 ? atof(argv[4]) : 120);
}
