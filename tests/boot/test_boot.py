# SPDX-License-Identifier: MIT
"""Boot: Debian's dom0 with one and four vcpus reaches user space; a bad dom0 image ends in one clear line."""
import gzip
import os

import pytest

from rig import ROOT, Machine

BAD = r"(?i)(dom0[^\n]*(kernel|image|module)|no dom0|kernel|module|image|memory)[^\n]*"


@pytest.mark.parametrize("vcpus", [1, 4])
def test_dom0(hv, vcpus):
    with Machine(hv, cpus=4, dom0_vcpus=vcpus) as m:
        m.boot()
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


def test_command_line_unknown_option(hv):
    with Machine(hv, cpus=1, hv_args="nonsense=1", module="build/guest/hello.elf") as m:
        m.expect(r"(?i)nonsense[^\n]*\n", 30)
        m.expect("verdict: pass", 60)


def bad_images(folder):
    """Name, module (None: no module at all), dom0 memory, a word the message must hold."""
    with open(os.path.join(ROOT, "build/image/vmlinuz"), "rb") as f:
        vmlinuz = f.read()
    with open(os.path.join(ROOT, "build/guest/hello.elf"), "rb") as f:
        elf = f.read()

    def save(name, data):
        path = os.path.join(folder, name)
        with open(path, "wb") as f:
            f.write(data)
        return path

    plain = elf.replace(b"Xen\0", b"Nex\0")
    return {
        "missing": ("", 256), "truncated": (save("truncated", vmlinuz[:len(vmlinuz) // 2]), 256),
        "truncated-elf": (save("truncated.elf", elf[:200]), 256),
        "text": (save("text", b"this is no kernel\n" * 500), 256),
        "gzip-of-nothing": (save("nothing.gz", gzip.compress(b"nothing at all" * 100)), 256),
        "too-large": (save("large", vmlinuz), 24), "no-notes": (save("nonotes", plain), 256),
    }


@pytest.mark.parametrize("name", ["missing", "truncated", "truncated-elf", "text", "gzip-of-nothing", "too-large",
                                  "no-notes"])
def test_bad_dom0(hv, name, tmp_path):
    module, memory = bad_images(str(tmp_path))[name]
    with Machine(hv, cpus=1, mem=512, dom0_mem=memory, module=module) as m:
        m.expect(r"\(XEN\)[^\n]*(?i:dom0|kernel|module)[^\n]*\n[\s\S]*(?i:halt|reboot|panic)[^\n]*\n", 60)
        assert "verdict" not in m.log and "about to get started" not in m.log
        assert "FATAL" not in m.log
