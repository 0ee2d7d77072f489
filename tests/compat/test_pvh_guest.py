# SPDX-License-Identifier: MIT
"""PVH guests that run Debian's unmodified kernel, beside a PV one, on ours or on the peer: made by Debian's unmodified xl
and daemons, or by ours (--tools=ours).
"""
import re

import pytest

from rig import NOT_CPU_0, Machine

LOG = "/var/log/xen/console/guest-%s.log"
CONFIG = r"""sed 's/^name.*/name = "%%s"/; s/^vcpus.*/vcpus = %%d/; s/^maxvcpus.*/maxvcpus = 4/; /^maxmem/d' """ \
    r"""/etc/xen/guest.cfg > /etc/xen/%%s.cfg; printf 'type = "pvh"\ncpus = "%s"\n' >> /etc/xen/%%s.cfg""" % NOT_CPU_0


@pytest.fixture(scope="module")
def m(hv):
    with Machine(hv, cpus=4, mem=3072, dom0_vcpus=2) as machine:
        machine.boot()
        yield machine


def create(m, name, vcpus, more=""):
    m.ok(CONFIG % (name, vcpus, name, name) + "; echo '%s' >> /etc/xen/%s.cfg" % (more, name))
    m.ok("xl create -q /etc/xen/%s.cfg" % name, 120)
    m.wait_for("cat " + LOG % name, "guest: up", 150)


@pytest.fixture
def guest(m):
    if m.run("xl domid pvh1")[0] != 0:
        create(m, "pvh1", 1)
    yield m
    assert m.crash_text() is None


def test_user_space(guest):
    """Its kernel finds a hypervisor, no PC, and comes to user space."""
    with guest.guest("pvh1") as g:
        assert g.ok("echo $((6 * 7))guest") == "42guest"
        assert "PVH" in g.ok("dmesg | grep -i 'xen'")
    assert re.search(r"^pvh1 +\d+ +19[0-9] +1 ", guest.ok("xl list"), re.M)


def test_four_vcpus(guest):
    create(guest, "pvh4", 4)
    with guest.guest("pvh4") as g:
        assert g.ok("grep -c ^processor /proc/cpuinfo").strip() == "4"
    guest.ok("xl vcpu-set pvh4 2")
    guest.wait_for("xl vcpu-list pvh4 | grep -c -- '--p'", "2", 40)
    guest.ok("xl vcpu-set pvh4 4")
    guest.wait_for("xl vcpu-list pvh4 | grep -c -- '--p'", "0", 40)
    guest.ok("xl destroy pvh4")


def test_memory(guest):
    guest.ok("xl mem-set pvh1 160")
    guest.wait_for("xl list pvh1", "pvh1 +[0-9]+ +(159|16[01]) ", 60)
    guest.ok("xl mem-set pvh1 192")
    guest.wait_for("xl list pvh1", "pvh1 +[0-9]+ +19[0-3] ", 60)


def test_on_demand(guest):
    """It is given less memory than it believes in, and its balloon makes up for that before user space; later it grows."""
    create(guest, "pvhpod", 1, "maxmem = 256")
    guest.wait_for("xl list pvhpod", "pvhpod +[0-9]+ +19[0-3] ", 60)
    guest.ok("xl mem-set pvhpod 240")
    guest.wait_for("xl list pvhpod", "pvhpod +[0-9]+ +(239|24[01]) ", 60)
    with guest.guest("pvhpod") as g:
        assert int(g.ok("awk '/^MemTotal/ { print $2 }' /proc/meminfo")) > 180 << 10
    guest.ok("xl destroy pvhpod")


def test_beside_pv(guest):
    guest.ok("xl create -q /etc/xen/guest.cfg", 120)
    guest.wait_for("cat " + LOG % "guest", "guest: up", 150)
    with guest.guest("pvh1") as g:
        assert g.ok("echo still here").strip() == "still here"
    guest.ok("xl destroy guest")


def test_pause(guest):
    guest.ok("xl pause pvh1")
    assert "p" in guest.ok("xl list pvh1 | tail -1").split()[4]
    guest.ok("xl unpause pvh1")


def test_reboot(guest):
    domid = int(guest.ok("xl domid pvh1"))
    guest.ok("rm -f %s; xl reboot pvh1" % (LOG % "pvh1"), 60)
    guest.wait_for("test $(xl domid pvh1) -gt %d && echo another" % domid, "^another$", 90)
    guest.wait_for("cat " + LOG % "pvh1", "guest: up", 150)


def test_shutdown(guest):
    """-w alone waits for the shutdown, after which there is a domain still for a moment; -ww for its death."""
    guest.ok("xl shutdown -ww pvh1", 120)
    assert guest.run("xl domid pvh1")[0] != 0


def test_destroy(guest):
    guest.ok("xl destroy pvh1", 60)
    guest.wait_for("xl list", "Domain-0", 10)
