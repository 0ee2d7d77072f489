# SPDX-License-Identifier: MIT
"""Boot media made from Debian's loaders, each with the hypervisor, Debian's vmlinuz and the dom0 root on it.

    grub_iso(folder, image, "multiboot2", hv_line, dom0_line)   platform: i386-pc, x86_64-efi
    isolinux_iso(folder, image, hv_line, dom0_line)             syslinux's mboot.c32
"""
import os
import shutil
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KERNEL = os.path.join(ROOT, "build/image/vmlinuz")
INITRD = os.path.join(ROOT, "build/image/dom0.cpio.gz")
SYSLINUX = "/usr/lib/syslinux/modules/bios"


def _tree(folder, image):
    boot = os.path.join(folder, "tree", "boot")
    os.makedirs(boot)
    shutil.copy(os.path.join(ROOT, image), os.path.join(boot, "hypervisor"))
    shutil.copy(KERNEL, os.path.join(boot, "vmlinuz"))
    shutil.copy(INITRD, os.path.join(boot, "initrd"))
    return os.path.dirname(boot)


def _make(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, "%s\n%s" % (" ".join(command), done.stdout)


def grub_iso(folder, image, protocol, hv_line, dom0_line, platform="i386-pc"):
    tree, iso = _tree(folder, image), os.path.join(folder, "boot.iso")
    module = protocol.replace("multiboot", "module")
    os.makedirs(os.path.join(tree, "boot/grub"))
    with open(os.path.join(tree, "boot/grub/grub.cfg"), "w") as f:
        f.write("insmod %s\n%s /boot/hypervisor %s\n%s /boot/vmlinuz %s\n%s /boot/initrd\nboot\n" % (
            protocol, protocol, hv_line, module, dom0_line, module))
    _make(["grub-mkrescue", "-d", "/usr/lib/grub/" + platform, "--fonts=", "--themes=", "--locales=",
           "--install-modules=normal boot iso9660 gzio part_gpt part_msdos multiboot multiboot2 all_video",
           "-o", iso, tree])
    return iso


def isolinux_iso(folder, image, hv_line, dom0_line):
    tree, iso = _tree(folder, image), os.path.join(folder, "boot.iso")
    shutil.copy("/usr/lib/ISOLINUX/isolinux.bin", tree)
    for module in ("ldlinux.c32", "libcom32.c32", "mboot.c32"):
        shutil.copy(os.path.join(SYSLINUX, module), tree)
    with open(os.path.join(tree, "isolinux.cfg"), "w") as f:
        f.write("DEFAULT xen\nLABEL xen\nKERNEL mboot.c32\nAPPEND /boot/hypervisor %s --- /boot/vmlinuz %s --- /boot/initrd\n"
                % (hv_line, dom0_line))
    _make(["xorriso", "-as", "mkisofs", "-quiet", "-o", iso, "-b", "isolinux.bin", "-no-emul-boot",
           "-boot-load-size", "4", "-boot-info-table", tree])
    return iso
