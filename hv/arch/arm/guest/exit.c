/* SPDX-License-Identifier: MIT */
/*
 * What brought a vcpu to EL2 other than an interrupt or a hypercall: a table by exception class. What no row handles
 * is the guest's own error and comes back to it as an exception.
 */
#include "hv/arch/arm/cpu/errata.h"
#include "hv/arch/arm/cpu/sysreg.h"
#include "hv/arch/arm/cpu/traps.h"
#include "hv/arch/arm/guest/vgic.h"
#include "hv/arch/arm/guest/vpl011.h"
#include "hv/base/printk.h"
#include "hv/base/softirq.h"
#include "hv/core/arch_guest.h"
#include "hv/core/p2m.h"
#include "hv/core/sched.h"
#include "hv/upcalls.h"

#define ESR_CLASS(esr) ((unsigned int)((esr) >> 26) & 63)
#define CLASS_COUNT    64
#define ESR_IDS        (1ULL << 24) /* of an SError: the rest is the implementation's */
#define ESR_AET        (7ULL << 10)
#define ESR_DFSC       0x3fULL
#define DFSC_ASYNCHRONOUS 0x11U
#define VECTOR_SERROR  3U
#define ISR_SERROR     (1UL << 8)
#define SPSR_MODE      0xfU
#define SPSR_EL1T      4U
#define SPSR_EL1H      5U
#define SPSR_AARCH32   0x10U
#define SPSR_MASKS     0x3c0U /* D, A, I and F */
#define SPSR_THUMB     0x20U
#define SPSR_SSBS      (1ULL << 12) /* these four where the CPU has them: written as one they are zero elsewhere */
#define SPSR_PAN       (1ULL << 22)
#define SPSR_DIT       (1ULL << 24)
#define SPSR_TCO       (1ULL << 25)
#define SPSR_IT_HIGH   (0x3fULL << 10)
#define SPSR_IT_LOW    (3ULL << 25)
#define SCTLR_SPAN     (1ULL << 23)
#define SCTLR_DSSBS    (1ULL << 44)

/* ---- exceptions for the guest ----------------------------------------------------------------- */

/* PSTATE in the vector, as the CPU sets it (Arm ARM D1.3, AArch64.TakeException). */
static uint64_t vector_pstate(uint64_t spsr)
{
    uint64_t sctlr = SYSREG_READ("sctlr_el1");
    bool is_32 = spsr & SPSR_AARCH32; /* whose DIT is another bit */

    return SPSR_EL1H | SPSR_MASKS | SPSR_TCO | (sctlr & SCTLR_DSSBS ? SPSR_SSBS : 0) |
           (sctlr & SCTLR_SPAN ? spsr & SPSR_PAN : SPSR_PAN) | (is_32 ? 0 : spsr & SPSR_DIT);
}

/* As the CPU takes one to EL1: vector by where it came from. */
static void inject(struct cpu_user_regs *regs, uint64_t esr)
{
    unsigned int mode = regs->spsr & (SPSR_MODE | SPSR_AARCH32);
    uint64_t offset = mode == SPSR_EL1T ? 0 : mode == SPSR_EL1H ? 0x200 : mode & SPSR_AARCH32 ? 0x600 : 0x400;

    SYSREG_WRITE("elr_el1", regs->pc);
    SYSREG_WRITE("spsr_el1", regs->spsr);
    SYSREG_WRITE("esr_el1", esr);
    regs->pc = SYSREG_READ("vbar_el1") + offset;
    regs->spsr = vector_pstate(regs->spsr);
}

void inject_undefined(struct cpu_user_regs *regs)
{
    inject(regs, 1ULL << 25); /* unknown reason, 32-bit instruction */
}

void inject_abort(struct cpu_user_regs *regs, uint64_t address, bool is_instruction)
{
    bool same_level = (regs->spsr & SPSR_MODE) != 0;
    uint64_t class = (is_instruction ? 0x20 : 0x24) + (same_level ? 1 : 0);

    SYSREG_WRITE("far_el1", address);
    inject(regs, class << 26 | 1ULL << 25 | 0x10); /* external abort */
}

/* ---- instructions that are done -------------------------------------------------------------- */

/* A program of 32 bits has instructions of two bytes, and blocks of conditional ones in whose state each is a step. */
static NOINLINE void go_on_aarch32(struct cpu_user_regs *regs, uint64_t esr)
{
    uint64_t it = (regs->spsr & SPSR_IT_HIGH) >> 8 | (regs->spsr & SPSR_IT_LOW) >> 25;

    regs->pc += esr >> 25 & 1 ? 4 : 2;
    if (regs->spsr & SPSR_THUMB) {
        it = (it & 7) == 0 ? 0 : (it & 0xe0) | (it << 1 & 0x1f);
        regs->spsr = (regs->spsr & ~(SPSR_IT_HIGH | SPSR_IT_LOW)) | (it & 0xfc) << 8 | (it & 3) << 25;
    }
}

/* Behind an instruction that we have carried out. */
static inline void go_on(struct cpu_user_regs *regs, uint64_t esr)
{
    if (likely(!(regs->spsr & SPSR_AARCH32))) {
        regs->pc += 4;
    } else {
        go_on_aarch32(regs, esr);
    }
}

/* ---- memory ----------------------------------------------------------------------------------- */

#define ESR_STATUS_MASK 0x3cU /* without the level */
#define ESR_STATUS(esr) ((unsigned int)(esr) & ESR_STATUS_MASK)
#define STATUS_TRANSLATION 0x04U
#define STATUS_PERMISSION  0x0cU
#define ESR_SYNDROME    (1ULL << 24) /* what is not a pair, with write-back or the like: what is to be done for it */
#define ESR_OF_WALK     (1ULL << 7)  /* the access was a walk of the guest's tables */
#define ESR_OF_WRITE    (1ULL << 6)
#define PAR_ADDRESS     0xffffffffff000ULL
#define HPFAR_ADDRESS   0xffffffffff0ULL
#define NO_ADDRESS      (~0ULL)

static uint64_t hpfar_ipa(uint64_t far)
{
    return (SYSREG_READ("hpfar_el2") & HPFAR_ADDRESS) << 8 | (far & ~PAGE_MASK);
}

/* By the guest's translation of now, of the exception level that asked. */
static uint64_t translate(const struct cpu_user_regs *regs, uint64_t va)
{
    uint64_t kept = SYSREG_READ("par_el1");
    uint64_t par;

    if ((regs->spsr & SPSR_MODE) == 0) {
        __asm__ __volatile__("at s1e0r, %0; isb" ::"r"(va) : "memory");
    } else {
        __asm__ __volatile__("at s1e1r, %0; isb" ::"r"(va) : "memory");
    }
    par = SYSREG_READ("par_el1");
    SYSREG_WRITE("par_el1", kept);
    return (par & 1) != 0 ? NO_ADDRESS : (par & PAR_ADDRESS) | (va & ~PAGE_MASK);
}

/*
 * HPFAR_EL2 has it unless an access that was translated met a lack of permission: then the guest is asked, as about a
 * load on CPUs that may report stage 2 although stage 1 refuses. NO_ADDRESS: it has no translation, so that the
 * instruction is to be tried again.
 */
static NOINLINE uint64_t fault_ipa(const struct cpu_user_regs *regs, uint64_t esr, uint64_t far)
{
    bool in_doubt = ESR_STATUS(esr) == STATUS_PERMISSION ||
                    (errata_fault_address && ESR_STATUS(esr) == STATUS_TRANSLATION && (esr & ESR_OF_WRITE) == 0);

    return in_doubt && (esr & ESR_OF_WALK) == 0 ? translate(regs, far) : hpfar_ipa(far);
}

/* What the instruction syndrome says of a load or store. */
struct load_store {
    unsigned int reg;
    unsigned int bytes;
    bool is_write;
    bool sign_extend;
    bool is_64;
};

static unsigned int access_bytes(uint64_t esr)
{
    return 1U << (esr >> 22 & 3);
}

static struct load_store decode(uint64_t esr)
{
    return (struct load_store){
        .bytes = access_bytes(esr),
        .sign_extend = esr >> 21 & 1,
        .reg = esr >> 16 & 31,
        .is_64 = esr >> 15 & 1,
        .is_write = esr >> 6 & 1,
    };
}

static uint64_t extend(const struct load_store *ls, uint64_t value)
{
    unsigned int shift = 64 - 8 * ls->bytes;

    value <<= shift;
    if (likely(!ls->sign_extend)) {
        return value >> shift;
    }
    value = (uint64_t)((int64_t)value >> shift);
    return ls->is_64 ? value : (uint32_t)value;
}

/* An aligned access, of a device if there is one. */
static bool emulate(struct vcpu *v, struct cpu_user_regs *regs, uint64_t ipa, uint64_t esr)
{
    struct load_store ls = decode(esr);
    uint64_t value;

    value = ls.is_write ? guest_reg(regs, ls.reg) : 0;
    if (ls.is_write && ls.bytes < 8) {
        value &= (1ULL << (8 * ls.bytes)) - 1;
    }
    if (!(vpl011_is_at(ipa) && vpl011_mmio(v, ipa, ls.is_write, &value)) &&
        !vgic_mmio(v, ipa, ls.bytes, ls.is_write, &value)) {
        return false;
    }
    if (!ls.is_write) {
        guest_reg_set(regs, ls.reg, extend(&ls, value));
    }
    go_on(regs, esr);
    return true;
}

/* A permission fault may have been overtaken by a change; a page that is there now is tried again. is_walk: the guest's
 * own tables lie there, which they must not in a device (HCR_PTW). */
static bool is_there(struct vcpu *v, uint64_t ipa, bool is_write, bool is_walk)
{
    enum p2m_type type;

    p2m_lookup(v->domain, _gfn(ipa >> PAGE_SHIFT), &type);
    return type != P2M_NONE && !(is_walk && type == P2M_DEVICE) &&
           !(is_write && (type == P2M_RAM_RO || type == P2M_GRANT_RO || type == P2M_FOREIGN_RO));
}

static NOINLINE void no_device(struct vcpu *v, struct cpu_user_regs *regs, uint64_t esr, uint64_t far, uint64_t ipa)
{
    unsigned int status = ESR_STATUS(esr);

    if ((status == STATUS_TRANSLATION || status == STATUS_PERMISSION) &&
        is_there(v, ipa, esr & ESR_OF_WRITE, esr & ESR_OF_WALK)) {
        return;
    }
    glog_debug("%pv: data abort at %lx, esr 0x%lx, physical %lx, pc %lx\n", v, (unsigned long)far,
               (unsigned long)esr, (unsigned long)ipa, (unsigned long)regs->pc);
    inject_abort(regs, far, false);
}

/*
 * Accesses to a device's registers are what has to be fast. fault_ipa() doubts loads that cross a page's end: they are
 * not aligned, or the address is that of the rest, where the next page begins.
 */
static void on_data_abort(struct cpu_user_regs *regs, uint64_t esr)
{
    struct vcpu *v = current_vcpu();
    uint64_t far = SYSREG_READ("far_el2");
    bool is_access = (esr & (ESR_SYNDROME | ESR_STATUS_MASK)) == (ESR_SYNDROME | STATUS_TRANSLATION) &&
                     (far & (access_bytes(esr) - 1)) == 0;
    uint64_t ipa = likely(is_access && (far & ~PAGE_MASK) != 0) ? hpfar_ipa(far) : fault_ipa(regs, esr, far);

    arch_irq_enable();
    if (ipa != NO_ADDRESS && !(is_access && emulate(v, regs, ipa, esr))) {
        no_device(v, regs, esr, far, ipa);
    }
}

static void on_instruction_abort(struct cpu_user_regs *regs, uint64_t esr)
{
    struct vcpu *v = current_vcpu();
    uint64_t far = SYSREG_READ("far_el2");
    uint64_t ipa = hpfar_ipa(far); /* not so for a lack of permission, which is the guest's own error */

    arch_irq_enable();
    if (ESR_STATUS(esr) == STATUS_TRANSLATION && is_there(v, ipa, false, esr & ESR_OF_WALK)) {
        return;
    }
    glog_debug("%pv: instruction abort at %lx, physical %lx\n", v, (unsigned long)far, (unsigned long)ipa);
    inject_abort(regs, far, true);
}

/* ---- instructions ----------------------------------------------------------------------------- */

/* WFI sleeps until something pends; WFE, and the forms of both that end at a given time, give way. */
static void on_wait(struct cpu_user_regs *regs, uint64_t esr)
{
    go_on(regs, esr);
    arch_irq_enable();
    if (esr & 3) {
        sched_yield();
    } else {
        vcpu_block();
    }
}

static void smccc(struct cpu_user_regs *regs)
{
    if (!vpsci_call(current_vcpu(), regs)) {
        regs->x[0] = (uint64_t)-1; /* not supported */
    }
}

static void on_hvc(struct cpu_user_regs *regs, uint64_t esr)
{
    arch_irq_enable();
    if ((esr & 0xffff) == 0) {
        smccc(regs);
    } else {
        regs->pc -= 4; /* of HVC the CPU gives the address behind it */
        inject_undefined(regs);
    }
}

static void on_smc(struct cpu_user_regs *regs, uint64_t esr)
{
    arch_irq_enable();
    regs->pc += 4;
    if ((esr & 0xffff) == 0) {
        smccc(regs);
    } else {
        regs->x[0] = (uint64_t)-1;
    }
}

static void on_other(struct cpu_user_regs *regs, uint64_t esr)
{
    glog_debug("%pv: exception class 0x%x at %lx\n", current_vcpu(), ESR_CLASS(esr), (unsigned long)regs->pc);
    arch_irq_enable();
    inject_undefined(regs);
}

/*
 * For the vector, which calls them with interrupts off; a handler switches them on when it has read what another
 * exception would overwrite.
 */
void (*const guest_trap_handlers[CLASS_COUNT])(struct cpu_user_regs *regs, uint64_t esr) = {
    [0x00] = on_other,
    [0x01] = on_wait,
    [0x16] = on_hvc,
    [0x17] = on_smc,
    [0x18] = sysreg_trap,
    [0x20] = on_instruction_abort,
    [0x24] = on_data_abort,
    [0x02 ... 0x15] = on_other,
    [0x19 ... 0x1f] = on_other,
    [0x21 ... 0x23] = on_other,
    [0x25 ... 0x3f] = on_other,
};

/*
 * An SError while a guest ran: an error on its way to memory, most often to a device the guest may use (a GICv2's
 * virtual interface takes no access of 64 bits), so it is the guest that ends. What the CPU says is contained nowhere,
 * and dom0's, is the machine's end. See DDI 0487 D17, ESR_EL2, "ISS of an SError": IDS, DFSC, AET.
 */
static bool is_machine_error(uint64_t esr)
{
    return !(esr & ESR_IDS) && (esr & ESR_DFSC) == DFSC_ASYNCHRONOUS && (esr & ESR_AET) == 0;
}

static void serror_of(struct domain *d, uint64_t esr)
{
    if (d == domain_hardware || is_machine_error(esr)) {
        panic("SError of %pd, esr 0x%lx", d, (unsigned long)esr);
    }
    domain_crash(d, "SError, esr 0x%lx", (unsigned long)esr);
}

/* What is neither an exception of an instruction nor an interrupt of ours: SError, or FIQ, which nobody has. */
void upcall_guest_trap(struct cpu_user_regs *regs)
{
    if ((regs->vector & 3) == VECTOR_SERROR) {
        serror_of(current_domain(), regs->esr);
    } else {
        panic("vector %lu while %pv ran, esr 0x%lx", (unsigned long)regs->vector, current_vcpu(),
              (unsigned long)regs->esr);
    }
}

void exit_settle_serror(struct domain *d)
{
    dsb_sy(); /* stores that were on their way have arrived */
    isb();
    if (unlikely(SYSREG_READ("isr_el1") & ISR_SERROR)) {
        serror_of(d, traps_take_serror());
    }
}

/* ---- hypercalls ------------------------------------------------------------------------------- */

/* HVC is four bytes: the guest runs it again, with the arguments of what is left to do. */
void arch_hypercall_restart(struct vcpu *v)
{
    struct cpu_user_regs *regs = guest_regs();
    const struct vcpu_restart *r = &v->restart;

    regs->pc -= 4;
    regs->x[16] = r->op;
    for (unsigned int i = 0; i < r->arg_count; i++) {
        regs->x[i] = r->args[i];
    }
}

void upcall_hypercall_restart(void)
{
    struct vcpu *v = current_vcpu();

    if (v->restart.pending) {
        v->restart.pending = false;
        arch_hypercall_restart(v);
    }
}
