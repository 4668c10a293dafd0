/* SPDX-License-Identifier: Apache-2.0 */
/* ports/mbedtls/crypto_*.c against the vectors of the documents that define the algorithms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ports/mbedtls/crypto.h"
#include "tests/support/guard.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

typedef struct aead_row {
    const proa_aead *aead;
    const char *key, *nonce, *aad, *plain, *sealed;
} aead_row;

static const aead_row rows[] = {
    /* RFC 8613 C.4 */
    {&proa_mbedtls_aes_ccm, "f0910ed7295e6ad4b54fc793154302ff", "4622d4dd6d944168eefb549868",
     "8368456e63727970743040488501810a40411440", "01b3747631", "612f1092f1776f1c1668b3825e"},
    /* McGrew and Viega, "The Galois/Counter Mode of Operation", test case 4 */
    {&proa_mbedtls_aes_gcm, "feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b5"
     "25b16aedf5aa0de657ba637b39",
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa"
     "051ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47"},
    /* RFC 8439 §2.8.2 */
    {&proa_mbedtls_chacha20_poly1305,
     "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f", "070000004041424344454647",
     "50515253c0c1c2c3c4c5c6c7",
     "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a204966204920"
     "636f756c64206f6666657220796f75206f6e6c79206f6e652074697020666f7220746865206675747572652c207375"
     "6e73637265656e20776f756c642062652069742e",
     "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da9272"
     "8b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831"
     "d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691"},
};

static void vectors_of_each_algorithm(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const aead_row *row = &rows[i];
        uint8_t key[32], nonce[13], aad[64], text[256], plain[256], sealed[256];
        assert_int_equal(hex(row->key, key, sizeof key), row->aead->key_len);
        assert_int_equal(hex(row->nonce, nonce, sizeof nonce), row->aead->nonce_len);
        proa_span more = proa_span_make(aad, hex(row->aad, aad, sizeof aad));
        size_t len = hex(row->plain, plain, sizeof plain);
        size_t sealed_len = hex(row->sealed, sealed, sizeof sealed);
        assert_int_equal(sealed_len, len + row->aead->tag_len);
        memcpy(text, plain, len);
        assert_int_equal(row->aead->seal(row->aead, key, nonce, more, text, len), PROA_OK);
        assert_memory_equal(text, sealed, sealed_len);
        assert_int_equal(row->aead->open(row->aead, key, nonce, more, text, sealed_len), PROA_OK);
        assert_memory_equal(text, plain, len);
    }
}

/* One bit of anything, or nothing but a piece of a tag: refused, and no plaintext is left. */
static void forgeries_leave_no_plaintext(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const aead_row *row = &rows[i];
        uint8_t key[32], nonce[13], aad[64], text[256], plain[256];
        (void)hex(row->key, key, sizeof key);
        (void)hex(row->nonce, nonce, sizeof nonce);
        proa_span more = proa_span_make(aad, hex(row->aad, aad, sizeof aad));
        size_t plain_len = hex(row->plain, plain, sizeof plain);
        for (size_t bit = 0; bit < 8 * (plain_len + row->aead->tag_len); bit += 7) {
            size_t len = hex(row->sealed, text, sizeof text);
            text[bit / 8] = (uint8_t)(text[bit / 8] ^ 1U << bit % 8);
            assert_int_equal(row->aead->open(row->aead, key, nonce, more, text, len),
                             PROA_E_DENIED);
            assert_memory_not_equal(text, plain, plain_len);
        }
        size_t len = hex(row->sealed, text, sizeof text);
        aad[0] ^= 1;
        assert_int_equal(row->aead->open(row->aead, key, nonce, more, text, len), PROA_E_DENIED);
        for (size_t cut = 0; cut < row->aead->tag_len; cut++) {
            assert_int_equal(row->aead->open(row->aead, key, nonce, more, text, cut),
                             PROA_E_DENIED);
        }
    }
}

static void rfc4231_4_hmac_sha256(void **state)
{
    (void)state;
    static const struct {
        size_t key_len;
        uint8_t key_byte;
        const char *key, *data, *mac;
    } cases[] = {
        {20, 0x0b, NULL, "4869205468657265",
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"}, /* 4.2 */
        {0, 0, "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"}, /* 4.3 */
        {131, 0xaa, NULL,
         "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b"
         "6579204669727374",
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"}, /* 4.7 */
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t key[131], data[128], expected[32], mac[32];
        memset(key, cases[i].key_byte, sizeof key);
        size_t key_len = cases[i].key_len;
        if (cases[i].key != NULL) {
            key_len = hex(cases[i].key, key, sizeof key);
        }
        size_t len = hex(cases[i].data, data, sizeof data);
        (void)hex(cases[i].mac, expected, sizeof expected);
        for (size_t cut = 0; cut <= len; cut++) { /* in two parts, at each place */
            proa_span parts[2] = {{data, cut}, {data + cut, len - cut}};
            assert_int_equal(
                proa_mbedtls_hmac_sha256(NULL, proa_span_make(key, key_len), parts, 2, mac),
                PROA_OK);
            assert_memory_equal(mac, expected, 32);
        }
    }
}

static void tables_name_what_they_have(void **state)
{
    (void)state;
    assert_int_equal(proa_mbedtls_crypto_small.aeads[0]->id, PROA_COSE_AES_CCM_16_64_128);
    assert_null(proa_mbedtls_crypto_small.aeads[1]);
    assert_int_equal(proa_mbedtls_crypto.aeads[1]->id, PROA_COSE_A128GCM);
    assert_null(proa_mbedtls_crypto.aeads[2]);
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_true(rows[i].aead->key_len <= PROA_AEAD_KEY_MAX);
        assert_true(rows[i].aead->nonce_len <= PROA_AEAD_NONCE_MAX);
        assert_true(rows[i].aead->tag_len <= PROA_AEAD_TAG_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_each_algorithm),
        cmocka_unit_test(forgeries_leave_no_plaintext),
        cmocka_unit_test(rfc4231_4_hmac_sha256),
        cmocka_unit_test(tables_name_what_they_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
