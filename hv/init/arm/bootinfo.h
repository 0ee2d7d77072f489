/* SPDX-License-Identifier: MIT */
/*
 * What the loader left in the device tree: RAM, modules, command lines, the serial port.
 *
 * bootinfo_parse() fills `bootinfo` and the floor's `machine`. Strings point into the device tree.
 */
#ifndef HV_INIT_ARM_BOOTINFO_H
#define HV_INIT_ARM_BOOTINFO_H

#include "hv/lib/types.h"

#define BOOT_MODULES_MAX 32

enum boot_module_kind { MODULE_UNKNOWN, MODULE_KERNEL, MODULE_RAMDISK, MODULE_DEVICE_TREE, MODULE_REFUSED };

struct boot_module {
    enum boot_module_kind kind;
    int node;               /* its node in the device tree */
    int domain;             /* node of the xen,domain it belongs to; 0: dom0's */
    uint64_t start;
    uint64_t end;
    const char *args;       /* bootargs; NULL for none */
};

struct bootinfo {
    const char *cmdline;      /* ours */
    const char *dom0_cmdline;
    unsigned int module_count;
    struct boot_module modules[BOOT_MODULES_MAX];
    uint64_t fdt_start;
};

extern struct bootinfo bootinfo;

/* 0, or a negative errno with a phrase in *why. */
MUST_CHECK int bootinfo_parse(const void *fdt, uint64_t fdt_start, const char **why);
/* dom0's module of a kind, or a guest's: NULL when there is none. */
const struct boot_module *bootinfo_module(int domain, enum boot_module_kind kind);
/* Node of the serial port named by dtuart= (an alias or a path), or by /chosen; negative for none. */
int bootinfo_console(const char *dtuart);

#endif
