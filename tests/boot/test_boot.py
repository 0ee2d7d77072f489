# SPDX-License-Identifier: MIT
"""Boot: Debian's dom0 with one and four vcpus reaches user space; a bad dom0 image ends in one clear line."""
import gzip
import os

import pexpect
import pytest

import bzimage
from rig import ROOT, Machine


@pytest.mark.parametrize("vcpus", [1, 4])
def test_dom0(hv, vcpus):
    with Machine(hv, cpus=4, dom0_vcpus=vcpus, hv_args="mem=1536M") as m:
        m.boot()
        assert 1500 < int(m.ok("xl info total_memory")) <= 1536
        assert m.ok("nproc").strip() == str(vcpus)
        assert "control_d" in m.ok("cat /proc/xen/capabilities")
        assert "Domain-0" in m.ok("xl list")
        m.ok("xl info")
        m.run("poweroff -f &")
        m.child.expect([r"(?i)power", "EOF"], timeout=30)
        assert m.crash_text() is None


def test_dom0_vmlinuz(hv):
    """Debian's own vmlinuz: the XZ-compressed bzImage."""
    with Machine(hv, kernel="build/image/vmlinuz", cpus=2) as m:
        m.boot()
        assert m.crash_text() is None


@pytest.mark.parametrize("packer", sorted(set(bzimage.PACKERS) - {"xz"}))
def test_dom0_packed(hv, packer, tmp_path):
    kernel = bzimage.make(os.path.join(ROOT, "build/image/vmlinuz"), os.path.join(ROOT, "build/image/vmlinux"), packer,
                          str(tmp_path / packer))
    with Machine(hv, kernel=kernel, cpus=1, mem=1536, dom0_mem=512) as m:
        m.boot(240)
        assert m.crash_text() is None


def bad_images(folder):
    """Name: module ("": none at all), dom0 memory, what the one line says."""
    with open(os.path.join(ROOT, "build/image/vmlinuz"), "rb") as f:
        vmlinuz = f.read()
    with open(os.path.join(ROOT, "build/guest/hello.elf"), "rb") as f:
        elf = f.read()

    def save(name, data):
        path = os.path.join(folder, name)
        with open(path, "wb") as f:
            f.write(data)
        return path

    return {
        "missing": ("", 256, "missing: the boot loader gave no module"),
        "empty": (save("empty", b"\n"), 256, "wrong format: neither ELF, bzImage nor gzip"),
        "truncated": (save("truncated", vmlinuz[:len(vmlinuz) // 2]), 256,
                      "a truncated bzImage: its payload ends after the file"),
        "damaged": (save("damaged", vmlinuz[:4000000] + bytes(1000) + vmlinuz[4001000:]), 256,
                    "truncated or damaged: its XZ data cannot be unpacked"),
        "truncated-elf": (save("truncated.elf", elf[:8192]), 256, "truncated: an ELF segment ends after the file"),
        "header-only": (save("header.elf", elf[:100]), 256, "truncated: its ELF program headers end after the file"),
        "text": (save("text", b"this is no kernel\n" * 500), 256, "wrong format: neither ELF, bzImage nor gzip"),
        "gzip-of-nothing": (save("nothing.gz", gzip.compress(b"nothing at all" * 100)), 256, "contains no ELF file"),
        "too-large": (save("large", vmlinuz), 24, r"too large: it needs \d+ MiB with its initrd, dom0 has 24 MiB"),
        "no-notes": (save("nonotes", elf.replace(b"Xen\0", b"Nex\0")), 256,
                     "no Xen notes: it was built without Xen PV support"),
    }


BAD = ["missing", "empty", "truncated", "damaged", "truncated-elf", "header-only", "text", "gzip-of-nothing", "too-large",
       "no-notes"]


@pytest.mark.parametrize("name", BAD)
def test_bad_dom0(hv, name, tmp_path):
    """One clear line that names the fault, then a halt."""
    module, memory, words = bad_images(str(tmp_path))[name]
    with Machine(hv, cpus=1, mem=512, dom0_mem=memory, module=module) as m:
        m.expect(r"\(XEN\) dom0 kernel: %s[^\n]*; halted\r*\n" % words, 60)
        assert not m.seen(".", 1), "nothing follows the last line"
        assert "verdict" not in m.log and "FATAL" not in m.log and m.crash_text() is None


def test_bad_dom0_reboot(hv):
    """reboot= on the command line: the same line, then a reboot (which ends QEMU here)."""
    with Machine(hv, cpus=2, mem=512, hv_args="reboot=k", module="") as m:
        m.expect(r"\(XEN\) dom0 kernel: missing[^\n]*; rebooting in five seconds\r*\n", 60)
        m.child.expect(pexpect.EOF, timeout=60)
