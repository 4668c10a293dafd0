/* SPDX-License-Identifier: Apache-2.0 */
/* The client role: requests of ours from send to their one completion (RFC 7252 §5.3), including
 * observations we hold (RFC 7641 §3).
 *
 * A request is one or more rounds: a message of its own, and the response to it. More than one when
 * blocks follow (blocks.c) or the peer wants an Echo (RFC 9175 §2.3). What is needed to compose
 * each round stands in `stored`; encoded messages are not kept. Between rounds nothing is lost:
 *
 *     message set                     a round is under way; it ends by response, RST or timeout
 *     message NULL, observing         an observation is held; notifications may come
 *     in proa_coap.lists[ENDED]              failed; poll will tell and free it
 *
 * A response matches by peer and Token, a piggybacked one by Message ID as well (§5.3.2). The last
 * bit of the Token's first byte tells the fetching of a notification's later blocks from the
 * notifications themselves (RFC 7959 §2.6). */
#include <string.h>

#include "core/coap/engine_internal.h"

/* Header and Token, Observe, Block2, payload marker. */
#define PLAIN_OVERHEAD (4U + 8U + 2U + 5U + 1U)
/* As well Block1, Size1, Request-Tag. */
#define BLOCK_OVERHEAD (PLAIN_OVERHEAD + 5U + 6U + 7U)
/* Number and length of Echo take three bytes at most. */
#define ECHO_OVERHEAD 3U

bool proa__is_of_rest(const proa__heard *h)
{
    return (h->msg.token.bytes[0] & 1U) != 0;
}

bool proa__request_fetches_rest(const proa__request *q)
{
    return q->observing && q->phase == PROA__PHASE_BLOCK2;
}

/* ---- composing -------------------------------------------------------------------------- */

void proa__request_load(proa_coap *c, const proa__request *q)
{
    proa__cells_load(&c->message_cells, q->stored, c->scratch,
                     (size_t)q->options_len + q->payload_len + q->echo_len);
}

int proa__request_compose(proa_coap *c, const proa__request *q, const proa__message *m,
                          uint8_t *buf)
{
    const uint8_t *payload = c->scratch + q->options_len;
    proa_coap_token token = q->thing.token;
    proa__draft draft;
    token.bytes[0] |= proa__request_fetches_rest(q) ? 1U : 0U;
    proa__draft_init(&draft, (proa_coap_type)m->type, q->code, m->timed.thing.mid, &token);
    proa__request_load(c, q);
    draft.encoded = proa_span_make(c->scratch, q->options_len);
    if (q->echo_len > 0) {
        draft.fields.echo = proa_span_make(payload + q->payload_len, q->echo_len);
    }
    /* The payload of FETCH is part of what is asked for, RFC 8132 §2; another method's is done
     * when its response begins. */
    if (q->phase != PROA__PHASE_BLOCK2 || q->code == PROA_COAP_FETCH) {
        draft.payload = proa_span_make(payload, q->payload_len);
    }
    if (q->cancelling) {
        draft.fields.observe = 1;
    } else if (q->observe && q->phase != PROA__PHASE_BLOCK2) {
        draft.fields.observe = 0;
    }
    if (q->phase != PROA__PHASE_PLAIN) {
        proa_coap_request_blocks->compose(q, &draft);
    } else if ((q->code == PROA_COAP_GET || q->code == PROA_COAP_FETCH) && c->szx < 6 &&
               proa_coap_request_blocks != NULL) {
        draft.fields.block2 = c->szx; /* RFC 7959 §2.4; 1024 is what everybody takes */
    }
    return proa__compose(c, &draft, buf);
}

/* ---- sending ---------------------------------------------------------------------------- */

/* True if a payload of that length goes at once. */
static bool is_plain(const proa_coap *c, size_t options_len, size_t payload_len)
{
    return payload_len <= proa__block_len(c->szx) &&
           PLAIN_OVERHEAD + options_len + payload_len <= c->config.message_max;
}

static bool fits_blocks(const proa_coap *c, size_t options_len, uint32_t szx)
{
    return proa_coap_request_blocks != NULL &&
           BLOCK_OVERHEAD + options_len + proa__block_len(szx) <= c->config.message_max;
}

/* The options as encoded, into scratch. Their length, or PROA_E_TOO_LARGE. */
static int encode_options(proa_coap *c, const proa_coap_request *request)
{
    proa_coap_builder b = {proa_writer_make(c->scratch, c->config.message_max), 0};
    for (size_t i = 0; i < request->option_count; i++) {
        proa_coap_add(&b, request->options[i].number, request->options[i].value);
    }
    return b.w.err == PROA_OK && is_plain(c, b.w.len, 0) ? (int)b.w.len : PROA_E_TOO_LARGE;
}

/* The first `len` bytes of scratch become q->stored. */
static bool store(proa_coap *c, proa__request *q, size_t len)
{
    proa__chain stored;
    if (!proa__cells_store(&c->message_cells, proa_span_make(c->scratch, len), &stored)) {
        return false;
    }
    proa__cells_release(&c->message_cells, q->stored);
    q->stored = stored;
    return true;
}

/* The options stand in scratch, and are as long as q says. */
static bool store_payload(proa_coap *c, proa__request *q, proa_span payload)
{
    if (is_plain(c, q->options_len, payload.len)) {
        q->payload_len = (uint16_t)payload.len;
        if (payload.len > 0) {
            memcpy(c->scratch + q->options_len, payload.data, payload.len);
        }
        return store(c, q, (size_t)q->options_len + q->payload_len);
    }
    uint32_t szx = c->szx;
    while (!fits_blocks(c, q->options_len, szx)) {
        szx--; /* ends: 16 bytes fit, or send() had refused */
    }
    return store(c, q, q->options_len) && proa_coap_request_blocks->start(c, q, payload, szx);
}

static proa__request *new_request(proa_coap *c, proa__peer *peer, const proa_coap_request *request)
{
    proa__request *q = proa__thing_new(c, PROA__REQUEST, peer);
    if (q != NULL) {
        q->thing.token.len = PROA_COAP_TOKEN_MAX;
        if (!c->config.sessions_return && (peer->name.session | peer->name.account) != 0) {
            q->thing.token.len = PROA_COAP_TOKEN_PROTECTED;
        }
        proa_random_fill(&c->config.random, q->thing.token.bytes, PROA_COAP_TOKEN_MAX);
        q->thing.token.bytes[0] &= 0xfeU;
        q->code = request->code;
        q->repeatable = request->repeatable;
        q->user = request->user;
        q->non = request->non;
        q->observe = request->observe == PROA_COAP_OBSERVE_START;
        proa__index_add(c, &q->thing);
    }
    return q;
}

static proa__message *new_message(proa_coap *c, proa__request *q)
{
    return proa__message_new(c, q->thing.peer, &q->thing, q->non ? PROA_COAP_NON : PROA_COAP_CON);
}

proa_err proa_coap_send(proa_coap *c, uint64_t now_ms, const proa_coap_peer *to,
                        const proa_coap_request *request, proa_coap_id *id)
{
    *id = 0;
    c->now_ms = now_ms;
    int options_len = encode_options(c, request);
    if (options_len < 0 || request->payload.len > c->config.body_max) {
        return PROA_E_TOO_LARGE;
    }
    if (!is_plain(c, (size_t)options_len, request->payload.len) &&
        !fits_blocks(c, (size_t)options_len, 0)) {
        return PROA_E_TOO_LARGE;
    }
    proa__peer *peer = proa__peer_take(c, to);
    proa__request *q = peer == NULL ? NULL : new_request(c, peer, request);
    if (q == NULL) {
        return PROA_E_FULL;
    }
    q->options_len = (uint16_t)options_len;
    q->message = new_message(c, q);
    if (q->message == NULL || !store_payload(c, q, request->payload)) {
        proa__request_free(c, q);
        return PROA_E_FULL;
    }
    if (request->timeout_ms != 0) {
        q->message->deadline_ms = now_ms + request->timeout_ms;
    }
    proa__message_start(c, q->message);
    *id = proa__id(c, &q->thing);
    return PROA_OK;
}

/* ---- ending ----------------------------------------------------------------------------- */

void proa__blocks_reset(proa_coap *c, proa__request *q)
{
    proa__body_free(c, &q->body);
    q->phase = PROA__PHASE_PLAIN;
    q->offset = 0;
}

static void release(proa_coap *c, proa__request *q)
{
    proa__message_free(c, &q->message);
    proa__blocks_reset(c, q);
    proa__cells_release(&c->message_cells, q->stored);
    q->stored = 0;
    proa__index_remove(c, &q->thing);
}

void proa__request_free(proa_coap *c, proa__request *q)
{
    release(c, q);
    proa__thing_free(c, &q->thing);
}

void proa__request_fail(proa_coap *c, proa__request *q, proa_coap_failure why)
{
    if (q->cancelling) {
        proa__request_free(c, q);
        return;
    }
    release(c, q);
    if (why == PROA_COAP_FAILED_TIMEOUT) {
        q->thing.peer->heard = false; /* perhaps it is no longer there */
    }
    q->failure = (uint8_t)why;
    proa__thing_end(c, &q->thing);
}

void proa_coap_cancel(proa_coap *c, uint64_t now_ms, proa_coap_id id, bool tell)
{
    c->now_ms = now_ms;
    proa__request *q = proa__get(c, PROA__REQUEST, id);
    if (q == NULL || q->cancelling) {
        return;
    }
    bool held = q->observing && q->failure == 0;
    if (!held || !tell) {
        proa__request_free(c, q);
        return;
    }
    proa__blocks_reset(c, q);
    proa__message_free(c, &q->message);
    q->cancelling = true;
    (void)proa__request_round(c, q); /* without room for it, a RST will tell */
}

unsigned proa_coap_transmissions(const proa_coap *c, proa_coap_id id)
{
    const proa__request *q = proa__get(c, PROA__REQUEST, id);
    return q == NULL || q->message == NULL || q->cancelling ? 0 : q->message->transmissions;
}

bool proa__request_round(proa_coap *c, proa__request *q)
{
    q->asks_outside = false;
    if (q->message != NULL) {
        proa__message_again(c, q->message);
        return true;
    }
    q->message = new_message(c, q);
    if (q->message == NULL) {
        proa__request_fail(c, q, PROA_COAP_FAILED_FULL);
        return false;
    }
    proa__message_start(c, q->message);
    return true;
}

bool proa__request_is_unsafe(const proa__request *q)
{
    return q->code == PROA_COAP_POST || q->code == PROA_COAP_PATCH;
}

void proa__request_move(proa_coap *c, proa__request *q, proa__peer *to)
{
    if (proa__request_is_unsafe(q) && q->message != NULL && q->message->transmissions > 0) {
        proa__request_fail(c, q, PROA_COAP_FAILED_TIMEOUT);
        return;
    }
    proa__thing_move(c, &q->thing, q->message, to);
}

/* ---- responses -------------------------------------------------------------------------- */

/* RFC 7641 §3.4: a 24-bit number that wraps, or 128 seconds later. */
static bool is_fresh(const proa_coap *c, const proa__request *q, uint32_t seq)
{
    uint32_t last = q->order.plain.seq;
    bool later = (last < seq && seq - last < 1U << 23) || (last > seq && last - seq > 1U << 23);
    return later || proa__now_s(c) - q->order.plain.seq_s > 128;
}

static bool is_notification(const proa__heard *h)
{
    return PROA_COAP_CLASS(h->msg.code) == 2 && h->msg.code != PROA_COAP_CONTINUE &&
           h->fields.observe != PROA__NONE;
}

static void note(const proa_coap *c, proa__request *q, const proa__heard *h)
{
    if (!proa__is_sealed(q->thing.peer)) {
        q->order.plain.seq = h->fields.observe;
        q->order.plain.seq_s = proa__now_s(c);
    }
}

static void deliver(proa_coap *c, proa__request *q, const proa_coap_msg *m)
{
    if (PROA_COAP_CLASS(m->code) != 2) {
        q->observing = false; /* also when a later block fails: nothing comes of it any more */
    }
    proa_coap_event *event = proa__event(
        c, q->answered && q->observing ? PROA_COAP_EVENT_NOTIFICATION : PROA_COAP_EVENT_RESPONSE,
        &q->thing, m);
    event->observing = q->observing;
    if (q->phase == PROA__PHASE_BLOCK2) {
        event->msg.payload = proa_span_make(q->body->bytes, q->body->len);
        c->event_body = q->body;
        q->body = NULL;
    }
    if (!q->observing) {
        proa__request_free(c, q);
        return;
    }
    q->answered = true;
    q->restarts = 0;
    proa__blocks_reset(c, q);
    proa__message_free(c, &q->message);
}

/* Without blocks.c: a part of a response is no response. */
static proa__step step_whole(const proa__heard *h)
{
    uint32_t block2 = h->fields.block2;
    return PROA_COAP_CLASS(h->msg.code) == 2 && block2 != PROA__NONE && block2 >> 3 != 0
               ? PROA__STEP_TOO_LARGE
               : PROA__STEP_DELIVER;
}

static void step(proa_coap *c, proa__request *q, const proa__heard *h)
{
    const proa_coap_blocks *blocks = proa_coap_request_blocks;
    switch (blocks != NULL ? blocks->step(c, q, h) : step_whole(h)) {
    case PROA__STEP_DELIVER:
        deliver(c, q, &h->msg);
        break;
    case PROA__STEP_ROUND:
        (void)proa__request_round(c, q); /* it fails by itself */
        break;
    case PROA__STEP_IGNORE:
        c->counts.unmatched++;
        break;
    case PROA__STEP_FULL:
        proa__request_fail(c, q, PROA_COAP_FAILED_FULL);
        break;
    case PROA__STEP_TOO_LARGE:
        proa__request_fail(c, q, PROA_COAP_FAILED_TOO_LARGE);
        break;
    case PROA__STEP_PROTOCOL:
        proa__request_fail(c, q, PROA_COAP_FAILED_PROTOCOL);
        break;
    }
}

/* A message with the Token of an observation that is established. */
static void on_notification(proa_coap *c, proa__request *q, const proa__heard *h)
{
    if (!is_notification(h)) {
        proa__blocks_reset(c, q);
        q->observing = false; /* the last one, §3.2 and §4.2 */
        deliver(c, q, &h->msg);
        return;
    }
    if (!proa__is_sealed(q->thing.peer) && !is_fresh(c, q, h->fields.observe)) {
        return; /* what was sealed came in its order, RFC 8613 §4.1.3.5.2 */
    }
    note(c, q, h);
    proa__blocks_reset(c, q); /* what was being fetched is old now */
    proa__message_free(c, &q->message);
    step(c, q, h);
}

/* Room for longer options in the request's first message, in smaller blocks if need be: a peer that
 * asks for an Echo would else be deaf to a request that just fitted. */
static bool make_room(proa_coap *c, proa__request *q, size_t options_len)
{
    bool is_whole = q->phase == PROA__PHASE_PLAIN;
    if (is_whole && is_plain(c, options_len, q->payload_len)) {
        return true;
    }
    if (!fits_blocks(c, options_len, 0) || (is_whole && q->payload_len == 0)) {
        return false;
    }
    uint32_t szx = is_whole ? c->szx : q->szx;
    while (!fits_blocks(c, options_len, szx)) {
        szx--;
    }
    q->szx = (uint8_t)szx;
    proa__request_load(c, q);
    proa_span payload = proa_span_make(c->scratch + q->options_len, q->payload_len);
    return !is_whole || proa_coap_request_blocks->start(c, q, payload, szx);
}

/* Echoes that are brought back for one request. A peer that is restarted in between knows nothing of
 * the one that it gave before. */
#define ECHOES_MAX 3U

/* RFC 9175 §2.3: the same request once more, with the Echo value. False if this is no such case or
 * the request grows too large, and then 4.01 is the answer. */
static bool repeat_with_echo(proa_coap *c, proa__request *q, const proa__heard *h)
{
    proa_span echo = h->fields.echo;
    size_t options_len = q->options_len + ECHO_OVERHEAD + echo.len;
    if (h->msg.code != PROA_COAP_UNAUTHORIZED || echo.data == NULL || q->echoes == ECHOES_MAX ||
        q->phase == PROA__PHASE_BLOCK2 || !make_room(c, q, options_len)) {
        return false;
    }
    size_t len = (size_t)q->options_len + q->payload_len;
    proa__request_load(c, q);
    memcpy(c->scratch + len, echo.data, echo.len);
    if (!store(c, q, len + echo.len)) {
        return false;
    }
    q->echo_len = (uint8_t)echo.len;
    q->echoes++;
    q->offset = 0;
    return proa__request_round(c, q);
}

/* Under OSCORE a peer asks for an Echo when it has rebooted (RFC 8613 Appendix B.1.2). If this was a
 * later copy, it may have done what an earlier one asked for before that: then it is not repeated. */
static bool may_be_done(const proa__request *q, const proa__heard *h)
{
    return h->msg.code == PROA_COAP_UNAUTHORIZED && h->fields.echo.data != NULL &&
           proa__is_sealed(q->thing.peer) && proa__request_is_unsafe(q) && !q->repeatable &&
           (q->message->transmissions > 1 || h->outer_block != PROA__NONE);
}

/* The response to the message under way. */
static void on_answer(proa_coap *c, proa__request *q, const proa__heard *h)
{
    if (may_be_done(q, h)) {
        proa__request_fail(c, q, PROA_COAP_FAILED_TIMEOUT);
        return;
    }
    if (repeat_with_echo(c, q, h)) {
        return;
    }
    if (q->observe && !q->observing && is_notification(h)) {
        q->observing = true;
        note(c, q, h);
    }
    step(c, q, h);
}

static void dispatch(proa_coap *c, proa__request *q, const proa__heard *h)
{
    bool rest = proa__is_of_rest(h);
    if (h->verdict != PROA__OPTIONS_OK || h->fields.oscore.data != NULL) {
        proa__request_fail(c, q, PROA_COAP_FAILED_PROTOCOL); /* sealed, but we did not ask so */
    } else if (q->cancelling) {
        if (h->msg.type == PROA_COAP_ACK || !is_notification(h)) {
            proa__request_free(c, q);
        }
    } else if (q->observing && !rest) {
        on_notification(c, q, h);
    } else if (q->message != NULL && q->message->transmissions > 0 &&
               rest == proa__request_fetches_rest(q)) {
        on_answer(c, q, h);
    } else {
        c->counts.unmatched++; /* of a round that is over */
    }
}

/* Says that a message means nothing here, or must not be repeated (RFC 7252 §4.2, §5.4.1). */
static void reject(proa_coap *c, const proa_coap_peer *from, const proa__heard *h)
{
    if (h->msg.type == PROA_COAP_CON || h->fields.observe != PROA__NONE) {
        proa__instant_add(c, from, &h->msg, PROA_COAP_RST, PROA_COAP_EMPTY);
    }
}

/* Confirms a separate response. It is remembered unless it is a notification, which its number
 * keeps apart from its repetitions. */
static void confirm(proa_coap *c, proa__peer *peer, const proa__request *q, const proa__heard *h)
{
    bool is_told = q->observing && !q->cancelling && is_notification(h);
    proa__received *r = is_told ? NULL : proa__received_new(c, peer, &h->msg, PROA__HARM_NONE);
    bool is_con = h->msg.type == PROA_COAP_CON;
    if (r != NULL) {
        r->state = is_con ? PROA__REPLY_EMPTY : PROA__REPLY_SILENT;
        proa__received_close(c, r);
    }
    if (is_con && r != NULL) {
        proa__received_owe(c, r);
    } else if (is_con) {
        proa__instant_add(c, &peer->name, &h->msg, PROA_COAP_ACK, PROA_COAP_EMPTY);
    }
}

/* The request that this is the Token of: its own, or that of the rest of a notification. It is the
 * peer's or of somebody who rides on it. */
static proa__request *find_by_token(proa_coap *c, const proa__peer *peer, const proa_coap_msg *m)
{
    proa_coap_token token = m->token;
    token.bytes[0] &= 0xfeU;
    proa__request *q = proa__find(c, PROA__REQUEST, peer, &token, 0);
    for (proa__link *at = peer->riders.next; q == NULL && at != &peer->riders; at = at->next) {
        q = proa__find(c, PROA__REQUEST, PROA__OF(proa__peer, ride, at), &token, 0);
    }
    return q;
}

void proa__response_to(proa_coap *c, proa__peer *way, proa__request *q, const proa__heard *h)
{
    if (h->msg.type != PROA_COAP_ACK) {
        if (h->verdict != PROA__OPTIONS_OK) {
            reject(c, &way->name, h);
        } else {
            confirm(c, way, q, h);
        }
    }
    dispatch(c, q, h);
}

void proa__on_response(proa_coap *c, const proa_coap_peer *from, const proa__heard *h)
{
    const proa_coap_msg *m = &h->msg;
    bool is_ack = m->type == PROA_COAP_ACK;
    proa__peer *peer = proa__peer_find(c, from);
    proa__received *known = peer == NULL || is_ack ? NULL : proa__received_find(c, peer, m);
    if (known != NULL) {
        proa__received_again(c, known, m->type);
        return;
    }
    proa__request *q = peer == NULL ? NULL : find_by_token(c, peer, m);
    if (q != NULL && is_ack) {
        const proa__message *sent = proa__message_match(peer, m->mid);
        q = sent != NULL && sent->owner == &q->thing ? q : NULL;
    }
    if (q == NULL) {
        c->counts.unmatched++;
        if (!is_ack) {
            reject(c, from, h);
        }
        return;
    }
    if (!is_ack) {
        peer->name.addr = from->addr;
    }
    if (proa__is_sealed(q->thing.peer)) {
        c->config.oscore->part->response(c, peer, q, h);
    } else {
        proa__response_to(c, peer, q, h);
    }
}
