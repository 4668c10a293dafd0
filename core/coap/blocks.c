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

static bool may_restart(proa__request *q)
{
    if (q->restarts >= RESTARTS_MAX) {
        return false;
    }
    q->restarts++;
    q->offset = 0;
    return true;
}

void proa__blocks_reset(proa_coap *c, proa__request *q)
{
    if (q->body != NULL) {
        proa__body_free(c, q->body);
        q->body = NULL;
    }
    q->phase = PROA__PHASE_PLAIN;
    q->offset = 0;
}

bool proa__blocks_start(proa_coap *c, proa__request *q, proa_span payload, uint8_t szx)
{
    q->body = proa__body_new(c, PROA__BODY_OUT);
    if (q->body == NULL) {
        return false;
    }
    memcpy(q->body->bytes, payload.data, payload.len);
    q->body->len = (uint32_t)payload.len;
    q->phase = PROA__PHASE_BLOCK1;
    q->szx = szx;
    q->offset = 0;
    return true;
}

/* A block option of a response; false if absent or no block option at all. */
static bool read_block(const proa_coap_msg *m, uint16_t number, proa_coap_block *out)
{
    proa_span value;
    return proa_coap_option_find(m, number, &value) && proa_coap_block_parse(value, out) == PROA_OK;
}

/* Not what this round asked for: an ACK can only mean this round, anything else may be late. */
static proa__step mismatch(const proa_coap_msg *m)
{
    return m->type == PROA_COAP_ACK ? PROA__STEP_FAIL : PROA__STEP_IGNORE;
}

/* ---- Block1 ----------------------------------------------------------------------------- */

/* The peer took a block and wants the next, §2.3. */
static proa__step next_block1(proa__request *q, const proa_coap_msg *m,
                              const proa_coap_block *block)
{
    if (block->num != q->offset >> (q->szx + 4)) {
        return mismatch(m);
    }
    q->offset += 16U << q->szx;
    if (block->szx < q->szx) {
        q->szx = block->szx;
    }
    return PROA__STEP_ROUND;
}

static proa__step block1_step(proa_coap *c, proa__request *q, const proa_coap_msg *m)
{
    proa_coap_block block = {0, false, 0};
    bool has_block = read_block(m, PROA_COAP_OPT_BLOCK1, &block);
    bool is_last = q->body->len - q->offset <= 16U << q->szx;
    bool is_success = PROA_COAP_CLASS(m->code) == 2;
    if (is_success && has_block && !is_last) {
        return next_block1(q, m, &block);
    }
    if (m->code == PROA_COAP_CONTINUE) {
        return mismatch(m); /* without Block1, or when there is nothing to go on with */
    }
    if (m->code == PROA_COAP_REQUEST_ENTITY_TOO_LARGE && has_block && block.szx < q->szx &&
        may_restart(q)) {
        q->szx = block.szx; /* §2.9.3 */
        return PROA__STEP_ROUND;
    }
    if (m->code == PROA_COAP_REQUEST_ENTITY_INCOMPLETE && may_restart(q)) {
        return PROA__STEP_ROUND; /* §2.9.2 */
    }
    proa__blocks_reset(c, q);
    return PROA__STEP_DELIVER;
}

/* 4.13 to a payload sent whole, with the size that would do: send it in blocks, §2.9.3. */
static bool cut_after_all(proa_coap *c, proa__request *q, const proa_coap_msg *m)
{
    proa_coap_block block;
    if (m->code != PROA_COAP_REQUEST_ENTITY_TOO_LARGE || q->phase != PROA__PHASE_PLAIN ||
        q->payload_len > c->config.body_max || !read_block(m, PROA_COAP_OPT_BLOCK1, &block) ||
        q->payload_len <= 16U << block.szx || !may_restart(q)) {
        return false;
    }
    proa__cells_load(&c->message_cells, q->stored, c->scratch,
                     (size_t)q->options_len + q->payload_len);
    if (!proa__blocks_start(c, q, proa_span_make(c->scratch + q->options_len, q->payload_len),
                            block.szx)) {
        return false;
    }
    q->payload_len = 0;
    return true;
}

/* ---- Block2 ----------------------------------------------------------------------------- */

static void remember_etag(proa__body *body, const proa_coap_msg *m)
{
    proa_span etag = {NULL, 0};
    body->etag_len = 0;
    if (proa_coap_option_find(m, PROA_COAP_OPT_ETAG, &etag) && etag.len <= sizeof body->etag) {
        memcpy(body->etag, etag.data, etag.len);
        body->etag_len = (uint8_t)etag.len;
    }
}

static bool same_etag(const proa__body *body, const proa_coap_msg *m)
{
    proa_span etag = {NULL, 0};
    bool has_etag = proa_coap_option_find(m, PROA_COAP_OPT_ETAG, &etag);
    return (has_etag ? etag.len : 0) == body->etag_len &&
           memcmp(etag.data == NULL ? body->etag : etag.data, body->etag, body->etag_len) == 0;
}

/* Adds a block to the body. */
static proa__step append(proa_coap *c, proa__request *q, const proa_coap_msg *m,
                         const proa_coap_block *block, proa_coap_failure *why)
{
    proa__body *body = q->body;
    if (block->num << (block->szx + 4) != q->offset) {
        return mismatch(m);
    }
    if (block->more && m->payload.len != 16U << block->szx) {
        return PROA__STEP_FAIL;
    }
    if (m->payload.len > c->config.body_max - body->len ||
        proa_coap_option_uint(m, PROA_COAP_OPT_SIZE2, 0) > c->config.body_max) {
        *why = PROA_COAP_FAILED_TOO_LARGE;
        return PROA__STEP_FAIL;
    }
    if (body->len == 0) {
        remember_etag(body, m);
    }
    if (m->payload.len > 0) {
        memcpy(body->bytes + body->len, m->payload.data, m->payload.len);
    }
    body->len += (uint32_t)m->payload.len;
    q->offset = body->len;
    q->szx = block->szx < q->szx ? block->szx : q->szx;
    return block->more ? PROA__STEP_ROUND : PROA__STEP_DELIVER;
}

static proa__step first_block2(proa_coap *c, proa__request *q, const proa_coap_msg *m,
                               const proa_coap_block *block, proa_coap_failure *why)
{
    if (block->num != 0) {
        return mismatch(m);
    }
    q->body = proa__body_new(c, PROA__BODY_IN);
    if (q->body == NULL) {
        *why = PROA_COAP_FAILED_FULL;
        return PROA__STEP_FAIL;
    }
    q->phase = PROA__PHASE_BLOCK2;
    q->offset = 0;
    q->szx = c->szx;
    return append(c, q, m, block, why);
}

static proa__step block2_step(proa_coap *c, proa__request *q, const proa_coap_msg *m,
                              proa_coap_failure *why)
{
    proa_span value;
    proa_coap_block block;
    bool has_block = proa_coap_option_find(m, PROA_COAP_OPT_BLOCK2, &value);
    if (PROA_COAP_CLASS(m->code) != 2 || !has_block) {
        proa__blocks_reset(c, q); /* an error, or all of it in one message */
        return PROA__STEP_DELIVER;
    }
    if (proa_coap_block_parse(value, &block) != PROA_OK) {
        return PROA__STEP_FAIL;
    }
    if (q->phase != PROA__PHASE_BLOCK2) {
        return block.num == 0 && !block.more ? PROA__STEP_DELIVER
                                             : first_block2(c, q, m, &block, why);
    }
    if (q->body->len > 0 && !same_etag(q->body, m)) {
        if (!may_restart(q)) {
            return PROA__STEP_FAIL;
        }
        q->body->len = 0; /* another representation: from its beginning, §2.4 */
        return PROA__STEP_ROUND;
    }
    return append(c, q, m, &block, why);
}

proa__step proa__blocks_step(proa_coap *c, proa__request *q, const proa_coap_msg *m,
                             proa_coap_failure *why)
{
    *why = PROA_COAP_FAILED_PROTOCOL;
    if (q->phase == PROA__PHASE_BLOCK1) {
        proa__step step = block1_step(c, q, m);
        if (step != PROA__STEP_DELIVER) {
            return step;
        }
    } else if (cut_after_all(c, q, m)) {
        return PROA__STEP_ROUND;
    }
    return block2_step(c, q, m, why);
}
