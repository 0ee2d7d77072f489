/* SPDX-License-Identifier: MIT */
/* See hvm_decode.h. (Intel SDM volume 2, chapter 2; appendix A.) */
#include "hv/arch/x86/hvm/hvm_decode.h"

#define PREFIX_OPERAND 0x66
#define PREFIX_ADDRESS 0x67
#define REX_W 8U
#define REX_R 4U

/* The bytes, and how far they have been read. */
struct cursor {
    const uint8_t *bytes;
    unsigned int count;
    unsigned int at;
    bool bad;
};

static uint8_t next(struct cursor *c)
{
    if (c->at >= c->count || c->at >= HVM_INSTRUCTION_MAX) {
        c->bad = true;
        return 0;
    }
    return c->bytes[c->at++];
}

static uint64_t next_number(struct cursor *c, unsigned int bytes)
{
    uint64_t value = 0;

    for (unsigned int i = 0; i < bytes; i++) {
        value |= (uint64_t)next(c) << 8 * i;
    }
    return value;
}

static bool is_legacy_prefix(uint8_t b)
{
    switch (b) {
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e:
    case 0x64:
    case 0x65:
    case PREFIX_OPERAND:
    case PREFIX_ADDRESS:
    case 0xf0:
    case 0xf2:
    case 0xf3:
        return true;
    default:
        return false;
    }
}

unsigned int hvm_decode_prefixes(const uint8_t *bytes, unsigned int count, unsigned int code_bits)
{
    unsigned int n = 0;

    while (n < count && (is_legacy_prefix(bytes[n]) || (code_bits == 64 && (bytes[n] & 0xf0) == 0x40))) {
        n++;
    }
    return n;
}

/* What prefixes said. */
struct prefixes {
    bool operand;
    bool address;
    uint8_t rex;
};

static struct prefixes read_prefixes(struct cursor *c, unsigned int code_bits)
{
    unsigned int end = hvm_decode_prefixes(c->bytes, c->count, code_bits);
    struct prefixes p = { 0 };

    for (; c->at < end; c->at++) {
        uint8_t b = c->bytes[c->at];

        p.operand |= b == PREFIX_OPERAND;
        p.address |= b == PREFIX_ADDRESS;
        /* Only one right before the opcode counts. */
        p.rex = code_bits == 64 && (b & 0xf0) == 0x40 ? b : 0;
    }
    return p;
}

/* Skips what follows a ModRM byte to name memory; a register operand is not memory. */
static void skip_address(struct cursor *c, uint8_t modrm, unsigned int address_bits)
{
    unsigned int mod = modrm >> 6;
    unsigned int rm = modrm & 7;
    unsigned int displacement = mod == 1 ? 1 : 0;

    if (mod == 3) {
        c->bad = true;
        return;
    }
    if (address_bits == 16) {
        displacement = mod == 2 || (mod == 0 && rm == 6) ? 2 : displacement;
    } else {
        if (rm == 4) {
            uint8_t sib = next(c);

            rm = mod == 0 && (sib & 7) == 5 ? 5 : 4;
        }
        displacement = mod == 2 || (mod == 0 && rm == 5) ? 4 : displacement;
    }
    (void)next_number(c, displacement);
}

/* A move between a register and memory by ModRM: wide is bit 0 of the opcode. */
static void by_modrm(struct cursor *c, const struct prefixes *p, unsigned int address_bits, bool wide,
                     unsigned int size, struct hvm_instruction *out)
{
    uint8_t modrm = next(c);

    out->bytes = wide ? size : 1;
    out->reg = (modrm >> 3 & 7) | (p->rex & REX_R ? 8 : 0);
    if (out->bytes == 1 && p->rex == 0 && out->reg >= 4) {
        out->reg -= 4;
        out->high = true;
    }
    skip_address(c, modrm, address_bits);
}

static bool two_byte(struct cursor *c, const struct prefixes *p, unsigned int address_bits, unsigned int size,
                     struct hvm_instruction *out)
{
    uint8_t opcode = next(c);
    uint8_t modrm;

    if ((opcode & 0xf6) != 0xb6) {
        return false; /* movzx: b6, b7; movsx: be, bf */
    }
    modrm = next(c);
    out->bytes = opcode & 1 ? 2 : 1;
    out->dest_bytes = size;
    out->sign = opcode & 8;
    out->reg = (modrm >> 3 & 7) | (p->rex & REX_R ? 8 : 0);
    skip_address(c, modrm, address_bits);
    return true;
}

static bool one_byte(struct cursor *c, uint8_t opcode, const struct prefixes *p, unsigned int address_bits,
                     unsigned int size, struct hvm_instruction *out)
{
    switch (opcode) {
    case 0x86:
    case 0x87:
        out->move = HVM_EXCHANGE;
        by_modrm(c, p, address_bits, opcode & 1, size, out);
        break;
    case 0x88:
    case 0x89:
        out->move = HVM_STORE;
        by_modrm(c, p, address_bits, opcode & 1, size, out);
        break;
    case 0x8a:
    case 0x8b:
        by_modrm(c, p, address_bits, opcode & 1, size, out);
        break;
    case 0xa0 ... 0xa3:
        out->move = opcode & 2 ? HVM_STORE : HVM_LOAD;
        out->bytes = opcode & 1 ? size : 1;
        (void)next_number(c, address_bits / 8);
        break;
    case 0xc6:
    case 0xc7:
        out->move = HVM_STORE_CONSTANT;
        by_modrm(c, p, address_bits, opcode & 1, size, out);
        out->high = false;
        out->constant = next_number(c, MIN(out->bytes, 4U));
        if (out->bytes == 8) {
            out->constant = (uint64_t)(int32_t)out->constant;
        }
        break;
    default:
        return false;
    }
    out->dest_bytes = out->bytes;
    return true;
}

bool hvm_decode(const uint8_t *bytes, unsigned int count, unsigned int code_bits, struct hvm_instruction *out)
{
    struct cursor c = { bytes, count, 0, false };
    struct prefixes p = read_prefixes(&c, code_bits);
    unsigned int address_bits;
    unsigned int size;
    uint8_t opcode;
    bool known;

    if (code_bits == 64) {
        address_bits = p.address ? 32 : 64;
        size = p.rex & REX_W ? 8 : p.operand ? 2 : 4;
    } else {
        address_bits = (code_bits == 32) != p.address ? 32 : 16;
        size = (code_bits == 32) != p.operand ? 4 : 2;
    }
    *out = (struct hvm_instruction){ .move = HVM_LOAD };
    opcode = next(&c);
    known = opcode == 0x0f ? two_byte(&c, &p, address_bits, size, out)
                           : one_byte(&c, opcode, &p, address_bits, size, out);
    out->length = c.at;
    return known && !c.bad;
}
