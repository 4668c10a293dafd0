/* SPDX-License-Identifier: Apache-2.0 */
/* A program that says it has whole numbers only reads and writes those and no others. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "proa/codec/text.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

const proa_float_text *const proa_floats = &proa_floats_whole;

static void lwm2m_appendix_c_whole_floats_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        proa_err err;
        double value;
    } rows[] = {
        {"0", PROA_OK, 0},
        {"42", PROA_OK, 42},
        {"-7", PROA_OK, -7},
        {"9007199254740993", PROA_OK, 9007199254740992.0}, /* ties go to even */
        {"9007199254740995", PROA_OK, 9007199254740996.0},
        {"-9223372036854775808", PROA_OK, -0x1p63},
        {"9223372036854775807", PROA_OK, 0x1p63},
        {"9223372036854775808", PROA_E_RANGE, 0},
        {"2.5", PROA_E_FORMAT, 0},
        {"1e3", PROA_E_FORMAT, 0},
        {"5.0", PROA_E_FORMAT, 0},
        {"", PROA_E_FORMAT, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        double value = 0;
        assert_int_equal(proa_text_float(proa_span_of(rows[i].text), &value), rows[i].err);
        assert_true(value == rows[i].value);
    }
}

static void lwm2m_appendix_c_whole_floats_are_written(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text; /* NULL: has none here */
    } rows[] = {
        {0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {-42, "-42"},
        {1e15, "1000000000000000"},
        {0x1p53, "9007199254740992"},
        {0x1p54, "18014398509481984"},
        {-0x1.fffffffffffffp63, "-18446744073709549568"},
        {0x1p64, NULL},
        {0.5, NULL},
        {-2.25, NULL},
        {4503599627370495.5, NULL},
        {5e-324, NULL},
        {(double)INFINITY, NULL},
        {(double)NAN, NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char out[PROA_TEXT_FLOAT_MAX + 1] = "";
        proa_writer w = proa_writer_make(out, PROA_TEXT_FLOAT_MAX);
        proa_text_write_float(&w, rows[i].value);
        assert_int_equal(w.err, rows[i].text == NULL ? PROA_E_RANGE : PROA_OK);
        assert_string_equal(out, rows[i].text == NULL ? "" : rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lwm2m_appendix_c_whole_floats_are_read),
        cmocka_unit_test(lwm2m_appendix_c_whole_floats_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
