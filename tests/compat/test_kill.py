# SPDX-License-Identifier: MIT
"""kill -9 of xenstored, xenconsoled and xl at random while guests come, go and get disks, on our tools: the guest that was
there before runs on, keeps its nodes and its console, and whatever xl was doing is undone. KILLS= and SEED= for longer runs.
"""
import os
import random
import re

import pytest

from rig import ROOT, Machine, dom0_image, overlay

KILLS = int(os.environ.get("KILLS", "12"))
SEED = int(os.environ.get("SEED", "1"))
START = {"xenstored": "xenstored --pid-file /run/xenstored.pid",
         "xenconsoled": "xenconsoled --log=all --pid-file /run/xenconsoled.pid"}
# What goes on meanwhile: files of dom0, each a shell script.
WORK = {
    "create": "xl create -q -p /etc/xen/guest.cfg memory=96 'name=\"other\"' 'disk=[\"file:/tmp/d.img,xvda,w\"]'; xl destroy other\n",
    "disk": "xl block-attach guest /tmp/e.img,raw,xvdb,w; xl block-detach guest xvdb\n",
    "network": "xl network-attach guest bridge=xenbr0; xl network-detach guest 0\n",
}


def initrd(folder):
    path = os.path.join(folder, "kill.cpio.gz")
    with open(os.path.join(ROOT, dom0_image("ours")), "rb") as f, open(path, "wb") as out:
        out.write(overlay(f.read(), [("work", 0o40755, b"")] +
                          [("work/" + name, 0o100644, text.encode()) for name, text in WORK.items()]))
    return path


@pytest.fixture(scope="module")
def m(hv, tmp_path_factory):
    with Machine(hv, cpus=2, mem=2048, dom0_vcpus=2, tools="ours", initrd=initrd(str(tmp_path_factory.mktemp("kill")))) as machine:
        machine.boot()
        machine.ok("truncate -s 4M /tmp/d.img; truncate -s 4M /tmp/e.img; xl create -q /etc/xen/guest.cfg", 120)
        machine.wait_for("cat /var/log/xen/console/guest-guest.log", "guest: up", 120)
        yield machine
        assert machine.crash_text() is None


def nodes(m):
    """The first guest's nodes but for what changes by itself; what its kernel has to say of a device that went while it was
    being plugged in stands below error."""
    return m.ok("xenstore-ls -f /local/domain/1 | grep -Ev 'memory/|console/tty|device/(vif|vbd)|/error/' | sort")


def end(m, victim, after):
    """Ends a daemon and starts it again, or ends the xl that is at work."""
    if victim == "xl":
        return m.ok("sleep %.2f; pkill -9 -P $work; true" % after)
    return m.ok("sleep %.2f; kill -9 $(cat /run/%s.pid) && %s" % (after, victim, START[victim]), 60)


def test_killed_at_random(m):
    chance = random.Random(SEED)
    before = nodes(m)
    with m.guest("guest") as g:
        g.ok("echo kept > /tmp/file")
    for turn in range(KILLS):
        work, victim = list(WORK)[turn % len(WORK)], chance.choice(("xenstored", "xenconsoled", "xl"))
        after = chance.uniform(0.05, 1.5)
        m.ok("sh /work/%s > /tmp/said 2>&1 & work=$!" % work)
        end(m, victim, after)
        m.run("wait $work", 90)
        # A device that was half plugged in is the user's to take away; a half made domain undoes itself.
        m.run("xl destroy other; xl block-detach --force guest xvdb; xl network-detach guest 0", 120)
        assert nodes(m) == before, "turn %d: %s killed %.2f s into %s" % (turn, victim, after, work)
    with m.guest("guest") as g:
        assert g.ok("cat /tmp/file").strip() == "kept"


def test_nothing_is_left(m):
    m.ok("sh /work/create", 90)
    assert re.findall(r"^(\S+)", m.ok("xl list"), re.M) == ["Name", "Domain-0", "guest"]
    assert m.ok("ls /run/xen/creating | wc -l").strip() == "0"
    assert m.ok("losetup -a | wc -l").strip() == "0"
    assert m.ok("/usr/lib/proxenos/bin/xenstore-control check").strip() == "OK"
    # Nothing in the store is about a domain that is no more: what a killed destroy left, the next one or the monitor removed.
    paths = m.ok("xenstore-ls -f | cut -d' ' -f1")
    assert set(re.findall(r"^/(?:local/domain|libxl)/(\d+)", paths, re.M)) <= {"0", "1"}, paths
    assert set(re.findall(r"^/local/domain/0/backend/\w+/(\d+)", paths, re.M)) <= {"1"}, paths
    assert len(re.findall(r"^/vm/[^/\n]+$", paths, re.M)) <= 2, paths


def test_guest_still_obeys(m):
    m.ok("xl shutdown -ww guest", 120)
    assert m.run("xl domid guest")[0] != 0
