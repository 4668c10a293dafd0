/* SPDX-License-Identifier: Apache-2.0 */
/* Values in plain text. The C library's strtod, which nothing in the code uses, is the judge of
 * floats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "proa/codec/text.h"
#include "tests/support/guard.h"
#include "tests/support/random.h"

static void lwm2m_appendix_c_integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        proa_err err;
        int64_t value;
    } rows[] = {{"0", PROA_OK, 0},
                {"-0", PROA_OK, 0},
                {"-5", PROA_OK, -5},
                {"0042", PROA_OK, 42},
                {"9223372036854775807", PROA_OK, INT64_MAX},
                {"-9223372036854775808", PROA_OK, INT64_MIN},
                {"9223372036854775808", PROA_E_RANGE, 0},
                {"-9223372036854775809", PROA_E_RANGE, 0},
                {"", PROA_E_FORMAT, 0},
                {"-", PROA_E_FORMAT, 0},
                {"+1", PROA_E_FORMAT, 0},
                {"--1", PROA_E_FORMAT, 0},
                {"1.0", PROA_E_FORMAT, 0},
                {" 1", PROA_E_FORMAT, 0},
                {"1\n", PROA_E_FORMAT, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len = strlen(rows[i].text);
        uint8_t *in = guard_copy(rows[i].text, len);
        int64_t value = 77;
        assert_int_equal(proa_text_integer(proa_span_make(in, len), &value), rows[i].err);
        assert_true(value == (rows[i].err == PROA_OK ? rows[i].value : 77));
        guard_free(in, len);
    }
    char out[20];
    proa_writer w = proa_writer_make(out, sizeof out);
    proa_text_write_unsigned(&w, UINT64_MAX);
    assert_true(proa_span_equal(proa_writer_span(&w), proa_span_of("18446744073709551615")));
    w.len = 0;
    proa_text_write_unsigned(&w, 0);
    assert_true(proa_span_equal(proa_writer_span(&w), proa_span_of("0")));
}

static void lwm2m_appendix_c_floats_that_are_none(void **state)
{
    (void)state;
    static const char *const rows[] = {"",      ".",     "-",   "+",    "e5",   "1e",   "1e+",
                                       "1e5.0", "1.2.3", "1,5", "nan",  "inf",  "0x10", " 1",
                                       "1 ",    "1_0",   "--1", "1e5x", "-.e1", "1e--5"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len = strlen(rows[i]);
        uint8_t *in = guard_copy(rows[i], len);
        double value = 77;
        assert_int_equal(proa_text_float(proa_span_make(in, len), &value), PROA_E_FORMAT);
        assert_true(value == 77);
        guard_free(in, len);
    }
    double value = 0;
    assert_int_equal(proa_text_float(proa_span_make("1\0", 2), &value), PROA_E_FORMAT);
}

static void lwm2m_appendix_c_floats_hard_to_round(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "0",
        "-0",
        "+1.5",
        ".5",
        "5.",
        "00000000000000000000000000000000000000000000000000.5",
        "1e0",
        "1E+05",
        "1e-5",
        "0e99999",
        "0.000000000000000000000000000000000000000000001e45",
        "2.2250738585072011e-308", /* once made two languages loop forever */
        "2.2250738585072014e-308",
        "4.9406564584124654e-324",
        "5e-324",
        "2.5e-324",
        "2.4e-324",
        "2.4703282292062327208e-324", /* just below half of the smallest */
        "2.4703282292062328e-324",
        "1e-400",
        "1e-99999999999999999999",
        "1.7976931348623157e308",
        "1.7976931348623158e308",
        "9007199254740993", /* 2^53 + 1: a tie */
        "9007199254740993.0000000000000000000000000000000000000000000000000001",
        "9007199254740992.9999999999999999999999999999999999999999",
        "9007199254740995",
        "0.1000000000000000055511151231257827021181583404541015625",
        "1.00000000000000011102230246251565404236316680908203124", /* below a tie, 54 digits */
        "1.00000000000000011102230246251565404236316680908203125",
        "123456789012345678901234567890123456789012345678901234567890",
        "8.5e-5",
        "1764732181875565040.60162E-21",
        "117175374417512395.86631E-280",
        "6.62607015e-34",
        "299792458",
        "3.14159265358979323846264338327950288419716939937510"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len = strlen(rows[i]);
        uint8_t *in = guard_copy(rows[i], len);
        double value = 77;
        double expected = strtod(rows[i], NULL);
        assert_int_equal(proa_text_float(proa_span_make(in, len), &value), PROA_OK);
        if (memcmp(&value, &expected, sizeof value) != 0) {
            fail_msg("%s: %.17g", rows[i], value);
        }
        guard_free(in, len);
    }
    static const char *const large[] = {"1e309", "-1e309", "1.7976931348623159e308",
                                        "1e99999999999999", "179769313486231580793e289"};
    for (size_t i = 0; i < sizeof large / sizeof large[0]; i++) {
        double value = 77;
        assert_int_equal(proa_text_float(proa_span_of(large[i]), &value), PROA_E_RANGE);
        assert_true(value == 77);
    }
}

static void lwm2m_appendix_c_floats_have_one_text(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0.0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {-25, "-25"},
        {0.1, "0.1"},
        {22.5, "22.5"},
        {-0.001, "-0.001"},
        {100, "100"},
        {123456789.125, "123456789.125"},
        {1e20, "100000000000000000000"},
        {1e21, "1e+21"},
        {1.5e21, "1.5e+21"},
        {0.000001, "0.000001"},
        {0.0000001, "1e-7"},
        {1.25e-7, "1.25e-7"},
        {5e-324, "5e-324"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {9007199254740992, "9007199254740992"},
        {1e23, "1e+23"},
        {9.5e-322, "9.5e-322"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {0.30000000000000004, "0.30000000000000004"},
        {9.5367431640625e-7, "9.5367431640625e-7"}, /* 2^-20, a power of two */
        {0x1p-44, "5.684341886080802e-14"},        /* not the nearer of that length, the one back */
        {562949953421312.25, "562949953421312.3"}, /* halfway between two that come back */
        {9.5, "9.5"},
        {4.35, "4.35"},
        {-0.0000012345678901234567, "-0.0000012345678901234567"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[PROA_TEXT_FLOAT_MAX + 1] = "";
        proa_writer w = proa_writer_make(out, PROA_TEXT_FLOAT_MAX);
        proa_text_write_float(&w, rows[i].value);
        assert_int_equal(w.err, PROA_OK);
        assert_string_equal(out, rows[i].text);
        w = proa_writer_make(out, strlen(rows[i].text) - 1);
        proa_text_write_float(&w, rows[i].value);
        assert_int_equal(w.err, PROA_E_NO_SPACE);
        assert_int_equal(w.len, 0);
    }
    static const double none[] = {(double)INFINITY, -(double)INFINITY, (double)NAN};
    for (size_t i = 0; i < 3; i++) {
        char out[PROA_TEXT_FLOAT_MAX];
        proa_writer w = proa_writer_make(out, sizeof out);
        proa_text_write_float(&w, none[i]);
        assert_int_equal(w.err, PROA_E_RANGE);
        assert_int_equal(w.len, 0);
    }
}

/* How many digits printf needs until strtod gives the same number. */
static int shortest_precision(double value)
{
    int precision = 1;
    for (char text[40];; precision++) {
        snprintf(text, sizeof text, "%.*e", precision - 1, value);
        if (strtod(text, NULL) == value) {
            return precision;
        }
    }
}

static int significant_digits(const char *text)
{
    int count = 0;
    int zeros = 0;
    for (; *text != '\0' && *text != 'e'; text++) {
        if (*text < '0' || *text > '9' || (*text == '0' && count == 0)) {
            continue;
        }
        zeros = *text == '0' ? zeros + 1 : 0;
        count++;
    }
    return count - zeros;
}

static void lwm2m_appendix_c_floats_come_back_in_the_fewest_digits(void **state)
{
    (void)state;
    test_random random;
    (void)test_random_start(&random, 1);
    for (int i = 0; i < 2000; i++) {
        uint64_t bits = test_random_next(&random);
        double value = (double)(int64_t)(bits >> 40) / 1000;
        double back = 0;
        char out[PROA_TEXT_FLOAT_MAX + 1] = "";
        if (i % 2 == 0) {
            memcpy(&value, &bits, sizeof value);
        }
        if (!isfinite(value)) {
            continue;
        }
        proa_writer w = proa_writer_make(out, PROA_TEXT_FLOAT_MAX);
        proa_text_write_float(&w, value);
        assert_int_equal(w.err, PROA_OK);
        assert_true(strtod(out, NULL) == value);
        assert_int_equal(proa_text_float(proa_writer_span(&w), &back), PROA_OK);
        assert_memory_equal(&back, &value, sizeof back);
        if (significant_digits(out) > shortest_precision(value)) {
            fail_msg("%s is longer than needed", out);
        }
    }
}

/* Their neighbour below is nearer than the one above, which is a case of its own. */
static void lwm2m_appendix_c_every_power_of_two_comes_back(void **state)
{
    (void)state;
    for (int exponent = -1074; exponent < 1024; exponent++) {
        double value = ldexp(1, exponent);
        char out[PROA_TEXT_FLOAT_MAX + 1] = "";
        proa_writer w = proa_writer_make(out, PROA_TEXT_FLOAT_MAX);
        proa_text_write_float(&w, value);
        assert_int_equal(w.err, PROA_OK);
        if (strtod(out, NULL) != value || significant_digits(out) > shortest_precision(value)) {
            fail_msg("2^%d: %s", exponent, out);
        }
    }
}

static void lwm2m_appendix_c_booleans_and_links(void **state)
{
    (void)state;
    bool boolean = true;
    assert_int_equal(proa_text_boolean(proa_span_of("0"), &boolean), PROA_OK);
    assert_false(boolean);
    assert_int_equal(proa_text_boolean(proa_span_of("1"), &boolean), PROA_OK);
    assert_true(boolean);
    static const char *const no_booleans[] = {"", "2", "true", "01", "0 "};
    for (size_t i = 0; i < sizeof no_booleans / sizeof no_booleans[0]; i++) {
        assert_int_equal(proa_text_boolean(proa_span_of(no_booleans[i]), &boolean), PROA_E_FORMAT);
    }
    static const struct {
        const char *text;
        proa_err err;
        uint16_t object;
        uint16_t instance;
    } links[] = {{"66:0", PROA_OK, 66, 0},        {"65535:65535", PROA_OK, 65535, 65535},
                 {"0:0", PROA_OK, 0, 0},          {"65536:0", PROA_E_RANGE, 7, 7},
                 {"0:65536", PROA_E_RANGE, 7, 7}, {"", PROA_E_FORMAT, 7, 7},
                 {":", PROA_E_FORMAT, 7, 7},      {"1:", PROA_E_FORMAT, 7, 7},
                 {":1", PROA_E_FORMAT, 7, 7},     {"1", PROA_E_FORMAT, 7, 7},
                 {"1:2:3", PROA_E_FORMAT, 7, 7},  {"1:-2", PROA_E_FORMAT, 7, 7}};
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        uint16_t object = 7;
        uint16_t instance = 7;
        size_t len = strlen(links[i].text);
        uint8_t *in = guard_copy(links[i].text, len);
        assert_int_equal(proa_text_objlink(proa_span_make(in, len), &object, &instance),
                         links[i].err);
        assert_int_equal(object, links[i].object);
        assert_int_equal(instance, links[i].instance);
        guard_free(in, len);
    }
    char out[12] = "";
    proa_writer w = proa_writer_make(out, 11);
    proa_text_write_objlink(&w, 65535, 65535);
    assert_string_equal(out, "65535:65535");
    w.len = 0;
    proa_text_write_boolean(&w, true);
    proa_text_write_boolean(&w, false);
    assert_memory_equal(out, "10", 2);
}

static void rfc4648_10_base64(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        const char *text;
    } rows[] = {{"", ""},
                {"f", "Zg=="},
                {"fo", "Zm8="},
                {"foo", "Zm9v"},
                {"foob", "Zm9vYg=="},
                {"fooba", "Zm9vYmE="},
                {"foobar", "Zm9vYmFy"},
                {"\xfb\xef\xff", "++//"},
                {"\xff", "/w=="}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t out[16];
        proa_writer w = proa_writer_make(out, strlen(rows[i].text));
        proa_text_write_base64(&w, proa_span_of(rows[i].bytes));
        assert_true(proa_span_equal(proa_writer_span(&w), proa_span_of(rows[i].text)));
        uint8_t *in = guard_copy(rows[i].text, strlen(rows[i].text));
        proa_span text = proa_span_make(in, strlen(rows[i].text));
        w = proa_writer_make(out, strlen(rows[i].bytes));
        assert_int_equal(proa_text_base64(text, &w), PROA_OK);
        assert_true(proa_span_equal(proa_writer_span(&w), proa_span_of(rows[i].bytes)));
        if (rows[i].bytes[0] != '\0') {
            w = proa_writer_make(out, strlen(rows[i].bytes) - 1);
            assert_int_equal(proa_text_base64(text, &w), PROA_E_NO_SPACE);
            assert_int_equal(w.len, 0);
            w = proa_writer_make(out, strlen(rows[i].text) - 1);
            proa_text_write_base64(&w, proa_span_of(rows[i].bytes));
            assert_int_equal(w.err, PROA_E_NO_SPACE);
            assert_int_equal(w.len, 0);
        }
        guard_free(in, text.len);
    }
}

static void rfc4648_3_what_is_no_base64(void **state)
{
    (void)state;
    static const char *const rows[] = {"Z",    "Zg",   "Zg=",      "Zh==",      "Zm9=",
                                       "====", "=Zg=", "Z===",     "Zg==Zg==",  "Zm9\n",
                                       "Zm9-", "Zm9 ", "Zm9vZg=A", "Zm\xc3\xa4"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t out[16];
        proa_writer w = proa_writer_make(out, sizeof out);
        proa_write_u8(&w, 1);
        assert_int_equal(proa_text_base64(proa_span_of(rows[i]), &w), PROA_E_FORMAT);
        assert_int_equal(w.len, 1);
    }
    uint8_t out[4];
    proa_writer w = proa_writer_make(out, sizeof out);
    assert_int_equal(proa_text_base64(proa_span_make("Zm9\0", 4), &w), PROA_E_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lwm2m_appendix_c_integers),
        cmocka_unit_test(lwm2m_appendix_c_floats_that_are_none),
        cmocka_unit_test(lwm2m_appendix_c_floats_hard_to_round),
        cmocka_unit_test(lwm2m_appendix_c_floats_have_one_text),
        cmocka_unit_test(lwm2m_appendix_c_floats_come_back_in_the_fewest_digits),
        cmocka_unit_test(lwm2m_appendix_c_every_power_of_two_comes_back),
        cmocka_unit_test(lwm2m_appendix_c_booleans_and_links),
        cmocka_unit_test(rfc4648_10_base64),
        cmocka_unit_test(rfc4648_3_what_is_no_base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
