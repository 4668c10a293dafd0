/* SPDX-License-Identifier: Apache-2.0 */
/* Payloads into values (Core 1.2 §7.4), one record at a time.
 *
 * A format gives either bytes without a type (text, TLV: the model says what they are) or a value
 * with one (CBOR, SenML: the model may want a close relative). Both end in a proa_value of the type
 * that the model names, or in an error. No record leaves here whose path is outside `base`. */
#include <string.h>

#include "core/lwm2m/payload_internal.h"
#include "proa/codec/cbor.h"
#include "proa/codec/text.h"
#include "proa/codec/tlv.h"
#include "proa/payload.h"

static bool fail(proa_payload_reader *p, proa_err err)
{
    if (p->err == PROA_OK) {
        p->err = err;
    }
    return false;
}

static proa_type type_at(const proa_payload_reader *p, const proa_path *path)
{
    return p->type_of == NULL ? PROA_TYPE_NONE : p->type_of(p->type_ctx, path);
}

/* Bytes that are no text of the wanted type are of another type, whatever they are. */
static proa_err as_type_error(proa_err err)
{
    return err == PROA_E_FORMAT ? PROA_E_TYPE : err;
}

/* ---- bytes without a type --------------------------------------------------------------- */

static proa_err value_of_text(proa_payload_reader *p, proa_span text, proa_value *out)
{
    proa_writer scratch = proa_writer_make(p->scratch, sizeof p->scratch);
    proa_err err = PROA_OK;
    switch (out->type) {
    case PROA_TYPE_INTEGER:
    case PROA_TYPE_TIME:
        err = proa_text_integer(text, &out->as.integer);
        break;
    case PROA_TYPE_UNSIGNED:
        err = proa_parse_decimal(text, UINT64_MAX, &out->as.unsigned_integer);
        break;
    case PROA_TYPE_FLOAT:
        err = proa_text_float(text, &out->as.real);
        break;
    case PROA_TYPE_BOOLEAN:
        err = proa_text_boolean(text, &out->as.boolean);
        break;
    case PROA_TYPE_OBJLINK:
        err = proa_text_objlink(text, &out->as.link.object, &out->as.link.instance);
        break;
    case PROA_TYPE_OPAQUE:
        err = proa_text_base64(text, &scratch);
        out->as.bytes = proa_writer_span(&scratch);
        break;
    case PROA_TYPE_NONE:
    case PROA_TYPE_STRING:
    case PROA_TYPE_CORELINK:
        out->as.bytes = text;
        break;
    }
    return as_type_error(err);
}

static proa_err value_of_tlv(proa_span bytes, proa_value *out)
{
    switch (out->type) {
    case PROA_TYPE_INTEGER:
    case PROA_TYPE_TIME:
        return proa_tlv_integer(bytes, &out->as.integer);
    case PROA_TYPE_UNSIGNED:
        return proa_tlv_unsigned(bytes, &out->as.unsigned_integer);
    case PROA_TYPE_FLOAT:
        return proa_tlv_float(bytes, &out->as.real);
    case PROA_TYPE_BOOLEAN:
        return proa_tlv_boolean(bytes, &out->as.boolean);
    case PROA_TYPE_OBJLINK:
        return proa_tlv_objlink(bytes, &out->as.link.object, &out->as.link.instance);
    case PROA_TYPE_NONE:
    case PROA_TYPE_STRING:
    case PROA_TYPE_OPAQUE:
    case PROA_TYPE_CORELINK:
        break;
    }
    out->as.bytes = bytes;
    return PROA_OK;
}

/* ---- values with a type ----------------------------------------------------------------- */

/* 2^63 and 2^64: the first numbers that no longer fit. */
#define TWO_POW_63 9223372036854775808.0
#define TWO_POW_64 18446744073709551616.0

static proa_err to_integer(proa_value *value, proa_type wanted)
{
    int64_t integer;
    if (value->type == PROA_TYPE_UNSIGNED) {
        return PROA_E_RANGE; /* the formats give this type only where a signed one is too small */
    }
    if (value->type == PROA_TYPE_FLOAT) {
        double real = value->as.real;
        if (!(real >= -TWO_POW_63 && real < TWO_POW_63)) {
            return PROA_E_RANGE;
        }
        integer = (int64_t)real;
        if ((double)integer != real) {
            return PROA_E_TYPE;
        }
    } else if (value->type == PROA_TYPE_INTEGER) {
        integer = value->as.integer;
    } else {
        return PROA_E_TYPE;
    }
    value->type = wanted;
    value->as.integer = integer;
    return PROA_OK;
}

static proa_err to_unsigned(proa_value *value)
{
    uint64_t number;
    if (value->type == PROA_TYPE_INTEGER) {
        if (value->as.integer < 0) {
            return PROA_E_RANGE;
        }
        number = (uint64_t)value->as.integer;
    } else if (value->type == PROA_TYPE_FLOAT) {
        double real = value->as.real;
        if (!(real >= 0 && real < TWO_POW_64)) {
            return PROA_E_RANGE;
        }
        number = (uint64_t)real;
        if ((double)number != real) {
            return PROA_E_TYPE;
        }
    } else {
        return value->type == PROA_TYPE_UNSIGNED ? PROA_OK : PROA_E_TYPE;
    }
    value->type = PROA_TYPE_UNSIGNED;
    value->as.unsigned_integer = number;
    return PROA_OK;
}

static proa_err to_float(proa_value *value)
{
    double real;
    if (!proa_value_number(value, &real)) {
        return PROA_E_TYPE;
    }
    *value = proa_value_float(real);
    return PROA_OK;
}

static proa_err to_link(proa_value *value)
{
    proa_objlink link;
    if (value->type == PROA_TYPE_OBJLINK) {
        return PROA_OK;
    }
    if (value->type != PROA_TYPE_STRING) {
        return PROA_E_TYPE;
    }
    proa_err err = proa_text_objlink(value->as.bytes, &link.object, &link.instance);
    if (err == PROA_OK) {
        *value = proa_value_link(link.object, link.instance);
    }
    return as_type_error(err);
}

/* Turns a value into the type the model wants, if it can be that without loss. */
static proa_err convert(proa_value *value, proa_type wanted)
{
    switch (wanted) {
    case PROA_TYPE_NONE:
        return PROA_OK;
    case PROA_TYPE_INTEGER:
    case PROA_TYPE_TIME:
        return to_integer(value, wanted);
    case PROA_TYPE_UNSIGNED:
        return to_unsigned(value);
    case PROA_TYPE_FLOAT:
        return to_float(value);
    case PROA_TYPE_OBJLINK:
        return to_link(value);
    case PROA_TYPE_CORELINK:
        if (value->type == PROA_TYPE_STRING) {
            value->type = PROA_TYPE_CORELINK;
        }
        break;
    case PROA_TYPE_STRING:
    case PROA_TYPE_BOOLEAN:
    case PROA_TYPE_OPAQUE:
        break;
    }
    return value->type == wanted ? PROA_OK : PROA_E_TYPE;
}

static proa_err value_of_cbor(proa_payload_reader *p, proa_span bytes, proa_value *out)
{
    proa_cbor_reader c = proa_cbor_reader_make(bytes);
    proa_cbor_scratch(&c, p->scratch, sizeof p->scratch);
    if (proa_cbor_peek(&c) == PROA_CBOR_TAG && proa_cbor_read_tag(&c) != PROA__CBOR_TAG_TIME) {
        return PROA_E_UNSUPPORTED;
    }
    switch (proa_cbor_peek(&c)) {
    case PROA_CBOR_UINT:
        out->type = PROA_TYPE_UNSIGNED;
        out->as.unsigned_integer = proa_cbor_read_uint(&c);
        if (out->as.unsigned_integer <= INT64_MAX) {
            *out = proa_value_integer((int64_t)out->as.unsigned_integer);
        }
        break;
    case PROA_CBOR_NEGATIVE:
        *out = proa_value_integer(proa_cbor_read_int(&c));
        break;
    case PROA_CBOR_FLOAT:
        *out = proa_value_float(proa_cbor_read_float(&c));
        break;
    case PROA_CBOR_BOOL:
        *out = proa_value_boolean(proa_cbor_read_bool(&c));
        break;
    case PROA_CBOR_TEXT:
        *out = proa_value_string(proa_cbor_read_text(&c));
        break;
    case PROA_CBOR_BYTES:
        *out = proa_value_opaque(proa_cbor_read_bytes(&c));
        break;
    default: /* nothing else is a value; what is malformed fails in the same way */
        (void)proa_cbor_skip(&c);
        return c.err != PROA_OK ? c.err : PROA_E_TYPE;
    }
    return proa_cbor_end(&c);
}

static proa_err value_of_senml(const proa_senml_record *record, proa_value *out)
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
        return to_link(out);
    }
    return PROA_OK;
}

/* ---- records of each format ------------------------------------------------------------- */

static bool next_single(proa_payload_reader *p, proa_record *record)
{
    proa_err err;
    proa_span in = p->in.single;
    proa_type wanted = type_at(p, &p->base);
    if (p->done) {
        return false;
    }
    p->done = true;
    record->path = p->base;
    record->value = proa_value_opaque(in);
    if (p->format == PROA_FORMAT_TEXT) {
        record->value.type = wanted;
        err = value_of_text(p, in, &record->value);
    } else {
        err = p->format == PROA_FORMAT_CBOR ? value_of_cbor(p, in, &record->value) : PROA_OK;
        if (err == PROA_OK) {
            err = convert(&record->value, wanted);
        }
    }
    return err == PROA_OK ? true : fail(p, err);
}

/* The path of a TLV record below `above`. False if such a record cannot stand there. */
static bool place(const proa_path *above, const proa_tlv_record *record, proa_path *out)
{
    static const uint8_t depth_above[] = {[PROA_TLV_OBJECT_INSTANCE] = 1,
                                          [PROA_TLV_RESOURCE_INSTANCE] = 3,
                                          [PROA_TLV_MULTIPLE] = 2,
                                          [PROA_TLV_RESOURCE] = 2};
    uint8_t depth = depth_above[record->kind];
    if (above->depth < depth) {
        return false; /* resources without an instance, resource instances without a resource */
    }
    *out = *above;
    out->depth = (uint8_t)(depth + 1);
    out->ids[depth] = record->id;
    memset(out->ids + out->depth, 0, (4U - out->depth) * sizeof out->ids[0]);
    return true;
}

/* One TLV record: a value, or a level to go down to. *is_value says which. */
static bool step_tlv(proa_payload_reader *p, const proa_tlv_record *tlv, proa_record *record,
                     bool *is_value)
{
    uint8_t level = p->in.tlv.level;
    const proa_path *above = &p->in.tlv.at[level];
    proa_path path;
    *is_value = tlv->kind == PROA_TLV_RESOURCE || tlv->kind == PROA_TLV_RESOURCE_INSTANCE;
    if (!place(above, tlv, &path)) {
        return fail(p, PROA_E_FORMAT);
    }
    /* Inside a record only what is directly below it; around them also what `base` names. */
    if (level > 0 && path.depth != above->depth + 1) {
        return fail(p, PROA_E_FORMAT);
    }
    if (tlv->id > PROA_ID_MAX) {
        return fail(p, PROA_E_RANGE);
    }
    if (!proa_path_within(&p->base, &path) && (*is_value || !proa_path_within(&path, &p->base))) {
        return fail(p, PROA_E_DENIED);
    }
    if (*is_value) {
        record->path = path;
        record->value.type = type_at(p, &path);
        proa_err err = value_of_tlv(tlv->value, &record->value);
        return err == PROA_OK ? true : fail(p, err);
    }
    p->in.tlv.level++;
    p->in.tlv.levels[p->in.tlv.level] = proa_reader_make(tlv->value);
    p->in.tlv.at[p->in.tlv.level] = path;
    return true;
}

static bool next_tlv(proa_payload_reader *p, proa_record *record)
{
    while (p->err == PROA_OK) {
        proa_reader *r = &p->in.tlv.levels[p->in.tlv.level];
        proa_tlv_record tlv;
        bool is_value = false;
        if (proa_tlv_next(r, &tlv)) {
            if (step_tlv(p, &tlv, record, &is_value) && is_value) {
                return true;
            }
        } else if (r->err != PROA_OK) {
            return fail(p, r->err);
        } else if (p->in.tlv.level == 0) {
            return false;
        } else {
            p->in.tlv.level--;
        }
    }
    return false;
}

static bool next_senml(proa_payload_reader *p, proa_record *record)
{
    proa_senml_record senml;
    if (!proa_senml_next(&p->in.senml, &senml)) {
        return fail(p, p->in.senml.err);
    }
    record->value = (proa_value){PROA_TYPE_NONE, {.bytes = {NULL, 0}}};
    proa_err err = proa_path_parse(senml.name, &record->path);
    if (err == PROA_OK && !proa_path_within(&p->base, &record->path)) {
        err = PROA_E_DENIED;
    }
    if (err == PROA_OK && senml.kind != PROA_SENML_NONE) {
        err = record->path.depth < 3 ? PROA_E_FORMAT : value_of_senml(&senml, &record->value);
        if (err == PROA_OK) {
            err = convert(&record->value, type_at(p, &record->path));
        }
    }
    return err == PROA_OK ? true : fail(p, err);
}

/* ---- payloads --------------------------------------------------------------------------- */

proa_err proa_payload_read(proa_payload_reader *p, uint16_t format, const proa_path *base,
                           proa_span payload, proa_type_of type_of, void *type_ctx)
{
    if (!proa_format_can_hold(format, base, false)) {
        return PROA_E_UNSUPPORTED;
    }
    memset(p, 0, sizeof *p);
    p->format = format;
    p->base = *base;
    p->type_of = type_of;
    p->type_ctx = type_ctx;
    switch (format) {
    case PROA_FORMAT_TLV:
        p->in.tlv.levels[0] = proa_reader_make(payload);
        p->in.tlv.at[0] = *base;
        break;
    case PROA_FORMAT_SENML_CBOR:
        proa_senml_read(&p->in.senml, payload);
        break;
    default:
        p->in.single = payload;
    }
    return PROA_OK;
}

bool proa_payload_next(proa_payload_reader *p, proa_record *record)
{
    if (p->err != PROA_OK) {
        return false;
    }
    switch (p->format) {
    case PROA_FORMAT_TLV:
        return next_tlv(p, record);
    case PROA_FORMAT_SENML_CBOR:
        return next_senml(p, record);
    default:
        return next_single(p, record);
    }
}

static int32_t named_in_tlv(proa_span payload, uint32_t *count)
{
    proa_reader r = proa_reader_make(payload);
    proa_tlv_record record;
    int32_t first = -1;
    while (proa_tlv_next(&r, &record)) {
        if (record.kind == PROA_TLV_OBJECT_INSTANCE) {
            first = *count == 0 ? record.id : first;
            (*count)++;
        }
    }
    return first;
}

static int32_t named_in_senml(proa_span payload, const proa_path *base, uint32_t *count)
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

int32_t proa_payload_instance_named(uint16_t format, proa_span payload, const proa_path *base,
                                    uint32_t *count)
{
    *count = 0;
    if (format == PROA_FORMAT_TLV) {
        return named_in_tlv(payload, count);
    }
    return format == PROA_FORMAT_SENML_CBOR ? named_in_senml(payload, base, count) : -1;
}
