/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SIM_RNG_H
#define PROA_SIM_RNG_H

#include <stdint.h>

#include "proa/random.h"

/* Seeded randomness: the same seed gives the same run, on every machine. xoshiro256** seeded by
 * splitmix64. For simulation only: whoever sees a few outputs knows the rest. */
typedef struct sim_rng {
    uint64_t state[4];
} sim_rng;

/* stream  several independent generators from one seed: the network's, one for each node. */
void sim_rng_seed(sim_rng *rng, uint64_t seed, uint64_t stream);
uint64_t sim_rng_next(sim_rng *rng);

/* 0..bound-1; bound >= 1. */
uint32_t sim_rng_below(sim_rng *rng, uint32_t bound);

/* True in `permille` of 1000 draws. */
int sim_rng_chance(sim_rng *rng, uint32_t permille);

/* As the randomness of an engine. Borrows rng. */
proa_random sim_rng_random(sim_rng *rng);

#endif
