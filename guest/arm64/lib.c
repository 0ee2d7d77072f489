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
#include "guest/libguest/hypercall.h"
#include "guest/libguest/start.h"
#include "guest/libguest/test.h"

#define EVENT_PPI 31

void arm_start(void);
void arm_irq(void);
void arm_sync(uint64_t *frame);

static char shared_place[4096] __attribute__((aligned(4096)));
struct shared_info *shared_info = (struct shared_info *)shared_place;
struct vcpu_info *vcpu_info;
volatile unsigned int irq_count[1020];
uint64_t gic_dist = 0x8000000, gic_redist = 0x80a0000, gic_cpu = 0x8010000;
volatile unsigned int sync_count;
volatile uint64_t sync_esr;
bool sync_expected;

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

/* The hypervisor's own console: dom0's output, or the log of any other domain. */
void console_write(const char *text, size_t size)
{
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

static uint64_t physical(const void *va)
{
    uint64_t par;

    __asm__ volatile("at s1e1r, %1; isb; mrs %0, par_el1" : "=r"(par) : "r"(va) : "memory");
    return (par & 0xfffffffff000UL) | ((uint64_t)(uintptr_t)va & 4095);
}

bool is_gicv3(void)
{
    uint64_t pfr0;

    __asm__("mrs %0, id_aa64pfr0_el1" : "=r"(pfr0));
    return (pfr0 >> 24 & 15) != 0;
}

void gic_enable_local(unsigned int irq)
{
    if (is_gicv3()) {
        write32(gic_redist + 0x10100, 1U << irq);
    } else {
        write32(gic_dist + 0x100, 1U << irq);
    }
}

static void gic_start(void)
{
    write32(gic_dist, is_gicv3() ? 0x12 : 1);
    if (is_gicv3()) {
        __asm__ volatile("msr S3_0_C12_C12_5, %0; isb" ::"r"(7UL)); /* SRE */
        __asm__ volatile("msr S3_0_C4_C6_0, %0" ::"r"(0xf0UL));     /* PMR */
        __asm__ volatile("msr S3_0_C12_C12_7, %0; isb" ::"r"(1UL)); /* group 1 on */
    } else {
        write32(gic_cpu + 4, 0xf0);
        write32(gic_cpu, 1);
    }
    gic_enable_local(EVENT_PPI);
}

void arm_irq(void)
{
    uint64_t irq;

    if (is_gicv3()) {
        __asm__ volatile("mrs %0, S3_0_C12_C12_0" : "=r"(irq)::"memory");
    } else {
        irq = read32(gic_cpu + 0xc);
    }
    if ((irq & 1023) < 1020) {
        irq_count[irq & 1023]++;
    }
    if ((irq & 1023) == EVENT_PPI) {
        __atomic_store_n(&vcpu_info->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
    } else if ((irq & 1023) == 27) {
        __asm__ volatile("msr cntv_ctl_el0, xzr; isb");
    }
    if (is_gicv3()) {
        __asm__ volatile("msr S3_0_C12_C12_1, %0; isb" ::"r"(irq) : "memory");
    } else {
        write32(gic_cpu + 0x10, (uint32_t)irq);
    }
}

void arm_sync(uint64_t *frame)
{
    __asm__ volatile("mrs %0, esr_el1" : "=r"(sync_esr));
    if (!sync_expected) {
        print("exception: esr 0x%lx at 0x%lx\n", (unsigned long)sync_esr, (unsigned long)frame[31]);
        test_broken("an exception nobody expected");
    }
    sync_count++;
    frame[31] += 4;
}

static void shared_info_start(void)
{
    struct xen_add_to_physmap add = { .domid = DOMID_SELF, .space = XENMAPSPACE_shared_info,
                                      .gpfn = physical(shared_place) >> 12 };

    if (hypercall_memory_op(XENMEM_add_to_physmap, &add) != 0) {
        test_broken("cannot map the shared info page");
    }
    vcpu_info = &shared_info->vcpu_info[0];
    for (unsigned int i = 0; i < 64; i++) {
        shared_info->evtchn_mask[i] = ~0UL;
    }
}

void arm_start(void)
{
    shared_info_start();
    gic_start();
    print("kernel: arm64, %s, GICv%d\n", start_is_dom0() ? "dom0" : "domU", is_gicv3() ? 3 : 2);
    test_main();
    test_end();
}
