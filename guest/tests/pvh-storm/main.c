/* SPDX-License-Identifier: MIT */
/*
 * A guest whose vcpus send each other wrong interrupts and reprogram their local APICs at random: commands of every
 * delivery mode to whom they like, self, broadcast or nobody, INIT and startup in the wrong order and at the wrong
 * page, NMIs, timers of any period in any mode, the APIC in its two modes and switched off and moved, all registers
 * by page and by MSR, with interrupts on in between. How it ends is open: only it may suffer, and whoever built it
 * must find its memory again. Command line: seed=N (else by the clock).
 */
#include "guest/libguest/console.h"
#include "guest/libguest/pvh/pvh.h"
#include "guest/libguest/pvh/smp.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"
#include "guest/libguest/x86/cpu.h"
#include "guest/libguest/x86/percpu.h"
#include "guest/libguest/x86/traps.h"

#define APIC          0xfee00000UL
#define MSR_APIC_BASE 0x1bU
#define MSR_DEADLINE  0x6e0U
#define BASE_ENABLE   0x800UL
#define BASE_X2APIC   0x400UL

enum { VCPUS = 4, ICR = 0x300, ICR_HIGH = 0x310, LVT_TIMER = 0x320, INITIAL = 0x380, DIVIDE = 0x3e0 };

static uint64_t seeds[VCPUS];

static uint64_t random(void)
{
    uint64_t *seed = &seeds[percpu()->vcpu % VCPUS];

    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* These fault when they like: skip_msr() goes on behind them, on whichever vcpu it is. */
static void write_msr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}

static void read_msr(uint32_t msr)
{
    uint32_t low = 0, high = 0;

    __asm__ volatile("rdmsr" : "+a"(low), "+d"(high) : "c"(msr) : "memory");
}

static bool skip_msr(struct trap_frame *f)
{
    const uint8_t *at = (const uint8_t *)f->rip;

    f->rip += 2;
    return at[0] == 0x0f && (at[1] == 0x30 || at[1] == 0x32);
}

/* By its page or by its MSR, whichever mode it is in: the other is a fault or nothing. */
static void put(unsigned int reg, uint64_t value)
{
    if (random() % 2) {
        write_msr(0x800 + reg / 16, value);
        return;
    }
    if (reg == ICR) {
        *(volatile uint32_t *)(APIC + ICR_HIGH) = (uint32_t)(value >> 32);
    }
    *(volatile uint32_t *)(APIC + reg) = (uint32_t)value;
}

/* INIT and startup messages are rare: a vcpu that starts anew does so on another's stack, and the guest ends soon. */
static void send(void)
{
    uint64_t to = random() % 2 ? 2 * (random() % (VCPUS + 1)) : random();
    uint64_t command = random() & 0xcc8ff; /* vector, no INIT or startup: bits 8 to 10 are 0 */

    switch (random() % 512) {
    case 0:
        command |= 0x500; /* INIT */
        break;
    case 1:
        command = 0x600 | PVH_AP_PAGE | (command & 0xc0000);
        break;
    case 2:
        command |= 0x600;
        break;
    case 3 ... 16:
        command |= 0x400; /* NMI */
        break;
    case 17 ... 64:
        command |= random() & 0x300; /* lowest priority, SMI, what is reserved */
        break;
    default:
        break;
    }
    put(ICR, command | (random() % 2 ? to << 32 : to << 56));
}

static void program_timer(void)
{
    put(DIVIDE, random());
    put(LVT_TIMER, (random() & 0x600ff) | (random() % 4 == 0 ? 0x10000 : 0));
    put(INITIAL, random() >> (32 + random() % 32));
    if (random() % 4 == 0) {
        write_msr(MSR_DEADLINE, random() >> 26);
    }
}

static void change_mode(void)
{
    uint64_t value = APIC | (random() & (BASE_ENABLE | BASE_X2APIC)) | (random() % 16 == 0 ? random() : 0);

    write_msr(MSR_APIC_BASE, value);
    if (random() % 2) {
        write_msr(MSR_APIC_BASE, APIC | BASE_ENABLE);
    }
}

static void touch_register(void)
{
    if (random() % 2) {
        put((unsigned int)random() & 0xff0, random());
    } else if (random() % 2) {
        read_msr(0x800 + random() % 256);
    } else {
        (void)*(volatile uint32_t *)(APIC + (random() & 0xffc));
    }
}

/* Takes what has come: by halting, with the timer as the way out, or in passing. */
static void open(void)
{
    pvh_sti();
    if (random() % 64 == 0) {
        __asm__ volatile("pause");
    }
    __asm__ volatile("nop; nop" : : : "memory");
    pvh_cli();
}

static void storm(void)
{
    static void (*const acts[])(void) = { send, send, send, program_timer, touch_register, open, open };

    for (;;) {
        if (random() % 64 == 0) {
            change_mode();
        }
        acts[random() % (sizeof(acts) / sizeof(acts[0]))]();
    }
}

/* Half of what comes is never acknowledged. */
static bool on_interrupt(struct trap_frame *f)
{
    (void)f;
    if (random() % 2) {
        put(0xb0, 0);
    }
    return true;
}

void test_main(void)
{
    uint64_t seed = string_option(start_cmdline(), "seed", cpu_rdtsc());

    test_note("seed of this one: %lu", seed);
    console_drain();
    for (unsigned int i = 0; i < VCPUS; i++) {
        seeds[i] = (seed + i) * 0x9e3779b97f4a7c15UL | 1;
    }
    for (unsigned int i = 32; i < TRAP_COUNT; i++) {
        trap_hook(i, on_interrupt);
    }
    trap_hook(TRAP_NMI, on_interrupt);
    trap_hook(TRAP_GP, skip_msr);
    for (unsigned int i = 1; i < VCPUS; i++) {
        EXPECT(pvh_start_vcpu(i, storm));
    }
    storm();
}
