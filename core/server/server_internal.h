/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_SERVER_INTERNAL_H
#define PROA_CORE_SERVER_INTERNAL_H

#include "core/server/registry.h"
#include "proa/server.h"

/* What the files of the server engine share: its state, and the functions by which they meet.
 *
 *     server.c      the doors, sessions, who is heard from where
 *     protection.c  who sent a request, and whether it is protected as it must be
 *     revived.c     what a session is worth that the box revived
 *     rd.c          /rd and /.well-known/core: registering, updating, leaving
 *     directory.c   looking at registrations, putting them back after a restart
 *     operations.c  what is asked of devices, until it is done
 *     request.c     an operation as a CoAP request
 *     registry.c    the registrations
 *     links.c       what an object list says
 *
 * Events. One step of poll makes at most one: what CoAP, the secure box or a deadline brought. What
 * that ends besides (operations of a registration that is gone) waits in the list of finished
 * operations, where each keeps its place of the pool until it is told: no queue, nothing to
 * overflow. */

/* ---- operations ------------------------------------------------------------------------- */

typedef enum proa__op_state {
    PROA__OP_WAITING = 1, /* for the device; timer set, block holds what to send */
    PROA__OP_SENT,        /* CoAP request under way */
    PROA__OP_OBSERVING,   /* DONE was told, notifications come */
    PROA__OP_FINISHED     /* in the list of the finished, result set, no request any more */
} proa__op_state;

typedef struct proa__op {
    proa_timer timer; /* the first field; WAITING: its timeout */
    uint64_t user;
    uint8_t *block; /* WAITING: attributes, if has_attributes, then the payload */
    uint32_t block_len;
    proa_op_id id;
    proa_op_id next, prev; /* of the same device; FINISHED: next in that list */
    proa_reg reg;
    proa_coap_id request;
    proa_path path;
    uint16_t format;
    uint8_t operation; /* proa_operation */
    uint8_t state;     /* proa__op_state */
    uint8_t result;    /* proa_op_result */
    uint8_t code;
    uint8_t moves;     /* of the device when this was sent: an answer to it proves that address */
    bool observed : 1; /* FINISHED: OBSERVE_END is due rather than DONE */
    bool has_attributes : 1;
} proa__op;

struct proa_server {
    proa_server_config config;
    proa_coap *coap;
    proa__registry registry;
    proa_pool ops;
    proa_heap op_timeouts;
    proa_op_id finished_first, finished_last;
    proa_reg ended; /* told by the event just polled; released by the next poll */
    proa_reg heard; /* whose datagram this is; what waits for it starts when that is dealt with */
    /* The session of the last DATA and whose it is, 0 after a datagram without one: sessions without
     * a registration cost nothing here, and a REQUEST comes only out of what was just fed in. */
    uint32_t current_session;
    uint64_t current_account;
    bool current_is_doubtful; /* revived.c */
    uint32_t observations;
    uint64_t registers, updates, deregisters, expired, refused, notifications;
};

/* ---- server.c --------------------------------------------------------------------------- */

/* True if a message sent now would be heard: the device has a live session (or needs none) and is
 * awake (queue mode, Transport 1.2 §6.5). */
bool proa__server_reaches(const proa__device *d, uint64_t now_ms);

/* The device was heard at `peer`, as which it is authenticated (by its key; NoSec: by its
 * registration id), maybe over a new session, that no other device has: what is under way follows.
 * PROA_OK, or PROA_E_NO_MEMORY and it has no session. */
PROA_CHECK proa_err proa__server_follow(proa_server *s, uint64_t now_ms, proa__device *d,
                                        const proa_coap_peer *peer);

/* A message came from the device, over the session that it has: it is awake, and there. What waits
 * for it starts after the answers to that message. */
void proa__server_heard(proa_server *s, uint64_t now_ms, proa__device *d,
                        const proa_coap_peer *peer);

/* The device has no session any more: what is under way over it fails, and it is closed. */
void proa__server_unbind(proa_server *s, uint64_t now_ms, proa__device *d);

/* The device of an authenticated account, if it is registered. */
proa__device *proa__server_of_account(const proa_server *s, uint64_t account);

/* Answer, knowing that an exchange that ended meanwhile needs none. */
void proa__server_answer(proa_server *s, uint64_t now_ms, proa_coap_id exchange,
                         const proa_coap_response *response);
void proa__server_answer_code(proa_server *s, uint64_t now_ms, proa_coap_id exchange, uint8_t code);

/* A registration ends: operations finish as GONE; it stays readable until the next poll. */
void proa__server_end(proa_server *s, uint64_t now_ms, proa__device *d);

/* ---- protection.c ----------------------------------------------------------------------- */

/* Whose key protects what this peer sends; 0 = nobody's. */
uint64_t proa__server_account(const proa_server *s, const proa_coap_peer *peer);

/* How `account` must protect what it sends; 0 = not at all. */
proa_protection proa__server_demands(const proa_server *s, uint64_t account);

/* Is the request that is current protected as its sender's account must be? 0, or the code of the
 * refusal: 4.03 for unprotected ones that are not allowed, else 4.01. */
uint8_t proa__server_judge(const proa_server *s, const proa_coap_peer *peer);

/* may_carry of proa_coap_config. */
bool proa__server_may_carry(void *server, uint64_t account, const proa_coap_peer *way);

/* Refuse a request that is sealed with keys nobody here knows (RFC 8613 §8.2). */
void proa__server_answer_sealed(proa_server *s, uint64_t now_ms, proa_coap_id exchange);

/* Sent without any protection. */
static inline bool proa__peer_is_nobody(const proa_coap_peer *peer)
{
    return peer->session == 0 && peer->account == 0;
}

static inline bool proa__device_uses_oscore(const proa__device *d)
{
    return d->protection == PROA_PROTECTION_OSCORE ||
           d->protection == PROA_PROTECTION_OSCORE_IN_DTLS;
}

static inline bool proa__device_needs_session(const proa__device *d)
{
    return d->protection == PROA_PROTECTION_DTLS || d->protection == PROA_PROTECTION_OSCORE_IN_DTLS;
}

/* As whom CoAP knows the device. */
static inline proa_coap_peer proa__device_peer(const proa__device *d)
{
    proa_coap_peer peer = {d->addr, d->session, proa__device_uses_oscore(d) ? d->account : 0};
    return peer;
}

/* ---- revived.c -------------------------------------------------------------------------- */

/* Is this message of a doubtful session (proa/secure.h) for CoAP? If not, it is as if lost, and `d`,
 * the device of that session or NULL, is asked for a proof. */
bool proa__revived_take(proa_server *s, uint64_t now_ms, proa__device *d,
                        const proa_coap_peer *peer, proa_span message);

/* What became of a request: an answer proves the session that it came over. True if the request was
 * made for that alone. */
bool proa__revived_coap_event(proa_server *s, uint64_t now_ms, const proa_coap_event *event);

/* ---- rd.c ------------------------------------------------------------------------------- */

typedef struct proa__uri {
    proa_span segments[PROA_URI_PATH_SEGMENTS_MAX];
    size_t count; /* PROA_URI_PATH_SEGMENTS_MAX + 1 = more */
} proa__uri;

/* True if the path is ours: then the request is answered, and *told says whether *out is an event. */
bool proa__rd_request(proa_server *s, uint64_t now_ms, const proa_coap_event *request,
                      const proa__uri *uri, proa_server_event *out, bool *told);

/* ---- operations.c ----------------------------------------------------------------------- */

PROA_CHECK proa_err proa__ops_open(proa_server *s);
void proa__ops_close(proa_server *s);

/* An event of a request of ours: true if *out is to be told. */
bool proa__ops_coap_event(proa_server *s, uint64_t now_ms, const proa_coap_event *event,
                          proa_server_event *out);

/* Start what waits for the device, if it is reachable. */
void proa__ops_start_waiting(proa_server *s, uint64_t now_ms, proa__device *d);

/* Finish everything of a device. */
void proa__ops_finish_all(proa_server *s, uint64_t now_ms, proa__device *d, proa_op_result result);

/* Finish what waited too long. */
void proa__ops_run(proa_server *s, uint64_t now_ms);

/* Tell the next finished operation; false if there is none. */
bool proa__ops_next_finished(proa_server *s, proa_server_event *out);

/* ---- request.c -------------------------------------------------------------------------- */

/* PROA_OK, or PROA_E_RANGE if the operation makes no sense on the path (Core 1.2 §6.3, §6.4) or a
 * threshold is no finite number. attributes may be NULL. */
PROA_CHECK proa_err proa__request_check(proa_operation op, const proa_path *path,
                                        const proa_attributes *attributes);

/* What an operation asks of a device, in LwM2M's words. */
typedef struct proa__question {
    proa_operation op;
    proa_path path;
    uint16_t format;
    proa_span root; /* alternate path, may be empty */
    proa_span payload;
    const proa_attributes *attributes; /* Write-Attributes, Observe; may be NULL */
    uint64_t user;
    uint32_t timeout_ms;
} proa__question;

/* Send what was checked. As proa_coap_send. */
PROA_CHECK proa_err proa__downlink_send(proa_coap *coap, uint64_t now_ms, const proa_coap_peer *to,
                                        const proa__question *question, proa_coap_id *id);

/* The instance that the Location-Path of an answer to a Create names, below `root`; depth 0 if it
 * names none of `object`. */
proa_path proa__request_created(const proa_coap_msg *answer, proa_span root, uint16_t object);

#endif
