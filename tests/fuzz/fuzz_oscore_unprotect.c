/* SPDX-License-Identifier: Apache-2.0 */
/* Anything as a request and as a response, and, so that it comes past the tag, as what an authentic
 * peer has encrypted. First byte of the input: which of these. With Appendix B.2, on a table whose
 * state is lost, too. Whatever comes out is a CoAP message in the buffer. */
#include <stdlib.h>
#include <string.h>

#include "core/oscore/oscore_internal.h"
#include "ports/mbedtls/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void *take(void *ctx, size_t len)
{
    (void)ctx;
    return calloc(1, len);
}

static void give(void *ctx, void *block, size_t len)
{
    (void)ctx;
    (void)len;
    free(block);
}

static void fill(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    memset(out, 0x5a, len);
}

/* A cipher that hides nothing, with a tag of eight zeros: the input's bytes are the plaintext. */
static proa_err seal(const proa_aead *aead, const uint8_t *key, const uint8_t *nonce, proa_span aad,
                     uint8_t *text, size_t len)
{
    (void)key;
    (void)nonce;
    (void)aad;
    memset(text + len, 0, aead->tag_len);
    return PROA_OK;
}

static proa_err open_(const proa_aead *aead, const uint8_t *key, const uint8_t *nonce,
                      proa_span aad, uint8_t *text, size_t len)
{
    (void)key;
    (void)nonce;
    (void)aad;
    (void)text;
    return len < aead->tag_len ? PROA_E_DENIED : PROA_OK;
}

static const proa_aead clear = {PROA_COSE_AES_CCM_16_64_128, 16, 13, 8, seal, open_, NULL};
static const proa_aead *const aeads[] = {&clear, NULL};
static const proa_crypto crypto = {aeads, proa_mbedtls_hmac_sha256, NULL};

static bool find_params(void *ctx, uint64_t account, proa_oscore_params *out)
{
    (void)ctx;
    (void)account;
    *out = (proa_oscore_params){
        .master_secret = proa_span_of("0123456789abcdef"),
        .sender_id = proa_span_of("s"),
        .recipient_id = proa_span_of("c"),
        .aead = PROA_COSE_AES_CCM_16_64_128,
        .hmac = PROA_COSE_HMAC_256_256,
    };
    return true;
}

static void is_message(proa_span message, const uint8_t *buf, size_t cap)
{
    proa_coap_msg m;
    if (message.len > 0 &&
        (message.data != buf || message.len > cap || proa_coap_parse(&m, message) != PROA_OK)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t buf[2048];
    proa_oscore *o;
    proa_oscore_received in;
    proa_oscore_params params;
    proa_oscore_binding b;
    proa_oscore_config config = {
        .memory = {take, give, NULL},
        .random = {fill, NULL},
        .crypto = &crypto,
        .contexts_first = 3,
        .contexts_max = 3,
        .renewal = &proa_oscore_appendix_b2,
        .find_params = find_params,
    };
    if (size < 1 || proa_oscore_open(&o, &config) != PROA_OK) {
        return 0;
    }
    (void)find_params(NULL, 1, &params);
    proa_oscore_origin origin = (data[0] & 1) != 0 ? PROA_OSCORE_KNOWN : PROA_OSCORE_FRESH;
    proa_span datagram = proa_span_make(data + 1, size - 1);
    if (proa_oscore_add(o, 1, &params, origin) != PROA_OK) {
        abort();
    }
    if ((data[0] & 2) != 0 && proa_oscore_begin_request(o, 1, &b) == PROA_OSCORE_DONE) {
        b.marks |= (data[0] & 4) != 0 ? PROA__OBSERVE : 0;
        for (int i = 0; i < 2; i++) {
            proa_oscore_verdict verdict =
                proa_oscore_unprotect_response(o, &b, datagram, buf, sizeof buf, &in);
            if ((verdict == PROA_OSCORE_ACCEPTED) != (in.message.len > 0)) {
                abort();
            }
            is_message(in.message, buf, sizeof buf);
        }
    } else {
        for (int i = 0; i < 2; i++) {
            proa_oscore_verdict verdict =
                proa_oscore_unprotect_request(o, 0, datagram, buf, sizeof buf, &in);
            if (verdict == PROA_OSCORE_ACCEPTED && i > 0) {
                abort(); /* twice the same */
            }
            is_message(in.message, buf, sizeof buf);
        }
    }
    proa_oscore_free(o);
    return 0;
}
