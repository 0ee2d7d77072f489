/* SPDX-License-Identifier: MIT */
/*
 * Building dom0: the hardware domain, from the first boot module (kernel) and the second (initrd), as a PV guest or
 * with dom0=pvh under hardware virtualisation. dom0_build() returns with dom0 ready to run and unpaused; what is
 * wrong with kernel or memory it says in one line and then ends the boot.
 *
 * Below it, what both builders share: the boot modules, how much memory, creating and starting the domain.
 */
#ifndef HV_INIT_DOM0_H
#define HV_INIT_DOM0_H

#include "hv/init/bootinfo.h"
#include "hv/lib/kernel_image.h"

struct domain;

struct dom0_files {
    bool pvh;
    struct kernel_image image; /* for PVH: physical addresses */
    const void *elf;       /* unpacked */
    mfn_t elf_block;       /* memory to free, INVALID_MFN when the module itself is the ELF */
    unsigned int elf_order;
    const struct boot_module *kernel_module;
    const struct boot_module *initrd_module; /* NULL for none */
};

void dom0_build(void);

/* dom0_pv.c, dom0_pvh.c */
void dom0_pv_build(const struct dom0_files *files);
void dom0_pvh_build(struct dom0_files *files);

/* dom0_rights.c: what dom0 may touch of the machine. */
MUST_CHECK int dom0_rights_grant(struct domain *d);

/* "dom0 kernel: " and the text, then the end: a halt, or a reboot when reboot= asks for one. */
NORETURN void PRINTF_LIKE(1, 2) dom0_fail(const char *fmt, ...);
/* In MiB, rounded up. */
unsigned long dom0_mib(uint64_t pages);

uint64_t dom0_module_pages(const struct boot_module *m);
const void *dom0_module_data(const struct boot_module *m);
/* Modules were kept from the page allocator; these give it what they were in. */
void dom0_add_free(uint64_t first, uint64_t end);
void dom0_free_module(const struct boot_module *m);
/* Frees count pages that need not be an aligned block. */
void dom0_free_range(mfn_t mfn, uint64_t count);
/* Contiguous memory of at least so many pages, contents undefined; flags of page_alloc(). */
mfn_t dom0_block_alloc(uint64_t pages, unsigned int flags, unsigned int *order);

uint64_t dom0_choose_size(const struct dom0_files *f);
/* The most it may ever have, at least pages. */
uint64_t dom0_max_pages(uint64_t pages);
struct domain *dom0_create(uint32_t flags, uint32_t emulation_flags);
/* Its first vcpu has its registers. */
void dom0_start(struct domain *d);

#endif
