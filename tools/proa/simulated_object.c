/* SPDX-License-Identifier: Apache-2.0 */
/* Objects made of values.
 *
 * All values of an object stand in one array of cells, ascending by (instance, resource, index).
 * A cell with index MARKER has no value and says that the resource is there. While an instance is
 * being written, `undo` holds a copy of its cells from before. */
#include "tools/proa/simulated_object.h"

#include <stdlib.h>
#include <string.h>

#include "objects/definitions.h"
#include "proa/limits.h"

#define MARKER UINT16_MAX
#define RESOURCES_MAX 200

typedef struct cell {
    uint16_t instance, resource, index;
    proa_value value;
    uint8_t *bytes; /* what value.as.bytes borrows; own */
} cell;

typedef struct cells {
    cell *items;
    size_t count, cap;
} cells;

struct proa_simulated {
    proa_object table;
    proa_resource resources[RESOURCES_MAX];
    bool declared[RESOURCES_MAX]; /* by the device file: a second word must be the same */
    uint8_t resource_count;
    uint16_t instances[PROA_SIMULATED_INSTANCES_MAX]; /* ascending */
    size_t instance_count;
    cells now;
    cells undo;
};

/* ---- cells ------------------------------------------------------------------------------ */

static int compare(const cell *c, uint16_t instance, uint16_t resource, uint16_t index)
{
    if (c->instance != instance) {
        return c->instance < instance ? -1 : 1;
    }
    if (c->resource != resource) {
        return c->resource < resource ? -1 : 1;
    }
    return (c->index > index) - (c->index < index);
}

/* The first cell that is not before this place. */
static size_t lower(const cells *list, uint16_t instance, uint16_t resource, uint16_t index)
{
    size_t low = 0;
    size_t high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(&list->items[middle], instance, resource, index) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static cell *find(const cells *list, uint16_t instance, uint16_t resource, uint16_t index)
{
    size_t at = lower(list, instance, resource, index);
    return at < list->count && compare(&list->items[at], instance, resource, index) == 0
               ? &list->items[at]
               : NULL;
}

static proa_err insert(cells *list, uint16_t instance, uint16_t resource, uint16_t index,
                       cell **out)
{
    size_t at = lower(list, instance, resource, index);
    if (list->count == PROA_SIMULATED_CELLS_MAX) {
        return PROA_E_FULL;
    }
    if (list->count == list->cap) {
        size_t cap = list->cap == 0 ? 16 : 2 * list->cap;
        cell *items = realloc(list->items, cap * sizeof *items);
        if (items == NULL) {
            return PROA_E_NO_MEMORY;
        }
        list->items = items;
        list->cap = cap;
    }
    memmove(&list->items[at + 1], &list->items[at], (list->count - at) * sizeof *list->items);
    list->count++;
    list->items[at] = (cell){.instance = instance, .resource = resource, .index = index};
    *out = &list->items[at];
    return PROA_OK;
}

static void erase(cells *list, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        free(list->items[i].bytes);
    }
    if (to > from) {
        memmove(&list->items[from], &list->items[to], (list->count - to) * sizeof *list->items);
        list->count -= to - from;
    }
}

static bool has_bytes(proa_type type)
{
    return type == PROA_TYPE_STRING || type == PROA_TYPE_OPAQUE || type == PROA_TYPE_CORELINK;
}

static proa_err assign(cell *c, const proa_value *value)
{
    uint8_t *bytes = NULL;
    if (has_bytes(value->type)) {
        size_t len = value->as.bytes.len;
        if (len > PROA_BODY_MAX) {
            return PROA_E_TOO_LARGE;
        }
        bytes = malloc(len + 1);
        if (bytes == NULL) {
            return PROA_E_NO_MEMORY;
        }
        if (len > 0) {
            memcpy(bytes, value->as.bytes.data, len);
        }
    }
    free(c->bytes);
    c->bytes = bytes;
    c->value = *value;
    if (bytes != NULL) {
        c->value.as.bytes.data = bytes;
    }
    return PROA_OK;
}

static proa_err put(cells *list, uint16_t instance, uint16_t resource, uint16_t index,
                    const proa_value *value)
{
    cell *c = find(list, instance, resource, index);
    bool fresh = c == NULL;
    proa_err err = fresh ? insert(list, instance, resource, index, &c) : PROA_OK;
    if (err == PROA_OK && value != NULL) {
        err = assign(c, value);
        if (err != PROA_OK && fresh) {
            size_t at = (size_t)(c - list->items);
            erase(list, at, at + 1);
        }
    }
    return err;
}

static proa_err copy_instance(cells *to, const cells *from, uint16_t instance)
{
    proa_err err = PROA_OK;
    for (size_t i = lower(from, instance, 0, 0);
         i < from->count && from->items[i].instance == instance && err == PROA_OK; i++) {
        const cell *c = &from->items[i];
        err = put(to, instance, c->resource, c->index, c->index == MARKER ? NULL : &c->value);
    }
    return err;
}

static void erase_instance(cells *list, uint16_t instance)
{
    size_t from = lower(list, instance, 0, 0);
    size_t to = from;
    while (to < list->count && list->items[to].instance == instance) {
        to++;
    }
    erase(list, from, to);
}

/* ---- the object's functions ------------------------------------------------------------- */

static int32_t next_instance(void *ctx, int32_t after)
{
    const proa_simulated *s = ctx;
    for (size_t i = 0; i < s->instance_count; i++) {
        if (s->instances[i] > after) {
            return s->instances[i];
        }
    }
    return -1;
}

static bool has(void *ctx, uint16_t instance, uint16_t resource)
{
    const proa_simulated *s = ctx;
    size_t at = lower(&s->now, instance, resource, 0);
    return at < s->now.count && s->now.items[at].instance == instance &&
           s->now.items[at].resource == resource;
}

static int32_t next_resource_instance(void *ctx, uint16_t instance, uint16_t resource,
                                      int32_t after)
{
    const proa_simulated *s = ctx;
    size_t at = lower(&s->now, instance, resource, (uint16_t)(after + 1));
    const cell *c = at < s->now.count ? &s->now.items[at] : NULL;
    return c != NULL && c->instance == instance && c->resource == resource && c->index != MARKER
               ? c->index
               : -1;
}

static proa_err read(void *ctx, const proa_path *path, proa_value *out)
{
    const proa_simulated *s = ctx;
    const cell *c = find(&s->now, path->ids[1], path->ids[2], path->ids[3]);
    if (c == NULL || c->index == MARKER) {
        return PROA_E_NOT_FOUND;
    }
    *out = c->value;
    return PROA_OK;
}

static proa_err write(void *ctx, const proa_actor *who, const proa_path *path,
                      const proa_value *value)
{
    proa_simulated *s = ctx;
    (void)who;
    return put(&s->now, path->ids[1], path->ids[2], path->ids[3], value);
}

static proa_err clear(void *ctx, const proa_actor *who, const proa_path *resource)
{
    proa_simulated *s = ctx;
    (void)who;
    uint16_t instance = resource->ids[1];
    uint16_t id = resource->ids[2];
    proa_err err = put(&s->now, instance, id, MARKER, NULL); /* empty, but still there */
    erase(&s->now, lower(&s->now, instance, id, 0), lower(&s->now, instance, id, MARKER));
    return err;
}

static proa_err execute(void *ctx, const proa_actor *who, const proa_path *path,
                        proa_span arguments)
{
    (void)ctx;
    (void)who;
    (void)path;
    (void)arguments;
    return PROA_OK;
}

static proa_err create(void *ctx, const proa_actor *who, int32_t wanted, uint16_t *instance)
{
    proa_simulated *s = ctx;
    (void)who;
    int32_t id = wanted < 0 ? 0 : wanted;
    while (next_instance(s, id - 1) == id) {
        if (wanted >= 0) {
            return PROA_E_EXISTS;
        }
        id++;
    }
    *instance = (uint16_t)id;
    return proa_simulated_add_instance(s, (uint16_t)id);
}

static proa_err remove_instance(void *ctx, const proa_actor *who, uint16_t instance)
{
    proa_simulated *s = ctx;
    (void)who;
    for (size_t i = 0; i < s->instance_count; i++) {
        if (s->instances[i] == instance) {
            s->instance_count--;
            memmove(&s->instances[i], &s->instances[i + 1],
                    (s->instance_count - i) * sizeof *s->instances);
            erase_instance(&s->now, instance);
            return PROA_OK;
        }
    }
    return PROA_E_NOT_FOUND;
}

/* Put the cells of `undo` back by moving them: that needs no memory, for there was room for them
 * before, and so undoing cannot fail. */
static void roll_back(proa_simulated *s, uint16_t instance)
{
    erase_instance(&s->now, instance);
    for (size_t i = 0; i < s->undo.count; i++) {
        cell *c = &s->undo.items[i];
        cell *back = NULL;
        if (insert(&s->now, c->instance, c->resource, c->index, &back) == PROA_OK) {
            *back = *c;
            c->bytes = NULL;
        }
    }
}

static proa_err transact(void *ctx, const proa_actor *who, uint16_t instance, proa_transaction step)
{
    proa_simulated *s = ctx;
    (void)who;
    if (step == PROA_ROLLBACK) {
        roll_back(s, instance);
    }
    erase(&s->undo, 0, s->undo.count);
    return step == PROA_BEGIN ? copy_instance(&s->undo, &s->now, instance) : PROA_OK;
}

static const proa_object_class single_class = {
    .next_instance = next_instance,
    .has = has,
    .next_resource_instance = next_resource_instance,
    .read = read,
    .write = write,
    .clear = clear,
    .execute = execute,
    .transact = transact,
};

static const proa_object_class multiple_class = {
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

/* ---- making one ------------------------------------------------------------------------- */

static proa_err add_resource(proa_simulated *s, uint16_t id, proa_type type, uint8_t flags,
                             bool declared)
{
    uint8_t i = 0;
    while (i < s->resource_count && s->resources[i].id < id) {
        i++;
    }
    if (i == s->resource_count || s->resources[i].id != id) {
        if (s->resource_count == RESOURCES_MAX) {
            return PROA_E_FULL;
        }
        size_t after = (size_t)(s->resource_count - i);
        memmove(&s->resources[i + 1], &s->resources[i], after * sizeof *s->resources);
        memmove(&s->declared[i + 1], &s->declared[i], after * sizeof *s->declared);
        s->resource_count++;
    } else if (s->declared[i] && (s->resources[i].type != type || s->resources[i].flags != flags)) {
        return PROA_E_EXISTS;
    }
    s->resources[i] = (proa_resource){id, type, flags};
    s->declared[i] = declared;
    return PROA_OK;
}

proa_simulated *proa_simulated_new(uint16_t id)
{
    const proa_object_definition *known = proa_definition_object(id);
    proa_simulated *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    for (size_t i = 0; known != NULL && i < known->resource_count; i++) {
        const proa_resource_definition *r = &known->resources[i];
        if (add_resource(s, r->id, r->type, r->flags, false) != PROA_OK) {
            break; /* no public object has so many */
        }
    }
    bool single = known != NULL && !known->multiple;
    s->table.id = id;
    s->table.version_major = 1;
    s->table.class_ = single ? &single_class : &multiple_class;
    s->table.ctx = s;
    return s;
}

void proa_simulated_free(proa_simulated *object)
{
    if (object != NULL) {
        erase(&object->now, 0, object->now.count);
        erase(&object->undo, 0, object->undo.count);
        free(object->now.items);
        free(object->undo.items);
        free(object);
    }
}

proa_err proa_simulated_declare(proa_simulated *object, uint16_t id, proa_type type, uint8_t flags)
{
    return add_resource(object, id, type, flags, true);
}

const proa_resource *proa_simulated_resource(const proa_simulated *object, uint16_t id)
{
    for (uint8_t i = 0; i < object->resource_count; i++) {
        if (object->resources[i].id == id) {
            return &object->resources[i];
        }
    }
    return NULL;
}

proa_err proa_simulated_add_instance(proa_simulated *object, uint16_t instance)
{
    size_t i = 0;
    while (i < object->instance_count && object->instances[i] < instance) {
        i++;
    }
    if (i < object->instance_count && object->instances[i] == instance) {
        return PROA_OK;
    }
    if (object->instance_count == PROA_SIMULATED_INSTANCES_MAX) {
        return PROA_E_FULL;
    }
    memmove(&object->instances[i + 1], &object->instances[i],
            (object->instance_count - i) * sizeof *object->instances);
    object->instances[i] = instance;
    object->instance_count++;
    proa_err err = PROA_OK;
    for (uint8_t r = 0; r < object->resource_count && err == PROA_OK; r++) {
        uint8_t wanted = PROA_RES_E | PROA_RES_MANDATORY;
        if ((object->resources[r].flags & wanted) == wanted) {
            err = proa_simulated_offer(object, instance, object->resources[r].id);
        }
    }
    return err;
}

proa_err proa_simulated_offer(proa_simulated *object, uint16_t instance, uint16_t resource)
{
    return put(&object->now, instance, resource, MARKER, NULL);
}

proa_err proa_simulated_put(proa_simulated *object, uint16_t instance, uint16_t resource,
                            uint16_t index, const proa_value *value)
{
    return put(&object->now, instance, resource, index, value);
}

bool proa_simulated_value(const proa_simulated *object, const proa_path *within, size_t n,
                          proa_path *path, const proa_value **value)
{
    for (size_t i = 0; i < object->now.count; i++) {
        const cell *c = &object->now.items[i];
        const proa_resource *resource = proa_simulated_resource(object, c->resource);
        *path = proa_path_make(3, object->table.id, c->instance, c->resource);
        if (resource != NULL && (resource->flags & PROA_RES_MULTIPLE) != 0) {
            path->ids[3] = c->index;
            path->depth = 4;
        }
        if (c->index != MARKER && proa_path_within(within, path) && n-- == 0) {
            *value = &c->value;
            return true;
        }
    }
    return false;
}

const proa_object *proa_simulated_object(const proa_simulated *object)
{
    proa_simulated *own = object->table.ctx;
    own->table.resources = own->resources;
    own->table.resource_count = own->resource_count;
    return &own->table;
}
