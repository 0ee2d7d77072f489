# SPDX-License-Identifier: MIT
# Everything one may want to set from outside: make ARCH=... DEBUG=1
ARCH  ?= x86_64
DEBUG ?= 0
V     ?= 0
CROSS_x86_64 :=
HVARCH_x86_64 := x86
