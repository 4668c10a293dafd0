/* SPDX-License-Identifier: Apache-2.0 */
/* Exact arithmetic with doubles, where it is needed: between decimal and binary, and to compare.
 *
 * Every double is a whole number of steps of 2^-1074, so one long fixed-point number holds any of
 * them, and sums of a few, without rounding. Multiplying and dividing it by ten is a loop over 16
 * bits at a time, which a processor without long division has in hardware. Slower than tables of
 * powers and much smaller: a board converts a handful of values a minute. */
#include "core/codec/decimal.h"

#include <string.h>

#include "core/codec/real.h"
#include "proa/assert.h"

/* Below the point a little more than 1074 bits, for rounding; above it the 1024 of the largest
 * double, NaN as if it were a number, and sums of a few with their sign. */
enum { LIMB_BITS = 16, LIMBS_BELOW = 69, LIMBS_ABOVE = 66, LIMBS = LIMBS_BELOW + LIMBS_ABOVE };

/* The place of the last bit of the smallest double. */
enum { BELOW_BITS = LIMBS_BELOW * LIMB_BITS, LAST_BIT = BELOW_BITS - 1074 };

enum { FRACTION_BITS = 52 };
#define HIDDEN_BIT (UINT64_C(1) << FRACTION_BITS)
#define INFINITY_BITS (UINT64_C(0x7ff) << FRACTION_BITS)
#define SIGN_BIT (UINT64_C(1) << 63)

typedef struct fixed {
    uint16_t limbs[LIMBS]; /* least significant first; below zero in two's complement */
} fixed;

/* What is carried out of the top. */
static uint32_t times_ten(uint16_t *limbs, size_t count, uint32_t carry)
{
    for (size_t i = 0; i < count; i++) {
        carry += limbs[i] * 10U;
        limbs[i] = (uint16_t)carry;
        carry >>= LIMB_BITS;
    }
    return carry;
}

/* What is left over. The divisor has 16 bits. */
static uint32_t divide(fixed *n, uint32_t divisor)
{
    uint32_t rest = 0;
    for (size_t i = LIMBS; i-- > 0;) {
        rest = rest << LIMB_BITS | n->limbs[i];
        n->limbs[i] = (uint16_t)(rest / divisor);
        rest %= divisor;
    }
    return rest;
}

static void add(fixed *n, double term)
{
    uint64_t bits = proa__real_bits(term);
    uint64_t significand = bits & (HIDDEN_BIT - 1);
    unsigned at = LAST_BIT;
    unsigned exponent = (unsigned)(bits >> FRACTION_BITS) & 0x7ff;
    if (exponent > 0) {
        significand |= HIDDEN_BIT;
        at += exponent - 1;
    }
    uint32_t borrow = 0; /* or carry */
    for (size_t i = at / LIMB_BITS; i < LIMBS; i++) {
        uint32_t piece = (uint32_t)(uint16_t)(significand << at % LIMB_BITS) + borrow;
        uint32_t limb = n->limbs[i];
        limb = (bits & SIGN_BIT) != 0 ? limb - piece : limb + piece;
        n->limbs[i] = (uint16_t)limb;
        borrow = limb >> LIMB_BITS & 1;
        significand >>= LIMB_BITS - at % LIMB_BITS;
        at = 0;
    }
}

static bool bit(const fixed *n, unsigned at)
{
    return (n->limbs[at / LIMB_BITS] >> at % LIMB_BITS & 1) != 0;
}

static bool any(const uint16_t *limbs, size_t count)
{
    while (count > 0 && limbs[count - 1] == 0) {
        count--;
    }
    return count > 0;
}

/* The bits of the double nearest to n, which is not below zero; a little more than n if `more`. */
static uint64_t round_off(const fixed *n, bool more)
{
    unsigned low = LAST_BIT; /* the last bit that is kept */
    unsigned top = LIMBS * LIMB_BITS - 1;
    uint64_t kept = 0;
    while (top > low && !bit(n, top)) {
        top--;
    }
    low = top > low + FRACTION_BITS ? top - FRACTION_BITS : low;
    for (unsigned at = top; at >= low; at--) {
        kept = kept << 1 | bit(n, at);
    }
    if (bit(n, low - 1)) {
        for (unsigned at = low - 1; at-- > 0 && !more;) {
            more = bit(n, at);
        }
        kept += more || (kept & 1) != 0;
    }
    /* The hidden bit, or a carry out of the fraction, counts the exponent up by one. */
    return ((uint64_t)(low - LAST_BIT) << FRACTION_BITS) + kept;
}

int proa__decimal_sum_sign(const double *terms, size_t count)
{
    fixed n = {{0}};
    PROA_ASSERT(count <= PROA__DECIMAL_TERMS_MAX);
    for (size_t i = 0; i < count; i++) {
        add(&n, terms[i]);
    }
    return n.limbs[LIMBS - 1] >> (LIMB_BITS - 1) != 0 ? -1 : any(n.limbs, LIMBS);
}

bool proa__decimal_to(const char *digits, size_t count, int32_t exponent, double *out)
{
    fixed n = {{0}};
    bool more = false;
    *out = 0;
    for (; count > 0 && *digits == '0'; count--) {
        digits++;
    }
    int64_t magnitude = exponent + (int64_t)count;
    if (count == 0 || magnitude < -323) {
        return true; /* below half of the smallest double, 5e-324 */
    }
    if (magnitude > 309) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        (void)times_ten(n.limbs + LIMBS_BELOW, LIMBS_ABOVE, (uint32_t)(digits[i] - '0'));
    }
    for (; exponent > 0; exponent--) {
        (void)times_ten(n.limbs + LIMBS_BELOW, LIMBS_ABOVE, 0);
    }
    for (; exponent <= -4; exponent += 4) {
        more = divide(&n, 10000) != 0 || more;
    }
    for (; exponent < 0; exponent++) {
        more = divide(&n, 10) != 0 || more;
    }
    uint64_t bits = round_off(&n, more);
    *out = proa__real_of_bits(bits);
    return bits < INFINITY_BITS;
}

/* ---- out -------------------------------------------------------------------------------- */

/* One more in the last place; true if the first one grew, too: 99 becomes 10, ten times as much. */
static bool count_up(char *digits, unsigned count)
{
    while (count > 0 && digits[count - 1] == '9') {
        digits[--count] = '0';
    }
    if (count == 0) {
        digits[0] = '1';
        return true;
    }
    digits[count - 1]++;
    return false;
}

/* Of the two numbers with `count` digits around the value, the nearer one that gives it back. `cut` has
 * one digit more; false if there is none. */
static bool shorten(double value, const char *cut, unsigned count, char *digits, int *exponent)
{
    bool up = cut[count] >= '5';
    int scale = *exponent;
    for (unsigned tries = 0; tries < 2; tries++, up = !up) {
        double back;
        memcpy(digits, cut, count);
        *exponent = scale + (up && count_up(digits, count));
        if (proa__decimal_to(digits, count, *exponent - (int)count, &back) &&
            proa__real_bits(back) == proa__real_bits(value)) {
            return true;
        }
    }
    return false;
}

unsigned proa__decimal_of(double value, char digits[PROA__DECIMAL_DIGITS_MAX], int *exponent)
{
    fixed n = {{0}};
    char cut[PROA__DECIMAL_DIGITS_MAX + 1];
    int scale = 0;
    uint32_t carry = 0;
    PROA_ASSERT(proa__real_bits(value) - 1 < INFINITY_BITS - 1);
    add(&n, value);
    /* Dividing drops less than one step, so one more is too much by less than any digit here: it
     * makes 0.4999... the 0.5 that was meant. */
    for (; any(n.limbs + LIMBS_BELOW, LIMBS_ABOVE); scale++) {
        carry = divide(&n, 10) != 0 ? 10 : carry;
    }
    for (unsigned i = 0; i < sizeof cut; carry = 0) {
        cut[i] = (char)('0' + times_ten(n.limbs, LIMBS_BELOW, carry));
        if (i > 0 || cut[0] != '0') {
            i++;
        } else {
            scale--;
        }
    }
    /* What so many digits can say, more can, too. */
    unsigned few = 1;
    for (unsigned enough = PROA__DECIMAL_DIGITS_MAX; few < enough;) {
        unsigned count = (few + enough) / 2;
        *exponent = scale;
        if (shorten(value, cut, count, digits, exponent)) {
            enough = count;
        } else {
            few = count + 1;
        }
    }
    *exponent = scale;
    (void)shorten(value, cut, few, digits, exponent);
    return few;
}
