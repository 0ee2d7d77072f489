/* SPDX-License-Identifier: MIT */
/*
 * From the start file to test_main() on arm64. Addresses of the interrupt controller are those of QEMU's `virt`
 * machine, whose dom0 sees them unchanged. See guest.h.
 */
#include "guest/arm64/guest.h"

#include "abi/features.h"
#include "abi/memory.h"
#include "abi/vcpu.h"
#include "abi/version.h"
#include "guest/libguest/console.h"
#include "guest/libguest/events.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/start.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"
#include <percpu.h>

#define EVENT_PPI   31 /* unless the device tree says another: Debian's Xen gives dom0 the first one that is free */
#define PSCI_CPU_ON 0xc4000003UL
#define CPUS        8U
#define STACK_SIZE  16384U
#define NORETURN    __attribute__((noreturn))

NORETURN void arm_start(uint64_t fdt, uint64_t began);
NORETURN void arm_secondary(void);
void arm_irq(void);
void arm_sync(uint64_t *frame);

static char shared_place[4096] __attribute__((aligned(4096)));
struct shared_info *shared_info = (struct shared_info *)shared_place;
struct vcpu_info *vcpu_info;
volatile unsigned int irq_count[1020];
uint64_t gic_dist = 0x8000000, gic_redist = 0x80a0000, gic_cpu = 0x8010000;
volatile unsigned int sync_count;
volatile uint64_t sync_esr, sync_far;
bool sync_expected;
uint64_t start_counter;

extern char secondary_start[];
static char stacks[CPUS][STACK_SIZE] __attribute__((aligned(16)));
static void (*cpu_work[CPUS])(unsigned int vcpu);
static char command_line[400];
static unsigned int mapped_slots;
static bool has_uart;
static unsigned int event_ppi = EVENT_PPI;
static struct percpu percpus[CPUS];

long hypercall5(unsigned long nr, unsigned long a, unsigned long b, unsigned long c, unsigned long d,
                unsigned long e)
{
    register unsigned long x0 __asm__("x0") = a;
    register unsigned long x1 __asm__("x1") = b;
    register unsigned long x2 __asm__("x2") = c;
    register unsigned long x3 __asm__("x3") = d;
    register unsigned long x4 __asm__("x4") = e;
    register unsigned long x16 __asm__("x16") = nr;

    __asm__ volatile("hvc #0xea1" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x16)::"memory");
    return (long)x0;
}

#define FIRMWARE(insn)                                                                           \
    register uint64_t x0 __asm__("x0") = function;                                               \
    register uint64_t x1 __asm__("x1") = a;                                                      \
    register uint64_t x2 __asm__("x2") = b;                                                      \
    register uint64_t x3 __asm__("x3") = c;                                                      \
    __asm__ volatile(insn " #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory");              \
    return (long)x0

long firmware_call(uint64_t function, uint64_t a, uint64_t b, uint64_t c)
{
    FIRMWARE("hvc");
}

long firmware_call_smc(uint64_t function, uint64_t a, uint64_t b, uint64_t c)
{
    FIRMWARE("smc");
}

/* A guest of the device tree has a serial port, which all hypervisors show. */
static void uart_write(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        for (unsigned int n = 0; n < 1000000 && (read32(GUEST_PL011_BASE + 0x18) & 0x20) != 0; n++) {
        }
        write32(GUEST_PL011_BASE, (uint8_t)text[i]);
    }
}

/* Else the hypervisor's own console: dom0's output, or the log of any other domain. */
void console_write(const char *text, size_t size)
{
    if (has_uart) {
        uart_write(text, size);
        return;
    }
    hypercall_console_io(CONSOLEIO_write, (unsigned int)size, (char *)(uintptr_t)text);
}

void console_drain(void)
{
}

bool start_is_dom0(void)
{
    struct xen_feature_info info = { .submap_idx = 0 };

    return hypercall_xen_version(XENVER_get_features, &info) == 0 && (info.submap >> XENFEAT_dom0 & 1);
}

uint64_t arm_physical(const void *va)
{
    uint64_t par;

    __asm__ volatile("at s1e1r, %1; isb; mrs %0, par_el1" : "=r"(par) : "r"(va) : "memory");
    return (par & 0xfffffffff000UL) | ((uint64_t)(uintptr_t)va & 4095);
}

/* Asked once: reading an ID register is a trap. */
bool is_gicv3(void)
{
    static uint64_t pfr0;

    if (pfr0 == 0) {
        __asm__("mrs %0, id_aa64pfr0_el1" : "=r"(pfr0));
    }
    return (pfr0 >> 24 & 15) != 0;
}

bool start_is_pv(void)
{
    return false;
}

bool start_has_old_calls(void)
{
    return true;
}

const char *start_cmdline(void)
{
    return command_line;
}

/* ---- the device tree --------------------------------------------------------------------------- */

static uint32_t tree_word(const char *at)
{
    uint32_t value;

    memcpy(&value, at, 4);
    return __builtin_bswap32(value);
}

/*
 * The first bootargs there is, which is that of /chosen, and the interrupt of /hypervisor, a local one (its cells: 1,
 * number less 16, flags). Names of properties are offsets into the strings.
 */
static void tree_property(const char *node, const char *name, const char *value)
{
    if (strcmp(name, "bootargs") == 0 && command_line[0] == '\0') {
        (void)print_to(command_line, sizeof(command_line), "%s", value);
    } else if (strcmp(node, "hypervisor") == 0 && strcmp(name, "interrupts") == 0) {
        event_ppi = 16 + tree_word(value + 4);
    }
}

static void tree_read(const char *tree)
{
    const char *at = tree + tree_word(tree + 8);
    const char *strings = tree + tree_word(tree + 12);
    const char *node = "";
    uint32_t token;

    while ((token = tree_word(at)) != 9) { /* the end */
        at += 4;
        if (token == 1) { /* a node begins: its name */
            node = at;
            at += (strlen(at) + 4) & ~3UL;
        } else if (token == 3) {
            tree_property(node, strings + tree_word(at + 4), at + 8);
            at += 8 + ((tree_word(at) + 3) & ~3U);
        }
    }
}

/* dom0's serial port is not sbsa-uart's. */
static void find_uart(const char *tree)
{
    static const char name[] = "arm,sbsa-uart";
    uint32_t size = tree_word(tree + 4);

    for (uint32_t i = 0; i + sizeof(name) <= size && !has_uart; i++) {
        has_uart = memcmp(tree + i, name, sizeof(name)) == 0;
    }
}

/* ---- memory ------------------------------------------------------------------------------------ */

char *arm_map_gigabyte(uint64_t address)
{
    unsigned int slot = 300 + mapped_slots++ % 64;

    boot_l1[slot] = (address & ~0x3fffffffUL) | 0x701;
    __asm__ volatile("dsb ish; tlbi vmalle1; dsb ish; isb" ::: "memory");
    return (char *)((uint64_t)slot << 30) + (address & 0x3fffffff);
}

unsigned long memory_not_plain(void)
{
    return gic_dist >> 12;
}

void arm_code_ready(const void *code, unsigned long bytes)
{
    for (const char *line = code; line < (const char *)code + bytes; line += 16) {
        __asm__ volatile("dc cvau, %0" ::"r"(line) : "memory");
    }
    __asm__ volatile("dsb ish" ::: "memory");
    for (const char *line = code; line < (const char *)code + bytes; line += 16) {
        __asm__ volatile("ic ivau, %0" ::"r"(line) : "memory");
    }
    __asm__ volatile("dsb ish; isb" ::: "memory");
}

uint64_t arm_random(void)
{
    static uint64_t state;

    if (state == 0) {
        state = (string_option(command_line, "seed", 1) + 1) * 0x9e3779b97f4a7c15UL;
    }
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * 0x2545f4914f6cdd1dUL;
}

unsigned int arm_random_below(unsigned int limit)
{
    return (unsigned int)(arm_random() >> 32) % limit;
}

/* ---- interrupts -------------------------------------------------------------------------------- */

struct percpu *percpu(void)
{
    uint64_t mpidr;

    __asm__("mrs %0, mpidr_el1" : "=r"(mpidr));
    return &percpus[mpidr & (CPUS - 1)];
}

void events_enable(void)
{
    irqs_on();
    for (unsigned int i = 0; i < 100000 && percpu()->info->evtchn_upcall_pending != 0; i++) {
        __asm__ volatile("isb" ::: "memory");
    }
}

void events_disable(void)
{
    irqs_off();
}

bool events_enabled(void)
{
    uint64_t daif;

    __asm__ volatile("mrs %0, daif" : "=r"(daif)::"memory");
    return (daif >> 7 & 1) == 0;
}

/* Where the local interrupts of this vcpu are. */
static uint64_t gic_local(void)
{
    return is_gicv3() ? gic_redist + percpu()->vcpu * 0x20000UL + 0x10000 : gic_dist;
}

void gic_enable_local(unsigned int irq)
{
    write32(gic_local() + 0x100, 1U << irq);
}

void arm_send_sgi(unsigned int sgi, unsigned int vcpu_mask)
{
    if (is_gicv3()) {
        __asm__ volatile("msr S3_0_C12_C11_5, %0; isb" ::"r"((uint64_t)sgi << 24 | vcpu_mask) : "memory");
    } else {
        write32(gic_dist + 0xf00, vcpu_mask << 16 | sgi);
    }
}

/* The interface of this vcpu, and its local interrupts. */
static void gic_start_cpu(void)
{
    if (is_gicv3()) {
        __asm__ volatile("msr S3_0_C12_C12_5, %0; isb" ::"r"(7UL)); /* SRE */
        __asm__ volatile("msr S3_0_C4_C6_0, %0" ::"r"(0xf0UL));     /* PMR */
        __asm__ volatile("msr S3_0_C12_C12_7, %0; isb" ::"r"(1UL)); /* group 1 on */
    } else {
        write32(gic_cpu + 4, 0xf0);
        write32(gic_cpu, 1);
    }
    write32(gic_local() + 0x100, 0xffff);
    gic_enable_local(event_ppi);
}

static void gic_start(void)
{
    write32(gic_dist, is_gicv3() ? 0x12 : 1);
    gic_start_cpu();
}

void gic_reset(void)
{
    unsigned int words = (read32(gic_dist + 4) & 31) + 1;

    write32(gic_dist, 0);
    for (unsigned int i = 0; i < words; i++) {
        uint64_t at = i == 0 ? gic_local() : gic_dist + i * 4;

        write32(at + 0x180, ~0U); /* off */
        write32(at + 0x280, ~0U); /* not pending */
        write32(at + 0x380, ~0U); /* not active */
        for (unsigned int n = 0; n < 8; n++) {
            write32((i == 0 ? gic_local() : gic_dist + i * 32) + 0x400 + n * 4, 0);
        }
    }
    for (unsigned int i = 0; i < 4 && !is_gicv3(); i++) {
        write32(gic_dist + 0xf10 + i * 4, ~0U); /* SGIs by their senders */
    }
    for (unsigned int irq = 32; irq < words * 32 && irq < 1020; irq++) { /* all to vcpu 0 */
        if (is_gicv3()) {
            __asm__ volatile("str xzr, [%0]" ::"r"(gic_dist + 0x6000 + irq * 8) : "memory");
        } else {
            __asm__ volatile("strb %w0, [%1]" ::"r"(1), "r"(gic_dist + 0x800 + irq) : "memory");
        }
    }
    gic_start();
}

uint64_t gic_acknowledge(void)
{
    uint64_t irq;

    if (is_gicv3()) {
        __asm__ volatile("mrs %0, S3_0_C12_C12_0" : "=r"(irq)::"memory");
    } else {
        irq = read32(gic_cpu + 0xc);
    }
    return irq;
}

void gic_end(uint64_t irq)
{
    if (is_gicv3()) {
        __asm__ volatile("msr S3_0_C12_C12_1, %0; isb" ::"r"(irq) : "memory");
    } else {
        write32(gic_cpu + 0x10, (uint32_t)irq);
    }
}

void arm_irq(void)
{
    uint64_t irq = gic_acknowledge();

    if ((irq & 1023) < 1020) {
        __atomic_add_fetch(&irq_count[irq & 1023], 1, __ATOMIC_RELAXED);
    }
    if ((irq & 1023) == event_ppi) {
        events_upcall(NULL);
    } else if ((irq & 1023) == 27) {
        __asm__ volatile("msr cntv_ctl_el0, xzr; isb");
    }
    gic_end(irq);
}

/* frame[31] is where it was. A jump into nowhere comes back by the link register. */
void arm_sync(uint64_t *frame)
{
    __asm__ volatile("mrs %0, esr_el1" : "=r"(sync_esr));
    __asm__ volatile("mrs %0, far_el1" : "=r"(sync_far));
    if (!sync_expected) {
        print("exception: esr 0x%lx at 0x%lx, address 0x%lx\n", (unsigned long)sync_esr,
              (unsigned long)frame[31], (unsigned long)sync_far);
        test_broken("an exception nobody expected");
    }
    sync_count++;
    frame[31] = sync_esr >> 27 == 0x10 ? frame[30] : frame[31] + 4; /* an instruction abort */
}

/* ---- vcpus ------------------------------------------------------------------------------------- */

void arm_secondary(void)
{
    struct percpu *cpu = percpu();

    gic_start_cpu();
    cpu_work[cpu->vcpu](cpu->vcpu);
    for (;;) {
        __asm__ volatile("wfi" ::: "memory");
    }
}

long arm_cpu_start(unsigned int vcpu, void (*fn)(unsigned int vcpu))
{
    cpu_work[vcpu] = fn;
    return firmware_call(PSCI_CPU_ON, vcpu, arm_physical(secondary_start), (uint64_t)stacks[vcpu + 1]);
}

/* ---- the start --------------------------------------------------------------------------------- */

static void shared_info_start(void)
{
    struct xen_add_to_physmap add = { .domid = DOMID_SELF, .space = XENMAPSPACE_shared_info,
                                      .gpfn = arm_physical(shared_place) >> 12 };

    if (hypercall_memory_op(XENMEM_add_to_physmap, &add) != 0) {
        test_broken("cannot map the shared info page");
    }
    vcpu_info = &shared_info->vcpu_info[0];
    for (unsigned int i = 0; i < CPUS; i++) {
        percpus[i] = (struct percpu){ .vcpu = i, .info = &shared_info->vcpu_info[i] };
    }
    events_init();
}

/* dom0's interrupt controller is where the machine's is, any other guest's where Xen's guests have it. */
static void gic_find(void)
{
    if (!start_is_dom0()) {
        gic_dist = is_gicv3() ? GUEST_GICV3_GICD_BASE : GUEST_GICD_BASE;
        gic_redist = GUEST_GICV3_GICR0_BASE;
        gic_cpu = GUEST_GICC_BASE;
    }
}

void arm_start(uint64_t fdt, uint64_t began)
{
    start_counter = began;
    tree_read((const char *)fdt);
    find_uart((const char *)fdt);
    shared_info_start();
    gic_find();
    gic_start();
    print("kernel: arm64, %s, GICv%d, arguments '%s'\n", start_is_dom0() ? "dom0" : "domU", is_gicv3() ? 3 : 2,
          command_line);
    test_main();
    test_end();
}
