# SPDX-License-Identifier: MIT
# Test kernels: build/guest/NAME.elf from guest/tests/NAME/*.c plus libguest and a start file; bench.elf from
# guest/bench. NAME-page.elf enters the hypervisor through the filled hypercall page instead of a bare syscall.
# Included by the top Makefile; also usable alone: make -f guest/guest.mk guest.

GUEST_CC ?= gcc
GUEST_Q := $(if $(V),,@)
GUEST_OUT := build/guest
GUEST_INCLUDE := build/include/xen

GUEST_CFLAGS := -std=gnu11 -ffreestanding -nostdinc -isystem $(shell $(GUEST_CC) -print-file-name=include 2>/dev/null) \
	-I. -Iguest/libguest/x86 -isystem build/include -include stdint.h -D__XEN_TOOLS__ -O2 -g -m64 -mcmodel=kernel -mno-red-zone -mgeneral-regs-only \
	-fno-pic -fno-pie -fno-stack-protector -fno-asynchronous-unwind-tables -fno-common -fno-strict-aliasing \
	-fno-tree-loop-distribute-patterns -fcf-protection=none -fno-delete-null-pointer-checks \
	-Wall -Wextra -Werror -Wshadow -Wundef -Wmissing-prototypes -Wstrict-prototypes -Wvla \
	-Wimplicit-fallthrough -Wwrite-strings -Wno-missing-field-initializers -MMD -MP
GUEST_ASFLAGS := -I. -isystem build/include -m64 -MMD -MP

GUEST_TESTS := $(sort $(notdir $(patsubst %/main.c,%,$(wildcard guest/tests/*/main.c))))
# Tests that are also built in the hypercall page variant.
GUEST_PAGE_TESTS := hello traps
GUEST_LIB_C := $(wildcard guest/libguest/*.c guest/libguest/x86/*.c)
GUEST_LIB := $(GUEST_LIB_C:guest/%.c=$(GUEST_OUT)/obj/%.o) $(addprefix $(GUEST_OUT)/obj/libguest/x86/,pv_entry.o trap_common.o)
GUEST_START_SYSCALL := $(GUEST_OUT)/obj/start/pv64.o $(GUEST_OUT)/obj/libguest/x86/gate_syscall.o
GUEST_START_PAGE := $(GUEST_OUT)/obj/start/pv64-page.o $(GUEST_OUT)/obj/libguest/x86/gate_page.o
GUEST_PAGE_ELF := $(foreach t,$(filter $(GUEST_TESTS),$(GUEST_PAGE_TESTS)),$(GUEST_OUT)/$(t)-page.elf)
# Tests that are also built as PVH kernels, and those that are nothing else.
GUEST_PVH_TESTS := hello version events time sched
GUEST_PVH_ONLY := $(filter pvh-%,$(GUEST_TESTS))
GUEST_PVH_LIB_C := $(wildcard guest/libguest/*.c guest/libguest/pvh/*.c) $(addprefix guest/libguest/x86/,leak_pv.c memory_pv.c traps.c user.c)
GUEST_PVH_LIB := $(GUEST_PVH_LIB_C:guest/%.c=$(GUEST_OUT)/obj/%.o) \
	$(addprefix $(GUEST_OUT)/obj/,libguest/pvh/entry.o libguest/x86/trap_common.o libguest/pvh/ap.o libguest/pvh/call32_gate.o start/pvh64.o)
GUEST_PVH_ELF := $(GUEST_OUT)/pvhost.elf $(GUEST_PVH_TESTS:%=$(GUEST_OUT)/%-pvh.elf) $(filter-out %/pvh-leak.elf,$(GUEST_PVH_ONLY:%=$(GUEST_OUT)/%.elf))
# Of these, those that are also linked as dom0 of dom0=pvh; pvh-leak is nothing else.
GUEST_PVH_DOM0 := $(addsuffix -dom0,$(GUEST_PVH_TESTS:%=%-pvh) pvh-apic pvh-cpu pvh-leak pvh-smp pvh-user)
GUEST_PVH_ELF += $(GUEST_PVH_DOM0:%=$(GUEST_OUT)/%.elf)
GUEST_BENCH := $(if $(wildcard guest/bench/*.c),$(GUEST_OUT)/bench.elf)
GUEST_ELF := $(filter-out $(GUEST_PVH_ONLY:%=$(GUEST_OUT)/%.elf),$(GUEST_TESTS:%=$(GUEST_OUT)/%.elf)) \
	$(GUEST_PAGE_ELF) $(GUEST_PVH_ELF) $(GUEST_BENCH)

.PHONY: guest
ifeq ($(ARCH),arm64)
include guest/arm64/arm64.mk
else
guest: $(GUEST_ELF)
endif

guest_link = $(GUEST_Q)$(GUEST_CC) -m64 -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 \
	-Wl,-z,noexecstack -Wl,--no-warn-rwx-segments $(GUEST_PLACE) -Wl,-T,guest/start/pv64.lds -o $@ $(filter %.o,$^)

$(GUEST_OUT)/obj/start/pv64-page.o: guest/start/pv64.S | $(GUEST_INCLUDE)
	@mkdir -p $(dir $@)
	$(GUEST_Q)$(GUEST_CC) $(GUEST_ASFLAGS) -DVARIANT_PAGE -c -o $@ $<

$(GUEST_OUT)/obj/%.o: guest/%.S | $(GUEST_INCLUDE)
	@mkdir -p $(dir $@)
	$(GUEST_Q)$(GUEST_CC) $(GUEST_ASFLAGS) -c -o $@ $<

$(GUEST_OUT)/obj/%.o: guest/%.c | $(GUEST_INCLUDE)
	@mkdir -p $(dir $@)
	$(GUEST_Q)$(GUEST_CC) $(GUEST_CFLAGS) -c -o $@ $<

# One link rule per test, because a test may have several sources.
define guest_test
$(GUEST_OUT)/$(1).elf: $(patsubst guest/%.c,$(GUEST_OUT)/obj/%.o,$(wildcard guest/tests/$(1)/*.c)) \
	$(GUEST_START_SYSCALL) $(GUEST_LIB) guest/start/pv64.lds
	$$(guest_link)
$(GUEST_OUT)/$(1)-page.elf: $(patsubst guest/%.c,$(GUEST_OUT)/obj/%.o,$(wildcard guest/tests/$(1)/*.c)) \
	$(GUEST_START_PAGE) $(GUEST_LIB) guest/start/pv64.lds
	$$(guest_link)
endef
$(foreach t,$(filter-out $(GUEST_PVH_ONLY),$(GUEST_TESTS)),$(eval $(call guest_test,$(t))))

define guest_pvh_test
$(GUEST_OUT)/$(1).elf: $(patsubst guest/%.c,$(GUEST_OUT)/obj/%.o,$(wildcard guest/tests/$(2)/*.c)) \
	$(GUEST_PVH_LIB) guest/start/pv64.lds
	$$(guest_link)
$(GUEST_OUT)/$(1)-dom0.elf: GUEST_PLACE := -Wl,--defsym=image_place=0xffffffff80400000
$(GUEST_OUT)/$(1)-dom0.elf: $(patsubst guest/%.c,$(GUEST_OUT)/obj/%.o,$(wildcard guest/tests/$(2)/*.c)) \
	$(GUEST_PVH_LIB) guest/start/pv64.lds
	$$(guest_link)
endef
$(foreach t,$(GUEST_PVH_TESTS),$(eval $(call guest_pvh_test,$(t)-pvh,$(t))))
$(foreach t,$(GUEST_PVH_ONLY),$(eval $(call guest_pvh_test,$(t),$(t))))

$(GUEST_OUT)/bench.elf: $(patsubst guest/%.c,$(GUEST_OUT)/obj/%.o,$(wildcard guest/bench/*.c)) \
	$(GUEST_OUT)/obj/bench/entry.o \
	$(GUEST_START_PAGE) $(GUEST_LIB) guest/start/pv64.lds
	$(guest_link)

# The PV dom0 that runs one PVH kernel.
$(GUEST_OUT)/pvhost.elf: $(patsubst guest/%.c,$(GUEST_OUT)/obj/%.o,$(wildcard guest/host/*.c)) $(GUEST_START_SYSCALL) \
	$(GUEST_LIB) guest/start/pv64.lds
	$(guest_link)

-include $(shell find $(GUEST_OUT)/obj -name '*.d' 2>/dev/null)
