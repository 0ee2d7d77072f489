# SPDX-License-Identifier: MIT
"""The domain builder in dom0, alone: Debian's kernel and ramdisk as a PV guest, without a store: see
tests/tools/build_guest.c. The second build takes the unpacked kernel from the cache."""
import re

from rig import Machine

BUILD = "/usr/lib/proxenos/test/build_guest "


def test_debian_kernel(hv):
    with Machine(hv, cpus=2, mem=1536, dom0_vcpus=1, tools="ours") as m:
        m.boot()
        rc, out = m.run(BUILD + "-m 128 -v 2 -s 60 -r /boot/guest.cpio.gz -c 'earlyprintk=xen console=hvc0 proxenos_mark' "
                        "/boot/vmlinuz | head -c 20000", 200)
        assert "Command line: earlyprintk=xen console=hvc0 proxenos_mark" in out, out
        assert re.search(r"RAMDISK: \[mem", out), out
        assert re.search(r"Memory: \d+K/131\d\d\dK available", out), out
        files = m.ok("ls /var/cache/proxenos/kernels").split()
        assert len(files) == 1 and len(files[0]) == 16, files
        assert re.search("total", m.ok(BUILD + "-b 2 -m 128 -r /boot/guest.cpio.gz /boot/vmlinuz"))
        assert m.ok("ls /var/cache/proxenos/kernels").split() == files
        assert m.crash_text() is None


def test_errors(hv):
    with Machine(hv, cpus=1, mem=1024, dom0_mem=512, tools="ours") as m:
        m.boot()
        rc, out = m.run(BUILD + "-m 4000 /boot/vmlinuz 2>&1", 200)
        assert rc == 1 and "not enough free memory for a guest of 4000 MiB" in out, out
        rc, out = m.run(BUILD + "-m 16 /boot/vmlinuz 2>&1", 60)
        assert rc == 1 and re.search(r"kernel and ramdisk need \d+ MiB, the guest has 16 MiB", out), out
        rc, out = m.run(BUILD + "/etc/passwd 2>&1", 60)
        assert rc == 1 and "wrong format: neither ELF, bzImage nor gzip" in out, out
        assert m.ok("xl list 2>/dev/null | wc -l; true") is not None
        assert m.crash_text() is None
