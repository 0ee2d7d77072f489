# SPDX-License-Identifier: MIT
# Kernel images of x86 are understood and unpacked by the hypervisor's own code; those of Arm (arm_image.c) are not packed.
ifeq ($(TOOL_ARCH),x86)
EXTRA_build := hv/lib/acpi_table.c hv/lib/kernel_image.c hv/lib/decompress.c hv/lib/string_parse.c
LIBS_build  := -llzma -lz -lzstd -lbz2
endif
