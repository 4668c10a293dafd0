/* SPDX-License-Identifier: Apache-2.0 */
/* SenML-CBOR payloads (Core 1.2 §7.4.5): every record brings its path, and some kind of type. */
#include "core/lwm2m/format.h"

/* ---- writing ---------------------------------------------------------------------------- */

static void write_begin(proa_payload_writer *p)
{
    p->senml = proa_senml_writer_make(p->w);
}

static void set_value(proa_senml_record *out, const proa_value *value, uint8_t *link_buf)
{
    switch (value->type) {
    case PROA_TYPE_INTEGER:
    case PROA_TYPE_TIME:
        out->kind = PROA_SENML_INTEGER;
        out->as.integer = value->as.integer;
        break;
    case PROA_TYPE_UNSIGNED:
        out->kind = PROA_SENML_UNSIGNED;
        out->as.unsigned_integer = value->as.unsigned_integer;
        break;
    case PROA_TYPE_FLOAT:
        out->kind = PROA_SENML_FLOAT;
        out->as.real = value->as.real;
        break;
    case PROA_TYPE_BOOLEAN:
        out->kind = PROA_SENML_BOOLEAN;
        out->as.boolean = value->as.boolean;
        break;
    case PROA_TYPE_OBJLINK:
        out->kind = PROA_SENML_OBJLINK;
        out->as.bytes = proa__link_text(value->as.link, link_buf);
        break;
    case PROA_TYPE_OPAQUE:
        out->kind = PROA_SENML_DATA;
        out->as.bytes = value->as.bytes;
        break;
    case PROA_TYPE_STRING:
    case PROA_TYPE_CORELINK:
        out->kind = PROA_SENML_STRING;
        out->as.bytes = value->as.bytes;
        break;
    case PROA_TYPE_NONE:
        out->kind = PROA_SENML_NONE;
        break;
    }
}

/* The base path stands once, before the first record; names continue it: "/3/0" and "/9". */
static proa_err add(proa_payload_writer *p, const proa_record *record)
{
    uint8_t base_buf[PROA_PATH_TEXT_MAX];
    uint8_t name_buf[PROA_PATH_TEXT_MAX];
    uint8_t link_buf[PROA__LINK_TEXT_MAX];
    proa_senml_record out = {.kind = PROA_SENML_NONE};
    proa_writer base = proa_writer_make(base_buf, sizeof base_buf);
    proa_writer name = proa_writer_make(name_buf, sizeof name_buf);
    if (p->base.depth > 0) {
        proa_path_write(&base, &p->base);
    }
    proa_path_write(&name, &record->path);
    out.name = proa_span_make(name_buf + base.len, name.len - base.len);
    set_value(&out, &record->value, link_buf);
    proa_senml_write(&p->senml, proa_span_make(base_buf, p->count == 0 ? base.len : 0), &out);
    return p->w->err;
}

static void write_end(proa_payload_writer *p)
{
    proa_senml_write_end(&p->senml);
}

/* ---- reading ---------------------------------------------------------------------------- */

static void read_begin(proa_payload_reader *p, proa_span payload)
{
    proa_senml_read(&p->in.senml, payload);
}

static proa_err value_of(const proa_senml_record *record, proa_value *out)
{
    switch (record->kind) {
    case PROA_SENML_NONE:
        break;
    case PROA_SENML_INTEGER:
        *out = proa_value_integer(record->as.integer);
        break;
    case PROA_SENML_UNSIGNED:
        out->type = PROA_TYPE_UNSIGNED;
        out->as.unsigned_integer = record->as.unsigned_integer;
        break;
    case PROA_SENML_FLOAT:
        *out = proa_value_float(record->as.real);
        break;
    case PROA_SENML_BOOLEAN:
        *out = proa_value_boolean(record->as.boolean);
        break;
    case PROA_SENML_STRING:
        *out = proa_value_string(record->as.bytes);
        break;
    case PROA_SENML_DATA:
        *out = proa_value_opaque(record->as.bytes);
        break;
    case PROA_SENML_OBJLINK:
        *out = proa_value_string(record->as.bytes);
        return proa_value_convert(out, PROA_TYPE_OBJLINK);
    }
    return PROA_OK;
}

static bool next(proa_payload_reader *p, proa_record *record)
{
    proa_senml_record senml;
    if (!proa_senml_next(&p->in.senml, &senml)) {
        return proa__payload_fail(p, p->in.senml.err);
    }
    record->value = (proa_value){PROA_TYPE_NONE, {.bytes = {NULL, 0}}};
    proa_err err = proa_path_parse(senml.name, &record->path);
    if (err == PROA_OK && !proa_path_within(&p->base, &record->path)) {
        err = PROA_E_DENIED;
    }
    if (err == PROA_OK && senml.kind != PROA_SENML_NONE) {
        err = record->path.depth < 3 ? PROA_E_FORMAT : value_of(&senml, &record->value);
        if (err == PROA_OK) {
            err = proa_value_convert(&record->value, proa__payload_type(p, &record->path));
        }
    }
    return err == PROA_OK ? true : proa__payload_fail(p, err);
}

static int32_t instance_named(proa_span payload, const proa_path *base, uint32_t *count)
{
    proa_senml_reader s;
    proa_senml_record record;
    proa_path path;
    int32_t first = -1;
    proa_senml_read(&s, payload);
    while (proa_senml_next(&s, &record) && proa_path_parse(record.name, &path) == PROA_OK) {
        if (path.depth < 2 || !proa_path_within(base, &path)) {
            continue;
        }
        if (*count == 0) {
            first = path.ids[1];
            *count = 1;
        } else if (path.ids[1] != first) {
            *count = 2;
        }
    }
    return first;
}

const proa_format proa_format_senml_cbor = {
    .id = PROA_FORMAT_SENML_CBOR,
    .paths = true,
    .write_begin = write_begin,
    .add = add,
    .write_end = write_end,
    .read_begin = read_begin,
    .next = next,
    .instance_named = instance_named,
};
