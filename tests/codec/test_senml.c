/* SPDX-License-Identifier: Apache-2.0 */
/* SenML packs: resolved as RFC 8428 says, written so that they can be read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include "proa/codec/senml.h"
#include "tests/support/guard.h"

static void append(char *out, size_t cap, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void append(char *out, size_t cap, const char *format, ...)
{
    size_t len = strlen(out);
    va_list args;
    va_start(args, format);
    int more = vsnprintf(out + len, cap - len, format, args);
    va_end(args);
    assert_in_range(more, 0, cap - len - 1);
}

static void print_record(const proa_senml_record *record, char *out, size_t cap)
{
    char digits[64];
    append(out, cap, "%.*s", (int)record->name.len, (const char *)record->name.data);
    switch (record->kind) {
    case PROA_SENML_NONE:
        break;
    case PROA_SENML_INTEGER:
        append(out, cap, "=%lld", (long long)record->as.integer);
        break;
    case PROA_SENML_UNSIGNED:
        append(out, cap, "=u%llu", (unsigned long long)record->as.unsigned_integer);
        break;
    case PROA_SENML_FLOAT:
        append(out, cap, "=f%.17g", record->as.real);
        break;
    case PROA_SENML_BOOLEAN:
        append(out, cap, "=%s", record->as.boolean ? "true" : "false");
        break;
    case PROA_SENML_DATA:
        append(out, cap, "=h'%s'", unhex(record->as.bytes.data, record->as.bytes.len, digits));
        break;
    case PROA_SENML_STRING:
    case PROA_SENML_OBJLINK:
        append(out, cap, record->kind == PROA_SENML_STRING ? "=\"%.*s\"" : "=<%.*s>",
               (int)record->as.bytes.len, (const char *)record->as.bytes.data);
    }
    if (record->has_time) {
        append(out, cap, "@%.17g", record->time);
    }
    append(out, cap, " ");
}

static proa_err print_pack(const uint8_t *bytes, size_t len, char *out, size_t cap)
{
    uint8_t *in = guard_copy(bytes, len);
    proa_senml_reader s;
    proa_senml_record record;
    proa_senml_read(&s, proa_span_make(in, len));
    out[0] = '\0';
    while (proa_senml_next(&s, &record)) {
        print_record(&record, out, cap);
    }
    assert_false(proa_senml_next(&s, &record));
    guard_free(in, len);
    return s.err;
}

typedef struct row {
    const char *hex;
    const char *text;
    proa_err err;
} row;

static void check(const row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t bytes[300];
        char out[400];
        size_t len = hex(rows[i].hex, bytes, sizeof bytes);
        proa_err err = print_pack(bytes, len, out, sizeof out);
        if (err != rows[i].err) {
            fail_msg("%s: %d", rows[i].hex, err);
        }
        assert_string_equal(out, rows[i].text);
    }
}

/* RFC 8428 §6: the pack of Figure 3 in CBOR, 7 currents measured one second after the other. */
static void rfc8428_6_example(void **state)
{
    (void)state;
    static const char pack[] =
        "87"
        "a7 21 78 1b 75726e3a6465763a6f773a3130653230373361303130383030363a"
        "   22 fb 41d303a15b001062 23 61 41 20 05 00 67 766f6c74616765 01 61 56"
        "   02 fb 405e066666666666"
        "a3 00 67 63757272656e74 06 24 02 fb 3ff3333333333333"
        "a3 00 67 63757272656e74 06 23 02 fb 3ff4cccccccccccd"
        "a3 00 67 63757272656e74 06 22 02 fb 3ff6666666666666"
        "a3 00 67 63757272656e74 06 21 02 f9 3e00"
        "a3 00 67 63757272656e74 06 20 02 fb 3ff999999999999a"
        "a3 00 67 63757272656e74 06 00 02 fb 3ffb333333333333";
    uint8_t bytes[300];
    size_t len = hex(pack, bytes, sizeof bytes);
    static const double expected[] = {120.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7};
    proa_senml_reader s;
    proa_senml_record record;
    proa_senml_read(&s, proa_span_make(bytes, len));
    for (size_t i = 0; i < 7; i++) {
        assert_true(proa_senml_next(&s, &record));
        assert_int_equal(record.kind, PROA_SENML_FLOAT);
        assert_true(record.as.real == expected[i]);
        assert_true(record.has_time);
        assert_true(record.time == 1276020076.001 + (i == 0 ? 0 : (double)i - 6));
        assert_true(proa_span_equal(record.name,
                                    proa_span_of(i == 0 ? "urn:dev:ow:10e2073a0108006:voltage"
                                                        : "urn:dev:ow:10e2073a0108006:current")));
    }
    assert_false(proa_senml_next(&s, &record));
    assert_int_equal(s.err, PROA_OK);
}

static void rfc8428_4_6_records_are_resolved(void **state)
{
    (void)state;
    static const row rows[] = {
        {"80", "", PROA_OK},
        {"81 a2 00 66 2f332f302f39 02 1864", "/3/0/9=100 ", PROA_OK},
        /* base name from the first record on, changed by the third */
        {"84 a3 21 65 2f332f302f 00 61 39 02 05  a2 00 61 30 03 61 78  a2 21 64 2f342f31 04 f5"
         "  a2 00 62 2f32 04 f4",
         "/3/0/9=5 /3/0/0=\"x\" /4/1=true /4/1/2=false ", PROA_OK},
        /* a base name after the name, and an empty one */
        {"82 a2 00 61 39 21 63 2f332f  a2 21 60 00 62 2f31", "/3/9 /1 ", PROA_OK},
        {"81 a2 00 61 61 08 43 010203", "a=h'010203' ", PROA_OK},
        {"81 a2 00 61 61 63 766c6f 64 36363a30", "a=<66:0> ", PROA_OK},
        /* numbers: negative, large, half, decimal fraction 4([-2, 27315]) */
        {"81 a2 00 61 61 02 1b7fffffffffffffff", "a=9223372036854775807 ", PROA_OK},
        {"81 a2 00 61 61 02 c4 82 00 26", "a=f-7 ", PROA_OK},
        {"84 a2 00 61 61 02 38 63  a2 00 61 62 02 1bffffffffffffffff  a2 00 61 63 02 f93e00"
         "  a2 00 61 64 02 c4 82 21 19 6ab3",
         "a=-100 b=u18446744073709551615 c=f1.5 d=f273.14999999999998 ", PROA_OK},
        /* a time marked as one, as Anjay Lite does */
        {"81 a2 00 61 61 02 c1 1a 5f000000", "a=1593835520 ", PROA_OK},
        /* base value: integers stay integers, until the sum does not fit; strings are left alone */
        {"85 a3 24 0a 00 61 61 02 05  a2 00 61 62 02 f93e00  a2 00 61 63 02 1b7fffffffffffffff"
         "  a2 00 61 64 03 60  a3 24 29 00 61 65 02 05",
         "a=15 b=f11.5 c=f9.2233720368547758e+18 d=\"\" e=-5 ", PROA_OK},
        /* base time, and a time of a record's own */
        {"83 a3 22 1a 5f000000 00 61 61 02 01  a3 00 61 62 06 05 02 01  a3 22 00 00 61 63 06 24",
         "a=1@1593835520 b=1@1593835525 c@-5 ", PROA_OK},
        {"82 a2 00 61 61 02 01  a3 00 61 62 06 20 02 01", "a=1 b=1@-1 ", PROA_OK},
        /* what we do not use: units, sums, update time, version, labels nobody knows */
        {"81 a9 20 0a 23 61 56 25 01 01 61 56 05 07 07 01 18 63 80 61 78 a0 00 61 61", "a ",
         PROA_OK},
        /* indefinite lengths everywhere */
        {"9f bf 21 7f 62 2f33 61 2f ff 00 61 39 02 01 ff bf 00 7f 61 61 61 62 ff 03 7f 61 63 61 64 ff ff ff",
         "/3/9=1 /3/ab=\"cd\" ", PROA_OK},
    };
    check(rows, sizeof rows / sizeof rows[0]);
}

static void rfc8428_4_what_is_refused(void **state)
{
    (void)state;
    static const row rows[] = {
        {"", "", PROA_E_TRUNCATED},
        {"a0", "", PROA_E_TYPE},
        {"81 00", "", PROA_E_TYPE},
        {"82 a2 00 61 61 02 01", "a=1 ", PROA_E_TRUNCATED},
        {"81 a2 00 61 61 02", "", PROA_E_TRUNCATED},
        {"80 00", "", PROA_E_FORMAT},
        {"9f a0", " ", PROA_E_TRUNCATED},
        {"81 a2 00 41 61 02 01", "", PROA_E_TYPE},    /* name in bytes */
        {"81 a2 02 61 31 00 61 61", "", PROA_E_TYPE}, /* value in text */
        {"81 a2 02 01 03 60", "", PROA_E_FORMAT},     /* two values */
        {"81 a2 04 f5 63 766c6f 60", "", PROA_E_FORMAT},
        {"81 a2 02 01 02 01", "", PROA_E_FORMAT}, /* a label twice */
        {"81 a2 00 61 61 00 61 62", "", PROA_E_FORMAT},
        {"81 a2 07 00 07 00", "", PROA_E_FORMAT},
        {"81 a1 20 0b", "", PROA_E_UNSUPPORTED},      /* a version after ours, §4.4 */
        {"81 a1 62 785f 00", "", PROA_E_UNSUPPORTED}, /* "x_" must be understood, §4.4 */
        {"81 a1 f5 00", "", PROA_E_TYPE},
        {"81 a1 02 c2 41 01", "", PROA_E_UNSUPPORTED},  /* a bignum */
        {"81 a1 02 c4 82 1903e8 01", "", PROA_E_RANGE}, /* 10^1000 */
        {"81 a1 02 c4 83 00 01 02", "", PROA_E_FORMAT},
    };
    check(rows, sizeof rows / sizeof rows[0]);
}

static size_t pack_with_names(uint8_t *out, size_t cap, size_t base_len, size_t name_len)
{
    static const uint8_t letters[200] = {'x'};
    proa_writer w = proa_writer_make(out, cap);
    proa_cbor_write_array(&w, 1);
    proa_cbor_write_map(&w, 2);
    proa_cbor_write_int(&w, -2);
    proa_cbor_write_text(&w, proa_span_make(letters, base_len));
    proa_cbor_write_int(&w, 0);
    proa_cbor_write_text(&w, proa_span_make(letters, name_len));
    assert_int_equal(w.err, PROA_OK);
    return w.len;
}

static void names_end_at_the_limit(void **state)
{
    (void)state;
    static const struct {
        size_t base_len;
        size_t name_len;
        proa_err err;
    } rows[] = {{PROA_SENML_NAME_MAX, 0, PROA_OK},
                {0, PROA_SENML_NAME_MAX, PROA_OK},
                {20, PROA_SENML_NAME_MAX - 20, PROA_OK},
                {20, PROA_SENML_NAME_MAX - 19, PROA_E_TOO_LARGE},
                {PROA_SENML_NAME_MAX + 1, 0, PROA_E_TOO_LARGE},
                {0, PROA_SENML_NAME_MAX + 1, PROA_E_TOO_LARGE}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t bytes[300];
        size_t len = pack_with_names(bytes, sizeof bytes, rows[i].base_len, rows[i].name_len);
        proa_senml_reader s;
        proa_senml_record record;
        proa_senml_read(&s, proa_span_make(bytes, len));
        assert_int_equal(proa_senml_next(&s, &record), rows[i].err == PROA_OK);
        assert_int_equal(s.err, rows[i].err);
        if (rows[i].err == PROA_OK) {
            assert_int_equal(record.name.len, PROA_SENML_NAME_MAX);
        }
    }
}

static void rfc8428_6_writing(void **state)
{
    (void)state;
    static const struct {
        const char *base;
        proa_senml_record record;
    } rows[] = {
        {"/3/0/", {{(const uint8_t *)"9", 1}, PROA_SENML_INTEGER, {.integer = 100}, false, 0}},
        {"", {{(const uint8_t *)"1", 1}, PROA_SENML_FLOAT, {.real = 0.1}, true, 1700000000}},
        {"", {{(const uint8_t *)"2", 1}, PROA_SENML_BOOLEAN, {.boolean = true}, true, -0.5}},
        {"",
         {{(const uint8_t *)"3", 1},
          PROA_SENML_STRING,
          {.bytes = {(const uint8_t *)"ab", 2}},
          false,
          0}},
        {"",
         {{(const uint8_t *)"4", 1},
          PROA_SENML_DATA,
          {.bytes = {(const uint8_t *)"ab", 2}},
          false,
          0}},
        {"",
         {{(const uint8_t *)"5", 1},
          PROA_SENML_OBJLINK,
          {.bytes = {(const uint8_t *)"1:2", 3}},
          false,
          0}},
        {"",
         {{(const uint8_t *)"6", 1},
          PROA_SENML_UNSIGNED,
          {.unsigned_integer = UINT64_MAX},
          false,
          0}},
        {"/4", {{NULL, 0}, PROA_SENML_NONE, {.integer = 0}, false, 0}},
    };
    uint8_t bytes[200];
    char out[400];
    proa_writer w = proa_writer_make(bytes, sizeof bytes);
    proa_senml_writer s = proa_senml_writer_make(&w);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        proa_senml_write(&s, proa_span_of(rows[i].base), &rows[i].record);
    }
    proa_senml_write_end(&s);
    assert_int_equal(w.err, PROA_OK);
    assert_int_equal(print_pack(bytes, w.len, out, sizeof out), PROA_OK);
    assert_string_equal(out, "/3/0/9=100 /3/0/1=f0.10000000000000001@1700000000 /3/0/2=true@-0.5 "
                             "/3/0/3=\"ab\" /3/0/4=h'6162' /3/0/5=<1:2> "
                             "/3/0/6=u18446744073709551615 /4 ");
    uint8_t first[20];
    size_t len = hex("88 a3 21 65 2f332f302f 00 61 39 02 1864", first, sizeof first);
    assert_memory_equal(bytes, first, len);
    size_t full = w.len;
    for (size_t cap = 0; cap < full; cap++) {
        w = proa_writer_make(bytes, cap);
        s = proa_senml_writer_make(&w);
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            proa_senml_write(&s, proa_span_of(rows[i].base), &rows[i].record);
        }
        proa_senml_write_end(&s);
        assert_int_equal(w.err, PROA_E_NO_SPACE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc8428_6_example),
        cmocka_unit_test(rfc8428_4_6_records_are_resolved),
        cmocka_unit_test(rfc8428_4_what_is_refused),
        cmocka_unit_test(names_end_at_the_limit),
        cmocka_unit_test(rfc8428_6_writing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
