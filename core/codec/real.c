/* SPDX-License-Identifier: Apache-2.0 */
/* Floating point numbers from one width to another (IEEE 754-2019 §3.4), as bits: the compiler's own
 * conversions are undefined out of range (C11 §6.3.1.5), know no half floats, and cost a board
 * without floating point a library. */
#include "core/codec/real.h"

#include <string.h>

#define FRACTION_BITS 52
#define HIDDEN_BIT (UINT64_C(1) << FRACTION_BITS)
#define FRACTION_MASK (HIDDEN_BIT - 1)
#define EXPONENT_MAX 0x7ff
#define SIGN_BIT (UINT64_C(1) << 63)
#define INFINITY_BITS ((uint64_t)EXPONENT_MAX << FRACTION_BITS)

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

/* ---- whole numbers ---------------------------------------------------------------------- */

double proa__real_of_whole(uint64_t magnitude, bool negative)
{
    enum { DROP = 63 - FRACTION_BITS, HALF = 1 << (DROP - 1) };
    uint64_t exponent = EXPONENT_MAX / 2 + 63;
    uint64_t bits = 0;
    if (magnitude > 0) {
        for (; magnitude < SIGN_BIT >> 7; magnitude <<= 8) {
            exponent -= 8;
        }
        for (; magnitude < SIGN_BIT; magnitude <<= 1) {
            exponent--;
        }
        unsigned rest = (unsigned)magnitude & ((1U << DROP) - 1);
        bits = magnitude >> DROP;
        bits += rest > HALF || (rest == HALF && (bits & 1) != 0);
        bits += (exponent - 1) << FRACTION_BITS; /* the hidden bit counts it up by one */
    }
    return proa__real_of_bits((negative ? SIGN_BIT : 0) | bits);
}

bool proa__real_as_whole(double value, uint64_t *magnitude)
{
    uint64_t bits = proa__real_bits(value) & ~SIGN_BIT;
    uint64_t significand = (bits & FRACTION_MASK) | HIDDEN_BIT;
    int shift = (int)(bits >> FRACTION_BITS) - EXPONENT_MAX / 2 - FRACTION_BITS;
    bool whole = shift <= 63 - FRACTION_BITS;
    for (; whole && shift > 0; shift--) {
        significand <<= 1;
    }
    for (; whole && shift < 0; shift++) {
        whole = (significand & 1) == 0;
        significand >>= 1;
    }
    *magnitude = whole ? significand : 0;
    return whole || bits == 0;
}

/* ---- narrower formats ------------------------------------------------------------------- */

/* A narrower format. */
typedef struct width {
    int fraction_bits;
    int exponent_max; /* of infinity and NaN */
} width;

static const width float_width = {23, 0xff};
static const width half_width = {10, 0x1f};

/* What the exponents of a double are larger by. */
static int rebias(const width *w)
{
    return EXPONENT_MAX / 2 - w->exponent_max / 2;
}

static double widen(uint32_t bits, const width *w)
{
    const uint32_t hidden = 1U << w->fraction_bits;
    uint32_t fraction = bits & (hidden - 1);
    int exponent = (int)(bits / hidden) & w->exponent_max;
    bool negative = bits / hidden > (uint32_t)w->exponent_max;
    if (exponent == w->exponent_max) {
        exponent = EXPONENT_MAX;
    } else if (exponent > 0) {
        exponent += rebias(w);
    } else if (fraction > 0) { /* subnormal there, normal here */
        exponent = rebias(w) + 1;
        for (; fraction < hidden; fraction <<= 1) {
            exponent--;
        }
    }
    return proa__real_of_bits((negative ? SIGN_BIT : 0) | (uint64_t)exponent << FRACTION_BITS |
                              (uint64_t)(fraction & (hidden - 1))
                                  << (FRACTION_BITS - w->fraction_bits));
}

/* Exponent and fraction of a finite value other than zero. False if bits would be lost. */
static bool narrow_finite(const width *w, int exponent, uint64_t fraction, uint32_t *out)
{
    int drop = FRACTION_BITS - w->fraction_bits;
    exponent -= rebias(w);
    if (exponent >= w->exponent_max) {
        return false;
    }
    if (exponent < 1) {
        fraction |= HIDDEN_BIT; /* or a subnormal double, of which too many bits will drop */
        drop += 1 - exponent;
        exponent = 0;
    }
    bool lost = false;
    for (; drop > 0; drop--) {
        lost = lost || (fraction & 1) != 0;
        fraction >>= 1;
    }
    *out = (uint32_t)exponent << w->fraction_bits | (uint32_t)fraction;
    return !lost;
}

static bool narrow(double value, const width *w, uint32_t *out)
{
    uint64_t bits = proa__real_bits(value);
    uint64_t magnitude = bits & ~SIGN_BIT;
    uint32_t infinity = (uint32_t)w->exponent_max << w->fraction_bits;
    *out = 0;
    if (magnitude > INFINITY_BITS) {
        *out = infinity | 1U << (w->fraction_bits - 1);
        return true;
    }
    if (magnitude == INFINITY_BITS) {
        *out = infinity;
    } else if (magnitude != 0 && !narrow_finite(w, (int)(magnitude >> FRACTION_BITS),
                                                magnitude & FRACTION_MASK, out)) {
        return false;
    }
    if (bits != magnitude) {
        *out |= ((uint32_t)w->exponent_max + 1) << w->fraction_bits;
    }
    return true;
}

double proa__real_of_float(uint32_t bits)
{
    return widen(bits, &float_width);
}

bool proa__real_as_float(double value, uint32_t *bits)
{
    return narrow(value, &float_width, bits);
}

double proa__real_of_half(uint16_t bits)
{
    return widen(bits, &half_width);
}

bool proa__real_as_half(double value, uint16_t *bits)
{
    uint32_t wide;
    bool fits = narrow(value, &half_width, &wide);
    *bits = (uint16_t)wide;
    return fits;
}
