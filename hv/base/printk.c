/* SPDX-License-Identifier: MIT */
/*
 * The log: every line gets the prefix users' tools expect, goes into the ring that `xl dmesg`
 * reads, and to each registered console device.
 *
 * Lock: console_lock, taken with interrupts off, outside the order check: anybody may log,
 * whatever they hold. A CPU that logs while it already holds the lock (a device driver that
 * panics) goes on without it. The text of one call is formatted on the stack before the lock is
 * taken, so a call is one unbroken piece of output.
 */
#include "hv/base/printk.h"

#include <stdarg.h>

#include "hv/arch_cpu.h"
#include "hv/base/lock.h"
#include "hv/base/softirq.h"
#include "hv/lib/printf.h"
#include "hv/lib/string.h"

#define PREFIX           "(XEN) "
#define RING_SIZE        16384U
#define TEXT_MAX         512
#define DEVICES_MAX      4
#define NOBODY           (~0U)
#define NS_PER_SECOND    1000000000ULL
#define RATE_BURST       10
#define RATE_INTERVAL_NS (5 * NS_PER_SECOND)

static struct spinlock console_lock = SPINLOCK_INIT(LOCK_CONSOLE);
static unsigned int console_holder = NOBODY;
static bool forced_unlock;

/* under console_lock: */
static char first_ring[RING_SIZE];
static char *ring = first_ring;
static uint32_t ring_size = RING_SIZE;
static uint32_t
    ring_produced;           /* bytes ever written; the ring holds the last ring_size of them */
static uint32_t ring_oldest; /* first byte not yet cleared or overwritten */
static const struct console_device *devices[DEVICES_MAX];
static unsigned int device_count;
static bool ring_news; /* something was added to the ring since the lock was taken */
static bool in_line; /* the last byte written did not end a line */
static uint64_t rate_start;
static unsigned int rate_used;
static unsigned int rate_missed;

/* set at boot or by a control operation, read without lock: */
#ifdef DEBUG
static unsigned int host_level = LOG_DEBUG;
#else
static unsigned int host_level = LOG_INFO;
#endif
static unsigned int guest_level = LOG_WARNING;
static bool raw_to_ring;
/* Messages about guests up to this level are shown however many there are: it was asked for. */
static int guest_unlimited = -1;
static bool timestamps;

struct console_hold {
    unsigned long flags;
    bool taken;
};

static struct console_hold console_take(void)
{
    struct console_hold hold = { .flags = arch_irq_save() };

    if (!READ_ONCE(forced_unlock) && READ_ONCE(console_holder) != arch_cpu_id()) {
        spin_lock_raw(&console_lock);
        WRITE_ONCE(console_holder, arch_cpu_id());
        hold.taken = true;
    }
    return hold;
}

static void console_drop(struct console_hold hold)
{
    bool news = ring_news && hold.taken;

    if (hold.taken) {
        ring_news = false;
        WRITE_ONCE(console_holder, NOBODY);
        __atomic_store_n(&console_lock.owner, (uint16_t)(console_lock.owner + 1),
                         __ATOMIC_RELEASE);
    }
    if (news) {
        softirq_raise(SOFTIRQ_LOG); /* takes no lock, whatever the caller holds */
    }
    arch_irq_restore(hold.flags);
}

static void put_on_devices(const char *text, size_t len)
{
    for (unsigned int i = 0; i < device_count; i++) {
        devices[i]->write(text, len);
    }
}

static void put(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        ring[ring_produced++ & (ring_size - 1)] = text[i];
    }
    ring_news = true;
    if (ring_produced - ring_oldest > ring_size) {
        ring_oldest = ring_produced - ring_size;
    }
    put_on_devices(text, len);
}

static void put_prefix(void)
{
    char stamp[32];

    put(PREFIX, sizeof(PREFIX) - 1);
    if (timestamps) {
        uint64_t now = arch_clock_now();
        int n = format_string(stamp, sizeof(stamp), "[%5llu.%06llu] ",
                              (unsigned long long)(now / NS_PER_SECOND),
                              (unsigned long long)(now % NS_PER_SECOND / 1000));

        put(stamp, MIN((size_t)n, sizeof(stamp) - 1));
    }
}

static void put_lines(const char *text, size_t len)
{
    while (len > 0) {
        const char *end = memchr(text, '\n', len);
        size_t n = end != NULL ? (size_t)(end - text) + 1 : len;

        if (!in_line) {
            put_prefix();
        }
        put(text, n);
        in_line = end == NULL;
        text += n;
        len -= n;
    }
}

/* Whether a message a guest can cause may pass now. */
static bool rate_allows(void)
{
    uint64_t now = arch_clock_now();

    if (now - rate_start >= RATE_INTERVAL_NS) {
        char text[64];
        unsigned int missed = rate_missed;

        rate_start = now;
        rate_used = 0;
        rate_missed = 0;
        if (missed > 0) {
            int n = format_string(text, sizeof(text), "%u messages about guests left out\n",
                                  missed);

            put_lines(text, MIN((size_t)n, sizeof(text) - 1));
        }
    }
    if (rate_used >= RATE_BURST) {
        rate_missed++;
        return false;
    }
    rate_used++;
    return true;
}

static void log_text(bool limited, const char *fmt, va_list args)
{
    char text[TEXT_MAX];
    int n = format_string_va(text, sizeof(text), fmt, args);
    size_t len = MIN((size_t)n, sizeof(text) - 1);
    struct console_hold hold;

    if ((size_t)n >= sizeof(text)) {
        text[sizeof(text) - 2] = '\n';
    }
    hold = console_take();
    if (!limited || rate_allows()) {
        put_lines(text, len);
    }
    console_drop(hold);
}

void printk_at(enum log_level level, bool guest, const char *fmt, ...)
{
    va_list args;

    if ((unsigned int)level > (guest ? guest_level : host_level)) {
        return;
    }
    va_start(args, fmt);
    log_text(guest && (int)level > guest_unlimited, fmt, args);
    va_end(args);
}

void printk_set_level(bool guest, enum log_level level)
{
    if (guest) {
        guest_level = level;
        guest_unlimited = (int)level;
    } else {
        host_level = level;
    }
}

enum log_level printk_level(bool guest)
{
    return guest ? guest_level : host_level;
}

static const struct {
    const char *name;
    enum log_level level;
} level_names[] = {
    { "none", LOG_ERR },  { "error", LOG_ERR },   { "warning", LOG_WARNING },
    { "info", LOG_INFO }, { "debug", LOG_DEBUG }, { "all", LOG_DEBUG },
};

/* The last of the names that mean the same. */
const char *printk_level_name(enum log_level level)
{
    unsigned int i = ARRAY_SIZE(level_names) - 1;

    while (level_names[i].level != level) {
        i--;
    }
    return level_names[i].name;
}

static bool parse_level(const char *text, size_t len, enum log_level *out)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(level_names); i++) {
        const char *name = level_names[i].name;

        if (strlen(name) == len && strncmp(text, name, len) == 0) {
            *out = level_names[i].level;
            return true;
        }
    }
    return false;
}

bool printk_parse_levels(const char *text, enum log_level *always, enum log_level *limited)
{
    const char *slash = strchr(text, '/');
    size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);

    if (!parse_level(text, len, always)) {
        return false;
    }
    *limited = *always;
    return slash == NULL || parse_level(slash + 1, strlen(slash + 1), limited);
}

void printk_set_timestamps(bool on)
{
    timestamps = on;
}

void printk_set_raw_to_ring(bool on)
{
    raw_to_ring = on;
}

void printk_write(const char *text, size_t len)
{
    struct console_hold hold = console_take();

    if (len > 0) {
        if (raw_to_ring) {
            put(text, len);
        } else {
            put_on_devices(text, len);
        }
        in_line = text[len - 1] != '\n';
    }
    console_drop(hold);
}

void printk_force_unlock(void)
{
    WRITE_ONCE(forced_unlock, true);
}

/* Console lock held: the ring's contents to one device, in pieces that do not wrap. */
static void show_ring(const struct console_device *dev)
{
    for (uint32_t at = ring_oldest; at != ring_produced;) {
        uint32_t offset = at & (ring_size - 1);
        uint32_t n = MIN(ring_produced - at, ring_size - offset);

        dev->write(&ring[offset], n);
        at += n;
    }
}

void printk_show_ring(void)
{
    struct console_hold hold = console_take();

    for (unsigned int i = 0; i < device_count; i++) {
        show_ring(devices[i]);
    }
    console_drop(hold);
}

void printk_add_device(const struct console_device *dev)
{
    struct console_hold hold = console_take();

    if (device_count < DEVICES_MAX) {
        show_ring(dev); /* what was logged before the device was known */
        devices[device_count++] = dev;
    }
    console_drop(hold);
}

void printk_set_ring(char *buf, size_t size)
{
    struct console_hold hold = console_take();
    uint32_t at = ring_oldest;

    if (ring_produced - at > size) {
        at = ring_produced - (uint32_t)size;
    }
    for (ring_oldest = at; at != ring_produced; at++) {
        buf[at & (size - 1)] = ring[at & (ring_size - 1)];
    }
    ring = buf;
    ring_size = (uint32_t)size;
    console_drop(hold);
}

size_t printk_ring_read(char *buf, size_t size, uint32_t *index, bool incremental, bool clear)
{
    struct console_hold hold = console_take();
    uint32_t at = ring_oldest;
    size_t n = 0;

    if (incremental && *index - ring_oldest <= ring_produced - ring_oldest) {
        at = *index;
    }
    while (n < size && at != ring_produced) {
        buf[n++] = ring[at++ & (ring_size - 1)];
    }
    *index = at;
    if (clear) {
        ring_oldest = at;
    }
    console_drop(hold);
    return n;
}
