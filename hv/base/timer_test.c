/* SPDX-License-Identifier: MIT */
/* Timers on two CPUs against a plain array of deadlines: each fires once, at its time, in
 * order, on its CPU. */
#include "hv/base/timer.h"

#include "hv/arch/fake/fake.h"
#include "hv/base/softirq.h"
#include "tests/unit/unit.h"

#define TIMERS 200

static struct timer timers[TIMERS];
static uint64_t deadlines[TIMERS]; /* 0: not pending */
static uint64_t last_fired;
static unsigned int fired;

static void on_fire(void *data)
{
    unsigned int i = (unsigned int)(unsigned long)data;

    EXPECT(deadlines[i] != 0 && deadlines[i] <= arch_clock_now());
    EXPECT(deadlines[i] >= last_fired);
    EXPECT_EQ(timers[i].cpu, arch_cpu_id());
    EXPECT(arch_irq_enabled());
    last_fired = deadlines[i];
    deadlines[i] = 0;
    fired++;
}

static uint64_t earliest(unsigned int cpu)
{
    uint64_t first = ~0ULL;

    for (unsigned int i = 0; i < TIMERS; i++) {
        if (deadlines[i] != 0 && timers[i].cpu == cpu) {
            first = MIN(first, deadlines[i]);
        }
    }
    return first;
}

static void run_timers(unsigned int cpu)
{
    fake_cpu_switch(cpu);
    last_fired = 0;
    softirq_raise(SOFTIRQ_TIMER);
    softirq_run();
    EXPECT_EQ(fake_cpus[cpu].timer_deadline, earliest(cpu));
    EXPECT(earliest(cpu) > arch_clock_now());
}

static void random_step(void)
{
    unsigned int i = unit_random_below(TIMERS);

    fake_cpu_switch(unit_random_below(2));
    switch (unit_random_below(5)) {
    case 0:
        timer_stop(&timers[i]);
        deadlines[i] = 0;
        break;
    case 1:
        timer_migrate(&timers[i], unit_random_below(2));
        break;
    default:
        deadlines[i] = arch_clock_now() + 1 + unit_random_below(1000);
        timer_set(&timers[i], deadlines[i]);
        /* A new first deadline is programmed here, or the other CPU is asked to look. */
        EXPECT(fake_cpus[timers[i].cpu].timer_deadline <= deadlines[i] ||
               (fake_cpus[timers[i].cpu].softirq & BIT(SOFTIRQ_TIMER)));
        break;
    }
    EXPECT_EQ(timer_is_pending(&timers[i]), deadlines[i] != 0);
}

TEST(timer_matches_model)
{
    timer_init_module();
    for (unsigned int i = 0; i < TIMERS; i++) {
        timer_init(&timers[i], on_fire, (void *)(unsigned long)i, i % 2);
    }
    for (unsigned int round = 0; round < 3000; round++) {
        for (unsigned int n = unit_random_below(20); n > 0; n--) {
            random_step();
        }
        fake_clock_advance(unit_random_below(100));
        run_timers(0);
        run_timers(1);
    }
    EXPECT(fired > 1000);
}

static struct timer again;
static unsigned int again_count;

static void set_again(void *data)
{
    again_count++;
    timer_set(&again, arch_clock_now());
}

TEST(timer_that_sets_itself_gives_way)
{
    timer_init_module();
    timer_init(&again, set_again, NULL, 0);
    timer_set(&again, 5);
    fake_clock_set(5);
    softirq_raise(SOFTIRQ_TIMER);
    softirq_run();
    EXPECT(again_count >= 1 && again_count < 1000);
    EXPECT(timer_is_pending(&again));
    EXPECT_EQ(fake_cpus[0].timer_deadline, 5);
}

TEST(timer_killed_stays_dead)
{
    timer_init_module();
    timer_init(&again, set_again, NULL, 0);
    timer_set(&again, 5);
    fake_clock_set(5);
    timer_kill(&again);
    timer_set(&again, 10);
    EXPECT(!timer_is_pending(&again));
    softirq_raise(SOFTIRQ_TIMER);
    softirq_run();
    EXPECT_EQ(again_count, 0);
    EXPECT_EQ(fake_cpus[0].timer_deadline, ~0ULL);
}
