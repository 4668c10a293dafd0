/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_OBJECTS_DEFINITIONS_H
#define PROA_OBJECTS_DEFINITIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/bytes.h"
#include "proa/lwm2m.h"
#include "proa/object.h"

/* What is known about objects: identifiers, names, operations, types, units. Facts from the public
 * registry, kept as data in objects/<id>.json and compiled into one table, for tools and servers that show
 * values to people and simulate devices. The engines do not need it: a device knows its own objects. */

typedef struct proa_resource_definition {
    uint16_t id;
    const char *name;
    proa_type type;
    uint8_t flags;    /* PROA_RES_* of object.h */
    const char *unit; /* "" if none */
} proa_resource_definition;

typedef struct proa_object_definition {
    uint16_t id;
    const char *name;
    bool multiple;                             /* may have several instances */
    const proa_resource_definition *resources; /* ascending by id */
    size_t resource_count;
} proa_object_definition;

/* NULL if it is not known. O(log n). */
const proa_object_definition *proa_definition_object(uint16_t object);
const proa_resource_definition *proa_definition_resource(uint16_t object, uint16_t resource);

/* For proa_payload_read: the type of a path, PROA_TYPE_NONE if it is not known. ctx is not used. */
proa_type proa_definition_type(void *ctx, const proa_path *path);

/* A path in which names stand for numbers: "/Device/0/Battery Level", "lamp" is no path. Words are
 * compared without regard to case; spaces may be written as '_' or '-'. PROA_OK, PROA_E_NOT_FOUND,
 * PROA_E_FORMAT. */
PROA_CHECK proa_err proa_definition_path(proa_span text, proa_path *out);

#endif
