/* SPDX-License-Identifier: MIT */
/*
 * Building dom0: the hardware domain as a PV guest, from the first boot module (kernel) and the second
 * (initrd). dom0_build() returns with dom0 ready to run and unpaused; what is wrong with kernel or memory it
 * says in one line and then ends the boot.
 */
#ifndef HV_INIT_DOM0_PV_H
#define HV_INIT_DOM0_PV_H

#include "hv/lib/types.h"

struct domain;

void dom0_build(void);

/* dom0_rights.c: what dom0 may touch of the machine. */
MUST_CHECK int dom0_rights_grant(struct domain *d);

#endif
