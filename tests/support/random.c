/* SPDX-License-Identifier: Apache-2.0 */
/* Repeatable randomness for tests: SplitMix64 (Steele, Lea, Flood 2014), which any seed suits. */
#include "tests/support/random.h"

uint64_t test_random_next(test_random *random)
{
    random->state += 0x9e3779b97f4a7c15u;
    uint64_t z = random->state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void fill(void *ctx, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(test_random_next(ctx) >> 56);
    }
}

proa_random test_random_start(test_random *random, uint64_t seed)
{
    random->state = seed;
    return (proa_random){fill, random};
}
