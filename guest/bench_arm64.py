#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares hypervisors on 64-bit Arm in retired instructions, under QEMU's instruction counting.

    guest/bench_arm64.py [--hv ours=PATH] [--hv peer=PATH] [--gic 3|2] [--check]

Runs build/guest/arm64/bench as dom0 of each image (two vcpus on one CPU, -icount shift=0) and as a guest of the device tree without a
dom0, and prints one row a figure: medians, the ratio of the first image to the last, the share to reach. `boot` is
from reset to dom0's first instruction, with a kernel of the size of Debian's and Debian's dom0 ramdisk, 512 MiB;
`boot_dom0less` the same to the first instruction of a guest of 128 MiB with such a kernel. `image` is the size of
the image in bytes. --check: exit code 1 when a target is missed.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "arm64"))
from test_arm64 import IMAGE, domains_tree, kernel, loader  # noqa: E402

# Name: share of the peer's figure to reach (None: for information).
TARGETS = {
    "null": 1 / 3, "event_send": 1 / 3, "yield": 1 / 3, "distributor_read": 1 / 3, "psci_version": None,
    "smc_unknown": None, "id_register": None, "sgi_to_handler": 1 / 3, "timer_to_handler": 1 / 3, "sgi_taken": 1 / 3,
    "ipi_sgi": 1 / 3, "ipi_event": 1 / 3, "vpl011_read": 1 / 3, "boot": 1 / 5, "boot_dom0less": 1 / 5,
}
IMAGE_LIMIT = 250 * 1024
ROW = re.compile(r"bench (\S+) (\d+)\s*$", re.M)
LINE = "console=dtuart dtuart=/pl011@9000000 noreboot "
KERNEL_AT, RAMDISK_AT = 0x49000000, 0x4d000000


def machine(image, gic):
    return ["-M", "virt,virtualization=on,gic-version=%d" % gic, "-cpu", "cortex-a57", "-m", "2048", "-smp", "1",
            "-icount", "shift=0,sleep=off", "-rtc", "base=2024-01-01,clock=vm", "-display", "none", "-monitor", "none",
            "-nodefaults", "-serial", "stdio", "-no-reboot", "-kernel", image]


def run(command, last, timeout=600):
    """Figures printed until a row of that name, or the end."""
    qemu = subprocess.Popen(["qemu-system-aarch64"] + command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, errors="replace")
    figures, text = {}, ""
    timer = subprocess.Popen(["sh", "-c", "sleep %d; kill %d" % (timeout, qemu.pid)])
    try:
        for line in qemu.stdout:
            text += line
            for name, value in ROW.findall(line.replace("\r", "")):
                figures[name] = int(value)
            if last in figures:
                break
    finally:
        timer.kill()
        qemu.kill()
        qemu.wait()
    if last not in figures: # what is missing has no figure in the table
        print("no figure %s in %d s; the console's last lines:\n%s" % (last, timeout, text[-3000:]))
    return figures


def measure(image, gic, scratch):
    padded = os.path.join(scratch, "kernel")
    with open(os.path.join(ROOT, "build/guest/arm64/bench"), "rb") as f:
        code = f.read()
    with open(padded, "wb") as f:
        f.write(code + b"\0" * (os.path.getsize(os.path.join(IMAGE, "vmlinuz")) - len(code)))
    command = machine(image, gic) + ["-append", LINE + "dom0_mem=512M dom0_max_vcpus=2"] + kernel(padded, "bench", KERNEL_AT)
    command += ["-device", "guest-loader,addr=0x%x,initrd=%s" % (RAMDISK_AT, os.path.join(IMAGE, "dom0.cpio.gz"))]
    figures = run(command, "ipi_event")
    blob = domains_tree(os.path.join(scratch, "tree"), gic, 1, [(1, 128, 0x50000000, padded, "")],
                        line=LINE)
    figures.update(run(machine(image, gic) + ["-dtb", blob] + loader(0x50000000, padded), "vpl011_read"))
    figures["image"] = os.path.getsize(image)
    return figures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hv", action="append", default=[])
    parser.add_argument("--gic", type=int, default=3)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    images = dict(h.split("=", 1) for h in args.hv) or {"ours": os.path.join(ROOT, "build/arm64/proxenos"),
                                                        "peer": os.path.join(IMAGE, "peer")}
    with tempfile.TemporaryDirectory() as scratch:
        results = {name: measure(path, args.gic, scratch) for name, path in images.items()}
    first, last = list(results.values())[0], list(results.values())[-1]
    missed = 0
    print("%-20s" % "figure" + "".join("%12s" % n for n in results) + "%8s%8s" % ("ratio", "target"))
    for name, target in list(TARGETS.items()) + [("image", IMAGE_LIMIT)]:
        values = [r.get(name) for r in results.values()]
        row = "%-20s" % name + "".join("%12s" % ("-" if v is None else v) for v in values)
        ratio = first[name] / last[name] if first.get(name) is not None and last.get(name) else None
        bad = target is not None and (first.get(name) is None or
                                      (first[name] > target if name == "image" else ratio is None or ratio > target))
        missed += bad
        print(row + "%8s" % ("-" if ratio is None else "%.3f" % ratio) +
              "%8s" % ("-" if target is None else target if name == "image" else "%.3f" % target) + (" missed" if bad else ""))
    print("%d targets missed" % missed)
    return 1 if missed and args.check else 0


if __name__ == "__main__":
    sys.exit(main())
