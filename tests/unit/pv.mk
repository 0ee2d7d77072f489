# SPDX-License-Identifier: MIT
# Unit tests of the x86 guest code on the fake machine: PV page tables (hv/arch/x86/guest/pv_mmu_test.c), VMX states.
PVU       := build/unit-pv
PVU_SRC   := $(wildcard hv/lib/*.c hv/base/*.c) \
    hv/mm/frame.c hv/mm/page_alloc.c hv/mm/heap.c hv/arch/fake/cpu.c hv/arch/fake/host.c tests/unit/main.c \
    $(addprefix hv/arch/x86/guest/pv_,frame.c mmu.c mmuext.c ptwr.c descriptor.c perdomain.c grant.c memory.c \
        mmu_test.c ptwr_test.c) hv/core/p2m.c hv/core/p2m_log.c hv/core/p2m_space.c hv/arch/x86/hvm/hvm_p2m.c tests/unit/pv/pv_host.c \
    hv/arch/x86/hvm/vmx_state.c hv/arch/x86/hvm/vmx_state_test.c
PVU_SRC   := $(sort $(filter-out hv/lib/%_test.c hv/base/%_test.c hv/lib/decompress.c hv/lib/kernel_image.c hv/base/symbols.c,$(PVU_SRC)))
PVU_OBJ   := $(PVU_SRC:%.c=$(PVU)/%.o)

$(PVU)/hv/lib/string.o: UNIT_EXTRA := $(UNIT_RENAME) -fno-builtin

$(PVU)/%.o: %.c tests/unit/pv.mk tests/unit/unit.mk | $(ABI_INCLUDE)/xen
	@mkdir -p $(@D)
	@echo "  UNIT $<"
	$(Q)$(UNIT_CC) $(filter-out -Ihv/arch/fake/inline -I.,$(UNIT_FLAGS)) -Itests/unit/pv -I. $(UNIT_EXTRA) \
	    -MD -MP -c -o $@ $<

$(PVU)/unit: $(PVU_OBJ)
	@echo "  LD   $@"
	$(Q)$(UNIT_CC) $(UNIT_SAN) -o $@ $(PVU_OBJ) -lpthread

.PHONY: unit-pv
unit-pv: $(PVU)/unit
	$(Q)$(PVU)/unit $(TESTS)

check: unit-pv

-include $(PVU_OBJ:.o=.d)
