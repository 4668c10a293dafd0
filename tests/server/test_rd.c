/* SPDX-License-Identifier: Apache-2.0 */
/* The registration interface (Core 1.2 §6.2): what is accepted, what is refused with which code, what
 * is kept and for how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/server/lab.h"

#define GOOD "ep=dev0&lt=300&lwm2m=1.2&b=U"

static lab l;

static int close_lab(void **state)
{
    (void)state;
    lab_close(&l);
    return 0;
}

static proa_registration facts(size_t i)
{
    proa_reg reg;
    proa_registration r;
    assert_true(proa_server_find(l.server, proa_span_of(l.devices[i].name), &reg));
    assert_true(proa_server_registration(l.server, reg, &r));
    return r;
}

static bool is_registered(const char *endpoint)
{
    proa_reg reg;
    return proa_server_find(l.server, proa_span_of(endpoint), &reg);
}

/* ---- Register --------------------------------------------------------------------------- */

static void core_6_2_1_register_is_kept(void **state)
{
    (void)state;
    lab_open(&l, true, NULL);
    lab_connect(&l, 0);
    const lab_answer *answer = lab_register(&l, 0, "ep=dev0&lt=300&lwm2m=1.1&b=U&Q");
    assert_int_equal(answer->code, PROA_COAP_CREATED);
    assert_int_equal(strlen(answer->location), strlen("/rd/") + PROA_REG_ID_LEN);
    assert_memory_equal(answer->location, "/rd/", 4);
    const lab_event *told = lab_last(&l, PROA_SERVER_REGISTERED);
    proa_registration r = facts(0);
    assert_int_equal(told->event.reg, r.reg);
    assert_int_equal(told->event.replaced, 0);
    assert_int_equal(told->event.account, 100);
    assert_string_equal(told->endpoint, "dev0");
    assert_string_equal(r.id, answer->location + 4);
    assert_true(proa_span_equal(r.endpoint, proa_span_of("dev0")));
    assert_true(proa_span_equal(r.links, proa_span_of(LAB_LINKS)));
    assert_true(proa_addr_equal(&r.peer.addr, &l.devices[0].addr));
    assert_int_not_equal(r.peer.session, 0);
    assert_int_equal(r.account, 100);
    assert_int_equal(r.lifetime_s, 300);
    assert_int_equal(r.registered_ms, l.now_ms);
    assert_int_equal(r.expires_ms, l.now_ms + 300000);
    assert_string_equal(r.lwm2m_version, "1.1");
    assert_true(r.queue_mode);
    assert_int_equal(r.format, PROA_FORMAT_SENML_CBOR);
}

typedef struct refusal {
    const char *query;
    const char *list;
    int format;
    uint8_t code;
} refusal;

/* Core 1.2 §6.2.1, table of response codes; PROA_COAP_CREATED marks what must not be refused. */
static const refusal refusals[] = {
    {GOOD, LAB_LINKS, PROA_FORMAT_LINK, PROA_COAP_CREATED},
    {GOOD, LAB_LINKS, -1, PROA_COAP_CREATED},
    {"ep=dev0&lwm2m=1.0", LAB_LINKS, PROA_FORMAT_LINK, PROA_COAP_CREATED},
    {"ep=dev0&lwm2m=1.0&b=UQS", LAB_LINKS, PROA_FORMAT_LINK, PROA_COAP_CREATED},
    {GOOD "&sms=123", LAB_LINKS, PROA_FORMAT_LINK, PROA_COAP_CREATED},
    {GOOD "&pid=1", LAB_LINKS, PROA_FORMAT_LINK, PROA_COAP_CREATED},
    {"ep=dev0&lt=0&lwm2m=1.2", LAB_LINKS, PROA_FORMAT_LINK, PROA_COAP_CREATED},
    {"ep=dev0&lt=4294967295&lwm2m=1.2", LAB_LINKS, PROA_FORMAT_LINK, PROA_COAP_CREATED},
    /* ep */
    {"lt=300&lwm2m=1.2&b=U", LAB_LINKS, PROA_FORMAT_LINK, PROA_COAP_BAD_REQUEST},
    {"ep=&lwm2m=1.2", LAB_LINKS, PROA_FORMAT_LINK, PROA_COAP_BAD_REQUEST},
    {"ep&lwm2m=1.2", LAB_LINKS, PROA_FORMAT_LINK, PROA_COAP_BAD_REQUEST},
    {"ep=a\nb&lwm2m=1.2", LAB_LINKS, PROA_FORMAT_LINK, PROA_COAP_BAD_REQUEST},
    {"ep=dev0&ep=dev0&lwm2m=1.2", LAB_LINKS, PROA_FORMAT_LINK, PROA_COAP_BAD_REQUEST},
    {"ep=0123456789012345678901234567890123456789012345678901234567890123&lwm2m=1.2", LAB_LINKS,
     PROA_FORMAT_LINK, PROA_COAP_CREATED}, /* 64 */
    {"ep=01234567890123456789012345678901234567890123456789012345678901234&lwm2m=1.2", LAB_LINKS,
     PROA_FORMAT_LINK, PROA_COAP_BAD_REQUEST},
    /* lt */
    {"ep=dev0&lt=4294967296&lwm2m=1.2", LAB_LINKS, PROA_FORMAT_LINK, PROA_COAP_BAD_REQUEST},
    {"ep=dev0&lt=-1&lwm2m=1.2", LAB_LINKS, PROA_FORMAT_LINK, PROA_COAP_BAD_REQUEST},
    {"ep=dev0&lt=&lwm2m=1.2", LAB_LINKS, PROA_FORMAT_LINK, PROA_COAP_BAD_REQUEST},
    {"ep=dev0&lt=1&lt=1&lwm2m=1.2", LAB_LINKS, PROA_FORMAT_LINK, PROA_COAP_BAD_REQUEST},
    /* lwm2m */
    {"ep=dev0", LAB_LINKS, PROA_FORMAT_LINK, PROA_COAP_BAD_REQUEST},
    {"ep=dev0&lwm2m=one", LAB_LINKS, PROA_FORMAT_LINK, PROA_COAP_BAD_REQUEST},
    {"ep=dev0&lwm2m=1.3", LAB_LINKS, PROA_FORMAT_LINK, PROA_COAP_PRECONDITION_FAILED},
    {"ep=dev0&lwm2m=2.0", LAB_LINKS, PROA_FORMAT_LINK, PROA_COAP_PRECONDITION_FAILED},
    /* b, Q */
    {"ep=dev0&lwm2m=1.2&b=", LAB_LINKS, PROA_FORMAT_LINK, PROA_COAP_BAD_REQUEST},
    {"ep=dev0&lwm2m=1.2&b=X", LAB_LINKS, PROA_FORMAT_LINK, PROA_COAP_BAD_REQUEST},
    {"ep=dev0&lwm2m=1.2&Q=1", LAB_LINKS, PROA_FORMAT_LINK, PROA_COAP_BAD_REQUEST},
    /* others */
    {GOOD "&et=x", LAB_LINKS, PROA_FORMAT_LINK, PROA_COAP_BAD_REQUEST},
    {GOOD "&=", LAB_LINKS, PROA_FORMAT_LINK, PROA_COAP_BAD_REQUEST},
    /* object list */
    {GOOD, NULL, -1, PROA_COAP_BAD_REQUEST},
    {GOOD, "</1/0", PROA_FORMAT_LINK, PROA_COAP_BAD_REQUEST},
    {GOOD, "hello", PROA_FORMAT_LINK, PROA_COAP_BAD_REQUEST},
    {GOOD, "</a/b/c/d/e>;rt=\"oma.lwm2m\"", PROA_FORMAT_LINK, PROA_COAP_BAD_REQUEST},
    {GOOD, LAB_LINKS, PROA_FORMAT_CBOR, PROA_COAP_UNSUPPORTED_CONTENT_FORMAT},
};

static void core_6_2_1_register_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const refusal *row = &refusals[i];
        lab_request request = {PROA_COAP_POST, "rd", row->query, row->format, -1, row->list};
        lab_open(&l, false, NULL);
        const lab_answer *answer = lab_ask(&l, 0, &request);
        if (answer->code != row->code) {
            print_error("row %zu: %s\n", i, row->query);
        }
        assert_int_equal(answer->code, row->code);
        bool refused = row->code != PROA_COAP_CREATED;
        assert_int_equal(lab_count(&l, PROA_SERVER_REFUSED), refused);
        assert_int_equal(lab_count(&l, PROA_SERVER_REGISTERED), !refused);
        if (refused) {
            assert_int_equal(lab_last(&l, PROA_SERVER_REFUSED)->event.code, row->code);
        }
        lab_close(&l);
    }
}

static void small_lists(proa_server_config *config)
{
    config->links_max = sizeof LAB_LINKS - 2;
}

static void core_6_2_1_oversize_list_is_too_large(void **state)
{
    (void)state;
    lab_open(&l, false, small_lists);
    assert_int_equal(lab_register(&l, 0, GOOD)->code, PROA_COAP_REQUEST_ENTITY_TOO_LARGE);
    assert_false(is_registered("dev0"));
}

static void rfc7959_2_5_list_in_blocks(void **state)
{
    (void)state;
    char list[1500] = "</1/0>";
    for (unsigned i = 0; strlen(list) < 1400; i++) {
        snprintf(list + strlen(list), sizeof list - strlen(list), ",</3303/%u>", i);
    }
    lab_request request = {PROA_COAP_POST, "rd", GOOD, PROA_FORMAT_LINK, -1, list};
    lab_open(&l, false, NULL);
    assert_int_equal(lab_ask(&l, 0, &request)->code, PROA_COAP_CREATED);
    proa_registration r = facts(0);
    assert_true(proa_span_equal(r.links, proa_span_of(list)));
    assert_int_equal(lab_count(&l, PROA_SERVER_REGISTERED), 1);
}

static void core_6_2_1_lifetime_default_is_a_day(void **state)
{
    (void)state;
    lab_open(&l, false, NULL);
    lab_register(&l, 0, "ep=dev0&lwm2m=1.2");
    assert_int_equal(facts(0).lifetime_s, 86400);
}

static void short_lives(proa_server_config *config)
{
    config->lifetime_max_s = 1000;
}

static void lifetime_is_cut_to_the_limit(void **state)
{
    (void)state;
    lab_open(&l, false, short_lives);
    lab_register(&l, 0, "ep=dev0&lt=1001&lwm2m=1.2");
    assert_int_equal(facts(0).lifetime_s, 1000);
    lab_register(&l, 0, "ep=dev0&lt=999&lwm2m=1.2");
    assert_int_equal(facts(0).lifetime_s, 999);
    lab_register(&l, 0, "ep=dev0&lt=0&lwm2m=1.2"); /* for ever */
    assert_int_equal(facts(0).lifetime_s, 1000);
    lab_update(&l, 0, "lt=5000", NULL);
    assert_int_equal(facts(0).lifetime_s, 1000);
}

static void core_6_2_1_register_again_replaces(void **state)
{
    (void)state;
    lab_open(&l, true, NULL);
    proa_reg first = lab_registered(&l, 0);
    char old_location[64];
    strcpy(old_location, l.devices[0].location);
    proa_reg second = lab_registered(&l, 0);
    assert_int_not_equal(first, second);
    assert_int_equal(lab_count(&l, PROA_SERVER_REGISTERED), 2);
    assert_int_equal(lab_last(&l, PROA_SERVER_REGISTERED)->event.replaced, first);
    assert_string_not_equal(old_location, l.devices[0].location);
    proa_registration r;
    assert_false(proa_server_registration(l.server, first, &r));
    lab_request update = {PROA_COAP_POST, old_location, NULL, -1, -1, NULL};
    assert_int_equal(lab_ask(&l, 0, &update)->code, PROA_COAP_NOT_FOUND);
    assert_int_equal(lab_update(&l, 0, NULL, NULL)->code, PROA_COAP_CHANGED);
    assert_int_equal(proa_server_stats_get(l.server).registrations, 1);
    /* The dead one's lifetime ends nothing. */
    lab_run(&l, 299000);
    assert_true(is_registered("dev0"));
}

static void two_places(proa_server_config *config)
{
    config->registration_max = 2;
}

static void full_registry_answers_5_03(void **state)
{
    (void)state;
    lab_open(&l, false, two_places);
    lab_registered(&l, 0);
    lab_registered(&l, 1);
    const lab_answer *answer = lab_register(&l, 2, "ep=dev2&lt=300&lwm2m=1.2");
    assert_int_equal(answer->code, PROA_COAP_SERVICE_UNAVAILABLE);
    assert_int_equal(answer->max_age_s, 60);
    assert_int_equal(lab_last(&l, PROA_SERVER_REFUSED)->event.code, PROA_COAP_SERVICE_UNAVAILABLE);
    /* Who is in may register again, and a place that becomes free can be taken. */
    lab_registered(&l, 1);
    lab_request leave = {PROA_COAP_DELETE, l.devices[0].location, NULL, -1, -1, NULL};
    assert_int_equal(lab_ask(&l, 0, &leave)->code, PROA_COAP_DELETED);
    lab_registered(&l, 2);
    assert_int_equal(proa_server_stats_get(l.server).registrations, 2);
    assert_true(is_registered("dev1") && is_registered("dev2"));
}

/* ---- who may register as what ----------------------------------------------------------- */

static void core_6_2_1_endpoint_of_another_account_is_bad_request(void **state)
{
    (void)state;
    lab_open(&l, true, NULL);
    lab_connect(&l, 0);
    assert_int_equal(lab_register(&l, 0, "ep=dev1&lwm2m=1.2")->code, PROA_COAP_BAD_REQUEST);
    const lab_event *told = lab_last(&l, PROA_SERVER_REFUSED);
    assert_string_equal(told->endpoint, "dev1");
    assert_int_equal(told->event.account, 100);
    assert_int_equal(told->event.reg, 0);
    assert_false(is_registered("dev1"));
}

static void core_6_2_1_key_names_the_endpoint_that_is_left_out(void **state)
{
    (void)state;
    lab_open(&l, true, NULL);
    lab_connect(&l, 0);
    assert_int_equal(lab_register(&l, 0, "lwm2m=1.2")->code, PROA_COAP_CREATED);
    assert_true(is_registered("dev0"));
}

static void key_without_endpoint_is_forbidden(void **state)
{
    (void)state;
    lab_open(&l, true, NULL);
    lab_connect(&l, 3);
    assert_int_equal(lab_register(&l, 3, "ep=dev3&lwm2m=1.2")->code, PROA_COAP_FORBIDDEN);
}

static void unprotected_register_is_forbidden(void **state)
{
    (void)state;
    lab_open(&l, true, NULL);
    lab_unprotect(&l, 0);
    assert_int_equal(lab_register(&l, 0, GOOD)->code, PROA_COAP_FORBIDDEN);
    assert_string_equal(lab_last(&l, PROA_SERVER_REFUSED)->endpoint, "dev0");
    assert_false(is_registered("dev0"));
}

static bool dev2_has_a_key(void *ctx, proa_span endpoint)
{
    (void)ctx;
    return proa_span_equal(endpoint, proa_span_of("dev2"));
}

static void lab_use(proa_server_config *config)
{
    config->allow_nosec = true;
    config->needs_key = dev2_has_a_key;
}

static void unprotected_register_of_an_endpoint_with_a_key_is_forbidden(void **state)
{
    (void)state;
    lab_open(&l, true, lab_use);
    proa_reg first = lab_registered(&l, 0);
    lab_unprotect(&l, 1);
    assert_int_equal(lab_register(&l, 1, "ep=dev2&lwm2m=1.2")->code, PROA_COAP_FORBIDDEN);
    /* Nobody said so of dev0, but it is registered with a key now. */
    assert_int_equal(lab_register(&l, 1, "ep=dev0&lwm2m=1.2")->code, PROA_COAP_FORBIDDEN);
    assert_int_equal(facts(0).reg, first);
    assert_int_equal(lab_register(&l, 1, "ep=dev1&lwm2m=1.2")->code, PROA_COAP_CREATED);
    assert_int_equal(facts(1).account, 0);
}

/* ---- Update ----------------------------------------------------------------------------- */

static void core_6_2_2_update_renews(void **state)
{
    (void)state;
    lab_open(&l, true, NULL);
    lab_registered(&l, 0);
    lab_run(&l, 200000);
    assert_int_equal(lab_update(&l, 0, NULL, NULL)->code, PROA_COAP_CHANGED);
    const lab_event *told = lab_last(&l, PROA_SERVER_UPDATED);
    assert_false(told->event.links_changed);
    assert_false(told->event.address_changed);
    assert_int_equal(facts(0).expires_ms, l.now_ms + 300000);
    assert_int_equal(facts(0).updated_ms, l.now_ms);
    lab_run(&l, 299000);
    assert_true(is_registered("dev0"));
    lab_run(&l, 1000);
    assert_false(is_registered("dev0"));
}

static void core_6_2_2_update_changes_what_it_names(void **state)
{
    (void)state;
    lab_open(&l, true, NULL);
    lab_registered(&l, 0);
    assert_int_equal(lab_update(&l, 0, "lt=50&b=UQ", "</1/0>,</5/0>")->code, PROA_COAP_CHANGED);
    assert_true(lab_last(&l, PROA_SERVER_UPDATED)->event.links_changed);
    proa_registration r = facts(0);
    assert_int_equal(r.lifetime_s, 50);
    assert_true(r.queue_mode);
    assert_true(proa_span_equal(r.links, proa_span_of("</1/0>,</5/0>")));
    assert_int_equal(r.format, PROA_FORMAT_TLV);
    /* The same list again is no change; without b the mode stays. */
    assert_int_equal(lab_update(&l, 0, NULL, "</1/0>,</5/0>")->code, PROA_COAP_CHANGED);
    assert_false(lab_last(&l, PROA_SERVER_UPDATED)->event.links_changed);
    assert_true(facts(0).queue_mode);
    assert_int_equal(lab_update(&l, 0, "b=U", NULL)->code, PROA_COAP_CHANGED);
    assert_false(facts(0).queue_mode);
}

static const refusal update_refusals[] = {
    {"lt=60", NULL, -1, PROA_COAP_CHANGED},
    {"ep=dev0", NULL, -1, PROA_COAP_BAD_REQUEST},
    {"lwm2m=1.2", NULL, -1, PROA_COAP_BAD_REQUEST},
    {"lt=x", NULL, -1, PROA_COAP_BAD_REQUEST},
    {"lt=60&lt=60", NULL, -1, PROA_COAP_BAD_REQUEST},
    {"lt=60&x=1", NULL, -1, PROA_COAP_BAD_REQUEST},
    {"lt=60", "</1/0", PROA_FORMAT_LINK, PROA_COAP_BAD_REQUEST},
    {"lt=60", "</1/0>", PROA_FORMAT_TEXT, PROA_COAP_UNSUPPORTED_CONTENT_FORMAT},
};

static void core_6_2_2_refused_update_changes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof update_refusals / sizeof update_refusals[0]; i++) {
        const refusal *row = &update_refusals[i];
        lab_open(&l, true, NULL);
        lab_registered(&l, 0);
        lab_run(&l, 1000);
        lab_request request = {PROA_COAP_POST, l.devices[0].location, row->query, row->format, -1,
                               row->list};
        assert_int_equal(lab_ask(&l, 0, &request)->code, row->code);
        bool changed = row->code == PROA_COAP_CHANGED;
        assert_int_equal(facts(0).lifetime_s, changed ? 60 : 300);
        assert_int_equal(facts(0).updated_ms, changed ? l.now_ms : l.now_ms - 1000);
        assert_int_equal(lab_count(&l, PROA_SERVER_UPDATED), changed);
        lab_close(&l);
    }
}

static void core_6_2_2_update_of_another_account_is_not_found(void **state)
{
    (void)state;
    lab_open(&l, true, lab_use);
    lab_registered(&l, 0);
    lab_registered(&l, 1);
    lab_unprotect(&l, 2);
    for (size_t i = 1; i <= 2; i++) {
        lab_request update = {PROA_COAP_POST, l.devices[0].location, "lt=1", -1, -1, NULL};
        lab_request leave = {PROA_COAP_DELETE, l.devices[0].location, NULL, -1, -1, NULL};
        assert_int_equal(lab_ask(&l, i, &update)->code, PROA_COAP_NOT_FOUND);
        assert_int_equal(lab_ask(&l, i, &leave)->code, PROA_COAP_NOT_FOUND);
    }
    proa_registration r = facts(0);
    assert_int_equal(r.lifetime_s, 300);
    assert_true(proa_addr_equal(&r.peer.addr, &l.devices[0].addr));
    assert_int_equal(lab_count(&l, PROA_SERVER_UPDATED), 0);
}

static void core_6_2_2_update_of_an_unknown_id_is_not_found(void **state)
{
    (void)state;
    lab_open(&l, false, NULL);
    static const char *const paths[] = {"rd/x", "rd/AAAAAAAAAAAA", "rd/AAAAAAAAAAAAA",
                                        "rd/AAAAAAAAAAAA/x"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        lab_request request = {PROA_COAP_POST, paths[i], NULL, -1, -1, NULL};
        assert_int_equal(lab_ask(&l, 0, &request)->code, PROA_COAP_NOT_FOUND);
    }
}

static void nosec_update_from_a_new_address_moves(void **state)
{
    (void)state;
    lab_open(&l, false, NULL);
    lab_registered(&l, 0);
    l.devices[0].addr.ip[15] = 0x77;
    assert_int_equal(lab_update(&l, 0, NULL, NULL)->code, PROA_COAP_CHANGED);
    assert_true(lab_last(&l, PROA_SERVER_UPDATED)->event.address_changed);
    assert_int_equal(facts(0).peer.addr.ip[15], 0x77);
    lab_op(&l, facts(0).reg, PROA_OP_READ, "/3/0");
    assert_int_equal(l.devices[0].asked.count, 1);
}

/* ---- leaving ---------------------------------------------------------------------------- */

static void core_6_2_3_deregister(void **state)
{
    (void)state;
    lab_open(&l, true, NULL);
    proa_reg reg = lab_registered(&l, 0);
    lab_request leave = {PROA_COAP_DELETE, l.devices[0].location, NULL, -1, -1, NULL};
    assert_int_equal(lab_ask(&l, 0, &leave)->code, PROA_COAP_DELETED);
    const lab_event *told = lab_last(&l, PROA_SERVER_DEREGISTERED);
    assert_int_equal(told->event.reg, reg);
    assert_string_equal(told->endpoint, "dev0");
    assert_false(is_registered("dev0"));
    assert_int_equal(lab_ask(&l, 0, &leave)->code, PROA_COAP_NOT_FOUND);
    assert_int_equal(proa_server_stats_get(l.server).registrations, 0);
    lab_registered(&l, 0); /* the same session will do */
}

static void core_6_2_expiry(void **state)
{
    (void)state;
    lab_open(&l, true, NULL);
    proa_reg reg = lab_registered(&l, 0);
    lab_registered(&l, 1);
    lab_run(&l, 299999);
    assert_int_equal(lab_count(&l, PROA_SERVER_EXPIRED), 0);
    lab_update(&l, 1, NULL, NULL);
    lab_run(&l, 1);
    assert_int_equal(lab_count(&l, PROA_SERVER_EXPIRED), 1);
    const lab_event *told = lab_last(&l, PROA_SERVER_EXPIRED);
    assert_int_equal(told->event.reg, reg);
    assert_string_equal(told->endpoint, "dev0");
    assert_false(is_registered("dev0"));
    assert_true(is_registered("dev1"));
    assert_int_equal(lab_update(&l, 0, NULL, NULL)->code, PROA_COAP_NOT_FOUND);
}

static void core_6_2_1_lifetime_0_never_expires(void **state)
{
    (void)state;
    lab_open(&l, false, NULL);
    lab_register(&l, 0, "ep=dev0&lt=0&lwm2m=1.2");
    assert_true(facts(0).expires_ms == UINT64_MAX);
    lab_run(&l, UINT64_C(400) * 86400 * 1000);
    assert_true(is_registered("dev0"));
}

static void ended_registration_is_readable_during_its_event(void **state)
{
    (void)state;
    lab_open(&l, false, NULL);
    proa_reg reg = lab_registered(&l, 0);
    proa_server_event event;
    proa_registration r;
    proa_op_id id;
    l.now_ms += 300000;
    assert_true(proa_server_poll(l.server, l.now_ms, &event));
    assert_int_equal(event.kind, PROA_SERVER_EXPIRED);
    assert_true(proa_server_registration(l.server, reg, &r));
    assert_true(proa_span_equal(r.links, proa_span_of(LAB_LINKS)));
    assert_false(is_registered("dev0"));
    uint32_t cursor = 0;
    assert_false(proa_server_next(l.server, &cursor, &r));
    proa_server_op op = {.reg = reg, .op = PROA_OP_READ, .path = lab_path("/3/0")};
    assert_int_equal(proa_server_op_start(l.server, l.now_ms, &op, &id), PROA_E_NOT_FOUND);
    assert_false(proa_server_poll(l.server, l.now_ms, &event));
    assert_false(proa_server_registration(l.server, reg, &r));
}

/* ---- other paths ------------------------------------------------------------------------ */

static const struct {
    uint8_t method;
    const char *path;
    int accept;
    uint8_t protected_code; /* the lab answers REQUEST events with 2.04 */
    uint8_t stranger_code;
} others[] = {
    {PROA_COAP_GET, "rd", -1, PROA_COAP_METHOD_NOT_ALLOWED, PROA_COAP_METHOD_NOT_ALLOWED},
    {PROA_COAP_DELETE, "rd", -1, PROA_COAP_METHOD_NOT_ALLOWED, PROA_COAP_METHOD_NOT_ALLOWED},
    {PROA_COAP_PUT, "rd/AAAAAAAAAAAA", -1, PROA_COAP_METHOD_NOT_ALLOWED, PROA_COAP_FORBIDDEN},
    {PROA_COAP_GET, ".well-known/core", -1, PROA_COAP_CONTENT, PROA_COAP_CONTENT},
    {PROA_COAP_GET, ".well-known/core", PROA_FORMAT_LINK, PROA_COAP_CONTENT, PROA_COAP_CONTENT},
    {PROA_COAP_GET, ".well-known/core", PROA_FORMAT_CBOR, PROA_COAP_NOT_ACCEPTABLE,
     PROA_COAP_NOT_ACCEPTABLE},
    {PROA_COAP_POST, ".well-known/core", -1, PROA_COAP_METHOD_NOT_ALLOWED,
     PROA_COAP_METHOD_NOT_ALLOWED},
    {PROA_COAP_POST, "ac", -1, PROA_COAP_CHANGED, PROA_COAP_FORBIDDEN},
    {PROA_COAP_POST, "rdx", -1, PROA_COAP_CHANGED, PROA_COAP_FORBIDDEN},
    {PROA_COAP_GET, "", -1, PROA_COAP_CHANGED, PROA_COAP_FORBIDDEN},
    {PROA_COAP_POST, "a/b/c/d/e/f/g/h", -1, PROA_COAP_CHANGED, PROA_COAP_FORBIDDEN},
    {PROA_COAP_POST, "rd/b/c/d/e/f/g/h/i", -1, PROA_COAP_NOT_FOUND, PROA_COAP_NOT_FOUND},
};

static void other_paths(void **state)
{
    (void)state;
    lab_open(&l, true, NULL);
    lab_registered(&l, 0);
    lab_unprotect(&l, 1);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        lab_request request = {others[i].method, others[i].path, NULL, -1, others[i].accept, NULL};
        lab_forget(&l);
        assert_int_equal(lab_ask(&l, 0, &request)->code, others[i].protected_code);
        assert_int_equal(lab_count(&l, PROA_SERVER_REQUEST),
                         others[i].protected_code == PROA_COAP_CHANGED);
        assert_int_equal(lab_ask(&l, 1, &request)->code, others[i].stranger_code);
    }
    lab_request core = {PROA_COAP_GET, ".well-known/core", NULL, -1, -1, NULL};
    const lab_answer *answer = lab_ask(&l, 1, &core);
    assert_int_equal(answer->format, PROA_FORMAT_LINK);
    assert_string_equal(answer->payload, "</rd>;rt=\"core.rd\",</ac>;rt=\"lwm2m.auth\"");
}

static void request_events_say_who_asks(void **state)
{
    (void)state;
    lab_request request = {PROA_COAP_POST, "ac", "ep=dev1", PROA_FORMAT_CBOR, -1, "x"};
    lab_open(&l, true, NULL);
    lab_connect(&l, 0);
    lab_ask(&l, 0, &request);
    const lab_event *told = lab_last(&l, PROA_SERVER_REQUEST);
    assert_int_equal(told->event.reg, 0);
    assert_int_equal(told->event.account, 100);
    assert_string_equal(told->endpoint, "");
    proa_reg reg = lab_registered(&l, 0);
    lab_ask(&l, 0, &request);
    told = lab_last(&l, PROA_SERVER_REQUEST);
    assert_int_equal(told->event.reg, reg);
    assert_string_equal(told->endpoint, "dev0");
    assert_int_equal(told->event.code, PROA_COAP_POST);
    assert_int_equal(told->event.format, PROA_FORMAT_CBOR);
    assert_string_equal(told->payload, "x");
}

static void late_answer_to_a_request_event(void **state)
{
    (void)state;
    lab_request request = {PROA_COAP_POST, "ac", NULL, -1, -1, NULL};
    lab_open(&l, true, NULL);
    lab_registered(&l, 0);
    l.keeps_requests = true;
    lab_ask(&l, 0, &request);
    lab_run(&l, 20000);
    assert_false(l.devices[0].answer.came);
    proa_coap_response response = {.code = PROA_COAP_CREATED};
    proa_coap_id exchange = lab_last(&l, PROA_SERVER_REQUEST)->event.exchange;
    assert_int_equal(proa_server_respond(l.server, l.now_ms, exchange, &response), PROA_OK);
    lab_settle(&l);
    assert_int_equal(l.devices[0].answer.code, PROA_COAP_CREATED);
    assert_int_equal(lab_count(&l, PROA_SERVER_REQUEST), 1);
}

static void rfc7252_8_multicast_is_not_answered(void **state)
{
    (void)state;
    uint8_t bytes[64];
    proa_coap_token token = {{1}, 1};
    proa_coap_builder builder =
        proa_coap_build(bytes, sizeof bytes, PROA_COAP_NON, PROA_COAP_GET, 7, &token);
    proa_coap_add(&builder, PROA_COAP_OPT_URI_PATH, proa_span_of(".well-known"));
    proa_coap_add(&builder, PROA_COAP_OPT_URI_PATH, proa_span_of("core"));
    int len = proa_coap_build_end(&builder);
    assert_true(len > 0);
    lab_open(&l, false, NULL);
    proa_server_event event;
    proa_addr to;
    proa_span out;
    proa_span in = proa_span_make(bytes, (size_t)len);
    proa_server_input(l.server, l.now_ms, &l.devices[0].addr, in, true);
    assert_false(proa_server_poll(l.server, l.now_ms, &event));
    assert_false(proa_server_output(l.server, l.now_ms, &to, &out));
    bytes[3]++; /* another Message ID */
    proa_server_input(l.server, l.now_ms, &l.devices[0].addr, in, false);
    assert_false(proa_server_poll(l.server, l.now_ms, &event));
    assert_true(proa_server_output(l.server, l.now_ms, &to, &out));
}

static void rfc7983_other_first_bytes_are_dropped(void **state)
{
    (void)state;
    static const uint8_t firsts[] = {0, 19, 20, 63, 128, 191, 255};
    lab_open(&l, false, NULL);
    for (size_t i = 0; i < sizeof firsts; i++) {
        uint8_t bytes[4] = {firsts[i], 1, 0, 1};
        proa_server_event event;
        proa_server_input(l.server, l.now_ms, &l.devices[0].addr, proa_span_make(bytes, 4), false);
        assert_false(proa_server_poll(l.server, l.now_ms, &event));
    }
    proa_server_input(l.server, l.now_ms, &l.devices[0].addr, proa_span_make(NULL, 0), false);
    assert_int_equal(proa_server_stats_get(l.server).coap.received, 0);
}

/* ---- when storage runs out -------------------------------------------------------------- */

static void every_failing_take_leaves_the_server_whole(void **state)
{
    (void)state;
    /* While opening. */
    lab_open(&l, false, NULL);
    unsigned fails = 0;
    for (size_t n = 0;; n++) {
        proa_server *s;
        size_t blocks = l.heap.blocks;
        l.heap.takes_left = n;
        proa_err err = proa_server_open(&s, &l.config);
        l.heap.takes_left = SIZE_MAX;
        if (err == PROA_OK) {
            proa_server_close(s);
            break;
        }
        assert_int_equal(err, PROA_E_NO_MEMORY);
        assert_null(s);
        assert_int_equal(l.heap.blocks, blocks);
        fails++;
    }
    assert_true(fails > 5);
    /* While registering: 5.03 or 2.01, and what is there stays consistent. */
    lab_registered(&l, 0);
    for (size_t n = 0; n < 12; n++) {
        l.heap.takes_left = n;
        const lab_answer *answer = lab_register(&l, 1, "ep=dev1&lwm2m=1.2");
        uint8_t code = answer->came ? answer->code : 0;
        l.heap.takes_left = SIZE_MAX;
        if (code == PROA_COAP_SERVICE_UNAVAILABLE) {
            assert_false(is_registered("dev1"));
        } else if (code == PROA_COAP_CREATED) {
            assert_true(is_registered("dev1"));
            lab_request leave = {PROA_COAP_DELETE, l.devices[1].location, NULL, -1, -1, NULL};
            assert_int_equal(lab_ask(&l, 1, &leave)->code, PROA_COAP_DELETED);
        }
        lab_run(&l, 300000 - 1);
        lab_update(&l, 0, NULL, NULL);
        assert_true(is_registered("dev0"));
    }
}

static void open_checks_its_configuration(void **state)
{
    (void)state;
    lab_open(&l, false, NULL);
    for (int i = 0; i < 5; i++) {
        proa_server_config config = l.config;
        proa_server *s;
        config.registration_first = i == 0 ? 0 : i == 1 ? config.registration_max + 1 : 1;
        config.registration_max = i == 2 ? 0x100000 : config.registration_max;
        config.operation_max = i == 3 ? 0 : config.operation_max;
        config.links_max = i == 4 ? 0 : config.links_max;
        assert_int_equal(proa_server_open(&s, &config), PROA_E_RANGE);
        assert_null(s);
    }
}

#define TEST(name) cmocka_unit_test_teardown(name, close_lab)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(core_6_2_1_register_is_kept),
        cmocka_unit_test(core_6_2_1_register_refusals),
        TEST(core_6_2_1_oversize_list_is_too_large),
        TEST(rfc7959_2_5_list_in_blocks),
        TEST(core_6_2_1_lifetime_default_is_a_day),
        TEST(lifetime_is_cut_to_the_limit),
        TEST(core_6_2_1_register_again_replaces),
        TEST(full_registry_answers_5_03),
        TEST(core_6_2_1_endpoint_of_another_account_is_bad_request),
        TEST(core_6_2_1_key_names_the_endpoint_that_is_left_out),
        TEST(key_without_endpoint_is_forbidden),
        TEST(unprotected_register_is_forbidden),
        TEST(unprotected_register_of_an_endpoint_with_a_key_is_forbidden),
        TEST(core_6_2_2_update_renews),
        TEST(core_6_2_2_update_changes_what_it_names),
        cmocka_unit_test(core_6_2_2_refused_update_changes_nothing),
        TEST(core_6_2_2_update_of_another_account_is_not_found),
        TEST(core_6_2_2_update_of_an_unknown_id_is_not_found),
        TEST(nosec_update_from_a_new_address_moves),
        TEST(core_6_2_3_deregister),
        TEST(core_6_2_expiry),
        TEST(core_6_2_1_lifetime_0_never_expires),
        TEST(ended_registration_is_readable_during_its_event),
        TEST(other_paths),
        TEST(request_events_say_who_asks),
        TEST(late_answer_to_a_request_event),
        TEST(rfc7252_8_multicast_is_not_answered),
        TEST(rfc7983_other_first_bytes_are_dropped),
        TEST(every_failing_take_leaves_the_server_whole),
        TEST(open_checks_its_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
