/* SPDX-License-Identifier: MIT */
/* Firmware's power interface (Arm DEN 0022), called as the device tree's /psci says. Numbers are shared with the
 * guests' PSCI (vpsci.c). */
#ifndef HV_ARCH_ARM_CPU_PSCI_H
#define HV_ARCH_ARM_CPU_PSCI_H

#include "hv/lib/types.h"

#define PSCI_VERSION           0x84000000U
#define PSCI_CPU_SUSPEND       0x84000001U
#define PSCI_CPU_OFF           0x84000002U
#define PSCI_CPU_ON            0x84000003U
#define PSCI_AFFINITY_INFO     0x84000004U
#define PSCI_MIGRATE_INFO_TYPE 0x84000006U
#define PSCI_SYSTEM_OFF        0x84000008U
#define PSCI_SYSTEM_RESET      0x84000009U
#define PSCI_FEATURES          0x8400000aU
#define PSCI_SYSTEM_SUSPEND    0x8400000eU
#define PSCI_V01_CPU_OFF       1U          /* of PSCI 0.1, as the public headers number them for guests */
#define PSCI_V01_CPU_ON        2U
#define PSCI_64                0x40000000U /* the form with 64-bit arguments */
#define SMCCC_VERSION          0x80000000U
#define SMCCC_ARCH_FEATURES    0x80000001U

#define PSCI_OK             0
#define PSCI_NOT_SUPPORTED  (-1)
#define PSCI_INVALID        (-2)
#define PSCI_DENIED         (-3)
#define PSCI_ALREADY_ON     (-4)
#define PSCI_ON_PENDING     (-5)

/* Finds the conduit; without /psci there is no reset, and other CPUs only if they wait in a spin table. */
void psci_init(void);
int psci_cpu_on(uint64_t mpidr, uint64_t entry, uint64_t context);

#endif
