/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TOOLS_DEVICE_OBJECTS_H
#define PROA_TOOLS_DEVICE_OBJECTS_H

#include "ports/linux/json_file.h"
#include "tools/proa/device_file.h"

/* The member "objects" of a device file, into file->objects and file->generators. The Device
 * object is made if it is not there, and what it must have is filled in. Errors go to the
 * document. */
void proa__device_objects_read(proa_device_file *file, const proa_json_at *objects);

#endif
