/* SPDX-License-Identifier: Apache-2.0 */
/* The first session of an account: without a handshake, once, and only as long as nothing went wrong
 * (docs/C2C.md §6). Real devices over fake boxes; what both ends derive is tests/dtls/test_first.c's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/c2c/c2c_internal.h"
#include "tests/c2c/world.h"
#include "tests/client/fake_secure.h"

#define R PROA_RIGHT_READ
#define DAY 86400U
#define VALUE "e5164a3030303031" /* 3311/0/5706 is "00001" */

enum { BUTTON = 0, LAMP = 1 };

static world w;

static proa_secure_stats stats_of(size_t device)
{
    return w.devices[device].box->class_->stats(w.devices[device].box);
}

/* Between devices: each has one handshake, that with the server, for each of its lives. */
static void expect_sessions(uint64_t firsts, uint64_t handshakes)
{
    for (size_t i = BUTTON; i <= LAMP; i++) {
        assert_int_equal(stats_of(i).firsts_done, firsts);
    }
    assert_int_equal(stats_of(LAMP).handshakes_done, handshakes);
}

static proa__key *key_of(size_t device)
{
    return proa__key_at(w.devices[device].c2c, 0);
}

static void expect_data(void)
{
    (void)world_ask(&w, BUTTON, LAMP, PROA_OP_READ);
    world_run(&w, 60000);
    world_expect_outcome(&w, BUTTON, PROA_OUTCOME_OK, VALUE);
}

static void c2c_6_first_data_without_a_handshake(void **state)
{
    (void)state;
    world_open_firsts(&w, 2);
    (void)world_ask(&w, BUTTON, LAMP, PROA_OP_READ);
    world_settle(&w);
    world_grant_compact(&w, BUTTON, LAMP, R, DAY);
    world_settle(&w);
    world_expect_outcome(&w, BUTTON, PROA_OUTCOME_OK, VALUE);
    expect_sessions(1, 1);
    world_answer_ac(&w, PROA_COAP_CREATED, NULL);
    /* It is a session like any other. */
    (void)world_ask(&w, BUTTON, LAMP, PROA_OP_OBSERVE);
    world_settle(&w);
    world_change(&w, LAMP, "00002");
    world_run(&w, 2000);
    assert_int_equal(world_events(&w, BUTTON, PROA_C2C_NOTIFICATION), 1);
    expect_sessions(1, 1);
    assert_int_equal(key_of(BUTTON)->first_id, 0);
    assert_int_equal(key_of(LAMP)->first_id, 0);
    assert_true(key_of(LAMP)->is_server);
    assert_false(key_of(BUTTON)->is_server);
    world_close(&w);
}

static void c2c_6_lost_records_are_sent_again(void **state)
{
    (void)state;
    for (size_t deaf = BUTTON; deaf <= LAMP; deaf++) {
        world_open_firsts(&w, 2);
        world_grant_compact(&w, BUTTON, LAMP, R, DAY);
        w.devices[deaf].lose_from_peers = 1;
        expect_data();
        expect_sessions(1, 1);
        world_close(&w);
    }
}

/* Nobody hears the host any more. One notification goes out as CON, sent five times or a ping in its place,
 * and what the server gets of it. */
static void expect_little_into_the_void(void)
{
    uint64_t sent = stats_of(LAMP).records_out;
    w.devices[BUTTON].cut = true;
    for (unsigned i = 0; i < 200; i++) {
        world_change(&w, LAMP, i % 2 == 0 ? "00002" : "00003");
        world_run(&w, 1000);
    }
    assert_in_range(stats_of(LAMP).records_out - sent, 1, 10);
}

/* The first record proves who sent it and not from where: whoever has an account could let its host send to
 * somebody else. Until there is an answer the host sends that much, and no more. */
static void c2c_6_nobody_answers_from_there(void **state)
{
    (void)state;
    world_open_firsts(&w, 2);
    world_grant_compact(&w, BUTTON, LAMP, R, DAY);
    (void)world_ask(&w, BUTTON, LAMP, PROA_OP_OBSERVE);
    world_settle(&w);
    world_expect_outcome(&w, BUTTON, PROA_OUTCOME_OK, VALUE);
    expect_little_into_the_void();
    world_close(&w);
}

/* Also not later, when what the host knew of that way has been forgotten for want of use. */
static void c2c_6_nobody_answers_later_either(void **state)
{
    (void)state;
    world_open_firsts(&w, 2);
    world_grant_compact(&w, BUTTON, LAMP, R, DAY);
    expect_data();
    world_run(&w, 700000);
    (void)world_ask(&w, BUTTON, LAMP, PROA_OP_OBSERVE);
    world_settle(&w);
    expect_little_into_the_void();
    world_close(&w);
}

/* Somebody answers: from then on they are NON, as ever. */
static void c2c_6_somebody_answers_from_there(void **state)
{
    (void)state;
    world_open_firsts(&w, 2);
    world_grant_compact(&w, BUTTON, LAMP, R, DAY);
    (void)world_ask(&w, BUTTON, LAMP, PROA_OP_OBSERVE);
    world_run(&w, 10000); /* the server hears of the account, too */
    uint64_t heard = stats_of(LAMP).records_in;
    world_change(&w, LAMP, "00002");
    world_run(&w, 2000);
    assert_int_equal(stats_of(LAMP).records_in, heard + 1); /* its ACK */
    for (unsigned i = 0; i < 50; i++) {
        world_change(&w, LAMP, i % 2 == 0 ? "00003" : "00004");
        world_run(&w, 2000);
    }
    assert_int_equal(stats_of(LAMP).records_in, heard + 1);
    assert_int_equal(world_events(&w, BUTTON, PROA_C2C_NOTIFICATION), 51);
    world_close(&w);
}

/* It moves: who hears it there has to say so again, and then all is as before. */
static void c2c_6_a_peer_that_moved_is_doubted_until_it_answers(void **state)
{
    (void)state;
    for (int answers = 0; answers < 2; answers++) {
        world_open_firsts(&w, 2);
        world_grant_compact(&w, BUTTON, LAMP, R, DAY);
        (void)world_ask(&w, BUTTON, LAMP, PROA_OP_OBSERVE);
        world_settle(&w);
        world_change(&w, LAMP, "00002");
        world_run(&w, 10000);
        w.devices[BUTTON].addr.port++;
        (void)world_ask(&w, BUTTON, LAMP, PROA_OP_READ);
        world_settle(&w);
        world_expect_outcome(&w, BUTTON, PROA_OUTCOME_OK, NULL);
        if (answers) {
            uint64_t heard = stats_of(LAMP).records_in;
            for (unsigned i = 0; i < 50; i++) {
                world_change(&w, LAMP, i % 2 == 0 ? "00003" : "00002");
                world_run(&w, 2000);
            }
            assert_int_equal(stats_of(LAMP).records_in, heard + 1); /* one ACK */
            assert_int_equal(world_events(&w, BUTTON, PROA_C2C_NOTIFICATION), 51);
            /* The box was told: the next request begins no other doubt. */
            (void)world_ask(&w, BUTTON, LAMP, PROA_OP_READ);
            world_settle(&w);
            world_change(&w, LAMP, "00003");
            world_run(&w, 2000);
            assert_int_equal(stats_of(LAMP).records_in, heard + 2);
        } else {
            expect_little_into_the_void();
        }
        world_close(&w);
    }
}

/* What comes for a key that is awaited costs a derivation: not for ever. */
static void c2c_6_forged_records_are_looked_at_eight_times(void **state)
{
    proa_secure_first first;
    (void)state;
    world_open_firsts(&w, 2);
    world_grant_compact(&w, BUTTON, LAMP, R, DAY);
    uint32_t id = key_of(LAMP)->first_id;
    for (unsigned i = 0; i < 8; i++) {
        assert_true(proa_client_find_first(w.devices[LAMP].client, id, &first));
    }
    assert_false(proa_client_find_first(w.devices[LAMP].client, id, &first));
    expect_data();
    assert_int_equal(stats_of(LAMP).firsts_done, 0);
    world_close(&w);
}

/* What was promised is kept in RAM: nobody has a second first session after a reboot. */
static void c2c_6_a_reboot_forgets_it(void **state)
{
    static const struct {
        const char *name;
        bool button, lamp;
    } rows[] = {{"the requester", true, false}, {"the host", false, true}, {"both", true, true}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        print_message("%s\n", rows[i].name);
        world_open_firsts(&w, 2);
        world_grant_compact(&w, BUTTON, LAMP, R, DAY);
        if (rows[i].button) {
            world_reboot(&w, BUTTON);
        }
        if (rows[i].lamp) {
            world_reboot(&w, LAMP);
        }
        expect_data();
        assert_int_equal(stats_of(LAMP).firsts_done, 0);
        assert_int_equal(stats_of(LAMP).handshakes_done, 2 + rows[i].lamp);
        /* The host waits for none any more. */
        assert_int_equal(key_of(LAMP)->first_id, 0);
        world_close(&w);
    }
}

static void c2c_6_a_key_has_one_first_session(void **state)
{
    (void)state;
    world_open_firsts(&w, 2);
    world_grant_compact(&w, BUTTON, LAMP, R, DAY);
    expect_data();
    for (size_t i = BUTTON; i <= LAMP; i++) {
        fake_secure_forget(w.devices[i].box, key_of(i)->session);
    }
    expect_data();
    expect_sessions(1, 2);
    world_close(&w);
}

/* It cannot begin: a handshake has to do, and the host, which sees that, awaits nothing more. */
static void c2c_6_a_handshake_takes_its_place(void **state)
{
    (void)state;
    world_open_firsts(&w, 2);
    world_grant_compact(&w, BUTTON, LAMP, R, DAY);
    assert_int_not_equal(key_of(LAMP)->first_id, 0);
    fake_secure_fail_opens(w.devices[BUTTON].box, 1);
    expect_data();
    expect_sessions(0, 2);
    assert_int_equal(key_of(LAMP)->first_id, 0);
    world_close(&w);
}

static void c2c_6_an_id_that_is_taken_is_refused(void **state)
{
    static const uint8_t made[] = {0x83, 0, 0, 0};
    proa_secure_first first;
    uint32_t session;
    (void)state;
    for (int is_awaited = 0; is_awaited < 2; is_awaited++) {
        world_open_firsts(&w, 3);
        proa_secure *box = w.devices[LAMP].box;
        assert_int_equal(world_install_compact(&w, BUTTON, LAMP, LAMP, R, DAY), PROA_COAP_CREATED);
        memset(&first, 0, sizeof first);
        proa__c2c_psk(key_of(LAMP), &first.psk);
        uint8_t identity[16];
        proa_span stored = proa__row_text(&key_of(LAMP)->row, PROA__KEY_IDENTITY);
        memcpy(identity, stored.data, sizeof identity);
        first.identity = proa_span_make(identity, sizeof identity);
        if (is_awaited) {
            /* By another key, which stands there. */
            uint32_t id = key_of(LAMP)->first_id;
            assert_int_equal(world_install_compact(&w, 2, LAMP, LAMP, R, DAY), PROA_COAP_CREATED);
            assert_int_equal(world_server(&w, LAMP, PROA_COAP_DELETE, "/11000/0", NULL),
                             PROA_COAP_DELETED);
            assert_int_equal(world_server(&w, LAMP, PROA_COAP_DELETE, "/11001/0", NULL),
                             PROA_COAP_DELETED);
            world_run(&w, 5000);
            proa__key_at(w.devices[LAMP].c2c, 1)->first_id = id;
        } else {
            static const char *const paths[] = {"/11002/0", "/11000/0", "/11001/0"};
            for (size_t i = 0; i < 3; i++) {
                assert_int_equal(world_server(&w, LAMP, PROA_COAP_DELETE, paths[i], NULL),
                                 PROA_COAP_DELETED);
            }
            world_run(&w, 5000);
            assert_int_equal(box->class_->open_first(box, w.now_ms, &w.stranger, &first, &session),
                             PROA_OK);
        }
        assert_int_equal(world_install_compact(&w, BUTTON, LAMP, LAMP, R, DAY),
                         PROA_COAP_BAD_REQUEST);
        /* Nothing of it stands there. */
        if (!is_awaited) {
            box->class_->close(box, w.now_ms, session, false);
            assert_int_equal(world_install_compact(&w, BUTTON, LAMP, LAMP, R, DAY),
                             PROA_COAP_CREATED);
            assert_int_equal(w.answer_len, sizeof made);
            assert_memory_equal(w.answer, made, sizeof made);
        }
        world_close(&w);
    }
}

static void c2c_6_another_kind_is_none(void **state)
{
    (void)state;
    world_open_firsts(&w, 2);
    assert_int_equal(world_server_cbor(&w, LAMP, "/11000",
                                       "a6 00 02 01 1903e8 02 69 636c69656e745f3031 03 41 31 04 50 "
                                       "606162636465666768696a6b6c6d6e6f 0e 02"),
                     PROA_COAP_CREATED);
    assert_int_equal(key_of(LAMP)->first_id, 0);
    world_close(&w);
}

static void c2c_6_it_ends_with_its_key(void **state)
{
    proa_secure_first first;
    (void)state;
    for (int is_rekeyed = 0; is_rekeyed < 2; is_rekeyed++) {
        world_open_firsts(&w, 2);
        assert_int_equal(world_install_compact(&w, BUTTON, LAMP, LAMP, R, DAY), PROA_COAP_CREATED);
        uint32_t id = key_of(LAMP)->first_id;
        assert_true(proa_client_find_first(w.devices[LAMP].client, id, &first));
        if (is_rekeyed) {
            assert_int_equal(world_server(&w, LAMP, PROA_COAP_PUT, "/11000/0/5",
                                          "c8 05 10 707172737475767778797a7b7c7d7e7f"),
                             PROA_COAP_CHANGED);
        } else {
            assert_int_equal(world_server(&w, LAMP, PROA_COAP_DELETE, "/11001/0", NULL),
                             PROA_COAP_DELETED);
        }
        world_run(&w, 1000);
        assert_false(proa_client_find_first(w.devices[LAMP].client, id, &first));
        world_close(&w);
    }
}

/* The host has a first session ahead only as the one that is called. */
static void c2c_6_the_host_does_not_call(void **state)
{
    (void)state;
    world_open_firsts(&w, 2);
    world_grant_compact(&w, BUTTON, LAMP, R, DAY);
    assert_int_equal(
        world_server(&w, LAMP, PROA_COAP_PUT, "/11000/0/0",
                     "c8 00 1b 636f6170733a2f2f5b323030313a6462383a3a31315d3a35363834"),
        PROA_COAP_CHANGED);
    (void)world_ask(&w, LAMP, BUTTON, PROA_OP_READ);
    world_settle(&w);
    assert_int_equal(stats_of(BUTTON).firsts_done, 0);
    assert_int_equal(stats_of(BUTTON).handshakes_done, 2);
    world_close(&w);
}

static void c2c_5_version_says_what_a_device_can_do(void **state)
{
    (void)state;
    world_open(&w, 1);
    assert_int_equal(w.devices[0].c2c->objects[PROA__KEYS].version_minor, 0);
    world_close(&w);
    world_open_compact(&w, 1, false);
    assert_int_equal(w.devices[0].c2c->objects[PROA__KEYS].version_minor, 1);
    world_close(&w);
    world_open_firsts(&w, 1);
    assert_int_equal(w.devices[0].c2c->objects[PROA__KEYS].version_minor, 2);
    assert_int_equal(w.devices[0].c2c->objects[PROA__PEERS].version_minor, 0);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(c2c_6_first_data_without_a_handshake),
        cmocka_unit_test(c2c_6_lost_records_are_sent_again),
        cmocka_unit_test(c2c_6_nobody_answers_from_there),
        cmocka_unit_test(c2c_6_nobody_answers_later_either),
        cmocka_unit_test(c2c_6_somebody_answers_from_there),
        cmocka_unit_test(c2c_6_a_peer_that_moved_is_doubted_until_it_answers),
        cmocka_unit_test(c2c_6_forged_records_are_looked_at_eight_times),
        cmocka_unit_test(c2c_6_a_reboot_forgets_it),
        cmocka_unit_test(c2c_6_a_key_has_one_first_session),
        cmocka_unit_test(c2c_6_a_handshake_takes_its_place),
        cmocka_unit_test(c2c_6_an_id_that_is_taken_is_refused),
        cmocka_unit_test(c2c_6_another_kind_is_none),
        cmocka_unit_test(c2c_6_it_ends_with_its_key),
        cmocka_unit_test(c2c_6_the_host_does_not_call),
        cmocka_unit_test(c2c_5_version_says_what_a_device_can_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
