#!/bin/sh
# SPDX-License-Identifier: MIT
# build-tools.sh OUT PROGRAM...: a root file system to lay over the small dom0's: our (static) programs in
# /usr/lib/proxenos/bin, test programs (build/.../test/NAME) in /usr/lib/proxenos/test. image/dom0/init puts them first
# when the kernel's command line says proxenos.tools=ours.
set -eu
cd "$(dirname "$0")/.."
out=$1
shift
r=${out%.cpio.gz} # a folder beside it
rm -rf $r
mkdir -p $r/usr/lib/proxenos/bin $r/usr/lib/proxenos/test
for p in "$@"; do
    case $p in
    */test/*) cp "$p" $r/usr/lib/proxenos/test/ ;;
    *) cp -P "$p" $r/usr/lib/proxenos/bin/ ;;
    esac
done
cp install/xendomains.sh $r/usr/lib/proxenos/bin/xendomains
chmod 755 $r/usr/lib/proxenos/bin/xendomains
# pygrub leaves partitions and file systems to GRUB's own program, where this machine has it.
if [ "${ARCH:-x86_64}" = x86_64 ] && [ -x /usr/bin/grub-fstest ]; then
    mkdir -p $r/usr/bin $r/lib
    cp /usr/bin/grub-fstest $r/usr/bin/
    for l in devmapper.so.1.02.1 selinux.so.1 udev.so.1 pcre2-8.so.0; do
        cp -L /lib/x86_64-linux-gnu/lib$l $r/lib/
    done
fi
find $r -type f -exec strip {} + 2>/dev/null || true
(cd $r && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet | gzip -1n) > "$out.tmp"
mv "$out.tmp" "$out"
