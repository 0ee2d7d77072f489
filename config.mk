# SPDX-License-Identifier: MIT
# Everything one may want to set from outside: make ARCH=... DEBUG=1
ARCH  ?= x86_64
DEBUG ?= 0
V     ?= 0
CROSS_x86_64 :=
CROSS_arm64 := aarch64-linux-gnu-
CROSS_arm32 := arm-linux-gnueabihf-
# 1: programs of the toolstack are linked statically.
STATIC ?= 0
HVARCH_x86_64 := x86
HVARCH_arm64 := arm
