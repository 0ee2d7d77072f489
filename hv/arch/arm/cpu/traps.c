/* SPDX-License-Identifier: MIT */
/*
 * Exceptions of the hypervisor itself: all are our errors, so registers and a trace are printed and the machine
 * stops. See traps.h.
 */
#include "hv/arch/arm/cpu/traps.h"

#include "hv/arch/arm/cpu/sysreg.h"
#include "hv/base/percpu.h"
#include "hv/base/printk.h"
#include "hv/base/symbols.h"

#define STACK_WORDS_SHOWN 24
#define VECTOR_SERROR     7
#define SERROR_AWAITED    1UL /* no syndrome: those have their exception class in the upper half */

static PERCPU(uint64_t, serror_esr);

extern const char vectors[], text_begin[], text_end[];

void traps_init_cpu(void)
{
    SYSREG_WRITE("vbar_el2", (unsigned long)vectors);
    isb();
}

void arch_dump_regs(const struct cpu_user_regs *r)
{
    char name[80];

    symbols_format(name, sizeof(name), (const void *)r->pc);
    printk("CPU %u  vector %lu  esr 0x%lx  pc %016lx %s\n", arch_cpu_id(), (unsigned long)r->vector,
           (unsigned long)r->esr, (unsigned long)r->pc, name);
    for (unsigned int i = 0; i < 30; i += 3) {
        printk("x%-2u %016lx  x%-2u %016lx  x%-2u %016lx\n", i, (unsigned long)r->x[i], i + 1,
               (unsigned long)r->x[i + 1], i + 2, (unsigned long)r->x[i + 2]);
    }
    printk("x30 %016lx  sp  %016lx  spsr %08lx\n", (unsigned long)r->x[30], (unsigned long)r->sp,
           (unsigned long)r->spsr);
    printk("far %016lx  hpfar %lx  hcr %lx  ttbr0 %lx  vttbr %lx\n",
           (unsigned long)SYSREG_READ("far_el2"), (unsigned long)SYSREG_READ("hpfar_el2"),
           (unsigned long)SYSREG_READ("hcr_el2"), (unsigned long)SYSREG_READ("ttbr0_el2"),
           (unsigned long)SYSREG_READ("vttbr_el2"));
}

static bool on_this_stack(unsigned long a)
{
    unsigned long top = (unsigned long)(cpu_local() + 1);

    return a >= top - STACK_SIZE && a + 8 <= top;
}

static void dump_trace(unsigned long sp)
{
    char name[80];

    printk("Call trace (return addresses on the stack):\n");
    for (unsigned int shown = 0; shown < STACK_WORDS_SHOWN && on_this_stack(sp); sp += 8) {
        unsigned long word = *(unsigned long *)sp;

        if (word > (unsigned long)text_begin && word < (unsigned long)text_end) {
            symbols_format(name, sizeof(name), (const void *)word);
            printk("   [%016lx] %s\n", word, name);
            shown++;
        }
    }
}

void arch_dump_stack(void)
{
    dump_trace((unsigned long)__builtin_frame_address(0));
}

uint64_t traps_take_serror(void)
{
    uint64_t esr;

    this_cpu(serror_esr) = SERROR_AWAITED;
    __asm__ __volatile__("msr daifclr, #4; isb; msr daifset, #4" ::: "memory");
    esr = this_cpu(serror_esr);
    this_cpu(serror_esr) = 0;
    return esr;
}

void arm_exception(struct cpu_user_regs *regs)
{
    if (regs->vector == VECTOR_SERROR && this_cpu(serror_esr) == SERROR_AWAITED) {
        this_cpu(serror_esr) = regs->esr;
        return;
    }
    printk_force_unlock();
    arch_dump_regs(regs);
    dump_trace(regs->sp);
    panic("exception in the hypervisor: vector %lu, esr 0x%lx, at %lx (far %lx)", (unsigned long)regs->vector,
          (unsigned long)regs->esr, (unsigned long)regs->pc, (unsigned long)SYSREG_READ("far_el2"));
}
