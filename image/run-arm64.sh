#!/bin/sh
# SPDX-License-Identifier: MIT
# run-arm64.sh: boots the product on QEMU's 64-bit Arm machine on this terminal, with Debian's arm64 kernel as dom0.
# Environment: KERNEL INITRD MEM CPUS HV HV_ARGS DOM0_ARGS CPU GIC (3 or 2) TOOLS (debian, or
# daemons: ours below Debian's xl); whatever is empty has a default. With standard input from /dev/null the machine ends when it has shown its
# session.
set -eu
cd "$(dirname "$0")/.."
HV=${HV:-build/arm64/proxenos}
KERNEL=${KERNEL:-build/image/arm64/vmlinuz}
TOOLS=${TOOLS:-debian}
case $TOOLS in
daemons) INITRD=${INITRD:-build/image/arm64/dom0-daemons.cpio.gz} ;;
*) INITRD=${INITRD:-build/image/arm64/dom0.cpio.gz} ;;
esac
MEM=${MEM:-2048}
CPUS=${CPUS:-2}
for f in "$HV" "$KERNEL" "$INITRD"; do
    [ -r "$f" ] || { echo "run: cannot read $f" >&2; exit 1; }
done
[ "$(readlink /proc/self/fd/0)" != /dev/null ] || DOM0_ARGS="${DOM0_ARGS:-} proxenos.then=poweroff"
echo "run: $HV, $CPUS CPUs, $MEM MiB, GICv${GIC:-3}, emulation (ctrl-a x ends QEMU)"
dom0_mem=$((MEM / 2 < 1024 ? MEM / 2 : 1024))
args=$(echo "console=hvc0 quiet proxenos.script=demo proxenos.tools=$TOOLS ${DOM0_ARGS:-}" | sed 's/,/,,/g')
exec qemu-system-aarch64 -M "virt,virtualization=on,gic-version=${GIC:-3}" -cpu "${CPU:-cortex-a57}" -m "$MEM" \
    -smp "$CPUS" -nographic -no-reboot -net none -kernel "$HV" \
    -append "console=dtuart dtuart=/pl011@9000000 dom0_mem=${dom0_mem}M ${HV_ARGS:-}" \
    -device "guest-loader,addr=0x49000000,kernel=$KERNEL,bootargs=$args" \
    -device "guest-loader,addr=0x4d000000,initrd=$INITRD"
