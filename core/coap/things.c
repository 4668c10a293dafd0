/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine keeps, whatever its kind: how a thing comes, is found, moves and goes.
 *
 * The index is a hash table whose chains run through the things themselves, so that adding to it
 * cannot fail; when it grows and there is no memory, chains only get longer. What a peer sent or
 * asked for is found by (kind, peer, name). Hashes are keyed, because peers choose the names. */
#include "core/base/map.h"
#include "core/coap/engine_internal.h"

/* ---- the index -------------------------------------------------------------------------- */

static uint32_t hash_name(const proa__peer *peer, const proa_coap_token *token, uint16_t mid)
{
    return proa_hash(peer->hash, token != NULL ? proa_span_make(token->bytes, token->len)
                                               : proa_span_make(&mid, sizeof mid));
}

static proa__thing **bucket(const proa_coap *c, uint32_t hash)
{
    return &c->buckets[hash & (c->bucket_count - 1)];
}

static proa__thing **bucket_of(const proa_coap *c, const proa__thing *thing)
{
    return bucket(c,
                  thing->kind == PROA__PEER
                      ? thing->peer->hash
                      : hash_name(thing->peer, thing->kind == PROA__RECEIVED ? NULL : &thing->token,
                                  thing->mid));
}

static void push(proa_coap *c, proa__thing *thing)
{
    proa__thing **at = bucket_of(c, thing);
    thing->next = *at;
    *at = thing;
}

static void widen(proa_coap *c)
{
    const proa_memory *memory = &c->config.memory;
    proa__thing **old = c->buckets;
    uint32_t old_count = c->bucket_count;
    proa__thing **wider = memory->take(memory->ctx, 2U * old_count * sizeof *wider);
    if (wider == NULL) {
        return;
    }
    c->buckets = wider;
    c->bucket_count = 2 * old_count;
    for (uint32_t i = 0; i < old_count; i++) {
        proa__thing *next;
        for (proa__thing *thing = old[i]; thing != NULL; thing = next) {
            next = thing->next;
            push(c, thing);
        }
    }
    memory->give(memory->ctx, old, old_count * sizeof *old);
}

void proa__index_add(proa_coap *c, proa__thing *thing)
{
    if (c->config.grows && c->indexed >= c->bucket_count) {
        widen(c);
    }
    push(c, thing);
    c->indexed++;
}

void proa__index_remove(proa_coap *c, proa__thing *thing)
{
    for (proa__thing **at = bucket_of(c, thing); *at != NULL; at = &(*at)->next) {
        if (*at == thing) {
            *at = thing->next;
            c->indexed--;
            return;
        }
    }
}

proa__thing *proa__index_at(const proa_coap *c, uint32_t hash)
{
    return *bucket(c, hash);
}

void *proa__find(const proa_coap *c, proa__kind kind, const proa__peer *peer,
                 const proa_coap_token *token, uint16_t mid)
{
    proa__thing *thing = proa__index_at(c, hash_name(peer, token, mid));
    while (thing != NULL &&
           !(thing->kind == kind && thing->peer == peer &&
             (token != NULL ? proa_coap_token_equal(&thing->token, token) : thing->mid == mid))) {
        thing = thing->next;
    }
    return thing;
}

/* ---- coming and going ------------------------------------------------------------------- */

static void join(proa__thing *thing, proa__peer *peer)
{
    thing->peer = peer;
    proa__peer_ref(peer);
    if (thing->kind >= PROA__REQUEST && thing->kind <= PROA__EXCHANGE) {
        proa__list_append(&peer->things, &thing->link);
    }
}

void *proa__thing_new(proa_coap *c, proa__kind kind, proa__peer *peer)
{
    proa_handle handle;
    proa__thing *thing = proa_pool_take(&c->pools[kind], &handle);
    if (thing == NULL) {
        return NULL;
    }
    thing->kind = (uint8_t)kind;
    if (peer != NULL) {
        join(thing, peer);
    }
    return thing;
}

void proa__thing_free(proa_coap *c, proa__thing *thing)
{
    proa__peer *peer = thing->peer;
    if (thing->kind == PROA__PEER) {
        proa__peer_dismount(c, peer);
    }
    if (peer != NULL) {
        proa__index_remove(c, thing);
    }
    proa__unlink(&thing->link);
    if (thing->kind >= PROA__EXCHANGE) {
        proa_heap_clear(&c->timers, &((proa__timed *)thing)->timer);
    }
    bool counted = peer != NULL && thing->kind != PROA__PEER;
    proa_pool_give(&c->pools[thing->kind], proa__id(c, thing));
    if (counted) {
        proa__peer_unref(c, peer);
    }
}

proa_handle proa__id(const proa_coap *c, const proa__thing *thing)
{
    return proa_pool_handle(&c->pools[thing->kind], thing);
}

void *proa__get(const proa_coap *c, proa__kind kind, proa_coap_id id)
{
    return proa_pool_get(&c->pools[kind], id);
}

static void change_peer(proa_coap *c, proa__thing *thing, proa__peer *to)
{
    proa__peer *from = thing->peer;
    proa__unlink(&thing->link);
    join(thing, to);
    proa__peer_unref(c, from);
}

void proa__thing_move(proa_coap *c, proa__thing *thing, proa__message *m, proa__peer *to)
{
    proa__index_remove(c, thing);
    change_peer(c, thing, to);
    proa__index_add(c, thing);
    if (m != NULL && to->way != NULL) {
        proa__message_divert(c, m, to->way);
    }
}

void proa__message_divert(proa_coap *c, proa__message *m, proa__peer *way)
{
    proa__message_land(c, m);
    change_peer(c, &m->timed.thing, way);
    m->transmissions = 0;
    proa__message_start(c, m);
}

void proa__message_follow(proa_coap *c, proa__message *m, proa__peer *way)
{
    if (!m->flying) {
        return; /* it has arrived, and the response will come from wherever the peer is then */
    }
    uint16_t mid = m->timed.thing.mid;
    uint8_t transmissions = m->transmissions;
    proa__message_divert(c, m, way);
    m->transmissions = transmissions;
    m->timed.thing.mid = m->flying ? mid : m->timed.thing.mid;
}

void proa__thing_end(proa_coap *c, proa__thing *thing)
{
    proa__unlink(&thing->link);
    proa__list_append(&c->lists[PROA__ENDED], &thing->link);
}
