# SPDX-License-Identifier: MIT
# What runs on the hypervisor: Debian's kernel and toolstack as dom0, a small guest, and Debian's Xen as the peer.
#   make image   build/image/{vmlinuz,vmlinux,dom0.cpio.gz,guest.cpio.gz}, build/peer/xen.elf
#   make image-disk   build/image/{guest-disk.img,grub-x86_64-xen.bin,grub-i386-xen_pvh.bin}: a Debian guest on a disk
#   make image-tools  build/image/dom0-ours.cpio.gz: the same dom0 with our toolstack, as static programs, and none of
#                     Debian's; build/image/dom0-tools.cpio.gz: with both
#   make image-qemu   build/image/qemu.cpio.gz: Debian's QEMU as a backend, to be put behind dom0's
#   make run     boots it; variables are listed by `make help`; ARCH=arm64 with Debian's arm64 dom0 kernel and guest
IMG := build/image
IMAGE := $(IMG)/vmlinuz $(IMG)/vmlinux $(IMG)/guest.cpio.gz $(IMG)/dom0.cpio.gz build/peer/xen.elf
IMAGE_DISK := $(IMG)/guest-disk.img $(IMG)/grub-x86_64-xen.bin $(IMG)/grub-i386-xen_pvh.bin

IMAGE_ARM64 := $(addprefix $(IMG)/arm64/,vmlinuz guest.cpio.gz dom0-base.cpio.gz dom0.cpio.gz peer)
$(IMG)/arm64/%: image/build-arm64.sh image/packages-dom0.txt $(wildcard image/dom0/* image/guest/*)
	@echo "  CPIO $(IMG)/arm64"
	$(Q)sh image/build-arm64.sh

.PHONY: image image-disk image-tools run need-build need-run need-test need-bochs
need-build:
	@sh image/need.sh image/packages-build.txt
need-run:
	@sh image/need.sh image/packages-build.txt image/packages-run.txt
need-test:
	@sh image/need.sh image/packages-build.txt image/packages-run.txt image/packages-test.txt image/packages-fuzz.txt \
	    image/packages-bochs.txt
need-bochs:
	@sh image/need.sh image/packages-build.txt image/packages-run.txt image/packages-bochs.txt

# The cross compiler, and a library of the other architecture, which dpkg has to know first.
.PHONY: need-arm64
need-arm64:
	@dpkg --print-foreign-architectures | grep -qx arm64 || dpkg --add-architecture arm64
	@sh image/need.sh image/packages-arm64.txt

image: $(IMAGE)
image-disk: image $(IMAGE_DISK)

build/debs/stamp: image/packages-dom0.txt image/download.sh
	$(Q)sh image/download.sh

$(IMG)/vmlinuz: build/debs/stamp
	@mkdir -p $(@D)
	$(Q)cp build/debs/root/boot/vmlinuz-$$(cat build/debs/stamp) $@

$(IMG)/vmlinux: $(IMG)/vmlinuz image/extract-vmlinux.py
	@echo "  XZ   $@"
	$(Q)python3 image/extract-vmlinux.py $< $@

$(IMG)/guest.cpio.gz: build/debs/stamp image/build-guest.sh $(wildcard image/guest/*) image/dom0/rig.sh
	@mkdir -p $(@D)
	@echo "  CPIO $@"
	$(Q)sh image/build-guest.sh

$(IMG)/dom0-base.cpio.gz: $(IMG)/dom0.cpio.gz
$(IMG)/dom0.cpio.gz: build/debs/stamp image/build-dom0.sh image/pick.py $(wildcard image/dom0/*) $(IMG)/guest.cpio.gz
	@echo "  CPIO $@"
	$(Q)sh image/build-dom0.sh

# What is in it is known when the tools are built: hence the second make, which does nothing when nothing changed.
image-tools: image
	+@$(MAKE) --no-print-directory -s STATIC=1 $(IMG)/dom0-ours.cpio.gz $(IMG)/dom0-tools.cpio.gz

$(IMG)/tools.cpio.gz: image/build-tools.sh install/xendomains.sh $(PROGRAMS) $(TOOL_TESTS)
	@echo "  CPIO $@"
	$(Q)sh image/build-tools.sh $@ $(PROGRAMS) $(TOOL_TESTS)

$(IMG)/dom0-tools.cpio.gz: $(IMG)/dom0.cpio.gz $(IMG)/tools.cpio.gz
$(IMG)/dom0-ours.cpio.gz: $(IMG)/dom0-base.cpio.gz $(IMG)/tools.cpio.gz
$(IMG)/dom0-ours.cpio.gz $(IMG)/dom0-tools.cpio.gz:
	$(Q)cat $^ > $@.tmp
	$(Q)mv $@.tmp $@

.PHONY: image-qemu
image-qemu: $(IMG)/qemu.cpio.gz
$(IMG)/qemu.cpio.gz: build/debs/stamp image/build-qemu.sh image/packages-qemu.txt image/pick.py
	@mkdir -p $(@D)
	$(Q)sh image/build-qemu.sh

# The Debian guest of the disk tests, and GRUB as a PV guest: too slow to make for `make run`, so not in $(IMAGE).
$(IMG)/guest-disk.img: build/debs/stamp image/build-disk.sh image/packages-disk.txt $(wildcard image/disk/*) \
    image/dom0/rig.sh
	@mkdir -p $(@D)
	$(Q)sh image/build-disk.sh

# As a PV guest and as a PVH guest. xzio: Debian's kernel holds an XZ payload, which GRUB has to unpack itself for a PV
# guest.
$(IMG)/grub-%.bin: image/disk/grub-embedded.cfg image/image.mk
	@mkdir -p $(@D)
	@echo "  GRUB $@"
	$(Q)grub-mkstandalone -O $* -o $@ --fonts= --themes= --locales= --modules="ext2 gzio xzio" \
	    --install-modules="normal configfile search search_fs_file ext2 linux echo cat ls gzio xzio test" \
	    boot/grub/grub.cfg=image/disk/grub-embedded.cfg

build/peer/xen.elf: build/debs/stamp
	@mkdir -p $(@D)
	$(Q)zcat build/debs/root/boot/xen-4.17-amd64.gz > $@.tmp
	$(Q)mv $@.tmp $@

# The same with our toolstack, cross-built, of arm64: without Debian's, and with both.
ARM64_TOOLS := $(IMG)/arm64/dom0-ours.cpio.gz $(IMG)/arm64/dom0-tools.cpio.gz
ifeq ($(ARCH),arm64)
$(IMG)/arm64/tools.cpio.gz: image/build-tools.sh install/xendomains.sh $(PROGRAMS)
	@echo "  CPIO $@"
	$(Q)ARCH=arm64 sh image/build-tools.sh $@ $(PROGRAMS)
$(IMG)/arm64/dom0-tools.cpio.gz: $(IMG)/arm64/dom0.cpio.gz $(IMG)/arm64/tools.cpio.gz
$(IMG)/arm64/dom0-ours.cpio.gz: $(IMG)/arm64/dom0-base.cpio.gz $(IMG)/arm64/tools.cpio.gz
$(ARM64_TOOLS):
	$(Q)cat $^ > $@.tmp
	$(Q)mv $@.tmp $@
endif

RUN_ENV = $(foreach v,ARCH TOOLS KERNEL INITRD MEM CPUS HV HV_ARGS DOM0_ARGS CPU GIC,$(v)="$($(v))")

# Package installation comes first: what is to be built is known only then.
ifeq ($(ARCH),arm64)
run: need-run need-arm64
	+@$(MAKE) --no-print-directory -s ARCH=arm64 hv $(IMAGE_ARM64)
	+@$(if $(filter debian,$(TOOLS)),,$(MAKE) --no-print-directory -s ARCH=arm64 STATIC=1 $(ARM64_TOOLS))
	@$(RUN_ENV) sh image/run.sh
else
run: need-run
	+@$(MAKE) --no-print-directory -s hv image $(if $(filter debian,$(TOOLS)),,image-tools)
	@$(RUN_ENV) sh image/run.sh
endif
