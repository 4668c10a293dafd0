/* SPDX-License-Identifier: Apache-2.0 */
/* ChaCha20/Poly1305 (RFC 8439) with Mbed TLS, for peers whose processors have no AES. */
#include <mbedtls/chachapoly.h>

#include "ports/mbedtls/crypto.h"

enum { KEY_LEN = 32, TAG_LEN = 16 };

static proa_err seal(const proa_aead *aead, const uint8_t *key, const uint8_t *nonce, proa_span aad,
                     uint8_t *text, size_t len)
{
    (void)aead;
    mbedtls_chachapoly_context cp;
    mbedtls_chachapoly_init(&cp);
    int result = mbedtls_chachapoly_setkey(&cp, key);
    if (result == 0) {
        result = mbedtls_chachapoly_encrypt_and_tag(&cp, len, nonce, aad.data, aad.len, text, text,
                                                    text + len);
    }
    mbedtls_chachapoly_free(&cp);
    return result == 0 ? PROA_OK : PROA_E_CRYPTO;
}

static proa_err open_(const proa_aead *aead, const uint8_t *key, const uint8_t *nonce,
                      proa_span aad, uint8_t *text, size_t len)
{
    (void)aead;
    if (len < TAG_LEN) {
        return PROA_E_DENIED;
    }
    mbedtls_chachapoly_context cp;
    mbedtls_chachapoly_init(&cp);
    int result = mbedtls_chachapoly_setkey(&cp, key);
    if (result == 0) {
        result = mbedtls_chachapoly_auth_decrypt(&cp, len - TAG_LEN, nonce, aad.data, aad.len,
                                                 text + len - TAG_LEN, text, text);
    }
    mbedtls_chachapoly_free(&cp);
    if (result == MBEDTLS_ERR_CHACHAPOLY_AUTH_FAILED) {
        return PROA_E_DENIED;
    }
    return result == 0 ? PROA_OK : PROA_E_CRYPTO;
}

const proa_aead proa_mbedtls_chacha20_poly1305 = {
    PROA_COSE_CHACHA20_POLY1305, KEY_LEN, 12, TAG_LEN, seal, open_, NULL,
};
