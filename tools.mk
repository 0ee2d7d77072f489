# SPDX-License-Identifier: MIT
# The toolstack: every lib/X/ becomes build/<arch>/tools/lib/X.a, every cmd/X/ a program in build/<arch>/bin.
#   make tools (lib cmd)   ARCH=x86_64|arm64|arm32, STATIC=1 for programs without shared libraries (build/<arch>/static)
#   make check             runs lib/*/*_test.c and cmd/*/*_test.c under ASan and UBSan (TESTS= selects)
# A folder may hold X.mk, which sets what differs from the rule: LIBS_X (system libraries, -lz), EXTRA_X (sources from
# elsewhere, hv/lib/...), BIN_X (the program's name), LINKS_X (other names it goes by). cmd/X/main.c
# holds main() and is the one file of a command that its tests leave out. lib/X/{x86,arm}/ is built for that
# architecture only.
T         := $(B)/tools
TOOL_ARCH := $(if $(filter arm%,$(ARCH)),arm,x86)
BIN       := $(B)/$(if $(filter 1,$(STATIC)),static,bin)
TOOL_DIRS := $(patsubst %/,%,$(sort $(dir $(wildcard lib/*/*.c))))
CMD_DIRS  := $(patsubst %/,%,$(sort $(dir $(wildcard cmd/*/*.c))))
-include $(wildcard lib/*/*.mk cmd/*/*.mk)

TOOL_CFLAGS := -std=gnu11 -O2 -g -fPIE -fno-strict-aliasing -fno-common -fstack-protector-strong -U_FORTIFY_SOURCE \
    -D_FORTIFY_SOURCE=2 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -D__XEN_TOOLS__ $(WARN) -Wno-sign-compare -Wno-format-truncation \
    -I. -isystem $(ABI_INCLUDE) -isystem abi/linux
TOOL_LDFLAGS := -Wl,-z,relro,-z,now,--as-needed $(if $(filter 1,$(STATIC)),-static,-pie)
# Archives in the order of the layers, top first.
LIB_ORDER := domain build migrate console conf ctrl store devicemodel foreignmemory gnttab evtchn call base
LIB_NAMES := $(notdir $(TOOL_DIRS))
LIB_NAMES := $(filter $(LIB_NAMES),$(LIB_ORDER)) $(filter-out $(LIB_ORDER),$(LIB_NAMES))
LIB_FILES := $(LIB_NAMES:%=$(T)/lib/%.a)

sources    = $(filter-out %_test.c,$(wildcard $(1)/*.c $(1)/$(TOOL_ARCH)/*.c)) $(EXTRA_$(notdir $(1)))
objects    = $(patsubst %.c,$(T)/%.o,$(call sources,$(1)))
program    = $(BIN)/$(or $(BIN_$(1)),$(1))
# System libraries our libraries want: --as-needed drops what a program does not use.
LIB_SYSTEM := $(sort $(foreach d,$(TOOL_DIRS),$(LIBS_$(notdir $(d)))))
TOOL_OBJ  := $(foreach d,$(TOOL_DIRS) $(CMD_DIRS),$(call objects,$(d)))
PROGRAMS  := $(foreach c,$(notdir $(CMD_DIRS)),$(call program,$(c)) $(addprefix $(BIN)/,$(LINKS_$(c))))

.PHONY: tools lib cmd
tools: lib cmd
lib: $(LIB_FILES)
cmd: $(PROGRAMS)

$(T)/%.o: %.c | $(ABI_INCLUDE)/xen
	@mkdir -p $(@D)
	@echo "  CC   $<"
	$(Q)$(CC) $(TOOL_CFLAGS) -MD -MP -c -o $@ $<

define LIB_RULE
$(T)/lib/$(notdir $(1)).a: $(call objects,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(Q)$$(CROSS_$$(ARCH))ar rcs $$@ $$^
endef
$(foreach d,$(TOOL_DIRS),$(eval $(call LIB_RULE,$(d))))

define CMD_RULE
$(call program,$(1)): $(call objects,cmd/$(1)) $(LIB_FILES)
	@mkdir -p $$(@D)
	@echo "  LD   $$@"
	$$(Q)$$(CC) $$(TOOL_LDFLAGS) -o $$@ $$(filter %.o,$$^) -Wl,--start-group $$(LIB_FILES) -Wl,--end-group $$(LIBS_$(1)) $(LIB_SYSTEM)
$(foreach l,$(LINKS_$(1)),$(BIN)/$(l)): $(call program,$(1))
	$$(Q)ln -sf $$(<F) $$@
endef
$(foreach c,$(notdir $(CMD_DIRS)),$(eval $(call CMD_RULE,$(c))))

# Programs that test the libraries from inside dom0: tests/tools/NAME.c (image-tools takes them along).
TOOL_TESTS := $(patsubst tests/tools/%.c,$(BIN)/test/%,$(wildcard tests/tools/*.c))
.SECONDARY: $(TOOL_TESTS:$(BIN)/test/%=$(T)/tests/tools/%.o)
$(BIN)/test/%: $(T)/tests/tools/%.o $(LIB_FILES)
	@mkdir -p $(@D)
	@echo "  LD   $@"
	$(Q)$(CC) $(TOOL_LDFLAGS) -o $@ $< -Wl,--start-group $(LIB_FILES) -Wl,--end-group $(LIB_SYSTEM)

-include $(TOOL_OBJ:.o=.d) $(wildcard $(T)/tests/tools/*.d)

# ---- unit tests ------------------------------------------------------------------------------------
TU       := build/unit-tools
TU_FLAGS = -std=gnu11 -O1 -g -fno-omit-frame-pointer -fno-common $(UNIT_SAN) -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 \
    -D__XEN_TOOLS__ $(WARN) -Wno-sign-compare -Wno-format-truncation -I. -isystem $(ABI_INCLUDE) -isystem abi/linux
TU_LIB   := $(foreach d,$(TOOL_DIRS),$(call sources,$(d))) tests/unit/main.c
TU_LIBS  := $(sort $(foreach d,$(TOOL_DIRS) $(CMD_DIRS),$(LIBS_$(notdir $(d)))))
tu_objects = $(patsubst %.c,$(TU)/%.o,$(sort $(1)))
TU_TESTED := $(patsubst %/,%,$(sort $(dir $(wildcard cmd/*/*_test.c))))
TU_BIN   := $(if $(wildcard lib/*/*_test.c),$(TU)/lib-tests) $(TU_TESTED:cmd/%=$(TU)/cmd-%-tests)

$(TU)/%.o: %.c | $(ABI_INCLUDE)/xen
	@mkdir -p $(@D)
	@echo "  UNIT $<"
	$(Q)$(UNIT_CC) $(TU_FLAGS) -MD -MP -c -o $@ $<

$(TU)/lib-tests: $(call tu_objects,$(TU_LIB) $(wildcard lib/*/*_test.c))
	@echo "  LD   $@"
	$(Q)$(UNIT_CC) $(UNIT_SAN) -o $@ $^ $(TU_LIBS) -lpthread

define TU_RULE
$(TU)/cmd-$(notdir $(1))-tests: $(call tu_objects,$(TU_LIB) $(filter-out %/main.c,$(call sources,$(1))) $(wildcard $(1)/*_test.c))
	@echo "  LD   $$@"
	$$(Q)$$(UNIT_CC) $$(UNIT_SAN) -o $$@ $$^ $$(TU_LIBS) -lpthread
endef
$(foreach d,$(TU_TESTED),$(eval $(call TU_RULE,$(d))))

.PHONY: unit-tools check-tool-headers
unit-tools: $(TU_BIN)
	$(Q)for t in $(TU_BIN); do $$t $(TESTS) || exit 1; done
check-tool-headers: | $(ABI_INCLUDE)/xen
	$(Q)HEADERS="$$(find lib $(wildcard cmd) abi/linux -name '*.h')" sh tests/check/headers.sh "$(CC) $(TOOL_CFLAGS)"

check: unit-tools check-tool-headers

-include $(patsubst %.c,$(TU)/%.d,$(TU_LIB) $(wildcard lib/*/*_test.c cmd/*/*.c))
