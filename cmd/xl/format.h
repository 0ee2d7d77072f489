/* SPDX-License-Identifier: MIT */
/*
 * The tables that xl prints, byte for byte as users' scripts know them: from plain structures to a stream,
 * nothing else.
 *
 * Each table is a heading and a row function. Golden tests: format_test.c.
 */
#ifndef CMD_XL_FORMAT_H
#define CMD_XL_FORMAT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct domain_info;

struct format_list {
    bool verbose, label, pool, nodes; /* -v -Z -c -n */
};

struct format_list_extra {
    const char *label; /* NULL: no security module */
    const char *pool;
    const char *nodes; /* as format_bitmap() writes it */
};

void format_list_heading(FILE *f, const struct format_list *o);
void format_list_row(FILE *f, const struct format_list *o, const struct domain_info *d,
                     const struct format_list_extra *x);
void format_claims_heading(FILE *f);
void format_claims_row(FILE *f, const struct domain_info *d);

/* "12.3": CPU time of `ns` nanoseconds. */
void format_seconds(uint64_t ns, char text[24]);
/* "r-----": running blocked paused shutdown crashed dying. */
void format_state(const struct domain_info *d, char state[7]);

struct format_vcpu {
    const char *name;
    uint32_t domid;
    unsigned int vcpu, cpu;
    bool online, blocked, running;
    uint64_t cpu_time; /* ns */
    const char *hard, *soft;
};

void format_vcpu_heading(FILE *f);
void format_vcpu_row(FILE *f, const struct format_vcpu *v);

/* "0-3,^2"-like lists as xl prints affinities: "all", "0-2,5", "none". `bytes` holds `bits` bits. */
void format_bitmap(char *text, size_t size, const uint8_t *bytes, unsigned int bits);

/* "3:04:05" after days, of a domain, and the short form of uptime(1). */
void format_uptime(char *text, size_t size, uint64_t seconds);
void format_uptime_short(char *text, size_t size, uint64_t seconds);

void format_uptime_heading(FILE *f);
void format_uptime_row(FILE *f, const char *name, uint32_t domid, uint64_t seconds);

void format_sched_heading(FILE *f);
void format_sched_row(FILE *f, const char *name, uint32_t domid, unsigned int weight, unsigned int cap);

void format_cpupool_heading(FILE *f, bool cpus);
void format_cpupool_row(FILE *f, const char *name, unsigned int cpus, const char *sched,
                        unsigned int domains);
void format_cpupool_cpus(FILE *f, const char *name, const uint8_t *bytes, unsigned int bits);

/* A disk or network interface; -1 where a number is not known. */
struct format_device {
    int devid;
    uint32_t backend_id, frontend_id;
    const char *mac; /* network only */
    int state, evtch, ring, ring2;
    const char *backend; /* its path in the store */
};

void format_block_heading(FILE *f);
void format_block_row(FILE *f, const struct format_device *d);
void format_network_heading(FILE *f);
void format_network_row(FILE *f, unsigned int index, const struct format_device *d);

/* One line of `xl info`. */
void format_info(FILE *f, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
