/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks in the server role (RFC 7959): bodies that peers send by Block1 are put together here, one
 * per (peer, method, options that select it, Request-Tag) (§2.5, RFC 9175 §3.3), strictly in order.
 * Long responses to requests that must not be done twice are kept here until their last block was
 * fetched (§2.7); for GET and FETCH nothing is kept.
 *
 * A body that nobody goes on with ends after MAX_TRANSMIT_WAIT. Also the storage of the client
 * role's bodies (blocks.c), so that both share one limit. */
#include <string.h>

#include "core/base/map.h"
#include "core/coap/engine_internal.h"

/* RFC 7252 §4.8.2: by then a peer has given up its last retransmission. */
#define MAX_TRANSMIT_WAIT_MS 93000U

/* ---- storage ---------------------------------------------------------------------------- */

static void leave_outer(proa_coap *c, proa__body *body)
{
    if (proa__is_linked(&body->outer)) {
        proa__unlink(&body->outer);
        c->outer_count--;
    }
}

void proa__body_hide(proa_coap *c, proa__body *body)
{
    leave_outer(c, body);
    proa__index_remove(c, &body->timed.thing);
    proa__unlink(&body->timed.thing.link);
    proa_heap_clear(&c->timers, &body->timed.timer);
}

void proa__body_free(proa_coap *c, proa__body **at)
{
    proa__body *body = *at;
    *at = NULL;
    if (body != NULL) {
        leave_outer(c, body);
        proa_wipe(body->bytes, body->len); /* may carry keys: objects 0, 21, 11000 */
        proa__thing_free(c, &body->timed.thing);
    }
}

bool proa__body_displace(proa_coap *c)
{
    proa__link *oldest = c->lists[PROA__OUTER].next;
    if (oldest == &c->lists[PROA__OUTER]) {
        return false;
    }
    proa__body *body = PROA__OF(proa__body, outer, oldest);
    proa__body_free(c, &body);
    return true;
}

proa__body *proa__body_new(proa_coap *c, proa__peer *peer)
{
    proa__body *body;
    do {
        body = proa__thing_new(c, PROA__BODY, peer);
    } while (body == NULL && proa__body_displace(c));
    return body;
}

static void touch(proa_coap *c, proa__body *body)
{
    proa_heap_set(&c->timers, &body->timed.timer, c->now_ms + MAX_TRANSMIT_WAIT_MS);
}

proa__body *proa__body_begin(proa_coap *c, proa__peer *peer, const proa_coap_token *name)
{
    proa__body *body = proa__find(c, PROA__BODY, peer, name, 0);
    if (body != NULL) {
        body->len = 0;
        return body;
    }
    body = proa__body_new(c, peer);
    if (body != NULL) {
        body->timed.thing.token = *name;
        proa__list_append(&peer->things, &body->timed.thing.link);
        proa__index_add(c, &body->timed.thing);
    }
    return body;
}

/* ---- the name of a body ----------------------------------------------------------------- */

/* RFC 7252 §5.4.6: does not belong to the Cache-Key. */
static bool is_no_cache_key(uint16_t number)
{
    return (number & 0x1eU) == 0x1cU;
}

/* Two hashes of 32 bits under different seeds. Who finds options that collide mixes up bodies of its
 * own: names are compared among one peer's. */
proa_coap_token proa__body_name(const proa_coap *c, const proa_coap_msg *m, proa__body_use use)
{
    proa_coap_options it = proa_coap_options_of(m);
    proa_coap_option option;
    uint32_t key[2] = {c->seed + m->code, c->seed + (uint32_t)use * 256U};
    while (proa_coap_option_next(&it, &option)) {
        bool is_ours = option.number == PROA_COAP_OPT_BLOCK1 ||
                       option.number == PROA_COAP_OPT_BLOCK2 ||
                       option.number == PROA_COAP_OPT_OBSERVE ||
                       (option.number == PROA_COAP_OPT_REQUEST_TAG && use == PROA__BODY_KEPT);
        for (size_t i = 0; i < 2 && !is_ours && !is_no_cache_key(option.number); i++) {
            key[i] = proa_hash(key[i] + option.number, option.value);
        }
    }
    proa_coap_token name = {.len = sizeof key};
    memcpy(name.bytes, key, sizeof key);
    return name;
}

/* ---- assembling ------------------------------------------------------------------------- */

/* Where a block goes; NULL and the code that answers it if it goes nowhere. */
static proa__body *place_for(proa_coap *c, proa__peer *peer, const proa__heard *h, uint8_t *code)
{
    uint32_t offset = proa__block_offset(h->fields.block1);
    uint32_t size1 = h->fields.size1;
    proa_coap_token name = proa__body_name(c, &h->msg, PROA__BODY_ASSEMBLY);
    proa__body *body = proa__find(c, PROA__BODY, peer, &name, 0);
    if (offset > 0 && body != NULL && proa__block_more(h->fields.block1) && offset < body->len) {
        *code = PROA_COAP_CONTINUE; /* had it already, under a Message ID that is forgotten */
        return NULL;
    }
    if (offset > 0 && (body == NULL || body->len != offset)) {
        *code = PROA_COAP_REQUEST_ENTITY_INCOMPLETE; /* §2.9.2 */
    } else if (offset + h->msg.payload.len > c->config.body_max ||
               (size1 != PROA__NONE && size1 > c->config.body_max)) {
        *code = PROA_COAP_REQUEST_ENTITY_TOO_LARGE; /* §2.9.3 */
    } else {
        *code = PROA_COAP_SERVICE_UNAVAILABLE;
        return offset > 0 ? body : proa__body_begin(c, peer, &name);
    }
    proa__body_free(c, &body);
    return NULL;
}

static void append(proa__body *body, proa_span bytes)
{
    if (bytes.len > 0) {
        memcpy(body->bytes + body->len, bytes.data, bytes.len);
        body->len += (uint32_t)bytes.len;
    }
}

uint8_t proa__assemble(proa_coap *c, proa__peer *peer, const proa__heard *h, uint32_t *reply,
                       proa_span *payload)
{
    uint32_t block = h->fields.block1;
    uint32_t szx = proa__block_szx(block);
    size_t len = h->msg.payload.len;
    bool more = proa__block_more(block);
    *reply = 0;
    if (proa__block_is_bad(block) ||
        (more ? len != proa__block_len(szx) : len > proa__block_len(szx))) {
        return PROA_COAP_BAD_REQUEST;
    }
    /* The size we would like, §2.3. */
    *reply = (block & ~7U) | proa__least(szx, c->szx);
    if (block >> 3 == 0) {
        return 0; /* all of it */
    }
    uint8_t code;
    proa__body *body = place_for(c, peer, h, &code);
    if (body == NULL) {
        return code;
    }
    append(body, h->msg.payload);
    if (more) {
        touch(c, body);
        return PROA_COAP_CONTINUE;
    }
    proa__body_hide(c, body);
    c->event_body = body;
    *payload = proa_span_make(body->bytes, body->len);
    return 0;
}

/* ---- keeping ---------------------------------------------------------------------------- */

bool proa__body_keep(proa_coap *c, proa__peer *peer, const proa_coap_token *name,
                     const proa_coap_response *response)
{
    if (response->payload.len > c->config.body_max) {
        return false;
    }
    proa__body *body = proa__body_begin(c, peer, name);
    if (body == NULL) {
        return false;
    }
    body->code = response->code;
    body->format = PROA_FORMAT_NONE;
    for (size_t i = 0; i < response->option_count; i++) {
        const proa_coap_option *option = &response->options[i];
        if (option->number == PROA_COAP_OPT_CONTENT_FORMAT && option->value.len <= 2) {
            proa_reader r = proa_reader_make(option->value);
            body->format = (uint16_t)proa_read_uint(&r, option->value.len);
        }
    }
    append(body, response->payload);
    touch(c, body);
    return true;
}
