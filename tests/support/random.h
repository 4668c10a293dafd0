/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TESTS_RANDOM_H
#define PROA_TESTS_RANDOM_H

#include <stdint.h>

#include "proa/random.h"

/* Random bytes that are the same in each run: SplitMix64 under a seed. Not for secrets. */
typedef struct test_random {
    uint64_t state;
} test_random;

/* Starts random at seed and returns it as what engines take. Borrows random. */
proa_random test_random_start(test_random *random, uint64_t seed);

/* The next 64 bits. */
uint64_t test_random_next(test_random *random);

#endif
