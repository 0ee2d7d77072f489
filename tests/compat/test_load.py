# SPDX-License-Identifier: MIT
"""A compile-like load in dom0 and in a guest at once, four vcpus each on four CPUs: tests/load/load.c checks itself,
this file checks what it leaves: quiet kernels, a quiet hypervisor, vcpus that all ran, a clean shutdown, all memory back.

LOAD_SECONDS=300 for the long run; HV_OURS= for another image of ours, such as one with assertions.
"""
import os
import re

import pytest

from rig import ROOT, Machine, default_tools, dom0_image, overlay

SECONDS = int(os.environ.get("LOAD_SECONDS", "40"))
STUCK = 120
LOG = "/var/log/xen/console/guest-load.log"
CFG = """name = 'load'
kernel = '/boot/vmlinuz'
ramdisk = '/boot/load.cpio.gz'
memory = 384
vcpus = 4
on_crash = 'preserve'
extra = 'console=hvc0 loglevel=7 guest.run="mount -t tmpfs none /tmp; load %d 4 /tmp %d"'
""" % (SECONDS, STUCK)
KERNEL_TROUBLE = re.compile(r"^.*(WARNING:|BUG:|kernel BUG|Oops|general protection|rcu.*(stall|self-detected)|soft lockup|"
                            r"hard LOCKUP|hung_task|blocked for more than|Call Trace|bad_page|Bad page|clocksource.*unstable|"
                            r"segfault|Out of memory|corrupt|load: FAIL).*$", re.M | re.I)
COUNTS = re.compile(r"load: (runs|PASS) units=(\d+) forks=(\d+) execs=(\d+) maps=(\d+) faults=(\d+) KiB=(\d+) links=(\d+)")


@pytest.fixture(scope="module")
def m(hv, tmp_path_factory):
    with open(os.path.join(ROOT, "build/tests/load"), "rb") as f:
        load = f.read()
    with open(os.path.join(ROOT, "build/image/guest.cpio.gz"), "rb") as f:
        guest = overlay(f.read(), [("bin/load", 0o100755, load)])
    with open(os.path.join(ROOT, dom0_image(default_tools())), "rb") as f:
        dom0 = overlay(f.read(), [("bin/load", 0o100755, load), ("boot/load.cpio.gz", 0o100644, guest),
                                  ("etc/xen/load.cfg", 0o100644, CFG.encode())])
    initrd = str(tmp_path_factory.mktemp("load") / "dom0.cpio.gz")
    with open(initrd, "wb") as f:
        f.write(dom0)
    with Machine(hv, cpus=4, mem=2048, dom0_vcpus=4, initrd=initrd) as machine:
        machine.boot(300)
        yield machine


def vcpu_times(m, name):
    """CPU seconds of each of a domain's vcpus."""
    out = m.ok("xl vcpu-list " + name, 120)
    return [float(l) for l in re.findall(r"^%s +\d+ +\d+ +\S+ +\S+ +(\d+\.\d)" % name, out, re.M)]


def wait_end(m, log):
    """Waits until the load in `log` has passed or failed; it says something every few seconds, so silence is a hang."""
    m.wait_for("grep -aE 'load: (PASS|FAIL)' " + log, "load: (PASS|FAIL)", SECONDS + 4 * STUCK)
    return m.ok("cat " + log, 120)


def counts(text):
    """The counters of the first report that has any units, and of the last one."""
    found = [tuple(int(n) for n in c[1:]) for c in COUNTS.findall(text)]
    return next((c for c in found if c[0] > 0), found[-1]), found[-1]


def checked(text, what):
    trouble = KERNEL_TROUBLE.search(text)
    assert not trouble, "%s: %s" % (what, trouble.group(0))
    assert "load: PASS" in text, what
    first, last = counts(text)
    print("%s: units=%d forks=%d execs=%d maps=%d faults=%d KiB=%d links=%d" % ((what,) + last))
    assert all(n > 0 for n in last[:6]), last
    assert last[0] >= first[0]
    return last


def test_compile_load_in_dom0_and_guest(m):
    # The first guest makes dom0 and the hypervisor fill their tables.
    m.ok("mkdir -p /run/load; xl create -q /etc/xen/load.cfg && sleep 20 && xl destroy load; rm -f " + LOG, 240)
    before = m.memory()
    m.ok("dmesg -c >/dev/null")
    begin = len(m.log)
    m.ok("xl create -q /etc/xen/load.cfg", 180)
    m.wait_for("cat " + LOG, "load: runs", 240)
    m.ok("load %d 4 /run/load %d >/run/dom0-load.log 2>&1 &" % (SECONDS, STUCK))
    old = {name: vcpu_times(m, name) for name in ("Domain-0", "load")}
    guest = wait_end(m, LOG)
    dom0 = wait_end(m, "/run/dom0-load.log")
    checked(dom0, "dom0")
    checked(guest, "guest")
    for name, times in old.items():
        new = vcpu_times(m, name)
        assert len(new) == 4 and all(b > a for a, b in zip(times, new)), (name, times, new)
    m.ok("xl shutdown -w load", 180)
    assert "guest: shutdown asked for" in m.ok("cat " + LOG)
    trouble = KERNEL_TROUBLE.search(m.ok("dmesg", 120))
    assert not trouble, "dom0's kernel: " + trouble.group(0)
    assert m.memory() == before
    said = [l for l in m.log[begin:].split("\n") if l.startswith("(XEN)") and re.search(r"(?i)warn|error|bug|fault|crash", l)]
    assert not said, said
    assert m.crash_text() is None
