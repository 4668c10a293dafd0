/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts in one message: which devices get them so, in which order, with which bytes, and what a
 * refused one leads to (docs/C2C.md §5). Faults of every kind are in test_faults.c. */
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

/* What the devices can do. */
enum { LAMP = 1, BUTTON = 2, METER = 4, ALL = 7, FIRSTS = 8 };

static void start(unsigned compact, bool oscore)
{
    world_start(&w, &policy);
    lamp = world_add(&w, "lamp", "2001:db8::1");
    button = world_add(&w, "button", "2001:db8::2");
    meter = world_add(&w, "meter", "2001:db8::3");
    for (size_t i = 0; i < w.device_count; i++) {
        w.devices[i].is_compact = (compact >> i & 1U) != 0;
        w.devices[i].has_firsts = w.devices[i].is_compact && (compact & FIRSTS) != 0;
        w.devices[i].has_oscore = oscore;
        world_register(&w, &w.devices[i]);
    }
    world_run(&w);
    world_arm(&w);
}

static void c2c_5_one_message_for_each_device(void **state)
{
    static const struct {
        const char *name;
        unsigned compact;
        bool oscore;
        uint32_t operations;
        const char *trace;
    } rows[] = {
        {"DTLS, nobody", 0, false, 5, "iHHHhRRa!"},
        {"DTLS, the host", LAMP, false, 3, "iHhRRa!"},
        {"DTLS, the requester", BUTTON, false, 4, "iHHHhRa!"},
        {"DTLS, both", LAMP | BUTTON, false, 2, "iHhRa!"},
        {"OSCORE, nobody", 0, true, 7, "iHHHHhRRRa!"},
        {"OSCORE, the host", LAMP, true, 4, "iHhRRRa!"},
        {"OSCORE, the requester", BUTTON, true, 5, "iHHHHhRa!"},
        {"OSCORE, both", LAMP | BUTTON, true, 2, "iHhRa!"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        print_message("%s\n", rows[i].name);
        start(rows[i].compact, rows[i].oscore);
        assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
        world_check(&w, rows[i].name);
        assert_int_equal(w.operations, rows[i].operations);
        assert_string_equal(w.trace, rows[i].trace);
        assert_int_equal(world_rights(lamp, "button", 3311, 0), R);
        assert_string_equal(world_key_of(lamp, "button")->uri, "");
        assert_string_equal(world_key_of(button, "lamp")->uri, rows[i].oscore
                                                                   ? "coap://[2001:db8::1]:40000"
                                                                   : "coaps://[2001:db8::1]:40000");
        assert_int_equal(world_client_of(lamp, "button")->lifetime_s, 3600);
        /* What it has learnt is what the devices list: nothing is read again. */
        world_update(&w, lamp);
        world_update(&w, button);
        world_run(&w);
        assert_int_equal(lamp->reads + button->reads, 0);
        world_end(&w);
    }
}

static void c2c_5_bytes_of_an_account(void **state)
{
    static const struct {
        unsigned compact;
        bool oscore;
        const char *host, *requester; /* .. = drawn */
    } rows[] = {
        {ALL, false,
         "a6 0001 01190e10 0266627574746f6e 0350................................ "
         "0450................................ 08a3 82190ce70001 82190cef0001 81190cef1818",
         "a6 0001 01190e10 02646c616d70 0350................................ "
         "0450................................ 075220010db80000000000000000000000019c40"},
        {ALL | FIRSTS, false,
         "a7 0001 01190e10 0266627574746f6e 0350................................ "
         "0450................................ 08a3 82190ce70001 82190cef0001 81190cef1818 0e01",
         "a7 0001 01190e10 02646c616d70 0350................................ "
         "0450................................ 075220010db80000000000000000000000019c40 0e01"},
        {ALL | FIRSTS, true,
         "a7 0001 01190e10 0266627574746f6e 0450................................ "
         "0542.... 0642.... 08a3 82190ce70001 82190cef0001 81190cef1818",
         "a7 0001 01190e10 02646c616d70 0450................................ "
         "0542.... 0642.... 075220010db80000000000000000000000019c40"},
    };
    static const proa_ac_body body = {{{3311, PROA_ID_ALL, 24}, {3311, 0, R}, {3303, 0, R}}, 3};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        start(rows[i].compact, rows[i].oscore);
        w.hold = true;
        world_ask(&w, button, "lamp", &body, true);
        world_run(&w);
        for (size_t side = 0; side < 2; side++) {
            char digits[1300];
            const char *expected = side == 0 ? rows[i].host : rows[i].requester;
            assert_int_equal(w.held_count, 1);
            assert_int_equal(w.held[0].op, PROA_OP_CREATE);
            assert_int_equal(w.held[0].path.ids[0], 11000);
            assert_int_equal(w.held[0].path.depth, 1);
            assert_int_equal(w.held[0].format, PROA_FORMAT_CBOR);
            unhex(w.held[0].payload.data, w.held[0].payload.len, digits);
            size_t at = 0;
            for (const char *c = expected; *c != '\0'; c++) {
                if (*c != ' ') {
                    if (*c != '.' && *c != digits[at]) {
                        fail_msg("%s\n is not %s, at %zu", digits, expected, at);
                    }
                    at++;
                }
            }
            assert_int_equal(at, strlen(digits));
            print_message("%zu bytes\n", at / 2);
            world_release(&w);
        }
        world_check(&w, "granted");
        /* Instances of 11002 belong to the entries that they are about, in whatever order. */
        const proa_grant *g = world_grant(&w, "button", "lamp");
        for (uint8_t e = 0; e < g->entry_count; e++) {
            const world_access *access = NULL;
            for (size_t k = 0; k < WORLD_ROWS; k++) {
                if (lamp->accesses[k].used &&
                    lamp->accesses[k].instance == g->entries[e].access_instance) {
                    access = &lamp->accesses[k];
                }
            }
            assert_non_null(access);
            assert_int_equal(access->object, g->entries[e].object);
            assert_int_equal(access->target, g->entries[e].instance);
        }
        world_end(&w);
    }
}

/* The lists that others share are read by nobody: the host lays its rights over them. */
static void c2c_5_a_shared_list_is_not_read(void **state)
{
    (void)state;
    for (int oscore = 0; oscore < 2; oscore++) {
        start(ALL, oscore);
        assert_int_equal(world_get(&w, meter, "lamp", 3311, 0, W), PROA_COAP_CREATED);
        world_arm(&w);
        assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
        assert_int_equal(w.operations, 2);
        assert_int_equal(lamp->reads, 0);
        world_check(&w, "shared");
        assert_int_equal(world_rights(lamp, "button", 3311, 0), R);
        assert_int_equal(world_rights(lamp, "meter", 3311, 0), W);
        /* It goes alone. */
        int64_t by;
        proa_path all = {{0}, 0};
        assert_int_equal(proa_authority_revoke(w.authority, w.now_ms, proa_span_of("button"),
                                               proa_span_of("lamp"), &all, &by),
                         PROA_OK);
        world_run(&w);
        world_check(&w, "revoked");
        assert_int_equal(world_rights(lamp, "meter", 3311, 0), W);
        assert_int_equal(world_count(button), 0);
        world_end(&w);
    }
}

/* Both directions, more rights, renewal: by the messages that there always were. */
static void c2c_5_what_is_there_is_changed_as_before(void **state)
{
    (void)state;
    for (int oscore = 0; oscore < 2; oscore++) {
        start(ALL, oscore);
        assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
        assert_int_equal(world_get(&w, lamp, "button", 3347, 0, R), PROA_COAP_CREATED);
        assert_int_equal(world_get(&w, button, "lamp", 3311, 1, W), PROA_COAP_CREATED);
        world_check(&w, "more");
        world_pass(&w, 1800000); /* due for another key */
        assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
        world_use(&w, "rolled");
        world_pass(&w, 120000);
        world_check(&w, "renewed");
        assert_int_equal(world_rights(lamp, "button", 3311, 0), R);
        assert_int_equal(world_rights(lamp, "button", 3311, 1), W);
        assert_int_equal(world_rights(button, "lamp", 3347, 0), R);
        world_end(&w);
    }
}

/* 4.00: something is taken. All is drawn anew, the host's key with it, three times at most. */
static void c2c_5_a_refused_account_is_drawn_anew(void **state)
{
    (void)state;
    for (unsigned compact = 1; compact < 16; compact++) {
        for (int oscore = 0; oscore < 2; oscore++) {
            for (uint32_t at = 1; at <= 5; at++) {
                char when[64];
                snprintf(when, sizeof when, "flow %u, OSCORE %d, operation %u", compact, oscore,
                         at);
                start(compact, oscore);
                w.fault_at = at;
                w.fault = WORLD_FAULT_CODE;
                w.fault_code = PROA_COAP_BAD_REQUEST;
                assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
                world_check(&w, when);
                assert_int_equal(world_rights(lamp, "button", 3311, 0), R);
                world_end(&w);
            }
        }
    }
}

static void c2c_5_what_is_taken_is_found_out(void **state)
{
    enum { SHORT_ID_ON_HOST, SHORT_ID_ON_REQUESTER, FULL_OF_SHORT_IDS };
    (void)state;
    for (int what = SHORT_ID_ON_HOST; what <= FULL_OF_SHORT_IDS; what++) {
        start(ALL, false);
        world_device *d = what == SHORT_ID_ON_REQUESTER ? button : lamp;
        const uint16_t taken = what == FULL_OF_SHORT_IDS ? 3 : 1;
        for (uint16_t i = 0; i < taken; i++) {
            d->clients[i] = (world_client){
                .used = true, .instance = i, .short_id = (uint16_t)(i + 1), .uses = -1};
            strcpy(d->clients[i].endpoint, "somebody");
            d->keys[i] = (world_key){.used = true,
                                     .instance = i,
                                     .identity = "by hand",
                                     .identity_len = (size_t)(7 - i),
                                     .secret_len = 16,
                                     .short_id = (uint16_t)(i + 1),
                                     .context = PROA_ID_ALL};
        }
        uint8_t code = world_get(&w, button, "lamp", 3311, 0, R);
        if (what == FULL_OF_SHORT_IDS) {
            assert_int_equal(code, PROA_COAP_FORBIDDEN);
            assert_int_equal(w.grant_count, 0);
            assert_int_equal(world_count(button), 0);
        } else {
            assert_int_equal(code, PROA_COAP_CREATED);
            assert_int_equal(world_rights(lamp, "button", 3311, 0), R);
            assert_int_equal(world_client_of(d, d == lamp ? "button" : "lamp")->short_id, 2);
        }
        world_end(&w);
    }
}

/* A first session takes both devices, and the message in which both get the same key. */
static void c2c_6_first_sessions_only_where_both_await_them(void **state)
{
    static const struct {
        const char *name;
        bool lamp, button;
        uint32_t refused_at; /* operation that is answered 4.00 */
        bool host, requester;
    } rows[] = {
        {"both", true, true, 0, true, true},
        {"the requester is older", true, false, 0, false, false},
        {"the host is older", false, true, 0, false, false},
        {"the host refuses the first key", true, true, 1, true, true},
        {"the requester does: the host's key is replaced by itself", true, true, 2, false, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        print_message("%s\n", rows[i].name);
        start(ALL, false);
        lamp->has_firsts = rows[i].lamp;
        button->has_firsts = rows[i].button;
        world_register(&w, lamp);
        world_register(&w, button);
        world_run(&w);
        world_arm(&w);
        w.fault_at = rows[i].refused_at;
        w.fault = WORLD_FAULT_CODE;
        w.fault_code = PROA_COAP_BAD_REQUEST;
        assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
        world_check(&w, rows[i].name);
        assert_int_equal(world_key_of(lamp, "button")->first, rows[i].host);
        assert_int_equal(world_key_of(button, "lamp")->first, rows[i].requester);
        world_end(&w);
    }
}

static void c2c_5_which_version_is_which(void **state)
{
    static const struct {
        const char *links;
        uint32_t operations;
    } rows[] = {
        {"</>;rt=\"oma.lwm2m\",</11000>,</11001>,</11002>", 5},
        {"</>;rt=\"oma.lwm2m\",</11000>;ver=1.0", 5},
        {"</>;rt=\"oma.lwm2m\",</11000>;ver=1.1", 3},
        {"</>;rt=\"oma.lwm2m\",</11000>;ver=\"1.1\",</11001>", 3},
        {"</>;rt=\"oma.lwm2m\",</11000>;foo=1;ver=1.12", 3},
        {"</>;rt=\"oma.lwm2m\",</11000>;ver=2.1", 5},
        {"</>;rt=\"oma.lwm2m\",</11000>;ver=1", 5},
        {"</>;rt=\"oma.lwm2m\",</11000>;ver=1.", 5},
        {"</>;rt=\"oma.lwm2m\",</11000>;ver=1.x", 5},
        {"</>;rt=\"oma.lwm2m\",</11000>;ver=11", 5},
        {"</>;rt=\"oma.lwm2m\",</11000>;ver", 5},
        {"</>;rt=\"oma.lwm2m\",</11000>,</11001>;ver=1.1", 5},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        print_message("%s\n", rows[i].links);
        start(0, false);
        lamp->is_compact = true;
        proa_device_news news = {.endpoint = proa_span_of(lamp->endpoint),
                                 .reg = lamp->reg,
                                 .secured = true,
                                 .addr = lamp->addr,
                                 .links = proa_span_of(rows[i].links)};
        proa_authority_registered(w.authority, w.now_ms, &news);
        world_run(&w);
        world_arm(&w);
        assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
        assert_int_equal(w.operations, rows[i].operations);
        world_end(&w);
    }
}

/* Another firmware: what the device can do is what it said last. */
static void c2c_5_the_newest_registration_counts(void **state)
{
    (void)state;
    start(ALL, false);
    lamp->is_compact = lamp->has_firsts = false;
    button->is_compact = button->has_firsts = false;
    world_register(&w, lamp);
    world_register(&w, button);
    world_run(&w);
    world_arm(&w);
    assert_int_equal(world_get(&w, button, "lamp", 3311, 0, R), PROA_COAP_CREATED);
    assert_int_equal(w.operations, 5);
    world_end(&w);
}

static void g02_the_document_is_wiped_when_it_was_taken(void **state)
{
    proa_ac_body body = {{{3311, 0, R}}, 1};
    proa_action action;
    uint8_t sum = 0;
    (void)state;
    start(ALL, false);
    world_ask(&w, button, "lamp", &body, true);
    do {
        assert_true(proa_authority_poll(w.authority, w.now_ms, &action));
        if (action.kind == PROA_ACTION_STORE) {
            proa_authority_stored(w.authority, w.now_ms, action.ticket, true);
        }
    } while (action.kind != PROA_ACTION_OPERATE);
    const uint8_t *document = action.payload.data;
    size_t len = action.payload.len;
    for (size_t i = 0; i < len; i++) {
        sum |= document[i];
    }
    assert_int_not_equal(sum, 0);
    assert_false(proa_authority_poll(w.authority, w.now_ms, &action));
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(document[i], 0);
    }
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(c2c_5_one_message_for_each_device),
        cmocka_unit_test(c2c_5_bytes_of_an_account),
        cmocka_unit_test(c2c_5_a_shared_list_is_not_read),
        cmocka_unit_test(c2c_5_what_is_there_is_changed_as_before),
        cmocka_unit_test(c2c_5_a_refused_account_is_drawn_anew),
        cmocka_unit_test(c2c_5_what_is_taken_is_found_out),
        cmocka_unit_test(c2c_6_first_sessions_only_where_both_await_them),
        cmocka_unit_test(c2c_5_which_version_is_which),
        cmocka_unit_test(c2c_5_the_newest_registration_counts),
        cmocka_unit_test(g02_the_document_is_wiped_when_it_was_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
