/* SPDX-License-Identifier: MIT */
/*
 * The decoder of privileged instructions: byte 0 chooses the code size, the rest is what lies at a
 * guest's instruction pointer. What it accepts it must also accept, and read the same, from just
 * the bytes it says it used, and from no fewer.
 */
#include "hv/arch/x86/guest/pv_decode.h"
#include "hv/lib/string.h"
#include "tests/fuzz/fuzz.h"

void fuzz_init(void)
{
}

void fuzz_one(const uint8_t *data, size_t size)
{
    struct pv_instruction in;
    struct pv_instruction again;
    unsigned int bits;

    if (size < 1) {
        return;
    }
    bits = 16U << (data[0] % 3);
    memset(&in, 0, sizeof(in));
    memset(&again, 0, sizeof(again));
    if (!pv_decode(data + 1, (unsigned int)(size - 1), bits, &in)) {
        return;
    }
    EXPECT(in.length > 0 && in.length <= PV_INSTRUCTION_MAX && in.length <= size - 1);
    EXPECT(in.opcode <= 0xff || (in.opcode & ~0xffU) == 0x0f00);
    EXPECT(in.reg < 16 && in.rm < 16);
    EXPECT(in.operand_bytes == 2 || in.operand_bytes == 4 || in.operand_bytes == 8);
    EXPECT(in.address_bytes == 2 || in.address_bytes == 4 || in.address_bytes == 8);
    EXPECT(pv_decode(data + 1, in.length, bits, &again));
    EXPECT(memcmp(&in, &again, sizeof(in)) == 0);
    EXPECT(!pv_decode(data + 1, in.length - 1, bits, &again));
}
