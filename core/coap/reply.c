/* SPDX-License-Identifier: Apache-2.0 */
/* The server role: a peer's request from its first copy to the end of its response (RFC 7252 §5.2).
 *
 * An exchange is open until its response is done:
 *
 *     open      the application has it. CON: an empty ACK goes out when it takes long or says so
 *     acked     the empty ACK went out; the response will be separate (§5.2.2)
 *     answered  only for a separate CON response: its ACK is awaited
 *
 * The record of the received message (dedup.c) outlives it and answers repetitions. What can be
 * refused without asking anybody is refused here without leaving a trace: unknown critical options,
 * proxying, no room. */
#include "core/coap/engine_internal.h"

/* RFC 7252 §8.2, DEFAULT_LEISURE: answers to a multicast are spread over this time. */
#define LEISURE_MS 5000U

static bool is_safe(uint8_t code)
{
    return code == PROA_COAP_GET || code == PROA_COAP_FETCH;
}

static proa__harm harm_of(uint8_t code)
{
    if (is_safe(code)) {
        return PROA__HARM_NONE;
    }
    return code == PROA_COAP_PUT || code == PROA_COAP_DELETE || code == PROA_COAP_IPATCH
               ? PROA__HARM_LITTLE
               : PROA__HARM_FULL;
}

/* ---- sending replies -------------------------------------------------------------------- */

proa_span proa__sealed_reply(proa_coap *c, const proa__peer *peer, proa_coap_binding *binding,
                             bool notification, proa_span bytes)
{
    return proa__is_sealed(peer) ? c->config.oscore->part->reply(c, binding, notification, bytes)
                                 : bytes;
}

/* The piggybacked response. What cannot be remembered is sent once at least. */
static void reply_ack(proa_coap *c, proa__received *r, proa_span bytes)
{
    proa__message *m = NULL;
    if (!proa__received_store(c, r, bytes)) {
        m = proa__message_copy(c, r->thing.peer, NULL, PROA_COAP_ACK, bytes);
    }
    if (m == NULL) {
        proa__received_owe(c, r);
        return;
    }
    m->timed.thing.mid = r->thing.mid;
    proa__message_start(c, m);
}

/* Hands the composed bytes to the message layer and ends the exchange, unless an ACK is due.
 * PROA_OK or PROA_E_FULL. */
static proa_err dispatch(proa_coap *c, proa__exchange *x, proa_span bytes)
{
    bytes = proa__sealed_reply(c, x->timed.thing.peer, &x->binding, false, bytes);
    if (bytes.len == 0) {
        return PROA_E_FULL;
    }
    if (x->outer_block1 != PROA__NONE) {
        bytes = c->config.outer_blocks->reply(c, bytes, x->outer_block1);
    }
    if (!x->non && !x->acked) {
        reply_ack(c, x->received, bytes);
        proa__exchange_free(c, x);
        return PROA_OK;
    }
    proa__message *m =
        proa__message_copy(c, x->received->thing.peer, x->non ? NULL : &x->timed.thing,
                           x->non ? PROA_COAP_NON : PROA_COAP_CON, bytes);
    if (m == NULL) {
        return PROA_E_FULL;
    }
    if (x->multicast) {
        proa__message_delay(c, m, proa_random_below(&c->config.random, LEISURE_MS));
    } else {
        proa__message_start(c, m);
    }
    if (x->non) {
        proa__exchange_free(c, x);
    } else {
        x->message = m;
        proa_heap_clear(&c->timers, &x->timed.timer);
    }
    return PROA_OK;
}

/* ---- the end of an exchange ------------------------------------------------------------- */

void proa__exchange_free(proa_coap *c, proa__exchange *x)
{
    proa__message_free(c, &x->message);
    if (x->received->state == PROA__REPLY_NONE) {
        x->received->state = PROA__REPLY_SILENT;
    }
    proa__received_close(c, x->received);
    proa__thing_free(c, &x->timed.thing);
}

static void wait(proa_coap *c, proa__exchange *x, uint32_t ms)
{
    proa_heap_set(&c->timers, &x->timed.timer, c->now_ms + ms);
}

static void send_empty_ack(proa_coap *c, proa__exchange *x)
{
    if (!x->non && !x->acked) {
        x->acked = true;
        x->received->state = PROA__REPLY_EMPTY;
        proa__received_owe(c, x->received);
    }
    /* An application that never answers must not keep the place for ever. */
    wait(c, x, c->config.timing.response_timeout_ms);
}

void proa__exchange_due(proa_coap *c, proa__exchange *x)
{
    if (x->non || x->acked) {
        proa__exchange_free(c, x);
    } else {
        send_empty_ack(c, x);
    }
}

static proa__exchange *open_exchange(const proa_coap *c, proa_coap_id id)
{
    proa__exchange *x = proa__get(c, PROA__EXCHANGE, id);
    return x == NULL || x->message != NULL ? NULL : x;
}

void proa_coap_defer(proa_coap *c, uint64_t now_ms, proa_coap_id exchange)
{
    c->now_ms = now_ms;
    proa__exchange *x = open_exchange(c, exchange);
    if (x != NULL && !x->acked) {
        send_empty_ack(c, x);
    }
}

void proa_coap_ignore(proa_coap *c, proa_coap_id exchange)
{
    proa__exchange *x = open_exchange(c, exchange);
    if (x != NULL) {
        x->received->harm = PROA__HARM_NONE;
        proa__exchange_free(c, x);
    }
}

/* ---- responses -------------------------------------------------------------------------- */

static bool is_later_block(const proa__exchange *x)
{
    return x->block2 != PROA__NONE && x->block2 >> 4 != 0;
}

static void draft_reply(const proa__exchange *x, uint8_t code, proa__draft *draft)
{
    proa__draft_init(draft, x->non ? PROA_COAP_NON : PROA_COAP_ACK, code, x->received->thing.mid,
                     &x->received->thing.token);
    draft->fields.block1 = x->block1;
}

/* RFC 7967 §2.1: one bit per class the peer does not want; and RFC 7252 §8.2. */
static bool is_unwanted(const proa__exchange *x, uint8_t code)
{
    unsigned class_ = PROA_COAP_CLASS(code);
    return (x->no_response >> (class_ - 1) & 1U) != 0 || (x->multicast && class_ != 2);
}

/* Composes into scratch, or an error in its place. The length; *err says what became of it. */
static int compose(proa_coap *c, const proa__exchange *x, const proa_coap_response *response,
                   proa__draft *draft, proa_err *err)
{
    bool whole = true;
    draft->fields.block2 = x->block2;
    int len = proa__compose_response(c, draft, response, c->scratch, &whole);
    if (len > 0 && !whole && x->keep && !is_later_block(x) &&
        !proa__body_keep(c, x->timed.thing.peer, &x->timed.thing.token, response)) {
        len = PROA_E_TOO_LARGE; /* the rest could never be fetched */
    }
    *err = len == PROA_E_TOO_LARGE ? PROA_E_TOO_LARGE : PROA_OK;
    if (len < 0) {
        proa__draft refusal;
        draft_reply(x,
                    len == PROA_E_RANGE ? PROA_COAP_BAD_REQUEST /* a block behind the end */
                                        : PROA_COAP_INTERNAL_SERVER_ERROR,
                    &refusal);
        len = proa__compose(c, &refusal, c->scratch);
        PROA_ASSERT(len > 0);
    }
    return len;
}

static proa_err send(proa_coap *c, proa__exchange *x, const proa_coap_response *response,
                     proa__draft *draft)
{
    if (is_unwanted(x, response->code)) {
        send_empty_ack(c, x);
        proa__exchange_free(c, x);
        return PROA_OK;
    }
    proa_err err;
    int len = compose(c, x, response, draft, &err);
    proa_err sent = dispatch(c, x, proa_span_make(c->scratch, (size_t)len));
    return sent != PROA_OK ? sent : err;
}

/* ---- a request arrives ------------------------------------------------------------------ */

static proa__exchange *new_exchange(proa_coap *c, proa__peer *peer, proa__peer *way,
                                    const proa__heard *h, bool multicast)
{
    proa__exchange *x = proa__thing_new(c, PROA__EXCHANGE, peer);
    if (x == NULL) {
        return NULL;
    }
    x->received = proa__received_new(c, way, &h->msg, harm_of(h->msg.code));
    if (x->received == NULL) {
        proa__thing_free(c, &x->timed.thing);
        return NULL;
    }
    x->non = h->msg.type == PROA_COAP_NON;
    x->multicast = multicast;
    x->block1 = PROA__NONE;
    x->outer_block1 = h->outer_block;
    x->block2 = h->fields.block2;
    x->no_response = (uint8_t)(h->fields.no_response == PROA__NONE ? 0 : h->fields.no_response);
    return x;
}

/* Answers with a code and ends the exchange. The application was not asked, so that forgetting the
 * message does no harm: it would be answered in the same way. */
static void finish_with(proa_coap *c, proa__exchange *x, uint8_t code)
{
    proa__draft draft;
    x->received->harm = PROA__HARM_NONE;
    draft_reply(x, code, &draft);
    if (code == PROA_COAP_REQUEST_ENTITY_TOO_LARGE) {
        draft.fields.size1 = c->config.body_max;
    }
    int len = proa__compose(c, &draft, c->scratch);
    PROA_ASSERT(len > 0); /* open() made sure that message_max holds this */
    if (x->multicast || dispatch(c, x, proa_span_make(c->scratch, (size_t)len)) != PROA_OK) {
        proa__exchange_free(c, x); /* a NON may be lost */
    }
}

/* A later block of a response that was kept. True if that is what was asked for. */
static bool serve_kept(proa_coap *c, proa__exchange *x, const proa_coap_msg *m)
{
    if (!is_later_block(x) || x->block1 != PROA__NONE) {
        return false;
    }
    proa_coap_token name = proa__body_name(c, m, PROA__BODY_KEPT);
    const proa__body *body = proa__find(c, PROA__BODY, x->timed.thing.peer, &name, 0);
    if (body == NULL) {
        if (!is_safe(m->code)) {
            finish_with(c, x, PROA_COAP_REQUEST_ENTITY_INCOMPLETE); /* doing it again is no way */
        }
        return !is_safe(m->code);
    }
    proa_coap_response response = {.code = body->code,
                                   .payload = proa_span_make(body->bytes, body->len)};
    proa__draft draft;
    draft_reply(x, body->code, &draft);
    draft.fields.content_format = body->format == PROA_FORMAT_NONE ? PROA__NONE : body->format;
    if (send(c, x, &response, &draft) == PROA_E_FULL) {
        proa__exchange_free(c, x); /* the peer will ask again */
    }
    return true;
}

/* Gives a request to the application. */
static void announce(proa_coap *c, proa__exchange *x, const proa__heard *h, proa_span payload)
{
    proa__peer *peer = x->timed.thing.peer;
    proa__relation *r = proa__find(c, PROA__RELATION, peer, &h->msg.token, 0);
    proa_coap_event *event = proa__event(c, PROA_COAP_EVENT_REQUEST, &x->timed.thing, &h->msg);
    event->multicast = x->multicast;
    event->sealed = h->fields.oscore.data != NULL;
    event->msg.payload = payload;
    x->observe = h->fields.observe == 0 && is_safe(h->msg.code) && !is_later_block(x);
    wait(c, x, x->non ? c->config.timing.response_timeout_ms : c->config.timing.separate_after_ms);
    if (r != NULL) {
        event->relation = proa__id(c, &r->thing);
        event->user = r->user;
        if (h->fields.observe == 1) {
            proa__relation_end(c, r); /* RFC 7641 §4.1 */
        } else {
            x->relation = event->relation;
        }
    }
}

static void serve(proa_coap *c, proa__exchange *x, const proa__heard *h)
{
    proa_span payload = h->msg.payload;
    if (x->block2 != PROA__NONE && proa__block_is_bad(x->block2)) {
        finish_with(c, x, PROA_COAP_BAD_REQUEST);
        return;
    }
    if (h->fields.block1 != PROA__NONE) {
        uint8_t code = proa__assemble(c, x->timed.thing.peer, h, &x->block1, &payload);
        if (code != 0) {
            c->counts.refused_full += code == PROA_COAP_SERVICE_UNAVAILABLE;
            finish_with(c, x, code);
            return;
        }
    }
    if (serve_kept(c, x, &h->msg)) {
        return;
    }
    x->keep = !is_safe(h->msg.code) || c->event_body != NULL;
    if (x->keep) {
        x->timed.thing.token = proa__body_name(c, &h->msg, PROA__BODY_KEPT);
    }
    announce(c, x, h, payload);
}

proa__instant *proa__refuse(proa_coap *c, const proa_coap_peer *from, const proa__heard *h,
                            uint8_t code)
{
    return proa__instant_add(c, from, &h->msg,
                             h->msg.type == PROA_COAP_CON ? PROA_COAP_ACK : PROA_COAP_NON, code);
}

static uint8_t code_of(proa__options_verdict verdict)
{
    return verdict == PROA__OPTIONS_PROXY ? PROA_COAP_PROXYING_NOT_SUPPORTED : PROA_COAP_BAD_OPTION;
}

/* RFC 7252 §5.4.1 and §5.7.2. */
static void reject_options(proa_coap *c, const proa_coap_peer *from, const proa__heard *h)
{
    if (h->verdict == PROA__OPTIONS_PROXY || h->msg.type == PROA_COAP_CON) {
        proa__refuse(c, from, h, code_of(h->verdict));
    } else {
        proa__instant_add(c, from, &h->msg, PROA_COAP_RST, PROA_COAP_EMPTY);
    }
}

void proa__serve_new(proa_coap *c, proa__peer *peer, proa__peer *way, const proa__heard *h,
                     const proa_coap_binding *binding, bool multicast)
{
    proa__exchange *x = peer == NULL ? NULL : new_exchange(c, peer, way, h, multicast);
    if (x == NULL) {
        c->counts.refused_full++;
        if (!multicast) {
            proa__refuse(c, &way->name, h, PROA_COAP_SERVICE_UNAVAILABLE);
        }
        return;
    }
    if (binding != NULL) {
        x->binding = *binding;
    }
    if (h->verdict != PROA__OPTIONS_OK) {
        finish_with(c, x, code_of(h->verdict));
    } else if (h->fields.oscore.data != NULL) {
        x->block2 = PROA__NONE; /* a cover; there is no more to be read from it */
        announce(c, x, h, h->msg.payload);
    } else {
        serve(c, x, h);
    }
}

void proa__on_request(proa_coap *c, const proa_coap_peer *from, const proa__heard *h,
                      bool multicast)
{
    if (h->fields.oscore.data != NULL && c->config.oscore != NULL) {
        c->config.oscore->part->request(c, from, h, multicast);
        return;
    }
    if (h->verdict != PROA__OPTIONS_OK || h->fields.oscore.data != NULL) {
        if (!multicast) { /* to a multicast nobody says no (§8.2) */
            reject_options(c, from, h);
        }
        return;
    }
    proa__peer *peer = proa__peer_take(c, from);
    proa__received *r = peer == NULL ? NULL : proa__received_find(c, peer, &h->msg);
    if (r != NULL) {
        proa__received_again(c, r, h->msg.type);
        return;
    }
    if (peer != NULL) {
        proa__serve_new(c, peer, peer, h, NULL, multicast);
        return;
    }
    c->counts.refused_full++;
    if (!multicast) {
        proa__refuse(c, from, h, PROA_COAP_SERVICE_UNAVAILABLE);
    }
}

/* ---- the application answers ------------------------------------------------------------ */

/* Nothing was done, so that doing nothing again is no harm. Without this, strangers could fill the
 * memory of deduplication, and the places of peers, with requests that nobody serves. */
static bool is_refusal(uint8_t code)
{
    return code == PROA_COAP_UNAUTHORIZED || code == PROA_COAP_FORBIDDEN;
}

/* The Observe of the response, or PROA__NONE; a wish that was not granted ends what there was. */
static uint32_t settle_relation(proa_coap *c, const proa__exchange *x, uint8_t code)
{
    proa__relation *r =
        x->observe && x->relation != 0 ? proa__get(c, PROA__RELATION, x->relation) : NULL;
    if (r == NULL || r->ended) {
        return PROA__NONE;
    }
    if (x->accepted && PROA_COAP_CLASS(code) == 2) {
        r->seq = (r->seq + 1) & 0xffffffU;
        return r->seq;
    }
    if (x->accepted) {
        proa__relation_free(c, r);
    } else {
        proa__relation_end(c, r);
    }
    return PROA__NONE;
}

proa_err proa_coap_respond(proa_coap *c, uint64_t now_ms, proa_coap_id exchange,
                           const proa_coap_response *response)
{
    c->now_ms = now_ms;
    proa__exchange *x = open_exchange(c, exchange);
    if (x == NULL) {
        return PROA_E_NOT_FOUND;
    }
    PROA_ASSERT(PROA_COAP_CLASS(response->code) >= 2);
    proa__draft draft;
    draft_reply(x, response->code, &draft);
    draft.fields.observe = settle_relation(c, x, response->code);
    if (is_refusal(response->code)) {
        x->received->harm = PROA__HARM_NONE;
    }
    return send(c, x, response, &draft);
}
