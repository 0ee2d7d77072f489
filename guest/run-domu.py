#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the test kernels of guest/tests as unprivileged guests: one QEMU boots the hypervisor and Debian's
dom0 with Debian's xl, which creates one guest per test, one after the other.

    guest/run-domu.py [--hv PATH] [--smp N] [--timeout SECONDS] [--args WORDS] [--show] [NAME ...]

Needs the dom0 image (build/image). The kernels and a script travel in a second cpio archive that is
appended to dom0's. Output and exit code are like those of run-tests.py. Two files in guest/tests/NAME/options
matter here too: smp and args.
"""
import argparse
import gzip
import importlib.util
import os
import re
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
_spec = importlib.util.spec_from_file_location("run_tests", os.path.join(HERE, "run-tests.py"))
run_tests = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(run_tests)

DONE = "all guests have ended"
SCRIPT = """#!/bin/sh
for n in %(names)s; do
    echo "guest begins: $n"
    timeout %(each)d xl create -c /guest/$n.cfg
    echo "guest ends: $n"
    xl destroy $n 2>/dev/null
done
echo "%(done)s"
sleep 1
poweroff -f
"""


def cpio_entry(number, name, mode, data):
    head = "070701" + "".join("%08x" % v for v in (
        number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0))
    entry = head.encode() + name.encode() + b"\0"
    entry += b"\0" * (-len(entry) % 4) + data
    return entry + b"\0" * (-len(entry) % 4)


def cpio(files):
    """A newc archive of (name, mode, bytes)."""
    out = b""
    for number, (name, mode, data) in enumerate(files + [("TRAILER!!!", 0, b"")], 1):
        out += cpio_entry(number, name, mode, data)
    return out + b"\0" * (-len(out) % 512)


# On a machine of several CPUs, QEMU 7.2 lets guests under AMD-V run on any but CPU 0 (docs/testing.md).
NOT_CPU_0 = "all,^0"


def config(name, options, args):
    words = (options["args"] + " " + (args.args or "")).strip()
    kind = "pvh" if run_tests.is_pvh(name) else "pv"
    cpus = NOT_CPU_0 if kind == "pvh" and args.smp != "1" else "all"
    return ("name = '%s'\ntype = '%s'\nkernel = '/guest/%s.elf'\nextra = '%s'\nmemory = 64\nvcpus = %s\n"
            "cpus = '%s'\non_poweroff = 'destroy'\non_crash = 'destroy'\n" % (name, kind, name, words, options["smp"], cpus))


def overlay(names, args):
    files = [("guest", 0o40755, b"")]
    for name in names:
        base = run_tests.base_name(name)
        options = run_tests.read_options(base)
        with open(os.path.join(ROOT, "build", "guest", name + ".elf"), "rb") as f:
            files.append(("guest/%s.elf" % name, 0o100644, f.read()))
        files.append(("guest/%s.cfg" % name, 0o100644, config(name, options, args).encode()))
    script = SCRIPT % {"names": " ".join(names), "each": args.each, "done": DONE}
    files.append(("etc/proxenos/guests.sh", 0o100755, script.encode()))
    return gzip.compress(cpio(files), 1)


def results(text, names):
    for name in names:
        found = re.search(r"guest begins: %s\n(.*?)(guest ends: %s\n|\Z)" % (name, name), text, re.S)
        part = found.group(1) if found else ""
        verdict = run_tests.VERDICT.search(part)
        yield name, verdict.group(1) if verdict else "no verdict", part


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--hv", default=os.path.join(ROOT, "build/x86_64/proxenos"))
    parser.add_argument("--kernel", default=os.path.join(ROOT, "build/image/vmlinuz"))
    parser.add_argument("--initrd", default=os.path.join(ROOT, "build/image/dom0.cpio.gz"))
    parser.add_argument("--smp", default="2")
    parser.add_argument("--timeout", type=float, default=600)
    parser.add_argument("--each", type=int, default=90, help="seconds per guest")
    parser.add_argument("--args", help="appended to every guest's command line")
    parser.add_argument("--show", action="store_true")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    names = args.names or [n for n in run_tests.all_tests() if n != "leak"] + run_tests.pvh_tests()
    with tempfile.TemporaryDirectory() as scratch:
        initrd = os.path.join(scratch, "initrd")
        with open(initrd, "wb") as out, open(args.initrd, "rb") as dom0:
            out.write(dom0.read() + overlay(names, args))
        options = " ".join(sorted({run_tests.read_options(run_tests.base_name(n))["hv"] for n in names}))
        command = [run_tests.QEMU, "-accel", "tcg,thread=multi", "-cpu", "max,-smap,-rdtscp", "-M", "q35",
                   "-m", "2048", "-smp", args.smp, "-display", "none", "-monitor", "none",
                   "-serial", "stdio", "-net", "none", "-no-reboot", "-kernel", args.hv,
                   "-append", "console=com1 com1=115200,8n1 dom0_mem=768M,max:768M "
                   + options.strip(),
                   "-initrd", "%s console=hvc0 quiet proxenos.script=guests,%s" % (args.kernel, initrd)]
        text, late = run_tests.run_qemu(command, args.timeout, lambda t: DONE in t)
    passed = failed = 0
    for name, result, part in results(text, names):
        ok = result in ("pass", "skip")
        passed, failed = passed + ok, failed + (not ok)
        print("%-20s %s" % (name, result))
        if not ok or args.show:
            print("".join("    | " + line + "\n" for line in part.split("\n")))
    if late or run_tests.CRASH.search(text):
        print("".join("    | " + line + "\n" for line in text.split("\n")[-80:]))
        failed += 1
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
