/* SPDX-License-Identifier: MIT */
/*
 * The end: prints why, dumps this CPU's stack, stops the others, then reboots or halts. A panic
 * within a panic, and a second CPU's panic, only halt.
 */
#include "hv/base/printk.h"

#include <stdarg.h>

#include "hv/arch_cpu.h"
#include "hv/base/lock.h"
#include "hv/lib/printf.h"

#define REBOOT_DELAY_NS 5000000000ULL
#define SPINS_AT_MOST   (1ULL << 32) /* for a panic before the clock runs */

static bool reboot_after_panic = true;
static unsigned int panics;

void panic_set_reboot(bool on)
{
    reboot_after_panic = on;
}

static void wait_before_reboot(void)
{
    uint64_t start = arch_clock_now();

    for (uint64_t i = 0; i < SPINS_AT_MOST && arch_clock_now() - start < REBOOT_DELAY_NS; i++) {
        arch_relax();
    }
}

static NORETURN COLD void die(const char *why)
{
    arch_irq_disable();
    if (__atomic_fetch_add(&panics, 1, __ATOMIC_SEQ_CST) > 0) {
        arch_halt();
    }
    lock_debug_stop();
    printk_force_unlock();
    printk("\n****************************************\n");
    printk("Panic on CPU %u:\n%s\n", arch_cpu_id(), why);
    printk("****************************************\n");
    arch_dump_stack();
    arch_stop_others();
    if (!reboot_after_panic) {
        printk("Halted.\n");
        arch_reset(ARCH_RESET_HALT);
    }
    printk("Rebooting in five seconds.\n");
    wait_before_reboot();
    arch_reset(ARCH_RESET_REBOOT);
}

void panic(const char *fmt, ...)
{
    char text[256];
    va_list args;

    va_start(args, fmt);
    format_string_va(text, sizeof(text), fmt, args);
    va_end(args);
    die(text);
}

void bug_at(const char *file, int line, const char *what)
{
    char text[256];

    format_string(text, sizeof(text), "%s:%d: %s", file, line, what);
    die(text);
}
