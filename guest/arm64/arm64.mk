# SPDX-License-Identifier: MIT
# arm64 test kernels: build/guest/arm64/NAME, an Image, from guest/tests-arm64/NAME.c, or guest/tests/NAME where the ABI is
# the same, the start file and what of libguest is the same everywhere.
GUEST64_OUT := build/guest/arm64
GUEST64_CC := $(CROSS_arm64)gcc
GUEST64_CFLAGS := $(filter-out -m64 -mcmodel=kernel -mno-red-zone -fcf-protection=none -Iguest/libguest/x86 \
    $(shell $(GUEST_CC) -print-file-name=include 2>/dev/null),$(GUEST_CFLAGS)) -isystem $(shell $(GUEST64_CC) -print-file-name=include 2>/dev/null) \
    -Iguest/arm64 -mno-outline-atomics
GUEST64_CFLAGS := $(subst -isystem -I.,-I.,$(GUEST64_CFLAGS))
GUEST64_LIB := $(patsubst guest/%.c,$(GUEST64_OUT)/obj/%.o,$(addprefix guest/libguest/,print.c test.c events.c memory.c option.c leak.c) \
    guest/arm64/lib.c) $(addprefix $(GUEST64_OUT)/obj/,arm64/start.o string.o)
GUEST64_TESTS := $(patsubst guest/tests-arm64/%.c,%,$(wildcard guest/tests-arm64/*.c))

GUEST64_SHARED := events fifo sched version

# Firmware for QEMU's -bios (guest/firmware-arm64): build/guest/arm64/NAME.bin
GUEST64_FIRMWARE := spin-table

guest: $(GUEST64_FIRMWARE:%=$(GUEST64_OUT)/%.bin)
guest: $(GUEST64_TESTS:%=$(GUEST64_OUT)/%) $(GUEST64_SHARED:%=$(GUEST64_OUT)/%) $(GUEST64_OUT)/bench

$(GUEST64_OUT)/obj/%.o: guest/%.c | $(GUEST_INCLUDE)
	@mkdir -p $(dir $@)
	$(GUEST_Q)$(GUEST64_CC) $(GUEST64_CFLAGS) -c -o $@ $<

$(GUEST64_OUT)/obj/%.o: guest/%.S
	@mkdir -p $(dir $@)
	$(GUEST_Q)$(GUEST64_CC) -MMD -MP -c -o $@ $<

$(GUEST64_OUT)/obj/string.o: hv/lib/string.c | $(GUEST_INCLUDE)
	@mkdir -p $(dir $@)
	$(GUEST_Q)$(GUEST64_CC) $(GUEST64_CFLAGS) -c -o $@ $<

$(GUEST64_OUT)/%.elf: $(GUEST64_OUT)/obj/tests-arm64/%.o $(GUEST64_LIB) guest/arm64/image.lds
	$(GUEST_Q)$(CROSS_arm64)ld -static -z noexecstack --no-warn-rwx-segments -T guest/arm64/image.lds -o $@ $(filter %.o,$^)

$(GUEST64_SHARED:%=$(GUEST64_OUT)/%.elf): $(GUEST64_OUT)/%.elf: $(GUEST64_OUT)/obj/tests/%/main.o $(GUEST64_LIB) guest/arm64/image.lds
	$(GUEST_Q)$(CROSS_arm64)ld -static -z noexecstack --no-warn-rwx-segments -T guest/arm64/image.lds -o $@ $(filter %.o,$^)

$(GUEST64_OUT)/bench.elf: $(GUEST64_OUT)/obj/bench-arm64/main.o $(GUEST64_LIB) guest/arm64/image.lds
	$(GUEST_Q)$(CROSS_arm64)ld -static -z noexecstack --no-warn-rwx-segments -T guest/arm64/image.lds -o $@ $(filter %.o,$^)

$(GUEST64_OUT)/%.bin: $(GUEST64_OUT)/obj/firmware-arm64/%.o
	$(GUEST_Q)$(CROSS_arm64)objcopy -O binary -j .text $< $@

$(GUEST64_OUT)/%: $(GUEST64_OUT)/%.elf
	$(GUEST_Q)$(CROSS_arm64)objcopy -O binary $< $@

.SECONDARY:
-include $(shell find $(GUEST64_OUT)/obj -name '*.d' 2>/dev/null)
