/* SPDX-License-Identifier: Apache-2.0 */
/* The client role and the message layer: request.c, transmit.c, peers.c. */
#include "tests/coap/station.h"

/* What a peer answers to the message `h`: piggybacked, or separate with its own Message ID. */
static letter reply_to(const heard *h, proa_coap_type type, uint8_t code, uint16_t mid)
{
    letter l = {.type = type, .code = code, .mid = mid, .token = h->m.token};
    if (type == PROA_COAP_ACK) {
        l.mid = h->m.mid;
    }
    return l;
}

static letter empty(proa_coap_type type, uint16_t mid)
{
    letter l = {.type = type, .mid = mid};
    return l;
}

static void fails_with(station *s, proa_coap_id id, proa_coap_failure why)
{
    proa_coap_event *e = expect(s, PROA_COAP_EVENT_FAILED);
    assert_int_equal(e->request, id);
    assert_int_equal(e->user, 42);
    assert_int_equal(e->failure, why);
    expect_nothing(s);
}

static void is_idle(station *s)
{
    expect_nothing(s);
    hear_nothing(s);
    assert_int_equal(proa_coap_stats_get(s->c).requests, 0);
    assert_int_equal(proa_coap_next_ms(s->c), UINT64_MAX);
}

static void rfc7252_5_2_1_request_and_piggybacked_response(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    proa_coap_id id = ask(&s, &alice, PROA_COAP_GET, "");
    assert_int_equal(proa_coap_transmissions(s.c, id), 0);
    const heard *h = hear(&s);
    is_message(h, PROA_COAP_CON, PROA_COAP_GET);
    assert_true(proa_coap_peer_equal(&h->to, &alice));
    assert_int_equal(proa_coap_transmissions(s.c, id), 1);
    hear_nothing(&s);
    letter l = reply_to(h, PROA_COAP_ACK, PROA_COAP_CONTENT, 0);
    l.payload = proa_span_of("22 C");
    tell(&s, &alice, &l);
    proa_coap_event *e = expect(&s, PROA_COAP_EVENT_RESPONSE);
    assert_int_equal(e->request, id);
    assert_int_equal(e->user, 42);
    assert_false(e->observing);
    assert_int_equal(e->msg.code, PROA_COAP_CONTENT);
    assert_true(proa_span_equal(e->msg.payload, proa_span_of("22 C")));
    tell(&s, &alice, &l); /* once is enough */
    is_idle(&s);
    station_close(&s);
}

static void rfc7252_5_2_2_separate_response(void **state)
{
    (void)state;
    for (int con = 0; con < 2; con++) {
        for (int ack_lost = 0; ack_lost < 2; ack_lost++) {
            station s;
            station_config(&s);
            station_open(&s);
            ask(&s, &alice, PROA_COAP_POST, "x");
            const heard *h = hear(&s);
            if (ack_lost == 0) {
                letter ack = empty(PROA_COAP_ACK, h->m.mid);
                tell(&s, &alice, &ack);
                expect_nothing(&s);
                pass_ms(&s, 200000); /* nothing more is sent */
                expect_nothing(&s);
                hear_nothing(&s);
            }
            letter l =
                reply_to(h, con == 1 ? PROA_COAP_CON : PROA_COAP_NON, PROA_COAP_CHANGED, 777);
            tell(&s, &alice, &l);
            expect(&s, PROA_COAP_EVENT_RESPONSE);
            for (int copy = 0; copy < 2; copy++) {
                if (con == 1) { /* 4.2: the copy is acknowledged as well, not reset */
                    h = hear(&s);
                    is_message(h, PROA_COAP_ACK, PROA_COAP_EMPTY);
                    assert_int_equal(h->m.mid, 777);
                }
                hear_nothing(&s);
                tell(&s, &alice, &l);
                expect_nothing(&s);
            }
            if (con == 1) {
                hear(&s);
            }
            is_idle(&s);
            station_close(&s);
        }
    }
}

static void rfc7252_4_2_retransmission_and_its_bounds(void **state)
{
    (void)state;
    uint64_t shortest = UINT64_MAX;
    uint64_t longest = 0;
    for (uint64_t seed = 0; seed < 64; seed++) {
        station s;
        station_config(&s);
        s.config.random = test_random_start(&s.random, seed);
        station_open(&s);
        proa_coap_id id = ask(&s, &alice, PROA_COAP_GET, "");
        const heard *first = hear(&s);
        uint64_t timeout_ms = proa_coap_next_ms(s.c) - s.now_ms;
        assert_in_range(timeout_ms, 2000, 3000); /* ACK_RANDOM_FACTOR 1.5 */
        shortest = timeout_ms < shortest ? timeout_ms : shortest;
        longest = timeout_ms > longest ? timeout_ms : longest;
        for (unsigned i = 1; i <= 4; i++) {
            assert_int_equal(proa_coap_next_ms(s.c) - s.now_ms, timeout_ms << (i - 1));
            s.now_ms = proa_coap_next_ms(s.c) - 1;
            expect_nothing(&s);
            hear_nothing(&s);
            s.now_ms++;
            expect_nothing(&s);
            const heard *h = hear(&s);
            assert_int_equal(h->len, first->len);
            assert_memory_equal(h->bytes, first->bytes, h->len);
            assert_int_equal(proa_coap_transmissions(s.c, id), i + 1);
        }
        s.now_ms = proa_coap_next_ms(s.c);
        fails_with(&s, id, PROA_COAP_FAILED_TIMEOUT);
        assert_int_equal(proa_coap_transmissions(s.c, id), 0);
        assert_int_equal(proa_coap_stats_get(s.c).retransmitted, 4);
        is_idle(&s);
        station_close(&s);
    }
    assert_in_range(shortest, 2000, 2100); /* it is drawn, not fixed */
    assert_in_range(longest, 2900, 3000);
}

static void rfc7252_4_2_reset_fails_the_request(void **state)
{
    (void)state;
    for (int non = 0; non < 2; non++) {
        station s;
        station_config(&s);
        station_open(&s);
        proa_coap_request r = {.code = PROA_COAP_GET, .non = non == 1, .user = 42};
        proa_coap_id id;
        assert_int_equal(proa_coap_send(s.c, s.now_ms, &bob, &r, &id), PROA_OK);
        const heard *h = hear(&s);
        is_message(h, non == 1 ? PROA_COAP_NON : PROA_COAP_CON, PROA_COAP_GET);
        letter rst = empty(PROA_COAP_RST, (uint16_t)(h->m.mid + 1));
        tell(&s, &bob, &rst); /* for another message */
        expect_nothing(&s);
        rst.mid = h->m.mid;
        tell(&s, &alice, &rst); /* from another peer */
        expect_nothing(&s);
        tell(&s, &bob, &rst);
        fails_with(&s, id, PROA_COAP_FAILED_RESET);
        is_idle(&s);
        station_close(&s);
    }
}

static void timeouts_of_each_kind(void **state)
{
    (void)state;
    static const struct {
        bool non, ack;
        uint32_t timeout_ms;
        uint64_t ends_ms;
    } rows[] = {
        {true, false, 0, 93000},     {true, false, 5000, 5000},  {false, true, 0, 247000},
        {false, true, 9000, 9000},   {false, false, 1000, 1000}, {false, true, 400000, 247000},
        {true, false, 99000, 93000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        station s;
        station_config(&s);
        station_open(&s);
        proa_coap_request r = {.code = PROA_COAP_GET,
                               .non = rows[i].non,
                               .user = 42,
                               .timeout_ms = rows[i].timeout_ms};
        proa_coap_id id;
        assert_int_equal(proa_coap_send(s.c, s.now_ms, &bob, &r, &id), PROA_OK);
        uint64_t start_ms = s.now_ms;
        const heard *h = hear(&s);
        if (rows[i].ack) {
            letter ack = empty(PROA_COAP_ACK, h->m.mid);
            tell(&s, &bob, &ack);
        }
        s.now_ms = start_ms + rows[i].ends_ms - 1;
        expect_nothing(&s);
        s.now_ms++;
        fails_with(&s, id, PROA_COAP_FAILED_TIMEOUT);
        is_idle(&s);
        station_close(&s);
    }
}

static void rfc7252_4_7_nstart(void **state)
{
    (void)state;
    for (uint8_t nstart = 1; nstart <= 2; nstart++) {
        station s;
        station_config(&s);
        s.config.timing.nstart = nstart;
        station_open(&s);
        proa_coap_id ids[3];
        const heard *sent[3] = {NULL, NULL, NULL};
        for (size_t i = 0; i < 3; i++) {
            ids[i] = ask(&s, &alice, PROA_COAP_GET, "");
        }
        proa_coap_id other = ask(&s, &bob, PROA_COAP_GET, ""); /* has an NSTART of its own */
        for (size_t i = 0; i < nstart; i++) {
            sent[i] = hear(&s);
            assert_true(proa_coap_peer_equal(&sent[i]->to, &alice));
        }
        const heard *h = hear(&s);
        assert_true(proa_coap_peer_equal(&h->to, &bob));
        hear_nothing(&s);
        assert_int_equal(proa_coap_transmissions(s.c, other), 1);
        assert_int_equal(proa_coap_transmissions(s.c, ids[2]), 0);
        for (size_t i = 0; i < 3; i++) { /* in the order in which they were asked */
            letter l = empty(PROA_COAP_ACK, sent[i]->m.mid);
            tell(&s, &alice, &l);
            expect_nothing(&s);
            if (i + nstart < 3) {
                sent[i + nstart] = hear(&s);
                assert_int_equal(proa_coap_transmissions(s.c, ids[i + nstart]), 1);
            }
            hear_nothing(&s);
        }
        station_close(&s);
    }
}

static void a_waiting_request_keeps_its_deadline(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    ask(&s, &alice, PROA_COAP_GET, "");
    proa_coap_request r = {.code = PROA_COAP_GET, .user = 42, .timeout_ms = 1000};
    proa_coap_id id;
    assert_int_equal(proa_coap_send(s.c, s.now_ms, &alice, &r, &id), PROA_OK);
    hear(&s);
    hear_nothing(&s);
    pass_ms(&s, 1000);
    fails_with(&s, id, PROA_COAP_FAILED_TIMEOUT);
    hear_nothing(&s);
    station_close(&s);
}

/* G13: whoever cannot prove to be the peer can neither answer nor end anything. */
static void g13_only_the_peer_itself_can_answer(void **state)
{
    (void)state;
    proa_coap_peer carol = alice; /* same address, another session */
    carol.session = 8;
    proa_coap_peer plain = alice; /* same address, no session */
    plain.session = 0;
    proa_coap_peer roamed = alice; /* the session, from another address */
    roamed.addr.port++;
    proa_coap_peer moved = bob; /* unprotected, another port */
    moved.addr.port++;
    const struct {
        const proa_coap_peer *asked;
        const proa_coap_peer *answers;
        bool ok;
    } rows[] = {
        {&alice, &carol, false}, {&alice, &plain, false}, {&alice, &roamed, true},
        {&alice, &alice, true},  {&bob, &moved, false},   {&bob, &bob, true},
        {&bob, &alice, false},   {&plain, &alice, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int type = 0; type < 4; type++) {
            station s;
            station_config(&s);
            station_open(&s);
            ask(&s, rows[i].asked, PROA_COAP_GET, "");
            const heard *h = hear(&s);
            letter l = reply_to(h, (proa_coap_type)type,
                                type == PROA_COAP_RST ? PROA_COAP_EMPTY : PROA_COAP_CONTENT, 5);
            if (type == PROA_COAP_RST) {
                l = empty(PROA_COAP_RST, h->m.mid);
            }
            tell(&s, rows[i].answers, &l);
            if (rows[i].ok) {
                expect(&s,
                       type == PROA_COAP_RST ? PROA_COAP_EVENT_FAILED : PROA_COAP_EVENT_RESPONSE);
            } else {
                expect_nothing(&s);
                assert_int_equal(proa_coap_stats_get(s.c).requests, 1);
            }
            station_close(&s);
        }
    }
}

/* Every bit is drawn, but the first byte's last. A session of an engine before needs the longest. */
static void rfc7252_5_3_1_tokens_are_random_and_long_where_nothing_protects(void **state)
{
    static const struct {
        const proa_coap_peer *to;
        bool sessions_return;
        uint8_t len;
    } rows[] = {{&alice, false, 5}, {&alice, true, 8}, {&bob, false, 8}, {&bob, true, 8}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t ones = 0;
        uint64_t zeros = 0;
        station s;
        station_config(&s);
        s.config.sessions_return = rows[i].sessions_return;
        station_open(&s);
        for (unsigned n = 0; n < 64; n++) {
            proa_coap_id id = ask(&s, rows[i].to, PROA_COAP_GET, "");
            const heard *h = hear(&s);
            assert_int_equal(h->m.token.len, rows[i].len);
            for (unsigned bit = 0; bit < 8U * rows[i].len; bit++) {
                bool is_set = (h->m.token.bytes[bit / 8] >> bit % 8 & 1) != 0;
                ones |= (uint64_t)is_set << bit;
                zeros |= (uint64_t)!is_set << bit;
            }
            proa_coap_cancel(s.c, s.now_ms, id, false);
        }
        uint64_t all = UINT64_MAX >> (64 - 8 * rows[i].len);
        assert_true(ones == (all & ~UINT64_C(1)) && zeros == all);
        station_close(&s);
    }
}

static void rfc7252_5_3_2_token_and_message_id_must_match(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    ask(&s, &alice, PROA_COAP_GET, "");
    const heard *h = hear(&s);
    letter l = reply_to(h, PROA_COAP_ACK, PROA_COAP_CONTENT, 0);
    l.mid++;
    tell(&s, &alice, &l);
    expect_nothing(&s);
    l.mid--;
    for (unsigned bit = 0; bit < 40; bit++) { /* each wrong Token */
        l.token = h->m.token;
        l.token.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        tell(&s, &alice, &l);
        expect_nothing(&s);
    }
    for (uint8_t len = 0; len <= PROA_COAP_TOKEN_MAX; len++) {
        l.token = h->m.token;
        l.token.len = len == 5 ? 0 : len;
        tell(&s, &alice, &l);
        expect_nothing(&s);
    }
    assert_int_equal(proa_coap_stats_get(s.c).unmatched, 1 + 40 + 9);
    l.token = h->m.token;
    tell(&s, &alice, &l);
    expect(&s, PROA_COAP_EVENT_RESPONSE);
    station_close(&s);
}

static void rfc7252_5_4_1_unknown_critical_option_in_a_response(void **state)
{
    (void)state;
    for (int type = 0; type < 3; type++) {
        station s;
        station_config(&s);
        station_open(&s);
        proa_coap_id id = ask(&s, &alice, PROA_COAP_GET, "");
        letter l = reply_to(hear(&s), (proa_coap_type)type, PROA_COAP_CONTENT, 9);
        l.options[0].option = 65001;
        tell(&s, &alice, &l);
        fails_with(&s, id, PROA_COAP_FAILED_PROTOCOL);
        if (type == PROA_COAP_CON) {
            is_message(hear(&s), PROA_COAP_RST, PROA_COAP_EMPTY);
        }
        is_idle(&s);
        station_close(&s);
    }
}

/* A payload of any length that goes at once still goes when the peer wants an Echo: in blocks, where
 * the message has no room for both. */
static void rfc9175_2_3_echo_never_makes_a_request_too_large(void **state)
{
    (void)state;
    static const uint8_t bytes[64] = {0};
    unsigned in_blocks = 0;
    for (size_t len = 1; len <= sizeof bytes; len++) {
        station s;
        station_config(&s);
        s.config.message_max = 112;
        s.config.block_size = 64;
        station_open(&s);
        proa_coap_request r = {.code = PROA_COAP_POST, .payload = proa_span_make(bytes, len)};
        proa_coap_id id;
        assert_int_equal(proa_coap_send(s.c, s.now_ms, &bob, &r, &id), PROA_OK);
        letter l = reply_to(hear(&s), PROA_COAP_ACK, PROA_COAP_UNAUTHORIZED, 50);
        l.options[0].option = PROA_COAP_OPT_ECHO;
        l.options[0].text = "are you there? I have to know.";
        tell(&s, &bob, &l);
        expect_nothing(&s);
        const heard *h = hear(&s);
        is_message(h, PROA_COAP_CON, PROA_COAP_POST);
        assert_true(has_option(&h->m, PROA_COAP_OPT_ECHO));
        bool cut = has_option(&h->m, PROA_COAP_OPT_BLOCK1);
        assert_true(cut ? h->m.payload.len < len : h->m.payload.len == len);
        in_blocks += cut;
        station_close(&s);
    }
    assert_in_range(in_blocks, 1, sizeof bytes - 1);
}

static void rfc9175_2_3_repeats_with_each_echo(void **state)
{
    (void)state;
    for (int con = 0; con < 2; con++) {
        station s;
        station_config(&s);
        station_open(&s);
        proa_coap_option options[2] = {{PROA_COAP_OPT_URI_PATH, proa_span_of("a")},
                                       {PROA_COAP_OPT_NO_RESPONSE, proa_span_make(NULL, 0)}};
        proa_coap_request r = {.code = PROA_COAP_POST,
                               .options = options,
                               .option_count = 2,
                               .payload = proa_span_of("on")};
        proa_coap_id id;
        assert_int_equal(proa_coap_send(s.c, s.now_ms, &bob, &r, &id), PROA_OK);
        const heard *first = hear(&s);
        /* The peer is restarted again and again; the fourth time it has to be the answer. */
        static const char *const echoes[] = {"are you there?", "and", "are you still there?", "no"};
        letter l =
            reply_to(first, con == 1 ? PROA_COAP_CON : PROA_COAP_ACK, PROA_COAP_UNAUTHORIZED, 50);
        for (size_t n = 0; n < 3; n++) {
            l.options[0].option = PROA_COAP_OPT_ECHO;
            l.options[0].text = echoes[n];
            tell(&s, &bob, &l);
            expect_nothing(&s);
            if (con == 1 && n == 0) {
                is_message(hear(&s), PROA_COAP_ACK, PROA_COAP_EMPTY);
            }
            const heard *h = hear(&s);
            is_message(h, PROA_COAP_CON, PROA_COAP_POST);
            assert_int_not_equal(h->m.mid, first->m.mid);
            proa_span echo;
            assert_true(proa_coap_option_find(&h->m, PROA_COAP_OPT_ECHO, &echo));
            assert_true(proa_span_equal(echo, proa_span_of(echoes[n])));
            assert_true(has_option(&h->m, PROA_COAP_OPT_NO_RESPONSE));
            assert_true(proa_span_equal(h->m.payload, proa_span_of("on")));
            l = reply_to(h, PROA_COAP_ACK, PROA_COAP_UNAUTHORIZED, 0);
        }
        l.options[0].option = PROA_COAP_OPT_ECHO;
        l.options[0].text = echoes[3];
        tell(&s, &bob, &l);
        assert_int_equal(expect(&s, PROA_COAP_EVENT_RESPONSE)->msg.code, PROA_COAP_UNAUTHORIZED);
        is_idle(&s);
        station_close(&s);
    }
}

static void cancel_is_the_end(void **state)
{
    (void)state;
    for (int phase = 0; phase < 4; phase++) {
        station s;
        station_config(&s);
        station_open(&s);
        if (phase == 0) { /* behind another one, not sent */
            ask(&s, &alice, PROA_COAP_GET, "");
            hear(&s);
        }
        proa_coap_id id = ask(&s, &alice, PROA_COAP_GET, "");
        const heard *h = NULL;
        letter l = {.type = PROA_COAP_ACK};
        if (phase >= 1) {
            h = hear(&s);
            l = reply_to(h, PROA_COAP_CON, PROA_COAP_CONTENT, 3);
        }
        if (phase == 2) {
            letter ack = empty(PROA_COAP_ACK, h->m.mid);
            tell(&s, &alice, &ack);
        }
        if (phase == 3) { /* failed, but not told yet */
            letter rst = empty(PROA_COAP_RST, h->m.mid);
            tell(&s, &alice, &rst);
        }
        proa_coap_cancel(s.c, s.now_ms, id, true);
        proa_coap_cancel(s.c, s.now_ms, id, true);
        expect_nothing(&s);
        hear_nothing(&s);
        assert_int_equal(proa_coap_stats_get(s.c).requests, phase == 0 ? 1 : 0);
        if (phase >= 1) {
            tell(&s, &alice, &l);
            expect_nothing(&s);
            is_message(hear(&s), PROA_COAP_RST, PROA_COAP_EMPTY);
            is_idle(&s);
        }
        station_close(&s);
    }
}

static void full_requests_are_refused_and_come_back(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    proa_coap_request r = {.code = PROA_COAP_GET};
    proa_coap_id ids[5];
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 4; i++) {
            assert_int_equal(proa_coap_send(s.c, s.now_ms, &alice, &r, &ids[i]), PROA_OK);
        }
        assert_int_equal(proa_coap_send(s.c, s.now_ms, &alice, &r, &ids[4]), PROA_E_FULL);
        assert_int_equal(ids[4], 0);
        for (size_t i = 0; i < 4; i++) {
            proa_coap_cancel(s.c, s.now_ms, ids[i], false);
        }
    }
    is_idle(&s);
    station_close(&s);
}

static void full_peers_are_refused(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    s.config.peer_max = 2;
    station_open(&s);
    proa_coap_peer carol = alice;
    carol.session = 9;
    proa_coap_id first = ask(&s, &alice, PROA_COAP_GET, "");
    ask(&s, &bob, PROA_COAP_GET, "");
    hear(&s);
    hear(&s);
    proa_coap_request r = {.code = PROA_COAP_GET};
    proa_coap_id id;
    assert_int_equal(proa_coap_send(s.c, s.now_ms, &carol, &r, &id), PROA_E_FULL);
    letter l = {.type = PROA_COAP_CON, .code = PROA_COAP_GET, .mid = 1};
    tell(&s, &carol, &l);
    is_message(hear(&s), PROA_COAP_ACK, PROA_COAP_SERVICE_UNAVAILABLE);
    proa_coap_cancel(s.c, s.now_ms, first, false); /* alice is idle now and makes place */
    assert_int_equal(proa_coap_send(s.c, s.now_ms, &carol, &r, &id), PROA_OK);
    station_close(&s);
}

static void too_large_requests_are_refused(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    proa_coap_option option = {PROA_COAP_OPT_URI_PATH, pattern(240)};
    proa_coap_request r = {.code = PROA_COAP_PUT, .options = &option, .option_count = 1};
    proa_coap_id id;
    assert_int_equal(proa_coap_send(s.c, s.now_ms, &alice, &r, &id), PROA_E_TOO_LARGE);
    option.value = pattern(201); /* fits, but not with a block of 16 beside it */
    assert_int_equal(proa_coap_send(s.c, s.now_ms, &alice, &r, &id), PROA_OK);
    r.payload = pattern(100);
    assert_int_equal(proa_coap_send(s.c, s.now_ms, &alice, &r, &id), PROA_E_TOO_LARGE);
    option.value = pattern(1);
    r.payload = pattern(s.config.body_max + 1);
    assert_int_equal(proa_coap_send(s.c, s.now_ms, &alice, &r, &id), PROA_E_TOO_LARGE);
    r.payload = pattern(s.config.body_max);
    assert_int_equal(proa_coap_send(s.c, s.now_ms, &alice, &r, &id), PROA_OK);
    assert_int_equal(proa_coap_send(s.c, s.now_ms, &alice, &r, &id), PROA_E_FULL); /* bodies */
    station_close(&s);
}

static void peer_gone_fails_its_requests_only(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    proa_coap_id first = ask(&s, &alice, PROA_COAP_GET, "");
    proa_coap_id second = ask(&s, &alice, PROA_COAP_GET, ""); /* waits for NSTART */
    proa_coap_id other = ask(&s, &bob, PROA_COAP_GET, "");
    hear(&s);
    proa_coap_peer_gone(s.c, s.now_ms, &alice);
    for (int i = 0; i < 2; i++) {
        proa_coap_event *e = expect(&s, PROA_COAP_EVENT_FAILED);
        assert_int_equal(e->failure, PROA_COAP_FAILED_PEER_GONE);
        assert_int_equal(e->request, i == 0 ? first : second);
        assert_true(proa_coap_peer_equal(&e->peer, &alice));
    }
    expect_nothing(&s);
    const heard *h = hear(&s);
    assert_true(proa_coap_peer_equal(&h->to, &bob));
    hear_nothing(&s);
    assert_int_equal(proa_coap_transmissions(s.c, other), 1);
    proa_coap_peer_gone(s.c, s.now_ms, &alice); /* nobody there */
    expect_nothing(&s);
    station_close(&s);
}

static void peer_moved_sends_again_what_may_be_repeated(void **state)
{
    (void)state;
    proa_coap_peer fresh = alice;
    fresh.session = 70;
    static const struct {
        uint8_t code;
        bool sent, acked, repeats;
    } rows[] = {
        {PROA_COAP_GET, true, false, true},    {PROA_COAP_GET, true, true, true},
        {PROA_COAP_PUT, true, false, true},    {PROA_COAP_DELETE, true, false, true},
        {PROA_COAP_FETCH, true, false, true},  {PROA_COAP_IPATCH, true, false, true},
        {PROA_COAP_POST, true, false, false},  {PROA_COAP_POST, true, true, false},
        {PROA_COAP_PATCH, true, false, false}, {PROA_COAP_POST, false, false, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int known = 0; known < 2; known++) {
            station s;
            station_config(&s);
            station_open(&s);
            if (known == 1) { /* the new session was heard of before */
                letter hello = {.type = PROA_COAP_CON, .code = PROA_COAP_GET, .mid = 4};
                tell(&s, &fresh, &hello);
                expect(&s, PROA_COAP_EVENT_REQUEST);
                answer(&s, PROA_COAP_CONTENT, "");
                hear(&s);
            }
            proa_coap_id id = ask(&s, &alice, rows[i].code, "x");
            const heard *first = rows[i].sent ? hear(&s) : NULL;
            if (rows[i].acked) {
                letter ack = empty(PROA_COAP_ACK, first->m.mid);
                tell(&s, &alice, &ack);
            }
            proa_coap_peer_moved(s.c, s.now_ms, &alice, &fresh);
            if (!rows[i].repeats) {
                fails_with(&s, id, PROA_COAP_FAILED_TIMEOUT);
                is_idle(&s);
                station_close(&s);
                continue;
            }
            expect_nothing(&s);
            const heard *h = hear(&s);
            hear_nothing(&s);
            assert_true(proa_coap_peer_equal(&h->to, &fresh));
            if (first != NULL) {
                assert_true(proa_coap_token_equal(&h->m.token, &first->m.token));
            }
            letter l = reply_to(h, PROA_COAP_NON, PROA_COAP_CONTENT, 0x999);
            tell(&s, &alice, &l); /* the old session has no say any more */
            expect_nothing(&s);
            tell(&s, &fresh, &l);
            assert_int_equal(expect(&s, PROA_COAP_EVENT_RESPONSE)->request, id);
            is_idle(&s);
            station_close(&s);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc7252_5_2_1_request_and_piggybacked_response),
        cmocka_unit_test(rfc7252_5_2_2_separate_response),
        cmocka_unit_test(rfc7252_4_2_retransmission_and_its_bounds),
        cmocka_unit_test(rfc7252_4_2_reset_fails_the_request),
        cmocka_unit_test(timeouts_of_each_kind),
        cmocka_unit_test(rfc7252_4_7_nstart),
        cmocka_unit_test(a_waiting_request_keeps_its_deadline),
        cmocka_unit_test(g13_only_the_peer_itself_can_answer),
        cmocka_unit_test(rfc7252_5_3_1_tokens_are_random_and_long_where_nothing_protects),
        cmocka_unit_test(rfc7252_5_3_2_token_and_message_id_must_match),
        cmocka_unit_test(rfc7252_5_4_1_unknown_critical_option_in_a_response),
        cmocka_unit_test(rfc9175_2_3_echo_never_makes_a_request_too_large),
        cmocka_unit_test(rfc9175_2_3_repeats_with_each_echo),
        cmocka_unit_test(cancel_is_the_end),
        cmocka_unit_test(full_requests_are_refused_and_come_back),
        cmocka_unit_test(full_peers_are_refused),
        cmocka_unit_test(too_large_requests_are_refused),
        cmocka_unit_test(peer_gone_fails_its_requests_only),
        cmocka_unit_test(peer_moved_sends_again_what_may_be_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
