/* SPDX-License-Identifier: Apache-2.0 */
/* Giving access: order, keys, short ids, both directions, renewal (DESIGN 4.3, 4.5, 4.7). */
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
    {.name = "peers may do anything",
     .effect = PROA_EFFECT_ALLOW,
     .requester = "*",
     .host = "*",
     .object = PROA_POLICY_OBJECT_ANY,
     .instance = PROA_ID_ALL,
     .rights = PROA_RIGHTS_ALL,
     .lifetime_s = 3600},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(g17_a_grant_installs_both_sides_and_answers_once, start,
                                        end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
