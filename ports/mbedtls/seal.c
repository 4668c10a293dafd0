/* SPDX-License-Identifier: Apache-2.0 */
/* AES-128-GCM around bytes that are put away (NIST SP 800-38D, RFC 5116). */
#include "ports/mbedtls/seal.h"

#include <mbedtls/gcm.h>
#include <string.h>

bool proa__seal(const uint8_t key[PROA_SECURE_KEY_LEN], const proa_random *random, proa_span about,
                proa_span plain, uint8_t *out)
{
    mbedtls_gcm_context gcm;
    uint8_t *text = out + PROA_SEAL_NONCE_LEN;
    proa_random_fill(random, out, PROA_SEAL_NONCE_LEN);
    mbedtls_gcm_init(&gcm);
    int failed = mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key, PROA_SECURE_KEY_LEN * 8);
    if (failed == 0) {
        failed = mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, plain.len, out,
                                           PROA_SEAL_NONCE_LEN, about.data, about.len, plain.data,
                                           text, PROA_SEAL_TAG_LEN, text + plain.len);
    }
    mbedtls_gcm_free(&gcm);
    if (failed != 0) {
        memset(out, 0, plain.len + PROA_SEAL_EXTRA);
    }
    return failed == 0;
}

bool proa__unseal(const uint8_t key[PROA_SECURE_KEY_LEN], proa_span about, proa_span sealed,
                  uint8_t *out)
{
    mbedtls_gcm_context gcm;
    if (sealed.len < PROA_SEAL_EXTRA) {
        return false;
    }
    size_t len = sealed.len - PROA_SEAL_EXTRA;
    const uint8_t *text = sealed.data + PROA_SEAL_NONCE_LEN;
    mbedtls_gcm_init(&gcm);
    int failed = mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key, PROA_SECURE_KEY_LEN * 8);
    if (failed == 0) {
        failed = mbedtls_gcm_auth_decrypt(&gcm, len, sealed.data, PROA_SEAL_NONCE_LEN, about.data,
                                          about.len, text + len, PROA_SEAL_TAG_LEN, text, out);
    }
    mbedtls_gcm_free(&gcm);
    if (failed != 0) {
        proa_wipe(out, len);
    }
    return failed == 0;
}
