#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh: boots the product in QEMU on this terminal. Environment: ARCH (x86_64 or arm64), KERNEL INITRD MEM CPUS HV
# HV_ARGS DOM0_ARGS CPU, GIC (3 or 2) and TOOLS (whose toolstack dom0 has: ours, debian, daemons or xl, see
# image/dom0/init); whatever is empty has a default. KVM is used where a probe shows that it works. With
# standard input from /dev/null the machine ends when it has shown its session.
set -eu
cd "$(dirname "$0")/.."
ARCH=${ARCH:-x86_64}
HV=${HV:-build/$ARCH/proxenos}
MEM=${MEM:-2048}
CPUS=${CPUS:-2}
image=build/image
TOOLS=${TOOLS:-ours}
[ "$ARCH" != arm64 ] || image=build/image/arm64
KERNEL=${KERNEL:-$image/vmlinuz}
case $TOOLS in
debian) INITRD=${INITRD:-$image/dom0.cpio.gz} ;;
ours) INITRD=${INITRD:-$image/dom0-ours.cpio.gz} ;;
*) INITRD=${INITRD:-$image/dom0-tools.cpio.gz} ;;
esac
for f in "$HV" "$KERNEL" "$INITRD"; do
    [ -r "$f" ] || { echo "run: cannot read $f" >&2; exit 1; }
done
[ "$(readlink /proc/self/fd/0)" != /dev/null ] || DOM0_ARGS="${DOM0_ARGS:-} proxenos.then=poweroff"
dom0_mem=$((MEM / 2 < 1024 ? MEM / 2 : 1024))
dom0_args="console=hvc0 quiet proxenos.script=demo proxenos.tools=$TOOLS ${DOM0_ARGS:-}"

run_x86_64() {
    accel=tcg,thread=multi
    cpu=${CPU:-max,-smap,-rdtscp}
    if [ -w /dev/kvm ] && sh image/kvm-works.sh; then
        accel=kvm
        cpu=${CPU:-host}
    fi
    echo "run: $HV, $CPUS CPUs, $MEM MiB, ${accel%%,*} (ctrl-a x ends QEMU)"
    [ "$accel" = kvm ] || echo "run: emulation: dom0 takes about half a minute, its guest as long again"
    exec qemu-system-x86_64 -accel "$accel" -cpu "$cpu" -m "$MEM" -smp "$CPUS" -M q35 -nographic -no-reboot -net none \
        -kernel "$HV" -append "console=com1 com1=115200,8n1 dom0_mem=${dom0_mem}M,max:${dom0_mem}M ${HV_ARGS:-}" \
        -initrd "$KERNEL $dom0_args,$INITRD"
}

run_arm64() {
    echo "run: $HV, $CPUS CPUs, $MEM MiB, GICv${GIC:-3}, emulation (ctrl-a x ends QEMU)"
    exec qemu-system-aarch64 -M "virt,virtualization=on,gic-version=${GIC:-3}" -cpu "${CPU:-cortex-a57}" -m "$MEM" \
        -smp "$CPUS" -nographic -no-reboot -net none -kernel "$HV" \
        -append "console=dtuart dtuart=/pl011@9000000 dom0_mem=${dom0_mem}M ${HV_ARGS:-}" \
        -device "guest-loader,addr=0x49000000,kernel=$KERNEL,bootargs=$(echo "$dom0_args" | sed 's/,/,,/g')" \
        -device "guest-loader,addr=0x4d000000,initrd=$INITRD"
}

"run_$ARCH"
