/* SPDX-License-Identifier: Apache-2.0 */
/* Payloads of each format: what a server or peer sends, what we send, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proa/payload.h"
#include "tests/support/guard.h"

/* A model small enough to see: the type is the resource id, whatever the object. */
static proa_type type_by_id(void *ctx, const proa_path *path)
{
    (void)ctx;
    return path->depth >= 3 && path->ids[2] <= PROA_TYPE_CORELINK ? (proa_type)path->ids[2]
                                                                  : PROA_TYPE_NONE;
}

static proa_path path_of(const char *text)
{
    proa_path path;
    assert_int_equal(proa_path_parse(proa_span_of(text), &path), PROA_OK);
    return path;
}

static void print_bytes(proa_writer *w, proa_span bytes)
{
    char digits[601];
    assert_true(bytes.len <= 300);
    proa_write_text(w, unhex(bytes.data, bytes.len, digits));
}

static void print_value(proa_writer *w, const proa_value *value)
{
    char text[64] = "";
    switch (value->type) {
    case PROA_TYPE_INTEGER:
    case PROA_TYPE_TIME:
        snprintf(text, sizeof text, "%lld", (long long)value->as.integer);
        break;
    case PROA_TYPE_UNSIGNED:
        snprintf(text, sizeof text, "%llu", (unsigned long long)value->as.unsigned_integer);
        break;
    case PROA_TYPE_FLOAT:
        snprintf(text, sizeof text, "%.17g", value->as.real);
        break;
    case PROA_TYPE_BOOLEAN:
        snprintf(text, sizeof text, "%s", value->as.boolean ? "true" : "false");
        break;
    case PROA_TYPE_OBJLINK:
        snprintf(text, sizeof text, "%d:%d", value->as.link.object, value->as.link.instance);
        break;
    case PROA_TYPE_STRING:
    case PROA_TYPE_CORELINK:
        proa_write_span(w, value->as.bytes);
        break;
    case PROA_TYPE_OPAQUE:
    case PROA_TYPE_NONE:
        print_bytes(w, value->as.bytes);
    }
    proa_write_text(w, text);
}

/* "/3/0/9 integer 100, ..." */
static proa_err print_payload(uint16_t format, const char *base_text, const uint8_t *bytes,
                              size_t len, proa_type_of type_of, char *out, size_t cap)
{
    proa_payload_reader p;
    proa_record record;
    proa_path base = path_of(base_text);
    uint8_t *in = guard_copy(bytes, len);
    proa_writer w = proa_writer_make(out, cap - 1);
    assert_int_equal(proa_payload_read(&p, format, &base, proa_span_make(in, len), type_of, NULL),
                     PROA_OK);
    while (proa_payload_next(&p, &record)) {
        proa_write_text(&w, w.len > 0 ? ", " : "");
        proa_path_write(&w, &record.path);
        proa_write_text(&w, " ");
        proa_write_text(&w, proa_type_name(record.value.type));
        proa_write_text(&w, " ");
        print_value(&w, &record.value);
    }
    assert_false(proa_payload_next(&p, &record)); /* the end stays the end */
    assert_int_equal(w.err, PROA_OK);
    out[w.len] = '\0';
    guard_free(in, len);
    return p.err;
}

typedef struct row {
    const char *base;
    const char *payload; /* hex, for text the text itself */
    const char *read;
    proa_err err;
} row;

static void check(uint16_t format, const row *rows, size_t count, proa_type_of type_of)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t bytes[600];
        char out[1000];
        size_t len = strlen(rows[i].payload);
        if (format == PROA_FORMAT_TEXT) {
            memcpy(bytes, rows[i].payload, len);
        } else {
            len = hex(rows[i].payload, bytes, sizeof bytes);
        }
        proa_err err = print_payload(format, rows[i].base, bytes, len, type_of, out, sizeof out);
        if (err != rows[i].err || strcmp(out, rows[i].read) != 0) {
            fail_msg("%s %s: %s, %d", rows[i].base, rows[i].payload, out, err);
        }
    }
}

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* ---- TLV -------------------------------------------------------------------------------- */

static void lwm2m_7_4_4_tlv_at_each_level(void **state)
{
    (void)state;
    static const row rows[] = {
        /* resources of an instance; with the instance around them; a multiple resource */
        {"/9/0", "c10205 c101 41", "/9/0/2 integer 5, /9/0/1 string A", PROA_OK},
        {"/9/3", "0803 06 c10205 c10141", "/9/3/2 integer 5, /9/3/1 string A", PROA_OK},
        {"/9/0", "8206 4101 05 41 02 06", "", PROA_E_TRUNCATED},
        {"/9/0", "8602 410105 410206 c10501",
         "/9/0/2/1 integer 5, /9/0/2/2 integer 6, "
         "/9/0/5 boolean true",
         PROA_OK},
        /* instances of an object, one of them empty */
        {"/9", "0300 c10205 0001 2301 2c c1023c", "/9/0/2 integer 5, /9/300/2 integer 60", PROA_OK},
        {"/9", "0800 08 8602 410105 410206", "/9/0/2/1 integer 5, /9/0/2/2 integer 6", PROA_OK},
        {"/9", "", "", PROA_OK},
        {"/9/0", "8002", "", PROA_OK},
        /* one resource, single or multiple, and one resource instance */
        {"/9/0/2", "c10205", "/9/0/2 integer 5", PROA_OK},
        {"/9/0/2", "8602 410105 410206", "/9/0/2/1 integer 5, /9/0/2/2 integer 6", PROA_OK},
        {"/9/0/2", "410105 410206", "/9/0/2/1 integer 5, /9/0/2/2 integer 6", PROA_OK},
        {"/9/0/2/1", "410105", "/9/0/2/1 integer 5", PROA_OK},
        {"/9/0/2/1", "8302 410105", "/9/0/2/1 integer 5", PROA_OK},
        /* every type */
        {"/9/0",
         "c20041ff c10141 c2020100 c103ff c404c0200000 c10500 c10600 c4075f000000"
         "c40800420001 c409 3c2f313e",
         "/9/0/0 none 41ff, /9/0/1 string A, /9/0/2 integer 256, /9/0/3 unsigned 255, "
         "/9/0/4 float -2.5, /9/0/5 boolean false, /9/0/6 opaque 00, /9/0/7 time 1593835520, "
         "/9/0/8 objlink 66:1, /9/0/9 corelink </1>",
         PROA_OK},
    };
    check(PROA_FORMAT_TLV, rows, COUNT(rows), type_by_id);
    static const row untyped[] = {
        {"/9/0", "c10205 c10141", "/9/0/2 none 05, /9/0/1 none 41", PROA_OK},
    };
    check(PROA_FORMAT_TLV, untyped, COUNT(untyped), NULL);
}

static void lwm2m_7_4_4_tlv_refused(void **state)
{
    (void)state;
    static const row rows[] = {
        /* records where they cannot be */
        {"/9", "c10205", "", PROA_E_FORMAT},
        {"/9", "410105", "", PROA_E_FORMAT},
        {"/9", "8302 410105", "", PROA_E_FORMAT},
        {"/9/0", "410105", "", PROA_E_FORMAT},
        {"/9/0", "0500 0301 c10205", "", PROA_E_FORMAT},
        {"/9/0", "8302 c10105", "", PROA_E_FORMAT},
        {"/9/0", "0300 410105", "", PROA_E_FORMAT},
        {"/9/0", "8502 8301 410105", "", PROA_E_FORMAT},
        {"/9/0/2", "8302 c10105", "", PROA_E_FORMAT},
        /* another instance, resource or resource instance than asked for */
        {"/9/0", "0301 c10205", "", PROA_E_DENIED},
        {"/9/0/2", "c10305", "", PROA_E_DENIED},
        {"/9/0/2", "8303 410105", "", PROA_E_DENIED},
        {"/9/0/2", "0600 c10205 c10305", "/9/0/2 integer 5", PROA_E_DENIED},
        {"/9/0/2/1", "410205", "", PROA_E_DENIED},
        {"/9/0/2/1", "c10205", "", PROA_E_DENIED},
        {"/9/0/2/1", "8602 410105 410205", "/9/0/2/1 integer 5", PROA_E_DENIED},
        /* identifiers that are reserved, Core 1.2 §7.1 */
        {"/9/0", "e1ffff05", "", PROA_E_RANGE},
        {"/9", "23ffff c10205", "", PROA_E_RANGE},
        {"/9/0", "8402 61ffff05", "", PROA_E_RANGE},
        /* cut off, outside and inside */
        {"/9/0", "c10205 c102", "/9/0/2 integer 5", PROA_E_TRUNCATED},
        {"/9/0", "8202 4101", "", PROA_E_TRUNCATED},
        /* values of another type than the model says */
        {"/9/0", "c3020102 03", "", PROA_E_TYPE},
        {"/9/0", "c202 0102 c10502", "/9/0/2 integer 258", PROA_E_TYPE},
        {"/9/0", "c2040000", "", PROA_E_TYPE},
        {"/9/0", "c2080000", "", PROA_E_TYPE},
    };
    check(PROA_FORMAT_TLV, rows, COUNT(rows), type_by_id);
}

/* ---- the formats of one value ----------------------------------------------------------- */

static void lwm2m_7_4_1_text(void **state)
{
    (void)state;
    static const row rows[] = {
        {"/9/0/0", "x", "/9/0/0 none 78", PROA_OK},
        {"/9/0/1", "", "/9/0/1 string ", PROA_OK},
        {"/9/0/1/7", "a b", "/9/0/1/7 string a b", PROA_OK},
        {"/9/0/2", "-5", "/9/0/2 integer -5", PROA_OK},
        {"/9/0/3", "18446744073709551615", "/9/0/3 unsigned 18446744073709551615", PROA_OK},
        {"/9/0/4", "2.5", "/9/0/4 float 2.5", PROA_OK},
        {"/9/0/5", "1", "/9/0/5 boolean true", PROA_OK},
        {"/9/0/6", "AAE=", "/9/0/6 opaque 0001", PROA_OK},
        {"/9/0/7", "1593835520", "/9/0/7 time 1593835520", PROA_OK},
        {"/9/0/8", "66:1", "/9/0/8 objlink 66:1", PROA_OK},
        {"/9/0/9", "</1>", "/9/0/9 corelink </1>", PROA_OK},
        {"/9/0/2", "", "", PROA_E_TYPE},
        {"/9/0/2", "5.0", "", PROA_E_TYPE},
        {"/9/0/2", "9223372036854775808", "", PROA_E_RANGE},
        {"/9/0/3", "-1", "", PROA_E_TYPE},
        {"/9/0/4", "x", "", PROA_E_TYPE},
        {"/9/0/5", "true", "", PROA_E_TYPE},
        {"/9/0/6", "AAE", "", PROA_E_TYPE},
        {"/9/0/8", "66", "", PROA_E_TYPE},
        {"/9/0/8", "65536:0", "", PROA_E_RANGE},
    };
    check(PROA_FORMAT_TEXT, rows, COUNT(rows), type_by_id);
}

static void lwm2m_7_4_1_base64_ends_at_the_limit(void **state)
{
    (void)state;
    char text[348];
    char out[700];
    memset(text, 'A', sizeof text);
    assert_int_equal(PROA_STRING_MAX, 255);
    assert_int_equal(print_payload(PROA_FORMAT_TEXT, "/9/0/6", (const uint8_t *)text, 340,
                                   type_by_id, out, sizeof out),
                     PROA_OK);
    assert_int_equal(strlen(out), strlen("/9/0/6 opaque ") + 510);
    assert_int_equal(print_payload(PROA_FORMAT_TEXT, "/9/0/6", (const uint8_t *)text, 344,
                                   type_by_id, out, sizeof out),
                     PROA_E_NO_SPACE);
}

static void lwm2m_7_4_2_opaque(void **state)
{
    (void)state;
    static const row rows[] = {
        {"/9/0/6", "00ff", "/9/0/6 opaque 00ff", PROA_OK},
        {"/9/0/6", "", "/9/0/6 opaque ", PROA_OK},
        {"/9/0/0", "00", "/9/0/0 opaque 00", PROA_OK},
        {"/9/0/2", "00", "", PROA_E_TYPE},
    };
    check(PROA_FORMAT_OPAQUE, rows, COUNT(rows), type_by_id);
}

static void lwm2m_7_4_3_cbor(void **state)
{
    (void)state;
    static const row rows[] = {
        {"/9/0/0", "05", "/9/0/0 integer 5", PROA_OK},
        {"/9/0/0", "1bffffffffffffffff", "/9/0/0 unsigned 18446744073709551615", PROA_OK},
        {"/9/0/0", "f93e00", "/9/0/0 float 1.5", PROA_OK},
        {"/9/0/0", "f5", "/9/0/0 boolean true", PROA_OK},
        {"/9/0/0", "6141", "/9/0/0 string A", PROA_OK},
        {"/9/0/0", "4141", "/9/0/0 opaque 41", PROA_OK},
        {"/9/0/1", "7f61416142ff", "/9/0/1 string AB", PROA_OK},
        {"/9/0/2", "24", "/9/0/2 integer -5", PROA_OK},
        {"/9/0/2", "f9c500", "/9/0/2 integer -5", PROA_OK}, /* a whole float */
        {"/9/0/2", "fbc3e0000000000000", "/9/0/2 integer -9223372036854775808", PROA_OK},
        {"/9/0/3", "05", "/9/0/3 unsigned 5", PROA_OK},
        {"/9/0/3", "f94500", "/9/0/3 unsigned 5", PROA_OK},
        {"/9/0/3", "1bffffffffffffffff", "/9/0/3 unsigned 18446744073709551615", PROA_OK},
        {"/9/0/4", "05", "/9/0/4 float 5", PROA_OK},
        {"/9/0/4", "f93e00", "/9/0/4 float 1.5", PROA_OK},
        {"/9/0/5", "f4", "/9/0/5 boolean false", PROA_OK},
        {"/9/0/7", "1a5f000000", "/9/0/7 time 1593835520", PROA_OK},
        {"/9/0/7", "c11a5f000000", "/9/0/7 time 1593835520", PROA_OK},
        {"/9/0/8", "6436363a31", "/9/0/8 objlink 66:1", PROA_OK},
        {"/9/0/9", "643c2f313e", "/9/0/9 corelink </1>", PROA_OK},
        {"/9/0/1", "05", "", PROA_E_TYPE},
        {"/9/0/1", "4141", "", PROA_E_TYPE},
        {"/9/0/2", "f93e00", "", PROA_E_TYPE},
        {"/9/0/2", "fb43e0000000000000", "", PROA_E_RANGE}, /* 2^63 */
        {"/9/0/2", "f97e00", "", PROA_E_RANGE},             /* NaN */
        {"/9/0/2", "1b8000000000000000", "", PROA_E_RANGE},
        {"/9/0/2", "3b8000000000000000", "", PROA_E_RANGE},
        {"/9/0/2", "f5", "", PROA_E_TYPE},
        {"/9/0/3", "20", "", PROA_E_RANGE},
        {"/9/0/3", "fb43f0000000000000", "", PROA_E_RANGE}, /* 2^64 */
        {"/9/0/3", "f93e00", "", PROA_E_TYPE},
        {"/9/0/3", "f5", "", PROA_E_TYPE},
        {"/9/0/4", "6135", "", PROA_E_TYPE},
        {"/9/0/5", "01", "", PROA_E_TYPE},
        {"/9/0/6", "6141", "", PROA_E_TYPE},
        {"/9/0/8", "6141", "", PROA_E_TYPE},
        {"/9/0/8", "05", "", PROA_E_TYPE},
        {"/9/0/0", "80", "", PROA_E_TYPE},
        {"/9/0/0", "f6", "", PROA_E_TYPE},
        {"/9/0/0", "", "", PROA_E_TRUNCATED},
        {"/9/0/0", "61", "", PROA_E_TRUNCATED},
        {"/9/0/0", "1c", "", PROA_E_FORMAT},
        {"/9/0/0", "0505", "", PROA_E_FORMAT},
        {"/9/0/0", "c205", "", PROA_E_UNSUPPORTED},
    };
    check(PROA_FORMAT_CBOR, rows, COUNT(rows), type_by_id);
}

/* ---- SenML ------------------------------------------------------------------------------ */

static void lwm2m_7_4_5_senml_cbor(void **state)
{
    (void)state;
    static const row rows[] = {
        {"/", "80", "", PROA_OK},
        /* names after a base with and without a slash at its end */
        {"/9/0", "82 a3 21 65 2f392f302f 00 61 32 02 05  a2 00 61 31 03 61 41",
         "/9/0/2 integer 5, /9/0/1 string A", PROA_OK},
        {"/9/0/2", "82 a3 21 66 2f392f302f32 00 62 2f31 02 05  a2 00 62 2f32 02 06",
         "/9/0/2/1 integer 5, /9/0/2/2 integer 6", PROA_OK},
        {"/9/0/2", "81 a2 21 66 2f392f302f32 02 05", "/9/0/2 integer 5", PROA_OK},
        /* every value, with the type the model wants */
        {"/9",
         "89 a3 21 65 2f392f302f 00 61 31 03 60  a2 00 61 33 02 05  a2 00 61 34 02 05"
         "  a2 00 61 35 04 f5  a2 00 61 36 08 4100  a2 00 61 37 02 c1 05"
         "  a2 00 61 38 63 766c6f 64 36363a31  a2 00 61 39 03 60  a2 00 61 30 02 f93e00",
         "/9/0/1 string , /9/0/3 unsigned 5, /9/0/4 float 5, /9/0/5 boolean true, "
         "/9/0/6 opaque 00, /9/0/7 time 5, /9/0/8 objlink 66:1, /9/0/9 corelink , /9/0/0 float 1.5",
         PROA_OK},
        /* paths alone, as composite operations name them */
        {"/", "83 a1 00 66 2f392f302f32 a1 00 62 2f39 a1 00 61 2f",
         "/9/0/2 none , /9 none , / none ", PROA_OK},
        /* refused */
        {"/9/0", "81 a2 00 66 2f392f312f32 02 05", "", PROA_E_DENIED},
        {"/9/0", "81 a1 00 62 2f39", "", PROA_E_DENIED},
        {"/9/0/2", "81 a2 00 66 2f392f302f33 02 05", "", PROA_E_DENIED},
        {"/", "81 a2 00 64 2f392f30 02 05", "", PROA_E_FORMAT},
        {"/", "81 a2 00 66 2f392f302f78 02 05", "", PROA_E_FORMAT},
        {"/", "81 a2 00 6a 2f392f302f3635353335 02 05", "", PROA_E_RANGE},
        {"/9/0", "81 a2 00 66 2f392f302f32 03 61 35", "", PROA_E_TYPE},
        {"/9/0", "81 a2 00 66 2f392f302f38 63 766c6f 61 41", "", PROA_E_TYPE},
        {"/9/0", "82 a2 00 66 2f392f302f32 02 05", "/9/0/2 integer 5", PROA_E_TRUNCATED},
        {"/9/0", "81 a2 00 66 2f392f302f32 62 785f 05", "", PROA_E_UNSUPPORTED},
    };
    check(PROA_FORMAT_SENML_CBOR, rows, COUNT(rows), type_by_id);
}

/* ---- writing ---------------------------------------------------------------------------- */

typedef struct write_row {
    const char *path;
    proa_value value;
} write_row;

static proa_err write_all(uint16_t format, const char *base_text, const write_row *rows,
                          size_t count, proa_writer *w)
{
    proa_payload_writer p;
    proa_path base = path_of(base_text);
    proa_err err = proa_payload_begin(&p, w, format, &base);
    for (size_t i = 0; i < count && err == PROA_OK; i++) {
        proa_record record = {path_of(rows[i].path), rows[i].value};
        err = proa_payload_add(&p, &record);
    }
    return err == PROA_OK ? proa_payload_end(&p) : err;
}

#define TEXT(s) (const uint8_t *)(s), sizeof(s) - 1

static const write_row instance_rows[] = {
    {"/9/0/1", {PROA_TYPE_STRING, {.bytes = {TEXT("A")}}}},
    {"/9/0/2/1", {PROA_TYPE_INTEGER, {.integer = 5}}},
    {"/9/0/2/2", {PROA_TYPE_INTEGER, {.integer = -6}}},
    {"/9/0/3", {PROA_TYPE_UNSIGNED, {.unsigned_integer = 255}}},
    {"/9/0/4", {PROA_TYPE_FLOAT, {.real = -2.5}}},
    {"/9/0/5", {PROA_TYPE_BOOLEAN, {.boolean = true}}},
    {"/9/0/6", {PROA_TYPE_OPAQUE, {.bytes = {TEXT("\0\1")}}}},
    {"/9/0/7", {PROA_TYPE_TIME, {.integer = 1593835520}}},
    {"/9/0/8", {PROA_TYPE_OBJLINK, {.link = {66, 1}}}},
    {"/9/0/9", {PROA_TYPE_CORELINK, {.bytes = {TEXT("</1>")}}}},
};

static const char instance_read[] =
    "/9/0/1 string A, /9/0/2/1 integer 5, /9/0/2/2 integer -6, /9/0/3 unsigned 255, "
    "/9/0/4 float -2.5, /9/0/5 boolean true, /9/0/6 opaque 0001, /9/0/7 time 1593835520, "
    "/9/0/8 objlink 66:1, /9/0/9 corelink </1>";

static void lwm2m_7_4_what_was_written_is_read(void **state)
{
    (void)state;
    static const uint16_t formats[] = {PROA_FORMAT_TLV, PROA_FORMAT_SENML_CBOR};
    static const char *const bases[] = {"/9/0", "/9", "/"};
    for (size_t f = 0; f < 2; f++) {
        for (size_t b = 0; b < (f == 0 ? 2 : 3); b++) {
            uint8_t bytes[300];
            char out[600];
            proa_writer w = proa_writer_make(bytes, sizeof bytes);
            assert_int_equal(
                write_all(formats[f], bases[b], instance_rows, COUNT(instance_rows), &w), PROA_OK);
            assert_int_equal(
                print_payload(formats[f], bases[b], bytes, w.len, type_by_id, out, sizeof out),
                PROA_OK);
            assert_string_equal(out, instance_read);
            /* Each smaller buffer is too small, and nothing is written past it. */
            size_t full = w.len;
            for (size_t cap = 0; cap < full; cap++) {
                uint8_t *room = guard_copy(bytes, cap);
                w = proa_writer_make(room, cap);
                assert_int_equal(
                    write_all(formats[f], bases[b], instance_rows, COUNT(instance_rows), &w),
                    PROA_E_NO_SPACE);
                guard_free(room, cap);
            }
        }
    }
}

static void lwm2m_7_4_4_tlv_bytes_written(void **state)
{
    (void)state;
    static const struct {
        const char *base;
        write_row rows[4];
        size_t count;
        const char *hex;
    } rows[] = {
        /* object 11002 of a host: one Create, the instance left to it */
        {"/11002/0",
         {{"/11002/0/0", {PROA_TYPE_INTEGER, {.integer = 3311}}},
          {"/11002/0/1", {PROA_TYPE_INTEGER, {.integer = 0}}},
          {"/11002/0/2/2", {PROA_TYPE_INTEGER, {.integer = 1}}},
          {"/11002/0/3", {PROA_TYPE_INTEGER, {.integer = 1}}}},
         4,
         "c2000cefc101008302410201c10301"},
        {"/11002",
         {{"/11002/0/0", {PROA_TYPE_INTEGER, {.integer = 3311}}},
          {"/11002/0/1", {PROA_TYPE_INTEGER, {.integer = 0}}},
          {"/11002/0/2/2", {PROA_TYPE_INTEGER, {.integer = 1}}},
          {"/11002/0/3", {PROA_TYPE_INTEGER, {.integer = 1}}}},
         4,
         "08000fc2000cefc101008302410201c10301"},
        /* two instances, with the same multiple resource at the seam */
        {"/9",
         {{"/9/0/2/0", {PROA_TYPE_INTEGER, {.integer = 1}}},
          {"/9/1/2/0", {PROA_TYPE_INTEGER, {.integer = 2}}},
          {"/9/1/3/0", {PROA_TYPE_INTEGER, {.integer = 3}}}},
         3,
         "050083024100010801 0a83024100028303410003"},
        {"/9/0/2",
         {{"/9/0/2/0", {PROA_TYPE_INTEGER, {.integer = 1}}},
          {"/9/0/2/7", {PROA_TYPE_INTEGER, {.integer = 2}}}},
         2,
         "8602410001410702"},
        {"/9/0/2/7", {{"/9/0/2/7", {PROA_TYPE_INTEGER, {.integer = 2}}}}, 1, "410702"},
        {"/3311/0/5706",
         {{"/3311/0/5706", {PROA_TYPE_STRING, {.bytes = {TEXT("00001")}}}}},
         1,
         "e5164a3030303031"},
        {"/9/0", {{"/9/0/2", {PROA_TYPE_NONE, {.bytes = {TEXT("\1\2")}}}}}, 1, "c2020102"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t expected[64];
        uint8_t out[64];
        size_t len = hex(rows[i].hex, expected, sizeof expected);
        proa_writer w = proa_writer_make(out, sizeof out);
        assert_int_equal(write_all(PROA_FORMAT_TLV, rows[i].base, rows[i].rows, rows[i].count, &w),
                         PROA_OK);
        assert_int_equal(w.len, len);
        assert_memory_equal(out, expected, len);
    }
}

static void lwm2m_7_4_5_senml_bytes_written(void **state)
{
    (void)state;
    static const struct {
        const char *base;
        const char *hex;
    } rows[] = {
        /* the base stands in the first record only */
        {"/9/0", "83 a3 21 64 2f392f30 00 62 2f31 03 6141  a2 00 64 2f322f31 02 05"
                 "  a2 00 64 2f322f32 02 25"},
        {"/9", "83 a3 21 62 2f39 00 64 2f302f31 03 6141  a2 00 66 2f302f322f31 02 05"
               "  a2 00 66 2f302f322f32 02 25"},
        {"/", "83 a2 00 66 2f392f302f31 03 6141  a2 00 68 2f392f302f322f31 02 05"
              "  a2 00 68 2f392f302f322f32 02 25"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t expected[64];
        uint8_t out[64];
        size_t len = hex(rows[i].hex, expected, sizeof expected);
        proa_writer w = proa_writer_make(out, sizeof out);
        assert_int_equal(write_all(PROA_FORMAT_SENML_CBOR, rows[i].base, instance_rows, 3, &w),
                         PROA_OK);
        assert_int_equal(w.len, len);
        assert_memory_equal(out, expected, len);
    }
    /* A value at the base itself needs no name. */
    uint8_t out[32];
    char text[65];
    proa_writer w = proa_writer_make(out, sizeof out);
    assert_int_equal(write_all(PROA_FORMAT_SENML_CBOR, "/9/0/1", instance_rows, 1, &w), PROA_OK);
    assert_string_equal(unhex(out, w.len, text), "81a221662f392f302f31036141");
}

static void lwm2m_7_4_4_empty_instances_and_resources(void **state)
{
    (void)state;
    uint8_t out[32];
    char text[65];
    proa_payload_writer p;
    proa_writer w = proa_writer_make(out, sizeof out);
    proa_path object = path_of("/9");
    proa_path multiple = path_of("/9/1/2");
    assert_int_equal(proa_payload_begin(&p, &w, PROA_FORMAT_TLV, &object), PROA_OK);
    proa_payload_instance(&p, 0);
    proa_payload_instance(&p, 1);
    proa_payload_multiple(&p, &multiple);
    proa_payload_instance(&p, 300);
    assert_int_equal(proa_payload_end(&p), PROA_OK);
    assert_string_equal(unhex(out, w.len, text), "0000"
                                                 "02018002"
                                                 "20012c");

    w = proa_writer_make(out, sizeof out);
    assert_int_equal(proa_payload_begin(&p, &w, PROA_FORMAT_TLV, &multiple), PROA_OK);
    proa_payload_multiple(&p, &multiple);
    assert_int_equal(proa_payload_end(&p), PROA_OK);
    assert_string_equal(unhex(out, w.len, text), "8002");

    /* Behind something that stands in the buffer already; and SenML has no empty records. */
    w = proa_writer_make(out, sizeof out);
    proa_write_u8(&w, 0xee);
    assert_int_equal(proa_payload_begin(&p, &w, PROA_FORMAT_SENML_CBOR, &object), PROA_OK);
    proa_payload_instance(&p, 0);
    proa_payload_multiple(&p, &multiple);
    assert_int_equal(proa_payload_end(&p), PROA_OK);
    assert_string_equal(unhex(out, w.len, text), "ee80");
}

static void lwm2m_7_4_single_values_written(void **state)
{
    (void)state;
    static const struct {
        uint16_t format;
        proa_value value;
        proa_err err;
        const char *hex;
    } rows[] = {
        {PROA_FORMAT_TEXT, {PROA_TYPE_INTEGER, {.integer = -5}}, PROA_OK, "2d35"},
        {PROA_FORMAT_TEXT, {PROA_TYPE_TIME, {.integer = 5}}, PROA_OK, "35"},
        {PROA_FORMAT_TEXT, {PROA_TYPE_UNSIGNED, {.unsigned_integer = 5}}, PROA_OK, "35"},
        {PROA_FORMAT_TEXT, {PROA_TYPE_FLOAT, {.real = 0.5}}, PROA_OK, "302e35"},
        {PROA_FORMAT_TEXT, {PROA_TYPE_FLOAT, {.real = 1e308 * 10}}, PROA_E_RANGE, ""},
        {PROA_FORMAT_TEXT, {PROA_TYPE_BOOLEAN, {.boolean = true}}, PROA_OK, "31"},
        {PROA_FORMAT_TEXT, {PROA_TYPE_OBJLINK, {.link = {1, 2}}}, PROA_OK, "313a32"},
        {PROA_FORMAT_TEXT, {PROA_TYPE_STRING, {.bytes = {TEXT("A")}}}, PROA_OK, "41"},
        {PROA_FORMAT_TEXT, {PROA_TYPE_OPAQUE, {.bytes = {TEXT("\0")}}}, PROA_OK, "41413d3d"},
        {PROA_FORMAT_OPAQUE, {PROA_TYPE_OPAQUE, {.bytes = {TEXT("\0")}}}, PROA_OK, "00"},
        {PROA_FORMAT_OPAQUE, {PROA_TYPE_NONE, {.bytes = {TEXT("\0")}}}, PROA_OK, "00"},
        {PROA_FORMAT_OPAQUE, {PROA_TYPE_STRING, {.bytes = {TEXT("A")}}}, PROA_E_TYPE, ""},
        {PROA_FORMAT_OPAQUE, {PROA_TYPE_INTEGER, {.integer = 5}}, PROA_E_TYPE, ""},
        {PROA_FORMAT_CBOR, {PROA_TYPE_INTEGER, {.integer = -5}}, PROA_OK, "24"},
        {PROA_FORMAT_CBOR, {PROA_TYPE_TIME, {.integer = 5}}, PROA_OK, "c105"},
        {PROA_FORMAT_CBOR, {PROA_TYPE_UNSIGNED, {.unsigned_integer = 5}}, PROA_OK, "05"},
        {PROA_FORMAT_CBOR, {PROA_TYPE_FLOAT, {.real = 0.5}}, PROA_OK, "f93800"},
        {PROA_FORMAT_CBOR, {PROA_TYPE_BOOLEAN, {.boolean = true}}, PROA_OK, "f5"},
        {PROA_FORMAT_CBOR, {PROA_TYPE_OBJLINK, {.link = {1, 2}}}, PROA_OK, "63313a32"},
        {PROA_FORMAT_CBOR, {PROA_TYPE_STRING, {.bytes = {TEXT("A")}}}, PROA_OK, "6141"},
        {PROA_FORMAT_CBOR, {PROA_TYPE_OPAQUE, {.bytes = {TEXT("A")}}}, PROA_OK, "4141"},
        {PROA_FORMAT_CBOR, {PROA_TYPE_NONE, {.bytes = {TEXT("A")}}}, PROA_E_TYPE, ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t out[32];
        char text[65];
        write_row only = {"/9/0/1", rows[i].value};
        proa_writer w = proa_writer_make(out, sizeof out);
        assert_int_equal(write_all(rows[i].format, "/9/0/1", &only, 1, &w), rows[i].err);
        assert_string_equal(unhex(out, w.len, text), rows[i].hex);
    }
}

static void lwm2m_7_4_what_cannot_be_written(void **state)
{
    (void)state;
    uint8_t out[64];
    proa_writer w = proa_writer_make(out, sizeof out);
    proa_payload_writer p;
    write_row two[] = {{"/9/0/2/1", {PROA_TYPE_INTEGER, {.integer = 5}}},
                       {"/9/0/2/2", {PROA_TYPE_INTEGER, {.integer = 6}}}};
    assert_int_equal(write_all(PROA_FORMAT_TEXT, "/9/0/2", two, 2, &w), PROA_E_UNSUPPORTED);
    assert_int_equal(write_all(PROA_FORMAT_TLV, "/9/1", two, 1, &w), PROA_E_DENIED);
    assert_int_equal(write_all(PROA_FORMAT_TLV, "/9/0/2/2", two, 1, &w), PROA_E_DENIED);
    write_row shallow = {"/9/0", {PROA_TYPE_INTEGER, {.integer = 5}}};
    assert_int_equal(write_all(PROA_FORMAT_SENML_CBOR, "/9", &shallow, 1, &w), PROA_E_DENIED);
    proa_path root = path_of("/");
    proa_path instance = path_of("/9/0");
    assert_int_equal(proa_payload_begin(&p, &w, PROA_FORMAT_TLV, &root), PROA_E_UNSUPPORTED);
    assert_int_equal(proa_payload_begin(&p, &w, PROA_FORMAT_TEXT, &instance), PROA_E_UNSUPPORTED);
    assert_int_equal(proa_payload_begin(&p, &w, PROA_FORMAT_LINK, &instance), PROA_E_UNSUPPORTED);
    proa_payload_reader r;
    assert_int_equal(proa_payload_read(&r, PROA_FORMAT_TLV, &root, proa_span_of(""), NULL, NULL),
                     PROA_E_UNSUPPORTED);
    assert_int_equal(
        proa_payload_read(&r, PROA_FORMAT_LWM2M_CBOR, &instance, proa_span_of(""), NULL, NULL),
        PROA_E_UNSUPPORTED);
}

static void lwm2m_7_4_formats_and_what_they_hold(void **state)
{
    (void)state;
    static const struct {
        uint16_t format;
        /* at depth 0 to 4, then a multiple resource at depth 3 */
        bool holds[6];
    } rows[] = {{PROA_FORMAT_TEXT, {false, false, false, true, true, false}},
                {PROA_FORMAT_OPAQUE, {false, false, false, true, true, false}},
                {PROA_FORMAT_CBOR, {false, false, false, true, true, false}},
                {PROA_FORMAT_TLV, {false, true, true, true, true, true}},
                {PROA_FORMAT_SENML_CBOR, {true, true, true, true, true, true}},
                {PROA_FORMAT_LINK, {false}},
                {PROA_FORMAT_SENML_JSON, {false}},
                {PROA_FORMAT_LWM2M_JSON, {false}},
                {PROA_FORMAT_NONE, {false}}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (uint8_t depth = 0; depth <= 4; depth++) {
            proa_path path = proa_path_make(depth, 9, 0, 0);
            assert_int_equal(proa_format_can_hold(rows[i].format, &path, false),
                             rows[i].holds[depth]);
        }
        proa_path multiple = proa_path_make(3, 9, 0, 0);
        assert_int_equal(proa_format_can_hold(rows[i].format, &multiple, true), rows[i].holds[5]);
        assert_int_equal(proa_format_known(rows[i].format), rows[i].holds[4]);
    }
}

static void lwm2m_6_3_6_instance_named_by_a_create(void **state)
{
    (void)state;
    static const struct {
        uint16_t format;
        const char *hex;
        int32_t instance;
        uint32_t count;
    } rows[] = {
        {PROA_FORMAT_TLV, "", -1, 0},
        {PROA_FORMAT_TLV, "c10205 c10305", -1, 0},
        {PROA_FORMAT_TLV, "08000f c2000cef c10100 8302 410201 c10301", 0, 1},
        {PROA_FORMAT_TLV, "0307 c10205 0308 c10205", 7, 2},
        {PROA_FORMAT_TLV, "20ffff", 65535, 1},
        {PROA_FORMAT_TLV, "0007 08", 7, 1},
        {PROA_FORMAT_SENML_CBOR, "80", -1, 0},
        {PROA_FORMAT_SENML_CBOR, "82 a2 00 66 2f392f372f32 02 05 a2 00 66 2f392f372f33 02 05", 7,
         1},
        {PROA_FORMAT_SENML_CBOR, "82 a2 00 66 2f392f372f32 02 05 a2 00 66 2f392f382f33 02 05", 7,
         2},
        {PROA_FORMAT_SENML_CBOR, "81 a2 00 66 2f382f372f32 02 05", -1, 0},
        {PROA_FORMAT_SENML_CBOR, "81 a1 00 62 2f39", -1, 0},
        {PROA_FORMAT_TEXT, "37", -1, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t bytes[64];
        uint32_t count = 77;
        proa_path base = path_of("/9");
        size_t len = hex(rows[i].hex, bytes, sizeof bytes);
        uint8_t *in = guard_copy(bytes, len);
        assert_int_equal(
            proa_payload_instance_named(rows[i].format, proa_span_make(in, len), &base, &count),
            rows[i].instance);
        assert_int_equal(count, rows[i].count);
        guard_free(in, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lwm2m_7_4_4_tlv_at_each_level),
        cmocka_unit_test(lwm2m_7_4_4_tlv_refused),
        cmocka_unit_test(lwm2m_7_4_1_text),
        cmocka_unit_test(lwm2m_7_4_1_base64_ends_at_the_limit),
        cmocka_unit_test(lwm2m_7_4_2_opaque),
        cmocka_unit_test(lwm2m_7_4_3_cbor),
        cmocka_unit_test(lwm2m_7_4_5_senml_cbor),
        cmocka_unit_test(lwm2m_7_4_what_was_written_is_read),
        cmocka_unit_test(lwm2m_7_4_4_tlv_bytes_written),
        cmocka_unit_test(lwm2m_7_4_5_senml_bytes_written),
        cmocka_unit_test(lwm2m_7_4_4_empty_instances_and_resources),
        cmocka_unit_test(lwm2m_7_4_single_values_written),
        cmocka_unit_test(lwm2m_7_4_what_cannot_be_written),
        cmocka_unit_test(lwm2m_7_4_formats_and_what_they_hold),
        cmocka_unit_test(lwm2m_6_3_6_instance_named_by_a_create),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
