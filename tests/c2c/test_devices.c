/* SPDX-License-Identifier: Apache-2.0 */
/* Real devices talk to each other, provisioned by a scripted server over the wire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/c2c/hint.h"
#include "tests/c2c/world.h"
#include "tests/client/fake_secure.h"
#include "tests/support/guard.h"

#define R PROA_RIGHT_READ
#define DAY 86400U

static world w;
static bool oscore; /* tests run with sessions, and again with contexts */

static void open_two(void)
{
    if (oscore) {
        world_open_oscore(&w, 2);
    } else {
        world_open(&w, 2);
    }
}

/* 0 has a grant for 1, and has used it. */
static void open_granted(uint8_t rights, uint32_t lifetime_s)
{
    open_two();
    world_grant(&w, 0, 1, rights, lifetime_s);
    (void)world_ask(&w, 0, 1, PROA_OP_READ);
    world_settle(&w);
    world_forget_events(&w);
}

static void c2c_5_6_first_access(void **state)
{
    uint8_t body[16];
    proa_c2c_peer peer;
    (void)state;
    world_open(&w, 2);
    (void)world_ask(&w, 0, 1, PROA_OP_READ);
    world_settle(&w);
    assert_int_not_equal(w.ac, 0);
    assert_int_equal(w.ac_device, 0);
    assert_string_equal(w.ac_query, "ep=client_02&c");
    assert_int_equal(w.ac_body_len, hex("a1 82190cef00 01", body, sizeof(body)));
    assert_memory_equal(w.ac_body, body, w.ac_body_len);
    world_run(&w, 4000); /* the empty ACK is out, and the answer comes in a message of its own */
    world_grant(&w, 0, 1, R, DAY);
    world_answer_ac(&w, PROA_COAP_CREATED, NULL);
    world_settle(&w);
    world_expect_outcome(&w, 0, PROA_OUTCOME_OK, "e5164a3030303031");
    assert_int_equal(world_event_of(&w, 0, PROA_C2C_OUTCOME)->event.elapsed_ms, 4000);
    assert_int_equal(world_events(&w, 0, PROA_C2C_AUTHORIZING), 1);
    assert_int_equal(world_events(&w, 0, PROA_C2C_AUTHORIZED), 1);
    assert_int_equal(world_events(&w, 0, PROA_C2C_CONNECTED), 1);
    assert_int_equal(world_events(&w, 1, PROA_C2C_PEER_ADDED), 1);
    assert_true(proa_c2c_peer_at(w.devices[1].c2c, w.now_ms, 0, &peer));
    assert_string_equal(peer.endpoint, "client_01");
    assert_true(peer.connected && peer.used);
    assert_int_equal(peer.uses, 1);
    world_close(&w);
}

/* Each operation with just its right, and without it. */
static void g12_operations_and_rights(void **state)
{
    static const struct {
        proa_operation op;
        uint8_t right;
        uint8_t code;
    } rows[] = {
        {PROA_OP_READ, 0x01, PROA_COAP_CONTENT},
        {PROA_OP_DISCOVER, 0x01, PROA_COAP_CONTENT},
        {PROA_OP_WRITE_REPLACE, 0x02, PROA_COAP_CHANGED},
        {PROA_OP_EXECUTE, 0x04, PROA_COAP_CHANGED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (int with = 0; with < 2; with++) {
            open_two();
            world_grant(&w, 0, 1, with != 0 ? rows[i].right : (uint8_t)(0x1f & ~rows[i].right),
                        DAY);
            (void)world_ask(&w, 0, 1, rows[i].op);
            world_settle(&w);
            if (with != 0) {
                world_expect_outcome(&w, 0, PROA_OUTCOME_OK, NULL);
                assert_int_equal(world_event_of(&w, 0, PROA_C2C_OUTCOME)->event.code, rows[i].code);
            } else {
                assert_null(world_event_of(&w, 0, PROA_C2C_OUTCOME));
                world_answer_ac(&w, PROA_COAP_FORBIDDEN, NULL); /* it asked the server */
                world_expect_outcome(&w, 0, PROA_OUTCOME_DENIED, NULL);
            }
            world_close(&w);
        }
    }
}

/* The grant the other way round uses the same session; the host's role follows the request. */
static void c2c_6_both_directions_over_one_session(void **state)
{
    (void)state;
    open_granted(R, DAY);
    /* Rights for 1 (whom 0 calls 21) on 0: nothing but an entry is added. */
    assert_int_equal(
        world_server(&w, 0, PROA_COAP_POST, "/11002", "c2000cef c10100 8302 411501 c10301"),
        PROA_COAP_CREATED);
    unsigned sessions = fake_secure_live(w.devices[0].box);
    (void)world_ask(&w, 1, 0, PROA_OP_READ);
    world_settle(&w);
    world_expect_outcome(&w, 1, PROA_OUTCOME_OK, "e5164a3030303031");
    assert_int_equal(fake_secure_live(w.devices[0].box), sessions);
    world_close(&w);
}

static void c2c_6_simultaneous_opens(void **state)
{
    (void)state;
    world_open(&w, 2);
    world_grant(&w, 0, 1, R, DAY);
    assert_int_equal(
        world_server(&w, 0, PROA_COAP_POST, "/11002", "c2000cef c10100 8302 411501 c10301"),
        PROA_COAP_CREATED);
    assert_int_equal(world_server(&w, 1, PROA_COAP_POST, "/11000/0",
                                  "c8001b636f6170733a2f2f5b323030313a6462383a3a31315d3a35363834"),
                     PROA_COAP_CHANGED);
    (void)world_ask(&w, 0, 1, PROA_OP_READ);
    (void)world_ask(&w, 1, 0, PROA_OP_READ);
    world_run(&w, 20000);
    world_expect_outcome(&w, 0, PROA_OUTCOME_OK, NULL);
    world_expect_outcome(&w, 1, PROA_OUTCOME_OK, NULL);
    assert_int_equal(fake_secure_live(w.devices[0].box), 2); /* the server's, and one */
    assert_int_equal(fake_secure_live(w.devices[1].box), 2);
    world_forget_events(&w);
    (void)world_ask(&w, 0, 1, PROA_OP_READ);
    (void)world_ask(&w, 1, 0, PROA_OP_READ);
    world_settle(&w);
    world_expect_outcome(&w, 0, PROA_OUTCOME_OK, NULL);
    world_expect_outcome(&w, 1, PROA_OUTCOME_OK, NULL);
    world_close(&w);
}

/* ---- G1: who is it ---------------------------------------------------------------------- */

/* The prototype's attack: plain CoAP with the name of somebody who has rights. */
static void g01_a_claimed_name_opens_nothing(void **state)
{
    static const char *const requests[] = {
        /* GET /3311/0/5706?ep=client_01, from a stranger and from the requester's own address */
        "44 01 2001 01205e5f b433333131 0130 0435373036 4c65703d636c69656e745f3031 222d16",
        "44 01 2002 01205e60 b433333131 0130 0435373036 622d16",
        "44 03 2003 01205e61 b433333131 0130 0435373036 10 3c65703d636c69656e745f3031 ff 78",
    };
    (void)state;
    open_granted(0x1f, DAY);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        for (int own_address = 0; own_address < 2; own_address++) {
            w.stranger = w.devices[0].addr;
            w.stranger.port = (uint16_t)(own_address != 0 ? 5683 : 4444);
            world_stranger(&w, 1, requests[i]);
            assert_int_equal(w.reply_count, 1);
            assert_int_equal(w.replies[0].bytes[1], PROA_COAP_UNAUTHORIZED);
        }
    }
    assert_int_equal(w.devices[1].value_len, 5);
    world_close(&w);
}

/* Server identities and unknown ones are no peers; a wrong key is none either. */
static void g01_keys_that_open_nothing(void **state)
{
    (void)state;
    open_granted(0x1f, DAY);
    static const char *const identities[] = {"client_02", "nobody", "client_01"};
    proa_secure_config config;
    memset(&config, 0, sizeof(config));
    config.random = w.random;
    w.stranger_box = fake_secure_open(&config);
    unsigned before = fake_secure_live(w.devices[1].box);
    for (size_t i = 0; i < sizeof(identities) / sizeof(identities[0]); i++) {
        proa_psk psk;
        uint32_t session;
        memset(&psk, 0x31, sizeof(psk)); /* client_02's own key with the server */
        psk.key_len = 16;
        assert_int_equal(w.stranger_box->class_->open(w.stranger_box, w.now_ms, &w.devices[1].addr,
                                                      proa_span_of(identities[i]), &psk, &session),
                         PROA_OK);
        world_settle(&w);
        assert_int_equal(fake_secure_live(w.devices[1].box), before);
    }
    world_close(&w);
}

/* ---- G5 --------------------------------------------------------------------------------- */

static void g05_secrets_and_closed_objects(void **state)
{
    static const char *const unreadable[] = {"/11000/0/5", "/0/0/5"};
    static const uint16_t closed[] = {0, 1, 2, 11000, 11001, 11002};
    (void)state;
    open_granted(0x1f, DAY);
    for (size_t i = 0; i < 2; i++) {
        uint8_t code = world_server(&w, 1, PROA_COAP_GET, unreadable[i], NULL);
        assert_int_equal(PROA_COAP_CLASS(code), 4);
    }
    assert_int_equal(world_server(&w, 1, PROA_COAP_GET, "/11000/0", NULL), PROA_COAP_CONTENT);
    for (size_t i = 0; i + 16 <= w.answer_len; i++) { /* the key is 0xe1, 0xe2, ... */
        assert_false(w.answer[i] == 0xe1 && w.answer[i + 1] == 0xe2 && w.answer[i + 2] == 0xe3);
    }
    assert_int_equal(world_server(&w, 1, PROA_COAP_GET, "/11000", NULL), PROA_COAP_CONTENT);
    for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++) {
        proa_c2c_id id;
        proa_c2c_ask ask = {.endpoint = proa_span_of("client_02"),
                            .op = PROA_OP_READ,
                            .path = {{closed[i], 0}, 2},
                            .format = PROA_FORMAT_NONE};
        world_forget_events(&w);
        assert_int_equal(proa_c2c_send(w.devices[0].c2c, w.now_ms, &ask, &id), PROA_OK);
        world_settle(&w);
        world_answer_ac(&w, PROA_COAP_FORBIDDEN, NULL);
        world_expect_outcome(&w, 0, PROA_OUTCOME_DENIED, NULL);
    }
    world_close(&w);
}

/* ---- G10, G13, G23: what ends ----------------------------------------------------------- */

static void g13_observing(void **state)
{
    (void)state;
    open_granted(R, DAY);
    proa_c2c_id id = world_ask(&w, 0, 1, PROA_OP_OBSERVE);
    world_settle(&w);
    world_expect_outcome(&w, 0, PROA_OUTCOME_OK, "e5164a3030303031");
    for (int i = 0; i < 3; i++) {
        world_change(&w, 1, "00007");
        world_run(&w, 2000);
    }
    assert_int_equal(world_events(&w, 0, PROA_C2C_NOTIFICATION), 3);
    assert_memory_equal(world_event_of(&w, 0, PROA_C2C_NOTIFICATION)->payload,
                        "\xe5\x16\x4a"
                        "00007",
                        8);
    proa_c2c_cancel(w.devices[0].c2c, w.now_ms, id);
    world_run(&w, 5000);
    world_change(&w, 1, "00008");
    world_run(&w, 5000);
    assert_int_equal(world_events(&w, 0, PROA_C2C_NOTIFICATION), 3);
    assert_int_equal(proa_client_stats_get(w.devices[1].client).observations, 0);
    world_close(&w);
}

static void g10_g13_rights_taken_end_the_observation(void **state)
{
    static const struct {
        const char *name;
        uint8_t code;
        const char *path, *tlv;
    } rows[] = {
        {"list written without the peer", PROA_COAP_PUT, "/11002/0/2", "8302 410900"},
        {"right taken", PROA_COAP_PUT, "/11002/0/2", "8302 410200"},
        {"entry deleted", PROA_COAP_DELETE, "/11002/0", NULL},
        {"key deleted", PROA_COAP_DELETE, "/11000/0", NULL},
        {"peer deleted", PROA_COAP_DELETE, "/11001/0", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("%s\n", rows[i].name);
        open_granted(R, DAY);
        (void)world_ask(&w, 0, 1, PROA_OP_OBSERVE);
        world_settle(&w);
        uint8_t code = world_server(&w, 1, rows[i].code, rows[i].path, rows[i].tlv);
        assert_int_equal(PROA_COAP_CLASS(code), 2);
        world_change(&w, 1, "secret");
        world_run(&w, 1000);
        assert_int_equal(world_events(&w, 0, PROA_C2C_NOTIFICATION), 0);
        assert_int_equal(proa_client_stats_get(w.devices[1].client).observations, 0);
        for (int n = 0; n < 20 && world_events(&w, 0, PROA_C2C_OBSERVE_END) == 0; n++) {
            if (w.ac != 0) {
                world_answer_ac(&w, PROA_COAP_FORBIDDEN, NULL);
            }
            world_run(&w, 10000);
        }
        const world_event *end = world_event_of(&w, 0, PROA_C2C_OBSERVE_END);
        assert_non_null(end);
        if (i < 3) {
            assert_int_equal(end->event.outcome, PROA_OUTCOME_REVOKED);
        }
        assert_int_equal(world_events(&w, 0, PROA_C2C_OBSERVE_END), 1);
        world_close(&w);
    }
}

static void g23_expiry_on_both_ends(void **state)
{
    proa_c2c_peer peer;
    (void)state;
    open_granted(R, 600);
    (void)world_ask(&w, 0, 1, PROA_OP_OBSERVE);
    world_settle(&w);
    w.devices[0].cut = true; /* no renewal; and the host needs nobody to know the time */
    world_run(&w, 599000);
    assert_int_equal(world_events(&w, 1, PROA_C2C_PEER_REMOVED), 0);
    world_run(&w, 2000);
    assert_int_equal(world_event_of(&w, 1, PROA_C2C_PEER_REMOVED)->event.outcome,
                     PROA_OUTCOME_EXPIRED);
    assert_int_equal(world_event_of(&w, 0, PROA_C2C_OBSERVE_END)->event.outcome,
                     PROA_OUTCOME_EXPIRED);
    for (size_t i = 0; i < 2; i++) {
        assert_false(proa_c2c_peer_at(w.devices[i].c2c, w.now_ms, 0, &peer));
        assert_int_equal(proa_client_stats_get(w.devices[i].client).observations, 0);
    }
    assert_int_equal(fake_secure_live(w.devices[1].box), 1);
    assert_int_equal(proa_c2c_stats_get(w.devices[1].c2c).access_entries, 0);
    /* The server sees it in the next registration update. */
    assert_true(w.updates > 0);
    world_close(&w);
}

/* Grants come and go by themselves: object 2 of the host does not fill up with what they were. */
static void g23_expired_grants_leave_no_entry_in_object_2(void **state)
{
    (void)state;
    open_two();
    assert_int_equal(world_server(&w, 1, PROA_COAP_GET, "/2", NULL), PROA_COAP_CONTENT);
    size_t before = w.answer_len;
    for (int i = 0; i < 20; i++) {
        world_grant(&w, 0, 1, R, 60);
        world_run(&w, 65000); /* never used, not renewed */
        assert_int_equal(world_server(&w, 1, PROA_COAP_GET, "/2", NULL), PROA_COAP_CONTENT);
        assert_int_equal(w.answer_len, before);
        world_forget_events(&w);
    }
    world_close(&w);
}

/* ---- G25: reboots ----------------------------------------------------------------------- */

static void g25_host_reboots(void **state)
{
    (void)state;
    open_granted(R, DAY);
    world_reboot(&w, 1);
    (void)world_ask(&w, 0, 1, PROA_OP_READ);
    world_run(&w, 60000);
    world_expect_outcome(&w, 0, PROA_OUTCOME_OK, "e5164a3030303031");
    assert_int_equal(w.ac, 0); /* nobody had to be asked */
    world_close(&w);
}

static void g25_requester_reboots(void **state)
{
    (void)state;
    open_granted(R, DAY);
    world_reboot(&w, 0);
    world_forget_events(&w);
    (void)world_ask(&w, 0, 1, PROA_OP_READ);
    world_run(&w, 1000);
    world_expect_outcome(&w, 0, PROA_OUTCOME_OK, "e5164a3030303031");
    assert_int_equal(w.ac, 0);
    world_close(&w);
}

static void g25_host_forgot_everything(void **state)
{
    (void)state;
    open_granted(R, DAY);
    memset(w.devices[1].blobs, 0, sizeof(w.devices[1].blobs));
    world_reboot(&w, 1);
    (void)world_ask(&w, 0, 1, PROA_OP_READ);
    world_run(&w, 30000);
    assert_int_not_equal(w.ac, 0); /* the host does not know the key: the server is asked */
    world_answer_ac(&w, PROA_COAP_FORBIDDEN, NULL);
    world_expect_outcome(&w, 0, PROA_OUTCOME_DENIED, NULL);
    world_close(&w);
}

/* ---- hosts that are not there ----------------------------------------------------------- */

static void c2c_8_host_away(void **state)
{
    (void)state;
    open_granted(R, DAY);
    w.devices[1].cut = true;
    (void)world_ask(&w, 0, 1, PROA_OP_READ);
    world_run(&w, 130000);
    const world_event *note = world_event_of(&w, 0, PROA_C2C_OUTCOME);
    assert_non_null(note);
    assert_true(note->event.outcome == PROA_OUTCOME_TIMEOUT ||
                note->event.outcome == PROA_OUTCOME_UNREACHABLE);
    w.devices[1].cut = false;
    world_forget_events(&w);
    (void)world_ask(&w, 0, 1, PROA_OP_READ);
    world_run(&w, 60000);
    world_expect_outcome(&w, 0, PROA_OUTCOME_OK, NULL);
    world_close(&w);
}

/* ---- G11, G16: strangers ---------------------------------------------------------------- */

static void g11_g16_probe(void **state)
{
    proa_c2c_id id;
    proa_c2c_ask ask = {.endpoint = proa_span_of("client_02"),
                        .op = PROA_OP_READ,
                        .path = {{3311, 0, 5706}, 3},
                        .format = PROA_FORMAT_NONE,
                        .probe = true,
                        .probe_uri = proa_span_of("coap://[2001:db8::12]:5684")};
    (void)state;
    world_open(&w, 2);
    assert_int_equal(proa_c2c_send(w.devices[0].c2c, w.now_ms, &ask, &id), PROA_OK);
    world_settle(&w);
    const world_event *hint = world_event_of(&w, 0, PROA_C2C_HINT);
    assert_non_null(hint);
    assert_int_equal(hint->event.short_id, 1);
    assert_int_equal(world_events(&w, 0, PROA_C2C_AUTHORIZING), 1);
    assert_int_equal(proa_c2c_stats_get(w.devices[1].c2c).hints_sent, 1);
    world_grant(&w, 0, 1, R, DAY);
    world_answer_ac(&w, PROA_COAP_CREATED, NULL);
    world_expect_outcome(&w, 0, PROA_OUTCOME_OK, "e5164a3030303031");
    world_close(&w);
}

/* Tokens of what we send are long and differ (RFC 7252 §5.3.1): two probes, seen by a stranger. */
static void g16_tokens_are_random(void **state)
{
    proa_c2c_id id;
    proa_c2c_ask ask = {.endpoint = proa_span_of("x"),
                        .op = PROA_OP_READ,
                        .path = {{3311, 0, 5706}, 3},
                        .format = PROA_FORMAT_NONE,
                        .probe = true,
                        .probe_uri = proa_span_of("coap://[2001:db8::99]:5684")};
    (void)state;
    world_open(&w, 1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(proa_c2c_send(w.devices[0].c2c, w.now_ms, &ask, &id), PROA_OK);
        world_settle(&w);
        proa_c2c_cancel(w.devices[0].c2c, w.now_ms, id);
        world_run(&w, 100);
    }
    assert_int_equal(w.reply_count, 2);
    assert_int_equal(w.replies[0].bytes[0] & 0x0f, 8);
    assert_int_equal(w.replies[1].bytes[0] & 0x0f, 8);
    assert_memory_not_equal(w.replies[0].bytes + 4, w.replies[1].bytes + 4, 4);
    world_close(&w);
}

static int by_oscore(void **state)
{
    (void)state;
    oscore = true;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(c2c_5_6_first_access),
        cmocka_unit_test(g12_operations_and_rights),
        cmocka_unit_test(c2c_6_both_directions_over_one_session),
        cmocka_unit_test(c2c_6_simultaneous_opens),
        cmocka_unit_test(g01_a_claimed_name_opens_nothing),
        cmocka_unit_test(g01_keys_that_open_nothing),
        cmocka_unit_test(g05_secrets_and_closed_objects),
        cmocka_unit_test(g13_observing),
        cmocka_unit_test(g10_g13_rights_taken_end_the_observation),
        cmocka_unit_test(g23_expiry_on_both_ends),
        cmocka_unit_test(g23_expired_grants_leave_no_entry_in_object_2),
        cmocka_unit_test(g25_host_reboots),
        cmocka_unit_test(g25_requester_reboots),
        cmocka_unit_test(g25_host_forgot_everything),
        cmocka_unit_test(c2c_8_host_away),
        cmocka_unit_test(g11_g16_probe),
        cmocka_unit_test(g16_tokens_are_random),
    };
    const struct CMUnitTest without_sessions[] = {
        cmocka_unit_test(g12_operations_and_rights),
        cmocka_unit_test(g13_observing),
        cmocka_unit_test(g10_g13_rights_taken_end_the_observation),
        cmocka_unit_test(g23_expiry_on_both_ends),
        cmocka_unit_test(g23_expired_grants_leave_no_entry_in_object_2),
        cmocka_unit_test(g25_host_reboots),
        cmocka_unit_test(g25_requester_reboots),
        cmocka_unit_test(g25_host_forgot_everything),
        cmocka_unit_test(c2c_8_host_away),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return cmocka_run_group_tests_name("by OSCORE", without_sessions, by_oscore, NULL) + failed;
}
