/* SPDX-License-Identifier: MIT */
/*
 * One function for each format around the library that knows it; LZ4's block format is short enough to
 * be here. All take input and output whole, so nothing is copied twice.
 *
 * decompress_enter() and decompress_leave() (decompress_shim.h) make the CPU ready for library code and
 * give back what it allocated.
 */
#include "hv/lib/decompress.h"

#define BZ_NO_STDIO
#define ZSTD_STATIC_LINKING_ONLY
#include <bzlib.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "hv/lib/decompress_shim.h"
#include "hv/lib/string.h"

#define GZIP_WINDOW     (15 + 16) /* zlib: largest window, gzip header and trailer */
#define LZ4_MAGIC_BYTES 4
#define LZ4_MIN_MATCH   4

typedef int (*decompress_fn)(const void *data, size_t data_size, void *out, size_t size,
                             size_t *written);

/* ---- the libraries ------------------------------------------------------------------------- */

static int unpack_gzip(const void *data, size_t data_size, void *out, size_t size,
                       size_t *written)
{
    z_stream s = { .next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)data_size,
                   .next_out = out, .avail_out = (uInt)size };
    int rc = inflateInit2(&s, GZIP_WINDOW);

    if (rc != Z_OK) {
        return -ENOMEM;
    }
    rc = inflate(&s, Z_FINISH);
    *written = s.total_out;
    inflateEnd(&s);
    if (rc == Z_STREAM_END) {
        return 0;
    }
    return rc == Z_MEM_ERROR ? -ENOMEM : s.avail_out == 0 ? -ENOSPC : -EINVAL;
}

static int unpack_bzip2(const void *data, size_t data_size, void *out, size_t size,
                        size_t *written)
{
    bz_stream s = { .next_in = (char *)(uintptr_t)data, .avail_in = (unsigned int)data_size,
                    .next_out = out, .avail_out = (unsigned int)size };
    int rc = BZ2_bzDecompressInit(&s, 0, 0);

    if (rc != BZ_OK) {
        return -ENOMEM;
    }
    rc = BZ2_bzDecompress(&s);
    *written = size - s.avail_out;
    BZ2_bzDecompressEnd(&s);
    if (rc == BZ_STREAM_END) {
        return 0;
    }
    return rc == BZ_MEM_ERROR ? -ENOMEM : s.avail_out == 0 ? -ENOSPC : -EINVAL;
}

static int run_lzma(lzma_stream *s, lzma_ret rc, const void *data, size_t data_size, void *out,
                    size_t size, size_t *written)
{
    if (rc != LZMA_OK) {
        return rc == LZMA_MEM_ERROR ? -ENOMEM : -EINVAL;
    }
    s->next_in = data;
    s->avail_in = data_size;
    s->next_out = out;
    s->avail_out = size;
    rc = lzma_code(s, LZMA_FINISH);
    *written = size - s->avail_out;
    lzma_end(s);
    if (rc == LZMA_STREAM_END) {
        return 0;
    }
    return rc == LZMA_MEM_ERROR ? -ENOMEM : s->avail_out == 0 ? -ENOSPC : -EINVAL;
}

static int unpack_xz(const void *data, size_t data_size, void *out, size_t size,
                     size_t *written)
{
    lzma_stream s = LZMA_STREAM_INIT;

    return run_lzma(&s, lzma_stream_decoder(&s, UINT64_MAX, 0), data, data_size, out, size,
                    written);
}

static int unpack_lzma(const void *data, size_t data_size, void *out, size_t size,
                       size_t *written)
{
    lzma_stream s = LZMA_STREAM_INIT;

    return run_lzma(&s, lzma_alone_decoder(&s, UINT64_MAX), data, data_size, out, size,
                    written);
}

static int unpack_zstd(const void *data, size_t data_size, void *out, size_t size,
                       size_t *written)
{
    size_t workspace_size = ZSTD_estimateDCtxSize();
    void *workspace = decompress_alloc(workspace_size);
    ZSTD_DCtx *context;
    size_t n;

    if (workspace == NULL) {
        return -ENOMEM;
    }
    context = ZSTD_initStaticDCtx(workspace, workspace_size);
    if (context == NULL) {
        return -ENOMEM;
    }
    n = ZSTD_decompressDCtx(context, out, size, data, data_size);
    if (ZSTD_isError(n)) {
        return -EINVAL;
    }
    *written = n;
    return 0;
}

/* ---- LZ4 ----------------------------------------------------------------------------------- */

struct lz4 {
    const uint8_t *in;
    const uint8_t *in_end;
    uint8_t *out;
    uint8_t *out_start;
    uint8_t *out_end;
};

/* A length of 15 in a token goes on in bytes of 255 and a last one below. */
static bool lz4_length(struct lz4 *s, size_t *length)
{
    uint8_t b;

    if (*length != 15) {
        return true;
    }
    do {
        if (s->in == s->in_end) {
            return false;
        }
        b = *s->in++;
        *length += b;
    } while (b == 255);
    return true;
}

static bool lz4_literals(struct lz4 *s, size_t length)
{
    if (length > (size_t)(s->in_end - s->in) || length > (size_t)(s->out_end - s->out)) {
        return false;
    }
    memcpy(s->out, s->in, length);
    s->in += length;
    s->out += length;
    return true;
}

/* Copies from what was written before; source and destination may overlap, which repeats it. */
static bool lz4_match(struct lz4 *s, size_t length)
{
    size_t distance;

    if (s->in_end - s->in < 2) {
        return false;
    }
    distance = s->in[0] | (size_t)s->in[1] << 8;
    s->in += 2;
    if (!lz4_length(s, &length)) {
        return false;
    }
    length += LZ4_MIN_MATCH;
    if (distance == 0 || distance > (size_t)(s->out - s->out_start) ||
        length > (size_t)(s->out_end - s->out)) {
        return false;
    }
    for (; length > 0; length--, s->out++) {
        *s->out = s->out[-(ptrdiff_t)distance];
    }
    return true;
}

static bool lz4_block(struct lz4 *s)
{
    while (s->in < s->in_end) {
        uint8_t token = *s->in++;
        size_t literals = token >> 4;

        if (!lz4_length(s, &literals) || !lz4_literals(s, literals)) {
            return false;
        }
        if (s->in < s->in_end && !lz4_match(s, token & 15)) {
            return false;
        }
    }
    return true;
}

/* Legacy framing: magic, then blocks with their packed size before them. */
static int unpack_lz4(const void *data, size_t data_size, void *out, size_t size,
                      size_t *written)
{
    const uint8_t *in = (const uint8_t *)data + LZ4_MAGIC_BYTES;
    const uint8_t *end = (const uint8_t *)data + data_size;
    struct lz4 s = { .out = out, .out_end = (uint8_t *)out + size };

    if (data_size < LZ4_MAGIC_BYTES) {
        return -EINVAL;
    }
    while (end - in >= 4) {
        uint32_t packed;

        memcpy(&packed, in, sizeof(packed));
        in += sizeof(packed);
        if (packed > (size_t)(end - in)) {
            return -EINVAL;
        }
        s.in = in;
        s.in_end = in + packed;
        s.out_start = s.out;
        if (!lz4_block(&s)) {
            return s.out == s.out_end ? -ENOSPC : -EINVAL;
        }
        in += packed;
    }
    *written = (size_t)(s.out - (uint8_t *)out);
    return in == end ? 0 : -EINVAL;
}

/* ---- dispatch ------------------------------------------------------------------------------ */

static const struct {
    enum compression kind;
    const char *name;
    const char *magic;
    unsigned int magic_size;
    decompress_fn fn;
} formats[] = {
    { COMPRESSION_GZIP, "gzip", "\x1f\x8b", 2, unpack_gzip },
    { COMPRESSION_BZIP2, "bzip2", "BZh", 3, unpack_bzip2 },
    { COMPRESSION_LZMA, "LZMA", "\x5d\x00\x00", 3, unpack_lzma },
    { COMPRESSION_XZ, "XZ", "\xfd" "7zXZ", 6, unpack_xz },
    { COMPRESSION_LZ4, "LZ4", "\x02\x21\x4c\x18", 4, unpack_lz4 },
    { COMPRESSION_ZSTD, "zstd", "\x28\xb5\x2f\xfd", 4, unpack_zstd },
    { COMPRESSION_LZO, "LZO", "\x89LZO", 4, NULL },
};

enum compression decompress_recognise(const void *data, size_t size)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(formats); i++) {
        if (size >= formats[i].magic_size &&
            memcmp(data, formats[i].magic, formats[i].magic_size) == 0) {
            return formats[i].kind;
        }
    }
    return COMPRESSION_UNKNOWN;
}

const char *decompress_name(enum compression kind)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(formats); i++) {
        if (formats[i].kind == kind) {
            return formats[i].name;
        }
    }
    return "unknown";
}

int decompress(enum compression kind, const void *data, size_t data_size, void *out, size_t size,
               size_t *written)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(formats); i++) {
        if (formats[i].kind == kind && formats[i].fn != NULL) {
            int rc;

            *written = 0;
            decompress_enter();
            rc = formats[i].fn(data, data_size, out, size, written);
            decompress_leave();
            return rc;
        }
    }
    return -EOPNOTSUPP;
}
