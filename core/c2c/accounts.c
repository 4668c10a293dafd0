/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts: which key belongs to which peer, and when that is over.
 *
 * An account is live when a key and a peer with the same Short Client ID both stand here, its time
 * is not over and it is not disabled. It ends
 *
 *   by a server      DELETE of either half             REVOKED
 *   by time          lifetime, /11001/x/1              EXPIRED
 *   for want of use  no authenticated use in unused_s  TIMEOUT
 *   by succession    a newer account of the same peer was used
 *
 * and then takes rights, secrets, sessions, observations and questions with it. Rights and secrets
 * go at once; what touches sessions or the application goes with the next run, before which the
 * place is marked GONE and every look-up passes over it.
 *
 * Time is this device's own and counts only while it runs (persist.c). */
#include "core/c2c/c2c_internal.h"
#include "core/c2c/instance_gone.h"

#include <string.h>

#include "proa/assert.h"

static uint64_t min_ms(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

proa_account proa__c2c_account(const proa__key *key)
{
    return proa_account_make(PROA_ACCOUNT_KIND_PEER, key->generation, key->instance);
}

proa__key *proa__c2c_key(proa_c2c *c, proa_account account)
{
    if (proa_account_kind(account) != PROA_ACCOUNT_KIND_PEER) {
        return NULL;
    }
    for (uint16_t i = 0; i < c->limits.peer_max; i++) {
        if (c->keys[i].slot == PROA__SLOT_LIVE && proa__c2c_account(&c->keys[i]) == account) {
            return &c->keys[i];
        }
    }
    return NULL;
}

proa__peer *proa__c2c_peer(proa_c2c *c, uint16_t short_id)
{
    for (uint16_t i = 0; i < c->limits.peer_max; i++) {
        if (c->peers[i].slot == PROA__SLOT_LIVE && c->peers[i].short_id == short_id) {
            return &c->peers[i];
        }
    }
    return NULL;
}

static bool peer_usable(const proa_c2c *c, const proa__peer *peer)
{
    return (peer->lifetime_new || peer->expires_ms > c->now_ms) && !peer->disable &&
           peer->disabled_ms <= c->now_ms;
}

proa__peer *proa__c2c_live(proa_c2c *c, const proa__key *key)
{
    proa__peer *peer = key->slot == PROA__SLOT_LIVE ? proa__c2c_peer(c, key->short_id) : NULL;
    return peer != NULL && peer_usable(c, peer) ? peer : NULL;
}

bool proa__c2c_newer(uint16_t a, uint16_t b)
{
    return (int16_t)(uint16_t)(a - b) > 0;
}

proa__key *proa__c2c_key_of(proa_c2c *c, proa_span endpoint)
{
    proa__key *best = NULL;
    for (uint16_t i = 0; i < c->limits.peer_max; i++) {
        proa__key *key = &c->keys[i];
        const proa__peer *peer = proa__c2c_live(c, key);
        if (peer != NULL && proa_span_equal(proa__c2c_endpoint(peer), endpoint) &&
            (best == NULL || proa__c2c_newer(key->generation, best->generation))) {
            best = key;
        }
    }
    return best;
}

void proa__c2c_new_generation(proa_c2c *c, proa__key *key)
{
    c->generation = c->generation == UINT16_MAX ? 1 : (uint16_t)(c->generation + 1);
    key->generation = c->generation;
}

uint32_t proa__c2c_left_s(const proa__peer *peer, uint64_t now_ms)
{
    if (peer->lifetime_s == 0) {
        return UINT32_MAX;
    }
    if (peer->lifetime_new) {
        return peer->left_s;
    }
    return peer->expires_ms <= now_ms ? 0 : (uint32_t)((peer->expires_ms - now_ms) / 1000);
}

void proa__c2c_free_key(proa__key *key)
{
    proa_wipe(key, sizeof(*key));
}

void proa__c2c_remove_key(proa_c2c *c, proa__key *key, proa_outcome why)
{
    proa__c2c_forget_key(c, key);
    proa_wipe(key->secret, sizeof(key->secret));
    key->secret_len = 0;
    key->slot = PROA__SLOT_GONE;
    key->by_itself = why != PROA_OUTCOME_REVOKED;
    key->why = why;
    c->instances_gone = c->instances_gone || key->by_itself;
    c->dirty = true;
}

void proa__c2c_remove_peer(proa_c2c *c, proa__peer *peer, proa_outcome why)
{
    proa__c2c_forget_peer(c, peer);
    peer->slot = PROA__SLOT_GONE;
    peer->by_itself = why != PROA_OUTCOME_REVOKED;
    peer->why = why;
    c->instances_gone = c->instances_gone || peer->by_itself;
    proa__c2c_drop_rights(c, peer->short_id);
    c->dirty = true;
}

/* Both halves, by our own decision: the server learns it from the next registration update. */
static void end_account(proa_c2c *c, proa__peer *peer, proa_outcome why)
{
    for (uint16_t i = 0; i < c->limits.peer_max; i++) {
        if (c->keys[i].slot == PROA__SLOT_LIVE && c->keys[i].short_id == peer->short_id) {
            proa__c2c_remove_key(c, &c->keys[i], why);
        }
    }
    proa__c2c_remove_peer(c, peer, why);
}

/* Key roll-over: the new key or account was used, so the old one of the same peer goes. Accounts
 * that another server made are not ours to judge. */
static void succeed(proa_c2c *c, const proa__key *key, const proa__peer *peer)
{
    for (uint16_t i = 0; i < c->limits.peer_max; i++) {
        proa__key *old = &c->keys[i];
        if (old == key || old->slot != PROA__SLOT_LIVE ||
            !proa__c2c_newer(key->generation, old->generation) || old->owner != key->owner) {
            continue;
        }
        if (old->short_id == key->short_id) {
            proa__c2c_remove_key(c, old, PROA_OUTCOME_OK);
            continue;
        }
        proa__peer *other = proa__c2c_peer(c, old->short_id);
        if (other != NULL && proa_span_equal(proa__c2c_endpoint(other), proa__c2c_endpoint(peer))) {
            end_account(c, other, PROA_OUTCOME_OK);
        }
    }
}

void proa__c2c_used(proa_c2c *c, proa__key *key, bool request)
{
    proa__peer *peer = proa__c2c_peer(c, key->short_id);
    if (peer == NULL) {
        return;
    }
    peer->uses += request && peer->uses < UINT32_MAX ? 1 : 0;
    peer->last_use_ms = c->now_ms;
    if (!peer->used) {
        peer->used = true;
        c->dirty = true; /* to be stored: a reboot must not start the wait for a first use again */
        peer->store_ms = c->now_ms;
    }
    succeed(c, key, peer);
}

/* ---- time ------------------------------------------------------------------------------- */

/* The step after which what is left is stored next. */
static uint64_t next_store_ms(const proa_c2c *c, const proa__peer *peer)
{
    return peer->lifetime_s == 0 ? PROA__NEVER
                                 : c->now_ms + (uint64_t)proa__c2c_step_s(peer->lifetime_s) * 1000;
}

static void start_lifetime(proa_c2c *c, proa__peer *peer)
{
    peer->lifetime_new = false;
    peer->expires_ms =
        peer->lifetime_s == 0 ? PROA__NEVER : c->now_ms + (uint64_t)peer->left_s * 1000;
    peer->store_ms = peer->used ? c->now_ms : next_store_ms(c, peer);
    peer->renew_ms = 0;
    if (!peer->used && peer->unused_ms == 0) {
        peer->unused_ms = c->now_ms + (uint64_t)c->limits.unused_s * 1000;
    }
}

static void start_disable(proa_c2c *c, proa__peer *peer)
{
    peer->disable = false;
    peer->disabled_ms = c->now_ms + (uint64_t)peer->disable_s * 1000;
    for (uint16_t i = 0; i < c->limits.peer_max; i++) {
        if (c->keys[i].slot == PROA__SLOT_LIVE && c->keys[i].short_id == peer->short_id) {
            c->keys[i].drop = true;
        }
    }
}

static void run_peer(proa_c2c *c, proa__peer *peer)
{
    if (peer->lifetime_new) {
        start_lifetime(c, peer);
    }
    if (peer->disable) {
        start_disable(c, peer);
    }
    if (peer->expires_ms <= c->now_ms) {
        c->stats.expired++;
        end_account(c, peer, PROA_OUTCOME_EXPIRED);
        return;
    }
    if (!peer->used && peer->unused_ms <= c->now_ms) {
        c->stats.unused_removed++;
        end_account(c, peer, PROA_OUTCOME_TIMEOUT);
        return;
    }
    if (peer->store_ms <= c->now_ms) {
        peer->store_ms = next_store_ms(c, peer);
        if (proa__c2c_store_peer(c, peer) != PROA_OK) {
            /* What is stored promises more time than there is. A store that fails must not make
             * a grant longer, so nothing may be left of it after a reboot. */
            proa__c2c_forget_peer(c, peer);
        }
    }
}

/* ---- telling ---------------------------------------------------------------------------- */

static void tell(proa_c2c *c, const proa__peer *peer, proa_c2c_event_kind kind, proa_outcome why)
{
    proa_c2c_event event = {.kind = kind,
                            .outcome = why,
                            .short_id = peer->short_id,
                            .endpoint = proa__c2c_endpoint(peer)};
    (void)proa__c2c_post(c, &event);
}

static bool has_key(const proa_c2c *c, uint16_t short_id)
{
    for (uint16_t i = 0; i < c->limits.peer_max; i++) {
        if (c->keys[i].slot == PROA__SLOT_LIVE && c->keys[i].short_id == short_id) {
            return true;
        }
    }
    return false;
}

/* Why an account whose peer object stays has lost its last key. */
static proa_outcome why_keyless(const proa_c2c *c, uint16_t short_id)
{
    for (uint16_t i = 0; i < c->limits.peer_max; i++) {
        if (c->keys[i].slot == PROA__SLOT_GONE && c->keys[i].short_id == short_id) {
            return c->keys[i].why;
        }
    }
    return PROA_OUTCOME_REVOKED;
}

static void tell_changes(proa_c2c *c)
{
    for (uint16_t i = 0; i < c->limits.peer_max; i++) {
        proa__peer *peer = &c->peers[i];
        bool there = peer->slot == PROA__SLOT_LIVE && has_key(c, peer->short_id);
        if (there && !peer->announced) {
            tell(c, peer, PROA_C2C_PEER_ADDED, PROA_OUTCOME_OK);
            peer->announced = true;
        } else if (!there && peer->announced) {
            tell(c, peer, PROA_C2C_PEER_REMOVED,
                 peer->slot == PROA__SLOT_GONE ? peer->why : why_keyless(c, peer->short_id));
            peer->announced = false;
        }
    }
}

/* ---- run -------------------------------------------------------------------------------- */

static void account_gone(proa_c2c *c, const proa__key *key, proa_outcome why)
{
    if (c->requester != NULL) {
        c->requester->account_gone(c, proa__c2c_account(key), why);
    }
}

/* End the sessions of keys that went, changed, or whose peer went. */
static void reap_keys(proa_c2c *c)
{
    for (uint16_t i = 0; i < c->limits.peer_max; i++) {
        proa__key *key = &c->keys[i];
        if (key->slot == PROA__SLOT_GONE) {
            account_gone(c, key, key->why);
            proa__c2c_drop_sessions(c, key);
            if (key->by_itself) {
                proa__c2c_instance_gone(c->client, c->now_ms, PROA_OBJECT_CLIENT_SECURITY,
                                        key->instance);
            }
            proa__c2c_free_key(key);
        } else if (key->slot == PROA__SLOT_LIVE) {
            bool orphan = proa__c2c_peer(c, key->short_id) == NULL;
            if (key->drop || (orphan && (key->session != 0 || key->opening != 0))) {
                account_gone(c, key, PROA_OUTCOME_REVOKED);
                proa__c2c_drop_sessions(c, key);
            }
            if (key->moved && !key->drop) {
                proa__c2c_follow(c, key);
            }
            key->drop = key->moved = false;
        }
    }
}

static void reap_peers(proa_c2c *c)
{
    for (uint16_t i = 0; i < c->limits.peer_max; i++) {
        proa__peer *peer = &c->peers[i];
        if (peer->slot == PROA__SLOT_GONE) {
            if (peer->by_itself) {
                proa__c2c_instance_gone(c->client, c->now_ms, PROA_OBJECT_CLIENT, peer->instance);
            }
            memset(peer, 0, sizeof(*peer));
        }
    }
}

static void recheck_rights(proa_c2c *c)
{
    for (uint16_t i = 0; i < c->limits.peer_max; i++) {
        if (c->keys[i].slot == PROA__SLOT_LIVE && c->keys[i].session != 0) {
            proa__client_recheck(c->client, c->now_ms, proa__c2c_account(&c->keys[i]));
        }
    }
}

void proa__c2c_run_accounts(proa_c2c *c)
{
    for (uint16_t i = 0; i < c->limits.peer_max; i++) {
        if (c->peers[i].slot == PROA__SLOT_LIVE) {
            run_peer(c, &c->peers[i]);
        }
    }
    tell_changes(c);
    reap_keys(c);
    reap_peers(c);
    proa__c2c_reap_accesses(c);
    if (c->rights_changed) {
        c->rights_changed = false;
        recheck_rights(c);
    }
    if (c->instances_gone) {
        c->instances_gone = false;
        proa_client_objects_changed(c->client, c->now_ms);
    }
}

uint64_t proa__c2c_next_accounts(const proa_c2c *c)
{
    uint64_t next = PROA__NEVER;
    for (uint16_t i = 0; i < c->limits.peer_max; i++) {
        const proa__peer *peer = &c->peers[i];
        if (peer->slot == PROA__SLOT_LIVE) {
            next = min_ms(next, min_ms(peer->expires_ms, peer->store_ms));
            next = peer->used ? next : min_ms(next, peer->unused_ms);
        }
    }
    return next;
}
