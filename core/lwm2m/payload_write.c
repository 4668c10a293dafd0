/* SPDX-License-Identifier: Apache-2.0 */
/* Values into payloads (Core 1.2 §7.4): which formats there are, what each can hold, and how a list
 * of records becomes each of them.
 *
 * TLV nests: an object instance or a multiple resource is open from its first record until one
 * comes that is not in it; only then its length is known. `open_path` names what is open. */
#include "core/lwm2m/payload_internal.h"
#include "proa/codec/cbor.h"
#include "proa/codec/text.h"
#include "proa/codec/tlv.h"
#include "proa/payload.h"

/* ---- formats ---------------------------------------------------------------------------- */

bool proa_format_known(uint16_t format)
{
    return format == PROA_FORMAT_TEXT || format == PROA_FORMAT_OPAQUE ||
           format == PROA_FORMAT_CBOR || format == PROA_FORMAT_TLV ||
           format == PROA_FORMAT_SENML_CBOR;
}

bool proa_format_can_hold(uint16_t format, const proa_path *path, bool multiple)
{
    switch (format) {
    case PROA_FORMAT_TEXT:
    case PROA_FORMAT_OPAQUE:
    case PROA_FORMAT_CBOR:
        return path->depth == 4 || (path->depth == 3 && !multiple);
    case PROA_FORMAT_TLV:
        return path->depth >= 1; /* there is no record for an object */
    default:
        return format == PROA_FORMAT_SENML_CBOR;
    }
}

/* ---- single values ---------------------------------------------------------------------- */

static proa_err write_text(proa_writer *w, const proa_value *value)
{
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

static proa_err write_opaque(proa_writer *w, const proa_value *value)
{
    if (value->type != PROA_TYPE_OPAQUE && value->type != PROA_TYPE_NONE) {
        return PROA_E_TYPE;
    }
    proa_write_span(w, value->as.bytes);
    return w->err;
}

static proa_span link_text(proa_objlink link, uint8_t buf[PROA__LINK_TEXT_MAX])
{
    proa_writer w = proa_writer_make(buf, PROA__LINK_TEXT_MAX);
    proa_text_write_objlink(&w, link.object, link.instance);
    return proa_writer_span(&w);
}

static proa_err write_cbor(proa_writer *w, const proa_value *value)
{
    uint8_t buf[PROA__LINK_TEXT_MAX];
    switch (value->type) {
    case PROA_TYPE_TIME:
        proa_cbor_write_tag(w, PROA__CBOR_TAG_TIME);
        proa_cbor_write_int(w, value->as.integer);
        break;
    case PROA_TYPE_INTEGER:
        proa_cbor_write_int(w, value->as.integer);
        break;
    case PROA_TYPE_UNSIGNED:
        proa_cbor_write_uint(w, value->as.unsigned_integer);
        break;
    case PROA_TYPE_FLOAT:
        proa_cbor_write_float(w, value->as.real);
        break;
    case PROA_TYPE_BOOLEAN:
        proa_cbor_write_bool(w, value->as.boolean);
        break;
    case PROA_TYPE_OBJLINK:
        proa_cbor_write_text(w, link_text(value->as.link, buf));
        break;
    case PROA_TYPE_OPAQUE:
        proa_cbor_write_bytes(w, value->as.bytes);
        break;
    case PROA_TYPE_STRING:
    case PROA_TYPE_CORELINK:
        proa_cbor_write_text(w, value->as.bytes);
        break;
    case PROA_TYPE_NONE:
        return PROA_E_TYPE;
    }
    return w->err;
}

/* ---- TLV -------------------------------------------------------------------------------- */

static void close_resource(proa_payload_writer *p)
{
    if (p->resource_open) {
        proa_tlv_enclose(p->w, p->resource_at, PROA_TLV_MULTIPLE, p->open_path.ids[2]);
        p->resource_open = false;
    }
}

static void close_instance(proa_payload_writer *p)
{
    close_resource(p);
    if (p->instance_open) {
        proa_tlv_enclose(p->w, p->instance_at, PROA_TLV_OBJECT_INSTANCE, p->open_path.ids[1]);
        p->instance_open = false;
    }
}

void proa_payload_instance(proa_payload_writer *p, uint16_t instance_id)
{
    if (p->format != PROA_FORMAT_TLV || p->base.depth != 1 ||
        (p->instance_open && p->open_path.ids[1] == instance_id)) {
        return;
    }
    close_instance(p);
    p->instance_open = true;
    p->instance_at = p->w->len;
    p->open_path = proa_path_make(2, p->base.ids[0], instance_id, 0);
}

void proa_payload_multiple(proa_payload_writer *p, const proa_path *resource)
{
    if (p->format != PROA_FORMAT_TLV || p->base.depth == 4) {
        return;
    }
    proa_payload_instance(p, resource->ids[1]);
    if (p->resource_open && p->open_path.ids[2] == resource->ids[2]) {
        return;
    }
    close_resource(p);
    p->resource_open = true;
    p->resource_at = p->w->len;
    p->open_path.ids[2] = resource->ids[2];
}

static void write_tlv_value(proa_writer *w, proa_tlv_kind kind, uint16_t id,
                            const proa_value *value)
{
    switch (value->type) {
    case PROA_TYPE_INTEGER:
    case PROA_TYPE_TIME:
        proa_tlv_write_integer(w, kind, id, value->as.integer);
        break;
    case PROA_TYPE_UNSIGNED:
        proa_tlv_write_unsigned(w, kind, id, value->as.unsigned_integer);
        break;
    case PROA_TYPE_FLOAT:
        proa_tlv_write_float(w, kind, id, value->as.real);
        break;
    case PROA_TYPE_BOOLEAN:
        proa_tlv_write_boolean(w, kind, id, value->as.boolean);
        break;
    case PROA_TYPE_OBJLINK:
        proa_tlv_write_objlink(w, kind, id, value->as.link.object, value->as.link.instance);
        break;
    case PROA_TYPE_NONE:
    case PROA_TYPE_STRING:
    case PROA_TYPE_OPAQUE:
    case PROA_TYPE_CORELINK:
        proa_tlv_write(w, kind, id, value->as.bytes);
        break;
    }
}

static proa_err add_tlv(proa_payload_writer *p, const proa_record *record)
{
    const uint16_t *ids = record->path.ids;
    if (record->path.depth == 4) {
        proa_payload_multiple(p, &record->path);
        write_tlv_value(p->w, PROA_TLV_RESOURCE_INSTANCE, ids[3], &record->value);
    } else {
        proa_payload_instance(p, ids[1]);
        close_resource(p);
        write_tlv_value(p->w, PROA_TLV_RESOURCE, ids[2], &record->value);
    }
    return p->w->err;
}

/* ---- SenML ------------------------------------------------------------------------------ */

static void set_senml_value(proa_senml_record *out, const proa_value *value, uint8_t *link_buf)
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
        out->as.bytes = link_text(value->as.link, link_buf);
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
static proa_err add_senml(proa_payload_writer *p, const proa_record *record)
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
    set_senml_value(&out, &record->value, link_buf);
    proa_senml_write(&p->senml, proa_span_make(base_buf, p->count == 0 ? base.len : 0), &out);
    return p->w->err;
}

/* ---- payloads --------------------------------------------------------------------------- */

proa_err proa_payload_begin(proa_payload_writer *p, proa_writer *w, uint16_t format,
                            const proa_path *base)
{
    if (!proa_format_can_hold(format, base, false)) {
        return PROA_E_UNSUPPORTED;
    }
    *p = (proa_payload_writer){.w = w, .format = format, .base = *base, .open_path = *base};
    p->senml = proa_senml_writer_make(w);
    return PROA_OK;
}

proa_err proa_payload_add(proa_payload_writer *p, const proa_record *record)
{
    bool path_only = p->format == PROA_FORMAT_SENML_CBOR && record->value.type == PROA_TYPE_NONE;
    bool single = p->format != PROA_FORMAT_SENML_CBOR && p->format != PROA_FORMAT_TLV;
    proa_err err;
    if (!proa_path_within(&p->base, &record->path) || (record->path.depth < 3 && !path_only)) {
        return PROA_E_DENIED;
    }
    if (single && p->count > 0) {
        return PROA_E_UNSUPPORTED;
    }
    switch (p->format) {
    case PROA_FORMAT_TEXT:
        err = write_text(p->w, &record->value);
        break;
    case PROA_FORMAT_OPAQUE:
        err = write_opaque(p->w, &record->value);
        break;
    case PROA_FORMAT_CBOR:
        err = write_cbor(p->w, &record->value);
        break;
    case PROA_FORMAT_TLV:
        err = add_tlv(p, record);
        break;
    default:
        err = add_senml(p, record);
    }
    p->count++;
    return err;
}

proa_err proa_payload_end(proa_payload_writer *p)
{
    close_instance(p);
    if (p->format == PROA_FORMAT_SENML_CBOR) {
        proa_senml_write_end(&p->senml);
    }
    return p->w->err;
}
