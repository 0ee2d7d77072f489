# SPDX-License-Identifier: MIT
"""xendomains on the small image: guests in /etc/xen/auto start, a second start leaves them alone, stop ends all."""
from rig import Machine, default_tools

TOOLS = "daemons" if default_tools() == "debian" else default_tools()
RUN = "/usr/lib/proxenos/bin/xendomains "


def test_start_and_stop(hv):
    with Machine(hv, cpus=2, mem=2048, dom0_vcpus=1, tools=TOOLS) as m:
        m.boot()
        m.ok("mkdir -p /etc/xen/auto && ln -s /etc/xen/guest.cfg /etc/xen/auto/guest")
        assert "started guest" in m.ok(RUN + "start", 120)
        domid = m.ok("xl domid guest")
        assert "guest is there already" in m.ok(RUN + "start", 60)
        assert m.ok("xl domid guest") == domid
        m.wait_for("cat /var/log/xen/console/guest-guest.log", "guest: up", 120)
        m.ok(RUN + "stop", 200)
        assert m.run("xl domid guest")[0] != 0
        assert m.crash_text() is None
