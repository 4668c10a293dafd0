/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SERVER_H
#define PROA_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/addr.h"
#include "proa/bytes.h"
#include "proa/coap_engine.h"
#include "proa/err.h"
#include "proa/lwm2m.h"
#include "proa/memory.h"
#include "proa/random.h"
#include "proa/secure.h"

/* The LwM2M server engine: registrations, and operations on registered devices.
 *
 * It has the shape of every engine of Proa: input, poll, output, next_ms. One engine is one
 * worker: its own socket, its own devices, nothing shared.
 *
 * Who is who. The key of the session (found by the caller's find_psk, through the secure box) or
 * of OSCORE (coap.oscore) gives an account number; `endpoint_of` says which endpoint that account
 * may register as. A Register with another endpoint is answered 4.00 (Core 1.2 §6.2.1), an
 * unprotected one 4.03 unless the configuration allows NoSec. A device is found by endpoint, by
 * registration id, and by authenticated identity (its session or its account); never by address.
 *
 * How it must be protected is said by `protection_of`. Whatever comes under the keys of an account,
 * but protected in another way, is answered 4.01 and changes nothing. OSCORE needs no session: the
 * device is where its newest request came from, and can be asked right after a restart. OSCORE in
 * DTLS wants both keys, and that they are of one account.
 *
 * Operations go downlink one after the other per device (NSTART) and complete exactly once: with
 * the device's answer, a timeout, or because the registration ended. Requests that are not the
 * registration interface (POST /ac, ...) are handed to the application as events, with the
 * registration of the sender. */

typedef uint32_t proa_reg;   /* a registration; dead after it ended, never reused soon */
typedef uint32_t proa_op_id; /* an operation or an observation */

#define PROA_REG_ID_LEN 12 /* characters of the registration id in /rd/<id>, from the CSPRNG */

/* How messages between a device and this server are protected. */
typedef enum proa_protection {
    PROA_PROTECTION_NONE = 0, /* NoSec */
    PROA_PROTECTION_DTLS,
    PROA_PROTECTION_OSCORE,
    PROA_PROTECTION_OSCORE_IN_DTLS
} proa_protection;

/* "none", "dtls", "oscore", "oscore in dtls". */
const char *proa_protection_name(proa_protection protection);

typedef struct proa_server_config {
    proa_random random;
    proa_memory memory;
    proa_secure *secure;   /* borrowed; NULL: NoSec only */
    proa_coap_config coap; /* with the OSCORE table, whose accounts are those of find_psk */
    /* The endpoint that `account` may register as; false: none, it is refused (4.03). The span is
     * valid until the next call. */
    bool (*endpoint_of)(void *ctx, uint64_t account, proa_span *endpoint);
    /* How what `account` sends must be protected; asked at each request. NULL: DTLS for all. */
    proa_protection (*protection_of)(void *ctx, uint64_t account);
    /* With allow_nosec: true if `endpoint` is some account's, so that it cannot be registered
     * without its key. NULL: no endpoint is. */
    bool (*needs_key)(void *ctx, proa_span endpoint);
    void *ctx;
    bool allow_nosec; /* accept Register without protection */
    uint32_t registration_max;
    uint32_t registration_first; /* places taken at once; grows to registration_max */
    uint32_t operation_max;      /* operations under way plus observations */
    uint32_t links_max;          /* bytes of one registration's object list */
    uint32_t lifetime_max_s;     /* longer lifetimes are cut to it; 0 = no limit */
    uint32_t op_timeout_ms;      /* default for operations; 0 = 60000 */
} proa_server_config;

proa_server_config proa_server_config_default(proa_random random, proa_memory memory);

typedef struct proa_server proa_server;

/* Take an engine from config->memory. *out stays NULL on failure. A coap.request_max below
 * operation_max is raised to it.
 * Returns PROA_OK, PROA_E_RANGE (a size of 0, over 0xfffff, registration_first over
 * registration_max, or of coap), PROA_E_NO_MEMORY. */
PROA_CHECK proa_err proa_server_open(proa_server **out, const proa_server_config *config);

/* Give everything back. No events, no messages. The secure box stays its owner's. */
void proa_server_close(proa_server *s);

/* ---- the four doors --------------------------------------------------------------------- */

void proa_server_input(proa_server *s, uint64_t now_ms, const proa_addr *from, proa_span datagram,
                       bool multicast);
bool proa_server_output(proa_server *s, uint64_t now_ms, proa_addr *to, proa_span *datagram);
uint64_t proa_server_next_ms(const proa_server *s);

typedef enum proa_server_event_kind {
    PROA_SERVER_REGISTERED = 1, /* reg; replaced = the one of the same endpoint that it ended */
    PROA_SERVER_UPDATED,        /* reg; links_changed, address_changed */
    PROA_SERVER_DEREGISTERED,   /* reg, still readable during this event: the device said goodbye */
    PROA_SERVER_EXPIRED,        /* reg, still readable during this event: its lifetime ran out */
    PROA_SERVER_DONE,           /* op: its one completion */
    PROA_SERVER_NOTIFICATION,   /* op: a notification of an observation */
    PROA_SERVER_OBSERVE_END,    /* op: the observation is over (registration ended, or an error) */
    PROA_SERVER_REQUEST,        /* any other request: answer `exchange` with proa_server_respond */
    PROA_SERVER_REFUSED         /* a Register was refused: code, endpoint as claimed */
} proa_server_event_kind;

/* Why an operation ended. */
typedef enum proa_op_result {
    PROA_OP_ANSWERED = 1, /* code says how */
    PROA_OP_TIMEOUT,
    PROA_OP_GONE, /* the registration ended first */
    PROA_OP_RESET,
    PROA_OP_CANCELLED, /* by proa_server_op_cancel, CANCEL_OBSERVE, or a newer Observe of the path */
    PROA_OP_FAILED     /* too large, full, protocol */
} proa_op_result;

typedef struct proa_server_event {
    proa_server_event_kind kind;
    proa_reg reg;      /* 0 if unknown (REQUEST of a stranger, REFUSED) */
    proa_reg replaced; /* REGISTERED */
    bool links_changed;
    bool address_changed;
    proa_op_id op;
    uint64_t user; /* of the operation */
    proa_op_result result;
    uint8_t code;   /* CoAP code */
    bool observing; /* DONE of an Observe that was accepted: notifications will follow */
    uint16_t format;
    proa_path path;        /* of the operation */
    proa_path created;     /* DONE of a Create: from Location-Path; depth 0 if absent */
    proa_span payload;     /* until the next call */
    proa_span endpoint;    /* of reg; REFUSED: as claimed */
    proa_coap_id exchange; /* REQUEST */
    proa_coap_peer peer;   /* REQUEST, REFUSED */
    uint64_t account;      /* REQUEST: authenticated account, 0 if unprotected */
    proa_coap_msg msg;     /* REQUEST */
} proa_server_event;

bool proa_server_poll(proa_server *s, uint64_t now_ms, proa_server_event *event);

/* Answer a REQUEST event, at once or later (an empty ACK goes out by itself after 1.5 s). */
PROA_CHECK proa_err proa_server_respond(proa_server *s, uint64_t now_ms, proa_coap_id exchange,
                                        const proa_coap_response *response);

/* ---- registrations ---------------------------------------------------------------------- */

typedef struct proa_registration {
    proa_reg reg;
    proa_span endpoint;
    char id[PROA_REG_ID_LEN + 1];
    proa_coap_peer peer; /* current address, session, and account if it uses OSCORE */
    uint64_t account;    /* 0 = NoSec */
    proa_protection protection;
    uint32_t lifetime_s;
    uint64_t registered_ms;
    uint64_t updated_ms;
    uint64_t expires_ms;
    char lwm2m_version[4]; /* "1.0", "1.1", "1.2" */
    bool queue_mode;
    proa_span links; /* object list as sent, link-format */
    uint16_t format; /* preferred for structured data: from ct= of the root link, TLV otherwise */
} proa_registration;

/* All spans are valid until the next call on the server. False if there is no such registration. */
bool proa_server_registration(const proa_server *s, proa_reg reg, proa_registration *out);
bool proa_server_find(const proa_server *s, proa_span endpoint, proa_reg *reg);

/* Walk all: *cursor = 0 to start. */
bool proa_server_next(const proa_server *s, uint32_t *cursor, proa_registration *out);

/* True if the object list of the registration names this object instance (or, with
 * PROA_ID_ALL, the object at all). */
bool proa_server_lists(const proa_server *s, proa_reg reg, uint16_t object, uint16_t instance);

/* Put a registration back after a restart: the device is not asked. If the box has revived its
 * session, it is there as before, and with OSCORE alone it needs none. Else operations wait, until
 * their timeout, for a new session with the same identity.
 *
 * What comes over a revived session counts only once the device has answered something that it was
 * asked since (it is asked when it speaks): until then its requests are as if lost, because they
 * could be replays.
 *
 * r    copied; reg, format and protection are ignored. lifetime_s 0 = it never expires. peer.session: revived
 *      for r->account and no other device's, or 0; a handle that the box does not know counts as 0.
 * reg  out; 0 on failure.
 * Returns PROA_OK, PROA_E_RANGE (endpoint, id, version), PROA_E_TOO_LARGE (links), PROA_E_FORMAT or
 * PROA_E_TRUNCATED (links), PROA_E_EXISTS (endpoint or id), PROA_E_FULL, PROA_E_NO_MEMORY. */
PROA_CHECK proa_err proa_server_restore(proa_server *s, uint64_t now_ms, const proa_registration *r,
                                        proa_reg *reg);

/* ---- operations on a device ------------------------------------------------------------- */

typedef struct proa_server_op {
    proa_reg reg;
    proa_operation op;
    proa_path path;
    uint16_t format;   /* of payload; for reads: Accept; PROA_FORMAT_NONE = let the device choose */
    proa_span payload; /* Write, Create; Execute: arguments; copied */
    const proa_attributes *attributes; /* Write-Attributes */
    uint32_t timeout_ms;               /* 0 = default */
    uint64_t user;
} proa_server_op;

/* Start an operation. Exactly one DONE follows; after the DONE of an accepted Observe come
 * NOTIFICATIONs and one OBSERVE_END. An observation of a path that is observed already is renewed:
 * once the device accepted the new one, the old one ends. CANCEL_OBSERVE ends the observation of
 * exactly this path and tells the device without waiting for its answer: OBSERVE_END, then DONE with
 * CANCELLED and no code.
 *
 * A device that needs a session and has none (it closed, or the registration was restored) or that
 * sleeps (queue mode) is not asked: the operation waits until the device is heard again, or times out. At most 64
 * operations wait for one device. If the session is replaced while an answer is awaited, what may be
 * repeated is asked again over the new one; a Create, Execute or Write-Update times out.
 *
 * op  copied, with payload and attributes.
 * id  out.
 * Returns PROA_OK, PROA_E_NOT_FOUND (reg; CANCEL_OBSERVE of what is not observed), PROA_E_FULL,
 * PROA_E_TOO_LARGE, PROA_E_RANGE (an operation that makes no sense on this path; a threshold that is
 * no finite number). O(1), but Observe and CANCEL_OBSERVE: O(operations of this device). */
PROA_CHECK proa_err proa_server_op_start(proa_server *s, uint64_t now_ms, const proa_server_op *op,
                                         proa_op_id *id);

/* End an observation actively (GET Observe 1): OBSERVE_END with CANCELLED follows. Or forget an
 * operation: DONE with CANCELLED. No effect for an id that ended already. */
void proa_server_op_cancel(proa_server *s, uint64_t now_ms, proa_op_id id);

typedef struct proa_server_stats {
    proa_coap_stats coap;
    uint32_t registrations, operations, observations;
    uint64_t registers, updates, deregisters, expired, refused, notifications;
} proa_server_stats;

proa_server_stats proa_server_stats_get(const proa_server *s);

#endif
