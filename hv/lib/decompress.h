/* SPDX-License-Identifier: MIT */
/*
 * Unpacking compressed kernels: gzip, bzip2, LZMA, XZ, LZ4 (the legacy framing Linux uses) and Zstandard,
 * by the libraries of Debian. In the hypervisor for the boot CPU only, before the first guest runs. Pure:
 * used by the toolstack as well.
 *
 * decompress() writes at most size bytes and returns how many through *written. -EINVAL: corrupt data;
 * -ENOSPC: more output than size; -ENOMEM; -EOPNOTSUPP: a format we lack.
 */
#ifndef HV_LIB_DECOMPRESS_H
#define HV_LIB_DECOMPRESS_H

#include "hv/lib/types.h"

enum compression {
    COMPRESSION_NONE,
    COMPRESSION_GZIP,
    COMPRESSION_BZIP2,
    COMPRESSION_LZMA,
    COMPRESSION_XZ,
    COMPRESSION_LZ4,
    COMPRESSION_ZSTD,
    COMPRESSION_LZO, /* recognised, not supported */
    COMPRESSION_UNKNOWN
};

enum compression decompress_recognise(const void *data, size_t size);
const char *decompress_name(enum compression kind);
MUST_CHECK int decompress(enum compression kind, const void *data, size_t data_size, void *out,
                          size_t size, size_t *written);

#endif
