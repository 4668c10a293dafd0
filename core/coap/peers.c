/* SPDX-License-Identifier: Apache-2.0 */
/* Who talks to us, and what belongs to whom.
 *
 * A peer is found by its account, else by its session, else by its address; never by two of them.
 * It lives as long as anything refers to it, and stays a while after that for its Message IDs: they must not repeat
 * within EXCHANGE_LIFETIME (RFC 7252 §4.4). The longest idle one makes place when there is none.
 *
 * A peer with an account has no messages of its own: it rides on the peer that is the way to it,
 * and takes what is under way along when its newest request comes by another.
 *
 * A peer that is gone is no longer found, so that nothing can match its things; the record goes with
 * the last reference, which is how everything it ever sent is forgotten in O(1). */
#include "core/base/map.h"
#include "core/coap/engine_internal.h"

bool proa_coap_peer_equal(const proa_coap_peer *a, const proa_coap_peer *b)
{
    if (a->account != 0 || b->account != 0) {
        return a->account == b->account;
    }
    return a->session == b->session && (a->session != 0 || proa_addr_equal(&a->addr, &b->addr));
}

static uint32_t hash_of(const proa_coap *c, const proa_coap_peer *name)
{
    proa_span span = proa_span_make(&name->addr, sizeof name->addr);
    if (name->account != 0) {
        span = proa_span_make(&name->account, sizeof name->account);
    } else if (name->session != 0) {
        span = proa_span_make(&name->session, sizeof name->session);
    }
    return proa_hash(c->seed, span);
}

proa__peer *proa__peer_find(proa_coap *c, const proa_coap_peer *name)
{
    for (proa__thing *at = proa__index_at(c, hash_of(c, name)); at != NULL; at = at->next) {
        if (at->kind == PROA__PEER && proa_coap_peer_equal(&at->peer->name, name)) {
            return at->peer;
        }
    }
    return NULL;
}

/* Message IDs older than this may come again, RFC 7252 §4.8.2 EXCHANGE_LIFETIME. */
#define MID_LIFETIME_S 247U

static proa__peer *longest_idle(const proa_coap *c)
{
    return proa__list_empty(&c->lists[PROA__IDLE])
               ? NULL
               : PROA__OF(proa__peer, thing.link, c->lists[PROA__IDLE].next);
}

/* The longest idle peer goes; when all are referred to, what was remembered of one does, which in
 * time makes its peer idle. A peer that is gone holds its place just as long as its records. */
static bool make_place(proa_coap *c)
{
    proa__peer *longest = longest_idle(c);
    if (longest != NULL) {
        proa__thing_free(c, &longest->thing);
        return true;
    }
    return proa__received_yield(c);
}

static proa__peer *new_peer(proa_coap *c)
{
    proa__peer *longest = longest_idle(c);
    if (longest != NULL && proa__now_s(c) >= longest->idle_since_s + MID_LIFETIME_S) {
        proa__thing_free(c, &longest->thing);
    }
    proa__peer *peer;
    do {
        peer = proa__thing_new(c, PROA__PEER, NULL);
    } while (peer == NULL && make_place(c));
    return peer;
}

static void rest(proa_coap *c, proa__peer *peer)
{
    peer->idle_since_s = proa__next_s(c);
    proa__list_append(&c->lists[PROA__IDLE], &peer->thing.link);
}

static proa__peer *take(proa_coap *c, const proa_coap_peer *name)
{
    proa__peer *peer = proa__peer_find(c, name);
    if (peer != NULL) {
        if (name->account == 0) { /* else only its newest request says that: mount */
            peer->name.addr = name->addr;
        }
        return peer;
    }
    peer = new_peer(c);
    if (peer == NULL) {
        return NULL;
    }
    peer->thing.peer = peer;
    peer->name = *name;
    peer->hash = hash_of(c, name);
    peer->way = name->account == 0 ? peer : NULL;
    proa__list_init(&peer->things);
    proa__list_init(&peer->messages);
    proa__list_init(&peer->riders);
    proa_random_fill(&c->config.random, &peer->next_mid, sizeof peer->next_mid);
    proa__index_add(c, &peer->thing);
    rest(c, peer);
    return peer;
}

void proa__peer_ref(proa__peer *peer)
{
    proa__unlink(&peer->thing.link);
    peer->refs++;
}

void proa__peer_unref(proa_coap *c, proa__peer *peer)
{
    PROA_ASSERT(peer->refs > 0);
    if (--peer->refs > 0) {
        return;
    }
    if (peer->dead) {
        proa__thing_free(c, &peer->thing);
    } else {
        rest(c, peer);
    }
}

/* ---- ways ------------------------------------------------------------------------------- */

void proa__peer_dismount(proa_coap *c, proa__peer *peer)
{
    proa__peer *way = peer->way;
    if (way != NULL && way != peer) {
        proa__unlink(&peer->ride);
        peer->way = NULL;
        proa__peer_unref(c, way);
    }
}

static void divert_request(proa_coap *c, proa__request *q, proa__peer *way)
{
    proa__message *m = q->message;
    if (m != NULL && m->transmissions > 0 && proa__request_is_unsafe(q)) {
        proa__message_follow(c, m, way);
    } else if (m != NULL) {
        q->asks_outside = false;
        proa__message_divert(c, m, way);
    }
}

/* What is under way goes along, as something new; but what must not be done twice, as one more copy. */
static void divert(proa_coap *c, proa__peer *peer)
{
    for (proa__link *at = peer->things.next; at != &peer->things; at = at->next) {
        proa__thing *thing = PROA__OF(proa__thing, link, at);
        if (thing->kind == PROA__REQUEST) {
            divert_request(c, (proa__request *)thing, peer->way);
        } else if (thing->kind == PROA__RELATION) {
            proa__relation *r = (proa__relation *)thing;
            r->has_mid = false;
            if (r->message != NULL) {
                proa__message_divert(c, r->message, peer->way);
            }
        }
    }
}

static void mount(proa_coap *c, proa__peer *peer, proa__peer *way)
{
    peer->name.addr = way->name.addr;
    peer->name.session = way->name.session;
    if (peer->way != way) {
        bool is_first = peer->way == NULL;
        proa__peer_ref(way);
        proa__peer_dismount(c, peer);
        peer->way = way;
        proa__list_append(&way->riders, &peer->ride);
        if (!is_first) {
            divert(c, peer);
        }
    }
}

/* The peer of an account, and `way` not given away for it. */
static proa__peer *take_account(proa_coap *c, uint64_t account, proa__peer *way)
{
    proa_coap_peer name = way->name;
    name.account = account;
    proa__peer_ref(way);
    proa__peer *peer = take(c, &name);
    proa__peer_unref(c, way);
    return peer;
}

static bool may_carry(const proa_coap *c, uint64_t account, const proa__peer *way)
{
    const proa_coap_config *f = &c->config;
    return f->may_carry == NULL || f->may_carry(f->may_carry_ctx, account, &way->name);
}

proa__peer *proa__peer_of_account(proa_coap *c, uint64_t account, proa__peer *way, bool newest)
{
    proa__peer *peer = take_account(c, account, way);
    if (peer == NULL || !(newest || peer->way == NULL) || !may_carry(c, account, way)) {
        return peer;
    }
    if (peer->way != NULL && peer->way != way) {
        proa__way_doubt(way);
    }
    mount(c, peer, way);
    peer->heard = newest;
    return peer;
}

/* Where a peer was heard last is newer than what anybody says of it, until it does not answer. But who
 * names a session knows whose it is. */
static proa__peer *take_rider(proa_coap *c, const proa_coap_peer *name)
{
    proa_coap_peer way = *name;
    proa__peer *peer = proa__peer_find(c, name);
    if (name->session == 0 && peer != NULL && peer->heard && peer->way != NULL &&
        peer->way->name.session == 0) {
        return peer;
    }
    way.account = 0;
    proa__peer *on = take(c, &way);
    peer = on == NULL ? NULL : take_account(c, name->account, on);
    if (peer != NULL) {
        mount(c, peer, on);
        peer->heard = false;
    }
    return peer;
}

proa__peer *proa__peer_take(proa_coap *c, const proa_coap_peer *name)
{
    return name->account == 0 ? take(c, name) : take_rider(c, name);
}

/* ---- going and moving ------------------------------------------------------------------- */

static void end_thing(proa_coap *c, proa__thing *thing)
{
    if (thing->kind == PROA__REQUEST) {
        proa__request_fail(c, (proa__request *)thing, PROA_COAP_FAILED_PEER_GONE);
    } else if (thing->kind == PROA__EXCHANGE) {
        proa__exchange_free(c, (proa__exchange *)thing);
    } else if (thing->kind == PROA__RELATION) {
        proa__relation_end(c, (proa__relation *)thing);
    } else {
        proa__body *body = (proa__body *)thing;
        proa__body_free(c, &body);
    }
}

/* No longer found by its name; the things left under it are only on their way out. */
static void bury(proa_coap *c, proa__peer *peer)
{
    while (!proa__list_empty(&peer->things)) {
        end_thing(c, PROA__OF(proa__thing, link, peer->things.next));
    }
    while (!proa__list_empty(&peer->messages)) { /* of riders, or of nobody */
        proa__message *m = PROA__OF(proa__message, timed.thing.link, peer->messages.next);
        proa__message_give_up(c, m, PROA_COAP_FAILED_PEER_GONE);
    }
    while (!proa__list_empty(&peer->riders)) {
        proa__peer_dismount(c, PROA__OF(proa__peer, ride, peer->riders.next));
    }
    proa__index_remove(c, &peer->thing);
    peer->dead = true;
}

void proa_coap_peer_astray(proa_coap *c, uint64_t account)
{
    proa_coap_peer name = {.account = account};
    proa__peer *peer = proa__peer_find(c, &name);
    if (peer != NULL) {
        peer->heard = false;
    }
}

void proa_coap_peer_dismiss(proa_coap *c, uint64_t now_ms, uint64_t account)
{
    proa_coap_peer name = {.account = account};
    c->now_ms = now_ms;
    const proa__peer *peer = proa__peer_find(c, &name);
    const proa__link *next = peer == NULL ? NULL : peer->things.next;
    while (next != NULL && next != &peer->things) {
        proa__thing *thing = PROA__OF(proa__thing, link, next);
        next = next->next;
        if (thing->kind == PROA__RELATION) {
            proa__relation_dismiss(c, (proa__relation *)thing);
        }
    }
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
