#!/bin/sh
# SPDX-License-Identifier: MIT
# build-tools.sh OUT PROGRAM...: a root file system to lay over the small dom0's: our (static) programs in
# /usr/lib/proxenos/bin, test programs (build/.../test/NAME) in /usr/lib/proxenos/test. image/dom0/init puts them first
# when the kernel's command line says proxenos.tools=ours.
set -eu
cd "$(dirname "$0")/.."
out=$1
shift
r=build/image/tools
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
find $r -type f -exec strip {} + 2>/dev/null || true
(cd $r && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet | gzip -1n) > "$out.tmp"
mv "$out.tmp" "$out"
