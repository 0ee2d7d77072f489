# SPDX-License-Identifier: MIT
# The tests that need a machine. `make test` is what CI runs: it installs what is missing, builds, and ends in one line
# `N passed, N failed` over unit tests, test kernels and system tests together.
#   make boot     test kernels as dom0, then Debian's dom0 and bad dom0 images
#   make system   xl against a PV guest, disk and network, leak test; TEST= selects, HV= ours, peer or a path;
#                 TOOLS= debian, ours, daemons or xl (see image/dom0/init)
#   make vmx      the PVH test kernels on Intel's VT-x, in Bochs; TEST= names them, MODEL=ryzen for AMD-V there
#   make vmx-debian   Debian's xl and its kernel as a PVH guest there, to user space (many minutes)
#   make cells    one list, PV guests with disk and network, in the four cells: our tools on our hypervisor and on
#                 Debian's; Debian's xl with our daemons; our xl with Debian's daemons. CELLS="ours:ours ..." selects
#   make store    xenstored and its clients against Debian's clients and test-xenstore, on this machine
#   make bench-store   xenstored beside Debian's; PART=time,instructions,memory,flat
#   make boot ARCH=arm64   the same on 64-bit Arm: test kernels, Debian's dom0 and guests on GICv3 and GICv2
#   make bench    ours beside Debian's Xen
#   make bench-tools   xl create and list beside Debian's, in instructions of the whole machine
CELLS ?= ours:ours peer:ours ours:daemons ours:xl
CELL_TESTS := tests/compat/test_pv_guest.py tests/compat/test_disk_net.py
PYTEST := /usr/bin/python3 -m pytest -q -p no:cacheprovider --tb=short

.PHONY: boot system vmx vmx-debian cells bench bench-tools test store bench-store
ifeq ($(ARCH),arm64)
boot: need-test need-arm64
	+@$(MAKE) --no-print-directory -s ARCH=arm64 hv guest $(IMAGE_ARM64)
	+@$(if $(filter kernel,$(TEST)),,$(MAKE) --no-print-directory -s ARCH=arm64 STATIC=1 $(ARM64_TOOLS))
	@$(PYTEST) tests/arm64 $(if $(TEST),-k "$(TEST)")
else
boot: need-test
	+@$(MAKE) --no-print-directory -s hv guest image
	@/usr/bin/python3 guest/run-tests.py
	@$(PYTEST) tests/boot $(if $(HV),--hv=$(HV)) $(if $(TEST),-k $(TEST))
endif

system: need-test
	+@$(MAKE) --no-print-directory -s hv guest image image-disk image-tools image-qemu test-programs
	@$(PYTEST) tests/compat $(if $(HV),--hv=$(HV)) $(if $(TOOLS),--tools=$(TOOLS)) $(if $(TEST),-k $(TEST))

vmx: need-bochs
	+@$(MAKE) --no-print-directory -s hv guest
	@/usr/bin/python3 guest/run-bochs.py $(if $(MODEL),--model $(MODEL)) $(TEST)

vmx-debian: need-bochs
	+@$(MAKE) --no-print-directory -s hv image
	@/usr/bin/python3 guest/run-bochs.py --debian $(if $(MODEL),--model $(MODEL))

cells: need-test
	+@$(MAKE) --no-print-directory -s hv guest image image-disk image-tools
	@failed=0; for cell in $(CELLS); do \
	    echo "cell: hypervisor $${cell%:*}, tools $${cell#*:}"; \
	    $(PYTEST) $(CELL_TESTS) --hv=$${cell%:*} --tools=$${cell#*:} $(if $(TEST),-k $(TEST)) || failed=1; \
	done; [ $$failed = 0 ]

ifeq ($(ARCH),arm64)
bench: need-run need-arm64
	+@$(MAKE) --no-print-directory -s ARCH=arm64 hv guest $(IMAGE_ARM64)
	@/usr/bin/python3 guest/bench_arm64.py
else
bench: need-run
	+@$(MAKE) --no-print-directory -s hv guest image
	@/usr/bin/python3 guest/bench.py
endif

bench-tools: need-run
	+@$(MAKE) --no-print-directory -s hv guest image image-tools
	@/usr/bin/python3 tests/bench/toolstack.py

# xenstored and its clients, on this machine: no hypervisor, no emulation.
store: need-test
	+@$(MAKE) --no-print-directory -s build/debs/stamp cmd
	@$(PYTEST) tests/store $(if $(TEST),-k $(TEST))

build/no_xen.so: tests/bench/no_xen.c
	$(Q)$(CC) -shared -fPIC -O2 -o $@ $< -ldl

build/tests/least: tests/bench/least.c | $(ABI_INCLUDE)/xen
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O2 $(WARN) -I. -isystem $(ABI_INCLUDE) -D__XEN_TOOLS__ -o $@ $<

bench-store: need-test build/no_xen.so build/tests/least
	+@$(MAKE) --no-print-directory -s build/debs/stamp cmd
	@/usr/bin/python3 tests/bench/xenstored.py $(if $(PART),--part $(PART))

test: need-test
	+@sh tests/run-all.sh "$(MAKE)"

# Programs that run in dom0 or a guest, without any library.
.PHONY: test-programs
test-programs: build/tests/load
build/tests/%: tests/load/%.c
	@mkdir -p $(@D)
	@echo "  CC   $<"
	$(Q)$(CC) -std=gnu11 -O2 -Wall -Wextra -Werror -Wshadow -static -o $@ $< -lpthread
