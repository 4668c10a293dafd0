/* SPDX-License-Identifier: Apache-2.0 */
/* What rules mean: docs/C2C.md, "Policy"; G4 (default deny, never more than asked). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/app/policy.h"

#define ALL PROA_ID_ALL
#define ANY PROA_POLICY_OBJECT_ANY
#define COUNT(table) (sizeof(table) / sizeof(*(table)))

enum {
    R = PROA_RIGHT_READ,
    W = PROA_RIGHT_WRITE,
    E = PROA_RIGHT_EXECUTE,
    D = PROA_RIGHT_DELETE,
    C = PROA_RIGHT_CREATE
};

static void g04_patterns_match_whole_names(void **state)
{
    static const struct {
        const char *pattern;
        const char *name;
        bool matches;
    } rows[] = {
        {"lamp", "lamp", true},
        {"lamp", "lamps", false},
        {"lamp", "lam", false},
        {"*", "", true},
        {"*", "anything", true},
        {"", "", true},
        {"", "x", false},
        {"lamp-*", "lamp-", true},
        {"lamp-*", "lamp-17", true},
        {"lamp-*", "xlamp-17", false},
        {"*-17", "lamp-17", true},
        {"*-17", "lamp-171", false},
        {"*-17", "a-17-17", true},
        {"a*b*c", "aXbYc", true},
        {"a*b*c", "abc", true},
        {"a*b*c", "acb", false},
        {"a**c", "abc", true},
        {"*a*", "bbb", false},
        {"lamp*", "LAMP1", false},
        {"a*a", "a", false},
        {"l?mp", "lamp", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        print_message("'%s' ~ '%s'\n", rows[i].pattern, rows[i].name);
        assert_int_equal(
            proa_pattern_match(proa_span_of(rows[i].pattern), proa_span_of(rows[i].name)),
            rows[i].matches);
    }
}

static void g04_a_long_pattern_of_stars_ends(void **state)
{
    (void)state;
    assert_false(proa_pattern_match(
        proa_span_of("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b"),
        proa_span_of("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")));
}

#define RULE(name_, effect_, object_, instance_, rights_)                        \
    .name = name_, .effect = effect_, .requester = "switch-*", .host = "lamp-*", \
    .object = object_, .instance = instance_, .rights = rights_
#define ALLOW PROA_EFFECT_ALLOW
#define DENY PROA_EFFECT_DENY

static void g04_first_rule_decides_for_each_bit(void **state)
{
    static const proa_policy_rule rules[] = {
        {RULE("not the heater", DENY, 3308, ALL, PROA_RIGHTS_ALL)},
        {RULE("not lamp 9", DENY, 3311, 9, W)},
        {RULE("lamps", ALLOW, 3311, ALL, R | W)},
        {RULE("temperature 0", ALLOW, 3303, 0, R)},
        {RULE("everything else to read", ALLOW, ANY, ALL, R)},
    };
    static const struct {
        uint16_t object, instance;
        uint8_t rights, granted;
        int32_t rule;
    } rows[] = {
        {3311, 0, R, R, 2},       {3311, 0, R | W, R | W, 2},
        {3311, ALL, R, R, 2},     {3311, 9, R, R, 2},
        {3311, 9, W, 0, 1},       {3311, 9, R | W, 0, 1},
        {3311, ALL, W, 0, 1}, /* all instances: that one, too */
        {3311, ALL, R | W, 0, 1}, {3303, 0, R, R, 3},
        {3303, 0, R | W, 0, 3},   {3303, 1, R, R, 4},
        {3303, ALL, R, R, 4},     {3308, 0, R, 0, 0},
        {3, 0, R, R, 4},          {3, 0, E, 0, -1},
        {3311, 0, 0, 0, -1},      {3311, 0, 0x20 | R, 0, -1},
    };
    const proa_policy policy = {rules, COUNT(rules)};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        proa_decision d =
            proa_policy_decide(&policy, proa_span_of("switch-1"), proa_span_of("lamp-1"),
                               rows[i].object, rows[i].instance, rows[i].rights);
        print_message("row %zu: /%u/%u %#x\n", i, rows[i].object, rows[i].instance, rows[i].rights);
        assert_int_equal(d.granted, rows[i].granted);
        assert_int_equal(d.rule, rows[i].rule);
        assert_int_equal(d.lifetime_s, rows[i].granted == 0 ? 0 : PROA_GRANT_LIFETIME_DEFAULT_S);
        assert_false(d.partial);
    }
}

static void g04_names_must_match(void **state)
{
    static const proa_policy_rule rules[] = {{RULE("lamps", ALLOW, ANY, ALL, PROA_RIGHTS_ALL)}};
    const proa_policy policy = {rules, 1};
    (void)state;
    assert_int_equal(
        proa_policy_decide(&policy, proa_span_of("button"), proa_span_of("lamp-1"), 3311, 0, R)
            .granted,
        0);
    assert_int_equal(
        proa_policy_decide(&policy, proa_span_of("switch-1"), proa_span_of("door"), 3311, 0, R)
            .granted,
        0);
    assert_int_equal(
        proa_policy_decide(&policy, proa_span_of("lamp-1"), proa_span_of("switch-1"), 3311, 0, R)
            .granted,
        0);
}

static void g05_closed_objects_are_denied_whatever_the_rules_say(void **state)
{
    static const uint16_t closed[] = {0, 1, 2, 21, 11000, 11001, 11002, 65535};
    static const uint16_t open[] = {3, 4, 20, 22, 3311, 10999, 11003, 65534};
    static const proa_policy_rule rules[] = {{RULE("all", ALLOW, ANY, ALL, PROA_RIGHTS_ALL)},
                                             {RULE("by name", ALLOW, 11000, ALL, R)}};
    const proa_policy policy = {rules, 2};
    (void)state;
    for (size_t i = 0; i < COUNT(closed); i++) {
        assert_true(proa_policy_closed(closed[i]));
        assert_int_equal(proa_policy_decide(&policy, proa_span_of("switch-1"),
                                            proa_span_of("lamp-1"), closed[i], 0, R)
                             .granted,
                         0);
    }
    for (size_t i = 0; i < COUNT(open); i++) {
        assert_int_equal(proa_policy_decide(&policy, proa_span_of("switch-1"),
                                            proa_span_of("lamp-1"), open[i], 0, R)
                             .granted,
                         R);
    }
}

static void g04_nothing_is_allowed_without_rules(void **state)
{
    const proa_policy empty = {NULL, 0};
    (void)state;
    assert_int_equal(
        proa_policy_decide(NULL, proa_span_of("a"), proa_span_of("b"), 3, 0, R).granted, 0);
    assert_int_equal(
        proa_policy_decide(&empty, proa_span_of("a"), proa_span_of("b"), 3, 0, R).granted, 0);
}

static void g04_partial_only_if_every_allowing_rule_says_so(void **state)
{
    proa_policy_rule rules[] = {{RULE("read", ALLOW, 3311, ALL, R)},
                                {RULE("write", ALLOW, 3311, ALL, W)}};
    const proa_policy policy = {rules, 2};
    proa_span from = proa_span_of("switch-1");
    proa_span to = proa_span_of("lamp-1");
    (void)state;
    rules[0].partial = true;
    proa_decision d = proa_policy_decide(&policy, from, to, 3311, 0, R | E);
    assert_int_equal(d.granted, R);
    assert_true(d.partial);
    assert_true(d.may_be_partial);
    d = proa_policy_decide(&policy, from, to, 3311, 0, R | W | E);
    assert_int_equal(d.granted, 0);
    assert_false(d.may_be_partial);
    d = proa_policy_decide(&policy, from, to, 3311, 0, R | W);
    assert_int_equal(d.granted, R | W);
    assert_false(d.partial);
    rules[1].partial = true;
    d = proa_policy_decide(&policy, from, to, 3311, 0, R | W | E);
    assert_int_equal(d.granted, R | W);
    assert_true(d.partial);
}

static void the_shortest_lifetime_counts(void **state)
{
    proa_policy_rule rules[] = {{RULE("read", ALLOW, 3311, ALL, R)},
                                {RULE("write", ALLOW, 3311, ALL, W)},
                                {RULE("rest", ALLOW, 3311, ALL, PROA_RIGHTS_ALL)}};
    const proa_policy policy = {rules, 3};
    proa_span from = proa_span_of("switch-1");
    proa_span to = proa_span_of("lamp-1");
    (void)state;
    rules[0].lifetime_s = 600;
    rules[1].lifetime_s = 60;
    rules[1].revoke_on_deregister = true;
    assert_int_equal(proa_policy_decide(&policy, from, to, 3311, 0, R).lifetime_s, 600);
    assert_int_equal(proa_policy_decide(&policy, from, to, 3311, 0, R | W).lifetime_s, 60);
    assert_int_equal(proa_policy_decide(&policy, from, to, 3311, 0, D | C).lifetime_s,
                     PROA_GRANT_LIFETIME_DEFAULT_S);
    assert_false(proa_policy_decide(&policy, from, to, 3311, 0, R).revoke_on_deregister);
    assert_true(proa_policy_decide(&policy, from, to, 3311, 0, R | W).revoke_on_deregister);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(g04_patterns_match_whole_names),
        cmocka_unit_test(g04_a_long_pattern_of_stars_ends),
        cmocka_unit_test(g04_first_rule_decides_for_each_bit),
        cmocka_unit_test(g04_names_must_match),
        cmocka_unit_test(g05_closed_objects_are_denied_whatever_the_rules_say),
        cmocka_unit_test(g04_nothing_is_allowed_without_rules),
        cmocka_unit_test(g04_partial_only_if_every_allowing_rule_says_so),
        cmocka_unit_test(the_shortest_lifetime_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
