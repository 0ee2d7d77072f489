/* SPDX-License-Identifier: MIT */
/* Unpacking each format: what the libraries packed, whole, cut short, damaged, and into too little room. */
#include "hv/lib/decompress.h"

#include <bzlib.h>
#include <lzma.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "hv/lib/decompress_shim.h"
#include "hv/lib/string.h"
#include "tests/unit/unit.h"

#define BYTES 200000

static uint8_t text[BYTES];
static uint8_t out[BYTES];
static uint8_t packed[BYTES];

void decompress_enter(void)
{
}

void decompress_leave(void)
{
}

void *decompress_alloc(size_t bytes)
{
    return malloc(bytes);
}

static void make_text(void)
{
    for (unsigned int i = 0; i < BYTES; i++) {
        text[i] = (uint8_t)(i / 7 * (i >> 9));
    }
}

static size_t pack_gzip(void)
{
    z_stream s = { .next_in = text, .avail_in = BYTES, .next_out = packed, .avail_out = BYTES };

    EXPECT_EQ(deflateInit2(&s, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    EXPECT_EQ(deflate(&s, Z_FINISH), Z_STREAM_END);
    deflateEnd(&s);
    return s.total_out;
}

static size_t pack_bzip2(void)
{
    unsigned int n = BYTES;

    EXPECT_EQ(BZ2_bzBuffToBuffCompress((char *)packed, &n, (char *)text, BYTES, 9, 0, 0), BZ_OK);
    return n;
}

static size_t run_lzma(lzma_stream *s)
{
    s->next_in = text;
    s->avail_in = BYTES;
    s->next_out = packed;
    s->avail_out = BYTES;
    EXPECT_EQ(lzma_code(s, LZMA_FINISH), LZMA_STREAM_END);
    lzma_end(s);
    return BYTES - s->avail_out;
}

static size_t pack_xz(void)
{
    lzma_stream s = LZMA_STREAM_INIT;

    EXPECT_EQ(lzma_easy_encoder(&s, 6, LZMA_CHECK_CRC32), LZMA_OK);
    return run_lzma(&s);
}

static size_t pack_lzma(void)
{
    lzma_stream s = LZMA_STREAM_INIT;
    lzma_options_lzma o;

    lzma_lzma_preset(&o, 6);
    EXPECT_EQ(lzma_alone_encoder(&s, &o), LZMA_OK);
    return run_lzma(&s);
}

static size_t pack_zstd(void)
{
    size_t n = ZSTD_compress(packed, BYTES, text, BYTES, 19);

    EXPECT(!ZSTD_isError(n));
    return n;
}

static void check(enum compression kind, size_t size)
{
    size_t n = 0;

    EXPECT_EQ(decompress_recognise(packed, size), kind);
    memset(out, 0, sizeof(out));
    EXPECT_EQ(decompress(kind, packed, size, out, BYTES, &n), 0);
    EXPECT_EQ(n, BYTES);
    EXPECT_EQ(memcmp(out, text, BYTES), 0);
    EXPECT(decompress(kind, packed, size, out, BYTES - 1, &n) < 0);
    EXPECT(decompress(kind, packed, size - 8, out, BYTES, &n) < 0);
    for (unsigned int round = 0; round < 40; round++) {
        size_t at = unit_random_below((unsigned int)size);
        uint8_t old = packed[at];

        packed[at] ^= (uint8_t)(1 + unit_random_below(255));
        n = 0;
        (void)!decompress(kind, packed, size, out, BYTES, &n);
        EXPECT(n <= BYTES);
        packed[at] = old;
    }
}

TEST(decompress_gzip)
{
    make_text();
    check(COMPRESSION_GZIP, pack_gzip());
}

TEST(decompress_bzip2)
{
    make_text();
    check(COMPRESSION_BZIP2, pack_bzip2());
}

TEST(decompress_xz)
{
    make_text();
    check(COMPRESSION_XZ, pack_xz());
}

TEST(decompress_lzma)
{
    make_text();
    check(COMPRESSION_LZMA, pack_lzma());
}

TEST(decompress_zstd)
{
    make_text();
    check(COMPRESSION_ZSTD, pack_zstd());
}

/* Literals "abcd", then a match of 8 that repeats them. */
TEST(decompress_lz4)
{
    static const uint8_t block[] = { 0x02, 0x21, 0x4c, 0x18, 13, 0, 0, 0,
                                     0x44, 'a', 'b', 'c', 'd', 4, 0, 0x50, 'v', 'w', 'x', 'y', 'z' };
    size_t n = 0;

    EXPECT_EQ(decompress_recognise(block, sizeof(block)), COMPRESSION_LZ4);
    EXPECT_EQ(decompress(COMPRESSION_LZ4, block, sizeof(block), out, BYTES, &n), 0);
    EXPECT_EQ(n, 17);
    EXPECT_EQ(memcmp(out, "abcdabcdabcdvwxyz", 17), 0);
    EXPECT(decompress(COMPRESSION_LZ4, block, sizeof(block), out, 16, &n) < 0);
    for (size_t size = 0; size < sizeof(block); size++) {
        (void)!decompress(COMPRESSION_LZ4, block, size, out, BYTES, &n);
    }
}

TEST(decompress_lz4_damage)
{
    for (unsigned int round = 0; round < 20000; round++) {
        size_t size = 12 + unit_random_below(100);
        size_t n = 0;

        for (size_t i = 0; i < size; i++) {
            packed[i] = (uint8_t)unit_random();
        }
        memcpy(packed, "\x02\x21\x4c\x18", 4);
        packed[4] = (uint8_t)(size - 8);
        packed[5] = packed[6] = packed[7] = 0;
        (void)!decompress(COMPRESSION_LZ4, packed, size, out, 1000, &n);
        EXPECT(n <= 1000);
    }
}

TEST(decompress_unknown)
{
    size_t n;

    EXPECT_EQ(decompress_recognise("\x89LZO", 4), COMPRESSION_LZO);
    EXPECT_EQ(decompress(COMPRESSION_LZO, "\x89LZO", 4, out, BYTES, &n), -EOPNOTSUPP);
    EXPECT_EQ(decompress_recognise("plain", 5), COMPRESSION_UNKNOWN);
}
