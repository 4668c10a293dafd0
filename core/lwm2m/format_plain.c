/* SPDX-License-Identifier: Apache-2.0 */
/* Plain text (Core 1.2 §7.4.1) and opaque (§7.4.2): the bytes of one value and nothing else. */
#include "core/lwm2m/format.h"
#include "proa/codec/text.h"

/* ---- plain text ------------------------------------------------------------------------- */

static proa_err add_text(proa_payload_writer *p, const proa_record *record)
{
    proa_writer *w = p->w;
    const proa_value *value = &record->value;
    switch (value->type) {
    case PROA_TYPE_INTEGER:
    case PROA_TYPE_TIME:
        proa_write_decimal(w, value->as.integer);
        break;
    case PROA_TYPE_UNSIGNED:
        proa_text_write_unsigned(w, value->as.unsigned_integer);
        break;
    case PROA_TYPE_FLOAT:
        proa_text_write_float(w, value->as.real);
        break;
    case PROA_TYPE_BOOLEAN:
        proa_text_write_boolean(w, value->as.boolean);
        break;
    case PROA_TYPE_OBJLINK:
        proa_text_write_objlink(w, value->as.link.object, value->as.link.instance);
        break;
    case PROA_TYPE_OPAQUE:
        proa_text_write_base64(w, value->as.bytes);
        break;
    case PROA_TYPE_NONE:
    case PROA_TYPE_STRING:
    case PROA_TYPE_CORELINK:
        proa_write_span(w, value->as.bytes);
        break;
    }
    return w->err;
}

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
    return proa__type_error(err);
}

static bool next_text(proa_payload_reader *p, proa_record *record)
{
    record->value.type = proa__payload_type(p, &p->base);
    proa_err err = value_of_text(p, p->in.single, &record->value);
    return err == PROA_OK ? true : proa__payload_fail(p, err);
}

const proa_format proa_format_text = {
    .id = PROA_FORMAT_TEXT, .single = true, .add = add_text, .next = next_text};

/* ---- opaque ----------------------------------------------------------------------------- */

static proa_err add_opaque(proa_payload_writer *p, const proa_record *record)
{
    const proa_value *value = &record->value;
    if (value->type != PROA_TYPE_OPAQUE && value->type != PROA_TYPE_NONE) {
        return PROA_E_TYPE;
    }
    proa_write_span(p->w, value->as.bytes);
    return p->w->err;
}

static bool next_opaque(proa_payload_reader *p, proa_record *record)
{
    proa_type wanted = proa__payload_type(p, &p->base);
    record->value = proa_value_opaque(p->in.single);
    return wanted == PROA_TYPE_NONE || wanted == PROA_TYPE_OPAQUE
               ? true
               : proa__payload_fail(p, PROA_E_TYPE);
}

const proa_format proa_format_opaque = {
    .id = PROA_FORMAT_OPAQUE, .single = true, .add = add_opaque, .next = next_opaque};
