/* SPDX-License-Identifier: Apache-2.0 */
/* A program whose requests need no blocks: it links none, and what would need them is refused. */
#include "tests/coap/station.h"

const proa_coap_blocks *const proa_coap_request_blocks = NULL;

static proa_err send_bytes(station *s, uint8_t code, proa_span payload)
{
    proa_coap_id id;
    proa_coap_request r = {.code = code, .payload = payload};
    return proa_coap_send(s->c, s->now_ms, &alice, &r, &id);
}

static void a_payload_longer_than_a_message_is_refused(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    assert_int_equal(send_bytes(&s, PROA_COAP_POST, pattern(129)), PROA_E_TOO_LARGE);
    assert_int_equal(send_bytes(&s, PROA_COAP_POST, pattern(128)), PROA_OK);
    const heard *h = hear(&s);
    assert_int_equal(h->m.payload.len, 128);
    station_close(&s);
}

static void rfc7959_2_4_the_first_block_of_more_is_no_response(void **state)
{
    (void)state;
    static const struct {
        uint32_t block2;
        bool is_whole;
    } rows[] = {{0x00, true}, {0x03, true}, {0x0b, false}, {0x13, false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        station s;
        station_config(&s);
        station_open(&s);
        assert_int_equal(send_bytes(&s, PROA_COAP_GET, pattern(0)), PROA_OK);
        const heard *h = hear(&s);
        proa_span none;
        assert_false(proa_coap_option_find(&h->m, PROA_COAP_OPT_BLOCK2, &none));
        letter l = {.type = PROA_COAP_ACK, .code = PROA_COAP_CONTENT, .mid = h->m.mid};
        l.token = h->m.token;
        l.options[0].option = PROA_COAP_OPT_BLOCK2;
        l.options[0].number = rows[i].block2;
        l.payload = pattern(128);
        tell(&s, &alice, &l);
        expect(&s, rows[i].is_whole ? PROA_COAP_EVENT_RESPONSE : PROA_COAP_EVENT_FAILED);
        if (!rows[i].is_whole) {
            assert_int_equal(s.event.failure, PROA_COAP_FAILED_TOO_LARGE);
        }
        hear_nothing(&s);
        assert_int_equal(proa_coap_stats_get(s.c).requests, 0);
        station_close(&s);
    }
}

/* What peers ask for is cut into blocks all the same. */
static void rfc7959_2_4_a_long_response_of_ours_is_cut(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    letter l = {.type = PROA_COAP_CON, .code = PROA_COAP_GET, .mid = 1};
    tell(&s, &alice, &l);
    expect(&s, PROA_COAP_EVENT_REQUEST);
    proa_coap_response r = {.code = PROA_COAP_CONTENT, .payload = pattern(300)};
    assert_int_equal(proa_coap_respond(s.c, s.now_ms, s.event.exchange, &r), PROA_OK);
    const heard *h = hear(&s);
    assert_int_equal(proa_coap_option_uint(&h->m, PROA_COAP_OPT_BLOCK2, 0), 0x0b);
    assert_int_equal(h->m.payload.len, 128);
    station_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_payload_longer_than_a_message_is_refused),
        cmocka_unit_test(rfc7959_2_4_the_first_block_of_more_is_no_response),
        cmocka_unit_test(rfc7959_2_4_a_long_response_of_ours_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
