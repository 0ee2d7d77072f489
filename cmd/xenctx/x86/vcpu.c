/* SPDX-License-Identifier: MIT */
/*
 * Registers, code and stack of an x86 virtual CPU. Memory is read through the guest's own page tables, level
 * by level: they hold machine frames for a PV guest, guest frames otherwise, and either is what a foreign
 * mapping wants. A wrong entry only ends the walk.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "abi/hvm_save.h"
#include "cmd/xenctx/xenctx.h"
#include "lib/ctrl/x86.h"
#include "lib/foreignmemory/xenforeignmemory.h"

#define PRESENT    1ULL
#define LARGE      (1ULL << 7)
#define FRAME_MASK 0x000ffffffffff000ULL
#define CODE_BYTES 32
#define CODE_BACK  12
#define CPU_RECORD 2 /* the number of the CPU's save record */

struct registers {
    uint64_t rip, rsp, rflags;
    uint64_t general[16]; /* rax rcx rdx rbx (rsp) rbp rsi rdi r8.. */
    uint64_t cs, ss, ds, es, fs, gs, fs_base, gs_base, gs_kernel;
    uint64_t cr0, cr2, cr3, cr4;
    bool long_mode, kernel;
};

static const char *const names[16] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                       " r8", " r9", "r10", "r11", "r12", "r13", "r14", "r15" };

/* ---- registers ------------------------------------------------------------------------------------- */

static int read_pv(const struct view *v, unsigned int vcpu, struct registers *r)
{
    struct vcpu_guest_context c;
    unsigned int width;
    int rc = ctrl_address_size_get(v->ctrl, v->info.domain, &width);
    if (rc == 0 && width != 8) {
        return -EOPNOTSUPP;
    }
    rc = rc < 0 ? rc : ctrl_vcpu_context_get(v->ctrl, v->info.domain, vcpu, &c, sizeof(c));
    if (rc < 0) {
        return rc;
    }
    const struct cpu_user_regs *u = &c.user_regs;
    *r = (struct registers){
        .rip = u->rip,
        .rsp = u->rsp,
        .rflags = u->rflags,
        .general = { u->rax, u->rcx, u->rdx, u->rbx, u->rsp, u->rbp, u->rsi, u->rdi, u->r8, u->r9, u->r10,
                     u->r11, u->r12, u->r13, u->r14, u->r15 },
        .cs = u->cs,
        .ss = u->ss,
        .ds = u->ds,
        .es = u->es,
        .fs = u->fs,
        .gs = u->gs,
        .fs_base = c.fs_base,
        .gs_base = c.gs_base_user,
        .gs_kernel = c.gs_base_kernel,
        .cr0 = c.ctrlreg[0],
        .cr2 = c.ctrlreg[2],
        .cr3 = c.ctrlreg[3],
        .cr4 = c.ctrlreg[4],
        .long_mode = true,
        .kernel = (c.flags & VGCF_in_kernel) != 0,
    };
    if (!r->kernel && c.ctrlreg[1]) {
        r->cr3 = c.ctrlreg[1]; /* a 64-bit PV guest has other tables in user mode */
    }
    return 0;
}

static int read_hvm(const struct view *v, unsigned int vcpu, struct registers *r)
{
    struct hvm_hw_cpu c;
    int rc = ctrl_hvm_context_get_partial(v->ctrl, v->info.domain, CPU_RECORD, vcpu, &c, sizeof(c));
    if (rc < 0) {
        return rc;
    }
    *r = (struct registers){
        .rip = c.rip,
        .rsp = c.rsp,
        .rflags = c.rflags,
        .general = { c.rax, c.rcx, c.rdx, c.rbx, c.rsp, c.rbp, c.rsi, c.rdi, c.r8, c.r9, c.r10, c.r11, c.r12,
                     c.r13, c.r14, c.r15 },
        .cs = c.cs_sel,
        .ss = c.ss_sel,
        .ds = c.ds_sel,
        .es = c.es_sel,
        .fs = c.fs_sel,
        .gs = c.gs_sel,
        .fs_base = c.fs_base,
        .gs_base = c.gs_base,
        .gs_kernel = c.shadow_gs,
        .cr0 = c.cr0,
        .cr2 = c.cr2,
        .cr3 = c.cr3,
        .cr4 = c.cr4,
        .long_mode = (c.msr_efer & (1u << 10)) != 0,
        .kernel = (c.ss_arbytes >> 5 & 3) == 0,
    };
    return 0;
}

/* ---- memory ---------------------------------------------------------------------------------------- */

static bool read_frame(const struct view *v, uint64_t address, void *to, size_t size)
{
    struct xenforeignmemory_handle *f = ctrl_foreignmemory(v->ctrl);
    xen_pfn_t frame = address >> 12;
    char *page = xenforeignmemory_map(f, v->info.domain, PROT_READ, 1, &frame, NULL);
    if (!page) {
        return false;
    }
    memcpy(to, page + (address & 0xfff), size);
    xenforeignmemory_unmap(f, page, 1);
    return true;
}

/* Physical address of `virt`, 0 when it is not mapped. Four levels. */
static uint64_t translate(const struct view *v, const struct registers *r, uint64_t virt)
{
    uint64_t table = r->cr3 & FRAME_MASK;
    for (int shift = 39; shift >= 12; shift -= 9) {
        uint64_t entry;
        if (!read_frame(v, table + (virt >> shift & 0x1ff) * 8, &entry, sizeof(entry)) ||
            !(entry & PRESENT)) {
            return 0;
        }
        bool leaf = shift == 12 || (shift < 39 && (entry & LARGE));
        uint64_t within = (1ULL << shift) - 1;
        if (leaf) {
            return (entry & FRAME_MASK & ~within) | (virt & within);
        }
        table = entry & FRAME_MASK;
    }
    return 0;
}

/* Up to the end of the page; returns how many bytes came. */
static size_t read_virt(const struct view *v, const struct registers *r, uint64_t virt, void *to, size_t size)
{
    size_t left = 0x1000 - (virt & 0xfff);
    uint64_t address = r->long_mode ? translate(v, r, virt) : 0;
    size = size < left ? size : left;
    return address && read_frame(v, address, to, size) ? size : 0;
}

/* ---- showing --------------------------------------------------------------------------------------- */

static void show_symbol(const struct view *v, uint64_t address)
{
    uint64_t offset;
    const char *name = symbols_find(v->symbols, address, &offset);
    if (name) {
        printf(" %s+%#" PRIx64, name, offset);
    }
}

static void show_flags(uint64_t flags)
{
    static const struct {
        unsigned int bit;
        const char *name;
    } known[] = { { 0, "c" }, { 2, "p" },  { 4, "a" },  { 6, "z" },   { 7, "s" },   { 8, "t" },
                  { 9, "i" }, { 10, "d" }, { 11, "o" }, { 14, "nt" }, { 16, "rf" }, { 18, "ac" } };
    printf("flags: %08" PRIx64, flags);
    for (unsigned int i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (flags >> known[i].bit & 1) {
            printf(" %s", known[i].name);
        }
    }
    putchar('\n');
}

static void show_registers(const struct view *v, const struct registers *r)
{
    printf("rip: %016" PRIx64, r->rip);
    show_symbol(v, r->rip);
    printf("\n");
    show_flags(r->rflags);
    for (unsigned int i = 0; i < 16; i++) {
        printf("%s: %016" PRIx64 "%s", names[i], r->general[i], i % 3 == 2 || i == 15 ? "\n" : "   ");
    }
    printf(" cs: %04" PRIx64 "  ss: %04" PRIx64 "  ds: %04" PRIx64 "  es: %04" PRIx64 "\n", r->cs, r->ss,
           r->ds, r->es);
    printf(" fs: %04" PRIx64 " @ %016" PRIx64 "\n gs: %04" PRIx64 " @ %016" PRIx64 "/%016" PRIx64 "\n", r->fs,
           r->fs_base, r->gs, r->gs_base, r->gs_kernel);
    if (v->all_registers) {
        printf("cr0: %016" PRIx64 "   cr2: %016" PRIx64 "\ncr3: %016" PRIx64 "   cr4: %016" PRIx64 "\n",
               r->cr0, r->cr2, r->cr3, r->cr4);
    }
}

static void show_code(const struct view *v, const struct registers *r)
{
    unsigned char code[CODE_BYTES];
    uint64_t start = r->rip - CODE_BACK;
    size_t size = read_virt(v, r, start, code, sizeof(code));
    if (size <= CODE_BACK) {
        start = r->rip;
        size = read_virt(v, r, start, code, sizeof(code));
    }
    printf("Code (instr addr %08" PRIx64 ")\n", r->rip);
    for (size_t i = 0; i < size; i++) {
        printf(start + i == r->rip ? "<%02x> " : "%02x ", code[i]);
    }
    printf("\n");
}

static void show_stack(const struct view *v, const struct registers *r)
{
    uint64_t words[4];
    printf("\nStack:\n");
    for (unsigned int line = 0; line < v->stack_lines; line++) {
        uint64_t at = (r->rsp & ~7ULL) + line * sizeof(words);
        size_t count = read_virt(v, r, at, words, sizeof(words)) / sizeof(words[0]);
        if (count == 0) {
            return;
        }
        printf(" %016" PRIx64 ":", at);
        for (size_t i = 0; i < count; i++) {
            printf(" %016" PRIx64, words[i]);
        }
        printf("\n");
    }
}

/* Every word of the stack's page that is the address of code: what called, and some chaff. */
static void show_trace(const struct view *v, const struct registers *r)
{
    uint64_t words[512];
    uint64_t offset;
    uint64_t start = r->rsp & ~7ULL;
    size_t count = read_virt(v, r, start, words, sizeof(words)) / sizeof(words[0]);
    printf("\nCall Trace:\n  [<%016" PRIx64 ">]", r->rip);
    show_symbol(v, r->rip);
    printf(" <--\n");
    for (size_t i = 0; i < count; i++) {
        if (symbols_find(v->symbols, words[i], &offset)) {
            printf("%016" PRIx64 ": [<%016" PRIx64 ">]", start + i * 8, words[i]);
            show_symbol(v, words[i]);
            printf("\n");
        }
    }
}

int vcpu_show(struct err *e, const struct view *v, unsigned int vcpu)
{
    struct registers r;
    bool hvm = v->info.flags & XEN_DOMINF_hvm_guest;
    int rc = hvm ? read_hvm(v, vcpu, &r) : read_pv(v, vcpu, &r);
    if (rc == -EOPNOTSUPP) {
        return err_set(e, rc, "domain %u is a 32-bit PV guest: not built yet", v->info.domain);
    }
    if (rc < 0) {
        return err_set(e, rc, "no registers of vcpu %u: %s", vcpu, strerror(-rc));
    }
    show_registers(v, &r);
    show_code(v, &r);
    show_stack(v, &r);
    if (v->stack_trace) {
        show_trace(v, &r);
    }
    return 0;
}
