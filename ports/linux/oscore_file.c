/* SPDX-License-Identifier: Apache-2.0 */
/* OSCORE contexts in files: hex into bytes, and each bound of proa_oscore_params told where it is
 * broken. */
#include "ports/linux/oscore_file.h"

#include <string.h>

static int32_t read_aead(const proa_json_at *at)
{
    int32_t aead = (int32_t)proa_json_number(at, 0, INT32_MAX, PROA_COSE_AES_CCM_16_64_128);
    if (aead != PROA_COSE_AES_CCM_16_64_128 && aead != PROA_COSE_A128GCM &&
        aead != PROA_COSE_CHACHA20_POLY1305) {
        proa_json_fail(at, "must be 10 (AES-CCM-16-64-128), 1 (A128GCM) or 24 (ChaCha20/Poly1305)");
    }
    return aead;
}

static int32_t read_hmac(const proa_json_at *at, bool accept_0)
{
    /* The default is negative, and as a fallback it would mean "required". */
    int32_t hmac = proa_json_there(at) ? (int32_t)proa_json_number(at, INT32_MIN, INT32_MAX, 0)
                                       : PROA_COSE_DIRECT_HKDF_SHA_256;
    if (hmac != PROA_COSE_DIRECT_HKDF_SHA_256 && hmac != PROA_COSE_HMAC_256_256 &&
        !(accept_0 && hmac == 0)) {
        proa_json_fail(at, "must be -10 (HKDF SHA-256) or 5 (HMAC 256/256)");
    }
    return hmac;
}

/* Both must be said: the empty ID is a good one (RFC 8613 §3.3), and so a forgotten one would go
 * unnoticed until nothing that is received can be read. */
static void read_ids(const proa_json_at *at, proa_oscore_entry *out)
{
    proa_json_at sender = proa_json_member(at, "sender");
    proa_json_at recipient = proa_json_member(at, "recipient");
    /* The nonce less 6 bytes: it has 13 with AES-CCM and 12 with the others. */
    size_t id_max =
        out->aead == PROA_COSE_AES_CCM_16_64_128 ? PROA_OSCORE_ID_MAX : PROA_OSCORE_ID_MAX - 1;
    out->sender_id_len = proa_json_hex(&sender, NULL, out->sender_id, id_max);
    out->recipient_id_len = proa_json_hex(&recipient, NULL, out->recipient_id, id_max);
    if (out->sender_id_len == out->recipient_id_len &&
        memcmp(out->sender_id, out->recipient_id, out->sender_id_len) == 0) {
        proa_json_fail(&recipient, "must differ from \"sender\": each end has an id of its own");
    }
}

static void read_id_context(const proa_json_at *at, bool allowed, proa_oscore_entry *out)
{
    out->has_id_context = proa_json_there(at);
    out->id_context_len = proa_json_hex(at, "", out->id_context, sizeof out->id_context);
    if (out->has_id_context && !allowed) {
        proa_json_fail(at, "is not possible here: these keys may have been used before, and with "
                           "an ID Context no others can be made from them");
    }
}

void proa_json_oscore(const proa_json_at *at, proa_oscore_allowed allowed, proa_oscore_entry *out)
{
    memset(out, 0, sizeof *out);
    if (!proa_json_there(at)) {
        return;
    }
    proa_json_only(at, allowed.fresh ? "secret salt sender recipient id_context aead hmac fresh"
                                     : "secret salt sender recipient id_context aead hmac");
    proa_json_at secret = proa_json_member(at, "secret");
    proa_json_at salt = proa_json_member(at, "salt");
    proa_json_at id_context = proa_json_member(at, "id_context");
    proa_json_at aead = proa_json_member(at, "aead");
    proa_json_at hmac = proa_json_member(at, "hmac");
    proa_json_at fresh = proa_json_member(at, "fresh");
    out->is_there = true;
    out->secret_len = proa_json_secret(&secret, out->secret, sizeof out->secret);
    if (out->secret_len < PROA_OSCORE_SECRET_MIN) {
        proa_json_fail(&secret, "must have at least %d bytes (%d hex digits)",
                       PROA_OSCORE_SECRET_MIN, 2 * PROA_OSCORE_SECRET_MIN);
    }
    out->salt_len = proa_json_hex(&salt, "", out->salt, sizeof out->salt);
    out->aead = read_aead(&aead);
    out->hmac = read_hmac(&hmac, allowed.hmac_0);
    read_ids(at, out);
    read_id_context(&id_context, allowed.fresh, out);
    out->fresh = proa_json_bool(&fresh, false);
}

proa_oscore_params proa_oscore_entry_params(const proa_oscore_entry *entry)
{
    proa_oscore_params params = {
        .master_secret = proa_span_make(entry->secret, entry->secret_len),
        .master_salt = proa_span_make(entry->salt, entry->salt_len),
        .sender_id = proa_span_make(entry->sender_id, entry->sender_id_len),
        .recipient_id = proa_span_make(entry->recipient_id, entry->recipient_id_len),
        .id_context = proa_span_make(entry->id_context, entry->id_context_len),
        .has_id_context = entry->has_id_context,
        .aead = entry->aead,
        .hmac = entry->hmac,
    };
    return params;
}
