# SPDX-License-Identifier: MIT
"""Our pygrub in dom0, on the disk of the Debian guest (/dev/vda): the same kernel and ramdisk that the disk holds, by a
process that cannot write anywhere else."""
import hashlib
import subprocess

from rig import Machine

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
