/* SPDX-License-Identifier: MIT */
/*
 * A guest that does what it should not, at random: MSRs, ports, memory where nothing is, the APIC's registers, its
 * own control registers, hypercalls with random arguments, instructions of a hypervisor. Only it may suffer: it ends
 * by a triple fault it makes itself, and the dom0 that built it sees that and goes on. Command line: calls=N, seed=N.
 */
#include "abi/memory.h"
#include "guest/libguest/console.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/pvh/pvh.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"
#include "guest/libguest/x86/cpu.h"
#include "guest/libguest/x86/pagetable.h"
#include "guest/libguest/x86/percpu.h"
#include "guest/libguest/x86/traps.h"

#define APIC 0xfee00000UL
#define MSR_APIC_BASE 0x1bU

static uint64_t seed;

static uint64_t random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static bool ignore(struct trap_frame *f)
{
    (void)f;
    return true;
}

/* Numbers near those that mean something. */
static uint32_t some_msr(void)
{
    static const uint32_t bases[] = { 0, 0x10, 0x1b, 0x170, 0x200, 0x268, 0x277, 0x2f0, 0x400, 0x800, 0x830, 0x40000000,
                                      0xc0000080, 0xc0000100, 0xc0010000, 0xc0010110, 0xc0011020, 0xffffff00 };

    return bases[random() % (sizeof(bases) / sizeof(bases[0]))] + random() % 16;
}

/* Not those whose value this kernel lives on. */
static bool may_write(uint32_t msr)
{
    return msr != 0xc0000080 && (msr < 0xc0000081 || msr > 0xc0000102) && msr != 0x40000000 && msr != MSR_APIC_BASE &&
           (msr < 0x174 || msr > 0x176);
}

static void do_msr(void)
{
    uint32_t msr = some_msr();
    uint32_t low = (uint32_t)random() >> random() % 32;
    uint32_t high = random() % 2 ? 0 : (uint32_t)random();

    if (random() % 2) {
        TRAP_PROBE("rdmsr", "+a"(low) COMMA "+d"(high), "c"(msr));
    } else if (may_write(msr)) {
        TRAP_PROBE("wrmsr", NOTHING, "c"(msr) COMMA "a"(low) COMMA "d"(high));
    }
}

static void do_port(void)
{
    uint16_t port = (uint16_t)random();
    uint32_t value = (uint32_t)random();

    switch (random() % 6) {
    case 0:
        TRAP_PROBE("inb %w1, %b0", "+a"(value), "d"(port));
        break;
    case 1:
        TRAP_PROBE("inw %w1, %w0", "+a"(value), "d"(port));
        break;
    case 2:
        TRAP_PROBE("inl %w1, %0", "+a"(value), "d"(port));
        break;
    case 3:
        TRAP_PROBE("outl %0, %w1", NOTHING, "a"(value) COMMA "d"(port));
        break;
    case 4:
        TRAP_PROBE("outb %b0, %w1", NOTHING, "a"(value) COMMA "d"(port));
        break;
    default:
        TRAP_PROBE("rep outsb", NOTHING, "S"(random()) COMMA "c"(random() % 5) COMMA "d"(port));
        break;
    }
}

static void do_memory(void)
{
    unsigned long va = random() % 2 ? 0xd0000000UL + random() % 0x20000000UL : APIC + random() % 4096;
    uint64_t value = random();

    switch (random() % 8) {
    case 0:
        TRAP_PROBE("movb (%1), %b0", "+q"(value), "r"(va));
        break;
    case 1:
        TRAP_PROBE("movl (%1), %k0", "+r"(value), "r"(va & ~3UL));
        break;
    case 2:
        TRAP_PROBE("movl %k0, (%1)", NOTHING, "r"(value) COMMA "r"(va & ~3UL));
        break;
    case 3:
        TRAP_PROBE("movq %0, (%1)", NOTHING, "r"(value) COMMA "r"(va));
        break;
    case 4:
        TRAP_PROBE("xchgl %k0, (%1)", "+r"(value), "r"(va & ~3UL));
        break;
    case 5:
        TRAP_PROBE("lock addl $1, (%0)", NOTHING, "r"(va));
        break;
    case 6:
        TRAP_PROBE("movzwl (%1), %k0", "+r"(value), "r"(va));
        break;
    default:
        TRAP_PROBE("rep movsb", NOTHING, "S"(va) COMMA "D"(va) COMMA "c"(random() % 9));
        break;
    }
}

/* Our record, a piece of it, or no memory: what calls write must not hit this kernel. */
static uint64_t some_pointer(uint64_t *record)
{
    switch (random() % 4) {
    case 0:
        return (uint64_t)record + random() % 512;
    case 1:
        return 0xd0000000UL + random() % 0x20000000UL;
    case 2:
        return 1UL << 63 | random() >> 8;
    default:
        return (uint64_t)record;
    }
}

/* Calls that end or stop the guest, take its memory or follow pointers of their own choice are left out. */
static void do_call(void)
{
    static const unsigned char numbers[] = { __HYPERVISOR_xen_version, __HYPERVISOR_event_channel_op,
                                             __HYPERVISOR_hvm_op, __HYPERVISOR_vm_assist, __HYPERVISOR_domctl,
                                             __HYPERVISOR_sysctl, __HYPERVISOR_mmu_update, __HYPERVISOR_iret,
                                             __HYPERVISOR_set_gdt, __HYPERVISOR_stack_switch,
                                             __HYPERVISOR_callback_op, __HYPERVISOR_physdev_op };
    static uint64_t record[128];
    uint64_t pointer = some_pointer(record);

    for (unsigned int i = 0; i < 128; i++) {
        record[i] = random() >> random() % 64;
    }
    hypercall(numbers[random() % sizeof(numbers)], random() % 40, pointer, some_pointer(record), random() % 8,
              random());
    pvh_cli();
}

static void do_privileged(void)
{
    switch (random() % 8) {
    case 0:
        TRAP_PROBE("vmrun", NOTHING, "a"(random()));
        break;
    case 1:
        TRAP_PROBE("vmsave", NOTHING, "a"(random() & ~4095UL));
        break;
    case 2:
        TRAP_PROBE("clgi", NOTHING, NOTHING);
        break;
    case 3:
        TRAP_PROBE("invlpga", NOTHING, "a"(random()) COMMA "c"(random()));
        break;
    case 4:
        TRAP_PROBE("xsetbv", NOTHING, "a"(random()) COMMA "d"(random()) COMMA "c"(random() % 2));
        break;
    case 5:
        cpu_cpuid_native((uint32_t)random() & 0xc000001fU, random() % 4);
        break;
    case 6:
        /* No reserved bits, of which QEMU 7.2 makes an entry failure, and PAE, without which it walks on. */
        TRAP_PROBE("mov %0, %%cr4", NOTHING, "r"((random() & 0x7ff) | 0x20));
        __asm__ volatile("mov %0, %%cr4" : : "r"(0x6a0UL));
        break;
    default:
        TRAP_PROBE("mov %0, %%dr7", NOTHING, "r"(random() & 0xfffff5ffUL));
        __asm__ volatile("mov %0, %%dr7" : : "r"(0x400UL));
        break;
    }
}

static void triple_fault(void)
{
    static const struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) none = { 0, 0 };

    __asm__ volatile("lidt %0; ud2" : : "m"(none));
}

void test_main(void)
{
    static void (*const acts[])(void) = { do_msr, do_port, do_memory, do_call, do_privileged };
    unsigned long calls = string_option(start_cmdline(), "calls", 20000);

    seed = string_option(start_cmdline(), "seed", 1) * 0x9e3779b97f4a7c15UL + 1;
    for (unsigned int i = 32; i < TRAP_COUNT; i++) {
        trap_hook(i, ignore);
    }
    trap_hook(TRAP_DB, ignore);
    trap_hook(TRAP_NMI, ignore);
    for (unsigned long i = 0; i < calls; i++) {
        acts[random() % (sizeof(acts) / sizeof(acts[0]))]();
        if (i % 64 == 0) {
            pvh_sti();
            __asm__ volatile("nop");
            pvh_cli();
        }
    }
    test_note("%lu acts done", calls);
    console_drain();
    triple_fault();
}
