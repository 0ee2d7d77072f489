/* SPDX-License-Identifier: MIT */
/*
 * What head.S and hv/init/arm/early_uart.c know of the port of EARLY_UART: where its state is, which bit of it has what
 * value when a byte may be written to its first register, and whether registers are written four bytes wide.
 */
#ifndef HV_ARCH_ARM_ARM64_EARLY_UART_VALUES_H
#define HV_ARCH_ARM_ARM64_EARLY_UART_VALUES_H

#define EARLY_UART_BIT 5 /* of both: transmitter full (PL011), empty (16550) */
#ifdef EARLY_UART_pl011
#define EARLY_UART_STATUS 0x18
#define EARLY_UART_READY  0
#define EARLY_UART_WORDS  1
#else
#define EARLY_UART_STATUS (5 << EARLY_UART_SHIFT)
#define EARLY_UART_READY  1
#define EARLY_UART_WORDS  (EARLY_UART_SHIFT == 2)
#endif

#endif
