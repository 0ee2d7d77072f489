#!/bin/sh
# SPDX-License-Identifier: MIT
# build-qemu.sh: Debian's QEMU for this hypervisor with the libraries it needs, to be put behind the small dom0's root
# file system by the tests that want it: build/image/qemu.cpio.gz. Nothing is installed on this machine.
set -eu
cd "$(dirname "$0")/.."
out=build/debs-qemu
r=build/image/qemu
list=$(sed 's/#.*//' image/packages-qemu.txt)
echo "  GET  QEMU and its libraries (about 8 MB) into $out"
rm -rf $out $r
mkdir -p $out/root $r
(cd $out && { apt-get -o APT::Sandbox::User=root download -qq $list ||
    { apt-get update -qq; apt-get -o APT::Sandbox::User=root download -qq $list; }; })
for d in build/debs/lib*.deb build/debs/zlib*.deb $out/*.deb; do
    dpkg -x "$d" $out/root
done
python3 image/pick.py $out/root $r usr/libexec/xen-qemu-system-i386
# The loader and the C library are the root file system's own.
rm -rf $r/lib64 $r/lib/libc.so.6 $r/lib/libm.so.6 $r/lib/libgcc_s.so.1
(cd $r && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet | gzip -1n) > $r.cpio.gz.tmp
mv $r.cpio.gz.tmp $r.cpio.gz
