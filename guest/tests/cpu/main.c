/* SPDX-License-Identifier: MIT */
/*
 * Instructions that a PV kernel uses and the hypervisor emulates: CPUID with the forced-
 * emulation prefix, model specific registers, control and debug registers, port I/O under iopl
 * and bitmap, wbinvd and others; and the debug register hypercalls with their refusals.
 */
#include "abi/physdev.h"
#include "abi/xen.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"
#include "guest/libguest/x86/cpu.h"
#include "guest/libguest/x86/pagetable.h"
#include "guest/libguest/x86/percpu.h"

#define MSR_APIC_BASE      0x1bU
#define MSR_PAT            0x277U
#define MSR_EFER           0xc0000080U
#define MSR_FS_BASE        0xc0000100U
#define MSR_GS_BASE        0xc0000101U
#define MSR_KERNEL_GS_BASE 0xc0000102U
#define NON_CANONICAL      0x0001000000000000UL

static int rdmsr(uint32_t msr, uint64_t *value)
{
    uint32_t low = 0;
    uint32_t high = 0;
    int vector = TRAP_PROBE("rdmsr", "=a"(low)COMMA "=d"(high), "c"(msr));

    *value = (uint64_t)high << 32 | low;
    return vector;
}

static int wrmsr(uint32_t msr, uint64_t value)
{
    return TRAP_PROBE("wrmsr", NOTHING,
                      "c"(msr)COMMA "a"((uint32_t)value)COMMA "d"((uint32_t)(value >> 32)));
}

static void test_cpuid(void)
{
    struct cpuid_regs r = cpu_cpuid_forced(0x40000000, 0);
    char name[13] = { 0 };

    memcpy(name, &r.ebx, 4);
    memcpy(name + 4, &r.ecx, 4);
    memcpy(name + 8, &r.edx, 4);
    EXPECT(strcmp(name, "XenVMMXenVMM") == 0);
    EXPECT(r.eax >= 0x40000002);
    r = cpu_cpuid_forced(0x40000001, 0);
    EXPECT_EQ(r.eax, hypercall_xen_version(0, NULL));
    r = cpu_cpuid_forced(0, 0);
    EXPECT(r.eax >= 1);
    r = cpu_cpuid_forced(1, 0);
    EXPECT(r.edx & 1U << 25);   /* SSE */
    EXPECT(!(r.edx & 1U << 3)); /* no PSE */
    EXPECT(!(r.ecx & 1U << 5)); /* no VMX */
    EXPECT(r.ecx & 1U << 31);   /* a hypervisor is there */
    r = cpu_cpuid_forced(0x80000001, 0);
    EXPECT(r.edx & 1U << 29);    /* long mode */
    EXPECT(r.edx & 1U << 11);    /* syscall */
    EXPECT(!(r.ecx & 1U << 2));  /* no SVM */
    EXPECT(!(r.edx & 1U << 26)); /* no 1 GiB pages */
    r = cpu_cpuid_forced(7, 0);
    EXPECT(!(r.ebx & 1U << 7));  /* no SMEP: the kernel is in ring 3 */
    EXPECT(!(r.ebx & 1U << 20)); /* no SMAP */
    EXPECT(!(r.ecx & 1U << 16)); /* no LA57 */
    r = cpu_cpuid_forced(0x7fffffff, 0);
}

static void test_msrs(void)
{
    uint64_t value, old;

    EXPECT_EQ(rdmsr(MSR_EFER, &value), -1);
    EXPECT_EQ(value & 0x501, 0x501); /* SCE LME LMA */
    EXPECT_EQ(wrmsr(MSR_EFER, value), -1);
    EXPECT_EQ(rdmsr(MSR_APIC_BASE, &value), -1);
    EXPECT_EQ(rdmsr(MSR_FS_BASE, &old), -1);
    EXPECT_EQ(wrmsr(MSR_FS_BASE, 0x123456789), -1);
    EXPECT_EQ(rdmsr(MSR_FS_BASE, &value), -1);
    EXPECT_EQ(value, 0x123456789);
    EXPECT_EQ(wrmsr(MSR_FS_BASE, NON_CANONICAL), TRAP_GP);
    EXPECT_EQ(wrmsr(MSR_FS_BASE, old), -1);
    EXPECT_EQ(wrmsr(MSR_GS_BASE, (uint64_t)test_cpuid), -1);
    EXPECT_EQ(rdmsr(MSR_GS_BASE, &value), -1);
    EXPECT_EQ(value, (long)test_cpuid);
    EXPECT_EQ(wrmsr(MSR_GS_BASE, 0), -1);
    EXPECT_EQ(wrmsr(MSR_KERNEL_GS_BASE, 0x5000), -1);
    EXPECT_EQ(rdmsr(MSR_KERNEL_GS_BASE, &value), -1);
    EXPECT_EQ(value, 0x5000);
    EXPECT_EQ(rdmsr(0x12345678, &value), TRAP_GP);
    EXPECT_EQ(wrmsr(0x12345678, 0), TRAP_GP);
    EXPECT_EQ(rdmsr(MSR_PAT, &value), -1);
}

static void test_control_registers(void)
{
    unsigned long cr0 = 0, cr2 = 0, cr3 = 0, cr4 = 0;

    EXPECT_EQ(TRAP_PROBE("mov %%cr0, %0", "=r"(cr0), NOTHING), -1);
    EXPECT_EQ(cr0 & 0x80000001, 0x80000001); /* PG PE */
    EXPECT_EQ(TRAP_PROBE("mov %0, %%cr0", NOTHING, "r"(cr0)), -1);
    EXPECT_EQ(TRAP_PROBE("mov %0, %%cr0", NOTHING, "r"(cr0 | 8)), -1); /* TS */
    EXPECT_EQ(TRAP_PROBE("fninit", NOTHING, NOTHING), TRAP_NM);
    EXPECT_EQ(TRAP_PROBE("mov %0, %%cr0", NOTHING, "r"(cr0 & ~8UL)), -1);
    EXPECT_EQ(TRAP_PROBE("fninit", NOTHING, NOTHING), -1);
    EXPECT_EQ(TRAP_PROBE("mov %0, %%cr0", NOTHING, "r"(cr0 & ~0x80000000UL)), TRAP_GP);
    EXPECT_EQ(TRAP_PROBE("mov %0, %%cr2", NOTHING, "r"(0x1234UL)), -1);
    EXPECT_EQ(TRAP_PROBE("mov %%cr2, %0", "=r"(cr2), NOTHING), -1);
    EXPECT_EQ(cr2, 0x1234);
    EXPECT_EQ(TRAP_PROBE("mov %%cr3, %0", "=r"(cr3), NOTHING), -1);
    EXPECT_EQ(cr3, memory_maddr(pagetable_root()));
    EXPECT_EQ(TRAP_PROBE("mov %0, %%cr3", NOTHING, "r"(cr3)), -1);
    EXPECT_EQ(TRAP_PROBE("mov %0, %%cr3", NOTHING, "r"(0x7ffffffff000UL)), TRAP_GP);
    EXPECT_EQ(TRAP_PROBE("mov %%cr4, %0", "=r"(cr4), NOTHING), -1);
    EXPECT(cr4 & 0x20); /* PAE */
    EXPECT_EQ(TRAP_PROBE("mov %0, %%cr4", NOTHING, "r"(cr4)), -1);
    EXPECT_EQ(TRAP_PROBE("clts", NOTHING, NOTHING), -1);
    test_note("cr0 %lx cr4 %lx", cr0, cr4);
}

static uint64_t watched __attribute__((aligned(8)));
static unsigned int debug_hits;

static bool on_debug(struct trap_frame *frame)
{
    (void)frame;
    debug_hits++;
    return true;
}

static void test_debug_registers(void)
{
    unsigned long value = 0;

    EXPECT_EQ(hypercall_set_debugreg(0, (unsigned long)&watched), 0);
    EXPECT_EQ(hypercall_get_debugreg(0), (long)&watched);
    EXPECT_EQ(TRAP_PROBE("mov %%db0, %0", "=r"(value), NOTHING), -1);
    EXPECT_EQ(value, (long)&watched);
    EXPECT_EQ(hypercall_set_debugreg(0, HYPERVISOR_VIRT_START), -EPERM);
    EXPECT(hypercall_set_debugreg(0, NON_CANONICAL) < 0);
    EXPECT(hypercall_set_debugreg(8, 0) < 0);
    EXPECT(hypercall_set_debugreg(-1, 0) < 0);
    EXPECT(hypercall_get_debugreg(8) == -ENODEV || hypercall_get_debugreg(8) == -EINVAL);
    trap_hook(TRAP_DB, on_debug);
    EXPECT_EQ(hypercall_set_debugreg(7, 0x000d0001 | 0x300), 0); /* writes of four bytes, DR0 */
    watched = 1;
    __asm__ volatile("" : : : "memory");
    EXPECT_EQ(debug_hits, 1);
    EXPECT_EQ(hypercall_get_debugreg(6) & 1, 1);
    EXPECT_EQ(hypercall_set_debugreg(7, 0), 0);
    watched = 2;
    EXPECT_EQ(debug_hits, 1);
    EXPECT_EQ(TRAP_PROBE("mov %0, %%db3", NOTHING, "r"(value)), -1);
    EXPECT_EQ(hypercall_get_debugreg(3), (long)value);
    EXPECT_EQ(hypercall_set_debugreg(0, 0), 0);
    EXPECT_EQ(hypercall_set_debugreg(3, 0), 0);
    trap_hook(TRAP_DB, NULL);
}

static long set_iopl(unsigned int iopl)
{
    struct physdev_set_iopl op = { .iopl = iopl };

    return hypercall_physdev_op(PHYSDEVOP_set_iopl, &op);
}

static void test_ports(void)
{
    static uint8_t bitmap[8192];
    struct physdev_set_iobitmap op = { .nr_ports = 65536 };
    uint8_t byte = 0;

    EXPECT_EQ(TRAP_PROBE("inb $0x80, %0", "=a"(byte), NOTHING), TRAP_GP);
    EXPECT_EQ(set_iopl(1), 0);
    EXPECT_EQ(TRAP_PROBE("inb $0x80, %0", "=a"(byte), NOTHING), -1);
    EXPECT_EQ(TRAP_PROBE("outb %0, $0x80", NOTHING, "a"(byte)), -1);
    EXPECT_EQ(TRAP_PROBE("inb %w1, %0", "=a"(byte), "d"(0x70)), -1);
    EXPECT_EQ(TRAP_PROBE("inb $0x20, %0", "=a"(byte), NOTHING),
              -1); /* the hypervisor's own PIC */
    if (!start_is_dom0()) {
        EXPECT_EQ(byte, 0xff);
    }
    EXPECT_EQ(set_iopl(4), -EINVAL);
    EXPECT_EQ(set_iopl(0), 0);
    EXPECT_EQ(TRAP_PROBE("inb $0x80, %0", "=a"(byte), NOTHING), TRAP_GP);
    memset(bitmap, 0xff, sizeof(bitmap));
    bitmap[0x80 / 8] &= ~1;
    set_xen_guest_handle(op.bitmap, bitmap);
    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_set_iobitmap, &op), 0);
    EXPECT_EQ(TRAP_PROBE("inb $0x80, %0", "=a"(byte), NOTHING), -1);
    EXPECT_EQ(TRAP_PROBE("inb $0x81, %0", "=a"(byte), NOTHING), TRAP_GP);
    EXPECT_EQ(TRAP_PROBE("inw $0x80, %w0", "=a"(byte), NOTHING), TRAP_GP); /* covers 0x81 */
    op.nr_ports = 65537;
    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_set_iobitmap, &op), -EINVAL);
    op = (struct physdev_set_iobitmap){ .nr_ports = 0 };
    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_set_iobitmap, &op), 0);
    EXPECT_EQ(TRAP_PROBE("inb $0x80, %0", "=a"(byte), NOTHING), TRAP_GP);
}

/* Ports the hypervisor keeps: a write must not reach the device. */
static void test_kept_ports(void)
{
    uint32_t address = 0;

    EXPECT_EQ(set_iopl(1), 0);
    EXPECT_EQ(TRAP_PROBE("outb %0, %w1", NOTHING, "a"((uint8_t)0)COMMA "d"(0x43)), -1);
    EXPECT_EQ(TRAP_PROBE("outl %0, %w1", NOTHING, "a"(0x80000000U)COMMA "d"(0xcf8)), -1);
    EXPECT_EQ(TRAP_PROBE("inl %w1, %0", "=a"(address), "d"(0xcfc)), -1);
    if (start_is_dom0()) {
        EXPECT(address != 0xffffffff && address != 0); /* the host bridge */
    }
    EXPECT_EQ(set_iopl(0), 0);
}

static void test_others(void)
{
    uint64_t first = cpu_rdtsc();

    EXPECT(cpu_rdtsc() > first);
    EXPECT_EQ(TRAP_PROBE("invd", NOTHING, NOTHING), TRAP_GP);
    EXPECT_EQ(TRAP_PROBE("wbinvd", NOTHING, NOTHING), -1);
    EXPECT_EQ(TRAP_PROBE("lidt %0", NOTHING, "m"(watched)), TRAP_GP);
    EXPECT_EQ(TRAP_PROBE("ltr %w0", NOTHING, "r"(0)), TRAP_GP);
    EXPECT_EQ(TRAP_PROBE("cli", NOTHING, NOTHING), TRAP_GP);
    EXPECT_EQ(TRAP_PROBE("sti", NOTHING, NOTHING), TRAP_GP);
    EXPECT_EQ(TRAP_PROBE("vmmcall", NOTHING, NOTHING), TRAP_UD);
}

static void test_physdev_refused(void)
{
    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_set_iopl, (void *)0x200000000000), -EFAULT);
    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_set_iobitmap, (void *)HYPERVISOR_VIRT_START),
              -EFAULT);
    EXPECT_EQ(hypercall_physdev_op(999, NULL), -ENOSYS);
}

void test_main(void)
{
    test_cpuid();
    test_msrs();
    test_control_registers();
    test_debug_registers();
    test_ports();
    test_kept_ports();
    test_others();
    test_physdev_refused();
}
