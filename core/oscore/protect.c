/* SPDX-License-Identifier: Apache-2.0 */
/* Sending (RFC 8613 §8.1, §8.3): which fields of a message go into the ciphertext, which stay
 * outside, and under which nonce.
 *
 * The one rule that all else hangs on: a nonce that was begun belongs to one plaintext. Which one is
 * remembered by bits of the tag, that is, of a MAC over all of it; so protecting the same message
 * again for a retransmission works, and another one under the same number never leaves. */
#include <string.h>

#include "core/oscore/oscore_internal.h"

#define OPT_HOP_LIMIT 16 /* RFC 8768 */
#define CHECK_MASK ((1U << (16 - PROA__CHECK_SHIFT)) - 1)

bool proa__option_next(proa_coap_options *it, proa_coap_option *option)
{
    return proa_coap_option_next(it, option);
}

bool proa__has_observe(const proa_coap_msg *m)
{
    proa_span unused;
    return proa_coap_option_find(m, PROA_COAP_OPT_OBSERVE, &unused);
}

/* Only outside, Figure 5. What is unknown is inside. Observe is both. */
bool proa__is_outer(uint16_t number)
{
    return number == PROA_COAP_OPT_URI_HOST || number == PROA_COAP_OPT_URI_PORT ||
           number == PROA_COAP_OPT_PROXY_URI || number == PROA_COAP_OPT_PROXY_SCHEME ||
           number == OPT_HOP_LIMIT;
}

/* A Proxy-Uri that has more than scheme and authority would show the path to everybody. */
static bool shows_a_path(proa_span uri)
{
    size_t slashes = 0;
    for (size_t i = 0; i < uri.len; i++) {
        slashes += uri.data[i] == '/';
        if (slashes > 2 || uri.data[i] == '?') {
            return true;
        }
    }
    return false;
}

static bool is_request(uint8_t code)
{
    return PROA_COAP_CLASS(code) == 0 && code != PROA_COAP_EMPTY;
}

static bool is_response(uint8_t code)
{
    return PROA_COAP_CLASS(code) >= 2 && PROA_COAP_CLASS(code) <= 5;
}

static proa_oscore_option option_of(const proa__context *c, const proa_oscore_binding *b,
                                    const proa_span *kid_context)
{
    proa_oscore_option option = {.has_kid_context = kid_context != NULL};
    if (kid_context != NULL) {
        option.kid_context = *kid_context;
    }
    if ((b->marks & PROA__ASKED) != 0) {
        option.has_number = option.has_kid = true;
        option.number = proa__number_read(b->request_number);
        option.kid = proa_span_make(c->keys.sender_id, c->keys.sender_id_len);
    } else if ((b->marks & PROA__NUMBERED) != 0) {
        option.has_number = true;
        option.number = proa__number_read(b->number);
    }
    return option;
}

/* Header, outer options with the OSCORE option in its place, payload marker. False if an option is
 * there that must not be. */
static bool write_outer(const proa_coap_msg *m, proa_span value, proa_writer *w)
{
    bool observes = proa__has_observe(m);
    uint8_t code = is_request(m->code) ? (observes ? PROA_COAP_FETCH : PROA_COAP_POST)
                                       : (observes ? PROA_COAP_CONTENT : PROA_COAP_CHANGED);
    proa_coap_builder b = proa_coap_build(w->data, w->cap, m->type, code, m->mid, &m->token);
    proa_coap_options it = proa_coap_options_of(m);
    bool written = false;
    bool more = true;
    while (more) {
        proa_coap_option option;
        more = proa__option_next(&it, &option);
        if (!written && (!more || option.number >= PROA_COAP_OPT_OSCORE)) {
            proa_coap_add(&b, PROA_COAP_OPT_OSCORE, value);
            written = true;
        }
        if (!more) {
            break;
        }
        if (option.number == PROA_COAP_OPT_OSCORE ||
            (option.number == PROA_COAP_OPT_PROXY_URI && shows_a_path(option.value))) {
            return false;
        }
        if (proa__is_outer(option.number) || option.number == PROA_COAP_OPT_OBSERVE) {
            proa_coap_add(&b, option.number, option.value);
        }
    }
    *w = b.w;
    proa_write_u8(w, 0xff);
    return true;
}

/* Code, inner options, payload (§5.3). Observe of a notification has no value, §4.1.3.5.2. */
static void write_inner(const proa_coap_msg *m, proa_writer *w)
{
    proa_write_u8(w, m->code);
    proa_coap_builder b = {*w, 0};
    proa_coap_options it = proa_coap_options_of(m);
    for (proa_coap_option option; proa__option_next(&it, &option);) {
        if (option.number == PROA_COAP_OPT_OBSERVE && !is_request(m->code)) {
            option.value.len = 0;
        }
        if (!proa__is_outer(option.number)) {
            proa_coap_add(&b, option.number, option.value);
        }
    }
    proa_coap_add_payload(&b, m->payload);
    *w = b.w;
}

/* Encrypts `text` and sees to it that no second plaintext is encrypted under this number. */
static proa_oscore_result encrypt(proa_oscore *o, const proa__context *c, proa_oscore_binding *b,
                                  uint8_t *text, size_t len)
{
    uint8_t nonce[PROA_AEAD_NONCE_MAX];
    uint8_t aad[PROA__AAD_MAX];
    bool asked = (b->marks & PROA__ASKED) != 0;
    bool ours = asked || (b->marks & PROA__NUMBERED) != 0;
    uint64_t request_number = proa__number_read(b->request_number);
    uint64_t number = asked || !ours ? request_number : proa__number_read(b->number);
    const proa_aead *aead = c->keys.aead;
    proa__oscore_nonce(&c->keys, ours, number, nonce);
    if (aead->seal(aead, c->keys.sender_key, nonce,
                   proa__oscore_aad(&c->keys, asked, request_number, aad), text, len) != PROA_OK) {
        return PROA_OSCORE_BROKEN;
    }
    unsigned check = ((unsigned)text[len] << 8 | text[len + 1]) & CHECK_MASK;
    if ((b->marks & PROA__CHECKED) != 0 && (unsigned)b->marks >> PROA__CHECK_SHIFT != check) {
        o->stats.refused_reuse++;
        return PROA_OSCORE_REUSED;
    }
    b->marks = (uint16_t)((b->marks & ((1U << PROA__CHECK_SHIFT) - 1)) | PROA__CHECKED |
                          check << PROA__CHECK_SHIFT);
    return PROA_OSCORE_DONE;
}

proa_oscore_result proa__oscore_seal(proa_oscore *o, const proa__context *c, proa_oscore_binding *b,
                                     proa_span message, const proa_span *kid_context, uint8_t *out,
                                     size_t cap, size_t *len)
{
    proa_coap_msg m;
    uint8_t value[PROA_OSCORE_OPTION_MAX];
    proa_writer v = proa_writer_make(value, sizeof value);
    *len = 0;
    bool asks = (b->marks & PROA__ASKED) != 0;
    if ((b->marks & PROA__BEGUN) == 0 || proa_coap_parse(&m, message) != PROA_OK ||
        !(asks ? is_request(m.code) : is_response(m.code))) {
        return PROA_OSCORE_UNFIT;
    }
    proa_oscore_option option = option_of(c, b, kid_context);
    proa_oscore_option_write(&v, &option);
    proa_writer w = proa_writer_make(out, cap);
    if (!write_outer(&m, proa_writer_span(&v), &w)) {
        return PROA_OSCORE_UNFIT;
    }
    size_t text_at = w.len;
    write_inner(&m, &w);
    size_t tag_len = c->keys.aead->tag_len;
    if (v.err != PROA_OK || w.err != PROA_OK || tag_len > cap - w.len) {
        return PROA_OSCORE_SHORT;
    }
    proa_oscore_result result = encrypt(o, c, b, out + text_at, w.len - text_at);
    if (result != PROA_OSCORE_DONE) {
        proa_wipe(out, w.len + tag_len); /* what must not leave is not left lying about */
        return result;
    }
    if (asks && proa__has_observe(&m)) {
        b->marks |= PROA__OBSERVE;
    }
    *len = w.len + tag_len;
    o->stats.protected_++;
    return PROA_OSCORE_DONE;
}

proa_oscore_result proa_oscore_protect(proa_oscore *o, proa_oscore_binding *binding,
                                       proa_span message, uint8_t *out, size_t cap, size_t *len)
{
    const proa__context *c = proa__context_get(o, binding->context);
    *len = 0;
    if (c == NULL || c->lost) {
        return PROA_OSCORE_GONE;
    }
    bool tells = (binding->marks & PROA__ASKED) != 0 && c->announced;
    proa_span kid_context = proa_span_make(c->keys.id_context, c->keys.id_context_len);
    return proa__oscore_seal(o, c, binding, message, tells ? &kid_context : NULL, out, cap, len);
}

/* ---- numbers ------------------------------------------------------------------------------ */

proa_oscore_result proa_oscore_begin_request(proa_oscore *o, uint64_t account,
                                             proa_oscore_binding *binding)
{
    uint64_t number;
    memset(binding, 0, sizeof *binding);
    proa__context *c = proa__context_of_account(o, account);
    if (c == NULL) {
        return PROA_OSCORE_GONE;
    }
    const proa_oscore_renewal *renewal = o->config.renewal;
    if (c->lost || c->candidate != 0) {
        proa_oscore_result result = renewal == NULL ? PROA_OSCORE_LOST : renewal->begin(o, c, &c);
        if (result != PROA_OSCORE_DONE) {
            return result;
        }
    }
    proa_oscore_result result = proa__state_draw(o, c, &number);
    if (result == PROA_OSCORE_DONE) {
        binding->context = c->handle;
        binding->marks = PROA__ASKED | PROA__BEGUN;
        proa__number_write(binding->request_number, number);
    }
    return result;
}

proa_oscore_result proa_oscore_renew(proa_oscore *o, uint64_t account)
{
    proa__context *c = proa__context_of_account(o, account);
    if (c == NULL) {
        return PROA_OSCORE_GONE;
    }
    return o->config.renewal == NULL ? PROA_OSCORE_LOST : o->config.renewal->begin(o, c, &c);
}

proa_oscore_binding proa__oscore_bind(const proa__context *c, uint64_t request_number)
{
    proa_oscore_binding b = {.context = c->handle};
    proa__number_write(b.request_number, request_number);
    return b;
}

proa_oscore_result proa_oscore_begin_response(proa_oscore *o, proa_oscore_binding *binding,
                                              bool own_number)
{
    proa__context *c = proa__context_get(o, binding->context);
    if (c == NULL || c->lost || (binding->marks & PROA__ASKED) != 0) {
        return PROA_OSCORE_GONE;
    }
    unsigned marks = binding->marks & PROA__OBSERVE;
    if (own_number || (binding->marks & PROA__USED) != 0) {
        uint64_t number;
        proa_oscore_result result = proa__state_draw(o, c, &number);
        if (result != PROA_OSCORE_DONE) {
            return result;
        }
        proa__number_write(binding->number, number);
        marks |= PROA__NUMBERED;
    }
    binding->marks = (uint16_t)(marks | PROA__USED | PROA__BEGUN);
    return PROA_OSCORE_DONE;
}
