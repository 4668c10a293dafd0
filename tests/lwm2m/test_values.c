/* SPDX-License-Identifier: Apache-2.0 */
/* Values, names, rights of operations, notification attributes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proa/lwm2m.h"
#include "tests/support/guard.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static void core_c_values_are_equal_by_type_and_content(void **state)
{
    (void)state;
    volatile double zero = 0;
    double nan = zero / zero;
    const proa_value values[] = {
        proa_value_integer(1),
        proa_value_integer(2),
        {PROA_TYPE_TIME, {.integer = 1}},
        {PROA_TYPE_UNSIGNED, {.unsigned_integer = 1}},
        proa_value_float(1),
        proa_value_float(nan),
        proa_value_boolean(true),
        proa_value_boolean(false),
        proa_value_string(proa_span_of("1")),
        proa_value_string(proa_span_of("")),
        proa_value_opaque(proa_span_of("1")),
        proa_value_link(1, 0),
        proa_value_link(0, 1),
        {PROA_TYPE_CORELINK, {.bytes = proa_span_of("1")}},
        {PROA_TYPE_NONE, {.bytes = proa_span_of("1")}},
    };
    for (size_t i = 0; i < COUNT(values); i++) {
        for (size_t j = 0; j < COUNT(values); j++) {
            proa_value a = values[i];
            assert_int_equal(proa_value_equal(&a, &values[j]), i == j);
        }
    }
}

/* What one type becomes in another, or why it does not. */
static void core_c_values_convert_without_loss(void **state)
{
    (void)state;
    const proa_value whole = proa_value_float(21);
    const proa_value time = {PROA_TYPE_TIME, {.integer = 21}};
    const proa_value natural = {PROA_TYPE_UNSIGNED, {.unsigned_integer = 21}};
    const proa_value huge = {PROA_TYPE_UNSIGNED, {.unsigned_integer = UINT64_MAX}};
    const proa_value text = proa_value_string(proa_span_of("3:0"));
    const struct {
        proa_value from;
        proa_type to;
        proa_err err;
        double number;
    } rows[] = {
        {proa_value_integer(21), PROA_TYPE_TIME, PROA_OK, 21},
        {proa_value_integer(21), PROA_TYPE_FLOAT, PROA_OK, 21},
        {proa_value_integer(21), PROA_TYPE_UNSIGNED, PROA_OK, 21},
        {proa_value_integer(-1), PROA_TYPE_UNSIGNED, PROA_E_RANGE, 0},
        {time, PROA_TYPE_INTEGER, PROA_OK, 21},
        {time, PROA_TYPE_UNSIGNED, PROA_OK, 21},
        {natural, PROA_TYPE_INTEGER, PROA_OK, 21},
        {huge, PROA_TYPE_INTEGER, PROA_E_RANGE, 0},
        {whole, PROA_TYPE_INTEGER, PROA_OK, 21},
        {proa_value_float(21.5), PROA_TYPE_INTEGER, PROA_E_TYPE, 0},
        {proa_value_float(1e19), PROA_TYPE_INTEGER, PROA_E_RANGE, 0},
        {proa_value_float(-0x1p63), PROA_TYPE_INTEGER, PROA_OK, -0x1p63},
        {proa_value_float(0x1p63), PROA_TYPE_INTEGER, PROA_E_RANGE, 0},
        {proa_value_float(0x1p63), PROA_TYPE_UNSIGNED, PROA_OK, 0x1p63},
        {proa_value_float(0x1p64), PROA_TYPE_UNSIGNED, PROA_E_RANGE, 0},
        {proa_value_float(-0.0), PROA_TYPE_UNSIGNED, PROA_OK, 0},
        {proa_value_float(-0.5), PROA_TYPE_UNSIGNED, PROA_E_RANGE, 0},
        {proa_value_float(-0.5), PROA_TYPE_INTEGER, PROA_E_TYPE, 0},
        {proa_value_float(NAN), PROA_TYPE_INTEGER, PROA_E_RANGE, 0},
        {proa_value_boolean(true), PROA_TYPE_INTEGER, PROA_E_TYPE, 0},
        {text, PROA_TYPE_INTEGER, PROA_E_TYPE, 0},
        {text, PROA_TYPE_OPAQUE, PROA_E_TYPE, 0},
        {proa_value_opaque(proa_span_of("3:0")), PROA_TYPE_STRING, PROA_E_TYPE, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        proa_value value = rows[i].from;
        double number = 0;
        assert_int_equal(proa_value_convert(&value, rows[i].to), rows[i].err);
        if (rows[i].err == PROA_OK) {
            assert_int_equal(value.type, rows[i].to);
            assert_true(proa_value_number(&value, &number) && number == rows[i].number);
        }
    }
    proa_value value = text;
    assert_int_equal(proa_value_convert(&value, PROA_TYPE_CORELINK), PROA_OK);
    assert_int_equal(value.type, PROA_TYPE_CORELINK);
    assert_int_equal(proa_value_convert(&value, PROA_TYPE_STRING), PROA_OK);
    assert_int_equal(proa_value_convert(&value, PROA_TYPE_OBJLINK), PROA_OK);
    assert_int_equal(value.type, PROA_TYPE_OBJLINK);
    assert_int_equal(value.as.link.object, 3);
}

static void core_7_3_numbers_for_thresholds(void **state)
{
    (void)state;
    const struct {
        proa_value value;
        bool is;
        double number;
    } rows[] = {
        {proa_value_integer(-5), true, -5},
        {{PROA_TYPE_TIME, {.integer = 7}}, true, 7},
        {{PROA_TYPE_UNSIGNED, {.unsigned_integer = 8}}, true, 8},
        {proa_value_float(2.5), true, 2.5},
        {proa_value_boolean(true), false, 0},
        {proa_value_string(proa_span_of("5")), false, 0},
        {proa_value_link(3, 0), false, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        double number = 0;
        assert_int_equal(proa_value_number(&rows[i].value, &number), rows[i].is);
        assert_true(number == rows[i].number);
    }
}

static void names_are_read_back(void **state)
{
    (void)state;
    for (int type = PROA_TYPE_STRING; type <= PROA_TYPE_CORELINK; type++) {
        proa_span name = proa_span_of(proa_type_name((proa_type)type));
        assert_int_equal(proa_type_parse(name), type);
    }
    assert_int_equal(proa_type_parse(proa_span_of("none")), PROA_TYPE_NONE);
    assert_int_equal(proa_type_parse(proa_span_of("int")), PROA_TYPE_NONE);
    for (int op = PROA_OP_READ; op <= PROA_OP_DELETE; op++) {
        bool found = false;
        proa_span name = proa_span_of(proa_operation_name((proa_operation)op));
        assert_int_equal(proa_operation_parse(name, &found), op);
        assert_true(found);
    }
    bool found = true;
    (void)proa_operation_parse(proa_span_of(""), &found);
    assert_false(found);
}

static void core_8_2_rights_of_operations(void **state)
{
    (void)state;
    static const uint8_t rights[] = {
        [PROA_OP_READ] = 1,         [PROA_OP_OBSERVE] = 1,          [PROA_OP_CANCEL_OBSERVE] = 1,
        [PROA_OP_DISCOVER] = 1,     [PROA_OP_WRITE_ATTRIBUTES] = 1, [PROA_OP_WRITE_REPLACE] = 2,
        [PROA_OP_WRITE_UPDATE] = 2, [PROA_OP_EXECUTE] = 4,          [PROA_OP_DELETE] = 8,
        [PROA_OP_CREATE] = 16,
    };
    for (int op = PROA_OP_READ; op <= PROA_OP_DELETE; op++) {
        assert_int_equal(proa_operation_right((proa_operation)op), rights[op]);
    }
    assert_int_equal(proa_operation_right((proa_operation)77), PROA_RIGHTS_ALL);
}

static void core_7_3_2_attribute_queries(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        proa_err err;
        uint8_t set, cleared;
        double number; /* of the one that is set */
    } rows[] = {
        {"pmin=10", PROA_OK, PROA_ATTR_PMIN, 0, 10},
        {"pmin=0", PROA_OK, PROA_ATTR_PMIN, 0, 0},
        {"pmax=4294967295", PROA_OK, PROA_ATTR_PMAX, 0, 4294967295.0},
        {"pmax=4294967296", PROA_E_RANGE, 0, 0, 0},
        {"gt=2.5", PROA_OK, PROA_ATTR_GT, 0, 2.5},
        {"gt=-3", PROA_OK, PROA_ATTR_GT, 0, -3},
        {"lt=-0.25", PROA_OK, PROA_ATTR_LT, 0, -0.25},
        {"st=0.5", PROA_OK, PROA_ATTR_ST, 0, 0.5},
        {"st=-1", PROA_E_FORMAT, 0, 0, 0},
        {"con=1", PROA_OK, PROA_ATTR_CON, 0, 1},
        {"con=2", PROA_E_RANGE, 0, 0, 0},
        {"pmin", PROA_OK, 0, PROA_ATTR_PMIN, 0},
        {"gt", PROA_OK, 0, PROA_ATTR_GT, 0},
        {"pmin=", PROA_E_FORMAT, 0, 0, 0},
        {"pmin=-1", PROA_E_FORMAT, 0, 0, 0},
        {"pmin=1.5", PROA_E_FORMAT, 0, 0, 0},
        {"gt=", PROA_E_FORMAT, 0, 0, 0},
        {"gt=a", PROA_E_FORMAT, 0, 0, 0},
        {"gt=1.2.3", PROA_E_FORMAT, 0, 0, 0},
        {"", PROA_E_UNSUPPORTED, 0, 0, 0},
        {"=1", PROA_E_UNSUPPORTED, 0, 0, 0},
        {"pmi=1", PROA_E_UNSUPPORTED, 0, 0, 0},
        {"pmin2=1", PROA_E_UNSUPPORTED, 0, 0, 0},
        {"ep=node", PROA_E_UNSUPPORTED, 0, 0, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        proa_attributes a;
        memset(&a, 0, sizeof a);
        size_t len = strlen(rows[i].query);
        uint8_t *copy = guard_copy(rows[i].query, len);
        assert_int_equal(proa_attributes_parse(proa_span_make(copy, len), &a), rows[i].err);
        guard_free(copy, len);
        assert_int_equal(a.set, rows[i].set);
        assert_int_equal(a.cleared, rows[i].cleared);
        double number = (double)a.pmin_s + (double)a.pmax_s + a.gt + a.lt + a.st + a.con;
        assert_true(rows[i].err != PROA_OK || number == rows[i].number);
    }
}

static void core_7_3_2_no_attribute_twice(void **state)
{
    (void)state;
    proa_attributes a;
    memset(&a, 0, sizeof a);
    assert_int_equal(proa_attributes_parse(proa_span_of("pmin=1"), &a), PROA_OK);
    assert_int_equal(proa_attributes_parse(proa_span_of("pmin=2"), &a), PROA_E_FORMAT);
    assert_int_equal(proa_attributes_parse(proa_span_of("pmin"), &a), PROA_E_FORMAT);
    assert_int_equal(a.pmin_s, 1);
}

static proa_attributes of(const char *queries)
{
    proa_attributes a;
    memset(&a, 0, sizeof a);
    while (*queries != '\0') {
        size_t len = strcspn(queries, "&");
        assert_int_equal(proa_attributes_parse(proa_span_make(queries, len), &a), PROA_OK);
        queries += len + (queries[len] == '&');
    }
    return a;
}

static void core_7_3_2_thresholds_need_a_gap(void **state)
{
    (void)state;
    static const struct {
        const char *queries;
        proa_err err;
    } rows[] = {
        {"", PROA_OK},
        {"gt=1", PROA_OK},
        {"lt=5", PROA_OK},
        {"lt=1&gt=2", PROA_OK},
        {"lt=2&gt=2", PROA_E_FORMAT},
        {"lt=3&gt=2", PROA_E_FORMAT},
        {"lt=1&gt=4&st=1", PROA_OK},
        {"lt=1&gt=3&st=1", PROA_E_FORMAT},
        {"pmin=10&pmax=5", PROA_OK},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        proa_attributes a = of(rows[i].queries);
        assert_int_equal(proa_attributes_check(&a), rows[i].err);
    }
}

static void core_7_3_2_what_passes_a_threshold(void **state)
{
    (void)state;
    static const struct {
        const char *queries;
        double from, to;
        bool passed;
    } rows[] = {
        {"pmin=1", 1, 1000, false},
        {"gt=5", 4, 5, false},
        {"gt=5", 4, 5.5, true},
        {"gt=5", 5, 4, true},
        {"gt=5", 5, 6, true},
        {"gt=5", 6, 7, false},
        {"lt=-5", -4, -6, true},
        {"lt=-5", -7, -6, false},
        {"lt=0", -0.0, 0.0, false},
        {"st=2", 1, 2.9, false},
        {"st=2", 3, 1, true},
        {"st=2", -1, 1, true},
        {"st=0", 7, 7, true},
        {"st=0.2", 0.1, 0.3, false}, /* these doubles are a little less than 0.2 apart */
        {"st=1e300", -1e300, 1e300, true},
        {"st=5e-324", 0, 5e-324, true},
        {"gt=1e308", 0, INFINITY, true},
        {"gt=1e308", INFINITY, NAN, false},
        {"gt=100&st=1", 0, 0.5, false},
        {"gt=100&st=1", 99.9, 100.1, true},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        proa_attributes a = of(rows[i].queries);
        assert_int_equal(proa_attributes_passed(&a, rows[i].from, rows[i].to), rows[i].passed);
    }
}

static void core_7_3_2_attributes_are_written_as_they_are_read(void **state)
{
    (void)state;
    const char *queries[] = {"pmin=10", "pmax=4294967295", "gt=2.5", "lt=-1", "st=0.1", "con=1"};
    for (uint8_t i = 0; i < COUNT(queries); i++) {
        uint8_t bytes[32];
        proa_writer w = proa_writer_make(bytes, sizeof bytes);
        proa_attributes a = of(queries[i]);
        proa_attributes_write(&w, &a, 1U << i);
        proa_attributes_write(&w, &a, 1U << (i + 1) % 6); /* not there: nothing */
        assert_true(proa_span_equal(proa_writer_span(&w), proa_span_of(queries[i])));
    }
    uint8_t bytes[8];
    proa_writer w = proa_writer_make(bytes, sizeof bytes);
    proa_attributes a = of("st");
    proa_attributes_write(&w, &a, PROA_ATTR_ST);
    assert_true(proa_span_equal(proa_writer_span(&w), proa_span_of("st")));
}

static void core_7_3_2_lower_levels_win(void **state)
{
    (void)state;
    proa_attributes under = of("pmin=1&pmax=2&gt=3&lt=1&st=4&con=1");
    proa_attributes over = of("pmin=5&pmax&gt=6&con=0");
    proa_attributes merged = under;
    proa_attributes_merge(&merged, &over);
    assert_int_equal(merged.set, 0x3f & ~PROA_ATTR_PMAX);
    assert_int_equal(merged.pmin_s, 5);
    assert_true(merged.gt == 6 && merged.lt == 1 && merged.st == 4);
    assert_false(merged.con);
    over = of("pmax=9&lt=2&st=7");
    merged = under;
    proa_attributes_merge(&merged, &over);
    assert_int_equal(merged.pmax_s, 9);
    assert_true(merged.lt == 2 && merged.st == 7 && merged.gt == 3);
    assert_true(merged.con);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(core_c_values_are_equal_by_type_and_content),
        cmocka_unit_test(core_c_values_convert_without_loss),
        cmocka_unit_test(core_7_3_numbers_for_thresholds),
        cmocka_unit_test(names_are_read_back),
        cmocka_unit_test(core_8_2_rights_of_operations),
        cmocka_unit_test(core_7_3_2_attribute_queries),
        cmocka_unit_test(core_7_3_2_no_attribute_twice),
        cmocka_unit_test(core_7_3_2_thresholds_need_a_gap),
        cmocka_unit_test(core_7_3_2_what_passes_a_threshold),
        cmocka_unit_test(core_7_3_2_attributes_are_written_as_they_are_read),
        cmocka_unit_test(core_7_3_2_lower_levels_win),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
