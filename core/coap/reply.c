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
#include <string.h>

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

static bool reply_non(proa_coap *c, proa__received *r, proa_span bytes, bool multicast)
{
    proa__message *m = proa__message_copy(c, r->peer, NULL, PROA_COAP_NON, bytes);
    if (m == NULL) {
        return false;
    }
    if (multicast) {
        proa__message_delay(c, m, proa_random_below(&c->config.random, LEISURE_MS));
    } else {
        proa__message_start(c, m);
    }
    return true;
}

/* The piggybacked response. What cannot be remembered is sent once at least. */
static void reply_ack(proa_coap *c, proa__received *r, proa_span bytes)
{
    proa__message *m = NULL;
    if (!proa__received_store(c, r, bytes)) {
        m = proa__message_copy(c, r->peer, NULL, PROA_COAP_ACK, bytes);
    }
    if (m == NULL) {
        proa__received_owe(c, r);
        return;
    }
    m->mid = r->mid;
    proa__message_start(c, m);
}

/* An answer of the engine's own, composed in scratch. False: no place for a NON. */
static bool reply_code(proa_coap *c, proa__received *r, bool non, const proa__shape *extra,
                       uint8_t code)
{
    proa__draft draft = {.type = non ? PROA_COAP_NON : PROA_COAP_ACK,
                         .code = code,
                         .mid = r->mid,
                         .token = r->token};
    if (extra != NULL && extra->has_block1) {
        proa__draft_add_uint(&draft, PROA_COAP_OPT_BLOCK1, extra->block1);
    }
    if (code == PROA_COAP_REQUEST_ENTITY_TOO_LARGE) {
        proa__draft_add_uint(&draft, PROA_COAP_OPT_SIZE1, c->config.body_max);
    }
    int len = proa__compose(&draft, c->scratch, c->config.message_max);
    PROA_ASSERT(len > 0); /* open() made sure that message_max holds this */
    proa_span bytes = proa_span_make(c->scratch, (size_t)len);
    if (non) {
        return reply_non(c, r, bytes, false);
    }
    reply_ack(c, r, bytes);
    return true;
}

/* ---- the end of an exchange ------------------------------------------------------------- */

void proa__exchange_free(proa_coap *c, proa__exchange *x)
{
    proa_heap_clear(&c->exchange_heap, &x->timer);
    if (x->message != NULL) {
        proa__message_free(c, x->message);
    }
    if (x->received->state == PROA__REPLY_NONE) {
        x->received->state = PROA__REPLY_SILENT;
    }
    proa__received_close(c, x->received);
    proa_handle handle = x->thing.handle;
    proa__thing_detach(c, &x->thing);
    proa_pool_give(&c->exchanges, handle);
}

static void send_empty_ack(proa_coap *c, proa__exchange *x)
{
    if (!x->non && !x->acked) {
        x->acked = true;
        x->received->state = PROA__REPLY_EMPTY;
        proa__received_owe(c, x->received);
    }
    /* An application that never answers must not keep the place for ever. */
    proa_heap_set(&c->exchange_heap, &x->timer, c->now_ms + c->config.timing.response_timeout_ms);
}

void proa__exchange_run(proa_coap *c, uint64_t now_ms)
{
    proa_timer *timer;
    while ((timer = proa_heap_take_due(&c->exchange_heap, now_ms)) != NULL) {
        proa__exchange *x = PROA__OF(proa__exchange, timer, timer);
        if (x->non || x->acked) {
            proa__exchange_free(c, x);
        } else {
            send_empty_ack(c, x);
        }
    }
}

static proa__exchange *open_exchange(const proa_coap *c, proa_coap_id id)
{
    proa__exchange *x = proa_pool_get(&c->exchanges, id);
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

/* ---- a request arrives ------------------------------------------------------------------ */

static void refuse_full(proa_coap *c, const proa_coap_peer *from, const proa_coap_msg *m,
                        bool multicast)
{
    c->stats.refused_full++;
    if (!multicast) {
        proa__instant_code(c, from, m, PROA_COAP_SERVICE_UNAVAILABLE);
    }
}

/* A repetition: the same reply again, or none while there is none (§4.2). */
static void repeat(proa_coap *c, proa__received *r, const proa_coap_msg *m)
{
    c->stats.duplicates++;
    if (m->type == PROA_COAP_CON &&
        (r->state == PROA__REPLY_EMPTY || r->state == PROA__REPLY_STORED)) {
        proa__received_owe(c, r);
    }
}

static proa__exchange *new_exchange(proa_coap *c, proa__peer *peer, const proa_coap_msg *m,
                                    bool multicast)
{
    proa_handle handle;
    proa__exchange *x = proa_pool_take(&c->exchanges, &handle);
    if (x == NULL) {
        return NULL;
    }
    x->received = proa__received_new(c, peer, m, harm_of(m->code));
    if (x->received == NULL) {
        proa_pool_give(&c->exchanges, handle);
        return NULL;
    }
    x->code = m->code;
    x->non = m->type == PROA_COAP_NON;
    x->multicast = multicast;
    x->no_response = (uint8_t)proa_coap_option_uint(m, PROA_COAP_OPT_NO_RESPONSE, 0);
    proa__thing_attach(&x->thing, peer, handle, PROA__EXCHANGE);
    return x;
}

/* Answers with a code and ends the exchange. The application was not asked, so that forgetting the
 * message does no harm: it would be answered in the same way. */
static void finish_with(proa_coap *c, proa__exchange *x, uint8_t code)
{
    x->received->harm = PROA__HARM_NONE;
    proa__shape extra = {.has_block1 = x->has_block1, .block1 = x->block1};
    if (!x->multicast) {
        (void)reply_code(c, x->received, x->non, &extra, code); /* a NON may be lost */
    }
    proa__exchange_free(c, x);
}

/* A later block of a response that was kept. True if that is what was asked for. */
static bool serve_kept(proa_coap *c, proa__exchange *x, const proa_coap_msg *m)
{
    if (!x->has_block2 || x->block2.num == 0 || x->has_block1) {
        return false;
    }
    uint64_t key = proa__request_key(c, x->thing.peer, m, false);
    proa__body *body = proa__body_find(c, x->thing.peer, key, PROA__BODY_KEPT);
    if (body == NULL) {
        if (!is_safe(m->code)) {
            finish_with(c, x, PROA_COAP_REQUEST_ENTITY_INCOMPLETE); /* doing it again is no way */
        }
        return !is_safe(m->code);
    }
    uint8_t format[2] = {(uint8_t)(body->format >> 8), (uint8_t)body->format};
    size_t width = proa_uint_width(body->format);
    proa_coap_option option = {PROA_COAP_OPT_CONTENT_FORMAT,
                               proa_span_make(format + 2 - width, width)};
    proa_coap_response response = {.code = body->code,
                                   .options = &option,
                                   .option_count = body->format == PROA_FORMAT_NONE ? 0 : 1,
                                   .payload = proa_span_make(body->bytes, body->len)};
    if (proa_coap_respond(c, c->now_ms, x->thing.handle, &response) == PROA_E_FULL) {
        proa__exchange_free(c, x); /* the peer will ask again */
    }
    return true;
}

static void read_observe(proa_coap *c, proa__exchange *x, const proa_coap_msg *m)
{
    proa__relation *r = proa__relation_find(c, x->thing.peer, &m->token);
    x->relation = r == NULL ? 0 : r->thing.handle;
    if (is_safe(m->code) && (!x->has_block2 || x->block2.num == 0)) {
        x->observe = proa_coap_option_uint(m, PROA_COAP_OPT_OBSERVE, 2) == 0;
    }
}

/* Gives a request to the application. */
static void announce(proa_coap *c, proa__exchange *x, const proa_coap_msg *m, proa_span payload)
{
    read_observe(c, x, m);
    proa_heap_set(&c->exchange_heap, &x->timer,
                  c->now_ms + (x->non ? c->config.timing.response_timeout_ms
                                      : c->config.timing.separate_after_ms));
    proa_coap_event *event = proa__event(c, PROA_COAP_EVENT_REQUEST, x->thing.peer, m);
    event->exchange = x->thing.handle;
    event->relation = x->relation;
    event->multicast = x->multicast;
    event->msg.payload = payload;
    proa__relation *r = x->relation == 0 ? NULL : proa_pool_get(&c->relations, x->relation);
    if (r != NULL) {
        event->user = r->user;
        if (proa_coap_option_uint(m, PROA_COAP_OPT_OBSERVE, 0) == 1) {
            x->relation = 0;
            proa__relation_end(c, r); /* RFC 7641 §4.1 */
        }
    }
}

static void serve(proa_coap *c, proa__exchange *x, const proa_coap_msg *m)
{
    proa_span value;
    proa_span payload = m->payload;
    if (proa_coap_option_find(m, PROA_COAP_OPT_BLOCK2, &value)) {
        x->has_block2 = true;
        if (proa_coap_block_parse(value, &x->block2) != PROA_OK) {
            finish_with(c, x, PROA_COAP_BAD_REQUEST);
            return;
        }
    }
    if (proa_coap_option_find(m, PROA_COAP_OPT_BLOCK1, &value)) {
        uint8_t code;
        x->has_block1 = true;
        if (proa__assemble(c, x->thing.peer, m, value, &code, &x->block1, &payload) ==
            PROA__ASSEMBLY_REPLY) {
            c->stats.refused_full += code == PROA_COAP_SERVICE_UNAVAILABLE;
            finish_with(c, x, code);
            return;
        }
    }
    if (serve_kept(c, x, m)) {
        return;
    }
    x->keep = !is_safe(m->code) || c->event_body != NULL;
    x->kept_key = x->keep ? proa__request_key(c, x->thing.peer, m, false) : 0;
    announce(c, x, m, payload);
}

/* RFC 7252 §5.4.1 and §5.7.2; to a multicast nobody says no (§8.2). */
static bool reject_options(proa_coap *c, const proa_coap_peer *from, const proa_coap_msg *m,
                           bool multicast)
{
    proa__options_verdict verdict = proa__options_check(m);
    if (verdict == PROA__OPTIONS_OK) {
        return false;
    }
    if (multicast) {
        return true;
    }
    if (verdict == PROA__OPTIONS_PROXY) {
        proa__instant_code(c, from, m, PROA_COAP_PROXYING_NOT_SUPPORTED);
    } else if (m->type == PROA_COAP_CON) {
        proa__instant_code(c, from, m, PROA_COAP_BAD_OPTION);
    } else {
        proa__instant_empty(c, from, PROA_COAP_RST, m->mid);
    }
    return true;
}

void proa__on_request(proa_coap *c, const proa_coap_peer *from, const proa_coap_msg *m,
                      bool multicast)
{
    if (reject_options(c, from, m, multicast)) {
        return;
    }
    proa__peer *peer = proa__peer_take(c, from);
    proa__received *r = peer == NULL ? NULL : proa__received_find(c, peer, m->mid);
    if (r != NULL) {
        repeat(c, r, m);
        return;
    }
    proa__exchange *x = peer == NULL ? NULL : new_exchange(c, peer, m, multicast);
    if (x == NULL) {
        refuse_full(c, from, m, multicast);
        return;
    }
    serve(c, x, m);
}

/* ---- the application answers ------------------------------------------------------------ */

/* RFC 7967 §2.1: one bit per class the peer does not want; and RFC 7252 §8.2. */
static bool is_unwanted(const proa__exchange *x, uint8_t code)
{
    unsigned class_ = PROA_COAP_CLASS(code);
    return (x->no_response >> (class_ - 1) & 1U) != 0 || (x->multicast && class_ != 2);
}

/* Nothing was done, so that doing nothing again is no harm. Without this, strangers could fill the
 * memory of deduplication, and the places of peers, with requests that nobody serves. */
static bool is_refusal(uint8_t code)
{
    return code == PROA_COAP_UNAUTHORIZED || code == PROA_COAP_FORBIDDEN;
}

/* Whether the response carries Observe; a wish that was not granted ends what there was. */
static void settle_relation(proa_coap *c, proa__exchange *x, uint8_t code, proa__shape *shape)
{
    proa__relation *r =
        x->observe && x->relation != 0 ? proa_pool_get(&c->relations, x->relation) : NULL;
    if (r == NULL || r->ended) {
        return;
    }
    if (x->accepted && PROA_COAP_CLASS(code) == 2) {
        r->seq = (r->seq + 1) & 0xffffffU;
        shape->has_observe = true;
        shape->observe = r->seq;
    } else if (x->accepted) {
        proa__relation_free(c, r);
    } else {
        proa__relation_end(c, r);
    }
}

/* Hands the composed bytes to the message layer and ends the exchange, unless an ACK is due. */
static proa_err dispatch(proa_coap *c, proa__exchange *x, proa_span bytes)
{
    if (x->non) {
        if (!reply_non(c, x->received, bytes, x->multicast)) {
            return PROA_E_FULL;
        }
    } else if (!x->acked) {
        reply_ack(c, x->received, bytes);
    } else {
        proa__message *m = proa__message_copy(c, x->thing.peer, &x->thing, PROA_COAP_CON, bytes);
        if (m == NULL) {
            return PROA_E_FULL;
        }
        x->message = m;
        proa_heap_clear(&c->exchange_heap, &x->timer);
        proa__message_start(c, m);
        return PROA_OK;
    }
    proa__exchange_free(c, x);
    return PROA_OK;
}

/* Composes into scratch, or an error in its place. The length; *err says what became of it. */
static int compose(proa_coap *c, proa__exchange *x, const proa_coap_response *response,
                   proa__shape *shape, proa_err *err)
{
    bool whole = true;
    int len = proa__compose_response(c, response, shape, c->scratch, &whole);
    proa_coap_response refusal = {.code = PROA_COAP_INTERNAL_SERVER_ERROR};
    *err = PROA_OK;
    if (len == PROA_E_RANGE) {
        refusal.code = PROA_COAP_BAD_REQUEST; /* a block behind the end */
    } else if (len < 0) {
        *err = PROA_E_TOO_LARGE;
    } else if (!whole && x->keep && x->block2.num == 0 &&
               !proa__body_keep(c, x->thing.peer, x->kept_key, response)) {
        *err = PROA_E_TOO_LARGE; /* the rest could never be fetched */
        len = PROA_E_TOO_LARGE;
    }
    if (len < 0) {
        shape->has_observe = false;
        shape->has_block2 = false;
        len = proa__compose_response(c, &refusal, shape, c->scratch, &whole);
        PROA_ASSERT(len > 0);
    }
    return len;
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
    uint8_t echo[PROA__ECHO_LEN];
    proa__shape shape = {.type = PROA_COAP_ACK,
                         .mid = x->received->mid,
                         .token = x->received->token,
                         .has_block1 = x->has_block1,
                         .block1 = x->block1,
                         .has_block2 = x->has_block2,
                         .block2 = x->block2};
    if (response->echo) {
        proa__echo_make(c, &x->thing.peer->name, echo);
        shape.echo = proa_span_make(echo, sizeof echo);
    }
    if (is_refusal(response->code)) {
        x->received->harm = PROA__HARM_NONE;
    }
    settle_relation(c, x, response->code, &shape);
    if (is_unwanted(x, response->code)) {
        send_empty_ack(c, x);
        proa__exchange_free(c, x);
        return PROA_OK;
    }
    proa_err err;
    int len = compose(c, x, response, &shape, &err);
    proa_err sent = dispatch(c, x, proa_span_make(c->scratch, (size_t)len));
    return sent != PROA_OK ? sent : err;
}
