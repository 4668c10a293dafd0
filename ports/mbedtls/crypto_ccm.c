/* SPDX-License-Identifier: Apache-2.0 */
/* AES-CCM-16-64-128 with Mbed TLS: the schedule of the key is made for each call and wiped after it,
 * because it is eleven times as long as the key and there may be many keys. */
#include <mbedtls/ccm.h>

#include "ports/mbedtls/crypto.h"

enum { KEY_LEN = 16, TAG_LEN = 8 };

static int begin(mbedtls_ccm_context *ccm, const uint8_t *key)
{
    mbedtls_ccm_init(ccm);
    return mbedtls_ccm_setkey(ccm, MBEDTLS_CIPHER_ID_AES, key, 8 * KEY_LEN);
}

static proa_err seal(const proa_aead *aead, const uint8_t *key, const uint8_t *nonce, proa_span aad,
                     uint8_t *text, size_t len)
{
    mbedtls_ccm_context ccm;
    int result = begin(&ccm, key);
    if (result == 0) {
        result = mbedtls_ccm_encrypt_and_tag(&ccm, len, nonce, aead->nonce_len, aad.data, aad.len,
                                             text, text, text + len, TAG_LEN);
    }
    mbedtls_ccm_free(&ccm);
    return result == 0 ? PROA_OK : PROA_E_CRYPTO;
}

static proa_err open_(const proa_aead *aead, const uint8_t *key, const uint8_t *nonce,
                      proa_span aad, uint8_t *text, size_t len)
{
    if (len < TAG_LEN) {
        return PROA_E_DENIED;
    }
    mbedtls_ccm_context ccm;
    int result = begin(&ccm, key);
    if (result == 0) {
        result = mbedtls_ccm_auth_decrypt(&ccm, len - TAG_LEN, nonce, aead->nonce_len, aad.data,
                                          aad.len, text, text, text + len - TAG_LEN, TAG_LEN);
    }
    mbedtls_ccm_free(&ccm);
    if (result == MBEDTLS_ERR_CCM_AUTH_FAILED) {
        return PROA_E_DENIED;
    }
    return result == 0 ? PROA_OK : PROA_E_CRYPTO;
}

const proa_aead proa_mbedtls_aes_ccm = {
    PROA_COSE_AES_CCM_16_64_128, KEY_LEN, 13, TAG_LEN, seal, open_, NULL,
};

static const proa_aead *const small[] = {&proa_mbedtls_aes_ccm, NULL};
const proa_crypto proa_mbedtls_crypto_small = {small, proa_mbedtls_hmac_sha256, NULL};
