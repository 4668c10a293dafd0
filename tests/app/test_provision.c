/* SPDX-License-Identifier: Apache-2.0 */
/* Giving access: order, keys, short ids, both directions, renewal (docs/C2C.md §5, §7). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/app/world.h"
#include "tests/support/guard.h"

#define COUNT(table) (sizeof(table) / sizeof(*(table)))

enum { R = PROA_RIGHT_READ, W = PROA_RIGHT_WRITE };

static const proa_policy_rule rules[] = {
    WORLD_ANYTHING(3600),
};
static const proa_policy policy = {rules, COUNT(rules)};

static world w;
static world_device *lamp, *button, *meter;

static int start(void **state)
{
    (void)state;
    world_start(&w, &policy);
    lamp = world_add(&w, "lamp", "2001:db8::1");
    button = world_add(&w, "button", "2001:db8::2");
    meter = world_add(&w, "meter", "2001:db8::3");
    for (size_t i = 0; i < w.device_count; i++) {
        world_register(&w, &w.devices[i]);
    }
    world_run(&w);
    world_arm(&w);
    return 0;
}

static int end(void **state)
{
    (void)state;
    world_end(&w);
    return 0;
}

static void g17_a_grant_installs_both_sides_and_answers_once(void **state)
{
    (void)state;
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    world_check(&w, "granted");
    assert_int_equal(w.operations, 5); /* nothing is read when nothing is there */
    assert_int_equal(world_rights(lamp, "button", 3311, 0), R);
    assert_int_equal(world_client_of(lamp, "button")->lifetime_s, 3600);
    assert_int_equal(world_client_of(button, "lamp")->lifetime_s, 3600);
    assert_string_equal(world_key_of(lamp, "button")->uri, "");
    assert_string_equal(world_key_of(button, "lamp")->uri, "coaps://[2001:db8::1]:40000");
    assert_int_equal(world_count(lamp), 3);
    assert_int_equal(world_count(button), 2);
    assert_int_equal(world_audits(&w, PROA_AUDIT_ASKED), 1);
    assert_int_equal(world_audits(&w, PROA_AUDIT_GRANTED), 1);
}

static void c2c_7_each_state_is_stored_before_what_depends_on_it(void **state)
{
    proa_ac_body body = {{{3311, 0, R}}, 1};
    (void)state;
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    assert_string_equal(w.trace, "iHHHhRRa!");
    world_arm(&w);
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    assert_string_equal(w.trace, "aHRa!");
    /* And nothing goes on before the store has answered. */
    world_arm(&w);
    w.hold_stores = true;
    world_ask(&w, meter, "lamp", &body, true);
    world_run(&w);
    assert_string_equal(w.trace, "i");
    world_release_stores(&w);
    assert_int_equal(w.trace[w.trace_len - 1], '!');
}

static void c2c_7_an_interrupted_provisioning_is_rolled_back(void **state)
{
    proa_ac_body body = {{{3311, 0, R}}, 1};
    (void)state;
    w.hold = true;
    world_ask(&w, button, "lamp", &body, true);
    world_run(&w);
    world_release(&w);
    world_release(&w);
    world_release(&w);
    assert_string_equal(w.trace, "iHHHh");
    w.hold = false;
    world_restart(&w);
    world_run(&w);
    assert_int_equal(world_count(lamp) + world_count(button), 0);
    assert_int_equal(w.grant_count, 0);
}

static void g17_a_record_stays_until_both_are_clean(void **state)
{
    (void)state;
    w.fault_at = 5;
    w.fault = WORLD_FAULT_LOST_AFTER;
    proa_ac_body body = {{{3311, 0, R}}, 1};
    w.hold = true;
    uint64_t ticket = world_ask(&w, button, "lamp", &body, true);
    world_run(&w);
    for (int i = 0; i < 4; i++) {
        world_release(&w);
    }
    w.hold = false;
    proa_action held = w.held[0]; /* the last: its answer is lost, and then the device */
    assert_int_equal(held.path.ids[0], 11000);
    world_release(&w);
    assert_int_equal(world_answer_to(&w, ticket)->code, PROA_COAP_GATEWAY_TIMEOUT);
    assert_int_equal(world_count(lamp) + world_count(button), 0);
    world_end(&w);
    start(NULL);
    w.fault_at = 5;
    w.fault = WORLD_FAULT_CODE;
    w.fault_code = PROA_COAP_FORBIDDEN;
    w.hold = true;
    world_ask(&w, button, "lamp", &body, true);
    world_run(&w);
    for (int i = 0; i < 4; i++) {
        world_release(&w);
    }
    w.hold = false;
    button->silent = true;
    world_release(&w);
    world_pass(&w, 20000);
    assert_int_equal(world_count(lamp), 0);
    assert_int_equal(world_count(button), 1);
    assert_int_equal(w.grant_count, 1);
    assert_int_equal(world_grant(&w, "button", "lamp")->state, PROA_GRANT_REVOKING);
    button->silent = false;
    world_pass(&w, 60000);
    assert_int_equal(world_count(button), 0);
    assert_int_equal(w.grant_count, 0);
}

static void g02_keys_are_fresh_for_each_pair(void **state)
{
    (void)state;
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    assert_int_equal(world_get(&w, meter, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    assert_int_equal(world_get(&w, meter, "button", 3, 0, R), PROA_COAP_CREATED);
    world_check(&w, "three pairs");
    const world_key *keys[] = {world_key_of(lamp, "button"), world_key_of(lamp, "meter"),
                               world_key_of(button, "meter")};
    for (size_t i = 0; i < COUNT(keys); i++) {
        assert_int_equal(keys[i]->identity_len, 16);
        assert_int_equal(keys[i]->secret_len, 16);
        for (size_t j = 0; j < i; j++) {
            assert_memory_not_equal(keys[i]->identity, keys[j]->identity, 16);
            assert_memory_not_equal(keys[i]->secret, keys[j]->secret, 16);
        }
    }
}

static void g02_the_key_is_gone_after_it_was_taken(void **state)
{
    proa_ac_body body = {{{3311, 0, R}}, 1};
    proa_action action;
    (void)state;
    w.hold = true;
    world_ask(&w, button, "lamp", &body, true);
    world_run(&w);
    w.hold = false;
    world_device *devices[] = {lamp, button};
    proa_action held = w.held[0];
    held.payload.data = w.held_payload[0];
    /* The Create of 11001 is answered by hand, and the next operation looked at: the key. */
    const proa_path created = proa_path_make(2, 11001, 0, 0);
    proa_authority_done(w.authority, w.now_ms, held.ticket, PROA_OP_ANSWERED, PROA_COAP_CREATED,
                        PROA_FORMAT_NONE, proa_span_of(""), &created);
    assert_true(proa_authority_poll(w.authority, w.now_ms, &action));
    assert_int_equal(action.path.ids[0], 11000);
    size_t len = action.payload.len;
    uint8_t sum = 0;
    for (size_t i = 0; i < len; i++) {
        sum |= action.payload.data[i];
    }
    assert_int_not_equal(sum, 0);
    proa_action none;
    assert_false(proa_authority_poll(w.authority, w.now_ms, &none));
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(action.payload.data[i], 0);
    }
    proa_authority_done(w.authority, w.now_ms, action.ticket, PROA_OP_TIMEOUT, 0, PROA_FORMAT_NONE,
                        proa_span_of(""), NULL);
    world_run(&w);
    assert_int_equal(world_count(devices[0]) + world_count(devices[1]), 0);
}

static void g19_short_ids_do_not_collide(void **state)
{
    (void)state;
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    assert_int_equal(world_get(&w, meter, "lamp", 3311, 0, R | W), PROA_COAP_CREATED);
    assert_int_equal(world_get(&w, lamp, "meter", 3305, 0, R), PROA_COAP_CREATED);
    world_check(&w, "granted");
    assert_int_not_equal(world_client_of(lamp, "button")->short_id,
                         world_client_of(lamp, "meter")->short_id);
}

static void g19_a_short_id_taken_by_others_is_left_alone(void **state)
{
    (void)state;
    /* Somebody put an account on the lamp that the server has never seen. */
    lamp->clients[3] =
        (world_client){.used = true, .instance = 0, .short_id = 1, .endpoint = "old", .uses = -1};
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    assert_int_equal(world_client_of(lamp, "old")->short_id, 1);
    assert_int_equal(world_client_of(lamp, "button")->short_id, 2);
    assert_int_equal(world_rights(lamp, "button", 3311, 0), R);
}

static void g18_several_entries_and_shared_targets(void **state)
{
    proa_ac_body body = {{{3311, 0, R}, {3303, 1, R | W}, {3311, PROA_ID_ALL, PROA_RIGHT_CREATE}},
                         3};
    (void)state;
    uint64_t ticket = world_ask(&w, button, "lamp", &body, true);
    world_run(&w);
    assert_int_equal(world_answer_to(&w, ticket)->code, PROA_COAP_CREATED);
    assert_int_equal(world_rights(lamp, "button", 3311, 0), R);
    assert_int_equal(world_rights(lamp, "button", 3303, 1), R | W);
    assert_int_equal(world_rights(lamp, "button", 3311, PROA_ID_ALL), PROA_RIGHT_CREATE);
    world_check(&w, "three entries");
    /* Another requester, same target: one list, both in it. */
    assert_int_equal(world_get(&w, meter, "lamp", 3303, 1, R), PROA_COAP_CREATED);
    assert_int_equal(world_rights(lamp, "button", 3303, 1), R | W);
    assert_int_equal(world_rights(lamp, "meter", 3303, 1), R);
    assert_int_equal(world_count(lamp), 4 + 3);
    world_check(&w, "shared");
}

static void g18_a_list_made_by_others_is_merged(void **state)
{
    (void)state;
    lamp->accesses[5] = (world_access){.used = true,
                                       .instance = 0,
                                       .object = 3311,
                                       .target = 0,
                                       .acl = {{0, R}, {77, R | W}},
                                       .acl_count = 2};
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, W), PROA_COAP_CREATED);
    assert_int_equal(lamp->accesses[5].acl_count, 3);
    assert_int_equal(world_rights(lamp, "button", 3311, 0), W);
    assert_int_equal(lamp->accesses[5].acl[0].rights, R);
    assert_int_equal(lamp->accesses[5].acl[2].rights, R | W);
}

static void g18_repeating_changes_lifetime_and_rights_only(void **state)
{
    (void)state;
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    world_key before = *world_key_of(button, "lamp");
    uint64_t id = world_grant(&w, "button", "lamp")->id;
    world_client_of(lamp, "button")->uses = 41;
    world_pass(&w, 1800 * 1000);
    world_client_of(lamp, "button")->lifetime_s = 1;
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    assert_int_equal(world_client_of(lamp, "button")->lifetime_s, 3600);
    assert_int_equal(world_client_of(button, "lamp")->lifetime_s, 3600);
    assert_memory_equal(&before, world_key_of(button, "lamp"), sizeof before);
    assert_true(world_grant(&w, "button", "lamp")->id == id);
    assert_int_equal(world_grant(&w, "button", "lamp")->uses, 41);
    assert_int_equal(world_audits(&w, PROA_AUDIT_RENEWED), 1);
    world_check(&w, "renewed");
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, W), PROA_COAP_CREATED);
    assert_int_equal(world_rights(lamp, "button", 3311, 0), R | W);
    assert_int_equal(world_get(&w, button, "lamp", 3303, 2, R), PROA_COAP_CREATED);
    assert_memory_equal(&before, world_key_of(button, "lamp"), sizeof before);
    world_check(&w, "extended");
}

static void c2c_5_the_other_direction_reuses_the_account(void **state)
{
    (void)state;
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    world_key before = *world_key_of(button, "lamp");
    world_pass(&w, 600 * 1000);
    assert_int_equal(world_get(&w, lamp, "button", 3200, 0, R), PROA_COAP_CREATED);
    assert_memory_equal(&before, world_key_of(button, "lamp"), sizeof before);
    assert_int_equal(world_count(lamp), 3);
    assert_int_equal(world_count(button), 3);
    assert_string_equal(world_key_of(lamp, "button")->uri, "coaps://[2001:db8::2]:40000");
    assert_int_equal(world_client_of(lamp, "button")->lifetime_s, 3600);
    assert_int_equal(world_client_of(button, "lamp")->lifetime_s, 3600);
    world_check(&w, "both directions");
    /* One account has one end: the later grant has renewed the first, and both end together. */
    world_pass(&w, 3001 * 1000);
    assert_int_equal(world_rights(lamp, "button", 3311, 0), R);
    world_check(&w, "both still there");
    world_pass(&w, 700 * 1000);
    assert_int_equal(world_count(lamp) + world_count(button), 0);
    world_check(&w, "none left");
}

static void c2c_7_two_directions_live_for_the_shorter_lifetime(void **state)
{
    static proa_policy_rule unequal[2];
    const proa_policy two = {unequal, 2};
    (void)state;
    unequal[0] = unequal[1] = rules[0];
    memcpy(unequal[0].requester, "lamp", 5);
    unequal[0].lifetime_s = 600;
    proa_authority_policy(w.authority, w.now_ms, &two);
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    assert_int_equal(world_client_of(lamp, "button")->lifetime_s, 3600);
    assert_int_equal(world_get(&w, lamp, "button", 3200, 0, R), PROA_COAP_CREATED);
    assert_int_equal(world_client_of(lamp, "button")->lifetime_s, 600);
    assert_int_equal(world_client_of(button, "lamp")->lifetime_s, 600);
    assert_true(world_grant(&w, "button", "lamp")->expires_unix_s ==
                world_grant(&w, "lamp", "button")->expires_unix_s);
    world_check(&w, "both directions");
    world_pass(&w, 300 * 1000);
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    assert_int_equal(world_client_of(lamp, "button")->lifetime_s, 600);
    world_pass(&w, 500 * 1000);
    world_check(&w, "renewed together");
    assert_int_equal(world_rights(button, "lamp", 3200, 0), R);
    world_pass(&w, 101 * 1000);
    assert_int_equal(world_count(lamp) + world_count(button), 0);
    assert_int_equal(w.grant_count, 0);
}

static void seed_7_rights_without_credentials_need_an_account(void **state)
{
    proa_ac_body body = {{{3311, 0, R}}, 1};
    (void)state;
    uint64_t ticket = world_ask(&w, button, "lamp", &body, false);
    world_run(&w);
    assert_int_equal(world_answer_to(&w, ticket)->code, PROA_COAP_FORBIDDEN);
    assert_int_equal(world_count(lamp), 0);
    assert_int_equal(w.grant_count, 0);
    /* An account that came with the device. */
    lamp->clients[0] = (world_client){
        .used = true, .instance = 0, .short_id = 9, .endpoint = "button", .uses = -1};
    lamp->keys[0] = (world_key){.used = true,
                                .instance = 0,
                                .identity = "by hand",
                                .identity_len = 7,
                                .secret_len = 16,
                                .short_id = 9};
    ticket = world_ask(&w, button, "lamp", &body, false);
    world_run(&w);
    assert_int_equal(world_answer_to(&w, ticket)->code, PROA_COAP_CREATED);
    assert_int_equal(world_rights(lamp, "button", 3311, 0), R);
    assert_int_equal(world_count(button), 0);
    /* Its rights end, the account stays. */
    world_pass(&w, 3700 * 1000);
    assert_int_equal(world_rights(lamp, "button", 3311, 0), 0);
    assert_non_null(world_key_of(lamp, "button"));
    assert_int_equal(w.grant_count, 0);
}

static void g20_the_host_moves_and_the_requester_hears_of_it(void **state)
{
    (void)state;
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    lamp->addr.port = 50000;
    lamp->addr.ip[15] = 9;
    world_update(&w, lamp);
    world_run(&w);
    assert_string_equal(world_key_of(button, "lamp")->uri, "coaps://[2001:db8::9]:50000");
    world_check(&w, "moved");
    uint32_t writes = button->writes;
    world_update(&w, lamp);
    world_register(&w, lamp);
    world_run(&w);
    assert_int_equal(button->writes, writes);
}

static void g20_addresses_that_the_requester_cannot_use(void **state)
{
    static const struct {
        const char *host, *requester;
        uint16_t host_zone, requester_zone;
        bool loopback_ok;
        const char *uri; /* NULL: not reachable */
    } rows[] = {
        {"2001:db8::1", "2001:db8::2", 0, 0, false, "coaps://[2001:db8::1]:40000"},
        {"192.0.2.1", "192.0.2.2", 0, 0, false, "coaps://192.0.2.1:40000"},
        {"192.0.2.1", "2001:db8::2", 0, 0, false, NULL},
        {"2001:db8::1", "192.0.2.2", 0, 0, false, NULL},
        {"fe80::1", "2001:db8::2", 2, 0, false, NULL},
        {"fe80::1", "fe80::2", 2, 2, false, "coaps://[fe80::1]:40000"},
        {"fe80::1", "fe80::2", 2, 3, false, NULL},
        {"2001:db8::1", "fe80::2", 0, 2, false, "coaps://[2001:db8::1]:40000"},
        {"::1", "::1", 0, 0, false, NULL},
        {"::1", "::1", 0, 0, true, "coaps://[::1]:40000"},
        {"::1", "2001:db8::2", 0, 0, true, NULL},
        {"127.0.0.1", "127.0.0.1", 0, 0, true, "coaps://127.0.0.1:40000"},
        {"169.254.1.1", "192.0.2.2", 0, 0, false, NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        world_end(&w);
        world_start(&w, &policy);
        print_message("%s for %s\n", rows[i].host, rows[i].requester);
        proa_authority_close(w.authority);
        w.config.loopback_ok = rows[i].loopback_ok;
        assert_int_equal(proa_authority_open(&w.authority, &w.config), PROA_OK);
        proa_authority_clock(w.authority, w.now_ms, w.unix_s);
        proa_authority_policy(w.authority, w.now_ms, &w.policy);
        lamp = world_add(&w, "lamp", rows[i].host);
        button = world_add(&w, "button", rows[i].requester);
        lamp->addr.zone = rows[i].host_zone;
        button->addr.zone = rows[i].requester_zone;
        world_register(&w, lamp);
        world_register(&w, button);
        proa_ac_body body = {{{3311, 0, R}}, 1};
        uint64_t ticket = world_ask(&w, button, "lamp", &body, true);
        world_run(&w);
        const world_answer *answer = world_answer_to(&w, ticket);
        if (rows[i].uri == NULL) {
            assert_int_equal(answer->code, PROA_COAP_SERVICE_UNAVAILABLE);
            assert_int_equal(answer->reason, PROA_AC_WHY_NO_NETWORK);
            assert_int_equal(w.operations, 0);
        } else {
            assert_int_equal(answer->code, PROA_COAP_CREATED);
            assert_string_equal(world_key_of(button, "lamp")->uri, rows[i].uri);
        }
    }
}

static void g02_a_refused_identity_is_replaced(void **state)
{
    (void)state;
    /* n-th operation refused with 4.00: 2 = key on the host, 5 = key on the requester. */
    for (uint32_t at = 2; at <= 5; at += 3) {
        world_end(&w);
        start(NULL);
        w.fault_at = at;
        w.fault = WORLD_FAULT_CODE;
        w.fault_code = PROA_COAP_BAD_REQUEST;
        assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
        world_check(&w, "another identity");
    }
}

static void seed_7_bytes_of_every_payload(void **state)
{
    static const struct {
        uint16_t object;
        const char *bytes; /* .. = drawn */
    } rows[] = {
        {11001, "c10001 c2010e10 c10200 c40300015180 c10600 c10755 c609627574746f6e"},
        {11000, "c10200 c80310................................"
                "c80510................................ c10a01"},
        {11002, "c2000cef c10100 8302 410101 c10301"},
        {11001, "c10001 c2010e10 c10200 c40300015180 c10600 c10755 c4096c616d70"},
        {11000, "c8001b636f6170733a2f2f5b323030313a6462383a3a315d3a3430303030 c10200"
                "c80310................................ c80510................................"
                "c10a01"},
    };
    proa_ac_body body = {{{3311, 0, R}}, 1};
    (void)state;
    w.hold = true;
    world_ask(&w, button, "lamp", &body, true);
    world_run(&w);
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[2 * 640 + 1];
        size_t at = 0;
        assert_int_equal(w.held_count, 1);
        assert_int_equal(w.held[0].op, PROA_OP_CREATE);
        assert_int_equal(w.held[0].path.depth, 1);
        assert_int_equal(w.held[0].path.ids[0], rows[i].object);
        assert_int_equal(w.held[0].format, PROA_FORMAT_TLV);
        unhex(w.held_payload[0], w.held[0].payload.len, text);
        for (const char *c = rows[i].bytes; *c != '\0'; c++) {
            if (*c != ' ' && *c != '.' && *c != text[at]) {
                fail_msg("step %zu: %s\n at %zu of %s", i, text, at, rows[i].bytes);
            }
            at += *c != ' ';
        }
        assert_int_equal(at, strlen(text));
        world_release(&w);
    }
    assert_int_equal(w.answer_count, 1);
}

/* ---- OSCORE ----------------------------------------------------------------------------- */

static void with_security(proa_peer_security security)
{
    static proa_policy_rule rule;
    rule = rules[0];
    rule.security = security;
    w.policy.rules = &rule;
    proa_authority_policy(w.authority, w.now_ms, &w.policy);
    world_run(&w);
}

static void give_oscore(world_device *d)
{
    d->has_oscore = true;
    world_register(&w, d);
    world_run(&w);
}

static size_t contexts_of(const world_device *d)
{
    size_t count = 0;
    for (size_t i = 0; i < WORLD_ROWS; i++) {
        count += d->contexts[i].used;
    }
    return count;
}

/* By what a grant is protected: what the rule says, and what both devices have. */
static void c2c_5_policy_chooses_the_security(void **state)
{
    static const struct {
        proa_peer_security wanted;
        bool lamp_has, button_has;
        uint8_t code;
        proa_peer_security got;
    } rows[] = {
        {PROA_PEER_SECURITY_AUTO, false, false, PROA_COAP_CREATED, PROA_PEER_SECURITY_DTLS},
        {PROA_PEER_SECURITY_AUTO, true, false, PROA_COAP_CREATED, PROA_PEER_SECURITY_DTLS},
        {PROA_PEER_SECURITY_AUTO, false, true, PROA_COAP_CREATED, PROA_PEER_SECURITY_DTLS},
        {PROA_PEER_SECURITY_AUTO, true, true, PROA_COAP_CREATED, PROA_PEER_SECURITY_OSCORE},
        {PROA_PEER_SECURITY_DTLS, true, true, PROA_COAP_CREATED, PROA_PEER_SECURITY_DTLS},
        {PROA_PEER_SECURITY_OSCORE, true, true, PROA_COAP_CREATED, PROA_PEER_SECURITY_OSCORE},
        {PROA_PEER_SECURITY_OSCORE, true, false, PROA_COAP_SERVICE_UNAVAILABLE, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (i > 0) {
            end(state);
            start(state);
        }
        lamp->has_oscore = rows[i].lamp_has;
        button->has_oscore = rows[i].button_has;
        world_register(&w, lamp);
        world_register(&w, button);
        with_security(rows[i].wanted);
        uint8_t code = world_get(&w, button, "lamp", 3311, 0, R);
        if (code != rows[i].code) {
            fail_msg("row %zu: code %u", i, code);
        }
        world_check(&w, "security chosen");
        const proa_grant *g = world_grant(&w, "button", "lamp");
        bool is_granted = code == PROA_COAP_CREATED;
        assert_int_equal(g != NULL, is_granted);
        assert_true(!is_granted || g->security == rows[i].got);
        bool oscore = is_granted && rows[i].got == PROA_PEER_SECURITY_OSCORE;
        assert_int_equal(contexts_of(lamp), oscore ? 1 : 0);
        assert_int_equal(contexts_of(button), oscore ? 1 : 0);
    }
}

static void c2c_5_an_oscore_grant_is_two_ends_of_one_context(void **state)
{
    (void)state;
    give_oscore(lamp);
    give_oscore(button);
    world_arm(&w);
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    world_check(&w, "granted");
    assert_int_equal(w.operations, 7);
    assert_string_equal(w.trace, "iHHHHhRRRa!"); /* client, context, key, rights: before any key */
    assert_string_equal(world_key_of(button, "lamp")->uri, "coap://[2001:db8::1]:40000");
    assert_int_equal(world_key_of(lamp, "button")->secret_len, 0);
}

static void g02_every_pair_has_its_own_context(void **state)
{
    (void)state;
    give_oscore(lamp);
    give_oscore(button);
    give_oscore(meter);
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    assert_int_equal(world_get(&w, meter, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    assert_int_equal(world_get(&w, meter, "button", 3347, 0, R), PROA_COAP_CREATED);
    world_check(&w, "granted");
    const world_device *devices[] = {lamp, button, meter};
    for (size_t d = 0; d < COUNT(devices); d++) {
        const world_context *c = devices[d]->contexts;
        assert_int_equal(contexts_of(devices[d]), 2);
        assert_memory_not_equal(c[0].secret, c[1].secret, 16);
        assert_memory_not_equal(c[0].salt, c[1].salt, 8);
        assert_memory_not_equal(c[0].recipient_id, c[1].recipient_id, 2);
    }
}

static void c2c_5_the_other_direction_reuses_the_context(void **state)
{
    (void)state;
    give_oscore(lamp);
    give_oscore(button);
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    assert_int_equal(world_get(&w, lamp, "button", 3347, 0, R), PROA_COAP_CREATED);
    world_check(&w, "both directions");
    assert_int_equal(contexts_of(lamp), 1);
    assert_int_equal(contexts_of(button), 1);
    assert_string_equal(world_key_of(lamp, "button")->uri, "coap://[2001:db8::2]:40000");
    assert_int_equal(world_grant(&w, "lamp", "button")->security, PROA_PEER_SECURITY_OSCORE);
    world_restart(&w);
    world_run(&w);
    world_check(&w, "after a restart");
}

/* Somebody else's context has the Recipient ID that was drawn: seen at the n-th Create. */
static void c2c_5_a_refused_recipient_id_is_replaced(void **state)
{
    for (uint32_t at = 2; at <= 6; at++) {
        end(state);
        start(state);
        give_oscore(lamp);
        give_oscore(button);
        world_arm(&w);
        w.fault = WORLD_FAULT_CODE;
        w.fault_code = PROA_COAP_BAD_REQUEST;
        w.fault_at = at;
        assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
        world_check(&w, "another id");
        assert_int_equal(world_rights(lamp, "button", 3311, 0), R);
    }
}

static void g23_a_context_goes_with_its_grant(void **state)
{
    int64_t by;
    proa_path all = {{0}, 0};
    (void)state;
    give_oscore(lamp);
    give_oscore(button);
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    assert_int_equal(proa_authority_revoke(w.authority, w.now_ms, proa_span_of("button"),
                                           proa_span_of("lamp"), &all, &by),
                     PROA_OK);
    world_run(&w);
    world_check(&w, "revoked");
    assert_int_equal(world_count(lamp) + world_count(button), 0);
    assert_int_equal(contexts_of(lamp) + contexts_of(button), 0);
}

/* ---- another key ------------------------------------------------------------------------ */

static void grant_by_oscore(void)
{
    give_oscore(lamp);
    give_oscore(button);
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
}

/* From so much of its lifetime on a repeated /ac is a renewal. */
static void let_age(void)
{
    world_pass(&w, world_grant(&w, "button", "lamp")->lifetime_s / 2 * 1000ULL);
}

static bool has_one_identity(const char *requester, const char *host)
{
    static const uint8_t none[PROA_GRANT_IDENTITY_LEN];
    return memcmp(world_grant(&w, requester, host)->old_identity, none, sizeof none) == 0;
}

static void c2c_7_a_renewal_brings_a_new_context(void **state)
{
    (void)state;
    grant_by_oscore();
    world_key before = *world_key_of(button, "lamp");
    let_age();
    world_arm(&w);
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    assert_string_equal(w.trace, "aHHHRRRa!"); /* stored, then on each: context, key, lifetime */
    assert_int_equal(contexts_of(lamp), 2);
    assert_int_equal(contexts_of(button), 2);
    assert_false(has_one_identity("button", "lamp"));
    world_update(&w, lamp);
    world_run(&w);
    assert_int_equal(contexts_of(lamp), 2); /* not ours to take: it may be in use */
    world_use(&w, "used");
    assert_int_equal(contexts_of(lamp), 1);
    assert_int_equal(contexts_of(button), 1);
    assert_memory_not_equal(world_key_of(button, "lamp")->identity, before.identity, 16);
    assert_string_equal(world_key_of(button, "lamp")->uri, before.uri);
    assert_true(has_one_identity("button", "lamp"));
    world_check(&w, "rolled");
    let_age();
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    assert_int_equal(contexts_of(lamp), 2); /* and again */
}

/* Who asks again soon, or has still not used the newer key, gets a lifetime and no key. */
static void c2c_7_one_new_context_at_a_time(void **state)
{
    (void)state;
    grant_by_oscore();
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R | W), PROA_COAP_CREATED);
    assert_int_equal(contexts_of(lamp), 1);
    let_age();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
        assert_int_equal(contexts_of(lamp), 2);
        assert_int_equal(contexts_of(button), 2);
        let_age();
    }
    world_use(&w, "used");
    world_check(&w, "used");
}

static void c2c_7_dtls_keeps_its_key(void **state)
{
    (void)state;
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    world_key before = *world_key_of(button, "lamp");
    let_age();
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    assert_memory_equal(world_key_of(button, "lamp")->identity, before.identity, 16);
    world_check(&w, "renewed");
}

/* The host asks the requester, too, by the same account: it has a way by the new key only when the
 * requester knows that. */
static void c2c_7_both_directions_get_the_new_context(void **state)
{
    (void)state;
    grant_by_oscore();
    assert_int_equal(world_get(&w, lamp, "button", 3347, 0, R), PROA_COAP_CREATED);
    let_age();
    world_arm(&w);
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    assert_string_equal(w.trace, "aaaHHHRRRHaa!"); /* the last H is the URI */
    world_use(&w, "used");
    assert_int_equal(contexts_of(lamp), 1);
    assert_string_equal(world_key_of(lamp, "button")->uri, "coap://[2001:db8::2]:40000");
    assert_true(has_one_identity("button", "lamp"));
    assert_true(has_one_identity("lamp", "button"));
    world_check(&w, "rolled");
    world_restart(&w);
    world_pass(&w, 1000);
    world_check(&w, "after a restart");
}

/* A device without room for a second key: a longer life for the one it has. */
static void c2c_7_no_room_for_a_new_context(void **state)
{
    for (uint32_t at = 2; at <= 6; at++) { /* POST /21 and /11000 on the host and the requester */
        end(state);
        start(state);
        grant_by_oscore();
        world_key before = *world_key_of(button, "lamp");
        let_age();
        world_arm(&w);
        w.fault = WORLD_FAULT_CODE;
        w.fault_code = PROA_COAP_SERVICE_UNAVAILABLE;
        w.fault_at = at;
        uint8_t code = world_get(&w, button, "lamp", 3311, 0, R);
        world_pass(&w, 1000);
        if (at == 4) { /* the lifetime: no key's business */
            assert_int_equal(code, PROA_COAP_SERVICE_UNAVAILABLE);
        } else if (at == 5) { /* a read */
            assert_int_equal(code, PROA_COAP_SERVICE_UNAVAILABLE);
        } else {
            assert_int_equal(code, PROA_COAP_CREATED);
            assert_memory_equal(world_key_of(button, "lamp")->identity, before.identity, 16);
            assert_memory_equal(world_key_of(lamp, "button")->identity, before.identity, 16);
        }
        assert_true(has_one_identity("button", "lamp"));
    }
}

/* The server is lost in the middle of it, at each of its actions. */
static void c2c_7_a_new_context_and_a_restart(void **state)
{
    bool reached = true;
    for (uint32_t n = 1; reached; n++) {
        end(state);
        start(state);
        grant_by_oscore();
        let_age();
        world_arm(&w);
        w.crash_at = n;
        (void)world_ask(&w, button, "lamp", &(proa_ac_body){{{3311, 0, R}}, 1}, true);
        world_run(&w);
        reached = w.crashed;
        world_use(&w, "used before");
        world_restart(&w);
        world_pass(&w, 60000);
        world_update(&w, lamp);
        world_update(&w, button);
        world_pass(&w, 60000);
        world_use(&w, "used");
        world_pass(&w, 60000);
        assert_true(has_one_identity("button", "lamp"));
        world_check(&w, "settled");
    }
}

/* The server does not reach the requester in the middle of it: whoever asks, asks by the old key. */
static void c2c_7_a_new_context_that_reached_one_device(void **state)
{
    (void)state;
    grant_by_oscore();
    assert_int_equal(world_get(&w, lamp, "button", 3347, 0, R), PROA_COAP_CREATED);
    let_age();
    button->silent = true;
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_GATEWAY_TIMEOUT);
    world_pass(&w, 60000);
    assert_int_equal(contexts_of(lamp), 2);
    world_use(&w, "in between"); /* which looks for the other end of each key */
    button->silent = false;
    world_update(&w, button);
    world_pass(&w, 60000);
    world_use(&w, "settled");
    assert_true(has_one_identity("button", "lamp"));
    assert_true(has_one_identity("lamp", "button"));
    world_check(&w, "settled");
}

/* Both devices have the new key, but the host was not reached with its URI: a sync writes it. */
static void c2c_7_the_uri_of_the_new_key_comes_later(void **state)
{
    (void)state;
    grant_by_oscore();
    assert_int_equal(world_get(&w, lamp, "button", 3347, 0, R), PROA_COAP_CREATED);
    uint16_t short_id = world_client_of(lamp, "button")->short_id;
    let_age();
    world_arm(&w);
    w.fault = WORLD_FAULT_LOST_BEFORE;
    w.fault_at = 9;
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_GATEWAY_TIMEOUT);
    world_pass(&w, 60000);
    assert_int_equal(contexts_of(lamp), 2);
    assert_string_equal(world_device_key(lamp, short_id, false)->uri, "coap://[2001:db8::2]:40000");
    world_use(&w, "used");
    assert_true(has_one_identity("button", "lamp"));
    world_check(&w, "used");
}

/* The two grants of a pair are stored one after the other. Whatever is lost between: with nothing on
 * the devices yet the key stays the one they have. */
static void c2c_7_a_restart_between_two_stores(void **state)
{
    bool reached = true;
    for (uint32_t n = 1; reached; n++) {
        for (int turns = 0; turns < 2; turns++) {
            end(state);
            start(state);
            grant_by_oscore();
            assert_int_equal(world_get(&w, lamp, "button", 3347, 0, R), PROA_COAP_CREATED);
            world_key before = *world_key_of(button, "lamp");
            let_age();
            world_arm(&w);
            w.crash_at = n;
            (void)world_ask(&w, turns ? lamp : button, turns ? "button" : "lamp",
                            &(proa_ac_body){{{turns ? 3347 : 3311, 0, R}}, 1}, true);
            world_run(&w);
            reached = w.crashed;
            bool is_old = contexts_of(lamp) + contexts_of(button) == 2;
            world_restart(&w);
            world_pass(&w, 60000);
            if (is_old) {
                assert_memory_equal(world_key_of(button, "lamp")->identity, before.identity, 16);
                assert_memory_equal(world_key_of(lamp, "button")->identity, before.identity, 16);
            }
        }
    }
}

/* Of two grants on one account the shorter lifetime counts. */
static void c2c_7_a_quarter_of_the_shorter_lifetime(void **state)
{
    static proa_policy_rule unequal[2];
    const proa_policy two = {unequal, 2};
    (void)state;
    unequal[0] = unequal[1] = rules[0];
    memcpy(unequal[0].requester, "lamp", 5);
    unequal[0].lifetime_s = 600;
    proa_authority_policy(w.authority, w.now_ms, &two);
    grant_by_oscore();
    assert_int_equal(world_get(&w, lamp, "button", 3347, 0, R), PROA_COAP_CREATED);
    world_pass(&w, 149 * 1000);
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    assert_int_equal(contexts_of(lamp), 1);
    world_pass(&w, 150 * 1000);
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    assert_int_equal(contexts_of(lamp), 2);
    world_use(&w, "used");
    world_check(&w, "rolled");
}

static bool is_on_disk(const uint8_t *identity)
{
    for (size_t i = 0; i < w.grant_count; i++) {
        if (memcmp(w.grants[i].identity, identity, 16) != 0 &&
            memcmp(w.grants[i].old_identity, identity, 16) != 0) {
            return false;
        }
    }
    return true;
}

/* A Recipient ID is refused while a key is rolled: the next one is stored before anybody hears of it. */
static void c2c_7_another_new_context(void **state)
{
    static const uint32_t posts[] = {2, 3, 6, 7}; /* /21 and /11000 on the host and the requester */
    for (size_t i = 0; i < COUNT(posts); i++) {
        bool reached = true;
        for (uint32_t n = 1; reached; n++) {
            end(state);
            start(state);
            grant_by_oscore();
            assert_int_equal(world_get(&w, lamp, "button", 3347, 0, R), PROA_COAP_CREATED);
            let_age();
            world_arm(&w);
            w.fault = WORLD_FAULT_CODE;
            w.fault_code = PROA_COAP_BAD_REQUEST;
            w.fault_at = posts[i];
            w.crash_at = n;
            (void)world_ask(&w, button, "lamp", &(proa_ac_body){{{3311, 0, R}}, 1}, true);
            world_run(&w);
            reached = w.crashed;
            for (size_t k = 0; k < WORLD_ROWS; k++) {
                /* What the requester refused stands on the host for a moment; it is nobody's. */
                assert_true(i > 1 || !lamp->keys[k].used || is_on_disk(lamp->keys[k].identity));
                assert_true(!button->keys[k].used || is_on_disk(button->keys[k].identity));
            }
        }
        w.crash_at = 0;
        assert_false(has_one_identity("button", "lamp"));
        world_use(&w, "used");
        assert_true(has_one_identity("button", "lamp"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(g17_a_grant_installs_both_sides_and_answers_once, start,
                                        end),
        cmocka_unit_test_setup_teardown(c2c_7_each_state_is_stored_before_what_depends_on_it, start,
                                        end),
        cmocka_unit_test_setup_teardown(c2c_7_an_interrupted_provisioning_is_rolled_back, start,
                                        end),
        cmocka_unit_test_setup_teardown(g17_a_record_stays_until_both_are_clean, start, end),
        cmocka_unit_test_setup_teardown(g02_keys_are_fresh_for_each_pair, start, end),
        cmocka_unit_test_setup_teardown(g02_the_key_is_gone_after_it_was_taken, start, end),
        cmocka_unit_test_setup_teardown(g19_short_ids_do_not_collide, start, end),
        cmocka_unit_test_setup_teardown(g19_a_short_id_taken_by_others_is_left_alone, start, end),
        cmocka_unit_test_setup_teardown(g18_several_entries_and_shared_targets, start, end),
        cmocka_unit_test_setup_teardown(g18_a_list_made_by_others_is_merged, start, end),
        cmocka_unit_test_setup_teardown(g18_repeating_changes_lifetime_and_rights_only, start, end),
        cmocka_unit_test_setup_teardown(c2c_5_the_other_direction_reuses_the_account, start, end),
        cmocka_unit_test_setup_teardown(c2c_7_two_directions_live_for_the_shorter_lifetime, start,
                                        end),
        cmocka_unit_test_setup_teardown(seed_7_rights_without_credentials_need_an_account, start,
                                        end),
        cmocka_unit_test_setup_teardown(g20_the_host_moves_and_the_requester_hears_of_it, start,
                                        end),
        cmocka_unit_test_setup_teardown(g20_addresses_that_the_requester_cannot_use, start, end),
        cmocka_unit_test_setup_teardown(g02_a_refused_identity_is_replaced, start, end),
        cmocka_unit_test_setup_teardown(seed_7_bytes_of_every_payload, start, end),
        cmocka_unit_test_setup_teardown(c2c_5_policy_chooses_the_security, start, end),
        cmocka_unit_test_setup_teardown(c2c_5_an_oscore_grant_is_two_ends_of_one_context, start,
                                        end),
        cmocka_unit_test_setup_teardown(g02_every_pair_has_its_own_context, start, end),
        cmocka_unit_test_setup_teardown(c2c_5_the_other_direction_reuses_the_context, start, end),
        cmocka_unit_test_setup_teardown(c2c_5_a_refused_recipient_id_is_replaced, start, end),
        cmocka_unit_test_setup_teardown(g23_a_context_goes_with_its_grant, start, end),
        cmocka_unit_test_setup_teardown(c2c_7_a_renewal_brings_a_new_context, start, end),
        cmocka_unit_test_setup_teardown(c2c_7_one_new_context_at_a_time, start, end),
        cmocka_unit_test_setup_teardown(c2c_7_dtls_keeps_its_key, start, end),
        cmocka_unit_test_setup_teardown(c2c_7_both_directions_get_the_new_context, start, end),
        cmocka_unit_test_setup_teardown(c2c_7_no_room_for_a_new_context, start, end),
        cmocka_unit_test_setup_teardown(c2c_7_a_new_context_and_a_restart, start, end),
        cmocka_unit_test_setup_teardown(c2c_7_a_new_context_that_reached_one_device, start, end),
        cmocka_unit_test_setup_teardown(c2c_7_the_uri_of_the_new_key_comes_later, start, end),
        cmocka_unit_test_setup_teardown(c2c_7_a_restart_between_two_stores, start, end),
        cmocka_unit_test_setup_teardown(c2c_7_a_quarter_of_the_shorter_lifetime, start, end),
        cmocka_unit_test_setup_teardown(c2c_7_another_new_context, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
