/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_OSCORE_INTERNAL_H
#define PROA_CORE_OSCORE_INTERNAL_H

#include "core/base/map.h"
#include "core/base/pool.h"
#include "core/coap/sealed.h"
#include "core/oscore/window.h"
#include "proa/coap.h"
#include "proa/oscore.h"

/* What the files of OSCORE share.
 *
 *     derive.c     parameters to keys; nonce and AAD
 *     window.c     numbers received
 *     state.c      what the store knows of an account; taking numbers
 *     contexts.c   the table: accounts, kids, handles
 *     protect.c    sending
 *     unprotect.c  receiving, the Echo of B.1.2
 *     renew.c      B.2, reached through proa_oscore_config.renewal only
 *
 * An account has one *current* context, which its kid finds, and while B.2 is under way at the
 * asking end a *candidate* beside it. A context's keys never change: new keys are a new context
 * under a new handle, so that a binding to old ones is dead by itself. */

#define PROA__FINGERPRINT_LEN 8
#define PROA__ECHO_LEN 8
#define PROA__ANY_MARGIN 64U

/* Derived once, then constant. */
typedef struct proa__keys {
    const proa_aead *aead;
    uint8_t sender_key[PROA_AEAD_KEY_MAX];
    uint8_t recipient_key[PROA_AEAD_KEY_MAX];
    uint8_t iv[PROA_AEAD_NONCE_MAX];
    uint8_t sender_id_len, recipient_id_len, id_context_len;
    uint8_t sender_id[PROA_OSCORE_ID_MAX];
    uint8_t recipient_id[PROA_OSCORE_ID_MAX];
    /* As it travels: one of B.2 has the head of a CBOR string in front, of so many bytes. */
    uint8_t id_context[2 + PROA_OSCORE_ID_CONTEXT_MAX];
    uint8_t id_context_head;
    bool has_id_context;
    uint8_t fingerprint[PROA__FINGERPRINT_LEN]; /* tells nothing of the keys */
} proa__keys;

/* Where a candidate of B.2 stands. */
typedef enum proa__phase {
    PROA__CURRENT = 0,
    PROA__FIRST, /* asks under R1 */
    PROA__THIRD  /* asks under R2 || R3 */
} proa__phase;

/* Below this number nothing is known: the value after a reboot. */
#define PROA__UNSURE UINT64_MAX

typedef struct proa__context {
    proa__keys keys;
    uint8_t fingerprint[PROA__FINGERPRINT_LEN]; /* of the parameters, not of B.2's strings */
    uint64_t account;
    proa_handle handle;    /* its own */
    proa_handle candidate; /* of a current one: the context that B.2 tries, or 0 */
    uint64_t next;         /* our next number */
    uint64_t reserved;     /* the store knows that numbers below it may be used */
    proa__window window;
    uint64_t floor; /* numbers below it need the Echo, whatever the window says */
    uint8_t echo[PROA__ECHO_LEN];
    bool has_echo;
    bool lost;      /* these keys may not send any more */
    bool announced; /* requests carry the kid context */
    bool renewing;  /* the peer may have other keys already: after a reboot these are lost */
    uint8_t phase;
    uint8_t tries;   /* B.2: requests under a candidate that has not been confirmed */
    uint8_t refused; /* B.2: the peer's attempts that had to wait for it */
    uint32_t epoch;  /* B.2: an R2 belongs to one incarnation of one context */
} proa__context;

struct proa_oscore {
    proa_oscore_config config;
    proa_pool contexts;
    proa_map index; /* current contexts, each under its kid and under its account */
    proa_oscore_stats stats;
    proa_coap_oscore coap;
    uint8_t secret[16]; /* of this boot: R2 of B.2 */
    uint32_t epochs;    /* incarnations so far */
};

/* ---- derive.c ----------------------------------------------------------------------------- */

/* Keys of `params`, with `id_context`, which is B.2's, in place of theirs if not NULL. Returns PROA_OK,
 * PROA_E_RANGE, PROA_E_UNSUPPORTED, PROA_E_CRYPTO. */
PROA_CHECK proa_err proa__oscore_derive(const proa_oscore *o, const proa_oscore_params *params,
                                        const proa_span *id_context, proa__keys *out);

/* The ID Context that the keys were derived with. */
static inline proa_span proa__id_context(const proa__keys *keys)
{
    return proa_span_make(keys->id_context + keys->id_context_head,
                          (size_t)keys->id_context_len - keys->id_context_head);
}

/* Who made the number of a nonce, and who asked: both are sender or recipient, seen from here. */
void proa__oscore_nonce(const proa__keys *keys, bool ours, uint64_t number,
                        uint8_t out[PROA_AEAD_NONCE_MAX]);

#define PROA__AAD_MAX 40
proa_span proa__oscore_aad(const proa__keys *keys, bool we_asked, uint64_t request_number,
                           uint8_t out[PROA__AAD_MAX]);

/* ---- bindings ----------------------------------------------------------------------------- */

enum {
    PROA__ASKED = 1 << 0,    /* the request is ours */
    PROA__OBSERVE = 1 << 1,  /* it had the Observe option */
    PROA__USED = 1 << 2,     /* its nonce has served for a response */
    PROA__NUMBERED = 1 << 3, /* `number` holds one */
    PROA__OVER = 1 << 4,     /* asking: the one response is there */
    PROA__BEGUN = 1 << 5,    /* there is a number to protect under */
    PROA__CHECKED = 1 << 6,  /* the upper bits are of the tag made under it */
    PROA__CHECK_SHIFT = 7
};

/* Bytes of a Partial IV: no leading zeros, but one byte for 0 (§5). */
size_t proa__number_len(uint64_t number);
uint64_t proa__number_read(const uint8_t bytes[5]);
void proa__number_write(uint8_t bytes[5], uint64_t number);

/* ---- state.c ------------------------------------------------------------------------------ */

/* What the store says of the account. The ID Context is B.2's, if it was run. */
typedef struct proa__state {
    bool lost; /* B.2 had begun to replace the keys */
    uint64_t reserved;
    uint8_t id_context_len; /* 0: B.2 was not run */
    uint8_t id_context[PROA_OSCORE_ID_CONTEXT_MAX];
} proa__state;

/* PROA_OK; PROA_E_NOT_FOUND (nothing, or about other keys); PROA_E_FORMAT (damaged); PROA_E_IO. */
PROA_CHECK proa_err proa__state_load(const proa_oscore *o, uint64_t account,
                                     const uint8_t fingerprint[PROA__FINGERPRINT_LEN],
                                     proa__state *out);
PROA_CHECK proa_err proa__state_parse(proa_span blob,
                                      const uint8_t fingerprint[PROA__FINGERPRINT_LEN],
                                      proa__state *out);

/* Store that numbers below `reserved` may be used. */
PROA_CHECK proa_err proa__state_store(proa_oscore *o, const proa__context *c, uint64_t reserved);
void proa__state_forget(const proa_oscore *o, uint64_t account);

/* The next number of ours, stored before it is given out. */
PROA_CHECK proa_oscore_result proa__state_draw(proa_oscore *o, proa__context *c, uint64_t *number);

/* ---- contexts.c --------------------------------------------------------------------------- */

proa__context *proa__context_of_account(const proa_oscore *o, uint64_t account);
proa__context *proa__context_of_kid(const proa_oscore *o, proa_span kid);

/* A living context, or NULL. */
proa__context *proa__context_get(const proa_oscore *o, uint32_t handle);

/* A place for a context; NULL if there is none. */
proa__context *proa__context_take(proa_oscore *o);

/* Wipe and give back; its candidate, too. A current one leaves the indexes. */
void proa__context_end(proa_oscore *o, proa__context *c);

/* Put `c` in the place of the current context of its account, which ends. Cannot fail: there is a
 * place in the indexes. Without a current one: PROA_E_NO_MEMORY. */
PROA_CHECK proa_err proa__context_install(proa_oscore *o, proa__context *c);

/* ---- protect.c and unprotect.c ------------------------------------------------------------ */

/* proa_coap_option_next as a call: a board has few bytes for so many loops. */
bool proa__option_next(proa_coap_options *it, proa_coap_option *option);
bool proa__has_observe(const proa_coap_msg *m);

/* Options that stay outside, and only there (Figure 5). */
bool proa__is_outer(uint16_t number);

/* As proa_oscore_protect, with a context already found and a kid context to send along. */
PROA_CHECK proa_oscore_result proa__oscore_seal(proa_oscore *o, const proa__context *c,
                                                proa_oscore_binding *b, proa_span message,
                                                const proa_span *kid_context, uint8_t *out,
                                                size_t cap, size_t *len);

/* An outer message taken apart. */
typedef struct proa__outer {
    proa_coap_msg msg;
    proa_oscore_option option;
} proa__outer;

/* Decrypt into buf and check what comes out; nothing is remembered yet. ACCEPTED, MALFORMED, FORGED,
 * FAILED. */
PROA_CHECK proa_oscore_verdict proa__oscore_open(const proa__context *c,
                                                 const proa_oscore_binding *b,
                                                 const proa__outer *outer, uint8_t *buf, size_t cap,
                                                 proa_coap_msg *inner, proa_span *message);

/* 4.01 to a request, protected by `c` under a number of its own, into buf.
 * echo         NULL: none.
 * kid_context  NULL: none. */
PROA_CHECK proa_oscore_verdict proa__oscore_answer_401(proa_oscore *o, proa__context *c,
                                                       const proa__outer *outer,
                                                       const uint8_t *echo,
                                                       const proa_span *kid_context, uint8_t *buf,
                                                       size_t cap, proa_oscore_received *out);

/* A request that `c` has verified: replay window, Echo. ACCEPTED, ANSWER, REPLAY, FAILED. */
PROA_CHECK proa_oscore_verdict proa__oscore_admit(proa_oscore *o, proa__context *c,
                                                  const proa__outer *outer,
                                                  const proa_coap_msg *inner, proa_span message,
                                                  uint8_t *buf, size_t cap,
                                                  proa_oscore_received *out);

/* The binding of a request of the peer under `c`. */
proa_oscore_binding proa__oscore_bind(const proa__context *c, uint64_t request_number);

/* ---- B.2 ---------------------------------------------------------------------------------- */

struct proa_oscore_renewal {
    /* Make or find the candidate of a current context; requests go out under it. */
    proa_oscore_result (*begin)(proa_oscore *o, proa__context *current, proa__context **candidate);

    /* A request for `current`, whose keys are lost or do not fit. UNKNOWN if this is none of B.2. */
    proa_oscore_verdict (*request)(proa_oscore *o, proa__context *current, const proa__outer *outer,
                                   uint8_t *buf, size_t cap, proa_oscore_received *out);

    /* A response with a kid context to a request under `c`. */
    proa_oscore_verdict (*response)(proa_oscore *o, proa__context *c, const proa_oscore_binding *b,
                                    const proa__outer *outer, uint8_t *buf, size_t cap);

    /* A message of the peer under the candidate `c` was authentic: it becomes the current one. */
    bool (*confirm)(proa_oscore *o, proa__context *c);
};

#endif
