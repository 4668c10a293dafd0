/* SPDX-License-Identifier: Apache-2.0 */
/* First sessions: both ends have one, whoever has no key changes nothing, and so does who has no room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/dtls/firsts.h"

/* What a box has and has done; nobody without a key changes any of it. */
typedef struct quiet {
    proa_secure_stats stats;
    size_t arena_used;
    size_t taken_len;
} quiet;

static quiet quiet_of(const firsts *p)
{
    quiet q = {lab_stats(p->server), proa_dtls_arena_read().used, p->world->taken_len};
    return q;
}

static void expect_quiet(firsts *p, const quiet *before)
{
    quiet now = quiet_of(p);
    assert_null(lab_next(p->server));
    assert_int_equal(now.arena_used, before->arena_used);
    assert_int_equal(now.taken_len, before->taken_len);
    assert_int_equal(now.stats.live, before->stats.live);
    assert_int_equal(now.stats.hibernated, before->stats.hibernated);
    assert_int_equal(now.stats.handshakes, before->stats.handshakes);
    assert_int_equal(now.stats.firsts_done, before->stats.firsts_done);
    assert_int_equal(now.stats.records_in, before->stats.records_in);
    assert_int_equal(now.stats.records_out, before->stats.records_out);
    assert_int_equal(now.stats.address_changes, before->stats.address_changes);
}

/* ---- both ends derive alike --------------------------------------------------------------- */

static size_t lens[4];
static size_t lens_count;

static bool note_len(lab *world, lab_datagram *d)
{
    (void)world;
    assert_true(lens_count < 4);
    assert_int_equal(d->bytes[0], 25);
    lens[lens_count++] = d->len;
    return true;
}

static void expect_connected(lab_node *node, const lab_node *peer, uint64_t account, bool is_server)
{
    const lab_event *event = lab_expect(node, PROA_SECURE_CONNECTED);
    uint32_t session = event->event.session;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(event->event.account, account);
        assert_int_equal(event->event.is_server, is_server);
        assert_true(proa_addr_equal(&event->event.addr, &peer->addr));
        assert_int_equal(event->event.session, session);
        if (i == 0) {
            assert_int_equal(event->len, 0); /* there was no handshake that told an identity */
            event = lab_expect(node, PROA_SECURE_DATA);
            assert_memory_equal(event->bytes, "request", 7);
            assert_int_equal(event->event.is_unreached, is_server);
        }
    }
    assert_null(lab_next(node));
    assert_int_equal(lab_stats(node).firsts_done, 1);
    assert_int_equal(lab_stats(node).handshakes_done, 0);
    assert_int_equal(lab_stats(node).live, 1);
}

static void first_request_and_answer_are_two_datagrams(void **state)
{
    (void)state;
    static const uint8_t cid_lens[] = {1, 2, 3, 4};
    static const uint8_t key_lens[] = {8, 16, 32, 63, 64};
    static const size_t identity_lens[] = {1, 6, 63, 64};
    for (size_t i = 0; i < sizeof cid_lens * sizeof key_lens * 4; i++) {
        char identity[PROA_PSK_IDENTITY_MAX + 1] = {0};
        uint8_t cid_len = cid_lens[i % 4];
        firsts p;
        memset(identity, 'i', identity_lens[i / 4 % 4]);
        proa_secure_first first = firsts_key((uint8_t)i, key_lens[i / 16], identity);
        firsts_nodes(&p, cid_len);
        firsts_start(&p);
        p.server->echo = true;
        p.world->tap = note_len;
        lens_count = 0;
        firsts_begin(&p, &first);
        assert_int_equal(lab_send(p.world, p.client, p.at_client, "request"), PROA_OK);
        lab_run(p.world, 1000);
        expect_connected(p.server, p.client, FIRSTS_AT_SERVER, true);
        assert_int_equal(p.client->events[0].event.session, p.at_client);
        expect_connected(p.client, p.server, FIRSTS_AT_CLIENT, false);
        assert_int_equal(lens_count, 2);
        for (size_t k = 0; k < 2; k++) { /* head, number again, text, type, MAC */
            assert_int_equal(lens[k], 13U + cid_len + 8 + 7 + 1 + 8);
        }
        lab_free(p.world);
    }
}

static void first_datagrams_may_overtake_each_other(void **state)
{
    (void)state;
    firsts p;
    firsts_pair_make(&p, 2);
    firsts_keep_records(&p, 3);
    static const size_t order[] = {1, 0, 2};
    for (size_t i = 0; i < 3; i++) {
        firsts_give(&p, order[i]);
    }
    (void)lab_expect(p.server, PROA_SECURE_CONNECTED);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(lab_expect(p.server, PROA_SECURE_DATA)->bytes[0], '0' + order[i]);
    }
    assert_null(lab_next(p.server));
    lab_free(p.world);
}

static void rfc6347_4_1_2_6_replay_of_first_records(void **state)
{
    (void)state;
    firsts p;
    firsts_pair_make(&p, 2);
    firsts_keep_records(&p, 70);
    firsts_give(&p, 0);
    (void)firsts_expect(&p, '0');
    for (int i = 0; i < 3; i++) {
        firsts_give(&p, 0);
    }
    assert_int_equal(lab_stats(p.server).dropped_replay, 3);
    firsts_give(&p, 69);
    (void)lab_expect(p.server, PROA_SECURE_DATA);
    firsts_give(&p, 0);
    firsts_give(&p, 1); /* never came, and is out of the window */
    assert_null(lab_next(p.server));
    assert_int_equal(lab_stats(p.server).dropped_replay, 5);
    firsts_give(&p, 68);
    (void)lab_expect(p.server, PROA_SECURE_DATA);
    assert_int_equal(lab_stats(p.server).live, 1);
    assert_int_equal(lab_stats(p.server).firsts_done, 1);
    lab_free(p.world);
}

/* ---- who has no key ----------------------------------------------------------------------- */

static void forged_first_records_change_nothing(void **state)
{
    (void)state;
    firsts p;
    firsts_pair_make(&p, 2);
    firsts_keep_records(&p, 2);
    quiet before = quiet_of(&p);
    lab_datagram forged = firsts_kept[0];
    forged.bytes[forged.len - 1] ^= 1;
    lab_inject(p.world, p.server, &forged.from, forged.bytes, forged.len);
    before.taken_len = p.world->taken_len; /* pools grow once */
    for (size_t i = 0; i < 8 * firsts_kept[0].len;
         i++) { /* each bit: type, epoch, number, id, MAC ... */
        forged = firsts_kept[0];
        forged.bytes[i / 8] ^= (uint8_t)(1U << i % 8);
        lab_inject(p.world, p.server, &forged.from, forged.bytes, forged.len);
        expect_quiet(&p, &before);
    }
    for (size_t len = 0; len < firsts_kept[0].len; len++) {
        lab_inject(p.world, p.server, &forged.from, firsts_kept[0].bytes, len);
        expect_quiet(&p, &before);
    }
    for (size_t len = FIRSTS_RECORD_AT; len < firsts_kept[0].len;
         len++) { /* cut, and the length says so */
        forged = firsts_kept[0];
        forged.bytes[13] = 0;
        forged.bytes[14] = (uint8_t)(len - FIRSTS_RECORD_AT);
        lab_inject(p.world, p.server, &forged.from, forged.bytes, len);
        expect_quiet(&p, &before);
    }
    lab_run(p.world, 1000);
    expect_quiet(&p, &before);
    firsts_give(&p, 0);
    (void)firsts_expect(&p, '0');
    firsts_give(&p, 1);
    (void)lab_expect(p.server, PROA_SECURE_DATA);
    lab_free(p.world);
}

/* What is forged does not take along what is beside it. */
static void true_first_records_among_forged_ones(void **state)
{
    (void)state;
    firsts p;
    firsts_pair_make(&p, 2);
    firsts_keep_records(&p, 2);
    lab_datagram all = firsts_kept[0];
    size_t len = all.len;
    all.bytes[len - 1] ^= 1;
    for (size_t i = 0; i < 2; i++) {
        memcpy(all.bytes + all.len, firsts_kept[i].bytes, len);
        all.len += len;
        memcpy(all.bytes + all.len, all.bytes, len);
        all.len += len;
    }
    lab_inject(p.world, p.server, &all.from, all.bytes, all.len);
    (void)lab_expect(p.server, PROA_SECURE_CONNECTED);
    assert_int_equal(lab_expect(p.server, PROA_SECURE_DATA)->bytes[0], '0');
    assert_int_equal(lab_expect(p.server, PROA_SECURE_DATA)->bytes[0], '1');
    assert_null(lab_next(p.server));
    assert_int_equal(lab_stats(p.server).live, 1);
    lab_free(p.world);
}

static void guesses_of_ids_are_unknown(void **state)
{
    (void)state;
    firsts p;
    firsts_pair_make(&p, 2);
    firsts_keep_records(&p, 1);
    quiet before = quiet_of(&p);
    for (uint32_t id = 0; id <= 0xffff; id += 0x101) {
        lab_datagram guess = firsts_kept[0];
        guess.bytes[11] = (uint8_t)(id >> 8);
        guess.bytes[12] = (uint8_t)id;
        lab_inject(p.world, p.server, &guess.from, guess.bytes, guess.len);
        expect_quiet(&p, &before);
    }
    assert_int_equal(lab_stats(p.server).dropped_unknown, 256);
    p.told.claims = 0xffff; /* an owner that says yes to all; the key says no */
    firsts_kept[0].bytes[11] ^= 1;
    firsts_give(&p, 0);
    expect_quiet(&p, &before);
    assert_int_equal(lab_stats(p.server).dropped_unknown, 257);
    lab_free(p.world);
}

/* Neither a wrong key nor the right one under another name; with ids of one byte one of 256 has the
 * id that the record says, and then it is the MAC that does not fit. */
static void wrong_key_or_identity_proves_nothing(void **state)
{
    (void)state;
    static const uint8_t starts[] = {0x60, 0x61}; /* of the golden key, and of another */
    for (size_t i = 0; i < 2; i++) {
        firsts p;
        uint64_t bad = 0;
        firsts_pair_make(&p, 1);
        firsts_keep_records(&p, 1);
        firsts_give(&p, 0);
        (void)firsts_expect(&p, '0');
        p.server->box->class_->close(p.server->box, p.world->now_ms,
                                     p.server->events[0].event.session, false);
        quiet before = quiet_of(&p);
        for (unsigned n = 0; n < 1000; n++) {
            char identity[16];
            (void)snprintf(identity, sizeof identity, "other %u", n);
            p.told.keys[0] = firsts_key(starts[i], 16, identity);
            uint32_t id = 0;
            (void)!p.server->box->class_->first_id(p.server->box, &p.told.keys[0], true, &id);
            bad += id == p.told.ids[0];
            firsts_give(&p, 0);
            expect_quiet(&p, &before);
        }
        assert_in_range(bad, 1, 20);
        assert_int_equal(lab_stats(p.server).dropped_bad, bad);
        assert_int_equal(lab_stats(p.server).dropped_unknown, 1000 - bad);
        lab_free(p.world);
    }
}

/* ---- ends --------------------------------------------------------------------------------- */

/* Nobody hears of a session in which nothing was said, and the key is as new as before. */
static void close_notify_is_no_first_record(void **state)
{
    (void)state;
    firsts p;
    firsts_pair_make(&p, 2);
    firsts_keep_records(&p, 1);
    p.world->tap = firsts_keep;
    p.client->box->class_->close(p.client->box, p.world->now_ms, p.at_client, true);
    lab_flush(p.world);
    assert_int_equal(firsts_kept_count, 2);
    quiet before = quiet_of(&p);
    firsts_give(&p, 1);
    assert_null(lab_next(p.server));
    assert_int_equal(lab_stats(p.server).live, 0);
    assert_int_equal(lab_stats(p.server).firsts_done, 0);
    assert_int_equal(proa_dtls_arena_read().used, before.arena_used);
    firsts_give(&p, 0);
    (void)firsts_expect(&p, '0');
    firsts_give(&p, 1);
    const lab_event *event = lab_expect(p.server, PROA_SECURE_CLOSED);
    assert_int_equal(event->event.reason, PROA_SECURE_REASON_PEER_CLOSED);
    assert_int_equal(event->event.account, FIRSTS_AT_SERVER);
    assert_int_equal(lab_stats(p.server).live, 0);
    lab_free(p.world);
}

static void close_notify_as_answer_is_the_only_event(void **state)
{
    (void)state;
    firsts p;
    firsts_pair_make(&p, 2);
    assert_int_equal(lab_send(p.world, p.client, p.at_client, "0"), PROA_OK);
    lab_run(p.world, 100);
    uint32_t at_server = firsts_expect(&p, '0');
    p.server->box->class_->close(p.server->box, p.world->now_ms, at_server, true);
    lab_run(p.world, 100);
    const lab_event *event = lab_expect(p.client, PROA_SECURE_CLOSED);
    assert_int_equal(event->event.session, p.at_client);
    assert_int_equal(event->event.account, FIRSTS_AT_CLIENT);
    assert_int_equal(event->event.reason, PROA_SECURE_REASON_PEER_CLOSED);
    assert_null(lab_next(p.client));
    assert_int_equal(lab_stats(p.client).live, 0);
    lab_free(p.world);
}

static void unproved_session_is_closed(void **state)
{
    (void)state;
    firsts p;
    firsts_nodes(&p, 2);
    firsts_start(&p);
    size_t arena_used = proa_dtls_arena_read().used;
    proa_secure_first first = firsts_golden();
    firsts_begin(&p, &first);
    assert_int_equal(lab_send(p.world, p.client, p.at_client, "0"), PROA_OK);
    p.client->box->class_->close(p.client->box, p.world->now_ms, p.at_client, false);
    assert_int_equal(proa_dtls_arena_read().used, arena_used);
    assert_int_equal(lab_send(p.world, p.client, p.at_client, "1"), PROA_E_NOT_FOUND);
    p.server->echo = true;
    lab_run(p.world, 1000);
    assert_null(lab_next(p.client));
    assert_int_equal(lab_stats(p.client).dropped_unknown, 1);
    (void)firsts_expect(&p, '0');
    lab_free(p.world);
}

/* ---- no room ------------------------------------------------------------------------------ */

static void only_a_proof_takes_a_place(void **state)
{
    (void)state;
    for (uint32_t places = 0; places <= 1; places++) {
        firsts p;
        uint32_t at_server[2];
        proa_secure_first first = firsts_golden();
        firsts_nodes(&p, 2);
        p.server->config.live_max = 2;
        p.server->config.hibernated_max = places;
        firsts_start(&p);
        for (size_t i = 0; i < 2; i++) {
            (void)lab_pair(p.world, p.client, p.server, &at_server[i]);
        }
        firsts_begin(&p, &first);
        firsts_keep_records(&p, 1);
        quiet before = quiet_of(&p);
        lab_datagram forged = firsts_kept[0];
        forged.bytes[forged.len - 1] ^= 1;
        lab_inject(p.world, p.server, &forged.from, forged.bytes, forged.len);
        before.taken_len = p.world->taken_len; /* a pool grew */
        expect_quiet(&p, &before);
        firsts_give(&p, 0);
        uint32_t session = lab_expect(p.server, PROA_SECURE_CONNECTED)->event.session;
        if (places == 0) {
            const lab_event *event = lab_expect(p.server, PROA_SECURE_CLOSED);
            assert_int_equal(event->event.session, at_server[0]);
            assert_int_equal(event->event.reason, PROA_SECURE_REASON_EVICTED);
        }
        assert_int_equal(lab_expect(p.server, PROA_SECURE_DATA)->event.session, session);
        assert_null(lab_next(p.server));
        assert_int_equal(lab_stats(p.server).live, 2);
        assert_int_equal(lab_stats(p.server).hibernated, places);
        lab_free(p.world);
    }
}

/* The n-th request of Mbed TLS and every later one fails, until none does. */
static void every_failing_request_at_the_server(void **state)
{
    (void)state;
    uint32_t n = 1;
    for (bool failed = true; failed; n++) {
        firsts p;
        firsts_pair_make(&p, 2);
        firsts_keep_records(&p, 1);
        size_t arena_used = proa_dtls_arena_read().used;
        proa_dtls_arena_fail_after(n);
        firsts_give(&p, 0);
        failed = proa_dtls_arena_read().failed > 0;
        proa_dtls_arena_fail_after(0);
        if (failed) {
            assert_null(lab_next(p.server));
            assert_int_equal(proa_dtls_arena_read().used, arena_used);
            assert_int_equal(lab_stats(p.server).live, 0);
            firsts_give(&p, 0); /* the same, as lab's clients would say it again */
        }
        uint32_t at_server = firsts_expect(&p, '0');
        assert_int_equal(lab_send(p.world, p.server, at_server, "down"), PROA_OK);
        lab_run(p.world, 100);
        (void)lab_expect(p.client, PROA_SECURE_CONNECTED);
        (void)lab_expect(p.client, PROA_SECURE_DATA);
        firsts_go_on(&p, p.at_client, at_server);
        lab_free(p.world);
    }
    assert_in_range(n, 8, 60);
}

static void every_failing_request_at_the_client(void **state)
{
    (void)state;
    uint32_t n = 1;
    for (bool failed = true; failed; n++) {
        firsts p;
        uint32_t session;
        uint32_t id;
        firsts_pair_make(&p, 2);
        p.client->box->class_->close(p.client->box, p.world->now_ms, p.at_client, false);
        size_t arena_used = proa_dtls_arena_read().used;
        proa_dtls_arena_fail_after(n);
        proa_err err = firsts_try(p.world, p.client, p.server, &p.first, &session);
        failed = proa_dtls_arena_read().failed > 0;
        proa_dtls_arena_fail_after(failed ? 1 : 0);
        assert_int_equal(err, failed ? PROA_E_FULL : PROA_OK);
        if (failed) {
            assert_int_equal(session, 0);
            assert_int_equal(proa_dtls_arena_read().used, arena_used);
            assert_int_equal(lab_stats(p.client).live, 0);
            assert_int_equal(p.client->box->class_->first_id(p.client->box, &p.first, false, &id),
                             PROA_E_FULL);
            proa_dtls_arena_fail_after(0);
            session = firsts_open(p.world, p.client, p.server, &p.first);
        }
        p.at_client = session;
        (void)firsts_prove(&p);
        lab_free(p.world);
    }
    assert_in_range(n, 8, 60);
}

/* Six ids are in the map, and one more needs a larger one. */
static void without_memory_for_its_name_a_session_is_not_there(void **state)
{
    (void)state;
    firsts p;
    uint32_t session;
    proa_secure_first first = firsts_golden();
    firsts_nodes(&p, 2);
    p.client->config.live_max = p.server->config.live_max = 8;
    firsts_start(&p);
    for (int i = 0; i < 6; i++) {
        (void)lab_pair(p.world, p.client, p.server, &session);
    }
    p.world->no_memory = true;
    assert_int_equal(firsts_try(p.world, p.client, p.server, &first, &session), PROA_E_FULL);
    assert_int_equal(session, 0);
    p.world->no_memory = false;
    firsts_begin(&p, &first);
    firsts_keep_records(&p, 1);
    quiet before = quiet_of(&p);
    p.world->no_memory = true;
    firsts_give(&p, 0);
    expect_quiet(&p, &before);
    p.world->no_memory = false;
    firsts_give(&p, 0);
    (void)firsts_expect(&p, '0');
    lab_free(p.world);
}

/* ---- names -------------------------------------------------------------------------------- */

static void an_id_names_one_session(void **state)
{
    (void)state;
    firsts p;
    uint32_t session;
    uint32_t id;
    firsts_pair_make(&p, 2);
    (void)firsts_prove(&p);
    assert_int_equal(firsts_try(p.world, p.client, p.server, &p.first, &session), PROA_E_EXISTS);
    assert_int_equal(p.client->box->class_->first_id(p.client->box, &p.first, false, &id),
                     PROA_E_EXISTS);
    assert_int_equal(p.server->box->class_->first_id(p.server->box, &p.first, true, &id),
                     PROA_E_EXISTS);
    assert_int_equal(lab_stats(p.client).live, 1);
    lab_free(p.world);
}

static bool seen_ids[256];

static bool note_id(lab *world, lab_datagram *d)
{
    (void)world;
    if (d->to.ip[15] == 2 && d->bytes[0] == 25) {
        seen_ids[d->bytes[11]] = true;
    }
    return true;
}

/* With ids of one byte and 250 of them promised, six are left. */
static void handshakes_draw_no_id_that_is_awaited(void **state)
{
    (void)state;
    firsts p;
    uint32_t at_server;
    unsigned count = 0;
    firsts_pair_make(&p, 1);
    p.world->tap = note_id;
    p.told.claims = 250;
    p.server->config.hibernated_max = 16;
    memset(seen_ids, 0, sizeof seen_ids);
    for (int i = 0; i < 6; i++) {
        (void)lab_pair(p.world, p.client, p.server, &at_server);
    }
    for (int id = 0; id < 256; id++) {
        assert_true(!seen_ids[id] || id == 0 || id > 250);
        count += seen_ids[id];
    }
    assert_int_equal(count, 6);
    uint64_t refused = lab_stats(p.server).refused_full;
    (void)lab_connect(p.world, p.client, p.server, "alice");
    lab_run(p.world, 1000);
    assert_true(lab_stats(p.server).refused_full > refused);
    assert_null(lab_next(p.server));
    lab_free(p.world);
}

/* ---- addresses ---------------------------------------------------------------------------- */

static bool is_at(const firsts *p, uint32_t session, const proa_addr *addr)
{
    proa_addr now;
    assert_true(p->server->box->class_->address(p->server->box, session, &now));
    return proa_addr_equal(&now, addr);
}

static void rfc9146_6_first_session_follows_the_newest_record(void **state)
{
    (void)state;
    firsts p;
    char big[1000];
    firsts_pair_make(&p, 2);
    firsts_keep_records(&p, 4);
    proa_addr home = p.client->addr;
    proa_addr away = home;
    away.ip[15] = 99;
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = 0;
    firsts_give(&p, 1);
    uint32_t at_server = firsts_expect(&p, '1');
    assert_true(is_at(&p, at_server, &home));
    static const struct {
        size_t record;
        bool moves;
    } rows[] = {{0, false}, {1, false}, {2, true}};
    for (size_t i = 0; i < 3; i++) {
        lab_inject(p.world, p.server, &away, firsts_kept[rows[i].record].bytes,
                   firsts_kept[rows[i].record].len);
        assert_true(is_at(&p, at_server, rows[i].moves ? &away : &home));
    }
    assert_int_equal(lab_send(p.world, p.server, at_server, big), PROA_E_DENIED);
    p.server->box->class_->confirm_address(p.server->box, at_server);
    assert_int_equal(lab_send(p.world, p.server, at_server, big), PROA_OK);
    assert_int_equal(lab_stats(p.server).address_changes, 1);
    lab_free(p.world);
}

/* ---- what is not for first sessions ------------------------------------------------------- */

static unsigned rows_kept;

static void keep_row(void *ctx, const proa_secure_row *row)
{
    (void)ctx, (void)row;
    rows_kept++;
}

static void keep_mark(void *ctx, proa_span id, proa_span mark)
{
    (void)ctx, (void)id, (void)mark;
    fail(); /* of a first session there is none; the other one sends too little */
}

static void forget_row(void *ctx, proa_span id)
{
    (void)ctx, (void)id;
    rows_kept--;
}

static bool find_any_psk(void *ctx, proa_span identity, proa_psk *out)
{
    return lab_find_psk(ctx, identity.len == 0 ? proa_span_of("alice") : identity, out);
}

/* There is no identity to ask for after a restart. */
static void first_session_is_not_kept(void **state)
{
    (void)state;
    static const proa_secure_keeper keeper = {keep_row, keep_mark, forget_row, NULL};
    static const uint8_t keeper_key[PROA_SECURE_KEY_LEN] = {1, 2, 3};
    firsts p;
    uint32_t at_server;
    proa_secure_first first = firsts_golden();
    firsts_nodes(&p, 2);
    proa_dtls_keep(&p.server->config, &keeper, keeper_key);
    p.server->config.find_psk = find_any_psk;
    rows_kept = 0;
    firsts_start(&p);
    firsts_begin(&p, &first);
    at_server = firsts_prove(&p);
    assert_int_equal(rows_kept, 0);
    for (int i = 0; i < 20; i++) { /* so nothing has to be stored before it may speak */
        firsts_go_on(&p, p.at_client, at_server);
    }
    (void)lab_pair(p.world, p.client, p.server, &at_server);
    assert_int_equal(rows_kept, 1);
    assert_int_equal(lab_stats(p.server).kept, 1);
    lab_free(p.world);
}

static void config_has_both_and_short_ids_or_neither(void **state)
{
    (void)state;
    static const struct {
        bool firsts;
        bool finds;
        uint8_t cid_len;
        proa_err err;
    } rows[] = {
        {false, false, 0, PROA_OK},     {false, false, 5, PROA_OK},
        {true, true, 1, PROA_OK},       {true, true, 4, PROA_OK},
        {true, true, 0, PROA_E_RANGE},  {true, true, 5, PROA_E_RANGE},
        {true, false, 2, PROA_E_RANGE}, {false, true, 2, PROA_E_RANGE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        lab *world = lab_new(1, 200000);
        lab_node *node = lab_add(world, rows[i].cid_len);
        node->config.firsts = rows[i].firsts ? &proa_dtls_firsts : NULL;
        node->config.find_first = rows[i].finds ? firsts_find : NULL;
        assert_int_equal(proa_dtls_open(&node->box, &node->config), rows[i].err);
        if (rows[i].err == PROA_OK) {
            assert_int_equal(node->box->has_firsts, rows[i].firsts);
        }
        lab_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_request_and_answer_are_two_datagrams),
        cmocka_unit_test(first_datagrams_may_overtake_each_other),
        cmocka_unit_test(rfc6347_4_1_2_6_replay_of_first_records),
        cmocka_unit_test(forged_first_records_change_nothing),
        cmocka_unit_test(true_first_records_among_forged_ones),
        cmocka_unit_test(guesses_of_ids_are_unknown),
        cmocka_unit_test(wrong_key_or_identity_proves_nothing),
        cmocka_unit_test(close_notify_is_no_first_record),
        cmocka_unit_test(close_notify_as_answer_is_the_only_event),
        cmocka_unit_test(unproved_session_is_closed),
        cmocka_unit_test(only_a_proof_takes_a_place),
        cmocka_unit_test(every_failing_request_at_the_server),
        cmocka_unit_test(every_failing_request_at_the_client),
        cmocka_unit_test(without_memory_for_its_name_a_session_is_not_there),
        cmocka_unit_test(an_id_names_one_session),
        cmocka_unit_test(handshakes_draw_no_id_that_is_awaited),
        cmocka_unit_test(rfc9146_6_first_session_follows_the_newest_record),
        cmocka_unit_test(first_session_is_not_kept),
        cmocka_unit_test(config_has_both_and_short_ids_or_neither),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
