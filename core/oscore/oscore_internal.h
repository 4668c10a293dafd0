/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_OSCORE_INTERNAL_H
#define PROA_CORE_OSCORE_INTERNAL_H

#include <string.h>

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

/* Requests that get an Echo after a reboot (Appendix B.1.2): so many at once, and then one each so
 * often. Whoever has recorded old requests can ask for them, each costs a number, and with the usual
 * margin 64 of them a write to flash: 135 writes a day at most, of the ten thousands that it bears. A
 * peer waits ten seconds at most, which is less than its retransmissions go on. The last one of the
 * bucket is only for a number above all that have got one: recorded ones are soon below. */
#define PROA__ECHO_BURST 8U
#define PROA__ECHO_PERIOD_MS 10000U

/* What one end encrypts with. */
typedef struct proa__end {
    uint8_t key[PROA_AEAD_KEY_MAX];
    uint8_t id_len;
    uint8_t id[PROA_OSCORE_ID_MAX];
} proa__end;

enum {
    PROA__THEIRS = 0, /* the recipient, as the RFC calls it */
    PROA__OURS = 1    /* the sender */
};

/* Derived once, then constant. */
typedef struct proa__keys {
    const proa_aead *aead;
    proa__end ends[2]; /* [PROA__OURS], [PROA__THEIRS] */
    uint8_t iv[PROA_AEAD_NONCE_MAX];
    /* As it travels: one of B.2 has the head of a CBOR string in front, of so many bytes. */
    uint8_t id_context_head;
    uint8_t id_context_len;
    uint8_t id_context[2 + PROA_OSCORE_ID_CONTEXT_MAX];
} proa__keys;

/* Where a candidate of B.2 stands. */
typedef enum proa__phase {
    PROA__CURRENT = 0,
    PROA__FIRST, /* asks under R1 */
    PROA__THIRD  /* asks under R2 || R3 */
} proa__phase;

/* What a board reaches with short instructions stands in front. */
typedef struct proa__context {
    uint64_t account;
    uint64_t next;         /* our next number */
    uint64_t reserved;     /* the store knows that numbers below it may be used */
    uint64_t floor;        /* numbers below it need the Echo, whatever the window says */
    proa_handle handle;    /* its own */
    proa_handle candidate; /* of a current one: the context that B.2 tries, or 0 */
    bool synchronised;     /* window and floor count: not yet after a reboot */
    bool lost;             /* these keys may not send any more */
    bool renewing;         /* the peer may have other keys already: after a reboot these are lost */
    uint8_t phase;
    uint8_t tries;       /* B.2: requests under a candidate that has not been confirmed */
    uint8_t refused;     /* B.2: the peer's attempts that had to wait for it */
    proa_span announced; /* goes along as kid context; data NULL: none does */
    proa__keys keys;
    proa__window window; /* before it counts, top is the highest number that got an Echo */
    uint8_t fingerprint[PROA__FINGERPRINT_LEN]; /* of the parameters; tells nothing of the keys */
    uint32_t echoes_ms;                         /* until then Echoes are spent in advance */
    uint8_t echo[PROA__ECHO_LEN];               /* of this boot */
    uint32_t epoch; /* B.2: an R2 belongs to one incarnation of one context */
} proa__context;

struct proa_oscore {
    proa_oscore_stats stats; /* in front, as in contexts */
    proa_pool contexts;
    proa_map index; /* current contexts, each under its kid and under its account */
    proa_oscore_config config;
    proa_coap_oscore coap;
    struct {
        uint32_t seed;      /* of the index */
        uint8_t secret[16]; /* of R2, B.2 */
    } boot;                 /* random, for this boot */
    uint32_t epochs;        /* incarnations so far */
};

/* ---- derive.c ----------------------------------------------------------------------------- */

/* Keys of `params` into c->keys, and their fingerprint; or, if `id_context` is not NULL, with this of
 * B.2's in place of theirs, and the fingerprint stays as it is. Returns PROA_OK, PROA_E_RANGE,
 * PROA_E_UNSUPPORTED, PROA_E_CRYPTO. */
PROA_CHECK proa_err proa__oscore_derive(const proa_oscore *o, const proa_oscore_params *params,
                                        const proa_span *id_context, proa__context *c);

/* The ID Context that the keys were derived with. */
static inline proa_span proa__id_context(const proa__keys *keys)
{
    return proa_span_make(keys->id_context + keys->id_context_head,
                          (size_t)keys->id_context_len - keys->id_context_head);
}

/* The one AEAD call that protects or unprotects a message.
 *
 * own_number  of a response that has one; NULL: the nonce is the request's.
 * seals       encrypt `text` of `len` bytes and append the tag, or else the reverse.
 * Returns as the AEAD does. */
PROA_CHECK proa_err proa__oscore_crypt(const proa__keys *keys, const proa_oscore_binding *b,
                                       const uint8_t *own_number, bool seals, uint8_t *text,
                                       size_t len);

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

/* As a Partial IV travels: no leading zeros, but one byte for 0 (§5). */
proa_span proa__number_span(const uint8_t bytes[PROA_OSCORE_NUMBER_LEN]);
uint64_t proa__number_read(const uint8_t bytes[PROA_OSCORE_NUMBER_LEN]);
void proa__number_write(uint8_t bytes[PROA_OSCORE_NUMBER_LEN], uint64_t number);

/* ---- state.c ------------------------------------------------------------------------------ */

/* What the store says of the account of a context, if it is about its parameters. The ID Context is B.2's, if it was run. */
typedef struct proa__state {
    bool lost; /* B.2 had begun to replace the keys */
    uint64_t reserved;
    proa_span id_context; /* empty: B.2 was not run */
} proa__state;

#define PROA__BLOB_MAX \
    (1 + PROA__FINGERPRINT_LEN + 1 + 1 + PROA_OSCORE_NUMBER_LEN + 1 + PROA_OSCORE_ID_CONTEXT_MAX)

/* What comes out borrows `blob`. PROA_OK; PROA_E_NOT_FOUND (nothing, or about other keys); PROA_E_FORMAT (damaged); PROA_E_IO. */
PROA_CHECK proa_err proa__state_load(const proa_oscore *o, const proa__context *c,
                                     uint8_t blob[PROA__BLOB_MAX], proa__state *out);
PROA_CHECK proa_err proa__state_parse(proa_span blob,
                                      const uint8_t fingerprint[PROA__FINGERPRINT_LEN],
                                      proa__state *out);

/* Store that numbers below `reserved` may be used. */
PROA_CHECK proa_err proa__state_store(proa_oscore *o, const proa__context *c, uint64_t reserved);
void proa__state_forget(const proa_oscore *o, uint64_t account);

/* Numbers from c->next on for a while: stored, then c->reserved is behind them. */
PROA_CHECK proa_err proa__state_reserve(proa_oscore *o, proa__context *c);

/* The next number of ours, stored before it is given out. */
PROA_CHECK proa_oscore_result proa__state_draw(proa_oscore *o, proa__context *c,
                                               uint8_t number[PROA_OSCORE_NUMBER_LEN]);

/* ---- contexts.c --------------------------------------------------------------------------- */

proa__context *proa__context_of_account(const proa_oscore *o, uint64_t account);

/* The current context that a request with this kid and kid context (data NULL: none) can be for. With
 * one: that of this ID Context, else that without an ID Context, for B.2. Without one: that without an
 * ID Context, else the only one of the kid. */
proa__context *proa__context_of_kid(const proa_oscore *o, proa_span kid, proa_span kid_context);

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

/* As proa_oscore_protect, with a context already found. */
PROA_CHECK proa_oscore_result proa__oscore_seal(proa_oscore *o, const proa__context *c,
                                                proa_oscore_binding *b, proa_span message,
                                                uint8_t *out, size_t cap, size_t *len);

/* A datagram on its way in: what it says outside, and where the inner message goes. */
typedef struct proa__arrival {
    proa_oscore *o;
    uint64_t now_ms; /* of a request */
    proa_span datagram;
    uint8_t *buf; /* cap bytes, at least as many as the datagram has */
    size_t cap;
    proa_oscore_received result; /* comes out if the verdict allows it */
    proa_coap_msg outer;
    proa_oscore_option option;
    uint64_t number;     /* of the option */
    bool has_outside;    /* options of which proa__is_outer is true */
    proa_coap_msg inner; /* once it is open */
} proa__arrival;

/* Decrypt into in->buf and check what comes out; nothing is remembered yet. ACCEPTED, MALFORMED,
 * FORGED, FAILED. */
PROA_CHECK proa_oscore_verdict proa__oscore_open(proa__arrival *in, const proa__context *c,
                                                 const proa_oscore_binding *b);

/* 4.01 to the request of in->result.binding, protected by `c` under a number of its own, with an Echo
 * if that is not NULL. */
PROA_CHECK proa_oscore_verdict proa__oscore_answer_401(proa__arrival *in, proa__context *c,
                                                       const uint8_t *echo);

/* What a request is under `c`, if its kid context fits. Any verdict but BUSY; UNKNOWN if not, or if the
 * keys are lost. */
PROA_CHECK proa_oscore_verdict proa__oscore_judge(proa__arrival *in, proa__context *c);

/* A request that `c` has verified: replay window, Echo. ACCEPTED, ANSWER, REPLAY, FAILED. */
PROA_CHECK proa_oscore_verdict proa__oscore_admit(proa__arrival *in, proa__context *c);

/* in->result.binding becomes that of this request of the peer under `c`. */
static inline void proa__oscore_bind(proa__arrival *in, const proa__context *c)
{
    in->result.binding.context = c->handle;
    memcpy(in->result.binding.request_number, in->option.number, sizeof in->option.number);
}

/* ---- B.2 ---------------------------------------------------------------------------------- */

struct proa_oscore_renewal {
    /* Make or find the candidate of a current context; requests go out under it. After a few of them in
     * vain that is the current one again, if its keys may be used. */
    proa_oscore_result (*begin)(proa_oscore *o, proa__context *current, proa__context **candidate);

    /* A request with the kid of `current`, which may be for that or for its candidate, or of B.2. */
    proa_oscore_verdict (*request)(proa__arrival *in, proa__context *current);

    /* A response with a kid context to a request under `c`. */
    proa_oscore_verdict (*response)(proa__arrival *in, proa__context *c,
                                    const proa_oscore_binding *b);

    /* A message of the peer under `c` was authentic: a candidate becomes the current one. False if that
     * fails. */
    bool (*confirm)(proa_oscore *o, proa__context *c);
};

#endif
