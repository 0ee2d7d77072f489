# SPDX-License-Identifier: MIT
"""Debian's QEMU as a backend: a user of libxenstore on our xenstored, which serves a guest's disks in formats of its own.
Our xl starts and ends it. The tools are ours; QEMU and its libraries are build/image/qemu.cpio.gz."""
import os
import re

import pytest

from rig import ROOT, Machine

LOG = "/var/log/xen/console/guest-guest.log"
DISK = "'disk=[\"backendtype=qdisk,format=raw,vdev=xvda,access=w,target=/tmp/d.img\"]'"


@pytest.fixture(scope="module")
def m(hv, tmp_path_factory):
    image = str(tmp_path_factory.mktemp("qdisk") / "dom0.cpio.gz")
    with open(image, "wb") as out:
        for part in ("dom0-tools", "qemu"):
            with open(os.path.join(ROOT, "build/image/%s.cpio.gz" % part), "rb") as f:
                data = f.read()
                out.write(data + b"\0" * (-len(data) % 4))
    with Machine(hv, cpus=2, mem=2560, dom0_mem=1024, dom0_vcpus=1, initrd=image, tools="ours") as machine:
        machine.boot(300)
        machine.ok("truncate -s 8M /tmp/d.img; echo from-dom0 | dd of=/tmp/d.img conv=notrunc 2>/dev/null")
        yield machine
        assert machine.crash_text() is None


def processes(m):
    return m.ok("ps | grep -c '[x]en-qemu'; true").strip()


def test_guest_reads_and_writes(m):
    m.ok("xl create -q /etc/xen/guest.cfg " + DISK, 120)
    domid = m.ok("xl domid guest").strip()
    assert processes(m) == "1"
    m.wait_for("cat " + LOG, "guest: up", 120)
    m.wait_for("xl block-list guest", r"51712 +0 +\d+ +4 .*/backend/qdisk/%s/51712" % domid, 60)
    assert m.ok("xenstore-read /local/domain/0/backend/qdisk/%s/51712/state" % domid).strip() == "4"
    with m.guest("guest") as g:
        assert g.ok("head -c 9 /dev/xvda") == "from-dom0"
        g.ok("echo from-guest | dd of=/dev/xvda bs=512 seek=4 conv=fsync 2>/dev/null")
    assert m.ok("dd if=/tmp/d.img bs=512 skip=4 count=1 2>/dev/null | head -c 10") == "from-guest"


def test_plug_in_and_out(m):
    m.ok("truncate -s 4M /tmp/e.img; xl block-attach guest format=raw,backendtype=qdisk,vdev=xvdb,target=/tmp/e.img", 90)
    m.wait_for("xl block-list guest", r"51728 +0 +\d+ +4 ", 60)
    rc, out = m.run("xl block-attach guest format=raw,backendtype=qdisk,vdev=xvdc,target=/tmp/e.img 2>&1")
    assert rc == 1 and "in use" in out
    assert processes(m) == "1"
    m.ok("xl block-detach guest xvdb", 60)
    assert "51728" not in m.ok("xl block-list guest")


def test_ends_with_the_guest(m):
    m.ok("xl destroy guest", 60)
    assert processes(m) == "0"
    assert not re.search("qemu-", m.ok("ls /run/xen"))
    assert m.ok("ls /run/xen/disks") == ""
    m.wait_for("xl list | tail -n +2", r"^Domain-0[^\n]*$", 20)


def test_create_that_fails_leaves_no_qemu(m):
    for step in ("fail:files", "kill:files"):
        rc, _ = m.run("XL_CREATE_FAULT=%s xl create -q -p /etc/xen/guest.cfg %s" % (step, DISK), 120)
        assert rc != 0
        m.ok("sleep 3")
        assert processes(m) == "0"
        assert m.ok("ls /run/xen/disks") == ""


def test_refused_without_qemu(m):
    m.ok("mv /usr/libexec/xen-qemu-system-i386 /tmp/")
    rc, out = m.run("xl create -q -p /etc/xen/guest.cfg %s 2>&1" % DISK)
    assert rc == 3 and "need QEMU as their backend" in out and "qemu-system-xen" in out
