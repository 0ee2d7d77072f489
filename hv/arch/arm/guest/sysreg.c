/* SPDX-License-Identifier: MIT */
/*
 * System registers of a guest that trap: ID registers (which show no more than a guest may use), debug and
 * performance registers (which read as zero and ignore writes), the emulated physical timer, SGIs. Everything else
 * that traps is an undefined instruction to the guest.
 */
#include "hv/arch/arm/cpu/sysreg.h"
#include "hv/arch/arm/guest/vgic.h"
#include "hv/base/printk.h"

/* A register as the syndrome of its trap names it: op0 21:20, op2 19:17, op1 16:14, CRn 13:10, CRm 4:1. */
#define REG(op0, op1, crn, crm, op2) \
    ((op0) << 20 | (op2) << 17 | (op1) << 14 | (crn) << 10 | (crm) << 1)
#define REG_MASK REG(3U, 7U, 15U, 15U, 7U)
#define ICC_SGI1R REG(3, 0, 12, 11, 5)
#define ICC_SRE   REG(3, 0, 12, 12, 5)
#define SRE_ALL   7 /* the system registers are what there is: as if bypass were not implemented */

/* Fields of ID registers, four bits each. */
#define FIELD(n) (0xfULL << (n))
#define PFR0_GIC      (1ULL << 24) /* system registers of a GICv3 */
#define PFR0_CSV2     FIELD(56)
#define PFR0_CSV2_ONE (1ULL << 56) /* more of it has registers */

/*
 * What guests see, everything else is zero: what they can use without us, as of EL0 and EL1. Not: EL2 and EL3, SVE and
 * SME, RAS, MPAM, AMU, MTE, trace, PMU, SPE, BRBE, TME, pointer authentication, LS64, WFxT, MOPS, what is of stage 2.
 */
#define PFR0_SHOWN  (FIELD(0) | FIELD(4) | FIELD(16) | FIELD(20) | FIELD(48) | PFR0_CSV2 | FIELD(60))
#define PFR1_SHOWN  (FIELD(0) | FIELD(4))                        /* branch targets, SSBS */
#define DFR0_SHOWN  (FIELD(0) | FIELD(12) | FIELD(20) | FIELD(28)) /* the breakpoints that there always are */
#define ISAR0_SHOWN (~FIELD(24))
#define ISAR1_SHOWN (~(FIELD(4) | FIELD(8) | FIELD(24) | FIELD(28) | FIELD(56) | FIELD(60)))
#define ISAR2_SHOWN (FIELD(4) | FIELD(20) | FIELD(28) | FIELD(52)) /* RPRES, BC, CLRBHB, CSSC */
#define MMFR0_SHOWN (0xffffffffULL | FIELD(44))                  /* sizes, endianness, granules; ExS */
#define MMFR1_SHOWN (FIELD(0) | FIELD(4) | FIELD(12) | FIELD(20) | FIELD(24) | FIELD(36) | FIELD(44) | FIELD(48) | \
                     FIELD(52))
#define MMFR2_SHOWN (FIELD(0) | FIELD(4) | FIELD(8) | FIELD(16) | FIELD(20) | FIELD(28) | FIELD(36) | FIELD(48) | \
                     FIELD(52) | FIELD(60))

static const struct id_row {
    uint32_t reg;
    uint64_t shown;
} id_rows[] = {
    { REG(3, 0, 0, 4, 0), PFR0_SHOWN },
    { REG(3, 0, 0, 4, 1), PFR1_SHOWN },
    { REG(3, 0, 0, 5, 0), DFR0_SHOWN },
    { REG(3, 0, 0, 6, 0), ISAR0_SHOWN },
    { REG(3, 0, 0, 6, 1), ISAR1_SHOWN },
    { REG(3, 0, 0, 6, 2), ISAR2_SHOWN },
    { REG(3, 0, 0, 7, 0), MMFR0_SHOWN },
    { REG(3, 0, 0, 7, 1), MMFR1_SHOWN },
    { REG(3, 0, 0, 7, 2), MMFR2_SHOWN },
};

static uint64_t id_read(unsigned int reg)
{
    switch (reg) {
    case REG(3, 0, 0, 4, 0):
        return SYSREG_READ("id_aa64pfr0_el1");
    case REG(3, 0, 0, 4, 1):
        return SYSREG_READ("id_aa64pfr1_el1");
    case REG(3, 0, 0, 5, 0):
        return SYSREG_READ("id_aa64dfr0_el1");
    case REG(3, 0, 0, 6, 0):
        return SYSREG_READ("id_aa64isar0_el1");
    case REG(3, 0, 0, 6, 1):
        return SYSREG_READ("id_aa64isar1_el1");
    case REG(3, 0, 0, 6, 2):
        return SYSREG_READ("S3_0_C0_C6_2");
    case REG(3, 0, 0, 7, 0):
        return SYSREG_READ("id_aa64mmfr0_el1");
    case REG(3, 0, 0, 7, 1):
        return SYSREG_READ("id_aa64mmfr1_el1");
    case REG(3, 0, 0, 7, 2):
        return SYSREG_READ("S3_0_C0_C7_2");
    default:
        return 0;
    }
}

/* The space of ID registers: op0 3, op1 0, CRn 0, CRm 1 to 7. 32-bit ones (CRm 1 to 3) describe what no guest of ours
 * uses and read as zero, as do all that have no row. */
static bool is_id_space(unsigned int reg)
{
    return (reg & ~REG(0, 0, 0, 7, 7)) == REG(3, 0, 0, 0, 0) && (reg >> 1 & 15) >= 1;
}

static uint64_t pfr0(const struct vcpu *v, uint64_t value)
{
    if ((value & PFR0_CSV2) != 0) {
        value = (value & ~PFR0_CSV2) | PFR0_CSV2_ONE;
    }
    return v->domain->arch->vgic.version == 3 ? value | PFR0_GIC : value;
}

static uint64_t id_value(const struct vcpu *v, unsigned int reg)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(id_rows); i++) {
        if (id_rows[i].reg == reg) {
            uint64_t value = id_read(reg) & id_rows[i].shown;

            return reg == REG(3, 0, 0, 4, 0) ? pfr0(v, value) : value;
        }
    }
    return 0;
}

/* Debug registers are op0 2; performance monitors CRn 9 with CRm 12 to 14, and CRn 14 with CRm 8 to 15. */
static bool is_ignored(unsigned int reg)
{
    unsigned int op0 = reg >> 20 & 3;
    unsigned int crn = reg >> 10 & 15;
    unsigned int crm = reg >> 1 & 15;

    return op0 == 2 || (op0 == 3 && crn == 9 && crm >= 12 && crm <= 14) ||
           (op0 == 3 && crn == 14 && crm >= 8) ||
           reg == REG(3, 0, 1, 0, 1); /* ACTLR_EL1 */
}

static bool access_reg(struct vcpu *v, unsigned int reg, bool is_write, uint64_t *value)
{
    switch (reg) {
    case REG(3, 3, 14, 2, 0):
        return vtimer_sysreg(v, VTIMER_TVAL, is_write, value);
    case REG(3, 3, 14, 2, 1):
        return vtimer_sysreg(v, VTIMER_CTL, is_write, value);
    case REG(3, 3, 14, 2, 2):
        return vtimer_sysreg(v, VTIMER_CVAL, is_write, value);
    default:
        break;
    }
    if (reg == ICC_SRE && v->domain->arch->vgic.version == 3) {
        *value = SRE_ALL;
        return true;
    }
    if (is_id_space(reg) && !is_write) {
        *value = id_value(v, reg);
        return true;
    }
    if (is_ignored(reg)) {
        *value = 0;
        return true;
    }
    return false;
}

static NOINLINE void any_trap(struct cpu_user_regs *regs, uint64_t esr)
{
    unsigned int reg = (unsigned int)esr & REG_MASK;
    unsigned int rt = (unsigned int)(esr >> 5) & 31;
    bool is_write = (esr & 1) == 0;
    uint64_t value = guest_reg(regs, rt);

    arch_irq_enable();
    if (!access_reg(current_vcpu(), reg, is_write, &value)) {
        glog_debug("%pd: system register op0 %u op1 %u CRn %u CRm %u op2 %u at %lx\n", current_domain(),
                   reg >> 20 & 3, reg >> 14 & 7, reg >> 10 & 15, reg >> 1 & 15, reg >> 17 & 7,
                   (unsigned long)regs->pc);
        inject_undefined(regs);
        return;
    }
    if (!is_write) {
        guest_reg_set(regs, rt, value);
    }
    regs->pc += 4;
}

/* Beside the register the syndrome has Rt 9:5 and whether it is read, 0. An SGI is what matters. */
void sysreg_trap(struct cpu_user_regs *regs, uint64_t esr)
{
    struct vcpu *v = current_vcpu();

    if (likely((esr & (REG_MASK | 1)) == ICC_SGI1R) && v->domain->arch->vgic.version == 3) {
        arch_irq_enable();
        regs->pc += 4;
        vgic_sgi1r(v, guest_reg(regs, (unsigned int)(esr >> 5) & 31));
    } else {
        any_trap(regs, esr);
    }
}
