/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_OBJECTS_DEFINITIONS_TABLE_H
#define PROA_OBJECTS_DEFINITIONS_TABLE_H

#include "objects/definitions.h"

/* The table that the build writes from objects/<id>.json, ascending by id. */
extern const proa_object_definition proa__definitions[];
extern const size_t proa__definition_count;

#endif
