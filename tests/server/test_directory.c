/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at registrations, what object lists say, and putting registrations back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/server/lab.h"

static lab l;

static int close_lab(void **state)
{
    (void)state;
    lab_close(&l);
    return 0;
}

/* A registration that can be restored. */
static proa_registration stored(const char *endpoint, const char *links)
{
    proa_registration r = {.endpoint = proa_span_of(endpoint),
                           .id = "abcdefghijkl",
                           .lifetime_s = 300,
                           .registered_ms = l.now_ms,
                           .updated_ms = l.now_ms,
                           .expires_ms = l.now_ms + 100000,
                           .lwm2m_version = "1.1",
                           .links = proa_span_of(links)};
    r.peer.addr = l.devices[0].addr;
    return r;
}

static const struct {
    const char *links;
    uint16_t object, instance;
    bool listed;
} lists[] = {
    {LAB_LINKS, 3, 0, true},
    {LAB_LINKS, 3, 1, false},
    {LAB_LINKS, 3, PROA_ID_ALL, true},
    {LAB_LINKS, 4, PROA_ID_ALL, false},
    {LAB_LINKS, 33, PROA_ID_ALL, false},
    {"</5>", 5, PROA_ID_ALL, true},
    {"</5>", 5, 0, false},
    {"</5>;ver=1.1,</5/7>;x", 5, 7, true},
    {"</>;rt=\"oma.lwm2m\"", 0, PROA_ID_ALL, false},
    {"</a/b>;rt=\"oma.lwm2m\",</a/b/3/0>", 3, 0, true},
    {"</a/b>;rt=\"oma.lwm2m\",</3/0>", 3, 0, false},
    {"</a/b>;rt=\"oma.lwm2m\",</a/bc/3/0>", 3, 0, false},
    {"</abcdefghijkl>;rt=\"oma.lwm2m\",</a>", 3, 0, false},
    {"</lwm2m/>;rt=\"oma.lwm2m\",</lwm2m/3/0>", 3, 0, true},
    {"</3/0>,</a>;rt=\"x oma.lwm2m\",</a/4/0>", 4, 0, true},
    {"</3/0>,</a>;rt=\"oma.lwm2mx\"", 3, 0, true},
    {"</hello>,</3/0>", 3, 0, true},
    {"", 3, 0, false},
};

static void core_6_2_1_what_a_list_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        lab_open(&l, false, NULL);
        proa_registration r = stored("x", lists[i].links);
        proa_reg reg;
        assert_int_equal(proa_server_restore(l.server, l.now_ms, &r, &reg), PROA_OK);
        bool listed = proa_server_lists(l.server, reg, lists[i].object, lists[i].instance);
        if (listed != lists[i].listed) {
            print_error("row %zu: %s\n", i, lists[i].links);
        }
        assert_int_equal(listed, lists[i].listed);
        assert_false(proa_server_lists(l.server, reg + 1, 3, 0));
        lab_close(&l);
    }
}

static const struct {
    const char *links;
    uint16_t format;
} formats[] = {
    {"</>;rt=\"oma.lwm2m\";ct=112", PROA_FORMAT_SENML_CBOR},
    {"</>;rt=\"oma.lwm2m\";ct=\"60 110 112 11542\"", PROA_FORMAT_SENML_CBOR},
    {"</>;rt=\"oma.lwm2m\";ct=\"11542 112\"", PROA_FORMAT_TLV},
    {"</>;rt=\"oma.lwm2m\";ct=110", PROA_FORMAT_TLV}, /* not spoken here */
    {"</>;rt=\"oma.lwm2m\";ct=\"x 99999999999 112\"", PROA_FORMAT_SENML_CBOR},
    {"</>;rt=\"oma.lwm2m\";ct", PROA_FORMAT_TLV},
    {"</>;ct=112", PROA_FORMAT_SENML_CBOR},
    {"</3/0>;ct=112", PROA_FORMAT_TLV},
    {"</l>;rt=\"oma.lwm2m\";ct=112", PROA_FORMAT_SENML_CBOR},
    {"", PROA_FORMAT_TLV},
};

static void core_7_4_preferred_format(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        lab_open(&l, false, NULL);
        proa_registration r = stored("x", formats[i].links);
        proa_registration out;
        proa_reg reg;
        assert_int_equal(proa_server_restore(l.server, l.now_ms, &r, &reg), PROA_OK);
        assert_true(proa_server_registration(l.server, reg, &out));
        if (out.format != formats[i].format) {
            print_error("row %zu: %s\n", i, formats[i].links);
        }
        assert_int_equal(out.format, formats[i].format);
        lab_close(&l);
    }
}

static void restored_registration_is_as_it_was(void **state)
{
    (void)state;
    lab_open(&l, false, NULL);
    proa_registration r = stored("old", LAB_LINKS);
    proa_registration out;
    proa_reg reg, found;
    r.registered_ms -= 5;
    r.updated_ms -= 3;
    r.queue_mode = true;
    r.peer.session = 9; /* died with the process */
    r.account = 77;
    assert_int_equal(proa_server_restore(l.server, l.now_ms, &r, &reg), PROA_OK);
    assert_true(proa_server_find(l.server, proa_span_of("old"), &found));
    assert_int_equal(found, reg);
    assert_true(proa_server_registration(l.server, reg, &out));
    assert_string_equal(out.id, r.id);
    assert_string_equal(out.lwm2m_version, "1.1");
    assert_true(proa_addr_equal(&out.peer.addr, &r.peer.addr));
    assert_int_equal(out.peer.session, 0);
    assert_int_equal(out.account, 77);
    assert_int_equal(out.lifetime_s, 300);
    assert_int_equal(out.registered_ms, r.registered_ms);
    assert_int_equal(out.updated_ms, r.updated_ms);
    assert_int_equal(out.expires_ms, r.expires_ms);
    assert_true(out.queue_mode);
    assert_true(proa_span_equal(out.links, r.links));
    lab_run(&l, 99999);
    assert_int_equal(lab_count(&l, PROA_SERVER_EXPIRED), 0);
    lab_run(&l, 1);
    assert_int_equal(lab_count(&l, PROA_SERVER_EXPIRED), 1);
}

static void restored_for_ever(void **state)
{
    (void)state;
    lab_open(&l, false, NULL);
    proa_registration r = stored("old", LAB_LINKS);
    proa_reg reg;
    r.lifetime_s = 0;
    assert_int_equal(proa_server_restore(l.server, l.now_ms, &r, &reg), PROA_OK);
    lab_run(&l, 1000000);
    assert_int_equal(lab_count(&l, PROA_SERVER_EXPIRED), 0);
}

static void restored_nosec_device_is_reachable_at_once(void **state)
{
    (void)state;
    lab_open(&l, false, NULL);
    proa_registration r = stored("old", LAB_LINKS);
    proa_reg reg;
    assert_int_equal(proa_server_restore(l.server, l.now_ms, &r, &reg), PROA_OK);
    proa_op_id id = lab_op(&l, reg, PROA_OP_READ, "/3/0");
    assert_int_equal(lab_done(&l, id), 1);
    strcpy(l.devices[0].location, "rd/abcdefghijkl");
    assert_int_equal(lab_update(&l, 0, NULL, NULL)->code, PROA_COAP_CHANGED);
}

static void small(proa_server_config *config)
{
    config->registration_max = 1;
    config->links_max = 20;
}

static void restore_refusals(void **state)
{
    (void)state;
    proa_reg reg, first;
    char name[PROA_ENDPOINT_MAX + 2];
    memset(name, 'a', sizeof name);
    name[sizeof name - 1] = '\0';
    lab_open(&l, false, small);
    proa_registration r = stored(name, "");
    assert_int_equal(proa_server_restore(l.server, l.now_ms, &r, &reg), PROA_E_RANGE);
    r = stored("", "");
    assert_int_equal(proa_server_restore(l.server, l.now_ms, &r, &reg), PROA_E_RANGE);
    r = stored("a", "");
    r.id[3] = '\0';
    assert_int_equal(proa_server_restore(l.server, l.now_ms, &r, &reg), PROA_E_RANGE);
    r = stored("a", "");
    r.lwm2m_version[2] = '3';
    assert_int_equal(proa_server_restore(l.server, l.now_ms, &r, &reg), PROA_E_RANGE);
    r = stored("a", "</1/0>,</2/0>,</3/0>,</4/0>");
    assert_int_equal(proa_server_restore(l.server, l.now_ms, &r, &reg), PROA_E_TOO_LARGE);
    r = stored("a", "</1/0");
    proa_err err = proa_server_restore(l.server, l.now_ms, &r, &reg);
    assert_true(err == PROA_E_FORMAT || err == PROA_E_TRUNCATED);
    r = stored("a", "");
    assert_int_equal(proa_server_restore(l.server, l.now_ms, &r, &first), PROA_OK);
    assert_int_equal(proa_server_restore(l.server, l.now_ms, &r, &reg), PROA_E_EXISTS);
    r.endpoint = proa_span_of("b"); /* the same id */
    assert_int_equal(proa_server_restore(l.server, l.now_ms, &r, &reg), PROA_E_EXISTS);
    r.id[0] = 'b';
    assert_int_equal(proa_server_restore(l.server, l.now_ms, &r, &reg), PROA_E_FULL);
    assert_int_equal(reg, 0);
    assert_int_equal(proa_server_stats_get(l.server).registrations, 1);
}

static void walking_meets_each_once(void **state)
{
    (void)state;
    lab_open(&l, false, NULL);
    unsigned met = 0;
    uint32_t cursor = 0;
    proa_registration r;
    for (size_t i = 0; i < 4; i++) {
        lab_registered(&l, i);
    }
    lab_request leave = {PROA_COAP_DELETE, l.devices[2].location, NULL, -1, -1, NULL};
    lab_ask(&l, 2, &leave);
    while (proa_server_next(l.server, &cursor, &r)) {
        unsigned bit = 1U << (r.endpoint.data[3] - '0');
        assert_int_equal(met & bit, 0);
        met |= bit;
    }
    assert_int_equal(met, 1 | 2 | 8);
}

static void grow(proa_server_config *config)
{
    config->registration_max = 1000;
}

/* From one place to a thousand: pool, maps and heap grow; everybody is found, and expires in the
 * order of the lifetimes. */
static void growth_from_one_to_a_thousand(void **state)
{
    (void)state;
    char names[1000][8];
    proa_reg reg;
    lab_open(&l, false, grow);
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(names[i], sizeof names[i], "n%u", i);
        proa_registration r = stored(names[i], LAB_LINKS);
        snprintf(r.id, sizeof r.id, "id%010u", i);
        r.expires_ms = l.now_ms + 1 + i * 7919 % 1000;
        assert_int_equal(proa_server_restore(l.server, l.now_ms, &r, &reg), PROA_OK);
    }
    for (unsigned i = 0; i < 1000; i++) {
        assert_true(proa_server_find(l.server, proa_span_of(names[i]), &reg));
    }
    uint64_t start_ms = l.now_ms;
    proa_server_event event;
    for (unsigned i = 0; i < 1000; i++) {
        l.now_ms = start_ms + i;
        assert_false(proa_server_poll(l.server, l.now_ms, &event));
        l.now_ms++;
        assert_true(proa_server_poll(l.server, l.now_ms, &event));
        assert_int_equal(event.kind, PROA_SERVER_EXPIRED);
    }
    assert_false(proa_server_poll(l.server, l.now_ms, &event));
    assert_int_equal(proa_server_stats_get(l.server).registrations, 0);
    assert_int_equal(proa_server_stats_get(l.server).expired, 1000);
}

/* Whatever growth fails, the registration is not there at all and can be tried again. */
static void every_failing_growth_leaves_the_registry_whole(void **state)
{
    (void)state;
    unsigned failed = 0;
    lab_open(&l, false, grow);
    for (unsigned i = 0; i < 200; i++) {
        char name[8];
        proa_reg reg;
        proa_err err = PROA_E_NO_MEMORY;
        snprintf(name, sizeof name, "n%u", i);
        proa_registration r = stored(name, LAB_LINKS);
        snprintf(r.id, sizeof r.id, "id%010u", i);
        for (size_t n = 0; err != PROA_OK; n++) {
            l.heap.takes_left = n;
            err = proa_server_restore(l.server, l.now_ms, &r, &reg);
            l.heap.takes_left = SIZE_MAX;
            assert_int_equal(proa_server_find(l.server, r.endpoint, &reg), err == PROA_OK);
            assert_true(err == PROA_OK || err == PROA_E_NO_MEMORY);
            failed += err != PROA_OK;
        }
        assert_int_equal(proa_server_stats_get(l.server).registrations, i + 1);
    }
    assert_true(failed > 200 + 15); /* the text, and pool and maps several times */
}

#define TEST(name) cmocka_unit_test_teardown(name, close_lab)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(core_6_2_1_what_a_list_names),
        cmocka_unit_test(core_7_4_preferred_format),
        TEST(restored_registration_is_as_it_was),
        TEST(restored_for_ever),
        TEST(restored_nosec_device_is_reachable_at_once),
        TEST(restore_refusals),
        TEST(walking_meets_each_once),
        TEST(growth_from_one_to_a_thousand),
        TEST(every_failing_growth_leaves_the_registry_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
