/* SPDX-License-Identifier: MIT */
/*
 * The Arm half of domains and vcpus. There is one kind of guest: stage 2 translation, a virtual GIC of the host's
 * version, the virtual timer, PSCI.
 */
#ifndef HV_ARCH_ARM_GUEST_GUEST_H
#define HV_ARCH_ARM_GUEST_GUEST_H

#include "hv/arch/arm/cpu/gic.h"
#include "hv/base/lock.h"
#include "hv/base/timer.h"
#include "hv/core/domain.h"
#include "hv/core/vcpu.h"
#include "hv/lib/list.h"

#define GUEST_VCPUS_MAX 128U
#define HVM_PARAMS      40U

struct p2m;
struct vpl011;

struct arch_fpu {
    uint64_t q[64];
    uint64_t fpsr;
    uint64_t fpcr;
} ALIGNED(16);

/* EL1 and EL0 state that is in the CPU while the vcpu runs. */
struct arch_sysregs {
    uint64_t sp_el0, sp_el1, elr_el1, spsr_el1;
    uint64_t sctlr, cpacr, ttbr0, ttbr1, mair, amair, tcr;
    uint64_t esr, far, afsr0, afsr1, vbar, contextidr;
    uint64_t tpidr_el0, tpidrro_el0, tpidr_el1;
    uint64_t csselr, par, cntkctl, mdscr;
};

/* One interrupt of a guest; under the lock of its domain's vgic. */
struct virq {
    struct list link;   /* in its vcpu's waiting list while listed */
    uint16_t id;
    uint16_t hw_irq;         /* 0: none behind it */
    uint8_t priority;
    uint8_t lr;              /* list register of the vcpu, VIRQ_NO_LR */
    bool enabled;
    bool pending;            /* latched, not yet in a list register */
    bool deactivate;         /* the guest wants it no longer active: by its holder, in the list register */
    bool withdraw;           /* nor pending: the same */
    bool edge;
    bool listed;
    uint16_t source;         /* GICv2 SGIs: which CPUs sent it, beside the one in the list register */
    uint8_t lr_source;
    struct vcpu *target;     /* of an SPI; of a local interrupt: its vcpu */
    struct vcpu *holder;     /* whose list register, while there is one */
};
#define VIRQ_NO_LR  0xffU
#define VIRQ_LOCALS 32U

struct vgic {
    struct spinlock lock;    /* LOCK_IRQ, interrupts off */
    unsigned int version;
    unsigned int spi_count;
    bool enabled;
    struct virq *spis;
    uint64_t dist_base, redist_base, redist_size, cpu_base;
};

struct vgic_vcpu {
    struct virq local[VIRQ_LOCALS];
    struct list waiting; /* pending and enabled, or active, by priority */
    uint16_t lr_virq[GIC_LR_MAX]; /* what is in each list register */
    uint32_t lr_used;         /* bits */
    bool loaded;              /* list registers are the CPU's */
    bool notice;              /* while loaded: an interrupt of ours is due when they run empty */
    bool again;               /* one that is active pends once more, and nothing tells when it has ended */
    uint64_t lr[GIC_LR_MAX];  /* else they are here; those not in use are 0 */
    struct gic_vcpu_state hw;
};

struct arch_domain {
    uint64_t vttbr;
    unsigned int vmid;
    uint8_t last_vcpu[MAX_CPUS]; /* that ran on each CPU, by that CPU: its number and one, 0: none */
    struct vgic vgic;
    uint64_t counter_offset;  /* virtual counter is the physical one less this */
    uint64_t hvm_params[HVM_PARAMS];
    unsigned int evtchn_irq;
    bool is_direct;           /* dom0: guest physical is machine */
    struct vpl011 *vpl011;    /* NULL: none */
    uint64_t p2m_pool;        /* pages the toolstack set aside for tables */
};

struct arch_vcpu {
    uint32_t exit_work;       /* something for vgic_flush(); set under the lock of the vgic */
    bool online;              /* by PSCI */
    struct cpu_user_regs regs ALIGNED(16); /* while it does not run */
    struct arch_sysregs sys;
    struct arch_fpu fpu;
    uint64_t vmpidr;
    struct vgic_vcpu vgic;
    /* virtual timer, while it does not run; physical timer, emulated */
    uint64_t cntv_ctl;
    uint64_t cntv_cval;
    uint64_t cntp_ctl;
    uint64_t cntp_cval;
    struct timer vtimer;
    struct timer ptimer;
};

/* Boot: stage 2 control, VMIDs; each CPU: traps. */
void guest_init(void);
void guest_init_cpu(void);
/* Device tree node of the serial port that is ours; negative for none. */
extern int console_node;

/* exit.c */
void upcall_hypercall_restart(void);
extern void (*const guest_trap_handlers[])(struct cpu_user_regs *regs, uint64_t esr);
/* An SError of the domain that leaves this CPU ends it now; later it would be taken for one of the next domain. */
void exit_settle_serror(struct domain *d);
/* Makes the guest take an exception: undefined instruction, or data abort at an address. */
void inject_undefined(struct cpu_user_regs *regs);
void inject_abort(struct cpu_user_regs *regs, uint64_t address, bool is_instruction);
/* Value of general register n of a trapped instruction (31: zero). */
static inline uint64_t guest_reg(const struct cpu_user_regs *regs, unsigned int n)
{
    return n == 31 ? 0 : regs->x[n];
}
static inline void guest_reg_set(struct cpu_user_regs *regs, unsigned int n, uint64_t value)
{
    if (n != 31) {
        regs->x[n] = value;
    }
}

/*
 * domain.c, for CPUs with errata_speculative_walk, interrupts off: between them VTTBR_EL2 may be another's. They are
 * told what SCTLR_EL1 and TCR_EL1 are.
 */
void guest_walks_off(uint64_t sctlr);
void guest_walks_on(uint64_t sctlr, uint64_t tcr);

/* sysreg.c: a trapped MSR or MRS; regs->pc moves on when it was understood. */
void sysreg_trap(struct cpu_user_regs *regs, uint64_t esr);
/* vpsci.c: a function in x0; false when it is none of ours. */
bool vpsci_call(struct vcpu *v, struct cpu_user_regs *regs);
/* The vcpu starts at an address with its MMU off, context in x0. */
void vcpu_start_at(struct vcpu *v, uint64_t pc, uint64_t context);

/* vtimer.c */
void vtimer_vcpu_init(struct vcpu *v);
void vtimer_vcpu_exit(struct vcpu *v);
void vtimer_reset(struct vcpu *v);
void vtimer_save(struct vcpu *v);
void vtimer_restore(struct vcpu *v);
void vtimer_interrupt(struct vcpu *v);
bool vtimer_sysreg(struct vcpu *v, unsigned int reg, bool is_write, uint64_t *value);
enum { VTIMER_CTL, VTIMER_CVAL, VTIMER_TVAL };

/* memory.c */
int guest_vmid_alloc(struct domain *d);
void guest_vmid_free(struct domain *d);
/* VTTBR_EL2 of a domain's tables. */
uint64_t guest_vttbr(const struct p2m *p);

void fpu_save(struct arch_fpu *f);
void fpu_restore(const struct arch_fpu *f);
/* By the registers of the FPU, which are nobody's between the two above. */
void regs_copy(struct cpu_user_regs *to, const struct cpu_user_regs *from);

#endif
