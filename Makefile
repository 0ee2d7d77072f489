# SPDX-License-Identifier: MIT
# The whole build. `make help` lists what to ask for.
include config.mk

B      := build/$(ARCH)
HVARCH := $(HVARCH_$(ARCH))
CC     := $(CROSS_$(ARCH))gcc
LD     := $(CROSS_$(ARCH))ld
OBJCOPY := $(CROSS_$(ARCH))objcopy
NM     := $(CROSS_$(ARCH))nm
Q      := $(if $(filter 1,$(V)),,@)

.PHONY: all hv help flags clean
all: hv

# ---- flags -------------------------------------------------------------------------------------
WARN := -Wall -Wextra -Werror -Wshadow -Wundef -Wmissing-prototypes -Wstrict-prototypes -Wvla \
        -Wimplicit-fallthrough -Wwrite-strings -Wno-unused-parameter
ABI_INCLUDE := build/include
HV_CFLAGS := -std=gnu11 -ffreestanding -fno-common -fno-strict-aliasing -fno-stack-protector \
    -fno-asynchronous-unwind-tables -fno-delete-null-pointer-checks -O2 -g $(WARN) \
    -ffile-prefix-map=$(CURDIR)=. \
    -include hv/lib/hidden.h -I. -Ihv/arch/$(HVARCH)/inline -I$(B) -isystem $(ABI_INCLUDE) -D__XEN_TOOLS__
HV_CFLAGS_x86 := -m64 -fPIE -mno-red-zone -mno-sse -mno-mmx -mno-80387 -mcmodel=small \
    -fcf-protection=none

HV_CFLAGS_arm := -fno-pic -fno-pie -mgeneral-regs-only -mcmodel=small -mno-outline-atomics

HV_CFLAGS += $(HV_CFLAGS_$(HVARCH))
# What runs once, or when somebody presses a key, is for size; arch.mk adds to it.
HV_CFLAGS_SIZE := -Os
HV_FOR_SIZE := init/%.o drivers/fdt.o core/keyhandler.o
ifeq ($(DEBUG),1)
HV_CFLAGS += -DDEBUG
endif

flags:
	@echo $(CC) $(HV_CFLAGS)

help:
	@echo "make              the hypervisor: $(B)/proxenos, proxenos.gz, proxenos-syms"
	@echo "make tools        our toolstack: $(B)/bin; STATIC=1 for $(B)/static; ARCH=arm64, arm32"
	@echo "make run          boot it in QEMU with Debian as dom0, start a guest, give a dom0 shell"
	@echo "make test         everything CI runs"
	@echo "make check        layers, headers, licence lines; unit tests on the host with sanitizers"
	@echo "make guest boot   build the test kernels; run them as dom0 and as guests"
	@echo "make system       Debian's dom0 and tools against golden output"
	@echo "make fuzz         FUZZ_SECONDS=20 FUZZ=target         libFuzzer over parsers and hypercalls"
	@echo "make bench        ours beside Debian's Xen, in retired instructions"
	@echo "make install      DESTDIR=/                           image, GRUB generator, docs"
	@echo "make clean"
	@echo "Variables of every target: ARCH=x86_64 DEBUG=1 (assertions, lock order) V=1 (show commands)"
	@echo "Variables of make run:     KERNEL= INITRD= MEM=2048 (MiB) CPUS=2 HV=image HV_ARGS= DOM0_ARGS= CPU=model TOOLS=debian; GIC=3 of ARCH=arm64"

# ---- the hypervisor ----------------------------------------------------------------------------
# Folders of one architecture only, and files there that it has no use for.
HV_DIRS_arm := hv/arch/arm/arm64 hv/init/arm
HV_SKIP_arm := $(addprefix hv/init/,main.c bootinfo.c console_devices.c cpus.c decompress_shim.c dom0.c dom0_acpi.c dom0_pv.c dom0_pvh.c dom0_rights.c) \
    $(addprefix hv/drivers/,msi.c ns16550_com.c pci.c vga.c) hv/lib/acpi_table.c hv/lib/decompress.c hv/lib/kernel_image.c
HV_SKIP_arm += $(if $(EARLY_UART),,hv/init/arm/early_uart.c)
HV_SKIP_x86 := $(addprefix hv/drivers/,fdt.c ns16550_mmio.c pl011.c)
HV_DIRS := hv/lib hv/base hv/mm hv/drivers hv/core hv/calls hv/init \
           hv/arch/$(HVARCH)/cpu hv/arch/$(HVARCH)/guest hv/arch/$(HVARCH)/hvm \
           $(HV_DIRS_$(HVARCH))
HV_SRC  := $(filter-out %_test.c %/asm_offsets.c $(HV_SKIP_$(HVARCH)),$(wildcard $(addsuffix /*.c,$(HV_DIRS))))
HV_ASM  := $(wildcard $(addsuffix /*.S,$(HV_DIRS)))
HV_OBJ  := $(HV_SRC:%.c=$(B)/%.o) $(HV_ASM:%.S=$(B)/%.o)

# Only a symlink to the public headers lies on the include path: our own headers stay out of xen/.
build/include/xen:
	$(Q)mkdir -p $(@D)
	$(Q)ln -sfn /usr/include/xen $@

# Written anew when the flags have changed (DEBUG=1 and back), which rebuilds every object.
HV_FLAGS = $(CC) $(HV_CFLAGS) $(HV_CFLAGS_SIZE) $(HV_FOR_SIZE)
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(HV_FLAGS)' | cmp -s - $@ || echo '$(HV_FLAGS)' > $@
FORCE:

$(B)/asm_offsets.h: hv/arch/$(HVARCH)/guest/asm_offsets.c $(B)/flags | $(ABI_INCLUDE)/xen
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(HV_CFLAGS) -MD -MP -MF $(B)/asm_offsets.d -MT $@ -S -o $(B)/asm_offsets.s $<
	$(Q)sed -n 's/.*==>\([A-Za-z0-9_]*\) \$$\?\([-0-9]*\).*/#define \1 \2/p' $(B)/asm_offsets.s > $@.tmp
	$(Q)mv $@.tmp $@

$(B)/%.o: %.c $(B)/flags | $(ABI_INCLUDE)/xen
	@mkdir -p $(@D)
	@echo "  CC   $<"
	$(Q)$(CC) $(HV_CFLAGS) -MD -MP -c -o $@ $<

$(B)/%.o: %.S $(B)/asm_offsets.h $(B)/flags
	@mkdir -p $(@D)
	@echo "  AS   $<"
	$(Q)$(CC) $(filter-out -include hv/lib/hidden.h,$(HV_CFLAGS)) -D__ASSEMBLY__ -MD -MP -c -o $@ $<

# ARCH= of the toolstack may be one the hypervisor does not have.
ifneq ($(HVARCH),)
include hv/arch/$(HVARCH)/arch.mk
$(addprefix $(B)/hv/,$(HV_FOR_SIZE)): HV_CFLAGS += $(HV_CFLAGS_SIZE)
endif

hv: $(B)/proxenos $(B)/proxenos.gz $(B)/proxenos-syms

-include $(HV_OBJ:.o=.d) $(B)/asm_offsets.d
-include tools.mk install/install.mk image/image.mk guest/guest.mk tests/tests.mk tests/unit/unit.mk tests/fuzz/fuzz.mk

clean:
	rm -rf build/$(ARCH)
