/* SPDX-License-Identifier: Apache-2.0 */
/* Observing (RFC 7641) in both roles: observe.c, and the notifications of request.c. */
#include "tests/coap/station.h"

/* ---- we observe ------------------------------------------------------------------------- */

static letter notification(const proa_coap_token *token, proa_coap_type type, uint16_t mid,
                           uint32_t seq)
{
    letter l = {.type = type, .code = PROA_COAP_CONTENT, .mid = mid, .token = *token};
    l.options[0].option = PROA_COAP_OPT_OBSERVE;
    l.options[0].number = seq;
    l.payload = proa_span_of("v");
    return l;
}

/* Observes /a at alice; she accepts with Observe `seq`. */
static proa_coap_id observe(station *s, uint32_t seq, proa_coap_token *token)
{
    proa_coap_option path = {PROA_COAP_OPT_URI_PATH, proa_span_of("a")};
    proa_coap_request r = {.code = PROA_COAP_GET,
                           .observe = PROA_COAP_OBSERVE_START,
                           .options = &path,
                           .option_count = 1,
                           .user = 42};
    proa_coap_id id;
    assert_int_equal(proa_coap_send(s->c, s->now_ms, &alice, &r, &id), PROA_OK);
    const heard *h = hear(s);
    assert_int_equal(option_of(&h->m, PROA_COAP_OPT_OBSERVE), 0);
    *token = h->m.token;
    letter l = notification(token, PROA_COAP_ACK, h->m.mid, seq);
    tell(s, &alice, &l);
    proa_coap_event *e = expect(s, PROA_COAP_EVENT_RESPONSE);
    assert_true(e->observing);
    assert_int_equal(e->request, id);
    return id;
}

static void rfc7641_3_2_notifications_are_delivered_and_acknowledged(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    proa_coap_token token;
    proa_coap_id id = observe(&s, 10, &token);
    assert_int_equal(proa_coap_next_ms(s.c), UINT64_MAX); /* a held observation waits for ever */
    letter l = notification(&token, PROA_COAP_NON, 500, 11);
    tell(&s, &alice, &l);
    proa_coap_event *e = expect(&s, PROA_COAP_EVENT_NOTIFICATION);
    assert_int_equal(e->request, id);
    assert_int_equal(e->user, 42);
    assert_true(e->observing);
    hear_nothing(&s);
    l = notification(&token, PROA_COAP_CON, 501, 12);
    for (int copy = 0; copy < 3; copy++) {
        tell(&s, &alice, &l);
        if (copy == 0) {
            expect(&s, PROA_COAP_EVENT_NOTIFICATION);
        }
        expect_nothing(&s);
        const heard *h = hear(&s);
        is_message(h, PROA_COAP_ACK, PROA_COAP_EMPTY);
        assert_int_equal(h->m.mid, 501);
    }
    station_close(&s);
}

static void rfc7641_3_4_reordering_and_wrap(void **state)
{
    (void)state;
    static const struct {
        uint32_t first, second;
        uint64_t after_ms;
        bool fresh;
    } rows[] = {
        {10, 11, 0, true},
        {10, 10, 0, false},
        {10, 9, 0, false},
        {10, 9, 128000, false},
        {10, 9, 129000, true},
        {10, 10, 129000, true},
        {0xffffff, 0, 0, true},
        {0xfffffe, 3, 0, true},
        {0, 0xffffff, 0, false},
        {0, (1U << 23) - 1, 0, true},
        {0, 1U << 23, 0, false},
        {0, (1U << 23) + 1, 0, false},
        {(1U << 23) + 1, 0, 0, true},
        {1U << 23, 0, 0, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        station s;
        station_config(&s);
        station_open(&s);
        proa_coap_token token;
        observe(&s, rows[i].first, &token);
        pass_ms(&s, rows[i].after_ms);
        letter l = notification(&token, PROA_COAP_NON, 9, rows[i].second);
        tell(&s, &alice, &l);
        if (rows[i].fresh) {
            expect(&s, PROA_COAP_EVENT_NOTIFICATION);
        }
        expect_nothing(&s);
        station_close(&s);
    }
}

static void rfc7641_4_2_the_last_notification(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) { /* an error, or a response without Observe */
        station s;
        station_config(&s);
        station_open(&s);
        proa_coap_token token;
        proa_coap_id id = observe(&s, 10, &token);
        letter l = {.type = PROA_COAP_CON, .mid = 600, .token = token};
        l.code = kind == 0 ? PROA_COAP_NOT_FOUND : PROA_COAP_CONTENT;
        for (int copy = 0; copy < 2; copy++) {
            tell(&s, &alice, &l);
            if (copy == 0) {
                proa_coap_event *e = expect(&s, PROA_COAP_EVENT_RESPONSE);
                assert_false(e->observing);
                assert_int_equal(e->request, id);
            }
            expect_nothing(&s);
            is_message(hear(&s), PROA_COAP_ACK, PROA_COAP_EMPTY);
        }
        assert_int_equal(proa_coap_stats_get(s.c).requests, 0);
        station_close(&s);
    }
}

static void rfc7641_3_6_cancel_actively(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    proa_coap_token token;
    proa_coap_id id = observe(&s, 10, &token);
    proa_coap_cancel(s.c, s.now_ms, id, true);
    const heard *h = hear(&s);
    is_message(h, PROA_COAP_CON, PROA_COAP_GET);
    assert_int_equal(option_of(&h->m, PROA_COAP_OPT_OBSERVE), 1);
    assert_true(proa_coap_token_equal(&h->m.token, &token));
    proa_span path;
    assert_true(proa_coap_option_find(&h->m, PROA_COAP_OPT_URI_PATH, &path));
    assert_int_equal(proa_coap_transmissions(s.c, id), 0);   /* forgotten */
    letter l = notification(&token, PROA_COAP_CON, 700, 11); /* crossed it on the way */
    tell(&s, &alice, &l);
    expect_nothing(&s);
    is_message(hear(&s), PROA_COAP_ACK, PROA_COAP_EMPTY);
    l = (letter){.type = PROA_COAP_ACK, .code = PROA_COAP_CONTENT, .mid = h->m.mid};
    l.token = token;
    tell(&s, &alice, &l);
    expect_nothing(&s);
    assert_int_equal(proa_coap_stats_get(s.c).requests, 0);
    l = notification(&token, PROA_COAP_NON, 701, 12);
    tell(&s, &alice, &l);
    is_message(hear(&s), PROA_COAP_RST, PROA_COAP_EMPTY);
    station_close(&s);
}

static void rfc7641_3_6_cancel_by_reset(void **state)
{
    (void)state;
    for (int type = 0; type < 2; type++) {
        station s;
        station_config(&s);
        station_open(&s);
        proa_coap_token token;
        proa_coap_id id = observe(&s, 10, &token);
        proa_coap_cancel(s.c, s.now_ms, id, false);
        hear_nothing(&s);
        letter l = notification(&token, (proa_coap_type)type, 701, 12);
        tell(&s, &alice, &l);
        expect_nothing(&s);
        const heard *h = hear(&s);
        is_message(h, PROA_COAP_RST, PROA_COAP_EMPTY);
        assert_int_equal(h->m.mid, 701);
        station_close(&s);
    }
}

static void an_observation_not_accepted_is_an_answer(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    proa_coap_request r = {.code = PROA_COAP_GET, .observe = PROA_COAP_OBSERVE_START};
    proa_coap_id id;
    assert_int_equal(proa_coap_send(s.c, s.now_ms, &alice, &r, &id), PROA_OK);
    const heard *h = hear(&s);
    letter l = {.type = PROA_COAP_ACK, .code = PROA_COAP_CONTENT, .mid = h->m.mid};
    l.token = h->m.token;
    tell(&s, &alice, &l);
    assert_false(expect(&s, PROA_COAP_EVENT_RESPONSE)->observing);
    assert_int_equal(proa_coap_stats_get(s.c).requests, 0);
    station_close(&s);
}

static void g13_notifications_of_others_do_not_count(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    proa_coap_token token;
    observe(&s, 10, &token);
    proa_coap_peer other = alice;
    other.session = 99;
    letter l = notification(&token, PROA_COAP_NON, 5, 11);
    tell(&s, &other, &l);
    expect_nothing(&s);
    other.session = 0;
    tell(&s, &other, &l);
    expect_nothing(&s);
    hear(&s); /* RSTs go to them */
    hear(&s);
    proa_coap_peer roamed = alice;
    roamed.addr.port = 1;
    tell(&s, &roamed, &l);
    expect(&s, PROA_COAP_EVENT_NOTIFICATION);
    station_close(&s);
}

static void observations_move_with_their_peer(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    proa_coap_token token;
    observe(&s, 10, &token);
    proa_coap_peer fresh = alice;
    fresh.session = 70;
    proa_coap_peer_moved(s.c, s.now_ms, &alice, &fresh);
    hear_nothing(&s);
    letter l = notification(&token, PROA_COAP_NON, 5, 11);
    tell(&s, &alice, &l);
    expect_nothing(&s);
    is_message(hear(&s), PROA_COAP_RST, PROA_COAP_EMPTY);
    tell(&s, &fresh, &l);
    expect(&s, PROA_COAP_EVENT_NOTIFICATION);
    station_close(&s);
}

/* ---- we are observed -------------------------------------------------------------------- */

static letter observe_a(uint16_t mid, uint32_t value)
{
    letter l = {.type = PROA_COAP_CON, .code = PROA_COAP_GET, .mid = mid, .token = TOKEN(5, 6)};
    l.options[0].option = PROA_COAP_OPT_OBSERVE;
    l.options[0].number = value;
    l.options[1].option = PROA_COAP_OPT_URI_PATH;
    l.options[1].text = "a";
    return l;
}

/* Alice observes /a; *seq is the Observe value of the response. */
static proa_coap_id observed(station *s, uint16_t mid, uint32_t *seq)
{
    letter l = observe_a(mid, 0);
    proa_coap_id id;
    tell(s, &alice, &l);
    expect(s, PROA_COAP_EVENT_REQUEST);
    assert_int_equal(proa_coap_accept(s->c, s->event.exchange, 4711, &id), PROA_OK);
    answer(s, PROA_COAP_CONTENT, "v0");
    const heard *h = hear(s);
    is_message(h, PROA_COAP_ACK, PROA_COAP_CONTENT);
    *seq = option_of(&h->m, PROA_COAP_OPT_OBSERVE);
    assert_in_range(*seq, 0, 0xffffff);
    return id;
}

static void notify(station *s, proa_coap_id id, uint8_t code, const char *payload, bool con)
{
    proa_coap_response r = {.code = code};
    r.payload = proa_span_of(payload);
    assert_int_equal(proa_coap_notify(s->c, s->now_ms, id, &r, con), PROA_OK);
}

static void is_notification(const heard *h, proa_coap_type type, uint32_t seq, const char *payload)
{
    is_message(h, type, PROA_COAP_CONTENT);
    assert_true(proa_coap_peer_equal(&h->to, &alice));
    assert_int_equal(h->m.token.len, 2);
    assert_memory_equal(h->m.token.bytes, "\x05\x06", 2);
    assert_int_equal(option_of(&h->m, PROA_COAP_OPT_OBSERVE), seq);
    assert_true(proa_span_equal(h->m.payload, proa_span_of(payload)));
}

static void ends(station *s, proa_coap_id id)
{
    proa_coap_event *e = expect(s, PROA_COAP_EVENT_RELATION_END);
    assert_int_equal(e->relation, id);
    assert_int_equal(e->user, 4711);
    assert_true(proa_coap_peer_equal(&e->peer, &alice));
    expect_nothing(s);
    proa_coap_response r = {.code = PROA_COAP_CONTENT};
    assert_int_equal(proa_coap_notify(s->c, s->now_ms, id, &r, false), PROA_E_NOT_FOUND);
    assert_int_equal(proa_coap_stats_get(s->c).relations, 0);
}

static void rfc7641_4_1_accept_and_notify(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    uint32_t seq;
    proa_coap_id id = observed(&s, 1, &seq);
    notify(&s, id, PROA_COAP_CONTENT, "v1", false);
    notify(&s, id, PROA_COAP_CONTENT, "v2", false); /* each change is told */
    is_notification(hear(&s), PROA_COAP_NON, seq + 1, "v1");
    is_notification(hear(&s), PROA_COAP_NON, seq + 2, "v2");
    hear_nothing(&s);
    notify(&s, id, PROA_COAP_CONTENT, "v3", true);
    const heard *h = hear(&s);
    is_notification(h, PROA_COAP_CON, seq + 3, "v3");
    letter ack = {.type = PROA_COAP_ACK, .mid = h->m.mid};
    tell(&s, &alice, &ack);
    proa_coap_event *e = expect(&s, PROA_COAP_EVENT_DELIVERED);
    assert_int_equal(e->relation, id);
    assert_int_equal(e->user, 4711);
    expect_nothing(&s);
    assert_int_equal(proa_coap_next_ms(s.c), UINT64_MAX);
    station_close(&s);
}

static void rfc7641_4_1_same_token_is_the_same_relation(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    uint32_t seq;
    uint32_t seq_again;
    proa_coap_id id = observed(&s, 1, &seq);
    assert_int_equal(observed(&s, 2, &seq_again), id);
    assert_int_equal(seq_again, seq + 1);
    assert_int_equal(s.event.relation, id); /* told with the request */
    assert_int_equal(proa_coap_stats_get(s.c).relations, 1);
    proa_coap_id other;
    assert_int_equal(proa_coap_accept(s.c, s.event.exchange, 1, &other), PROA_E_STATE);
    letter plain = observe_a(9, 1);
    plain.options[0].option = PROA_COAP_OPT_URI_PATH;
    plain.options[0].text = "b";
    plain.token = TOKEN(1);
    tell(&s, &alice, &plain);
    expect(&s, PROA_COAP_EVENT_REQUEST);
    assert_int_equal(s.event.relation, 0);
    assert_int_equal(proa_coap_accept(s.c, s.event.exchange, 1, &other), PROA_E_STATE);
    station_close(&s);
}

static void a_wish_that_is_not_granted_again_ends_the_relation(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        station s;
        station_config(&s);
        station_open(&s);
        uint32_t seq;
        proa_coap_id id = observed(&s, 1, &seq);
        letter l = observe_a(2, 0);
        tell(&s, &alice, &l);
        expect(&s, PROA_COAP_EVENT_REQUEST);
        answer(&s, kind == 0 ? PROA_COAP_CONTENT : PROA_COAP_NOT_FOUND, "");
        assert_false(has_option(&hear(&s)->m, PROA_COAP_OPT_OBSERVE));
        ends(&s, id);
        station_close(&s);
    }
}

static void rfc7641_4_1_cancelled_by_observe_1(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    uint32_t seq;
    proa_coap_id id = observed(&s, 1, &seq);
    letter l = observe_a(2, 1);
    tell(&s, &alice, &l);
    proa_coap_event *e = expect(&s, PROA_COAP_EVENT_REQUEST);
    assert_int_equal(e->relation, id);
    assert_int_equal(e->user, 4711);
    answer(&s, PROA_COAP_CONTENT, "v");
    assert_false(has_option(&hear(&s)->m, PROA_COAP_OPT_OBSERVE));
    ends(&s, id);
    station_close(&s);
}

static void rfc7641_4_2_cancelled_by_reset(void **state)
{
    (void)state;
    for (int con = 0; con < 2; con++) {
        station s;
        station_config(&s);
        station_open(&s);
        uint32_t seq;
        proa_coap_id id = observed(&s, 1, &seq);
        notify(&s, id, PROA_COAP_CONTENT, "v1", con == 1);
        letter rst = {.type = PROA_COAP_RST, .mid = hear(&s)->m.mid};
        proa_coap_peer other = alice;
        other.session++;
        tell(&s, &other, &rst); /* g13: not from somebody else */
        expect_nothing(&s);
        tell(&s, &alice, &rst);
        ends(&s, id);
        assert_int_equal(proa_coap_next_ms(s.c), UINT64_MAX);
        station_close(&s);
    }
}

static void rfc7641_4_5_unanswered_con_ends_the_relation(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    uint32_t seq;
    proa_coap_id id = observed(&s, 1, &seq);
    notify(&s, id, PROA_COAP_CONTENT, "v1", true);
    for (int i = 0; i < 5; i++) {
        expect_nothing(&s);
        is_notification(hear(&s), PROA_COAP_CON, seq + 1, "v1");
        s.now_ms = proa_coap_next_ms(s.c);
    }
    ends(&s, id);
    station_close(&s);
}

static void rfc7641_4_5_2_newer_state_supersedes(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    uint32_t seq;
    proa_coap_id id = observed(&s, 1, &seq);
    notify(&s, id, PROA_COAP_CONTENT, "v1", true);
    notify(&s, id, PROA_COAP_CONTENT, "v2", true); /* v1 was not sent yet */
    const heard *first = hear(&s);
    is_notification(first, PROA_COAP_CON, seq + 2, "v2");
    uint64_t timeout_ms = proa_coap_next_ms(s.c) - s.now_ms;
    notify(&s, id, PROA_COAP_CONTENT, "v3", false);
    notify(&s, id, PROA_COAP_CONTENT, "v4", true);
    hear_nothing(&s); /* waits for the ACK or the timeout of v2 */
    s.now_ms = proa_coap_next_ms(s.c);
    expect_nothing(&s);
    const heard *h = hear(&s);
    is_notification(h, PROA_COAP_CON, seq + 4, "v4");
    assert_int_not_equal(h->m.mid, first->m.mid);
    assert_int_equal(proa_coap_next_ms(s.c) - s.now_ms, 2 * timeout_ms); /* goes on counting */
    notify(&s, id, PROA_COAP_CONTENT, "v5", true);
    letter ack = {.type = PROA_COAP_ACK, .mid = first->m.mid};
    tell(&s, &alice, &ack); /* late, for v2 */
    expect_nothing(&s);
    hear_nothing(&s);
    ack.mid = h->m.mid;
    tell(&s, &alice, &ack);
    expect(&s, PROA_COAP_EVENT_DELIVERED);
    expect_nothing(&s);
    h = hear(&s);
    is_notification(h, PROA_COAP_CON, seq + 5, "v5"); /* with a fresh count */
    assert_in_range(proa_coap_next_ms(s.c) - s.now_ms, 2000, 3000);
    ack.mid = h->m.mid;
    tell(&s, &alice, &ack);
    expect(&s, PROA_COAP_EVENT_DELIVERED);
    assert_int_equal(proa_coap_next_ms(s.c), UINT64_MAX);
    station_close(&s);
}

static void rfc7641_4_2_error_notification_is_the_last(void **state)
{
    (void)state;
    for (int con = 0; con < 2; con++) {
        for (int busy = 0; busy < 2; busy++) {
            station s;
            station_config(&s);
            station_open(&s);
            uint32_t seq;
            proa_coap_id id = observed(&s, 1, &seq);
            if (busy == 1) {
                notify(&s, id, PROA_COAP_CONTENT, "v1", true);
                letter ack = {.type = PROA_COAP_ACK, .mid = hear(&s)->m.mid};
                notify(&s, id, PROA_COAP_NOT_FOUND, "", con == 1);
                tell(&s, &alice, &ack);
            } else {
                notify(&s, id, PROA_COAP_NOT_FOUND, "", con == 1);
            }
            expect_nothing(&s);
            assert_int_equal(proa_coap_stats_get(s.c).relations, 0);
            const heard *h = hear(&s);
            bool is_con = con == 1 || busy == 1;
            is_message(h, is_con ? PROA_COAP_CON : PROA_COAP_NON, PROA_COAP_NOT_FOUND);
            assert_false(has_option(&h->m, PROA_COAP_OPT_OBSERVE));
            if (is_con) {
                s.now_ms = proa_coap_next_ms(s.c);
                expect_nothing(&s);
                h = hear(&s);
                letter ack = {.type = PROA_COAP_ACK, .mid = h->m.mid};
                tell(&s, &alice, &ack);
            }
            expect_nothing(&s);
            assert_int_equal(proa_coap_next_ms(s.c), UINT64_MAX);
            station_close(&s);
        }
    }
}

static void rfc7641_4_5_confirmable_once_a_day(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    uint32_t seq;
    proa_coap_id id = observed(&s, 1, &seq);
    unsigned con_count = 0;
    for (unsigned hour = 1; hour <= 72; hour++) {
        pass_ms(&s, 3600000);
        notify(&s, id, PROA_COAP_CONTENT, "v", false);
        const heard *h = hear(&s);
        is_notification(h, h->m.type, seq + hour, "v");
        if (h->m.type == PROA_COAP_CON) {
            assert_int_equal(hour % 24, 0);
            con_count++;
            letter ack = {.type = PROA_COAP_ACK, .mid = h->m.mid};
            tell(&s, &alice, &ack);
            expect(&s, PROA_COAP_EVENT_DELIVERED);
        }
    }
    assert_int_equal(con_count, 3);
    station_close(&s);
}

static void relations_end_with_their_peer(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    uint32_t seq;
    proa_coap_id id = observed(&s, 1, &seq);
    notify(&s, id, PROA_COAP_CONTENT, "v", true);
    hear(&s);
    proa_coap_peer_gone(s.c, s.now_ms, &alice);
    ends(&s, id);
    assert_int_equal(proa_coap_next_ms(s.c), UINT64_MAX);
    station_close(&s);
}

static void relations_move_with_their_peer(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    uint32_t seq;
    proa_coap_id id = observed(&s, 1, &seq);
    notify(&s, id, PROA_COAP_CONTENT, "v", true);
    hear(&s);
    proa_coap_peer fresh = alice;
    fresh.session = 70;
    proa_coap_peer_moved(s.c, s.now_ms, &alice, &fresh);
    expect_nothing(&s);
    const heard *h = hear(&s);
    assert_true(proa_coap_peer_equal(&h->to, &fresh));
    letter ack = {.type = PROA_COAP_ACK, .mid = h->m.mid};
    tell(&s, &fresh, &ack);
    assert_int_equal(expect(&s, PROA_COAP_EVENT_DELIVERED)->relation, id);
    notify(&s, id, PROA_COAP_CONTENT, "v", false);
    assert_true(proa_coap_peer_equal(&hear(&s)->to, &fresh));
    station_close(&s);
}

static void unobserve_is_silent(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    uint32_t seq;
    proa_coap_id id = observed(&s, 1, &seq);
    notify(&s, id, PROA_COAP_CONTENT, "v", true);
    hear(&s);
    proa_coap_unobserve(s.c, id);
    proa_coap_unobserve(s.c, id);
    expect_nothing(&s);
    hear_nothing(&s);
    assert_int_equal(proa_coap_next_ms(s.c), UINT64_MAX);
    assert_int_equal(proa_coap_stats_get(s.c).relations, 0);
    station_close(&s);
}

static void full_relations_are_refused(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    for (uint16_t i = 0; i <= s.config.relation_max; i++) {
        letter l = observe_a(i, 0);
        l.token = TOKEN((uint8_t)i);
        tell(&s, &alice, &l);
        expect(&s, PROA_COAP_EVENT_REQUEST);
        proa_coap_id id;
        assert_int_equal(proa_coap_accept(s.c, s.event.exchange, 0, &id),
                         i < s.config.relation_max ? PROA_OK : PROA_E_FULL);
        answer(&s, PROA_COAP_CONTENT, "");
        assert_int_equal(has_option(&hear(&s)->m, PROA_COAP_OPT_OBSERVE),
                         i < s.config.relation_max);
    }
    station_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc7641_3_2_notifications_are_delivered_and_acknowledged),
        cmocka_unit_test(rfc7641_3_4_reordering_and_wrap),
        cmocka_unit_test(rfc7641_4_2_the_last_notification),
        cmocka_unit_test(rfc7641_3_6_cancel_actively),
        cmocka_unit_test(rfc7641_3_6_cancel_by_reset),
        cmocka_unit_test(an_observation_not_accepted_is_an_answer),
        cmocka_unit_test(g13_notifications_of_others_do_not_count),
        cmocka_unit_test(observations_move_with_their_peer),
        cmocka_unit_test(rfc7641_4_1_accept_and_notify),
        cmocka_unit_test(rfc7641_4_1_same_token_is_the_same_relation),
        cmocka_unit_test(a_wish_that_is_not_granted_again_ends_the_relation),
        cmocka_unit_test(rfc7641_4_1_cancelled_by_observe_1),
        cmocka_unit_test(rfc7641_4_2_cancelled_by_reset),
        cmocka_unit_test(rfc7641_4_5_unanswered_con_ends_the_relation),
        cmocka_unit_test(rfc7641_4_5_2_newer_state_supersedes),
        cmocka_unit_test(rfc7641_4_2_error_notification_is_the_last),
        cmocka_unit_test(rfc7641_4_5_confirmable_once_a_day),
        cmocka_unit_test(relations_end_with_their_peer),
        cmocka_unit_test(relations_move_with_their_peer),
        cmocka_unit_test(unobserve_is_silent),
        cmocka_unit_test(full_relations_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
