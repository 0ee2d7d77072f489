# SPDX-License-Identifier: MIT
# make install DESTDIR=...: the image, its GRUB generator and the documentation.
DESTDIR ?= /

.PHONY: install
install: hv
	install -D -m 644 $(B)/proxenos.gz $(DESTDIR)/boot/proxenos.gz
	install -D -m 644 $(B)/proxenos-syms $(DESTDIR)/usr/lib/debug/boot/proxenos-syms
	install -D -m 755 install/20_linux_proxenos $(DESTDIR)/etc/grub.d/20_linux_proxenos
	install -d $(DESTDIR)/usr/share/doc/proxenos
	install -m 644 README.md LICENSE docs/*.md $(DESTDIR)/usr/share/doc/proxenos/
