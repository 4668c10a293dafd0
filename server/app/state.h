/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROA_SERVER_APP_STATE_H
#define PROA_SERVER_APP_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/heap.h"
#include "core/base/map.h"
#include "core/base/pool.h"
#include "core/c2c/ac_body.h"
#include "core/c2c/account_body.h"
#include "proa/limits.h"
#include "proa/payload.h"
#include "server/app/authority.h"

/* The inside of the authority, for its own files.
 *
 *   authority.c  doors, notes to the caller, timers, the clock
 *   devices.c    who is registered, short ids, what a device lists
 *   grants.c     records of grants, and which accounts and rights follow from them
 *   jobs.c       one thing at a time per device; the runner of step tables
 *   ac.c         judging POST /ac
 *   provision.c  making or changing a grant on both devices: kinds, terms, failures
 *   provision_steps.c  the steps of that
 *   sync.c       steps that make one device hold exactly what the grants say
 *   rights.c     the plan that turns a device's 11002 into what it should be
 *   roll.c       a new key beside the one in use
 *   wire.c       TLV of 11000, 11001 and 11002
 *   revoke.c     standing refusals, policy changes, expiry: how a grant ends
 *
 * Two things only are ever done to devices. A provisioning touches a requester and a host and moves
 * forward; whatever goes wrong, a sync of each device that was touched puts things right by reading
 * what is there. So rolling back, revoking, repairing after a restart and removing orphans are one
 * piece of code, and none of it trusts an instance number it has not just read. */

typedef struct proa__device proa__device;
typedef struct proa__record proa__record;
typedef struct proa__job proa__job;

enum { PROA__HOST = 0, PROA__REQUESTER = 1 };

/* Accounts of others on a device that are remembered, so that their ids are not taken. */
#define PROA__FOREIGN_MAX 16
/* Entries of one access control list: a device has no more peers than fit one read of 11001. */
#define PROA__ACL_MAX 64
/* Corrections and deletions of one pass; what does not fit is done by the next pass. */
#define PROA__FIXES_MAX 8
#define PROA__DELETES_MAX 16
/* Syncs at a time: after a restart all devices want one, and each holds memory and answers. */
#define PROA__SYNCS_MAX 64
/* New identities or short ids tried when a device refuses one. */
#define PROA__TRIES_MAX 3
/* Bytes of one payload of ours: the longest is 11000 with a URI, or a full list. */
#define PROA__OUT_MAX 640
/* Notes not yet taken by the caller. A turn of a loaded server has some thousand. */
#define PROA__NOTES_MAX 65535U

/* ---- timers ----------------------------------------------------------------------------- */

enum { PROA__ALARM_GRANT = 1, PROA__ALARM_JOB, PROA__ALARM_DEVICE, PROA__ALARM_OVERRIDE };

typedef struct proa__alarm {
    proa_timer timer; /* first, so that a timer is its alarm */
    uint8_t kind;
} proa__alarm;

/* ---- what is known ---------------------------------------------------------------------- */

typedef struct proa__foreign {
    uint16_t object; /* 11000 or 11001 */
    uint16_t instance;
    uint16_t short_id;
} proa__foreign;

/* A device: registered, or part of a grant, or of work under way. */
struct proa__device {
    proa_handle handle;
    char endpoint[PROA_ENDPOINT_MAX + 1];
    proa_reg reg; /* 0 = not registered */
    bool secured;
    bool queue_mode;
    bool has_oscore; /* lists object 21 */
    bool is_compact; /* lists 11000 as version 1.1: takes an account in one message */
    bool has_firsts; /* as version 1.2: and a first session with it */
    proa_addr addr;
    proa__record *grants[2]; /* as host, as requester: lists through proa__record.next */
    proa__job *head;         /* jobs that need this device, first come first served */
    proa__job *tail;
    proa__job *ask;     /* the /ac of this requester that is waiting or at work */
    proa__job *dormant; /* jobs that wait until this host wakes up; through proa__job.ready_next */
    uint64_t heard_ms;  /* when it last sent anything that we know of */
    /* sync */
    proa__job *sync;
    proa__device *sync_next;
    bool sync_wanted;
    bool sync_listed;      /* waits for one of PROA__SYNCS_MAX places */
    bool lost_means_ended; /* what is missing was removed by the device itself, not by a reset */
    bool verified;         /* synced since we know it */
    proa__alarm alarm;     /* sync again */
    uint32_t backoff_ms;
    /* token bucket of /ac, in thousandths */
    uint32_t tokens;
    uint64_t tokens_at_ms;
    proa__foreign foreign[PROA__FOREIGN_MAX];
    uint8_t foreign_count;
    bool foreign_more; /* there are others that found no place here */
};

/* Keys of one account on one device. Two of them stand there while a new one takes over. */
enum { PROA__KEY_NEW = 1, PROA__KEY_OLD = 2 };

struct proa__record {
    proa_handle handle;
    proa_grant g;
    proa__device *device[2];
    proa__record *next[2];
    proa__alarm alarm;    /* expires, or may be forgotten although a device did not answer */
    proa__job *job;       /* the provisioning at work on it */
    bool was_active;      /* somebody was told of it: its end is worth a note */
    bool interrupted;     /* half made when the server died, and the audit does not know */
    bool lost;            /* ACTIVE, but one device no longer has the account */
    bool clean[2];        /* lost: that device holds nothing of it any more */
    bool rights_unsure;   /* the host may hold other rights than `entries` */
    bool uri_stale;       /* the requester holds another URI than it should (seen by a sync) */
    uint8_t seen[2];      /* by the newest sync on that side: PROA__KEY_NEW, PROA__KEY_OLD */
    bool key_unsure;      /* which keys stand where is to be found out by syncs (roll.c) */
    bool counted[2];      /* that sync began after this had to go */
    uint64_t retry_at_ms; /* lost: not installed again before */
    uint64_t untold_ms;   /* it became ACTIVE, and whoever asked had been answered; 0: was told */
    bool ending;          /* ends as soon as the job at work on it has stopped */
    const char *why;      /* of its end */
};

typedef struct proa__override {
    proa_handle handle;
    proa_override o;
    bool waits; /* grants follow when it is stored */
    bool stored;
    proa__alarm alarm; /* store again */
} proa__override;

/* ---- work ------------------------------------------------------------------------------- */

typedef struct proa__acl {
    uint16_t short_id;
    uint8_t rights;
} proa__acl;

/* One correction of object 11002 on a host. */
typedef struct proa__fix {
    bool create;
    uint16_t instance; /* of 11002, unless create */
    uint16_t object;
    uint16_t target; /* instance of object, or PROA_ID_ALL */
    uint8_t count;   /* 0 = delete */
    proa__acl acl[PROA__ACL_MAX];
} proa__fix;

typedef struct proa__answer {
    proa_op_result result;
    uint8_t code;
    uint16_t format;
    proa_span payload;
    proa_path created;
} proa__answer;

typedef struct proa__request {
    proa_operation op;
    proa_path path;
    uint16_t format; /* of the payload, or of the answer wanted; TLV unless a step says otherwise */
    proa_writer *w;  /* payload */
} proa__request;

typedef enum proa__verdict {
    PROA__STEP_NEXT = 1,
    PROA__STEP_SAME,  /* again, if it is still wanted */
    PROA__STEP_JUMP,  /* job->step was set */
    PROA__STEP_AGAIN, /* from the beginning, behind everything that waits */
    PROA__STEP_STOP   /* job->fail was set */
} proa__verdict;

/* One line of a step table: an operation on one of the job's devices, or (store) a record that must
 * be on disk before the next step; then `ask`, if there is one, prepares the record. */
typedef struct proa__step {
    uint8_t side; /* index into job->device */
    bool store;
    bool (*wanted)(const proa__job *job);
    void (*ask)(proa_authority *a, uint64_t now_ms, proa__job *job, proa__request *request);
    proa__verdict (*take)(proa_authority *a, uint64_t now_ms, proa__job *job,
                          const proa__answer *answer);
} proa__step;

typedef struct proa__plan {
    const proa__step *steps;
    uint8_t step_count;
    bool (*begin)(proa_authority *a, uint64_t now_ms, proa__job *job); /* false: job is over, or
                                                                          waits again */
    void (*finish)(proa_authority *a, uint64_t now_ms, proa__job *job);
    void (*stop)(proa_authority *a, uint64_t now_ms, proa__job *job);
} proa__plan;

typedef struct proa__fail {
    uint8_t code; /* of the answer to /ac; 0 = nothing failed */
    uint8_t reason;
    uint32_t max_age_s;
    const char *why;
} proa__fail;

typedef enum proa__mode {
    PROA__FRESH = 1, /* a new account with a new key on both devices */
    PROA__REUSE,     /* the account of the grant in the other direction */
    PROA__RENEW,     /* the grant is there: lifetime and rights */
    PROA__ADOPT      /* an account that somebody else made: rights only */
} proa__mode;

struct proa__job {
    proa_handle handle;
    const proa__plan *plan;
    proa__device *device[2]; /* a provisioning: host, requester; a sync: the device */
    proa_reg reg[2];         /* as it was at the beginning: another one means start over */
    uint8_t device_count;
    proa__job *next[2]; /* behind it at that device */
    proa__job *ready_next;
    bool ready;
    bool dormant;
    bool started;
    bool overtaken; /* by a sync, once */
    bool begun;
    uint8_t step;
    bool waits_op;
    bool waits_store;
    uint32_t seq;       /* of what it waits for */
    uint64_t op_end_ms; /* that operation's */
    proa__alarm alarm;
    uint64_t asked_ms;  /* the newest question for it came, or nobody asked and this made it */
    uint64_t answer_ms; /* who asks is told by then, and it goes on */
    uint64_t end_ms;    /* it is given up; 0: never, a sync */
    proa__fail fail;
    bool touched[2];

    /* provisioning */
    bool asked; /* ticket is to be answered */
    uint64_t ticket;
    bool credentials; /* `c` */
    bool reinstall;   /* nobody asked: a lost account comes back */
    bool waited;      /* let the devices be synced once before */
    proa_ac_body body;
    proa__record *grant;
    proa__mode mode;
    bool extend;    /* write the account's lifetime */
    bool rekey;     /* the key on the host is refused by the requester: replace it */
    bool roll;      /* RENEW: the account gets a new key beside the one it has */
    bool rolled[2]; /* that side has it */
    bool known[2];  /* the account was seen on that side */
    bool uri_fine;
    uint8_t tries;
    uint8_t key[PROA_GRANT_KEY_LEN];
    uint8_t salt[PROA_GRANT_SALT_LEN];
    bool host_awaits;    /* the host has it with a first session */
    uint16_t context[2]; /* instance of 21 that the key of that side is to link to */
    proa_grant_entry before[PROA_AC_ENTRIES_MAX]; /* RENEW: what to go back to */
    uint8_t before_count;

    /* rights of the host */
    bool read_access;
    bool access_known; /* read once in this job */
    uint8_t reads;
    proa__fix fixes[PROA__FIXES_MAX];
    uint8_t fix_count;
    uint8_t fix_at;
    bool fixes_more;

    /* sync */
    uint16_t deletes[2][PROA__DELETES_MAX]; /* of 11000, of 11001 */
    uint8_t delete_count[2];
    uint8_t delete_at[2];
    bool deletes_more;
    bool repaired;
};

typedef struct proa__note proa__note;

struct proa_authority {
    proa_authority_config config;
    const proa_policy *policy;
    uint64_t clock_ms; /* when clock_unix_s was told */
    int64_t clock_unix_s;
    uint64_t last_id;
    uint32_t seq;
    proa_pool devices;
    proa_pool grants;
    proa_pool overrides;
    proa_pool jobs;
    proa_pool notes;
    proa_map by_endpoint;
    proa_heap heap;
    proa__note *note_head;
    proa__note *note_tail;
    proa__note *shown; /* what the caller looks at */
    proa__job *ready_head;
    proa__job *ready_tail;
    proa__device *sync_head; /* waiting for a place */
    proa__device *sync_tail;
    uint32_t syncs;
    bool sweeping; /* a new policy is being applied, one grant at a time */
    uint32_t sweep_cursor;
    uint8_t out[PROA__OUT_MAX];
    size_t out_len; /* to be wiped at the next call */
    proa_authority_stats stats;
};

/* ---- authority.c: notes, timers, clock -------------------------------------------------- */

int64_t proa__unix_s(const proa_authority *a, uint64_t now_ms);
void proa__alarm_set(proa_authority *a, proa__alarm *alarm, uint8_t kind, uint64_t at_ms);
void proa__alarm_clear(proa_authority *a, proa__alarm *alarm);

void proa__note_answer(proa_authority *a, uint64_t ticket, uint8_t code, uint32_t max_age_s,
                       uint8_t reason);

/* False if it could not be noted (no memory): the same as a store that failed. */
bool proa__note_store(proa_authority *a, uint64_t ticket, const proa_grant *grant);
bool proa__note_store_override(proa_authority *a, uint64_t ticket, const proa_override *o);
void proa__note_forget(proa_authority *a, const proa_grant *grant);
void proa__note_forget_override(proa_authority *a, const proa_override *o);

/* One audit line. grant and entry may be NULL. */
void proa__note_audit(proa_authority *a, proa_audit_kind kind, proa_span requester, proa_span host,
                      const proa_grant *grant, const proa_ac_entry *entry, proa_span rule);

/* A line for each entry of a grant. */
void proa__note_grant(proa_authority *a, proa_audit_kind kind, const proa_grant *grant,
                      proa_span rule);

/* A ticket that comes back: for a job (op or store), for a grant or for an override. */
enum { PROA__TICKET_JOB = 0, PROA__TICKET_GRANT, PROA__TICKET_OVERRIDE };
uint64_t proa__ticket(uint8_t kind, uint32_t seq, proa_handle handle);

/* ---- devices.c -------------------------------------------------------------------------- */

proa__device *proa__device_find(const proa_authority *a, proa_span endpoint);

/* Find or make. NULL if the table is full. */
proa__device *proa__device_take(proa_authority *a, proa_span endpoint);

/* Forget it if nothing holds it. */
void proa__device_settle(proa_authority *a, proa__device *device);

/* A free short id on `device`, 1..65534; 0 if there is none. */
uint16_t proa__device_short_id(const proa__device *device);
void proa__device_add_foreign(proa__device *device, uint16_t object, uint16_t instance,
                              uint16_t short_id);

/* Look at what a device lists. True if what there is of 11000, 11001 and 11002 is what the grants
 * say. *any: lists some of it at all. Notes whether it has object 21, and which version of 11000. */
bool proa__device_lists_right(proa__device *device, proa_span links, bool *any);

/* True if a grant with `entry_count` entries between the two fits: tables of a device must fit one
 * read (PROA_BODY_MAX). */
bool proa__device_has_room(const proa__device *device, const proa__device *peer, bool new_account,
                           uint8_t entry_count);

/* Where the requester reaches the host; PROA_E_NOT_FOUND if they have no network in common. */
PROA_CHECK proa_err proa__device_address(const proa_authority *a, const proa__device *host,
                                         const proa__device *requester, proa_addr *out);

/* How the requester should reach the host: PROA_OK and coaps://... (coap://... for OSCORE) in w;
 * PROA_E_NOT_FOUND if they have no network in common. */
PROA_CHECK proa_err proa__device_uri(const proa_authority *a, const proa__device *host,
                                     const proa__device *requester, proa_peer_security security,
                                     proa_writer *w);

/* What AUTO means for these two. */
proa_peer_security proa__device_security(const proa__device *host, const proa__device *requester,
                                         proa_peer_security wanted);

/* ---- grants.c --------------------------------------------------------------------------- */

proa__record *proa__grant_find(const proa__device *requester, const proa__device *host);
proa__record *proa__grant_reverse(const proa__record *grant);

/* A new record between the two, INTENDED, linked in; NULL if full. */
proa__record *proa__grant_take(proa_authority *a, uint64_t now_ms, proa__device *host,
                               proa__device *requester);
void proa__grant_give(proa_authority *a, proa__record *grant);

/* True if its account and rights should be on the devices. */
bool proa__grant_is_live(const proa__record *grant);

/* True if the account is somebody else's: only rights are ours. */
bool proa__grant_is_adopted(const proa__record *grant);

/* On which side of the grant the device is. */
uint8_t proa__grant_side(const proa__record *grant, const proa__device *device);

/* The short id of the peer on that side, and the peer. */
uint16_t proa__grant_short_id(const proa__record *grant, uint8_t side);
proa__device *proa__grant_peer(const proa__record *grant, uint8_t side);

/* True if the account has two keys: one takes over from the other. */
bool proa__grant_rolls(const proa__record *grant);

/* Which key of the account this is: PROA__KEY_NEW, PROA__KEY_OLD, 0 = none of them. */
uint8_t proa__grant_which_key(const proa__record *grant, proa_span identity);

/* Take over the account of the grant in the other direction. */
void proa__grant_mirror(proa_grant *g, const proa_grant *reverse);

/* The account of `grant` changed: so did that of the grant in the other direction, if it stands on
 * the same. Stores that one. */
void proa__grant_share_account(proa_authority *a, proa__record *grant);

/* The grant of `device` (either role) whose account has this identity; live ones first. */
proa__record *proa__grant_by_identity(const proa__device *device, proa_span identity);

/* The live grant of `device` (either role) with a peer, if its account is ours. */
proa__record *proa__grant_by_client(const proa__device *device, uint16_t short_id,
                                    proa_span endpoint);

/* Which entry is about exactly this target; entry_count: none. */
uint8_t proa__grant_entry_at(const proa_grant *g, uint16_t object, uint16_t target);

/* What `short_id` should be allowed on the host for exactly this target. */
uint8_t proa__grant_rights(const proa__device *host, uint16_t short_id, uint16_t object,
                           uint16_t target);

/* True if this short id belongs to any grant of the host. */
bool proa__grant_owns_short_id(const proa__device *host, uint16_t short_id);

/* Until when the account lives: the later of both directions. */
int64_t proa__grant_account_end(const proa__record *grant);

void proa__grant_new_identity(proa_authority *a, proa_grant *g);

/* Sender IDs that no other grant of either device has, and that differ from each other: with equal
 * ones both sides would encrypt under one key (RFC 8613 §3.3). False if none was found. */
bool proa__grant_new_sender_ids(proa_authority *a, proa__record *grant);
bool proa__identity_is_ours(proa_span identity);

/* Store without waiting. */
void proa__grant_store(proa_authority *a, proa__record *grant);
void proa__grant_arm(proa_authority *a, uint64_t now_ms, proa__record *grant);

/* ---- jobs.c ----------------------------------------------------------------------------- */

proa__job *proa__job_take(proa_authority *a, const proa__plan *plan, proa__device *first,
                          proa__device *second);
void proa__job_enqueue(proa_authority *a, proa__job *job);

/* It is wanted now: its times begin, or begin anew. */
void proa__job_wanted(proa_authority *a, uint64_t now_ms, proa__job *job);

/* It is at work: from now on that has its own time. */
void proa__job_works(proa_authority *a, uint64_t now_ms, proa__job *job);

/* Time to answer who asks, or to give up. */
void proa__job_alarm(proa_authority *a, uint64_t now_ms, proa__job *job);

/* Wait until the host is heard of; `wake` enqueues what waited for it. */
void proa__job_sleep(proa_authority *a, uint64_t now_ms, proa__job *job);
void proa__job_wake(proa_authority *a, uint64_t now_ms, proa__device *host);

/* Out of the queues and behind everything that waits now. */
void proa__job_again(proa_authority *a, proa__job *job);

/* Over: out of the queues, wiped. */
void proa__job_end(proa_authority *a, proa__job *job);
void proa__job_ready(proa_authority *a, proa__job *job);
proa__job *proa__job_next_ready(proa_authority *a);

/* Go on until an operation is to be asked for (true, *action) or there is nothing to do now. */
bool proa__job_run(proa_authority *a, uint64_t now_ms, proa__job *job, proa_action *action);
void proa__job_answered(proa_authority *a, uint64_t now_ms, proa__job *job,
                        const proa__answer *answer);
void proa__job_stored(proa_authority *a, uint64_t now_ms, proa__job *job, bool ok);

/* Stop as soon as nothing is outstanding. The first reason stays. */
void proa__job_fail(proa_authority *a, proa__job *job, const proa__fail *fail);

bool proa__answer_ok(const proa__answer *answer);
bool proa__answer_missing(const proa__answer *answer); /* 4.04 */
proa__verdict proa__step_failed(proa__job *job, const proa__answer *answer);

/* ---- ac.c ------------------------------------------------------------------------------- */

typedef struct proa__judgement {
    bool allowed;
    uint32_t lifetime_s;
    proa_peer_security security;
    bool revoke_on_deregister;
    proa_span rule; /* that decided, or why not; borrows the policy */
    proa_ac_body granted;
    proa_ac_entry decisive; /* the entry that was denied */
} proa__judgement;

/* What a request on /ac asks for. */
typedef struct proa__wish {
    proa_span host; /* borrows the message */
    bool credentials;
    proa_ac_body body;
} proa__wish;

/* Judge the form of a request: 0, or the code of the answer. */
uint8_t proa__ac_read(const proa_coap_msg *msg, proa__wish *wish);

/* What policy and standing refusals say. `out` is filled in either case. */
void proa__judge(const proa_authority *a, proa_span requester, proa_span host,
                 const proa_ac_body *body, proa__judgement *out);

/* Answer what asked for this job, once. */
void proa__job_answer(proa_authority *a, proa__job *job, uint8_t code, uint32_t max_age_s,
                      uint8_t reason);

/* ---- provision.c, sync.c ---------------------------------------------------------------- */

#define PROA__PROVISION_STEPS 21
extern const proa__step proa__provision_steps[PROA__PROVISION_STEPS];
extern const proa__plan proa__provision_plan;
extern const proa__plan proa__sync_plan;

/* What the audit calls a job that comes to its good end. */
proa_audit_kind proa__job_audit(const proa__job *job);

/* True if the device on that side gets the account of this job in one message. */
bool proa__job_is_compact(const proa__job *job, uint8_t side);

/* True if the grant stands on an account that we made before this job. */
bool proa__job_has_account(const proa__job *job);

/* Draw identity, key and, for OSCORE, all that makes a context. False: no Sender IDs are left. */
bool proa__job_new_key(proa_authority *a, proa__job *job);

/* Install a lost grant again, if both are there. */
void proa__reinstall(proa_authority *a, uint64_t now_ms, proa__record *grant);

/* Make the device hold what the grants say: when there is a place, or at once. */
void proa__sync_want(proa_authority *a, proa__device *device);
void proa__sync_now(proa_authority *a, proa__device *device);
void proa__sync_start_waiting(proa_authority *a);

/* ---- roll.c ----------------------------------------------------------------------------- */

/* True if the account of `grant` should get another key with this renewal; before its terms are
 * set. */
bool proa__roll_is_due(const proa_authority *a, uint64_t now_ms, const proa__job *job,
                       const proa__record *grant);

/* Draw it: sets job->roll, if it can be done. The grant is stored next. */
void proa__roll_begin(proa_authority *a, proa__job *job);

/* Both devices have it. */
void proa__roll_end(proa_authority *a, proa__record *grant);

/* A device has no room for it: go on without. */
void proa__roll_give_up(proa_authority *a, proa__job *job);

/* The job that was at it failed: the next syncs tell how far it came. */
void proa__roll_failed(proa_authority *a, proa__record *grant);

/* A sync of one of its devices came to its end. */
void proa__roll_settle(proa_authority *a, proa__record *grant);

/* ---- rights.c --------------------------------------------------------------------------- */

/* Plan from what the host answered to a read of /11002. `keep_unknown`: entries of short ids that
 * belong to nobody we know stay. False if the answer cannot be understood. */
bool proa__rights_plan(proa__job *job, proa__device *host, const proa__answer *answer,
                       bool keep_unknown);

/* Plan without reading: one Create for each entry of the grant. */
void proa__rights_plan_blind(proa__job *job, const proa__record *grant);

/* The request for, and the result of, job->fixes[job->fix_at]. */
void proa__rights_ask(proa__job *job, proa__request *request);
void proa__rights_done(proa__job *job, proa__device *host, const proa__answer *answer);

/* True if another live grant of the host speaks about a target of this one. */
bool proa__rights_shared(const proa__record *grant);

/* ---- wire.c ----------------------------------------------------------------------------- */

typedef struct proa__row {
    uint16_t instance;
    uint16_t short_id;
    uint8_t identity[PROA_PSK_IDENTITY_MAX];
    uint8_t identity_len;
    uint8_t uri[PROA_URI_MAX];
    uint8_t uri_len;
    uint8_t endpoint[PROA_ENDPOINT_MAX];
    uint8_t endpoint_len;
    bool has_uses;
    uint32_t uses;
    int64_t last_use_s_ago; /* -1 = never */
    uint16_t object;
    uint16_t target;
    proa__acl acl[PROA__ACL_MAX];
    uint8_t acl_count;
} proa__row;

typedef struct proa__rows {
    proa_payload_reader reader;
    proa_record ahead;
    bool has_ahead;
    bool bad;
} proa__rows;

/* Read what a device answered for one of the three objects (or an instance of it), instance by
 * instance. 4.04 is an object without instances. False if it is no answer at all. */
bool proa__rows_begin(proa__rows *rows, const proa_path *base, const proa__answer *answer);
bool proa__rows_next(proa__rows *rows, proa__row *row);
bool proa__rows_ok(const proa__rows *rows);

void proa__wire_client(proa_writer *w, uint16_t short_id, uint32_t lifetime_s, proa_span endpoint);

/* An instance of 11000. DTLS: `key` is the PSK. OSCORE: `key` is NULL, `context` the instance of 21
 * that has it. */
void proa__wire_security(proa_writer *w, proa_span uri, const uint8_t *identity, const uint8_t *key,
                         uint16_t context, uint16_t short_id);

/* An instance of 21. */
void proa__wire_context(proa_writer *w, const proa__job *job, const uint8_t *sender_id,
                        const uint8_t *recipient_id);

/* A whole account for that side, with rights if it is the host. `at`: where its peer is; NULL: it is
 * not told. With a first session if the host has it so; the requester has to know where to call. */
void proa__wire_account(proa_writer *w, const proa__job *job, uint8_t side, uint32_t lifetime_s,
                        const proa_addr *at);
void proa__wire_access(proa_writer *w, const proa__fix *fix);
void proa__wire_acl(proa_writer *w, const proa__fix *fix);
void proa__wire_lifetime(proa_writer *w, uint16_t instance, uint32_t lifetime_s);
void proa__wire_uri(proa_writer *w, uint16_t instance, proa_span uri);

/* ---- revoke.c --------------------------------------------------------------------------- */

/* True if a standing refusal speaks about this target. */
bool proa__refused(const proa_authority *a, proa_span requester, proa_span host, uint16_t object,
                   uint16_t target);

/* The grant is to go from both devices. why: for the audit; a string literal. */
void proa__grant_end(proa_authority *a, uint64_t now_ms, proa__record *grant, const char *why);

/* Forget it if both devices are rid of it. True if it is gone. */
bool proa__grant_ended(proa_authority *a, proa__record *grant);

void proa__grant_alarm(proa_authority *a, uint64_t now_ms, proa__record *grant);
void proa__override_alarm(proa_authority *a, uint64_t now_ms, proa__override *o);
void proa__override_stored(proa_authority *a, uint64_t now_ms, proa__override *o, bool ok);

/* Hold a grant against policy and refusals; shrink or end it. */
void proa__grant_recheck(proa_authority *a, uint64_t now_ms, proa__record *grant, const char *why);

/* An operator, the policy or a device that said goodbye has decided: note it and end the grant. */
void proa__grant_revoke(proa_authority *a, uint64_t now_ms, proa__record *grant, const char *why);
void proa__grant_stored(proa_authority *a, proa__record *grant);

#endif
