/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SERVER_APP_AUTHORITY_H
#define PROA_SERVER_APP_AUTHORITY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/c2c/ac_body.h"
#include "proa/addr.h"
#include "proa/bytes.h"
#include "proa/err.h"
#include "proa/lwm2m.h"
#include "proa/memory.h"
#include "proa/random.h"
#include "proa/server.h"
#include "server/app/policy.h"

/* The authority: one engine that owns policy, grants and short ids, and joins two devices that may
 * live on different workers. It talks in messages only: told what happened to devices, asked by
 * /ac, it emits actions (operate on that device, answer that request, store that record, note
 * this in the audit), whose results are told back to it. It knows no CoAP session and no socket.
 *
 * A grant is a state machine on disk; each state is stored before the messages that depend on it:
 *
 *   INTENDED     decided, short ids and identity allocated, nothing sent yet or some of it
 *   HOST_READY   the host has account and rights; the requester has nothing yet
 *   ACTIVE       the requester has the key; /ac was or is being answered
 *   REVOKING     to be taken away from whatever device is reachable, until confirmed by both
 *   ENDED        gone from both devices; record removed, short ids free again
 *
 * Order is rights before keys: host 11001, 11000, 11002, then requester 11001, 11000. Keys exist
 * only while they are being handed out: the store holds identities, never keys, so an interrupted
 * provisioning is rolled back and asked for again, and a lost account is replaced by one with a
 * fresh key.
 *
 * Taking away is one piece of code, the sync of a device: read 11000, 11001 and 11002, compare with
 * the grants by content (identity, short id with endpoint, target; never by a remembered instance
 * number), then correct rights, keys and clients, in this order. It runs after a failure, after a
 * revoke, and at a registration that does not list what it should; on both devices of a grant at
 * once, since one may be out of reach. What does not answer is tried again with a back-off, and at
 * once when it is heard of.
 *
 * What is missing on a device after a registration is installed again; what is missing after an
 * Update was ended by the device (never used, expired), and so is the grant.
 *
 * Both directions of a pair share one account, so they have one end: the shorter lifetime, renewed
 * together (docs/C2C.md).
 *
 * Per device, one thing happens at a time; four requests wait per host; one /ac is under way per
 * requester. The work may outlive its /ac, whose answer is then 5.04 with a Max-Age: asked again, it is
 * joined, and once it is done a 2.01 at once. Decisions look at names first: unknown host, closed object and denied look the same
 * (4.03); only who is allowed learns whether the host is offline (5.03 / 5.04). What is wanted of a
 * host that sleeps is kept for a quarter of an hour and done when it wakes.
 *
 * The tables of a device must fit one read (PROA_BODY_MAX): about 60 peers with short names, 180
 * entries. A request that would need more is answered 5.03 busy. */

typedef enum proa_grant_state {
    PROA_GRANT_INTENDED = 1,
    PROA_GRANT_HOST_READY,
    PROA_GRANT_ACTIVE,
    PROA_GRANT_REVOKING,
    PROA_GRANT_ENDED
} proa_grant_state;

const char *proa_grant_state_name(proa_grant_state state);

#define PROA_GRANT_IDENTITY_LEN 16 /* PSK identity: random bytes from the CSPRNG */
#define PROA_GRANT_KEY_LEN 16      /* PSK or OSCORE Master Secret */
#define PROA_GRANT_SALT_LEN 8      /* OSCORE Master Salt */
#define PROA_GRANT_SENDER_ID_LEN 2 /* OSCORE: in each request, so short; unique per device */

typedef struct proa_grant_entry {
    uint16_t object;
    uint16_t instance; /* PROA_ID_ALL = all */
    uint8_t rights;
    uint16_t access_instance; /* of 11002 on the host; PROA_ID_ALL = not installed yet */
} proa_grant_entry;

/* All the authority knows of one (requester, host) pair. This is what is stored. No secret. */
typedef struct proa_grant {
    uint64_t id;         /* never reused */
    uint32_t generation; /* of the account: changes when keys do */
    proa_grant_state state;
    char requester[PROA_ENDPOINT_MAX + 1];
    char host[PROA_ENDPOINT_MAX + 1];
    char rule[48];
    proa_peer_security security;                   /* DTLS or OSCORE */
    uint8_t identity[PROA_GRANT_IDENTITY_LEN];     /* key id on both devices (11000/x/3) */
    uint8_t old_identity[PROA_GRANT_IDENTITY_LEN]; /* of the key it takes over from, which may
                                                            * still be there; zeros = none */
    uint8_t requester_sender_id[PROA_GRANT_SENDER_ID_LEN]; /* OSCORE; the host's Recipient ID */
    uint8_t host_sender_id[PROA_GRANT_SENDER_ID_LEN];
    uint16_t requester_short_id; /* how the host calls the requester */
    uint16_t host_short_id;      /* how the requester calls the host */
    uint16_t host_security;      /* instance of 11000 on the host; PROA_ID_ALL = none yet */
    uint16_t host_client;        /* instance of 11001 on the host */
    uint16_t requester_security; /* instance of 11000 on the requester */
    uint16_t requester_client;   /* instance of 11001 on the requester */
    proa_grant_entry entries[PROA_AC_ENTRIES_MAX];
    uint8_t entry_count;
    uint32_t lifetime_s;
    int64_t granted_unix_s; /* wall clock, for people and for restarts */
    int64_t expires_unix_s;
    bool revoke_on_deregister;
    bool host_cleared; /* REVOKING: the host has confirmed */
    bool requester_cleared;
    uint32_t uses; /* as the host last reported */
    int64_t last_use_unix_s;
} proa_grant;

/* A standing refusal, made by a revoke and ended only by an explicit allow. */
typedef struct proa_override {
    char requester[PROA_ENDPOINT_MAX + 1];
    char host[PROA_ENDPOINT_MAX + 1];
    proa_path path; /* depth 0 = everything */
    int64_t since_unix_s;
} proa_override;

typedef struct proa_authority_config {
    proa_random random;
    proa_memory memory;
    uint32_t device_max;
    uint32_t grant_max;
    uint32_t override_max;
    uint32_t host_queue_max; /* /ac requests waiting per host: 4; one more: 5.03 busy */
    uint32_t ac_per_minute;  /* token bucket per requester: 30; more: 4.29 with Max-Age */
    uint32_t deadline_ms;    /* one /ac from arrival to answer, and one operation: 55000 */
    uint32_t work_ms;        /* one provisioning, waiting for its turn, and again at work: 300000.
                                An account that is not used removes itself after 600 s */
    uint32_t retry_ms; /* revocation of a device that did not answer: 30000, doubling to 1 h */
    bool loopback_ok;  /* host addresses on loopback may be handed out (both on it) */
} proa_authority_config;

proa_authority_config proa_authority_config_default(proa_random random, proa_memory memory);

typedef struct proa_authority proa_authority;

PROA_CHECK proa_err proa_authority_open(proa_authority **out, const proa_authority_config *config);
void proa_authority_close(proa_authority *a);

/* ---- told ------------------------------------------------------------------------------- */

/* Before anything else, but after proa_authority_clock: what the store holds, then every
 * registration that was restored (proa_authority_registered), and the policy (borrowed; give a new
 * one at any time: grants it no longer allows are revoked; NULL allows nothing).
 * Returns PROA_OK, PROA_E_EXISTS (a second grant of one pair), PROA_E_RANGE (a host that is its own
 * requester), PROA_E_FULL. */
PROA_CHECK proa_err proa_authority_restore(proa_authority *a, const proa_grant *grant);
PROA_CHECK proa_err proa_authority_restore_override(proa_authority *a, const proa_override *o);
void proa_authority_policy(proa_authority *a, uint64_t now_ms, const proa_policy *policy);

/* Wall clock, seconds since 1970: what expiries in records are measured by. Tell it at start and
 * when it jumps; between, it advances with now_ms. */
void proa_authority_clock(proa_authority *a, uint64_t now_ms, int64_t unix_s);

typedef struct proa_device_news {
    proa_span endpoint;
    proa_reg reg;
    bool secured; /* registered over a protected session */
    bool queue_mode;
    proa_addr addr;
    proa_span links; /* link-format */
} proa_device_news;

void proa_authority_registered(proa_authority *a, uint64_t now_ms, const proa_device_news *news);
void proa_authority_updated(proa_authority *a, uint64_t now_ms, const proa_device_news *news);
void proa_authority_gone(proa_authority *a, uint64_t now_ms, proa_span endpoint, proa_reg reg,
                         bool by_itself);

/* A request on /ac. Everything about its form is judged here.
 * ticket   the caller's name for it; comes back in ANSWER, exactly once.
 * endpoint, reg, secured  of the authenticated sender; endpoint empty if it is not registered. */
void proa_authority_ac(proa_authority *a, uint64_t now_ms, uint64_t ticket, proa_span endpoint,
                       proa_reg reg, bool secured, const proa_coap_msg *msg);

/* The result of an OPERATE action. `created` as in proa_server_event. */
void proa_authority_done(proa_authority *a, uint64_t now_ms, uint64_t ticket, proa_op_result result,
                         uint8_t code, uint16_t format, proa_span payload,
                         const proa_path *created);

/* The result of a STORE action: what waited for it goes on, or is given up. */
void proa_authority_stored(proa_authority *a, uint64_t now_ms, uint64_t ticket, bool ok);

/* An operator revokes what `requester` may do on `host` below `path` (depth 0: everything; rights
 * are about instances, so a resource stands for its instance): a standing refusal is stored first,
 * and holds even if that fails. Returns PROA_OK (also when there was no grant: the refusal stands),
 * PROA_E_FULL, PROA_E_RANGE (no endpoint name). *effective_by_unix_s: when the last right ends at
 * the latest. */
PROA_CHECK proa_err proa_authority_revoke(proa_authority *a, uint64_t now_ms, proa_span requester,
                                          proa_span host, const proa_path *path,
                                          int64_t *effective_by_unix_s);

/* End a standing refusal. PROA_E_NOT_FOUND if there is none. */
PROA_CHECK proa_err proa_authority_allow(proa_authority *a, uint64_t now_ms, proa_span requester,
                                         proa_span host, const proa_path *path);

/* ---- asked for -------------------------------------------------------------------------- */

typedef enum proa_action_kind {
    PROA_ACTION_ANSWER = 1,      /* answer /ac `ticket` with code, max_age_s, reason */
    PROA_ACTION_OPERATE,         /* run op on device reg; tell proa_authority_done(ticket) */
    PROA_ACTION_STORE,           /* store *grant durably; tell proa_authority_stored(ticket) */
    PROA_ACTION_FORGET,          /* remove the record of grant->id (no answer awaited) */
    PROA_ACTION_STORE_OVERRIDE,  /* store *override; tell proa_authority_stored(ticket) */
    PROA_ACTION_FORGET_OVERRIDE, /* remove it */
    PROA_ACTION_AUDIT            /* note */
} proa_action_kind;

typedef enum proa_audit_kind {
    PROA_AUDIT_ASKED = 1,
    PROA_AUDIT_GRANTED,
    PROA_AUDIT_RENEWED,
    PROA_AUDIT_DENIED,
    PROA_AUDIT_FAILED,    /* allowed, but provisioning did not succeed; rolled back */
    PROA_AUDIT_REVOKED,   /* decided */
    PROA_AUDIT_ENDED,     /* gone from both devices, or expired */
    PROA_AUDIT_ALLOWED,   /* a standing refusal was lifted */
    PROA_AUDIT_RECONCILED /* an orphan removed or a lost account replaced at registration */
} proa_audit_kind;

const char *proa_audit_kind_name(proa_audit_kind kind);

typedef struct proa_action {
    proa_action_kind kind;
    uint64_t ticket;
    /* ANSWER */
    uint8_t code;
    uint32_t max_age_s; /* 0 = none */
    uint8_t reason;     /* proa_ac_why; the payload is {1: reason}, none for 0 */
    /* OPERATE: spans valid until the next call */
    proa_reg reg;
    proa_span endpoint;
    proa_operation op;
    proa_path path;
    uint16_t format;
    proa_span payload;
    uint32_t timeout_ms;
    /* STORE, FORGET, AUDIT (NULL if it concerns no grant) */
    const proa_grant *grant;
    const proa_override *override;
    /* AUDIT */
    proa_audit_kind audit;
    proa_span requester;
    proa_span host;
    proa_path audit_path;
    uint8_t rights;
    proa_span rule; /* name of the deciding rule, or why not */
} proa_action;

/* One action; false when there is none. Runs what is due. What `action` points to, the payload of
 * an OPERATE above all, is gone with the next call of any function here: it may hold a key. Any
 * function may be called between two polls, also with the result of the action just taken. */
bool proa_authority_poll(proa_authority *a, uint64_t now_ms, proa_action *action);
uint64_t proa_authority_next_ms(const proa_authority *a);

/* ---- looking ---------------------------------------------------------------------------- */

/* Walk grants and standing refusals: *cursor = 0 to start; NULL at the end. */
const proa_grant *proa_authority_grant(const proa_authority *a, uint32_t *cursor);
const proa_override *proa_authority_override(const proa_authority *a, uint32_t *cursor);

typedef struct proa_authority_stats {
    uint64_t asked, granted, renewed, denied, failed, rate_limited, revoked, reconciled;
    uint64_t lost; /* notes and devices for which there was no place */
    uint32_t devices, grants, active, revoking, waiting;
} proa_authority_stats;

proa_authority_stats proa_authority_stats_get(const proa_authority *a);

#endif
