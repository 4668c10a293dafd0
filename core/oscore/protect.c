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

/* Only outside, Figure 5: Uri-Host 3, Uri-Port 7, Proxy-Uri 35 and Proxy-Scheme 39, which differ in
 * two bits, and Hop-Limit. What is unknown is inside. Observe is both. */
bool proa__is_outer(uint16_t number)
{
    return (number & ~(4U | 32U)) == PROA_COAP_OPT_URI_HOST || number == OPT_HOP_LIMIT;
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

/* The outer options with the OSCORE option in its place. False if one is there that must not be. */
static bool add_outer(proa_coap_builder *b, const proa_coap_msg *m, proa_span value)
{
    proa_coap_options it = proa_coap_options_of(m);
    bool written = false;
    bool more;
    do {
        proa_coap_option option;
        option.number = UINT16_MAX; /* behind the last one */
        more = proa__option_next(&it, &option);
        if (!written && option.number >= PROA_COAP_OPT_OSCORE) {
            proa_coap_add(b, PROA_COAP_OPT_OSCORE, value);
            written = true;
        }
        if (option.number == PROA_COAP_OPT_OSCORE ||
            (option.number == PROA_COAP_OPT_PROXY_URI && shows_a_path(option.value))) {
            return false;
        }
        if (proa__is_outer(option.number) || option.number == PROA_COAP_OPT_OBSERVE) {
            proa_coap_add(b, option.number, option.value);
        }
    } while (more);
    return true;
}

/* Code, inner options, payload (§5.3). Observe of a notification has no value, §4.1.3.5.2. */
static void add_inner(proa_coap_builder *b, const proa_coap_msg *m, bool asks)
{
    proa_write_u8(&b->w, m->code);
    b->last_number = 0;
    proa_coap_options it = proa_coap_options_of(m);
    for (proa_coap_option option; proa__option_next(&it, &option);) {
        if (option.number == PROA_COAP_OPT_OBSERVE && !asks) {
            option.value.len = 0;
        }
        if (!proa__is_outer(option.number)) {
            proa_coap_add(b, option.number, option.value);
        }
    }
    proa_coap_add_payload(b, m->payload);
}

/* Encrypts `text` and sees to it that no second plaintext is encrypted under this number. */
static proa_oscore_result encrypt(proa_oscore *o, const proa__context *c, proa_oscore_binding *b,
                                  uint8_t *text, size_t len)
{
    bool own = (b->marks & (PROA__ASKED | PROA__NUMBERED)) == PROA__NUMBERED;
    if (proa__oscore_crypt(&c->keys, b, own ? b->number : NULL, true, text, len) != PROA_OK) {
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
                                     proa_span message, uint8_t *out, size_t cap, size_t *len)
{
    proa_coap_msg m;
    uint8_t value[PROA_OSCORE_OPTION_MAX];
    proa_writer v = proa_writer_make(value, sizeof value);
    *len = 0;
    bool asks = (b->marks & PROA__ASKED) != 0;
    if ((b->marks & PROA__BEGUN) == 0 || proa_coap_parse(&m, message) != PROA_OK ||
        m.code == PROA_COAP_EMPTY || (PROA_COAP_CLASS(m.code) == 0) != asks) {
        return PROA_OSCORE_UNFIT;
    }
    /* A response carries one only where B.2 makes it, beside keys that have served no request yet. */
    bool tells = c->announced.data != NULL && (asks || c->phase == PROA__FIRST);
    proa_oscore_option option = {
        .has_number = (b->marks & (PROA__ASKED | PROA__NUMBERED)) != 0,
        .has_kid = asks,
        .has_kid_context = tells,
        .kid = proa_span_make(c->keys.ends[PROA__OURS].id, c->keys.ends[PROA__OURS].id_len),
        .kid_context = c->announced,
    };
    memcpy(option.number, asks ? b->request_number : b->number, sizeof option.number);
    proa_oscore_option_write(&v, &option);
    bool observes = proa__has_observe(&m);
    uint8_t code = asks ? (observes ? PROA_COAP_FETCH : PROA_COAP_POST)
                        : (observes ? PROA_COAP_CONTENT : PROA_COAP_CHANGED);
    proa_coap_builder w = proa_coap_build(out, cap, m.type, code, m.mid, &m.token);
    if (!add_outer(&w, &m, proa_writer_span(&v))) {
        return PROA_OSCORE_UNFIT;
    }
    proa_write_u8(&w.w, 0xff);
    size_t text_at = w.w.len;
    add_inner(&w, &m, asks);
    size_t end = w.w.len + c->keys.aead->tag_len;
    if (v.err != PROA_OK || w.w.err != PROA_OK || end > cap) {
        return PROA_OSCORE_SHORT;
    }
    proa_oscore_result result = encrypt(o, c, b, out + text_at, w.w.len - text_at);
    if (result != PROA_OSCORE_DONE) {
        proa_wipe(out, end); /* what must not leave is not left lying about */
        return result;
    }
    if (asks && observes) {
        b->marks |= PROA__OBSERVE;
    }
    *len = end;
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
    return proa__oscore_seal(o, c, binding, message, out, cap, len);
}

/* ---- numbers ------------------------------------------------------------------------------ */

proa_oscore_result proa_oscore_begin_request(proa_oscore *o, uint64_t account,
                                             proa_oscore_binding *binding)
{
    memset(binding, 0, sizeof *binding);
    proa__context *c = proa__context_of_account(o, account);
    if (c == NULL) {
        return PROA_OSCORE_GONE;
    }
    proa_oscore_result result = PROA_OSCORE_DONE;
    if (c->lost || c->candidate != 0) {
        const proa_oscore_renewal *renewal = o->config.renewal;
        result = renewal == NULL ? PROA_OSCORE_LOST : renewal->begin(o, c, &c);
    }
    if (result == PROA_OSCORE_DONE) {
        result = proa__state_draw(o, c, binding->request_number);
    }
    if (result == PROA_OSCORE_DONE) {
        binding->context = c->handle;
        binding->marks = PROA__ASKED | PROA__BEGUN;
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

proa_oscore_result proa_oscore_begin_response(proa_oscore *o, proa_oscore_binding *binding,
                                              bool own_number)
{
    proa__context *c = proa__context_get(o, binding->context);
    unsigned marks = binding->marks;
    if (c == NULL || c->lost || (marks & PROA__ASKED) != 0) {
        return PROA_OSCORE_GONE;
    }
    bool numbered = own_number || (marks & PROA__USED) != 0;
    if (numbered) {
        proa_oscore_result result = proa__state_draw(o, c, binding->number);
        if (result != PROA_OSCORE_DONE) {
            return result;
        }
    }
    binding->marks = (uint16_t)((marks & PROA__OBSERVE) | PROA__USED | PROA__BEGUN |
                                (numbered ? PROA__NUMBERED : 0));
    return PROA_OSCORE_DONE;
}
