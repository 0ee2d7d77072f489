#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs PVH test kernels as guests under Bochs, which has what QEMU's emulation lacks: Intel's VT-x, AMD's next RIP.

    guest/run-bochs.py [--hv PATH] [--model NAME] [--args TEXT] [--timeout SECONDS] [--show] [--list] [NAME ...]
    guest/run-bochs.py --debian [--kernel PATH] [--initrd PATH] ...

The hypervisor boots from a GRUB CD image with guest/host as dom0 and the kernel as its guest, or with NAME-dom0 as
dom0 itself, as run-tests.py does it under QEMU; a kernel's options and what counts as a pass are that script's. One
line per kernel, then `N passed, N failed`; the console of one that does not pass follows its line.

--debian: Debian's dom0 and its xl instead, with Debian's kernel as the PVH guest, until that runs a program of its
first process. Takes many minutes.

Needs Debian's bochs, bochs-term, bochsbios, vgabios, grub-pc-bin, xorriso and mtools.
"""
import argparse
import importlib.util
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)


def sibling(name):
    spec = importlib.util.spec_from_file_location(name.replace("-", "_"), os.path.join(HERE, name + ".py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tests = sibling("run-tests")
domu = sibling("run-domu")

DEBIAN_DONE = "debian: its user space ran"
DEBIAN_SCRIPT = r"""#!/bin/sh
sed 's/^name.*/name = "pvh1"/; /^maxmem/d' /etc/xen/guest.cfg > /etc/xen/pvh1.cfg
echo 'type = "pvh"' >> /etc/xen/pvh1.cfg
echo "debian: dom0 is up"
xl create -q /etc/xen/pvh1.cfg || echo "debian: xl failed"
tail -n +1 -F /var/log/xen/console/guest-pvh1.log 2>/dev/null | while read -r line; do
    echo "guest: $line"
    case "$line" in
    *"guest: up"*) xl list; echo "%s" ;;
    esac
done
""" % DEBIAN_DONE
GRUB = """set timeout=0
multiboot /boot/hv %(line)s
module /boot/dom0 %(dom0)s
%(modules)s
boot
"""
# The text screen is what GRUB finds; no dialogue ever waits for anybody.
BOCHS = """config_interface: textconfig
display_library: term
cpu: model=%(model)s, count=%(smp)s, ips=100000000, reset_on_triple_fault=0
memory: guest=%(mem)s, host=%(mem)s
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
vga: extension=none, update_freq=1
sound: waveoutdrv=dummy
clock: sync=none, time0=1704067200
boot: cdrom
ata0-master: type=cdrom, path=%(iso)s, status=inserted
com1: enabled=1, mode=file, dev=%(serial)s
panic: action=report
error: action=ignore
info: action=ignore
debug: action=ignore
log: %(log)s
"""


def make_iso(folder, hv, line, dom0, dom0_args, modules):
    """A CD image that boots hv with a dom0 kernel and further modules ([(path, arguments)])."""
    boot = os.path.join(folder, "cd/boot")
    os.makedirs(os.path.join(boot, "grub"))
    shutil.copy(hv, os.path.join(boot, "hv"))
    shutil.copy(dom0, os.path.join(boot, "dom0"))
    lines = []
    for i, (path, args) in enumerate(modules):
        shutil.copy(path, os.path.join(boot, "module%d" % i))
        lines.append("module --nounzip /boot/module%d %s" % (i, args))
    with open(os.path.join(boot, "grub/grub.cfg"), "w") as f:
        f.write(GRUB % {"line": line, "dom0": dom0_args, "modules": "\n".join(lines)})
    iso = os.path.join(folder, "cd.iso")
    subprocess.run(["grub-mkrescue", "-d", "/usr/lib/grub/i386-pc", "-o", iso, os.path.join(folder, "cd")],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return iso


def start_bochs(rc, script):
    """Bochs, whose debugger waits for `c`, on a terminal of its own: (pid, its end of the terminal)."""
    pid, fd = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "vt100"
        os.execvp("bochs", ["bochs", "-q", "-f", rc, "-rc", script])
    return pid, fd


def cpu_seconds(pid):
    """The CPU time that a process has had."""
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_bochs(folder, iso, model, smp, mem, timeout, done, follow=None):
    """Runs Bochs until done(text of the serial line) is true, it exits, or its time is over: (text, timed_out).

    Its time is what it had of a CPU: on a busy machine it gets less done in the wall's, of which it has ten times."""
    paths = {name: os.path.join(folder, name) for name in ("serial", "log", "rc", "script")}
    with open(paths["rc"], "w") as f:
        f.write(BOCHS % {"model": model, "smp": smp, "mem": mem, "iso": iso, "serial": paths["serial"],
                         "log": paths["log"]})
    with open(paths["script"], "w") as f:
        f.write("c\n")
    pid, fd = start_bochs(paths["rc"], paths["script"])
    end, text, late = time.monotonic() + 10 * timeout, "", True
    try:
        while cpu_seconds(pid) < timeout and time.monotonic() < end:
            if select.select([fd], [], [], 0.5)[0]:
                try:
                    os.read(fd, 65536)
                except OSError:
                    late = False
                    break
            if os.path.exists(paths["serial"]):
                with open(paths["serial"], "rb") as f:
                    text = f.read().decode("utf-8", "replace").replace("\r", "")
            if follow:
                with open(follow, "w") as f:
                    f.write(text)
            if done(text):
                late = False
                break
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(fd)
    return text + panics(paths["log"]), late


def panics(log):
    """What ended Bochs itself: it reports that and goes no further."""
    if not os.path.exists(log):
        return ""
    with open(log, encoding="utf-8", errors="replace") as f:
        return "".join("\n--- Bochs: " + line for line in f if ">>PANIC<<" in line)


def run_test(name, args):
    options = tests.read_options(tests.base_name(name))
    options["args"] = (options["args"] + " " + (args.args or "")).strip()
    is_dom0 = name.endswith("-dom0")
    options["smp"] = args.smp or (options["vcpus"] if is_dom0 else options["smp"])
    elf = os.path.join(ROOT, "build/guest", name + ".elf")
    host = os.path.join(ROOT, "build/guest/pvhost.elf")
    line = ("console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all dom0_mem=128M dom0_max_vcpus=%s %s%s"
            % (options["smp"], "dom0=pvh " if is_dom0 else "", options["hv"]))
    with tempfile.TemporaryDirectory() as folder:
        host_args = "vcpus=%s %s" % (options["vcpus"], options["args"])
        iso = (make_iso(folder, args.hv, line, elf, options["args"], []) if is_dom0 else
               make_iso(folder, args.hv, line, host, host_args, [(elf, "")]))
        start = time.monotonic()
        text, late = run_bochs(folder, iso, args.model, options["smp"], options["mem"], args.timeout,
                               lambda t: bool(tests.VERDICT.search(t) or (tests.CRASH.search(t) and "Reboot" in t)))
        seconds = time.monotonic() - start
        if args.keep_log:
            shutil.copy(os.path.join(folder, "log"), args.keep_log)
    return name, tests.judge(text, late, not is_dom0 and options["guest_verdict"] == "yes"), seconds, text


def run_debian(args):
    with open(args.initrd, "rb") as f:
        initrd = f.read()
    initrd += b"\0" * (-len(initrd) % 4) + domu.cpio([("etc/proxenos/bochs.sh", 0o100755, DEBIAN_SCRIPT.encode())])
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "initrd")
        with open(path, "wb") as f:
            f.write(initrd)
        line = "console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all dom0_mem=640M,max:640M"
        iso = make_iso(folder, args.hv, line, args.kernel, "console=hvc0 quiet proxenos.script=bochs", [(path, "")])
        start = time.monotonic()
        text, late = run_bochs(folder, iso, args.model, 1, 1280, args.timeout,
                               lambda t: DEBIAN_DONE in t or bool(tests.CRASH.search(t)), args.follow)
        seconds = time.monotonic() - start
    result = ("hypervisor crash" if tests.CRASH.search(text) else "pass" if DEBIAN_DONE in text
              else "timeout" if late else "no verdict")
    return "debian", result, seconds, text


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--hv", default=os.path.join(ROOT, "build/x86_64/proxenos"))
    parser.add_argument("--model", default="corei7_skylake_x", help="Bochs' CPU: of Intel's, or ryzen for AMD-V")
    parser.add_argument("--args", help="appended to every kernel's command line")
    parser.add_argument("--smp", help="number of CPUs, instead of the test's own wish")
    parser.add_argument("--timeout", type=float, help="seconds of CPU time for each; 300, or 3600 with --debian")
    parser.add_argument("--debian", action="store_true", help="Debian's kernel under Debian's xl")
    parser.add_argument("--kernel", default=os.path.join(ROOT, "build/image/vmlinux"), help="dom0's, with --debian")
    parser.add_argument("--initrd", default=os.path.join(ROOT, "build/image/dom0.cpio.gz"))
    parser.add_argument("--follow", help="a file that always has what the serial line has said")
    parser.add_argument("--show", action="store_true", help="show the console of every test")
    parser.add_argument("--keep-log", help="copy Bochs' own log there")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    args.timeout = args.timeout or (3600 if args.debian else 300)
    names = args.names or tests.pvh_tests() + tests.dom0_tests()
    if args.list:
        print("\n".join(names))
        return 0
    results = [run_debian(args)] if args.debian else (run_test(name, args) for name in names)
    return tests.report(results, args.show)


if __name__ == "__main__":
    sys.exit(main())
