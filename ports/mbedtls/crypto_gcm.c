/* SPDX-License-Identifier: Apache-2.0 */
/* A128GCM with Mbed TLS, and the table of everything that the DTLS suites bring along anyway. */
#include <mbedtls/gcm.h>

#include "ports/mbedtls/crypto.h"

enum { KEY_LEN = 16, TAG_LEN = 16 };

static int begin(mbedtls_gcm_context *gcm, const uint8_t *key)
{
    mbedtls_gcm_init(gcm);
    return mbedtls_gcm_setkey(gcm, MBEDTLS_CIPHER_ID_AES, key, 8 * KEY_LEN);
}

static proa_err seal(const proa_aead *aead, const uint8_t *key, const uint8_t *nonce, proa_span aad,
                     uint8_t *text, size_t len)
{
    mbedtls_gcm_context gcm;
    int result = begin(&gcm, key);
    if (result == 0) {
        result = mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, len, nonce, aead->nonce_len,
                                           aad.data, aad.len, text, text, TAG_LEN, text + len);
    }
    mbedtls_gcm_free(&gcm);
    return result == 0 ? PROA_OK : PROA_E_CRYPTO;
}

static proa_err open_(const proa_aead *aead, const uint8_t *key, const uint8_t *nonce,
                      proa_span aad, uint8_t *text, size_t len)
{
    if (len < TAG_LEN) {
        return PROA_E_DENIED;
    }
    mbedtls_gcm_context gcm;
    int result = begin(&gcm, key);
    if (result == 0) {
        result = mbedtls_gcm_auth_decrypt(&gcm, len - TAG_LEN, nonce, aead->nonce_len, aad.data,
                                          aad.len, text + len - TAG_LEN, TAG_LEN, text, text);
    }
    mbedtls_gcm_free(&gcm);
    if (result == MBEDTLS_ERR_GCM_AUTH_FAILED) {
        return PROA_E_DENIED;
    }
    return result == 0 ? PROA_OK : PROA_E_CRYPTO;
}

const proa_aead proa_mbedtls_aes_gcm = {
    PROA_COSE_A128GCM, KEY_LEN, 12, TAG_LEN, seal, open_, NULL,
};

static const proa_aead *const all[] = {&proa_mbedtls_aes_ccm, &proa_mbedtls_aes_gcm, NULL};
const proa_crypto proa_mbedtls_crypto = {all, proa_mbedtls_hmac_sha256, NULL};
