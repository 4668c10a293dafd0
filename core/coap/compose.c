/* SPDX-License-Identifier: Apache-2.0 */
/* Messages out of what the application gave and what the engine adds: the two lists of options
 * are merged in the order of their numbers (RFC 7252 §3.1). Also the cutting of responses into
 * blocks: size, ETag and Size2 are decided here and nowhere else (RFC 7959 §2.2, §2.4, §4). */
#include <string.h>

#include "core/coap/engine_internal.h"

void proa__draft_add(proa__draft *draft, uint16_t number, proa_span value)
{
    PROA_ASSERT(draft->extra_count < PROA__EXTRAS_MAX && value.len <= PROA__EXTRA_LEN);
    draft->extras[draft->extra_count].number = number;
    draft->extras[draft->extra_count].len = (uint8_t)value.len;
    if (value.len > 0) {
        memcpy(draft->extras[draft->extra_count].value, value.data, value.len);
    }
    draft->extra_count++;
}

void proa__draft_add_uint(proa__draft *draft, uint16_t number, uint32_t value)
{
    uint8_t bytes[4];
    proa_writer w = proa_writer_make(bytes, sizeof bytes);
    proa_write_uint(&w, value, proa_uint_width(value));
    proa__draft_add(draft, number, proa_writer_span(&w));
}

static void add_extras_below(const proa__draft *draft, uint8_t *index, uint32_t number,
                             proa_coap_builder *b)
{
    while (*index < draft->extra_count && draft->extras[*index].number < number) {
        proa_coap_add(b, draft->extras[*index].number,
                      proa_span_make(draft->extras[*index].value, draft->extras[*index].len));
        (*index)++;
    }
}

int proa__compose(const proa__draft *draft, uint8_t *buf, size_t cap)
{
    proa_coap_builder b =
        proa_coap_build(buf, cap, draft->type, draft->code, draft->mid, &draft->token);
    uint8_t extra = 0;
    for (size_t i = 0; i < draft->option_count; i++) {
        add_extras_below(draft, &extra, draft->options[i].number, &b);
        proa_coap_add(&b, draft->options[i].number, draft->options[i].value);
    }
    if (draft->encoded.len > 0) {
        proa_coap_options it = {draft->encoded.data, draft->encoded.data + draft->encoded.len, 0};
        proa_coap_option option;
        while (proa_coap_option_next(&it, &option)) {
            add_extras_below(draft, &extra, option.number, &b);
            proa_coap_add(&b, option.number, option.value);
        }
    }
    add_extras_below(draft, &extra, UINT32_MAX, &b);
    proa_coap_add_payload(&b, draft->payload);
    return proa_coap_build_end(&b);
}

/* ---- responses -------------------------------------------------------------------------- */

static bool has_option(const proa_coap_response *response, uint16_t number)
{
    for (size_t i = 0; i < response->option_count; i++) {
        if (response->options[i].number == number) {
            return true;
        }
    }
    return false;
}

/* What blocks may cost at most beside their payload: ETag 9, Block2 5, Size2 6, the marker. */
#define BLOCK_OVERHEAD 21U

typedef struct slice {
    bool blockwise;
    proa_coap_block block;
    proa_span payload;
} slice;

/* Which part of the body goes out, when `room` bytes are left for payload and block options. */
static proa_err cut(const proa_coap *c, proa_span body, const proa__shape *shape, size_t room,
                    slice *out)
{
    uint8_t szx = c->szx;
    size_t offset = 0;
    if (shape->has_block2) {
        offset = (size_t)shape->block2.num << (shape->block2.szx + 4);
        szx = shape->block2.szx < szx ? shape->block2.szx : szx;
    }
    bool fits = body.len <= (size_t)16 << szx && body.len + 1 <= room;
    if (offset == 0 && (body.len == 0 || fits)) {
        out->blockwise = false;
        out->payload = body;
        return PROA_OK;
    }
    if (room < BLOCK_OVERHEAD + 16) {
        return PROA_E_TOO_LARGE;
    }
    while ((size_t)16 << szx > room - BLOCK_OVERHEAD) {
        szx--;
    }
    if (offset >= body.len) {
        return PROA_E_RANGE; /* no such block */
    }
    size_t len = (size_t)16 << szx;
    out->blockwise = true;
    out->block.szx = szx;
    out->block.num = (uint32_t)(offset >> (szx + 4));
    out->block.more = body.len - offset > len;
    out->payload = proa_span_make(body.data + offset, out->block.more ? len : body.len - offset);
    return PROA_OK;
}

static void add_etag(const proa_coap *c, proa__draft *draft, proa_span body)
{
    uint8_t etag[8];
    proa_writer w = proa_writer_make(etag, sizeof etag);
    proa_write_u64(&w, proa_siphash(c->key, body));
    proa__draft_add(draft, PROA_COAP_OPT_ETAG, proa_writer_span(&w));
}

static void fill(const proa_coap *c, proa__draft *draft, const proa_coap_response *response,
                 const proa__shape *shape, const slice *part)
{
    draft->extra_count = 0;
    if (part->blockwise && !has_option(response, PROA_COAP_OPT_ETAG)) {
        add_etag(c, draft, response->payload);
    }
    if (shape->has_observe) {
        proa__draft_add_uint(draft, PROA_COAP_OPT_OBSERVE, shape->observe);
    }
    if (part->blockwise) {
        proa__draft_add_uint(draft, PROA_COAP_OPT_BLOCK2, proa_coap_block_value(&part->block));
    }
    if (shape->has_block1) {
        proa__draft_add_uint(draft, PROA_COAP_OPT_BLOCK1, shape->block1);
    }
    if (part->blockwise && part->block.num == 0) {
        proa__draft_add_uint(draft, PROA_COAP_OPT_SIZE2, (uint32_t)response->payload.len);
    }
    if (shape->echo.len > 0) {
        proa__draft_add(draft, PROA_COAP_OPT_ECHO, shape->echo);
    }
    draft->payload = part->payload;
}

int proa__compose_response(proa_coap *c, const proa_coap_response *response,
                           const proa__shape *shape, uint8_t *buf, bool *whole)
{
    proa__draft draft = {.type = shape->type,
                         .code = response->code,
                         .mid = shape->mid,
                         .token = shape->token,
                         .options = response->options,
                         .option_count = response->option_count};
    slice part = {.blockwise = false};
    fill(c, &draft, response, shape, &part);
    int fixed_len = proa__compose(&draft, buf, c->config.message_max);
    if (fixed_len < 0) {
        return PROA_E_TOO_LARGE;
    }
    proa_err err =
        cut(c, response->payload, shape, (size_t)c->config.message_max - (size_t)fixed_len, &part);
    if (err != PROA_OK) {
        return err;
    }
    *whole = !part.blockwise;
    fill(c, &draft, response, shape, &part);
    int len = proa__compose(&draft, buf, c->config.message_max);
    PROA_ASSERT(len > 0); /* cut() left room for everything */
    return len;
}
