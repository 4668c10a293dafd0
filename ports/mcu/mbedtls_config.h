/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_MCU_MBEDTLS_CONFIG_H
#define PROA_MCU_MBEDTLS_CONFIG_H

/* Mbed TLS on a board: as everywhere (ports/mbedtls/mbedtls_config.h), but flash counts for more than
 * time. GCM is what no LwM2M server demands, as all have CCM; SHA-256 is needed for handshakes and
 * for deriving keys, not for messages. */
#include "ports/mbedtls/mbedtls_config.h"

#undef MBEDTLS_GCM_C
#undef MBEDTLS_SSL_CIPHERSUITES
#define MBEDTLS_SSL_CIPHERSUITES \
    MBEDTLS_TLS_PSK_WITH_AES_128_CCM, MBEDTLS_TLS_PSK_WITH_AES_128_CCM_8

#define MBEDTLS_SHA256_SMALLER

/* What a board sends is shorter than what it must be able to receive: no CoAP message has more than
 * 256 bytes, and no message of a handshake. Each session has a buffer of either length. */
#undef MBEDTLS_SSL_OUT_CONTENT_LEN
#define MBEDTLS_SSL_OUT_CONTENT_LEN 256

/* Shorter than what any peer can ask for (RFC 6066 §4: 512 bytes and more), so nobody has to ask. */
#undef MBEDTLS_SSL_MAX_FRAGMENT_LENGTH

/* A seed and its nonce have 48 bytes, and nothing is added to them: seeding again, which comes when it
 * comes, takes 400 bytes of stack and not 1,100. */
#define MBEDTLS_CTR_DRBG_MAX_SEED_INPUT 64

#endif
