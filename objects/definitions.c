/* SPDX-License-Identifier: Apache-2.0 */
/* Looking things up in the table of object definitions, by number and by name. What stands in the
 * table is decided by objects/<id>.json alone. */
#include "objects/definitions.h"

#include <string.h>

#include "objects/definitions_table.h"

const proa_object_definition *proa_definition_object(uint16_t object)
{
    size_t low = 0;
    size_t high = proa__definition_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (proa__definitions[middle].id < object) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < proa__definition_count && proa__definitions[low].id == object
               ? &proa__definitions[low]
               : NULL;
}

const proa_resource_definition *proa_definition_resource(uint16_t object, uint16_t resource)
{
    const proa_object_definition *found = proa_definition_object(object);
    size_t low = 0;
    size_t high = found == NULL ? 0 : found->resource_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (found->resources[middle].id < resource) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return found != NULL && low < found->resource_count && found->resources[low].id == resource
               ? &found->resources[low]
               : NULL;
}

proa_type proa_definition_type(void *ctx, const proa_path *path)
{
    (void)ctx;
    const proa_resource_definition *resource =
        path->depth < 3 ? NULL : proa_definition_resource(path->ids[0], path->ids[2]);
    return resource == NULL ? PROA_TYPE_NONE : resource->type;
}

/* ---- names in paths --------------------------------------------------------------------- */

static uint8_t folded(uint8_t character)
{
    if (character >= 'A' && character <= 'Z') {
        return (uint8_t)(character + ('a' - 'A'));
    }
    return character == '_' || character == '-' ? ' ' : character;
}

/* How many bytes at the start of `text` are this name and end a segment; 0 if they are not. Names
 * may hold a slash ("On/Off"), so the name decides where the segment ends. */
static size_t match(proa_span text, const char *name)
{
    size_t len = strlen(name);
    if (len > text.len || (len < text.len && text.data[len] != '/')) {
        return 0;
    }
    for (size_t i = 0; i < len; i++) {
        if (folded(text.data[i]) != folded((uint8_t)name[i])) {
            return 0;
        }
    }
    return len;
}

/* The name or number at the start of `text` at this depth: its length, and *id. 0: unknown. */
static size_t segment(proa_span text, const proa_path *path, uint16_t *id)
{
    size_t best = 0;
    if (path->depth == 0) {
        for (size_t i = 0; i < proa__definition_count; i++) {
            size_t len = match(text, proa__definitions[i].name);
            if (len > best) {
                best = len;
                *id = proa__definitions[i].id;
            }
        }
    }
    const proa_object_definition *object =
        path->depth == 2 ? proa_definition_object(path->ids[0]) : NULL;
    for (size_t i = 0; object != NULL && i < object->resource_count; i++) {
        size_t len = match(text, object->resources[i].name);
        if (len > best) {
            best = len;
            *id = object->resources[i].id;
        }
    }
    return best;
}

proa_err proa_definition_path(proa_span text, proa_path *out)
{
    proa_path path = {{0}, 0};
    if (proa_path_parse(text, out) == PROA_OK) {
        return PROA_OK;
    }
    if (text.len == 0 || text.data[0] != '/') {
        return PROA_E_FORMAT;
    }
    while (text.len > 0) {
        uint64_t number = 0;
        text = proa_span_make(text.data + 1, text.len - 1);
        const uint8_t *slash = text.len == 0 ? NULL : memchr(text.data, '/', text.len);
        size_t len = slash == NULL ? text.len : (size_t)(slash - text.data);
        if (len == 0 || path.depth == 4) {
            return PROA_E_FORMAT;
        }
        proa_err err = proa_parse_decimal(proa_span_make(text.data, len), PROA_ID_MAX, &number);
        uint16_t id = (uint16_t)number;
        if (err != PROA_OK) {
            len = segment(text, &path, &id);
        }
        if (err == PROA_E_RANGE) {
            return PROA_E_FORMAT;
        }
        if (len == 0) {
            return PROA_E_NOT_FOUND;
        }
        path.ids[path.depth++] = id;
        text = proa_span_make(text.data + len, text.len - len);
    }
    *out = path;
    return PROA_OK;
}
