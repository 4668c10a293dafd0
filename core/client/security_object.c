/* SPDX-License-Identifier: Apache-2.0 */
/* Object 0, LwM2M Security: the server accounts as the device itself sees them. No server and no
 * peer ever reaches it (Core 1.2 §8.2; requests.c), keys not even the device's own shell: 3 and 5
 * are secret. Written by bootstrap only, so there is no write here. */
#include "core/client/client_internal.h"

enum { URI = 0, BOOTSTRAP = 1, MODE = 2, IDENTITY = 3, SERVER_KEY = 4, KEY = 5, SHORT_ID = 10 };

static const proa_resource resources[] = {
    {URI, PROA_TYPE_STRING, PROA_RES_R},
    {BOOTSTRAP, PROA_TYPE_BOOLEAN, PROA_RES_R},
    {MODE, PROA_TYPE_INTEGER, PROA_RES_R},
    {IDENTITY, PROA_TYPE_OPAQUE, PROA_RES_SECRET},
    {SERVER_KEY, PROA_TYPE_OPAQUE, PROA_RES_SECRET},
    {KEY, PROA_TYPE_OPAQUE, PROA_RES_SECRET},
    {SHORT_ID, PROA_TYPE_INTEGER, PROA_RES_R},
};

int32_t proa__server_next_instance(void *ctx, int32_t after)
{
    const proa_client *c = ctx;
    const proa__server *s = proa__server_next(c, after < 0 ? NULL : &c->servers[after]);
    return s == NULL ? -1 : proa__server_instance(c, s);
}

static proa_err read(void *ctx, const proa_path *path, proa_value *out)
{
    const proa_client *c = ctx;
    const proa__server *s = &c->servers[path->ids[1]];
    switch (path->ids[2]) {
    case URI:
        *out = proa_value_string(proa_span_make(s->uri, s->uri_len));
        return PROA_OK;
    case BOOTSTRAP:
        *out = proa_value_boolean(false);
        return PROA_OK;
    case MODE:
        *out = proa_value_integer(s->mode);
        return PROA_OK;
    case SHORT_ID:
        *out = proa_value_integer(s->short_id);
        return PROA_OK;
    default:
        return PROA_E_DENIED;
    }
}

static const proa_object_class security_class = {.next_instance = proa__server_next_instance,
                                                 .read = read};

const proa_object proa__security_object = {
    PROA_OBJECT_SECURITY, 1,   0, resources, sizeof resources / sizeof resources[0],
    &security_class,      NULL};
