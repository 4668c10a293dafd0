/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_CODEC_REAL_H
#define PROA_CORE_CODEC_REAL_H

#include <stdbool.h>
#include <stdint.h>

/* IEEE 754 numbers of other widths than double, as they stand in CBOR (16, 32, 64 bits) and TLV
 * (32, 64 bits), as their bits. NaN stays NaN; written, it is the quiet one without sign and
 * payload. All O(1). */

uint64_t proa__real_bits(double value);
double proa__real_of_bits(uint64_t bits);

/* The double nearest to a whole number, ties to even. The second is false if `value` is not whole or
 * is 2^64 or more, whatever its sign. */
double proa__real_of_whole(uint64_t magnitude, bool negative);
bool proa__real_as_whole(double value, uint64_t *magnitude);

/* 32 bits. The second is false if they have no such value. */
double proa__real_of_float(uint32_t bits);
bool proa__real_as_float(double value, uint32_t *bits);

/* 16 bits, likewise. Without a type for them: a board may have no arithmetic for half floats. */
double proa__real_of_half(uint16_t bits);
bool proa__real_as_half(double value, uint16_t *bits);

#endif
