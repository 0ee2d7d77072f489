/* SPDX-License-Identifier: MIT */
/*
 * Every key of xl.cfg(5) of Xen 4.17 in one table, in the order of the man page. Sorted by what becomes of
 * it: a member of struct domain_config, a reader of its own, HVM only, or not built yet.
 */
#include "lib/conf/domain_keys.h"

#include <string.h>

#define UNLIMITED INT64_MAX

#define ROW(k, name_, member) .name = (name_), .kind = (k), .offset = offsetof(struct domain_config, member)
#define STRING(name_, member)                                                                                \
    {                                                                                                        \
        ROW(KEY_STRING, name_, member)                                                                       \
    }
#define BOOL(name_, member)                                                                                  \
    {                                                                                                        \
        ROW(KEY_BOOL, name_, member)                                                                         \
    }
#define INT64(name_, member, low, high)                                                                      \
    {                                                                                                        \
        ROW(KEY_INT64, name_, member), .min = (low), .max = (high)                                           \
    }
#define UINT(name_, member, low, high)                                                                       \
    {                                                                                                        \
        ROW(KEY_UINT, name_, member), .min = (low), .max = (high)                                            \
    }
#define MIB(name_, member)                                                                                   \
    {                                                                                                        \
        ROW(KEY_MIB, name_, member), .min = 1, .max = 1LL << 40                                              \
    }
#define ACTION(name_, member)                                                                                \
    {                                                                                                        \
        ROW(KEY_ACTION, name_, member)                                                                       \
    }
#define OTHER(name_, function)                                                                               \
    {                                                                                                        \
        .name = (name_), .kind = KEY_OTHER, .set = (function)                                                \
    }
#define EARLY(name_)                                                                                         \
    {                                                                                                        \
        .name = (name_), .kind = KEY_EARLY                                                                   \
    }
#define HVM(name_)                                                                                           \
    {                                                                                                        \
        .name = (name_), .kind = KEY_HVM                                                                     \
    }
#define UNBUILT(name_)                                                                                       \
    {                                                                                                        \
        .name = (name_), .kind = KEY_UNBUILT                                                                 \
    }
#define UNLESS(name_, word)                                                                                  \
    {                                                                                                        \
        .name = (name_), .kind = KEY_UNBUILT, .off = (word)                                                  \
    }

static const struct domain_key keys[] = {
    /* what it is */
    STRING("name", name),
    EARLY("type"),
    EARLY("builder"),
    OTHER("uuid", domain_set_uuid),
    UNBUILT("seclabel"),
    UNBUILT("init_seclabel"),
    /* CPUs */
    STRING("pool", pool),
    UINT("vcpus", vcpus, 1, 8192),
    UINT("maxvcpus", maxvcpus, 1, 8192),
    OTHER("cpus", domain_set_cpus),
    OTHER("cpus_soft", domain_set_cpus_soft),
    INT64("cpu_weight", cpu_weight, 1, 65535),
    INT64("cap", cap, 0, 65535),
    UNBUILT("period"),
    UNBUILT("slice"),
    UNBUILT("latency"),
    UNBUILT("extratime"),
    /* memory */
    MIB("memory", memory_kib),
    MIB("maxmem", maxmem_kib),
    UNBUILT("vnuma"),
    /* events */
    ACTION("on_poweroff", on_poweroff),
    ACTION("on_reboot", on_reboot),
    ACTION("on_crash", on_crash),
    ACTION("on_watchdog", on_watchdog),
    ACTION("on_soft_reset", on_soft_reset),
    /* booting */
    STRING("kernel", kernel),
    STRING("ramdisk", ramdisk),
    STRING("cmdline", cmdline),
    OTHER("root", domain_set_root),
    OTHER("extra", domain_set_extra),
    UNBUILT("firmware"),
    UNBUILT("firmware_override"),
    STRING("bootloader", bootloader),
    OTHER("bootloader_args", domain_set_bootloader_args),
    UNBUILT("pvshim"),
    UNBUILT("pvshim_path"),
    UNBUILT("pvshim_cmdline"),
    UNBUILT("pvshim_extra"),
    /* limits and options */
    INT64("max_grant_frames", max_grant_frames, 1, UINT32_MAX),
    INT64("max_maptrack_frames", max_maptrack_frames, 0, UINT32_MAX),
    INT64("max_grant_version", max_grant_version, 0, 2),
    INT64("max_event_channels", max_event_channels, 1, INT32_MAX),
    BOOL("nomigrate", nomigrate),
    BOOL("driver_domain", driver_domain),
    UNBUILT("device_tree"),
    UNLESS("passthrough", "disabled"),
    BOOL("xend_suspend_evtchn_compat", suspend_evtchn_compat),
    UNBUILT("vmtrace_buf_kb"),
    UNBUILT("vpmu"),
    /* devices */
    OTHER("disk", domain_set_disks),
    OTHER("vif", domain_set_vifs),
    UNBUILT("vif2"),
    UNBUILT("vtpm"),
    UNBUILT("p9"),
    UNBUILT("pvcalls"),
    UNBUILT("vfb"),
    OTHER("channel", domain_set_channels),
    UNLESS("rdm", "none"),
    UNBUILT("rdm_mem_boundary"),
    UNBUILT("usbctrl"),
    UNBUILT("usbdev"),
    UNBUILT("pci"),
    UNBUILT("pci_permissive"),
    UNBUILT("pci_msitranslate"),
    UNBUILT("pci_seize"),
    UNBUILT("pci_power_mgmt"),
    UNBUILT("gfx_passthru"),
    UNBUILT("dtdev"),
    UNBUILT("ioports"),
    UNBUILT("iomem"),
    UNBUILT("irqs"),
    UNBUILT("vdispl"),
    UNBUILT("vsnd"),
    UNBUILT("vkb"),
    UNBUILT("e820_host"),
    /* PVH and HVM */
    BOOL("hap", hap),
    HVM("oos"),
    INT64("shadow_memory", shadow_memory_mib, 0, 1 << 30),
    UNBUILT("nestedhvm"),
    UNBUILT("cpuid"),
    UNLESS("altp2m", "disabled"),
    UNBUILT("altp2mhvm"),
    OTHER("tsc_mode", domain_set_tsc_mode),
    BOOL("localtime", localtime),
    INT64("rtc_timeoffset", rtc_timeoffset, INT32_MIN, INT32_MAX),
    HVM("vpt_align"),
    HVM("timer_mode"),
    UNBUILT("mca_caps"),
    UNBUILT("msr_relaxed"),
    BOOL("acpi", acpi),
    /* HVM */
    HVM("boot"),
    HVM("hdtype"),
    HVM("bios"),
    HVM("bios_path_override"),
    HVM("pae"),
    HVM("acpi_s3"),
    HVM("acpi_s4"),
    HVM("acpi_laptop_slate"),
    HVM("apic"),
    HVM("nx"),
    HVM("hpet"),
    HVM("acpi_firmware"),
    HVM("smbios_firmware"),
    HVM("ms_vm_genid"),
    HVM("mmio_hole"),
    HVM("xen_platform_pci"),
    HVM("viridian"),
    HVM("videoram"),
    HVM("stdvga"),
    HVM("vga"),
    UNBUILT("vnc"),
    HVM("vnclisten"),
    HVM("vncdisplay"),
    HVM("vncunused"),
    HVM("vncpasswd"),
    HVM("vncviewer"),
    HVM("keymap"),
    UNBUILT("sdl"),
    HVM("opengl"),
    HVM("display"),
    HVM("xauthority"),
    HVM("nographic"),
    HVM("spice"),
    HVM("spicehost"),
    HVM("spiceport"),
    HVM("spicetls_port"),
    HVM("spicedisable_ticketing"),
    HVM("spicepasswd"),
    HVM("spiceagent_mouse"),
    HVM("spicevdagent"),
    HVM("spice_clipboard_sharing"),
    HVM("spiceusbredirection"),
    HVM("spice_image_compression"),
    HVM("spice_streaming_video"),
    HVM("serial"),
    HVM("soundhw"),
    HVM("vkb_device"),
    HVM("usb"),
    HVM("usbversion"),
    HVM("usbdevice"),
    HVM("vendor_device"),
    /* device model */
    HVM("device_model"),
    HVM("device_model_version"),
    HVM("device_model_override"),
    HVM("device_model_args"),
    HVM("device_model_args_pv"),
    HVM("device_model_args_hvm"),
    HVM("device_model_stubdomain_override"),
    HVM("device_model_stubdomain_seclabel"),
    HVM("device_model_user"),
    HVM("dm_restrict"),
    HVM("stubdomain_kernel"),
    HVM("stubdomain_cmdline"),
    HVM("stubdomain_ramdisk"),
    HVM("stubdomain_memory"),
    /* Arm */
    UNLESS("gic_version", "default"),
    OTHER("vuart", domain_set_vuart),
    UNLESS("tee", "none"),
};

#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

const struct domain_key *domain_key_at(unsigned int index)
{
    return index < KEY_COUNT ? &keys[index] : NULL;
}

const struct domain_key *domain_key_find(const char *name)
{
    for (unsigned int i = 0; i < KEY_COUNT; i++) {
        if (strcmp(keys[i].name, name) == 0) {
            return &keys[i];
        }
    }
    return NULL;
}
