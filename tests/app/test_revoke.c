/* SPDX-License-Identifier: Apache-2.0 */
/* How grants end: revocation and standing refusals, expiry, policy changes, goodbye (docs/C2C.md §7;
 * G10, G23). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/app/world.h"

#define COUNT(table) (sizeof(table) / sizeof(*(table)))
#define HOUR_MS (3600ULL * 1000)

enum { R = PROA_RIGHT_READ, W = PROA_RIGHT_WRITE };

static const proa_policy_rule rules[] = {
    {.name = "visitors",
     .effect = PROA_EFFECT_ALLOW,
     .requester = "visitor",
     .host = "*",
     .object = PROA_POLICY_OBJECT_ANY,
     .instance = PROA_ID_ALL,
     .rights = PROA_RIGHTS_ALL,
     .revoke_on_deregister = true},
    WORLD_ANYTHING(7200),
};
static const proa_policy policy = {rules, COUNT(rules)};
static const proa_path everything = {{0}, 0};

static world w;
static world_device *lamp, *button, *visitor;

static int start(void **state)
{
    (void)state;
    world_start(&w, &policy);
    lamp = world_add(&w, "lamp", "2001:db8::1");
    button = world_add(&w, "button", "2001:db8::2");
    visitor = world_add(&w, "visitor", "2001:db8::3");
    for (size_t i = 0; i < w.device_count; i++) {
        world_register(&w, &w.devices[i]);
    }
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    assert_int_equal(world_get(&w, button, "lamp", 3303, 1, R | W), PROA_COAP_CREATED);
    assert_int_equal(world_get(&w, visitor, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    world_check(&w, "before");
    world_arm(&w);
    w.audit_count = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    world_end(&w);
    return 0;
}

static int64_t revoke(const char *requester, const char *host, proa_path path)
{
    int64_t by = 0;
    assert_int_equal(proa_authority_revoke(w.authority, w.now_ms, proa_span_of(requester),
                                           proa_span_of(host), &path, &by),
                     PROA_OK);
    return by;
}

static proa_err allow(const char *requester, const char *host, proa_path path)
{
    return proa_authority_allow(w.authority, w.now_ms, proa_span_of(requester), proa_span_of(host),
                                &path);
}

static void g23_revoking_takes_everything_from_both(void **state)
{
    (void)state;
    int64_t by = revoke("button", "lamp", everything);
    assert_true(by == w.unix_s + 1 + 7200);
    world_run(&w);
    assert_null(world_client_of(lamp, "button"));
    assert_int_equal(world_count(button), 0);
    assert_int_equal(world_rights(lamp, "visitor", 3311, 0), R); /* the shared list stays */
    assert_int_equal(w.override_count, 1);
    assert_int_equal(world_audits(&w, PROA_AUDIT_REVOKED), 1);
    assert_int_equal(world_audits(&w, PROA_AUDIT_ENDED), 2); /* a line for each entry */
    assert_null(world_grant(&w, "button", "lamp"));
    world_check(&w, "revoked");
}

static void g23_only_allow_ends_a_refusal(void **state)
{
    (void)state;
    revoke("button", "lamp", everything);
    world_run(&w);
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_FORBIDDEN);
    proa_authority_policy(w.authority, w.now_ms, &w.policy);
    world_pass(&w, 48 * HOUR_MS);
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_FORBIDDEN);
    world_restart(&w);
    world_run(&w);
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_FORBIDDEN);
    assert_int_equal(allow("button", "lamp", proa_path_make(1, 3311, 0, 0)), PROA_E_NOT_FOUND);
    assert_int_equal(allow("button", "lamp", everything), PROA_OK);
    world_run(&w);
    assert_int_equal(w.override_count, 0);
    assert_int_equal(allow("button", "lamp", everything), PROA_E_NOT_FOUND);
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    world_check(&w, "again");
}

static void g23_a_refusal_of_a_path(void **state)
{
    static const struct {
        uint8_t depth;
        uint16_t object, instance, resource;
        bool keeps_3311, keeps_3303;
    } rows[] = {
        {0, 0, 0, 0, false, false},  {1, 3311, 0, 0, false, true},    {2, 3311, 0, 0, false, true},
        {2, 3311, 1, 0, true, true}, {3, 3311, 0, 5850, false, true}, {2, 3303, 1, 0, true, false},
        {1, 3200, 0, 0, true, true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        world_end(&w);
        start(NULL);
        revoke("button", "lamp",
               proa_path_make(rows[i].depth, rows[i].object, rows[i].instance, rows[i].resource));
        world_run(&w);
        assert_int_equal(world_rights(lamp, "button", 3311, 0), rows[i].keeps_3311 ? R : 0);
        assert_int_equal(world_rights(lamp, "button", 3303, 1), rows[i].keeps_3303 ? R | W : 0);
        assert_int_equal(world_grant(&w, "button", "lamp") != NULL,
                         rows[i].keeps_3311 || rows[i].keeps_3303);
        world_check(&w, "part of it");
        assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R),
                         rows[i].keeps_3311 ? PROA_COAP_CREATED : PROA_COAP_FORBIDDEN);
        assert_int_equal(world_get(&w, button, "lamp", 3311, PROA_ID_ALL, R),
                         rows[i].object == 3311 || rows[i].depth == 0 ? PROA_COAP_FORBIDDEN
                                                                      : PROA_COAP_CREATED);
        world_check(&w, "asked again");
    }
}

static void g23_the_refusal_is_stored_before_anything_is_done(void **state)
{
    proa_action action;
    (void)state;
    revoke("button", "lamp", everything);
    bool stored = false;
    while (proa_authority_poll(w.authority, w.now_ms, &action)) {
        assert_int_not_equal(action.kind, PROA_ACTION_OPERATE);
        stored = stored || action.kind == PROA_ACTION_STORE_OVERRIDE;
        if (action.kind == PROA_ACTION_STORE_OVERRIDE) {
            assert_string_equal(action.override->requester, "button");
            w.overrides[w.override_count++] = *action.override;
        }
    }
    assert_true(stored);
    /* Asked meanwhile: no. */
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_FORBIDDEN);
    /* The process dies here: the refusal is on disk, and holds. */
    world_restart(&w);
    world_run(&w);
    assert_null(world_client_of(lamp, "button"));
    assert_int_equal(world_count(button), 0);
    world_check(&w, "after restart");
}

static void g23_a_store_that_fails_is_repeated(void **state)
{
    (void)state;
    w.store_fault_at = 1;
    revoke("button", "lamp", everything);
    world_run(&w);
    assert_int_equal(w.override_count, 0);
    assert_null(world_client_of(lamp, "button")); /* takes effect all the same */
    world_pass(&w, 31000);
    assert_int_equal(w.override_count, 1);
    world_check(&w, "stored later");
}

static void g23_unreachable_devices_are_tried_until_they_confirm(void **state)
{
    (void)state;
    for (int who = 0; who < 2; who++) {
        world_end(&w);
        start(NULL);
        world_device *away = who == 0 ? lamp : button;
        away->silent = true;
        revoke("button", "lamp", everything);
        world_pass(&w, 600000);
        assert_int_equal(world_grant(&w, "button", "lamp")->state, PROA_GRANT_REVOKING);
        assert_int_equal(who == 0 ? world_count(button) : world_rights(lamp, "button", 3311, 0), 0);
        /* Its ids are not given to anybody else until then. */
        uint16_t short_id = world_grant(&w, "button", "lamp")->requester_short_id;
        assert_int_equal(world_client_of(lamp, "visitor")->short_id != short_id, true);
        if (who == 1) { /* restart in between */
            world_restart(&w);
            world_run(&w);
            assert_int_equal(world_grant(&w, "button", "lamp")->state, PROA_GRANT_REVOKING);
        }
        away->silent = false;
        world_register(&w, away);
        world_run(&w);
        assert_null(world_client_of(lamp, "button"));
        assert_int_equal(world_count(button), 0);
        world_check(&w, "confirmed");
    }
}

static void g23_back_off_doubles_up_to_an_hour(void **state)
{
    uint32_t last = 0;
    uint64_t gap_ms = 0;
    uint64_t last_ms = 0;
    (void)state;
    lamp->silent = true;
    revoke("button", "lamp", everything);
    world_run(&w);
    last = w.operations;
    last_ms = w.now_ms;
    for (int i = 0; i < 7000; i++) {
        world_pass(&w, 1000);
        if (w.operations != last) {
            assert_true(w.now_ms - last_ms >= gap_ms);
            gap_ms = w.now_ms - last_ms;
            last = w.operations;
            last_ms = w.now_ms;
        }
    }
    assert_in_range(gap_ms, 1800000, 3600000);
    assert_in_range(w.operations, 8, 14); /* 30 s, 1, 2, 4, ... minutes */
}

static void g23_expiry_confirms_for_who_cannot_be_reached(void **state)
{
    (void)state;
    lamp->silent = true;
    revoke("button", "lamp", everything);
    world_pass(&w, 2 * HOUR_MS);
    assert_int_equal(world_grant(&w, "button", "lamp")->state, PROA_GRANT_REVOKING);
    world_pass(&w, 200000);
    assert_null(world_grant(&w, "button", "lamp"));
    assert_int_equal(w.grant_count, 1);
}

static void g23_revoked_while_it_is_being_given(void **state)
{
    proa_ac_body body = {{{3305, 0, R}}, 1};
    (void)state;
    for (int steps = 0; steps < 5; steps++) {
        world_end(&w);
        start(NULL);
        revoke("button", "lamp", everything);
        world_run(&w);
        allow("button", "lamp", everything);
        world_run(&w);
        w.hold = true;
        uint64_t ticket = world_ask(&w, button, "lamp", &body, true);
        world_run(&w);
        for (int i = 0; i < steps; i++) {
            world_release(&w);
        }
        revoke("button", "lamp", everything);
        world_run(&w);
        w.hold = false;
        world_release(&w);
        world_pass(&w, 1000);
        assert_int_equal(world_answer_to(&w, ticket)->code, PROA_COAP_FORBIDDEN);
        assert_null(world_client_of(lamp, "button"));
        assert_int_equal(world_count(button), 0);
        world_check(&w, "nothing given");
    }
}

static void g23_one_direction_goes_and_the_key_stays_for_the_other(void **state)
{
    (void)state;
    assert_int_equal(world_get(&w, lamp, "button", 3200, 0, R), PROA_COAP_CREATED);
    world_key before = *world_key_of(lamp, "button");
    revoke("button", "lamp", everything);
    world_run(&w);
    assert_int_equal(world_rights(lamp, "button", 3311, 0), 0);
    assert_int_equal(world_rights(button, "lamp", 3200, 0), R);
    assert_memory_equal(&before, world_key_of(lamp, "button"), sizeof before);
    world_check(&w, "one left");
    revoke("lamp", "button", everything);
    world_run(&w);
    assert_int_equal(world_count(button), 0);
    world_check(&w, "none left");
}

static void g23_no_step_more_while_the_refusal_is_being_stored(void **state)
{
    proa_ac_body body = {{{3305, 0, R}}, 1};
    (void)state;
    w.hold = true;
    uint64_t ticket = world_ask(&w, button, "lamp", &body, true);
    world_run(&w);
    w.hold = false;
    w.hold_stores = true;
    revoke("button", "lamp", everything);
    world_release(&w); /* the operation under way ends; the store has not answered */
    assert_int_equal(world_rights(lamp, "button", 3305, 0), 0);
    assert_int_equal(world_answer_to(&w, ticket)->code, PROA_COAP_FORBIDDEN);
    world_release_stores(&w);
    assert_null(world_client_of(lamp, "button"));
    world_check(&w, "revoked");
}

static void g23_what_a_sync_had_read_before_does_not_count(void **state)
{
    (void)state;
    w.hold = true;
    world_gone(&w, lamp, false);
    lamp->accesses[0].instance = 9; /* not what the server remembers: it looks */
    world_register(&w, lamp);
    world_run(&w);
    world_release(&w);
    world_release(&w); /* keys and clients are read */
    assert_int_equal(w.held[0].path.ids[0], 11002);
    revoke("button", "lamp", everything);
    world_run(&w);
    w.hold = false;
    world_release(&w);
    assert_null(world_client_of(lamp, "button"));
    assert_null(world_key_of(lamp, "button"));
    assert_int_equal(world_count(button), 0);
    world_check(&w, "revoked");
}

static void g23_revoked_while_it_is_being_renewed(void **state)
{
    proa_ac_body body = {{{3305, 0, R}}, 1};
    (void)state;
    for (int steps = 0; steps < 6; steps++) {
        world_end(&w);
        start(NULL);
        w.hold = true;
        uint64_t ticket = world_ask(&w, button, "lamp", &body, true);
        world_run(&w);
        for (int i = 0; i < steps; i++) {
            world_release(&w);
        }
        assert_int_equal(world_answers_to(&w, ticket), 0);
        revoke("button", "lamp", everything);
        world_run(&w);
        w.hold = false;
        world_release(&w);
        world_pass(&w, 1000);
        assert_int_equal(world_answer_to(&w, ticket)->code, PROA_COAP_FORBIDDEN);
        assert_null(world_client_of(lamp, "button"));
        assert_int_equal(world_count(button), 0);
        world_check(&w, "all gone");
    }
}

static void g23_grants_expire_on_their_own(void **state)
{
    (void)state;
    world_pass(&w, 2 * HOUR_MS - 2000);
    assert_int_equal(world_grant(&w, "button", "lamp")->state, PROA_GRANT_ACTIVE);
    world_pass(&w, 3000);
    assert_null(world_client_of(lamp, "button"));
    assert_int_equal(world_count(button), 0);
    assert_int_equal(world_audits(&w, PROA_AUDIT_REVOKED), 0);
    assert_int_equal(world_audits(&w, PROA_AUDIT_ENDED), 2);
    assert_string_equal(w.audits[0].rule, "expired");
    assert_non_null(world_client_of(lamp, "visitor"));
    world_check(&w, "expired");
}

static void g23_the_clock_jumps(void **state)
{
    (void)state;
    proa_authority_clock(w.authority, w.now_ms, w.unix_s + 7100);
    world_pass(&w, 50000);
    assert_non_null(world_grant(&w, "button", "lamp"));
    proa_authority_clock(w.authority, w.now_ms, w.unix_s + 7300);
    world_run(&w);
    assert_null(world_grant(&w, "button", "lamp"));
}

static void g23_a_registration_that_expires_revokes_nothing(void **state)
{
    (void)state;
    world_gone(&w, button, false);
    world_gone(&w, lamp, false);
    world_gone(&w, visitor, false);
    world_run(&w);
    assert_int_equal(w.operations, 0);
    world_check(&w, "all gone from the server, grants stand");
    world_register(&w, lamp);
    world_register(&w, button);
    world_register(&w, visitor);
    world_run(&w);
    assert_int_equal(w.operations, 0); /* they list what they should */
    world_check(&w, "back");
}

static void g23_goodbye_revokes_where_a_rule_says_so(void **state)
{
    (void)state;
    world_gone(&w, button, true);
    world_run(&w);
    assert_int_equal(w.operations, 0);
    world_gone(&w, visitor, true);
    world_run(&w);
    assert_null(world_client_of(lamp, "visitor"));
    assert_int_equal(world_rights(lamp, "button", 3311, 0), R);
    assert_int_equal(world_count(visitor), 2); /* out of reach */
    world_register(&w, visitor);
    world_run(&w);
    assert_int_equal(world_count(visitor), 0);
    world_check(&w, "came back");
}

static void g23_a_new_policy_revokes_what_it_no_longer_allows(void **state)
{
    proa_policy_rule less[] = {rules[1], rules[1]};
    const proa_policy narrow = {less, 2};
    (void)state;
    strcpy(less[0].requester, "button");
    less[0].object = 3303;
    less[0].rights = W;
    less[1].requester[0] = 'x';
    proa_authority_policy(w.authority, w.now_ms, &narrow);
    world_run(&w);
    assert_null(world_grant(&w, "visitor", "lamp"));
    assert_int_equal(world_count(visitor), 0);
    assert_int_equal(world_rights(lamp, "button", 3311, 0), 0);
    assert_int_equal(world_rights(lamp, "button", 3303, 1), W);
    assert_string_equal(w.audits[0].rule, "policy changed");
    world_check(&w, "narrower");
    proa_authority_policy(w.authority, w.now_ms, NULL);
    world_run(&w);
    assert_int_equal(w.grant_count, 0);
    assert_int_equal(world_count(lamp) + world_count(button), 0);
}

static void g10_what_a_device_throws_out_ends(void **state)
{
    (void)state;
    /* The host found the account unused and dropped it (docs/C2C.md §7), then sends an Update. */
    world_client *client = world_client_of(lamp, "visitor");
    uint16_t short_id = client->short_id;
    memset(world_key_of(lamp, "visitor"), 0, sizeof(world_key));
    memset(client, 0, sizeof *client);
    for (size_t i = 0; i < WORLD_ROWS; i++) {
        for (uint8_t j = 0; j < lamp->accesses[i].acl_count; j++) {
            if (lamp->accesses[i].acl[j].short_id == short_id) {
                lamp->accesses[i].acl[j] = lamp->accesses[i].acl[--lamp->accesses[i].acl_count];
            }
        }
    }
    world_update(&w, lamp);
    world_run(&w);
    assert_null(world_grant(&w, "visitor", "lamp"));
    assert_int_equal(world_count(visitor), 0);
    assert_string_equal(w.audits[0].rule, "removed by the device");
    world_check(&w, "thrown out");
}

static void a_full_table_of_refusals_says_so(void **state)
{
    int64_t by;
    proa_path path = proa_path_make(1, 3, 0, 0);
    (void)state;
    proa_authority_close(w.authority);
    w.config.override_max = 1;
    assert_int_equal(proa_authority_open(&w.authority, &w.config), PROA_OK);
    assert_int_equal(
        proa_authority_revoke(w.authority, 0, proa_span_of("a"), proa_span_of("b"), &path, &by),
        PROA_OK);
    assert_int_equal(
        proa_authority_revoke(w.authority, 0, proa_span_of("a"), proa_span_of("b"), &path, &by),
        PROA_OK);
    assert_int_equal(
        proa_authority_revoke(w.authority, 0, proa_span_of("a"), proa_span_of("c"), &path, &by),
        PROA_E_FULL);
    assert_int_equal(
        proa_authority_revoke(w.authority, 0, proa_span_of(""), proa_span_of("c"), &path, &by),
        PROA_E_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(g23_revoking_takes_everything_from_both, start, end),
        cmocka_unit_test_setup_teardown(g23_only_allow_ends_a_refusal, start, end),
        cmocka_unit_test_setup_teardown(g23_a_refusal_of_a_path, start, end),
        cmocka_unit_test_setup_teardown(g23_the_refusal_is_stored_before_anything_is_done, start,
                                        end),
        cmocka_unit_test_setup_teardown(g23_a_store_that_fails_is_repeated, start, end),
        cmocka_unit_test_setup_teardown(g23_unreachable_devices_are_tried_until_they_confirm, start,
                                        end),
        cmocka_unit_test_setup_teardown(g23_back_off_doubles_up_to_an_hour, start, end),
        cmocka_unit_test_setup_teardown(g23_expiry_confirms_for_who_cannot_be_reached, start, end),
        cmocka_unit_test_setup_teardown(g23_revoked_while_it_is_being_given, start, end),
        cmocka_unit_test_setup_teardown(g23_one_direction_goes_and_the_key_stays_for_the_other,
                                        start, end),
        cmocka_unit_test_setup_teardown(g23_no_step_more_while_the_refusal_is_being_stored, start,
                                        end),
        cmocka_unit_test_setup_teardown(g23_what_a_sync_had_read_before_does_not_count, start, end),
        cmocka_unit_test_setup_teardown(g23_revoked_while_it_is_being_renewed, start, end),
        cmocka_unit_test_setup_teardown(g23_grants_expire_on_their_own, start, end),
        cmocka_unit_test_setup_teardown(g23_the_clock_jumps, start, end),
        cmocka_unit_test_setup_teardown(g23_a_registration_that_expires_revokes_nothing, start,
                                        end),
        cmocka_unit_test_setup_teardown(g23_goodbye_revokes_where_a_rule_says_so, start, end),
        cmocka_unit_test_setup_teardown(g23_a_new_policy_revokes_what_it_no_longer_allows, start,
                                        end),
        cmocka_unit_test_setup_teardown(g10_what_a_device_throws_out_ends, start, end),
        cmocka_unit_test_setup_teardown(a_full_table_of_refusals_says_so, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
