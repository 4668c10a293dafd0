/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC-SHA-256 (RFC 2104) straight on SHA-256, because Mbed TLS's own HMAC allocates. */
#include <mbedtls/sha256.h>
#include <string.h>

#include "ports/mbedtls/crypto.h"

#define BLOCK_LEN 64

/* Begins a hash with the key block, every byte of it changed by `pad`. */
static int begin(mbedtls_sha256_context *sha, const uint8_t key[BLOCK_LEN], uint8_t pad)
{
    uint8_t block[BLOCK_LEN];
    for (size_t i = 0; i < BLOCK_LEN; i++) {
        block[i] = key[i] ^ pad;
    }
    int result = mbedtls_sha256_starts(sha, 0);
    if (result == 0) {
        result = mbedtls_sha256_update(sha, block, sizeof block);
    }
    proa_wipe(block, sizeof block);
    return result;
}

static int hmac(mbedtls_sha256_context *sha, proa_span key, const proa_span *parts, size_t count,
                uint8_t out[PROA_SHA256_LEN])
{
    uint8_t block[BLOCK_LEN] = {0};
    int result = 0;
    if (key.len > BLOCK_LEN) {
        result = mbedtls_sha256(key.data, key.len, block, 0);
    } else if (key.len > 0) {
        memcpy(block, key.data, key.len);
    }
    if (result == 0) {
        result = begin(sha, block, 0x36);
    }
    for (size_t i = 0; i < count && result == 0; i++) {
        if (parts[i].len > 0) {
            result = mbedtls_sha256_update(sha, parts[i].data, parts[i].len);
        }
    }
    if (result == 0) {
        result = mbedtls_sha256_finish(sha, out);
    }
    if (result == 0) {
        result = begin(sha, block, 0x5c);
    }
    proa_wipe(block, sizeof block);
    if (result == 0) {
        result = mbedtls_sha256_update(sha, out, PROA_SHA256_LEN);
    }
    return result == 0 ? mbedtls_sha256_finish(sha, out) : result;
}

proa_err proa_mbedtls_hmac_sha256(void *ctx, proa_span key, const proa_span *parts, size_t count,
                                  uint8_t out[PROA_SHA256_LEN])
{
    (void)ctx;
    mbedtls_sha256_context sha;
    mbedtls_sha256_init(&sha);
    int result = hmac(&sha, key, parts, count, out);
    mbedtls_sha256_free(&sha);
    return result == 0 ? PROA_OK : PROA_E_CRYPTO;
}
