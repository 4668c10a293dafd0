/* SPDX-License-Identifier: Apache-2.0 */
/* From parameters to keys (RFC 8613 §3.2.1), and what goes into each AEAD call: nonce (§5.2) and
 * additional data (§5.4).
 *
 * HKDF is two HMACs here: no output is longer than one hash. */
#include <string.h>

#include "core/oscore/oscore_internal.h"
#include "proa/codec/cbor.h"

#define INFO_MAX 64
#define AAD_MAX 40

static const proa_aead *find_aead(const proa_crypto *crypto, int32_t id)
{
    const proa_aead *const *at = crypto->aeads;
    while (*at != NULL && (*at)->id != id) {
        at++;
    }
    return *at;
}

/* ---- derivation --------------------------------------------------------------------------- */

typedef struct hkdf {
    const proa_crypto *crypto;
    const proa_span *id_context; /* NULL: none */
    int32_t alg;
    proa_err err; /* sticky */
    uint8_t prk[PROA_SHA256_LEN];
} hkdf;

/* `type` is "Key", "IV" or, of our own, "State", which is no type that anybody derives keys with. */
static void expand(hkdf *h, proa_span id, const char *type, uint8_t *out, size_t len)
{
    uint8_t info[INFO_MAX + PROA_OSCORE_ID_CONTEXT_MAX];
    uint8_t okm[PROA_SHA256_LEN];
    proa_writer w = proa_writer_make(info, sizeof info);
    proa_cbor_write_array(&w, 5);
    proa_cbor_write_bytes(&w, id);
    if (h->id_context != NULL) {
        proa_cbor_write_bytes(&w, *h->id_context);
    } else {
        proa_cbor_write_null(&w);
    }
    proa_cbor_write_int(&w, h->alg);
    proa_cbor_write_text(&w, proa_span_of(type));
    proa_cbor_write_uint(&w, len);
    proa_write_u8(&w, 1); /* the first block, which is the last */
    if (h->err == PROA_OK) {
        proa_span in = proa_writer_span(&w);
        h->err = h->crypto->hmac_sha256(h->crypto->ctx, proa_span_make(h->prk, sizeof h->prk), &in,
                                        1, okm);
    }
    if (h->err == PROA_OK) {
        memcpy(out, okm, len);
    }
    proa_wipe(okm, sizeof okm);
}

static proa_err check(const proa_oscore *o, const proa_oscore_params *p, const proa_aead *aead,
                      size_t id_context_len)
{
    bool hmac_known = p->hmac == PROA_COSE_HMAC_256_256 ||
                      p->hmac == PROA_COSE_DIRECT_HKDF_SHA_256 ||
                      (p->hmac == 0 && o->config.accept_hmac_0);
    if (aead == NULL || !hmac_known) {
        return PROA_E_UNSUPPORTED;
    }
    _Static_assert(PROA_AEAD_NONCE_MAX - 6 == PROA_OSCORE_ID_MAX, "ids fit whatever the nonce is");
    size_t id_max = (size_t)aead->nonce_len - 6;
    bool fits = p->master_secret.len >= PROA_OSCORE_SECRET_MIN &&
                p->master_secret.len <= PROA_OSCORE_SECRET_MAX &&
                p->master_salt.len <= PROA_OSCORE_SALT_MAX && p->sender_id.len <= id_max &&
                p->recipient_id.len <= id_max && id_context_len <= PROA_OSCORE_ID_CONTEXT_MAX &&
                /* With one id for both, both ends would count with the same nonces and key. */
                !proa_span_equal(p->sender_id, p->recipient_id);
    return fits ? PROA_OK : PROA_E_RANGE;
}

proa_err proa__oscore_derive(const proa_oscore *o, const proa_oscore_params *params,
                             const proa_span *id_context, proa__context *c)
{
    proa__keys *out = &c->keys;
    hkdf h;
    h.crypto = o->config.crypto;
    h.alg = params->aead;
    h.id_context = id_context != NULL       ? id_context
                   : params->has_id_context ? &params->id_context
                                            : NULL;
    const proa_aead *aead = find_aead(h.crypto, params->aead);
    proa_err err = check(o, params, aead, h.id_context != NULL ? h.id_context->len : 0);
    if (err != PROA_OK) {
        return err;
    }
    out->aead = aead;
    h.err =
        h.crypto->hmac_sha256(h.crypto->ctx, params->master_salt, &params->master_secret, 1, h.prk);
    for (unsigned i = 0; i < 2; i++) {
        proa__end *end = &out->ends[i];
        const proa_span *id = i == PROA__OURS ? &params->sender_id : &params->recipient_id;
        expand(&h, *id, "Key", end->key, aead->key_len);
        end->id_len = (uint8_t)id->len;
        for (size_t k = 0; k < id->len; k++) {
            end->id[k] = id->data[k];
        }
    }
    expand(&h, proa_span_make(NULL, 0), "IV", out->iv, aead->nonce_len);
    proa_writer w = proa_writer_make(out->id_context, sizeof out->id_context);
    out->id_context_head = 0;
    if (id_context != NULL) {
        proa_cbor_write_bytes(&w, *id_context);
        out->id_context_head = (uint8_t)(w.len - id_context->len);
    } else {
        expand(&h, params->sender_id, "State", c->fingerprint, sizeof c->fingerprint);
        if (h.id_context != NULL) {
            proa_write_span(&w, *h.id_context);
        }
    }
    out->id_context_len = (uint8_t)w.len;
    proa_wipe(h.prk, sizeof h.prk);
    return h.err;
}

/* ---- nonce and additional data ------------------------------------------------------------ */

/* Into what ends at `end`. Returns where it began. */
static uint8_t *xor_before(uint8_t *end, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        *--end ^= bytes[--len];
    }
    return end;
}

/* `maker` made the number (§5.2). */
static void make_nonce(const proa__keys *keys, const proa__end *maker,
                       const uint8_t number[PROA_OSCORE_NUMBER_LEN],
                       uint8_t out[PROA_AEAD_NONCE_MAX])
{
    memcpy(out, keys->iv, PROA_AEAD_NONCE_MAX);
    out[0] ^= maker->id_len;
    uint8_t *at = xor_before(out + keys->aead->nonce_len, number, PROA_OSCORE_NUMBER_LEN);
    (void)xor_before(at, maker->id, maker->id_len);
}

/* CBOR written by hand: no string in it is longer than 23 bytes, so every head is one byte (§5.4). */
static size_t make_aad(const proa__keys *keys, const proa__end *asker,
                       const uint8_t request_number[PROA_OSCORE_NUMBER_LEN], uint8_t out[AAD_MAX])
{
    enum {
        LEN_AT = 11, /* the head of external_aad */
        STRING = 0x40
    };
    static const uint8_t head[] = {0x83, 0x68, 'E',    'n',    'c',  'r',  'y', 'p',
                                   't',  '0',  STRING, STRING, 0x85, 0x01, 0x81};
    proa_span number = proa__number_span(request_number);
    memcpy(out, head, sizeof head); /* ["Encrypt0", h'', << [1, [ */
    uint8_t *at = out + sizeof head;
    if (keys->aead->id > 23) {
        *at++ = 0x18;
    }
    *at++ = (uint8_t)keys->aead->id; /* ], */
    *at++ = (uint8_t)(STRING | asker->id_len);
    memcpy(at, asker->id, asker->id_len);
    at += asker->id_len;
    *at++ = (uint8_t)(STRING | number.len);
    memcpy(at, number.data, number.len);
    at += number.len;
    *at++ = STRING; /* class I options, of which there are none: ] >>] */
    out[LEN_AT] = (uint8_t)(STRING | (at - out - LEN_AT - 1));
    return (size_t)(at - out);
}

proa_err proa__oscore_crypt(const proa__keys *keys, const proa_oscore_binding *b,
                            const uint8_t *own_number, bool seals, uint8_t *text, size_t len)
{
    uint8_t nonce[PROA_AEAD_NONCE_MAX];
    uint8_t aad[AAD_MAX];
    const proa_aead *aead = keys->aead;
    const proa__end *asker = &keys->ends[(b->marks & PROA__ASKED) != 0];
    const proa__end *sealer = &keys->ends[seals];
    if (own_number != NULL) {
        make_nonce(keys, sealer, own_number, nonce);
    } else {
        make_nonce(keys, asker, b->request_number, nonce);
    }
    proa_span more = proa_span_make(aad, make_aad(keys, asker, b->request_number, aad));
    return (seals ? aead->seal : aead->open)(aead, sealer->key, nonce, more, text, len);
}

/* ---- numbers ------------------------------------------------------------------------------ */

proa_span proa__number_span(const uint8_t bytes[PROA_OSCORE_NUMBER_LEN])
{
    size_t len = PROA_OSCORE_NUMBER_LEN;
    for (; len > 1 && *bytes == 0; bytes++) {
        len--;
    }
    return proa_span_make(bytes, len);
}

uint64_t proa__number_read(const uint8_t bytes[PROA_OSCORE_NUMBER_LEN])
{
    return (uint64_t)bytes[0] << 32 | ((uint32_t)bytes[1] << 24 | (uint32_t)bytes[2] << 16 |
                                       (uint32_t)bytes[3] << 8 | bytes[4]);
}

void proa__number_write(uint8_t bytes[PROA_OSCORE_NUMBER_LEN], uint64_t number)
{
    for (size_t i = PROA_OSCORE_NUMBER_LEN; i > 0; i--, number >>= 8) {
        bytes[i - 1] = (uint8_t)number;
    }
}
