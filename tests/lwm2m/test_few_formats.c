/* SPDX-License-Identifier: Apache-2.0 */
/* A program that names its formats itself has those and no others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "proa/payload.h"

const proa_format *const proa_formats[] = {&proa_format_text, &proa_format_tlv, NULL};

static const proa_path lamp = {{3311, 0, 5850, 0}, 3};

static void lwm2m_7_4_only_what_is_named_is_known(void **state)
{
    (void)state;
    static const uint16_t left_out[] = {PROA_FORMAT_OPAQUE, PROA_FORMAT_CBOR,
                                        PROA_FORMAT_SENML_CBOR, PROA_FORMAT_LINK, PROA_FORMAT_NONE};
    assert_true(proa_format_known(PROA_FORMAT_TEXT));
    assert_true(proa_format_known(PROA_FORMAT_TLV));
    assert_int_equal(proa_format_at(0), PROA_FORMAT_TEXT);
    assert_int_equal(proa_format_at(1), PROA_FORMAT_TLV);
    assert_int_equal(proa_format_at(2), PROA_FORMAT_NONE);
    assert_int_equal(proa_format_at(3), PROA_FORMAT_NONE);
    assert_int_equal(proa_format_at(1000), PROA_FORMAT_NONE);
    for (size_t i = 0; i < sizeof left_out / sizeof left_out[0]; i++) {
        assert_false(proa_format_known(left_out[i]));
        assert_false(proa_format_can_hold(left_out[i], &lamp, false));
    }
}

static void lwm2m_7_4_what_is_left_out_is_refused(void **state)
{
    (void)state;
    uint8_t bytes[32];
    uint32_t count = 7;
    proa_writer w = proa_writer_make(bytes, sizeof bytes);
    proa_payload_writer writer;
    proa_payload_reader reader;
    const proa_path object = proa_path_make(1, 3311, 0, 0);
    assert_int_equal(proa_payload_begin(&writer, &w, PROA_FORMAT_CBOR, &lamp), PROA_E_UNSUPPORTED);
    assert_int_equal(
        proa_payload_read(&reader, PROA_FORMAT_CBOR, &lamp, proa_span_of("\xf5"), NULL, NULL),
        PROA_E_UNSUPPORTED);
    assert_int_equal(
        proa_payload_instance_named(PROA_FORMAT_SENML_CBOR, proa_span_of("\x80"), &object, &count),
        -1);
    assert_int_equal(count, 0);
}

static void lwm2m_7_4_4_what_is_named_works(void **state)
{
    (void)state;
    static const uint16_t formats[] = {PROA_FORMAT_TEXT, PROA_FORMAT_TLV};
    for (size_t i = 0; i < 2; i++) {
        uint8_t bytes[32];
        proa_writer w = proa_writer_make(bytes, sizeof bytes);
        proa_payload_writer writer;
        proa_payload_reader reader;
        proa_record record = {lamp, proa_value_string(proa_span_of("red"))};
        assert_int_equal(proa_payload_begin(&writer, &w, formats[i], &lamp), PROA_OK);
        assert_int_equal(proa_payload_add(&writer, &record), PROA_OK);
        assert_int_equal(proa_payload_end(&writer), PROA_OK);
        assert_int_equal(
            proa_payload_read(&reader, formats[i], &lamp, proa_writer_span(&w), NULL, NULL),
            PROA_OK);
        memset(&record, 0, sizeof record);
        assert_true(proa_payload_next(&reader, &record));
        assert_true(proa_path_equal(&record.path, &lamp));
        assert_true(proa_span_equal(record.value.as.bytes, proa_span_of("red")));
        assert_false(proa_payload_next(&reader, &record));
        assert_int_equal(reader.err, PROA_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lwm2m_7_4_only_what_is_named_is_known),
        cmocka_unit_test(lwm2m_7_4_what_is_left_out_is_refused),
        cmocka_unit_test(lwm2m_7_4_4_what_is_named_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
