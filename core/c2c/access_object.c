/* SPDX-License-Identifier: Apache-2.0 */
/* Object 11002, Client Access Control: what peers may do (docs/C2C.md §2, §3).
 *
 * Truths kept here: an instance speaks about one path for one owner, and only the owner changes it;
 * the owner is the server that made it, whatever it wrote into resource 3; nobody gives away more
 * than it holds itself in object 2; objects that concern servers only are never opened.
 *
 * What the entries mean for a request is the business of enforce.c. */
#include "core/c2c/instance_gone.h"
#include "core/c2c/rows.h"

#include <string.h>

#include "proa/assert.h"

static const proa_resource resources[] = {
    {0, PROA_TYPE_INTEGER, PROA_RES_R | PROA_RES_MANDATORY},
    {1, PROA_TYPE_INTEGER, PROA_RES_R | PROA_RES_MANDATORY},
    {2, PROA_TYPE_INTEGER, PROA_RES_RW | PROA_RES_MULTIPLE},
    {3, PROA_TYPE_INTEGER, PROA_RES_R},
};

static proa__rows rows_of(const proa_c2c *c)
{
    return (proa__rows){c->accesses, sizeof(proa__access), c->limits.access_max};
}

static proa__access *find(const proa_c2c *c, uint16_t instance)
{
    return proa__row_find(rows_of(c), instance);
}

static proa__acl *find_entry(const proa__access *access, uint16_t short_id)
{
    for (uint16_t i = 0; i < access->acl_count; i++) {
        if (access->acl[i].short_id == short_id) {
            return &access->acl[i];
        }
    }
    return NULL;
}

static void free_access(proa__access *access)
{
    proa__acl *acl = access->acl;
    memset(access, 0, sizeof(*access));
    access->acl = acl;
}

static bool is_owner(const proa__access *access, const proa_actor *who)
{
    return who->kind == PROA_ACTOR_LOCAL ||
           (who->kind == PROA_ACTOR_SERVER && who->short_id == access->owner);
}

static int32_t next_instance(void *ctx, int32_t after)
{
    return proa__row_next(rows_of(ctx), after);
}

static int32_t next_resource_instance(void *ctx, uint16_t instance, uint16_t resource,
                                      int32_t after)
{
    const proa__access *access = find(ctx, instance);
    int32_t next = -1;
    if (access == NULL || resource != 2) {
        return -1;
    }
    for (uint16_t i = 0; i < access->acl_count; i++) {
        int32_t id = access->acl[i].short_id;
        if (id > after && (next < 0 || id < next)) {
            next = id;
        }
    }
    return next;
}

static proa_err read(void *ctx, const proa_path *path, proa_value *out)
{
    const proa__access *access = find(ctx, path->ids[1]);
    const proa__acl *entry;
    if (access == NULL) {
        return PROA_E_NOT_FOUND;
    }
    switch (path->ids[2]) {
    case 0:
        *out = proa_value_integer(access->object);
        return PROA_OK;
    case 1:
        *out = proa_value_integer(access->object_instance);
        return PROA_OK;
    case 2:
        entry = path->depth == 4 ? find_entry(access, path->ids[3]) : NULL;
        if (entry == NULL) {
            return PROA_E_NOT_FOUND;
        }
        *out = proa_value_integer(entry->rights);
        return PROA_OK;
    case 3:
        *out = proa_value_integer(access->owner);
        return PROA_OK;
    default:
        return PROA_E_NOT_FOUND;
    }
}

static proa_err set_entry(proa_c2c *c, proa__access *access, uint16_t short_id, int64_t rights)
{
    proa__acl *entry = find_entry(access, short_id);
    if (rights < 0 || rights > PROA_RIGHTS_ALL) {
        return PROA_E_RANGE;
    }
    if (entry == NULL) {
        if (access->acl_count == c->acl_max) {
            return PROA_E_FULL;
        }
        entry = &access->acl[access->acl_count++];
        entry->short_id = short_id;
    }
    entry->rights = (uint8_t)rights;
    return PROA_OK;
}

/* What an instance is about is said once, when it is made: afterwards these are read-only. */
static proa_err set_path(proa__access *access, bool is_object, int64_t id)
{
    int64_t max = is_object ? (int64_t)PROA_ID_MAX : (int64_t)PROA_ID_ALL;
    if (access->slot != PROA__SLOT_MAKING) {
        return PROA_E_METHOD;
    }
    if (id < 0 || id > max) {
        return PROA_E_RANGE;
    }
    *(is_object ? &access->object : &access->object_instance) = (uint16_t)id;
    access->has_instance = access->has_instance || !is_object;
    return PROA_OK;
}

static proa_err write(void *ctx, const proa_actor *who, const proa_path *path,
                      const proa_value *value)
{
    proa_c2c *c = ctx;
    proa__access *access = find(c, path->ids[1]);
    if (access == NULL) {
        return PROA_E_NOT_FOUND;
    }
    if (!is_owner(access, who)) {
        return PROA_E_DENIED;
    }
    switch (path->ids[2]) {
    case 0:
        return set_path(access, true, value->as.integer);
    case 1:
        return set_path(access, false, value->as.integer);
    case 2:
        return path->depth == 4 ? set_entry(c, access, path->ids[3], value->as.integer)
                                : PROA_E_FORMAT;
    case 3:
        return PROA_OK; /* who made it owns it: create() has seen to that */
    default:
        return PROA_E_NOT_FOUND;
    }
}

static proa_err clear(void *ctx, const proa_actor *who, const proa_path *resource)
{
    proa__access *access = find(ctx, resource->ids[1]);
    if (access == NULL) {
        return PROA_E_NOT_FOUND;
    }
    if (!is_owner(access, who)) {
        return PROA_E_DENIED;
    }
    access->acl_count = 0;
    return PROA_OK;
}

/* ---- commit ----------------------------------------------------------------------------- */

static proa_err check(proa_c2c *c, const proa_actor *who, const proa__access *access)
{
    if (access->object == 0 || !access->has_instance) {
        return PROA_E_FORMAT;
    }
    if (proa__c2c_closed(access->object)) {
        return PROA_E_DENIED;
    }
    for (uint16_t i = 0; i < c->limits.access_max; i++) {
        const proa__access *other = &c->accesses[i];
        if (other != access && other->slot == PROA__SLOT_LIVE && other->owner == access->owner &&
            other->object == access->object && other->object_instance == access->object_instance) {
            return PROA_E_EXISTS; /* there is one already: write its list */
        }
    }
    uint8_t given = 0;
    for (uint16_t i = 0; i < access->acl_count; i++) {
        given |= access->acl[i].rights;
    }
    if (who->kind == PROA_ACTOR_LOCAL) {
        return PROA_OK;
    }
    if (access->object_instance != PROA_ID_ALL) {
        given &= (uint8_t)~PROA_RIGHT_CREATE; /* means nothing below an object */
    }
    uint8_t held = proa__client_server_rights(c->client, who->short_id, access->object,
                                              access->object_instance);
    return (given & ~held) != 0 ? PROA_E_DENIED : PROA_OK;
}

static void begin(proa_c2c *c, const proa__access *access)
{
    c->undo_slot = PROA__SLOT_FREE;
    if (access->slot == PROA__SLOT_LIVE) {
        proa__acl *saved = c->acl + (size_t)c->limits.access_max * c->acl_max;
        memcpy(saved, access->acl, sizeof(*saved) * access->acl_count);
        c->undo.access = *access;
        c->undo_slot = PROA__SLOT_LIVE;
    }
}

static void rollback(proa_c2c *c, proa__access *access)
{
    if (c->undo_slot == PROA__SLOT_LIVE) {
        const proa__acl *saved = c->acl + (size_t)c->limits.access_max * c->acl_max;
        *access = c->undo.access;
        memcpy(access->acl, saved, sizeof(*saved) * access->acl_count);
    }
    c->undo_slot = PROA__SLOT_FREE;
}

static proa_err commit(proa_c2c *c, const proa_actor *who, proa__access *access)
{
    proa_err err = check(c, who, access);
    err = err == PROA_OK ? proa__c2c_store_access(c, access) : err;
    if (err != PROA_OK) {
        rollback(c, access);
        return err;
    }
    c->undo_slot = PROA__SLOT_FREE;
    access->slot = PROA__SLOT_LIVE;
    c->rights_changed = true;
    c->dirty = true;
    return PROA_OK;
}

static proa_err transact(void *ctx, const proa_actor *who, uint16_t instance, proa_transaction step)
{
    proa_c2c *c = ctx;
    proa__access *access = find(c, instance);
    if (access == NULL) {
        return PROA_E_NOT_FOUND;
    }
    switch (step) {
    case PROA_BEGIN:
        begin(c, access);
        return PROA_OK;
    case PROA_COMMIT:
        return commit(c, who, access);
    case PROA_ROLLBACK:
    default:
        rollback(c, access);
        return PROA_OK;
    }
}

/* ---- create, delete --------------------------------------------------------------------- */

static proa_err create(void *ctx, const proa_actor *who, int32_t wanted, uint16_t *instance)
{
    proa_c2c *c = ctx;
    void *row;
    proa_err err = proa__row_take(rows_of(c), wanted, &row, instance);
    if (err != PROA_OK) {
        return err;
    }
    proa__access *access = row;
    access->slot = PROA__SLOT_MAKING;
    access->instance = *instance;
    access->owner = who->kind == PROA_ACTOR_SERVER ? who->short_id : 0;
    return PROA_OK;
}

static void remove_access(proa_c2c *c, proa__access *access)
{
    proa__c2c_forget_access(c, access);
    free_access(access);
    c->rights_changed = true;
    c->dirty = true;
}

static proa_err remove_instance(void *ctx, const proa_actor *who, uint16_t instance)
{
    proa_c2c *c = ctx;
    proa__access *access = find(c, instance);
    if (access == NULL) {
        return PROA_E_NOT_FOUND;
    }
    if (access->slot == PROA__SLOT_MAKING) {
        free_access(access);
        return PROA_OK;
    }
    if (!is_owner(access, who)) {
        return PROA_E_DENIED;
    }
    remove_access(c, access);
    return PROA_OK;
}

void proa__c2c_drop_rights(proa_c2c *c, uint16_t short_id)
{
    for (uint16_t i = 0; short_id != 0 && i < c->limits.access_max; i++) {
        proa__access *access = &c->accesses[i];
        proa__acl *entry = access->slot == PROA__SLOT_LIVE ? find_entry(access, short_id) : NULL;
        if (entry == NULL) {
            continue;
        }
        *entry = access->acl[--access->acl_count];
        c->rights_changed = true;
        if (access->acl_count == 0 || proa__c2c_store_access(c, access) != PROA_OK) {
            /* What the store still says is more than is true: rather nothing than that. */
            bool empty = access->acl_count == 0;
            proa__c2c_forget_access(c, access);
            if (empty) {
                access->slot = PROA__SLOT_GONE;
                c->instances_gone = true;
                c->dirty = true;
            }
        }
    }
}

void proa__c2c_reap_accesses(proa_c2c *c)
{
    for (uint16_t i = 0; i < c->limits.access_max; i++) {
        proa__access *access = &c->accesses[i];
        if (access->slot == PROA__SLOT_GONE) {
            proa__c2c_instance_gone(c->client, c->now_ms, PROA_OBJECT_CLIENT_ACCESS,
                                    access->instance);
            free_access(access);
        }
    }
}

static const proa_object_class class_ = {
    .next_instance = next_instance,
    .next_resource_instance = next_resource_instance,
    .read = read,
    .write = write,
    .clear = clear,
    .create = create,
    .remove = remove_instance,
    .transact = transact,
};

proa_object proa__c2c_access_object(proa_c2c *c)
{
    proa_object object = {PROA_OBJECT_CLIENT_ACCESS,
                          1,
                          0,
                          resources,
                          sizeof(resources) / sizeof(resources[0]),
                          &class_,
                          c};
    return object;
}
