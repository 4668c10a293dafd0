/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed messages that a proxy has cut into blocks: what they become, and what strangers may hold with
 * them; and that nothing is left of peers known by OSCORE keys, whatever happens. */
#include "tests/coap/sealed_station.h"

/* ---- cut by a proxy --------------------------------------------------------------------- */

#define SZX 1 /* 32 bytes */

/* Two proxies, and a peer behind them. */
static proa_coap_peer proxy(uint8_t which)
{
    return place((uint8_t)(20 + which), 0);
}

static void with_outer(uint32_t body_count_max)
{
    s.config.outer_blocks = &proa_coap_outer_blocks;
    s.config.body_count_max = body_count_max;
    sealed_again();
}

/* What a proxy sends on of a sealed message: its n-th part. True if more follow. */
static bool tell_part(const proa_coap_peer *from, const uint8_t *sealed, size_t len, unsigned n,
                      uint16_t mid, uint16_t option)
{
    proa_coap_msg m;
    assert_int_equal(proa_coap_parse(&m, proa_span_make(sealed, len)), PROA_OK);
    size_t at = n * 32U;
    bool more = m.payload.len > at + 32;
    letter l = {.type = m.type, .code = m.code, .mid = mid, .token = m.token};
    proa_span value;
    assert_true(proa_coap_option_find(&m, PROA_COAP_OPT_OSCORE, &value));
    l.options[0].option = PROA_COAP_OPT_OSCORE;
    l.options[0].text = (const char *)value.data;
    l.options[0].len = value.len;
    l.options[1].option = option;
    l.options[1].number = n << 4 | (more ? 8U : 0U) | SZX;
    l.payload = proa_span_make(m.payload.data + at, more ? 32 : m.payload.len - at);
    tell(&s, from, &l);
    return more;
}

static size_t sealed_post(uint8_t number, size_t payload_len, uint8_t *out, size_t cap)
{
    letter l = {.type = PROA_COAP_CON, .code = PROA_COAP_POST, .token = TOKEN(3, number)};
    l.payload = pattern(payload_len);
    return seal(&l, number, out, cap);
}

/* The code of the answer to a part, and its Block1. */
static uint8_t answered(const proa_coap_peer *where, uint32_t block1)
{
    const heard *h = hear(&s);
    goes_to(h, where);
    assert_int_equal(h->m.type, PROA_COAP_ACK);
    assert_int_equal(option_of(&h->m, PROA_COAP_OPT_BLOCK1), block1);
    return h->m.code;
}

static void rfc8613_4_1_3_4_2_a_request_in_parts(void **state)
{
    (void)state;
    with_outer(1);
    uint8_t out[PROA_DATAGRAM_MAX];
    proa_coap_peer from = proxy(0);
    size_t len = sealed_post(1, 100, out, sizeof out);
    for (unsigned n = 0; n < 3; n++) {
        for (int copies = 0; copies < 2; copies++) {
            assert_true(tell_part(&from, out, len, n, (uint16_t)(500 + n), PROA_COAP_OPT_BLOCK1));
            expect_nothing(&s);
            assert_int_equal(answered(&from, n << 4 | 8U | SZX), PROA_COAP_CONTINUE);
        }
    }
    assert_int_equal(seals.opened, 0);
    assert_false(tell_part(&from, out, len, 3, 503, PROA_COAP_OPT_BLOCK1));
    const proa_coap_event *event = expect(&s, PROA_COAP_EVENT_REQUEST);
    assert_int_equal(event->peer.account, ACCOUNT);
    assert_int_equal(event->msg.code, PROA_COAP_POST);
    assert_true(proa_span_equal(event->msg.payload, pattern(100)));
    assert_int_equal(proa_coap_stats_get(s.c).bodies, 0);
    answer(&s, PROA_COAP_CREATED, "done");
    const heard *h = hear(&s);
    is_message(h, PROA_COAP_ACK, PROA_COAP_CHANGED);
    assert_int_equal(h->m.mid, 503);
    assert_int_equal(option_of(&h->m, PROA_COAP_OPT_BLOCK1), 3U << 4 | SZX);
    uint8_t buf[PROA_DATAGRAM_MAX];
    assert_int_equal(fake_sealed_read(proa_span_make(h->bytes, h->len), buf, sizeof buf).code,
                     PROA_COAP_CREATED);
    (void)tell_part(&from, out, len, 3, 503, PROA_COAP_OPT_BLOCK1); /* from memory */
    assert_memory_equal(hear(&s)->bytes, h->bytes, h->len);
    expect_nothing(&s);
    assert_int_equal(seals.opened, 1);
}

static void rfc8613_4_1_3_4_2_parts_that_are_refused(void **state)
{
    (void)state;
    with_outer(1);
    uint8_t out[PROA_DATAGRAM_MAX];
    proa_coap_peer from = proxy(0);
    size_t len = sealed_post(1, 1100, out, sizeof out); /* more than body_max */
    (void)tell_part(&from, out, len, 1, 1, PROA_COAP_OPT_BLOCK1);
    assert_int_equal(answered(&from, 1U << 4 | 8U | SZX), PROA_COAP_REQUEST_ENTITY_INCOMPLETE);
    for (unsigned n = 0; n < 32; n++) {
        (void)tell_part(&from, out, len, n, (uint16_t)(10 + n), PROA_COAP_OPT_BLOCK1);
        assert_int_equal(answered(&from, n << 4 | 8U | SZX), PROA_COAP_CONTINUE);
    }
    (void)tell_part(&from, out, len, 32, 90, PROA_COAP_OPT_BLOCK1);
    const heard *h = hear(&s);
    is_message(h, PROA_COAP_ACK, PROA_COAP_REQUEST_ENTITY_TOO_LARGE);
    assert_int_equal(option_of(&h->m, PROA_COAP_OPT_SIZE1), 1024);
    assert_int_equal(option_of(&h->m, PROA_COAP_OPT_MAX_AGE), 0);
    assert_int_equal(proa_coap_stats_get(s.c).bodies, 0);
    len = sealed_post(1, 1018, out, sizeof out); /* fits, but not with its head */
    for (unsigned n = 0; n < 32; n++) {
        (void)tell_part(&from, out, len, n, (uint16_t)(100 + n), PROA_COAP_OPT_BLOCK1);
        is_message(hear(&s), PROA_COAP_ACK,
                   n < 31 ? PROA_COAP_CONTINUE : PROA_COAP_REQUEST_ENTITY_TOO_LARGE);
    }
    (void)tell_part(&from, out, len, 0, 200, PROA_COAP_OPT_BLOCK1);
    (void)hear(&s);
    pass_ms(&s, 29999);
    expect_nothing(&s);
    assert_int_equal(proa_coap_stats_get(s.c).bodies, 1);
    pass_ms(&s, 1);
    expect_nothing(&s);
    assert_int_equal(proa_coap_stats_get(s.c).bodies, 0); /* nobody has time for that */
    assert_int_equal(seals.opened, 0);
}

/* A body that a peer, known by its keys, cuts itself. */
static void upload_begins(const proa_coap_peer *from, uint8_t number)
{
    letter l = {.type = PROA_COAP_CON, .code = PROA_COAP_PUT, .token = TOKEN(4)};
    l.options[0].option = PROA_COAP_OPT_BLOCK1;
    l.options[0].number = 8U | SZX;
    l.payload = pattern(32);
    tell_sealed(from, number, l);
    uint8_t buf[PROA_DATAGRAM_MAX];
    const heard *h = hear(&s);
    assert_int_equal(fake_sealed_read(proa_span_make(h->bytes, h->len), buf, sizeof buf).code,
                     PROA_COAP_CONTINUE);
}

/* Strangers take places from each other, and from nobody else. */
static void rfc8613_4_1_3_4_2_strangers_hold_little(void **state)
{
    (void)state;
    static const struct {
        uint32_t bodies, strangers;
    } rows[] = {{1, 1}, {8, 1}, {24, 3}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t out[PROA_DATAGRAM_MAX];
        assert_int_equal(sealed_end(NULL), 0);
        assert_int_equal(sealed_start(NULL), 0);
        s.config.peer_max = 40;
        with_outer(rows[i].bodies);
        size_t len = sealed_post(1, 100, out, sizeof out);
        for (uint8_t n = 0; n < 10; n++) {
            proa_coap_peer from = proxy(n);
            (void)tell_part(&from, out, len, 0, 1, PROA_COAP_OPT_BLOCK1);
            assert_int_equal(answered(&from, 8U | SZX), PROA_COAP_CONTINUE);
        }
        assert_int_equal(proa_coap_stats_get(s.c).bodies, rows[i].strangers);
        proa_coap_peer newest = proxy(9);
        proa_coap_peer oldest = proxy(0);
        (void)tell_part(&oldest, out, len, 1, 2, PROA_COAP_OPT_BLOCK1);
        assert_int_equal(answered(&oldest, 1U << 4 | 8U | SZX),
                         PROA_COAP_REQUEST_ENTITY_INCOMPLETE);
        (void)tell_part(&newest, out, len, 1, 2, PROA_COAP_OPT_BLOCK1);
        assert_int_equal(answered(&newest, 1U << 4 | 8U | SZX), PROA_COAP_CONTINUE);
    }
    assert_int_equal(sealed_end(NULL), 0);
    assert_int_equal(sealed_start(NULL), 0);
    with_outer(1);
    uint8_t out[PROA_DATAGRAM_MAX];
    proa_coap_peer from = proxy(0);
    proa_coap_peer home = place(1, 0);
    size_t len = sealed_post(9, 100, out, sizeof out);
    (void)tell_part(&from, out, len, 0, 1, PROA_COAP_OPT_BLOCK1);
    assert_int_equal(answered(&from, 8U | SZX), PROA_COAP_CONTINUE);
    upload_begins(&home, 1); /* takes its place */
    (void)tell_part(&from, out, len, 1, 2, PROA_COAP_OPT_BLOCK1);
    assert_int_equal(answered(&from, 1U << 4 | 8U | SZX), PROA_COAP_REQUEST_ENTITY_INCOMPLETE);
    (void)tell_part(&from, out, len, 0, 3, PROA_COAP_OPT_BLOCK1);
    assert_int_equal(answered(&from, 8U | SZX), PROA_COAP_SERVICE_UNAVAILABLE); /* and keeps it */
}

static void rfc8613_4_1_3_4_2_a_program_without_it(void **state)
{
    (void)state;
    uint8_t out[PROA_DATAGRAM_MAX];
    proa_coap_peer from = proxy(0);
    size_t len = sealed_post(1, 100, out, sizeof out);
    for (unsigned n = 0; n < 4; n++) {
        (void)tell_part(&from, out, len, n, (uint16_t)(1 + n), PROA_COAP_OPT_BLOCK1);
        const heard *h = hear(&s);
        is_message(h, PROA_COAP_ACK, PROA_COAP_REQUEST_ENTITY_TOO_LARGE);
        assert_int_equal(option_of(&h->m, PROA_COAP_OPT_MAX_AGE), 0);
    }
    expect_nothing(&s);
    assert_int_equal(seals.opened, 0);
    assert_int_equal(proa_coap_stats_get(s.c).bodies, 0);
    proa_coap_peer to = {.addr = from.addr, .account = ACCOUNT};
    (void)ask(&s, &to, PROA_COAP_GET, "");
    const heard *h = hear(&s);
    letter l = {.type = PROA_COAP_ACK, .code = PROA_COAP_CONTENT, .mid = h->m.mid};
    l.token = h->m.token;
    l.payload = pattern(100);
    len = seal(&l, 1, out, sizeof out);
    (void)tell_part(&from, out, len, 0, h->m.mid, PROA_COAP_OPT_BLOCK2);
    expect_nothing(&s);
    hear_nothing(&s);
    pass_ms(&s, 3000);
    expect_nothing(&s);
    assert_memory_equal(hear(&s)->bytes, h->bytes, h->len); /* it is still asked */
}

/* A part of the sealed response to what was heard. */
static bool respond_part(const proa_coap_peer *from, const heard *asked, proa_span payload,
                         unsigned n)
{
    uint8_t out[PROA_DATAGRAM_MAX];
    letter l = {.type = PROA_COAP_ACK, .code = PROA_COAP_CONTENT, .token = asked->m.token};
    l.payload = payload;
    size_t len = seal(&l, 1, out, sizeof out);
    return tell_part(from, out, len, n, asked->m.mid, PROA_COAP_OPT_BLOCK2);
}

static bool same_option(const heard *a, const heard *b, uint16_t number)
{
    proa_span of_a;
    proa_span of_b;
    return proa_coap_option_find(&a->m, number, &of_a) &&
           proa_coap_option_find(&b->m, number, &of_b) && proa_span_equal(of_a, of_b);
}

static void rfc8613_4_1_3_4_2_a_response_in_parts(void **state)
{
    static const bool observes[] = {false, true}; /* outside stands POST, FETCH */
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(sealed_end(NULL), 0);
        assert_int_equal(sealed_start(NULL), 0);
        with_outer(1);
        proa_coap_peer from = proxy(0);
        proa_coap_peer to = {.addr = from.addr, .account = ACCOUNT};
        proa_coap_request request = {.code = PROA_COAP_FETCH, .payload = pattern(20)};
        request.observe = observes[i] ? PROA_COAP_OBSERVE_START : PROA_COAP_OBSERVE_NONE;
        proa_coap_id id;
        assert_int_equal(proa_coap_send(s.c, s.now_ms, &to, &request, &id), PROA_OK);
        const heard *first = hear(&s);
        const heard *h = first;
        for (unsigned n = 0; n < 3; n++) {
            assert_true(respond_part(&from, h, pattern(100), n));
            (void)respond_part(&from, h, pattern(100), n); /* a copy: the ACK is of nobody */
            expect_nothing(&s);
            if (n == 1) { /* nothing comes */
                h = hear(&s);
                pass_ms(&s, 3000);
                expect_nothing(&s);
                assert_memory_equal(hear(&s)->bytes, h->bytes, h->len);
                continue;
            }
            h = hear(&s);
            assert_int_equal(h->m.code, first->m.code);
            assert_true(proa_coap_token_equal(&h->m.token, &first->m.token));
            assert_int_not_equal(h->m.mid, first->m.mid);
            assert_true(same_option(h, first, PROA_COAP_OPT_OSCORE)); /* under its number */
            assert_int_equal(option_of(&h->m, PROA_COAP_OPT_BLOCK2), (n + 1) << 4 | SZX);
            assert_int_equal(h->m.payload.len, observes[i] ? first->m.payload.len : 0);
        }
        assert_false(respond_part(&from, h, pattern(100), 3));
        expect(&s, PROA_COAP_EVENT_RESPONSE);
        assert_int_equal(s.event.request, id);
        assert_true(proa_span_equal(s.event.msg.payload, pattern(100)));
        assert_int_equal(proa_coap_stats_get(s.c).bodies, 0);
        assert_int_equal(seals.next, 1);
    }
}

/* Who has the Token can say what he wants: it ends nothing, and nothing is asked for twice. */
static void rfc8613_4_1_3_4_2_parts_that_cannot_be_opened(void **state)
{
    (void)state;
    with_outer(1);
    proa_coap_peer from = proxy(0);
    proa_coap_peer to = {.addr = from.addr, .account = ACCOUNT};
    (void)ask(&s, &to, PROA_COAP_POST, "once");
    const heard *first = hear(&s);
    assert_true(respond_part(&from, first, pattern(60), 0));
    const heard *h = hear(&s);
    letter l = {.type = PROA_COAP_ACK, .code = PROA_COAP_CHANGED, .mid = h->m.mid};
    l.token = h->m.token;
    l.options[0].option = PROA_COAP_OPT_OSCORE;
    l.options[0].text = "?";
    l.options[1].option = PROA_COAP_OPT_BLOCK2;
    l.options[1].number = 1U << 4 | SZX;
    l.payload = pattern(5);
    tell(&s, &from, &l);
    expect_nothing(&s);
    assert_int_equal(proa_coap_stats_get(s.c).bodies, 0);
    pass_ms(&s, 3000);
    expect_nothing(&s);
    h = hear(&s);
    assert_true(same_option(h, first, PROA_COAP_OPT_OSCORE));
    assert_int_equal(h->m.payload.len, first->m.payload.len); /* all of it, under its number */
    upload_begins(&from, 1); /* nobody's parts are in the way of that */
    l = (letter){.type = PROA_COAP_ACK, .code = PROA_COAP_CHANGED, .mid = h->m.mid};
    l.token = h->m.token;
    tell_sealed(&from, 2, l);
    expect(&s, PROA_COAP_EVENT_RESPONSE);
    assert_int_equal(seals.next, 2); /* one of them for the upload's answer */
}

/* ---- whatever happens ------------------------------------------------------------------- */

static test_random dice_state;
static heard heard_last;
static proa_coap_id held; /* a relation, perhaps */
static uint8_t number;

static unsigned dice(unsigned below)
{
    return (unsigned)(test_random_next(&dice_state) % below);
}

static proa_coap_peer anywhere(void)
{
    static const uint32_t sessions[] = {0, 0, 0, 7};
    return place((uint8_t)(1 + dice(4)), sessions[dice(4)]);
}

/* Everything that comes of the last step. */
static void settle(void)
{
    proa_coap_event event;
    proa_span datagram;
    while (proa_coap_poll(s.c, s.now_ms, &event)) {
        proa_coap_response response = {.code = PROA_COAP_CONTENT, .payload = pattern(dice(300))};
        if (event.kind != PROA_COAP_EVENT_REQUEST || dice(8) == 0) {
            continue;
        }
        if (dice(2) == 0) {
            (void)!proa_coap_accept(s.c, event.exchange, 5, &held);
        }
        (void)!proa_coap_respond(s.c, s.now_ms, event.exchange, &response);
    }
    while (proa_coap_output(s.c, s.now_ms, &heard_last.to, &datagram)) {
        heard_last.len = datagram.len;
        memcpy(heard_last.bytes, datagram.data, datagram.len);
        assert_int_equal(
            proa_coap_parse(&heard_last.m, proa_span_make(heard_last.bytes, heard_last.len)),
            PROA_OK);
    }
}

/* A message of the peer, whole or the n-th part of it. */
static void comes(const proa_coap_peer *from, letter l, uint16_t block)
{
    uint8_t out[PROA_DATAGRAM_MAX];
    l.payload = pattern(dice(4) == 0 ? dice(200) : dice(20));
    if (dice(3) == 0 && block == PROA_COAP_OPT_BLOCK1) {
        l.options[0].option = PROA_COAP_OPT_OBSERVE;
    }
    number = (uint8_t)(number + (block == PROA_COAP_OPT_BLOCK1 && dice(4) != 0));
    size_t len = seal(&l, number == 0 ? ++number : number, out, sizeof out);
    proa_coap_msg m;
    assert_int_equal(proa_coap_parse(&m, proa_span_make(out, len)), PROA_OK);
    unsigned parts = (unsigned)(m.payload.len / 32);
    if (parts > 0 && dice(4) != 0) {
        for (unsigned n = dice(8) == 0; n <= parts && dice(20) != 0; n++) {
            uint16_t mid = block == PROA_COAP_OPT_BLOCK2 ? heard_last.m.mid : ++last_mid;
            (void)tell_part(from, out, len, n, mid, block);
            settle();
        }
        return;
    }
    tell_bytes(&s, from, out, len);
}

static void steps(unsigned what)
{
    proa_coap_peer from = anywhere();
    proa_coap_peer account = {.addr = from.addr, .account = ACCOUNT};
    const proa_coap_response response = {.code =
                                             dice(6) == 0 ? PROA_COAP_NOT_FOUND : PROA_COAP_CONTENT,
                                         .payload = pattern(dice(120))};
    proa_coap_request request = {.code = (uint8_t)(1 + dice(5)), .payload = pattern(dice(150))};
    letter l = {.type = (proa_coap_type)dice(2), .code = (uint8_t)(1 + dice(5))};
    proa_coap_id id;
    l.token = TOKEN(1, (uint8_t)dice(3));
    l.mid = dice(5) == 0 ? last_mid : ++last_mid;
    switch (what) {
    case 0:
        tell_empty(dice(2) == 0 ? &from : &heard_last.to,
                   dice(3) == 0 ? PROA_COAP_RST : PROA_COAP_ACK, heard_last.m.mid);
        break;
    case 1: /* what was asked last is answered */
        l.type = dice(3) == 0 ? PROA_COAP_CON : PROA_COAP_ACK;
        l.code = dice(6) == 0 ? PROA_COAP_UNAUTHORIZED : PROA_COAP_CONTENT;
        l.token = heard_last.m.token;
        l.mid = heard_last.m.mid;
        comes(&heard_last.to, l, PROA_COAP_OPT_BLOCK2);
        break;
    case 2:
        request.observe = dice(2) == 0 ? PROA_COAP_OBSERVE_START : PROA_COAP_OBSERVE_NONE;
        request.non = dice(4) == 0;
        (void)!proa_coap_send(s.c, s.now_ms, &account, &request, &id);
        break;
    case 3:
        (void)!proa_coap_notify(s.c, s.now_ms, held, &response, dice(2) == 0);
        break;
    case 4:
        pass_ms(&s, dice(30000));
        break;
    case 5:
        proa_coap_peer_gone(s.c, s.now_ms, dice(2) == 0 ? &from : &account);
        break;
    case 6:
        proa_coap_peer_dismiss(s.c, s.now_ms, ACCOUNT);
        break;
    case 7: /* other keys; sometimes none for a while */
        seals.table.remove(&seals, ACCOUNT);
        break;
    case 8:
        seals.has_keys[1] = true;
        break;
    default:
        comes(&from, l, PROA_COAP_OPT_BLOCK1);
        break;
    }
}

static void whatever_happens_nothing_is_left(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        assert_int_equal(sealed_end(NULL), 0);
        assert_int_equal(sealed_start(NULL), 0);
        (void)test_random_start(&dice_state, seed);
        memset(&heard_last, 0, sizeof heard_last);
        held = 0;
        number = 0;
        s.config.block_size = 64;
        with_outer(seed % 2 == 0 ? 1 : 3);
        for (int i = 0; i < 300; i++) {
            steps(dice(24));
            settle();
        }
        pass_ms(&s, 1000000); /* nobody says any more */
        for (int i = 0; i < 100; i++) {
            settle();
            pass_ms(&s, 100000);
        }
        proa_coap_stats stats = proa_coap_stats_get(s.c);
        assert_int_equal(stats.bodies, 0);
        assert_int_equal(stats.exchanges, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SEALED_TEST(rfc8613_4_1_3_4_2_a_request_in_parts),
        SEALED_TEST(rfc8613_4_1_3_4_2_parts_that_are_refused),
        SEALED_TEST(rfc8613_4_1_3_4_2_strangers_hold_little),
        SEALED_TEST(rfc8613_4_1_3_4_2_a_program_without_it),
        SEALED_TEST(rfc8613_4_1_3_4_2_a_response_in_parts),
        SEALED_TEST(rfc8613_4_1_3_4_2_parts_that_cannot_be_opened),
        SEALED_TEST(whatever_happens_nothing_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
