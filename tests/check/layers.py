#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks which way includes point: a file may include its own layer or a lower one, by full path.

Tests and the fake architecture stand outside. Contract headers lie low, whoever implements them."""
import glob
import re
import sys

LAYERS = [  # first match wins; higher number may include lower
    (r"abi/", 0), (r"hv/config\.h", 0), (r"hv/lib/", 1),
    (r"hv/arch_cpu\.h|hv/upcalls\.h|hv/arch/\w+/inline/", 2), (r"hv/arch/\w+/cpu/", 2),
    (r"hv/base/", 3), (r"hv/mm/", 4), (r"hv/drivers/", 5), (r"hv/core/", 6), (r"hv/calls/", 7),
    (r"hv/arch/\w+/guest/", 8), (r"hv/init/", 9),
]
# What the floor may use though it lies higher: it has no other way to log, lock or defer.
FLOOR_MAY = re.compile(r"hv/base/|hv/mm/(page_alloc|heap|map|frame)\.h|hv/drivers/")


def layer(path):
    return next((n for pattern, n in LAYERS if re.match(pattern, path)), None)


def main():
    bad = 0
    for path in sorted(glob.glob("hv/**/*.[chS]", recursive=True)):
        if path.endswith("_test.c") or path.startswith("hv/arch/fake/"):
            continue
        for number, line in enumerate(open(path), 1):
            match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not match or match[1] in ("asm_offsets.h", "abi_numbers.h"):
                continue
            target = match[1]
            if layer(target) is None:
                print(f"{path}:{number}: {target} is not a path from the root")
                bad += 1
            elif layer(target) > layer(path) and not (layer(path) == 2 and FLOOR_MAY.match(target)):
                print(f"{path}:{number}: {target} lies above this file")
                bad += 1
    print(f"layers: {bad} wrong includes")
    return bad != 0


sys.exit(main())
