/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_COAP_ENGINE_INTERNAL_H
#define PROA_CORE_COAP_ENGINE_INTERNAL_H

#include "core/base/heap.h"
#include "core/base/map.h"
#include "core/base/pool.h"
#include "core/base/siphash.h"
#include "core/coap/cells.h"
#include "core/coap/list.h"
#include "proa/assert.h"
#include "proa/coap_engine.h"

/* What the files of the CoAP engine share: the things it keeps and who may touch them.
 *
 *     peer       who talks to us; its next Message ID; NSTART; holds every thing of that peer
 *     message    a datagram under way: waiting for NSTART, for an ACK, or for a response
 *     received   a message a peer sent and what was replied (deduplication)
 *     request    ours; while an observation is held it has no message and is small
 *     exchange   a peer's request that the application has not finished
 *     relation   a peer observes us
 *     body       a long payload, coming or going in blocks
 *
 * Things live in pools and are found by maps or through their peer, never by search over all.
 * Deadlines stand in one heap per kind of thing. Nothing here calls the application: what it should
 * know stands in `event` (one message at most, because only input makes one) or in the lists of
 * ended and delivered things. */

typedef struct proa__peer {
    proa_coap_peer name;
    proa_handle handle;
    proa__link things;   /* requests, exchanges, relations, assemblies of this peer */
    proa__link messages; /* CON messages; the first in_flight of them are in flight (NSTART) */
    proa__link idle;     /* in proa_coap.idle_peers while refs is 0 */
    uint64_t idle_since_ms;
    uint32_t refs; /* things, messages and received records that point here */
    uint16_t next_mid;
    uint8_t in_flight;
    bool dead; /* gone: no longer found; given back with its last reference */
} proa__peer;

typedef enum proa__kind {
    PROA__REQUEST = 1,
    PROA__EXCHANGE,
    PROA__RELATION,
    PROA__BODY
} proa__kind;

/* What the four kinds have in common; the first field of each. */
typedef struct proa__thing {
    proa__link link; /* in its peer's list, or in proa_coap.ended */
    proa__peer *peer;
    proa_handle handle;
    uint8_t kind;
} proa__thing;

typedef struct proa__message {
    proa__link link; /* CON: in peer->messages until ACKed */
    proa__link out;  /* in proa_coap.messages_out */
    proa_timer timer;
    uint64_t deadline_ms; /* of the whole request; PROA_NEVER */
    proa__peer *peer;
    proa__thing *owner; /* request, exchange or relation to be told; NULL: nobody */
    proa_handle handle;
    uint32_t timeout_ms; /* of the current transmission */
    proa__chain bytes;   /* encoded; 0 for a request, which is composed anew */
    proa__chain newer;   /* the notification that supersedes `bytes`, RFC 7641 §4.5.2 */
    uint16_t bytes_len;
    uint16_t newer_len;
    uint16_t mid;
    uint8_t type;
    uint8_t transmissions;
    bool flying; /* counted in peer->in_flight */
} proa__message;

typedef enum proa__reply_state {
    PROA__REPLY_NONE = 0, /* the application has not answered yet */
    PROA__REPLY_EMPTY,    /* an empty ACK; the response came or comes separately */
    PROA__REPLY_STORED,   /* the piggybacked response */
    PROA__REPLY_SILENT
} proa__reply_state;

/* What a repetition would do if its first time were forgotten; also the order in which records go
 * when room is needed. */
typedef enum proa__harm {
    PROA__HARM_NONE = 0, /* nothing: GET, FETCH, responses */
    PROA__HARM_LITTLE,   /* the same once more: PUT, DELETE, iPATCH (RFC 7252 §5.1, 8132 §3) */
    PROA__HARM_FULL      /* something else: POST, PATCH */
} proa__harm;

#define PROA__HARMS 3

typedef struct proa__received {
    proa__link age; /* in proa_coap.aging[harm] once its exchange is over */
    proa__link out; /* in proa_coap.replies_out */
    proa__peer *peer;
    uint64_t since_ms;
    proa_handle handle;
    proa__chain reply; /* 0 and STORED: header, Token and code say it all */
    uint16_t reply_len;
    uint16_t mid;
    uint8_t code; /* of the reply */
    uint8_t state;
    uint8_t harm; /* proa__harm */
    proa_coap_token token;
} proa__received;

typedef enum proa__body_use {
    PROA__BODY_OUT = 1,  /* payload of a request of ours, going out by Block1 */
    PROA__BODY_IN,       /* response to a request of ours, coming in by Block2 */
    PROA__BODY_ASSEMBLY, /* a peer's request, coming in by Block1 */
    PROA__BODY_KEPT,     /* our response to an unsafe request, going out by Block2 */
    PROA__BODY_EVENT     /* whole; the current event borrows it */
} proa__body_use;

typedef struct proa__body {
    proa__thing thing; /* ASSEMBLY and KEPT: listed with their peer */
    proa_timer timer;  /* ASSEMBLY and KEPT */
    uint64_t key;      /* ASSEMBLY and KEPT: hash of the options that name it */
    uint32_t len;
    uint16_t format; /* KEPT */
    uint8_t use;
    uint8_t code; /* KEPT */
    uint8_t etag_len;
    uint8_t etag[8]; /* IN */
    uint8_t bytes[]; /* body_max */
} proa__body;

typedef enum proa__phase {
    PROA__PHASE_PLAIN = 0,
    PROA__PHASE_BLOCK1, /* sending the body */
    PROA__PHASE_BLOCK2  /* fetching the rest of the response */
} proa__phase;

typedef struct proa__request {
    proa__thing thing;
    uint64_t user;
    proa__message *message; /* the round under way; NULL only while an observation is held */
    proa__body *body;
    proa__chain stored; /* options as encoded, then the payload unless it is in `body` */
    uint16_t options_len;
    uint16_t payload_len;
    uint32_t offset; /* bytes of the body that are done */
    uint32_t seq;    /* Observe of the newest notification */
    uint32_t seq_s;  /* when it came, engine seconds */
    uint8_t
        token[PROA_COAP_TOKEN_MAX]; /* the last bit is 0; 1 while fetching a notification's rest */
    uint16_t mid;                   /* of the newest message */
    uint8_t code;
    uint8_t szx;
    uint8_t phase;
    uint8_t restarts;
    uint8_t failure;
    bool non : 1;
    bool observe : 1;    /* asked for */
    bool observing : 1;  /* accepted by the peer */
    bool answered : 1;   /* its RESPONSE event was given */
    bool cancelling : 1; /* forgotten by the application; only saying goodbye */
    bool echoed : 1;
} proa__request;

typedef struct proa__exchange {
    proa__thing thing;
    proa__received *received;
    proa__message *message; /* the separate CON response */
    proa_timer timer;       /* the empty ACK, then the end */
    uint64_t kept_key;
    proa_coap_id relation;  /* held under this Token */
    proa_coap_block block2; /* as asked for */
    uint32_t block1;        /* Block1 of the response */
    uint8_t code;
    uint8_t no_response; /* RFC 7967 §2.1 */
    bool non : 1;
    bool multicast : 1;
    bool acked : 1; /* the empty ACK was given: the response will be separate */
    bool has_block1 : 1;
    bool has_block2 : 1;
    bool keep : 1;     /* a long response must be kept for its later blocks */
    bool observe : 1;  /* asks for an observation */
    bool accepted : 1; /* and gets it */
} proa__exchange;

typedef struct proa__relation {
    proa__thing thing;
    proa__link delivered; /* in proa_coap.delivered */
    uint64_t user;
    proa__message *message; /* the CON under way */
    proa_coap_token token;
    uint32_t seq;
    uint32_t con_s; /* when the peer last proved its interest, engine seconds */
    uint16_t mid;   /* of the newest NON */
    bool has_mid;
    bool ended;
    uint8_t szx; /* blocks no larger than the peer asked for */
} proa__relation;

/* Small replies that leave no trace: RST, ACK, 4.02, 5.03. A few wait until output is called;
 * one more drops the oldest, as the network might have. */
#define PROA__INSTANT_LEN 16
#define PROA__INSTANT_MAX 4

typedef struct proa__instant {
    proa_coap_peer to;
    uint8_t len;
    uint8_t bytes[PROA__INSTANT_LEN];
} proa__instant;

struct proa_coap {
    proa_coap_config config; /* zeros replaced by defaults */
    uint64_t now_ms;         /* the latest time told */
    uint8_t key[PROA_SIPHASH_KEY_LEN];
    uint8_t szx; /* of config.block_size */
    uint8_t instant_first;
    uint8_t instant_count;
    bool has_event;
    proa_pool peers, messages, received, requests, exchanges, relations, bodies;
    proa_map peer_map, received_map, request_map, relation_map, body_map;
    proa_heap message_heap, exchange_heap, body_heap;
    proa__cells message_cells;     /* requests, notifications, separate responses */
    proa__cells reply_cells;       /* replies remembered */
    proa__link idle_peers;         /* longest idle first */
    proa__link aging[PROA__HARMS]; /* received, oldest first */
    proa__link replies_out, messages_out;
    proa__link ended, delivered;
    proa_coap_event event;
    proa__body *event_body;
    uint8_t *out;     /* message_max bytes: what output gave */
    uint8_t *scratch; /* message_max bytes: for the length of one call */
    proa__instant instants[PROA__INSTANT_MAX];
    proa_coap_stats stats;
};

static inline uint32_t proa__seconds(uint64_t now_ms)
{
    return (uint32_t)(now_ms / 1000);
}

/* ---- peers.c ---------------------------------------------------------------------------- */

/* NULL if nobody of that name is known. */
proa__peer *proa__peer_find(proa_coap *c, const proa_coap_peer *name);

/* Known or new; NULL if there is no place. Updates the address of a session. Without a reference
 * of its own a peer may be reused by the next take. */
proa__peer *proa__peer_take(proa_coap *c, const proa_coap_peer *name);
void proa__peer_ref(proa__peer *peer);
void proa__peer_unref(proa_coap *c, proa__peer *peer);

/* Put a thing under its peer, or take it away. */
void proa__thing_attach(proa__thing *thing, proa__peer *peer, proa_handle handle, proa__kind kind);
void proa__thing_detach(proa_coap *c, proa__thing *thing);

/* From its peer's list to the list of what ended: poll will tell and give it back. */
void proa__thing_end(proa_coap *c, proa__thing *thing);

/* ---- engine.c --------------------------------------------------------------------------- */

/* Make room in a heap for as many timers as the pool has things. */
bool proa__heap_room(proa_coap *c, proa_heap *heap, const proa_pool *pool);

/* Queue a small reply without a record. */
void proa__instant_empty(proa_coap *c, const proa_coap_peer *to, proa_coap_type type, uint16_t mid);
void proa__instant_code(proa_coap *c, const proa_coap_peer *to, const proa_coap_msg *request,
                        uint8_t code);
uint32_t proa__hash(const proa_map *map, const proa__peer *peer, const void *key, size_t len);

/* The one event of the datagram just fed. */
proa_coap_event *proa__event(proa_coap *c, proa_coap_event_kind kind, const proa__peer *peer,
                             const proa_coap_msg *msg);

/* ---- options.c -------------------------------------------------------------------------- */

typedef enum proa__options_verdict {
    PROA__OPTIONS_OK = 0,
    PROA__OPTIONS_CRITICAL, /* one that must be understood is not */
    PROA__OPTIONS_PROXY     /* for a proxy, which we are not */
} proa__options_verdict;

proa__options_verdict proa__options_check(const proa_coap_msg *m);

/* ---- compose.c -------------------------------------------------------------------------- */

/* A message as a list of options and what the engine adds to it. */
#define PROA__EXTRAS_MAX 6
#define PROA__EXTRA_LEN 16

typedef struct proa__draft {
    proa_coap_type type;
    uint8_t code;
    uint16_t mid;
    proa_coap_token token;
    const proa_coap_option *options; /* these, or the encoded ones */
    size_t option_count;
    proa_span encoded;
    proa_span payload;
    uint8_t extra_count;
    struct {
        uint16_t number;
        uint8_t len;
        uint8_t value[PROA__EXTRA_LEN];
    } extras[PROA__EXTRAS_MAX]; /* ascending */
} proa__draft;

void proa__draft_add(proa__draft *draft, uint16_t number, proa_span value);
void proa__draft_add_uint(proa__draft *draft, uint16_t number, uint32_t value);

/* The message's length, or PROA_E_NO_SPACE. */
int proa__compose(const proa__draft *draft, uint8_t *buf, size_t cap);

/* What the engine puts into a response. */
typedef struct proa__shape {
    proa_coap_type type;
    uint16_t mid;
    proa_coap_token token;
    bool has_observe, has_block1, has_block2;
    uint32_t observe;
    uint32_t block1;
    proa_coap_block block2; /* the block asked for */
    proa_span echo;         /* empty: none */
} proa__shape;

/* A response or notification, cut to the block asked for (RFC 7959 §2.4).
 * *whole  out; false if more blocks follow or came before.
 * Returns the length; PROA_E_TOO_LARGE (options); PROA_E_RANGE (no such block). */
int proa__compose_response(proa_coap *c, const proa_coap_response *response,
                           const proa__shape *shape, uint8_t *buf, bool *whole);

/* ---- transmit.c ------------------------------------------------------------------------- */

/* A new message to a peer, with its reference; NULL if there is no place. It gets a Message ID when
 * it first leaves the queue of NSTART. */
proa__message *proa__message_new(proa_coap *c, proa__peer *peer, proa__thing *owner,
                                 proa_coap_type type);

/* A message holding a copy of encoded bytes; NULL if there is no place. */
proa__message *proa__message_copy(proa_coap *c, proa__peer *peer, proa__thing *owner,
                                  proa_coap_type type, proa_span bytes);
void proa__message_start(proa_coap *c, proa__message *m);
void proa__message_free(proa_coap *c, proa__message *m);

/* Start a NON message later: the Leisure of RFC 7252 §8.2. */
void proa__message_delay(proa_coap *c, proa__message *m, uint32_t delay_ms);

/* Stop retransmitting, leave NSTART to the next; the message stays, for the response. */
void proa__message_land(proa_coap *c, proa__message *m);

/* Try again as a new message: new Message ID, count from 0, at the end of the queue. */
void proa__message_again(proa_coap *c, proa__message *m);

/* The message in flight to this peer with that Message ID, or NULL. */
proa__message *proa__message_match(const proa__peer *peer, uint16_t mid);

/* Wait until then, or the deadline of the whole. */
void proa__message_wait(proa_coap *c, proa__message *m, uint64_t at_ms);
void proa__message_run(proa_coap *c, uint64_t now_ms);
bool proa__message_emit(proa_coap *c, uint64_t now_ms, proa_coap_peer *to, proa_span *datagram);
uint16_t proa__mid_next(proa__peer *peer);

/* An empty ACK or a RST came. */
void proa__on_empty_ack(proa_coap *c, const proa_coap_peer *from, const proa_coap_msg *m);
void proa__on_reset(proa_coap *c, const proa_coap_peer *from, const proa_coap_msg *m);

/* ---- dedup.c ---------------------------------------------------------------------------- */

proa__received *proa__received_find(proa_coap *c, const proa__peer *peer, uint16_t mid);

/* Remember a message; NULL if only what must not be forgotten is left. */
proa__received *proa__received_new(proa_coap *c, proa__peer *peer, const proa_coap_msg *m,
                                   proa__harm harm);

/* Forget one record so that its peer may go: what is over its time, then the oldest of a peer that
 * is gone, then as when there is no room. False if nothing may be forgotten. O(records). */
bool proa__received_yield(proa_coap *c);

/* Remember the reply, in full if there is room. If there is none (false) a repetition gets its code
 * alone, or 5.03 where that would look like success without what belongs to it. */
bool proa__received_store(proa_coap *c, proa__received *r, proa_span reply);

/* Its exchange is over: it ages from now on. */
void proa__received_close(proa_coap *c, proa__received *r);

/* Send its reply (again). */
void proa__received_owe(proa_coap *c, proa__received *r);
bool proa__received_emit(proa_coap *c, proa_coap_peer *to, proa_span *datagram);

/* ---- request.c -------------------------------------------------------------------------- */

void proa__on_response(proa_coap *c, const proa_coap_peer *from, const proa_coap_msg *m);
int proa__request_compose(proa_coap *c, const proa__request *q, const proa__message *m,
                          uint8_t *buf);

/* Its one failure. */
void proa__request_fail(proa_coap *c, proa__request *q, proa_coap_failure why);
void proa__request_free(proa_coap *c, proa__request *q);

/* Next round under the same deadline. False: no place, and the request has failed. */
bool proa__request_round(proa_coap *c, proa__request *q);
void proa__request_move(proa_coap *c, proa__request *q, proa__peer *to);

/* ---- blocks.c: blocks in the client role ------------------------------------------------- */

typedef enum proa__step {
    PROA__STEP_DELIVER = 1, /* this is the response, or its body is whole */
    PROA__STEP_ROUND,       /* another message is due */
    PROA__STEP_IGNORE,      /* not of this round */
    PROA__STEP_FAIL         /* *why says it */
} proa__step;

/* What a response means for the blocks under way. */
proa__step proa__blocks_step(proa_coap *c, proa__request *q, const proa_coap_msg *m,
                             proa_coap_failure *why);

/* Forget the blocks under way. */
void proa__blocks_reset(proa_coap *c, proa__request *q);

/* The payload is cut from its first message on; false if there is no body for it. */
bool proa__blocks_start(proa_coap *c, proa__request *q, proa_span payload, uint8_t szx);

/* ---- reply.c ---------------------------------------------------------------------------- */

void proa__on_request(proa_coap *c, const proa_coap_peer *from, const proa_coap_msg *m,
                      bool multicast);
void proa__exchange_free(proa_coap *c, proa__exchange *x);
void proa__exchange_run(proa_coap *c, uint64_t now_ms);

/* Send a composed reply to a request: as ACK (remembered) or NON. */
bool proa__reply(proa_coap *c, proa__received *r, bool non, proa_span bytes);

/* ---- assemble.c: blocks in the server role ------------------------------------------------ */

typedef enum proa__assembly {
    PROA__ASSEMBLY_WHOLE = 1, /* *payload is the body */
    PROA__ASSEMBLY_REPLY      /* the engine answers by itself: *code */
} proa__assembly;

proa__assembly proa__assemble(proa_coap *c, proa__peer *peer, const proa_coap_msg *m,
                              proa_span block1, uint8_t *code, uint32_t *block1_reply,
                              proa_span *payload);

/* The name of a body: peer, method and the options that select it. */
uint64_t proa__request_key(const proa_coap *c, const proa__peer *peer, const proa_coap_msg *m,
                           bool with_tag);
bool proa__body_keep(proa_coap *c, proa__peer *peer, uint64_t key,
                     const proa_coap_response *response);
proa__body *proa__body_find(proa_coap *c, const proa__peer *peer, uint64_t key, proa__body_use use);
proa__body *proa__body_new(proa_coap *c, proa__body_use use);
void proa__body_free(proa_coap *c, proa__body *body);
void proa__body_run(proa_coap *c, uint64_t now_ms);

/* ---- observe.c -------------------------------------------------------------------------- */

proa__relation *proa__relation_find(proa_coap *c, const proa__peer *peer,
                                    const proa_coap_token *token);
void proa__relation_free(proa_coap *c, proa__relation *r);

/* The peer or the network ended it: free it after the event. */
void proa__relation_end(proa_coap *c, proa__relation *r);
void proa__relation_acked(proa_coap *c, proa__relation *r);
void proa__relation_move(proa_coap *c, proa__relation *r, proa__peer *to);

/* ---- echo.c ----------------------------------------------------------------------------- */

/* RFC 9175 §2.2.1: 1 to 40 bytes. Ours: 5 bytes of time, 8 of hash. */
#define PROA__ECHO_LEN 13
#define PROA__ECHO_MAX 40

void proa__echo_make(const proa_coap *c, const proa_coap_peer *peer, uint8_t out[PROA__ECHO_LEN]);

#endif
