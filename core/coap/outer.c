/* SPDX-License-Identifier: Apache-2.0 */
/* OSCORE messages that a proxy has cut into blocks (RFC 8613 §4.1.3.4.2): put together before they are
 * opened. The blocks that peers cut themselves are inside, and the business of assemble.c and blocks.c.
 *
 *     a request   Block1: each part is answered by the outside, 2.31; the last by the response
 *     a response  Block2: the rest is asked for by the outside of the request, under its number
 *
 * Until all is there nobody knows who sent it. So there are few assemblies at a time, an eighth of the
 * bodies; they have no time to lose; a new one takes the place of the oldest, and any body that is
 * somebody's takes it as well (proa__body_begin, proa__body_new). What is put together is no longer
 * than a datagram (MAX_UNFRAGMENTED_SIZE) or than a body: more is answered 4.13.
 *
 * A notification is not asked for: it must fit, or its relation is of no use behind such a proxy. Linked
 * only where a program names it. */
#include <string.h>

#include "core/coap/engine_internal.h"

/* Three retransmissions of a block, RFC 7252 §4.8. */
#define LIFETIME_MS 30000U

/* One assembly for so many bodies. */
#define BODIES_EACH 8U

typedef enum part {
    PART_TAKEN, /* more are to come */
    PART_WHOLE,
    PART_KNOWN,   /* a copy */
    PART_MISSING, /* what stands before it */
    PART_TOO_LARGE,
    PART_FULL,
    PART_BAD
} part;

static size_t limit(const proa_coap *c)
{
    return proa__least(c->config.body_max, PROA_DATAGRAM_MAX);
}

/* ---- one part --------------------------------------------------------------------------- */

static proa__body *begin(proa_coap *c, proa__peer *way, const proa_coap_token *name)
{
    bool is_known = proa__find(c, PROA__BODY, way, name, 0) != NULL;
    uint32_t count_max = c->config.body_count_max / BODIES_EACH;
    if (!is_known && c->outer_count >= (count_max == 0 ? 1 : count_max)) {
        (void)proa__body_displace(c);
    }
    proa__body *body = proa__body_begin(c, way, name);
    if (body != NULL && !proa__is_linked(&body->outer)) {
        proa__list_append(&c->lists[PROA__OUTER], &body->outer);
        c->outer_count++;
    }
    return body;
}

/* Adds a part to the body of that name. *at is the body, if there is one. */
static part take(proa_coap *c, proa__peer *way, const proa_coap_token *name, uint32_t block,
                 proa_span payload, proa__body **at)
{
    uint32_t offset = proa__block_offset(block);
    uint32_t full_len = proa__block_len(proa__block_szx(block));
    bool more = proa__block_more(block);
    proa__body *body = proa__find(c, PROA__BODY, way, name, 0);
    *at = body;
    if (proa__block_is_bad(block) || (more ? payload.len != full_len : payload.len > full_len)) {
        return PART_BAD;
    }
    if (offset + payload.len > limit(c)) {
        return PART_TOO_LARGE;
    }
    if (body != NULL && more && offset < body->len) {
        return PART_KNOWN;
    }
    if (offset != (body == NULL ? 0 : body->len)) {
        return PART_MISSING;
    }
    if (body == NULL && (body = begin(c, way, name)) == NULL) {
        return PART_FULL;
    }
    if (payload.len > 0) {
        memcpy(body->bytes + body->len, payload.data, payload.len);
    }
    body->len += (uint32_t)payload.len;
    body->code = (uint8_t)proa__block_szx(block);
    proa_heap_set(&c->timers, &body->timed.timer, c->now_ms + LIFETIME_MS);
    *at = body;
    return more ? PART_TAKEN : PART_WHOLE;
}

/* ---- all of them ------------------------------------------------------------------------ */

static bool is_of_blocks(uint16_t number)
{
    return number == PROA_COAP_OPT_BLOCK1 || number == PROA_COAP_OPT_BLOCK2 ||
           number == PROA_COAP_OPT_SIZE1 || number == PROA_COAP_OPT_SIZE2 ||
           number == PROA_COAP_OPT_REQUEST_TAG;
}

/* The message as it was before it was cut, in the body: head of the last part `m`, all of the payload.
 * Empty if it is too long. */
static proa_span join(proa_coap *c, proa__body *body, const proa_coap_msg *m)
{
    proa_coap_builder b =
        proa_coap_build(c->scratch, c->config.message_max, m->type, m->code, m->mid, &m->token);
    proa_coap_options it = proa_coap_options_of(m);
    proa_coap_option option;
    while (proa_coap_option_next(&it, &option)) {
        if (!is_of_blocks(option.number)) {
            proa_coap_add(&b, option.number, option.value);
        }
    }
    proa_write_u8(&b.w, 0xff);
    if (b.w.err != PROA_OK || b.w.len + body->len > limit(c)) {
        return proa_span_make(NULL, 0);
    }
    memmove(body->bytes + b.w.len, body->bytes, body->len);
    memcpy(body->bytes, c->scratch, b.w.len);
    body->len += (uint32_t)b.w.len;
    return proa_span_make(body->bytes, body->len);
}

/* The message in out, with a Block option of its outside, and with its payload or without. As it is if
 * there is no room for that. */
static size_t add_block(proa_coap *c, size_t len, uint16_t number, uint32_t block, bool payload)
{
    proa_coap_msg m;
    proa_err err = proa_coap_parse(&m, proa_span_make(c->out, len));
    PROA_ASSERT(err == PROA_OK); /* we have made it */
    proa_coap_builder b =
        proa_coap_build(c->scratch, c->config.message_max, m.type, m.code, m.mid, &m.token);
    proa_coap_options it = proa_coap_options_of(&m);
    proa_coap_option option;
    bool is_added = false;
    while (proa_coap_option_next(&it, &option)) {
        if (!is_added && option.number > number) {
            proa_coap_add_uint(&b, number, block);
            is_added = true;
        }
        proa_coap_add(&b, option.number, option.value);
    }
    if (!is_added) {
        proa_coap_add_uint(&b, number, block);
    }
    if (payload) {
        proa_coap_add_payload(&b, m.payload);
    }
    int longer = proa_coap_build_end(&b);
    if (longer < 0) {
        return len;
    }
    memcpy(c->out, c->scratch, (size_t)longer);
    return (size_t)longer;
}

/* ---- requests of peers ------------------------------------------------------------------ */

static uint8_t code_of(part what)
{
    switch (what) {
    case PART_TAKEN:
    case PART_KNOWN:
        return PROA_COAP_CONTINUE;
    case PART_MISSING:
        return PROA_COAP_REQUEST_ENTITY_INCOMPLETE; /* RFC 7959 §2.9.2 */
    case PART_FULL:
        return PROA_COAP_SERVICE_UNAVAILABLE;
    case PART_BAD:
        return PROA_COAP_BAD_REQUEST;
    case PART_WHOLE:
    case PART_TOO_LARGE:
        break;
    }
    return PROA_COAP_REQUEST_ENTITY_TOO_LARGE; /* §2.9.3 */
}

static void answer(proa_coap *c, proa__peer *way, const proa__heard *h, uint8_t code)
{
    proa__draft draft;
    bool is_con = h->msg.type == PROA_COAP_CON;
    proa__draft_init(&draft, is_con ? PROA_COAP_ACK : PROA_COAP_NON, code, h->msg.mid,
                     &h->msg.token);
    draft.fields.block1 = h->fields.block1;
    draft.fields.max_age = code == PROA_COAP_CONTINUE ? PROA__NONE : 0; /* RFC 8613 §8.2 */
    if (code == PROA_COAP_REQUEST_ENTITY_TOO_LARGE) {
        draft.fields.size1 = (uint32_t)limit(c);
    }
    int len = proa__compose(c, &draft, c->scratch);
    PROA_ASSERT(len > 0);
    proa__send_back(c, way, h, proa_span_make(c->scratch, (size_t)len));
}

static proa__body *request(proa_coap *c, proa__peer *way, const proa__heard *h, proa_span *whole)
{
    proa__body *body;
    proa_coap_token name = proa__body_name(c, &h->msg, PROA__BODY_OUTER);
    if (proa__block_offset(h->fields.block1) == 0) { /* begun anew */
        body = proa__find(c, PROA__BODY, way, &name, 0);
        proa__body_free(c, &body);
    }
    part what = take(c, way, &name, h->fields.block1, h->msg.payload, &body);
    if (what == PART_WHOLE) {
        *whole = join(c, body, &h->msg);
        if (whole->len > 0) {
            proa__body_hide(c, body);
            return body;
        }
        what = PART_TOO_LARGE;
    }
    if (what != PART_TAKEN && what != PART_KNOWN) {
        proa__body_free(c, &body);
    }
    answer(c, way, h, code_of(what));
    return NULL;
}

static proa_span reply(proa_coap *c, proa_span bytes, uint32_t block1)
{
    return proa_span_make(bytes.data, add_block(c, bytes.len, PROA_COAP_OPT_BLOCK1, block1, true));
}

/* ---- responses to ours ------------------------------------------------------------------ */

static proa__body *response(proa_coap *c, proa__peer *way, proa__request *q, const proa__heard *h,
                            proa_span *whole)
{
    proa__body *body;
    part what = take(c, way, &h->msg.token, h->fields.block2, h->msg.payload, &body);
    if (what == PART_TAKEN) {
        q->asks_outside = true;
        proa__message_again(c, q->message);
    } else if (what == PART_WHOLE) {
        *whole = join(c, body, &h->msg);
        proa__body_hide(c, body);
        if (whole->len > 0) {
            return body;
        }
        proa__body_free(c, &body);
    }
    return NULL; /* whoever said it: the request goes on */
}

static const proa__body *assembly_of(proa_coap *c, const proa__request *q)
{
    proa_coap_token name = q->thing.token;
    name.bytes[0] |= proa__request_fetches_rest(q) ? 1U : 0U;
    const proa__peer *way = q->thing.peer->way;
    return way != NULL && q->asks_outside ? proa__find(c, PROA__BODY, way, &name, 0) : NULL;
}

static bool goes_on(proa_coap *c, const proa__request *q)
{
    return assembly_of(c, q) != NULL;
}

/* RFC 7959 §2.4; what FETCH asks for is in its payload (RFC 8132 §2). */
static size_t ask(proa_coap *c, const proa__request *q, size_t len)
{
    const proa__body *body = assembly_of(c, q);
    return add_block(c, len, PROA_COAP_OPT_BLOCK2, proa__block_at(body->len, false, body->code),
                     c->out[1] == PROA_COAP_FETCH);
}

const proa_coap_outer proa_coap_outer_blocks = {request, reply, response, goes_on, ask};
