/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_COAP_ENGINE_H
#define PROA_COAP_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/addr.h"
#include "proa/coap.h"
#include "proa/err.h"
#include "proa/memory.h"
#include "proa/random.h"

/* The CoAP engine: reliable messages, requests and responses, blocks, observations, both roles.
 *
 * It has the one shape of every Proa engine. Feed it a datagram (input), take what happened (poll)
 * until there is nothing, take what is to be sent (output) until there is nothing, come back at
 * next_ms or with the next datagram. It never calls you but for one question of its configuration
 * (may_carry), knows no socket and no clock.
 *
 *     proa_coap_input(c, now, &peer, bytes, false);
 *     while (proa_coap_poll(c, now, &event)) { ... proa_coap_respond(c, now, event.exchange, &r); }
 *     while (proa_coap_output(c, now, &peer, &bytes)) { send }
 *
 * Peers. A peer is where protection says a message belongs. With an account it is who holds the
 * OSCORE keys of that account, and the rest of its name is only the way to it, which moves with its
 * newest authentic request to where this account may be (may_carry). Else with a session it is the other end of that DTLS session, and the
 * address is only where the datagram goes. Without both it is unprotected CoAP, and then the address
 * is all there is. Nothing that arrives from one peer can finish, cancel or answer anything of
 * another (DESIGN: identity is a key).
 *
 * An address to which an account has moved gets no more than three times the bytes that came from there,
 * until an answer came from it (RFC 9175 §2.4): a request can be caught and sent on from anywhere.
 *
 * OSCORE. With `oscore` in the configuration messages with the OSCORE option are opened and those
 * to peers with an account are sealed (proa/oscore.h). What everybody could have sent (an answer
 * without protection, a RST) never ends what was protected: it is told (UNPROTECTED) or ignored.
 *
 * What the engine does by itself: deduplication (RFC 7252 §4.2, §4.5) with the stored reply,
 * retransmission with jitter (§4.8), NSTART (§4.7), an empty ACK and a separate CON response when
 * the application has not answered after separate_after_ms (§5.2.2), 4.02 for critical options
 * nobody knows (§5.4.1), 5.05 for proxying, RST for what makes no sense; Block1 and Block2 in both
 * roles (RFC 7959) with Request-Tag (RFC 9175) so that the application sees whole bodies only;
 * Observe ordering (RFC 7641 §3.4) and a CON notification at least every 24 hours (§4.5); one
 * repetition with Echo when a peer asks for it (RFC 9175 §2.3); No-Response (RFC 7967).
 *
 * Limits. All tables are bounded by the configuration. A request of ours that finds no place is
 * refused with PROA_E_FULL at once; a peer's request that finds none is answered 5.03. */

typedef struct proa_coap_peer {
    proa_addr addr;
    uint32_t session; /* of DTLS; 0 = none */
    uint64_t account; /* of OSCORE; 0 = none */
} proa_coap_peer;

/* Same account, else same session, else both unprotected at the same address. */
bool proa_coap_peer_equal(const proa_coap_peer *a, const proa_coap_peer *b);

typedef uint32_t proa_coap_id; /* a handle: request, exchange or relation; 0 = none */

/* RFC 7252 §4.8. Zero in any field means the default. */
typedef struct proa_coap_timing {
    uint32_t ack_timeout_ms;      /* 2000 */
    uint32_t ack_random_permille; /* 1500: the first timeout is drawn from 1.0 to 1.5 of it */
    uint8_t max_retransmit;       /* 4 */
    uint8_t nstart;               /* 1 */
    uint32_t non_timeout_ms;      /* a NON request waits this long for its response: 93000
                                      (MAX_TRANSMIT_WAIT) */
    uint32_t response_timeout_ms; /* after an empty ACK, for the separate response: 247000
                                      (EXCHANGE_LIFETIME) */
    uint32_t separate_after_ms;   /* 1500: then an empty ACK goes out */
} proa_coap_timing;

typedef struct proa_coap_oscore proa_coap_oscore; /* core/coap/sealed.h */
typedef struct proa_coap_outer proa_coap_outer;

typedef struct proa_coap_config {
    proa_random random;
    proa_memory memory;
    const proa_coap_oscore *oscore; /* from proa_oscore_for_coap; borrowed; NULL: messages with the
                                       OSCORE option are refused with 4.02 */

    const proa_coap_outer *outer_blocks; /* OSCORE: &proa_coap_outer_blocks, or NULL; see there */

    /* OSCORE: may what belongs to this account go by this way (address, session), by which a request
     * came that its keys opened? Asked before the way of its peer moves there; what was asked for is
     * served in any case, so the application has to judge its REQUEST by its own knowledge of the
     * datagram. It must not call the engine. NULL: every way may. */
    bool (*may_carry)(void *ctx, uint64_t account, const proa_coap_peer *way);
    void *may_carry_ctx;
    proa_coap_timing timing;
    uint32_t request_max; /* requests of ours under way plus observations we hold */
    uint32_t
        exchange_max; /* peers' requests not yet answered, or answered separately and unACKed */
    uint32_t relation_max;   /* observations peers hold here */
    uint32_t body_count_max; /* bodies being assembled or sent in blocks, both roles */
    uint32_t body_max;       /* bytes of the largest body; more: 4.13 with Size1 */
    uint32_t dedup_bytes;    /* memory for remembered messages and replies (247 s); when it is
                                needed, replies to GET and FETCH go first, then those to PUT,
                                DELETE and iPATCH; if only others remain (POST, PATCH), new
                                requests are answered 5.03 */
    uint16_t block_size;     /* 16, 32, ... 1024: the largest block we propose */
    uint16_t message_max;    /* bytes of the largest datagram we send, 64..PROA_COAP_MESSAGE_MAX */
    uint32_t peer_max;       /* peers known at a time; 0 = one for each of the things above */
    uint32_t message_bytes;  /* memory for our messages until they are acknowledged and for the
                                options of observations we hold; 0 = enough for every one of them */
    bool grows; /* take storage when it is needed; else all of it in proa_coap_open, so that a
                   device learns on the desk what it needs */
    bool sessions_return; /* DTLS sessions of an earlier engine may go on in this one
                             (proa_secure_class.revive): then all Tokens are 8 bytes, see proa_coap_send */
} proa_coap_config;

/* Sensible sizes for a device with one server and a few peers, resp. for a server that grows. */
proa_coap_config proa_coap_config_device(proa_random random, proa_memory memory);
proa_coap_config proa_coap_config_server(proa_random random, proa_memory memory);

typedef struct proa_coap proa_coap;

/* Take an engine from config->memory. *out stays NULL on failure.
 * Returns PROA_OK, PROA_E_RANGE (a size of 0, a block size that is no power of two in 16..1024,
 * message_max too large), PROA_E_NO_MEMORY. */
PROA_CHECK proa_err proa_coap_open(proa_coap **out, const proa_coap_config *config);

/* Give everything back. No events, no messages. */
void proa_coap_close(proa_coap *c);

/* ---- the four doors --------------------------------------------------------------------- */

/* Feed one datagram, already unprotected. Poll all events before the next input: an event may
 * borrow `datagram` until then.
 *
 * from       the peer; copied.
 * multicast  it was sent to a multicast address: only NON requests are heeded, and errors to it
 *            are not answered (RFC 7252 §8). */
void proa_coap_input(proa_coap *c, uint64_t now_ms, const proa_coap_peer *from, proa_span datagram,
                     bool multicast);

/* Take one datagram to send. True and *to, *datagram set, the bytes valid until the next call on
 * the engine; false when nothing is left. Call until false after each input, request, respond,
 * notify and at each deadline. */
bool proa_coap_output(proa_coap *c, uint64_t now_ms, proa_coap_peer *to, proa_span *datagram);

/* When to come back at the latest, UINT64_MAX if never: then poll and output. A time that is past if
 * events or datagrams wait already. */
uint64_t proa_coap_next_ms(const proa_coap *c);

typedef enum proa_coap_event_kind {
    PROA_COAP_EVENT_REQUEST = 1,  /* a peer asks; answer `exchange` now or later */
    PROA_COAP_EVENT_RESPONSE,     /* the answer to `request`; the last event of it, unless the
                                     answer accepted an observation (then `observing`) */
    PROA_COAP_EVENT_NOTIFICATION, /* a fresh notification for `request` */
    PROA_COAP_EVENT_FAILED,       /* `request` ended without answer; see reason; the last event */
    PROA_COAP_EVENT_UNPROTECTED,  /* somebody answered the protected `request` without protection:
                                     perhaps the peer, which has lost the keys. The request goes
                                     on */
    PROA_COAP_EVENT_RELATION_END, /* a peer no longer observes: RST, timeout or its session went */
    PROA_COAP_EVENT_DELIVERED     /* the CON notification of `relation` was acknowledged */
} proa_coap_event_kind;

typedef enum proa_coap_failure {
    PROA_COAP_FAILED_TIMEOUT = 1, /* no ACK after all retransmissions, or no response after it */
    PROA_COAP_FAILED_RESET,       /* the peer answered RST */
    PROA_COAP_FAILED_PEER_GONE,   /* proa_coap_peer_gone */
    PROA_COAP_FAILED_TOO_LARGE,   /* the response's body exceeds body_max */
    PROA_COAP_FAILED_FULL,        /* no place to assemble the response's body */
    PROA_COAP_FAILED_KEYS, /* it cannot be sealed: the peer's OSCORE keys are gone or used up */
    PROA_COAP_FAILED_STORE, /* it cannot be sealed now: the store that the keys' numbers need fails */
    PROA_COAP_FAILED_PROTOCOL /* unknown critical option or broken block sequence in it */
} proa_coap_failure;

typedef struct proa_coap_event {
    proa_coap_event_kind kind;
    proa_coap_id exchange; /* REQUEST */
    proa_coap_id request;  /* RESPONSE, NOTIFICATION, UNPROTECTED, FAILED */
    proa_coap_id relation; /* RELATION_END, DELIVERED; REQUEST: the relation this peer holds with
                              the same Token, 0 if none */
    uint64_t user;         /* what the application gave with the request or relation */
    proa_coap_peer peer;
    proa_coap_msg
        msg; /* REQUEST, RESPONSE, NOTIFICATION, UNPROTECTED; payload is the whole body; valid
                              until the next call on the engine except respond, which may be given
                              spans of it */
    bool observing; /* RESPONSE: more notifications will follow */
    bool multicast; /* REQUEST */
    bool sealed;    /* REQUEST: protected under keys that nobody here knows, so that msg is only
                          its cover: to be refused with 4.01, Max-Age 0 (RFC 8613 §8.2) */
    proa_coap_failure failure;
} proa_coap_event;

/* Take one event; false when there is none. Also runs what is due at now_ms. */
bool proa_coap_poll(proa_coap *c, uint64_t now_ms, proa_coap_event *event);

/* ---- asking ----------------------------------------------------------------------------- */

typedef enum proa_coap_observe_op {
    PROA_COAP_OBSERVE_NONE = 0,
    PROA_COAP_OBSERVE_START
} proa_coap_observe_op;

typedef struct proa_coap_request {
    uint8_t code;
    bool non; /* a NON request; CON otherwise */
    /* A POST or PATCH that changes nothing if it is done again, as a registration: it is repeated for
     * an Echo under OSCORE even if an earlier copy may have been done. */
    bool repeatable;
    proa_coap_observe_op observe;
    const proa_coap_option *options; /* ascending; without Observe, Block, Size, Request-Tag and
                                        Echo, which are the engine's; copied */
    size_t option_count;
    proa_span payload;   /* whole body; copied; cut into blocks when longer than one */
    uint64_t user;       /* comes back in every event of this request */
    uint32_t timeout_ms; /* overall, from this call; 0 = what timing gives */
} proa_coap_request;

/* Bytes of a Token where that is not all there is. All but one bit are random. Under OSCORE a response
 * is bound to its request by itself. Under DTLS the Token binds it (RFC 9175 §4.2), and of the responses
 * that could still come in place of another the record layer takes the last 64: for each request the
 * chance is 64 in 2^39 that there is one with its Token. Where sessions return, any response of the
 * past may come again, and a Token alone tells that it is new. */
#define PROA_COAP_TOKEN_PROTECTED 5

/* Send a request. Its Token is from the CSPRNG: PROA_COAP_TOKEN_MAX bytes; PROA_COAP_TOKEN_PROTECTED in a
 * session or under OSCORE, unless sessions return. One with No-Response among its options ends like any
 * other: with the response that came nevertheless, or with TIMEOUT; give it a timeout_ms.
 *
 * id  out; names the request until its last event, or its cancel.
 * Returns PROA_OK, PROA_E_FULL (request_max; no place for a long payload), PROA_E_TOO_LARGE
 * (options do not fit a message; payload over body_max). */
PROA_CHECK proa_err proa_coap_send(proa_coap *c, uint64_t now_ms, const proa_coap_peer *to,
                                   const proa_coap_request *request, proa_coap_id *id);

/* Forget a request: no more events. A held observation is cancelled actively with a GET or FETCH
 * with Observe 1 and the same Token and options (RFC 7641 §3.6) when `tell` is set; else the next
 * notification is answered with RST. No effect for an id that ended already. */
void proa_coap_cancel(proa_coap *c, uint64_t now_ms, proa_coap_id id, bool tell);

/* How many times this request's current message has been sent (1 = no retransmission yet, 0 =
 * waiting for NSTART, or id ended): how the layer above sees that a session may be dead. */
unsigned proa_coap_transmissions(const proa_coap *c, proa_coap_id id);

/* ---- answering -------------------------------------------------------------------------- */

typedef struct proa_coap_response {
    uint8_t code;
    const proa_coap_option *options; /* ascending; without Observe, Block, Size2 and, for bodies
                                        longer than a block, ETag, which are the engine's */
    size_t option_count;
    proa_span payload; /* whole body; the engine sends the block that was asked for. A request for
                          a later block comes as a REQUEST of its own and is answered with the
                          whole body again: nothing is kept between blocks (RFC 7959 §2.4); if the
                          body changed, its ETag does, and the peer starts again */
} proa_coap_response;

/* Answer a request.
 * Returns PROA_OK; PROA_E_NOT_FOUND (the exchange ended: the peer went away, or nobody answered for
 * response_timeout_ms); PROA_E_TOO_LARGE (options do not fit, or there is no place to keep a long
 * response to a request that must not be done twice; 5.00 was sent instead); PROA_E_FULL (no place
 * for a NON or separate response: the exchange is still open, answer again later or ignore it). A
 * piggybacked response always goes out. */
PROA_CHECK proa_err proa_coap_respond(proa_coap *c, uint64_t now_ms, proa_coap_id exchange,
                                      const proa_coap_response *response);

/* Say that the answer comes later: the empty ACK goes out now rather than at separate_after_ms. */
void proa_coap_defer(proa_coap *c, uint64_t now_ms, proa_coap_id exchange);

/* Drop a request without any answer: what is to be ignored silently. Repetitions of it, too. */
void proa_coap_ignore(proa_coap *c, proa_coap_id exchange);

/* A fresh Echo value for the sender of a request. As an option of a 4.01 it asks the peer to prove
 * that it is there now (RFC 9175 §2.4). Nothing is remembered. */
#define PROA_COAP_ECHO_LEN 13
void proa_coap_echo_make(const proa_coap *c, uint64_t now_ms, const proa_coap_event *event,
                         uint8_t out[PROA_COAP_ECHO_LEN]);

/* True if the request carries an Echo value made by this engine for this peer within max_age_ms:
 * the sender is reachable there and the request is fresh (RFC 9175 §2.3). Call while its REQUEST
 * event is current. */
bool proa_coap_echo_ok(const proa_coap *c, uint64_t now_ms, const proa_coap_event *event,
                       uint32_t max_age_ms);

/* ---- being observed --------------------------------------------------------------------- */

/* Accept the observation that a GET or FETCH with Observe 0 asks for; call before respond, whose
 * 2.05 then carries Observe. A relation with the same peer and Token is replaced and keeps its id.
 *
 * user      comes back in RELATION_END and DELIVERED.
 * relation  out.
 * Returns PROA_OK, PROA_E_FULL (answer the GET without it, §4.1), PROA_E_STATE (no such wish, or
 * the exchange ended). */
PROA_CHECK proa_err proa_coap_accept(proa_coap *c, proa_coap_id exchange, uint64_t user,
                                     proa_coap_id *relation);

/* Send a notification. A CON still unacknowledged is superseded by the new representation (§4.5.2).
 * A response code other than 2.xx ends the relation after it is sent (§4.2).
 * Returns PROA_OK, PROA_E_NOT_FOUND, PROA_E_TOO_LARGE, PROA_E_FULL. */
PROA_CHECK proa_err proa_coap_notify(proa_coap *c, uint64_t now_ms, proa_coap_id relation,
                                     const proa_coap_response *response, bool confirmable);

/* End a relation without a message and without an event. */
void proa_coap_unobserve(proa_coap *c, proa_coap_id relation);

/* ---- peers that go or come back --------------------------------------------------------- */

/* The session of this peer ended: its requests fail (PEER_GONE), its exchanges end, its relations
 * end with an event, what it sent is forgotten. O(everything of that peer). */
void proa_coap_peer_gone(proa_coap *c, uint64_t now_ms, const proa_coap_peer *name);

/* This account is over, and its OSCORE keys are about to go: while they are there, what it observes
 * ends with a last 4.01 under them, a CON that stays under way whatever becomes of peer and keys, and
 * that no RST stops; then with RELATION_END. Without that the peer would learn nothing, as there is no
 * session to close. All else is proa_coap_peer_gone's, which is to follow. May be called while a REQUEST
 * event of somebody else is being handled. */
void proa_coap_peer_dismiss(proa_coap *c, uint64_t now_ms, uint64_t account);

/* Somebody who should know says that the peer of these OSCORE keys is elsewhere now: the next request
 * goes to the address that it names. Otherwise requests go to where the last authentic request of the
 * peer came from, until one of them fails with TIMEOUT; the address they name is for a peer that has
 * not been heard. A session that they name is always taken. No effect if nobody of that account is
 * known. */
void proa_coap_peer_astray(proa_coap *c, uint64_t account);

/* What comes next from this peer's session proves who it is, and not that it is at its address: until
 * somebody there has answered, it gets what three times `len` bytes allow (RFC 9175 §2.4), notifications
 * as CON, and an empty CON in place of what is beyond. Call it before each input, of `len` bytes, until
 * there is no doubt left after one. */
void proa_coap_peer_doubt(proa_coap *c, uint64_t now_ms, const proa_coap_peer *name, size_t len);

/* False if somebody there has answered, or nobody doubted. */
bool proa_coap_peer_is_doubted(proa_coap *c, const proa_coap_peer *name);

/* The same peer, authenticated as the same account, now has another session: requests,
 * observations and relations move there; a message that waits for its ACK is sent again there
 * at once with a new Message ID. A request that may not be repeated (neither safe nor idempotent)
 * fails with TIMEOUT instead. */
void proa_coap_peer_moved(proa_coap *c, uint64_t now_ms, const proa_coap_peer *old,
                          const proa_coap_peer *now);

/* ---- what may be left out ----------------------------------------------------------------- */

/* Payloads of our requests that are longer than a message, and responses to them that come in
 * blocks. A program whose requests need neither defines this itself, as NULL, and links nothing of
 * it: then such a payload is refused with PROA_E_TOO_LARGE, and such a response fails its request
 * with TOO_LARGE. What peers send and ask for in blocks does not depend on it. */
typedef struct proa_coap_blocks proa_coap_blocks;
extern const proa_coap_blocks *const proa_coap_request_blocks;

/* For proa_coap_config: messages that OSCORE protects and that a proxy has cut into blocks (RFC 8613
 * §4.1.3.4.2) are put together before they are opened, requests by Block1 and responses by Block2, to
 * PROA_DATAGRAM_MAX or body_max bytes at most, whichever is less. Nobody knows yet whose they are: so an
 * eighth of body_count_max (at least one) at a time, for 30 s, and only as long as nobody who is known
 * needs the place. A program that does not name it answers each part of a request with 4.13, and does
 * not hear such responses. */
extern const proa_coap_outer proa_coap_outer_blocks;

/* ---- counting --------------------------------------------------------------------------- */

typedef struct proa_coap_stats {
    uint64_t received, sent, retransmitted, duplicates, malformed, resets_sent, resets_received;
    uint64_t refused_full; /* 5.03 given because a table was full */
    uint64_t unmatched;    /* responses that answer nothing of ours */
    uint64_t unprotected;  /* answers and RST without protection to what was protected */
    uint32_t requests, exchanges, relations, bodies; /* in use now */
} proa_coap_stats;

proa_coap_stats proa_coap_stats_get(const proa_coap *c);

#endif
