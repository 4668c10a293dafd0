/* SPDX-License-Identifier: Apache-2.0 */
/* The server role of the engine: reply.c, dedup.c, options.c. */
#include "tests/coap/station.h"

static const letter get_a = {.type = PROA_COAP_CON,
                             .code = PROA_COAP_GET,
                             .mid = 0x1234,
                             .token = {{1, 2, 3}, 3},
                             .options = {{PROA_COAP_OPT_URI_PATH, "a", 0, 0}}};

static void rfc7252_5_2_1_piggybacked_response(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    tell(&s, &alice, &get_a);
    proa_coap_event *e = expect(&s, PROA_COAP_EVENT_REQUEST);
    assert_true(proa_coap_peer_equal(&e->peer, &alice));
    assert_int_equal(e->msg.code, PROA_COAP_GET);
    assert_false(e->multicast);
    expect_nothing(&s);
    hear_nothing(&s);
    answer(&s, PROA_COAP_CONTENT, "22 C");
    const heard *h = hear(&s);
    is_message(h, PROA_COAP_ACK, PROA_COAP_CONTENT);
    assert_true(proa_coap_peer_equal(&h->to, &alice));
    assert_int_equal(h->m.mid, 0x1234);
    assert_int_equal(h->len, 4 + 3 + 1 + 4);
    assert_memory_equal(h->bytes + 4,
                        "\x01\x02\x03\xff"
                        "22 C",
                        8);
    hear_nothing(&s);
    assert_int_equal(proa_coap_stats_get(s.c).exchanges, 0);
    proa_coap_response late = {.code = PROA_COAP_CONTENT};
    assert_int_equal(proa_coap_respond(s.c, s.now_ms, e->exchange, &late), PROA_E_NOT_FOUND);
    assert_int_equal(proa_coap_next_ms(s.c), UINT64_MAX);
    station_close(&s);
}

static void rfc7252_4_2_duplicates_in_each_phase(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    tell(&s, &alice, &get_a);
    expect(&s, PROA_COAP_EVENT_REQUEST);
    tell(&s, &alice, &get_a); /* not answered yet */
    expect_nothing(&s);
    hear_nothing(&s);
    pass_ms(&s, 1500); /* the empty ACK goes out */
    expect_nothing(&s);
    const heard *h = hear(&s);
    is_message(h, PROA_COAP_ACK, PROA_COAP_EMPTY);
    assert_int_equal(h->len, 4);
    tell(&s, &alice, &get_a);
    expect_nothing(&s);
    h = hear(&s);
    is_message(h, PROA_COAP_ACK, PROA_COAP_EMPTY);
    answer(&s, PROA_COAP_CONTENT, "x");
    h = hear(&s);
    is_message(h, PROA_COAP_CON, PROA_COAP_CONTENT);
    assert_int_equal(h->m.token.len, 3);
    tell(&s, &alice, &get_a); /* the response is separate now, still the empty ACK */
    h = hear(&s);
    is_message(h, PROA_COAP_ACK, PROA_COAP_EMPTY);
    assert_int_equal(proa_coap_stats_get(s.c).duplicates, 3);
    assert_int_equal(proa_coap_stats_get(s.c).exchanges, 1);
    station_close(&s);
}

static void rfc7252_4_5_the_stored_reply_is_repeated(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    tell(&s, &alice, &get_a);
    expect(&s, PROA_COAP_EVENT_REQUEST);
    answer(&s, PROA_COAP_CONTENT, "a representation longer than one cell of the store");
    const heard *first = hear(&s);
    for (int i = 0; i < 3; i++) {
        pass_ms(&s, 60000);
        tell(&s, &alice, &get_a);
        expect_nothing(&s);
        const heard *again = hear(&s);
        assert_int_equal(again->len, first->len);
        assert_memory_equal(again->bytes, first->bytes, first->len);
    }
    pass_ms(&s, 67001); /* EXCHANGE_LIFETIME is over: the Message ID is new again */
    tell(&s, &alice, &get_a);
    expect(&s, PROA_COAP_EVENT_REQUEST);
    station_close(&s);
}

/* Somebody who rebooted may begin to count where it had been. That is no copy of what it sent then. */
static void rfc7252_4_5_another_token_is_another_message(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    letter second = get_a;
    second.token = (proa_coap_token){{4, 5, 6, 7}, 4};
    tell(&s, &alice, &get_a);
    expect(&s, PROA_COAP_EVENT_REQUEST);
    answer(&s, PROA_COAP_CONTENT, "first");
    is_message(hear(&s), PROA_COAP_ACK, PROA_COAP_CONTENT);
    tell(&s, &alice, &second);
    expect(&s, PROA_COAP_EVENT_REQUEST);
    answer(&s, PROA_COAP_CONTENT, "second");
    is_message(hear(&s), PROA_COAP_ACK, PROA_COAP_CONTENT);
    const letter *copies[] = {&get_a, &second};
    for (size_t i = 0; i < 2; i++) {
        tell(&s, &alice, copies[i]);
        expect_nothing(&s);
        const heard *h = hear(&s);
        assert_true(proa_span_equal(h->m.payload, proa_span_of(i == 0 ? "first" : "second")));
    }
    assert_int_equal(proa_coap_stats_get(s.c).duplicates, 2);
    station_close(&s);
}

static void rfc7252_4_3_duplicate_non_is_silent(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    letter non = get_a;
    non.type = PROA_COAP_NON;
    tell(&s, &bob, &non);
    expect(&s, PROA_COAP_EVENT_REQUEST);
    answer(&s, PROA_COAP_CONTENT, "x");
    const heard *h = hear(&s);
    is_message(h, PROA_COAP_NON, PROA_COAP_CONTENT);
    tell(&s, &bob, &non);
    expect_nothing(&s);
    hear_nothing(&s);
    station_close(&s);
}

static void rfc7252_4_4_message_ids_belong_to_a_peer(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    proa_coap_peer carol = bob;
    carol.addr.port++;
    const proa_coap_peer *peers[] = {&alice, &bob, &carol};
    for (size_t i = 0; i < 3; i++) {
        tell(&s, peers[i], &get_a);
        expect(&s, PROA_COAP_EVENT_REQUEST);
        answer(&s, PROA_COAP_CONTENT, "x");
        const heard *h = hear(&s);
        assert_true(proa_coap_peer_equal(&h->to, peers[i]));
    }
    assert_int_equal(proa_coap_stats_get(s.c).duplicates, 0);
    station_close(&s);
}

static void rfc7252_5_2_2_separate_response_is_retransmitted_until_acked(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    tell(&s, &alice, &get_a);
    expect(&s, PROA_COAP_EVENT_REQUEST);
    proa_coap_defer(s.c, s.now_ms, s.event.exchange);
    const heard *h = hear(&s);
    is_message(h, PROA_COAP_ACK, PROA_COAP_EMPTY);
    proa_coap_defer(s.c, s.now_ms, s.event.exchange); /* once is enough */
    hear_nothing(&s);
    answer(&s, PROA_COAP_CONTENT, "x");
    const heard *first = hear(&s);
    is_message(first, PROA_COAP_CON, PROA_COAP_CONTENT);
    pass_ms(&s, 3001);
    expect_nothing(&s);
    h = hear(&s);
    assert_int_equal(h->len, first->len);
    assert_memory_equal(h->bytes, first->bytes, h->len);
    letter ack = {.type = PROA_COAP_ACK, .mid = first->m.mid};
    tell(&s, &alice, &ack);
    expect_nothing(&s);
    pass_ms(&s, 100000);
    expect_nothing(&s);
    hear_nothing(&s);
    assert_int_equal(proa_coap_stats_get(s.c).exchanges, 0);
    station_close(&s);
}

static void rfc7252_5_2_2_separate_response_given_up(void **state)
{
    (void)state;
    for (int reset = 0; reset < 2; reset++) {
        station s;
        station_config(&s);
        station_open(&s);
        tell(&s, &alice, &get_a);
        expect(&s, PROA_COAP_EVENT_REQUEST);
        proa_coap_defer(s.c, s.now_ms, s.event.exchange);
        hear(&s);
        answer(&s, PROA_COAP_CONTENT, "x");
        const heard *h = hear(&s);
        if (reset == 1) {
            letter rst = {.type = PROA_COAP_RST, .mid = h->m.mid};
            tell(&s, &alice, &rst);
        } else {
            for (int i = 0; i < 4; i++) {
                pass_ms(&s, 48001);
                expect_nothing(&s);
                hear(&s);
            }
            pass_ms(&s, 48001);
        }
        expect_nothing(&s);
        hear_nothing(&s);
        assert_int_equal(proa_coap_stats_get(s.c).exchanges, 0);
        assert_int_equal(proa_coap_next_ms(s.c), UINT64_MAX);
        station_close(&s);
    }
}

static void an_exchange_without_answer_ends(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    tell(&s, &alice, &get_a);
    expect(&s, PROA_COAP_EVENT_REQUEST);
    pass_ms(&s, 1500);
    expect_nothing(&s);
    hear(&s);
    pass_ms(&s, 247000);
    expect_nothing(&s);
    assert_int_equal(proa_coap_stats_get(s.c).exchanges, 0);
    proa_coap_response late = {.code = PROA_COAP_CONTENT};
    assert_int_equal(proa_coap_respond(s.c, s.now_ms, s.event.exchange, &late), PROA_E_NOT_FOUND);
    station_close(&s);
}

static void ignored_requests_stay_silent(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    tell(&s, &alice, &get_a);
    expect(&s, PROA_COAP_EVENT_REQUEST);
    proa_coap_ignore(s.c, s.event.exchange);
    tell(&s, &alice, &get_a);
    expect_nothing(&s);
    pass_ms(&s, 5000);
    expect_nothing(&s);
    hear_nothing(&s);
    station_close(&s);
}

static void rfc7252_4_2_and_4_3_what_makes_no_sense(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        bool reset;
        const char *why;
    } rows[] = {
        {"\x40\x00\x12\x34", 4, true, "CoAP ping"},
        {"\x50\x00\x12\x34", 4, false, "Empty NON"},
        {"\x60\x00\x12\x34", 4, false, "ACK for nothing"},
        {"\x70\x00\x12\x34", 4, false, "RST for nothing"},
        {"\x60\x01\x12\x34", 4, false, "request in an ACK"},
        {"\x70\x01\x12\x34", 4, false, "request in a RST"},
        {"\x70\x45\x12\x34", 4, false, "response in a RST"},
        {"\x40\x45\x12\x34", 4, true, "CON response for nothing"},
        {"\x50\x45\x12\x34", 4, false, "NON response for nothing"},
        {"\x51\x45\x12\x34\x05\x60", 6, true, "NON notification for nothing, RFC 7641 3.6"},
        {"\x60\x45\x12\x34", 4, false, "piggybacked response for nothing"},
        {"\x40\x61\x12\x34", 4, true, "class 3"},
        {"\x40\x21\x12\x34", 4, true, "malformed CON: class 1"},
        {"\x50\x21\x12\x34", 4, false, "malformed NON"},
        {"\x4f\x01\x12\x34", 4, true, "malformed CON: TKL 15"},
        {"\x80\x01\x12\x34", 4, false, "version 2"},
        {"\x40\x01\x12", 3, false, "three bytes"},
        {"", 0, false, "nothing"},
    };
    station s;
    station_config(&s);
    station_open(&s);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tell_bytes(&s, &bob, rows[i].bytes, rows[i].len);
        expect_nothing(&s);
        if (rows[i].reset) {
            const heard *h = hear(&s);
            assert_int_equal(h->len, 4);
            assert_memory_equal(h->bytes, "\x70\x00\x12\x34", 4);
        }
        hear_nothing(&s);
    }
    assert_int_equal(proa_coap_stats_get(s.c).exchanges, 0);
    station_close(&s);
}

static void rfc7252_5_4_critical_options(void **state)
{
    (void)state;
    static const struct {
        letter letter;
        uint8_t code; /* 0: the application gets it */
        const char *why;
    } rows[] = {
        {{.options = {{9, "x", 0, 0}}}, PROA_COAP_BAD_OPTION, "5.4.1: unknown critical"},
        {{.options = {{65001, "x", 0, 0}}}, PROA_COAP_BAD_OPTION, "5.4.1: unknown critical"},
        {{.options = {{65000, "x", 0, 0}}}, 0, "5.4.1: unknown elective"},
        {{.options = {{17, NULL, 60, 0}, {17, NULL, 60, 0}}},
         PROA_COAP_BAD_OPTION,
         "5.4.5: Accept twice"},
        {{.options = {{17, "abc", 0, 0}}}, PROA_COAP_BAD_OPTION, "5.4.3: Accept of 3 bytes"},
        {{.options = {{7, "abc", 0, 0}}}, PROA_COAP_BAD_OPTION, "5.4.3: Uri-Port of 3 bytes"},
        {{.options = {{3, NULL, 0, 0}}}, PROA_COAP_BAD_OPTION, "5.10.1: empty Uri-Host"},
        {{.options = {{3, "h", 0, 0},
                      {7, NULL, 5683, 0},
                      {11, "a", 0, 0},
                      {11, "b", 0, 0},
                      {15, "q", 0, 0},
                      {15, "r", 0, 0},
                      {17, NULL, 60, 0}}},
         0,
         "all known"},
        {{.options = {{1, "etag", 0, 0}, {5, NULL, 0, 0}}}, 0, "5.10.8: conditional"},
        {{.options = {{35, "coap://x/", 0, 0}}},
         PROA_COAP_PROXYING_NOT_SUPPORTED,
         "5.10.2: Proxy-Uri"},
        {{.options = {{39, "coap", 0, 0}}},
         PROA_COAP_PROXYING_NOT_SUPPORTED,
         "5.10.2: Proxy-Scheme"},
        {{.options = {{23, NULL, 7, 0}}}, PROA_COAP_BAD_REQUEST, "RFC 7959 2.2: SZX 7"},
        {{.options = {{27, NULL, 7, 0}}}, PROA_COAP_BAD_REQUEST, "RFC 7959 2.2: SZX 7"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int non = 0; non < 2; non++) {
            station s;
            station_config(&s);
            station_open(&s);
            letter l = rows[i].letter;
            l.type = non == 1 ? PROA_COAP_NON : PROA_COAP_CON;
            l.code = PROA_COAP_GET;
            l.mid = 77;
            l.token = TOKEN(9, 8, 7);
            tell(&s, &bob, &l);
            if (rows[i].code == 0) {
                expect(&s, PROA_COAP_EVENT_REQUEST);
                hear_nothing(&s);
            } else {
                const heard *h = hear(&s);
                bool rejected = non == 1 && rows[i].code == PROA_COAP_BAD_OPTION;
                is_message(h,
                           rejected   ? PROA_COAP_RST
                           : non == 1 ? PROA_COAP_NON
                                      : PROA_COAP_ACK,
                           rejected ? PROA_COAP_EMPTY : rows[i].code);
                assert_int_equal(h->m.token.len, rejected ? 0 : 3);
                assert_true(non == 1 ? rejected == (h->m.mid == 77) : h->m.mid == 77);
                expect_nothing(&s);
            }
            station_close(&s);
        }
    }
}

static void rfc7252_8_multicast(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    letter l = get_a;
    l.multicast = true;
    tell(&s, &bob, &l); /* CON: not heeded */
    expect_nothing(&s);
    l.type = PROA_COAP_NON;
    l.options[1].option = 65001;
    tell(&s, &bob, &l); /* 4.02 would be due */
    expect_nothing(&s);
    hear_nothing(&s);
    l.options[1].option = 0;
    tell(&s, &bob, &l);
    assert_true(expect(&s, PROA_COAP_EVENT_REQUEST)->multicast);
    answer(&s, PROA_COAP_NOT_FOUND, "");
    hear_nothing(&s);
    pass_ms(&s, 5000);
    expect_nothing(&s);
    hear_nothing(&s);
    l.mid++;
    tell(&s, &bob, &l);
    expect(&s, PROA_COAP_EVENT_REQUEST);
    answer(&s, PROA_COAP_CONTENT, "here");
    hear_nothing(&s); /* 8.2: within the Leisure */
    pass_ms(&s, 5000);
    expect_nothing(&s);
    const heard *h = hear(&s);
    is_message(h, PROA_COAP_NON, PROA_COAP_CONTENT);
    static const char *const others[] = {"\x40\x00\x12\x34", "\x40\x45\x12\x34", "\x50\x45\x12\x34",
                                         "\x4f\x01\x12\x34"};
    for (size_t i = 0; i < 4; i++) { /* ping, responses, malformed */
        proa_coap_input(s.c, s.now_ms, &bob, proa_span_make(others[i], 4), true);
        expect_nothing(&s);
        hear_nothing(&s);
    }
    station_close(&s);
}

static void rfc7967_2_no_response(void **state)
{
    (void)state;
    static const struct {
        uint32_t value;
        uint8_t code;
        bool silent;
    } rows[] = {
        {0, PROA_COAP_CHANGED, false},
        {2, PROA_COAP_CHANGED, true},
        {2, PROA_COAP_NOT_FOUND, false},
        {8, PROA_COAP_NOT_FOUND, true},
        {8, PROA_COAP_INTERNAL_SERVER_ERROR, false},
        {16, PROA_COAP_INTERNAL_SERVER_ERROR, true},
        {26, PROA_COAP_CHANGED, true},
        {26, PROA_COAP_NOT_FOUND, true},
        {26, PROA_COAP_SERVICE_UNAVAILABLE, true},
        {24, PROA_COAP_CHANGED, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int non = 0; non < 2; non++) {
            station s;
            station_config(&s);
            station_open(&s);
            letter l = get_a;
            l.code = PROA_COAP_PUT;
            l.type = non == 1 ? PROA_COAP_NON : PROA_COAP_CON;
            l.options[1].option = PROA_COAP_OPT_NO_RESPONSE;
            l.options[1].number = rows[i].value;
            tell(&s, &bob, &l);
            expect(&s, PROA_COAP_EVENT_REQUEST);
            answer(&s, rows[i].code, "");
            if (rows[i].silent && non == 1) {
                hear_nothing(&s);
            } else {
                const heard *h = hear(&s);
                is_message(h, non == 1 ? PROA_COAP_NON : PROA_COAP_ACK,
                           rows[i].silent ? PROA_COAP_EMPTY : rows[i].code);
            }
            assert_int_equal(proa_coap_stats_get(s.c).exchanges, 0);
            station_close(&s);
        }
    }
}

static void full_exchanges_answer_5_03(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    letter l = get_a;
    for (uint32_t i = 0; i < s.config.exchange_max; i++) {
        l.mid++;
        tell(&s, &alice, &l);
        expect(&s, PROA_COAP_EVENT_REQUEST);
    }
    for (int non = 0; non < 2; non++) {
        l.mid++;
        l.type = non == 1 ? PROA_COAP_NON : PROA_COAP_CON;
        tell(&s, &alice, &l);
        expect_nothing(&s);
        const heard *h = hear(&s);
        is_message(h, non == 1 ? PROA_COAP_NON : PROA_COAP_ACK, PROA_COAP_SERVICE_UNAVAILABLE);
        assert_memory_equal(h->bytes + 4, "\x01\x02\x03\xd1\x01\x05", 6); /* Max-Age 5 */
    }
    assert_int_equal(proa_coap_stats_get(s.c).refused_full, 2);
    answer(&s, PROA_COAP_CONTENT, ""); /* one place is free again, also for the same message */
    hear(&s);
    tell(&s, &alice, &l);
    expect(&s, PROA_COAP_EVENT_REQUEST);
    station_close(&s);
}

/* Only unsafe methods may not be forgotten: GETs make place, POSTs do not. */
static void full_deduplication_forgets_safe_ones_first(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    s.config.dedup_bytes = 1024;
    station_open(&s);
    letter post = get_a;
    post.code = PROA_COAP_POST;
    post.mid = 0;
    tell(&s, &alice, &post);
    expect(&s, PROA_COAP_EVENT_REQUEST);
    answer(&s, PROA_COAP_CHANGED, "");
    hear(&s);
    letter l = get_a;
    for (uint16_t i = 0; i < 300; i++) {
        l.mid = (uint16_t)(1000 + i);
        tell(&s, &alice, &l);
        expect(&s, PROA_COAP_EVENT_REQUEST);
        answer(&s, PROA_COAP_CONTENT, "some value that needs a cell of its own");
        const heard *h = hear(&s);
        is_message(h, PROA_COAP_ACK, PROA_COAP_CONTENT);
        hear_nothing(&s);
    }
    tell(&s, &alice, &post); /* still known */
    expect_nothing(&s);
    const heard *h = hear(&s);
    is_message(h, PROA_COAP_ACK, PROA_COAP_CHANGED);
    bool refused = false;
    for (uint16_t i = 1; i < 100 && !refused; i++) {
        post.mid = i;
        tell(&s, &alice, &post);
        if (proa_coap_poll(s.c, s.now_ms, &s.event)) {
            answer(&s, PROA_COAP_CHANGED, "");
        }
        h = hear(&s);
        refused = h->m.code == PROA_COAP_SERVICE_UNAVAILABLE;
    }
    assert_true(refused);
    post.mid = 0;
    tell(&s, &alice, &post);
    expect_nothing(&s);
    h = hear(&s);
    is_message(h, PROA_COAP_ACK, PROA_COAP_CHANGED);
    pass_ms(&s, 247001); /* then all is well again */
    post.mid = 999;
    tell(&s, &alice, &post);
    expect(&s, PROA_COAP_EVENT_REQUEST);
    station_close(&s);
}

/* Replies to unsafe requests that do not fit the store are sent whole once; a repetition must not
 * look like a success without its payload. */
static void full_reply_store_remembers_the_code(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    s.config.dedup_bytes = 1024;
    station_open(&s);
    letter post = get_a;
    post.code = PROA_COAP_POST;
    const heard *h;
    uint16_t last = 0;
    for (uint16_t i = 0; i < 5; i++) {
        post.mid = i;
        tell(&s, &alice, &post);
        expect(&s, PROA_COAP_EVENT_REQUEST);
        proa_coap_response r = {.code = PROA_COAP_CHANGED, .payload = pattern(120)};
        assert_int_equal(proa_coap_respond(s.c, s.now_ms, s.event.exchange, &r), PROA_OK);
        h = hear(&s);
        is_message(h, PROA_COAP_ACK, PROA_COAP_CHANGED);
        assert_int_equal(h->m.mid, i);
        assert_int_equal(h->len, 4 + 3 + 1 + 120);
        hear_nothing(&s);
        last = i;
    }
    post.mid = last;
    tell(&s, &alice, &post);
    expect_nothing(&s);
    h = hear(&s);
    is_message(h, PROA_COAP_ACK, PROA_COAP_SERVICE_UNAVAILABLE);
    post.mid = 0;
    tell(&s, &alice, &post);
    h = hear(&s);
    is_message(h, PROA_COAP_ACK, PROA_COAP_CHANGED);
    station_close(&s);
}

/* Replies that were not taken by output yet are not sacrificed for newer requests. */
static void full_deduplication_keeps_replies_not_sent_yet(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    s.config.dedup_bytes = 1024;
    station_open(&s);
    letter l = get_a;
    uint16_t served = 0;
    for (l.mid = 0; l.mid < 40; l.mid++) {
        tell(&s, &alice, &l);
        if (proa_coap_poll(s.c, s.now_ms, &s.event)) {
            answer(&s, PROA_COAP_CONTENT, "x");
            served++;
        }
    }
    assert_in_range(served, 2, 39);
    uint16_t heard_count = 0;
    proa_coap_peer to;
    proa_span bytes;
    while (proa_coap_output(s.c, s.now_ms, &to, &bytes)) {
        proa_coap_msg m;
        assert_int_equal(proa_coap_parse(&m, bytes), PROA_OK);
        if (m.code == PROA_COAP_CONTENT) {
            assert_int_equal(m.mid, heard_count++);
        }
    }
    assert_int_equal(heard_count, served);
    station_close(&s);
}

/* Requests from ever new addresses, each refused, must not keep those out who are known. */
static void strangers_leave_no_lasting_trace(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        station s;
        station_config(&s);
        station_open(&s);
        letter l = get_a;
        l.code = PROA_COAP_POST;
        proa_coap_peer stranger = bob;
        for (uint16_t i = 0; i < 200; i++) {
            stranger.addr.port = (uint16_t)(20000 + i);
            tell(&s, &stranger, &l);
            expect(&s, PROA_COAP_EVENT_REQUEST);
            if (kind == 0) {
                proa_coap_ignore(s.c, s.event.exchange);
            } else {
                answer(&s, kind == 1 ? PROA_COAP_UNAUTHORIZED : PROA_COAP_FORBIDDEN, "");
                hear(&s);
            }
            expect_nothing(&s);
        }
        tell(&s, &alice, &l);
        expect(&s, PROA_COAP_EVENT_REQUEST);
        ask(&s, &bob, PROA_COAP_GET, "");
        station_close(&s);
    }
}

static void peer_gone_forgets_what_it_sent(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    letter l = get_a;
    tell(&s, &alice, &l);
    expect(&s, PROA_COAP_EVENT_REQUEST);
    answer(&s, PROA_COAP_CONTENT, "x");
    hear(&s);
    l.mid++;
    tell(&s, &alice, &l);
    expect(&s, PROA_COAP_EVENT_REQUEST);
    proa_coap_id open = s.event.exchange;
    proa_coap_peer_gone(s.c, s.now_ms, &alice);
    expect_nothing(&s);
    proa_coap_response r = {.code = PROA_COAP_CONTENT};
    assert_int_equal(proa_coap_respond(s.c, s.now_ms, open, &r), PROA_E_NOT_FOUND);
    tell(&s, &alice, &l);
    expect(&s, PROA_COAP_EVENT_REQUEST);
    station_close(&s);
}

static void response_that_does_not_fit_becomes_5_00(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    tell(&s, &alice, &get_a);
    expect(&s, PROA_COAP_EVENT_REQUEST);
    proa_coap_option options[2] = {{PROA_COAP_OPT_LOCATION_PATH, pattern(200)},
                                   {PROA_COAP_OPT_LOCATION_PATH, pattern(200)}};
    proa_coap_response r = {.code = PROA_COAP_CREATED, .options = options, .option_count = 2};
    assert_int_equal(proa_coap_respond(s.c, s.now_ms, s.event.exchange, &r), PROA_E_TOO_LARGE);
    const heard *h = hear(&s);
    is_message(h, PROA_COAP_ACK, PROA_COAP_INTERNAL_SERVER_ERROR);
    station_close(&s);
}

static void rfc9175_2_echo(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    tell(&s, &bob, &get_a);
    expect(&s, PROA_COAP_EVENT_REQUEST);
    assert_false(proa_coap_echo_ok(s.c, s.now_ms, &s.event, 10000));
    uint8_t fresh[PROA_COAP_ECHO_LEN];
    proa_coap_echo_make(s.c, s.now_ms, &s.event, fresh);
    proa_coap_option option = {PROA_COAP_OPT_ECHO, proa_span_make(fresh, sizeof fresh)};
    proa_coap_response r = {.code = PROA_COAP_UNAUTHORIZED, .options = &option, .option_count = 1};
    assert_int_equal(proa_coap_respond(s.c, s.now_ms, s.event.exchange, &r), PROA_OK);
    const heard *h = hear(&s);
    is_message(h, PROA_COAP_ACK, PROA_COAP_UNAUTHORIZED);
    proa_coap_msg m;
    assert_int_equal(proa_coap_parse(&m, proa_span_make(h->bytes, h->len)), PROA_OK);
    proa_span echo;
    assert_true(proa_coap_option_find(&m, PROA_COAP_OPT_ECHO, &echo));
    assert_in_range(echo.len, 1, 40);

    uint8_t value[41];
    memcpy(value, echo.data, echo.len);
    proa_coap_peer carol = bob;
    carol.addr.port++;
    uint16_t mid = 100;
    struct {
        const proa_coap_peer *from;
        uint64_t after_ms;
        int flip;
        size_t len;
        bool ok;
    } rows[] = {
        {&bob, 0, -1, echo.len, true},      {&bob, 9000, -1, echo.len, true},
        {&bob, 0, 0, echo.len, false},      {&bob, 0, 12, echo.len, false},
        {&bob, 0, -1, echo.len - 1, false}, {&bob, 0, -1, echo.len + 1, false},
        {&carol, 0, -1, echo.len, false},   {&alice, 0, -1, echo.len, false},
        {&bob, 2000, -1, echo.len, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t copy[41] = {0};
        memcpy(copy, value, sizeof value);
        if (rows[i].flip >= 0) {
            copy[rows[i].flip] ^= 1;
        }
        letter l = get_a;
        l.mid = mid++;
        l.options[1].option = PROA_COAP_OPT_ECHO;
        l.options[1].text = (const char *)copy;
        l.options[1].len = rows[i].len;
        pass_ms(&s, rows[i].after_ms);
        tell(&s, rows[i].from, &l);
        expect(&s, PROA_COAP_EVENT_REQUEST);
        assert_int_equal(proa_coap_echo_ok(s.c, s.now_ms, &s.event, 10000), rows[i].ok);
        answer(&s, PROA_COAP_CONTENT, "");
        hear(&s);
    }
    station_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc7252_5_2_1_piggybacked_response),
        cmocka_unit_test(rfc7252_4_2_duplicates_in_each_phase),
        cmocka_unit_test(rfc7252_4_5_the_stored_reply_is_repeated),
        cmocka_unit_test(rfc7252_4_5_another_token_is_another_message),
        cmocka_unit_test(rfc7252_4_3_duplicate_non_is_silent),
        cmocka_unit_test(rfc7252_4_4_message_ids_belong_to_a_peer),
        cmocka_unit_test(rfc7252_5_2_2_separate_response_is_retransmitted_until_acked),
        cmocka_unit_test(rfc7252_5_2_2_separate_response_given_up),
        cmocka_unit_test(an_exchange_without_answer_ends),
        cmocka_unit_test(ignored_requests_stay_silent),
        cmocka_unit_test(rfc7252_4_2_and_4_3_what_makes_no_sense),
        cmocka_unit_test(rfc7252_5_4_critical_options),
        cmocka_unit_test(rfc7252_8_multicast),
        cmocka_unit_test(rfc7967_2_no_response),
        cmocka_unit_test(full_exchanges_answer_5_03),
        cmocka_unit_test(full_deduplication_forgets_safe_ones_first),
        cmocka_unit_test(full_reply_store_remembers_the_code),
        cmocka_unit_test(full_deduplication_keeps_replies_not_sent_yet),
        cmocka_unit_test(strangers_leave_no_lasting_trace),
        cmocka_unit_test(peer_gone_forgets_what_it_sent),
        cmocka_unit_test(response_that_does_not_fit_becomes_5_00),
        cmocka_unit_test(rfc9175_2_echo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
