/* SPDX-License-Identifier: Apache-2.0 */
/* OSCORE between devices and server: the keys, and the server's table. The margin is small, so that
 * every run has to reserve more. */
#include "sim/oscore.h"

#include <stdio.h>
#include <stdlib.h>

#include "ports/mbedtls/crypto.h"

proa_oscore_params sim__oscore_params(const sim_device *device, bool of_server)
{
    proa_span server_id = proa_span_of("s");
    proa_span device_id = proa_span_of(device->name);
    proa_oscore_params params = {.master_secret = proa_span_make(device->key, device->key_len),
                                 .sender_id = of_server ? server_id : device_id,
                                 .recipient_id = of_server ? device_id : server_id,
                                 .aead = PROA_COSE_AES_CCM_16_64_128,
                                 .hmac = PROA_COSE_DIRECT_HKDF_SHA_256};
    return params;
}

static bool find_params_of_server(void *ctx, uint64_t account, proa_oscore_params *out)
{
    const sim_server *server = ctx;
    if (account == 0 || account > server->world->device_count) {
        return false;
    }
    *out = sim__oscore_params(&server->world->devices[account - 1], true);
    return true;
}

proa_oscore *sim__oscore_of_server(sim_server *server)
{
    const sim_world *world = server->world;
    proa_oscore *table;
    if (!world->server_oscore) {
        return NULL;
    }
    proa_oscore_config config = {.memory = sim__memory(),
                                 .random = sim_rng_random(&server->rng),
                                 .store = sim_store_port(&server->records.oscore),
                                 .crypto = &proa_mbedtls_crypto_small,
                                 .contexts_first = 1,
                                 .contexts_max = 4 * SIM_DEVICES_MAX,
                                 .margin = 4,
                                 .renewal = &proa_oscore_appendix_b2,
                                 .find_params = find_params_of_server,
                                 .find_params_ctx = server};
    sim__must(proa_oscore_open(&table, &config), "OSCORE");
    for (unsigned i = 0; i < world->device_count; i++) {
        proa_oscore_params params = sim__oscore_params(&world->devices[i], true);
        sim__must(proa_oscore_add(table, i + 1, &params, PROA_OSCORE_KNOWN), "OSCORE context");
    }
    return table;
}
