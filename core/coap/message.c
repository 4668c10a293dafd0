/* SPDX-License-Identifier: Apache-2.0 */
/* The wire format of CoAP over UDP (RFC 7252 §3), Block values (RFC 7959 §2.2), code texts.
 *
 * Invariant: what proa_coap_parse accepted, proa_coap_option_next can walk without looking at the
 * end again. Both decode the same option head; the parser checks, the walker trusts. Not here:
 * which options make sense in which message (engine), and who sends what when. */
#include <string.h>

#include "proa/assert.h"
#include "proa/coap.h"

#define HEADER_LEN 4U
#define PAYLOAD_MARKER 0xffU

/* Nibbles of an option's head: values up to 12 stand for themselves, §3.1. */
#define NIBBLE_EXT8 13U
#define NIBBLE_EXT16 14U
#define NIBBLE_RESERVED 15U
#define EXT8_BASE 13U
#define EXT16_BASE 269U

/* Most values are a few bytes: two moves that overlap in the middle instead of a call. Longer ones may
 * overlap where they go. */
static inline void copy_value(uint8_t *to, const uint8_t *from, size_t len)
{
    if (len > 16) {
        memmove(to, from, len);
    } else if (len >= 8) {
        uint8_t tail[8];
        memcpy(tail, from + len - 8, 8);
        memcpy(to, from, 8);
        memcpy(to + len - 8, tail, 8);
    } else if (len >= 4) {
        uint8_t tail[4];
        memcpy(tail, from + len - 4, 4);
        memcpy(to, from, 4);
        memcpy(to + len - 4, tail, 4);
    } else if (len > 0) {
        to[0] = from[0];
        to[len / 2] = from[len / 2];
        to[len - 1] = from[len - 1];
    }
}

bool proa_coap_token_equal(const proa_coap_token *a, const proa_coap_token *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* ---- parsing ---------------------------------------------------------------------------- */

/* Reads the extended bytes of a nibble above 12; UINT32_MAX if it is reserved or they are cut. */
static uint32_t read_extended(uint32_t nibble, const uint8_t **at, const uint8_t *end)
{
    const uint8_t *p = *at;
    if (nibble == NIBBLE_EXT8 && p < end) {
        *at = p + 1;
        return EXT8_BASE + p[0];
    }
    if (nibble == NIBBLE_EXT16 && end - p >= 2) {
        *at = p + 2;
        return EXT16_BASE + ((uint32_t)p[0] << 8 | p[1]);
    }
    return UINT32_MAX;
}

/* Where the options that begin at `at` stop: at the payload marker or at `end`. NULL if they are
 * malformed. */
static const uint8_t *check_options(const uint8_t *at, const uint8_t *end)
{
    uint32_t number = 0;
    while (at < end) {
        uint32_t head = *at;
        uint32_t delta = head >> 4;
        uint32_t len = head & 15U;
        if (head == PAYLOAD_MARKER) {
            break;
        }
        at++;
        if (delta >= NIBBLE_EXT8 || len >= NIBBLE_EXT8) {
            if (delta >= NIBBLE_EXT8) {
                delta = read_extended(delta, &at, end);
            }
            if (len >= NIBBLE_EXT8) {
                len = read_extended(len, &at, end);
            }
            if (delta > UINT16_MAX || number + delta > UINT16_MAX) {
                return NULL;
            }
        }
        number += delta;
        if (len > (size_t)(end - at)) {
            return NULL;
        }
        at += len;
    }
    return number > UINT16_MAX ? NULL : at;
}

/* Classes 1, 6 and 7 are reserved, §3; 3 is merely unassigned. */
static bool code_is_reserved(uint8_t code)
{
    return (1U << PROA_COAP_CLASS(code) & (1U << 1 | 1U << 6 | 1U << 7)) != 0;
}

proa_err proa_coap_parse(proa_coap_msg *m, proa_span datagram)
{
    const uint8_t *at = datagram.data;
    if (datagram.len < HEADER_LEN) {
        return PROA_E_TRUNCATED;
    }
    if (at[0] >> 6 != PROA_COAP_VERSION) {
        return PROA_E_UNSUPPORTED;
    }
    const uint8_t *end = at + datagram.len;
    size_t token_len = at[0] & 15U;
    m->type = (proa_coap_type)(at[0] >> 4 & 3U);
    m->code = at[1];
    m->mid = (uint16_t)(at[2] << 8 | at[3]);
    m->token.len = 0;
    m->options = proa_span_make(NULL, 0);
    m->payload = proa_span_make(NULL, 0);
    if (token_len > PROA_COAP_TOKEN_MAX || token_len > datagram.len - HEADER_LEN ||
        code_is_reserved(m->code)) {
        return PROA_E_FORMAT;
    }
    if (m->code == PROA_COAP_EMPTY) {
        return datagram.len == HEADER_LEN ? PROA_OK : PROA_E_FORMAT;
    }
    m->token.len = (uint8_t)token_len;
    memset(m->token.bytes, 0, sizeof m->token.bytes);
    copy_value(m->token.bytes, at + HEADER_LEN, token_len);
    const uint8_t *options = at + HEADER_LEN + token_len;
    const uint8_t *stop = check_options(options, end);
    if (stop == NULL || stop + 1 == end) { /* a marker must have a payload behind it, §3 */
        return PROA_E_FORMAT;
    }
    m->options = proa_span_make(options, (size_t)(stop - options));
    if (stop < end) {
        m->payload = proa_span_make(stop + 1, (size_t)(end - stop - 1));
    }
    return PROA_OK;
}

/* ---- options ---------------------------------------------------------------------------- */

proa_coap_options proa_coap_options_of(const proa_coap_msg *m)
{
    const uint8_t *at = m->options.data;
    proa_coap_options it = {at, at == NULL ? NULL : at + m->options.len, 0};
    return it;
}

bool proa_coap_option_next(proa_coap_options *it, proa_coap_option *option)
{
    const uint8_t *at = it->at;
    if (at == it->end) {
        return false;
    }
    uint32_t delta = *at >> 4;
    uint32_t len = *at & 15U;
    at++;
    if (delta >= NIBBLE_EXT8) {
        delta = read_extended(delta, &at, it->end);
    }
    if (len >= NIBBLE_EXT8) {
        len = read_extended(len, &at, it->end);
    }
    it->number = (uint16_t)(it->number + delta);
    it->at = at + len;
    option->number = it->number;
    option->value.data = at;
    option->value.len = len;
    return true;
}

bool proa_coap_option_find(const proa_coap_msg *m, uint16_t number, proa_span *value)
{
    proa_coap_options it = proa_coap_options_of(m);
    proa_coap_option option;
    while (proa_coap_option_next(&it, &option) && option.number <= number) {
        if (option.number == number) {
            *value = option.value;
            return true;
        }
    }
    return false;
}

uint32_t proa_coap_option_uint(const proa_coap_msg *m, uint16_t number, uint32_t otherwise)
{
    proa_span value;
    if (!proa_coap_option_find(m, number, &value) || value.len > 4) {
        return otherwise;
    }
    uint32_t result = 0;
    for (size_t i = 0; i < value.len; i++) {
        result = result << 8 | value.data[i];
    }
    return result;
}

/* ---- building --------------------------------------------------------------------------- */

/* Sticky: with no room left every later step fails by itself and need not look at err. */
static void run_out(proa_coap_builder *b)
{
    b->w.err = PROA_E_NO_SPACE;
    b->w.cap = b->w.len;
}

proa_coap_builder proa_coap_build(void *buf, size_t cap, proa_coap_type type, uint8_t code,
                                  uint16_t mid, const proa_coap_token *token)
{
    static const proa_coap_token none = {{0}, 0};
    proa_coap_builder b = {proa_writer_make(buf, cap), 0};
    token = token == NULL ? &none : token;
    PROA_ASSERT(token->len <= PROA_COAP_TOKEN_MAX);
    uint8_t *at = buf;
    if (cap >= HEADER_LEN + PROA_COAP_TOKEN_MAX) {
        memcpy(at + HEADER_LEN, token->bytes, PROA_COAP_TOKEN_MAX); /* a fixed size is no call */
    } else if (cap >= HEADER_LEN + token->len) {
        memcpy(at + HEADER_LEN, token->bytes, token->len);
    } else {
        run_out(&b);
        return b;
    }
    at[0] = (uint8_t)(PROA_COAP_VERSION << 6 | (unsigned)type << 4 | token->len);
    at[1] = code;
    at[2] = (uint8_t)(mid >> 8);
    at[3] = (uint8_t)mid;
    b.w.len = HEADER_LEN + token->len;
    return b;
}

/* Writes the extended bytes of `value` and returns its nibble. */
static uint32_t write_extended(uint8_t **at, uint32_t value)
{
    uint8_t *p = *at;
    if (value < EXT8_BASE) {
        return value;
    }
    if (value < EXT16_BASE) {
        p[0] = (uint8_t)(value - EXT8_BASE);
        *at = p + 1;
        return NIBBLE_EXT8;
    }
    p[0] = (uint8_t)((value - EXT16_BASE) >> 8);
    p[1] = (uint8_t)(value - EXT16_BASE);
    *at = p + 2;
    return NIBBLE_EXT16;
}

static size_t extended_len(uint32_t value)
{
    return (size_t)(value >= EXT8_BASE) + (size_t)(value >= EXT16_BASE);
}

/* Delta or length beyond a nibble's own values. */
static void add_extended(proa_coap_builder *b, uint32_t delta, proa_span value)
{
    uint32_t len = (uint32_t)value.len;
    size_t head_len = 1 + extended_len(delta) + extended_len(len);
    if (head_len + len > b->w.cap - b->w.len) {
        run_out(b);
        return;
    }
    uint8_t *head = b->w.data + b->w.len;
    uint8_t *at = head + 1;
    uint32_t nibble = write_extended(&at, delta) << 4;
    *head = (uint8_t)(nibble | write_extended(&at, len));
    copy_value(at, value.data, len);
    b->w.len += head_len + len;
}

void proa_coap_add(proa_coap_builder *b, uint16_t number, proa_span value)
{
    PROA_ASSERT(number >= b->last_number && value.len <= UINT16_MAX);
    uint32_t delta = (uint32_t)number - b->last_number;
    b->last_number = number;
    if (delta >= EXT8_BASE || value.len >= EXT8_BASE) {
        add_extended(b, delta, value);
        return;
    }
    if (value.len >= b->w.cap - b->w.len) {
        run_out(b);
        return;
    }
    uint8_t *at = b->w.data + b->w.len;
    *at = (uint8_t)(delta << 4 | value.len);
    copy_value(at + 1, value.data, value.len);
    b->w.len += 1 + value.len;
}

void proa_coap_add_uint(proa_coap_builder *b, uint16_t number, uint32_t value)
{
    uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                        (uint8_t)value};
    /* In numbers that the compiler sees, or it fears for what lies before bytes. */
    size_t width = value > 0xffffffU ? 4 : value > 0xffffU ? 3 : value > 0xffU ? 2 : value > 0;
    proa_coap_add(b, number, proa_span_make(bytes + sizeof bytes - width, width));
}

void proa_coap_add_payload(proa_coap_builder *b, proa_span payload)
{
    if (payload.len == 0) {
        return;
    }
    if (payload.len >= b->w.cap - b->w.len) {
        run_out(b);
        return;
    }
    b->w.data[b->w.len] = PAYLOAD_MARKER;
    memmove(b->w.data + b->w.len + 1, payload.data, payload.len);
    b->w.len += 1 + payload.len;
}

int proa_coap_build_end(const proa_coap_builder *b)
{
    return b->w.err == PROA_OK ? (int)b->w.len : (int)b->w.err;
}

/* ---- Block ------------------------------------------------------------------------------ */

#define SZX_RESERVED 7U

proa_err proa_coap_block_parse(proa_span value, proa_coap_block *out)
{
    if (value.len > 3) {
        return PROA_E_FORMAT;
    }
    uint32_t bits = 0;
    for (size_t i = 0; i < value.len; i++) {
        bits = bits << 8 | value.data[i];
    }
    if ((bits & 7U) == SZX_RESERVED) {
        return PROA_E_FORMAT;
    }
    out->num = bits >> 4;
    out->more = (bits & 8U) != 0;
    out->szx = (uint8_t)(bits & 7U);
    return PROA_OK;
}

uint32_t proa_coap_block_value(const proa_coap_block *block)
{
    return block->num << 4 | (block->more ? 8U : 0U) | block->szx;
}

/* ---- codes ------------------------------------------------------------------------------ */

static const struct code_name {
    uint8_t code;
    const char *name;
} code_names[] = {
    {PROA_COAP_EMPTY, "Empty"},
    {PROA_COAP_GET, "GET"},
    {PROA_COAP_POST, "POST"},
    {PROA_COAP_PUT, "PUT"},
    {PROA_COAP_DELETE, "DELETE"},
    {PROA_COAP_FETCH, "FETCH"},
    {PROA_COAP_PATCH, "PATCH"},
    {PROA_COAP_IPATCH, "iPATCH"},
    {PROA_COAP_CREATED, "Created"},
    {PROA_COAP_DELETED, "Deleted"},
    {PROA_COAP_VALID, "Valid"},
    {PROA_COAP_CHANGED, "Changed"},
    {PROA_COAP_CONTENT, "Content"},
    {PROA_COAP_CONTINUE, "Continue"},
    {PROA_COAP_BAD_REQUEST, "Bad Request"},
    {PROA_COAP_UNAUTHORIZED, "Unauthorized"},
    {PROA_COAP_BAD_OPTION, "Bad Option"},
    {PROA_COAP_FORBIDDEN, "Forbidden"},
    {PROA_COAP_NOT_FOUND, "Not Found"},
    {PROA_COAP_METHOD_NOT_ALLOWED, "Method Not Allowed"},
    {PROA_COAP_NOT_ACCEPTABLE, "Not Acceptable"},
    {PROA_COAP_REQUEST_ENTITY_INCOMPLETE, "Request Entity Incomplete"},
    {PROA_COAP_CONFLICT, "Conflict"},
    {PROA_COAP_PRECONDITION_FAILED, "Precondition Failed"},
    {PROA_COAP_REQUEST_ENTITY_TOO_LARGE, "Request Entity Too Large"},
    {PROA_COAP_UNSUPPORTED_CONTENT_FORMAT, "Unsupported Content-Format"},
    {PROA_COAP_UNPROCESSABLE_ENTITY, "Unprocessable Entity"},
    {PROA_COAP_TOO_MANY_REQUESTS, "Too Many Requests"},
    {PROA_COAP_INTERNAL_SERVER_ERROR, "Internal Server Error"},
    {PROA_COAP_NOT_IMPLEMENTED, "Not Implemented"},
    {PROA_COAP_BAD_GATEWAY, "Bad Gateway"},
    {PROA_COAP_SERVICE_UNAVAILABLE, "Service Unavailable"},
    {PROA_COAP_GATEWAY_TIMEOUT, "Gateway Timeout"},
    {PROA_COAP_PROXYING_NOT_SUPPORTED, "Proxying Not Supported"},
};

#define CODE_TEXT_MAX 40

const char *proa_coap_code_text(uint8_t code, char *buf)
{
    const char *name = NULL;
    for (size_t i = 0; i < sizeof code_names / sizeof code_names[0]; i++) {
        name = code_names[i].code == code ? code_names[i].name : name;
    }
    proa_writer w = proa_writer_make(buf, CODE_TEXT_MAX - 1);
    if (name == NULL || PROA_COAP_CLASS(code) != 0) {
        proa_write_decimal(&w, PROA_COAP_CLASS(code));
        proa_write_text(&w, ".");
        proa_write_decimal(&w, (code & 31U) / 10);
        proa_write_decimal(&w, (code & 31U) % 10);
        proa_write_text(&w, name == NULL ? "" : " ");
    }
    proa_write_text(&w, name == NULL ? "" : name);
    buf[w.len] = '\0';
    return buf;
}

uint8_t proa_err_to_coap(proa_err err)
{
    switch (err) {
    case PROA_E_TRUNCATED:
    case PROA_E_FORMAT:
    case PROA_E_RANGE:
    case PROA_E_TYPE:
    case PROA_E_EXISTS:
        return PROA_COAP_BAD_REQUEST;
    case PROA_E_UNSUPPORTED:
        return PROA_COAP_UNSUPPORTED_CONTENT_FORMAT;
    case PROA_E_TOO_LARGE:
        return PROA_COAP_REQUEST_ENTITY_TOO_LARGE;
    case PROA_E_NOT_FOUND:
        return PROA_COAP_NOT_FOUND;
    case PROA_E_DENIED: /* LwM2M tells missing rights as 4.01, Core 1.2 §6.4 */
        return PROA_COAP_UNAUTHORIZED;
    case PROA_E_METHOD:
        return PROA_COAP_METHOD_NOT_ALLOWED;
    case PROA_E_FULL:
    case PROA_E_NO_MEMORY:
    case PROA_E_STATE:
    case PROA_E_AGAIN:
        return PROA_COAP_SERVICE_UNAVAILABLE;
    case PROA_E_TIMEOUT:
        return PROA_COAP_GATEWAY_TIMEOUT;
    case PROA_OK:
    case PROA_E_NO_SPACE:
    case PROA_E_CRYPTO:
    case PROA_E_IO:
        break;
    }
    return PROA_COAP_INTERNAL_SERVER_ERROR;
}
