/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_CORE_CLIENT_EXTENSION_H
#define PROA_CORE_CLIENT_EXTENSION_H

#include "proa/client.h"

/* The seam between the client engine and what may be linked on top of it: client-to-client (C2C).
 *
 * The engine asks the extension about everything that has to do with peers, and offers it the same
 * sockets, sessions and CoAP engine that it uses for servers. Without an extension the engine
 * knows servers only. One extension at most; it is a table, so a program that links no C2C carries
 * no byte of it. */

typedef enum proa_access { PROA_ACCESS_DENIED = 0, PROA_ACCESS_ALLOWED } proa_access;

/* A request that is not served, for the extension to word the refusal. */
typedef struct proa_refusal {
    const proa_coap_event *request; /* peer, message, multicast */
    proa_account account;           /* 0 = a stranger */
    proa_operation op;
    proa_path path; /* depth 0 if the path is no LwM2M path */
} proa_refusal;

struct proa_client_extension {
    void *ctx;

    /* Server role of DTLS: the key of an incoming identity. False = unknown to this device. */
    bool (*find_psk)(void *ctx, proa_span identity, proa_psk *out);

    /* Server role of a first session: the new key with this connection id (proa/secure.h). False = there
     * is none. NULL: never. */
    bool (*find_first)(void *ctx, uint32_t id, proa_secure_first *out);

    /* May this peer account do that? Objects 0, 1, 2, 21 and 11000-11002 never reach this: they are
     * closed to peers by the engine. Also asked before each notification to a peer. */
    proa_access (*access)(void *ctx, proa_account peer, proa_operation op, const proa_path *path);

    /* Word the refusal. True: send *out (its payload lives in `scratch` of `cap` bytes); false: stay
     * silent. Called for peers without the right and for strangers on unprotected CoAP. */
    bool (*refuse)(void *ctx, uint64_t now_ms, const proa_refusal *refusal, proa_coap_response *out,
                   uint8_t *scratch, size_t cap);

    /* A session with a peer account is there / is gone. After session_closed its handle is dead. */
    void (*session_open)(void *ctx, uint64_t now_ms, proa_account peer, uint32_t session,
                         bool is_server);
    void (*session_closed)(void *ctx, uint64_t now_ms, proa_account peer, uint32_t session,
                           proa_secure_reason reason);

    /* Default notification periods of a peer account (11001 resources 2 and 3), seconds. */
    void (*periods)(void *ctx, proa_account peer, uint32_t *pmin_s, uint32_t *pmax_s);

    /* A request of this peer passed the check and was served: for use counters. */
    void (*used)(void *ctx, uint64_t now_ms, proa_account peer);

    /* RESPONSE, NOTIFICATION or FAILED for a request sent through proa__client_coap with a user
     * value whose top byte is PROA__USER_EXTENSION. */
    void (*coap_event)(void *ctx, uint64_t now_ms, const proa_coap_event *event);

    /* The registration with a server changed: registered or updated (true), lost (false). */
    void (*registration)(void *ctx, uint64_t now_ms, uint16_t short_id, bool registered);

    /* Deadlines of its own. run is called from poll whenever next_ms is reached. */
    uint64_t (*next_ms)(void *ctx);
    void (*run)(void *ctx, uint64_t now_ms);

    /* A peer's request carried `ep=<endpoint>`, as those of the seed do. It never tells who the
     * peer is; false if it contradicts the account (the request gets 4.03). NULL: not looked at. */
    bool (*endpoint_is)(void *ctx, proa_account peer, proa_span endpoint);

    /* The Short Client ID of a peer account, 0 if the account is gone. NULL: 0. */
    uint16_t (*short_id)(void *ctx, proa_account peer);

    /* A Create of 11000 in CBOR: a whole account, with the instances of other objects that belong to
     * it (docs/C2C.md §5). All of it is made or nothing. Returns PROA_OK, the answer in *w and the
     * instance of 11000 in *instance; or what is wrong. *later: the answer waits for
     * proa__client_answer. NULL: there is no such form. */
    proa_err (*create_account)(void *ctx, const proa_actor *who, proa_span document, proa_writer *w,
                               uint16_t *instance, bool *later);
};

#define PROA__USER_EXTENSION ((uint64_t)2 << 56)

/* Link the extension; before the first input. */
void proa__client_extend(proa_client *c, const proa_client_extension *extension);

/* The CoAP engine and secure box the client runs on. The extension sends with them, never polls or
 * drains them. */
proa_coap *proa__client_coap(proa_client *c);
proa_secure *proa__client_secure(proa_client *c);
const proa_client_config *proa__client_config(const proa_client *c);

/* How to reach a server: PROA_OK and *peer if this device is registered there, PROA_E_STATE if not
 * (yet), PROA_E_NOT_FOUND for an unknown Short Server ID.
 *
 * short_id  its Short Server ID; 0: the first one where this device is registered, which is put there */
PROA_CHECK proa_err proa__client_server_peer(proa_client *c, uint16_t *short_id,
                                             proa_coap_peer *peer);

/* A request to this server goes unanswered: its session may be dead (the server was restarted). A
 * handshake begins beside it; when that succeeds everything moves there, and a request that must
 * not be repeated fails with TIMEOUT. No effect if one is under way or the device is not
 * registered. */
void proa__client_doubt_server(proa_client *c, uint64_t now_ms, uint16_t short_id);

/* True if nothing of this server is heeded that could be read or written on the way. */
bool proa__client_server_protected(const proa_client *c, uint16_t short_id);

/* The URI of a server account, for hints; PROA_E_NOT_FOUND. Borrowed until the account changes. */
PROA_CHECK proa_err proa__client_server_uri(const proa_client *c, uint16_t short_id,
                                            proa_span *uri);

/* The server account with this URI (scheme, host and port compared), or 0. */
uint16_t proa__client_server_by_uri(const proa_client *c, proa_span uri);

/* True if a server account has this PSK identity: a peer account must not (one key, one account). */
bool proa__client_identity_taken(const proa_client *c, proa_span identity);

/* Rights that a server holds in object 2 for (object, instance): what it may pass on to a peer. */
uint8_t proa__client_server_rights(const proa_client *c, uint16_t short_id, uint16_t object,
                                   uint16_t instance);

/* The owner (Short Server ID) of a path by object 2, or the first server: whom the hint names. */
uint16_t proa__client_owner(const proa_client *c, const proa_path *path);

/* End the session of a peer account: close_notify, its observations and relations go. */
void proa__client_drop_session(proa_client *c, uint64_t now_ms, uint32_t session);

/* A server has made an instance that its request did not name: it gets its entry in object 2, and
 * observers hear of it. PROA_E_FULL, or what the store said: then it must go again. */
PROA_CHECK proa_err proa__client_instance_came(proa_client *c, const proa_actor *who,
                                               uint16_t object, uint16_t instance);

/* The answer to a create_account that was to come later goes now; nothing if none is kept. One is kept at
 * a time: the next one sends the one before. */
void proa__client_answer(proa_client *c, uint64_t now_ms);

/* An instance of the extension's objects ended by its own decision (its time was over), not by a
 * server's Delete: its entry in object 2 goes, and servers that observe it are told 4.04. Without
 * that, each expired grant would leave entries behind until object 2 is full. From run only. */
void proa__client_instance_gone(proa_client *c, uint64_t now_ms, uint16_t object,
                                uint16_t instance);

/* A peer account lost rights: observations that are no longer allowed get a last 4.01 and end. */
void proa__client_recheck(proa_client *c, uint64_t now_ms, proa_account peer);

#endif
