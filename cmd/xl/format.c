/* SPDX-License-Identifier: MIT */
/* The tables that xl prints: see format.h. Columns are an interface; a change here breaks users' scripts. */
#include "cmd/xl/format.h"

#include <stdarg.h>
#include <string.h>

#include "lib/conf/spec.h"
#include "lib/domain/domain.h"

static const char *name_of(const struct domain_info *d)
{
    return d->name[0] ? d->name : "(null)";
}

void format_state(const struct domain_info *d, char state[7])
{
    state[0] = d->running ? 'r' : '-';
    state[1] = d->blocked ? 'b' : '-';
    state[2] = d->paused ? 'p' : '-';
    state[3] = d->shutdown ? 's' : '-';
    state[4] = d->shutdown && d->stop_reason == DOMAIN_CRASH ? 'c' : '-';
    state[5] = d->dying ? 'd' : '-';
    state[6] = '\0';
}

void format_list_heading(FILE *f, const struct format_list *o)
{
    fprintf(f, "%-40s %5s %5s %5s\t%s\t%s", "Name", "ID", "Mem", "VCPUs", "State", "Time(s)");
    if (o->verbose) {
        fprintf(f, "   %-31s %s\t%s", "UUID", "Reason-Code", "Security Label");
    } else if (o->label) {
        fprintf(f, "   %s", "Security Label");
    }
    if (o->pool) {
        fprintf(f, "%16s", "Cpupool");
    }
    if (o->nodes) {
        fprintf(f, " %s", "NODE Affinity");
    }
    fputc('\n', f);
}

/* Columns of a row, without printf(): a list of many domains is nothing but rows, at 6,000 instructions each. */
struct row {
    char text[DOMAIN_NAME_MAX + 128];
    size_t length;
};

static void row_add(struct row *r, const char *text, size_t size)
{
    size_t room = sizeof(r->text) - r->length;

    size = size < room ? size : room;
    memcpy(r->text + r->length, text, size);
    r->length += size;
}

/* width as printf() has it: at the right, or when it is negative at the left. */
static void row_column(struct row *r, const char *text, int width)
{
    static const char blanks[] = "                                        ";
    size_t length = strlen(text), wide = (size_t)(width < 0 ? -width : width);
    size_t pad = length < wide ? wide - length : 0;

    if (width > 0) {
        row_add(r, blanks, pad);
    }
    row_add(r, text, length);
    if (width < 0) {
        row_add(r, blanks, pad);
    }
}

static void row_number(struct row *r, uint64_t n, int width)
{
    char digits[24] = "";
    char *p = digits + sizeof(digits) - 1;

    do {
        *--p = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    row_column(r, p, width);
}

/* Seconds with one digit, as %.1f of a double writes them. Printing a double costs more than the rest of a line: it is
 * left to where halves make the two differ. */
void format_seconds(uint64_t ns, char text[24])
{
    const uint64_t tenth = 100000000, doubt = 1000;
    uint64_t rest = ns % tenth, tenths = (ns + tenth / 2) / tenth;

    if (ns >> 56 || (rest > tenth / 2 - doubt && rest < tenth / 2 + doubt)) {
        snprintf(text, 24, "%.1f", (double)ns / 1e9);
    } else {
        struct row r;

        r.length = 0;
        row_number(&r, tenths / 10, 0);
        row_add(&r, ".", 1);
        row_number(&r, tenths % 10, 0);
        row_add(&r, "", 1);
        memcpy(text, r.text, r.length);
    }
}

/* What the columns of list and claims have in common: "%-40s %5u %5lu %5u     %s  %8s". */
static void list_columns(FILE *f, const struct domain_info *d)
{
    char state[7], seconds[24];
    struct row r;

    r.length = 0; /* and not all of it */
    format_state(d, state);
    format_seconds(d->cpu_time, seconds);
    row_column(&r, name_of(d), -40);
    row_add(&r, " ", 1);
    row_number(&r, d->domid, 5);
    row_add(&r, " ", 1);
    row_number(&r, (d->memory_kb + d->outstanding_kb) / 1024, 5);
    row_add(&r, " ", 1);
    row_number(&r, d->vcpus_online, 5);
    row_add(&r, "     ", 5);
    row_column(&r, state, 0);
    row_add(&r, "  ", 2);
    row_column(&r, seconds, 8);
    fwrite(r.text, 1, r.length, f);
}

void format_list_row(FILE *f, const struct format_list *o, const struct domain_info *d,
                     const struct format_list_extra *x)
{
    char uuid[37];

    list_columns(f, d);
    if (o->verbose) {
        uuid_format(d->uuid, uuid);
        fprintf(f, " %s ", uuid);
        if (d->shutdown) {
            fprintf(f, "%8x", d->stop_reason);
        } else {
            fprintf(f, "%8s", "-");
        }
    }
    if (o->verbose || o->label) {
        fprintf(f, " %16s", x->label ? x->label : "-");
    }
    if (o->pool) {
        fprintf(f, "%16s", x->pool);
    }
    if (o->nodes) {
        fprintf(f, " %s", x->nodes);
    }
    fputc('\n', f);
}

void format_claims_heading(FILE *f)
{
    fprintf(f, "%-40s %5s %5s %5s\t%s\t%s  %s\n", "Name", "ID", "Mem", "VCPUs", "State", "Time(s)",
            "Claimed");
}

void format_claims_row(FILE *f, const struct domain_info *d)
{
    list_columns(f, d);
    fprintf(f, " %5lu\n", (unsigned long)(d->outstanding_kb / 1024));
}

void format_vcpu_heading(FILE *f)
{
    fprintf(f, "%-32s %5s %5s %5s %5s %9s %s\n", "Name", "ID", "VCPU", "CPU", "State", "Time(s)",
            "Affinity (Hard / Soft)");
}

void format_vcpu_row(FILE *f, const struct format_vcpu *v)
{
    fprintf(f, "%-32s %5u %5u", v->name, v->domid, v->vcpu);
    if (!v->online) {
        fprintf(f, "%5s %3s%cp ", "-", "-", '-');
    } else {
        fprintf(f, "%5u %3c%c- ", v->cpu, v->running ? 'r' : '-', v->blocked ? 'b' : '-');
    }
    fprintf(f, "%9.1f  %s / %s\n", (double)v->cpu_time / 1e9, v->hard, v->soft);
}

static bool bit_set(const uint8_t *bytes, unsigned int bits, unsigned int i)
{
    return i < bits && (bytes[i / 8] >> (i % 8) & 1);
}

void format_bitmap(char *text, size_t size, const uint8_t *bytes, unsigned int bits)
{
    unsigned int set = 0;
    size_t used = 0;

    for (unsigned int i = 0; i < bits; i++) {
        set += bit_set(bytes, bits, i);
    }
    snprintf(text, size, "%s", set == bits ? "all" : set ? "" : "none");
    for (unsigned int first = 0; set && set != bits && first < bits && used < size; first++) {
        unsigned int last = first;

        if (!bit_set(bytes, bits, first)) {
            continue;
        }
        while (bit_set(bytes, bits, last + 1)) {
            last++;
        }
        used += (size_t)snprintf(text + used, size - used, "%s%u", used ? "," : "", first);
        if (last > first && used < size) {
            used += (size_t)snprintf(text + used, size - used, "-%u", last);
        }
        first = last;
    }
}

void format_uptime(char *text, size_t size, uint64_t seconds)
{
    unsigned int days = (unsigned int)(seconds / 86400), rest = (unsigned int)(seconds % 86400);
    int used = 0;

    if (days) {
        used = snprintf(text, size, "%u day%s, ", days, days > 1 ? "s" : "");
    }
    snprintf(text + used, size - (size_t)used, "%2u:%02u:%02u", rest / 3600, rest / 60 % 60, rest % 60);
}

void format_uptime_short(char *text, size_t size, uint64_t seconds)
{
    unsigned int days = (unsigned int)(seconds / 86400), rest = (unsigned int)(seconds % 86400);
    int used = 0;

    if (days) {
        used = snprintf(text, size, "%u day%s, ", days, days > 1 ? "s" : "");
    }
    snprintf(text + used, size - (size_t)used, "%2u:%02u", rest / 3600, rest / 60 % 60);
}

void format_uptime_heading(FILE *f)
{
    fprintf(f, "%-33s %4s %s\n", "Name", "ID", "Uptime");
}

void format_uptime_row(FILE *f, const char *name, uint32_t domid, uint64_t seconds)
{
    char text[64];

    format_uptime(text, sizeof(text), seconds);
    fprintf(f, "%-33s %4u %s\n", name, domid, text);
}

void format_sched_heading(FILE *f)
{
    fprintf(f, "%-33s %4s %6s %4s\n", "Name", "ID", "Weight", "Cap");
}

void format_sched_row(FILE *f, const char *name, uint32_t domid, unsigned int weight, unsigned int cap)
{
    fprintf(f, "%-33s %4u %6u %4u\n", name, domid, weight, cap);
}

void format_cpupool_heading(FILE *f, bool cpus)
{
    if (cpus) {
        fprintf(f, "%-19s%s\n", "Name", "CPU list");
    } else {
        fprintf(f, "%-19s%s\n", "Name", "CPUs   Sched     Active   Domain count");
    }
}

void format_cpupool_row(FILE *f, const char *name, unsigned int cpus, const char *sched, unsigned int domains)
{
    fprintf(f, "%-19s%3u %9s       y       %4u\n", name, cpus, sched, domains);
}

void format_cpupool_cpus(FILE *f, const char *name, const uint8_t *bytes, unsigned int bits)
{
    bool any = false;

    fprintf(f, "%-19s", name);
    for (unsigned int i = 0; i < bits; i++) {
        if (bit_set(bytes, bits, i)) {
            fprintf(f, "%s%u", any ? "," : "", i);
            any = true;
        }
    }
    fputc('\n', f);
}

void format_block_heading(FILE *f)
{
    fprintf(f, "%-5s %-3s %-6s %-5s %-6s %-8s %-30s\n", "Vdev", "BE", "handle", "state", "evt-ch", "ring-ref",
            "BE-path");
}

void format_block_row(FILE *f, const struct format_device *d)
{
    fprintf(f, "%-5d %-3u %-6u %-5d %-6d %-8d %-30s\n", d->devid, d->backend_id, d->frontend_id, d->state,
            d->evtch, d->ring, d->backend);
}

void format_network_heading(FILE *f)
{
    fprintf(f, "%-3s %-2s %-17s %-6s %-5s %-6s %5s/%-5s %-30s\n", "Idx", "BE", "Mac Addr.", "handle", "state",
            "evt-ch", "tx-", "rx-ring-ref", "BE-path");
}

void format_network_row(FILE *f, unsigned int index, const struct format_device *d)
{
    fprintf(f, "%-3u %-2u %-17s %5d %5d %6d %5d/%-11d %-30s\n", index, d->backend_id, d->mac, d->devid,
            d->state, d->evtch, d->ring, d->ring2, d->backend);
}

void format_info(FILE *f, const char *name, const char *format, ...)
{
    va_list args;

    fprintf(f, "%-23s: ", name);
    va_start(args, format);
    vfprintf(f, format, args);
    va_end(args);
    fputc('\n', f);
}
