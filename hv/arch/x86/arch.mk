# SPDX-License-Identifier: MIT
# Linking the x86_64 image: link twice (the second time with the symbol table of the first), flatten,
# wrap into ELF32.
HV_LIBS :=
-include hv/init/libs.mk

HV_LDFLAGS := -m elf_x86_64 -static --gc-sections --build-id=sha1 --no-relax -z noexecstack -z max-page-size=4096 \
    --no-warn-rwx-segments -T hv/arch/x86/hv.lds
HV_CFLAGS += -ffunction-sections -fdata-sections

$(B)/symbols.empty.o: scripts/symbols.py
	@mkdir -p $(@D)
	$(Q)python3 scripts/symbols.py < /dev/null > $(B)/symbols.empty.S
	$(Q)$(CC) -m64 -c -o $@ $(B)/symbols.empty.S

$(B)/proxenos-syms: $(HV_OBJ) $(B)/symbols.empty.o hv/arch/x86/hv.lds $(HV_LIBS)
	@echo "  LD   $@"
	$(Q)$(LD) $(HV_LDFLAGS) -o $@.1 $(HV_OBJ) $(B)/symbols.empty.o $(HV_LIBS)
	$(Q)$(NM) -n $@.1 | python3 scripts/symbols.py > $(B)/symbols.S
	$(Q)$(CC) -m64 -c -o $(B)/symbols.o $(B)/symbols.S
	$(Q)$(LD) $(HV_LDFLAGS) -Map $@.map -o $@ $(HV_OBJ) $(B)/symbols.o $(HV_LIBS)
	$(Q)rm -f $@.1

$(B)/proxenos: $(B)/proxenos-syms hv/arch/x86/wrap.lds
	$(Q)$(OBJCOPY) -O binary $< $@.bin
	$(Q)$(LD) -m elf_i386 -T hv/arch/x86/wrap.lds --no-warn-rwx-segments -z noexecstack \
	    $$($(NM) $< | python3 scripts/wrap_flags.py) -o $@ -b binary $@.bin
	$(Q)rm -f $@.bin

$(B)/proxenos.gz: $(B)/proxenos
	$(Q)gzip -9 -n -c $< > $@
