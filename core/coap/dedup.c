/* SPDX-License-Identifier: Apache-2.0 */
/* What peers sent and what was replied, so that a repetition is recognised by (peer, Message ID)
 * and answered the same way without being done again (RFC 7252 §4.2, §4.5).
 *
 * A record is open while its exchange is; then it ages in one of three lists, oldest first, by the
 * harm that a repetition would do. After EXCHANGE_LIFETIME it is forgotten. When room is needed,
 * the oldest harmless one goes, then the oldest idempotent one; the others stay, and who comes then
 * is answered 5.03. A reply that finds no room is remembered by its code alone, which the record
 * itself holds. */
#include <string.h>

#include "core/coap/engine_internal.h"

/* EXCHANGE_LIFETIME with the default parameters, §4.8.2: a peer's own are unknown. */
#define LIFETIME_MS 247000U

typedef struct received_key {
    const proa__peer *peer;
    uint16_t mid;
} received_key;

static bool is_received(const void *owner, proa_handle handle, const void *key)
{
    const proa_coap *c = owner;
    const received_key *k = key;
    const proa__received *r = proa_pool_get(&c->received, handle);
    return r->peer == k->peer && r->mid == k->mid;
}

proa__received *proa__received_find(proa_coap *c, const proa__peer *peer, uint16_t mid)
{
    received_key key = {peer, mid};
    uint32_t hash = proa__hash(&c->received_map, peer, &mid, sizeof mid);
    proa_handle handle = proa_map_find(&c->received_map, hash, is_received, c, &key);
    proa__received *r = handle == 0 ? NULL : proa_pool_get(&c->received, handle);
    bool over = r != NULL && proa__is_linked(&r->age) && c->now_ms - r->since_ms >= LIFETIME_MS;
    return over ? NULL : r;
}

static void forget(proa_coap *c, proa__received *r)
{
    proa__unlink(&r->age);
    proa__unlink(&r->out);
    proa_map_remove(&c->received_map, proa__hash(&c->received_map, r->peer, &r->mid, sizeof r->mid),
                    r->handle);
    proa__cells_release(&c->reply_cells, r->reply);
    proa__peer *peer = r->peer;
    proa_pool_give(&c->received, r->handle);
    proa__peer_unref(c, peer);
}

/* The oldest of a list, unless its reply has not left yet. */
static proa__received *oldest(const proa__link *list)
{
    for (proa__link *at = list->next; at != list; at = at->next) {
        proa__received *r = PROA__OF(proa__received, age, at);
        if (!proa__is_linked(&r->out)) {
            return r;
        }
    }
    return NULL;
}

static void expire(proa_coap *c)
{
    for (size_t harm = 0; harm < PROA__HARMS; harm++) {
        proa__received *r;
        while ((r = oldest(&c->aging[harm])) != NULL && c->now_ms - r->since_ms >= LIFETIME_MS) {
            forget(c, r);
        }
    }
}

static bool evict(proa_coap *c)
{
    proa__received *r = oldest(&c->aging[PROA__HARM_NONE]);
    if (r == NULL) {
        r = oldest(&c->aging[PROA__HARM_LITTLE]);
    }
    if (r != NULL) {
        forget(c, r);
    }
    return r != NULL;
}

bool proa__received_yield(proa_coap *c)
{
    expire(c);
    for (size_t harm = 0; harm < PROA__HARMS; harm++) {
        const proa__link *list = &c->aging[harm];
        for (proa__link *at = list->next; at != list; at = at->next) {
            proa__received *r = PROA__OF(proa__received, age, at);
            if (r->peer->dead && !proa__is_linked(&r->out)) {
                forget(c, r);
                return true;
            }
        }
    }
    return evict(c);
}

proa__received *proa__received_new(proa_coap *c, proa__peer *peer, const proa_coap_msg *m,
                                   proa__harm harm)
{
    proa_handle handle;
    proa__received *r;
    proa__peer_ref(peer); /* forgetting others must not free it */
    expire(c);
    do {
        r = proa_pool_take(&c->received, &handle);
    } while (r == NULL && evict(c));
    if (r == NULL) {
        proa__peer_unref(c, peer);
        return NULL;
    }
    r->peer = peer;
    r->handle = handle;
    r->since_ms = c->now_ms;
    r->mid = m->mid;
    r->harm = (uint8_t)harm;
    r->token = m->token;
    if (proa_map_add(&c->received_map, proa__hash(&c->received_map, peer, &r->mid, sizeof r->mid),
                     handle) != PROA_OK) {
        proa_pool_give(&c->received, handle);
        proa__peer_unref(c, peer);
        return NULL;
    }
    return r;
}

bool proa__received_store(proa_coap *c, proa__received *r, proa_span reply)
{
    r->state = PROA__REPLY_STORED;
    r->code = reply.data[1];
    if (reply.len == 4U + r->token.len) {
        return true; /* header and Token only */
    }
    while (!proa__cells_store(&c->reply_cells, reply, &r->reply)) {
        if (!evict(c)) {
            /* Success without its payload or Location would be a lie. */
            r->code = PROA_COAP_CLASS(r->code) == 2 ? PROA_COAP_SERVICE_UNAVAILABLE : r->code;
            return false;
        }
    }
    r->reply_len = (uint16_t)reply.len;
    return true;
}

void proa__received_close(proa_coap *c, proa__received *r)
{
    r->since_ms = c->now_ms;
    proa__list_append(&c->aging[r->harm], &r->age);
}

void proa__received_owe(proa_coap *c, proa__received *r)
{
    if (!proa__is_linked(&r->out)) {
        proa__list_append(&c->replies_out, &r->out);
    }
}

bool proa__received_emit(proa_coap *c, proa_coap_peer *to, proa_span *datagram)
{
    if (proa__list_empty(&c->replies_out)) {
        return false;
    }
    proa__received *r = PROA__OF(proa__received, out, c->replies_out.next);
    proa__unlink(&r->out);
    int len = (int)r->reply_len;
    if (r->reply != 0) {
        proa__cells_load(&c->reply_cells, r->reply, c->out, r->reply_len);
    } else {
        bool empty = r->state == PROA__REPLY_EMPTY;
        proa_coap_builder b =
            proa_coap_build(c->out, c->config.message_max, PROA_COAP_ACK,
                            empty ? PROA_COAP_EMPTY : r->code, r->mid, empty ? NULL : &r->token);
        len = proa_coap_build_end(&b);
    }
    PROA_ASSERT(len > 0);
    *to = r->peer->name;
    *datagram = proa_span_make(c->out, (size_t)len);
    return true;
}
