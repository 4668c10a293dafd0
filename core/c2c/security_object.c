/* SPDX-License-Identifier: Apache-2.0 */
/* Object 11000, Client Security: how a peer proves itself, and where it is (docs/C2C.md §2).
 *
 * Truths kept here, all at COMMIT, because a value alone says little:
 *   - one kind of key: PSK, of at least PROA_C2C_SECRET_MIN bytes;
 *   - an identity stands once on this device, in objects 0 and 11000 together: it is what an
 *     incoming session is recognised by (DESIGN: a peer is a key);
 *   - secrets come over protected sessions only, are never read, and are wiped when they go;
 *   - a changed identity, secret or short id is another account: its generation changes, and the
 *     sessions of the one before end.
 *
 * Two instances may have the same Short Client ID: that is a key on its way in, and the older one
 * goes when the newer one is used (accounts.c). */
#include "core/c2c/rows.h"

#include <string.h>

/* A key shorter than 8 bytes can be tried out from one recorded handshake in days. The server of
 * the published prototype writes 9 bytes, ours 16. */
#define SECRET_MIN 8

static const proa_resource resources[] = {
    {0, PROA_TYPE_STRING, PROA_RES_RW},
    {2, PROA_TYPE_INTEGER, PROA_RES_RW | PROA_RES_MANDATORY},
    {3, PROA_TYPE_OPAQUE, PROA_RES_RW | PROA_RES_MANDATORY},
    {4, PROA_TYPE_OPAQUE, PROA_RES_RW},
    {5, PROA_TYPE_OPAQUE, PROA_RES_W | PROA_RES_SECRET | PROA_RES_MANDATORY},
    {10, PROA_TYPE_INTEGER, PROA_RES_RW | PROA_RES_MANDATORY},
    {17, PROA_TYPE_OBJLINK, PROA_RES_RW},
};

static proa__rows rows_of(const proa_c2c *c)
{
    return (proa__rows){c->keys, sizeof(proa__key), c->limits.peer_max};
}

static proa__key *find(const proa_c2c *c, uint16_t instance)
{
    return proa__row_find(rows_of(c), instance);
}

static int32_t next_instance(void *ctx, int32_t after)
{
    return proa__row_next(rows_of(ctx), after);
}

static bool has(void *ctx, uint16_t instance, uint16_t resource)
{
    const proa__key *key = find(ctx, instance);
    return key != NULL && resource != 4 && (resource != 0 || key->uri_len > 0);
}

static proa_err read(void *ctx, const proa_path *path, proa_value *out)
{
    const proa__key *key = find(ctx, path->ids[1]);
    if (key == NULL) {
        return PROA_E_NOT_FOUND;
    }
    switch (path->ids[2]) {
    case 0:
        *out = proa_value_string(proa_span_make(key->uri, key->uri_len));
        return PROA_OK;
    case 2:
        *out = proa_value_integer(key->mode);
        return PROA_OK;
    case 3:
        *out = proa_value_opaque(proa_span_make(key->identity, key->identity_len));
        return PROA_OK;
    case 10:
        *out = proa_value_integer(key->short_id);
        return PROA_OK;
    case 17:
        *out = proa_value_link(key->oscore.object, key->oscore.instance);
        return PROA_OK;
    default:
        return PROA_E_NOT_FOUND;
    }
}

static proa_err set_bytes(void *to, uint8_t *len, size_t cap, proa_span from)
{
    if (from.len > cap) {
        return PROA_E_TOO_LARGE;
    }
    if (from.len > 0) {
        memcpy(to, from.data, from.len);
    }
    *len = (uint8_t)from.len;
    return PROA_OK;
}

static proa_err write(void *ctx, const proa_actor *who, const proa_path *path,
                      const proa_value *value)
{
    proa__key *key = find(ctx, path->ids[1]);
    (void)who;
    if (key == NULL) {
        return PROA_E_NOT_FOUND;
    }
    switch (path->ids[2]) {
    case 0:
        return set_bytes(key->uri, &key->uri_len, sizeof(key->uri) - 1, value->as.bytes);
    case 2:
        if (value->as.integer != PROA_SECURITY_PSK) {
            return PROA_E_RANGE;
        }
        key->mode = (uint8_t)value->as.integer;
        return PROA_OK;
    case 3:
        return set_bytes(key->identity, &key->identity_len, sizeof(key->identity), value->as.bytes);
    case 4:
        return PROA_OK; /* has no meaning for a shared key */
    case 5:
        return set_bytes(key->secret, &key->secret_len, sizeof(key->secret), value->as.bytes);
    case 10:
        if (value->as.integer < 1 || value->as.integer > (int64_t)PROA_ID_MAX) {
            return PROA_E_RANGE;
        }
        key->short_id = (uint16_t)value->as.integer;
        return PROA_OK;
    case 17:
        key->oscore = value->as.link;
        return PROA_OK;
    default:
        return PROA_E_NOT_FOUND;
    }
}

/* ---- commit ----------------------------------------------------------------------------- */

static bool identity_taken(proa_c2c *c, const proa__key *key)
{
    proa_span identity = proa_span_make(key->identity, key->identity_len);
    for (uint16_t i = 0; i < c->limits.peer_max; i++) {
        const proa__key *other = &c->keys[i];
        if (other != key && other->slot == PROA__SLOT_LIVE &&
            proa_span_equal(proa_span_make(other->identity, other->identity_len), identity)) {
            return true;
        }
    }
    return proa__client_identity_taken(c->client, identity);
}

static proa_err check_uri(const proa__key *key)
{
    proa_uri uri;
    return key->uri_len == 0 ? PROA_OK
                             : proa_uri_parse(proa_span_make(key->uri, key->uri_len), &uri);
}

/* True if what this server sends cannot be read on the way. A server may write before its answer to
 * our registration has arrived: then its URI tells. */
static bool writer_protected(proa_c2c *c, const proa_actor *who)
{
    proa_coap_peer peer;
    proa_span text;
    proa_uri uri;
    if (who->kind == PROA_ACTOR_LOCAL) {
        return true;
    }
    if (proa__client_server_peer(c->client, who->short_id, &peer) == PROA_OK) {
        return peer.session != 0;
    }
    return proa__client_server_uri(c->client, who->short_id, &text) == PROA_OK &&
           proa_uri_parse(text, &uri) == PROA_OK && uri.secure;
}

static proa_err check(proa_c2c *c, const proa_actor *who, const proa__key *key, bool rekeyed)
{
    if (key->short_id == 0 || key->identity_len == 0 || key->secret_len < SECRET_MIN ||
        check_uri(key) != PROA_OK) {
        return PROA_E_FORMAT;
    }
    if (key->oscore.object != PROA_ID_ALL || key->oscore.instance != PROA_ID_ALL) {
        return PROA_E_FORMAT; /* a link to something this device does not have */
    }
    if (rekeyed && !writer_protected(c, who)) {
        return PROA_E_DENIED;
    }
    return rekeyed && identity_taken(c, key) ? PROA_E_EXISTS : PROA_OK;
}

/* True if `a` and `b` are recognised differently. */
static bool is_rekeyed(const proa__key *a, const proa__key *b)
{
    return a->short_id != b->short_id || a->secret_len != b->secret_len ||
           !proa_equal_ct(a->secret, b->secret, a->secret_len) ||
           !proa_span_equal(proa_span_make(a->identity, a->identity_len),
                            proa_span_make(b->identity, b->identity_len));
}

static bool is_elsewhere(const proa__key *key, const proa__key *before)
{
    return !proa_span_equal(proa_span_make(key->uri, key->uri_len),
                            proa_span_make(before->uri, before->uri_len));
}

static void forget_undo(proa_c2c *c)
{
    proa_wipe(&c->undo, sizeof(c->undo));
    c->undo_slot = PROA__SLOT_FREE;
}

static void rollback(proa_c2c *c, proa__key *key)
{
    if (c->undo_slot == PROA__SLOT_LIVE) {
        *key = c->undo.key;
    }
    forget_undo(c);
}

static proa_err commit(proa_c2c *c, const proa_actor *who, proa__key *key)
{
    bool made = key->slot == PROA__SLOT_MAKING;
    bool rekeyed = made || (c->undo_slot == PROA__SLOT_LIVE && is_rekeyed(key, &c->undo.key));
    proa_err err = check(c, who, key, rekeyed);
    if (err == PROA_OK && rekeyed) {
        proa__c2c_new_generation(c, key);
        key->drop = !made;
    }
    key->moved = c->undo_slot == PROA__SLOT_LIVE && is_elsewhere(key, &c->undo.key);
    key->slot = PROA__SLOT_LIVE;
    err = err == PROA_OK ? proa__c2c_store_key(c, key) : err;
    if (err != PROA_OK) {
        key->slot = made ? PROA__SLOT_MAKING : PROA__SLOT_LIVE;
        rollback(c, key);
        return err;
    }
    forget_undo(c);
    c->dirty = true;
    return PROA_OK;
}

static proa_err transact(void *ctx, const proa_actor *who, uint16_t instance, proa_transaction step)
{
    proa_c2c *c = ctx;
    proa__key *key = find(c, instance);
    if (key == NULL) {
        return PROA_E_NOT_FOUND;
    }
    switch (step) {
    case PROA_BEGIN:
        forget_undo(c);
        if (key->slot == PROA__SLOT_LIVE) {
            c->undo.key = *key;
            c->undo_slot = PROA__SLOT_LIVE;
        }
        return PROA_OK;
    case PROA_COMMIT:
        return commit(c, who, key);
    case PROA_ROLLBACK:
    default:
        rollback(c, key);
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
    proa__key *key = row;
    memset(key, 0, sizeof(*key));
    key->slot = PROA__SLOT_MAKING;
    key->instance = *instance;
    key->owner = who->kind == PROA_ACTOR_SERVER ? who->short_id : 0;
    key->oscore = (proa_objlink){PROA_ID_ALL, PROA_ID_ALL};
    return PROA_OK;
}

static proa_err remove_instance(void *ctx, const proa_actor *who, uint16_t instance)
{
    proa_c2c *c = ctx;
    proa__key *key = find(c, instance);
    (void)who;
    if (key == NULL) {
        return PROA_E_NOT_FOUND;
    }
    if (key->slot == PROA__SLOT_MAKING) {
        proa__c2c_free_key(key);
    } else {
        proa__c2c_remove_key(c, key, PROA_OUTCOME_REVOKED);
    }
    return PROA_OK;
}

static const proa_object_class class_ = {
    .next_instance = next_instance,
    .has = has,
    .read = read,
    .write = write,
    .create = create,
    .remove = remove_instance,
    .transact = transact,
};

proa_object proa__c2c_security_object(proa_c2c *c)
{
    proa_object object = {PROA_OBJECT_CLIENT_SECURITY,
                          1,
                          0,
                          resources,
                          sizeof(resources) / sizeof(resources[0]),
                          &class_,
                          c};
    return object;
}
