/* SPDX-License-Identifier: Apache-2.0 */
/* Object 3, Device: who made this, and starting again. */
#include "firmware/board.h"
#include "firmware/device.h"

enum { MANUFACTURER = 0, MODEL = 1, REBOOT = 4, ERROR_CODE = 11, BINDINGS = 16 };

static const proa_resource resources[] = {
    {MANUFACTURER, PROA_TYPE_STRING, PROA_RES_R},
    {MODEL, PROA_TYPE_STRING, PROA_RES_R},
    {REBOOT, PROA_TYPE_NONE, PROA_RES_E},
    {ERROR_CODE, PROA_TYPE_INTEGER, PROA_RES_R | PROA_RES_MULTIPLE},
    {BINDINGS, PROA_TYPE_STRING, PROA_RES_R},
};

bool device_reboot_wanted;

static proa_err read(void *ctx, const proa_path *path, proa_value *out)
{
    (void)ctx;
    switch (path->ids[2]) {
    case MODEL:
        *out = proa_value_string(proa_span_of(board_name));
        break;
    case ERROR_CODE:
        *out = proa_value_integer(0);
        break;
    default:
        *out = proa_value_string(proa_span_of(path->ids[2] == BINDINGS ? "U" : "Proa"));
    }
    return PROA_OK;
}

static proa_err execute(void *ctx, const proa_actor *who, const proa_path *path,
                        proa_span arguments)
{
    (void)ctx;
    (void)who;
    (void)path;
    (void)arguments;
    device_reboot_wanted = true;
    return PROA_OK;
}

static const proa_object_class class_ = {.read = read, .execute = execute};
const proa_object device_object = {
    PROA_OBJECT_DEVICE, 1, 1, resources, sizeof resources / sizeof resources[0], &class_, NULL};
