/* SPDX-License-Identifier: Apache-2.0 */
/* One session per pair: which one stays, and what moves (docs/C2C.md §6). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/c2c/fake_client.h"

#define KEY "0123456789abcdef"
#define URI "coaps://[2001:db8::7]:5684"

/* Our own name is "m": one peer sorts before it, one after, one is longer than ours. */
static const fake_account smaller = {"a", 2, 0, "id-a", KEY, URI};
static const fake_account larger = {"z", 3, 0, "id-z", KEY, URI};
static const fake_account longer = {"mm", 4, 0, "id-mm", KEY, URI};

static fake_request *ask(fake *f, const char *endpoint, proa_operation op)
{
    proa_c2c_id id;
    proa_c2c_ask question = {.endpoint = proa_span_of(endpoint),
                             .op = op,
                             .path = {{3311, 0, 5706}, 3},
                             .format = PROA_FORMAT_NONE};
    assert_int_equal(proa_c2c_send(f->c2c, f->now_ms, &question, &id), PROA_OK);
    fake_pass(f, 0);
    return f->client.last;
}

/* Both ends call at the same time. Whatever comes first, both ends keep the session that the
 * smaller name opened, and at once requests go over it. */
static void c2c_6_simultaneous_opens(void **state)
{
    static const struct {
        const fake_account *peer;
        bool ours_stays;
    } rows[] = {{&smaller, false}, {&larger, true}, {&longer, true}};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int ours_first = 0; ours_first < 2; ours_first++) {
            fake f;
            fake_open(&f, NULL, "m", true);
            uint16_t key = fake_install(&f, rows[i].peer);
            (void)ask(&f, rows[i].peer->endpoint, PROA_OP_READ);
            fake_session *ours = f.client.opened;
            uint32_t theirs = fake_incoming(&f, key);
            uint32_t stays = rows[i].ours_stays ? ours->id : theirs;
            uint32_t goes = rows[i].ours_stays ? theirs : ours->id;
            fake_connected(&f, ours_first != 0 ? ours->id : theirs, ours_first == 0);
            fake_request *get = f.client.last; /* waits for nothing more */
            assert_true(get->open);
            fake_pass(&f, 50);
            if (!fake_session_of(&f, goes)->closed || ours_first != 0) {
                fake_connected(&f, ours_first != 0 ? theirs : ours->id, ours_first != 0);
            }
            assert_int_equal(proa__key_at(f.c2c, 0)->session, stays);
            assert_false(fake_session_of(&f, stays)->closed);
            (void)ask(&f, rows[i].peer->endpoint, PROA_OP_READ);
            assert_int_equal(f.client.last->to.session, stays);
            /* The loser is there a little longer, then what is left of it moves. */
            fake_pass(&f, 4999);
            fake_pass(&f, 1);
            assert_true(fake_session_of(&f, goes)->closed);
            assert_false(fake_session_of(&f, stays)->closed);
            assert_int_equal(get->to.session, stays);
            assert_int_equal(proa__key_at(f.c2c, 0)->linger, 0);
            fake_close(&f);
        }
    }
}

/* An answer on the loser within its time is an answer. */
static void c2c_6_loser_lingers(void **state)
{
    fake f;
    (void)state;
    fake_open(&f, NULL, "m", true);
    uint16_t key = fake_install(&f, &smaller);
    fake_request *get = ask(&f, "a", PROA_OP_EXECUTE);
    (void)get;
    uint32_t ours = f.client.opened->id;
    fake_connected(&f, ours, false);
    get = f.client.last;
    assert_int_equal(get->to.session, ours);
    fake_connected(&f, fake_incoming(&f, key), true); /* and that one stays */
    fake_pass(&f, 2000);
    assert_false(fake_session_of(&f, ours)->closed);
    assert_int_equal(get->to.session, ours); /* not moved: it may not be done twice */
    fake_answer(&f, get, PROA_COAP_CHANGED, PROA_FORMAT_NONE, NULL, 0, false);
    while (fake_next(&f)) {
    }
    assert_int_equal(f.event.outcome, PROA_OUTCOME_OK);
    fake_close(&f);
}

/* The winner dies while the loser still lingers: better that one than none. */
static void c2c_6_winner_dies_first(void **state)
{
    fake f;
    (void)state;
    fake_open(&f, NULL, "m", true);
    uint16_t key = fake_install(&f, &smaller);
    (void)ask(&f, "a", PROA_OP_READ);
    uint32_t ours = f.client.opened->id;
    fake_connected(&f, ours, false);
    uint32_t theirs = fake_incoming(&f, key);
    fake_connected(&f, theirs, true);
    assert_int_equal(proa__key_at(f.c2c, 0)->session, theirs);
    fake_closed(&f, theirs, PROA_SECURE_REASON_PEER_CLOSED);
    assert_int_equal(proa__key_at(f.c2c, 0)->session, ours);
    fake_pass(&f, 10000);
    assert_false(fake_session_of(&f, ours)->closed);
    fake_close(&f);
}

/* A peer that comes again has lost what it had: the new session replaces the old at once, in
 * whichever role. */
static void c2c_6_a_later_session_replaces(void **state)
{
    static const struct {
        bool old_is_server, new_is_server;
        uint64_t after_ms;
    } rows[] = {
        {true, true, 100},      /* the same end again, soon: it rebooted */
        {true, true, 3600000},  /* ... later */
        {false, true, 3600000}, /* the other end, long after: no tie */
        {false, true, 15000},   /* just no tie any more */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fake f;
        fake_open(&f, NULL, "m", true);
        uint16_t key = fake_install(&f, &larger);
        uint32_t old = fake_incoming(&f, key);
        fake_connected(&f, old, rows[i].old_is_server);
        fake_pass(&f, rows[i].after_ms);
        fake_request *get = ask(&f, "z", PROA_OP_OBSERVE);
        uint32_t now = fake_incoming(&f, key);
        fake_connected(&f, now, rows[i].new_is_server);
        assert_true(fake_session_of(&f, old)->closed);
        assert_int_equal(fake_session_of(&f, old)->moved_to, now);
        assert_int_equal(get->to.session, now);
        assert_int_equal(proa__key_at(f.c2c, 0)->session, now);
        fake_close(&f);
    }
}

/* Two unanswered retransmissions: a handshake beside the session, which ends it only if it
 * succeeds. */
static void c2c_6_dead_sessions(void **state)
{
    (void)state;
    for (int succeeds = 0; succeeds < 2; succeeds++) {
        fake f;
        fake_open(&f, NULL, "m", true);
        uint16_t key = fake_install(&f, &larger);
        uint32_t old = fake_incoming(&f, key);
        fake_connected(&f, old, true);
        fake_request *get = ask(&f, "z", PROA_OP_READ);
        get->transmissions = 2;
        fake_pass(&f, 5000);
        assert_int_equal(f.client.opened->id, old);
        get->transmissions = 3;
        fake_pass(&f, 1000);
        assert_int_not_equal(f.client.opened->id, old);
        assert_false(fake_session_of(&f, old)->closed);
        size_t sessions = f.client.session_count;
        fake_pass(&f, 5000);
        assert_int_equal(f.client.session_count, sessions); /* one at a time */
        uint32_t beside = f.client.opened->id;
        if (succeeds != 0) {
            fake_connected(&f, beside, false);
            assert_int_equal(get->to.session, beside);
            assert_true(fake_session_of(&f, old)->closed);
        } else {
            fake_closed(&f, beside, PROA_SECURE_REASON_TIMEOUT);
            assert_false(fake_session_of(&f, old)->closed);
            assert_int_equal(get->to.session, old);
            assert_true(get->open);
        }
        fake_answer(&f, get, PROA_COAP_CONTENT, PROA_FORMAT_NONE, NULL, 0, false);
        while (fake_next(&f)) {
        }
        assert_int_equal(f.event.outcome, PROA_OUTCOME_OK);
        fake_close(&f);
    }
}

/* Without a URI, the session's own address is where a new handshake goes. */
static void c2c_6_dead_session_of_a_peer_without_uri(void **state)
{
    static const fake_account caller = {"z", 3, 0, "id-z", KEY, NULL};
    fake f;
    (void)state;
    fake_open(&f, NULL, "m", true);
    uint16_t key = fake_install(&f, &caller);
    uint32_t old = fake_incoming(&f, key);
    fake_session_of(&f, old)->addr.port = 7777;
    fake_connected(&f, old, true);
    ask(&f, "z", PROA_OP_READ)->transmissions = 3;
    fake_pass(&f, 1000);
    assert_int_not_equal(f.client.opened->id, old);
    assert_int_equal(f.client.opened->addr.port, 7777);
    fake_close(&f);
}

/* A handshake that was begun before the account ended proves a key that is no longer one; not even
 * for a later account with the same numbers. */
static void g10_session_of_an_ended_account(void **state)
{
    (void)state;
    for (int what = 0; what < 3; what++) { /* key deleted, peer deleted, both and made anew */
        fake f;
        fake_open(&f, NULL, "m", false);
        uint16_t key = fake_install(&f, &larger);
        uint32_t session = fake_incoming(&f, key);
        if (what != 1) {
            assert_int_equal(fake_delete(&f, 11000, &fake_server_1, key), PROA_OK);
        }
        if (what != 0) {
            assert_int_equal(fake_delete(&f, 11001, &fake_server_1, 0), PROA_OK);
        }
        fake_pass(&f, 0);
        if (what == 2) {
            assert_int_equal(fake_install(&f, &larger), key);
        }
        fake_connected(&f, session, true);
        assert_true(fake_session_of(&f, session)->by_client);
        assert_int_equal(proa__key_at(f.c2c, 0)->session, 0);
        fake_close(&f);
    }
}

static void g10_closed_sessions_of_nobody(void **state)
{
    fake f;
    (void)state;
    fake_open(&f, NULL, "m", true);
    uint16_t key = fake_install(&f, &larger);
    uint32_t session = fake_incoming(&f, key);
    fake_connected(&f, session, true);
    f.client.ext->session_closed(f.client.ext->ctx, f.now_ms, fake_account_of(&f, key), 4711,
                                 PROA_SECURE_REASON_TIMEOUT);
    f.client.ext->session_closed(f.client.ext->ctx, f.now_ms, 99, session,
                                 PROA_SECURE_REASON_TIMEOUT);
    f.client.ext->session_closed(f.client.ext->ctx, f.now_ms, fake_account_of(&f, key), 0,
                                 PROA_SECURE_REASON_TIMEOUT);
    assert_int_equal(proa__key_at(f.c2c, 0)->session, session);
    fake_close(&f);
}

/* The client had no place for it, and closed it: what proved the key is gone all the same. */
static void c2c_6_a_session_without_a_place_was_the_first(void **state)
{
    (void)state;
    fake f;
    fake_open(&f, NULL, "m", true);
    (void)fake_install(&f, &larger);
    proa__key *key = proa__key_at(f.c2c, 0);
    key->first_id = 0x1234;
    f.client.ext->session_closed(f.client.ext->ctx, f.now_ms, proa__c2c_account(key), 77,
                                 PROA_SECURE_REASON_RESOURCES);
    assert_int_equal(key->first_id, 0);
    /* A handshake that came to nothing says nothing of it. */
    key->first_id = 0x1234;
    key->opening = 78;
    f.client.ext->session_closed(f.client.ext->ctx, f.now_ms, proa__c2c_account(key), 78,
                                 PROA_SECURE_REASON_TIMEOUT);
    assert_int_equal(key->first_id, 0x1234);
    fake_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(c2c_6_simultaneous_opens),
        cmocka_unit_test(c2c_6_loser_lingers),
        cmocka_unit_test(c2c_6_winner_dies_first),
        cmocka_unit_test(c2c_6_a_later_session_replaces),
        cmocka_unit_test(c2c_6_dead_sessions),
        cmocka_unit_test(c2c_6_dead_session_of_a_peer_without_uri),
        cmocka_unit_test(g10_session_of_an_ended_account),
        cmocka_unit_test(g10_closed_sessions_of_nobody),
        cmocka_unit_test(c2c_6_a_session_without_a_place_was_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
