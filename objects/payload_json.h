/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_OBJECTS_PAYLOAD_JSON_H
#define PROA_OBJECTS_PAYLOAD_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/bytes.h"
#include "proa/lwm2m.h"

/* LwM2M payloads as JSON for people and programs, and back. Names, types and units come from
 * objects/definitions.h; what is not known there is shown as text if it is printable, else as hex. */

/* [{"path":"/3/0/9","name":"Battery Level","type":"integer","value":80,"unit":"%"}, ...].
 * NULL if the payload cannot be read. */
json_t *proa_values_json(uint16_t format, const proa_path *base, proa_span payload);

/* A link-format payload (Discover) as [{"path":"/3/0/9","attributes":"pmin=1;pmax=60"}, ...]. */
json_t *proa_links_json(proa_span payload);

/* Encode a JSON value for a resource, or an object {"5850": true, ...} for an instance, as TLV.
 * False if a value does not fit its resource's type: `message` says which and what is expected. */
bool proa_values_encode(const json_t *values, const proa_path *base, proa_writer *out,
                        char *message, size_t message_cap);

#endif
