#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares hypervisors in retired instructions, under QEMU's instruction counting.

    guest/bench.py [--hv ours=PATH] [--hv peer=PATH] [--memory MIB] [--check]

Runs build/guest/bench.elf as dom0 of each image (one vcpu, -icount shift=0) and prints one row per
figure: the medians, the ratio of the first image to the last, and the share to reach. `boot` counts from
the image's first instruction to that of Debian's kernel as dom0, uncompressed; `boot_vmlinuz` the same with the
kernel as Debian ships it; rows `pvh_` are
of a PVH guest; `kept` is the memory in KiB that is neither free nor dom0's, `image` the size of the
gzipped image. --check: exit code 1 when a target is missed.
"""
import argparse
import concurrent.futures
import gzip
import importlib.util
import os
import re
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
_spec = importlib.util.spec_from_file_location("run_tests", os.path.join(HERE, "run-tests.py"))
run_tests = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(run_tests)
sys.path.insert(0, os.path.join(ROOT, "tests", "rig"))
from gdbstub import Debugger  # noqa: E402

# Name: share of the peer's figure to reach (None: for information).
TARGETS = {
    "null": 1 / 3, "null_page": None, "evtchn_send": 1 / 3, "multicall8": 1 / 3, "set_timer": 1 / 3,
    "yield": 1 / 3, "update_va": 1 / 3, "mmu_update": 1 / 3, "ptwr": None, "grant_copy64": 1 / 3,
    "cpuid": None, "page_fault": 1 / 2, "page_fault_iretq": None, "boot": 1 / 5, "boot_vmlinuz": 1, "kept": 3 / 4,
    "pvh_null": 1 / 6, "pvh_cpuid": 1 / 6, "pvh_evtchn_send": 1 / 6, "pvh_set_timer": 1 / 6, "pvh_yield": 1 / 6,
    "pvh_msr_read": None, "pvh_first_touch": 1 / 3, "pvh_grant_copy4096": 1 / 3, "pvh_ipi": 1 / 3,
}
IMAGE_LIMIT = 300 * 1024
LINE = re.compile(r"^(?:guest: )?bench (\S+) (\d+) (\d+)\s*$", re.M)
ENTRY_NOTE = struct.pack("<III4s", 4, 8, 1, b"Xen")  # XEN_ELFNOTE_ENTRY, followed by its address
KERNELS = {"boot": "vmlinux", "boot_vmlinuz": "vmlinuz"}


def command(image, memory, module, icount=",sleep=off"):
    return [run_tests.QEMU, "-accel", "tcg", "-cpu", "max,-smap,-rdtscp", "-icount",
            "shift=0" + icount, "-rtc", "base=2024-01-01,clock=vm", "-smp", "1", "-net", "none",
            "-m", str(memory), "-display", "none", "-monitor", "none", "-serial", "stdio",
            "-no-reboot", "-kernel", image, "-append", "console=com1 com1=115200,8n1" +
            (" dom0_mem=128M" if "," in module else ""),
            "-initrd", module]


def measure(image, memory, kernel, timeout):
    text, _ = run_tests.run_qemu(command(image, memory, kernel), timeout,
                                 lambda t: bool(run_tests.VERDICT.search(t)))
    figures = {name: int(median) for name, median, _ in LINE.findall(text)}
    if not figures:
        print(text[-4000:])
    return figures


def first_instructions(image):
    """Where the hypervisor begins (its ELF entry, physical) and where Debian's kernel does (its note, virtual)."""
    with open(image, "rb") as f:
        hypervisor = struct.unpack_from("<I", f.read(28), 24)[0]
    with open(os.path.join(ROOT, "build", "image", "vmlinux"), "rb") as f:
        kernel = f.read()
    return hypervisor, struct.unpack_from("<Q", kernel, kernel.index(ENTRY_NOTE) + len(ENTRY_NOTE))[0]


def boot(image, memory, kernel, timeout):
    """Instructions from the image's first to dom0's: QEMU's record of the run counts them for its debugger."""
    kernel = os.path.join(ROOT, "build", "image", kernel)
    with tempfile.TemporaryDirectory() as scratch:
        stub = os.path.join(scratch, "gdb")
        recorded = ",rr=record,rrfile=" + os.path.join(scratch, "record")
        qemu = subprocess.Popen(command(image, memory, kernel, recorded) +
                                ["-S", "-gdb", "unix:%s,server=on,wait=off" % stub],
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            with Debugger(stub, timeout) as debugger:
                counts = []
                for address in first_instructions(image):
                    debugger.run_to(address)
                    counts.append(debugger.instructions())
        finally:
            qemu.kill()
            qemu.wait()
    return counts[1] - counts[0]


def all_figures(image, args):
    kernel = os.path.join(ROOT, "build", "guest", "bench.elf")
    figures = measure(image, args.memory, kernel, args.timeout)
    host, pvh = (os.path.join(ROOT, "build", "guest", name) for name in ("pvhost.elf", "pvh-bench.elf"))
    figures.update(measure(image, args.memory, "%s vcpus=2 demand=512,%s" % (host, pvh), args.timeout))
    for name, file in KERNELS.items():
        figures[name] = boot(image, args.memory, file, args.timeout)
    return figures


def image_size(path):
    with open(path, "rb") as f:
        data = f.read()
    return len(data) if data[:2] == b"\x1f\x8b" else len(gzip.compress(data, 9))


def row(name, values, target):
    first, last = values[0], values[-1]
    ratio = first / last if first is not None and last else None
    met = "" if target is None or ratio is None or len(values) < 2 else \
        ("met" if ratio <= target else "missed")
    cells = "".join("%14s" % ("-" if v is None else v) for v in values)
    print("%-18s%s %8s %8s  %s" % (name, cells, "-" if ratio is None else "%.3f" % ratio,
                                   "" if target is None else "%.3f" % target, met))
    return met != "missed"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--hv", action="append", help="NAME=PATH, ours first, the peer last")
    parser.add_argument("--memory", type=int, default=4096)
    parser.add_argument("--timeout", type=float, default=180)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    images = args.hv or ["ours=" + os.path.join(ROOT, "build/x86_64/proxenos"),
                         "peer=" + os.path.join(ROOT, "build/peer/xen.elf")]
    images = [i.split("=", 1) for i in images]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        figures = list(pool.map(lambda named: all_figures(named[1], args), images))
    print("%-18s%s %8s %8s" % ("instructions", "".join("%14s" % n for n, _ in images), "ratio",
                               "target"))
    ok = all([row(name, [f.get(name) for f in figures], target)
              for name, target in TARGETS.items()])
    sizes = [image_size(path) for _, path in images]
    row("image", sizes, None)
    if sizes[0] > IMAGE_LIMIT and images[0][0] == "ours":
        print("the image is larger than %d bytes" % IMAGE_LIMIT)
        ok = False
    complete = all(name in f for f in figures for name in TARGETS)
    return 1 if not complete or (args.check and not ok) else 0


if __name__ == "__main__":
    sys.exit(main())
