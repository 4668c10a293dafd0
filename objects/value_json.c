/* SPDX-License-Identifier: Apache-2.0 */
/* One LwM2M value as JSON and back. Which type a path has is not known here. */
#include "objects/value_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *hex_json(proa_span bytes)
{
    static const char digits[] = "0123456789abcdef";
    char *text = malloc(2 * bytes.len + 1);
    if (text == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < bytes.len; i++) {
        text[2 * i] = digits[bytes.data[i] >> 4];
        text[2 * i + 1] = digits[bytes.data[i] & 15];
    }
    json_t *json = json_stringn(text, 2 * bytes.len);
    free(text);
    return json;
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

/* jansson refuses what is not UTF-8; then hex remains. */
static json_t *text_json(proa_span bytes, bool any)
{
    const char *text = bytes.len == 0 ? "" : (const char *)bytes.data;
    json_t *json = any || is_printable(bytes) ? json_stringn(text, bytes.len) : NULL;
    return json != NULL ? json : hex_json(bytes);
}

json_t *proa_value_to_json(const proa_value *value)
{
    char link[16];
    switch (value->type) {
    case PROA_TYPE_INTEGER:
    case PROA_TYPE_TIME:
        return json_integer(value->as.integer);
    case PROA_TYPE_UNSIGNED:
        return json_integer((json_int_t)value->as.unsigned_integer);
    case PROA_TYPE_FLOAT: {
        json_t *json = json_real(value->as.real); /* NULL for what JSON cannot say: NaN */
        return json != NULL ? json : json_null();
    }
    case PROA_TYPE_BOOLEAN:
        return json_boolean(value->as.boolean);
    case PROA_TYPE_OBJLINK:
        snprintf(link, sizeof link, "%u:%u", value->as.link.object, value->as.link.instance);
        return json_string(link);
    case PROA_TYPE_OPAQUE:
        return hex_json(value->as.bytes);
    case PROA_TYPE_STRING:
    case PROA_TYPE_CORELINK:
        return text_json(value->as.bytes, true);
    case PROA_TYPE_NONE:
        break;
    }
    return text_json(value->as.bytes, false);
}

static int nibble(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static const char *opaque_from(proa_value *out, const json_t *json, uint8_t *scratch, size_t cap)
{
    const char *text = json_string_value(json);
    size_t len = json_string_length(json);
    if (text == NULL || len % 2 != 0) {
        return "must be bytes as hex digits";
    }
    if (len / 2 > cap) {
        return "is too long";
    }
    for (size_t i = 0; i < len / 2; i++) {
        int high = nibble(text[2 * i]);
        int low = nibble(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return "must be bytes as hex digits";
        }
        scratch[i] = (uint8_t)(high << 4 | low);
    }
    *out = proa_value_opaque(proa_span_make(scratch, len / 2));
    return NULL;
}

static const char *link_from(proa_value *out, const json_t *json)
{
    uint64_t object;
    uint64_t instance;
    const char *text = json_is_string(json) ? json_string_value(json) : "";
    const char *colon = strchr(text, ':');
    if (colon == NULL ||
        proa_parse_decimal(proa_span_make(text, (size_t)(colon - text)), UINT16_MAX, &object) !=
            PROA_OK ||
        proa_parse_decimal(proa_span_of(colon + 1), UINT16_MAX, &instance) != PROA_OK) {
        return "must be an object link, as \"3:0\"";
    }
    *out = proa_value_link((uint16_t)object, (uint16_t)instance);
    return NULL;
}

/* What a JSON value is taken for where nobody says it. */
static proa_type natural_type(const json_t *json)
{
    return json_is_boolean(json)   ? PROA_TYPE_BOOLEAN
           : json_is_integer(json) ? PROA_TYPE_INTEGER
           : json_is_real(json)    ? PROA_TYPE_FLOAT
                                   : PROA_TYPE_STRING;
}

const char *proa_value_from_json(proa_value *out, proa_type type, const json_t *json,
                                 uint8_t *scratch, size_t cap)
{
    memset(out, 0, sizeof *out);
    out->type = type == PROA_TYPE_NONE ? natural_type(json) : type;
    switch (out->type) {
    case PROA_TYPE_BOOLEAN:
        out->as.boolean = json_is_true(json);
        return json_is_boolean(json) ? NULL : "must be true or false";
    case PROA_TYPE_INTEGER:
    case PROA_TYPE_TIME:
        out->as.integer = json_integer_value(json);
        return json_is_integer(json) ? NULL : "must be a whole number";
    case PROA_TYPE_UNSIGNED:
        out->as.unsigned_integer = (uint64_t)json_integer_value(json);
        return json_is_integer(json) && json_integer_value(json) >= 0
                   ? NULL
                   : "must be a whole number that is not negative";
    case PROA_TYPE_FLOAT:
        out->as.real = json_number_value(json);
        return json_is_number(json) ? NULL : "must be a number";
    case PROA_TYPE_OBJLINK:
        return link_from(out, json);
    case PROA_TYPE_OPAQUE:
        return opaque_from(out, json, scratch, cap);
    case PROA_TYPE_NONE:
    case PROA_TYPE_STRING:
    case PROA_TYPE_CORELINK:
        break;
    }
    out->as.bytes = json_is_string(json)
                        ? proa_span_make(json_string_value(json), json_string_length(json))
                        : proa_span_make(NULL, 0);
    return json_is_string(json) ? NULL : "must be a string";
}

json_t *proa_value_typed(proa_type type, const char *text)
{
    switch (type) {
    case PROA_TYPE_STRING:
    case PROA_TYPE_CORELINK:
    case PROA_TYPE_OPAQUE:
    case PROA_TYPE_OBJLINK:
        return json_string(text);
    case PROA_TYPE_BOOLEAN:
        if (strcmp(text, "on") == 0 || strcmp(text, "1") == 0) {
            return json_true();
        }
        if (strcmp(text, "off") == 0 || strcmp(text, "0") == 0) {
            return json_false();
        }
        break;
    default:
        break;
    }
    json_t *json = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    return json != NULL ? json : json_string(text);
}
