/* SPDX-License-Identifier: MIT */
/*
 * Taking apart the few instructions that fault in a PV guest because they are privileged: prefixes, opcode
 * (one byte, or 0x0fXX), ModRM with a register operand, one immediate byte. Pure: works on bytes already
 * fetched.
 */
#ifndef HV_ARCH_X86_GUEST_PV_DECODE_H
#define HV_ARCH_X86_GUEST_PV_DECODE_H

#include "hv/lib/types.h"

#define PV_INSTRUCTION_MAX 15 /* bytes; the CPU's own limit */

enum pv_segment { PV_SEG_NONE, PV_SEG_FS, PV_SEG_GS, PV_SEG_OTHER };

struct pv_instruction {
    unsigned int length;
    unsigned int opcode;         /* 0x00 to 0xff, or 0x0f00 to 0x0fff */
    unsigned int operand_bytes;  /* 2, 4 or 8 */
    unsigned int address_bytes;  /* 2, 4 or 8 */
    bool repeat;                 /* rep or repne */
    bool lock;
    enum pv_segment segment;
    uint8_t modrm;               /* where the opcode has one */
    unsigned int reg;            /* ModRM reg with REX.R */
    unsigned int rm;             /* ModRM rm with REX.B */
    uint8_t immediate;           /* in/out with a port in the instruction */
};

/* code_bits: 64, 32 or 16. False when bytes run out or it is none of the instructions looked for. */
bool pv_decode(const uint8_t *bytes, unsigned int count, unsigned int code_bits,
               struct pv_instruction *out);

#endif
