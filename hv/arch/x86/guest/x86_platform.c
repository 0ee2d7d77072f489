/* SPDX-License-Identifier: MIT */
/*
 * Platform operations of a PC: what the firmware left behind, CPUs by APIC identifier, ACPI sleep, power
 * management tables that the hardware domain reads for us.
 *
 * The hypervisor is started by Multiboot and makes no BIOS calls, so there is no disk or display data to
 * pass on: the kernel is told that there are no more entries. Of UEFI firmware it hands on the tables.
 */
#include "abi/platform.h"

#include "hv/arch/x86/cpu/efi.h"
#include "hv/arch/x86/cpu/instr.h"
#include "hv/arch/x86/cpu/ioapic.h"
#include "hv/arch/x86/cpu/irq.h"
#include "hv/arch/x86/cpu/reset.h"
#include "hv/arch/x86/cpu/smp.h"
#include "hv/base/printk.h"
#include "hv/core/arch_guest.h"
#include "hv/lib/string.h"

#define SLEEP_S5      5U
#define SLEEP_ENABLE  0x2000U /* SLP_EN of PM1 control */

static int efi_vendor(union xenpf_efi_info *info)
{
    guest_ptr_t name = guest_ptr(info->vendor.name);
    size_t size = 0;

    while (efi_firmware.vendor[size] != 0) {
        size++;
    }
    size = MIN((size + 1) * sizeof(uint16_t), (size_t)info->vendor.bufsz);
    info->vendor.revision = efi_firmware.vendor_revision;
    return guest_ptr_is_null(name) ? 0 : copy_to_guest(name, efi_firmware.vendor, size);
}

static int efi_info(uint32_t index, union xenpf_efi_info *info)
{
    if (!efi_firmware.present) {
        return -ENOSYS;
    }
    switch (index) {
    case XEN_FW_EFI_VERSION:
        info->version = efi_firmware.revision;
        return 0;
    case XEN_FW_EFI_RT_VERSION:
        info->version = efi_firmware.runtime_revision;
        return efi_firmware.runtime_revision != 0 ? 0 : -EOPNOTSUPP;
    case XEN_FW_EFI_CONFIG_TABLE:
        info->cfg.addr = efi_firmware.config_address;
        info->cfg.nent = efi_firmware.config_count;
        return 0;
    case XEN_FW_EFI_VENDOR:
        return efi_vendor(info);
    default:
        return -ESRCH;
    }
}

static int firmware_info(struct xen_platform_op *op, bool *copy_back)
{
    struct xenpf_firmware_info *f = &op->u.firmware_info;
    int rc;

    switch (f->type) {
    case XEN_FW_DISK_INFO:
    case XEN_FW_DISK_MBR_SIGNATURE:
    case XEN_FW_VBEDDC_INFO:
        return -ESRCH;
    case XEN_FW_EFI_INFO:
        rc = efi_info(f->index, &f->u.efi_info);
        *copy_back = rc == 0;
        return rc;
    case XEN_FW_KBD_SHIFT_FLAGS:
        if (f->index != 0) {
            return -ESRCH;
        }
        f->u.kbd_shift_flags = 0;
        *copy_back = true;
        return 0;
    default:
        return -EINVAL;
    }
}

static unsigned int last_cpu(void)
{
    unsigned int last = 0;
    unsigned int cpu;

    cpumask_for_each(cpu, &arch_cpus_online) {
        last = cpu;
    }
    return last;
}

static void get_cpuinfo(struct xenpf_pcpuinfo *info)
{
    info->max_present = last_cpu();
    if (info->xen_cpuid >= MAX_CPUS || !cpumask_test(&arch_cpus_online, info->xen_cpuid)) {
        info->flags = XEN_PCPU_FLAGS_INVALID;
        return;
    }
    info->flags = XEN_PCPU_FLAGS_ONLINE;
    info->apic_id = smp_apic_id(info->xen_cpuid);
    info->acpi_id = smp_acpi_id(info->xen_cpuid);
}

/* All CPUs are taken to be of the boot CPU's make. */
static void get_cpu_version(struct xenpf_pcpu_version *info)
{
    uint32_t a;
    uint32_t b;
    uint32_t c;
    uint32_t d;

    info->max_present = last_cpu();
    memset(info->vendor_id, 0, sizeof(info->vendor_id));
    info->family = 0;
    info->model = 0;
    info->stepping = 0;
    if (info->xen_cpuid >= MAX_CPUS || !cpumask_test(&arch_cpus_online, info->xen_cpuid)) {
        return;
    }
    cpuid(0, 0, &a, &b, &c, &d);
    memcpy(info->vendor_id, &b, 4);
    memcpy(info->vendor_id + 4, &d, 4);
    memcpy(info->vendor_id + 8, &c, 4);
    cpuid(1, 0, &a, &b, &c, &d);
    info->family = a >> 8 & 0xf;
    info->model = a >> 4 & 0xf;
    info->stepping = a & 0xf;
    if (info->family == 0xf) {
        info->family += a >> 20 & 0xff;
    }
    if (info->family >= 6) {
        info->model |= (a >> 16 & 0xf) << 4;
    }
}

/* Only power off: no CPU state would survive a suspend to memory. */
static int enter_acpi_sleep(const struct xenpf_enter_acpi_sleep *s)
{
    if ((s->flags & ~(uint32_t)XENPF_ACPI_SLEEP_EXTENDED) != 0) {
        return -EINVAL;
    }
    if (s->sleep_state != SLEEP_S5 || (s->flags & XENPF_ACPI_SLEEP_EXTENDED)) {
        return -EOPNOTSUPP;
    }
    if (!((s->val_a | s->val_b) & SLEEP_ENABLE)) {
        return 0;
    }
    log_info("Power off asked for by the hardware domain\n");
    reset_acpi_sleep(s->val_a, s->val_b);
    arch_reset(ARCH_RESET_POWEROFF);
}

/* CPU power states are not driven: the tables are taken and not used. */
static int set_processor_pminfo(const struct xenpf_set_processor_pminfo *p)
{
    switch (p->type) {
    case XEN_PM_CX:
    case XEN_PM_PX:
    case XEN_PM_TX:
    case XEN_PM_PDC:
        return 0;
    default:
        return -EINVAL;
    }
}

int arch_platform_op(struct xen_platform_op *op, guest_ptr_t u_op, bool *copy_back)
{
    switch (op->cmd) {
    case XENPF_firmware_info:
        return firmware_info(op, copy_back);
    case XENPF_enter_acpi_sleep:
        return enter_acpi_sleep(&op->u.enter_acpi_sleep);
    case XENPF_set_processor_pminfo:
        return set_processor_pminfo(&op->u.set_pminfo);
    case XENPF_get_cpuinfo:
        get_cpuinfo(&op->u.pcpu_info);
        *copy_back = true;
        return 0;
    case XENPF_get_cpu_version:
        get_cpu_version(&op->u.pcpu_version);
        *copy_back = true;
        return 0;
    case XENPF_platform_quirk:
        return op->u.platform_quirk.quirk_id <= QUIRK_IOAPIC_GOOD_REGSEL ? 0 : -EINVAL;
    case XENPF_efi_runtime_call:
    case XENPF_add_memtype:
    case XENPF_del_memtype:
    case XENPF_read_memtype:
    case XENPF_microcode_update:
    case XENPF_resource_op:
    case XENPF_get_symbol:
        return -EOPNOTSUPP;
    default:
        return -ENOSYS;
    }
}

void arch_irq_dump(void)
{
    irq_dump();
}

void arch_irq_chip_dump(void)
{
    ioapic_dump();
}
