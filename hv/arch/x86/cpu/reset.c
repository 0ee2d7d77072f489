/* SPDX-License-Identifier: MIT */
/* Reboot by ACPI's reset register, port 0xcf9, the keyboard controller, and at last a triple fault. */
#include "hv/arch/x86/cpu/reset.h"

#include "hv/arch/x86/cpu/acpi.h"
#include "hv/arch/x86/cpu/instr.h"
#include "hv/arch_cpu.h"

#define SPACE_MEMORY 0
#define SPACE_IO     1
#define SPINS        2000000U

static char method;

void reset_set_method(char m)
{
    method = m;
}

static void pause_for_effect(void)
{
    for (unsigned int i = 0; i < SPINS; i++) {
        arch_relax();
    }
}

static void by_acpi(void)
{
    const struct acpi_machine *m = &acpi_machine;

    if (m->reset_address == 0) {
        return;
    }
    if (m->reset_space == SPACE_IO) {
        arch_port_out((uint16_t)m->reset_address, m->reset_value, 1);
    } else if (m->reset_space == SPACE_MEMORY) {
        volatile uint8_t *reg = arch_map_device(_paddr(m->reset_address), 1);

        if (reg != NULL) {
            *reg = m->reset_value;
        }
    }
    pause_for_effect();
}

static void by_cf9(void)
{
    arch_port_out(0xcf9, 0x02, 1);
    arch_port_out(0xcf9, 0x06, 1);
    pause_for_effect();
}

static void by_keyboard(void)
{
    arch_port_out(0x64, 0xfe, 1);
    pause_for_effect();
}

static void by_triple_fault(void)
{
    static const struct {
        uint16_t limit;
        uint64_t base;
    } PACKED none = { 0, 0 };

    __asm__ __volatile__("lidt %0; int3" ::"m"(none));
}

static const struct {
    char letter;
    void (*act)(void);
} methods[] = {
    { 'a', by_acpi }, { 'p', by_cf9 }, { 'k', by_keyboard }, { 't', by_triple_fault }
};

/* In VMX operation the INIT by which some machines reset is held back. */
static void leave_vmx(void)
{
    if (read_cr4() & CR4_VMXE) {
        __asm__ __volatile__("vmxoff" ::: "cc", "memory");
    }
}

static void reboot(void)
{
    leave_vmx();
    for (unsigned int i = 0; i < ARRAY_SIZE(methods); i++) {
        if (methods[i].letter == method) {
            methods[i].act();
        }
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(methods) && method != 'n'; i++) {
        methods[i].act();
    }
}

void reset_acpi_sleep(uint16_t pm1a, uint16_t pm1b)
{
    const struct acpi_machine *m = &acpi_machine;

    if (m->pm1a_control != 0) {
        arch_port_out(m->pm1a_control, pm1a, 2);
    }
    if (m->pm1b_control != 0) {
        arch_port_out(m->pm1b_control, pm1b, 2);
    }
    pause_for_effect();
}

void arch_reset(enum arch_reset how)
{
    arch_irq_disable();
    arch_stop_others();
    if (how == ARCH_RESET_REBOOT) {
        reboot();
    }
    arch_halt();
}
