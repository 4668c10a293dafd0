/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes in, bytes out: what fits, what does not, and that nothing moves after a failure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proa/bytes.h"
#include "tests/support/guard.h"

static void reader_takes_each_width(void **state)
{
    (void)state;
    uint8_t bytes[15];
    size_t len = hex("01 0203 04050607 08090a0b0c0d0e0f", bytes, sizeof bytes);
    uint8_t *in = guard_copy(bytes, len);
    proa_reader r = proa_reader_make(proa_span_make(in, len));
    assert_int_equal(proa_read_u8(&r), 0x01);
    assert_int_equal(proa_read_u16(&r), 0x0203);
    assert_int_equal(proa_read_u32(&r), 0x04050607);
    assert_true(proa_read_u64(&r) == 0x08090a0b0c0d0e0fU);
    assert_int_equal(proa_reader_left(&r), 0);
    assert_int_equal(r.err, PROA_OK);
    guard_free(in, len);
}

static void reader_stops_at_the_end_and_stays_there(void **state)
{
    (void)state;
    for (size_t width = 1; width <= 8; width++) {
        uint8_t *in = guard_copy("\xff\xff\xff\xff\xff\xff\xff", width - 1);
        proa_reader r = proa_reader_make(proa_span_make(in, width - 1));
        assert_true(proa_read_uint(&r, width) == 0);
        assert_int_equal(r.err, PROA_E_TRUNCATED);
        assert_int_equal(proa_reader_left(&r), width - 1);
        assert_int_equal(proa_read_span(&r, 0).len, 0);
        assert_true(proa_read_uint(&r, width - 1) == 0); /* would have fit before */
        assert_int_equal(proa_reader_left(&r), width - 1);
        guard_free(in, width - 1);
    }
}

static void reader_refuses_lengths_that_would_wrap(void **state)
{
    (void)state;
    uint8_t in[4] = {0};
    proa_reader r = proa_reader_make(proa_span_make(in, sizeof in));
    assert_null(proa_read_span(&r, SIZE_MAX).data);
    assert_int_equal(r.err, PROA_E_TRUNCATED);
    r = proa_reader_make(proa_span_make(in, sizeof in));
    assert_true(proa_read_uint(&r, 9) == 0);
    assert_int_equal(r.err, PROA_E_RANGE);
}

static void reader_of_nothing(void **state)
{
    (void)state;
    proa_reader r = proa_reader_make(proa_span_make(NULL, 0));
    assert_int_equal(proa_read_span(&r, 0).len, 0);
    assert_int_equal(r.err, PROA_OK);
    assert_true(proa_read_uint(&r, 0) == 0);
    assert_int_equal(r.err, PROA_OK);
    assert_int_equal(proa_read_u8(&r), 0);
    assert_int_equal(r.err, PROA_E_TRUNCATED);
}

static void writer_writes_each_width(void **state)
{
    (void)state;
    uint8_t expected[17];
    size_t len = hex("01 0203 04050607 08090a0b0c0d0e0f 6869", expected, sizeof expected);
    uint8_t out[17];
    proa_writer w = proa_writer_make(out, sizeof out);
    proa_write_u8(&w, 0x01);
    proa_write_u16(&w, 0x0203);
    proa_write_u32(&w, 0x04050607);
    proa_write_u64(&w, 0x08090a0b0c0d0e0fU);
    proa_write_text(&w, "hi");
    proa_write_uint(&w, 0, 0);
    assert_int_equal(w.err, PROA_OK);
    assert_int_equal(proa_writer_span(&w).len, len);
    assert_memory_equal(out, expected, len);
}

static void writer_writes_all_or_nothing(void **state)
{
    (void)state;
    for (size_t cap = 0; cap < 8; cap++) {
        uint8_t *out = guard_copy("\0\0\0\0\0\0\0", cap);
        proa_writer w = proa_writer_make(out, cap);
        proa_write_u64(&w, UINT64_MAX);
        assert_int_equal(w.err, PROA_E_NO_SPACE);
        assert_int_equal(w.len, 0);
        proa_write_u8(&w, 1);
        assert_int_equal(w.len, 0);
        assert_true(cap == 0 || out[0] == 0);
        guard_free(out, cap);
    }
    uint8_t out[2];
    proa_writer w = proa_writer_make(out, sizeof out);
    proa_write_u8(&w, 1);
    proa_write_bytes(&w, "x", SIZE_MAX); /* a length that would wrap around */
    assert_int_equal(w.err, PROA_E_NO_SPACE);
    proa_writer none = proa_writer_make(NULL, 0);
    proa_write_bytes(&none, NULL, 0);
    assert_int_equal(none.err, PROA_OK);
    proa_write_bytes(&none, "x", SIZE_MAX);
    assert_int_equal(none.err, PROA_E_NO_SPACE);
}

static void writer_refuses_what_the_width_cannot_hold(void **state)
{
    (void)state;
    for (size_t width = 0; width < 8; width++) {
        uint8_t out[8];
        proa_writer w = proa_writer_make(out, sizeof out);
        uint64_t first_too_large = 1ULL << (8 * width);
        proa_write_uint(&w, first_too_large - 1, width);
        assert_int_equal(w.err, PROA_OK);
        assert_int_equal(w.len, width);
        w.len = 0;
        proa_write_uint(&w, first_too_large, width);
        assert_int_equal(w.err, PROA_E_RANGE);
        assert_int_equal(w.len, 0);
    }
    uint8_t out[16];
    proa_writer w = proa_writer_make(out, sizeof out);
    proa_write_uint(&w, 0, 9);
    assert_int_equal(w.err, PROA_E_RANGE);
}

static void insert_moves_what_follows(void **state)
{
    (void)state;
    uint8_t *out = guard_copy("......", 6);
    proa_writer w = proa_writer_make(out, 6);
    proa_write_insert(&w, 0, "b", 1);
    proa_write_insert(&w, 1, "e", 1);
    proa_write_insert(&w, 0, "a", 1);
    proa_write_insert(&w, 2, "cd", 2);
    proa_write_insert(&w, 2, "", 0);
    assert_int_equal(w.len, 5);
    assert_memory_equal(out, "abcde.", 6);
    expect_assert_failure(proa_write_insert(&w, 6, "x", 1));
    proa_write_insert(&w, 0, "xy", 2);
    assert_int_equal(w.err, PROA_E_NO_SPACE);
    assert_memory_equal(out, "abcde.", 6);
    guard_free(out, 6);
}

static void decimal_is_written(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        const char *text;
    } rows[] = {{0, "0"},
                {9, "9"},
                {10, "10"},
                {-1, "-1"},
                {INT64_MAX, "9223372036854775807"},
                {INT64_MIN, "-9223372036854775808"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[20];
        proa_writer w = proa_writer_make(out, sizeof out);
        proa_write_decimal(&w, rows[i].value);
        assert_int_equal(w.err, PROA_OK);
        assert_true(proa_span_equal(proa_writer_span(&w), proa_span_of(rows[i].text)));
    }
}

static void decimal_is_parsed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t max;
        proa_err err;
        uint64_t value;
    } rows[] = {
        {"0", 0, PROA_OK, 0},
        {"1", 0, PROA_E_RANGE, 0},
        {"9", 5, PROA_E_RANGE, 0},
        {"65535", 65535, PROA_OK, 65535},
        {"65536", 65535, PROA_E_RANGE, 0},
        {"655350", 65535, PROA_E_RANGE, 0},
        {"0000000000000000000000065535", 65535, PROA_OK, 65535},
        {"18446744073709551615", UINT64_MAX, PROA_OK, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, PROA_E_RANGE, 0},
        {"99999999999999999999", UINT64_MAX, PROA_E_RANGE, 0},
        {"", 9, PROA_E_FORMAT, 0},
        {"-1", 9, PROA_E_FORMAT, 0},
        {"+1", 9, PROA_E_FORMAT, 0},
        {" 1", 9, PROA_E_FORMAT, 0},
        {"1 ", 9, PROA_E_FORMAT, 0},
        {"0x1", 9, PROA_E_FORMAT, 0},
        {"/", 9, PROA_E_FORMAT, 0},
        {":", 9, PROA_E_FORMAT, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len = strlen(rows[i].text);
        uint8_t *in = guard_copy(rows[i].text, len);
        uint64_t value = 77;
        assert_int_equal(proa_parse_decimal(proa_span_make(in, len), rows[i].max, &value),
                         rows[i].err);
        assert_true(value == (rows[i].err == PROA_OK ? rows[i].value : 77));
        guard_free(in, len);
    }
}

static void rfc7252_3_2_uint_width(void **state)
{
    (void)state;
    assert_int_equal(proa_uint_width(0), 0);
    for (size_t width = 1; width <= 8; width++) {
        uint64_t smallest = 1ULL << (8 * (width - 1));
        assert_int_equal(proa_uint_width(smallest), width);
        assert_int_equal(proa_uint_width(smallest - 1), width - 1);
    }
    assert_int_equal(proa_uint_width(UINT64_MAX), 8);
}

static void spans_are_compared(void **state)
{
    (void)state;
    assert_true(proa_span_equal(proa_span_of(""), proa_span_make(NULL, 0)));
    assert_true(proa_span_equal(proa_span_of("ab"), proa_span_make("abc", 2)));
    assert_false(proa_span_equal(proa_span_of("ab"), proa_span_of("abc")));
    assert_false(proa_span_equal(proa_span_of("ab"), proa_span_of("ac")));
}

static void secrets_are_compared_and_wiped(void **state)
{
    (void)state;
    uint8_t a[16] = {1, 2, 3};
    uint8_t b[16] = {1, 2, 3};
    assert_true(proa_equal_ct(a, b, sizeof a));
    for (size_t i = 0; i < 8 * sizeof a; i++) {
        b[i / 8] ^= (uint8_t)(1U << i % 8);
        assert_false(proa_equal_ct(a, b, sizeof a));
        b[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    assert_true(proa_equal_ct(a, b, 0));
    memset(a, 0xa5, sizeof a);
    proa_wipe(a, sizeof a - 1);
    static const uint8_t wiped[16] = {[15] = 0xa5};
    assert_memory_equal(a, wiped, sizeof a);
}

static void errors_have_names_of_their_own(void **state)
{
    (void)state;
    for (int a = 0; a >= PROA_E_NO_MEMORY; a--) {
        assert_string_not_equal(proa_err_name((proa_err)a), "unknown");
        for (int b = a - 1; b >= PROA_E_NO_MEMORY; b--) {
            assert_string_not_equal(proa_err_name((proa_err)a), proa_err_name((proa_err)b));
        }
    }
    assert_string_equal(proa_err_name((proa_err)(PROA_E_NO_MEMORY - 1)), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reader_takes_each_width),
        cmocka_unit_test(reader_stops_at_the_end_and_stays_there),
        cmocka_unit_test(reader_refuses_lengths_that_would_wrap),
        cmocka_unit_test(reader_of_nothing),
        cmocka_unit_test(writer_writes_each_width),
        cmocka_unit_test(writer_writes_all_or_nothing),
        cmocka_unit_test(writer_refuses_what_the_width_cannot_hold),
        cmocka_unit_test(insert_moves_what_follows),
        cmocka_unit_test(decimal_is_written),
        cmocka_unit_test(decimal_is_parsed),
        cmocka_unit_test(rfc7252_3_2_uint_width),
        cmocka_unit_test(spans_are_compared),
        cmocka_unit_test(secrets_are_compared_and_wiped),
        cmocka_unit_test(errors_have_names_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
