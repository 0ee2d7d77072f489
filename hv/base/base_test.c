/* SPDX-License-Identifier: MIT */
/* Locks (order check included), softirqs, tasklets, RCU and the log. */
#include "hv/arch/fake/fake.h"
#include "hv/base/lock.h"
#include "hv/base/printk.h"
#include "hv/base/rcu.h"
#include "hv/base/softirq.h"
#include "hv/lib/string.h"
#include "tests/unit/unit.h"

static struct spinlock low = SPINLOCK_INIT(LOCK_DOMAIN);
static struct spinlock high = SPINLOCK_INIT(LOCK_OWNER);
static struct spinlock high2 = SPINLOCK_INIT(LOCK_OWNER);

TEST(lock_right_order_is_fine)
{
    spin_lock(&low);
    spin_lock(&high);
    EXPECT_EQ(lock_debug_held(), 2);
    EXPECT(!spin_trylock(&high));
    spin_unlock(&low);
    spin_unlock(&high);
    EXPECT_EQ(lock_debug_held(), 0);
    spin_lock_pair(&high, &high2);
    EXPECT(spin_is_locked(&high) && spin_is_locked(&high2));
    spin_unlock_pair(&high, &high2);
    spin_lock_pair(&high, &high);
    spin_unlock_pair(&high, &high);
    EXPECT(spin_trylock(&low));
    spin_unlock(&low);
}

TEST_DIES(lock_wrong_order)
{
    spin_lock(&high);
    spin_lock(&low);
}

TEST_DIES(lock_same_level)
{
    spin_lock(&high);
    spin_lock(&high2);
}

TEST_DIES(lock_twice)
{
    spin_lock(&high);
    spin_lock(&high);
}

/* ---- Softirqs and tasklets --------------------------------------------------------------- */
static unsigned int order_seen[8];
static unsigned int order_count;

static void on_schedule(void)
{
    order_seen[order_count++] = SOFTIRQ_SCHEDULE;
}

static void on_timer(void)
{
    order_seen[order_count++] = SOFTIRQ_TIMER;
    softirq_raise(SOFTIRQ_SCHEDULE);
}

TEST(softirq_lowest_first_until_none)
{
    softirq_register(SOFTIRQ_SCHEDULE, on_schedule);
    softirq_register(SOFTIRQ_TIMER, on_timer);
    softirq_raise(SOFTIRQ_SCHEDULE);
    softirq_raise(SOFTIRQ_TIMER);
    EXPECT(softirq_pending());
    softirq_run();
    EXPECT(!softirq_pending());
    EXPECT_EQ(order_count, 2);
    EXPECT_EQ(order_seen[0], SOFTIRQ_TIMER);
    EXPECT_EQ(order_seen[1], SOFTIRQ_SCHEDULE);
    softirq_raise_on(1, SOFTIRQ_TIMER);
    softirq_raise_on(1, SOFTIRQ_TIMER);
    EXPECT_EQ(fake_cpus[1].ipis[ARCH_IPI_SOFTIRQ], 1);
    EXPECT_EQ(fake_cpus[1].softirq, BIT(SOFTIRQ_TIMER));
}

static struct tasklet tasklet;
static unsigned int tasklet_runs;

static void on_tasklet(void *data)
{
    tasklet_runs++;
    EXPECT(data == &tasklet_runs);
    if (tasklet_runs == 1) {
        tasklet_schedule(&tasklet);
        tasklet_schedule(&tasklet);
    }
}

TEST(tasklet_once_for_each_scheduling)
{
    softirq_init();
    tasklet_init(&tasklet, on_tasklet, &tasklet_runs);
    tasklet_schedule(&tasklet);
    tasklet_schedule(&tasklet);
    softirq_run();
    EXPECT_EQ(tasklet_runs, 2);
}

/* ---- RCU --------------------------------------------------------------------------------- */
static struct rcu_head heads[2];
static unsigned int freed;

static void on_free(struct rcu_head *head)
{
    freed++;
}

TEST(rcu_waits_for_every_cpu)
{
    rcu_init();
    rcu_call(&heads[0], on_free);
    softirq_run();
    EXPECT_EQ(freed, 0);
    rcu_call(&heads[1], on_free); /* belongs to the next period */
    softirq_run();
    EXPECT_EQ(freed, 0);
    fake_cpu_switch(1);
    softirq_run();
    /* The first period ended here, and this CPU has already begun to pass through the second.
     */
    EXPECT_EQ(freed, 1);
    fake_cpu_switch(0);
    softirq_run();
    fake_cpu_switch(1);
    softirq_run();
    EXPECT_EQ(freed, 2);
}

/* ---- Log --------------------------------------------------------------------------------- */
static char log_text[20000];

static void read_log(void)
{
    uint32_t index = 0;
    size_t n = printk_ring_read(log_text, sizeof(log_text) - 1, &index, false, false);

    log_text[n] = '\0';
}

TEST(printk_lines_and_levels)
{
    printk_set_level(false, LOG_INFO);
    log_info("one\ntwo");
    log_info(" more\n");
    log_debug("hidden\n");
    printk_write("dom0's\n", 7);
    printk_set_raw_to_ring(true);
    printk_write("raw\n", 4);
    printk_set_timestamps(true);
    fake_clock_set(12345678901ULL);
    log_error("late\n");
    read_log();
    EXPECT_STR(log_text, "(XEN) one\n(XEN) two more\nraw\n(XEN) [   12.345678] late\n");
}

TEST(printk_limits_guests)
{
    unsigned int lines = 0;

    for (unsigned int i = 0; i < 1000; i++) {
        glog_warning("guest did %u\n", i);
    }
    fake_clock_advance(6000000000ULL);
    glog_warning("again\n");
    read_log();
    for (const char *p = log_text; *p != '\0'; p++) {
        lines += *p == '\n';
    }
    EXPECT_EQ(lines, 12);
    EXPECT(strstr(log_text, "990 messages") != NULL);
}

TEST(printk_ring_wraps_and_moves)
{
    static char larger[65536];
    char buf[100];
    uint32_t index = 0;
    size_t n;

    for (unsigned int i = 0; i < 5000; i++) {
        log_error("line %u\n", i);
    }
    read_log();
    EXPECT_EQ(strlen(log_text), 16384);
    EXPECT(strstr(log_text, "line 4999\n") != NULL);
    printk_set_ring(larger, sizeof(larger));
    log_error("after\n");
    n = printk_ring_read(log_text, sizeof(log_text), &index, false, false);
    EXPECT_EQ(n, 16384 + 12);
    EXPECT_EQ(printk_ring_read(buf, sizeof(buf), &index, true, true), 0);
    log_error("new\n");
    n = printk_ring_read(buf, sizeof(buf), &index, true, true);
    buf[n] = '\0';
    EXPECT_STR(buf, "(XEN) new\n");
    index = 0;
    EXPECT_EQ(printk_ring_read(buf, sizeof(buf), &index, false, false), 0);
}
