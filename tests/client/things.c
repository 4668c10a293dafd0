/* SPDX-License-Identifier: Apache-2.0 */
/* The test object: plain storage, and counters for what the engine did to it. */
#include "tests/client/things.h"

#include <string.h>

static const proa_resource resources[] = {
    {5601, PROA_TYPE_INTEGER, PROA_RES_RW},
    {5602, PROA_TYPE_BOOLEAN, PROA_RES_RW},
    {5603, PROA_TYPE_INTEGER, PROA_RES_RW | PROA_RES_MULTIPLE},
    {5605, PROA_TYPE_NONE, PROA_RES_E},
    {5606, PROA_TYPE_OBJLINK, PROA_RES_RW},
    {5607, PROA_TYPE_OPAQUE, PROA_RES_RW},
    {5608, PROA_TYPE_OPAQUE, PROA_RES_RW | PROA_RES_SECRET},
    {5609, PROA_TYPE_TIME, PROA_RES_R},
    {5610, PROA_TYPE_INTEGER, PROA_RES_RW},
    {5611, PROA_TYPE_UNSIGNED, PROA_RES_RW},
    {5700, PROA_TYPE_FLOAT, PROA_RES_R},
    {5701, PROA_TYPE_STRING, PROA_RES_RW | PROA_RES_MANDATORY},
};

static int32_t next_instance(void *ctx, int32_t after)
{
    const things *t = ctx;
    for (int32_t i = after + 1; i < THINGS; i++) {
        if (t->items[i].used) {
            return i;
        }
    }
    return -1;
}

static bool has(void *ctx, uint16_t instance, uint16_t resource)
{
    const things *t = ctx;
    return resource != 5610 || t->items[instance].has_extra;
}

static int32_t next_resource_instance(void *ctx, uint16_t instance, uint16_t resource,
                                      int32_t after)
{
    const thing *it = &((const things *)ctx)->items[instance];
    (void)resource;
    for (int32_t i = after + 1; i < THING_LIST; i++) {
        if (it->listed[i]) {
            return i;
        }
    }
    return -1;
}

static proa_err read(void *ctx, const proa_path *path, proa_value *out)
{
    const thing *it = &((const things *)ctx)->items[path->ids[1]];
    switch (path->ids[2]) {
    case 5601:
        *out = proa_value_integer(it->number);
        return PROA_OK;
    case 5602:
        *out = proa_value_boolean(it->on);
        return PROA_OK;
    case 5603:
        *out = proa_value_integer(it->list[path->ids[3]]);
        return PROA_OK;
    case 5606:
        *out = proa_value_link(it->link.object, it->link.instance);
        return PROA_OK;
    case 5607:
        *out = proa_value_opaque(proa_span_make(it->blob, it->blob_len));
        return PROA_OK;
    case 5608: /* an object that would tell; the engine must not ask */
        *out = proa_value_opaque(proa_span_make(it->secret, it->secret_len));
        return PROA_OK;
    case 5609:
        *out = proa_value_integer(it->since);
        out->type = PROA_TYPE_TIME;
        return PROA_OK;
    case 5610:
        *out = proa_value_integer(it->extra);
        return PROA_OK;
    case 5611:
        out->type = PROA_TYPE_UNSIGNED;
        out->as.unsigned_integer = it->count;
        return PROA_OK;
    case 5700:
        *out = proa_value_float(it->celsius);
        return PROA_OK;
    case 5701:
        *out = proa_value_string(proa_span_make(it->name, it->name_len));
        return PROA_OK;
    default:
        return PROA_E_NOT_FOUND;
    }
}

static proa_err copy(proa_span in, void *out, size_t cap, size_t *len)
{
    if (in.len > cap) {
        return PROA_E_TOO_LARGE;
    }
    memcpy(out, in.len > 0 ? in.data : (const uint8_t *)"", in.len);
    *len = in.len;
    return PROA_OK;
}

static proa_err write(void *ctx, const proa_actor *who, const proa_path *path,
                      const proa_value *value)
{
    things *t = ctx;
    thing *it = &t->items[path->ids[1]];
    t->who = *who;
    if (++t->writes == t->fail_write) {
        return PROA_E_FULL;
    }
    switch (path->ids[2]) {
    case 5601:
        it->number = value->as.integer;
        return it->number > 1000 ? PROA_E_RANGE : PROA_OK;
    case 5602:
        it->on = value->as.boolean;
        return PROA_OK;
    case 5603:
        if (path->ids[3] >= THING_LIST) {
            return PROA_E_FULL;
        }
        it->listed[path->ids[3]] = true;
        it->list[path->ids[3]] = value->as.integer;
        return PROA_OK;
    case 5606:
        it->link = value->as.link;
        return PROA_OK;
    case 5607:
        return copy(value->as.bytes, it->blob, sizeof it->blob, &it->blob_len);
    case 5608:
        return copy(value->as.bytes, it->secret, sizeof it->secret, &it->secret_len);
    case 5609:
        it->since = value->as.integer;
        return PROA_OK;
    case 5610:
        it->has_extra = true;
        it->extra = value->as.integer;
        return PROA_OK;
    case 5611:
        it->count = value->as.unsigned_integer;
        return PROA_OK;
    case 5700:
        it->celsius = value->as.real;
        return PROA_OK;
    case 5701:
        return copy(value->as.bytes, it->name, sizeof it->name, &it->name_len);
    default:
        return PROA_E_METHOD;
    }
}

static proa_err clear(void *ctx, const proa_actor *who, const proa_path *resource)
{
    things *t = ctx;
    (void)who;
    memset(t->items[resource->ids[1]].listed, 0, sizeof t->items[0].listed);
    return PROA_OK;
}

static proa_err execute(void *ctx, const proa_actor *who, const proa_path *path,
                        proa_span arguments)
{
    things *t = ctx;
    size_t len;
    (void)path;
    t->who = *who;
    t->executed++;
    memset(t->arguments, 0, sizeof t->arguments);
    return copy(arguments, t->arguments, sizeof t->arguments - 1, &len);
}

static proa_err create(void *ctx, const proa_actor *who, int32_t wanted, uint16_t *instance)
{
    things *t = ctx;
    int32_t i = wanted < 0 ? 0 : wanted;
    t->who = *who;
    while (wanted < 0 && i < THINGS && t->items[i].used) {
        i++;
    }
    if (i >= THINGS) {
        return PROA_E_FULL;
    }
    if (t->items[i].used) {
        return PROA_E_EXISTS;
    }
    memset(&t->items[i], 0, sizeof t->items[i]);
    t->items[i].used = true;
    *instance = (uint16_t)i;
    return PROA_OK;
}

static proa_err remove_instance(void *ctx, const proa_actor *who, uint16_t instance)
{
    things *t = ctx;
    t->who = *who;
    memset(&t->items[instance], 0, sizeof t->items[instance]);
    return PROA_OK;
}

static proa_err transact(void *ctx, const proa_actor *who, uint16_t instance, proa_transaction step)
{
    things *t = ctx;
    (void)who;
    switch (step) {
    case PROA_BEGIN:
        t->begun++;
        t->undo = t->items[instance];
        break;
    case PROA_COMMIT:
        t->committed++;
        return t->fail_commit;
    case PROA_ROLLBACK:
        t->rolled_back++;
        t->items[instance] = t->undo;
        break;
    }
    return PROA_OK;
}

static const proa_object_class class_ = {
    .next_instance = next_instance,
    .has = has,
    .next_resource_instance = next_resource_instance,
    .read = read,
    .write = write,
    .clear = clear,
    .execute = execute,
    .create = create,
    .remove = remove_instance,
    .transact = transact,
};

void things_init(things *t)
{
    memset(t, 0, sizeof *t);
    t->object =
        (proa_object){3303, 1, 1, resources, sizeof resources / sizeof resources[0], &class_, t};
    thing *it = &t->items[0];
    it->used = true;
    it->celsius = 21.5;
    memcpy(it->name, "one", 3);
    it->name_len = 3;
    it->number = 42;
    it->listed[0] = it->listed[2] = true;
    it->list[0] = 7;
    it->list[2] = 9;
    it->link = (proa_objlink){3, 0};
    memcpy(it->blob, "\x01\x02\x03", 3);
    it->blob_len = 3;
    memcpy(it->secret, "secret", 6);
    it->secret_len = 6;
    it->since = 1000;
    it->count = 5;
}
