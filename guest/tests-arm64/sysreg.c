/* SPDX-License-Identifier: MIT */
/*
 * Every system register of the encoding space of EL1 (op0 2 and 3: 32,768) is read, then written, and what is not
 * refused as an undefined instruction must be in the table below, which says why it is there: so nothing is open by
 * oversight. Rows that are not marked as optional must be there. Then all system instructions (op0 1): those of EL2 and
 * EL3 are refused, the others do no harm. Last what extensions of the architecture that guests do not have add: no ID
 * register tells of them, and their instructions are undefined, or as on a CPU without.
 *
 * A register that is open is written with what it holds, so that the kernel goes on; registers that read as zero
 * whatever is written (debug, performance monitors) are tried with ones.
 */
#include "guest/arm64/guest.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"

#define ENC(op0, op1, crn, crm, op2) ((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))
#define RET  0xd65f03c0U
#define ANY  (-1)
#define HALF 512 /* registers in one round of written code */

enum {
    READ = 1,
    WRITE = 2,
    RW = READ | WRITE,
    MAYBE = 4, /* not on every CPU */
    ZERO = 8,  /* reads as zero, ignores writes: trapped on purpose */
    V3 = 16,   /* only with a GICv3 */
};

/* ANY stands for all values of a field. */
static const struct row {
    const char *name;
    int8_t op0, op1, crn, crm, op2;
    uint8_t how;
} rows[] = {
    { "MIDR_EL1", 3, 0, 0, 0, 0, READ },
    { "MPIDR_EL1", 3, 0, 0, 0, 5, READ },
    { "REVIDR_EL1", 3, 0, 0, 0, 6, READ },
    { "ID registers", 3, 0, 0, 1, ANY, READ },
    { "ID registers", 3, 0, 0, 2, ANY, READ },
    { "ID registers", 3, 0, 0, 3, ANY, READ },
    { "ID registers", 3, 0, 0, 4, ANY, READ },
    { "ID registers", 3, 0, 0, 5, ANY, READ },
    { "ID registers", 3, 0, 0, 6, ANY, READ },
    { "ID registers", 3, 0, 0, 7, ANY, READ },
    { "CCSIDR_EL1", 3, 1, 0, 0, 0, READ },
    { "CLIDR_EL1", 3, 1, 0, 0, 1, READ },
    { "SMIDR_EL1 (who made it)", 3, 1, 0, 0, 6, READ | MAYBE },
    { "AIDR_EL1", 3, 1, 0, 0, 7, READ },
    { "CSSELR_EL1", 3, 2, 0, 0, 0, RW },
    { "CTR_EL0", 3, 3, 0, 0, 1, READ },
    { "DCZID_EL0", 3, 3, 0, 0, 7, READ },
    { "SCTLR_EL1", 3, 0, 1, 0, 0, RW },
    { "ACTLR_EL1", 3, 0, 1, 0, 1, RW | ZERO },
    { "SMPRI_EL1 (cannot be trapped; there are no priorities)", 3, 0, 1, 2, 4, RW | ZERO | MAYBE },
    { "CPACR_EL1", 3, 0, 1, 0, 2, RW },
    { "TTBR0_EL1", 3, 0, 2, 0, 0, RW },
    { "TTBR1_EL1", 3, 0, 2, 0, 1, RW },
    { "TCR_EL1", 3, 0, 2, 0, 2, RW },
    { "RNDR, RNDRRS", 3, 3, 2, 4, ANY, READ | MAYBE },
    { "SPSR_EL1", 3, 0, 4, 0, 0, RW },
    { "ELR_EL1", 3, 0, 4, 0, 1, RW },
    { "SP_EL0", 3, 0, 4, 1, 0, RW },
    { "SPSel", 3, 0, 4, 2, 0, RW },
    { "CurrentEL", 3, 0, 4, 2, 2, READ },
    { "PAN", 3, 0, 4, 2, 3, RW | MAYBE },
    { "UAO", 3, 0, 4, 2, 4, RW | MAYBE },
    { "ICC_PMR_EL1", 3, 0, 4, 6, 0, RW | V3 },
    { "NZCV", 3, 3, 4, 2, 0, RW },
    { "DAIF", 3, 3, 4, 2, 1, RW },
    { "DIT", 3, 3, 4, 2, 5, RW | MAYBE },
    { "SSBS", 3, 3, 4, 2, 6, RW | MAYBE },
    { "TCO", 3, 3, 4, 2, 7, RW | MAYBE },
    { "FPCR", 3, 3, 4, 4, 0, RW },
    { "FPSR", 3, 3, 4, 4, 1, RW },
    { "AFSR0_EL1", 3, 0, 5, 1, 0, RW },
    { "AFSR1_EL1", 3, 0, 5, 1, 1, RW },
    { "ESR_EL1", 3, 0, 5, 2, 0, RW },
    { "FAR_EL1", 3, 0, 6, 0, 0, RW },
    { "PAR_EL1", 3, 0, 7, 4, 0, RW },
    { "performance monitors", 3, 0, 9, 14, ANY, RW | ZERO | MAYBE },
    { "performance monitors", 3, 3, 9, 12, ANY, RW | ZERO | MAYBE },
    { "performance monitors", 3, 3, 9, 13, ANY, RW | ZERO | MAYBE },
    { "performance monitors", 3, 3, 9, 14, ANY, RW | ZERO | MAYBE },
    { "MAIR_EL1", 3, 0, 10, 2, 0, RW },
    { "AMAIR_EL1", 3, 0, 10, 3, 0, RW },
    { "the CPU's own (QEMU 7.2 does not trap them)", 3, 1, 11, ANY, ANY, RW | MAYBE },
    { "the CPU's own (QEMU 7.2 does not trap them)", 3, 1, 15, ANY, ANY, RW | MAYBE },
    { "VBAR_EL1", 3, 0, 12, 0, 0, RW },
    { "ISR_EL1", 3, 0, 12, 1, 0, READ },
    { "DISR_EL1", 3, 0, 12, 1, 1, RW | MAYBE },
    { "ICC_IAR0_EL1", 3, 0, 12, 8, 0, READ | V3 },
    { "ICC_EOIR0_EL1", 3, 0, 12, 8, 1, WRITE | V3 },
    { "ICC_HPPIR0_EL1", 3, 0, 12, 8, 2, READ | V3 },
    { "ICC_BPR0_EL1", 3, 0, 12, 8, 3, RW | V3 },
    { "ICC_AP0R0_EL1", 3, 0, 12, 8, 4, RW | V3 },
    { "ICC_AP0R1_EL1 and on", 3, 0, 12, 8, ANY, RW | V3 | MAYBE },
    { "ICC_AP1R0_EL1", 3, 0, 12, 9, 0, RW | V3 },
    { "ICC_AP1R1_EL1 and on", 3, 0, 12, 9, ANY, RW | V3 | MAYBE },
    { "ICC_DIR_EL1", 3, 0, 12, 11, 1, WRITE | V3 },
    { "ICC_RPR_EL1", 3, 0, 12, 11, 3, READ | V3 },
    { "ICC_SGI1R_EL1", 3, 0, 12, 11, 5, WRITE | V3 },
    { "ICC_IAR1_EL1", 3, 0, 12, 12, 0, READ | V3 },
    { "ICC_EOIR1_EL1", 3, 0, 12, 12, 1, WRITE | V3 },
    { "ICC_HPPIR1_EL1", 3, 0, 12, 12, 2, READ | V3 },
    { "ICC_BPR1_EL1", 3, 0, 12, 12, 3, RW | V3 },
    { "ICC_CTLR_EL1", 3, 0, 12, 12, 4, RW | V3 },
    { "ICC_SRE_EL1", 3, 0, 12, 12, 5, RW | V3 },
    { "ICC_IGRPEN0_EL1", 3, 0, 12, 12, 6, RW | V3 },
    { "ICC_IGRPEN1_EL1", 3, 0, 12, 12, 7, RW | V3 },
    { "CONTEXTIDR_EL1", 3, 0, 13, 0, 1, RW },
    { "TPIDR_EL1", 3, 0, 13, 0, 4, RW },
    { "TPIDR_EL0", 3, 3, 13, 0, 2, RW },
    { "TPIDRRO_EL0", 3, 3, 13, 0, 3, RW },
    { "TPIDR2_EL0 (cannot be trapped; holds nothing of another guest)", 3, 3, 13, 0, 5, RW | MAYBE },
    { "CNTKCTL_EL1", 3, 0, 14, 1, 0, RW },
    { "CNTFRQ_EL0", 3, 3, 14, 0, 0, READ },
    { "CNTPCT_EL0", 3, 3, 14, 0, 1, READ },
    { "CNTVCT_EL0", 3, 3, 14, 0, 2, READ },
    { "CNTP_TVAL_EL0", 3, 3, 14, 2, 0, RW },
    { "CNTP_CTL_EL0", 3, 3, 14, 2, 1, RW },
    { "CNTP_CVAL_EL0", 3, 3, 14, 2, 2, RW },
    { "CNTV_TVAL_EL0", 3, 3, 14, 3, 0, RW },
    { "CNTV_CTL_EL0", 3, 3, 14, 3, 1, RW },
    { "CNTV_CVAL_EL0", 3, 3, 14, 3, 2, RW },
    { "performance monitors", 3, 3, 14, 8, ANY, RW | ZERO | MAYBE },
    { "performance monitors", 3, 3, 14, 9, ANY, RW | ZERO | MAYBE },
    { "performance monitors", 3, 3, 14, 10, ANY, RW | ZERO | MAYBE },
    { "performance monitors", 3, 3, 14, 11, ANY, RW | ZERO | MAYBE },
    { "performance monitors", 3, 3, 14, 12, ANY, RW | ZERO | MAYBE },
    { "performance monitors", 3, 3, 14, 13, ANY, RW | ZERO | MAYBE },
    { "performance monitors", 3, 3, 14, 14, ANY, RW | ZERO | MAYBE },
    { "performance monitors", 3, 3, 14, 15, ANY, RW | ZERO | MAYBE },
    { "MDSCR_EL1", 2, 0, 0, 2, 2, RW | ZERO },
    { "OSLAR_EL1", 2, 0, 1, 0, 4, WRITE },
    { "OSLSR_EL1", 2, 0, 1, 1, 4, READ },
    { "debug", 2, 0, ANY, ANY, ANY, RW | ZERO | MAYBE },
    { "debug communication", 2, 3, 0, ANY, 0, RW | ZERO | MAYBE },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static uint32_t code[2 * HALF] __attribute__((aligned(4096)));
static uint8_t done[ROWS]; /* READ, WRITE that were let through */
static uint64_t scratch[512] __attribute__((aligned(4096)));

static uint64_t run(unsigned int i, uint64_t value)
{
    register uint64_t x0 __asm__("x0") = value;

    __asm__ volatile("blr %1" : "+r"(x0) : "r"(&code[2 * i]) : "x30", "memory", "cc");
    return x0;
}

static void write_code(uint32_t base, unsigned int first)
{
    for (unsigned int i = 0; i < HALF; i++) {
        code[2 * i] = base | (first + i) << 5;
        code[2 * i + 1] = RET;
    }
    arm_code_ready(code, sizeof(code));
}

static bool fits(int field, unsigned int value)
{
    return field == ANY || (unsigned int)field == value;
}

static const struct row *find(unsigned int e)
{
    for (unsigned int i = 0; i < ROWS; i++) {
        const struct row *r = &rows[i];

        if (fits(r->op0, e >> 14) && fits(r->op1, e >> 11 & 7) && fits(r->crn, e >> 7 & 15) &&
            fits(r->crm, e >> 3 & 15) && fits(r->op2, e & 7)) {
            return r;
        }
    }
    return NULL;
}

static void unlisted(const char *how, unsigned int e, uint64_t value)
{
    test_fail("%s is not refused: op0 %u op1 %u CRn %u CRm %u op2 %u, value 0x%lx", how, e >> 14, e >> 11 & 7,
              e >> 7 & 15, e >> 3 & 15, e & 7, (unsigned long)value);
}

/* Refused means: an exception of unknown reason, as if the register did not exist; or one that the guest's own settings
 * (CPACR_EL1) or newer CPUs (writes to ID registers) give a class of its own. */
static bool was_let(unsigned int before)
{
    unsigned int class = (unsigned int)(sync_esr >> 26);

    if (sync_count != before && class != 0 && class != 0x18 && class != 0x19 && class != 0x1d) {
        test_fail("refused with class 0x%x", class);
    }
    return sync_count == before;
}

static void try_write(unsigned int i, unsigned int e, const struct row *r, uint64_t value)
{
    unsigned int before = sync_count;
    uint64_t again;

    (void)run(i, r != NULL && (r->how & ZERO) ? ~0UL : value);
    if (!was_let(before)) {
        return;
    }
    if (r == NULL || !(r->how & WRITE)) {
        unlisted("a write", e, value);
        return;
    }
    done[r - rows] |= WRITE;
    if (!(r->how & ZERO) || !(done[r - rows] & READ)) {
        return;
    }
    write_code(0xd5300000U - (2U << 19), e & ~(HALF - 1U));
    before = sync_count;
    again = run(i, 0);
    if (was_let(before) && again != 0) {
        unlisted("what is written", e, again);
    }
    write_code(0xd5100000U - (2U << 19), e & ~(HALF - 1U));
}

/* Reads first, all of a round, then writes. */
static void sweep(unsigned int first)
{
    static uint64_t values[HALF];
    static bool readable[HALF];

    write_code(0xd5300000U - (2U << 19), first);
    for (unsigned int i = 0; i < HALF; i++) {
        const struct row *r = find(first + i);
        unsigned int before = sync_count;

        values[i] = run(i, 0);
        readable[i] = was_let(before);
        if (!readable[i]) {
            values[i] = 0;
        } else if (r == NULL || !(r->how & READ)) {
            unlisted("a read", first + i, values[i]);
        } else {
            done[r - rows] |= READ;
            if ((r->how & ZERO) && values[i] != 0) {
                unlisted("a value", first + i, values[i]);
            }
        }
    }
    write_code(0xd5100000U - (2U << 19), first);
    for (unsigned int i = 0; i < HALF; i++) {
        try_write(i, first + i, find(first + i), readable[i] ? values[i] : 0);
    }
}

static void test_registers(void)
{
    unsigned int open = 0;

    for (unsigned int first = ENC(2, 0, 0, 0, 0); first < ENC(4, 0, 0, 0, 0); first += HALF) {
        sweep(first);
    }
    for (unsigned int i = 0; i < ROWS; i++) {
        const struct row *r = &rows[i];
        bool wanted = !(r->how & MAYBE) && (!(r->how & V3) || is_gicv3());

        open += done[i] != 0;
        if (wanted && done[i] != (r->how & RW)) {
            test_fail("%s: %s%s missing", r->name, done[i] & READ ? "" : "read ", done[i] & WRITE ? "" : "write");
        }
        if (done[i] != 0 && (r->how & V3) && !is_gicv3()) {
            test_fail("%s without a GICv3", r->name);
        }
    }
    test_note("%u of %u rows were open; %u accesses refused", open, (unsigned int)ROWS, sync_count);
}

/* Cache, TLB and address translation instructions (CRn 7, 8) of op1 0 and 3; op1 4 and 6 are the hypervisor's. */
static void test_instructions(void)
{
    unsigned int refused = 0;

    for (unsigned int first = ENC(1, 0, 0, 0, 0); first < ENC(2, 0, 0, 0, 0); first += HALF) {
        write_code(0xd5080000U - (1U << 19), first);
        for (unsigned int i = 0; i < HALF; i++) {
            unsigned int e = first + i;
            unsigned int op1 = e >> 11 & 7;
            unsigned int crn = e >> 7 & 15;
            unsigned int before = sync_count;

            (void)run(i, (uint64_t)scratch);
            if (sync_count != before) {
                refused++;
            } else if ((op1 != 0 && op1 != 3) || (crn != 7 && crn != 8)) {
                unlisted("an instruction", e, 0);
            }
        }
    }
    test_note("%u of 16384 system instructions refused", refused);
    EXPECT(refused > 16000);
}

/* ---- extensions ------------------------------------------------------------------------------- */

/* Fields of four bits of ID registers (CRm, op2): no more than `most`. */
static const struct field {
    uint8_t crm, op2, shift, most;
    const char *name;
} fields[] = {
    { 4, 0, 8, 0, "EL2" },          { 4, 0, 12, 0, "EL3" },        { 4, 0, 28, 0, "RAS" },
    { 4, 0, 32, 0, "SVE" },         { 4, 0, 36, 0, "Secure EL2" }, { 4, 0, 40, 0, "MPAM" },
    { 4, 0, 44, 0, "AMU" },         { 4, 0, 52, 0, "RME" },        { 4, 0, 56, 1, "CSV2 with SCXTNUM" },
    { 4, 1, 8, 0, "MTE" },          { 4, 1, 12, 0, "RAS" },        { 4, 1, 16, 0, "MPAM" },
    { 4, 1, 24, 0, "SME" },         { 4, 1, 28, 0, "RNDR trap" },  { 4, 1, 32, 0, "SCXTNUM" },
    { 4, 1, 36, 0, "NMI" },         { 4, 1, 40, 0, "MTE" },        { 5, 0, 4, 0, "trace" },
    { 5, 0, 8, 0, "PMU" },          { 5, 0, 32, 0, "SPE" },
    { 5, 0, 40, 0, "trace filter" }, { 5, 0, 44, 0, "trace buffer" }, { 5, 0, 48, 0, "PMU" },
    { 5, 0, 52, 0, "BRBE" },        { 5, 0, 60, 0, "PMU" },        { 6, 0, 24, 0, "TME" },
    { 6, 1, 4, 0, "PAuth" },        { 6, 1, 8, 0, "PAuth" },       { 6, 1, 24, 0, "PAuth" },
    { 6, 1, 28, 0, "PAuth" },       { 6, 1, 56, 0, "XS" },         { 6, 1, 60, 0, "LS64" },
    { 6, 2, 0, 0, "WFxT" },         { 6, 2, 8, 0, "PAuth" },       { 6, 2, 12, 0, "PAuth" },
    { 6, 2, 16, 0, "MOPS" },        { 6, 2, 24, 0, "PAuth" },      { 7, 0, 32, 0, "stage 2, 16 KiB" },
    { 7, 0, 36, 0, "stage 2, 64 KiB" }, { 7, 0, 40, 0, "stage 2, 4 KiB" }, { 7, 0, 56, 0, "FGT" },
    { 7, 0, 60, 0, "ECV" },         { 7, 1, 8, 0, "VHE" },         { 7, 1, 16, 0, "LORegions" },
    { 7, 1, 28, 0, "stage 2 XN" },  { 7, 1, 32, 0, "TWED" },       { 7, 1, 40, 0, "HCRX" },
    { 7, 2, 12, 0, "IESB" },        { 7, 2, 24, 0, "nested" },     { 7, 2, 40, 0, "stage 2 FWB" },
    { 7, 2, 56, 0, "EVT" },
};
/* Registers (CRm, op2) that read as zero: ZFR0, SMFR0, FPFR0, DFR1, AFR0, AFR1, MMFR3, MMFR4. */
static const uint8_t zeros[][2] = { { 4, 4 }, { 4, 5 }, { 4, 7 }, { 5, 1 }, { 5, 4 }, { 5, 5 }, { 7, 3 }, { 7, 4 } };

static uint64_t id_register(unsigned int crm, unsigned int op2)
{
    code[0] = 0xd5300000U - (2U << 19) + (ENC(3, 0, 0, crm, op2) << 5);
    code[1] = RET;
    arm_code_ready(code, 8);
    return run(0, 0);
}

static void test_id_registers(void)
{
    for (unsigned int i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        const struct field *f = &fields[i];
        unsigned int value = (unsigned int)(id_register(f->crm, f->op2) >> f->shift) & 15;

        if (value > f->most) {
            test_fail("%s is told of: %u (CRm %u op2 %u)", f->name, value, f->crm, f->op2);
        }
    }
    for (unsigned int i = 0; i < sizeof(zeros) / sizeof(zeros[0]); i++) {
        EXPECT_EQ(id_register(zeros[i][0], zeros[i][1]), 0);
    }
}

static const struct instruction {
    uint32_t code;
    const char *name;
} undefined[] = {
    { 0x04bf5000, "rdvl (SVE)" },       { 0x2518e3e0, "ptrue (SVE)" },  { 0x04603000, "orr z (SVE)" },
    { 0x04bf5800, "rdsvl (SME)" },      { 0xd503477f, "smstart (SME)" }, { 0xd503467f, "smstop (SME)" },
    { 0xc00800ff, "zero za (SME)" },    { 0xdac123e0, "paciza" },       { 0xdac127e0, "pacizb" },
    { 0xdac12be0, "pacdza" },           { 0xdac133e0, "autiza" },       { 0x9ac03000, "pacga" },
    { 0xd5233060, "tstart (TME)" },     { 0xf83fd000, "ld64b (LS64)" }, { 0x19010440, "cpyfp (MOPS)" },
};

/* With all that a kernel could switch on for them: CPACR_EL1.ZEN and SMEN, SCTLR_EL1.EnIA and its like. */
static void test_undefined(void)
{
    uint64_t cpacr, sctlr;

    __asm__ volatile("mrs %0, cpacr_el1; mrs %1, sctlr_el1" : "=r"(cpacr), "=r"(sctlr));
    for (unsigned int i = 0; i < sizeof(undefined) / sizeof(undefined[0]); i++) {
        unsigned int before = sync_count;

        code[0] = undefined[i].code;
        code[1] = RET;
        arm_code_ready(code, 8);
        __asm__ volatile("msr cpacr_el1, %0; msr sctlr_el1, %1; isb" ::"r"(cpacr | 0x3330000),
                         "r"(sctlr | 1UL << 31 | 1UL << 30 | 1UL << 27 | 1UL << 13));
        (void)run(0, (uint64_t)scratch);
        __asm__ volatile("msr cpacr_el1, %0; msr sctlr_el1, %1; isb" ::"r"(cpacr), "r"(sctlr));
        if (sync_count != before + 1 || sync_esr >> 26 != 0) {
            test_fail("%s: %u exceptions, the last 0x%lx", undefined[i].name, sync_count - before,
                      (unsigned long)sync_esr);
        }
    }
}

/* Memory tags cannot be trapped: they are undefined where the CPU has none, or all zero, and none is kept. */
static void test_tags(void)
{
    uint64_t plain = (uint64_t)scratch, tagged = plain | 5UL << 56, value;
    unsigned int before = sync_count;

    scratch[0] = 42;
    __asm__ volatile("mov x10, %1; mov x11, %2\n"
                     ".inst 0xd920094b\n" /* stg x11, [x10] */
                     ".inst 0xd960014b\n" /* ldg x11, [x10] */
                     "mov %0, x11" : "=r"(value) : "r"(plain), "r"(tagged) : "x10", "x11", "memory");
    EXPECT_EQ(value, sync_count == before ? plain : tagged);
    EXPECT_EQ(scratch[0], 42);
    before = sync_count;
    __asm__ volatile("mov x10, %1; mov x11, #0\n"
                     ".inst 0x9adf114b\n" /* irg x11, x10 */
                     "mov %0, x11" : "=r"(value) : "r"(plain) : "x10", "x11");
    EXPECT_EQ(value, sync_count == before ? plain : 0);
}

void test_main(void)
{
    sync_expected = true;
    test_registers();
    test_instructions();
    test_id_registers();
    test_undefined();
    test_tags();
    sync_expected = false;
    EXPECT(hypercall_xen_version(0, NULL) >= 4 << 16);
}
