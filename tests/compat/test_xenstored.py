# SPDX-License-Identifier: MIT
"""Our xenstored under Debian's xl and kernel, with a PV guest: what the guest must not notice.

The daemon is killed while the guest runs, replaced by live update, and stopped and started; each time the guest goes on,
keeps its nodes and watches, and obeys `xl shutdown` afterwards.
"""
import re

import pytest

from rig import Machine

START = "xenstored --pid-file /run/xenstored.pid"


@pytest.fixture(scope="module")
def m(hv):
    with Machine(hv, cpus=2, mem=1536, dom0_vcpus=1, tools="daemons") as machine:
        machine.boot(240)
        yield machine


@pytest.fixture
def guest(m):
    if m.run("xl domid guest")[0] != 0:
        m.run("rm -f /var/log/xen/console/guest-guest.log")
        m.ok("xl create -q /etc/xen/guest.cfg", 180)
        m.wait_for("cat /var/log/xen/console/guest-guest.log", "guest: up", 180)
    yield m
    assert m.crash_text() is None


def control(m, line):
    return m.ok("/usr/lib/proxenos/bin/xenstore-control " + line)


def test_it_is_ours(m):
    assert "proxenos" in m.ok("readlink -f /proc/$(cat /run/xenstored.pid)/exe")
    assert re.search(r"^domains 1$", control(m, "memreport"), re.M)
    assert control(m, "check").strip() == "OK"


def test_guest_is_there(guest):
    domid = guest.ok("xl domid guest").strip()
    assert 'name = "guest"' in guest.ok("xenstore-ls /local/domain/" + domid)
    assert re.search(r"^domains 2$", control(guest, "memreport"), re.M)
    assert "guest" in guest.ok("xl list")


def test_clients_agree(guest):
    """Debian's listing of the whole tree and ours are the same text."""
    guest.ok("xenstore-ls -f -p > /tmp/debian; /usr/lib/proxenos/bin/xenstore-ls -f -p > /tmp/ours; cmp /tmp/debian /tmp/ours")
    guest.ok("xenstore-ls -p > /tmp/debian; /usr/lib/proxenos/bin/xenstore-ls -p > /tmp/ours; cmp /tmp/debian /tmp/ours")


def shuts_down(m, monitored=True):
    """The process that Debian's xl leaves behind for each guest ends with its connection, that is when xenstored is killed;
    the domain that has shut down is then the user's to remove."""
    m.ok("xl shutdown -w guest", 180)
    if not monitored:
        m.ok("xl destroy guest", 60)
    m.wait_for("xl list; sleep 1", "^Domain-0", 20)
    m.wait_for("xl domid guest || echo gone", "^gone", 30)


def test_kill_9(guest):
    before = guest.ok("xenstore-ls -f | sort | grep -v memory/ | md5sum")
    guest.ok("kill -9 $(cat /run/xenstored.pid); sleep 1; " + START)
    assert guest.ok("xenstore-ls -f | sort | grep -v memory/ | md5sum") == before
    assert control(guest, "check").strip() == "OK"
    shuts_down(guest, monitored=False)


def test_live_update(guest):
    """Clients on the socket stay connected too: a watch set before tells of a change after."""
    guest.ok("pidof xenconsoled")
    guest.ok("(xenstore-watch -n 2 /live > /tmp/watched) & sleep 1")
    for _ in range(3):
        control(guest, "live-update /usr/lib/proxenos/bin/xenstored")
    guest.ok("xenstore-write /live/x 1; sleep 1; grep -q /live/x /tmp/watched")
    guest.ok("pidof xenconsoled")
    assert control(guest, "check").strip() == "OK"
    shuts_down(guest)


def test_many_kills(guest):
    """kill -9 at odd times while the store is busy."""
    guest.ok("(i=0; while [ $i -lt 300 ]; do i=$((i + 1)); xenstore-write /busy/$i $i 2>/dev/null; done) & "
             "for n in 1 2 3 4 5 6; do sleep 0.$n; kill -9 $(cat /run/xenstored.pid); %s; done; wait" % START, 120)
    assert control(guest, "check").strip() == "OK"
    guest.ok("xenstore-rm /busy")
    shuts_down(guest, monitored=False)


def test_create_after_all_that(guest):
    assert "guest" in guest.ok("xl list")
    shuts_down(guest)
