# SPDX-License-Identifier: MIT
# make install DESTDIR=...: the hypervisor's image, its GRUB generator, the toolstack and its services, the documentation.
#   make install-hv, make install-tools   one of the two; PREFIX=/usr/local is where programs go
# Debian's xen-utils stay as they are: /usr/local/sbin comes first in root's PATH, and the units of the same name in
# /etc/systemd/system take the place of Debian's.
DESTDIR ?= /
PREFIX  ?= /usr/local
SBINDIR := $(PREFIX)/sbin
MANDIR  := $(PREFIX)/share/man
UNITDIR := /etc/systemd/system

.PHONY: install install-hv install-tools man
install: install-hv install-tools

install-hv: hv
	install -D -m 644 $(B)/proxenos.gz $(DESTDIR)/boot/proxenos.gz
	install -D -m 644 $(B)/proxenos-syms $(DESTDIR)/usr/lib/debug/boot/proxenos-syms
	install -D -m 755 install/20_linux_proxenos $(DESTDIR)/etc/grub.d/20_linux_proxenos
	install -d $(DESTDIR)/usr/share/doc/proxenos
	install -m 644 README.md LICENSE docs/*.md $(DESTDIR)/usr/share/doc/proxenos/

# The manual pages come out of the programs' own tables, so only a machine that can run them makes them.
MAN_XL := build/man/xl.1 build/man/xl.cfg.5 build/man/xl.conf.5
man: $(MAN_XL) build/man/xenstored.8
$(MAN_XL): $(BIN)/xl
	@mkdir -p $(@D)
	$(Q)$< help --man=$(basename $(@F)) > $@
build/man/xenstored.8: $(BIN)/xenstored
	@mkdir -p $(@D)
	$(Q)$< --man > $@

install-tools: cmd
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(UNITDIR) $(DESTDIR)/var/log/xen/console $(DESTDIR)/etc/xen/auto
	for p in $(PROGRAMS); do \
	    if [ -L $$p ]; then cp -P $$p $(DESTDIR)$(SBINDIR)/; else install -s --strip-program=$(CROSS_$(ARCH))strip -m 755 $$p $(DESTDIR)$(SBINDIR)/; fi; \
	done
	$(if $(CROSS_$(ARCH)),,$(MAKE) --no-print-directory -s man)
	$(if $(CROSS_$(ARCH)),,install -d $(addprefix $(DESTDIR)$(MANDIR)/man,1 5 8))
	$(if $(CROSS_$(ARCH)),,install -m 644 build/man/xl.1 $(DESTDIR)$(MANDIR)/man1/)
	$(if $(CROSS_$(ARCH)),,install -m 644 build/man/xl.cfg.5 build/man/xl.conf.5 $(DESTDIR)$(MANDIR)/man5/)
	$(if $(CROSS_$(ARCH)),,install -m 644 build/man/xenstored.8 $(DESTDIR)$(MANDIR)/man8/)
	install -m 755 install/xendomains.sh $(DESTDIR)$(SBINDIR)/xendomains
	for u in install/systemd/*; do \
	    sed 's|@SBINDIR@|$(SBINDIR)|' $$u > $(DESTDIR)$(UNITDIR)/$${u##*/} || exit 1; \
	done
	install -D -m 644 install/xl.bash-completion $(DESTDIR)$(PREFIX)/share/bash-completion/completions/xl
