/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of POST /ac and of its answers: docs/C2C.md §5. Vectors of the published prototype are
 * marked "seed". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/c2c/ac_body.h"
#include "proa/lwm2m.h"
#include "tests/support/guard.h"

#define ALL PROA_ID_ALL

typedef struct good_row {
    const char *name;
    const char *bytes;
    const char *written; /* NULL: the same bytes */
    proa_ac_body body;
} good_row;

static const good_row good[] = {
    {"seed: one path", "a1 82 19 0cef 00 01", NULL, {{{3311, 0, 1}}, 1}},
    {"seed: all rights", "a1 82 19 0cef 00 181f", NULL, {{{3311, 0, 31}}, 1}},
    {"seed: three entries",
     "a3 82190cef00 01 82190ce701 03 81190cef 10",
     NULL,
     {{{3311, 0, 1}, {3303, 1, 3}, {3311, ALL, 16}}, 3}},
    {"largest numbers", "a1 82 19fffe 19fffe 181f", NULL, {{{65534, 65534, 31}}, 1}},
    {"object above 32767", "a1 82 199c40 00 01", NULL, {{{40000, 0, 1}}, 1}},
    {"all instances spelled out",
     "a1 82 190cef 19ffff 01",
     "a1 81 190cef 01",
     {{{3311, ALL, 1}}, 1}},
    {"longer heads than needed",
     "a1 82 1a00000cef 1800 1801",
     "a1 82 190cef 00 01",
     {{{3311, 0, 1}}, 1}},
    {"indefinite lengths", "bf 9f 190cef 00 ff 01 ff", "a1 82 190cef 00 01", {{{3311, 0, 1}}, 1}},
    {"instance 24, bits 24: one byte more each",
     "a1 82 190cef 1818 1818",
     NULL,
     {{{3311, 24, 24}}, 1}},
};

static void g08_g27_bodies_are_read_and_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        uint8_t bytes[128];
        uint8_t expected[128];
        uint8_t written[PROA_AC_BODY_LEN_MAX];
        proa_ac_body body;
        size_t len = hex(good[i].bytes, bytes, sizeof(bytes));
        uint8_t *copy = guard_copy(bytes, len);
        print_message("%s\n", good[i].name);
        assert_int_equal(proa_ac_body_parse(proa_span_make(copy, len), &body), PROA_OK);
        assert_int_equal(body.count, good[i].body.count);
        for (size_t n = 0; n < body.count; n++) {
            assert_int_equal(body.entries[n].object, good[i].body.entries[n].object);
            assert_int_equal(body.entries[n].instance, good[i].body.entries[n].instance);
            assert_int_equal(body.entries[n].rights, good[i].body.entries[n].rights);
        }
        proa_writer w = proa_writer_make(written, sizeof(written));
        assert_int_equal(proa_ac_body_write(&w, &body), PROA_OK);
        len = hex(good[i].written != NULL ? good[i].written : good[i].bytes, expected,
                  sizeof(expected));
        assert_int_equal(w.len, len);
        assert_memory_equal(written, expected, len);
        guard_free(copy, hex(good[i].bytes, bytes, sizeof(bytes)));
    }
}

typedef struct bad_row {
    const char *name;
    const char *bytes;
    proa_err err;
} bad_row;

static const bad_row bad[] = {
    {"nothing", "", PROA_E_FORMAT},
    {"empty map", "a0", PROA_E_FORMAT},
    {"no map but an array", "82 190cef 00", PROA_E_FORMAT},
    {"a text", "63 616263", PROA_E_FORMAT},
    {"key no array", "a1 190cef 01", PROA_E_FORMAT},
    {"key empty array", "a1 80 01", PROA_E_FORMAT},
    {"key of three", "a1 83 190cef 00 00 01", PROA_E_FORMAT},
    {"negative object", "a1 82 20 00 01", PROA_E_FORMAT},
    {"object 65535", "a1 82 19ffff 00 01", PROA_E_FORMAT},
    {"object beyond 16 bit", "a1 82 1a00010000 00 01", PROA_E_FORMAT},
    {"object beyond 32 bit", "a1 82 1b0000000100000ce7 00 01", PROA_E_FORMAT},
    {"instance beyond 16 bit", "a1 82 190cef 1a00010000 01", PROA_E_FORMAT},
    {"object a text", "a1 82 61 31 00 01", PROA_E_FORMAT},
    {"no rights", "a1 82 190cef 00 00", PROA_E_FORMAT},
    {"Discover bit 0x20", "a1 82 190cef 00 1820", PROA_E_FORMAT},
    {"rights beyond a byte", "a1 82 190cef 00 190101", PROA_E_FORMAT},
    {"negative rights", "a1 82 190cef 00 20", PROA_E_FORMAT},
    {"rights a text", "a1 82 190cef 00 6131", PROA_E_FORMAT},
    {"a path twice", "a2 82190cef00 01 82190cef00 02", PROA_E_FORMAT},
    {"a path twice, spelled differently", "a2 81190cef 01 82190cef19ffff 02", PROA_E_FORMAT},
    {"bytes behind", "a1 82 190cef 00 01 00", PROA_E_FORMAT},
    {"cut in the key", "a1 82 190c", PROA_E_FORMAT},
    {"cut before the rights", "a1 82 190cef 00", PROA_E_FORMAT},
    {"one entry of two", "a2 82 190cef 00 01", PROA_E_FORMAT},
    {"huge map", "bb ffffffffffffffff 82190cef00 01", PROA_E_FORMAT},
    {"nested too deep", "a1 9f9f9f9f9f9f00 01", PROA_E_FORMAT},
    {"nine entries", "a9 8100 01 8101 01 8102 01 8103 01 8104 01 8105 01 8106 01 8107 01 8108 01",
     PROA_E_TOO_LARGE},
};

static void g08_g27_bad_bodies_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint8_t bytes[128];
        proa_ac_body body;
        size_t len = hex(bad[i].bytes, bytes, sizeof(bytes));
        uint8_t *copy = guard_copy(bytes, len);
        print_message("%s\n", bad[i].name);
        assert_int_equal(proa_ac_body_parse(proa_span_make(copy, len), &body), bad[i].err);
        guard_free(copy, len);
    }
}

static void g08_longest_body_fits_its_limit_and_no_less(void **state)
{
    uint8_t bytes[PROA_AC_BODY_LEN_MAX];
    proa_ac_body body = {.count = 0};
    proa_ac_body again;
    (void)state;
    for (uint16_t i = 0; i < PROA_AC_ENTRIES_MAX; i++) {
        assert_int_equal(proa_ac_body_add(&body, (uint16_t)(65000 + i), 65534, 31), PROA_OK);
    }
    assert_int_equal(proa_ac_body_add(&body, 1, 1, 1), PROA_E_FULL);
    assert_int_equal(proa_ac_body_add(&body, 65000, 65534, 1), PROA_OK); /* no new entry */
    proa_writer w = proa_writer_make(bytes, sizeof(bytes));
    assert_int_equal(proa_ac_body_write(&w, &body), PROA_OK);
    assert_int_equal(w.len, PROA_AC_BODY_LEN_MAX);
    assert_int_equal(proa_ac_body_parse(proa_writer_span(&w), &again), PROA_OK);
    assert_int_equal(again.count, PROA_AC_ENTRIES_MAX);
    for (size_t cap = 0; cap < sizeof(bytes); cap++) {
        w = proa_writer_make(bytes, cap);
        assert_int_equal(proa_ac_body_write(&w, &body), PROA_E_NO_SPACE);
        assert_true(w.len <= cap);
    }
}

static void c2c_5_reasons(void **state)
{
    static const struct {
        const char *bytes;
        proa_ac_why why;
    } rows[] = {
        {"a1 01 01", PROA_AC_WHY_PENDING},
        {"a1 01 02", PROA_AC_WHY_HOST_OFFLINE},
        {"a1 01 03", PROA_AC_WHY_BUSY},
        {"a1 01 04", PROA_AC_WHY_NO_NETWORK},
        {"a2 07 6178 01 02", PROA_AC_WHY_HOST_OFFLINE},
        {"a1 01 05", PROA_AC_WHY_NONE},
        {"a1 01 1b 0000000100000001", PROA_AC_WHY_NONE},
        {"a1 01 6131", PROA_AC_WHY_NONE},
        {"a1 02 01", PROA_AC_WHY_NONE},
        {"a1 01", PROA_AC_WHY_NONE},
        {"a0", PROA_AC_WHY_NONE},
        {"", PROA_AC_WHY_NONE},
        {"a1 01 01 00", PROA_AC_WHY_NONE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t bytes[32];
        size_t len = hex(rows[i].bytes, bytes, sizeof(bytes));
        uint8_t *copy = guard_copy(bytes, len);
        assert_int_equal(proa_ac_why_parse(proa_span_make(copy, len)), rows[i].why);
        guard_free(copy, len);
    }
    for (int why = PROA_AC_WHY_PENDING; why <= PROA_AC_WHY_NO_NETWORK; why++) {
        uint8_t bytes[PROA_AC_WHY_LEN_MAX];
        proa_writer w = proa_writer_make(bytes, sizeof(bytes));
        assert_int_equal(proa_ac_why_write(&w, (proa_ac_why)why), PROA_OK);
        assert_int_equal(proa_ac_why_parse(proa_writer_span(&w)), why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(g08_g27_bodies_are_read_and_written),
        cmocka_unit_test(g08_g27_bad_bodies_are_refused),
        cmocka_unit_test(g08_longest_body_fits_its_limit_and_no_less),
        cmocka_unit_test(c2c_5_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
