/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_CODEC_DECIMAL_H
#define PROA_CORE_CODEC_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Between decimal and binary numbers, exactly: no locale, no stdio, the same result everywhere, and
 * none of the floating point arithmetic that a processor without it gets from a library. */

/* 17 digits tell any two doubles apart. */
#define PROA__DECIMAL_DIGITS_MAX 17

/* The shortest digits that only this double is nearest to: value = 0.d1d2d3... * 10^exponent.
 * value must be finite and above zero. Returns how many digits. About 600 bytes of stack; ten times
 * what proa__decimal_to takes. */
unsigned proa__decimal_of(double value, char digits[PROA__DECIMAL_DIGITS_MAX], int *exponent);

/* Digits that are read exactly. Doubles halfway between two others have up to 768, but a program
 * that prints more than 40 does not mean them. */
#define PROA__DECIMAL_READ_MAX 40

/* The double nearest to the number with these digits ('0'..'9', at most PROA__DECIMAL_READ_MAX + 1
 * of them) times 10^exponent, ties to even. Too small becomes 0. False if it is too large.
 * O(|exponent|), about 300 bytes of stack. */
bool proa__decimal_to(const char *digits, size_t count, int32_t exponent, double *out);

/* Whether the sum of a few doubles is below, at or above zero: -1, 0, 1. Nothing is rounded.
 * Infinity counts as 2^1024 and NaN as something above it, or below with their signs. */
#define PROA__DECIMAL_TERMS_MAX 4
int proa__decimal_sum_sign(const double *terms, size_t count);

#endif
