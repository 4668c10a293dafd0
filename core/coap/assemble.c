/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks in the server role (RFC 7959): bodies that peers send by Block1 are put together here, one
 * per (peer, method, options that select it, Request-Tag) (§2.5, RFC 9175 §3.3), strictly in order.
 * Long responses to requests that must not be done twice are kept here until their last block was
 * fetched (§2.7); for GET and FETCH nothing is kept.
 *
 * A body that nobody goes on with ends after MAX_TRANSMIT_WAIT. Also the storage of the client
 * role's bodies (blocks.c), so that both share one limit. */
#include <string.h>

#include "core/coap/engine_internal.h"

/* RFC 7252 §4.8.2: by then a peer has given up its last retransmission. */
#define MAX_TRANSMIT_WAIT_MS 93000U

/* ---- storage ---------------------------------------------------------------------------- */

static bool is_listed(const proa__body *body)
{
    return body->thing.peer != NULL;
}

proa__body *proa__body_new(proa_coap *c, proa__body_use use)
{
    proa_handle handle;
    proa__body *body = proa_pool_take(&c->bodies, &handle);
    if (body == NULL) {
        return NULL;
    }
    body->use = (uint8_t)use;
    body->thing.handle = handle;
    return body;
}

static uint32_t hash_of(const proa_coap *c, const proa__peer *peer, uint64_t key)
{
    return proa__hash(&c->body_map, peer, &key, sizeof key);
}

static void unlist(proa_coap *c, proa__body *body)
{
    if (is_listed(body)) {
        proa_heap_clear(&c->body_heap, &body->timer);
        proa_map_remove(&c->body_map, hash_of(c, body->thing.peer, body->key), body->thing.handle);
        proa__thing_detach(c, &body->thing);
    }
}

void proa__body_free(proa_coap *c, proa__body *body)
{
    unlist(c, body);
    proa_wipe(body->bytes, body->len); /* may carry keys: objects 0, 21, 11000 */
    proa_pool_give(&c->bodies, body->thing.handle);
}

static void touch(proa_coap *c, proa__body *body)
{
    proa_heap_set(&c->body_heap, &body->timer, c->now_ms + MAX_TRANSMIT_WAIT_MS);
}

void proa__body_run(proa_coap *c, uint64_t now_ms)
{
    proa_timer *timer;
    while ((timer = proa_heap_take_due(&c->body_heap, now_ms)) != NULL) {
        proa__body_free(c, PROA__OF(proa__body, timer, timer));
    }
}

typedef struct body_key {
    const proa__peer *peer;
    uint64_t key;
    uint8_t use;
} body_key;

static bool is_body(const void *owner, proa_handle handle, const void *key)
{
    const proa_coap *c = owner;
    const body_key *k = key;
    const proa__body *body = proa_pool_get(&c->bodies, handle);
    return body->thing.peer == k->peer && body->key == k->key && body->use == k->use;
}

proa__body *proa__body_find(proa_coap *c, const proa__peer *peer, uint64_t key, proa__body_use use)
{
    body_key k = {peer, key, (uint8_t)use};
    proa_handle handle = proa_map_find(&c->body_map, hash_of(c, peer, key), is_body, c, &k);
    return handle == 0 ? NULL : proa_pool_get(&c->bodies, handle);
}

/* A body of this peer under this key, empty; one that is there is begun anew. */
static proa__body *body_begin(proa_coap *c, proa__peer *peer, uint64_t key, proa__body_use use)
{
    proa__body *body = proa__body_find(c, peer, key, use);
    if (body != NULL) {
        body->len = 0;
        return body;
    }
    body = proa__body_new(c, use);
    if (body == NULL) {
        return NULL;
    }
    body->key = key;
    if (proa_map_add(&c->body_map, hash_of(c, peer, key), body->thing.handle) != PROA_OK) {
        proa_pool_give(&c->bodies, body->thing.handle);
        return NULL;
    }
    proa__thing_attach(&body->thing, peer, body->thing.handle, PROA__BODY);
    return body;
}

/* ---- the name of a body ----------------------------------------------------------------- */

/* RFC 7252 §5.4.6: does not belong to the Cache-Key. */
static bool is_no_cache_key(uint16_t number)
{
    return (number & 0x1eU) == 0x1cU;
}

/* Option by option, each hash chained into the next: no buffer for all of them is needed. */
static uint64_t hash_option(const proa_coap *c, uint64_t before, const proa_coap_option *option)
{
    uint8_t head[16];
    proa_writer w = proa_writer_make(head, sizeof head);
    proa_write_u64(&w, before);
    proa_write_u16(&w, option->number);
    proa_write_u32(&w, (uint32_t)option->value.len);
    return proa_siphash(c->key, proa_writer_span(&w)) + proa_siphash(c->key, option->value);
}

uint64_t proa__request_key(const proa_coap *c, const proa__peer *peer, const proa_coap_msg *m,
                           bool with_tag)
{
    proa_coap_options it = proa_coap_options_of(m);
    proa_coap_option option;
    uint64_t key = (uint64_t)m->code << 32 | peer->handle;
    while (proa_coap_option_next(&it, &option)) {
        bool is_block =
            option.number == PROA_COAP_OPT_BLOCK1 || option.number == PROA_COAP_OPT_BLOCK2;
        bool is_tag = option.number == PROA_COAP_OPT_REQUEST_TAG;
        if (!is_block && !is_no_cache_key(option.number) && (with_tag || !is_tag) &&
            option.number != PROA_COAP_OPT_OBSERVE) {
            key = hash_option(c, key, &option);
        }
    }
    return key;
}

/* ---- assembling ------------------------------------------------------------------------- */

static proa__assembly answer(uint8_t *code, uint8_t with)
{
    *code = with;
    return PROA__ASSEMBLY_REPLY;
}

/* Where a block goes; NULL and the code that answers it if it goes nowhere. */
static proa__body *place_for(proa_coap *c, proa__peer *peer, const proa_coap_msg *m,
                             const proa_coap_block *block, uint8_t *code)
{
    size_t offset = (size_t)block->num << (block->szx + 4);
    uint64_t key = proa__request_key(c, peer, m, true);
    proa__body *body = proa__body_find(c, peer, key, PROA__BODY_ASSEMBLY);
    if (offset > 0 && body != NULL && block->more && offset < body->len) {
        *code = PROA_COAP_CONTINUE; /* had it already, under a Message ID that is forgotten */
        return NULL;
    }
    if (offset > 0 && (body == NULL || body->len != offset)) {
        *code = PROA_COAP_REQUEST_ENTITY_INCOMPLETE; /* §2.9.2 */
    } else if (offset + m->payload.len > c->config.body_max ||
               proa_coap_option_uint(m, PROA_COAP_OPT_SIZE1, 0) > c->config.body_max) {
        *code = PROA_COAP_REQUEST_ENTITY_TOO_LARGE; /* §2.9.3 */
    } else {
        *code = PROA_COAP_SERVICE_UNAVAILABLE;
        return offset > 0 ? body : body_begin(c, peer, key, PROA__BODY_ASSEMBLY);
    }
    if (body != NULL) {
        proa__body_free(c, body);
    }
    return NULL;
}

static void append(proa__body *body, proa_span bytes)
{
    if (bytes.len > 0) {
        memcpy(body->bytes + body->len, bytes.data, bytes.len);
        body->len += (uint32_t)bytes.len;
    }
}

proa__assembly proa__assemble(proa_coap *c, proa__peer *peer, const proa_coap_msg *m,
                              proa_span block1, uint8_t *code, uint32_t *block1_reply,
                              proa_span *payload)
{
    proa_coap_block block = {0, false, 0};
    *block1_reply = 0;
    bool is_bad = proa_coap_block_parse(block1, &block) != PROA_OK;
    if (is_bad ||
        (block.more ? m->payload.len != 16U << block.szx : m->payload.len > 16U << block.szx)) {
        return answer(code, PROA_COAP_BAD_REQUEST);
    }
    proa_coap_block reply = block;
    reply.szx = block.szx < c->szx ? block.szx : c->szx; /* the size we would like, §2.3 */
    *block1_reply = proa_coap_block_value(&reply);
    if (block.num == 0 && !block.more) {
        *payload = m->payload; /* all of it */
        return PROA__ASSEMBLY_WHOLE;
    }
    proa__body *body = place_for(c, peer, m, &block, code);
    if (body == NULL) {
        return PROA__ASSEMBLY_REPLY;
    }
    append(body, m->payload);
    if (block.more) {
        touch(c, body);
        return answer(code, PROA_COAP_CONTINUE);
    }
    unlist(c, body);
    body->use = PROA__BODY_EVENT;
    c->event_body = body;
    *payload = proa_span_make(body->bytes, body->len);
    return PROA__ASSEMBLY_WHOLE;
}

/* ---- keeping ---------------------------------------------------------------------------- */

bool proa__body_keep(proa_coap *c, proa__peer *peer, uint64_t key,
                     const proa_coap_response *response)
{
    if (response->payload.len > c->config.body_max) {
        return false;
    }
    proa__body *body = body_begin(c, peer, key, PROA__BODY_KEPT);
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
