# SPDX-License-Identifier: MIT
# Unit tests: the common code of the hypervisor on hv/arch/fake, an ordinary program under the sanitizers.
#   make unit            all of them; make unit TESTS=grant for those whose name or file contains "grant"
#   make check           what can be checked without running a machine, unit tests included
U          := build/unit
UNIT_CC    ?= gcc
UNIT_LIBS  ?= -llzma -lz -lzstd -lbz2 -lpthread
UNIT_SAN   := -fsanitize=address,undefined -fno-sanitize-recover=undefined
UNIT_FLAGS := -std=gnu11 -O1 -g -fno-omit-frame-pointer -fno-strict-aliasing -fno-common -DDEBUG $(UNIT_SAN) \
    $(WARN) -Wno-sign-compare -Wno-unused-result -I. -Ihv/arch/fake/inline -isystem $(ABI_INCLUDE) -D__XEN_TOOLS__
# The host's C library has these names already, and the sanitizers watch them.
UNIT_RENAME := $(foreach f,memcpy memmove memset memcmp memchr strlen strnlen strcmp strncmp strchr strstr,-D$(f)=hv_$(f))

# Debug keys and the hypercalls not listed here need more of an architecture than the fake one has.
UNIT_SRC   := $(filter-out hv/core/keyhandler.c hv/core/sched_test.c hv/base/symbols.c,$(wildcard \
    hv/lib/*.c hv/base/*.c hv/mm/*.c hv/core/*.c hv/arch/fake/*.c tests/unit/*.c \
    hv/calls/*_test.c hv/calls/grant_table_op.c hv/calls/memory_*.c))
# The boot input: parsers and decompressors, the latter against the original libraries.
UNIT_SRC += $(wildcard hv/init/*_test.c) $(patsubst %_test.c,%.c,$(wildcard hv/init/*_test.c)) \
    hv/drivers/ns16550.c hv/drivers/ns16550_mmio.c hv/drivers/ns16550_test.c \
    hv/arch/x86/guest/pv_decode.c hv/arch/x86/guest/pv_decode_test.c \
    hv/arch/x86/hvm/hvm_decode.c hv/arch/x86/hvm/hvm_decode_test.c \
    hv/arch/x86/hvm/hvm_event.c hv/arch/x86/hvm/hvm_event_test.c
UNIT_OBJ   := $(UNIT_SRC:%.c=$(U)/%.o)

$(U)/hv/lib/string.o $(U)/hv/lib/string_test.o: UNIT_EXTRA := $(UNIT_RENAME) -fno-builtin

$(U)/%.o: %.c tests/unit/unit.mk | $(ABI_INCLUDE)/xen
	@mkdir -p $(@D)
	@echo "  UNIT $<"
	$(Q)$(UNIT_CC) $(UNIT_FLAGS) $(UNIT_EXTRA) -MD -MP -c -o $@ $<

$(U)/unit: $(UNIT_OBJ)
	@echo "  LD   $@"
	$(Q)$(UNIT_CC) $(UNIT_SAN) -o $@ $(UNIT_OBJ) $(UNIT_LIBS)

.PHONY: unit check
unit: $(U)/unit
	$(Q)$(U)/unit $(TESTS)

# ---- checks of the text ---------------------------------------------------------------------------
CHECK_C := $(shell find abi hv guest tests -name '*.[ch]' 2>/dev/null)

.PHONY: check-layers check-headers check-spdx format-check
check-layers:
	$(Q)python3 tests/check/layers.py
check-headers: | $(ABI_INCLUDE)/xen
	$(Q)sh tests/check/headers.sh "$(CC) $(HV_CFLAGS)" $(HVARCH)
check-spdx:
	$(Q)sh tests/check/spdx.sh
# Names the files clang-format would change.
format-check:
	$(Q)for f in $(CHECK_C); do clang-format $$f | cmp -s $$f - || echo "$$f"; done

check: check-layers check-headers check-spdx unit

-include $(UNIT_OBJ:.o=.d)
include tests/unit/pv.mk
include tests/unit/sched.mk
