/* SPDX-License-Identifier: MIT */
/*
 * The commands of xl: one row each. `xl help`, the completion and the manual page are made from these rows.
 *
 * A command that is not listed does not exist; what Debian's xl has and this one has not is in
 * docs/support.md.
 */
#include <stddef.h>

#include "cmd/xl/xl.h"

#define DOMAIN "Domains"
#define VIEW   "Looking"
#define CPU    "CPUs and memory"
#define SCHED  "Schedulers and CPU pools"
#define DEVICE "Devices"
#define HOST   "The host"

const struct xl_command xl_commands[] = {
    { "create", xl_create, "<ConfigFile>... [options] [key=value]...",
      "Create domains from configuration files", xl_create_options, DOMAIN, true, 0 },
    { "config-update", xl_config_update, "<Domain> <ConfigFile> [options] [key=value]...",
      "Replace the configuration that the domain restarts with", xl_config_update_options, DOMAIN, false, 1 },
    { "check", xl_check, "<ConfigFile>... [key=value]...",
      "Say what keeps this machine from running a configuration, creating nothing", xl_check_options, DOMAIN,
      false, 0 },
    { "shutdown", xl_shutdown, "[options] <-a|Domain>", "Ask a domain to shut down", xl_shutdown_options,
      DOMAIN, true, 0 },
    { "reboot", xl_reboot, "[options] <-a|Domain>", "Ask a domain to restart", xl_reboot_options, DOMAIN,
      true, 0 },
    { "destroy", xl_destroy, "[options] <Domain>", "End a domain at once", xl_destroy_options, DOMAIN, true,
      1 },
    { "pause", xl_pause, "<Domain>", "Stop a domain's CPUs", NULL, DOMAIN, true, 1 },
    { "unpause", xl_unpause, "<Domain>", "Let a paused domain run", NULL, DOMAIN, true, 1 },
    { "rename", xl_rename, "<Domain> <NewDomainName>", "Give a domain another name", NULL, DOMAIN, false, 2 },
    { "trigger", xl_trigger, "<Domain> <nmi|reset|init|power|sleep|s3resume> [<VCPU>]",
      "Raise a hardware signal in a domain", NULL, DOMAIN, false, 2 },
    { "sysrq", xl_sysrq, "<Domain> <letter>", "Send a magic system request to a Linux guest", NULL, DOMAIN,
      false, 2 },
    { "dump-core", xl_dump_core, "<Domain> <filename>", "Write a domain's memory to a file", NULL, DOMAIN,
      false, 2 },
    { "monitor", xl_monitor, "[options]", "Watch all guests and act when they stop", xl_monitor_options,
      DOMAIN, false, 0 },

    { "list", xl_list, "[options] [Domain]...", "List domains", xl_list_options, VIEW, true, 0 },
    { "vm-list", xl_vm_list, "", "List guests by UUID", NULL, VIEW, false, 0 },
    { "domid", xl_domid, "<DomainName>", "Number of a domain", NULL, VIEW, false, 1 },
    { "domname", xl_domname, "<DomainId>", "Name of a domain", NULL, VIEW, false, 1 },
    { "uptime", xl_uptime, "[-s] [Domain]...", "How long domains have run", xl_uptime_options, VIEW, true,
      0 },
    { "claims", xl_claims, "", "List memory promised to domains", NULL, VIEW, false, 0 },
    { "top", xl_top, "[options]", "Watch what domains use", xl_top_options, VIEW, true, 0 },
    { "metrics", xl_metrics, "", "Counters of host and domains for Prometheus", NULL, VIEW, false, 0 },
    { "console", xl_console, "[options] <Domain>", "Attach to a domain's console (ctrl-] leaves it)",
      xl_console_options, VIEW, true, 1 },
    { "vncviewer", xl_vncviewer, "[options] <Domain>", "Show a domain's graphical console",
      xl_vncviewer_options, VIEW, false, 1 },

    { "vcpu-list", xl_vcpu_list, "[Domain]...", "List virtual CPUs", NULL, CPU, true, 0 },
    { "vcpu-pin", xl_vcpu_pin, "[options] <Domain> <VCPU|all> <hard CPUs|-|all> [<soft CPUs|-|all>]",
      "Choose the CPUs a virtual CPU runs on", xl_vcpu_pin_options, CPU, false, 3 },
    { "vcpu-set", xl_vcpu_set, "[options] <Domain> <count>", "Set how many virtual CPUs are online",
      xl_vcpu_set_options, CPU, true, 2 },
    { "mem-max", xl_mem_max, "<Domain> <Mem>[b|k|m|g|t]", "Set the memory a domain may use", NULL, CPU, false, 2 },
    { "mem-set", xl_mem_set, "<Domain> <Mem>[b|k|m|g|t]", "Set the memory a domain should use now", NULL, CPU, true,
      2 },

    { "sched-credit", xl_sched_credit,
      "[-d <Domain> [-w[=WEIGHT]|-c[=CAP]]] [-s [-t TSLICE] [-r RATELIMIT]] [-p CPUPOOL]",
      "Show or set credit scheduler parameters", xl_sched_credit_options, SCHED, false, 0 },
    { "sched-credit2", xl_sched_credit2,
      "[-d <Domain> [-w[=WEIGHT]|-c[=CAP]]] [-s [-r RATELIMIT]] [-p CPUPOOL]",
      "Show or set credit2 scheduler parameters", xl_sched_credit2_options, SCHED, false, 0 },
    { "cpupool-list", xl_cpupool_list, "[-c] [<CPU Pool>]", "List CPU pools", xl_cpupool_list_options, SCHED,
      false, 0 },
    { "cpupool-create", xl_cpupool_create, "[<ConfigFile>] [key=value]...", "Create a CPU pool",
      xl_cpupool_create_options, SCHED, false, 0 },
    { "cpupool-destroy", xl_cpupool_destroy, "<CPU Pool>", "Remove an empty CPU pool", NULL, SCHED, false,
      1 },
    { "cpupool-rename", xl_cpupool_rename, "<CPU Pool> <new name>", "Give a CPU pool another name", NULL,
      SCHED, false, 2 },
    { "cpupool-cpu-add", xl_cpupool_cpu_add, "<CPU Pool> <CPU list>", "Add CPUs to a pool", NULL, SCHED,
      false, 2 },
    { "cpupool-cpu-remove", xl_cpupool_cpu_remove, "<CPU Pool> <CPU list>", "Take CPUs from a pool", NULL,
      SCHED, false, 2 },
    { "cpupool-migrate", xl_cpupool_migrate, "<Domain> <CPU Pool>", "Move a domain to a CPU pool", NULL,
      SCHED, false, 2 },

    { "block-attach", xl_block_attach, "<Domain> <disk-spec-component>...", "Plug a disk into a domain", NULL,
      DEVICE, true, 2 },
    { "block-list", xl_block_list, "<Domain>...", "List disks of domains", NULL, DEVICE, true, 1 },
    { "block-detach", xl_block_detach, "[--force] <Domain> <DevId>", "Unplug a disk", xl_block_detach_options,
      DEVICE, true, 2 },
    { "network-attach", xl_network_attach, "<Domain> [key=value]...",
      "Plug a network interface into a domain", NULL, DEVICE, true, 1 },
    { "network-list", xl_network_list, "<Domain>...", "List network interfaces of domains", NULL, DEVICE,
      true, 1 },
    { "network-detach", xl_network_detach, "<Domain> <DevId|mac>", "Unplug a network interface", NULL, DEVICE,
      true, 2 },
    { "console-list", xl_console_list, "<Domain>...", "List consoles of domains", NULL, DEVICE, false, 1 },
    { "channel-list", xl_channel_list, "<Domain>...", "List channels of domains", NULL, DEVICE, false, 1 },
    { "devd", xl_devd, "[options]", "Set up devices this domain is the backend of", xl_devd_options, DEVICE,
      false, 0 },

    { "info", xl_info, "[-n] [NAME]", "Describe the host; only the values of lines that begin with NAME",
      xl_info_options, HOST, true, 0 },
    { "dmesg", xl_dmesg, "[-c]", "Show the hypervisor's messages", xl_dmesg_options, HOST, true, 0 },
    { "debug-keys", xl_debug_keys, "<Keys>", "Press debug keys of the hypervisor", NULL, HOST, false, 1 },
    { "set-parameters", xl_set_parameters, "<Params>", "Change run-time options of the hypervisor", NULL,
      HOST, false, 1 },
    { "getenforce", xl_getenforce, "", "State of the FLASK security module", NULL, HOST, false, 0 },
    { "help", xl_main_help, "[--long] [<subcommand>]", "Explain the subcommands", NULL, HOST, true, 0 },
};

const unsigned int xl_command_count = sizeof(xl_commands) / sizeof(xl_commands[0]);
