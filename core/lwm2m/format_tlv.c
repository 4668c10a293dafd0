/* SPDX-License-Identifier: Apache-2.0 */
/* TLV payloads (Core 1.2 §7.4.4). No types, so reading asks the model.
 *
 * TLV nests: an object instance or a multiple resource is open from its first record until one
 * comes that is not in it; only then its length is known. `open_path` names what is open. */
#include <string.h>

#include "core/lwm2m/format.h"
#include "proa/codec/tlv.h"

/* ---- writing ---------------------------------------------------------------------------- */

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

static void open_instance(proa_payload_writer *p, uint16_t instance_id)
{
    if (p->base.depth != 1 || (p->instance_open && p->open_path.ids[1] == instance_id)) {
        return;
    }
    close_instance(p);
    p->instance_open = true;
    p->instance_at = p->w->len;
    p->open_path = proa_path_make(2, p->base.ids[0], instance_id, 0);
}

static void open_multiple(proa_payload_writer *p, const proa_path *resource)
{
    if (p->base.depth == 4) {
        return;
    }
    open_instance(p, resource->ids[1]);
    if (p->resource_open && p->open_path.ids[2] == resource->ids[2]) {
        return;
    }
    close_resource(p);
    p->resource_open = true;
    p->resource_at = p->w->len;
    p->open_path.ids[2] = resource->ids[2];
}

static void write_value(proa_writer *w, proa_tlv_kind kind, uint16_t id, const proa_value *value)
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

static proa_err add(proa_payload_writer *p, const proa_record *record)
{
    const uint16_t *ids = record->path.ids;
    if (record->path.depth == 4) {
        open_multiple(p, &record->path);
        write_value(p->w, PROA_TLV_RESOURCE_INSTANCE, ids[3], &record->value);
    } else {
        open_instance(p, ids[1]);
        close_resource(p);
        write_value(p->w, PROA_TLV_RESOURCE, ids[2], &record->value);
    }
    return p->w->err;
}

/* ---- reading ---------------------------------------------------------------------------- */

static void read_begin(proa_payload_reader *p, proa_span payload)
{
    p->in.tlv.levels[0] = proa_reader_make(payload);
    p->in.tlv.at[0] = p->base;
}

static proa_err value_of(proa_span bytes, proa_value *out)
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

/* Where a record stands that is in `above`. False for resources without an instance and resource
 * instances without a resource. */
static bool place(const proa_path *above, const proa_tlv_record *record, proa_path *out)
{
    static const uint8_t depth_above[] = {[PROA_TLV_OBJECT_INSTANCE] = 1,
                                          [PROA_TLV_RESOURCE_INSTANCE] = 3,
                                          [PROA_TLV_MULTIPLE] = 2,
                                          [PROA_TLV_RESOURCE] = 2};
    uint8_t depth = depth_above[record->kind];
    *out = *above;
    out->depth = (uint8_t)(depth + 1);
    out->ids[depth] = record->id;
    memset(out->ids + out->depth, 0, (4U - out->depth) * sizeof out->ids[0]);
    return above->depth >= depth;
}

/* One TLV record: a value, or a level to go down to. */
static proa_err step(proa_payload_reader *p, const proa_tlv_record *tlv, bool is_value,
                     proa_record *record)
{
    uint8_t level = p->in.tlv.level;
    const proa_path *above = &p->in.tlv.at[level];
    proa_path *path = &record->path;
    /* Inside a record only what is directly below it; around them also what `base` names. */
    if (!place(above, tlv, path) || (level > 0 && path->depth != above->depth + 1)) {
        return PROA_E_FORMAT;
    }
    if (tlv->id > PROA_ID_MAX) {
        return PROA_E_RANGE;
    }
    if (!proa_path_within(&p->base, path) && (is_value || !proa_path_within(path, &p->base))) {
        return PROA_E_DENIED;
    }
    if (is_value) {
        record->value.type = proa__payload_type(p, path);
        return value_of(tlv->value, &record->value);
    }
    p->in.tlv.level = ++level;
    p->in.tlv.levels[level] = proa_reader_make(tlv->value);
    p->in.tlv.at[level] = *path;
    return PROA_OK;
}

static bool next(proa_payload_reader *p, proa_record *record)
{
    while (p->err == PROA_OK) {
        proa_reader *r = &p->in.tlv.levels[p->in.tlv.level];
        proa_tlv_record tlv;
        if (proa_tlv_next(r, &tlv)) {
            bool is_value = tlv.kind == PROA_TLV_RESOURCE || tlv.kind == PROA_TLV_RESOURCE_INSTANCE;
            p->err = step(p, &tlv, is_value, record);
            if (p->err == PROA_OK && is_value) {
                return true;
            }
        } else if (r->err != PROA_OK || p->in.tlv.level == 0) {
            p->err = r->err;
            return false;
        } else {
            p->in.tlv.level--;
        }
    }
    return false;
}

static int32_t instance_named(proa_span payload, const proa_path *base, uint32_t *count)
{
    (void)base;
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

const proa_format proa_format_tlv = {
    .id = PROA_FORMAT_TLV,
    .depth_min = 1, /* there is no record for an object */
    .instance = open_instance,
    .multiple = open_multiple,
    .add = add,
    .write_end = close_instance,
    .read_begin = read_begin,
    .next = next,
    .instance_named = instance_named,
};
