/* SPDX-License-Identifier: MIT */
/*
 * The CPU a PVH guest sees: CPUID leaves, MSRs and what is not there, instructions it is not offered, ports and memory
 * behind which nothing is, the hypercall page, hypercalls it may not make, its parameters and its physical space.
 *
 * Command line: peer=1 where Debian's Xen is known to answer otherwise; each such place says why (differs()).
 */
#include "abi/memory.h"
#include "abi/version.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/pvh/pvh.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"
#include "guest/libguest/x86/cpu.h"
#include "guest/libguest/x86/pagetable.h"
#include "guest/libguest/x86/percpu.h"
#include "guest/libguest/x86/traps.h"

#define MSR_EFER 0xc0000080U
#define MSR_PAT  0x277U
#define EFER_SVME 0x1000UL
/* No RAM of this guest, no device it may touch: for dom0 a timer the hypervisor keeps. */
#define HOLE     (start_is_dom0() ? 0xfed00000UL : 0xe0000000UL)
/* Nothing for a guest, and the hypervisor's own of dom0's. */
#define NO_PORT  (start_is_dom0() ? 0x40 : 0x1f0)

static char call_page[4096] __attribute__((aligned(4096)));

/* What is expected: of ours, or of the peer. */
static long differs(long ours, long peer)
{
    return string_option(start_cmdline(), "peer", 0) != 0 ? peer : ours;
}

static int try_rdmsr(uint32_t msr, uint64_t *value)
{
    uint32_t low = 0, high = 0;
    int vector = TRAP_PROBE("rdmsr", "+a"(low) COMMA "+d"(high), "c"(msr));

    *value = (uint64_t)high << 32 | low;
    return vector;
}

static int try_wrmsr(uint32_t msr, uint64_t value)
{
    return TRAP_PROBE("wrmsr", NOTHING, "c"(msr) COMMA "a"((uint32_t)value) COMMA "d"((uint32_t)(value >> 32)));
}

static void test_cpuid(void)
{
    struct cpuid_regs r = cpu_cpuid_native(0x40000000, 0);

    EXPECT_EQ(r.ebx, 0x566e6558); /* XenVMMXenVMM */
    EXPECT(r.eax >= 0x40000004 && r.eax < 0x40000100);
    r = cpu_cpuid_native(0x40000001, 0);
    EXPECT_EQ(r.eax >> 16, 4);
    r = cpu_cpuid_native(0x40000002, 0);
    EXPECT_EQ(r.ebx, 0x40000000); /* the MSR of the hypercall page */
    r = cpu_cpuid_native(0x40000004, 0);
    EXPECT_EQ(r.eax >> 3 & 1, 1);
    EXPECT_EQ(r.ebx, 0); /* vcpu 0 */
    r = cpu_cpuid_native(1, 0);
    EXPECT_EQ(r.ecx >> 31, 1);
    EXPECT_EQ(r.edx >> 9 & 1, 1);  /* a local APIC */
    EXPECT_EQ(r.ebx >> 24, 0);
    r = cpu_cpuid_native(0x80000001, 0);
    EXPECT_EQ(r.ecx >> 2 & 1, 0);  /* no SVM */
    EXPECT_EQ(r.edx >> 29 & 1, 1); /* long mode */
    r = cpu_cpuid_native(0x80000fff, 0);
    EXPECT_EQ(r.eax | r.ebx | r.ecx | r.edx, 0);
}

static void test_msrs(void)
{
    uint64_t value;
    uint64_t efer;

    EXPECT_EQ(try_rdmsr(MSR_EFER, &efer), -1);
    EXPECT_EQ(efer & EFER_SVME, 0);
    EXPECT_EQ(efer & 0xd01, 0xd01);
    EXPECT_EQ(try_wrmsr(MSR_EFER, efer | EFER_SVME), TRAP_GP);
    EXPECT_EQ(try_wrmsr(MSR_EFER, efer & ~0x100UL), TRAP_GP); /* LME while paging is on */
    EXPECT_EQ(try_wrmsr(MSR_EFER, efer), -1);
    EXPECT_EQ(try_rdmsr(0x12345, &value), TRAP_GP);
    EXPECT_EQ(try_wrmsr(0x12345, 0), TRAP_GP);
    /* The host's save area: a CPU without SVM has none; the peer emulates the register for all. */
    EXPECT_EQ(try_rdmsr(0xc0010117, &value), differs(TRAP_GP, -1));
    EXPECT_EQ(try_wrmsr(0xc0010117, 0), differs(TRAP_GP, -1));
    EXPECT_EQ(try_rdmsr(0xffffffff, &value), TRAP_GP);
    EXPECT_EQ(try_rdmsr(MSR_PAT, &value), -1);
    EXPECT_EQ(try_wrmsr(MSR_PAT, 0x0007010600070106UL), -1);
    EXPECT_EQ(try_wrmsr(MSR_PAT, 2), differs(TRAP_GP, -1)); /* left to the CPU by the peer, and QEMU's takes anything */
    EXPECT_EQ(try_wrmsr(MSR_PAT, value), -1);
    pvh_wrmsr(0xc0000102, 0x123456789000UL); /* kernel GS base: switched by hardware */
    EXPECT_EQ(pvh_rdmsr(0xc0000102), 0x123456789000UL);
}

/* Instructions that belong to a hypervisor, or are not offered. */
static void test_instructions(void)
{
    EXPECT_EQ(TRAP_PROBE("vmrun", NOTHING, "a"(0)), TRAP_UD);
    EXPECT_EQ(TRAP_PROBE("vmload", NOTHING, "a"(0)), TRAP_UD);
    EXPECT_EQ(TRAP_PROBE("vmsave", NOTHING, "a"(0)), TRAP_UD);
    EXPECT_EQ(TRAP_PROBE("stgi", NOTHING, NOTHING), TRAP_UD);
    EXPECT_EQ(TRAP_PROBE("clgi", NOTHING, NOTHING), TRAP_UD);
    EXPECT_EQ(TRAP_PROBE("monitor", NOTHING, "a"(call_page) COMMA "c"(0) COMMA "d"(0)), TRAP_UD);
    /* There are no counters; the peer leaves it to the CPU, and QEMU's does not know the instruction. */
    EXPECT_EQ(TRAP_PROBE("rdpmc", NOTHING, "c"(0), "eax", "edx"), differs(TRAP_GP, TRAP_UD));
    EXPECT_EQ(TRAP_PROBE("ud2", NOTHING, NOTHING), TRAP_UD);
    EXPECT_EQ(TRAP_PROBE("wbinvd", NOTHING, NOTHING), -1);
    /* The same length behind prefixes. */
    EXPECT_EQ(TRAP_PROBE(".byte 0x66, 0x3e, 0x0f, 0xa2", NOTHING, "a"(0), "ebx", "ecx", "edx"), -1); /* cpuid */
}

/* INS reads ones, OUTS is lost; registers move as the direction flag says. */
static void test_string_ports(void)
{
    static uint16_t words[4096];
    unsigned long si = (unsigned long)words, di = (unsigned long)words, count = 3000;

    EXPECT_EQ(TRAP_PROBE("rep insw", "+D"(di) COMMA "+c"(count), "d"(NO_PORT)), -1);
    EXPECT_EQ(di, (unsigned long)(words + 3000));
    EXPECT_EQ(count, 0);
    EXPECT(words[0] == 0xffff && words[2999] == 0xffff && words[3000] == 0);
    di = (unsigned long)&words[3003];
    EXPECT_EQ(TRAP_PROBE("std; insw; cld", "+D"(di), "d"(NO_PORT)), -1);
    EXPECT(words[3002] == 0 && words[3003] == 0xffff && words[3004] == 0);
    EXPECT_EQ(di, (unsigned long)&words[3002]);
    count = 0;
    EXPECT_EQ(TRAP_PROBE("rep insb", "+D"(di) COMMA "+c"(count), "d"(NO_PORT)), -1);
    EXPECT_EQ(di, (unsigned long)&words[3002]);
    count = 5000;
    EXPECT_EQ(TRAP_PROBE("rep outsb", "+S"(si) COMMA "+c"(count), "d"(0x80)), -1);
    EXPECT_EQ(si, (unsigned long)words + 5000);
    EXPECT_EQ(count, 0);
    EXPECT_EQ(TRAP_PROBE("outsl", "+S"(si), "d"(0x80)), -1);
    EXPECT_EQ(si, (unsigned long)words + 5004);
    di = 1UL << 45; /* not mapped */
    EXPECT_EQ(TRAP_PROBE("insb", "+D"(di), "d"(NO_PORT)), TRAP_PF);
    EXPECT_EQ(di, 1UL << 45);
}

static void test_ports(void)
{
    uint32_t value = 0;
    uint8_t byte = 0;

    /* 0x80 answers on some machines, and dom0 asks the machine. */
    EXPECT_EQ(TRAP_PROBE("inb %w1, %0", "=a"(byte), "d"(start_is_dom0() ? NO_PORT : 0x80)), -1);
    EXPECT_EQ(byte, 0xff);
    EXPECT_EQ(TRAP_PROBE("inl %w1, %0", "=a"(value), "d"(0xcfc)), -1);
    EXPECT_EQ(value, 0xffffffffU);
    test_string_ports();
    EXPECT_EQ(TRAP_PROBE("outb %b0, %w1", NOTHING, "a"(1) COMMA "d"(0x70)), -1);
}

static void test_hole(void)
{
    volatile uint32_t *hole = (volatile uint32_t *)HOLE;
    volatile uint8_t *byte = (volatile uint8_t *)HOLE + 5;

    EXPECT_EQ(*hole, 0xffffffffU);
    EXPECT_EQ(*byte, 0xff);
    *hole = 5;
    EXPECT_EQ(*hole, 0xffffffffU);
    /* No move: not emulated here, where the peer has an emulator of all instructions. */
    EXPECT_EQ(TRAP_PROBE("lock incl (%0)", NOTHING, "r"(hole)), differs(TRAP_UD, -1));
    EXPECT_EQ(*(volatile uint64_t *)(HOLE + 8), ~0UL);
}

static void test_hypercall_page(void)
{
    long (*call)(int, void *) = (long (*)(int, void *))(call_page + __HYPERVISOR_xen_version * 32);

    EXPECT_EQ(try_wrmsr(0x40000000, (unsigned long)call_page - MEMORY_BASE), -1);
    EXPECT_EQ(call(XENVER_version, NULL) >> 16, 4);
    EXPECT_EQ(try_wrmsr(0x40000000, HOLE), TRAP_GP);
}

static void test_calls_refused(void)
{
    unsigned long port;

    EXPECT_EQ(hypercall(__HYPERVISOR_mmu_update, 0, 0, 0, 0, 0), -ENOSYS);
    EXPECT_EQ(hypercall(__HYPERVISOR_set_trap_table, 0, 0, 0, 0, 0), -ENOSYS);
    EXPECT_EQ(hypercall(__HYPERVISOR_iret, 0, 0, 0, 0, 0), -ENOSYS);
    EXPECT_EQ(hypercall(63, 0, 0, 0, 0, 0), -ENOSYS);
    EXPECT_EQ(hypercall(1UL << 40, 0, 0, 0, 0, 0), -ENOSYS);
    EXPECT_EQ(hypercall(__HYPERVISOR_hvm_op, 99, 0, 0, 0, 0), -ENOSYS);
    EXPECT_EQ(pvh_set_param(HVM_NR_PARAMS, 1), -EINVAL);
    if (start_is_dom0()) {
        return; /* nobody has made a console for it, and it may write what it likes */
    }
    port = pvh_param(HVM_PARAM_CONSOLE_PFN);
    EXPECT(port != 0);
    EXPECT_EQ(pvh_set_param(HVM_PARAM_CONSOLE_PFN, 1), -EPERM);
    EXPECT_EQ(pvh_param(HVM_PARAM_CONSOLE_PFN), port);
}

/* Memory comes and goes, and pages move. */
static void test_space(void)
{
    xen_pfn_t gfn = memory_take_pfn();
    xen_pfn_t other = gfn + 1024;
    volatile uint32_t *at = start_map_own_mfn(gfn);
    struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

    set_xen_guest_handle(r.extent_start, &gfn);
    *at = 0x1234;
    EXPECT_EQ(hypercall_memory_op(XENMEM_decrease_reservation, &r), 1);
    EXPECT_EQ(hypercall_memory_op(XENMEM_decrease_reservation, &r), 0);
    EXPECT_EQ(*at, 0xffffffffU);
    EXPECT_EQ(hypercall_memory_op(XENMEM_populate_physmap, &r), 1);
    EXPECT_EQ(*at, differs(0, 0x1234)); /* the peer does not clear what a living domain gives back */
    *at = 0x5678;
    EXPECT_EQ(pvh_add_to_physmap(XENMAPSPACE_gmfn, gfn, other), 0);
    EXPECT_EQ(*(volatile uint32_t *)start_map_own_mfn(other), 0x5678);
    EXPECT_EQ(*at, 0xffffffffU);
    EXPECT_EQ(pvh_add_to_physmap(XENMAPSPACE_gmfn, other, gfn), 0);
    EXPECT_EQ(*at, 0x5678);
    EXPECT(pvh_add_to_physmap(XENMAPSPACE_gmfn, HOLE >> 12, gfn) < 0);
    EXPECT(pvh_add_to_physmap(99, 0, gfn) < 0);
    EXPECT_EQ(pvh_add_to_physmap(XENMAPSPACE_grant_table, 0, other), 0);
    EXPECT_EQ(*(volatile uint32_t *)start_map_own_mfn(other), 0);
    EXPECT_EQ(hypercall_xen_version(XENVER_extraversion, (void *)HOLE), -EFAULT);
}

void test_main(void)
{
    test_cpuid();
    test_msrs();
    test_instructions();
    test_ports();
    test_hole();
    test_hypercall_page();
    test_calls_refused();
    test_space();
}
