/* SPDX-License-Identifier: Apache-2.0 */
/* CBOR against the vectors of its RFC, at each width of a head, and with input that is cut,
 * broken or too deep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <math.h>

#include <cmocka.h>

#include "proa/codec/cbor.h"
#include "tests/support/guard.h"

/* Prints the next item the way RFC 8949 §8 writes them. */
static void print_item(proa_cbor_reader *c, char *out, size_t cap);

static void append(char *out, size_t cap, const char *text)
{
    size_t len = strlen(out);
    assert_true(len + strlen(text) < cap);
    strcpy(out + len, text);
}

static void print_list(proa_cbor_reader *c, char *out, size_t cap, bool map)
{
    append(out, cap, map ? "{" : "[");
    for (bool first = true; proa_cbor_more(c); first = false) {
        append(out, cap, first ? "" : ", ");
        print_item(c, out, cap);
        if (map) {
            append(out, cap, ": ");
            print_item(c, out, cap);
        }
    }
    proa_cbor_leave(c);
    append(out, cap, map ? "}" : "]");
}

static void print_bytes(proa_span bytes, char *out, size_t cap)
{
    char digits[201];
    assert_true(bytes.len <= 100);
    append(out, cap, "h'");
    append(out, cap, unhex(bytes.data, bytes.len, digits));
    append(out, cap, "'");
}

static void print_float(double value, char *out, size_t cap)
{
    char text[64];
    if (isnan(value)) {
        strcpy(text, "NaN");
    } else if (isinf(value)) {
        strcpy(text, value < 0 ? "-Infinity" : "Infinity");
    } else {
        snprintf(text, sizeof text, "f%.17g", value);
    }
    append(out, cap, text);
}

static void print_item(proa_cbor_reader *c, char *out, size_t cap)
{
    char text[128] = "";
    switch (proa_cbor_peek(c)) {
    case PROA_CBOR_UINT:
        snprintf(text, sizeof text, "%llu", (unsigned long long)proa_cbor_read_uint(c));
        break;
    case PROA_CBOR_NEGATIVE:
        snprintf(text, sizeof text, "%lld", (long long)proa_cbor_read_int(c));
        break;
    case PROA_CBOR_BYTES:
        print_bytes(proa_cbor_read_bytes(c), out, cap);
        break;
    case PROA_CBOR_TEXT: {
        proa_span s = proa_cbor_read_text(c);
        assert_true(s.len < 100);
        snprintf(text, sizeof text, "\"%.*s\"", (int)s.len, s.len > 0 ? (const char *)s.data : "");
        break;
    }
    case PROA_CBOR_ARRAY:
        proa_cbor_read_array(c);
        print_list(c, out, cap, false);
        break;
    case PROA_CBOR_MAP:
        proa_cbor_read_map(c);
        print_list(c, out, cap, true);
        break;
    case PROA_CBOR_TAG:
        snprintf(text, sizeof text, "%llu(", (unsigned long long)proa_cbor_read_tag(c));
        append(out, cap, text);
        print_item(c, out, cap);
        strcpy(text, ")");
        break;
    case PROA_CBOR_BOOL:
        strcpy(text, proa_cbor_read_bool(c) ? "true" : "false");
        break;
    case PROA_CBOR_NULL:
        proa_cbor_read_null(c);
        strcpy(text, "null");
        break;
    case PROA_CBOR_UNDEFINED:
        proa_cbor_read_null(c);
        strcpy(text, "undefined");
        break;
    case PROA_CBOR_SIMPLE:
        snprintf(text, sizeof text, "simple(%d)", proa_cbor_read_simple(c));
        break;
    case PROA_CBOR_FLOAT:
        print_float(proa_cbor_read_float(c), out, cap);
        break;
    case PROA_CBOR_NONE:
        (void)proa_cbor_skip(c);
        break;
    }
    append(out, cap, text);
}

typedef struct vector {
    const char *hex;
    const char *text;
} vector;

/* clang-format off */
/* RFC 8949 Appendix A without the three whose numbers do not fit 64 bits (below). Floats are
 * written as f and 17 digits. */
static const vector appendix_a[] = {
    {"00", "0"}, {"01", "1"}, {"0a", "10"}, {"17", "23"}, {"1818", "24"}, {"1819", "25"},
    {"1864", "100"}, {"1903e8", "1000"}, {"1a000f4240", "1000000"},
    {"1b000000e8d4a51000", "1000000000000"}, {"1bffffffffffffffff", "18446744073709551615"},
    {"c249010000000000000000", "2(h'010000000000000000')"},
    {"c349010000000000000000", "3(h'010000000000000000')"},
    {"20", "-1"}, {"29", "-10"}, {"3863", "-100"}, {"3903e7", "-1000"},
    {"f90000", "f0"}, {"f98000", "f-0"}, {"f93c00", "f1"},
    {"fb3ff199999999999a", "f1.1000000000000001"}, {"f93e00", "f1.5"}, {"f97bff", "f65504"},
    {"fa47c35000", "f100000"}, {"fa7f7fffff", "f3.4028234663852886e+38"},
    {"fb7e37e43c8800759c", "f1.0000000000000001e+300"}, {"f90001", "f5.9604644775390625e-08"},
    {"f90400", "f6.103515625e-05"}, {"f9c400", "f-4"}, {"fbc010666666666666", "f-4.0999999999999996"},
    {"f97c00", "Infinity"}, {"f97e00", "NaN"}, {"f9fc00", "-Infinity"},
    {"fa7f800000", "Infinity"}, {"fa7fc00000", "NaN"}, {"faff800000", "-Infinity"},
    {"fb7ff0000000000000", "Infinity"}, {"fb7ff8000000000000", "NaN"},
    {"fbfff0000000000000", "-Infinity"},
    {"f4", "false"}, {"f5", "true"}, {"f6", "null"}, {"f7", "undefined"}, {"f0", "simple(16)"},
    {"f8ff", "simple(255)"},
    {"c074323031332d30332d32315432303a30343a30305a", "0(\"2013-03-21T20:04:00Z\")"},
    {"c11a514b67b0", "1(1363896240)"}, {"c1fb41d452d9ec200000", "1(f1363896240.5)"},
    {"d74401020304", "23(h'01020304')"}, {"d818456449455446", "24(h'6449455446')"},
    {"d82076687474703a2f2f7777772e6578616d706c652e636f6d", "32(\"http://www.example.com\")"},
    {"40", "h''"}, {"4401020304", "h'01020304'"}, {"60", "\"\""}, {"6161", "\"a\""},
    {"6449455446", "\"IETF\""}, {"62225c", "\"\"\\\""}, {"62c3bc", "\"\xc3\xbc\""},
    {"63e6b0b4", "\"\xe6\xb0\xb4\""}, {"64f0908591", "\"\xf0\x90\x85\x91\""},
    {"80", "[]"}, {"83010203", "[1, 2, 3]"}, {"8301820203820405", "[1, [2, 3], [4, 5]]"},
    {"98190102030405060708090a0b0c0d0e0f101112131415161718181819",
     "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25]"},
    {"a0", "{}"}, {"a201020304", "{1: 2, 3: 4}"}, {"a26161016162820203", "{\"a\": 1, \"b\": [2, 3]}"},
    {"826161a161626163", "[\"a\", {\"b\": \"c\"}]"},
    {"a56161614161626142616361436164614461656145",
     "{\"a\": \"A\", \"b\": \"B\", \"c\": \"C\", \"d\": \"D\", \"e\": \"E\"}"},
    {"5f42010243030405ff", "h'0102030405'"}, {"7f657374726561646d696e67ff", "\"streaming\""},
    {"9fff", "[]"}, {"9f018202039f0405ffff", "[1, [2, 3], [4, 5]]"},
    {"9f01820203820405ff", "[1, [2, 3], [4, 5]]"}, {"83018202039f0405ff", "[1, [2, 3], [4, 5]]"},
    {"83019f0203ff820405", "[1, [2, 3], [4, 5]]"},
    {"9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff",
     "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25]"},
    {"bf61610161629f0203ffff", "{\"a\": 1, \"b\": [2, 3]}"},
    {"826161bf61626163ff", "[\"a\", {\"b\": \"c\"}]"},
    {"bf6346756ef563416d7421ff", "{\"Fun\": true, \"Amt\": -2}"},
};

/* Well formed, but no encoder should: §3.4, §4.2. */
static const vector allowed[] = {
    {"1800", "0"}, {"190017", "23"}, {"1a00000017", "23"}, {"1b0000000000000017", "23"},
    {"3800", "-1"}, {"5800", "h''"}, {"590001ff", "h'ff'"}, {"7a0000000161", "\"a\""},
    {"7b000000000000000161", "\"a\""}, {"980100", "[0]"}, {"b9000100f4", "{0: false}"},
    {"5fff", "h''"}, {"7f60ff", "\"\""}, {"5f4040ff", "h''"}, {"5f405801aaff", "h'aa'"},
    {"7f6161616261636164ff", "\"abcd\""}, {"9f5f4101ff7f6161ffff", "[h'01', \"a\"]"},
    {"c1c200", "1(2(0))"}, {"bfff", "{}"}, {"81c1a0", "[1({})]"},
    {"d9d9f79f81818100ff", "55799([[[[0]]]])"}, {"f818", NULL}, {"f820", "simple(32)"},
    {"3b7fffffffffffffff", "-9223372036854775808"},
};

/* Not CBOR: RFC 8949 Appendix F and what our reader must say. */
static const struct {
    const char *hex;
    proa_err err;
} broken[] = {
    /* End of input in a head. */
    {"18", PROA_E_TRUNCATED}, {"19", PROA_E_TRUNCATED}, {"1a", PROA_E_TRUNCATED},
    {"1b", PROA_E_TRUNCATED}, {"1901", PROA_E_TRUNCATED}, {"1a0102", PROA_E_TRUNCATED},
    {"1b01020304050607", PROA_E_TRUNCATED}, {"38", PROA_E_TRUNCATED}, {"58", PROA_E_TRUNCATED},
    {"78", PROA_E_TRUNCATED}, {"98", PROA_E_TRUNCATED}, {"9a01ff00", PROA_E_TRUNCATED},
    {"b8", PROA_E_TRUNCATED}, {"d8", PROA_E_TRUNCATED}, {"f8", PROA_E_TRUNCATED},
    {"f900", PROA_E_TRUNCATED}, {"fa0000", PROA_E_TRUNCATED}, {"fb000000", PROA_E_TRUNCATED},
    /* Strings and lists shorter than announced. */
    {"41", PROA_E_TRUNCATED}, {"61", PROA_E_TRUNCATED}, {"5affffffff00", PROA_E_TRUNCATED},
    {"5bffffffffffffffff010203", PROA_E_TRUNCATED}, {"7affffffff00", PROA_E_TRUNCATED},
    {"7b7fffffffffffffff010203", PROA_E_TRUNCATED}, {"81", PROA_E_TRUNCATED},
    {"818181818181818181", PROA_E_TOO_LARGE}, {"8200", PROA_E_TRUNCATED}, {"a1", PROA_E_TRUNCATED},
    {"a20102", PROA_E_TRUNCATED}, {"a100", PROA_E_TRUNCATED}, {"a2000000", PROA_E_TRUNCATED},
    {"9bffffffffffffffff00", PROA_E_TRUNCATED}, {"bb800000000000000000", PROA_E_TRUNCATED},
    {"c0", PROA_E_TRUNCATED},
    /* Indefinite without an end. */
    {"5f4100", PROA_E_TRUNCATED}, {"7f6100", PROA_E_TRUNCATED}, {"9f", PROA_E_TRUNCATED},
    {"9f0102", PROA_E_TRUNCATED}, {"bf", PROA_E_TRUNCATED}, {"bf01020102", PROA_E_TRUNCATED},
    {"819f", PROA_E_TRUNCATED}, {"9f8000", PROA_E_TRUNCATED}, {"5f", PROA_E_TRUNCATED},
    {"9f9f9f9f9fffffffff", PROA_E_TOO_LARGE},
    /* Reserved additional information. */
    {"1c", PROA_E_FORMAT}, {"1d", PROA_E_FORMAT}, {"1e", PROA_E_FORMAT}, {"3c", PROA_E_FORMAT},
    {"5c", PROA_E_FORMAT}, {"7d", PROA_E_FORMAT}, {"9e", PROA_E_FORMAT}, {"bc", PROA_E_FORMAT},
    {"dd", PROA_E_FORMAT}, {"fc", PROA_E_FORMAT}, {"fd", PROA_E_FORMAT}, {"fe", PROA_E_FORMAT},
    /* Reserved two-byte simple values. */
    {"f800", PROA_E_FORMAT}, {"f801", PROA_E_FORMAT}, {"f818", PROA_E_FORMAT}, {"f81f", PROA_E_FORMAT},
    /* Chunks of the wrong kind. */
    {"5f00ff", PROA_E_FORMAT}, {"5f21ff", PROA_E_FORMAT}, {"5f6100ff", PROA_E_FORMAT},
    {"5f80ff", PROA_E_FORMAT}, {"5fa0ff", PROA_E_FORMAT}, {"5fc000ff", PROA_E_FORMAT},
    {"5fe0ff", PROA_E_FORMAT}, {"7f4100ff", PROA_E_FORMAT}, {"5f5f4100ffff", PROA_E_FORMAT}, {"5f5f4100ff", PROA_E_FORMAT},
    {"7f7f6100ffff", PROA_E_FORMAT},
    /* Break where none may be. */
    {"ff", PROA_E_FORMAT}, {"81ff", PROA_E_FORMAT}, {"8200ff", PROA_E_FORMAT}, {"a1ff", PROA_E_TRUNCATED},
    {"a1ff00", PROA_E_FORMAT}, {"a100ff", PROA_E_FORMAT}, {"9f81ff", PROA_E_FORMAT},
    {"9fc1ff", PROA_E_FORMAT}, {"9f829f819f9fffffffff", PROA_E_TOO_LARGE}, {"bf00ff", PROA_E_FORMAT},
    {"bf000000ff", PROA_E_FORMAT},
    /* Indefinite where none may be. */
    {"1f", PROA_E_FORMAT}, {"3f", PROA_E_FORMAT}, {"df", PROA_E_FORMAT},
    /* More than one item. */
    {"0000", PROA_E_FORMAT}, {"8000", PROA_E_FORMAT},
};
/* clang-format on */

static void check_vectors(const vector *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t bytes[100];
        uint8_t scratch[64];
        char out[400] = "";
        size_t len = hex(rows[i].hex, bytes, sizeof bytes);
        uint8_t *in = guard_copy(bytes, len);
        proa_cbor_reader c = proa_cbor_reader_make(proa_span_make(in, len));
        proa_cbor_scratch(&c, scratch, sizeof scratch);
        print_item(&c, out, sizeof out);
        if (rows[i].text == NULL) {
            assert_int_equal(c.err, PROA_E_FORMAT);
        } else {
            assert_int_equal(proa_cbor_end(&c), PROA_OK);
            assert_string_equal(out, rows[i].text);
            c = proa_cbor_reader_make(proa_span_make(in, len));
            assert_int_equal(proa_cbor_skip(&c).len, len);
            assert_int_equal(proa_cbor_end(&c), PROA_OK);
        }
        guard_free(in, len);
    }
}

static void rfc8949_appendix_a(void **state)
{
    (void)state;
    check_vectors(appendix_a, sizeof appendix_a / sizeof appendix_a[0]);
}

static void rfc8949_3_other_well_formed_items(void **state)
{
    (void)state;
    check_vectors(allowed, sizeof allowed / sizeof allowed[0]);
}

static void rfc8949_appendix_f_not_well_formed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        uint8_t bytes[16];
        uint8_t scratch[16];
        char out[200] = "";
        size_t len = hex(broken[i].hex, bytes, sizeof bytes);
        uint8_t *in = guard_copy(bytes, len);
        proa_cbor_reader c = proa_cbor_reader_make(proa_span_make(in, len));
        proa_cbor_scratch(&c, scratch, sizeof scratch);
        print_item(&c, out, sizeof out);
        if (proa_cbor_end(&c) != broken[i].err) {
            fail_msg("%s: read %d", broken[i].hex, proa_cbor_end(&c));
        }
        c = proa_cbor_reader_make(proa_span_make(in, len));
        (void)proa_cbor_skip(&c);
        if (proa_cbor_end(&c) != broken[i].err) {
            fail_msg("%s: skip %d", broken[i].hex, proa_cbor_end(&c));
        }
        guard_free(in, len);
    }
}

static void rfc8949_appendix_a_every_prefix_is_truncated(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof appendix_a / sizeof appendix_a[0]; i++) {
        uint8_t bytes[100];
        size_t len = hex(appendix_a[i].hex, bytes, sizeof bytes);
        for (size_t cut = 0; cut < len; cut++) {
            uint8_t *in = guard_copy(bytes, cut);
            proa_cbor_reader c = proa_cbor_reader_make(proa_span_make(in, cut));
            assert_int_equal(proa_cbor_skip(&c).len, 0);
            assert_int_equal(c.err, PROA_E_TRUNCATED);
            guard_free(in, cut);
        }
    }
}

static void rfc8949_3_1_numbers_beyond_64_bits_signed(void **state)
{
    (void)state;
    static const char *const rows[] = {"1b8000000000000000", "3b8000000000000000",
                                       "3bffffffffffffffff"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t bytes[9];
        size_t len = hex(rows[i], bytes, sizeof bytes);
        proa_cbor_reader c = proa_cbor_reader_make(proa_span_make(bytes, len));
        assert_true(proa_cbor_read_int(&c) == 0);
        assert_int_equal(c.err, PROA_E_RANGE);
    }
}

static void rfc8949_3_each_width_of_a_head(void **state)
{
    (void)state;
    static const struct {
        uint64_t number;
        size_t len;
    } rows[] = {{0, 1},           {23, 1},        {24, 2},        {255, 2},
                {256, 3},         {65535, 3},     {65536, 5},     {0xffffffff, 5},
                {0x100000000, 9}, {INT64_MAX, 9}, {UINT64_MAX, 9}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t number = rows[i].number;
        uint8_t out[64];
        proa_writer w = proa_writer_make(out, sizeof out);
        proa_cbor_write_uint(&w, number);
        assert_int_equal(w.len, rows[i].len);
        proa_cbor_write_tag(&w, number);
        assert_int_equal(w.len, 2 * rows[i].len);
        proa_cbor_write_int(&w, number > INT64_MAX ? INT64_MIN : -1 - (int64_t)number);
        proa_cbor_reader c = proa_cbor_reader_make(proa_writer_span(&w));
        assert_true(proa_cbor_read_uint(&c) == number);
        assert_true(proa_cbor_read_tag(&c) == number);
        assert_true(proa_cbor_read_int(&c) ==
                    (number > INT64_MAX ? INT64_MIN : -1 - (int64_t)number));
        assert_int_equal(proa_cbor_end(&c), PROA_OK);
        /* One byte short: nothing is written. */
        w = proa_writer_make(out, rows[i].len - 1);
        proa_cbor_write_uint(&w, number);
        assert_int_equal(w.err, PROA_E_NO_SPACE);
        assert_int_equal(w.len, 0);
    }
}

static void rfc8949_3_strings_and_lists_of_each_width(void **state)
{
    (void)state;
    static const size_t lens[] = {0, 1, 23, 24, 255, 256, 65535, 65536};
    static uint8_t content[65536];
    static uint8_t out[3 * 65536 + 32];
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        proa_writer w = proa_writer_make(out, sizeof out);
        proa_span bytes = proa_span_make(content, lens[i]);
        proa_cbor_write_array(&w, 3);
        proa_cbor_write_bytes(&w, bytes);
        proa_cbor_write_text(&w, bytes);
        proa_cbor_write_array(&w, lens[i]);
        proa_write_span(&w, bytes);
        assert_int_equal(w.err, PROA_OK);
        uint8_t *in = guard_copy(out, w.len);
        proa_cbor_reader c = proa_cbor_reader_make(proa_span_make(in, w.len));
        proa_cbor_read_array(&c);
        assert_true(proa_span_equal(proa_cbor_read_bytes(&c), bytes));
        assert_true(proa_span_equal(proa_cbor_read_text(&c), bytes));
        proa_cbor_read_array(&c);
        size_t count = 0;
        while (proa_cbor_more(&c)) {
            assert_int_equal(proa_cbor_read_uint(&c), 0);
            count++;
        }
        assert_int_equal(count, lens[i]);
        proa_cbor_leave(&c);
        proa_cbor_leave(&c);
        assert_int_equal(proa_cbor_end(&c), PROA_OK);
        guard_free(in, w.len);
    }
}

static void rfc8949_4_2_1_floats_take_the_shortest_form(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *hex;
    } rows[] = {
        {0.0, "f90000"},
        {-0.0, "f98000"},
        {1.5, "f93e00"},
        {65504.0, "f97bff"},
        {65505.0, "fa477fe100"},
        {65536.0, "fa47800000"},
        {5.9604644775390625e-8, "f90001"},      /* 2^-24, the smallest half */
        {2.98023223876953125e-8, "fa33000000"}, /* 2^-25 */
        {8.940696716308594e-8, "fa33c00000"},   /* 1.5 * 2^-24: a bit too many */
        {6.097555160522461e-5, "f903ff"},       /* the largest subnormal half */
        {6.103515625e-5, "f90400"},             /* the smallest normal half */
        {1.00048828125, "fa3f801000"},          /* 1 + 2^-11 */
        {1.0009765625, "f93c01"},               /* 1 + 2^-10 */
        {3.4028234663852886e+38, "fa7f7fffff"},
        {3.4028234663852889e+38, "fb47efffffe0000001"},
        {1.401298464324817e-45, "fa00000001"},         /* 2^-149, the smallest single */
        {7.006492321624085e-46, "fb3690000000000000"}, /* 2^-150 */
        {0.1, "fb3fb999999999999a"},
        {5e-324, "fb0000000000000001"},
        {1.7976931348623157e308, "fb7fefffffffffffff"},
        {(double)INFINITY, "f97c00"},
        {-(double)INFINITY, "f9fc00"},
        {(double)NAN, "f97e00"},
        {-(double)NAN, "f97e00"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t out[9];
        char text[19];
        proa_writer w = proa_writer_make(out, sizeof out);
        proa_cbor_write_float(&w, rows[i].value);
        assert_string_equal(unhex(out, w.len, text), rows[i].hex);
        proa_cbor_reader c = proa_cbor_reader_make(proa_writer_span(&w));
        double back = proa_cbor_read_float(&c);
        assert_int_equal(proa_cbor_end(&c), PROA_OK);
        assert_true(isnan(back) ? isnan(rows[i].value)
                                : memcmp(&back, &rows[i].value, sizeof back) == 0);
    }
}

/* Every half there is, read and written again. */
static void rfc8949_appendix_d_all_half_floats(void **state)
{
    (void)state;
    for (uint32_t half = 0; half <= 0xffff; half++) {
        uint8_t in[3] = {0xf9, (uint8_t)(half >> 8), (uint8_t)half};
        proa_cbor_reader c = proa_cbor_reader_make(proa_span_make(in, sizeof in));
        double value = proa_cbor_read_float(&c);
        int exponent = (int)(half >> 10 & 31);
        double fraction = half & 0x3ff;
        double expected =
            exponent == 0 ? ldexp(fraction, -24) : ldexp(fraction + 1024, exponent - 25);
        if (exponent == 31) {
            assert_true(fraction > 0 ? isnan(value) : isinf(value));
        } else {
            assert_true(fabs(value) == expected);
        }
        assert_int_equal(signbit(value) != 0, half >> 15);
        uint8_t out[9];
        proa_writer w = proa_writer_make(out, sizeof out);
        proa_cbor_write_float(&w, value);
        assert_int_equal(w.len, 3);
        assert_true(isnan(value) || memcmp(out, in, 3) == 0);
    }
}

static void another_type_than_expected_is_an_error_that_stays(void **state)
{
    (void)state;
    uint8_t in[] = {0x82, 0x01, 0x02};
    proa_cbor_reader c = proa_cbor_reader_make(proa_span_make(in, sizeof in));
    proa_cbor_read_array(&c);
    assert_int_equal(proa_cbor_read_text(&c).len, 0);
    assert_int_equal(c.err, PROA_E_TYPE);
    assert_int_equal(proa_cbor_read_uint(&c), 0);
    assert_false(proa_cbor_more(&c));
    assert_int_equal(proa_cbor_peek(&c), PROA_CBOR_NONE);
    proa_cbor_leave(&c);
    assert_int_equal(proa_cbor_end(&c), PROA_E_TYPE);
}

static void items_must_be_used_up_before_leaving(void **state)
{
    (void)state;
    static const char *const rows[] = {"8100", "9f00ff", "a10000", "81c100"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t bytes[8];
        size_t len = hex(rows[i], bytes, sizeof bytes);
        proa_cbor_reader c = proa_cbor_reader_make(proa_span_make(bytes, len));
        if (rows[i][0] == 'a') {
            proa_cbor_read_map(&c);
        } else {
            proa_cbor_read_array(&c);
        }
        proa_cbor_leave(&c);
        assert_int_equal(c.err, PROA_E_FORMAT);
    }
    uint8_t empty[] = {0x80};
    proa_cbor_reader c = proa_cbor_reader_make(proa_span_make(empty, 1));
    proa_cbor_read_array(&c);
    (void)proa_cbor_read_uint(&c); /* one too many */
    assert_int_equal(c.err, PROA_E_FORMAT);
    uint8_t tag[] = {0xc1};
    c = proa_cbor_reader_make(proa_span_make(tag, 1));
    assert_int_equal(proa_cbor_read_tag(&c), 1);
    assert_int_equal(proa_cbor_end(&c), PROA_E_FORMAT); /* a tag of nothing */
    c = proa_cbor_reader_make(proa_span_make(empty, 1));
    proa_cbor_leave(&c); /* nothing open */
    assert_int_equal(c.err, PROA_E_FORMAT);
}

static void rfc8949_3_2_3_chunks_need_a_place(void **state)
{
    (void)state;
    uint8_t in[16];
    size_t len = hex("5f 42 0102 40 41 03 42 0405 ff", in, sizeof in);
    for (size_t cap = 0; cap <= 5; cap++) {
        uint8_t scratch[5];
        proa_cbor_reader c = proa_cbor_reader_make(proa_span_make(in, len));
        if (cap > 0) {
            proa_cbor_scratch(&c, scratch, cap);
        }
        proa_span all = proa_cbor_read_bytes(&c);
        assert_int_equal(c.err, cap == 0   ? PROA_E_UNSUPPORTED
                                : cap == 5 ? PROA_OK
                                           : PROA_E_NO_SPACE);
        assert_int_equal(all.len, cap == 5 ? 5 : 0);
        assert_true(cap < 5 || memcmp(all.data, "\1\2\3\4\5", 5) == 0);
    }
    /* One chunk, or one with empty neighbours, is borrowed from the input. */
    len = hex("5f 40 42 0102 40 ff", in, sizeof in);
    proa_cbor_reader c = proa_cbor_reader_make(proa_span_make(in, len));
    assert_ptr_equal(proa_cbor_read_bytes(&c).data, in + 3);
    assert_int_equal(proa_cbor_end(&c), PROA_OK);
    /* Two such strings stay valid side by side. */
    uint8_t scratch[8];
    len = hex("5f 4101 4102 ff 5f 4103 4104 ff", in, sizeof in);
    c = proa_cbor_reader_make(proa_span_make(in, len));
    proa_cbor_scratch(&c, scratch, sizeof scratch);
    proa_span first = proa_cbor_read_bytes(&c);
    proa_span second = proa_cbor_read_bytes(&c);
    assert_int_equal(proa_cbor_end(&c), PROA_OK);
    assert_true(proa_span_equal(first, proa_span_of("\1\2")));
    assert_true(proa_span_equal(second, proa_span_of("\3\4")));
}

static void nesting_ends_at_the_limit(void **state)
{
    (void)state;
    uint8_t in[PROA_CBOR_DEPTH_MAX + 2];
    memset(in, 0x81, sizeof in);
    in[PROA_CBOR_DEPTH_MAX] = 0x00;
    proa_cbor_reader c = proa_cbor_reader_make(proa_span_make(in, PROA_CBOR_DEPTH_MAX + 1));
    assert_int_equal(proa_cbor_skip(&c).len, PROA_CBOR_DEPTH_MAX + 1);
    in[PROA_CBOR_DEPTH_MAX] = 0x81;
    in[PROA_CBOR_DEPTH_MAX + 1] = 0x00;
    c = proa_cbor_reader_make(proa_span_make(in, PROA_CBOR_DEPTH_MAX + 2));
    assert_int_equal(proa_cbor_skip(&c).len, 0);
    assert_int_equal(c.err, PROA_E_TOO_LARGE);
    /* A tag nests, too, but costs no place. */
    static uint8_t tags[5001];
    memset(tags, 0xc1, sizeof tags);
    tags[5000] = 0x00;
    c = proa_cbor_reader_make(proa_span_make(tags, sizeof tags));
    assert_int_equal(proa_cbor_skip(&c).len, sizeof tags);
}

static void an_array_gets_its_head_afterwards(void **state)
{
    (void)state;
    static const uint64_t counts[] = {0, 23, 24, 255, 256};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        uint8_t out[300];
        proa_writer w = proa_writer_make(out, sizeof out);
        proa_cbor_write_bool(&w, true);
        size_t at = w.len;
        for (uint64_t n = 0; n < counts[i]; n++) {
            proa_cbor_write_null(&w);
        }
        proa_cbor_insert_array(&w, at, counts[i]);
        proa_cbor_reader c = proa_cbor_reader_make(proa_writer_span(&w));
        assert_true(proa_cbor_read_bool(&c));
        proa_cbor_read_array(&c);
        for (uint64_t n = 0; n < counts[i]; n++) {
            proa_cbor_read_null(&c);
        }
        proa_cbor_leave(&c);
        assert_int_equal(proa_cbor_end(&c), PROA_OK);
    }
}

/* {[3311,0]:1, [3303,1]:3, [3311]:16}, as a device asks for access. */
static void map_with_arrays_as_keys(void **state)
{
    (void)state;
    uint8_t expected[32];
    uint8_t out[32];
    size_t len = hex("a3 82190cef00 01 82190ce701 03 81190cef 10", expected, sizeof expected);
    proa_writer w = proa_writer_make(out, sizeof out);
    proa_cbor_write_map(&w, 3);
    proa_cbor_write_array(&w, 2);
    proa_cbor_write_uint(&w, 3311);
    proa_cbor_write_uint(&w, 0);
    proa_cbor_write_uint(&w, 1);
    proa_cbor_write_array(&w, 2);
    proa_cbor_write_uint(&w, 3303);
    proa_cbor_write_uint(&w, 1);
    proa_cbor_write_uint(&w, 3);
    proa_cbor_write_array(&w, 1);
    proa_cbor_write_uint(&w, 3311);
    proa_cbor_write_uint(&w, 16);
    assert_int_equal(w.len, len);
    assert_memory_equal(out, expected, len);
    proa_cbor_reader c = proa_cbor_reader_make(proa_span_make(expected, len));
    proa_cbor_read_map(&c);
    uint64_t sum = 0;
    while (proa_cbor_more(&c)) {
        proa_cbor_read_array(&c);
        while (proa_cbor_more(&c)) {
            sum += proa_cbor_read_uint(&c);
        }
        proa_cbor_leave(&c);
        sum += 10000 * proa_cbor_read_uint(&c);
    }
    proa_cbor_leave(&c);
    assert_int_equal(proa_cbor_end(&c), PROA_OK);
    assert_int_equal(sum, 3311 + 3303 + 1 + 3311 + 10000 * 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc8949_appendix_a),
        cmocka_unit_test(rfc8949_3_other_well_formed_items),
        cmocka_unit_test(rfc8949_appendix_f_not_well_formed),
        cmocka_unit_test(rfc8949_appendix_a_every_prefix_is_truncated),
        cmocka_unit_test(rfc8949_3_1_numbers_beyond_64_bits_signed),
        cmocka_unit_test(rfc8949_3_each_width_of_a_head),
        cmocka_unit_test(rfc8949_3_strings_and_lists_of_each_width),
        cmocka_unit_test(rfc8949_4_2_1_floats_take_the_shortest_form),
        cmocka_unit_test(rfc8949_appendix_d_all_half_floats),
        cmocka_unit_test(another_type_than_expected_is_an_error_that_stays),
        cmocka_unit_test(items_must_be_used_up_before_leaving),
        cmocka_unit_test(rfc8949_3_2_3_chunks_need_a_place),
        cmocka_unit_test(nesting_ends_at_the_limit),
        cmocka_unit_test(an_array_gets_its_head_afterwards),
        cmocka_unit_test(map_with_arrays_as_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
