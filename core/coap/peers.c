/* SPDX-License-Identifier: Apache-2.0 */
/* Who talks to us, and what belongs to whom.
 *
 * A peer is found by its session, or without one by its address; never by both. It lives as long as
 * anything refers to it, and stays a while after that for its Message IDs: they must not repeat
 * within EXCHANGE_LIFETIME (RFC 7252 §4.4). The longest idle one makes place when there is none.
 *
 * A peer that is gone is no longer found, so that nothing can match its things; the record goes with
 * the last reference, which is how everything it ever sent is forgotten in O(1). */
#include <string.h>

#include "core/coap/engine_internal.h"

bool proa_coap_peer_equal(const proa_coap_peer *a, const proa_coap_peer *b)
{
    return a->session == b->session && (a->session != 0 || proa_addr_equal(&a->addr, &b->addr));
}

static uint32_t hash_of(const proa_coap *c, const proa_coap_peer *name)
{
    uint8_t bytes[sizeof *name];
    proa_writer w = proa_writer_make(bytes, sizeof bytes);
    proa_write_u32(&w, name->session);
    if (name->session == 0) {
        proa_write_bytes(&w, name->addr.ip, sizeof name->addr.ip);
        proa_write_u16(&w, name->addr.port);
        proa_write_u16(&w, name->addr.zone);
    }
    return proa_map_hash(&c->peer_map, 0, proa_writer_span(&w));
}

static bool is_peer(const void *owner, proa_handle handle, const void *key)
{
    const proa_coap *c = owner;
    const proa__peer *peer = proa_pool_get(&c->peers, handle);
    return proa_coap_peer_equal(&peer->name, key);
}

proa__peer *proa__peer_find(proa_coap *c, const proa_coap_peer *name)
{
    proa_handle handle = proa_map_find(&c->peer_map, hash_of(c, name), is_peer, c, name);
    return handle == 0 ? NULL : proa_pool_get(&c->peers, handle);
}

static void forget(proa_coap *c, proa__peer *peer)
{
    proa__unlink(&peer->idle);
    if (!peer->dead) {
        proa_map_remove(&c->peer_map, hash_of(c, &peer->name), peer->handle);
    }
    proa_pool_give(&c->peers, peer->handle);
}

/* Message IDs older than this may come again, RFC 7252 §4.8.2 EXCHANGE_LIFETIME. */
#define MID_LIFETIME_MS 247000U

static proa__peer *longest_idle(const proa_coap *c)
{
    return proa__list_empty(&c->idle_peers) ? NULL : PROA__OF(proa__peer, idle, c->idle_peers.next);
}

/* The longest idle peer goes; when all are referred to, what was remembered of one does, which in
 * time makes its peer idle. A peer that is gone holds its place just as long as its records. */
static bool make_place(proa_coap *c)
{
    proa__peer *longest = longest_idle(c);
    if (longest != NULL) {
        forget(c, longest);
        return true;
    }
    return proa__received_yield(c);
}

static proa__peer *new_peer(proa_coap *c)
{
    proa__peer *longest = longest_idle(c);
    if (longest != NULL && c->now_ms - longest->idle_since_ms >= MID_LIFETIME_MS) {
        forget(c, longest);
    }
    proa_handle handle;
    proa__peer *peer;
    do {
        peer = proa_pool_take(&c->peers, &handle);
    } while (peer == NULL && make_place(c));
    if (peer != NULL) {
        peer->handle = handle;
    }
    return peer;
}

proa__peer *proa__peer_take(proa_coap *c, const proa_coap_peer *name)
{
    proa__peer *peer = proa__peer_find(c, name);
    if (peer != NULL) {
        peer->name.addr = name->addr; /* where a session's datagrams go now */
        return peer;
    }
    peer = new_peer(c);
    if (peer == NULL) {
        return NULL;
    }
    peer->name = *name;
    if (proa_map_add(&c->peer_map, hash_of(c, name), peer->handle) != PROA_OK) {
        proa_pool_give(&c->peers, peer->handle);
        return NULL;
    }
    proa__list_init(&peer->things);
    proa__list_init(&peer->messages);
    proa_random_fill(&c->config.random, &peer->next_mid, sizeof peer->next_mid);
    peer->idle_since_ms = c->now_ms;
    proa__list_append(&c->idle_peers, &peer->idle);
    return peer;
}

void proa__peer_ref(proa__peer *peer)
{
    proa__unlink(&peer->idle);
    peer->refs++;
}

void proa__peer_unref(proa_coap *c, proa__peer *peer)
{
    PROA_ASSERT(peer->refs > 0);
    if (--peer->refs > 0) {
        return;
    }
    if (peer->dead) {
        proa_pool_give(&c->peers, peer->handle);
        return;
    }
    peer->idle_since_ms = c->now_ms;
    proa__list_append(&c->idle_peers, &peer->idle);
}

/* ---- things ----------------------------------------------------------------------------- */

void proa__thing_attach(proa__thing *thing, proa__peer *peer, proa_handle handle, proa__kind kind)
{
    thing->peer = peer;
    thing->handle = handle;
    thing->kind = (uint8_t)kind;
    proa__peer_ref(peer);
    proa__list_append(&peer->things, &thing->link);
}

void proa__thing_detach(proa_coap *c, proa__thing *thing)
{
    proa__unlink(&thing->link);
    proa__peer_unref(c, thing->peer);
    thing->peer = NULL;
}

void proa__thing_end(proa_coap *c, proa__thing *thing)
{
    proa__unlink(&thing->link);
    proa__list_append(&c->ended, &thing->link);
}

/* ---- going and moving ------------------------------------------------------------------- */

static void end_thing(proa_coap *c, proa__thing *thing)
{
    switch ((proa__kind)thing->kind) {
    case PROA__REQUEST:
        proa__request_fail(c, (proa__request *)thing, PROA_COAP_FAILED_PEER_GONE);
        break;
    case PROA__EXCHANGE:
        proa__exchange_free(c, (proa__exchange *)thing);
        break;
    case PROA__RELATION:
        proa__relation_end(c, (proa__relation *)thing);
        break;
    case PROA__BODY:
        proa__body_free(c, (proa__body *)thing);
        break;
    }
}

/* No longer found by its name; the things left under it are only on their way out. */
static void bury(proa_coap *c, proa__peer *peer)
{
    while (!proa__list_empty(&peer->things)) {
        end_thing(c, PROA__OF(proa__thing, link, peer->things.next));
    }
    while (!proa__list_empty(&peer->messages)) {
        proa__message_free(c, PROA__OF(proa__message, link, peer->messages.next));
    }
    proa_map_remove(&c->peer_map, hash_of(c, &peer->name), peer->handle);
    peer->dead = true;
}

void proa_coap_peer_gone(proa_coap *c, uint64_t now_ms, const proa_coap_peer *name)
{
    c->now_ms = now_ms;
    proa__peer *peer = proa__peer_find(c, name);
    if (peer == NULL) {
        return;
    }
    proa__peer_ref(peer); /* it must outlive its things */
    bury(c, peer);
    proa__peer_unref(c, peer);
}

void proa_coap_peer_moved(proa_coap *c, uint64_t now_ms, const proa_coap_peer *old,
                          const proa_coap_peer *now)
{
    c->now_ms = now_ms;
    proa__peer *from = proa__peer_find(c, old);
    if (from == NULL || proa_coap_peer_equal(old, now)) {
        return;
    }
    proa__peer_ref(from);
    proa__peer *to = proa__peer_take(c, now);
    if (to != NULL) {
        proa__peer_ref(to);
        proa__link *next;
        for (proa__link *at = from->things.next; at != &from->things; at = next) {
            proa__thing *thing = PROA__OF(proa__thing, link, at);
            next = at->next;
            if (thing->kind == PROA__REQUEST) {
                proa__request_move(c, (proa__request *)thing, to);
            } else if (thing->kind == PROA__RELATION) {
                proa__relation_move(c, (proa__relation *)thing, to);
            }
        }
        proa__peer_unref(c, to);
    }
    bury(c, from); /* exchanges and half bodies belong to the old session */
    proa__peer_unref(c, from);
}
