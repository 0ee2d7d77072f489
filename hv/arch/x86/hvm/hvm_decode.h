/* SPDX-License-Identifier: MIT */
/*
 * Taking apart an instruction that touched memory where a device is: moves between a register or a constant and
 * memory. Pure: works on bytes already fetched. Which address it is about is known from the exit.
 */
#ifndef HV_ARCH_X86_HVM_HVM_DECODE_H
#define HV_ARCH_X86_HVM_HVM_DECODE_H

#include "hv/lib/types.h"

#define HVM_INSTRUCTION_MAX 15U

enum hvm_move { HVM_LOAD, HVM_STORE, HVM_STORE_CONSTANT, HVM_EXCHANGE };

struct hvm_instruction {
    unsigned int length;
    enum hvm_move move;
    unsigned int bytes;       /* of memory: 1, 2, 4, 8 */
    unsigned int dest_bytes;  /* of the register, for a load that widens */
    bool sign;                /* it widens with the sign */
    unsigned int reg;         /* 0 to 15 */
    bool high;                /* its second byte: ah, ch, dh, bh */
    uint64_t constant;
};

/* Bytes of prefixes in front of the opcode, count when there is nothing else. */
unsigned int hvm_decode_prefixes(const uint8_t *bytes, unsigned int count, unsigned int code_bits);
/* code_bits: 64, 32 or 16. False when bytes run out or it is another instruction. */
bool hvm_decode(const uint8_t *bytes, unsigned int count, unsigned int code_bits, struct hvm_instruction *out);

#endif
