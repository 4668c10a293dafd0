/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_DTLS_COOKIE_H
#define PROA_DTLS_COOKIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/addr.h"
#include "proa/bytes.h"
#include "proa/err.h"
#include "proa/random.h"

/* Stateless cookies of the DTLS server (RFC 6347 §4.2.1).
 *
 * A cookie is the low byte of its key's number and 15 bytes of HMAC-SHA-256 over the client's
 * address and port and the ClientHello's random and session id. So it proves that the client gets
 * what is sent to its address, and it is worth this one ClientHello only. Keys are drawn from the
 * box's randomness and change every PROA_DTLS_COOKIE_MS of its time; the one before works on. */
#define PROA_DTLS_COOKIE_LEN 16
#define PROA__COOKIE_KEY_LEN 32
#define PROA_DTLS_VERIFY_LEN (13 + 12 + 3 + PROA_DTLS_COOKIE_LEN)

/* What of a ClientHello has to be known before there is any state for it. Borrowed. */
typedef struct proa__client_hello {
    proa_span header; /* the 13 + 12 bytes before the message's body */
    proa_span random;
    proa_span session_id;
    proa_span cookie;
} proa__client_hello;

typedef struct proa__cookies {
    proa_random random;
    uint8_t keys[2][PROA__COOKIE_KEY_LEN]; /* by the low bit of the key's number */
    bool is_set[2];
    uint32_t number; /* of the newest key */
    uint64_t since_ms;
} proa__cookies;

void proa__cookies_init(proa__cookies *cookies, const proa_random *random);
void proa__cookies_free(proa__cookies *cookies);

/* Read one record that holds one whole ClientHello. What follows the cookie is left to the
 * handshake. Returns PROA_OK, PROA_E_TRUNCATED, PROA_E_FORMAT, or PROA_E_UNSUPPORTED (fragments:
 * a server without state cannot put them together, RFC 6347 §4.2.1). */
PROA_CHECK proa_err proa__client_hello_read(proa_span record, proa__client_hello *out);

/* True if the hello carries a cookie that was made for it and this address. At most two HMACs.
 * Compared in constant time. */
bool proa__cookie_check(proa__cookies *cookies, uint64_t now_ms, const proa_addr *from,
                        const proa__client_hello *hello);

/* Write the HelloVerifyRequest that answers the hello: PROA_DTLS_VERIFY_LEN bytes, less than any
 * ClientHello has, so that it cannot serve to amplify. */
void proa__cookie_write(proa__cookies *cookies, uint64_t now_ms, const proa_addr *from,
                        const proa__client_hello *hello, uint8_t out[PROA_DTLS_VERIFY_LEN]);

#endif
