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
 *     in proa_coap.ended              failed; poll will tell and free it
 *
 * A response matches by peer and Token, a piggybacked one by Message ID as well (§5.3.2). The last
 * bit of the Token tells the fetching of a notification's later blocks from the notifications
 * themselves (RFC 7959 §2.6). */
#include <string.h>

#include "core/coap/engine_internal.h"

#define TOKEN_LAST (PROA_COAP_TOKEN_MAX - 1)

/* Header and Token, Observe, Block2, payload marker. */
#define PLAIN_OVERHEAD (4U + 8U + 2U + 5U + 1U)
/* As well Block1, Size1, Request-Tag. */
#define BLOCK_OVERHEAD (PLAIN_OVERHEAD + 5U + 6U + 7U)
#define REQUEST_TAG_LEN 4U

static uint32_t token_hash(const proa_coap *c, const proa__peer *peer, const uint8_t *token)
{
    return proa__hash(&c->request_map, peer, token, TOKEN_LAST);
}

typedef struct request_key {
    const proa__peer *peer;
    const uint8_t *token;
} request_key;

static bool same_token(const proa__request *q, const uint8_t *token)
{
    return memcmp(q->token, token, TOKEN_LAST) == 0 &&
           ((q->token[TOKEN_LAST] ^ token[TOKEN_LAST]) & 0xfeU) == 0;
}

static bool is_request(const void *owner, proa_handle handle, const void *key)
{
    const proa_coap *c = owner;
    const request_key *k = key;
    const proa__request *q = proa_pool_get(&c->requests, handle);
    return q->thing.peer == k->peer && same_token(q, k->token);
}

static proa__request *find_by_token(proa_coap *c, const proa__peer *peer,
                                    const proa_coap_token *token)
{
    if (peer == NULL || token->len != PROA_COAP_TOKEN_MAX) {
        return NULL;
    }
    request_key key = {peer, token->bytes};
    proa_handle handle =
        proa_map_find(&c->request_map, token_hash(c, peer, token->bytes), is_request, c, &key);
    return handle == 0 ? NULL : proa_pool_get(&c->requests, handle);
}

/* ---- composing -------------------------------------------------------------------------- */

static bool fetches_rest(const proa__request *q)
{
    return q->observing && q->phase == PROA__PHASE_BLOCK2;
}

static void add_observe(const proa__request *q, proa__draft *draft)
{
    if (q->cancelling) {
        proa__draft_add_uint(draft, PROA_COAP_OPT_OBSERVE, 1);
    } else if (q->observe && q->phase != PROA__PHASE_BLOCK2) {
        proa__draft_add_uint(draft, PROA_COAP_OPT_OBSERVE, 0);
    }
}

static void add_block2(const proa_coap *c, const proa__request *q, proa__draft *draft)
{
    proa_coap_block block = {0, false, c->szx};
    bool may_be_long = q->code == PROA_COAP_GET || q->code == PROA_COAP_FETCH;
    if (q->phase == PROA__PHASE_BLOCK2) {
        block.num = q->offset >> (q->szx + 4);
        block.szx = q->szx;
    } else if (!may_be_long || c->szx == 6) {
        return; /* nothing to propose: RFC 7959 §2.4, 1024 is what everybody takes */
    }
    proa__draft_add_uint(draft, PROA_COAP_OPT_BLOCK2, proa_coap_block_value(&block));
}

static void add_block1(const proa__request *q, proa__draft *draft)
{
    proa_coap_block block = {q->offset >> (q->szx + 4), false, q->szx};
    size_t len = (size_t)16 << q->szx;
    size_t left = q->body->len - q->offset;
    block.more = left > len;
    proa__draft_add_uint(draft, PROA_COAP_OPT_BLOCK1, proa_coap_block_value(&block));
    if (q->offset == 0) {
        proa__draft_add_uint(draft, PROA_COAP_OPT_SIZE1, q->body->len);
    }
    proa__draft_add(draft, PROA_COAP_OPT_REQUEST_TAG, proa_span_make(q->token, REQUEST_TAG_LEN));
    draft->payload = proa_span_make(q->body->bytes + q->offset, block.more ? len : left);
}

int proa__request_compose(proa_coap *c, const proa__request *q, const proa__message *m,
                          uint8_t *buf)
{
    proa__draft draft = {.type = (proa_coap_type)m->type, .code = q->code, .mid = m->mid};
    draft.token.len = PROA_COAP_TOKEN_MAX;
    memcpy(draft.token.bytes, q->token, PROA_COAP_TOKEN_MAX);
    draft.token.bytes[TOKEN_LAST] |= fetches_rest(q) ? 1U : 0U;
    proa__cells_load(&c->message_cells, q->stored, c->scratch,
                     (size_t)q->options_len + q->payload_len);
    draft.encoded = proa_span_make(c->scratch, q->options_len);
    /* The payload of FETCH is part of what is asked for, RFC 8132 §2; another method's is done
     * when its response begins. */
    if (q->phase != PROA__PHASE_BLOCK2 || q->code == PROA_COAP_FETCH) {
        draft.payload = proa_span_make(c->scratch + q->options_len, q->payload_len);
    }
    add_observe(q, &draft);
    add_block2(c, q, &draft);
    if (q->phase == PROA__PHASE_BLOCK1) {
        add_block1(q, &draft);
    }
    return proa__compose(&draft, buf, c->config.message_max);
}

/* ---- sending ---------------------------------------------------------------------------- */

static size_t block_len(const proa_coap *c)
{
    return (size_t)16 << c->szx;
}

/* True if a message with these options and this payload fits at once. */
static bool fits_plain(const proa_coap *c, size_t options_len, size_t payload_len)
{
    return PLAIN_OVERHEAD + options_len + payload_len <= c->config.message_max;
}

static bool fits_blocks(const proa_coap *c, size_t options_len, uint8_t szx)
{
    return BLOCK_OVERHEAD + options_len + ((size_t)16 << szx) <= c->config.message_max;
}

/* The options as encoded, into scratch. Their length, or PROA_E_TOO_LARGE. */
static int encode_options(proa_coap *c, const proa_coap_request *request)
{
    proa_coap_builder b = {proa_writer_make(c->scratch, c->config.message_max), 0};
    for (size_t i = 0; i < request->option_count; i++) {
        proa_coap_add(&b, request->options[i].number, request->options[i].value);
    }
    return b.w.err == PROA_OK && fits_plain(c, b.w.len, 0) ? (int)b.w.len : PROA_E_TOO_LARGE;
}

/* What scratch holds becomes q->stored. */
static bool store(proa_coap *c, proa__request *q, size_t options_len, size_t payload_len)
{
    proa__chain stored;
    if (!proa__cells_store(&c->message_cells, proa_span_make(c->scratch, options_len + payload_len),
                           &stored)) {
        return false;
    }
    proa__cells_release(&c->message_cells, q->stored);
    q->stored = stored;
    q->options_len = (uint16_t)options_len;
    q->payload_len = (uint16_t)payload_len;
    return true;
}

static bool store_payload(proa_coap *c, proa__request *q, size_t options_len, proa_span payload)
{
    if (payload.len <= block_len(c) && fits_plain(c, options_len, payload.len)) {
        if (payload.len > 0) {
            memcpy(c->scratch + options_len, payload.data, payload.len);
        }
        return store(c, q, options_len, payload.len);
    }
    uint8_t szx = c->szx;
    while (!fits_blocks(c, options_len, szx)) {
        szx--; /* ends: 16 bytes fit, or send() had refused */
    }
    return store(c, q, options_len, 0) && proa__blocks_start(c, q, payload, szx);
}

static proa__request *new_request(proa_coap *c, proa__peer *peer, const proa_coap_request *request)
{
    proa_handle handle;
    proa__request *q = proa_pool_take(&c->requests, &handle);
    if (q == NULL) {
        return NULL;
    }
    proa_random_fill(&c->config.random, q->token, sizeof q->token);
    q->token[TOKEN_LAST] &= 0xfeU;
    q->code = request->code;
    q->user = request->user;
    q->non = request->non;
    q->observe = request->observe == PROA_COAP_OBSERVE_START;
    if (proa_map_add(&c->request_map, token_hash(c, peer, q->token), handle) != PROA_OK) {
        proa_pool_give(&c->requests, handle);
        return NULL;
    }
    proa__thing_attach(&q->thing, peer, handle, PROA__REQUEST);
    return q;
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
    bool plain = request->payload.len <= block_len(c) &&
                 fits_plain(c, (size_t)options_len, request->payload.len);
    if (!plain && !fits_blocks(c, (size_t)options_len, 0)) {
        return PROA_E_TOO_LARGE;
    }
    proa__peer *peer = proa__peer_take(c, to);
    proa__request *q = peer == NULL ? NULL : new_request(c, peer, request);
    if (q == NULL) {
        return PROA_E_FULL;
    }
    q->message = proa__message_new(c, peer, &q->thing, q->non ? PROA_COAP_NON : PROA_COAP_CON);
    if (q->message == NULL || !store_payload(c, q, (size_t)options_len, request->payload)) {
        proa__request_free(c, q);
        return PROA_E_FULL;
    }
    if (request->timeout_ms != 0) {
        q->message->deadline_ms = now_ms + request->timeout_ms;
    }
    proa__message_start(c, q->message);
    *id = q->thing.handle;
    return PROA_OK;
}

/* ---- ending ----------------------------------------------------------------------------- */

static void release(proa_coap *c, proa__request *q)
{
    if (q->message != NULL) {
        proa__message_free(c, q->message);
        q->message = NULL;
    }
    proa__blocks_reset(c, q);
    proa__cells_release(&c->message_cells, q->stored);
    q->stored = 0;
    proa_map_remove(&c->request_map, token_hash(c, q->thing.peer, q->token), q->thing.handle);
}

void proa__request_free(proa_coap *c, proa__request *q)
{
    if (q->failure == 0) {
        release(c, q);
    }
    proa_handle handle = q->thing.handle;
    proa__thing_detach(c, &q->thing);
    proa_pool_give(&c->requests, handle);
}

void proa__request_fail(proa_coap *c, proa__request *q, proa_coap_failure why)
{
    if (q->cancelling) {
        proa__request_free(c, q);
        return;
    }
    release(c, q);
    q->failure = (uint8_t)why;
    proa__thing_end(c, &q->thing);
}

void proa_coap_cancel(proa_coap *c, uint64_t now_ms, proa_coap_id id, bool tell)
{
    c->now_ms = now_ms;
    proa__request *q = proa_pool_get(&c->requests, id);
    if (q == NULL || q->cancelling) {
        return;
    }
    bool held = q->observing && q->failure == 0;
    if (!held || !tell) {
        proa__request_free(c, q);
        return;
    }
    proa__blocks_reset(c, q);
    if (q->message != NULL) {
        proa__message_free(c, q->message);
        q->message = NULL;
    }
    q->cancelling = true;
    (void)proa__request_round(c, q); /* without room for it, a RST will tell */
}

unsigned proa_coap_transmissions(const proa_coap *c, proa_coap_id id)
{
    const proa__request *q = proa_pool_get(&c->requests, id);
    return q == NULL || q->message == NULL || q->cancelling ? 0 : q->message->transmissions;
}

bool proa__request_round(proa_coap *c, proa__request *q)
{
    if (q->message != NULL) {
        proa__message_again(c, q->message);
        return true;
    }
    q->message =
        proa__message_new(c, q->thing.peer, &q->thing, q->non ? PROA_COAP_NON : PROA_COAP_CON);
    if (q->message == NULL) {
        proa__request_fail(c, q, PROA_COAP_FAILED_FULL);
        return false;
    }
    proa__message_start(c, q->message);
    return true;
}

/* Neither safe nor idempotent: RFC 7252 §5.1, RFC 8132 §2 and §3. */
static bool may_repeat(const proa__request *q)
{
    return q->code != PROA_COAP_POST && q->code != PROA_COAP_PATCH;
}

void proa__request_move(proa_coap *c, proa__request *q, proa__peer *to)
{
    bool sent = q->message != NULL && q->message->transmissions > 0;
    if (sent && !may_repeat(q)) {
        proa__request_fail(c, q, PROA_COAP_FAILED_TIMEOUT);
        return;
    }
    if (q->message != NULL) {
        proa__message_land(c, q->message);
        proa__peer_ref(to);
        proa__peer_unref(c, q->message->peer);
        q->message->peer = to;
    }
    proa_handle handle = q->thing.handle;
    proa_map_remove(&c->request_map, token_hash(c, q->thing.peer, q->token), handle);
    proa__thing_detach(c, &q->thing);
    proa__thing_attach(&q->thing, to, handle, PROA__REQUEST);
    if (proa_map_add(&c->request_map, token_hash(c, to, q->token), handle) != PROA_OK) {
        PROA_ASSERT(false); /* one was just removed, so there is room */
    }
    if (q->message != NULL) {
        q->message->transmissions = 0;
        proa__message_start(c, q->message);
    }
}

/* ---- responses -------------------------------------------------------------------------- */

/* RFC 7641 §3.4: a 24-bit number that wraps, or 128 seconds later. */
static bool is_fresh(const proa_coap *c, const proa__request *q, uint32_t seq)
{
    bool later =
        (q->seq < seq && seq - q->seq < 1U << 23) || (q->seq > seq && q->seq - seq > 1U << 23);
    return later || proa__seconds(c->now_ms) - q->seq_s > 128;
}

static bool read_observe(const proa_coap_msg *m, uint32_t *seq)
{
    proa_span value;
    if (PROA_COAP_CLASS(m->code) != 2 || m->code == PROA_COAP_CONTINUE ||
        !proa_coap_option_find(m, PROA_COAP_OPT_OBSERVE, &value)) {
        return false;
    }
    *seq = proa_coap_option_uint(m, PROA_COAP_OPT_OBSERVE, 0) & 0xffffffU;
    return true;
}

static void deliver(proa_coap *c, proa__request *q, const proa_coap_msg *m)
{
    if (PROA_COAP_CLASS(m->code) != 2) {
        q->observing = false; /* also when a later block fails: nothing comes of it any more */
    }
    bool is_notification = q->answered && q->observing;
    proa_coap_event *event =
        proa__event(c, is_notification ? PROA_COAP_EVENT_NOTIFICATION : PROA_COAP_EVENT_RESPONSE,
                    q->thing.peer, m);
    event->request = q->thing.handle;
    event->user = q->user;
    event->observing = q->observing;
    if (q->phase == PROA__PHASE_BLOCK2) {
        event->msg.payload = proa_span_make(q->body->bytes, q->body->len);
        q->body->use = PROA__BODY_EVENT;
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
    if (q->message != NULL) {
        proa__message_free(c, q->message);
        q->message = NULL;
    }
}

static void step(proa_coap *c, proa__request *q, const proa_coap_msg *m)
{
    proa_coap_failure why = PROA_COAP_FAILED_PROTOCOL;
    switch (proa__blocks_step(c, q, m, &why)) {
    case PROA__STEP_DELIVER:
        deliver(c, q, m);
        break;
    case PROA__STEP_ROUND:
        (void)proa__request_round(c, q); /* it fails by itself */
        break;
    case PROA__STEP_FAIL:
        proa__request_fail(c, q, why);
        break;
    case PROA__STEP_IGNORE:
        c->stats.unmatched++;
        break;
    }
}

/* A message with the Token of an observation that is established. */
static void on_notification(proa_coap *c, proa__request *q, const proa_coap_msg *m)
{
    uint32_t seq;
    if (!read_observe(m, &seq)) {
        proa__blocks_reset(c, q);
        q->observing = false; /* the last one, §3.2 and §4.2 */
        deliver(c, q, m);
        return;
    }
    if (!is_fresh(c, q, seq)) {
        return;
    }
    q->seq = seq;
    q->seq_s = proa__seconds(c->now_ms);
    proa__blocks_reset(c, q); /* what was being fetched is old now */
    if (q->message != NULL) {
        proa__message_free(c, q->message);
        q->message = NULL;
    }
    step(c, q, m);
}

/* Writes the stored options and, at its place among them, Echo. */
static int add_echo(proa_coap *c, const proa__request *q, proa_span value)
{
    proa_coap_builder b = {proa_writer_make(c->out, c->config.message_max), 0};
    proa_coap_options it = {c->scratch, c->scratch + q->options_len, 0};
    proa_coap_option option;
    bool added = false;
    while (proa_coap_option_next(&it, &option)) {
        if (!added && option.number > PROA_COAP_OPT_ECHO) {
            proa_coap_add(&b, PROA_COAP_OPT_ECHO, value);
            added = true;
        }
        proa_coap_add(&b, option.number, option.value);
    }
    if (!added) {
        proa_coap_add(&b, PROA_COAP_OPT_ECHO, value);
    }
    return proa_coap_build_end(&b);
}

/* RFC 9175 §2.3: the same request once more, with the Echo value. False if this is no such case or
 * the request grows too large, and then 4.01 is the answer. */
static bool repeat_with_echo(proa_coap *c, proa__request *q, const proa_coap_msg *m)
{
    proa_span value;
    if (m->code != PROA_COAP_UNAUTHORIZED || q->echoed || q->phase == PROA__PHASE_BLOCK2 ||
        !proa_coap_option_find(m, PROA_COAP_OPT_ECHO, &value) || value.len == 0 ||
        value.len > PROA__ECHO_MAX) {
        return false;
    }
    size_t payload_len = q->payload_len;
    proa__cells_load(&c->message_cells, q->stored, c->scratch, q->options_len + payload_len);
    int len = add_echo(c, q, value);
    if (len < 0 || (q->phase == PROA__PHASE_BLOCK1 ? !fits_blocks(c, (size_t)len, q->szx)
                                                   : !fits_plain(c, (size_t)len, payload_len))) {
        return false;
    }
    memmove(c->scratch + len, c->scratch + q->options_len, payload_len);
    memcpy(c->scratch, c->out, (size_t)len);
    if (!store(c, q, (size_t)len, payload_len)) {
        return false;
    }
    q->echoed = true;
    q->offset = 0;
    return proa__request_round(c, q);
}

/* The response to the message under way. */
static void on_answer(proa_coap *c, proa__request *q, const proa_coap_msg *m)
{
    uint32_t seq;
    if (repeat_with_echo(c, q, m)) {
        return;
    }
    if (q->observe && !q->observing && read_observe(m, &seq)) {
        q->observing = true;
        q->seq = seq;
        q->seq_s = proa__seconds(c->now_ms);
    }
    step(c, q, m);
}

static void dispatch(proa_coap *c, proa__request *q, const proa_coap_msg *m)
{
    bool rest = (m->token.bytes[TOKEN_LAST] & 1U) != 0;
    uint32_t seq;
    if (proa__options_check(m) != PROA__OPTIONS_OK) {
        proa__request_fail(c, q, PROA_COAP_FAILED_PROTOCOL);
    } else if (q->cancelling) {
        if (m->type == PROA_COAP_ACK || !read_observe(m, &seq)) {
            proa__request_free(c, q);
        }
    } else if (q->observing && !rest) {
        on_notification(c, q, m);
    } else if (q->message != NULL && q->message->transmissions > 0 && rest == fetches_rest(q)) {
        on_answer(c, q, m);
    } else {
        c->stats.unmatched++; /* of a round that is over */
    }
}

static void on_ack(proa_coap *c, const proa__peer *peer, const proa_coap_msg *m)
{
    proa__message *sent = peer == NULL ? NULL : proa__message_match(peer, m->mid);
    proa__request *q = sent != NULL && sent->owner != NULL && sent->owner->kind == PROA__REQUEST
                           ? (proa__request *)sent->owner
                           : NULL;
    if (q == NULL || m->token.len != PROA_COAP_TOKEN_MAX || !same_token(q, m->token.bytes)) {
        c->stats.unmatched++;
        return;
    }
    dispatch(c, q, m);
}

static void reject(proa_coap *c, const proa_coap_peer *from, const proa_coap_msg *m)
{
    proa_span value;
    if (m->type == PROA_COAP_CON || proa_coap_option_find(m, PROA_COAP_OPT_OBSERVE, &value)) {
        proa__instant_empty(c, from, PROA_COAP_RST, m->mid);
    }
}

/* Confirms a separate response. It is remembered unless it is a notification, which its number
 * keeps apart from its repetitions. */
static void confirm(proa_coap *c, proa__peer *peer, const proa__request *q, const proa_coap_msg *m)
{
    uint32_t seq;
    bool is_notification = q->observing && !q->cancelling && read_observe(m, &seq);
    proa__received *r = is_notification ? NULL : proa__received_new(c, peer, m, PROA__HARM_NONE);
    bool is_con = m->type == PROA_COAP_CON;
    if (r != NULL) {
        r->state = is_con ? PROA__REPLY_EMPTY : PROA__REPLY_SILENT;
        proa__received_close(c, r);
    }
    if (is_con && r != NULL) {
        proa__received_owe(c, r);
    } else if (is_con) {
        proa__instant_empty(c, &peer->name, PROA_COAP_ACK, m->mid);
    }
}

void proa__on_response(proa_coap *c, const proa_coap_peer *from, const proa_coap_msg *m)
{
    proa__peer *peer = proa__peer_find(c, from);
    if (m->type == PROA_COAP_ACK) {
        on_ack(c, peer, m);
        return;
    }
    proa__received *known = peer == NULL ? NULL : proa__received_find(c, peer, m->mid);
    if (known != NULL) {
        c->stats.duplicates++;
        if (m->type == PROA_COAP_CON && known->state == PROA__REPLY_EMPTY) {
            proa__received_owe(c, known);
        }
        return;
    }
    proa__request *q = find_by_token(c, peer, &m->token);
    if (q == NULL) {
        c->stats.unmatched++;
        reject(c, from, m);
        return;
    }
    peer->name.addr = from->addr;
    if (proa__options_check(m) != PROA__OPTIONS_OK) {
        reject(c, from, m); /* RFC 7252 §5.4.1 */
    } else {
        confirm(c, peer, q, m);
    }
    dispatch(c, q, m);
}
