/* SPDX-License-Identifier: MIT */
/*
 * xl top: what domains use, again and again; xentop's columns. In batch mode plain tables, else a screen that
 * is redrawn in place by the terminal's own control sequences, with keys as xentop has them: D N R S V,
 * arrows, Q.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "cmd/xl/format.h"
#include "cmd/xl/output.h"
#include "cmd/xl/xl.h"
#include "lib/ctrl/ctrl.h"
#include "lib/domain/domain.h"
#include "lib/domain/usage.h"
#include "lib/store/xenstore.h"

const struct xl_option xl_top_options[] = {
    { 'b', "batch", NULL, "Print tables instead of a screen" },
    { 'd', "delay", "SECONDS", "Time between two tables (3)" },
    { 'i', "iterations", "COUNT", "End after so many tables" },
    { 'n', "networks", NULL, "Also network bytes" },
    { 'r', "repeat-header", NULL, "The heading above each domain" },
    { 'v', "vcpus", NULL, "Also seconds of each vcpu" },
    { 'x', "vbds", NULL, "Also disk requests" },
    { 'f', "full-name", NULL, "Names in full length" },
    { 0 },
};

enum top_order { TOP_BY_DOMID, TOP_BY_CPU, TOP_BY_MEMORY, TOP_BY_NAME, TOP_ORDERS };

struct top {
    bool batch, networks, disks, vcpus, repeat, full;
    unsigned int delay, scroll;
    long iterations; /* -1: for ever */
    enum top_order order;
    uint64_t host_kb;
    struct domain_info *now, *before;
    struct usage *usage;
    unsigned int now_count, before_count;
    uint64_t now_time, before_time; /* ns */
};

static uint64_t nanoseconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Percent of one CPU since the last table. */
static double cpu_percent(const struct top *t, const struct domain_info *d)
{
    for (unsigned int i = 0; i < t->before_count; i++) {
        const struct domain_info *b = &t->before[i];

        if (b->domid == d->domid && !memcmp(b->uuid, d->uuid, 16) && t->now_time > t->before_time) {
            return 100.0 * (double)(d->cpu_time - b->cpu_time) / (double)(t->now_time - t->before_time);
        }
    }
    return 0;
}

static const struct top *sorted_top;

static int by_order(const void *a, const void *b)
{
    const struct domain_info *x = *(struct domain_info *const *)a, *y = *(struct domain_info *const *)b;
    double p, q;

    switch (sorted_top->order) {
    case TOP_BY_CPU:
        p = cpu_percent(sorted_top, x);
        q = cpu_percent(sorted_top, y);
        return (p < q) - (p > q);
    case TOP_BY_MEMORY:
        return (x->memory_kb < y->memory_kb) - (x->memory_kb > y->memory_kb);
    case TOP_BY_NAME:
        return strcmp(x->name, y->name);
    default:
        return (x->domid > y->domid) - (x->domid < y->domid);
    }
}

static void take_sample(struct xl *xl, struct top *t)
{
    struct xen_sysctl_physinfo host;

    free(t->before);
    t->before = t->now;
    t->before_count = t->now_count;
    t->before_time = t->now_time;
    if (domain_list(&xl->err, xl_ctrl(xl), &t->now, &t->now_count) ||
        domain_read_names(&xl->err, xl_store(xl), t->now, t->now_count)) {
        xl_die(xl);
    }
    t->now_time = nanoseconds();
    if (!ctrl_physinfo(xl_ctrl(xl), &host)) {
        t->host_kb = host.total_pages * 4;
    }
    free(t->usage);
    t->usage = calloc(t->now_count + 1, sizeof(*t->usage));
    for (unsigned int i = 0; t->usage && i < t->now_count; i++) {
        t->usage[i].domid = t->now[i].domid;
    }
    if (t->usage) {
        usage_read(t->usage, t->now_count);
    }
}

/* ---- the table ---------------------------------------------------------------------------------- */

static void put_heading(void)
{
    printf("%10s %6s %10s %6s %10s %6s %10s %9s %5s %4s %8s %8s %4s %8s %8s %8s %10s %10s %4s\n", "NAME",
           "STATE", "CPU(sec)", "CPU(%)", "MEM(k)", "MEM(%)", "MAXMEM(k)", "MAXMEM(%)", "VCPUS", "NETS",
           "NETTX(k)", "NETRX(k)", "VBDS", "VBD_OO", "VBD_RD", "VBD_WR", "VBD_RSECT", "VBD_WSECT", "SSID");
}

static void put_row(const struct top *t, const struct domain_info *d, const struct usage *u)
{
    double host = t->host_kb ? (double)t->host_kb : 1;
    bool crashed = d->shutdown && d->stop_reason == DOMAIN_CRASH;

    printf(t->full ? "%10s" : "%10.10s", d->name);
    printf(" %c%c%c%c%c%c %10llu %6.1f %10llu %6.1f", d->dying ? 'd' : '-', d->shutdown ? 's' : '-',
           d->blocked ? 'b' : '-', crashed ? 'c' : '-', d->paused ? 'p' : '-', d->running ? 'r' : '-',
           (unsigned long long)(d->cpu_time / 1000000000), cpu_percent(t, d),
           (unsigned long long)d->memory_kb, 100.0 * (double)d->memory_kb / host);
    if (d->max_kb == UINT64_MAX || d->max_kb / 4 >= 0xffffffff) {
        printf(" %10s %9s", "no limit", "n/a");
    } else {
        printf(" %10llu %9.1f", (unsigned long long)d->max_kb, 100.0 * (double)d->max_kb / host);
    }
    printf(" %5u %4u %8llu %8llu %4u %8llu %8llu %8llu %10llu %10llu %4u\n", d->vcpus_online, u->nics,
           (unsigned long long)(u->sent / 1024), (unsigned long long)(u->received / 1024), u->disks,
           (unsigned long long)u->overflows, (unsigned long long)u->reads, (unsigned long long)u->writes,
           (unsigned long long)u->sectors_read, (unsigned long long)u->sectors_written, d->label);
}

static void put_vcpus(struct xl *xl, const struct domain_info *d)
{
    printf("VCPUs(sec):  ");
    for (unsigned int i = 0; i < d->vcpus_max; i++) {
        struct xen_domctl_getvcpuinfo v;

        if (!ctrl_vcpu_info(xl_ctrl(xl), (domid_t)d->domid, i, &v) && v.online) {
            printf(" %2u: %10llus", i, (unsigned long long)(v.cpu_time / 1000000000));
        }
    }
    putchar('\n');
}

static void put_details(struct xl *xl, const struct top *t, const struct domain_info *d,
                        const struct usage *u)
{
    if (t->vcpus) {
        put_vcpus(xl, d);
    }
    if (t->networks && u->nics) {
        printf("Nets %u: RX: %8llubytes TX: %8llubytes\n", u->nics, (unsigned long long)u->received,
               (unsigned long long)u->sent);
    }
    if (t->disks && u->disks) {
        printf("VBDs %u: OO: %8llu RD: %8llu WR: %8llu RSECT: %10llu WSECT: %10llu\n", u->disks,
               (unsigned long long)u->overflows, (unsigned long long)u->reads, (unsigned long long)u->writes,
               (unsigned long long)u->sectors_read, (unsigned long long)u->sectors_written);
    }
}

static void put_table(struct xl *xl, struct top *t, unsigned int rows)
{
    struct domain_info **order = calloc(t->now_count + 1, sizeof(*order));
    unsigned int shown = 0;

    if (!order || !t->usage) {
        err_set(&xl->err, -ENOMEM, "out of memory");
        xl_die(xl);
    }
    for (unsigned int i = 0; i < t->now_count; i++) {
        order[i] = &t->now[i];
    }
    sorted_top = t;
    qsort(order, t->now_count, sizeof(*order), by_order);
    if (t->scroll >= t->now_count) {
        t->scroll = t->now_count ? t->now_count - 1 : 0;
    }
    for (unsigned int i = t->batch ? 0 : t->scroll; i < t->now_count && shown < rows; i++, shown++) {
        const struct usage *u = &t->usage[order[i] - t->now];

        if (!shown || t->repeat) {
            put_heading();
        }
        put_row(t, order[i], u);
        put_details(xl, t, order[i], u);
    }
    free(order);
}

static void put_summary(struct xl *xl, const struct top *t)
{
    unsigned int running = 0, blocked = 0, paused = 0, crashed = 0, dying = 0, stopped = 0;
    struct xen_sysctl_physinfo host = { 0 };
    struct ctrl_version v = { 0 };
    time_t now = time(NULL);
    char clock[16];
    struct tm tm;

    ctrl_physinfo(xl_ctrl(xl), &host);
    ctrl_version(xl_ctrl(xl), &v);
    strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&now, &tm));
    for (unsigned int i = 0; i < t->now_count; i++) {
        running += t->now[i].running;
        blocked += t->now[i].blocked;
        paused += t->now[i].paused;
        dying += t->now[i].dying;
        stopped += t->now[i].shutdown;
        crashed += t->now[i].shutdown && t->now[i].stop_reason == DOMAIN_CRASH;
    }
    printf("xentop - %s   Xen %u.%u%s\n", clock, v.major, v.minor, v.extra);
    printf("%u domains: %u running, %u blocked, %u paused, %u crashed, %u dying, %u shutdown\n", t->now_count,
           running, blocked, paused, crashed, dying, stopped);
    printf("Mem: %lluk total, %lluk used, %lluk free    CPUs: %u @ %uMHz\n",
           (unsigned long long)host.total_pages * 4,
           (unsigned long long)(host.total_pages - host.free_pages) * 4,
           (unsigned long long)host.free_pages * 4, host.nr_cpus, host.cpu_khz / 1000);
}

/* One sample as one array, in order of number. */
static void put_json(struct xl *xl, const struct top *t)
{
    struct json j;

    output_begin(&j);
    json_array_begin(&j);
    for (unsigned int i = 0; t->usage && i < t->now_count; i++) {
        const struct domain_info *d = &t->now[i];
        const struct usage *u = &t->usage[i];

        json_object_begin(&j);
        json_field_string(&j, "name", d->name[0] ? d->name : NULL);
        json_field_uint(&j, "domid", d->domid);
        json_field_uint(&j, "cpu_time_ns", d->cpu_time);
        json_key(&j, "cpu_percent");
        json_double(&j, cpu_percent(t, d), 1);
        json_field_uint(&j, "memory_kb", d->memory_kb);
        json_field_uint(&j, "vcpus_online", d->vcpus_online);
        json_field_uint(&j, "networks", u->nics);
        json_field_uint(&j, "sent_bytes", u->sent);
        json_field_uint(&j, "received_bytes", u->received);
        json_field_uint(&j, "disks", u->disks);
        json_field_uint(&j, "reads", u->reads);
        json_field_uint(&j, "writes", u->writes);
        json_field_uint(&j, "sectors_read", u->sectors_read);
        json_field_uint(&j, "sectors_written", u->sectors_written);
        json_object_end(&j);
    }
    json_array_end(&j);
    output_end(xl, &j);
}

/* ---- the screen --------------------------------------------------------------------------------- */

static struct termios old_terminal;
static volatile sig_atomic_t leave;

static void on_signal(int number)
{
    (void)number;
    leave = 1;
}

static void handle_key(struct top *t, const char *key, ssize_t length)
{
    if (length == 3 && key[0] == '\033' && key[1] == '[') {
        t->scroll += key[2] == 'B';
        t->scroll -= key[2] == 'A' && t->scroll;
        return;
    }
    switch (key[0] | 0x20) {
    case 'q':
        leave = 1;
        break;
    case 'n':
        t->networks = !t->networks;
        break;
    case 'v':
        t->vcpus = !t->vcpus;
        break;
    case 'b':
        t->disks = !t->disks;
        break;
    case 'r':
        t->repeat = !t->repeat;
        break;
    case 's':
        t->order = (t->order + 1) % TOP_ORDERS;
        break;
    case 'd':
        t->delay = t->delay % 10 + 1;
        break;
    default:
        leave |= key[0] == '\033' || key[0] == 3;
        break;
    }
}

/* Rows for domains; a serial line does not say how large its terminal is. */
static unsigned int rows_free(void)
{
    struct winsize size = { 0 };
    unsigned int rows;

    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    rows = size.ws_row ? size.ws_row : 24;
    return rows > 7 ? rows - 6 : 1;
}

static void run_screen(struct xl *xl, struct top *t)
{
    struct termios raw;

    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    tcgetattr(STDIN_FILENO, &old_terminal);
    raw = old_terminal;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    /* Another screen, no cursor, lines that end at the edge instead of going on below. */
    printf("\033[?1049h\033[?25l\033[?7l");
    while (!leave && t->iterations) {
        struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
        char key[8];

        take_sample(xl, t);
        printf("\033[H\033[J");
        put_summary(xl, t);
        put_table(xl, t, rows_free());
        printf("\n  Delay(%us)  Networks  vBds  VCPUs  Repeat header  Sort order  Quit", t->delay);
        fflush(stdout);
        t->iterations -= t->iterations > 0;
        if (t->iterations && poll(&p, 1, (int)t->delay * 1000) > 0) {
            ssize_t got = read(STDIN_FILENO, key, sizeof(key));

            leave |= got <= 0;
            if (got > 0) {
                handle_key(t, key, got);
            }
        }
    }
    printf("\033[?7h\033[?25h\033[?1049l");
    tcsetattr(STDIN_FILENO, TCSANOW, &old_terminal);
}

int xl_top(struct xl *xl, int argc, char **argv)
{
    struct top t = { .delay = 3, .iterations = -1 };
    int letter;

    while ((letter = xl_options(xl, argc, argv)) != -1) {
        t.batch |= letter == 'b';
        t.networks |= letter == 'n';
        t.repeat |= letter == 'r';
        t.vcpus |= letter == 'v';
        t.disks |= letter == 'x';
        t.full |= letter == 'f';
        if (letter == 'd') {
            t.delay = (unsigned int)xl_number(xl, "delay", optarg, 1, 3600);
        } else if (letter == 'i') {
            t.iterations = xl_number(xl, "iterations", optarg, 1, 1000000000);
        }
    }
    if (!t.batch && !xl->json && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)) {
        run_screen(xl, &t);
        return 0;
    }
    t.batch = true;
    while (t.iterations) {
        take_sample(xl, &t);
        if (xl->json) {
            put_json(xl, &t);
        } else {
            put_table(xl, &t, t.now_count);
        }
        fflush(stdout);
        t.iterations -= t.iterations > 0;
        if (t.iterations) {
            sleep(t.delay);
        }
    }
    return 0;
}
