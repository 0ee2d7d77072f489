# SPDX-License-Identifier: MIT
"""bzImages in every compression Linux offers, made from Debian's own: its set-up header (Documentation/x86/boot
protocol 2.08: payload_offset at 0x248, payload_length at 0x24c) around the same ELF, packed anew.

Linux's build appends the unpacked size to all but gzip, which says it itself.
"""
import struct
import subprocess

PACKERS = {
    "gzip": ["gzip", "-1n"], "zstd": ["zstd", "-q", "-1"], "lz4": ["lz4", "-q", "-l", "-1"], "bzip2": ["bzip2", "-1"],
    "lzma": ["xz", "--format=lzma", "-0"], "xz": ["xz", "--check=crc32", "-0"],
}


def make(vmlinuz, elf, packer, path):
    with open(vmlinuz, "rb") as f:
        image = f.read()
    with open(elf, "rb") as f:
        packed = subprocess.run(PACKERS[packer] + ["-c"], stdin=f, stdout=subprocess.PIPE, check=True).stdout
        size = f.seek(0, 2)
    if packer != "gzip":
        packed += struct.pack("<I", size)
    start = (image[0x1f1] or 4) * 512 + 512
    offset = struct.unpack_from("<I", image, 0x248)[0]
    header = bytearray(image[:start + offset])
    struct.pack_into("<I", header, 0x24c, len(packed))
    with open(path, "wb") as f:
        f.write(header + packed)
    return path
