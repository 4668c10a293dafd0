/* SPDX-License-Identifier: Apache-2.0 */
/* core/oscore/option.c: every encoding of RFC 8613 §6.1, and every way to get it wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proa/oscore.h"
#include "tests/support/guard.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void rfc8613_6_1_accepts_and_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        proa_err err;
        const char *why;
    } rows[] = {
        {"", PROA_OK, "2: no flags are no bytes"},
        {"00", PROA_E_FORMAT, "2: flags of zero are left out"},
        {"00 00", PROA_E_FORMAT, "2: and so is all behind them"},
        {"01", PROA_E_TRUNCATED, "6.1: Partial IV missing"},
        {"01 00", PROA_OK, "5: number 0 has one byte"},
        {"01 14", PROA_OK, "Partial IV of 1"},
        {"02 01 00", PROA_OK, "of 2"},
        {"02 01", PROA_E_TRUNCATED, "of 2, cut"},
        {"03 01 00 00", PROA_OK, "of 3"},
        {"04 01 00 00 00", PROA_OK, "of 4"},
        {"05 01 00 00 00 00", PROA_OK, "of 5"},
        {"05 ff ff ff ff ff", PROA_OK, "the largest"},
        {"05 ff ff ff ff", PROA_E_TRUNCATED, "of 5, cut"},
        {"06 01 00 00 00 00 00", PROA_E_FORMAT, "6.1: n = 6 is reserved"},
        {"07 01 00 00 00 00 00 00", PROA_E_FORMAT, "6.1: n = 7 is reserved"},
        {"02 00 14", PROA_E_FORMAT, "5: leading zero"},
        {"02 00 00", PROA_E_FORMAT, "5: leading zero of zero"},
        {"05 00 ff ff ff ff", PROA_E_FORMAT, "5: leading zero of a long one"},
        {"01 14 00", PROA_E_FORMAT, "6.1: bytes behind, without the kid flag"},
        {"08", PROA_OK, "kid of 0, no Partial IV"},
        {"09 14", PROA_OK, "kid of 0"},
        {"09 14 73", PROA_OK, "kid of 1"},
        {"09 14 01 02 03 04 05 06 07", PROA_OK, "kid of 7"},
        {"09 14 01 02 03 04 05 06 07 08", PROA_OK, "kid of 8: nobody has it, but it is one"},
        {"09", PROA_E_TRUNCATED, "Partial IV missing before the kid"},
        {"10", PROA_E_TRUNCATED, "6.1: length of the kid context missing"},
        {"10 00", PROA_OK, "kid context of 0"},
        {"10 01", PROA_E_TRUNCATED, "kid context missing"},
        {"10 01 aa", PROA_OK, "kid context of 1"},
        {"10 01 aa bb", PROA_E_FORMAT, "bytes behind"},
        {"19 14 08 37 cb f3 21 00 17 a2 d3", PROA_OK, "C.6"},
        {"19 14 08 37 cb f3 21 00 17 a2", PROA_E_TRUNCATED, "C.6, cut"},
        {"19 14 08 37 cb f3 21 00 17 a2 d3 73", PROA_OK, "C.6 with a kid"},
        {"19 14 ff", PROA_E_TRUNCATED, "kid context of 255 missing"},
        {"20", PROA_E_FORMAT, "6.1: reserved"},
        {"29 14 73", PROA_E_FORMAT, "6.1: reserved (groups)"},
        {"40", PROA_E_FORMAT, "6.1: reserved"},
        {"80", PROA_E_FORMAT, "6.1: reserved"},
        {"ff", PROA_E_FORMAT, "all"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t value[300], again[300];
        proa_oscore_option option;
        size_t len = hex(rows[i].value, value, sizeof value);
        uint8_t *copy = guard_copy(value, len);
        proa_err err = proa_oscore_option_parse(proa_span_make(copy, len), &option);
        if (err != rows[i].err) {
            print_error("%s (%s): %d\n", rows[i].value, rows[i].why, err);
        }
        assert_int_equal(err, rows[i].err);
        if (err == PROA_OK) {
            proa_writer w = proa_writer_make(again, sizeof again);
            proa_oscore_option_write(&w, &option);
            assert_int_equal(w.err, PROA_OK);
            assert_int_equal(w.len, len);
            assert_memory_equal(again, value, len);
        }
        guard_free(copy, len);
    }
}

/* §6.3: examples 1 to 5. */
static void rfc8613_6_3_examples(void **state)
{
    (void)state;
    static const uint8_t kid[] = {0x25};
    static const uint8_t dalek[] = {0x44, 0x61, 0x6c, 0x65, 0x6b};
    static const struct {
        proa_oscore_option option;
        const char *value;
    } rows[] = {
        {{true, true, false, {0, 0, 0, 0, 5}, {kid, 1}, {NULL, 0}}, "090525"},
        {{true, true, false, {0}, {NULL, 0}, {NULL, 0}}, "0900"},
        {{true, true, true, {0, 0, 0, 0, 5}, {NULL, 0}, {dalek, 5}}, "19050544616c656b"},
        {{false, false, false, {0}, {NULL, 0}, {NULL, 0}}, ""},
        {{true, false, false, {0, 0, 0, 0, 7}, {NULL, 0}, {NULL, 0}}, "0107"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t value[32], expected[32];
        proa_oscore_option back;
        proa_writer w = proa_writer_make(value, sizeof value);
        proa_oscore_option_write(&w, &rows[i].option);
        size_t len = hex(rows[i].value, expected, sizeof expected);
        assert_int_equal(w.len, len);
        assert_memory_equal(value, expected, len);
        assert_int_equal(proa_oscore_option_parse(proa_writer_span(&w), &back), PROA_OK);
        assert_int_equal(back.has_number, rows[i].option.has_number);
        assert_memory_equal(back.number, rows[i].option.number, sizeof back.number);
        assert_int_equal(back.has_kid, rows[i].option.has_kid);
        assert_true(proa_span_equal(back.kid, rows[i].option.kid));
        assert_int_equal(back.has_kid_context, rows[i].option.has_kid_context);
        assert_true(proa_span_equal(back.kid_context, rows[i].option.kid_context));
    }
}

static void what_cannot_be_written(void **state)
{
    (void)state;
    static const uint8_t zeros[256];
    uint8_t value[512];
    proa_oscore_option option = {.has_kid_context = true, .kid_context = {zeros, 256}};
    proa_writer w = proa_writer_make(value, sizeof value);
    proa_oscore_option_write(&w, &option);
    assert_int_equal(w.err, PROA_E_RANGE);
    option.kid_context.len = 255;
    w = proa_writer_make(value, sizeof value);
    proa_oscore_option_write(&w, &option);
    assert_int_equal(w.err, PROA_OK);
    w = proa_writer_make(value, 256);
    proa_oscore_option_write(&w, &option);
    assert_int_equal(w.err, PROA_E_NO_SPACE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc8613_6_1_accepts_and_refuses),
        cmocka_unit_test(rfc8613_6_3_examples),
        cmocka_unit_test(what_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
