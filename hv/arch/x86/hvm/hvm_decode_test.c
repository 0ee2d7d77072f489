/* SPDX-License-Identifier: MIT */
/* Instructions that touch device memory: what compilers make of readl() and writel(), and what is cut off. */
#include "hv/arch/x86/hvm/hvm_decode.h"

#include "tests/unit/unit.h"

#define DECODE(bits, out, ...) \
    hvm_decode((const uint8_t[]){ __VA_ARGS__ }, sizeof((uint8_t[]){ __VA_ARGS__ }), bits, out)

TEST(hvm_decode_moves)
{
    struct hvm_instruction in;

    EXPECT(DECODE(64, &in, 0x8b, 0x87, 0x20, 0, 0, 0)); /* mov 0x20(%rdi), %eax */
    EXPECT(in.move == HVM_LOAD && in.length == 6 && in.bytes == 4 && in.reg == 0);
    EXPECT(DECODE(64, &in, 0x44, 0x89, 0x40, 0x10)); /* mov %r8d, 0x10(%rax) */
    EXPECT(in.move == HVM_STORE && in.length == 4 && in.bytes == 4 && in.reg == 8);
    EXPECT(DECODE(64, &in, 0x89, 0x04, 0x25, 0xb0, 0xb0, 0x5f, 0xff)); /* mov %eax, absolute */
    EXPECT(in.move == HVM_STORE && in.length == 7 && in.reg == 0);
    EXPECT(DECODE(64, &in, 0xc7, 0x83, 0, 3, 0, 0, 0xff, 0, 0, 0x80)); /* movl $0x800000ff, 0x300(%rbx) */
    EXPECT(in.move == HVM_STORE_CONSTANT && in.length == 10 && in.constant == 0x800000ffU);
    EXPECT(DECODE(64, &in, 0x48, 0xc7, 0x00, 0xff, 0xff, 0xff, 0xff)); /* movq $-1, (%rax) */
    EXPECT(in.bytes == 8 && in.constant == ~0UL && in.length == 7);
    EXPECT(DECODE(64, &in, 0x66, 0xc7, 0x00, 0x34, 0x12));
    EXPECT(in.bytes == 2 && in.constant == 0x1234 && in.length == 5);
    EXPECT(DECODE(64, &in, 0x0f, 0xb7, 0x08)); /* movzwl (%rax), %ecx */
    EXPECT(in.bytes == 2 && in.dest_bytes == 4 && !in.sign && in.reg == 1 && in.length == 3);
    EXPECT(DECODE(64, &in, 0x48, 0x0f, 0xbe, 0x10)); /* movsbq (%rax), %rdx */
    EXPECT(in.bytes == 1 && in.dest_bytes == 8 && in.sign && in.reg == 2);
    EXPECT(DECODE(64, &in, 0x88, 0x20)); /* mov %ah, (%rax) */
    EXPECT(in.bytes == 1 && in.high && in.reg == 0);
    EXPECT(DECODE(64, &in, 0x40, 0x88, 0x20)); /* mov %spl, (%rax) */
    EXPECT(in.bytes == 1 && !in.high && in.reg == 4);
    EXPECT(DECODE(64, &in, 0x87, 0x08)); /* xchg %ecx, (%rax) */
    EXPECT(in.move == HVM_EXCHANGE && in.reg == 1);
    EXPECT(DECODE(64, &in, 0xa1, 1, 2, 3, 4, 5, 6, 7, 8));
    EXPECT(in.length == 9 && in.bytes == 4);
    EXPECT(DECODE(32, &in, 0xa3, 1, 2, 3, 4));
    EXPECT(in.length == 5 && in.move == HVM_STORE);
    EXPECT(DECODE(16, &in, 0x8b, 0x06, 0x34, 0x12));
    EXPECT(in.length == 4 && in.bytes == 2);
    EXPECT(DECODE(32, &in, 0x8b, 0x44, 0x8d, 0x08)); /* mov 8(%ebp,%ecx,4), %eax */
    EXPECT(in.length == 4 && in.bytes == 4);
}

TEST(hvm_decode_refuses)
{
    uint8_t prefixes[20];
    struct hvm_instruction in;

    EXPECT(!DECODE(64, &in, 0x8b, 0xc8));                   /* between registers */
    EXPECT(!DECODE(64, &in, 0x01, 0x08));                   /* add */
    EXPECT(!DECODE(64, &in, 0x8b, 0x87, 0x20, 0, 0));       /* cut off */
    EXPECT(!DECODE(64, &in, 0x0f, 0xb8, 0x08));
    EXPECT(!hvm_decode(prefixes, 0, 64, &in));
    for (unsigned int i = 0; i < sizeof(prefixes); i++) {
        prefixes[i] = 0x66;
    }
    EXPECT(!hvm_decode(prefixes, sizeof(prefixes), 64, &in)); /* longer than any instruction */
    EXPECT_EQ(hvm_decode_prefixes((const uint8_t[]){ 0xf3, 0x48, 0x0f }, 3, 64), 2U);
    EXPECT_EQ(hvm_decode_prefixes((const uint8_t[]){ 0xf3, 0x48, 0x0f }, 3, 32), 1U);
}

/* Whatever the bytes, no more than 15 of them. */
TEST(hvm_decode_random)
{
    uint64_t seed = 88172645463325252ULL;

    for (unsigned int i = 0; i < 200000; i++) {
        uint8_t bytes[15];
        struct hvm_instruction in;
        unsigned int bits = i % 3 == 0 ? 16 : i % 3 == 1 ? 32 : 64;

        for (unsigned int j = 0; j < sizeof(bytes); j++) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            bytes[j] = (uint8_t)seed;
        }
        if (hvm_decode(bytes, i % 16, bits, &in)) {
            EXPECT(in.length > 0 && in.length <= i % 16 && in.reg < 16);
        }
    }
}
