/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CRYPTO_H
#define PROA_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

#include "proa/bytes.h"
#include "proa/err.h"

/* Cryptography as engines see it: authenticated encryption and HMAC-SHA-256, as tables of functions.
 *
 * Every algorithm is one struct, named by its number in the IANA registry "COSE Algorithms", and a
 * program lists those it wants to have. So a device that needs one of them links one of them. The
 * ones that exist stand in ports/mbedtls/crypto.h.
 *
 * Nothing is kept between two calls, and no call needs an allocator. */

enum {
    PROA_COSE_A128GCM = 1,
    PROA_COSE_HMAC_256_256 = 5,
    PROA_COSE_AES_CCM_16_64_128 = 10, /* what RFC 8613 makes mandatory */
    PROA_COSE_CHACHA20_POLY1305 = 24,
    PROA_COSE_DIRECT_HKDF_SHA_256 = -10
};

/* Longest of all algorithms above. */
#define PROA_AEAD_KEY_MAX 32
#define PROA_AEAD_NONCE_MAX 13
#define PROA_AEAD_TAG_MAX 16
#define PROA_SHA256_LEN 32

typedef struct proa_aead proa_aead;
struct proa_aead {
    int32_t id; /* COSE */
    uint8_t key_len;
    uint8_t nonce_len;
    uint8_t tag_len;

    /* Encrypt in place and append the tag.
     *
     * aead   this struct.
     * key    key_len bytes, nonce nonce_len bytes; both borrowed.
     * aad    authenticated, not encrypted.
     * text   len bytes of plaintext, with room for tag_len more.
     * Returns PROA_OK, PROA_E_CRYPTO (then `text` holds nothing of use). */
    proa_err (*seal)(const proa_aead *aead, const uint8_t *key, const uint8_t *nonce, proa_span aad,
                     uint8_t *text, size_t len);

    /* Verify and decrypt in place; the tag is the last tag_len of the `len` bytes at `text`.
     * Returns PROA_OK, PROA_E_DENIED (the tag is wrong; nothing of the plaintext is left in `text`,
     * also when len < tag_len), PROA_E_CRYPTO (the implementation failed). */
    proa_err (*open)(const proa_aead *aead, const uint8_t *key, const uint8_t *nonce, proa_span aad,
                     uint8_t *text, size_t len);
    void *ctx; /* the implementation's own; borrowed for as long as the struct is */
};

/* What a program gives its engines. Borrowed for their lives. */
typedef struct proa_crypto {
    const proa_aead *const *aeads; /* NULL-terminated */

    /* HMAC-SHA-256 (RFC 2104) of `count` parts one behind the other. Parts may be empty.
     * Returns PROA_OK or PROA_E_CRYPTO. */
    proa_err (*hmac_sha256)(void *ctx, proa_span key, const proa_span *parts, size_t count,
                            uint8_t out[PROA_SHA256_LEN]);
    void *ctx;
} proa_crypto;

#endif
