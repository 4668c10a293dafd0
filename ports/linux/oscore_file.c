/* SPDX-License-Identifier: Apache-2.0 */
/* OSCORE contexts in files: hex into bytes, and each bound of proa_oscore_params told where it is
 * broken. */
#include "ports/linux/oscore_file.h"

#include <string.h>

static int digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* What is no secret and may be empty. */
static size_t read_hex(const proa_json_at *at, const char *fallback, uint8_t *out, size_t cap)
{
    const char *text = proa_json_string(at, fallback);
    size_t len = strlen(text);
    bool ok = len % 2 == 0 && len / 2 <= cap;
    for (size_t i = 0; ok && i < len / 2; i++) {
        int high = digit(text[2 * i]);
        int low = digit(text[2 * i + 1]);
        ok = high >= 0 && low >= 0;
        out[i] = (uint8_t)(ok ? high << 4 | low : 0);
    }
    if (!ok) {
        proa_json_fail(at, "must be an even number of hex digits, at most %zu", 2 * cap);
    }
    return ok ? len / 2 : 0;
}

static int32_t read_aead(const proa_json_at *at)
{
    int32_t aead = (int32_t)proa_json_number(at, 0, 255, PROA_COSE_AES_CCM_16_64_128);
    if (aead != PROA_COSE_AES_CCM_16_64_128 && aead != PROA_COSE_A128GCM &&
        aead != PROA_COSE_CHACHA20_POLY1305) {
        proa_json_fail(at, "must be 10 (AES-CCM-16-64-128), 1 (A128GCM) or 24 (ChaCha20/Poly1305)");
    }
    return aead;
}

static int32_t read_hmac(const proa_json_at *at, bool accept_0)
{
    int32_t hmac = proa_json_there(at) ? (int32_t)proa_json_number(at, -65536, 255, 0)
                                       : PROA_COSE_DIRECT_HKDF_SHA_256;
    if (hmac != PROA_COSE_DIRECT_HKDF_SHA_256 && hmac != PROA_COSE_HMAC_256_256 &&
        !(accept_0 && hmac == 0)) {
        proa_json_fail(at, "must be -10 (HKDF SHA-256) or 5 (HMAC 256/256)");
    }
    return hmac;
}

void proa_json_oscore(const proa_json_at *at, bool accept_hmac_0, proa_oscore_entry *out)
{
    memset(out, 0, sizeof *out);
    if (!proa_json_there(at)) {
        return;
    }
    proa_json_only(at, "secret salt sender recipient id_context aead hmac");
    proa_json_at secret = proa_json_member(at, "secret");
    proa_json_at salt = proa_json_member(at, "salt");
    proa_json_at sender = proa_json_member(at, "sender");
    proa_json_at recipient = proa_json_member(at, "recipient");
    proa_json_at id_context = proa_json_member(at, "id_context");
    proa_json_at aead = proa_json_member(at, "aead");
    proa_json_at hmac = proa_json_member(at, "hmac");
    out->is_there = true;
    out->aead = read_aead(&aead);
    out->hmac = read_hmac(&hmac, accept_hmac_0);
    /* The nonce less 6 bytes, §3.3: 13 with AES-CCM, 12 with the others. */
    size_t id_max = out->aead == PROA_COSE_AES_CCM_16_64_128 ? PROA_OSCORE_ID_MAX : 6;
    out->secret_len = proa_json_secret(&secret, out->secret, sizeof out->secret);
    if (out->secret_len < PROA_OSCORE_SECRET_MIN) {
        proa_json_fail(&secret, "must have at least %d bytes (%d hex digits)",
                       PROA_OSCORE_SECRET_MIN, 2 * PROA_OSCORE_SECRET_MIN);
    }
    out->salt_len = read_hex(&salt, "", out->salt, sizeof out->salt);
    out->sender_id_len = read_hex(&sender, NULL, out->sender_id, id_max);
    out->recipient_id_len = read_hex(&recipient, NULL, out->recipient_id, id_max);
    if (out->sender_id_len == out->recipient_id_len &&
        memcmp(out->sender_id, out->recipient_id, out->sender_id_len) == 0) {
        proa_json_fail(&recipient, "must differ from \"sender\": each end has an id of its own");
    }
    out->has_id_context = proa_json_there(&id_context);
    out->id_context_len = read_hex(&id_context, "", out->id_context, sizeof out->id_context);
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
