/* SPDX-License-Identifier: Apache-2.0 */
/* What is different for messages that OSCORE protects (RFC 8613 §8): when they are opened and sealed,
 * and what happens when they cannot be. Everything else about them is as for any other message.
 *
 *     a request comes      deduplication by the way it came, then it is opened; the sender is the
 *                          account whose keys opened it, and rides on that way from now on if this
 *                          was its newest
 *     a response comes     found by its Token; opened for the binding of its request
 *     a request goes       a number for each round; each copy is composed anew and sealed under it,
 *                          so copies are equal
 *     a response goes      sealed once; copies come from memory
 *
 * A held observation keeps the binding of the request that began it; fetching the rest of a long
 * notification takes place under another.
 *
 * Linked only where a program gives the engine an OSCORE table. */
#include "core/coap/engine_internal.h"

static const proa_coap_oscore *oscore_of(const proa_coap *c)
{
    return c->config.oscore;
}

/* Reads what was opened. False if it is no message; OSCORE has checked that it is one. It is wiped
 * with the event that borrows it. `block` is of its outside. */
static bool read_inner(proa_coap *c, const proa_coap_inner *inner, uint32_t block, proa__heard *h)
{
    c->inner_len = (uint16_t)inner->message.len;
    h->bytes = inner->message;
    if (proa_coap_parse(&h->msg, inner->message) != PROA_OK) {
        return false;
    }
    proa__options_read(h);
    h->fields.oscore = proa_span_make(NULL, 0);
    h->outer_block = proa__block_is_part(block) ? block : PROA__NONE;
    return true;
}

/* ---- answering -------------------------------------------------------------------------- */

void proa__send_back(proa_coap *c, proa__peer *way, const proa__heard *h, proa_span answer)
{
    bool is_con = h->msg.type == PROA_COAP_CON;
    proa__message *m =
        proa__message_copy(c, way, NULL, is_con ? PROA_COAP_ACK : PROA_COAP_NON, answer);
    if (m != NULL) {
        m->timed.thing.mid = h->msg.mid;
        proa__message_start(c, m);
    }
}

static void serve(proa_coap *c, proa__peer *way, const proa__heard *h, const proa_coap_inner *inner)
{
    proa__heard opened;
    if (read_inner(c, inner, h->fields.block1, &opened)) {
        proa__peer *peer = proa__peer_of_account(c, inner->account, way, inner->newest);
        proa__way_heard(way, h->bytes.len);
        proa__serve_new(c, peer, way, &opened, &inner->binding, false);
    }
}

/* `bytes` are the whole of what h is the last part of, and stand in `body` if there are others. */
static void open_request(proa_coap *c, proa__peer *way, const proa__heard *h, proa_span bytes,
                         proa__body *body)
{
    const proa_coap_oscore *o = oscore_of(c);
    proa_coap_inner inner;
    proa_coap_opened what =
        o->open_request(o->ctx, c->now_ms, bytes, c->inner, PROA_DATAGRAM_MAX, &inner);
    proa__body_free(c, &body);
    switch (what) {
    case PROA_COAP_OPENED:
        serve(c, way, h, &inner);
        break;
    case PROA_COAP_OPENED_ANSWER:
        proa__send_back(c, way, h, inner.message);
        break;
    case PROA_COAP_OPENED_REFUSED:
        proa__refuse(c, &way->name, h, inner.code)->max_age = 0; /* §8.2: it must not be cached */
        break;
    case PROA_COAP_OPENED_STRANGER:
        proa__serve_new(c, way, way, h, NULL, false);
        break;
    case PROA_COAP_OPENED_NOT:
    case PROA_COAP_OPENED_RETRY:
    case PROA_COAP_OPENED_KNOWN:
        break;
    }
}

static void request(proa_coap *c, const proa_coap_peer *from, const proa__heard *h, bool multicast)
{
    const proa_coap_outer *outer = c->config.outer_blocks;
    proa__peer *way = multicast ? NULL : proa__peer_take(c, from);
    if (way == NULL) {
        return;
    }
    proa__received *r = proa__received_find(c, way, &h->msg);
    if (r != NULL) {
        proa__way_heard(way, h->bytes.len);
        proa__received_again(c, r, h->msg.type);
    } else if (!proa__block_is_part(h->fields.block1)) {
        open_request(c, way, h, h->bytes, NULL);
    } else if (outer == NULL) { /* more than a datagram is too large, RFC 8613 §4.1.3.4.2 */
        proa__refuse(c, from, h, PROA_COAP_REQUEST_ENTITY_TOO_LARGE)->max_age = 0;
    } else {
        proa_span whole;
        proa__body *body = outer->request(c, way, h, &whole);
        if (body != NULL) {
            open_request(c, way, h, whole, body);
        }
    }
}

static proa_span reply(proa_coap *c, proa_coap_binding *binding, bool notification, proa_span bytes)
{
    const proa_coap_oscore *o = oscore_of(c);
    int len = o->begin_response(o->ctx, binding, notification) == PROA_OK
                  ? o->seal(o->ctx, binding, bytes, c->out, c->datagram_max)
                  : 0;
    return proa_span_make(c->out, len > 0 ? (size_t)len : 0);
}

/* ---- asking ----------------------------------------------------------------------------- */

static proa_coap_binding *binding_of(proa__request *q, bool rest)
{
    return rest ? &q->body->rest : &q->order.sealed;
}

static int compose(proa_coap *c, proa__request *q, const proa__message *m)
{
    const proa_coap_oscore *o = oscore_of(c);
    const proa_coap_outer *outer = c->config.outer_blocks;
    proa_coap_binding *binding = binding_of(q, proa__request_fetches_rest(q));
    bool goes_on = outer != NULL && outer->goes_on(c, q);
    proa_err err = m->transmissions > 0 || q->asks_outside
                       ? PROA_OK
                       : o->begin_request(o->ctx, q->thing.peer->name.account, binding);
    if (err != PROA_OK) {
        return err;
    }
    int len = proa__request_compose(c, q, m, c->inner);
    PROA_ASSERT(len > 0); /* its size was checked when it was accepted */
    proa_span message = proa_span_make(c->inner, (size_t)len);
    len = o->seal(o->ctx, binding, message, c->out, c->datagram_max);
    proa_wipe(c->inner, message.len);
    return len > 0 && goes_on ? (int)outer->ask(c, q, (size_t)len) : len;
}

static void acknowledge(proa_coap *c, const proa__peer *way, const proa__heard *h)
{
    if (h->msg.type == PROA_COAP_CON) {
        proa__instant_add(c, &way->name, &h->msg, PROA_COAP_ACK, PROA_COAP_EMPTY);
    }
}

/* Anybody can have said that, so the request goes on; who asked may have reason to believe it. */
static void tell_unprotected(proa_coap *c, const proa__request *q, const proa__heard *h)
{
    (void)proa__event(c, PROA_COAP_EVENT_UNPROTECTED, &q->thing, &h->msg);
    c->counts.unprotected++;
}

static void open_response(proa_coap *c, proa__peer *way, proa__request *q, const proa__heard *h,
                          proa_span bytes, proa__body *body)
{
    const proa_coap_oscore *o = oscore_of(c);
    proa_coap_inner inner;
    proa__heard opened;
    proa_coap_opened what = o->open_response(o->ctx, binding_of(q, proa__is_of_rest(h)), bytes,
                                             c->inner, PROA_DATAGRAM_MAX, &inner);
    proa__body_free(c, &body);
    switch (what) {
    case PROA_COAP_OPENED:
        proa__way_prove(c, way);
        if (read_inner(c, &inner, h->fields.block2, &opened)) {
            proa__response_to(c, way, q, &opened);
        }
        break;
    case PROA_COAP_OPENED_RETRY:
        acknowledge(c, way, h);
        if (q->message != NULL) {
            (void)proa__request_round(c, q);
        }
        break;
    case PROA_COAP_OPENED_KNOWN:
        acknowledge(c, way, h); /* the ACK to the first copy was lost */
        break;
    case PROA_COAP_OPENED_NOT:
    case PROA_COAP_OPENED_ANSWER:
    case PROA_COAP_OPENED_REFUSED:
    case PROA_COAP_OPENED_STRANGER:
        break;
    }
}

static void response(proa_coap *c, proa__peer *way, proa__request *q, const proa__heard *h)
{
    const proa_coap_outer *outer = c->config.outer_blocks;
    if (proa__is_of_rest(h) && !proa__request_fetches_rest(q)) {
        return; /* of a round that is over */
    }
    if (h->fields.oscore.data == NULL) {
        if (!q->cancelling) {
            tell_unprotected(c, q, h);
        }
    } else if (!proa__block_is_part(h->fields.block2)) {
        open_response(c, way, q, h, h->bytes, NULL);
    } else if (outer != NULL && q->message != NULL && q->message->transmissions > 0) {
        proa_span whole;
        acknowledge(c, way, h);
        proa__body *body = outer->response(c, way, q, h, &whole);
        if (body != NULL) {
            open_response(c, way, q, h, whole, body);
        }
    }
}

const proa_coap_sealed proa_coap_sealed_part = {request, response, compose, reply};
