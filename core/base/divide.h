/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_BASE_DIVIDE_H
#define PROA_CORE_BASE_DIVIDE_H

#include <stdint.h>

/* 64 bits by 16, in four divisions of 32 bits, which a small processor has: the compiler would call a
 * library of 750 bytes. All long divisions of milliseconds and decimal digits are this one.
 *
 * divisor  not 0.
 * rest     out; what is left over. */
uint64_t proa_divide(uint64_t value, uint16_t divisor, uint32_t *rest);

/* Whole seconds. */
static inline uint64_t proa_seconds(uint64_t ms)
{
    uint32_t rest;
    return proa_divide(ms, 1000, &rest);
}

#endif
