/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_COAP_ENGINE_INTERNAL_H
#define PROA_CORE_COAP_ENGINE_INTERNAL_H

#include "core/base/heap.h"
#include "core/base/pool.h"
#include "core/base/siphash.h"
#include "core/coap/cells.h"
#include "core/coap/list.h"
#include "core/coap/sealed.h"
#include "proa/assert.h"
#include "proa/coap_engine.h"

/* What the files of the CoAP engine share: the things it keeps and who may touch them.
 *
 *     peer       who talks to us; its next Message ID; NSTART; holds every thing of that peer. One
 *                that is known by OSCORE keys rides on another, which is the way to it: things are
 *                its own, messages and what was received belong to the way
 *     received   a message a peer sent and what was replied (deduplication)
 *     request    ours; while an observation is held it has no message and is small
 *     relation   a peer observes us
 *     exchange   a peer's request that the application has not finished
 *     body       a long payload, coming or going in blocks
 *     message    a datagram under way: waiting for NSTART, for an ACK, or for a response
 *
 * All of them are things: they live in one pool per kind, are found by one index or through their
 * peer, never by search over all, and go by one function. Deadlines stand in one heap. Nothing here
 * calls the application: what it should know stands in `event` (one message at most, because only
 * input makes one) or in the lists of ended and delivered things. */

typedef enum proa__kind {
    PROA__PEER,
    PROA__RECEIVED,
    PROA__REQUEST, /* from here to EXCHANGE: listed with their peer */
    PROA__RELATION,
    PROA__EXCHANGE, /* from here on: begins with a proa__timed */
    PROA__BODY,
    PROA__MESSAGE,
    PROA__KINDS
} proa__kind;

typedef struct proa__peer proa__peer;

/* What all kinds have in common; the first field of each. */
typedef struct proa__thing {
    struct proa__thing *next; /* in its bucket of the index */
    proa__link link;          /* in a list of its peer or of the engine, by its kind */
    proa__peer *peer;         /* counted there; itself for a peer, NULL for a body of a request */
    proa_coap_token token;    /* or another name of the thing */
    uint8_t kind;
    uint16_t mid;
} proa__thing;

/* What has a deadline. */
typedef struct proa__timed {
    proa__thing thing;
    proa_timer timer;
} proa__timed;

struct proa__peer {
    proa__thing thing; /* link: in proa_coap.lists[IDLE] while refs is 0 */
    proa_coap_peer name;
    proa__peer *way; /* itself, unless it is known by OSCORE keys; then NULL if there is none */
    proa__link ride; /* in way->riders */
    proa__link riders;
    uint32_t hash;         /* of the name */
    proa__link things;     /* requests, relations, exchanges, listed bodies of this peer */
    proa__link messages;   /* CON messages; the first in_flight of them are in flight (NSTART) */
    uint32_t idle_since_s; /* engine seconds, rounded up */
    uint32_t refs;         /* things that point here */
    int32_t credit;        /* of one that is doubted: bytes that may still go there */
    uint16_t next_mid;
    uint16_t ping_mid;
    uint8_t in_flight;
    bool is_doubted; /* who rides on it may be elsewhere (reach.c) */
    bool is_pinged;
    bool heard; /* its way is where it was heard last, and not where somebody says it is */
    bool dead;  /* gone: no longer found; given back with its last reference */
};

typedef struct proa__message {
    proa__timed timed;    /* link, CON: in peer->messages until ACKed; mid: its own */
    proa__link out;       /* in proa_coap.lists[OUT] */
    uint64_t deadline_ms; /* of the whole request; PROA_NEVER */
    proa__thing *owner;   /* request, exchange or relation to be told; NULL: nobody */
    uint32_t timeout_ms;  /* of the current transmission */
    proa__chain bytes;    /* encoded; 0 for a request, which is composed anew */
    proa__chain newer;    /* the notification that supersedes `bytes`, RFC 7641 §4.5.2 */
    uint16_t bytes_len;
    uint16_t newer_len;
    uint8_t type;
    uint8_t transmissions;
    bool flying;  /* counted in peer->in_flight */
    bool is_last; /* a sealed relation's last word: no RST takes it back */
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
    proa__thing thing; /* link: in proa_coap.lists[AGING + harm] once its exchange is over */
    struct proa__received *next_owed;
    uint32_t since_s;  /* engine seconds, rounded up: never forgotten too early */
    proa__chain reply; /* 0 and STORED: header, Token and code say it all */
    uint16_t reply_len;
    uint8_t code; /* of the reply */
    uint8_t state : 2;
    uint8_t harm : 2;
    bool owed : 1; /* in the queue of replies to be sent */
} proa__received;

/* Bodies of peers stand under a name with their peer; those of our requests belong to these, and
 * the one that the current event borrows, to the engine. */
typedef enum proa__body_use {
    PROA__BODY_ASSEMBLY = 1, /* a peer's request, coming in by Block1 */
    PROA__BODY_KEPT,         /* our response to an unsafe request, going out by Block2 */
    PROA__BODY_OUTER /* a sealed message that a proxy has cut: nobody's, until it is opened */
} proa__body_use;

typedef struct proa__body {
    proa__timed timed; /* token: its name */
    proa__link outer;  /* OUTER: in proa_coap.lists[OUTER] */
    uint32_t len;
    uint16_t format; /* KEPT: Content-Format, PROA_FORMAT_NONE: none */
    uint8_t code;    /* KEPT; OUTER: szx */
    uint8_t etag_len;
    uint8_t etag[8];        /* of what comes in by Block2 */
    proa_coap_binding rest; /* OSCORE: of the request for the next part of a notification */
    uint8_t bytes[];        /* body_max */
} proa__body;

typedef enum proa__phase {
    PROA__PHASE_PLAIN = 0,
    PROA__PHASE_BLOCK1, /* sending the body */
    PROA__PHASE_BLOCK2  /* fetching the rest of the response */
} proa__phase;

typedef struct proa__request {
    proa__thing thing; /* token: the last bit of its first byte is 0, but 1 in messages that fetch a
                          notification's rest; mid: of the newest message */
    uint64_t user;
    proa__message *message; /* the round under way; NULL only while an observation is held */
    proa__body *body;
    proa__chain stored; /* options as encoded, the payload unless it is in `body`, Echo's value */
    uint16_t options_len;
    uint16_t payload_len;
    uint32_t offset; /* bytes of the body that are done */
    union {
        struct {
            uint32_t seq;   /* Observe of the newest notification */
            uint32_t seq_s; /* when it came, engine seconds */
        } plain;
        proa_coap_binding sealed; /* OSCORE: of the request, and the order of its notifications;
                                     `rest` in the body if that is being fetched */
    } order;
    uint8_t echo_len;
    uint8_t echoes; /* brought back so far */
    uint8_t code;
    uint8_t szx;
    uint8_t phase;
    uint8_t restarts;
    uint8_t failure;
    bool non;
    bool observe;      /* asked for */
    bool observing;    /* accepted by the peer */
    bool answered;     /* its RESPONSE event was given */
    bool cancelling;   /* forgotten by the application; only saying goodbye */
    bool repeatable;   /* may be done twice, as its application says */
    bool asks_outside; /* OSCORE: this round fetches more of a response that a proxy has cut, under
                          the number that was begun */
} proa__request;

typedef struct proa__exchange {
    proa__timed timed; /* the empty ACK, then the end; token: of the body a long response is kept
                          in */
    proa__received *received;
    proa__message *message;    /* the separate CON response */
    proa_coap_binding binding; /* OSCORE */
    proa_coap_id relation;     /* held under this Token */
    uint32_t block2;           /* as asked for, or PROA__NONE */
    uint32_t block1;           /* of the response, or PROA__NONE */
    uint32_t outer_block1;     /* OSCORE: of its outside */
    uint8_t no_response;       /* RFC 7967 §2.1 */
    bool non;
    bool multicast;
    bool acked;    /* the empty ACK was given: the response will be separate */
    bool keep;     /* a long response must be kept for its later blocks */
    bool observe;  /* asks for an observation */
    bool accepted; /* and gets it */
} proa__exchange;

typedef struct proa__relation {
    proa__thing thing;    /* mid: of the newest NON */
    proa__link delivered; /* in proa_coap.lists[DELIVERED] */
    uint64_t user;
    proa__message *message;    /* the CON under way */
    proa_coap_binding binding; /* OSCORE */
    uint32_t seq;
    uint32_t con_s; /* when the peer last proved its interest, engine seconds */
    bool has_mid;
    bool doubt; /* somebody says that nobody observes: the next one asks for an ACK */
    bool ended;
    uint8_t szx; /* blocks no larger than the peer asked for */
} proa__relation;

/* Small replies that leave no trace: RST, ACK, 4.02, 5.03. A few wait until output is called;
 * one more drops the oldest, as the network might have. */
#define PROA__INSTANT_MAX 4U /* a power of two */

typedef struct proa__instant {
    proa_coap_peer to;
    proa_coap_token token;
    uint8_t type;
    uint8_t code;
    uint16_t mid;
    uint32_t max_age; /* PROA__NONE: absent */
} proa__instant;

/* The lists of the engine. */
typedef enum proa__list {
    PROA__OUT,       /* messages to be sent */
    PROA__ENDED,     /* requests and relations whose end is to be told */
    PROA__DELIVERED, /* relations whose notification was acknowledged */
    PROA__OUTER,     /* bodies of sealed messages that a proxy has cut, oldest first */
    PROA__IDLE,      /* peers without references, longest idle first */
    PROA__AGING,     /* received, oldest first: a list for each proa__harm */
    PROA__LISTS = PROA__AGING + PROA__HARMS
} proa__list;

/* proa_coap_stats, each as wide as the machine. */
typedef struct proa__counts {
    size_t received, sent, retransmitted, duplicates, malformed, resets_sent, resets_received;
    size_t refused_full, unmatched, unprotected;
} proa__counts;

struct proa_coap {
    uint64_t now_ms; /* the latest time told */
    uint8_t szx;     /* of config.block_size */
    bool has_event;
    uint8_t instant_first, instant_end; /* counted on and on */
    uint16_t datagram_max;              /* config.message_max and what sealing adds */
    uint8_t *out;                       /* datagram_max bytes: what output gave */
    uint8_t *scratch;                   /* message_max bytes: for the length of one call */
    uint16_t inner_len;                 /* bytes of it that were opened */
    uint8_t *inner;                     /* OSCORE: PROA_DATAGRAM_MAX bytes: what was opened or is
                                           to be sealed */
    proa__body *event_body;
    proa__counts counts;
    proa__link lists[PROA__LISTS];
    proa__received *owed, **owed_end; /* whose reply is to be sent, first and behind the last */
    proa_heap timers;
    uint32_t seed;             /* of the index */
    proa__thing **buckets;     /* the index */
    uint32_t bucket_count;     /* a power of two */
    uint32_t indexed;          /* things in it */
    uint32_t outer_count;      /* of lists[OUTER] */
    proa_coap_config config;   /* zeros replaced by defaults */
    proa__cells message_cells; /* requests, notifications, separate responses */
    proa__cells reply_cells;   /* replies remembered */
    proa_pool pools[PROA__KINDS];
    proa_coap_event event;
    proa__instant instants[PROA__INSTANT_MAX];
    uint8_t echo_key[PROA_SIPHASH_KEY_LEN];
    uint32_t etag_keys[2];
};

/* Engine seconds now; and when they have passed what is not over yet. */
uint32_t proa__now_s(const proa_coap *c);
uint32_t proa__next_s(const proa_coap *c);

/* ---- options.c -------------------------------------------------------------------------- */

/* The options that are the engine's business, read from a message or to be put into one. */
typedef struct proa__fields {
    uint32_t observe, content_format, max_age, block2, block1, size2, size1,
        no_response;                           /* PROA__NONE: absent */
    proa_span etag, oscore, echo, request_tag; /* data NULL: absent */
} proa__fields;

#define PROA__NONE UINT32_MAX

/* An option that is understood; those of fields say where they stand in them. */
typedef struct proa__known {
    uint16_t number;
    uint8_t len_min;
    uint8_t len_max;
    uint8_t field; /* offset in proa__fields, or PROA__NO_FIELD */
    bool repeatable;
} proa__known;

#define PROA__NO_FIELD 0xffU
#define PROA__KNOWN_COUNT 19

extern const proa__known proa__known_options[PROA__KNOWN_COUNT]; /* ascending */

typedef enum proa__options_verdict {
    PROA__OPTIONS_OK = 0,
    PROA__OPTIONS_CRITICAL, /* one that must be understood is not */
    PROA__OPTIONS_PROXY     /* for a proxy, which we are not */
} proa__options_verdict;

/* A message that came. */
typedef struct proa__heard {
    proa_span bytes;
    proa_coap_msg msg;
    proa__fields fields;
    proa__options_verdict verdict;
    uint32_t outer_block; /* of what was opened and had been cut by a proxy; else PROA__NONE */
} proa__heard;

void proa__fields_clear(proa__fields *fields);

/* Reads fields and verdict of h->msg. */
void proa__options_read(proa__heard *h);

/* Values of Block options (RFC 7959 §2.2): number << 4 | more << 3 | szx. */
static inline uint32_t proa__block_szx(uint32_t block)
{
    return block & 7U;
}

static inline bool proa__block_more(uint32_t block)
{
    return (block & 8U) != 0;
}

static inline uint32_t proa__block_len(uint32_t szx)
{
    return 16U << szx;
}

static inline uint32_t proa__block_offset(uint32_t block)
{
    return (block >> 4) << (proa__block_szx(block) + 4);
}

static inline uint32_t proa__block_at(uint32_t offset, bool more, uint32_t szx)
{
    return offset >> (szx + 4) << 4 | (more ? 8U : 0U) | szx;
}

/* One of several. */
static inline bool proa__block_is_part(uint32_t block)
{
    return block != PROA__NONE && block >> 3 != 0;
}

static inline bool proa__block_is_bad(uint32_t block)
{
    return proa__block_szx(block) == 7U;
}

static inline uint32_t proa__least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* ---- things.c --------------------------------------------------------------------------- */

/* A zeroed thing, counted by and, as its kind wants, listed with a peer (NULL: none); NULL if there
 * is no place. */
void *proa__thing_new(proa_coap *c, proa__kind kind, proa__peer *peer);

/* From wherever it stands (index, list, heap) back to its pool. */
void proa__thing_free(proa_coap *c, proa__thing *thing);

/* Its handle: what the application knows it by. */
proa_handle proa__id(const proa_coap *c, const proa__thing *thing);

/* The thing an id names, or NULL. */
void *proa__get(const proa_coap *c, proa__kind kind, proa_coap_id id);

/* To another peer, with the message that is under way for it (NULL: none), which starts anew. */
void proa__thing_move(proa_coap *c, proa__thing *thing, proa__message *m, proa__peer *to);

/* From its peer's list to the list of what ended: poll will tell and give it back. */
void proa__thing_end(proa_coap *c, proa__thing *thing);

/* Can be found from now on, or no more (no effect if it could not). Names must not change between. */
void proa__index_add(proa_coap *c, proa__thing *thing);
void proa__index_remove(proa_coap *c, proa__thing *thing);

/* The things whose name has that hash, and others: follow `next`. */
proa__thing *proa__index_at(const proa_coap *c, uint32_t hash);

/* A peer's thing by its token, or for token NULL by its Message ID; NULL if there is none. */
void *proa__find(const proa_coap *c, proa__kind kind, const proa__peer *peer,
                 const proa_coap_token *token, uint16_t mid);

/* ---- peers.c ---------------------------------------------------------------------------- */

/* NULL if nobody of that name is known. */
proa__peer *proa__peer_find(proa_coap *c, const proa_coap_peer *name);

/* Known or new; NULL if there is no place. Updates the address of a session. Without a reference
 * of its own a peer may be reused by the next take. One with an account rides on the way where it was
 * heard, else on the one named. */
proa__peer *proa__peer_take(proa_coap *c, const proa_coap_peer *name);

/* The same for the sender of an authentic request that came by `way`, on which it rides if it was
 * its newest or there is no other, and if this account may be carried by it. */
proa__peer *proa__peer_of_account(proa_coap *c, uint64_t account, proa__peer *way, bool newest);

/* Before a peer goes: off the way it rides on. */
void proa__peer_dismount(proa_coap *c, proa__peer *peer);

/* True if what is said to and by this peer is sealed. */
static inline bool proa__is_sealed(const proa__peer *peer)
{
    return peer->name.account != 0;
}
void proa__peer_ref(proa__peer *peer);
void proa__peer_unref(proa_coap *c, proa__peer *peer);

/* ---- reach.c ---------------------------------------------------------------------------- */

/* Somebody rides on it from now on that a request came by, which anybody may have sent on. */
void proa__way_doubt(proa__peer *way);

/* So many authentic bytes came by it, or copies of such. */
void proa__way_heard(proa__peer *way, size_t len);

/* So many bytes more may go, and go. */
bool proa__way_affords(const proa__peer *way, size_t len);
void proa__way_spend(proa__peer *way, size_t len);

/* The Message ID of the ping that goes in place of what cannot be afforded. */
uint16_t proa__way_ping(proa__peer *way);

/* Somebody is there. What had to wait goes on. */
void proa__way_prove(proa_coap *c, proa__peer *way);

/* True if this RST is the answer to the ping. */
bool proa__way_answers(proa_coap *c, proa__peer *way, uint16_t mid);

/* ---- engine.c --------------------------------------------------------------------------- */

/* Queue a small reply to a message, without a record: RST or ACK if it is empty, else as the type
 * of a request wants it. */
proa__instant *proa__instant_add(proa_coap *c, const proa_coap_peer *to, const proa_coap_msg *m,
                                 proa_coap_type type, uint8_t code);

/* The one event of the datagram just fed, about that thing. */
proa_coap_event *proa__event(proa_coap *c, proa_coap_event_kind kind, const proa__thing *thing,
                             const proa_coap_msg *msg);

/* ---- compose.c -------------------------------------------------------------------------- */

/* A message as a list of options and what the engine adds to it. */
typedef struct proa__draft {
    proa_coap_type type;
    uint8_t code;
    uint16_t mid;
    const proa_coap_token *token;    /* NULL: none */
    const proa_coap_option *options; /* these, or the encoded ones */
    size_t option_count;
    proa_span encoded;
    proa__fields fields;
    proa_span payload;
} proa__draft;

void proa__draft_init(proa__draft *draft, proa_coap_type type, uint8_t code, uint16_t mid,
                      const proa_coap_token *token);

/* Into buf of message_max bytes. The message's length, or PROA_E_NO_SPACE. */
int proa__compose(const proa_coap *c, const proa__draft *draft, uint8_t *buf);

/* A response or notification, cut to the block asked for in draft->fields.block2 (RFC 7959 §2.4).
 * *whole  out; false if more blocks follow or came before.
 * Returns the length; PROA_E_TOO_LARGE (options); PROA_E_RANGE (no such block). */
int proa__compose_response(const proa_coap *c, proa__draft *draft,
                           const proa_coap_response *response, uint8_t *buf, bool *whole);

/* ---- transmit.c ------------------------------------------------------------------------- */

/* A new message to a peer; NULL if there is no place. It gets a Message ID when it first leaves the
 * queue of NSTART. */
proa__message *proa__message_new(proa_coap *c, proa__peer *peer, proa__thing *owner,
                                 proa_coap_type type);

/* A message holding a copy of encoded bytes; NULL if there is no place. */
proa__message *proa__message_copy(proa_coap *c, proa__peer *peer, proa__thing *owner,
                                  proa_coap_type type, proa_span bytes);
void proa__message_start(proa_coap *c, proa__message *m);

/* And *at is NULL then; no effect if it was. */
void proa__message_free(proa_coap *c, proa__message **at);

/* Start a NON message later: the Leisure of RFC 7252 §8.2. */
void proa__message_delay(proa_coap *c, proa__message *m, uint32_t delay_ms);

/* The peer does not answer, or says that it will not: its owner's end. */
void proa__message_give_up(proa_coap *c, proa__message *m, proa_coap_failure why);

/* To another way, as a new message. */
void proa__message_divert(proa_coap *c, proa__message *m, proa__peer *way);

/* To another way, as a copy of what was sent already: the same Message ID, if NSTART lets it go at once,
 * and for OSCORE the same number, so that who has done it does not do it again. */
void proa__message_follow(proa_coap *c, proa__message *m, proa__peer *way);

/* Stop retransmitting, leave NSTART to the next; the message stays, for the response. */
void proa__message_land(proa_coap *c, proa__message *m);

/* Try again as a new message: new Message ID, count from 0, at the end of the queue. */
void proa__message_again(proa_coap *c, proa__message *m);

/* Those in flight to this peer leave once more, now. */
void proa__messages_resume(proa_coap *c, proa__peer *peer);

/* The message in flight to this peer with that Message ID, or NULL. */
proa__message *proa__message_match(const proa__peer *peer, uint16_t mid);
void proa__message_due(proa_coap *c, proa__message *m);
bool proa__message_emit(proa_coap *c, proa_coap_peer *to, proa_span *datagram);

/* An empty ACK or a RST came. */
void proa__on_empty_ack(proa_coap *c, const proa_coap_peer *from, const proa_coap_msg *m);
void proa__on_reset(proa_coap *c, const proa_coap_peer *from, const proa_coap_msg *m);

/* ---- dedup.c ---------------------------------------------------------------------------- */

proa__received *proa__received_find(proa_coap *c, const proa__peer *peer, const proa_coap_msg *m);

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

/* A repetition came: the same reply again, or none while there is none (RFC 7252 §4.2). */
void proa__received_again(proa_coap *c, proa__received *r, proa_coap_type type);
bool proa__received_emit(proa_coap *c, proa_coap_peer *to, proa_span *datagram);

/* ---- request.c -------------------------------------------------------------------------- */

void proa__on_response(proa_coap *c, const proa_coap_peer *from, const proa__heard *h);

/* What a response, opened if it was sealed, means for the request that it answers. */
void proa__response_to(proa_coap *c, proa__peer *way, proa__request *q, const proa__heard *h);

/* True while the rest of a notification is fetched. */
bool proa__request_fetches_rest(const proa__request *q);

/* True for a message of the fetching of a notification's rest, by its Token. */
bool proa__is_of_rest(const proa__heard *h);

/* Neither safe nor idempotent: RFC 7252 §5.1, RFC 8132 §2 and §3. */
bool proa__request_is_unsafe(const proa__request *q);
int proa__request_compose(proa_coap *c, const proa__request *q, const proa__message *m,
                          uint8_t *buf);

/* Options, payload and Echo as stored, into scratch. */
void proa__request_load(proa_coap *c, const proa__request *q);

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
    PROA__STEP_FULL,        /* the request fails, because of that */
    PROA__STEP_TOO_LARGE,
    PROA__STEP_PROTOCOL
} proa__step;

/* proa_coap_request_blocks, unless the program leaves it out (parts.c). */
struct proa_coap_blocks {
    /* What a response means for the blocks under way. */
    proa__step (*step)(proa_coap *c, proa__request *q, const proa__heard *h);
    /* The payload is cut from its first message on; false if there is no body for it. */
    bool (*start)(proa_coap *c, proa__request *q, proa_span payload, uint32_t szx);
    /* What a message of a phase other than PLAIN says about blocks. */
    void (*compose)(const proa__request *q, proa__draft *draft);
};

extern const proa_coap_blocks proa__request_blocks;

/* Forget the blocks under way. */
void proa__blocks_reset(proa_coap *c, proa__request *q);

/* ---- reply.c ---------------------------------------------------------------------------- */

void proa__on_request(proa_coap *c, const proa_coap_peer *from, const proa__heard *h,
                      bool multicast);

/* A request that `peer` sent by `way`, where no copy of it came before.
 * binding  OSCORE: of the request; NULL: it was not sealed, or (and then the options of h are its
 *          cover's) cannot be opened. */
void proa__serve_new(proa_coap *c, proa__peer *peer, proa__peer *way, const proa__heard *h,
                     const proa_coap_binding *binding, bool multicast);

/* Answer a request without a record. */
proa__instant *proa__refuse(proa_coap *c, const proa_coap_peer *from, const proa__heard *h,
                            uint8_t code);
void proa__exchange_free(proa_coap *c, proa__exchange *x);
void proa__exchange_due(proa_coap *c, proa__exchange *x);

/* ---- sealed.c: OSCORE --------------------------------------------------------------------- */

struct proa_coap_sealed {
    void (*request)(proa_coap *c, const proa_coap_peer *from, const proa__heard *h, bool multicast);
    void (*response)(proa_coap *c, proa__peer *way, proa__request *q, const proa__heard *h);

    /* A request of ours, sealed, into out; its length, or <= 0 if it cannot be sent. */
    int (*compose)(proa_coap *c, proa__request *q, const proa__message *m);

    /* A response or notification: `bytes` in scratch, the result in out; empty if it cannot be
     * sent. */
    proa_span (*reply)(proa_coap *c, proa_coap_binding *binding, bool notification,
                       proa_span bytes);
};

/* An answer that leaves no trace, as bytes. Without room it is lost: the peer asks again. */
void proa__send_back(proa_coap *c, proa__peer *way, const proa__heard *h, proa_span answer);

/* ---- outer.c: sealed messages that a proxy has cut ---------------------------------------- */

struct proa_coap_outer {
    /* A part of a request came. The body if it was the last one, and then *whole is the message in
     * it; NULL: it was answered. The body is the caller's to free. */
    proa__body *(*request)(proa_coap *c, proa__peer *way, const proa__heard *h, proa_span *whole);

    /* The sealed response, in out, to what came in parts. */
    proa_span (*reply)(proa_coap *c, proa_span bytes, uint32_t block1);

    /* A part of the response to a round of q came. NULL: it is asked for the next, or means nothing. */
    proa__body *(*response)(proa_coap *c, proa__peer *way, proa__request *q, const proa__heard *h,
                            proa_span *whole);

    /* Whether the round under way asks for such a part; then the request sealed in out becomes that. */
    bool (*goes_on)(proa_coap *c, const proa__request *q);
    size_t (*ask)(proa_coap *c, const proa__request *q, size_t len);
};

/* `bytes` as they are, or sealed for a peer whose messages are. */
proa_span proa__sealed_reply(proa_coap *c, const proa__peer *peer, proa_coap_binding *binding,
                             bool notification, proa_span bytes);

/* ---- assemble.c: blocks in the server role ------------------------------------------------ */

/* Adds a block of a peer's request. 0 if the body is whole, and then *payload is it; else the code
 * with which the engine answers by itself. *reply is the Block1 of the response, whichever. */
uint8_t proa__assemble(proa_coap *c, proa__peer *peer, const proa__heard *h, uint32_t *reply,
                       proa_span *payload);

/* The name of a body (ASSEMBLY, KEPT): method and the options that select it. */
proa_coap_token proa__body_name(const proa_coap *c, const proa_coap_msg *m, proa__body_use use);

/* A new body; NULL if there is no place. What is nobody's gives up its place, the oldest first. */
proa__body *proa__body_new(proa_coap *c, proa__peer *peer);
bool proa__body_displace(proa_coap *c);

/* A body of this peer under this name, empty; one that is there is begun anew. */
proa__body *proa__body_begin(proa_coap *c, proa__peer *peer, const proa_coap_token *name);

/* No longer found, and without a deadline: who has it gives it back. */
void proa__body_hide(proa_coap *c, proa__body *body);
bool proa__body_keep(proa_coap *c, proa__peer *peer, const proa_coap_token *name,
                     const proa_coap_response *response);

/* And *at is NULL then; no effect if it was. */
void proa__body_free(proa_coap *c, proa__body **at);

/* ---- observe.c -------------------------------------------------------------------------- */

void proa__relation_free(proa_coap *c, proa__relation *r);

/* The peer or the network ended it: free it after the event. */
void proa__relation_end(proa_coap *c, proa__relation *r);

/* Its peer's account is over: a last 4.01, and the end. */
void proa__relation_dismiss(proa_coap *c, proa__relation *r);
void proa__relation_acked(proa_coap *c, proa__relation *r);
void proa__relation_move(proa_coap *c, proa__relation *r, proa__peer *to);

/* RFC 9175 §2.2.1: an Echo value has at most 40 bytes. */
#define PROA__ECHO_MAX 40

#endif
