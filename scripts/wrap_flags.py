#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reads `nm` of the hypervisor on stdin; prints the linker's --defsym flags for wrap.lds: the physical entry
point and how much zeroed memory follows the flat image."""
import sys

symbols = {p[2]: int(p[0], 16) for p in map(str.split, sys.stdin) if len(p) == 3}
print("--defsym=entry_physical=%#x" % (symbols["start32"] - symbols["IMAGE_START"]),
      "--defsym=bss_bytes=%#x" % (symbols["image_end"] - symbols["image_file_end"]))
