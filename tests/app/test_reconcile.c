/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing at registration: orphans go, lost accounts come back with a fresh key, what belongs to
 * others stays (docs/C2C.md §7; G19, G25). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/app/world.h"

#define COUNT(table) (sizeof(table) / sizeof(*(table)))

enum { R = PROA_RIGHT_READ, W = PROA_RIGHT_WRITE };

static const proa_policy_rule rules[] = {
    WORLD_ANYTHING(0),
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
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    assert_int_equal(world_get(&w, meter, "lamp", 3311, 0, R | W), PROA_COAP_CREATED);
    assert_int_equal(world_get(&w, lamp, "button", 3200, 0, R), PROA_COAP_CREATED);
    world_check(&w, "before");
    world_arm(&w);
    return 0;
}

static int end(void **state)
{
    (void)state;
    world_end(&w);
    return 0;
}

static void c2c_7_lost_accounts_come_back_with_fresh_keys(void **state)
{
    (void)state;
    for (int who = 0; who < 3; who++) {
        world_end(&w);
        start(NULL);
        world_key before = *world_key_of(button, "lamp");
        world_key untouched = *world_key_of(meter, "lamp");
        world_device *reset = who == 0 ? lamp : who == 1 ? button : meter;
        uint64_t id = world_grant(&w, "button", "lamp")->id;
        world_wipe(reset);
        world_register(&w, reset);
        world_run(&w);
        world_check(&w, "installed again");
        assert_non_null(world_grant(&w, "button", "lamp"));
        assert_non_null(world_grant(&w, "lamp", "button"));
        assert_non_null(world_grant(&w, "meter", "lamp"));
        assert_true(world_grant(&w, "button", "lamp")->id == id);
        if (who < 2) {
            assert_memory_not_equal(before.secret, world_key_of(button, "lamp")->secret, 16);
            assert_memory_not_equal(before.identity, world_key_of(button, "lamp")->identity, 16);
            assert_int_equal(world_grant(&w, "button", "lamp")->generation, 2);
        }
        if (who == 1) {
            assert_memory_equal(untouched.secret, world_key_of(meter, "lamp")->secret, 16);
        }
        assert_true(world_audits(&w, PROA_AUDIT_RECONCILED) > 0);
    }
}

static void c2c_7_asking_again_brings_both_directions_back(void **state)
{
    (void)state;
    world_wipe(lamp);
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    assert_int_equal(world_rights(lamp, "button", 3311, 0), R);
    assert_int_equal(world_rights(button, "lamp", 3200, 0), R);
    assert_int_equal(world_grant(&w, "lamp", "button")->generation, 2);
    world_check(&w, "all of it");
}

static void c2c_7_more_orphans_than_one_pass_takes(void **state)
{
    (void)state;
    for (uint16_t i = 4; i < WORLD_ROWS; i++) {
        lamp->keys[i] = (world_key){.used = true,
                                    .instance = i,
                                    .identity = {(uint8_t)i, 0xff},
                                    .identity_len = 16,
                                    .secret_len = 16,
                                    .short_id = (uint16_t)(100 + i)};
        lamp->clients[i] = (world_client){
            .used = true, .instance = i, .short_id = (uint16_t)(100 + i), .endpoint = "x"};
        lamp->accesses[i] = (world_access){.used = true,
                                           .instance = i,
                                           .object = (uint16_t)(4000 + i),
                                           .acl = {{(uint16_t)(100 + i), R}},
                                           .acl_count = 1};
    }
    world_register(&w, lamp);
    world_run(&w);
    assert_int_equal(world_count(lamp), 5);
    world_check(&w, "all removed");
}

static void c2c_7_half_an_account_is_replaced(void **state)
{
    (void)state;
    memset(world_key_of(lamp, "meter"), 0, sizeof(world_key));
    world_register(&w, lamp);
    world_run(&w);
    world_check(&w, "key lost");
    assert_non_null(world_key_of(lamp, "meter"));
    memset(world_client_of(meter, "lamp"), 0, sizeof(world_client));
    world_register(&w, meter);
    world_run(&w);
    world_check(&w, "client lost");
    assert_int_equal(world_count(meter), 2);
}

static void c2c_7_rights_that_were_changed_are_put_right(void **state)
{
    (void)state;
    lamp->accesses[0].used = false;
    world_register(&w, lamp);
    world_run(&w);
    world_check(&w, "rights lost");
    /* The numbers say nothing is wrong; the first look after a restart sees it. */
    world_restart(&w);
    lamp->accesses[0].acl[0].rights = PROA_RIGHTS_ALL;
    lamp->accesses[0].acl_count = 1;
    world_run(&w);
    world_check(&w, "rights changed");
}

static void c2c_7_orphans_go_and_others_stay(void **state)
{
    (void)state;
    for (uint8_t i = 0; i < 16; i++) {
        lamp->keys[5].identity[i] = (uint8_t)(0x80 + i);
        lamp->keys[6].identity[i] = (uint8_t)('a' + i);
    }
    lamp->keys[5].identity_len = lamp->keys[6].identity_len = 16;
    lamp->keys[5].secret_len = lamp->keys[6].secret_len = 16;
    lamp->keys[5].instance = lamp->clients[5].instance = 5;
    lamp->keys[6].instance = lamp->clients[6].instance = 6;
    lamp->keys[5].short_id = lamp->clients[5].short_id = 55;
    lamp->keys[6].short_id = lamp->clients[6].short_id = 66;
    strcpy(lamp->clients[5].endpoint, "orphan");
    strcpy(lamp->clients[6].endpoint, "by hand");
    lamp->keys[5].used = lamp->clients[5].used = true;
    lamp->keys[6].used = lamp->clients[6].used = true;
    lamp->accesses[5] = (world_access){
        .used = true, .instance = 5, .object = 3300, .acl = {{55, R}, {66, W}}, .acl_count = 2};
    world_register(&w, lamp);
    world_run(&w);
    assert_null(world_client_of(lamp, "orphan"));
    assert_false(lamp->keys[5].used);
    assert_non_null(world_key_of(lamp, "by hand"));
    assert_int_equal(lamp->accesses[5].acl_count, 1);
    assert_int_equal(world_rights(lamp, "by hand", 3300, 0), W);
    /* The number of the other is not given to anybody. */
    assert_int_equal(world_audits(&w, PROA_AUDIT_RECONCILED), 1);
    lamp->keys[6].used = lamp->clients[6].used = lamp->accesses[5].used = false;
    world_register(&w, lamp);
    world_run(&w);
    world_check(&w, "only ours left");
}

static void c2c_7_orphans_on_a_device_without_grants(void **state)
{
    (void)state;
    world_device *d = world_add(&w, "new", "2001:db8::7");
    d->keys[0] = (world_key){
        .used = true, .identity = {1, 2, 3}, .identity_len = 16, .secret_len = 16, .short_id = 1};
    d->clients[0] = (world_client){.used = true, .short_id = 1, .endpoint = "lamp", .uses = -1};
    world_register(&w, d);
    world_run(&w);
    assert_int_equal(world_count(d), 0);
    world_check(&w, "clean");
}

static void c2c_7_a_number_used_again_is_not_deleted(void **state)
{
    int64_t by;
    proa_path everything = {{0}, 0};
    (void)state;
    /* The lamp dropped the button's account by itself and gave its numbers to somebody else. */
    world_key *key = world_key_of(lamp, "meter");
    world_client *client = world_client_of(lamp, "meter");
    memset(key->identity, 'x', 8);
    key->identity_len = 8;
    strcpy(client->endpoint, "somebody");
    assert_int_equal(proa_authority_revoke(w.authority, w.now_ms, proa_span_of("meter"),
                                           proa_span_of("lamp"), &everything, &by),
                     PROA_OK);
    world_run(&w);
    assert_non_null(world_key_of(lamp, "somebody"));
    assert_null(world_grant(&w, "meter", "lamp"));
    assert_int_equal(world_count(meter), 0);
}

static void g25_nothing_is_asked_of_devices_that_list_what_they_should(void **state)
{
    (void)state;
    for (size_t i = 0; i < w.device_count; i++) {
        world_register(&w, &w.devices[i]);
        world_update(&w, &w.devices[i]);
    }
    world_run(&w);
    assert_int_equal(w.operations, 0);
    world_restart(&w);
    world_run(&w);
    assert_int_equal(w.operations, 9); /* one look at each */
    world_check(&w, "restarted");
}

static void g25_an_unlucky_device_is_looked_at_when_it_is_heard_of(void **state)
{
    (void)state;
    world_wipe(lamp);
    lamp->silent = true;
    world_register(&w, lamp);
    world_pass(&w, 1000);
    lamp->silent = false;
    world_update(&w, lamp);
    world_run(&w);
    world_check(&w, "heard of");
    assert_non_null(world_key_of(lamp, "button"));
}

static void g25_many_devices_after_a_restart_one_after_the_other(void **state)
{
    char name[16];
    uint32_t open = 0;
    proa_action action;
    (void)state;
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "d%d", i);
        proa_device_news news = {.endpoint = proa_span_of(name),
                                 .reg = (proa_reg)(1000 + i),
                                 .secured = true,
                                 .links = proa_span_of("</11000/0>,</11001/0>")};
        proa_authority_registered(w.authority, w.now_ms, &news);
    }
    while (proa_authority_poll(w.authority, w.now_ms, &action)) {
        open += action.kind == PROA_ACTION_OPERATE;
    }
    assert_int_equal(open, 64);
}

/* As many grants of the lamp as are asked for, straight into the store. */
static void crowd(int count, uint8_t entries)
{
    for (int i = 0; i < count; i++) {
        proa_grant g = *world_grant(&w, "button", "lamp");
        g.id += (uint64_t)i + 100;
        snprintf(g.requester, sizeof g.requester, "peer-%05d", i);
        g.requester_short_id = (uint16_t)(1000 + i);
        g.identity[0] = (uint8_t)i;
        for (g.entry_count = 0; g.entry_count < entries; g.entry_count++) {
            proa_grant_entry entry = {(uint16_t)(3000 + i), g.entry_count, R, 0};
            g.entries[g.entry_count] = entry;
        }
        assert_int_equal(proa_authority_restore(w.authority, &g), PROA_OK);
    }
}

static void tables_that_would_not_fit_one_read_are_not_begun(void **state)
{
    static const struct {
        int count;
        uint8_t entries;
        uint8_t code;
    } rows[] = {
        {50, 1, PROA_COAP_GATEWAY_TIMEOUT},     /* there is room; only, the lamp is silent */
        {60, 1, PROA_COAP_SERVICE_UNAVAILABLE}, /* accounts */
        {24, 8, PROA_COAP_SERVICE_UNAVAILABLE}, /* entries */
    };
    proa_ac_body body = {{{3311, 0, R}}, 1};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        world_end(&w);
        start(NULL);
        world_device *late = world_add(&w, "late", "2001:db8::9");
        world_register(&w, late);
        crowd(rows[i].count, rows[i].entries);
        lamp->silent = true;
        uint64_t ticket = world_ask(&w, late, "lamp", &body, true);
        world_run(&w);
        assert_int_equal(world_answer_to(&w, ticket)->code, rows[i].code);
    }
}

static void restored_records_are_checked(void **state)
{
    proa_grant g = *world_grant(&w, "button", "lamp");
    (void)state;
    assert_int_equal(proa_authority_restore(w.authority, &g), PROA_E_EXISTS);
    g.state = PROA_GRANT_ENDED;
    assert_int_equal(proa_authority_restore(w.authority, &g), PROA_OK);
    world_run(&w);
    strcpy(g.requester, "lamp");
    g.state = PROA_GRANT_ACTIVE;
    assert_int_equal(proa_authority_restore(w.authority, &g), PROA_E_RANGE);
    for (int state_ = PROA_GRANT_INTENDED; state_ <= PROA_GRANT_ENDED; state_++) {
        assert_string_not_equal(proa_grant_state_name((proa_grant_state)state_), "unknown");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(c2c_7_lost_accounts_come_back_with_fresh_keys, start, end),
        cmocka_unit_test_setup_teardown(c2c_7_asking_again_brings_both_directions_back, start, end),
        cmocka_unit_test_setup_teardown(c2c_7_more_orphans_than_one_pass_takes, start, end),
        cmocka_unit_test_setup_teardown(c2c_7_half_an_account_is_replaced, start, end),
        cmocka_unit_test_setup_teardown(c2c_7_rights_that_were_changed_are_put_right, start, end),
        cmocka_unit_test_setup_teardown(c2c_7_orphans_go_and_others_stay, start, end),
        cmocka_unit_test_setup_teardown(c2c_7_orphans_on_a_device_without_grants, start, end),
        cmocka_unit_test_setup_teardown(c2c_7_a_number_used_again_is_not_deleted, start, end),
        cmocka_unit_test_setup_teardown(g25_nothing_is_asked_of_devices_that_list_what_they_should,
                                        start, end),
        cmocka_unit_test_setup_teardown(g25_an_unlucky_device_is_looked_at_when_it_is_heard_of,
                                        start, end),
        cmocka_unit_test_setup_teardown(g25_many_devices_after_a_restart_one_after_the_other, start,
                                        end),
        cmocka_unit_test_setup_teardown(tables_that_would_not_fit_one_read_are_not_begun, start,
                                        end),
        cmocka_unit_test_setup_teardown(restored_records_are_checked, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
