#!/bin/sh
# SPDX-License-Identifier: MIT
# build-disk.sh: build/image/guest-disk.img, a Debian root file system on a bare ext4 disk, out of packages-disk.txt. The
# kernel's modules are cut down to what a Xen guest can use; the file is sparse, with room for the tests' data. Needs
# root (or user namespaces) for mmdebstrap.
set -eu
cd "$(dirname "$0")/.."
kernel=$(cat build/debs/stamp)
root=build/image/disk
rm -rf $root
# The same mirrors as this machine's own Debian packages come from.
sources=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' |
    sort -u | sed 's/^/deb /')
include=$(sed 's/#.*//' image/packages-disk.txt | xargs | tr ' ' , | sed "s/linux-image-amd64/linux-image-$kernel/")
modules='/lib/modules/*/kernel'
mode=root
[ "$(id -u)" = 0 ] || mode=unshare
echo "  DEB  build/image/guest-disk.img (Debian's packages, a minute or two)"
echo "$sources" | mmdebstrap --quiet --mode=$mode --variant=minbase --include="$include" \
    --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt="path-exclude=$modules/drivers/*" --dpkgopt="path-exclude=$modules/sound/*" \
    --dpkgopt="path-exclude=$modules/net/*" --dpkgopt="path-exclude=$modules/fs/*" \
    --dpkgopt="path-include=$modules/drivers/block/*" --dpkgopt="path-include=$modules/drivers/xen/*" \
    --dpkgopt="path-include=$modules/drivers/net/xen-netfront.ko" \
    --dpkgopt="path-include=$modules/drivers/block/xen-blkfront.ko" \
    --dpkgopt="path-include=$modules/fs/ext4/*" --dpkgopt="path-include=$modules/fs/jbd2/*" \
    --dpkgopt="path-include=$modules/fs/mbcache.ko" --dpkgopt="path-include=$modules/fs/fuse/*" \
    --dpkgopt="path-include=$modules/fs/autofs/*" --dpkgopt="path-include=$modules/net/unix/*" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --setup-hook='mkdir -p "$1/var/cache/apt/archives" && cp build/debs/linux-image-*.deb "$1/var/cache/apt/archives/"' \
    --customize-hook='sh image/disk/customize.sh "$1"' bookworm $root -
rm -rf $root/var/cache/apt/* $root/var/lib/apt/lists/* $root/dev/*
rm -f build/image/guest-disk.img.tmp
mke2fs -q -t ext4 -L debian -d $root build/image/guest-disk.img.tmp 2560M >/dev/null
rm -rf $root
mv build/image/guest-disk.img.tmp build/image/guest-disk.img
