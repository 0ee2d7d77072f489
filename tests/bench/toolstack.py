#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Our toolstack beside Debian's on our hypervisor, in retired instructions of the whole machine: program, daemons, kernel and
hypervisor together, from the start of the command to its end (one CPU under QEMU's instruction counting).

  create kernel   xl create -p and xl destroy of a 128 MiB guest with Debian's vmlinuz (ours: its unpacked form is cached)
  create tiny     the same with a 4 MiB test kernel
  list            xl list while so many guests are there; the last row is one store, ours, read by both
  n-th guest      xl create -p of the first and of the last ones of 200
  first PVH       from the start of xl create to the first instruction of a PVH guest of 32 MiB, by the guest's own clock; here
                  Debian's toolstack is also measured on Debian's Xen

usage: toolstack.py [--guests N] [--side ours|debian] [--first]     (make bench-tools)
"""
import argparse
import os
import re
import statistics
import struct
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT + "/tests/rig")
from rig import Machine, overlay  # noqa: E402

KERNEL = "name = 'k'\nkernel = '/boot/vmlinuz'\nramdisk = '/boot/guest.cpio.gz'\nmemory = 128\n"
TINY = "name = 't'\nkernel = '/guest/hello.elf'\nmemory = 4\n"
FIRST = "name = 'f'\ntype = 'pvh'\nkernel = '/guest/first.elf'\nmemory = 32\non_poweroff = 'preserve'\n"
MEASURE = "/guest/measure %d %s"
ICOUNT = ("-icount", "shift=0,sleep=off", "-rtc", "base=2024-01-01,clock=vm")
DEBIAN_XL = "/usr/lib/xen-4.17/bin/xl"
FEW = 8
TARGETS = {"create kernel": 1 / 5, "create tiny": 1 / 20, "list of %d" % FEW: None, "list of 200": 1 / 10}


def content(path):
    with open(os.path.join(ROOT, path), "rb") as f:
        return f.read()


def first_kernel():
    """A PVH kernel that keeps its time stamp counter in EBP and ESI and shuts down: ELF-32, one segment, one note."""
    base, note_at, code_at, reason_at = 0x100000, 0x80, 0xc0, 0xf0
    note = struct.pack("<III4sI", 4, 4, 18, b"Xen\0", base + code_at)                  # the PVH entry
    code = b"\x0f\x31\x89\xc5\x89\xd6" \
        + b"\xb8" + struct.pack("<I", 29) + b"\xbb" + struct.pack("<I", 2) + b"\xb9" + struct.pack("<I", base + reason_at) \
        + b"\x0f\x01\xd9\xf4\xeb\xfd"                                                # sched_op(shutdown, &0) by vmmcall
    size = 0x100
    file = bytearray(size)
    file[:52] = struct.pack("<4sBBB9xHHIIIIIHHHHHH", b"\177ELF", 1, 1, 1, 2, 3, 1, base + code_at, 52, 0, 0, 52, 32, 2, 0, 0, 0)
    file[52:84] = struct.pack("<8I", 1, 0, base, base, size, size, 7, 4096)
    file[84:116] = struct.pack("<8I", 4, note_at, base + note_at, base + note_at, len(note), len(note), 4, 4)
    file[note_at:note_at + len(note)] = note
    file[code_at:code_at + len(code)] = code
    return bytes(file)


def initrd(folder, side):
    files = [("guest", 0o40755, b""), ("guest/hello.elf", 0o100644, content("build/guest/hello.elf")),
             ("guest/measure", 0o100755, content("build/x86_64/static/test/measure")),
             ("guest/first.elf", 0o100644, first_kernel()), ("guest/f.cfg", 0o100644, FIRST.encode()),
             ("guest/k.cfg", 0o100644, KERNEL.encode()), ("guest/t.cfg", 0o100644, TINY.encode())]
    image = "build/image/dom0.cpio.gz" if side == "debian" else "build/image/dom0-tools.cpio.gz"
    path = os.path.join(folder, "bench-%s.cpio.gz" % side)
    with open(path, "wb") as f:
        f.write(overlay(content(image), files))
    return path


def measured(m, runs, command, timeout=200):
    """The median of so many runs."""
    return int(re.search(r"measured (\d+)", m.ok(MEASURE % (runs, command), timeout)).group(1))


def create_and_destroy(m, name, runs):
    """What the two cost together, each without the shell's part."""
    create, destroy = "xl create -q -p /guest/%s.cfg" % name, "xl destroy %s" % name
    m.ok("%s && %s" % (create, destroy), 200)
    return statistics.median_low(measured(m, 1, create) + measured(m, 1, destroy) for _ in range(runs))


def first_instruction(m, runs):
    took = []
    for run in range(runs + 1):
        took.append(int(re.search(r"measured (\d+)", m.ok("/guest/measure -s 1 xl create -q /guest/f.cfg", 200)).group(1)))
        m.ok("xl destroy f", 200)
    return statistics.median_low(took[1:])                                             # the first one fills caches


def machine(hv, side, folder):
    return Machine(hv, cpus=1, mem=2560, dom0_mem=768, dom0_vcpus=1, initrd=initrd(folder, side), tools=side, accel="tcg",
                   qemu_args=ICOUNT)


def only_first(hv, side, folder):
    with machine(hv, side, folder) as m:
        m.boot(400)
        return first_instruction(m, 5)


def make_guests(m, first, last):
    """Tiny guests of the names t<first>..; what each cost."""
    out = m.ok("i=%d; while [ $i -le %d ]; do /guest/measure 1 xl create -q -p /guest/t.cfg name=\\\"t$i\\\" || break; "
               "i=$((i + 1)); done" % (first, last), 600)
    return [int(n) for n in re.findall(r"measured (\d+)", out)]


def one_side(side, guests, folder):
    figures = {}
    with machine("ours", side, folder) as m:
        m.boot(400)
        figures["first PVH"] = first_instruction(m, 5)
        figures["create tiny"] = create_and_destroy(m, "t", 5)
        figures["create kernel"] = create_and_destroy(m, "k", 1 if side == "debian" else 3)
        costs = make_guests(m, 1, FEW)
        figures["list of %d" % FEW] = measured(m, 5, "xl list")
        if side == "ours":
            costs += make_guests(m, FEW + 1, guests)
            figures["first guest"] = statistics.median(costs[:10])
            figures["last guest"] = statistics.median(costs[-10:])
            figures["list of %d" % guests] = measured(m, 5, "xl list")
            figures["Debian's list of %d" % guests] = measured(m, 1, DEBIAN_XL + " list")
    return figures


def row(name, ours, debian):
    target = TARGETS.get(name)
    ratio = ours / debian if ours and debian else None
    met = "" if target is None or ratio is None else "met" if ratio <= target else "missed"
    print("%-16s %14s %14s %8s %8s  %s" % (name, ours or "-", debian or "-", "%.3f" % ratio if ratio else "-",
                                           "%.3f" % target if target else "", met))


def first_rows(ours, debian, peer):
    print("first PVH instruction: Debian's xl on Debian's Xen %d, on ours %d (%.3f, at most 1), ours on ours %d (%.3f, at most .05)"
          % (peer, debian, debian / peer, ours, ours / peer))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--guests", type=int, default=200)
    parser.add_argument("--first", action="store_true", help="only the row of PVH")
    parser.add_argument("--side", choices=("ours", "debian"))
    args = parser.parse_args()
    figures = {"ours": {}, "debian": {}}
    with tempfile.TemporaryDirectory() as folder:
        peer = only_first("peer", "debian", folder) if args.side is None else None
        if args.first:
            first_rows(only_first("ours", "ours", folder), only_first("ours", "debian", folder), peer)
            return
        for side in figures if args.side is None else (args.side,):
            figures[side] = one_side(side, args.guests, folder)
    ours, debian = figures["ours"], figures["debian"]
    print("instructions              ours         debian    ratio   target")
    for name in ("create kernel", "create tiny", "list of %d" % FEW):
        row(name, ours.get(name), debian.get(name))
    if peer:
        first_rows(ours["first PVH"], debian["first PVH"], peer)
    name = "list of %d" % args.guests
    row(name, ours.get(name), ours.get("Debian's " + name))
    if ours:
        print("%d-th guest against the first: %.3f (at most 1.1)" % (args.guests, ours["last guest"] / ours["first guest"]))


main()
