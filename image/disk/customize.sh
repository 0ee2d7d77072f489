#!/bin/sh
# SPDX-License-Identifier: MIT
# customize.sh ROOT: makes a fresh Debian root file system a Xen guest: hvc0 login as root without password,
# static address 10.0.0.2, GRUB menu.
set -eu
r=$1
echo debian > "$r/etc/hostname"
echo "/dev/xvda / ext4 errors=remount-ro 0 1" > "$r/etc/fstab"
chroot "$r" passwd -q -d root
mkdir -p "$r/etc/systemd/network" "$r/boot/grub" "$r/data"
cat > "$r/etc/systemd/network/10-vif.network" <<NETWORK
[Match]
Driver=vif

[Network]
Address=10.0.0.2/24
LinkLocalAddressing=no
ConfigureWithoutCarrier=yes
NETWORK
# Under emulation on a busy machine a service may take minutes to start.
mkdir -p "$r/etc/systemd/system.conf.d"
cat > "$r/etc/systemd/system.conf.d/slow.conf" <<MANAGER
[Manager]
DefaultTimeoutStartSec=900
DefaultDeviceTimeoutSec=900
MANAGER
chroot "$r" systemctl -q enable systemd-networkd.service serial-getty@hvc0.service
chroot "$r" systemctl -q disable systemd-networkd-wait-online.service
chroot "$r" systemctl -q mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    fstrim.timer e2scrub_reap.service getty@tty1.service systemd-pcrphase.service systemd-firstboot.service
cp image/disk/grub.cfg "$r/boot/grub/grub.cfg"
cp image/dom0/rig.sh "$r/etc/rig.sh"
