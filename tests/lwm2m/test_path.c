/* SPDX-License-Identifier: Apache-2.0 */
/* Paths: one text for each, the order of a depth-first walk, and Uri-Path options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proa/lwm2m.h"
#include "tests/support/guard.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static proa_err parse(const char *text, proa_path *out)
{
    size_t len = strlen(text);
    uint8_t *copy = guard_copy(text, len);
    proa_err err = proa_path_parse(proa_span_make(copy, len), out);
    guard_free(copy, len);
    return err;
}

static void core_7_1_paths_have_one_text(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        proa_err err;
        proa_path path;
        const char *written;
    } rows[] = {
        {"", PROA_OK, {{0}, 0}, "/"},
        {"/", PROA_OK, {{0}, 0}, "/"},
        {"/3", PROA_OK, {{3}, 1}, "/3"},
        {"3", PROA_OK, {{3}, 1}, "/3"},
        {"/3/0", PROA_OK, {{3, 0}, 2}, "/3/0"},
        {"/3/0/9", PROA_OK, {{3, 0, 9}, 3}, "/3/0/9"},
        {"/3/0/7/1", PROA_OK, {{3, 0, 7, 1}, 4}, "/3/0/7/1"},
        {"/65534/65534/65534/65534",
         PROA_OK,
         {{65534, 65534, 65534, 65534}, 4},
         "/65534/65534/65534/65534"},
        {"/65535", PROA_E_RANGE, {{0}, 0}, NULL},
        {"/99999999999999999999999", PROA_E_RANGE, {{0}, 0}, NULL},
        {"/3/0/7/1/2", PROA_E_FORMAT, {{0}, 0}, NULL},
        {"//3", PROA_E_FORMAT, {{0}, 0}, NULL},
        {"/3/", PROA_E_FORMAT, {{0}, 0}, NULL},
        {"/3//0", PROA_E_FORMAT, {{0}, 0}, NULL},
        {"/03", PROA_E_FORMAT, {{0}, 0}, NULL},
        {"/+3", PROA_E_FORMAT, {{0}, 0}, NULL},
        {"/-1", PROA_E_FORMAT, {{0}, 0}, NULL},
        {"/3 ", PROA_E_FORMAT, {{0}, 0}, NULL},
        {"/rd", PROA_E_FORMAT, {{0}, 0}, NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        proa_path path = {{9, 9, 9, 9}, 9};
        assert_int_equal(parse(rows[i].text, &path), rows[i].err);
        if (rows[i].err != PROA_OK) {
            assert_int_equal(path.depth, 9); /* left alone */
            continue;
        }
        assert_memory_equal(path.ids, rows[i].path.ids, sizeof path.ids);
        assert_int_equal(path.depth, rows[i].path.depth);
        char text[PROA_PATH_TEXT_MAX];
        proa_writer w = proa_writer_make(text, sizeof text - 1);
        proa_path_write(&w, &path);
        text[w.len] = '\0';
        assert_int_equal(w.err, PROA_OK);
        assert_string_equal(text, rows[i].written);
    }
}

static void core_7_1_order_is_that_of_a_walk(void **state)
{
    (void)state;
    static const char *const walk[] = {"/",        "/3",       "/3/0",   "/3/0/1", "/3/0/7",
                                       "/3/0/7/0", "/3/0/7/1", "/3/0/9", "/3/1",   "/4"};
    for (size_t i = 0; i < COUNT(walk); i++) {
        for (size_t j = 0; j < COUNT(walk); j++) {
            proa_path a;
            proa_path b;
            assert_int_equal(parse(walk[i], &a), PROA_OK);
            assert_int_equal(parse(walk[j], &b), PROA_OK);
            int order = proa_path_compare(&a, &b);
            assert_int_equal(order < 0 ? -1 : order > 0, i < j ? -1 : i > j);
            assert_int_equal(proa_path_equal(&a, &b), i == j);
        }
    }
}

static void core_7_1_within(void **state)
{
    (void)state;
    static const struct {
        const char *outer, *inner;
        bool within;
    } rows[] = {
        {"/", "/3/0/9", true},  {"/3", "/3", true},      {"/3", "/3/0/9", true},
        {"/3/0", "/3", false},  {"/3/0", "/3/1", false}, {"/3/0/7", "/3/0/7/2", true},
        {"/3", "/33/0", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        proa_path outer;
        proa_path inner;
        assert_int_equal(parse(rows[i].outer, &outer), PROA_OK);
        assert_int_equal(parse(rows[i].inner, &inner), PROA_OK);
        assert_int_equal(proa_path_within(&outer, &inner), rows[i].within);
    }
}

static void transport_6_4_3_path_of_a_message(void **state)
{
    (void)state;
    static const struct {
        const char *segments[6];
        proa_err err;
        const char *path;
    } rows[] = {
        {{NULL}, PROA_OK, "/"},
        {{"3", NULL}, PROA_OK, "/3"},
        {{"3", "0", "7", "1", NULL}, PROA_OK, "/3/0/7/1"},
        {{"3", "0", "7", "1", "2", NULL}, PROA_E_FORMAT, NULL},
        {{"3", "", NULL}, PROA_E_FORMAT, NULL},
        {{"rd", NULL}, PROA_E_FORMAT, NULL},
        {{".well-known", "core", NULL}, PROA_E_FORMAT, NULL},
        {{"3/0", NULL}, PROA_E_FORMAT, NULL}, /* one segment, not two */
        {{"65535", NULL}, PROA_E_RANGE, NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t bytes[64];
        proa_coap_token token = {{0}, 0};
        proa_coap_builder b =
            proa_coap_build(bytes, sizeof bytes, PROA_COAP_CON, PROA_COAP_GET, 1, &token);
        for (size_t n = 0; rows[i].segments[n] != NULL; n++) {
            proa_coap_add(&b, PROA_COAP_OPT_URI_PATH, proa_span_of(rows[i].segments[n]));
        }
        proa_coap_add(&b, PROA_COAP_OPT_URI_QUERY, proa_span_of("pmin=1"));
        int len = proa_coap_build_end(&b);
        proa_coap_msg m;
        assert_true(len > 0);
        assert_int_equal(proa_coap_parse(&m, proa_span_make(bytes, (size_t)len)), PROA_OK);
        proa_path path;
        assert_int_equal(proa_path_of_msg(&m, &path), rows[i].err);
        if (rows[i].err == PROA_OK) {
            proa_path expected;
            assert_int_equal(parse(rows[i].path, &expected), PROA_OK);
            assert_true(proa_path_equal(&path, &expected));
        }
    }
}

static void transport_6_4_3_options_of_a_path(void **state)
{
    (void)state;
    proa_path path = {{65534, 0, 10, 7}, 4};
    static const char *const texts[] = {"65534", "0", "10", "7"};
    uint8_t digits[4][5];
    proa_coap_option options[4];
    assert_int_equal(proa_path_options(&path, digits, options), 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(options[i].number, PROA_COAP_OPT_URI_PATH);
        assert_true(proa_span_equal(options[i].value, proa_span_of(texts[i])));
    }
    path.depth = 0;
    assert_int_equal(proa_path_options(&path, digits, options), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(core_7_1_paths_have_one_text),
        cmocka_unit_test(core_7_1_order_is_that_of_a_walk),
        cmocka_unit_test(core_7_1_within),
        cmocka_unit_test(transport_6_4_3_path_of_a_message),
        cmocka_unit_test(transport_6_4_3_options_of_a_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
