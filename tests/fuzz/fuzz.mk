# SPDX-License-Identifier: MIT
# Fuzzing of what guests and boot loaders hand us: libFuzzer, address and undefined behaviour sanitizers.
#   make fuzz FUZZ_SECONDS=20    each target that long, from tests/fuzz/seeds; FUZZ=hypercall for one of them
# Inputs that bring new coverage stay in build/fuzz/corpus; one that fails is kept as build/fuzz/NAME-crash-...
# To see it again: build/fuzz/NAME FILE.
F            := build/fuzz
FUZZ_SECONDS ?= 20
FUZZ         ?= $(FUZZ_NAMES) fdt $(FUZZ_TOOLS)
FUZZ_CC      := clang
FUZZ_NAMES   := bootinfo cmdline decode decompress hypercall kernel
# Of the toolstack: tests/fuzz/NAME.c with all of lib/; FUZZ_WITH_NAME lists sources of cmd/ it needs too.
FUZZ_TOOLS   := arm_image conf console_ring menu spec store
FUZZ_WITH_store = $(filter-out %/main.c,$(call sources,cmd/xenstored)) cmd/xenstored/sim_test.c
FUZZ_WITH_menu := cmd/pygrub/menu.c cmd/pygrub/grub_script.c
FUZZ_FLAGS   := $(filter-out -O1,$(UNIT_FLAGS)) -O1 -fsanitize=fuzzer-no-link \
    -Wno-gnu-variable-sized-type-not-at-end -Wno-missing-field-initializers

# What every target links: the parsers are few, and the machine they may ask things of.
FUZZ_HV := $(filter-out %_test.c hv/core/keyhandler.c hv/base/symbols.c,$(wildcard \
    hv/lib/*.c hv/base/*.c hv/mm/*.c hv/core/*.c hv/calls/*.c hv/arch/fake/*.c)) \
    $(patsubst %_test.c,%.c,$(filter-out hv/init/dom0_acpi_test.c,$(wildcard hv/init/*_test.c))) hv/arch/x86/guest/pv_decode.c \
    tests/unit/world.c tests/fuzz/fuzz.c tests/fuzz/decompress_host.c tests/fuzz/stubs.c
FUZZ_HV_OBJ := $(FUZZ_HV:%.c=$(F)/%.o)
FUZZ_BIN    := $(FUZZ_NAMES:%=$(F)/%)

$(F)/hv/lib/string.o: FUZZ_EXTRA := $(UNIT_RENAME) -fno-builtin

$(F)/%.o: %.c tests/fuzz/fuzz.mk tests/unit/unit.mk | $(ABI_INCLUDE)/xen
	@mkdir -p $(@D)
	@echo "  FUZZ $<"
	$(Q)$(FUZZ_CC) $(FUZZ_FLAGS) $(FUZZ_EXTRA) -MD -MP -c -o $@ $<

$(FUZZ_BIN): $(F)/%: $(F)/tests/fuzz/%.o $(FUZZ_HV_OBJ)
	@echo "  LD   $@"
	$(Q)$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -o $@ $^ $(UNIT_LIBS)

# The device tree of Arm machines, by the host's libfdt: what is fuzzed is our use of it.
FUZZ_FDT := $(F)/tests/fuzz/fdt.o $(F)/tests/fuzz/fuzz.o $(addprefix $(F)/hv/,init/arm/bootinfo.o init/arm/dom0_fdt.o \
    init/arm/passthrough.o drivers/fdt.o lib/printf.o)
$(F)/fdt: $(FUZZ_FDT)
	@echo "  LD   $@"
	$(Q)$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -o $@ $^ -l:libfdt.so.1

FUZZ_TOOL_FLAGS = $(filter-out -Wno-format-truncation,$(TU_FLAGS)) -fsanitize=fuzzer-no-link -Wno-gnu-variable-sized-type-not-at-end \
    -Wno-missing-field-initializers
FUZZ_TOOL_OBJ  := $(patsubst %.c,$(F)/tools/%.o,tests/fuzz/fuzz.c $(foreach d,$(TOOL_DIRS),$(call sources,$(d))))
FUZZ_TOOL_BIN  := $(FUZZ_TOOLS:%=$(F)/%)

$(F)/tools/%.o: %.c tests/fuzz/fuzz.mk | $(ABI_INCLUDE)/xen
	@mkdir -p $(@D)
	@echo "  FUZZ $<"
	$(Q)$(FUZZ_CC) $(FUZZ_TOOL_FLAGS) -MD -MP -c -o $@ $<

.SECONDEXPANSION:
$(FUZZ_TOOL_BIN): $(F)/%: $(F)/tools/tests/fuzz/%.o $(FUZZ_TOOL_OBJ) $$(addprefix $(F)/tools/,$$(FUZZ_WITH_$$*:.c=.o))
	@echo "  LD   $@"
	$(Q)$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -o $@ $^ $(TU_LIBS) -lpthread

.PHONY: fuzz fuzz-build need-fuzz
need-fuzz:
	@sh image/need.sh image/packages-build.txt image/packages-fuzz.txt
fuzz-build: $(FUZZ_BIN) $(F)/fdt $(FUZZ_TOOL_BIN)
fuzz: need-fuzz need-arm64 # whose device tree library's header is for all
	+@$(MAKE) --no-print-directory -s fuzz-build
	@sh tests/fuzz/run.sh $(FUZZ_SECONDS) $(FUZZ)

-include $(FUZZ_HV_OBJ:.o=.d) $(FUZZ_FDT:.o=.d) $(FUZZ_NAMES:%=$(F)/tests/fuzz/%.d) $(FUZZ_TOOL_OBJ:.o=.d) \
    $(FUZZ_TOOLS:%=$(F)/tools/tests/fuzz/%.d)
