#!/bin/sh
# SPDX-License-Identifier: MIT
# build-dom0.sh: the root file system of the small dom0 of `make run` and the tests, out of the unpacked packages in
# build/debs/root, the scripts in image/dom0, Debian's kernel and the guest's initrd: build/image/dom0.cpio.gz with
# Debian's toolstack, build/image/dom0-base.cpio.gz with none (of Xen only the hot plug scripts of xen-utils-common).
set -eu
cd "$(dirname "$0")/.."
x=build/debs/root
kernel=$(cat build/debs/stamp)
r=build/image/dom0

# Everything has a name in /bin.
link_programs() {
    for l in $r/usr/bin/* $r/usr/sbin/* $r/sbin/*; do
        [ ! -e "$l" ] || ln -sf "/${l#$r/}" $r/bin/"${l##*/}"
    done
}

pack() {
    (cd $r && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet | gzip -1n) > build/image/$1.cpio.gz.tmp
    mv build/image/$1.cpio.gz.tmp build/image/$1.cpio.gz
}

rm -rf $r
mkdir -p $r/bin $r/sbin $r/proc $r/sys $r/dev $r/run $r/tmp $r/etc $r/var/lib/xen $r/var/lock $r/lib $r/lib64 \
    $r/usr/bin $r/usr/sbin $r/usr/lib $r/root $r/boot $r/mnt $r/var/log/xen/console
cp $x/bin/busybox $r/bin/
for c in $($x/bin/busybox --list); do
    [ "$c" = busybox ] || ln -s busybox $r/bin/$c
done
rm -f $r/bin/bash $r/bin/ip $r/bin/losetup $r/bin/flock
python3 image/pick.py $x $r bin/bash bin/ip sbin/bridge sbin/losetup usr/bin/flock
link_programs
ln -sfn ../lib $r/usr/lib/x86_64-linux-gnu
cp -a $x/etc/xen $r/etc/
: > $r/etc/xen/xl.conf
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
pack dom0-base

b=usr/lib/xen-4.17/bin
python3 image/pick.py $x $r $b/xl $b/xenstored $b/xenconsoled $b/xenconsole $b/xen-init-dom0 $b/libxl-save-helper \
    $b/xentop $b/xen-diag $b/xenpm $b/xen-hptool $b/xen-cpuid $b/xen-ucode $b/xen-livepatch $b/xenctx $b/xenperf \
    $b/xenlockprof $b/xencov $b/xenwatchdogd $b/lsevtchn $b/test-resource $b/test-tsx $b/test-xenstore usr/sbin/xenhypfs \
    $(cd $x && ls usr/bin/xenstore*)
for l in $r/$b/*; do
    ln -sf ../$b/"${l##*/}" $r/bin/"${l##*/}"
done
link_programs
mkdir -p $r/usr/lib/xen-common/bin $r/usr/lib/xen-4.17/boot
cp -a $x/usr/lib/xen-common/. $r/usr/lib/xen-common/ 2>/dev/null || true
pack dom0
