# SPDX-License-Identifier: MIT
"""Our pygrub in dom0, on the disk of the Debian guest (/dev/vda): the same kernel and ramdisk that the disk holds, by a
process that cannot write anywhere else."""
import hashlib
import subprocess

from rig import Machine

CONFIG = """name = "debian"
bootloader = "pygrub"
memory = 448
disk = [ "phy:/dev/vda,xvda,w" ]
vif = [ "mac=00:16:3e:00:00:03,bridge=xenbr0" ]
on_reboot = "restart"
"""
LOG = "/var/log/xen/console/guest-debian.log"
DISK = "build/image/guest-disk.img"
PYGRUB = "/usr/lib/proxenos/bin/pygrub "


def on_disk(path):
    data = subprocess.run(["grub-fstest", DISK, "cat", "(loop0)" + path], check=True, stdout=subprocess.PIPE).stdout
    return hashlib.md5(data).hexdigest()


def test_debian_disk(hv):
    drives = ("-drive", "file=%s,if=virtio,format=raw,snapshot=on" % DISK)
    with Machine(hv, cpus=2, mem=1536, dom0_vcpus=1, tools="ours", qemu_args=drives) as m:
        m.boot()
        out = m.ok(PYGRUB + "-l /dev/vda")
        assert "kernel: /vmlinuz\n" in out and "initrd: /initrd.img" in out, out
        out = m.ok(PYGRUB + "-q --args=single --output-format=simple --output-directory=/run/try /dev/vda", 120)
        lines = dict(l.split(" ", 1) for l in out.split("\n") if l.strip())
        assert lines["args"].startswith("root=/dev/xvda ro") and lines["args"].endswith(" single"), out
        sums = m.ok("md5sum %s %s" % (lines["kernel"], lines["ramdisk"]), 60)
        assert on_disk("/vmlinuz") in sums and on_disk("/initrd.img") in sums, sums
        rc, out = m.run(PYGRUB + "-q --output-directory=/run/try /boot/vmlinuz 2>&1", 60)
        assert rc == 1 and "pygrub: " in out, out
        rc, out = m.run(PYGRUB + "-q --kernel=/no/such --output-directory=/run/try /dev/vda 2>&1; ls /run/try | wc -l", 60)
        assert "/no/such: no such file on the disk" in out and out.endswith("2"), out


def logged_in(m, times):
    """The guest has come to its login prompt so often, and answers on the bridge."""
    m.wait_for("grep -c 'debian login:' " + LOG, "^%d" % times, 240)
    m.wait_for("ping -c 1 -W 5 10.0.0.2", " 0% packet loss", 60)


def test_debian_guest(hv):
    """Debian from its disk by pygrub: started by xendomains, an address on the bridge, reboot, shutdown, started again."""
    drives = ("-drive", "file=%s,if=virtio,format=raw,snapshot=on" % DISK)
    with Machine(hv, cpus=2, mem=2048, dom0_vcpus=2, tools="ours", qemu_args=drives) as m:
        m.boot()
        m.ok("mkdir -p /etc/xen/auto && printf '%s' > /etc/xen/auto/debian.cfg" % CONFIG.replace("\n", "\\n"))
        assert "started debian" in m.ok("xendomains start", 180)
        logged_in(m, 1)
        first = int(m.ok("xl domid debian"))
        m.ok("xl reboot debian")
        logged_in(m, 2)
        assert int(m.ok("xl domid debian")) > first
        m.ok("xl shutdown -ww debian", 180)
        assert m.run("xl domid debian")[0] != 0
        assert "started debian" in m.ok("xendomains start", 180)
        logged_in(m, 3)
        m.ok("xendomains stop", 240)
        assert m.run("xl domid debian")[0] != 0
        assert m.ok("losetup -a; ls /run/xen/creating /run/proxenos 2>/dev/null | grep -v :; true").strip() == ""
        assert m.crash_text() is None
