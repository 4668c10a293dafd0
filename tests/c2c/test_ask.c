/* SPDX-License-Identifier: Apache-2.0 */
/* Asking a peer, against a scripted server and host (docs/C2C.md §5, §6, §8). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/c2c/fake_client.h"
#include "tests/support/guard.h"

#define KEY "0123456789abcdef"
#define URI "coaps://[2001:db8::7]:5684"
#define NUMBER(n) proa_value_integer(n)
#define NO_FORMAT PROA_FORMAT_NONE

static const fake_account host = {"host", 2, 86400, "identity-of-host", KEY, URI};
static const fake_account caller = {"host", 2, 86400, "identity-of-host", KEY, NULL};

static proa_c2c_ask read_5706(void)
{
    proa_c2c_ask ask = {.endpoint = proa_span_of("host"),
                        .op = PROA_OP_READ,
                        .path = {{3311, 0, 5706}, 3},
                        .format = PROA_FORMAT_NONE,
                        .user = 42};
    return ask;
}

static proa_c2c_id send(fake *f, const proa_c2c_ask *ask)
{
    proa_c2c_id id = 0;
    assert_int_equal(proa_c2c_send(f->c2c, f->now_ms, ask, &id), PROA_OK);
    assert_int_not_equal(id, 0);
    fake_pass(f, 0);
    return id;
}

static void expect(fake *f, proa_c2c_event_kind kind)
{
    assert_true(fake_next(f));
    assert_int_equal(f->event.kind, kind);
}

static void expect_outcome(fake *f, proa_outcome outcome)
{
    expect(f, PROA_C2C_OUTCOME);
    if (f->event.outcome != outcome) {
        print_message("%s instead of %s\n", proa_outcome_name(f->event.outcome),
                      proa_outcome_name(outcome));
    }
    assert_int_equal(f->event.outcome, outcome);
    assert_int_equal(f->event.user, 42);
}

static void forget_events(fake *f)
{
    while (fake_next(f)) {
    }
}

static void expect_quiet(fake *f)
{
    assert_false(fake_next(f));
}

/* The last session that the device opened. */
static fake_session *opened(fake *f)
{
    assert_non_null(f->client.opened);
    return f->client.opened;
}

/* A device with an account for the host, connected. Returns the session. */
static uint32_t open_connected(fake *f)
{
    fake_open(f, NULL, "own", true);
    uint16_t key = fake_install(f, &host);
    uint32_t session = fake_incoming(f, key);
    fake_connected(f, session, true);
    forget_events(f);
    return session;
}

/* ---- the whole way ---------------------------------------------------------------------- */

static void c2c_5_6_from_nothing_to_data(void **state)
{
    fake f;
    uint8_t body[16];
    (void)state;
    fake_open(&f, NULL, "own", true);
    proa_c2c_ask ask = read_5706();
    proa_c2c_id id = send(&f, &ask);

    expect(&f, PROA_C2C_AUTHORIZING);
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
    (void)fake_install(&f, &host);
    expect(&f, PROA_C2C_PEER_ADDED);
    fake_answer(&f, ac, PROA_COAP_CREATED, NO_FORMAT, NULL, 0, false);
    expect(&f, PROA_C2C_AUTHORIZED);
    assert_int_equal(f.event.elapsed_ms, 3000);
    assert_string_equal(opened(&f)->identity, "identity-of-host");
    assert_memory_equal(opened(&f)->key, KEY, 16);
    assert_int_equal(opened(&f)->addr.port, 5684);
    assert_int_equal(opened(&f)->addr.ip[15], 7);
    fake_pass(&f, 100);
    fake_connected(&f, opened(&f)->id, false);
    expect(&f, PROA_C2C_CONNECTED);
    assert_int_equal(f.event.short_id, 2);

    fake_request *get = fake_last(&f);
    assert_int_equal(get->code, PROA_COAP_GET);
    assert_int_equal(get->to.session, opened(&f)->id);
    assert_string_equal(get->path, "/3311/0/5706");
    assert_string_equal(get->queries, ""); /* no name is claimed: the key tells who we are */
    assert_int_equal(get->accept, PROA_FORMAT_TLV);
    fake_answer(&f, get, PROA_COAP_CONTENT, PROA_FORMAT_TLV, "e5164a3030303031", 0, false);
    expect_outcome(&f, PROA_OUTCOME_OK);
    assert_int_equal(f.event.id, id);
    assert_int_equal(f.event.code, PROA_COAP_CONTENT);
    assert_int_equal(f.event.format, PROA_FORMAT_TLV);
    assert_int_equal(f.event.payload.len, 8);
    assert_int_equal(f.event.elapsed_ms, 3100);
    assert_true(proa_span_equal(f.event.endpoint, proa_span_of("host")));
    expect_quiet(&f);

    /* The second question goes straight there. */
    size_t sent = f.client.sent_count;
    (void)send(&f, &ask);
    assert_int_equal(f.client.sent_count, sent + 1);
    assert_string_equal(fake_last(&f)->path, "/3311/0/5706");
    fake_answer(&f, fake_last(&f), PROA_COAP_CONTENT, PROA_FORMAT_TLV, "e5164a3030303031", 0,
                false);
    expect(&f, PROA_C2C_CONNECTED);
    expect_outcome(&f, PROA_OUTCOME_OK);
    assert_int_equal(f.event.elapsed_ms, 0);
    assert_int_equal(f.client.session_count, 1);
    fake_close(&f);
}

/* An account without a URI: the peer has called us, and that session serves both. */
static void c2c_6_a_session_serves_both_directions(void **state)
{
    fake f;
    (void)state;
    fake_open(&f, NULL, "own", true);
    uint16_t key = fake_install(&f, &caller);
    proa_c2c_ask ask = read_5706();
    forget_events(&f);
    (void)send(&f, &ask); /* nobody knows where it is but the server; which does not tell */
    expect(&f, PROA_C2C_AUTHORIZING);
    fake_answer(&f, fake_last(&f), PROA_COAP_CREATED, NO_FORMAT, NULL, 0, false);
    expect(&f, PROA_C2C_AUTHORIZED);
    expect_outcome(&f, PROA_OUTCOME_UNREACHABLE);
    uint32_t session = fake_incoming(&f, key);
    fake_connected(&f, session, true);
    (void)send(&f, &ask);
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
        fake_account at = host;
        at.uri = rows[i].uri;
        print_message("%s\n", rows[i].uri);
        fake_open(&f, NULL, "own", true);
        (void)fake_install(&f, &at);
        forget_events(&f);
        proa_c2c_ask ask = read_5706();
        (void)send(&f, &ask);
        if (rows[i].port == 0) {
            assert_string_equal(fake_last(&f)->path, "/ac");
            assert_null(f.client.opened);
        } else {
            assert_int_equal(opened(&f)->addr.port, rows[i].port);
        }
        fake_close(&f);
    }
}

/* ---- operations ------------------------------------------------------------------------- */

static void transport_6_4_operations_as_requests(void **state)
{
    static const proa_attributes attributes = {
        .set = PROA_ATTR_PMIN | PROA_ATTR_GT, .cleared = PROA_ATTR_ST, .pmin_s = 10, .gt = 2.5};
    static const struct {
        const char *name;
        proa_operation op;
        proa_path path;
        uint16_t format;
        const char *payload;
        bool attributes;
        /* what is sent */
        uint8_t code;
        const char *text;
        uint16_t content, accept;
        const char *queries;
        bool observe;
        /* what is asked of the server */
        const char *body;
    } rows[] = {
        {"read instance",
         PROA_OP_READ,
         {{3311, 0}, 2},
         NO_FORMAT,
         "",
         false,
         PROA_COAP_GET,
         "/3311/0",
         NO_FORMAT,
         11542,
         "",
         false,
         "a1 82190cef00 01"},
        {"read object",
         PROA_OP_READ,
         {{3311}, 1},
         NO_FORMAT,
         "",
         false,
         PROA_COAP_GET,
         "/3311",
         NO_FORMAT,
         11542,
         "",
         false,
         "a1 81190cef 01"},
        {"read as SenML",
         PROA_OP_READ,
         {{3311, 0, 1, 2}, 4},
         112,
         "",
         false,
         PROA_COAP_GET,
         "/3311/0/1/2",
         NO_FORMAT,
         112,
         "",
         false,
         "a1 82190cef00 01"},
        {"observe",
         PROA_OP_OBSERVE,
         {{3311, 0, 5706}, 3},
         NO_FORMAT,
         "",
         true,
         PROA_COAP_GET,
         "/3311/0/5706",
         NO_FORMAT,
         11542,
         "pmin=10&gt=2.5&st",
         true,
         "a1 82190cef00 01"},
        {"discover",
         PROA_OP_DISCOVER,
         {{3311, 0}, 2},
         NO_FORMAT,
         "",
         false,
         PROA_COAP_GET,
         "/3311/0",
         NO_FORMAT,
         40,
         "",
         false,
         "a1 82190cef00 01"},
        {"write attributes",
         PROA_OP_WRITE_ATTRIBUTES,
         {{3311, 0, 5706}, 3},
         NO_FORMAT,
         "",
         true,
         PROA_COAP_PUT,
         "/3311/0/5706",
         NO_FORMAT,
         NO_FORMAT,
         "pmin=10&gt=2.5&st",
         false,
         "a1 82190cef00 01"},
        {"write a resource",
         PROA_OP_WRITE_REPLACE,
         {{3311, 0, 5850}, 3},
         NO_FORMAT,
         "31",
         false,
         PROA_COAP_PUT,
         "/3311/0/5850",
         0,
         NO_FORMAT,
         "",
         false,
         "a1 82190cef00 02"},
        {"write an instance",
         PROA_OP_WRITE_REPLACE,
         {{3311, 0}, 2},
         NO_FORMAT,
         "c100",
         false,
         PROA_COAP_PUT,
         "/3311/0",
         11542,
         NO_FORMAT,
         "",
         false,
         "a1 82190cef00 02"},
        {"update",
         PROA_OP_WRITE_UPDATE,
         {{3311, 0}, 2},
         112,
         "80",
         false,
         PROA_COAP_POST,
         "/3311/0",
         112,
         NO_FORMAT,
         "",
         false,
         "a1 82190cef00 02"},
        {"execute",
         PROA_OP_EXECUTE,
         {{3311, 0, 5605}, 3},
         NO_FORMAT,
         "",
         false,
         PROA_COAP_POST,
         "/3311/0/5605",
         NO_FORMAT,
         NO_FORMAT,
         "",
         false,
         "a1 82190cef00 04"},
        {"execute with arguments",
         PROA_OP_EXECUTE,
         {{3311, 0, 5605}, 3},
         NO_FORMAT,
         "30",
         false,
         PROA_COAP_POST,
         "/3311/0/5605",
         0,
         NO_FORMAT,
         "",
         false,
         "a1 82190cef00 04"},
        {"create",
         PROA_OP_CREATE,
         {{3311}, 1},
         NO_FORMAT,
         "c100",
         false,
         PROA_COAP_POST,
         "/3311",
         11542,
         NO_FORMAT,
         "",
         false,
         "a1 81190cef 10"},
        {"delete",
         PROA_OP_DELETE,
         {{3311, 7}, 2},
         NO_FORMAT,
         "",
         false,
         PROA_COAP_DELETE,
         "/3311/7",
         NO_FORMAT,
         NO_FORMAT,
         "",
         false,
         "a1 82190cef07 08"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fake f;
        uint8_t bytes[32];
        proa_c2c_ask ask = read_5706();
        print_message("%s\n", rows[i].name);
        ask.op = rows[i].op;
        ask.path = rows[i].path;
        ask.format = rows[i].format;
        size_t payload_len = hex(rows[i].payload, bytes, sizeof(bytes));
        ask.payload = proa_span_make(bytes, payload_len);
        ask.attributes = rows[i].attributes ? &attributes : NULL;
        (void)open_connected(&f);
        (void)send(&f, &ask);
        fake_request *sent = fake_last(&f);
        assert_int_equal(sent->code, rows[i].code);
        assert_string_equal(sent->path, rows[i].text);
        assert_int_equal(sent->format, rows[i].content);
        assert_int_equal(sent->accept, rows[i].accept);
        assert_string_equal(sent->queries, rows[i].queries);
        assert_int_equal(sent->observe, rows[i].observe);
        assert_int_equal(sent->payload_len, payload_len);
        assert_memory_equal(sent->payload, bytes, payload_len);
        /* And what it needs is what the server is asked for when the host says no. */
        fake_answer(&f, sent, PROA_COAP_UNAUTHORIZED, NO_FORMAT, NULL, 0, false);
        sent = fake_last(&f);
        assert_string_equal(sent->path, "/ac");
        assert_int_equal(sent->payload_len, hex(rows[i].body, bytes, sizeof(bytes)));
        assert_memory_equal(sent->payload, bytes, sent->payload_len);
        fake_close(&f);
    }
}

static void c2c_9_questions_that_make_no_sense(void **state)
{
    static const char long_name[] =
        "01234567890123456789012345678901234567890123456789012345678901234";
    static const uint8_t big[PROA_C2C_PAYLOAD_MAX + 1];
    fake f;
    proa_c2c_id id;
    (void)state;
    fake_open(&f, NULL, "own", true);
    proa_c2c_ask ask = read_5706();
    ask.endpoint = proa_span_of("");
    assert_int_equal(proa_c2c_send(f.c2c, f.now_ms, &ask, &id), PROA_E_RANGE);
    ask.endpoint = proa_span_of(long_name);
    assert_int_equal(proa_c2c_send(f.c2c, f.now_ms, &ask, &id), PROA_E_TOO_LARGE);
    ask = read_5706();
    ask.path.depth = 0;
    assert_int_equal(proa_c2c_send(f.c2c, f.now_ms, &ask, &id), PROA_E_RANGE);
    ask = read_5706();
    ask.op = PROA_OP_CREATE;
    assert_int_equal(proa_c2c_send(f.c2c, f.now_ms, &ask, &id), PROA_E_RANGE);
    ask.op = PROA_OP_CANCEL_OBSERVE;
    assert_int_equal(proa_c2c_send(f.c2c, f.now_ms, &ask, &id), PROA_E_RANGE);
    ask = read_5706();
    ask.rights = 0x20;
    assert_int_equal(proa_c2c_send(f.c2c, f.now_ms, &ask, &id), PROA_E_RANGE);
    ask = read_5706();
    ask.payload = proa_span_make(big, sizeof(big));
    assert_int_equal(proa_c2c_send(f.c2c, f.now_ms, &ask, &id), PROA_E_TOO_LARGE);
    assert_int_equal(proa_c2c_stats_get(f.c2c).asks, 0);
    fake_close(&f);
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
        proa_c2c_ask ask = read_5706();
        fake_open(&f, NULL, "own", true);
        (void)send(&f, &ask);
        expect(&f, PROA_C2C_AUTHORIZING);
        fake_answer(&f, fake_last(&f), rows[i].code,
                    rows[i].payload != NULL ? PROA_FORMAT_CBOR : NO_FORMAT, rows[i].payload,
                    rows[i].max_age_s, false);
        expect_outcome(&f, rows[i].outcome);
        assert_int_equal(f.event.code, rows[i].code);
        assert_int_equal(f.event.retry_ms, rows[i].retry_ms);
        assert_true(f.event.via_server);
        expect_quiet(&f);
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
        proa_c2c_ask ask = read_5706();
        (void)open_connected(&f);
        (void)send(&f, &ask);
        expect(&f, PROA_C2C_CONNECTED);
        fake_answer(&f, fake_last(&f), rows[i].code, NO_FORMAT, NULL, 0, false);
        expect_outcome(&f, rows[i].outcome);
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
            proa_c2c_ask ask = read_5706();
            if (at_server != 0) {
                fake_open(&f, NULL, "own", true);
            } else {
                (void)open_connected(&f);
            }
            (void)send(&f, &ask);
            fake_pass(&f, 70000);
            assert_true(fake_next(&f)); /* AUTHORIZING or CONNECTED */
            fake_fail(&f, fake_last(&f), rows[i].failure);
            expect_outcome(&f, at_server != 0 ? rows[i].at_server : rows[i].at_host);
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
        proa_c2c_ask ask = read_5706();
        ask.op = rows[i].op;
        uint32_t session = open_connected(&f);
        (void)send(&f, &ask);
        expect(&f, PROA_C2C_CONNECTED);
        fake_session_of(&f, session)->closed = true;
        fake_fail(&f, fake_last(&f), PROA_COAP_FAILED_PEER_GONE);
        if (rows[i].repeated) {
            expect_quiet(&f);
            fake_connected(&f, opened(&f)->id, false);
            assert_int_equal(f.client.sent_count, 2);
        } else {
            expect_outcome(&f, PROA_OUTCOME_TIMEOUT);
        }
        fake_close(&f);
    }
}

/* Time is over in each state. */
static void g15_every_state_has_an_end_in_time(void **state)
{
    fake f;
    proa_c2c_ask ask = read_5706();
    (void)state;
    ask.timeout_ms = 20000;

    fake_open(&f, NULL, "own", true); /* not registered */
    f.client.servers[0].registered = false;
    (void)send(&f, &ask);
    fake_pass(&f, 19999);
    expect_quiet(&f);
    fake_pass(&f, 1);
    expect_outcome(&f, PROA_OUTCOME_TIMEOUT);
    assert_true(f.event.via_server);

    f.client.servers[0].registered = true; /* /ac not answered */
    (void)send(&f, &ask);
    expect(&f, PROA_C2C_AUTHORIZING);
    fake_pass(&f, 20000);
    expect_outcome(&f, PROA_OUTCOME_TIMEOUT);
    assert_true(f.event.via_server);
    fake_fail(&f, fake_last(&f), PROA_COAP_FAILED_TIMEOUT);
    expect_quiet(&f);

    (void)fake_install(&f, &host); /* handshake not answered */
    forget_events(&f);
    (void)send(&f, &ask);
    fake_pass(&f, 20000);
    expect_outcome(&f, PROA_OUTCOME_UNREACHABLE);

    fake_connected(&f, opened(&f)->id, false); /* host does not answer */
    (void)send(&f, &ask);
    expect(&f, PROA_C2C_CONNECTED);
    fake_pass(&f, 20000);
    expect_outcome(&f, PROA_OUTCOME_TIMEOUT);
    assert_false(fake_last(&f)->open);
    fake_close(&f);
}

static void c2c_8_no_such_server(void **state)
{
    fake f;
    proa_c2c_ask ask = read_5706();
    (void)state;
    fake_open(&f, NULL, "own", true);
    ask.server = 7;
    (void)send(&f, &ask);
    expect_outcome(&f, PROA_OUTCOME_LOCAL);
    assert_int_equal(f.event.err, PROA_E_NOT_FOUND);
    fake_close(&f);
}

/* PENDING and HOST_OFFLINE: stay, ask again when the server said, and say at last what it was. */
static void c2c_5_waiting_for_a_decision(void **state)
{
    fake f;
    proa_c2c_ask ask = read_5706();
    (void)state;
    ask.wait = true;
    ask.timeout_ms = 100000;
    fake_open(&f, NULL, "own", true);
    (void)send(&f, &ask);
    expect(&f, PROA_C2C_AUTHORIZING);
    fake_answer(&f, fake_last(&f), PROA_COAP_SERVICE_UNAVAILABLE, PROA_FORMAT_CBOR, "a10101", 30,
                false);
    expect_quiet(&f);
    fake_pass(&f, 29999);
    assert_int_equal(f.client.sent_count, 1);
    fake_pass(&f, 1);
    assert_int_equal(f.client.sent_count, 2);
    expect(&f, PROA_C2C_AUTHORIZING);
    fake_answer(&f, fake_last(&f), PROA_COAP_SERVICE_UNAVAILABLE, PROA_FORMAT_CBOR, "a10102", 60,
                false);
    fake_pass(&f, 60000);
    expect(&f, PROA_C2C_AUTHORIZING);
    fake_answer(&f, fake_last(&f), PROA_COAP_SERVICE_UNAVAILABLE, PROA_FORMAT_CBOR, "a10101", 60,
                false);
    fake_pass(&f, 10000);
    expect_outcome(&f, PROA_OUTCOME_PENDING);
    assert_int_equal(f.event.elapsed_ms, 100000);
    fake_close(&f);
}

/* The server is gone for a moment: the same wish again, as soon as it is there. */
static void c2c_5_server_session_lost(void **state)
{
    fake f;
    proa_c2c_ask ask = read_5706();
    (void)state;
    fake_open(&f, NULL, "own", true);
    (void)send(&f, &ask);
    expect(&f, PROA_C2C_AUTHORIZING);
    f.client.servers[0].registered = false;
    fake_fail(&f, fake_last(&f), PROA_COAP_FAILED_PEER_GONE);
    fake_pass(&f, 5000);
    assert_int_equal(f.client.sent_count, 1);
    expect_quiet(&f);
    f.client.servers[0].registered = true;
    f.client.ext->registration(f.client.ext->ctx, f.now_ms, 1, true);
    fake_pass(&f, 0);
    assert_int_equal(f.client.sent_count, 2);
    expect(&f, PROA_C2C_AUTHORIZING);
    for (int i = 0; i < 10 && fake_last(&f)->open; i++) { /* but not for ever */
        fake_fail(&f, fake_last(&f), PROA_COAP_FAILED_PEER_GONE);
    }
    forget_events(&f);
    assert_int_equal(f.event.kind, PROA_C2C_OUTCOME);
    assert_int_equal(f.event.outcome, PROA_OUTCOME_TIMEOUT);
    assert_in_range(f.client.sent_count, 3, 8);
    fake_close(&f);
}

/* 2.01, but no account: it removed itself in this moment. Asked again, then given up. */
static void c2c_5_granted_but_not_installed(void **state)
{
    fake f;
    proa_c2c_ask ask = read_5706();
    (void)state;
    fake_open(&f, NULL, "own", true);
    (void)send(&f, &ask);
    fake_answer(&f, fake_last(&f), PROA_COAP_CREATED, NO_FORMAT, NULL, 0, false);
    for (int i = 0; i < 20 && proa_c2c_stats_get(f.c2c).asks > 0; i++) {
        fake_pass(&f, 5000);
        if (fake_last(&f)->open) {
            fake_answer(&f, fake_last(&f), PROA_COAP_CREATED, NO_FORMAT, NULL, 0, false);
        }
    }
    forget_events(&f);
    assert_int_equal(f.event.outcome, PROA_OUTCOME_PROTOCOL);
    assert_in_range(f.client.sent_count, 2, 8);
    fake_close(&f);
}

/* ---- refusals by the host --------------------------------------------------------------- */

static void g11_a_refusal_leads_to_the_server_once_a_minute(void **state)
{
    fake f;
    proa_c2c_ask ask = read_5706();
    (void)state;
    (void)open_connected(&f);
    (void)send(&f, &ask);
    expect(&f, PROA_C2C_CONNECTED);
    fake_answer(&f, fake_last(&f), PROA_COAP_UNAUTHORIZED, NO_FORMAT, NULL, 0, false);
    expect(&f, PROA_C2C_AUTHORIZING);
    fake_answer(&f, fake_last(&f), PROA_COAP_CREATED, NO_FORMAT, NULL, 0, false);
    expect(&f, PROA_C2C_AUTHORIZED);
    assert_string_equal(fake_last(&f)->path, "/3311/0/5706"); /* tried again */
    fake_answer(&f, fake_last(&f), PROA_COAP_UNAUTHORIZED, NO_FORMAT, NULL, 0, false);
    expect_outcome(&f, PROA_OUTCOME_DENIED); /* not asked for a third time */
    size_t sent = f.client.sent_count;

    (void)send(&f, &ask); /* another question, the same path, too soon */
    expect(&f, PROA_C2C_CONNECTED);
    fake_answer(&f, fake_last(&f), PROA_COAP_UNAUTHORIZED, NO_FORMAT, NULL, 0, false);
    expect_outcome(&f, PROA_OUTCOME_DENIED);
    assert_int_equal(f.client.sent_count, sent + 1);

    proa_c2c_ask other = read_5706(); /* another path has its own minute */
    other.path.ids[1] = 1;
    (void)send(&f, &other);
    expect(&f, PROA_C2C_CONNECTED);
    fake_answer(&f, fake_last(&f), PROA_COAP_UNAUTHORIZED, NO_FORMAT, NULL, 0, false);
    expect(&f, PROA_C2C_AUTHORIZING);
    fake_answer(&f, fake_last(&f), PROA_COAP_FORBIDDEN, NO_FORMAT, NULL, 0, false);
    expect_outcome(&f, PROA_OUTCOME_DENIED);

    fake_pass(&f, 60000);
    (void)send(&f, &ask);
    expect(&f, PROA_C2C_CONNECTED);
    fake_answer(&f, fake_last(&f), PROA_COAP_UNAUTHORIZED, NO_FORMAT, NULL, 0, false);
    expect(&f, PROA_C2C_AUTHORIZING);
    fake_close(&f);
}

/* However many paths a host refuses: at most eight /ac for it in a minute. */
static void g11_refusals_of_many_paths(void **state)
{
    fake f;
    proa_c2c_ask ask = read_5706();
    (void)state;
    (void)open_connected(&f);
    for (uint16_t i = 0; i < 12; i++) {
        ask.path.ids[1] = i;
        (void)send(&f, &ask);
        fake_answer(&f, fake_last(&f), PROA_COAP_UNAUTHORIZED, NO_FORMAT, NULL, 0, false);
        if (fake_last(&f)->open) {
            fake_answer(&f, fake_last(&f), PROA_COAP_FORBIDDEN, NO_FORMAT, NULL, 0, false);
        }
        forget_events(&f);
        assert_int_equal(f.event.outcome, PROA_OUTCOME_DENIED);
    }
    assert_int_equal(proa_c2c_stats_get(f.c2c).ac_sent, 8);
    fake_close(&f);
}

/* An authenticated hint chooses among our servers; an unknown URI changes nothing. */
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
        proa_c2c_ask ask = read_5706();
        (void)open_connected(&f);
        f.client.servers[1] = (fake_server){2, "coaps://[2001:db8::2]:5684", true, true, 31};
        (void)send(&f, &ask);
        expect(&f, PROA_C2C_CONNECTED);
        fake_answer(&f, fake_last(&f), PROA_COAP_UNAUTHORIZED, PROA_FORMAT_CBOR, rows[i].payload, 0,
                    false);
        expect(&f, PROA_C2C_AUTHORIZING);
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
        proa_c2c_ask ask = read_5706();
        print_message("%s\n", rows[i].name);
        ask.probe = true;
        ask.probe_uri = proa_span_of("coap://[2001:db8::7]:5683");
        fake_open(&f, NULL, "own", true);
        f.client.servers[1] = (fake_server){2, "coaps://[2001:db8::2]:5684", true, true, 31};
        (void)send(&f, &ask);
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
            expect(&f, PROA_C2C_HINT);
            assert_int_equal(f.event.short_id, rows[i].named);
            assert_int_equal(f.event.text.len, 26);
        }
        expect(&f, PROA_C2C_AUTHORIZING); /* nothing of it finished the question */
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
        proa_c2c_ask ask = read_5706();
        ask.probe = true;
        ask.probe_uri = proa_span_of(uris[i]);
        fake_open(&f, NULL, "own", true);
        (void)send(&f, &ask);
        assert_string_equal(fake_last(&f)->path, "/ac");
        fake_close(&f);
    }
}

/* ---- handshakes ------------------------------------------------------------------------- */

static void g11_a_failed_handshake_leads_to_the_server_once(void **state)
{
    fake f;
    proa_c2c_ask ask = read_5706();
    (void)state;
    fake_open(&f, NULL, "own", true);
    (void)fake_install(&f, &host);
    forget_events(&f);
    (void)send(&f, &ask);
    fake_closed(&f, opened(&f)->id, PROA_SECURE_REASON_HANDSHAKE);
    expect(&f, PROA_C2C_AUTHORIZING);
    assert_int_equal(proa_c2c_stats_get(f.c2c).peers, 1); /* the account stays */
    fake_answer(&f, fake_last(&f), PROA_COAP_CREATED, NO_FORMAT, NULL, 0, false);
    expect(&f, PROA_C2C_AUTHORIZED);
    assert_int_equal(f.client.session_count, 2);
    fake_closed(&f, opened(&f)->id, PROA_SECURE_REASON_HANDSHAKE);
    expect_outcome(&f, PROA_OUTCOME_UNREACHABLE);
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
        proa_c2c_ask ask = read_5706();
        fake_open(&f, NULL, "own", true);
        (void)fake_install(&f, &host);
        forget_events(&f);
        (void)send(&f, &ask);
        fake_closed(&f, opened(&f)->id, rows[i].reason);
        if (rows[i].outcome != 0) {
            expect_outcome(&f, rows[i].outcome);
        } else {
            f.client.open_err = PROA_E_FULL;
            fake_pass(&f, 119999);
            expect_quiet(&f);
            fake_pass(&f, 1);
            expect_outcome(&f, PROA_OUTCOME_LOCAL);
            assert_int_equal(f.event.err, PROA_E_FULL);
        }
        fake_close(&f);
    }
}

static void g09_no_place_for_a_request_is_waited_for(void **state)
{
    fake f;
    proa_c2c_ask ask = read_5706();
    (void)state;
    (void)open_connected(&f);
    f.client.send_err = PROA_E_FULL;
    (void)send(&f, &ask);
    fake_pass(&f, 3000);
    assert_int_equal(f.client.sent_count, 0);
    f.client.send_err = PROA_OK;
    fake_pass(&f, 1000);
    assert_int_equal(f.client.sent_count, 1);
    f.client.send_err = PROA_E_TOO_LARGE;
    (void)send(&f, &ask);
    forget_events(&f);
    assert_int_equal(f.event.outcome, PROA_OUTCOME_LOCAL);
    assert_int_equal(f.event.err, PROA_E_TOO_LARGE);
    fake_close(&f);
    /* The same for /ac. */
    fake_open(&f, NULL, "own", true);
    f.client.send_err = PROA_E_FULL;
    (void)send(&f, &ask);
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
    proa_c2c_ask ask = read_5706();
    proa_c2c_id id;
    (void)state;
    fake_open(&f, NULL, "own", true);
    f.client.servers[0].registered = false;
    (void)send(&f, &ask);
    ask.op = PROA_OP_WRITE_REPLACE;
    (void)send(&f, &ask); /* the same path, another right */
    ask.path.ids[1] = 1;
    (void)send(&f, &ask);
    ask.endpoint = proa_span_of("other");
    (void)send(&f, &ask);
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
        expect(&f, PROA_C2C_AUTHORIZING);
    }
    expect_quiet(&f);
    fake_answer(&f, ac, PROA_COAP_FORBIDDEN, NO_FORMAT, NULL, 0, false);
    for (int i = 0; i < 3; i++) {
        expect_outcome(&f, PROA_OUTCOME_DENIED);
    }
    expect(&f, PROA_C2C_AUTHORIZING); /* now the other host's turn */
    assert_string_equal(fake_last(&f)->queries, "ep=other&c");
    assert_int_equal(proa_c2c_stats_get(f.c2c).asks, 1);
    fake_close(&f);
}

/* Unread last events keep their places: asking on is refused before any could be lost. */
static void g15_no_question_without_a_place_for_its_end(void **state)
{
    fake f;
    proa_c2c_ask ask = read_5706();
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
    (void)send(&f, &ask);
    fake_close(&f);
}

static void g15_cancel_takes_everything_back(void **state)
{
    fake f;
    proa_c2c_ask ask = read_5706();
    (void)state;
    (void)open_connected(&f);
    for (int i = 0; i < 50; i++) { /* also without ever polling */
        proa_c2c_id id;
        proa_err err = proa_c2c_send(f.c2c, f.now_ms, &ask, &id);
        if (err == PROA_E_FULL) {
            expect_quiet(&f);
            continue;
        }
        fake_pass(&f, 0);
        if (i % 2 != 0) {
            fake_answer(&f, fake_last(&f), PROA_COAP_CONTENT, NO_FORMAT, NULL, 0, false);
        }
        proa_c2c_cancel(f.c2c, f.now_ms, id);
    }
    proa_c2c_cancel(f.c2c, f.now_ms, 12345); /* nobody */
    expect_quiet(&f);
    assert_int_equal(proa_c2c_stats_get(f.c2c).asks, 0);
    fake_close(&f);
}

/* An answer too large for what is kept of unread events: said so, once. */
static void g15_answer_without_a_place(void **state)
{
    fake f;
    proa_c2c_ask ask = read_5706();
    (void)state;
    (void)open_connected(&f);
    size_t inbox_max = f.c2c->inbox_max;
    f.c2c->inbox_max = 2 * f.c2c->limits.ask_max * sizeof(proa__event);
    (void)send(&f, &ask);
    fake_answer(&f, fake_last(&f), PROA_COAP_CONTENT, PROA_FORMAT_TLV, "e5164a3030303031", 0,
                false);
    forget_events(&f);
    assert_int_equal(f.event.kind, PROA_C2C_OUTCOME);
    assert_int_equal(f.event.outcome, PROA_OUTCOME_LOCAL);
    assert_int_equal(f.event.err, PROA_E_FULL);
    f.c2c->inbox_max = inbox_max;
    fake_close(&f);
}

/* ---- observing -------------------------------------------------------------------------- */

static proa_c2c_id observe(fake *f)
{
    proa_c2c_ask ask = read_5706();
    ask.op = PROA_OP_OBSERVE;
    proa_c2c_id id = send(f, &ask);
    expect(f, PROA_C2C_CONNECTED);
    fake_answer(f, fake_last(f), PROA_COAP_CONTENT, PROA_FORMAT_TLV, "e5164a3030303031", 0, true);
    expect_outcome(f, PROA_OUTCOME_OK);
    assert_true(f->event.observing);
    return id;
}

static void g13_observation_and_its_ends(void **state)
{
    static const struct {
        uint8_t code;
        proa_outcome outcome;
    } ends[] = {
        {PROA_COAP_UNAUTHORIZED, PROA_OUTCOME_REVOKED},
        {PROA_COAP_NOT_FOUND, PROA_OUTCOME_NO_SUCH_PATH},
        {PROA_COAP_INTERNAL_SERVER_ERROR, PROA_OUTCOME_REFUSED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        fake f;
        (void)open_connected(&f);
        proa_c2c_id id = observe(&f);
        fake_request *get = fake_last(&f);
        for (int n = 0; n < 3; n++) {
            fake_pass(&f, 1000000);
            fake_notify(&f, get, PROA_COAP_CONTENT, "e5164a3030303032");
            expect(&f, PROA_C2C_NOTIFICATION);
            assert_int_equal(f.event.id, id);
            assert_int_equal(f.event.payload.data[7], '2');
        }
        fake_notify(&f, get, ends[i].code, NULL);
        expect(&f, PROA_C2C_OBSERVE_END);
        assert_int_equal(f.event.outcome, ends[i].outcome);
        expect_quiet(&f);
        assert_int_equal(f.client.sent_count, 1); /* what was taken is not asked for again */
        assert_int_equal(proa_c2c_stats_get(f.c2c).asks, 0);
        fake_close(&f);
    }
}

static void g13_cancel_tells_the_host(void **state)
{
    fake f;
    (void)state;
    (void)open_connected(&f);
    proa_c2c_id id = observe(&f);
    proa_c2c_cancel(f.c2c, f.now_ms, id);
    assert_true(fake_last(&f)->told);
    fake_pass(&f, 0);
    expect_quiet(&f);
    fake_close(&f);
}

/* The peer serves it, but will not notify: an OUTCOME that says so. */
static void g13_observation_not_accepted(void **state)
{
    fake f;
    proa_c2c_ask ask = read_5706();
    (void)state;
    ask.op = PROA_OP_OBSERVE;
    (void)open_connected(&f);
    (void)send(&f, &ask);
    expect(&f, PROA_C2C_CONNECTED);
    fake_answer(&f, fake_last(&f), PROA_COAP_CONTENT, PROA_FORMAT_TLV, "e5164a3030303031", 0,
                false);
    expect_outcome(&f, PROA_OUTCOME_OK);
    assert_false(f.event.observing);
    assert_int_equal(proa_c2c_stats_get(f.c2c).asks, 0);
    fake_close(&f);
}

/* The session goes: the observation is set up again over a new one, the application sees values. */
static void g13_observation_outlives_its_session(void **state)
{
    fake f;
    (void)state;
    uint32_t session = open_connected(&f);
    (void)observe(&f);
    fake_request *get = fake_last(&f);
    fake_session_of(&f, session)->closed = true;
    fake_fail(&f, get, PROA_COAP_FAILED_PEER_GONE);
    fake_connected(&f, opened(&f)->id, false);
    get = fake_last(&f);
    assert_true(get->observe);
    assert_int_equal(get->to.session, opened(&f)->id);
    fake_answer(&f, get, PROA_COAP_CONTENT, PROA_FORMAT_TLV, "e5164a3030303033", 0, true);
    expect(&f, PROA_C2C_NOTIFICATION);
    expect_quiet(&f);
    /* And when it cannot be: one end. */
    fake_session_of(&f, opened(&f)->id)->closed = true;
    fake_fail(&f, get, PROA_COAP_FAILED_PEER_GONE);
    fake_closed(&f, opened(&f)->id, PROA_SECURE_REASON_TIMEOUT);
    expect(&f, PROA_C2C_OBSERVE_END);
    assert_int_equal(f.event.outcome, PROA_OUTCOME_UNREACHABLE);
    expect_quiet(&f);
    fake_close(&f);
}

/* A host that rebooted does not know that it was observed. */
static void g13_quiet_observation_is_asked_for_again(void **state)
{
    fake f;
    (void)state;
    (void)open_connected(&f);
    (void)observe(&f);
    fake_request *get = fake_last(&f);
    fake_pass(&f, 3599999);
    assert_int_equal(f.client.sent_count, 1);
    fake_pass(&f, 1);
    assert_int_equal(f.client.sent_count, 2);
    assert_false(get->open);
    assert_true(fake_last(&f)->observe);
    fake_close(&f);
}

/* ---- accounts that go ------------------------------------------------------------------- */

static void g23_account_ends_under_a_question(void **state)
{
    static const struct {
        const char *name;
        int what; /* 0 key deleted, 1 peer deleted, 2 time over */
        proa_outcome outcome;
    } rows[] = {
        {"key deleted", 0, PROA_OUTCOME_REVOKED},
        {"peer deleted", 1, PROA_OUTCOME_REVOKED},
        {"time over", 2, PROA_OUTCOME_EXPIRED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int stage = 0; stage < 3; stage++) { /* connecting, sent, observing */
            fake f;
            fake_account shorter = host;
            proa_c2c_ask ask = read_5706();
            print_message("%s, stage %d\n", rows[i].name, stage);
            shorter.lifetime_s = 60;
            fake_open(&f, NULL, "own", true);
            uint16_t key = fake_install(&f, &shorter);
            proa__peer_at(f.c2c, 0)->used = true;
            ask.op = stage == 2 ? PROA_OP_OBSERVE : PROA_OP_READ;
            if (stage > 0) {
                fake_connected(&f, fake_incoming(&f, key), true);
            }
            forget_events(&f);
            (void)send(&f, &ask);
            uint32_t session = opened(&f)->id;
            if (stage == 2) {
                fake_answer(&f, fake_last(&f), PROA_COAP_CONTENT, NO_FORMAT, NULL, 0, true);
            }
            forget_events(&f);
            f.client.servers[0].registered = false; /* no renewal */
            if (rows[i].what == 2) {
                fake_pass(&f, 60000);
            } else {
                assert_int_equal(
                    fake_delete(&f, rows[i].what == 0 ? 11000 : 11001, &fake_server_1, 0), PROA_OK);
                fake_pass(&f, 0);
            }
            assert_true(fake_session_of(&f, session)->closed);
            bool ended = false;
            while (fake_next(&f)) {
                if (f.event.kind == PROA_C2C_OUTCOME || f.event.kind == PROA_C2C_OBSERVE_END) {
                    assert_false(ended);
                    ended = true;
                    assert_int_equal(f.event.kind,
                                     stage == 2 ? PROA_C2C_OBSERVE_END : PROA_C2C_OUTCOME);
                    assert_int_equal(f.event.outcome, rows[i].outcome);
                }
            }
            assert_true(ended);
            fake_close(&f);
        }
    }
}

/* The key is replaced under a question: what may be repeated goes on with the new one. */
static void c2c_7_key_replaced_under_a_question(void **state)
{
    const fake_value key[] = {{3, -1, proa_value_opaque(proa_span_of("second"))},
                              {5, -1, proa_value_opaque(proa_span_of("second-key-16byt"))}};
    (void)state;
    for (int execute = 0; execute < 2; execute++) {
        fake f;
        proa_c2c_ask ask = read_5706();
        ask.op = execute != 0 ? PROA_OP_EXECUTE : PROA_OP_READ;
        (void)open_connected(&f);
        (void)send(&f, &ask);
        forget_events(&f);
        assert_int_equal(fake_write(&f, 11000, &fake_server_1, 0, key, 2), PROA_OK);
        fake_pass(&f, 0);
        if (execute != 0) {
            expect_outcome(&f, PROA_OUTCOME_TIMEOUT); /* it may have been done */
        } else {
            assert_string_equal(opened(&f)->identity, "second");
            fake_connected(&f, opened(&f)->id, false);
            fake_answer(&f, fake_last(&f), PROA_COAP_CONTENT, NO_FORMAT, NULL, 0, false);
            expect_outcome(&f, PROA_OUTCOME_OK);
        }
        fake_close(&f);
    }
}

/* ---- renewal ---------------------------------------------------------------------------- */

static void c2c_7_renewal_from_half_time_on_while_in_use(void **state)
{
    fake f;
    proa_c2c_ask ask = read_5706();
    const fake_value lifetime[] = {{1, -1, NUMBER(86400)}};
    (void)state;
    fake_open(&f, NULL, "own", true);
    (void)send(&f, &ask);
    (void)fake_install(&f, &host);
    fake_answer(&f, fake_last(&f), PROA_COAP_CREATED, NO_FORMAT, NULL, 0, false);
    fake_connected(&f, opened(&f)->id, false);
    fake_answer(&f, fake_last(&f), PROA_COAP_CONTENT, NO_FORMAT, NULL, 0, false);
    size_t sent = f.client.sent_count;

    fake_pass(&f, (uint64_t)43200 * 1000 - 10000);
    (void)send(&f, &ask);
    fake_answer(&f, fake_last(&f), PROA_COAP_CONTENT, NO_FORMAT, NULL, 0, false);
    assert_int_equal(f.client.sent_count, sent + 1);
    fake_pass(&f, 10000);
    assert_int_equal(f.client.sent_count, sent + 2);
    assert_string_equal(fake_last(&f)->path, "/ac");
    assert_string_equal(fake_last(&f)->queries, "ep=host&c");
    fake_fail(&f, fake_last(&f), PROA_COAP_FAILED_TIMEOUT); /* tried again after a while */
    fake_pass(&f, (uint64_t)3600 * 1000 - 1);
    assert_int_equal(f.client.sent_count, sent + 2);
    fake_pass(&f, 1);
    assert_int_equal(f.client.sent_count, sent + 3);
    assert_int_equal(fake_write(&f, 11001, &fake_server_1, 0, lifetime, 1), PROA_OK);
    fake_answer(&f, fake_last(&f), PROA_COAP_CREATED, NO_FORMAT, NULL, 0, false);
    /* Not used any more: it is let go. */
    fake_pass(&f, (uint64_t)86400 * 1000);
    assert_int_equal(f.client.sent_count, sent + 3);
    assert_int_equal(proa_c2c_stats_get(f.c2c).peers, 0);
    assert_int_equal(proa_c2c_stats_get(f.c2c).expired, 1);
    fake_close(&f);
}

/* What was asked for and not granted is not asked for by a renewal: it would be denied as a
 * whole. */
static void c2c_7_renewal_asks_for_what_was_granted(void **state)
{
    fake f;
    uint8_t body[16];
    proa_c2c_ask ask = read_5706();
    (void)state;
    (void)open_connected(&f);
    (void)send(&f, &ask);
    fake_answer(&f, fake_last(&f), PROA_COAP_CONTENT, NO_FORMAT, NULL, 0, false);
    ask.op = PROA_OP_WRITE_REPLACE;
    (void)send(&f, &ask);
    fake_answer(&f, fake_last(&f), PROA_COAP_UNAUTHORIZED, NO_FORMAT, NULL, 0, false);
    fake_answer(&f, fake_last(&f), PROA_COAP_FORBIDDEN, NO_FORMAT, NULL, 0, false);
    fake_pass(&f, (uint64_t)43200 * 1000 - 1000);
    ask.op = PROA_OP_READ;
    (void)send(&f, &ask);
    fake_answer(&f, fake_last(&f), PROA_COAP_CONTENT, NO_FORMAT, NULL, 0, false);
    fake_pass(&f, 2000);
    assert_string_equal(fake_last(&f)->path, "/ac");
    assert_int_equal(fake_last(&f)->payload_len, hex("a1 82190cef00 01", body, sizeof(body)));
    assert_memory_equal(fake_last(&f)->payload, body, fake_last(&f)->payload_len);
    fake_close(&f);
}

/* A held observation is use. */
static void c2c_7_renewal_while_observing(void **state)
{
    fake f;
    const fake_value lifetime[] = {{1, -1, NUMBER(86400)}};
    (void)state;
    (void)open_connected(&f);
    (void)observe(&f);
    for (int hour = 0; hour < 72; hour++) {
        fake_pass(&f, 3600 * 1000);
        for (size_t i = 0; i < FAKE_SENT_MAX; i++) {
            fake_request *request = &f.client.sent[i];
            if (request->open && strcmp(request->path, "/ac") == 0) {
                assert_int_equal(fake_write(&f, 11001, &fake_server_1, 0, lifetime, 1), PROA_OK);
                fake_answer(&f, request, PROA_COAP_CREATED, NO_FORMAT, NULL, 0, false);
            } else if (request->open && request->to.session != 0 && hour % 2 == 0) {
                fake_notify(&f, request, PROA_COAP_CONTENT, NULL);
            } else if (request->open) { /* a quiet hour: the observation was asked for again */
                fake_answer(&f, request, PROA_COAP_CONTENT, NO_FORMAT, NULL, 0, true);
            }
        }
        forget_events(&f);
    }
    assert_int_equal(proa_c2c_stats_get(f.c2c).peers, 1);
    assert_in_range(proa_c2c_stats_get(f.c2c).ac_sent, 5, 6);
    assert_int_equal(proa_c2c_stats_get(f.c2c).asks, 1);
    fake_close(&f);
}

/* ---- whatever happens ------------------------------------------------------------------- */

typedef struct tally {
    unsigned outcomes, ends;
    bool sent, cancelled, observing;
} tally;

#define QUESTIONS 40

static void read_events(fake *f, tally *tallies)
{
    while (fake_next(f)) {
        if (f->event.id == 0) {
            continue;
        }
        tally *t = &tallies[f->event.user];
        assert_false(t->cancelled);
        assert_true(t->ends == 0);
        if (f->event.kind == PROA_C2C_OUTCOME) {
            assert_int_equal(t->outcomes, 0);
            t->outcomes++;
            t->observing = f->event.observing;
        } else if (f->event.kind == PROA_C2C_OBSERVE_END) {
            assert_true(t->observing);
            t->ends++;
        } else if (f->event.kind == PROA_C2C_NOTIFICATION) {
            assert_true(t->observing);
        }
    }
}

static const uint8_t codes[] = {PROA_COAP_CONTENT,   PROA_COAP_CREATED,
                                PROA_COAP_CONTENT,   PROA_COAP_UNAUTHORIZED,
                                PROA_COAP_FORBIDDEN, PROA_COAP_SERVICE_UNAVAILABLE,
                                PROA_COAP_NOT_FOUND, PROA_COAP_INTERNAL_SERVER_ERROR};

static fake_request *any_open(fake *f, uint64_t dice)
{
    for (size_t i = 0; i < FAKE_SENT_MAX; i++) {
        fake_request *request = &f->client.sent[(dice + i) % FAKE_SENT_MAX];
        if (request->open) {
            return request;
        }
    }
    return NULL;
}

static fake_session *any_session(fake *f, uint64_t dice)
{
    for (size_t i = 0; i < FAKE_SENT_MAX; i++) {
        fake_session *session = &f->client.sessions[(dice + i) % FAKE_SENT_MAX];
        if (session->id != 0 && !session->closed) {
            return session;
        }
    }
    return NULL;
}

static void ask_something(fake *f, tally *tallies, unsigned n, uint64_t dice, proa_c2c_id *ids)
{
    static const proa_operation ops[] = {PROA_OP_READ, PROA_OP_OBSERVE, PROA_OP_EXECUTE,
                                         PROA_OP_WRITE_REPLACE};
    proa_c2c_ask ask = read_5706();
    ask.endpoint = proa_span_of(dice % 3 == 0 ? "other" : "host");
    ask.op = ops[dice / 3 % 4];
    ask.wait = dice / 12 % 2 == 0;
    ask.probe = dice / 24 % 4 == 0;
    ask.probe_uri = proa_span_of("coap://[2001:db8::7]");
    ask.user = n;
    tallies[n].sent = proa_c2c_send(f->c2c, f->now_ms, &ask, &ids[n]) == PROA_OK;
}

static void stir(fake *f, uint64_t dice)
{
    static const proa_coap_failure failures[] = {PROA_COAP_FAILED_TIMEOUT, PROA_COAP_FAILED_RESET,
                                                 PROA_COAP_FAILED_PEER_GONE, PROA_COAP_FAILED_FULL,
                                                 PROA_COAP_FAILED_PROTOCOL};
    uint64_t more = dice / 16;
    fake_request *request = any_open(f, more / 64);
    fake_session *session = any_session(f, more / 64);
    switch (dice % 16) {
    case 0:
    case 1:
    case 2:
    case 3:
        if (request != NULL) {
            uint8_t code = codes[more % sizeof(codes)];
            fake_answer(f, request, code, NO_FORMAT, NULL, 1,
                        request->observe && PROA_COAP_CLASS(code) == 2 && more / 16 % 4 != 0);
        }
        break;
    case 4:
        if (request != NULL) {
            fake_fail(f, request, failures[more % 5]);
        }
        break;
    case 5:
    case 6:
        if (session != NULL && proa__key_at(f->c2c, 0)->opening == session->id) {
            fake_connected(f, session->id, false);
        }
        break;
    case 7:
        if (session != NULL) {
            fake_closed(f, session->id, (proa_secure_reason)(1 + more % 5));
        }
        break;
    case 8:
        if (f->client.objects[0]->class_->next_instance(f->client.objects[0]->ctx, -1) < 0 &&
            f->client.objects[1]->class_->next_instance(f->client.objects[1]->ctx, -1) < 0) {
            (void)fake_install(f, &host);
        }
        break;
    case 9:
        if (more % 8 == 0) {
            (void)f->client.objects[0]->class_->remove(f->client.objects[0]->ctx, &fake_server_1, 0);
            (void)f->client.objects[1]->class_->remove(f->client.objects[1]->ctx, &fake_server_1, 0);
        }
        break;
    case 10:
        f->client.servers[0].registered = more % 3 != 0;
        f->client.ext->registration(f->client.ext->ctx, f->now_ms, 1, true);
        break;
    case 11:
        f->client.send_err = more % 4 == 0 ? PROA_E_FULL : PROA_OK;
        f->client.open_err = more / 4 % 4 == 0 ? PROA_E_FULL : PROA_OK;
        break;
    case 12:
        if (fake_account_of(f, 0) != 0) {
            fake_connected(f, fake_incoming(f, 0), true);
        }
        break;
    case 13:
        if (request != NULL && request->observe) {
            request->transmissions = 3;
        }
        break;
    default:
        fake_pass(f, more % 5000);
        break;
    }
}

static void g15_exactly_one_outcome_whatever_happens(void **state)
{
    unsigned answered = 0;
    unsigned observed = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        fake f;
        tally tallies[QUESTIONS];
        proa_c2c_id ids[QUESTIONS];
        test_random dice;
        memset(tallies, 0, sizeof(tallies));
        (void)test_random_start(&dice, seed);
        fake_open(&f, NULL, "own", true);
        for (unsigned n = 0; n < QUESTIONS; n++) {
            ask_something(&f, tallies, n, test_random_next(&dice), ids);
            for (int i = 0; i < 12; i++) {
                stir(&f, test_random_next(&dice));
            }
            if (tallies[n].sent && test_random_next(&dice) % 8 == 0) {
                read_events(&f, tallies);
                proa_c2c_cancel(f.c2c, f.now_ms, ids[n]);
                tallies[n].cancelled = true;
            }
            if (test_random_next(&dice) % 2 == 0) {
                read_events(&f, tallies);
            }
        }
        f.client.send_err = PROA_E_FULL;
        fake_pass(&f, 130000);
        read_events(&f, tallies);
        unsigned held = 0;
        for (unsigned n = 0; n < QUESTIONS; n++) {
            if (tallies[n].sent && !tallies[n].cancelled) {
                assert_int_equal(tallies[n].outcomes, 1);
                held += tallies[n].observing && tallies[n].ends == 0 ? 1 : 0;
                answered++;
                observed += tallies[n].observing ? 1 : 0;
            }
        }
        assert_int_equal(proa_c2c_stats_get(f.c2c).asks, held);
        fake_close(&f);
    }
    print_message("%u questions, %u observations\n", answered, observed);
    assert_true(answered > 4000 && observed > 100); /* it did happen */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(c2c_5_6_from_nothing_to_data),
        cmocka_unit_test(c2c_6_a_session_serves_both_directions),
        cmocka_unit_test(c2c_6_addresses),
        cmocka_unit_test(transport_6_4_operations_as_requests),
        cmocka_unit_test(c2c_9_questions_that_make_no_sense),
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
        cmocka_unit_test(g13_observation_and_its_ends),
        cmocka_unit_test(g13_cancel_tells_the_host),
        cmocka_unit_test(g13_observation_not_accepted),
        cmocka_unit_test(g13_observation_outlives_its_session),
        cmocka_unit_test(g13_quiet_observation_is_asked_for_again),
        cmocka_unit_test(g23_account_ends_under_a_question),
        cmocka_unit_test(c2c_7_key_replaced_under_a_question),
        cmocka_unit_test(c2c_7_renewal_from_half_time_on_while_in_use),
        cmocka_unit_test(c2c_7_renewal_asks_for_what_was_granted),
        cmocka_unit_test(c2c_7_renewal_while_observing),
        cmocka_unit_test(g15_exactly_one_outcome_whatever_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
