/* SPDX-License-Identifier: Apache-2.0 */
/* The seeds of fuzz_dtls_input are what a client sends to a server of the same randomness or, in a first
 * session, to any server that awaits it. When the
 * box draws randomness in another order they stop being handshakes, and nobody would notice; so
 * they are made here again and compared. PROA_WRITE_SEEDS=1 in the environment writes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/dtls/seeded.h"

typedef struct seed {
    uint8_t bytes[2048];
    size_t len;
    unsigned events; /* bit n: the server saw an event of kind n */
} seed;

typedef struct talk {
    proa_secure *client;
    proa_secure *server;
    proa_addr client_addr; /* as in fuzz_dtls_input.c */
    proa_addr server_addr;
    uint64_t now_ms;
} talk;

static void speak(talk *t, uint32_t session)
{
    assert_int_equal(t->client->class_->send(t->client, t->now_ms, session, proa_span_of("hello")),
                     PROA_OK);
    t->client->class_->close(t->client, t->now_ms, session, true);
}

static void upstream(talk *t, seed *out)
{
    proa_addr to;
    proa_span d;
    proa_secure_event event;
    while (t->client->class_->output(t->client, t->now_ms, &to, &d)) {
        assert_true(out->len + 2 + d.len <= sizeof out->bytes);
        out->bytes[out->len++] = (uint8_t)(d.len >> 8);
        out->bytes[out->len++] = (uint8_t)d.len;
        memcpy(out->bytes + out->len, d.data, d.len);
        out->len += d.len;
        t->server->class_->input(t->server, t->now_ms, &t->client_addr, d);
        while (t->server->class_->poll(t->server, t->now_ms, &event)) {
            out->events |= 1U << event.kind;
        }
    }
}

static void downstream(talk *t, uint32_t session)
{
    proa_addr to;
    proa_span d;
    proa_secure_event event;
    while (t->server->class_->output(t->server, t->now_ms, &to, &d)) {
        t->client->class_->input(t->client, t->now_ms, &t->server_addr, d);
        while (t->client->class_->poll(t->client, t->now_ms, &event)) {
            if (event.kind == PROA_SECURE_CONNECTED) {
                speak(t, session);
            }
        }
    }
}

/* Without a key: a first session. */
static uint32_t open_session(talk *t, const char *key)
{
    proa_psk psk = {{0}, 16, 1};
    uint32_t session;
    if (key == NULL) {
        proa_secure_first first = seeded_first();
        uint32_t id;
        assert_int_equal(t->server->class_->first_id(t->server, &first, true, &id), PROA_OK);
        assert_int_equal(id, SEEDED_FIRST_ID);
        assert_int_equal(
            t->client->class_->open_first(t->client, t->now_ms, &t->server_addr, &first, &session),
            PROA_OK);
        speak(t, session);
        return session;
    }
    memcpy(psk.key, key, strlen(key));
    assert_int_equal(t->client->class_->open(t->client, t->now_ms, &t->server_addr,
                                             proa_span_of("id"), &psk, &session),
                     PROA_OK);
    return session;
}

static void make_seed(uint8_t cid_len, const char *key, seed *out)
{
    test_random randoms[2];
    talk t = {seeded_open(&randoms[0], 99, cid_len),
              seeded_open(&randoms[1], 1, 2),
              {{1}, 0, 0},
              {{9}, 5, 0},
              1000000};
    memset(out, 0, sizeof *out);
    uint32_t session = open_session(&t, key);
    for (int round = 0; round < 6; round++) {
        upstream(&t, out);
        downstream(&t, session);
    }
    t.client->class_->free(t.client);
    t.server->class_->free(t.server);
}

static void seeds_are_sessions(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        uint8_t cid_len;
        const char *key;
        unsigned events;
    } seeds[] = {
        {"fuzz/corpus/dtls_input/handshake_cid", 2, "key",
         1U << PROA_SECURE_CONNECTED | 1U << PROA_SECURE_DATA | 1U << PROA_SECURE_CLOSED},
        {"fuzz/corpus/dtls_input/handshake_plain", 0, "key",
         1U << PROA_SECURE_CONNECTED | 1U << PROA_SECURE_DATA | 1U << PROA_SECURE_CLOSED},
        {"fuzz/corpus/dtls_input/wrong_key", 2, "yek", 0},
        {"fuzz/corpus/dtls_input/first", 2, NULL,
         1U << PROA_SECURE_CONNECTED | 1U << PROA_SECURE_DATA | 1U << PROA_SECURE_CLOSED},
    };
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++) {
        seed made;
        uint8_t stored[sizeof made.bytes];
        make_seed(seeds[i].cid_len, seeds[i].key, &made);
        assert_int_equal(made.events, seeds[i].events);
        bool write = getenv("PROA_WRITE_SEEDS") != NULL;
        FILE *file = fopen(seeds[i].path, write ? "wb" : "rb");
        assert_non_null(file);
        if (write) {
            assert_int_equal(fwrite(made.bytes, 1, made.len, file), made.len);
        } else {
            assert_int_equal(fread(stored, 1, sizeof stored, file), made.len);
            assert_memory_equal(stored, made.bytes, made.len);
        }
        fclose(file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seeds_are_sessions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
