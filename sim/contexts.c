/* SPDX-License-Identifier: Apache-2.0 */
/* A device's OSCORE contexts, with cryptography that is watched from outside: of each encryption the
 * checker is told key, nonce and everything that came of it. So what it knows of nonces is not what
 * the engine thinks of them. */
#include <stdio.h>
#include <stdlib.h>

#include "ports/mbedtls/crypto.h"
#include "sim/checker.h"
#include "sim/world.h"

/* Few, so that every run has to reserve more. */
#define MARGIN 4U

static proa_err watched_seal(const proa_aead *aead, const uint8_t *key, const uint8_t *nonce,
                             proa_span aad, uint8_t *text, size_t len)
{
    sim_device *device = aead->ctx;
    const proa_aead *real = &proa_mbedtls_aes_ccm;
    proa_err err = real->seal(real, key, nonce, aad, text, len);
    if (err == PROA_OK) {
        uint64_t name = sim__records_hash(13, key, aead->key_len);
        name = sim__records_hash(name, nonce, aead->nonce_len);
        uint64_t content = sim__records_hash(17, aad.data, aad.len);
        content = sim__records_hash(content, text, len + aead->tag_len);
        sim_checker_sealed(device->world->checker, device, name, content);
    }
    return err;
}

static proa_err watched_open(const proa_aead *aead, const uint8_t *key, const uint8_t *nonce,
                             proa_span aad, uint8_t *text, size_t len)
{
    const proa_aead *real = &proa_mbedtls_aes_ccm;
    (void)aead;
    return real->open(real, key, nonce, aad, text, len);
}

/* The table is borrowed by the engine, so it is the device's. */
static const proa_crypto *watched(sim_device *device)
{
    device->aead = proa_mbedtls_aes_ccm;
    device->aead.seal = watched_seal;
    device->aead.open = watched_open;
    device->aead.ctx = device;
    device->aeads[0] = &device->aead;
    device->aeads[1] = NULL;
    device->crypto = (proa_crypto){device->aeads, proa_mbedtls_hmac_sha256, NULL};
    return &device->crypto;
}

static bool find_params(void *ctx, uint64_t account, proa_oscore_params *out)
{
    const sim_device *device = ctx;
    return device->client != NULL && proa_client_find_oscore(device->client, account, out);
}

void sim__contexts_open(sim_device *device)
{
    proa_oscore_config config = {.memory = sim__memory(),
                                 .random = sim_rng_random(&device->rng),
                                 .store = sim_store_port(&device->store),
                                 .crypto = watched(device),
                                 .contexts_first = 1,
                                 .contexts_max = 8,
                                 .margin = MARGIN};
    if (device->world->server_oscore) { /* and peers have no part in it */
        config.renewal = &proa_oscore_appendix_b2;
        config.find_params = find_params;
        config.find_params_ctx = device;
    }
    config.store.write = sim__contexts_write;
    proa_err err = proa_oscore_open(&device->contexts, &config);
    if (err != PROA_OK) {
        fprintf(stderr, "proa-sim: cannot open OSCORE: %s\n", proa_err_name(err));
        exit(1);
    }
}

void sim__contexts_close(sim_device *device)
{
    if (device->contexts != NULL) {
        proa_oscore_stats stats = proa_oscore_read_stats(device->contexts);
        sim_counts *counts = &device->world->checker->counts;
        counts->challenged += stats.challenges;
        counts->replays_refused += stats.verdicts[PROA_OSCORE_REPLAY];
        proa_oscore_free(device->contexts);
        device->contexts = NULL;
    }
}
