#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the test kernels of guest/tests as dom0 of a hypervisor image inside QEMU (emulation only).

    guest/run-tests.py [--hv PATH] [--jobs N] [--timeout SECONDS] [--show] [--list] [NAME ...]

Prints one line per test and `N passed, N failed` at the end; the console of a test that does not pass
follows its line. A test passes with the verdict `pass` or `skip`; `broken`, `fail`, no verdict, or a
hypervisor that crashes or complains of itself are failures. Exit code 0 only when nothing failed.

A PVH kernel (NAME-pvh, pvh-NAME) is the guest of a dom0 that does nothing else (guest/host), and both must pass;
NAME-pvh-dom0 and pvh-NAME-dom0 are dom0 themselves (dom0=pvh).

guest/tests/NAME/options may hold lines KEY=VALUE: smp, vcpus (of a PVH guest), guest_verdict=no (a PVH
kernel that ends by something else than a verdict), mem, timeout, args (the kernel's command line),
hv (extra hypervisor options), peer_args (added to args when --peer says that the image is Debian's Xen,
for its known deviations), says (what must be on the console beside the verdict, unless with --peer), plus `expect=crash TEXT` for kernels whose right end is to be crashed by
the hypervisor with TEXT on its console.
"""
import argparse
import concurrent.futures
import glob
import os
import re
import selectors
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
QEMU = os.environ.get("QEMU", "qemu-system-x86_64")
VERDICT = re.compile(r"^verdict: (pass|skip|broken|fail)\s*$", re.M)
GUEST_VERDICT = re.compile(r"^guest: verdict: (pass|skip|broken|fail)\s*$", re.M)
CRASH = re.compile(r"(Panic on CPU|Assertion .* failed|Xen BUG at|hypervisor panic|PANIC:|BUG at |"
                   r"ASSERT failed|FATAL TRAP|FATAL PAGE FAULT)")


def read_options(name):
    options = {"smp": "1", "mem": "512", "timeout": None, "args": "", "hv": "", "expect": None,
               "peer_args": "", "vcpus": "1", "says": "",
               "guest_verdict": "yes"}
    path = os.path.join(HERE, "tests", name, "options")
    if os.path.exists(path):
        with open(path) as f:
            for line in f:
                line = line.strip()
                if line and not line.startswith("#"):
                    key, _, value = line.partition("=")
                    options[key.strip()] = value.strip()
    return options


def base_name(name):
    """The folder of a kernel, which may be one of several made of it."""
    return re.sub("-(page|pvh)$", "", re.sub("-dom0$", "", name))


def pvh_tests():
    """Kernels that are built for PVH: guests of pvhost.elf here, of Debian's xl in run-domu.py."""
    return sorted(os.path.basename(p)[:-4] for p in glob.glob(os.path.join(ROOT, "build/guest/*pvh*.elf"))
                  if not p.endswith(("pvhost.elf", "-dom0.elf")))


def dom0_tests():
    return sorted(os.path.basename(p)[:-4] for p in glob.glob(os.path.join(ROOT, "build/guest/*-dom0.elf")))


def is_pvh(name):
    """The guest of pvhost.elf."""
    return (name.endswith("-pvh") or name.startswith("pvh-")) and not name.endswith("-dom0")


def qemu_command(hv, elf, options, peer):
    line = ("console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all dom0_max_vcpus=%s %s"
            % (options["smp"], options["hv"]))
    machine = []
    if elf.endswith("-dom0.elf"):
        initrd = (elf + " " + options["args"]).strip()
        line += " dom0=pvh dom0_mem=128M"
        # Debian's Xen has no PVH dom0 without one.
        machine = ["-M", "q35", "-device", "amd-iommu,intremap=on"] if peer else []
    elif is_pvh(os.path.basename(elf)[:-4]):
        host = os.path.join(os.path.dirname(elf), "pvhost.elf")
        initrd = "%s vcpus=%s %s,%s" % (host, options["vcpus"], options["args"], elf)
        line += " dom0_mem=128M"
    else:
        initrd = (elf + " " + options["args"]).strip()
    return [QEMU] + machine + ["-accel", "tcg", "-cpu", "max,-smap,-rdtscp", "-m", options["mem"],
            "-smp", options["smp"], "-display", "none", "-monitor", "none", "-serial", "stdio",
            "-net", "none", "-no-reboot", "-kernel", hv, "-append", line.strip(),
            "-initrd", initrd]


# An assertion about a lock of its own that QEMU 7.2 fails now and then, with guests under AMD-V that run random bytes.
QEMU_FAULT = "qemu_mutex_lock_iothread_impl: assertion failed"


def run_qemu(command, timeout, done):
    """run_once(), and once more when it was QEMU that ended: what it printed first stays in the text."""
    text, late = run_once(command, timeout, done)
    if QEMU_FAULT in text:
        again, late = run_once(command, timeout, done)
        text = text.replace("verdict:", "verdict of a run that QEMU ended:") + "--- QEMU ended by itself; again:\n" + again
    return text, late


def run_once(command, timeout, done):
    """Runs QEMU until done(text) is true, it exits, or time is over; returns (text, timed_out)."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT)
    selector = selectors.DefaultSelector()
    selector.register(child.stdout, selectors.EVENT_READ)
    text, end, late = "", time.monotonic() + timeout, True
    try:
        while time.monotonic() < end:
            if not selector.select(0.5):
                continue
            chunk = os.read(child.stdout.fileno(), 65536)
            if not chunk:
                late = False
                break
            text += chunk.decode("utf-8", "replace").replace("\r", "")
            if done(text):
                late = False
                break
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    return text, late


def run_test(hv, name, args):
    options = read_options(base_name(name))
    extra = [args.args or "", options["peer_args"] if args.peer else ""]
    options["args"] = " ".join([options["args"]] + extra).strip()
    options["smp"] = args.smp or (options["vcpus"] if name.endswith("-dom0") else options["smp"])
    elf = os.path.join(ROOT, "build", "guest", name + ".elf")
    if not os.path.exists(elf):
        return name, "missing", 0.0, elf + " is not built\n"
    timeout = float(options["timeout"] or args.timeout) * args.patience
    crash_text = None
    if options["expect"]:
        crash_text = options["expect"].partition(" ")[2]

    def done(text):
        if CRASH.search(text) and "Reboot" in text:
            return True
        if crash_text:
            return crash_text in text and text.endswith("\n")
        return bool(VERDICT.search(text))

    start = time.monotonic()
    text, late = run_qemu(qemu_command(hv, elf, options, args.peer), timeout, done)
    seconds = time.monotonic() - start
    if crash_text and not CRASH.search(text):
        return name, "pass" if crash_text in text else "no crash seen", seconds, text
    result = judge(text, late, is_pvh(name) and options["guest_verdict"] == "yes")
    if result == "pass" and not args.peer and options["says"] not in text:
        result = "not said"
    return name, result, seconds, text


def judge(text, late, is_guest):
    """What a console says. is_guest: besides dom0's verdict there must be that of its guest, which is what counts."""
    verdict = VERDICT.search(text)
    if CRASH.search(text):
        return "hypervisor crash"
    if not verdict:
        return "timeout" if late else "no verdict"
    if verdict.group(1) == "pass" and is_guest:
        guest = GUEST_VERDICT.search(text)
        return guest.group(1) if guest else "no verdict"
    return verdict.group(1)


def report(results, show):
    """Prints [(name, result, seconds, text)] as they come, and the last line: the exit code."""
    passed = failed = 0
    for name, result, seconds, text in results:
        ok = result in ("pass", "skip")
        passed, failed = passed + ok, failed + (not ok)
        print("%-20s %-16s %5.1f s" % (name, result, seconds), flush=True)
        if not ok or show:
            print("".join("    | " + line + "\n" for line in text.split("\n")), flush=True)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


def all_tests():
    names = []
    tests = os.path.join(HERE, "tests")
    for name in sorted(os.listdir(tests)):
        if os.path.exists(os.path.join(tests, name, "main.c")) and not name.startswith("pvh-"):
            names.append(name)
            if os.path.exists(os.path.join(ROOT, "build", "guest", name + "-page.elf")):
                names.append(name + "-page")
    return names


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--hv", default=os.path.join(ROOT, "build/x86_64/proxenos"))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=60)
    parser.add_argument("--patience", type=float, default=1.0, help="factor on every time-out")
    parser.add_argument("--args", help="appended to every kernel's command line")
    parser.add_argument("--smp", help="number of CPUs, instead of the test's own wish")
    parser.add_argument("--peer", action="store_true", help="the image is Debian's Xen")
    parser.add_argument("--show", action="store_true", help="show the console of every test")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    names = args.names or all_tests() + pvh_tests() + dom0_tests()
    if args.list:
        print("\n".join(names))
        return 0
    if not os.path.exists(args.hv):
        print("no hypervisor image at " + args.hv)
        return 1
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        return report(pool.map(lambda n: run_test(args.hv, n, args), names), args.show)


if __name__ == "__main__":
    sys.exit(main())
