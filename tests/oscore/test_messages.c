/* SPDX-License-Identifier: Apache-2.0 */
/* core/oscore/protect.c and unprotect.c: which field goes where (RFC 8613 §4), and a defined verdict
 * for whatever else may come (§7, §8). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ports/mbedtls/crypto.h"
#include "tests/oscore/ends.h"
#include "tests/support/guard.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static end client, server;

static int on(void **state)
{
    (void)state;
    ends_start(&client, &server, 7);
    return 0;
}

static int off(void **state)
{
    (void)state;
    assert_int_equal(checker_violations(), 0);
    end_off(&client);
    end_off(&server);
    return 0;
}

static const proa_span none = {NULL, 0};

static void equal(const message *a, const message *b)
{
    assert_int_equal(a->len, b->len);
    assert_memory_equal(a->bytes, b->bytes, a->len);
}

static bool has(const message *m, uint16_t number)
{
    proa_coap_msg msg;
    proa_span value;
    assert_int_equal(proa_coap_parse(&msg, span(m)), PROA_OK);
    return proa_coap_option_find(&msg, number, &value);
}

static uint8_t code_of(const message *m)
{
    return m->bytes[1];
}

/* ---- which field goes where ---------------------------------------------------------------- */

typedef struct option_row {
    uint16_t number;
    const char *value;
    bool outside, inside; /* where it must be seen */
} option_row;

/* A message with one option; `code` says whether it is a request. */
static message with_option(uint8_t code, uint16_t number, proa_span value)
{
    message m;
    proa_coap_token token = {{1, 2, 3}, 3};
    proa_coap_builder b =
        proa_coap_build(m.bytes, sizeof m.bytes, PROA_COAP_CON, code, 0x1234, &token);
    proa_coap_add(&b, number, value);
    proa_coap_add_payload(&b, proa_span_of("payload"));
    m.len = (size_t)proa_coap_build_end(&b);
    return m;
}

static void rfc8613_4_1_classes_of_options(void **state)
{
    (void)state;
    static const option_row rows[] = {
        {PROA_COAP_OPT_IF_MATCH, "x", false, true},
        {PROA_COAP_OPT_URI_HOST, "a.host.with.a.long.name", true, false},
        {PROA_COAP_OPT_ETAG, "tag", false, true},
        {PROA_COAP_OPT_IF_NONE_MATCH, "", false, true},
        {PROA_COAP_OPT_URI_PORT, "pp", true, false},
        {PROA_COAP_OPT_LOCATION_PATH, "here", false, true},
        {PROA_COAP_OPT_URI_PATH, "path", false, true},
        {PROA_COAP_OPT_CONTENT_FORMAT, "\x3c", false, true},
        {PROA_COAP_OPT_MAX_AGE, "9", false, true},
        {PROA_COAP_OPT_URI_QUERY, "ep=x", false, true},
        {16, "h", true, false}, /* Hop-Limit, RFC 8768 */
        {PROA_COAP_OPT_ACCEPT, "<", false, true},
        {PROA_COAP_OPT_LOCATION_QUERY, "q", false, true},
        {PROA_COAP_OPT_BLOCK2, "2", false, true},
        {PROA_COAP_OPT_BLOCK1, "1", false, true},
        {PROA_COAP_OPT_SIZE2, "s", false, true},
        {PROA_COAP_OPT_PROXY_URI, "coap://host:99", true, false},
        {PROA_COAP_OPT_PROXY_SCHEME, "coap", true, false},
        {PROA_COAP_OPT_SIZE1, "s", false, true},
        {PROA_COAP_OPT_ECHO, "12345678", false, true},
        {PROA_COAP_OPT_NO_RESPONSE, "\x1a", false, true},
        {PROA_COAP_OPT_REQUEST_TAG, "rt", false, true},
        {2, "unknown", false, true},
        {65535, "unknown and critical", false, true},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        proa_oscore_binding b;
        proa_oscore_received in;
        message inner;
        message plain = with_option(PROA_COAP_POST, rows[i].number, proa_span_of(rows[i].value));
        message wire = ask(&client, &b, &plain);
        assert_int_equal(code_of(&wire), PROA_COAP_POST);
        assert_true(has(&wire, PROA_COAP_OPT_OSCORE));
        assert_int_equal(has(&wire, rows[i].number), rows[i].outside);
        assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_ACCEPTED);
        equal(&inner, &plain);

        /* Somebody on the way writes one outside that belongs inside: it is thrown away. */
        if (!rows[i].outside && rows[i].number != PROA_COAP_OPT_OSCORE) {
            plain = get_a((uint16_t)i, none);
            wire = ask(&client, &b, &plain);
            proa_coap_msg m;
            proa_coap_option option;
            message evil;
            assert_int_equal(proa_coap_parse(&m, span(&wire)), PROA_OK);
            proa_coap_builder build =
                proa_coap_build(evil.bytes, sizeof evil.bytes, m.type, m.code, m.mid, &m.token);
            proa_coap_options it = proa_coap_options_of(&m);
            assert_true(proa_coap_option_next(&it, &option));
            proa_span value = proa_span_of(rows[i].value);
            if (rows[i].number < PROA_COAP_OPT_OSCORE) {
                proa_coap_add(&build, rows[i].number, value);
            }
            proa_coap_add(&build, PROA_COAP_OPT_OSCORE, option.value);
            if (rows[i].number > PROA_COAP_OPT_OSCORE) {
                proa_coap_add(&build, rows[i].number, value);
            }
            proa_coap_add_payload(&build, m.payload);
            evil.len = (size_t)proa_coap_build_end(&build);
            assert_int_equal(hear(&server, &evil, &inner, &in), PROA_OSCORE_ACCEPTED);
            equal(&inner, &plain);
        }
    }
}

/* All outer options together, long and short, between inner ones: the same message comes out. */
static void rfc8613_4_1_2_outer_and_inner_interleaved(void **state)
{
    (void)state;
    message plain, inner;
    proa_oscore_binding b;
    proa_oscore_received in;
    static const char longer[] =
        "a-name-that-needs-an-extended-length-and-more-than-269-characters-"
        "123456789012345678901234567890123456789012345678901234567890123"
        "123456789012345678901234567890123456789012345678901234567890123"
        "123456789012345678901234567890123456789012345678901234567890123";
    proa_coap_builder build =
        proa_coap_build(plain.bytes, sizeof plain.bytes, PROA_COAP_NON, PROA_COAP_PUT, 7, NULL);
    proa_coap_add(&build, PROA_COAP_OPT_IF_MATCH, proa_span_of("1"));
    proa_coap_add(&build, PROA_COAP_OPT_URI_HOST, proa_span_of(longer));
    proa_coap_add(&build, PROA_COAP_OPT_ETAG, proa_span_of("4"));
    proa_coap_add(&build, PROA_COAP_OPT_URI_PORT, proa_span_of("7"));
    proa_coap_add(&build, PROA_COAP_OPT_URI_PATH, proa_span_of("a"));
    proa_coap_add(&build, PROA_COAP_OPT_URI_PATH, proa_span_of("b"));
    proa_coap_add(&build, PROA_COAP_OPT_URI_QUERY, proa_span_of("c"));
    proa_coap_add(&build, 16, proa_span_of("h"));
    proa_coap_add(&build, PROA_COAP_OPT_PROXY_SCHEME, proa_span_of("coap"));
    proa_coap_add(&build, PROA_COAP_OPT_SIZE1, proa_span_of("z"));
    proa_coap_add(&build, 300, proa_span_of("unknown"));
    plain.len = (size_t)proa_coap_build_end(&build);
    message wire = ask(&client, &b, &plain);
    assert_false(has(&wire, PROA_COAP_OPT_URI_PATH));
    assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_ACCEPTED);
    equal(&inner, &plain);
}

/* A notification that carries a Uri-Host as well, nonsense as that is: both changes to the message
 * are made, and what is decided by its options is decided on the changed one. */
static void rfc8613_4_1_2_outer_options_beside_observe(void **state)
{
    (void)state;
    proa_oscore_binding b;
    proa_oscore_received in;
    message plain, inner, expected;
    for (int notifies = 0; notifies < 2; notifies++) {
        proa_coap_token token = {{9}, 1};
        proa_coap_builder build = proa_coap_build(plain.bytes, sizeof plain.bytes, PROA_COAP_CON,
                                                  PROA_COAP_GET, 1, &token);
        proa_coap_add(&build, PROA_COAP_OPT_URI_HOST, proa_span_of("host"));
        proa_coap_add(&build, PROA_COAP_OPT_OBSERVE, none);
        proa_coap_add(&build, PROA_COAP_OPT_ECHO, proa_span_of("12345678"));
        plain.len = (size_t)proa_coap_build_end(&build);
        message wire = ask(&client, &b, &plain);
        assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_ACCEPTED);
        equal(&inner, &plain);
        end_context(&server)->next = 0x1200U + (unsigned)notifies;
        end_context(&server)->reserved = 0x1300;
        for (int out = 0; out < 2; out++) {
            message *m = out == 0 ? &plain : &expected;
            build = proa_coap_build(m->bytes, sizeof m->bytes, PROA_COAP_NON, PROA_COAP_CONTENT, 1,
                                    &token);
            proa_coap_add(&build, PROA_COAP_OPT_URI_HOST, proa_span_of("host"));
            if (notifies) {
                proa_coap_add_uint(&build, PROA_COAP_OPT_OBSERVE, out == 0 ? 7 : 0x1201);
            }
            proa_coap_add(&build, PROA_COAP_OPT_PROXY_SCHEME, proa_span_of("coap"));
            proa_coap_add_payload(&build, proa_span_of("x"));
            m->len = (size_t)proa_coap_build_end(&build);
        }
        wire = answer(&server, &in.binding, &plain, true);
        assert_int_equal(hear_back(&client, &b, &wire, &inner), PROA_OSCORE_ACCEPTED);
        equal(&inner, &expected);
        /* The relation goes on only where it was a notification. */
        assert_int_equal((b.marks & PROA__OVER) != 0, notifies == 0);
    }
}

static void rfc8613_4_2_codes_are_hidden_and_headers_kept(void **state)
{
    (void)state;
    static const uint8_t asks[] = {PROA_COAP_GET,    PROA_COAP_POST,  PROA_COAP_PUT,
                                   PROA_COAP_DELETE, PROA_COAP_FETCH, PROA_COAP_IPATCH};
    static const uint8_t answers[] = {PROA_COAP_CREATED, PROA_COAP_CHANGED, PROA_COAP_CONTENT,
                                      PROA_COAP_NOT_FOUND, PROA_COAP_SERVICE_UNAVAILABLE};
    for (size_t i = 0; i < COUNT(asks); i++) {
        proa_oscore_binding b;
        proa_oscore_received in;
        message inner;
        message plain = with_option(asks[i], PROA_COAP_OPT_URI_PATH, proa_span_of("x"));
        message wire = ask(&client, &b, &plain);
        assert_int_equal(code_of(&wire), PROA_COAP_POST);
        assert_memory_equal(wire.bytes + 2, plain.bytes + 2, 5); /* Message ID, Token */
        assert_int_equal(wire.bytes[0], plain.bytes[0]);
        assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_ACCEPTED);
        equal(&inner, &plain);
        plain = with_option(answers[i % COUNT(answers)], PROA_COAP_OPT_MAX_AGE, proa_span_of("5"));
        wire = answer(&server, &in.binding, &plain, false);
        assert_int_equal(code_of(&wire), PROA_COAP_CHANGED);
        assert_int_equal(hear_back(&client, &b, &wire, &inner), PROA_OSCORE_ACCEPTED);
        equal(&inner, &plain);
    }
}

/* Type and Message ID are the message layer's and may change on the way. */
static void rfc8613_4_2_message_layer_is_free(void **state)
{
    (void)state;
    proa_oscore_binding b;
    proa_oscore_received in;
    message inner;
    message plain = get_a(1, none);
    message wire = ask(&client, &b, &plain);
    wire.bytes[0] = (uint8_t)(wire.bytes[0] ^ 0x10); /* CON to NON */
    wire.bytes[3] ^= 0xff;
    assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_ACCEPTED);
    assert_int_equal(inner.bytes[0], plain.bytes[0] ^ 0x10);
    assert_int_equal(inner.bytes[3], plain.bytes[3] ^ 0xff);
    assert_memory_equal(inner.bytes + 4, plain.bytes + 4, plain.len - 4);
}

static void rfc8613_5_every_algorithm(void **state)
{
    (void)state;
    static const int32_t algs[] = {PROA_COSE_AES_CCM_16_64_128, PROA_COSE_A128GCM};
    for (size_t i = 0; i < COUNT(algs); i++) {
        proa_oscore_binding b;
        proa_oscore_received in;
        message inner;
        off(NULL);
        ends_make(&client, &server, 9);
        client.params.aead = server.params.aead = algs[i];
        end_on(&client, PROA_OSCORE_FRESH);
        end_on(&server, PROA_OSCORE_FRESH);
        for (uint64_t number = 0; number <= PROA_OSCORE_NUMBER_MAX; number = number * 16 + 15) {
            end_context(&client)->next = number; /* Partial IVs of all lengths */
            end_context(&client)->reserved = number + 1;
            message plain = get_a(1, none);
            message wire = ask(&client, &b, &plain);
            assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_ACCEPTED);
            equal(&inner, &plain);
            plain = content(1, "abc");
            wire = answer(&server, &in.binding, &plain, number % 2 != 0);
            assert_int_equal(hear_back(&client, &b, &wire, &inner), PROA_OSCORE_ACCEPTED);
            equal(&inner, &plain);
        }
    }
}

/* ---- what must not be protected ------------------------------------------------------------ */

static void rfc8613_4_1_3_unfit_messages(void **state)
{
    (void)state;
    static const struct {
        const char *message;
        const char *why;
    } rows[] = {
        {"40", "no message"},
        {"40 00 12 34", "Empty"},
        {"60 45 12 34", "a response under a request's binding"},
        {"40 e1 12 34", "signalling"},
        {"40 01 12 34 90", "4.1.3.7: OSCORE inside OSCORE"},
        {"40 01 12 34 dd 16 07 63 6f 61 70 3a 2f 2f 61 2f 62", "not even well formed"},
    };
    proa_oscore_binding b;
    uint8_t out[BUF];
    size_t len;
    assert_int_equal(proa_oscore_begin_request(client.o, ACCOUNT, &b), PROA_OSCORE_DONE);
    for (size_t i = 0; i < COUNT(rows); i++) {
        message m = message_of(rows[i].message);
        assert_int_equal(proa_oscore_protect(client.o, &b, span(&m), out, sizeof out, &len),
                         PROA_OSCORE_UNFIT);
        assert_int_equal(len, 0);
    }
    /* §4.1.3.3: a path in Proxy-Uri would be seen by everybody. */
    static const char *const uris[] = {"coap://a/b", "coap://a/", "coap://a?q", "coap://[::1]:5/x"};
    for (size_t i = 0; i < COUNT(uris); i++) {
        message m = with_option(PROA_COAP_GET, PROA_COAP_OPT_PROXY_URI, proa_span_of(uris[i]));
        assert_int_equal(proa_oscore_protect(client.o, &b, span(&m), out, sizeof out, &len),
                         PROA_OSCORE_UNFIT);
    }
    assert_int_equal(checker_seen(), 0);
    message fit = get_a(1, none);
    assert_int_equal(proa_oscore_protect(client.o, &b, span(&fit), out, sizeof out, &len),
                     PROA_OSCORE_DONE);
}

/* Every size from nothing to enough, against a guard page: all or nothing. */
static void short_buffers(void **state)
{
    (void)state;
    proa_oscore_binding b;
    proa_oscore_received in;
    message plain = get_a(1, none);
    message wire = ask(&client, &b, &plain);
    message inner;
    size_t len;
    assert_true(wire.len <= plain.len + PROA_OSCORE_OVERHEAD_MAX);
    for (size_t cap = 0; cap <= wire.len; cap++) {
        uint8_t *out = guard_copy(inner.bytes, cap);
        proa_oscore_result result = proa_oscore_protect(client.o, &b, span(&plain), out, cap, &len);
        assert_int_equal(result, cap < wire.len ? PROA_OSCORE_SHORT : PROA_OSCORE_DONE);
        assert_int_equal(len, cap < wire.len ? 0 : wire.len);
        guard_free(out, cap);
    }
    for (size_t cap = 0; cap <= wire.len; cap++) {
        uint8_t *out = guard_copy(inner.bytes, cap);
        proa_oscore_verdict verdict =
            proa_oscore_unprotect_request(server.o, 0, span(&wire), out, cap, &in);
        guard_free(out, cap);
        if (verdict == PROA_OSCORE_ACCEPTED) {
            break;
        }
        assert_int_equal(verdict, PROA_OSCORE_FAILED);
        assert_int_equal(in.message.len, 0);
        assert_int_not_equal(cap, wire.len);
    }
    assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_REPLAY);
}

/* ---- one nonce, one plaintext -------------------------------------------------------------- */

static void g06_retransmission_is_the_same_bytes(void **state)
{
    (void)state;
    proa_oscore_binding b;
    message plain = get_a(1, none);
    message wire = ask(&client, &b, &plain);
    message again;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(proa_oscore_protect(client.o, &b, span(&plain), again.bytes,
                                             sizeof again.bytes, &again.len),
                         PROA_OSCORE_DONE);
        equal(&again, &wire);
    }
}

static void g06_another_message_under_a_number_is_refused(void **state)
{
    (void)state;
    proa_oscore_binding b;
    message out;
    message plain = get_a(1, none);
    (void)ask(&client, &b, &plain);
    for (unsigned i = 0; i < 64; i++) {
        plain = with_option(PROA_COAP_GET, PROA_COAP_OPT_URI_PATH, proa_span_make(&i, 2));
        /* The tag's upper bits decide; that 10 bits agree by chance is not to be had with this
         * seed. */
        assert_int_equal(
            proa_oscore_protect(client.o, &b, span(&plain), out.bytes, sizeof out.bytes, &out.len),
            PROA_OSCORE_REUSED);
        assert_int_equal(out.len, 0);
    }
    assert_int_equal(proa_oscore_read_stats(client.o).refused_reuse, 64);
    /* The checker beside us has seen the encryptions; they were not given out. */
    assert_int_equal(checker_violations(), 64);
    checker_forget();
}

static void g06_a_second_response_has_its_own_number(void **state)
{
    (void)state;
    proa_oscore_binding b;
    proa_oscore_received in;
    message inner, plain = get_a(1, none);
    message wire = ask(&client, &b, &plain);
    assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_ACCEPTED);
    plain = content(1, "first");
    message one = answer(&server, &in.binding, &plain, false);
    plain = content(1, "other");
    message two = answer(&server, &in.binding, &plain, false);
    assert_int_equal(two.len, one.len + 2);
    assert_int_equal(hear_back(&client, &b, &one, &inner), PROA_OSCORE_ACCEPTED);
    /* To a request that does not observe there is one response. */
    assert_int_equal(hear_back(&client, &b, &two, &inner), PROA_OSCORE_REPLAY);
    assert_int_equal(hear_back(&client, &b, &one, &inner), PROA_OSCORE_REPLAY);
}

static void protecting_needs_a_begin(void **state)
{
    (void)state;
    proa_oscore_binding b;
    proa_oscore_received in;
    message inner, plain = get_a(1, none);
    message wire = ask(&client, &b, &plain);
    assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_ACCEPTED);
    plain = content(1, "x");
    assert_int_equal(proa_oscore_protect(server.o, &in.binding, span(&plain), wire.bytes,
                                         sizeof wire.bytes, &wire.len),
                     PROA_OSCORE_UNFIT);
    assert_int_equal(proa_oscore_begin_response(client.o, &b, false), PROA_OSCORE_GONE);
    proa_oscore_binding zero = {0};
    assert_int_equal(proa_oscore_begin_response(server.o, &zero, false), PROA_OSCORE_GONE);
    assert_int_equal(proa_oscore_protect(server.o, &zero, span(&plain), wire.bytes,
                                         sizeof wire.bytes, &wire.len),
                     PROA_OSCORE_GONE);
    assert_int_equal(proa_oscore_begin_request(client.o, ACCOUNT + 1, &b), PROA_OSCORE_GONE);
}

/* ---- observing ----------------------------------------------------------------------------- */

static message observe(uint8_t value)
{
    return with_option(PROA_COAP_GET, PROA_COAP_OPT_OBSERVE, proa_span_make(&value, value != 0));
}

static message notification(uint32_t value)
{
    message m;
    proa_coap_token token = {{1, 2, 3}, 3};
    proa_coap_builder b = proa_coap_build(m.bytes, sizeof m.bytes, PROA_COAP_CON, PROA_COAP_CONTENT,
                                          (uint16_t)value, &token);
    proa_coap_add_uint(&b, PROA_COAP_OPT_OBSERVE, value);
    proa_coap_add_payload(&b, proa_span_make(&value, sizeof value));
    m.len = (size_t)proa_coap_build_end(&b);
    return m;
}

static uint32_t observe_of(const message *m)
{
    proa_coap_msg msg;
    assert_int_equal(proa_coap_parse(&msg, span(m)), PROA_OK);
    return proa_coap_option_uint(&msg, PROA_COAP_OPT_OBSERVE, UINT32_MAX);
}

static void rfc8613_4_1_3_5_observing(void **state)
{
    (void)state;
    proa_oscore_binding b;
    proa_oscore_received in;
    message inner, plain, wire[6];
    plain = observe(0);
    message request = ask(&client, &b, &plain);
    assert_int_equal(code_of(&request), PROA_COAP_FETCH);
    assert_int_equal(observe_of(&request), 0);
    assert_int_equal(hear(&server, &request, &inner, &in), PROA_OSCORE_ACCEPTED);
    equal(&inner, &plain);
    for (uint32_t i = 0; i < 6; i++) {
        plain = notification(100 + i);
        wire[i] = answer(&server, &in.binding, &plain, i > 0);
        assert_int_equal(code_of(&wire[i]), PROA_COAP_CONTENT);
        assert_int_equal(observe_of(&wire[i]), 100 + i); /* for proxies */
    }
    /* The first one without a number is the oldest; out come the numbers, in order only. */
    assert_int_equal(hear_back(&client, &b, &wire[0], &inner), PROA_OSCORE_ACCEPTED);
    assert_int_equal(observe_of(&inner), 0);
    assert_int_equal(hear_back(&client, &b, &wire[0], &inner), PROA_OSCORE_REPLAY);
    assert_int_equal(hear_back(&client, &b, &wire[2], &inner), PROA_OSCORE_ACCEPTED);
    assert_int_equal(observe_of(&inner), 1);
    assert_int_equal(hear_back(&client, &b, &wire[1], &inner), PROA_OSCORE_REPLAY);
    assert_int_equal(hear_back(&client, &b, &wire[2], &inner), PROA_OSCORE_REPLAY);
    assert_int_equal(hear_back(&client, &b, &wire[5], &inner), PROA_OSCORE_ACCEPTED);
    assert_int_equal(observe_of(&inner), 4);
    assert_int_equal(hear_back(&client, &b, &wire[3], &inner), PROA_OSCORE_REPLAY);
    plain = content(3, "the end"); /* without Observe: the last */
    message last = answer(&server, &in.binding, &plain, true);
    assert_int_equal(code_of(&last), PROA_COAP_CHANGED);
    assert_int_equal(hear_back(&client, &b, &last, &inner), PROA_OSCORE_ACCEPTED);
    assert_int_equal(hear_back(&client, &b, &last, &inner), PROA_OSCORE_REPLAY);
}

/* The one without a number counts as the oldest also when it comes late: only before all others. */
static void rfc8613_7_4_1_late_first_notification(void **state)
{
    (void)state;
    proa_oscore_binding b;
    proa_oscore_received in;
    message inner, plain = observe(0);
    message wire = ask(&client, &b, &plain);
    assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_ACCEPTED);
    plain = notification(1);
    message first = answer(&server, &in.binding, &plain, false);
    plain = notification(2);
    message second = answer(&server, &in.binding, &plain, true);
    assert_int_equal(hear_back(&client, &b, &second, &inner), PROA_OSCORE_ACCEPTED);
    assert_int_equal(hear_back(&client, &b, &first, &inner), PROA_OSCORE_REPLAY);
}

/* §4.1.3.5.2: the lower 24 bits, with zeros in front left out. */
static void rfc8613_4_1_3_5_2_large_numbers(void **state)
{
    (void)state;
    proa_oscore_binding b;
    proa_oscore_received in;
    message inner, plain = observe(0);
    message wire = ask(&client, &b, &plain);
    assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_ACCEPTED);
    static const uint64_t numbers[] = {0xff, 0x100, 0x12345, 0xffffff, 0x1000000, 0xffffffffff};
    for (size_t i = 0; i < COUNT(numbers); i++) {
        end_context(&server)->next = numbers[i];
        end_context(&server)->reserved = numbers[i] + 1;
        plain = notification((uint32_t)i);
        wire = answer(&server, &in.binding, &plain, true);
        assert_int_equal(hear_back(&client, &b, &wire, &inner), PROA_OSCORE_ACCEPTED);
        assert_int_equal(observe_of(&inner), numbers[i] & 0xffffff);
    }
    assert_int_equal(proa_oscore_begin_response(server.o, &in.binding, true),
                     PROA_OSCORE_EXHAUSTED);
}

/* Observe comes out longer than it went in; what is still to be read must not be written over, however
 * often the peer repeats it. RFC 7252 §5.4.5: all but the first are ignored. */
static void rfc8613_4_1_3_5_2_observe_repeated(void **state)
{
    (void)state;
    proa_coap_token token = {{1, 2, 3}, 3};
    for (uint32_t count = 1; count <= 40; count++) {
        proa_oscore_binding b;
        proa_oscore_received in;
        message inner, expected, plain = observe(0);
        message wire = ask(&client, &b, &plain);
        assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_ACCEPTED);
        end_context(&server)->next = 0xabc000 + count;
        end_context(&server)->reserved = 0xabd000;
        for (int out = 0; out < 2; out++) {
            message *m = out == 0 ? &plain : &expected;
            proa_coap_builder build = proa_coap_build(m->bytes, sizeof m->bytes, PROA_COAP_CON,
                                                      PROA_COAP_CONTENT, 1, &token);
            for (uint32_t i = 0; i < (out == 0 ? count : 1); i++) {
                proa_coap_add_uint(&build, PROA_COAP_OPT_OBSERVE, out == 0 ? 0 : 0xabc000 + count);
            }
            proa_coap_add(&build, PROA_COAP_OPT_MAX_AGE, proa_span_of("9"));
            proa_coap_add_payload(&build, proa_span_of("payload"));
            m->len = (size_t)proa_coap_build_end(&build);
        }
        wire = answer(&server, &in.binding, &plain, true);
        assert_int_equal(hear_back(&client, &b, &wire, &inner), PROA_OSCORE_ACCEPTED);
        equal(&inner, &expected);
    }
}

static void rfc8613_4_1_3_5_2_notification_to_a_plain_request(void **state)
{
    (void)state;
    proa_oscore_binding b;
    proa_oscore_received in;
    message inner, plain = get_a(1, none);
    message wire = ask(&client, &b, &plain);
    assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_ACCEPTED);
    plain = notification(1);
    wire = answer(&server, &in.binding, &plain, true);
    assert_int_equal(hear_back(&client, &b, &wire, &inner), PROA_OSCORE_MALFORMED);
    plain = content(1, "as it should be");
    wire = answer(&server, &in.binding, &plain, true);
    assert_int_equal(hear_back(&client, &b, &wire, &inner), PROA_OSCORE_ACCEPTED);
}

/* ---- bad input ----------------------------------------------------------------------------- */

/* A request around a given option value, whose ciphertext is the true one. */
static message around(const message *wire, const char *value)
{
    proa_coap_msg m;
    message out;
    uint8_t bytes[64];
    size_t len = hex(value, bytes, sizeof bytes);
    assert_int_equal(proa_coap_parse(&m, span(wire)), PROA_OK);
    proa_coap_builder b =
        proa_coap_build(out.bytes, sizeof out.bytes, m.type, m.code, m.mid, &m.token);
    proa_coap_add(&b, PROA_COAP_OPT_OSCORE, proa_span_make(bytes, len));
    proa_coap_add_payload(&b, m.payload);
    out.len = (size_t)proa_coap_build_end(&b);
    return out;
}

static void rfc8613_8_2_verdicts_on_requests(void **state)
{
    (void)state;
    static const struct {
        const char *value; /* the true one is 09 00 63 */
        proa_oscore_verdict verdict;
        const char *why;
    } rows[] = {
        {"", PROA_OSCORE_MALFORMED, "a response's option"},
        {"09 00", PROA_OSCORE_UNKNOWN, "empty kid"},
        {"09 00 64", PROA_OSCORE_UNKNOWN, "wrong kid"},
        {"09 00 63 63", PROA_OSCORE_UNKNOWN, "longer kid"},
        {"09 00 01 02 03 04 05 06 07 08 09", PROA_OSCORE_UNKNOWN, "too long a kid"},
        {"09 01 63", PROA_OSCORE_FORGED, "another number"},
        {"0d ff ff ff ff ff 63", PROA_OSCORE_FORGED, "the largest number"},
        {"08 63", PROA_OSCORE_MALFORMED, "5: no number"},
        {"01 00", PROA_OSCORE_MALFORMED, "5: no kid"},
        {"0a 00 00 63", PROA_OSCORE_MALFORMED, "leading zero"},
        {"0e 01 02 03 04 05 06 63", PROA_OSCORE_MALFORMED, "n = 6"},
        {"0f 01 02 03 04 05 06 07 63", PROA_OSCORE_MALFORMED, "n = 7"},
        {"29 00 63", PROA_OSCORE_MALFORMED, "reserved flag"},
        {"49 00 63", PROA_OSCORE_MALFORMED, "reserved flag"},
        {"89 00 63", PROA_OSCORE_MALFORMED, "reserved flag"},
        {"19 00 05 63", PROA_OSCORE_MALFORMED, "kid context cut"},
        {"19 00 01 aa 63", PROA_OSCORE_UNKNOWN, "5.1: an ID Context that the context has not"},
        {"19 00 00 63", PROA_OSCORE_UNKNOWN, "5.1: an empty one is another than none"},
        {"09 00 63", PROA_OSCORE_ACCEPTED, "the true one"},
        {"09 00 63", PROA_OSCORE_REPLAY, "and again"},
    };
    proa_oscore_binding b;
    message plain = get_a(1, none);
    message wire = ask(&client, &b, &plain);
    for (size_t i = 0; i < COUNT(rows); i++) {
        proa_oscore_received in;
        message inner;
        message changed = around(&wire, rows[i].value);
        proa_oscore_verdict verdict = hear(&server, &changed, &inner, &in);
        if (verdict != rows[i].verdict) {
            print_error("%s (%s): %d\n", rows[i].value, rows[i].why, verdict);
        }
        assert_int_equal(verdict, rows[i].verdict);
    }
    proa_oscore_stats stats = proa_oscore_read_stats(server.o);
    assert_int_equal(stats.verdicts[PROA_OSCORE_MALFORMED], 10);
    assert_int_equal(stats.verdicts[PROA_OSCORE_UNKNOWN], 6);
    assert_int_equal(stats.verdicts[PROA_OSCORE_FORGED], 2);
    assert_int_equal(stats.verdicts[PROA_OSCORE_REPLAY], 1);
    assert_int_equal(stats.verdicts[PROA_OSCORE_ACCEPTED], 1);
    assert_int_equal(stats.verdicts[PROA_OSCORE_FAILED], 0);
}

static void rfc8613_2_and_8_2_messages_that_are_none(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "40 02 12",
        "40 02 12 34",                                                       /* no option */
        "40 02 12 34 93 09 00 63",                                           /* 2: no payload */
        "40 02 12 34 93 09 00 63 03 09 00 63 ff 00 01 02 03 04 05 06 07 08", /* twice */
        "60 44 12 34 93 09 00 63 ff 00 01 02 03 04 05 06 07 08",             /* a response */
        "40 00 12 34",
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        proa_oscore_received in;
        message inner, m = message_of(rows[i]);
        assert_int_equal(hear(&server, &m, &inner, &in), PROA_OSCORE_MALFORMED);
    }
    /* Ciphertexts shorter than a tag, and a tag around nothing. */
    for (size_t len = 1; len < 9; len++) {
        proa_oscore_received in;
        message inner, m = message_of("40 02 12 34 93 09 00 63 ff 01 02 03 04 05 06 07 08");
        m.len = 9 + len;
        assert_int_equal(hear(&server, &m, &inner, &in), PROA_OSCORE_FORGED);
    }
}

/* Any bit of the ciphertext, of the kid or of the number. */
static void rfc8613_8_2_every_bit_counts(void **state)
{
    (void)state;
    proa_oscore_binding b;
    proa_oscore_received in;
    message inner, plain = get_a(1, none);
    message wire = ask(&client, &b, &plain);
    size_t from = 7 + 2; /* behind flags and head of the option, whose bits have their own test */
    for (size_t bit = from * 8; bit < wire.len * 8; bit++) {
        message evil = wire;
        evil.bytes[bit / 8] = (uint8_t)(evil.bytes[bit / 8] ^ 1U << bit % 8);
        assert_int_not_equal(hear(&server, &evil, &inner, &in), PROA_OSCORE_ACCEPTED);
    }
    assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_ACCEPTED);
}

/* What an authentic peer encrypts may be nonsense: no code, a response's code, options cut. */
static void rfc8613_8_2_nonsense_inside(void **state)
{
    (void)state;
    static const char *const plaintexts[] = {
        "",         /* nothing at all */
        "00",       /* Empty */
        "45",       /* a response in a request */
        "e1",       /* reserved class */
        "01 b5 61", /* option cut */
        "01 ff",    /* marker without payload */
        "01 90",    /* the OSCORE option again */
        "01 f0",    /* reserved nibble */
    };
    for (size_t i = 0; i < COUNT(plaintexts); i++) {
        uint8_t text[64];
        size_t len = hex(plaintexts[i], text, sizeof text);
        proa_oscore_binding asked = {.request_number = {0, 0, 0, 0, (uint8_t)i},
                                     .marks = PROA__ASKED};
        assert_int_equal(
            proa__oscore_crypt(&end_context(&client)->keys, &asked, NULL, true, text, len),
            PROA_OK);
        message wire, inner;
        proa_oscore_received in;
        uint8_t value[] = {9, (uint8_t)i, 'c'};
        proa_coap_builder b =
            proa_coap_build(wire.bytes, sizeof wire.bytes, PROA_COAP_CON, PROA_COAP_POST, 1, NULL);
        proa_coap_add(&b, PROA_COAP_OPT_OSCORE, proa_span_make(value, sizeof value));
        proa_coap_add_payload(&b, proa_span_make(text, len + 8));
        wire.len = (size_t)proa_coap_build_end(&b);
        assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_MALFORMED);
    }
}

static void rfc8613_7_4_replayed_and_too_old(void **state)
{
    (void)state;
    message wires[40], inner, plain = get_a(1, none);
    proa_oscore_binding b;
    proa_oscore_received in;
    for (size_t i = 0; i < 40; i++) {
        wires[i] = ask(&client, &b, &plain);
    }
    assert_int_equal(hear(&server, &wires[35], &inner, &in), PROA_OSCORE_ACCEPTED);
    assert_int_equal(hear(&server, &wires[35], &inner, &in), PROA_OSCORE_REPLAY);
    assert_int_equal(hear(&server, &wires[4], &inner, &in), PROA_OSCORE_ACCEPTED);
    assert_int_equal(hear(&server, &wires[3], &inner, &in), PROA_OSCORE_REPLAY);
    assert_int_equal(hear(&server, &wires[20], &inner, &in), PROA_OSCORE_ACCEPTED);
    assert_int_equal(hear(&server, &wires[39], &inner, &in), PROA_OSCORE_ACCEPTED);
    assert_int_equal(hear(&server, &wires[20], &inner, &in), PROA_OSCORE_REPLAY);
    assert_int_equal(hear(&server, &wires[4], &inner, &in), PROA_OSCORE_REPLAY);
    assert_int_equal(proa_oscore_read_stats(server.o).too_old, 2);
    assert_int_equal(proa_oscore_read_stats(server.o).verdicts[PROA_OSCORE_REPLAY], 4);
}

/* A forged message with a high number must not move the window. */
static void rfc8613_7_4_only_authentic_numbers_count(void **state)
{
    (void)state;
    proa_oscore_binding b;
    proa_oscore_received in;
    message inner, plain = get_a(1, none);
    message wire = ask(&client, &b, &plain);
    message forged = around(&wire, "0d ff ff ff ff f0 63");
    assert_int_equal(hear(&server, &forged, &inner, &in), PROA_OSCORE_FORGED);
    assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_ACCEPTED);
}

static void rfc8613_8_4_verdicts_on_responses(void **state)
{
    (void)state;
    proa_oscore_binding b, other, asked_by_them;
    proa_oscore_received in;
    message inner, plain = get_a(1, none);
    message wire = ask(&client, &other, &plain);
    (void)wire;
    wire = ask(&client, &b, &plain);
    assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_ACCEPTED);
    asked_by_them = in.binding;
    plain = content(1, "x");
    message response = answer(&server, &in.binding, &plain, false);
    /* §7.1: a response to another request. */
    assert_int_equal(hear_back(&client, &other, &response, &inner), PROA_OSCORE_FORGED);
    /* Nothing was asked at all. */
    proa_oscore_binding nothing = {0};
    assert_int_equal(hear_back(&client, &nothing, &response, &inner), PROA_OSCORE_MALFORMED);
    assert_int_equal(hear_back(&server, &asked_by_them, &response, &inner), PROA_OSCORE_MALFORMED);
    /* A request where a response should be; a kid context without B.2; a number put there. */
    assert_int_equal(hear_back(&client, &b, &wire, &inner), PROA_OSCORE_MALFORMED);
    message changed = around(&response, "10 01 aa");
    assert_int_equal(hear_back(&client, &b, &changed, &inner), PROA_OSCORE_MALFORMED);
    changed = around(&response, "01 00");
    assert_int_equal(hear_back(&client, &b, &changed, &inner), PROA_OSCORE_FORGED);
    /* Not protected: nothing for us. */
    assert_int_equal(hear_back(&client, &b, &plain, &inner), PROA_OSCORE_MALFORMED);
    /* None of this ended the request. */
    assert_int_equal(hear_back(&client, &b, &response, &inner), PROA_OSCORE_ACCEPTED);
    equal(&inner, &plain);
}

static void rfc8613_8_what_is_answered(void **state)
{
    (void)state;
    static const struct {
        proa_oscore_verdict verdict;
        uint8_t code;
    } rows[] = {
        {PROA_OSCORE_MALFORMED, PROA_COAP_BAD_OPTION},
        {PROA_OSCORE_UNKNOWN, PROA_COAP_UNAUTHORIZED},
        {PROA_OSCORE_REPLAY, PROA_COAP_UNAUTHORIZED},
        {PROA_OSCORE_FORGED, PROA_COAP_BAD_REQUEST},
        {PROA_OSCORE_BUSY, PROA_COAP_SERVICE_UNAVAILABLE},
        {PROA_OSCORE_FAILED, PROA_COAP_EMPTY},
        {PROA_OSCORE_ACCEPTED, PROA_COAP_EMPTY},
        {PROA_OSCORE_ANSWER, PROA_COAP_EMPTY},
        {PROA_OSCORE_RETRY, PROA_COAP_EMPTY},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(proa_oscore_refusal_of(rows[i].verdict), rows[i].code);
    }
}

/* §5.1: with an ID Context, requests carry it, and only that one fits. */
static void rfc8613_5_1_id_context(void **state)
{
    (void)state;
    proa_oscore_binding b;
    proa_oscore_received in;
    message inner, plain = get_a(1, none);
    off(NULL);
    ends_make(&client, &server, 3);
    client.params.has_id_context = server.params.has_id_context = true;
    client.params.id_context = server.params.id_context = proa_span_of("context");
    end_on(&client, PROA_OSCORE_FRESH);
    end_on(&server, PROA_OSCORE_FRESH);
    message wire = ask(&client, &b, &plain);
    message changed = around(&wire, "19 00 07 63 6f 6e 74 65 78 75 63");
    assert_int_equal(hear(&server, &changed, &inner, &in), PROA_OSCORE_UNKNOWN);
    changed = around(&wire, "19 00 06 63 6f 6e 74 65 78 63");
    assert_int_equal(hear(&server, &changed, &inner, &in), PROA_OSCORE_UNKNOWN);
    changed = around(&wire, "09 00 63"); /* left out: allowed, it is known to both */
    assert_int_equal(hear(&server, &changed, &inner, &in), PROA_OSCORE_ACCEPTED);
    wire = ask(&client, &b, &plain);
    assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_ACCEPTED);
    plain = content(1, "x");
    wire = answer(&server, &in.binding, &plain, false);
    assert_int_equal(wire.bytes[7], 0x90); /* responses do not carry it */
    assert_int_equal(hear_back(&client, &b, &wire, &inner), PROA_OSCORE_ACCEPTED);
}

/* Each call of cryptography fails once, in each place: a verdict, and the next message works. */
static void cryptography_fails_anywhere(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 4; n++) {
        proa_oscore_binding b;
        proa_oscore_received in;
        message wire, inner, plain = get_a((uint16_t)n, none);
        assert_int_equal(proa_oscore_begin_request(client.o, ACCOUNT, &b), PROA_OSCORE_DONE);
        crypto_fail_at(n);
        proa_oscore_result result = proa_oscore_protect(client.o, &b, span(&plain), wire.bytes,
                                                        sizeof wire.bytes, &wire.len);
        assert_int_equal(result, n == 1 ? PROA_OSCORE_BROKEN : PROA_OSCORE_DONE);
        if (n == 1) {
            crypto_fail_at(0);
            assert_int_equal(wire.len, 0);
            continue;
        }
        proa_oscore_verdict verdict = hear(&server, &wire, &inner, &in);
        crypto_fail_at(0);
        assert_int_equal(verdict, n == 2 ? PROA_OSCORE_FAILED : PROA_OSCORE_ACCEPTED);
        if (n == 2) { /* not remembered as received */
            assert_int_equal(hear(&server, &wire, &inner, &in), PROA_OSCORE_ACCEPTED);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rfc8613_4_1_classes_of_options, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_4_1_2_outer_and_inner_interleaved, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_4_1_2_outer_options_beside_observe, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_4_2_codes_are_hidden_and_headers_kept, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_4_2_message_layer_is_free, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_5_every_algorithm, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_5_1_id_context, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_4_1_3_unfit_messages, on, off),
        cmocka_unit_test_setup_teardown(short_buffers, on, off),
        cmocka_unit_test_setup_teardown(g06_retransmission_is_the_same_bytes, on, off),
        cmocka_unit_test_setup_teardown(g06_another_message_under_a_number_is_refused, on, off),
        cmocka_unit_test_setup_teardown(g06_a_second_response_has_its_own_number, on, off),
        cmocka_unit_test_setup_teardown(protecting_needs_a_begin, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_4_1_3_5_observing, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_7_4_1_late_first_notification, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_4_1_3_5_2_large_numbers, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_4_1_3_5_2_observe_repeated, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_4_1_3_5_2_notification_to_a_plain_request, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_8_2_verdicts_on_requests, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_2_and_8_2_messages_that_are_none, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_8_2_every_bit_counts, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_8_2_nonsense_inside, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_7_4_replayed_and_too_old, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_7_4_only_authentic_numbers_count, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_8_4_verdicts_on_responses, on, off),
        cmocka_unit_test_setup_teardown(rfc8613_8_what_is_answered, on, off),
        cmocka_unit_test_setup_teardown(cryptography_fails_anywhere, on, off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
