/* SPDX-License-Identifier: Apache-2.0 */
/* Exact conversion between decimal and binary floating point.
 *
 * Both ways compare whole numbers of up to 1,280 bits, so there is no rounding to argue about.
 * Out: Steele and White's free-format algorithm (Dragon4) in the form of Burger and Dybvig 1996.
 * In: the doubles above zero are in the order of their bits, so a binary search over those bits
 * finds the two neighbours of the number; the one nearer wins. Slower than tables of powers and
 * much smaller: a board converts a handful of values a minute. */
#include "core/codec/decimal.h"

#include <stddef.h>
#include <string.h>

#include "core/codec/real.h"
#include "proa/assert.h"

/* The largest is 10^(326 + 41) * 2^54: below 1,280 bits. */
enum { WORDS_MAX = 40, WORD_BITS = 32 };

typedef struct natural {
    uint32_t words[WORDS_MAX]; /* least significant first */
    unsigned count;            /* words in use; the last of them is not 0 */
} natural;

static natural natural_of(uint64_t value)
{
    natural n = {{(uint32_t)value, (uint32_t)(value >> WORD_BITS)}, 2};
    while (n.count > 0 && n.words[n.count - 1] == 0) {
        n.count--;
    }
    return n;
}

static void multiply(natural *n, uint32_t factor)
{
    uint64_t carry = 0;
    for (unsigned i = 0; i < n->count; i++) {
        carry += (uint64_t)n->words[i] * factor;
        n->words[i] = (uint32_t)carry;
        carry >>= WORD_BITS;
    }
    if (carry > 0) {
        PROA_ASSERT(n->count < WORDS_MAX);
        n->words[n->count++] = (uint32_t)carry;
    }
}

static void multiply_pow10(natural *n, unsigned exponent)
{
    for (; exponent >= 9; exponent -= 9) {
        multiply(n, 1000000000U);
    }
    for (; exponent > 0; exponent--) {
        multiply(n, 10);
    }
}

static void shift_left(natural *n, unsigned bits)
{
    unsigned words = bits / WORD_BITS;
    multiply(n, UINT32_C(1) << bits % WORD_BITS);
    if (words == 0 || n->count == 0) {
        return;
    }
    PROA_ASSERT(n->count + words <= WORDS_MAX);
    memmove(n->words + words, n->words, n->count * sizeof n->words[0]);
    memset(n->words, 0, words * sizeof n->words[0]);
    n->count += words;
}

static void add(natural *n, const natural *m)
{
    uint64_t carry = 0;
    for (unsigned i = 0; i < n->count || i < m->count || carry > 0; i++) {
        PROA_ASSERT(i < WORDS_MAX);
        carry += (uint64_t)(i < n->count ? n->words[i] : 0) + (i < m->count ? m->words[i] : 0);
        n->words[i] = (uint32_t)carry;
        carry >>= WORD_BITS;
        n->count = i < n->count ? n->count : i + 1;
    }
}

/* n -= m, where n >= m. */
static void subtract(natural *n, const natural *m)
{
    uint64_t borrow = 0;
    for (unsigned i = 0; i < n->count; i++) {
        uint64_t take = (uint64_t)(i < m->count ? m->words[i] : 0) + borrow;
        borrow = n->words[i] < take ? 1 : 0;
        n->words[i] = (uint32_t)(n->words[i] - take);
    }
    while (n->count > 0 && n->words[n->count - 1] == 0) {
        n->count--;
    }
}

static int compare(const natural *a, const natural *b)
{
    if (a->count != b->count) {
        return a->count < b->count ? -1 : 1;
    }
    for (unsigned i = a->count; i-- > 0;) {
        if (a->words[i] != b->words[i]) {
            return a->words[i] < b->words[i] ? -1 : 1;
        }
    }
    return 0;
}

/* a + b against c. */
static int compare_sum(const natural *a, const natural *b, const natural *c)
{
    natural sum = *a;
    add(&sum, b);
    return compare(&sum, c);
}

static int bit_length(const natural *n)
{
    int bits = 0;
    if (n->count > 0) {
        for (uint32_t top = n->words[n->count - 1]; top > 0; top >>= 1) {
            bits++;
        }
        bits += (int)(n->count - 1) * WORD_BITS;
    }
    return bits;
}

/* ---- doubles as whole numbers ----------------------------------------------------------- */

enum { FRACTION_BITS = 52, EXPONENT_MIN = -1074 };
#define HIDDEN_BIT (UINT64_C(1) << FRACTION_BITS)
#define INFINITY_BITS (UINT64_C(0x7ff) << FRACTION_BITS)

/* The finite double with these bits is significand * 2^exponent. */
typedef struct parts {
    uint64_t significand;
    int exponent;
} parts;

static parts parts_of(uint64_t bits)
{
    int exponent = (int)(bits >> FRACTION_BITS);
    uint64_t fraction = bits & (HIDDEN_BIT - 1);
    parts p = {fraction, EXPONENT_MIN};
    if (exponent > 0) {
        p.significand |= HIDDEN_BIT;
        p.exponent = exponent - 1 + EXPONENT_MIN;
    }
    return p;
}

/* ---- out -------------------------------------------------------------------------------- */

/* The value is r / s; the numbers nearer to it than to its neighbours reach from (r - below) / s
 * to (r + above) / s, with the ends if `even` (the reader rounds ties to even). */
typedef struct range {
    natural r, s, above, below;
    bool even;
} range;

static void start_range(range *g, parts p, bool narrow_below)
{
    g->r = natural_of(p.significand);
    g->s = natural_of(1);
    g->below = natural_of(1);
    if (p.exponent >= 0) {
        shift_left(&g->r, (unsigned)p.exponent);
        shift_left(&g->below, (unsigned)p.exponent);
    } else {
        shift_left(&g->s, (unsigned)-p.exponent);
    }
    g->above = g->below;
    /* The neighbour below a power of two is only half as far away. */
    shift_left(&g->r, narrow_below ? 2 : 1);
    shift_left(&g->s, narrow_below ? 2 : 1);
    shift_left(&g->above, narrow_below ? 1 : 0);
    g->even = (p.significand & 1) == 0;
}

static bool reaches(const range *g)
{
    int order = compare_sum(&g->r, &g->above, &g->s);
    return g->even ? order >= 0 : order > 0;
}

/* Makes r / s lie in 0.1..1, and returns the power of ten that was taken out. */
static int scale(range *g, int bits)
{
    /* A lower bound of log10: 2^bits > 10^k, and 78913 / 2^18 is a little below log10(2). */
    int k = (int)((int64_t)bits * 78913 / 262144) - (bits < 0 ? 1 : 0);
    if (k >= 0) {
        multiply_pow10(&g->s, (unsigned)k);
    } else {
        multiply_pow10(&g->r, (unsigned)-k);
        multiply_pow10(&g->above, (unsigned)-k);
        multiply_pow10(&g->below, (unsigned)-k);
    }
    while (reaches(g)) {
        multiply(&g->s, 10);
        k++;
    }
    return k;
}

static char next_digit(range *g)
{
    char digit = '0';
    multiply(&g->r, 10);
    multiply(&g->above, 10);
    multiply(&g->below, 10);
    while (compare(&g->r, &g->s) >= 0) {
        subtract(&g->r, &g->s);
        digit++;
    }
    return digit;
}

unsigned proa__decimal_of(double value, char digits[PROA__DECIMAL_DIGITS_MAX], int *exponent)
{
    uint64_t bits = proa__real_bits(value);
    PROA_ASSERT(bits > 0 && bits < INFINITY_BITS);
    parts p = parts_of(bits);
    range g;
    natural whole = natural_of(p.significand);
    start_range(&g, p, p.significand == HIDDEN_BIT && p.exponent > EXPONENT_MIN);
    *exponent = scale(&g, p.exponent + bit_length(&whole) - 1);
    for (unsigned count = 0;; count++) {
        PROA_ASSERT(count < PROA__DECIMAL_DIGITS_MAX);
        char digit = next_digit(&g);
        int low_order = compare(&g.r, &g.below);
        bool low = g.even ? low_order <= 0 : low_order < 0;
        bool high = reaches(&g);
        if (low || high) {
            bool up = high && (!low || compare_sum(&g.r, &g.r, &g.s) >= 0);
            digits[count] = (char)(digit + (up ? 1 : 0));
            return count + 1;
        }
        digits[count] = digit;
    }
}

/* ---- in --------------------------------------------------------------------------------- */

/* number * 10^exponent as left / right, so that it can be compared with doubles. */
typedef struct ratio {
    natural left;  /* digits * 10^exponent if exponent >= 0, else the digits */
    natural right; /* 1, or 10^-exponent */
} ratio;

/* left / right against significand * 2^exponent. */
static int compare_ratio(const ratio *q, uint64_t significand, int exponent)
{
    natural a = q->left;
    natural b = q->right;
    natural low = q->right;
    multiply(&low, (uint32_t)significand);
    multiply(&b, (uint32_t)(significand >> WORD_BITS));
    while (low.count > 0 && low.words[low.count - 1] == 0) {
        low.count--;
    }
    while (b.count > 0 && b.words[b.count - 1] == 0) {
        b.count--;
    }
    shift_left(&b, WORD_BITS);
    add(&b, &low);
    /* Different lengths decide; only equal ones are worth the shift, and fit. */
    int a_bits = bit_length(&a) - (exponent < 0 ? exponent : 0);
    int b_bits = bit_length(&b) + (exponent > 0 ? exponent : 0);
    if (a_bits != b_bits) {
        return a_bits < b_bits ? -1 : 1;
    }
    shift_left(exponent < 0 ? &a : &b, (unsigned)(exponent < 0 ? -exponent : exponent));
    return compare(&a, &b);
}

static natural natural_of_digits(const char *digits, size_t count)
{
    natural n = {{0}, 0};
    for (size_t i = 0; i < count; i++) {
        natural digit = natural_of((uint64_t)(digits[i] - '0'));
        multiply(&n, 10);
        add(&n, &digit);
    }
    return n;
}

bool proa__decimal_to(const char *digits, size_t count, int32_t exponent, double *out)
{
    PROA_ASSERT(count <= PROA__DECIMAL_READ_MAX + 1);
    *out = 0;
    ratio q = {natural_of_digits(digits, count), natural_of(1)};
    /* A lower bound of log10: 78913 / 2^18 is a little below log10(2). */
    int64_t magnitude = exponent + (int64_t)bit_length(&q.left) * 78913 / 262144;
    if (q.left.count == 0 || magnitude < -326) {
        return true; /* below half of the smallest double, 5e-324 */
    }
    if (magnitude > 309) {
        return false;
    }
    multiply_pow10(exponent >= 0 ? &q.left : &q.right,
                   (unsigned)(exponent >= 0 ? exponent : -exponent));
    /* Invariant: the double of `low` is not above the number, that of `high` is. */
    uint64_t low = 0;
    uint64_t high = INFINITY_BITS;
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        parts p = parts_of(middle);
        if (compare_ratio(&q, p.significand, p.exponent) >= 0) {
            low = middle;
        } else {
            high = middle;
        }
    }
    parts p = parts_of(low);
    int order = compare_ratio(&q, 2 * p.significand + 1, p.exponent - 1);
    if (order > 0 || (order == 0 && (low & 1) == 1)) {
        low++;
    }
    *out = proa__real_of_bits(low);
    return low < INFINITY_BITS;
}
