/* SPDX-License-Identifier: Apache-2.0 */
/* Long division, as on paper, with digits of 16 bits. */
#include "core/base/divide.h"

uint64_t proa_divide(uint64_t value, uint16_t divisor, uint32_t *rest)
{
    uint64_t quotient = 0;
    uint32_t left = 0;
    for (unsigned shift = 64; shift > 0;) {
        shift -= 16;
        left = left << 16 | (uint16_t)(value >> shift);
        quotient = quotient << 16 | left / divisor;
        left %= divisor;
    }
    *rest = left;
    return quotient;
}
