/* SPDX-License-Identifier: Apache-2.0 */
/* New keys from random strings of both ends (RFC 8613 Appendix B.2). Linked only when a program names
 * proa_oscore_appendix_b2.
 *
 *     asking end                                       answering end
 *     request under R1            kid context R1    -> verify under R1
 *     verify under R2 || R1       <- kid context R2    4.01 under R2 || R1
 *     request under R2 || R3      kid context R2||R3-> verify, store, from now on R2 || R3
 *     store, from now on R2 || R3 <-                   its response
 *
 * Strings are ID Contexts, and CBOR strings around them travel as kid context. The keys under R1 and
 * under R2 || R1 protect one question and one answer; none of them is stored.
 *
 * At the asking end a candidate beside the current context goes through the phases FIRST (R1) and
 * THIRD (R2 || R3), and takes its place when a message of the peer was authentic under it. Before the
 * first request under THIRD goes out, the store says that the old keys are lost: the peer may have
 * thrown them away from that moment on.
 *
 * The answering end keeps nothing before the request under R2 || R3 is verified (§B.2.1): R2 is a
 * random string and a MAC over it, made with a secret of this boot for this incarnation of the
 * context. The new context is another incarnation, so an R2 serves once.
 *
 * Both ends may begin at once, for instance after a common power cut. Answering the other's first
 * request commits nobody, so both do; but at a request under R2 || R3 the end with the smaller
 * Sender ID goes on with its own attempt and the other gives its own up. An attempt that comes to
 * nothing does not stand in the way for ever: after a few refusals it yields, and after a few
 * requests in vain it begins again with another R1, or the old keys are used again, if they may be. */
#include <string.h>

#include "core/oscore/oscore_internal.h"
#include "proa/codec/cbor.h"

enum {
    STRING_LEN = 8,     /* R1, R3, the random part of R2 */
    OWN_R2_LEN = 8 + 8, /* with its MAC */
    REFUSED_MAX = 4,
    TRIES_MAX = 8,
    WRAPPED_MAX = PROA_OSCORE_ID_CONTEXT_MAX + 2
};

/* ---- strings ------------------------------------------------------------------------------ */

typedef struct string {
    uint8_t bytes[PROA_OSCORE_ID_CONTEXT_MAX];
    size_t len;
} string;

/* False if there is no room. */
static bool append(string *s, const uint8_t *bytes, size_t len)
{
    if (len > sizeof s->bytes - s->len) {
        return false;
    }
    if (len > 0) {
        memcpy(s->bytes + s->len, bytes, len);
    }
    s->len += len;
    return true;
}

static void append_random(const proa_oscore *o, string *s)
{
    proa_random_fill(&o->config.random, s->bytes + s->len, STRING_LEN);
    s->len += STRING_LEN;
}

static proa_span span_of(const string *s)
{
    return proa_span_make(s->bytes, s->len);
}

/* The string in a kid context. False if it is none, or too long for us. */
static bool unwrap(proa_span kid_context, string *out)
{
    proa_cbor_reader c = proa_cbor_reader_make(kid_context);
    proa_span inner = proa_cbor_read_bytes(&c);
    out->len = 0;
    return proa_cbor_end(&c) == PROA_OK && inner.len > 0 && append(out, inner.data, inner.len);
}

/* ---- R2 ----------------------------------------------------------------------------------- */

/* The MAC behind the random part of an R2 that we made for this incarnation of `c`. */
static bool make_mac(const proa_oscore *o, const proa__context *c, const uint8_t *random,
                     uint8_t mac[PROA_SHA256_LEN])
{
    uint8_t about[12];
    proa_writer w = proa_writer_make(about, sizeof about);
    proa_write_u64(&w, c->account);
    proa_write_u32(&w, c->epoch);
    proa_span parts[2] = {proa_span_make(random, STRING_LEN), proa_writer_span(&w)};
    const proa_crypto *crypto = o->config.crypto;
    return crypto->hmac_sha256(crypto->ctx, proa_span_make(o->boot.secret, sizeof o->boot.secret),
                               parts, 2, mac) == PROA_OK;
}

static bool is_ours(const proa_oscore *o, const proa__context *c, const string *s)
{
    uint8_t mac[PROA_SHA256_LEN];
    return s->len > OWN_R2_LEN && make_mac(o, c, s->bytes, mac) &&
           proa_equal_ct(mac, s->bytes + STRING_LEN, OWN_R2_LEN - STRING_LEN);
}

/* ---- contexts ----------------------------------------------------------------------------- */

/* The parameters of an account that may do this: an ID Context that is agreed on is not ours to
 * change. */
static bool find_params(const proa_oscore *o, uint64_t account, proa_oscore_params *params)
{
    return o->config.find_params(o->config.find_params_ctx, account, params) &&
           !params->has_id_context;
}

static void announce(proa__context *c, bool announces)
{
    c->announced = proa_span_make(announces ? c->keys.id_context : NULL, c->keys.id_context_len);
}

/* Keys under `id_context` (NULL: none) for the account of `like`, in a context that is in no table. */
static proa_err make(const proa_oscore *o, const proa__context *like, const string *id_context,
                     proa__phase phase, proa__context *out)
{
    proa_oscore_params params;
    if (!find_params(o, like->account, &params)) {
        return PROA_E_DENIED;
    }
    proa_span bytes = id_context != NULL ? span_of(id_context) : proa_span_make(NULL, 0);
    out->account = like->account;
    memcpy(out->fingerprint, like->fingerprint, sizeof out->fingerprint);
    out->phase = (uint8_t)phase;
    out->synchronised = true; /* nobody has used these keys before */
    proa_err err = proa__oscore_derive(o, &params, id_context != NULL ? &bytes : NULL, out);
    announce(out, id_context != NULL);
    return err;
}

/* Ends the candidate of `current`, if there is one, and makes another. */
static proa__context *new_candidate(proa_oscore *o, proa__context *current,
                                    const string *id_context, proa__phase phase, proa_err *err)
{
    proa__context *old = proa__context_get(o, current->candidate);
    current->candidate = 0;
    if (old != NULL) {
        proa__context_end(o, old);
    }
    proa__context *c = proa__context_take(o);
    if (c == NULL) {
        *err = PROA_E_FULL;
        return NULL;
    }
    *err = make(o, current, id_context, phase, c);
    if (*err != PROA_OK) {
        proa__context_end(o, c);
        return NULL;
    }
    current->candidate = c->handle;
    return c;
}

/* ---- asking ------------------------------------------------------------------------------- */

static proa_oscore_result begin(proa_oscore *o, proa__context *current, proa__context **candidate)
{
    proa__context *c = proa__context_get(o, current->candidate);
    if (c != NULL && c->tries < TRIES_MAX) {
        c->tries++;
        *candidate = c;
        return PROA_OSCORE_DONE;
    }
    if (c != NULL && c->phase == PROA__FIRST && !current->lost && !current->renewing) {
        /* The peer may know no B.2. Nothing has happened to the old keys, so it is their turn. */
        current->candidate = 0;
        proa__context_end(o, c);
        *candidate = current;
        return PROA_OSCORE_DONE;
    }
    string r1 = {{0}, 0};
    append_random(o, &r1);
    proa_err err;
    *candidate = new_candidate(o, current, &r1, PROA__FIRST, &err);
    switch (err) {
    case PROA_OK:
        return PROA_OSCORE_DONE;
    case PROA_E_FULL:
        return PROA_OSCORE_NOT_STORED;
    case PROA_E_CRYPTO:
        return PROA_OSCORE_BROKEN;
    default:
        return PROA_OSCORE_LOST;
    }
}

/* A first answer: under R2 and what the request was under. */
static proa_oscore_verdict response(proa__arrival *in, proa__context *c,
                                    const proa_oscore_binding *b)
{
    proa_oscore *o = in->o;
    proa__context second = {.account = 0};
    string r2;
    if (c->phase == PROA__THIRD || !unwrap(in->option.kid_context, &r2)) {
        return PROA_OSCORE_MALFORMED;
    }
    string id2 = r2;
    proa_span id1 = proa__id_context(&c->keys);
    if (!append(&id2, id1.data, id1.len) || r2.len > sizeof r2.bytes - STRING_LEN) {
        return PROA_OSCORE_MALFORMED;
    }
    proa_err err = make(o, c, &id2, PROA__FIRST, &second);
    proa_oscore_verdict verdict =
        err == PROA_OK ? proa__oscore_open(in, &second, b) : PROA_OSCORE_MALFORMED;
    proa_wipe(&second, sizeof second);
    proa__context *current = proa__context_of_account(o, c->account);
    if (verdict != PROA_OSCORE_ACCEPTED || current == NULL) {
        return verdict == PROA_OSCORE_ACCEPTED ? PROA_OSCORE_UNKNOWN : verdict;
    }
    if (!current->lost && !current->renewing) {
        current->renewing = true;
        if (proa__state_store(o, current, current->reserved) != PROA_OK) {
            current->renewing = false;
            return PROA_OSCORE_FAILED;
        }
    }
    string id3 = r2;
    append_random(o, &id3);
    return new_candidate(o, current, &id3, PROA__THIRD, &err) != NULL ? PROA_OSCORE_RETRY
                                                                      : PROA_OSCORE_FAILED;
}

/* Stored first, then relied on. */
static bool adopt(proa_oscore *o, proa__context *c)
{
    c->phase = PROA__CURRENT;
    announce(c, false); /* the kid alone says who we are; the peer knows the string by now */
    c->tries = 0;
    if (proa__state_reserve(o, c) != PROA_OK) {
        return false;
    }
    o->stats.renewals++;
    return proa__context_install(o, c) == PROA_OK;
}

static bool confirm(proa_oscore *o, proa__context *c)
{
    if (c->phase == PROA__CURRENT) {
        return true;
    }
    if (c->phase == PROA__THIRD && adopt(o, c)) {
        return true;
    }
    if (c->phase == PROA__CURRENT) { /* it could not be stored */
        c->phase = PROA__THIRD;
        announce(c, true);
    }
    return false;
}

/* ---- answering ---------------------------------------------------------------------------- */

/* A request that needs an answer with an R2 of ours. */
static proa_oscore_verdict first(proa__arrival *in, const proa__context *current, const string *id1)
{
    const proa_oscore *o = in->o;
    proa__context c = {.account = 0};
    uint8_t mac[PROA_SHA256_LEN];
    uint8_t wrapped[WRAPPED_MAX];
    string id2 = {{0}, 0};
    if (id1 != NULL && id1->len > sizeof id2.bytes - OWN_R2_LEN) {
        return PROA_OSCORE_UNKNOWN;
    }
    if (make(o, current, id1, PROA__FIRST, &c) != PROA_OK) {
        return PROA_OSCORE_UNKNOWN;
    }
    proa__oscore_bind(in, &c);
    proa_oscore_verdict verdict = proa__oscore_open(in, &c, &in->result.binding);
    if (verdict == PROA_OSCORE_ACCEPTED) {
        append_random(o, &id2);
        verdict = make_mac(o, current, id2.bytes, mac) ? verdict : PROA_OSCORE_FAILED;
    }
    if (verdict == PROA_OSCORE_ACCEPTED) {
        (void)append(&id2, mac, OWN_R2_LEN - STRING_LEN);
        proa_writer w = proa_writer_make(wrapped, sizeof wrapped);
        proa_cbor_write_bytes(&w, span_of(&id2));
        bool fits = id1 == NULL || append(&id2, id1->bytes, id1->len);
        proa_err err = make(o, current, &id2, PROA__FIRST, &c);
        c.announced = proa_writer_span(&w);
        verdict =
            fits && err == PROA_OK ? proa__oscore_answer_401(in, &c, NULL) : PROA_OSCORE_FAILED;
    }
    proa_wipe(&c, sizeof c);
    return verdict;
}

/* Is our own attempt to go on, so that the peer's has to wait? */
static bool insists(const proa_oscore *o, const proa__context *current)
{
    const proa__keys *keys = &current->keys;
    proa__context *candidate = proa__context_get(o, current->candidate);
    if (candidate == NULL || candidate->refused >= REFUSED_MAX) {
        return false;
    }
    const proa__end *us = &keys->ends[PROA__OURS];
    const proa__end *them = &keys->ends[PROA__THEIRS];
    int order = memcmp(us->id, them->id, us->id_len < them->id_len ? us->id_len : them->id_len);
    bool smaller = order != 0 ? order < 0 : us->id_len < them->id_len;
    candidate->refused = (uint8_t)(candidate->refused + smaller);
    return smaller;
}

/* A request under an R2 of ours. */
static proa_oscore_verdict third(proa__arrival *in, const proa__context *current, const string *id3)
{
    proa_oscore *o = in->o;
    proa__context *c = proa__context_take(o);
    if (c == NULL) {
        return PROA_OSCORE_BUSY;
    }
    proa_oscore_verdict verdict = PROA_OSCORE_UNKNOWN;
    if (make(o, current, id3, PROA__THIRD, c) == PROA_OK) {
        proa__oscore_bind(in, c);
        verdict = proa__oscore_open(in, c, &in->result.binding);
    }
    if (verdict == PROA_OSCORE_ACCEPTED && insists(o, current)) {
        verdict = PROA_OSCORE_BUSY;
    }
    if (verdict == PROA_OSCORE_ACCEPTED && !adopt(o, c)) {
        verdict = PROA_OSCORE_FAILED;
    }
    if (verdict != PROA_OSCORE_ACCEPTED) {
        proa__context_end(o, c);
        return verdict;
    }
    return proa__oscore_admit(in, c);
}

/* A request that is under no keys of ours. */
static proa_oscore_verdict begin_answer(proa__arrival *in, proa__context *current)
{
    string s;
    if (!in->option.has_kid_context) {
        /* The peer has keys, we have lost what belongs to them: they are what it asks under. */
        return current->lost ? first(in, current, NULL) : PROA_OSCORE_UNKNOWN;
    }
    if (!unwrap(in->option.kid_context, &s)) {
        return PROA_OSCORE_UNKNOWN;
    }
    return is_ours(in->o, current, &s) ? third(in, current, &s) : first(in, current, &s);
}

static proa_oscore_verdict request(proa__arrival *in, proa__context *current)
{
    proa_oscore_verdict verdict = PROA_OSCORE_UNKNOWN;
    proa__context *candidate = proa__context_get(in->o, current->candidate);
    bool lost = current->lost;
    if (candidate != NULL && candidate->phase == PROA__THIRD) {
        /* The peer may have taken the new keys into use without our having heard of it. */
        verdict = proa__oscore_judge(in, candidate);
    }
    if (!lost && (verdict == PROA_OSCORE_UNKNOWN || verdict == PROA_OSCORE_FORGED)) {
        proa_oscore_verdict other = proa__oscore_judge(in, current);
        verdict = other != PROA_OSCORE_UNKNOWN ? other : verdict;
    }
    bool open = verdict == PROA_OSCORE_UNKNOWN || (verdict == PROA_OSCORE_FORGED && lost);
    return open ? begin_answer(in, current) : verdict;
}

const proa_oscore_renewal proa_oscore_appendix_b2 = {begin, request, response, confirm};
