# SPDX-License-Identifier: MIT
# The tests that need a machine. `make test` is what CI runs: it installs what is missing, builds, and ends in one line
# `N passed, N failed` over unit tests, test kernels and system tests together.
#   make boot     test kernels as dom0, then Debian's dom0 and bad dom0 images
#   make system   xl against a PV guest, disk and network, leak test
#   make bench    ours beside Debian's Xen
PYTEST := /usr/bin/python3 -m pytest -q -p no:cacheprovider

.PHONY: boot system system-short bench test
boot: hv guest image
	$(Q)/usr/bin/python3 guest/run-tests.py
	$(Q)$(PYTEST) tests/boot

system: hv guest image
	$(Q)$(PYTEST) tests/compat $(if $(TEST),-k $(TEST))

bench: hv guest image
	$(Q)/usr/bin/python3 guest/bench.py

test: need-test
	+@sh tests/run-all.sh "$(MAKE)"
