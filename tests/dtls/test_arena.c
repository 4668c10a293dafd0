/* SPDX-License-Identifier: Apache-2.0 */
/* The arena of Mbed TLS: never hands out a byte twice, gets back whole, and its smallness is a normal
 * way for a handshake to fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <mbedtls/platform.h>

#include "tests/dtls/lab.h"

enum { SLOTS = 300, ARENA_LEN = 100000 };

static void random_use_gives_back_everything(void **state)
{
    (void)state;
    uint8_t *mem = malloc(ARENA_LEN + 3);
    for (size_t skew = 0; skew < 4; skew += 3) {
        uint8_t *slots[SLOTS] = {NULL};
        size_t lens[SLOTS] = {0};
        test_random random = {skew + 1};
        uint64_t refused = 0;
        proa_dtls_arena_init(mem + skew, ARENA_LEN);
        size_t whole = proa_dtls_arena_read().len;
        for (int i = 0; i < 200000; i++) {
            size_t n = test_random_next(&random) % SLOTS;
            if (slots[n] != NULL) {
                for (size_t k = 0; k < lens[n]; k += 7) {
                    assert_int_equal(slots[n][k], n & 0xff);
                }
                mbedtls_free(slots[n]);
                slots[n] = NULL;
                continue;
            }
            lens[n] = (size_t)1 << (test_random_next(&random) % 12);
            lens[n] = test_random_next(&random) % lens[n];
            slots[n] = mbedtls_calloc(1, lens[n]);
            if (slots[n] == NULL) {
                refused++;
                continue;
            }
            assert_int_equal((uintptr_t)slots[n] % 8, 0);
            for (size_t k = 0; k < lens[n]; k++) {
                assert_int_equal(slots[n][k], 0);
            }
            memset(slots[n], (int)(n & 0xff), lens[n]);
        }
        assert_int_equal(proa_dtls_arena_read().failed, refused);
        for (size_t n = 0; n < SLOTS; n++) {
            mbedtls_free(slots[n]);
        }
        assert_int_equal(proa_dtls_arena_read().used, 0);
        assert_int_equal(proa_dtls_arena_read().blocks, 0);
        void *all = mbedtls_calloc(1, whole - 8); /* one free block again */
        assert_non_null(all);
        assert_null(mbedtls_calloc(1, 1));
        assert_int_equal(proa_dtls_arena_read().peak, whole);
        mbedtls_free(all);
        proa_dtls_arena_init(NULL, 0);
    }
    free(mem);
}

static void lengths_that_wrap_are_refused(void **state)
{
    (void)state;
    void *mem = malloc(ARENA_LEN);
    proa_dtls_arena_init(mem, ARENA_LEN);
    assert_null(mbedtls_calloc(SIZE_MAX / 8, 16));
    assert_null(mbedtls_calloc(1, SIZE_MAX - 3));
    assert_null(mbedtls_calloc((size_t)1 << 31, 4));
    assert_null(mbedtls_calloc(1, ARENA_LEN));
    assert_int_equal(proa_dtls_arena_read().used, 0);
    proa_dtls_arena_init(NULL, 0);
    free(mem);
}

/* The steady state of a server: sessions of always the same few lengths come and go. */
static void churn_of_sessions_does_not_fragment(void **state)
{
    (void)state;
    static const size_t lens[] = {1392, 1392, 160, 296, 336, 336, 312, 312};
    enum { LIVE = 64, PARTS = 8 };
    static void *blocks[LIVE][PARTS];
    size_t len = 0;
    for (size_t k = 0; k < PARTS; k++) {
        len += lens[k] + 8;
    }
    len = LIVE * len + 8192; /* hardly more than what they hold */
    void *mem = malloc(len);
    test_random random = {5};
    proa_dtls_arena_init(mem, len);
    for (int i = 0; i < 100000; i++) {
        size_t n = test_random_next(&random) % LIVE;
        void *small = mbedtls_calloc(1, test_random_next(&random) % 300); /* a flight */
        for (size_t k = 0; k < PARTS; k++) {
            mbedtls_free(blocks[n][k]);
        }
        for (size_t k = 0; k < PARTS; k++) {
            blocks[n][k] = mbedtls_calloc(1, lens[k]);
            assert_non_null(blocks[n][k]);
        }
        mbedtls_free(small);
    }
    for (size_t n = 0; n < LIVE * PARTS; n++) {
        mbedtls_free(blocks[n / PARTS][n % PARTS]);
        blocks[n / PARTS][n % PARTS] = NULL;
    }
    assert_int_equal(proa_dtls_arena_read().used, 0);
    proa_dtls_arena_init(NULL, 0);
    free(mem);
}

/* The n-th request of Mbed TLS, and every later one, fails, for every n until none does. Whatever
 * happens, exactly one outcome is told and nothing stays behind. */
static void every_failing_request_in_a_handshake(void **state)
{
    (void)state;
    uint32_t n = 1;
    for (bool failed = true; failed; n++) {
        lab *world = lab_new(2, 200000);
        lab_node *client = lab_add(world, 2);
        lab_node *server = lab_add(world, 6);
        lab_open(world, client);
        lab_open(world, server);
        size_t used = proa_dtls_arena_read().used;
        proa_psk psk = {{0}, 16, 1};
        uint32_t session = 0;
        memset(psk.key, 'a', 16);
        proa_dtls_arena_fail_after(n);
        proa_err err = client->box->class_->open(client->box, world->now_ms, &server->addr,
                                                 proa_span_of("alice"), &psk, &session);
        assert_true(err == PROA_OK || err == PROA_E_FULL);
        lab_run(world, 70000);
        failed = proa_dtls_arena_read().failed > 0;
        proa_dtls_arena_fail_after(0);
        const lab_event *event = lab_next(client);
        assert_int_equal(event != NULL, err == PROA_OK);
        if (!failed) {
            assert_int_equal(event->event.kind, PROA_SECURE_CONNECTED);
        } else if (event != NULL && event->event.kind == PROA_SECURE_CLOSED) {
            assert_int_equal(event->event.session, session);
        }
        assert_null(lab_next(client));
        if (event == NULL || event->event.kind == PROA_SECURE_CLOSED) {
            lab_run(world, 70000);
            assert_int_equal(proa_dtls_arena_read().used, used);
            assert_int_equal(lab_stats(client).handshakes, 0);
            assert_int_equal(lab_stats(server).handshakes, 0);
            client->read = client->event_count; /* and now there is room again */
            (void)lab_connect(world, client, server, "alice");
            lab_run(world, 1000);
            (void)lab_expect(client, PROA_SECURE_CONNECTED);
        }
        lab_free(world);
    }
    assert_in_range(n, 20, 200);
}

/* The same for a session that sleeps or wakes. */
static void every_failing_request_in_sleep(void **state)
{
    (void)state;
    for (uint32_t n = 1; n < 40; n++) {
        lab *world = lab_new(2, 200000);
        lab_node *client = lab_add(world, 2);
        lab_node *server = lab_add(world, 6);
        server->config.live_max = 1;
        uint32_t at_server[2];
        uint32_t at_client[2];
        lab_open(world, client);
        lab_open(world, server);
        at_client[0] = lab_pair(world, client, server, &at_server[0]);
        at_client[1] = lab_pair(world, client, server, &at_server[1]);
        proa_dtls_arena_fail_after(n);
        proa_err err = lab_send(world, server, at_server[0], "wake");
        assert_true(err == PROA_OK || err == PROA_E_FULL);
        proa_dtls_arena_fail_after(0);
        lab_run(world, 100);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(lab_send(world, client, at_client[i], "still here"), PROA_OK);
            lab_run(world, 100);
            assert_int_equal(lab_expect(server, PROA_SECURE_DATA)->event.session, at_server[i]);
        }
        lab_free(world);
    }
}

/* proa_dtls_arena_len is enough for everything at once that the configuration allows, and no more
 * than half of it is reserve. */
static void computed_length_suffices(void **state)
{
    (void)state;
    proa_secure_config config = {.live_max = 3, .handshake_max = 3};
    lab *world = lab_new(3, 2 * proa_dtls_arena_len(&config));
    lab_node *client = lab_add(world, 8);
    lab_node *server = lab_add(world, 8);
    client->config.live_max = server->config.live_max = 3;
    client->config.handshake_max = server->config.handshake_max = 3;
    client->config.hibernated_max = server->config.hibernated_max = 3;
    lab_open(world, client);
    lab_open(world, server);
    uint32_t at_client[6];
    uint32_t at_server[6];
    for (int i = 0; i < 6; i++) {
        at_client[i] = lab_pair(world, client, server, &at_server[i]);
    }
    for (uint16_t i = 0; i < 3; i++) { /* as many handshakes as may be, on both sides */
        client->addr.port = (uint16_t)(6000 + i);
        proa_addr to = server->addr;
        proa_psk psk = {{'a'}, 16, 1};
        uint32_t session;
        to.port = (uint16_t)(6000 + i);
        assert_int_equal(client->box->class_->open(client->box, world->now_ms, &to,
                                                   proa_span_of("alice"), &psk, &session),
                         PROA_OK);
        assert_int_equal(server->box->class_->open(server->box, world->now_ms, &to,
                                                   proa_span_of("alice"), &psk, &session),
                         PROA_OK);
    }
    for (int i = 0; i < 6; i++) { /* while sleepers wake */
        assert_int_equal(lab_send(world, client, at_client[i], "wake"), PROA_OK);
        assert_int_equal(lab_send(world, server, at_server[i], "wake"), PROA_OK);
        lab_run(world, 50);
    }
    proa_dtls_arena_stats arena = proa_dtls_arena_read();
    assert_int_equal(arena.failed, 0);
    assert_true(arena.peak > arena.len / 2);
    lab_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_use_gives_back_everything),
        cmocka_unit_test(lengths_that_wrap_are_refused),
        cmocka_unit_test(churn_of_sessions_does_not_fragment),
        cmocka_unit_test(every_failing_request_in_a_handshake),
        cmocka_unit_test(every_failing_request_in_sleep),
        cmocka_unit_test(computed_length_suffices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
