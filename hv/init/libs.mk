# SPDX-License-Identifier: MIT
# Debian's static libraries that unpack compressed dom0 kernels (hv/lib/decompress.c). Only the objects that are
# reached get linked; decompress_shim.c gives them what they expect of a C library, and stands in for
# the parts no kernel image needs.
HV_LIBS := $(foreach l,lzma z zstd bz2,$(shell $(CC) -print-file-name=lib$(l).a 2>/dev/null))
