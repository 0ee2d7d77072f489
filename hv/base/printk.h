/* SPDX-License-Identifier: MIT */
/*
 * The log: text goes to the console ring (xl dmesg) and the console devices. Levels follow loglvl= and
 * guest_loglvl=; the guest levels (G) are for what a guest can cause and are rate limited.
 */
#ifndef HV_BASE_PRINTK_H
#define HV_BASE_PRINTK_H

#include "hv/lib/types.h"

enum log_level { LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

void printk_at(enum log_level level, bool guest, const char *fmt, ...) PRINTF_LIKE(3, 4);

#define log_error(...)   printk_at(LOG_ERR, false, __VA_ARGS__)
#define log_warning(...) printk_at(LOG_WARNING, false, __VA_ARGS__)
#define log_info(...)    printk_at(LOG_INFO, false, __VA_ARGS__)
#define log_debug(...)   printk_at(LOG_DEBUG, false, __VA_ARGS__)
#define glog_warning(...) printk_at(LOG_WARNING, true, __VA_ARGS__)
#define glog_info(...)   printk_at(LOG_INFO, true, __VA_ARGS__)
#define glog_debug(...)  printk_at(LOG_DEBUG, true, __VA_ARGS__)
/* Always shown: dumps, panics. */
#define printk(...)      printk_at(LOG_ERR, false, __VA_ARGS__)

void printk_set_level(bool guest, enum log_level level);
enum log_level printk_level(bool guest);
const char *printk_level_name(enum log_level level);
/* LEVEL[/LEVEL], as loglvl= takes it: what is always shown, and what is shown rate limited. */
bool printk_parse_levels(const char *text, enum log_level *always, enum log_level *limited);
void printk_set_timestamps(bool on);
/* Raw bytes to the devices (dom0's console output), and to the ring when that is switched on: if dom0's
 * own reading of the ring landed there again, it would never end. */
void printk_write(const char *text, size_t len);
void printk_set_raw_to_ring(bool on);
/* After this, output waits for the device and takes no lock: panic and dumps. */
void printk_force_unlock(void);

/* A device that prints; registered once at boot, called with the console lock held. */
struct console_device {
    const char *name;
    void (*write)(const char *text, size_t len);
};
void printk_add_device(const struct console_device *dev);

/* Reading the ring, as sysctl readconsole does: copies from *index (or the oldest byte when not
 * incremental), returns bytes copied and moves *index on; clear forgets what was read. */
size_t printk_ring_read(char *buf, size_t size, uint32_t *index, bool incremental, bool clear);

/* The ring once more, to the devices only. */
void printk_show_ring(void);

/* A larger ring than the one built in; what was logged so far is kept. size is a power of two. */
void printk_set_ring(char *buf, size_t size);

/* What panic() does when it has printed: reboot after five seconds (the default), or halt. */
void panic_set_reboot(bool on);
NORETURN void panic(const char *fmt, ...) PRINTF_LIKE(1, 2);
NORETURN void bug_at(const char *file, int line, const char *what);

#define BUG() bug_at(__FILE__, __LINE__, "bug")
#define BUG_ON(cond)                                                                             \
    do {                                                                                         \
        if (unlikely(cond)) {                                                                    \
            bug_at(__FILE__, __LINE__, #cond);                                                   \
        }                                                                                        \
    } while (0)
#ifdef DEBUG
#define ASSERT(cond) BUG_ON(!(cond))
#else
#define ASSERT(cond) ((void)sizeof(!(cond)))
#endif

#endif
