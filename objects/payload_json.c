/* SPDX-License-Identifier: Apache-2.0 */
/* Between LwM2M payloads and JSON; single values are objects/value_json.h's. */
#include "objects/payload_json.h"

#include <stdio.h>
#include <string.h>

#include "objects/definitions.h"
#include "objects/value_json.h"
#include "proa/codec/link.h"
#include "proa/limits.h"
#include "proa/payload.h"

static json_t *span_json(proa_span text)
{
    json_t *value = json_stringn((const char *)text.data, text.len);
    return value != NULL ? value : json_string("(not UTF-8)");
}

/* ---- from a device ---------------------------------------------------------------------- */

static json_t *record_json(const proa_record *record)
{
    char path[PROA_PATH_TEXT_MAX];
    proa_writer w = proa_writer_make(path, sizeof path);
    const proa_resource_definition *known =
        proa_definition_resource(record->path.ids[0], record->path.ids[2]);
    proa_path_write(&w, &record->path);
    return json_pack("{s:o, s:s, s:s, s:o, s:s}", "path", json_stringn(path, w.len), "name",
                     known == NULL ? "" : known->name, "type", proa_type_name(record->value.type),
                     "value", proa_value_to_json(&record->value), "unit",
                     known == NULL ? "" : known->unit);
}

json_t *proa_values_json(uint16_t format, const proa_path *base, proa_span payload)
{
    proa_payload_reader reader;
    proa_record record;
    if (proa_payload_read(&reader, format, base, payload, proa_definition_type, NULL) != PROA_OK) {
        return NULL;
    }
    json_t *list = json_array();
    while (proa_payload_next(&reader, &record)) {
        json_array_append_new(list, record_json(&record));
    }
    if (reader.err != PROA_OK) {
        json_decref(list);
        return NULL;
    }
    return list;
}

json_t *proa_links_json(proa_span payload)
{
    proa_reader r = proa_reader_make(payload);
    json_t *list = json_array();
    proa_link link;
    while (proa_link_next(&r, &link)) {
        json_array_append_new(list, json_pack("{s:o, s:o}", "path", span_json(link.target),
                                              "attributes", span_json(link.attributes)));
    }
    return list;
}

/* ---- to a device ------------------------------------------------------------------------ */

typedef struct encoder {
    proa_payload_writer payload;
    char *message;
    size_t message_cap;
    bool failed;
} encoder;

static void fail(encoder *e, const proa_path *path, const char *expected)
{
    char text[PROA_PATH_TEXT_MAX + 1] = "";
    proa_writer w = proa_writer_make(text, PROA_PATH_TEXT_MAX);
    proa_path_write(&w, path);
    if (!e->failed) {
        snprintf(e->message, e->message_cap, "%s %s", text, expected);
    }
    e->failed = true;
}

static void add_value(encoder *e, const proa_path *path, const json_t *json)
{
    uint8_t scratch[PROA_COAP_MESSAGE_MAX];
    proa_record record = {.path = *path};
    if (e->failed) {
        return;
    }
    const char *expected = proa_value_from_json(&record.value, proa_definition_type(NULL, path),
                                                json, scratch, sizeof scratch);
    if (expected != NULL) {
        fail(e, path, expected);
    } else if (proa_payload_add(&e->payload, &record) != PROA_OK) {
        fail(e, path, "must be shorter: all values together have at most 4096 bytes");
    }
}

/* Call `add` for the members of a JSON object whose names are ids, in ascending order, as TLV wants
 * them. */
static void add_members(encoder *e, const proa_path *holder, const json_t *members,
                        void (*add)(encoder *e, const proa_path *path, const json_t *json))
{
    for (unsigned id = 0; id <= PROA_ID_MAX && !e->failed; id++) {
        char key[8];
        snprintf(key, sizeof key, "%u", id);
        const json_t *member = json_object_get(members, key);
        if (member != NULL) {
            proa_path path = *holder;
            path.ids[path.depth++] = (uint16_t)id;
            add(e, &path, member);
        }
    }
}

/* A resource, or {"0": .., "1": ..} for a multiple one. */
static void add_resource(encoder *e, const proa_path *path, const json_t *json)
{
    if (json_is_object(json) && path->depth == 3) {
        add_members(e, path, json, add_value);
    } else {
        add_value(e, path, json);
    }
}

bool proa_values_encode(const json_t *values, const proa_path *base, proa_writer *out,
                        char *message, size_t message_cap)
{
    encoder e = {.message = message, .message_cap = message_cap};
    /* A Create on an object brings the resources of one new instance; it names no instance, so the
     * records stand as if they were read from one (Core 1.2 §7.4.4). */
    proa_path holder = *base;
    if (base->depth == 1) {
        holder.depth = 2;
    }
    if (proa_payload_begin(&e.payload, out, PROA_FORMAT_TLV, &holder) != PROA_OK) {
        fail(&e, base, "cannot be written");
    } else if (base->depth >= 3) {
        add_resource(&e, base, values);
    } else if (!json_is_object(values)) {
        fail(&e, base, "takes an object of resources, as {\"5850\": true}");
    } else {
        add_members(&e, &holder, values, add_resource);
    }
    if (!e.failed && proa_payload_end(&e.payload) != PROA_OK) {
        fail(&e, base, "takes at most 4096 bytes of values");
    }
    return !e.failed;
}
