/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_TESTS_OSCORE_ENDS_H
#define PROA_TESTS_OSCORE_ENDS_H

#include "core/oscore/oscore_internal.h"
#include "tests/support/random.h"

/* Two devices that share a context, each with a flash that outlives its power, and somebody beside
 * them who sees every encryption.
 *
 * The checker knows nothing of OSCORE: it is told key, nonce, additional data and ciphertext of each
 * encryption, and a test fails as soon as one key and nonce meet with anything else than before. */

#define BUF 512

typedef struct flash {
    struct {
        char name[PROA_STORE_NAME_MAX];
        uint8_t bytes[PROA_STORE_BLOB_MAX];
        size_t len;
    } blobs[4];
    unsigned writes;
    unsigned fail_at; /* the write with this number fails, and all after it; 0: none */
} flash;

typedef struct end {
    proa_oscore *o; /* NULL: switched off */
    flash flash;
    proa_store store; /* if it has functions, in place of the flash */
    test_random seed;
    proa_random random;
    proa_oscore_params params;
    uint64_t now_ms;
    uint32_t margin;
    bool b2;               /* links Appendix B.2 */
    const proa_aead *aead; /* NULL: AES-CCM */
} end;

enum { ACCOUNT = 0x1122334455667788 };

/* Two ends with ids "c" and "s", switched off, with empty flashes. `seed` decides all randomness. The
 * checker forgets what it has seen. */
void ends_make(end *client, end *server, uint64_t seed);

/* Switch on: open the table and add the one account. */
void end_on(end *e, proa_oscore_origin origin);
void end_off(end *e);

/* Both ends switched on with fresh keys. */
void ends_start(end *client, end *server, uint64_t seed);

/* The n-th call of cryptography from now on fails, and all after it. 0: none. */
void crypto_fail_at(unsigned n);
unsigned crypto_calls(void);

/* Encryptions seen, and bytes that a nonce was used for twice: must stay 0. */
unsigned checker_seen(void);
unsigned checker_violations(void);
void checker_forget(void);

/* The table's only context, to look inside. */
proa__context *end_context(const end *e);

/* ---- messages ----------------------------------------------------------------------------- */

typedef struct message {
    uint8_t bytes[BUF];
    size_t len;
} message;

static inline proa_span span(const message *m)
{
    return proa_span_make(m->bytes, m->len);
}

/* A message from hex. */
message message_of(const char *hex_text);

/* GET /a as CON, with Message ID and Token made of `n`; with an Echo if it has a length. */
message get_a(uint16_t n, proa_span echo);

/* 2.05 with a payload to such a request, as ACK. */
message content(uint16_t n, const char *payload);

/* All of the asking side: number and protection, which must work. */
message ask(end *e, proa_oscore_binding *b, const message *plain);
message answer(end *e, proa_oscore_binding *b, const message *plain, bool own_number);

/* What comes out; the message is in `inner`. */
proa_oscore_verdict hear(end *e, const message *wire, message *inner, proa_oscore_received *in);
proa_oscore_verdict hear_back(end *e, proa_oscore_binding *b, const message *wire, message *inner);

/* The Echo of a message; empty if it has none. */
proa_span echo_of(const message *m);

#endif
