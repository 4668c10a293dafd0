/* SPDX-License-Identifier: Apache-2.0 */
/* Object 11001, Client: who a peer is, and for how long (docs/C2C.md §2).
 *
 * Truths kept here: a Short Client ID names one peer; writing the lifetime starts it anew (that is
 * how a grant is renewed); an account has an end from its first second on, even if the time itself
 * is not known in this file (accounts.c starts the clock).
 *
 * The use counters are this project's own resources, from the range that OMA leaves to vendors
 * (26241..32768): a server reads them at renewal and revocation, because it is not on the path of
 * what is counted. */
#include "core/c2c/rows.h"

#include <string.h>

enum {
    RES_SHORT_ID = 0,
    RES_LIFETIME = 1,
    RES_PMIN = 2,
    RES_PMAX = 3,
    RES_DISABLE = 4,
    RES_DISABLE_TIMEOUT = 5,
    RES_STORING = 6,
    RES_BINDING = 7,
    RES_ENDPOINT = 9,
    RES_USE_COUNT = 26241,
    RES_LAST_USE = 26242,
    RES_LIFETIME_LEFT = 26243
};

static const proa_resource resources[] = {
    {RES_SHORT_ID, PROA_TYPE_INTEGER, PROA_RES_RW | PROA_RES_MANDATORY},
    {RES_LIFETIME, PROA_TYPE_INTEGER, PROA_RES_RW | PROA_RES_MANDATORY},
    {RES_PMIN, PROA_TYPE_INTEGER, PROA_RES_RW},
    {RES_PMAX, PROA_TYPE_INTEGER, PROA_RES_RW},
    {RES_DISABLE, PROA_TYPE_NONE, PROA_RES_E},
    {RES_DISABLE_TIMEOUT, PROA_TYPE_INTEGER, PROA_RES_RW},
    {RES_STORING, PROA_TYPE_BOOLEAN, PROA_RES_RW},
    {RES_BINDING, PROA_TYPE_STRING, PROA_RES_RW},
    {RES_ENDPOINT, PROA_TYPE_STRING, PROA_RES_RW | PROA_RES_MANDATORY},
    {RES_USE_COUNT, PROA_TYPE_INTEGER, PROA_RES_R},
    {RES_LAST_USE, PROA_TYPE_INTEGER, PROA_RES_R},
    {RES_LIFETIME_LEFT, PROA_TYPE_INTEGER, PROA_RES_R},
};

/* As in object 1 (Core 1.2 §E.2, resource 5). */
#define DISABLE_DEFAULT_S 86400U

static proa__rows rows_of(const proa_c2c *c)
{
    return (proa__rows){c->peers, sizeof(proa__peer), c->limits.peer_max};
}

static proa__peer *find(const proa_c2c *c, uint16_t instance)
{
    return proa__row_find(rows_of(c), instance);
}

static int32_t next_instance(void *ctx, int32_t after)
{
    return proa__row_next(rows_of(ctx), after);
}

static bool has(void *ctx, uint16_t instance, uint16_t resource)
{
    const proa__peer *peer = find(ctx, instance);
    if (peer == NULL) {
        return false;
    }
    switch (resource) {
    case RES_LAST_USE:
        return peer->last_use_ms != 0;
    case RES_LIFETIME_LEFT:
        return peer->lifetime_s != 0;
    default:
        return true;
    }
}

static proa_err read(void *ctx, const proa_path *path, proa_value *out)
{
    proa_c2c *c = ctx;
    const proa__peer *peer = find(c, path->ids[1]);
    if (peer == NULL) {
        return PROA_E_NOT_FOUND;
    }
    switch (path->ids[2]) {
    case RES_SHORT_ID:
        *out = proa_value_integer(peer->short_id);
        return PROA_OK;
    case RES_LIFETIME:
        *out = proa_value_integer(peer->lifetime_s);
        return PROA_OK;
    case RES_PMIN:
        *out = proa_value_integer(peer->pmin_s);
        return PROA_OK;
    case RES_PMAX:
        *out = proa_value_integer(peer->pmax_s);
        return PROA_OK;
    case RES_DISABLE_TIMEOUT:
        *out = proa_value_integer(peer->disable_s);
        return PROA_OK;
    case RES_STORING:
        *out = proa_value_boolean(peer->storing);
        return PROA_OK;
    case RES_BINDING:
        *out = proa_value_string(proa_span_make(peer->binding, peer->binding_len));
        return PROA_OK;
    case RES_ENDPOINT:
        *out = proa_value_string(proa__c2c_endpoint(peer));
        return PROA_OK;
    case RES_USE_COUNT:
        *out = proa_value_integer(peer->uses);
        return PROA_OK;
    case RES_LAST_USE:
        *out = proa_value_integer((int64_t)((c->now_ms - peer->last_use_ms) / 1000));
        return PROA_OK;
    case RES_LIFETIME_LEFT:
        *out = proa_value_integer(proa__c2c_left_s(peer, c->now_ms));
        return PROA_OK;
    default:
        return PROA_E_NOT_FOUND;
    }
}

/* Seconds as they travel: non-negative, and one less than what means "without end" here. */
static proa_err set_seconds(uint32_t *to, const proa_value *value)
{
    if (value->as.integer < 0 || value->as.integer >= (int64_t)UINT32_MAX) {
        return PROA_E_RANGE;
    }
    *to = (uint32_t)value->as.integer;
    return PROA_OK;
}

static proa_err set_text(char *to, uint8_t *len, size_t cap, proa_span from)
{
    if (from.len == 0 || from.len > cap) {
        return from.len == 0 ? PROA_E_FORMAT : PROA_E_TOO_LARGE;
    }
    memcpy(to, from.data, from.len);
    *len = (uint8_t)from.len;
    return PROA_OK;
}

static proa_err write(void *ctx, const proa_actor *who, const proa_path *path,
                      const proa_value *value)
{
    proa__peer *peer = find(ctx, path->ids[1]);
    (void)who;
    if (peer == NULL) {
        return PROA_E_NOT_FOUND;
    }
    switch (path->ids[2]) {
    case RES_SHORT_ID:
        if (value->as.integer < 1 || value->as.integer > (int64_t)PROA_ID_MAX) {
            return PROA_E_RANGE;
        }
        peer->short_id = (uint16_t)value->as.integer;
        return PROA_OK;
    case RES_LIFETIME: {
        proa_err err = set_seconds(&peer->lifetime_s, value);
        if (err == PROA_OK) {
            peer->left_s = peer->lifetime_s;
            peer->lifetime_new = true;
        }
        return err;
    }
    case RES_PMIN:
        return set_seconds(&peer->pmin_s, value);
    case RES_PMAX:
        return set_seconds(&peer->pmax_s, value);
    case RES_DISABLE_TIMEOUT:
        return set_seconds(&peer->disable_s, value);
    case RES_STORING:
        peer->storing = value->as.boolean;
        return PROA_OK;
    case RES_BINDING:
        return set_text(peer->binding, &peer->binding_len, sizeof(peer->binding), value->as.bytes);
    case RES_ENDPOINT:
        return set_text(peer->endpoint, &peer->endpoint_len, sizeof(peer->endpoint),
                        value->as.bytes);
    default:
        return PROA_E_NOT_FOUND;
    }
}

static proa_err execute(void *ctx, const proa_actor *who, const proa_path *path,
                        proa_span arguments)
{
    proa_c2c *c = ctx;
    proa__peer *peer = find(c, path->ids[1]);
    (void)who;
    (void)arguments;
    if (peer == NULL || path->ids[2] != RES_DISABLE) {
        return PROA_E_NOT_FOUND;
    }
    peer->disable = true;
    c->dirty = true;
    return PROA_OK;
}

/* ---- commit ----------------------------------------------------------------------------- */

static proa_err check(proa_c2c *c, const proa__peer *peer)
{
    if (peer->short_id == 0 || peer->endpoint_len == 0) {
        return PROA_E_FORMAT;
    }
    if (proa_span_equal(proa__c2c_endpoint(peer), proa__client_config(c->client)->endpoint)) {
        return PROA_E_FORMAT; /* nobody is his own peer */
    }
    for (uint16_t i = 0; i < c->limits.peer_max; i++) {
        const proa__peer *other = &c->peers[i];
        if (other != peer && other->slot == PROA__SLOT_LIVE && other->short_id == peer->short_id) {
            return PROA_E_EXISTS;
        }
    }
    return PROA_OK;
}

static void rollback(proa_c2c *c, proa__peer *peer)
{
    if (c->undo_slot == PROA__SLOT_LIVE) {
        *peer = c->undo.peer;
    }
    c->undo_slot = PROA__SLOT_FREE;
}

/* Rights never come before the peer they are for: what stands in a list under a short id that
 * begins (or ends) to mean somebody was meant for somebody else. */
static void renumbered(proa_c2c *c, const proa__peer *peer, bool made, uint16_t before)
{
    if (made || before != peer->short_id) {
        proa__c2c_drop_rights(c, peer->short_id);
        proa__c2c_drop_rights(c, before);
    }
}

static proa_err commit(proa_c2c *c, proa__peer *peer)
{
    bool made = peer->slot == PROA__SLOT_MAKING;
    uint16_t before = c->undo_slot == PROA__SLOT_LIVE ? c->undo.peer.short_id : 0;
    proa_err err = check(c, peer);
    err = err == PROA_OK ? proa__c2c_store_peer(c, peer) : err;
    if (err != PROA_OK) {
        rollback(c, peer);
        return err;
    }
    c->undo_slot = PROA__SLOT_FREE;
    peer->slot = PROA__SLOT_LIVE;
    renumbered(c, peer, made, before);
    c->dirty = true;
    return PROA_OK;
}

static proa_err transact(void *ctx, const proa_actor *who, uint16_t instance, proa_transaction step)
{
    proa_c2c *c = ctx;
    proa__peer *peer = find(c, instance);
    (void)who;
    if (peer == NULL) {
        return PROA_E_NOT_FOUND;
    }
    switch (step) {
    case PROA_BEGIN:
        c->undo_slot = PROA__SLOT_FREE;
        if (peer->slot == PROA__SLOT_LIVE) {
            c->undo.peer = *peer;
            c->undo_slot = PROA__SLOT_LIVE;
        }
        return PROA_OK;
    case PROA_COMMIT:
        return commit(c, peer);
    case PROA_ROLLBACK:
    default:
        rollback(c, peer);
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
    proa__peer *peer = row;
    memset(peer, 0, sizeof(*peer));
    peer->slot = PROA__SLOT_MAKING;
    peer->instance = *instance;
    peer->owner = who->kind == PROA_ACTOR_SERVER ? who->short_id : 0;
    peer->lifetime_new = true;
    peer->disable_s = DISABLE_DEFAULT_S;
    peer->binding[0] = 'U';
    peer->binding_len = 1;
    return PROA_OK;
}

static proa_err remove_instance(void *ctx, const proa_actor *who, uint16_t instance)
{
    proa_c2c *c = ctx;
    proa__peer *peer = find(c, instance);
    (void)who;
    if (peer == NULL) {
        return PROA_E_NOT_FOUND;
    }
    if (peer->slot == PROA__SLOT_MAKING) {
        memset(peer, 0, sizeof(*peer));
    } else {
        proa__c2c_remove_peer(c, peer, PROA_OUTCOME_REVOKED);
    }
    return PROA_OK;
}

static const proa_object_class class_ = {
    .next_instance = next_instance,
    .has = has,
    .read = read,
    .write = write,
    .execute = execute,
    .create = create,
    .remove = remove_instance,
    .transact = transact,
};

proa_object proa__c2c_client_object(proa_c2c *c)
{
    proa_object object = {
        PROA_OBJECT_CLIENT, 1, 0, resources, sizeof(resources) / sizeof(resources[0]), &class_, c};
    return object;
}
