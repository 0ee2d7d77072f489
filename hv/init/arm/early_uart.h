/* SPDX-License-Identifier: MIT */
/*
 * Output before the device tree tells of a console: `make EARLY_UART=pl011,ADDRESS` or `ns16550,ADDRESS[,SHIFT]`.
 * head.S writes to the port before the MMU is on; what is logged goes there from early_uart_start() until the console
 * takes over. Without EARLY_UART there is none of it.
 */
#ifndef HV_INIT_ARM_EARLY_UART_H
#define HV_INIT_ARM_EARLY_UART_H

#include "hv/lib/types.h"

#ifdef EARLY_UART
void early_uart_start(void);
void early_uart_stop(void);
void early_uart_no_tree(uint64_t start);
#else
static inline void early_uart_start(void)
{
}

static inline void early_uart_stop(void)
{
}

static inline void early_uart_no_tree(uint64_t start)
{
    (void)start;
}
#endif

#endif
