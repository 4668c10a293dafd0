/* SPDX-License-Identifier: Apache-2.0 */
/* What a stranger may cost before it has shown where it is: nothing. RFC 6347 §4.2.1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ports/mbedtls/cookie.h"
#include "ports/mbedtls/outbox.h"
#include "proa/limits.h"
#include "tests/dtls/lab.h"
#include "tests/support/guard.h"

enum { HELLO_CAP = 512 };

typedef struct hello {
    uint8_t bytes[HELLO_CAP];
    size_t len;
} hello;

/* The ClientHello that this box would send, first (without) or second (with a cookie). */
static hello caught[2];
static size_t caught_count;

static bool catch_hello(lab *world, lab_datagram *d)
{
    (void)world;
    if (d->from.ip[15] == 1 && d->bytes[13] == 1 && caught_count < 2) {
        memcpy(caught[caught_count].bytes, d->bytes, d->len);
        caught[caught_count++].len = d->len;
        return caught_count < 2;
    }
    return true;
}

/* A server, and both hellos of a client; the second one has not reached the server. */
static lab *world_with_hellos(lab_node **server)
{
    lab *world = lab_new(1, 200000);
    lab_node *client = lab_add(world, 2);
    *server = lab_add(world, 6);
    lab_open(world, client);
    lab_open(world, *server);
    caught_count = 0;
    world->tap = catch_hello;
    (void)lab_connect(world, client, *server, "alice");
    lab_run(world, 100);
    assert_int_equal(caught_count, 2);
    client->is_off = true;
    world->tap = NULL;
    return world;
}

static size_t outputs(lab_node *node, lab *world, uint8_t *last, size_t *len)
{
    proa_addr to;
    proa_span bytes;
    size_t count = 0;
    while (node->box->class_->output(node->box, world->now_ms, &to, &bytes)) {
        if (last != NULL) {
            memcpy(last, bytes.data, bytes.len);
            *len = bytes.len;
        }
        count++;
    }
    return count;
}

static void flood_of_10000_addresses_allocates_nothing(void **state)
{
    (void)state;
    lab_node *server;
    lab *world = world_with_hellos(&server);
    size_t taken_len = world->taken_len;
    proa_dtls_arena_stats before = proa_dtls_arena_read();
    uint64_t cookies = lab_stats(server).cookies_sent;
    proa_addr from = server->addr;
    uint8_t answer[LAB_DATAGRAM];
    size_t answer_len = 0;
    for (uint32_t i = 0; i < 10000; i++) {
        from.ip[12] = 10;
        from.ip[13] = (uint8_t)(i >> 8);
        from.ip[14] = (uint8_t)i;
        from.port = (uint16_t)(i * 7);
        server->box->class_->input(server->box, world->now_ms, &from,
                                   proa_span_make(caught[0].bytes, caught[0].len));
        assert_int_equal(outputs(server, world, answer, &answer_len), 1);
        assert_true(answer_len < caught[0].len); /* answers are no amplifier */
    }
    proa_dtls_arena_stats after = proa_dtls_arena_read();
    assert_int_equal(lab_stats(server).cookies_sent - cookies, 10000);
    assert_int_equal(lab_stats(server).handshakes, 0);
    assert_int_equal(world->taken_len, taken_len);
    assert_int_equal(after.used, before.used);
    assert_int_equal(after.peak, before.peak);
    lab_free(world);
}

static void flood_without_reading_fills_the_queue_and_no_more(void **state)
{
    (void)state;
    lab_node *server;
    lab *world = world_with_hellos(&server);
    for (uint32_t i = 0; i < 10000; i++) {
        proa_addr from = server->addr;
        from.port = (uint16_t)(i + 1);
        server->box->class_->input(server->box, world->now_ms, &from,
                                   proa_span_make(caught[0].bytes, caught[0].len));
    }
    size_t sent = outputs(server, world, NULL, NULL);
    assert_in_range(sent, 10, 200);
    assert_int_equal(sent + lab_stats(server).dropped_output, 10000);
    lab_free(world);
}

static void cookie_is_worth_one_hello_from_one_address(void **state)
{
    (void)state;
    lab_node *server;
    lab *world = world_with_hellos(&server);
    proa_addr client = world->nodes[0].addr;
    proa_addr other = client;
    hello changed = caught[1];
    other.port++;
    lab_inject(world, server, &other, changed.bytes, changed.len);
    assert_int_equal(lab_stats(server).handshakes, 0);
    other = client;
    other.ip[15]++;
    lab_inject(world, server, &other, changed.bytes, changed.len);
    assert_int_equal(lab_stats(server).handshakes, 0);
    changed.bytes[27] ^= 1; /* the client's random */
    lab_inject(world, server, &client, changed.bytes, changed.len);
    assert_int_equal(lab_stats(server).handshakes, 0);
    changed = caught[1];
    changed.bytes[61 + 15] ^= 1; /* the cookie itself, its last byte */
    lab_inject(world, server, &client, changed.bytes, changed.len);
    assert_int_equal(lab_stats(server).handshakes, 0);
    assert_int_equal(lab_stats(server).cookies_sent, 5);
    lab_inject(world, server, &client, caught[1].bytes, caught[1].len);
    assert_int_equal(lab_stats(server).handshakes, 1);
    lab_inject(world, server, &client, caught[1].bytes, caught[1].len); /* again: the same one */
    assert_int_equal(lab_stats(server).handshakes, 1);
    lab_free(world);
}

static void cookie_of_another_box_is_worth_nothing(void **state)
{
    (void)state;
    lab_node *server;
    lab *world = world_with_hellos(&server);
    server->box->class_->free(server->box);
    lab_open(world, server);
    lab_inject(world, server, &world->nodes[0].addr, caught[1].bytes, caught[1].len);
    assert_int_equal(lab_stats(server).handshakes, 0);
    assert_int_equal(lab_stats(server).cookies_sent, 1);
    lab_free(world);
}

static void cookie_lives_30_to_60_seconds(void **state)
{
    (void)state;
    static const struct {
        uint64_t wait_ms;
        bool is_valid;
    } cases[] = {{0, true},
                 {PROA_DTLS_COOKIE_MS - 1000, true},
                 {2 * PROA_DTLS_COOKIE_MS - 1000, true},
                 {2 * PROA_DTLS_COOKIE_MS + 1000, false},
                 {40 * PROA_DTLS_COOKIE_MS, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int busy = 0; busy < 2; busy++) {
            lab_node *server;
            lab *world = world_with_hellos(&server);
            uint64_t end_ms = world->now_ms + cases[i].wait_ms;
            /* Others' hellos make the keys change; without them they change late. */
            for (; busy != 0 && world->now_ms + 10000 < end_ms; world->now_ms += 10000) {
                proa_addr other = {{1}, 1, 0};
                lab_inject(world, server, &other, caught[0].bytes, caught[0].len);
            }
            world->now_ms = end_ms;
            lab_inject(world, server, &world->nodes[0].addr, caught[1].bytes, caught[1].len);
            assert_int_equal(lab_stats(server).handshakes, cases[i].is_valid);
            lab_free(world);
        }
    }
}

static void rfc6347_4_2_1_hello_verify_request_byte_by_byte(void **state)
{
    (void)state;
    lab_node *server;
    lab *world = world_with_hellos(&server);
    hello first = caught[0];
    proa_addr from = {{7}, 7, 0};
    uint8_t answer[LAB_DATAGRAM];
    size_t len = 0;
    first.bytes[10] = 77; /* record number */
    first.bytes[18] = 5;  /* message number */
    (void)outputs(server, world, NULL, NULL);
    lab_inject(world, server, &from, first.bytes, first.len);
    assert_int_equal(outputs(server, world, answer, &len), 1);
    uint8_t expected[28];
    hex("16 feff 0000 00000000004d 001f 03 000013 0005 000000 000013 feff 10", expected, 28);
    memcpy(expected + 1, first.bytes + 1, 2);
    assert_int_equal(len, 44);
    assert_memory_equal(answer, expected, 28);
    lab_free(world);
}

static void hello_cut_anywhere_is_refused(void **state)
{
    (void)state;
    lab_node *server;
    lab *world = world_with_hellos(&server);
    proa__client_hello out;
    for (size_t len = 0; len < caught[1].len; len++) {
        uint8_t *cut = guard_copy(caught[1].bytes, len);
        assert_true(proa__client_hello_read(proa_span_make(cut, len), &out) < 0);
        guard_free(cut, len);
    }
    for (size_t len = 62; len < caught[1].len; len++) { /* lengths that agree with the cut */
        hello h = caught[1];
        h.bytes[15] = h.bytes[23] = (uint8_t)((len - 25) >> 8);
        h.bytes[16] = h.bytes[24] = (uint8_t)(len - 25);
        h.bytes[12] = (uint8_t)(len - 13);
        h.bytes[11] = (uint8_t)((len - 13) >> 8);
        lab_inject(world, server, &world->nodes[0].addr, h.bytes, len);
        assert_int_equal(lab_stats(server).live, 0);
    }
    assert_int_equal(proa__client_hello_read(proa_span_make(caught[1].bytes, caught[1].len), &out),
                     PROA_OK);
    assert_int_equal(out.cookie.len, PROA_DTLS_COOKIE_LEN);
    hello h = caught[1];
    h.bytes[21] = 1; /* fragment offset */
    assert_int_equal(proa__client_hello_read(proa_span_make(h.bytes, h.len), &out),
                     PROA_E_UNSUPPORTED);
    h = caught[1];
    h.bytes[13] = 2;
    assert_int_equal(proa__client_hello_read(proa_span_make(h.bytes, h.len), &out), PROA_E_FORMAT);
    h = caught[1];
    h.bytes[59] = 33; /* session id */
    assert_int_equal(proa__client_hello_read(proa_span_make(h.bytes, h.len), &out), PROA_E_FORMAT);
    lab_free(world);
}

static void outbox_keeps_order_and_bytes_at_every_fill(void **state)
{
    (void)state;
    uint8_t ring[400];
    proa__outbox box;
    test_random random = {99};
    uint32_t in = 0;
    uint32_t out = 0;
    uint64_t refused = 0;
    proa__outbox_init(&box, ring, sizeof ring);
    for (int i = 0; i < 200000; i++) {
        proa_addr addr = {{1, 2}, 3, 4};
        uint8_t bytes[120];
        uint64_t draw = test_random_next(&random);
        if (draw % 5 < 3) {
            size_t len = (in * 31) % sizeof bytes;
            memset(bytes, (int)(in & 0xff), len);
            addr.port = (uint16_t)in;
            bool fits = proa__outbox_fits(&box, len);
            assert_int_equal(proa__outbox_put(&box, &addr, bytes, len), fits);
            refused += !fits;
            in += fits;
        } else {
            proa_span span;
            bool is_there = proa__outbox_take(&box, &addr, &span);
            assert_int_equal(is_there, in != out);
            if (is_there) {
                assert_int_equal(addr.port, (uint16_t)out);
                assert_int_equal(span.len, (out * 31) % sizeof bytes);
                for (size_t k = 0; k < span.len; k++) {
                    assert_int_equal(span.data[k], out & 0xff);
                }
                out++;
            }
        }
    }
    assert_true(refused > 1000 && out > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flood_of_10000_addresses_allocates_nothing),
        cmocka_unit_test(flood_without_reading_fills_the_queue_and_no_more),
        cmocka_unit_test(cookie_is_worth_one_hello_from_one_address),
        cmocka_unit_test(cookie_of_another_box_is_worth_nothing),
        cmocka_unit_test(cookie_lives_30_to_60_seconds),
        cmocka_unit_test(rfc6347_4_2_1_hello_verify_request_byte_by_byte),
        cmocka_unit_test(hello_cut_anywhere_is_refused),
        cmocka_unit_test(outbox_keeps_order_and_bytes_at_every_fill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
