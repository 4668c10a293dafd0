/* SPDX-License-Identifier: Apache-2.0 */
/* Peers that are known by OSCORE keys, and the ways to them: where they are, how far that is believed,
 * and what becomes of what they hold. Without cryptography (fake_sealed.h); the same engine with real
 * keys is tested in tests/oscore. */
#include "tests/coap/station.h"

#include "proa/oscore.h"
#include "tests/coap/fake_sealed.h"

#define ACCOUNT 70U

static station s;
static fake_sealed seals;
static uint16_t last_mid;

static proa_coap_peer place(uint8_t host, uint32_t session)
{
    proa_coap_peer peer = bob;
    peer.addr.ip[15] = host;
    peer.session = session;
    return peer;
}

static int start(void **state)
{
    (void)state;
    station_config(&s);
    s.config.oscore = fake_sealed_start(&seals);
    s.config.message_max = 512;
    last_mid = 100;
    assert_int_equal(seals.table.add(&seals, ACCOUNT, NULL, true), PROA_OK);
    station_open(&s);
    return 0;
}

static int end(void **state)
{
    (void)state;
    station_close(&s);
    return 0;
}

/* With another configuration. */
static void again(void)
{
    proa_coap_config config = s.config;
    station_close(&s);
    s.config = config;
    station_open(&s);
}

/* ---- what peers say --------------------------------------------------------------------- */

static size_t seal(const letter *l, uint8_t number, uint8_t *out, size_t cap)
{
    uint8_t buf[PROA_DATAGRAM_MAX];
    return fake_sealed_write(1, number, proa_span_make(buf, letter_write(l, buf, sizeof buf)), out,
                             cap);
}

/* A letter sealed under a number. */
static void tell_sealed(const proa_coap_peer *from, uint8_t number, letter l)
{
    uint8_t out[PROA_DATAGRAM_MAX];
    l.mid = l.mid == 0 ? ++last_mid : l.mid;
    tell_bytes(&s, from, out, seal(&l, number, out, sizeof out));
}

static const letter get = {.type = PROA_COAP_CON, .code = PROA_COAP_GET};

/* The peer observes from `from`. */
static proa_coap_id observed(const proa_coap_peer *from, uint8_t number)
{
    proa_coap_id relation;
    letter l = {.type = PROA_COAP_CON, .code = PROA_COAP_GET, .token = TOKEN(1, number)};
    l.options[0].option = PROA_COAP_OPT_OBSERVE;
    tell_sealed(from, number, l);
    expect(&s, PROA_COAP_EVENT_REQUEST);
    assert_int_equal(proa_coap_accept(s.c, s.event.exchange, 5, &relation), PROA_OK);
    answer(&s, PROA_COAP_CONTENT, "one");
    is_message(hear(&s), PROA_COAP_ACK, PROA_COAP_CONTENT);
    return relation;
}

static void notify(proa_coap_id relation, proa_span payload)
{
    proa_coap_response response = {.code = PROA_COAP_CONTENT, .payload = payload};
    assert_int_equal(proa_coap_notify(s.c, s.now_ms, relation, &response, false), PROA_OK);
}

/* A GET comes from there, and is answered. */
static void heard_at(const proa_coap_peer *from, uint8_t number)
{
    tell_sealed(from, number, get);
    expect(&s, PROA_COAP_EVENT_REQUEST);
    answer(&s, PROA_COAP_CONTENT, "here");
    is_message(hear(&s), PROA_COAP_ACK, PROA_COAP_CHANGED); /* its outside */
}

static void goes_to(const heard *h, const proa_coap_peer *where)
{
    assert_int_equal(h->to.session, where->session);
    assert_true(proa_addr_equal(&h->to.addr, &where->addr));
}

/* ---- who may ride on what --------------------------------------------------------------- */

static unsigned questions;

/* An account that has to be inside of session 7. */
static bool only_in_session_7(void *ctx, uint64_t account, const proa_coap_peer *way)
{
    assert_ptr_equal(ctx, &questions);
    assert_int_equal(account, ACCOUNT);
    questions++;
    return way->session == 7;
}

/* Who has only the OSCORE keys can ask, but not take away what others are told. */
static void c2c_6_a_way_that_may_not_carry_is_not_taken(void **state)
{
    static const uint32_t sessions[] = {0, 8};
    (void)state;
    s.config.may_carry = only_in_session_7;
    s.config.may_carry_ctx = &questions;
    again();
    questions = 0;
    proa_coap_peer home = place(1, 7);
    proa_coap_id relation = observed(&home, 1);
    for (uint8_t i = 0; i < 2; i++) {
        proa_coap_peer elsewhere = place(66, sessions[i]);
        tell_sealed(&elsewhere, (uint8_t)(2 + i), get);
        assert_int_equal(expect(&s, PROA_COAP_EVENT_REQUEST)->peer.session, 7);
        answer(&s, PROA_COAP_UNAUTHORIZED, "");
        goes_to(hear(&s), &elsewhere); /* the answer goes back to where it was asked */
        notify(relation, proa_span_of("two"));
        goes_to(hear(&s), &home);
    }
    assert_int_equal(questions, 3);
    proa_coap_peer moved = place(2, 7); /* the session itself has another address */
    heard_at(&moved, 9);
    notify(relation, proa_span_of("three"));
    goes_to(hear(&s), &moved);
}

/* Nor is it where a peer is that was not known before. */
static void c2c_6_a_way_that_may_not_carry_is_no_first_way(void **state)
{
    (void)state;
    s.config.may_carry = only_in_session_7;
    s.config.may_carry_ctx = &questions;
    again();
    proa_coap_peer elsewhere = place(66, 0);
    proa_coap_peer home = place(1, 7);
    tell_sealed(&elsewhere, 1, get);
    expect(&s, PROA_COAP_EVENT_REQUEST);
    answer(&s, PROA_COAP_UNAUTHORIZED, "");
    goes_to(hear(&s), &elsewhere);
    tell_sealed(&home, 2, get);
    assert_int_equal(expect(&s, PROA_COAP_EVENT_REQUEST)->peer.session, 7);
    answer(&s, PROA_COAP_CONTENT, "x");
    goes_to(hear(&s), &home);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(c2c_6_a_way_that_may_not_carry_is_not_taken),
        TEST(c2c_6_a_way_that_may_not_carry_is_no_first_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
