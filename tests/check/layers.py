#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks which way includes point: a file may include its own layer or a lower one, by full path.

Tests and the fake architecture stand outside. Contract headers lie low, whoever implements them. In the toolstack
folders of one layer do not include each other (docs/toolstack.md). Common code of the hypervisor has no preprocessor
conditional on an architecture, and up to calls/ it includes no header of one."""
import glob
import re
import sys

LAYERS = [  # first match wins; higher number may include lower
    (r"abi/", 0), (r"hv/config\.h", 0), (r"hv/lib/", 1),
    (r"hv/arch/\w+/inline/arch_p2m\.h", 6),  # the inline part of contract 3
    (r"hv/arch_cpu\.h|hv/upcalls\.h|hv/arch/\w+/inline/", 2), (r"hv/arch/\w+/(cpu|arm64|arm32)/", 2),
    (r"hv/base/", 3), (r"hv/mm/", 4), (r"hv/drivers/", 5), (r"hv/core/", 6), (r"hv/calls/", 7),
    (r"hv/arch/\w+/(guest|hvm)/", 8), (r"hv/init/", 9),
]
# What the floor may use though it lies higher: it has no other way to log, lock or defer.
FLOOR_MAY = re.compile(r"hv/base/|hv/mm/(boot_alloc|page_alloc|heap|map|frame)\.h|hv/drivers/")

TOOL_LAYERS = [  # of the hypervisor the tools may have only pure code
    (r"abi/", 0), (r"hv/lib/", 1), (r"lib/base/", 2),
    (r"lib/(call|evtchn|gnttab|foreignmemory|devicemodel)/", 3), (r"lib/(ctrl|store)/", 4),
    (r"lib/(build|conf|console)/", 5), (r"lib/(domain|migrate)/", 6), (r"cmd/", 7),
]

# Folders of an architecture: what differs between them differs by file.
OWN = re.compile(r"hv/arch/|hv/init/\w+/")
GUARD = re.compile(r"#\s*ifndef HV_\w+_H\s*$")
CONDITIONAL = re.compile(r"\s*#\s*(if|ifdef|ifndef|elif)\b.*?(arm|aarch|x86|i386|amd64|riscv|__LP64__)", re.I)
# Built for x86 only (HV_SKIP_arm in the Makefile).
X86_ONLY = re.compile(r"hv/init/|hv/drivers/msi\.c")


def layer(path, layers=None):
    return next((n for pattern, n in layers or LAYERS if re.match(pattern, path)), None)


def includes(path):
    for number, line in enumerate(open(path), 1):
        match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if match and match[1] not in ("asm_offsets.h", "abi_numbers.h"):
            yield number, match[1]


def check_hypervisor(path, target):
    if layer(target) is None:
        return "is not a path from the root"
    if layer(target) > layer(path) and not (layer(path) == 2 and FLOOR_MAY.match(target)):
        return "lies above this file"
    return None


def check_tools(path, target):
    mine, other = layer(path, TOOL_LAYERS), layer(target, TOOL_LAYERS)
    if mine is None:
        return "is included by a folder that has no layer"
    if other is None:
        return "is not a path from the root that tools may include"
    if other > mine:
        return "lies above this file"
    if other == mine and target.split("/")[:2] != path.split("/")[:2]:
        return "is in another folder of this layer"
    return None


def architectures(path):
    """Conditionals on an architecture, and inclusions of its headers, in a common file."""
    if OWN.match(path) or not path.startswith("hv/"):
        return
    for number, line in enumerate(open(path), 1):
        if CONDITIONAL.match(line) and not GUARD.match(line):
            yield number, "asks for an architecture: that is what files are for"
    for number, target in includes(path):
        if target.startswith("hv/arch/") and not X86_ONLY.match(path):
            yield number, target + " is of one architecture"


def main():
    bad = 0
    for tops, check in (("hv",), check_hypervisor), (("lib", "cmd"), check_tools):
        for path in sorted(p for top in tops for p in glob.glob(top + "/**/*.[chS]", recursive=True)):
            if path.endswith("_test.c") or path.startswith("hv/arch/fake/"):
                continue
            for number, why in architectures(path):
                print(f"{path}:{number}: {why}")
                bad += 1
            for number, target in includes(path):
                why = check(path, target)
                if why:
                    print(f"{path}:{number}: {target} {why}")
                    bad += 1
    print(f"layers: {bad} wrong includes or conditionals")
    return bad != 0


sys.exit(main())
