/* SPDX-License-Identifier: MIT */
/*
 * The option table and its parsers: see cmdline.h. To add an option, add a field and a row.
 */
#include "hv/init/cmdline.h"

#include "hv/arch_cpu.h"
#include "hv/lib/string.h"

struct cmdline cmdline;

#define WORD_MAX 256

enum option_kind {
    OPTION_BOOL,
    OPTION_BOOL_INVERTED, /* name means "no" */
    OPTION_NUMBER,
    OPTION_SIZE,
    OPTION_TEXT,
    OPTION_CUSTOM
};

struct option {
    const char *name;
    enum option_kind kind;
    uint16_t offset;
    uint16_t size;
    /* value is "" when none is given; on is false for no-name. False: not understood. */
    bool (*parse)(struct cmdline *c, const char *value, bool on);
};

/* ---- values -------------------------------------------------------------------------------- */

static bool word_is(const char *word, size_t len, const char *text)
{
    return strlen(text) == len && strncmp(word, text, len) == 0;
}

/* 1, 0, or -1 when it is no boolean. */
static int boolean_of(const char *word, size_t len)
{
    static const char *const yes[] = { "on", "yes", "true", "enable", "1" };
    static const char *const no[] = { "off", "no", "false", "disable", "0" };

    for (unsigned int i = 0; i < ARRAY_SIZE(yes); i++) {
        if (word_is(word, len, yes[i])) {
            return 1;
        }
        if (word_is(word, len, no[i])) {
            return 0;
        }
    }
    return -1;
}

static bool parse_boolean(const char *value, bool on, bool *out)
{
    int b = value[0] == '\0' ? 1 : boolean_of(value, strlen(value));

    if (b < 0) {
        return false;
    }
    *out = (b == 1) == on;
    return true;
}

/* A suffix's shift; -1 for a character that is none. */
static int suffix_shift(char c)
{
    switch (c | 0x20) {
    case 'b':
        return 0;
    case 'k':
        return 10;
    case 'm':
        return 20;
    case 'g':
        return 30;
    case 't':
        return 40;
    default:
        return -1;
    }
}

/* Number with optional suffix (KiB without); a number before % stays as it is and the % is not taken. */
static bool parse_size(const char **text, uint64_t *out)
{
    const char *end;
    uint64_t n = string_to_u64(*text, &end);
    int shift;

    if (end == *text) {
        return false;
    }
    if (*end != '%') {
        shift = suffix_shift(*end);
        if (*end != '\0' && shift >= 0) {
            end++;
        } else {
            shift = 10;
        }
        if (n > ~0ULL >> shift) {
            return false;
        }
        n <<= shift;
    }
    *text = end;
    *out = n;
    return true;
}

/* [-](SIZE|N%)[+(SIZE|N%)]... */
static bool parse_amount(const char **text, struct cmdline_amount *out)
{
    struct cmdline_amount a = { .set = true, .negative = **text == '-' };
    const char *t = *text + (a.negative ? 1 : 0);

    for (;;) {
        uint64_t n;

        if (!parse_size(&t, &n)) {
            return false;
        }
        if (*t == '%') {
            if (n > 100) {
                return false;
            }
            a.percent = (unsigned int)n;
            t++;
        } else {
            a.bytes = n;
        }
        if (*t != '+') {
            break;
        }
        t++;
    }
    *text = t;
    *out = a;
    return true;
}

uint64_t cmdline_amount_bytes(const struct cmdline_amount *a, uint64_t total)
{
    uint64_t share = total / 100 * a->percent + total % 100 * a->percent / 100;
    uint64_t bytes;

    if (add_overflows(a->bytes, share, &bytes)) {
        bytes = ~0ULL;
    }
    if (a->negative) {
        return bytes >= total ? 0 : total - bytes;
    }
    return bytes;
}

/* Copies text that fits; else the field keeps what it has. */
static bool take_text(char *field, size_t size, const char *text)
{
    return strlen(text) < size && string_copy(field, text, size);
}

/* The next item of a comma list: its length, and *text moved past it; false at the end. */
static bool next_item(const char **text, const char **item, size_t *len)
{
    const char *t = *text;

    if (*t == '\0') {
        return false;
    }
    *item = t;
    while (*t != ',' && *t != '\0') {
        t++;
    }
    *len = (size_t)(t - *item);
    *text = *t == ',' ? t + 1 : t;
    return true;
}

/* "name", "no-name" or "name=boolean" in a list: true and *out set when it is that name. */
static bool list_boolean(const char *item, size_t len, const char *name, bool *out)
{
    size_t n = strlen(name);
    bool on = true;
    int b;

    if (len > 3 && strncmp(item, "no-", 3) == 0) {
        item += 3;
        len -= 3;
        on = false;
    }
    if (len < n || strncmp(item, name, n) != 0) {
        return false;
    }
    b = len == n ? 1 : item[n] == '=' ? boolean_of(item + n + 1, len - n - 1) : -1;
    if (b < 0) {
        return false;
    }
    *out = (b == 1) == on;
    return true;
}

/* ---- options with a syntax of their own ---------------------------------------------------- */

static bool parse_dom0_mem(struct cmdline *c, const char *value, bool on)
{
    if (value[0] == '\0' || !on) {
        return false;
    }
    for (;;) {
        struct cmdline_amount *a = &c->dom0_mem;

        if (strncmp(value, "min:", 4) == 0) {
            a = &c->dom0_mem_min;
            value += 4;
        } else if (strncmp(value, "max:", 4) == 0) {
            a = &c->dom0_mem_max;
            value += 4;
        }
        if (!parse_amount(&value, a)) {
            return false;
        }
        if (*value != ',') {
            return *value == '\0';
        }
        value++;
    }
}

static bool parse_count(const char **text, unsigned int *out)
{
    const char *end;
    uint64_t n = string_to_u64(*text, &end);

    if (end == *text || n > 0x7fffffff) {
        return false;
    }
    *text = end;
    *out = (unsigned int)n;
    return true;
}

/* N, or [MIN]-[MAX] */
static bool parse_dom0_max_vcpus(struct cmdline *c, const char *value, bool on)
{
    unsigned int min = 0;
    unsigned int max = 0;

    if (!on || (*value != '-' && !parse_count(&value, &min))) {
        return false;
    }
    if (*value == '-') {
        value++;
        if (*value != '\0' && !parse_count(&value, &max)) {
            return false;
        }
    } else {
        max = min;
    }
    if (*value != '\0' || (max != 0 && max < min)) {
        return false;
    }
    c->dom0_min_vcpus = min;
    c->dom0_max_vcpus = max;
    return true;
}

static bool parse_dom0(struct cmdline *c, const char *value, bool on)
{
    const char *item;
    size_t len;

    while (next_item(&value, &item, &len)) {
        bool ignored;

        if (word_is(item, len, "pv")) {
            c->dom0_pvh = false;
        } else if (word_is(item, len, "pvh")) {
            c->dom0_pvh = true;
        } else if (!list_boolean(item, len, "verbose", &c->dom0_verbose) &&
                   !list_boolean(item, len, "shadow", &ignored) &&
                   !list_boolean(item, len, "cpuid-faulting", &ignored) &&
                   !list_boolean(item, len, "msr-relaxed", &ignored) &&
                   !list_boolean(item, len, "pf-fixup", &ignored)) {
            return false;
        }
    }
    return on;
}

static bool hex_port(const char **text, unsigned int *out)
{
    unsigned int n = 0;
    unsigned int digits = 0;
    const char *t = *text;

    if (t[0] == '0' && (t[1] | 0x20) == 'x') {
        t += 2;
    }
    for (;; t++, digits++) {
        if (*t >= '0' && *t <= '9') {
            n = n * 16 + (unsigned int)(*t - '0');
        } else if ((*t | 0x20) >= 'a' && (*t | 0x20) <= 'f') {
            n = n * 16 + (unsigned int)((*t | 0x20) - 'a') + 10;
        } else {
            break;
        }
        if (n > 0xffff) {
            return false;
        }
    }
    *text = t;
    *out = n;
    return digits > 0;
}

/* Hexadecimal FIRST[-LAST],... */
static bool parse_dom0_ioports_disable(struct cmdline *c, const char *value, bool on)
{
    while (*value != '\0') {
        unsigned int first;
        unsigned int last;

        if (!hex_port(&value, &first)) {
            return false;
        }
        last = first;
        if (*value == '-') {
            value++;
            if (!hex_port(&value, &last) || last < first) {
                return false;
            }
        }
        if (c->dom0_denied_count == CMDLINE_PORTS_MAX) {
            return false;
        }
        c->dom0_denied[c->dom0_denied_count].first = (uint16_t)first;
        c->dom0_denied[c->dom0_denied_count].last = (uint16_t)last;
        c->dom0_denied_count++;
        if (*value == ',') {
            value++;
        } else if (*value != '\0') {
            return false;
        }
    }
    return on;
}

static bool parse_loglvl(struct cmdline *c, const char *value, bool on)
{
    enum log_level limited;

    return on && printk_parse_levels(value, &c->loglvl, &limited);
}

/* All messages about guests are rate limited, so the second level is the one that counts. */
static bool parse_guest_loglvl(struct cmdline *c, const char *value, bool on)
{
    enum log_level always;

    return on && printk_parse_levels(value, &always, &c->guest_loglvl);
}

static bool parse_console_timestamps(struct cmdline *c, const char *value, bool on)
{
    static const char *const kinds[] = { "date", "datems", "boot", "raw" };

    for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (strcmp(value, kinds[i]) == 0) {
            c->console_timestamps = on;
            return on;
        }
    }
    if (strcmp(value, "none") == 0) {
        c->console_timestamps = false;
        return on;
    }
    return parse_boolean(value, on, &c->console_timestamps);
}

static bool parse_vga(struct cmdline *c, const char *value, bool on)
{
    const char *item;
    size_t len;

    while (next_item(&value, &item, &len)) {
        if (word_is(item, len, "keep")) {
            c->vga_keep = true;
        } else if (len < sizeof(c->vga)) {
            memcpy(c->vga, item, len);
            c->vga[len] = '\0';
        } else {
            return false;
        }
    }
    return on;
}

static bool parse_watchdog(struct cmdline *c, const char *value, bool on)
{
    if (strcmp(value, "force") == 0) {
        c->watchdog = on;
        return on;
    }
    return parse_boolean(value, on, &c->watchdog);
}

static bool parse_reboot(struct cmdline *c, const char *value, bool on)
{
    if (!on || !take_text(c->reboot, sizeof(c->reboot), value)) {
        return false;
    }
    /* "no" and "n" ask for no reboot at all. */
    if (value[0] == 'n') {
        c->noreboot = true;
    }
    return true;
}

/* A boolean, or "idle": scrubbing always goes on while CPUs idle. */
static bool parse_bootscrub(struct cmdline *c, const char *value, bool on)
{
    if (strcmp(value, "idle") == 0) {
        c->bootscrub = true;
        return on;
    }
    return parse_boolean(value, on, &c->bootscrub);
}

static bool parse_gnttab(struct cmdline *c, const char *value, bool on)
{
    const char *item;
    size_t len;

    while (next_item(&value, &item, &len)) {
        bool ignored;

        if (len == 9 && strncmp(item, "max-ver:", 8) == 0 && (item[8] == '1' || item[8] == '2')) {
            c->gnttab_max_version = (unsigned int)(item[8] - '0');
        } else if (!list_boolean(item, len, "transitive", &c->gnttab_transitive) &&
                   !list_boolean(item, len, "transfer", &ignored)) {
            return false;
        }
    }
    return on;
}

static bool parse_conswitch(struct cmdline *c, const char *value, bool on)
{
    if (!on || (value[0] | 0x20) < 'a' || (value[0] | 0x20) > 'z') {
        return false;
    }
    c->conswitch = value[0] | 0x20;
    return true;
}

/* ---- the tables ---------------------------------------------------------------------------- */

#define FIELD(f)        offsetof(struct cmdline, f), sizeof(((struct cmdline *)0)->f)
#define BOOLEAN(n, f)   { n, OPTION_BOOL, FIELD(f), NULL }
#define INVERTED(n, f)  { n, OPTION_BOOL_INVERTED, FIELD(f), NULL }
#define NUMBER(n, f)    { n, OPTION_NUMBER, FIELD(f), NULL }
#define SIZE(n, f)      { n, OPTION_SIZE, FIELD(f), NULL }
#define TEXT(n, f)      { n, OPTION_TEXT, FIELD(f), NULL }
#define CUSTOM(n, fn)   { n, OPTION_CUSTOM, 0, 0, fn }

static const struct option options[] = {
    TEXT("console", console),
    TEXT("com1", com[0]),
    TEXT("dtuart", dtuart),
    TEXT("com2", com[1]),
    CUSTOM("vga", parse_vga),
    BOOLEAN("sync_console", sync_console),
    CUSTOM("console_timestamps", parse_console_timestamps),
    SIZE("conring_size", conring_size),
    BOOLEAN("console_to_ring", console_to_ring),
    CUSTOM("loglvl", parse_loglvl),
    CUSTOM("guest_loglvl", parse_guest_loglvl),
    CUSTOM("conswitch", parse_conswitch),

    BOOLEAN("noreboot", noreboot),
    CUSTOM("reboot", parse_reboot),
    CUSTOM("watchdog", parse_watchdog),
    NUMBER("watchdog_timeout", watchdog_timeout),

    SIZE("mem", mem),
    INVERTED("nosmp", smp),
    NUMBER("maxcpus", maxcpus),
    BOOLEAN("x2apic", x2apic),
    BOOLEAN("acpi", acpi),
    BOOLEAN("hpet", hpet),
    TEXT("clocksource", clocksource),
    CUSTOM("bootscrub", parse_bootscrub),
    TEXT("sched", sched),

    CUSTOM("dom0_mem", parse_dom0_mem),
    CUSTOM("dom0_max_vcpus", parse_dom0_max_vcpus),
    BOOLEAN("dom0_vcpus_pin", dom0_vcpus_pin),
    CUSTOM("dom0", parse_dom0),
    CUSTOM("dom0_ioports_disable", parse_dom0_ioports_disable),

    NUMBER("gnttab_max_frames", gnttab_max_frames),
    NUMBER("gnttab_max_maptrack_frames", gnttab_max_maptrack_frames),
    CUSTOM("gnttab", parse_gnttab),
    BOOLEAN("pv-linear-pt", pv_linear_pt),
};

/* What Xen 4.17 knows and what changes nothing here: accepted without a word. "placeholder" is what
 * GRUB's generated menus put where a file name could be. */
static const char *const ignored[] = {
    "placeholder", "acpi_apic_instance", "acpi_pstate_strict", "acpi_skip_timer_override",
    "acpi_sleep", "allow_unsafe", "allowsuperpage", "altp2m", "apic", "apic_verbosity", "apicv",
    "argo", "asid", "async-show-all", "ats", "availmem", "bootscrub_chunk", "cet",
    "cmci-threshold", "cmos-rtc-probe", "core_parking", "cpu_type", "cpufreq",
    "cpuid", "cpuid_mask_cpu", "cpuid_mask_ecx", "cpuid_mask_edx", "cpuid_mask_ext_ecx",
    "cpuid_mask_ext_edx", "cpuid_mask_l7s0_eax", "cpuid_mask_l7s0_ebx", "cpuid_mask_thermal_ecx",
    "cpuid_mask_xsave_eax", "cpuidle", "cpuinfo", "crashinfo_maxaddr", "crashkernel",
    "credit2_balance_over", "credit2_balance_under", "credit2_cap_period_ms",
    "credit2_load_precision_shift", "credit2_load_window_shift", "credit2_runqueue", "dbgp",
    "debug_stack_lines", "debugtrace", "dit", "dma_bits", "dom0-cpuid", "dom0-iommu",
    "dom0_nodes", "dom0_shadow", ARCH_IGNORED_OPTIONS "e820-mtrr-clip", "e820-verbose", "edd", "edid", "efi",
    "ept", "ext_regions", "extra_guest_irqs", "flask", "font", "force-ept", "gdb", "global-pages",
    "hap", "hap_1gb", "hap_2mb", "hardware_dom", "hest_disable", "highmem-start", "hmp-unsafe",
    "hpetbroadcast", "hvm_debug", "hvm_fep", "hvm_port80", "idle_latency_factor", "invpcid",
    "ioapic_ack", "iommu", "iommu_dev_iotlb_timeout", "iommu_inclusive_mapping",
    "irq-max-guests", "irq_ratelimit", "irq_vector_map", "ivmd", "ivrs_hpet", "ivrs_ioapic",
    "lapic", "lapic_timer_c2_ok", "ler", "low_crashinfo", "low_mem_virq_limit", "max_cstate",
    "max_gsi_irqs", "mce", "mce_fb", "mce_verbosity", "memop-max-order", "mmcfg", "msi",
    "mtrr.show", "mwait-idle", "nmi", "no-real-mode", "real-mode", "noirqbalance", "nr_irqs",
    "numa", "pci", "pci-phantom", "pci-passthrough", "pcid", "pdx-compress", "pku", "ple_gap",
    "ple_window", "psr", "pv", "pv-l1tf", "pv-shim", "rcu-idle-timer-period-ms", "rmrr",
    "ro-hpet", "sched-gran", "sched_credit_tslice_ms", "sched_ratelimit_us",
    "sched_smt_power_savings", "scrub-domheap", "serial_tx_buffer", "serrors", "shim_mem",
    "smap", "smep", "smt", "snb_igd_quirk", "spec-ctrl", "tboot", "tbuf_size", "tdt",
    "tevt_mask", "tickle_one_idle_cpu", "timer_slop", "tsc", "tsx", "ucode",
    "unrestricted_guest", "vcpu_migration_delay", "vesa-map", "vesa-mtrr", "vesa-ram",
    "viridian-spinlock-retry-count", "viridian-version", "vm-notify-window", "vmtrace", "vpid",
    "vpmu", "vwfi", "wallclock", "x2apic_phys", "xenheap_megabytes", "xpti", "xsave", "xsm",
};

static bool same_name(const char *a, const char *b)
{
    for (;; a++, b++) {
        char x = *a == '_' ? '-' : *a;
        char y = *b == '_' ? '-' : *b;

        if (x != y) {
            return false;
        }
        if (x == '\0') {
            return true;
        }
    }
}

static bool is_ignored(const char *name)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(ignored); i++) {
        if (same_name(name, ignored[i])) {
            return true;
        }
    }
    return false;
}

static const struct option *find_option(const char *name)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(options); i++) {
        if (same_name(name, options[i].name)) {
            return &options[i];
        }
    }
    return NULL;
}

static void complain(struct cmdline *c, const char *name, bool bad_value)
{
    struct cmdline_complaint *n = &c->complaints[c->complaint_count];
    char cut[CMDLINE_NAME_MAX];

    string_copy(cut, name, sizeof(cut));
    for (unsigned int i = 0; i < c->complaint_count; i++) {
        if (strcmp(c->complaints[i].name, cut) == 0) {
            return;
        }
    }
    if (c->complaint_count == CMDLINE_COMPLAINTS_MAX) {
        return;
    }
    memcpy(n->name, cut, sizeof(cut));
    n->bad_value = bad_value;
    c->complaint_count++;
}

/* ---- parsing ------------------------------------------------------------------------------- */

static bool parse_number_field(void *field, const char *value)
{
    unsigned int n;

    if (!parse_count(&value, &n) || *value != '\0') {
        return false;
    }
    *(unsigned int *)field = n;
    return true;
}

static bool parse_size_field(void *field, const char *value)
{
    uint64_t n;

    if (!parse_size(&value, &n) || *value != '\0') {
        return false;
    }
    *(uint64_t *)field = n;
    return true;
}

static bool apply(const struct option *o, struct cmdline *c, const char *value, bool on)
{
    void *field = (char *)c + o->offset;

    switch (o->kind) {
    case OPTION_BOOL:
        return parse_boolean(value, on, field);
    case OPTION_BOOL_INVERTED:
        return parse_boolean(value, !on, field);
    case OPTION_NUMBER:
        return on && parse_number_field(field, value);
    case OPTION_SIZE:
        return on && parse_size_field(field, value);
    case OPTION_TEXT:
        return on && take_text(field, o->size, value);
    case OPTION_CUSTOM:
        return o->parse(c, value, on);
    }
    return false;
}

static void parse_word(struct cmdline *c, char *word)
{
    char *equals = strchr(word, '=');
    const char *value = "";
    const struct option *o;
    const char *name = word;
    bool on = true;

    if (equals != NULL) {
        *equals = '\0';
        value = equals + 1;
    }
    if (is_ignored(name)) {
        return;
    }
    o = find_option(name);
    if (o == NULL && strncmp(name, "no-", 3) == 0) {
        on = false;
        o = find_option(name + 3);
        if (o == NULL && is_ignored(name + 3)) {
            return;
        }
    }
    if (o == NULL) {
        complain(c, name, false);
    } else if (!apply(o, c, value, on)) {
        complain(c, name, true);
    }
}

static void set_defaults(struct cmdline *c)
{
    memset(c, 0, sizeof(*c));
    string_copy(c->console, "com1,vga", sizeof(c->console));
#ifdef DEBUG
    c->loglvl = LOG_DEBUG;
    c->guest_loglvl = LOG_DEBUG;
#else
    c->loglvl = LOG_INFO;
    c->guest_loglvl = LOG_WARNING;
#endif
    c->conswitch = 'a';
    c->watchdog_timeout = 5;
    c->smp = true;
    c->pv_linear_pt = true;
    c->x2apic = true;
    c->acpi = true;
    c->hpet = true;
    c->bootscrub = true;
    c->gnttab_max_frames = 64;
    c->gnttab_max_maptrack_frames = 1024;
    c->gnttab_max_version = 2;
    c->gnttab_transitive = true;
}

void cmdline_parse(const char *text, struct cmdline *out)
{
    char word[WORD_MAX];

    set_defaults(out);
    for (;;) {
        size_t len = 0;

        while (*text == ' ' || *text == '\t') {
            text++;
        }
        if (*text == '\0') {
            return;
        }
        while (text[len] != '\0' && text[len] != ' ' && text[len] != '\t') {
            len++;
        }
        memcpy(word, text, MIN(len, sizeof(word) - 1));
        word[MIN(len, sizeof(word) - 1)] = '\0';
        text += len;
        parse_word(out, word);
    }
}

void cmdline_init(const char *text)
{
    cmdline_parse(text, &cmdline);
}

void cmdline_report(const struct cmdline *c)
{
    for (unsigned int i = 0; i < c->complaint_count; i++) {
        const struct cmdline_complaint *n = &c->complaints[i];

        if (n->bad_value) {
            log_warning("command line: the value of %s is not understood; ignored\n", n->name);
        } else {
            log_warning("command line: unknown option %s; ignored\n", n->name);
        }
    }
}
