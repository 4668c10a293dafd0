/* SPDX-License-Identifier: Apache-2.0 */
/* The server role of observing (RFC 7641 §4): who observes, under which Token, and the one
 * confirmable notification that may be under way per relation.
 *
 * A relation is found by (peer, Token). While its CON is unacknowledged a newer notification waits
 * in that message and takes its place at the next retransmission or right after the ACK (§4.5.2).
 * NON notifications leave at once and are remembered by the Message ID of the newest, for its RST.
 * What is observed and when something is to be told is the application's business. */
#include <string.h>

#include "core/coap/engine_internal.h"

/* A client has to confirm its interest at least once a day, §4.5. */
#define CON_INTERVAL_S (24U * 60U * 60U)
#define SEQ_MASK 0xffffffU

typedef struct relation_key {
    const proa__peer *peer;
    const proa_coap_token *token;
} relation_key;

static bool is_relation(const void *owner, proa_handle handle, const void *key)
{
    const proa_coap *c = owner;
    const relation_key *k = key;
    const proa__relation *r = proa_pool_get(&c->relations, handle);
    return r->thing.peer == k->peer && proa_coap_token_equal(&r->token, k->token);
}

static uint32_t hash_of(const proa_coap *c, const proa__peer *peer, const proa_coap_token *token)
{
    return proa__hash(&c->relation_map, peer, token->bytes, token->len);
}

proa__relation *proa__relation_find(proa_coap *c, const proa__peer *peer,
                                    const proa_coap_token *token)
{
    relation_key key = {peer, token};
    proa_handle handle =
        proa_map_find(&c->relation_map, hash_of(c, peer, token), is_relation, c, &key);
    return handle == 0 ? NULL : proa_pool_get(&c->relations, handle);
}

/* ---- beginning and end ------------------------------------------------------------------ */

/* No longer found, nothing under way. */
static void release(proa_coap *c, proa__relation *r)
{
    if (r->ended) {
        return;
    }
    if (r->message != NULL) {
        proa__message_free(c, r->message);
        r->message = NULL;
    }
    proa__unlink(&r->delivered);
    proa_map_remove(&c->relation_map, hash_of(c, r->thing.peer, &r->token), r->thing.handle);
    r->ended = true;
}

void proa__relation_free(proa_coap *c, proa__relation *r)
{
    release(c, r);
    proa_handle handle = r->thing.handle;
    proa__thing_detach(c, &r->thing);
    proa_pool_give(&c->relations, handle);
}

void proa__relation_end(proa_coap *c, proa__relation *r)
{
    release(c, r);
    proa__thing_end(c, &r->thing);
}

static proa__relation *living(const proa_coap *c, proa_coap_id id)
{
    proa__relation *r = proa_pool_get(&c->relations, id);
    return r == NULL || r->ended ? NULL : r;
}

void proa_coap_unobserve(proa_coap *c, proa_coap_id relation)
{
    proa__relation *r = living(c, relation);
    if (r != NULL) {
        proa__relation_free(c, r);
    }
}

static proa__relation *new_relation(proa_coap *c, const proa__exchange *x)
{
    proa_handle handle;
    proa__relation *r = proa_pool_take(&c->relations, &handle);
    if (r == NULL) {
        return NULL;
    }
    r->token = x->received->token;
    if (proa_map_add(&c->relation_map, hash_of(c, x->thing.peer, &r->token), handle) != PROA_OK) {
        proa_pool_give(&c->relations, handle);
        return NULL;
    }
    proa__thing_attach(&r->thing, x->thing.peer, handle, PROA__RELATION);
    return r;
}

proa_err proa_coap_accept(proa_coap *c, proa_coap_id exchange, uint64_t user,
                          proa_coap_id *relation)
{
    *relation = 0;
    proa__exchange *x = proa_pool_get(&c->exchanges, exchange);
    if (x == NULL || !x->observe || x->message != NULL) {
        return PROA_E_STATE;
    }
    proa__relation *r = proa__relation_find(c, x->thing.peer, &x->received->token);
    if (r == NULL) {
        r = new_relation(c, x);
    } else if (r->message != NULL) {
        proa__message_free(c, r->message); /* the response tells what it would have told */
        r->message = NULL;
    }
    if (r == NULL) {
        return PROA_E_FULL;
    }
    r->user = user;
    r->con_s = proa__seconds(c->now_ms);
    r->szx = x->has_block2 && x->block2.szx < c->szx ? x->block2.szx : c->szx;
    x->accepted = true;
    x->relation = r->thing.handle;
    *relation = r->thing.handle;
    return PROA_OK;
}

void proa__relation_move(proa_coap *c, proa__relation *r, proa__peer *to)
{
    proa_handle handle = r->thing.handle;
    if (proa__relation_find(c, to, &r->token) != NULL) {
        proa__relation_end(c, r); /* observed anew under the new name already */
        return;
    }
    proa_map_remove(&c->relation_map, hash_of(c, r->thing.peer, &r->token), handle);
    if (r->message != NULL) {
        proa__message_land(c, r->message);
        proa__peer_ref(to);
        proa__peer_unref(c, r->message->peer);
        r->message->peer = to;
        r->message->transmissions = 0;
        proa__message_start(c, r->message);
    }
    r->has_mid = false;
    proa__thing_detach(c, &r->thing);
    proa__thing_attach(&r->thing, to, handle, PROA__RELATION);
    if (proa_map_add(&c->relation_map, hash_of(c, to, &r->token), handle) != PROA_OK) {
        PROA_ASSERT(false); /* one was just removed, so there is room */
    }
}

/* ---- notifying -------------------------------------------------------------------------- */

/* The newer bytes wait in the message under way. */
static bool replace(proa_coap *c, proa__message *m, proa_span bytes)
{
    proa__chain chain;
    if (!proa__cells_store(&c->message_cells, bytes, &chain)) {
        return false;
    }
    bool sent = m->transmissions > 0;
    proa__cells_release(&c->message_cells, sent ? m->newer : m->bytes);
    if (sent) {
        m->newer = chain;
        m->newer_len = (uint16_t)bytes.len;
    } else {
        m->bytes = chain;
        m->bytes_len = (uint16_t)bytes.len;
    }
    return true;
}

static proa_err transmit(proa_coap *c, proa__relation *r, proa_span bytes, bool confirmable)
{
    if (r->message != NULL) {
        return replace(c, r->message, bytes) ? PROA_OK : PROA_E_FULL;
    }
    proa__message *m = proa__message_copy(c, r->thing.peer, confirmable ? &r->thing : NULL,
                                          confirmable ? PROA_COAP_CON : PROA_COAP_NON, bytes);
    if (m == NULL) {
        return PROA_E_FULL;
    }
    r->message = confirmable ? m : NULL;
    proa__message_start(c, m);
    if (!confirmable) {
        r->mid = m->mid;
        r->has_mid = true;
    }
    return PROA_OK;
}

proa_err proa_coap_notify(proa_coap *c, uint64_t now_ms, proa_coap_id relation,
                          const proa_coap_response *response, bool confirmable)
{
    c->now_ms = now_ms;
    proa__relation *r = living(c, relation);
    if (r == NULL) {
        return PROA_E_NOT_FOUND;
    }
    bool is_last = PROA_COAP_CLASS(response->code) != 2;
    proa__shape shape = {.type = PROA_COAP_NON, .token = r->token};
    shape.has_observe = !is_last;
    shape.observe = (r->seq + 1) & SEQ_MASK;
    shape.has_block2 = true;
    shape.block2.szx = r->szx;
    bool whole;
    int len = proa__compose_response(c, response, &shape, c->scratch, &whole);
    if (len < 0) {
        return PROA_E_TOO_LARGE;
    }
    confirmable = confirmable || proa__seconds(now_ms) - r->con_s >= CON_INTERVAL_S;
    proa_err err = transmit(c, r, proa_span_make(c->scratch, (size_t)len), confirmable);
    if (err != PROA_OK) {
        return err;
    }
    r->seq = shape.observe;
    if (is_last) {
        if (r->message != NULL) {
            r->message->owner = NULL; /* it goes on by itself until it is acknowledged */
            r->message = NULL;
        }
        proa__relation_free(c, r);
    }
    return PROA_OK;
}

void proa__relation_acked(proa_coap *c, proa__relation *r)
{
    r->con_s = proa__seconds(c->now_ms);
    if (!proa__is_linked(&r->delivered)) {
        proa__list_append(&c->delivered, &r->delivered);
    }
}
