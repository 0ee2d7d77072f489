# SPDX-License-Identifier: MIT
"""Debian's kernel as dom0 under hardware virtualisation (dom0=pvh) with Debian's unmodified xl, or ours (--tools=ours); on
ours or on the peer, which wants an IOMMU.

The machine has a disk behind MSI-X (virtio) and one behind MSI (AHCI); what dom0 writes is compared with the host's file.
"""
import re
import subprocess

import pytest

from rig import NOT_CPU_0, Machine

LOG = "/var/log/xen/console/guest-%s.log"
CONFIG = r"""sed 's/^name.*/name = "%%s"/; /^maxmem/d' /etc/xen/guest.cfg > /etc/xen/%%s.cfg; """ \
    r"""printf 'type = "%%s"\ncpus = "%s"\n' >> /etc/xen/%%s.cfg""" % NOT_CPU_0
SIZE = 64 << 20
DEVICES = "'disk=[\"file:/tmp/in.img,xvda,r\"]' 'vif=[\"mac=00:16:3e:00:00:0%d,bridge=xenbr0\"]'"
ADDRESS = {"pv": (2, "10.0.0.2"), "pvh": (3, "10.0.0.3")}


@pytest.fixture(scope="module", params=[1, 4])
def m(hv, request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dom0pvh")
    disks = [str(folder / "virtio"), str(folder / "ahci")]
    for disk in disks:
        with open(disk, "wb") as f:
            f.truncate(SIZE)
    devices = ["-drive", "file=%s,format=raw,if=none,id=d0" % disks[0], "-device", "virtio-blk-pci,drive=d0",
               "-drive", "file=%s,format=raw,if=none,id=d1" % disks[1], "-device", "ide-hd,drive=d1"]
    if hv == "peer":
        devices = ["-device", "amd-iommu,intremap=on"] + devices
    with Machine(hv, cpus=4, mem=3072, dom0_vcpus=request.param, hv_args="dom0=pvh", qemu_args=devices) as machine:
        machine.boot(240)
        machine.ok("xl vcpu-pin Domain-0 all %s" % NOT_CPU_0)
        machine.vcpus, machine.disk = request.param, disks[0]
        yield machine
        assert machine.crash_text() is None


def test_dom0(m):
    assert m.ok("nproc").strip() == str(m.vcpus)
    assert "control_d" in m.ok("cat /proc/xen/capabilities")
    assert "Booting kernel on Xen PVH" in m.ok("dmesg")
    assert re.search(r"^Domain-0 +0 +76[0-9] +%d " % m.vcpus, m.ok("xl list"), re.M)
    assert "hvm" in m.ok("xl info virt_caps")


def test_disk_by_msix(m):
    """What dom0 writes is in the machine's disk, as the host's file shows, and comes back."""
    m.ok("ls /dev/vda; seq 1 1300000 | head -c 8388608 > /tmp/data; dd if=/tmp/data of=/dev/vda bs=65536 2>&1", 120)
    m.ok("sync; echo 3 > /proc/sys/vm/drop_caches")
    told = m.ok("md5sum < /tmp/data").split()[0]
    assert m.ok("dd if=/dev/vda bs=65536 count=128 2>/dev/null | md5sum", 120).split()[0] == told
    with open(m.disk, "rb") as f:
        assert subprocess.run(["md5sum"], input=f.read(8 << 20), stdout=subprocess.PIPE,
                              check=True).stdout.split()[0].decode() == told
    assert re.search(r"^ *\d+:.*[1-9].*PCI-MSI.*virtio\d-req", m.ok("cat /proc/interrupts"), re.M)


def test_disk_by_msi(m):
    m.ok("ls /dev/sda")
    assert m.ok("dd if=/dev/sda bs=65536 count=64 2>/dev/null | wc -c", 120).strip() == str(64 << 16)
    assert re.search(r"^ *\d+:.*[1-9].*PCI-MSI.*ahci", m.ok("cat /proc/interrupts"), re.M)


@pytest.mark.parametrize("kind", ["pv", "pvh"])
def test_guest(m, kind):
    """xl creates it, its console answers, and its memory comes back when it is destroyed."""
    m.ok(CONFIG % (kind, kind, kind, kind))
    m.ok("xl create -q /etc/xen/%s.cfg" % kind, 120)
    m.wait_for("cat " + LOG % kind, "guest: up", 200)
    with m.guest(kind) as g:
        assert g.ok("echo $((6 * 7))guest") == "42guest"
    m.ok("xl pause %s; xl unpause %s" % (kind, kind))
    m.ok("xl destroy %s" % kind, 60)
    assert kind not in [line.split()[0] for line in m.ok("xl list").split("\n")]


@pytest.mark.parametrize("kind", ["pv", "pvh"])
def test_devices(m, kind):
    """Debian's backends in this dom0 map what the guest grants: a disk in a file and one on the machine's AHCI disk, packets
    both ways, all of it compared."""
    number, address = ADDRESS[kind]
    m.ok(CONFIG % (kind, kind, kind, kind) + "; head -c 4194304 /dev/urandom > /tmp/in.img; rm -f " + LOG % kind, 60)
    told = re.search(r"[0-9a-f]{40}", m.ok("sha1sum < /tmp/in.img", 60)).group(0)
    m.ok("xl create -q /etc/xen/%s.cfg %s" % (kind, DEVICES % number), 200)
    m.ok("xl block-attach %s phy:/dev/sda xvdb w" % kind, 100)
    m.wait_for("cat " + LOG % kind, "guest: up", 200)
    with m.guest(kind) as g:
        assert told in g.ok("sha1sum < /dev/xvda", 120)
        g.ok("dd if=/dev/xvda of=/dev/xvdb bs=65536 conv=fsync", 120)
        g.ok("ip addr add %s/24 dev eth0 && ip link set eth0 up; rm -f /tmp/sum; (nc -l -p 5000 | sha1sum > /tmp/sum) &" % address, 60)
        assert g.run("dd if=/dev/zero of=/dev/xvda bs=512 count=1")[0] != 0
    assert told in m.ok("echo 3 > /proc/sys/vm/drop_caches; head -c 4194304 /dev/sda | sha1sum", 120)
    m.ok("ping -c 3 -W 5 -s 1400 %s && nc %s 5000 < /tmp/in.img" % (address, address), 200)
    with m.guest(kind) as g:
        assert told in g.ok("while ! [ -s /tmp/sum ]; do sleep 1; done; cat /tmp/sum", 120)
    m.ok("xl destroy %s" % kind, 60)
    assert m.crash_text() is None


def test_power_off(m):
    m.run("poweroff -f &")
    m.child.expect([r"(?i)power", "EOF"], timeout=60)
