/* SPDX-License-Identifier: MIT */
/*
 * Giving up rights before a guest's disk is looked at: for good, and inherited by the helper that reads file
 * systems. What is left is reading the disk and programs, and writing below one directory.
 *
 * By Landlock (where the kernel has it), no capabilities, no new privileges, no network, limits on memory,
 * time and open files. A kernel without Landlock leaves the rest.
 */
#ifndef CMD_PYGRUB_SANDBOX_H
#define CMD_PYGRUB_SANDBOX_H

#include "lib/base/err.h"

/* directory may be NULL: nothing is written. */
int sandbox_enter(struct err *e, const char *disk, const char *directory);

#endif
