/* SPDX-License-Identifier: Apache-2.0 */
/* Between LwM2M payloads and JSON. */
#include "server/os/values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "objects/definitions.h"
#include "proa/limits.h"
#include "proa/payload.h"

/* ---- from a device ---------------------------------------------------------------------- */

static json_t *hex_json(proa_span bytes)
{
    static const char digits[] = "0123456789abcdef";
    char *text = malloc(2 * bytes.len + 1);
    if (text == NULL) {
        return json_null();
    }
    for (size_t i = 0; i < bytes.len; i++) {
        text[2 * i] = digits[bytes.data[i] >> 4];
        text[2 * i + 1] = digits[bytes.data[i] & 15];
    }
    json_t *value = json_stringn(text, 2 * bytes.len);
    free(text);
    return value;
}

static bool is_printable(proa_span bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.data[i] < 0x20 || bytes.data[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

/* Text if it is such, hex otherwise; jansson refuses what is not UTF-8. */
static json_t *bytes_json(proa_span bytes)
{
    json_t *value = is_printable(bytes) ? json_stringn((const char *)bytes.data, bytes.len) : NULL;
    return value != NULL ? value : hex_json(bytes);
}

static json_t *value_json(const proa_value *value)
{
    char link[16];
    switch (value->type) {
    case PROA_TYPE_INTEGER:
    case PROA_TYPE_TIME:
        return json_integer(value->as.integer);
    case PROA_TYPE_UNSIGNED:
        return json_integer((json_int_t)value->as.unsigned_integer);
    case PROA_TYPE_FLOAT:
        return json_real(value->as.real);
    case PROA_TYPE_BOOLEAN:
        return json_boolean(value->as.boolean);
    case PROA_TYPE_OBJLINK:
        snprintf(link, sizeof link, "%u:%u", value->as.link.object, value->as.link.instance);
        return json_string(link);
    case PROA_TYPE_OPAQUE:
        return hex_json(value->as.bytes);
    case PROA_TYPE_NONE:
    case PROA_TYPE_STRING:
    case PROA_TYPE_CORELINK:
        break;
    }
    return bytes_json(value->as.bytes);
}

static json_t *record_json(const proa_record *record)
{
    char path[PROA_PATH_TEXT_MAX];
    proa_writer w = proa_writer_make(path, sizeof path);
    const proa_resource_definition *known =
        proa_definition_resource(record->path.ids[0], record->path.ids[2]);
    json_t *value = value_json(&record->value);
    proa_path_write(&w, &record->path);
    return json_pack("{s:o, s:s, s:s, s:o, s:s}", "path", json_stringn(path, w.len), "name",
                     known == NULL ? "" : known->name, "type", proa_type_name(record->value.type),
                     "value", value == NULL ? json_null() : value, "unit",
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

/* ---- to a device ------------------------------------------------------------------------ */

typedef struct encoder {
    proa_payload_writer payload;
    char *message;
    size_t message_cap;
    bool failed;
} encoder;

static void misfit(encoder *e, const proa_path *path, const char *expected)
{
    char text[PROA_PATH_TEXT_MAX + 1] = "";
    proa_writer w = proa_writer_make(text, PROA_PATH_TEXT_MAX);
    proa_path_write(&w, path);
    if (!e->failed) {
        snprintf(e->message, e->message_cap, "%s takes %s", text, expected);
    }
    e->failed = true;
}

static int nibble(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool unhex(const char *text, uint8_t *out, size_t cap, size_t *len)
{
    for (*len = 0; text[0] != '\0'; text += 2) {
        if (*len == cap || nibble(text[0]) < 0 || nibble(text[1]) < 0) {
            return false;
        }
        out[(*len)++] = (uint8_t)(nibble(text[0]) << 4 | nibble(text[1]));
    }
    return true;
}

/* What a JSON value is taken for where no definition says it. */
static proa_type natural_type(const json_t *value)
{
    return json_is_boolean(value)   ? PROA_TYPE_BOOLEAN
           : json_is_integer(value) ? PROA_TYPE_INTEGER
           : json_is_real(value)    ? PROA_TYPE_FLOAT
                                    : PROA_TYPE_STRING;
}

static bool convert(encoder *e, const proa_path *path, const json_t *value, proa_value *out,
                    uint8_t *scratch, size_t cap)
{
    const char *text = json_string_value(value);
    unsigned object;
    unsigned instance;
    size_t len = 0;
    switch (out->type) {
    case PROA_TYPE_BOOLEAN:
        out->as.boolean = json_is_true(value);
        return json_is_boolean(value) || (misfit(e, path, "true or false"), false);
    case PROA_TYPE_INTEGER:
    case PROA_TYPE_TIME:
        out->as.integer = json_integer_value(value);
        return json_is_integer(value) || (misfit(e, path, "a whole number"), false);
    case PROA_TYPE_UNSIGNED:
        out->as.unsigned_integer = (uint64_t)json_integer_value(value);
        return (json_is_integer(value) && json_integer_value(value) >= 0) ||
               (misfit(e, path, "a whole number that is not negative"), false);
    case PROA_TYPE_FLOAT:
        out->as.real = json_number_value(value);
        return json_is_number(value) || (misfit(e, path, "a number"), false);
    case PROA_TYPE_OBJLINK:
        if (text == NULL || sscanf(text, "%5u:%5u", &object, &instance) != 2 || object > 65535 ||
            instance > 65535) {
            misfit(e, path, "an object link, as \"3:0\"");
            return false;
        }
        *out = proa_value_link((uint16_t)object, (uint16_t)instance);
        return true;
    case PROA_TYPE_OPAQUE:
        out->as.bytes = proa_span_make(scratch, 0);
        if (text == NULL || !unhex(text, scratch, cap, &len)) {
            misfit(e, path, "bytes as hex digits");
            return false;
        }
        out->as.bytes.len = len;
        return true;
    case PROA_TYPE_NONE:
    case PROA_TYPE_STRING:
    case PROA_TYPE_CORELINK:
        break;
    }
    out->as.bytes = proa_span_of(text == NULL ? "" : text);
    return text != NULL || (misfit(e, path, "a string"), false);
}

static void add_value(encoder *e, const proa_path *path, const json_t *value)
{
    uint8_t scratch[PROA_COAP_MESSAGE_MAX];
    proa_record record = {.path = *path};
    record.value.type = proa_definition_type(NULL, path);
    if (record.value.type == PROA_TYPE_NONE) {
        record.value.type = natural_type(value);
    }
    if (e->failed || !convert(e, path, value, &record.value, scratch, sizeof scratch)) {
        return;
    }
    if (proa_payload_add(&e->payload, &record) != PROA_OK) {
        misfit(e, path, "a shorter value");
    }
}

/* A resource, or {"0": .., "1": ..} for a multiple one. */
static void add_resource(encoder *e, const proa_path *path, const json_t *value)
{
    if (!json_is_object(value)) {
        add_value(e, path, value);
        return;
    }
    for (unsigned id = 0; id <= PROA_ID_MAX && !e->failed; id++) {
        char key[8];
        snprintf(key, sizeof key, "%u", id);
        json_t *item = json_object_get(value, key);
        if (item != NULL) {
            proa_path inner = *path;
            inner.ids[3] = (uint16_t)id;
            inner.depth = 4;
            add_value(e, &inner, item);
        }
    }
}

bool proa_values_encode(const json_t *values, const proa_path *base, proa_writer *out,
                        char *message, size_t message_cap)
{
    encoder e = {.message = message, .message_cap = message_cap};
    proa_path path = *base;
    if (proa_payload_begin(&e.payload, out, PROA_FORMAT_TLV, base) != PROA_OK) {
        return false;
    }
    if (base->depth >= 3) {
        add_resource(&e, &path, values);
    } else if (!json_is_object(values)) {
        misfit(&e, base, "an object of resources, as {\"5850\": true}");
    } else {
        path.depth = 3;
        /* In ascending order of their ids, as TLV wants them. */
        for (unsigned id = 0; id <= PROA_ID_MAX && !e.failed; id++) {
            char key[8];
            snprintf(key, sizeof key, "%u", id);
            json_t *item = json_object_get(values, key);
            if (item != NULL) {
                path.ids[2] = (uint16_t)id;
                add_resource(&e, &path, item);
            }
        }
    }
    if (!e.failed && proa_payload_end(&e.payload) != PROA_OK) {
        misfit(&e, base, "at most 4096 bytes of values");
    }
    return !e.failed;
}
