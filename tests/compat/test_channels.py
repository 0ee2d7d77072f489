# SPDX-License-Identifier: MIT
"""Consoles beyond the first, which xl.cfg calls channels: a terminal and a socket, served by our console daemon. The tools
are always ours: Debian's xl leaves such consoles to QEMU."""
import re

import pytest

from rig import Machine

LOG = "/var/log/xen/console/guest-chan.log"
START = "xenconsoled --log=all --pid-file /run/xenconsoled.pid"
CREATE = ("xl create -q /etc/xen/guest.cfg 'name=\"chan\"' 'channel=[\"name=org.test.pty,connection=pty\", "
          "\"name=org.test.sock,connection=socket,path=/run/chan.sock\"]'")


def pid(m):
    return m.ok("cat /run/xenconsoled.pid").strip()


@pytest.fixture(scope="module")
def m(hv):
    with Machine(hv, cpus=2, mem=2048, dom0_vcpus=1, tools="ours") as machine:
        machine.boot()
        machine.ok(CREATE, 120)
        machine.wait_for("sed 's/@@/%%/g' " + LOG, "guest: up", 120)
        with machine.guest("chan") as g:
            # Its settings last as long as somebody has it open.
            g.ok("(exec 3<>/dev/hvc2; stty raw -echo <&3; while read line <&3; do echo \"heard-$line\" >&3; done) &")
        yield machine
        assert machine.crash_text() is None


def test_channel_list(m):
    out = m.ok("xl channel-list chan")
    assert re.search(r"^1 +0 +4 +\d+ +\d+ +pty +/dev/pts/\d+ *$", out, re.M), out
    assert re.search(r"^2 +0 +4 +\d+ +\d+ +socket +/run/chan.sock *$", out, re.M), out
    consoles = m.ok("xl console-list chan")
    assert re.search(r"^0 +0 +xenconsoled +/dev/pts/\d+ ", consoles, re.M), consoles
    assert re.search(r"^1 +0 +xenconsoled +/dev/pts/\d+ ", consoles, re.M), consoles


def test_channel_socket(m):
    talk = "/usr/lib/proxenos/test/talk /run/chan.sock "
    assert m.ok(talk + "one").strip() == "heard-one"
    assert m.ok(talk + "two").strip() == "heard-two"


def test_channel_survives_the_daemon(m):
    m.ok("kill -9 %s" % pid(m))
    m.ok(START)
    m.wait_for("xl channel-list chan", r"^2 +0 +4 ", 10)
    assert m.ok("/usr/lib/proxenos/test/talk /run/chan.sock three").strip() == "heard-three"


def test_channel_terminal(m):
    with m.guest("chan") as g:
        g.ok("(sleep 3; echo from-the-second-console > /dev/hvc1) &")
    m.start("xl console -n 1 chan")
    m.expect("from-the-second-console", 60)
    m.send("\x1d")
    m.ended()


def test_channels_end_with_the_guest(m):
    m.ok("xl destroy chan")
    assert "chan.sock" not in m.ok("sleep 2; ls /run")
    assert m.ok("xenstore-list /local/domain/0/backend/console 2>/dev/null; true") == ""
