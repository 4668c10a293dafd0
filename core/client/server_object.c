/* SPDX-License-Identifier: Apache-2.0 */
/* Object 1, LwM2M Server: lifetime, default periods, Disable and Registration Update Trigger of
 * each server account (Core 1.2 Appendix E.2). Writing and executing only marks what is wanted;
 * registration.c acts on it after the answer is out. The table and object 0's share instances. */
#include "core/client/client_internal.h"

enum {
    SHORT_ID = 0,
    LIFETIME = 1,
    PMIN = 2,
    PMAX = 3,
    DISABLE = 4,
    DISABLE_TIMEOUT = 5,
    STORING = 6,
    BINDING = 7,
    UPDATE_TRIGGER = 8
};

static const proa_resource resources[] = {
    {SHORT_ID, PROA_TYPE_INTEGER, PROA_RES_R | PROA_RES_MANDATORY},
    {LIFETIME, PROA_TYPE_INTEGER, PROA_RES_RW | PROA_RES_MANDATORY},
    {PMIN, PROA_TYPE_INTEGER, PROA_RES_RW},
    {PMAX, PROA_TYPE_INTEGER, PROA_RES_RW},
    {DISABLE, PROA_TYPE_NONE, PROA_RES_E},
    {DISABLE_TIMEOUT, PROA_TYPE_INTEGER, PROA_RES_RW},
    {STORING, PROA_TYPE_BOOLEAN, PROA_RES_RW | PROA_RES_MANDATORY},
    {BINDING, PROA_TYPE_STRING, PROA_RES_RW | PROA_RES_MANDATORY},
    {UPDATE_TRIGGER, PROA_TYPE_NONE, PROA_RES_E | PROA_RES_MANDATORY},
};

static proa_err read(void *ctx, const proa_path *path, proa_value *out)
{
    const proa_client *c = ctx;
    const proa__server *s = &c->servers[path->ids[1]];
    switch (path->ids[2]) {
    case SHORT_ID:
        *out = proa_value_integer(s->short_id);
        return PROA_OK;
    case LIFETIME:
        *out = proa_value_integer(s->settings.lifetime_s);
        return PROA_OK;
    case PMIN:
        *out = proa_value_integer(s->settings.pmin_s);
        return PROA_OK;
    case PMAX:
        *out = proa_value_integer(s->settings.pmax_s);
        return PROA_OK;
    case DISABLE_TIMEOUT:
        *out = proa_value_integer(s->settings.disable_s);
        return PROA_OK;
    case STORING:
        *out = proa_value_boolean(s->settings.storing);
        return PROA_OK;
    case BINDING:
        *out = proa_value_string(proa_span_of("U"));
        return PROA_OK;
    default:
        return PROA_E_NOT_FOUND;
    }
}

static proa_err write_seconds(const proa_value *value, uint32_t *out)
{
    if (value->as.integer < 0 || value->as.integer > UINT32_MAX) {
        return PROA_E_RANGE;
    }
    *out = (uint32_t)value->as.integer;
    return PROA_OK;
}

static proa_err write(void *ctx, const proa_actor *who, const proa_path *path,
                      const proa_value *value)
{
    proa_client *c = ctx;
    proa__server *s = &c->servers[path->ids[1]];
    (void)who;
    switch (path->ids[2]) {
    case LIFETIME:
        return write_seconds(value, &s->settings.lifetime_s);
    case PMIN:
        return write_seconds(value, &s->settings.pmin_s);
    case PMAX:
        return write_seconds(value, &s->settings.pmax_s);
    case DISABLE_TIMEOUT:
        return write_seconds(value, &s->settings.disable_s);
    case STORING:
        s->settings.storing = value->as.boolean;
        return PROA_OK;
    case BINDING: /* UDP is what there is */
        return proa_span_equal(value->as.bytes, proa_span_of("U")) ? PROA_OK : PROA_E_RANGE;
    default:
        return PROA_E_METHOD;
    }
}

static proa_err transact(void *ctx, const proa_actor *who, uint16_t instance, proa_transaction step)
{
    proa_client *c = ctx;
    proa__server *s = &c->servers[instance];
    (void)who;
    if (step == PROA_BEGIN) {
        c->settings_undo = s->settings;
        return PROA_OK;
    }
    if (step == PROA_ROLLBACK) {
        s->settings = c->settings_undo;
    } else if (s->settings.lifetime_s != c->settings_undo.lifetime_s) {
        s->lifetime_changed = true; /* Core 1.2 §6.2.2: tells the server at once */
        proa__registration_want(c, s, 0);
    }
    return PROA_OK;
}

static proa_err execute(void *ctx, const proa_actor *who, const proa_path *path,
                        proa_span arguments)
{
    proa_client *c = ctx;
    proa__server *s = &c->servers[path->ids[1]];
    (void)who;
    (void)arguments;
    if (path->ids[2] == DISABLE) {
        s->disable_wanted = true;
    } else {
        proa__registration_want(c, s, 0);
    }
    return PROA_OK;
}

static const proa_object_class server_class = {
    .next_instance = proa__server_next_instance,
    .read = read,
    .write = write,
    .execute = execute,
    .transact = transact,
};

const proa_object proa__server_object = {
    PROA_OBJECT_SERVER, 1,   0, resources, sizeof resources / sizeof resources[0],
    &server_class,      NULL};
