/* SPDX-License-Identifier: Apache-2.0 */
/* SenML packs in CBOR, RFC 8428 §4 and §6.
 *
 * Labels of a record come in any order, so a record is first collected (`fields`) and resolved when
 * its map ends. Base fields change the reader only then: they hold for the record they stand in and
 * for those after it (§4.1). */
#include "proa/codec/senml.h"

#include <string.h>

#include "core/codec/decimal.h"
#include "proa/codec/text.h"

/* RFC 8428 Table 4. */
enum {
    LABEL_BASE_VERSION = -1,
    LABEL_BASE_NAME = -2,
    LABEL_BASE_TIME = -3,
    LABEL_BASE_VALUE = -5,
    LABEL_MIN = -6, /* base sum */
    LABEL_NAME = 0,
    LABEL_VALUE = 2,
    LABEL_STRING = 3,
    LABEL_BOOLEAN = 4,
    LABEL_TIME = 6,
    LABEL_DATA = 8,
    LABEL_MAX = LABEL_DATA
};

enum { VERSION_MAX = 10 };

/* RFC 8949 §3.4. */
enum { TAG_EPOCH_TIME = 1, TAG_DECIMAL_FRACTION = 4 };

typedef struct fields {
    uint32_t seen; /* bit label - LABEL_MIN */
    bool has_base_name;
    proa_span base_name;
    bool has_base_time;
    double base_time;
    proa_senml_record base_value;
    proa_senml_record record;
} fields;

static void fail(proa_senml_reader *s, proa_err err)
{
    if (s->err == PROA_OK) {
        s->err = err;
    }
}

/* ---- reading one record ----------------------------------------------------------------- */

/* [exponent, mantissa], RFC 8949 §3.4.4. */
static double read_decimal_fraction(proa_senml_reader *s)
{
    proa_cbor_reader *c = &s->cbor;
    char digits[20];
    double value = 0;
    proa_cbor_read_array(c);
    int64_t exponent = proa_cbor_read_int(c);
    int64_t mantissa = proa_cbor_read_int(c);
    proa_cbor_leave(c);
    proa_writer w = proa_writer_make(digits, sizeof digits);
    proa_text_write_unsigned(&w, mantissa < 0 ? 0U - (uint64_t)mantissa : (uint64_t)mantissa);
    /* Beyond this the result is zero or too large whatever the digits are. */
    int64_t far = exponent > 1000 ? 1000 : exponent < -1000 ? -1000 : exponent;
    if (!proa__decimal_to(digits, w.len, (int32_t)far, &value)) {
        fail(s, PROA_E_RANGE);
    }
    return mantissa < 0 ? -value : value;
}

static void read_plain_number(proa_senml_reader *s, proa_senml_record *out)
{
    switch (proa_cbor_peek(&s->cbor)) {
    case PROA_CBOR_FLOAT:
        out->kind = PROA_SENML_FLOAT;
        out->as.real = proa_cbor_read_float(&s->cbor);
        break;
    case PROA_CBOR_UINT:
        out->kind = PROA_SENML_UNSIGNED;
        out->as.unsigned_integer = proa_cbor_read_uint(&s->cbor);
        if (out->as.unsigned_integer <= INT64_MAX) {
            out->kind = PROA_SENML_INTEGER;
            out->as.integer = (int64_t)out->as.unsigned_integer;
        }
        break;
    default:
        out->kind = PROA_SENML_INTEGER;
        out->as.integer = proa_cbor_read_int(&s->cbor);
    }
}

static void read_number(proa_senml_reader *s, proa_senml_record *out)
{
    uint64_t tag =
        proa_cbor_peek(&s->cbor) == PROA_CBOR_TAG ? proa_cbor_read_tag(&s->cbor) : TAG_EPOCH_TIME;
    switch (tag) {
    case TAG_EPOCH_TIME: /* Anjay marks values of type Time; the number is the same without */
        read_plain_number(s, out);
        break;
    case TAG_DECIMAL_FRACTION:
        out->kind = PROA_SENML_FLOAT;
        out->as.real = read_decimal_fraction(s);
        break;
    default:
        fail(s, PROA_E_UNSUPPORTED);
    }
}

static double as_double(const proa_senml_record *number)
{
    switch (number->kind) {
    case PROA_SENML_INTEGER:
        return (double)number->as.integer;
    case PROA_SENML_UNSIGNED:
        return (double)number->as.unsigned_integer;
    case PROA_SENML_FLOAT:
        return number->as.real;
    default:
        return 0;
    }
}

static double read_time(proa_senml_reader *s)
{
    proa_senml_record number = {.kind = PROA_SENML_NONE};
    read_number(s, &number);
    return as_double(&number);
}

/* A record has one value at most, §4.2. */
static proa_senml_record *claim_value(proa_senml_reader *s, fields *f, proa_senml_kind kind)
{
    if (f->record.kind != PROA_SENML_NONE) {
        fail(s, PROA_E_FORMAT);
    }
    f->record.kind = kind;
    return &f->record;
}

static void read_field(proa_senml_reader *s, int64_t label, fields *f)
{
    proa_cbor_reader *c = &s->cbor;
    switch (label) {
    case LABEL_BASE_VERSION:
        if (proa_cbor_read_uint(c) > VERSION_MAX) {
            fail(s, PROA_E_UNSUPPORTED);
        }
        break;
    case LABEL_BASE_NAME:
        f->has_base_name = true;
        f->base_name = proa_cbor_read_text(c);
        break;
    case LABEL_BASE_TIME:
        f->has_base_time = true;
        f->base_time = read_time(s);
        break;
    case LABEL_BASE_VALUE:
        read_number(s, &f->base_value);
        break;
    case LABEL_NAME:
        f->record.name = proa_cbor_read_text(c);
        break;
    case LABEL_VALUE:
        read_number(s, claim_value(s, f, PROA_SENML_INTEGER));
        break;
    case LABEL_STRING:
        claim_value(s, f, PROA_SENML_STRING)->as.bytes = proa_cbor_read_text(c);
        break;
    case LABEL_BOOLEAN:
        claim_value(s, f, PROA_SENML_BOOLEAN)->as.boolean = proa_cbor_read_bool(c);
        break;
    case LABEL_DATA:
        claim_value(s, f, PROA_SENML_DATA)->as.bytes = proa_cbor_read_bytes(c);
        break;
    case LABEL_TIME:
        f->record.has_time = true;
        f->record.time = read_time(s);
        break;
    default:
        (void)proa_cbor_skip(c);
    }
}

static void read_text_label(proa_senml_reader *s, fields *f)
{
    proa_span label = proa_cbor_read_text(&s->cbor);
    if (proa_span_equal(label, proa_span_of("vlo"))) {
        claim_value(s, f, PROA_SENML_OBJLINK)->as.bytes = proa_cbor_read_text(&s->cbor);
        return;
    }
    if (label.len > 0 && label.data[label.len - 1] == '_') {
        fail(s, PROA_E_UNSUPPORTED);
    }
    (void)proa_cbor_skip(&s->cbor);
}

static void read_label(proa_senml_reader *s, fields *f)
{
    if (proa_cbor_peek(&s->cbor) == PROA_CBOR_TEXT) {
        read_text_label(s, f);
        return;
    }
    int64_t label = proa_cbor_read_int(&s->cbor);
    if (label >= LABEL_MIN && label <= LABEL_MAX) {
        uint32_t bit = UINT32_C(1) << (label - LABEL_MIN);
        if ((f->seen & bit) != 0) {
            fail(s, PROA_E_FORMAT);
        }
        f->seen |= bit;
    }
    read_field(s, label, f);
}

/* ---- resolving, RFC 8428 §4.6 ----------------------------------------------------------- */

/* Integers stay integers as long as their sum fits. */
static void add_base_value(proa_senml_record *record, const proa_senml_record *base)
{
    bool number = record->kind == PROA_SENML_INTEGER || record->kind == PROA_SENML_UNSIGNED ||
                  record->kind == PROA_SENML_FLOAT;
    if (base->kind == PROA_SENML_NONE || !number) {
        return;
    }
    if (record->kind == PROA_SENML_INTEGER && base->kind == PROA_SENML_INTEGER) {
        int64_t a = record->as.integer;
        int64_t b = base->as.integer;
        if (b >= 0 ? a <= INT64_MAX - b : a >= INT64_MIN - b) {
            record->as.integer = a + b;
            return;
        }
    }
    record->as.real = as_double(record) + as_double(base);
    record->kind = PROA_SENML_FLOAT;
}

static void set_base(proa_senml_reader *s, const fields *f)
{
    if (f->has_base_name) {
        if (f->base_name.len > sizeof s->name) {
            fail(s, PROA_E_TOO_LARGE);
            return;
        }
        if (f->base_name.len > 0) {
            memcpy(s->name, f->base_name.data, f->base_name.len);
        }
        s->base_len = f->base_name.len;
    }
    if (f->has_base_time) {
        s->has_base_time = true;
        s->base_time = f->base_time;
    }
    if (f->base_value.kind != PROA_SENML_NONE) {
        s->base_value = f->base_value;
    }
}

static void resolve(proa_senml_reader *s, const fields *f, proa_senml_record *record)
{
    set_base(s, f);
    *record = f->record;
    if (s->err != PROA_OK) {
        return;
    }
    if (record->name.len > sizeof s->name - s->base_len) {
        fail(s, PROA_E_TOO_LARGE);
        return;
    }
    if (record->name.len > 0) {
        memcpy(s->name + s->base_len, record->name.data, record->name.len);
    }
    record->name = proa_span_make(s->name, s->base_len + record->name.len);
    add_base_value(record, &s->base_value);
    if (s->has_base_time) {
        record->time += s->base_time;
        record->has_time = true;
    }
}

void proa_senml_read(proa_senml_reader *s, proa_span in)
{
    memset(s, 0, sizeof *s);
    s->cbor = proa_cbor_reader_make(in);
}

bool proa_senml_next(proa_senml_reader *s, proa_senml_record *record)
{
    fields f;
    memset(&f, 0, sizeof f);
    if (!s->started) {
        s->started = true;
        proa_cbor_read_array(&s->cbor);
    }
    proa_cbor_scratch(&s->cbor, s->scratch, sizeof s->scratch);
    if (s->err == PROA_OK && proa_cbor_more(&s->cbor)) {
        proa_cbor_read_map(&s->cbor);
        while (s->err == PROA_OK && proa_cbor_more(&s->cbor)) {
            read_label(s, &f);
        }
        proa_cbor_leave(&s->cbor);
        fail(s, s->cbor.err);
        if (s->err == PROA_OK) {
            resolve(s, &f, record);
        }
        return s->err == PROA_OK;
    }
    if (s->cbor.depth > 0) {
        proa_cbor_leave(&s->cbor);
    }
    fail(s, proa_cbor_end(&s->cbor));
    return false;
}

/* ---- writing ---------------------------------------------------------------------------- */

proa_senml_writer proa_senml_writer_make(proa_writer *w)
{
    proa_senml_writer s = {w, w->len, 0};
    return s;
}

/* Whole seconds as an integer, which is shorter and which every peer reads. */
static void write_time(proa_writer *w, double time)
{
    bool exact = time > -9e15 && time < 9e15 && (double)(int64_t)time == time;
    if (exact) {
        proa_cbor_write_int(w, (int64_t)time);
    } else {
        proa_cbor_write_float(w, time);
    }
}

static void write_value(proa_writer *w, const proa_senml_record *record)
{
    switch (record->kind) {
    case PROA_SENML_NONE:
        break;
    case PROA_SENML_INTEGER:
        proa_cbor_write_int(w, LABEL_VALUE);
        proa_cbor_write_int(w, record->as.integer);
        break;
    case PROA_SENML_UNSIGNED:
        proa_cbor_write_int(w, LABEL_VALUE);
        proa_cbor_write_uint(w, record->as.unsigned_integer);
        break;
    case PROA_SENML_FLOAT:
        proa_cbor_write_int(w, LABEL_VALUE);
        proa_cbor_write_float(w, record->as.real);
        break;
    case PROA_SENML_BOOLEAN:
        proa_cbor_write_int(w, LABEL_BOOLEAN);
        proa_cbor_write_bool(w, record->as.boolean);
        break;
    case PROA_SENML_STRING:
        proa_cbor_write_int(w, LABEL_STRING);
        proa_cbor_write_text(w, record->as.bytes);
        break;
    case PROA_SENML_DATA:
        proa_cbor_write_int(w, LABEL_DATA);
        proa_cbor_write_bytes(w, record->as.bytes);
        break;
    case PROA_SENML_OBJLINK:
        proa_cbor_write_text(w, proa_span_of("vlo"));
        proa_cbor_write_text(w, record->as.bytes);
        break;
    }
}

void proa_senml_write(proa_senml_writer *s, proa_span base_name, const proa_senml_record *record)
{
    uint64_t count = (base_name.len > 0 ? 1U : 0U) + (record->name.len > 0 ? 1U : 0U) +
                     (record->has_time ? 1U : 0U) + (record->kind != PROA_SENML_NONE ? 1U : 0U);
    proa_cbor_write_map(s->w, count);
    if (base_name.len > 0) {
        proa_cbor_write_int(s->w, LABEL_BASE_NAME);
        proa_cbor_write_text(s->w, base_name);
    }
    if (record->name.len > 0) {
        proa_cbor_write_int(s->w, LABEL_NAME);
        proa_cbor_write_text(s->w, record->name);
    }
    if (record->has_time) {
        proa_cbor_write_int(s->w, LABEL_TIME);
        write_time(s->w, record->time);
    }
    write_value(s->w, record);
    s->count++;
}

void proa_senml_write_end(proa_senml_writer *s)
{
    if (s->w->err == PROA_OK) {
        proa_cbor_insert_array(s->w, s->at, s->count);
    }
}
