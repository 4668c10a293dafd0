/* SPDX-License-Identifier: Apache-2.0 */
/* One question to a peer, against a scripted server and host (docs/C2C.md §5, §6, §8). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/c2c/asking.h"
#include "tests/support/guard.h"

#define NO_FORMAT PROA_FORMAT_NONE

/* ---- the whole way ---------------------------------------------------------------------- */

static void c2c_5_6_from_nothing_to_data(void **state)
{
    fake f;
    uint8_t body[16];
    (void)state;
    fake_open(&f, NULL, "own", true);
    proa_c2c_ask ask = asking_5706();
    proa_c2c_id id = asking_send(&f, &ask);

    asking_expect(&f, PROA_C2C_AUTHORIZING);
    assert_int_equal(f.event.id, id);
    assert_int_equal(f.event.short_id, 1);
    fake_request *ac = fake_last(&f);
    assert_int_equal(ac->code, PROA_COAP_POST);
    assert_int_equal(ac->to.session, 9001);
    assert_string_equal(ac->path, "/ac");
    assert_string_equal(ac->queries, "ep=host&c");
    assert_int_equal(ac->format, PROA_FORMAT_CBOR);
    assert_int_equal(ac->payload_len, hex("a1 82 19 0cef 00 01", body, sizeof(body)));
    assert_memory_equal(ac->payload, body, ac->payload_len);
    assert_int_equal(ac->timeout_ms, 70000);

    fake_pass(&f, 3000);
    (void)fake_install(&f, &asking_host);
    asking_expect(&f, PROA_C2C_PEER_ADDED);
    fake_answer(&f, ac, PROA_COAP_CREATED, NO_FORMAT, NULL, 0, false);
    asking_expect(&f, PROA_C2C_AUTHORIZED);
    assert_int_equal(f.event.elapsed_ms, 3000);
    assert_string_equal(asking_opened(&f)->identity, "identity-of-host");
    assert_memory_equal(asking_opened(&f)->key, ASKING_KEY, 16);
    assert_int_equal(asking_opened(&f)->addr.port, 5684);
    assert_int_equal(asking_opened(&f)->addr.ip[15], 7);
    fake_pass(&f, 100);
    fake_connected(&f, asking_opened(&f)->id, false);
    asking_expect(&f, PROA_C2C_CONNECTED);
    assert_int_equal(f.event.short_id, 2);

    fake_request *get = fake_last(&f);
    assert_int_equal(get->code, PROA_COAP_GET);
    assert_int_equal(get->to.session, asking_opened(&f)->id);
    assert_string_equal(get->path, "/3311/0/5706");
    assert_string_equal(get->queries, ""); /* no name is claimed: the key tells who we are */
    assert_int_equal(get->accept, PROA_FORMAT_TLV);
    fake_answer(&f, get, PROA_COAP_CONTENT, PROA_FORMAT_TLV, "e5164a3030303031", 0, false);
    asking_outcome(&f, PROA_OUTCOME_OK);
    assert_int_equal(f.event.id, id);
    assert_int_equal(f.event.code, PROA_COAP_CONTENT);
    assert_int_equal(f.event.format, PROA_FORMAT_TLV);
    assert_int_equal(f.event.payload.len, 8);
    assert_int_equal(f.event.elapsed_ms, 3100);
    assert_true(proa_span_equal(f.event.endpoint, proa_span_of("host")));
    asking_quiet(&f);

    /* The second question goes straight there. */
    size_t sent = f.client.sent_count;
    (void)asking_send(&f, &ask);
    assert_int_equal(f.client.sent_count, sent + 1);
    assert_string_equal(fake_last(&f)->path, "/3311/0/5706");
    fake_answer(&f, fake_last(&f), PROA_COAP_CONTENT, PROA_FORMAT_TLV, "e5164a3030303031", 0,
                false);
    asking_expect(&f, PROA_C2C_CONNECTED);
    asking_outcome(&f, PROA_OUTCOME_OK);
    assert_int_equal(f.event.elapsed_ms, 0);
    assert_int_equal(f.client.session_count, 1);
    fake_close(&f);
}

/* An account without a ASKING_URI: the peer has called us, and that session serves both. */
static void c2c_6_a_session_serves_both_directions(void **state)
{
    fake f;
    (void)state;
    fake_open(&f, NULL, "own", true);
    uint16_t key = fake_install(&f, &asking_caller);
    proa_c2c_ask ask = asking_5706();
    asking_forget(&f);
    (void)asking_send(&f, &ask); /* nobody knows where it is but the server; which does not tell */
    asking_expect(&f, PROA_C2C_AUTHORIZING);
    fake_answer(&f, fake_last(&f), PROA_COAP_CREATED, NO_FORMAT, NULL, 0, false);
    asking_expect(&f, PROA_C2C_AUTHORIZED);
    asking_outcome(&f, PROA_OUTCOME_UNREACHABLE);
    uint32_t session = fake_incoming(&f, key);
    fake_connected(&f, session, true);
    (void)asking_send(&f, &ask);
    assert_int_equal(fake_last(&f)->to.session, session);
    assert_int_equal(f.client.session_count, 1);
    fake_close(&f);
}

/* Where DTLS goes, by what the server wrote. */
static void c2c_6_addresses(void **state)
{
    static const struct {
        const char *uri;
        int port; /* 0: unreachable */
    } rows[] = {
        {"coaps://[2001:db8::7]:5684", 5684}, {"coaps://[2001:db8::7]", 5684},
        {"coaps://192.0.2.7:1234", 1234},     {"coap://[2001:db8::7]", 5684},
        {"coap://192.0.2.7", 5684},           {"coap://[2001:db8::7]:5683", 5683},
        {"coaps://host.example", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fake f;
        fake_account at = asking_host;
        at.uri = rows[i].uri;
        print_message("%s\n", rows[i].uri);
        fake_open(&f, NULL, "own", true);
        (void)fake_install(&f, &at);
        asking_forget(&f);
        proa_c2c_ask ask = asking_5706();
        (void)asking_send(&f, &ask);
        if (rows[i].port == 0) {
            assert_string_equal(fake_last(&f)->path, "/ac");
            assert_null(f.client.opened);
        } else {
            assert_int_equal(asking_opened(&f)->addr.port, rows[i].port);
        }
        fake_close(&f);
    }
}

/* ---- outcomes --------------------------------------------------------------------------- */

static void c2c_8_what_the_server_says(void **state)
{
    static const struct {
        uint8_t code;
        const char *payload;
        uint32_t max_age_s;
        proa_outcome outcome;
        uint32_t retry_ms;
    } rows[] = {
        {PROA_COAP_FORBIDDEN, NULL, 0, PROA_OUTCOME_DENIED, 0},
        {PROA_COAP_UNAUTHORIZED, NULL, 0, PROA_OUTCOME_DENIED, 0},
        {PROA_COAP_SERVICE_UNAVAILABLE, "a10101", 30, PROA_OUTCOME_PENDING, 30000},
        {PROA_COAP_SERVICE_UNAVAILABLE, "a10102", 0, PROA_OUTCOME_HOST_OFFLINE, 60000},
        {PROA_COAP_SERVICE_UNAVAILABLE, "a10103", 5, PROA_OUTCOME_BUSY, 5000},
        {PROA_COAP_SERVICE_UNAVAILABLE, "a10104", 0, PROA_OUTCOME_UNREACHABLE, 0},
        {PROA_COAP_SERVICE_UNAVAILABLE, "a10163", 7, PROA_OUTCOME_BUSY, 7000},
        {PROA_COAP_SERVICE_UNAVAILABLE, NULL, 100000, PROA_OUTCOME_BUSY, 3600000},
        {PROA_COAP_GATEWAY_TIMEOUT, NULL, 9, PROA_OUTCOME_HOST_OFFLINE, 9000},
        {PROA_COAP_TOO_MANY_REQUESTS, NULL, 12, PROA_OUTCOME_BUSY, 12000},
        {PROA_COAP_BAD_REQUEST, NULL, 0, PROA_OUTCOME_PROTOCOL, 0},
        {PROA_COAP_NOT_FOUND, NULL, 0, PROA_OUTCOME_PROTOCOL, 0},
        {PROA_COAP_REQUEST_ENTITY_TOO_LARGE, NULL, 0, PROA_OUTCOME_REFUSED, 0},
        {PROA_COAP_BAD_GATEWAY, NULL, 0, PROA_OUTCOME_REFUSED, 0},
        {PROA_COAP_UNSUPPORTED_CONTENT_FORMAT, NULL, 0, PROA_OUTCOME_PROTOCOL, 0},
        {PROA_COAP_INTERNAL_SERVER_ERROR, NULL, 0, PROA_OUTCOME_REFUSED, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fake f;
        proa_c2c_ask ask = asking_5706();
        fake_open(&f, NULL, "own", true);
        (void)asking_send(&f, &ask);
        asking_expect(&f, PROA_C2C_AUTHORIZING);
        fake_answer(&f, fake_last(&f), rows[i].code,
                    rows[i].payload != NULL ? PROA_FORMAT_CBOR : NO_FORMAT, rows[i].payload,
                    rows[i].max_age_s, false);
        asking_outcome(&f, rows[i].outcome);
        assert_int_equal(f.event.code, rows[i].code);
        assert_int_equal(f.event.retry_ms, rows[i].retry_ms);
        assert_true(f.event.via_server);
        asking_quiet(&f);
        fake_pass(&f, 1000000);
        assert_int_equal(f.client.sent_count, 1); /* nothing is asked again by itself */
        fake_close(&f);
    }
}

static void c2c_8_what_the_host_says(void **state)
{
    static const struct {
        uint8_t code;
        proa_outcome outcome;
        uint32_t retry_ms;
    } rows[] = {
        {PROA_COAP_CONTENT, PROA_OUTCOME_OK, 0},
        {PROA_COAP_CHANGED, PROA_OUTCOME_OK, 0},
        {PROA_COAP_FORBIDDEN, PROA_OUTCOME_DENIED, 0},
        {PROA_COAP_NOT_FOUND, PROA_OUTCOME_NO_SUCH_PATH, 0},
        {PROA_COAP_METHOD_NOT_ALLOWED, PROA_OUTCOME_REFUSED, 0},
        {PROA_COAP_BAD_REQUEST, PROA_OUTCOME_REFUSED, 0},
        {PROA_COAP_NOT_ACCEPTABLE, PROA_OUTCOME_REFUSED, 0},
        {PROA_COAP_INTERNAL_SERVER_ERROR, PROA_OUTCOME_REFUSED, 0},
        {PROA_COAP_SERVICE_UNAVAILABLE, PROA_OUTCOME_BUSY, 60000},
        {PROA_COAP_TOO_MANY_REQUESTS, PROA_OUTCOME_BUSY, 60000},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fake f;
        proa_c2c_ask ask = asking_5706();
        (void)asking_connected(&f);
        (void)asking_send(&f, &ask);
        asking_expect(&f, PROA_C2C_CONNECTED);
        fake_answer(&f, fake_last(&f), rows[i].code, NO_FORMAT, NULL, 0, false);
        asking_outcome(&f, rows[i].outcome);
        assert_int_equal(f.event.code, rows[i].code);
        assert_int_equal(f.event.retry_ms, rows[i].retry_ms);
        assert_false(f.event.via_server);
        assert_int_equal(f.client.sent_count, 1);
        fake_close(&f);
    }
}

static void c2c_8_how_requests_fail(void **state)
{
    static const struct {
        proa_coap_failure failure;
        proa_outcome at_host, at_server;
        proa_err err;
    } rows[] = {
        {PROA_COAP_FAILED_TIMEOUT, PROA_OUTCOME_TIMEOUT, PROA_OUTCOME_TIMEOUT, PROA_OK},
        {PROA_COAP_FAILED_RESET, PROA_OUTCOME_PROTOCOL, PROA_OUTCOME_PROTOCOL, PROA_OK},
        {PROA_COAP_FAILED_PROTOCOL, PROA_OUTCOME_PROTOCOL, PROA_OUTCOME_PROTOCOL, PROA_OK},
        {PROA_COAP_FAILED_FULL, PROA_OUTCOME_LOCAL, PROA_OUTCOME_LOCAL, PROA_E_FULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int at_server = 0; at_server < 2; at_server++) {
            fake f;
            proa_c2c_ask ask = asking_5706();
            if (at_server != 0) {
                fake_open(&f, NULL, "own", true);
            } else {
                (void)asking_connected(&f);
            }
            (void)asking_send(&f, &ask);
            fake_pass(&f, 70000);
            assert_true(fake_next(&f)); /* AUTHORIZING or CONNECTED */
            fake_fail(&f, fake_last(&f), rows[i].failure);
            asking_outcome(&f, at_server != 0 ? rows[i].at_server : rows[i].at_host);
            assert_int_equal(f.event.err, rows[i].err);
            fake_close(&f);
        }
    }
}

/* The session goes under a request: again over a new one, if twice does no harm. */
static void c2c_6_session_lost_under_a_request(void **state)
{
    static const struct {
        proa_operation op;
        bool repeated;
    } rows[] = {{PROA_OP_READ, true},
                {PROA_OP_OBSERVE, true},
                {PROA_OP_WRITE_REPLACE, true},
                {PROA_OP_EXECUTE, false}};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fake f;
        proa_c2c_ask ask = asking_5706();
        ask.op = rows[i].op;
        uint32_t session = asking_connected(&f);
        (void)asking_send(&f, &ask);
        asking_expect(&f, PROA_C2C_CONNECTED);
        fake_session_of(&f, session)->closed = true;
        fake_fail(&f, fake_last(&f), PROA_COAP_FAILED_PEER_GONE);
        if (rows[i].repeated) {
            asking_quiet(&f);
            fake_connected(&f, asking_opened(&f)->id, false);
            assert_int_equal(f.client.sent_count, 2);
        } else {
            asking_outcome(&f, PROA_OUTCOME_TIMEOUT);
        }
        fake_close(&f);
    }
}

/* Time is over in each state. */
static void g15_every_state_has_an_end_in_time(void **state)
{
    fake f;
    proa_c2c_ask ask = asking_5706();
    (void)state;
    ask.timeout_ms = 20000;

    fake_open(&f, NULL, "own", true); /* not registered */
    f.client.servers[0].registered = false;
    (void)asking_send(&f, &ask);
    fake_pass(&f, 19999);
    asking_quiet(&f);
    fake_pass(&f, 1);
    asking_outcome(&f, PROA_OUTCOME_TIMEOUT);
    assert_true(f.event.via_server);

    f.client.servers[0].registered = true; /* /ac not answered */
    (void)asking_send(&f, &ask);
    asking_expect(&f, PROA_C2C_AUTHORIZING);
    fake_pass(&f, 20000);
    asking_outcome(&f, PROA_OUTCOME_TIMEOUT);
    assert_true(f.event.via_server);
    fake_fail(&f, fake_last(&f), PROA_COAP_FAILED_TIMEOUT);
    asking_quiet(&f);

    (void)fake_install(&f, &asking_host); /* handshake not answered */
    asking_forget(&f);
    (void)asking_send(&f, &ask);
    fake_pass(&f, 20000);
    asking_outcome(&f, PROA_OUTCOME_UNREACHABLE);

    fake_connected(&f, asking_opened(&f)->id, false); /* host does not answer */
    (void)asking_send(&f, &ask);
    asking_expect(&f, PROA_C2C_CONNECTED);
    fake_pass(&f, 20000);
    asking_outcome(&f, PROA_OUTCOME_TIMEOUT);
    assert_false(fake_last(&f)->open);
    fake_close(&f);
}

static void c2c_8_no_such_server(void **state)
{
    fake f;
    proa_c2c_ask ask = asking_5706();
    (void)state;
    fake_open(&f, NULL, "own", true);
    ask.server = 7;
    (void)asking_send(&f, &ask);
    asking_outcome(&f, PROA_OUTCOME_LOCAL);
    assert_int_equal(f.event.err, PROA_E_NOT_FOUND);
    fake_close(&f);
}

/* PENDING and HOST_OFFLINE: stay, ask again when the server said, and say at last what it was. */
static void c2c_5_waiting_for_a_decision(void **state)
{
    fake f;
    proa_c2c_ask ask = asking_5706();
    (void)state;
    ask.wait = true;
    ask.timeout_ms = 100000;
    fake_open(&f, NULL, "own", true);
    (void)asking_send(&f, &ask);
    asking_expect(&f, PROA_C2C_AUTHORIZING);
    fake_answer(&f, fake_last(&f), PROA_COAP_SERVICE_UNAVAILABLE, PROA_FORMAT_CBOR, "a10101", 30,
                false);
    asking_quiet(&f);
    fake_pass(&f, 29999);
    assert_int_equal(f.client.sent_count, 1);
    fake_pass(&f, 1);
    assert_int_equal(f.client.sent_count, 2);
    asking_expect(&f, PROA_C2C_AUTHORIZING);
    fake_answer(&f, fake_last(&f), PROA_COAP_SERVICE_UNAVAILABLE, PROA_FORMAT_CBOR, "a10102", 60,
                false);
    fake_pass(&f, 60000);
    asking_expect(&f, PROA_C2C_AUTHORIZING);
    fake_answer(&f, fake_last(&f), PROA_COAP_SERVICE_UNAVAILABLE, PROA_FORMAT_CBOR, "a10101", 60,
                false);
    fake_pass(&f, 10000);
    asking_outcome(&f, PROA_OUTCOME_PENDING);
    assert_int_equal(f.event.elapsed_ms, 100000);
    fake_close(&f);
}

/* The server is gone for a moment: the same wish again, as soon as it is there. */
static void c2c_5_server_session_lost(void **state)
{
    fake f;
    proa_c2c_ask ask = asking_5706();
    (void)state;
    fake_open(&f, NULL, "own", true);
    (void)asking_send(&f, &ask);
    asking_expect(&f, PROA_C2C_AUTHORIZING);
    f.client.servers[0].registered = false;
    fake_fail(&f, fake_last(&f), PROA_COAP_FAILED_PEER_GONE);
    fake_pass(&f, 5000);
    assert_int_equal(f.client.sent_count, 1);
    asking_quiet(&f);
    f.client.servers[0].registered = true;
    f.client.ext->registration(f.client.ext->ctx, f.now_ms, 1, true);
    fake_pass(&f, 0);
    assert_int_equal(f.client.sent_count, 2);
    asking_expect(&f, PROA_C2C_AUTHORIZING);
    for (int i = 0; i < 10 && fake_last(&f)->open; i++) { /* but not for ever */
        fake_fail(&f, fake_last(&f), PROA_COAP_FAILED_PEER_GONE);
    }
    asking_forget(&f);
    assert_int_equal(f.event.kind, PROA_C2C_OUTCOME);
    assert_int_equal(f.event.outcome, PROA_OUTCOME_TIMEOUT);
    assert_in_range(f.client.sent_count, 3, 8);
    fake_close(&f);
}

/* 2.01, but no account: it removed itself in this moment. Asked again, then given up. */
static void c2c_5_granted_but_not_installed(void **state)
{
    fake f;
    proa_c2c_ask ask = asking_5706();
    (void)state;
    fake_open(&f, NULL, "own", true);
    (void)asking_send(&f, &ask);
    fake_answer(&f, fake_last(&f), PROA_COAP_CREATED, NO_FORMAT, NULL, 0, false);
    for (int i = 0; i < 20 && proa_c2c_stats_get(f.c2c).asks > 0; i++) {
        fake_pass(&f, 5000);
        if (fake_last(&f)->open) {
            fake_answer(&f, fake_last(&f), PROA_COAP_CREATED, NO_FORMAT, NULL, 0, false);
        }
    }
    asking_forget(&f);
    assert_int_equal(f.event.outcome, PROA_OUTCOME_PROTOCOL);
    assert_in_range(f.client.sent_count, 2, 8);
    fake_close(&f);
}

/* ---- refusals by the host --------------------------------------------------------------- */

static void g11_a_refusal_leads_to_the_server_once_a_minute(void **state)
{
    fake f;
    proa_c2c_ask ask = asking_5706();
    (void)state;
    (void)asking_connected(&f);
    (void)asking_send(&f, &ask);
    asking_expect(&f, PROA_C2C_CONNECTED);
    fake_answer(&f, fake_last(&f), PROA_COAP_UNAUTHORIZED, NO_FORMAT, NULL, 0, false);
    asking_expect(&f, PROA_C2C_AUTHORIZING);
    fake_answer(&f, fake_last(&f), PROA_COAP_CREATED, NO_FORMAT, NULL, 0, false);
    asking_expect(&f, PROA_C2C_AUTHORIZED);
    assert_string_equal(fake_last(&f)->path, "/3311/0/5706"); /* tried again */
    fake_answer(&f, fake_last(&f), PROA_COAP_UNAUTHORIZED, NO_FORMAT, NULL, 0, false);
    asking_outcome(&f, PROA_OUTCOME_DENIED); /* not asked for a third time */
    size_t sent = f.client.sent_count;

    (void)asking_send(&f, &ask); /* another question, the same path, too soon */
    asking_expect(&f, PROA_C2C_CONNECTED);
    fake_answer(&f, fake_last(&f), PROA_COAP_UNAUTHORIZED, NO_FORMAT, NULL, 0, false);
    asking_outcome(&f, PROA_OUTCOME_DENIED);
    assert_int_equal(f.client.sent_count, sent + 1);

    proa_c2c_ask other = asking_5706(); /* another path has its own minute */
    other.path.ids[1] = 1;
    (void)asking_send(&f, &other);
    asking_expect(&f, PROA_C2C_CONNECTED);
    fake_answer(&f, fake_last(&f), PROA_COAP_UNAUTHORIZED, NO_FORMAT, NULL, 0, false);
    asking_expect(&f, PROA_C2C_AUTHORIZING);
    fake_answer(&f, fake_last(&f), PROA_COAP_FORBIDDEN, NO_FORMAT, NULL, 0, false);
    asking_outcome(&f, PROA_OUTCOME_DENIED);

    fake_pass(&f, 60000);
    (void)asking_send(&f, &ask);
    asking_expect(&f, PROA_C2C_CONNECTED);
    fake_answer(&f, fake_last(&f), PROA_COAP_UNAUTHORIZED, NO_FORMAT, NULL, 0, false);
    asking_expect(&f, PROA_C2C_AUTHORIZING);
    fake_close(&f);
}

/* However many paths a host refuses: at most eight /ac for it in a minute. */
static void g11_refusals_of_many_paths(void **state)
{
    fake f;
    proa_c2c_ask ask = asking_5706();
    (void)state;
    (void)asking_connected(&f);
    for (uint16_t i = 0; i < 12; i++) {
        ask.path.ids[1] = i;
        (void)asking_send(&f, &ask);
        fake_answer(&f, fake_last(&f), PROA_COAP_UNAUTHORIZED, NO_FORMAT, NULL, 0, false);
        if (fake_last(&f)->open) {
            fake_answer(&f, fake_last(&f), PROA_COAP_FORBIDDEN, NO_FORMAT, NULL, 0, false);
        }
        asking_forget(&f);
        assert_int_equal(f.event.outcome, PROA_OUTCOME_DENIED);
    }
    assert_int_equal(proa_c2c_stats_get(f.c2c).ac_sent, 8);
    fake_close(&f);
}

/* An authenticated hint chooses among our servers; an unknown ASKING_URI changes nothing. */
static void g11_hint_in_a_refusal(void **state)
{
    static const struct {
        const char *payload;
        uint16_t server;
    } rows[] = {
        {"a101781a 636f6170733a2f2f5b323030313a6462383a3a325d3a35363834", 2}, /* [2001:db8::2] */
        {"a101781a 636f6170733a2f2f5b323030313a6462383a3a665d3a35363834", 1}, /* [2001:db8::f] */
        {"a101", 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fake f;
        proa_c2c_ask ask = asking_5706();
        (void)asking_connected(&f);
        f.client.servers[1] = (fake_server){2, "coaps://[2001:db8::2]:5684", true, true, 31};
        (void)asking_send(&f, &ask);
        asking_expect(&f, PROA_C2C_CONNECTED);
        fake_answer(&f, fake_last(&f), PROA_COAP_UNAUTHORIZED, PROA_FORMAT_CBOR, rows[i].payload, 0,
                    false);
        asking_expect(&f, PROA_C2C_AUTHORIZING);
        assert_int_equal(f.event.short_id, rows[i].server);
        fake_close(&f);
    }
}

/* ---- probing ---------------------------------------------------------------------------- */

static void g11_probe_and_unprotected_answers(void **state)
{
    static const struct {
        const char *name;
        uint8_t code; /* 0: the probe fails */
        const char *payload;
        bool hint;
        uint16_t named, asked;
    } rows[] = {
        {"hint naming server 2", PROA_COAP_UNAUTHORIZED,
         "a101781a 636f6170733a2f2f5b323030313a6462383a3a325d3a35363834", true, 2, 2},
        {"hint naming a stranger", PROA_COAP_UNAUTHORIZED,
         "a101781a 636f6170733a2f2f5b323030313a6462383a3a665d3a35363834", true, 0, 1},
        {"4.01 without a hint", PROA_COAP_UNAUTHORIZED, NULL, false, 0, 1},
        {"4.01 with rubbish", PROA_COAP_UNAUTHORIZED, "ffffff", false, 0, 1},
        {"a value, from whoever it may be", PROA_COAP_CONTENT, "e5164a3030303031", false, 0, 1},
        {"4.04", PROA_COAP_NOT_FOUND, NULL, false, 0, 1},
        {"no answer", 0, NULL, false, 0, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fake f;
        proa_c2c_ask ask = asking_5706();
        print_message("%s\n", rows[i].name);
        ask.probe = true;
        ask.probe_uri = proa_span_of("coap://[2001:db8::7]:5683");
        fake_open(&f, NULL, "own", true);
        f.client.servers[1] = (fake_server){2, "coaps://[2001:db8::2]:5684", true, true, 31};
        (void)asking_send(&f, &ask);
        fake_request *probe = fake_last(&f);
        assert_int_equal(probe->to.session, 0);
        assert_int_equal(probe->to.addr.port, 5683);
        assert_int_equal(probe->code, PROA_COAP_GET);
        assert_string_equal(probe->path, "/3311/0/5706");
        assert_string_equal(probe->queries, "");
        assert_int_equal(probe->payload_len, 0);
        assert_int_equal(probe->accept, NO_FORMAT);
        if (rows[i].code == 0) {
            fake_fail(&f, probe, PROA_COAP_FAILED_RESET);
        } else {
            fake_answer(&f, probe, rows[i].code, PROA_FORMAT_CBOR, rows[i].payload, 0, false);
        }
        if (rows[i].hint) {
            asking_expect(&f, PROA_C2C_HINT);
            assert_int_equal(f.event.short_id, rows[i].named);
            assert_int_equal(f.event.text.len, 26);
        }
        asking_expect(&f, PROA_C2C_AUTHORIZING); /* nothing of it finished the question */
        assert_int_equal(f.event.short_id, rows[i].asked);
        fake_close(&f);
    }
}

static void c2c_5_probe_without_a_place_to_go(void **state)
{
    static const char *const uris[] = {"", "coap://[ff02::fd]", "coap://host.example", "rubbish"};
    (void)state;
    for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
        fake f;
        proa_c2c_ask ask = asking_5706();
        ask.probe = true;
        ask.probe_uri = proa_span_of(uris[i]);
        fake_open(&f, NULL, "own", true);
        (void)asking_send(&f, &ask);
        assert_string_equal(fake_last(&f)->path, "/ac");
        fake_close(&f);
    }
}

/* ---- handshakes ------------------------------------------------------------------------- */

static void g11_a_failed_handshake_leads_to_the_server_once(void **state)
{
    fake f;
    proa_c2c_ask ask = asking_5706();
    (void)state;
    fake_open(&f, NULL, "own", true);
    (void)fake_install(&f, &asking_host);
    asking_forget(&f);
    (void)asking_send(&f, &ask);
    fake_closed(&f, asking_opened(&f)->id, PROA_SECURE_REASON_HANDSHAKE);
    asking_expect(&f, PROA_C2C_AUTHORIZING);
    assert_int_equal(proa_c2c_stats_get(f.c2c).peers, 1); /* the account stays */
    fake_answer(&f, fake_last(&f), PROA_COAP_CREATED, NO_FORMAT, NULL, 0, false);
    asking_expect(&f, PROA_C2C_AUTHORIZED);
    assert_int_equal(f.client.session_count, 2);
    fake_closed(&f, asking_opened(&f)->id, PROA_SECURE_REASON_HANDSHAKE);
    asking_outcome(&f, PROA_OUTCOME_UNREACHABLE);
    fake_close(&f);
}

static void c2c_8_handshakes_that_end_otherwise(void **state)
{
    static const struct {
        proa_secure_reason reason;
        proa_outcome outcome; /* 0: tried again until the end of time */
    } rows[] = {
        {PROA_SECURE_REASON_TIMEOUT, PROA_OUTCOME_UNREACHABLE},
        {PROA_SECURE_REASON_PEER_CLOSED, PROA_OUTCOME_UNREACHABLE},
        {PROA_SECURE_REASON_EVICTED, (proa_outcome)0},
        {PROA_SECURE_REASON_RESOURCES, (proa_outcome)0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fake f;
        proa_c2c_ask ask = asking_5706();
        fake_open(&f, NULL, "own", true);
        (void)fake_install(&f, &asking_host);
        asking_forget(&f);
        (void)asking_send(&f, &ask);
        fake_closed(&f, asking_opened(&f)->id, rows[i].reason);
        if (rows[i].outcome != 0) {
            asking_outcome(&f, rows[i].outcome);
        } else {
            f.client.open_err = PROA_E_FULL;
            fake_pass(&f, 119999);
            asking_quiet(&f);
            fake_pass(&f, 1);
            asking_outcome(&f, PROA_OUTCOME_LOCAL);
            assert_int_equal(f.event.err, PROA_E_FULL);
        }
        fake_close(&f);
    }
}

static void g09_no_place_for_a_request_is_waited_for(void **state)
{
    fake f;
    proa_c2c_ask ask = asking_5706();
    (void)state;
    (void)asking_connected(&f);
    f.client.send_err = PROA_E_FULL;
    (void)asking_send(&f, &ask);
    fake_pass(&f, 3000);
    assert_int_equal(f.client.sent_count, 0);
    f.client.send_err = PROA_OK;
    fake_pass(&f, 1000);
    assert_int_equal(f.client.sent_count, 1);
    f.client.send_err = PROA_E_TOO_LARGE;
    (void)asking_send(&f, &ask);
    asking_forget(&f);
    assert_int_equal(f.event.outcome, PROA_OUTCOME_LOCAL);
    assert_int_equal(f.event.err, PROA_E_TOO_LARGE);
    fake_close(&f);
    /* The same for /ac. */
    fake_open(&f, NULL, "own", true);
    f.client.send_err = PROA_E_FULL;
    (void)asking_send(&f, &ask);
    fake_pass(&f, 3000);
    f.client.send_err = PROA_OK;
    fake_pass(&f, 1000);
    assert_string_equal(fake_last(&f)->path, "/ac");
    fake_close(&f);
}

/* ---- several questions ------------------------------------------------------------------ */

static void c2c_5_questions_join_one_ac(void **state)
{
    fake f;
    uint8_t body[32];
    proa_c2c_ask ask = asking_5706();
    proa_c2c_id id;
    (void)state;
    fake_open(&f, NULL, "own", true);
    f.client.servers[0].registered = false;
    (void)asking_send(&f, &ask);
    ask.op = PROA_OP_WRITE_REPLACE;
    (void)asking_send(&f, &ask); /* the same path, another right */
    ask.path.ids[1] = 1;
    (void)asking_send(&f, &ask);
    ask.endpoint = proa_span_of("other");
    (void)asking_send(&f, &ask);
    assert_int_equal(proa_c2c_send(f.c2c, f.now_ms, &ask, &id), PROA_E_FULL);
    f.client.servers[0].registered = true;
    f.client.ext->registration(f.client.ext->ctx, f.now_ms, 1, true);
    fake_pass(&f, 0);
    assert_int_equal(f.client.sent_count, 1);
    fake_request *ac = fake_last(&f);
    assert_string_equal(ac->queries, "ep=host&c");
    assert_int_equal(ac->payload_len, hex("a2 82190cef00 03 82190cef01 02", body, sizeof(body)));
    assert_memory_equal(ac->payload, body, ac->payload_len);
    for (int i = 0; i < 3; i++) {
        asking_expect(&f, PROA_C2C_AUTHORIZING);
    }
    asking_quiet(&f);
    fake_answer(&f, ac, PROA_COAP_FORBIDDEN, NO_FORMAT, NULL, 0, false);
    for (int i = 0; i < 3; i++) {
        asking_outcome(&f, PROA_OUTCOME_DENIED);
    }
    asking_expect(&f, PROA_C2C_AUTHORIZING); /* now the other host's turn */
    assert_string_equal(fake_last(&f)->queries, "ep=other&c");
    assert_int_equal(proa_c2c_stats_get(f.c2c).asks, 1);
    fake_close(&f);
}

/* Unread last events keep their places: asking on is refused before any could be lost. */
static void g15_no_question_without_a_place_for_its_end(void **state)
{
    fake f;
    proa_c2c_ask ask = asking_5706();
    proa_c2c_id id;
    unsigned accepted = 0;
    unsigned outcomes = 0;
    (void)state;
    fake_open(&f, NULL, "own", true);
    ask.server = 7; /* ends at once */
    while (proa_c2c_send(f.c2c, f.now_ms, &ask, &id) == PROA_OK) {
        accepted++;
        fake_pass(&f, 0);
        assert_in_range(accepted, 0, 100);
    }
    while (fake_next(&f)) {
        outcomes += f.event.kind == PROA_C2C_OUTCOME ? 1 : 0;
    }
    assert_int_equal(outcomes, accepted);
    assert_in_range(accepted, 4, 8);
    (void)asking_send(&f, &ask);
    fake_close(&f);
}

static void g15_cancel_takes_everything_back(void **state)
{
    fake f;
    proa_c2c_ask ask = asking_5706();
    (void)state;
    (void)asking_connected(&f);
    for (int i = 0; i < 50; i++) { /* also without ever polling */
        proa_c2c_id id;
        proa_err err = proa_c2c_send(f.c2c, f.now_ms, &ask, &id);
        if (err == PROA_E_FULL) {
            asking_quiet(&f);
            continue;
        }
        fake_pass(&f, 0);
        if (i % 2 != 0) {
            fake_answer(&f, fake_last(&f), PROA_COAP_CONTENT, NO_FORMAT, NULL, 0, false);
        }
        proa_c2c_cancel(f.c2c, f.now_ms, id);
    }
    proa_c2c_cancel(f.c2c, f.now_ms, 12345); /* nobody */
    asking_quiet(&f);
    assert_int_equal(proa_c2c_stats_get(f.c2c).asks, 0);
    fake_close(&f);
}

/* An answer too large for what is kept of unread events: said so, once. */
static void g15_answer_without_a_place(void **state)
{
    fake f;
    proa_c2c_ask ask = asking_5706();
    (void)state;
    (void)asking_connected(&f);
    size_t inbox_max = f.c2c->inbox_max;
    f.c2c->inbox_max = 2 * f.c2c->limits.ask_max * sizeof(proa__event);
    (void)asking_send(&f, &ask);
    fake_answer(&f, fake_last(&f), PROA_COAP_CONTENT, PROA_FORMAT_TLV, "e5164a3030303031", 0,
                false);
    asking_forget(&f);
    assert_int_equal(f.event.kind, PROA_C2C_OUTCOME);
    assert_int_equal(f.event.outcome, PROA_OUTCOME_LOCAL);
    assert_int_equal(f.event.err, PROA_E_FULL);
    f.c2c->inbox_max = inbox_max;
    fake_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(c2c_5_6_from_nothing_to_data),
        cmocka_unit_test(c2c_6_a_session_serves_both_directions),
        cmocka_unit_test(c2c_6_addresses),
        cmocka_unit_test(c2c_8_what_the_server_says),
        cmocka_unit_test(c2c_8_what_the_host_says),
        cmocka_unit_test(c2c_8_how_requests_fail),
        cmocka_unit_test(c2c_6_session_lost_under_a_request),
        cmocka_unit_test(g15_every_state_has_an_end_in_time),
        cmocka_unit_test(c2c_8_no_such_server),
        cmocka_unit_test(c2c_5_waiting_for_a_decision),
        cmocka_unit_test(c2c_5_server_session_lost),
        cmocka_unit_test(c2c_5_granted_but_not_installed),
        cmocka_unit_test(g11_a_refusal_leads_to_the_server_once_a_minute),
        cmocka_unit_test(g11_refusals_of_many_paths),
        cmocka_unit_test(g11_hint_in_a_refusal),
        cmocka_unit_test(g11_probe_and_unprotected_answers),
        cmocka_unit_test(c2c_5_probe_without_a_place_to_go),
        cmocka_unit_test(g11_a_failed_handshake_leads_to_the_server_once),
        cmocka_unit_test(c2c_8_handshakes_that_end_otherwise),
        cmocka_unit_test(g09_no_place_for_a_request_is_waited_for),
        cmocka_unit_test(c2c_5_questions_join_one_ac),
        cmocka_unit_test(g15_no_question_without_a_place_for_its_end),
        cmocka_unit_test(g15_cancel_takes_everything_back),
        cmocka_unit_test(g15_answer_without_a_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
