# SPDX-License-Identifier: MIT
# Fuzzing of the toolstack's parsers: as tests/fuzz/fuzz.mk, but ordinary programs; leaks are found by the sanitizer.
# The libraries whose parsers are fuzzed are linked whole.
FT_NAMES := conf spec
FT_LIBS  := base conf
FT_FLAGS := $(filter-out -O1 -Wno-format-truncation,$(TU_FLAGS)) -O1 -fsanitize=fuzzer-no-link -Wno-gnu-variable-sized-type-not-at-end
FT       := build/fuzz-tools
FT_SRC   := $(foreach l,$(FT_LIBS),$(call sources,lib/$(l))) tests/fuzz/tools.c
FT_OBJ   := $(FT_SRC:%.c=$(FT)/%.o)
FT_BIN   := $(FT_NAMES:%=$(F)/%)

FUZZ_NAMES += $(FT_NAMES)

$(FT)/%.o: %.c tests/fuzz/tools.mk | $(ABI_INCLUDE)/xen
	@mkdir -p $(@D)
	@echo "  FUZZ $<"
	$(Q)$(FUZZ_CC) $(FT_FLAGS) -MD -MP -c -o $@ $<

$(FT_BIN): $(F)/%: $(FT)/tests/fuzz/%.o $(FT_OBJ)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -o $@ $^ $(TU_LIBS)

fuzz-build: $(FT_BIN)

-include $(FT_OBJ:.o=.d) $(FT_NAMES:%=$(FT)/tests/fuzz/%.d)
