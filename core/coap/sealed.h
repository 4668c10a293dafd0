/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_COAP_SEALED_H
#define PROA_CORE_COAP_SEALED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/bytes.h"
#include "proa/coap_engine.h"
#include "proa/err.h"

/* What the CoAP engine wants of OSCORE: whole messages in, whole messages out (RFC 8613 §8). The
 * engine knows nothing of keys and numbers, and OSCORE nothing of retransmission and blocks. Who
 * fills this table is core/oscore/for_coap.c.
 *
 * Deduplication comes first: a copy of a message is answered from memory and never opened a second
 * time, since to OSCORE it would be an attack. */

/* What belongs to one request: the request or exchange keeps it for its responses, a relation for
 * its notifications. All 0: not protected. */
typedef struct proa_coap_binding {
    uint32_t words[4];
} proa_coap_binding;

typedef enum proa_coap_opened {
    PROA_COAP_OPENED_NOT = 0, /* drop it in silence */
    PROA_COAP_OPENED,         /* process the message */
    PROA_COAP_OPENED_ANSWER,  /* not to be processed; the message goes back as the answer */
    PROA_COAP_OPENED_RETRY,   /* of a response: ask again, under a new number */
    PROA_COAP_OPENED_KNOWN,   /* of a response: a copy of one that came before */
    PROA_COAP_OPENED_REFUSED, /* of a request: answer `code`, without protection */
    PROA_COAP_OPENED_STRANGER /* of a request: no such keys */
} proa_coap_opened;

typedef struct proa_coap_inner {
    proa_span message; /* in the buffer that was given */
    uint64_t account;
    proa_coap_binding binding; /* of a request */
    bool newest;               /* of a request: none with a higher number came before */
    uint8_t code;              /* REFUSED */
} proa_coap_inner;

/* How the engine deals with what is protected (sealed.c); a program that has no OSCORE does not
 * link it. */
typedef struct proa_coap_sealed proa_coap_sealed;
extern const proa_coap_sealed proa_coap_sealed_part;

struct proa_oscore_params; /* proa/oscore.h */

struct proa_coap_oscore {
    const proa_coap_sealed *part; /* &proa_coap_sealed_part */
    void *ctx;

    /* Not for the engine, but for those above it, who know accounts and do not link OSCORE unless
     * the program does: proa_oscore_add, proa_oscore_remove, proa_oscore_renew (PROA_E_NOT_FOUND if
     * these keys cannot be renewed). */
    proa_err (*add)(void *ctx, uint64_t account, const struct proa_oscore_params *params,
                    bool fresh);
    void (*remove)(void *ctx, uint64_t account);
    proa_err (*renew)(void *ctx, uint64_t account);
    uint16_t overhead; /* bytes that sealing adds at most */

    /* Open a request; it has the OSCORE option. `buf` has cap bytes for the inner message. */
    proa_coap_opened (*open_request)(void *ctx, uint64_t now_ms, proa_span datagram, uint8_t *buf,
                                     size_t cap, proa_coap_inner *out);

    /* Open what came with the OSCORE option for the request of `binding`. */
    proa_coap_opened (*open_response)(void *ctx, proa_coap_binding *binding, proa_span datagram,
                                      uint8_t *buf, size_t cap, proa_coap_inner *out);

    /* A number for a request: once for each round, not for its retransmissions. */
    proa_err (*begin_request)(void *ctx, uint64_t account, proa_coap_binding *binding);

    /* A number for a response; a notification always gets one of its own. */
    proa_err (*begin_response)(void *ctx, proa_coap_binding *binding, bool notification);

    /* Seal the message for which a number was taken. `out` has cap bytes.
     * Returns the length, or an error: nothing may be sent then. */
    int (*seal)(void *ctx, proa_coap_binding *binding, proa_span message, uint8_t *out, size_t cap);
};

#endif
