/* SPDX-License-Identifier: Apache-2.0 */
/* A switch: object 3342, On/Off switch. What it does with other devices is asked for on its
 * console; a product asks in an interrupt's wake. */
#include "firmware/device.h"

enum { STATE = 5500 };

static const proa_resource resources[] = {
    {STATE, PROA_TYPE_BOOLEAN, PROA_RES_R | PROA_RES_MANDATORY},
};

static bool on;

static proa_err read(void *ctx, const proa_path *path, proa_value *out)
{
    (void)ctx;
    (void)path;
    *out = proa_value_boolean(on);
    return PROA_OK;
}

/* Only the device itself gets here: nobody else may write what is read-only. */
static proa_err write(void *ctx, const proa_actor *who, const proa_path *path,
                      const proa_value *value)
{
    (void)ctx;
    (void)who;
    (void)path;
    on = value->as.boolean;
    return PROA_OK;
}

static const proa_object_class class_ = {.read = read, .write = write};
static const proa_object object = {3342, 1, 0, resources, 1, &class_, NULL};
const proa_object *const firmware_objects[] = {&device_object, &object, NULL};
