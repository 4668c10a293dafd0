/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_C2C_H
#define PROA_C2C_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/client.h"
#include "proa/err.h"
#include "proa/lwm2m.h"

/* Client-to-client: devices that talk to each other, authorised by a server they trust.
 *
 * Link this beside the client and it plays both parts (docs/C2C.md has the protocol):
 *
 * Host. Objects 11000 (how a peer proves itself), 11001 (the peer) and 11002 (what it may do) are
 * added to the device; a server fills them. Peers are let in by the key of their account, held to
 * 11002 on every request and every notification, counted, and put out when their time is over.
 * A stranger gets 4.01 and the hint: the URI of the server that can authorise it.
 *
 * Requester. proa_c2c_ask names a peer endpoint, an operation and a path, and gets exactly one
 * outcome (an observation gets more events after an OK). With an account for that peer the request
 * goes straight there; without, the server is asked on /ac first, and a refused hint leads to the
 * same. Linking the host part only (proa_c2c_host_open) leaves asking out of the image.
 *
 * Time. A grant's lifetime counts this device's monotonic seconds; what remains is stored at least
 * every 5 % of it, so a reboot never lengthens it. Nothing here needs the server once a grant is
 * there: that is the point. */

/* What came of asking. Kept apart from the peer's CoAP code. */
typedef enum proa_outcome {
    PROA_OUTCOME_OK = 1,       /* the peer answered 2.xx */
    PROA_OUTCOME_DENIED,       /* policy or the host's rights say no */
    PROA_OUTCOME_PENDING,      /* the server has yet to decide (a person does), or waits for the
                                 host to wake; asking again joins the same wish */
    PROA_OUTCOME_BUSY,         /* server or host are over their limits; retry_ms says when */
    PROA_OUTCOME_HOST_OFFLINE, /* the host is not registered, or did not answer the server */
    PROA_OUTCOME_UNREACHABLE,  /* no common network, or the host does not answer here */
    PROA_OUTCOME_TIMEOUT,      /* the server or the host did not answer in time */
    PROA_OUTCOME_REVOKED,      /* an operator took the grant away */
    PROA_OUTCOME_EXPIRED,      /* the grant ended during the request and was not renewed */
    PROA_OUTCOME_NO_SUCH_PATH, /* 4.04 from a host that let us in */
    PROA_OUTCOME_REFUSED,      /* the host answered another 4.xx or 5.xx: see code */
    PROA_OUTCOME_PROTOCOL,     /* somebody broke the protocol */
    PROA_OUTCOME_LOCAL         /* our own limit or state: see err */
} proa_outcome;

const char *proa_outcome_name(proa_outcome outcome);

/* Object 21 and what depends on it, for a program whose accounts may be protected by OSCORE. */
typedef struct proa_c2c_contexts proa_c2c_contexts;
extern const proa_c2c_contexts proa_c2c_oscore;

/* Accounts in one message (docs/C2C.md §5), and asking a peer as soon as its account is there rather
 * than when the server says that it is done. */
typedef struct proa_c2c_compact proa_c2c_compact;
extern const proa_c2c_compact proa_c2c_compact_accounts;

typedef struct proa_c2c_limits {
    uint16_t peer_max;        /* accounts: instances of 11000 and 11001 */
    uint16_t access_max;      /* instances of 11002 */
    uint16_t ask_max;         /* questions under way plus observations held on peers */
    uint32_t hint_per_minute; /* hints to strangers, all together */
    uint32_t unused_s;        /* an account that is not used so soon removes itself: 600 */
    /* &proa_c2c_oscore; NULL: accounts by DTLS only. The client's coap.oscore must be there. */
    const proa_c2c_contexts *contexts;
    /* &proa_c2c_compact_accounts: object 11000 is listed as version 1.1, and servers that know it need
     * one message for an account. As version 1.2 if the client's secure box has first sessions: then the
     * first request by DTLS needs no handshake. NULL: version 1.0, one message for each instance. */
    const proa_c2c_compact *compact;
} proa_c2c_limits;

/* For a small device: 4 accounts, by DTLS, version 1.0. */
proa_c2c_limits proa_c2c_limits_device(void);

typedef struct proa_c2c proa_c2c;

/* Attach to a client, before its first input: adds objects 11000, 11001, 11002, loads what the
 * store holds of them. With the requester part.
 * Returns PROA_OK, PROA_E_NO_MEMORY, PROA_E_FULL (object table), PROA_E_RANGE (a limit of 0 or over
 * its maximum, or the client's coap.request_max is less than ask_max + server_max). */
PROA_CHECK proa_err proa_c2c_open(proa_c2c **out, proa_client *client,
                                  const proa_c2c_limits *limits);

/* The same without the requester part: a pure host. */
PROA_CHECK proa_err proa_c2c_host_open(proa_c2c **out, proa_client *client,
                                       const proa_c2c_limits *limits);

void proa_c2c_close(proa_c2c *c2c);

/* ---- asking ----------------------------------------------------------------------------- */

typedef struct proa_c2c_ask {
    proa_span endpoint; /* the peer's endpoint name; copied */
    proa_operation op;
    proa_path path;
    uint16_t format;   /* of payload, resp. the one wanted; PROA_FORMAT_NONE = TLV, text for a
                          single resource on write */
    proa_span payload; /* Write, Create, Execute arguments; copied */
    const proa_attributes *attributes; /* Observe, Write-Attributes; may be NULL */
    uint8_t rights;      /* to ask the server for, beside what op needs; 0 = just that */
    uint16_t server;     /* Short Server ID to ask; 0 = the first registered one */
    bool wait;           /* PENDING and HOST_OFFLINE: stay and ask again until timeout_ms */
    bool probe;          /* ask the host unprotected first, to show (and learn from) its refusal */
    proa_span probe_uri; /* probe: where; copied */
    uint32_t timeout_ms; /* overall; 0 = 120000 */
    uint64_t user;       /* comes back in each event */
} proa_c2c_ask;

typedef uint32_t proa_c2c_id;

/* Ask a peer. Exactly one OUTCOME event will follow, whatever happens.
 * Returns PROA_OK, PROA_E_FULL, PROA_E_TOO_LARGE, PROA_E_RANGE. */
PROA_CHECK proa_err proa_c2c_send(proa_c2c *c2c, uint64_t now_ms, const proa_c2c_ask *ask,
                                  proa_c2c_id *id);

/* Forget a question (no OUTCOME) or end an observation (the peer is told). */
void proa_c2c_cancel(proa_c2c *c2c, uint64_t now_ms, proa_c2c_id id);

typedef enum proa_c2c_event_kind {
    PROA_C2C_HINT = 1,     /* probe: the host refused and named `text` as its server */
    PROA_C2C_AUTHORIZING,  /* /ac sent to server `short_id` */
    PROA_C2C_AUTHORIZED,   /* the server granted */
    PROA_C2C_CONNECTED,    /* a protected session with the peer is open */
    PROA_C2C_OUTCOME,      /* the one answer */
    PROA_C2C_NOTIFICATION, /* a new value of an observation */
    PROA_C2C_OBSERVE_END,  /* the observation ended; outcome says why */
    PROA_C2C_PEER_ADDED,   /* host side: a server installed an account for `endpoint` */
    PROA_C2C_PEER_REMOVED, /* it expired, was revoked or was never used: outcome */
} proa_c2c_event_kind;

typedef struct proa_c2c_event {
    proa_c2c_event_kind kind;
    proa_c2c_id id; /* of the question; 0 for PEER_ADDED and PEER_REMOVED */
    uint64_t user;
    proa_outcome outcome;
    uint8_t code; /* the peer's (or, with via_server, the server's) CoAP code, 0 if none */
    bool via_server;
    bool observing;      /* OUTCOME of an Observe: notifications will follow */
    proa_err err;        /* LOCAL */
    uint32_t retry_ms;   /* BUSY, PENDING: from Max-Age */
    uint32_t elapsed_ms; /* AUTHORIZED and OUTCOME: since /ac was first sent; 0 if it was not */
    uint16_t short_id;
    uint16_t format; /* of payload */
    proa_path path;
    proa_span endpoint; /* of the peer */
    proa_span payload;  /* until the next call */
    proa_span text;     /* HINT: the URI */
} proa_c2c_event;

/* One event; false when there is none. Call after proa_client_poll returned false. */
bool proa_c2c_poll(proa_c2c *c2c, uint64_t now_ms, proa_c2c_event *event);

/* ---- looking ---------------------------------------------------------------------------- */

typedef struct proa_c2c_peer {
    uint16_t instance; /* of 11000 */
    uint16_t short_id; /* Short Client ID */
    char endpoint[PROA_ENDPOINT_MAX + 1];
    char uri[PROA_URI_MAX]; /* empty if unknown: the peer calls us */
    proa_security_mode mode;
    uint64_t oscore; /* what proa_oscore_look knows it by: there are no sessions. 0: by DTLS */
    bool connected;  /* a session is there; with OSCORE: it was heard since boot */
    bool used;       /* at least one authenticated use */
    uint32_t left_s; /* of its lifetime; UINT32_MAX = unlimited */
    uint32_t uses;   /* requests served for it */
} proa_c2c_peer;

/* The n-th peer account; false if there are fewer. No keys. */
bool proa_c2c_peer_at(const proa_c2c *c2c, uint64_t now_ms, size_t index, proa_c2c_peer *out);

typedef struct proa_c2c_stats {
    uint64_t hints_sent, hints_suppressed, ac_sent, granted, denied, expired, unused_removed;
    uint32_t peers, access_entries, asks;
} proa_c2c_stats;

proa_c2c_stats proa_c2c_stats_get(const proa_c2c *c2c);

#endif
