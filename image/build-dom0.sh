#!/bin/sh
# SPDX-License-Identifier: MIT
# build-dom0.sh: build/image/dom0.cpio.gz, the root file system of the small dom0 of `make run` and the tests,
# out of the unpacked packages in build/debs/root, the scripts in image/dom0, Debian's kernel and the guest's initrd.
set -eu
cd "$(dirname "$0")/.."
x=build/debs/root
kernel=$(cat build/debs/stamp)
r=build/image/dom0
rm -rf $r
mkdir -p $r/bin $r/sbin $r/proc $r/sys $r/dev $r/run $r/tmp $r/etc $r/var/lib/xen $r/var/lock $r/lib $r/lib64 \
    $r/usr/bin $r/usr/sbin $r/usr/lib $r/root $r/boot $r/mnt $r/var/log/xen/console
cp $x/bin/busybox $r/bin/
for c in $($x/bin/busybox --list); do
    [ "$c" = busybox ] || ln -s busybox $r/bin/$c
done
rm -f $r/bin/bash $r/bin/ip $r/bin/losetup $r/bin/flock
b=usr/lib/xen-4.17/bin
python3 image/pick.py $x $r $b/xl $b/xenstored $b/xenconsoled $b/xenconsole $b/xen-init-dom0 $b/libxl-save-helper \
    $b/xentop $b/xen-diag $b/xenpm $b/xen-hptool $b/xen-cpuid $b/xen-ucode $b/xen-livepatch $b/xenctx $b/xenperf \
    $b/xenlockprof $b/xencov $b/xenwatchdogd $b/lsevtchn $b/test-resource $b/test-tsx usr/sbin/xenhypfs \
    bin/bash bin/ip sbin/bridge sbin/losetup usr/bin/flock $(cd $x && ls usr/bin/xenstore*)
for l in $r/$b/*; do
    ln -sf ../$b/"${l##*/}" $r/bin/"${l##*/}"
done
for l in $r/usr/bin/* $r/usr/sbin/* $r/sbin/*; do
    ln -sf "/${l#$r/}" $r/bin/"${l##*/}"
done
ln -sfn ../lib $r/usr/lib/x86_64-linux-gnu
cp -a $x/etc/xen $r/etc/
: > $r/etc/xen/xl.conf
mkdir -p $r/usr/lib/xen-common/bin $r/usr/lib/xen-4.17/boot
cp -a $x/usr/lib/xen-common/. $r/usr/lib/xen-common/ 2>/dev/null || true
m=$r/lib/modules/$kernel
mkdir -p $m
for f in builtin builtin.modinfo order; do
    cp $x/lib/modules/$kernel/modules.$f $m/
done
for name in $(sed 's/#.*//' image/dom0/modules); do
    modprobe -d $x -S "$kernel" --show-depends "$name" 2>/dev/null | awk '$1 == "insmod" { print $2 }' || true
done | sort -u | sed "s|.*/lib/modules/$kernel/||" > build/image/modules
(cd $x/lib/modules/$kernel && cpio -pdm --quiet "$OLDPWD/$m") < build/image/modules
depmod -b $r "$kernel"
cp image/dom0/init $r/init
mkdir -p $r/etc/proxenos
cp image/dom0/*.sh $r/etc/proxenos/
cp image/dom0/modules $r/etc/modules
cp image/dom0/guest.cfg $r/etc/xen/guest.cfg
echo root:x:0:0:root:/root:/bin/sh > $r/etc/passwd
echo root:x:0: > $r/etc/group
cp $x/boot/vmlinuz-$kernel $r/boot/vmlinuz
cp build/image/guest.cpio.gz $r/boot/guest.cpio.gz
chmod 755 $r/init
(cd $r && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet | gzip -1n) > build/image/dom0.cpio.gz.tmp
mv build/image/dom0.cpio.gz.tmp build/image/dom0.cpio.gz
