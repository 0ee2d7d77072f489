# SPDX-License-Identifier: MIT
# Kernel images are understood and unpacked by the hypervisor's own code. Images of Arm are not read yet.
ifeq ($(TOOL_ARCH),x86)
EXTRA_build := hv/lib/acpi_table.c hv/lib/kernel_image.c hv/lib/decompress.c hv/lib/string_parse.c
LIBS_build  := -llzma -lz -lzstd -lbz2
endif
