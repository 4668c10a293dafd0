/* SPDX-License-Identifier: Apache-2.0 */
/* core/coap/message.c: the wire format, RFC 7252 §3, and Block values, RFC 7959 §2.2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proa/coap.h"
#include "tests/support/guard.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Parses `text` against a guard page; out borrows *copy, which the caller frees. */
static proa_err parse(const char *text, proa_coap_msg *out, uint8_t **copy, size_t *len)
{
    uint8_t bytes[2048];
    *len = hex(text, bytes, sizeof bytes);
    *copy = guard_copy(bytes, *len);
    return proa_coap_parse(out, proa_span_make(*copy, *len));
}

static void rfc7252_3_accepts_and_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        proa_err err;
        const char *why;
    } rows[] = {
        {"", PROA_E_TRUNCATED, "3: nothing"},
        {"40 01 00", PROA_E_TRUNCATED, "3: three bytes"},
        {"40 01 7d 34", PROA_OK, "3: shortest request"},
        {"00 01 7d 34", PROA_E_UNSUPPORTED, "3: version 0"},
        {"80 01 7d 34", PROA_E_UNSUPPORTED, "3: version 2"},
        {"c0 01 7d 34", PROA_E_UNSUPPORTED, "3: version 3"},
        {"48 01 7d 34 01 02 03 04 05 06 07 08", PROA_OK, "3: Token of 8"},
        {"48 01 7d 34 01 02 03 04 05 06 07", PROA_E_FORMAT, "3: Token cut"},
        {"49 01 7d 34 01 02 03 04 05 06 07 08 09", PROA_E_FORMAT, "3: TKL 9 is reserved"},
        {"4f 01 7d 34 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f", PROA_E_FORMAT, "3: TKL 15"},
        {"40 00 7d 34", PROA_OK, "4.1: Empty"},
        {"41 00 7d 34 01", PROA_E_FORMAT, "4.1: Empty with Token"},
        {"40 00 7d 34 b1", PROA_E_FORMAT, "4.1: Empty with an option"},
        {"40 00 7d 34 ff 01", PROA_E_FORMAT, "4.1: Empty with payload"},
        {"40 21 7d 34", PROA_E_FORMAT, "3: class 1 is reserved"},
        {"40 c1 7d 34", PROA_E_FORMAT, "3: class 6 is reserved"},
        {"40 e1 7d 34", PROA_E_FORMAT, "3: class 7 is reserved"},
        {"40 61 7d 34", PROA_OK, "12.1: class 3 is unassigned"},
        {"40 02 7d 34 ff", PROA_E_FORMAT, "3: marker without payload"},
        {"40 02 7d 34 ff 00", PROA_OK, "3: payload of one byte"},
        {"40 02 7d 34 ff ff", PROA_OK, "3: payload that looks like a marker"},
        {"40 02 7d 34 b1 61 ff", PROA_E_FORMAT, "3: marker without payload after an option"},
        {"40 01 7d 34 b0", PROA_OK, "3.1: empty option"},
        {"40 01 7d 34 b1", PROA_E_FORMAT, "3.1: value cut"},
        {"40 01 7d 34 bc 01 02 03 04 05 06 07 08 09 0a 0b 0c", PROA_OK, "3.1: length 12"},
        {"40 01 7d 34 bd", PROA_E_FORMAT, "3.1: extended length cut"},
        {"40 01 7d 34 bd 00", PROA_E_FORMAT, "3.1: 13 bytes missing"},
        {"40 01 7d 34 bd 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d", PROA_OK, "3.1: length 13"},
        {"40 01 7d 34 be 00", PROA_E_FORMAT, "3.1: second extended byte cut"},
        {"40 01 7d 34 be ff ff", PROA_E_FORMAT, "3.1: 65804 bytes missing"},
        {"40 01 7d 34 bf", PROA_E_FORMAT, "3.1: length 15 is reserved"},
        {"40 01 7d 34 f0", PROA_E_FORMAT, "3.1: delta 15 without being the marker"},
        {"40 01 7d 34 d0", PROA_E_FORMAT, "3.1: extended delta cut"},
        {"40 01 7d 34 d0 00", PROA_OK, "3.1: delta 13"},
        {"40 01 7d 34 e0 00", PROA_E_FORMAT, "3.1: second extended delta byte cut"},
        {"40 01 7d 34 e0 00 00", PROA_OK, "3.1: delta 269"},
        {"40 01 7d 34 e0 fe f2", PROA_OK, "3.1: option number 65535"},
        {"40 01 7d 34 e0 fe f3", PROA_E_FORMAT, "3.1: option number 65536"},
        {"40 01 7d 34 e0 fe f2 00", PROA_OK, "3.1: 65535 twice"},
        {"40 01 7d 34 e0 fe f2 10", PROA_E_FORMAT, "3.1: 65536 by a short delta"},
        {"40 01 7d 34 e0 fe f2 d0 00", PROA_E_FORMAT, "3.1: 65548 by an extended delta"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        proa_coap_msg m;
        uint8_t *copy;
        size_t len;
        proa_err err = parse(rows[i].bytes, &m, &copy, &len);
        if (err != rows[i].err) {
            fail_msg("%s: %s", rows[i].why, proa_err_name(err));
        }
        if (err == PROA_OK) { /* walking stays inside the guard page */
            proa_coap_options it = proa_coap_options_of(&m);
            proa_coap_option option;
            while (proa_coap_option_next(&it, &option)) {
                assert_in_range(option.value.len, 0, len);
            }
        }
        guard_free(copy, len);
    }
}

/* RFC 7252 Appendix A, figures 16, 19 and 20. */
static void rfc7252_a_examples(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        proa_coap_type type;
        uint8_t code;
        uint16_t mid;
        size_t token_len;
        const char *payload;
    } rows[] = {
        {"40 01 7d 34 bb 74 65 6d 70 65 72 61 74 75 72 65", PROA_COAP_CON, PROA_COAP_GET, 0x7d34, 0,
         ""},
        {"60 45 7d 34 ff 32 32 2e 33 20 43", PROA_COAP_ACK, PROA_COAP_CONTENT, 0x7d34, 0, "22.3 C"},
        {"41 01 7d 35 20 bb 74 65 6d 70 65 72 61 74 75 72 65", PROA_COAP_CON, PROA_COAP_GET, 0x7d35,
         1, ""},
        {"61 45 7d 35 20 ff 32 32 2e 33 20 43", PROA_COAP_ACK, PROA_COAP_CONTENT, 0x7d35, 1,
         "22.3 C"},
        {"51 45 23 bb 74 ff 32 32 2e 33 20 43", PROA_COAP_NON, PROA_COAP_CONTENT, 0x23bb, 1,
         "22.3 C"},
        {"70 00 7d 38", PROA_COAP_RST, PROA_COAP_EMPTY, 0x7d38, 0, ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        proa_coap_msg m;
        uint8_t *copy;
        size_t len;
        assert_int_equal(parse(rows[i].bytes, &m, &copy, &len), PROA_OK);
        assert_int_equal(m.type, rows[i].type);
        assert_int_equal(m.code, rows[i].code);
        assert_int_equal(m.mid, rows[i].mid);
        assert_int_equal(m.token.len, rows[i].token_len);
        assert_true(proa_span_equal(m.payload, proa_span_of(rows[i].payload)));
        proa_span path = {NULL, 0};
        bool is_get = rows[i].code == PROA_COAP_GET;
        assert_int_equal(proa_coap_option_find(&m, PROA_COAP_OPT_URI_PATH, &path), is_get);
        assert_true(proa_span_equal(path, proa_span_of(is_get ? "temperature" : "")));

        uint8_t built[64];
        proa_coap_builder b = proa_coap_build(built, sizeof built, m.type, m.code, m.mid, &m.token);
        if (is_get) {
            proa_coap_add(&b, PROA_COAP_OPT_URI_PATH, path);
        }
        proa_coap_add_payload(&b, m.payload);
        assert_int_equal(proa_coap_build_end(&b), len);
        assert_memory_equal(built, copy, len);
        guard_free(copy, len);
    }
}

static void rfc7252_4_2_malformed_tells_type_and_mid(void **state)
{
    (void)state;
    proa_coap_msg m;
    uint8_t *copy;
    size_t len;
    assert_int_equal(parse("4f 01 12 34", &m, &copy, &len), PROA_E_FORMAT);
    assert_int_equal(m.type, PROA_COAP_CON);
    assert_int_equal(m.mid, 0x1234);
    guard_free(copy, len);
}

/* Each width of delta and length at its borders, written and read back. */
static void rfc7252_3_1_widths_of_delta_and_length(void **state)
{
    (void)state;
    static const uint16_t numbers[] = {0, 1, 12, 13, 14, 268, 269, 270, 524, 65534, 65535};
    static const uint16_t lens[] = {0, 1, 12, 13, 14, 268, 269, 270, 1000};
    static uint8_t value[1000];
    memset(value, 0x5a, sizeof value);
    for (size_t n = 0; n < COUNT(numbers); n++) {
        for (size_t l = 0; l < COUNT(lens); l++) {
            uint8_t buf[1100];
            proa_coap_builder b =
                proa_coap_build(buf, sizeof buf, PROA_COAP_CON, PROA_COAP_GET, 1, NULL);
            proa_coap_add(&b, numbers[n], proa_span_make(value, lens[l]));
            int len = proa_coap_build_end(&b);
            size_t head = (size_t)(1 + (numbers[n] > 12) + (numbers[n] > 268) + (lens[l] > 12) +
                                   (lens[l] > 268));
            assert_int_equal(len, 4 + head + lens[l]);

            uint8_t *copy = guard_copy(buf, (size_t)len);
            proa_coap_msg m;
            assert_int_equal(proa_coap_parse(&m, proa_span_make(copy, (size_t)len)), PROA_OK);
            proa_coap_options it = proa_coap_options_of(&m);
            proa_coap_option option;
            assert_true(proa_coap_option_next(&it, &option));
            assert_int_equal(option.number, numbers[n]);
            assert_true(proa_span_equal(option.value, proa_span_make(value, lens[l])));
            assert_false(proa_coap_option_next(&it, &option));
            guard_free(copy, (size_t)len);

            /* One byte less than needed, and the error sticks. */
            b = proa_coap_build(buf, (size_t)len - 1, PROA_COAP_CON, PROA_COAP_GET, 1, NULL);
            proa_coap_add(&b, numbers[n], proa_span_make(value, lens[l]));
            assert_int_equal(proa_coap_build_end(&b), PROA_E_NO_SPACE);
            proa_coap_add(&b, 65535, proa_span_make(NULL, 0));
            assert_int_equal(proa_coap_build_end(&b), PROA_E_NO_SPACE);
        }
    }
}

static void rfc7252_5_10_repeatable_options_in_order(void **state)
{
    (void)state;
    uint8_t buf[128];
    proa_coap_token token = {{1, 2, 3, 4, 5, 6, 7, 8}, 8};
    proa_coap_builder b =
        proa_coap_build(buf, sizeof buf, PROA_COAP_CON, PROA_COAP_PUT, 0xbeef, &token);
    proa_coap_add_uint(&b, PROA_COAP_OPT_OBSERVE, 0);
    proa_coap_add(&b, PROA_COAP_OPT_URI_PATH, proa_span_of("3303"));
    proa_coap_add(&b, PROA_COAP_OPT_URI_PATH, proa_span_of("0"));
    proa_coap_add_uint(&b, PROA_COAP_OPT_CONTENT_FORMAT, PROA_FORMAT_TLV);
    proa_coap_add(&b, PROA_COAP_OPT_URI_QUERY, proa_span_of("pmin=1"));
    proa_coap_add_uint(&b, PROA_COAP_OPT_SIZE1, 70000);
    proa_coap_add_payload(&b, proa_span_of("hello"));
    int len = proa_coap_build_end(&b);
    assert_int_equal(len, 4 + 8 + 1 + 5 + 2 + 3 + 7 + 5 + 1 + 5);

    proa_coap_msg m;
    assert_int_equal(proa_coap_parse(&m, proa_span_make(buf, (size_t)len)), PROA_OK);
    assert_true(proa_coap_token_equal(&m.token, &token));
    token.len = 7;
    assert_false(proa_coap_token_equal(&m.token, &token));
    static const struct {
        uint16_t number;
        const char *value;
    } expected[] = {{6, ""},          {11, "3303"},   {11, "0"},
                    {12, "\x2d\x16"}, {15, "pmin=1"}, {60, "\x01\x11\x70"}};
    proa_coap_options it = proa_coap_options_of(&m);
    proa_coap_option option;
    for (size_t i = 0; i < COUNT(expected); i++) {
        assert_true(proa_coap_option_next(&it, &option));
        assert_int_equal(option.number, expected[i].number);
        assert_true(proa_span_equal(option.value, proa_span_of(expected[i].value)));
    }
    assert_false(proa_coap_option_next(&it, &option));
    assert_int_equal(proa_coap_option_uint(&m, PROA_COAP_OPT_CONTENT_FORMAT, 7), PROA_FORMAT_TLV);
    assert_int_equal(proa_coap_option_uint(&m, PROA_COAP_OPT_OBSERVE, 7), 0);
    assert_int_equal(proa_coap_option_uint(&m, PROA_COAP_OPT_ACCEPT, 7), 7);
    assert_int_equal(proa_coap_option_uint(&m, PROA_COAP_OPT_URI_QUERY, 7), 7); /* 6 bytes */
}

static void rfc7252_3_2_uint_has_no_leading_zeros(void **state)
{
    (void)state;
    static const struct {
        uint32_t value;
        size_t width;
    } rows[] = {{0, 0},     {1, 1},     {255, 1},      {256, 2},
                {65535, 2}, {65536, 3}, {16777216, 4}, {UINT32_MAX, 4}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t buf[32];
        proa_coap_builder b =
            proa_coap_build(buf, sizeof buf, PROA_COAP_NON, PROA_COAP_GET, 0, NULL);
        proa_coap_add_uint(&b, 6, rows[i].value);
        int len = proa_coap_build_end(&b);
        assert_int_equal(len, 5 + rows[i].width);
        proa_coap_msg m;
        assert_int_equal(proa_coap_parse(&m, proa_span_make(buf, (size_t)len)), PROA_OK);
        assert_int_equal(proa_coap_option_uint(&m, 6, 99), rows[i].value);
    }
    /* Leading zeros are to be accepted, §3.2. */
    proa_coap_msg m;
    uint8_t *copy;
    size_t len;
    assert_int_equal(parse("40 01 00 01 63 00 00 05", &m, &copy, &len), PROA_OK);
    assert_int_equal(proa_coap_option_uint(&m, 6, 99), 5);
    guard_free(copy, len);
}

static void building_asserts_ascending_options(void **state)
{
    (void)state;
    uint8_t buf[32];
    proa_coap_builder b = proa_coap_build(buf, sizeof buf, PROA_COAP_NON, PROA_COAP_GET, 0, NULL);
    proa_coap_add_uint(&b, 12, 0);
    expect_assert_failure(proa_coap_add_uint(&b, 11, 0));
}

static void building_without_space(void **state)
{
    (void)state;
    uint8_t buf[16];
    proa_coap_token token = {{0}, 8};
    for (size_t cap = 0; cap < 12; cap++) {
        proa_coap_builder b = proa_coap_build(buf, cap, PROA_COAP_CON, PROA_COAP_GET, 0, &token);
        assert_int_equal(proa_coap_build_end(&b), PROA_E_NO_SPACE);
        proa_coap_add_payload(&b, proa_span_of("x"));
        assert_int_equal(proa_coap_build_end(&b), PROA_E_NO_SPACE);
    }
    proa_coap_builder b = proa_coap_build(buf, 14, PROA_COAP_CON, PROA_COAP_POST, 0, &token);
    proa_coap_add_payload(&b, proa_span_of("xy"));
    assert_int_equal(proa_coap_build_end(&b), PROA_E_NO_SPACE);
    b = proa_coap_build(buf, 15, PROA_COAP_CON, PROA_COAP_POST, 0, &token);
    proa_coap_add_payload(&b, proa_span_of("xy"));
    assert_int_equal(proa_coap_build_end(&b), 15);
}

static void rfc7959_2_2_block_values(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        proa_err err;
        uint32_t num;
        bool more;
        uint8_t szx;
    } rows[] = {
        {"", PROA_OK, 0, false, 0},
        {"06", PROA_OK, 0, false, 6},
        {"08", PROA_OK, 0, true, 0},
        {"07", PROA_E_FORMAT, 0, false, 0},
        {"33", PROA_OK, 3, false, 3},
        {"ff e6", PROA_OK, 4094, false, 6},
        {"ff ff fe", PROA_OK, 1048575, true, 6},
        {"ff ff ff", PROA_E_FORMAT, 0, false, 0},
        {"00 00 00 06", PROA_E_FORMAT, 0, false, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t bytes[8];
        size_t len = hex(rows[i].bytes, bytes, sizeof bytes);
        proa_coap_block block;
        assert_int_equal(proa_coap_block_parse(proa_span_make(bytes, len), &block), rows[i].err);
        if (rows[i].err == PROA_OK) {
            assert_int_equal(block.num, rows[i].num);
            assert_int_equal(block.more, rows[i].more);
            assert_int_equal(block.szx, rows[i].szx);
            uint32_t value = 0;
            for (size_t k = 0; k < len; k++) {
                value = value << 8 | bytes[k];
            }
            assert_int_equal(proa_coap_block_value(&block), value);
        }
    }
}

static void rfc7252_12_1_code_texts(void **state)
{
    (void)state;
    static const struct {
        uint8_t code;
        const char *text;
    } rows[] = {
        {PROA_COAP_GET, "GET"},
        {PROA_COAP_IPATCH, "iPATCH"},
        {PROA_COAP_EMPTY, "Empty"},
        {PROA_COAP_CONTENT, "2.05 Content"},
        {PROA_COAP_CONTINUE, "2.31 Continue"},
        {PROA_COAP_REQUEST_ENTITY_INCOMPLETE, "4.08 Request Entity Incomplete"},
        {PROA_COAP_UNSUPPORTED_CONTENT_FORMAT, "4.15 Unsupported Content-Format"},
        {PROA_COAP_CODE(0, 31), "0.31"},
        {PROA_COAP_CODE(4, 7), "4.07"},
        {PROA_COAP_CODE(7, 31), "7.31"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char buf[40];
        assert_string_equal(proa_coap_code_text(rows[i].code, buf), rows[i].text);
    }
    for (int code = 0; code < 256; code++) {
        char buf[41];
        memset(buf, 'x', sizeof buf);
        assert_in_range(strlen(proa_coap_code_text((uint8_t)code, buf)), 3, 39);
        assert_int_equal(buf[40], 'x');
    }
}

static void errors_become_codes(void **state)
{
    (void)state;
    assert_int_equal(proa_err_to_coap(PROA_E_FORMAT), PROA_COAP_BAD_REQUEST);
    assert_int_equal(proa_err_to_coap(PROA_E_DENIED), PROA_COAP_UNAUTHORIZED);
    assert_int_equal(proa_err_to_coap(PROA_E_METHOD), PROA_COAP_METHOD_NOT_ALLOWED);
    assert_int_equal(proa_err_to_coap(PROA_E_FULL), PROA_COAP_SERVICE_UNAVAILABLE);
    assert_int_equal(proa_err_to_coap(PROA_E_TOO_LARGE), PROA_COAP_REQUEST_ENTITY_TOO_LARGE);
    for (int err = -18; err < 0; err++) {
        assert_in_range(PROA_COAP_CLASS(proa_err_to_coap((proa_err)err)), 4, 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc7252_3_accepts_and_refuses),
        cmocka_unit_test(rfc7252_a_examples),
        cmocka_unit_test(rfc7252_4_2_malformed_tells_type_and_mid),
        cmocka_unit_test(rfc7252_3_1_widths_of_delta_and_length),
        cmocka_unit_test(rfc7252_5_10_repeatable_options_in_order),
        cmocka_unit_test(rfc7252_3_2_uint_has_no_leading_zeros),
        cmocka_unit_test(building_asserts_ascending_options),
        cmocka_unit_test(building_without_space),
        cmocka_unit_test(rfc7959_2_2_block_values),
        cmocka_unit_test(rfc7252_12_1_code_texts),
        cmocka_unit_test(errors_become_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
