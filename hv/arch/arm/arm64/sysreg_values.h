/* SPDX-License-Identifier: MIT */
/*
 * Values of system registers and page-table entries that assembly and C share. Bits are named in the Arm ARM,
 * DDI 0487, chapter D17 (registers) and D8 (translation).
 */
#ifndef HV_ARCH_ARM_ARM64_SYSREG_VALUES_H
#define HV_ARCH_ARM_ARM64_SYSREG_VALUES_H

/* Memory types by index: normal write-back, device nGnRnE, normal non-cacheable, device nGnRE. */
#define MAIR_VALUE  0x044400ff
#define ATTR_NORMAL 0
#define ATTR_DEVICE 1

/* 48-bit addresses, 4 KiB pages, walks inner shareable and cached; bits 31 and 23 are one. */
#define TCR_VALUE   0x80803510
/* MMU, caches, stack alignment; the bits that are one. */
#define SCTLR_VALUE 0x30c5183d
#define SCTLR_WXN   (1 << 19)

/* Stage 1 entries: valid | table or page | attribute index << 2 | one | read only | inner shareable | accessed */
#define PTE_VALID     1
#define PTE_TABLE     3
#define PTE_PAGE      2
#define PTE_ONE       (1 << 6)
#define PTE_RO        (1 << 7)
#define PTE_SHARED    (3 << 8)
#define PTE_ACCESSED  (1 << 10)
#define PTE_BLOCK_RAM 0x741

#define IMAGE_L0_SLOT 32

/* Of MPIDR_EL1: what tells one CPU from another. */
#define MPIDR_AFFINITY 0xff00ffffff

/* sizeof(struct cpu_local), offsets in it: asserted by asm_offsets.c. */
#define CPU_LOCAL_BYTES 320
#endif
