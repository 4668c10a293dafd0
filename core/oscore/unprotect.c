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
 * everything. Who sends others gets an Echo, but not without end: challenges are rationed. */
#include <string.h>

#include "core/oscore/oscore_internal.h"

/* ---- the outer message -------------------------------------------------------------------- */

/* False if it breaks the rules of messages with the OSCORE option (§2, §6.1). */
static bool read_outer(proa__arrival *in)
{
    if (proa_coap_parse(&in->outer, in->datagram) != PROA_OK || in->outer.payload.len == 0) {
        return false;
    }
    proa_coap_options it = proa_coap_options_of(&in->outer);
    unsigned count = 0;
    for (proa_coap_option option; proa__option_next(&it, &option);) {
        in->has_outside |= proa__is_outer(option.number);
        if (option.number == PROA_COAP_OPT_OSCORE) {
            count++;
            if (proa_oscore_option_parse(option.value, &in->option) != PROA_OK) {
                return false;
            }
        }
    }
    in->number = proa__number_read(in->option.number);
    return count == 1;
}

/* ---- the inner message -------------------------------------------------------------------- */

static bool next_outside(proa_coap_options *it, proa_coap_option *option)
{
    bool more;
    do {
        more = proa__option_next(it, option);
    } while (more && !proa__is_outer(option->number));
    return more;
}

/* Builds the inner message again, with what of the outer options belongs to it: those that are only
 * outside, Figure 5, in place of inner ones of their number. The others are thrown away. Observe of a
 * notification comes out as the lower 24 bits of its number, §4.1.3.5.2.
 *
 * What is read moves to the end of the room that the datagram had, behind what is written: that is
 * nothing that was not in the datagram, but for Observe's three bytes, and there the tag was. So only
 * one Observe gets them; another one is ignored (RFC 7252 §5.4.5). */
static void merge(proa__arrival *in)
{
    const proa_coap_msg *m = &in->outer;
    proa_span *message = &in->result.message;
    size_t at = 4U + m->token.len;
    size_t len = message->len - at;
    uint8_t *from = in->buf + in->datagram.len - len;
    memmove(from, in->buf + at, len);
    proa_coap_options inside = {from, from + in->inner.options.len, 0};
    proa_coap_options outside = proa_coap_options_of(m);
    proa_coap_builder b = {{in->buf, at, in->datagram.len, PROA_OK}, 0};
    proa_coap_option x, y;
    bool more = next_outside(&outside, &x);
    bool any;
    do {
        any = proa__option_next(&inside, &y);
        unsigned limit = any ? y.number : UINT16_MAX;
        bool replaced = false;
        for (; more && x.number <= limit; more = next_outside(&outside, &x)) {
            replaced = x.number == limit;
            proa_coap_add(&b, x.number, x.value);
        }
        if (!any || replaced) {
            continue;
        }
        if (y.number != PROA_COAP_OPT_OBSERVE || PROA_COAP_CLASS(m->code) == 0) {
            proa_coap_add(&b, y.number, y.value);
        } else if (b.last_number != y.number) {
            proa_coap_add_uint(&b, y.number, (uint32_t)in->number & 0xffffff);
        }
    } while (any);
    proa_coap_add_payload(
        &b, proa_span_make(from + len - in->inner.payload.len, in->inner.payload.len));
    *message = proa_writer_span(&b.w);
}

/* The plaintext begins with the code, which has its place before the Message ID and the Token: so
 * decrypting one byte too early, over the end of header and Token, leaves options and payload where
 * they belong, and the code is taken out before header and Token are written. */
proa_oscore_verdict proa__oscore_open(proa__arrival *in, const proa__context *c,
                                      const proa_oscore_binding *b)
{
    const proa_coap_msg *m = &in->outer;
    size_t at = 3U + m->token.len;
    size_t len = m->payload.len;
    uint8_t *text = in->buf + at;
    bool asked = (b->marks & PROA__ASKED) != 0;
    memcpy(text, m->payload.data, len);
    proa_err err = proa__oscore_crypt(
        &c->keys, b, asked && in->option.has_number ? in->option.number : NULL, false, text, len);
    if (err != PROA_OK) {
        return err == PROA_E_DENIED ? PROA_OSCORE_FORGED : PROA_OSCORE_FAILED;
    }
    len -= c->keys.aead->tag_len;
    uint8_t code = *text;
    memcpy(in->buf, in->datagram.data, at + 1);
    in->buf[1] = code;
    in->result.account = c->account;
    in->result.message = proa_span_make(in->buf, at + len);
    proa_span unused;
    if (len == 0 || proa_coap_parse(&in->inner, in->result.message) != PROA_OK ||
        proa_coap_option_find(&in->inner, PROA_COAP_OPT_OSCORE, &unused) ||
        code == PROA_COAP_EMPTY || (PROA_COAP_CLASS(code) == 0) == asked) {
        return PROA_OSCORE_MALFORMED;
    }
    if (in->has_outside || (asked && proa__has_observe(&in->inner))) {
        merge(in);
        if (proa_coap_parse(&in->inner, in->result.message) != PROA_OK) {
            return PROA_OSCORE_FAILED;
        }
    }
    return PROA_OSCORE_ACCEPTED;
}

/* Opened, and B.2 has drawn its conclusion. */
static proa_oscore_verdict verify(proa__arrival *in, proa__context *c, const proa_oscore_binding *b)
{
    const proa_oscore_renewal *renewal = in->o->config.renewal;
    proa_oscore_verdict verdict = proa__oscore_open(in, c, b);
    if (verdict == PROA_OSCORE_ACCEPTED && renewal != NULL && !renewal->confirm(in->o, c)) {
        return PROA_OSCORE_FAILED;
    }
    return verdict;
}

/* ---- the Echo of B.1.2 -------------------------------------------------------------------- */

proa_oscore_verdict proa__oscore_answer_401(proa__arrival *in, proa__context *c,
                                            const uint8_t *echo)
{
    uint8_t plain[4 + PROA_COAP_TOKEN_MAX + 3 + PROA__ECHO_LEN];
    const proa_coap_msg *m = &in->outer;
    proa_oscore_binding *binding = &in->result.binding;
    size_t len;
    proa_coap_builder b = proa_coap_build(plain, sizeof plain,
                                          m->type == PROA_COAP_CON ? PROA_COAP_ACK : PROA_COAP_NON,
                                          PROA_COAP_UNAUTHORIZED, m->mid, &m->token);
    if (echo != NULL) {
        proa_coap_add(&b, PROA_COAP_OPT_ECHO, proa_span_make(echo, PROA__ECHO_LEN));
    }
    binding->marks = PROA__NUMBERED | PROA__USED | PROA__BEGUN;
    if (proa__state_draw(in->o, c, binding->number) != PROA_OSCORE_DONE ||
        proa__oscore_seal(in->o, c, binding, proa_writer_span(&b.w), in->buf, in->cap, &len) !=
            PROA_OSCORE_DONE) {
        return PROA_OSCORE_FAILED;
    }
    in->result.message = proa_span_make(in->buf, len);
    binding->context = 0; /* there is nothing to answer any more */
    return PROA_OSCORE_ANSWER;
}

static bool brings_echo(const proa__context *c, const proa_coap_msg *inner)
{
    proa_span value;
    return proa_coap_option_find(inner, PROA_COAP_OPT_ECHO, &value) &&
           value.len == PROA__ECHO_LEN && proa_equal_ct(value.data, c->echo, PROA__ECHO_LEN);
}

/* A token bucket that holds nothing but the time until which it has been emptied. */
static bool may_challenge(proa__arrival *in, proa__context *c)
{
    bool newest = in->number > c->window.top;
    uint32_t now_ms = (uint32_t)in->now_ms;
    uint32_t ahead_ms = c->echoes_ms - now_ms;
    if (ahead_ms > PROA__ECHO_BURST * PROA__ECHO_PERIOD_MS) {
        ahead_ms = 0; /* that time is over */
    }
    if (ahead_ms > (PROA__ECHO_BURST - (newest ? 1 : 2)) * PROA__ECHO_PERIOD_MS) {
        in->o->stats.unchallenged++;
        return false;
    }
    c->echoes_ms = now_ms + ahead_ms + PROA__ECHO_PERIOD_MS;
    if (newest) {
        c->window.top = in->number;
    }
    in->o->stats.challenges++;
    return true;
}

/* ---- requests ----------------------------------------------------------------------------- */

proa_oscore_verdict proa__oscore_admit(proa__arrival *in, proa__context *c)
{
    proa_oscore *o = in->o;
    uint64_t number = in->number;
    if ((!c->synchronised || number < c->floor) && !brings_echo(c, &in->inner)) {
        if (!c->synchronised) {
            return may_challenge(in, c) ? proa__oscore_answer_401(in, c, c->echo)
                                        : PROA_OSCORE_FAILED;
        }
        o->stats.too_old++;
        return PROA_OSCORE_REPLAY;
    }
    if (!c->synchronised) {
        c->window = (proa__window){number, 0};
        c->floor = number;
        c->synchronised = true;
        o->stats.synchronised++;
    }
    if (proa__has_observe(&in->inner)) {
        in->result.binding.marks |= PROA__OBSERVE;
    }
    return proa__window_take(&c->window, number) == PROA__WINDOW_NEW ? PROA_OSCORE_ACCEPTED
                                                                     : PROA_OSCORE_REPLAY;
}

/* Does the kid context of a request, if there is one, name this context? An empty one is not none. */
static bool fits(const proa__context *c, const proa_oscore_option *option)
{
    proa_span own = proa_span_make(c->keys.id_context, c->keys.id_context_len);
    return !option->has_kid_context || (proa_span_equal(option->kid_context, own) &&
                                        (own.len > 0 || c->announced.data != NULL));
}

proa_oscore_verdict proa__oscore_judge(proa__arrival *in, proa__context *c)
{
    if (c->lost || !fits(c, &in->option)) {
        return PROA_OSCORE_UNKNOWN;
    }
    if (c->synchronised) { /* else the window holds nothing yet */
        proa__window_result result = proa__window_look(&c->window, in->number);
        if (result != PROA__WINDOW_NEW) {
            in->o->stats.too_old += result == PROA__WINDOW_OLD;
            return PROA_OSCORE_REPLAY;
        }
    }
    proa__oscore_bind(in, c);
    proa_oscore_verdict verdict = verify(in, c, &in->result.binding);
    return verdict == PROA_OSCORE_ACCEPTED ? proa__oscore_admit(in, c) : verdict;
}

static proa_oscore_verdict judge_request(proa__arrival *in)
{
    const proa_oscore_renewal *renewal = in->o->config.renewal;
    proa__context *c = proa__context_of_kid(in->o, in->option.kid, in->option.kid_context);
    if (c == NULL) {
        return PROA_OSCORE_UNKNOWN;
    }
    return renewal != NULL ? renewal->request(in, c) : proa__oscore_judge(in, c);
}

/* ---- responses ---------------------------------------------------------------------------- */

/* May this still come (§7.4.1, §8.4.2)? A response that has been accepted was the only one, unless
 * the request observes: then numbers must grow, and at most the first comes without. */
static bool is_expected(const proa_oscore_binding *b, const proa__arrival *in)
{
    if ((b->marks & PROA__OVER) != 0) {
        return false;
    }
    if (!in->option.has_number) {
        return (b->marks & PROA__USED) == 0;
    }
    return (b->marks & PROA__NUMBERED) == 0 ||
           memcmp(in->option.number, b->number, sizeof b->number) > 0;
}

static proa_oscore_verdict accept(proa_oscore_binding *b, const proa__arrival *in)
{
    unsigned marks = b->marks;
    bool notifies = proa__has_observe(&in->inner);
    if (notifies && (marks & PROA__OBSERVE) == 0) {
        return PROA_OSCORE_MALFORMED; /* §4.1.3.5.2 */
    }
    marks |= PROA__USED | (notifies ? 0U : PROA__OVER);
    if (in->option.has_number) {
        marks |= PROA__NUMBERED;
        memcpy(b->number, in->option.number, sizeof b->number);
    }
    b->marks = (uint16_t)marks;
    return PROA_OSCORE_ACCEPTED;
}

static proa_oscore_verdict judge_response(proa__arrival *in, proa_oscore_binding *b)
{
    const proa_oscore_renewal *renewal = in->o->config.renewal;
    proa__context *c = proa__context_get(in->o, b->context);
    if (c == NULL || c->lost) {
        return PROA_OSCORE_UNKNOWN;
    }
    if (!is_expected(b, in)) {
        return PROA_OSCORE_REPLAY;
    }
    if (in->option.has_kid_context) {
        return renewal == NULL ? PROA_OSCORE_MALFORMED : renewal->response(in, c, b);
    }
    proa_oscore_verdict verdict = verify(in, c, b);
    return verdict == PROA_OSCORE_ACCEPTED ? accept(b, in) : verdict;
}

/* ---- both --------------------------------------------------------------------------------- */

/* b  of the request, if it is a response that comes; NULL: a request. */
static proa_oscore_verdict judge(proa__arrival *in, proa_oscore_binding *b)
{
    if (!read_outer(in)) {
        return PROA_OSCORE_MALFORMED;
    }
    bool asks = PROA_COAP_CLASS(in->outer.code) == 0;
    if (b == NULL) {
        return asks && in->option.has_kid && in->option.has_number ? judge_request(in)
                                                                   : PROA_OSCORE_MALFORMED;
    }
    return !asks && (b->marks & PROA__ASKED) != 0 ? judge_response(in, b) : PROA_OSCORE_MALFORMED;
}

static proa_oscore_verdict unprotect(proa_oscore *o, proa_oscore_binding *b, uint64_t now_ms,
                                     proa_span datagram, uint8_t *buf, size_t cap,
                                     proa_oscore_received *out)
{
    proa__arrival in = {.o = o, .now_ms = now_ms, .datagram = datagram, .buf = buf, .cap = cap};
    proa_oscore_verdict verdict = PROA_OSCORE_FAILED;
    if (cap >= datagram.len) {
        verdict = judge(&in, b);
        if (verdict != PROA_OSCORE_ACCEPTED && verdict != PROA_OSCORE_ANSWER) {
            proa_wipe(buf, datagram.len); /* plaintext that nobody may have does not stay */
            memset(&in.result, 0, sizeof in.result);
        }
    }
    *out = in.result;
    o->stats.verdicts[verdict]++;
    return verdict;
}

proa_oscore_verdict proa_oscore_unprotect_request(proa_oscore *o, uint64_t now_ms,
                                                  proa_span datagram, uint8_t *buf, size_t cap,
                                                  proa_oscore_received *out)
{
    return unprotect(o, NULL, now_ms, datagram, buf, cap, out);
}

proa_oscore_verdict proa_oscore_unprotect_response(proa_oscore *o, proa_oscore_binding *binding,
                                                   proa_span datagram, uint8_t *buf, size_t cap,
                                                   proa_oscore_received *out)
{
    return unprotect(o, binding, 0, datagram, buf, cap, out);
}

/* ---- answers to what is refused ----------------------------------------------------------- */

uint8_t proa_oscore_refusal_of(proa_oscore_verdict verdict)
{
    static const uint8_t codes[PROA_OSCORE_BUSY + 1] = {
        [PROA_OSCORE_MALFORMED] = PROA_COAP_BAD_OPTION,
        [PROA_OSCORE_UNKNOWN] = PROA_COAP_UNAUTHORIZED,
        [PROA_OSCORE_REPLAY] = PROA_COAP_UNAUTHORIZED,
        [PROA_OSCORE_FORGED] = PROA_COAP_BAD_REQUEST,
        [PROA_OSCORE_BUSY] = PROA_COAP_SERVICE_UNAVAILABLE,
    };
    return codes[verdict];
}
