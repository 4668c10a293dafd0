/* SPDX-License-Identifier: Apache-2.0 */
/* xoshiro256** (Blackman, Vigna), seeded by splitmix64. */
#include "sim/rng.h"

#include <string.h>

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15U);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
}

void sim_rng_seed(sim_rng *rng, uint64_t seed, uint64_t stream)
{
    uint64_t state = seed * 0xd1342543de82ef95U + stream;
    for (int i = 0; i < 4; i++) {
        rng->state[i] = splitmix(&state);
    }
}

static uint64_t rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

uint64_t sim_rng_next(sim_rng *rng)
{
    uint64_t *s = rng->state;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint32_t sim_rng_below(sim_rng *rng, uint32_t bound)
{
    return (uint32_t)((sim_rng_next(rng) >> 32) * bound >> 32);
}

int sim_rng_chance(sim_rng *rng, uint32_t permille)
{
    return sim_rng_below(rng, 1000) < permille;
}

static void fill(void *ctx, uint8_t *out, size_t len)
{
    while (len > 0) {
        uint64_t word = sim_rng_next(ctx);
        size_t part = len < sizeof word ? len : sizeof word;
        memcpy(out, &word, part);
        out += part;
        len -= part;
    }
}

proa_random sim_rng_random(sim_rng *rng)
{
    proa_random random = {fill, rng};
    return random;
}
