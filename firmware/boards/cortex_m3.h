/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_FIRMWARE_CORTEX_M3_H
#define PROA_FIRMWARE_CORTEX_M3_H

#include <stdint.h>

/* A register of this machine. */
#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

/* Let an interrupt through. */
static inline void cortex_m3_enable(unsigned number)
{
    REGISTER(0xE000E100 + 4 * (number / 32)) = 1U << number % 32;
}

#endif
