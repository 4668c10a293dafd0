/* SPDX-License-Identifier: Apache-2.0 */
/* What a record is worth to a connected session: fresh, replayed, forged, from somewhere else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/dtls/lab.h"

static lab_datagram kept[64];
static size_t kept_count;

/* Keeps what the client sends, and lets nothing of it through. */
static bool keep(lab *world, lab_datagram *d)
{
    (void)world;
    if (d->from.ip[15] != 1) {
        return true;
    }
    assert_true(kept_count < 64);
    kept[kept_count++] = *d;
    return false;
}

typedef struct pair {
    lab *world;
    lab_node *client;
    lab_node *server;
    uint32_t at_client;
    uint32_t at_server;
} pair;

static pair make_pair(uint8_t cid_len)
{
    pair p;
    p.world = lab_new(5, 200000);
    p.client = lab_add(p.world, cid_len);
    p.server = lab_add(p.world, cid_len);
    lab_open(p.world, p.client);
    lab_open(p.world, p.server);
    p.at_client = lab_pair(p.world, p.client, p.server, &p.at_server);
    return p;
}

/* The client's next `count` records, "0", "1", ... */
static void keep_records(pair *p, size_t count)
{
    kept_count = 0;
    p->world->tap = keep;
    for (size_t i = 0; i < count; i++) {
        char text[2] = {(char)('0' + i), 0};
        assert_int_equal(lab_send(p->world, p->client, p->at_client, text), PROA_OK);
    }
    lab_flush(p->world);
    p->world->tap = NULL;
    assert_int_equal(kept_count, count);
}

static void give_record(pair *p, size_t i, const proa_addr *from)
{
    lab_inject(p->world, p->server, from, kept[i].bytes, kept[i].len);
}

static void rfc6347_4_1_2_6_replayed_records_are_dropped(void **state)
{
    (void)state;
    for (int cid = 0; cid <= 6; cid += 6) {
        pair p = make_pair((uint8_t)cid);
        keep_records(&p, 8);
        static const size_t order[] = {0, 3, 1, 7, 2, 6};
        for (size_t i = 0; i < 6; i++) {
            give_record(&p, order[i], &p.client->addr);
            assert_int_equal(lab_expect(p.server, PROA_SECURE_DATA)->bytes[0], '0' + order[i]);
        }
        for (size_t i = 0; i < 6; i++) {
            give_record(&p, order[i], &p.client->addr);
        }
        assert_null(lab_next(p.server));
        assert_int_equal(lab_stats(p.server).dropped_replay, 6);
        assert_int_equal(lab_stats(p.server).dropped_bad, 0);
        lab_free(p.world);
    }
}

static void forged_records_are_dropped(void **state)
{
    (void)state;
    for (int cid = 0; cid <= 6; cid += 6) {
        pair p = make_pair((uint8_t)cid);
        keep_records(&p, 1);
        uint64_t bad = 0;
        for (size_t at = 0; at < kept[0].len; at++) {
            lab_datagram changed = kept[0];
            changed.bytes[at] ^= 0x10;
            lab_inject(p.world, p.server, &p.client->addr, changed.bytes, changed.len);
            assert_null(lab_next(p.server));
            bad++;
        }
        for (size_t len = 0; len < kept[0].len; len++) {
            lab_inject(p.world, p.server, &p.client->addr, kept[0].bytes, len);
            assert_null(lab_next(p.server));
            bad += len > 0;
        }
        proa_secure_stats stats = lab_stats(p.server);
        /* More than one each where a changed length makes two records of one. */
        assert_in_range(stats.dropped_bad + stats.dropped_unknown + stats.dropped_replay, bad,
                        bad + 4);
        give_record(&p, 0, &p.client->addr);
        (void)lab_expect(p.server, PROA_SECURE_DATA);
        lab_free(p.world);
    }
}

static void several_records_in_one_datagram(void **state)
{
    (void)state;
    pair p = make_pair(6);
    keep_records(&p, 3);
    lab_datagram all = kept[0];
    memcpy(all.bytes + all.len, kept[1].bytes, kept[1].len);
    all.len += kept[1].len;
    memset(all.bytes + all.len, 0x17, 20); /* and rubbish behind them */
    lab_inject(p.world, p.server, &p.client->addr, all.bytes, all.len + 20);
    assert_int_equal(lab_expect(p.server, PROA_SECURE_DATA)->bytes[0], '0');
    assert_int_equal(lab_expect(p.server, PROA_SECURE_DATA)->bytes[0], '1');
    assert_null(lab_next(p.server));
    /* The plaintext that nobody polled is lost with the next datagram, and nothing else is. */
    p.server->box->class_->input(p.server->box, p.world->now_ms, &p.client->addr,
                                 proa_span_make(kept[2].bytes, kept[2].len));
    give_record(&p, 2, &p.client->addr);
    assert_null(lab_next(p.server));
    assert_int_equal(lab_send(p.world, p.client, p.at_client, "on"), PROA_OK);
    lab_run(p.world, 50);
    (void)lab_expect(p.server, PROA_SECURE_DATA);
    lab_free(p.world);
}

/* ---- addresses ---------------------------------------------------------------------------- */

static proa_addr address_of(const lab_node *node, uint32_t session)
{
    proa_addr addr;
    assert_true(node->box->class_->address(node->box, session, &addr));
    return addr;
}

static void rfc9146_6_address_follows_the_newest_record_only(void **state)
{
    (void)state;
    pair p = make_pair(6);
    proa_addr home = p.client->addr;
    proa_addr away = home;
    away.ip[15] = 99;
    keep_records(&p, 4);
    give_record(&p, 1, &home);
    give_record(&p, 0, &away); /* verified, but older */
    assert_int_equal(p.server->event_count - p.server->read, 2);
    proa_addr now = address_of(p.server, p.at_server);
    assert_true(proa_addr_equal(&now, &home));
    lab_datagram forged = kept[3];
    forged.bytes[forged.len - 1] ^= 1;
    lab_inject(p.world, p.server, &away, forged.bytes, forged.len);
    give_record(&p, 1, &away); /* replayed */
    now = address_of(p.server, p.at_server);
    assert_true(proa_addr_equal(&now, &home));
    give_record(&p, 2, &away); /* newest */
    now = address_of(p.server, p.at_server);
    assert_true(proa_addr_equal(&now, &away));
    assert_int_equal(lab_stats(p.server).address_changes, 1);
    give_record(&p, 3, &home); /* and back */
    now = address_of(p.server, p.at_server);
    assert_true(proa_addr_equal(&now, &home));
    lab_free(p.world);
}

static void session_survives_a_new_address(void **state)
{
    (void)state;
    pair p = make_pair(6);
    p.server->echo = true;
    p.client->addr.port = 40000;
    p.client->addr.ip[14] = 77;
    assert_int_equal(lab_send(p.world, p.client, p.at_client, "moved"), PROA_OK);
    lab_run(p.world, 100);
    (void)lab_expect(p.server, PROA_SECURE_DATA);
    const lab_event *event = lab_expect(p.client, PROA_SECURE_DATA);
    assert_memory_equal(event->bytes, "moved", 5);
    lab_free(p.world);
}

static void session_without_ids_does_not_survive_a_new_address(void **state)
{
    (void)state;
    pair p = make_pair(0);
    p.client->addr.port = 40000;
    assert_int_equal(lab_send(p.world, p.client, p.at_client, "moved"), PROA_OK);
    lab_run(p.world, 100);
    assert_null(lab_next(p.server));
    assert_int_equal(lab_stats(p.server).dropped_unknown, 1);
    lab_free(p.world);
}

static void unconfirmed_address_gets_three_times_what_came_from_it(void **state)
{
    (void)state;
    for (int confirm = 0; confirm < 2; confirm++) {
        pair p = make_pair(6);
        proa_addr away = p.client->addr;
        away.ip[15] = 99;
        char big[1000];
        memset(big, 'x', sizeof big - 1);
        big[sizeof big - 1] = 0;
        keep_records(&p, 2);
        give_record(&p, 0, &away);
        size_t allowed = 3 * kept[0].len;
        assert_int_equal(lab_send(p.world, p.server, p.at_server, big), PROA_E_DENIED);
        size_t sent = 0;
        while (lab_send(p.world, p.server, p.at_server, "12345678") == PROA_OK) {
            sent += kept[0].len + 7; /* the same overhead, seven bytes more */
        }
        assert_true(sent <= allowed && sent + kept[0].len + 7 > allowed);
        assert_int_equal(lab_send(p.world, p.server, p.at_server, "12345678"), PROA_E_DENIED);
        if (confirm == 0) {
            give_record(&p, 1, &away); /* more came: more may go */
            assert_int_equal(lab_send(p.world, p.server, p.at_server, "12345678"), PROA_OK);
        } else {
            p.server->box->class_->confirm_address(p.server->box, p.at_server);
            assert_int_equal(lab_send(p.world, p.server, p.at_server, big), PROA_OK);
        }
        lab_free(p.world);
    }
}

/* ---- what must not end a session, and what must ------------------------------------------- */

static void unprotected_records_do_not_touch_a_session(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[20];
        size_t len;
    } cases[] = {
        {{21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 50, 0, 2, 2, 40}, 15}, /* fatal alert */
        {{21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 51, 0, 2, 1, 0}, 15},  /* close_notify */
        {{20, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 52, 0, 1, 1}, 14},     /* ChangeCipherSpec */
        {{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 53, 0, 1, 0}, 14},     /* HelloRequest */
        {{23, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 54, 0, 3, 1, 2, 3}, 16},
        {{21, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 55, 0, 2, 2, 40}, 15}, /* "protected" */
        {{20, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 56, 0, 1, 1}, 14},
        {{21, 0xfe, 0xfd, 0, 2, 0, 0, 0, 0, 0, 57, 0, 2, 2, 40}, 15},
        {{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 58, 0, 3, 16, 0, 0}, 16},
    };
    for (int cid = 0; cid <= 6; cid += 6) {
        pair p = make_pair((uint8_t)cid);
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            lab_inject(p.world, p.server, &p.client->addr, cases[i].bytes, cases[i].len);
            lab_inject(p.world, p.client, &p.server->addr, cases[i].bytes, cases[i].len);
        }
        lab_run(p.world, 120000);
        assert_null(lab_next(p.server));
        assert_null(lab_next(p.client));
        assert_int_equal(lab_send(p.world, p.client, p.at_client, "alive"), PROA_OK);
        lab_run(p.world, 100);
        (void)lab_expect(p.server, PROA_SECURE_DATA);
        lab_free(p.world);
    }
}

static void close_notify_ends_both_sides(void **state)
{
    (void)state;
    for (int cid = 0; cid <= 6; cid += 6) {
        pair p = make_pair((uint8_t)cid);
        proa_addr addr;
        p.client->box->class_->close(p.client->box, p.world->now_ms, p.at_client, true);
        assert_false(p.client->box->class_->address(p.client->box, p.at_client, &addr));
        assert_int_equal(lab_send(p.world, p.client, p.at_client, "x"), PROA_E_NOT_FOUND);
        lab_run(p.world, 100);
        assert_null(lab_next(p.client)); /* who closes, knows */
        const lab_event *event = lab_expect(p.server, PROA_SECURE_CLOSED);
        assert_int_equal(event->event.reason, PROA_SECURE_REASON_PEER_CLOSED);
        assert_int_equal(event->event.account, 1);
        assert_int_equal(lab_send(p.world, p.server, p.at_server, "x"), PROA_E_NOT_FOUND);
        p.server->box->class_->close(p.server->box, p.world->now_ms, p.at_server, true);
        assert_int_equal(lab_stats(p.server).live, 0);
        lab_free(p.world);
    }
}

static void close_before_the_poll_takes_the_data_along(void **state)
{
    (void)state;
    pair p = make_pair(6);
    proa_secure_event event;
    const proa_secure_class *c = p.server->box->class_;
    keep_records(&p, 1);
    c->input(p.server->box, p.world->now_ms, &p.client->addr,
             proa_span_make(kept[0].bytes, kept[0].len));
    assert_int_equal(c->next_ms(p.server->box), p.world->now_ms); /* there is something to poll */
    c->close(p.server->box, p.world->now_ms, p.at_server, false);
    assert_false(c->poll(p.server->box, p.world->now_ms, &event));
    lab_free(p.world);
}

static void close_without_telling_sends_nothing(void **state)
{
    (void)state;
    pair p = make_pair(6);
    uint64_t sent = p.world->sent;
    p.client->box->class_->close(p.client->box, p.world->now_ms, p.at_client, false);
    lab_run(p.world, 100);
    assert_int_equal(p.world->sent, sent);
    assert_int_equal(lab_send(p.world, p.server, p.at_server, "to nobody"), PROA_OK);
    lab_run(p.world, 100);
    assert_int_equal(lab_stats(p.client).dropped_unknown, 1);
    lab_free(p.world);
}

static void restart_of_the_server_leaves_unknown_records(void **state)
{
    (void)state;
    for (int cid = 0; cid <= 6; cid += 6) {
        pair p = make_pair((uint8_t)cid);
        p.server->box->class_->free(p.server->box);
        lab_open(p.world, p.server);
        for (int i = 0; i < 5; i++) {
            assert_int_equal(lab_send(p.world, p.client, p.at_client, "hello?"), PROA_OK);
        }
        lab_run(p.world, 100);
        assert_int_equal(lab_stats(p.server).dropped_unknown, 5);
        assert_int_equal(lab_stats(p.server).records_out, 0); /* no answer to forgeable records */
        assert_null(lab_next(p.client));
        lab_free(p.world);
    }
}

/* ---- sending ------------------------------------------------------------------------------- */

static void send_tells_what_is_wrong(void **state)
{
    (void)state;
    pair p = make_pair(6);
    char text[PROA_DATAGRAM_MAX + 1];
    memset(text, 'x', sizeof text);
    size_t most = 0;
    for (size_t len = PROA_DATAGRAM_MAX; len > 1100 && most == 0; len--) {
        proa_err err = p.client->box->class_->send(p.client->box, p.world->now_ms, p.at_client,
                                                   proa_span_make(text, len));
        assert_true(err == PROA_OK || err == PROA_E_TOO_LARGE);
        most = err == PROA_OK ? len : 0;
    }
    assert_true(most >= PROA_COAP_MESSAGE_MAX);
    lab_run(p.world, 100);
    (void)lab_expect(p.server, PROA_SECURE_DATA);
    size_t queued = 0;
    proa_err err = PROA_OK;
    while ((err = lab_send(p.world, p.client, p.at_client, "0123456789")) == PROA_OK) {
        assert_true(++queued < 1000);
    }
    assert_int_equal(err, PROA_E_FULL);
    lab_run(p.world, 100);
    for (size_t i = 0; i < queued; i++) {
        (void)lab_expect(p.server, PROA_SECURE_DATA); /* whatever was taken in has arrived */
    }
    assert_int_equal(lab_send(p.world, p.client, p.at_client, "again"), PROA_OK);
    uint32_t session = lab_connect(p.world, p.server, p.client, "bob");
    assert_int_equal(lab_send(p.world, p.server, session, "early"), PROA_E_STATE);
    p.server->box->class_->close(p.server->box, p.world->now_ms, session, true);
    assert_int_equal(lab_send(p.world, p.client, 0, "nobody"), PROA_E_NOT_FOUND);
    lab_free(p.world);
}

static void rubbish_changes_nothing(void **state)
{
    (void)state;
    pair p = make_pair(2);
    test_random random = {4711};
    size_t arena_used = proa_dtls_arena_read().used;
    keep_records(&p, 1);
    for (int i = 0; i < 20000; i++) {
        uint8_t bytes[300];
        size_t len = test_random_next(&random) % sizeof bytes;
        for (size_t k = 0; k < len; k++) {
            bytes[k] = (uint8_t)test_random_next(&random);
        }
        if (i % 2 == 0 && len >= 17) { /* half of it with a head that looks right */
            uint64_t draw = test_random_next(&random);
            memcpy(bytes, kept[0].bytes, draw % 17);
            bytes[0] = (uint8_t)(20 + draw / 17 % 6);
        }
        lab_inject(p.world, i % 4 < 2 ? p.server : p.client,
                   i % 4 < 2 ? &p.client->addr : &p.server->addr, bytes, len);
    }
    assert_null(lab_next(p.server));
    assert_null(lab_next(p.client));
    assert_int_equal(proa_dtls_arena_read().used, arena_used);
    give_record(&p, 0, &p.client->addr);
    (void)lab_expect(p.server, PROA_SECURE_DATA);
    lab_free(p.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc6347_4_1_2_6_replayed_records_are_dropped),
        cmocka_unit_test(forged_records_are_dropped),
        cmocka_unit_test(several_records_in_one_datagram),
        cmocka_unit_test(rfc9146_6_address_follows_the_newest_record_only),
        cmocka_unit_test(session_survives_a_new_address),
        cmocka_unit_test(session_without_ids_does_not_survive_a_new_address),
        cmocka_unit_test(unconfirmed_address_gets_three_times_what_came_from_it),
        cmocka_unit_test(unprotected_records_do_not_touch_a_session),
        cmocka_unit_test(close_notify_ends_both_sides),
        cmocka_unit_test(close_before_the_poll_takes_the_data_along),
        cmocka_unit_test(close_without_telling_sends_nothing),
        cmocka_unit_test(restart_of_the_server_leaves_unknown_records),
        cmocka_unit_test(send_tells_what_is_wrong),
        cmocka_unit_test(rubbish_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
