#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""extract-vmlinux.py VMLINUZ OUT: the uncompressed ELF inside a bzImage (XZ, gzip, LZMA or bzip2)."""
import bz2
import lzma
import struct
import sys
import zlib


def unpack(data):
    setup = data[0x1f1] or 4
    if data[0x202:0x206] != b"HdrS" and data[0x202:0x206] != b"Hdr":
        if data[0x202:0x206] != b"HdrS":
            raise SystemExit("not a bzImage")
    offset, length = struct.unpack_from("<II", data, 0x248)
    start = (setup + 1) * 512 + offset
    payload = data[start:start + length]
    if payload[:6] == b"\xfd7zXZ\0":
        return lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(payload)
    if payload[:2] == b"\x1f\x8b":
        return zlib.decompressobj(31).decompress(payload)
    if payload[:3] == b"BZh":
        return bz2.BZ2Decompressor().decompress(payload)
    return lzma.LZMADecompressor(lzma.FORMAT_ALONE).decompress(payload)


def main():
    with open(sys.argv[1], "rb") as f:
        elf = unpack(f.read())
    if elf[:4] != b"\x7fELF":
        raise SystemExit("%s holds no ELF" % sys.argv[1])
    with open(sys.argv[2], "wb") as f:
        f.write(elf)


main()
