#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turns `nm -n` of the hypervisor into the assembly of its own symbol table.

The table is two arrays: 32-bit offsets of function starts from text_begin, ascending, and their names,
each ended by a zero byte, in the same order."""
import sys

functions = {}
text_begin = None
for line in sys.stdin:
    parts = line.split()
    if len(parts) != 3:
        continue
    address, kind, name = int(parts[0], 16), parts[1], parts[2]
    if name == "text_begin":
        text_begin = address
    elif kind in "tT" and not name.startswith("."):
        functions.setdefault(address, name)
base = text_begin or 0
rows = [(a - base, n) for a, n in sorted(functions.items()) if a >= base]
print('.section .symbols, "a", @progbits\n.balign 8')
print(".globl symbol_count, symbol_offsets, symbol_names")
print("symbol_count: .quad %d" % len(rows))
print("symbol_offsets:")
for offset, _ in rows:
    print(" .long 0x%x" % offset)
print("symbol_names:")
for _, name in rows:
    print(' .asciz "%s"' % name)
