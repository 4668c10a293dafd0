/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_DTLS_BOX_H
#define PROA_DTLS_BOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mbedtls/ssl.h>

#include "core/base/heap.h"
#include "core/base/map.h"
#include "core/base/pool.h"
#include "ports/mbedtls/cookie.h"
#include "ports/mbedtls/dtls.h"
#include "ports/mbedtls/outbox.h"
#include "proa/limits.h"
#include "proa/secure.h"

/* The inside of the box. Six files share it, each with one truth:
 *
 *     table.c      which sessions there are, under which names, in which list
 *     handshake.c  from a ClientHello to a key, in both roles
 *     sleep.c      contexts into blobs and back
 *     first.c      from a key that is new straight to a context
 *     keep.c       what outlives the box, and which record numbers may leave
 *     dtls.c       which record is for whom, and the class of proa/secure.h */

/* The life of a session. Each phase says what `state` points to and which list it is in. */
typedef enum proa__dtls_phase {
    PROA__DTLS_HANDSHAKE = 1, /* proa__live with a handshake; a timer, no list */
    PROA__DTLS_SETTLING,      /* server, CONNECTED, no record of the client yet: a timer; in
                                 `news` until CONNECTED is polled */
    PROA__DTLS_AWAKE,         /* proa__live; in `news` until CONNECTED is polled, then `awake` */
    PROA__DTLS_ASLEEP,        /* proa__blob; in `asleep` */
    PROA__DTLS_ENDED          /* nothing; in `news` until CLOSED is polled */
} proa__dtls_phase;

typedef struct proa__links {
    proa_handle next;
    proa_handle previous;
} proa__links;

/* What stays of a session in every phase. A server has 100,000 of these: 48 bytes, and not one more,
 * or the pool takes 16. */
typedef struct proa__session {
    void *state;
    uint64_t account;
    proa_addr addr;
    union {
        uint8_t cid[PROA_DTLS_CID_MAX]; /* ours; what the peer writes into its records */
        proa__links links;              /* ENDED */
    } u;
    uint16_t credit; /* unconfirmed: bytes that may go to the new address; ENDED: the reason */
    uint8_t phase;
    uint8_t is_server : 1;
    uint8_t has_cid : 1;     /* in by_cid */
    uint8_t has_addr : 1;    /* in by_addr */
    uint8_t unconfirmed : 1; /* the address has changed and nobody has confirmed it */
    uint8_t connected : 1;   /* in `news` for CONNECTED */
    uint8_t asking : 1;      /* the last of its blocks is not stored yet */
    uint8_t unproved : 1;    /* AWAKE, a first session: no record of the peer yet */
    uint8_t doubtful : 1;    /* revived, and its peer has not proved to be there now */
} proa__session;

/* What both kinds of state begin with. */
typedef struct proa__stem {
    proa__links links;
    uint32_t blocks; /* of `reserve` record numbers that are reserved; 0: there is no row */
} proa__stem;

struct proa__live;

/* What a handshake needs beyond Mbed TLS's own, and what runs out with it. A session has it until
 * CONNECTED was polled and, in the server role, the client's first record has come; so there is a
 * timer for each handshake_max and no more. */
typedef struct proa__handshake {
    struct proa__live *live;
    proa_handle self;
    proa_timer timer;
    uint64_t middle_ms; /* Mbed TLS's two deadlines; end_ms 0: none */
    uint64_t end_ms;
    uint64_t give_up_ms;
    uint64_t doubt_ms; /* something says that this handshake is lost; 0: nothing does */
    proa_psk psk;      /* client role; of the server role only the account */
    uint8_t identity[PROA_PSK_IDENTITY_MAX];
    uint8_t identity_len;
    bool is_known;                        /* server role: find_psk had a key */
    uint8_t cookie[PROA_DTLS_COOKIE_LEN]; /* server role: names this ClientHello */
} proa__handshake;

struct proa__dtls;

typedef struct proa__live {
    proa__stem stem; /* first, as in proa__blob */
    mbedtls_ssl_context ssl;
    struct proa__dtls *box;
    proa__session *session;
    proa_handle handle;         /* of the session */
    proa_handle self;           /* in lives */
    proa__handshake *handshake; /* NULL once it is over */
    uint64_t used_ms;
} proa__live;

/* What mbedtls_ssl_context_save writes: 227 bytes with connection ids of 6 and 2 bytes. It begins with
 * version and format, the same for all. */
#define PROA__DTLS_CONTEXT_MAX 320
#define PROA__DTLS_CONTEXT_HEAD 8

/* A sleeping session: its context without that beginning. A key: wiped before it is given back. */
typedef struct proa__blob {
    proa__stem stem;
    uint16_t len;
    uint8_t bytes[];
} proa__blob;

/* Bytes of a blob, without the two at the end of the struct that only align it. */
static inline size_t proa__blob_len(size_t len)
{
    return offsetof(proa__blob, bytes) + len;
}

typedef struct proa__list {
    proa_handle first;
    proa_handle last;
} proa__list;

/* Blobs that are free, for reuse where memory never takes back. */
#define PROA__DTLS_SPARE_MAX 8

/* Sessions that may ask for record numbers between two calls of stored(); others do so after it. */
#define PROA__DTLS_ASKING_MAX 64
#define PROA__DTLS_ASKING_LEN (PROA__DTLS_ASKING_MAX * sizeof(proa_handle))

typedef struct proa__dtls {
    proa_secure base; /* first */
    proa_secure_config config;
    proa_secure_stats stats;
    uint64_t now_ms;

    mbedtls_ssl_config server_conf;
    mbedtls_ssl_config client_conf; /* holds a PSK only while a client's handshake steps */
    proa__cookies cookies;

    proa_pool sessions;   /* proa__session */
    proa_pool lives;      /* proa__live */
    proa_pool handshakes; /* proa__handshake */
    proa_map by_cid;
    proa_map by_addr; /* handshakes, and sessions without connection id */
    proa_heap timers;
    uint32_t settling; /* sessions in this phase */
    uint32_t awake;
    uint32_t asleep;
    proa__list news;                               /* CONNECTED or CLOSED to report, oldest first */
    proa__list idlest;                             /* AWAKE, idlest first */
    proa__list oldest;                             /* ASLEEP, longest first */
    uint8_t context_head[PROA__DTLS_CONTEXT_HEAD]; /* known once a session has slept */
    proa_handle *asking;                           /* NULL without a keeper */
    uint32_t asking_count;
    proa__blob *spare[PROA__DTLS_SPARE_MAX];
    uint32_t spare_count;

    proa_span feed;      /* the record that Mbed TLS may read now */
    proa_span rest;      /* records of the last datagram that were not looked at yet */
    proa_addr from;      /* where that datagram came from */
    uint8_t *datagram;   /* copy of rest, when input() had to return before its end */
    size_t datagram_cap; /* bytes */
    uint8_t *plain;      /* decrypted record; scratch */
    size_t plain_len;
    proa_handle data;                        /* session of the plaintext to report, 0 = none */
    uint8_t identity[PROA_PSK_IDENTITY_MAX]; /* of the CONNECTED polled last */
    proa__outbox outbox;
    uint8_t *outbox_bytes;
    size_t outbox_cap;
} proa__dtls;

/* ---- table.c ---------------------------------------------------------------------------- */

proa_err proa__dtls_tables_init(proa__dtls *box);
void proa__dtls_tables_free(proa__dtls *box);

proa__session *proa__dtls_session(const proa__dtls *box, proa_handle handle);

/* The session whose records carry this id, or 0. */
proa_handle proa__dtls_by_cid(const proa__dtls *box, const uint8_t *cid);

/* The session of this address: at most one for each role that is shaking hands, and one for each
 * role that is connected without connection id. 0 if there is none. */
proa_handle proa__dtls_by_addr(const proa__dtls *box, const proa_addr *addr, bool is_server,
                               bool is_handshake);

/* A new session in phase HANDSHAKE with a live context, a handshake and, if configured, an unused
 * connection id; under its address. NULL if a table is full. */
proa__session *proa__dtls_new(proa__dtls *box, const proa_addr *addr, bool is_server,
                              proa__live **live);

/* A new session without state in phase 0, under a connection id that no session has. NULL if a
 * table is full. */
proa__session *proa__dtls_new_named(proa__dtls *box, const uint8_t *cid, proa_handle *handle);

/* The handshake is over: the session is found by its connection id if the peer agreed to it, else
 * by its address. */
void proa__dtls_rename(proa__dtls *box, proa_handle handle, bool by_cid);

/* Take everything from a session and forget it. */
void proa__dtls_drop(proa__dtls *box, proa_handle handle);

/* The same, and CLOSED will be polled. */
void proa__dtls_end(proa__dtls *box, proa_handle handle, proa_secure_reason reason);

void proa__dtls_give_live(proa__dtls *box, proa__live *live);
void proa__dtls_give_handshake(proa__dtls *box, proa__live *live);
void proa__dtls_give_blob(proa__dtls *box, proa__blob *blob);

void proa__dtls_list_add(proa__dtls *box, proa__list *list, proa_handle handle);
void proa__dtls_list_remove(proa__dtls *box, proa__list *list, proa_handle handle);

/* ---- handshake.c ------------------------------------------------------------------------ */

void proa__dtls_confs_init(proa__dtls *box);
void proa__dtls_confs_free(proa__dtls *box);

/* Make the Mbed TLS context of a live. False: the arena is full; nothing is held then. */
bool proa__dtls_setup(proa__dtls *box, proa__live *live);

/* True if there is room for one more handshake. */
bool proa__dtls_may_start(const proa__dtls *box);

/* A hello with a valid cookie. Counts what it refuses. */
void proa__dtls_accept(proa__dtls *box, const proa_addr *from, proa_span record,
                       const proa__client_hello *hello);

proa_err proa__dtls_connect(proa__dtls *box, const proa_addr *to, proa_span identity,
                            const proa_psk *psk, proa_handle *handle);

typedef enum proa__dtls_taken {
    PROA__DTLS_TAKEN = 1,
    PROA__DTLS_NOT_MINE, /* protected, and this handshake has no key for it yet, or saw it before */
    PROA__DTLS_FORGED    /* protected, and it does not verify */
} proa__dtls_taken;

/* One record for a session in HANDSHAKE. If TAKEN, the session may be gone. */
proa__dtls_taken proa__dtls_handshake_record(proa__dtls *box, proa_handle handle, proa_span record);

/* A Finished that did not verify: the peer has a wrong key, or somebody forged it. The peer learns
 * of it now (RFC 4279 §2: the same alert whether identity or key is wrong), and we doubt. */
void proa__dtls_bad_finished(proa__dtls *box, proa_handle handle);

/* An alert without protection: whoever sent it, the handshake gets a last chance. */
void proa__dtls_doubt(proa__dtls *box, proa_handle handle);

/* The timer of a session in HANDSHAKE or SETTLING is due. */
void proa__dtls_due(proa__dtls *box, proa_handle handle);

/* CONNECTED was polled, or the client's first record has come; after both the handshake is over. */
void proa__dtls_over(proa__dtls *box, proa_handle handle);

/* The client's first record has come. */
void proa__dtls_settle(proa__dtls *box, proa_handle handle);

/* ---- sleep.c ---------------------------------------------------------------------------- */

/* What dtls.c calls of it, and the rest of sleep.c. Only through proa_dtls_hibernation, so that a
 * device whose sessions never sleep does not link it. */
struct proa_dtls_sleeping {
    bool (*sleep)(proa__dtls *box, proa_handle handle);
    proa__blob *(*wake)(proa__dtls *box, proa_handle handle);
    void (*keep)(proa__dtls *box, proa_handle handle, proa__blob *blob);
    void (*undo)(proa__dtls *box, proa_handle handle, proa__blob *blob);
};

/* The context of an ASLEEP session, read from its blob, which is returned and stays valid until
 * one of the next two is called. NULL: the arena is full. */
proa__blob *proa__dtls_wake(proa__dtls *box, proa_handle handle);
void proa__dtls_wake_keep(proa__dtls *box, proa_handle handle, proa__blob *blob);
void proa__dtls_wake_undo(proa__dtls *box, proa_handle handle, proa__blob *blob);

/* The context of an AWAKE session becomes a blob. False if there is no memory for it. */
bool proa__dtls_sleep(proa__dtls *box, proa_handle handle);

/* The whole context of a sleeping session, written to `out`. */
proa_span proa__dtls_context(const proa__dtls *box, const proa__blob *blob,
                             uint8_t out[PROA__DTLS_CONTEXT_MAX]);

/* A new AWAKE session with this connection id and context. PROA_E_FULL if a table or the arena is full
 * or Mbed TLS does not take the context; the handle is 0 then. */
proa_err proa__dtls_new_awake(proa__dtls *box, const uint8_t *cid, bool is_server,
                              proa_span context, proa_handle *handle);

/* Until no more than live_max sessions are awake, the idlest sleeps or ends; not `except`. */
void proa__dtls_trim(proa__dtls *box, proa_handle except);

/* What was not used since before_ms goes to sleep, as far as there are places. */
void proa__dtls_rest(proa__dtls *box, uint64_t before_ms);

/* The session was used now. */
void proa__dtls_touch(proa__dtls *box, proa_handle handle);

/* ---- first.c ---------------------------------------------------------------------------- */

/* A table, so that a program without first sessions does not link it: config.firsts is NULL then. */
struct proa_secure_firsts {
    /* As proa_secure_class.open_first and first_id say. */
    proa_err (*open)(proa__dtls *box, const proa_addr *to, const proa_secure_first *first,
                     proa_handle *handle);
    proa_err (*id)(proa__dtls *box, const proa_secure_first *first, bool is_server, uint32_t *id);

    /* A record has come for a connection id that no session has. If it is that of a new key: a session
     * for it, which nothing has proved yet; it is dropped again unless the record verifies. 0: none. */
    proa_handle (*await)(proa__dtls *box, const uint8_t *cid);

    /* True if this connection id belongs to a new key. */
    bool (*is_awaited)(const proa__dtls *box, const uint8_t *cid);
};

/* ---- keep.c ----------------------------------------------------------------------------- */

/* A table, so that a device that keeps no sessions does not link it: config.keeping is NULL then. */
typedef struct proa_secure_keeping {
    /* Give the keeper a row for an AWAKE session, if it can be kept. It sleeps for that, and wakes
     * again unless there is no room. */
    void (*keep)(proa__dtls *box, proa_handle handle, proa_span identity);

    /* May a record of the session leave that has this number? Reserves more before they run out. */
    bool (*may_leave)(proa__dtls *box, proa__live *live, uint64_t number);

    /* What the row's mark says of the session has changed. */
    void (*mark)(proa__dtls *box, const proa__session *session);

    /* The session has ended: so does its row. */
    void (*forget)(proa__dtls *box, proa__session *session);

    /* As proa_secure_class says. */
    void (*stored)(proa__dtls *box, bool ok);
    proa_err (*revive)(proa__dtls *box, const uint8_t *key, const proa_secure_row *row,
                       proa_handle *handle);
} proa_secure_keeping;

#endif
