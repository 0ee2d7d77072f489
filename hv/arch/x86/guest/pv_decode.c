/* SPDX-License-Identifier: MIT */
/* The decoder behind pv_emulate.c: see pv_decode.h. Encodings: Intel SDM volume 2, chapter 2. */
#include "hv/arch/x86/guest/pv_decode.h"

#include "hv/lib/string.h"

#define REX_W 8
#define REX_R 4
#define REX_B 1

struct reader {
    const uint8_t *bytes;
    unsigned int count;
    unsigned int at;
};

static bool next(struct reader *r, uint8_t *out)
{
    if (r->at == r->count || r->at == PV_INSTRUCTION_MAX) {
        return false;
    }
    *out = r->bytes[r->at++];
    return true;
}

/* Takes b as a legacy prefix; false when it is none. */
static bool take_prefix(uint8_t b, unsigned int code_bits, struct pv_instruction *out)
{
    switch (b) {
    case 0x66:
        out->operand_bytes = code_bits == 16 ? 4 : 2;
        return true;
    case 0x67:
        out->address_bytes = code_bits == 32 ? 2 : 4;
        return true;
    case 0xf0:
        out->lock = true;
        return true;
    case 0xf2:
    case 0xf3:
        out->repeat = true;
        return true;
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e:
        out->segment = PV_SEG_OTHER;
        return true;
    case 0x64:
        out->segment = PV_SEG_FS;
        return true;
    case 0x65:
        out->segment = PV_SEG_GS;
        return true;
    default:
        return false;
    }
}

static bool has_immediate(unsigned int opcode)
{
    return opcode >= 0xe4 && opcode <= 0xe7;
}

static bool has_modrm(unsigned int opcode)
{
    return opcode == 0x0f01 || (opcode >= 0x0f20 && opcode <= 0x0f23);
}

bool pv_decode(const uint8_t *bytes, unsigned int count, unsigned int code_bits,
               struct pv_instruction *out)
{
    struct reader r = { bytes, count, 0 };
    uint8_t rex = 0;
    uint8_t b;

    memset(out, 0, sizeof(*out));
    out->operand_bytes = code_bits == 16 ? 2 : 4;
    out->address_bytes = code_bits / 8;
    for (;;) {
        if (!next(&r, &b)) {
            return false;
        }
        if (code_bits == 64 && (b & 0xf0) == 0x40) {
            rex = b;
        } else if (take_prefix(b, code_bits, out)) {
            rex = 0; /* REX counts only right before the opcode */
        } else {
            break;
        }
    }
    if (rex & REX_W) {
        out->operand_bytes = 8;
    }
    out->opcode = b;
    if (b == 0x0f) {
        if (!next(&r, &b)) {
            return false;
        }
        out->opcode = 0x0f00 | b;
    }
    if (has_modrm(out->opcode)) {
        if (!next(&r, &out->modrm)) {
            return false;
        }
        out->reg = (out->modrm >> 3 & 7) | (rex & REX_R ? 8 : 0);
        out->rm = (out->modrm & 7) | (rex & REX_B ? 8 : 0);
    }
    if (has_immediate(out->opcode) && !next(&r, &out->immediate)) {
        return false;
    }
    out->length = r.at;
    return true;
}
