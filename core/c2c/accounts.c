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

#include <string.h>

#include "core/base/divide.h"

uint64_t proa__c2c_ms(uint32_t at_s)
{
    return at_s == PROA__NEVER_S ? PROA__NEVER : (uint64_t)at_s * 1000;
}

/* ---- looking ---------------------------------------------------------------------------- */

proa_account proa__c2c_account(const proa__key *key)
{
    return proa_account_make(PROA_ACCOUNT_KIND_PEER, (uint16_t)key->generation,
                             (uint16_t)key->row.instance);
}

proa__key *proa__c2c_key(proa_c2c *c, proa_account account)
{
    proa__key *key = NULL;
    while ((key = proa__key_after(c, key)) != NULL && proa__c2c_account(key) != account) {
    }
    return key;
}

/* The next key of a Short Client ID; NULL. */
static proa__key *next_of(const proa_c2c *c, uint32_t short_id, proa__key *key)
{
    while ((key = proa__key_after(c, key)) != NULL && key->short_id != short_id) {
    }
    return key;
}

proa__peer *proa__c2c_peer(const proa_c2c *c, uint32_t short_id)
{
    proa__peer *peer = NULL;
    while ((peer = proa__peer_after(c, peer)) != NULL && peer->short_id != short_id) {
    }
    return peer;
}

proa__peer *proa__c2c_live(const proa_c2c *c, const proa__key *key)
{
    proa__peer *peer = key->row.slot == PROA__SLOT_LIVE ? proa__c2c_peer(c, key->short_id) : NULL;
    bool usable = peer != NULL && (peer->lifetime_new || peer->expires_ms > c->now_ms) &&
                  !peer->disable && peer->disabled_ms <= c->now_ms;
    return usable ? peer : NULL;
}

/* Generations only grow, but for a wrap after 65535 accounts: the later of two is the one that is
 * less than half the circle ahead. */
static bool is_newer(uint32_t a, uint32_t b)
{
    return (int16_t)(uint16_t)(a - b) > 0;
}

/* A key that came before the peer can have it has no way to the peer: docs/C2C.md §7. */
static bool has_way(const proa__key *key)
{
    return proa__row_text(&key->row, PROA__KEY_URI).len > 0 || key->session != 0;
}

static bool is_better(const proa__key *key, const proa__key *than)
{
    return has_way(key) == has_way(than) ? is_newer(key->generation, than->generation)
                                         : has_way(key);
}

proa__key *proa__c2c_key_of(proa_c2c *c, proa_span endpoint)
{
    proa__key *best = NULL;
    proa__key *key = NULL;
    while ((key = proa__key_after(c, key)) != NULL) {
        const proa__peer *peer = proa__c2c_live(c, key);
        if (peer != NULL && proa__row_text_is(&peer->row, PROA__PEER_ENDPOINT, endpoint) &&
            (best == NULL || is_better(key, best))) {
            best = key;
        }
    }
    return best;
}

void proa__c2c_psk(const proa__key *key, proa_psk *out)
{
    proa_span secret = proa__row_text(&key->row, PROA__KEY_SECRET);
    memset(out, 0, sizeof(*out));
    memcpy(out->key, secret.data, secret.len);
    out->key_len = (uint8_t)secret.len;
    out->account = proa__c2c_account(key);
}

void proa__c2c_saw_generation(proa_c2c *c, uint32_t generation)
{
    if (is_newer(generation, c->generation)) {
        c->generation = (uint16_t)generation;
    }
}

/* ---- ends ------------------------------------------------------------------------------- */

static void remove_key(proa_c2c *c, proa__key *key, proa_outcome why)
{
    proa__c2c_remove(&c->tables[PROA__KEYS], &key->row, why);
}

/* Both halves, by our own decision: the server learns it from the next registration update. */
static void end_account(proa_c2c *c, proa__peer *peer, proa_outcome why)
{
    proa__key *key = NULL;
    while ((key = next_of(c, peer->short_id, key)) != NULL) {
        remove_key(c, key, why);
    }
    proa__c2c_remove(&c->tables[PROA__PEERS], &peer->row, why);
}

void proa__c2c_drop_halves(proa_c2c *c)
{
    proa__key *key = NULL;
    proa__peer *peer = NULL;
    while ((key = proa__key_after(c, key)) != NULL) {
        if (proa__c2c_peer(c, key->short_id) == NULL) {
            remove_key(c, key, PROA_OUTCOME_OK);
        }
    }
    while ((peer = proa__peer_after(c, peer)) != NULL) {
        if (next_of(c, peer->short_id, NULL) == NULL) {
            proa__c2c_remove(&c->tables[PROA__PEERS], &peer->row, PROA_OUTCOME_OK);
        }
    }
}

/* Key roll-over: the new key or account was used, so the old one of the same peer goes. Accounts
 * that another server made are not ours to judge. */
static void succeed(proa_c2c *c, const proa__key *key, const proa__peer *peer)
{
    proa__key *old = NULL;
    while ((old = proa__key_after(c, old)) != NULL) {
        if (!is_newer(key->generation, old->generation) || old->row.owner != key->row.owner) {
            continue;
        }
        proa__peer *other = proa__c2c_peer(c, old->short_id);
        if (other == peer) {
            remove_key(c, old, PROA_OUTCOME_OK);
        } else if (other != NULL &&
                   proa__row_text_is(&other->row, PROA__PEER_ENDPOINT, proa__c2c_endpoint(peer))) {
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
    peer->last_use_s = proa__c2c_now_s(c);
    c->dirty = true;
    if (peer->used == 0) {
        peer->used = 1;
        peer->store_s = 0; /* now: a reboot must not start the wait for a first use again */
        peer->unused_s = PROA__NEVER_S;
    }
    succeed(c, key, peer);
}

/* ---- time ------------------------------------------------------------------------------- */

/* This and the next one are not inlined: each of their many calls would have as much code. */
__attribute__((noinline)) void proa__c2c_tick(proa_c2c *c, uint64_t now_ms)
{
    c->now_ms = now_ms > c->now_ms ? now_ms : c->now_ms;
}

__attribute__((noinline)) void proa__c2c_wake(proa_c2c *c, uint64_t at_ms)
{
    c->next_ms = at_ms < c->next_ms ? at_ms : c->next_ms;
}

static uint64_t after_ms(const proa_c2c *c, uint32_t seconds)
{
    return c->now_ms + (uint64_t)seconds * 1000;
}

uint32_t proa__c2c_now_s(const proa_c2c *c)
{
    uint32_t now_s = (uint32_t)proa_seconds(c->now_ms);
    return now_s > 0 ? now_s : 1;
}

uint32_t proa__c2c_after_s(const proa_c2c *c, uint32_t seconds)
{
    uint32_t now_s = proa__c2c_now_s(c);
    return seconds < PROA__NEVER_S - now_s ? now_s + seconds : PROA__NEVER_S;
}

uint32_t proa__c2c_left_s(const proa__peer *peer, uint64_t now_ms)
{
    if (peer->lifetime_s == 0) {
        return UINT32_MAX;
    }
    if (peer->lifetime_new) {
        return peer->left_s;
    }
    return peer->expires_ms <= now_ms ? 0 : (uint32_t)proa_seconds(peer->expires_ms - now_ms);
}

uint32_t proa__c2c_step_s(uint32_t lifetime_s)
{
    return lifetime_s < 20 ? 1 : lifetime_s / 20;
}

void proa__c2c_store_peer(proa_c2c *c, proa__peer *peer)
{
    const proa__table *t = &c->tables[PROA__PEERS];
    peer->left_s = proa__c2c_left_s(peer, c->now_ms);
    if (proa__row_store(t, &peer->row, &peer->row) != PROA_OK) {
        /* What is stored promises more time than there is. A store that fails must not make a
         * grant longer, so nothing may be left of it after a reboot. */
        proa__row_forget(t, &peer->row);
    }
}

/* The step after which what is left is stored next. */
static uint32_t next_store_s(const proa_c2c *c, const proa__peer *peer)
{
    return peer->lifetime_s == 0 ? PROA__NEVER_S
                                 : proa__c2c_after_s(c, proa__c2c_step_s(peer->lifetime_s));
}

static void start_lifetime(proa_c2c *c, proa__peer *peer)
{
    peer->lifetime_new = false;
    peer->expires_ms = peer->lifetime_s == 0 ? PROA__NEVER : after_ms(c, peer->left_s);
    peer->store_s = peer->used != 0 ? 0 : next_store_s(c, peer);
    peer->renew_s = 0;
    if (peer->used != 0) {
        peer->unused_s = PROA__NEVER_S;
    } else if (peer->unused_s == 0) {
        /* Not before the time is over: a second that has begun does not count. */
        uint32_t rest_ms;
        (void)proa_divide(c->now_ms, 1000, &rest_ms);
        peer->unused_s = proa__c2c_after_s(c, c->limits.unused_s + (rest_ms != 0));
    }
}

static void start_disable(proa_c2c *c, proa__peer *peer)
{
    peer->disable = false;
    peer->disabled_ms = after_ms(c, peer->disable_s);
    proa__key *key = NULL;
    while ((key = next_of(c, peer->short_id, key)) != NULL) {
        key->drop = true;
    }
}

static void run_peer(proa_c2c *c, proa__peer *peer)
{
    uint32_t now_s = proa__c2c_now_s(c);
    if (peer->lifetime_new) {
        start_lifetime(c, peer);
    }
    if (peer->disable) {
        start_disable(c, peer);
    }
    if (peer->expires_ms <= c->now_ms) {
        c->stats.expired++;
        end_account(c, peer, PROA_OUTCOME_EXPIRED);
    } else if (peer->unused_s <= now_s) {
        c->stats.unused_removed++;
        end_account(c, peer, PROA_OUTCOME_TIMEOUT);
    } else if (peer->store_s <= now_s) {
        peer->store_s = next_store_s(c, peer);
        proa__c2c_store_peer(c, peer);
    }
    proa__c2c_wake(c, peer->expires_ms);
    proa__c2c_wake(c,
                   proa__c2c_ms(peer->store_s < peer->unused_s ? peer->store_s : peer->unused_s));
}

/* ---- telling ---------------------------------------------------------------------------- */

/* Why an account is over, of which a half may still stand. */
static proa_outcome why_gone(const proa_c2c *c, const proa__peer *peer)
{
    for (size_t i = 0; peer->row.slot == PROA__SLOT_LIVE && i < c->limits.peer_max; i++) {
        const proa__key *key = proa__key_at(c, i);
        if (key->row.slot == PROA__SLOT_GONE && key->short_id == peer->short_id) {
            return key->row.why;
        }
    }
    return peer->row.slot == PROA__SLOT_GONE ? peer->row.why : PROA_OUTCOME_REVOKED;
}

static void tell_changes(proa_c2c *c)
{
    for (size_t i = 0; i < c->limits.peer_max; i++) {
        proa__peer *peer = proa__peer_at(c, i);
        bool there = peer->row.slot == PROA__SLOT_LIVE && next_of(c, peer->short_id, NULL) != NULL;
        if (there == peer->announced) {
            continue;
        }
        proa_c2c_event event = {.kind = there ? PROA_C2C_PEER_ADDED : PROA_C2C_PEER_REMOVED,
                                .outcome = there ? PROA_OUTCOME_OK : why_gone(c, peer),
                                .short_id = (uint16_t)peer->short_id,
                                .endpoint = proa__c2c_endpoint(peer)};
        (void)proa__c2c_post(c, &event);
        peer->announced = there;
    }
}

/* ---- run -------------------------------------------------------------------------------- */

/* End the sessions of keys that went, changed, or whose peer went; see to those that stay. */
static void settle_key(proa_c2c *c, proa__key *key)
{
    bool gone = key->row.slot == PROA__SLOT_GONE;
    bool busy = key->session != 0 || key->opening != 0 || proa__key_is_oscore(key);
    if (gone || key->drop || (busy && proa__c2c_peer(c, key->short_id) == NULL)) {
        if (c->requester != NULL) {
            c->requester->account_gone(c, key, gone ? key->row.why : PROA_OUTCOME_REVOKED);
        }
        proa__c2c_drop_sessions(c, key);
    }
    if (key->moved && !key->drop && !gone) {
        proa__c2c_follow(c, key);
    }
    if (key->came && !gone && c->requester != NULL) {
        c->requester->key_came(c, key);
    }
    key->drop = key->moved = key->came = false;
    proa__c2c_run_session(c, key);
    proa__c2c_wake(c, proa__c2c_next_session(key));
}

/* What went by our own decision did so without a server's Delete: the client is told. */
static void reap(proa_c2c *c, const proa__table *t)
{
    for (size_t i = 0; i < t->count; i++) {
        proa__row *row = proa__row_at(t, i);
        if (row->slot != PROA__SLOT_GONE) {
            continue;
        }
        if (row->why != PROA_OUTCOME_REVOKED) {
            proa__client_instance_gone(c->client, c->now_ms, t->kind->object,
                                       (uint16_t)row->instance);
        }
        proa__row_free(t, row);
    }
}

static void recheck_rights(proa_c2c *c)
{
    const proa__key *key = NULL;
    while ((key = proa__key_after(c, key)) != NULL) {
        if (key->session != 0 || proa__key_is_oscore(key)) {
            proa__client_recheck(c->client, c->now_ms, proa__c2c_account(key));
        }
    }
}

void proa__c2c_run_accounts(proa_c2c *c)
{
    proa__peer *peer = NULL;
    while ((peer = proa__peer_after(c, peer)) != NULL) {
        run_peer(c, peer);
    }
    tell_changes(c);
    for (size_t i = 0; i < c->limits.peer_max; i++) {
        if (proa__key_at(c, i)->row.slot != PROA__SLOT_FREE) {
            settle_key(c, proa__key_at(c, i));
        }
    }
    for (size_t t = 0; t < PROA__OBJECTS; t++) {
        reap(c, &c->tables[t]);
    }
    if (c->rights_changed) {
        c->rights_changed = false;
        recheck_rights(c);
    }
    if (c->instances_gone) {
        c->instances_gone = false;
        proa_client_objects_changed(c->client, c->now_ms);
    }
}
