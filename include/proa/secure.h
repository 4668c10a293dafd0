/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SECURE_H
#define PROA_SECURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proa/addr.h"
#include "proa/bytes.h"
#include "proa/err.h"
#include "proa/limits.h"
#include "proa/memory.h"
#include "proa/random.h"

/* Secure sessions as a box: datagrams in, plaintext out, and back.
 *
 * The box owns everything about DTLS: handshakes in both roles on one socket, cookies, connection
 * ids, retransmission, addresses of sessions, hibernation. Engines see session handles. A program
 * that wants no DTLS links no box and gives NULL; nothing in core/ names an implementation. The
 * one that exists is proa_dtls_open() in ports/mbedtls/dtls.h.
 *
 *     input (box, now, from, datagram)      first byte 20..63 (RFC 7983); others are not for it
 *     poll  (box, now, &event)              until false, before the next input
 *     output(box, now, &to, &datagram)      until false
 *     next_ms(box)
 *
 * A datagram may hold several records. What was not polled of one is lost when the next comes.
 *
 * Who is at the other end is decided by the key. In the client role the caller names identity and
 * key when it opens a session. In the server role the box asks `find_psk` for the key of the
 * identity it was told; what that lookup returns as `account` is then bound to the session for
 * life and comes with every event. No lookup hit, no session. An address is never an identity: a
 * session survives a change of address if it negotiated connection ids (RFC 9146), and its address
 * moves only on its newest record, with at most three times the received bytes sent there until
 * proa_secure_class.confirm_address was called.
 *
 * Unauthenticated input (anything before a verified record) changes nothing of an established
 * session, and a stranger costs no memory before it has returned a cookie. A handshake from the
 * address of a session runs beside it. Both go on if they have connection ids; without, two
 * sessions of one address cannot be told apart, and the older one ends (CLOSED, EVICTED) after the
 * newer one is CONNECTED.
 *
 * A first session has no handshake. Both ends were given the same key by somebody whom they trust, who
 * made it for them and gives it to nobody else, so each derives by itself what a handshake would have
 * agreed on: docs/C2C.md §6. It is for a key's first use and for no other: whoever calls open_first, or
 * answers find_first, has taken the key as new and forgets with the next boot that it was. It counts as
 * CONNECTED when the first record of the other end has proved the key. To a server that record has to
 * bring data: the owner of a key must hear that it is new no more. That record proves the key and not
 * that the peer is where it seems to be. The box lets 64 kB go there until confirm_address; whoever uses
 * it has to be stricter (is_unreached).
 *
 * As DTLS server the box waits for the client's first record after CONNECTED, at most
 * handshake_timeout_ms; until then the session counts as a handshake and cannot sleep, because the
 * last flight may have to be sent again (RFC 6347 §4.2.4). */

typedef struct proa_psk {
    uint8_t key[PROA_PSK_KEY_MAX];
    uint8_t key_len;
    uint64_t account; /* the caller's name for whose key this is; bound to the session */
} proa_psk;

/* A key that nobody has used yet. */
typedef struct proa_secure_first {
    proa_psk psk;
    proa_span identity; /* borrowed */
} proa_secure_first;

struct proa_secure_firsts;

/* Sessions that outlive the box. What a box needs in order to go on with a session after a crash is
 * a row of two sealed values (AES-128-GCM under keeper_key, a fresh nonce each time). They are
 * opaque to the keeper. The box seals as soon as a session of the server role has settled, if it has
 * a connection id. */
typedef struct proa_secure_row {
    proa_span id;      /* names the session: our connection id, in the clear */
    proa_span context; /* keys, identity; written once */
    proa_span mark;    /* record numbers that may have been sent, address; the newest counts */
} proa_secure_row;

/* Where rows go. Called from within input, poll, send, close and revive; must not call the box, and
 * need not make anything durable at once: proa_secure_class.stored tells when that is done. */
typedef struct proa_secure_keeper {
    void (*keep)(void *ctx, const proa_secure_row *row);   /* a new row */
    void (*mark)(void *ctx, proa_span id, proa_span mark); /* another mark for that row */
    void (*forget)(void *ctx, proa_span id);               /* the session is over */
    void *ctx;
} proa_secure_keeper;

#define PROA_SECURE_KEY_LEN 16 /* bytes of a keeper_key */

struct proa_secure_keeping;

typedef struct proa_secure_config {
    proa_random random;
    proa_memory memory; /* for the box's own tables; Mbed TLS has its arena (dtls.h) */
    /* Server role: the key of `identity`, false if there is none. Must not call the box. NULL: the
     * box refuses every ClientHello. Out is wiped by the box after use. */
    bool (*find_psk)(void *ctx, proa_span identity, proa_psk *out);
    void *find_psk_ctx;
    /* First sessions; both are set, or none. cid_len is 1..4 then. */
    const struct proa_secure_firsts *firsts; /* how: proa_dtls_firsts (dtls.h) */
    /* Server role: the new key whose connection id is `id` (first_id), false if there is none. Must not
     * call the box; with find_psk_ctx. The box wipes what it gets. */
    bool (*find_first)(void *ctx, uint32_t id, proa_secure_first *out);
    uint32_t live_max;       /* sessions with a full context; one more hibernates the idlest one */
    uint32_t hibernated_max; /* sessions kept as blobs beside them; one more ends the oldest. 0: the
                                idlest live one ends when live_max is passed */
    uint32_t handshake_max;  /* handshakes under way, beside the live ones, so that strangers never
                                push out a session; one more is refused */
    uint32_t handshake_timeout_ms; /* 60000: then it is given up (CLOSED, TIMEOUT) */
    uint32_t retransmit_min_ms;    /* 1000, RFC 6347 §4.2.4.1 */
    uint32_t retransmit_max_ms;    /* 16000 */
    uint32_t idle_hibernate_ms;    /* 0: only when live_max asks for it */
    uint32_t output_len;           /* bytes of the queue of datagrams to send; 0: four of mtu */
    uint16_t mtu;                  /* bytes of a datagram, 1280 */
    uint8_t cid_len; /* bytes of the connection ids we hand out: 1..8, 0 = do not use CID */
    /* Sessions outlive the box; all three are set by proa_dtls_keep (dtls.h), or none. */
    const struct proa_secure_keeping *keeping; /* how: only who wants it links it */
    const proa_secure_keeper *keeper;          /* borrowed */
    uint8_t keeper_key[PROA_SECURE_KEY_LEN];
    uint32_t reserve;  /* record numbers that one mark reserves; 0: 1024 */
    bool debug_keylog; /* honoured by debug builds only */
    /* Debug builds: one line of the NSS key log format per session. May be NULL. */
    void (*keylog)(void *ctx, const char *line);
    void *keylog_ctx;
} proa_secure_config;

typedef enum proa_secure_event_kind {
    PROA_SECURE_CONNECTED = 1, /* handshake done: identity proven, account bound */
    PROA_SECURE_DATA,          /* one verified plaintext; never before CONNECTED */
    PROA_SECURE_CLOSED         /* the session is gone; its handle is dead. Last event of it. For a
                                  handshake that failed: only if we had opened it, because
                                  strangers must not make events */
} proa_secure_event_kind;

typedef enum proa_secure_reason {
    PROA_SECURE_REASON_TIMEOUT = 1, /* the handshake got no answer, or a client no first record */
    PROA_SECURE_REASON_HANDSHAKE, /* the handshake failed: wrong key, unknown identity, no suite */
    PROA_SECURE_REASON_PEER_CLOSED, /* authenticated close_notify or fatal alert */
    PROA_SECURE_REASON_EVICTED,     /* hibernated_max, live_max, or a newer one in its place */
    PROA_SECURE_REASON_RESOURCES    /* the arena or a table was full during the handshake */
} proa_secure_reason;

typedef struct proa_secure_event {
    proa_secure_event_kind kind;
    uint32_t session;
    uint64_t account; /* from open or find_psk */
    bool is_server;   /* we were the DTLS server of this session */
    bool is_doubtful; /* DATA of a revived session that is not proven yet: may be a replay */
    /* DATA: nobody has proved to hear us at `addr`, since a first session began or the address changed,
     * until confirm_address. */
    bool is_unreached;
    proa_addr addr;     /* where the peer is now */
    proa_span identity; /* CONNECTED: the PSK identity of the handshake, if there was one; until the
                           next call */
    proa_span data;     /* DATA: plaintext, until the next call on the box */
    proa_secure_reason reason; /* CLOSED */
} proa_secure_event;

typedef struct proa_secure_stats {
    uint32_t live, hibernated, handshakes; /* now: connected, asleep, not yet connected */
    uint64_t handshakes_done, handshakes_failed;
    uint64_t firsts_done;             /* first sessions that were proved */
    uint64_t records_in, records_out; /* verified records of connected sessions; datagrams queued */
    uint64_t dropped_replay, dropped_bad, dropped_unknown; /* replayed; bad MAC or format; no such
                                                              session and no ClientHello */
    uint64_t dropped_output; /* the queue was full, or the number not reserved */
    uint64_t cookies_sent, refused_full, woken, hibernations, address_changes;
    uint32_t kept; /* now: sessions with a row */
    uint64_t revived;
} proa_secure_stats;

/* An implementation: a table of functions, the first field of every box. */
typedef struct proa_secure_class proa_secure_class;
typedef struct proa_secure {
    const proa_secure_class *class_;
    bool has_firsts; /* first sessions can be had */
} proa_secure;

struct proa_secure_class {
    void (*input)(proa_secure *box, uint64_t now_ms, const proa_addr *from, proa_span datagram);

    /* One event; false when there is none. Runs what is due, too. */
    bool (*poll)(proa_secure *box, uint64_t now_ms, proa_secure_event *event);

    /* One datagram to send; bytes valid until the next call. */
    bool (*output)(proa_secure *box, uint64_t now_ms, proa_addr *to, proa_span *datagram);
    uint64_t (*next_ms)(const proa_secure *box);

    /* Begin a handshake as DTLS client. CONNECTED or CLOSED will follow, exactly one of them.
     *
     * identity  copied; 1..PROA_PSK_IDENTITY_MAX bytes.
     * psk       copied, wiped at the end of the handshake; account is bound to the session.
     * session   out.
     * Returns PROA_OK, PROA_E_FULL (handshake_max, arena), PROA_E_RANGE, PROA_E_EXISTS (a handshake
     * of ours with this address is under way: its answers could not be told apart). */
    proa_err (*open)(proa_secure *box, uint64_t now_ms, const proa_addr *to, proa_span identity,
                     const proa_psk *psk, uint32_t *session);

    /* Begin a first session as DTLS client: it can send at once. CONNECTED follows with the peer's first
     * record.
     *
     * first    borrowed; its account is bound to the session.
     * session  out.
     * Returns PROA_OK, PROA_E_EXISTS (as first_id), PROA_E_FULL. Only if has_firsts. Costs some thirty
     * HMACs. */
    proa_err (*open_first)(proa_secure *box, uint64_t now_ms, const proa_addr *to,
                           const proa_secure_first *first, uint32_t *session);

    /* What our connection id in a key's first session is, as a number.
     *
     * is_server  our role in it.
     * id         out; never 0.
     * Returns PROA_OK, PROA_E_EXISTS (a session has it: another key is needed), PROA_E_FULL (arena). Only
     * if has_firsts. Costs a dozen HMACs. */
    proa_err (*first_id)(proa_secure *box, const proa_secure_first *first, bool is_server,
                         uint32_t *id);

    /* Protect and queue one plaintext. Wakes a hibernated session.
     * Returns PROA_OK, PROA_E_NOT_FOUND (session gone), PROA_E_STATE (handshake under way),
     * PROA_E_TOO_LARGE (mtu), PROA_E_FULL (output queue, or no live context can be freed),
     * PROA_E_DENIED (three times what came from an unconfirmed new address is used up). */
    proa_err (*send)(proa_secure *box, uint64_t now_ms, uint32_t session, proa_span plaintext);

    /* End a session; with `tell` a close_notify goes out. No CLOSED event. Dead handles: no effect. */
    void (*close)(proa_secure *box, uint64_t now_ms, uint32_t session, bool tell);

    /* The application saw proof (an Echo, an ACK to a CON) that the peer is at its new address. */
    void (*confirm_address)(proa_secure *box, uint32_t session);

    /* What the keeper was given since the last call is durable (ok), or may not be. Call it after
     * each commit and before the next output: no record leaves whose number is not reserved by a
     * durable mark. If marks cannot be stored, a session falls silent after at most 2 * reserve
     * records. O(1); if not ok, O(sessions). */
    void (*stored)(proa_secure *box, bool ok);

    /* Go on with a session of an earlier box. Its record numbers continue above all that its mark
     * reserved; a new row is given to the keeper at once.
     *
     * A row may be revived once. Before this call the caller must have made sure that no other box
     * and no later start can do it again: the row is deleted, durably, and its key is gone.
     *
     * Until `prove` the session is doubtful: what came since the last store is unknown, so each
     * record that the peer sent to the earlier box could come again, as DATA with is_doubtful. The
     * caller may use of such DATA only what answers a question asked since (a response with a Token
     * from the CSPRNG), and must then call `prove`. The address stays until then, too.
     *
     * key      of the box that made the row; borrowed.
     * session  out. account: out, as find_psk says now.
     * Returns PROA_OK; PROA_E_DENIED (not sealed with this key; find_psk has another key or none for
     * its identity), PROA_E_FORMAT (of another version of this library), PROA_E_EXISTS (a session
     * has this id), PROA_E_RANGE (record numbers are used up; another cid_len; no keeper),
     * PROA_E_FULL (no place, or Mbed TLS does not take the context). Costs what waking and sleeping
     * cost. */
    proa_err (*revive)(proa_secure *box, uint64_t now_ms, const uint8_t key[PROA_SECURE_KEY_LEN],
                       const proa_secure_row *row, uint32_t *session, uint64_t *account);

    /* The DATA polled last proved that the peer of a revived session is there now: everything older
     * counts as replayed. No effect on other sessions. */
    void (*prove)(proa_secure *box, uint32_t session);

    /* Where a session's peer is; false if the handle is dead. */
    bool (*address)(const proa_secure *box, uint32_t session, proa_addr *out);
    proa_secure_stats (*stats)(const proa_secure *box);

    /* Wipe and give back everything. */
    void (*free)(proa_secure *box);
};

#endif
