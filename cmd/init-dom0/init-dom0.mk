# SPDX-License-Identifier: MIT
BIN_init-dom0 := xen-init-dom0
