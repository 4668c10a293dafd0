/* SPDX-License-Identifier: Apache-2.0 */
/* A lamp: object 3311, Light Control. A product lights something in `write`. */
#include <string.h>

#include "firmware/device.h"

enum { COLOUR = 5706, ON = 5850, DIMMER = 5851, COLOUR_MAX = 16 };

static const proa_resource resources[] = {
    {COLOUR, PROA_TYPE_STRING, PROA_RES_RW},
    {ON, PROA_TYPE_BOOLEAN, PROA_RES_RW | PROA_RES_MANDATORY},
    {DIMMER, PROA_TYPE_INTEGER, PROA_RES_RW},
};

static struct {
    bool on;
    uint8_t dimmer;
    uint8_t colour_len;
    uint8_t colour[COLOUR_MAX];
} lamp;

static proa_err read(void *ctx, const proa_path *path, proa_value *out)
{
    (void)ctx;
    switch (path->ids[2]) {
    case COLOUR:
        *out = proa_value_string(proa_span_make(lamp.colour, lamp.colour_len));
        break;
    case ON:
        *out = proa_value_boolean(lamp.on);
        break;
    default:
        *out = proa_value_integer(lamp.dimmer);
    }
    return PROA_OK;
}

static proa_err write(void *ctx, const proa_actor *who, const proa_path *path,
                      const proa_value *value)
{
    (void)ctx;
    (void)who;
    switch (path->ids[2]) {
    case COLOUR:
        if (value->as.bytes.len > COLOUR_MAX) {
            return PROA_E_TOO_LARGE;
        }
        lamp.colour_len = (uint8_t)value->as.bytes.len;
        memcpy(lamp.colour, value->as.bytes.data, value->as.bytes.len);
        break;
    case ON:
        lamp.on = value->as.boolean;
        break;
    default:
        if (value->as.integer < 0 || value->as.integer > 100) {
            return PROA_E_RANGE;
        }
        lamp.dimmer = (uint8_t)value->as.integer;
    }
    return PROA_OK;
}

static const proa_object_class class_ = {.read = read, .write = write};
static const proa_object object = {
    3311, 1, 0, resources, sizeof resources / sizeof resources[0], &class_, NULL};
const proa_object *const firmware_objects[] = {&device_object, &object, NULL};
