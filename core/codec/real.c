/* SPDX-License-Identifier: Apache-2.0 */
/* Floating point numbers from one width to another, bit by bit. IEEE 754-2019 §3.4. */
#include "core/codec/real.h"

#include <string.h>

#define FRACTION_BITS 52
#define HIDDEN_BIT (UINT64_C(1) << FRACTION_BITS)
#define FRACTION_MASK (HIDDEN_BIT - 1)
#define EXPONENT_MAX 0x7ff
#define BIAS 1023

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

static int bias_of(proa__real_format format)
{
    return (1 << (format.exponent_bits - 1)) - 1;
}

double proa__real_widen(uint64_t bits, proa__real_format format)
{
    unsigned width = (unsigned)format.exponent_bits + format.fraction_bits;
    int exponent_max = (1 << format.exponent_bits) - 1;
    uint64_t sign = bits >> width & 1;
    int exponent = (int)(bits >> format.fraction_bits) & exponent_max;
    uint64_t hidden = UINT64_C(1) << format.fraction_bits;
    uint64_t fraction = bits & (hidden - 1);
    if (exponent == exponent_max) {
        exponent = EXPONENT_MAX;
    } else if (exponent > 0) {
        exponent += BIAS - bias_of(format);
    } else if (fraction > 0 && format.exponent_bits < 11) {
        /* Subnormal there, normal here: the leading one becomes the hidden bit. */
        exponent = 1 + BIAS - bias_of(format);
        while ((fraction & hidden) == 0) {
            fraction <<= 1;
            exponent--;
        }
        fraction &= hidden - 1;
    }
    return proa__real_of_bits(sign << 63 | (uint64_t)exponent << FRACTION_BITS |
                              fraction << (FRACTION_BITS - format.fraction_bits));
}

/* Exponent and fraction of a finite value other than zero. False if bits would be lost. */
static bool narrow_finite(int exponent, uint64_t fraction, proa__real_format format, uint64_t *out)
{
    int drop = FRACTION_BITS - format.fraction_bits;
    int narrow_exponent = exponent - BIAS + bias_of(format);
    if (narrow_exponent >= (1 << format.exponent_bits) - 1) {
        return false;
    }
    if (narrow_exponent < 1) {
        fraction |= HIDDEN_BIT; /* a double's own subnormals end below, at too many bits to drop */
        drop += 1 - narrow_exponent;
        narrow_exponent = 0;
        if (drop > FRACTION_BITS) {
            return false;
        }
    }
    if ((fraction & ((UINT64_C(1) << drop) - 1)) != 0) {
        return false;
    }
    *out = (uint64_t)narrow_exponent << format.fraction_bits | fraction >> drop;
    return true;
}

bool proa__real_narrow(double value, proa__real_format format, uint64_t *bits)
{
    uint64_t wide = proa__real_bits(value);
    unsigned width = (unsigned)format.exponent_bits + format.fraction_bits;
    int exponent = (int)(wide >> FRACTION_BITS) & EXPONENT_MAX;
    uint64_t fraction = wide & FRACTION_MASK;
    uint64_t sign = wide >> 63 << width;
    uint64_t infinity = ((UINT64_C(1) << format.exponent_bits) - 1) << format.fraction_bits;
    uint64_t magnitude = 0;
    if (exponent == EXPONENT_MAX) {
        magnitude = infinity;
        if (fraction != 0) {
            magnitude |= UINT64_C(1) << (format.fraction_bits - 1);
            sign = 0;
        }
    } else if (format.exponent_bits == 11) {
        magnitude = wide & ~(UINT64_C(1) << 63);
    } else if ((exponent != 0 || fraction != 0) &&
               !narrow_finite(exponent, fraction, format, &magnitude)) {
        return false;
    }
    *bits = sign | magnitude;
    return true;
}
