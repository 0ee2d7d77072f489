# SPDX-License-Identifier: MIT
"""Debian's unmodified xl and daemons with one PV guest: every command a PV host needs, on ours or on the peer.

One machine serves the whole file (booting costs half a minute under emulation); each test leaves the guest
`guest` up, or makes it anew when it does not find it.
"""
import re

import pytest

from rig import Machine

LOG = "/var/log/xen/console/guest-guest.log"


@pytest.fixture(scope="module")
def m(hv):
    with Machine(hv, cpus=4, mem=2048, dom0_vcpus=2) as machine:
        machine.boot()
        yield machine


@pytest.fixture
def guest(m):
    if m.run("xl domid guest")[0] != 0:
        create(m)
    yield m
    assert m.crash_text() is None


def create(m):
    m.run("rm -f " + LOG)
    m.ok("xl create -q /etc/xen/guest.cfg", 120)
    m.wait_for("cat " + LOG, "guest: up", 120)


def state(m):
    return m.ok("xl list guest | tail -1").split()[4]


def test_info(m):
    out = m.ok("xl info")
    assert re.search(r"^nr_cpus +: 4$", out, re.M)
    assert re.search(r"^xen_major +: 4$", out, re.M) and re.search(r"^xen_scheduler +: credit2$", out, re.M)
    assert "xen-3.0-x86_64" in out


def test_create_and_list(guest):
    out = guest.ok("xl list")
    assert re.search(r"^guest +\d+ +19[0-9] +1 ", out, re.M)
    assert '"name": "guest"' in guest.ok("xl list -l guest")


def test_console(guest):
    with guest.guest("guest") as g:
        assert g.ok("echo $((6 * 7))guest") == "42guest"
        assert g.run("exit 3 | false")[0] == 1


def test_pause_unpause(guest):
    guest.ok("xl pause guest")
    assert "p" in state(guest)
    guest.ok("xl unpause guest")
    assert "p" not in state(guest)


def test_vcpus(guest):
    guest.ok("xl vcpu-set guest 2")
    out = guest.wait_for("xl vcpu-list guest", "guest +[0-9]+ +1 +[0-9]+ ", 30)
    assert len(out.split("\n")) == 3
    guest.ok("xl vcpu-pin guest 0 1")
    assert re.search(r"guest +\d+ +0 .* 1 / all", guest.ok("xl vcpu-list guest"))
    guest.ok("xl vcpu-pin guest 0 all 2-3")
    assert re.search(r"guest +\d+ +0 .*all / 2-3", guest.ok("xl vcpu-list guest"))
    guest.ok("xl vcpu-pin guest 0 all all")


def test_memory(guest):
    guest.ok("xl mem-max guest 256")
    guest.ok("xl mem-set guest 160")
    guest.wait_for("xl list guest", "guest +[0-9]+ +(159|16[01]) ", 40)
    guest.ok("xl mem-set guest 192")
    guest.wait_for("xl list guest", "guest +[0-9]+ +19[0-3] ", 40)


def test_sched_credit2(guest):
    guest.ok("xl sched-credit2 -d guest -w 512 -c 50")
    assert re.search(r"guest +\d+ +512 +50", guest.ok("xl sched-credit2 -d guest"))
    guest.ok("xl sched-credit2 -d guest -w 256 -c 0")
    assert "Domain-0" in guest.ok("xl sched-credit2")


def test_dmesg_and_debug_keys(guest):
    assert "Command line" in guest.ok("xl dmesg | sed 's/^(XEN)/xen:/'")
    guest.ok("xl dmesg -c >/dev/null")
    for key in "hrHtqmM":
        guest.ok("xl debug-keys " + key)
    assert "pressed" in guest.ok("xl dmesg | sed 's/^(XEN)/xen:/'")


def test_top_and_uptime(guest):
    out = guest.ok("xentop -b -i 1")
    assert re.search(r"guest .*\n?", out) and "Domain-0" in out
    assert re.search(r"guest +\d+ +\d+:\d\d", guest.ok("xl uptime guest"))


def test_domid_and_rename(guest):
    domid = guest.ok("xl domid guest").strip()
    assert guest.ok("xl domname " + domid).strip() == "guest"
    guest.ok("xl rename guest other")
    assert guest.ok("xl domid other").strip() == domid
    guest.ok("xl rename other guest")


def test_xenstore(guest):
    domid = guest.ok("xl domid guest").strip()
    assert 'name = "guest"' in guest.ok("xenstore-ls /local/domain/" + domid)


def test_trigger(guest):
    assert "trigger" in guest.run("xl trigger guest sysrq; echo trigger")[1]


def test_cpupool_and_claims(guest):
    assert re.search(r"Pool-0 +4 +credit2", guest.ok("xl cpupool-list"))
    guest.ok("xl claims")
    guest.ok("xl info -n")


def test_create_c(guest):
    """create -c: the console is attached from the first line on."""
    guest.ok("xl destroy guest")
    guest.start("xl create -q -c /etc/xen/guest.cfg")
    guest.expect("guest: up", 150)
    guest.send("\x1d")
    guest.ended()


def test_shutdown(guest):
    """-w waits until the guest is down; its domain goes a moment later."""
    guest.ok("xl shutdown -w guest", 120)
    guest.wait_for("xl domid guest || echo gone", "^gone", 30)


def test_reboot(guest):
    domid = guest.ok("xl domid guest").strip()
    guest.ok("rm -f %s; xl reboot guest" % LOG, 60)
    guest.wait_for("xl domid guest", "^(%d|%d)$" % (int(domid) + 1, int(domid) + 2), 60)
    guest.wait_for("xl list guest", "guest", 60)


def test_destroy(guest):
    guest.ok("xl destroy guest", 60)
    assert guest.run("xl list guest")[0] != 0
    guest.wait_for("xl list", "Domain-0", 10)
