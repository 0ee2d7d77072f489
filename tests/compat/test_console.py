# SPDX-License-Identifier: MIT
"""Our console daemon with a real guest: kill -9 and restart, floods, logs that are moved, and the end of a guest; xenctx.

The daemon is always ours; with --tools=debian the rest is Debian's.
"""
import re
import time

import pytest

from rig import Machine, default_tools

TOOLS = "daemons" if default_tools() == "debian" else default_tools()
LOG = "/var/log/xen/console/guest-guest.log"
# The log holds the marks of the guest's shell, which the rig would take for its own.
SHOW = "sed 's/@@/%%/g' " + LOG
START = "xenconsoled --log=all --pid-file /run/xenconsoled.pid"


@pytest.fixture(scope="module")
def m(hv):
    with Machine(hv, cpus=2, mem=2048, dom0_vcpus=1, tools=TOOLS) as machine:
        machine.boot()
        machine.ok("xl create -q /etc/xen/guest.cfg", 120)
        machine.wait_for("cat " + LOG, "guest: up", 120)
        yield machine
        assert machine.crash_text() is None


def pid(m):
    return m.ok("cat /run/xenconsoled.pid").strip()


def tty(m):
    return m.ok("xenstore-read /local/domain/$(xl domid guest)/console/tty").strip()


def test_killed_and_restarted(m):
    """The guest goes on, its console comes back, and what it says afterwards is logged."""
    with m.guest("guest") as g:
        g.ok("cd /tmp; echo before > file")
    for _ in range(3):
        m.ok("kill -9 %s" % pid(m))
        m.ok(START)
        m.wait_for("ls -l %s" % tty(m), "^c", 10)
        with m.guest("guest") as g:
            assert g.ok("cat /tmp/file").strip() == "before"
            g.ok("echo still-here > /dev/console")
    assert int(m.ok("grep -c '^still-here' " + LOG)) == 3


def test_restart_while_the_guest_talks(m):
    with m.guest("guest") as g:
        g.ok("(sleep 3; i=0; while [ $i -lt 300 ]; do echo line-$i-end > /dev/console; i=$((i + 1)); usleep 20000; done) &")
    m.wait_for("%s | tail -n 3" % SHOW, "line-[0-9]+-end", 30)
    m.ok("kill -9 %s; sleep 1" % pid(m))
    m.ok(START)
    m.wait_for("%s | tail -n 5" % SHOW, "line-299-end", 60)
    lines = [int(n) for n in re.findall(r"line-(\d+)-end", m.ok("grep -o '^line-[0-9]*-end' " + LOG))]
    # The ring keeps what was said while nobody listened: nothing is missing, nothing comes twice.
    assert lines == list(range(300))


def test_flood(m):
    """A guest that writes as fast as it can keeps neither dom0 nor the daemon from working."""
    with m.guest("guest") as g:
        g.ok("(sleep 3; yes flooding-the-console | head -c 1000000 > /dev/console; echo flood-is-over > /dev/console) &")
    m.wait_for("%s | tail -n 3" % SHOW, "flooding", 30)
    begin = time.time()
    m.ok("xl list >/dev/null", 60)
    assert time.time() - begin < 30
    m.wait_for("%s | tail -n 3" % SHOW, "flood-is-over", 120)
    size = int(m.ok("awk '/VmRSS/ { print $2 }' /proc/%s/status" % pid(m)))
    assert size < 20000, "%d KiB" % size


def test_moved_log(m):
    m.ok("mv %s %s.old && kill -HUP %s" % (LOG, LOG, pid(m)))
    with m.guest("guest") as g:
        g.ok("echo after-the-move > /dev/console")
    m.wait_for("grep ^after-the-move " + LOG, "after-the-move", 20)


def test_hypervisor_log(m):
    m.ok("xl debug-keys h")
    m.wait_for("sed 's/^(XEN)/xen:/' /var/log/xen/console/hypervisor.log", "pressed", 20)


def test_xenctx(m):
    out = m.ok("/usr/lib/proxenos/bin/xenctx -a -C guest")
    assert re.search(r"^rip: ffffffff[0-9a-f]{8}", out, re.M) and "cr3: " in out
    assert len(re.findall(r"^ [0-9a-f]{16}: ", out, re.M)) >= 5, out
    with m.guest("guest") as g:
        assert g.ok("echo alive") == "alive"


def test_console_ends_with_the_guest(m):
    m.start("xl console guest")
    m.send("\r")
    m.expect("[#$] ", 30)
    m.send("echo last-words; poweroff -f\r")
    m.expect("last-words", 30)
    m.ended(90)
    m.wait_for("xl list", "^Domain-0", 30)
    assert m.run("xl domid guest")[0] != 0
