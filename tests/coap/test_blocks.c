/* SPDX-License-Identifier: Apache-2.0 */
/* Block-wise transfers (RFC 7959, RFC 9175 §3) in both roles: blocks.c, assemble.c, compose.c. */
#include "tests/coap/station.h"

static uint32_t block(uint32_t num, bool more, uint8_t szx)
{
    proa_coap_block b = {num, more, szx};
    return proa_coap_block_value(&b);
}

/* ---- server role: Block1 ----------------------------------------------------------------- */

/* One block of a PUT to /a, cut from pattern(total). */
static letter upload(uint16_t mid, size_t total, uint32_t num, uint8_t szx, const char *tag)
{
    size_t size = (size_t)16 << szx;
    size_t at = num * size;
    size_t len = at >= total ? 0 : total - at < size ? total - at : size;
    letter l = {.type = PROA_COAP_CON, .code = PROA_COAP_PUT, .mid = mid, .token = TOKEN(1)};
    l.options[0].option = PROA_COAP_OPT_URI_PATH;
    l.options[0].text = "a";
    l.options[1].option = PROA_COAP_OPT_BLOCK1;
    l.options[1].number = block(num, at + len < total, szx);
    if (tag != NULL) {
        l.options[2].option = PROA_COAP_OPT_REQUEST_TAG;
        l.options[2].text = tag;
    }
    l.payload = proa_span_make(pattern(total).data + at, len);
    return l;
}

static void is_reply(station *s, uint8_t code, uint32_t block1)
{
    const heard *h = hear(s);
    is_message(h, PROA_COAP_ACK, code);
    assert_int_equal(option_of(&h->m, PROA_COAP_OPT_BLOCK1), block1);
    hear_nothing(s);
}

static void rfc7959_2_3_bodies_of_every_edge_size(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 15, 16, 17, 31, 32, 33, 127, 128, 129, 256, 1000, 1024};
    for (uint8_t szx = 0; szx <= 6; szx++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            station s;
            station_config(&s);
            station_open(&s);
            uint8_t ours = szx < 3 ? szx : 3; /* the device's blocks have 128 bytes */
            size_t size = (size_t)16 << szx;
            uint32_t last = sizes[i] == 0 ? 0 : (uint32_t)((sizes[i] - 1) / size);
            for (uint32_t num = 0; num < last; num++) {
                letter l = upload((uint16_t)num, sizes[i], num, szx, NULL);
                for (int copy = 0; copy < 2; copy++) { /* a duplicate changes nothing */
                    tell(&s, &alice, &l);
                    expect_nothing(&s);
                    is_reply(&s, PROA_COAP_CONTINUE, block(num, true, ours));
                }
            }
            letter l = upload((uint16_t)last, sizes[i], last, szx, NULL);
            tell(&s, &alice, &l);
            proa_coap_event *e = expect(&s, PROA_COAP_EVENT_REQUEST);
            assert_true(proa_span_equal(e->msg.payload, pattern(sizes[i])));
            answer(&s, PROA_COAP_CHANGED, "");
            expect_nothing(&s);
            is_reply(&s, PROA_COAP_CHANGED, block(last, false, ours));
            assert_int_equal(proa_coap_stats_get(s.c).bodies, 0);
            assert_int_equal(proa_coap_stats_get(s.c).exchanges, 0);
            station_close(&s);
        }
    }
}

static void rfc7959_2_9_2_out_of_order_is_incomplete(void **state)
{
    (void)state;
    static const struct {
        uint32_t nums[4];
        uint8_t codes[4]; /* 0: REQUEST */
    } rows[] = {
        {{1, 0, 1, 2},
         {PROA_COAP_REQUEST_ENTITY_INCOMPLETE, PROA_COAP_CONTINUE, PROA_COAP_CONTINUE, 0}},
        {{0, 2, 1, 0},
         {PROA_COAP_CONTINUE, PROA_COAP_REQUEST_ENTITY_INCOMPLETE,
          PROA_COAP_REQUEST_ENTITY_INCOMPLETE, PROA_COAP_CONTINUE}},
        {{0, 1, 1, 2}, {PROA_COAP_CONTINUE, PROA_COAP_CONTINUE, PROA_COAP_CONTINUE, 0}},
        {{0, 1, 0, 1},
         {PROA_COAP_CONTINUE, PROA_COAP_CONTINUE, PROA_COAP_CONTINUE, PROA_COAP_CONTINUE}},
        {{2, 2, 0, 2},
         {PROA_COAP_REQUEST_ENTITY_INCOMPLETE, PROA_COAP_REQUEST_ENTITY_INCOMPLETE,
          PROA_COAP_CONTINUE, PROA_COAP_REQUEST_ENTITY_INCOMPLETE}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        station s;
        station_config(&s);
        station_open(&s);
        for (uint16_t k = 0; k < 4; k++) {
            letter l = upload(k, 40, rows[i].nums[k], 0, NULL);
            tell(&s, &alice, &l);
            if (rows[i].codes[k] == 0) {
                proa_coap_event *e = expect(&s, PROA_COAP_EVENT_REQUEST);
                assert_true(proa_span_equal(e->msg.payload, pattern(40)));
            } else {
                expect_nothing(&s);
                is_message(hear(&s), PROA_COAP_ACK, rows[i].codes[k]);
            }
        }
        station_close(&s);
    }
}

static void rfc9175_3_3_two_uploads_at_once(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    s.config.body_count_max = 3;
    station_open(&s);
    /* Alice twice with different tags, bob once; two blocks each, mixed. */
    const struct {
        const proa_coap_peer *from;
        const char *tag;
        size_t total;
    } uploads[] = {{&alice, "t1", 30}, {&alice, "t2", 25}, {&bob, "t1", 20}};
    for (uint32_t num = 0; num < 2; num++) {
        for (uint16_t u = 0; u < 3; u++) {
            letter l = upload((uint16_t)(num * 10 + u), uploads[u].total, num, 0, uploads[u].tag);
            tell(&s, uploads[u].from, &l);
            if (num == 1) {
                proa_coap_event *e = expect(&s, PROA_COAP_EVENT_REQUEST);
                assert_true(proa_span_equal(e->msg.payload, pattern(uploads[u].total)));
                answer(&s, PROA_COAP_CHANGED, "");
            }
            expect_nothing(&s);
            is_message(hear(&s), PROA_COAP_ACK, num == 0 ? PROA_COAP_CONTINUE : PROA_COAP_CHANGED);
        }
    }
    station_close(&s);
}

static void rfc7959_2_5_other_options_are_another_body(void **state)
{
    (void)state;
    for (int other = 0; other < 3; other++) {
        station s;
        station_config(&s);
        station_open(&s);
        letter l = upload(0, 30, 0, 0, NULL);
        tell(&s, &alice, &l);
        is_reply(&s, PROA_COAP_CONTINUE, block(0, true, 0));
        l = upload(1, 30, 1, 0, NULL);
        if (other == 0) {
            l.options[0].text = "b";
        } else if (other == 1) {
            l.code = PROA_COAP_POST;
        } else {
            l.options[2].option = PROA_COAP_OPT_SIZE1; /* NoCacheKey: the same body */
            l.options[2].number = 30;
        }
        tell(&s, &alice, &l);
        if (other == 2) {
            expect(&s, PROA_COAP_EVENT_REQUEST);
        } else {
            is_reply(&s, PROA_COAP_REQUEST_ENTITY_INCOMPLETE, block(1, false, 0));
        }
        station_close(&s);
    }
}

static void bad_and_too_large_blocks_are_refused(void **state)
{
    (void)state;
    static const struct {
        size_t len;
        uint32_t block1, size1;
        uint8_t code;
        const char *why;
    } rows[] = {
        {15, 0x08, 0, PROA_COAP_BAD_REQUEST, "2.2: more, but not full"},
        {17, 0x08, 0, PROA_COAP_BAD_REQUEST, "2.2: fuller than full"},
        {17, 0x00, 0, PROA_COAP_BAD_REQUEST, "2.2: fuller than full, last"},
        {16, 0x0f, 0, PROA_COAP_BAD_REQUEST, "2.2: SZX 7"},
        {16, 0x08, 1025, PROA_COAP_REQUEST_ENTITY_TOO_LARGE, "2.9.3: Size1 says it at once"},
        {16, 0x08, 1024, PROA_COAP_CONTINUE, "4: fits"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        station s;
        station_config(&s);
        station_open(&s);
        letter l = upload(0, 16, 0, 0, NULL);
        l.payload = pattern(rows[i].len);
        l.options[1].number = rows[i].block1;
        if (rows[i].size1 != 0) {
            l.options[2].option = PROA_COAP_OPT_SIZE1;
            l.options[2].number = rows[i].size1;
        }
        tell(&s, &alice, &l);
        expect_nothing(&s);
        const heard *h = hear(&s);
        is_message(h, PROA_COAP_ACK, rows[i].code);
        bool too_large = rows[i].code == PROA_COAP_REQUEST_ENTITY_TOO_LARGE;
        assert_int_equal(option_of(&h->m, PROA_COAP_OPT_SIZE1), too_large ? 1024 : UINT32_MAX);
        station_close(&s);
    }
}

static void rfc7959_2_9_3_a_body_that_grows_too_large(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    for (uint16_t num = 0; num <= 8; num++) { /* 8 * 128 = 1024 = body_max */
        letter l = upload(num, 2000, num, 3, NULL);
        tell(&s, &alice, &l);
        is_message(hear(&s), PROA_COAP_ACK,
                   num < 8 ? PROA_COAP_CONTINUE : PROA_COAP_REQUEST_ENTITY_TOO_LARGE);
    }
    assert_int_equal(proa_coap_stats_get(s.c).bodies, 0);
    station_close(&s);
}

/* The body of an event ends with the next datagram, also when nobody polled once more. */
static void a_body_ends_with_its_event(void **state)
{
    (void)state;
    station s;
    station_config(&s); /* one body */
    station_open(&s);
    for (uint16_t round = 0; round < 3; round++) {
        letter l = upload((uint16_t)(2 * round), 30, 0, 0, NULL);
        tell(&s, &alice, &l);
        is_reply(&s, PROA_COAP_CONTINUE, block(0, true, 0));
        l = upload((uint16_t)(2 * round + 1), 30, 1, 0, NULL);
        tell(&s, &alice, &l);
        expect(&s, PROA_COAP_EVENT_REQUEST);
        answer(&s, PROA_COAP_CHANGED, "");
        is_reply(&s, PROA_COAP_CHANGED, block(1, false, 0));
    }
    station_close(&s);
}

static void full_bodies_answer_5_03_until_one_ends(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    letter l = upload(0, 40, 0, 0, NULL);
    tell(&s, &alice, &l);
    is_reply(&s, PROA_COAP_CONTINUE, block(0, true, 0));
    l = upload(1, 40, 0, 0, NULL);
    tell(&s, &bob, &l);
    is_message(hear(&s), PROA_COAP_ACK, PROA_COAP_SERVICE_UNAVAILABLE);
    pass_ms(&s, 93000); /* nobody went on with alice's */
    expect_nothing(&s);
    assert_int_equal(proa_coap_stats_get(s.c).bodies, 0);
    l.mid = 2;
    tell(&s, &bob, &l);
    is_reply(&s, PROA_COAP_CONTINUE, block(0, true, 0));
    proa_coap_peer_gone(s.c, s.now_ms, &bob);
    assert_int_equal(proa_coap_stats_get(s.c).bodies, 0);
    station_close(&s);
}

/* ---- server role: Block2 ----------------------------------------------------------------- */

static letter get_block(uint16_t mid, bool has_block, uint32_t num, uint8_t szx)
{
    letter l = {.type = PROA_COAP_CON, .code = PROA_COAP_GET, .mid = mid, .token = TOKEN(2)};
    l.options[0].option = PROA_COAP_OPT_URI_PATH;
    l.options[0].text = "a";
    if (has_block) {
        l.options[1].option = PROA_COAP_OPT_BLOCK2;
        l.options[1].number = block(num, false, szx);
    }
    return l;
}

static void respond_with(station *s, size_t len)
{
    uint8_t format[] = {42};
    proa_coap_option option = {PROA_COAP_OPT_CONTENT_FORMAT, proa_span_make(format, 1)};
    proa_coap_response r = {
        .code = PROA_COAP_CONTENT, .options = &option, .option_count = 1, .payload = pattern(len)};
    assert_int_equal(proa_coap_respond(s->c, s->now_ms, s->event.exchange, &r), PROA_OK);
}

static void rfc7959_2_4_responses_of_every_edge_size(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 15, 16, 17, 127, 128, 129, 256, 257, 1000};
    for (uint8_t szx = 0; szx <= 7; szx++) { /* 7: the peer asks for nothing */
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            station s;
            station_config(&s);
            station_open(&s);
            uint8_t body[1024];
            size_t len = 0;
            size_t size = szx < 3 ? (size_t)16 << szx : 128;
            bool more = true;
            uint8_t used = szx == 7 ? 6 : szx;
            proa_span etag_first = {NULL, 0};
            uint8_t etag_bytes[8];
            for (uint32_t num = 0; more; num++) {
                letter l = get_block((uint16_t)num, szx < 7 || num > 0, num, used);
                tell(&s, &alice, &l);
                expect(&s, PROA_COAP_EVENT_REQUEST);
                respond_with(&s, sizes[i]);
                const heard *h = hear(&s);
                is_message(h, PROA_COAP_ACK, PROA_COAP_CONTENT);
                if (h->m.payload.len > 0) {
                    memcpy(body + len, h->m.payload.data, h->m.payload.len);
                }
                len += h->m.payload.len;
                more = false;
                proa_span etag;
                bool has_etag = proa_coap_option_find(&h->m, PROA_COAP_OPT_ETAG, &etag);
                proa_span value;
                if (proa_coap_option_find(&h->m, PROA_COAP_OPT_BLOCK2, &value)) {
                    proa_coap_block b;
                    assert_int_equal(proa_coap_block_parse(value, &b), PROA_OK);
                    assert_int_equal(b.num, num);
                    assert_int_equal((size_t)16 << b.szx, size);
                    used = b.szx;
                    more = b.more;
                    assert_true(has_etag);
                    if (num == 0) {
                        assert_int_equal(option_of(&h->m, PROA_COAP_OPT_SIZE2), sizes[i]);
                        memcpy(etag_bytes, etag.data, 8);
                        etag_first = proa_span_make(etag_bytes, 8);
                    }
                    assert_true(proa_span_equal(etag, etag_first));
                }
            }
            assert_int_equal(len, sizes[i]);
            assert_memory_equal(body, pattern(len).data, len);
            station_close(&s);
        }
    }
}

static void rfc7959_2_4_a_block_behind_the_end(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    letter l = get_block(1, true, 2, 0);
    tell(&s, &alice, &l);
    expect(&s, PROA_COAP_EVENT_REQUEST);
    respond_with(&s, 32);
    is_message(hear(&s), PROA_COAP_ACK, PROA_COAP_BAD_REQUEST);
    station_close(&s);
}

/* Doing a POST again for each block of its response would do it again. */
static void rfc7959_2_7_response_to_an_unsafe_request_is_kept(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    letter l = get_block(1, false, 0, 0);
    l.code = PROA_COAP_POST;
    l.payload = proa_span_of("do it");
    tell(&s, &alice, &l);
    expect(&s, PROA_COAP_EVENT_REQUEST);
    respond_with(&s, 300);
    const heard *h = hear(&s);
    assert_int_equal(option_of(&h->m, PROA_COAP_OPT_BLOCK2), block(0, true, 3));
    size_t len = h->m.payload.len;
    for (uint32_t num = 1; num < 3; num++) {
        l = get_block((uint16_t)(1 + num), true, num, 3);
        l.code = PROA_COAP_POST;
        tell(&s, &alice, &l);
        expect_nothing(&s); /* the application is not asked */
        h = hear(&s);
        is_message(h, PROA_COAP_ACK, PROA_COAP_CONTENT);
        assert_int_equal(option_of(&h->m, PROA_COAP_OPT_CONTENT_FORMAT), 42);
        assert_memory_equal(h->m.payload.data, pattern(1000).data + len, h->m.payload.len);
        len += h->m.payload.len;
    }
    assert_int_equal(len, 300);
    l.mid = 50;
    tell(&s, &bob, &l); /* not his */
    expect_nothing(&s);
    is_message(hear(&s), PROA_COAP_ACK, PROA_COAP_REQUEST_ENTITY_INCOMPLETE);
    pass_ms(&s, 93000);
    expect_nothing(&s);
    assert_int_equal(proa_coap_stats_get(s.c).bodies, 0);
    station_close(&s);
}

/* ---- client role: Block1 ----------------------------------------------------------------- */

static proa_coap_id put(station *s, size_t len)
{
    proa_coap_option path = {PROA_COAP_OPT_URI_PATH, proa_span_of("a")};
    proa_coap_request r = {.code = PROA_COAP_PUT,
                           .options = &path,
                           .option_count = 1,
                           .payload = pattern(len),
                           .user = 42};
    proa_coap_id id;
    assert_int_equal(proa_coap_send(s->c, s->now_ms, &alice, &r, &id), PROA_OK);
    return id;
}

/* Checks the block we sent and answers it. */
static void take_block(station *s, size_t total, uint32_t num, uint8_t szx, uint8_t code,
                       uint32_t block1)
{
    size_t size = (size_t)16 << szx;
    size_t at = num * size;
    size_t len = total - at < size ? total - at : size;
    const heard *h = hear(s);
    is_message(h, PROA_COAP_CON, PROA_COAP_PUT);
    assert_int_equal(option_of(&h->m, PROA_COAP_OPT_BLOCK1), block(num, at + len < total, szx));
    assert_int_equal(option_of(&h->m, PROA_COAP_OPT_SIZE1), num == 0 ? total : UINT32_MAX);
    assert_true(has_option(&h->m, PROA_COAP_OPT_REQUEST_TAG));
    assert_int_equal(h->m.payload.len, len);
    assert_memory_equal(h->m.payload.data, pattern(total).data + at, len);
    letter l = {.type = PROA_COAP_ACK, .code = code, .mid = h->m.mid, .token = h->m.token};
    if (block1 != UINT32_MAX) {
        l.options[0].option = PROA_COAP_OPT_BLOCK1;
        l.options[0].number = block1;
    }
    tell(s, &alice, &l);
}

static void responds(station *s, uint8_t code)
{
    assert_int_equal(expect(s, PROA_COAP_EVENT_RESPONSE)->msg.code, code);
    expect_nothing(s);
    hear_nothing(s);
    assert_int_equal(proa_coap_stats_get(s->c).requests, 0);
    assert_int_equal(proa_coap_stats_get(s->c).bodies, 0);
    assert_int_equal(proa_coap_next_ms(s->c), UINT64_MAX);
}

static void rfc7959_3_2_upload_with_renegotiation(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    put(&s, 300);
    take_block(&s, 300, 0, 3, PROA_COAP_CONTINUE, block(0, true, 1)); /* 32 would be better */
    for (uint32_t num = 4; num < 9; num++) {
        take_block(&s, 300, num, 1, PROA_COAP_CONTINUE, block(num, true, 1));
    }
    take_block(&s, 300, 9, 1, PROA_COAP_CHANGED, block(9, false, 1));
    responds(&s, PROA_COAP_CHANGED);
    station_close(&s);
}

static void rfc7959_2_3_upload_edge_sizes(void **state)
{
    (void)state;
    static const size_t sizes[] = {129, 255, 256, 257, 1024};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        station s;
        station_config(&s);
        station_open(&s);
        put(&s, sizes[i]);
        uint32_t last = (uint32_t)((sizes[i] - 1) / 128);
        for (uint32_t num = 0; num <= last; num++) {
            take_block(&s, sizes[i], num, 3, num < last ? PROA_COAP_CONTINUE : PROA_COAP_CHANGED,
                       block(num, num < last, 3));
        }
        responds(&s, PROA_COAP_CHANGED);
        put(&s, 128); /* exactly one block: no option at all */
        const heard *h = hear(&s);
        assert_false(has_option(&h->m, PROA_COAP_OPT_BLOCK1));
        station_close(&s);
    }
}

static void rfc7959_2_9_upload_begins_again(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    put(&s, 300);
    take_block(&s, 300, 0, 3, PROA_COAP_CONTINUE, block(0, true, 3));
    take_block(&s, 300, 1, 3, PROA_COAP_REQUEST_ENTITY_INCOMPLETE, UINT32_MAX); /* rebooted */
    take_block(&s, 300, 0, 3, PROA_COAP_REQUEST_ENTITY_TOO_LARGE, block(0, true, 2));
    take_block(&s, 300, 0, 2, PROA_COAP_REQUEST_ENTITY_INCOMPLETE, UINT32_MAX);
    take_block(&s, 300, 0, 2, PROA_COAP_REQUEST_ENTITY_INCOMPLETE, UINT32_MAX); /* enough */
    responds(&s, PROA_COAP_REQUEST_ENTITY_INCOMPLETE);
    station_close(&s);
}

static void rfc7959_2_9_3_cut_after_4_13(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    put(&s, 100);
    const heard *h = hear(&s);
    assert_false(has_option(&h->m, PROA_COAP_OPT_BLOCK1));
    letter l = {.type = PROA_COAP_ACK,
                .code = PROA_COAP_REQUEST_ENTITY_TOO_LARGE,
                .mid = h->m.mid,
                .token = h->m.token};
    l.options[0].option = PROA_COAP_OPT_BLOCK1;
    l.options[0].number = block(0, true, 2);
    tell(&s, &alice, &l);
    expect_nothing(&s);
    take_block(&s, 100, 0, 2, PROA_COAP_CONTINUE, block(0, true, 2));
    take_block(&s, 100, 1, 2, PROA_COAP_CHANGED, block(1, false, 2));
    responds(&s, PROA_COAP_CHANGED);
    station_close(&s);
}

static void upload_refused_half_way(void **state)
{
    (void)state;
    static const struct {
        uint8_t code;
        uint32_t block1;
        bool protocol;
    } rows[] = {
        {PROA_COAP_FORBIDDEN, UINT32_MAX, false},
        {PROA_COAP_CHANGED, UINT32_MAX, false}, /* knows no blocks, took the first for all */
        {PROA_COAP_REQUEST_ENTITY_TOO_LARGE, UINT32_MAX, false},
        {PROA_COAP_CONTINUE, UINT32_MAX, true},
        {PROA_COAP_CONTINUE, 0x1b, true}, /* continues block 1 */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        station s;
        station_config(&s);
        station_open(&s);
        put(&s, 300);
        take_block(&s, 300, 0, 3, rows[i].code, rows[i].block1);
        if (rows[i].protocol) {
            assert_int_equal(expect(&s, PROA_COAP_EVENT_FAILED)->failure,
                             PROA_COAP_FAILED_PROTOCOL);
        } else {
            responds(&s, rows[i].code);
        }
        station_close(&s);
    }
}

/* ---- client role: Block2 ----------------------------------------------------------------- */

/* Checks that block `num` is asked for and answers with what stands in the rest. */
static void give_block(station *s, size_t total, uint32_t num, uint8_t szx, const char *etag)
{
    size_t size = (size_t)16 << szx;
    size_t at = num * size;
    size_t len = total - at < size ? total - at : size;
    const heard *h = hear(s);
    is_message(h, PROA_COAP_CON, PROA_COAP_GET);
    uint32_t asked = option_of(&h->m, PROA_COAP_OPT_BLOCK2);
    assert_int_equal((asked >> 4) << (asked & 7), num << szx);
    letter l = {
        .type = PROA_COAP_ACK, .code = PROA_COAP_CONTENT, .mid = h->m.mid, .token = h->m.token};
    size_t o = 0;
    if (etag != NULL) {
        l.options[o].option = PROA_COAP_OPT_ETAG;
        l.options[o++].text = etag;
    }
    l.options[o].option = PROA_COAP_OPT_BLOCK2;
    l.options[o].number = block(num, at + len < total, szx);
    l.payload = proa_span_make(pattern(total).data + at, len);
    tell(s, &alice, &l);
}

static void has_body(station *s, size_t len)
{
    proa_coap_event *e = expect(s, PROA_COAP_EVENT_RESPONSE);
    assert_true(proa_span_equal(e->msg.payload, pattern(len)));
    expect_nothing(s);
    hear_nothing(s);
    assert_int_equal(proa_coap_stats_get(s->c).requests, 0);
    assert_int_equal(proa_coap_stats_get(s->c).bodies, 0);
}

static void rfc7959_3_1_download_edge_sizes(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 128, 129, 256, 257, 1000, 1024};
    for (uint8_t szx = 0; szx <= 4; szx++) { /* 4: larger than we proposed */
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            station s;
            station_config(&s);
            station_open(&s);
            ask(&s, &alice, PROA_COAP_GET, "");
            for (uint32_t num = 0; num == 0 || num * (16U << szx) < sizes[i]; num++) {
                give_block(&s, sizes[i], num, szx, "e1");
            }
            has_body(&s, sizes[i]);
            station_close(&s);
        }
    }
}

static void rfc7959_2_4_server_shrinks_the_blocks_half_way(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    ask(&s, &alice, PROA_COAP_GET, "");
    give_block(&s, 300, 0, 3, NULL);
    for (uint32_t num = 4; num < 10; num++) {
        give_block(&s, 300, num, 1, NULL);
    }
    has_body(&s, 300);
    station_close(&s);
}

static void rfc7959_2_4_changed_etag_begins_again(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    ask(&s, &alice, PROA_COAP_GET, "");
    give_block(&s, 300, 0, 3, "e1");
    give_block(&s, 300, 1, 3, "e2");
    give_block(&s, 300, 0, 3, "e2");
    give_block(&s, 300, 1, 3, NULL); /* an ETag that goes is another one, too */
    give_block(&s, 300, 0, 3, "e2");
    give_block(&s, 300, 1, 3, "e2");
    give_block(&s, 300, 2, 3, "e2");
    has_body(&s, 300);
    ask(&s, &alice, PROA_COAP_GET, "");
    for (int i = 0; i < 3; i++) { /* it never stops changing */
        give_block(&s, 300, 0, 3, "e1");
        give_block(&s, 300, 1, 3, "e2");
    }
    give_block(&s, 300, 0, 3, "e1");
    give_block(&s, 300, 1, 3, "e2");
    assert_int_equal(expect(&s, PROA_COAP_EVENT_FAILED)->failure, PROA_COAP_FAILED_PROTOCOL);
    assert_int_equal(proa_coap_stats_get(s.c).bodies, 0);
    station_close(&s);
}

static void download_that_cannot_be_taken(void **state)
{
    (void)state;
    static const struct {
        uint32_t block2[2];
        size_t len[2];
        uint32_t size2;
        proa_coap_failure why;
    } rows[] = {
        {{0x1b, 0}, {128, 0}, 0, PROA_COAP_FAILED_PROTOCOL},      /* begins with block 1 */
        {{0x0b, 0}, {100, 0}, 0, PROA_COAP_FAILED_PROTOCOL},      /* more, but not full */
        {{0x0f, 0}, {128, 0}, 0, PROA_COAP_FAILED_PROTOCOL},      /* SZX 7 */
        {{0x0b, 0x2b}, {128, 128}, 0, PROA_COAP_FAILED_PROTOCOL}, /* skips block 1 */
        {{0x0b, 0x0b}, {128, 128}, 0, PROA_COAP_FAILED_PROTOCOL}, /* block 0 again */
        {{0x0b, 0}, {128, 0}, 1025, PROA_COAP_FAILED_TOO_LARGE},
        {{0x0e, 0x16}, {1024, 1}, 0, PROA_COAP_FAILED_TOO_LARGE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        station s;
        station_config(&s);
        station_open(&s);
        ask(&s, &alice, PROA_COAP_GET, "");
        for (size_t k = 0; k < 2 && rows[i].len[k] > 0; k++) {
            const heard *h = hear(&s);
            letter l = {.type = PROA_COAP_ACK,
                        .code = PROA_COAP_CONTENT,
                        .mid = h->m.mid,
                        .token = h->m.token};
            l.options[0].option = PROA_COAP_OPT_BLOCK2;
            l.options[0].number = rows[i].block2[k];
            if (rows[i].size2 != 0) {
                l.options[1].option = PROA_COAP_OPT_SIZE2;
                l.options[1].number = rows[i].size2;
            }
            l.payload = pattern(rows[i].len[k]);
            tell(&s, &alice, &l);
        }
        assert_int_equal(expect(&s, PROA_COAP_EVENT_FAILED)->failure, rows[i].why);
        expect_nothing(&s);
        hear_nothing(&s);
        assert_int_equal(proa_coap_stats_get(s.c).bodies, 0);
        station_close(&s);
    }
}

static void no_place_for_the_response(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    letter l = upload(0, 40, 0, 0, NULL); /* bob's upload holds the only body */
    tell(&s, &bob, &l);
    hear(&s);
    ask(&s, &alice, PROA_COAP_GET, "");
    give_block(&s, 300, 0, 3, NULL);
    assert_int_equal(expect(&s, PROA_COAP_EVENT_FAILED)->failure, PROA_COAP_FAILED_FULL);
    station_close(&s);
}

static void an_error_instead_of_a_later_block(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    ask(&s, &alice, PROA_COAP_GET, "");
    give_block(&s, 300, 0, 3, NULL);
    const heard *h = hear(&s);
    letter l = {
        .type = PROA_COAP_ACK, .code = PROA_COAP_NOT_FOUND, .mid = h->m.mid, .token = h->m.token};
    tell(&s, &alice, &l);
    responds(&s, PROA_COAP_NOT_FOUND);
    station_close(&s);
}

static void rfc8132_2_later_blocks_of_fetch_repeat_its_payload(void **state)
{
    (void)state;
    static const uint8_t codes[] = {PROA_COAP_FETCH, PROA_COAP_POST};
    for (size_t i = 0; i < 2; i++) {
        station s;
        station_config(&s);
        station_open(&s);
        ask(&s, &alice, codes[i], "query");
        const heard *h = hear(&s);
        assert_true(proa_span_equal(h->m.payload, proa_span_of("query")));
        letter l = {
            .type = PROA_COAP_ACK, .code = PROA_COAP_CONTENT, .mid = h->m.mid, .token = h->m.token};
        l.options[0].option = PROA_COAP_OPT_BLOCK2;
        l.options[0].number = block(0, true, 3);
        l.payload = pattern(128);
        tell(&s, &alice, &l);
        h = hear(&s);
        assert_int_equal(h->m.code, codes[i]);
        assert_int_equal(option_of(&h->m, PROA_COAP_OPT_BLOCK2), block(1, false, 3));
        assert_true(proa_span_equal(h->m.payload, proa_span_of(i == 0 ? "query" : "")));
        station_close(&s);
    }
}

/* ---- observing long representations ------------------------------------------------------ */

static void rfc7959_2_6_the_rest_of_a_notification_is_fetched(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    proa_coap_request r = {.code = PROA_COAP_GET, .observe = PROA_COAP_OBSERVE_START};
    proa_coap_id id;
    assert_int_equal(proa_coap_send(s.c, s.now_ms, &alice, &r, &id), PROA_OK);
    const heard *h = hear(&s);
    proa_coap_token token = h->m.token;
    letter l = {.type = PROA_COAP_ACK, .code = PROA_COAP_CONTENT, .mid = h->m.mid, .token = token};
    l.options[0].option = PROA_COAP_OPT_OBSERVE;
    l.options[0].number = 5;
    l.options[1].option = PROA_COAP_OPT_BLOCK2;
    l.options[1].number = block(0, true, 3);
    l.payload = pattern(128);
    for (int round = 0; round < 3; round++) {
        tell(&s, &alice, &l);
        expect_nothing(&s);
        h = hear(&s);
        is_message(h, PROA_COAP_CON, PROA_COAP_GET);
        assert_false(has_option(&h->m, PROA_COAP_OPT_OBSERVE));
        assert_false(proa_coap_token_equal(&h->m.token, &token));
        if (round == 1) { /* overtaken by a newer one: its rest is fetched instead */
            l.options[0].number++;
            l.mid++;
            tell(&s, &alice, &l);
            h = hear(&s);
            assert_int_equal(option_of(&h->m, PROA_COAP_OPT_BLOCK2), block(1, false, 3));
        }
        letter rest = {
            .type = PROA_COAP_ACK, .code = PROA_COAP_CONTENT, .mid = h->m.mid, .token = h->m.token};
        rest.options[0].option = PROA_COAP_OPT_BLOCK2;
        rest.options[0].number = block(1, false, 3);
        rest.payload = proa_span_make(pattern(200).data + 128, 72);
        tell(&s, &alice, &rest);
        proa_coap_event *e =
            expect(&s, round == 0 ? PROA_COAP_EVENT_RESPONSE : PROA_COAP_EVENT_NOTIFICATION);
        assert_int_equal(e->request, id);
        assert_true(e->observing);
        assert_true(proa_span_equal(e->msg.payload, pattern(200)));
        expect_nothing(&s);
        hear_nothing(&s);
        assert_int_equal(proa_coap_stats_get(s.c).bodies, 0);
        assert_int_equal(proa_coap_next_ms(s.c), UINT64_MAX);
        l.type = PROA_COAP_NON;
        l.mid++;
        l.options[0].number++;
    }
    station_close(&s);
}

static void rfc7959_2_6_a_long_notification_sends_its_first_block(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    letter l = get_block(1, true, 0, 1);
    l.options[2] = l.options[1];
    l.options[1] = l.options[0];
    l.options[0].option = PROA_COAP_OPT_OBSERVE;
    l.options[0].text = NULL;
    tell(&s, &alice, &l);
    expect(&s, PROA_COAP_EVENT_REQUEST);
    proa_coap_id id;
    assert_int_equal(proa_coap_accept(s.c, s.event.exchange, 0, &id), PROA_OK);
    respond_with(&s, 100);
    const heard *h = hear(&s);
    assert_int_equal(option_of(&h->m, PROA_COAP_OPT_BLOCK2), block(0, true, 1));
    proa_coap_response r = {.code = PROA_COAP_CONTENT, .payload = pattern(100)};
    assert_int_equal(proa_coap_notify(s.c, s.now_ms, id, &r, false), PROA_OK);
    h = hear(&s);
    assert_true(has_option(&h->m, PROA_COAP_OPT_OBSERVE));
    assert_true(has_option(&h->m, PROA_COAP_OPT_ETAG));
    assert_int_equal(option_of(&h->m, PROA_COAP_OPT_BLOCK2), block(0, true, 1)); /* as asked */
    assert_true(proa_span_equal(h->m.payload, pattern(32)));
    station_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc7959_2_3_bodies_of_every_edge_size),
        cmocka_unit_test(rfc7959_2_9_2_out_of_order_is_incomplete),
        cmocka_unit_test(rfc9175_3_3_two_uploads_at_once),
        cmocka_unit_test(rfc7959_2_5_other_options_are_another_body),
        cmocka_unit_test(bad_and_too_large_blocks_are_refused),
        cmocka_unit_test(rfc7959_2_9_3_a_body_that_grows_too_large),
        cmocka_unit_test(a_body_ends_with_its_event),
        cmocka_unit_test(full_bodies_answer_5_03_until_one_ends),
        cmocka_unit_test(rfc7959_2_4_responses_of_every_edge_size),
        cmocka_unit_test(rfc7959_2_4_a_block_behind_the_end),
        cmocka_unit_test(rfc7959_2_7_response_to_an_unsafe_request_is_kept),
        cmocka_unit_test(rfc7959_3_2_upload_with_renegotiation),
        cmocka_unit_test(rfc7959_2_3_upload_edge_sizes),
        cmocka_unit_test(rfc7959_2_9_upload_begins_again),
        cmocka_unit_test(rfc7959_2_9_3_cut_after_4_13),
        cmocka_unit_test(upload_refused_half_way),
        cmocka_unit_test(rfc7959_3_1_download_edge_sizes),
        cmocka_unit_test(rfc7959_2_4_server_shrinks_the_blocks_half_way),
        cmocka_unit_test(rfc7959_2_4_changed_etag_begins_again),
        cmocka_unit_test(download_that_cannot_be_taken),
        cmocka_unit_test(no_place_for_the_response),
        cmocka_unit_test(an_error_instead_of_a_later_block),
        cmocka_unit_test(rfc8132_2_later_blocks_of_fetch_repeat_its_payload),
        cmocka_unit_test(rfc7959_2_6_the_rest_of_a_notification_is_fetched),
        cmocka_unit_test(rfc7959_2_6_a_long_notification_sends_its_first_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
