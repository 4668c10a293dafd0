/* SPDX-License-Identifier: Apache-2.0 */
/* Two CoAP engines that speak OSCORE over a link that the test holds in its hands: what the engine
 * does around opening and sealing (RFC 8613 §8, core/coap/sealed.c). The checker beside them fails a
 * test when a nonce serves twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/siphash.h"
#include "tests/base/counted_memory.h"
#include "tests/oscore/ends.h"

enum { CLIENT, SERVER };

#define WIRE_MAX 512

typedef struct station {
    end e;
    proa_coap *coap;
    counted_memory memory;
    proa_addr addr;
    proa_coap_event event;
    uint8_t payload[2048];
    size_t payload_len;
} station;

typedef struct datagram {
    proa_addr from, to;
    uint8_t bytes[WIRE_MAX];
    size_t len;
} datagram;

static station at[2];
static uint64_t now_ms;
static datagram last[2];      /* what each sent last */
static unsigned drop_next[2]; /* so many of what it sends get lost */
static unsigned sent[2];

static proa_addr addr_of(uint8_t host, uint16_t port)
{
    proa_addr addr = {{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host}, port, 0};
    return addr;
}

static proa_coap_peer peer(int whose)
{
    proa_coap_peer name = {at[whose].addr, 0, ACCOUNT};
    return name;
}

static void engine_on(int who, proa_oscore_origin origin)
{
    station *s = &at[who];
    end_on(&s->e, origin);
    proa_coap_config config =
        proa_coap_config_device(s->e.random, counted_memory_start(&s->memory));
    config.oscore = proa_oscore_for_coap(s->e.o);
    config.message_max = WIRE_MAX;
    config.block_size = 64;
    config.body_count_max = 4;
    assert_int_equal(proa_coap_open(&s->coap, &config), PROA_OK);
}

static void engine_off(int who)
{
    proa_coap_close(at[who].coap);
    at[who].coap = NULL;
    end_off(&at[who].e);
    assert_int_equal(at[who].memory.bytes, 0);
}

static int start(void **state)
{
    (void)state;
    now_ms = 5000;
    memset(drop_next, 0, sizeof drop_next);
    memset(sent, 0, sizeof sent);
    ends_make(&at[CLIENT].e, &at[SERVER].e, 1);
    at[CLIENT].addr = addr_of(1, 40000);
    at[SERVER].addr = addr_of(2, 5683);
    engine_on(CLIENT, PROA_OSCORE_FRESH);
    engine_on(SERVER, PROA_OSCORE_FRESH);
    return 0;
}

static int end_(void **state)
{
    (void)state;
    engine_off(CLIENT);
    engine_off(SERVER);
    assert_int_equal(checker_violations(), 0);
    return 0;
}

/* ---- the link --------------------------------------------------------------------------- */

static bool take_event(int who)
{
    station *s = &at[who];
    if (!proa_coap_poll(s->coap, now_ms, &s->event)) {
        return false;
    }
    s->payload_len = s->event.msg.payload.len;
    if (s->payload_len > 0) {
        memcpy(s->payload, s->event.msg.payload.data, s->payload_len);
    }
    return true;
}

/* One datagram of `who`; false if it has none. */
static bool send_one(int who)
{
    proa_coap_peer to;
    proa_span bytes;
    if (!proa_coap_output(at[who].coap, now_ms, &to, &bytes)) {
        return false;
    }
    assert_true(bytes.len <= WIRE_MAX);
    last[who].from = at[who].addr;
    last[who].to = to.addr;
    last[who].len = bytes.len;
    memcpy(last[who].bytes, bytes.data, bytes.len);
    sent[who]++;
    return true;
}

static void feed(int who, const datagram *d)
{
    proa_coap_peer from = {d->from, 0, 0};
    proa_coap_input(at[who].coap, now_ms, &from, proa_span_make(d->bytes, d->len), false);
}

/* Carries datagrams until somebody has an event (who it is), or nothing moves (-1). */
static int run(void)
{
    for (bool moved = true; moved;) {
        moved = false;
        for (int who = 0; who < 2; who++) {
            if (take_event(who)) {
                return who;
            }
            if (!send_one(who)) {
                if (take_event(who)) { /* of what could not be sent */
                    return who;
                }
                continue;
            }
            moved = true;
            if (drop_next[who] > 0) {
                drop_next[who]--;
            } else if (proa_addr_equal(&last[who].to, &at[1 - who].addr)) {
                feed(1 - who, &last[who]);
            }
        }
    }
    return -1;
}

static void expect(int who, proa_coap_event_kind kind)
{
    int got = run();
    if (got != who || at[who].event.kind != kind) {
        fail_msg("event %d of %d, wanted %d of %d", got < 0 ? 0 : (int)at[got].event.kind, got,
                 (int)kind, who);
    }
}

/* Time goes on to the next deadline of anybody. */
static void wait_next(void)
{
    uint64_t a = proa_coap_next_ms(at[CLIENT].coap);
    uint64_t b = proa_coap_next_ms(at[SERVER].coap);
    uint64_t next = a < b ? a : b;
    assert_true(next != UINT64_MAX);
    now_ms = next > now_ms ? next : now_ms;
}

/* ---- requests --------------------------------------------------------------------------- */

static proa_err try_ask(uint8_t code, bool observe, proa_span payload, proa_coap_id *id)
{
    const proa_coap_option path = {PROA_COAP_OPT_URI_PATH, proa_span_of("a")};
    proa_coap_request request = {.code = code,
                                 .observe =
                                     observe ? PROA_COAP_OBSERVE_START : PROA_COAP_OBSERVE_NONE,
                                 .options = &path,
                                 .option_count = 1,
                                 .payload = payload};
    proa_coap_peer to = peer(SERVER);
    return proa_coap_send(at[CLIENT].coap, now_ms, &to, &request, id);
}

static proa_coap_id ask_for(uint8_t code, bool observe, proa_span payload)
{
    proa_coap_id id;
    assert_int_equal(try_ask(code, observe, payload, &id), PROA_OK);
    return id;
}

static void respond(uint8_t code, proa_span payload)
{
    proa_coap_response response = {.code = code, .payload = payload};
    assert_int_equal(
        proa_coap_respond(at[SERVER].coap, now_ms, at[SERVER].event.exchange, &response), PROA_OK);
}

static void is_payload(int who, proa_span expected)
{
    assert_int_equal(at[who].payload_len, expected.len);
    assert_memory_equal(at[who].payload, expected.data, expected.len);
}

static proa_span long_text(uint8_t seed)
{
    static uint8_t bytes[600];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 7 + seed);
    }
    return proa_span_make(bytes, sizeof bytes);
}

static proa_coap_id observe(void)
{
    proa_coap_id relation;
    (void)ask_for(PROA_COAP_GET, true, proa_span_make(NULL, 0));
    expect(SERVER, PROA_COAP_EVENT_REQUEST);
    assert_int_equal(proa_coap_accept(at[SERVER].coap, at[SERVER].event.exchange, 9, &relation),
                     PROA_OK);
    respond(PROA_COAP_CONTENT, proa_span_of("one"));
    expect(CLIENT, PROA_COAP_EVENT_RESPONSE);
    assert_true(at[CLIENT].event.observing);
    return relation;
}

static void notify(proa_coap_id relation, proa_span payload, bool confirmable)
{
    proa_coap_response response = {.code = PROA_COAP_CONTENT, .payload = payload};
    assert_int_equal(proa_coap_notify(at[SERVER].coap, now_ms, relation, &response, confirmable),
                     PROA_OK);
}

/* ---- tests ------------------------------------------------------------------------------ */

static void rfc8613_8_a_request_and_its_response(void **state)
{
    (void)state;
    (void)ask_for(PROA_COAP_POST, false, proa_span_of("secret"));
    expect(SERVER, PROA_COAP_EVENT_REQUEST);
    assert_int_equal(last[CLIENT].bytes[1], PROA_COAP_POST); /* the outer code */
    assert_null(strstr((const char *)last[CLIENT].bytes + 12, "secret"));
    assert_int_equal(at[SERVER].event.peer.account, ACCOUNT);
    assert_int_equal(at[SERVER].event.msg.code, PROA_COAP_POST);
    assert_false(at[SERVER].event.sealed);
    is_payload(SERVER, proa_span_of("secret"));
    respond(PROA_COAP_CREATED, proa_span_of("done"));
    expect(CLIENT, PROA_COAP_EVENT_RESPONSE);
    assert_int_equal(last[SERVER].bytes[1], PROA_COAP_CHANGED);
    assert_int_equal(at[CLIENT].event.msg.code, PROA_COAP_CREATED);
    assert_int_equal(at[CLIENT].event.peer.account, ACCOUNT);
    is_payload(CLIENT, proa_span_of("done"));
    assert_int_equal(run(), -1);
}

static void rfc8613_8_copies_are_equal_and_done_once(void **state)
{
    (void)state;
    drop_next[CLIENT] = 1;
    (void)ask_for(PROA_COAP_POST, false, proa_span_of("x"));
    assert_int_equal(run(), -1);
    datagram first = last[CLIENT];
    drop_next[SERVER] = 1;
    wait_next();
    expect(SERVER, PROA_COAP_EVENT_REQUEST);
    assert_int_equal(last[CLIENT].len, first.len);
    assert_memory_equal(last[CLIENT].bytes, first.bytes, first.len);
    respond(PROA_COAP_CHANGED, proa_span_of("y"));
    assert_int_equal(run(), -1); /* lost */
    first = last[SERVER];
    wait_next();
    expect(CLIENT, PROA_COAP_EVENT_RESPONSE); /* from memory: no second request */
    assert_memory_equal(last[SERVER].bytes, first.bytes, first.len);
    assert_int_equal(proa_coap_stats_get(at[SERVER].coap).duplicates, 1);
}

static void rfc8613_8_a_separate_response(void **state)
{
    (void)state;
    (void)ask_for(PROA_COAP_GET, false, proa_span_make(NULL, 0));
    expect(SERVER, PROA_COAP_EVENT_REQUEST);
    proa_coap_id exchange = at[SERVER].event.exchange;
    proa_coap_defer(at[SERVER].coap, now_ms, exchange);
    assert_int_equal(run(), -1);
    assert_int_equal(last[SERVER].len, 4);
    at[SERVER].event.exchange = exchange;
    respond(PROA_COAP_CONTENT, proa_span_of("late"));
    expect(CLIENT, PROA_COAP_EVENT_RESPONSE);
    is_payload(CLIENT, proa_span_of("late"));
    assert_int_equal(run(), -1);
    assert_int_equal(last[CLIENT].len, 4); /* its ACK */
}

/* Seed 510 of proa-sim's scenario server-oscore: repeated for a minute to an asker who had forgotten,
 * it kept everything else from that peer. */
static void rfc7252_4_2_a_response_nobody_waits_for_is_reset(void **state)
{
    (void)state;
    proa_coap_id id = ask_for(PROA_COAP_GET, false, proa_span_make(NULL, 0));
    expect(SERVER, PROA_COAP_EVENT_REQUEST);
    proa_coap_id exchange = at[SERVER].event.exchange;
    proa_coap_defer(at[SERVER].coap, now_ms, exchange);
    assert_int_equal(run(), -1);
    proa_coap_cancel(at[CLIENT].coap, now_ms, id, false);
    at[SERVER].event.exchange = exchange;
    respond(PROA_COAP_CONTENT, proa_span_of("late"));
    assert_int_equal(run(), -1);
    assert_int_equal(last[CLIENT].bytes[0], 0x70);
    unsigned before = sent[SERVER];
    now_ms += 200000;
    assert_int_equal(run(), -1);
    assert_int_equal(sent[SERVER], before);
}

static void rfc8613_4_1_3_4_bodies_go_in_inner_blocks(void **state)
{
    (void)state;
    (void)ask_for(PROA_COAP_POST, false, long_text(1));
    expect(SERVER, PROA_COAP_EVENT_REQUEST);
    is_payload(SERVER, long_text(1));
    respond(PROA_COAP_CHANGED, long_text(2));
    expect(CLIENT, PROA_COAP_EVENT_RESPONSE);
    is_payload(CLIENT, long_text(2));
    assert_true(sent[CLIENT] >= 18);
}

static void rfc8613_4_1_3_5_notifications_come_in_order_each_under_its_number(void **state)
{
    (void)state;
    proa_coap_id relation = observe();
    notify(relation, proa_span_of("two"), false);
    assert_true(send_one(SERVER));
    datagram second = last[SERVER];
    notify(relation, proa_span_of("three"), true);
    expect(CLIENT, PROA_COAP_EVENT_NOTIFICATION);
    is_payload(CLIENT, proa_span_of("three"));
    feed(CLIENT, &second);                     /* overtaken */
    expect(SERVER, PROA_COAP_EVENT_DELIVERED); /* of three */
    assert_int_equal(run(), -1);
    notify(relation, long_text(3), true);
    for (int blocks = 0; blocks < 20 && run() == SERVER;) {
        if (at[SERVER].event.kind == PROA_COAP_EVENT_REQUEST) {
            respond(PROA_COAP_CONTENT, long_text(3));
            blocks++;
        }
    }
    assert_int_equal(at[CLIENT].event.kind, PROA_COAP_EVENT_NOTIFICATION);
    is_payload(CLIENT, long_text(3));
    notify(relation, proa_span_of("after"), false); /* the registration's binding still holds */
    expect(CLIENT, PROA_COAP_EVENT_NOTIFICATION);
    is_payload(CLIENT, proa_span_of("after"));
}

static void rfc8613_4_1_3_5_a_lost_ack_is_given_again(void **state)
{
    (void)state;
    proa_coap_id relation = observe();
    drop_next[CLIENT] = 1;
    notify(relation, proa_span_of("two"), true);
    expect(CLIENT, PROA_COAP_EVENT_NOTIFICATION);
    assert_int_equal(run(), -1);
    wait_next();
    expect(SERVER, PROA_COAP_EVENT_DELIVERED);
    assert_int_equal(run(), -1);
}

static void c2c_6_what_nobody_protected_ends_nothing(void **state)
{
    (void)state;
    proa_coap_id id = ask_for(PROA_COAP_GET, false, proa_span_make(NULL, 0));
    assert_true(send_one(CLIENT));
    datagram forged = {.from = at[SERVER].addr, .len = 4 + PROA_COAP_TOKEN_PROTECTED};
    memcpy(forged.bytes, last[CLIENT].bytes, forged.len); /* header and Token */
    forged.bytes[0] = 0x60 + PROA_COAP_TOKEN_PROTECTED;   /* ACK */
    forged.bytes[1] = PROA_COAP_UNAUTHORIZED;
    feed(CLIENT, &forged);
    expect(CLIENT, PROA_COAP_EVENT_UNPROTECTED);
    assert_int_equal(at[CLIENT].event.request, id);
    assert_int_equal(at[CLIENT].event.msg.code, PROA_COAP_UNAUTHORIZED);
    forged.bytes[0] = 0x70; /* RST */
    forged.bytes[1] = 0;
    forged.len = 4;
    feed(CLIENT, &forged);
    assert_int_equal(run(), -1);
    wait_next(); /* it is sent again */
    expect(SERVER, PROA_COAP_EVENT_REQUEST);
    respond(PROA_COAP_CONTENT, proa_span_of("here"));
    expect(CLIENT, PROA_COAP_EVENT_RESPONSE);
}

static void c2c_6_a_reset_of_a_notification_only_makes_doubt(void **state)
{
    (void)state;
    proa_coap_id relation = observe();
    notify(relation, proa_span_of("two"), false);
    assert_true(send_one(SERVER));
    datagram reset = {.from = at[CLIENT].addr, .len = 4};
    memcpy(reset.bytes, last[SERVER].bytes, 4);
    reset.bytes[0] = 0x70;
    reset.bytes[1] = 0;
    feed(SERVER, &reset);
    assert_int_equal(run(), -1); /* the relation is there */
    notify(relation, proa_span_of("three"), false);
    expect(CLIENT, PROA_COAP_EVENT_NOTIFICATION);
    assert_int_equal(last[SERVER].bytes[0] & 0x30, 0); /* and the next one asks for an ACK */
    expect(SERVER, PROA_COAP_EVENT_DELIVERED);
}

static void rfc8613_8_2_unknown_keys_are_the_application_s(void **state)
{
    (void)state;
    proa_oscore_remove(at[SERVER].e.o, ACCOUNT);
    (void)ask_for(PROA_COAP_GET, false, proa_span_make(NULL, 0));
    expect(SERVER, PROA_COAP_EVENT_REQUEST);
    assert_true(at[SERVER].event.sealed);
    assert_int_equal(at[SERVER].event.peer.account, 0);
    respond(PROA_COAP_UNAUTHORIZED, proa_span_of("hint"));
    expect(CLIENT, PROA_COAP_EVENT_UNPROTECTED);
    is_payload(CLIENT, proa_span_of("hint"));
}

static void rfc8613_8_2_what_does_not_verify_is_refused(void **state)
{
    (void)state;
    (void)ask_for(PROA_COAP_GET, false, proa_span_make(NULL, 0));
    assert_true(send_one(CLIENT));
    datagram forged = last[CLIENT];
    forged.bytes[forged.len - 1] ^= 1;
    feed(SERVER, &forged);
    assert_true(send_one(SERVER));
    assert_int_equal(last[SERVER].bytes[1], PROA_COAP_BAD_REQUEST);
    proa_coap_msg m;
    assert_int_equal(proa_coap_parse(&m, proa_span_make(last[SERVER].bytes, last[SERVER].len)),
                     PROA_OK);
    assert_int_equal(proa_coap_option_uint(&m, PROA_COAP_OPT_MAX_AGE, 60), 0);
}

/* A copy under another Message ID is no copy to the message layer. */
static void rfc8613_7_4_a_replay_is_refused(void **state)
{
    (void)state;
    (void)ask_for(PROA_COAP_POST, false, proa_span_of("x"));
    expect(SERVER, PROA_COAP_EVENT_REQUEST);
    respond(PROA_COAP_CHANGED, proa_span_of("y"));
    datagram replay = last[CLIENT];
    expect(CLIENT, PROA_COAP_EVENT_RESPONSE);
    replay.bytes[3] ^= 1;
    feed(SERVER, &replay);
    assert_true(send_one(SERVER));
    assert_int_equal(last[SERVER].bytes[1], PROA_COAP_UNAUTHORIZED);
    assert_int_equal(run(), -1);
}

static void rfc8613_b_1_2_after_a_reboot_an_echo_goes_round(void **state)
{
    (void)state;
    (void)ask_for(PROA_COAP_GET, false, proa_span_make(NULL, 0));
    expect(SERVER, PROA_COAP_EVENT_REQUEST);
    respond(PROA_COAP_CONTENT, proa_span_of("before"));
    expect(CLIENT, PROA_COAP_EVENT_RESPONSE);
    engine_off(SERVER);
    engine_on(SERVER, PROA_OSCORE_KNOWN);
    unsigned before = sent[CLIENT];
    (void)ask_for(PROA_COAP_POST, false, proa_span_of("once"));
    expect(SERVER, PROA_COAP_EVENT_REQUEST); /* the second one, with the Echo */
    assert_int_equal(sent[CLIENT] - before, 2);
    is_payload(SERVER, proa_span_of("once"));
    respond(PROA_COAP_CHANGED, proa_span_of("done"));
    expect(CLIENT, PROA_COAP_EVENT_RESPONSE);
    assert_int_equal(at[CLIENT].event.msg.code, PROA_COAP_CHANGED);
}

static void c2c_6_the_newest_request_says_where_the_peer_is(void **state)
{
    (void)state;
    proa_coap_id relation = observe();
    datagram old = last[CLIENT];
    at[CLIENT].addr = addr_of(7, 41000);
    notify(relation, proa_span_of("lost"), true); /* under way when it moves */
    (void)ask_for(PROA_COAP_GET, false, proa_span_make(NULL, 0));
    expect(SERVER, PROA_COAP_EVENT_REQUEST);
    assert_true(proa_addr_equal(&at[SERVER].event.peer.addr, &at[CLIENT].addr));
    respond(PROA_COAP_CONTENT, proa_span_of("answer"));
    bool told = false;
    bool answered = false;
    for (int who = run(); who >= 0; who = run()) {
        told = told || (who == CLIENT && at[who].event.kind == PROA_COAP_EVENT_NOTIFICATION);
        answered = answered || (who == CLIENT && at[who].event.kind == PROA_COAP_EVENT_RESPONSE);
    }
    assert_true(told && answered);
    old.bytes[3] ^= 1; /* somebody repeats an old one from elsewhere */
    old.from = addr_of(66, 666);
    feed(SERVER, &old);
    notify(relation, proa_span_of("still here"), false);
    assert_true(send_one(SERVER)); /* the refusal */
    assert_int_equal(last[SERVER].to.port, 666);
    expect(CLIENT, PROA_COAP_EVENT_NOTIFICATION);
}

/* Held back on the way and sent by somebody else behind a newer one: done, for it is authentic and
 * new, but it says nothing about where the peer is. */
static void c2c_6_an_older_request_does_not(void **state)
{
    (void)state;
    drop_next[CLIENT] = 1;
    proa_coap_id held = ask_for(PROA_COAP_GET, false, proa_span_make(NULL, 0));
    assert_int_equal(run(), -1);
    datagram old = last[CLIENT];
    proa_coap_cancel(at[CLIENT].coap, now_ms, held, false);
    (void)ask_for(PROA_COAP_GET, false, proa_span_make(NULL, 0));
    expect(SERVER, PROA_COAP_EVENT_REQUEST);
    respond(PROA_COAP_CONTENT, proa_span_of("newer"));
    expect(CLIENT, PROA_COAP_EVENT_RESPONSE);
    old.from = addr_of(66, 666);
    feed(SERVER, &old);
    expect(SERVER, PROA_COAP_EVENT_REQUEST);
    assert_true(proa_addr_equal(&at[SERVER].event.peer.addr, &at[CLIENT].addr));
}

/* Seed 20 of proa-sim's scenario oscore: power failed between doing and saying so. The next copy is
 * new to the one who lost what it had received, and the Echo would have made it be done again. */
static void rfc8613_b_1_2_what_may_be_done_is_not_repeated(void **state)
{
    static const struct {
        uint8_t code;
        int who;
        proa_coap_event_kind kind;
    } cases[] = {{PROA_COAP_PUT, SERVER, PROA_COAP_EVENT_REQUEST},
                 {PROA_COAP_POST, CLIENT, PROA_COAP_EVENT_FAILED}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        (void)ask_for(cases[i].code, false, proa_span_of("x"));
        expect(SERVER, PROA_COAP_EVENT_REQUEST);
        engine_off(SERVER);
        engine_on(SERVER, PROA_OSCORE_KNOWN);
        wait_next();
        expect(cases[i].who, cases[i].kind);
        if (cases[i].who == SERVER) {
            respond(PROA_COAP_CHANGED, proa_span_of("again"));
            expect(CLIENT, PROA_COAP_EVENT_RESPONSE);
        } else {
            assert_int_equal(at[CLIENT].event.failure, PROA_COAP_FAILED_TIMEOUT);
        }
        assert_int_equal(run(), -1);
    }
}

/* The server asks the client, at the address that it had first. Returns where the datagram goes. */
static proa_addr where_asked(void)
{
    const proa_coap_request request = {.code = PROA_COAP_GET};
    proa_coap_peer to = {addr_of(1, 40000), 0, ACCOUNT};
    proa_coap_id id;
    assert_int_equal(proa_coap_send(at[SERVER].coap, now_ms, &to, &request, &id), PROA_OK);
    assert_true(send_one(SERVER));
    proa_addr asked = last[SERVER].to;
    proa_coap_cancel(at[SERVER].coap, now_ms, id, false);
    return asked;
}

/* Seed 232 of proa-sim's scenario oscore: a peer that moved was asked at the address that a server had
 * written long ago, although it had spoken since. */
static void c2c_6_a_peer_is_asked_where_it_was_heard(void **state)
{
    (void)state;
    for (int lost = 0; lost < 2; lost++) {
        at[CLIENT].addr = addr_of(7, 41000);
        (void)ask_for(PROA_COAP_GET, false, proa_span_make(NULL, 0));
        expect(SERVER, PROA_COAP_EVENT_REQUEST);
        respond(PROA_COAP_CONTENT, proa_span_of("here"));
        expect(CLIENT, PROA_COAP_EVENT_RESPONSE);
        assert_int_equal(where_asked().port, 41000);
        if (lost == 0) { /* who should know says otherwise */
            proa_coap_peer_astray(at[SERVER].coap, ACCOUNT);
        } else { /* it does not answer */
            const proa_coap_request request = {.code = PROA_COAP_GET};
            proa_coap_peer to = {addr_of(1, 40000), 0, ACCOUNT};
            proa_coap_id id;
            assert_int_equal(proa_coap_send(at[SERVER].coap, now_ms, &to, &request, &id), PROA_OK);
            at[CLIENT].addr = addr_of(8, 42000);
            for (int i = 0; i < 10 && run() < 0; i++) {
                wait_next();
            }
            assert_int_equal(at[SERVER].event.kind, PROA_COAP_EVENT_FAILED);
        }
        assert_int_equal(where_asked().port, 40000);
    }
}

static void keys_that_go_end_what_they_protected(void **state)
{
    (void)state;
    proa_coap_id relation = observe();
    proa_coap_peer gone = peer(CLIENT);
    (void)relation;
    proa_oscore_remove(at[SERVER].e.o, ACCOUNT);
    proa_coap_peer_gone(at[SERVER].coap, now_ms, &gone);
    expect(SERVER, PROA_COAP_EVENT_RELATION_END);
    proa_oscore_remove(at[CLIENT].e.o, ACCOUNT);
    (void)ask_for(PROA_COAP_GET, false, proa_span_make(NULL, 0));
    expect(CLIENT, PROA_COAP_EVENT_FAILED);
    assert_int_equal(at[CLIENT].event.failure, PROA_COAP_FAILED_KEYS);
}

static void without_a_place_in_the_store_nothing_is_sent(void **state)
{
    (void)state;
    at[CLIENT].e.flash.fail_at = at[CLIENT].e.flash.writes + 1;
    bool failed = false;
    for (int i = 0; i < 40 && !failed; i++) { /* the margin is used up first */
        (void)ask_for(PROA_COAP_GET, false, proa_span_make(NULL, 0));
        int who = run();
        failed = who == CLIENT && at[who].event.kind == PROA_COAP_EVENT_FAILED;
        if (!failed) {
            assert_int_equal(who, SERVER);
            respond(PROA_COAP_CONTENT, proa_span_of("x"));
            expect(CLIENT, PROA_COAP_EVENT_RESPONSE);
        }
    }
    assert_true(failed);
    assert_int_equal(at[CLIENT].event.failure, PROA_COAP_FAILED_STORE);
}

/* ---- a bad link ------------------------------------------------------------------------- */

typedef struct flight {
    datagram d;
    int to;
    uint64_t at_ms; /* 0 = none */
} flight;

static uint32_t dice_state;
static uint32_t dice(uint32_t below)
{
    dice_state = dice_state * 1664525U + 1013904223U;
    return (dice_state >> 8) % below;
}

static flight air[64];

static void launch(int from, const datagram *d)
{
    for (unsigned copies = dice(10) == 0 ? 2 : 1; copies > 0; copies--) {
        if (dice(100) < 25) {
            continue;
        }
        for (size_t i = 0; i < 64; i++) {
            if (air[i].at_ms == 0) {
                air[i] = (flight){*d, 1 - from, now_ms + 1 + dice(900)};
                break;
            }
        }
    }
}

static unsigned answered, told, failed_count, asked;

static void handle(int who)
{
    station *s = &at[who];
    proa_coap_id relation;
    switch (s->event.kind) {
    case PROA_COAP_EVENT_REQUEST: {
        proa_coap_response response = {.code = PROA_COAP_CONTENT,
                                       .payload = proa_span_make(s->payload, s->payload_len)};
        if (dice(3) == 0) {
            (void)!proa_coap_accept(s->coap, s->event.exchange, 1, &relation);
        }
        if (s->event.sealed) {
            response.code = PROA_COAP_UNAUTHORIZED;
        }
        (void)!proa_coap_respond(s->coap, now_ms, s->event.exchange, &response);
        break;
    }
    case PROA_COAP_EVENT_RESPONSE:
        answered++;
        break;
    case PROA_COAP_EVENT_NOTIFICATION:
        told++;
        break;
    case PROA_COAP_EVENT_FAILED:
        failed_count++;
        break;
    default:
        break;
    }
}

static void settle(void)
{
    for (bool moved = true; moved;) {
        moved = false;
        for (int who = 0; who < 2; who++) {
            while (take_event(who)) {
                handle(who);
                moved = true;
            }
            while (send_one(who)) {
                launch(who, &last[who]);
                moved = true;
            }
        }
    }
}

static void step(void)
{
    uint64_t next = now_ms + 500;
    for (int who = 0; who < 2; who++) {
        uint64_t due = proa_coap_next_ms(at[who].coap);
        next = due < next ? due : next;
    }
    for (size_t i = 0; i < 64; i++) {
        next = air[i].at_ms != 0 && air[i].at_ms < next ? air[i].at_ms : next;
    }
    now_ms = next > now_ms ? next : now_ms + 1;
    for (size_t i = 0; i < 64; i++) {
        if (air[i].at_ms != 0 && air[i].at_ms <= now_ms) {
            flight f = air[i];
            air[i].at_ms = 0;
            feed(f.to, &f.d);
            settle();
        }
    }
    settle();
}

/* Loss, copies, delay, addresses that change and power that fails: each request ends once, and no
 * nonce serves twice. */
static void no_nonce_twice_on_a_bad_link(void **state)
{
    for (uint32_t seed = 1; seed <= 60; seed++) {
        start(state);
        checker_forget();
        dice_state = seed * 7919;
        memset(air, 0, sizeof air);
        answered = told = failed_count = asked = 0;
        for (int i = 0; i < 400; i++) {
            proa_coap_id id;
            asked += dice(8) == 0 &&
                     try_ask(dice(2) == 0 ? PROA_COAP_GET : PROA_COAP_POST, false,
                             dice(4) == 0 ? long_text((uint8_t)i) : proa_span_of("short"),
                             &id) == PROA_OK;
            if (dice(60) == 0) {
                at[CLIENT].addr = addr_of((uint8_t)(3 + dice(200)), 40000);
            }
            if (dice(120) == 0) {
                engine_off(SERVER);
                engine_on(SERVER, PROA_OSCORE_KNOWN);
            }
            step();
        }
        for (int i = 0; i < 2000 && answered + failed_count < asked; i++) {
            step();
        }
        if (answered + failed_count != asked || checker_violations() != 0 || answered == 0) {
            fail_msg("seed %u: asked %u, answered %u, failed %u, nonces twice %u", seed, asked,
                     answered, failed_count, checker_violations());
        }
        end_(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rfc8613_8_a_request_and_its_response, start, end_),
        cmocka_unit_test_setup_teardown(rfc8613_8_copies_are_equal_and_done_once, start, end_),
        cmocka_unit_test_setup_teardown(rfc8613_8_a_separate_response, start, end_),
        cmocka_unit_test_setup_teardown(rfc7252_4_2_a_response_nobody_waits_for_is_reset, start,
                                        end_),
        cmocka_unit_test_setup_teardown(rfc8613_4_1_3_4_bodies_go_in_inner_blocks, start, end_),
        cmocka_unit_test_setup_teardown(
            rfc8613_4_1_3_5_notifications_come_in_order_each_under_its_number, start, end_),
        cmocka_unit_test_setup_teardown(rfc8613_4_1_3_5_a_lost_ack_is_given_again, start, end_),
        cmocka_unit_test_setup_teardown(c2c_6_what_nobody_protected_ends_nothing, start, end_),
        cmocka_unit_test_setup_teardown(c2c_6_a_reset_of_a_notification_only_makes_doubt, start,
                                        end_),
        cmocka_unit_test_setup_teardown(rfc8613_8_2_unknown_keys_are_the_application_s, start,
                                        end_),
        cmocka_unit_test_setup_teardown(rfc8613_8_2_what_does_not_verify_is_refused, start, end_),
        cmocka_unit_test_setup_teardown(rfc8613_7_4_a_replay_is_refused, start, end_),
        cmocka_unit_test_setup_teardown(rfc8613_b_1_2_after_a_reboot_an_echo_goes_round, start,
                                        end_),
        cmocka_unit_test_setup_teardown(c2c_6_the_newest_request_says_where_the_peer_is, start,
                                        end_),
        cmocka_unit_test_setup_teardown(c2c_6_an_older_request_does_not, start, end_),
        cmocka_unit_test_setup_teardown(rfc8613_b_1_2_what_may_be_done_is_not_repeated, start,
                                        end_),
        cmocka_unit_test_setup_teardown(c2c_6_a_peer_is_asked_where_it_was_heard, start, end_),
        cmocka_unit_test_setup_teardown(keys_that_go_end_what_they_protected, start, end_),
        cmocka_unit_test_setup_teardown(without_a_place_in_the_store_nothing_is_sent, start, end_),
        cmocka_unit_test(no_nonce_twice_on_a_bad_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
