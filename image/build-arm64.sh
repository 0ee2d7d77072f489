#!/bin/sh
# SPDX-License-Identifier: MIT
# build-arm64.sh: build/image/arm64/{vmlinuz,guest.cpio.gz,dom0-base.cpio.gz,dom0.cpio.gz,peer}: Debian's arm64 kernel,
# the small guest, the small dom0 without a toolstack and with Debian's, and Debian's Xen, as
# image/build-{guest,dom0}.sh make them for x86_64. The packages are fetched with apt into build/debs-arm64 and unpacked there; nothing is installed.
set -eu
cd "$(dirname "$0")/.."
debs=build/debs-arm64
x=$debs/root
out=build/image/arm64
mkdir -p $debs $out

fetch() {
    kernel=$(apt-cache depends linux-image-arm64:arm64 2>/dev/null | awk '/Depends: linux-image-6/ { print $2; exit }')
    [ -n "$kernel" ] || { echo "build-arm64.sh: apt does not know arm64: dpkg --add-architecture arm64" >&2; exit 1; }
    kernel=${kernel%:arm64}
    list=$(sed 's/#.*//; s/xen-hypervisor-4.17-amd64/xen-hypervisor-4.17-arm64/' image/packages-dom0.txt |
        sed "s/linux-image-amd64/$kernel/" | awk 'NF { print $1 ":arm64" }')
    echo "  GET  Debian's arm64 kernel, toolstack and small tools into $debs"
    rm -rf $x $debs/*.deb
    (cd $debs && apt-get -o APT::Sandbox::User=root download -qq $list)
    mkdir $x
    for d in $debs/*.deb; do
        dpkg -x "$d" $x
    done
    depmod -b $x "${kernel#linux-image-}"
    echo "${kernel#linux-image-}" > $debs/stamp
}

# applets ROOT: busybox under all its names, which stand in the program one after the other.
applets() {
    cp $x/bin/busybox $1/bin/
    python3 - $x/bin/busybox <<'END' | while read -r c; do
import sys
data = open(sys.argv[1], "rb").read()
start = data.index(b"[\0[[\0acpid\0")
print("\n".join(n.decode() for n in data[start:data.index(b"\0\0", start)].split(b"\0")))
END
        [ "$c" = busybox ] || ln -sf busybox "$1/bin/$c"
    done
}

# modules ROOT LIST: the modules a list names, with what they need.
modules() {
    m=$1/lib/modules/$kernel
    mkdir -p $m
    for name in $(sed 's/#.*//' $2); do
        modprobe -d $x -S "$kernel" --show-depends "$name" 2>/dev/null | awk '$1 == "insmod" { print $2 }' || true
    done | sort -u | sed "s|.*/lib/modules/$kernel/||" > $out/modules
    (cd $x/lib/modules/$kernel && cpio -pdm --quiet "$OLDPWD/$m") < $out/modules
    for f in builtin builtin.modinfo order; do
        cp $x/lib/modules/$kernel/modules.$f $m/
    done
    depmod -b $1 "$kernel"
    cp $2 $1/etc/modules
}

# link_programs: what is not in $r/bin has a name there.
link_programs() {
    for l in $r/usr/bin/* $r/sbin/*; do
        ln -sf "/${l#$r/}" $r/bin/"${l##*/}"
    done
}

pack() {
    (cd $1 && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet | gzip -1n) > $2.tmp
    mv $2.tmp $2
}

[ -f $debs/stamp ] || fetch
kernel=$(cat $debs/stamp)
cp $x/boot/vmlinuz-$kernel $out/vmlinuz
cp $x/boot/xen-4.17-arm64 $out/peer

r=$out/guest
rm -rf $r
mkdir -p $r/bin $r/proc $r/sys $r/dev $r/tmp $r/etc $r/mnt $r/root
ln -s bin $r/sbin
applets $r
modules $r image/guest/modules
cp image/guest/init $r/init
cp image/dom0/rig.sh $r/etc/rig.sh
chmod 755 $r/init
pack $r $out/guest.cpio.gz

r=$out/dom0
b=usr/lib/xen-4.17/bin
rm -rf $r
mkdir -p $r/bin $r/sbin $r/proc $r/sys $r/dev $r/run $r/tmp $r/etc/proxenos $r/var/lib/xen $r/var/lock $r/lib \
    $r/usr/bin $r/usr/sbin $r/usr/lib $r/root $r/boot $r/mnt $r/var/log/xen/console
applets $r
rm -f $r/bin/bash $r/bin/ip $r/bin/losetup $r/bin/flock
TRIPLET=aarch64-linux-gnu python3 image/pick.py $x $r bin/bash bin/ip sbin/bridge sbin/losetup usr/bin/flock
link_programs
ln -sfn ../lib $r/usr/lib/aarch64-linux-gnu
cp -a $x/etc/xen $r/etc/
: > $r/etc/xen/xl.conf
modules $r image/dom0/modules
cp image/dom0/init $r/init
cp image/dom0/*.sh $r/etc/proxenos/
grep -v '^maxmem' image/dom0/guest.cfg > $r/etc/xen/guest.cfg # no populate on demand on Arm
echo root:x:0:0:root:/root:/bin/sh > $r/etc/passwd
echo root:x:0: > $r/etc/group
cp $out/vmlinuz $r/boot/vmlinuz
cp $out/guest.cpio.gz $r/boot/guest.cpio.gz
chmod 755 $r/init
pack $r $out/dom0-base.cpio.gz

TRIPLET=aarch64-linux-gnu python3 image/pick.py $x $r $b/xl $b/xenstored $b/xenconsoled $b/xenconsole $b/xen-init-dom0 \
    $b/libxl-save-helper $(cd $x && ls usr/bin/xenstore*)
for l in $r/$b/*; do
    ln -sf ../$b/"${l##*/}" $r/bin/"${l##*/}"
done
link_programs
pack $r $out/dom0.cpio.gz
ls -l $out/*.gz
