/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_C2C_INTERNAL_H
#define PROA_CORE_C2C_INTERNAL_H

#include "core/c2c/ac_body.h"
#include "core/c2c/hint.h"
#include "core/c2c/rows.h"
#include "core/client/extension.h"
#include "proa/c2c.h"

/* What the files of C2C share. docs/C2C.md says what the words mean.
 *
 *   key     an instance of object 11000: how a peer proves itself. Its number with a generation is
 *           the account that sessions are bound to.
 *   peer    an instance of object 11001: who that is, for how long.
 *   access  an instance of object 11002: what peers may do to one path.
 *   context an instance of object 21: OSCORE keys. A key that links to it is proved by them.
 *
 * A key and a peer with the same Short Client ID make an account; a second key with the same id is
 * a key on its way in. Object functions run while the client is at work and know no time, so they
 * only change and store these tables, which takes effect at once: every decision looks here. What
 * needs the time or touches sessions is left to proa__c2c_run, by `dirty`. */

/* When that never comes. What must not be a millisecond too late, or lasts no longer than a
 * question, is in milliseconds; housekeeping is in whole seconds. */
#define PROA__NEVER UINT64_MAX
#define PROA__NEVER_S UINT32_MAX

/* Two sessions of one pair that both came up within this time were opened by both ends at once;
 * later, the second one means that the first is dead. 15 s is a handshake with four losses. */
#define PROA__TIE_MS 15000U

/* The session that lost stays so long: answers under way arrive, and the other end may still have
 * to hear that the winner is there. */
#define PROA__LINGER_MS 5000U

/* Numbers of a kind that are stored: from the instance to this one. */
#define PROA__WORDS(row, last) \
    ((offsetof(row, last) - offsetof(proa__row, instance)) / sizeof(uint32_t) + 1)

enum { PROA__KEY_URI = 0, PROA__KEY_IDENTITY = 1, PROA__KEY_SECRET = 2 };

/* No link: the key is a PSK. */
#define PROA__NO_LINK UINT32_MAX

typedef struct proa__key {
    proa__row row;
    uint32_t generation; /* new with every new identity, secret or short id */
    uint32_t short_id;
    uint32_t mode;
    uint32_t oscore;
    bool drop;  /* its sessions belong to what it was before: end them */
    bool moved; /* the peer is said to be elsewhere: a handshake under way is in vain */
    bool came;  /* it is new */
    /* From here on the run's own. */
    uint32_t session;    /* the one that requests go to; 0 = none */
    uint32_t opening;    /* a handshake of ours under way; 0 = none */
    uint32_t linger;     /* the loser of a tie; 0 = none */
    uint64_t session_ms; /* when it came */
    uint64_t linger_ms;  /* when it ends */
    uint32_t first_id;   /* our connection id in its first session, still ahead; 0 = none */
    bool first_server;   /* and our role there */
    uint8_t first_found; /* records that came for it and may have been forged */
    bool is_server;      /* we were the DTLS server of `session` */
    bool suspect;        /* `session` does not answer */
} proa__key;

/* Requester: a path that the server was asked for, on one peer. */
typedef struct proa__asked {
    uint32_t at_s; /* of the last /ac; 0 = none since boot */
    uint16_t object;
    uint16_t instance;
    uint8_t rights;  /* what the server was asked for then */
    uint8_t granted; /* what it granted, or the host let us do */
} proa__asked;

enum { PROA__PEER_BINDING = 0, PROA__PEER_ENDPOINT = 1 };

typedef struct proa__peer {
    proa__row row;
    uint32_t short_id;
    uint32_t lifetime_s; /* as written; 0 = without end */
    uint32_t left_s;     /* what to start with, see lifetime_new; as stored */
    uint32_t pmin_s;
    uint32_t pmax_s;
    uint32_t disable_s;
    uint32_t storing;
    uint32_t uses;
    uint32_t used;
    uint64_t expires_ms; /* PROA__NEVER = without end */
    bool lifetime_new;   /* left_s starts to count at the next proa__c2c_run */
    /* From here on the run's own. */
    bool announced;       /* PEER_ADDED was told */
    bool disable;         /* executed: starts at the next proa__c2c_run */
    uint32_t store_s;     /* when the remaining lifetime is stored next */
    uint32_t unused_s;    /* not used until then: goes */
    uint32_t last_use_s;  /* 0 = not since boot */
    uint32_t renew_s;     /* requester: not renewed before */
    uint64_t disabled_ms; /* not served until then */
} proa__peer;

enum {
    PROA__CONTEXT_SECRET = 0,
    PROA__CONTEXT_SENDER_ID = 1,
    PROA__CONTEXT_RECIPIENT_ID = 2,
    PROA__CONTEXT_SALT = 3,
    PROA__CONTEXT_ID = 4
};

typedef struct proa__context {
    proa__row row;
    uint32_t aead;
    uint32_t hmac;
    /* From here on the run's own. */
    proa_account account; /* that it is linked to; 0 = none yet */
    uint32_t unused_s;    /* not linked until then: goes */
} proa__context;

typedef struct proa__access {
    proa__row row;            /* its text is the list: Short Client ID (0 = peers without an element
                               * of their own) and rights */
    uint32_t object;          /* of the path it speaks about */
    uint32_t object_instance; /* PROA_ID_ALL = all */
    bool stale;               /* what is stored still names a peer that went */
} proa__access;

/* The one transaction that can be open. */
#define PROA__DRAFT_TEXTS_MAX (PROA_URI_MAX - 1 + PROA_PSK_IDENTITY_MAX + PROA_PSK_KEY_MAX)
_Static_assert(PROA__DRAFT_TEXTS_MAX >= PROA__ELEMENT_LEN * (PROA_C2C_PEERS_MAX + 1),
               "a list fits a draft");

typedef struct proa__draft {
    const proa__table *table; /* NULL: no transaction is open */
    proa__row *before;        /* whose place it is to take; NULL = it is being made */
    union {
        proa__row row;
        proa__key key;
        proa__peer peer;
        proa__access access;
        proa__context context;
    } of;
    uint8_t texts[PROA__DRAFT_TEXTS_MAX];
} proa__draft;

enum {
    PROA__KEYS = 0,
    PROA__PEERS = 1,
    PROA__ACCESSES = 2,
    PROA__CONTEXTS = 3,
    PROA__OBJECTS = 4,
    PROA__ASKS = 4,
    PROA__TABLES = 5
};

/* What a program without OSCORE does not link: context_object.c fills this table. */
struct proa_c2c_contexts {
    const proa__kind *kind; /* of object 21 */
    /* Put the context that a key links to under its account. PROA_E_NOT_FOUND (no such instance, or
     * it is another key's), or what OSCORE says. */
    proa_err (*link)(proa_c2c *c, const proa__key *key, bool fresh);
    /* The key came to nothing after all: its context is nobody's again. */
    void (*release)(proa_c2c *c, const proa__key *key);
    /* The key is gone: so is its context. */
    void (*unlink)(proa_c2c *c, const proa__key *key);
    /* All is loaded: a context without a key may have been used, by one that went. So it goes. */
    void (*sweep)(proa_c2c *c);
    void (*run)(proa_c2c *c);
};

/* What a program that takes accounts piece by piece only does not link: compact.c. */
struct proa_c2c_compact {
    /* As proa_client_extension.create_account. */
    proa_err (*create)(void *ctx, const proa_actor *who, proa_span document, proa_writer *w,
                       uint16_t *instance, bool *later);
};

/* What a program that only serves peers does not link: ask.c fills this table. */
typedef struct proa__requester {
    const proa__kind *kind; /* of the table of questions */
    void (*coap_event)(proa_c2c *c, const proa_coap_event *event);
    /* This server has made an account: true if a question goes on with it, and the answer to the
     * server had better wait. */
    bool (*account_came)(proa_c2c *c, uint16_t server);
    /* A key came that takes over from another one of the same peer. */
    void (*key_came)(proa_c2c *c, const proa__key *key);
    void (*connected)(proa_c2c *c, proa__key *key);
    void (*connect_failed)(proa_c2c *c, proa__key *key, proa_secure_reason reason);
    /* The account of this key can no longer be used: it goes, or became another one. */
    void (*account_gone)(proa_c2c *c, const proa__key *key, proa_outcome why);
    void (*run)(proa_c2c *c);
} proa__requester;

/* An event in the inbox; its endpoint, payload and text stand behind it. */
typedef struct proa__event {
    proa_c2c_event body; /* where the spans are is known when it is polled */
    size_t len;          /* with what stands behind it: where the next one begins */
} proa__event;

/* Bytes of all questions together: one payload as long as it may be, and a name for each. */
#define PROA__ASKS_LEN(ask_max) (PROA_C2C_PAYLOAD_MAX + PROA_ENDPOINT_MAX * (size_t)(ask_max))

/* The one /ac under way; see authorize.c. */
typedef struct proa__ac {
    bool open;
    uint8_t endpoint_len;
    uint16_t server;
    proa_coap_id request;
    char endpoint[PROA_ENDPOINT_MAX];
    proa_ac_body body;
    proa_account account; /* that there was for the host; 0 = none */
    uint64_t since_ms;
    uint64_t look_ms;  /* open: when to see whether it is answered; PROA__NEVER = seen enough */
    uint64_t retry_ms; /* not before: our CoAP engine was full */
} proa__ac;

/* What is used most comes first: a short offset is a short instruction on small machines. */
struct proa_c2c {
    uint64_t now_ms;  /* the latest time told; object functions have no better one */
    uint64_t next_ms; /* run has work then */
    bool dirty;       /* proa__c2c_run has work now */
    bool rights_changed;
    bool instances_gone; /* by our own doing: object 2 and the registration have to follow */
    bool answers_later;  /* our client keeps the answer to an account's Create, until answers_ms */
    proa_client *client;
    const proa__requester *requester; /* NULL: host only */
    const proa_client_config *config;
    proa_c2c_limits limits;
    proa__table tables[PROA__TABLES];
    proa__ac ac;
    uint64_t answers_ms; /* at most; 0 = not known yet */
    uint8_t *inbox;      /* queued events, the oldest first */
    size_t inbox_len, inbox_max;
    size_t told_len; /* of the oldest, which the application has and is looking at */
    uint8_t *pool;   /* texts of all rows */
    size_t pool_len, pool_max;
    proa__asked *asked;  /* PROA_AC_ENTRIES_MAX for each peer; requester only */
    proa_c2c_id last_id; /* of a question */
    uint16_t generation; /* the newest there was */
    uint16_t finals;     /* queued OUTCOME and OBSERVE_END: their places are kept free */
    struct {
        uint32_t hints_sent, hints_suppressed, ac_sent, granted, denied, expired, unused_removed;
    } stats;
    uint8_t *block; /* the memory of tables, inbox and pool */
    size_t block_len;
    proa_hint_bucket bucket;
    proa_object objects[PROA__OBJECTS];
    proa_client_extension extension;
    proa__draft draft;
};

/* ---- c2c.c: storage, events, time --------------------------------------------------------- */

/* As proa_c2c_host_open, with a requester. */
PROA_CHECK proa_err proa__c2c_open(proa_c2c **out, proa_client *client,
                                   const proa_c2c_limits *limits, const proa__requester *requester);

/* Queue an event; its endpoint, payload and text are copied. False if it was dropped: only events
 * that are no OUTCOME and no OBSERVE_END can be. */
bool proa__c2c_post(proa_c2c *c, const proa_c2c_event *event);

/* Take back what was queued for a question that the application forgot. */
void proa__c2c_unpost(proa_c2c *c, proa_c2c_id id);

/* Hear the time; it never goes back. */
void proa__c2c_tick(proa_c2c *c, uint64_t now_ms);

/* run comes back then, if not sooner. In run, each says so that waits for a time; who sets himself a time
 * outside of it, or after that, sets `dirty`. */
void proa__c2c_wake(proa_c2c *c, uint64_t at_ms);

/* ---- accounts.c: keys and peers together ------------------------------------------------- */

/* The key whose account this is, NULL if that is over. Also one that is not live. */
proa__key *proa__c2c_key(proa_c2c *c, proa_account account);
proa_account proa__c2c_account(const proa__key *key);

/* What proves it, to be wiped by the caller. */
void proa__c2c_psk(const proa__key *key, proa_psk *out);

/* True if the key is proved by OSCORE: then there are no sessions. */
static inline bool proa__key_is_oscore(const proa__key *key)
{
    return key->oscore != PROA__NO_LINK;
}

/* The peer with a Short Client ID, NULL if there is none. */
proa__peer *proa__c2c_peer(const proa_c2c *c, uint32_t short_id);

/* The peer of a key if the account may be used now: both there, in time, not disabled. */
proa__peer *proa__c2c_live(const proa_c2c *c, const proa__key *key);

/* The newest usable key for an endpoint; NULL. */
proa__key *proa__c2c_key_of(proa_c2c *c, proa_span endpoint);

static inline proa__key *proa__key_at(const proa_c2c *c, size_t n)
{
    return (proa__key *)c->tables[PROA__KEYS].first + n;
}

static inline proa__peer *proa__peer_at(const proa_c2c *c, size_t n)
{
    return (proa__peer *)c->tables[PROA__PEERS].first + n;
}

/* What the server was asked for on this peer: PROA_AC_ENTRIES_MAX. */
static inline proa__asked *proa__asked_of(const proa_c2c *c, const proa__peer *peer)
{
    return c->asked + (peer - proa__peer_at(c, 0)) * PROA_AC_ENTRIES_MAX;
}

static inline proa__access *proa__access_at(const proa_c2c *c, size_t n)
{
    return (proa__access *)c->tables[PROA__ACCESSES].first + n;
}

/* Of the keys, peers and lists that live: the next one, or NULL; see proa__row_after. */
static inline proa__key *proa__key_after(const proa_c2c *c, const proa__key *key)
{
    return (proa__key *)proa__row_after(&c->tables[PROA__KEYS], (const proa__row *)key);
}

static inline proa__peer *proa__peer_after(const proa_c2c *c, const proa__peer *peer)
{
    return (proa__peer *)proa__row_after(&c->tables[PROA__PEERS], (const proa__row *)peer);
}

static inline proa__access *proa__access_after(const proa_c2c *c, const proa__access *access)
{
    return (proa__access *)proa__row_after(&c->tables[PROA__ACCESSES], (const proa__row *)access);
}

static inline proa_span proa__c2c_endpoint(const proa__peer *peer)
{
    return proa__row_text(&peer->row, PROA__PEER_ENDPOINT);
}

/* Seconds of lifetime left, rounded down; UINT32_MAX = without end. */
uint32_t proa__c2c_left_s(const proa__peer *peer, uint64_t now_ms);

/* An authenticated use: counts it, and lets the older accounts of the same peer go. */
void proa__c2c_used(proa_c2c *c, proa__key *key, bool request);

/* True if nobody could read or change on the way what this actor writes. */
bool proa__c2c_writer_protected(const proa_c2c *c, const proa_actor *who);

/* A generation that stands in use: the next one is newer. */
void proa__c2c_saw_generation(proa_c2c *c, uint32_t generation);

/* The share of a lifetime after which what is left is stored again: 5 %, at least a second. */
uint32_t proa__c2c_step_s(uint32_t lifetime_s);

/* Store what is left of a peer's lifetime, or at least nothing that is more. */
void proa__c2c_store_peer(proa_c2c *c, proa__peer *peer);

/* Whole seconds of the same clock: now (never 0, which is left for what has not been), in a while,
 * and back. */
uint32_t proa__c2c_now_s(const proa_c2c *c);
uint32_t proa__c2c_after_s(const proa_c2c *c, uint32_t seconds);
uint64_t proa__c2c_ms(uint32_t at_s);

/* All is loaded: a half whose other half is not there was interrupted, or lost it. So it goes. */
void proa__c2c_drop_halves(proa_c2c *c);

/* Deadlines and clean-up of accounts. */
void proa__c2c_run_accounts(proa_c2c *c);

/* ---- persist.c: what survives a reboot ---------------------------------------------------- */

/* Store `row` as the one at `place`; forget what is stored of a place. */
PROA_CHECK proa_err proa__row_store(const proa__table *t, const proa__row *place,
                                    const proa__row *row);
void proa__row_forget(const proa__table *t, const proa__row *place);
void proa__c2c_load(proa_c2c *c);

/* ---- objects.c, and the kinds of *_object.c -------------------------------------------------- */

/* A table as an object of the client. */
void proa__c2c_object(proa__table *t, proa_object *out);

/* True if each field is within its bounds. */
bool proa__row_is_complete(const proa__kind *kind, const proa__row *row);

/* Take a row away: a key with its secret, a peer with everything that hangs on its Short Client ID.
 * REVOKED means that a server deleted it; everything else is our own doing. */
void proa__c2c_remove(const proa__table *t, proa__row *row, proa_outcome why);

/* Drop the elements of a Short Client ID from all lists, also what is stored of them; lists that become
 * empty go. is_gone: there is no peer of that number, and none is stored. */
void proa__c2c_drop_rights(proa_c2c *c, uint32_t short_id, bool is_gone);

/* ---- enforce.c ------------------------------------------------------------------------------ */

/* Objects that are nobody's business but a server's. */
bool proa__c2c_closed(uint32_t object);

/* The rights of a Short Client ID on a path. */
uint8_t proa__c2c_rights(const proa_c2c *c, uint32_t short_id, const proa_path *path);
proa_access proa__c2c_access(void *ctx, proa_account account, proa_operation op,
                             const proa_path *path);
bool proa__c2c_refuse(void *ctx, uint64_t now_ms, const proa_refusal *refusal,
                      proa_coap_response *out, uint8_t *scratch, size_t cap);

/* ---- sessions.c ----------------------------------------------------------------------------- */

void proa__c2c_session_open(void *ctx, uint64_t now_ms, proa_account account, uint32_t session,
                            bool is_server);
void proa__c2c_session_closed(void *ctx, uint64_t now_ms, proa_account account, uint32_t session,
                              proa_secure_reason reason);

/* Begin a handshake with a peer, beside a session that may be there.
 * Returns PROA_OK (under way), PROA_E_NOT_FOUND (nobody knows where the peer is), PROA_E_STATE (no
 * secure box), or what the box said. */
PROA_CHECK proa_err proa__c2c_connect(proa_c2c *c, proa__key *key);

/* The extension's find_first. */
bool proa__c2c_find_first(void *ctx, uint32_t id, proa_secure_first *out);

/* The peer has another address: what is being opened is opened there. */
void proa__c2c_follow(proa_c2c *c, proa__key *key);

/* End all sessions of a key. */
void proa__c2c_drop_sessions(proa_c2c *c, proa__key *key);

/* What a key's sessions have to do at their time, and when that is. */
void proa__c2c_run_session(proa_c2c *c, proa__key *key);
uint64_t proa__c2c_next_session(const proa__key *key);

/* How to reach the peer of a key now: by its session, by its first one, which begins with that, or with
 * OSCORE at once. False if there is no session, it does not answer, or nobody knows where the peer is. */
bool proa__c2c_way(proa_c2c *c, proa__key *key, proa_coap_peer *to);

#endif
