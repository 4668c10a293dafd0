/* SPDX-License-Identifier: Apache-2.0 */
/* The server's box, with memory of its own: the linker leads the arena's registration at Mbed TLS
 * through here (--wrap), so that the device's arena counts the device only. */
#include <string.h>

#include <mbedtls/platform.h>

#include "bench/size/rehearsal.h"
#include "ports/mbedtls/dtls.h"
#include "proa/assert.h"

#define SERVER_LEN (1024U * 1024U)

typedef void *(*take_fn)(size_t count, size_t len);
typedef void (*give_fn)(void *block);

int __real_mbedtls_platform_set_calloc_free(take_fn take, give_fn give);
int __wrap_mbedtls_platform_set_calloc_free(take_fn take, give_fn give);

static take_fn device_take;
static give_fn device_give;
static bool turn_of_server;
static uint64_t server_bytes[SERVER_LEN / 8];
static size_t server_used; /* in uint64_t; nothing comes back, a few handshakes fit */

static void *take(size_t count, size_t len)
{
    if (!turn_of_server) {
        return device_take(count, len);
    }
    size_t words = (count * len + 7) / 8;
    PROA_ASSERT(words <= SERVER_LEN / 8 - server_used);
    server_used += words;
    return server_bytes + server_used - words;
}

static void give(void *block)
{
    if (!turn_of_server) {
        device_give(block);
    }
}

int __wrap_mbedtls_platform_set_calloc_free(take_fn of_device, give_fn to_device)
{
    device_take = of_device;
    device_give = to_device;
    return __real_mbedtls_platform_set_calloc_free(take, give);
}

static bool find_psk(void *ctx, proa_span identity, proa_psk *out)
{
    static const char key[] = "not a real key!!";
    (void)ctx;
    memcpy(out->key, key, sizeof key - 1);
    out->key_len = sizeof key - 1;
    out->account = 1;
    return proa_span_equal(identity, proa_span_of("light"));
}

proa_secure *rehearsal_box(proa_random random, proa_memory memory)
{
    proa_secure_config config = proa_dtls_config_server(random, memory);
    proa_secure *box;
    config.live_max = 2;
    config.hibernated_max = 0;
    config.handshake_max = 2;
    config.find_psk = find_psk;
    PROA_ASSERT(proa_dtls_open(&box, &config) == PROA_OK);
    return box;
}

void rehearsal_turn(bool server)
{
    turn_of_server = server;
}
