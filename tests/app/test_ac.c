/* SPDX-License-Identifier: Apache-2.0 */
/* POST /ac: form, sender, budget, policy, state of the host, in this order (docs/C2C.md; G4, G17,
 * G21, G22, G27). */
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
    {.name = "not the heater",
     .effect = PROA_EFFECT_DENY,
     .requester = "*",
     .host = "*",
     .object = 3308,
     .instance = PROA_ID_ALL,
     .rights = PROA_RIGHTS_ALL},
    {.name = "guests take what they get",
     .effect = PROA_EFFECT_ALLOW,
     .requester = "guest",
     .host = "lamp",
     .object = 3311,
     .instance = PROA_ID_ALL,
     .rights = R,
     .partial = true},
    {.name = "buttons",
     .effect = PROA_EFFECT_ALLOW,
     .requester = "button*",
     .host = "lamp*",
     .object = PROA_POLICY_OBJECT_ANY,
     .instance = PROA_ID_ALL,
     .rights = PROA_RIGHTS_ALL},
};
static const proa_policy policy = {rules, COUNT(rules)};

static world w;
static world_device *lamp, *button, *guest, *plain;

static int start(void **state)
{
    (void)state;
    world_start(&w, &policy);
    lamp = world_add(&w, "lamp", "2001:db8::1");
    button = world_add(&w, "button", "2001:db8::2");
    guest = world_add(&w, "guest", "2001:db8::3");
    plain = world_add(&w, "button-plain", "2001:db8::4");
    plain->secured = false;
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

/* ---- form ------------------------------------------------------------------------------- */

/* Header, token 34120a0b and path; then what follows the path. */
#define POST_AC "44 02 1234 34120a0b b26163"
#define CBOR "113c"
#define EP "37 65703d6c616d70" /* ep=lamp, after Content-Format */
#define BODY "ff a182190cef0001"

static const struct {
    const char *name;
    const char *datagram;
    uint8_t code;
} forms[] = {
    {"as it should be", POST_AC CBOR EP "01 63" BODY, PROA_COAP_CREATED},
    {"without c, no account", POST_AC CBOR EP BODY, PROA_COAP_FORBIDDEN},
    {"c first", POST_AC CBOR "31 63 07 65703d6c616d70" BODY, PROA_COAP_CREATED},
    {"NON", "54 02 1234 34120a0b b26163" CBOR EP "01 63" BODY, PROA_COAP_BAD_REQUEST},
    {"GET", "44 01 1234 34120a0b b26163" CBOR EP "01 63" BODY, PROA_COAP_METHOD_NOT_ALLOWED},
    {"no Content-Format", POST_AC "47 65703d6c616d70 01 63" BODY,
     PROA_COAP_UNSUPPORTED_CONTENT_FORMAT},
    {"Content-Format text", POST_AC "10" EP "01 63" BODY, PROA_COAP_UNSUPPORTED_CONTENT_FORMAT},
    {"Content-Format SenML", POST_AC "11 70" EP "01 63" BODY, PROA_COAP_UNSUPPORTED_CONTENT_FORMAT},
    {"no ep", POST_AC CBOR "31 63" BODY, PROA_COAP_BAD_REQUEST},
    {"ep twice", POST_AC CBOR EP "07 65703d6c616d70" BODY, PROA_COAP_BAD_REQUEST},
    {"empty ep", POST_AC CBOR "33 65703d" BODY, PROA_COAP_BAD_REQUEST},
    {"c twice", POST_AC CBOR EP "01 63 01 63" BODY, PROA_COAP_BAD_REQUEST},
    {"c with a value", POST_AC CBOR EP "03 633d31" BODY, PROA_COAP_BAD_REQUEST},
    {"unknown query", POST_AC CBOR EP "03 783d31" BODY, PROA_COAP_BAD_REQUEST},
    {"EP in capitals", POST_AC CBOR "37 45503d6c616d70" BODY, PROA_COAP_BAD_REQUEST},
    {"no payload", POST_AC CBOR EP "01 63", PROA_COAP_BAD_REQUEST},
    {"no map", POST_AC CBOR EP "01 63 ff 82190cef00", PROA_COAP_BAD_REQUEST},
    {"empty map", POST_AC CBOR EP "01 63 ff a0", PROA_COAP_BAD_REQUEST},
    {"path named twice", POST_AC CBOR EP "01 63 ff a2 82190cef0001 82190cef0002",
     PROA_COAP_BAD_REQUEST},
    {"unknown right", POST_AC CBOR EP "01 63 ff a1 82190cef00 1820", PROA_COAP_BAD_REQUEST},
    {"nine entries",
     POST_AC CBOR EP "01 63 ff a9 82030001 82030101 82030201 82030301 82030401 82030501"
                     "82030601 82030701 82030801",
     PROA_COAP_REQUEST_ENTITY_TOO_LARGE},
    {"unknown host looks like a denied one", POST_AC CBOR "37 65703d6e6f6e65 01 63" BODY,
     PROA_COAP_FORBIDDEN},
    {"object 3308", POST_AC CBOR EP "01 63 ff a182190cec0001", PROA_COAP_FORBIDDEN},
    {"object 11000", POST_AC CBOR EP "01 63 ff a182192af80001", PROA_COAP_FORBIDDEN},
    {"object 0", POST_AC CBOR EP "01 63 ff a182000001", PROA_COAP_FORBIDDEN},
};

static void g17_g27_one_answer_to_each_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(forms); i++) {
        uint8_t bytes[256];
        char text[512];
        size_t at = 0;
        proa_coap_msg msg;
        for (const char *c = forms[i].datagram; *c != '\0'; c++) {
            text[at] = *c;
            at += *c != ' ';
        }
        text[at] = '\0';
        size_t len = hex(text, bytes, sizeof bytes);
        uint8_t *copy = guard_copy(bytes, len);
        world_end(&w);
        start(NULL);
        print_message("%s\n", forms[i].name);
        assert_int_equal(proa_coap_parse(&msg, proa_span_make(copy, len)), PROA_OK);
        proa_authority_ac(w.authority, w.now_ms, 1, proa_span_of("button"), button->reg, true,
                          &msg);
        guard_free(copy, len);
        world_run(&w);
        assert_int_equal(world_answer_to(&w, 1)->code, forms[i].code);
        assert_int_equal(w.operations == 5, forms[i].code == PROA_COAP_CREATED);
        world_check(&w, forms[i].name);
    }
}

/* ---- sender ----------------------------------------------------------------------------- */

static void g04_only_registered_and_protected_senders(void **state)
{
    proa_ac_body body = {{{3311, 0, R}}, 1};
    (void)state;
    assert_int_equal(world_get(&w, plain, "lamp", 3311, 0, R), PROA_COAP_FORBIDDEN);
    world_device stranger = *button;
    stranger.reg = 0;
    assert_int_equal(world_get(&w, &stranger, "lamp", 3311, 0, R), PROA_COAP_FORBIDDEN);
    stranger.reg = 999;
    assert_int_equal(world_get(&w, &stranger, "lamp", 3311, 0, R), PROA_COAP_FORBIDDEN);
    stranger = *button;
    stranger.endpoint[0] = '\0';
    assert_int_equal(world_get(&w, &stranger, "lamp", 3311, 0, R), PROA_COAP_FORBIDDEN);
    stranger = *button;
    stranger.secured = false; /* registered protected, asks unprotected */
    uint64_t ticket = world_ask(&w, &stranger, "lamp", &body, true);
    world_run(&w);
    assert_int_equal(world_answer_to(&w, ticket)->code, PROA_COAP_FORBIDDEN);
    assert_int_equal(w.operations, 0);
    assert_int_equal(w.stores, 0);
}

static void g04_keys_never_go_to_an_unprotected_host(void **state)
{
    (void)state;
    lamp->secured = false;
    world_register(&w, lamp);
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_FORBIDDEN);
    assert_int_equal(w.operations, 0);
}

static void g04_nobody_asks_for_itself(void **state)
{
    (void)state;
    assert_int_equal(world_get(&w, lamp, "lamp", 3311, 0, R), PROA_COAP_FORBIDDEN);
}

/* ---- what answers tell ------------------------------------------------------------------ */

static void c2c_5_who_is_denied_learns_nothing_about_the_host(void **state)
{
    proa_ac_body body = {{{3311, 0, W}}, 1};
    const char *hosts[] = {"lamp", "lamp-gone", "nobody", "guest", "button-plain"};
    world_answer first = {0};
    (void)state;
    world_device *gone = world_add(&w, "lamp-gone", "2001:db8::5");
    world_register(&w, gone);
    world_gone(&w, gone, false);
    for (size_t i = 0; i < COUNT(hosts); i++) {
        uint64_t ticket = world_ask(&w, guest, hosts[i], &body, true);
        world_run(&w);
        const world_answer *answer = world_answer_to(&w, ticket);
        first = i == 0 ? *answer : first;
        assert_int_equal(answer->code, PROA_COAP_FORBIDDEN);
        assert_int_equal(answer->max_age_s, first.max_age_s);
        assert_int_equal(answer->reason, first.reason);
    }
    assert_int_equal(w.operations, 0);
    /* Who is allowed learns that the host is away. */
    uint64_t ticket = world_ask(&w, button, "lamp-gone", &body, true);
    world_run(&w);
    assert_int_equal(world_answer_to(&w, ticket)->code, PROA_COAP_SERVICE_UNAVAILABLE);
    assert_int_equal(world_answer_to(&w, ticket)->reason, PROA_AC_WHY_HOST_OFFLINE);
    assert_true(world_answer_to(&w, ticket)->max_age_s > 0);
}

static void g04_partial_grants_only_where_a_rule_says_so(void **state)
{
    proa_ac_body two = {{{3311, 0, R | W}, {3303, 0, R}}, 2};
    (void)state;
    uint64_t ticket = world_ask(&w, guest, "lamp", &two, true);
    world_run(&w);
    assert_int_equal(world_answer_to(&w, ticket)->code, PROA_COAP_CREATED);
    assert_int_equal(world_rights(lamp, "guest", 3311, 0), R);
    assert_int_equal(world_rights(lamp, "guest", 3303, 0), 0);
    assert_int_equal(world_grant(&w, "guest", "lamp")->entry_count, 1);
    proa_ac_body closed = {{{3311, 0, R}, {3308, 0, R}}, 2};
    ticket = world_ask(&w, button, "lamp", &closed, true);
    world_run(&w);
    assert_int_equal(world_answer_to(&w, ticket)->code, PROA_COAP_FORBIDDEN);
    assert_null(world_grant(&w, "button", "lamp"));
    world_check(&w, "partial");
}

static void audit_says_who_asked_and_who_decided(void **state)
{
    (void)state;
    assert_int_equal(world_get(&w, button, "lamp", 3308, 7, R), PROA_COAP_FORBIDDEN);
    assert_int_equal(w.audit_count, 2);
    assert_int_equal(w.audits[0].kind, PROA_AUDIT_ASKED);
    assert_int_equal(w.audits[1].kind, PROA_AUDIT_DENIED);
    assert_string_equal(w.audits[1].requester, "button");
    assert_string_equal(w.audits[1].host, "lamp");
    assert_string_equal(w.audits[1].rule, "not the heater");
    assert_int_equal(w.audits[1].path.ids[0], 3308);
    assert_int_equal(w.audits[1].path.ids[1], 7);
    assert_int_equal(w.audits[1].rights, R);
    assert_int_equal(world_get(&w, guest, "lamp", 3, 0, R), PROA_COAP_FORBIDDEN);
    assert_string_equal(w.audits[3].rule, "no rule");
    assert_int_equal(world_get(&w, guest, "lamp", 2, 0, R), PROA_COAP_FORBIDDEN);
    assert_string_equal(w.audits[5].rule, "closed object");
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    assert_int_equal(w.audits[w.audit_count - 1].kind, PROA_AUDIT_GRANTED);
    assert_string_equal(w.audits[w.audit_count - 1].rule, "buttons");
    assert_string_equal(world_grant(&w, "button", "lamp")->rule, "buttons");
    for (int kind = PROA_AUDIT_ASKED; kind <= PROA_AUDIT_RECONCILED; kind++) {
        assert_string_not_equal(proa_audit_kind_name((proa_audit_kind)kind), "unknown");
    }
}

/* ---- limits ----------------------------------------------------------------------------- */

static void g21_a_bucket_for_each_requester(void **state)
{
    (void)state;
    world_end(&w);
    start(NULL);
    proa_authority_close(w.authority);
    w.config.ac_per_minute = 3;
    assert_int_equal(proa_authority_open(&w.authority, &w.config), PROA_OK);
    proa_authority_clock(w.authority, w.now_ms, w.unix_s);
    proa_authority_policy(w.authority, w.now_ms, &w.policy);
    world_register(&w, lamp);
    world_register(&w, button);
    world_register(&w, guest);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(world_get(&w, button, "nobody", 3, 0, R), PROA_COAP_FORBIDDEN);
    }
    proa_ac_body body = {{{3, 0, R}}, 1};
    uint64_t ticket = world_ask(&w, button, "nobody", &body, true);
    world_run(&w);
    assert_int_equal(world_answer_to(&w, ticket)->code, PROA_COAP_TOO_MANY_REQUESTS);
    uint32_t wait_s = world_answer_to(&w, ticket)->max_age_s;
    assert_in_range(wait_s, 20, 21);
    assert_int_equal(world_get(&w, guest, "nobody", 3, 0, R), PROA_COAP_FORBIDDEN);
    world_pass(&w, wait_s * 1000);
    assert_int_equal(world_get(&w, button, "nobody", 3, 0, R), PROA_COAP_FORBIDDEN);
    assert_int_equal(world_get(&w, button, "nobody", 3, 0, R), PROA_COAP_TOO_MANY_REQUESTS);
    world_pass(&w, 3600000);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(world_get(&w, button, "nobody", 3, 0, R), PROA_COAP_FORBIDDEN);
    }
    assert_int_equal(world_get(&w, button, "nobody", 3, 0, R), PROA_COAP_TOO_MANY_REQUESTS);
}

static void g21_one_under_way_per_requester(void **state)
{
    proa_ac_body body = {{{3311, 0, R}}, 1};
    proa_ac_body other = {{{3311, 1, R}}, 1};
    (void)state;
    w.hold = true;
    uint64_t first = world_ask(&w, button, "lamp", &body, true);
    world_run(&w);
    uint64_t different = world_ask(&w, button, "lamp", &other, true);
    world_run(&w);
    assert_int_equal(world_answer_to(&w, different)->code, PROA_COAP_TOO_MANY_REQUESTS);
    /* The same again joins: the first is let go, the second gets what comes. */
    uint64_t again = world_ask(&w, button, "lamp", &body, true);
    world_run(&w);
    assert_int_equal(world_answer_to(&w, first)->code, PROA_COAP_SERVICE_UNAVAILABLE);
    assert_int_equal(world_answers_to(&w, again), 0);
    w.hold = false;
    world_release(&w);
    assert_int_equal(world_answer_to(&w, again)->code, PROA_COAP_CREATED);
    assert_int_equal(world_answers_to(&w, first), 1);
    world_check(&w, "joined");
}

static void g21_four_wait_for_a_host_the_fifth_is_told_so(void **state)
{
    proa_ac_body body = {{{3311, 0, R}}, 1};
    world_device *askers[7];
    uint64_t tickets[6];
    (void)state;
    world_end(&w);
    world_start(&w, &policy);
    lamp = world_add(&w, "lamp", "2001:db8::1");
    world_register(&w, lamp);
    for (size_t i = 0; i < 6; i++) {
        char name[32];
        snprintf(name, sizeof name, "button-%zu", i);
        askers[i] = world_add(&w, name, "2001:db8::2");
        askers[i]->addr.port = (uint16_t)(1000 + i);
        world_register(&w, askers[i]);
    }
    w.hold = true;
    for (size_t i = 0; i < 6; i++) {
        tickets[i] = world_ask(&w, askers[i], "lamp", &body, true);
        world_run(&w);
    }
    assert_int_equal(world_answer_to(&w, tickets[5])->code, PROA_COAP_SERVICE_UNAVAILABLE);
    assert_int_equal(world_answer_to(&w, tickets[5])->reason, PROA_AC_WHY_BUSY);
    assert_int_equal(proa_authority_stats_get(w.authority).waiting, 4);
    assert_int_equal(w.held_count, 1); /* one thing at a time on the lamp */
    w.hold = false;
    world_release(&w);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(world_answer_to(&w, tickets[i])->code, PROA_COAP_CREATED);
    }
    world_check(&w, "five");
}

static void g21_an_answer_before_the_deadline(void **state)
{
    proa_ac_body body = {{{3311, 0, R}}, 1};
    (void)state;
    w.hold = true;
    world_device *second = world_add(&w, "button-2", "2001:db8::6");
    world_register(&w, second);
    uint64_t ticket = world_ask(&w, button, "lamp", &body, true);
    world_run(&w);
    assert_true(w.held[0].timeout_ms <= 55000);
    world_pass(&w, 10000);
    uint64_t waiting = world_ask(&w, second, "lamp", &body, true);
    world_pass(&w, 44999);
    assert_int_equal(world_answers_to(&w, ticket), 0);
    world_pass(&w, 1);
    assert_int_equal(world_answer_to(&w, ticket)->code, PROA_COAP_GATEWAY_TIMEOUT);
    world_pass(&w, 10000); /* the lamp is still at work on the first: it is not interrupted */
    assert_int_equal(world_answer_to(&w, waiting)->code, PROA_COAP_SERVICE_UNAVAILABLE);
    assert_int_equal(world_answer_to(&w, waiting)->reason, PROA_AC_WHY_BUSY);
    w.hold = false;
    world_release(&w); /* late, the Create succeeds: it is taken back */
    world_pass(&w, 1000);
    assert_int_equal(world_count(button), 0);
    assert_int_equal(world_answers_to(&w, ticket), 1);
    assert_null(world_grant(&w, "button", "lamp"));
    assert_non_null(
        world_grant(&w, "button-2", "lamp")); /* it answers, so the next one is served */
    assert_int_equal(w.grant_count, 1);
    world_check(&w, "late");
}

/* ---- races ------------------------------------------------------------------------------ */

static void g22_two_directions_at_once_do_not_block_each_other(void **state)
{
    proa_ac_body body = {{{3311, 0, R}}, 1};
    static const proa_policy_rule all[] = {WORLD_ANYTHING(0)};
    const proa_policy open = {all, 1};
    (void)state;
    proa_authority_policy(w.authority, w.now_ms, &open);
    uint64_t there = world_ask(&w, button, "lamp", &body, true);
    uint64_t back = world_ask(&w, lamp, "button", &body, true);
    uint64_t third = world_ask(&w, guest, "button", &body, true);
    world_run(&w);
    assert_int_equal(world_answer_to(&w, there)->code, PROA_COAP_CREATED);
    assert_int_equal(world_answer_to(&w, back)->code, PROA_COAP_CREATED);
    assert_int_equal(world_answer_to(&w, third)->code, PROA_COAP_CREATED);
    assert_non_null(world_key_of(lamp, "button"));
    assert_int_equal(world_count(lamp), 3);
    world_check(&w, "crossing");
}

static void g22_a_device_that_registers_anew_midway(void **state)
{
    proa_ac_body body = {{{3311, 0, R}}, 1};
    (void)state;
    for (int who = 0; who < 2; who++) {
        for (int step = 0; step < 5; step++) {
            world_end(&w);
            start(NULL);
            w.hold = true;
            uint64_t ticket = world_ask(&w, button, "lamp", &body, true);
            world_run(&w);
            for (int i = 0; i < step; i++) {
                world_release(&w);
            }
            assert_int_equal(w.held_count, 1);
            world_register(&w, who == 0 ? lamp : button);
            w.hold = false;
            world_release(&w);
            world_pass(&w, 1000);
            assert_int_equal(world_answer_to(&w, ticket)->code, PROA_COAP_SERVICE_UNAVAILABLE);
            assert_int_equal(world_count(lamp) + world_count(button), 0);
            assert_int_equal(w.grant_count, 0);
            assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
            world_check(&w, "afterwards");
        }
    }
}

static void c2c_5_what_is_wanted_of_a_sleeper_waits_for_it(void **state)
{
    proa_ac_body body = {{{3311, 0, R}}, 1};
    (void)state;
    lamp->queue_mode = true;
    world_register(&w, lamp);
    world_pass(&w, 93000); /* awake until here */
    assert_int_equal(world_get(&w, button, "lamp", 3303, 0, R), PROA_COAP_CREATED);
    world_pass(&w, 93001);
    world_arm(&w);
    uint64_t first = world_ask(&w, button, "lamp", &body, true);
    world_run(&w);
    assert_int_equal(world_answer_to(&w, first)->code, PROA_COAP_SERVICE_UNAVAILABLE);
    assert_int_equal(world_answer_to(&w, first)->reason, PROA_AC_WHY_HOST_OFFLINE);
    assert_int_equal(w.operations, 0);
    world_pass(&w, 30000);
    uint64_t second = world_ask(&w, button, "lamp", &body, true); /* joins */
    world_run(&w);
    assert_int_equal(world_answer_to(&w, second)->code, PROA_COAP_SERVICE_UNAVAILABLE);
    world_update(&w, lamp);
    world_run(&w);
    assert_int_equal(world_rights(lamp, "button", 3311, 0), R);
    assert_int_equal(world_answers_to(&w, first), 1);
    world_check(&w, "woken");
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
}

static void c2c_5_an_intent_ends(void **state)
{
    proa_ac_body body = {{{3311, 0, R}}, 1};
    proa_ac_body other = {{{3303, 0, R}}, 1};
    (void)state;
    lamp->queue_mode = true;
    world_register(&w, lamp);
    world_pass(&w, 100000);
    world_ask(&w, button, "lamp", &body, true);
    world_ask(&w, button, "lamp", &other, true); /* changes its mind */
    world_run(&w);
    world_gone(&w, lamp, false);
    world_gone(&w, button, true);
    world_pass(&w, 890000);
    world_register(&w, button);
    world_pass(&w, 20000);
    world_register(&w, lamp);
    world_pass(&w, 1000);
    assert_int_equal(world_count(lamp), 0);
    assert_int_equal(proa_authority_stats_get(w.authority).waiting, 0);
    /* Within its time, and not revoked meanwhile, it is done. */
    world_pass(&w, 100000);
    world_ask(&w, button, "lamp", &other, true);
    world_run(&w);
    int64_t by;
    proa_path path = {{0}, 0};
    assert_int_equal(proa_authority_revoke(w.authority, w.now_ms, proa_span_of("button"),
                                           proa_span_of("lamp"), &path, &by),
                     PROA_OK);
    world_update(&w, lamp);
    world_run(&w);
    assert_int_equal(world_count(lamp), 0);
}

static void a_full_table_of_devices_says_so(void **state)
{
    (void)state;
    world_end(&w);
    world_start(&w, &policy);
    proa_authority_close(w.authority);
    w.config.device_max = 1;
    w.config.grant_max = 1;
    assert_int_equal(proa_authority_open(&w.authority, &w.config), PROA_OK);
    proa_authority_policy(w.authority, w.now_ms, &w.policy);
    lamp = world_add(&w, "lamp", "2001:db8::1");
    button = world_add(&w, "button", "2001:db8::2");
    world_register(&w, lamp);
    world_register(&w, button);
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_SERVICE_UNAVAILABLE);
    /* A place is free when the other has gone. */
    world_gone(&w, lamp, true);
    world_register(&w, button);
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_SERVICE_UNAVAILABLE);
    assert_int_equal(w.answers[w.answer_count - 1].reason, PROA_AC_WHY_HOST_OFFLINE);
}

static void a_full_table_of_grants_says_so(void **state)
{
    (void)state;
    proa_authority_close(w.authority);
    w.config.grant_max = 1;
    assert_int_equal(proa_authority_open(&w.authority, &w.config), PROA_OK);
    proa_authority_clock(w.authority, w.now_ms, w.unix_s);
    proa_authority_policy(w.authority, w.now_ms, &w.policy);
    world_register(&w, lamp);
    world_register(&w, button);
    world_register(&w, guest);
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    assert_int_equal(world_get(&w, guest, "lamp", 3311, 0, R), PROA_COAP_SERVICE_UNAVAILABLE);
    assert_int_equal(w.answers[w.answer_count - 1].reason, PROA_AC_WHY_BUSY);
    world_check(&w, "full");
}

static void eight_entries_and_not_one_more(void **state)
{
    (void)state;
    for (uint16_t i = 0; i < PROA_AC_ENTRIES_MAX; i++) {
        assert_int_equal(world_get(&w, button, "lamp", 3311, i, R), PROA_COAP_CREATED);
    }
    world_check(&w, "eight");
    assert_int_equal(world_get(&w, button, "lamp", 3311, 8, R), PROA_COAP_REQUEST_ENTITY_TOO_LARGE);
    world_check(&w, "still eight");
    assert_int_equal(world_get(&w, button, "lamp", 3311, 7, R | W), PROA_COAP_CREATED);
    world_check(&w, "one changed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(g17_g27_one_answer_to_each_form, start, end),
        cmocka_unit_test_setup_teardown(g04_only_registered_and_protected_senders, start, end),
        cmocka_unit_test_setup_teardown(g04_keys_never_go_to_an_unprotected_host, start, end),
        cmocka_unit_test_setup_teardown(g04_nobody_asks_for_itself, start, end),
        cmocka_unit_test_setup_teardown(c2c_5_who_is_denied_learns_nothing_about_the_host, start,
                                        end),
        cmocka_unit_test_setup_teardown(g04_partial_grants_only_where_a_rule_says_so, start, end),
        cmocka_unit_test_setup_teardown(audit_says_who_asked_and_who_decided, start, end),
        cmocka_unit_test_setup_teardown(g21_a_bucket_for_each_requester, start, end),
        cmocka_unit_test_setup_teardown(g21_one_under_way_per_requester, start, end),
        cmocka_unit_test_setup_teardown(g21_four_wait_for_a_host_the_fifth_is_told_so, start, end),
        cmocka_unit_test_setup_teardown(g21_an_answer_before_the_deadline, start, end),
        cmocka_unit_test_setup_teardown(g22_two_directions_at_once_do_not_block_each_other, start,
                                        end),
        cmocka_unit_test_setup_teardown(g22_a_device_that_registers_anew_midway, start, end),
        cmocka_unit_test_setup_teardown(c2c_5_what_is_wanted_of_a_sleeper_waits_for_it, start, end),
        cmocka_unit_test_setup_teardown(c2c_5_an_intent_ends, start, end),
        cmocka_unit_test_setup_teardown(a_full_table_of_devices_says_so, start, end),
        cmocka_unit_test_setup_teardown(a_full_table_of_grants_says_so, start, end),
        cmocka_unit_test_setup_teardown(eight_entries_and_not_one_more, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
