/* SPDX-License-Identifier: Apache-2.0 */
/* Floating point numbers from one width to another. IEEE 754-2019 §3.4. What the compiler's own
 * conversions do exactly is left to them; out of range they are undefined (C11 §6.3.1.5), and half
 * floats they need not know. */
#include "core/codec/real.h"

#include <string.h>

#define FRACTION_BITS 52
#define HIDDEN_BIT (UINT64_C(1) << FRACTION_BITS)
#define FRACTION_MASK (HIDDEN_BIT - 1)
#define EXPONENT_MAX 0x7ff
#define SIGN_BIT (UINT64_C(1) << 63)
#define INFINITY_BITS ((uint64_t)EXPONENT_MAX << FRACTION_BITS)

#define FLOAT_LARGEST 0x1.fffffep127
#define FLOAT_NAN 0x7fc00000U

#define HALF_FRACTION_BITS 10
#define HALF_EXPONENT_MAX 0x1f
#define HALF_REBIAS (1023 - 15)
#define HALF_SMALLEST 0x1p-24
#define HALF_INFINITY 0x7c00U
#define HALF_NAN 0x7e00U

uint64_t proa__real_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

double proa__real_of_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* ---- 32 bits ---------------------------------------------------------------------------- */

double proa__real_of_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return (double)value;
}

bool proa__real_as_float(double value, uint32_t *bits)
{
    uint64_t magnitude = proa__real_bits(value) & ~SIGN_BIT;
    if (magnitude > INFINITY_BITS) {
        *bits = FLOAT_NAN;
        return true;
    }
    if (magnitude < INFINITY_BITS && magnitude > proa__real_bits(FLOAT_LARGEST)) {
        return false;
    }
    float near = (float)value;
    memcpy(bits, &near, sizeof near);
    return (double)near == value;
}

/* ---- 16 bits ---------------------------------------------------------------------------- */

double proa__real_of_half(uint16_t bits)
{
    uint64_t exponent = bits >> HALF_FRACTION_BITS & HALF_EXPONENT_MAX;
    uint64_t fraction = bits & ((1U << HALF_FRACTION_BITS) - 1);
    double magnitude = (double)(int32_t)fraction * HALF_SMALLEST; /* subnormal there, normal here */
    if (exponent > 0) {
        exponent = exponent == HALF_EXPONENT_MAX ? EXPONENT_MAX : exponent + HALF_REBIAS;
        magnitude = proa__real_of_bits(exponent << FRACTION_BITS |
                                       fraction << (FRACTION_BITS - HALF_FRACTION_BITS));
    }
    return bits >> 15 != 0 ? -magnitude : magnitude;
}

/* Exponent and fraction of a finite value other than zero. False if bits would be lost. */
static bool halve(int exponent, uint64_t fraction, uint16_t *out)
{
    int drop = FRACTION_BITS - HALF_FRACTION_BITS;
    exponent -= HALF_REBIAS;
    if (exponent >= HALF_EXPONENT_MAX) {
        return false;
    }
    if (exponent < 1) {
        fraction |= HIDDEN_BIT; /* a double's own subnormals end below, at too many bits to drop */
        drop += 1 - exponent;
        exponent = 0;
        if (drop > FRACTION_BITS) {
            return false;
        }
    }
    if ((fraction & ((UINT64_C(1) << drop) - 1)) != 0) {
        return false;
    }
    *out = (uint16_t)((unsigned)exponent << HALF_FRACTION_BITS | fraction >> drop);
    return true;
}

bool proa__real_as_half(double value, uint16_t *bits)
{
    uint64_t wide = proa__real_bits(value);
    uint64_t magnitude = wide & ~SIGN_BIT;
    uint16_t half = 0;
    if (magnitude > INFINITY_BITS) {
        *bits = HALF_NAN;
        return true;
    }
    if (magnitude == INFINITY_BITS) {
        half = HALF_INFINITY;
    } else if (magnitude != 0 &&
               !halve((int)(magnitude >> FRACTION_BITS), magnitude & FRACTION_MASK, &half)) {
        return false;
    }
    *bits = (uint16_t)(half | wide >> 63 << 15);
    return true;
}
