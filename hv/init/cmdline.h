/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's command line: options with the names and syntax of Xen 4.17.
 *
 * cmdline_parse() is pure: it turns text into a struct cmdline, defaults included, and notes what it did
 * not understand; cmdline_report() logs that, one warning for each name. `cmdline` is the parsed command line of this
 * boot: written once by cmdline_init(), constant afterwards.
 *
 * Syntax: name, name=value, no-name; booleans take on/off, yes/no, true/false, enable/disable, 1/0. Sizes
 * are KiB unless a suffix B, K, M, G or T says otherwise. - and _ in names are the same.
 */
#ifndef HV_INIT_CMDLINE_H
#define HV_INIT_CMDLINE_H

#include "hv/base/printk.h"
#include "hv/lib/types.h"

#define CMDLINE_COMPLAINTS_MAX 16
#define CMDLINE_NAME_MAX       32
#define CMDLINE_PORTS_MAX      16

/* An amount as dom0_mem= has it: bytes, plus a share of all memory; negative: all but that. */
struct cmdline_amount {
    bool set;
    bool negative;
    unsigned int percent;
    uint64_t bytes;
};

struct cmdline_complaint {
    char name[CMDLINE_NAME_MAX];
    bool bad_value; /* the option is known, its value is not */
};

struct cmdline {
    /* console */
    char console[64];      /* "com1,vga" */
    char com[2][64];       /* com1=, com2=: for ns16550_parse() */
    char dtuart[64];       /* alias or path of the serial port in the device tree */
    char vga[32];          /* vga= without ,keep */
    bool vga_keep;
    bool sync_console;
    bool console_timestamps;
    uint64_t conring_size; /* bytes; 0: as built */
    bool console_to_ring;
    enum log_level loglvl;
    enum log_level guest_loglvl;
    char conswitch;        /* Ctrl- with this letter three times switches input; 'a' */

    /* life cycle */
    bool noreboot;
    char reboot[16];
    bool watchdog;
    unsigned int watchdog_timeout;

    /* machine */
    uint64_t mem;          /* 0: all */
    bool smp;
    unsigned int maxcpus;  /* 0: all */
    bool x2apic;
    bool acpi;
    bool hpet;
    char clocksource[16];
    bool bootscrub;
    char sched[16];        /* empty: the default */

    /* dom0 */
    struct cmdline_amount dom0_mem;
    struct cmdline_amount dom0_mem_min;
    struct cmdline_amount dom0_mem_max;
    unsigned int dom0_min_vcpus;
    unsigned int dom0_max_vcpus; /* 0: as many as CPUs */
    bool dom0_vcpus_pin;
    bool dom0_pvh;
    bool dom0_verbose;
    unsigned int dom0_denied_count;
    struct {
        uint16_t first;
        uint16_t last;
    } dom0_denied[CMDLINE_PORTS_MAX]; /* dom0_ioports_disable= */

    /* guests */
    unsigned int gnttab_max_frames;
    unsigned int gnttab_max_maptrack_frames;
    unsigned int gnttab_max_version;
    bool gnttab_transitive;
    bool pv_linear_pt;

    unsigned int complaint_count;
    struct cmdline_complaint complaints[CMDLINE_COMPLAINTS_MAX];
};

extern struct cmdline cmdline;

void cmdline_parse(const char *text, struct cmdline *out);
void cmdline_report(const struct cmdline *c);
/* Parses into `cmdline`. Logs nothing: consoles are not up yet. */
void cmdline_init(const char *text);
/* How many bytes an amount means when the machine has total bytes. */
uint64_t cmdline_amount_bytes(const struct cmdline_amount *a, uint64_t total);

#endif
