/* SPDX-License-Identifier: Apache-2.0 */
/* The server role of observing (RFC 7641 §4): who observes, under which Token, and the one
 * confirmable notification that may be under way per relation.
 *
 * A relation is found by (peer, Token). While its CON is unacknowledged a newer notification waits
 * in that message and takes its place at the next retransmission or right after the ACK (§4.5.2).
 * NON notifications leave at once and are remembered by the Message ID of the newest, for its RST.
 * What is observed and when something is to be told is the application's business. */
#include "core/coap/engine_internal.h"

/* A client has to confirm its interest at least once a day, §4.5. */
#define CON_INTERVAL_S (24U * 60U * 60U)
#define SEQ_MASK 0xffffffU

/* ---- beginning and end ------------------------------------------------------------------ */

/* No longer found, nothing under way. */
static void release(proa_coap *c, proa__relation *r)
{
    proa__message_free(c, &r->message);
    proa__unlink(&r->delivered);
    proa__index_remove(c, &r->thing);
    r->ended = true;
}

void proa__relation_free(proa_coap *c, proa__relation *r)
{
    release(c, r);
    proa__thing_free(c, &r->thing);
}

void proa__relation_end(proa_coap *c, proa__relation *r)
{
    release(c, r);
    proa__thing_end(c, &r->thing);
}

static proa__relation *living(const proa_coap *c, proa_coap_id id)
{
    proa__relation *r = proa__get(c, PROA__RELATION, id);
    return r == NULL || r->ended ? NULL : r;
}

void proa_coap_unobserve(proa_coap *c, proa_coap_id relation)
{
    proa__relation *r = living(c, relation);
    if (r != NULL) {
        proa__relation_free(c, r);
    }
}

proa_err proa_coap_accept(proa_coap *c, proa_coap_id exchange, uint64_t user,
                          proa_coap_id *relation)
{
    *relation = 0;
    proa__exchange *x = proa__get(c, PROA__EXCHANGE, exchange);
    if (x == NULL || !x->observe || x->message != NULL) {
        return PROA_E_STATE;
    }
    proa__peer *peer = x->timed.thing.peer;
    const proa_coap_token *token = &x->received->thing.token;
    proa__relation *r = proa__find(c, PROA__RELATION, peer, token, 0);
    if (r == NULL) {
        r = proa__thing_new(c, PROA__RELATION, peer);
        if (r == NULL) {
            return PROA_E_FULL;
        }
        r->thing.token = *token;
        proa__index_add(c, &r->thing);
    }
    proa__message_free(c, &r->message); /* the response tells what it would have told */
    r->user = user;
    r->con_s = proa__now_s(c);
    r->szx =
        x->block2 == PROA__NONE ? c->szx : (uint8_t)proa__least(proa__block_szx(x->block2), c->szx);
    r->binding = x->binding;
    x->accepted = true;
    x->relation = proa__id(c, &r->thing);
    *relation = x->relation;
    return PROA_OK;
}

void proa__relation_move(proa_coap *c, proa__relation *r, proa__peer *to)
{
    if (proa__find(c, PROA__RELATION, to, &r->thing.token, 0) != NULL) {
        proa__relation_end(c, r); /* observed anew under the new name already */
        return;
    }
    r->has_mid = false;
    proa__thing_move(c, &r->thing, r->message, to);
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
        r->thing.mid = m->timed.thing.mid;
        r->has_mid = true;
    }
    return PROA_OK;
}

/* A CON is better than a NON when somebody says that nobody observes, when it is not known whether
 * the observer is there, and once a day. */
static bool wants_ack(const proa_coap *c, const proa__relation *r)
{
    const proa__peer *peer = r->thing.peer;
    const proa__peer *way = peer->way == NULL ? peer : peer->way;
    return r->doubt || way->is_doubted || proa__now_s(c) - r->con_s >= CON_INTERVAL_S;
}

/* The last one goes on by itself until it is acknowledged. */
static void let_go(proa__relation *r)
{
    if (r->message != NULL) {
        r->message->owner = NULL;
        r->message->is_last = proa__is_sealed(r->thing.peer);
        r->message = NULL;
    }
}

static proa_err notify(proa_coap *c, proa__relation *r, const proa_coap_response *response,
                       bool confirmable)
{
    bool is_last = PROA_COAP_CLASS(response->code) != 2;
    uint32_t seq = (r->seq + 1) & SEQ_MASK;
    proa__draft draft;
    bool whole;
    proa__draft_init(&draft, PROA_COAP_NON, 0, 0, &r->thing.token);
    draft.fields.observe = is_last ? PROA__NONE : seq;
    draft.fields.block2 = r->szx;
    int len = proa__compose_response(c, &draft, response, c->scratch, &whole);
    if (len < 0) {
        return PROA_E_TOO_LARGE;
    }
    proa_span bytes = proa__sealed_reply(c, r->thing.peer, &r->binding, true,
                                         proa_span_make(c->scratch, (size_t)len));
    proa_err err =
        bytes.len == 0 ? PROA_E_FULL : transmit(c, r, bytes, confirmable || wants_ack(c, r));
    if (err == PROA_OK) {
        r->doubt = false;
        r->seq = seq;
    }
    if (err == PROA_OK && is_last) {
        let_go(r);
    }
    return err;
}

proa_err proa_coap_notify(proa_coap *c, uint64_t now_ms, proa_coap_id relation,
                          const proa_coap_response *response, bool confirmable)
{
    c->now_ms = now_ms;
    proa__relation *r = living(c, relation);
    if (r == NULL) {
        return PROA_E_NOT_FOUND;
    }
    proa_err err = notify(c, r, response, confirmable);
    if (err == PROA_OK && PROA_COAP_CLASS(response->code) != 2) {
        proa__relation_free(c, r);
    }
    return err;
}

void proa__relation_dismiss(proa_coap *c, proa__relation *r)
{
    const proa_coap_response last = {.code = PROA_COAP_UNAUTHORIZED};
    (void)!notify(c, r, &last, true); /* without keys or room it just ends */
    proa__relation_end(c, r);
}

void proa__relation_acked(proa_coap *c, proa__relation *r)
{
    r->con_s = proa__now_s(c);
    if (!proa__is_linked(&r->delivered)) {
        proa__list_append(&c->lists[PROA__DELIVERED], &r->delivered);
    }
}
