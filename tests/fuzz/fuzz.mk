# SPDX-License-Identifier: MIT
# Fuzzing of what guests and boot loaders hand us: libFuzzer, address and undefined behaviour sanitizers.
#   make fuzz FUZZ_SECONDS=20    each target that long, from tests/fuzz/seeds; FUZZ=hypercall for one of them
# Inputs that bring new coverage stay in build/fuzz/corpus; one that fails is kept as build/fuzz/NAME-crash-...
# To see it again: build/fuzz/NAME FILE.
F            := build/fuzz
FUZZ_SECONDS ?= 20
FUZZ         ?= $(FUZZ_NAMES)
FUZZ_CC      := clang
FUZZ_NAMES   := bootinfo cmdline decode decompress hypercall kernel
FUZZ_FLAGS   := $(filter-out -O1,$(UNIT_FLAGS)) -O1 -fsanitize=fuzzer-no-link \
    -Wno-gnu-variable-sized-type-not-at-end -Wno-missing-field-initializers

# What every target links: the parsers are few, and the machine they may ask things of.
FUZZ_HV := $(filter-out %_test.c hv/core/keyhandler.c,$(wildcard \
    hv/lib/*.c hv/base/*.c hv/mm/*.c hv/core/*.c hv/calls/*.c hv/arch/fake/*.c)) \
    $(patsubst %_test.c,%.c,$(wildcard hv/init/*_test.c)) hv/arch/x86/guest/pv_decode.c \
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

.PHONY: fuzz fuzz-build need-fuzz
need-fuzz:
	@sh image/need.sh image/packages-build.txt image/packages-fuzz.txt
fuzz-build: $(FUZZ_BIN)
fuzz: need-fuzz
	+@$(MAKE) --no-print-directory -s fuzz-build
	@sh tests/fuzz/run.sh $(FUZZ_SECONDS) $(FUZZ)

-include $(FUZZ_HV_OBJ:.o=.d) $(FUZZ_NAMES:%=$(F)/tests/fuzz/%.d)
