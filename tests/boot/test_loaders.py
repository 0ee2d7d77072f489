# SPDX-License-Identifier: MIT
"""Debian's boot loaders start the hypervisor and Debian as dom0: GRUB by both Multiboot protocols on BIOS, by
Multiboot 2 on UEFI, plain and gzipped image, and syslinux's mboot.c32."""
import pytest

import media
from rig import IMAGES, Machine

HV_LINE = "console=com1 com1=115200,8n1 loglvl=all dom0_mem=512M,max:512M via=%s"
DOM0_LINE = "console=hvc0 proxenos.script=rig"


def boot(iso, *qemu_args):
    with Machine(medium=iso, cpus=2, mem=1536, qemu_args=qemu_args) as m:
        m.boot(300)
        yield m
        assert m.crash_text() is None


def check_dom0(m, hv_line):
    assert hv_line in m.ok("xl info xen_commandline")
    assert m.ok("cat /proc/cmdline").strip() == DOM0_LINE
    assert "Domain-0" in m.ok("xl list")
    assert "ACPI: RSDP" in m.ok("dmesg")


@pytest.mark.parametrize("protocol,suffix", [("multiboot", ".gz"), ("multiboot2", "")])
def test_grub_bios(hv, tmp_path, protocol, suffix):
    line = HV_LINE % (protocol + suffix)
    for m in boot(media.grub_iso(str(tmp_path), IMAGES.get(hv, hv) + suffix, protocol, line, DOM0_LINE)):
        check_dom0(m, line)


def test_grub_uefi(hv, tmp_path):
    line = HV_LINE % "uefi"
    iso = media.grub_iso(str(tmp_path), IMAGES.get(hv, hv), "multiboot2", line, DOM0_LINE, "x86_64-efi")
    for m in boot(iso, "-bios", "/usr/share/ovmf/OVMF.fd"):
        check_dom0(m, line)


def test_mboot_c32(hv, tmp_path):
    line = HV_LINE % "syslinux"
    for m in boot(media.isolinux_iso(str(tmp_path), IMAGES.get(hv, hv), line, DOM0_LINE)):
        check_dom0(m, line)
