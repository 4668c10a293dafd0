/* SPDX-License-Identifier: Apache-2.0 */
/* Messages out of what the application gave and what the engine adds: both are merged in the order
 * of their numbers (RFC 7252 §3.1). Every message but those that are only sent again is made here.
 * Also the cutting of responses into blocks: size, ETag and Size2 are decided here and nowhere else
 * (RFC 7959 §2.2, §2.4, §4). */
#include <string.h>

#include "core/base/map.h"
#include "core/coap/engine_internal.h"

void proa__draft_init(proa__draft *draft, proa_coap_type type, uint8_t code, uint16_t mid,
                      const proa_coap_token *token)
{
    memset(draft, 0, sizeof *draft);
    draft->type = type;
    draft->code = code;
    draft->mid = mid;
    draft->token = token;
    proa__fields_clear(&draft->fields);
}

/* Adds those fields that stand before the option `number`, from *known on. */
static void add_fields_below(proa_coap_builder *b, const proa__fields *fields,
                             const proa__known **known, uint32_t number)
{
    for (; *known < proa__known_options + PROA__KNOWN_COUNT && (*known)->number < number;
         (*known)++) {
        const void *at = (const uint8_t *)fields + (*known)->field;
        if ((*known)->field < offsetof(proa__fields, etag)) {
            if (*(const uint32_t *)at != PROA__NONE) {
                proa_coap_add_uint(b, (*known)->number, *(const uint32_t *)at);
            }
        } else if ((*known)->field != PROA__NO_FIELD && ((const proa_span *)at)->data != NULL) {
            proa_coap_add(b, (*known)->number, *(const proa_span *)at);
        }
    }
}

int proa__compose(const proa_coap *c, const proa__draft *draft, uint8_t *buf)
{
    const uint8_t *encoded = draft->encoded.data;
    proa_coap_options it = {encoded, encoded == NULL ? NULL : encoded + draft->encoded.len, 0};
    proa_coap_option option;
    const proa__known *known = proa__known_options;
    proa_coap_builder b = proa_coap_build(buf, c->config.message_max, draft->type, draft->code,
                                          draft->mid, draft->token);
    for (size_t i = 0; i < draft->option_count || proa_coap_option_next(&it, &option); i++) {
        if (i < draft->option_count) {
            option = draft->options[i];
        }
        add_fields_below(&b, &draft->fields, &known, option.number);
        proa_coap_add(&b, option.number, option.value);
    }
    add_fields_below(&b, &draft->fields, &known, UINT32_MAX);
    proa_coap_add_payload(&b, draft->payload);
    return proa_coap_build_end(&b);
}

/* ---- responses -------------------------------------------------------------------------- */

static bool has_etag(const proa_coap_response *response)
{
    for (size_t i = 0; i < response->option_count; i++) {
        if (response->options[i].number == PROA_COAP_OPT_ETAG) {
            return true;
        }
    }
    return false;
}

/* What blocks may cost at most beside their payload: ETag 9, Block2 5, Size2 6, the marker. */
#define BLOCK_OVERHEAD 21U

#define ETAG_LEN 8U

/* An ETag only has to change with the body: two hashes of 32 bits. Their keys are used for nothing
 * else, because whoever reads an ETag and its body could work them out. */
static void make_etag(const proa_coap *c, proa_span body, uint8_t out[ETAG_LEN])
{
    uint32_t hashes[2] = {proa_hash(c->etag_keys[0], body), proa_hash(c->etag_keys[1], body)};
    memcpy(out, hashes, ETAG_LEN);
}

int proa__compose_response(const proa_coap *c, proa__draft *draft,
                           const proa_coap_response *response, uint8_t *buf, bool *whole)
{
    proa_span body = response->payload;
    uint32_t asked = draft->fields.block2;
    draft->code = response->code;
    draft->options = response->options;
    draft->option_count = response->option_count;
    draft->fields.block2 = PROA__NONE;
    int fixed_len = proa__compose(c, draft, buf);
    if (fixed_len < 0) {
        return PROA_E_TOO_LARGE;
    }
    size_t room = (size_t)c->config.message_max - (size_t)fixed_len;
    uint32_t offset = asked == PROA__NONE ? 0 : proa__block_offset(asked);
    uint32_t szx = asked == PROA__NONE ? c->szx : proa__least(proa__block_szx(asked), c->szx);
    bool fits = body.len <= proa__block_len(szx) && body.len + 1 <= room;
    *whole = offset == 0 && (body.len == 0 || fits);
    if (*whole) {
        proa_coap_builder b = {{buf, (size_t)fixed_len, c->config.message_max, PROA_OK}, 0};
        proa_coap_add_payload(&b, body);
        return proa_coap_build_end(&b);
    }
    if (room < BLOCK_OVERHEAD + 16) {
        return PROA_E_TOO_LARGE;
    }
    while (proa__block_len(szx) > room - BLOCK_OVERHEAD) {
        szx--;
    }
    if (offset >= body.len) {
        return PROA_E_RANGE; /* no such block */
    }
    size_t left = body.len - offset;
    bool more = left > proa__block_len(szx);
    uint8_t etag[ETAG_LEN];
    if (!has_etag(response)) {
        make_etag(c, body, etag);
        draft->fields.etag = proa_span_make(etag, sizeof etag);
    }
    draft->fields.block2 = proa__block_at(offset, more, szx);
    draft->fields.size2 = offset == 0 ? (uint32_t)body.len : PROA__NONE;
    draft->payload = proa_span_make(body.data + offset, more ? proa__block_len(szx) : left);
    int len = proa__compose(c, draft, buf);
    draft->fields.etag.data = NULL; /* it stands here only */
    PROA_ASSERT(len > 0);           /* there is room for everything */
    return len;
}
