/* SPDX-License-Identifier: Apache-2.0 */
/* From parameters to keys (RFC 8613 §3.2.1), and what goes into each AEAD call: nonce (§5.2) and
 * additional data (§5.4).
 *
 * HKDF is two HMACs here: no output is longer than one hash. */
#include <string.h>

#include "core/oscore/oscore_internal.h"
#include "proa/codec/cbor.h"

#define INFO_MAX 64

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
    uint8_t prk[PROA_SHA256_LEN];
    proa_span id_context;
    bool has_id_context;
    int32_t alg;
    proa_err err; /* sticky */
} hkdf;

static void extract(hkdf *h, const proa_oscore_params *params)
{
    h->err = h->crypto->hmac_sha256(h->crypto->ctx, params->master_salt, &params->master_secret, 1,
                                    h->prk);
}

/* `type` is "Key", "IV" or, of our own, "State", which is no type that anybody derives keys with. */
static void expand(hkdf *h, proa_span id, const char *type, uint8_t *out, size_t len)
{
    uint8_t info[INFO_MAX + PROA_OSCORE_ID_CONTEXT_MAX];
    uint8_t okm[PROA_SHA256_LEN];
    static const uint8_t last = 1;
    proa_writer w = proa_writer_make(info, sizeof info);
    proa_cbor_write_array(&w, 5);
    proa_cbor_write_bytes(&w, id);
    if (h->has_id_context) {
        proa_cbor_write_bytes(&w, h->id_context);
    } else {
        proa_cbor_write_null(&w);
    }
    proa_cbor_write_int(&w, h->alg);
    proa_cbor_write_text(&w, proa_span_of(type));
    proa_cbor_write_uint(&w, len);
    proa_write_u8(&w, last);
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

static proa_err check(const proa_oscore *o, const proa_oscore_params *p, proa_span id_context,
                      const proa_aead **aead)
{
    *aead = find_aead(o->config.crypto, p->aead);
    bool hmac_known = p->hmac == PROA_COSE_HMAC_256_256 ||
                      p->hmac == PROA_COSE_DIRECT_HKDF_SHA_256 ||
                      (p->hmac == 0 && o->config.accept_hmac_0);
    if (*aead == NULL || !hmac_known) {
        return PROA_E_UNSUPPORTED;
    }
    size_t id_max = (size_t)(*aead)->nonce_len - 6;
    id_max = id_max < PROA_OSCORE_ID_MAX ? id_max : PROA_OSCORE_ID_MAX;
    bool fits = p->master_secret.len >= PROA_OSCORE_SECRET_MIN &&
                p->master_secret.len <= PROA_OSCORE_SECRET_MAX &&
                p->master_salt.len <= PROA_OSCORE_SALT_MAX && p->sender_id.len <= id_max &&
                p->recipient_id.len <= id_max && id_context.len <= PROA_OSCORE_ID_CONTEXT_MAX &&
                /* With one id for both, both ends would count with the same nonces and key. */
                !proa_span_equal(p->sender_id, p->recipient_id);
    return fits ? PROA_OK : PROA_E_RANGE;
}

static uint8_t keep(uint8_t *to, proa_span from)
{
    if (from.len > 0) {
        memcpy(to, from.data, from.len);
    }
    return (uint8_t)from.len;
}

proa_err proa__oscore_derive(const proa_oscore *o, const proa_oscore_params *params,
                             const proa_span *id_context, proa__keys *out)
{
    hkdf h = {.crypto = o->config.crypto, .alg = params->aead};
    h.has_id_context = id_context != NULL || params->has_id_context;
    h.id_context = id_context != NULL ? *id_context : params->id_context;
    proa_err err = check(o, params, h.id_context, &out->aead);
    if (err != PROA_OK) {
        return err;
    }
    extract(&h, params);
    expand(&h, params->sender_id, "Key", out->sender_key, out->aead->key_len);
    expand(&h, params->recipient_id, "Key", out->recipient_key, out->aead->key_len);
    expand(&h, proa_span_make(NULL, 0), "IV", out->iv, out->aead->nonce_len);
    expand(&h, params->sender_id, "State", out->fingerprint, sizeof out->fingerprint);
    proa_wipe(h.prk, sizeof h.prk);
    out->sender_id_len = keep(out->sender_id, params->sender_id);
    out->recipient_id_len = keep(out->recipient_id, params->recipient_id);
    out->has_id_context = h.has_id_context;
    proa_writer w = proa_writer_make(out->id_context, sizeof out->id_context);
    if (id_context != NULL) {
        proa_cbor_write_bytes(&w, h.id_context);
        out->id_context_head = (uint8_t)(w.len - h.id_context.len);
    } else if (h.has_id_context) {
        proa_write_span(&w, h.id_context);
    }
    out->id_context_len = (uint8_t)w.len;
    return h.err;
}

/* ---- nonce and additional data ------------------------------------------------------------ */

static proa_span id_of(const proa__keys *keys, bool ours)
{
    return ours ? proa_span_make(keys->sender_id, keys->sender_id_len)
                : proa_span_make(keys->recipient_id, keys->recipient_id_len);
}

void proa__oscore_nonce(const proa__keys *keys, bool ours, uint64_t number,
                        uint8_t out[PROA_AEAD_NONCE_MAX])
{
    proa_span id = id_of(keys, ours);
    memcpy(out, keys->iv, PROA_AEAD_NONCE_MAX);
    out[0] = (uint8_t)(out[0] ^ id.len);
    uint8_t *end = out + keys->aead->nonce_len;
    for (size_t i = 1; i <= 5; i++, number >>= 8) {
        end[-(ptrdiff_t)i] ^= (uint8_t)number;
    }
    for (size_t i = 1; i <= id.len && i <= PROA_OSCORE_ID_MAX; i++) {
        end[-5 - (ptrdiff_t)i] ^= id.data[id.len - i];
    }
}

/* CBOR written by hand: no string in it is longer than 23 bytes, so every head is one byte. */
proa_span proa__oscore_aad(const proa__keys *keys, bool we_asked, uint64_t request_number,
                           uint8_t out[PROA__AAD_MAX])
{
    enum {
        LEN_AT = 11, /* the head of external_aad */
        STRING = 0x40
    };
    static const uint8_t head[] = {0x83, 0x68, 'E',    'n',    'c',  'r',  'y', 'p',
                                   't',  '0',  STRING, STRING, 0x85, 0x01, 0x81};
    proa_span id = id_of(keys, we_asked);
    size_t number_len = proa__number_len(request_number);
    uint8_t number[5];
    proa__number_write(number, request_number);
    memcpy(out, head, sizeof head); /* ["Encrypt0", h'', << [1, [ */
    uint8_t *at = out + sizeof head;
    if (keys->aead->id > 23) {
        *at++ = 0x18;
    }
    *at++ = (uint8_t)keys->aead->id; /* ], */
    *at++ = (uint8_t)(STRING | id.len);
    at += keep(at, id);
    *at++ = (uint8_t)(STRING | number_len);
    at += keep(at, proa_span_make(number + 5 - number_len, number_len));
    *at++ = STRING; /* class I options, of which there are none: ] >>] */
    out[LEN_AT] = (uint8_t)(STRING | (at - out - LEN_AT - 1));
    return proa_span_make(out, (size_t)(at - out));
}

size_t proa__number_len(uint64_t number)
{
    return number == 0 ? 1 : proa_uint_width(number);
}

uint64_t proa__number_read(const uint8_t bytes[5])
{
    return (uint64_t)bytes[0] << 32 | ((uint32_t)bytes[1] << 24 | (uint32_t)bytes[2] << 16 |
                                       (uint32_t)bytes[3] << 8 | bytes[4]);
}

void proa__number_write(uint8_t bytes[5], uint64_t number)
{
    for (size_t i = 5; i > 0; i--, number >>= 8) {
        bytes[i - 1] = (uint8_t)number;
    }
}
