#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh: boots the product in QEMU on this terminal. Environment: KERNEL INITRD MEM CPUS HV HV_ARGS DOM0_ARGS CPU TOOLS
# (ours or debian: whose toolstack dom0 has); whatever is empty has a default. KVM is used where a probe shows that it
# works. With standard input from /dev/null the machine ends when it has shown its session.
set -eu
cd "$(dirname "$0")/.."
HV=${HV:-build/x86_64/proxenos}
KERNEL=${KERNEL:-build/image/vmlinuz}
TOOLS=${TOOLS:-ours}
case $TOOLS in
ours) INITRD=${INITRD:-build/image/dom0-ours.cpio.gz} ;;
debian) INITRD=${INITRD:-build/image/dom0.cpio.gz} ;;
*) INITRD=${INITRD:-build/image/dom0-tools.cpio.gz} ;;
esac
MEM=${MEM:-2048}
CPUS=${CPUS:-2}
for f in "$HV" "$KERNEL" "$INITRD"; do
    [ -r "$f" ] || { echo "run: cannot read $f" >&2; exit 1; }
done
accel=tcg,thread=multi
cpu=${CPU:-max,-smap,-rdtscp}
if [ -w /dev/kvm ] && sh image/kvm-works.sh; then
    accel=kvm
    cpu=${CPU:-host}
fi
echo "run: $HV, $CPUS CPUs, $MEM MiB, ${accel%%,*} (ctrl-a x ends QEMU)"
[ "$accel" = kvm ] || echo "run: emulation: dom0 takes about half a minute, its guest as long again"
[ "$(readlink /proc/self/fd/0)" != /dev/null ] || DOM0_ARGS="${DOM0_ARGS:-} proxenos.then=poweroff"
dom0_mem=$((MEM / 2 < 1024 ? MEM / 2 : 1024))
exec qemu-system-x86_64 -accel "$accel" -cpu "$cpu" -m "$MEM" -smp "$CPUS" -M q35 -nographic -no-reboot -net none \
    -kernel "$HV" -append "console=com1 com1=115200,8n1 dom0_mem=${dom0_mem}M,max:${dom0_mem}M ${HV_ARGS:-}" \
    -initrd "$KERNEL console=hvc0 quiet proxenos.script=demo proxenos.tools=$TOOLS ${DOM0_ARGS:-},$INITRD"
