/* SPDX-License-Identifier: MIT */
/* The decoder of privileged instructions: lengths and operands, and bytes that are none. */
#include "hv/arch/x86/guest/pv_decode.h"

#include "tests/unit/unit.h"

static struct pv_instruction in;

static bool decode(const char *bytes, unsigned int count)
{
    return pv_decode((const uint8_t *)bytes, count, 64, &in);
}

TEST(pv_decode_known)
{
    EXPECT(decode("\x0f\x30", 2));
    EXPECT_EQ(in.opcode, 0x0f30);
    EXPECT_EQ(in.length, 2);
    EXPECT(decode("\xe4\x71\x90", 3)); /* in $0x71, %al */
    EXPECT_EQ(in.length, 2);
    EXPECT_EQ(in.immediate, 0x71);
    EXPECT(decode("\x66\xef", 2)); /* out %ax, %dx */
    EXPECT_EQ(in.operand_bytes, 2);
    EXPECT(decode("\xf3\x6e", 2)); /* rep outsb */
    EXPECT(in.repeat);
    EXPECT(decode("\x41\x0f\x22\xe4", 4)); /* mov %r12, %cr4 */
    EXPECT_EQ(in.reg, 4);
    EXPECT_EQ(in.rm, 12);
    EXPECT_EQ(in.length, 4);
    EXPECT(decode("\x48\x66\xed", 3)); /* a REX before a prefix does not count */
    EXPECT_EQ(in.operand_bytes, 2);
    EXPECT(decode("\x0f\x01\xd1", 3));
    EXPECT_EQ(in.modrm, 0xd1);
}

TEST(pv_decode_short)
{
    EXPECT(!decode("", 0));
    EXPECT(!decode("\x0f", 1));
    EXPECT(!decode("\xe4", 1));
    EXPECT(!decode("\x66\x66\x66", 3));
    EXPECT(!decode("\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90", 16));
}

TEST(pv_decode_random)
{
    uint8_t bytes[PV_INSTRUCTION_MAX];

    for (unsigned int round = 0; round < 200000; round++) {
        unsigned int count = unit_random_below(sizeof(bytes) + 1);

        for (unsigned int i = 0; i < count; i++) {
            bytes[i] = (uint8_t)unit_random();
        }
        if (pv_decode(bytes, count, 16U << unit_random_below(3), &in)) {
            EXPECT(in.length > 0 && in.length <= count);
            EXPECT(in.reg < 16 && in.rm < 16);
        }
    }
}
