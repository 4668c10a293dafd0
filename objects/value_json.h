/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_OBJECTS_VALUE_JSON_H
#define PROA_OBJECTS_VALUE_JSON_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/lwm2m.h"

/* One LwM2M value as JSON, for files, shells and control sockets, and back:
 *
 *     string, corelink    a string
 *     integer, time       a whole number (time: seconds since 1970)
 *     unsigned            a whole number that is not negative
 *     float               a number
 *     boolean             true or false
 *     opaque              a string of hex digits
 *     objlink             "3:0" */

/* A new reference; never NULL but for lack of memory. Bytes without a type are shown as text if
 * they are printable, else as hex digits. */
json_t *proa_value_to_json(const proa_value *value);

/* Read a value of this type; NONE stands for the type that the JSON value suggests.
 *
 * scratch  holds decoded opaque bytes; *out borrows it, or the string of `json`.
 * Returns NULL, or what was expected ("must be true or false") if it does not fit. */
const char *proa_value_from_json(proa_value *out, proa_type type, const json_t *json,
                                 uint8_t *scratch, size_t cap);

/* What a person typed, as JSON for a value of this type: for strings and the like the text as it
 * stands; otherwise true, false, a number or any other JSON text, and a string if it is none of
 * these. "on" and "off" are words for booleans. A new reference, NULL if the text is not UTF-8. */
json_t *proa_value_typed(proa_type type, const char *text);

#endif
