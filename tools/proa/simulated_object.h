/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TOOLS_SIMULATED_OBJECT_H
#define PROA_TOOLS_SIMULATED_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/err.h"
#include "proa/object.h"

/* An object that is nothing but values: what `proa client` shows to the world.
 *
 * Its resource table comes from objects/definitions.h plus what the device file adds; an instance
 * has those resources that were put or offered there. Writes change values, Create makes an
 * instance of the values it brings, Delete removes one; every failed write is undone. Executing
 * does nothing but succeed: the engine's event says that it happened. */
typedef struct proa_simulated proa_simulated;

#define PROA_SIMULATED_INSTANCES_MAX 256
#define PROA_SIMULATED_CELLS_MAX 4096 /* values of one object, all instances together */

/* NULL if there is no memory. */
proa_simulated *proa_simulated_new(uint16_t id);
void proa_simulated_free(proa_simulated *object); /* NULL allowed */

/* Add a resource to the table, or say something else about a known one. Before anybody uses
 * proa_simulated_object. Returns PROA_OK, PROA_E_EXISTS (declared differently before), PROA_E_FULL. */
PROA_CHECK proa_err proa_simulated_declare(proa_simulated *object, uint16_t id, proa_type type,
                                           uint8_t flags);

/* What the table says; NULL if it is silent. */
const proa_resource *proa_simulated_resource(const proa_simulated *object, uint16_t id);

/* PROA_OK also if it is there already; PROA_E_FULL. Executable resources that the definition calls
 * mandatory come with it. */
PROA_CHECK proa_err proa_simulated_add_instance(proa_simulated *object, uint16_t instance);

/* Give an instance a resource without a value: one to execute, or a multiple one that may be empty.
 * PROA_OK, PROA_E_FULL. */
PROA_CHECK proa_err proa_simulated_offer(proa_simulated *object, uint16_t instance,
                                         uint16_t resource);

/* Set a value; bytes are copied. A single resource has index 0.
 * PROA_OK, PROA_E_FULL, PROA_E_TOO_LARGE (more than PROA_BODY_MAX bytes), PROA_E_NO_MEMORY. */
PROA_CHECK proa_err proa_simulated_put(proa_simulated *object, uint16_t instance, uint16_t resource,
                                       uint16_t index, const proa_value *value);

/* The n-th value below `within`; false if there are fewer. Depth is 4 for multiple resources. */
bool proa_simulated_value(const proa_simulated *object, const proa_path *within, size_t n,
                          proa_path *path, const proa_value **value);

/* The object for proa_client_add_object; valid as long as this one. */
const proa_object *proa_simulated_object(const proa_simulated *object);

#endif
