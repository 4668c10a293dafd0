/* SPDX-License-Identifier: Apache-2.0 */
/* The table of contexts: found by kid for what comes in, by account for what goes out, by handle for
 * what is under way.
 *
 * Invariants. The index holds the current contexts and nothing else, each twice. Accounts of one
 * Recipient ID have different ID Contexts, and one of them may have none: kid and kid context say who it
 * is, and no message is tried under more than one of them (§5.1, §8.2). A candidate is named by its account's current context,
 * and goes with it. */
#include <string.h>

#include "core/oscore/oscore_internal.h"

/* ---- indexes ------------------------------------------------------------------------------ */

/* What a context is found by. */
static proa_span key_of(const proa__context *c, bool is_account)
{
    const proa__end *peer = &c->keys.ends[PROA__THEIRS];
    return is_account ? proa_span_make(&c->account, sizeof c->account)
                      : proa_span_make(peer->id, peer->id_len);
}

/* Contexts with the kid that is looked for, but not with its kid context. */
typedef struct others {
    proa_handle plain; /* without an ID Context, or with one that B.2 has made */
    proa_handle named;
    bool several; /* of the named ones */
} others;

typedef struct wanted {
    proa_span key;
    proa_span kid_context; /* data NULL: none */
    others *others;        /* NULL: by account */
} wanted;

static bool is_named(const proa__context *c)
{
    return c->announced.data != NULL;
}

static bool is_wanted(const void *owner, proa_handle handle, const void *key)
{
    const wanted *w = key;
    const proa__context *c = proa__context_get(owner, handle);
    others *rest = w->others;
    if (!proa_span_equal(key_of(c, rest == NULL), w->key)) {
        return false;
    }
    if (rest == NULL) {
        return true;
    }
    if (!is_named(c)) {
        rest->plain = handle;
        return w->kid_context.data == NULL;
    }
    rest->several = rest->named != 0;
    rest->named = handle;
    return w->kid_context.data != NULL && proa_span_equal(c->announced, w->kid_context);
}

static proa__context *find(const proa_oscore *o, const wanted *w)
{
    uint32_t hash = proa_map_hash(&o->index, 0, w->key);
    return proa__context_get(o, proa_map_find(&o->index, hash, is_wanted, o, w));
}

proa__context *proa__context_get(const proa_oscore *o, uint32_t handle)
{
    return proa_pool_get(&o->contexts, handle);
}

proa__context *proa__context_of_account(const proa_oscore *o, uint64_t account)
{
    wanted w = {proa_span_make(&account, sizeof account), {NULL, 0}, NULL};
    return find(o, &w);
}

proa__context *proa__context_of_kid(const proa_oscore *o, proa_span kid, proa_span kid_context)
{
    others rest = {0, 0, false};
    wanted w = {kid, kid_context, &rest};
    proa__context *c = find(o, &w);
    if (c != NULL) {
        return c;
    }
    bool guess = rest.plain == 0 && kid_context.data == NULL && !rest.several;
    return proa__context_get(o, guess ? rest.named : rest.plain);
}

static proa_err index_by(proa_oscore *o, const proa__context *c, bool is_account, bool adds)
{
    uint32_t hash = proa_map_hash(&o->index, 0, key_of(c, is_account));
    if (adds) {
        return proa_map_add(&o->index, hash, c->handle);
    }
    proa_map_remove(&o->index, hash, c->handle);
    return PROA_OK;
}

static proa_err set_index(proa_oscore *o, const proa__context *c, bool adds)
{
    proa_err err = index_by(o, c, false, adds);
    return err == PROA_OK ? index_by(o, c, true, adds) : err;
}

/* ---- contexts ----------------------------------------------------------------------------- */

proa__context *proa__context_take(proa_oscore *o)
{
    proa_handle handle;
    proa__context *c = proa_pool_take(&o->contexts, &handle);
    if (c != NULL) {
        c->handle = handle;
        c->epoch = o->epochs++;
        proa_random_fill(&o->config.random, c->echo, sizeof c->echo);
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
        (void)set_index(o, c, false);
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
    proa_err err = set_index(o, c, true);
    if (err != PROA_OK) {
        (void)set_index(o, c, false);
    }
    return err;
}

/* ---- adding ------------------------------------------------------------------------------- */

/* Where counting begins, and whether it may. If the store knows these keys, B.2 may have changed
 * them. */
static proa_err begin_counting(proa_oscore *o, proa__context *c, const proa_oscore_params *params,
                               proa_oscore_origin origin)
{
    proa__state state;
    uint8_t blob[PROA__BLOB_MAX];
    proa_err err = proa__state_load(o, c, blob, &state);
    if (err == PROA_OK) {
        c->next = c->reserved = state.reserved;
        c->lost = state.lost;
        return state.id_context.len > 0 ? proa__oscore_derive(o, params, &state.id_context, c)
                                        : PROA_OK;
    }
    if (err == PROA_E_IO) {
        return err;
    }
    if (origin == PROA_OSCORE_FRESH && err == PROA_E_NOT_FOUND) {
        c->synchronised = true;
        return proa__state_reserve(o, c);
    }
    c->lost = true;
    return PROA_OK;
}

/* *known: the account has these very keys, and what the table knows of them is newer than what the
 * store does. */
static proa_err fill(proa_oscore *o, proa__context *c, const proa_oscore_params *params,
                     proa_oscore_origin origin, bool *known)
{
    proa_err err = proa__oscore_derive(o, params, NULL, c);
    if (err != PROA_OK) {
        return err;
    }
    c->announced =
        proa_span_make(params->has_id_context ? c->keys.id_context : NULL, c->keys.id_context_len);
    const proa__context *other = proa__context_of_kid(o, params->recipient_id, c->announced);
    if (other != NULL && is_named(other) == is_named(c)) {
        if (other->account != c->account) {
            return PROA_E_EXISTS;
        }
        *known = memcmp(other->fingerprint, c->fingerprint, sizeof c->fingerprint) == 0;
    }
    return *known ? PROA_OK : begin_counting(o, c, params, origin);
}

proa_err proa_oscore_add(proa_oscore *o, uint64_t account, const proa_oscore_params *params,
                         proa_oscore_origin origin)
{
    bool known = false;
    proa__context *c = proa__context_take(o);
    if (c == NULL) {
        return o->contexts.count == o->config.contexts_max ? PROA_E_FULL : PROA_E_NO_MEMORY;
    }
    c->account = account;
    proa_err err = fill(o, c, params, origin, &known);
    if (err == PROA_OK && !known) {
        err = proa__context_install(o, c);
    }
    if (err != PROA_OK || known) {
        give_back(o, c);
    }
    return err;
}

void proa_oscore_remove(proa_oscore *o, uint64_t account)
{
    proa__context *c = proa__context_of_account(o, account);
    if (c != NULL) {
        proa__context_end(o, c);
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
    if (!makes_sense(config)) {
        return PROA_E_RANGE;
    }
    proa_oscore *o = memory->take(memory->ctx, sizeof *o);
    if (o == NULL) {
        return PROA_E_NO_MEMORY;
    }
    o->config = *config;
    o->config.margin = config->margin != 0 ? config->margin : PROA__ANY_MARGIN;
    proa_random_fill(&config->random, (uint8_t *)&o->boot, sizeof o->boot);
    uint32_t first = config->contexts_first;
    uint32_t slots = 3 * first; /* full at 3/4: room for all first places, twice */
    proa_err err =
        proa_pool_init(&o->contexts, memory, sizeof(proa__context), first, config->contexts_max);
    if (err == PROA_OK) {
        err = proa_map_init(&o->index, memory, slots, o->boot.seed);
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
    proa_map_clear(&o->index);
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
        .synchronised = c->synchronised,
        .next = c->next,
        .reserved = c->reserved,
        .newest = c->window.top,
    };
    return true;
}

proa_oscore_stats proa_oscore_read_stats(const proa_oscore *o)
{
    proa_oscore_stats stats = o->stats;
    stats.contexts = o->index.count / 2; /* by kid and by account */
    return stats;
}
