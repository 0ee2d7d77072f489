# SPDX-License-Identifier: MIT
# Linking the 64-bit Arm image: link twice (the second time with the symbol table of the first), flatten. The result
# is an Image as boot loaders know it. libfdt is Debian's (libfdt-dev of the architecture).
HV_LIBS := $(shell $(CC) -print-file-name=libfdt.a)

# Erratum 843419 of Cortex-A53: all of the image is within reach of ADR; with stubs each layout that needs one gains a page.
HV_LDFLAGS := -m aarch64elf -static --gc-sections --build-id=sha1 -z noexecstack -z max-page-size=4096 \
    --no-warn-rwx-segments --fix-cortex-a53-843419=adr -T hv/arch/arm/arm64/hv.lds
HV_CFLAGS += -ffunction-sections -fdata-sections
$(B)/hv/init/arm/%.o $(B)/hv/drivers/fdt.o: HV_CFLAGS += -isystem /usr/include/aarch64-linux-gnu
HV_FOR_SIZE += mm/boot_alloc.o base/symbols.o drivers/ns16550.o lib/printf.o
HV_FOR_SIZE += $(addprefix arch/arm/,cpu/errata.o cpu/paging.o guest/arm_domctl.o)

# EARLY_UART=pl011,ADDRESS or ns16550,ADDRESS[,SHIFT]: output before the device tree is read, on this port.
ifneq ($(EARLY_UART),)
comma := ,
EARLY_WORDS := $(subst $(comma), ,$(EARLY_UART))
ifeq ($(and $(filter pl011 ns16550,$(firstword $(EARLY_WORDS))),$(filter 0x%,$(word 2,$(EARLY_WORDS)))),)
$(error EARLY_UART is pl011,0xADDRESS or ns16550,0xADDRESS[,SHIFT])
endif
HV_CFLAGS += -DEARLY_UART -DEARLY_UART_$(firstword $(EARLY_WORDS)) -DEARLY_UART_ADDRESS=$(word 2,$(EARLY_WORDS)) \
    -DEARLY_UART_SHIFT=$(or $(word 3,$(EARLY_WORDS)),0)
endif

$(B)/symbols.empty.o: scripts/symbols.py
	@mkdir -p $(@D)
	$(Q)python3 scripts/symbols.py < /dev/null > $(B)/symbols.empty.S
	$(Q)$(CC) -c -o $@ $(B)/symbols.empty.S

$(B)/proxenos-syms: $(HV_OBJ) $(B)/symbols.empty.o hv/arch/arm/arm64/hv.lds $(HV_LIBS)
	@echo "  LD   $@"
	$(Q)$(LD) $(HV_LDFLAGS) -o $@.1 $(HV_OBJ) $(B)/symbols.empty.o $(HV_LIBS)
	$(Q)$(NM) -n $@.1 | python3 scripts/symbols.py > $(B)/symbols.S
	$(Q)$(CC) -c -o $(B)/symbols.o $(B)/symbols.S
	$(Q)$(LD) $(HV_LDFLAGS) -Map $@.map -o $@ $(HV_OBJ) $(B)/symbols.o $(HV_LIBS)
	$(Q)rm -f $@.1

$(B)/proxenos: $(B)/proxenos-syms
	$(Q)$(OBJCOPY) -O binary $< $@

$(B)/proxenos.gz: $(B)/proxenos
	$(Q)gzip -9 -n -c $< > $@
