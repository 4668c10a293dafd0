/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_CODEC_REAL_H
#define PROA_CORE_CODEC_REAL_H

#include <stdbool.h>
#include <stdint.h>

/* IEEE 754 numbers of other widths than double, as they stand in CBOR (16, 32, 64 bits) and TLV
 * (32, 64 bits). In bits, not in casts: a cast that overflows is undefined, and a board may have
 * no arithmetic for half floats. */
typedef struct proa__real_format {
    uint8_t exponent_bits;
    uint8_t fraction_bits;
} proa__real_format;

#define PROA__REAL16 ((proa__real_format){5, 10})
#define PROA__REAL32 ((proa__real_format){8, 23})
#define PROA__REAL64 ((proa__real_format){11, 52})

/* The bits of a double, and back. */
uint64_t proa__real_bits(double value);
double proa__real_of_bits(uint64_t bits);

/* The double with the same value as `bits` of `format`. NaN stays NaN. O(1). */
double proa__real_widen(uint64_t bits, proa__real_format format);

/* The bits in `format` of the same value; false if it has no such value. NaN becomes the quiet NaN
 * without payload. O(1). */
bool proa__real_narrow(double value, proa__real_format format, uint64_t *bits);

#endif
