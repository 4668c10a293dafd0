/* SPDX-License-Identifier: Apache-2.0 */
/* What peers sent and what was replied, so that a repetition is recognised by (peer, Message ID,
 * Token) and answered the same way without being done again (RFC 7252 §4.2, §4.5).
 *
 * A record is open while its exchange is; then it ages in one of three lists, oldest first, by the
 * harm that a repetition would do. After EXCHANGE_LIFETIME it is forgotten. When room is needed,
 * the oldest harmless one goes, then the oldest idempotent one; the others stay, and who comes then
 * is answered 5.03. A reply that finds no room is remembered by its code alone, which the record
 * itself holds. */
#include "core/coap/engine_internal.h"

/* EXCHANGE_LIFETIME with the default parameters, §4.8.2: a peer's own are unknown. */
#define LIFETIME_S 247U

static bool is_over(const proa_coap *c, const proa__received *r)
{
    return proa__now_s(c) >= r->since_s + LIFETIME_S;
}

/* A copy is equal, so it has the same Token. What has another one under a Message ID that we remember
 * is another message: of a peer that rebooted, and began to count where it had been before. */
proa__received *proa__received_find(proa_coap *c, const proa__peer *peer, const proa_coap_msg *m)
{
    proa__thing *thing = proa__find(c, PROA__RECEIVED, peer, NULL, m->mid);
    while (thing != NULL &&
           !(thing->kind == PROA__RECEIVED && thing->peer == peer && thing->mid == m->mid &&
             proa_coap_token_equal(&thing->token, &m->token))) {
        thing = thing->next;
    }
    proa__received *r = thing == NULL ? NULL : PROA__OF(proa__received, thing, thing);
    return r != NULL && proa__is_linked(&r->thing.link) && is_over(c, r) ? NULL : r;
}

static void forget(proa_coap *c, proa__received *r)
{
    proa__cells_release(&c->reply_cells, r->reply);
    proa__thing_free(c, &r->thing);
}

/* The oldest of a list that may go: whose reply has left and, if `dead`, whose peer is gone. */
static proa__received *oldest(const proa__link *list, bool dead)
{
    for (proa__link *at = list->next; at != list; at = at->next) {
        proa__received *r = PROA__OF(proa__received, thing.link, at);
        if (!r->owed && (r->thing.peer->dead || !dead)) {
            return r;
        }
    }
    return NULL;
}

static void expire(proa_coap *c)
{
    for (size_t harm = 0; harm < PROA__HARMS; harm++) {
        proa__received *r;
        while ((r = oldest(&c->lists[PROA__AGING + harm], false)) != NULL && is_over(c, r)) {
            forget(c, r);
        }
    }
}

/* Forgets the least harmful one; false if there is none. */
static bool evict(proa_coap *c, proa__harm harm_max, bool dead)
{
    for (size_t harm = 0; harm <= harm_max; harm++) {
        proa__received *r = oldest(&c->lists[PROA__AGING + harm], dead);
        if (r != NULL) {
            forget(c, r);
            return true;
        }
    }
    return false;
}

bool proa__received_yield(proa_coap *c)
{
    expire(c);
    return evict(c, PROA__HARM_FULL, true) || evict(c, PROA__HARM_LITTLE, false);
}

proa__received *proa__received_new(proa_coap *c, proa__peer *peer, const proa_coap_msg *m,
                                   proa__harm harm)
{
    proa__received *r;
    expire(c);
    do {
        r = proa__thing_new(c, PROA__RECEIVED, peer);
    } while (r == NULL && evict(c, PROA__HARM_LITTLE, false));
    if (r != NULL) {
        r->since_s = proa__next_s(c);
        r->thing.mid = m->mid;
        r->thing.token = m->token;
        r->harm = (uint8_t)(harm & 3U);
        proa__index_add(c, &r->thing);
    }
    return r;
}

bool proa__received_store(proa_coap *c, proa__received *r, proa_span reply)
{
    r->state = PROA__REPLY_STORED;
    r->code = reply.data[1];
    if (reply.len == 4U + r->thing.token.len) {
        return true; /* header and Token only */
    }
    while (!proa__cells_store(&c->reply_cells, reply, &r->reply)) {
        if (!evict(c, PROA__HARM_LITTLE, false)) {
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
    r->since_s = proa__next_s(c);
    proa__list_append(&c->lists[PROA__AGING + r->harm], &r->thing.link);
}

void proa__received_owe(proa_coap *c, proa__received *r)
{
    if (!r->owed) {
        r->owed = true;
        r->next_owed = NULL;
        *c->owed_end = r;
        c->owed_end = &r->next_owed;
    }
}

void proa__received_again(proa_coap *c, proa__received *r, proa_coap_type type)
{
    c->counts.duplicates++;
    if (type == PROA_COAP_CON &&
        (r->state == PROA__REPLY_EMPTY || r->state == PROA__REPLY_STORED) &&
        proa__way_affords(r->thing.peer, r->reply_len)) {
        proa__received_owe(c, r);
    }
}

bool proa__received_emit(proa_coap *c, proa_coap_peer *to, proa_span *datagram)
{
    proa__received *r = c->owed;
    if (r == NULL) {
        return false;
    }
    c->owed = r->next_owed;
    if (c->owed == NULL) {
        c->owed_end = &c->owed;
    }
    r->owed = false;
    int len = (int)r->reply_len;
    if (r->reply != 0) {
        proa__cells_load(&c->reply_cells, r->reply, c->out, r->reply_len);
    } else {
        bool empty = r->state == PROA__REPLY_EMPTY;
        proa__draft draft;
        proa__draft_init(&draft, PROA_COAP_ACK, empty ? PROA_COAP_EMPTY : r->code, r->thing.mid,
                         empty ? NULL : &r->thing.token);
        len = proa__compose(c, &draft, c->out);
    }
    proa__way_spend(r->thing.peer, (size_t)len);
    *to = r->thing.peer->name;
    *datagram = proa_span_make(c->out, (size_t)len);
    return true;
}
