/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what: object 2 and its evaluation for servers; the extension's word for peers
 * (Core 1.2 §8.1, §8.2).
 *
 * Object 2 is in force as soon as it has an instance or there is a second server. Then a server has
 * on an instance what the entry of (object, instance) says, else what that of (object, 65535)
 * says; the owner of an instance entry without an ACL line of its own has R W E D. Create counts in
 * (object, 65535) only, and owning that gives nothing. The owner rule is for servers and object 2:
 * a Short Client ID is never compared with a Short Server ID.
 *
 * Beside the entries: object 2 itself is readable by every server and written by the entry's owner
 * only; each server may always read, write and execute its own instance of object 1.
 *
 * State: `access_stored` says that a server has changed something; from then on each instance is a
 * blob "acl.<place>" in the store, and the marker "acl" makes them valid. */
#include <string.h>

#include "core/client/client_internal.h"

enum { OBJECT_ID = 0, INSTANCE_ID = 1, ACL = 2, OWNER = 3 };

static const proa_resource resources[] = {
    {OBJECT_ID, PROA_TYPE_INTEGER, PROA_RES_R | PROA_RES_MANDATORY},
    {INSTANCE_ID, PROA_TYPE_INTEGER, PROA_RES_R | PROA_RES_MANDATORY},
    {ACL, PROA_TYPE_INTEGER, PROA_RES_RW | PROA_RES_MULTIPLE},
    {OWNER, PROA_TYPE_INTEGER, PROA_RES_RW | PROA_RES_MANDATORY},
};

/* ---- evaluation ------------------------------------------------------------------------- */

static proa__access *find_access(const proa_client *c, uint16_t object, uint16_t instance)
{
    for (uint16_t i = 0; i < c->config.access_max; i++) {
        proa__access *a = &c->access[i];
        if (a->used && a->object == object && a->instance == instance) {
            return a;
        }
    }
    return NULL;
}

/* What says who may do what there: the entry of the instance, else that of all. */
static const proa__access *find_rule(const proa_client *c, uint16_t object, uint16_t instance)
{
    const proa__access *of_all = NULL;
    for (uint16_t i = 0; i < c->config.access_max; i++) {
        const proa__access *a = &c->access[i];
        if (a->object != object || !a->used) {
            continue;
        }
        if (a->instance == instance) {
            return a;
        }
        of_all = a->instance == PROA_ID_ALL ? a : of_all;
    }
    return of_all;
}

static const proa__acl_entry *find_entry(const proa__access *a, uint16_t short_id)
{
    for (uint8_t i = 0; i < a->count; i++) {
        if (a->entries[i].short_id == short_id) {
            return &a->entries[i];
        }
    }
    return NULL;
}

static bool in_force(const proa_client *c)
{
    const proa__server *first = proa__server_next(c, NULL);
    bool any = first != NULL && proa__server_next(c, first) != NULL;
    for (uint16_t i = 0; i < c->config.access_max && !any; i++) {
        any = c->access[i].used;
    }
    return any;
}

uint8_t proa__client_server_rights(const proa_client *c, uint16_t short_id, uint16_t object,
                                   uint16_t instance)
{
    if (proa__server_by_id(c, short_id) == NULL || object == PROA_OBJECT_SECURITY) {
        return 0;
    }
    if (!in_force(c)) {
        return PROA_RIGHTS_ALL;
    }
    const proa__access *a = find_rule(c, object, instance);
    if (a == NULL) {
        return 0;
    }
    uint8_t mask =
        a->instance == PROA_ID_ALL ? PROA_RIGHTS_ALL : PROA_RIGHTS_ALL & ~PROA_RIGHT_CREATE;
    if (instance != PROA_ID_ALL) {
        mask &= (uint8_t)~PROA_RIGHT_CREATE;
    }
    const proa__acl_entry *entry = find_entry(a, short_id);
    if (entry == NULL && a->owner == short_id && a->instance != PROA_ID_ALL) {
        return mask;
    }
    if (entry == NULL) {
        entry = find_entry(a, 0);
    }
    return entry == NULL ? 0 : (uint8_t)(entry->rights & mask);
}

static bool server_allowed(const proa_client *c, const proa_actor *who, proa_operation op,
                           const proa_path *path)
{
    uint8_t right = proa_operation_right(op);
    uint16_t instance = path->depth >= 2 ? path->ids[1] : PROA_ID_ALL;
    if (path->ids[0] == PROA_OBJECT_ACCESS_CONTROL && path->depth >= 1) {
        return right == PROA_RIGHT_READ ||
               (right == PROA_RIGHT_WRITE && instance < c->config.access_max &&
                (!in_force(c) || c->access[instance].owner == who->short_id));
    }
    if (path->ids[0] == PROA_OBJECT_SERVER && instance == proa_account_instance(who->account)) {
        return right != PROA_RIGHT_DELETE;
    }
    return (proa__client_server_rights(c, who->short_id, path->ids[0], instance) & right) == right;
}

bool proa__client_is_closed(uint16_t object)
{
    switch (object) {
    case PROA_OBJECT_SECURITY:
    case PROA_OBJECT_SERVER:
    case PROA_OBJECT_ACCESS_CONTROL:
    case PROA_OBJECT_OSCORE:
    case PROA_OBJECT_CLIENT_SECURITY:
    case PROA_OBJECT_CLIENT:
    case PROA_OBJECT_CLIENT_ACCESS:
        return true;
    default:
        return false;
    }
}

static bool allowed_at(proa_client *c, const proa_actor *who, proa_operation op,
                       const proa_path *path)
{
    switch (who->kind) {
    case PROA_ACTOR_LOCAL:
        return true;
    case PROA_ACTOR_SERVER:
        return server_allowed(c, who, op, path);
    case PROA_ACTOR_PEER:
        return c->extension != NULL && path->depth >= 1 && !proa__client_is_closed(path->ids[0]) &&
               c->extension->access(c->extension->ctx, who->account, op, path) ==
                   PROA_ACCESS_ALLOWED;
    }
    return false;
}

bool proa__client_allowed(proa_client *c, const proa_actor *who, proa_operation op,
                          const proa_path *path)
{
    if (allowed_at(c, who, op, path)) {
        return true;
    }
    bool shows_part = op == PROA_OP_READ || op == PROA_OP_OBSERVE || op == PROA_OP_DISCOVER ||
                      op == PROA_OP_CANCEL_OBSERVE;
    const proa_object *object =
        path->depth == 1 && shows_part ? proa__model_object(c, path->ids[0]) : NULL;
    int32_t i = -1;
    while (object != NULL && (i = proa__model_next_instance(object, i)) >= 0) {
        proa_path instance = proa_path_make(2, object->id, (uint16_t)i, 0);
        if (allowed_at(c, who, op, &instance)) {
            return true;
        }
    }
    return false;
}

uint16_t proa__client_owner(const proa_client *c, const proa_path *path)
{
    const proa__access *a =
        path->depth == 0
            ? NULL
            : find_rule(c, path->ids[0], path->depth >= 2 ? path->ids[1] : PROA_ID_ALL);
    if (a != NULL && proa__server_by_id(c, a->owner) != NULL) {
        return a->owner;
    }
    const proa__server *first = proa__server_next(c, NULL);
    return first == NULL ? 0 : first->short_id;
}

/* ---- the store -------------------------------------------------------------------------- */

#define BLOB_MAX (7 + 3 * PROA_ACL_ENTRIES_MAX)

/* "acl.<place>" for a place, "acl" for the marker (place < 0). */
static void blob_name(char *name, int32_t place)
{
    proa_writer w = proa_writer_make(name, PROA_STORE_NAME_MAX - 1);
    proa_write_text(&w, "acl");
    if (place >= 0) {
        proa_write_text(&w, ".");
        proa_write_decimal(&w, place);
    }
    name[w.len] = '\0';
}

static proa_err save_place(proa_client *c, uint16_t place)
{
    const proa_store *store = &c->config.store;
    const proa__access *a = &c->access[place];
    char name[PROA_STORE_NAME_MAX];
    uint8_t blob[BLOB_MAX];
    blob_name(name, place);
    if (!a->used) {
        return store->remove(store->ctx, name);
    }
    proa_writer w = proa_writer_make(blob, sizeof blob);
    proa_write_u16(&w, a->object);
    proa_write_u16(&w, a->instance);
    proa_write_u16(&w, a->owner);
    proa_write_u8(&w, a->count);
    for (uint8_t i = 0; i < a->count; i++) {
        proa_write_u16(&w, a->entries[i].short_id);
        proa_write_u8(&w, a->entries[i].rights);
    }
    return store->write(store->ctx, name, proa_writer_span(&w));
}

/* The first change writes every place, then the marker: a power cut in between leaves the factory
 * state in force, never half of both. */
static proa_err save(proa_client *c, uint16_t place)
{
    const proa_store *store = &c->config.store;
    if (store->write == NULL) {
        return PROA_OK;
    }
    if (c->access_stored) {
        return save_place(c, place);
    }
    proa_err err = PROA_OK;
    for (uint16_t i = 0; i < c->config.access_max && err == PROA_OK; i++) {
        err = save_place(c, i);
    }
    if (err == PROA_OK) {
        char name[PROA_STORE_NAME_MAX];
        blob_name(name, -1);
        err = store->write(store->ctx, name, proa_span_of("1"));
    }
    c->access_stored = err == PROA_OK;
    return err;
}

static bool load_place(proa__access *a, proa_span blob)
{
    proa_reader r = proa_reader_make(blob);
    a->object = proa_read_u16(&r);
    a->instance = proa_read_u16(&r);
    a->owner = proa_read_u16(&r);
    a->count = proa_read_u8(&r);
    for (uint8_t i = 0; i < a->count && i < PROA_ACL_ENTRIES_MAX; i++) {
        a->entries[i].short_id = proa_read_u16(&r);
        a->entries[i].rights = proa_read_u8(&r) & PROA_RIGHTS_ALL;
    }
    return r.err == PROA_OK && proa_reader_left(&r) == 0 && a->count <= PROA_ACL_ENTRIES_MAX;
}

void proa__access_load(proa_client *c)
{
    const proa_store *store = &c->config.store;
    char name[PROA_STORE_NAME_MAX];
    uint8_t blob[BLOB_MAX];
    blob_name(name, -1);
    if (store->read == NULL || store->read(store->ctx, name, blob, sizeof blob) < 0) {
        return;
    }
    c->access_stored = true;
    for (uint16_t i = 0; i < c->config.access_max; i++) {
        blob_name(name, i);
        int len = store->read(store->ctx, name, blob, sizeof blob);
        /* A place that cannot be read stays empty: it then gives no rights. */
        c->access[i].used =
            len >= 0 && load_place(&c->access[i], proa_span_make(blob, (size_t)len));
    }
}

/* ---- changing --------------------------------------------------------------------------- */

static proa__access *take_place(proa_client *c, uint16_t object, uint16_t instance, uint16_t owner)
{
    for (uint16_t i = 0; i < c->config.access_max; i++) {
        proa__access *a = &c->access[i];
        if (!a->used) {
            memset(a, 0, sizeof *a);
            a->used = true;
            a->object = object;
            a->instance = instance;
            a->owner = owner;
            return a;
        }
    }
    return NULL;
}

static proa_err set_entry(proa__access *a, uint16_t short_id, uint8_t rights)
{
    uint8_t i = 0;
    while (i < a->count && a->entries[i].short_id < short_id) {
        i++;
    }
    if (i == a->count || a->entries[i].short_id != short_id) {
        if (a->count == PROA_ACL_ENTRIES_MAX) {
            return PROA_E_FULL;
        }
        memmove(&a->entries[i + 1], &a->entries[i], (size_t)(a->count - i) * sizeof a->entries[0]);
        a->count++;
    }
    a->entries[i].short_id = short_id;
    a->entries[i].rights = rights;
    return PROA_OK;
}

proa_err proa_client_add_access(proa_client *c, uint16_t object, uint16_t instance,
                                uint16_t short_id, uint8_t rights, uint16_t owner)
{
    if ((rights & ~PROA_RIGHTS_ALL) != 0 || object > PROA_ID_MAX || short_id > PROA_ID_MAX) {
        return PROA_E_RANGE;
    }
    if (c->access_stored) {
        return PROA_OK;
    }
    proa__access *a = find_access(c, object, instance);
    if (a == NULL) {
        a = take_place(c, object, instance, owner);
    }
    return a == NULL ? PROA_E_FULL : set_entry(a, short_id, rights);
}

proa_err proa__access_created(proa_client *c, const proa_actor *who, uint16_t object,
                              uint16_t instance)
{
    if (who->kind != PROA_ACTOR_SERVER || !in_force(c)) {
        return PROA_OK;
    }
    proa__access *a = find_access(c, object, instance);
    if (a == NULL) {
        a = take_place(c, object, instance, who->short_id);
    }
    if (a == NULL) {
        return PROA_E_FULL;
    }
    proa_err err = save(c, (uint16_t)(a - c->access));
    a->used = err == PROA_OK;
    return err;
}

void proa__access_deleted(proa_client *c, uint16_t object, uint16_t instance)
{
    proa__access *a = find_access(c, object, instance);
    if (a == NULL) {
        return;
    }
    memset(a, 0, sizeof *a);
    /* If the store fails, an entry for an instance that is gone comes back at the next start. It
     * gives its owner rights on a later instance with this id, and no one else. */
    proa_err err = save(c, (uint16_t)(a - c->access));
    (void)err;
}

/* ---- object 2 --------------------------------------------------------------------------- */

static int32_t next_instance(void *ctx, int32_t after)
{
    const proa_client *c = ctx;
    for (int32_t i = after + 1; i < c->config.access_max; i++) {
        if (c->access[i].used) {
            return i;
        }
    }
    return -1;
}

static int32_t next_entry(void *ctx, uint16_t instance, uint16_t resource, int32_t after)
{
    const proa_client *c = ctx;
    const proa__access *a = &c->access[instance];
    (void)resource;
    for (uint8_t i = 0; i < a->count; i++) {
        if (a->entries[i].short_id > after) {
            return a->entries[i].short_id;
        }
    }
    return -1;
}

static proa_err read(void *ctx, const proa_path *path, proa_value *out)
{
    const proa_client *c = ctx;
    const proa__access *a = &c->access[path->ids[1]];
    const proa__acl_entry *entry;
    switch (path->ids[2]) {
    case OBJECT_ID:
        *out = proa_value_integer(a->object);
        return PROA_OK;
    case INSTANCE_ID:
        *out = proa_value_integer(a->instance);
        return PROA_OK;
    case ACL:
        entry = find_entry(a, path->ids[3]);
        if (entry == NULL) {
            return PROA_E_NOT_FOUND;
        }
        *out = proa_value_integer(entry->rights);
        return PROA_OK;
    default:
        *out = proa_value_integer(a->owner);
        return PROA_OK;
    }
}

static proa_err write(void *ctx, const proa_actor *who, const proa_path *path,
                      const proa_value *value)
{
    proa_client *c = ctx;
    proa__access *a = &c->access[path->ids[1]];
    int64_t number = value->as.integer;
    (void)who;
    if (number < 0 || number > UINT16_MAX) {
        return PROA_E_RANGE;
    }
    if (path->ids[2] == OWNER) {
        a->owner = (uint16_t)number;
        return PROA_OK;
    }
    return (number & ~(int64_t)PROA_RIGHTS_ALL) != 0 ? PROA_E_RANGE
                                                     : set_entry(a, path->ids[3], (uint8_t)number);
}

static proa_err clear(void *ctx, const proa_actor *who, const proa_path *resource)
{
    proa_client *c = ctx;
    (void)who;
    c->access[resource->ids[1]].count = 0;
    return PROA_OK;
}

static proa_err transact(void *ctx, const proa_actor *who, uint16_t instance, proa_transaction step)
{
    proa_client *c = ctx;
    (void)who;
    if (step == PROA_BEGIN) {
        c->access_undo = c->access[instance];
    } else if (step == PROA_ROLLBACK) {
        c->access[instance] = c->access_undo;
    } else {
        return save(c, instance);
    }
    return PROA_OK;
}

static const proa_object_class access_class = {
    .next_instance = next_instance,
    .next_resource_instance = next_entry,
    .read = read,
    .write = write,
    .clear = clear,
    .transact = transact,
};

const proa_object proa__access_object = {PROA_OBJECT_ACCESS_CONTROL,
                                         1,
                                         0,
                                         resources,
                                         sizeof resources / sizeof resources[0],
                                         &access_class,
                                         NULL};
