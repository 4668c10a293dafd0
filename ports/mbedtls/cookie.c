/* SPDX-License-Identifier: Apache-2.0 */
/* What happens between a stranger's first ClientHello and the first byte of state for it: nothing
 * that is kept. RFC 6347 §4.2.1. Mbed TLS could do this with a context of its own, which would cost
 * a box 6 kB and know nothing of the hello's random; its cookie callback only says yes, because the
 * box has checked. */
#include "ports/mbedtls/cookie.h"

#include <string.h>

#include "ports/mbedtls/crypto.h"
#include "proa/assert.h"
#include "proa/limits.h"

enum {
    RECORD_HEAD = 13,
    MESSAGE_HEAD = 12,
    RANDOM_LEN = 32,
    SESSION_ID_MAX = 32,
    CLIENT_HELLO = 1,
    HELLO_VERIFY_REQUEST = 3,
};

void proa__cookies_init(proa__cookies *cookies, const proa_random *random)
{
    memset(cookies, 0, sizeof *cookies);
    cookies->random = *random;
}

void proa__cookies_free(proa__cookies *cookies)
{
    proa_wipe(cookies, sizeof *cookies);
}

proa_err proa__client_hello_read(proa_span record, proa__client_hello *out)
{
    proa_reader r = proa_reader_make(record);
    out->header = proa_read_span(&r, RECORD_HEAD + MESSAGE_HEAD);
    if (r.err != PROA_OK) {
        return r.err;
    }
    proa_reader head = proa_reader_make(out->header);
    (void)proa_read_span(&head, RECORD_HEAD);
    uint8_t type = proa_read_u8(&head);
    uint64_t len = proa_read_uint(&head, 3);
    (void)proa_read_u16(&head);
    uint64_t fragment_at = proa_read_uint(&head, 3);
    uint64_t fragment_len = proa_read_uint(&head, 3);
    if (type != CLIENT_HELLO || fragment_len != proa_reader_left(&r)) {
        return PROA_E_FORMAT;
    }
    if (fragment_at != 0 || fragment_len != len) {
        return PROA_E_UNSUPPORTED;
    }
    (void)proa_read_u16(&r); /* version: for the handshake to judge */
    out->random = proa_read_span(&r, RANDOM_LEN);
    out->session_id = proa_read_span(&r, proa_read_u8(&r));
    out->cookie = proa_read_span(&r, proa_read_u8(&r));
    if (r.err != PROA_OK) {
        return r.err;
    }
    return out->session_id.len > SESSION_ID_MAX ? PROA_E_FORMAT : PROA_OK;
}

static void draw_key(proa__cookies *cookies, uint64_t now_ms)
{
    cookies->number++;
    cookies->since_ms = now_ms;
    unsigned place = cookies->number & 1U;
    proa_random_fill(&cookies->random, cookies->keys[place], PROA__COOKIE_KEY_LEN);
    cookies->is_set[place] = true;
}

/* Keys change when they are looked at, so that an idle box has no deadline for them. */
static void refresh(proa__cookies *cookies, uint64_t now_ms)
{
    uint64_t age_ms = now_ms - cookies->since_ms;
    if (cookies->number == 0) {
        draw_key(cookies, now_ms);
    } else if (age_ms >= PROA_DTLS_COOKIE_MS) {
        draw_key(cookies, now_ms);
        if (age_ms >= 2 * (uint64_t)PROA_DTLS_COOKIE_MS) {
            cookies->is_set[(cookies->number - 1) & 1U] = false;
        }
    }
}

static void make(const proa__cookies *cookies, uint32_t number, const proa_addr *from,
                 const proa__client_hello *hello, uint8_t out[PROA_DTLS_COOKIE_LEN])
{
    uint8_t mac[PROA_SHA256_LEN];
    uint8_t where[20];
    proa_writer w = proa_writer_make(where, sizeof where);
    proa_write_bytes(&w, from->ip, sizeof from->ip);
    proa_write_u16(&w, from->port);
    proa_write_u16(&w, from->zone);
    const proa_span key = proa_span_make(cookies->keys[number & 1U], PROA__COOKIE_KEY_LEN);
    const proa_span parts[] = {proa_writer_span(&w), hello->random, hello->session_id};
    proa_err err = proa_mbedtls_hmac_sha256(NULL, key, parts, 3, mac);
    PROA_ASSERT(err == PROA_OK); /* SHA-256 in software; there is no way for it to fail */
    out[0] = (uint8_t)number;
    memcpy(out + 1, mac, PROA_DTLS_COOKIE_LEN - 1);
}

bool proa__cookie_check(proa__cookies *cookies, uint64_t now_ms, const proa_addr *from,
                        const proa__client_hello *hello)
{
    uint8_t expected[PROA_DTLS_COOKIE_LEN];
    if (hello->cookie.len != PROA_DTLS_COOKIE_LEN) {
        return false;
    }
    refresh(cookies, now_ms);
    uint32_t behind = (cookies->number - hello->cookie.data[0]) & 0xffU;
    uint32_t number = cookies->number - behind;
    if (behind > 1 || !cookies->is_set[number & 1U]) {
        return false;
    }
    make(cookies, number, from, hello, expected);
    return proa_equal_ct(expected, hello->cookie.data, sizeof expected);
}

void proa__cookie_write(proa__cookies *cookies, uint64_t now_ms, const proa_addr *from,
                        const proa__client_hello *hello, uint8_t out[PROA_DTLS_VERIFY_LEN])
{
    refresh(cookies, now_ms);
    proa_writer w = proa_writer_make(out, PROA_DTLS_VERIFY_LEN);
    /* Record number and message number are the hello's (RFC 6347 §4.2.1). */
    proa_write_bytes(&w, hello->header.data, 11);
    proa_write_u16(&w, PROA_DTLS_VERIFY_LEN - RECORD_HEAD);
    proa_write_u8(&w, HELLO_VERIFY_REQUEST);
    proa_write_uint(&w, PROA_DTLS_VERIFY_LEN - RECORD_HEAD - MESSAGE_HEAD, 3);
    proa_write_bytes(&w, hello->header.data + 17, 2);
    proa_write_uint(&w, 0, 3);
    proa_write_uint(&w, PROA_DTLS_VERIFY_LEN - RECORD_HEAD - MESSAGE_HEAD, 3);
    proa_write_u16(&w, 0xfeff); /* DTLS 1.0, whatever comes after it */
    proa_write_u8(&w, PROA_DTLS_COOKIE_LEN);
    PROA_ASSERT(w.err == PROA_OK && w.len == PROA_DTLS_VERIFY_LEN - PROA_DTLS_COOKIE_LEN);
    make(cookies, cookies->number, from, hello, out + w.len);
}
