/* SPDX-License-Identifier: Apache-2.0 */
/* Real devices with real OSCORE contexts, provisioned over object 21 (docs/C2C.md §3, G6, G7). What
 * test_devices.c proves with sessions is proved here without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/c2c/world.h"
#include "tests/client/fake_secure.h"
#include "tests/support/guard.h"

#define R PROA_RIGHT_READ
#define DAY 86400U
#define VALUE "e5164a3030303031" /* 3311/0/5706 is "00001" */

static world w;

static void expect_reads(size_t device, size_t host)
{
    world_forget_events(&w);
    (void)world_ask(&w, device, host, PROA_OP_READ);
    world_run(&w, 60000);
    world_expect_outcome(&w, device, PROA_OUTCOME_OK, VALUE);
    assert_int_equal(w.ac, 0); /* nobody had to be asked */
}

static uint32_t contexts_of(size_t device)
{
    return proa_oscore_read_stats(w.devices[device].contexts).contexts;
}

static unsigned blobs_of(size_t device, char letter)
{
    unsigned count = 0;
    for (size_t i = 0; i < WORLD_BLOBS; i++) {
        const char *name = w.devices[device].blobs[i].name;
        count += strncmp(name, "c2c.", 4) == 0 && name[4] == letter ? 1 : 0;
    }
    return count;
}

/* 0 has a grant for 1, and has used it. */
static void open_granted(uint8_t rights, uint32_t lifetime_s)
{
    world_open_oscore(&w, 2);
    world_grant(&w, 0, 1, rights, lifetime_s);
    (void)world_ask(&w, 0, 1, PROA_OP_READ);
    world_settle(&w);
    world_forget_events(&w);
}

static void g06_first_access(void **state)
{
    proa_c2c_peer peer;
    (void)state;
    world_open_oscore(&w, 2);
    (void)world_ask(&w, 0, 1, PROA_OP_READ);
    world_settle(&w);
    assert_int_not_equal(w.ac, 0);
    world_grant(&w, 0, 1, R, DAY);
    unsigned sessions = fake_secure_live(w.devices[0].box);
    world_answer_ac(&w, PROA_COAP_CREATED, NULL);
    world_settle(&w);
    world_expect_outcome(&w, 0, PROA_OUTCOME_OK, VALUE);
    assert_int_equal(fake_secure_live(w.devices[0].box), sessions); /* no handshake: no session */
    assert_true(proa_c2c_peer_at(w.devices[1].c2c, w.now_ms, 0, &peer));
    assert_string_equal(peer.endpoint, "client_01");
    assert_true(peer.oscore && peer.connected && peer.used);
    assert_int_equal(peer.uses, 1);
    world_close(&w);
}

/* Two hosts: each has keys of its own, and gives the rights that it gives. */
static void g07_a_context_for_each_peer(void **state)
{
    (void)state;
    world_open_oscore(&w, 3);
    world_grant(&w, 0, 1, R, DAY);
    world_grant(&w, 0, 2, PROA_RIGHT_EXECUTE, DAY);
    expect_reads(0, 1);
    assert_int_equal(contexts_of(0), 2);
    assert_int_equal(contexts_of(1), 1);
    (void)world_ask(&w, 0, 2, PROA_OP_EXECUTE);
    world_settle(&w);
    world_expect_outcome(&w, 0, PROA_OUTCOME_OK, NULL);
    world_forget_events(&w);
    (void)world_ask(&w, 0, 2, PROA_OP_READ);
    world_settle(&w);
    world_answer_ac(&w, PROA_COAP_FORBIDDEN, NULL);
    world_expect_outcome(&w, 0, PROA_OUTCOME_DENIED, NULL);
    world_close(&w);
}

/* coap://[2001:db8::11]:5684 */
#define URI_OF_0 "c8001a636f61703a2f2f5b323030313a6462383a3a31315d3a35363834"

static void give_other_direction(void)
{
    assert_int_equal(/* rights for 1, whom 0 calls 21 */
                     world_server(&w, 0, PROA_COAP_POST, "/11002",
                                  "c2000cef c10100 8302 411501 c10301"),
                     PROA_COAP_CREATED);
    assert_int_equal(world_server(&w, 1, PROA_COAP_POST, "/11000/0", URI_OF_0), PROA_COAP_CHANGED);
}

static void open_both_directions(void)
{
    open_granted(R, DAY);
    give_other_direction();
}

/* The grant the other way round uses the same context: an entry and an address are all it needs. */
static void g07_both_directions_over_one_context(void **state)
{
    (void)state;
    open_both_directions();
    expect_reads(1, 0);
    expect_reads(0, 1);
    assert_int_equal(contexts_of(0), 1);
    world_close(&w);
}

/* ---- object 21 -------------------------------------------------------------------------- */

static void g05_secrets_are_not_read(void **state)
{
    static const struct {
        const char *path;
        uint8_t code;
    } rows[] = {
        {"/21/0/0", PROA_COAP_METHOD_NOT_ALLOWED},
        {"/21/0/5", PROA_COAP_METHOD_NOT_ALLOWED},
        {"/21/0/1", PROA_COAP_METHOD_NOT_ALLOWED},
    };
    (void)state;
    open_granted(0x1f, DAY);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(world_server(&w, 1, PROA_COAP_GET, rows[i].path, NULL), rows[i].code);
        assert_int_equal(w.answer_len, 0);
    }
    static const char *const instances[] = {"/21", "/21/0", "/11000", "/11000/0"};
    for (size_t i = 0; i < sizeof(instances) / sizeof(instances[0]); i++) {
        (void)world_server(&w, 1, PROA_COAP_GET, instances[i], NULL);
        for (size_t at = 0; at + 3 <= w.answer_len; at++) { /* the secret is 0xe1, 0xe2, ... */
            assert_false(w.answer[at] == 0xe1 && w.answer[at + 1] == 0xe2);
        }
    }
    /* Nor by a peer, with all rights that there are. */
    proa_c2c_id id;
    proa_c2c_ask ask = {.endpoint = proa_span_of("client_02"),
                        .op = PROA_OP_READ,
                        .path = {{PROA_OBJECT_OSCORE, 0}, 2},
                        .format = PROA_FORMAT_NONE};
    assert_int_equal(proa_c2c_send(w.devices[0].c2c, w.now_ms, &ask, &id), PROA_OK);
    world_settle(&w);
    world_answer_ac(&w, PROA_COAP_FORBIDDEN, NULL);
    world_expect_outcome(&w, 0, PROA_OUTCOME_DENIED, NULL);
    world_close(&w);
}

static void g06_a_context_is_not_changed(void **state)
{
    static const char *const writes[] = {"c80010 00010203 04050607 08090a0b 0c0d0e0f", "c10177",
                                         "c10a01"};
    (void)state;
    open_granted(R, DAY);
    for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
        uint8_t code = world_server(&w, 1, PROA_COAP_POST, "/21/0", writes[i]);
        assert_int_equal(PROA_COAP_CLASS(code), 4);
        expect_reads(0, 1);
    }
    world_close(&w);
}

/* Provisioning that broke off after its first step leaves nothing for long. */
static void g17_a_context_without_a_key_goes(void **state)
{
    static const char tlv[] = "c80010 00010203 04050607 08090a0b 0c0d0e0f c10111 c10222";
    (void)state;
    world_open_oscore(&w, 1);
    assert_int_equal(world_server(&w, 0, PROA_COAP_GET, "/2", NULL), PROA_COAP_CONTENT);
    size_t before = w.answer_len;
    assert_int_equal(world_server(&w, 0, PROA_COAP_POST, "/21", tlv), PROA_COAP_CREATED);
    assert_int_equal(blobs_of(0, 'o'), 1);
    assert_int_equal(contexts_of(0), 0); /* its keys are used for nothing */
    world_run(&w, 598000);
    assert_int_equal(blobs_of(0, 'o'), 1);
    world_run(&w, 4000);
    assert_int_equal(blobs_of(0, 'o'), 0);
    assert_int_equal(world_server(&w, 0, PROA_COAP_GET, "/2", NULL), PROA_COAP_CONTENT);
    assert_int_equal(w.answer_len, before);
    assert_int_equal(world_server(&w, 0, PROA_COAP_DELETE, "/21/0", NULL), PROA_COAP_NOT_FOUND);
    world_close(&w);
}

/* A key that is refused in the end has let go of its context, which serves the next one. */
static void g17_a_key_that_is_not_stored_leaves_no_keys(void **state)
{
    static const char context[] = "c80010 00010203 04050607 08090a0b 0c0d0e0f c10111 c10222";
    static const char key[] =
        "c10203 c80310 80818283 84858687 88898a8b 8c8d8e8f c10a09 c411 0015 0000";
    (void)state;
    world_open_oscore(&w, 1);
    assert_int_equal(world_server(&w, 0, PROA_COAP_POST, "/21", context), PROA_COAP_CREATED);
    w.devices[0].store_fails = true;
    assert_int_equal(world_server(&w, 0, PROA_COAP_POST, "/11000", key),
                     PROA_COAP_INTERNAL_SERVER_ERROR);
    assert_int_equal(contexts_of(0), 0);
    w.devices[0].store_fails = false;
    assert_int_equal(world_server(&w, 0, PROA_COAP_POST, "/11000", key), PROA_COAP_CREATED);
    assert_int_equal(contexts_of(0), 1);
    world_close(&w);
}

/* What was never linked may be what is left of a key that went: no other key gets it. */
static void g17_a_reboot_sweeps_contexts_without_a_key(void **state)
{
    static const char context[] = "c80010 00010203 04050607 08090a0b 0c0d0e0f c10111 c10222";
    (void)state;
    world_open_oscore(&w, 1);
    assert_int_equal(world_server(&w, 0, PROA_COAP_POST, "/21", context), PROA_COAP_CREATED);
    world_reboot(&w, 0);
    assert_int_equal(blobs_of(0, 'o'), 0);
    assert_int_equal(world_server(&w, 0, PROA_COAP_DELETE, "/21/0", NULL), PROA_COAP_NOT_FOUND);
    world_close(&w);
}

static void g07_links_that_are_refused(void **state)
{
    static const char key[] = "c10203 c80310 80818283 84858687 88898a8b 8c8d8e8f c10a09";
    static const struct {
        const char *name, *link;
        uint8_t code;
    } rows[] = {
        {"no such instance", "c41100150007", PROA_COAP_BAD_REQUEST},
        {"not object 21", "c41100010000", PROA_COAP_BAD_REQUEST},
        {"a context that has an account", "c41100150000", PROA_COAP_BAD_REQUEST},
        {"no link", "", PROA_COAP_BAD_REQUEST},
    };
    (void)state;
    open_granted(R, DAY);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char tlv[128];
        print_message("%s\n", rows[i].name);
        strcpy(tlv, key);
        strcat(tlv, rows[i].link);
        uint8_t code = world_server(&w, 1, PROA_COAP_POST, "/11000", tlv);
        assert_int_equal(PROA_COAP_CLASS(code), PROA_COAP_CLASS(rows[i].code));
        assert_int_equal(contexts_of(1), 1);
    }
    expect_reads(0, 1);
    world_close(&w);
}

/* ---- what ends -------------------------------------------------------------------------- */

static void g10_g13_rights_taken_end_the_observation(void **state)
{
    static const struct {
        const char *name;
        uint8_t code;
        const char *path, *tlv;
        uint32_t contexts; /* that are left */
    } rows[] = {
        {"right taken", PROA_COAP_PUT, "/11002/0/2", "8302 410200", 1},
        {"entry deleted", PROA_COAP_DELETE, "/11002/0", NULL, 1},
        {"peer deleted", PROA_COAP_DELETE, "/11001/0", NULL, 1},
        {"key deleted", PROA_COAP_DELETE, "/11000/0", NULL, 0},
        {"context deleted", PROA_COAP_DELETE, "/21/0", NULL, 0},
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
        assert_int_equal(contexts_of(1), rows[i].contexts);
        /* It was told under the keys, so that it need not ask. */
        assert_int_equal(world_events(&w, 0, PROA_C2C_OBSERVE_END), 1);
        assert_int_equal(world_event_of(&w, 0, PROA_C2C_OBSERVE_END)->event.outcome,
                         PROA_OUTCOME_REVOKED);
        assert_int_equal(w.ac, 0);
        world_close(&w);
    }
}

/* A renewal brings a new context. Nothing is missed, and the old one is gone afterwards. */
static void c2c_7_a_new_context_takes_over(void **state)
{
    static const char *const values[] = {"00002", "00003", "00004", "00005"};
    (void)state;
    open_granted(R, DAY);
    (void)world_ask(&w, 0, 1, PROA_OP_OBSERVE);
    world_settle(&w);
    world_forget_events(&w);
    world_change(&w, 1, values[0]);
    world_run(&w, 1000);
    world_roll(&w, 0, 1, 1);
    world_roll(&w, 0, 1, 0);
    world_change(&w, 1, values[1]);
    world_run(&w, 1000);
    assert_int_equal(contexts_of(0), 1);
    assert_int_equal(contexts_of(1), 1);
    assert_int_equal(blobs_of(1, 'k'), 1);
    for (size_t i = 2; i < 4; i++) {
        world_change(&w, 1, values[i]);
        world_run(&w, 1000);
    }
    /* 00003 comes twice at most: by the old context and as the first answer by the new one. */
    assert_in_range(world_events(&w, 0, PROA_C2C_NOTIFICATION), 4, 5);
    assert_int_equal(world_events(&w, 0, PROA_C2C_OBSERVE_END), 0);
    assert_int_equal(world_events(&w, 0, PROA_C2C_PEER_REMOVED), 0);
    assert_int_equal(proa_client_stats_get(w.devices[1].client).observations, 1);
    world_close(&w);
}

/* The new context was made on the host only, or the network is away: the old one serves. */
static void c2c_7_until_the_new_context_works_the_old_one_does(void **state)
{
    (void)state;
    open_granted(R, DAY);
    (void)world_ask(&w, 0, 1, PROA_OP_OBSERVE);
    world_settle(&w);
    world_forget_events(&w);
    w.devices[1].lose_from_peers = 1; /* the first request by the new one */
    world_roll(&w, 0, 1, 1);
    world_roll(&w, 0, 1, 0);
    world_change(&w, 1, "00002");
    world_run(&w, 100);
    assert_int_equal(world_events(&w, 0, PROA_C2C_NOTIFICATION), 1);
    assert_int_equal(contexts_of(1), 2);
    world_run(&w, 10000);
    assert_int_equal(contexts_of(1), 1);
    assert_int_equal(contexts_of(0), 1);
    world_change(&w, 1, "00003");
    world_run(&w, 1000);
    assert_int_equal(world_events(&w, 0, PROA_C2C_NOTIFICATION), 3);
    assert_int_equal(proa_client_stats_get(w.devices[0].client).observations, 0);
    world_close(&w);
}

/* The host asks, too. Its new key comes before the requester knows it, and without a URI. */
static void c2c_7_a_key_without_a_way_is_not_asked_by(void **state)
{
    (void)state;
    open_both_directions();
    world_roll(&w, 0, 1, 1);
    expect_reads(1, 0);
    expect_reads(0, 1);
    assert_int_equal(contexts_of(1), 2);
    world_roll(&w, 0, 1, 0);
    expect_reads(0, 1);
    assert_int_equal(contexts_of(0), 1);
    assert_int_equal(contexts_of(1), 1);
    assert_int_equal(world_server(&w, 1, PROA_COAP_POST, "/11000/1", URI_OF_0), PROA_COAP_CHANGED);
    expect_reads(1, 0);
    world_close(&w);
}

/* The host observes, too. Its newer key gets a URI when the requester has begun to use it already: it
 * waits for that, and tells nobody. */
static void c2c_7_both_directions_observe(void **state)
{
    (void)state;
    for (int asks = 0; asks < 2; asks++) { /* did the host's question go through the server? */
        open_granted(R, DAY);
        if (asks) {
            (void)world_ask(&w, 1, 0, PROA_OP_OBSERVE);
            world_settle(&w);
        }
        give_other_direction();
        if (asks) {
            world_answer_ac(&w, PROA_COAP_CREATED, NULL);
        } else {
            (void)world_ask(&w, 1, 0, PROA_OP_OBSERVE);
        }
        (void)world_ask(&w, 0, 1, PROA_OP_OBSERVE);
        world_settle(&w);
        world_expect_outcome(&w, 1, PROA_OUTCOME_OK, VALUE);
        world_forget_events(&w);
        w.ac = 0;
        world_roll(&w, 0, 1, 1);
        world_run(&w, 1000);
        assert_int_equal(proa_client_stats_get(w.devices[0].client).observations, 1);
        world_roll(&w, 0, 1, 0);
        world_run(&w, 2000);
        assert_int_equal(contexts_of(1), 1);
        assert_int_equal(world_server(&w, 1, PROA_COAP_POST, "/11000/1", URI_OF_0),
                         PROA_COAP_CHANGED);
        world_run(&w, 5000);
        assert_int_equal(world_events(&w, 1, PROA_C2C_OBSERVE_END), 0);
        world_forget_events(&w);
        world_change(&w, 0, "00002");
        world_change(&w, 1, "00003");
        world_run(&w, 1000);
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(world_events(&w, i, PROA_C2C_NOTIFICATION), 1);
            assert_int_equal(world_events(&w, i, PROA_C2C_OBSERVE_END), 0);
            assert_int_equal(proa_client_stats_get(w.devices[i].client).observations, 1);
        }
        assert_int_equal(w.ac, 0);
        world_close(&w);
    }
}

static void g23_expiry_takes_the_keys_along(void **state)
{
    proa_c2c_peer peer;
    (void)state;
    open_granted(R, 600);
    (void)world_ask(&w, 0, 1, PROA_OP_OBSERVE);
    world_settle(&w);
    w.devices[0].cut = true;
    world_run(&w, 601000);
    for (size_t i = 0; i < 2; i++) {
        assert_false(proa_c2c_peer_at(w.devices[i].c2c, w.now_ms, 0, &peer));
        assert_int_equal(proa_client_stats_get(w.devices[i].client).observations, 0);
        assert_int_equal(contexts_of(i), 0);
        assert_int_equal(blobs_of(i, 'o'), 0);
    }
    world_close(&w);
}

/* ---- G25: reboots ----------------------------------------------------------------------- */

static void g25_reboots_need_nobody(void **state)
{
    (void)state;
    for (unsigned who = 1; who < 4; who++) { /* the requester, the host, both */
        open_granted(R, DAY);
        for (int times = 0; times < 3; times++) {
            for (size_t i = 0; i < 2; i++) {
                if ((who >> i & 1U) != 0) {
                    world_reboot(&w, i);
                }
            }
            expect_reads(0, 1);
        }
        world_close(&w);
    }
}

/* ---- strangers -------------------------------------------------------------------------- */

/* A sealed request with an unknown kid gets what any stranger gets: 4.01, Max-Age 0, the hint; and
 * an unprotected one from the requester's own address opens nothing. */
static void g01_g11_strangers(void **state)
{
    static const char *const requests[] = {
        /* POST, OSCORE option {PIV 5, kid 0x77}, some ciphertext */
        "44 02 2001 01205e5f 93 090577 ff 0011223344556677889900",
        /* GET /3311/0/5706 */
        "44 01 2002 01205e60 b433333131 0130 0435373036 622d16",
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
    assert_true(proa_c2c_stats_get(w.devices[1].c2c).hints_sent > 0);
    expect_reads(0, 1);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(g06_first_access),
        cmocka_unit_test(g07_a_context_for_each_peer),
        cmocka_unit_test(g07_both_directions_over_one_context),
        cmocka_unit_test(g05_secrets_are_not_read),
        cmocka_unit_test(g06_a_context_is_not_changed),
        cmocka_unit_test(g17_a_context_without_a_key_goes),
        cmocka_unit_test(g17_a_key_that_is_not_stored_leaves_no_keys),
        cmocka_unit_test(g17_a_reboot_sweeps_contexts_without_a_key),
        cmocka_unit_test(g07_links_that_are_refused),
        cmocka_unit_test(g10_g13_rights_taken_end_the_observation),
        cmocka_unit_test(c2c_7_a_new_context_takes_over),
        cmocka_unit_test(c2c_7_until_the_new_context_works_the_old_one_does),
        cmocka_unit_test(c2c_7_a_key_without_a_way_is_not_asked_by),
        cmocka_unit_test(c2c_7_both_directions_observe),
        cmocka_unit_test(g23_expiry_takes_the_keys_along),
        cmocka_unit_test(g25_reboots_need_nobody),
        cmocka_unit_test(g01_g11_strangers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
