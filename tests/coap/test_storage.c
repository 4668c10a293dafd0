/* SPDX-License-Identifier: Apache-2.0 */
/* Storage: configurations, running out of memory anywhere, the size of a device, cells.c,
 * base/siphash.c. */
#include "core/base/siphash.h"
#include "core/coap/cells.h"
#include "tests/coap/station.h"

/* The key 00 01 .. 0f and inputs 00 01 .. of the SipHash paper's reference vectors. */
static void siphash_reference_vectors(void **state)
{
    (void)state;
    static const struct {
        size_t len;
        uint64_t tag;
    } rows[] = {
        {0, 0x726fdb47dd0e0e31U}, {1, 0x74f839c593dc67fdU},  {7, 0xab0200f58b01d137U},
        {8, 0x93f5f5799a932462U}, {15, 0xa129ca6149be45e5U}, {63, 0x958a324ceb064572U},
    };
    uint8_t key[16];
    uint8_t in[64];
    for (size_t i = 0; i < 64; i++) {
        key[i % 16] = (uint8_t)(i % 16);
        in[i] = (uint8_t)i;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_true(proa_siphash(key, proa_span_make(in, rows[i].len)) == rows[i].tag);
    }
}

static void cells_keep_every_length(void **state)
{
    (void)state;
    counted_memory counted;
    proa_memory memory = counted_memory_start(&counted);
    proa__cells cells;
    assert_int_equal(proa__cells_init(&cells, &memory, 1, 10), PROA_OK);
    for (size_t len = 0; len <= 281; len++) {
        proa__chain chain;
        uint8_t out[281];
        bool fits = len <= 10 * PROA__CELL_DATA_LEN;
        assert_int_equal(proa__cells_store(&cells, pattern(len), &chain), fits);
        if (fits) {
            proa__cells_load(&cells, chain, out, len);
            assert_true(proa_span_equal(proa_span_make(out, len), pattern(len)));
        } else {
            assert_int_equal(chain, 0);
        }
        proa__cells_release(&cells, chain);
    }
    proa__chain chains[10];
    for (size_t i = 0; i < 10; i++) {
        assert_true(proa__cells_store(&cells, pattern(i + 1), &chains[i]));
    }
    proa__chain none;
    assert_false(proa__cells_store(&cells, pattern(1), &none));
    proa__cells_release(&cells, chains[5]);
    assert_true(proa__cells_store(&cells, pattern(28), &chains[5]));
    for (size_t i = 0; i < 10; i++) {
        uint8_t out[28];
        size_t len = i == 5 ? 28 : i + 1;
        proa__cells_load(&cells, chains[i], out, len);
        assert_memory_equal(out, pattern(28).data, len);
    }
    proa__cells_clear(&cells);
    assert_int_equal(counted.blocks, 0);
}

static void configurations_out_of_range(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    const proa_coap_config good = s.config;
    enum { ROWS = 17 };
    for (int row = 0; row < ROWS; row++) {
        proa_coap_config bad = good;
        switch (row) {
        case 0:
            bad.request_max = 0;
            break;
        case 1:
            bad.exchange_max = 0;
            break;
        case 2:
            bad.relation_max = 0;
            break;
        case 3:
            bad.body_count_max = 0;
            break;
        case 4:
            bad.body_max = 0;
            break;
        case 5:
            bad.dedup_bytes = 511;
            break;
        case 6:
            bad.block_size = 0;
            break;
        case 7:
            bad.block_size = 8;
            break;
        case 8:
            bad.block_size = 100;
            break;
        case 9:
            bad.block_size = 2048;
            break;
        case 10:
            bad.message_max = 63;
            break;
        case 11:
            bad.message_max = PROA_COAP_MESSAGE_MAX + 1;
            break;
        case 12:
            bad.request_max = 1U << 20;
            break;
        case 13:
            bad.peer_max = 1U << 20;
            break;
        case 14:
            bad.timing.ack_random_permille = 999;
            break;
        case 15:
            bad.body_max = (1U << 24) + 1;
            break;
        default:
            bad.body_count_max = 1U << 20;
            break;
        }
        assert_int_equal(proa_coap_open(&s.c, &bad), PROA_E_RANGE);
        assert_null(s.c);
        assert_int_equal(s.memory.blocks, 0);
    }
    station_open(&s);
    station_close(&s);
}

/* Some of everything: requests, blocks both ways, observing both ways, a peer that moves. */
static void live(station *s)
{
    proa_coap_peer to;
    proa_span bytes;
    proa_coap_id id;
    proa_coap_peer fresh = alice;
    fresh.session = 70;
    for (uint16_t i = 0; i < 40; i++) {
        const proa_coap_peer *peer = i % 2 == 0 ? &alice : &bob;
        letter l = {.type = PROA_COAP_CON, .code = PROA_COAP_GET, .mid = i};
        l.token = TOKEN((uint8_t)i);
        l.options[0].option = i % 3 == 0 ? PROA_COAP_OPT_OBSERVE : PROA_COAP_OPT_BLOCK1;
        l.options[0].number = i % 3 == 0 ? 0 : 8;
        l.payload = i % 3 == 0 ? pattern(0) : pattern(16);
        tell(s, peer, &l);
        while (proa_coap_poll(s->c, s->now_ms, &s->event)) {
            if (s->event.kind == PROA_COAP_EVENT_REQUEST) {
                proa_coap_response r = {.code = PROA_COAP_CONTENT, .payload = pattern(i * 10U)};
                if (proa_coap_accept(s->c, s->event.exchange, 1, &id) == PROA_OK) {
                    (void)!proa_coap_notify(s->c, s->now_ms, id, &r, i % 2 == 0);
                }
                if (i % 4 == 0) {
                    proa_coap_defer(s->c, s->now_ms, s->event.exchange);
                }
                (void)!proa_coap_respond(s->c, s->now_ms, s->event.exchange, &r);
            }
        }
        proa_coap_request q = {.code = PROA_COAP_PUT, .payload = pattern(i * 20U)};
        (void)!proa_coap_send(s->c, s->now_ms, peer, &q, &id);
        while (proa_coap_output(s->c, s->now_ms, &to, &bytes)) {
        }
        pass_ms(s, 700);
    }
    proa_coap_peer_moved(s->c, s->now_ms, &alice, &fresh);
    proa_coap_peer_gone(s->c, s->now_ms, &bob);
    pass_ms(s, 400000);
    while (proa_coap_poll(s->c, s->now_ms, &s->event)) {
    }
}

/* Fails the n-th take for every n: nothing may break, everything comes back. */
static void memory_that_runs_out_anywhere(void **state)
{
    (void)state;
    unsigned opened = 0;
    bool enough = false;
    for (size_t takes = 0; takes < 400 && !enough; takes++) {
        station s;
        station_config(&s);
        s.config.grows = true;
        s.config.request_max = 64;
        s.config.exchange_max = 64;
        s.config.relation_max = 64;
        s.config.body_count_max = 8;
        s.config.dedup_bytes = 1 << 14;
        s.config.message_bytes = 0;
        s.config.peer_max = 0;
        s.memory.takes_left = takes;
        proa_err err = proa_coap_open(&s.c, &s.config);
        if (err != PROA_OK) {
            assert_int_equal(err, PROA_E_NO_MEMORY);
            assert_null(s.c);
            assert_int_equal(s.memory.blocks, 0);
            continue;
        }
        opened++;
        live(&s);
        enough = s.memory.takes_left > 0;
        station_close(&s);
    }
    assert_true(enough);
    assert_in_range(opened, 5, 400); /* it did grow, and failed while growing */
}

/* A device takes everything in open and nothing later. */
static void a_device_never_takes_after_open(void **state)
{
    (void)state;
    station s;
    station_config(&s);
    station_open(&s);
    s.memory.takes_left = 0;
    live(&s);
    station_close(&s);
}

/* What a server with many devices pays for each observation it holds. */
static void a_held_observation_is_small(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    station s;
    station_config(&s);
    s.config = proa_coap_config_server(s.config.random, s.config.memory);
    station_open(&s);
    proa_coap_option options[3] = {{PROA_COAP_OPT_URI_PATH, proa_span_of("3303")},
                                   {PROA_COAP_OPT_URI_PATH, proa_span_of("0")},
                                   {PROA_COAP_OPT_URI_PATH, proa_span_of("5700")}};
    proa_coap_request r = {.code = PROA_COAP_GET,
                           .observe = PROA_COAP_OBSERVE_START,
                           .options = options,
                           .option_count = 3};
    size_t before = s.memory.bytes;
    for (uint16_t i = 0; i < COUNT; i++) {
        proa_coap_id id;
        assert_int_equal(proa_coap_send(s.c, s.now_ms, &alice, &r, &id), PROA_OK);
        const heard *h = hear(&s);
        letter l = {.type = PROA_COAP_ACK, .code = PROA_COAP_CONTENT, .mid = h->m.mid};
        l.token = h->m.token;
        l.options[0].option = PROA_COAP_OPT_OBSERVE;
        tell(&s, &alice, &l);
        expect(&s, PROA_COAP_EVENT_RESPONSE);
    }
    /* 2000 fill the doubling pools by more than 98 % (2032 places) and the map by 49 %. */
    assert_in_range((s.memory.bytes - before) / COUNT, 1, 207); /* 8 of them for OSCORE */
    station_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siphash_reference_vectors),
        cmocka_unit_test(cells_keep_every_length),
        cmocka_unit_test(configurations_out_of_range),
        cmocka_unit_test(memory_that_runs_out_anywhere),
        cmocka_unit_test(a_device_never_takes_after_open),
        cmocka_unit_test(a_held_observation_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
