/* SPDX-License-Identifier: Apache-2.0 */
/* Receiving (RFC 8613 §8.2, §8.4): from an outer message to the inner one, if it is authentic and
 * new, and to what is answered if not.
 *
 * Order is everything here. A number is looked up before the work of decrypting, and remembered only
 * after, when the tag has shown that the peer chose it. A message is handed out as the last step;
 * until then the caller's `out` is empty.
 *
 * Numbers below `floor` are those of which it is not known whether they were received: all of them
 * after a reboot (Appendix B.1.2). They are taken only with the Echo we have made since, which nobody
 * could know before. The first one that brings it back sets the floor, and above it the window knows
 * everything. */
#include <string.h>

#include "core/oscore/oscore_internal.h"

/* ---- the outer message -------------------------------------------------------------------- */

/* False if it breaks the rules of messages with the OSCORE option (§2, §6.1). */
static bool read_outer(proa_span datagram, proa__outer *outer)
{
    if (proa_coap_parse(&outer->msg, datagram) != PROA_OK || outer->msg.payload.len == 0) {
        return false;
    }
    proa_coap_options it = proa_coap_options_of(&outer->msg);
    unsigned count = 0;
    for (proa_coap_option option; proa__option_next(&it, &option);) {
        if (option.number == PROA_COAP_OPT_OSCORE) {
            count++;
            if (proa_oscore_option_parse(option.value, &outer->option) != PROA_OK) {
                return false;
            }
        }
    }
    return count == 1;
}

/* ---- the inner message -------------------------------------------------------------------- */

static size_t write_head(uint8_t out[5], uint32_t delta, uint32_t len)
{
    uint32_t parts[2] = {delta, len};
    uint32_t nibbles[2];
    size_t at = 1;
    for (unsigned i = 0; i < 2; i++) {
        uint32_t value = parts[i];
        nibbles[i] = value < 13 ? value : value < 269 ? 13 : 14;
        if (value >= 269) {
            out[at++] = (uint8_t)((value - 269) >> 8);
            out[at++] = (uint8_t)(value - 269);
        } else if (value >= 13) {
            out[at++] = (uint8_t)(value - 13);
        }
    }
    out[0] = (uint8_t)(nibbles[0] << 4 | nibbles[1]);
    return at;
}

/* Put an option into the message at `w`, in the place of one with its number, if there is one. */
static void put_option(proa_writer *w, uint16_t number, proa_span value)
{
    proa_coap_msg m;
    proa_coap_option option = {0, {NULL, 0}};
    if (w->err != PROA_OK || proa_coap_parse(&m, proa_writer_span(w)) != PROA_OK) {
        return;
    }
    proa_coap_options it = proa_coap_options_of(&m);
    const uint8_t *from = it.at;
    uint16_t before = 0;
    bool more = proa__option_next(&it, &option);
    while (more && option.number < number) {
        from = it.at;
        before = option.number;
        more = proa__option_next(&it, &option);
    }
    /* Where there are no options, they would begin behind the Token. */
    size_t at = from == NULL ? 4U + m.token.len : (size_t)(from - w->data);
    const uint8_t *to = from;
    uint8_t head[5];
    size_t next_len = 0;
    if (more && option.number == number) {
        to = it.at;
    } else if (more) {
        to = option.value.data;
        next_len = write_head(head, (uint32_t)option.number - number, (uint32_t)option.value.len);
    }
    uint8_t own[5];
    size_t own_len = write_head(own, (uint32_t)number - before, (uint32_t)value.len);
    size_t gone = (size_t)(to - from);
    memmove(w->data + at, w->data + at + gone, w->len - at - gone);
    w->len -= gone;
    proa_write_insert(w, at, head, next_len);
    proa_write_insert(w, at, value.data, value.len);
    proa_write_insert(w, at, own, own_len);
}

/* What of the outer options belongs to the inner message: those that are only outside, Figure 5. The
 * others are thrown away. False if there was nothing to do. */
static bool add_outer_options(const proa_coap_msg *outer, proa_writer *w)
{
    bool any = false;
    proa_coap_options it = proa_coap_options_of(outer);
    for (proa_coap_option option; proa__option_next(&it, &option);) {
        if (proa__is_outer(option.number)) {
            put_option(w, option.number, option.value);
            any = true;
        }
    }
    return any;
}

/* Observe comes out as the lower 24 bits of the notification's number, §4.1.3.5.2. */
static void number_observe(const proa__outer *outer, proa_writer *w)
{
    uint8_t bytes[5];
    proa__number_write(bytes, outer->option.number & 0xffffff);
    size_t len = proa_uint_width(outer->option.number & 0xffffff);
    put_option(w, PROA_COAP_OPT_OBSERVE, proa_span_make(bytes + 5 - len, len));
}

static proa_err decrypt(const proa__context *c, const proa_oscore_binding *b,
                        const proa__outer *outer, uint8_t *text)
{
    uint8_t nonce[PROA_AEAD_NONCE_MAX];
    uint8_t aad[PROA__AAD_MAX];
    const proa_aead *aead = c->keys.aead;
    bool asked = (b->marks & PROA__ASKED) != 0;
    uint64_t request_number = proa__number_read(b->request_number);
    bool numbered = asked && outer->option.has_number;
    proa__oscore_nonce(&c->keys, asked && !numbered,
                       numbered ? outer->option.number : request_number, nonce);
    return aead->open(aead, c->keys.recipient_key, nonce,
                      proa__oscore_aad(&c->keys, asked, request_number, aad), text,
                      outer->msg.payload.len);
}

/* The plaintext begins with the code, which has its place before the Message ID and the Token: so
 * decrypting one byte too early, over the end of header and Token, leaves options and payload where
 * they belong, and the code is taken out before header and Token are written. */
proa_oscore_verdict proa__oscore_open(const proa__context *c, const proa_oscore_binding *b,
                                      const proa__outer *outer, uint8_t *buf, size_t cap,
                                      proa_coap_msg *inner, proa_span *message)
{
    const proa_coap_msg *m = &outer->msg;
    size_t at = 3U + m->token.len;
    if (m->payload.len + at > cap) {
        return PROA_OSCORE_FAILED;
    }
    memcpy(buf + at, m->payload.data, m->payload.len);
    proa_err err = decrypt(c, b, outer, buf + at);
    if (err != PROA_OK) {
        return err == PROA_E_DENIED ? PROA_OSCORE_FORGED : PROA_OSCORE_FAILED;
    }
    size_t len = m->payload.len - c->keys.aead->tag_len;
    if (len == 0) {
        return PROA_OSCORE_MALFORMED;
    }
    uint8_t code = buf[at];
    (void)proa_coap_build(buf, at + 1, m->type, code, m->mid, &m->token);
    proa_writer w = {buf, at + len, cap, PROA_OK};
    proa_span unused;
    if (proa_coap_parse(inner, proa_writer_span(&w)) != PROA_OK ||
        proa_coap_option_find(inner, PROA_COAP_OPT_OSCORE, &unused) || code == PROA_COAP_EMPTY ||
        (PROA_COAP_CLASS(code) == 0) != (PROA_COAP_CLASS(m->code) == 0)) {
        return PROA_OSCORE_MALFORMED;
    }
    bool notifies = PROA_COAP_CLASS(code) != 0 && proa__has_observe(inner);
    bool changed = add_outer_options(m, &w);
    if (notifies) {
        number_observe(outer, &w);
        changed = true;
    }
    *message = proa_writer_span(&w);
    if (w.err != PROA_OK || (changed && proa_coap_parse(inner, *message) != PROA_OK)) {
        return PROA_OSCORE_FAILED;
    }
    return PROA_OSCORE_ACCEPTED;
}

/* ---- the Echo of B.1.2 -------------------------------------------------------------------- */

proa_oscore_verdict proa__oscore_answer_401(proa_oscore *o, proa__context *c,
                                            const proa__outer *outer, const uint8_t *echo,
                                            const proa_span *kid_context, uint8_t *buf, size_t cap,
                                            proa_oscore_received *out)
{
    uint8_t plain[4 + PROA_COAP_TOKEN_MAX + 3 + PROA__ECHO_LEN];
    const proa_coap_msg *m = &outer->msg;
    proa_coap_builder b = proa_coap_build(plain, sizeof plain,
                                          m->type == PROA_COAP_CON ? PROA_COAP_ACK : PROA_COAP_NON,
                                          PROA_COAP_UNAUTHORIZED, m->mid, &m->token);
    if (echo != NULL) {
        proa_coap_add(&b, PROA_COAP_OPT_ECHO, proa_span_make(echo, PROA__ECHO_LEN));
    }
    proa_oscore_binding binding = proa__oscore_bind(c, outer->option.number);
    uint64_t number;
    size_t len;
    if (proa__state_draw(o, c, &number) != PROA_OSCORE_DONE) {
        return PROA_OSCORE_FAILED;
    }
    proa__number_write(binding.number, number);
    binding.marks = PROA__NUMBERED | PROA__USED | PROA__BEGUN;
    if (proa__oscore_seal(o, c, &binding, proa_writer_span(&b.w), kid_context, buf, cap, &len) !=
        PROA_OSCORE_DONE) {
        return PROA_OSCORE_FAILED;
    }
    out->account = c->account;
    out->message = proa_span_make(buf, len);
    return PROA_OSCORE_ANSWER;
}

static proa_oscore_verdict challenge(proa_oscore *o, proa__context *c, const proa__outer *outer,
                                     uint8_t *buf, size_t cap, proa_oscore_received *out)
{
    if (!c->has_echo) {
        proa_random_fill(&o->config.random, c->echo, sizeof c->echo);
        c->has_echo = true;
    }
    o->stats.challenges++;
    return proa__oscore_answer_401(o, c, outer, c->echo, NULL, buf, cap, out);
}

static bool brings_echo(const proa__context *c, const proa_coap_msg *inner)
{
    proa_span value;
    return c->has_echo && proa_coap_option_find(inner, PROA_COAP_OPT_ECHO, &value) &&
           value.len == PROA__ECHO_LEN && proa_equal_ct(value.data, c->echo, PROA__ECHO_LEN);
}

/* ---- requests ----------------------------------------------------------------------------- */

static proa_oscore_verdict look(proa_oscore *o, const proa__context *c, uint64_t number)
{
    if (c->floor == PROA__UNSURE) {
        return PROA_OSCORE_ACCEPTED; /* the window holds nothing yet */
    }
    switch (proa__window_look(&c->window, number)) {
    case PROA__WINDOW_NEW:
        return PROA_OSCORE_ACCEPTED;
    case PROA__WINDOW_OLD:
        o->stats.too_old++;
        return PROA_OSCORE_REPLAY;
    case PROA__WINDOW_SEEN:
    case PROA__WINDOW_NONE:
        break;
    }
    return PROA_OSCORE_REPLAY;
}

proa_oscore_verdict proa__oscore_admit(proa_oscore *o, proa__context *c, const proa__outer *outer,
                                       const proa_coap_msg *inner, proa_span message, uint8_t *buf,
                                       size_t cap, proa_oscore_received *out)
{
    uint64_t number = outer->option.number;
    if (number < c->floor && !brings_echo(c, inner)) {
        if (c->floor == PROA__UNSURE) {
            return challenge(o, c, outer, buf, cap, out);
        }
        o->stats.too_old++;
        return PROA_OSCORE_REPLAY;
    }
    if (c->floor == PROA__UNSURE) {
        c->window = (proa__window){number, 0};
        c->floor = number;
        o->stats.synchronised++;
    }
    proa__window_add(&c->window, number);
    out->binding = proa__oscore_bind(c, number);
    if (proa__has_observe(inner)) {
        out->binding.marks |= PROA__OBSERVE;
    }
    out->account = c->account;
    out->message = message;
    return PROA_OSCORE_ACCEPTED;
}

/* One context's opinion of a request. */
static proa_oscore_verdict judge(proa_oscore *o, proa__context *c, const proa__outer *outer,
                                 uint8_t *buf, size_t cap, proa_oscore_received *out)
{
    proa_coap_msg inner;
    proa_span message;
    proa_oscore_verdict verdict = look(o, c, outer->option.number);
    if (verdict == PROA_OSCORE_ACCEPTED) {
        proa_oscore_binding b = proa__oscore_bind(c, outer->option.number);
        verdict = proa__oscore_open(c, &b, outer, buf, cap, &inner, &message);
    }
    if (verdict == PROA_OSCORE_ACCEPTED) {
        if (c->phase != PROA__CURRENT && !o->config.renewal->confirm(o, c)) {
            return PROA_OSCORE_FAILED;
        }
        verdict = proa__oscore_admit(o, c, outer, &inner, message, buf, cap, out);
    }
    return verdict;
}

/* Does the kid context of a request, if there is one, name this context? */
static bool fits(const proa__context *c, const proa_oscore_option *option)
{
    proa_span own = proa_span_make(c->keys.id_context, c->keys.id_context_len);
    return !option->has_kid_context ||
           (c->keys.has_id_context && proa_span_equal(option->kid_context, own));
}

static proa_oscore_verdict find_and_judge(proa_oscore *o, const proa__outer *outer, uint8_t *buf,
                                          size_t cap, proa_oscore_received *out)
{
    proa__context *c = proa__context_of_kid(o, outer->option.kid);
    if (c == NULL) {
        return PROA_OSCORE_UNKNOWN;
    }
    proa_oscore_verdict verdict = PROA_OSCORE_UNKNOWN;
    proa__context *candidate = proa__context_get(o, c->candidate);
    if (candidate != NULL && candidate->phase == PROA__THIRD && fits(candidate, &outer->option)) {
        /* The peer may have taken the new keys into use without our having heard of it. */
        verdict = judge(o, candidate, outer, buf, cap, out);
    }
    if (!c->lost && fits(c, &outer->option) &&
        (verdict == PROA_OSCORE_UNKNOWN || verdict == PROA_OSCORE_FORGED)) {
        verdict = judge(o, c, outer, buf, cap, out);
    }
    bool open = verdict == PROA_OSCORE_UNKNOWN || (verdict == PROA_OSCORE_FORGED && c->lost);
    if (open && o->config.renewal != NULL) {
        verdict = o->config.renewal->request(o, c, outer, buf, cap, out);
    }
    return verdict;
}

static proa_oscore_verdict count(proa_oscore *o, proa_oscore_verdict verdict)
{
    o->stats.verdicts[verdict]++;
    return verdict;
}

/* Plaintext that nobody may have does not stay. */
static proa_oscore_verdict close_(proa_oscore *o, proa_oscore_verdict verdict, uint8_t *buf,
                                  size_t cap, const proa__outer *outer, proa_oscore_received *out)
{
    if (verdict != PROA_OSCORE_ACCEPTED && verdict != PROA_OSCORE_ANSWER) {
        size_t used = 4U + PROA_COAP_TOKEN_MAX + outer->msg.payload.len;
        proa_wipe(buf, used < cap ? used : cap);
        *out = (proa_oscore_received){.account = 0};
    }
    return count(o, verdict);
}

proa_oscore_verdict proa_oscore_unprotect_request(proa_oscore *o, proa_span datagram, uint8_t *buf,
                                                  size_t cap, proa_oscore_received *out)
{
    proa__outer outer;
    *out = (proa_oscore_received){.account = 0};
    if (!read_outer(datagram, &outer) || PROA_COAP_CLASS(outer.msg.code) != 0 ||
        !outer.option.has_kid || !outer.option.has_number) {
        return count(o, PROA_OSCORE_MALFORMED);
    }
    proa_oscore_verdict verdict = find_and_judge(o, &outer, buf, cap, out);
    return close_(o, verdict, buf, cap, &outer, out);
}

/* ---- responses ---------------------------------------------------------------------------- */

/* May this still come (§7.4.1, §8.4.2)? A response that has been accepted was the only one, unless
 * the request observes: then numbers must grow, and at most the first comes without. */
static bool is_expected(const proa_oscore_binding *b, const proa_oscore_option *option)
{
    if ((b->marks & PROA__OVER) != 0) {
        return false;
    }
    if (!option->has_number) {
        return (b->marks & PROA__USED) == 0;
    }
    return (b->marks & PROA__NUMBERED) == 0 || option->number > proa__number_read(b->number);
}

static proa_oscore_verdict accept(proa_oscore_binding *b, const proa__outer *outer,
                                  const proa_coap_msg *inner)
{
    bool notifies = proa__has_observe(inner);
    if (notifies && (b->marks & PROA__OBSERVE) == 0) {
        return PROA_OSCORE_MALFORMED; /* §4.1.3.5.2 */
    }
    b->marks |= PROA__USED | (notifies ? 0 : PROA__OVER);
    if (outer->option.has_number) {
        b->marks |= PROA__NUMBERED;
        proa__number_write(b->number, outer->option.number);
    }
    return PROA_OSCORE_ACCEPTED;
}

static proa_oscore_verdict judge_response(proa_oscore *o, proa_oscore_binding *b,
                                          const proa__outer *outer, uint8_t *buf, size_t cap,
                                          proa_oscore_received *out)
{
    proa__context *c = proa__context_get(o, b->context);
    proa_coap_msg inner;
    proa_span message;
    if (c == NULL || c->lost) {
        return PROA_OSCORE_UNKNOWN;
    }
    if (!is_expected(b, &outer->option)) {
        return PROA_OSCORE_REPLAY;
    }
    if (outer->option.has_kid_context) {
        return o->config.renewal == NULL ? PROA_OSCORE_MALFORMED
                                         : o->config.renewal->response(o, c, b, outer, buf, cap);
    }
    proa_oscore_verdict verdict = proa__oscore_open(c, b, outer, buf, cap, &inner, &message);
    if (verdict == PROA_OSCORE_ACCEPTED && c->phase != PROA__CURRENT &&
        !o->config.renewal->confirm(o, c)) {
        verdict = PROA_OSCORE_FAILED;
    }
    if (verdict == PROA_OSCORE_ACCEPTED) {
        verdict = accept(b, outer, &inner);
    }
    if (verdict == PROA_OSCORE_ACCEPTED) {
        out->account = c->account;
        out->message = message;
    }
    return verdict;
}

proa_oscore_verdict proa_oscore_unprotect_response(proa_oscore *o, proa_oscore_binding *binding,
                                                   proa_span datagram, uint8_t *buf, size_t cap,
                                                   proa_oscore_received *out)
{
    proa__outer outer;
    *out = (proa_oscore_received){.account = 0};
    if (!read_outer(datagram, &outer) || PROA_COAP_CLASS(outer.msg.code) < 2 ||
        (binding->marks & PROA__ASKED) == 0) {
        return count(o, PROA_OSCORE_MALFORMED);
    }
    proa_oscore_verdict verdict = judge_response(o, binding, &outer, buf, cap, out);
    return close_(o, verdict, buf, cap, &outer, out);
}

/* ---- answers to what is refused ----------------------------------------------------------- */

proa_oscore_refusal proa_oscore_refusal_of(proa_oscore_verdict verdict)
{
    static const proa_oscore_refusal silence = {PROA_COAP_EMPTY, ""};
    switch (verdict) {
    case PROA_OSCORE_MALFORMED:
        return (proa_oscore_refusal){PROA_COAP_BAD_OPTION, "Failed to decode COSE"};
    case PROA_OSCORE_UNKNOWN:
        return (proa_oscore_refusal){PROA_COAP_UNAUTHORIZED, "Security context not found"};
    case PROA_OSCORE_REPLAY:
        return (proa_oscore_refusal){PROA_COAP_UNAUTHORIZED, "Replay detected"};
    case PROA_OSCORE_FORGED:
        return (proa_oscore_refusal){PROA_COAP_BAD_REQUEST, "Decryption failed"};
    case PROA_OSCORE_BUSY:
        return (proa_oscore_refusal){PROA_COAP_SERVICE_UNAVAILABLE, ""};
    case PROA_OSCORE_FAILED:
    case PROA_OSCORE_ACCEPTED:
    case PROA_OSCORE_ANSWER:
    case PROA_OSCORE_RETRY:
        break;
    }
    return silence;
}
