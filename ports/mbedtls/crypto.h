/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_PORTS_MBEDTLS_CRYPTO_H
#define PROA_PORTS_MBEDTLS_CRYPTO_H

#include "proa/crypto.h"

/* The algorithms of proa/crypto.h with Mbed TLS. None of them allocates or keeps a global, so they
 * work without the arena of dtls.h and from any thread.
 *
 * The ready-made tables are for most programs. Who wants another choice lists it:
 *
 *     static const proa_aead *const mine[] = {&proa_mbedtls_aes_ccm, NULL};
 *     static const proa_crypto crypto = {mine, proa_mbedtls_hmac_sha256, NULL}; */
extern const proa_aead proa_mbedtls_aes_ccm; /* AES-CCM-16-64-128 */
extern const proa_aead proa_mbedtls_aes_gcm; /* A128GCM */

/* ChaCha20/Poly1305: library proa_mbedtls_chacha. It is none of the DTLS suites we use, so who does
 * not name it does not pay for it. */
extern const proa_aead proa_mbedtls_chacha20_poly1305;

proa_err proa_mbedtls_hmac_sha256(void *ctx, proa_span key, const proa_span *parts, size_t count,
                                  uint8_t out[PROA_SHA256_LEN]);

extern const proa_crypto proa_mbedtls_crypto;       /* AES-CCM and AES-GCM */
extern const proa_crypto proa_mbedtls_crypto_small; /* AES-CCM alone: what every peer has */

#endif
