/* SPDX-License-Identifier: Apache-2.0 */
/* The table of contexts: found by kid for what comes in, by account for what goes out, by handle for
 * what is under way.
 *
 * Invariants. Both indexes hold the current contexts and nothing else. No two accounts have one
 * Recipient ID: a kid alone says who it is. A candidate is named by its account's current context,
 * and goes with it. */
#include <string.h>

#include "core/oscore/oscore_internal.h"

/* ---- indexes ------------------------------------------------------------------------------ */

static proa_span kid_of(const proa__context *c)
{
    return proa_span_make(c->keys.recipient_id, c->keys.recipient_id_len);
}

static bool has_kid(const void *owner, proa_handle handle, const void *key)
{
    const proa__context *c = proa__context_get(owner, handle);
    return proa_span_equal(kid_of(c), *(const proa_span *)key);
}

static bool has_account(const void *owner, proa_handle handle, const void *key)
{
    return proa__context_get(owner, handle)->account == *(const uint64_t *)key;
}

static uint32_t hash_of_account(const proa_oscore *o, uint64_t account)
{
    return proa_map_hash(&o->by_account, 0, proa_span_make(&account, sizeof account));
}

proa__context *proa__context_get(const proa_oscore *o, uint32_t handle)
{
    return proa_pool_get(&o->contexts, handle);
}

proa__context *proa__context_of_account(const proa_oscore *o, uint64_t account)
{
    uint32_t hash = hash_of_account(o, account);
    return proa__context_get(o, proa_map_find(&o->by_account, hash, has_account, o, &account));
}

proa__context *proa__context_of_kid(const proa_oscore *o, proa_span kid)
{
    uint32_t hash = proa_map_hash(&o->by_kid, 0, kid);
    return proa__context_get(o, proa_map_find(&o->by_kid, hash, has_kid, o, &kid));
}

static void remove_from_indexes(proa_oscore *o, const proa__context *c)
{
    proa_map_remove(&o->by_kid, proa_map_hash(&o->by_kid, 0, kid_of(c)), c->handle);
    proa_map_remove(&o->by_account, hash_of_account(o, c->account), c->handle);
}

static proa_err add_to_indexes(proa_oscore *o, const proa__context *c)
{
    uint32_t hash = proa_map_hash(&o->by_kid, 0, kid_of(c));
    proa_err err = proa_map_add(&o->by_kid, hash, c->handle);
    if (err == PROA_OK) {
        err = proa_map_add(&o->by_account, hash_of_account(o, c->account), c->handle);
        if (err != PROA_OK) {
            proa_map_remove(&o->by_kid, hash, c->handle);
        }
    }
    return err;
}

/* ---- contexts ----------------------------------------------------------------------------- */

proa__context *proa__context_take(proa_oscore *o)
{
    proa_handle handle;
    proa__context *c = proa_pool_take(&o->contexts, &handle);
    if (c != NULL) {
        c->handle = handle;
        c->epoch = o->epochs++;
    }
    return c;
}

static void give_back(proa_oscore *o, proa__context *c)
{
    proa_handle handle = c->handle;
    proa_wipe(c, sizeof *c);
    proa_pool_give(&o->contexts, handle);
}

void proa__context_end(proa_oscore *o, proa__context *c)
{
    proa__context *candidate = proa__context_get(o, c->candidate);
    if (candidate != NULL) {
        give_back(o, candidate);
    }
    if (proa__context_of_account(o, c->account) == c) {
        remove_from_indexes(o, c);
    }
    give_back(o, c);
}

proa_err proa__context_install(proa_oscore *o, proa__context *c)
{
    proa__context *old = proa__context_of_account(o, c->account);
    if (old != NULL) {
        if (old->candidate == c->handle) {
            old->candidate = 0;
        }
        proa__context_end(o, old);
    }
    c->phase = PROA__CURRENT;
    return add_to_indexes(o, c);
}

/* ---- adding ------------------------------------------------------------------------------- */

/* Where counting begins, and whether it may. */
static proa_err begin_counting(proa_oscore *o, proa__context *c, proa_oscore_origin origin)
{
    proa__state state;
    proa_err err = proa__state_load(o, c->account, c->fingerprint, &state);
    if (err == PROA_OK) {
        c->next = c->reserved = state.reserved;
        c->lost = state.lost;
        c->floor = PROA__UNSURE;
        return PROA_OK;
    }
    if (err == PROA_E_IO) {
        return err;
    }
    if (origin == PROA_OSCORE_FRESH) {
        c->reserved = o->config.margin;
        return proa__state_store(o, c, c->reserved);
    }
    c->lost = true;
    c->floor = PROA__UNSURE;
    return PROA_OK;
}

/* Keys of B.2, if that is what the account has come to use. */
static proa_err derive_stored(proa_oscore *o, proa__context *c, const proa_oscore_params *params)
{
    proa__state state;
    if (proa__state_load(o, c->account, c->fingerprint, &state) != PROA_OK ||
        state.id_context_len == 0) {
        return PROA_OK;
    }
    proa_span id_context = proa_span_make(state.id_context, state.id_context_len);
    c->random = true;
    return proa__oscore_derive(o, params, &id_context, &c->keys);
}

/* Keys and fingerprint, and that the kid belongs to nobody else. */
static proa_err derive(proa_oscore *o, proa__context *c, const proa_oscore_params *params)
{
    proa_err err = proa__oscore_derive(o, params, NULL, &c->keys);
    if (err == PROA_OK) {
        err = proa__oscore_fingerprint(o, params, c->fingerprint);
    }
    c->announced = params->has_id_context;
    const proa__context *other =
        err == PROA_OK ? proa__context_of_kid(o, params->recipient_id) : NULL;
    return other != NULL && other->account != c->account ? PROA_E_EXISTS : err;
}

/* The account has these very keys: what the table knows of them is newer than what the store does. */
static bool is_known(const proa_oscore *o, const proa__context *c)
{
    const proa__context *old = proa__context_of_account(o, c->account);
    return old != NULL && memcmp(old->fingerprint, c->fingerprint, sizeof c->fingerprint) == 0 &&
           proa_span_equal(kid_of(old), kid_of(c));
}

proa_err proa_oscore_add(proa_oscore *o, uint64_t account, const proa_oscore_params *params,
                         proa_oscore_origin origin)
{
    proa__context *c = proa__context_take(o);
    if (c == NULL) {
        return o->contexts.count == o->config.contexts_max ? PROA_E_FULL : PROA_E_NO_MEMORY;
    }
    c->account = account;
    proa_err err = derive(o, c, params);
    bool known = err == PROA_OK && is_known(o, c);
    if (err == PROA_OK && !known) {
        err = derive_stored(o, c, params);
    }
    if (err == PROA_OK && !known) {
        err = begin_counting(o, c, origin);
    }
    if (err != PROA_OK || known) {
        give_back(o, c);
        return err;
    }
    err = proa__context_install(o, c);
    if (err != PROA_OK) {
        give_back(o, c);
    }
    o->stats.contexts = o->by_kid.count;
    return err;
}

void proa_oscore_remove(proa_oscore *o, uint64_t account)
{
    proa__context *c = proa__context_of_account(o, account);
    if (c != NULL) {
        proa__context_end(o, c);
        o->stats.contexts = o->by_kid.count;
    }
    proa__state_forget(o, account);
}

/* ---- the table ---------------------------------------------------------------------------- */

static bool makes_sense(const proa_oscore_config *config)
{
    return config->crypto != NULL && config->contexts_first >= 1 &&
           config->contexts_first <= config->contexts_max &&
           config->contexts_max <= PROA_POOL_COUNT_MAX && config->margin <= 1U << 24 &&
           (config->renewal == NULL || config->find_params != NULL);
}

proa_err proa_oscore_open(proa_oscore **out, const proa_oscore_config *config)
{
    const proa_memory *memory = &config->memory;
    uint32_t seed;
    if (!makes_sense(config)) {
        return PROA_E_RANGE;
    }
    proa_oscore *o = memory->take(memory->ctx, sizeof *o);
    if (o == NULL) {
        return PROA_E_NO_MEMORY;
    }
    o->config = *config;
    o->config.margin = config->margin != 0 ? config->margin : PROA__ANY_MARGIN;
    proa_random_fill(&config->random, &seed, sizeof seed);
    proa_random_fill(&config->random, o->secret, sizeof o->secret);
    uint32_t first = config->contexts_first;
    /* Full at 3/4: room for all first places. */
    uint32_t slots = first + first / 2 + 1;
    proa_err err =
        proa_pool_init(&o->contexts, memory, sizeof(proa__context), first, config->contexts_max);
    if (err == PROA_OK) {
        err = proa_map_init(&o->by_kid, memory, slots, seed);
    }
    if (err == PROA_OK) {
        err = proa_map_init(&o->by_account, memory, slots, ~seed);
    }
    if (err != PROA_OK) {
        proa_oscore_free(o);
        return err;
    }
    *out = o;
    return PROA_OK;
}

void proa_oscore_free(proa_oscore *o)
{
    if (o == NULL) {
        return;
    }
    proa_memory memory = o->config.memory;
    uint32_t cursor = 0;
    proa_handle handle;
    for (proa__context *c; (c = proa_pool_next(&o->contexts, &cursor, &handle)) != NULL;) {
        proa_wipe(c, sizeof *c);
    }
    proa_pool_clear(&o->contexts);
    proa_map_clear(&o->by_kid);
    proa_map_clear(&o->by_account);
    proa_wipe(o, sizeof *o);
    memory.give(memory.ctx, o, sizeof *o);
}

bool proa_oscore_look(const proa_oscore *o, uint64_t account, proa_oscore_info *out)
{
    const proa__context *c = proa__context_of_account(o, account);
    if (c == NULL) {
        return false;
    }
    *out = (proa_oscore_info){
        .usable = !c->lost && c->next <= PROA_OSCORE_NUMBER_MAX,
        .renewing = c->candidate != 0,
        .synchronised = c->floor != PROA__UNSURE,
        .next = c->next,
        .reserved = c->reserved,
        .newest = c->window.top,
    };
    return true;
}

proa_oscore_stats proa_oscore_read_stats(const proa_oscore *o)
{
    return o->stats;
}
