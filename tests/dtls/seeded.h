/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TESTS_DTLS_SEEDED_H
#define PROA_TESTS_DTLS_SEEDED_H

#include <stdlib.h>

#include "ports/mbedtls/dtls.h"
#include "tests/support/random.h"

/* A box whose randomness and keys are the same in each run, so that recorded datagrams of a handshake
 * fit it: cookie, key and Finished verify. Shared by the fuzz target and by the test that keeps its
 * seeds true. */

static void *seeded_take(void *ctx, size_t len)
{
    (void)ctx;
    return calloc(1, len);
}

static void seeded_give(void *ctx, void *block, size_t len)
{
    (void)ctx;
    (void)len;
    free(block);
}

static bool seeded_find_psk(void *ctx, proa_span identity, proa_psk *out)
{
    (void)ctx;
    *out = (proa_psk){{'k', 'e', 'y'}, 16, 1};
    return identity.len > 0;
}

static inline proa_secure *seeded_open(test_random *random, uint64_t seed, uint8_t cid_len)
{
    proa_memory memory = {seeded_take, seeded_give, NULL};
    proa_secure_config config = proa_dtls_config_device(test_random_start(random, seed), memory);
    proa_secure *box;
    config.find_psk = seeded_find_psk;
    config.cid_len = cid_len;
    return proa_dtls_open(&box, &config) == PROA_OK ? box : NULL;
}

#endif
