#!/bin/sh
# SPDX-License-Identifier: MIT
# kvm-works.sh: succeeds when QEMU can run a machine with KVM here; /dev/kvm alone does not promise that.
timeout 10 qemu-system-x86_64 -accel kvm -cpu host -m 64 -display none -net none -S -monitor stdio \
    >/dev/null 2>&1 <<QUIT
quit
QUIT
