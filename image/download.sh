#!/bin/sh
# SPDX-License-Identifier: MIT
# download.sh: fetches the packages of packages-dom0.txt with apt into build/debs and unpacks them into
# build/debs/root. Nothing is installed on this machine. Ends with build/debs/stamp.
set -eu
cd "$(dirname "$0")/.."
out=build/debs
mkdir -p $out
list=$(sed 's/#.*//' image/packages-dom0.txt)
newest_kernel() { apt-cache depends linux-image-amd64 2>/dev/null | awk '/Depends: linux-image-6/ { print $2; exit }'; }
kernel=$(newest_kernel)
if [ -z "$kernel" ]; then
    apt-get update -qq
    kernel=$(newest_kernel)
fi
list=$(echo $list | sed "s/linux-image-amd64/$kernel/")
echo "  GET  Debian's kernel, toolstack and small tools (about 85 MB) into $out"
rm -rf $out/root $out/*.deb
cd $out
apt-get -o APT::Sandbox::User=root download -qq $list || { apt-get update -qq; apt-get -o APT::Sandbox::User=root download -qq $list; }
mkdir root
for d in *.deb; do
    dpkg -x "$d" root
done
depmod -b root "${kernel#linux-image-}"
echo "${kernel#linux-image-}" > stamp
