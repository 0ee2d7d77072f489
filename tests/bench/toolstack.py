#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Our toolstack beside Debian's on our hypervisor, in retired instructions of the whole machine: program, daemons, kernel and
hypervisor together, from the start of the command to its end (one CPU under QEMU's instruction counting).

  create kernel   xl create -p and xl destroy of a 128 MiB guest with Debian's vmlinuz (ours: its unpacked form is cached)
  create tiny     the same with a 4 MiB test kernel
  list            xl list while so many guests are there; the last row is one store, ours, read by both
  n-th guest      xl create -p of the first and of the last ones of 200

usage: toolstack.py [--guests N] [--side ours|debian]     (make bench-tools)
"""
import argparse
import os
import re
import statistics
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT + "/tests/rig")
from rig import Machine, overlay  # noqa: E402

KERNEL = "name = 'k'\nkernel = '/boot/vmlinuz'\nramdisk = '/boot/guest.cpio.gz'\nmemory = 128\n"
TINY = "name = 't'\nkernel = '/guest/hello.elf'\nmemory = 4\n"
MEASURE = "/guest/measure %d %s"
ICOUNT = ("-icount", "shift=0,sleep=off", "-rtc", "base=2024-01-01,clock=vm")
DEBIAN_XL = "/usr/lib/xen-4.17/bin/xl"
FEW = 8
TARGETS = {"create kernel": 1 / 5, "create tiny": 1 / 20, "list of %d" % FEW: None, "list of 200": 1 / 10}


def content(path):
    with open(os.path.join(ROOT, path), "rb") as f:
        return f.read()


def initrd(folder, side):
    files = [("guest", 0o40755, b""), ("guest/hello.elf", 0o100644, content("build/guest/hello.elf")),
             ("guest/measure", 0o100755, content("build/x86_64/static/test/measure")),
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


def make_guests(m, first, last):
    """Tiny guests of the names t<first>..; what each cost."""
    out = m.ok("i=%d; while [ $i -le %d ]; do /guest/measure 1 xl create -q -p /guest/t.cfg name=\\\"t$i\\\" || break; "
               "i=$((i + 1)); done" % (first, last), 600)
    return [int(n) for n in re.findall(r"measured (\d+)", out)]


def one_side(side, guests, folder):
    figures = {}
    with Machine("ours", cpus=1, mem=2560, dom0_mem=768, dom0_vcpus=1, initrd=initrd(folder, side), tools=side,
                 accel="tcg", qemu_args=ICOUNT) as m:
        m.boot(400)
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


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--guests", type=int, default=200)
    parser.add_argument("--side", choices=("ours", "debian"))
    args = parser.parse_args()
    figures = {"ours": {}, "debian": {}}
    with tempfile.TemporaryDirectory() as folder:
        for side in figures if args.side is None else (args.side,):
            figures[side] = one_side(side, args.guests, folder)
    ours, debian = figures["ours"], figures["debian"]
    print("instructions              ours         debian    ratio   target")
    for name in ("create kernel", "create tiny", "list of %d" % FEW):
        row(name, ours.get(name), debian.get(name))
    name = "list of %d" % args.guests
    row(name, ours.get(name), ours.get("Debian's " + name))
    if ours:
        print("%d-th guest against the first: %.3f (at most 1.1)" % (args.guests, ours["last guest"] / ours["first guest"]))


main()
