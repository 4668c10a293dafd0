/* SPDX-License-Identifier: Apache-2.0 */
/* DTLS with room for the server, two peers and two handshakes. */
#include <stdalign.h>

#include "bench/size/board.h"
#include "ports/mbedtls/dtls.h"
#include "proa/assert.h"

#define DTLS_ARENA_LEN 14336

static alignas(8) uint8_t dtls_arena_bytes[DTLS_ARENA_LEN];

board_box box_open(proa_random random, proa_memory memory, board_find_psk find)
{
    board_box box = {.account = {.uri = proa_span_of("coaps://[fd00::1]:5683"),
                                 .mode = PROA_SECURITY_PSK,
                                 .identity = proa_span_of("light"),
                                 .key = proa_span_of("not a real key!!")}};
    proa_secure_config config = proa_dtls_config_device(random, memory);
    config.live_max = 3;
    config.hibernated_max = 0;
    config.handshake_max = 2;
    config.mtu = 512;
    config.find_psk = find;
    proa_dtls_arena_init(dtls_arena_bytes, sizeof dtls_arena_bytes);
    PROA_ASSERT(proa_dtls_open(&box.secure, &config) == PROA_OK);
    return box;
}

size_t box_peak(void)
{
    proa_dtls_arena_stats stats = proa_dtls_arena_read();
    return sizeof dtls_arena_bytes - stats.len + stats.peak; /* with the allocator's own part */
}
