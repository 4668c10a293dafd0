/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TESTS_DTLS_SEEDED_H
#define PROA_TESTS_DTLS_SEEDED_H

#include <stdlib.h>

#include "ports/mbedtls/dtls.h"
#include "tests/support/random.h"

/* A box whose randomness and keys are the same in each run, so that recorded datagrams of a handshake
 * fit it: cookie, key and Finished verify. It awaits one first session, too, under the same key. Shared
 * by the fuzz target and by the test that keeps its seeds true. */

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

static proa_secure_first seeded_first(void)
{
    return (proa_secure_first){{{'k', 'e', 'y'}, 16, 2}, proa_span_of("first")};
}

#define SEEDED_FIRST_ID 0xf8c1U /* of the server in it, with ids of 2 bytes */

static bool seeded_find_first(void *ctx, uint32_t id, proa_secure_first *out)
{
    (void)ctx;
    *out = seeded_first();
    return id == SEEDED_FIRST_ID;
}

static inline proa_secure *seeded_open(test_random *random, uint64_t seed, uint8_t cid_len)
{
    proa_memory memory = {seeded_take, seeded_give, NULL};
    proa_secure_config config = proa_dtls_config_device(test_random_start(random, seed), memory);
    proa_secure *box;
    config.find_psk = seeded_find_psk;
    config.cid_len = cid_len;
    if (cid_len > 0) {
        config.firsts = &proa_dtls_firsts;
        config.find_first = seeded_find_first;
    }
    return proa_dtls_open(&box, &config) == PROA_OK ? box : NULL;
}

#endif
