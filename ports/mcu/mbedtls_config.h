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

#endif
