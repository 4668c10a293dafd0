/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_OSCORE_H
#define PROA_OSCORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/bytes.h"
#include "proa/coap_engine.h"
#include "proa/crypto.h"
#include "proa/err.h"
#include "proa/limits.h"
#include "proa/memory.h"
#include "proa/random.h"
#include "proa/store.h"

/* OSCORE (RFC 8613): CoAP messages protected one by one, without a session.
 *
 * A proa_oscore is a table of security contexts. Each belongs to an account, the caller's number for
 * who is at the other end, and is found by the `kid` that its messages carry, and by their `kid context`
 * where several have one kid: a request without it is then for the one without ID Context, or for
 * nobody. Whole encoded CoAP messages go in and come out. Type, Message ID and Token are not protected (§4.2), so they stay,
 * and may be changed behind our back.
 *
 *     asking      proa_oscore_begin_request(o, account, &b)      a number for this request
 *                 proa_oscore_protect(o, &b, message, ...)       at each transmission, same message
 *                 proa_oscore_unprotect_response(o, &b, ...)     what came for it
 *     answering   proa_oscore_unprotect_request(o, datagram, ..., &in)
 *                 proa_oscore_begin_response(o, &in.binding, notification)
 *                 proa_oscore_protect(o, &in.binding, message, ...)
 *
 * What is between a request and its responses is a proa_oscore_binding: 16 bytes that the request or
 * the exchange keeps for as long as there may be responses, of an observation to its end. It cannot
 * be misused so that a (key, nonce) pair serves twice: `begin` takes a number, or for the first
 * response the request's own, and everything protected until the next `begin` must be the very same
 * message; another one is refused (PROA_OSCORE_REUSED).
 *
 * A message that is a duplicate for the message layer (RFC 7252 §4.5) is answered from its memory
 * and must not come here: for OSCORE a second copy is an attack. So a verdict decides: only with
 * PROA_OSCORE_ACCEPTED is there a message to process. All other verdicts leave out->message empty,
 * but for PROA_OSCORE_ANSWER, where it is what to send back. Nobody who sees an error answer that is
 * not protected may believe it: it never ends a request.
 *
 * What has to survive (Appendix B.1). Numbers are reserved in the store, `margin` at a time, before
 * the first of them is used; after a reboot counting goes on behind what was reserved. Which requests
 * had been received is not stored: after a reboot the first one is answered by a protected 4.01 with
 * an Echo option, and the replay window begins anew at the first request that brings it back. Each
 * context gives few of these answers, because whoever has recorded requests can have them, and they
 * cost numbers. So a requester must repeat a request with the Echo it was given (RFC 9175 §2.3), under a new number.
 *
 * If what was stored is gone, the keys must never be used again. Appendix B.2 makes new ones from
 * random strings that both ends contribute; it is linked only if the configuration names it, and
 * used only for accounts whose parameters have no ID Context. It is driven by ordinary requests:
 * PROA_OSCORE_RETRY as verdict on a response says "protect the same request again, with a new
 * begin". The old keys stay until the new ones have been seen to work, and new ones are stored
 * before they are relied on.
 *
 * Only requests that are received bring a time along. Threads: any, on distinct tables. */
typedef struct proa_oscore proa_oscore;

/* Longest Sender and Recipient ID: the nonce less 6 bytes (§3.3), with AES-CCM. 6 with the others. */
#define PROA_OSCORE_ID_MAX 7
#define PROA_OSCORE_NUMBER_MAX 0xffffffffffULL /* 40 bits, §7.2.1 */
#define PROA_OSCORE_NUMBER_LEN 5

/* ---- the option --------------------------------------------------------------------------- */

/* The value of the OSCORE option (§6.1). Spans borrow from the value. */
typedef struct proa_oscore_option {
    bool has_number; /* the Partial IV is there */
    bool has_kid;
    bool has_kid_context;
    uint8_t number[PROA_OSCORE_NUMBER_LEN]; /* the Partial IV with its leading zeros */
    proa_span kid;
    proa_span kid_context;
} proa_oscore_option;

/* Longest value we write: flags, Partial IV, length and kid context as a CBOR string, kid. */
#define PROA_OSCORE_OPTION_MAX (1 + 5 + 1 + 2 + PROA_OSCORE_ID_CONTEXT_MAX + PROA_OSCORE_ID_MAX)

/* Returns PROA_OK; PROA_E_FORMAT (a reserved flag or Partial IV length, a Partial IV with leading
 * zeros, anything behind the end, flags of zero that are there, §2); PROA_E_TRUNCATED. */
PROA_CHECK proa_err proa_oscore_option_parse(proa_span value, proa_oscore_option *out);

/* Errors stick to the writer: PROA_E_NO_SPACE, PROA_E_RANGE (kid context beyond 255). */
void proa_oscore_option_write(proa_writer *w, const proa_oscore_option *option);

/* What became of something we want to send. */
typedef enum proa_oscore_result {
    PROA_OSCORE_NOT_DONE = 0, /* no result */
    PROA_OSCORE_DONE,
    PROA_OSCORE_GONE,       /* the account has no context, or the binding's keys are gone */
    PROA_OSCORE_LOST,       /* the state of these keys is lost, and B.2 is not possible */
    PROA_OSCORE_EXHAUSTED,  /* no numbers left: new keys are needed */
    PROA_OSCORE_NOT_STORED, /* the store failed: nothing may be sent, try again later */
    PROA_OSCORE_REUSED,     /* not the message this number was taken for */
    PROA_OSCORE_UNFIT, /* not a message that can be protected: malformed, protected already, not of
                              this binding's kind, or Proxy-Uri with a path (§4.1.3.3: take it apart) */
    PROA_OSCORE_SHORT, /* `cap` is too small; PROA_OSCORE_OVERHEAD_MAX more always do */
    PROA_OSCORE_BROKEN /* cryptography failed */
} proa_oscore_result;

/* What is to be done with something received. */
typedef enum proa_oscore_verdict {
    PROA_OSCORE_FAILED =
        0,                /* our own fault (cryptography, store, `cap`), or enough Echoes have been
                               given for now: say nothing, and the peer will send it again */
    PROA_OSCORE_ACCEPTED, /* authentic, new: process out->message */
    PROA_OSCORE_ANSWER,   /* do not process; send out->message back, a protected answer to a request
                               that is authentic but perhaps old (B.1.2, B.2). Replayed requests ask
                               for it, too: those with an Echo are rationed for each context */
    PROA_OSCORE_RETRY,    /* of responses: begin and protect the request again (B.2) */
    PROA_OSCORE_MALFORMED, /* option or inner message; of responses also: to nothing asked */
    PROA_OSCORE_UNKNOWN,   /* no context for this kid */
    PROA_OSCORE_REPLAY,    /* a number received before; of notifications: not newer */
    PROA_OSCORE_FORGED,    /* the tag is wrong */
    PROA_OSCORE_BUSY       /* renewing keys in the other direction */
} proa_oscore_verdict;

/* ---- the table ---------------------------------------------------------------------------- */

/* Input parameters of a context (§3.2), as object 21 has them. Borrowed during the call. */
typedef struct proa_oscore_params {
    proa_span master_secret; /* 16..PROA_OSCORE_SECRET_MAX bytes */
    proa_span master_salt;   /* 0..PROA_OSCORE_SALT_MAX */
    proa_span sender_id;     /* ours: 0..nonce length - 6 */
    proa_span recipient_id;  /* the peer's, another one than ours. Of the accounts that have one in
                                common each has an ID Context of its own, or one of them none */
    proa_span id_context;    /* 0..PROA_OSCORE_ID_CONTEXT_MAX */
    bool has_id_context;     /* sent as `kid context` in each request */
    int32_t aead;            /* COSE: 10 is AES-CCM-16-64-128 */
    int32_t hmac;            /* COSE: 5 or -10; both mean HKDF with SHA-256 */
} proa_oscore_params;

typedef struct proa_oscore_renewal proa_oscore_renewal;

/* Appendix B.2, for proa_oscore_config. */
extern const proa_oscore_renewal proa_oscore_appendix_b2;

typedef struct proa_oscore_config {
    proa_memory memory;
    proa_random random;
    proa_store store;          /* its functions NULL: nothing survives, and every reboot needs fresh
                                  keys */
    const proa_crypto *crypto; /* borrowed */
    uint32_t contexts_first;   /* places taken at open, at least 1 */
    uint32_t contexts_max;     /* with B.2 one more than accounts for each renewal under way */
    uint32_t margin;           /* numbers reserved by one write to the store; 0: 64 */

    /* Compatibility with devices built from the protocol's first implementation, which write HMAC
     * algorithm 0: taken as HKDF with SHA-256. Leave it false otherwise. */
    bool accept_hmac_0;

    /* NULL: no Appendix B.2. With it, find_params must be there: it gives the parameters of an
     * account again, because only who owns object 21 keeps secrets. false: there is no such account
     * any more. What `out` borrows stays valid until the call into the table that asked returns. */
    const proa_oscore_renewal *renewal;
    bool (*find_params)(void *ctx, uint64_t account, proa_oscore_params *out);
    void *find_params_ctx;
} proa_oscore_config;

/* Where the keys of an account come from. */
typedef enum proa_oscore_origin {
    /* Just made for this pair of devices, and never used: counting begins at 0. If the store knows
     * these very keys, they are not that new, and what it says counts. */
    PROA_OSCORE_FRESH = 1,
    /* Perhaps used before: only with what the store says of them. Else they are lost: B.2 or
     * nothing. */
    PROA_OSCORE_KNOWN
} proa_oscore_origin;

/* out     the table; the caller ends it by proa_oscore_free.
 * config  copied; what it points to is borrowed for the table's life.
 * Returns PROA_OK, PROA_E_NO_MEMORY, PROA_E_RANGE (a number that makes no sense). */
PROA_CHECK proa_err proa_oscore_open(proa_oscore **out, const proa_oscore_config *config);

/* Wipes all keys. NULL is allowed. */
void proa_oscore_free(proa_oscore *o);

/* The table as proa_coap_config.oscore wants it. Borrowed by the engine; lives as long as the
 * table. */
const proa_coap_oscore *proa_oscore_for_coap(proa_oscore *o);

/* Derive the context of `account` and take it into use; in place of the one the account has, if
 * any. With the keys it has already, nothing changes. State that the store has under this account
 * goes on being used if it is about the same keys.
 *
 * Returns PROA_OK;
 * PROA_E_RANGE (a length, two equal ids), PROA_E_UNSUPPORTED (an algorithm);
 * PROA_E_EXISTS (Recipient ID and ID Context belong to another account), PROA_E_FULL, PROA_E_NO_MEMORY;
 * PROA_E_IO (the store; nothing changed), PROA_E_CRYPTO.
 * Five HMACs. */
PROA_CHECK proa_err proa_oscore_add(proa_oscore *o, uint64_t account,
                                    const proa_oscore_params *params, proa_oscore_origin origin);

/* Wipe the keys of `account` and forget what was stored of it. Bindings to it are dead. No effect if
 * there is none. */
void proa_oscore_remove(proa_oscore *o, uint64_t account);

/* Begin B.2 for an account whose keys still work, or perhaps not any more: the peer answers with
 * errors that are not protected, or not at all, though it can be reached. Anybody can cause that, so
 * not more often than once a minute. The next requests go out under trial keys; the old ones open
 * what comes until the new ones are confirmed, and are used again if a few requests were in vain. An account whose state is lost begins by itself.
 *
 * Returns PROA_OSCORE_DONE (also if it is under way), GONE, LOST (no B.2 for this account),
 * NOT_STORED (no place), BROKEN. */
PROA_CHECK proa_oscore_result proa_oscore_renew(proa_oscore *o, uint64_t account);

typedef struct proa_oscore_info {
    bool usable;       /* requests can be protected now; if not, the state is lost or used up */
    bool renewing;     /* B.2 has begun and is not through */
    bool synchronised; /* the replay window is known; if not, the next request gets an Echo */
    uint64_t next;     /* our next number */
    uint64_t reserved; /* numbers below it may be used without writing */
    uint64_t newest;   /* highest number received, once synchronised */
} proa_oscore_info;

/* What may be shown of a context: no keys. False if the account has none. */
bool proa_oscore_look(const proa_oscore *o, uint64_t account, proa_oscore_info *out);

typedef struct proa_oscore_stats {
    uint32_t contexts;
    uint32_t protected_;                     /* messages */
    uint32_t verdicts[PROA_OSCORE_BUSY + 1]; /* on messages received, by proa_oscore_verdict */
    uint32_t too_old;           /* of those that were REPLAY: number left of the window */
    uint32_t refused_reuse;     /* another message under a number in use: a bug of ours */
    uint32_t refused_exhausted; /* 2^40 numbers used */
    uint32_t challenges;        /* answered with an Echo, B.1.2 */
    uint32_t unchallenged;      /* got none, because there had been enough of them */
    uint32_t synchronised;      /* windows begun anew by an Echo */
    uint32_t renewals;          /* B.2 completed */
    uint32_t stores;            /* writes to the store */
} proa_oscore_stats;

proa_oscore_stats proa_oscore_read_stats(const proa_oscore *o);

/* ---- sending ------------------------------------------------------------------------------ */

/* What belongs together: a request and its responses. Its fields are ours. */
typedef struct proa_oscore_binding {
    uint32_t context;                               /* dead once the keys are gone; 0: none */
    uint8_t request_number[PROA_OSCORE_NUMBER_LEN]; /* the request's Partial IV */
    uint8_t number
        [PROA_OSCORE_NUMBER_LEN]; /* of the response under way; asking: of the newest notification */
    uint16_t marks;
} proa_oscore_binding;

/* What protecting adds at most: option head and value, marker, code, a second Observe and longer heads
 * where one list of options becomes two, the tag. */
#define PROA_OSCORE_OVERHEAD_MAX (3 + PROA_OSCORE_OPTION_MAX + 2 + 16 + PROA_AEAD_TAG_MAX)

/* Take a number for a request. Each new request, block or repetition with an Echo needs its own; a
 * retransmission keeps it.
 *
 * binding  out.
 * Returns PROA_OSCORE_DONE, GONE, LOST, EXHAUSTED, NOT_STORED, BROKEN. May write to the store. */
PROA_CHECK proa_oscore_result proa_oscore_begin_request(proa_oscore *o, uint64_t account,
                                                        proa_oscore_binding *binding);

/* Take a number for a response, or the request's own if this is its first one: once, whoever asks.
 *
 * own_number  always take one (1 to 5 bytes more): for every notification, so that they are ordered
 *             (§4.1.3.5.2).
 * Returns as above. */
PROA_CHECK proa_oscore_result proa_oscore_begin_response(proa_oscore *o,
                                                         proa_oscore_binding *binding,
                                                         bool own_number);

/* Protect a message (§8.1, §8.3) under the number that was begun. The same message again gives the
 * same bytes; another one is refused. Type, Message ID, Token and the options that stay outside
 * (Uri-Host, Uri-Port, Proxy-Scheme, Hop-Limit) are not part of what must be the same, and an
 * outer Observe neither.
 *
 * message  an encoded CoAP message, request or response as the binding is.
 * out      cap bytes for the result; must not overlap `message`.
 * len      out; bytes of the result. 0 unless PROA_OSCORE_DONE.
 * Returns PROA_OSCORE_DONE, GONE, REUSED, UNFIT, SHORT, BROKEN. One AEAD call. */
PROA_CHECK proa_oscore_result proa_oscore_protect(proa_oscore *o, proa_oscore_binding *binding,
                                                  proa_span message, uint8_t *out, size_t cap,
                                                  size_t *len);

/* ---- receiving ---------------------------------------------------------------------------- */

typedef struct proa_oscore_received {
    proa_span message; /* whole CoAP message in the caller's buffer; empty if there is none */
    uint64_t account;  /* who sent it; only with ACCEPTED and ANSWER */
    proa_oscore_binding binding; /* of a request: for its responses, if ACCEPTED */
} proa_oscore_received;

/* Verify and decrypt a request (§8.2) that carries the OSCORE option.
 *
 * now_ms    any clock that does not go back; read only for the rationing of Echoes.
 * datagram  as received.
 * buf       cap bytes for the inner message, or for the answer: datagram.len, and 80 at least. Must
 *           not overlap `datagram`.
 * out       out; message borrows buf.
 * One AEAD call; for an answer one or two more. */
PROA_CHECK proa_oscore_verdict proa_oscore_unprotect_request(proa_oscore *o, uint64_t now_ms,
                                                             proa_span datagram, uint8_t *buf,
                                                             size_t cap, proa_oscore_received *out);

/* Verify and decrypt a response (§8.4) to the request of `binding`, found by its Token.
 *
 * Notifications come out in the order of their numbers only, with the lower 24 bits of the number as
 * value of Observe; whatever that value says, an ACCEPTED one is newer than all before.
 * A response without the OSCORE option to a protected request is nothing for this function; see
 * above. Verdicts: ACCEPTED, RETRY, MALFORMED, UNKNOWN (the keys are gone), REPLAY, FORGED, FAILED. */
PROA_CHECK proa_oscore_verdict proa_oscore_unprotect_response(proa_oscore *o,
                                                              proa_oscore_binding *binding,
                                                              proa_span datagram, uint8_t *buf,
                                                              size_t cap,
                                                              proa_oscore_received *out);

/* The code of the unprotected answer that a verdict on a request deserves (§7.4, §8.2), always with
 * Max-Age 0; PROA_COAP_EMPTY: say nothing. For PROA_OSCORE_UNKNOWN the caller may add a payload of its
 * own. What the RFC would put there says no more than the code. */
uint8_t proa_oscore_refusal_of(proa_oscore_verdict verdict);

#endif
