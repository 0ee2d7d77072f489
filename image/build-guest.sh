#!/bin/sh
# SPDX-License-Identifier: MIT
# build-guest.sh: build/image/guest.cpio.gz, the root file system of the small PV guest: a shell and the frontends.
set -eu
cd "$(dirname "$0")/.."
x=build/debs/root
kernel=$(cat build/debs/stamp)
r=build/image/guest
rm -rf $r
mkdir -p $r/bin $r/proc $r/sys $r/dev $r/tmp $r/etc $r/mnt $r/root
ln -s bin $r/sbin
cp $x/bin/busybox $r/bin/
for c in $($x/bin/busybox --list); do
    [ "$c" = busybox ] || ln -s busybox $r/bin/$c
done
mkdir -p $r/lib/modules/$kernel
for name in $(sed 's/#.*//' image/guest/modules); do
    modprobe -d $x -S "$kernel" --show-depends "$name" 2>/dev/null | awk '$1 == "insmod" { print $2 }' || true
done | sort -u | sed "s|.*/lib/modules/$kernel/||" > build/image/guest-modules
(cd $x/lib/modules/$kernel && cpio -pdm --quiet "$OLDPWD/$r/lib/modules/$kernel") < build/image/guest-modules
for f in builtin builtin.modinfo order; do
    cp $x/lib/modules/$kernel/modules.$f $r/lib/modules/$kernel/
done
depmod -b $r "$kernel"
cp image/guest/modules $r/etc/modules
cp image/guest/init $r/init
cp image/dom0/rig.sh $r/etc/rig.sh
chmod 755 $r/init
(cd $r && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet | gzip -9n) > build/image/guest.cpio.gz.tmp
mv build/image/guest.cpio.gz.tmp build/image/guest.cpio.gz
