/* SPDX-License-Identifier: MIT */
/*
 * Manual pages, made from the tables that the programs themselves read: xl(1) from the table of commands, xl.cfg(5)
 * and xl.conf(5) from those of keys. `xl help --man=xl`, `--man=xl.cfg` and `--man=xl.conf` print them as roff;
 * install-tools does so.
 */
#include "cmd/xl/man.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/xl/xl.h"
#include "lib/base/roff.h"
#include "lib/conf/domain_keys.h"
#include "lib/conf/host_config.h"

/* What each key that is built is for. */
static const struct {
    const char *key, *help;
} key_help[] = {
    { "name", "The domain's name: unique on the host, no slash, not a number alone. Must be there." },
    { "type", "\"pv\" or \"pvh\", x86; \"hvm\" is known and refused: it is not built yet." },
    { "builder", "Old name of type: \"generic\" or \"linux\" is a PV guest." },
    { "uuid", "The domain's UUID; a random one otherwise." },
    { "pool", "Name or number of the CPU pool it runs in." },
    { "vcpus", "Virtual CPUs that are online at the start; 1 when not set." },
    { "maxvcpus", "The most it can ever have; as vcpus when not set." },
    { "cpus", "CPUs its virtual CPUs may run on: \"0-3,5,^2\", \"nodes:0\", \"all\", or a list with one for each." },
    { "cpus_soft", "CPUs they run on by preference; written as cpus." },
    { "cpu_weight", "Share of CPU time against other domains; 256 is the usual." },
    { "cap", "The most CPU time, in percent of one CPU; 0 is no limit." },
    { "memory", "Memory at the start, in MiB." },
    { "maxmem", "The most memory xl mem-set can give it, in MiB; as memory when not set. PVH: populated on demand." },
    { "on_poweroff", "What becomes of it when it has shut down; destroy when not set." },
    { "on_reboot", "When it asks for a reboot; restart when not set." },
    { "on_crash", "When it has crashed; destroy when not set." },
    { "on_watchdog", "When its watchdog was not fed; destroy when not set." },
    { "on_soft_reset", "When it asks for a new start in place; it is restarted." },
    { "kernel", "The kernel's file in dom0: an ELF file with Xen notes (PVH: an entry's) or a Linux bzImage." },
    { "ramdisk", "The initial RAM disk's file in dom0." },
    { "cmdline", "The kernel's command line. With it, root and extra mean nothing." },
    { "root", "Adds root=... to the command line." },
    { "extra", "Is added to the command line." },
    { "bootloader", "A program, such as pygrub, that finds kernel and RAM disk on the first disk." },
    { "bootloader_args", "Arguments for it: a list, or one string." },
    { "max_grant_frames", "The most frames of its grant table." },
    { "max_maptrack_frames", "The most frames that track what it has mapped of others." },
    { "max_grant_version", "The highest version of grant tables it may use." },
    { "max_event_channels", "The highest number of an event channel; 1023 when not set." },
    { "nomigrate", "It may not be moved to another host." },
    { "driver_domain", "It serves devices to other domains: it may write the nodes that takes." },
    { "xend_suspend_evtchn_compat", "Is accepted and kept." },
    { "disk", "A list of disks, see DISKS." },
    { "vif", "A list of network interfaces, see NETWORKS." },
    { "channel", "A list of channels: connection=pty or connection=socket,path=..., name=..." },
    { "hap", "PVH: the hardware walks the guest's memory; 1 when not set. 0: shadow tables, if there are." },
    { "shadow_memory", "PVH: MiB for the hypervisor's tables of it; else 1 a vcpu and 8 KiB a MiB of maxmem." },
    { "tsc_mode", "How the time stamp counter reads: default, always_emulate, native or native_paravirt." },
    { "localtime", "The guest's clock is local time." },
    { "rtc_timeoffset", "Seconds the guest's clock is off UTC." },
    { "acpi", "PVH: the guest gets ACPI tables, by which it finds its virtual CPUs; 1 when not set." },
    { "vuart", "Arm: sbsa_uart gives the guest an emulated UART beside its console; see `xl console -t vuart`." },
};

const char *man_key_help(const char *key)
{
    for (unsigned int i = 0; i < sizeof(key_help) / sizeof(key_help[0]); i++) {
        if (!strcmp(key_help[i].key, key)) {
            return key_help[i].help;
        }
    }
    return NULL;
}

const char *man_key_at(unsigned int index)
{
    return index < sizeof(key_help) / sizeof(key_help[0]) ? key_help[index].key : NULL;
}

/* ---- xl(1) -------------------------------------------------------------------------------------- */

static void option(const struct xl_option *o)
{
    char names[80];
    bool letter = o->letter < XL_OPTION_JSON;

    snprintf(names, sizeof(names), "-%c%s%s", letter ? o->letter : '-', o->name && letter ? ", --" : "",
             o->name ? o->name : "");
    roff_item(stdout, names, o->argument, o->help);
}

static void commands(void)
{
    const char *group = "";

    for (unsigned int i = 0; i < xl_command_count; i++) {
        const struct xl_command *c = &xl_commands[i];

        if (strcmp(group, c->group)) {
            group = c->group;
            roff_section(stdout, group);
        }
        roff_item(stdout, c->name, c->synopsis, c->summary);
        if (c->options && c->options->letter) {
            printf(".RS\n");
            for (const struct xl_option *o = c->options; o->letter; o++) {
                option(o);
            }
            printf(".RE\n");
        }
    }
}

static void page_xl(void)
{
    roff_title(stdout, "xl", 1, "manage the guests of a Xen compatible hypervisor");
    roff_section(stdout, "SYNOPSIS");
    printf(".B xl\n[\\-vfNtT] command [options] [arguments]\n");
    roff_section(stdout, "DESCRIPTION");
    roff_line(stdout, "A command may be shortened to any beginning no other command has. A domain is given by "
                      "name or number. Options may come before or after arguments.");
    printf(".PP\nEvery command that prints state takes\n.B \\-\\-json\nand prints it as JSON.\n");
    roff_item(stdout, "-v", NULL, "Say more");
    roff_item(stdout, "-N", NULL, "Do nothing, but say what would be done");
    roff_item(stdout, "-T", NULL, "Put the time before messages");
    commands();
    roff_section(stdout, "EXIT STATUS");
    roff_line(stdout, "0: done. 1: failed. 2: wrong usage. 3: a create that failed.");
    roff_section(stdout, "FILES");
    roff_item(stdout, "/etc/xen/xl.conf", NULL, "Settings of the host");
    roff_item(stdout, "/etc/xen/auto", NULL, "Configurations xendomains starts with the machine");
    roff_item(stdout, "/var/log/xen", NULL, "What became of guests, and their consoles");
    roff_section(stdout, "SEE ALSO");
    roff_see_also(stdout, "xl.cfg", 5);
    roff_see_also(stdout, "xl.conf", 5);
    roff_see_also(stdout, "xenstored", 8);
}

/* ---- xl.cfg(5) ---------------------------------------------------------------------------------- */

static const char *kind_of(const struct domain_key *k, char *out, size_t size)
{
    static const char *const kinds[] = { [KEY_STRING] = "\"text\"", [KEY_BOOL] = "0 or 1", [KEY_MIB] = "MiB",
                                         [KEY_ACTION] = "\"action\"" };

    if (k->kind == KEY_INT64 || k->kind == KEY_UINT) {
        snprintf(out, size, "%lld to %lld", (long long)k->min, (long long)k->max);
        return out;
    }
    return k->kind < sizeof(kinds) / sizeof(kinds[0]) && kinds[k->kind] ? kinds[k->kind] : "";
}

static void names_of(enum key_kind kind)
{
    const struct domain_key *k;
    bool first = true;

    for (unsigned int i = 0; (k = domain_key_at(i)); i++) {
        if (k->kind == kind) {
            fputs(first ? "" : ",\n", stdout);
            roff_text(stdout, k->name);
            first = false;
        }
    }
    printf(".\n");
}

static void page_cfg(void)
{
    const struct domain_key *k;
    char range[48];

    roff_title(stdout, "xl.cfg", 5, "configuration of a guest");
    roff_section(stdout, "DESCRIPTION");
    roff_line(stdout, "Lines of KEY = VALUE. A value is a number, a \"string\" or a [ list ] of values with commas "
                      "between; # begins a comment. A key that is unknown is warned of; an error names file, line "
                      "and column.");
    roff_section(stdout, "EXAMPLE");
    printf(".nf\nname = \"guest\"\nkernel = \"/boot/vmlinuz\"\nramdisk = \"/boot/initrd.img\"\nmemory = 512\n"
           "vcpus = 2\ndisk = [ \"file:/srv/guest.img,xvda,w\" ]\nvif = [ \"bridge=xenbr0\" ]\n.fi\n");
    roff_section(stdout, "KEYS");
    for (unsigned int i = 0; (k = domain_key_at(i)); i++) {
        if (k->kind != KEY_HVM && k->kind != KEY_UNBUILT) {
            const char *help = man_key_help(k->name);

            roff_item(stdout, k->name, kind_of(k, range, sizeof(range)), help ? help : "");
        }
    }
    printf(".PP\nActions: destroy, restart, rename\\-restart, preserve, coredump\\-destroy, coredump\\-restart.\n");
    roff_section(stdout, "DISKS");
    roff_line(stdout, "TARGET,FORMAT,VDEV,ACCESS as in \"/srv/guest.img,raw,xvda,w\", or named: target=, format=, "
                      "vdev=, access=, script=, backend=, devtype=cdrom. The old \"phy:DEVICE,VDEV,MODE\" and "
                      "\"file:IMAGE,VDEV,MODE\" are taken too.");
    roff_section(stdout, "NETWORKS");
    roff_line(stdout, "mac=, bridge=, ip=, script=, vifname=, rate=, backend=, gatewaydev=, mtu=, separated by "
                      "commas. Without mac= one of 00:16:3e is made up.");
    roff_section(stdout, "KEYS OF HVM GUESTS");
    roff_line(stdout, "Known, and without meaning to the guests that are built:");
    names_of(KEY_HVM);
    roff_section(stdout, "NOT BUILT");
    roff_line(stdout, "Refused unless they ask for nothing:");
    names_of(KEY_UNBUILT);
    roff_section(stdout, "SEE ALSO");
    roff_see_also(stdout, "xl", 1);
}

/* ---- xl.conf(5) --------------------------------------------------------------------------------- */

/* What each key of the host is for, and how its value is written. */
static const struct {
    const char *key, *value, *help;
} host_help[] = {
    { "autoballoon", "\"auto\", \"on\", \"off\"", "Is accepted; dom0's memory is what dom0_mem= gave it." },
    { "run_hotplug_scripts", "0 or 1", "Is accepted: xl runs the scripts of devices itself." },
    { "claim_mode", "0 or 1", "Whether a guest's memory is claimed before it is built, so that a lack of it shows at "
                              "once; 1 when not set." },
    { "lockfile", "\"file\"", "Is accepted; creations of several guests need no lock between them." },
    { "blkdev_start", "\"xvda\"", "Is accepted." },
    { "vif.default.script", "\"script\"", "The script of network interfaces that name none; vif-bridge when not set." },
    { "vifscript", "\"script\"", "Old name of vif.default.script." },
    { "vif.default.bridge", "\"bridge\"", "The bridge of network interfaces that name none; xenbr0 when not set." },
    { "defaultbridge", "\"bridge\"", "Old name of vif.default.bridge." },
    { "vif.default.backend", "\"domain\"", "The domain that serves network interfaces which name none; dom0 when not "
                                           "set." },
    { "vif.default.gatewaydev", "\"device\"", "What vif-route and vif-nat send packets through." },
    { "max_grant_frames", "number", "The most frames of a guest's grant table, where its configuration says nothing." },
    { "max_maptrack_frames", "number", "The same of the frames that track what it has mapped." },
    { "max_grant_version", "1 or 2", "The highest version of grant tables guests may use." },
    { "vm.cpumask", "\"CPUs\"", "Is checked, and has no effect: use cpus in the guests' configurations." },
    { "vm.hvm.cpumask", "\"CPUs\"", "As vm.cpumask." },
    { "vm.pv.cpumask", "\"CPUs\"", "As vm.cpumask." },
    { "domid_policy", "\"random\"", "Is accepted." },
    { "output_format", "\"json\" or \"sxp\"", "Is accepted; xl prints JSON." },
    { "remus.default.netbufscript", "\"script\"", "Is accepted without effect." },
    { "colo.default.proxyscript", "\"script\"", "Is accepted without effect." },
};

const char *man_host_help(const char *key, const char **value)
{
    for (unsigned int i = 0; i < sizeof(host_help) / sizeof(host_help[0]); i++) {
        if (!strcmp(host_help[i].key, key)) {
            *value = host_help[i].value;
            return host_help[i].help;
        }
    }
    return NULL;
}

static void page_conf(void)
{
    const char *key;

    roff_title(stdout, "xl.conf", 5, "settings of the host for all guests");
    roff_section(stdout, "DESCRIPTION");
    roff_line(stdout, "/etc/xen/xl.conf is read by every command that needs it. It is written as xl.cfg(5) is. A file "
                      "that is not there means that nothing is set; a key that is unknown is warned of.");
    roff_section(stdout, "KEYS");
    for (unsigned int i = 0; (key = host_key_at(i)); i++) {
        const char *value = "", *help = man_host_help(key, &value);

        roff_item(stdout, key, value, help ? help : "");
    }
    roff_section(stdout, "SEE ALSO");
    roff_see_also(stdout, "xl", 1);
    roff_see_also(stdout, "xl.cfg", 5);
}

int man_print(const char *page)
{
    if (!strcmp(page, "xl")) {
        page_xl();
    } else if (!strcmp(page, "xl.cfg")) {
        page_cfg();
    } else if (!strcmp(page, "xl.conf")) {
        page_conf();
    } else {
        return -ENOENT;
    }
    return 0;
}
