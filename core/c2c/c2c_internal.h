/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_C2C_INTERNAL_H
#define PROA_CORE_C2C_INTERNAL_H

#include "core/c2c/ac_body.h"
#include "core/c2c/hint.h"
#include "core/client/extension.h"
#include "proa/c2c.h"

/* What the files of C2C share. docs/C2C.md says what the words mean.
 *
 *   key     an instance of object 11000: how a peer proves itself. Its number with a generation is
 *           the account that sessions are bound to.
 *   peer    an instance of object 11001: who that is, for how long.
 *   access  an instance of object 11002: what peers may do to one path.
 *
 * A key and a peer with the same Short Client ID make an account; a second key with the same id is
 * a key on its way in. Object functions run while the client is at work and know no time, so they
 * only change and store these tables, which takes effect at once: every decision looks here. What
 * needs the time or touches sessions is left to proa__c2c_run, by `dirty`. */

/* How the two objects and the ask machine see time that is not known yet or never comes. */
#define PROA__NEVER UINT64_MAX

/* Two sessions of one pair that both came up within this time were opened by both ends at once;
 * later, the second one means that the first is dead. 15 s is a handshake with four losses. */
#define PROA__TIE_MS 15000U

/* The session that lost stays so long: answers under way arrive, and the other end may still have
 * to hear that the winner is there. */
#define PROA__LINGER_MS 5000U

typedef enum proa__slot {
    PROA__SLOT_FREE = 0,
    PROA__SLOT_MAKING, /* created, but not committed: no rights, no identity yet */
    PROA__SLOT_LIVE,
    PROA__SLOT_GONE /* removed; waits for proa__c2c_run to end what depended on it */
} proa__slot;

typedef struct proa__key {
    proa__slot slot;
    uint16_t instance;
    uint16_t generation; /* new with every new identity, secret or short id */
    uint16_t short_id;
    uint16_t owner; /* Short Server ID of the writer; 0 = the device itself */
    uint8_t mode;
    uint8_t uri_len;
    uint8_t identity_len;
    uint8_t secret_len;
    char uri[PROA_URI_MAX];
    uint8_t identity[PROA_PSK_IDENTITY_MAX];
    uint8_t secret[PROA_PSK_KEY_MAX];
    proa_objlink oscore;

    uint32_t session; /* the one that requests go to; 0 = none */
    uint32_t opening; /* a handshake of ours under way; 0 = none */
    uint32_t linger;  /* the loser of a tie; 0 = none */
    uint64_t session_ms;
    uint64_t linger_ms; /* when it ends */
    bool is_server;     /* we were the DTLS server of `session` */
    bool suspect;       /* `session` does not answer */
    bool drop;          /* its sessions belong to what it was before: end them */
    bool moved;         /* the peer is said to be elsewhere: a handshake under way is in vain */
    bool by_itself;     /* GONE: no server has deleted it */
    proa_outcome why;   /* GONE: what to tell who asked */
} proa__key;

typedef struct proa__asked {
    uint16_t object;
    uint16_t instance;
    uint8_t rights;  /* what the server was asked for at at_ms */
    uint8_t granted; /* what it granted, or the host let us do */
    uint64_t at_ms;  /* of the last /ac; 0 = none since boot */
} proa__asked;

typedef struct proa__peer {
    proa__slot slot;
    uint16_t instance;
    uint16_t short_id;
    uint16_t owner;
    uint32_t lifetime_s; /* as written; 0 = without end */
    uint32_t left_s;     /* what to start with, see lifetime_new */
    uint32_t pmin_s;
    uint32_t pmax_s;
    uint32_t disable_s;
    uint32_t uses;
    bool storing;
    bool lifetime_new; /* left_s starts to count at the next proa__c2c_run */
    bool used;
    bool announced; /* PEER_ADDED was told */
    bool disable;   /* executed: starts at the next proa__c2c_run */
    char binding[8];
    uint8_t binding_len;
    uint8_t endpoint_len;
    char endpoint[PROA_ENDPOINT_MAX];
    uint64_t expires_ms; /* PROA__NEVER = without end */
    uint64_t store_ms;   /* when the remaining lifetime is stored next */
    uint64_t unused_ms;  /* not used until then: goes */
    uint64_t last_use_ms;
    uint64_t disabled_ms;                   /* not served until then */
    uint64_t renew_ms;                      /* requester: not renewed before */
    bool by_itself;                         /* GONE: no server has deleted it */
    proa_outcome why;                       /* GONE */
    proa__asked asked[PROA_AC_ENTRIES_MAX]; /* requester: what was asked of the server */
} proa__peer;

typedef struct proa__acl {
    uint16_t short_id; /* 0 = peers without an entry of their own */
    uint8_t rights;
} proa__acl;

typedef struct proa__access {
    proa__slot slot;
    uint16_t instance;
    uint16_t object;          /* of the path it speaks about; 0 = not yet written */
    uint16_t object_instance; /* PROA_ID_ALL = all */
    uint16_t owner;
    bool has_instance;
    uint16_t acl_count;
    proa__acl *acl; /* c->acl_max places */
} proa__access;

/* What a program that only serves peers does not link: ask.c fills this table. */
typedef struct proa__requester {
    void (*coap_event)(proa_c2c *c, const proa_coap_event *event);
    void (*connected)(proa_c2c *c, proa__key *key);
    void (*connect_failed)(proa_c2c *c, proa__key *key, proa_secure_reason reason);
    /* The account can no longer be used: it goes, or became another one. */
    void (*account_gone)(proa_c2c *c, proa_account account, proa_outcome why);
    void (*run)(proa_c2c *c);
    uint64_t (*next_ms)(const proa_c2c *c);
    uint32_t (*count)(const proa_c2c *c); /* questions under way and observations held */
    void (*close)(proa_c2c *c);
} proa__requester;

typedef struct proa__event {
    proa_c2c_event body;                /* spans are filled in by poll */
    uint16_t endpoint_at, endpoint_len; /* in inbox */
    uint16_t payload_at, payload_len;
    uint16_t text_at, text_len;
    bool taken_back;
} proa__event;

typedef struct proa__asker proa__asker;

struct proa_c2c {
    proa_client *client;
    proa_memory memory;
    proa_random random;
    proa_store store;
    proa_c2c_limits limits;
    uint64_t now_ms; /* the latest time told; object functions have no better one */
    bool dirty;      /* proa__c2c_run has work now */
    bool rights_changed;
    bool instances_gone; /* by our own doing: object 2 and the registration have to follow */
    uint16_t generation;

    proa__key *keys;        /* limits.peer_max */
    proa__peer *peers;      /* limits.peer_max */
    proa__access *accesses; /* limits.access_max */
    proa__acl *acl;         /* acl_max for each access, and one list for undo */
    uint16_t acl_max;

    /* The one transaction that can be open: what BEGIN found. */
    proa__slot undo_slot; /* FREE = nothing to undo */
    union {
        proa__key key;
        proa__peer peer;
        proa__access access;
    } undo;

    proa_object objects[3];
    proa_client_extension extension;
    proa_hint_bucket bucket;
    char uri_text[PROA_URI_MAX];

    const proa__requester *requester; /* NULL: host only */
    proa__asker *asker;

    proa__event *events; /* ring */
    uint16_t event_max, event_first, event_count;
    uint16_t finals; /* queued OUTCOME and OBSERVE_END: their places are kept free */
    uint8_t *inbox;  /* bytes of queued events; begins anew when the ring is empty */
    size_t inbox_len, inbox_max;
    proa_c2c_stats stats;
};

/* ---- c2c.c: events, time ---------------------------------------------------------------- */

/* Queue an event; its endpoint, payload and text are copied. False if it was dropped: only events
 * that are no OUTCOME and no OBSERVE_END can be. */
bool proa__c2c_post(proa_c2c *c, const proa_c2c_event *event);

/* Take back what was queued for a question that the application forgot. */
void proa__c2c_unpost(proa_c2c *c, proa_c2c_id id);

static inline void proa__c2c_tick(proa_c2c *c, uint64_t now_ms)
{
    c->now_ms = now_ms > c->now_ms ? now_ms : c->now_ms;
}

/* ---- accounts.c: keys and peers together ------------------------------------------------- */

/* The key whose account this is, NULL if that is over. Also one that is not live. */
proa__key *proa__c2c_key(proa_c2c *c, proa_account account);
proa_account proa__c2c_account(const proa__key *key);

/* The peer with a Short Client ID, NULL if there is none. */
proa__peer *proa__c2c_peer(proa_c2c *c, uint16_t short_id);

/* The peer of a key if the account may be used now: both there, in time, not disabled. */
proa__peer *proa__c2c_live(proa_c2c *c, const proa__key *key);

/* The newest usable key for an endpoint; NULL. */
proa__key *proa__c2c_key_of(proa_c2c *c, proa_span endpoint);

static inline proa_span proa__c2c_endpoint(const proa__peer *peer)
{
    return proa_span_make(peer->endpoint, peer->endpoint_len);
}

/* Seconds of lifetime left, rounded down; UINT32_MAX = without end. */
uint32_t proa__c2c_left_s(const proa__peer *peer, uint64_t now_ms);

/* An authenticated use: counts it, and lets the older accounts of the same peer go. */
void proa__c2c_used(proa_c2c *c, proa__key *key, bool request);

/* Take a peer away with everything that hangs on its Short Client ID; a key with its secret.
 * REVOKED means that a server deleted it; everything else is our own doing. */
void proa__c2c_remove_peer(proa_c2c *c, proa__peer *peer, proa_outcome why);
void proa__c2c_remove_key(proa_c2c *c, proa__key *key, proa_outcome why);

/* A new generation for a key, that is another account. */
void proa__c2c_new_generation(proa_c2c *c, proa__key *key);

/* Generations only grow, but for a wrap after 65535 accounts: the later of two is the one that is
 * less than half the circle ahead. */
bool proa__c2c_newer(uint16_t a, uint16_t b);

/* Deadlines and clean-up of accounts. */
void proa__c2c_run_accounts(proa_c2c *c);
uint64_t proa__c2c_next_accounts(const proa_c2c *c);

/* ---- persist.c: what survives a reboot ---------------------------------------------------- */

PROA_CHECK proa_err proa__c2c_store_key(proa_c2c *c, const proa__key *key);
PROA_CHECK proa_err proa__c2c_store_peer(proa_c2c *c, const proa__peer *peer);
PROA_CHECK proa_err proa__c2c_store_access(proa_c2c *c, const proa__access *access);
void proa__c2c_forget_key(proa_c2c *c, const proa__key *key);
void proa__c2c_forget_peer(proa_c2c *c, const proa__peer *peer);
void proa__c2c_forget_access(proa_c2c *c, const proa__access *access);
void proa__c2c_load(proa_c2c *c);

/* The share of a lifetime after which what is left is stored again: 5 %, at least a second. */
uint32_t proa__c2c_step_s(uint32_t lifetime_s);

/* ---- the objects -------------------------------------------------------------------------- */

proa_object proa__c2c_security_object(proa_c2c *c);
proa_object proa__c2c_client_object(proa_c2c *c);
proa_object proa__c2c_access_object(proa_c2c *c);

/* Wipe a key and free its place. */
void proa__c2c_free_key(proa__key *key);

/* Drop the entries of a Short Client ID from all lists; lists that become empty go. */
void proa__c2c_drop_rights(proa_c2c *c, uint16_t short_id);

/* Free the places of lists that went; from run. */
void proa__c2c_reap_accesses(proa_c2c *c);

/* ---- enforce.c ------------------------------------------------------------------------------ */

/* Objects that are nobody's business but a server's. */
bool proa__c2c_closed(uint16_t object);

/* The rights of a Short Client ID on a path. */
uint8_t proa__c2c_rights(const proa_c2c *c, uint16_t short_id, const proa_path *path);
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

/* The peer has another address: what is being opened is opened there. */
void proa__c2c_follow(proa_c2c *c, proa__key *key);

/* End all sessions of a key. */
void proa__c2c_drop_sessions(proa_c2c *c, proa__key *key);
void proa__c2c_run_sessions(proa_c2c *c);
uint64_t proa__c2c_next_sessions(const proa_c2c *c);

/* The CoAP peer behind a session. */
proa_coap_peer proa__c2c_coap_peer(proa_c2c *c, uint32_t session);

#endif
