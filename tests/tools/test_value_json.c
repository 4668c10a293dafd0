/* SPDX-License-Identifier: Apache-2.0 */
/* One value as JSON and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "objects/value_json.h"

static char *dumped(json_t *json)
{
    assert_non_null(json);
    char *text = json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT);
    json_decref(json);
    assert_non_null(text);
    return text;
}

static void values_survive_the_way_through_json(void **state)
{
    (void)state;
    static const struct {
        proa_type type;
        const char *json;
    } rows[] = {
        {PROA_TYPE_STRING, "\"\""},
        {PROA_TYPE_STRING, "\"café \\\" \\n\""},
        {PROA_TYPE_INTEGER, "-9223372036854775808"},
        {PROA_TYPE_INTEGER, "9223372036854775807"},
        {PROA_TYPE_UNSIGNED, "0"},
        {PROA_TYPE_FLOAT, "-21.5"},
        {PROA_TYPE_BOOLEAN, "true"},
        {PROA_TYPE_BOOLEAN, "false"},
        {PROA_TYPE_OPAQUE, "\"\""},
        {PROA_TYPE_OPAQUE, "\"00ff7e\""},
        {PROA_TYPE_TIME, "1700000000"},
        {PROA_TYPE_OBJLINK, "\"65535:65535\""},
        {PROA_TYPE_CORELINK, "\"</3/0>\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t scratch[8];
        proa_value value;
        json_t *json = json_loads(rows[i].json, JSON_DECODE_ANY, NULL);
        assert_null(proa_value_from_json(&value, rows[i].type, json, scratch, sizeof scratch));
        assert_int_equal(value.type, rows[i].type);
        char *back = dumped(proa_value_to_json(&value));
        assert_string_equal(back, rows[i].json);
        free(back);
        json_decref(json);
    }
}

static void misfits_say_what_is_expected(void **state)
{
    (void)state;
    static const struct {
        proa_type type;
        const char *json, *expected;
    } rows[] = {
        {PROA_TYPE_STRING, "1", "must be a string"},
        {PROA_TYPE_INTEGER, "1.5", "must be a whole number"},
        {PROA_TYPE_INTEGER, "\"1\"", "must be a whole number"},
        {PROA_TYPE_UNSIGNED, "-1", "must be a whole number that is not negative"},
        {PROA_TYPE_FLOAT, "true", "must be a number"},
        {PROA_TYPE_BOOLEAN, "0", "must be true or false"},
        {PROA_TYPE_OPAQUE, "\"0\"", "must be bytes as hex digits"},
        {PROA_TYPE_OPAQUE, "\"0g\"", "must be bytes as hex digits"},
        {PROA_TYPE_OPAQUE, "\"0102030405\"", "is too long"},
        {PROA_TYPE_OBJLINK, "\"3\"", "must be an object link, as \"3:0\""},
        {PROA_TYPE_OBJLINK, "\"3:0x\"", "must be an object link, as \"3:0\""},
        {PROA_TYPE_OBJLINK, "\"3:65536\"", "must be an object link, as \"3:0\""},
        {PROA_TYPE_NONE, "null", "must be a string"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t scratch[4];
        proa_value value;
        json_t *json = json_loads(rows[i].json, JSON_DECODE_ANY, NULL);
        const char *expected =
            proa_value_from_json(&value, rows[i].type, json, scratch, sizeof scratch);
        assert_non_null(expected);
        assert_string_equal(expected, rows[i].expected);
        json_decref(json);
    }
}

static void bytes_without_a_type_are_text_or_hex(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *json;
    } rows[] = {{"abc", "\"abc\""}, {"a\x01", "\"6101\""}, {"\xff", "\"ff\""}, {"", "\"\""}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        proa_value value = {.type = PROA_TYPE_NONE};
        value.as.bytes = proa_span_of(rows[i].bytes);
        char *text = dumped(proa_value_to_json(&value));
        assert_string_equal(text, rows[i].json);
        free(text);
    }
    proa_value no_number = proa_value_float(NAN); /* JSON has no word for it */
    char *text = dumped(proa_value_to_json(&no_number));
    assert_string_equal(text, "null");
    free(text);
}

static void typed_text_becomes_what_the_type_wants(void **state)
{
    (void)state;
    static const struct {
        proa_type type;
        const char *text, *json;
    } rows[] = {
        {PROA_TYPE_STRING, "12", "\"12\""},
        {PROA_TYPE_NONE, "12", "12"},
        {PROA_TYPE_NONE, "abc", "\"abc\""},
        {PROA_TYPE_BOOLEAN, "on", "true"},
        {PROA_TYPE_BOOLEAN, "off", "false"},
        {PROA_TYPE_BOOLEAN, "1", "true"},
        {PROA_TYPE_BOOLEAN, "true", "true"},
        {PROA_TYPE_FLOAT, "-1.5", "-1.5"},
        {PROA_TYPE_INTEGER, "x", "\"x\""},
        {PROA_TYPE_OPAQUE, "00", "\"00\""},
        {PROA_TYPE_NONE, "{\"5850\":true}", "{\"5850\":true}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text = dumped(proa_value_typed(rows[i].type, rows[i].text));
        assert_string_equal(text, rows[i].json);
        free(text);
    }
    assert_null(proa_value_typed(PROA_TYPE_STRING, "\xff"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_survive_the_way_through_json),
        cmocka_unit_test(misfits_say_what_is_expected),
        cmocka_unit_test(bytes_without_a_type_are_text_or_hex),
        cmocka_unit_test(typed_text_becomes_what_the_type_wants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
