/* SPDX-License-Identifier: Apache-2.0 */
/* Peers that are known by OSCORE keys, and the ways to them: where they are, how far that is believed,
 * and what becomes of what they hold. Without cryptography; the same engine with real keys is tested in
 * tests/oscore. */
#include "tests/coap/sealed_station.h"

static const letter get = {.type = PROA_COAP_CON,
                           .code = PROA_COAP_GET,
                           .options = {{PROA_COAP_OPT_URI_PATH, "the-lamp-in-the-hall", 0, 0}}};

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

/* A GET comes from there, and is answered. Returns how long the answer is. */
static size_t heard_at(const proa_coap_peer *from, uint8_t number)
{
    tell_sealed(from, number, get);
    expect(&s, PROA_COAP_EVENT_REQUEST);
    answer(&s, PROA_COAP_CONTENT, "here");
    const heard *h = hear(&s);
    is_message(h, PROA_COAP_ACK, PROA_COAP_CHANGED); /* its outside */
    return h->len;
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
    sealed_again();
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
    (void)heard_at(&moved, 9);
    notify(relation, proa_span_of("three"));
    goes_to(hear(&s), &moved);
}

/* Nor is it where a peer is that was not known before. */
static void c2c_6_a_way_that_may_not_carry_is_no_first_way(void **state)
{
    (void)state;
    s.config.may_carry = only_in_session_7;
    s.config.may_carry_ctx = &questions;
    sealed_again();
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

/* ---- how far it is believed ------------------------------------------------------------- */

/* Everything that leaves; its bytes, and the last of it. */
static size_t hear_all(const proa_coap_peer *where, heard *last)
{
    size_t bytes = 0;
    proa_coap_peer to;
    proa_span datagram;
    while (proa_coap_output(s.c, s.now_ms, &to, &datagram)) {
        assert_true(proa_addr_equal(&to.addr, &where->addr));
        bytes += datagram.len;
        if (last != NULL) {
            memcpy(last->bytes, datagram.data, datagram.len);
            last->len = datagram.len;
            assert_int_equal(proa_coap_parse(&last->m, proa_span_make(last->bytes, last->len)),
                             PROA_OK);
        }
    }
    return bytes;
}

static bool is_ping(const heard *h)
{
    return h->len == 4 && h->m.type == PROA_COAP_CON && h->m.code == PROA_COAP_EMPTY;
}

/* It observes at home, and then seems to be elsewhere. Returns how much may go there. */
static size_t moved(proa_coap_id *relation, const proa_coap_peer *home, const proa_coap_peer *away)
{
    uint8_t out[PROA_DATAGRAM_MAX];
    letter l = get;
    *relation = observed(home, 1);
    l.mid = 5000;
    size_t came = seal(&l, 2, out, sizeof out);
    return 3 * came - heard_at(away, 2);
}

#define PING_LEN 4U

static void rfc9175_2_4_a_new_address_gets_three_times_what_came(void **state)
{
    (void)state;
    proa_coap_id relation;
    proa_coap_peer home = place(1, 0);
    proa_coap_peer away = place(66, 0);
    size_t limit = moved(&relation, &home, &away);
    size_t bytes = 0;
    unsigned pings = 0;
    heard last;
    for (int i = 0; i < 20; i++) { /* it changes all the time, and nobody answers */
        proa_coap_response response = {.code = PROA_COAP_CONTENT, .payload = pattern(4)};
        (void)!proa_coap_notify(s.c, s.now_ms, relation, &response, false);
        size_t len = hear_all(&away, &last);
        pings += len > 0 && is_ping(&last);
        bytes += len;
        pass_ms(&s, 7000);
        proa_coap_event event;
        while (proa_coap_poll(s.c, s.now_ms, &event)) {
            assert_int_equal(event.kind, PROA_COAP_EVENT_RELATION_END);
        }
    }
    assert_true(pings > 0);
    assert_true(bytes - pings * PING_LEN <= limit);
    assert_int_equal(proa_coap_stats_get(s.c).relations, 0); /* as if it were not there */
}

/* What proves that it is there. */
static void rfc9175_2_4_until_somebody_answers_there(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        assert_int_equal(sealed_end(NULL), 0);
        assert_int_equal(sealed_start(NULL), 0);
        proa_coap_id relation;
        proa_coap_peer home = place(1, 0);
        proa_coap_peer away = place(2, 0);
        heard last;
        size_t limit = moved(&relation, &home, &away);
        notify(relation, pattern(how == 0 ? 2 : 100));
        size_t len = hear_all(&away, &last);
        assert_int_equal(last.m.type, PROA_COAP_CON);
        uint16_t ping = last.m.mid;
        if (how == 0) { /* it was short enough: the ACK */
            assert_true(len < limit && !is_ping(&last));
            tell_empty(&away, PROA_COAP_ACK, ping);
            expect(&s, PROA_COAP_EVENT_DELIVERED);
        } else {
            assert_true(is_ping(&last));
            tell_empty(&away, PROA_COAP_RST, (uint16_t)(ping + 1)); /* a guess */
            tell_empty(&home, PROA_COAP_RST, ping);                 /* not from there */
            assert_int_equal(hear_all(&away, NULL), 0);
            if (how == 2) { /* newer than what moved it, and no proof: who sends it need not hear */
                tell_sealed(&away, 3, get);
                expect(&s, PROA_COAP_EVENT_REQUEST);
                proa_coap_ignore(s.c, s.event.exchange);
                assert_int_equal(hear_all(&away, NULL), 0);
            }
            tell_empty(&away, PROA_COAP_RST, ping);
            assert_true(hear_all(&away, &last) > 100); /* what waited, once */
            assert_int_equal(last.m.type, PROA_COAP_CON);
            tell_empty(&away, PROA_COAP_ACK, last.m.mid);
            expect(&s, PROA_COAP_EVENT_DELIVERED);
        }
        notify(relation, pattern(120));
        assert_true(hear_all(&away, &last) > 120);
        assert_int_equal(last.m.type, PROA_COAP_NON); /* as before it moved */
    }
}

/* The response to a request of ours is a proof, too: who has the Token has heard it. */
static void rfc9175_2_4_a_response_from_there_is_a_proof(void **state)
{
    (void)state;
    proa_coap_id relation;
    proa_coap_peer home = place(1, 0);
    proa_coap_peer away = place(2, 0);
    heard last;
    (void)moved(&relation, &home, &away);
    proa_coap_peer to = {.account = ACCOUNT};
    (void)ask(&s, &to, PROA_COAP_GET, "");
    assert_true(hear_all(&away, &last) > PING_LEN);
    letter l = {.type = PROA_COAP_ACK, .code = PROA_COAP_CONTENT, .token = last.m.token};
    l.mid = last.m.mid;
    tell_sealed(&away, 9, l);
    expect(&s, PROA_COAP_EVENT_RESPONSE);
    notify(relation, pattern(120));
    assert_true(hear_all(&away, &last) > 120);
    assert_int_equal(last.m.type, PROA_COAP_NON);
}

/* What was under way when it moved does not follow without limit either. */
static void rfc9175_2_4_what_is_under_way_waits(void **state)
{
    (void)state;
    proa_coap_peer home = place(1, 0);
    proa_coap_peer away = place(66, 0);
    proa_coap_id relation = observed(&home, 1);
    proa_coap_response response = {.code = PROA_COAP_CONTENT, .payload = pattern(120)};
    heard last;
    assert_int_equal(proa_coap_notify(s.c, s.now_ms, relation, &response, true), PROA_OK);
    assert_true(hear_all(&home, NULL) > 120);
    tell_sealed(&away, 2, get);
    expect(&s, PROA_COAP_EVENT_REQUEST);
    proa_coap_ignore(s.c, s.event.exchange);
    assert_int_equal(hear_all(&away, &last), PING_LEN);
    assert_true(is_ping(&last));
    tell_sealed(&home, 3, get); /* it never was away: all of it comes back */
    expect(&s, PROA_COAP_EVENT_REQUEST);
    proa_coap_ignore(s.c, s.event.exchange);
    assert_int_equal(hear_all(&home, &last), PING_LEN);
    tell_empty(&home, PROA_COAP_RST, last.m.mid);
    assert_true(hear_all(&home, NULL) > 120);
}

/* A copy of the request that moved it is answered as far as the copies pay for that. */
static void rfc9175_2_4_copies_pay_for_their_replies(void **state)
{
    (void)state;
    uint8_t out[PROA_DATAGRAM_MAX];
    proa_coap_peer home = place(1, 0);
    proa_coap_peer away = place(66, 0);
    (void)observed(&home, 1);
    letter l = get;
    l.mid = 5000;
    size_t len = seal(&l, 2, out, sizeof out);
    tell_bytes(&s, &away, out, len);
    expect(&s, PROA_COAP_EVENT_REQUEST);
    answer(&s, PROA_COAP_CONTENT,
           "a hundred bytes that are the answer to only a few, "
           "which is what an attacker would like to see sent");
    size_t first = hear_all(&away, NULL);
    assert_true(first > 3 * len);
    size_t bytes = first;
    for (size_t copies = 1; copies <= 30; copies++) {
        tell_bytes(&s, &away, out, len);
        bytes += hear_all(&away, NULL);
        assert_true(bytes <= first + 3 * len * copies);
    }
    assert_true(bytes > 3 * first);
}

/* A POST is under way when the peer moves: it follows, as the copy that it is. */
static void c2c_6_a_post_follows_as_a_copy(void **state)
{
    (void)state;
    for (int acked = 0; acked < 2; acked++) {
        assert_int_equal(sealed_end(NULL), 0);
        assert_int_equal(sealed_start(NULL), 0);
        proa_coap_peer home = place(1, 0);
        proa_coap_peer away = place(2, 0);
        (void)observed(&home, 1);
        proa_coap_peer to = {.account = ACCOUNT};
        (void)ask(&s, &to, PROA_COAP_POST, "once");
        const heard *h = hear(&s);
        goes_to(h, &home);
        if (acked != 0) {
            tell_empty(&home, PROA_COAP_ACK, h->m.mid);
        }
        tell_sealed(&away, 2, get);
        expect(&s, PROA_COAP_EVENT_REQUEST);
        proa_coap_ignore(s.c, s.event.exchange);
        letter l = {.type = PROA_COAP_CON, .code = PROA_COAP_CHANGED, .token = h->m.token};
        if (acked == 0) {
            const heard *copy = hear(&s);
            goes_to(copy, &away);
            assert_int_equal(copy->len, h->len);
            assert_memory_equal(copy->bytes, h->bytes, h->len);
            l.type = PROA_COAP_ACK;
            l.mid = copy->m.mid;
        }
        hear_nothing(&s);
        tell_sealed(&away, 3, l);
        expect(&s, PROA_COAP_EVENT_RESPONSE);
        expect_nothing(&s);
    }
}

/* ---- what stays behind ------------------------------------------------------------------ */

static bool is_wiped(void)
{
    bool wiped = seals.inside_len > 0;
    for (size_t i = 0; i < seals.inside_len; i++) {
        wiped = wiped && seals.inside[i] == 0;
    }
    return wiped;
}

/* Keys of others travel inside. */
static void what_was_opened_is_wiped_after_its_event(void **state)
{
    (void)state;
    proa_coap_peer home = place(1, 0);
    tell_sealed(&home, 1, get);
    expect(&s, PROA_COAP_EVENT_REQUEST);
    assert_false(is_wiped());
    expect_nothing(&s);
    assert_true(is_wiped());
    proa_coap_peer to = {.account = ACCOUNT};
    (void)ask(&s, &to, PROA_COAP_POST, "secret");
    const heard *h = hear(&s);
    assert_true(is_wiped());
    letter l = {.type = PROA_COAP_ACK, .code = PROA_COAP_CONTENT, .token = h->m.token};
    l.mid = h->m.mid;
    l.payload = proa_span_of("another");
    tell_sealed(&home, 9, l);
    expect(&s, PROA_COAP_EVENT_RESPONSE);
    assert_false(is_wiped());
    expect_nothing(&s);
    assert_true(is_wiped());
}

/* ---- the end ---------------------------------------------------------------------------- */

/* The account is over; its keys and all that is known of the peer go. */
static void dismiss(void)
{
    proa_coap_peer gone = {.account = ACCOUNT};
    proa_coap_peer_dismiss(s.c, s.now_ms, ACCOUNT);
    seals.table.remove(&seals, ACCOUNT);
    proa_coap_peer_gone(s.c, s.now_ms, &gone);
    assert_int_equal(expect(&s, PROA_COAP_EVENT_RELATION_END)->user, 5);
    expect_nothing(&s);
    assert_int_equal(proa_coap_stats_get(s.c).relations, 0);
}

static void c2c_6_keys_that_go_say_so(void **state)
{
    (void)state;
    proa_coap_peer home = place(1, 0);
    for (int resets = 0; resets < 2; resets++) {
        uint8_t buf[PROA_DATAGRAM_MAX];
        assert_int_equal(sealed_end(NULL), 0);
        assert_int_equal(sealed_start(NULL), 0);
        (void)observed(&home, 1);
        dismiss();
        const heard *h = hear(&s);
        is_message(h, PROA_COAP_CON, PROA_COAP_CHANGED);
        proa_coap_msg last = fake_sealed_read(proa_span_make(h->bytes, h->len), buf, sizeof buf);
        assert_int_equal(last.code, PROA_COAP_UNAUTHORIZED);
        assert_true(proa_coap_token_equal(&last.token, &TOKEN(1, 1)));
        if (resets == 0) {
            pass_ms(&s, 3000);
            expect_nothing(&s);
            assert_memory_equal(hear(&s)->bytes, h->bytes, h->len); /* it needs no key */
            tell_empty(&home, PROA_COAP_ACK, h->m.mid);
            pass_ms(&s, 100000);
            expect_nothing(&s);
            hear_nothing(&s);
            continue;
        }
        (void)ask(&s, &home, PROA_COAP_GET, ""); /* unprotected, and it waits (NSTART) */
        hear_nothing(&s);
        tell_empty(&home, PROA_COAP_RST, h->m.mid); /* says who? */
        is_message(hear(&s), PROA_COAP_CON, PROA_COAP_GET);
        unsigned copies = 1;
        for (int i = 0; i < 60; i++) {
            proa_coap_event event;
            pass_ms(&s, 2000);
            while (proa_coap_poll(s.c, s.now_ms, &event)) {
                assert_int_equal(event.kind, PROA_COAP_EVENT_FAILED); /* the GET */
            }
            proa_span datagram;
            for (proa_coap_peer to; proa_coap_output(s.c, s.now_ms, &to, &datagram);) {
                copies += proa_span_equal(datagram, proa_span_make(h->bytes, h->len));
            }
        }
        assert_int_equal(copies, 5); /* MAX_RETRANSMIT */
    }
}

/* One that is under way already says it instead. */
static void c2c_6_keys_that_go_say_so_last(void **state)
{
    (void)state;
    uint8_t buf[PROA_DATAGRAM_MAX];
    proa_coap_peer home = place(1, 0);
    proa_coap_id relation = observed(&home, 1);
    proa_coap_response response = {.code = PROA_COAP_CONTENT, .payload = pattern(4)};
    assert_int_equal(proa_coap_notify(s.c, s.now_ms, relation, &response, true), PROA_OK);
    uint16_t mid = hear(&s)->m.mid;
    dismiss();
    hear_nothing(&s);
    tell_empty(&home, PROA_COAP_ACK, mid);
    const heard *h = hear(&s);
    assert_int_equal(h->m.type, PROA_COAP_CON);
    proa_coap_msg last = fake_sealed_read(proa_span_make(h->bytes, h->len), buf, sizeof buf);
    assert_int_equal(last.code, PROA_COAP_UNAUTHORIZED);
}

/* Without keys, nobody is told, and all ends just the same. */
static void c2c_6_without_keys_it_just_ends(void **state)
{
    (void)state;
    proa_coap_peer home = place(1, 0);
    (void)observed(&home, 1);
    seals.table.remove(&seals, ACCOUNT);
    dismiss();
    hear_nothing(&s);
    proa_coap_peer_dismiss(s.c, s.now_ms, ACCOUNT); /* nobody there */
}

/* The smallest messages there may be, with what sealing adds to them on top. */
static void room_for_sealing_is_wanted_once(void **state)
{
    static const struct {
        uint16_t message_max;
        proa_err err;
    } cases[] = {{64, PROA_OK}, {63, PROA_E_RANGE}, {0, PROA_E_RANGE}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        proa_coap_config config = s.config;
        proa_coap *c;
        config.block_size = 16;
        config.message_max = (uint16_t)(cases[i].message_max + s.config.oscore->overhead);
        assert_int_equal(proa_coap_open(&c, &config), cases[i].err);
        if (c != NULL) {
            proa_coap_close(c);
        }
        config.message_max = (uint16_t)(s.config.oscore->overhead - 1);
        assert_int_equal(proa_coap_open(&c, &config), PROA_E_RANGE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SEALED_TEST(room_for_sealing_is_wanted_once),
        SEALED_TEST(c2c_6_a_way_that_may_not_carry_is_not_taken),
        SEALED_TEST(c2c_6_a_way_that_may_not_carry_is_no_first_way),
        SEALED_TEST(rfc9175_2_4_a_new_address_gets_three_times_what_came),
        SEALED_TEST(rfc9175_2_4_until_somebody_answers_there),
        SEALED_TEST(rfc9175_2_4_a_response_from_there_is_a_proof),
        SEALED_TEST(rfc9175_2_4_what_is_under_way_waits),
        SEALED_TEST(rfc9175_2_4_copies_pay_for_their_replies),
        SEALED_TEST(c2c_6_a_post_follows_as_a_copy),
        SEALED_TEST(what_was_opened_is_wiped_after_its_event),
        SEALED_TEST(c2c_6_keys_that_go_say_so),
        SEALED_TEST(c2c_6_keys_that_go_say_so_last),
        SEALED_TEST(c2c_6_without_keys_it_just_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
