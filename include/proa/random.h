/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_RANDOM_H
#define PROA_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Where random bytes come from. Engines never know a source of their own: the port gives them a
 * CSPRNG (tokens, keys, cookies, jitter), the simulator a seeded one, so that a run can be repeated.
 *
 * fill must write all `len` bytes or not return: there is no engine that could go on without. */
typedef struct proa_random {
    void (*fill)(void *ctx, uint8_t *out, size_t len);
    void *ctx; /* borrowed for the life of the engine that holds this struct */
} proa_random;

static inline void proa_random_fill(const proa_random *random, void *out, size_t len)
{
    random->fill(random->ctx, (uint8_t *)out, len);
}

/* A number from 0 to bound - 1, each equally likely. bound >= 1. */
uint32_t proa_random_below(const proa_random *random, uint32_t bound);

#endif
