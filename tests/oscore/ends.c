/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/oscore/ends.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/siphash.h"
#include "ports/mbedtls/crypto.h"
#include "tests/support/guard.h"

/* ---- the checker and failing cryptography ------------------------------------------------- */

enum { SEEN_MAX = 1 << 16 };

typedef struct sealed {
    uint64_t under; /* hash of key and nonce; 0: free */
    uint64_t what;  /* hash of additional data and ciphertext */
} sealed;

static sealed seen[SEEN_MAX];
static unsigned seen_count;
static unsigned violations;
static unsigned calls;
static unsigned fail_at;

static bool fails(void)
{
    calls++;
    return fail_at != 0 && calls >= fail_at;
}

static uint64_t hash(proa_span a, proa_span b)
{
    static const uint8_t key[PROA_SIPHASH_KEY_LEN] = {1};
    uint8_t bytes[BUF * 3];
    proa_writer w = proa_writer_make(bytes, sizeof bytes);
    proa_write_u16(&w, (uint16_t)a.len);
    proa_write_span(&w, a);
    proa_write_span(&w, b);
    assert_int_equal(w.err, PROA_OK);
    return proa_siphash(key, proa_writer_span(&w)) | 1;
}

static void check(uint64_t under, uint64_t what)
{
    size_t i = under % SEEN_MAX;
    while (seen[i].under != 0 && seen[i].under != under) {
        i = (i + 1) % SEEN_MAX;
    }
    if (seen[i].under == 0) {
        assert_true(seen_count < SEEN_MAX / 2);
        seen[i] = (sealed){under, what};
        seen_count++;
    }
    violations += seen[i].what != what;
}

static proa_err seal(const proa_aead *aead, const uint8_t *key, const uint8_t *nonce, proa_span aad,
                     uint8_t *text, size_t len)
{
    const proa_aead *real = aead->ctx;
    if (fails()) {
        return PROA_E_CRYPTO;
    }
    proa_err err = real->seal(real, key, nonce, aad, text, len);
    check(hash(proa_span_make(key, real->key_len), proa_span_make(nonce, real->nonce_len)),
          hash(aad, proa_span_make(text, len + real->tag_len)));
    return err;
}

static proa_err open_(const proa_aead *aead, const uint8_t *key, const uint8_t *nonce,
                      proa_span aad, uint8_t *text, size_t len)
{
    const proa_aead *real = aead->ctx;
    return fails() ? PROA_E_CRYPTO : real->open(real, key, nonce, aad, text, len);
}

static proa_err hmac(void *ctx, proa_span key, const proa_span *parts, size_t count,
                     uint8_t out[PROA_SHA256_LEN])
{
    return fails() ? PROA_E_CRYPTO : proa_mbedtls_hmac_sha256(ctx, key, parts, count, out);
}

static proa_aead ccm, gcm;
static const proa_aead *const aeads[] = {&ccm, &gcm, NULL};
static const proa_crypto crypto = {aeads, hmac, NULL};

static void wrap(proa_aead *out, const proa_aead *real)
{
    *out = *real;
    out->seal = seal;
    out->open = open_;
    memcpy(&out->ctx, &real, sizeof out->ctx);
}

void crypto_fail_at(unsigned n)
{
    fail_at = n;
    calls = 0;
}

unsigned crypto_calls(void)
{
    return calls;
}

unsigned checker_seen(void)
{
    return seen_count;
}

unsigned checker_violations(void)
{
    return violations;
}

void checker_forget(void)
{
    memset(seen, 0, sizeof seen);
    seen_count = violations = 0;
}

/* ---- flash -------------------------------------------------------------------------------- */

static int find(const flash *f, const char *name)
{
    for (int i = 0; i < 4; i++) {
        if (strcmp(f->blobs[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

static int flash_read(void *ctx, const char *name, uint8_t *buf, size_t cap)
{
    flash *f = ctx;
    int i = find(f, name);
    if (i < 0) {
        return PROA_E_NOT_FOUND;
    }
    if (f->blobs[i].len > cap) {
        return PROA_E_NO_SPACE;
    }
    memcpy(buf, f->blobs[i].bytes, f->blobs[i].len);
    return (int)f->blobs[i].len;
}

static proa_err flash_write(void *ctx, const char *name, proa_span blob)
{
    flash *f = ctx;
    f->writes++;
    if (f->fail_at != 0 && f->writes >= f->fail_at) {
        return PROA_E_IO;
    }
    int i = find(f, name);
    i = i >= 0 ? i : find(f, "");
    assert_true(i >= 0 && blob.len <= sizeof f->blobs[i].bytes);
    strcpy(f->blobs[i].name, name);
    memcpy(f->blobs[i].bytes, blob.data, blob.len);
    f->blobs[i].len = blob.len;
    return PROA_OK;
}

static proa_err flash_remove(void *ctx, const char *name)
{
    flash *f = ctx;
    int i = find(f, name);
    if (i >= 0) {
        memset(&f->blobs[i], 0, sizeof f->blobs[i]);
    }
    return PROA_OK;
}

/* ---- ends --------------------------------------------------------------------------------- */

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

static bool find_params(void *ctx, uint64_t account, proa_oscore_params *out)
{
    const end *e = ctx;
    *out = e->params;
    return account == ACCOUNT;
}

static void make(end *e, uint64_t seed, const char *own, const char *other)
{
    memset(e, 0, sizeof *e);
    e->random = test_random_start(&e->seed, seed);
    e->margin = 16;
    e->params = (proa_oscore_params){
        .master_secret = proa_span_of("0123456789abcdef"),
        .master_salt = proa_span_of("mastersalt"),
        .sender_id = proa_span_of(own),
        .recipient_id = proa_span_of(other),
        .aead = PROA_COSE_AES_CCM_16_64_128,
        .hmac = PROA_COSE_HMAC_256_256,
    };
}

void ends_make(end *client, end *server, uint64_t seed)
{
    checker_forget();
    crypto_fail_at(0);
    wrap(&ccm, &proa_mbedtls_aes_ccm);
    wrap(&gcm, &proa_mbedtls_aes_gcm);
    make(client, 2 * seed, "c", "s");
    make(server, 2 * seed + 1, "s", "c");
}

void end_on(end *e, proa_oscore_origin origin)
{
    const proa_store simple = {flash_read, flash_write, flash_remove, &e->flash};
    proa_oscore_config config = {
        .memory = {take, give, NULL},
        .random = e->random,
        .store = e->store.read != NULL ? e->store : simple,
        .crypto = &crypto,
        .contexts_first = 1,
        .contexts_max = 4,
        .margin = e->margin,
        .renewal = e->b2 ? &proa_oscore_appendix_b2 : NULL,
        .find_params = find_params,
        .find_params_ctx = e,
    };
    assert_int_equal(proa_oscore_open(&e->o, &config), PROA_OK);
    assert_int_equal(proa_oscore_add(e->o, ACCOUNT, &e->params, origin), PROA_OK);
}

void end_off(end *e)
{
    proa_oscore_free(e->o);
    e->o = NULL;
}

void ends_start(end *client, end *server, uint64_t seed)
{
    ends_make(client, server, seed);
    end_on(client, PROA_OSCORE_FRESH);
    end_on(server, PROA_OSCORE_FRESH);
}

proa__context *end_context(const end *e)
{
    return proa__context_of_account(e->o, ACCOUNT);
}

/* ---- messages ----------------------------------------------------------------------------- */

message message_of(const char *hex_text)
{
    message m;
    m.len = hex(hex_text, m.bytes, sizeof m.bytes);
    return m;
}

static proa_coap_token token_of(uint16_t n)
{
    proa_coap_token token = {{(uint8_t)(n >> 8), (uint8_t)n, 0x77}, 3};
    return token;
}

message get_a(uint16_t n, proa_span echo)
{
    message m;
    proa_coap_token token = token_of(n);
    proa_coap_builder b =
        proa_coap_build(m.bytes, sizeof m.bytes, PROA_COAP_CON, PROA_COAP_GET, n, &token);
    proa_coap_add(&b, PROA_COAP_OPT_URI_PATH, proa_span_of("a"));
    if (echo.len > 0) {
        proa_coap_add(&b, PROA_COAP_OPT_ECHO, echo);
    }
    m.len = (size_t)proa_coap_build_end(&b);
    return m;
}

message content(uint16_t n, const char *payload)
{
    message m;
    proa_coap_token token = token_of(n);
    proa_coap_builder b =
        proa_coap_build(m.bytes, sizeof m.bytes, PROA_COAP_ACK, PROA_COAP_CONTENT, n, &token);
    proa_coap_add_payload(&b, proa_span_of(payload));
    m.len = (size_t)proa_coap_build_end(&b);
    return m;
}

message ask(end *e, proa_oscore_binding *b, const message *plain)
{
    message wire;
    assert_int_equal(proa_oscore_begin_request(e->o, ACCOUNT, b), PROA_OSCORE_DONE);
    assert_int_equal(
        proa_oscore_protect(e->o, b, span(plain), wire.bytes, sizeof wire.bytes, &wire.len),
        PROA_OSCORE_DONE);
    return wire;
}

message answer(end *e, proa_oscore_binding *b, const message *plain, bool own_number)
{
    message wire;
    assert_int_equal(proa_oscore_begin_response(e->o, b, own_number), PROA_OSCORE_DONE);
    assert_int_equal(
        proa_oscore_protect(e->o, b, span(plain), wire.bytes, sizeof wire.bytes, &wire.len),
        PROA_OSCORE_DONE);
    return wire;
}

proa_oscore_verdict hear(end *e, const message *wire, message *inner, proa_oscore_received *in)
{
    proa_oscore_verdict verdict = proa_oscore_unprotect_request(
        e->o, e->now_ms, span(wire), inner->bytes, sizeof inner->bytes, in);
    inner->len = in->message.len;
    assert_true(inner->len == 0 || in->message.data == inner->bytes);
    assert_int_equal(inner->len > 0,
                     verdict == PROA_OSCORE_ACCEPTED || verdict == PROA_OSCORE_ANSWER);
    return verdict;
}

proa_oscore_verdict hear_back(end *e, proa_oscore_binding *b, const message *wire, message *inner)
{
    proa_oscore_received in;
    proa_oscore_verdict verdict =
        proa_oscore_unprotect_response(e->o, b, span(wire), inner->bytes, sizeof inner->bytes, &in);
    inner->len = in.message.len;
    assert_int_equal(inner->len > 0, verdict == PROA_OSCORE_ACCEPTED);
    return verdict;
}

proa_span echo_of(const message *m)
{
    proa_coap_msg msg;
    proa_span value = {NULL, 0};
    assert_int_equal(proa_coap_parse(&msg, span(m)), PROA_OK);
    (void)proa_coap_option_find(&msg, PROA_COAP_OPT_ECHO, &value);
    return value;
}
