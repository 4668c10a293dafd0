/* SPDX-License-Identifier: Apache-2.0 */
/* TLV: the examples of the specification, what a provisioning server sends, each width of a head. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "proa/codec/tlv.h"
#include "tests/support/guard.h"

/* What a server sends to prepare a host for a peer: object 11001, 21, 11000 and 11002. */
typedef struct field {
    uint16_t id;
    char type; /* i integer, b boolean, s string, l link to (21, value) */
    int64_t number;
    const char *text;
} field;

static const struct {
    const char *hex;
    field fields[9];
    size_t count;
} provisioning[] = {
    {"c10002 c10100 c10278 c2030168 c10578 c10600 c10755 c80909636c69656e745f3031",
     {{0, 'i', 2, ""},
      {1, 'i', 0, ""},
      {2, 'i', 120, ""},
      {3, 'i', 360, ""},
      {5, 'i', 120, ""},
      {6, 'b', 0, ""},
      {7, 's', 0, "U"},
      {9, 's', 0, "client_01"}},
     8},
    {"c8001030313233343536373839616263646566 c10173 c10272 c1030a c10400"
     "c8050a6d617374657273616c74",
     {{0, 's', 0, "0123456789abcdef"},
      {1, 's', 0, "s"},
      {2, 's', 0, "r"},
      {3, 'i', 10, ""},
      {4, 'i', 0, ""},
      {5, 's', 0, "mastersalt"}},
     6},
    {"c10200 c8030c6b65795f6964656e74697479 c805097365637265746b6579 c10a02",
     {{2, 'i', 0, ""}, {3, 's', 0, "key_identity"}, {5, 's', 0, "secretkey"}, {10, 'i', 2, ""}},
     4},
    {"c10203 c10a02 c4110015 0000", {{2, 'i', 3, ""}, {10, 'i', 2, ""}, {17, 'l', 0, ""}}, 3},
    {"e5164a3030303031", {{5706, 's', 0, "00001"}}, 1},
};

static void write_field(proa_writer *w, const field *f)
{
    switch (f->type) {
    case 'i':
        proa_tlv_write_integer(w, PROA_TLV_RESOURCE, f->id, f->number);
        break;
    case 'b':
        proa_tlv_write_boolean(w, PROA_TLV_RESOURCE, f->id, f->number != 0);
        break;
    case 'l':
        proa_tlv_write_objlink(w, PROA_TLV_RESOURCE, f->id, 21, (uint16_t)f->number);
        break;
    default:
        proa_tlv_write(w, PROA_TLV_RESOURCE, f->id, proa_span_of(f->text));
    }
}

static void check_field(const proa_tlv_record *record, const field *f)
{
    int64_t number;
    bool boolean;
    uint16_t object;
    uint16_t instance;
    assert_int_equal(record->kind, PROA_TLV_RESOURCE);
    assert_int_equal(record->id, f->id);
    switch (f->type) {
    case 'i':
        assert_int_equal(proa_tlv_integer(record->value, &number), PROA_OK);
        assert_int_equal(number, f->number);
        break;
    case 'b':
        assert_int_equal(proa_tlv_boolean(record->value, &boolean), PROA_OK);
        assert_int_equal(boolean, f->number);
        break;
    case 'l':
        assert_int_equal(proa_tlv_objlink(record->value, &object, &instance), PROA_OK);
        assert_int_equal(object, 21);
        assert_int_equal(instance, f->number);
        break;
    default:
        assert_true(proa_span_equal(record->value, proa_span_of(f->text)));
    }
}

static void lwm2m_7_4_4_provisioning_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof provisioning / sizeof provisioning[0]; i++) {
        uint8_t bytes[64];
        uint8_t out[64];
        size_t len = hex(provisioning[i].hex, bytes, sizeof bytes);
        uint8_t *in = guard_copy(bytes, len);
        proa_reader r = proa_reader_make(proa_span_make(in, len));
        proa_writer w = proa_writer_make(out, sizeof out);
        proa_tlv_record record;
        for (size_t k = 0; k < provisioning[i].count; k++) {
            assert_true(proa_tlv_next(&r, &record));
            check_field(&record, &provisioning[i].fields[k]);
            write_field(&w, &provisioning[i].fields[k]);
        }
        assert_false(proa_tlv_next(&r, &record));
        assert_int_equal(r.err, PROA_OK);
        assert_int_equal(w.len, len);
        assert_memory_equal(out, bytes, len);
        guard_free(in, len);
    }
}

/* Instance 0 of 11002: {0=3311, 1=0, 2={2:1}, 3=1}. */
static void lwm2m_7_4_4_records_in_records(void **state)
{
    (void)state;
    uint8_t expected[32];
    uint8_t out[32];
    size_t len = hex("08000f c2000cef c10100 8302 410201 c10301", expected, sizeof expected);
    proa_writer w = proa_writer_make(out, sizeof out);
    size_t instance_at = w.len;
    proa_tlv_write_integer(&w, PROA_TLV_RESOURCE, 0, 3311);
    proa_tlv_write_integer(&w, PROA_TLV_RESOURCE, 1, 0);
    size_t resource_at = w.len;
    proa_tlv_write_integer(&w, PROA_TLV_RESOURCE_INSTANCE, 2, 1);
    proa_tlv_enclose(&w, resource_at, PROA_TLV_MULTIPLE, 2);
    proa_tlv_write_integer(&w, PROA_TLV_RESOURCE, 3, 1);
    proa_tlv_enclose(&w, instance_at, PROA_TLV_OBJECT_INSTANCE, 0);
    assert_int_equal(w.len, len);
    assert_memory_equal(out, expected, len);

    proa_tlv_record instance;
    proa_tlv_record record;
    proa_reader r = proa_reader_make(proa_span_make(out, len));
    assert_true(proa_tlv_next(&r, &instance));
    assert_int_equal(instance.kind, PROA_TLV_OBJECT_INSTANCE);
    assert_int_equal(instance.id, 0);
    proa_reader inner = proa_reader_make(instance.value);
    for (int i = 0; i < 3; i++) {
        assert_true(proa_tlv_next(&inner, &record));
    }
    assert_int_equal(record.kind, PROA_TLV_MULTIPLE);
    inner = proa_reader_make(record.value);
    assert_true(proa_tlv_next(&inner, &record));
    assert_int_equal(record.kind, PROA_TLV_RESOURCE_INSTANCE);
    assert_int_equal(record.id, 2);
    assert_false(proa_tlv_next(&inner, &record));
    assert_int_equal(inner.err, PROA_OK);
    assert_false(proa_tlv_next(&r, &record));
}

/* The example of LwM2M Core 1.1 §7.4.4: GET /65/0, /66 with links. */
static void lwm2m_7_4_4_example_with_links(void **state)
{
    (void)state;
    uint8_t expected[40];
    uint8_t out[40];
    size_t len = hex("88000c 44000042 0000 44010042 0001 c8010d38363133383030373535353030 c4021234"
                     "5678",
                     expected, sizeof expected);
    proa_writer w = proa_writer_make(out, sizeof out);
    proa_tlv_write_objlink(&w, PROA_TLV_RESOURCE_INSTANCE, 0, 66, 0);
    proa_tlv_write_objlink(&w, PROA_TLV_RESOURCE_INSTANCE, 1, 66, 1);
    proa_tlv_enclose(&w, 0, PROA_TLV_MULTIPLE, 0);
    proa_tlv_write(&w, PROA_TLV_RESOURCE, 1, proa_span_of("8613800755500"));
    proa_tlv_write_integer(&w, PROA_TLV_RESOURCE, 2, 0x12345678);
    assert_int_equal(w.len, len);
    assert_memory_equal(out, expected, len);
}

static void lwm2m_7_4_4_each_width_of_identifier_and_length(void **state)
{
    (void)state;
    static const uint16_t ids[] = {0, 1, 255, 256, 65534, 65535};
    static const size_t lens[] = {0, 1, 7, 8, 255, 256, 65535, 65536, 70000};
    static uint8_t content[70000];
    static uint8_t out[70006];
    memset(content, 0x5a, sizeof content);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        for (size_t k = 0; k < sizeof lens / sizeof lens[0]; k++) {
            size_t len = lens[k];
            size_t head_len = (ids[i] > 255 ? 3U : 2U) + (len < 8       ? 0
                                                          : len < 256   ? 1
                                                          : len < 65536 ? 2
                                                                        : 3);
            proa_writer w = proa_writer_make(out, head_len + len);
            proa_tlv_write(&w, PROA_TLV_RESOURCE, ids[i], proa_span_make(content, len));
            assert_int_equal(w.err, PROA_OK);
            assert_int_equal(w.len, head_len + len);
            proa_tlv_record record;
            proa_reader r = proa_reader_make(proa_writer_span(&w));
            assert_true(proa_tlv_next(&r, &record));
            assert_int_equal(record.id, ids[i]);
            assert_int_equal(record.kind, PROA_TLV_RESOURCE);
            assert_true(proa_span_equal(record.value, proa_span_make(content, len)));
            assert_int_equal(proa_reader_left(&r), 0);
            /* One byte short, and nothing of it is there. */
            w = proa_writer_make(out, head_len + len - 1);
            proa_tlv_write(&w, PROA_TLV_RESOURCE, ids[i], proa_span_make(content, len));
            assert_int_equal(w.err, PROA_E_NO_SPACE);
            assert_int_equal(w.len, 0);
        }
    }
}

static void lwm2m_7_4_4_longest_value(void **state)
{
    (void)state;
    static uint8_t out[(1 << 24) + 8];
    static uint8_t content[1 << 24];
    proa_writer w = proa_writer_make(out, sizeof out);
    proa_tlv_write(&w, PROA_TLV_RESOURCE, 1, proa_span_make(content, (1 << 24) - 1));
    assert_int_equal(w.err, PROA_OK);
    assert_int_equal(w.len, (1 << 24) + 4);
    w = proa_writer_make(out, sizeof out);
    proa_tlv_write(&w, PROA_TLV_RESOURCE, 1, proa_span_make(content, 1 << 24));
    assert_int_equal(w.err, PROA_E_TOO_LARGE);
    assert_int_equal(w.len, 0);
}

static void lwm2m_7_4_4_longer_heads_than_needed_are_read(void **state)
{
    (void)state;
    static const char *const rows[] = {"c1051e",          "e100051e", "c805011e", "d00500011e",
                                       "f80005000001 1e", "cf05011e" /* low bits do not count */};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t in[8];
        int64_t value = 0;
        proa_tlv_record record;
        size_t len = hex(rows[i], in, sizeof in);
        proa_reader r = proa_reader_make(proa_span_make(in, len));
        assert_true(proa_tlv_next(&r, &record));
        assert_int_equal(record.id, 5);
        assert_int_equal(proa_tlv_integer(record.value, &value), PROA_OK);
        assert_int_equal(value, 30);
        assert_int_equal(proa_reader_left(&r), 0);
    }
}

static void lwm2m_7_4_4_every_prefix_is_truncated(void **state)
{
    (void)state;
    static const char *const rows[] = {"c1051e", "e216 4a 3030", "f80005000001 1e", "d00500011e",
                                       "c80801ff"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t bytes[8];
        size_t len = hex(rows[i], bytes, sizeof bytes);
        for (size_t cut = 1; cut < len; cut++) {
            proa_tlv_record record;
            uint8_t *in = guard_copy(bytes, cut);
            proa_reader r = proa_reader_make(proa_span_make(in, cut));
            assert_false(proa_tlv_next(&r, &record));
            assert_int_equal(r.err, PROA_E_TRUNCATED);
            assert_false(proa_tlv_next(&r, &record));
            guard_free(in, cut);
        }
    }
}

static void lwm2m_appendix_c_integers_take_the_smallest_width(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        size_t width;
    } rows[] = {{0, 1},          {127, 1},       {128, 2},         {-128, 1},      {-129, 2},
                {32767, 2},      {32768, 4},     {-32768, 2},      {-32769, 4},    {INT32_MAX, 4},
                {2147483648, 8}, {INT32_MIN, 4}, {-2147483649, 8}, {INT64_MAX, 8}, {INT64_MIN, 8},
                {-1, 1},         {65535, 4},     {0xffffffffLL, 8}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t out[16];
        proa_writer w = proa_writer_make(out, sizeof out);
        proa_tlv_write_integer(&w, PROA_TLV_RESOURCE, 1, rows[i].value);
        proa_tlv_record record;
        proa_reader r = proa_reader_make(proa_writer_span(&w));
        assert_true(proa_tlv_next(&r, &record));
        assert_int_equal(record.value.len, rows[i].width);
        int64_t value = 0;
        assert_int_equal(proa_tlv_integer(record.value, &value), PROA_OK);
        assert_true(value == rows[i].value);
    }
}

static void lwm2m_appendix_c_unsigned_integers(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        size_t width;
    } rows[] = {{0, 1},     {255, 1},        {256, 2},         {65535, 2},
                {65536, 4}, {0xffffffff, 4}, {0x100000000, 8}, {UINT64_MAX, 8}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t out[16];
        proa_writer w = proa_writer_make(out, sizeof out);
        proa_tlv_write_unsigned(&w, PROA_TLV_RESOURCE, 1, rows[i].value);
        proa_tlv_record record;
        proa_reader r = proa_reader_make(proa_writer_span(&w));
        assert_true(proa_tlv_next(&r, &record));
        assert_int_equal(record.value.len, rows[i].width);
        uint64_t value = 0;
        assert_int_equal(proa_tlv_unsigned(record.value, &value), PROA_OK);
        assert_true(value == rows[i].value);
    }
}

static void lwm2m_appendix_c_floats(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *hex;
    } rows[] = {{0, "c40100000000"},
                {-2.5, "c401c0200000"},
                {22.5, "c40141b40000"},
                {22.1, "c80108403619999999999a"},
                {1e300, "c801087e37e43c8800759c"},
                {3.4028234663852886e38, "c4017f7fffff"},
                {1.401298464324817e-45, "c40100000001"},
                {(double)INFINITY, "c4017f800000"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t out[16];
        char text[33];
        proa_writer w = proa_writer_make(out, sizeof out);
        proa_tlv_write_float(&w, PROA_TLV_RESOURCE, 1, rows[i].value);
        assert_string_equal(unhex(out, w.len, text), rows[i].hex);
        proa_tlv_record record;
        proa_reader r = proa_reader_make(proa_writer_span(&w));
        assert_true(proa_tlv_next(&r, &record));
        double value = 1;
        assert_int_equal(proa_tlv_float(record.value, &value), PROA_OK);
        assert_true(value == rows[i].value);
    }
}

static void lwm2m_appendix_c_values_of_the_wrong_length(void **state)
{
    (void)state;
    static const uint8_t bytes[10];
    for (size_t len = 0; len < sizeof bytes; len++) {
        uint8_t *in = guard_copy(bytes, len);
        proa_span value = proa_span_make(in, len);
        int64_t integer;
        uint64_t number;
        double real;
        bool boolean;
        uint16_t a;
        uint16_t b;
        bool integer_len = len == 1 || len == 2 || len == 4 || len == 8;
        assert_int_equal(proa_tlv_integer(value, &integer), integer_len ? PROA_OK : PROA_E_TYPE);
        assert_int_equal(proa_tlv_unsigned(value, &number), integer_len ? PROA_OK : PROA_E_TYPE);
        assert_int_equal(proa_tlv_float(value, &real),
                         len == 4 || len == 8 ? PROA_OK : PROA_E_TYPE);
        assert_int_equal(proa_tlv_boolean(value, &boolean), len == 1 ? PROA_OK : PROA_E_TYPE);
        assert_int_equal(proa_tlv_objlink(value, &a, &b), len == 4 ? PROA_OK : PROA_E_TYPE);
        guard_free(in, len);
    }
    bool boolean;
    assert_int_equal(proa_tlv_boolean(proa_span_of("\2"), &boolean), PROA_E_TYPE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lwm2m_7_4_4_provisioning_requests),
        cmocka_unit_test(lwm2m_7_4_4_records_in_records),
        cmocka_unit_test(lwm2m_7_4_4_example_with_links),
        cmocka_unit_test(lwm2m_7_4_4_each_width_of_identifier_and_length),
        cmocka_unit_test(lwm2m_7_4_4_longest_value),
        cmocka_unit_test(lwm2m_7_4_4_longer_heads_than_needed_are_read),
        cmocka_unit_test(lwm2m_7_4_4_every_prefix_is_truncated),
        cmocka_unit_test(lwm2m_appendix_c_integers_take_the_smallest_width),
        cmocka_unit_test(lwm2m_appendix_c_unsigned_integers),
        cmocka_unit_test(lwm2m_appendix_c_floats),
        cmocka_unit_test(lwm2m_appendix_c_values_of_the_wrong_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
