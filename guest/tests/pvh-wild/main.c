/* SPDX-License-Identifier: MIT */
/*
 * A guest that runs random bytes as code in ring 0, with random registers, and breaks its own page tables and control
 * registers on the way. How it ends is open; whoever built it must be able to destroy it and find its memory again.
 * Each fault starts anew with other bytes, until the kernel itself is broken. Command line: seed=N (else by the clock).
 */
#include "guest/libguest/console.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/pvh/pvh.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"
#include "guest/libguest/x86/cpu.h"
#include "guest/libguest/x86/pagetable.h"
#include "guest/libguest/x86/traps.h"

enum { CODE_BYTES = 8192 };

static uint8_t code[CODE_BYTES] __attribute__((aligned(4096)));
static uint8_t stack[8192] __attribute__((aligned(4096)));
static uint64_t seed;

static uint64_t random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* Openings of instructions that leave the guest, or change what it runs in. */
static const uint8_t openings[][5] = {
    { 0x0f, 0x01, 0xd9 },       /* vmmcall */
    { 0x0f, 0x01, 0xc1 },       /* vmcall */
    { 0x0f, 0x01, 0xd8 },       /* vmrun */
    { 0x0f, 0x01, 0xdc },       /* stgi */
    { 0x0f, 0x01, 0xd1 },       /* xsetbv */
    { 0x0f, 0x22, 0xc0 },       /* mov to cr0 */
    { 0x0f, 0x22, 0xd8 },       /* mov to cr3 */
    { 0x0f, 0x22, 0xe0 },       /* mov to cr4 */
    { 0x0f, 0x22, 0xc1 },
    { 0x0f, 0x30 },             /* wrmsr */
    { 0x0f, 0x32 },             /* rdmsr */
    { 0x0f, 0xa2 },             /* cpuid */
    { 0x0f, 0x01, 0x18 },       /* lidt */
    { 0x0f, 0x00, 0xd8 },       /* ltr */
    { 0xcd, 0x80 },             /* int */
    { 0xcf },                   /* iret */
    { 0xcb },                   /* far return */
    { 0xf4 },                   /* hlt */
    { 0xee },                   /* out */
    { 0xf3, 0x6f },             /* rep outs */
    { 0xf3, 0xa5 },             /* rep movs */
    { 0xf0, 0x0f, 0xc7, 0x08 }, /* cmpxchg8b */
    { 0xfb },                   /* sti */
    { 0x8e, 0xd0 },             /* mov to ss */
    { 0x0f, 0x23, 0xf8 },       /* mov to dr7 */
};

static void fill_code(void)
{
    for (unsigned int i = 0; i < CODE_BYTES; i++) {
        code[i] = (uint8_t)random();
    }
    for (unsigned int i = 0; i < CODE_BYTES - 8; i += 1 + random() % 24) {
        memcpy(&code[i], openings[random() % (sizeof(openings) / sizeof(openings[0]))], 1 + random() % 4);
    }
}

/* Some entry of some table, made anything. */
static void break_tables(void)
{
    uint64_t *root = pagetable_root();
    uint64_t *table = root;

    for (unsigned int depth = random() % 4; depth > 0; depth--) {
        uint64_t entry = table[random() % 512];

        if (!(entry & PTE_P) || (entry & PTE_PSE) || pte_mfn(entry) >= start_info->nr_pages) {
            break;
        }
        table = (uint64_t *)(pte_mfn(entry) << 12);
    }
    table[random() % 512] = random() % 2 ? random() : (random() & 0xfffffffffff) | PTE_P;
    __asm__ volatile("mov %0, %%cr3" : : "r"((unsigned long)root - MEMORY_BASE) : "memory");
}

static uint64_t some_value(void)
{
    switch (random() % 5) {
    case 0:
        return random();
    case 1:
        return (uint64_t)code + random() % CODE_BYTES;
    case 2:
        return 0xfee00000UL + random() % 4096;
    case 3:
        return random() % 64;
    default:
        return random() & 0x800500ff;
    }
}

static bool again(struct trap_frame *f)
{
    uint64_t *regs = &f->r15;

    fill_code();
    if (random() % 16 == 0) {
        break_tables();
    }
    for (unsigned int i = 0; i < 15; i++) {
        regs[i] = some_value();
    }
    f->rip = (uint64_t)code + random() % (CODE_BYTES / 2);
    f->rsp = (uint64_t)stack + sizeof(stack);
    f->rflags = 2 | (random() & 0xed5);
    f->cs = PVH_CS;
    f->ss = PVH_DS;
    return true;
}

void test_main(void)
{
    seed = string_option(start_cmdline(), "seed", cpu_rdtsc()) * 0x9e3779b97f4a7c15UL | 1;
    test_note("seed of this one: %lu", seed);
    console_drain();
    for (unsigned int i = 0; i < TRAP_COUNT; i++) {
        trap_hook(i, again);
    }
    __asm__ volatile("ud2");
}
