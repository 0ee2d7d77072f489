/* SPDX-License-Identifier: MIT */
/*
 * Descriptor tables of each CPU, the syscall stubs, and exceptions taken while the hypervisor itself
 * runs: recovered through the table of instructions that may fault, else a dump and a panic.
 */
#include "hv/arch/x86/cpu/traps.h"

#include "hv/arch/x86/cpu/instr.h"
#include "hv/arch/x86/cpu/paging.h"
#include "hv/arch_cpu.h"
#include "hv/base/percpu.h"
#include "hv/base/printk.h"
#include "hv/base/symbols.h"
#include "hv/lib/printf.h"
#include "hv/lib/string.h"
#include "hv/upcalls.h"

#define IST_DF 1
#define IST_NMI 2
#define IST_MC 3
#define IST_DB 4
#define TSS_BYTES 104
#define GDT_LIMIT (SEL_GDT_FIRST + PAGE_SIZE - 1) /* beyond: #GP, not a fault on an unmapped page */
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_CSTAR 0xc0000083
#define MSR_SFMASK 0xc0000084
#define MSR_SYSENTER_CS 0x174
#define MSR_SYSENTER_ESP 0x175
#define MSR_SYSENTER_EIP 0x176
#define STUB_BYTES 32
#define STACK_WORDS_SHOWN 64

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t iomap;
} PACKED;
BUILD_ASSERT(sizeof(struct tss) == TSS_BYTES);

struct gate {
    uint64_t low;
    uint64_t high;
};

struct table_register {
    uint16_t limit;
    uint64_t base;
} PACKED;

struct ex_entry {
    int32_t fault;
    int32_t resume;
};

extern const char entry_stubs[], text_begin[], text_end[], guest_iret[];
extern const struct ex_entry ex_table_begin[], ex_table_end[];
extern const uint64_t boot_gdt[8];
NORETURN void iret_failed(struct cpu_user_regs *regs);

static struct gate idt[256] ALIGNED(4096);
static struct gdt_page boot_gdt_page ALIGNED(4096);
static PERCPU(struct tss, tss);
static PERCPU(struct gdt_page *, gdt);
static struct {
    uint64_t save;
    uint64_t stack;
} syscall_slots[MAX_CPUS];
static uint8_t syscall_stubs[MAX_CPUS][2][STUB_BYTES] __attribute__((section(".bss_stubs,\"aw\",@nobits#")));

/* ---- descriptor tables --------------------------------------------------------------------- */

static void gate_set(unsigned int vector, unsigned int ist, unsigned int dpl)
{
    uint64_t entry = (uint64_t)entry_stubs + vector * 16ULL;

    idt[vector].low = (entry & 0xffff) | ((uint64_t)SEL_HV_CS << 16) | ((uint64_t)ist << 32) |
                      (0x8e00ULL | dpl << 13) << 32 | (entry >> 16 & 0xffff) << 48;
    idt[vector].high = entry >> 32;
}

static void idt_init(void)
{
    for (unsigned int v = 0; v < 256; v++) {
        gate_set(v, 0, 0);
    }
    gate_set(EXC_DF, IST_DF, 0);
    gate_set(EXC_NMI, IST_NMI, 0);
    gate_set(EXC_MC, IST_MC, 0);
    gate_set(EXC_DB, IST_DB, 0);
    gate_set(EXC_BP, 0, 3);
    gate_set(EXC_OF, 0, 3);
    gate_set(VECTOR_INT80, 0, 3);
}

static void system_descriptor(struct gdt_page *g, unsigned int selector, unsigned int type,
                              uint64_t base, uint32_t limit)
{
    uint64_t *e = &g->entry[(selector - SEL_GDT_FIRST) / 8];

    e[0] = (limit & 0xffff) | (base & 0xffffff) << 16 | (uint64_t)(0x80 | type) << 40 |
           (uint64_t)(limit >> 16 & 0xf) << 48 | (base >> 24 & 0xff) << 56;
    e[1] = base >> 32;
}

void traps_load_gdt(unsigned long gdt_va)
{
    struct table_register r = { GDT_LIMIT, gdt_va };

    __asm__ __volatile__("lgdt %0" ::"m"(r) : "memory");
}

void traps_load_plain_gdt(void)
{
    traps_load_gdt((unsigned long)this_cpu(gdt) - SEL_GDT_FIRST);
}

mfn_t traps_gdt_mfn(unsigned int cpu)
{
    return paddr_to_mfn(paging_virt_to_phys(per_cpu(gdt, cpu)));
}

void traps_set_ldt(unsigned long base, unsigned int entries)
{
    if (entries == 0) {
        __asm__ __volatile__("lldt %w0" ::"r"(0) : "memory");
        return;
    }
    system_descriptor(this_cpu(gdt), SEL_LDT, 2, base, entries * 8 - 1);
    __asm__ __volatile__("lldt %w0" ::"r"(SEL_LDT) : "memory");
}

/* ---- syscall stubs ------------------------------------------------------------------------- */

static uint8_t *emit(uint8_t *p, const void *bytes, unsigned int n)
{
    memcpy(p, bytes, n);
    return p + n;
}

/* Code bytes, then the distance from the end of this instruction (as it will run) to target. */
static uint8_t *emit_relative(uint8_t *p, const char *code, unsigned int n, unsigned long run_at,
                              const void *target)
{
    int32_t distance = (int32_t)((unsigned long)target - (run_at + n + 4));

    return emit(emit(p, code, n), &distance, 4);
}

/* mov %rsp, save; mov stack, %rsp; push $ss; push save; jmp common */
static unsigned long stub_write(unsigned int cpu, unsigned int kind, const char *common)
{
    uint8_t *run = syscall_stubs[cpu][kind];
    uint8_t *base = arch_direct_map(paddr_to_mfn(paging_virt_to_phys(run)));
    uint8_t *p;
    uint32_t ss = SEL_USER_DS;

    base += (unsigned long)run & ~PAGE_MASK;
    p = base;
#define RUN_AT ((unsigned long)run + (unsigned long)(p - base))
    p = emit_relative(p, "\x48\x89\x25", 3, RUN_AT, &syscall_slots[cpu].save);
    p = emit_relative(p, "\x48\x8b\x25", 3, RUN_AT, &syscall_slots[cpu].stack);
    p = emit(emit(p, "\x68", 1), &ss, 4);
    p = emit_relative(p, "\xff\x35", 2, RUN_AT, &syscall_slots[cpu].save);
    p = emit_relative(p, "\xe9", 1, RUN_AT, common);
#undef RUN_AT
    return (unsigned long)run;
}

static void syscall_init_cpu(unsigned int cpu)
{
    unsigned long top = (unsigned long)&guest_regs()->es;

    syscall_slots[cpu].stack = top;
    write_msr(MSR_STAR, (uint64_t)SEL_USER_CS32 << 48 | (uint64_t)SEL_HV_CS << 32);
    write_msr(MSR_LSTAR, stub_write(cpu, 0, syscall_common));
    write_msr(MSR_CSTAR, stub_write(cpu, 1, syscall32_common));
    write_msr(MSR_SFMASK, X86_EFLAGS_VM | X86_EFLAGS_RF | X86_EFLAGS_NT | X86_EFLAGS_DF |
                              X86_EFLAGS_IF | X86_EFLAGS_TF | X86_EFLAGS_AC);
    write_msr(MSR_SYSENTER_CS, SEL_HV_CS);
    write_msr(MSR_SYSENTER_ESP, top);
    write_msr(MSR_SYSENTER_EIP, (unsigned long)sysenter_common);
}

void traps_init_cpu(unsigned int cpu)
{
    unsigned long stack = (unsigned long)cpu_local() & ~(STACK_SIZE - 1);
    struct table_register r = { sizeof(idt) - 1, (unsigned long)idt };
    struct gdt_page *g = cpu == 0 ? &boot_gdt_page : arch_direct_map(traps_gdt_mfn(cpu));
    struct tss *t = &this_cpu(tss);

    cpu_local()->guest_limit = (long)HV_VIRT_END;
    if (cpu == 0) {
        idt_init();
        this_cpu(gdt) = g;
    }
    memcpy(g->entry, boot_gdt, sizeof(boot_gdt));
    t->rsp[0] = (unsigned long)&guest_regs()->es;
    for (unsigned int i = 0; i < 4; i++) {
        t->ist[i] = stack + (i + 1) * PAGE_SIZE;
    }
    t->iomap = TSS_BYTES;
    system_descriptor(g, SEL_TSS, 9, (unsigned long)t, TSS_BYTES - 1);
    traps_load_plain_gdt();
    __asm__ __volatile__("ltr %w0; lidt %1; lldt %w2" ::"r"(SEL_TSS), "m"(r), "r"(0) : "memory");
    syscall_init_cpu(cpu);
}

void traps_prepare_cpu(unsigned int cpu, struct gdt_page *page)
{
    per_cpu(gdt, cpu) = page;
}

/* ---- symbols and dumps --------------------------------------------------------------------- */

static bool on_this_stack(unsigned long a)
{
    unsigned long stack = (unsigned long)cpu_local() & ~(STACK_SIZE - 1);

    return a >= stack && a + 8 <= stack + STACK_SIZE;
}

static void dump_trace(unsigned long rsp)
{
    char name[80];

    printk("Call trace (return addresses on the stack):\n");
    for (unsigned int shown = 0; shown < STACK_WORDS_SHOWN && on_this_stack(rsp); rsp += 8) {
        unsigned long word = *(unsigned long *)rsp;

        if (word > (unsigned long)text_begin && word < (unsigned long)text_end) {
            symbols_format(name, sizeof(name), (const void *)word);
            printk("   [%016lx] %s\n", word, name);
            shown++;
        }
    }
}

void arch_dump_regs(const struct cpu_user_regs *r)
{
    char name[80];

    symbols_format(name, sizeof(name), (const void *)r->rip);
    printk("CPU %u  vector %u  error 0x%x  %04x:%016lx %s\n", arch_cpu_id(), r->entry_vector,
           r->error_code, r->cs, (unsigned long)r->rip, name);
    printk("rax %016lx  rbx %016lx  rcx %016lx  rdx %016lx\n", (unsigned long)r->rax,
           (unsigned long)r->rbx, (unsigned long)r->rcx, (unsigned long)r->rdx);
    printk("rsi %016lx  rdi %016lx  rbp %016lx  rsp %016lx\n", (unsigned long)r->rsi,
           (unsigned long)r->rdi, (unsigned long)r->rbp, (unsigned long)r->rsp);
    printk("r8  %016lx  r9  %016lx  r10 %016lx  r11 %016lx\n", (unsigned long)r->r8,
           (unsigned long)r->r9, (unsigned long)r->r10, (unsigned long)r->r11);
    printk("r12 %016lx  r13 %016lx  r14 %016lx  r15 %016lx\n", (unsigned long)r->r12,
           (unsigned long)r->r13, (unsigned long)r->r14, (unsigned long)r->r15);
    printk("rflags %08lx  ss %04x  cr0 %lx  cr2 %016lx  cr3 %lx  cr4 %lx\n",
           (unsigned long)r->rflags, r->ss, read_cr0(), read_cr2(), read_cr3(), read_cr4());
}

void arch_dump_stack(void)
{
    dump_trace((unsigned long)__builtin_frame_address(0));
}

/* ---- exceptions in the hypervisor ---------------------------------------------------------- */

bool traps_fixup(struct cpu_user_regs *regs)
{
    for (const struct ex_entry *e = ex_table_begin; e < ex_table_end; e++) {
        if ((unsigned long)&e->fault + (long)e->fault == regs->rip) {
            regs->rip = (unsigned long)&e->resume + (long)e->resume;
            return true;
        }
    }
    return false;
}

/* The final iretq of a guest's exit faulted: the general registers in this frame are the guest's. */
static NORETURN void recover_iret(struct cpu_user_regs *regs)
{
    struct cpu_user_regs *guest = guest_regs();

    memmove(guest, regs, offsetof(struct cpu_user_regs, error_code));
    guest->error_code = regs->error_code;
    guest->entry_vector = regs->entry_vector;
    iret_failed(guest);
}

void x86_exception(struct cpu_user_regs *regs)
{
    unsigned long cr2 = read_cr2();

    if (traps_fixup(regs)) {
        return;
    }
    if (regs->rip == (unsigned long)guest_iret) {
        recover_iret(regs);
    }
    if ((regs->entry_vector == EXC_PF || regs->entry_vector == EXC_GP) &&
        upcall_fault_fixup(regs, cr2)) {
        return;
    }
    if (regs->entry_vector == EXC_DB) {
        return; /* a guest's watchpoint hit by our access: not ours to report */
    }
    printk_force_unlock();
    arch_dump_regs(regs);
    dump_trace(regs->rsp);
    panic("exception %u in the hypervisor at %lx (cr2 %lx)", regs->entry_vector,
          (unsigned long)regs->rip, cr2);
}

void x86_double_fault(struct cpu_user_regs *regs)
{
    printk_force_unlock();
    arch_dump_regs(regs);
    dump_trace(regs->rsp);
    panic("double fault");
}
