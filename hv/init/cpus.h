/* SPDX-License-Identifier: MIT */
/* Starting the machine's other CPUs; returns when all that will come are online. */
#ifndef HV_INIT_CPUS_H
#define HV_INIT_CPUS_H

void cpus_start(void);

#endif
