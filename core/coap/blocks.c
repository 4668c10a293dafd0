/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks in the client role (RFC 7959): what a response means for the body that is going out by
 * Block1 or coming in by Block2. It decides; request.c sends, delivers and fails.
 *
 * In phase BLOCK1 `body` holds the payload and `offset` what the peer has of it. In phase BLOCK2
 * `body` holds what came so far, offset == body->len, and every block but the last is full. Both
 * ways the block size only shrinks. A peer that lost its half (4.08), wants smaller blocks (4.13) or
 * whose representation changed (ETag) makes us begin again, a few times. */
#include <string.h>

#include "core/coap/engine_internal.h"

/* Begin again at most so often for one body: twice is bad luck, more is a resource that changes
 * faster than it can be read, or a peer that plays with us. */
#define RESTARTS_MAX 3

#define REQUEST_TAG_LEN 4U

static bool may_restart(proa__request *q)
{
    if (q->restarts >= RESTARTS_MAX) {
        return false;
    }
    q->restarts++;
    q->offset = 0;
    return true;
}

static bool start(proa_coap *c, proa__request *q, proa_span payload, uint32_t szx)
{
    q->body = proa__body_new(c, NULL);
    if (q->body == NULL) {
        return false;
    }
    memcpy(q->body->bytes, payload.data, payload.len);
    q->body->len = (uint32_t)payload.len;
    q->phase = PROA__PHASE_BLOCK1;
    q->szx = (uint8_t)szx;
    q->offset = 0;
    return true;
}

static void compose(const proa__request *q, proa__draft *draft)
{
    if (q->phase == PROA__PHASE_BLOCK2) {
        draft->fields.block2 = proa__block_at(q->offset, false, q->szx);
        return;
    }
    uint32_t left = q->body->len - q->offset;
    uint32_t len = proa__least(left, proa__block_len(q->szx));
    draft->fields.block1 = proa__block_at(q->offset, left > len, q->szx);
    if (q->offset == 0) {
        draft->fields.size1 = q->body->len;
    }
    draft->fields.request_tag = proa_span_make(q->thing.token.bytes, REQUEST_TAG_LEN);
    draft->payload = proa_span_make(q->body->bytes + q->offset, len);
}

/* Not what this round asked for: an ACK can only mean this round, anything else may be late. */
static proa__step mismatch(const proa_coap_msg *m)
{
    return m->type == PROA_COAP_ACK ? PROA__STEP_PROTOCOL : PROA__STEP_IGNORE;
}

/* ---- Block1 ----------------------------------------------------------------------------- */

/* The Block1 of a response; PROA__NONE for one that is none. */
static uint32_t block1_of(const proa__heard *h)
{
    return proa__block_is_bad(h->fields.block1) ? PROA__NONE : h->fields.block1;
}

static proa__step block1_step(proa_coap *c, proa__request *q, const proa__heard *h)
{
    uint32_t block = block1_of(h);
    bool has_block = block != PROA__NONE;
    uint32_t szx = proa__block_szx(block);
    uint8_t code = h->msg.code;
    bool is_last = q->body->len - q->offset <= proa__block_len(q->szx);
    if (PROA_COAP_CLASS(code) == 2 && has_block && !is_last) {
        /* The peer took a block and wants the next, §2.3. */
        if (block >> 4 != q->offset >> (q->szx + 4)) {
            return mismatch(&h->msg);
        }
        q->offset += proa__block_len(q->szx);
        q->szx = (uint8_t)proa__least(szx, q->szx);
        return PROA__STEP_ROUND;
    }
    if (code == PROA_COAP_CONTINUE) {
        return mismatch(&h->msg); /* without Block1, or when there is nothing to go on with */
    }
    if (code == PROA_COAP_REQUEST_ENTITY_TOO_LARGE && has_block && szx < q->szx && may_restart(q)) {
        q->szx = (uint8_t)szx; /* §2.9.3 */
        return PROA__STEP_ROUND;
    }
    if (code == PROA_COAP_REQUEST_ENTITY_INCOMPLETE && may_restart(q)) {
        return PROA__STEP_ROUND; /* §2.9.2 */
    }
    proa__blocks_reset(c, q);
    return PROA__STEP_DELIVER;
}

/* 4.13 to a payload sent whole, with the size that would do: send it in blocks, §2.9.3. */
static bool cut_after_all(proa_coap *c, proa__request *q, const proa__heard *h)
{
    uint32_t block = block1_of(h);
    uint32_t szx = proa__block_szx(block);
    if (h->msg.code != PROA_COAP_REQUEST_ENTITY_TOO_LARGE || q->phase != PROA__PHASE_PLAIN ||
        block == PROA__NONE || q->payload_len > c->config.body_max ||
        q->payload_len <= proa__block_len(szx) || !may_restart(q)) {
        return false;
    }
    proa__request_load(c, q);
    proa_span payload = proa_span_make(c->scratch + q->options_len, q->payload_len);
    return start(c, q, payload, szx);
}

/* ---- Block2 ----------------------------------------------------------------------------- */

/* Adds a block to the body. */
static proa__step append(proa_coap *c, proa__request *q, const proa__heard *h)
{
    proa__body *body = q->body;
    proa_span payload = h->msg.payload;
    proa_span etag = h->fields.etag;
    uint32_t block = h->fields.block2;
    uint32_t szx = proa__block_szx(block);
    bool more = proa__block_more(block);
    if (proa__block_offset(block) != q->offset) {
        return mismatch(&h->msg);
    }
    if (more && payload.len != proa__block_len(szx)) {
        return PROA__STEP_PROTOCOL;
    }
    if (payload.len > c->config.body_max - body->len ||
        (h->fields.size2 != PROA__NONE && h->fields.size2 > c->config.body_max)) {
        return PROA__STEP_TOO_LARGE;
    }
    if (body->len == 0) {
        body->etag_len = (uint8_t)etag.len;
        if (etag.len > 0) {
            memcpy(body->etag, etag.data, etag.len);
        }
    }
    if (payload.len > 0) {
        memcpy(body->bytes + body->len, payload.data, payload.len);
    }
    body->len += (uint32_t)payload.len;
    q->offset = body->len;
    q->szx = (uint8_t)proa__least(szx, q->szx);
    return more ? PROA__STEP_ROUND : PROA__STEP_DELIVER;
}

static proa__step first_block2(proa_coap *c, proa__request *q, const proa__heard *h)
{
    if (h->fields.block2 >> 4 != 0) {
        return mismatch(&h->msg);
    }
    q->body = proa__body_new(c, NULL);
    if (q->body == NULL) {
        return PROA__STEP_FULL;
    }
    q->phase = PROA__PHASE_BLOCK2;
    q->offset = 0;
    q->szx = c->szx;
    return append(c, q, h);
}

static proa__step block2_step(proa_coap *c, proa__request *q, const proa__heard *h)
{
    uint32_t block = h->fields.block2;
    if (PROA_COAP_CLASS(h->msg.code) != 2 || block == PROA__NONE) {
        proa__blocks_reset(c, q); /* an error, or all of it in one message */
        return PROA__STEP_DELIVER;
    }
    if (proa__block_is_bad(block)) {
        return PROA__STEP_PROTOCOL;
    }
    if (q->phase != PROA__PHASE_BLOCK2) {
        return block >> 3 == 0 ? PROA__STEP_DELIVER : first_block2(c, q, h);
    }
    proa_span etag = proa_span_make(q->body->etag, q->body->etag_len);
    if (q->body->len > 0 && !proa_span_equal(etag, h->fields.etag)) {
        if (!may_restart(q)) {
            return PROA__STEP_PROTOCOL;
        }
        q->body->len = 0; /* another representation: from its beginning, §2.4 */
        return PROA__STEP_ROUND;
    }
    return append(c, q, h);
}

static proa__step step_of(proa_coap *c, proa__request *q, const proa__heard *h)
{
    if (q->phase == PROA__PHASE_BLOCK1) {
        proa__step step = block1_step(c, q, h);
        if (step != PROA__STEP_DELIVER) {
            return step;
        }
    } else if (cut_after_all(c, q, h)) {
        return PROA__STEP_ROUND;
    }
    return block2_step(c, q, h);
}

const proa_coap_blocks proa__request_blocks = {step_of, start, compose};
