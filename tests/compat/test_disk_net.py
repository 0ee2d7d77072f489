# SPDX-License-Identifier: MIT
"""Disks and network of PV guests through Debian's backends in dom0, and Debian itself booted from such a disk.

The machine has two disks: /dev/vda is a Debian root file system (changes are thrown away), /dev/vdb a scratch file
system, mounted on /mnt. DATA_MB=1024 moves a gigabyte each way; the default is small.
"""
import os
import re
import subprocess
import time

import pytest

from rig import NOT_CPU_0, ROOT, Machine

MEGABYTES = int(os.environ.get("DATA_MB", "24"))
SECONDS = 90 + MEGABYTES * 2
SUM = re.compile(r"\b[0-9a-f]{40}\b")
SMALL = """name = "small"
kernel = "/boot/vmlinuz"
ramdisk = "/boot/guest.cpio.gz"
extra = "console=hvc0 quiet"
memory = 192
disk = [ "file:/mnt/in.img,xvda,r" ]
vif = [ "mac=00:16:3e:00:00:02,bridge=xenbr0" ]
"""
DEBIAN = """name = "debian"
%s
memory = 448
vcpus = 2
disk = [ "phy:/dev/vda,xvda,w" ]
vif = [ "mac=00:16:3e:00:00:03,bridge=xenbr0" ]
on_reboot = "destroy"
"""
DIRECT = 'kernel = "/mnt/vmlinuz"\nramdisk = "/mnt/initrd.img"\nroot = "/dev/xvda ro"\nextra = "console=hvc0 quiet"'
GRUB = 'kernel = "/mnt/grub.bin"'
KINDS = {"pv": ("grub-x86_64-xen.bin", ""), "pvh": ("grub-i386-xen_pvh.bin", 'type = "pvh"\ncpus = "%s"\n' % NOT_CPU_0)}


def scratch(folder, kind):
    """A file system with room for the data, holding GRUB's image and the configurations of guests of a kind."""
    grub, line = KINDS[kind]
    files = os.path.join(folder, "files")
    os.makedirs(files)
    with open(os.path.join(ROOT, "build/image", grub), "rb") as f:
        save(files, "grub.bin", f.read())
    save(files, "small.cfg", (SMALL + line).encode())
    save(files, "direct.cfg", (DEBIAN % DIRECT + line).encode())
    save(files, "grub.cfg", (DEBIAN % GRUB + line).encode())
    path = os.path.join(folder, "scratch.img")
    size = "%dM" % (128 + 2 * MEGABYTES + MEGABYTES // 8)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-m", "0", "-d", files, path, size], check=True, stdout=subprocess.DEVNULL)
    return path


def save(folder, name, data):
    with open(os.path.join(folder, name), "wb") as f:
        f.write(data)


@pytest.fixture(scope="module")
def kind():
    return "pv"


@pytest.fixture(scope="module")
def m(hv, kind, tmp_path_factory):
    disk = scratch(str(tmp_path_factory.mktemp("disk")), kind)
    drives = ("-drive", "file=build/image/guest-disk.img,if=virtio,format=raw,snapshot=on",
              "-drive", "file=%s,if=virtio,format=raw,cache=unsafe" % disk)
    # Where the CPU has XSAVE, programs of dom0 and of guests die of segmentation faults on Debian's Xen in QEMU 7.2.
    cpu = "max,-smap,-rdtscp,-xsave" if hv == "peer" else None
    with Machine(hv, cpus=2, mem=2048, dom0_mem=640, dom0_vcpus=2, qemu_args=drives, cpu=cpu) as machine:
        machine.boot()
        machine.ok("mount /dev/vdb /mnt")
        yield machine


@pytest.fixture(scope="module")
def small(m):
    m.ok("head -c %d /dev/urandom > /mnt/in.img" % (MEGABYTES << 20), SECONDS)
    m.ok("dd if=/dev/zero of=/mnt/out.img bs=1M count=0 seek=%d" % MEGABYTES)
    m.ok("xl create -q /mnt/small.cfg", 150)
    # One after the other: the hot-plug scripts fork so much that three at once pass libxl's limit of 40 seconds on a busy
    # machine under emulation.
    m.ok("xl block-attach small file:/mnt/out.img xvdb w", 60)
    m.ok("xl block-attach small phy:/dev/vda xvdc r", 60)
    with m.guest("small") as g:
        g.ok("ip addr add 10.0.0.2/24 dev eth0 && ip link set eth0 up", 120)
    yield m
    m.run("xl destroy small")


def timed(what, shell, command, megabytes=None):
    """One transfer, checksum or copy included; says how fast it was (pytest -s shows it)."""
    begin = time.monotonic()
    out = shell.ok(command, SECONDS)
    seconds = time.monotonic() - begin
    print("  %s: %.1f MB/s" % (what, (megabytes or MEGABYTES) * 1.048576 / seconds), flush=True)
    return out


def digest(text):
    return SUM.search(text).group(0)


def test_disk_read(small):
    """dom0 to guest: the guest reads what dom0 put in the file."""
    expected = digest(small.ok("sha1sum /mnt/in.img", SECONDS))
    with small.guest("small") as g:
        assert digest(timed("disk read and summed", g, "sha1sum /dev/xvda")) == expected
    assert small.crash_text() is None


def test_disk_write(small):
    """guest to dom0: dom0 finds in the file what the guest wrote."""
    with small.guest("small") as g:
        timed("disk copied to another", g, "dd if=/dev/xvda of=/dev/xvdb bs=1M conv=fsync")
        expected = digest(g.ok("sha1sum /dev/xvda", SECONDS))
    assert digest(small.ok("sha1sum /mnt/out.img", SECONDS)) == expected
    assert small.crash_text() is None


def test_disk_read_only(small):
    with small.guest("small") as g:
        assert g.run("dd if=/dev/zero of=/dev/xvda bs=512 count=1")[0] != 0


def test_block_device(small):
    """The third disk is a block device of dom0: a guest and dom0 see the same Debian."""
    expected = digest(small.ok("head -c 16777216 /dev/vda | sha1sum", SECONDS))
    with small.guest("small") as g:
        assert digest(g.ok("head -c 16777216 /dev/xvdc | sha1sum", SECONDS)) == expected
        g.ok("mount -t ext4 -o ro,noload /dev/xvdc /mnt && test -e /mnt/etc/debian_version && umount /mnt")


def test_ping(small):
    small.ok("ping -c 3 -W 5 10.0.0.2", 60)
    small.ok("ping -c 3 -W 5 -s 1400 10.0.0.2", 60)


def test_network_to_guest(small):
    with small.guest("small") as g:
        g.ok("rm -f /tmp/sum; (nc -l -p 5000 | sha1sum > /tmp/sum) &")
    small.ok("sleep 2")
    timed("network to guest", small, "nc 10.0.0.2 5000 < /mnt/in.img")
    expected = digest(small.ok("sha1sum /mnt/in.img", SECONDS))
    with small.guest("small") as g:
        assert digest(g.ok("while ! [ -s /tmp/sum ]; do sleep 1; done; cat /tmp/sum", SECONDS)) == expected
    assert small.crash_text() is None


def test_network_from_guest(small):
    small.ok("rm -f /tmp/sum; (sleep 9000 | nc -l -p 5001 | sha1sum > /tmp/sum) & sleep 1")
    with small.guest("small") as g:
        timed("network from guest", g, "nc 10.0.0.1 5001 < /dev/xvda")
        expected = digest(g.ok("sha1sum /dev/xvda", SECONDS))
    assert digest(small.ok("while ! [ -s /tmp/sum ]; do sleep 1; done; cat /tmp/sum", SECONDS)) == expected
    assert small.crash_text() is None


def test_detach(small):
    """Devices come and go while the guest runs."""
    small.ok("xl block-detach small xvdb", 60)
    small.ok("xl network-detach small 0", 60)
    with small.guest("small") as g:
        # xl is done when the backend is; the guest's kernel drops its half a moment later.
        for path in ("/dev/xvdb", "/sys/class/net/eth0"):
            g.ok("n=0; while [ -e {0} ] && [ $n -lt 20 ]; do sleep 1; n=$((n + 1)); done; ! [ -e {0} ]".format(path), 60)
    small.ok("xl block-attach small file:/mnt/out.img xvdd w", 60)
    small.ok("xl network-attach small bridge=xenbr0", 60)
    with small.guest("small") as g:
        g.ok("n=0; while ! [ -e /dev/xvdd ] && [ $n -lt 20 ]; do sleep 1; n=$((n + 1)); done; test -e /dev/xvdd", 60)
    small.ok("xl destroy small", 60)
    small.ok("n=0; while losetup -a | grep -q mnt && [ $n -lt 20 ]; do sleep 1; n=$((n + 1)); done; "
             "! losetup -a | grep mnt", 60)


@pytest.mark.parametrize("how", ["direct", "grub"])
def test_debian(m, how):
    """Debian's root file system on /dev/vda, with the kernel from dom0 or through GRUB from the disk, to a login. Through
    GRUB only the way to the kernel differs: little data is enough there."""
    megabytes = MEGABYTES if how == "direct" else 8
    m.run("xl destroy small; xl destroy debian")
    if how == "direct":
        m.ok("mkdir -p /run/d && mount -o ro /dev/vda /run/d && cp /run/d/vmlinuz /run/d/initrd.img /mnt && umount /run/d")
    m.start("xl create -q -c /mnt/%s.cfg" % how)
    if how == "grub":
        m.expect("grub: menu read from the guest's disk", 120)
    m.expect("debian login: ", 300)
    with m.guest("debian", attached=True, login="root") as g:
        assert "debian" in g.ok("cat /etc/hostname")
        assert g.ok("nproc").strip().endswith("2")
        g.ok("n=0; while ! ip addr show dev enX0 | grep 10.0.0.2 && [ $n -lt 30 ]; do sleep 1; n=$((n + 1)); done; "
             "ip addr show dev enX0 | grep 10.0.0.2", 60)
        g.ok("busybox ping -c 2 -W 5 10.0.0.1", 60)
        g.ok("head -c %d /dev/urandom > /data/file; sync; sha1sum /data/file > /data/sum"
             % (megabytes << 20), SECONDS)
    m.ok("rm -f /tmp/sum; (sleep 9000 | nc -l -p 5002 | sha1sum > /tmp/sum) & sleep 1")
    with m.guest("debian") as g:
        expected = digest(g.ok("cat /data/sum"))
        timed("network from Debian", g, "busybox nc 10.0.0.1 5002 < /data/file", megabytes)
    assert digest(m.ok("while ! [ -s /tmp/sum ]; do sleep 1; done; cat /tmp/sum", SECONDS)) == expected
    m.ok("xl shutdown -w debian", 180)
    m.ok("mkdir -p /run/d && mount -o ro /dev/vda /run/d")
    found = digest(m.ok("sha1sum /run/d/data/file; umount /run/d", SECONDS))
    assert found == expected
    assert m.crash_text() is None
