/* SPDX-License-Identifier: Apache-2.0 */
/* Links so slow that the work takes longer than an answer to /ac may: it outlives its question, and what
 * waits behind it neither starves nor is done for nothing (docs/C2C.md §5; G22). */
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
static const proa_path everything = {{0}, 0};
static const proa_ac_body light = {{{3311, 0, R}}, 1};
static const proa_ac_body more = {{{3311, 0, R | W}, {3303, 1, R}}, 2};

static world w;
static world_device *lamp, *button, *meter;

static void begin(bool has_oscore)
{
    world_start(&w, &policy);
    lamp = world_add(&w, "lamp", "2001:db8::1");
    button = world_add(&w, "button", "2001:db8::2");
    meter = world_add(&w, "meter", "2001:db8::3");
    for (size_t i = 0; i < w.device_count; i++) {
        w.devices[i].has_oscore = has_oscore;
        world_register(&w, &w.devices[i]);
    }
    world_run(&w);
    world_arm(&w);
    w.audit_count = 0;
}

static int start(void **state)
{
    (void)state;
    begin(false);
    return 0;
}

static int end(void **state)
{
    (void)state;
    world_end(&w);
    return 0;
}

/* The operation under way is answered after so long. */
static void step(uint32_t ms)
{
    world_pass(&w, ms);
    world_release(&w);
}

/* What is under way gets no answer, and that was its time. */
static void no_answer(void)
{
    proa_path nowhere = {{0}, 0};
    size_t count = w.held_count;
    assert_true(count > 0);
    w.held_count = 0;
    for (size_t i = 0; i < count; i++) {
        proa_authority_done(w.authority, w.now_ms, w.held[i].ticket, PROA_OP_TIMEOUT, 0,
                            PROA_FORMAT_NONE, proa_span_make(NULL, 0), &nowhere);
    }
    world_run(&w);
}

/* Until nothing is under way. */
static void steps(uint32_t ms)
{
    world_run(&w);
    while (w.held_count > 0) {
        step(ms);
    }
}

static void answered(uint64_t ticket, uint8_t code, uint32_t max_age_s, uint8_t reason)
{
    const world_answer *answer = world_answer_to(&w, ticket);
    assert_int_equal(answer->code, code);
    assert_int_equal(answer->max_age_s, max_age_s);
    assert_int_equal(answer->reason, reason);
}

static void goes_on(uint64_t ticket)
{
    answered(ticket, PROA_COAP_GATEWAY_TIMEOUT, 5, 0);
}

/* ---- the work --------------------------------------------------------------------------- */

static void c2c_5_work_outlives_its_question(void **state)
{
    static const struct {
        const char *name;
        bool has_oscore, has_grant, has_reverse;
        uint32_t operation_ms;
        const proa_ac_body *wish;
        proa_audit_kind audit;
    } cases[] = {
        {"first grant", false, false, false, 12000, &light, PROA_AUDIT_GRANTED},
        {"first grant, slower", false, false, false, 50000, &light, PROA_AUDIT_GRANTED},
        {"first grant over OSCORE", true, false, false, 9000, &light, PROA_AUDIT_GRANTED},
        {"two entries", false, false, false, 30000, &more, PROA_AUDIT_GRANTED},
        {"other direction", false, false, true, 15000, &light, PROA_AUDIT_GRANTED},
        {"renewal", false, true, false, 15000, &light, PROA_AUDIT_RENEWED},
        {"renewal with more rights", false, true, false, 12000, &more, PROA_AUDIT_RENEWED},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        begin(cases[i].has_oscore);
        if (cases[i].has_grant) {
            assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
        }
        if (cases[i].has_reverse) {
            assert_int_equal(world_get(&w, lamp, "button", 3311, 0, R), PROA_COAP_CREATED);
        }
        w.audit_count = 0;
        w.hold = true;
        uint64_t ticket = world_ask(&w, button, "lamp", cases[i].wish, true);
        steps(cases[i].operation_ms);
        goes_on(ticket);
        world_check(&w, cases[i].name);
        assert_int_equal(world_audits(&w, cases[i].audit), cases[i].wish->count);
        assert_int_equal(world_audits(&w, PROA_AUDIT_FAILED), 0);
        /* It is told once, without looking at the devices again. */
        uint32_t operations = w.operations;
        uint64_t again = world_ask(&w, button, "lamp", cases[i].wish, true);
        world_run(&w);
        answered(again, PROA_COAP_CREATED, 0, 0);
        assert_int_equal(w.held_count, 0);
        assert_int_equal(w.operations, operations);
        w.hold = false;
        again = world_ask(&w, button, "lamp", cases[i].wish, true);
        world_run(&w);
        answered(again, PROA_COAP_CREATED, 0, 0);
        assert_true(w.operations > operations);
        world_check(&w, cases[i].name);
        world_end(&w);
    }
}

/* What was not told is looked at again if that is long ago, if more is wanted, or if it is lost. */
static void c2c_5_what_was_done_untold_is_looked_at(void **state)
{
    static const struct {
        uint32_t later_ms;
        const proa_ac_body *wish;
        bool is_lost;
    } cases[] = {{55001, &light, false}, {0, &more, false}, {0, &light, true}};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        begin(false);
        w.hold = true;
        uint64_t ticket = world_ask(&w, button, "lamp", &light, true);
        steps(12000);
        goes_on(ticket);
        w.hold = false;
        world_pass(&w, cases[i].later_ms);
        if (cases[i].is_lost) {
            world_wipe(lamp);
            world_register(&w, lamp);
            world_run(&w);
        }
        uint32_t operations = w.operations;
        uint64_t again = world_ask(&w, button, "lamp", cases[i].wish, true);
        world_run(&w);
        answered(again, PROA_COAP_CREATED, 0, 0);
        assert_true(w.operations > operations);
        world_check(&w, "looked at");
        world_end(&w);
    }
}

static void c2c_5_asked_again_it_joins_the_work(void **state)
{
    (void)state;
    w.hold = true;
    uint64_t first = world_ask(&w, button, "lamp", &light, true);
    step(20000);
    step(20000);
    world_pass(&w, 15000);
    goes_on(first);
    uint64_t different = world_ask(&w, button, "lamp", &more, true);
    uint64_t second = world_ask(&w, button, "lamp", &light, true);
    step(20000);
    answered(different, PROA_COAP_TOO_MANY_REQUESTS, 2, 0);
    assert_int_equal(world_answers_to(&w, second), 0);
    world_pass(&w, 34999); /* it has as much time as the first one */
    assert_int_equal(world_answers_to(&w, second), 0);
    world_pass(&w, 1);
    goes_on(second);
    uint64_t third = world_ask(&w, button, "lamp", &light, true);
    world_release(&w);
    step(20000);
    answered(third, PROA_COAP_CREATED, 0, 0);
    world_check(&w, "joined");
    assert_int_equal(world_audits(&w, PROA_AUDIT_FAILED), 0);
}

/* However it answers, the work is not for ever; and what was made is removed. */
static void c2c_5_the_work_ends(void **state)
{
    static const struct {
        const char *why;
        uint32_t operation_ms;
        int operations; /* that are answered */
        uint64_t over_ms;
    } cases[] = {
        {"took too long", 50000, 5, 300000},
        {"device did not answer", 20000, 2, 40000 + 55000},
        {"revoked", 20000, 2, 60000},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t by;
        begin(false);
        uint64_t since_ms = w.now_ms;
        w.hold = true;
        uint64_t ticket = world_ask(&w, button, "lamp", &more, true);
        world_run(&w);
        for (int n = 0; n < cases[i].operations; n++) {
            step(cases[i].operation_ms);
        }
        world_pass(&w, since_ms + cases[i].over_ms - w.now_ms);
        goes_on(ticket);
        assert_int_equal(world_audits(&w, PROA_AUDIT_FAILED), 0); /* something is under way */
        w.hold = false;
        if (strcmp(cases[i].why, "device did not answer") == 0) {
            no_answer();
        } else {
            if (strcmp(cases[i].why, "revoked") == 0) {
                assert_int_equal(proa_authority_revoke(w.authority, w.now_ms,
                                                       proa_span_of("button"), proa_span_of("lamp"),
                                                       &everything, &by),
                                 PROA_OK);
            }
            world_release(&w);
        }
        world_pass(&w, 60000);
        assert_int_equal(world_count(lamp) + world_count(button), 0);
        assert_int_equal(w.grant_count, 0);
        assert_int_equal(world_audits(&w, PROA_AUDIT_GRANTED), 0);
        assert_int_equal(world_audits(&w, PROA_AUDIT_FAILED), 1);
        bool is_said = false;
        for (size_t n = 0; n < w.audit_count; n++) {
            is_said = is_said || strcmp(w.audits[n].rule, cases[i].why) == 0;
        }
        assert_true(is_said);
        world_check(&w, cases[i].why);
        world_end(&w);
    }
}

/* ---- what waits ------------------------------------------------------------------------- */

static void c2c_5_what_waits_keeps_its_place(void **state)
{
    (void)state;
    w.hold = true;
    uint64_t first = world_ask(&w, button, "lamp", &light, true);
    uint64_t waiting = world_ask(&w, meter, "lamp", &light, true);
    world_run(&w);
    for (int i = 0; i < 4; i++) {
        step(30000);
    }
    goes_on(first);
    answered(waiting, PROA_COAP_SERVICE_UNAVAILABLE, 10, PROA_AC_WHY_BUSY);
    steps(30000);
    assert_int_equal(world_rights(lamp, "meter", 3311, 0), R);
    assert_int_equal(world_audits(&w, PROA_AUDIT_GRANTED), 2);
    assert_int_equal(world_audits(&w, PROA_AUDIT_FAILED), 0);
    world_check(&w, "both");
}

/* Nobody waits for it any more: it may be replaced, but it counts where only four may wait. */
static void c2c_5_what_waits_may_be_replaced(void **state)
{
    world_device *askers[4];
    (void)state;
    w.hold = true;
    (void)world_ask(&w, button, "lamp", &light, true);
    for (size_t i = 0; i < COUNT(askers); i++) {
        char name[32];
        snprintf(name, sizeof name, "asker-%zu", i);
        askers[i] = world_add(&w, name, "2001:db8::9");
        askers[i]->addr.port = (uint16_t)(1000 + i);
        world_register(&w, askers[i]);
        (void)world_ask(&w, askers[i], "lamp", &light, true);
    }
    world_run(&w);
    step(30000);
    step(30000);
    uint64_t fifth = world_ask(&w, meter, "lamp", &light, true);
    world_run(&w);
    answered(fifth, PROA_COAP_SERVICE_UNAVAILABLE, 10, PROA_AC_WHY_BUSY);
    uint64_t other = world_ask(&w, askers[0], "lamp", &more, true);
    world_run(&w);
    assert_int_equal(world_answers_to(&w, other), 0);
    w.hold = false;
    world_release(&w);
    answered(other, PROA_COAP_CREATED, 0, 0);
    assert_int_equal(world_rights(lamp, "asker-0", 3311, 0), R | W);
    assert_int_equal(world_audits(&w, PROA_AUDIT_GRANTED), 6);
}

/* Those behind somebody who waited in vain do not wait for the same again; but for a host that answers
 * it is never too late. */
static void g22_what_waited_for_a_silent_host_is_not_begun(void **state)
{
    static const struct {
        uint32_t waited_ms;
        bool is_heard;
        uint8_t code, reason;
    } cases[] = {{27500, false, PROA_COAP_CREATED, 0},
                 {27501, false, PROA_COAP_SERVICE_UNAVAILABLE, PROA_AC_WHY_BUSY},
                 {27501, true, PROA_COAP_CREATED, 0}};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        begin(false);
        w.hold = true;
        (void)world_ask(&w, button, "lamp", &light, true);
        world_pass(&w, 10000);
        uint64_t waiting = world_ask(&w, meter, "lamp", &light, true);
        world_pass(&w, 1000);
        if (cases[i].is_heard) {
            world_release(&w);
        }
        world_pass(&w, cases[i].waited_ms - 1000);
        no_answer();
        no_answer(); /* nor to the sync that was to put things right */
        w.hold = false;
        world_release(&w);
        answered(waiting, cases[i].code, cases[i].reason == 0 ? 0 : 10, cases[i].reason);
        world_end(&w);
    }
}

/* Taking rights away does not wait for those who wait to get some, but goes before each of them once
 * only. */
static void g22_a_sync_goes_before_what_waits(void **state)
{
    int64_t by;
    (void)state;
    world_device *second = world_add(&w, "second", "2001:db8::4");
    world_register(&w, second);
    assert_int_equal(world_get(&w, meter, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    w.hold_stores = true;
    uint64_t at_work = world_ask(&w, meter, "second", &light, true);
    world_run(&w);
    w.hold_stores = false;
    uint64_t waiting = world_ask(&w, second, "lamp", &light, true);
    world_run(&w);
    assert_int_equal(proa_authority_revoke(w.authority, w.now_ms, proa_span_of("button"),
                                           proa_span_of("lamp"), &everything, &by),
                     PROA_OK);
    world_run(&w);
    assert_null(world_client_of(lamp, "button"));
    assert_int_equal(world_answers_to(&w, waiting), 0);
    assert_int_equal(proa_authority_revoke(w.authority, w.now_ms, proa_span_of("meter"),
                                           proa_span_of("lamp"), &everything, &by),
                     PROA_OK);
    world_run(&w);
    assert_non_null(world_client_of(lamp, "meter"));
    world_release_stores(&w);
    answered(at_work, PROA_COAP_CREATED, 0, 0);
    answered(waiting, PROA_COAP_CREATED, 0, 0);
    assert_null(world_client_of(lamp, "meter"));
    world_check(&w, "overtaken once");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(c2c_5_work_outlives_its_question),
        cmocka_unit_test(c2c_5_what_was_done_untold_is_looked_at),
        cmocka_unit_test_setup_teardown(c2c_5_asked_again_it_joins_the_work, start, end),
        cmocka_unit_test(c2c_5_the_work_ends),
        cmocka_unit_test_setup_teardown(c2c_5_what_waits_keeps_its_place, start, end),
        cmocka_unit_test_setup_teardown(c2c_5_what_waits_may_be_replaced, start, end),
        cmocka_unit_test(g22_what_waited_for_a_silent_host_is_not_begun),
        cmocka_unit_test_setup_teardown(g22_a_sync_goes_before_what_waits, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
