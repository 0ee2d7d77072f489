# SPDX-License-Identifier: MIT
# Unit tests of scheduling: hv/core/sched*.c on a fake machine of four CPUs, see hv/core/sched_test.c.
SCHEDU     := build/unit-sched
SCHEDU_SRC := $(filter-out %_test.c hv/lib/decompress.c hv/lib/kernel_image.c hv/base/symbols.c,$(wildcard hv/lib/*.c hv/base/*.c)) \
    hv/mm/frame.c hv/mm/page_alloc.c hv/mm/heap.c hv/arch/fake/cpu.c hv/arch/fake/host.c tests/unit/main.c \
    hv/core/sched.c hv/core/sched_credit.c hv/core/sched_null.c hv/core/sched_test.c
SCHEDU_OBJ := $(SCHEDU_SRC:%.c=$(SCHEDU)/%.o)

$(SCHEDU)/hv/lib/string.o: UNIT_EXTRA := $(UNIT_RENAME) -fno-builtin

$(SCHEDU)/%.o: %.c tests/unit/sched.mk tests/unit/unit.mk | $(ABI_INCLUDE)/xen
	@mkdir -p $(@D)
	@echo "  UNIT $<"
	$(Q)$(UNIT_CC) $(UNIT_FLAGS) -DFAKE_CPUS=4 $(UNIT_EXTRA) -MD -MP -c -o $@ $<

$(SCHEDU)/unit: $(SCHEDU_OBJ)
	@echo "  LD   $@"
	$(Q)$(UNIT_CC) $(UNIT_SAN) -o $@ $(SCHEDU_OBJ) -lpthread

.PHONY: unit-sched
unit-sched: $(SCHEDU)/unit
	$(Q)$(SCHEDU)/unit $(TESTS)

check: unit-sched

-include $(SCHEDU_OBJ:.o=.d)
